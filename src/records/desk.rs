//! What operators do to locks and cases, over the same database as a running hotline. What shows or changes somebody's data is
//! written into a trail first, and done only if that succeeds.
//!
//! ```text
//!   hotline records locks ──▶ Desk::locks                      subjects as hashes' beginnings and masked numbers
//!   hotline records unlock ─▶ trail ─▶ Desk::unlock
//!   hotline cases list ─────▶ Desk::cases                      IDs and callback numbers are secrets, shown masked
//!   … --reveal, export ─────▶ trail ─▶ Case::id, Case::callback
//!   hotline cases close ────▶ Desk::is_open ─▶ trail ─▶ Desk::close; a trail too of what was not closed
//! ```
//!
//! The statements are the same in a file and on a server, where each is asked over a connection of its own.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::calls::name;
use super::cases::{Case, insurance, opened};
use super::database::{self, IfMissing};
use super::keyed::{Keyed, Kind, Pepper};
use super::locks::Standing;
use super::postgres::desk as server;
use super::seal::Seal;
use super::{OpenError, PostgresOptions, RecordsError, Source};
use crate::facts::{Blame, CallId, CallerNumber, CaseNumber, CitizenId, Month, Secret};

/// The cases and locks that one listing tells at most.
pub const MOST_LISTED: u32 = 100_000;

/// Whom an operator releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// A person, asked for from wherever.
    Id(Secret<CitizenId>),
    /// A caller's number, whomever it asks for.
    Caller(CallerNumber),
    /// A trunk.
    Trunk(String),
}

/// One that failures are held against.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LockShown {
    /// `id-from-caller`, `caller`, `id` or `trunk`.
    pub what: String,
    /// The first eight hexadecimal digits of its hash.
    pub hash: String,
    /// A masked number, or a trunk's name.
    pub label: String,
    /// Failures that count at the moment.
    pub failures: u32,
    /// Until when it is locked, in UTC; nothing if it is not.
    pub until: Option<Timestamp>,
}

/// An operator's act, for the trail: nobody's number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskAct {
    /// When.
    pub at: Timestamp,
    /// The operator's name.
    pub who: String,
    /// What, as it is called: `records unlock`.
    pub what: &'static str,
    /// To what: the beginning of a hash with its kind before it, a trunk, a case.
    pub subject: String,
    /// What came of it, or will.
    pub outcome: String,
}

/// Where operators' acts are written down.
pub trait Trail {
    /// Writes an act; it is on the disk, or wherever it is kept, when this returns.
    ///
    /// # Errors
    /// Why it could not: the act is not done then.
    fn record(&self, act: &DeskAct) -> Result<(), String>;
}

/// Why an operator's act failed.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The database cannot be had: which, why, and what to do.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It failed, or what it holds cannot be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl From<rusqlite::Error> for DeskError {
    fn from(error: rusqlite::Error) -> DeskError {
        DeskError::Records(error.into())
    }
}

/// Who is locked at $1, and with $2 whoever failures are held against.
pub(super) const LOCKS: &str = "SELECT what, subject, label, failed_at, locked_until FROM lock_outs \
                                WHERE locked_until > $1 OR ($2 AND expires > $1) ORDER BY locked_until DESC, subject LIMIT $3";
pub(super) const UNLOCK: &str = "DELETE FROM lock_outs WHERE subject = $1 OR of_id = $1 OR of_caller = $1";
/// Those that are open, and with $1 all.
pub(super) const CASES: &str = "SELECT number, opened, person, insurance, month, blame, closed, closed_by, call FROM cases \
                                WHERE $1 OR closed IS NULL ORDER BY number DESC LIMIT $2";
pub(super) const IS_OPEN: &str = "SELECT EXISTS (SELECT 1 FROM cases WHERE number = $1 AND closed IS NULL)";
pub(super) const CLOSE: &str = "UPDATE cases SET closed = $1, closed_by = $2 WHERE number = $3 AND closed IS NULL";

/// A row of [`LOCKS`].
pub(super) struct LockRow {
    pub(super) what: String,
    pub(super) subject: [u8; 32],
    pub(super) label: String,
    pub(super) failed_at: String,
    pub(super) locked_until: i64,
}

impl LockRow {
    fn shown(self, now: i64) -> LockShown {
        let failed = Standing::failed_of(&self.failed_at);
        LockShown {
            what: self.what,
            hash: beginning(&Keyed(self.subject)),
            label: self.label,
            failures: failed.iter().fold(0_u32, |sum, (_, count)| sum.saturating_add(*count)),
            until: Timestamp::from_millisecond(self.locked_until).ok().filter(|_| self.locked_until > now),
        }
    }
}

/// A row of [`CASES`].
pub(super) struct CaseRow {
    pub(super) number: i64,
    pub(super) opened: i64,
    pub(super) person: Vec<u8>,
    pub(super) insurance: i64,
    pub(super) month: i64,
    pub(super) blame: String,
    pub(super) closed: Option<i64>,
    pub(super) closed_by: Option<String>,
    pub(super) call: [u8; 16],
}

impl CaseRow {
    fn case(self, seal: &Seal) -> Result<Case, RecordsError> {
        let out_of_range = |what, value| RecordsError::OutOfRange { what, value };
        let time = |value: i64| Timestamp::from_millisecond(value).map_err(|_| out_of_range("time", value));
        let [id, callback] = opened(seal, self.number, &self.person)?;
        let blame = Blame::ALL.into_iter().find(|one| one.name() == self.blame);
        let month = i32::try_from(self.month).ok().and_then(Month::of_ordinal);
        let closed_by = self.closed_by.unwrap_or_default();
        Ok(Case {
            number: CaseNumber::new(self.number.unsigned_abs()),
            opened: time(self.opened)?,
            call: CallId::new(self.call),
            id,
            insurance: insurance(self.insurance).ok_or_else(|| out_of_range("insurance", self.insurance))?,
            month: month.ok_or_else(|| out_of_range("month", self.month))?,
            blame: blame.ok_or_else(|| out_of_range("party, of the case", self.number))?,
            callback,
            closed: self.closed.map(time).transpose()?.map(|at| (at, closed_by)),
        })
    }
}

/// An operator's access to a records database.
pub struct Desk {
    place: Place,
    pepper: Pepper,
    seal: Seal,
}

enum Place {
    File(Connection),
    Server(Box<PostgresOptions>),
}

impl Desk {
    /// Opens a database that exists, with the keys that its personal values are sealed by.
    ///
    /// # Errors
    /// [`OpenError`] says which, why, and what to do. A service of an agency's own locks, and keeps cases, by itself.
    pub fn open(source: &Source) -> Result<Desk, OpenError> {
        match source {
            Source::Sqlite(file, seal) => {
                let (connection, pepper) = database::open(file, IfMissing::Refuse, seal)?;
                Ok(Desk { place: Place::File(connection), pepper, seal: seal.clone() })
            }
            Source::Postgres(options) => {
                let seal = options.seal.for_database();
                let pepper = server::pepper(options, &seal)?;
                Ok(Desk { place: Place::Server(Box::new(options.clone())), pepper, seal })
            }
            Source::Service(options) => {
                let why = "it locks out and keeps cases by itself: they are seen and released where the service is"
                    .to_owned();
                Err(OpenError::Server { server: options.url.to_string(), why })
            }
        }
    }

    /// Who is locked at a time, the longest first; with `all` those too against whom only failures are held.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn locks(&self, at: Timestamp, all: bool) -> Result<Vec<LockShown>, DeskError> {
        let now = at.as_millisecond();
        let rows = match &self.place {
            Place::Server(options) => server::locks(options, now, all)?,
            Place::File(connection) => {
                let mut statement = connection.prepare(LOCKS)?;
                let rows = statement.query_map(params![now, all, MOST_LISTED], |row| {
                    let (what, subject, label) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    Ok(LockRow { what, subject, label, failed_at: row.get(3)?, locked_until: row.get(4)? })
                })?;
                rows.collect::<rusqlite::Result<_>>()?
            }
        };
        Ok(rows.into_iter().map(|row| row.shown(now)).collect())
    }

    /// The trail's name of one that is released.
    pub fn subject(&self, release: &Release) -> String {
        let (kind, hash) = self.keyed(release);
        match release {
            Release::Trunk(trunk) => format!("trunk:{}", name(trunk)),
            _ => format!("{kind}:{}", beginning(&hash)),
        }
    }

    fn keyed(&self, release: &Release) -> (&'static str, Keyed) {
        match release {
            Release::Id(id) => ("id", self.pepper.hash(Kind::Id, id.reveal().as_str().as_bytes())),
            Release::Caller(caller) => ("caller", self.pepper.hash(Kind::Caller, caller.reveal().as_bytes())),
            Release::Trunk(trunk) => ("trunk", self.pepper.hash(Kind::Trunk, name(trunk).as_bytes())),
        }
    }

    /// Forgets all that is held against one: a person from wherever they were asked for, a telephone whomever it asked for.
    /// Tells how many locks and counts there were.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn unlock(&self, release: &Release) -> Result<u64, DeskError> {
        let (_, hash) = self.keyed(release);
        Ok(match &self.place {
            Place::File(connection) => connection.execute(UNLOCK, [hash.0])? as u64,
            Place::Server(options) => server::unlock(options, &hash)?,
        })
    }

    /// The cases, the newest first; those that are closed too with `all`.
    ///
    /// # Errors
    /// The database cannot be read, or a value not be opened.
    pub fn cases(&self, all: bool) -> Result<Vec<Case>, DeskError> {
        let rows = match &self.place {
            Place::Server(options) => server::cases(options, all)?,
            Place::File(connection) => {
                let mut statement = connection.prepare(CASES)?;
                let rows = statement.query_map(params![all, MOST_LISTED], |row| {
                    Ok(CaseRow {
                        number: row.get(0)?,
                        opened: row.get(1)?,
                        person: row.get(2)?,
                        insurance: row.get(3)?,
                        month: row.get(4)?,
                        blame: row.get(5)?,
                        closed: row.get(6)?,
                        closed_by: row.get(7)?,
                        call: row.get(8)?,
                    })
                })?;
                rows.collect::<rusqlite::Result<Vec<_>>>()?
            }
        };
        Ok(rows.into_iter().map(|row| row.case(&self.seal)).collect::<Result<_, RecordsError>>()?)
    }

    /// Whether there is an open case of that number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_open(&self, number: CaseNumber) -> Result<bool, DeskError> {
        let number = i64::try_from(number.case()).unwrap_or(0);
        Ok(match &self.place {
            Place::File(connection) => connection.query_row(IS_OPEN, [number], |row| row.get(0))?,
            Place::Server(options) => server::is_open(options, number)?,
        })
    }

    /// Closes a case. False if there is none of that number, or it is closed already.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn close(&self, number: CaseNumber, who: &str, at: Timestamp) -> Result<bool, DeskError> {
        let number = i64::try_from(number.case()).unwrap_or(0);
        let (at, who) = (at.as_millisecond(), name(who));
        let closed = match &self.place {
            Place::File(connection) => connection.execute(CLOSE, params![at, who, number])? as u64,
            Place::Server(options) => server::close(options, number, &who, at)?,
        };
        Ok(closed > 0)
    }
}

fn beginning(hash: &Keyed) -> String {
    hash.0.iter().take(4).map(|octet| format!("{octet:02x}")).collect()
}
