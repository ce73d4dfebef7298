//! The insured, their accounts and their payments, behind one trait; who is locked out; what became of each call.
//!
//! ```text
//!   a call's shell ──ask(query, expires)──▶ RecordsPool ──answer──▶ dyn Records
//!                                            2 workers              ├ SqliteRecords    a file; locks outlive the process
//!                 ◀──────reply(Reply)────── 256 waiting             ├ PostgresRecords  a server; locks shared by all nodes
//!                                                                   ├ ServiceRecords   HTTP; the service locks out
//!                                                                   └ MemoryRecords    simulated calls, tests
//!
//!   a call's end ───write(CallRecord)──────▶ CallLog ──journal──▶ spool on disk ──▶ SQLite, JSON lines, PostgreSQL
//! ```
//!
//! A [`Records`] blocks and knows no clock: the pool keeps it off the call's path, and the time of a question is its
//! argument. What is personal stays here: ID numbers and callers' numbers lie in lock-outs and call records only as
//! keyed hashes, and no error names them.

pub mod audit;
mod breaker;
mod calls;
mod carried;
mod cases;
mod columns;
mod database;
pub mod demo;
mod desk;
mod ended;
pub mod import;
mod insured;
mod journal;
mod keyed;
mod locks;
mod memory;
mod pace;
mod packed;
mod password;
mod place;
mod pool;
mod postgres;
mod rekey;
mod remote;
pub mod retention;
mod seal;
mod service;
mod sides;
mod spool;
mod sqlite;
mod traffic;
mod verification;

pub use breaker::{BreakerPolicy, BreakerState};
pub(crate) use calls::masked;
pub use calls::{
    CallEntry, CallLog, CallLogOptions, CallPlace, CallRecord, CallServer, CallsError, OTHER, Service, ServiceCounts,
};
pub use cases::{Case, MOST_A_DAY};
pub use database::{DatabaseStanding, OpenError, look, sealed_by};
pub use desk::{Desk, DeskAct, DeskError, LockShown, MOST_LISTED, Release, Trail};
pub use ended::{EndedCalls, MOST_WAYS, ReadError, ended_calls};
pub use insured::{Insured, InsuredKind};
pub use journal::{JournalCounts, Sink, SinkError};
pub use locks::{LockPolicy, Locked};
pub use memory::MemoryRecords;
pub use packed::Unreadable;
pub use password::{LANES, MEMORY_KIB, MOST_AT_ONCE, PASSES, StoredPassword};
pub use place::{ClientTls, Database, Source};
pub use pool::{PoolCounts, PoolOptions, RecordsPool};
pub use postgres::{PostgresOptions, PostgresRecords, PostgresUrl};
pub use rekey::{Rekeyed, rekey, rekey_on_server};
pub use remote::{RemoteCounts, RemoteError};
pub use seal::{
    KeyId, MOST_KEYS, OVERHEAD, Place, Seal, SealFault, SealSource, key_of, new_key_file, put_new_key_first,
};
pub use service::{ServiceOptions, ServiceRecords, ServiceUrl, ServiceUrlFault, openapi};
pub use sides::{Difference, WriteError};
pub use sqlite::SqliteRecords;
pub use traffic::{StepTraffic, Traffic, TrafficFault, traffic};
pub use verification::Identifiers;

use jiff::Timestamp;

use crate::facts::{Month, Query, Reply};

/// Months that one [`Query::Payments`] covers at most: 50 years.
pub const MOST_MONTHS: i32 = 600;

/// Something that knows the insured. Shared by all calls and asked from several threads at once.
pub trait Records: Send + Sync {
    /// Answers a question asked at `at`. Blocks until it is answered; never answers [`Reply::Unavailable`], which is
    /// what [`RecordsPool`] makes of an error.
    ///
    /// * [`Query::Verify`] counts by the [`LockPolicy`]. Whoever nobody knows is answered exactly as a wrong number, with the
    ///   same work. The failure that reaches the policy's count is itself answered [`Reply::Locked`]. It takes some 20 ms and
    ///   19 MiB where a password is among what was keyed, and so does [`Query::SetPassword`].
    /// * [`Query::Payments`] over more than [`MOST_MONTHS`] months covers the last so many before `to`: the reply's
    ///   `from` says since when. A `from` after `to` finds nothing.
    ///
    /// # Errors
    /// [`RecordsError`]. A failed verification was then not counted, except that it may have been where the connection to
    /// another machine was lost or too slow in the very moment of counting.
    fn answer(&self, query: &Query, at: Timestamp) -> Result<Reply, RecordsError>;

    /// How a back end on another machine has answered; nothing of one that is here.
    fn remote(&self) -> Option<RemoteCounts> {
        None
    }
}

/// Why the records could not answer. Names no person.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The database failed: busy beyond its time limit, disk full, file damaged.
    #[error("the records database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// Another machine's records could not be had.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The database holds no records yet.
    #[error("the records database is empty: fill it, for instance with `hotline records demo`")]
    Empty,
    /// A [`crate::facts::PersonRef`] of nobody: the records were replaced in the middle of a call.
    #[error("the person asked for is no longer in the records")]
    NoSuchPerson,
    /// A password could not be hashed: there is no memory.
    #[error("a password could not be hashed")]
    PasswordHash,
    /// A stored value cannot be opened: its key is not there, or it was changed.
    #[error(transparent)]
    Seal(#[from] SealFault),
    /// A stored value is not written as this version writes it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A stored value is outside what it may be.
    #[error("the records database holds a {what} out of range: {value}")]
    OutOfRange {
        /// Which kind of value.
        what: &'static str,
        /// The value.
        value: i64,
    },
}

/// The months really covered: at most [`MOST_MONTHS`], the latest ones kept.
fn bounded(from: Month, to: Month) -> Month {
    from.max(to.plus(1 - MOST_MONTHS))
}
