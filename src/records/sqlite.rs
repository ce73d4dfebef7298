//! Records in an SQLite file: one connection that writes, a few that read.
//!
//! ```text
//!   Verify                         ──▶ any free reader: person, compare, hash
//!                                  ──▶ writer, one transaction: standings, count                       (waits its turn)
//!   SetPassword                    ──▶ reader, hash, writer
//!   Balances, Summary, Payments    ──▶ any free reader: WAL readers never wait for the writer
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::cases::{self, Filed};
use super::database::{self, IfMissing, OpenError};
use super::keyed::{Keyed, Kind, Pepper};
use super::locks::{self, Attempt, LockPolicy, LockTable, MOST_SUBJECTS, Standing, Subject};
use super::password::{self, StoredPassword};
use super::verification::{self, Held, Name};
use super::{Insured, Records, RecordsError, bounded};
use crate::facts::{
    Balances, CallId, CitizenId, Dispute, Fen, Identity, Insurance, InsuranceSummary, Month, Origin, Payment, Payments,
    PersonRef, Query, Reply, Secret, Summary, Weakness,
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
            Query::Balances(person) => balances(&self.reader(), *person).map(Reply::Balances),
            Query::Summary(person) => summary(&self.reader(), *person).map(Reply::Summary),
            Query::Payments { person, insurance, from, to } => {
                payments(&self.reader(), *person, *insurance, *from, *to).map(Reply::Payments)
            }
        }
    }
}

impl SqliteRecords {
    fn verify(&self, identity: &Identity, from: &Origin, at: Timestamp) -> Result<Reply, RecordsError> {
        let Some(name) = verification::name(&self.pepper, identity) else { return Ok(Reply::Unmatched) };
        let held = self.held(name)?;
        let checked = verification::check(&self.pepper, identity, name, held.as_ref())?;
        let attempt = Attempt::of(&self.pepper, checked.subject, from);
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut table = SqliteLocks { transaction: &transaction, most_subjects: self.most_subjects };
        let reply = locks::decide(&mut table, &self.policy, &attempt, at, &checked)?;
        transaction.commit()?;
        Ok(reply)
    }

    /// The one person of that name. Where there is none, somebody else is fetched all the same, and forgotten.
    fn held(&self, name: Name<'_>) -> Result<Option<Held>, RecordsError> {
        let reader = self.reader();
        let found = person_of(&reader, name)?;
        let sql = "SELECT person, id_number, number, card, card_end, personal \
                   FROM insured LEFT JOIN identifiers USING (person) \
                   WHERE person = coalesce(?1, (SELECT min(person) FROM insured))";
        let hash =
            |row: &rusqlite::Row<'_>, column: usize| row.get::<_, Option<[u8; 32]>>(column).map(|hash| hash.map(Keyed));
        let held = reader.prepare_cached(sql)?.query_row([found], |row| {
            let secret = |column| row.get::<_, String>(column).map(Secret::new);
            Ok(Held {
                person: PersonRef(row.get(0)?),
                subject: self.pepper.hash(Kind::Id, secret(1)?.reveal().as_bytes()),
                number: self.pepper.hash(Kind::Number, secret(2)?.reveal().as_bytes()),
                card: hash(row, 3)?.zip(hash(row, 4)?).map(|(whole, end)| [whole, end]),
                personal_number: hash(row, 5)?,
                password: None,
            })
        });
        let Some(mut held) = held.optional()? else { return Ok(None) };
        let sql = "SELECT hash, initial FROM passwords WHERE subject = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok(StoredPassword { hash: Secret::new(row.get(0)?), initial: row.get(1)? });
        held.password = reader.prepare_cached(sql)?.query_row([held.subject.0], row).optional()?;
        Ok(Some(held).filter(|_| found.is_some()))
    }

    fn set_password(&self, person: PersonRef, chosen: &Secret<String>, at: Timestamp) -> Result<Reply, RecordsError> {
        let id = self.id_of(person)?;
        if let Some(weakness) = Weakness::of(chosen.reveal(), id.reveal()) {
            return Ok(Reply::PasswordWeak(weakness));
        }
        let hash = password::hash(chosen.reveal())?;
        let subject = self.pepper.hash(Kind::Id, id.reveal().as_str().as_bytes());
        keep_password(&self.writer(), &subject, &StoredPassword { hash, initial: false }, at.as_millisecond())?;
        Ok(Reply::PasswordSet)
    }

    fn dispute(
        &self,
        person: PersonRef,
        dispute: &Dispute,
        call: CallId,
        at: Timestamp,
    ) -> Result<Reply, RecordsError> {
        let id = self.id_of(person)?;
        let subject = self.pepper.hash(Kind::Id, id.reveal().as_str().as_bytes());
        let filed = Filed { subject, id: id.reveal(), call, dispute, at: at.as_millisecond() };
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let reply = cases::open(&transaction, &filed)?;
        transaction.commit()?;
        Ok(reply)
    }

    fn id_of(&self, person: PersonRef) -> Result<Secret<CitizenId>, RecordsError> {
        let sql = "SELECT id_number FROM insured WHERE person = ?1";
        let id = |row: &rusqlite::Row<'_>| row.get::<_, String>(0).map(Secret::new);
        let id = self.reader().prepare_cached(sql)?.query_row([person.0], id).optional()?;
        let id = id.ok_or(RecordsError::NoSuchPerson)?;
        let out_of_range = |_| RecordsError::OutOfRange { what: "ID number, of the person", value: person.0 };
        CitizenId::parse(id.reveal(), jiff::civil::Date::MAX).map(Secret::new).map_err(out_of_range)
    }
}

/// The one person of that name: by index alone, so that it takes the same time whether there is one.
fn person_of(connection: &Connection, name: Name<'_>) -> rusqlite::Result<Option<i64>> {
    let by_id = "SELECT person FROM insured WHERE id_number = ?1 LIMIT 2";
    let by_card = "SELECT person FROM identifiers WHERE card = ?1 UNION \
                   SELECT person FROM identifiers WHERE card_end = ?1 LIMIT 2";
    let by_personal = "SELECT person FROM identifiers WHERE personal = ?1 LIMIT 2";
    let person = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let found: Vec<i64> = match name {
        Name::Id(id) => {
            connection.prepare_cached(by_id)?.query_map([id.as_str()], person)?.collect::<Result<_, _>>()?
        }
        Name::Card(hash) => {
            connection.prepare_cached(by_card)?.query_map([hash.0], person)?.collect::<Result<_, _>>()?
        }
        Name::PersonalNumber(hash) => {
            connection.prepare_cached(by_personal)?.query_map([hash.0], person)?.collect::<Result<_, _>>()?
        }
    };
    Ok(if let [one] = found.as_slice() { Some(*one) } else { None })
}

fn keep_password(
    connection: &Connection,
    subject: &Keyed,
    password: &StoredPassword,
    at: i64,
) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO passwords VALUES (?1, ?2, ?3, ?4) ON CONFLICT (subject) DO UPDATE SET \
               hash = excluded.hash, initial = excluded.initial, changed = excluded.changed";
    connection.prepare_cached(sql)?.execute(params![subject.0, password.hash.reveal(), password.initial, at])
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
    pepper: &Pepper,
    as_of: Month,
    seed: Option<u64>,
    people: impl Iterator<Item = Insured>,
    mut progress: impl FnMut(),
) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "DELETE FROM payments; DELETE FROM accounts; DELETE FROM identifiers; DELETE FROM insured; DELETE FROM lock_outs; \
         DELETE FROM known_callers; UPDATE lock_out_count SET count = 0; UPDATE known_caller_count SET count = 0",
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
            keep_identifiers(&transaction, pepper, person, &insured)?;
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

fn keep_identifiers(
    transaction: &Transaction<'_>,
    pepper: &Pepper,
    person: i64,
    insured: &Insured,
) -> rusqlite::Result<()> {
    let known = &insured.identifiers;
    let (card, personal) = (known.card_hashes(pepper), known.personal_hash(pepper));
    if card.is_some() || personal.is_some() {
        let [whole, end] = card.map_or([None; 2], |card| card.map(|hash| Some(hash.0)));
        let sql = "INSERT INTO identifiers VALUES (?1, ?2, ?3, ?4)";
        transaction.prepare_cached(sql)?.execute(params![person, whole, end, personal.map(|hash| hash.0)])?;
    }
    if let Some(password) = &known.password {
        let subject = pepper.hash(Kind::Id, insured.id.reveal().as_str().as_bytes());
        keep_password(transaction, &subject, password, 0)?;
    }
    Ok(())
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

/// The insurance of that number.
pub(super) fn insurance(number: i64) -> Option<Insurance> {
    Insurance::ALL.into_iter().find(|insurance| code(*insurance) == number)
}

fn month(ordinal: i64) -> Result<Month, RecordsError> {
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
