//! A jitter buffer: packets of sound in any order in, in the order they were sent in out, each once, and what is missing.
//! Pure.
//!
//! ```text
//!   came      1  2     4  3        6     2        7       5 ... never
//!   out       1  2        3 4            –        –          Lost 20 ms, 6 7
//!                      └──┘        └──────────────────┘
//!              4 waits for 3       6 and 7 wait for 5, as long as the stream's jitter says, at most 60 ms
//! ```
//!
//! What comes in its turn goes out at once: whoever listens for keys is delayed by nothing but by gaps. A packet that is
//! missing is waited for from the moment that one after it has come, for three times the interarrival jitter, which is what
//! packets that are late by up to any time at random need, and never for less than 20 ms or more than 60. A stream that has
//! not shown its jitter is given the 60.
//!
//! The sequence number says whose turn it is, the timestamp how much sound lies between: a timestamp that jumps where the
//! sequence goes on is a pause, in which a sender with silence suppression sent nothing, and so no loss. A packet is in its
//! turn too if its timestamp is the next, whatever its sequence number: telephone-events and comfort noise lie between.
//!
//! | | bound |
//! |---|---|
//! | packets that wait | 16: at one more nothing is waited for any longer |
//! | bytes of a packet | 2048: a longer one is dropped |
//! | memory | 32 KB; a stream in order takes what its longest packet does |
//! | how long a packet waits | 60 ms |

use std::time::Duration;

use crate::facts::Moment;

use super::Header;
use super::interarrival::Interarrival;

/// The most packets that wait.
pub const MOST_WAITING: usize = 16;
/// The longest payload.
pub const LONGEST_WAITING: usize = 2048;
/// The least and the most time that a missing packet is given.
const LEAST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_millis(60);
/// How many times the jitter a missing packet is given: packets late by a time at random between nothing and *t* have a mean
/// change of *t* / 3.
const GIVEN: u32 = 3;
/// A sequence number this far ahead or behind is of a stream that began anew (RFC 3550's MAX_DROPOUT and MAX_MISORDER).
const MOST_AHEAD: i16 = 3000;
const MOST_BEHIND: i16 = -100;
/// Seconds by which a timestamp of the same stream may be off.
const MOST_APART: u32 = 10;

/// What comes next of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due<'a> {
    /// A packet's payload.
    Packet(&'a [u8]),
    /// So many ticks of the clock that were sent and never came, or not in time: at most 21 s.
    Lost {
        /// Ticks.
        ticks: u32,
    },
    /// So many ticks in which nothing was sent: at most 21 s.
    Pause {
        /// Ticks.
        ticks: u32,
    },
    /// What follows is another stream: nothing goes on from what was before.
    Restart,
}

/// One stream's buffer. Allocates only until it has held as many packets, and as long ones, as it has to.
#[derive(Debug)]
pub struct JitterBuffer {
    clock_rate: u32,
    stream: Option<Stream>,
    /// The stream is not the one that was before it, and that has not been told.
    anew: bool,
    slots: Vec<Slot>,
    interarrival: Interarrival,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    /// What the next packet has.
    sequence: u16,
    timestamp: u32,
}

/// A packet, or room for one.
#[derive(Debug)]
struct Slot {
    waits: bool,
    came: Moment,
    sequence: u16,
    timestamp: u32,
    ticks: u32,
    payload: Vec<u8>,
}

impl JitterBuffer {
    /// A buffer for a stream whose clock has so many ticks a second.
    pub fn new(clock_rate: u32) -> JitterBuffer {
        let clock_rate = clock_rate.max(1);
        JitterBuffer {
            clock_rate,
            stream: None,
            anew: false,
            slots: Vec::new(),
            interarrival: Interarrival::supposed(MOST / GIVEN, clock_rate),
        }
    }

    /// Takes a packet that has just come, of so many ticks (a second at most). After it, [`JitterBuffer::pop`] is to be called until nothing
    /// is due. A packet that came before, or too late, is dropped.
    pub fn push(&mut self, now: Moment, header: &Header, ticks: u32, payload: &[u8]) {
        let stream = match self.stream.filter(|stream| self.goes_on(stream, header)) {
            Some(stream) => stream,
            None => self.begin(header),
        };
        self.interarrival.receive(now, header.timestamp, self.clock_rate);
        let late = header.sequence.wrapping_sub(stream.sequence).cast_signed() < 0;
        let mut waiting = self.slots.iter().filter(|slot| slot.waits);
        if late || payload.len() > LONGEST_WAITING || waiting.any(|slot| slot.sequence == header.sequence) {
            return;
        }
        let ticks = ticks.min(self.clock_rate);
        let Some(slot) = self.free_slot() else { return };
        slot.waits = true;
        slot.came = now;
        (slot.sequence, slot.timestamp, slot.ticks) = (header.sequence, header.timestamp, ticks);
        slot.payload.clear();
        slot.payload.reserve_exact(payload.len());
        slot.payload.extend_from_slice(payload);
    }

    fn goes_on(&self, stream: &Stream, header: &Header) -> bool {
        let ahead = header.sequence.wrapping_sub(stream.sequence).cast_signed();
        let apart = header.timestamp.wrapping_sub(stream.timestamp).cast_signed().unsigned_abs();
        stream.ssrc == header.ssrc
            && (MOST_BEHIND..=MOST_AHEAD).contains(&ahead)
            && apart <= MOST_APART.saturating_mul(self.clock_rate)
    }

    /// What still waits of the stream before waited for something that has not come.
    fn begin(&mut self, header: &Header) -> Stream {
        self.anew |= self.stream.is_some();
        self.slots.iter_mut().for_each(|slot| slot.waits = false);
        self.interarrival.restart();
        *self.stream.insert(Stream { ssrc: header.ssrc, sequence: header.sequence, timestamp: header.timestamp })
    }

    fn free_slot(&mut self) -> Option<&mut Slot> {
        let free = self.slots.iter().position(|slot| !slot.waits);
        if free.is_none() && self.slots.len() < MOST_WAITING {
            let slot =
                Slot { waits: false, came: Moment::ZERO, sequence: 0, timestamp: 0, ticks: 0, payload: Vec::new() };
            self.slots.push(slot);
            return self.slots.last_mut();
        }
        self.slots.get_mut(free?)
    }

    /// What is due now, in order.
    pub fn pop(&mut self, now: Moment) -> Option<Due<'_>> {
        if std::mem::take(&mut self.anew) {
            return Some(Due::Restart);
        }
        let (place, turn) = self.first()?;
        if turn.waits_for_another() && !self.is_full() && self.waits_until()? > now {
            return None;
        }
        let (slot, stream) = (self.slots.get_mut(place)?, self.stream.as_mut()?);
        stream.sequence = slot.sequence;
        stream.timestamp = slot.timestamp;
        if turn.ticks > 0 {
            let ticks = turn.ticks.unsigned_abs();
            return Some(if turn.packets > 0 { Due::Lost { ticks } } else { Due::Pause { ticks } });
        }
        slot.waits = false;
        stream.sequence = stream.sequence.wrapping_add(1);
        stream.timestamp = stream.timestamp.wrapping_add(slot.ticks);
        Some(Due::Packet(&slot.payload))
    }

    /// When [`JitterBuffer::pop`] will have something, even if nothing more comes.
    pub fn wake_at(&self) -> Option<Moment> {
        let (_, turn) = self.first()?;
        if turn.waits_for_another() { self.waits_until() } else { Some(Moment::ZERO) }
    }

    /// How long a missing packet is given now.
    pub fn given(&self) -> Duration {
        (self.interarrival.duration(self.clock_rate) * GIVEN).clamp(LEAST, MOST)
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.slots.iter().filter(|slot| slot.waits).count()
    }

    /// Whether no packet waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_full(&self) -> bool {
        self.len() >= MOST_WAITING
    }

    /// The first packet that waits, and what lies before it.
    fn first(&self) -> Option<(usize, Turn)> {
        let stream = self.stream?;
        let waiting = self.slots.iter().enumerate().filter(|(_, slot)| slot.waits);
        let turns = waiting.map(|(place, slot)| {
            let packets = slot.sequence.wrapping_sub(stream.sequence);
            (place, Turn { packets, ticks: slot.timestamp.wrapping_sub(stream.timestamp).cast_signed() })
        });
        turns.min_by_key(|(_, turn)| turn.packets)
    }

    fn waits_until(&self) -> Option<Moment> {
        let came = self.slots.iter().filter(|slot| slot.waits).map(|slot| slot.came).min()?;
        Some(came + self.given())
    }
}

/// What lies between the packet that went out last and one that waits.
#[derive(Clone, Copy)]
struct Turn {
    packets: u16,
    ticks: i32,
}

impl Turn {
    fn waits_for_another(self) -> bool {
        self.packets > 0 && self.ticks != 0
    }
}

#[cfg(test)]
#[path = "jitter_tests.rs"]
mod tests;
