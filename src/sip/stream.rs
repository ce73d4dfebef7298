//! SIP over connections, each a task of its own, the gate in front of the stack as for datagrams.
//!
//! ```text
//!   accept ── place? ───────────────── Link ─┬─ read ──> framer ── message ──> gate ─┬─ Pass ──> stack's transactions
//!               no: closed   (TLS handshake) │             │ ping: CRLF             ├─ Answer ─┐
//!   connect ─────────────────────────────────┘             │ fault: 400, closed     └─ Drop    │
//!                                            ┌─ write <─── waiting octets <────────────────────┘
//!                                            └──────────────────── stack's answers and requests
//! ```
//!
//! To the stack a connection is one of its in-memory channels: reliable, so it retransmits nothing that a stream does not
//! lose, and it never sees octets. What it sends waits here, in order, and goes out on the connection it was given for
//! (RFC 3261, section 18.2.2).
//!
//! | what | bound | at the bound |
//! |---|---|---|
//! | connections | [`StreamLimits::connections`] | a further one is closed as soon as it is accepted |
//! | of these, from sources that are no trunk's, where trunks are known by address | half | the same |
//! | connections of one address (an IPv6 /64) | [`StreamLimits::per_source`] | the same |
//! | time to the end of a TLS handshake | [`StreamLimits::handshake`] | closed |
//! | time to a connection's first message | [`StreamLimits::first`] | closed |
//! | time from a message's first octet to its last | [`StreamLimits::message`] | closed |
//! | time without an octet either way, with no call on it | [`StreamLimits::idle`] | closed |
//! | octets of a message | [`super::gate::MAX_STREAMED`] | 513, closed |
//! | octets waiting for a peer that does not read (and 64 KiB encrypted) | 64 KiB | nothing more is read from it |
//! | | 256 KiB, or [`StreamLimits::message`] without progress | closed |

mod framer;
mod link;
mod links;
mod listener;

use std::time::Duration;

pub use framer::{Frame, FrameFault, Framer};
pub(super) use link::{Held, Link};
pub(super) use links::Links;
pub(super) use listener::Listener;

/// How many connections there may be and how long they may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Connections at once, both ways.
    pub connections: usize,
    /// Of these, accepted from one address; an IPv6 address stands for its /64.
    pub per_source: usize,
    /// How long an accepted connection may take to the end of its TLS handshake. It has its place from the beginning.
    pub handshake: Duration,
    /// How long an accepted connection may take from then to its first whole message or ping.
    pub first: Duration,
    /// How long a message may take from its first octet to its last, and a peer to read anything of what waits for it.
    pub message: Duration,
    /// How long a connection without a call may be silent. RFC 5626, section 4.4.1, lets phones ask every two minutes.
    pub idle: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            per_source: 128,
            handshake: Duration::from_secs(10),
            first: Duration::from_secs(30),
            message: Duration::from_secs(20),
            idle: Duration::from_secs(300),
        }
    }
}
