//! The tables of a PostgreSQL database: looking at them, and bringing them up to date.
//!
//! They lie in the schema that the connection's `search_path` names first. Hotlines that start together wait for one
//! another by an advisory lock. A user who may not make tables can serve once another has made them.

use tokio_postgres::Client;

use super::{PostgresOptions, connecting};
use crate::records::keyed::Pepper;
use crate::records::remote::{RemoteError, run_once};
use crate::records::{DatabaseStanding, OpenError};

/// The steps that lead from an empty schema to today's tables; a database's version is how many it has taken.
const MIGRATIONS: [&str; 2] = [include_str!("migrations/0001_start.sql"), include_str!("migrations/0002_marks.sql")];

/// The advisory lock of those who change tables: "hotline" in ASCII.
const TABLES_LOCK: i64 = 0x0068_6f74_6c69_6e65;

/// Why a database's tables cannot be used.
#[derive(Debug)]
pub(super) enum SchemaFault {
    /// Somebody else's.
    Foreign,
    /// Of a later Hotline.
    Newer(i64),
    /// The server says so.
    Server(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for SchemaFault {
    fn from(error: tokio_postgres::Error) -> SchemaFault {
        SchemaFault::Server(error)
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

/// Brings the tables up to date, all in one transaction, and tells the pepper.
pub(super) async fn prepare(client: &mut Client) -> Result<Pepper, SchemaFault> {
    if version(client).await? < known() {
        migrate(client).await?;
    }
    let row = client.query_one("SELECT pepper FROM meta", &[]).await?;
    let stored: Vec<u8> = row.try_get(0)?;
    // The table holds 32 octets and nothing else.
    let pepper: [u8; 32] = stored.try_into().map_err(|_| SchemaFault::Foreign)?;
    Ok(Pepper::new(&pepper))
}

async fn migrate(client: &mut Client) -> Result<(), SchemaFault> {
    client.query_one("SELECT pg_advisory_lock($1)", &[&TABLES_LOCK]).await?;
    // Another may have taken the steps meanwhile.
    let taken = version(client).await;
    let result = match taken {
        Ok(taken) => take_steps(client, taken).await,
        Err(fault) => Err(fault),
    };
    client.query_one("SELECT pg_advisory_unlock($1)", &[&TABLES_LOCK]).await?;
    result
}

async fn take_steps(client: &mut Client, taken: i64) -> Result<(), SchemaFault> {
    let transaction = client.transaction().await?;
    transaction.batch_execute("CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL)").await?;
    for (done, step) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > taken) {
        transaction.batch_execute(step).await?;
        transaction.execute("DELETE FROM schema_version", &[]).await?;
        transaction.execute("INSERT INTO schema_version VALUES ($1)", &[&done]).await?;
    }
    let pepper = "INSERT INTO meta (one, pepper) VALUES (1, $1) ON CONFLICT DO NOTHING";
    transaction.execute(pepper, &[&Pepper::random_bytes().as_slice()]).await?;
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
        let late = |_| Err(RemoteError::TimedOut(options.deadline));
        let connected = tokio::time::timeout(options.deadline, config.connect(tls));
        let connected = connected.await.map_or_else(late, |connected| connected.map_err(|error| connecting(&error)));
        let (mut client, connection) = connected?;
        let carrying = tokio::spawn(connection);
        let done = work(&mut client).await.map_err(|fault| fault.remote());
        carrying.abort();
        done
    });
    done.map_err(|error| refused(error.to_string()))?.map_err(|error| match error {
        RemoteError::Refused(why) => OpenError::Server { server, why },
        other => OpenError::Unreachable { server, why: other.to_string() },
    })
}

/// How a database stands; changes nothing.
pub(in crate::records) fn look(options: &PostgresOptions) -> Result<DatabaseStanding, OpenError> {
    let standing = once(options, async |client: &mut Client| version(client).await)?;
    Ok(DatabaseStanding { version: standing, known: known() })
}
