//! The configuration of a running hotline: one TOML file, every key with a default that suits a first try on this
//! machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::draft::{Draft, Wrong};
use super::inbound::{self, Strangers};
use super::keeping::{CallRecords, Kept};
pub use super::records_config::Records;
use super::spans::Telemetry;
use super::trunk::Trunk;
use crate::facts::{Fault, KeySource, parse_duration};
use crate::sip::door::challenge::Algorithm;
use crate::sip::{Listen, SessionPolicy};
use crate::telephony::SrtpPolicy;

/// The longest that a call may ring: providers give up after one to three minutes.
const MOST_RINGING: Duration = Duration::from_secs(60);
/// The longest that a call may be asked to last without a sign of life.
const LONGEST_SESSION: Duration = Duration::from_secs(24 * 3600);

/// A whole configuration. Paths in it are relative to the file's folder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// How calls come in.
    pub sip: Sip,
    /// How sound goes out and keys come in.
    pub media: Media,
    /// Where the records are and how verification is guarded.
    pub records: Records,
    /// Where it is written what became of calls.
    pub call_records: CallRecords,
    /// How long things are kept.
    pub retention: Kept,
    /// Where texts and recordings are.
    pub prompts: Prompts,
    /// Which hotline answers at which number: the user part of the Request-URI to the folder of a menu. `*` stands for
    /// every other number; without it they are answered 404.
    pub numbers: BTreeMap<String, PathBuf>,
    /// Those who bring calls, by their names.
    pub trunks: BTreeMap<String, Trunk>,
    /// Where it is told how the hotline stands.
    pub metrics: Metrics,
    /// Where calls are followed, one by one.
    pub telemetry: Telemetry,
    /// How versions of menus and prompts are kept, changed and tried.
    pub versions: Versions,
}

/// `[versions]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Versions {
    /// Where they are kept; without it beside the database, under its name with `.versions` after it.
    pub folder: Option<PathBuf>,
    /// So many at most; the oldest go.
    pub kept: usize,
    /// Where a running hotline is told to reload; without it beside the database, under its name with `.socket` after it.
    pub socket: Option<PathBuf>,
    /// Whether files that change are reloaded by themselves.
    pub watch: bool,
    /// A version on trial is looked at whenever so many more of its calls are over.
    pub least_calls: u32,
    /// It goes to all calls after so many, if it is no worse.
    pub proven_calls: u32,
}

impl Default for Versions {
    fn default() -> Versions {
        Versions { folder: None, kept: 20, socket: None, watch: false, least_calls: 30, proven_calls: 300 }
    }
}

impl Versions {
    fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        if !(2..=1000).contains(&self.kept) {
            let hint = "as in kept = 20";
            wrongs.push(Wrong::at("versions", "kept", "versions.kept goes from 2 to 1000", hint));
        }
        if !(10..=100_000).contains(&self.least_calls) || !(self.least_calls..=1_000_000).contains(&self.proven_calls) {
            let message = "versions.least-calls goes from 10 to 100000, versions.proven-calls from that to 1000000";
            wrongs.push(Wrong::at("versions", "", message, "as in least-calls = 30 and proven-calls = 300"));
        }
        wrongs
    }
}

/// `[metrics]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Metrics {
    /// Where `/metrics` and `/health` are served over HTTP; without it nowhere.
    pub listen: Option<SocketAddr>,
}

/// `[sip]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sip {
    /// What to listen for and where: `0.0.0.0:5060` is UDP, `tcp:0.0.0.0:5060` TCP, `tls:0.0.0.0:5061` TLS.
    pub listen: Vec<Listen>,
    /// The address that others reach this machine by, where it is another (behind NAT).
    pub advertised: Option<IpAddr>,
    /// The most calls at once; further ones are answered 503 with Retry-After.
    pub calls: usize,
    /// The most calls a second in all, and as many in a burst.
    pub rate: Option<u32>,
    /// How trunks are asked for their passwords, the preferred way first.
    pub digest: Vec<Algorithm>,
    /// What becomes of those who are no trunk.
    pub strangers: Strangers,
    /// The certificate for TLS.
    pub tls: Tls,
    /// The most TCP and TLS connections at once; further ones are closed as they come.
    pub connections: usize,
    /// Of these, the most from one address; an IPv6 address stands for its /64.
    pub connections_per_address: usize,
    /// A connection without a call, on which nothing goes either way for so long, is closed.
    #[serde(deserialize_with = "duration")]
    pub idle: Duration,
    /// Session timers.
    pub session: Session,
    /// The Retry-After of a full hotline.
    #[serde(deserialize_with = "duration")]
    pub retry_after: Duration,
    /// How long a call rings before it is answered; without, it is answered at once.
    #[serde(deserialize_with = "duration")]
    pub ring: Duration,
    /// How long a shutdown waits for running calls.
    #[serde(deserialize_with = "duration")]
    pub drain: Duration,
}

impl Default for Sip {
    fn default() -> Sip {
        Sip {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)).into()],
            advertised: None,
            calls: 1000,
            rate: None,
            digest: Algorithm::ALL.to_vec(),
            strangers: Strangers::default(),
            tls: Tls::default(),
            connections: 1024,
            connections_per_address: 128,
            idle: Duration::from_secs(300),
            session: Session::default(),
            retry_after: Duration::from_secs(10),
            ring: Duration::ZERO,
            drain: Duration::from_secs(60),
        }
    }
}

/// `[sip.session]`: RFC 4028.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Session {
    /// How long a call lasts without a sign of life from its far side; each such sign begins it anew.
    #[serde(deserialize_with = "duration")]
    pub expires: Duration,
    /// The shortest that a far side may ask for: 422 below it.
    #[serde(deserialize_with = "duration")]
    pub minimum: Duration,
}

impl Default for Session {
    fn default() -> Session {
        let SessionPolicy { expires, minimum } = SessionPolicy::default();
        Session { expires, minimum }
    }
}

/// `[sip.tls]`. The files of the certificate may be replaced while the hotline runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tls {
    /// The certificate, and after it those between it and its authority's, in PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key: Option<PathBuf>,
    /// Authorities that the certificates of called machines must come from, in PEM; without, those the machine trusts.
    pub authorities: Option<PathBuf>,
}

/// `[media]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Media {
    /// The addresses RTP is sent from, one or one of each family; a call whose family has none here uses the address that
    /// it came in by.
    #[serde(deserialize_with = "one_or_two")]
    pub address: Vec<IpAddr>,
    /// First and last UDP port for RTP and RTCP, two a call.
    pub ports: (u16, u16),
    /// Media threads; 0 for one a core.
    pub workers: usize,
    /// A call from which nothing at all has come for so long is ended.
    #[serde(deserialize_with = "duration")]
    pub time_out: Duration,
    /// When calls are encrypted.
    pub srtp: SrtpPolicy,
    /// The ways that keys are taken by.
    pub keys: Vec<KeySource>,
}

impl Default for Media {
    fn default() -> Media {
        Media {
            address: Vec::new(),
            ports: (20_000, 39_999),
            workers: 0,
            time_out: Duration::from_secs(60),
            srtp: SrtpPolicy::Offered,
            keys: KeySource::ALL.to_vec(),
        }
    }
}

/// `[prompts]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Prompts {
    /// The folder of the languages' folders.
    pub folder: PathBuf,
    /// Whether texts without a recording are synthesized by espeak-ng before the first call; without it a hotline with
    /// a missing recording does not start.
    pub synthesize: bool,
    /// Where synthesized clips are kept.
    pub cache: PathBuf,
}

impl Default for Prompts {
    fn default() -> Prompts {
        Prompts { folder: PathBuf::from("prompts"), synthesize: true, cache: PathBuf::from("hotline-data/synthesized") }
    }
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn load(file: &Path) -> Result<Config, Vec<Fault>> {
        let draft = Draft::load(file);
        if draft.faults.is_empty() { Ok(draft.config) } else { Err(draft.faults) }
    }

    /// Reads a configuration's text.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Config, Fault> {
        let draft = Draft::parse(file, text);
        draft.faults.into_iter().next().map_or(Ok(draft.config), Err)
    }

    /// Where its versions are kept.
    pub fn versions_folder(&self) -> PathBuf {
        self.versions.folder.clone().unwrap_or_else(|| self.beside_the_database(".versions"))
    }

    /// Where it is told to reload while it runs.
    pub fn control_socket(&self) -> PathBuf {
        self.versions.socket.clone().unwrap_or_else(|| self.beside_the_database(".socket"))
    }

    pub(super) fn beside_the_database(&self, end: &str) -> PathBuf {
        let mut name = self.records.file().to_owned().into_os_string();
        name.push(end);
        name.into()
    }

    /// What no hotline could mean, table by table.
    pub(super) fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs =
            [self.sip.wrongs(), self.media.wrongs(), self.records.wrongs(), self.versions.wrongs()].concat();
        wrongs.extend([self.call_records.wrongs(), self.retention.wrongs(), self.telemetry.wrongs()].concat());
        wrongs.extend(self.trunks.iter().flat_map(|(name, trunk)| trunk.wrongs(name)));
        wrongs.extend(inbound::check(self));
        wrongs
    }

    /// Makes the paths relative to a folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        let within = |path: &mut PathBuf| *path = folder.join(&*path);
        let tls = &mut self.sip.tls;
        [&mut tls.certificate, &mut tls.key, &mut tls.authorities].into_iter().flatten().for_each(within);
        self.records.resolve(folder);
        self.call_records.resolve(folder);
        within(&mut self.prompts.folder);
        within(&mut self.prompts.cache);
        [&mut self.versions.folder, &mut self.versions.socket].into_iter().flatten().for_each(within);
        self.numbers.values_mut().for_each(within);
        self.trunks.values_mut().for_each(|trunk| trunk.resolve(folder));
    }
}

impl Sip {
    fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let mut check = |well: bool, table: &str, key: &'static str, message: &str, hint: &'static str| {
            wrongs.extend((!well).then(|| Wrong::at(table, key, message, hint)));
        };
        check(
            (1..=16).contains(&self.listen.len()),
            "sip",
            "listen",
            "sip.listen needs 1 to 16 addresses",
            "as in listen = [\"0.0.0.0:5060\"]",
        );
        check(
            (1..=100_000).contains(&self.connections) && self.connections_per_address > 0,
            "sip",
            "connections",
            "sip.connections goes from 1 to 100000, sip.connections-per-address from 1",
            "as in connections = 1024",
        );
        check(
            (1..=100_000).contains(&self.calls),
            "sip",
            "calls",
            "sip.calls is not between 1 and 100000",
            "as in calls = 1000",
        );
        check(
            self.ring <= MOST_RINGING,
            "sip",
            "ring",
            "sip.ring is over a minute: callers and their providers give up",
            "as in ring = \"2s\"",
        );
        let Session { expires, minimum } = self.session;
        check(
            (SessionPolicy::default().minimum..=expires).contains(&minimum) && expires <= LONGEST_SESSION,
            "sip.session",
            "",
            "sip.session.minimum is less than 90 s, or sip.session.expires less than that or more than a day",
            "as in expires = \"30m\" and minimum = \"90s\"",
        );
        check(
            self.tls.certificate.is_some() == self.tls.key.is_some(),
            "sip.tls",
            "",
            "sip.tls has a certificate without its key, or a key without its certificate",
            "as in certificate = \"hotline.pem\" and key = \"hotline.key.pem\"",
        );
        wrongs
    }
}

impl Media {
    fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let mut check = |well: bool, table: &str, key: &'static str, message: &str, hint: &'static str| {
            wrongs.extend((!well).then(|| Wrong::at(table, key, message, hint)));
        };
        let (first, last) = self.ports;
        check(
            first >= 1024 && first.checked_next_multiple_of(2).is_some_and(|even| even < last),
            "media",
            "ports",
            "media.ports is no range of ports above 1023 with an even port and the next in it",
            "as in ports = [20000, 39999]",
        );
        let families: Vec<_> = self.address.iter().map(IpAddr::is_ipv4).collect();
        check(
            !matches!(families.as_slice(), [one, two] if one == two),
            "media",
            "address",
            "media.address has two addresses of one family",
            "give one, or an IPv4 and an IPv6 one, as in address = [\"192.0.2.1\", \"2001:db8::1\"]",
        );
        check(
            !self.keys.is_empty(),
            "media",
            "keys",
            "media.keys is empty: no caller could press a key",
            "as in keys = [\"rfc4733\", \"info\"]",
        );
        wrongs
    }
}

fn one_or_two<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpAddr>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Addresses {
        One(IpAddr),
        Some(Vec<IpAddr>),
    }
    let wrong = "media.address is an address, or one of IPv4 and one of IPv6: [\"192.0.2.1\", \"2001:db8::1\"]";
    match Addresses::deserialize(from).map_err(|_| serde::de::Error::custom(wrong))? {
        Addresses::One(one) => Ok(vec![one]),
        Addresses::Some(some) if (1..=2).contains(&some.len()) => Ok(some),
        Addresses::Some(_) => Err(serde::de::Error::custom(wrong)),
    }
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text)
        .filter(|duration| *duration >= Duration::from_millis(100))
        .ok_or_else(|| serde::de::Error::custom("a length of time is written \"30s\", \"500ms\", \"5m\" or \"24h\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_a_whole_one() {
        let config = Config::parse("hotline.toml", "").expect("good");
        assert_eq!(config.sip.calls, 1000);
        assert_eq!(config.records.failures, 3);
        assert_eq!(config.media.keys, KeySource::ALL);
        let config = Config::parse("hotline.toml", "[media]\nkeys = [\"info\", \"in-band\"]\n").expect("good");
        assert_eq!(config.media.keys, [KeySource::Info, KeySource::InBand]);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let fault = Config::parse("hotline.toml", "[sip]\ncalls = 10\nlisten-on = 3\n").unwrap_err();
        assert_eq!(fault.line_column().0, 3);
        for wrong in ["minimum = \"89s\"", "expires = \"60s\"", "expires = \"48h\"", "minimum = \"1h\""] {
            let text = format!("[sip.session]\n{wrong}\n");
            assert!(Config::parse("hotline.toml", &text).unwrap_err().message.contains("sip.session"), "{wrong}");
        }
        let fault = Config::parse("hotline.toml", "[sip]\ndrain = \"a while\"\n").unwrap_err();
        assert!(fault.message.contains("length of time"), "{}", fault.message);
        assert!(Config::parse("hotline.toml", "[media]\nports = [5, 3]\n").is_err());
        let fault = Config::parse("hotline.toml", "[sip]\nlisten = [\"tpc:0.0.0.0:5060\"]\n").unwrap_err();
        assert!(fault.message.contains("tcp:[::]:5060"), "{}", fault.message);
        assert!(Config::parse("hotline.toml", "[media]\nkeys = []\n").is_err());
        let fault = Config::parse("hotline.toml", "[media]\nkeys = [\"2833\"]\n").unwrap_err();
        assert!(fault.message.contains("rfc4733"), "{}", fault.message);
    }

    #[test]
    fn a_certificate_and_its_key_are_named_together() {
        let fault = Config::parse("hotline.toml", "[sip.tls]\ncertificate = \"a.pem\"\n").unwrap_err();
        assert!(fault.message.contains("without its key"), "{}", fault.message);
        let text = "[sip.tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"\n";
        let mut config = Config::parse("hotline.toml", text).unwrap();
        config.resolve(Path::new("/etc/hotline"));
        assert_eq!(config.sip.tls.certificate.unwrap(), Path::new("/etc/hotline/a.pem"));
    }

    #[test]
    fn a_trunk_is_registered_with_and_asked() {
        let text = "[trunks.carrier.register]\nregistrar = \"sip:c.example;transport=tcp\"\nuser = \"100\"\n\
                    password-file = \"carrier.secret\"\n[trunks.carrier.ping]\n";
        let mut config = Config::parse("hotline.toml", text).unwrap();
        config.resolve(Path::new("/etc/hotline"));
        let trunk = config.trunks.remove("carrier").unwrap();
        let (register, ping) = (trunk.register.unwrap(), trunk.ping.unwrap());
        assert_eq!((register.number(), register.expires.as_secs(), ping.every.as_secs()), ("100", 3600, 30));
        assert_eq!(register.password_file.unwrap(), Path::new("/etc/hotline/carrier.secret"));
        let registrar = "[trunks.c.register]\nregistrar = \"sip:c.example\"\nuser = \"100\"\n";
        for (bad, words) in [
            ("[trunks.c.ping]\n", "to is missing"),
            ("[trunks.c.ping]\nto = \"sip:c\"\nevery = \"500ms\"\n", "between a second and an hour"),
            ("[trunks.c.register]\nuser = \"100\"\n", "registrar"),
            (&format!("{registrar}expires = \"5s\"\n"), "between a minute and a day"),
            (&format!("{registrar}auth-user = \"x\"\n"), "auth-user has no password"),
            (&format!("{registrar}password = \"x\"\n"), "password"),
        ] {
            let fault = Config::parse("hotline.toml", bad).unwrap_err();
            assert!(fault.message.contains(words), "{bad}: {}", fault.message);
        }
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        let text = "[sip]\nlisten = [\"0.0.0.0:5060\", \"tcp:[::]:5060\"]\n[media]\naddress = \"192.0.2.1\"\n";
        let config = Config::parse("hotline.toml", text).unwrap();
        assert_eq!(
            config.sip.listen.iter().map(Listen::to_string).collect::<Vec<_>>(),
            ["udp 0.0.0.0:5060", "tcp [::]:5060"]
        );
        let both = "[media]\naddress = [\"192.0.2.1\", \"2001:db8::1\"]\n";
        assert_eq!(Config::parse("hotline.toml", both).unwrap().media.address.len(), 2);
        assert!(Config::parse("hotline.toml", "[media]\naddress = [\"192.0.2.1\", \"192.0.2.2\"]\n").is_err());
        assert!(Config::parse("hotline.toml", "[media]\naddress = \"here\"\n").is_err());
    }
}
