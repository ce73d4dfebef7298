//! Where a call's sound comes from and goes to: symmetric RTP, once.
//!
//! ```text
//!   signalled c=/m= ──── first valid packet from ─────────────────────┐
//!     that address and port                  taken at once            │
//!     that address, another port             taken at once            ├─> latched: nothing else is heard, ever
//!     another address, and the signalled one taken if three follow    │
//!       is private, or silent for 2 s          one another            │
//!     another address otherwise              a stranger               ┘
//! ```
//!
//! RTCP never latches. Only a new address in a later offer or answer opens the latch again.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::facts::Moment;
use crate::rtp::Header;

/// How long a public signalled address may be silent before another is believed.
const PATIENCE: Duration = Duration::from_secs(2);
/// Packets in sequence that another address must send (as in RFC 3550 appendix A.1).
const PROBATION: u8 = 3;

/// Which other addresses a call may move to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latching {
    /// Another address, if the signalled one is private (a caller behind NAT) or stays silent.
    #[default]
    Nat,
    /// Another port of the signalled address alone.
    SameAddress,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is of the call, and the first one: its source is the far end from now on.
    Latched,
    /// It is of the call.
    Ours,
    /// It is not.
    Stranger,
}

/// One call's latch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latch {
    latching: Latching,
    signalled: SocketAddr,
    opened: Moment,
    latched: Option<SocketAddr>,
    candidate: Option<Candidate>,
}

/// Another address that has sent packets in sequence.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    next: u16,
    packets: u8,
}

impl Latch {
    pub(super) fn new(latching: Latching, signalled: SocketAddr, now: Moment) -> Latch {
        Latch { latching, signalled, opened: now, latched: None, candidate: None }
    }

    /// The address in the last offer or answer.
    pub(super) fn signalled(&self) -> SocketAddr {
        self.signalled
    }

    /// Whether packets have come and said where the far end is.
    pub(super) fn is_latched(&self) -> bool {
        self.latched.is_some()
    }

    /// Where to send.
    pub(super) fn far_end(&self) -> SocketAddr {
        self.latched.unwrap_or(self.signalled)
    }

    /// Whether RTCP from there is of the call.
    pub(super) fn admits_rtcp(&self, from: SocketAddr) -> bool {
        let ip = from.ip().to_canonical();
        ip == self.far_end().ip().to_canonical() || ip == self.signalled.ip().to_canonical()
    }

    /// Judges a packet that is valid RTP of a negotiated payload type.
    pub(super) fn judge(&mut self, now: Moment, from: SocketAddr, header: &Header) -> Verdict {
        if let Some(latched) = self.latched {
            return if latched == from { Verdict::Ours } else { Verdict::Stranger };
        }
        let same_address = from.ip().to_canonical() == self.signalled.ip().to_canonical();
        if same_address || (self.may_move(now) && self.has_proved_itself(from, header)) {
            self.latched = Some(from);
            return Verdict::Latched;
        }
        Verdict::Stranger
    }

    fn may_move(&self, now: Moment) -> bool {
        self.latching == Latching::Nat && (is_private(self.signalled.ip()) || now.since(self.opened) > PATIENCE)
    }

    fn has_proved_itself(&mut self, from: SocketAddr, header: &Header) -> bool {
        let packets = match self.candidate {
            Some(known) if known.from == from && known.ssrc == header.ssrc && known.next == header.sequence => {
                known.packets.saturating_add(1)
            }
            _ => 1,
        };
        let next = header.sequence.wrapping_add(1);
        self.candidate = Some(Candidate { from, ssrc: header.ssrc, next, packets });
        packets >= PROBATION
    }
}

/// Whether nobody beyond a NAT could send from this address.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let carrier_grade = first == 100 && (64..128).contains(&second);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || carrier_grade
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "203.0.113.5:4000";
    const PRIVATE: &str = "10.1.33.103:4000";
    const OTHER: &str = "198.51.100.7:9000";

    fn after(ms: u64) -> Moment {
        Moment::from_micros(ms * 1000)
    }

    fn latch(signalled: &str) -> Latch {
        Latch::new(Latching::Nat, signalled.parse().unwrap(), Moment::ZERO)
    }

    fn packet(latch: &mut Latch, ms: u64, from: &str, sequence: u16) -> Verdict {
        latch.judge(after(ms), from.parse().unwrap(), &Header { sequence, ..Header::default() })
    }

    /// Z01 rtpengine#397 and its kin: nobody else is heard, before the far end speaks or after.
    #[test]
    fn z01_a_stranger_cannot_take_the_call() {
        let mut call = latch(PUBLIC);
        for sequence in 0..50 {
            assert_eq!(packet(&mut call, 20 * u64::from(sequence), OTHER, sequence), Verdict::Stranger);
        }
        assert_eq!(packet(&mut call, 1100, PUBLIC, 1), Verdict::Latched);
        for sequence in 50..200 {
            assert_eq!(packet(&mut call, 5000 + 20 * u64::from(sequence), OTHER, sequence), Verdict::Stranger);
            assert_eq!(packet(&mut call, 5000 + 20 * u64::from(sequence), "203.0.113.5:4002", 3), Verdict::Stranger);
        }
        assert_eq!(packet(&mut call, 9000, PUBLIC, 2), Verdict::Ours);
        assert_eq!(call.far_end(), PUBLIC.parse().unwrap());
    }

    /// Z01 again: packets sprayed over the ports after the patience has passed do not follow one another.
    #[test]
    fn z01_a_spray_of_single_packets_does_not_latch() {
        let mut call = latch(PUBLIC);
        for index in 0..100 {
            assert_eq!(packet(&mut call, 3000 + u64::from(index), OTHER, index * 7), Verdict::Stranger);
        }
    }

    /// A01 livekit/sip#611: the SDP names a private address, the packets come from a public one.
    #[test]
    fn a01_a_caller_behind_nat_is_heard() {
        let mut call = latch(PRIVATE);
        assert_eq!(packet(&mut call, 0, OTHER, 1), Verdict::Stranger);
        assert_eq!(packet(&mut call, 20, OTHER, 2), Verdict::Stranger);
        assert_eq!(packet(&mut call, 40, OTHER, 3), Verdict::Latched);
        assert_eq!(call.far_end(), OTHER.parse().unwrap());
        let mut strict = Latch { latching: Latching::SameAddress, ..latch(PRIVATE) };
        assert!((0..9).all(|sequence| packet(&mut strict, 5000, OTHER, sequence) == Verdict::Stranger));
    }

    /// A04 baresip#3720: another port is followed only at the signalled address.
    #[test]
    fn a04_another_port_of_the_same_address_is_followed() {
        let mut call = latch(PUBLIC);
        assert_eq!(packet(&mut call, 0, "203.0.113.5:61000", 1), Verdict::Latched);
        assert_eq!(packet(&mut call, 20, PUBLIC, 1), Verdict::Stranger);
        assert_eq!(call.far_end(), "203.0.113.5:61000".parse().unwrap());
    }

    #[test]
    fn a_public_address_that_stays_silent_gives_way() {
        let mut call = latch(PUBLIC);
        let verdicts: Vec<Verdict> = (0..3).map(|index| packet(&mut call, 2100, OTHER, index)).collect();
        assert_eq!(verdicts, [Verdict::Stranger, Verdict::Stranger, Verdict::Latched]);
        assert!(call.admits_rtcp("198.51.100.7:1".parse().unwrap()));
        assert!(call.admits_rtcp("203.0.113.5:1".parse().unwrap()));
        assert!(!call.admits_rtcp("203.0.113.6:1".parse().unwrap()));
    }
}
