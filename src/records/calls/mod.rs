//! Call records: one row a call, written off the call's path, nothing secret in it.
//!
//! ```text
//!   CallRecord ──▶ journal ──▶ CallEntry: masked, hashed ──▶ spool ──▶ CallPlace: SQLite, JSON lines or PostgreSQL
//!                                 └──▶ ServiceCounts, for the metrics page
//! ```
//!
//! The caller's number is kept masked (`*********78`) beside its keyed hash, so that a repeated call can be told without
//! knowing who called; the verified person and the SIP Call-ID are kept as keyed hashes only.
//!
//! Dropping the log writes what waits, for up to 5 s; the rest waits on the disk for the next start. What is lost, and when,
//! says [`super::journal`]'s header; it is counted in [`CallLog::counts`].

mod entry;
mod json_lines;
mod postgres;
mod service;
mod sqlite;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashlink::LruCache;
use jiff::{SignedDuration, Timestamp};

use self::postgres::PostgresCalls;
use super::database::{self, IfMissing, OpenError};
use super::journal::{self, Journal, JournalCounts, Route, Sink};
use super::seal::Seal;
use crate::dialogue::Story;
use crate::facts::{CallId, CallerNumber, KeyCounts, PersonRef};

pub use self::postgres::CallServer;
pub use entry::CallEntry;
pub(crate) use entry::masked;
pub use service::{OTHER, Service, ServiceCounts};

/// Symbols of a number or a menu's name at most.
const MOST_NAME: usize = 64;
/// Callers that are remembered for a day at most; beyond, those longest ago go, and a call of theirs is no repeated one.
const MOST_CALLERS: usize = 100_000;
/// A call within this after another of the same caller is a repeated one.
const REPEATED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What became of one call.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Its name.
    pub call: CallId,
    /// When it began to ring.
    pub started: Timestamp,
    /// When it was answered; nothing if it never was.
    pub answered: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
    /// The number dialled. Cut after 64 symbols.
    pub called: String,
    /// Who called, where the network said so.
    pub caller: Option<CallerNumber>,
    /// The menu's name. Cut after 64 symbols.
    pub menu: String,
    /// The dialogue's own account: path, outcome, ending, language, keys.
    pub story: Story,
    /// The person verified, if any.
    pub person: Option<PersonRef>,
    /// The name of the trunk that brought it, where one did.
    pub trunk: Option<Arc<str>>,
    /// The digest of the version that served it. Cut after 64 symbols.
    pub version: Option<Arc<str>>,
    /// The SIP Call-ID.
    pub sip_call_id: Option<String>,
    /// By which way its keys came.
    pub keys: KeyCounts,
    /// Packets from the caller that did not come.
    pub rtp_lost: Option<u32>,
    /// RFC 3550 interarrival jitter at the call's end, in microseconds.
    pub rtp_jitter_us: Option<u32>,
}

/// Where call records are kept.
#[derive(Clone, Debug)]
pub enum CallPlace {
    /// The table `calls` of an SQLite database of Hotline's.
    Sqlite(PathBuf),
    /// A folder of JSON lines, a file a day (UTC): `calls-2026-11-25.jsonl`.
    JsonLines(PathBuf),
    /// The table `hotline_calls.calls` of a PostgreSQL database, which several hotlines may write to.
    Postgres(CallServer),
}

/// Why call records cannot be read or removed.
#[derive(Debug, thiserror::Error)]
pub enum CallsError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read or written.
    #[error("cannot read or write the call records: {0}")]
    Database(#[from] rusqlite::Error),
    /// Their server cannot be asked, or refuses.
    #[error("cannot read or write the call records on their server: {0}")]
    Server(String),
    /// Their server will never take an entry.
    #[error("the table of the call records does not take an entry: SQLSTATE {0}")]
    NeverTaken(String),
    /// The system grants no thread.
    #[error("cannot ask the server of the call records: {0}")]
    Thread(#[from] std::io::Error),
    /// A file cannot be read or removed.
    #[error("cannot read or write the call records in {}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl CallPlace {
    /// Gives the records of the calls that began from a time on and before another, in the order of their beginning within
    /// a day. Changes nothing.
    ///
    /// # Errors
    /// [`CallsError`]
    pub fn read(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        each: &mut dyn FnMut(CallEntry),
    ) -> Result<(), CallsError> {
        match self {
            CallPlace::Sqlite(path) => sqlite::read(path, from, to, each),
            CallPlace::JsonLines(folder) => json_lines::read(folder, from, to, each),
            CallPlace::Postgres(server) => Ok(PostgresCalls::new(server)?.read(from, to, each)?),
        }
    }

    /// Removes the records of calls that began before a time, a few at once, so that nobody waits for it. JSON lines go by
    /// whole days. Tells how many there were.
    ///
    /// # Errors
    /// [`CallsError`]; some may be gone then.
    pub fn prune(&self, before: Timestamp) -> Result<u64, CallsError> {
        match self {
            CallPlace::Sqlite(path) => sqlite::prune(path, before),
            CallPlace::JsonLines(folder) => json_lines::prune(folder, before),
            CallPlace::Postgres(server) => Ok(PostgresCalls::new(server)?.prune(before)?),
        }
    }

    fn sink(&self) -> Result<Box<dyn Sink<CallEntry>>, OpenError> {
        Ok(match self {
            CallPlace::Sqlite(path) => Box::new(sqlite::SqliteCalls::open(path)?),
            CallPlace::JsonLines(folder) => Box::new(json_lines::JsonLines::open(folder)?),
            // A server that does not answer now is asked again: until then records wait.
            CallPlace::Postgres(server) => {
                let why = |source| OpenError::Io { path: PathBuf::from(format!("{server:?}")), source };
                Box::new(PostgresCalls::new(server).map_err(why)?)
            }
        })
    }
}

/// How call records travel.
#[derive(Clone, Debug)]
pub struct CallLogOptions {
    /// The database whose key their hashes are made with.
    pub database: PathBuf,
    /// Where they are kept.
    pub place: CallPlace,
    /// The folder of those that wait.
    pub spool: PathBuf,
    /// Octets of it at most.
    pub spool_size: u64,
}

impl CallLogOptions {
    /// Octets that wait at most, where nothing else is said: some 80,000 calls.
    pub const SPOOL_SIZE: u64 = 64 << 20;

    /// In a database, and beside it what waits.
    pub fn of(database: &Path) -> CallLogOptions {
        CallLogOptions {
            database: database.to_owned(),
            place: CallPlace::Sqlite(database.to_owned()),
            spool: journal::beside(database, "calls"),
            spool_size: CallLogOptions::SPOOL_SIZE,
        }
    }
}

/// The writer of call records.
pub struct CallLog {
    journal: Journal<CallRecord>,
    service: Arc<Mutex<ServiceCounts>>,
}

impl CallLog {
    /// Opens (or makes) a database with the keys beside it ([`Seal::beside`]), and keeps call records in it.
    ///
    /// # Errors
    /// [`OpenError`] says which file, why, and what to do.
    pub fn open(path: &Path) -> Result<CallLog, OpenError> {
        CallLog::start(&CallLogOptions::of(path), &database::beside(path)?)
    }

    /// Opens what is named, with the keys that the pepper of its hashes is sealed by, and starts the threads.
    ///
    /// # Errors
    /// [`OpenError`] says which file, why, and what to do.
    pub fn start(options: &CallLogOptions, seal: &Seal) -> Result<CallLog, OpenError> {
        let (connection, pepper) = database::open(&options.database, IfMissing::Create, seal)?;
        drop(connection);
        let sink = options.place.sink()?;
        let service = Arc::<Mutex<ServiceCounts>>::default();
        let counted = Arc::clone(&service);
        let mut callers = Callers::of(&options.place, now());
        let mask = move |record: CallRecord| {
            let mut entry = CallEntry::of(&record, &pepper);
            entry.repeated = callers.repeats(&entry);
            lock(&counted).count(&entry);
            entry
        };
        let route = Route {
            what: "call records",
            folder: options.spool.clone(),
            most: options.spool_size,
            every: Duration::ZERO,
        };
        let journal = Journal::start(route, mask, sink)
            .map_err(|source| OpenError::Spool { path: options.spool.clone(), source })?;
        Ok(CallLog { journal, service })
    }

    /// Hands a record over; never blocks. False if it is lost because 1,024 wait already.
    pub fn write(&self, record: CallRecord) -> bool {
        self.journal.tell(record)
    }

    /// How the records stand: lost since the start, waiting on the disk.
    pub fn counts(&self) -> JournalCounts {
        self.journal.counts()
    }

    /// What calls came to since the start.
    pub fn service(&self) -> ServiceCounts {
        lock(&self.service).clone()
    }
}

impl journal::Entry for CallEntry {
    fn gap(_lost: u64) -> Option<CallEntry> {
        None
    }
}

fn lock(service: &Mutex<ServiceCounts>) -> MutexGuard<'_, ServiceCounts> {
    service.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When each caller last began a call that was answered, by the keyed hash of the number.
struct Callers {
    last: LruCache<String, Timestamp>,
}

impl Callers {
    /// With those of the day before the last call, as far as they can be read: a restart makes nobody a new caller.
    fn of(place: &CallPlace, now: Timestamp) -> Callers {
        let mut callers = Callers { last: LruCache::new(MOST_CALLERS) };
        let read = place.read(now.checked_sub(REPEATED_WITHIN).ok(), None, &mut |entry| {
            callers.repeats(&entry);
        });
        if let Err(error) = read {
            tracing::warn!(%error, "who called within the last day is not known: their next calls count as first ones");
        }
        callers
    }

    /// Whether the caller had called within a day before; they have now.
    fn repeats(&mut self, call: &CallEntry) -> bool {
        let (Some(caller), Some(_), Ok(began)) = (&call.caller_hash, &call.answered, call.started.parse::<Timestamp>())
        else {
            return false;
        };
        let Some(before) = self.last.insert(caller.clone(), began) else { return false };
        if before > began {
            // Calls are told of as they end: this one began before another that is over already.
            self.last.insert(caller.clone(), before);
            return false;
        }
        began.duration_since(before) <= REPEATED_WITHIN
    }
}

pub(super) fn name(text: &str) -> String {
    text.chars().take(MOST_NAME).collect()
}

pub(super) fn utc(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[allow(clippy::disallowed_methods, reason = "the shell's clock: who called within the last day")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_repeats_within_a_day_and_is_forgotten_beyond_the_bound() {
        let call = |caller: &str, started: &str| CallEntry {
            caller_hash: Some(caller.into()),
            answered: Some(started.into()),
            started: started.into(),
            ..CallEntry::default()
        };
        let mut callers = Callers { last: LruCache::new(2) };
        for (caller, started, repeats) in [
            ("a", "2026-11-25T08:00:00.000Z", false),
            ("a", "2026-11-26T08:00:00.000Z", true),
            ("a", "2026-11-26T07:00:00.000Z", false),
            ("a", "2026-11-27T08:00:00.001Z", false),
            ("b", "2026-11-27T09:00:00.000Z", false),
            ("c", "2026-11-27T09:00:00.000Z", false),
            ("a", "2026-11-27T09:00:00.000Z", false),
        ] {
            assert_eq!(callers.repeats(&call(caller, started)), repeats, "{caller} {started}");
        }
        assert!(!callers.repeats(&CallEntry { answered: None, ..call("a", "2026-11-27T09:30:00.000Z") }));
        assert!(!callers.repeats(&CallEntry { caller_hash: None, ..call("a", "2026-11-27T09:30:00.000Z") }));
    }
}
