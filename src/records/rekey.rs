//! Sealing all records anew: by a new key, or for the first time.
//!
//! ```text
//!   1  where nothing was sealed before: free pages are wiped; the pepper, in place
//!   2  every case and every password, in place; every person, from the side that is read into the other one
//!                                                                    batches; begun again, it goes on after the last
//!   3  the other side is read                                        one row
//!   4  the side before is cleared
//!   5  the pepper says that nothing lies open, if nothing does; the write-ahead log is emptied
//! ```
//!
//! Calls read on: until 3 what they read before, after 3 the same sealed by the new key, which a running hotline looks for where
//! its keys come from. Killed at any moment, the records are whole, and the same command goes on. What lies open is believed, and
//! sealed, until 5 has been come to once; after that it is a fault.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::database::{self, IfMissing};
use super::keyed::{Keyed, Pepper};
use super::seal::{KeyId, Seal, key_of};
use super::sides::{BATCH, Side, WriteError, WriteLock, clear};
use super::{PostgresOptions, cases, columns, postgres};

/// Pages that are wiped by one transaction, at most.
const WIPED: i64 = 256;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// The key that all is sealed by now.
    pub key: KeyId,
    /// People whose values were sealed anew; 0 if all were already.
    pub people: u64,
    /// Whether the write-ahead log could be emptied: not while somebody reads for long.
    pub log_emptied: bool,
}

/// Seals all records of a database file by the first of the keys. `progress` is told how many people are done, and of how many.
///
/// # Errors
/// [`WriteError`]; what was done stays, and the next time goes on from there.
pub fn rekey(path: &Path, seal: &Seal, progress: impl FnMut(u64, u64)) -> Result<Rekeyed, WriteError> {
    let key = seal.current().ok_or(WriteError::NoKeys)?;
    let (mut connection, _) = database::open(path, IfMissing::Refuse, seal)?;
    let _lock = WriteLock::take(path)?;
    let people = run(&mut connection, seal, key, progress)?;
    Ok(Rekeyed { key, people, log_emptied: empty_log(&connection)? })
}

/// Seals all records of a PostgreSQL database by the first of the keys, as [`rekey`] does those of a file.
///
/// # Errors
/// [`WriteError`]; what was done stays, and the next time goes on from there.
pub fn rekey_on_server(server: &PostgresOptions, progress: impl FnMut(u64, u64) + Send) -> Result<Rekeyed, WriteError> {
    server.seal.current().ok_or(WriteError::NoKeys)?;
    Ok(postgres::rekey(server, progress)?)
}

/// Seals what lies open in a database, where there are keys. Who calls holds the [`WriteLock`].
pub(super) fn seal_what_is_open(connection: &mut Connection, seal: &Seal) -> Result<(), WriteError> {
    let Some(key) = seal.current() else { return Ok(()) };
    let pepper: Vec<u8> = connection.query_row("SELECT pepper FROM meta", [], |row| row.get(0))?;
    if key_of(&pepper).is_none() {
        run(connection, seal, key, |_, _| ())?;
        empty_log(connection)?;
    }
    Ok(())
}

fn run(
    connection: &mut Connection,
    seal: &Seal,
    key: KeyId,
    progress: impl FnMut(u64, u64),
) -> Result<u64, WriteError> {
    let pepper: Vec<u8> = connection.query_row("SELECT pepper FROM meta", [], |row| row.get(0))?;
    if key_of(&pepper).is_none() {
        wipe_free_pages(connection)?;
    }
    if key_of(&pepper) != Some(key) {
        connection.execute("UPDATE meta SET pepper = ?1", [Pepper::anew(seal, &pepper, false)?])?;
    }
    cases::seal_anew(connection, seal)?;
    passwords_anew(connection, seal)?;
    let people = people_anew(connection, seal, key, progress)?;
    say_whole(connection, seal)?;
    Ok(people)
}

/// Seals all passwords by the first key.
fn passwords_anew(connection: &Connection, seal: &Seal) -> Result<(), WriteError> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Vec<u8>>(1)?));
    let mut last = Vec::new();
    loop {
        let sql = "SELECT subject, hash FROM passwords WHERE subject > ?1 ORDER BY subject LIMIT ?2";
        let mut statement = connection.prepare_cached(sql)?;
        let batch: Vec<_> = statement.query_map(params![last, BATCH], row)?.collect::<rusqlite::Result<_>>()?;
        let Some((end, _)) = batch.last() else { return Ok(()) };
        last = end.to_vec();
        for (subject, stored) in batch.iter().filter(|(_, stored)| !seal.is_current(stored)) {
            let anew = columns::password_anew(seal, &Keyed(*subject), stored)?;
            // One that has changed meanwhile is sealed by the first key already.
            let sql = "UPDATE passwords SET hash = ?1 WHERE subject = ?2 AND hash = ?3";
            connection.prepare_cached(sql)?.execute(params![anew, subject, stored])?;
        }
    }
}

/// Says in the pepper that nothing lies open, if nothing does.
fn say_whole(connection: &Connection, seal: &Seal) -> Result<(), WriteError> {
    let (side, _) = Side::read(connection)?;
    let open = side.sql(
        "SELECT EXISTS (SELECT 1 FROM RECORDS WHERE substr(identity, 1, 1) = x'00' OR substr(payments, 1, 1) = x'00') \
         OR EXISTS (SELECT 1 FROM cases WHERE substr(person, 1, 1) = x'00') \
         OR EXISTS (SELECT 1 FROM passwords WHERE substr(hash, 1, 1) = x'00')",
    );
    let pepper: Vec<u8> = connection.query_row("SELECT pepper FROM meta", [], |row| row.get(0))?;
    if !connection.query_row(&open, [], |row| row.get(0))? && !Pepper::says_whole(seal, &pepper)? {
        connection.execute("UPDATE meta SET pepper = ?1", [Pepper::anew(seal, &pepper, true)?])?;
    }
    Ok(())
}

fn people_anew(
    connection: &mut Connection,
    seal: &Seal,
    key: KeyId,
    progress: impl FnMut(u64, u64),
) -> Result<u64, WriteError> {
    let (side, _) = Side::read(connection)?;
    if all_current(connection, side, seal)? {
        // What a rekeying left that was broken off in its last step.
        clear(connection, side.other())?;
        return Ok(0);
    }
    copy(connection, side, seal, key, progress)
}

/// Whether every value of a side is sealed by the first key already.
fn all_current(connection: &Connection, side: Side, seal: &Seal) -> Result<bool, WriteError> {
    let mut statement =
        connection.prepare(&side.sql("SELECT substr(identity, 1, 5), substr(payments, 1, 5) FROM RECORDS"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if ![row.get::<_, Vec<u8>>(0)?, row.get(1)?].iter().all(|sealed| seal.is_current(sealed)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn copy(
    connection: &mut Connection,
    side: Side,
    seal: &Seal,
    key: KeyId,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, WriteError> {
    let rekeying: Option<Vec<u8>> = connection.query_row("SELECT rekeying FROM meta", [], |row| row.get(0))?;
    if rekeying.is_none_or(|by| by != key.0) {
        connection.execute("UPDATE meta SET rekeying = NULL", [])?;
        clear(connection, side.other())?;
        connection.execute("UPDATE meta SET rekeying = ?1", [key.0])?;
    }
    let count = |connection: &Connection, side: Side| -> Result<u64, WriteError> {
        let people: i64 = connection.query_row(&side.sql("SELECT count(*) FROM RECORDS"), [], |row| row.get(0))?;
        Ok(people.unsigned_abs())
    };
    let (all, mut done) = (count(connection, side)?, count(connection, side.other())?);
    let last = side.other().sql("SELECT max(person) FROM RECORDS");
    let mut last: i64 = connection.query_row(&last, [], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
    loop {
        let batch = sealed_anew(connection, side, seal, last)?;
        let (Some(first), Some(end)) = (batch.first(), batch.last()) else { break };
        let (from, to) = (first.0, end.0);
        last = to;
        done += batch.len() as u64;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (person, identity, payments) in batch {
            let sql = side.other().sql("INSERT INTO RECORDS VALUES (?1, ?2, ?3)");
            transaction.prepare_cached(&sql)?.execute(params![person, identity, payments])?;
        }
        let names = "INSERT INTO names SELECT 1 - side, person, card, card_end, personal FROM names \
                     WHERE side = ?1 AND person BETWEEN ?2 AND ?3";
        transaction.prepare_cached(names)?.execute(params![side.number(), from, to])?;
        transaction.commit()?;
        progress(done, all);
    }
    connection.execute("UPDATE meta SET side = 1 - side, rekeying = NULL", [])?;
    clear(connection, side)?;
    Ok(all)
}

/// A person's number, identity and payments, both sealed.
type Row = (i64, Vec<u8>, Vec<u8>);

/// The next people, sealed by the first key.
fn sealed_anew(connection: &Connection, side: Side, seal: &Seal, after: i64) -> Result<Vec<Row>, WriteError> {
    let sql = side.sql("SELECT person, identity, payments FROM RECORDS WHERE person > ?1 ORDER BY person LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![after, BATCH])?;
    let mut batch = Vec::new();
    while let Some(row) = rows.next()? {
        let (person, identity, payments): (i64, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let [identity, payments] = columns::anew(seal, person, [&identity, &payments])?;
        batch.push((person, identity, payments));
    }
    Ok(batch)
}

/// Overwrites what is left on pages that hold nothing: those freed by an earlier version were not wiped.
fn wipe_free_pages(connection: &Connection) -> Result<(), WriteError> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS wiped (zeros BLOB) STRICT")?;
    loop {
        let pages = free()?.min(WIPED);
        if pages == 0 {
            break;
        }
        connection.prepare_cached("INSERT INTO wiped VALUES (zeroblob(?1))")?.execute([pages * (page - 8)])?;
    }
    while connection.execute("DELETE FROM wiped WHERE rowid IN (SELECT rowid FROM wiped LIMIT 1)", [])? > 0 {}
    connection.execute_batch("DROP TABLE wiped")?;
    Ok(())
}

/// Writes the write-ahead log back and cuts it to nothing; false while somebody reads an earlier state.
fn empty_log(connection: &Connection) -> Result<bool, WriteError> {
    let busy: Option<i64> = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).optional()?;
    Ok(busy == Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Identity, Month, Origin, Query, Reply, Secret};
    use crate::records::demo::{self, DemoOptions, NAMED};
    use crate::records::{Records as _, SqliteRecords};

    /// As the tables of version 10 were, which knew by which names those are found who are read, and no others.
    const BACK_TO_10: &str = "\
        CREATE TABLE identifiers (person INTEGER PRIMARY KEY, card BLOB, card_end BLOB, personal BLOB) STRICT; \
        INSERT INTO identifiers SELECT person, card, card_end, personal FROM names WHERE side = (SELECT side FROM meta); \
        DROP TABLE names; DROP TABLE passwords; \
        CREATE TABLE passwords (subject BLOB PRIMARY KEY, hash TEXT NOT NULL, initial INTEGER NOT NULL, changed INTEGER NOT NULL) \
        STRICT, WITHOUT ROWID; UPDATE schema_version SET version = 10";

    #[test]
    fn a_card_is_known_also_where_an_earlier_version_was_broken_off_in_sealing_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, seal) = (folder.path().join("hotline.db"), Seal::for_now());
        let demo = DemoOptions::named_only(Month::new(2026, 9).unwrap());
        demo::write_with(&path, &Seal::open_values(), demo, false, || ()).unwrap();
        let broken_off = std::panic::catch_unwind(|| rekey(&path, &seal, |_, _| panic!("broken off")));
        assert!(broken_off.is_err());
        Connection::open(&path).unwrap().execute_batch(BACK_TO_10).unwrap();
        assert_eq!(rekey(&path, &seal, |_, _| ()).unwrap().people, 10);
        let identity = Identity {
            card: Some(Secret::new(NAMED[0].card.trim_start_matches(char::is_alphabetic).to_owned())),
            number: Some(Secret::new(NAMED[0].number.to_owned())),
            ..Identity::default()
        };
        let query = Query::Verify { identity, from: Origin::default() };
        let reply =
            SqliteRecords::open_with(&path, &seal).unwrap().answer(&query, jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert!(matches!(reply, Reply::Matched(_)), "{reply:?}");
    }
}
