//! The tables of a PostgreSQL database: looking at them, and bringing them up to date.
//!
//! They lie in the schema that the connection's `search_path` names first. Hotlines that start together wait for one
//! another by an advisory lock. A user who may not make tables can serve once another has made them.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::carried::carry_over;
use super::{PostgresOptions, connecting};
use crate::records::keyed::Pepper;
use crate::records::remote::{RemoteError, run_once};
use crate::records::seal::{KeyId, Seal, SealFault, key_of};
use crate::records::{DatabaseStanding, OpenError, WriteError};

/// The steps that lead from an empty schema to today's tables; a database's version is how many it has taken.
const MIGRATIONS: [&str; 2] = [include_str!("migrations/0001_start.sql"), include_str!("migrations/0002_sealed.sql")];

/// The step after which rows are written as bytes: what was there is carried over.
const SEALED: i64 = 2;

/// The advisory lock of those who change tables: "hotline" in ASCII.
const TABLES_LOCK: i64 = 0x0068_6f74_6c69_6e65;
/// Of those who write records or seal them anew: "records" in ASCII.
const WRITING_LOCK: i64 = 0x0072_6563_6f72_6473;
/// So long is waited for the server to let go of it.
const LET_GO_WITHIN: Duration = Duration::from_secs(2);

/// Why a database's tables cannot be used.
#[derive(Debug)]
pub(super) enum SchemaFault {
    /// Somebody else's.
    Foreign,
    /// Of a later Hotline.
    Newer(i64),
    /// A value cannot be sealed or opened.
    Seal(SealFault),
    /// Another process writes.
    Busy,
    /// Another session holds a table or a row for longer than is waited; how long that is and whose it is, once [`named`].
    HeldForLong(Option<String>),
    /// There are no keys to seal by.
    NoKeys,
    /// The server says so.
    Server(tokio_postgres::Error),
}

impl From<SealFault> for SchemaFault {
    fn from(fault: SealFault) -> SchemaFault {
        SchemaFault::Seal(fault)
    }
}

impl From<tokio_postgres::Error> for SchemaFault {
    fn from(error: tokio_postgres::Error) -> SchemaFault {
        match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE) => SchemaFault::HeldForLong(None),
            _ => SchemaFault::Server(error),
        }
    }
}

impl SchemaFault {
    /// What a look-up fails by. No person is in a statement that reads or makes tables: the server's words may be told.
    pub(super) fn remote(&self) -> RemoteError {
        match self {
            SchemaFault::Foreign => RemoteError::Refused(
                "its tables are not Hotline's: name another database, or another schema by \
                 ?options=-c%20search_path%3Dhotline"
                    .to_owned(),
            ),
            SchemaFault::Newer(found) => RemoteError::Refused(format!(
                "it was written by a later Hotline (tables of version {found}; this one knows {}): use that one",
                known()
            )),
            SchemaFault::Seal(fault) => RemoteError::Refused(fault.to_string()),
            SchemaFault::Busy => {
                RemoteError::Refused("they are being written by another command: wait for it".to_owned())
            }
            SchemaFault::HeldForLong(by) => RemoteError::Refused(format!(
                "another session holds a table or a row of them, and did not let go of it {}. A backup reads for as long as it \
                 takes; a session that was left open in a transaction holds what it touched: wait for its end, or end it by \
                 SELECT pg_terminate_backend(SESSION), and do the same again",
                by.as_deref().unwrap_or("in time")
            )),
            SchemaFault::NoKeys => RemoteError::Refused(WriteError::NoKeys.to_string()),
            SchemaFault::Server(error) => connecting(error),
        }
    }
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Which version a database has; 0 if it is empty.
async fn version(client: &Client) -> Result<i64, SchemaFault> {
    let tables = "SELECT count(*), count(*) FILTER (WHERE relname = 'schema_version') FROM pg_class \
                  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')";
    let row = client.query_one(tables, &[]).await?;
    let (all, ours): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let found = match (all, ours) {
        (0, _) => return Ok(0),
        (_, 0) => return Err(SchemaFault::Foreign),
        _ => client.query_opt("SELECT version FROM schema_version", &[]).await?,
    };
    match found.map_or(Ok(0), |row| row.try_get(0))? {
        newer if newer > known() => Err(SchemaFault::Newer(newer)),
        version => Ok(version),
    }
}

/// Brings the tables up to date, all in one transaction, and tells the pepper. Where that says that all is sealed, the seal
/// believes nothing that lies open from then on.
pub(super) async fn prepare(client: &mut Client, seal: &Seal) -> Result<Pepper, SchemaFault> {
    if version(client).await? < known() {
        migrate(client, seal).await?;
    }
    Ok(Pepper::open(seal, &stored_pepper(client).await?)?)
}

/// The pepper as it is stored.
pub(super) async fn stored_pepper(client: &Client) -> Result<Vec<u8>, tokio_postgres::Error> {
    client.query_one("SELECT pepper FROM meta", &[]).await?.try_get(0)
}

/// The key that a database is sealed by, and nothing where it lies open or has no values yet. Changes nothing.
///
/// # Errors
/// [`OpenError`], as opening it with these keys would.
pub(in crate::records) fn sealed_by(options: &PostgresOptions) -> Result<Option<KeyId>, OpenError> {
    let seal = options.seal.for_database();
    once(options, async move |client: &mut Client| {
        if version(client).await? < SEALED {
            return Ok(None);
        }
        let stored = stored_pepper(client).await?;
        Pepper::open(&seal, &stored)?;
        Ok(key_of(&stored))
    })
}

/// Makes the connection the only one that writes records, until it ends or [`let_go`]; and lets it take as long as it takes, since
/// nobody calls about it, but for what others hold. When this process ends, the server sees it within a second, from PostgreSQL 14
/// on.
pub(super) async fn write_alone(client: &Client, patience: Duration) -> Result<(), SchemaFault> {
    // 0 would be for ever.
    let held = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX).max(1);
    let limits = format!(
        "SET statement_timeout = 0; SET lock_timeout = {held}; SET idle_in_transaction_session_timeout = 0; \
         SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'"
    );
    client.batch_execute(&limits).await?;
    let alone: bool = client.query_one("SELECT pg_try_advisory_lock($1)", &[&WRITING_LOCK]).await?.try_get(0)?;
    if alone { Ok(()) } else { Err(SchemaFault::Busy) }
}

/// Lets others write, so that whoever comes next need not wait until the server has seen that the connection ended.
pub(super) async fn let_go(client: &Client) {
    let letting_go = client.batch_execute("SELECT pg_advisory_unlock_all()");
    // Where it cannot, the end of the connection does.
    let _ = tokio::time::timeout(LET_GO_WITHIN, letting_go).await;
}

/// A fault with how long was waited, and the sessions that may hold what could not be had, those longest at it first: the server is
/// asked while they still do.
pub(super) async fn named(client: &Client, fault: SchemaFault) -> SchemaFault {
    let SchemaFault::HeldForLong(None) = fault else { return fault };
    let sessions = "SELECT concat_ws(': ', 'within ' || current_setting('lock_timeout'), string_agg(session, '; ')) FROM ( \
         SELECT format('session %s (%s)', pid, concat_ws(', ', nullif(application_name, ''), 'user ' || usename, \
                       'since ' || date_trunc('second', xact_start))) AS session \
         FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid IN (SELECT pid FROM pg_locks WHERE granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
                              AND relkind IN ('r', 'p'))) \
         ORDER BY xact_start NULLS LAST LIMIT 3) AS holding";
    let by = client.query_one(sessions, &[]).await.ok().and_then(|row| row.try_get(0).ok());
    SchemaFault::HeldForLong(by)
}

async fn migrate(client: &mut Client, seal: &Seal) -> Result<(), SchemaFault> {
    client.query_one("SELECT pg_advisory_lock($1)", &[&TABLES_LOCK]).await?;
    // Another may have taken the steps meanwhile.
    let taken = version(client).await;
    let result = match taken {
        Ok(taken) => take_steps(client, seal, taken).await,
        Err(fault) => Err(fault),
    };
    client.query_one("SELECT pg_advisory_unlock($1)", &[&TABLES_LOCK]).await?;
    result
}

async fn take_steps(client: &mut Client, seal: &Seal, taken: i64) -> Result<(), SchemaFault> {
    let transaction = client.transaction().await?;
    // Rows that are carried over take as long as they take.
    transaction
        .batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        .await?;
    transaction.batch_execute("CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL)").await?;
    for (done, step) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > taken) {
        transaction.batch_execute(step).await?;
        if done == SEALED {
            carry_over(&transaction).await?;
        }
        transaction.execute("DELETE FROM schema_version", &[]).await?;
        transaction.execute("INSERT INTO schema_version VALUES ($1)", &[&done]).await?;
    }
    let pepper = "INSERT INTO meta (one, pepper) VALUES (1, $1) ON CONFLICT DO NOTHING";
    transaction.execute(pepper, &[&Pepper::fresh(seal)?]).await?;
    Ok(transaction.commit().await?)
}

/// Opens one connection and does something with it.
///
/// # Errors
/// [`OpenError`]: unreachable, or refused.
pub(super) fn once<T: Send>(
    options: &PostgresOptions,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, SchemaFault> + Send,
) -> Result<T, OpenError> {
    let server = options.url.to_string();
    let refused = |why: String| OpenError::Server { server: server.clone(), why };
    let config = options.config().map_err(refused)?;
    let tls = options.connector(&config).map_err(|fault| refused(fault.to_string()))?;
    let done = run_once(move || async move {
        let (mut client, carrying) = connect(&config, tls, options.deadline).await?;
        let done = match work(&mut client).await {
            Ok(done) => {
                let_go(&client).await;
                Ok(done)
            }
            Err(fault) => Err(named(&client, fault).await.remote()),
        };
        carrying.abort();
        done
    });
    done.map_err(|error| refused(error.to_string()))?.map_err(|error| unopened(server, error))
}

/// Opens a connection, and begins to carry it.
pub(super) async fn connect(
    config: &Config,
    tls: MakeRustlsConnect,
    deadline: Duration,
) -> Result<(Client, JoinHandle<Result<(), tokio_postgres::Error>>), RemoteError> {
    let connected = tokio::time::timeout(deadline, config.connect(tls)).await;
    let connected = connected.map_err(|_| RemoteError::TimedOut(deadline))?;
    let (client, connection) = connected.map_err(|error| connecting(&error))?;
    Ok((client, tokio::spawn(connection)))
}

/// Why a server's records are not opened.
pub(super) fn unopened(server: String, error: RemoteError) -> OpenError {
    match error {
        RemoteError::Refused(why) => OpenError::Server { server, why },
        other => OpenError::Unreachable { server, why: other.to_string() },
    }
}

/// How a database stands; changes nothing.
pub(in crate::records) fn look(options: &PostgresOptions) -> Result<DatabaseStanding, OpenError> {
    let standing = once(options, async |client: &mut Client| version(client).await)?;
    Ok(DatabaseStanding { version: standing, known: known() })
}
