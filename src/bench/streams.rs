//! What came of every call's sound: how late, and what is missing. Bytes and times in, figures out.
//!
//! ```text
//!   due     = earliest + 125 µs × (timestamp − first timestamp)        earliest: the packet that was least late of all
//!   late    = came − due
//!   missing = sequence numbers from the first to the last − packets
//! ```
//!
//! A call is known by the address its sound comes from. `earliest` is learned from the call's first packet on, so a stream that
//! was always late by as much is not seen to be late: what is measured is whether sound flows evenly.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::spread::{Quantiles, Spread};

/// Microseconds of a tick of G.711's clock.
const TICK_US: i64 = 125;
/// What a packet holds, of a header and a µ-law payload of 20 ms.
pub(super) const PACKET: usize = 172;
/// Payload types of sound (µ-law, A-law).
const SOUND: [u8; 2] = [0, 8];

/// All streams of a load maker.
pub(super) struct Streams {
    by_address: HashMap<SocketAddr, u32>,
    streams: HashMap<u32, Stream>,
    measured: Option<Measure>,
    /// Packets whose call is unknown or over.
    pub(super) strange: u64,
}

struct Measure {
    late: Spread,
    packets: u64,
    began: Duration,
    stopped: Spread,
    restarted: Spread,
    keys: u64,
}

/// What came in a stretch of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    pub(super) packets: u64,
    /// Sequence numbers that did not come.
    pub(super) lost: i64,
    /// Calls of which nothing came at all.
    pub(super) silent: u64,
    pub(super) late: Quantiles,
    /// From a key's first packet to the last packet of the sound it stops.
    pub(super) stopped: Quantiles,
    /// From a key's first packet to the first packet of the prompt it starts.
    pub(super) restarted: Quantiles,
    /// Keys that were answered by the prompt's beginning.
    pub(super) keys: u64,
}

struct Stream {
    address: SocketAddr,
    clock: Option<Flow>,
    /// The sound a prompt begins with.
    beginning: Option<Vec<u8>>,
    /// When a key was sent whose effect has not been seen, and the last sound since then.
    key: Option<(Duration, Option<Duration>)>,
}

struct Flow {
    sequence: i64,
    timestamp: i64,
    earliest: i64,
    /// In the stretch that is measured: the number before the first, and packets.
    before: i64,
    packets: i64,
}

impl Streams {
    pub(super) fn new() -> Streams {
        Streams { by_address: HashMap::new(), streams: HashMap::new(), measured: None, strange: 0 }
    }

    /// A call's sound comes from this address.
    pub(super) fn begin(&mut self, call: u32, address: SocketAddr) {
        self.by_address.insert(address, call);
        self.streams.insert(call, Stream { address, clock: None, beginning: None, key: None });
    }

    pub(super) fn end(&mut self, call: u32) {
        if let Some(stream) = self.streams.remove(&call)
            && self.by_address.get(&stream.address) == Some(&call)
        {
            self.by_address.remove(&stream.address);
        }
    }

    pub(super) fn address(&self, call: u32) -> Option<SocketAddr> {
        self.streams.get(&call).map(|stream| stream.address)
    }

    /// From now on what comes is measured.
    pub(super) fn measure(&mut self, now: Duration) {
        for flow in self.streams.values_mut().filter_map(|stream| stream.clock.as_mut()) {
            (flow.before, flow.packets) = (flow.sequence, 0);
        }
        let [late, stopped, restarted] = std::array::from_fn(|_| Spread::new());
        self.measured = Some(Measure { late, packets: 0, began: now, stopped, restarted, keys: 0 });
    }

    /// What came since then, and is measured no longer.
    pub(super) fn measured(&mut self) -> Heard {
        let Some(measure) = self.measured.take() else { return Heard::default() };
        let flows = || self.streams.values().map(|stream| stream.clock.as_ref());
        let lost = flows().flatten().map(|flow| flow.sequence - flow.before - flow.packets).sum();
        let silent = flows().filter(|flow| flow.is_none_or(|flow| flow.packets == 0)).count() as u64;
        Heard {
            packets: measure.packets,
            lost,
            silent,
            late: measure.late.quantiles(),
            stopped: measure.stopped.quantiles(),
            restarted: measure.restarted.quantiles(),
            keys: measure.keys,
        }
    }

    /// A key that begins the call's prompt anew has been sent.
    pub(super) fn pressed(&mut self, call: u32, now: Duration) -> bool {
        match self.streams.get_mut(&call) {
            Some(stream) if stream.key.is_none() && stream.beginning.is_some() => {
                stream.key = Some((now, None));
                true
            }
            _ => false,
        }
    }

    /// A datagram, and when it came: time since any one moment. Its payload may be cut short.
    pub(super) fn receive(&mut self, came: Duration, from: SocketAddr, datagram: &[u8]) {
        let call = self.by_address.get(&from);
        let Some(stream) = call.and_then(|call| self.streams.get_mut(call)) else {
            self.strange += 1;
            return;
        };
        let Some((header, payload)) = datagram.split_first_chunk::<12>() else { return };
        let [_, kind, s1, s2, t1, t2, t3, t4, ..] = *header;
        if !SOUND.contains(&(kind & 0x7F)) {
            return;
        }
        let (sequence, timestamp) = (u16::from_be_bytes([s1, s2]), u32::from_be_bytes([t1, t2, t3, t4]));
        let came_us = came.as_micros() as i64;
        if stream.beginning.is_none() {
            stream.beginning = Some(payload.to_vec());
        }
        let Some(flow) = &mut stream.clock else {
            let (sequence, timestamp) = (i64::from(sequence), i64::from(timestamp));
            let packets = i64::from(self.measured.is_some());
            let earliest = came_us - timestamp * TICK_US;
            stream.clock = Some(Flow { sequence, timestamp, earliest, before: sequence - 1, packets });
            if let Some(measure) = &mut self.measured {
                measure.packets += 1;
            }
            return;
        };
        // Either number wraps: the nearest of those it may stand for is meant.
        let ahead = i64::from(sequence.wrapping_sub(flow.sequence as u16) as i16);
        flow.sequence += ahead.max(0);
        flow.timestamp += i64::from(timestamp.wrapping_sub(flow.timestamp as u32) as i32);
        flow.packets += 1;
        let due = flow.earliest + flow.timestamp * TICK_US;
        let late = came_us - due;
        flow.earliest += late.min(0);
        let Some(measure) = &mut self.measured else { return };
        measure.packets += 1;
        measure.late.record(Duration::from_micros(late.max(0) as u64));
        let Some((pressed, last)) = stream.key else { return };
        if came < pressed {
            return;
        }
        if stream.beginning.as_deref() != Some(payload) {
            stream.key = Some((pressed, Some(came)));
            return;
        }
        stream.key = None;
        if pressed >= measure.began {
            measure.keys += 1;
            measure.stopped.record(last.map_or(Duration::ZERO, |last| last - pressed));
            measure.restarted.record(came - pressed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32, first: u8) -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend([0, 0, 0, 9, first, 2, 3]);
        packet
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn late_and_missing_packets_are_seen_over_wraps() {
        let (mut streams, from) = (Streams::new(), "127.0.0.1:20000".parse().unwrap());
        streams.begin(3, from);
        streams.begin(4, "127.0.0.1:20002".parse().unwrap());
        let mut at = 1000;
        let mut send = |streams: &mut Streams, step: u64, late: u64| {
            at = 1000 + step * 20;
            let sequence = 65_530_u16.wrapping_add(step as u16);
            let timestamp = 0xFFFF_FFF0_u32.wrapping_add(160 * step as u32);
            streams.receive(ms(at + late), from, &packet(sequence, timestamp, 1));
        };
        send(&mut streams, 0, 3);
        send(&mut streams, 1, 0);
        streams.measure(ms(1030));
        (2..50).filter(|step| *step != 20).for_each(|step| send(&mut streams, step, if step == 30 { 7 } else { 0 }));
        streams.receive(ms(2000), "127.0.0.1:9".parse().unwrap(), &packet(1, 1, 1));
        let heard = streams.measured();
        assert_eq!((heard.packets, heard.lost, heard.silent, streams.strange), (47, 1, 1, 1));
        assert!((6.9..=7.1).contains(&heard.late.most) && heard.late.p50 < 0.01, "{heard:?}");
    }

    #[test]
    fn a_key_stops_sound_and_starts_the_prompt_anew() {
        let (mut streams, from) = (Streams::new(), "127.0.0.1:20000".parse().unwrap());
        streams.begin(0, from);
        streams.receive(ms(0), from, &packet(1, 0, 77));
        streams.measure(ms(1));
        streams.receive(ms(20), from, &packet(2, 160, 1));
        assert!(streams.pressed(0, ms(30)) && !streams.pressed(0, ms(31)));
        streams.receive(ms(40), from, &packet(3, 320, 1));
        streams.receive(ms(55), from, &packet(4, 440, 77));
        let heard = streams.measured();
        assert_eq!(heard.keys, 1);
        assert!(
            (9.9..=10.1).contains(&heard.stopped.most) && (24.9..=25.1).contains(&heard.restarted.most),
            "{heard:?}"
        );
        streams.end(0);
        assert!(streams.address(0).is_none() && !streams.pressed(0, ms(99)));
    }
}
