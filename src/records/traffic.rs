//! What happened at each step of a menu, counted from the call records of a while.
//!
//! ```text
//!   path     welcome > language > main > enter-id        ended by the caller after 31 s
//!   path_ms  0         3100       9400   14200           so enter-id: a call, 16.8 s, hung up there
//! ```
//!
//! The database is only read, a row at a time; a hotline may write to it meanwhile.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::OpenError;
use super::database::{look, open_reader};
use crate::menu::Menu;

/// The traffic of a menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Calls that were answered.
    pub calls: u64,
    /// By step of the menu as it is now; those that no call came to too.
    pub steps: HashMap<Arc<str>, StepTraffic>,
}

/// What happened at a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTraffic {
    /// Calls that came to it, once or more often.
    pub calls: u64,
    /// Calls whose caller hung up there.
    pub hung_up: u64,
    /// Stays there whose length is known, and how long they were together.
    pub stays: u64,
    /// Milliseconds.
    pub milliseconds: u64,
}

impl StepTraffic {
    /// The mean length of a stay, in tenths of a second; nothing if none is known.
    pub fn mean_tenths(&self) -> Option<u64> {
        self.milliseconds.checked_div(self.stays).map(|mean| (mean + 50) / 100)
    }
}

/// Why the traffic cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum TrafficFault {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error("cannot read the call records: {0}")]
    Read(#[from] rusqlite::Error),
}

/// Counts the calls to a menu that began to ring from `since` on and before `until`.
///
/// # Errors
/// The file is not there, is no database of Hotline's, or cannot be read.
pub fn traffic(database: &Path, menu: &Menu, since: Timestamp, until: Timestamp) -> Result<Traffic, TrafficFault> {
    let standing = look(database)?;
    let connection = open_reader(database)?;
    let mut traffic = Traffic::default();
    traffic.steps.extend(menu.steps.iter().map(|step| (Arc::clone(&step.name), StepTraffic::default())));
    // An empty file: a hotline that has never been started.
    if standing.version > 0 {
        read(&connection, menu, [since, until], &mut traffic)?;
    }
    Ok(traffic)
}

fn read(
    connection: &Connection,
    menu: &Menu,
    [since, until]: [Timestamp; 2],
    traffic: &mut Traffic,
) -> rusqlite::Result<()> {
    // A file of a version without times of steps is only read, not brought up to date.
    let times = if connection.column_exists(None, "calls", "path_ms")? { "path_ms" } else { "NULL" };
    let calls = format!(
        "SELECT path, path_cut, ending = 'caller-hung-up', duration_ms, {times} FROM calls \
         WHERE menu = ?1 AND started >= ?2 AND started < ?3 AND answered IS NOT NULL"
    );
    let mut calls = connection.prepare(&calls)?;
    let name = super::calls::name(&menu.name);
    let mut rows = calls.query(params![name, super::calls::utc(since), super::calls::utc(until)])?;
    while let Some(row) = rows.next()? {
        count(row, traffic)?;
    }
    Ok(())
}

fn count(row: &Row<'_>, traffic: &mut Traffic) -> rusqlite::Result<()> {
    let (path, cut): (String, i64) = (row.get(0)?, row.get(1)?);
    let hung_up = row.get::<_, Option<bool>>(2)?.unwrap_or(false);
    let (duration, times): (i64, Option<String>) = (row.get(3)?, row.get(4)?);
    traffic.calls += 1;
    let names: Vec<&str> = path.split(" > ").filter(|name| !name.is_empty()).collect();
    let entered: Vec<u64> =
        times.iter().flat_map(|times| times.split(' ')).filter_map(|time| time.parse().ok()).collect();
    // The last step was left when the call ended, unless the path goes on where the record's does not.
    let end = u64::try_from(duration).ok().filter(|_| cut == 0);
    for (place, name) in names.iter().enumerate() {
        let Some(step) = traffic.steps.get_mut(*name) else { continue };
        let last = place + 1 == names.len();
        step.calls += u64::from(!names.iter().take(place).any(|before| before == name));
        step.hung_up += u64::from(hung_up && last && cut == 0);
        let left = entered.get(place + 1).copied().or(end.filter(|_| last));
        if let (Some(came), Some(left)) = (entered.get(place), left) {
            step.stays += 1;
            step.milliseconds = step.milliseconds.saturating_add(left.saturating_sub(*came));
        }
    }
    Ok(())
}
