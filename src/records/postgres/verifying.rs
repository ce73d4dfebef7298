//! Verification: what is read under the locks of its subjects, decided here, and what is written of it.

use std::collections::HashMap;

use deadpool_postgres::{Object, Transaction};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Statement};

use super::{Failed, MOST_PRUNED, asking};
use crate::facts::{CitizenId, PersonRef, Reply, Secret};
use crate::records::RecordsError;
use crate::records::keyed::{Keyed, Pepper};
use crate::records::locks::{self, LockPolicy, LockTable, Standing};

/// In the order of the hashes, so that no two verifications wait for each other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key";
const STANDINGS: &str = "SELECT subject, failed_at, locked_until FROM lock_outs WHERE subject = ANY($1)";
const PERSON: &str = "SELECT person, number FROM insured WHERE id_number = $1";
const KEEP: &str = "INSERT INTO lock_outs SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::bigint[]) \
                    ON CONFLICT (subject) DO UPDATE SET failed_at = excluded.failed_at, \
                    locked_until = excluded.locked_until, expires = excluded.expires";
const FORGET: &str = "DELETE FROM lock_outs WHERE subject = ANY($1)";
// Rows that another hotline is deleting, or counting up, are left to it.
const EXPIRED: &str = "DELETE FROM lock_outs WHERE subject IN (SELECT subject FROM lock_outs WHERE expires <= $1 \
                       ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)";
const BEYOND: &str = "DELETE FROM lock_outs WHERE subject IN (SELECT subject FROM lock_outs \
                      ORDER BY expires DESC OFFSET $1 LIMIT $2)";

/// What is asked: whether a number is that of an ID.
pub(super) struct Asked<'a> {
    pub(super) subjects: &'a [Keyed],
    pub(super) id: &'a CitizenId,
    pub(super) number: &'a str,
}

/// What is read, and what is to be written.
struct View<'a> {
    pepper: &'a Pepper,
    person: Option<(i64, Secret<String>)>,
    standings: HashMap<Keyed, Standing>,
    kept: Vec<(Keyed, Standing, i64)>,
    forgotten: Vec<Keyed>,
}

impl LockTable for View<'_> {
    fn person(&mut self, _: &CitizenId, number: &str) -> Result<Option<PersonRef>, RecordsError> {
        let same = self.pepper.is_same(self.person.as_ref().map(|(_, stored)| stored.reveal().as_str()), number);
        Ok(self.person.as_ref().filter(|_| same).map(|(person, _)| PersonRef(*person)))
    }

    fn standing(&mut self, subject: &Keyed) -> Result<Standing, RecordsError> {
        Ok(self.standings.get(subject).cloned().unwrap_or_default())
    }

    fn keep(&mut self, subject: &Keyed, standing: &Standing, expires: i64, _: i64) -> Result<(), RecordsError> {
        self.kept.push((*subject, standing.clone(), expires));
        Ok(())
    }

    fn forget(&mut self, subject: &Keyed) -> Result<(), RecordsError> {
        if self.standings.contains_key(subject) {
            self.forgotten.push(*subject);
        }
        Ok(())
    }
}

/// The reply, and how many standings were kept.
pub(super) async fn verify(
    client: &mut Object,
    pepper: &Pepper,
    policy: &LockPolicy,
    asked: &Asked<'_>,
    at: Timestamp,
) -> Result<(Reply, u32), Failed> {
    let [lock, standings, person] = prepare(client, [LOCK, STANDINGS, PERSON]).await?;
    let [keep, forget] = prepare(client, [KEEP, FORGET]).await?;
    let transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start();
    let transaction = transaction.await.map_err(|error| asking(&error))?;
    let mut view = read(&transaction, [&lock, &standings, &person], asked, pepper).await?;
    let reply = locks::verify(&mut view, policy, asked.subjects, at, asked.id, asked.number)?;
    if !view.kept.is_empty() {
        let hashes: Vec<&[u8]> = view.kept.iter().map(|(subject, ..)| subject.0.as_slice()).collect();
        let failed: Vec<String> = view.kept.iter().map(|(_, standing, _)| standing.failed_json()).collect();
        let until: Vec<i64> = view.kept.iter().map(|(_, standing, _)| standing.locked_until).collect();
        let expires: Vec<i64> = view.kept.iter().map(|(.., expires)| *expires).collect();
        execute(&transaction, &keep, &[&hashes, &failed, &until, &expires]).await?;
    }
    if !view.forgotten.is_empty() {
        let hashes: Vec<&[u8]> = view.forgotten.iter().map(|subject| subject.0.as_slice()).collect();
        execute(&transaction, &forget, &[&hashes]).await?;
    }
    // Whether it was done cannot be known where this fails: it is not done again.
    transaction.commit().await.map_err(|error| Failed { again: false, ..asking(&error) })?;
    Ok((reply, u32::try_from(view.kept.len()).unwrap_or(u32::MAX)))
}

/// Sends all three at once; the server does them in this order, each with its own view.
async fn read<'a>(
    transaction: &Transaction<'_>,
    [lock, standings, person]: [&Statement; 3],
    asked: &Asked<'_>,
    pepper: &'a Pepper,
) -> Result<View<'a>, Failed> {
    let mut keys: Vec<i64> = asked.subjects.iter().map(lock_key).collect();
    keys.sort_unstable();
    let hashes: Vec<&[u8]> = asked.subjects.iter().map(|subject| subject.0.as_slice()).collect();
    let id = asked.id.as_str();
    let (lock_values, standing_values): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 1]) = ([&keys], [&hashes]);
    let person_values: [&(dyn ToSql + Sync); 1] = [&id];
    let (_, kept, found) = tokio::try_join!(
        biased;
        transaction.query(lock, &lock_values),
        transaction.query(standings, &standing_values),
        transaction.query_opt(person, &person_values)
    )
    .map_err(|error| asking(&error))?;
    let get = |error: tokio_postgres::Error| asking(&error);
    let mut standings = HashMap::with_capacity(kept.len());
    for row in &kept {
        let subject: Vec<u8> = row.try_get(0).map_err(get)?;
        let Ok(subject) = subject.try_into() else { continue };
        let failed_at = Standing::failed_of(row.try_get(1).map_err(get)?);
        standings.insert(Keyed(subject), Standing { failed_at, locked_until: row.try_get(2).map_err(get)? });
    }
    let person = match found {
        Some(row) => Some((row.try_get(0).map_err(get)?, Secret::new(row.try_get(1).map_err(get)?))),
        None => None,
    };
    Ok(View { pepper, person, standings, kept: Vec::new(), forgotten: Vec::new() })
}

/// Deletes what has expired by `now`, and of more than `most` lock-outs those that would be forgotten first.
pub(super) async fn tidy(client: &mut Object, now: i64, most: i64) -> Result<(), Failed> {
    let [expired, beyond] = prepare(client, [EXPIRED, BEYOND]).await?;
    client.execute(&expired, &[&now, &MOST_PRUNED]).await.map_err(|error| asking(&error))?;
    client.execute(&beyond, &[&most, &MOST_PRUNED]).await.map_err(|error| asking(&error))?;
    Ok(())
}

/// The advisory lock that stands for a subject. That two subjects have one only makes them wait for each other.
fn lock_key(subject: &Keyed) -> i64 {
    subject.0.first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
}

async fn prepare<const N: usize>(client: &Object, texts: [&str; N]) -> Result<[Statement; N], Failed> {
    let mut statements = Vec::with_capacity(N);
    for text in texts {
        statements.push(client.prepare_cached(text).await.map_err(|error| asking(&error))?);
    }
    statements.try_into().map_err(|_| RecordsError::NoSuchPerson.into())
}

async fn execute(
    transaction: &Transaction<'_>,
    statement: &Statement,
    values: &[&(dyn ToSql + Sync)],
) -> Result<(), Failed> {
    transaction.execute(statement, values).await.map(drop).map_err(|error| asking(&error))
}
