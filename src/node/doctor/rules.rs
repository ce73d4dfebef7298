//! Everything that can be found, as one table: what it means and how it is mended. docs/doctor.md is made from it.

use super::{Check, Finding, Verdict};

/// One thing that can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) check: Check,
    pub(super) verdict: Verdict,
    /// What has been found.
    pub(super) means: &'static str,
    /// How to mend it; empty where nothing is to be mended.
    pub(super) mend: &'static str,
}

impl Rule {
    /// The rule as it is met here.
    pub(super) fn said(self, said: impl Into<String>) -> Finding {
        Finding { check: self.check, verdict: self.verdict, said: said.into(), mend: self.mend }
    }
}

macro_rules! rules {
    ($($name:ident: $check:ident $verdict:ident $means:literal, $mend:literal;)*) => {
        $(
            #[doc = $means]
            pub(super) const $name: Rule =
                Rule { check: Check::$check, verdict: Verdict::$verdict, means: $means, mend: $mend };
        )*
        /// Every rule, those of a check together, in the order of the checks.
        pub(super) const ALL: &[Rule] = &[$($name),*];
    };
}

rules! {
    LOADED: Configuration Ok "everything that serving loads is well", "";
    FAULTY: Configuration Wrong "menus, texts, recordings, certificates, passwords or records have faults",
        "`hotline serve --check` with the same configuration shows each with its place";

    PORT_FREE: Port Ok "the port is free", "";
    PORT_OURS: Port Ok "a running hotline holds the port", "";
    PORT_BY_CHANCE: Port Note "port 0: each start takes another", "name a port in sip.listen or metrics.listen, as in \"0.0.0.0:5060\"";
    PORT_HELD: Port Warn "a process that may not be looked into holds the port: it may be a running hotline",
        "ask again as root; if it is no hotline, stop it or name another port in sip.listen, or metrics.listen";
    PORT_TAKEN: Port Wrong "another program holds the port", "stop it, or name another port in sip.listen, or metrics.listen";
    PORT_FORBIDDEN: Port Wrong "this user may not listen at a port so low",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit allows it; or name a port above 1023 in sip.listen, or metrics.listen";
    PORT_REFUSED: Port Wrong "the system refuses the socket",
        "name an address in sip.listen whose family this machine speaks";

    ADDRESS_HERE: Address Ok "the addresses that are named are this machine's", "";
    ADDRESS_FOREIGN: Address Wrong "sip.listen, metrics.listen or media.address names an address that this machine does not have",
        "name one that it has (`ip addr` lists them); the address of a router belongs into sip.advertised";

    TOLD: Nat Ok "what callers are told is an address that the Internet can reach", "";
    TOLD_HERE: Nat Note "callers are told the loopback address: only this machine can call",
        "to be called by others, name an address of the network in sip.listen, as in \"0.0.0.0:5060\"";
    TOLD_PRIVATE: Nat Note "callers are told a private address: those of its own network hear, those beyond a NAT do not",
        "if callers come from elsewhere: sip.advertised = the public address, and have the router pass sip.listen's and media.ports' ports on";
    TOLD_PRIVATE_TO_TRUNK: Nat Warn "callers are told a private address, and a trunk is at a public one: its callers hear nothing",
        "sip.advertised = the public address, and have the router pass sip.listen's and media.ports' ports on";
    NO_ROUTE: Nat Note "there is no way to the Internet by this family: nobody outside can call by it",
        "leave the family out of sip.listen, or give the machine a route";
    ADVERTISED_PRIVATE: Nat Warn "sip.advertised is a private address itself",
        "name the address that the router has on the Internet";
    ADVERTISED_NOWHERE: Nat Wrong "sip.advertised is no address that anybody could call",
        "name the public address, or leave sip.advertised out";
    ADVERTISED_UNUSED: Nat Warn "sip.advertised is of a family that is not listened for, so nobody is told it",
        "name an address of that family in sip.listen, or one of the other family in sip.advertised";

    PAIRS_ENOUGH: MediaPorts Ok "there are as many pairs of ports as calls", "";
    PAIRS_FEW: MediaPorts Warn "there are fewer pairs of ports than sip.calls: further calls are answered 503",
        "widen media.ports (two ports a call), or lower sip.calls";
    PAIRS_TAKEN: MediaPorts Warn "other programs hold so many of the ports that too few are left for sip.calls",
        "`ss -ulnp` shows who holds them; name another range in media.ports";
    PAIRS_GIVEN_AWAY: MediaPorts Note "the system gives some of the ports to any program that asks; such a pair is passed over",
        "sysctl net.ipv4.ip_local_reserved_ports = the range, or name ports in media.ports outside ip_local_port_range";

    CERTIFICATE: Certificate Ok "the certificate and its key can be used", "";
    CERTIFICATE_UNUSED: Certificate Note "there is a certificate, and nothing is listened for over TLS",
        "name \"tls:0.0.0.0:5061\" in sip.listen, or leave sip.tls.certificate and key out";
    CERTIFICATE_SOON: Certificate Warn "the certificate expires within 30 days",
        "have it renewed; the new files are taken without a restart";
    CERTIFICATE_NAMELESS: Certificate Warn "the certificate has no name in subjectAltName: who checks names refuses it",
        "have it issued for the name that telephones dial, or the address";
    KEY_OPEN: Certificate Warn "everybody on this machine may read the key", "chmod 600, and chown to the hotline's user";
    CERTIFICATE_UNUSABLE: Certificate Wrong "the certificate or its key cannot be used",
        "put both into the files of sip.tls in PEM: the certificate first, after it those up to its authority's; the key without a pass phrase";
    CERTIFICATE_EXPIRED: Certificate Wrong "a certificate of the file has expired",
        "have it renewed; the new files are taken without a restart";
    CERTIFICATE_EARLY: Certificate Wrong "a certificate of the file is not valid yet",
        "look at the clock of this machine, and at the date that the certificate begins with";

    AUTHORITIES: Authorities Ok "there are authorities whose certificates are accepted", "";
    AUTHORITIES_NONE: Authorities Note "this machine trusts no authority: no TLS connection of Hotline's own can be opened",
        "apt-get install ca-certificates, or name a file in sip.tls.authorities";
    AUTHORITIES_UNUSABLE: Authorities Wrong "the file of sip.tls.authorities cannot be used",
        "name a file of certificates in PEM that the hotline's user may read";

    TRUNK_FOUND: Trunk Ok "the hosts of the trunk have addresses", "";
    TRUNK_ANSWERS: Trunk Ok "the trunk answers OPTIONS", "";
    TRUNK_REGISTERED: Trunk Ok "the trunk takes the registration, for a minute, and it is taken back", "";
    TRUNK_NOT_ASKED: Trunk Note "nobody can be asked: the trunk is known by networks or by its password alone",
        "[trunks.NAME.ping] with to = \"sip:HOST\" says who is to be asked";
    TRUNK_REGISTERED_ELSEWHERE: Trunk Note "a running hotline holds the registration, so it was not tried",
        "its log says how the registration stands; stop it and ask again to have it tried";
    TRUNK_SILENT: Trunk Warn "nothing, or 408 or 503, has come to OPTIONS within 4 s",
        "look at the firewalls of both sides, and ask the carrier: some answer only those whose address they know";
    TRUNK_LOST: Trunk Wrong "a host of the trunk has no address: its calls are taken for a stranger's",
        "look at the name, and at this machine's resolver (/etc/resolv.conf)";
    TRUNK_REFUSES: Trunk Wrong "the registration is refused, or not answered within 4 s",
        "401, 403, 404: look at user, auth-user, password-file and domain; otherwise at the registrar's address and the firewalls";

    PASSWORD: Password Ok "the password can be read by the hotline's user alone", "";
    PASSWORD_OPEN: Password Warn "everybody on this machine may read the password",
        "chmod 600, and chown to the hotline's user";
    PASSWORD_UNREADABLE: Password Wrong "the password cannot be read",
        "put it on the first line of the file, and let the hotline's user read it";

    CLOCK: Clock Ok "the clock is synchronised", "";
    CLOCK_UNKNOWN: Clock Note "whether the clock is synchronised cannot be found out here",
        "in a container the clock is its host's: look there, with `timedatectl`";
    CLOCK_ALONE: Clock Warn "nothing synchronises the clock: call records, lock-outs and certificates depend on it",
        "`timedatectl set-ntp true`, or install chrony";
    CLOCK_WRONG: Clock Wrong "the clock shows a year that cannot be", "set it: `timedatectl set-ntp true`, or `date -s`";

    ZONE: TimeZone Ok "the machine's time zone is known", "";
    ZONE_UNKNOWN: TimeZone Note "the machine has no time zone, and counts as UTC",
        "`timedatectl set-timezone Asia/Shanghai`, or TZ in the environment";

    FILES: Files Ok "as many files may be open as calls and connections need", "";
    FILES_FEW: Files Warn "fewer files may be open than sip.calls and sip.connections need: calls beyond are refused",
        "LimitNOFILE= in a systemd unit, `ulimit -n` in a shell; or lower sip.calls";

    PRECEDENCE: Precedence Ok "media threads may go before other work", "";
    PRECEDENCE_NONE: Precedence Note "media threads run like any other: under load sound may stutter",
        "LimitNICE=-11 in a systemd unit, or CAP_SYS_NICE";

    BUFFER: ReceiveBuffer Ok "a SIP socket may have the receive buffer it asks for", "";
    BUFFER_SMALL: ReceiveBuffer Note "the system gives a SIP socket less room than it asks for: a burst of messages may be lost",
        "sysctl -w net.core.rmem_max=4194304, and in /etc/sysctl.d to keep it";

    DATABASE: Database Ok "the records' database can be read and written", "";
    DATABASE_READ_ONLY: Database Wrong "the records' database or its folder cannot be written: SQLite keeps files beside it",
        "chown both to the hotline's user";
    DATABASE_UNUSABLE: Database Wrong "the records' database cannot be opened",
        "name the right file or server in records.database; `hotline records demo` fills one to try";

    DISK: Disk Ok "there is room on the disk of the records", "";
    DISK_LAYER: Disk Note "the records lie in a container's own layer, and go with it", "mount a volume at the folder of records.database";
    DISK_FLEETING: Disk Warn "the records lie in memory: they are gone when the machine restarts",
        "name a file on a disk in records.database";
    DISK_NETWORK: Disk Warn "the records lie on a network's disk, on which SQLite's log does not work reliably",
        "name a file on a disk of this machine in records.database";
    DISK_LOW: Disk Warn "less than 500 MB are left on the disk of the records", "make room, or move records.database";
    DISK_FULL: Disk Wrong "less than 20 MB are left on the disk of the records: soon no call is recorded",
        "make room, or move records.database";

    VOICE: Synthesis Ok "what nobody has recorded can be synthesized, or nothing has to be", "";
    CACHE_READ_ONLY: Synthesis Warn "synthesized clips cannot be kept: every start makes them anew",
        "let the hotline's user write to the folder of prompts.cache";
    VOICE_MISSING: Synthesis Wrong "texts have no recording, and there is no espeak-ng to synthesize them",
        "apt-get install espeak-ng, or record what `hotline prompts missing` lists";
}
