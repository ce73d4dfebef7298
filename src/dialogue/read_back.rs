//! A `read-back` step: payments, an item at a time, while the caller holds the keys.
//!
//! ```text
//!   heading -> item 1 -> between -> item 2 -> between -> ... -> end -> next step
//!                 ^ previous, repeat, slower    next ->              stop -> next step, at once
//! ```
//!
//! Keys besides the step's own: `0` a person, `*` the item again; others do nothing. A read-back answers its own keys,
//! so keys pressed before it are dropped.

use std::hash::{Hash, Hasher};

use super::collect::Answer;
use super::looking_up::Purpose;
use super::reading::{Stretch, stretches};
use super::{Dialogue, Next, Outcome, State, Taken};
use crate::facts::{Insurance, Key, Moment, Month, Payments, Query};
use crate::menu::{Kind, MessageId, PagingKeys, Period, StepId, Target};
use crate::speech::{Line, Pace, Value};

/// How many months the data may lag behind the calendar and a "last 12 months" still be 12.
const MOST_LAG: i32 = 12;

/// Payments being read.
#[derive(Clone, Debug)]
pub(super) struct ReadBack {
    message: MessageId,
    keys: PagingKeys,
    between: std::time::Duration,
    person: StepId,
    then: Target,
    insurance: Insurance,
    from: Month,
    to: Month,
    as_of: Month,
    /// Never more than the months asked for.
    items: Vec<Stretch>,
    at: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Heading,
    Item(usize),
    End,
}

impl Dialogue {
    pub(super) fn enter_read_back(
        &mut self,
        now: Moment,
        insurance: Insurance,
        period: Period,
        unavailable: StepId,
    ) -> Next {
        let (Some(person), Some((from, to))) = (self.verified, self.months_to_ask(period)) else {
            return Next::Go(Target::Step(unavailable));
        };
        self.look_up(now, Query::Payments { person, insurance, from, to }, Purpose::Read)
    }

    fn months_to_ask(&self, period: Period) -> Option<(Month, Month)> {
        let this_month = Month::of(self.caller.today);
        match period {
            Period::LastMonths(months) => Some((this_month.plus(1 - i32::from(months) - MOST_LAG), this_month)),
            Period::YearIn(slot) => match self.answer(slot) {
                Some(Answer::Year(year)) => Some((Month::new(*year, 1)?, Month::new(*year, 12)?)),
                _ => None,
            },
        }
    }

    pub(super) fn begin_reading(&mut self, payments: &Payments) -> Next {
        let Some(Kind::ReadBack { message, period, keys, between, then, person, .. }) = self.kind().cloned() else {
            return Next::Stay;
        };
        let (from, to) = match period {
            Period::LastMonths(months) => {
                let to = payments.to.min(payments.as_of);
                (to.plus(1 - i32::from(months)).max(payments.from).min(to), to)
            }
            Period::YearIn(_) => (payments.from, payments.to),
        };
        self.ahead.clear();
        let reading = ReadBack {
            message,
            keys,
            between,
            person,
            then,
            insurance: payments.insurance,
            from,
            to,
            as_of: payments.as_of,
            items: stretches(payments, from, to),
            at: Place::Heading,
        };
        let place = if reading.items.is_empty() { Place::End } else { Place::Heading };
        self.state = State::Reading(reading);
        self.read(place)
    }

    pub(super) fn key_while_reading(&mut self, now: Moment, key: Key) -> Next {
        let State::Reading(reading) = &self.state else { return Next::Stay };
        let (keys, at, then, person) = (reading.keys, reading.at, reading.then, reading.person);
        let (next, previous) = (reading.after(at), reading.before(at));
        let own = [keys.stop, keys.next, keys.previous, keys.repeat, keys.slower, Key::Star, Key::Digit(0)];
        if own.contains(&key) {
            self.took(|step| Taken::Key(step, key));
        }
        match key {
            _ if key == keys.stop => {
                self.stop_saying();
                Next::Go(then)
            }
            _ if key == keys.next => self.read(next),
            _ if key == keys.previous => self.read(previous),
            _ if key == keys.repeat || key == Key::Star => self.read(at),
            _ if key == keys.slower => {
                self.pace = Pace::Slow;
                self.read(at)
            }
            Key::Digit(0) => {
                self.stop_saying();
                self.asked_for_a_person(now);
                Next::Go(Target::Step(person))
            }
            _ => Next::Stay,
        }
    }

    /// An item has been heard to its end.
    pub(super) fn item_read(&mut self, now: Moment) -> Next {
        let State::Reading(reading) = &self.state else { return Next::Stay };
        let (at, between, then) = (reading.at, reading.between, reading.then);
        match at {
            Place::End => {
                self.reached(Outcome::Served);
                Next::Go(then)
            }
            Place::Heading | Place::Item(_) => {
                self.after(now, between);
                Next::Stay
            }
        }
    }

    pub(super) fn between_items_over(&mut self, _now: Moment) -> Next {
        let State::Reading(reading) = &self.state else { return Next::Stay };
        let next = reading.after(reading.at);
        self.read(next)
    }

    fn read(&mut self, place: Place) -> Next {
        self.timer = None;
        let State::Reading(reading) = &mut self.state else { return Next::Stay };
        reading.at = place;
        let line = reading.line();
        let mut lines = std::mem::take(&mut self.first_say);
        lines.push(line);
        self.say(lines);
        Next::Stay
    }
}

impl ReadBack {
    /// Hashes what decides how it goes on; the rest follows from the step.
    pub(super) fn digest(&self, into: &mut impl Hasher) {
        (self.at, self.items.len(), self.from, self.to).hash(into);
    }

    fn after(&self, at: Place) -> Place {
        let next = match at {
            Place::Heading => 0,
            Place::Item(item) => item + 1,
            Place::End => return Place::End,
        };
        if next < self.items.len() { Place::Item(next) } else { Place::End }
    }

    fn before(&self, at: Place) -> Place {
        match at {
            Place::Heading => Place::Heading,
            Place::Item(item) => item.checked_sub(1).map_or(Place::Heading, Place::Item),
            Place::End => self.items.len().checked_sub(1).map_or(Place::End, Place::Item),
        }
    }

    fn line(&self) -> Line {
        let message = &self.message;
        let as_of = Value::Month(self.as_of);
        let item = match self.at {
            Place::Item(item) => self.items.get(item),
            Place::Heading | Place::End => None,
        };
        match (item, self.at) {
            (Some(stretch), _) => stretch_line(message, self.insurance, stretch).with("as-of", as_of),
            (None, Place::Heading) => {
                self.with_period(Line::new(message)).with("insurance", Value::Word(self.insurance.name()))
            }
            (None, _) if self.items.is_empty() => self.with_period(Line::new(&format!("{message}.none"))),
            (None, _) => Line::new(&format!("{message}.end")).with("as-of", as_of),
        }
    }

    fn with_period(&self, line: Line) -> Line {
        line.with("from", Value::Month(self.from))
            .with("to", Value::Month(self.to))
            .with("as-of", Value::Month(self.as_of))
    }
}

fn stretch_line(message: &str, insurance: Insurance, stretch: &Stretch) -> Line {
    let alone = stretch.from == stretch.to;
    let attribute = match (stretch.paid, alone) {
        (Some(_), false) => "run",
        (Some(_), true) => "month",
        (None, false) => "gap",
        (None, true) => "gap-month",
    };
    let mut line = Line::new(&format!("{message}.{attribute}")).with("from", Value::Month(stretch.from));
    if !alone {
        line = line.with("to", Value::Month(stretch.to)).with("months", Value::Count(stretch.months().into()));
    }
    if let Some(shares) = stretch.paid {
        line = line
            .with("insurance", Value::Word(insurance.name()))
            .with("base", Value::Money(shares.base))
            .with("personal", Value::Money(shares.personal))
            .with("employer", Value::Money(shares.employer));
    }
    line
}
