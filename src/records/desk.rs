//! What operators do to locks and cases, over the same database as a running hotline. What shows or changes somebody's data is
//! written into a trail first, and done only if that succeeds.
//!
//! ```text
//!   hotline records locks ──▶ Desk::locks                      subjects as hashes' beginnings and masked numbers
//!   hotline records unlock ─▶ trail ─▶ Desk::unlock
//!   hotline cases list ─────▶ Desk::cases                      IDs and callback numbers are secrets, shown masked
//!   … --reveal, export ─────▶ trail ─▶ Case::id, Case::callback
//!   hotline cases close ────▶ trail ─▶ Desk::close
//! ```

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::RecordsError;
use super::calls::name;
use super::cases::{Case, insurance, opened};
use super::database::{self, IfMissing, OpenError};
use super::keyed::{Keyed, Kind, Pepper};
use super::locks::Standing;
use super::seal::Seal;
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

/// An operator's access to a records database.
pub struct Desk {
    connection: Connection,
    pepper: Pepper,
    seal: Seal,
}

impl Desk {
    /// Opens a database file that exists, with the keys that its personal values are sealed by.
    ///
    /// # Errors
    /// [`OpenError`] says which file, why, and what to do.
    pub fn open(path: &Path, seal: &Seal) -> Result<Desk, OpenError> {
        let (connection, pepper) = database::open(path, IfMissing::Refuse, seal)?;
        Ok(Desk { connection, pepper, seal: seal.clone() })
    }

    /// Who is locked at a time, the longest first; with `all` those too against whom only failures are held.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn locks(&self, at: Timestamp, all: bool) -> rusqlite::Result<Vec<LockShown>> {
        let sql = "SELECT what, subject, label, failed_at, locked_until FROM lock_outs \
                   WHERE locked_until > ?1 OR (?2 AND expires > ?1) ORDER BY locked_until DESC, subject LIMIT ?3";
        let now = at.as_millisecond();
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map(params![now, all, MOST_LISTED], |row| {
            let until: i64 = row.get(4)?;
            let failed = Standing::failed_of(&row.get::<_, String>(3)?);
            Ok(LockShown {
                what: row.get(0)?,
                hash: beginning(&Keyed(row.get(1)?)),
                label: row.get(2)?,
                failures: failed.iter().fold(0_u32, |sum, (_, count)| sum.saturating_add(*count)),
                until: Timestamp::from_millisecond(until).ok().filter(|_| until > now),
            })
        })?;
        rows.collect()
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
    pub fn unlock(&self, release: &Release) -> rusqlite::Result<usize> {
        let (_, hash) = self.keyed(release);
        let sql = "DELETE FROM lock_outs WHERE subject = ?1 OR of_id = ?1 OR of_caller = ?1";
        self.connection.execute(sql, [hash.0])
    }

    /// The cases, the newest first; those that are closed too with `all`.
    ///
    /// # Errors
    /// The database cannot be read, or a value not be opened.
    pub fn cases(&self, all: bool) -> Result<Vec<Case>, RecordsError> {
        let sql = "SELECT number, opened, person, insurance, month, blame, closed, closed_by, call FROM cases \
                   WHERE ?1 OR closed IS NULL ORDER BY number DESC LIMIT ?2";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query(params![all, MOST_LISTED])?;
        let mut cases = Vec::new();
        while let Some(row) = rows.next()? {
            cases.push(self.case(row)?);
        }
        Ok(cases)
    }

    fn case(&self, row: &Row<'_>) -> Result<Case, RecordsError> {
        let time = |value: i64| {
            let out_of_range = |_| RecordsError::OutOfRange { what: "time", value };
            Timestamp::from_millisecond(value).map_err(out_of_range)
        };
        let (number, of, month): (i64, i64, i64) = (row.get(0)?, row.get(3)?, row.get(4)?);
        let [id, callback] = opened(&self.seal, number, &row.get::<_, Vec<u8>>(2)?)?;
        let blame: String = row.get(5)?;
        let blame = Blame::ALL.into_iter().find(|one| one.name() == blame);
        let closed: Option<i64> = row.get(6)?;
        let closed_by: Option<String> = row.get(7)?;
        let out_of_range = |what, value| RecordsError::OutOfRange { what, value };
        let known = i32::try_from(month).ok().and_then(Month::of_ordinal);
        Ok(Case {
            number: CaseNumber::new(number.unsigned_abs()),
            opened: time(row.get(1)?)?,
            call: CallId::new(row.get(8)?),
            id,
            insurance: insurance(of).ok_or_else(|| out_of_range("insurance", of))?,
            month: known.ok_or_else(|| out_of_range("month", month))?,
            blame: blame.ok_or_else(|| out_of_range("party, of the case", number))?,
            callback,
            closed: closed.map(time).transpose()?.map(|at| (at, closed_by.unwrap_or_default())),
        })
    }

    /// Closes a case. False if there is none of that number, or it is closed already.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn close(&self, number: CaseNumber, who: &str, at: Timestamp) -> rusqlite::Result<bool> {
        let sql = "UPDATE cases SET closed = ?1, closed_by = ?2 WHERE number = ?3 AND closed IS NULL";
        let number = i64::try_from(number.case()).unwrap_or(0);
        Ok(self.connection.execute(sql, params![at.as_millisecond(), name(who), number])? > 0)
    }
}

fn beginning(hash: &Keyed) -> String {
    hash.0.iter().take(4).map(|octet| format!("{octet:02x}")).collect()
}
