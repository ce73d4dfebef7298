//! One call as a state machine: [`Input`] in, [`Output`] out. No I/O, no async, no clock, no randomness.
//!
//! ```no_run
//! # use hotline::{dialogue::*, facts::*};
//! # fn shell(menu: std::sync::Arc<hotline::menu::Menu>, caller: Caller, now: Moment) {
//! let mut call = Dialogue::new(menu, caller);
//! call.handle(now, Input::Answered);
//! while let Some(output) = call.poll_output() { /* Say, StopSaying, LookUp, Transfer, Entered, HangUp */ }
//! let wake = call.poll_timeout(); // the shell's only timer
//! # }
//! ```
//!
//! What a call is doing at any moment is one of these; what is silent has a timer:
//!
//! ```text
//!             Answered
//!   Ringing ------------> +--------------------------------------------------------+
//!                         | Telling     a message is said; a key may cut it short  |--> next step
//!                         | Asking      a prompt is said, or a key is awaited      |--> answer, person, back, gave up
//!                         | LookingUp   the records are asked, within a deadline   |--> reply or unavailable
//!                         | Reading     payments, an item at a time                |--> read, or stopped
//!                         | HandingOver another telephone is dialled, in bounds    |--> busy, unanswered, refused
//!                         +--------------------------------------------------------+
//!                                        | hang-up step, call limit, answered there
//!                                        v
//!                                     Leaving (last words) --> Ended
//! ```
//!
//! Keys pressed while nothing is asked are kept for the next question, at most [`MOST_AHEAD`]; further ones are dropped.

mod collect;
mod disputing;
mod events;
mod handing_over;
mod looking_up;
mod question;
mod read_back;
mod reading;
mod standing;
mod telling;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use crate::facts::{CallId, CallerNumber, Key, Language, Moment, Origin, PersonRef, Secret, Weakness};
use crate::menu::{Field, Kind, Menu, SlotId, Step, StepId, Target};
use crate::speech::{Line, Pace};

use collect::Answer;
pub use collect::MOST_KEYS;
pub use events::{Ending, Input, Mistake, Outcome, Output, Say, SayingId, Story, Transferred};
use handing_over::HandingOver;
use looking_up::LookUp;
use question::Question;
use read_back::ReadBack;
pub use reading::{Shares, Stretch, stretches};
pub use standing::{Answered, Doing, Taken};

/// The most keys kept for questions not yet asked.
pub const MOST_AHEAD: usize = 64;
/// The most steps of a call whose names its story keeps.
pub const MOST_STEPS_TOLD: usize = 256;
/// The most steps taken on one input: a script that goes round without a question ends there.
const MOST_STEPS_AT_ONCE: u32 = 1000;

/// Who calls, as far as the network tells, and when.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The caller's number, where it was not withheld.
    pub number: Option<CallerNumber>,
    /// The name of the trunk that brought the call, where one did.
    pub trunk: Option<Arc<str>>,
    /// The name of the call.
    pub call: CallId,
    /// The date at the hotline when the call began.
    pub today: Date,
}

impl Caller {
    /// Of a call that begins on this day, about whom nothing is known.
    pub const fn unknown(today: Date) -> Caller {
        Caller { number: None, trunk: None, call: CallId::new([0; 16]), today }
    }

    fn origin(&self) -> Origin {
        Origin { caller: self.number.clone(), trunk: self.trunk.clone() }
    }
}

/// One call.
#[derive(Clone)]
pub struct Dialogue {
    menu: Arc<Menu>,
    caller: Caller,
    language: Language,
    pace: Pace,
    state: State,
    /// The step the call is in, once it has begun.
    step: StepId,
    /// When the state's own timer runs out.
    timer: Option<Moment>,
    /// When the call has lasted as long as a call may.
    limit: Option<Moment>,
    answered: Moment,
    outputs: VecDeque<Output>,
    /// What is being said, if anything.
    saying: Option<SayingId>,
    sayings: u64,
    /// Keys for questions not yet asked.
    ahead: VecDeque<Key>,
    /// Until when a lone `#` is the late terminator of the entry before, and dropped.
    late_terminator: Option<Moment>,
    /// Until when a key is the rest of an entry that has come to its end early, and dropped.
    rest_of_entry: Option<Moment>,
    /// Questions that `@back` leads to; the last is the one being asked. None twice, so never more than there are steps.
    history: Vec<StepId>,
    answers: Vec<Option<Answer>>,
    verified: Option<PersonRef>,
    /// Whose password is right and must be changed before it is of use.
    must_change: Option<PersonRef>,
    /// Why the last new password was refused, for the step that speaks of it.
    weakness: Option<Weakness>,
    /// How long the last lock still lasted, for the step that speaks of it.
    locked_minutes: Option<u32>,
    /// Said before the next prompt.
    first_say: Vec<Line>,
    story: Story,
    /// What has been taken, where somebody asks for that.
    notes: Option<Vec<Taken>>,
}

#[derive(Clone, Debug)]
enum State {
    Ringing,
    Telling { skippable: bool, lines: Vec<Line>, result: bool },
    Asking(Question),
    LookingUp(LookUp),
    Reading(ReadBack),
    HandingOver(HandingOver),
    Leaving(Ending),
    Ended,
}

/// Where it stands, and nothing that was keyed or looked up.
impl std::fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Dialogue");
        shown
            .field("step", &self.step)
            .field("doing", &self.doing())
            .field("story", &self.story)
            .finish_non_exhaustive()
    }
}

/// What a state does next, so that one loop takes all the steps.
enum Next {
    /// Nothing more until the next input.
    Stay,
    /// Go to a target.
    Go(Target),
}

impl Dialogue {
    /// A call that rings. Its clock starts with [`Input::Answered`].
    pub fn new(menu: Arc<Menu>, caller: Caller) -> Dialogue {
        let language = menu.languages.first().copied().unwrap_or(Language::ZhCn);
        Dialogue {
            caller,
            language,
            pace: Pace::Normal,
            state: State::Ringing,
            step: menu.start,
            timer: None,
            limit: None,
            answered: Moment::ZERO,
            outputs: VecDeque::new(),
            saying: None,
            sayings: 0,
            ahead: VecDeque::new(),
            late_terminator: None,
            rest_of_entry: None,
            history: Vec::new(),
            answers: vec![None; menu.slots.len()],
            verified: None,
            must_change: None,
            weakness: None,
            locked_minutes: None,
            first_say: Vec::new(),
            story: Story::of(language),
            notes: None,
            menu,
        }
    }

    /// Takes one input at its time. Times never run backwards; if they do, the call is none the worse.
    pub fn handle(&mut self, now: Moment, input: Input) {
        if matches!(self.state, State::Ended) {
            return;
        }
        if self.limit_reached(now) && !matches!(input, Input::HungUp) {
            return self.end_at_the_limit();
        }
        let next = match input {
            Input::Answered => self.answered(now),
            Input::Key(key) => self.key(now, key),
            Input::SayingDone(id) => self.saying_done(now, id),
            Input::Timeout => self.timeout(now),
            Input::LookedUp(reply) => self.looked_up(now, *reply),
            Input::TransferDone(outcome) => self.handed_over(now, outcome),
            Input::HungUp => {
                self.outputs.clear();
                self.end(Ending::CallerHungUp);
                Next::Stay
            }
        };
        self.go_on(now, next);
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to give [`Input::Timeout`], if nothing happens before. Asked again after each input.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match (self.timer, self.limit) {
            (Some(timer), Some(limit)) => Some(timer.min(limit)),
            (timer, limit) => timer.or(limit),
        }
    }

    /// What has become of the call so far.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// Whether the call is silent because it waits for the caller's key.
    pub fn awaits_a_key(&self) -> bool {
        matches!(self.state, State::Asking(_)) && self.saying.is_none()
    }

    /// Whether the call has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The verified person, if there is one.
    pub fn verified(&self) -> Option<PersonRef> {
        self.verified
    }

    // --- inputs ---------------------------------------------------------------------------------------------------

    fn answered(&mut self, now: Moment) -> Next {
        if !matches!(self.state, State::Ringing) {
            return Next::Stay;
        }
        self.limit = Some(now + self.menu.call_limit);
        self.answered = now;
        Next::Go(Target::Step(self.menu.start))
    }

    fn key(&mut self, now: Moment, key: Key) -> Next {
        self.story.keys = self.story.keys.saturating_add(1);
        let late = self.late_terminator.take().is_some_and(|until| now <= until);
        if late && key == Key::Hash {
            return Next::Stay;
        }
        if self.rest_of_entry.take().is_some_and(|until| now <= until) {
            self.rest_of_entry = Some(now + question::REST_OF_ENTRY);
            return Next::Stay;
        }
        match &self.state {
            State::Ringing | State::HandingOver(_) | State::Leaving(_) | State::Ended => Next::Stay,
            State::Telling { .. } => self.key_while_telling(now, key),
            State::Asking(_) => self.key_while_asking(now, key),
            State::LookingUp(_) => {
                self.keep(key);
                Next::Stay
            }
            State::Reading(_) => self.key_while_reading(now, key),
        }
    }

    fn saying_done(&mut self, now: Moment, id: SayingId) -> Next {
        if self.saying != Some(id) {
            return Next::Stay;
        }
        self.saying = None;
        match &self.state {
            State::Ringing | State::Ended => Next::Stay,
            State::Telling { .. } => self.told(),
            State::Asking(_) => self.prompt_done(now),
            State::LookingUp(_) => self.patience_said(now),
            State::Reading(_) => self.item_read(now),
            State::HandingOver(_) => self.transfer_message_said(now),
            State::Leaving(ending) => {
                let ending = *ending;
                self.outputs.push_back(Output::HangUp);
                self.end(ending);
                Next::Stay
            }
        }
    }

    fn timeout(&mut self, now: Moment) -> Next {
        if self.timer.is_none_or(|timer| now < timer) {
            return Next::Stay;
        }
        self.timer = None;
        match &self.state {
            State::Asking(_) => self.question_timed_out(now),
            State::LookingUp(_) => self.look_up_timed_out(now),
            State::Reading(_) => self.between_items_over(now),
            State::HandingOver(_) => self.transfer_timed_out(now),
            _ => Next::Stay,
        }
    }

    // --- steps ----------------------------------------------------------------------------------------------------

    /// Takes steps until one waits for something.
    fn go_on(&mut self, now: Moment, mut next: Next) {
        for _ in 0..MOST_STEPS_AT_ONCE {
            let Next::Go(target) = next else { return };
            next = match target {
                Target::Step(step) => self.enter(now, step),
                Target::Repeat => self.enter(now, self.step),
                Target::Back => {
                    let step = self.step_back();
                    self.enter(now, step)
                }
            };
        }
        if matches!(next, Next::Go(_)) {
            self.leave(None, Ending::HotlineHungUp);
        }
    }

    fn enter(&mut self, now: Moment, id: StepId) -> Next {
        let menu = Arc::clone(&self.menu);
        let Some(step) = menu.steps.get(id.0) else {
            self.leave(None, Ending::HotlineHungUp);
            return Next::Stay;
        };
        self.step = id;
        self.timer = None;
        self.tell_of(now, step);
        self.took(Taken::Step);
        match &step.kind {
            Kind::Say { message, about, skippable, unavailable, .. } => {
                self.enter_say(now, message, *about, *skippable, *unavailable)
            }
            Kind::Menu { message, also_in, rules, .. } => self.ask(now, Question::choice(message, also_in, *rules)),
            Kind::Ask { message, field, rules, .. } => {
                let before = match field {
                    Field::PasswordAgain(slot) => self.digits_in(*slot),
                    _ => None,
                };
                self.ask(now, Question::entry(message, *field, before, *rules))
            }
            Kind::Verify { facts, unavailable, .. } => self.enter_verify(now, facts, *unavailable),
            Kind::SetPassword { password, unavailable, .. } => self.enter_set_password(now, *password, *unavailable),
            Kind::Dispute { .. } => self.enter_dispute(now, &step.kind),
            Kind::ReadBack { period, insurance, unavailable, .. } => {
                self.enter_read_back(now, *insurance, *period, *unavailable)
            }
            Kind::SetLanguage { language, then } => {
                self.language = *language;
                self.story.language = *language;
                Next::Go(*then)
            }
            Kind::GoTo { then, when_verified } => match when_verified {
                Some(step) if self.verified.is_some() => Next::Go(Target::Step(*step)),
                _ => Next::Go(*then),
            },
            Kind::Transfer { message, to, within, .. } => self.enter_transfer(now, message, to, *within),
            Kind::HangUp { message } => {
                let last_words = message.as_ref().map(|message| Line::new(message));
                self.leave(last_words, Ending::HotlineHungUp);
                Next::Stay
            }
        }
    }

    fn tell_of(&mut self, now: Moment, step: &Step) {
        self.outputs.push_back(Output::Entered(Arc::clone(&step.name)));
        if self.story.path.len() < MOST_STEPS_TOLD {
            self.story.path.push(Arc::clone(&step.name));
            self.story.entered.push(now.since(self.answered));
        } else {
            self.story.path_cut = self.story.path_cut.saturating_add(1);
        }
    }

    /// The question before the one being asked; that one itself if there is none.
    fn step_back(&mut self) -> StepId {
        if self.history.len() > 1 {
            self.history.pop();
        }
        self.history.last().copied().unwrap_or(self.menu.start)
    }

    /// Notes that a question is being asked. One that was asked before takes the call back to there. What was keyed and can be
    /// of no more use, from here or from a question that `@back` leads to, is forgotten.
    fn remember(&mut self, question: StepId) {
        match self.history.iter().position(|asked| *asked == question) {
            Some(at) => self.history.truncate(at + 1),
            None => self.history.push(question),
        }
        let (menu, history) = (&self.menu, &self.history);
        for (slot, answer) in self.answers.iter_mut().enumerate() {
            if !history.iter().any(|step| menu.is_live(*step, SlotId(slot))) {
                *answer = None;
            }
        }
        if !history.iter().any(|step| menu.password_change_is_live(*step)) {
            self.must_change = None;
        }
    }

    // --- saying ---------------------------------------------------------------------------------------------------

    fn say(&mut self, lines: Vec<Line>) {
        let language = self.language;
        self.say_in(lines.into_iter().map(|line| (language, line)).collect());
    }

    fn say_in(&mut self, lines: Vec<(Language, Line)>) {
        self.sayings += 1;
        let id = SayingId(self.sayings);
        self.saying = Some(id);
        self.outputs.push_back(Output::Say(Say { id, pace: self.pace, lines }));
    }

    fn stop_saying(&mut self) {
        if self.saying.take().is_some() {
            self.outputs.push_back(Output::StopSaying);
        }
    }

    /// Keeps a key for the next question.
    fn keep(&mut self, key: Key) {
        if self.ahead.len() < MOST_AHEAD {
            self.ahead.push_back(key);
        }
    }

    // --- the end --------------------------------------------------------------------------------------------------

    fn limit_reached(&self, now: Moment) -> bool {
        !matches!(self.state, State::Leaving(_)) && self.limit.is_some_and(|limit| now >= limit)
    }

    fn end_at_the_limit(&mut self) {
        self.leave(Some(Line::new("common.call-limit")), Ending::LimitReached);
    }

    /// Says the last words, if any, and ends the call.
    fn leave(&mut self, last_words: Option<Line>, ending: Ending) {
        self.timer = None;
        self.limit = None;
        self.first_say.clear();
        if let Some(line) = last_words {
            self.state = State::Leaving(ending);
            self.say(vec![line]);
        } else {
            self.stop_saying();
            self.outputs.push_back(Output::HangUp);
            self.end(ending);
        }
    }

    fn end(&mut self, ending: Ending) {
        self.state = State::Ended;
        self.timer = None;
        self.limit = None;
        self.saying = None;
        self.ahead.clear();
        self.answers.clear();
        self.story.ending.get_or_insert(ending);
    }

    fn answer(&self, slot: SlotId) -> Option<&Answer> {
        self.answers.get(slot.0).and_then(Option::as_ref)
    }

    /// Digits that were keyed into a slot.
    fn digits_in(&self, slot: SlotId) -> Option<Secret<String>> {
        match self.answer(slot) {
            Some(Answer::Digits(digits)) => Some(digits.clone()),
            _ => None,
        }
    }

    fn reached(&mut self, outcome: Outcome) {
        self.story.outcome = self.story.outcome.max(outcome);
    }

    fn after(&mut self, now: Moment, rest: Duration) {
        self.timer = Some(now + rest);
    }
}
