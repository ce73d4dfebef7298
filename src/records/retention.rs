//! How long what is kept is kept, and that it goes then.
//!
//! | what | goes |
//! |---|---|
//! | call records | when their call began longer ago than `call_records` days; JSON lines by whole days |
//! | audit log | its lines from before `audit` days; the chain then begins at a later line ([`super::audit`]) |
//! | cases | when they were closed longer ago than `cases` days; those that are open stay |
//! | lock-outs | when nothing is held against their subject any more |

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::{CallPlace, audit, database};

/// China's Cybersecurity Law wants network logs kept for six months at least.
pub const LEAST_AUDIT_DAYS: u32 = 183;

/// Days that things are kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Call records.
    pub call_records: u32,
    /// The audit log; six months at least.
    pub audit: u32,
    /// Cases, from when they were closed.
    pub cases: u32,
}

impl Default for Retention {
    /// A year, longer than the law asks and no longer than a year's report needs; three of a closed case, in which it may
    /// come up again.
    fn default() -> Retention {
        Retention { call_records: 366, audit: 366, cases: 1_096 }
    }
}

/// What has gone of one kind of thing, or why nothing could.
#[derive(Debug)]
pub struct Gone {
    /// What: `call records`, `audit lines`, `cases`, `lock-outs`.
    pub what: &'static str,
    /// Days that it is kept for; nothing where something else says when it goes.
    pub days: Option<u32>,
    /// How many, or why not.
    pub gone: Result<u64, String>,
}

/// Removes what is older than it may be.
pub fn enforce(database: &Path, calls: &CallPlace, kept: Retention, now: Timestamp) -> Vec<Gone> {
    let before =
        |days: u32| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN);
    let told = |what, days, gone: Result<u64, String>| Gone { what, days, gone };
    let calls = calls.prune(before(kept.call_records)).map_err(|error| error.to_string());
    let audited = audit::prune(database, before(kept.audit.max(LEAST_AUDIT_DAYS)), now);
    let audited =
        audited.map(|gone| gone.map_or(0, |gone| gone.lines.unsigned_abs())).map_err(|error| error.to_string());
    vec![
        told("call records", Some(kept.call_records), calls),
        told("audit lines", Some(kept.audit), audited),
        told("cases", Some(kept.cases), gone(database, CASES, before(kept.cases))),
        told("lock-outs", None, gone(database, LOCK_OUTS, now)),
    ]
}

const CASES: &str = "DELETE FROM cases WHERE closed < ?1";
const LOCK_OUTS: &str = "DELETE FROM lock_outs WHERE expires <= ?1";

/// Removes the rows of before a time.
fn gone(database: &Path, sql: &str, before: Timestamp) -> Result<u64, String> {
    let connection = database::open_writer(database).map_err(|error| error.to_string())?;
    let gone = connection.execute(sql, [before.as_millisecond()]);
    gone.map(|gone| u64::try_from(gone).unwrap_or(u64::MAX)).map_err(|error| error.to_string())
}
