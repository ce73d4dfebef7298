//! Lets the kernel drop a call's sound where nobody listens to it: [`crate::rtp::sieve`].
//!
//! ```text
//!   begun ── latched ── 50 packets of sound, nobody listens ──> sieve on ── listened to, another far end, other events ──> off ─┐
//!              ^                                                                                                              │
//!              └──────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A call of a second has none: setting it costs the kernel more than the sound of a second. Where it cannot be set, all comes and
//! nothing else changes.

use mio::net::UdpSocket;

use crate::rtp::sieve;

use super::EventType;

/// Packets of sound that show that more will come.
const WORTHWHILE: u8 = 50;

/// Whether a call's socket has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sieve {
    /// Not yet; so many packets of sound have come that nobody listened to.
    Off(u8),
    On,
    /// It could not be set.
    Refused,
}

impl Sieve {
    /// Whether only every 64th packet of sound comes.
    pub(super) fn is_on(self) -> bool {
        self == Sieve::On
    }

    /// A packet of sound came that nobody listens to, from the one far end of this socket.
    pub(super) fn unheard(&mut self, socket: &UdpSocket, events: &[EventType]) {
        match self {
            Sieve::Off(WORTHWHILE..) => *self = set(socket, events),
            Sieve::Off(packets) => *packets += 1,
            Sieve::On | Sieve::Refused => {}
        }
    }

    /// All is to come again.
    pub(super) fn open(&mut self, socket: &UdpSocket) {
        if self.is_on()
            && let Err(error) = clear(socket)
        {
            tracing::warn!(%error, "a call's sound cannot be had from the kernel again");
        }
        *self = Sieve::Off(0);
    }
}

fn set(socket: &UdpSocket, events: &[EventType]) -> Sieve {
    let types: Vec<u8> = events.iter().map(|event| event.payload_type).collect();
    let Some(program) = sieve::program(&types) else { return Sieve::Refused };
    match attach(socket, &program) {
        Ok(()) => Sieve::On,
        Err(error) => {
            tracing::debug!(%error, "a call's sound cannot be left to the kernel");
            Sieve::Refused
        }
    }
}

#[cfg(target_os = "linux")]
fn attach(socket: &UdpSocket, program: &[sieve::Instruction]) -> std::io::Result<()> {
    let program: Vec<_> =
        program.iter().map(|one| socket2::SockFilter::new(one.code, one.if_true, one.if_false, one.operand)).collect();
    socket2::SockRef::from(socket).attach_filter(&program)
}

#[cfg(target_os = "linux")]
fn clear(socket: &UdpSocket) -> std::io::Result<()> {
    socket2::SockRef::from(socket).detach_filter()
}

#[cfg(not(target_os = "linux"))]
fn attach(_: &UdpSocket, _: &[sieve::Instruction]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn clear(_: &UdpSocket) -> std::io::Result<()> {
    Ok(())
}
