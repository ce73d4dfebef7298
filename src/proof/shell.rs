//! The smallest shell there is: one call in virtual time that can be copied at any moment, so that each copy goes on in a
//! way of its own. It keeps to the times of [`crate::simulate`], so that what is found here happens there.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::dialogue::{Caller, Dialogue, Doing, Ending, Input, Output, Say, SayingId, Taken, Transferred};
use crate::facts::{CallerNumber, Key, Moment, Query, Reply, Secret};
use crate::menu::Menu;
use crate::records::{MemoryRecords, Records};
use crate::simulate::{AT_ONCE, BETWEEN_KEYS, Given, RecordsSay, TO_THE_OTHER_END};
use crate::speech::Prompts;

/// A call's limit is no property of the menu's steps: the walk goes without one.
const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What all copies share.
pub(super) struct Stage<'a> {
    menu: Arc<Menu>,
    prompts: &'a Prompts,
    records: &'a MemoryRecords,
    clock: DateTime,
    /// The number that calls come from, where it is not withheld.
    number: Option<CallerNumber>,
    /// How long what is said lasts, by its digest.
    lengths: HashMap<u64, Duration>,
    /// What the records answer. The questions are few: one a kind of look-up, insurance and year.
    answers: Vec<(Query, Reply)>,
}

/// What happens next in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The caller does nothing: speech ends, or a timer does.
    Nothing,
    /// Keys, once a key is awaited.
    Press(Arc<[Key]>),
    /// A key while the hotline speaks.
    AtOnce(Key),
    /// The records answer; as they would, or as is said here.
    Records(Option<RecordsSay>),
    /// The transfer comes to this.
    Transfer(Transferred),
}

/// A call.
#[derive(Clone)]
pub(super) struct Shell {
    call: Dialogue,
    now: Moment,
    speech: Option<Speech>,
    pending: Option<(Moment, Reply)>,
    asked: Option<(Moment, Query)>,
    /// Another telephone has begun to be dialled, and nothing has happened since.
    dialled: bool,
}

#[derive(Clone, Copy)]
struct Speech {
    id: SayingId,
    begun: Moment,
    ends: Moment,
}

impl<'a> Stage<'a> {
    pub(super) fn new(menu: &Menu, prompts: &'a Prompts, records: &'a MemoryRecords, given: &Given) -> Stage<'a> {
        let mut menu = menu.clone();
        menu.call_limit = NO_LIMIT;
        let menu = Arc::new(menu);
        let number = given.caller.clone().map(Secret::new);
        Stage { menu, prompts, records, clock: given.clock, number, lengths: HashMap::new(), answers: Vec::new() }
    }

    fn length(&mut self, say: &Say) -> Duration {
        let mut hasher = DefaultHasher::new();
        (&say.lines, say.pace).hash(&mut hasher);
        let prompts = self.prompts;
        *self.lengths.entry(hasher.finish()).or_insert_with(|| prompts.say(&say.lines, say.pace).length())
    }

    fn answer(&mut self, query: &Query) -> Reply {
        if let Some((_, reply)) = self.answers.iter().find(|(known, _)| known == query) {
            return reply.clone();
        }
        let at = Offset::constant(8).to_timestamp(self.clock).unwrap_or(Timestamp::UNIX_EPOCH);
        let reply = self.records.fresh().answer(query, at).unwrap_or(Reply::Unavailable);
        self.answers.push((query.clone(), reply.clone()));
        reply
    }
}

impl Shell {
    /// A call that has been answered, and what it took at once.
    pub(super) fn answered(stage: &mut Stage<'_>) -> (Shell, Vec<Taken>) {
        let caller = Caller { number: stage.number.clone(), ..Caller::unknown(stage.clock.date()) };
        let call = Dialogue::new(Arc::clone(&stage.menu), caller);
        let mut shell = Shell { call, now: Moment::ZERO, speech: None, pending: None, asked: None, dialled: false };
        shell.call.note();
        shell.give(stage, Input::Answered);
        let notes = shell.rest();
        (shell, notes)
    }

    /// The call after an act: how long that took, and what was taken. Nothing, if the act is none that it could do now.
    pub(super) fn after(&self, stage: &mut Stage<'_>, act: &Act) -> Option<(Shell, Duration, Vec<Taken>)> {
        let mut shell = self.clone();
        shell.dialled = false;
        match act {
            Act::Nothing => drop(shell.next_event(stage, None).then_some(())?),
            Act::Press(keys) => {
                for (place, key) in keys.iter().enumerate() {
                    if place > 0 {
                        shell.until(stage, shell.now + BETWEEN_KEYS);
                    }
                    shell.give(stage, Input::Key(*key));
                }
            }
            Act::AtOnce(key) => {
                let speech = shell.speech.filter(|speech| speech.ends > speech.begun + AT_ONCE)?;
                shell.until(stage, speech.begun + AT_ONCE);
                shell.give(stage, Input::Key(*key));
            }
            Act::Records(say) => {
                let (begun, query) = shell.asked.take()?;
                shell.pending = match say {
                    None => Some((shell.now, stage.answer(&query))),
                    Some(RecordsSay::After(rest)) => Some((begun + *rest, stage.answer(&query))),
                    Some(say) => say.reply().map(|reply| (shell.now, reply)),
                };
                shell.next_event(stage, None);
            }
            Act::Transfer(outcome) => {
                shell.until(stage, shell.now + TO_THE_OTHER_END);
                shell.give(stage, Input::TransferDone(*outcome));
            }
        }
        let notes = shell.rest();
        let took = shell.now.since(self.now);
        Some((shell, took, notes))
    }

    fn rest(&mut self) -> Vec<Taken> {
        let notes = self.call.take_notes();
        self.call.forget_path();
        notes
    }

    /// All that decides how the call goes on.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.call.digest(self.now, &mut hasher);
        self.speech.map(|speech| speech.ends.since(self.now)).hash(&mut hasher);
        let pending = self.pending.as_ref().map(|(at, reply)| (at.since(self.now), std::mem::discriminant(reply)));
        (pending, self.asked.is_some(), self.dialled).hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn call(&self) -> &Dialogue {
        &self.call
    }

    /// Whether the hotline speaks.
    pub(super) fn speaks(&self) -> bool {
        self.speech.is_some()
    }

    /// The question to the records that is still open.
    pub(super) fn asked(&self) -> Option<&Query> {
        self.asked.as_ref().map(|(_, query)| query)
    }

    /// What the records would answer to it.
    pub(super) fn usual_answer(&self, stage: &mut Stage<'_>) -> Option<Reply> {
        self.asked().map(|query| stage.answer(query))
    }

    /// Whether another telephone has begun to be dialled in this very moment.
    pub(super) fn dials(&self) -> bool {
        self.dialled
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.call.story().ending.filter(|_| self.call.doing() == Doing::Ended)
    }

    fn until(&mut self, stage: &mut Stage<'_>, at: Moment) {
        while self.next_event(stage, Some(at)) {}
        self.now = self.now.max(at);
    }

    /// Lets the next event happen, if there is one until then.
    fn next_event(&mut self, stage: &mut Stage<'_>, until: Option<Moment>) -> bool {
        if self.call.is_over() {
            return false;
        }
        let said = self.speech.map(|speech| speech.ends);
        let answered = self.pending.as_ref().map(|(at, _)| *at);
        let Some(first) = [said, answered, self.call.poll_timeout()].into_iter().flatten().min() else { return false };
        if until.is_some_and(|until| first > until) {
            return false;
        }
        self.now = self.now.max(first);
        if answered == Some(first) {
            if let Some((_, reply)) = self.pending.take() {
                self.give(stage, Input::LookedUp(Box::new(reply)));
            }
        } else if said == Some(first) {
            if let Some(speech) = self.speech.take() {
                self.give(stage, Input::SayingDone(speech.id));
            }
        } else {
            self.give(stage, Input::Timeout);
        }
        true
    }

    fn give(&mut self, stage: &mut Stage<'_>, input: Input) {
        self.call.handle(self.now, input);
        while let Some(output) = self.call.poll_output() {
            match output {
                Output::Say(say) => {
                    let ends = self.now + stage.length(&say);
                    self.speech = Some(Speech { id: say.id, begun: self.now, ends });
                }
                Output::StopSaying | Output::HangUp => self.speech = None,
                Output::LookUp(query) => self.asked = Some((self.now, query)),
                Output::Transfer(_) => self.dialled = true,
                Output::Entered(_) => {}
            }
        }
    }
}
