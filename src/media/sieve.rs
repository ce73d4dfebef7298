//! Lets the kernel drop a call's sound where nobody listens to it: [`crate::rtp::sieve`].
//!
//! ```text
//!   begun ── latched ── 50 packets of sound in 10 s, nobody listens ──> sieve on ── listened to, another far end, other ──> off ─┐
//!              ^                                                                    events, or nothing came for 5 s               │
//!              └─────────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A telephone that sends little while its caller is silent (a packet now and then, RFC 3389) has all of it come: of what comes rarely the
//! sieve would leave nothing for minutes, and the call would be taken for dead.
//!
//! A call of a second has none: setting it costs the kernel more than the sound of a second. Where it cannot be set, all comes and
//! nothing else changes.

use std::time::Duration;

use mio::net::UdpSocket;

use crate::facts::Moment;
use crate::rtp::sieve;

use super::EventType;

/// Packets of sound that show that more will come, if they come within [`DENSE`].
const WORTHWHILE: u8 = 50;
const DENSE: Duration = Duration::from_secs(10);
/// After so long in which nothing came through it the sieve may be what kept it.
const DOUBTED: Duration = Duration::from_secs(5);

/// Whether a call's socket has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sieve {
    /// Not yet; so many packets of sound have come since this moment that nobody listened to.
    Off(u8, Moment),
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
    pub(super) fn unheard(&mut self, now: Moment, socket: &UdpSocket, events: &[EventType]) {
        match self {
            Sieve::Off(_, since) if now.since(*since) > DENSE => *self = Sieve::Off(1, now),
            Sieve::Off(WORTHWHILE.., _) => *self = set(socket, events),
            Sieve::Off(packets, _) => *packets += 1,
            Sieve::On | Sieve::Refused => {}
        }
    }

    /// When it is to be opened, if nothing comes meanwhile: well before the far end is taken for gone.
    pub(super) fn doubted_at(self, last_heard: Moment, time_out: Duration) -> Option<Moment> {
        self.is_on().then(|| last_heard + DOUBTED.min(time_out / 3))
    }

    /// All is to come again.
    pub(super) fn open(&mut self, socket: &UdpSocket) {
        if self.is_on()
            && let Err(error) = clear(socket)
        {
            tracing::warn!(%error, "a call's sound cannot be had from the kernel again");
        }
        *self = Sieve::Off(0, Moment::ZERO);
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
