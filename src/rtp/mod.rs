//! RTP (RFC 3550), telephone-event (RFC 4733) and RTCP as pure functions and state machines: bytes and moments in, bytes
//! and keys out. Sockets and threads are [`crate::media`]'s.
//!
//! ```text
//!    0                   1                   2                   3
//!    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!   |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//!   |                           timestamp                           |
//!   |                             SSRC                              |
//!   |  G.711: 160 bytes a packet of 20 ms; telephone-event: 4 bytes |
//! ```

mod interarrival;
mod jitter;
mod packet;
mod reception;
mod rtcp;
pub mod sieve;
pub mod srtp;
mod telephone_event;

pub use jitter::{Due, JitterBuffer, LONGEST_WAITING, MOST_WAITING};
pub use packet::{HEADER_LENGTH, Header, Packet, is_rtcp};
pub use reception::{Reception, ReceptionReport};
pub use rtcp::{Heard, Report, Reporter, SentSoFar};
pub use telephone_event::{Event, KeyPlan, KeyPlanFault, KeyReceiver, KeySender, KeyStep, Keys, PlanStep};
