//! What callers are told of people, on its way into the chain; no call waits for it.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::{Act, AuditError, Chain, Entry, Subject, Who};
use crate::facts::{CallId, Query, Reply, hex};
use crate::records::Seal;
use crate::records::database::{self, IfMissing, OpenError};
use crate::records::journal::{self, Journal, JournalCounts, Route, Sink, SinkError};

/// The chain's commits wait for the disk, and other writers for them: there are no more of them than this asks for. What is
/// told meanwhile is in the spool.
const EVERY: Duration = Duration::from_millis(250);

/// Who is told of each access to a record. Must not be passed by.
pub trait Audit: Send + Sync {
    /// Something was done.
    fn tell(&self, act: Act);
}

/// The audit log of a running hotline: by way of a spool beside the database.
pub struct AuditLog {
    journal: Journal<Act>,
}

impl AuditLog {
    /// Opens the database, with the keys that the pepper of its hashes is sealed by, and starts the threads. At most so many octets wait on the disk.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn start(database: &Path, seal: &Seal, spool: Option<&Path>, spool_size: u64) -> Result<AuditLog, OpenError> {
        let (connection, pepper) = database::open(database, IfMissing::Create, seal)?;
        let chain = Chain::over(connection, database).map_err(|error| OpenError::Io {
            path: database.to_owned(),
            source: std::io::Error::other(error.to_string()),
        })?;
        let folder = spool.map_or_else(|| journal::beside(database, "audit"), Path::to_owned);
        let route = Route { what: "audit lines", folder: folder.clone(), most: spool_size, every: EVERY };
        let mask = move |act: Act| Entry::of(&act, rand::random(), &pepper);
        let journal =
            Journal::start(route, mask, Box::new(chain)).map_err(|source| OpenError::Spool { path: folder, source })?;
        Ok(AuditLog { journal })
    }

    /// How the lines stand: lost since the start, waiting on the disk.
    pub fn counts(&self) -> JournalCounts {
        self.journal.counts()
    }
}

impl Audit for AuditLog {
    fn tell(&self, act: Act) {
        // One that is lost is counted, and leaves a line that says so.
        self.journal.tell(act);
    }
}

impl Sink<Entry> for Chain {
    fn write(&mut self, entries: &[Entry]) -> Result<(), SinkError> {
        self.append(entries).map_err(|error| match &error {
            AuditError::Database(database)
                if database.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) =>
            {
                SinkError::Refused(error.to_string())
            }
            _ => SinkError::Down(error.to_string()),
        })
    }
}

impl journal::Entry for Entry {
    fn gap(lost: u64) -> Option<Entry> {
        Some(Entry {
            act: hex(&rand::random::<[u8; 16]>()),
            at: crate::records::calls::utc(now()),
            who: "hotline".into(),
            what: "lost".into(),
            subject: None,
            outcome: format!("{lost} lines"),
        })
    }
}

/// What a question to the records and its answer are to the audit log.
pub(in crate::records) fn access(call: CallId, at: Timestamp, query: &Query, reply: &Reply) -> Act {
    let person = match reply {
        Reply::Matched(person) | Reply::InitialPassword(person) => Some(*person),
        _ => query.person(),
    };
    let keyed = match query {
        Query::Verify { identity, .. } => identity.id.clone(),
        _ => None,
    };
    let subject = person.map(Subject::Person).or(keyed.map(Subject::Id));
    Act { at, who: Who::Call(call), what: query.name().into(), subject, outcome: reply.name().into() }
}

#[allow(clippy::disallowed_methods, reason = "the shell's clock: when lines were lost")]
fn now() -> Timestamp {
    Timestamp::now()
}
