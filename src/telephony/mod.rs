//! Telephony: the shell that carries a dialogue to a caller over SIP and RTP.
//!
//! ```text
//!   sip::Agent ── IncomingCall ──> answering (a task a call) ── reserve, begin ──> media::MediaEngine
//!        ^  BYE, 200, refusals           |  ^  HangUp, TimedOut, Ended                  | key, played, timeout
//!        |______________________________ |  |_____________________________________ CallerConductor: the Dialogue
//!                                        |                                              | LookUp
//!                                  CallRecord ──> CallLog                          RecordsPool, off the call's path
//! ```
//!
//! The dialogue runs inside its media worker: a key stops the sound with no thread between. What it asks of the records
//! goes to the pool and comes back through the call's mailbox.

mod answering;
mod conductor;
mod failure;
mod srtp;
mod trace;
mod version;
mod watch;

pub use answering::{Exchange, answer_calls};
pub use failure::Failure;
pub use srtp::SrtpPolicy;
pub use trace::{CallTrace, CallTraces, LookedUp};
pub use version::{Served, Version, Versions};
pub use watch::{CallReport, CallWatch, Stage};
