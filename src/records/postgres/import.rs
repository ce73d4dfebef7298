//! A month of records into a PostgreSQL database, by COPY, while calls read another.
//!
//! ```text
//!   public          marks  insured  accounts  payments  identifiers       what calls read
//!   public_import   the same five tables, without indexes ◀── COPY         500 people a transaction
//!                   their keys and indexes, as those that are read have them; VACUUM (FREEZE, ANALYZE); rights
//!   swap            one transaction: LOCK and DROP the five that are read; ALTER TABLE public_import.… SET SCHEMA public;
//!                   meta.as_of
//! ```
//!
//! A question is one statement, which waits for the swap or does not see it; the swap waits 100 ms at most for questions that
//! run, lets others pass, and tries again. Whatever ends it before, what is read is as it was, and the next import clears the
//! schema beside it. One at a time may import: it holds an advisory lock, which the server lets go of when the connection ends.
//!
//! A person keeps their number, and how their record differs is told by a keyed hash of it. Both stand in `marks`; who is gone
//! keeps the number for one month more.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use super::schema::{self, SchemaFault};
use super::staging::Staging;
use super::{PostgresOptions, writing};
use crate::facts::{Month, Secret};
use crate::records::import::{NewMonth, Target};
use crate::records::keyed::{Keyed, Kind, Pepper};
use crate::records::packed::{self, pack_payments};
use crate::records::password::StoredPassword;
use crate::records::remote::RemoteError;
use crate::records::sides::{Difference, WriteError};
use crate::records::{Insured, OpenError};

/// People a transaction writes at most.
const BATCH: usize = 500;
/// Payments of theirs at most, unless one person has more.
const BATCH_PAYMENTS: usize = 20_000;
/// The swap is tried so often; between two tries are 0.4 s, so for some minutes.
const MOST_TRIES: u32 = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(400);
/// So long is waited for the server to let go of the lock.
const UNLOCKED_WITHIN: Duration = Duration::from_secs(2);
/// The advisory lock of those who import: "hotl" in ASCII, with a hash of the schema's name.
const IMPORT_LOCK: i32 = 0x686f_746c;

/// Why a month is not written to a server.
pub(super) enum Fault {
    /// The server, or its tables.
    Schema(SchemaFault),
    /// Another imports.
    Busy,
    /// It is told what to do.
    Told(String),
}

impl<E: Into<SchemaFault>> From<E> for Fault {
    fn from(error: E) -> Fault {
        Fault::Schema(error.into())
    }
}

/// A server's records, that nobody else imports into meanwhile.
pub(in crate::records) struct ServerTarget {
    runtime: Runtime,
    client: Client,
    server: String,
    pepper: Pepper,
}

impl ServerTarget {
    /// Connects, brings the tables up to date, and takes the lock.
    ///
    /// # Errors
    /// [`WriteError`]: it cannot be reached, refuses, or another imports.
    pub(in crate::records) fn open(options: &PostgresOptions) -> Result<ServerTarget, WriteError> {
        let server = options.url.to_string();
        let refused = |why: String| WriteError::Open(OpenError::Server { server: server.clone(), why });
        let mut config = options.config().map_err(refused)?;
        // A server that is at its disk for long does not read meanwhile.
        config.tcp_user_timeout(Duration::ZERO);
        let tls = options.connector(&config).map_err(|fault| refused(fault.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| refused(error.to_string()))?;
        let opened = runtime.block_on(async {
            let late = |_| Err(Fault::Told(RemoteError::TimedOut(options.deadline).to_string()));
            let connected = tokio::time::timeout(options.deadline, config.connect(tls));
            let connected = connected.await.map_or_else(late, |connected| Ok(connected?));
            let (mut client, connection) = connected?;
            tokio::spawn(connection);
            let pepper = prepare(&mut client).await?;
            Ok((client, pepper))
        });
        let (client, pepper) = opened.map_err(|fault| told(&server, fault))?;
        Ok(ServerTarget { runtime, client, server, pepper })
    }
}

impl Drop for ServerTarget {
    /// Whoever imports next need not wait until the server has seen that this connection ended.
    fn drop(&mut self) {
        let ServerTarget { runtime, client, .. } = self;
        let unlocked = async {
            tokio::time::timeout(UNLOCKED_WITHIN, client.batch_execute("SELECT pg_advisory_unlock_all()")).await
        };
        // Where it cannot, the end of the connection does.
        let _ = runtime.block_on(unlocked);
    }
}

async fn prepare(client: &mut Client) -> Result<Pepper, Fault> {
    let pepper = schema::prepare(client).await?;
    // It takes as long as it takes; and the lock is to go soon after the other end has.
    let settings = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                    SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'";
    client.batch_execute(settings).await?;
    let lock = "SELECT pg_try_advisory_lock($1, hashtext(current_schema()::text))";
    let free: bool = client.query_one(lock, &[&IMPORT_LOCK]).await?.try_get(0)?;
    if free { Ok(pepper) } else { Err(Fault::Busy) }
}

fn told(server: &str, fault: Fault) -> WriteError {
    let server = server.to_owned();
    let error = match fault {
        Fault::Busy => return WriteError::Busy(server),
        Fault::Told(why) => RemoteError::Refused(why),
        Fault::Schema(fault) => fault.remote(),
    };
    WriteError::Open(match error {
        RemoteError::Refused(why) => OpenError::Server { server, why },
        other => OpenError::Unreachable { server, why: other.to_string() },
    })
}

impl Target for ServerTarget {
    fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    fn held(&mut self) -> Result<(Option<Month>, bool), WriteError> {
        let ServerTarget { runtime, client, server, .. } = self;
        let held = runtime.block_on(async {
            let row = client.query_one("SELECT as_of, seed IS NOT NULL FROM meta", &[]).await?;
            let as_of: Option<i32> = row.try_get(0)?;
            Ok((as_of.and_then(Month::of_ordinal), row.try_get(1)?))
        });
        held.map_err(|fault| told(server, fault))
    }

    fn begin(&mut self) -> Result<Box<dyn NewMonth + '_>, WriteError> {
        let ServerTarget { runtime, client, server, pepper } = self;
        let begun = runtime.block_on(async {
            let staging = Staging::begin(client).await?;
            let last = format!(
                "SELECT greatest(numbers, (SELECT max(person) FROM {0}.marks), (SELECT max(person) FROM {0}.insured)) FROM {0}.meta",
                staging.read
            );
            let last: i64 = client.query_one(&last, &[]).await?.try_get(0)?;
            Ok((staging, last.saturating_add(1)))
        });
        let (staging, next) = begun.map_err(|fault| told(server, fault))?;
        let (waiting, difference) = (Vec::with_capacity(BATCH), Difference::default());
        let writing = Writing { client, pepper, staging, next, waiting, payments: 0, difference };
        Ok(Box::new(ServerMonth { runtime, server, writing }))
    }

    fn give(&mut self, passwords: &[(Keyed, Secret<String>)]) -> Result<(), WriteError> {
        let sql = "INSERT INTO passwords SELECT subject, hash, true, 0 FROM unnest($1::bytea[], $2::text[]) AS given (subject, hash) \
                   ON CONFLICT (subject) DO UPDATE SET hash = excluded.hash WHERE passwords.initial";
        let subjects: Vec<&[u8]> = passwords.iter().map(|(subject, _)| subject.0.as_slice()).collect();
        let hashes: Vec<&str> = passwords.iter().map(|(_, hash)| hash.reveal().as_str()).collect();
        let given = self.runtime.block_on(async { Ok(self.client.execute(sql, &[&subjects, &hashes]).await?) });
        given.map(drop).map_err(|fault| told(&self.server, fault))
    }
}

/// A month beside the one that is read.
struct ServerMonth<'a> {
    runtime: &'a Runtime,
    server: &'a str,
    writing: Writing<'a>,
}

struct Writing<'a> {
    client: &'a mut Client,
    pepper: &'a Pepper,
    staging: Staging,
    /// The number of the next person who has none.
    next: i64,
    waiting: Vec<Insured>,
    /// Payments of those who wait.
    payments: usize,
    difference: Difference,
}

impl NewMonth for ServerMonth<'_> {
    fn add(&mut self, insured: Insured) -> Result<(), WriteError> {
        let payments = insured.all_payments().count();
        self.writing.difference.people += 1;
        self.writing.difference.payments += payments as u64;
        self.writing.payments += payments;
        self.writing.waiting.push(insured);
        if self.writing.waiting.len() < BATCH && self.writing.payments < BATCH_PAYMENTS {
            return Ok(());
        }
        self.runtime.block_on(self.writing.flush()).map_err(|fault| told(self.server, fault))
    }

    fn difference(&mut self) -> Result<Difference, WriteError> {
        let difference = self.runtime.block_on(async {
            self.writing.flush().await?;
            let sql = format!("SELECT count(fingerprint) FROM {}.marks", self.writing.staging.read);
            let before: i64 = self.writing.client.query_one(&sql, &[]).await?.try_get(0)?;
            let Difference { people, new, .. } = self.writing.difference;
            let gone = before.unsigned_abs().saturating_sub(people.saturating_sub(new));
            Ok(Difference { gone, ..self.writing.difference })
        });
        difference.map_err(|fault| told(self.server, fault))
    }

    fn passwords(&mut self, subjects: &[Keyed]) -> Result<Vec<Option<StoredPassword>>, WriteError> {
        let found = self.runtime.block_on(async {
            let hashes: Vec<&[u8]> = subjects.iter().map(|subject| subject.0.as_slice()).collect();
            let sql = "SELECT subject, hash, initial FROM passwords WHERE subject = ANY($1)";
            let mut found = HashMap::new();
            for row in self.writing.client.query(sql, &[&hashes]).await? {
                let stored = StoredPassword { hash: Secret::new(row.try_get(1)?), initial: row.try_get(2)? };
                found.insert(row.try_get::<_, Vec<u8>>(0)?, stored);
            }
            Ok(subjects.iter().map(|subject| found.remove(subject.0.as_slice())).collect())
        });
        found.map_err(|fault| told(self.server, fault))
    }

    fn swap(self: Box<Self>, as_of: Month, progress: &mut dyn FnMut(u64, u64)) -> Result<(), WriteError> {
        let ServerMonth { runtime, server, writing } = *self;
        runtime.block_on(writing.swap(as_of, progress)).map_err(|fault| told(server, fault))
    }

    fn abandon(self: Box<Self>) -> Result<(), WriteError> {
        let Writing { client, staging, .. } = self.writing;
        self.runtime.block_on(staging.clear(client)).map_err(|fault| told(self.server, fault))
    }
}

impl Writing<'_> {
    /// Writes those who wait, each under the number they have, or a new one.
    async fn flush(&mut self) -> Result<(), Fault> {
        self.payments = 0;
        let waiting: Vec<(Mark, Insured)> =
            self.waiting.drain(..).map(|insured| (Mark::of(self.pepper, &insured), insured)).collect();
        let subjects: Vec<&[u8]> = waiting.iter().map(|(mark, _)| mark.subject.0.as_slice()).collect();
        let mut known = HashMap::new();
        for row in self.client.query(&self.staging.known, &[&subjects]).await? {
            let held: Option<Vec<u8>> = row.try_get(2)?;
            known.insert(row.try_get::<_, Vec<u8>>(0)?, (row.try_get::<_, i64>(1)?, held));
        }
        let (mut marks, mut people) = (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
        for (mark, insured) in waiting {
            let before = known.remove(mark.subject.0.as_slice());
            let person = before.as_ref().map_or(self.next, |(person, _)| *person);
            self.next += i64::from(before.is_none());
            match before.and_then(|(_, held)| held) {
                Some(held) if held == mark.fingerprint.0 => {}
                Some(_) => self.difference.changed += 1,
                None => self.difference.new += 1,
            }
            marks.push((person, mark));
            people.push((person, insured));
        }
        let transaction = self.client.transaction().await?;
        writing::copy(&transaction, &people).await?;
        writing::copy_identifiers(&transaction, self.pepper, &people).await?;
        copy_marks(&transaction, &marks).await?;
        Ok(transaction.commit().await?)
    }

    async fn swap(self, as_of: Month, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Fault> {
        let Writing { client, staging, next, .. } = self;
        staging.finish(client, progress).await?;
        for _ in 0..MOST_TRIES {
            let transaction = client.transaction().await?;
            match staging.swap(&transaction, as_of, next - 1).await {
                Ok(()) => {
                    transaction.commit().await?;
                    return staging.end(client).await;
                }
                Err(Fault::Schema(SchemaFault::Server(error))) if stands_in_the_way(&error) => {
                    transaction.rollback().await?;
                }
                Err(fault) => return Err(fault),
            }
            wait().await;
        }
        staging.clear(client).await?;
        Err(Fault::Told(
            "somebody has been reading the records for minutes, a backup perhaps: import again when that has ended"
                .to_owned(),
        ))
    }
}

/// Whether a lock could not be had for what others do.
fn stands_in_the_way(error: &tokio_postgres::Error) -> bool {
    let passing = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| passing.contains(code))
}

#[allow(clippy::disallowed_methods, reason = "others pass between two tries of a lock")]
async fn wait() {
    tokio::time::sleep(BETWEEN_TRIES).await;
}

/// By what a person is known from month to month.
pub(super) struct Mark {
    /// The hash of the ID number.
    subject: Keyed,
    /// The hash of all that is held of them.
    fingerprint: Keyed,
}

impl Mark {
    pub(super) fn of(pepper: &Pepper, insured: &Insured) -> Mark {
        let mut all = packed::Identity::of(insured).pack();
        let identity = all.len() as u64;
        all.extend_from_slice(&pack_payments(&insured.payments));
        all.extend_from_slice(&identity.to_be_bytes());
        Mark {
            subject: pepper.hash(Kind::Id, insured.id.reveal().as_str().as_bytes()),
            fingerprint: pepper.hash(Kind::Person, &all),
        }
    }
}

/// Writes the marks of people under their numbers.
pub(super) async fn copy_marks(transaction: &Transaction<'_>, marks: &[(i64, Mark)]) -> Result<(), SchemaFault> {
    let rows = transaction.copy_in("COPY marks FROM STDIN (FORMAT binary)").await?;
    let mut rows = pin!(BinaryCopyInWriter::new(rows, &[Type::INT8, Type::BYTEA, Type::BYTEA]));
    for (person, mark) in marks {
        rows.as_mut().write(&[person, &mark.subject.0.as_slice(), &mark.fingerprint.0.as_slice()]).await?;
    }
    rows.finish().await?;
    Ok(())
}
