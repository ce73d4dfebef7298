//! Trunks as an agent has them, and the answer of a telephone that knows a password.

use std::sync::Arc;

use hotline::facts::Secret;
use hotline::sip::door::TrunkRule;
use hotline::sip::door::admission::Allowance;
use hotline::sip::door::challenge::Login;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::sip_client::Phone;

/// A trunk whose messages come from here.
pub fn from(name: &str, from: &[&str]) -> TrunkRule {
    let from = from.iter().map(|whence| whence.parse().unwrap()).collect();
    TrunkRule { name: Arc::from(name), from, login: None, allowance: Allowance::default() }
}

/// The same, that must also know a password.
pub fn with_login(mut trunk: TrunkRule, user: &str, password: &str) -> TrunkRule {
    trunk.login = Some(Login { user: user.to_owned(), password: Secret::new(password.to_owned()) });
    trunk
}

fn hash(algorithm: &str, parts: &[&str]) -> String {
    let text = parts.join(":");
    let octets = if algorithm == "MD5" { Md5::digest(text).to_vec() } else { Sha256::digest(text).to_vec() };
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The Authorization line that answers a 401 by this algorithm.
pub fn authorization(challenge: &str, algorithm: &str, user: &str, password: &str) -> String {
    let line = challenge.lines().find(|line| line.contains(&format!("algorithm={algorithm},"))).unwrap();
    let nonce = line.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let (uri, cnonce) = ("sip:12333@hotline", "f00d");
    let key = hash(algorithm, &[user, "hotline", password]);
    let request = hash(algorithm, &["INVITE", uri]);
    let response = hash(algorithm, &[&key, nonce, "00000001", cnonce, "auth", &request]);
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"hotline\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm={algorithm}, cnonce=\"{cnonce}\", qop=auth, nc=00000001\r\n"
    )
}

/// Calls without a password, and acknowledges the challenge.
pub async fn challenged(phone: &mut Phone, body: &str) -> String {
    phone.send(&phone.invite(body)).await;
    let challenge = phone.status(401).await;
    phone.ack_refusal().await;
    phone.remote_tag.clear();
    phone.branch = format!("z9hG4bK{:x}", rand::random::<u64>());
    challenge
}
