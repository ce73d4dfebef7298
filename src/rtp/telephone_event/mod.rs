//! Keys as RTP packets (RFC 4733 section 2.3).
//!
//! ```text
//!    0                   1                   2                   3
//!    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!   |     event     |E|R| volume    |          duration             |
//!
//!   a press of 80 ms:   M d=160 | d=320 | d=480 | E d=640 | E d=640 | E d=640      20 ms apart, one timestamp
//! ```

mod receiver;
mod sender;

pub use receiver::{KeyReceiver, Keys};
pub use sender::{KeyPlan, KeyPlanFault, KeySender, KeyStep, PlanStep};

/// One event report: four bytes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event code: 0–15 are keys.
    pub code: u8,
    /// The last report of the press.
    pub end: bool,
    /// The tone's power below 0 dBm0, 0–63.
    pub volume: u8,
    /// How long the key has been down, in the payload type's clock.
    pub duration: u16,
}

impl Event {
    /// Reads four bytes; the reserved bit is ignored.
    pub const fn from_bytes([code, flags, high, low]: [u8; 4]) -> Event {
        Event { code, end: flags & 0x80 != 0, volume: flags & 0x3F, duration: u16::from_be_bytes([high, low]) }
    }

    /// The four bytes.
    pub const fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        let end = if self.end { 0x80 } else { 0 };
        [self.code, end | (self.volume & 0x3F), high, low]
    }
}
