//! Datagrams with the moment they came: by the kernel's stamp, where it gives one.
//!
//! ```text
//!   came ──────── waits in the socket ──────── read at the call's next tick
//!     └ stamp, by the kernel's clock               └ now;    came = now − (clock − stamp)
//! ```
//!
//! Sound of a call that plays is read when its next packet is sent, up to 20 ms after it came: jitter is measured by when it came.

use std::io::Result;
use std::net::SocketAddr;

use mio::net::UdpSocket;

use crate::facts::Moment;

/// Where stamps are put while a datagram is read.
#[derive(Default)]
pub(super) struct Stamps {
    #[cfg(target_os = "linux")]
    room: Vec<u8>,
}

/// Asks the kernel to stamp what comes to a socket.
#[cfg(target_os = "linux")]
pub(super) fn stamp(socket: &UdpSocket) {
    use nix::sys::socket::{setsockopt, sockopt::ReceiveTimestampns};
    if let Err(error) = setsockopt(socket, ReceiveTimestampns, &true) {
        tracing::debug!(%error, "the kernel does not say when packets come");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stamp(_: &UdpSocket) {}

impl Stamps {
    pub(super) fn new() -> Stamps {
        Stamps {
            #[cfg(target_os = "linux")]
            room: nix::cmsg_space!(nix::sys::time::TimeSpec),
        }
    }

    /// Reads a datagram: its length, its sender, and when it came.
    #[cfg(target_os = "linux")]
    pub(super) fn receive(
        &mut self,
        now: Moment,
        socket: &UdpSocket,
        datagram: &mut [u8],
    ) -> Result<(usize, SocketAddr, Moment)> {
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};

        let mut parts = [std::io::IoSliceMut::new(datagram)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut self.room), flags)?;
        let stamp = message.cmsgs()?.find_map(|part| match part {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(std::time::Duration::from(stamp)),
            _ => None,
        });
        let from = message.address.as_ref().and_then(address).ok_or(std::io::ErrorKind::InvalidData)?;
        Ok((message.bytes, from, stamp.map_or(now, |stamp| came(now, stamp))))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn receive(
        &mut self,
        now: Moment,
        socket: &UdpSocket,
        datagram: &mut [u8],
    ) -> Result<(usize, SocketAddr, Moment)> {
        socket.recv_from(datagram).map(|(length, from)| (length, from, now))
    }
}

/// The moment of a stamp. One of a clock that was set meanwhile is not believed.
#[cfg(target_os = "linux")]
fn came(now: Moment, stamp: std::time::Duration) -> Moment {
    const BELIEVED: std::time::Duration = std::time::Duration::from_secs(1);
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let clock = std::time::Duration::new(clock.tv_sec.unsigned_abs(), u32::try_from(clock.tv_nsec).unwrap_or(0));
    let age = clock.checked_sub(stamp).filter(|age| *age < BELIEVED).unwrap_or_default();
    Moment::from_micros(now.as_micros().saturating_sub(age.as_micros() as u64))
}

#[cfg(target_os = "linux")]
fn address(storage: &nix::sys::socket::SockaddrStorage) -> Option<SocketAddr> {
    let four = storage.as_sockaddr_in().map(|four| SocketAddr::new(four.ip().into(), four.port()));
    four.or_else(|| storage.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::clock::Clock;

    #[test]
    fn what_waited_has_the_moment_it_came() {
        let clock = Clock::start();
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        stamp(&socket);
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"a", socket.local_addr().unwrap()).unwrap();
        let after = clock.now();
        while clock.now().since(after) < std::time::Duration::from_millis(50) {}
        let (mut stamps, mut datagram) = (Stamps::new(), [0; 8]);
        let (length, from, came) = stamps.receive(clock.now(), &socket, &mut datagram).unwrap();
        assert_eq!((length, from), (1, sender.local_addr().unwrap()));
        // The two clocks are not read at once.
        assert!(came <= after + std::time::Duration::from_millis(20), "{came:?} {after:?}");
        let nothing = stamps.receive(clock.now(), &socket, &mut datagram).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    }
}
