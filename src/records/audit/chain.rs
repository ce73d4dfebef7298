//! Lines are added to the chain, and go at its beginning.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::{AuditError, Entry, Who};
use crate::facts::{hex, octets};
use crate::records::calls::utc;
use crate::records::keyed::Pepper;

/// A place in the chain: a line, and its hash. Written `LINE:HASH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The line's number.
    pub line: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, hex(&self.hash))
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Head, &'static str> {
        let read = || {
            let (line, hash) = text.trim().split_once(':')?;
            Some(Head { line: line.parse().ok()?, hash: octets(hash)? })
        };
        read().ok_or("a head is a line's number, a colon, and 64 hexadecimal digits")
    }
}

/// What was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// So many lines.
    pub lines: i64,
    /// The last of them.
    pub last: Head,
}

/// Lines deleted by one prune at most: what is left goes at the next.
const MOST_PRUNED: i64 = 100_000;

/// The hash of a line that follows another.
pub(super) fn follows(before: &[u8; 32], line: i64, entry: &Entry) -> [u8; 32] {
    let Entry { act, at, who, what, subject, outcome } = entry;
    // Written as JSON because that says where each part ends; that there is no number or table within makes it the only way.
    let text = serde_json::to_string(&(line, act, at, who, what, subject, outcome)).unwrap_or_default();
    Sha256::new().chain_update(before).chain_update(text).finalize().into()
}

/// The chain in a database, to add to.
pub(super) struct Chain {
    connection: Connection,
    head_file: PathBuf,
}

impl Chain {
    /// The chain of an open database, whose file is this. Each of its commits is on the disk before it returns.
    pub(super) fn over(connection: Connection, database: &Path) -> Result<Chain, AuditError> {
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(Chain { connection, head_file: head_file(database) })
    }

    /// Adds lines in order, in one transaction; one that is there already is passed over. Then the head's file says so.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), AuditError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut head = head(&transaction)?;
        for entry in entries {
            head = append(&transaction, head, entry)?;
        }
        transaction.commit()?;
        write_head(&self.head_file, head)
    }

    /// Removes the lines from before a time, all but the last. The anchor keeps the hash that the rest follows from, and a
    /// line is added that names both.
    pub(super) fn prune(&mut self, before: Timestamp, at: Timestamp) -> Result<Option<Removed>, AuditError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let first: i64 = transaction.query_row("SELECT first FROM audit_anchor", [], |row| row.get(0))?;
        let last = "SELECT line, hash FROM audit WHERE line < (SELECT coalesce(min(line), (SELECT max(line) FROM audit)) \
                    FROM audit WHERE at >= ?1) AND line < ?2 ORDER BY line DESC LIMIT 1";
        let bound = first.saturating_add(MOST_PRUNED);
        let row = |row: &rusqlite::Row<'_>| Ok(Head { line: row.get(0)?, hash: row.get(1)? });
        let Some(last) = transaction.query_row(last, params![utc(before), bound], row).optional()? else {
            return Ok(None);
        };
        let removed = Removed { lines: last.line - first + 1, last };
        transaction.execute("UPDATE audit_anchor SET first = ?1, before = ?2", params![last.line + 1, last.hash])?;
        transaction.execute("DELETE FROM audit WHERE line <= ?1", [last.line])?;
        let act = super::Act {
            at,
            who: Who::Hotline,
            what: RETENTION.into(),
            subject: None,
            outcome: format!("removed {first} to {last}"),
        };
        // Nobody's number is in it, so the key does not matter.
        let entry = Entry::of(&act, rand::random(), &Pepper::new(&[0; 32]));
        let before = head(&transaction)?;
        let head = append(&transaction, before, &entry)?;
        transaction.commit()?;
        write_head(&self.head_file, head)?;
        Ok(Some(removed))
    }
}

/// What a line says that tells of removed ones.
pub(super) const RETENTION: &str = "retention";

fn append(connection: &Connection, head: Head, entry: &Entry) -> rusqlite::Result<Head> {
    let Some(act) = octets::<16>(&entry.act) else { return Ok(head) };
    if connection.prepare_cached("SELECT 1 FROM audit WHERE act = ?1")?.exists([act])? {
        return Ok(head);
    }
    let line = head.line + 1;
    let hash = follows(&head.hash, line, entry);
    let Entry { at, who, what, subject, outcome, .. } = entry;
    connection
        .prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![line, act, at, who, what, subject, outcome, hash])?;
    Ok(Head { line, hash })
}

pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let last = "SELECT line, hash FROM audit ORDER BY line DESC LIMIT 1";
    let row = |row: &rusqlite::Row<'_>| Ok(Head { line: row.get(0)?, hash: row.get(1)? });
    match connection.prepare_cached(last)?.query_row([], row).optional()? {
        Some(head) => Ok(head),
        None => connection.query_row("SELECT first - 1, before FROM audit_anchor", [], row),
    }
}

/// The file beside the database that the head stands in.
pub(super) fn head_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".audit-head");
    name.into()
}

fn write_head(file: &Path, head: Head) -> Result<(), AuditError> {
    let wrong = |source| AuditError::Head { path: file.to_owned(), source };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(wrong)?;
    writeln!(new, "{head}").map_err(wrong)?;
    new.persist(file).map_err(|error| wrong(error.error))?;
    Ok(())
}
