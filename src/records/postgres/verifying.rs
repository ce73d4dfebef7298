//! Verification: the person is read and compared, what counts is read under the locks of its subjects, decided here, and what
//! comes of it written.

use std::collections::HashMap;

use deadpool_postgres::{Object, Transaction};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Statement};

use super::{Failed, MOST_PRUNED, asking, schema};
use crate::facts::{Origin, Reply};
use crate::records::keyed::{Keyed, Kind, Pepper};
use crate::records::locks::{self, Attempt, LockPolicy, LockTable, Standing, Subject};
use crate::records::password::StoredPassword;
use crate::records::seal::Seal;
use crate::records::verification::{self, Checked, Held, Name};
use crate::records::{RecordsError, columns};

/// The one person of a name, and the row of theirs, or of anybody where nobody or more than one bears the name: the same plan and
/// one row either way. $1 is the name, $2 as good as chance.
macro_rules! held_by {
    ($found:literal) => {
        concat!(
            "WITH found AS (SELECT CASE WHEN count(*) = 1 THEN min(person) END AS person FROM (",
            $found,
            " LIMIT 2) f), meant AS (SELECT found.person AS found, coalesce(found.person, ends.first + \
             $2 % (ends.last - ends.first + 1)) AS person FROM found, \
             (SELECT min(person) AS first, max(person) AS last FROM records WHERE side = (SELECT side FROM meta)) ends) \
             SELECT person, identity, (SELECT found FROM meant) FROM records \
             WHERE side = (SELECT side FROM meta) AND person <= (SELECT person FROM meant) ORDER BY person DESC LIMIT 1"
        )
    };
}
const BY_ID: &str = held_by!("SELECT person FROM people WHERE id_hash = $1");
const BY_CARD: &str = held_by!(
    "(SELECT person FROM records WHERE card = $1 AND side = (SELECT side FROM meta) \
     UNION SELECT person FROM records WHERE card_end = $1 AND side = (SELECT side FROM meta))"
);
const BY_NUMBER: &str = held_by!("SELECT person FROM records WHERE personal = $1 AND side = (SELECT side FROM meta)");
const PASSWORD: &str = "SELECT hash, initial FROM passwords WHERE subject = $1";
/// In the order of the hashes, so that no two verifications wait for each other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key";
const STANDINGS: &str = "SELECT subject, failed_at, locked_until, locks FROM lock_outs WHERE subject = ANY($1)";
const KNOWN: &str = "SELECT 1 FROM known_callers WHERE pair = $1 AND until > $2";
const KEEP: &str = "INSERT INTO lock_outs (subject, failed_at, locked_until, expires, what, label, of_id, of_caller, locks) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (subject) DO UPDATE SET \
                    failed_at = excluded.failed_at, locked_until = excluded.locked_until, \
                    expires = excluded.expires, locks = excluded.locks";
const FORGET: &str = "DELETE FROM lock_outs WHERE subject = ANY($1)";
const KNOW: &str = "INSERT INTO known_callers VALUES ($1, $2) ON CONFLICT (pair) DO UPDATE SET until = excluded.until";
/// Rows that another hotline is deleting, or counting up, are left to it.
const TIDY: [(&str, bool); 4] = [
    (
        "DELETE FROM lock_outs WHERE subject IN (SELECT subject FROM lock_outs WHERE expires <= $1 \
      ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)",
        true,
    ),
    (
        "DELETE FROM lock_outs WHERE subject IN (SELECT subject FROM lock_outs \
      ORDER BY expires DESC OFFSET $1 LIMIT $2)",
        false,
    ),
    (
        "DELETE FROM known_callers WHERE pair IN (SELECT pair FROM known_callers WHERE until <= $1 \
      ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED)",
        true,
    ),
    (
        "DELETE FROM known_callers WHERE pair IN (SELECT pair FROM known_callers \
      ORDER BY until DESC OFFSET $1 LIMIT $2)",
        false,
    ),
];

/// What is read, and what is to be written.
#[derive(Default)]
struct View {
    known: bool,
    standings: HashMap<Keyed, Standing>,
    kept: Vec<(Subject, Standing, i64)>,
    forgotten: Vec<Keyed>,
    known_until: Option<(Keyed, i64)>,
}

impl LockTable for View {
    fn standing(&mut self, subject: &Subject) -> Result<Standing, RecordsError> {
        Ok(self.standings.get(&subject.hash).cloned().unwrap_or_default())
    }

    fn keep(&mut self, subject: &Subject, standing: &Standing, expires: i64, _: i64) -> Result<(), RecordsError> {
        self.kept.push((subject.clone(), standing.clone(), expires));
        Ok(())
    }

    fn forget(&mut self, subject: &Subject) -> Result<(), RecordsError> {
        if self.standings.contains_key(&subject.hash) {
            self.forgotten.push(subject.hash);
        }
        Ok(())
    }

    fn knows(&mut self, _: &Keyed, _: i64) -> Result<bool, RecordsError> {
        Ok(self.known)
    }

    fn know(&mut self, pair: &Keyed, until: i64, _: i64) -> Result<(), RecordsError> {
        self.known_until = Some((*pair, until));
        Ok(())
    }
}

/// The reply to what was compared, and how many rows were kept.
pub(super) async fn count(
    client: &mut Object,
    pepper: &Pepper,
    policy: &LockPolicy,
    from: &Origin,
    at: Timestamp,
    checked: &Checked,
) -> Result<(Reply, u32), Failed> {
    let attempt = Attempt::of(pepper, checked.subject, from);
    let [lock, standings, known] = prepare(client, [LOCK, STANDINGS, KNOWN]).await?;
    let [keep, forget, know] = prepare(client, [KEEP, FORGET, KNOW]).await?;
    let transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start();
    let transaction = transaction.await.map_err(|error| asking(&error))?;
    let mut view = read(&transaction, [&lock, &standings, &known], &attempt, checked, at).await?;
    let reply = locks::decide(&mut view, policy, &attempt, at, checked)?;
    for (subject, standing, expires) in &view.kept {
        let [of_id, of_caller] = subject.of.each_ref().map(|hash| hash.as_ref().map(|hash| hash.0.as_slice()));
        let (failed, locks, what) = (standing.failed_json(), i64::from(standing.locks), subject.what.name());
        let hash = subject.hash.0.as_slice();
        let values: [&(dyn ToSql + Sync); 9] =
            [&hash, &failed, &standing.locked_until, expires, &what, &subject.label, &of_id, &of_caller, &locks];
        execute(&transaction, &keep, &values).await?;
    }
    if !view.forgotten.is_empty() {
        let hashes: Vec<&[u8]> = view.forgotten.iter().map(|subject| subject.0.as_slice()).collect();
        execute(&transaction, &forget, &[&hashes]).await?;
    }
    if let Some((pair, until)) = &view.known_until {
        execute(&transaction, &know, &[&pair.0.as_slice(), until]).await?;
    }
    // Whether it was done cannot be known where this fails: it is not done again.
    transaction.commit().await.map_err(|error| Failed { again: false, ..asking(&error) })?;
    let kept = view.kept.len() + usize::from(view.known_until.is_some());
    Ok((reply, u32::try_from(kept).unwrap_or(u32::MAX)))
}

/// The one person of that name, with the password only where one was keyed: the same questions, and as much read, whether or
/// not there is one.
pub(super) async fn held(
    client: &Object,
    (pepper, seal): (&Pepper, &Seal),
    name: Name<'_>,
    with_password: bool,
) -> Result<Option<Held>, Failed> {
    let (sql, called) = match name {
        Name::Id(id) => (BY_ID, pepper.hash(Kind::Id, id.as_str().as_bytes())),
        Name::Card(hash) => (BY_CARD, hash),
        Name::PersonalNumber(hash) => (BY_NUMBER, hash),
    };
    let failed = |error: tokio_postgres::Error| asking(&error);
    let [person] = prepare(client, [sql]).await?;
    let found = client.query_opt(&person, &[&called.0.as_slice(), &verification::chance(&called)]).await;
    let Some(row) = found.map_err(failed)? else { return Ok(None) };
    let (person, stored): (i64, Vec<u8>) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    let meant: Option<i64> = row.try_get(2).map_err(failed)?;
    heed(client, seal, &stored).await?;
    let identity = columns::identity(seal, person, &stored)?;
    let password =
        if with_password { password(client, seal, &columns::subject(pepper, &identity)).await? } else { None };
    let held = columns::held(pepper, person, &identity, password);
    Ok(Some(held).filter(|_| meant == Some(person)))
}

/// The query password of an ID's hash.
async fn password(client: &Object, seal: &Seal, subject: &Keyed) -> Result<Option<StoredPassword>, Failed> {
    let failed = |error: tokio_postgres::Error| asking(&error);
    let [password] = prepare(client, [PASSWORD]).await?;
    let found = client.query_opt(&password, &[&subject.0.as_slice()]).await.map_err(failed)?;
    let Some(row) = found else { return Ok(None) };
    let stored: Vec<u8> = row.try_get(0).map_err(failed)?;
    heed(client, seal, &stored).await?;
    Ok(Some(columns::password(seal, subject, &stored, row.try_get(1).map_err(failed)?)?))
}

/// Looks whether all has been sealed since the tables were looked at, before a value is believed that lies open.
pub(super) async fn heed(client: &Object, seal: &Seal, stored: &[u8]) -> Result<(), Failed> {
    if seal.would_believe(stored) {
        let pepper = schema::stored_pepper(client).await.map_err(|error| asking(&error))?;
        Pepper::open(seal, &pepper)?;
    }
    Ok(())
}

/// Sends all three at once; the server does them in this order, each with its own view. A right answer is counted against no
/// trunk, and so waits for no other call over it.
async fn read(
    transaction: &Transaction<'_>,
    [lock, standings, known]: [&Statement; 3],
    attempt: &Attempt,
    checked: &Checked,
    at: Timestamp,
) -> Result<View, Failed> {
    let own: Vec<&Subject> = attempt.own().collect();
    let shared: Vec<&Subject> = attempt.shared().collect();
    let counted = own.iter().chain(shared.iter().filter(|_| checked.right.is_none()));
    let mut keys: Vec<i64> = counted.map(|subject| lock_key(&subject.hash)).collect();
    keys.sort_unstable();
    let hashes: Vec<&[u8]> = own.iter().chain(&shared).map(|subject| subject.hash.0.as_slice()).collect();
    let (pair, now) = (attempt.pair.hash.0.as_slice(), at.as_millisecond());
    let (lock_values, standing_values): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 1]) = ([&keys], [&hashes]);
    let known_values: [&(dyn ToSql + Sync); 2] = [&pair, &now];
    let (_, kept, known) = tokio::try_join!(
        biased;
        transaction.query(lock, &lock_values),
        transaction.query(standings, &standing_values),
        transaction.query_opt(known, &known_values)
    )
    .map_err(|error| asking(&error))?;
    let failed = |error: tokio_postgres::Error| asking(&error);
    let mut view = View { known: known.is_some(), ..View::default() };
    for row in &kept {
        let subject: Vec<u8> = row.try_get(0).map_err(failed)?;
        let Ok(subject) = subject.try_into() else { continue };
        let locks: i64 = row.try_get(3).map_err(failed)?;
        let standing = Standing {
            failed: Standing::failed_of(row.try_get(1).map_err(failed)?),
            locked_until: row.try_get(2).map_err(failed)?,
            locks: u32::try_from(locks).unwrap_or(u32::MAX),
        };
        view.standings.insert(Keyed(subject), standing);
    }
    Ok(view)
}

/// Deletes what has expired by `now`, and of more than `most` lock-outs, or known telephones, those that would be forgotten
/// first.
pub(super) async fn tidy(client: &mut Object, now: i64, most: i64) -> Result<(), Failed> {
    for (sql, by_time) in TIDY {
        let [statement] = prepare(client, [sql]).await?;
        let first = if by_time { now } else { most };
        client.execute(&statement, &[&first, &MOST_PRUNED]).await.map_err(|error| asking(&error))?;
    }
    Ok(())
}

/// The advisory lock that stands for a subject. That two subjects have one only makes them wait for each other.
pub(super) fn lock_key(subject: &Keyed) -> i64 {
    subject.0.first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
}

pub(super) async fn prepare<const N: usize>(client: &Object, texts: [&str; N]) -> Result<[Statement; N], Failed> {
    let mut statements = Vec::with_capacity(N);
    for text in texts {
        statements.push(client.prepare_cached(text).await.map_err(|error| asking(&error))?);
    }
    statements.try_into().map_err(|_| RecordsError::NoSuchPerson.into())
}

pub(super) async fn execute(
    transaction: &Transaction<'_>,
    statement: &Statement,
    values: &[&(dyn ToSql + Sync)],
) -> Result<(), Failed> {
    transaction.execute(statement, values).await.map(drop).map_err(|error| asking(&error))
}
