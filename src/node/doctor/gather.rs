//! Facts, out of this machine. Nothing is judged here, and nothing written.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Access;
use socket2::{Domain, Protocol, Type};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::facts::{Certificate, Disk, DiskKind, Facts, Pairs, Password, Socket};
use super::{holders, trunks};
use crate::audio::{Engine, Synthesizer};
use crate::facts::Fault;
use crate::media::may_precede;
use crate::node::config::{Config, Tls};
use crate::node::draft::Draft;
use crate::node::{loading, read_password, tls as tls_config};
use crate::records::DatabaseStanding;
use crate::sip::{Listen, Transport, tls};

/// Pairs of ports that are tried.
const MOST_PAIRS: usize = 256;
/// How long another program is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Addresses on the Internet at which nobody is (RFC 5737, RFC 3849): only the way there is asked for, nothing is sent.
const FAR: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// Everything; trunks last, since they are asked from the addresses that turned out to be this machine's.
pub(super) async fn gather(draft: &Draft) -> Facts {
    let config = &draft.config;
    let (faults, missing) = match loading::load(draft, &crate::facts::Disk, None) {
        Ok(loaded) => (0, Some(loaded.missing.len())),
        Err(faults) => (faults.iter().filter(|fault| fault.is_error()).count(), None),
    };
    let (database, folder) = (config.records.file(), folder_of(config.records.file()));
    let metrics = config.metrics.listen.map(|address| Listen { transport: Transport::Tcp, address });
    let mut facts = Facts {
        faults,
        missing,
        now: now(),
        metrics: sockets(metrics.as_slice()).pop(),
        listens: sockets(&config.sip.listen),
        here: if_addrs::get_if_addrs().map(|all| all.iter().map(if_addrs::Interface::ip).collect()).unwrap_or_default(),
        leaves: FAR.iter().filter_map(|far| way_to(*far)).collect(),
        pairs: pairs(config),
        given_away: number_pair(&proc_text("net/ipv4/ip_local_port_range")),
        reserved: ranges(&proc_text("net/ipv4/ip_local_reserved_ports")),
        identity: identity(&config.sip.tls),
        key_open: config.sip.tls.key.as_deref().is_some_and(|key| is_open(key).unwrap_or(false)),
        authorities: authorities(&config.sip.tls),
        trunks: Vec::new(),
        passwords: passwords(config),
        synchronised: synchronised().await,
        zone: jiff::tz::TimeZone::try_system().ok().and_then(|zone| zone.iana_name().map(str::to_owned)),
        files: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        precedence: may_precede(),
        buffer: proc_text("net/core/rmem_max").trim().parse().ok(),
        database: standing(config),
        database_writable: writable(&nearest(database)) && writable(&folder),
        disk: disk(&nearest(&folder)),
        cache_writable: writable(&nearest(&config.prompts.cache)),
        voice: Synthesizer::espeak(PathBuf::new()).voices.iter().all(|voice| match &voice.engine {
            Engine::Command(command) => is_program(&command.program),
            Engine::Server(_) => true,
        }),
    };
    facts.trunks = trunks::ask(config, &facts).await;
    facts
}

/// How the records stand, or why they cannot be had.
fn standing(config: &Config) -> Result<DatabaseStanding, String> {
    let source = config.records.source().map_err(|fault| fault.message)?;
    source.look().map_err(|error| error.to_string())
}

/// Takes each port as serving would, all of them together, and gives them back.
fn sockets(listens: &[Listen]) -> Vec<(Listen, Socket)> {
    let mut held = Vec::new();
    let mut take = |listen: &Listen| match bind(listen) {
        Ok(socket) => {
            held.push(socket);
            Socket::Free
        }
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => Socket::Taken(holders::holders(listen)),
            ErrorKind::AddrNotAvailable => Socket::Foreign,
            ErrorKind::PermissionDenied => Socket::Forbidden,
            _ => Socket::Refused(error.to_string()),
        },
    };
    listens.iter().map(|listen| (*listen, take(listen))).collect()
}

fn bind(listen: &Listen) -> std::io::Result<socket2::Socket> {
    let (kind, protocol) = match listen.transport {
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
        Transport::Tcp | Transport::Tls => (Type::STREAM, Protocol::TCP),
    };
    let socket = socket2::Socket::new(Domain::for_address(listen.address), kind, Some(protocol))?;
    if listen.address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // Connections of a hotline that has just ended do not keep the port.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&listen.address.into())?;
    if kind == Type::STREAM {
        // Two may bind, one may listen.
        socket.listen(1)?;
    }
    Ok(socket)
}

/// The address that this machine would send from.
fn way_to(far: IpAddr) -> Option<IpAddr> {
    let any: SocketAddr = if far.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(SocketAddr::new(far, 9)).ok()?;
    socket.local_addr().ok().map(|local| local.ip()).filter(|ip| !ip.is_unspecified())
}

/// Tries pairs spread over the range, at the address that sound would leave from.
fn pairs(config: &Config) -> Pairs {
    let (first, last) = config.media.ports;
    let all: Vec<u16> = (first..last).filter(|port| port % 2 == 0).collect();
    let listened = config.sip.listen.first().map(|listen| listen.address.ip());
    let Some(address) = config.media.address.first().copied().or(listened) else { return Pairs::default() };
    let free = |port: u16| {
        let bind = |port| UdpSocket::bind(SocketAddr::new(address, port));
        // Both are held until both have been tried, as a call would.
        bind(port).and_then(|rtp| bind(port.saturating_add(1)).map(|rtcp| (rtp, rtcp))).is_ok()
    };
    let step = all.len().div_ceil(MOST_PAIRS).max(1);
    let tried: Vec<u16> = all.into_iter().step_by(step).collect();
    Pairs { tried: tried.len(), free: tried.into_iter().filter(|port| free(*port)).count() }
}

fn identity(config: &Tls) -> Option<Result<Vec<Certificate>, String>> {
    let files = tls_config(config).identity?;
    Some(
        tls::chain(&files)
            .map_err(|fault| fault.to_string())
            .and_then(|chain| chain.iter().map(|der| certificate(der)).collect()),
    )
}

fn certificate(der: &[u8]) -> Result<Certificate, String> {
    let (_, read) = X509Certificate::from_der(der).map_err(|_| "a certificate cannot be read".to_owned())?;
    let names = read.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.chars().filter(|symbol| !symbol.is_control()).take(255).collect()),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string()),
            _ => <[u8; 16]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string()),
        },
        _ => None,
    });
    let validity = read.validity();
    Ok(Certificate {
        from: validity.not_before.timestamp(),
        until: validity.not_after.timestamp(),
        names: names.take(16).collect(),
    })
}

fn authorities(config: &Tls) -> Result<usize, String> {
    match &config.authorities {
        Some(file) => tls::authorities(file).map_err(|fault| fault.to_string()),
        None => Ok(rustls_native_certs::load_native_certs().certs.len()),
    }
}

fn passwords(config: &Config) -> Vec<Password> {
    let mut passwords = Vec::new();
    for (name, trunk) in &config.trunks {
        let of_register = trunk.register.as_ref().and_then(|register| register.password_file.as_ref());
        for file in trunk.password_file.iter().chain(of_register) {
            let told = |fault: Fault| fault.to_string();
            let open = read_password(file).map_err(told).and_then(|_| is_open(file).map_err(|error| error.to_string()));
            passwords.push(Password { trunk: name.clone(), file: file.display().to_string(), open });
        }
    }
    passwords
}

/// Whether everybody on this machine may read a file.
fn is_open(file: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(file)?.permissions().mode() & 0o004 != 0)
}

/// Whether the clock is synchronised, as the machine's own service knows.
async fn synchronised() -> Option<bool> {
    let mut ask = tokio::process::Command::new("timedatectl");
    ask.args(["show", "--property=NTPSynchronized", "--value"]).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let said = tokio::time::timeout(PATIENCE, ask.output()).await.ok().and_then(Result::ok);
    match said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).as_deref() {
        Some("yes") => Some(true),
        Some("no") => Some(false),
        _ => Path::new("/run/systemd/timesync/synchronized").exists().then_some(true),
    }
}

#[allow(clippy::disallowed_methods, reason = "the clock is what is looked at")]
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn proc_text(name: &str) -> String {
    std::fs::read_to_string(Path::new("/proc/sys").join(name)).unwrap_or_default()
}

/// `32768 60999`, a tab between them.
fn number_pair(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// `5060,20000-39999`.
fn ranges(text: &str) -> Vec<(u16, u16)> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    };
    text.split(',').filter_map(range).collect()
}

fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// The nearest folder that there is.
fn nearest(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|path| path.is_dir());
    there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn writable(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK).is_ok()
}

fn disk(folder: &Path) -> Option<Disk> {
    let room = rustix::fs::statvfs(folder).ok()?;
    Some(Disk { left: room.f_bavail.saturating_mul(room.f_frsize), kind: disk_kind(folder) })
}

/// By the numbers of linux/magic.h.
#[cfg(target_os = "linux")]
fn disk_kind(folder: &Path) -> DiskKind {
    let Ok(about) = rustix::fs::statfs(folder) else { return DiskKind::Real };
    match u32::try_from(i128::from(about.f_type) & 0xffff_ffff).unwrap_or(0) {
        0x0102_1994 | 0x8584_58f6 => DiskKind::Memory,
        0x6969 | 0x517b | 0xff53_4d42 | 0xfe53_4d42 | 0x0102_1997 | 0x00c3_6400 => DiskKind::Network,
        0x794c_7630 => DiskKind::Layer,
        _ => DiskKind::Real,
    }
}

#[cfg(not(target_os = "linux"))]
fn disk_kind(_: &Path) -> DiskKind {
    DiskKind::Real
}

/// Whether a program of this name would be found.
fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| rustix::fs::access(folder.join(name), Access::EXEC_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        assert_eq!(number_pair("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(number_pair("none"), None);
        assert_eq!(ranges("5060,20000-39999\n"), [(5060, 5060), (20_000, 39_999)]);
        assert!(ranges("\n").is_empty());
    }

    #[test]
    fn a_certificate_is_read() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned(), "192.0.2.1".to_owned()]).unwrap();
        let read = certificate(made.cert.der()).unwrap();
        assert_eq!(read.names, ["a.example", "192.0.2.1"]);
        assert!(read.from < now() && now() < read.until);
        assert!(certificate(b"no certificate").is_err());
    }

    #[test]
    fn the_way_to_a_folder_that_is_not_there_yet_begins_at_one_that_is() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest(&folder.path().join("not/there")), folder.path());
        assert_eq!(nearest(Path::new("not-there/either")), Path::new("."));
        assert_eq!(folder_of(Path::new("hotline.db")), Path::new("."));
    }
}
