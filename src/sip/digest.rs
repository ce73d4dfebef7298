//! Digest authentication as a client (RFC 3261 section 22, RFC 7616, RFC 8760): challenges read, credentials written. Pure.
//!
//! ```text
//!   401  WWW-Authenticate: Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256
//!                             A1 = user:realm:password     A2 = method:uri
//!                             response = H( H(A1) : nonce : count : cnonce : auth : H(A2) )     with qop
//!                                        H( H(A1) : nonce : H(A2) )                             without (RFC 2069)
//!   REGISTER  Authorization: Digest username="u", realm="r", nonce="n", uri="…", response="…", …
//! ```
//!
//! The stack below has digest too, but does not know `SHA-256` by the name that RFC 8760 gives it, nor a list in `qop`, and
//! counts in decimal. Digest as a server is [`super::door::challenge`].

use super::door::challenge::{Algorithm, Login};
use super::field;
use crate::facts::Secret;

/// The longest challenge that is read, in octets: what it holds is sent back with every request.
const LONGEST: usize = 2048;

/// One challenge that can be answered. What was quoted is kept as it was between its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) nonce: String,
    /// The last answer was right, and only too old.
    pub(super) stale: bool,
    realm: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// As it was written; `None` where it was left out, and is to be left out again.
    algorithm_name: Option<String>,
    qop: bool,
}

impl Challenge {
    /// The strongest of the challenges in these header values that can be answered; of two equal ones the first.
    pub(super) fn best<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        let all = values.filter(|value| value.len() <= LONGEST).flat_map(Self::all);
        let rank = |one: &Self| Algorithm::ALL.iter().position(|algorithm| *algorithm == one.algorithm);
        all.reduce(|best, other| if rank(&other) < rank(&best) { other } else { best })
    }

    /// Every challenge of a value: some put more than one in a header.
    fn all(value: &str) -> Vec<Self> {
        let mut schemes: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
        for entry in field::entries(value) {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            let (scheme, name) = match name.trim().split_once(char::is_whitespace) {
                Some((scheme, name)) => (Some(scheme), name.trim()),
                None => (None, name.trim()),
            };
            if let Some(scheme) = scheme {
                schemes.push((scheme, Vec::new()));
            }
            if let Some((_, params)) = schemes.last_mut() {
                params.push((name, unquoted(value.trim())));
            }
        }
        let digests = schemes.iter().filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Digest"));
        digests.filter_map(|(_, params)| Self::of(params)).collect()
    }

    fn of(params: &[(&str, &str)]) -> Option<Self> {
        let param = |name: &str| params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        let algorithm_name = param("algorithm");
        let qop = param("qop").map(|qop| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")));
        Some(Self {
            nonce: param("nonce").filter(|nonce| !nonce.is_empty())?.to_owned(),
            stale: param("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            realm: param("realm")?.to_owned(),
            opaque: param("opaque").map(str::to_owned),
            algorithm: algorithm_name.map_or(Some(Algorithm::Md5), Algorithm::named)?,
            algorithm_name: algorithm_name.map(str::to_owned),
            // Where auth-int alone is wanted there is nothing to answer.
            qop: qop.map_or(Some(false), |auth| auth.then_some(true))?,
        })
    }

    /// The value of an Authorization or Proxy-Authorization header. `count` says how often this nonce is answered, this time
    /// included.
    pub(super) fn answer(&self, of: &Login, method: &str, uri: &str, cnonce: &str, count: u32) -> String {
        let (user, realm, nonce) = (quotable(&of.user), &self.realm, &self.nonce);
        let hash = |parts: &[&str]| self.algorithm.hash(parts);
        let first = Secret::new(hash(&[&of.user, realm, of.password.reveal()]));
        let (second, counted) = (hash(&[method, uri]), format!("{count:08x}"));
        let response = match self.qop {
            true => hash(&[first.reveal(), nonce, &counted, cnonce, "auth", &second]),
            false => hash(&[first.reveal(), nonce, &second]),
        };
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\""
        );
        if let Some(name) = &self.algorithm_name {
            value.push_str(&format!(", algorithm={name}"));
        }
        if self.qop {
            value.push_str(&format!(", qop=auth, nc={count:08x}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        value
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

fn quotable(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str) -> Option<Challenge> {
        Challenge::best(std::iter::once(value))
    }

    fn credentials(user: &str, password: &str) -> Login {
        Login { user: user.to_owned(), password: Secret::new(password.to_owned()) }
    }

    /// RFC 7616, section 3.9.1.
    #[test]
    fn the_examples_of_rfc_7616_are_answered_as_there() {
        let params = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                      nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                      opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let of = credentials("Mufasa", "Circle of Life");
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, response) in [
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ] {
            let challenge = one(&format!("Digest {params}, algorithm={algorithm}")).unwrap();
            let answer = challenge.answer(&of, "GET", "/dir/index.html", cnonce, 1);
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
            assert!(answer.contains(&format!("algorithm={algorithm}, qop=auth, nc=00000001, ")), "{answer}");
            assert!(answer.ends_with("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""), "{answer}");
        }
    }

    /// RFC 2617, section 3.5, without what it does not need: the form of RFC 2069.
    #[test]
    fn without_qop_the_old_form_is_answered() {
        let challenge =
            one("Digest realm=\"testrealm@host.com\",nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"").unwrap();
        let answer = challenge.answer(&credentials("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", "", 1);
        assert!(answer.ends_with("response=\"670fd8c2df070c60b045671b8b24ff02\""), "{answer}");
    }

    #[test]
    fn a_nonce_is_counted_in_hexadecimal_digits() {
        let challenge = one("Digest realm=\"r\", nonce=\"n\", qop=auth").unwrap();
        let answer = challenge.answer(&credentials("u", "p"), "REGISTER", "sip:r", "c", 26);
        assert!(answer.contains("nc=0000001a"), "{answer}");
    }

    /// RFC 8760, section 2.4: several challenges, and of those that are spoken the strongest.
    #[test]
    fn the_strongest_challenge_is_answered() {
        let values = [
            "Digest realm=\"r\", nonce=\"a\", algorithm=SHA-512-256, qop=\"auth\"",
            "Basic realm=\"r\"",
            "Digest realm=\"r\", nonce=\"b\", algorithm=MD5, qop=\"auth\"",
            "Digest realm=\"r, of all\", nonce=\"c\", algorithm=sha-256, qop=\"auth-int,auth\", stale=TRUE",
            "Digest realm=\"r\", nonce=\"d\", algorithm=SHA-256",
        ];
        let best = Challenge::best(values.into_iter()).unwrap();
        assert_eq!((best.nonce.as_str(), best.realm.as_str(), best.stale), ("c", "r, of all", true));
        assert_eq!(one(&values[1..4].join(", ")).unwrap().nonce, "c", "all in one header");
    }

    #[test]
    fn what_cannot_be_answered_is_no_challenge() {
        for bad in [
            "",
            "Digest",
            "Basic realm=\"r\"",
            "Digest realm=\"r\"",
            "Digest nonce=\"n\"",
            "Digest realm=\"r\", nonce=\"\"",
            "Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
            &format!("Digest realm=\"r\", nonce=\"{}\"", "n".repeat(LONGEST)),
        ] {
            assert_eq!(one(bad), None, "{bad}");
        }
    }

    #[test]
    fn credentials_show_no_password() {
        assert!(!format!("{:?}", credentials("u", "hunter2")).contains("hunter2"));
    }
}
