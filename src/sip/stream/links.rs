//! The table of connections: which there are, how many from where, and opening one to a peer.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rsipstack::sip::Host;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::SipConnection;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use super::super::desk::Desk;
use super::super::door::sources::neighbourhood;
use super::super::listen::Transport;
use super::super::tls::{self, Trust};
use super::StreamLimits;
use super::link::{Link, Side};

/// How long a connection to a peer may take, handshake included.
const CONNECT_WITHIN: Duration = Duration::from_secs(8);

/// Every connection of an agent.
pub(in super::super) struct Links {
    table: Mutex<Table>,
    next: AtomicU64,
    refused: AtomicU64,
    pub(super) limits: StreamLimits,
    pub(super) desk: Arc<Desk>,
    stack: OnceLock<EndpointInnerRef>,
    trust: Trust,
    /// Ends every connection.
    pub(super) token: CancellationToken,
}

#[derive(Default)]
struct Table {
    open: usize,
    /// Of these, from sources that are no trunk's.
    strange: usize,
    sources: HashMap<IpAddr, usize>,
    links: HashMap<u64, Arc<Link>>,
}

/// A connection's place; given up when it is dropped.
pub(super) struct Place {
    links: Arc<Links>,
    source: Option<IpAddr>,
    strange: bool,
}

impl Links {
    pub(in super::super) fn new(limits: StreamLimits, trust: Trust, desk: Arc<Desk>, token: CancellationToken) -> Self {
        Self {
            table: Mutex::default(),
            next: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            limits,
            desk,
            stack: OnceLock::new(),
            trust,
            token,
        }
    }

    /// Where messages go. Connections wait for it.
    pub(in super::super) fn serve(&self, stack: EndpointInnerRef) {
        let _ = self.stack.set(stack);
    }

    pub(super) fn stack(&self) -> Option<&EndpointInnerRef> {
        self.stack.get()
    }

    /// Connections open, and those refused since the start because there were too many.
    pub(in super::super) fn counts(&self) -> (usize, u64) {
        (self.table().open, self.refused.load(Ordering::Relaxed))
    }

    /// The connection behind one of the stack's.
    pub(in super::super) fn find(&self, connection: &SipConnection) -> Option<Arc<Link>> {
        let SipConnection::Channel(channel) = connection else { return None };
        let Host::Domain(domain) = &channel.get_addr().addr.host else { return None };
        self.table().links.get(&domain.0.parse().ok()?).cloned()
    }

    /// A connection of this side's to a peer that is open already, the peer's certificate checked for the same name.
    fn to(&self, transport: Transport, peer: SocketAddr, name: Option<&ServerName<'_>>) -> Option<Arc<Link>> {
        let table = self.table();
        let same = |link: &&Arc<Link>| (link.transport, link.peer, link.name.as_ref()) == (transport, peer, name);
        table.links.values().filter(|link| link.opened_here).find(same).cloned()
    }

    /// Opens a connection, from one of this machine's addresses if one is named: with TLS, where the peer has a name that
    /// its certificate must have.
    ///
    /// # Errors
    /// There is no place for one more; the peer refuses, does not answer, or is not who it should be.
    pub(in super::super) async fn connect(
        self: &Arc<Self>,
        peer: SocketAddr,
        name: Option<ServerName<'static>>,
        from: Option<IpAddr>,
    ) -> io::Result<Arc<Link>> {
        // Nothing could make a connection in clear pass for an encrypted one.
        let transport = if name.is_some() { Transport::Tls } else { Transport::Tcp };
        if let Some(link) = self.to(transport, peer, name.as_ref()) {
            return Ok(link);
        }
        let place = self.place(None).ok_or_else(full)?;
        let stream = async {
            let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if let Some(from) = from {
                socket.bind(SocketAddr::new(from, 0))?;
            }
            let stream = socket.connect(peer).await?;
            attend(&stream)?;
            let local = stream.local_addr()?;
            let Some(name) = name.clone() else { return Ok((Either::Left(stream), local)) };
            let tls = self.trust.connector().await?.connect(name, stream).await.map_err(tls::told)?;
            Ok((Either::Right(tls), local))
        };
        let timed_out = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = tokio::time::timeout(CONNECT_WITHIN, stream).await.map_err(timed_out).and_then(|stream| stream);
        let (stream, local) = stream?;
        let side = Side { transport, local, peer, opened_here: true, name };
        Link::open(self, place, side, stream).await.ok_or_else(full)
    }

    /// A place for a connection, if there is one: accepted from `source`, or opened here.
    pub(super) fn place(self: &Arc<Self>, source: Option<IpAddr>) -> Option<Place> {
        let strange = source.is_some_and(|source| self.desk.door().is_strange(source));
        let source = source.map(neighbourhood);
        let mut table = self.table();
        let from_there = source.and_then(|source| table.sources.get(&source)).copied().unwrap_or_default();
        // Half of the places are kept for trunks.
        let crowded = strange && table.strange >= self.limits.connections / 2;
        if crowded || table.open >= self.limits.connections || from_there >= self.limits.per_source {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        table.open += 1;
        table.strange += usize::from(strange);
        if let Some(source) = source {
            *table.sources.entry(source).or_default() += 1;
        }
        Some(Place { links: Arc::clone(self), source, strange })
    }

    /// A number for a connection that no other has had.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn add(&self, link: &Arc<Link>) {
        self.table().links.insert(link.id, Arc::clone(link));
    }

    pub(super) fn remove(&self, link: &Link) {
        self.table().links.remove(&link.id);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.links.table();
        table.open = table.open.saturating_sub(1);
        table.strange = table.strange.saturating_sub(usize::from(self.strange));
        let Some(source) = self.source else { return };
        if let Some(count) = table.sources.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                table.sources.remove(&source);
            }
        }
    }
}

fn full() -> io::Error {
    io::Error::other("as many SIP connections as there may be are open")
}

/// Binds a socket to accept connections on. An IPv6 one is IPv6 alone.
pub(super) fn bind(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A hotline that starts again takes its port while connections of its last life still fade away.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    tokio::net::TcpListener::from_std(socket.into())
}

/// Sends what is written at once, and lets the kernel find out within some two minutes that a peer is gone.
pub(super) fn attend(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive.with_retries(4))
}

#[cfg(test)]
mod tests {
    use super::super::super::desk::Limits;
    use super::super::super::door::admission::Allowance;
    use super::super::super::door::{Door, DoorRules, TrunkRule};
    use super::*;

    fn links(connections: usize, per_source: usize) -> Arc<Links> {
        links_behind(DoorRules::default(), connections, per_source)
    }

    fn links_behind(rules: DoorRules, connections: usize, per_source: usize) -> Arc<Links> {
        let linger = Duration::from_secs(32);
        let door = Door::new(rules, 1, linger);
        let desk = Desk::new(Limits { calls: 1, transactions: 1, retry_after: 1, linger }, None, door);
        let limits = StreamLimits { connections, per_source, ..StreamLimits::default() };
        Arc::new(Links::new(limits, Trust::new(None).unwrap(), Arc::new(desk), CancellationToken::new()))
    }

    #[test]
    fn places_are_bounded_in_all_and_by_source_and_given_again() {
        let links = links(3, 2);
        let source = |text: &str| Some(text.parse().unwrap());
        let one = links.place(source("192.0.2.1")).unwrap();
        let _two = links.place(source("192.0.2.1")).unwrap();
        assert!(links.place(source("192.0.2.1")).is_none(), "a third of one address");
        let three = links.place(source("192.0.2.2")).unwrap();
        assert!(links.place(source("192.0.2.3")).is_none() && links.place(None).is_none(), "a fourth in all");
        drop((one, three));
        assert!(links.place(source("192.0.2.1")).is_some());
        assert_eq!(links.counts(), (1, 3));
    }

    #[test]
    fn half_of_the_places_are_kept_for_trunks() {
        let from = vec!["192.0.2.0/24".parse().unwrap()];
        let trunk = TrunkRule { name: "carrier".into(), from, login: None, allowance: Allowance::default() };
        let links = links_behind(DoorRules { trunks: vec![trunk], ..DoorRules::default() }, 4, 9);
        let place = |text: &str| links.place(Some(text.parse().unwrap()));
        let (one, _two) = (place("198.51.100.1").unwrap(), place("198.51.100.2").unwrap());
        assert!(place("198.51.100.3").is_none());
        let _trunks = (place("192.0.2.1").unwrap(), place("192.0.2.2").unwrap());
        drop(one);
        assert!(place("198.51.100.3").is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let links = links(9, 1);
        let _one = links.place(Some("2001:db8:1:2::1".parse().unwrap())).unwrap();
        assert!(links.place(Some("2001:db8:1:2:3::9".parse().unwrap())).is_none());
        assert!(links.place(Some("2001:db8:1:3::1".parse().unwrap())).is_some());
    }
}
