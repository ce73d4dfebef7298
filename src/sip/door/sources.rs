//! Whose a message is by the address that it came from. Pure.
//!
//! ```text
//!   203.0.113.0/24    carrier        203.0.113.9   ── /32? ── /24: carrier
//!   203.0.113.7/32    other          203.0.113.7   ── /32: other                the longest prefix wins
//!   2001:db8::/32     carrier        ::ffff:203.0.113.7 is 203.0.113.7
//! ```
//!
//! A look-up is one of a hash table for each length of prefix there is: one to three, as trunks go.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// Where a trunk's messages come from, as the configuration writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Whence {
    /// An address, or a network.
    Network(IpNet),
    /// A host, by its name: all its addresses (A, AAAA).
    Host(String),
}

/// What is neither an address, a network nor a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no address, network or host name; write \"203.0.113.7\", \"2001:db8::/32\" or \"sip.carrier.example\""
)]
pub struct NoWhence(String);

impl FromStr for Whence {
    type Err = NoWhence;

    fn from_str(text: &str) -> Result<Self, NoWhence> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(IpNet::from(address.to_canonical())));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(canonical(network)));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_')
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        // A name whose last label is a number is a mistyped address.
        let top = name.rsplit('.').next().unwrap_or_default();
        let named = name.len() <= 253 && name.split('.').all(label) && !top.bytes().all(|octet| octet.is_ascii_digit());
        match named {
            true => Ok(Self::Host(name.to_ascii_lowercase())),
            false => Err(NoWhence(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for Whence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Host(name) => f.write_str(name),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Whence {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The network without the bits of a host, an IPv4-mapped one as IPv4.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network.addr() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().zip(network.prefix_len().checked_sub(96)),
        IpAddr::V4(_) => None,
    };
    let mapped = mapped.and_then(|(v4, length)| IpNet::new(v4.into(), length).ok());
    mapped.unwrap_or(network).trunc()
}

/// What stands for an address where sources are counted: whoever has an IPv6 address has its /64.
pub(in super::super) fn neighbourhood(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// Networks and whose they are, by the number of a trunk.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    v4: Vec<Table>,
    v6: Vec<Table>,
}

/// Networks of one length.
#[derive(Clone, Debug)]
struct Table {
    length: u8,
    mask: u128,
    owners: HashMap<u128, usize>,
}

impl Sources {
    /// The table of these claims. Of two to the same network the first stays.
    pub fn new(claims: impl IntoIterator<Item = (IpNet, usize)>) -> Self {
        let mut sources = Self::default();
        for (network, owner) in claims {
            let network = canonical(network);
            let (length, bits) = (network.prefix_len(), bits(network.addr()));
            let tables = if network.addr().is_ipv4() { &mut sources.v4 } else { &mut sources.v6 };
            let at = tables.partition_point(|table| table.length > length);
            if tables.get(at).is_none_or(|table| table.length != length) {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                tables.insert(at, Table { length, mask, owners: HashMap::new() });
            }
            if let Some(table) = tables.get_mut(at) {
                table.owners.entry(bits).or_insert(owner);
            }
        }
        sources
    }

    /// Whose an address is.
    pub fn owner(&self, source: IpAddr) -> Option<usize> {
        let source = source.to_canonical();
        let tables = if source.is_ipv4() { &self.v4 } else { &self.v6 };
        tables.iter().find_map(|table| table.owners.get(&(bits(source) & table.mask)).copied())
    }
}

/// An address from the highest bit on.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(claims: &[(&str, usize)]) -> Sources {
        let network = |text: &str| match text.parse::<Whence>() {
            Ok(Whence::Network(network)) => network,
            other => panic!("{other:?}"),
        };
        Sources::new(claims.iter().map(|(text, owner)| (network(text), *owner)))
    }

    #[test]
    fn the_longest_prefix_wins() {
        let all =
            [("203.0.113.0/24", 1), ("203.0.113.7", 2), ("203.0.0.0/16", 3), ("2001:db8::/32", 4), ("0.0.0.0/0", 5)];
        let sources = sources(&all);
        for (source, owner) in [
            ("203.0.113.9", Some(1)),
            ("203.0.113.7", Some(2)),
            ("203.0.1.1", Some(3)),
            ("198.51.100.1", Some(5)),
            ("2001:db8:9::1", Some(4)),
            ("2001:db9::1", None),
            ("::ffff:203.0.113.7", Some(2)),
        ] {
            assert_eq!(sources.owner(source.parse().unwrap()), owner, "{source}");
        }
    }

    #[test]
    fn a_network_is_the_same_however_it_is_written() {
        for (written, source) in [
            ("203.0.113.9/24", "203.0.113.1"),
            ("::ffff:203.0.113.0/120", "203.0.113.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(sources(&[(written, 0)]).owner(source.parse().unwrap()), Some(0), "{written}");
        }
        assert_eq!(sources(&[("::/0", 0)]).owner("192.0.2.1".parse().unwrap()), None, "IPv6 alone");
        assert_eq!(sources(&[("192.0.2.1", 0), ("192.0.2.1/32", 1)]).owner("192.0.2.1".parse().unwrap()), Some(0));
        assert_eq!(Sources::default().owner("192.0.2.1".parse().unwrap()), None);
    }

    #[test]
    fn names_are_told_from_addresses() {
        assert_eq!("SIP.Carrier.example.".parse(), Ok(Whence::Host("sip.carrier.example".into())));
        for wrong in ["", "300.1.1.1", "203.0.113.0/33", "a b", "sip:carrier.example", "1.2.3", "a..b", "é.example"] {
            assert!(wrong.parse::<Whence>().is_err(), "{wrong}");
        }
        for text in ["203.0.113.0/24", "2001:db8::/32", "192.0.2.1", "localhost"] {
            assert_eq!(text.parse::<Whence>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let of = |text: &str| neighbourhood(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3::9"), "2001:db8:1:2::");
        assert_eq!((of("192.0.2.1"), of("::ffff:192.0.2.1")), ("192.0.2.1".to_owned(), "192.0.2.1".to_owned()));
    }
}
