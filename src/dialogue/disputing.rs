//! A `dispute` step: what was keyed becomes a case, and its number is said.
//!
//! ```text
//!   insurance, month, whose error, a number to call back ──▶ records ──▶ "your case is 1 2 3 4 …" ─▶ next step
//!                                                              ├──▶ too many today
//!                                                              └──▶ no answer: the answers stay, so that it can be said again
//! ```

use super::collect::Answer;
use super::looking_up::Purpose;
use super::{Dialogue, Next};
use crate::facts::{CaseNumber, Dispute, Moment, Query};
use crate::menu::{Kind, Target};
use crate::speech::{Line, Value};

impl Dialogue {
    pub(super) fn enter_dispute(&mut self, now: Moment, step: &Kind) -> Next {
        let Kind::Dispute { insurance, month, blame, callback, no_number, unavailable, .. } = step else {
            return Next::Stay;
        };
        let own = self.caller.number.clone().filter(|number| !number.reveal().is_empty());
        let callback = match callback {
            Some(slot) => self.digits_in(*slot),
            None => own,
        };
        let Some(callback) = callback else {
            return Next::Go(Target::Step(no_number.unwrap_or(*unavailable)));
        };
        let keyed = (self.answer(*insurance), self.answer(*month), self.answer(*blame), self.verified);
        let (Some(Answer::Insurance(insurance)), Some(Answer::Month(month)), Some(Answer::Blame(blame)), Some(person)) =
            keyed
        else {
            return Next::Go(Target::Step(*unavailable));
        };
        let dispute = Dispute { insurance: *insurance, month: *month, blame: *blame, callback };
        self.look_up(now, Query::Dispute { person, dispute, call: self.caller.call }, Purpose::Dispute)
    }

    pub(super) fn tell_case(&mut self, number: CaseNumber) -> Next {
        let Some(Kind::Dispute { message, insurance, month, blame, callback, .. }) = self.kind().cloned() else {
            return Next::Stay;
        };
        let mut line = Line::new(&message).with("case", Value::Digits(number.to_string()));
        if let Some(Answer::Insurance(insurance)) = self.answer(insurance) {
            line = line.with("insurance", Value::Word(insurance.name()));
        }
        if let Some(Answer::Month(month)) = self.answer(month) {
            line = line.with("month", Value::Month(*month));
        }
        let slots: Vec<_> = [insurance, month, blame].into_iter().chain(callback).collect();
        self.forget_answers(&slots);
        self.forget_questions_of(&slots);
        // Keys pressed ahead would cut the number short.
        self.ahead.clear();
        self.tell(vec![line], true, true)
    }
}
