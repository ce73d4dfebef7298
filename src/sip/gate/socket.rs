//! The gate as the stack's socket: what the stack reads has passed, what is answered never reaches it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rsipstack::platform::net::UdpSocket;
use tokio::sync::{Mutex, Notify};

use super::{FrontDesk, Gate, pass};

/// Octets asked of the kernel for a socket's receive buffer: some four thousand messages of a burst.
pub const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// The longest datagram there is.
const DATAGRAM: usize = 65_536;

/// Messages given to the stack that it has not looked at yet. Its queue has no bound of its own: when this many are
/// waiting, nothing more is read, and what comes waits, or is lost, in the kernel's buffer.
pub(in super::super) struct Backlog {
    passed: AtomicU64,
    seen: AtomicU64,
    progress: Notify,
}

impl Backlog {
    /// The most messages waiting in the stack.
    const MOST: u64 = 1024;

    pub(in super::super) fn new() -> Self {
        Self { passed: AtomicU64::new(0), seen: AtomicU64::new(0), progress: Notify::new() }
    }

    /// The stack has looked at one more.
    pub(in super::super) fn advance(&self) {
        self.seen.fetch_add(1, Ordering::Relaxed);
        self.progress.notify_one();
    }

    async fn room(&self) {
        let waiting = || self.passed.load(Ordering::Relaxed).saturating_sub(self.seen.load(Ordering::Relaxed));
        while waiting() >= Self::MOST {
            let seen = self.seen.load(Ordering::Relaxed);
            let stuck = tokio::time::timeout(Duration::from_secs(1), self.progress.notified()).await.is_err();
            if stuck && seen == self.seen.load(Ordering::Relaxed) {
                // Nothing has moved for a second: what is missing was thrown away by the stack's parser.
                self.passed.store(seen, Ordering::Relaxed);
            }
        }
    }
}

/// A UDP socket whose datagrams have passed the gate.
pub(in super::super) struct GatedSocket<D> {
    socket: tokio::net::UdpSocket,
    desk: Arc<D>,
    backlog: Arc<Backlog>,
    datagram: Mutex<Vec<u8>>,
}

impl<D: FrontDesk + Send + Sync + 'static> GatedSocket<D> {
    /// Binds; port 0 takes a free one. An IPv6 socket is IPv6 alone.
    ///
    /// # Errors
    /// The operating system's: address in use, not of this machine, no right to the port.
    pub(in super::super) fn bind(address: SocketAddr, desk: Arc<D>, backlog: Arc<Backlog>) -> std::io::Result<Self> {
        use socket2::{Domain, Protocol, Socket, Type};
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // The kernel gives what it may; a smaller buffer still works.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = tokio::net::UdpSocket::from_std(socket.into())?;
        Ok(Self { socket, desk, backlog, datagram: Mutex::new(vec![0; DATAGRAM]) })
    }
}

#[async_trait::async_trait]
impl<D: FrontDesk + Send + Sync + 'static> UdpSocket for GatedSocket<D> {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        let mut datagram = self.datagram.lock().await;
        loop {
            self.backlog.room().await;
            let (length, source) = match self.socket.recv_from(&mut datagram).await {
                Ok(received) => received,
                Err(fault) => {
                    // An error that stays must not become a loop.
                    tracing::warn!(kind = ?fault.kind(), "cannot read from the SIP socket");
                    #[allow(clippy::disallowed_methods, reason = "the pause of a shell after a fault of its socket")]
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            match pass(datagram.get(..length).unwrap_or_default(), source, &*self.desk) {
                Gate::Pass(message) => {
                    if let Some(room) = buffer.get_mut(..message.len()) {
                        room.copy_from_slice(&message);
                        self.backlog.passed.fetch_add(1, Ordering::Relaxed);
                        return Ok((message.len(), source));
                    }
                }
                Gate::Answer(answer) => {
                    // Like any datagram it may be lost; the request comes again.
                    let _ = self.socket.send_to(&answer, source).await;
                }
                Gate::Drop(_) => {}
            }
        }
    }

    async fn send_to(&self, message: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(message, to).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}
