//! A `transfer` step: another telephone is dialled while the caller hears a message again and again.
//!
//! ```text
//!   Transfer ─── message ─ 1 s ─ message ─ 1 s ─ … ───> answered there: the call ends here
//!                                                  \──> busy, unanswered (or `within` is over), refused: the next step
//! ```
//!
//! Keys mean nothing meanwhile: a person is being fetched already. What becomes of the transfer after `within` is ignored.

use std::sync::Arc;
use std::time::Duration;

use super::{Dialogue, Ending, Next, Output, State, Taken, Transferred};
use crate::facts::Moment;
use crate::menu::{Kind, MessageId, Target};
use crate::speech::Line;

/// Silence between two sayings of the message.
const BETWEEN: Duration = Duration::from_secs(1);

/// A transfer under way.
#[derive(Clone, Debug)]
pub(super) struct HandingOver {
    message: MessageId,
    pub(super) deadline: Moment,
}

impl Dialogue {
    pub(super) fn enter_transfer(&mut self, now: Moment, message: &MessageId, to: &Arc<str>, within: Duration) -> Next {
        self.ahead.clear();
        self.asked_for_a_person(now);
        let deadline = now + within;
        self.state = State::HandingOver(HandingOver { message: Arc::clone(message), deadline });
        self.timer = Some(deadline);
        self.outputs.push_back(Output::Transfer(Arc::clone(to)));
        let first = self.first_say.drain(..).chain([Line::new(message)]).collect();
        self.say(first);
        Next::Stay
    }

    pub(super) fn transfer_message_said(&mut self, now: Moment) -> Next {
        if let State::HandingOver(transfer) = &self.state {
            self.timer = Some(transfer.deadline.min(now + BETWEEN));
        }
        Next::Stay
    }

    pub(super) fn transfer_timed_out(&mut self, now: Moment) -> Next {
        let State::HandingOver(transfer) = &self.state else { return Next::Stay };
        if now >= transfer.deadline {
            return self.handed_over(now, Transferred::Unanswered);
        }
        let line = Line::new(&transfer.message);
        self.timer = Some(transfer.deadline);
        self.say(vec![line]);
        Next::Stay
    }

    /// Notes that the caller wants a person: `0` was pressed, or the menu hands the call over. The first time counts.
    pub(super) fn asked_for_a_person(&mut self, now: Moment) {
        let after = now.since(self.answered);
        self.story.person_asked.get_or_insert(after);
    }

    pub(super) fn handed_over(&mut self, now: Moment, outcome: Transferred) -> Next {
        let (State::HandingOver(_), Some(Kind::Transfer { busy, unanswered, refused, .. })) =
            (&self.state, self.kind())
        else {
            return Next::Stay;
        };
        let (busy, unanswered, refused) = (*busy, *unanswered, *refused);
        self.took(|step| Taken::Transfer(step, outcome));
        let then = match outcome {
            Transferred::Answered => {
                self.story.person_answered = Some(now.since(self.answered));
                self.leave(None, Ending::Transferred);
                return Next::Stay;
            }
            Transferred::Busy => busy,
            Transferred::Unanswered => unanswered,
            Transferred::Refused => refused,
        };
        self.stop_saying();
        Next::Go(Target::Step(then))
    }
}
