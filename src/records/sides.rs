//! The two sides of the records: one is read while the other is written, and a swap is one row's change.
//!
//! ```text
//!             meta.side = 0                                    meta.side = 1
//!   calls ──▶ records_a  as of 2026-08          calls ──▶      records_b  as of 2026-09
//!             records_b  ◀── batches            (swap)         records_a  is cleared, batch by batch
//! ```
//!
//! Every batch is a short transaction of at most [`BATCH`] people whose bytes were sealed before it began, so that
//! verifications and call records get their turn between two. A process that dies leaves the side that is read as it was; what
//! it wrote into the other is cleared by the next that writes. One at a time may write: it holds a lock on a file of the
//! database's name with `.lock` after it, which the system lets go of when the process ends.
//!
//! A person keeps their number from month to month, so a call that verified somebody before the swap goes on with that person's
//! new month. Who is gone from the new month keeps it for one more.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::columns::{self, Columns};
use super::database::OpenError;
use super::keyed::{Keyed, Pepper};
use super::packed::Unreadable;
use super::password::StoredPassword;
use super::seal::{Seal, SealFault};
use super::sqlite::{keep_password, stored_password};
use super::{Insured, RecordsError};
use crate::facts::Month;

/// People a transaction writes or clears at most.
pub(super) const BATCH: u32 = 500;
/// Bytes of theirs at most.
pub(super) const BATCH_BYTES: usize = 1 << 20;

/// A side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    /// The one that is read, and the month it is true as of.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<(Side, Option<i64>)> {
        let sql = "SELECT side, as_of FROM meta";
        let (side, as_of): (i64, _) =
            connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((if side == 0 { Side::A } else { Side::B }, as_of))
    }

    pub(super) const fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    /// As it is in the database.
    pub(super) const fn number(self) -> i64 {
        match self {
            Side::A => 0,
            Side::B => 1,
        }
    }

    /// A statement with this side's table in the place of `RECORDS`.
    pub(super) fn sql(self, text: &str) -> String {
        text.replace("RECORDS", if self == Side::A { "records_a" } else { "records_b" })
    }
}

/// Why the records could not be written; those that are read are as they were.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another process writes.
    #[error("the records of {0} are being written by another command: wait for it")]
    Busy(String),
    /// The lock's file cannot be made.
    #[error("cannot lock {}: {source}", .path.display())]
    Lock {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite refuses: disk full, busy beyond its time limit.
    #[error("cannot write the records: {0}")]
    Database(#[from] rusqlite::Error),
    /// A value cannot be opened.
    #[error(transparent)]
    Seal(#[from] SealFault),
    /// A value was not written by this version.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// There are no keys to seal by.
    #[error(
        "there are no keys to seal by: `hotline records key FILE` makes one; name its file in [records.keys] or with --key-file"
    )]
    NoKeys,
}

/// The right to write. Let go of when dropped, and by the system when the process ends.
pub(super) struct WriteLock(#[allow(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl WriteLock {
    pub(super) fn take(database: &Path) -> Result<WriteLock, WriteError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let lock = |source| WriteError::Lock { path: path.clone(), source };
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(lock)?;
        match file.try_lock() {
            Ok(()) => Ok(WriteLock(file)),
            Err(TryLockError::WouldBlock) => Err(WriteError::Busy(database.display().to_string())),
            Err(TryLockError::Error(source)) => Err(lock(source)),
        }
    }
}

/// How what is written differs from what is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// People written.
    pub people: u64,
    /// Their payments.
    pub payments: u64,
    /// People who were not there before.
    pub new: u64,
    /// People of whom something has changed.
    pub changed: u64,
    /// People who are no longer there.
    pub gone: u64,
}

impl Difference {
    /// Whether everybody is there as before.
    pub const fn is_nothing(&self) -> bool {
        self.new == 0 && self.changed == 0 && self.gone == 0
    }
}

/// The other side, being written.
pub(super) struct Staging<'a> {
    connection: &'a mut Connection,
    seal: &'a Seal,
    pepper: &'a Pepper,
    side: Side,
    next: i64,
    waiting: Vec<Row>,
    bytes: usize,
    difference: Difference,
}

struct Row {
    person: i64,
    /// Of somebody whose number is new.
    new: Option<[u8; 32]>,
    identity: Vec<u8>,
    payments: Vec<u8>,
    /// By which other names the person is found: card, card's end, personal number.
    names: [Option<[u8; 32]>; 3],
    /// A password that the person is given, by the hash of the ID: sealed, and whether it is to be changed.
    password: Option<(Keyed, Vec<u8>, bool)>,
}

impl<'a> Staging<'a> {
    /// Clears the other side and begins to write it. Who calls holds the [`WriteLock`].
    pub(super) fn begin(
        connection: &'a mut Connection,
        seal: &'a Seal,
        pepper: &'a Pepper,
    ) -> Result<Staging<'a>, WriteError> {
        let (current, _) = Side::read(connection)?;
        connection.execute("UPDATE meta SET rekeying = NULL WHERE rekeying IS NOT NULL", [])?;
        clear(connection, current.other())?;
        forget_the_gone(connection, current)?;
        // The highest number ever given: one that was taken back is nobody else's, for a call may still ask by it.
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'people'";
        let last: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
        let (side, next) = (current.other(), last.unwrap_or(0).saturating_add(1));
        let difference = Difference::default();
        Ok(Staging { connection, seal, pepper, side, next, waiting: Vec::new(), bytes: 0, difference })
    }

    /// Writes a person; no ID twice.
    pub(super) fn add(&mut self, insured: &Insured) -> Result<(), WriteError> {
        let columns = Columns::of(insured, self.pepper);
        let hash = columns.id_hash;
        let known: Option<i64> = self
            .connection
            .prepare_cached("SELECT person FROM people WHERE id_hash = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()?;
        let person = known.unwrap_or(self.next);
        self.next = self.next.saturating_add(i64::from(known.is_none()));
        match self.is_as_held(known, &columns)? {
            Some(true) => {}
            Some(false) => self.difference.changed += 1,
            None => self.difference.new += 1,
        }
        self.difference.people += 1;
        self.difference.payments += columns.paid;
        let [identity, payments] = columns.sealed(self.seal, person)?;
        let password = match &columns.password {
            None => None,
            Some(given) => {
                Some((Keyed(hash), columns::sealed_password(self.seal, &Keyed(hash), &given.hash)?, given.initial))
            }
        };
        let new = known.is_none().then_some(hash);
        let row = Row { person, new, identity, payments, names: columns.names, password };
        self.bytes += row.identity.len() + row.payments.len();
        self.waiting.push(row);
        if self.waiting.len() >= BATCH as usize || self.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// The query password of an ID's hash.
    pub(super) fn password(&self, subject: &Keyed) -> Result<Option<StoredPassword>, RecordsError> {
        stored_password(self.connection, self.seal, subject)
    }

    /// Whether what is read of a person now says the same; nothing if nothing is.
    fn is_as_held(&self, person: Option<i64>, columns: &Columns) -> Result<Option<bool>, WriteError> {
        let Some(person) = person else { return Ok(None) };
        let sql = self.side.other().sql("SELECT identity, payments FROM RECORDS WHERE person = ?1");
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
        let held = self.connection.prepare_cached(&sql)?.query_row([person], row).optional()?;
        Ok(held.map(|(identity, payments)| columns.are(self.seal, person, [&identity, &payments])).transpose()?)
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut known = transaction.prepare_cached("INSERT INTO people VALUES (?1, ?2)")?;
            let mut record = transaction.prepare_cached(&self.side.sql("INSERT INTO RECORDS VALUES (?1, ?2, ?3)"))?;
            for row in self.waiting.drain(..) {
                if let Some(hash) = row.new {
                    known.execute(params![row.person, hash])?;
                }
                record.execute(params![row.person, row.identity, row.payments])?;
                let [card, card_end, personal] = row.names;
                if row.names.iter().any(Option::is_some) {
                    let name = params![self.side.number(), row.person, card, card_end, personal];
                    transaction.prepare_cached("INSERT INTO names VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(name)?;
                }
                if let Some((subject, sealed, initial)) = &row.password {
                    keep_password(&transaction, subject, sealed, *initial, 0)?;
                }
            }
        }
        transaction.commit()?;
        self.bytes = 0;
        Ok(())
    }

    /// Writes what waits, and tells how it differs from what is read.
    pub(super) fn difference(&mut self) -> Result<Difference, WriteError> {
        self.flush()?;
        let sql = self.side.other().sql("SELECT count(*) FROM RECORDS");
        let before: i64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
        let Difference { people, new, .. } = self.difference;
        self.difference.gone = before.unsigned_abs().saturating_sub(people.saturating_sub(new));
        Ok(self.difference)
    }

    /// From here on this side is read. Lock-outs are lifted where the people are made up.
    pub(super) fn swap(&mut self, as_of: Month, seed: Option<u64>) -> Result<(), WriteError> {
        self.flush()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "UPDATE meta SET side = ?1, as_of = ?2, seed = ?3";
        transaction.execute(sql, params![self.side.number(), as_of.ordinal(), seed.map(u64::cast_signed)])?;
        if seed.is_some() {
            transaction.execute_batch(
                "DELETE FROM lock_outs; UPDATE lock_out_count SET count = 0; \
                 DELETE FROM known_callers; UPDATE known_caller_count SET count = 0",
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Empties the side that is not read: the one before, after the swap; else what was written.
    pub(super) fn end(self) -> Result<(), WriteError> {
        clear(self.connection, Side::read(self.connection)?.0.other())
    }
}

/// Empties a side, batch by batch.
pub(super) fn clear(connection: &Connection, side: Side) -> Result<(), WriteError> {
    let sql = side.sql("DELETE FROM RECORDS WHERE person IN (SELECT person FROM RECORDS ORDER BY person LIMIT ?1)");
    while connection.prepare_cached(&sql)?.execute([BATCH])? > 0 {}
    let sql = "DELETE FROM names WHERE side = ?1 AND person IN \
               (SELECT person FROM names WHERE side = ?1 ORDER BY person LIMIT ?2)";
    while connection.prepare_cached(sql)?.execute(params![side.number(), BATCH])? > 0 {}
    // Without a condition it also wipes what is left of the table's one page.
    connection.execute(&side.sql("DELETE FROM RECORDS"), [])?;
    Ok(())
}

/// Takes back the numbers of those who are not in the records.
fn forget_the_gone(connection: &Connection, side: Side) -> Result<(), WriteError> {
    let last: Option<i64> = connection.query_row("SELECT max(person) FROM people", [], |row| row.get(0))?;
    let sql = side.sql(
        "DELETE FROM people WHERE person > ?1 AND person <= ?2 \
         AND NOT EXISTS (SELECT 1 FROM RECORDS WHERE RECORDS.person = people.person)",
    );
    let (last, step) = (last.unwrap_or(0), 20_000);
    let mut from = 0;
    while from < last {
        connection.prepare_cached(&sql)?.execute(params![from, from.saturating_add(step)])?;
        from = from.saturating_add(step);
    }
    Ok(())
}
