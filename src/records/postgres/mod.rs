//! Records on a PostgreSQL server, shared by all hotlines of it.
//!
//! ```text
//!   Balances, Summary, Payments    one statement, and so one view of the records; opened here    1 round trip
//!
//!   Verify    person, password; compared here, a password on a thread of its own, and no connection held meanwhile
//!             BEGIN (read committed)
//!             lock the subjects ┐
//!             standings         ├ sent at once, done in order: what is read is read under the locks
//!             known telephone   ┘
//!             decide, here: as for SQLite
//!             keep or forget the standings
//!             COMMIT                                                                             6 round trips
//! ```
//!
//! Connections are a pool's, as many as there are workers; each keeps its prepared statements. One that breaks, or that a
//! deadline leaves in the middle of something, is thrown away. What was certainly not done is done once more on a fresh
//! connection, so that the first look-ups after a server's restart do not fail; a COMMIT is never repeated.
//!
//! Tables are looked at and brought up to date by the first connection: a hotline that starts while its server is down
//! serves, and finds it later.

mod asking;
mod carried;
mod changing;
pub(super) mod desk;
pub(super) mod import;
mod rekeying;
mod schema;
pub(super) mod url;
mod verifying;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use jiff::Timestamp;
use tokio::sync::{OnceCell, Semaphore};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::breaker::BreakerPolicy;
use super::columns;
use super::keyed::Pepper;
use super::locks::{LockPolicy, MOST_SUBJECTS};
use super::password::{self, MOST_AT_ONCE};
use super::remote::{Remote, RemoteCounts, RemoteError};
use super::verification;
use super::{ClientTls, OpenError, Records, RecordsError, Seal, SealFault};
use crate::facts::{Identity, Insurance, Origin, PersonRef, Query, Reply, Secret, Weakness};

pub(super) use self::asking::some_people;
pub(super) use rekeying::rekey;
pub(super) use schema::{look, sealed_by};
pub use url::PostgresUrl;
pub(super) use writing::{Written, write};

/// So many standings are kept between two prunings of the lock-outs.
const TIDIED_EVERY: u32 = 256;
/// Rows deleted at most by one pruning of what has expired.
const MOST_PRUNED: i64 = 10_000;

/// How to reach a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Which database, as which user.
    pub url: PostgresUrl,
    /// The user's password, where the server asks for one.
    pub password: Option<Secret<String>>,
    /// What is personal is sealed by this.
    pub seal: Seal,
    /// What TLS stands on. TLS is used unless the URL says `sslmode=disable` or the server is on this machine.
    pub tls: ClientTls,
    /// How long a look-up may take in all: connecting, each statement, waiting for a connection.
    pub deadline: Duration,
    /// How long a command that writes records waits for a table or a row that another session holds.
    pub patience: Duration,
    /// Connections at most.
    pub connections: usize,
    /// When it is asked no longer.
    pub breaker: BreakerPolicy,
}

impl PostgresOptions {
    /// Without a password and TLS files; 3 seconds, 10 minutes for what others hold, 2 connections.
    pub fn of(url: PostgresUrl) -> PostgresOptions {
        PostgresOptions {
            url,
            password: None,
            seal: Seal::open_values(),
            tls: ClientTls::default(),
            deadline: Duration::from_secs(3),
            patience: Duration::from_secs(600),
            connections: 2,
            breaker: BreakerPolicy::default(),
        }
    }

    fn config(&self) -> Result<Config, String> {
        self.url.config(self.password.as_ref(), self.deadline)
    }

    /// Where TLS is not spoken its files are not read.
    fn connector(&self, config: &Config) -> Result<MakeRustlsConnect, crate::sip::tls::TlsFault> {
        if config.get_ssl_mode() != SslMode::Disable {
            return self.tls.for_postgres();
        }
        super::place::speaking_no_tls().map(MakeRustlsConnect::new)
    }
}

/// The insured on a PostgreSQL server.
pub struct PostgresRecords {
    server: Arc<Server>,
    remote: Remote,
    policy: LockPolicy,
}

struct Server {
    pool: Pool,
    seal: Seal,
    /// Read when the tables were looked at, with the first connection.
    pepper: OnceCell<Pepper>,
    /// Turns to hash a password.
    hashes: Semaphore,
    /// Standings kept since the start.
    kept: AtomicU32,
    most_subjects: i64,
}

impl PostgresRecords {
    /// Gets ready to ask, and brings the tables up to date if the server answers.
    ///
    /// # Errors
    /// [`OpenError`] says which server, why, and what to do. A server that does not answer is no error.
    pub fn open(options: &PostgresOptions) -> Result<PostgresRecords, OpenError> {
        let refused = |why: String| OpenError::Server { server: options.url.to_string(), why };
        let config = options.config().map_err(refused)?;
        let tls = options.connector(&config).map_err(|fault| refused(fault.to_string()))?;
        let seal = options.seal.for_database();
        let pepper = match schema::once(options, async |client| schema::prepare(client, &seal).await) {
            Ok(pepper) => OnceCell::new_with(Some(pepper)),
            Err(OpenError::Unreachable { server, why }) => {
                tracing::warn!(server, why, "the records do not answer; callers are told so until they do");
                OnceCell::new()
            }
            Err(error) => return Err(error),
        };
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager).max_size(options.connections.max(1)).runtime(Runtime::Tokio1).build();
        let pool = pool.map_err(|error| refused(error.to_string()))?;
        let remote = Remote::start(options.deadline, options.breaker).map_err(|error| refused(error.to_string()))?;
        let (kept, most_subjects) = (AtomicU32::new(0), MOST_SUBJECTS.into());
        let hashes = Semaphore::new(MOST_AT_ONCE);
        let server = Arc::new(Server { pool, seal, pepper, hashes, kept, most_subjects });
        Ok(PostgresRecords { server, remote, policy: LockPolicy::default() })
    }

    /// The same records under another lock policy than the default one.
    #[must_use]
    pub fn with_locks(self, policy: LockPolicy) -> PostgresRecords {
        PostgresRecords { policy, ..self }
    }
}

impl Records for PostgresRecords {
    fn answer(&self, query: &Query, at: Timestamp) -> Result<Reply, RecordsError> {
        let (server, query, policy) = (Arc::clone(&self.server), query.clone(), self.policy);
        let reply = self.remote.ask(async move { server.answer(&query, &policy, at).await })?;
        if self.server.kept.load(Ordering::Relaxed) >= TIDIED_EVERY {
            self.server.kept.store(0, Ordering::Relaxed);
            let server = Arc::clone(&self.server);
            self.remote.aside(async move { server.tidy(at).await });
        }
        Ok(reply)
    }

    fn remote(&self) -> Option<RemoteCounts> {
        Some(self.remote.counts())
    }
}

/// A connection of the pool; thrown away unless what was done with it came to its end.
struct Leased(Option<Object>);

impl Leased {
    fn give_back(mut self) {
        self.0 = None;
    }

    /// What failed on the connection costs it; an answer that there is nobody does not.
    fn used<T>(self, result: Result<T, Failed>) -> Result<T, Failed> {
        if !matches!(&result, Err(Failed { error: RecordsError::Remote(_), .. })) {
            self.give_back();
        }
        result
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

/// Why one try failed, and whether it was certainly without effect and may go well on another connection.
struct Failed {
    error: RecordsError,
    again: bool,
}

impl From<SealFault> for Failed {
    fn from(fault: SealFault) -> Failed {
        RecordsError::Seal(fault).into()
    }
}

impl From<RecordsError> for Failed {
    fn from(error: RecordsError) -> Failed {
        Failed { error, again: false }
    }
}

impl Server {
    async fn answer(&self, query: &Query, policy: &LockPolicy, at: Timestamp) -> Result<Reply, RecordsError> {
        match self.answer_once(query, policy, at).await {
            Err(failed) if failed.again => self.answer_once(query, policy, at).await.map_err(|failed| failed.error),
            result => result.map_err(|failed| failed.error),
        }
    }

    async fn answer_once(&self, query: &Query, policy: &LockPolicy, at: Timestamp) -> Result<Reply, Failed> {
        match query {
            Query::Verify { identity, from } => return self.verify(identity, from, policy, at).await,
            Query::SetPassword { person, password } => {
                return self.set_password(*person, password, at.as_millisecond()).await;
            }
            _ => {}
        }
        let mut leased = self.lease().await?;
        let (client, pepper) = self.ready(&mut leased).await?;
        let answered = match query {
            Query::Verify { .. } | Query::SetPassword { .. } => Err(RecordsError::NoSuchPerson.into()),
            Query::Dispute { person, dispute, call } => {
                let keys = (pepper, &self.seal);
                changing::dispute(client, keys, *person, dispute, *call, at.as_millisecond()).await
            }
            Query::Balances(_) | Query::Summary(_) | Query::Payments { .. } => {
                asking::answer(client, &self.seal, query).await
            }
        };
        leased.used(answered)
    }

    /// No connection is held while a password is hashed.
    async fn verify(
        &self,
        identity: &Identity,
        from: &Origin,
        policy: &LockPolicy,
        at: Timestamp,
    ) -> Result<Reply, Failed> {
        let mut leased = self.lease().await?;
        let (client, pepper) = self.ready(&mut leased).await?;
        let Some(name) = verification::name(pepper, identity) else { return Ok(Reply::Unmatched) };
        let held = verifying::held(client, (pepper, &self.seal), name, identity.password.is_some()).await;
        let held = leased.used(held)?;
        let checked = if identity.password.is_some() {
            let (pepper, identity) = (pepper.clone(), identity.clone());
            let hashing = move || {
                let name = verification::name(&pepper, &identity).ok_or(RecordsError::NoSuchPerson)?;
                verification::check(&pepper, &identity, name, held.as_ref())
            };
            self.hash(hashing).await?
        } else {
            verification::check(pepper, identity, name, held.as_ref())?
        };
        let mut leased = self.lease().await?;
        let (client, pepper) = self.ready(&mut leased).await?;
        let counted = verifying::count(client, pepper, policy, from, at, &checked).await;
        let (reply, kept) = leased.used(counted)?;
        self.kept.fetch_add(kept, Ordering::Relaxed);
        Ok(reply)
    }

    async fn set_password(&self, person: PersonRef, chosen: &Secret<String>, at: i64) -> Result<Reply, Failed> {
        let mut leased = self.lease().await?;
        let (client, _) = self.ready(&mut leased).await?;
        let identity = asking::identity(client, &self.seal, person).await;
        let identity = leased.used(identity)?;
        if let Some(weakness) = Weakness::of(chosen.reveal(), identity.id.reveal()) {
            return Ok(Reply::PasswordWeak(weakness));
        }
        let chosen = chosen.clone();
        let hash = self.hash(move || password::hash(chosen.reveal())).await?;
        let mut leased = self.lease().await?;
        let (client, pepper) = self.ready(&mut leased).await?;
        let subject = columns::subject(pepper, &identity);
        let kept = changing::keep_password(client, &self.seal, &subject, &hash, at).await;
        leased.used(kept).map(|()| Reply::PasswordSet)
    }

    /// Hashes a password, for some 20 ms, on a thread where nothing else waits; at most so many at a time as a process may, and
    /// none that has not begun when the deadline has passed.
    async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RecordsError> + Send + 'static,
    ) -> Result<T, Failed> {
        let _turn = self.hashes.acquire().await.map_err(|_| RecordsError::PasswordHash)?;
        let hashed = tokio::task::spawn_blocking(work).await.map_err(|_| RecordsError::PasswordHash)?;
        Ok(hashed?)
    }

    /// A leased connection, and the key of the hashes.
    async fn ready<'of>(&self, leased: &'of mut Leased) -> Result<(&'of mut Object, &Pepper), Failed> {
        let client = leased.0.as_mut().ok_or(RecordsError::NoSuchPerson)?;
        let pepper = self.pepper(client).await?;
        Ok((client, pepper))
    }

    async fn lease(&self) -> Result<Leased, Failed> {
        match self.pool.get().await {
            Ok(object) => Ok(Leased(Some(object))),
            Err(PoolError::Backend(error)) => Err(RecordsError::Remote(connecting(&error)).into()),
            Err(error) => Err(RecordsError::Remote(RemoteError::Unreachable(error.to_string())).into()),
        }
    }

    /// Deletes lock-outs that have expired, and of more than there may be those that would be forgotten first.
    async fn tidy(&self, at: Timestamp) -> Result<(), RecordsError> {
        let mut leased = self.lease().await.map_err(|failed| failed.error)?;
        let Some(client) = &mut leased.0 else { return Ok(()) };
        let tidied = verifying::tidy(client, at.as_millisecond(), self.most_subjects).await;
        tidied.map_err(|failed| failed.error)?;
        leased.give_back();
        Ok(())
    }

    /// The key of the hashes, once the tables have been looked at.
    async fn pepper(&self, client: &mut Object) -> Result<&Pepper, Failed> {
        let prepared = self.pepper.get_or_try_init(async || schema::prepare(client, &self.seal).await);
        prepared.await.map_err(|fault| RecordsError::Remote(fault.remote()).into())
    }
}

/// The insurance's number in the database.
const fn insurance_code(insurance: Insurance) -> i16 {
    match insurance {
        Insurance::Pension => 0,
        Insurance::Medical => 1,
        Insurance::Unemployment => 2,
        Insurance::WorkInjury => 3,
        Insurance::Maternity => 4,
    }
}

/// What a connection could not be made by. The server's own words then name a user or a database, and no person.
fn connecting(error: &tokio_postgres::Error) -> RemoteError {
    match error.as_db_error() {
        Some(said) if is_passing(said.code()) => RemoteError::Unreachable(said.message().to_owned()),
        Some(said) => RemoteError::Refused(said.message().to_owned()),
        None if error.is_closed() || causes_io(error) => RemoteError::Unreachable(causes(error)),
        // A password that is asked for and not there, and the like.
        None => RemoteError::Refused(causes(error)),
    }
}

/// What a statement failed by. The server's own words may quote a value: its code alone is told.
fn asking(error: &tokio_postgres::Error) -> Failed {
    let failed = |error, again| Failed { error: RecordsError::Remote(error), again };
    let Some(code) = error.code() else {
        return match error.is_closed() || causes_io(error) {
            true => failed(RemoteError::Lost(causes(error)), true),
            false => failed(RemoteError::Garbled(error.to_string()), false),
        };
    };
    let refused = || RemoteError::Refused(format!("SQLSTATE {}", code.code()));
    if is_passing(code) {
        failed(RemoteError::Lost(format!("SQLSTATE {}", code.code())), true)
    } else {
        // Two transactions stood in each other's way, and this one was undone.
        let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code);
        failed(refused(), again)
    }
}

/// Whether a server says by this that it ends, or is not yet there.
fn is_passing(code: &SqlState) -> bool {
    let passing = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW];
    passing.contains(code) || code.code().starts_with("08") || code.code().starts_with("53")
}

/// What the operating system or TLS says: no server's words are among it.
fn causes(error: &tokio_postgres::Error) -> String {
    let first: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn causes_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}
