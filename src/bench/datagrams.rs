//! Datagrams in bulk, each with the moment the kernel had it.

use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt};
use nix::sys::time::TimeSpec;

/// Datagrams a call of the kernel.
const BATCH: usize = 64;
/// What a socket holds until it is read; less where this process may not have so much.
const WAITING: usize = 16 << 20;

/// A socket that is read in bulk.
pub(super) struct Inlet {
    pub(super) socket: UdpSocket,
    pub(super) address: SocketAddr,
    buffers: Vec<u8>,
    width: usize,
}

impl Inlet {
    /// On a free port. Datagrams are cut after `width` bytes.
    pub(super) fn open(address: IpAddr, width: usize) -> std::io::Result<Inlet> {
        let socket = UdpSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        if setsockopt(&socket, RcvBufForce, &WAITING).is_err() {
            socket2::SockRef::from(&socket).set_recv_buffer_size(WAITING)?;
        }
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        Ok(Inlet { address: socket.local_addr()?, socket, buffers: vec![0; BATCH * width], width })
    }

    /// Reads until nothing waits, a batch at a time. `take` is given the time since 1970 at which each came.
    pub(super) fn drain(&mut self, mut take: impl FnMut(Duration, SocketAddr, &[u8])) -> std::io::Result<()> {
        while self.read(&mut take)? == BATCH {}
        Ok(())
    }

    fn read(&mut self, take: &mut impl FnMut(Duration, SocketAddr, &[u8])) -> std::io::Result<usize> {
        let mut slices: Vec<_> = self.buffers.chunks_exact_mut(self.width).map(|one| [IoSliceMut::new(one)]).collect();
        // Made anew each time: a receive leaves the lengths of what came in it, and the next would have no room.
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(cmsg_space!(TimeSpec)));
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = match recvmmsg(self.socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for message in received {
            count += 1;
            let stamp = message.cmsgs().ok().and_then(|mut all| {
                all.find_map(|one| match one {
                    ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                    _ => None,
                })
            });
            let from = message.address.as_ref().and_then(socket_address);
            if let (Some(stamp), Some(from), Some(datagram)) = (stamp, from, message.iovs().next()) {
                take(stamp, from, datagram);
            }
        }
        Ok(count)
    }
}

/// The address and port of one that the kernel gave, if it is one of IP.
pub(super) fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let four = storage.as_sockaddr_in().map(|four| SocketAddr::V4((*four).into()));
    four.or_else(|| storage.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn every_datagram_comes_whole_with_its_sender_and_its_time() {
        let mut inlet = Inlet::open(Ipv4Addr::LOCALHOST.into(), 32).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let from = sender.local_addr().unwrap();
        for round in 0..3_u8 {
            (0..150_u8).for_each(|number| {
                sender.send_to(&[round, number, 3, 4], inlet.address).unwrap();
            });
            let mut came = Vec::new();
            inlet
                .drain(|at, sender, datagram| {
                    assert!(sender == from && at > Duration::from_secs(1_700_000_000));
                    came.push(datagram.to_vec());
                })
                .unwrap();
            let sent: Vec<_> = (0..150_u8).map(|number| vec![round, number, 3, 4]).collect();
            assert_eq!(came, sent);
        }
    }
}
