//! Who holds a port, as Linux tells it.
//!
//! ```text
//!   /proc/net/udp     0100007F:13C4 … uid 998 … inode 31337
//!   /proc/412/fd/7 -> socket:[31337]          /proc/412/comm, cmdline: hotline serve
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::facts::Holder;
use crate::sip::{Listen, Transport};

/// Processes that are looked through.
const MOST_PROCESSES: usize = 20_000;
/// Open files of one process that are looked through.
const MOST_FILES: usize = 65_536;
/// Octets of a table of sockets.
const LONGEST_TABLE: u64 = 64 << 20;

/// A socket of a table in /proc/net.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    address: SocketAddr,
    /// For TCP: whether it listens.
    listens: bool,
    user: u32,
    inode: u64,
}

/// Those whose sockets are in the way of one that is to be listened at. Empty where nothing can be known.
pub(super) fn holders(listen: &Listen) -> Vec<Holder> {
    let datagrams = listen.transport == Transport::Udp;
    let tables = if datagrams { ["udp", "udp6"] } else { ["tcp", "tcp6"] };
    let rows: Vec<Row> = tables.iter().flat_map(|table| read(&Path::new("/proc/net").join(table))).collect();
    let mut holders: Vec<Holder> = Vec::new();
    for row in rows.iter().filter(|row| (datagrams || row.listens) && is_in_the_way(row.address, listen.address)) {
        let holder = Holder { user: row.user, ..owner(row.inode) };
        if !holders.contains(&holder) {
            holders.push(holder);
        }
    }
    holders
}

fn is_in_the_way(held: SocketAddr, wanted: SocketAddr) -> bool {
    let (one, other) = (held.ip().to_canonical(), wanted.ip().to_canonical());
    // A socket at [::] may hear IPv4 too.
    let every = |ip: IpAddr| ip.is_unspecified();
    let met = one == other
        || every(one) && (one.is_ipv6() || other.is_ipv4())
        || every(other) && one.is_ipv4() == other.is_ipv4();
    held.port() == wanted.port() && met
}

fn read(table: &Path) -> Vec<Row> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(table).and_then(|file| file.take(LONGEST_TABLE).read_to_string(&mut text));
    if read.is_ok() { text.lines().skip(1).filter_map(row).collect() } else { Vec::new() }
}

/// A line of such a table.
fn row(line: &str) -> Option<Row> {
    let mut words = line.split_whitespace().skip(1);
    let (address, port) = words.next()?.split_once(':')?;
    let listens = words.nth(1)? == "0A";
    let user = words.nth(3)?.parse().ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    // Each group of four octets is a number as this machine writes it.
    let group = |at: usize| Some(u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(group(0)?)),
        32 => {
            let octets = [group(0)?, group(1)?, group(2)?, group(3)?].concat();
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?))
        }
        _ => return None,
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(Row { address: SocketAddr::new(ip, port), listens, user, inode })
}

/// The process that has a socket open, if this user may know it.
fn owner(inode: u64) -> Holder {
    let nobody = Holder { process: None, hotline: false, user: 0 };
    let wanted = format!("socket:[{inode}]");
    let has = |process: &Path| {
        let files = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten().take(MOST_FILES);
        files.into_iter().any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()))
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).take(MOST_PROCESSES);
    for id in ids {
        let process = Path::new("/proc").join(id.to_string());
        if has(&process) {
            let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
            let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
            let hotline =
                name.trim() == env!("CARGO_PKG_NAME") && line.split(|octet| *octet == 0).any(|word| word == b"serve");
            // A program may call itself anything: what is shown is short and has no control characters.
            let name: String = name.trim().chars().filter(|symbol| !symbol.is_control()).take(32).collect();
            return Holder { process: Some((id, name)), hotline, user: 0 };
        }
    }
    nobody
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_the_table_is_read() {
        let line =
            " 2117: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000   998        0 31337 2 0 0";
        let expected = Row { address: "127.0.0.1:5060".parse().unwrap(), listens: false, user: 998, inode: 31337 };
        assert_eq!(row(line), Some(expected));
        let line = "   0: B80D0120000000000000000001000000:13C5 00000000000000000000000000000000:0000 0A 00000000:00000000 \
                    00:00000000 00000000     0        0 4711 1 0";
        let read = row(line).unwrap();
        assert_eq!((read.address, read.listens), ("[2001:db8::1]:5061".parse().unwrap(), true));
        for broken in ["", "a b c", " 1: 0100007F:13C4", "1: XX:YY 0 07 0 0 0 0 0 1"] {
            assert_eq!(row(broken), None, "{broken}");
        }
    }

    #[test]
    fn sockets_in_each_others_way_are_known() {
        for (held, wanted, met) in [
            ("0.0.0.0:5060", "127.0.0.1:5060", true),
            ("127.0.0.1:5060", "0.0.0.0:5060", true),
            ("[::]:5060", "0.0.0.0:5060", true),
            ("0.0.0.0:5060", "[::]:5060", false),
            ("192.0.2.1:5060", "192.0.2.2:5060", false),
            ("192.0.2.1:5060", "192.0.2.1:5061", false),
        ] {
            assert_eq!(is_in_the_way(held.parse().unwrap(), wanted.parse().unwrap()), met, "{held} {wanted}");
        }
    }

    #[test]
    fn a_socket_of_this_very_process_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let listen = Listen::from(socket.local_addr().unwrap());
        let found = holders(&listen);
        let process = found.first().and_then(|holder| holder.process.as_ref());
        assert_eq!(process.map(|(id, _)| *id), Some(std::process::id()), "{found:?}");
        assert!(!found[0].hotline);
    }
}
