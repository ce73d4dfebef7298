//! Three sources of keys become one stream, in which each press is counted once. Pure.
//!
//! ```text
//!   the caller's 1 … 2 … 2 …:
//!   RFC 4733     1 2   2            the first to tell of a press wins, whichever it is; a later source's
//!   INFO          1  2   2          next press of the same key is then that press, if it comes in time
//!   counted      1 2   2            … and each source tells of each press once: its next is another one
//! ```
//!
//! | told first by | told again by | is the same press if it comes within |
//! |---|---|---|
//! | RFC 4733, in-band | RFC 4733, in-band | 500 ms: both are in one stream of RTP, or in two through as many gateways |
//! | RFC 4733, in-band | INFO | 2 s: a lost INFO is sent again after 0.5 and 1.5 s (RFC 3261 section 17.1.2) |
//! | INFO | RFC 4733, in-band | 2 s: so is its answer's way |
//!
//! Time counts from the last sign of the press, so that an INFO that is sent when a key is let go is the same press, however
//! long the key was held. A source keeps its order: what it told of before a press that has been matched cannot be matched
//! any more. Two sources that disagree on which keys were pressed count each other's surplus: nothing is lost.
//!
//! Where RTP's sources change in the middle of a call, by a re-INVITE, the one that begins cannot have told of what was
//! pressed before: its first key can only be the last press, which may be held over the change.
//!
//! In-band tones are listened to until another source has told of a key: see [`keys`](super::keys).

use std::time::Duration;

use crate::facts::{Key, KeyCounts, KeySource, Moment};

/// Presses remembered: more than a sender of one source can press in the longest time below.
const REMEMBERED: usize = 32;
/// Between two sources of one stream of RTP.
const IN_RTP: Duration = Duration::from_millis(500);
/// Where INFO is one of the two.
const BY_INFO: Duration = Duration::from_secs(2);

/// One call's keys. Of a fixed size.
#[derive(Clone, Debug, Default)]
pub struct KeyStream {
    /// The latest presses, the last one first.
    presses: [Option<Press>; REMEMBERED],
    /// The last press that each source has told of.
    told: [u64; 3],
    last: u64,
    counts: KeyCounts,
}

/// A press that has been counted.
#[derive(Clone, Copy, Debug)]
struct Press {
    /// Its place among the call's presses, from 1.
    number: u64,
    key: Key,
    first: KeySource,
    /// Told of by another source too.
    twice: bool,
    /// When it was last heard of.
    heard: Moment,
}

impl KeyStream {
    /// A stream without keys yet.
    pub fn new() -> KeyStream {
        KeyStream::default()
    }

    /// A source tells of a press. Whether it is one that has not been counted yet.
    pub fn press(&mut self, now: Moment, source: KeySource, key: Key) -> bool {
        let before = self.told(source);
        // The oldest that it can be.
        let known = self.presses.iter_mut().rev().flatten().find(|press| press.is_told_again(now, source, key, before));
        let is_new = known.is_none();
        let number = match known {
            Some(press) => {
                press.heard = now;
                if !std::mem::replace(&mut press.twice, true) {
                    self.counts.twice = self.counts.twice.saturating_add(1);
                }
                press.number
            }
            None => self.count(now, source, key),
        };
        if let Some(told) = self.told.get_mut(source as usize) {
            *told = number;
        }
        is_new
    }

    fn count(&mut self, now: Moment, source: KeySource, key: Key) -> u64 {
        self.last += 1;
        self.counts.add(source);
        self.presses.rotate_right(1);
        if let Some(place) = self.presses.first_mut() {
            *place = Some(Press { number: self.last, key, first: source, twice: false, heard: now });
        }
        self.last
    }

    /// The key that a source told of last is still down.
    pub fn goes_on(&mut self, now: Moment, source: KeySource, key: Key) {
        let number = self.told(source);
        if let Some(press) = self.presses.iter_mut().flatten().find(|press| press.number == number && press.key == key)
        {
            press.heard = now;
        }
    }

    /// RTP's sources are others from now on.
    pub fn rtp_changes(&mut self) {
        let before = self.last.saturating_sub(1);
        for source in [KeySource::Rfc4733, KeySource::InBand] {
            if let Some(told) = self.told.get_mut(source as usize) {
                *told = before.max(*told);
            }
        }
    }

    /// How many keys came by which way.
    pub fn counts(&self) -> KeyCounts {
        self.counts
    }

    fn told(&self, source: KeySource) -> u64 {
        self.told.get(source as usize).copied().unwrap_or_default()
    }
}

impl Press {
    /// Whether a source that has told of presses up to number `before` now tells of this one.
    fn is_told_again(&self, now: Moment, source: KeySource, key: Key, before: u64) -> bool {
        let within = if [self.first, source].contains(&KeySource::Info) { BY_INFO } else { IN_RTP };
        self.number > before && self.key == key && now.since(self.heard) <= within
    }
}

#[cfg(test)]
#[path = "key_stream_tests.rs"]
mod tests;
