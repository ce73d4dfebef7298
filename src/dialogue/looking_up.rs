//! Asking the records: one question at a time, within a deadline, and never in silence for long.
//!
//! ```text
//!   LookUp ---- patience ----> "one moment, please" ----------> deadline: unavailable
//!      \____ reply ____________________\____ reply, once that is said
//! ```

use std::hash::{Hash, Hasher};

use super::collect::Answer;
use super::{Answered, Dialogue, Next, Outcome, State, Taken};
use crate::facts::{Moment, Query, Reply};
use crate::menu::{Kind, SlotId, StepId, Target};
use crate::speech::{Line, Value};

/// A question that is open.
#[derive(Clone, Debug)]
pub(super) struct LookUp {
    purpose: Purpose,
    deadline: Moment,
    /// A reply that waits for "one moment, please" to be said to its end.
    held: Option<Reply>,
    asked_for_patience: bool,
}

/// What the reply is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A `verify` step.
    Verify,
    /// A `say` step about records.
    Tell,
    /// A `read-back` step.
    Read,
}

impl LookUp {
    /// Hashes what decides how it goes on.
    pub(super) fn digest(&self, now: Moment, into: &mut impl Hasher) {
        let held = self.held.as_ref().map(std::mem::discriminant);
        (self.deadline.since(now), held, self.asked_for_patience).hash(into);
    }
}

impl Dialogue {
    pub(super) fn enter_verify(&mut self, now: Moment, id: SlotId, number: SlotId, unavailable: StepId) -> Next {
        let (Some(Answer::Id(id)), Some(Answer::Digits(number))) = (self.answer(id), self.answer(number)) else {
            return Next::Go(Target::Step(unavailable));
        };
        let query = Query::Verify { id: id.clone(), number: number.clone(), caller: self.caller.number.clone() };
        self.look_up(now, query, Purpose::Verify)
    }

    pub(super) fn look_up(&mut self, now: Moment, query: Query, purpose: Purpose) -> Next {
        let deadline = now + self.menu.look_up_deadline;
        self.timer = Some(deadline.min(now + self.menu.look_up_patience));
        self.state = State::LookingUp(LookUp { purpose, deadline, held: None, asked_for_patience: false });
        self.outputs.push_back(super::Output::LookUp(query));
        Next::Stay
    }

    pub(super) fn looked_up(&mut self, _now: Moment, reply: Reply) -> Next {
        let State::LookingUp(look_up) = &mut self.state else { return Next::Stay };
        if look_up.asked_for_patience && self.saying.is_some() {
            look_up.held.get_or_insert(reply);
            return Next::Stay;
        }
        let purpose = look_up.purpose;
        self.take(purpose, reply)
    }

    /// "One moment, please" has been said.
    pub(super) fn patience_said(&mut self, _now: Moment) -> Next {
        let State::LookingUp(look_up) = &mut self.state else { return Next::Stay };
        match look_up.held.take() {
            Some(reply) => {
                let purpose = look_up.purpose;
                self.take(purpose, reply)
            }
            None => Next::Stay,
        }
    }

    pub(super) fn look_up_timed_out(&mut self, now: Moment) -> Next {
        let State::LookingUp(look_up) = &mut self.state else { return Next::Stay };
        if look_up.held.is_some() {
            return Next::Stay;
        }
        if now >= look_up.deadline {
            let purpose = look_up.purpose;
            return self.take(purpose, Reply::Unavailable);
        }
        look_up.asked_for_patience = true;
        self.timer = Some(look_up.deadline);
        self.say(vec![Line::new("common.one-moment")]);
        Next::Stay
    }

    /// Takes a reply to the step that asked. A reply of the wrong kind is as good as none.
    fn take(&mut self, purpose: Purpose, reply: Reply) -> Next {
        self.timer = None;
        let answered = match (purpose, &reply) {
            (Purpose::Verify, Reply::Matched(_)) => Some(Answered::Matched),
            (Purpose::Verify, Reply::Unmatched) => Some(Answered::Unmatched),
            (Purpose::Verify, Reply::Locked { .. }) => Some(Answered::Locked),
            (Purpose::Tell, Reply::Balances(_) | Reply::Summary(_)) | (Purpose::Read, Reply::Payments(_)) => {
                Some(Answered::Found)
            }
            _ => None,
        };
        if let Some(answered) = answered {
            self.took(|step| Taken::Answer(step, answered));
        }
        match (purpose, reply) {
            (Purpose::Verify, reply) => self.take_verification(reply),
            (Purpose::Tell, Reply::Balances(balances)) => self.tell_balances(&balances),
            (Purpose::Tell, Reply::Summary(summary)) => self.tell_summary(&summary),
            (Purpose::Read, Reply::Payments(payments)) => self.begin_reading(&payments),
            _ => self.records_are_down(),
        }
    }

    fn take_verification(&mut self, reply: Reply) -> Next {
        let Some(Kind::Verify { id, number, matched, unmatched, locked, .. }) = self.kind().cloned() else {
            return Next::Stay;
        };
        let then = match reply {
            Reply::Matched(person) => {
                self.verified = Some(person);
                self.reached(Outcome::Verified);
                self.forget_questions_of(&[id, number]);
                matched
            }
            Reply::Unmatched => {
                self.reached(Outcome::NotVerified);
                self.ahead.clear();
                unmatched
            }
            Reply::Locked { minutes } => {
                self.reached(Outcome::Locked);
                self.locked_minutes = Some(minutes.max(1));
                self.ahead.clear();
                locked
            }
            _ => return self.records_are_down(),
        };
        for slot in [id, number] {
            if let Some(answer) = self.answers.get_mut(slot.0) {
                *answer = None;
            }
        }
        Next::Go(Target::Step(then))
    }

    fn records_are_down(&mut self) -> Next {
        self.took(|step| Taken::Answer(step, Answered::Unavailable));
        self.reached(Outcome::RecordsDown);
        self.ahead.clear();
        match self.kind() {
            Some(
                Kind::Say { unavailable, .. } | Kind::Verify { unavailable, .. } | Kind::ReadBack { unavailable, .. },
            ) => Next::Go(Target::Step(*unavailable)),
            _ => Next::Stay,
        }
    }

    /// Once verified, `@back` does not lead to the numbers again.
    fn forget_questions_of(&mut self, slots: &[SlotId]) {
        let menu = &self.menu;
        self.history.retain(|asked| {
            !matches!(menu.steps.get(asked.0).map(|step| &step.kind),
                Some(Kind::Ask { store, .. }) if slots.contains(store))
        });
    }

    /// The step that speaks of a lock may name its minutes.
    pub(super) fn locked_minutes_in(&self, line: Line) -> Line {
        match self.locked_minutes {
            Some(minutes) => line.with("minutes", Value::Count(minutes.into())),
            None => line,
        }
    }

    pub(super) fn kind(&self) -> Option<&Kind> {
        self.menu.steps.get(self.step.0).map(|step| &step.kind)
    }
}
