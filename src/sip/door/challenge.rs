//! Digest authentication of those who call in (RFC 3261, section 22; RFC 7616; RFC 8760). Pure: time is an argument.
//!
//! ```text
//!   INVITE ───────────────────────────────────> 401  WWW-Authenticate: Digest realm, nonce, SHA-256
//!                                                    WWW-Authenticate: Digest realm, nonce, MD5
//!   INVITE, Authorization: Digest … ──┬───────> the trunk whose user it is
//!                                     ├─ right, but the nonce is old, not of this node, or used: 401, stale=true
//!                                     └─ wrong: 401
//!
//!   nonce = base64url( second ‖ serial ‖ HMAC-SHA-256(key, second ‖ serial ‖ address)[..16] )
//! ```
//!
//! A nonce says by itself whether it is good: a flood of INVITEs that are asked for a password costs no memory. It is good
//! for [`NONCE_FOR`], from the address that it was given to. What has been used is remembered only of those that knew the
//! password: [`MOST_USED`] of the latest; whoever is past that, within five minutes, could be replayed from its own address.
//!
//! The stack's own digest is not used: it knows SHA-256 by another name than RFC 8760's, `nc` up to 255, and compares in a
//! time that tells how much is right.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hashlink::LruCache;
use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::super::field;
use crate::facts::Secret;

/// The realm of every challenge.
pub const REALM: &str = "hotline";
/// How long a nonce is good for.
pub const NONCE_FOR: Duration = Duration::from_secs(300);
/// Uses of nonces that are remembered.
pub const MOST_USED: usize = 65_536;

/// How a password is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
pub enum Algorithm {
    /// SHA-256 (RFC 8760).
    #[serde(rename = "sha-256")]
    Sha256,
    /// MD5: all that many trunks know.
    #[serde(rename = "md5")]
    Md5,
}

impl Algorithm {
    /// All there are, the stronger first.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Md5];

    /// By its name, in whatever letters.
    pub(in super::super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name))
    }

    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// The hash of these with colons between them, in lower-case hexadecimal digits.
    pub(in super::super) fn hash(self, parts: &[&str]) -> String {
        let parts = parts.join(":");
        let octets = match self {
            Self::Sha256 => Sha256::digest(parts).to_vec(),
            Self::Md5 => Md5::digest(parts).to_vec(),
        };
        octets.iter().fold(String::with_capacity(64), |mut hex, octet| {
            let _ = write!(hex, "{octet:02x}");
            hex
        })
    }
}

/// A user and the password, as a trunk's configuration has them.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret<String>,
}

/// H(user:realm:password) by each algorithm: all that is kept of a password.
#[derive(Debug)]
struct Keys {
    trunk: Option<usize>,
    sha256: Secret<String>,
    md5: Secret<String>,
}

impl Keys {
    fn new(trunk: Option<usize>, login: &Login) -> Self {
        let hash = |algorithm: Algorithm| Secret::new(algorithm.hash(&[&login.user, REALM, login.password.reveal()]));
        Self { trunk, sha256: hash(Algorithm::Sha256), md5: hash(Algorithm::Md5) }
    }

    fn of(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Sha256 => self.sha256.reveal(),
            Algorithm::Md5 => self.md5.reveal(),
        }
    }
}

/// What an INVITE's credentials are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is the trunk of this number.
    Trunk(usize),
    /// It must be asked: there are no credentials, or they answer no challenge of this node.
    None,
    /// It knows the password, and must say so with a new nonce.
    Stale,
    /// The user, or the password of the trunk of this number, is wrong.
    Wrong(Option<usize>),
}

/// Who asks for passwords, and checks them.
#[derive(Debug)]
pub struct Challenger {
    key: Hmac<Sha256>,
    /// Those offered, the preferred first.
    algorithms: Vec<Algorithm>,
    users: HashMap<String, Keys>,
    nobody: Keys,
    /// No two nonces are the same: telephones behind one address may be asked within one second.
    serial: u32,
    used: LruCache<(u128, u32), (u64, Duration)>,
    /// How long a request may come again: 64·T1.
    linger: Duration,
}

impl Challenger {
    /// Checks these users, each of a trunk by its number, by these algorithms. The key is random and of this start alone.
    pub fn new<'a>(
        key: &[u8; 32],
        algorithms: &[Algorithm],
        logins: impl IntoIterator<Item = (usize, &'a Login)>,
        linger: Duration,
    ) -> Self {
        // RFC 2104 fills a key up to the hash's block with zeros.
        let mut block = Key::<Hmac<Sha256>>::default();
        block.iter_mut().zip(key).for_each(|(place, octet)| *place = *octet);
        let users = logins.into_iter().map(|(trunk, login)| (login.user.clone(), Keys::new(Some(trunk), login)));
        let nobody = Login { user: String::new(), password: Secret::new(URL_SAFE_NO_PAD.encode(key)) };
        Self {
            key: Hmac::new(&block),
            algorithms: algorithms.to_vec(),
            users: users.collect(),
            nobody: Keys::new(None, &nobody),
            serial: 0,
            used: LruCache::new(MOST_USED),
            linger,
        }
    }

    /// The header lines that ask for a password: the preferred algorithm first (RFC 8760, section 2.4).
    pub fn challenge(&mut self, source: IpAddr, stale: bool, now: Duration) -> String {
        let nonce = self.nonce(source, now);
        let stale = if stale { ", stale=true" } else { "" };
        self.algorithms.iter().fold(String::new(), |mut lines, algorithm| {
            let algorithm = algorithm.name();
            let _ = write!(
                lines,
                "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}\r\n"
            );
            lines
        })
    }

    /// Checks an Authorization header's value of a request from `source`; `request` is the same for its retransmissions.
    /// Only the trunks that `may` are known to it. A user that there is not takes as long as a wrong password.
    pub fn check(
        &mut self,
        method: &str,
        authorization: Option<&str>,
        source: IpAddr,
        request: u64,
        now: Duration,
        may: impl Fn(usize) -> bool,
    ) -> Proof {
        let answer = authorization.and_then(Answer::parse);
        let Some(answer) = answer.filter(|answer| self.algorithms.contains(&answer.algorithm)) else {
            return Proof::None;
        };
        let user = self.users.get(&answer.user).filter(|keys| keys.trunk.is_some_and(may));
        let keys = user.unwrap_or(&self.nobody);
        let right = answer.response(method, keys.of(answer.algorithm));
        let right = bool::from(right.as_bytes().ct_eq(answer.response.as_bytes()));
        let given = self.given(&answer.nonce, source);
        match (keys.trunk.filter(|_| right), given) {
            (None, Some(_)) => Proof::Wrong(keys.trunk),
            // Whoever has made the nonce up has learnt nothing.
            (None, None) => Proof::None,
            (Some(trunk), Some((second, mac))) => {
                let old = now.as_secs().saturating_sub(second) >= NONCE_FOR.as_secs();
                if !old && self.use_up(mac, answer.count, request, now) { Proof::Trunk(trunk) } else { Proof::Stale }
            }
            (Some(_), None) => Proof::Stale,
        }
    }

    /// The trunk of the user that an Authorization header names, whatever its password.
    pub fn named(&self, authorization: &str) -> Option<usize> {
        self.users.get(&Answer::parse(authorization)?.user)?.trunk
    }

    fn nonce(&mut self, source: IpAddr, now: Duration) -> String {
        self.serial = self.serial.wrapping_add(1);
        let second = u64::from(u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
        let given = (second << 32 | u64::from(self.serial)).to_be_bytes();
        let mac = self.mac(given, source).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode(given.into_iter().chain(mac.into_iter().take(16)).collect::<Vec<u8>>())
    }

    /// When a nonce was given to this source, and its tag; `None` where it was not.
    fn given(&self, nonce: &str, source: IpAddr) -> Option<(u64, u128)> {
        let octets = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (given, tag) = octets.split_first_chunk::<8>()?;
        let tag: &[u8; 16] = tag.try_into().ok()?;
        self.mac(*given, source).verify_truncated_left(tag).ok()?;
        Some((u64::from_be_bytes(*given) >> 32, u128::from_be_bytes(*tag)))
    }

    fn mac(&self, given: [u8; 8], source: IpAddr) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(&given);
        match source.to_canonical() {
            IpAddr::V4(v4) => mac.update(&v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => mac.update(&v6.octets()),
        }
        mac
    }

    /// Each count of a nonce is good for one request, and for that again as long as it may be on its way.
    fn use_up(&mut self, nonce: u128, count: u32, request: u64, now: Duration) -> bool {
        if let Some((first, since)) = self.used.get(&(nonce, count)) {
            return *first == request && now < *since + self.linger;
        }
        self.used.insert((nonce, count), (request, now));
        true
    }
}

/// Whether an Authorization header's value answers a challenge of this realm.
pub fn is_ours(authorization: &str) -> bool {
    Answer::parse(authorization).is_some()
}

/// The answer to a challenge.
struct Answer {
    user: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    /// 0 where there is no `qop`: older senders (RFC 2069) count nothing, so that a nonce serves them once.
    count: u32,
    /// `nc` and `cnonce` as they were sent, where there is a `qop`.
    quality: Option<(String, String)>,
}

impl Answer {
    /// `None` where it is of another scheme or realm, lacks something, or uses what was not offered.
    fn parse(authorization: &str) -> Option<Self> {
        let (scheme, params) = authorization.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut found: HashMap<String, String> = HashMap::new();
        for param in field::entries(params).take(32) {
            let (name, value) = param.split_once('=')?;
            if found.insert(name.trim().to_ascii_lowercase(), unquoted(value.trim())).is_some() {
                return None;
            }
        }
        if found.remove("realm")? != REALM {
            return None;
        }
        let algorithm = match found.remove("algorithm") {
            None => Algorithm::Md5,
            Some(name) => Algorithm::named(&name)?,
        };
        let (count, quality) = match found.remove("qop") {
            None => (0, None),
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let nc = found.remove("nc").filter(|nc| nc.len() == 8)?;
                let count = u32::from_str_radix(&nc, 16).ok().filter(|count| *count > 0)?;
                (count, Some((nc, found.remove("cnonce")?)))
            }
            Some(_) => return None,
        };
        let mut of = |name| found.remove(name);
        Some(Self {
            user: of("username")?,
            nonce: of("nonce")?,
            uri: of("uri")?,
            response: of("response")?.to_ascii_lowercase(),
            algorithm,
            count,
            quality,
        })
    }

    /// What the response must be (RFC 7616, section 3.4.1).
    fn response(&self, method: &str, key: &str) -> String {
        let request = self.algorithm.hash(&[method, &self.uri]);
        match &self.quality {
            Some((nc, cnonce)) => self.algorithm.hash(&[key, &self.nonce, nc, cnonce, "auth", &request]),
            None => self.algorithm.hash(&[key, &self.nonce, &request]),
        }
    }
}

/// A value without its quotes, its escapes undone (RFC 3261, section 25.1).
fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inside.len());
    let mut symbols = inside.chars();
    while let Some(symbol) = symbols.next() {
        text.extend(if symbol == '\\' { symbols.next() } else { Some(symbol) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn source() -> IpAddr {
        "203.0.113.9".parse().unwrap()
    }

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.to_owned(), password: Secret::new(password.to_owned()) }
    }

    fn challenger() -> Challenger {
        let logins = [login("carrier", "a \"secret\""), login("other", "word")];
        Challenger::new(&[7; 32], &Algorithm::ALL, logins.iter().enumerate(), Duration::from_secs(32))
    }

    fn nonce_of(challenge: &str) -> String {
        challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// What a telephone that knows the password sends.
    fn answer(algorithm: Algorithm, user: &str, password: &str, nonce: &str, count: u32) -> String {
        let (uri, nc, cnonce) = ("sip:12333@h;transport=tcp", format!("{count:08x}"), "0a4f,113b");
        let key = algorithm.hash(&[user, REALM, password]);
        let request = algorithm.hash(&["INVITE", uri]);
        let response = algorithm.hash(&[&key, nonce, &nc, cnonce, "auth", &request]);
        format!(
            "Digest username=\"{user}\", realm=\"{REALM}\",nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm={}, cnonce=\"{cnonce}\", qop=auth, nc={nc}",
            algorithm.name()
        )
    }

    fn check(challenger: &mut Challenger, authorization: &str, request: u64, now: Duration) -> Proof {
        challenger.check("INVITE", Some(authorization), source(), request, now, |_| true)
    }

    #[test]
    fn the_example_of_rfc_7616_is_computed() {
        // RFC 7616, section 3.9.1; its errata change nothing here.
        for (algorithm, response) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let answer = Answer {
                user: "Mufasa".into(),
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
                uri: "/dir/index.html".into(),
                response: String::new(),
                algorithm,
                count: 1,
                quality: Some(("00000001".into(), "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".into())),
            };
            let key = algorithm.hash(&["Mufasa", "http-auth@example.org", "Circle of Life"]);
            assert_eq!(answer.response("GET", &key), response);
        }
    }

    #[test]
    fn both_algorithms_are_asked_for_and_taken() {
        let mut challenger = challenger();
        let lines = challenger.challenge(source(), false, NOW);
        let lines: Vec<_> = lines.split_terminator("\r\n").collect();
        let nonce = nonce_of(lines[0]);
        assert_eq!(
            lines,
            ["SHA-256", "MD5"].map(|name| format!(
                "WWW-Authenticate: Digest realm=\"hotline\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\""
            ))
        );
        for (count, algorithm) in (1..).zip(Algorithm::ALL) {
            let sent = answer(algorithm, "carrier", "a \"secret\"", &nonce, count);
            assert_eq!(check(&mut challenger, &sent, u64::from(count), NOW), Proof::Trunk(0), "{sent}");
            let unnamed = sent.replace(" algorithm=MD5,", "");
            assert_eq!(challenger.named(&unnamed), Some(0));
        }
        let other = answer(Algorithm::Md5, "other", "word", &nonce, 3);
        assert_eq!(check(&mut challenger, &other, 3, NOW), Proof::Trunk(1));
        assert_eq!(challenger.check("INVITE", Some(&other), source(), 3, NOW, |trunk| trunk == 0), Proof::Wrong(None));
    }

    #[test]
    fn only_what_is_offered_is_taken() {
        let logins = [login("other", "word")];
        let logins = logins.iter().enumerate();
        let mut challenger = Challenger::new(&[7; 32], &[Algorithm::Md5], logins, Duration::from_secs(32));
        let lines = challenger.challenge(source(), false, NOW);
        assert!(lines.contains("algorithm=MD5,") && !lines.contains("SHA-256"), "{lines}");
        let mut sent = |algorithm| {
            let sent = answer(algorithm, "other", "word", &nonce_of(&lines), 1);
            check(&mut challenger, &sent, 1, NOW)
        };
        assert_eq!((sent(Algorithm::Sha256), sent(Algorithm::Md5)), (Proof::None, Proof::Trunk(0)));
    }

    #[test]
    fn what_is_wrong_is_told_from_what_is_old() {
        let mut challenger = challenger();
        let nonce = nonce_of(&challenger.challenge(source(), false, NOW));
        let good = answer(Algorithm::Sha256, "carrier", "a \"secret\"", &nonce, 1);
        let guess = |user, password, nonce: &str| answer(Algorithm::Sha256, user, password, nonce, 1);
        assert_eq!(check(&mut challenger, &guess("carrier", "guess", &nonce), 1, NOW), Proof::Wrong(Some(0)));
        assert_eq!(check(&mut challenger, &guess("nobody", "guess", &nonce), 1, NOW), Proof::Wrong(None));
        assert_eq!(check(&mut challenger, &guess("", "", &nonce), 1, NOW), Proof::Wrong(None));
        let invented = URL_SAFE_NO_PAD.encode([0; 24]);
        assert_ne!(nonce_of(&challenger.challenge(source(), false, NOW)), nonce, "another telephone of that address");
        assert_eq!(check(&mut challenger, &guess("carrier", "guess", &invented), 1, NOW), Proof::None);
        assert_eq!(check(&mut challenger, &good, 1, NOW + NONCE_FOR), Proof::Stale, "it is old");
        let elsewhere = "203.0.113.10".parse().unwrap();
        assert_eq!(
            challenger.check("INVITE", Some(&good), elsewhere, 1, NOW, |_| true),
            Proof::Stale,
            "given to another"
        );
        let known = guess("carrier", "a \"secret\"", "of-another-start");
        assert_eq!(check(&mut challenger, &known, 1, NOW), Proof::Stale, "given by another");
        assert_eq!(check(&mut challenger, &good, 1, NOW + NONCE_FOR - Duration::from_secs(1)), Proof::Trunk(0));
        assert_eq!(challenger.check("BYE", Some(&good), source(), 1, NOW, |_| true), Proof::Wrong(Some(0)));
        assert_eq!(challenger.check("INVITE", None, source(), 1, NOW, |_| true), Proof::None);
        assert!(challenger.challenge(source(), true, NOW).contains("qop=\"auth\", stale=true\r\n"));
    }

    #[test]
    fn an_answer_serves_one_request_and_its_retransmissions() {
        let mut challenger = challenger();
        let nonce = nonce_of(&challenger.challenge(source(), false, NOW));
        let mut sent = |count, request, seconds| {
            let sent = answer(Algorithm::Sha256, "other", "word", &nonce, count);
            check(&mut challenger, &sent, request, NOW + Duration::from_secs(seconds))
        };
        assert_eq!((sent(2, 1, 0), sent(2, 1, 16)), (Proof::Trunk(1), Proof::Trunk(1)), "on its way once more");
        assert_eq!((sent(2, 9, 16), sent(2, 1, 32)), (Proof::Stale, Proof::Stale), "used");
        assert_eq!((sent(1, 2, 40), sent(300, 3, 40)), (Proof::Trunk(1), Proof::Trunk(1)), "in any order, past 255");
    }

    #[test]
    fn an_older_sender_may_use_a_nonce_once() {
        let mut challenger = challenger();
        let nonce = nonce_of(&challenger.challenge(source(), false, NOW));
        let key = Algorithm::Md5.hash(&["other", REALM, "word"]);
        let response = Algorithm::Md5.hash(&[&key, &nonce, &Algorithm::Md5.hash(&["INVITE", "sip:h"])]);
        let sent = format!(
            "digest username=\"other\",realm=\"hotline\",nonce=\"{nonce}\",uri=\"sip:h\",response=\"{response}\""
        );
        assert_eq!(check(&mut challenger, &sent, 1, NOW), Proof::Trunk(1));
        assert_eq!(check(&mut challenger, &sent, 2, NOW), Proof::Stale);
    }

    #[test]
    fn what_answers_no_challenge_is_asked() {
        let mut challenger = challenger();
        let nonce = nonce_of(&challenger.challenge(source(), false, NOW));
        let good = answer(Algorithm::Sha256, "other", "word", &nonce, 1);
        for (from, to) in [
            ("Digest ", "Basic "),
            ("realm=\"hotline\"", "realm=\"pbx\""),
            ("algorithm=SHA-256", "algorithm=SHA-512"),
            ("qop=auth", "qop=auth-int"),
            ("nc=00000001", "nc=1"),
            ("nc=00000001", "nc=00000000"),
            ("nc=00000001", "nc=zzzzzzzz"),
            ("cnonce", "xnonce"),
            ("username", "name"),
            (", uri=", ", uri=\"x\", uri="),
            ("response=", "response"),
        ] {
            let sent = good.replacen(from, to, 1);
            assert_ne!(sent, good);
            assert_eq!((check(&mut challenger, &sent, 1, NOW), is_ours(&sent)), (Proof::None, false), "{sent}");
        }
        for rubbish in ["", "Digest", "Digest ", "Digest \"", "Digest a=\"\\", "=,=,="] {
            assert_eq!(check(&mut challenger, rubbish, 1, NOW), Proof::None, "{rubbish}");
        }
        assert_eq!(check(&mut challenger, &good, 1, NOW), Proof::Trunk(1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut challenger = challenger();
        (0..MOST_USED as u32 + 10).for_each(|count| assert!(challenger.use_up(1, count, 1, NOW)));
        assert_eq!(challenger.used.len(), MOST_USED);
        let shown = format!("{challenger:?} {:?}", login("u", "p4ssw0rd"));
        assert!(!shown.contains("p4ssw0rd") && !shown.contains(challenger.nobody.md5.reveal()), "{shown}");
    }
}
