//! A call's RTP port: what comes is read from one socket, what is sent leaves by another.
//!
//! ```text
//!   far end ───▶ port ───▶ inward     watched by the poll
//!           ◀─── port ◀─── outward    watched by nobody
//! ```
//!
//! A socket that a poll watches makes each packet sent by it dearer by a twelfth: the kernel tells the poll when it has left. Of
//! two sockets of one port, Linux gives what comes to the one that was bound last, and once both have a far end to the one that got
//! it last. Whether this machine does is tried at the start ([`Line::can_part`]); where it does not, one socket does both.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use rustix::net::SendFlags;
use socket2::{Domain, SockRef, Socket, Type};

/// Ports that are tried, to try a line with.
const TRIES: usize = 8;
/// What is sent to try it with.
const TRIAL: &[u8] = b"?";

/// One call's RTP port.
pub(super) struct Line {
    inward: UdpSocket,
    outward: Option<UdpSocket>,
    /// Something may have come to `outward`: it had a far end before `inward` had.
    may_have_strayed: bool,
}

impl Line {
    /// Binds a port, which is not 0: a socket that got its port from the kernel loses it when it is let go of its far end. Two
    /// sockets of it, if they are to be parted.
    pub(super) fn bind(address: IpAddr, port: u16, parted: bool) -> Result<Line> {
        let first = UdpSocket::bind(SocketAddr::new(address, port))?;
        if !parted {
            return Ok(Line { inward: first, outward: None, may_have_strayed: false });
        }
        // The second may share the port with the first, and nobody else with them.
        let at = SocketAddr::new(address, port);
        SockRef::from(&first).set_reuse_address(true)?;
        let second = Socket::new(Domain::for_address(at), Type::DGRAM, None)?;
        second.set_nonblocking(true)?;
        second.set_reuse_address(true)?;
        second.bind(&at.into())?;
        second.set_reuse_address(false)?;
        SockRef::from(&first).set_reuse_address(false)?;
        let inward = UdpSocket::from_std(second.into());
        Ok(Line { inward, outward: Some(first), may_have_strayed: false })
    }

    /// Whether what comes to a line of two sockets is read from the right one on this machine.
    pub(super) fn can_part(address: IpAddr) -> bool {
        let tried = || {
            let (far, other) = (UdpSocket::bind((address, 0).into())?, UdpSocket::bind((address, 0).into())?);
            let mut line = Line::bind_any(address, true)?;
            let at = line.local_address()?;
            for far in [&far, &other, &far] {
                far.send_to(TRIAL, at)?;
                line.comes_inward()?;
                line.connect(far.local_addr()?)?;
                far.send_to(TRIAL, at)?;
                line.comes_inward()?;
                line.disconnect()?;
            }
            Ok::<_, Error>(())
        };
        let parted = cfg!(target_os = "linux").then(tried);
        if let Some(Err(error)) = &parted {
            tracing::warn!(%error, "two sockets of a port do not part what comes from what is sent: sending is dearer");
        }
        matches!(parted, Some(Ok(())))
    }

    pub(super) fn bind_any(address: IpAddr, parted: bool) -> Result<Line> {
        let bind = || {
            let at = UdpSocket::bind((address, 0).into())?.local_addr()?;
            Line::bind(address, at.port(), parted)
        };
        // Another program may have taken the port meanwhile.
        (1..TRIES).find_map(|_| bind().ok()).map_or_else(bind, Ok)
    }

    fn comes_inward(&self) -> Result<()> {
        self.inward.recv_from(&mut [0; TRIAL.len()]).map(drop)
    }

    /// The socket to be watched for what comes.
    pub(super) fn inward(&mut self) -> &mut UdpSocket {
        &mut self.inward
    }

    /// The same, to have the kernel drop some of it.
    pub(super) fn ear(&self) -> &UdpSocket {
        &self.inward
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr> {
        self.inward.local_addr()
    }

    /// From here on the kernel drops what comes from elsewhere, and sending is cheaper.
    pub(super) fn connect(&mut self, far_end: SocketAddr) -> Result<()> {
        if let Some(outward) = &self.outward {
            outward.connect(far_end)?;
            self.may_have_strayed = true;
        }
        self.inward.connect(far_end).inspect_err(|_| drop(self.disconnect()))
    }

    /// What comes from anywhere comes again.
    pub(super) fn disconnect(&mut self) -> Result<()> {
        let outward = self.outward.as_ref().map(rustix::net::connect_unspec).transpose();
        rustix::net::connect_unspec(&self.inward)?;
        outward?;
        Ok(())
    }

    /// Sends to the far end that it is connected to.
    pub(super) fn send(&self, datagram: &[u8]) -> Result<usize> {
        // The C library's own `send` is a point at which a thread can be cancelled, and costs what that takes.
        Ok(rustix::net::send(self.outward.as_ref().unwrap_or(&self.inward), datagram, SendFlags::empty())?)
    }

    /// Sends to somebody, not being connected.
    pub(super) fn send_to(&self, datagram: &[u8], to: SocketAddr) -> Result<usize> {
        self.outward.as_ref().unwrap_or(&self.inward).send_to(datagram, to)
    }

    /// What has come next.
    pub(super) fn receive(&mut self, datagram: &mut [u8]) -> Result<(usize, SocketAddr)> {
        let nothing = match self.inward.recv_from(datagram) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => error,
            received => return received,
        };
        let Some(outward) = self.outward.as_ref().filter(|_| self.may_have_strayed) else { return Err(nothing) };
        let strayed = outward.recv_from(datagram);
        self.may_have_strayed = strayed.is_ok();
        strayed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn heard(line: &mut Line) -> Option<Vec<u8>> {
        let mut datagram = [0; 16];
        let (length, _) = line.receive(&mut datagram).ok()?;
        Some(datagram[..length].to_vec())
    }

    #[test]
    fn what_comes_and_what_is_sent_take_two_sockets_of_one_port() {
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            assert_eq!(Line::can_part(address), cfg!(target_os = "linux"));
            let parted = Line::can_part(address);
            let far = UdpSocket::bind((address, 0).into()).unwrap();
            let mut line = Line::bind_any(address, parted).unwrap();
            let at = line.local_address().unwrap();
            far.send_to(b"before", at).unwrap();
            assert_eq!(heard(&mut line).as_deref(), Some(&b"before"[..]));
            line.connect(far.local_addr().unwrap()).unwrap();
            far.send_to(b"after", at).unwrap();
            assert_eq!(heard(&mut line).as_deref(), Some(&b"after"[..]));
            assert_eq!(heard(&mut line), None);
            line.send(b"back").unwrap();
            let mut datagram = [0; 16];
            assert_eq!(far.recv_from(&mut datagram).unwrap(), (4, at));
            let stranger = UdpSocket::bind((address, 0).into()).unwrap();
            stranger.send_to(b"strange", at).unwrap();
            assert_eq!(heard(&mut line), None);
            line.disconnect().unwrap();
            stranger.send_to(b"no more", at).unwrap();
            assert_eq!(heard(&mut line).as_deref(), Some(&b"no more"[..]));
            line.send_to(b"to", far.local_addr().unwrap()).unwrap();
            assert_eq!(far.recv_from(&mut datagram).unwrap(), (2, at));
        }
    }

    #[test]
    fn what_came_while_the_far_end_was_being_set_is_heard() {
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let mut line = Line::bind_any(Ipv4Addr::LOCALHOST.into(), cfg!(target_os = "linux")).unwrap();
        let at = line.local_address().unwrap();
        let outward = line.outward.as_ref().unwrap_or(&line.inward);
        outward.connect(far.local_addr().unwrap()).unwrap();
        far.send_to(b"between", at).unwrap();
        line.connect(far.local_addr().unwrap()).unwrap();
        assert_eq!(heard(&mut line).as_deref(), Some(&b"between"[..]));
        assert_eq!(heard(&mut line), None);
    }

    #[test]
    fn nobody_else_shares_the_port() {
        let line = Line::bind_any(Ipv4Addr::LOCALHOST.into(), cfg!(target_os = "linux")).unwrap();
        let other = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        other.set_reuse_address(true).unwrap();
        let taken = other.bind(&line.local_address().unwrap().into()).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    }
}
