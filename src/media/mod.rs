//! The media engine: every call's sound and keys, on threads of its own.
//!
//! ```text
//!   signalling                                       worker thread, one a core
//!   engine.reserve() -> Leg (a port pair, for the SDP)
//!   leg.begin(params, conductor, on_event) ──mailbox──> slab of calls
//!   leg.update(params) · leg.send(message)               │  pacing wheel: a call a millisecond of its 20 ms
//!   leg.end() ─────────────────────────────────────────> │    header + copy from the clip, one send
//!   on_event(HangUp | TimedOut | Ended(stats)) <──────── │  timer wheel: dialogue's timers, RTCP, keep-alive, time-out
//!   leg.press(key by INFO) ────────────────────────────> │  sockets: telephone-events, tones -> Conductor::key
//! ```
//!
//! A call's [`Conductor`] runs inside its worker, so a key stops the sound with no thread between. The path of a playing
//! packet allocates nothing, takes no lock and looks nothing up. A call that waits for a key sends one packet every few
//! seconds and stands in no list that is walked.
//!
//! Bounds: as many calls as port pairs; a leg's mailbox holds 32 messages; 64 datagrams of a socket are read before
//! others have their turn.

mod call;
mod clock;
mod conductor;
mod engine;
mod key_stream;
mod keys;
mod latch;
mod line;
mod params;
mod phases;
mod ports;
mod sieve;
mod stats;
mod unpaced;
mod voice;
mod wheel;
mod worker;

pub use call::{MediaEvent, OnEvent};
pub use clock::Clock;
pub use conductor::{Action, Actions, Conductor};
pub use engine::{EngineConfig, Leg, Mailbox, MediaEngine, MediaError, may_precede, precede};
pub use key_stream::KeyStream;
pub use latch::Latching;
pub use params::{EventType, MediaParams};
pub use stats::{Lateness, MediaStats};
pub use unpaced::Unpaced;
