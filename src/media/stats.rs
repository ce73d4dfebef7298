//! What became of a call's packets.

use std::time::Duration;

use crate::facts::KeyCounts;

/// One call's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaStats {
    /// RTP packets sent, keys and keep-alives included.
    pub packets_sent: u64,
    /// Bytes of their payloads.
    pub octets_sent: u64,
    /// Packets the network would not take.
    pub send_errors: u64,
    /// RTP packets received from the far end.
    pub packets_received: u64,
    /// Keys received, each press once, by the way they came.
    pub keys: KeyCounts,
    /// Datagrams from strangers, and what was no RTP or not to be let in.
    pub refused: u64,
    /// Those of them that came to an encrypted call in clear, with a wrong tag, or too short for one.
    pub forged: u64,
    /// Packets of the far end that never came, less those that came twice.
    pub lost: i64,
    /// Their interarrival jitter (RFC 3550).
    pub jitter: Duration,
    /// Our packets that never arrived there, if the far end reported it.
    pub far_lost: Option<u32>,
    /// How late our packets left.
    pub late: Lateness,
}

/// How late packets left, against the moment they were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// The latest.
    pub most: Duration,
    /// Packets by lateness: up to 1, 2, 5, 10, 20 ms, and more.
    pub packets: [u32; 6],
}

impl Lateness {
    /// The upper bounds of all but the last of [`Lateness::packets`], in milliseconds.
    pub const BOUNDS_MS: [u64; 5] = [1, 2, 5, 10, 20];

    pub(super) fn record(&mut self, late: Duration) {
        self.most = self.most.max(late);
        let late = late.as_micros();
        let place = Lateness::BOUNDS_MS.iter().take_while(|bound| late > u128::from(**bound) * 1000).count();
        if let Some(count) = self.packets.get_mut(place) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds another call's packets.
    pub fn add(&mut self, other: &Lateness) {
        self.most = self.most.max(other.most);
        self.packets.iter_mut().zip(other.packets).for_each(|(sum, count)| *sum = sum.saturating_add(count));
    }
}
