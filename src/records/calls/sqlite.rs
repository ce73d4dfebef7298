//! Call records in an SQLite database: a transaction a batch, none twice. The table's columns are the fields of an entry, by their
//! names, and what an entry is as JSON says how each is stored.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::{Type, Value, ValueRef};
use rusqlite::{Connection, Row, TransactionBehavior, params, params_from_iter};
use serde_json::Value as Json;

use super::{CallEntry, CallsError, utc};
use crate::facts::{hex, octets};
use crate::records::database::{OpenError, look, open_as_it_is, open_writer};
use crate::records::journal::{Sink, SinkError};

/// Rows deleted by one transaction: writers wait no longer than for so many.
const MOST_PRUNED: u32 = 1_000;

/// The table of an open database.
pub(super) struct SqliteCalls {
    connection: Connection,
    columns: Fields,
    insert: String,
}

impl SqliteCalls {
    pub(super) fn open(path: &Path) -> Result<SqliteCalls, OpenError> {
        let connection = open_writer(path)?;
        let columns = fields(&CallEntry::default());
        let places = vec!["?"; columns.len()].join(", ");
        let insert =
            format!("INSERT INTO calls ({}) VALUES ({places}) ON CONFLICT (call_id) DO NOTHING", names(&columns));
        Ok(SqliteCalls { connection, columns, insert })
    }

    fn write_all(&mut self, entries: &[CallEntry]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for entry in entries {
            let fields = fields(entry);
            let values = self.columns.keys().map(|column| stored(column, fields.get(column)));
            transaction.prepare_cached(&self.insert)?.execute(params_from_iter(values))?;
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

/// An entry by the names of its fields.
type Fields = serde_json::Map<String, Json>;

fn fields(entry: &CallEntry) -> Fields {
    match serde_json::to_value(entry) {
        Ok(Json::Object(fields)) => fields,
        // An entry is an object.
        _ => Fields::new(),
    }
}

fn names(columns: &Fields) -> String {
    columns.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Names and hashes are octets in the table, hexadecimal digits in an entry.
fn stored(column: &str, value: Option<&Json>) -> Value {
    match value {
        Some(Json::String(name)) if column == "call_id" => Value::from(octets::<16>(name).map(Vec::from)),
        Some(Json::String(hash)) if column.ends_with("_hash") => Value::from(octets::<32>(hash).map(Vec::from)),
        Some(Json::String(text)) => Value::from(text.clone()),
        Some(Json::Number(number)) => Value::from(number.as_i64().unwrap_or(i64::MAX)),
        Some(Json::Bool(is)) => Value::from(*is),
        _ => Value::Null,
    }
}

/// Back from what is stored; `empty` is what an empty entry has there.
fn read_value(value: ValueRef<'_>, empty: &Json) -> Json {
    match (value, empty) {
        (ValueRef::Integer(is), Json::Bool(_)) => Json::from(is != 0),
        (ValueRef::Integer(number), _) => Json::from(number),
        (ValueRef::Text(text), _) => Json::from(String::from_utf8_lossy(text)),
        (ValueRef::Blob(octets), _) => Json::from(hex(octets)),
        (ValueRef::Null | ValueRef::Real(_), _) => empty.clone(),
    }
}

pub(super) fn read(
    path: &Path,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    each: &mut dyn FnMut(CallEntry),
) -> Result<(), CallsError> {
    look(path)?;
    let (connection, columns) = (open_as_it_is(path)?, fields(&CallEntry::default()));
    let sql = format!(
        "SELECT {} FROM calls WHERE (?1 IS NULL OR started >= ?1) AND (?2 IS NULL OR started < ?2) ORDER BY started, call",
        names(&columns)
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params![from.map(utc), to.map(utc)])?;
    while let Some(row) = rows.next()? {
        each(read_row(row, &columns)?);
    }
    Ok(())
}

fn read_row(row: &Row<'_>, columns: &Fields) -> rusqlite::Result<CallEntry> {
    let field = |(place, (name, empty)): (usize, (&String, &Json))| -> rusqlite::Result<(String, Json)> {
        Ok((name.clone(), read_value(row.get_ref(place)?, empty)))
    };
    let fields: Fields = columns.iter().enumerate().map(field).collect::<rusqlite::Result<_>>()?;
    serde_json::from_value(Json::Object(fields))
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Null, Box::new(error)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Seal;
    use crate::records::database::{self, IfMissing};

    #[test]
    fn whatever_is_written_of_a_call_is_read_again_and_what_an_older_row_lacks_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hotline.db");
        drop(database::open(&path, IfMissing::Create, &Seal::open_values()).unwrap());
        let calls = || {
            let mut calls = Vec::new();
            read(&path, None, None, &mut |call| calls.push(call)).unwrap();
            calls
        };
        // Each field has a value that no other has, so that none is taken for another.
        let mut number = 0_u64;
        let mut told = fields(&CallEntry::default());
        for (name, value) in &mut told {
            number += 1;
            *value = match (name.as_str(), &*value) {
                (_, Json::Bool(_)) => Json::from(true),
                ("call_id", _) => Json::from(format!("{number:032x}")),
                (name, _) if name.ends_with("_hash") => Json::from(format!("{number:064x}")),
                (_, Json::String(_)) => Json::from(format!("text {number}")),
                (_, Json::Number(_)) => Json::from(number),
                (name, _) if is_text(name) => Json::from(format!("text {number}")),
                _ => Json::from(number),
            };
        }
        let call: CallEntry = serde_json::from_value(Json::Object(told)).unwrap();
        let mut table = SqliteCalls::open(&path).unwrap();
        table.write_all(&[call.clone(), call.clone()]).unwrap();
        assert_eq!(calls(), [call]);

        let older = "INSERT INTO calls (started, ended, duration_ms, called, menu, path, path_cut, outcome, language, keys) \
                     VALUES ('a', 'b', 7, '100', 'm', '', 0, 'nothing', 'en', 3)";
        table.connection.execute(older, []).unwrap();
        let calls = calls();
        let older = calls.iter().find(|call| call.started == "a").unwrap();
        assert_eq!((older.call_id.as_str(), older.keys, older.keys_twice, older.repeated), ("", 3, None, false));
    }

    fn is_text(name: &str) -> bool {
        ["answered", "caller_masked", "path_ms", "ending", "trunk", "version"].contains(&name)
    }
}
