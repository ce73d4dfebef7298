//! Records in an SQLite file: one connection that writes, a few that read.
//!
//! ```text
//!   Verify                         ──▶ any free reader: person, compare, hash
//!                                  ──▶ writer, one transaction: standings, count                       (waits its turn)
//!   SetPassword, Dispute           ──▶ reader; hash; writer
//!   Balances, Summary, Payments    ──▶ any free reader: WAL readers never wait for the writer
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::cases::{self, Filed};
use super::columns::{self, IDENTITY};
use super::database::{self, IfMissing, OpenError};
use super::keyed::{Keyed, Kind, Pepper};
use super::locks::{self, Attempt, LockPolicy, LockTable, MOST_SUBJECTS, Standing, Subject};
use super::packed;
use super::password::{self, StoredPassword};
use super::seal::Seal;
use super::sides::Side;
use super::verification::{self, Held, Name};
use super::{Records, RecordsError};
use crate::facts::{CallId, CitizenId, Dispute, Identity, Month, Origin, PersonRef, Query, Reply, Secret, Weakness};

/// Connections that read. More questions at once wait for one to be free.
const READERS: usize = 4;

/// Rows deleted at most by one write's pruning.
const MOST_PRUNED: u32 = 1_000;

/// The insured in an SQLite database.
pub struct SqliteRecords {
    writer: Mutex<Connection>,
    /// None in memory, where the writer reads too.
    readers: Vec<Mutex<Connection>>,
    /// Whose turn it is to be waited for when no reader is free.
    turn: AtomicUsize,
    pepper: Pepper,
    seal: Seal,
    policy: LockPolicy,
    most_subjects: u32,
}

impl SqliteRecords {
    /// Opens a database file that exists with the keys beside it ([`Seal::beside`]), and brings its tables up to date.
    ///
    /// # Errors
    /// [`OpenError`] says which file, why, and what to do.
    pub fn open(path: &Path) -> Result<SqliteRecords, OpenError> {
        SqliteRecords::open_with(path, &database::beside(path)?)
    }

    /// The same with these keys.
    ///
    /// # Errors
    /// [`OpenError`] says which file, why, and what to do.
    pub fn open_with(path: &Path, seal: &Seal) -> Result<SqliteRecords, OpenError> {
        let (writer, pepper) = database::open(path, IfMissing::Refuse, seal)?;
        let readers = (0..READERS).map(|_| database::open_reader(path).map(Mutex::new));
        Ok(SqliteRecords::over(writer, readers.collect::<Result<_, _>>()?, pepper, seal.clone()))
    }

    /// An empty database that lasts as long as this value. One connection serves all questions.
    ///
    /// # Errors
    /// [`OpenError::Database`] if SQLite refuses.
    pub fn open_in_memory() -> Result<SqliteRecords, OpenError> {
        let (writer, pepper) = database::open_in_memory()?;
        Ok(SqliteRecords::over(writer, Vec::new(), pepper, Seal::open_values()))
    }

    /// The same records under another lock policy than the default one.
    #[must_use]
    pub fn with_locks(self, policy: LockPolicy) -> SqliteRecords {
        SqliteRecords { policy, ..self }
    }

    fn over(writer: Connection, readers: Vec<Mutex<Connection>>, pepper: Pepper, seal: Seal) -> SqliteRecords {
        let (writer, turn, policy) = (Mutex::new(writer), AtomicUsize::new(0), LockPolicy::default());
        SqliteRecords { writer, readers, turn, pepper, seal, policy, most_subjects: MOST_SUBJECTS }
    }

    /// The writing connection. A panic under it rolled its transaction back, so it stays usable.
    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// People from all over the records, at most so many, for those who measure how fast they are found.
    pub(crate) fn some_people(&self, most: u32) -> Result<Vec<(CitizenId, String)>, RecordsError> {
        let reader = self.reader();
        let (side, _) = Side::read(&reader)?;
        let last: Option<i64> = reader.query_row(&side.sql("SELECT max(person) FROM RECORDS"), [], |row| row.get(0))?;
        let sql = side.sql("SELECT person, identity FROM RECORDS WHERE person >= ?1 ORDER BY person LIMIT 1");
        let mut statement = reader.prepare(&sql)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
        let mut people = Vec::new();
        for turn in 0..i64::from(most) {
            // Steps of the golden section lie evenly, and far from each other.
            let from = (turn.wrapping_mul(0x9e37_79b9) & 0xffff_ffff).saturating_mul(last.unwrap_or(0)) >> 32;
            let Some((person, sealed)) = statement.query_row([from], row).optional()? else { continue };
            let held = columns::identity(&self.seal, person, &sealed)?;
            people.push((held.id.reveal().clone(), held.number.reveal().clone()));
        }
        Ok(people)
    }

    /// The key of its hashes.
    pub(super) fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// A free reading connection; when all are busy, the next in turn.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        for reader in &self.readers {
            match reader.try_lock() {
                Ok(free) => return free,
                Err(TryLockError::Poisoned(free)) => return free.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.readers.len().max(1);
        self.readers.get(turn).unwrap_or(&self.writer).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records for SqliteRecords {
    fn answer(&self, query: &Query, at: Timestamp) -> Result<Reply, RecordsError> {
        match query {
            Query::Verify { identity, from } => self.verify(identity, from, at),
            Query::SetPassword { person, password } => self.set_password(*person, password, at),
            Query::Dispute { person, dispute, call } => self.dispute(*person, dispute, *call, at),
            Query::Balances(_) | Query::Summary(_) | Query::Payments { .. } => {
                let (column, person) = columns::asked(query).ok_or(RecordsError::NoSuchPerson)?;
                let (stored, as_of) = self.stored(column, person)?;
                columns::answer(&self.seal, query, &stored, as_of)
            }
        }
    }
}

impl SqliteRecords {
    fn identity(&self, person: PersonRef) -> Result<packed::Identity, RecordsError> {
        let (stored, _) = self.stored(IDENTITY, person)?;
        columns::identity(&self.seal, person.0, &stored)
    }

    /// A person's value as it is stored, and the month it is true as of: both of one moment, whatever is swapped meanwhile.
    fn stored(&self, column: &str, person: PersonRef) -> Result<(Vec<u8>, Month), RecordsError> {
        let reader = self.reader();
        let moment = reader.unchecked_transaction()?;
        let (side, as_of) = Side::read(&moment)?;
        let as_of = as_of.ok_or(RecordsError::Empty)?;
        let sql = side.sql(&format!("SELECT {column} FROM RECORDS WHERE person = ?1"));
        let stored: Option<Vec<u8>> =
            moment.prepare_cached(&sql)?.query_row([person.0], |row| row.get(0)).optional()?;
        let stored = stored.ok_or(RecordsError::NoSuchPerson)?;
        database::heed(&moment, &self.seal, &stored)?;
        moment.commit()?;
        Ok((stored, month(as_of)?))
    }

    fn verify(&self, identity: &Identity, from: &Origin, at: Timestamp) -> Result<Reply, RecordsError> {
        let Some(name) = verification::name(&self.pepper, identity) else { return Ok(Reply::Unmatched) };
        let held = self.held(name, identity.password.is_some())?;
        let checked = verification::check(&self.pepper, identity, name, held.as_ref())?;
        let attempt = Attempt::of(&self.pepper, checked.subject, from);
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut table = SqliteLocks { transaction: &transaction, most_subjects: self.most_subjects };
        let reply = locks::decide(&mut table, &self.policy, &attempt, at, &checked)?;
        transaction.commit()?;
        Ok(reply)
    }

    /// The one person of that name, with the password only where one was keyed. Where there is nobody, somebody else is read,
    /// opened and forgotten: the same statements find rows that lie alike, and the same work is done.
    fn held(&self, name: Name<'_>, with_password: bool) -> Result<Option<Held>, RecordsError> {
        let reader = self.reader();
        let moment = reader.unchecked_transaction()?;
        let (found, chance) = person_of(&moment, &self.pepper, name)?;
        let (side, _) = Side::read(&moment)?;
        let sql = side.sql("SELECT (SELECT min(person) FROM RECORDS), (SELECT max(person) FROM RECORDS)");
        let ends: (Option<i64>, Option<i64>) =
            moment.prepare_cached(&sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)) = ends else { return Ok(None) };
        let anybody = verification::anybody(chance, first, last);
        let sql = side.sql("SELECT person, identity FROM RECORDS WHERE person <= ?1 ORDER BY person DESC LIMIT 1");
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
        let row = moment.prepare_cached(&sql)?.query_row([found.unwrap_or(anybody)], row).optional()?;
        let Some((person, sealed)) = row else { return Ok(None) };
        database::heed(&moment, &self.seal, &sealed)?;
        let identity = columns::identity(&self.seal, person, &sealed)?;
        let subject = columns::subject(&self.pepper, &identity);
        let password = if with_password { stored_password(&moment, &self.seal, &subject)? } else { None };
        moment.commit()?;
        let held = columns::held(&self.pepper, person, &identity, password);
        Ok(Some(held).filter(|_| found == Some(person)))
    }

    fn set_password(&self, person: PersonRef, chosen: &Secret<String>, at: Timestamp) -> Result<Reply, RecordsError> {
        let identity = self.identity(person)?;
        if let Some(weakness) = Weakness::of(chosen.reveal(), identity.id.reveal()) {
            return Ok(Reply::PasswordWeak(weakness));
        }
        let hash = password::hash(chosen.reveal())?;
        let subject = columns::subject(&self.pepper, &identity);
        let sealed = columns::sealed_password(&self.seal, &subject, &hash)?;
        keep_password(&self.writer(), &subject, &sealed, false, at.as_millisecond())?;
        Ok(Reply::PasswordSet)
    }

    fn dispute(
        &self,
        person: PersonRef,
        dispute: &Dispute,
        call: CallId,
        at: Timestamp,
    ) -> Result<Reply, RecordsError> {
        let identity = self.identity(person)?;
        let id = identity.id.reveal();
        let subject = columns::subject(&self.pepper, &identity);
        let filed = Filed { subject, id, call, dispute, at: at.as_millisecond() };
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let reply = cases::open(&transaction, &self.seal, &filed)?;
        transaction.commit()?;
        Ok(reply)
    }
}

/// The one person of that name, by index alone and in one row whether or not there is one; and a number that is as good as
/// chance.
fn person_of(connection: &Connection, pepper: &Pepper, name: Name<'_>) -> rusqlite::Result<(Option<i64>, i64)> {
    let (sql, hash) = match name {
        Name::Id(id) => (
            "SELECT count(*), max(person) FROM (SELECT person FROM people WHERE id_hash = ?1)",
            pepper.hash(Kind::Id, id.as_str().as_bytes()),
        ),
        Name::Card(hash) => (
            "SELECT count(*), max(person) FROM (\
             SELECT person FROM names WHERE card = ?1 AND side = (SELECT side FROM meta) UNION \
             SELECT person FROM names WHERE card_end = ?1 AND side = (SELECT side FROM meta) LIMIT 2)",
            hash,
        ),
        Name::PersonalNumber(hash) => (
            "SELECT count(*), max(person) FROM (\
             SELECT person FROM names WHERE personal = ?1 AND side = (SELECT side FROM meta) LIMIT 2)",
            hash,
        ),
    };
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?));
    let (many, person) = connection.prepare_cached(sql)?.query_row([hash.0], row)?;
    Ok((person.filter(|_| many == 1), verification::chance(&hash)))
}

/// The query password of an ID's hash.
pub(super) fn stored_password(
    connection: &Connection,
    seal: &Seal,
    subject: &Keyed,
) -> Result<Option<StoredPassword>, RecordsError> {
    let sql = "SELECT hash, initial FROM passwords WHERE subject = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?));
    let found = connection.prepare_cached(sql)?.query_row([subject.0], row).optional()?;
    let Some((stored, initial)) = found else { return Ok(None) };
    database::heed(connection, seal, &stored)?;
    columns::password(seal, subject, &stored, initial).map(Some)
}

/// Keeps a sealed query password, in the place of any other.
pub(super) fn keep_password(
    connection: &Connection,
    subject: &Keyed,
    sealed: &[u8],
    initial: bool,
    at: i64,
) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO passwords VALUES (?1, ?2, ?3, ?4) ON CONFLICT (subject) DO UPDATE SET \
               hash = excluded.hash, initial = excluded.initial, changed = excluded.changed";
    connection.prepare_cached(sql)?.execute(params![subject.0, sealed, initial, at])
}

/// The lock-outs, within one transaction.
struct SqliteLocks<'a> {
    transaction: &'a Transaction<'a>,
    most_subjects: u32,
}

impl LockTable for SqliteLocks<'_> {
    fn standing(&mut self, subject: &Subject) -> Result<Standing, RecordsError> {
        let sql = "SELECT failed_at, locked_until, locks FROM lock_outs WHERE subject = ?1";
        let row = |row: &rusqlite::Row<'_>| {
            let failed = Standing::failed_of(&row.get::<_, String>(0)?);
            Ok(Standing { failed, locked_until: row.get(1)?, locks: row.get(2)? })
        };
        let found = self.transaction.prepare_cached(sql)?.query_row([subject.hash.0], row).optional()?;
        Ok(found.unwrap_or_default())
    }

    fn keep(&mut self, subject: &Subject, standing: &Standing, expires: i64, now: i64) -> Result<(), RecordsError> {
        let expired = "DELETE FROM lock_outs WHERE subject IN \
                       (SELECT subject FROM lock_outs WHERE expires <= ?1 ORDER BY expires LIMIT ?2)";
        self.transaction.prepare_cached(expired)?.execute(params![now, MOST_PRUNED])?;
        let keep = "INSERT INTO lock_outs (subject, failed_at, locked_until, expires, what, label, of_id, of_caller, locks) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (subject) DO UPDATE SET \
                    failed_at = excluded.failed_at, locked_until = excluded.locked_until, expires = excluded.expires, \
                    locks = excluded.locks";
        let [of_id, of_caller] = subject.of.map(|hash| hash.map(|hash| hash.0));
        self.transaction.prepare_cached(keep)?.execute(params![
            subject.hash.0,
            standing.failed_json(),
            standing.locked_until,
            expires,
            subject.what.name(),
            subject.label,
            of_id,
            of_caller,
            standing.locks
        ])?;
        let beyond = "DELETE FROM lock_outs WHERE subject IN (SELECT subject FROM lock_outs WHERE subject <> ?1 \
                      ORDER BY expires LIMIT (SELECT max(0, count - ?2) FROM lock_out_count))";
        self.transaction.prepare_cached(beyond)?.execute(params![subject.hash.0, self.most_subjects])?;
        Ok(())
    }

    fn forget(&mut self, subject: &Subject) -> Result<(), RecordsError> {
        self.transaction.prepare_cached("DELETE FROM lock_outs WHERE subject = ?1")?.execute([subject.hash.0])?;
        Ok(())
    }

    fn knows(&mut self, pair: &Keyed, now: i64) -> Result<bool, RecordsError> {
        let sql = "SELECT 1 FROM known_callers WHERE pair = ?1 AND until > ?2";
        Ok(self.transaction.prepare_cached(sql)?.exists(params![pair.0, now])?)
    }

    fn know(&mut self, pair: &Keyed, until: i64, now: i64) -> Result<(), RecordsError> {
        let expired = "DELETE FROM known_callers WHERE pair IN \
                       (SELECT pair FROM known_callers WHERE until <= ?1 ORDER BY until LIMIT ?2)";
        self.transaction.prepare_cached(expired)?.execute(params![now, MOST_PRUNED])?;
        let know = "INSERT INTO known_callers VALUES (?1, ?2) ON CONFLICT (pair) DO UPDATE SET until = excluded.until";
        self.transaction.prepare_cached(know)?.execute(params![pair.0, until])?;
        let beyond = "DELETE FROM known_callers WHERE pair IN (SELECT pair FROM known_callers WHERE pair <> ?1 \
                      ORDER BY until LIMIT (SELECT max(0, count - ?2) FROM known_caller_count))";
        self.transaction.prepare_cached(beyond)?.execute(params![pair.0, self.most_subjects])?;
        Ok(())
    }
}

/// The month of an ordinal.
pub(super) fn month(ordinal: i64) -> Result<Month, RecordsError> {
    let month = i32::try_from(ordinal).ok().and_then(Month::of_ordinal);
    month.ok_or(RecordsError::OutOfRange { what: "month", value: ordinal })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(records: &SqliteRecords, caller: u32, second: i64) {
        let id = CitizenId::parse("11010519491231002X", jiff::civil::date(2026, 11, 25)).unwrap();
        let caller = Some(Secret::new(caller.to_string()));
        let identity =
            Identity { id: Some(Secret::new(id)), number: Some(Secret::new("0".into())), ..Identity::default() };
        let query = Query::Verify { identity, from: Origin { caller, trunk: None } };
        records.answer(&query, Timestamp::from_second(second).unwrap()).unwrap();
    }

    fn rows(records: &SqliteRecords) -> (i64, i64) {
        let sql = "SELECT (SELECT count(*) FROM lock_outs), count FROM lock_out_count";
        records.writer().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    #[test]
    fn lock_outs_are_bounded_and_expire() {
        let policy = LockPolicy { failures: 100, id_failures: 100, ..LockPolicy::default() };
        let mut records = SqliteRecords::open_in_memory().unwrap().with_locks(policy);
        records.most_subjects = 10;
        for caller in 0..50 {
            fail(&records, caller, i64::from(caller));
        }
        assert_eq!(rows(&records), (10, 10), "the newest callers and the ID");
        fail(&records, 99, 100_000);
        assert_eq!(rows(&records), (3, 3), "what expired is pruned by the next write");
        fail(&records, 99, 100_001);
        assert_eq!(rows(&records), (3, 3), "a row that is rewritten is counted once");
    }
}
