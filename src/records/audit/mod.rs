//! The audit log: every access to a person's record, and every act of an operator upon one.
//!
//! ```text
//!   line n:   [n, act, at, who, what, subject, outcome]       JSON, UTF-8, without a blank
//!   hash n  = SHA-256( hash n-1 ‖ line n )                     hash 0 is 32 zeros, or what the anchor keeps of what has gone
//!
//!   anchor ──▶ line k ──▶ line k+1 ──▶ … ──▶ head             the head also stands in a file beside the database and in the log
//! ```
//!
//! A changed line breaks the chain there; a line put in or taken out breaks it too. A cut-off end leaves a whole chain: that
//! is what the head kept elsewhere is for. The person stands in it as a keyed hash alone.

mod chain;
mod log;
mod look;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::calls::utc;
use super::database::{self, IfMissing, OpenError};
use super::desk::{DeskAct, Trail};
use super::keyed::{Kind, Pepper};
use super::seal::Seal;
use crate::facts::{CallId, CallerNumber, CitizenId, PersonRef, Secret, hex};

use chain::Chain;
pub use chain::{Head, Removed};
pub(super) use log::access;
pub use log::{Audit, AuditLog};
pub use look::{AuditFault, AuditLine, Verified, Wanted, list, verify};

/// Letters of an outcome at most.
const MOST_OUTCOME: usize = 200;
/// Letters of an operator's name, and of what is done, at most.
const MOST_NAME: usize = 64;

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A caller, in this call.
    Call(CallId),
    /// An operator, by the name of their account. Cut after 64 letters.
    Operator(String),
    /// The hotline itself.
    Hotline,
}

/// Whose record it is done to. Only a keyed hash of it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person of the records.
    Person(PersonRef),
    /// Whoever has this ID number, if anybody has.
    Id(Secret<CitizenId>),
    /// A caller's number.
    Caller(CallerNumber),
    /// What stands for somebody already, as `case:17` or a hash's beginning. Cut after 80 letters.
    Named(String),
}

impl Subject {
    pub(super) fn keyed(&self, pepper: &Pepper) -> String {
        let (kind, hash) = match self {
            Subject::Person(person) => ("person", pepper.hash(Kind::Person, &person.0.to_be_bytes())),
            Subject::Id(id) => ("id", pepper.hash(Kind::Id, id.reveal().as_str().as_bytes())),
            Subject::Caller(caller) => ("caller", pepper.hash(Kind::Caller, caller.reveal().as_bytes())),
            Subject::Named(name) => return name.chars().take(80).collect(),
        };
        format!("{kind}:{}", hex(&hash.0))
    }
}

/// One thing that is done.
#[derive(Clone, Debug)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub who: Who,
    /// What, a word of the program's: `verify`, `balances`, `records unlock`. Cut after 64 letters.
    pub what: String,
    /// To whose record.
    pub subject: Option<Subject>,
    /// What came of it, words of the program's and counts alone: never what a person is called, or is numbered by. Cut after
    /// 200 letters.
    pub outcome: String,
}

/// An act as it is written: nobody's name or number in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) act: String,
    pub(super) at: String,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) subject: Option<String>,
    pub(super) outcome: String,
}

impl Entry {
    /// `act` is its name: 16 random octets.
    pub(super) fn of(act: &Act, name: [u8; 16], pepper: &Pepper) -> Entry {
        let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        Entry {
            act: hex(&name),
            at: utc(act.at),
            who: match &act.who {
                Who::Call(call) => format!("call:{call}"),
                Who::Operator(name) => format!("operator:{}", cut(name, MOST_NAME)),
                Who::Hotline => "hotline".into(),
            },
            what: cut(&act.what, MOST_NAME),
            subject: act.subject.as_ref().map(|subject| subject.keyed(pepper)),
            outcome: cut(&act.outcome, MOST_OUTCOME),
        }
    }
}

/// Why an act could not be written, or the log not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read or written.
    #[error("cannot read or write the audit log: {0}")]
    Database(#[from] rusqlite::Error),
    /// The file of the head cannot be read or written.
    #[error("cannot read or write the head of the audit log in {}: {source}", .path.display())]
    Head {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Writes an operator's act, with the keys beside the database ([`Seal::beside`]): see [`record_with`].
///
/// # Errors
/// [`AuditError`]; nothing is written then.
pub fn record(database: &Path, act: &Act) -> Result<(), AuditError> {
    record_with(database, &database::beside(database)?, act)
}

/// Writes an operator's act, and is done once it is on the disk. What is done to a record is done only if this succeeds.
/// A running hotline may write to the same database meanwhile.
///
/// # Errors
/// [`AuditError`]; nothing is written then.
pub fn record_with(database: &Path, seal: &Seal, act: &Act) -> Result<(), AuditError> {
    let (connection, pepper) = database::open(database, IfMissing::Refuse, seal)?;
    let entry = Entry::of(act, rand::random(), &pepper);
    Chain::over(connection, database)?.append(&[entry])?;
    Ok(())
}

/// The last line: what is to be kept elsewhere, so that a cut-off end is found.
///
/// # Errors
/// The database cannot be read.
pub fn head(database: &Path) -> Result<Head, AuditError> {
    Ok(chain::head(&database::open_reader(database)?)?)
}

/// The trail of operators' acts in a database's audit log.
pub struct AuditTrail {
    /// The database.
    pub database: PathBuf,
    /// What it is sealed by.
    pub seal: Seal,
}

impl Trail for AuditTrail {
    fn record(&self, act: &DeskAct) -> Result<(), String> {
        let act = Act {
            at: act.at,
            who: Who::Operator(act.who.clone()),
            what: act.what.to_owned(),
            subject: Some(Subject::Named(act.subject.clone())),
            outcome: act.outcome.clone(),
        };
        record_with(&self.database, &self.seal, &act).map_err(|error| error.to_string())
    }
}

/// Removes the lines from before a time, all but the last, and says so in a line of its own.
///
/// # Errors
/// [`AuditError`]
pub fn prune(database: &Path, before: Timestamp, at: Timestamp) -> Result<Option<Removed>, AuditError> {
    Chain::over(database::open_writer(database)?, database)?.prune(before, at)
}
