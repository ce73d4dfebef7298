//! The chain is read: its lines listed, each hash made again.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::chain::{RETENTION, follows, head_file};
use super::{AuditError, Entry, Head};
use crate::facts::hex;
use crate::records::calls::utc;
use crate::records::database::{look, open_as_it_is};

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditLine {
    /// Its number.
    pub line: i64,
    /// When, in UTC.
    pub at: String,
    /// `call:…` with the call's id, `operator:…` with a name, or `hotline`.
    pub who: String,
    /// What was done.
    pub what: String,
    /// The keyed hash of whose record it was done to, its kind before it.
    pub subject: Option<String>,
    /// What came of it.
    pub outcome: String,
    /// The line's hash, in hexadecimal digits.
    pub hash: String,
}

/// Which lines are wanted: those that agree with all of it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// By whom, as it stands in the line.
    pub who: Option<String>,
    /// To whose record, as it stands in the line.
    pub subject: Option<String>,
}

/// What is wrong with a chain: the first thing found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// A line does not follow from the one before.
    #[error("line {line} is broken: its hash does not follow from its words and from line {}; it was changed, or another stood before it", .line - 1)]
    Broken {
        /// Which.
        line: i64,
    },
    /// Lines are not there.
    #[error("{} missing", lines(*.first, *.last))]
    Missing {
        /// The first of them.
        first: i64,
        /// The last.
        last: i64,
    },
    /// The log ends before a head that was kept elsewhere.
    #[error("the log was cut off: it ends with line {last}, and had come to line {} ({from})", .head.line)]
    CutOff {
        /// The last line that is there.
        last: i64,
        /// How far it had come.
        head: Head,
        /// Who says so.
        from: &'static str,
    },
    /// A line has another hash than the one that was kept elsewhere: the chain was made anew.
    #[error("line {} has another hash than it had ({from}): the log was written anew", .head.line)]
    Rewritten {
        /// As it was.
        head: Head,
        /// Who says so.
        from: &'static str,
    },
    /// Lines at the beginning are gone, and no line tells of it.
    #[error("the log begins with line {first}, and none of its lines says why those before were removed")]
    Beginning {
        /// The first that is there.
        first: i64,
    },
}

fn lines(first: i64, last: i64) -> String {
    if first == last { format!("line {first} is") } else { format!("lines {first} to {last} are") }
}

/// A chain that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many lines there are.
    pub lines: i64,
    /// The last.
    pub head: Head,
    /// Whether a head was found beside the database to compare it with.
    pub compared: bool,
}

/// Makes each hash again, and compares the end with the head beside the database, and with one that was kept elsewhere.
/// Changes nothing; takes no memory that grows.
///
/// # Errors
/// The database cannot be read.
pub fn verify(database: &Path, kept: Option<Head>) -> Result<Result<Verified, AuditFault>, AuditError> {
    look(database)?;
    // The head first: a running hotline may come further meanwhile, and never less far.
    let beside = read_head(&head_file(database))?;
    let connection = open_as_it_is(database)?;
    let anchor = connection.query_row("SELECT first - 1, before FROM audit_anchor", [], |row| {
        Ok(Head { line: row.get(0)?, hash: row.get(1)? })
    })?;
    let heads = [(beside, "the head beside the database"), (kept, "the head that was given")];
    walk(&connection, anchor, &heads)
        .map(|found| found.map(|verified| Verified { compared: beside.is_some(), ..verified }))
}

fn walk(
    connection: &Connection,
    anchor: Head,
    heads: &[(Option<Head>, &'static str)],
) -> Result<Result<Verified, AuditFault>, AuditError> {
    let mut statement = connection.prepare(&format!("{COLUMNS} ORDER BY line"))?;
    let mut rows = statement.query([])?;
    let (mut before, mut count) = (anchor, 0);
    let said = format!("to {anchor}");
    let mut begins_well = anchor.line == 0;
    while let Some(row) = rows.next()? {
        let (line, entry, hash) = read(row)?;
        if line != before.line + 1 {
            return Ok(Err(AuditFault::Missing { first: before.line + 1, last: line - 1 }));
        }
        if follows(&before.hash, line, &entry) != hash {
            return Ok(Err(AuditFault::Broken { line }));
        }
        before = Head { line, hash };
        count += 1;
        begins_well |= entry.what == RETENTION && entry.outcome.ends_with(&said);
        let other = heads.iter().find(|(head, _)| head.is_some_and(|head| head.line == line && head.hash != hash));
        if let Some((Some(head), from)) = other {
            return Ok(Err(AuditFault::Rewritten { head: *head, from }));
        }
    }
    for (head, from) in heads {
        if let Some(head) = head.filter(|head| head.line > before.line) {
            return Ok(Err(AuditFault::CutOff { last: before.line, head, from }));
        }
    }
    if !begins_well {
        return Ok(Err(AuditFault::Beginning { first: anchor.line + 1 }));
    }
    Ok(Ok(Verified { lines: count, head: before, compared: false }))
}

/// Gives the lines that are wanted to somebody, in order, until they want no more.
///
/// # Errors
/// The database cannot be read.
pub fn list(
    database: &Path,
    wanted: &Wanted,
    mut to: impl FnMut(AuditLine) -> std::ops::ControlFlow<()>,
) -> Result<(), AuditError> {
    look(database)?;
    let connection = open_as_it_is(database)?;
    let sql = format!(
        "{COLUMNS} WHERE (?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR at < ?2) AND (?3 IS NULL OR who = ?3) AND \
         (?4 IS NULL OR subject = ?4) ORDER BY line"
    );
    let mut statement = connection.prepare(&sql)?;
    let (from, until) = (wanted.from.map(utc), wanted.to.map(utc));
    let mut rows = statement.query(params![from, until, wanted.who, wanted.subject])?;
    while let Some(row) = rows.next()? {
        let (line, Entry { at, who, what, subject, outcome, .. }, hash) = read(row)?;
        if to(AuditLine { line, at, who, what, subject, outcome, hash: hex(&hash) }).is_break() {
            break;
        }
    }
    Ok(())
}

const COLUMNS: &str = "SELECT line, act, at, who, what, subject, outcome, hash FROM audit";

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Entry, [u8; 32])> {
    let entry = Entry {
        act: hex(&row.get::<_, [u8; 16]>(1)?),
        at: row.get(2)?,
        who: row.get(3)?,
        what: row.get(4)?,
        subject: row.get(5)?,
        outcome: row.get(6)?,
    };
    Ok((row.get(0)?, entry, row.get(7)?))
}

fn read_head(file: &Path) -> Result<Option<Head>, AuditError> {
    let wrong = |source| AuditError::Head { path: file.to_owned(), source };
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let unread = |why: &str| wrong(std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned()));
            text.parse().map(Some).map_err(unread)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(error)),
    }
}
