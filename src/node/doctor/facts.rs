//! What is known of a machine and its network. Values alone: whoever judges can be given made-up ones.

use std::net::IpAddr;

use crate::records::DatabaseStanding;
use crate::sip::Listen;

/// Everything that is judged.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// How many faults `hotline serve --check` would show.
    pub(super) faults: usize,
    /// Texts without a recording; `None` where faults hide them.
    pub(super) missing: Option<usize>,
    /// Seconds since 1970.
    pub(super) now: i64,
    pub(super) listens: Vec<(Listen, Socket)>,
    /// Where `metrics.listen` is, and what came of taking it.
    pub(super) metrics: Option<(Listen, Socket)>,
    /// The addresses of this machine; empty where they cannot be known.
    pub(super) here: Vec<IpAddr>,
    /// The addresses that what goes to the Internet leaves from, of each family at most one.
    pub(super) leaves: Vec<IpAddr>,
    pub(super) pairs: Pairs,
    /// First and last of the ports that the system gives away by itself.
    pub(super) given_away: Option<(u16, u16)>,
    /// Of these, the ranges that it does not.
    pub(super) reserved: Vec<(u16, u16)>,
    /// The certificates of the file, the machine's own first, or what is wrong with them; `None` where there is no file.
    pub(super) identity: Option<Result<Vec<Certificate>, String>>,
    /// Whether everybody may read the key.
    pub(super) key_open: bool,
    /// How many authorities are trusted, or what is wrong with the file.
    pub(super) authorities: Result<usize, String>,
    pub(super) trunks: Vec<Trunk>,
    pub(super) passwords: Vec<Password>,
    /// `None`: cannot be found out.
    pub(super) synchronised: Option<bool>,
    pub(super) zone: Option<String>,
    /// Files that may be open; `None`: any number.
    pub(super) files: Option<u64>,
    pub(super) precedence: bool,
    /// Octets of a receive buffer at most, where that is known.
    pub(super) buffer: Option<u64>,
    pub(super) database: Result<DatabaseStanding, String>,
    pub(super) database_writable: bool,
    pub(super) disk: Option<Disk>,
    pub(super) cache_writable: bool,
    /// Whether the synthesizer is there.
    pub(super) voice: bool,
}

/// What came of taking a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Free,
    /// By these, as far as they can be known.
    Taken(Vec<Holder>),
    Forbidden,
    /// The address is not this machine's.
    Foreign,
    Refused(String),
}

/// Who holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The process and its program's name, if this user may know them.
    pub(super) process: Option<(u32, String)>,
    /// Whether it is a `hotline serve`.
    pub(super) hotline: bool,
    /// The user it runs as.
    pub(super) user: u32,
}

/// Pairs of ports for sound that were tried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pairs {
    pub(super) tried: usize,
    pub(super) free: usize,
}

/// One certificate.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    /// Seconds since 1970.
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) names: Vec<String>,
}

/// One trunk.
#[derive(Clone, Debug, Default)]
pub(super) struct Trunk {
    pub(super) name: String,
    /// Its hosts and the addresses that they have.
    pub(super) hosts: Vec<(String, Vec<IpAddr>)>,
    /// Addresses it is written with, those of its networks among them.
    pub(super) addresses: Vec<IpAddr>,
    /// Who was asked, and whether an answer came.
    pub(super) asked: Vec<(String, bool)>,
    pub(super) registration: Option<Registration>,
}

/// What came of a REGISTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registration {
    /// It was not tried: a running hotline holds it.
    Held,
    Taken {
        /// Whether it could be taken back.
        back: bool,
    },
    /// The last status, if any answer came.
    Refused(Option<u16>),
}

/// The file of a password.
#[derive(Clone, Debug)]
pub(super) struct Password {
    pub(super) trunk: String,
    pub(super) file: String,
    /// Whether everybody may read it, or why it cannot be read.
    pub(super) open: Result<bool, String>,
}

/// The disk that the records lie on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    /// Octets that are left.
    pub(super) left: u64,
    pub(super) kind: DiskKind,
}

/// What a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiskKind {
    Real,
    /// tmpfs, ramfs.
    Memory,
    /// NFS, SMB, 9p and the like.
    Network,
    /// overlayfs: a container's.
    Layer,
}
