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
use super::keyed::{Keyed, Pepper};
use super::locks::{self, LockPolicy, LockTable, MOST_SUBJECTS, Standing};
use super::{Insured, Records, RecordsError, bounded};
use crate::facts::{
    Balances, CitizenId, Fen, Insurance, InsuranceSummary, Month, Payment, Payments, PersonRef, Query, Reply, Summary,
};

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
    policy: LockPolicy,
    most_subjects: u32,
}

impl SqliteRecords {
    /// Opens a database file that exists, and brings its tables up to date.
    ///
    /// # Errors
    /// [`OpenError`] says which file, why, and what to do.
    pub fn open(path: &Path) -> Result<SqliteRecords, OpenError> {
        let (writer, pepper) = database::open(path, IfMissing::Refuse)?;
        let readers = (0..READERS).map(|_| database::open_reader(path).map(Mutex::new));
        Ok(SqliteRecords::over(writer, readers.collect::<Result<_, _>>()?, pepper))
    }

    /// An empty database that lasts as long as this value. One connection serves all questions.
    ///
    /// # Errors
    /// [`OpenError::Database`] if SQLite refuses.
    pub fn open_in_memory() -> Result<SqliteRecords, OpenError> {
        let (writer, pepper) = database::open_in_memory()?;
        Ok(SqliteRecords::over(writer, Vec::new(), pepper))
    }

    /// The same records under another lock policy than the default one.
    #[must_use]
    pub fn with_locks(self, policy: LockPolicy) -> SqliteRecords {
        SqliteRecords { policy, ..self }
    }

    fn over(writer: Connection, readers: Vec<Mutex<Connection>>, pepper: Pepper) -> SqliteRecords {
        let (writer, turn, policy) = (Mutex::new(writer), AtomicUsize::new(0), LockPolicy::default());
        SqliteRecords { writer, readers, turn, pepper, policy, most_subjects: MOST_SUBJECTS }
    }

    /// The writing connection. A panic under it rolled its transaction back, so it stays usable.
    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
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
                let mut table =
                    SqliteLocks { transaction: &transaction, pepper: &self.pepper, most_subjects: self.most_subjects };
                let reply = locks::verify(&mut table, &self.policy, &subjects, at, id.reveal(), number.reveal())?;
                transaction.commit()?;
                Ok(reply)
            }
            Query::Balances(person) => balances(&self.reader(), *person).map(Reply::Balances),
            Query::Summary(person) => summary(&self.reader(), *person).map(Reply::Summary),
            Query::Payments { person, insurance, from, to } => {
                payments(&self.reader(), *person, *insurance, *from, *to).map(Reply::Payments)
            }
        }
    }
}

/// The lock-outs and the insured, within one transaction.
struct SqliteLocks<'a> {
    transaction: &'a Transaction<'a>,
    pepper: &'a Pepper,
    most_subjects: u32,
}

impl LockTable for SqliteLocks<'_> {
    fn person(&mut self, id: &CitizenId, number: &str) -> Result<Option<PersonRef>, RecordsError> {
        let sql = "SELECT person, number FROM insured WHERE id_number = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let found = self.transaction.prepare_cached(sql)?.query_row([id.as_str()], row).optional()?;
        let same = self.pepper.is_same(found.as_ref().map(|(_, stored)| stored.as_str()), number);
        Ok(found.filter(|_| same).map(|(person, _)| PersonRef(person)))
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

fn balances(connection: &Connection, person: PersonRef) -> Result<Balances, RecordsError> {
    let as_of = as_of(connection)?;
    let sql = "SELECT pension, medical FROM accounts WHERE person = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok(Balances { pension: Fen(row.get(0)?), medical: Fen(row.get(1)?), as_of });
    connection.prepare_cached(sql)?.query_row([person.0], row).optional()?.ok_or(RecordsError::NoSuchPerson)
}

fn summary(connection: &Connection, person: PersonRef) -> Result<Summary, RecordsError> {
    let as_of = as_of(connection)?;
    exists(connection, person)?;
    let sql = "SELECT count(*), min(month), max(month) FROM payments WHERE person = ?1 AND insurance = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut insurances = Vec::with_capacity(Insurance::ALL.len());
    for insurance in Insurance::ALL {
        let (months_paid, first, last): (u32, Option<i64>, Option<i64>) = statement
            .query_row(params![person.0, code(insurance)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let (first, last) = (first.map(month).transpose()?, last.map(month).transpose()?);
        insurances.push(InsuranceSummary { insurance, months_paid, first, last });
    }
    Ok(Summary { insurances, as_of })
}

fn payments(
    connection: &Connection,
    person: PersonRef,
    insurance: Insurance,
    from: Month,
    to: Month,
) -> Result<Payments, RecordsError> {
    let as_of = as_of(connection)?;
    exists(connection, person)?;
    let from = bounded(from, to);
    let first = "SELECT min(month) FROM payments WHERE person = ?1 AND insurance = ?2";
    let first_ever: Option<i64> =
        connection.prepare_cached(first)?.query_row(params![person.0, code(insurance)], |row| row.get(0))?;
    let sql = "SELECT month, base, personal, employer FROM payments \
               WHERE person = ?1 AND insurance = ?2 AND month BETWEEN ?3 AND ?4 ORDER BY month";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![person.0, code(insurance), from.ordinal(), to.ordinal()])?;
    let mut paid = Vec::new();
    while let Some(row) = rows.next()? {
        let (base, personal, employer) = (Fen(row.get(1)?), Fen(row.get(2)?), Fen(row.get(3)?));
        paid.push(Payment { month: month(row.get(0)?)?, base, personal, employer });
    }
    Ok(Payments { insurance, from, to, paid, first_ever: first_ever.map(month).transpose()?, as_of })
}

fn as_of(connection: &Connection) -> Result<Month, RecordsError> {
    let stored: Option<i64> = connection.prepare_cached("SELECT as_of FROM meta")?.query_row([], |row| row.get(0))?;
    month(stored.ok_or(RecordsError::Empty)?)
}

fn exists(connection: &Connection, person: PersonRef) -> Result<(), RecordsError> {
    let known = connection.prepare_cached("SELECT 1 FROM insured WHERE person = ?1")?.exists([person.0])?;
    if known { Ok(()) } else { Err(RecordsError::NoSuchPerson) }
}

/// Replaces all records by others, in one transaction; call records stay, lock-outs go. Tells the payments written.
///
/// Readers see the old records until it is done.
pub(super) fn replace_all(
    connection: &mut Connection,
    as_of: Month,
    seed: Option<u64>,
    people: impl Iterator<Item = Insured>,
    mut progress: impl FnMut(),
) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "DELETE FROM payments; DELETE FROM accounts; DELETE FROM insured; \
         DELETE FROM lock_outs; UPDATE lock_out_count SET count = 0",
    )?;
    transaction
        .execute("UPDATE meta SET as_of = ?1, seed = ?2", params![as_of.ordinal(), seed.map(u64::cast_signed)])?;
    let mut written = 0;
    {
        let mut person_row = transaction.prepare("INSERT INTO insured VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut account_row = transaction.prepare("INSERT INTO accounts VALUES (?1, ?2, ?3)")?;
        let mut payment_row = transaction.prepare("INSERT INTO payments VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for (person, insured) in (1_i64..).zip(people) {
            let id = insured.id.reveal();
            let (number, kind) = (insured.number.reveal(), insured.kind.name());
            person_row.execute(params![person, id.as_str(), number, id.last_four(), kind])?;
            account_row.execute(params![person, insured.pension.0, insured.medical.0])?;
            for (insurance, paid) in insured.all_payments() {
                let (base, personal, employer) = (paid.base.0, paid.personal.0, paid.employer.0);
                payment_row.execute(params![
                    person,
                    code(insurance),
                    paid.month.ordinal(),
                    base,
                    personal,
                    employer
                ])?;
                written += 1;
            }
            progress();
        }
    }
    transaction.commit()?;
    Ok(written)
}

/// The insurance's number in the database.
pub(super) const fn code(insurance: Insurance) -> i64 {
    match insurance {
        Insurance::Pension => 0,
        Insurance::Medical => 1,
        Insurance::Unemployment => 2,
        Insurance::WorkInjury => 3,
        Insurance::Maternity => 4,
    }
}

/// The month of an ordinal.
pub(super) fn month(ordinal: i64) -> Result<Month, RecordsError> {
    let out_of_range = RecordsError::OutOfRange { what: "month", value: ordinal };
    let (Ok(year), Ok(of_year)) = (i16::try_from(ordinal.div_euclid(12)), i8::try_from(ordinal.rem_euclid(12) + 1))
    else {
        return Err(out_of_range);
    };
    Month::new(year, of_year).ok_or(out_of_range)
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
