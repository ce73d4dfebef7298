//! The way between this side and a peer: what carries the messages, and the address each end is known by.
//!
//! ```text
//!             UDP                           TCP, TLS
//!   answers   from the socket it came to    on the connection it came by (RFC 3261, section 18.2.2)
//!   requests  to the next hop               on the call's connection while it lives; then a new one to the next hop
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rsipstack::sip::{Header, Request};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::SipConnection;
use tokio_rustls::rustls::pki_types::ServerName;

use super::super::dialog::Dialog;
use super::super::field;
use super::super::listen::{Transport, is_secure};
use super::super::names::source_towards;
use super::super::stream::{Held, Link};
use super::super::tls;
use super::{Core, drive, is_inside};

/// How messages go between two ends. One that is held keeps its connection open.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) connection: SipConnection,
    pub(super) transport: Transport,
    /// The address by which the peer reaches this side.
    pub(super) here: SocketAddr,
    /// The address of the socket on this side.
    pub(super) socket: IpAddr,
    pub(super) peer: SocketAddr,
    /// Whether every hop of the call must be TLS: a sips call.
    secure: bool,
    link: Option<Held>,
}

impl Way {
    /// A Via of a request of ours, with a new branch.
    pub(super) fn via(&self) -> String {
        let branch = rsipstack::transaction::make_via_branch();
        format!("SIP/2.0/{} {};rport{branch}", self.transport.via(), self.here)
    }

    /// Where this side is reached.
    pub(super) fn contact(&self) -> Header {
        Header::Contact(format!("<{}>", self.uri("hotline")).into())
    }

    /// The URI of a user of this side.
    pub(super) fn uri(&self, user: &str) -> String {
        let here = self.here;
        match self.transport {
            _ if self.secure => format!("sips:{user}@{here}"),
            Transport::Udp => format!("sip:{user}@{here}"),
            other => format!("sip:{user}@{here};transport={other}"),
        }
    }

    /// Whether it can carry nothing any more.
    pub(super) fn is_gone(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_gone())
    }

    /// Waits until it can carry nothing any more: never, for datagrams.
    pub(super) async fn gone(&self) {
        match &self.link {
            Some(link) => link.gone().await,
            None => std::future::pending().await,
        }
    }

    /// Whether another way, by which the far side has come since, is the better one: it is another connection, and never a
    /// less secure one.
    pub(super) fn gives_way_to(&self, other: &Self) -> bool {
        let safe = other.transport == self.transport || self.transport != Transport::Tls;
        self.link.is_some() && safe && (other.link.is_some() || self.is_gone())
    }

    /// Whether the call must be secure on every hop.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// The same way for a call that must be secure on every hop.
    pub(super) fn secured(self, secure: bool) -> Self {
        Self { secure, ..self }
    }
}

/// Whether the far side asks for a sips Contact (RFC 3261, section 12.1.1).
pub(super) fn wants_secure(invite: &Request) -> bool {
    let first = |wanted: fn(&Header) -> Option<&str>| {
        let value = invite.headers.iter().find_map(wanted)?;
        field::Address::parse(field::entries(value).next()?).map(|address| is_secure(address.uri))
    };
    let route = first(|header| match header {
        Header::RecordRoute(route) => Some(route.value()),
        _ => None,
    });
    let contact = || {
        first(|header| match header {
            Header::Contact(contact) => Some(contact.value()),
            _ => None,
        })
    };
    is_secure(&invite.uri.to_string()) || route.or_else(contact).unwrap_or_default()
}

impl Core {
    /// The way a request has come.
    pub(super) fn way_of(&self, transaction: &Transaction) -> Option<Way> {
        let connection = transaction.connection.clone()?;
        match self.links.find(&connection) {
            Some(link) => self.along(&link),
            None => self.datagrams(Some(&connection), drive::source(&transaction.original)?),
        }
    }

    /// The way over a connection.
    fn along(&self, link: &Arc<Link>) -> Option<Way> {
        let (transport, local, peer) = (link.transport, link.local, link.peer);
        let port = match link.opened_here {
            // Its own port is a chance one, at which nothing is listened for.
            true => self.listener(transport, local).map_or(local.port(), |bound| bound.port()),
            false => local.port(),
        };
        let here = SocketAddr::new(self.advertised(local.ip()), port);
        let (connection, link) = (link.connection.clone(), Some(link.hold()));
        Some(Way { connection, transport, here, socket: local.ip(), peer, secure: false, link })
    }

    /// The way by datagrams, from the socket of this connection or else one that reaches `peer`.
    fn datagrams(&self, connection: Option<&SipConnection>, peer: SocketAddr) -> Option<Way> {
        let same = |of: &SipConnection| connection.is_some_and(|c| c.get_addr() == of.get_addr());
        // The stack knows 0.0.0.0:5060 and [::]:5060 by one address, this machine's first.
        let sockets = || self.datagram_sockets.iter().filter(|(_, bound)| bound.is_ipv4() == peer.is_ipv4());
        let (of, bound) = sockets().find(|(of, _)| same(of)).or_else(|| sockets().next())?;
        let socket = if bound.ip().is_unspecified() { source_towards(peer)? } else { bound.ip() };
        let here = SocketAddr::new(self.advertised(socket), bound.port());
        let (connection, transport) = (of.clone(), Transport::Udp);
        Some(Way { connection, transport, here, socket, peer, secure: false, link: None })
    }

    /// The address that others know one of this machine's by.
    fn advertised(&self, socket: IpAddr) -> IpAddr {
        self.config.advertised.filter(|advertised| advertised.is_ipv4() == socket.is_ipv4()).unwrap_or(socket)
    }

    /// Where this transport is listened for in the family of an address.
    fn listener(&self, transport: Transport, family: SocketAddr) -> Option<SocketAddr> {
        let mut listeners = self.bound.iter();
        let found = listeners.find(|bound| bound.transport == transport && bound.address.is_ipv4() == family.is_ipv4());
        found.map(|bound| bound.address)
    }

    /// The way to a peer; a connection is opened where there must be one. Of a TLS one the certificate must have the name of
    /// the host of `uri`.
    ///
    /// # Errors
    /// No socket here reaches it; it refuses the connection, does not answer, or is not who it should be.
    pub(super) async fn way_to(&self, transport: Transport, peer: SocketAddr, uri: &str) -> io::Result<Way> {
        match transport {
            Transport::Udp => self.datagrams(None, peer).ok_or_else(unheard),
            Transport::Tcp => self.connected(peer, None).await,
            Transport::Tls => self.connected(peer, Some(tls::name_of(uri)?)).await,
        }
    }

    /// The way over a connection that is opened, or is open already: TLS with one who has this name, or TCP.
    async fn connected(&self, peer: SocketAddr, name: Option<ServerName<'static>>) -> io::Result<Way> {
        let transport = if name.is_some() { Transport::Tls } else { Transport::Tcp };
        let from = self.listener(transport, peer).map(|bound| bound.ip()).filter(|ip| !ip.is_unspecified());
        let link = self.links.connect(peer, name, from).await?;
        self.along(&link).ok_or_else(unheard)
    }

    /// The way for the next request inside a dialog.
    pub(super) async fn onward(&self, way: &Way, dialog: &Dialog) -> Way {
        if way.transport != Transport::Udp && !way.is_gone() {
            return way.clone();
        }
        let hop = dialog.next_hop();
        // A sips call is never continued in clear, whatever the far side's URI says.
        let named = if way.secure { Some(Transport::Tls) } else { Transport::of(hop) };
        let transport = named.unwrap_or(way.transport);
        let peer = (!dialog.is_routed()).then_some(way.peer);
        let to = self.resolve(hop, transport, peer).await.unwrap_or(way.peer);
        if transport == Transport::Udp && way.transport == Transport::Udp {
            return Way { peer: to, ..way.clone() };
        }
        // Whoever was dialled by a name has shown it, and shows it again, though its Contact holds an address.
        let shown = way.link.as_ref().and_then(|link| link.name.clone()).filter(|_| to == way.peer);
        let found = match shown {
            Some(name) if transport == Transport::Tls => self.connected(to, Some(name)).await,
            _ => self.way_to(transport, to, hop).await,
        };
        let found = match found {
            // The far side's URI names no transport: it may have meant datagrams.
            Err(_) if named.is_none() && transport == Transport::Tcp => self.way_to(Transport::Udp, to, hop).await,
            found => found,
        };
        found.map_or_else(|_| way.clone(), |found| found.secured(way.secure))
    }

    /// Where a URI is, in a family that is listened for if there is such an address. A private address behind a public `peer` cannot be reached and is taken to be the peer itself.
    pub(super) async fn resolve(
        &self,
        uri: &str,
        transport: Transport,
        peer: Option<SocketAddr>,
    ) -> Option<SocketAddr> {
        let all = self.names.locate(uri, transport).await;
        let heard = |one: &&SocketAddr| self.bound.iter().any(|bound| bound.address.is_ipv4() == one.is_ipv4());
        let found = all.iter().find(heard).or(all.first()).copied();
        match (found, peer) {
            (Some(found), Some(peer)) if is_inside(found.ip()) && !is_inside(peer.ip()) => Some(peer),
            (found, peer) => found.or(peer),
        }
    }
}

fn unheard() -> io::Error {
    io::Error::other("no address of its family is listened on here")
}
