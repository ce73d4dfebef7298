//! Made-up records: several hundred insured people with varied histories, for demonstrations, test calls and simulation.
//!
//! Same seed and as-of month, same people, on every machine: all chance comes from ChaCha20 streams, a stream a person,
//! read as integers. More people only append: the first 500 of 1,000 are the 500 of 500. The first ten are
//! [`NAMED`], whose numbers and histories do not depend on the seed.
//!
//! # No real person bears these numbers
//!
//! ```text
//!   PP 99 CC …    citizens: province PP exists; GB/T 2260 gives its cities 01–20 and 51–70, its prefectures 21–50, its
//!                 county-level cities 90; no province has a "99"
//!   8x 9999 …     residence permits: real ones are 810000, 820000, 830000
//!   9 PP 999 …    permanent residence: the country's place holds ISO 3166's 900–999, left to private use
//! ```
//!
//! Birth dates and check symbols (GB 11643, X for one in eleven) are right, so that the numbers pass every check a
//! keyed number must pass. No names are stored: nothing in Hotline needs them.

mod history;
mod named;
mod people;

use std::path::Path;

use jiff::civil::Date;
use rusqlite::Connection;

pub use named::{NAMED, NamedPassword, NamedPerson, named};

use super::database::{self, IfMissing};
use super::keyed::Pepper;
use super::password::{Cost, hash_at};
use super::postgres::{self, Written};
use super::rekey::seal_what_is_open;
use super::sides::{Staging, WriteLock};
use super::{Identifiers, Insured, MemoryRecords, OpenError, PostgresOptions, Seal, SqliteRecords, WriteError};
use crate::facts::{Insurance, Month};

/// The most made-up people.
pub const MOST_PEOPLE: u32 = 50_000;

/// The most made-up people in tables.
pub const MOST_TABLED: u32 = 10_000_000;

/// What to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoOptions {
    /// How many people, the ten named ones included. Held within 10–[`MOST_PEOPLE`].
    pub people: u32,
    /// Which people.
    pub seed: u64,
    /// The month the records are true as of. Held within 2015-01–2050-12.
    pub as_of: Month,
}

impl DemoOptions {
    /// 500 people of seed 12333, true as of a month.
    pub const fn as_of(as_of: Month) -> DemoOptions {
        DemoOptions { people: 500, seed: 12333, as_of }
    }

    /// The named ten alone: quickly made, for tests and simulated calls.
    pub const fn named_only(as_of: Month) -> DemoOptions {
        DemoOptions { people: 10, seed: 12333, as_of }
    }

    fn bounded(self) -> DemoOptions {
        let (first, last) = (Month::new(2015, 1).unwrap_or(self.as_of), Month::new(2050, 12).unwrap_or(self.as_of));
        let people = self.people.clamp(10, MOST_PEOPLE);
        DemoOptions { people, as_of: self.as_of.clamp(first, last), ..self }
    }
}

/// The month that real records would be true as of on a day: the one before the previous, since a month's payments are
/// entered in the month after, and published when that has ended.
pub fn default_as_of(today: Date) -> Month {
    Month::of(today).plus(-2)
}

/// The people, one at a time: 50,000 of them need no memory.
pub fn people(options: DemoOptions) -> impl Iterator<Item = Insured> {
    people::People::new(options.bounded())
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoReport {
    /// People.
    pub people: u32,
    /// Rows of payments.
    pub payments: u64,
    /// The month they are true as of.
    pub as_of: Month,
    /// Whether other records were replaced.
    pub replaced: bool,
    /// Why these could not be emptied, which the next command that writes does first.
    pub left_over: Option<String>,
}

/// Why the demo records were not written.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It holds records that are not made up.
    #[error("{0} holds records that are not made up: name another database, or replace them with --force")]
    RealRecords(String),
    /// Writing failed; the records are as they were.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes the people into a database file, made with its folder if it is missing, with the keys beside it ([`Seal::beside`]): see
/// [`write_with`].
///
/// # Errors
/// [`DemoError`]; the records are then as they were.
pub fn write(path: &Path, options: DemoOptions, force: bool, progress: impl FnMut()) -> Result<DemoReport, DemoError> {
    write_with(path, &database::beside(path)?, options, force, progress)
}

/// Writes the people into a database file, made with its folder if it is missing. Earlier demo records are replaced (and, if
/// `force`, any others): a running hotline goes on and answers from the new ones once all are there. Lock-outs are lifted, call
/// records stay. Where there are keys, what was not sealed is sealed first. `progress` is called after each person.
///
/// # Errors
/// [`DemoError`]; the records are then as they were.
pub fn write_with(
    path: &Path,
    seal: &Seal,
    options: DemoOptions,
    force: bool,
    progress: impl FnMut(),
) -> Result<DemoReport, DemoError> {
    let options = options.bounded();
    let (mut connection, pepper) = database::open(path, IfMissing::Create, seal)?;
    let _lock = WriteLock::take(path)?;
    let (as_of, seed): (Option<i64>, Option<i64>) = connection
        .query_row("SELECT as_of, seed FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(WriteError::from)?;
    if as_of.is_some() && seed.is_none() && !force {
        return Err(DemoError::RealRecords(path.display().to_string()));
    }
    seal_what_is_open(&mut connection, seal)?;
    let (payments, left_over) = fill(&mut connection, seal, &pepper, options, progress)?;
    Ok(DemoReport { people: options.people, payments, as_of: options.as_of, replaced: as_of.is_some(), left_over })
}

/// Writes the people into a PostgreSQL database, as [`write()`] does into a file; its tables are made if they are missing.
///
/// # Errors
/// [`DemoError`]; the database is then as it was.
pub fn write_to_server(
    server: &PostgresOptions,
    options: DemoOptions,
    force: bool,
    progress: impl FnMut() + Send,
) -> Result<DemoReport, DemoError> {
    let options = options.bounded();
    match postgres::write(server, options.as_of, Some(options.seed), people(options), force, progress)? {
        Written::Payments { payments, replaced, left_over } => {
            Ok(DemoReport { people: options.people, payments, as_of: options.as_of, replaced, left_over })
        }
        Written::RealRecords => Err(DemoError::RealRecords(server.url.to_string())),
    }
}

/// The people in an SQLite database that lasts as long as the value.
///
/// # Errors
/// [`DemoError`], if SQLite refuses.
pub fn in_memory(options: DemoOptions) -> Result<SqliteRecords, DemoError> {
    let options = options.bounded();
    let records = SqliteRecords::open_in_memory()?;
    fill(&mut records.writer(), &Seal::open_values(), records.pepper(), options, || ())?;
    Ok(records)
}

/// Tells how many payments there are, and why what was there before could not be emptied.
fn fill(
    connection: &mut Connection,
    seal: &Seal,
    pepper: &Pepper,
    options: DemoOptions,
    mut progress: impl FnMut(),
) -> Result<(u64, Option<String>), WriteError> {
    let mut staging = Staging::begin(connection, seal, pepper)?;
    for person in people(options) {
        staging.add(&person)?;
        progress();
    }
    let payments = staging.difference()?.payments;
    staging.swap(options.as_of, Some(options.seed))?;
    Ok((payments, staging.end().err().map(|error| error.to_string())))
}

/// Writes the people as the two tables that `hotline records import` reads, `people.csv` and `payments.csv`, into a folder that is
/// made if it is missing: of each insurance no more than the last `months` payments, where that is said. Tells how many payments
/// there are.
///
/// # Errors
/// The system's.
pub fn write_tables(
    folder: &Path,
    options: DemoOptions,
    months: Option<u32>,
    mut progress: impl FnMut(),
) -> std::io::Result<u64> {
    let options = DemoOptions { people: options.people.clamp(10, MOST_TABLED), ..options };
    std::fs::create_dir_all(folder)?;
    let table = |name: &str| csv::Writer::from_path(folder.join(name));
    let (mut people, mut payments) = (table("people.csv")?, table("payments.csv")?);
    people.write_record(["id_number", "number", "kind", "pension", "medical", "card", "personal_number"])?;
    payments.write_record(["id_number", "insurance", "month", "base", "personal", "employer"])?;
    let mut written = 0;
    for insured in people::People::new(options) {
        let (id, number) = (insured.id.reveal().as_str(), insured.number.reveal().as_str());
        let accounts = [insured.pension, insured.medical].map(|account| account.to_string());
        let Identifiers { card, personal_number, .. } = &insured.identifiers;
        let [card, personal] = [card, personal_number].map(|text| text.as_ref().map_or("", |text| text.reveal()));
        people.write_record([id, number, insured.kind.name(), &accounts[0], &accounts[1], card, personal])?;
        for insurance in Insurance::ALL {
            let paid = insured.paid_into(insurance);
            let left_out = months.map_or(0, |months| paid.len().saturating_sub(months as usize));
            for payment in paid.iter().skip(left_out) {
                let [base, personal, employer] =
                    [payment.base, payment.personal, payment.employer].map(|amount| amount.to_string());
                let month = payment.month.to_string();
                payments.write_record([id, insurance.name(), &month, &base, &personal, &employer])?;
                written += 1;
            }
        }
        progress();
    }
    people.flush()?;
    payments.flush()?;
    Ok(written)
}

/// The people without SQL, for simulated calls: make one, and give each call [`MemoryRecords::fresh`] of it. Their query passwords
/// are hashed at the cost of memory, not at that of a database.
pub fn without_sql(options: DemoOptions) -> MemoryRecords {
    let people = people(options).map(|mut insured| {
        let named = NAMED.iter().find(|named| named.id == insured.id.reveal().as_str());
        let digits = named.and_then(|named| Some(named.password?.digits));
        if let (Some(digits), Some(password)) = (digits, &mut insured.identifiers.password) {
            // The hash that it has is as good, only dear.
            password.hash = hash_at(Cost::Memory, digits).unwrap_or_else(|_| password.hash.clone());
        }
        insured
    });
    MemoryRecords::new(options.bounded().as_of, people)
}
