//! A version that only some calls are given, and whether it is worse than the one before.
//!
//! Counted are calls that began since it is tried, once they are over, of both versions:
//!
//! | rate | a call counts in which |
//! |---|---|
//! | no-match | the hotline had to call an entry wrong |
//! | hang-up | the caller hung up before a result was heard |
//! | failure | the call was refused or cut off |
//!
//! The test of each rate is Fisher's exact test, one-sided: is the new version's share greater than chance explains? It is
//! made whenever `versions.least-calls` more of its calls are over, and as many of the other's at least. All tests together
//! take an equal version back in 5 of 100 trials at most: look k has the level 0.05 / (k (k + 1)), a third of it each rate.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use statrs::stats_tests::Alternative;
use statrs::stats_tests::fisher::fishers_exact;
use tokio::sync::Notify;

use crate::dialogue::{Ending, Outcome};
use crate::telephony::{CallReport, CallWatch};

/// How often all the tests of a trial together take back a version that is no worse.
const LEVEL: f64 = 0.05;
/// What is compared.
const RATES: [&str; 3] = ["no-match", "hang-up", "failure"];

/// The calls of one version, and of them those that count against it.
#[derive(Debug, Default)]
struct Tally {
    calls: AtomicU64,
    bad: [AtomicU64; RATES.len()],
}

impl Tally {
    fn count(&self, report: &CallReport) {
        let hung_up = report.ending == Some(Ending::CallerHungUp) && report.outcome < Some(Outcome::Served);
        let failed = report.failure.is_some() || report.ending == Some(Ending::Failed);
        for (tally, bad) in self.bad.iter().zip([report.wrong_entries > 0, hung_up, failed]) {
            tally.fetch_add(bad.into(), Ordering::Relaxed);
        }
        // Last: who sees the call sees what counts against it.
        self.calls.fetch_add(1, Ordering::Release);
    }

    fn counts(&self) -> (u64, [u64; RATES.len()]) {
        let calls = self.calls.load(Ordering::Acquire);
        (calls, self.bad.each_ref().map(|bad| bad.load(Ordering::Relaxed).min(calls)))
    }
}

/// The trial of a version.
#[derive(Debug)]
pub(super) struct Tallies {
    share: u64,
    given: AtomicU64,
    least: u64,
    proven: u64,
    old: Tally,
    new: Tally,
    looks: Mutex<u32>,
    /// Woken when it is time for a look.
    look: Arc<Notify>,
}

/// What a look has found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// One rate is significantly worse.
    Worse(String),
    /// So many calls, and none is.
    Proven(String),
}

/// Counts the calls of one of the two.
pub(super) struct Counter {
    tallies: Arc<Tallies>,
    new: bool,
}

impl Tallies {
    pub(super) fn new(share: u8, least: u32, proven: u32, look: Arc<Notify>) -> Tallies {
        let (old, new, given) = (Tally::default(), Tally::default(), AtomicU64::new(0));
        Tallies {
            share: share.into(),
            given,
            least: least.max(1).into(),
            proven: proven.into(),
            old,
            new,
            looks: Mutex::new(0),
            look,
        }
    }

    /// Whether the next call is given the new version: of every hundred calls exactly the share, evenly spread.
    pub(super) fn pick(&self) -> bool {
        let call = self.given.fetch_add(1, Ordering::Relaxed) % 100;
        (call + 1) * self.share / 100 > call * self.share / 100
    }

    pub(super) fn counter(self: &Arc<Tallies>, new: bool) -> Arc<Counter> {
        Arc::new(Counter { tallies: Arc::clone(self), new })
    }

    /// Looks, if it is time to.
    pub(super) fn judge(&self) -> Option<Verdict> {
        let ((old, old_bad), (new, new_bad)) = (self.old.counts(), self.new.counts());
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if old < self.least || new < self.least.saturating_mul(u64::from(*looks) + 1) {
            return None;
        }
        *looks += 1;
        let look = f64::from(*looks);
        let level = LEVEL / (look * (look + 1.0)) / 3.0;
        for ((rate, new_bad), old_bad) in RATES.iter().zip(new_bad).zip(old_bad) {
            // The first column is the new version's, since the library asks of the first cell.
            let table = [new_bad, old_bad, new - new_bad, old - old_bad];
            let Ok(p) = fishers_exact(&table, Alternative::Greater) else { continue };
            if p <= level {
                return Some(Verdict::Worse(format!(
                    "{rate}: {new_bad} of {new} calls against {old_bad} of {old} \
                     (Fisher's exact test, one-sided: p = {p:.2e}, level {level:.2e} at look {looks})"
                )));
            }
        }
        (new >= self.proven).then(|| Verdict::Proven(format!("after {new} calls none of its rates is worse; {self}")))
    }
}

impl fmt::Display for Tallies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((old, old_bad), (new, new_bad)) = (self.old.counts(), self.new.counts());
        write!(f, "{new} calls with it are over, {old} with the other")?;
        for ((rate, new_bad), old_bad) in RATES.iter().zip(new_bad).zip(old_bad) {
            write!(f, "; {rate} {new_bad} against {old_bad}")?;
        }
        Ok(())
    }
}

impl CallWatch for Counter {
    fn ended(&self, _: Option<&Arc<str>>, report: &CallReport) {
        let Counter { tallies, new } = self;
        if *new { &tallies.new } else { &tallies.old }.count(report);
        tallies.look.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telephony::Failure;

    fn tallies(share: u8) -> Arc<Tallies> {
        Arc::new(Tallies::new(share, 30, 300, Arc::default()))
    }

    fn count(tallies: &Arc<Tallies>, new: bool, calls: u32, bad: u32) {
        for call in 0..calls {
            let failure = (call < bad).then_some(Failure::MediaTimedOut);
            tallies.counter(new).ended(None, &CallReport { failure, ..CallReport::default() });
        }
    }

    #[test]
    fn of_a_hundred_calls_the_share_is_given_evenly() {
        for share in [1, 7, 10, 50, 99] {
            let tallies = tallies(share);
            let given: Vec<bool> = (0..1000).map(|_| tallies.pick()).collect();
            assert_eq!(given.iter().filter(|new| **new).count(), usize::from(share) * 10);
            let longest = given.split(|new| *new).map(<[bool]>::len).max().unwrap();
            assert!(longest <= 100_usize.div_ceil(share.into()), "{share}: {longest} calls without it");
        }
    }

    #[test]
    fn a_worse_version_is_found_with_its_figures_and_an_equal_one_proves_itself() {
        let worse = tallies(10);
        count(&worse, false, 270, 3);
        count(&worse, true, 29, 10);
        assert_eq!(worse.judge(), None, "too few calls to say");
        count(&worse, true, 1, 0);
        let Some(Verdict::Worse(figures)) = worse.judge() else { panic!("it is worse") };
        assert!(figures.starts_with("failure: 10 of 30 calls against 3 of 270 (Fisher's exact test"), "{figures}");

        let equal = tallies(50);
        let mut found = None;
        for _ in 0..10 {
            count(&equal, false, 30, 1);
            count(&equal, true, 30, 1);
            found = equal.judge();
        }
        assert!(matches!(found, Some(Verdict::Proven(_))), "{found:?}");
        // As scipy.stats.fisher_exact([[10, 20], [3, 267]], "greater") says: 1.46e-08.
        assert!(fishers_exact(&[10, 3, 20, 267], Alternative::Greater).unwrap() < 1e-6);
    }
}
