//! A question: prompt, keys, tries. Both kinds of step that wait for keys, `menu` and `ask`, are this one machine.
//!
//! VoiceXML 2.0 Appendix D, with its names:
//!
//! | what happens | while the prompt is said | after it |
//! |---|---|---|
//! | first key, barge-in on | prompt stops; the key counts | the key counts |
//! | first key, barge-in off, type-ahead on | kept; counts when the prompt has ended | the key counts |
//! | first key, barge-in off, type-ahead off | dropped | the key counts |
//! | `timeout` | – | no-input: its prompt, then the question again |
//! | `interdigittimeout` | – | the entry is evaluated |
//! | `termtimeout` | – | the entry is evaluated; a `#` that comes late is dropped |
//! | a wrong key or entry | as first key | no-match: its prompt, then the question again; keys kept are dropped |
//! | no-inputs = `no-input-tries`, no-matches = `no-match-tries`, or both together = `tries` | | gave up |
//!
//! An entry that ends early, by a first `0` or a key the field has no use for, swallows the keys that follow within a
//! second of each other.
//!
//! Keys kept before the question are its answer, and the prompt is left out; with type-ahead off they are dropped.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::collect::{Answer, Entry, Verdict};
use super::{Dialogue, Mistake, Next, State, Taken};
use crate::facts::{Key, Language, Moment, Secret};
use crate::menu::{Field, Kind, MessageId, Rules, SlotId, Target};
use crate::speech::Line;

/// For so long after an entry has ended without it, a lone `#` still belongs to that entry.
const LATE_TERMINATOR: Duration = Duration::from_secs(3);

/// Keys that follow so closely on one that ended an entry early are the rest of that entry: one who keys a whole
/// number that begins with a wrong `0` must not find themselves led through menus by it.
pub(super) const REST_OF_ENTRY: Duration = Duration::from_secs(1);

/// A question being asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    message: MessageId,
    also_in: Vec<Language>,
    rules: Rules,
    what: What,
    no_inputs: u8,
    no_matches: u8,
}

#[derive(Clone, Debug)]
enum What {
    /// One key of some.
    Choice,
    /// Keys of a field.
    Entry(Entry),
}

impl Question {
    pub(super) fn choice(message: &MessageId, also_in: &[Language], rules: Rules) -> Question {
        let (message, also_in) = (message.clone(), also_in.to_vec());
        Question { message, also_in, rules, what: What::Choice, no_inputs: 0, no_matches: 0 }
    }

    /// `before` is what a field that asks again compares with.
    pub(super) fn entry(message: &MessageId, field: Field, before: Option<Secret<String>>, rules: Rules) -> Question {
        let what = What::Entry(Entry::new(field, before));
        Question { message: message.clone(), also_in: Vec::new(), rules, what, no_inputs: 0, no_matches: 0 }
    }

    /// Whether an entry has begun.
    pub(super) fn is_begun(&self) -> bool {
        matches!(&self.what, What::Entry(entry) if !entry.is_empty())
    }

    /// Hashes what decides how it goes on; its words and rules follow from the step.
    pub(super) fn digest(&self, into: &mut impl Hasher) {
        let entry = match &self.what {
            What::Choice => None,
            What::Entry(entry) => Some(entry.shape()),
        };
        (self.no_inputs, self.no_matches, entry).hash(into);
    }

    fn start_over(&mut self) {
        if let What::Entry(entry) = &mut self.what {
            entry.start_over();
        }
    }

    fn gave_up(&self) -> bool {
        self.no_inputs >= self.rules.no_input_tries
            || self.no_matches >= self.rules.no_match_tries
            || self.no_inputs.saturating_add(self.no_matches) >= self.rules.tries
    }

    /// The line of an attribute, tapered: the second time and after, `-2` where there is one.
    fn tapered(&self, attribute: &str, times: u8) -> Line {
        let message = &self.message;
        let first = format!("{message}.{attribute}");
        if times < 2 {
            return Line::new(&first).or(&format!("common.{attribute}"));
        }
        Line::new(&format!("{first}-2")).or(&first).or(&format!("common.{attribute}-2"))
    }

    /// What is said of a mistake.
    fn correction(&self, mistake: Mistake) -> Vec<Line> {
        let attribute = mistake.attribute();
        if matches!(self.what, What::Choice) || mistake == Mistake::NoMatch {
            return vec![self.tapered(attribute, self.no_matches)];
        }
        let named = Line::new(&format!("{}.{attribute}", self.message)).or(&format!("common.{attribute}"));
        let help = (self.no_matches >= 2 && self.rules.person.is_some())
            .then(|| Line::new(&format!("{}.help", self.message)).or("common.help"));
        std::iter::once(named).chain(help).collect()
    }
}

impl Dialogue {
    /// Asks a question, or answers it with the keys that are already there.
    pub(super) fn ask(&mut self, now: Moment, question: Question) -> Next {
        self.remember(self.step);
        if !question.rules.type_ahead {
            self.ahead.clear();
        }
        self.state = State::Asking(question);
        if self.ahead.is_empty() {
            self.prompt(Vec::new());
            return Next::Stay;
        }
        self.stop_saying();
        self.take_keys_ahead(now)
    }

    pub(super) fn key_while_asking(&mut self, now: Moment, key: Key) -> Next {
        let State::Asking(question) = &self.state else { return Next::Stay };
        if self.saying.is_some() && !question.rules.barge_in {
            if question.rules.type_ahead {
                self.keep(key);
            }
            return Next::Stay;
        }
        self.stop_saying();
        self.take_key(now, key)
    }

    /// The prompt has been heard to its end: keys kept meanwhile count now, else `timeout` begins.
    pub(super) fn prompt_done(&mut self, now: Moment) -> Next {
        let State::Asking(question) = &self.state else { return Next::Stay };
        if self.ahead.is_empty() {
            let rest = question.rules.first_key;
            self.after(now, rest);
            return Next::Stay;
        }
        self.take_keys_ahead(now)
    }

    pub(super) fn question_timed_out(&mut self, now: Moment) -> Next {
        let today = self.caller.today;
        let State::Asking(question) = &mut self.state else { return Next::Stay };
        match &mut question.what {
            What::Entry(entry) if !entry.is_empty() => {
                let verdict = entry.timed_out(today);
                self.late_terminator = Some(now + LATE_TERMINATOR);
                self.judge(now, verdict)
            }
            _ => {
                question.no_inputs = question.no_inputs.saturating_add(1);
                let line = question.tapered("no-input", question.no_inputs);
                self.took(Taken::Silence);
                self.try_again(vec![line], None)
            }
        }
    }

    fn take_keys_ahead(&mut self, now: Moment) -> Next {
        let asked = self.step;
        while let Some(key) = self.ahead.pop_front() {
            match self.take_key(now, key) {
                Next::Stay if self.saying.is_none() && self.step == asked => {}
                next => return next,
            }
        }
        Next::Stay
    }

    fn take_key(&mut self, now: Moment, key: Key) -> Next {
        self.timer = None;
        let today = self.caller.today;
        let State::Asking(question) = &mut self.state else { return Next::Stay };
        match &mut question.what {
            What::Choice => self.choose(now, key),
            What::Entry(entry) => {
                let verdict = entry.key(key, today);
                let ended_early = key != Key::Hash && matches!(verdict, Verdict::Person | Verdict::Wrong(_));
                self.rest_of_entry = ended_early.then(|| now + REST_OF_ENTRY);
                self.judge(now, verdict)
            }
        }
    }

    fn choose(&mut self, now: Moment, key: Key) -> Next {
        let State::Asking(question) = &self.state else { return Next::Stay };
        let person = question.rules.person;
        let chosen = match self.kind() {
            Some(Kind::Menu { choices, .. }) => choices.iter().find(|choice| choice.key == key),
            _ => None,
        };
        let chosen = chosen.map(|choice| choice.target);
        if chosen.is_some() || (key == Key::Digit(0) && person.is_some()) {
            self.took(|step| Taken::Key(step, key));
            if key == Key::Digit(0) {
                self.asked_for_a_person(now);
            }
        }
        match (chosen, key, person) {
            (Some(Target::Repeat), ..) => self.prompt_again(),
            (Some(target), ..) => Next::Go(target),
            (None, Key::Digit(0), Some(person)) => Next::Go(Target::Step(person)),
            _ => self.no_match(Mistake::NoMatch),
        }
    }

    fn judge(&mut self, now: Moment, verdict: Verdict) -> Next {
        let State::Asking(question) = &self.state else { return Next::Stay };
        let rules = question.rules;
        let meaning = match (&verdict, rules.person) {
            (Verdict::Person, Some(_)) => Some(Key::Digit(0)),
            (Verdict::Back, _) => Some(Key::Hash),
            (Verdict::Again, _) => Some(Key::Star),
            (Verdict::Answer(Answer::YesNo(yes)), _) => Some(Key::Digit(if *yes { 1 } else { 2 })),
            _ => None,
        };
        if let Some(key) = meaning {
            self.took(|step| Taken::Key(step, key));
        } else if matches!(verdict, Verdict::Answer(_)) {
            self.took(Taken::Entry);
        }
        match verdict {
            Verdict::More => self.after(now, rules.between_keys),
            Verdict::Full => self.after(now, rules.after_last),
            Verdict::Answer(answer) => return self.accept(answer),
            Verdict::Wrong(mistake) => return self.no_match(mistake),
            Verdict::Person => match rules.person {
                Some(person) => {
                    self.asked_for_a_person(now);
                    return Next::Go(Target::Step(person));
                }
                None => return self.no_match(Mistake::NoMatch),
            },
            Verdict::Back => return Next::Go(Target::Back),
            Verdict::Again => return self.prompt_again(),
        }
        Next::Stay
    }

    fn accept(&mut self, answer: Answer) -> Next {
        let Some(Kind::Ask { store, then, otherwise, .. }) = self.kind() else { return Next::Stay };
        let (store, then, otherwise): (SlotId, Target, Option<Target>) = (*store, *then, *otherwise);
        let no = answer == Answer::YesNo(false);
        if let Some(kept) = self.answers.get_mut(store.0) {
            *kept = Some(answer);
        }
        Next::Go(if no { otherwise.unwrap_or(then) } else { then })
    }

    fn no_match(&mut self, mistake: Mistake) -> Next {
        self.ahead.clear();
        self.took(|step| Taken::Wrong(step, mistake));
        let State::Asking(question) = &mut self.state else { return Next::Stay };
        question.no_matches = question.no_matches.saturating_add(1);
        self.story.wrong_entries = self.story.wrong_entries.saturating_add(1);
        let lines = question.correction(mistake);
        let named = lines.first().filter(|_| mistake != Mistake::NoMatch).cloned();
        self.try_again(lines, named)
    }

    /// Says what was wrong and asks again; or gives up, saying of the last try only what is worth knowing.
    fn try_again(&mut self, lines: Vec<Line>, worth_knowing: Option<Line>) -> Next {
        let State::Asking(question) = &mut self.state else { return Next::Stay };
        question.start_over();
        if question.gave_up() {
            let last = Line::new(&format!("{}.gave-up", question.message)).or("common.gave-up");
            let gave_up = question.rules.gave_up;
            self.ahead.clear();
            self.took(Taken::GaveUp);
            self.first_say = worth_knowing.into_iter().chain([last]).collect();
            return Next::Go(Target::Step(gave_up));
        }
        self.prompt(lines);
        Next::Stay
    }

    /// The caller wants to hear the question again: no try is spent.
    fn prompt_again(&mut self) -> Next {
        if let State::Asking(question) = &mut self.state {
            question.start_over();
        }
        self.prompt(Vec::new());
        Next::Stay
    }

    fn prompt(&mut self, before: Vec<Line>) {
        let State::Asking(question) = &self.state else { return };
        let language = self.language;
        let message = question.message.clone();
        let others: Vec<Language> = question.also_in.iter().copied().filter(|also| *also != language).collect();
        let first = std::mem::take(&mut self.first_say).into_iter().chain(before);
        let mut lines: Vec<(Language, Line)> = first.map(|line| (language, line)).collect();
        lines.push((language, Line::new(&message)));
        lines.extend(others.into_iter().map(|also| (also, Line::new(&message))));
        self.timer = None;
        self.say_in(lines);
    }
}
