//! A month of records out of two tables: the insured, and their payments.
//!
//! ```text
//!   people.csv ────▶ each row checked ─┬─▶ put aside by number ─────▶ no number twice
//!                                      └─▶ put aside by ID number ─┐
//!   payments.csv ──▶ each row checked ───▶ put aside by ID number ─┴─▶ 256 parts, one after another: no ID twice, nobody unknown,
//!                                                                      no month twice ──▶ the side that is not read ──▶ swap
//! ```
//!
//! Every faulty row is told. Unless faulty rows are to be skipped, one of them ends the writing, but not the checking; nothing is
//! then changed. What is read changes by the swap alone: see `sides`.
//!
//! In memory are the rows of one part, some 64 bytes each, what waits to be put aside (256 × 16 KB twice, thrice while the people
//! are read) and SQLite's pages: 61 MB with 24 million rows.

mod columns;
mod parts;
mod spool;
mod table;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use rusqlite::Connection;

pub use spool::SpoolError;
use table::Table;
pub use table::{Encoding, TableError};

use super::database::{self, IfMissing, OpenError};
use super::keyed::Pepper;
use super::rekey::seal_what_is_open;
use super::seal::Seal;
use super::sides::{Difference, Side, Staging, WriteError, WriteLock};
use crate::facts::Month;
use columns::{PAYMENTS, PEOPLE};
use parts::Parts;

/// So many people in a hundred may be gone from one month to the next before it is asked whether that is meant.
const MOST_GONE: u64 = 10;

/// What is imported, and how.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The table of the insured.
    pub people: PathBuf,
    /// The table of their payments.
    pub payments: PathBuf,
    /// The month they are true as of.
    pub as_of: Month,
    /// The day, which no date of birth lies after.
    pub today: Date,
    /// How both files are encoded; found out for each where it is not said.
    pub encoding: Option<Encoding>,
    /// Whether faulty rows are left out, and the others loaded.
    pub skip_faulty: bool,
    /// Whether the rows are only checked.
    pub check: bool,
    /// Whether an earlier month, or one with far fewer people, is taken too.
    pub force: bool,
}

/// A row that cannot be loaded. Names nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, by its name in docs/records-import.md; none if the row as a whole is wrong.
    pub column: Option<&'static str>,
    /// What is wrong with it.
    pub reason: Cow<'static, str>,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes of the table of the insured are read.
    People,
    /// Bytes of the table of payments are read.
    Payments,
    /// Parts are put together and written.
    Loading,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The month is read from now on.
    Loaded,
    /// All is as it was, to the last payment.
    Unchanged,
    /// The rows were only checked.
    Checked,
    /// There are faulty rows: nothing was changed.
    Refused,
}

/// What came of it, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportReport {
    /// What came of it.
    pub outcome: Outcome,
    /// Rows of the insured.
    pub people_rows: u64,
    /// Rows of payments.
    pub payment_rows: u64,
    /// Of all these, faulty ones.
    pub faulty: u64,
    /// How what was loaded differs from what was there.
    pub difference: Difference,
}

/// Why nothing was imported. The records are as they were.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Rows cannot be put aside.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The database cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It holds a later month.
    #[error(
        "the records are true as of {held}, which is later than {given}: --force takes the earlier month all the same"
    )]
    Earlier {
        /// What it holds.
        held: Month,
        /// What was given.
        given: Month,
    },
    /// Many people are no longer there.
    #[error(
        "{gone} of {before} people would be gone, more than {MOST_GONE} in a hundred: is the file whole? --force loads it all the same"
    )]
    Gone {
        /// How many would be gone.
        gone: u64,
        /// Of how many.
        before: u64,
    },
    /// Whoever is told of faulty rows could not take one.
    #[error("the faulty rows cannot be told: {0}")]
    Telling(#[from] std::io::Error),
}

impl From<OpenError> for ImportError {
    fn from(error: OpenError) -> ImportError {
        ImportError::Write(error.into())
    }
}

impl From<rusqlite::Error> for ImportError {
    fn from(error: rusqlite::Error) -> ImportError {
        ImportError::Write(error.into())
    }
}

/// Told of every faulty row: those that are wrong by themselves in the order of the file, then those that do not go together.
pub type Telling<'a> = dyn FnMut(&RowFault) -> std::io::Result<()> + 'a;
/// Told how much of a step is done, and of how much.
pub type Progress<'a> = dyn FnMut(Step, u64, u64) + 'a;

/// Imports a month into a database file, which is made if it is missing.
///
/// # Errors
/// [`ImportError`]; the records are then as they were. Faulty rows are no error: [`Outcome::Refused`].
pub fn import(
    database: &Path,
    seal: &Seal,
    options: &ImportOptions,
    telling: &mut Telling<'_>,
    progress: &mut Progress<'_>,
) -> Result<ImportReport, ImportError> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if options.check {
        let system = std::env::temp_dir();
        let (pepper, folder) = (Pepper::new(&Pepper::random_bytes()), if folder.is_dir() { folder } else { &system });
        let mut parts = Parts::new(options, &pepper, folder, telling);
        return check(&mut parts, progress);
    }
    // A table that is not there, or is none, is told before a database is made for it.
    Table::open(&options.people, options.encoding, &PEOPLE)?;
    Table::open(&options.payments, options.encoding, &PAYMENTS)?;
    let (mut connection, pepper) = database::open(database, IfMissing::Create, seal)?;
    let _lock = WriteLock::take(database)?;
    let (_, held) = Side::read(&connection)?;
    if let Some(held) = held.and_then(|held| i32::try_from(held).ok()).and_then(Month::of_ordinal)
        && held > options.as_of
        && !options.force
        && !is_made_up(&connection)?
    {
        return Err(ImportError::Earlier { held, given: options.as_of });
    }
    let mut parts = Parts::new(options, &pepper, folder, telling);
    parts.read(progress)?;
    if parts.faulty > 0 && !options.skip_faulty {
        parts.put_together(progress, &mut |_| Ok(()))?;
        return Ok(parts.report(Outcome::Refused, Difference::default()));
    }
    seal_what_is_open(&mut connection, seal)?;
    load(&mut connection, seal, &pepper, &mut parts, progress)
}

/// Without a database.
fn check(parts: &mut Parts<'_, '_>, progress: &mut Progress<'_>) -> Result<ImportReport, ImportError> {
    parts.read(progress)?;
    parts.put_together(progress, &mut |_| Ok(()))?;
    let outcome = if parts.faulty > 0 { Outcome::Refused } else { Outcome::Checked };
    Ok(parts.report(outcome, Difference::default()))
}

fn load(
    connection: &mut Connection,
    seal: &Seal,
    pepper: &Pepper,
    parts: &mut Parts<'_, '_>,
    progress: &mut Progress<'_>,
) -> Result<ImportReport, ImportError> {
    let (_, held) = Side::read(connection)?;
    let made_up = is_made_up(connection)?;
    let options = parts.options;
    // Pages that are touched again and again while it is written, those of the index above all.
    connection.pragma_update(None, "cache_size", -16_384)?;
    let mut staging = Staging::begin(connection, seal, pepper)?;
    parts.put_together(progress, &mut |insured| Ok(staging.add(insured)?))?;
    let difference = staging.difference()?;
    if parts.faulty > 0 && !options.skip_faulty {
        staging.abandon()?;
        return Ok(parts.report(Outcome::Refused, Difference::default()));
    }
    if difference.is_nothing() && held == Some(options.as_of.ordinal().into()) && !made_up {
        staging.abandon()?;
        return Ok(parts.report(Outcome::Unchanged, difference));
    }
    let before = difference.gone.saturating_add(difference.people.saturating_sub(difference.new));
    if difference.gone.saturating_mul(100) > before.saturating_mul(MOST_GONE) && !options.force && !made_up {
        staging.abandon()?;
        return Err(ImportError::Gone { gone: difference.gone, before });
    }
    staging.swap(options.as_of, None)?;
    Ok(parts.report(Outcome::Loaded, difference))
}

fn is_made_up(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT seed IS NOT NULL FROM meta", [], |row| row.get(0))
}
