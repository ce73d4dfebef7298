//! Where a host is, by its name (RFC 3263, section 4.2).
//!
//! ```text
//!   sip:carrier.example            SRV _sip._udp.carrier.example ──> target:port, its A and AAAA
//!                                     none, or no answer in time ──> A and AAAA of carrier.example, port 5060
//!   sip:carrier.example:5070       A and AAAA alone
//! ```
//!
//! A server of names that does not answer costs its time ([`WITHIN`], twice), never more.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rsipstack::resolver::SipResolver;
use rsipstack::sip::{Domain, Host, HostWithPort};

use super::field;
use super::listen::Transport;

/// How long one question may take.
const WITHIN: Duration = Duration::from_secs(4);

/// Asks for names.
pub struct Names {
    services: SipResolver,
}

impl Default for Names {
    fn default() -> Self {
        Names { services: SipResolver::new() }
    }
}

impl Names {
    /// Where a URI is reached by this transport, the first to be tried first. Nothing where its host has no address.
    pub(super) async fn locate(&self, uri: &str, transport: Transport) -> Vec<SocketAddr> {
        let Ok(HostWithPort { host, port }) = HostWithPort::try_from(field::host_port(uri)) else { return Vec::new() };
        let port = port.map(|port| port.value());
        let name = match host {
            Host::IpAddr(address) => return vec![SocketAddr::new(address, port.unwrap_or(transport.port()))],
            Host::Domain(name) => name.to_string(),
        };
        let services = match port {
            None => self.services(&name, transport).await,
            Some(_) => Vec::new(),
        };
        match services.is_empty() {
            true => addresses(&name, port.unwrap_or(transport.port())).await,
            false => services,
        }
    }

    /// The address of this machine's that a URI is reached from; nothing where it cannot be.
    pub async fn own_address_towards(&self, uri: &str) -> Option<IpAddr> {
        let transport = Transport::of(uri).unwrap_or(Transport::Udp);
        self.locate(uri, transport).await.into_iter().find_map(source_towards)
    }

    /// Every address that requests of `host` may come from: its own, and those of its services.
    pub async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let [udp, tcp, tls] = [Transport::Udp, Transport::Tcp, Transport::Tls].map(|over| self.services(host, over));
        let (own, udp, tcp, tls) = tokio::join!(addresses(host, 0), udp, tcp, tls);
        let mut all: Vec<IpAddr> =
            [own, udp, tcp, tls].iter().flatten().map(|address| address.ip().to_canonical()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Where the SRV records of a host say that its service is, the first to be tried first; the host itself without them.
    async fn services(&self, host: &str, transport: Transport) -> Vec<SocketAddr> {
        let domain = Domain::from(host.to_owned());
        let (over, secure) = (transport.of_stack(), transport == Transport::Tls);
        let found = tokio::time::timeout(WITHIN, self.services.lookup(&domain, None, Some(over), secure)).await;
        found.ok().and_then(Result::ok).unwrap_or_default().into_iter().map(|target| target.addr).collect()
    }
}

async fn addresses(host: &str, port: u16) -> Vec<SocketAddr> {
    let found = tokio::time::timeout(WITHIN, tokio::net::lookup_host((host, port))).await;
    found.ok().and_then(Result::ok).into_iter().flatten().collect()
}

/// The address this machine sends from towards a peer: what a socket bound to all addresses cannot say.
pub(super) fn source_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    // Nothing is sent: connecting only asks for the way.
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_way_to_a_target_is_found_in_both_families() {
        let names = Names::default();
        for target in
            ["sip:12333@127.0.0.1:5060", "sip:12333@127.0.0.1;transport=tcp", "sips:127.0.0.1", "sip:a:b@127.0.0.1"]
        {
            let own = names.own_address_towards(target).await.map(|own| own.to_string());
            assert_eq!(own.as_deref(), Some("127.0.0.1"), "{target}");
        }
        if std::net::UdpSocket::bind("[::1]:0").is_ok() {
            for target in ["sip:12333@[::1]:5060", "sip:12333@[::1];transport=tcp", "sips:[::1]"] {
                let own = names.own_address_towards(target).await.map(|own| own.to_string());
                assert_eq!(own.as_deref(), Some("::1"), "{target}");
            }
        }
    }
}
