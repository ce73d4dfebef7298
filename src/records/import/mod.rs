//! A month of records out of two tables: the insured, and their payments.
//!
//! ```text
//!   people.csv ────▶ each row checked ─┬─▶ put aside by number ─────▶ no number twice
//!                                      └─▶ put aside by ID number ─┐
//!   payments.csv ──▶ each row checked ───▶ put aside by ID number ─┴─▶ 256 parts, one after another: no ID twice, nobody unknown,
//!                                                                      no month twice ──▶ the new month, which nobody reads
//!   then initial passwords, where there are any, are hashed ──▶ swap ──▶ the passwords are given
//! ```
//!
//! Every faulty row is told. Unless faulty rows are to be skipped, one of them ends the writing, but not the checking; nothing is
//! then changed. What is read changes by the swap alone: in a file see `sides`, on a server
//! `postgres::writing`.
//!
//! In memory are the rows of one part, some 64 bytes each, what waits to be put aside (256 × 16 KB twice, thrice while the people
//! are read) and SQLite's pages: 61 MB with 24 million rows.

mod columns;
mod file;
mod parts;
mod passwords;
mod spool;
mod table;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

pub use spool::SpoolError;
use table::Table;
pub use table::{Encoding, TableError};

use super::database::OpenError;
use super::keyed::{Keyed, Pepper};
use super::password::StoredPassword;
use super::postgres::import::ServerTarget;
use super::sides::{Difference, WriteError};
use super::{Insured, RecordsError, Source};
use crate::facts::{Month, Secret};
use columns::{PAYMENTS, PEOPLE};
use file::FileTarget;
use parts::Parts;
use passwords::Initial;

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
    /// Initial passwords are hashed.
    Passwords,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Initial passwords that were given: not to those who have chosen one, or have been given the same before.
    pub passwords: u64,
    /// Why what nobody reads could not be emptied: the month before, or what was written and is not to be read. The next import does
    /// that first.
    pub left_over: Option<String>,
}

/// Why nothing was imported: the records are as they were, but for [`ImportError::NotGiven`].
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
    /// A service has records of its own.
    #[error("a service has records of its own: leave records.url out, or name a --database")]
    Service,
    /// A password cannot be hashed, or one that somebody has cannot be opened.
    #[error(transparent)]
    Password(RecordsError),
    /// The month is read, and initial passwords are yet to be given.
    #[error(
        "the month is in and is read, but not all initial passwords are given; the same import gives the others: {0}"
    )]
    NotGiven(Box<ImportError>),
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

/// Records that a month is written into. What is read of them changes by the swap alone.
pub(in crate::records) trait Target {
    /// The key of their hashes.
    fn pepper(&self) -> &Pepper;
    /// The month that is read, and whether its people are made up.
    fn held(&mut self) -> Result<(Option<Month>, bool), WriteError>;
    /// Begins a month beside the one that is read; what another left that was broken off is cleared.
    fn begin(&mut self) -> Result<Box<dyn NewMonth + '_>, WriteError>;
    /// Gives initial passwords, as hashes by the hash of the ID, to those who have not chosen one.
    fn give(&mut self, passwords: &[(Keyed, Secret<String>)]) -> Result<(), WriteError>;
}

/// A month that nobody reads yet.
pub(in crate::records) trait NewMonth {
    /// Writes a person; no ID twice.
    fn add(&mut self, insured: Insured) -> Result<(), WriteError>;
    /// How all that was written differs from what is read.
    fn difference(&mut self) -> Result<Difference, WriteError>;
    /// The passwords that people have, by the hash of the ID.
    fn passwords(&mut self, subjects: &[Keyed]) -> Result<Vec<Option<StoredPassword>>, ImportError>;
    /// From here on this month is read.
    fn swap(&mut self, as_of: Month) -> Result<(), WriteError>;
    /// Empties what nobody reads: after the swap the month before, else this one.
    fn end(self: Box<Self>) -> Result<(), WriteError>;
}

/// Imports a month into a database: a file, which is made if it is missing, or a server's.
///
/// # Errors
/// [`ImportError`]. Faulty rows are no error: [`Outcome::Refused`].
pub fn import(
    database: &Source,
    options: &ImportOptions,
    telling: &mut Telling<'_>,
    progress: &mut Progress<'_>,
) -> Result<ImportReport, ImportError> {
    let folder = folder(database);
    if options.check {
        let system = std::env::temp_dir();
        let (pepper, folder) = (Pepper::new(&Pepper::random_bytes()), if folder.is_dir() { &folder } else { &system });
        let mut parts = Parts::new(options, &pepper, folder, telling);
        return check(&mut parts, progress);
    }
    // A table that is not there, or is none, is told before a database is made for it.
    Table::open(&options.people, options.encoding, &PEOPLE)?;
    Table::open(&options.payments, options.encoding, &PAYMENTS)?;
    match database {
        Source::Sqlite(file, seal) => into(&mut FileTarget::open(file, seal)?, &folder, options, telling, progress),
        Source::Postgres(server) => into(&mut ServerTarget::open(server)?, &folder, options, telling, progress),
        Source::Service(_) => Err(ImportError::Service),
    }
}

/// Where rows are put aside: beside a file, else where the system keeps what is temporary.
fn folder(database: &Source) -> PathBuf {
    match database {
        Source::Sqlite(file, _) => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            folder.unwrap_or(Path::new(".")).to_owned()
        }
        Source::Postgres(_) | Source::Service(_) => std::env::temp_dir(),
    }
}

/// Without a database.
fn check(parts: &mut Parts<'_, '_>, progress: &mut Progress<'_>) -> Result<ImportReport, ImportError> {
    parts.read(progress)?;
    parts.put_together(progress, &mut |_| Ok(()))?;
    let outcome = if parts.faulty > 0 { Outcome::Refused } else { Outcome::Checked };
    Ok(parts.report(outcome, Difference::default()))
}

fn into(
    target: &mut dyn Target,
    folder: &Path,
    options: &ImportOptions,
    telling: &mut Telling<'_>,
    progress: &mut Progress<'_>,
) -> Result<ImportReport, ImportError> {
    let (held, made_up) = target.held()?;
    if let Some(held) = held.filter(|held| *held > options.as_of && !options.force && !made_up) {
        return Err(ImportError::Earlier { held, given: options.as_of });
    }
    let pepper = target.pepper().clone();
    let mut parts = Parts::new(options, &pepper, folder, telling);
    parts.read(progress)?;
    if parts.faulty > 0 && !options.skip_faulty {
        parts.put_together(progress, &mut |_| Ok(()))?;
        return Ok(parts.report(Outcome::Refused, Difference::default()));
    }
    let mut initial = Initial::new(folder);
    let report = load(target, &mut parts, &mut initial, progress)?;
    if report.outcome == Outcome::Loaded {
        initial.give(target).map_err(|error| ImportError::NotGiven(Box::new(error)))?;
    }
    Ok(report)
}

fn load(
    target: &mut dyn Target,
    parts: &mut Parts<'_, '_>,
    initial: &mut Initial,
    progress: &mut Progress<'_>,
) -> Result<ImportReport, ImportError> {
    let (held, made_up) = target.held()?;
    let options = parts.options;
    let mut month = target.begin()?;
    parts.put_together(progress, &mut |person| {
        if let Some(password) = &person.initial {
            initial.put(&person.subject, password)?;
        }
        Ok(month.add(person.insured)?)
    })?;
    let difference = month.difference()?;
    if parts.faulty > 0 && !options.skip_faulty {
        return Ok(ended(month, parts.report(Outcome::Refused, Difference::default())));
    }
    let before = difference.gone.saturating_add(difference.people.saturating_sub(difference.new));
    if difference.gone.saturating_mul(100) > before.saturating_mul(MOST_GONE) && !options.force && !made_up {
        // What cannot be emptied now, the next import empties; what is to be told is this.
        let _ = month.end();
        return Err(ImportError::Gone { gone: difference.gone, before });
    }
    let passwords = initial.hash(month.as_mut(), &mut |done, of| progress(Step::Passwords, done, of))?;
    if difference.is_nothing() && passwords == 0 && held == Some(options.as_of) && !made_up {
        return Ok(ended(month, parts.report(Outcome::Unchanged, difference)));
    }
    month.swap(options.as_of)?;
    Ok(ended(month, ImportReport { passwords, ..parts.report(Outcome::Loaded, difference) }))
}

/// What is read stays; what is not goes, and it is no failure of the import where it cannot yet.
fn ended(month: Box<dyn NewMonth + '_>, report: ImportReport) -> ImportReport {
    ImportReport { left_over: month.end().err().map(|error| error.to_string()), ..report }
}
