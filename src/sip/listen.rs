//! Where SIP is listened for: a transport and a socket address, as the configuration writes it.
//!
//! ```text
//!   0.0.0.0:5060        UDP
//!   tcp:0.0.0.0:5060    TCP
//!   tls:[::]:5061       TLS over TCP
//! ```

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::field;

/// What carries SIP messages (RFC 3261, section 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A message a datagram.
    Udp,
    /// Messages one after the other on a connection.
    Tcp,
    /// The same, encrypted.
    Tls,
}

impl Transport {
    /// As the configuration, a log and a URI's `transport` parameter have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// As a Via header has it.
    pub(super) fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// As the stack below has it.
    pub(super) fn of_stack(self) -> rsipstack::sip::Transport {
        match self {
            Self::Udp => rsipstack::sip::Transport::Udp,
            Self::Tcp => rsipstack::sip::Transport::Tcp,
            Self::Tls => rsipstack::sip::Transport::Tls,
        }
    }

    /// The port of a URI that names none (RFC 3261, section 19.1.2).
    pub(super) fn port(self) -> u16 {
        if self == Self::Tls { 5061 } else { 5060 }
    }

    /// What a URI asks for; `None` where it asks for nothing, or for what there is not.
    pub(super) fn of(uri: &str) -> Option<Self> {
        if is_secure(uri) {
            return Some(Self::Tls);
        }
        let named = field::param(uri.split('?').next().unwrap_or_default(), "transport")?;
        [Self::Udp, Self::Tcp, Self::Tls].into_iter().find(|transport| transport.name().eq_ignore_ascii_case(named))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a URI is a sips one: TLS on every hop (RFC 3261, section 19.1).
pub(super) fn is_secure(uri: &str) -> bool {
    field::scheme(uri).eq_ignore_ascii_case("sips")
}

/// A transport and the address it is listened on; port 0 takes a free one. An unspecified IPv6 address hears IPv6 alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listen {
    /// What carries the messages.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

impl From<SocketAddr> for Listen {
    /// A plain address is UDP.
    fn from(address: SocketAddr) -> Self {
        Self { transport: Transport::Udp, address }
    }
}

/// What no address to listen on is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address to listen on; write \"0.0.0.0:5060\" or \"tcp:[::]:5060\"")]
pub struct NoListen(String);

impl FromStr for Listen {
    type Err = NoListen;

    fn from_str(text: &str) -> Result<Self, NoListen> {
        let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
        let named = transports.into_iter().find_map(|transport| {
            let rest = text.strip_prefix(transport.name())?.strip_prefix(':')?;
            Some((transport, rest))
        });
        let (transport, address) = named.unwrap_or((Transport::Udp, text));
        let address = address.parse().map_err(|_| NoListen(text.chars().take(80).collect()))?;
        Ok(Self { transport, address })
    }
}

impl fmt::Display for Listen {
    /// As people read it: `tcp 0.0.0.0:5060`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.address)
    }
}

impl<'de> serde::Deserialize<'de> for Listen {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_and_without_its_transport() {
        for (text, transport, address) in [
            ("0.0.0.0:5060", Transport::Udp, "0.0.0.0:5060"),
            ("udp:[::]:5060", Transport::Udp, "[::]:5060"),
            ("tcp:0.0.0.0:5060", Transport::Tcp, "0.0.0.0:5060"),
            ("tls:[2001:db8::1]:5061", Transport::Tls, "[2001:db8::1]:5061"),
        ] {
            assert_eq!(text.parse(), Ok(Listen { transport, address: address.parse().unwrap() }), "{text}");
        }
        for bad in ["", "5060", "tcp:", "sctp:0.0.0.0:5060", "tcp:example.org:5060", "[::]"] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_uri_says_what_carries_its_messages() {
        for (uri, transport) in [
            ("sip:a@h", None),
            ("sip:a@h;transport=TCP", Some(Transport::Tcp)),
            ("sip:a@h:5060;lr;transport=tls", Some(Transport::Tls)),
            ("sips:a@h;transport=tcp", Some(Transport::Tls)),
            ("sip:a@h;transport=sctp", None),
            ("sip:a@h?x=;transport=tcp", None),
        ] {
            assert_eq!(Transport::of(uri), transport, "{uri}");
        }
    }
}
