//! Asking the records: one question at a time, within a deadline, and never in silence for long.
//!
//! ```text
//!   LookUp ---- patience ----> "one moment, please" ----------> deadline: unavailable
//!      \____ reply ____________________\____ reply, once that is said
//! ```

use std::hash::{Hash, Hasher};

use super::collect::Answer;
use super::{Answered, Dialogue, Next, Outcome, State, Taken};
use crate::facts::{Fact, Identity, Moment, PersonRef, Query, Reply};
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
    /// A `set-password` step.
    SetPassword,
    /// A `dispute` step.
    Dispute,
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
    pub(super) fn enter_verify(&mut self, now: Moment, facts: &[(Fact, SlotId)], unavailable: StepId) -> Next {
        let mut identity = Identity::default();
        for (fact, slot) in facts {
            match (fact, self.answer(*slot)) {
                (Fact::Id, Some(Answer::Id(id))) => identity.id = Some(id.clone()),
                (Fact::Card, Some(Answer::Digits(card))) => identity.card = Some(card.clone()),
                (Fact::PersonalNumber, Some(Answer::Digits(number))) => identity.personal_number = Some(number.clone()),
                (Fact::Number, Some(Answer::Digits(number))) => identity.number = Some(number.clone()),
                (Fact::Password, Some(Answer::Digits(password))) => identity.password = Some(password.clone()),
                // Without one of them nothing would be compared with it: that is no verification.
                _ => return Next::Go(Target::Step(unavailable)),
            }
        }
        self.look_up(now, Query::Verify { identity, from: self.caller.origin() }, Purpose::Verify)
    }

    pub(super) fn enter_set_password(&mut self, now: Moment, slot: SlotId, unavailable: StepId) -> Next {
        let (Some(person), Some(password)) = (self.must_change.or(self.verified), self.digits_in(slot)) else {
            return Next::Go(Target::Step(unavailable));
        };
        self.look_up(now, Query::SetPassword { person, password }, Purpose::SetPassword)
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
            (Purpose::Verify, Reply::InitialPassword(_)) => Some(Answered::InitialPassword),
            (Purpose::SetPassword, Reply::PasswordSet) => Some(Answered::Found),
            (Purpose::Dispute, Reply::CaseOpened(_)) => Some(Answered::Found),
            (Purpose::Dispute, Reply::TooManyCases) => Some(Answered::TooMany),
            (Purpose::SetPassword, Reply::PasswordWeak(weakness)) => Some(Answered::Weak(*weakness)),
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
            (Purpose::SetPassword, reply) => self.take_password_change(reply),
            (Purpose::Dispute, Reply::CaseOpened(number)) => self.tell_case(number),
            (Purpose::Dispute, Reply::TooManyCases) => self.too_many_cases(),
            (Purpose::Tell, Reply::Balances(balances)) => self.tell_balances(&balances),
            (Purpose::Tell, Reply::Summary(summary)) => self.tell_summary(&summary),
            (Purpose::Read, Reply::Payments(payments)) => self.begin_reading(&payments),
            _ => self.records_are_down(),
        }
    }

    fn take_verification(&mut self, reply: Reply) -> Next {
        let Some(Kind::Verify { facts, matched, unmatched, locked, initial, .. }) = self.kind().cloned() else {
            return Next::Stay;
        };
        let slots: Vec<SlotId> = facts.iter().map(|(_, slot)| *slot).collect();
        let then = match (reply, initial) {
            (Reply::Matched(person), _) => {
                self.is_verified(person, &slots);
                matched
            }
            (Reply::InitialPassword(person), Some(initial)) => {
                // What was keyed stays: whoever is to prove more need not key it again.
                self.must_change = Some(person);
                self.forget_questions_of(&slots);
                return Next::Go(Target::Step(initial));
            }
            (Reply::Unmatched, _) => {
                self.reached(Outcome::NotVerified);
                self.ahead.clear();
                unmatched
            }
            (Reply::Locked { minutes }, _) => {
                self.reached(Outcome::Locked);
                self.locked_minutes = Some(minutes.max(1));
                self.ahead.clear();
                locked
            }
            _ => return self.records_are_down(),
        };
        self.forget_answers(&slots);
        Next::Go(Target::Step(then))
    }

    fn take_password_change(&mut self, reply: Reply) -> Next {
        let Some(Kind::SetPassword { password, changed, weak, .. }) = self.kind().cloned() else { return Next::Stay };
        let then = match reply {
            Reply::PasswordSet => {
                match self.must_change.or(self.verified) {
                    Some(person) => self.is_verified(person, &[password]),
                    None => return self.records_are_down(),
                }
                changed
            }
            Reply::PasswordWeak(weakness) => {
                self.weakness = Some(weakness);
                self.ahead.clear();
                weak
            }
            _ => return self.records_are_down(),
        };
        self.forget_answers(&[password]);
        Next::Go(Target::Step(then))
    }

    fn too_many_cases(&mut self) -> Next {
        self.ahead.clear();
        match self.kind() {
            Some(Kind::Dispute { too_many, .. }) => Next::Go(Target::Step(*too_many)),
            _ => Next::Stay,
        }
    }

    fn is_verified(&mut self, person: PersonRef, slots: &[SlotId]) {
        self.verified = Some(person);
        self.must_change = None;
        self.reached(Outcome::Verified);
        self.forget_questions_of(slots);
    }

    /// What was keyed to be compared or kept is of no use any more.
    pub(super) fn forget_answers(&mut self, slots: &[SlotId]) {
        for slot in slots {
            if let Some(answer) = self.answers.get_mut(slot.0) {
                *answer = None;
            }
        }
    }

    fn records_are_down(&mut self) -> Next {
        self.took(|step| Taken::Answer(step, Answered::Unavailable));
        self.reached(Outcome::RecordsDown);
        self.ahead.clear();
        match self.kind() {
            Some(
                Kind::Say { unavailable, .. }
                | Kind::Verify { unavailable, .. }
                | Kind::SetPassword { unavailable, .. }
                | Kind::Dispute { unavailable, .. }
                | Kind::ReadBack { unavailable, .. },
            ) => Next::Go(Target::Step(*unavailable)),
            _ => Next::Stay,
        }
    }

    /// Once verified, `@back` does not lead to the numbers again.
    pub(super) fn forget_questions_of(&mut self, slots: &[SlotId]) {
        let menu = &self.menu;
        self.history.retain(|asked| {
            !matches!(menu.steps.get(asked.0).map(|step| &step.kind),
                Some(Kind::Ask { store, .. }) if slots.contains(store))
        });
    }

    /// The step that speaks of a lock may name its minutes, and the one that speaks of a weak password its reason.
    pub(super) fn with_what_was_refused(&mut self, line: Line) -> Line {
        let minutes = self.locked_minutes.take();
        let line = minutes.into_iter().fold(line, |line, minutes| line.with("minutes", Value::Count(minutes.into())));
        let weakness = self.weakness.take();
        weakness.into_iter().fold(line, |line, weakness| line.with("reason", Value::Word(weakness.name())))
    }

    pub(super) fn kind(&self) -> Option<&Kind> {
        self.menu.steps.get(self.step.0).map(|step| &step.kind)
    }
}
