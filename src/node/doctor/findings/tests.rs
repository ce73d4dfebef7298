//! Each finding, from made-up facts.

use std::net::IpAddr;

use super::super::facts::{Certificate, Disk, DiskKind, Facts, Holder, Pairs, Password, Registration, Socket, Trunk};
use super::super::rules::{self, Rule};
use super::super::{Check, Finding, Verdict};
use super::judge;
use crate::node::Config;
use crate::records::DatabaseStanding;

/// 2026-11-25.
const NOW: i64 = 1_795_600_000;
const DAY: i64 = 24 * 3600;

/// A machine with a public address, on which all is well.
fn well() -> Facts {
    Facts {
        faults: 0,
        missing: Some(0),
        now: NOW,
        listens: vec![("0.0.0.0:5060".parse().unwrap(), Socket::Free)],
        metrics: None,
        here: vec![ip("127.0.0.1"), ip("203.0.113.5")],
        leaves: vec![ip("203.0.113.5")],
        pairs: Pairs { tried: 256, free: 256 },
        given_away: Some((40_000, 60_999)),
        reserved: Vec::new(),
        identity: None,
        key_open: false,
        authorities: Ok(140),
        trunks: Vec::new(),
        passwords: Vec::new(),
        synchronised: Some(true),
        zone: Some("Asia/Shanghai".into()),
        files: Some(65_536),
        precedence: true,
        buffer: Some(4 << 20),
        database: Ok(DatabaseStanding { version: 3, known: 3 }),
        database_writable: true,
        disk: Some(Disk { left: 50_000_000_000, kind: DiskKind::Real }),
        cache_writable: true,
        voice: true,
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn config(text: &str) -> Config {
    Config::parse("hotline.toml", text).unwrap()
}

/// What is found, of a configuration and facts that differ from the good ones.
fn found(text: &str, change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = well();
    let config = config(text);
    facts.listens = config.sip.listen.iter().map(|listen| (*listen, Socket::Free)).collect();
    change(&mut facts);
    judge(&config, &facts)
}

const PUBLIC: &str = "[sip]\nlisten = [\"0.0.0.0:5060\"]\n";

/// Findings of one rule, and what was changed for them.
type Case = (&'static str, Rule, Vec<Finding>);

/// A change that leads to each rule there is.
fn cases() -> Vec<Case> {
    [ports(), told(), sound(), certificates(), trunks(), machine(), disks()].concat()
}

fn holder(process: Option<(u32, &str)>, hotline: bool) -> Vec<(u32, Holder)> {
    vec![(0, Holder { process: process.map(|(id, name)| (id, name.into())), hotline, user: 998 })]
}

fn ports() -> Vec<Case> {
    let taken = |process, hotline| {
        let holders = holder(process, hotline).into_iter().map(|(_, holder)| holder).collect();
        found(PUBLIC, |facts| facts.listens[0].1 = Socket::Taken(holders))
    };
    let socket = |socket: Socket| found(PUBLIC, |facts| facts.listens[0].1 = socket);
    vec![
        ("udp 0.0.0.0:5060 is free", rules::PORT_FREE, found(PUBLIC, |_| ())),
        ("held by hotline (process 412)", rules::PORT_OURS, taken(Some((412, "hotline")), true)),
        ("held by asterisk (process 7)", rules::PORT_TAKEN, taken(Some((7, "asterisk")), false)),
        ("held by a process of user 998", rules::PORT_HELD, taken(None, false)),
        ("a process that cannot be found", rules::PORT_HELD, socket(Socket::Taken(Vec::new()))),
        ("by this user", rules::PORT_FORBIDDEN, socket(Socket::Forbidden)),
        ("no such family", rules::PORT_REFUSED, socket(Socket::Refused("no such family".into()))),
        ("by chance", rules::PORT_BY_CHANCE, found("[sip]\nlisten = [\"0.0.0.0:0\"]\n", |_| ())),
        ("this machine has 127.0.0.1, 203.0.113.5", rules::ADDRESS_HERE, found(PUBLIC, |_| ())),
        ("which has 127.0.0.1, 203.0.113.5", rules::ADDRESS_FOREIGN, socket(Socket::Foreign)),
        (
            "media.address 192.0.2.9 is not of this machine",
            rules::ADDRESS_FOREIGN,
            found("[media]\naddress = \"192.0.2.9\"\n", |_| ()),
        ),
        (
            "tcp 127.0.0.1:9100 is held by node_exporter (process 9)",
            rules::PORT_TAKEN,
            found(PUBLIC, |facts| {
                let holders = holder(Some((9, "node_exporter")), false).remove(0).1;
                facts.metrics = Some(("tcp:127.0.0.1:9100".parse().unwrap(), Socket::Taken(vec![holders])));
            }),
        ),
    ]
}

fn told() -> Vec<Case> {
    let behind = |facts: &mut Facts| {
        facts.here = vec![ip("10.0.0.5")];
        facts.leaves = vec![ip("10.0.0.5")];
    };
    let carrier = |facts: &mut Facts| {
        let hosts = vec![("sip.carrier.example".to_owned(), vec![ip("203.0.113.77")])];
        facts.trunks = vec![Trunk { name: "carrier".into(), hosts, ..Trunk::default() }];
    };
    let advertised =
        |address: &str, change: fn(&mut Facts)| found(&format!("{PUBLIC}advertised = \"{address}\"\n"), change);
    vec![
        ("will say 203.0.113.5 towards the Internet", rules::TOLD, found(PUBLIC, |_| ())),
        ("Contact and SDP will say 203.0.113.5", rules::TOLD, advertised("203.0.113.5", |facts| facts.leaves.clear())),
        ("Contact and SDP will say 127.0.0.1, this", rules::TOLD_HERE, found("", |_| ())),
        ("will say 10.0.0.5 towards the Internet, which is private", rules::TOLD_PRIVATE, found(PUBLIC, behind)),
        (
            "Contact will say 203.0.113.5, SDP 10.0.0.5, which is private",
            rules::TOLD_PRIVATE,
            found(&format!("{PUBLIC}[media]\naddress = \"10.0.0.5\"\n"), |facts| facts.here.push(ip("10.0.0.5"))),
        ),
        (
            "while trunk carrier is at 203.0.113.77",
            rules::TOLD_PRIVATE_TO_TRUNK,
            found("[sip]\nlisten = [\"10.0.0.5:5060\"]\n", |facts| {
                behind(facts);
                carrier(facts);
            }),
        ),
        ("no way to the Internet over IPv6", rules::NO_ROUTE, found("[sip]\nlisten = [\"[::]:5060\"]\n", |_| ())),
        ("sip.advertised is 192.168.1.9", rules::ADVERTISED_PRIVATE, advertised("192.168.1.9", |_| ())),
        ("sip.advertised is 0.0.0.0", rules::ADVERTISED_NOWHERE, advertised("0.0.0.0", |_| ())),
        ("nothing is listened for over IPv6", rules::ADVERTISED_UNUSED, advertised("2001:db8::1", |_| ())),
    ]
}

fn sound() -> Vec<Case> {
    let narrow = "[media]\nports = [20000, 20009]\n";
    let given_away = |facts: &mut Facts| facts.given_away = Some((32_768, 60_999));
    vec![
        ("10000 pairs for 1000 calls", rules::PAIRS_ENOUGH, found("", |_| ())),
        ("5 pairs for 1000 calls", rules::PAIRS_FEW, found(narrow, |_| ())),
        ("5 of 256", rules::PAIRS_TAKEN, found("", |facts| facts.pairs.free = 5)),
        ("32768 to 39999 are given", rules::PAIRS_GIVEN_AWAY, found("", given_away)),
    ]
}

fn certificates() -> Vec<Case> {
    let tls = "[sip]\nlisten = [\"tls:0.0.0.0:5061\"]\n[sip.tls]\ncertificate = \"c\"\nkey = \"k\"\n";
    let of = |from, until, names: &[&str]| Certificate {
        from: NOW + from * DAY,
        until: NOW + until * DAY,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let own = || of(-10, 300, &["hotline.example.org"]);
    let with = |chain: Vec<Certificate>| found(tls, |facts| facts.identity = Some(Ok(chain)));
    vec![
        ("for hotline.example.org, until 2027-", rules::CERTIFICATE, with(vec![own()])),
        ("it has expired on 2026-11-", rules::CERTIFICATE_EXPIRED, with(vec![of(-90, -1, &["h"])])),
        ("certificate 2 of the file has expired", rules::CERTIFICATE_EXPIRED, with(vec![own(), of(-90, -1, &[])])),
        ("it is valid from 2026-12-", rules::CERTIFICATE_EARLY, with(vec![of(10, 90, &["h"])])),
        ("in 29 days", rules::CERTIFICATE_SOON, with(vec![of(-60, 29, &["h"])])),
        ("for no name", rules::CERTIFICATE_NAMELESS, with(vec![of(-10, 300, &[])])),
        (
            "read by everybody",
            rules::KEY_OPEN,
            found(tls, |facts| (facts.identity, facts.key_open) = (Some(Ok(vec![own()])), true)),
        ),
        (
            "k is not the key",
            rules::CERTIFICATE_UNUSABLE,
            found(tls, |facts| facts.identity = Some(Err("k is not the key".into()))),
        ),
        (
            "nothing is listened for over TLS",
            rules::CERTIFICATE_UNUSED,
            found("[sip.tls]\ncertificate = \"c\"\nkey = \"k\"\n", |facts| facts.identity = Some(Ok(vec![own()]))),
        ),
        ("this machine trusts 140", rules::AUTHORITIES, found("", |_| ())),
        ("this machine trusts none", rules::AUTHORITIES_NONE, found("", |facts| facts.authorities = Ok(0))),
        (
            "cannot be read",
            rules::AUTHORITIES_UNUSABLE,
            found("", |facts| facts.authorities = Err("a.pem cannot be read".into())),
        ),
    ]
}

fn trunks() -> Vec<Case> {
    let with = |change: fn(&mut Trunk)| {
        found(PUBLIC, |facts| {
            let mut trunk = Trunk { name: "carrier".into(), ..Trunk::default() };
            change(&mut trunk);
            facts.trunks = vec![trunk];
        })
    };
    let password = |open: Result<bool, String>| {
        found("", |facts| facts.passwords = vec![Password { trunk: "carrier".into(), file: "c.secret".into(), open }])
    };
    vec![
        (
            "carrier: a.example is 203.0.113.7",
            rules::TRUNK_FOUND,
            with(|trunk| trunk.hosts = vec![("a.example".into(), vec![ip("203.0.113.7")])]),
        ),
        (
            "carrier: a.example has no address",
            rules::TRUNK_LOST,
            with(|trunk| trunk.hosts = vec![("a.example".into(), vec![])]),
        ),
        (
            "sip:a.example answers",
            rules::TRUNK_ANSWERS,
            with(|trunk| trunk.asked = vec![("sip:a.example".into(), true)]),
        ),
        (
            "sip:a.example does not answer",
            rules::TRUNK_SILENT,
            with(|trunk| trunk.asked = vec![("sip:a.example".into(), false)]),
        ),
        (
            "carrier: registered, and taken back",
            rules::TRUNK_REGISTERED,
            with(|trunk| trunk.registration = Some(Registration::Taken { back: true })),
        ),
        (
            "a running hotline registers",
            rules::TRUNK_REGISTERED_ELSEWHERE,
            with(|trunk| trunk.registration = Some(Registration::Held)),
        ),
        (
            "answers 403",
            rules::TRUNK_REFUSES,
            with(|trunk| trunk.registration = Some(Registration::Refused(Some(403)))),
        ),
        ("does not answer", rules::TRUNK_REFUSES, with(|trunk| trunk.registration = Some(Registration::Refused(None)))),
        ("nobody was asked", rules::TRUNK_NOT_ASKED, with(|_| ())),
        ("carrier: c.secret", rules::PASSWORD, password(Ok(false))),
        ("may be read by everybody", rules::PASSWORD_OPEN, password(Ok(true))),
        ("carrier: there is no password", rules::PASSWORD_UNREADABLE, password(Err("there is no password".into()))),
    ]
}

fn machine() -> Vec<Case> {
    vec![
        ("is there, and well", rules::LOADED, found("", |_| ())),
        ("3 faults", rules::FAULTY, found("", |facts| facts.faults = 3)),
        ("it is 2026-11-25, and synchronised", rules::CLOCK, found("", |_| ())),
        ("by this machine's clock alone", rules::CLOCK_ALONE, found("", |facts| facts.synchronised = Some(false))),
        ("said to be 2026-11-25", rules::CLOCK_UNKNOWN, found("", |facts| facts.synchronised = None)),
        ("said to be 1970-01-01", rules::CLOCK_WRONG, found("", |facts| facts.now = 5)),
        ("Asia/Shanghai", rules::ZONE, found("", |_| ())),
        ("no time zone", rules::ZONE_UNKNOWN, found("", |facts| facts.zone = None)),
        ("65536 may be open, 4088 are needed", rules::FILES, found("", |_| ())),
        ("any number may be open", rules::FILES, found("", |facts| facts.files = None)),
        ("1024 may be open, 4088 are needed", rules::FILES_FEW, found("", |facts| facts.files = Some(1024))),
        ("is allowed", rules::PRECEDENCE, found("", |_| ())),
        ("is not allowed", rules::PRECEDENCE_NONE, found("", |facts| facts.precedence = false)),
        ("4194304 octets", rules::BUFFER, found("", |_| ())),
        ("212992 octets of 4194304", rules::BUFFER_SMALL, found("", |facts| facts.buffer = Some(212_992))),
    ]
}

fn disks() -> Vec<Case> {
    let disk = |left, kind| found("", |facts| facts.disk = Some(Disk { left, kind }));
    let (roomy, missing) = (50_000_000_000, |facts: &mut Facts| facts.missing = Some(12));
    let old = DatabaseStanding { version: 1, known: 3 };
    vec![
        ("hotline.db", rules::DATABASE, found("", |_| ())),
        ("from version 1 to 3", rules::DATABASE, found("", |facts| facts.database = Ok(old))),
        ("cannot be written", rules::DATABASE_READ_ONLY, found("", |facts| facts.database_writable = false)),
        ("is damaged", rules::DATABASE_UNUSABLE, found("", |facts| facts.database = Err("it is damaged".into()))),
        ("50000 MB are left", rules::DISK, disk(roomy, DiskKind::Real)),
        ("499 MB are left", rules::DISK_LOW, disk(499_999_999, DiskKind::Real)),
        ("19 MB are left", rules::DISK_FULL, disk(19_999_999, DiskKind::Real)),
        ("in memory", rules::DISK_FLEETING, disk(roomy, DiskKind::Memory)),
        ("network's disk", rules::DISK_NETWORK, disk(roomy, DiskKind::Network)),
        ("container's layer", rules::DISK_LAYER, disk(roomy, DiskKind::Layer)),
        ("nothing has to be", rules::VOICE, found("", |_| ())),
        ("12 texts have no recording, and are synthesized", rules::VOICE, found("", missing)),
        (
            "12 texts have no recording, and espeak-ng is not",
            rules::VOICE_MISSING,
            found("", |facts| (facts.missing, facts.voice) = (Some(12), false)),
        ),
        (
            "cannot be written",
            rules::CACHE_READ_ONLY,
            found("", |facts| (facts.missing, facts.cache_writable) = (Some(12), false)),
        ),
    ]
}

#[test]
fn each_thing_is_told_with_its_verdict_and_its_mend() {
    for (words, rule, findings) in cases() {
        let of_rule = |finding: &&Finding| {
            finding.mend == rule.mend && finding.verdict == rule.verdict && finding.check == rule.check
        };
        let said: Vec<_> = findings.iter().filter(of_rule).map(|finding| finding.said.as_str()).collect();
        assert!(said.iter().any(|said| said.contains(words)), "{words} ({}) not in {findings:#?}", rule.means);
    }
}

#[test]
fn every_rule_can_be_met() {
    let cases = cases();
    for rule in rules::ALL {
        assert!(cases.iter().any(|(_, met, _)| met == rule), "{} is met by no facts", rule.means);
        assert_eq!(rule.mend.is_empty(), rule.verdict == Verdict::Ok, "{}", rule.means);
    }
}

#[test]
fn where_all_is_well_nothing_is_to_be_mended() {
    let findings = found(PUBLIC, |_| ());
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:#?}");
}

#[test]
fn an_advertised_address_ends_the_talk_of_private_ones() {
    let text = format!("{PUBLIC}advertised = \"203.0.113.9\"\n");
    let findings = found(&text, |facts| facts.leaves = vec![ip("10.0.0.5")]);
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:#?}");
}

#[test]
fn nothing_is_said_of_what_faults_hide() {
    let findings = found("", |facts| (facts.faults, facts.missing) = (1, None));
    assert!(!findings.iter().any(|finding| finding.check == Check::Synthesis), "{findings:#?}");
}

#[test]
fn reserved_ports_are_given_away_by_nobody() {
    let findings = found("", |facts| {
        facts.given_away = Some((32_768, 60_999));
        facts.reserved = vec![(5060, 5060), (20_000, 39_999)];
    });
    assert!(!findings.iter().any(|finding| finding.said.contains("given by the system")), "{findings:#?}");
}
