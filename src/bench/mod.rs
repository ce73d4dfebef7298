//! Load makers and measurements: what `hotline bench` runs.
//!
//! ```text
//!   maker: one thread, a core of its own                              the dialled: hotline serve, or any SIP address
//!     caller    INVITE, ACK, BYE of all calls, one socket      <───────────> SIP
//!     streams   what came when, of all calls, 32 sockets       <───────────  sound, stamped by the kernel as it comes
//!     sound     50 packets a second and call, if asked         ────────────>
//! ```
//!
//! When a packet came is read from the kernel's stamp, not from a clock asked afterwards, so a maker that is behind does not
//! make packets late; whether it lost any of them, the kernel says too.

#[cfg(target_os = "linux")]
pub mod bare;
#[cfg(target_os = "linux")]
mod caller;
#[cfg(target_os = "linux")]
mod datagrams;
#[cfg(target_os = "linux")]
pub mod dialled;
#[cfg(target_os = "linux")]
mod maker;
#[cfg(target_os = "linux")]
pub mod media;
#[cfg(target_os = "linux")]
pub mod plot;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
pub mod setup;
#[cfg(target_os = "linux")]
mod streams;
#[cfg(target_os = "linux")]
mod usage;

pub mod inner;
mod samples;
mod spread;
pub mod verification;
