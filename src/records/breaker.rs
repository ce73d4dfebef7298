//! A circuit breaker before what may be down: while it is, nobody waits for it.
//!
//! ```text
//!              `failures` in a row               `rest` is over: one is let through
//!   Closed ────────────────────────▶ Open ─────────────────────────────────────────▶ HalfOpen
//!     ▲                               ▲      it fails: a rest twice as long, up to      │
//!     │                               └─────────────── `longest_rest` ──────────────────┤
//!     └────────────────────────────────── it succeeds ──────────────────────────────────┘
//! ```
//!
//! Time is an argument. What was let through while the breaker was closed and ends once it is open changes nothing, be it a
//! success or a failure: only the one on trial tells how things stand now.

use std::time::{Duration, Instant};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// So many failures in a row open it. At least 1.
    pub failures: u32,
    /// Nothing is let through for so long at first.
    pub rest: Duration,
    /// And for so long at most, after trials that failed.
    pub longest_rest: Duration,
}

impl Default for BreakerPolicy {
    /// Three failures; half a second, up to ten seconds.
    fn default() -> BreakerPolicy {
        BreakerPolicy { failures: 3, rest: Duration::from_millis(500), longest_rest: Duration::from_secs(10) }
    }
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All is let through.
    Closed,
    /// Nothing is.
    Open,
    /// One is on trial, or the next will be.
    HalfOpen,
}

impl BreakerState {
    /// All of them.
    pub const ALL: [BreakerState; 3] = [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen];

    /// Its name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half-open",
        }
    }
}

/// Leave to try; to be given back with how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// As one of all.
    Usual,
    /// As the one that tells whether it is up again.
    Trial,
}

#[derive(Clone, Copy, Debug)]
enum Inner {
    Closed { failed: u32 },
    Open { until: Instant, rest: Duration },
    Trial { rest: Duration },
}

/// The breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    inner: Inner,
}

impl Breaker {
    pub(super) fn new(policy: BreakerPolicy) -> Breaker {
        Breaker { policy, inner: Inner::Closed { failed: 0 } }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.inner {
            Inner::Closed { .. } => BreakerState::Closed,
            Inner::Open { until, .. } if now < until => BreakerState::Open,
            Inner::Open { .. } | Inner::Trial { .. } => BreakerState::HalfOpen,
        }
    }

    /// Leave to try now; none while it is open, or another is on trial.
    pub(super) fn ask(&mut self, now: Instant) -> Option<Leave> {
        match self.inner {
            Inner::Closed { .. } => Some(Leave::Usual),
            Inner::Open { until, rest } if now >= until => {
                self.inner = Inner::Trial { rest };
                Some(Leave::Trial)
            }
            Inner::Open { .. } | Inner::Trial { .. } => None,
        }
    }

    /// How a try went that ended now.
    pub(super) fn tell(&mut self, leave: Leave, success: bool, now: Instant) {
        self.inner = match (self.inner, leave) {
            (Inner::Closed { .. }, _) if success => Inner::Closed { failed: 0 },
            (Inner::Closed { failed }, _) if failed.saturating_add(1) < self.policy.failures => {
                Inner::Closed { failed: failed + 1 }
            }
            (Inner::Closed { .. }, _) => self.open(self.policy.rest, now),
            (Inner::Trial { .. }, Leave::Trial) if success => Inner::Closed { failed: 0 },
            (Inner::Trial { rest }, Leave::Trial) => self.open(rest.saturating_mul(2), now),
            (other, _) => other,
        };
    }

    fn open(&self, rest: Duration, now: Instant) -> Inner {
        let rest = rest.min(self.policy.longest_rest);
        // An hour stands for a rest that no clock can add.
        let until = now.checked_add(rest).or_else(|| now.checked_add(Duration::from_secs(3600))).unwrap_or(now);
        Inner::Open { until, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens at a millisecond, and what is seen of it.
    enum Act {
        /// Asked: what leave is given.
        Ask(Option<Leave>),
        /// A try of that leave ends so.
        Tell(Leave, bool),
    }
    /// The millisecond, the act, and how the breaker stands then.
    type Moment = (u64, Act, BreakerState);
    use Act::{Ask, Tell};
    use BreakerState::{Closed, HalfOpen, Open};
    use Leave::{Trial, Usual};

    #[allow(clippy::disallowed_methods, reason = "a test needs some moment to count from")]
    fn some_moment() -> Instant {
        Instant::now()
    }

    #[test]
    fn every_way_between_its_states() {
        let policy =
            BreakerPolicy { failures: 2, rest: Duration::from_millis(100), longest_rest: Duration::from_millis(350) };
        #[rustfmt::skip]
        let table: [(&str, &[Moment]); 9] = [
            ("a success forgets failures", &[
                (0, Tell(Usual, false), Closed), (1, Tell(Usual, true), Closed), (2, Tell(Usual, false), Closed),
            ]),
            ("failures in a row open it", &[
                (0, Ask(Some(Usual)), Closed), (0, Tell(Usual, false), Closed), (1, Tell(Usual, false), Open),
                (1, Ask(None), Open), (100, Ask(None), Open),
            ]),
            ("after the rest one is on trial, and no other", &[
                (0, Tell(Usual, false), Closed), (0, Tell(Usual, false), Open),
                (100, Ask(Some(Trial)), HalfOpen), (100, Ask(None), HalfOpen), (9_999, Ask(None), HalfOpen),
            ]),
            ("a trial that succeeds closes it", &[
                (0, Tell(Usual, false), Closed), (0, Tell(Usual, false), Open), (100, Ask(Some(Trial)), HalfOpen),
                (110, Tell(Trial, true), Closed), (110, Ask(Some(Usual)), Closed), (111, Tell(Usual, false), Closed),
            ]),
            ("a trial that fails opens it for twice as long", &[
                (0, Tell(Usual, false), Closed), (0, Tell(Usual, false), Open), (100, Ask(Some(Trial)), HalfOpen),
                (100, Tell(Trial, false), Open), (299, Ask(None), Open), (300, Ask(Some(Trial)), HalfOpen),
            ]),
            ("but for no longer than the longest rest", &[
                (0, Tell(Usual, false), Closed), (0, Tell(Usual, false), Open), (100, Ask(Some(Trial)), HalfOpen),
                (100, Tell(Trial, false), Open), (300, Ask(Some(Trial)), HalfOpen), (300, Tell(Trial, false), Open),
                (649, Ask(None), Open), (650, Ask(Some(Trial)), HalfOpen), (650, Tell(Trial, false), Open),
                (999, Ask(None), Open), (1_000, Ask(Some(Trial)), HalfOpen),
            ]),
            ("a rest that was long begins short again once it has been closed", &[
                (0, Tell(Usual, false), Closed), (0, Tell(Usual, false), Open), (100, Ask(Some(Trial)), HalfOpen),
                (100, Tell(Trial, false), Open), (300, Ask(Some(Trial)), HalfOpen), (300, Tell(Trial, true), Closed),
                (301, Tell(Usual, false), Closed), (301, Tell(Usual, false), Open), (400, Ask(None), Open),
                (401, Ask(Some(Trial)), HalfOpen),
            ]),
            ("what began before it opened says nothing of now", &[
                (0, Tell(Usual, false), Closed), (0, Tell(Usual, false), Open), (1, Tell(Usual, true), Open),
                (1, Tell(Usual, false), Open), (100, Ask(Some(Trial)), HalfOpen), (101, Tell(Usual, true), HalfOpen),
                (101, Tell(Usual, false), HalfOpen), (102, Tell(Trial, true), Closed),
            ]),
            ("a rest nobody asks after ends all the same", &[
                (0, Tell(Usual, false), Closed), (0, Tell(Usual, false), Open), (5_000, Tell(Usual, true), HalfOpen),
            ]),
        ];
        for (name, acts) in table {
            let (mut breaker, start) = (Breaker::new(policy), some_moment());
            for (place, (millis, act, state)) in acts.iter().enumerate() {
                let now = start + Duration::from_millis(*millis);
                match act {
                    Ask(leave) => assert_eq!(breaker.ask(now), *leave, "{name}: {place}"),
                    Tell(leave, success) => breaker.tell(*leave, *success, now),
                }
                assert_eq!(breaker.state(now), *state, "{name}: {place}");
            }
        }
    }

    #[test]
    fn absurd_policies_do_not_overflow() {
        let policy = BreakerPolicy { failures: 0, rest: Duration::MAX, longest_rest: Duration::MAX };
        let (mut breaker, now) = (Breaker::new(policy), some_moment());
        breaker.tell(Leave::Usual, false, now);
        assert_eq!(breaker.state(now), Open);
        let later = now + Duration::from_secs(4_000);
        if breaker.ask(later) == Some(Trial) {
            breaker.tell(Trial, false, later);
        }
        assert_ne!(breaker.state(later), Closed);
    }
}
