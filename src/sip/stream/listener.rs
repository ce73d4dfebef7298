//! Accepts connections: each gets a place, or is closed at once. A TLS handshake is a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::super::listen::{Listen, Transport};
use super::link::{Link, Side};
use super::links::{self, Links, Place};

/// A socket that connections come to.
pub(in super::super) struct Listener {
    socket: TcpListener,
    transport: Transport,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds; port 0 takes a free one. What comes is TLS where there is an acceptor.
    ///
    /// # Errors
    /// The operating system's: address in use, not of this machine, no right to the port.
    pub(in super::super) fn bind(listen: Listen, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        Ok(Self { socket: links::bind(listen.address)?, transport: listen.transport, tls })
    }

    /// Where it really listens.
    ///
    /// # Errors
    /// The operating system's.
    pub(in super::super) fn bound(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until the agent stops.
    pub(in super::super) async fn serve(self, links: Arc<Links>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = links.token.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some(place) = links.place(Some(peer.ip())) else {
                        tracing::debug!(transport = self.transport.name(), "too many SIP connections: one is refused");
                        links.desk.door().crowded(peer, self.transport);
                        continue;
                    };
                    let Ok(local) = stream.local_addr().and_then(|local| links::attend(&stream).map(|()| local)) else {
                        continue;
                    };
                    let side = Side { transport: self.transport, local, peer, opened_here: false, name: None };
                    match self.tls.clone() {
                        Some(tls) => drop(tokio::spawn(secure(tls, Arc::clone(&links), place, side, stream))),
                        None => drop(Link::open(&links, place, side, stream).await),
                    }
                }
                Err(fault) => {
                    // Too many open files, mostly: an error that stays must not become a loop.
                    tracing::warn!(kind = ?fault.kind(), "cannot accept a SIP connection");
                    #[allow(clippy::disallowed_methods, reason = "the pause of a shell after a fault of its socket")]
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

/// A TLS handshake, within its time. Its place is given up where it fails.
async fn secure(tls: TlsAcceptor, links: Arc<Links>, place: Place, side: Side, stream: TcpStream) {
    let handshake = tokio::time::timeout(links.limits.handshake, tls.accept(stream));
    let accepted = tokio::select! {
        accepted = handshake => accepted,
        () = links.token.cancelled() => return,
    };
    match accepted {
        Ok(Ok(stream)) => drop(Link::open(&links, place, side, stream).await),
        Ok(Err(fault)) => tracing::debug!(%fault, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}
