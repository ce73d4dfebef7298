//! A `say` step: a message, perhaps about the caller's records, then the next step.
//!
//! | key while it is said | skippable | not skippable |
//! |---|---|---|
//! | `*` | said again from its beginning | kept for the next question |
//! | `#` | the rest is left out | kept |
//! | any other | the rest is left out, the key is kept | kept |

use super::{Dialogue, Next, Outcome, State};
use crate::facts::{Balances, Key, Moment, Query, Summary};
use crate::menu::{About, Kind, MessageId, StepId, Target};
use crate::speech::{Line, Value};

use super::looking_up::Purpose;

impl Dialogue {
    pub(super) fn enter_say(
        &mut self,
        now: Moment,
        message: &MessageId,
        about: About,
        skippable: bool,
        unavailable: StepId,
    ) -> Next {
        let query = match (about, self.verified) {
            (About::Nothing, _) => {
                let line = self.with_what_was_refused(Line::new(message));
                return self.tell(vec![line], skippable, false);
            }
            (_, None) => return Next::Go(Target::Step(unavailable)),
            (About::Balances, Some(person)) => Query::Balances(person),
            (About::Summary, Some(person)) => Query::Summary(person),
        };
        self.look_up(now, query, Purpose::Tell)
    }

    /// Says lines; `result` marks what the caller called for.
    pub(super) fn tell(&mut self, mut lines: Vec<Line>, skippable: bool, result: bool) -> Next {
        if skippable && !self.ahead.is_empty() {
            return self.told_what_follows();
        }
        lines.splice(0..0, self.first_say.drain(..));
        self.state = State::Telling { skippable, lines: lines.clone(), result };
        self.say(lines);
        Next::Stay
    }

    pub(super) fn tell_balances(&mut self, balances: &Balances) -> Next {
        let Some((message, skippable)) = self.say_step() else { return Next::Stay };
        let line = Line::new(&message)
            .with("pension", Value::Money(balances.pension))
            .with("medical", Value::Money(balances.medical))
            .with("as-of", Value::Month(balances.as_of));
        self.tell(vec![line], skippable, true)
    }

    pub(super) fn tell_summary(&mut self, summary: &Summary) -> Next {
        let Some((message, skippable)) = self.say_step() else { return Next::Stay };
        let heading = Line::new(&message).with("as-of", Value::Month(summary.as_of));
        let each = format!("{message}.insurance");
        let insurances = summary.insurances.iter().map(|insurance| {
            let line = Line::new(&each)
                .with("insurance", Value::Word(insurance.insurance.name()))
                .with("months", Value::Count(insurance.months_paid.into()))
                .with("as-of", Value::Month(summary.as_of));
            let line = insurance.first.into_iter().fold(line, |line, first| line.with("first", Value::Month(first)));
            insurance.last.into_iter().fold(line, |line, last| line.with("last", Value::Month(last)))
        });
        let lines = std::iter::once(heading).chain(insurances).collect();
        self.tell(lines, skippable, true)
    }

    pub(super) fn key_while_telling(&mut self, _now: Moment, key: Key) -> Next {
        let State::Telling { skippable, lines, .. } = &self.state else { return Next::Stay };
        match (*skippable, key) {
            (false, key) => {
                self.keep(key);
                Next::Stay
            }
            (true, Key::Star) => {
                let lines = lines.clone();
                self.say(lines);
                Next::Stay
            }
            (true, key) => {
                if key != Key::Hash {
                    self.keep(key);
                }
                self.stop_saying();
                self.told_what_follows()
            }
        }
    }

    /// The message has been heard to its end.
    pub(super) fn told(&mut self) -> Next {
        if let State::Telling { result: true, .. } = self.state {
            self.reached(Outcome::Served);
        }
        self.told_what_follows()
    }

    fn told_what_follows(&self) -> Next {
        match self.kind() {
            Some(Kind::Say { then, .. } | Kind::Dispute { then, .. }) => Next::Go(*then),
            _ => Next::Stay,
        }
    }

    fn say_step(&self) -> Option<(MessageId, bool)> {
        match self.kind() {
            Some(Kind::Say { message, skippable, .. }) => Some((message.clone(), *skippable)),
            _ => None,
        }
    }
}
