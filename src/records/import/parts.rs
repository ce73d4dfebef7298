//! Rows, read, checked and put aside; and people put together from them again.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use super::columns::{self, PAYMENTS, PEOPLE};
use super::spool::{BUCKETS, Rows, Spool};
use super::table::{Table, Wrong};
use super::{Difference, ImportError, ImportOptions, ImportReport, Outcome, Progress, RowFault, Step, Telling};
use crate::facts::{CitizenId, Fen, Insurance, Month, Payment, Secret};
use crate::records::keyed::{Keyed, Kind, Pepper};
use crate::records::{Identifiers, Insured, InsuredKind};

/// Progress is told after so many rows.
const TOLD_AFTER: u64 = 16_384;

/// Both tables on their way into the database.
pub(super) struct Parts<'a, 'b> {
    pub(super) options: &'a ImportOptions,
    pepper: &'a Pepper,
    telling: &'a mut Telling<'b>,
    folder: &'a Path,
    people: Spool,
    payments: Spool,
    /// Lines of people whose number is somebody else's.
    refused: HashSet<u64>,
    people_rows: u64,
    payment_rows: u64,
    pub(super) faulty: u64,
}

/// A person of one part.
struct Person {
    hash: [u8; 32],
    line: u64,
    digits: u64,
    kind: InsuredKind,
    accounts: [Fen; 2],
    number: Secret<String>,
    identifiers: Identifiers,
    initial: Option<Secret<String>>,
}

/// A person with all that the two tables say.
pub(super) struct Whole {
    /// The hash of the ID number.
    pub(super) subject: Keyed,
    pub(super) insured: Insured,
    /// The query password that they are given.
    pub(super) initial: Option<Secret<String>>,
}

/// A payment of one part.
struct Paid {
    digits: u64,
    insurance: u8,
    month: u32,
    line: u64,
    amounts: [Fen; 3],
}

impl<'a, 'b> Parts<'a, 'b> {
    pub(super) fn new(
        options: &'a ImportOptions,
        pepper: &'a Pepper,
        folder: &'a Path,
        telling: &'a mut Telling<'b>,
    ) -> Parts<'a, 'b> {
        let (people, payments) = (Spool::new(folder), Spool::new(folder));
        let refused = HashSet::new();
        Parts {
            options,
            pepper,
            telling,
            folder,
            people,
            payments,
            refused,
            people_rows: 0,
            payment_rows: 0,
            faulty: 0,
        }
    }

    fn fault(
        &mut self,
        file: &Path,
        line: u64,
        column: Option<&'static str>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Result<(), ImportError> {
        self.faulty += 1;
        let fault = RowFault { file: file.display().to_string(), line, column, reason: reason.into() };
        Ok((self.telling)(&fault)?)
    }

    /// Reads both tables.
    pub(super) fn read(&mut self, progress: &mut Progress<'_>) -> Result<(), ImportError> {
        self.read_people(progress)?;
        self.read_payments(progress)
    }

    /// What came of it.
    pub(super) fn report(&self, outcome: Outcome, difference: Difference) -> ImportReport {
        let Parts { people_rows, payment_rows, faulty, .. } = *self;
        ImportReport { outcome, people_rows, payment_rows, faulty, difference, passwords: 0, left_over: None }
    }

    /// Reads the table of the insured.
    fn read_people(&mut self, progress: &mut Progress<'_>) -> Result<(), ImportError> {
        let options = self.options;
        let mut table = Table::open(&options.people, options.encoding, &PEOPLE)?;
        let length = std::fs::metadata(&options.people).map_or(0, |file| file.len());
        let mut numbers = Spool::new(self.folder);
        while let Some(row) = table.next_row()? {
            self.people_rows += 1;
            if self.people_rows.is_multiple_of(TOLD_AFTER) {
                progress(Step::People, table.read(), length);
            }
            match row.and_then(|()| self.person(&table)) {
                Ok(person) => self.put_person(&person, &mut numbers)?,
                Err((column, wrong)) => self.fault(&options.people, table.line(), column, wrong)?,
            }
        }
        progress(Step::People, length, length);
        self.no_number_twice(&mut numbers)
    }

    fn person(&self, table: &Table<8>) -> Result<Person, Wrong> {
        let id = table.column(0, |text| columns::id(text, self.options.today))?;
        Ok(Person {
            hash: self.pepper.hash(Kind::Id, id.as_str().as_bytes()).0,
            line: table.line(),
            digits: digits_of(&id),
            number: table.column(1, columns::number)?,
            kind: table.column(2, columns::kind)?,
            accounts: [table.column(3, columns::fen)?, table.column(4, columns::fen)?],
            identifiers: Identifiers {
                card: table.column(5, columns::card)?,
                personal_number: table.column(6, columns::personal_number)?,
                password: None,
            },
            initial: table.column(7, |text| columns::initial_password(text, &id))?,
        })
    }

    fn put_person(&mut self, person: &Person, numbers: &mut Spool) -> Result<(), ImportError> {
        let number = self.pepper.hash(Kind::Number, person.number.reveal().as_bytes());
        let card = person.identifiers.card_hashes(self.pepper).map(|[whole, _]| whole);
        let alone = [(1, Some(number)), (5, card), (6, person.identifiers.personal_hash(self.pepper))];
        for (column, hash) in alone {
            let Some(hash) = hash else { continue };
            numbers.put(first(&hash.0), |row| {
                row.push(column);
                row.extend(hash.0.iter().take(16));
                row.extend_from_slice(&person.line.to_be_bytes());
            })?;
        }
        self.people.put(first(&person.hash), |row| {
            row.extend_from_slice(&person.hash);
            row.extend_from_slice(&person.line.to_be_bytes());
            row.extend_from_slice(&person.digits.to_be_bytes());
            row.push(InsuredKind::ALL.iter().position(|kind| *kind == person.kind).unwrap_or(0) as u8);
            person.accounts.iter().for_each(|account| row.extend_from_slice(&account.0.to_be_bytes()));
            let Identifiers { card, personal_number, .. } = &person.identifiers;
            for text in [Some(&person.number), card.as_ref(), personal_number.as_ref(), person.initial.as_ref()] {
                let text = text.map_or("", |text| text.reveal());
                row.push(text.len() as u8);
                row.extend_from_slice(text.as_bytes());
            }
        })?;
        Ok(())
    }

    /// Two people with one social security number, card or personal number are a mistake: the later row of them is refused.
    fn no_number_twice(&mut self, numbers: &mut Spool) -> Result<(), ImportError> {
        for bucket in 0..=u8::MAX {
            let rows = numbers.take(bucket)?;
            let mut rows = Rows(&rows);
            let mut of_it: Vec<([u8; 17], u64)> = std::iter::from_fn(|| rows.array().zip(rows.number())).collect();
            of_it.sort_unstable();
            for [(before, first), (number, line)] in of_it.array_windows() {
                // Of a row with several such faults one is told.
                if before == number && self.refused.insert(*line) {
                    let reason = format!("it is that of the person in line {first} too");
                    let [column, ..] = number;
                    let column = PEOPLE.get(usize::from(*column)).map(|column| column.name);
                    self.fault(&self.options.people, *line, column, reason)?;
                }
            }
        }
        Ok(())
    }

    /// Reads the table of payments.
    fn read_payments(&mut self, progress: &mut Progress<'_>) -> Result<(), ImportError> {
        let options = self.options;
        let mut table = Table::open(&options.payments, options.encoding, &PAYMENTS)?;
        let length = std::fs::metadata(&options.payments).map_or(0, |file| file.len());
        let mut bearer = Bearer::default();
        while let Some(row) = table.next_row()? {
            self.payment_rows += 1;
            if self.payment_rows.is_multiple_of(TOLD_AFTER) {
                progress(Step::Payments, table.read(), length);
            }
            match row.and_then(|()| self.payment(&table, &mut bearer)) {
                Ok(paid) => self.payments.put(bearer.bucket, |row| {
                    row.extend_from_slice(&paid.digits.to_be_bytes());
                    row.extend_from_slice(&paid.line.to_be_bytes());
                    row.push(paid.insurance);
                    row.extend_from_slice(&paid.month.to_be_bytes());
                    paid.amounts.iter().for_each(|amount| row.extend_from_slice(&amount.0.to_be_bytes()));
                })?,
                Err((column, wrong)) => self.fault(&options.payments, table.line(), column, wrong)?,
            }
        }
        progress(Step::Payments, length, length);
        Ok(())
    }

    fn payment(&self, table: &Table<6>, bearer: &mut Bearer) -> Result<Paid, Wrong> {
        if bearer.text != table.raw(0) || bearer.text.is_empty() {
            *bearer = Bearer::default();
            let id = table.column(0, |text| columns::id(text, self.options.today))?;
            *bearer = Bearer {
                text: table.raw(0).to_vec(),
                digits: digits_of(&id),
                bucket: first(&self.pepper.hash(Kind::Id, id.as_str().as_bytes()).0),
                born: id.birth_date().map(Month::of),
            };
        }
        let insurance = table.column(1, columns::insurance)?;
        let month = table.column(2, columns::month)?;
        let wrong = |wrong| Err((Some(PAYMENTS[2].name), wrong));
        if month > self.options.as_of {
            return wrong("the month is later than the one that the records are to be true as of");
        }
        if bearer.born.is_some_and(|born| month < born) {
            return wrong("the month is before the person was born");
        }
        let amount = |column| table.column(column, columns::fen);
        Ok(Paid {
            digits: bearer.digits,
            insurance: Insurance::ALL.iter().position(|other| *other == insurance).unwrap_or(0) as u8,
            month: month.ordinal().unsigned_abs(),
            line: table.line(),
            amounts: [amount(3)?, amount(4)?, amount(5)?],
        })
    }

    /// Puts people together with their payments and hands them over, until a faulty row ends that.
    pub(super) fn put_together(
        &mut self,
        progress: &mut Progress<'_>,
        take: &mut dyn FnMut(Whole) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        for bucket in 0..=u8::MAX {
            let people = self.people_of(bucket)?;
            let payments = self.payments_of(bucket)?;
            let ranges = ranges(&payments);
            let known: HashSet<u64> = people.iter().map(|person| person.digits).collect();
            for paid in payments.iter().filter(|paid| !known.contains(&paid.digits)) {
                let reason = "the table of the insured has no such person, or has refused the row";
                self.fault(&self.options.payments, paid.line, Some(PAYMENTS[0].name), reason)?;
            }
            for person in people {
                let range = ranges.get(&person.digits).cloned().unwrap_or_default();
                let paid = self.by_insurance(payments.get(range).unwrap_or_default())?;
                let Some(id) = id_of(person.digits) else { continue };
                let [pension, medical] = person.accounts;
                let Person { hash, number, kind, identifiers, initial, .. } = person;
                let id = Secret::new(id);
                let insured = Insured { id, number, identifiers, kind, pension, medical, payments: paid };
                if self.faulty == 0 || self.options.skip_faulty {
                    take(Whole { subject: Keyed(hash), insured, initial })?;
                }
            }
            progress(Step::Loading, u64::from(bucket) + 1, BUCKETS as u64);
        }
        Ok(())
    }

    /// The people of a part, in the order of their hashes; of those with one ID number the first.
    fn people_of(&mut self, bucket: u8) -> Result<Vec<Person>, ImportError> {
        let rows = self.people.take(bucket)?;
        let mut rows = Rows(&rows);
        let mut people: Vec<Person> = std::iter::from_fn(|| Person::read(&mut rows)).collect();
        people.retain(|person| !self.refused.contains(&person.line));
        people.sort_unstable_by_key(|person| (person.hash, person.line));
        let mut first = 0;
        let mut twice = Vec::new();
        people.dedup_by(|person, before| {
            let same = person.digits == before.digits;
            first = before.line;
            if same {
                twice.push((person.line, before.line));
            }
            same
        });
        for (line, first) in twice {
            let reason = format!("it is that of the person in line {first} too");
            self.fault(&self.options.people, line, Some(PEOPLE[0].name), reason)?;
        }
        Ok(people)
    }

    /// The payments of a part, by person, insurance and month.
    fn payments_of(&mut self, bucket: u8) -> Result<Vec<Paid>, ImportError> {
        let rows = self.payments.take(bucket)?;
        let mut rows = Rows(&rows);
        let mut payments: Vec<Paid> = std::iter::from_fn(|| Paid::read(&mut rows)).collect();
        payments.sort_unstable_by_key(|paid| (paid.digits, paid.insurance, paid.month, paid.line));
        Ok(payments)
    }

    /// One person's payments by insurance; of two for one month the first.
    fn by_insurance(&mut self, of_one: &[Paid]) -> Result<[Vec<Payment>; 5], ImportError> {
        let mut by_insurance: [Vec<Payment>; 5] = Default::default();
        let mut before: Option<&Paid> = None;
        for paid in of_one {
            if let Some(first) =
                before.filter(|before| (before.insurance, before.month) == (paid.insurance, paid.month))
            {
                let reason = format!("line {} has this month of this insurance already", first.line);
                self.fault(&self.options.payments, paid.line, Some(PAYMENTS[2].name), reason)?;
                continue;
            }
            before = Some(paid);
            let month = i32::try_from(paid.month).ok().and_then(Month::of_ordinal);
            let (Some(month), Some(of_it)) = (month, by_insurance.get_mut(usize::from(paid.insurance))) else {
                continue;
            };
            let [base, personal, employer] = paid.amounts;
            of_it.push(Payment { month, base, personal, employer });
        }
        Ok(by_insurance)
    }
}

/// Whose payments were read last: those of one person mostly come together.
#[derive(Default)]
struct Bearer {
    text: Vec<u8>,
    digits: u64,
    bucket: u8,
    born: Option<Month>,
}

impl Person {
    fn read(rows: &mut Rows<'_>) -> Option<Person> {
        let (hash, line, digits) = (rows.array()?, rows.number()?, rows.number()?);
        let kind = *InsuredKind::ALL.get(usize::from(rows.array::<1>()?[0]))?;
        let accounts = [rows.fen()?, rows.fen()?];
        let mut text = || {
            let length = usize::from(rows.array::<1>()?[0]);
            Some(Secret::new(std::str::from_utf8(rows.bytes(length)?).ok()?.to_owned()))
        };
        let (number, others) = (text()?, [text()?, text()?, text()?]);
        let [card, personal_number, initial] = others.map(|text| Some(text).filter(|text| !text.reveal().is_empty()));
        let identifiers = Identifiers { card, personal_number, password: None };
        Some(Person { hash, line, digits, kind, accounts, number, identifiers, initial })
    }
}

impl Paid {
    fn read(rows: &mut Rows<'_>) -> Option<Paid> {
        let (digits, line) = (rows.number()?, rows.number()?);
        let [insurance] = rows.array()?;
        let month = u32::from_be_bytes(rows.array()?);
        Some(Paid { digits, insurance, month, line, amounts: [rows.fen()?, rows.fen()?, rows.fen()?] })
    }
}

/// Where each person's payments are.
fn ranges(payments: &[Paid]) -> HashMap<u64, Range<usize>> {
    let mut at = 0;
    let of_each = payments.chunk_by(|one, other| one.digits == other.digits);
    let range = of_each.filter_map(|of_one| {
        let range = at..at + of_one.len();
        at = range.end;
        Some((of_one.first()?.digits, range))
    });
    range.collect()
}

/// The seventeen digits that the last symbol follows from.
fn digits_of(id: &CitizenId) -> u64 {
    id.as_str().get(..17).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn id_of(digits: u64) -> Option<CitizenId> {
    let first = format!("{digits:017}");
    CitizenId::stored(format!("{first}{}", CitizenId::check_symbol(&first)).as_bytes())
}

/// By which a row is put aside.
fn first(hash: &[u8; 32]) -> u8 {
    let [first, ..] = hash;
    *first
}
