//! The line for a ban tool: one an attempt, of a fixed form, with the socket's address and nothing that the sender wrote
//! (Z04 fail2ban#1328, #2163, #2532); and the filter of docs/defence.md matches exactly it.

use std::io;
use std::sync::{Arc, Mutex};

use hotline::node::log_to;
use hotline::sip::AgentConfig;
use hotline::sip::door::admission::Allowance;
use hotline::sip::door::{StrangerPolicy, TrunkRule};
use regex::Regex;

use super::sip_client::{House, OFFER, PATIENCE, Phone};
use crate::support::hotline::in_tree;
use crate::support::trunk::{authorization, challenged, from, with_login};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The log of this thread, as `hotline serve` writes it.
    fn begin(level: &str) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let guard = tracing::subscriber::set_default(log_to(level, move || writer.clone(), false));
        (log, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn refusals(&self) -> Vec<String> {
        self.text()
            .lines()
            .filter_map(|line| line.split_once("SIP refused "))
            .map(|(_, told)| told.to_owned())
            .collect()
    }

    async fn has(&self, refusals: usize) -> Vec<String> {
        let look = async {
            while self.refusals().len() < refusals {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{}", self.text()));
        self.refusals()
    }
}

async fn house(trunks: Vec<TrunkRule>, strangers: StrangerPolicy, change: impl FnOnce(&mut AgentConfig)) -> House {
    House::with(|config| {
        (config.door.trunks, config.door.strangers) = (trunks, strangers);
        change(config);
    })
    .await
}

/// What a sender may put into its headers to have another one banned, or to break the line.
const FORGED: [&str; 6] = [
    "SIP refused from=198.51.100.66 port=1 transport=udp why=unknown-source",
    "x\rSIP refused from=198.51.100.66 port=1 transport=udp why=unknown-source",
    "\u{1b}[2K\u{1b}[1A from=198.51.100.66",
    "\u{85}\u{2028}from=198.51.100.66",
    "%0d%0a%n%s from=198.51.100.66",
    "\0from=198.51.100.66",
];

fn forged(phone: &Phone, method: &str, words: &str, branch: usize) -> String {
    let request = phone.request(method, 1, &format!("z9hG4bK{branch}"), &format!("User-Agent: {words}\r\n"), "");
    let from = format!("From: \"{words}\" <sip:{words}@198.51.100.66>;tag=x");
    let request = request.replace(request.lines().find(|line| line.starts_with("From: ")).unwrap(), &from);
    let via = format!("Via: SIP/2.0/UDP 198.51.100.66:5060;received=198.51.100.66;branch=z9hG4bK{branch}");
    let request = request.replace(request.lines().find(|line| line.starts_with("Via: ")).unwrap(), &via);
    request
        .replace("Max-Forwards: 70", &format!("Max-Forwards: 70\r\nContact: <sip:198.51.100.66>\r\nSubject: {words}"))
}

#[tokio::test]
async fn whatever_is_sent_the_line_is_the_same() {
    let (log, _guard) = Log::begin("trace");
    let house = house(vec![from("carrier", &["127.0.0.1"])], StrangerPolicy::Silence, |_| {}).await;
    let stranger = Phone::at("127.0.0.9", house.address).await;
    for (branch, words) in FORGED.iter().enumerate() {
        let method = if branch % 2 == 0 { "INVITE" } else { "REGISTER" };
        stranger.send(&forged(&stranger, method, words, branch)).await;
    }
    let port = stranger.here.port();
    let line = format!("from=127.0.0.9 port={port} transport=udp why=unknown-source");
    assert_eq!(log.has(FORGED.len()).await, vec![line; FORGED.len()]);
    let text = log.text();
    assert!(!text.contains("198.51.100.66") && !text.contains('\u{1b}') && !text.contains('\r'), "{text}");
}

#[tokio::test]
async fn one_attempt_is_one_line() {
    let (log, _guard) = Log::begin("info");
    let house = house(vec![from("carrier", &["127.0.0.1"])], StrangerPolicy::Refuse, |_| {}).await;
    let mut stranger = Phone::at("127.0.0.9", house.address).await;
    for attempt in 1..=3 {
        let invite = stranger.request("INVITE", attempt, &format!("z9hG4bK{attempt}"), "", OFFER);
        for _ in 0..7 {
            stranger.send(&invite).await;
            stranger.status(403).await;
            stranger.send(&stranger.request("ACK", attempt, &format!("z9hG4bK{attempt}"), "", "")).await;
        }
        stranger.remote_tag.clear();
    }
    assert!(house.is_alive().await);
    assert_eq!(log.refusals().len(), 3, "{}", log.text());
}

#[tokio::test]
async fn a_wrong_password_is_a_line_and_to_be_asked_is_none() {
    let (log, _guard) = Log::begin("info");
    let trunks = vec![with_login(from("roaming", &[]), "roamer", "s3cret-word")];
    let mut house = house(trunks, StrangerPolicy::Silence, |_| {}).await;
    let mut phone = Phone::at("127.0.0.9", house.address).await;
    let challenge = challenged(&mut phone, OFFER).await;
    for (sequence, user) in [(2, "roamer"), (3, "SIP refused from=198.51.100.66")] {
        let proof = authorization(&challenge, "MD5", user, "guess");
        let invite = phone.request("INVITE", sequence, "", &proof, OFFER);
        for _ in 0..3 {
            phone.send(&invite).await;
            phone.status(401).await;
            phone.remote_tag.clear();
        }
    }
    let line = format!("from=127.0.0.9 port={} transport=udp why=wrong-password", phone.here.port());
    assert_eq!(log.has(2).await, [line.clone(), line]);
    let proof = authorization(&challenge, "MD5", "roamer", "s3cret-word");
    phone.send(&phone.request("INVITE", 4, "", &proof, OFFER)).await;
    assert!(house.call().await.trunk.is_some());
    assert_eq!(log.refusals().len(), 2);
    let text = log.text();
    assert!(!text.contains("s3cret") && !text.contains("roamer") && !text.contains("198.51"), "{text}");
}

#[tokio::test]
async fn who_has_failed_a_hundred_times_is_not_listened_to_and_nobody_else_is_locked_out() {
    // Z06 irontec/ivozprovider#1419
    let trunks =
        vec![with_login(from("roaming", &[]), "roamer", "word"), with_login(from("other", &[]), "another", "word")];
    let mut house = house(trunks, StrangerPolicy::Silence, |_| {}).await;
    let mut phone = Phone::at("127.0.0.9", house.address).await;
    let challenge = challenged(&mut phone, OFFER).await;
    let wrong = authorization(&challenge, "MD5", "roamer", "guess");
    let failed = tokio::time::timeout(PATIENCE, async {
        for sequence in 2.. {
            phone.send(&phone.request("INVITE", sequence, "", &wrong, OFFER)).await;
            if house.agent.refusals().wrong_password >= 100 {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    failed.await.expect("so many failures");
    let right = authorization(&challenge, "MD5", "roamer", "word");
    let late = Phone::at("127.0.0.9", house.address).await;
    late.send(&late.request("INVITE", 1, "", &right, OFFER)).await;
    let mut elsewhere = Phone::at("127.0.0.10", house.address).await;
    let challenge = challenged(&mut elsewhere, OFFER).await;
    let right = authorization(&challenge, "MD5", "roamer", "word");
    elsewhere.send(&elsewhere.request("INVITE", 2, "", &right, OFFER)).await;
    let call = house.call().await;
    assert_eq!((call.source.ip().to_string().as_str(), call.trunk.as_deref()), ("127.0.0.10", Some("roaming")));
    assert!(house.calls.try_recv().is_err(), "the right password comes too late");
}

#[tokio::test]
async fn too_many_calls_and_broken_messages_of_strangers_are_lines_and_a_trunks_are_none() {
    let (log, _guard) = Log::begin("info");
    let mut house = house(vec![from("carrier", &["127.0.0.1"])], StrangerPolicy::Answer, |config| {
        config.door.stranger_allowance = Allowance { calls: Some(1), rate: None };
    })
    .await;
    let mut phones = Vec::new();
    for address in ["127.0.0.9", "127.0.0.1"] {
        let phone = Phone::at(address, house.address).await;
        phone.send(&phone.invite(OFFER)).await;
        phones.push((house.call().await, phone));
        let mut second = Phone::at(address, house.address).await;
        second.send(&second.invite(OFFER).replace("CSeq: 1 INVITE", "CSeq: one")).await;
        second.status(400).await;
        second.remote_tag.clear();
        if address == "127.0.0.9" {
            second.send(&second.invite(OFFER)).await;
            second.status(503).await;
            let port = second.here.port();
            let expected =
                ["malformed", "too-many"].map(|why| format!("from={address} port={port} transport=udp why={why}"));
            assert_eq!(log.has(2).await, expected);
        }
    }
    assert_eq!(log.refusals().len(), 2, "{}", log.text());
}

/// The filter's pattern with fail2ban's own for an address in the place of `<ADDR>`, after it has cut the date away.
fn filter() -> (Regex, Regex) {
    let page = std::fs::read_to_string(in_tree("docs/defence.md")).unwrap();
    let value = |key: &str| {
        let line = page.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
        line.trim().strip_prefix('=').unwrap().trim().to_owned()
    };
    let date = value("datepattern").replace("%%Y-%%m-%%dT%%H:%%M:%%S", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d");
    let date = date.replace(r"%%f", r"\d{1,6}").replace("%%z", r"(?:Z|[+-]\d\d:?\d\d)");
    let address = r"(?P<host>(?:\d{1,3}\.){3}\d{1,3}|\[?(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}\]?)";
    (Regex::new(&date).unwrap(), Regex::new(&value("failregex").replace("<ADDR>", address)).unwrap())
}

#[tokio::test]
async fn the_filter_of_the_documentation_matches_the_line_and_no_other() {
    let (date, fails) = filter();
    let (log, _guard) = Log::begin("trace");
    let house = house(vec![from("carrier", &["127.0.0.1"])], StrangerPolicy::Silence, |_| {}).await;
    let stranger = Phone::at("127.0.0.9", house.address).await;
    stranger.send(&stranger.invite(OFFER)).await;
    log.has(1).await;
    assert!(house.is_alive().await);
    let text = log.text();
    let mut hosts = Vec::new();
    for line in text.lines() {
        assert!(date.is_match(line), "the date of {line:?}");
        let undated = date.replace(line, "").into_owned();
        hosts.extend(fails.captures(&undated).map(|found| found["host"].to_owned()));
    }
    assert_eq!(hosts, ["127.0.0.9"], "{text}");
    for other in [
        "  INFO hotline::phone: SIP refused from=192.0.2.1 port=5060 transport=udp why=unknown-source",
        "  WARN hotline::defence: SIP refused from=192.0.2.1 port=5060 transport=udp why=unknown-source more",
        "  WARN hotline::defence: x SIP refused from=192.0.2.1 port=5060 transport=udp why=unknown-source",
        "  WARN hotline::defence: SIP refused from=192.0.2.1 port=5060 transport=udp why=else",
        "  WARN hotline::defence: SIP refused from=host.example port=5060 transport=udp why=unknown-source",
    ] {
        assert!(!fails.is_match(other), "{other}");
    }
    for why in ["unknown-source", "wrong-password", "too-many", "malformed"] {
        let line = format!("  WARN hotline::defence: SIP refused from=2001:db8::9 port=1 transport=tls why={why}");
        assert_eq!(&fails.captures(&line).unwrap()["host"], "2001:db8::9");
    }
}
