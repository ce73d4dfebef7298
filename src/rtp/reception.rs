//! How well a stream arrives: packets lost and jitter, after RFC 3550 appendices A.1, A.3 and A.8.
//!
//! Behind a sieve ([`super::sieve`]) only every 64th packet of sound comes, and stands for those before it:
//!
//! ```text
//!   all come        | sieved                                    | all come
//!   … 70 71 72 73     128      192     (256 lost)     320         335 336 …
//!                      └ 55     └ 64                   └ 64, 64 lost └ 15 taken to have come
//! ```

use std::time::Duration;

use crate::facts::Moment;

use super::Header;
use super::interarrival::Interarrival;
use super::sieve::STRIDE;

/// A sequence number this far ahead is a restart (RFC 3550's MAX_DROPOUT).
const MOST_AHEAD: u16 = 3000;
/// A sequence number this far behind is late; further, a restart (MAX_MISORDER).
const MOST_BEHIND: u16 = 100;

/// The count of one source's packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reception {
    source: Option<u32>,
    /// Whether the last packet came through a sieve.
    sieved: bool,
    /// The first sequence number, and the highest with its wraps.
    first: u32,
    highest: u32,
    received: u32,
    /// What the last report counted.
    expected_before: u32,
    received_before: u32,
    /// Of streams that ended by a restart.
    lost_before: i64,
    jitter: Interarrival,
    /// Of the clock that it is counted in, ticks a second.
    clock_rate: u32,
}

/// One report block of RTCP (RFC 3550 section 6.4.1), without the sender report's round trip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceptionReport {
    /// The source reported on.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost in all, 0–0x7FFFFF.
    pub lost: u32,
    /// Highest sequence number with its wraps.
    pub highest: u32,
    /// Ticks of the clock.
    pub jitter: u32,
}

impl Reception {
    /// Counts a packet, and returns for how many it stands. `clock_rate` is what its timestamp counts in, if it moves with time; a
    /// telephone-event's does not, and does not count for jitter.
    pub fn receive(&mut self, now: Moment, header: &Header, clock_rate: Option<u32>) -> u32 {
        if self.source != Some(header.ssrc) || self.restarted(header.sequence) {
            self.begin(header);
        }
        let ahead = header.sequence.wrapping_sub(self.highest as u16);
        if ahead < 0x8000 {
            self.highest = self.highest.wrapping_add(ahead.into());
        }
        // What the sieve has held back since the last that came through it cannot be known.
        let held_back = if self.sieved && ahead < 0x8000 { u32::from(ahead.min(STRIDE)).saturating_sub(1) } else { 0 };
        self.sieved = false;
        self.count(1 + held_back);
        self.measure(now, header, clock_rate);
        1 + held_back
    }

    /// Counts a packet that came through a sieve, and returns for how many it stands: none, if it is not one of those by which the
    /// stream is judged.
    pub fn receive_sieved(&mut self, now: Moment, header: &Header, clock_rate: Option<u32>) -> u32 {
        if !header.sequence.is_multiple_of(STRIDE) {
            return 0;
        }
        if self.source != Some(header.ssrc) || self.restarted(header.sequence) {
            self.begin(header);
            self.count(1);
        }
        self.sieved = true;
        let ahead = header.sequence.wrapping_sub(self.highest as u16);
        let stands_for = if ahead < 0x8000 {
            self.highest = self.highest.wrapping_add(ahead.into());
            u32::from(ahead.min(STRIDE))
        } else {
            STRIDE.into()
        };
        self.count(stands_for);
        self.measure(now, header, clock_rate);
        stands_for
    }

    fn count(&mut self, packets: u32) {
        self.received = self.received.saturating_add(packets);
    }

    fn measure(&mut self, now: Moment, header: &Header, clock_rate: Option<u32>) {
        let Some(clock_rate) = clock_rate else { return };
        if clock_rate != self.clock_rate {
            (self.jitter, self.clock_rate) = (Interarrival::default(), clock_rate);
        }
        self.jitter.receive(now, header.timestamp, clock_rate);
    }

    fn restarted(&self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        ahead > MOST_AHEAD && ahead < 0_u16.wrapping_sub(MOST_BEHIND)
    }

    fn begin(&mut self, header: &Header) {
        let first = u32::from(header.sequence);
        *self = Reception {
            source: Some(header.ssrc),
            first,
            highest: first,
            lost_before: self.lost(),
            jitter: self.jitter,
            clock_rate: self.clock_rate,
            ..Reception::default()
        };
        self.jitter.restart();
    }

    fn expected(&self) -> u32 {
        if self.source.is_some() { self.highest.wrapping_sub(self.first).wrapping_add(1) } else { 0 }
    }

    /// Packets that never came, less those that came twice.
    pub fn lost(&self) -> i64 {
        self.lost_before + i64::from(self.expected()) - i64::from(self.received)
    }

    /// Interarrival jitter.
    pub fn jitter(&self) -> Duration {
        self.jitter.duration(self.clock_rate)
    }

    /// The report block for what came since the last one; nothing before the first packet.
    pub fn report(&mut self) -> Option<ReceptionReport> {
        let ssrc = self.source?;
        let expected = self.expected();
        let expected_since = expected.wrapping_sub(self.expected_before);
        let lost_since = i64::from(expected_since) - i64::from(self.received.wrapping_sub(self.received_before));
        (self.expected_before, self.received_before) = (expected, self.received);
        let fraction = lost_since.max(0) * 256 / i64::from(expected_since.max(1));
        Some(ReceptionReport {
            ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: u32::try_from(self.lost().clamp(0, 0x7F_FFFF)).unwrap_or(0),
            highest: self.highest,
            jitter: self.jitter.ticks(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOUND: Option<u32> = Some(8000);

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header { sequence, timestamp, ssrc: 7, ..Header::default() }
    }

    fn after(ms: u64) -> Moment {
        Moment::from_micros(1_000_000 + ms * 1000)
    }

    #[test]
    fn losses_are_counted_over_the_wrap() {
        let mut reception = Reception::default();
        assert_eq!(reception.report(), None);
        for index in (0_u16..100).filter(|index| index % 4 != 1) {
            let sequence = 65_500_u16.wrapping_add(index);
            reception.receive(after(u64::from(index) * 20), &header(sequence, u32::from(index) * 160), SOUND);
        }
        let report = reception.report().unwrap();
        assert_eq!((report.lost, report.fraction_lost, report.jitter), (25, 64, 0));
        assert_eq!(report.highest, 65_500 + 99);
        assert_eq!(reception.lost(), 25);
        // Nothing since.
        assert_eq!(reception.report().unwrap().fraction_lost, 0);
    }

    #[test]
    fn a_restart_and_a_new_source_lose_nothing() {
        let mut reception = Reception::default();
        reception.receive(after(0), &header(1, 0), SOUND);
        reception.receive(after(20), &header(30_000, 160), SOUND);
        reception.receive(after(40), &Header { ssrc: 8, ..header(5, 0) }, SOUND);
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn jitter_is_the_mean_change_of_transit() {
        let mut reception = Reception::default();
        for index in 0..200_u16 {
            // Every second packet is 10 ms late.
            let late = u64::from(index % 2) * 10;
            reception.receive(after(u64::from(index) * 20 + late), &header(index, u32::from(index) * 160), SOUND);
        }
        let jitter = reception.jitter().as_millis();
        assert!((9..=10).contains(&jitter), "{jitter}");
    }

    #[test]
    fn a_held_call_whose_clock_stood_still_has_no_jitter() {
        let mut reception = Reception::default();
        for (index, at) in (0..50).chain(500..550).zip(0_u16..) {
            reception.receive(after(index * 20), &header(at, u32::from(at) * 160), SOUND);
        }
        assert_eq!((reception.jitter(), reception.lost()), (Duration::ZERO, 0));
    }

    /// Sound with a loss of 10 %, of which the middle comes through a sieve: about as much is found lost as is.
    #[test]
    fn what_comes_through_a_sieve_tells_of_the_rest() {
        let (mut reception, mut lost, mut counted) = (Reception::default(), 0, 0);
        for index in 1..=20_000_u32 {
            let sequence = 65_000_u16.wrapping_add(index as u16);
            let (at, header) = (after(u64::from(index) * 20), header(sequence, index * 160));
            if index.wrapping_mul(2_654_435_761) >> 16 & 0xFF < 26 {
                lost += 1;
                continue;
            }
            counted += match index {
                100..19_000 => reception.receive_sieved(at, &header, SOUND),
                _ => reception.receive(at, &header, SOUND),
            };
        }
        assert!((1500..2500).contains(&lost), "{lost}");
        assert!((reception.lost() - lost).abs() < lost / 4, "{} of {lost}", reception.lost());
        // What was lost before the first and after the last is not known.
        assert!((19_990..=20_000).contains(&(i64::from(counted) + reception.lost())), "{counted}");
        assert_eq!(reception.jitter(), Duration::ZERO);
    }

    #[test]
    fn a_sieve_alone_loses_nothing() {
        let mut reception = Reception::default();
        for index in 0..1000_u16 {
            let at = after(u64::from(index) * 20);
            match index {
                100..900 if index % STRIDE != 0 => {}
                // Keys stand among the sound.
                100..900 => drop(reception.receive_sieved(at, &header(index, u32::from(index) * 160), SOUND)),
                _ => drop(reception.receive(at, &header(index, u32::from(index) * 160), SOUND)),
            }
        }
        assert_eq!((reception.lost(), reception.report().unwrap().lost), (0, 0));
    }

    proptest! {
        #[test]
        fn no_packets_bring_it_down(packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u64>(), 0_u32..3), 0..50)) {
            let mut reception = Reception::default();
            for (sequence, timestamp, at, ssrc) in packets {
                let header = Header { ssrc, ..header(sequence, timestamp) };
                match timestamp % 2 {
                    0 => reception.receive(Moment::from_micros(at), &header, SOUND),
                    _ => reception.receive_sieved(Moment::from_micros(at), &header, SOUND),
                };
                let _ = reception.report();
            }
        }
    }
}
