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

#[cfg(target_os = "linux")]
pub(crate) use system::socket_address;
pub(super) use system::stamp;

/// Where stamps are put while a datagram is read.
pub(super) struct Stamps {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "this system gives no stamps"))]
    room: Vec<u8>,
}

impl Stamps {
    pub(super) fn new() -> Stamps {
        Stamps { room: system::room() }
    }

    /// Reads a datagram: its length, its sender, and when it came.
    pub(super) fn receive(
        &mut self,
        now: Moment,
        socket: &UdpSocket,
        datagram: &mut [u8],
    ) -> Result<(usize, SocketAddr, Moment)> {
        system::receive(self, now, socket, datagram)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use nix::sys::socket::sockopt::ReceiveTimestampns;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
    use nix::sys::time::TimeSpec;

    use super::super::clock::Clock;
    use super::{Moment, Result, SocketAddr, Stamps, UdpSocket};

    /// A stamp that is older is of a clock that was set meanwhile, and is not believed.
    const BELIEVED: Duration = Duration::from_secs(1);

    /// Asks the kernel to stamp what comes to a socket.
    pub(in super::super) fn stamp(socket: &UdpSocket) {
        if let Err(error) = setsockopt(socket, ReceiveTimestampns, &true) {
            tracing::debug!(%error, "the kernel does not say when packets come");
        }
    }

    pub(super) fn room() -> Vec<u8> {
        nix::cmsg_space!(TimeSpec)
    }

    pub(super) fn receive(
        stamps: &mut Stamps,
        now: Moment,
        socket: &UdpSocket,
        datagram: &mut [u8],
    ) -> Result<(usize, SocketAddr, Moment)> {
        let (mut parts, flags) = ([IoSliceMut::new(datagram)], MsgFlags::MSG_DONTWAIT);
        let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut stamps.room), flags)?;
        let stamp = message.cmsgs()?.find_map(|part| match part {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        });
        let from = message.address.as_ref().and_then(socket_address).ok_or(std::io::ErrorKind::InvalidData)?;
        Ok((message.bytes, from, stamp.map_or(now, |stamp| came(now, stamp))))
    }

    fn came(now: Moment, stamp: Duration) -> Moment {
        let age = Clock::unix().checked_sub(stamp).filter(|age| *age < BELIEVED).unwrap_or_default();
        Moment::from_micros(now.as_micros().saturating_sub(age.as_micros() as u64))
    }

    /// The address and port of one that the kernel gave, if it is one of IP.
    pub(crate) fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
        let four = storage.as_sockaddr_in().map(|four| SocketAddr::V4((*four).into()));
        four.or_else(|| storage.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into())))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Moment, Result, SocketAddr, Stamps, UdpSocket};

    pub(in super::super) fn stamp(_: &UdpSocket) {}

    pub(super) fn room() -> Vec<u8> {
        Vec::new()
    }

    pub(super) fn receive(
        _: &mut Stamps,
        now: Moment,
        socket: &UdpSocket,
        datagram: &mut [u8],
    ) -> Result<(usize, SocketAddr, Moment)> {
        socket.recv_from(datagram).map(|(length, from)| (length, from, now))
    }
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
        let (mut stamps, mut datagram) = (Stamps::new(), [0; 8]);
        // Stamps begin a while after the first socket asks for them: what comes before has the moment it is read at.
        let stamped = (0..100).any(|_| {
            sender.send_to(b"a", socket.local_addr().unwrap()).unwrap();
            let after = clock.now();
            while clock.now().since(after) < std::time::Duration::from_millis(50) {}
            let (length, from, came) = stamps.receive(clock.now(), &socket, &mut datagram).unwrap();
            assert_eq!((length, from), (1, sender.local_addr().unwrap()));
            // The two clocks are not read at once.
            came <= after + std::time::Duration::from_millis(20)
        });
        assert!(stamped, "nothing had the moment it came");
        let nothing = stamps.receive(clock.now(), &socket, &mut datagram).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    }
}
