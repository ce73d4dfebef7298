//! Call records in an SQLite database: a transaction a batch, none twice.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, Row, TransactionBehavior, params, params_from_iter};

use super::{CallEntry, CallsError, utc};
use crate::facts::{hex, octets};
use crate::records::database::{OpenError, look, open_as_it_is, open_writer};
use crate::records::journal::{Sink, SinkError};

/// Rows deleted by one transaction: writers wait no longer than for so many.
const MOST_PRUNED: u32 = 1_000;

/// In the order of [`values`].
const COLUMNS: &str = "call_id, started, answered, ended, duration_ms, called, caller_masked, caller_hash, menu, path, path_cut, \
                       path_ms, outcome, ending, language, person_hash, keys, sip_call_hash, rtp_lost, rtp_jitter_us, \
                       keys_rfc4733, keys_info, keys_in_band, keys_twice, trunk, version, person_asked_ms, \
                       person_answered_ms, repeated";

/// The table of an open database.
pub(super) struct SqliteCalls {
    connection: Connection,
    insert: String,
}

impl SqliteCalls {
    pub(super) fn open(path: &Path) -> Result<SqliteCalls, OpenError> {
        let connection = open_writer(path)?;
        let places = vec!["?"; COLUMNS.split(',').count()].join(", ");
        let insert = format!("INSERT INTO calls ({COLUMNS}) VALUES ({places}) ON CONFLICT (call_id) DO NOTHING");
        Ok(SqliteCalls { connection, insert })
    }

    fn write_all(&mut self, entries: &[CallEntry]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for entry in entries {
            transaction.prepare_cached(&self.insert)?.execute(params_from_iter(values(entry)))?;
        }
        transaction.commit()
    }
}

impl Sink<CallEntry> for SqliteCalls {
    fn write(&mut self, entries: &[CallEntry]) -> Result<(), SinkError> {
        self.write_all(entries).map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation | rusqlite::ErrorCode::TypeMismatch) => {
                SinkError::Refused(error.to_string())
            }
            _ => SinkError::Down(error.to_string()),
        })
    }
}

type Value = rusqlite::types::Value;

fn values(entry: &CallEntry) -> [Value; 29] {
    let text = |text: &String| Value::from(text.clone());
    let maybe = |text: &Option<String>| Value::from(text.clone());
    let hash = |hash: &Option<String>| Value::from(hash.as_deref().and_then(octets::<32>).map(Vec::from));
    let wide = |number: Option<u64>| Value::from(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)));
    let count = |number: Option<u32>| Value::from(number);
    [
        Value::from(octets::<16>(&entry.call_id).map(Vec::from)),
        text(&entry.started),
        maybe(&entry.answered),
        text(&entry.ended),
        Value::from(entry.duration_ms),
        text(&entry.called),
        maybe(&entry.caller_masked),
        hash(&entry.caller_hash),
        text(&entry.menu),
        text(&entry.path),
        Value::from(entry.path_cut),
        maybe(&entry.path_ms),
        text(&entry.outcome),
        maybe(&entry.ending),
        text(&entry.language),
        hash(&entry.person_hash),
        Value::from(entry.keys),
        hash(&entry.sip_call_hash),
        count(entry.rtp_lost),
        count(entry.rtp_jitter_us),
        count(entry.keys_rfc4733),
        count(entry.keys_info),
        count(entry.keys_in_band),
        count(entry.keys_twice),
        maybe(&entry.trunk),
        maybe(&entry.version),
        wide(entry.person_asked_ms),
        wide(entry.person_answered_ms),
        Value::from(entry.repeated),
    ]
}

pub(super) fn read(
    path: &Path,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    each: &mut dyn FnMut(CallEntry),
) -> Result<(), CallsError> {
    look(path)?;
    let connection = open_as_it_is(path)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM calls WHERE (?1 IS NULL OR started >= ?1) AND (?2 IS NULL OR started < ?2) ORDER BY started, call"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params![from.map(utc), to.map(utc)])?;
    while let Some(row) = rows.next()? {
        each(read_row(row)?);
    }
    Ok(())
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<CallEntry> {
    let hash = |column: &str| row.get::<_, Option<Vec<u8>>>(column).map(|hash| hash.map(|hash| hex(&hash)));
    Ok(CallEntry {
        call_id: hash("call_id")?.unwrap_or_default(),
        started: row.get("started")?,
        answered: row.get("answered")?,
        ended: row.get("ended")?,
        duration_ms: row.get("duration_ms")?,
        called: row.get("called")?,
        caller_masked: row.get("caller_masked")?,
        caller_hash: hash("caller_hash")?,
        menu: row.get("menu")?,
        path: row.get("path")?,
        path_cut: row.get("path_cut")?,
        path_ms: row.get("path_ms")?,
        outcome: row.get("outcome")?,
        ending: row.get("ending")?,
        language: row.get("language")?,
        person_hash: hash("person_hash")?,
        keys: row.get("keys")?,
        sip_call_hash: hash("sip_call_hash")?,
        rtp_lost: row.get("rtp_lost")?,
        rtp_jitter_us: row.get("rtp_jitter_us")?,
        keys_rfc4733: row.get("keys_rfc4733")?,
        keys_info: row.get("keys_info")?,
        keys_in_band: row.get("keys_in_band")?,
        keys_twice: row.get("keys_twice")?,
        trunk: row.get("trunk")?,
        version: row.get("version")?,
        person_asked_ms: row.get::<_, Option<i64>>("person_asked_ms")?.map(i64::unsigned_abs),
        person_answered_ms: row.get::<_, Option<i64>>("person_answered_ms")?.map(i64::unsigned_abs),
        repeated: row.get("repeated")?,
    })
}

pub(super) fn prune(path: &Path, before: Timestamp) -> Result<u64, CallsError> {
    let connection = open_writer(path)?;
    let sql = "DELETE FROM calls WHERE call IN (SELECT call FROM calls WHERE started < ?1 ORDER BY started LIMIT ?2)";
    let mut gone = 0;
    loop {
        let some = connection.prepare_cached(sql)?.execute(params![utc(before), MOST_PRUNED])?;
        gone += u64::try_from(some).unwrap_or(u64::MAX);
        if some == 0 {
            return Ok(gone);
        }
    }
}
