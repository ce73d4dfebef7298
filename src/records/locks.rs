//! Lock-outs: the rules, for whatever keeps the counts.
//!
//! ```text
//!   subjects of one verification:   pair     this person's ID, asked for from this telephone
//!                                   caller   this telephone, whomever it asks for
//!                                   id       this person's ID, from wherever
//!                                   trunk    this trunk, whoever calls over it
//! ```
//!
//! | subject | counted | locked by | for | refused meanwhile | a right answer |
//! |---|---|---|---|---|---|
//! | pair | each failure | `failures` in `window` | `lock`, twice as long each time, at most `longest_lock` | whoever asks for this ID from there, right or wrong | forgets it |
//! | pair of a withheld number (by trunk) | each failure | `failures` in `window` | `lock` | the same, over this trunk | forgets it |
//! | caller | each failure | `failures` in `window` | `lock`, twice as long each time, at most `longest_lock` | whoever calls from there, right or wrong | forgets it |
//! | id | each failure from a telephone that is not known good for it | `id_failures` in `window` | `lock` | all telephones that are not known good for it | leaves it |
//! | trunk | each failure | `trunk_failures` in `trunk_window` | `lock` | all over this trunk, but for telephones known good for the ID they ask for | leaves it |
//!
//! The failure that reaches a count is itself answered Locked. While locked, nothing is counted and no lock is prolonged.
//!
//! **Nobody is locked out for ever by strangers.** What grows hurts only who failed: locks of a telephone. What a stranger
//! can bring upon others, the lock of an ID or of a trunk, has one length, and passes telephones that are *known good*: a right
//! answer came from there for that ID within [`LockPolicy::known_for`]. To lock an ID takes `id_failures` from several
//! telephones, each of which is soon locked itself for longer and longer. What cannot be told apart is a stranger who sends
//! the person's own number as theirs: a trunk that lets callers choose their number must be kept from it.
//!
//! A right answer forgets the telephone's counts, so that three people who each mistype once on an office's telephone are not
//! locked out. It leaves those of an ID and of a trunk: nobody's guesses are washed away by other people's calls. An unknown ID
//! is counted and locked like a known one, and a person asked for by card or personal number is counted as by the ID.

use std::time::Duration;

use jiff::Timestamp;

use super::RecordsError;
use super::calls::masked;
use super::keyed::{Keyed, Kind, Pepper};
use super::verification::Checked;
use crate::facts::{CallerNumber, Origin, Reply};

/// Subjects counted or locked at most, and telephones known good; at the cap the one that would be forgotten first goes.
pub(super) const MOST_SUBJECTS: u32 = 1_000_000;

/// Moments that one subject's failures are kept by at most, beyond which those close together are one.
const MOST_MOMENTS: u32 = 100;

/// When failures lock, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockPolicy {
    /// So many failures from one telephone lock it. Held within 1–100.
    pub failures: u32,
    /// So many failures for one ID, from telephones not known good for it, lock it. Held within 1–10,000.
    pub id_failures: u32,
    /// So many failures over one trunk within `trunk_window` lock it. Held within 1–1,000,000.
    pub trunk_failures: u32,
    /// Failures longer ago are forgotten.
    pub window: Duration,
    /// Failures of a trunk longer ago are forgotten.
    pub trunk_window: Duration,
    /// How long a lock holds.
    pub lock: Duration,
    /// How long a telephone's lock grows to hold.
    pub longest_lock: Duration,
    /// For so long after a right answer a telephone is known good.
    pub known_for: Duration,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Default for LockPolicy {
    /// Three failures within 24 hours lock a telephone, ten an ID, a thousand within an hour a trunk; for 30 minutes, and up
    /// to 24 hours for a telephone. It is known good for 180 days.
    fn default() -> LockPolicy {
        LockPolicy {
            failures: 3,
            id_failures: 10,
            trunk_failures: 1_000,
            window: 24 * HOUR,
            trunk_window: HOUR,
            lock: HOUR / 2,
            longest_lock: 24 * HOUR,
            known_for: 180 * 24 * HOUR,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Locked {
    /// An ID asked for from one telephone.
    Pair,
    /// A telephone.
    Caller,
    /// An ID.
    Id,
    /// A trunk.
    Trunk,
}

impl Locked {
    /// All of them.
    pub const ALL: [Locked; 4] = [Locked::Pair, Locked::Caller, Locked::Id, Locked::Trunk];

    /// Its name in the database and in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Locked::Pair => "id-from-caller",
            Locked::Caller => "caller",
            Locked::Id => "id",
            Locked::Trunk => "trunk",
        }
    }
}

/// One that is counted against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) what: Locked,
    pub(super) hash: Keyed,
    /// What an operator may see of it: a masked number, a trunk's name.
    pub(super) label: String,
    /// For a pair: the ID, and the caller.
    pub(super) of: [Option<Keyed>; 2],
    /// Whether its locks grow.
    grows: bool,
}

/// Whom a verification counts against.
pub(super) struct Attempt {
    pub(super) pair: Subject,
    caller: Option<Subject>,
    id: Subject,
    trunk: Option<Subject>,
}

impl Attempt {
    pub(super) fn of(pepper: &Pepper, id: Keyed, from: &Origin) -> Attempt {
        let caller = from.caller.as_ref().map(CallerNumber::reveal).filter(|caller| !caller.is_empty());
        let trunk = from.trunk.as_deref().map(super::calls::name);
        let caller_hash = caller.map(|caller| pepper.hash(Kind::Caller, caller.as_bytes()));
        let trunk_hash = trunk.as_ref().map(|trunk| pepper.hash(Kind::Trunk, trunk.as_bytes()));
        // A withheld number is one telephone a trunk.
        let telephone = caller_hash.or(trunk_hash).unwrap_or(Keyed([0; 32]));
        let subject = |what, hash, label, grows| Subject { what, hash, label, of: [None; 2], grows };
        let label = caller.map_or_else(|| "withheld".to_owned(), |caller| masked(caller));
        let pair = pepper.hash(Kind::Pair, [id.0, telephone.0].as_flattened());
        let of = [Some(id), caller_hash];
        Attempt {
            pair: Subject { of, ..subject(Locked::Pair, pair, label.clone(), caller.is_some()) },
            caller: caller_hash.map(|hash| subject(Locked::Caller, hash, label, true)),
            id: subject(Locked::Id, id, String::new(), false),
            trunk: trunk_hash.map(|hash| subject(Locked::Trunk, hash, trunk.unwrap_or_default(), false)),
        }
    }

    /// Those that are locked for whoever failed, then those that are locked for others too.
    pub(super) fn own(&self) -> impl Iterator<Item = &Subject> {
        std::iter::once(&self.pair).chain(&self.caller)
    }

    pub(super) fn shared(&self) -> impl Iterator<Item = &Subject> {
        std::iter::once(&self.id).chain(&self.trunk)
    }
}

/// What is held against one subject. Times are Unix milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Failures that count, oldest first, fewer than the policy's: when, and how many.
    pub(super) failed: Vec<(i64, u32)>,
    /// Locked before this time; 0 if not.
    pub(super) locked_until: i64,
    /// Locks in a row.
    pub(super) locks: u32,
}

impl Standing {
    /// Minutes until the lock ends, rounded up; nothing when there is no lock.
    pub(super) fn locked_minutes(&self, now: i64) -> Option<u32> {
        let rest = self.locked_until.saturating_sub(now);
        if rest <= 0 { None } else { Some(u32::try_from(rest.saturating_add(59_999) / 60_000).unwrap_or(u32::MAX)) }
    }

    /// One failure more.
    fn fail(&mut self, subject: &Subject, now: i64, policy: &LockPolicy) {
        let (most, window) = policy.counts(subject.what);
        let window = millis(window);
        if self.locked_until.saturating_add(window) <= now {
            self.locks = 0;
        }
        self.failed.retain(|(failed, _)| failed.saturating_add(window) > now);
        let grain = if most > MOST_MOMENTS { window / i64::from(MOST_MOMENTS) } else { 0 };
        match self.failed.last_mut() {
            Some((failed, count)) if now.saturating_sub(*failed) < grain => *count = count.saturating_add(1),
            _ => self.failed.push((now, 1)),
        }
        let failures = self.failed.iter().fold(0_u32, |sum, (_, count)| sum.saturating_add(*count));
        if failures >= most {
            self.failed.clear();
            let shortest = millis(policy.lock);
            let longest = if subject.grows { millis(policy.longest_lock).max(shortest) } else { shortest };
            let lock = shortest.saturating_mul(1_i64 << self.locks.min(40)).min(longest);
            self.locked_until = now.saturating_add(lock);
            self.locks = self.locks.saturating_add(1);
        }
    }

    /// When nothing is held against the subject any more: a lock is remembered for a window, so that the next one is longer.
    fn expires(&self, subject: &Subject, policy: &LockPolicy) -> i64 {
        let window = millis(policy.counts(subject.what).1);
        let last = self.failed.iter().map(|(failed, _)| failed.saturating_add(window)).max();
        let lock = if subject.grows && self.locked_until > 0 { window } else { 0 };
        last.unwrap_or(0).max(self.locked_until.saturating_add(lock))
    }

    /// The failures as JSON: a time, or a time and how many.
    pub(super) fn failed_json(&self) -> String {
        let one = |(at, count): &(i64, u32)| if *count == 1 { at.to_string() } else { format!("[{at},{count}]") };
        format!("[{}]", self.failed.iter().map(one).collect::<Vec<_>>().join(","))
    }

    /// Reads them; nothing where that is no such list.
    pub(super) fn failed_of(json: &str) -> Vec<(i64, u32)> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Moment {
            One(i64),
            Many(i64, u32),
        }
        let moments: Vec<Moment> = serde_json::from_str(json).unwrap_or_default();
        let one = |moment| match moment {
            Moment::One(at) => (at, 1),
            Moment::Many(at, count) => (at, count),
        };
        moments.into_iter().map(one).collect()
    }
}

impl LockPolicy {
    /// So many failures within so long.
    fn counts(&self, what: Locked) -> (u32, Duration) {
        match what {
            Locked::Pair | Locked::Caller => (self.failures.clamp(1, 100), self.window),
            Locked::Id => (self.id_failures.clamp(1, 10_000), self.window),
            Locked::Trunk => (self.trunk_failures.clamp(1, 1_000_000), self.trunk_window),
        }
    }
}

/// Where standings are kept: one verification's view, changed as a whole or not at all.
pub(super) trait LockTable {
    /// What is held against a subject; nothing by default.
    fn standing(&mut self, subject: &Subject) -> Result<Standing, RecordsError>;
    /// Keeps a standing until it expires, pruning what has expired by `now` and what goes beyond the cap.
    fn keep(&mut self, subject: &Subject, standing: &Standing, expires: i64, now: i64) -> Result<(), RecordsError>;
    /// Forgets a subject.
    fn forget(&mut self, subject: &Subject) -> Result<(), RecordsError>;
    /// Whether a pair is known good.
    fn knows(&mut self, pair: &Keyed, now: i64) -> Result<bool, RecordsError>;
    /// A pair is known good until then; prunes as [`LockTable::keep`] does.
    fn know(&mut self, pair: &Keyed, until: i64, now: i64) -> Result<(), RecordsError>;
}

/// What a verification comes to, and what is counted.
pub(super) fn decide(
    table: &mut impl LockTable,
    policy: &LockPolicy,
    attempt: &Attempt,
    at: Timestamp,
    checked: &Checked,
) -> Result<Reply, RecordsError> {
    let now = at.as_millisecond();
    let known = table.knows(&attempt.pair.hash, now)?;
    let mut standings = Vec::with_capacity(4);
    for subject in attempt.own().chain(attempt.shared()) {
        standings.push((subject, table.standing(subject)?));
    }
    let refuses = |subject: &Subject| !known || matches!(subject.what, Locked::Pair | Locked::Caller);
    if let Some(minutes) = longest_lock(&standings, refuses, now) {
        return Ok(Reply::Locked { minutes });
    }
    if let Some((person, initial)) = checked.right {
        for subject in attempt.own() {
            table.forget(subject)?;
        }
        if initial {
            return Ok(Reply::InitialPassword(person));
        }
        if attempt.caller.is_some() {
            table.know(&attempt.pair.hash, now.saturating_add(millis(policy.known_for)), now)?;
        }
        return Ok(Reply::Matched(person));
    }
    for (subject, standing) in &mut standings {
        if subject.what == Locked::Id && known {
            continue;
        }
        if standing.locked_minutes(now).is_none() {
            standing.fail(subject, now, policy);
            table.keep(subject, standing, standing.expires(subject, policy), now)?;
        }
    }
    Ok(longest_lock(&standings, refuses, now).map_or(Reply::Unmatched, |minutes| Reply::Locked { minutes }))
}

fn longest_lock(standings: &[(&Subject, Standing)], refuses: impl Fn(&Subject) -> bool, now: i64) -> Option<u32> {
    let refusing = standings.iter().filter(|(subject, _)| refuses(subject));
    refusing.filter_map(|(_, standing)| standing.locked_minutes(now)).max()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn subject(what: Locked, grows: bool) -> Subject {
        Subject { what, hash: Keyed([0; 32]), label: String::new(), of: [None; 2], grows }
    }

    #[test]
    fn the_window_slides() {
        let (policy, caller) = (LockPolicy::default(), subject(Locked::Caller, true));
        let mut standing = Standing::default();
        for hour in [0, 23, 25] {
            standing.fail(&caller, hour * HOUR, &policy);
            assert_eq!(standing.locked_minutes(hour * HOUR), None, "at {hour} h");
        }
        standing.fail(&caller, 26 * HOUR, &policy);
        assert_eq!(standing.locked_minutes(26 * HOUR), Some(30));
    }

    #[test]
    fn a_telephones_locks_grow_to_a_day_and_others_do_not() {
        let policy = LockPolicy { failures: 1, id_failures: 1, ..LockPolicy::default() };
        for (what, grows, expected) in
            [(Locked::Caller, true, [30, 60, 120, 240, 480, 960, 1440, 1440]), (Locked::Id, false, [30; 8])]
        {
            let (one, mut standing, mut now) = (subject(what, grows), Standing::default(), 0);
            for minutes in expected {
                standing.fail(&one, now, &policy);
                assert_eq!(standing.locked_minutes(now), Some(minutes), "{what:?}");
                now = standing.locked_until;
                assert!(!grows || standing.expires(&one, &policy) == now + 24 * HOUR, "a lock is remembered for a day");
            }
            standing.fail(&one, now + 24 * HOUR, &policy);
            assert_eq!(standing.locked_minutes(now + 24 * HOUR), Some(30), "after a day without one it begins anew");
        }
    }

    #[test]
    fn many_failures_of_a_trunk_are_kept_by_few_moments() {
        let (policy, trunk) = (LockPolicy::default(), subject(Locked::Trunk, false));
        let mut standing = Standing::default();
        for failure in 0..999 {
            standing.fail(&trunk, failure * 3_000, &policy);
        }
        assert_eq!(standing.locked_minutes(999 * 3_000), None);
        assert!(standing.failed.len() <= 101, "{} moments", standing.failed.len());
        assert_eq!(Standing::failed_of(&standing.failed_json()), standing.failed);
        standing.fail(&trunk, 999 * 3_000, &policy);
        assert_eq!(standing.locked_minutes(999 * 3_000), Some(30));
    }

    #[test]
    fn minutes_are_rounded_up() {
        let standing = Standing { locked_until: 120_000, ..Standing::default() };
        for (now, minutes) in [(0, Some(2)), (1, Some(2)), (60_000, Some(1)), (119_999, Some(1)), (120_000, None)] {
            assert_eq!(standing.locked_minutes(now), minutes, "at {now} ms");
        }
    }

    #[test]
    fn absurd_times_policies_and_rows_do_not_overflow() {
        let (failures, lock) = (0, Duration::MAX);
        let policy = LockPolicy { failures, window: lock, lock, longest_lock: lock, ..LockPolicy::default() };
        let caller = subject(Locked::Caller, true);
        for now in [i64::MIN, 0, i64::MAX] {
            let failed = vec![(i64::MIN, u32::MAX), (i64::MAX, u32::MAX)];
            let mut standing = Standing { failed, locked_until: i64::MIN, locks: u32::MAX };
            standing.fail(&caller, now, &policy);
            let _ =
                (standing.locked_minutes(now), standing.locked_minutes(i64::MIN), standing.expires(&caller, &policy));
        }
        for json in ["", "{}", "[\"x\"]", "[[1]]"] {
            assert_eq!(Standing::failed_of(json), []);
        }
        assert_eq!(Standing::failed_of("[5,[7,2]]"), [(5, 1), (7, 2)]);
    }
}
