//! What call records tell of calls that have ended, for those who ask how such calls would go through another menu. Which keys
//! were pressed is recorded nowhere; the steps that they led through are.

use std::path::Path;

use rusqlite::params;

use super::database::{self, OpenError, look};

/// So many different ways are read, the most frequent first.
pub const MOST_WAYS: u32 = 10_000;

/// Calls that went the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedCalls {
    /// How many there were.
    pub calls: u64,
    /// The steps they went through, by name.
    pub path: Vec<String>,
    /// How they ended, as in `caller-hung-up`.
    pub ending: String,
}

/// Why call records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error("cannot read the call records: {0}")]
    Database(#[from] rusqlite::Error),
}

/// The answered calls of a menu whose whole path was recorded, by their ways. Changes nothing.
///
/// # Errors
/// [`ReadError`]
pub fn ended_calls(database: &Path, menu: &str) -> Result<Vec<EndedCalls>, ReadError> {
    look(database)?;
    let connection = database::open_as_it_is(database)?;
    let sql = "SELECT COUNT(*), path, ending FROM calls WHERE menu = ?1 AND answered IS NOT NULL AND path_cut = 0 AND \
               path <> '' AND ending IS NOT NULL GROUP BY path, ending ORDER BY COUNT(*) DESC, path LIMIT ?2";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map(params![menu, MOST_WAYS], |row| {
        let path: String = row.get(1)?;
        let path = path.split(" > ").map(str::to_owned).collect();
        Ok(EndedCalls { calls: row.get::<_, i64>(0)?.unsigned_abs(), path, ending: row.get(2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
