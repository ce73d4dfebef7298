//! Counts each press of a key once, at its first packet, whatever is lost, doubled, swapped, or sent against the rules.
//!
//! A press is known by its event code and timestamp (RFC 4733 section 2.2.1). What senders really do needs more:
//!
//! ```text
//!   same code, known timestamp        the same press …
//!     ended, then a newer packet        … but another one, by a sender whose timestamp stands still, if it has begun
//!     with a smaller duration             anew: a smaller duration, or after a silence, a short
//!                                         one where the marker comes for the second time
//!   same code, other timestamp        another press …
//!     not ended, no marker, duration    … but the same, by a sender whose timestamp moves with time
//!     grows, next in sequence
//!     a duration's 16 bits before it,   … but the same, in its next segment (section 2.5.1.3): a key held for longer
//!     and the press near as long          than 8.19 s at 8000 Hz, 1.37 s at 48,000 Hz
//!     ended, end again, same            … but the same, by a sender that gives repeats of the end new timestamps: a key
//!     duration, next in sequence          cannot have been pressed anew and held as long in so short a time
//!   same code, other source           another press …
//!     not ended, no marker, duration    … but the same, of a key held while the call was (a new stream after a hold):
//!     from before the source changed      a key is not pressed twice at one time
//!   other code                        another press
//! ```
//!
//! The marker is never needed, nor the end, nor any one packet; sequence numbers only tell late packets from new ones.

use std::time::Duration;

use crate::facts::{Key, Moment};

use super::super::Header;
use super::Event;

/// Presses remembered, so that late packets of old ones are known. The network would have to hold a packet back over
/// eight presses to have it counted twice.
const REMEMBERED: usize = 8;
/// Events taken from one packet.
const MOST_EVENTS: usize = 4;
/// A press is over, ended or not, when nothing was heard of it for so long.
const SILENCE: Duration = Duration::from_millis(200);
/// After a silence like this a second marker begins a press, though all else be as before (a capture played again): less
/// than the pause between two keys of the fastest dialler (40 ms, ITU-T Q.24), more than a doubled packet is late.
const MARKED_SILENCE: Duration = Duration::from_millis(30);
/// An ended key cannot have been pressed anew and held to its end again in less.
const SHORTEST_AGAIN: Duration = Duration::from_millis(60);
/// A repeated end is the old one for so long.
const END_REPEATS: Duration = Duration::from_secs(1);
/// The shortest duration that a segment of a long press is cut off at. The rule is 0xFFFF, and some cut at a whole packet.
const SHORTEST_SEGMENT: u32 = 0xF000;
/// A segment's last and the next one's first packets may be lost, over at most so long.
const SEGMENT_GAP: Duration = Duration::from_secs(1);
/// After so long a silence sequence numbers tell nothing.
const FORGOTTEN: Duration = Duration::from_secs(2);
/// A sequence number less than this far behind is late; further, the sender began again.
const MOST_BEHIND: u16 = 128;

/// The keys that one packet begins: in nearly all cases none or one.
pub type Keys = std::iter::Flatten<std::array::IntoIter<Option<Key>, MOST_EVENTS>>;

/// One call's received telephone-events. Of a fixed size.
#[derive(Clone, Debug, Default)]
pub struct KeyReceiver {
    ssrc: Option<u32>,
    /// The newest sequence number of an event packet, and when it came. Audio may count apart (D14).
    newest: Option<(u16, Moment)>,
    /// The latest presses, the last one first.
    presses: [Option<Press>; REMEMBERED],
}

/// A press that has been counted.
#[derive(Clone, Copy, Debug)]
struct Press {
    code: u8,
    clock_rate: u32,
    /// Of the stream it was last heard in.
    ssrc: u32,
    /// The timestamp it began with, and the one it was last heard with.
    first_timestamp: u32,
    timestamp: u32,
    duration: u16,
    /// Whether its marker has been heard: the next one is a late first packet, or another press.
    marked: bool,
    /// When its end was first heard.
    ended: Option<Moment>,
    heard: Moment,
    sequence: u16,
}

/// One event report as it came.
#[derive(Clone, Copy)]
struct Heard {
    event: Event,
    now: Moment,
    clock_rate: u32,
    marker: bool,
    sequence: u16,
    ssrc: u32,
    timestamp: u32,
    /// Sent after every packet heard until now.
    newer: bool,
}

impl KeyReceiver {
    /// A receiver that has heard nothing.
    pub fn new() -> KeyReceiver {
        KeyReceiver::default()
    }

    /// Takes a packet of a telephone-event payload type with `clock_rate` ticks a second, and returns the keys that go
    /// down with it. Events that are no keys (16 and above) are ignored, as is a payload shorter than four bytes.
    pub fn receive(&mut self, now: Moment, header: &Header, clock_rate: u32, payload: &[u8]) -> Keys {
        if self.ssrc.replace(header.ssrc) != Some(header.ssrc) {
            self.newest = None;
        }
        let newer = self.is_newer(now, header.sequence);
        let mut keys = [None; MOST_EVENTS];
        let mut timestamp = header.timestamp;
        // Several events in one packet follow one another in time: section 2.5.1.5.
        for (key, bytes) in keys.iter_mut().zip(payload.as_chunks::<4>().0) {
            let event = Event::from_bytes(*bytes);
            let Header { marker, sequence, ssrc, .. } = *header;
            let heard = Heard { event, now, clock_rate, marker, sequence, ssrc, timestamp, newer };
            *key = Key::from_event(event.code).filter(|_| self.begins_press(&heard));
            timestamp = timestamp.wrapping_add(event.duration.into());
        }
        if newer {
            self.newest = Some((header.sequence, now));
        }
        keys.into_iter().flatten()
    }

    fn is_newer(&self, now: Moment, sequence: u16) -> bool {
        self.newest
            .is_none_or(|(newest, when)| newest.wrapping_sub(sequence) >= MOST_BEHIND || now.since(when) > FORGOTTEN)
    }

    /// Whether a report is of a press not yet counted; it is remembered either way.
    fn begins_press(&mut self, heard: &Heard) -> bool {
        let mut presses = self.presses.iter_mut().flatten();
        if let Some(press) = presses.find(|press| press.has_timestamp_of(heard)) {
            if !press.is_pressed_again(heard) {
                press.go_on(heard);
                return false;
            }
        } else if let Some(press) = self.presses.iter_mut().flatten().find(|press| press.has_passed(heard)) {
            press.go_on(heard);
            return false;
        } else if let Some(Some(last)) = self.presses.first_mut()
            && last.goes_on_elsewhere(heard)
        {
            last.go_on(heard);
            return false;
        }
        self.presses.rotate_right(1);
        if let Some(place) = self.presses.first_mut() {
            *place = Some(Press::begun(heard));
        }
        true
    }
}

impl Press {
    fn begun(heard: &Heard) -> Press {
        Press {
            code: heard.event.code,
            clock_rate: heard.clock_rate,
            ssrc: heard.ssrc,
            first_timestamp: heard.timestamp,
            timestamp: heard.timestamp,
            duration: heard.event.duration,
            marked: heard.marker,
            ended: heard.event.end.then_some(heard.now),
            heard: heard.now,
            sequence: heard.sequence,
        }
    }

    fn has_timestamp_of(&self, heard: &Heard) -> bool {
        let known = self.timestamp == heard.timestamp || self.first_timestamp == heard.timestamp;
        self.code == heard.event.code && known
    }

    /// Whether a late packet is of a segment, or a moving timestamp, that the press has left behind.
    fn has_passed(&self, heard: &Heard) -> bool {
        let passed = |timestamp: u32| timestamp.wrapping_sub(self.first_timestamp);
        let same = heard.event.code == self.code && heard.ssrc == self.ssrc;
        !heard.newer && same && passed(heard.timestamp) < passed(self.timestamp)
    }

    /// Whether a report with the press's own timestamp is nevertheless of another press.
    fn is_pressed_again(&self, heard: &Heard) -> bool {
        let silence = heard.now.since(self.heard);
        let event = heard.event;
        if event.end && self.ended.is_some() && event.duration == self.duration {
            return silence > END_REPEATS;
        }
        let grown = event.duration > self.duration;
        match self.ended {
            Some(_) if heard.newer && !event.end && !grown => true,
            Some(_) => silence > self.rest(heard),
            // However long ago: the key may have been held while the call was, and a duration may have no more room to grow.
            None if grown || (event.duration == self.duration && (event.end || event.duration == u16::MAX)) => false,
            None => silence > self.rest(heard),
        }
    }

    /// After how long a silence a report that does not grow is of another press.
    fn rest(&self, heard: &Heard) -> Duration {
        if heard.marker && self.marked { MARKED_SILENCE } else { SILENCE }
    }

    /// Whether a report with another timestamp is nevertheless of this press, the last one begun.
    fn goes_on_elsewhere(&self, heard: &Heard) -> bool {
        if heard.event.code != self.code || heard.clock_rate != self.clock_rate {
            return false;
        }
        if heard.ssrc != self.ssrc {
            return self.is_held_on(heard);
        }
        let next = heard.newer && (1..=4).contains(&heard.sequence.wrapping_sub(self.sequence));
        self.is_next_segment(heard)
            || next
                && match self.ended {
                    Some(ended) => self.is_end_again(ended, heard),
                    None => self.is_moved(heard),
                }
    }

    /// The end once more, with a new timestamp.
    fn is_end_again(&self, ended: Moment, heard: &Heard) -> bool {
        let length = Duration::from_secs(1) * u32::from(self.duration) / self.clock_rate.max(1);
        let after_end = heard.timestamp.wrapping_sub(self.timestamp.wrapping_add(self.duration.into())).cast_signed();
        heard.event.end
            && heard.event.duration == self.duration
            && after_end < (self.clock_rate / 20).cast_signed()
            && heard.now.since(ended) < length.max(SHORTEST_AGAIN)
    }

    /// The next packet of a sender whose timestamp is the packet's own time.
    fn is_moved(&self, heard: &Heard) -> bool {
        !heard.marker && heard.event.duration >= self.duration && heard.now.since(self.heard) <= SILENCE
    }

    /// The duration's 16 bits are full: the press goes on under a new timestamp, its duration counted from zero. Some mark
    /// each segment's first packet, and some end each segment; nobody lets a key go and presses it again within a packet.
    fn is_next_segment(&self, heard: &Heard) -> bool {
        let moved = heard.timestamp.wrapping_sub(self.timestamp);
        let silence = heard.now.since(self.heard);
        // Packets since the last one heard may be lost.
        let held = u32::from(self.duration).saturating_add(ticks(silence, self.clock_rate));
        let within = (SHORTEST_SEGMENT..=0x1_0000).contains(&moved) && silence <= SEGMENT_GAP;
        let full = held >= SHORTEST_SEGMENT && heard.newer && within;
        let joined = moved.abs_diff(self.duration.into()) <= self.clock_rate / 50;
        if self.ended.is_some() { full && joined } else { full && (!heard.marker || joined) }
    }

    /// Another stream's report of a key that has been down since before this press was last heard.
    fn is_held_on(&self, heard: &Heard) -> bool {
        let since = u32::from(self.duration).saturating_add(ticks(heard.now.since(self.heard), self.clock_rate));
        let slack = self.clock_rate / 5;
        self.ended.is_none() && !heard.marker && u32::from(heard.event.duration).saturating_add(slack) >= since
    }

    fn go_on(&mut self, heard: &Heard) {
        let late = heard.ssrc == self.ssrc && !heard.newer;
        if self.timestamp == heard.timestamp {
            self.duration = self.duration.max(heard.event.duration);
        } else if !late && self.first_timestamp != heard.timestamp {
            (self.timestamp, self.duration) = (heard.timestamp, heard.event.duration);
        }
        if heard.event.end && self.ended.is_none() {
            self.ended = Some(heard.now);
        }
        self.heard = heard.now;
        self.marked |= heard.marker;
        // A late packet does not take the press back.
        if !late {
            (self.sequence, self.ssrc) = (heard.sequence, heard.ssrc);
        }
    }
}

fn ticks(time: Duration, clock_rate: u32) -> u32 {
    u32::try_from(time.as_micros().saturating_mul(clock_rate.into()) / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "receiver_tests.rs"]
mod tests;
