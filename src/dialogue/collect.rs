//! Collecting keys into an answer: what each key means, in each field, at each point of an entry.
//!
//! After VoiceXML 2.0 Appendix D. The three timers run in [`super::question`]; which one is told by the verdict:
//!
//! ```text
//!   prompt ........end|--timeout (first-key)--> no-input
//!                     1  -- interdigittimeout (between-keys) -->  evaluated as if ended
//!                     1 2 3 ... last possible key -- termtimeout (after-last) --> evaluated
//!                     1 2 3 #                      evaluated at once
//! ```
//!
//! | field | `0` as first key | digit | `*` first | `*` later | `#` first | `#` later | too many keys |
//! |---|---|---|---|---|---|---|---|
//! | citizen-id | person, at once | kept | again | after 17 digits the X, else start over | back | evaluate | too-long, once the caller pauses |
//! | digits, min 1 | kept | kept | again | start over | back | evaluate | too-long, once the caller pauses |
//! | digits, min > 1 | person, if nothing follows it | kept | again | start over | back | evaluate | too-long, once the caller pauses |
//! | year | person, at once | kept | again | start over | back | evaluate | too-long, once the caller pauses |
//! | month | person, at once | kept | again | start over | back | evaluate | too-long, once the caller pauses |
//! | password, again | person, if nothing follows it | kept | again | start over | back | evaluate | too-long, once the caller pauses |
//! | yes-no, insurance, whose-error | person, at once | a digit of theirs evaluates; else no-match | again | – | back | – | – |
//!
//! `A`–`D` are no-match in every field. An entry never holds more than [`MOST_KEYS`] symbols.

use jiff::civil::Date;

use super::Mistake;
use crate::facts::{Blame, CitizenId, IdFault, Insurance, Key, Month, PASSWORD_DIGITS, Secret};
use crate::menu::Field;

/// The most symbols an entry holds; further ones only make it too long.
pub const MOST_KEYS: usize = 32;

/// What one more key, or a timer, makes of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// More keys may come: `interdigittimeout` runs.
    More,
    /// The last possible key has come: `termtimeout` runs, for a terminator.
    Full,
    /// A good answer.
    Answer(Answer),
    /// No answer of this field.
    Wrong(Mistake),
    /// The caller asked for a person.
    Person,
    /// The caller asked for the question before.
    Back,
    /// The caller asked for the question again, or starts the entry over.
    Again,
}

/// A keyed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Of a `citizen-id` field.
    Id(Secret<CitizenId>),
    /// Of a `digits` or `password` field.
    Digits(Secret<String>),
    /// Of a `year` field.
    Year(i16),
    /// Of a `month` field.
    Month(Month),
    /// Of a `yes-no` field.
    YesNo(bool),
    /// Of an `insurance` field.
    Insurance(Insurance),
    /// Of a `whose-error` field.
    Blame(Blame),
}

/// The keys of one answer so far.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    field: Field,
    keyed: Secret<String>,
    overflowed: bool,
    /// What it must be the same as, in a field that asks again.
    before: Option<Secret<String>>,
}

impl Entry {
    /// An empty entry.
    pub(super) fn new(field: Field, before: Option<Secret<String>>) -> Entry {
        Entry { field, keyed: Secret::new(String::with_capacity(MOST_KEYS)), overflowed: false, before }
    }

    /// The same field, nothing keyed.
    pub(super) fn start_over(&mut self) {
        *self = Entry::new(self.field, self.before.take());
    }

    /// Whether nothing has been keyed yet.
    pub(super) fn is_empty(&self) -> bool {
        self.keyed.reveal().is_empty()
    }

    /// How many symbols it holds, and whether there were too many.
    pub(super) fn shape(&self) -> (usize, bool) {
        (self.keyed.reveal().len(), self.overflowed)
    }

    /// One more key. `today` bounds dates and years.
    pub(super) fn key(&mut self, key: Key, today: Date) -> Verdict {
        let first = self.keyed.reveal().is_empty();
        match key {
            Key::Letter(_) => Verdict::Wrong(Mistake::NoMatch),
            Key::Hash if first => Verdict::Back,
            Key::Hash => self.evaluate(today),
            Key::Star if first => Verdict::Again,
            Key::Star if self.field == Field::CitizenId && self.keyed.reveal().len() == 17 => self.keep('X'),
            Key::Star if self.overflowed => Verdict::More,
            Key::Star => Verdict::Again,
            Key::Digit(0) if first && self.zero_is_a_call_for_a_person() => Verdict::Person,
            Key::Digit(_) => self.digit(key.symbol()),
        }
    }

    /// `interdigittimeout` or `termtimeout` has passed: the entry is what it is.
    pub(super) fn timed_out(&mut self, today: Date) -> Verdict {
        self.evaluate(today)
    }

    fn digit(&mut self, digit: char) -> Verdict {
        match (self.field, digit) {
            (Field::YesNo, '1') => Verdict::Answer(Answer::YesNo(true)),
            (Field::YesNo, '2') => Verdict::Answer(Answer::YesNo(false)),
            (Field::WhoseError, '1') => Verdict::Answer(Answer::Blame(Blame::Agency)),
            (Field::WhoseError, '2') => Verdict::Answer(Answer::Blame(Blame::Employer)),
            (Field::Insurance, _) => {
                let place = digit.to_digit(10).and_then(|digit| digit.checked_sub(1));
                let insurance = place.and_then(|place| Insurance::ALL.get(place as usize));
                insurance.map_or(Verdict::Wrong(Mistake::NoMatch), |one| Verdict::Answer(Answer::Insurance(*one)))
            }
            (Field::YesNo | Field::WhoseError, _) => Verdict::Wrong(Mistake::NoMatch),
            _ => self.keep(digit),
        }
    }

    /// Takes a symbol, or notes that there are too many. The caller may be in the middle of keying, so too many are
    /// only spoken of once they pause.
    fn keep(&mut self, symbol: char) -> Verdict {
        let most = self.most();
        if self.keyed.reveal().len() >= most {
            self.overflowed = true;
            return Verdict::More;
        }
        self.keyed.reveal_mut().push(symbol);
        if self.keyed.reveal().len() == most { Verdict::Full } else { Verdict::More }
    }

    fn most(&self) -> usize {
        match self.field {
            Field::CitizenId => 18,
            Field::Digits { max, .. } => usize::from(max).min(MOST_KEYS),
            Field::Year => 4,
            Field::Month => 6,
            Field::Password | Field::PasswordAgain(_) => PASSWORD_DIGITS,
            Field::YesNo | Field::Insurance | Field::WhoseError => 1,
        }
    }

    /// No identity number, no year and no choice begins with 0, so there a first `0` can only mean a person.
    fn zero_is_a_call_for_a_person(&self) -> bool {
        !matches!(self.field, Field::Digits { .. } | Field::Password | Field::PasswordAgain(_))
    }

    fn evaluate(&self, today: Date) -> Verdict {
        let keyed = self.keyed.reveal();
        if self.overflowed {
            return Verdict::Wrong(Mistake::TooLong);
        }
        match self.field {
            Field::CitizenId => match CitizenId::parse(keyed, today) {
                Ok(id) => Verdict::Answer(Answer::Id(Secret::new(id))),
                Err(fault) => Verdict::Wrong(Mistake::from(fault)),
            },
            Field::Digits { min, .. } if keyed == "0" && min > 1 => Verdict::Person,
            Field::Digits { min, .. } if keyed.len() < usize::from(min) => Verdict::Wrong(Mistake::TooShort),
            Field::Digits { .. } => Verdict::Answer(Answer::Digits(Secret::new(keyed.clone()))),
            Field::Year if keyed.len() < 4 => Verdict::Wrong(Mistake::TooShort),
            Field::Year => match keyed.parse() {
                Ok(year) if (FIRST_YEAR..=today.year()).contains(&year) => Verdict::Answer(Answer::Year(year)),
                _ => Verdict::Wrong(Mistake::OutOfRange),
            },
            Field::Month if keyed.len() < 6 => Verdict::Wrong(Mistake::TooShort),
            Field::Month => match month(keyed) {
                Some(month) if month.year() >= FIRST_YEAR && month <= Month::of(today) => {
                    Verdict::Answer(Answer::Month(month))
                }
                _ => Verdict::Wrong(Mistake::OutOfRange),
            },
            Field::Password | Field::PasswordAgain(_) if keyed == "0" => Verdict::Person,
            Field::Password | Field::PasswordAgain(_) if keyed.len() < PASSWORD_DIGITS => {
                Verdict::Wrong(Mistake::TooShort)
            }
            Field::PasswordAgain(_) if self.before.as_ref() != Some(&self.keyed) => Verdict::Wrong(Mistake::Unlike),
            Field::Password | Field::PasswordAgain(_) => Verdict::Answer(Answer::Digits(Secret::new(keyed.clone()))),
            Field::YesNo | Field::Insurance | Field::WhoseError => Verdict::Wrong(Mistake::NoMatch),
        }
    }
}

/// No social insurance record is older than the republic.
const FIRST_YEAR: i16 = 1949;

/// `202603`.
fn month(keyed: &str) -> Option<Month> {
    let (year, month) = keyed.split_at_checked(4)?;
    Month::new(year.parse().ok()?, month.parse().ok()?)
}

impl From<IdFault> for Mistake {
    fn from(fault: IdFault) -> Mistake {
        match fault {
            IdFault::TooShort => Mistake::TooShort,
            IdFault::TooLong => Mistake::TooLong,
            IdFault::BadArea => Mistake::BadArea,
            IdFault::BadDate => Mistake::BadDate,
            IdFault::BadCheck | IdFault::BadSymbol => Mistake::BadCheck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const ID: Field = Field::CitizenId;
    const NUMBER: Field = Field::Digits { min: 8, max: 10 };
    const AGAIN: Field = Field::PasswordAgain(crate::menu::SlotId(0));
    const ONE: Field = Field::Digits { min: 1, max: 4 };

    /// The verdict after the last of some keys; `~` is the timer.
    fn verdict(field: Field, keys: &str) -> Verdict {
        let mut entry = Entry::new(field, Some(Secret::new("135790".into())));
        let today = date(2026, 11, 25);
        keys.chars()
            .map(|symbol| match symbol {
                '~' => entry.timed_out(today),
                _ => entry.key(Key::from_char(symbol).expect("a key"), today),
            })
            .last()
            .expect("some keys")
    }

    fn id(number: &str) -> Verdict {
        Verdict::Answer(Answer::Id(Secret::new(CitizenId::parse(number, date(2026, 11, 25)).expect("an ID"))))
    }

    fn digits(number: &str) -> Verdict {
        Verdict::Answer(Answer::Digits(Secret::new(number.into())))
    }

    #[test]
    fn every_cell_of_the_table() {
        let wrong = |mistake| Verdict::Wrong(mistake);
        let cells = [
            // citizen-id
            (ID, "0", Verdict::Person),
            (ID, "1", Verdict::More),
            (ID, "*", Verdict::Again),
            (ID, "12*", Verdict::Again),
            (ID, "11010519491231002*", Verdict::Full),
            (ID, "11010519491231002*#", id("11010519491231002X")),
            (ID, "11010519491231002*~", id("11010519491231002X")),
            (ID, "110105491231002#", id("11010519491231002X")),
            (ID, "110105491231002~", id("11010519491231002X")),
            (ID, "#", Verdict::Back),
            (ID, "11#", wrong(Mistake::TooShort)),
            (ID, "11~", wrong(Mistake::TooShort)),
            (ID, "11010519490231002*#", wrong(Mistake::BadDate)),
            (ID, "110105194912310021#", wrong(Mistake::BadCheck)),
            (ID, "19010519491231002*#", wrong(Mistake::BadArea)),
            (ID, "11010519491231002*1", Verdict::More),
            (ID, "11010519491231002*1#", wrong(Mistake::TooLong)),
            (ID, "11010519491231002*12~", wrong(Mistake::TooLong)),
            (ID, "11010519491231002**", Verdict::Again),
            (ID, "A", wrong(Mistake::NoMatch)),
            // digits
            (NUMBER, "0", Verdict::More),
            (NUMBER, "0#", Verdict::Person),
            (NUMBER, "0~", Verdict::Person),
            (NUMBER, "00#", wrong(Mistake::TooShort)),
            (NUMBER, "01234567#", digits("01234567")),
            (NUMBER, "12345678~", digits("12345678")),
            (NUMBER, "123456789", Verdict::More),
            (NUMBER, "1234567890", Verdict::Full),
            (NUMBER, "12345678901#", wrong(Mistake::TooLong)),
            (NUMBER, "1234567#", wrong(Mistake::TooShort)),
            (NUMBER, "*", Verdict::Again),
            (NUMBER, "1*", Verdict::Again),
            (NUMBER, "#", Verdict::Back),
            (NUMBER, "1B", wrong(Mistake::NoMatch)),
            (ONE, "0#", digits("0")),
            (ONE, "0~", digits("0")),
            // year
            (Field::Year, "0", Verdict::Person),
            (Field::Year, "2025", Verdict::Full),
            (Field::Year, "2025#", Verdict::Answer(Answer::Year(2025))),
            (Field::Year, "2025~", Verdict::Answer(Answer::Year(2025))),
            (Field::Year, "25#", wrong(Mistake::TooShort)),
            (Field::Year, "2027~", wrong(Mistake::OutOfRange)),
            (Field::Year, "1900~", wrong(Mistake::OutOfRange)),
            (Field::Year, "20255#", wrong(Mistake::TooLong)),
            (Field::Year, "2*", Verdict::Again),
            (Field::Year, "*", Verdict::Again),
            (Field::Year, "#", Verdict::Back),
            // yes-no
            (Field::YesNo, "1", Verdict::Answer(Answer::YesNo(true))),
            (Field::YesNo, "2", Verdict::Answer(Answer::YesNo(false))),
            (Field::YesNo, "3", wrong(Mistake::NoMatch)),
            (Field::YesNo, "0", Verdict::Person),
            (Field::YesNo, "*", Verdict::Again),
            (Field::YesNo, "#", Verdict::Back),
            // month
            (Field::Month, "0", Verdict::Person),
            (Field::Month, "202603", Verdict::Full),
            (Field::Month, "202603#", Verdict::Answer(Answer::Month(Month::new(2026, 3).expect("a month")))),
            (Field::Month, "202611~", Verdict::Answer(Answer::Month(Month::new(2026, 11).expect("a month")))),
            (Field::Month, "202612~", wrong(Mistake::OutOfRange)),
            (Field::Month, "202613~", wrong(Mistake::OutOfRange)),
            (Field::Month, "194812~", wrong(Mistake::OutOfRange)),
            (Field::Month, "20263#", wrong(Mistake::TooShort)),
            (Field::Month, "2026033#", wrong(Mistake::TooLong)),
            (Field::Month, "2*", Verdict::Again),
            (Field::Month, "*", Verdict::Again),
            (Field::Month, "#", Verdict::Back),
            // insurance, whose-error
            (Field::Insurance, "1", Verdict::Answer(Answer::Insurance(Insurance::Pension))),
            (Field::Insurance, "5", Verdict::Answer(Answer::Insurance(Insurance::Maternity))),
            (Field::Insurance, "6", wrong(Mistake::NoMatch)),
            (Field::Insurance, "0", Verdict::Person),
            (Field::Insurance, "*", Verdict::Again),
            (Field::Insurance, "#", Verdict::Back),
            (Field::WhoseError, "1", Verdict::Answer(Answer::Blame(Blame::Agency))),
            (Field::WhoseError, "2", Verdict::Answer(Answer::Blame(Blame::Employer))),
            (Field::WhoseError, "3", wrong(Mistake::NoMatch)),
            (Field::WhoseError, "0", Verdict::Person),
            // password, password-again
            (Field::Password, "0", Verdict::More),
            (Field::Password, "0#", Verdict::Person),
            (Field::Password, "012345", Verdict::Full),
            (Field::Password, "012345#", digits("012345")),
            (Field::Password, "135790~", digits("135790")),
            (Field::Password, "13579#", wrong(Mistake::TooShort)),
            (Field::Password, "1357901#", wrong(Mistake::TooLong)),
            (Field::Password, "1*", Verdict::Again),
            (Field::Password, "#", Verdict::Back),
            (AGAIN, "135790#", digits("135790")),
            (AGAIN, "135791#", wrong(Mistake::Unlike)),
            (AGAIN, "13579#", wrong(Mistake::TooShort)),
            (AGAIN, "0~", Verdict::Person),
        ];
        for (field, keys, expected) in cells {
            assert_eq!(verdict(field, keys), expected, "{field:?} {keys}");
        }
    }
}
