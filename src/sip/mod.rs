//! The user agent: what a telephone needs of SIP, and no more.
//!
//! ```text
//!   network ────────────── gate ──────── rsipstack ───────── agent ─── IncomingCall, Call ──> telephony, phone
//!     datagrams,           messages:     transactions,       dialogs,
//!     connections ─ stream made whole,   timers, parser      offers, ends
//!                          or answered
//!                          without state
//! ```
//!
//! * [`info_keys`]: keys in the bodies of INFO, pure.
//! * [`sdp`]: offer and answer (RFC 3264), pure.
//! * [`Names`]: where a host is, by SRV and address records.
//! * [`listen`]: UDP, TCP and TLS addresses as they are written.
//! * [`stream`]: TCP and TLS connections, and messages out of their octets.
//! * [`tls`]: certificates: what this side shows, whom it believes.
//! * [`gate`]: every message before the stack's parser sees it: repaired, answered at once or dropped.
//! * [`door`]: who may bring calls, and how many: trunks and strangers.
//! * [`agent`]: calls in ([`agent::IncomingCall`]), calls out ([`agent::Dialing`]), one running call ([`agent::Call`]);
//!   registrations ([`agent::Registering`]) and asking whether somebody is alive ([`agent::Pinging`]).
//! * `session`: for how long a call counts as alive without a word (RFC 4028), pure.
//! * [`status`]: the one table from a reason to refuse to a SIP status.
//!
//! This room knows nothing of menus, dialogues or sound.

pub mod agent;
mod desk;
mod dialog;
mod digest;
pub mod door;
mod field;
pub mod gate;
pub mod info_keys;
pub mod listen;
mod names;
mod pulse;
mod registration;
pub mod sdp;
mod session;
pub mod status;
pub mod stream;
pub mod tls;

pub use agent::{Agent, AgentConfig, Call, CallEvent, Dialing, DialingEvent, EndCause, IncomingCall, TransferEnd};
pub use listen::{Listen, Transport};
pub use names::Names;
pub use registration::Patience;
pub use session::SessionPolicy;
pub use status::Refusal;

/// What a log filter must say about the stack below: at `info` it writes every message whole, telephone numbers and all.
pub const LOG_DIRECTIVE: &str = "rsipstack=error";

/// The methods this agent serves, as an Allow header has them (RFC 3261, section 20.5).
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, PRACK";

/// The extensions that requests to this agent may use, as a Supported header has them (RFC 3261, section 20.37).
pub const SUPPORTED: &str = "100rel, timer";

/// The bodies it understands, as an Accept header has them (RFC 3261, section 20.1).
pub const ACCEPT: &str = "application/sdp, application/dtmf-relay, application/dtmf";
