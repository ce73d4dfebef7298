//! How a call stands, for those who walk through every call there can be, and what it has taken, for those who ask
//! whether any test call has.
//!
//! Two calls of the same [`Dialogue::digest`] go on alike whatever happens next: it holds the step, the question's
//! counters, the language, the way back, what is verified, stored and still to be said, and each timer as far as it is
//! off. It does not hold what lies behind: times since the beginning, the story, the limit of the whole call.

use std::hash::{Hash, Hasher};

use super::collect::Answer;
use super::{Dialogue, Mistake, State, Transferred};
use crate::facts::{Key, Moment, Weakness};
use crate::menu::StepId;

/// What a call is doing; see the room's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It rings.
    Ringing,
    /// A message is said.
    Telling {
        /// A key cuts it short.
        skippable: bool,
    },
    /// A question is said, or a key is awaited.
    Asking {
        /// An entry has begun.
        keyed: bool,
    },
    /// The records are asked.
    LookingUp,
    /// Payments are read.
    Reading,
    /// Another telephone is dialled.
    HandingOver,
    /// Last words are said.
    Leaving,
    /// It has ended.
    Ended,
}

/// One thing that a call has done. Never what was keyed into a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Taken {
    /// It came to a step.
    Step(StepId),
    /// A key with a meaning of its own was pressed in a step: a choice, `0`, `*`, `#`, a key of a read-back.
    Key(StepId, Key),
    /// A field took a good entry.
    Entry(StepId),
    /// A question heard a wrong key or entry.
    Wrong(StepId, Mistake),
    /// A question heard nothing.
    Silence(StepId),
    /// A question was given up.
    GaveUp(StepId),
    /// The records have answered a step.
    Answer(StepId, Answered),
    /// A transfer has come to this.
    Transfer(StepId, Transferred),
}

/// What the records have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answered {
    /// The numbers are one person's.
    Matched,
    /// So they are, but the password must be changed.
    InitialPassword,
    /// They are not.
    Unmatched,
    /// A new password is too easy to guess.
    Weak(Weakness),
    /// There were too many failures.
    Locked,
    /// There were too many cases.
    TooMany,
    /// What was asked for.
    Found,
    /// Nothing, or that they cannot.
    Unavailable,
}

impl Answered {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Answered::Matched => "matched",
            Answered::InitialPassword => "initial",
            Answered::Unmatched => "unmatched",
            Answered::Weak(Weakness::EqualDigits) => "weak equal-digits",
            Answered::Weak(Weakness::Run) => "weak run",
            Answered::Weak(Weakness::Birthday) => "weak birthday",
            Answered::Weak(Weakness::PartOfId) => "weak part-of-id",
            Answered::Locked => "locked",
            Answered::TooMany => "too-many",
            Answered::Found => "answered",
            Answered::Unavailable => "unavailable",
        }
    }
}

impl Dialogue {
    /// Notes from here on what the call takes, for [`Dialogue::take_notes`]. A real call notes nothing.
    pub fn note(&mut self) {
        self.notes.get_or_insert_default();
    }

    /// What the call has taken since this was asked last. Grows with the steps of the inputs between, at most 1,000 an
    /// input.
    pub fn take_notes(&mut self) -> Vec<Taken> {
        self.notes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Forgets where the call has been, so that a copy of it costs less.
    pub fn forget_path(&mut self) {
        self.story.path = Vec::new();
        self.story.path_cut = 0;
    }

    /// What the call is doing.
    pub fn doing(&self) -> Doing {
        match &self.state {
            State::Ringing => Doing::Ringing,
            State::Telling { skippable, .. } => Doing::Telling { skippable: *skippable },
            State::Asking(question) => Doing::Asking { keyed: question.is_begun() },
            State::LookingUp(_) => Doing::LookingUp,
            State::Reading(_) => Doing::Reading,
            State::HandingOver(_) => Doing::HandingOver,
            State::Leaving(_) => Doing::Leaving,
            State::Ended => Doing::Ended,
        }
    }

    /// The step the call is in; the one it will begin with while it rings.
    pub fn step(&self) -> StepId {
        self.step
    }

    /// Hashes all that decides how the call goes on.
    pub fn digest(&self, now: Moment, into: &mut impl Hasher) {
        let left = |until: Option<Moment>| until.map(|until| until.since(now)).filter(|left| !left.is_zero());
        (self.language, self.pace, self.step, left(self.timer), self.saying.is_some()).hash(into);
        (&self.ahead, left(self.late_terminator), left(self.rest_of_entry), &self.history).hash(into);
        (self.verified, self.must_change, self.locked_minutes, self.weakness, &self.first_say).hash(into);
        for answer in &self.answers {
            // Of personal numbers only that there is one: another leads to the same steps.
            match answer {
                None => 0_i32.hash(into),
                Some(Answer::Id(_) | Answer::Digits(_)) => 1_i32.hash(into),
                Some(Answer::Year(year)) => (2_i32, year).hash(into),
                Some(Answer::YesNo(yes)) => (3_i32, yes).hash(into),
                Some(Answer::Month(month)) => (4_i32, month).hash(into),
                Some(Answer::Insurance(insurance)) => (5_i32, insurance).hash(into),
                Some(Answer::Blame(blame)) => (6_i32, blame).hash(into),
            }
        }
        std::mem::discriminant(&self.state).hash(into);
        match &self.state {
            State::Ringing | State::Ended => {}
            State::Telling { skippable, lines, result } => (skippable, lines, result).hash(into),
            State::Asking(question) => question.digest(into),
            State::LookingUp(look_up) => look_up.digest(now, into),
            State::Reading(reading) => reading.digest(into),
            State::HandingOver(transfer) => transfer.deadline.since(now).hash(into),
            State::Leaving(ending) => std::mem::discriminant(ending).hash(into),
        }
    }

    pub(super) fn took(&mut self, what: impl FnOnce(StepId) -> Taken) {
        let step = self.step;
        if let Some(notes) = &mut self.notes {
            notes.push(what(step));
        }
    }
}
