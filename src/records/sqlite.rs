//! Records in an SQLite file: one connection that writes, a few that read.
//!
//! ```text
//!   Verify                         ──▶ writer, one transaction: standings, person, compare, count      (waits its turn)
//!   Balances, Summary, Payments    ──▶ any free reader: WAL readers never wait for the writer
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::database::{self, IfMissing, OpenError};
use super::insured::summaries;
use super::keyed::{Keyed, Kind, Pepper};
use super::locks::{self, LockPolicy, LockTable, MOST_SUBJECTS, Standing};
use super::packed::{Identity, paid_into, unpack_payments};
use super::seal::Seal;
use super::sides::{IDENTITY, PAYMENTS, Side, place};
use super::{Records, RecordsError, bounded};
use crate::facts::{Balances, CitizenId, Month, Payment, Payments, PersonRef, Query, Reply, Summary};

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
            let held = Identity::unpack(&self.seal.open(place(IDENTITY, person), &sealed)?)?;
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
            Query::Verify { id, number, caller } => {
                let subjects = self.pepper.subjects(id, caller.as_ref());
                let mut writer = self.writer();
                let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let (pepper, seal, most_subjects) = (&self.pepper, &self.seal, self.most_subjects);
                let mut table = SqliteLocks { transaction: &transaction, pepper, seal, most_subjects };
                let reply = locks::verify(&mut table, &self.policy, &subjects, at, id.reveal(), number.reveal())?;
                transaction.commit()?;
                Ok(reply)
            }
            Query::Balances(person) => {
                let (Identity { pension, medical, .. }, as_of) = self.identity(*person)?;
                Ok(Reply::Balances(Balances { pension, medical, as_of }))
            }
            Query::Summary(person) => {
                let (payments, as_of) = self.payments(*person)?;
                Ok(Reply::Summary(Summary { insurances: summaries(&payments), as_of }))
            }
            Query::Payments { person, insurance, from, to } => {
                let (payments, as_of) = self.payments(*person)?;
                let (insurance, from, to) = (*insurance, bounded(*from, *to), *to);
                let of_it = paid_into(&payments, insurance);
                let paid = of_it.iter().filter(|payment| (from..=to).contains(&payment.month)).copied().collect();
                let first_ever = of_it.first().map(|payment| payment.month);
                Ok(Reply::Payments(Payments { insurance, from, to, paid, first_ever, as_of }))
            }
        }
    }
}

impl SqliteRecords {
    fn identity(&self, person: PersonRef) -> Result<(Identity, Month), RecordsError> {
        let (sealed, as_of) = stored(&self.reader(), IDENTITY, person)?;
        Ok((Identity::unpack(&self.seal.open(place(IDENTITY, person.0), &sealed)?)?, as_of))
    }

    fn payments(&self, person: PersonRef) -> Result<([Vec<Payment>; 5], Month), RecordsError> {
        let (sealed, as_of) = stored(&self.reader(), PAYMENTS, person)?;
        Ok((unpack_payments(&self.seal.open(place(PAYMENTS, person.0), &sealed)?)?, as_of))
    }
}

/// A person's value as it is stored, and the month it is true as of: both of one moment, whatever is swapped meanwhile.
fn stored(connection: &Connection, column: &str, person: PersonRef) -> Result<(Vec<u8>, Month), RecordsError> {
    let moment = connection.unchecked_transaction()?;
    let (side, as_of) = Side::read(&moment)?;
    let as_of = as_of.ok_or(RecordsError::Empty)?;
    let sql = side.sql(&format!("SELECT {column} FROM RECORDS WHERE person = ?1"));
    let sealed: Option<Vec<u8>> = moment.prepare_cached(&sql)?.query_row([person.0], |row| row.get(0)).optional()?;
    moment.commit()?;
    Ok((sealed.ok_or(RecordsError::NoSuchPerson)?, month(as_of)?))
}

/// The lock-outs and the insured, within one transaction.
struct SqliteLocks<'a> {
    transaction: &'a Transaction<'a>,
    pepper: &'a Pepper,
    seal: &'a Seal,
    most_subjects: u32,
}

impl LockTable for SqliteLocks<'_> {
    fn person(&mut self, id: &CitizenId, number: &str) -> Result<Option<PersonRef>, RecordsError> {
        let hash = self.pepper.hash(Kind::Id, id.as_str().as_bytes());
        let sql = "SELECT person FROM people WHERE id_hash = ?1";
        let found: Option<i64> =
            self.transaction.prepare_cached(sql)?.query_row([hash.0], |row| row.get(0)).optional()?;
        // Where there is nobody, somebody else is opened all the same, and forgotten: the same work either way.
        let (side, _) = Side::read(self.transaction)?;
        let sql = side.sql(
            "SELECT person, identity FROM RECORDS \
             WHERE person = coalesce((SELECT person FROM RECORDS WHERE person = ?1), (SELECT min(person) FROM RECORDS))",
        );
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
        let Some((person, sealed)) = self.transaction.prepare_cached(&sql)?.query_row([found], row).optional()? else {
            return Ok(None);
        };
        let held = Identity::unpack(&self.seal.open(place(IDENTITY, person), &sealed)?)?;
        let meant = found == Some(person);
        let same = self.pepper.is_same(Some(held.number.reveal()).filter(|_| meant).map(String::as_str), number);
        Ok((meant && same).then_some(PersonRef(person)))
    }

    fn standing(&mut self, subject: &Keyed) -> Result<Standing, RecordsError> {
        let sql = "SELECT failed_at, locked_until FROM lock_outs WHERE subject = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        let found = self.transaction.prepare_cached(sql)?.query_row([subject.0], row).optional()?;
        Ok(found.map_or_else(Standing::default, |(failed_at, locked_until)| Standing {
            failed_at: Standing::failed_of(&failed_at),
            locked_until,
        }))
    }

    fn keep(&mut self, subject: &Keyed, standing: &Standing, expires: i64, now: i64) -> Result<(), RecordsError> {
        let expired = "DELETE FROM lock_outs WHERE subject IN \
                       (SELECT subject FROM lock_outs WHERE expires <= ?1 ORDER BY expires LIMIT ?2)";
        self.transaction.prepare_cached(expired)?.execute(params![now, MOST_PRUNED])?;
        let failed_at = standing.failed_json();
        let keep = "INSERT INTO lock_outs VALUES (?1, ?2, ?3, ?4) ON CONFLICT (subject) DO UPDATE SET \
                    failed_at = excluded.failed_at, locked_until = excluded.locked_until, expires = excluded.expires";
        self.transaction.prepare_cached(keep)?.execute(params![
            subject.0,
            failed_at,
            standing.locked_until,
            expires
        ])?;
        let beyond = "DELETE FROM lock_outs WHERE subject IN (SELECT subject FROM lock_outs WHERE subject <> ?1 \
                      ORDER BY expires LIMIT (SELECT max(0, count - ?2) FROM lock_out_count))";
        self.transaction.prepare_cached(beyond)?.execute(params![subject.0, self.most_subjects])?;
        Ok(())
    }

    fn forget(&mut self, subject: &Keyed) -> Result<(), RecordsError> {
        self.transaction.prepare_cached("DELETE FROM lock_outs WHERE subject = ?1")?.execute([subject.0])?;
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
    use crate::facts::Secret;

    fn fail(records: &SqliteRecords, caller: u32, second: i64) {
        let id = CitizenId::parse("11010519491231002X", jiff::civil::date(2026, 11, 25)).unwrap();
        let caller = Some(Secret::new(caller.to_string()));
        let query = Query::Verify { id: Secret::new(id), number: Secret::new("0".into()), caller };
        records.answer(&query, Timestamp::from_second(second).unwrap()).unwrap();
    }

    fn rows(records: &SqliteRecords) -> (i64, i64) {
        let sql = "SELECT (SELECT count(*) FROM lock_outs), count FROM lock_out_count";
        records.writer().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    #[test]
    fn lock_outs_are_bounded_and_expire() {
        let policy = LockPolicy { failures: 100, ..LockPolicy::default() };
        let mut records = SqliteRecords::open_in_memory().unwrap().with_locks(policy);
        records.most_subjects = 10;
        for caller in 0..50 {
            fail(&records, caller, i64::from(caller));
        }
        assert_eq!(rows(&records), (10, 10), "the newest callers and the ID");
        fail(&records, 99, 100_000);
        assert_eq!(rows(&records), (2, 2), "what expired is pruned by the next write");
        fail(&records, 99, 100_001);
        assert_eq!(rows(&records), (2, 2), "a row that is rewritten is counted once");
    }
}
