//! Sealing all records of a server anew, in the steps that `rekey` tells of.
//!
//! ```text
//!   pepper ─▶ cases, passwords, in place ─▶ people into the other side, batch by batch ─▶ other side is read ─▶ side before is emptied
//!                                                                                                       │
//!   the pepper says that nothing lies open  ◀── meta, cases, passwords are written anew, where any lay open ◀┘
//! ```
//!
//! What lay open in a row that was changed would else stay in the table's file. A server's write-ahead log is its own.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::PostgresOptions;
use super::schema::{self, SchemaFault};
use super::writing::{clear, copy_records, count, patiently, side};
use crate::records::keyed::{Keyed, Pepper};
use crate::records::seal::{KeyId, Seal, key_of};
use crate::records::sides::BATCH;
use crate::records::{OpenError, Rekeyed, cases, columns};

/// Seals all records by the first of the keys.
///
/// # Errors
/// [`OpenError`]; what was done stays, and the next time goes on from there.
pub(in crate::records) fn rekey(
    options: &PostgresOptions,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<Rekeyed, OpenError> {
    let seal = options.seal.for_database();
    schema::once(options, async move |client: &mut Client| {
        let key = seal.current().ok_or(SchemaFault::NoKeys)?;
        schema::prepare(client, &seal).await?;
        schema::write_alone(client, options.patience).await?;
        let people = run(client, &seal, key, progress).await?;
        Ok(Rekeyed { key, people, log_emptied: true })
    })
}

/// Seals what lies open in a database, where there are keys, over a connection that writes alone.
pub(super) async fn seal_what_is_open(client: &mut Client, seal: &Seal) -> Result<(), SchemaFault> {
    let Some(key) = seal.current() else { return Ok(()) };
    if key_of(&schema::stored_pepper(client).await?).is_none() {
        run(client, seal, key, |_, _| ()).await?;
    }
    Ok(())
}

async fn run(client: &mut Client, seal: &Seal, key: KeyId, progress: impl FnMut(u64, u64)) -> Result<u64, SchemaFault> {
    let stored = schema::stored_pepper(client).await?;
    if key_of(&stored) != Some(key) {
        client.execute("UPDATE meta SET pepper = $1", &[&Pepper::anew(seal, &stored, false)?]).await?;
    }
    cases_anew(client, seal).await?;
    passwords_anew(client, seal).await?;
    let people = people_anew(client, seal, key, progress).await?;
    say_whole(client, seal).await?;
    Ok(people)
}

async fn cases_anew(client: &Client, seal: &Seal) -> Result<(), SchemaFault> {
    let next = "SELECT number, person FROM cases WHERE number > $1 ORDER BY number LIMIT $2";
    let mut last = 0_i64;
    loop {
        let rows = client.query(next, &[&last, &i64::from(BATCH)]).await?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = end.try_get(0)?;
        for row in &rows {
            let (number, stored): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            if !seal.is_current(&stored) {
                let anew = cases::anew(seal, number, &stored)?;
                // One whose number to call back has changed meanwhile is sealed by the first key already.
                let sql = "UPDATE cases SET person = $1 WHERE number = $2 AND person = $3";
                client.execute(sql, &[&anew, &number, &stored]).await?;
            }
        }
    }
}

async fn passwords_anew(client: &Client, seal: &Seal) -> Result<(), SchemaFault> {
    let next = "SELECT subject, hash FROM passwords WHERE subject > $1 ORDER BY subject LIMIT $2";
    let mut last: Vec<u8> = Vec::new();
    loop {
        let rows = client.query(next, &[&last, &i64::from(BATCH)]).await?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = end.try_get(0)?;
        for row in &rows {
            let (subject, stored): (Vec<u8>, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            if !seal.is_current(&stored) {
                let keyed = Keyed(subject.as_slice().try_into().map_err(|_| SchemaFault::Foreign)?);
                let anew = columns::password_anew(seal, &keyed, &stored)?;
                // One that has changed meanwhile is sealed by the first key already.
                let sql = "UPDATE passwords SET hash = $1 WHERE subject = $2 AND hash = $3";
                client.execute(sql, &[&anew, &subject, &stored]).await?;
            }
        }
    }
}

async fn people_anew(
    client: &mut Client,
    seal: &Seal,
    key: KeyId,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, SchemaFault> {
    let from = side(client).await?;
    let current: Vec<u8> = seal.mark();
    let other = "SELECT EXISTS (SELECT 1 FROM records WHERE side = $1 \
                 AND (substring(identity for 5) <> $2 OR substring(payments for 5) <> $2))";
    if !client.query_one(other, &[&from, &current]).await?.try_get::<_, bool>(0)? {
        // What a rekeying left that was broken off in its last step.
        clear(client, 1 - from).await?;
        return Ok(0);
    }
    let by: Option<Vec<u8>> = client.query_one("SELECT rekeying FROM meta", &[]).await?.try_get(0)?;
    if by.is_none_or(|by| by != key.0) {
        client.execute("UPDATE meta SET rekeying = NULL", &[]).await?;
        clear(client, 1 - from).await?;
        client.execute("UPDATE meta SET rekeying = $1", &[&key.0.as_slice()]).await?;
    }
    let (all, mut done) = (count(client, from).await?, count(client, 1 - from).await?);
    let last = client.query_one("SELECT max(person) FROM records WHERE side = $1", &[&(1 - from)]).await?;
    let mut last: i64 = last.try_get::<_, Option<i64>>(0)?.unwrap_or(0);
    while let Some((end, many)) = batch(client, seal, from, last).await? {
        last = end;
        done += many;
        progress(done, all);
    }
    client.batch_execute("ANALYZE records").await?;
    client.execute("UPDATE meta SET side = 1 - side, rekeying = NULL", &[]).await?;
    clear(client, from).await?;
    Ok(all)
}

/// Seals the next people into the other side: the last one's number, and how many.
async fn batch(client: &mut Client, seal: &Seal, from: i16, after: i64) -> Result<Option<(i64, u64)>, SchemaFault> {
    let next = "SELECT person, identity, payments, card, card_end, personal FROM records \
                WHERE side = $1 AND person > $2 ORDER BY person LIMIT $3";
    let rows = client.query(next, &[&from, &after, &i64::from(BATCH)]).await?;
    let Some(end) = rows.last() else { return Ok(None) };
    let end = end.try_get(0)?;
    let mut people = Vec::with_capacity(rows.len());
    for row in &rows {
        let (person, identity, payments): (i64, &[u8], &[u8]) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let names: [Option<&[u8]>; 3] = [row.try_get(3)?, row.try_get(4)?, row.try_get(5)?];
        people.push((person, columns::anew(seal, person, [identity, payments])?, names));
    }
    let transaction = client.transaction().await?;
    let sealed = people
        .iter()
        .map(|(person, [identity, payments], names)| (*person, [identity.as_slice(), payments.as_slice()], *names));
    copy_records(&transaction, 1 - from, sealed).await?;
    transaction.commit().await?;
    Ok(Some((end, rows.len() as u64)))
}

/// Says in the pepper that nothing lies open, if nothing does, once nothing is left of what did.
async fn say_whole(client: &Client, seal: &Seal) -> Result<(), SchemaFault> {
    let stored = schema::stored_pepper(client).await?;
    if Pepper::says_whole(seal, &stored)? {
        return Ok(());
    }
    patiently(client, "VACUUM FULL meta").await?;
    // Some values of a first version's tables are there. Of a user who may not, the server leaves it as it is.
    patiently(client, "VACUUM FULL pg_statistic").await?;
    patiently(client, "VACUUM FULL cases").await?;
    patiently(client, "VACUUM FULL passwords").await?;
    let open = "SELECT EXISTS (SELECT 1 FROM records WHERE side = (SELECT side FROM meta) \
                AND (substring(identity for 1) = $1 OR substring(payments for 1) = $1)) \
                OR EXISTS (SELECT 1 FROM cases WHERE substring(person for 1) = $1) \
                OR EXISTS (SELECT 1 FROM passwords WHERE substring(hash for 1) = $1)";
    let clear: &[u8] = &[0];
    let values: [&(dyn ToSql + Sync); 1] = [&clear];
    if !client.query_one(open, &values).await?.try_get::<_, bool>(0)? {
        client.execute("UPDATE meta SET pepper = $1", &[&Pepper::anew(seal, &stored, true)?]).await?;
    }
    Ok(())
}
