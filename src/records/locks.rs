//! Lock-outs: the rules, for whatever keeps the counts.
//!
//! ```text
//!   subjects of one verification: the keyed ID, and the caller's number where the network gave it
//!
//!   either locked      ──▶ Locked(minutes), right or wrong; nothing is counted, the lock is not prolonged
//!   numbers match      ──▶ Matched; both subjects' counts are forgotten
//!   they do not        ──▶ counted for both; a subject with `failures` of them within `window` is locked for `lock`,
//!                          and this failure is itself answered Locked; else Unmatched
//! ```
//!
//! A success forgets the caller's count too, so that three people who each mistype once on an office's telephone are
//! not locked out. Each ID keeps its own count, so a caller who mixes in a number of their own gains no more tries
//! against anybody else's. An unknown ID is counted and locked like a known one.

use std::time::Duration;

use jiff::Timestamp;

use super::RecordsError;
use super::keyed::Keyed;
use crate::facts::{CitizenId, PersonRef, Reply};

/// Subjects counted or locked at most; at the cap the one that would be forgotten first goes.
pub(super) const MOST_SUBJECTS: u32 = 1_000_000;

/// When failures lock, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockPolicy {
    /// So many failures of one ID or from one caller lock it. Held within 1–100.
    pub failures: u32,
    /// Failures longer ago are forgotten.
    pub window: Duration,
    /// How long a lock holds.
    pub lock: Duration,
}

impl Default for LockPolicy {
    /// Three failures within 24 hours lock for 30 minutes.
    fn default() -> LockPolicy {
        LockPolicy { failures: 3, window: Duration::from_secs(24 * 3600), lock: Duration::from_secs(30 * 60) }
    }
}

/// What is held against one subject. Times are Unix milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Failures that count, oldest first; fewer than the policy's.
    pub(super) failed_at: Vec<i64>,
    /// Locked before this time; 0 if not.
    pub(super) locked_until: i64,
}

impl Standing {
    /// Minutes until the lock ends, rounded up; nothing when there is no lock.
    fn locked_minutes(&self, now: i64) -> Option<u32> {
        let rest = self.locked_until.saturating_sub(now);
        if rest <= 0 { None } else { Some(u32::try_from(rest.saturating_add(59_999) / 60_000).unwrap_or(u32::MAX)) }
    }

    /// One failure more.
    fn fail(&mut self, now: i64, policy: &LockPolicy) {
        let window = millis(policy.window);
        self.failed_at.retain(|failed| failed.saturating_add(window) > now);
        self.failed_at.push(now);
        if self.failed_at.len() >= policy.failures.clamp(1, 100) as usize {
            self.failed_at.clear();
            self.locked_until = now.saturating_add(millis(policy.lock));
        }
    }

    /// The failures as JSON.
    pub(super) fn failed_json(&self) -> String {
        serde_json::Value::from(self.failed_at.as_slice()).to_string()
    }

    /// Reads them; nothing where that is no such list.
    pub(super) fn failed_of(json: &str) -> Vec<i64> {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// When nothing is held against the subject any more.
    pub(super) fn expires(&self, policy: &LockPolicy) -> i64 {
        let last = self.failed_at.iter().max().map(|failed| failed.saturating_add(millis(policy.window)));
        last.unwrap_or(0).max(self.locked_until)
    }
}

/// Where standings are kept, and people: one verification's view, changed as a whole or not at all.
pub(super) trait LockTable {
    /// Whose numbers these are. Does the same work whether or not there is such an ID.
    fn person(&mut self, id: &CitizenId, number: &str) -> Result<Option<PersonRef>, RecordsError>;
    /// What is held against a subject; nothing by default.
    fn standing(&mut self, subject: &Keyed) -> Result<Standing, RecordsError>;
    /// Keeps a standing until it expires, pruning what has expired by `now` and what goes beyond the cap.
    fn keep(&mut self, subject: &Keyed, standing: &Standing, expires: i64, now: i64) -> Result<(), RecordsError>;
    /// Forgets a subject.
    fn forget(&mut self, subject: &Keyed) -> Result<(), RecordsError>;
}

/// The whole of [`crate::facts::Query::Verify`].
pub(super) fn verify(
    table: &mut impl LockTable,
    policy: &LockPolicy,
    subjects: &[Keyed],
    at: Timestamp,
    id: &CitizenId,
    number: &str,
) -> Result<Reply, RecordsError> {
    let now = at.as_millisecond();
    let mut standings = Vec::with_capacity(subjects.len());
    for subject in subjects {
        standings.push((subject, table.standing(subject)?));
    }
    let person = table.person(id, number)?;
    if let Some(minutes) = longest_lock(&standings, now) {
        return Ok(Reply::Locked { minutes });
    }
    if let Some(person) = person {
        for subject in subjects {
            table.forget(subject)?;
        }
        return Ok(Reply::Matched(person));
    }
    for (subject, standing) in &mut standings {
        standing.fail(now, policy);
        table.keep(subject, standing, standing.expires(policy), now)?;
    }
    Ok(longest_lock(&standings, now).map_or(Reply::Unmatched, |minutes| Reply::Locked { minutes }))
}

fn longest_lock(standings: &[(&Keyed, Standing)], now: i64) -> Option<u32> {
    standings.iter().filter_map(|(_, standing)| standing.locked_minutes(now)).max()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn the_window_slides() {
        let policy = LockPolicy::default();
        let mut standing = Standing::default();
        for hour in [0, 23, 25] {
            standing.fail(hour * HOUR, &policy);
            assert_eq!(standing.locked_minutes(hour * HOUR), None, "at {hour} h");
        }
        standing.fail(26 * HOUR, &policy);
        assert_eq!(standing.locked_minutes(26 * HOUR), Some(30));
    }

    #[test]
    fn minutes_are_rounded_up() {
        let standing = Standing { failed_at: vec![], locked_until: 120_000 };
        for (now, minutes) in [(0, Some(2)), (1, Some(2)), (60_000, Some(1)), (119_999, Some(1)), (120_000, None)] {
            assert_eq!(standing.locked_minutes(now), minutes, "at {now} ms");
        }
    }

    #[test]
    fn absurd_times_and_policies_do_not_overflow() {
        let policy = LockPolicy { failures: 0, window: Duration::MAX, lock: Duration::MAX };
        for now in [i64::MIN, 0, i64::MAX] {
            let mut standing = Standing { failed_at: vec![i64::MIN, i64::MAX], locked_until: i64::MIN };
            standing.fail(now, &policy);
            let _ = (standing.locked_minutes(now), standing.locked_minutes(i64::MIN), standing.expires(&policy));
        }
    }
}
