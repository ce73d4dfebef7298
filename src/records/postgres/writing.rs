//! Writing records into a PostgreSQL database: batches into the side that is not read, then one row's change, as in a file
//! (`sides`). Those who ask see the old records until then; one who writes and is killed leaves them as they are.

use std::collections::HashMap;
use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Transaction};

use super::schema::{self, SchemaFault};
use super::{PostgresOptions, rekeying};
use crate::facts::Month;
use crate::records::columns::{self, Columns};
use crate::records::keyed::{Keyed, Pepper};
use crate::records::seal::Seal;
use crate::records::sides::{BATCH, BATCH_BYTES, Difference};
use crate::records::{Insured, OpenError};

/// So long what reads may hold up what changes a table's file, before it lets others read on and tries again. Milliseconds.
const HELD_UP: u32 = 200;
/// So long it lets them, until what others hold has been waited for long enough. Milliseconds.
const LET_READ: u64 = 1_000;

/// What was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::records) enum Written {
    /// So many payments are there now, and whether others were before.
    Payments {
        /// Now.
        payments: u64,
        /// Before.
        replaced: bool,
        /// Why what is no longer read could not be emptied.
        left_over: Option<String>,
    },
    /// Records that are not made up: nothing was changed.
    RealRecords,
}

/// Replaces all records by others; lock-outs go where they are made up. Records that are not made up are replaced only if `force`
/// is set. Where there are keys, what was not sealed is sealed first.
///
/// # Errors
/// [`OpenError`]; what is read is then as it was.
pub(in crate::records) fn write(
    options: &PostgresOptions,
    as_of: Month,
    seed: Option<u64>,
    people: impl Iterator<Item = Insured> + Send,
    force: bool,
    mut progress: impl FnMut() + Send,
) -> Result<Written, OpenError> {
    let seal = options.seal.for_database();
    schema::once(options, async move |client: &mut Client| {
        let pepper = schema::prepare(client, &seal).await?;
        schema::write_alone(client, options.patience).await?;
        let row = client.query_one("SELECT as_of, seed FROM meta", &[]).await?;
        let (before, made_up): (Option<i32>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        if before.is_some() && made_up.is_none() && !force {
            return Ok(Written::RealRecords);
        }
        rekeying::seal_what_is_open(client, &seal).await?;
        let side = begin(client).await?;
        let mut staging = Staging::of(client, &seal, &pepper, side);
        for insured in people {
            staging.add(&insured).await?;
            progress();
        }
        let payments = staging.difference().await?.payments;
        staging.swap(as_of, seed).await?;
        let left_over = match staging.end().await {
            Ok(()) => None,
            Err(fault) => {
                let why = schema::named(client, fault).await.remote();
                Some(schema::unopened(options.url.to_string(), why).to_string())
            }
        };
        Ok(Written::Payments { payments, replaced: before.is_some(), left_over })
    })
}

/// The other side, being written over a connection that writes alone ([`schema::write_alone`]).
pub(super) struct Staging<'a> {
    client: &'a mut Client,
    seal: &'a Seal,
    pepper: &'a Pepper,
    side: i16,
    waiting: Vec<Columns>,
    bytes: usize,
    difference: Difference,
}

/// Clears the side that is not read, which is to be written, and tells which it is.
pub(super) async fn begin(client: &Client) -> Result<i16, SchemaFault> {
    let read = side(client).await?;
    client.execute("UPDATE meta SET rekeying = NULL WHERE rekeying IS NOT NULL", &[]).await?;
    clear(client, 1 - read).await?;
    // Takes back the numbers of those who are not in the records.
    let gone =
        "DELETE FROM people p WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.side = $1 AND r.person = p.person)";
    client.execute(gone, &[&read]).await?;
    Ok(1 - read)
}

impl<'a> Staging<'a> {
    /// To be written into a side that is clear: see [`begin`].
    pub(super) fn of(client: &'a mut Client, seal: &'a Seal, pepper: &'a Pepper, side: i16) -> Staging<'a> {
        Staging { client, seal, pepper, side, waiting: Vec::new(), bytes: 0, difference: Difference::default() }
    }

    /// The connection, which writes alone.
    pub(super) fn client(&self) -> &Client {
        self.client
    }

    /// Writes a person; no ID twice.
    pub(super) async fn add(&mut self, insured: &Insured) -> Result<(), SchemaFault> {
        let columns = Columns::of(insured, self.pepper);
        self.bytes += columns.identity.len() + columns.payments.len();
        self.waiting.push(columns);
        if self.waiting.len() >= BATCH as usize || self.bytes >= BATCH_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), SchemaFault> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if waiting.is_empty() {
            return Ok(());
        }
        let known = self.known(&waiting).await?;
        let held = self.held(&known).await?;
        let new = i64::try_from(waiting.len().saturating_sub(known.len())).unwrap_or(i64::MAX);
        // A number that was taken back is nobody else's: a call may still ask by it.
        let numbers = "SELECT nextval('people_numbers') FROM generate_series(1, $1::bigint)";
        let numbers = self.client.query(numbers, &[&new]).await?;
        let mut numbers = numbers.iter();
        let mut rows = Vec::with_capacity(waiting.len());
        for columns in &waiting {
            let known = known.get(columns.id_hash.as_slice()).copied();
            let person = match known {
                Some(person) => person,
                None => numbers.next().ok_or(SchemaFault::Foreign)?.try_get(0)?,
            };
            match held.get(&person) {
                None => self.difference.new += 1,
                Some([identity, payments]) if columns.are(self.seal, person, [identity, payments])? => {}
                Some(_) => self.difference.changed += 1,
            }
            self.difference.people += 1;
            self.difference.payments += columns.paid;
            rows.push((person, known.is_none(), columns, columns.sealed(self.seal, person)?));
        }
        let transaction = self.client.transaction().await?;
        copy(&transaction, self.side, &rows).await?;
        passwords(&transaction, self.seal, &waiting).await?;
        Ok(transaction.commit().await?)
    }

    /// The numbers of those whose ID numbers are known.
    async fn known(&self, waiting: &[Columns]) -> Result<HashMap<Vec<u8>, i64>, SchemaFault> {
        let hashes: Vec<&[u8]> = waiting.iter().map(|columns| columns.id_hash.as_slice()).collect();
        let rows = self.client.query("SELECT id_hash, person FROM people WHERE id_hash = ANY($1)", &[&hashes]).await?;
        let known = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        Ok(known.collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// What is read of them now.
    async fn held(&self, known: &HashMap<Vec<u8>, i64>) -> Result<HashMap<i64, [Vec<u8>; 2]>, SchemaFault> {
        let people: Vec<i64> = known.values().copied().collect();
        let sql = "SELECT person, identity, payments FROM records WHERE side = $1 AND person = ANY($2)";
        let rows = self.client.query(sql, &[&(1 - self.side), &people]).await?;
        let held = rows.iter().map(|row| Ok((row.try_get(0)?, [row.try_get(1)?, row.try_get(2)?])));
        Ok(held.collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Writes what waits, and tells how it differs from what is read.
    pub(super) async fn difference(&mut self) -> Result<Difference, SchemaFault> {
        self.flush().await?;
        let before = count(self.client, 1 - self.side).await?;
        let Difference { people, new, .. } = self.difference;
        self.difference.gone = before.saturating_sub(people.saturating_sub(new));
        Ok(self.difference)
    }

    /// From here on this side is read. Lock-outs are lifted where the people are made up.
    pub(super) async fn swap(&mut self, as_of: Month, seed: Option<u64>) -> Result<(), SchemaFault> {
        self.flush().await?;
        // How many there are in a side that has just been filled, the server would else learn later.
        self.client.batch_execute("ANALYZE people; ANALYZE records").await?;
        let transaction = self.client.transaction().await?;
        let sql = "UPDATE meta SET side = $1, as_of = $2, seed = $3";
        transaction.execute(sql, &[&self.side, &as_of.ordinal(), &seed.map(u64::cast_signed)]).await?;
        if seed.is_some() {
            transaction.batch_execute("DELETE FROM lock_outs; DELETE FROM known_callers").await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The passwords that people have, as they are stored, and whether each is to be changed: by the hash of the ID.
    pub(super) async fn passwords(&self, subjects: &[&[u8]]) -> Result<HashMap<Vec<u8>, (Vec<u8>, bool)>, SchemaFault> {
        let sql = "SELECT subject, hash, initial FROM passwords WHERE subject = ANY($1)";
        let rows = self.client.query(sql, &[&subjects]).await?;
        let found = rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?))));
        Ok(found.collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Empties the side that is not read: the one before, after the swap; else what was written.
    pub(super) async fn end(&self) -> Result<(), SchemaFault> {
        clear(self.client, 1 - side(self.client).await?).await
    }
}

/// A person's number, whether it is new, what is written, and identity and payments sealed.
type Row<'a> = (i64, bool, &'a Columns, [Vec<u8>; 2]);

async fn copy(transaction: &Transaction<'_>, side: i16, people: &[Row<'_>]) -> Result<(), SchemaFault> {
    let rows = transaction.copy_in("COPY people FROM STDIN (FORMAT binary)").await?;
    let mut rows = pin!(BinaryCopyInWriter::new(rows, &[Type::INT8, Type::BYTEA]));
    for (person, _, columns, _) in people.iter().filter(|(_, new, ..)| *new) {
        rows.as_mut().write(&[person, &columns.id_hash.as_slice()]).await?;
    }
    rows.finish().await?;
    let rows = people.iter().map(|(person, _, columns, [identity, payments])| {
        (
            *person,
            [identity.as_slice(), payments],
            columns.names.each_ref().map(|name| name.as_ref().map(<[u8; 32]>::as_slice)),
        )
    });
    copy_records(transaction, side, rows).await
}

/// Writes rows of a side: a person's number, identity and payments as they are stored, and by which other names they are found.
pub(super) async fn copy_records<'a>(
    transaction: &Transaction<'_>,
    side: i16,
    people: impl Iterator<Item = (i64, [&'a [u8]; 2], [Option<&'a [u8]>; 3])>,
) -> Result<(), SchemaFault> {
    let rows = transaction.copy_in("COPY records FROM STDIN (FORMAT binary)").await?;
    let types = [Type::INT2, Type::INT8, Type::BYTEA, Type::BYTEA, Type::BYTEA, Type::BYTEA, Type::BYTEA];
    let mut rows = pin!(BinaryCopyInWriter::new(rows, &types));
    for (person, [identity, payments], [card, card_end, personal]) in people {
        let values: [&(dyn ToSql + Sync); 7] = [&side, &person, &identity, &payments, &card, &card_end, &personal];
        rows.as_mut().write(&values).await?;
    }
    rows.finish().await?;
    Ok(())
}

/// The passwords that people are given.
async fn passwords(transaction: &Transaction<'_>, seal: &Seal, people: &[Columns]) -> Result<(), SchemaFault> {
    let set = "INSERT INTO passwords VALUES ($1, $2, $3, 0) ON CONFLICT (subject) DO UPDATE SET \
               hash = excluded.hash, initial = excluded.initial, changed = excluded.changed";
    for columns in people {
        if let Some(password) = &columns.password {
            let subject = Keyed(columns.id_hash);
            let sealed = columns::sealed_password(seal, &subject, &password.hash)?;
            let values: [&(dyn ToSql + Sync); 3] = [&subject.0.as_slice(), &sealed, &password.initial];
            transaction.execute(set, &values).await?;
        }
    }
    Ok(())
}

/// The side that is read.
pub(super) async fn side(client: &Client) -> Result<i16, SchemaFault> {
    Ok(client.query_one("SELECT side FROM meta", &[]).await?.try_get(0)?)
}

/// How many people there are in a side.
pub(super) async fn count(client: &Client, side: i16) -> Result<u64, SchemaFault> {
    let row = client.query_one("SELECT count(*) FROM records WHERE side = $1", &[&side]).await?;
    Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
}

/// Empties a side that is not read: its file goes.
pub(super) async fn clear(client: &Client, side: i16) -> Result<(), SchemaFault> {
    patiently(client, if side == 0 { "TRUNCATE records_a" } else { "TRUNCATE records_b" }).await
}

/// Runs what needs a table for itself, for a moment, over a connection that writes alone. Where somebody reads it for long, as a
/// backup does, those who ask for a call do not wait behind this: it steps back and tries again, for as long as the connection waits
/// for what others hold.
#[allow(clippy::disallowed_methods, reason = "the records' shell: waits between two tries")]
pub(super) async fn patiently(client: &Client, sql: &str) -> Result<(), SchemaFault> {
    let patience = "SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout'";
    let patience: i64 = client.query_one(patience, &[]).await?.try_get(0)?;
    client.batch_execute(&format!("SET lock_timeout = {HELD_UP}")).await?;
    let mut done = client.batch_execute(sql).await.map_err(SchemaFault::from);
    for _ in 0..patience.unsigned_abs() / LET_READ {
        if !matches!(done, Err(SchemaFault::HeldForLong(_))) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(LET_READ)).await;
        done = client.batch_execute(sql).await.map_err(SchemaFault::from);
    }
    let restored = client.batch_execute(&format!("SET lock_timeout = {patience}")).await;
    done.and(restored.map_err(SchemaFault::from))
}
