//! Interarrival jitter (RFC 3550 section 6.4.1 and appendix A.8): the mean change of what lies between sending and arrival.

use std::time::Duration;

use crate::facts::Moment;

/// One stream's jitter. Of a fixed size.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Interarrival {
    /// Arrival less timestamp of the last packet, in ticks.
    transit: Option<u32>,
    /// Sixteen times the jitter, in ticks.
    jitter: u32,
}

impl Interarrival {
    /// A stream that has not begun, taken to have so much jitter until it shows its own: within some twenty packets.
    pub(super) fn supposed(jitter: Duration, clock_rate: u32) -> Interarrival {
        Interarrival { transit: None, jitter: ticks(jitter.as_micros(), clock_rate).saturating_mul(16) }
    }

    /// Counts a packet, by its timestamp in ticks of the clock.
    pub(super) fn receive(&mut self, now: Moment, timestamp: u32, clock_rate: u32) {
        let transit = ticks(now.as_micros().into(), clock_rate).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A packet that is no more out of time than a second is late or early. Further, the sender's clock stood
            // still, as it does at some while a call is held, or began anew.
            if change < clock_rate {
                self.jitter = self.jitter.saturating_add(change).saturating_sub((self.jitter + 8) >> 4);
            }
        }
    }

    /// Another stream begins, on the same way here.
    pub(super) fn restart(&mut self) {
        self.transit = None;
    }

    /// The jitter in ticks.
    pub(super) fn ticks(&self) -> u32 {
        self.jitter >> 4
    }

    /// The jitter as time.
    pub(super) fn duration(&self, clock_rate: u32) -> Duration {
        Duration::from_micros(u64::from(self.ticks()) * 1_000_000 / u64::from(clock_rate.max(1)))
    }
}

/// Wraps, as timestamps do.
fn ticks(micros: u128, clock_rate: u32) -> u32 {
    (micros * u128::from(clock_rate) / 1_000_000) as u32
}
