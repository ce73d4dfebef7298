//! Keyed hashes: what lock-outs and call records hold in the place of an ID or a telephone number.
//!
//! ```text
//!   hash = HMAC-SHA-256( pepper, kind byte ‖ value )        RFC 2104; 32 bytes
//! ```
//!
//! The pepper is 32 random bytes a database, made when the database is. It keeps hashes of two databases from being
//! compared, and a copied table from being looked up in a list made beforehand. Who holds the whole database can try
//! all numbers there are: the hash is no substitute for guarding the file.

use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::facts::{CallerNumber, CitizenId, Secret};

/// What a hash is of: the same digits as an ID and as a telephone number hash differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An ID number.
    Id,
    /// A caller's telephone number.
    Caller,
    /// A person's row.
    Person,
    /// A SIP Call-ID.
    SipCall,
    /// A social security number, only to compare two.
    Number,
}

/// A keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Keyed(pub(super) [u8; 32]);

/// The key of a database's hashes.
#[derive(Clone)]
pub(super) struct Pepper(Hmac<Sha256>);

impl Pepper {
    /// The pepper of stored bytes.
    pub(super) fn new(bytes: &[u8; 32]) -> Pepper {
        // RFC 2104 fills a key up to the hash's block with zeros.
        let mut block = Key::<Hmac<Sha256>>::default();
        block.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        Pepper(Hmac::new(&block))
    }

    /// Fresh random bytes, for a new database.
    pub(super) fn random_bytes() -> [u8; 32] {
        rand::random()
    }

    /// The keyed hash of a value.
    pub(super) fn hash(&self, kind: Kind, value: &[u8]) -> Keyed {
        Keyed(self.mac(kind, value).finalize().into_bytes().into())
    }

    /// The subjects that a verification counts against: the ID, and the caller's number where there is one.
    pub(super) fn subjects(&self, id: &Secret<CitizenId>, caller: Option<&CallerNumber>) -> Vec<Keyed> {
        let caller = caller.filter(|caller| !caller.reveal().is_empty());
        let id = self.hash(Kind::Id, id.reveal().as_str().as_bytes());
        std::iter::once(id).chain(caller.map(|caller| self.hash(Kind::Caller, caller.reveal().as_bytes()))).collect()
    }

    /// Whether a stored number is the keyed one. Takes the same time whatever they are, also when nothing is stored:
    /// hashes are compared, in constant time.
    pub(super) fn is_same(&self, stored: Option<&str>, keyed: &str) -> bool {
        let stored_hash = self.hash(Kind::Number, stored.unwrap_or("\0nobody").as_bytes());
        self.mac(Kind::Number, keyed.as_bytes()).verify_slice(&stored_hash.0).is_ok() && stored.is_some()
    }

    fn mac(&self, kind: Kind, value: &[u8]) -> Hmac<Sha256> {
        let kind_byte = match kind {
            Kind::Id => b'i',
            Kind::Caller => b'c',
            Kind::Person => b'p',
            Kind::SipCall => b's',
            Kind::Number => b'n',
        };
        self.0.clone().chain_update([kind_byte]).chain_update(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_peppers_keep_hashes_apart() {
        let (one, other) = (Pepper::new(&[1; 32]), Pepper::new(&[2; 32]));
        let hash = one.hash(Kind::Id, b"12345678");
        // Python: hmac.new(bytes([1] * 32), b"i12345678", "sha256")
        let hex: String = hash.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "d3a2cf6fc1573ab3c952edb643593af7a1d27e9d3f4b3a6961866d602c238df0");
        assert_ne!(hash, one.hash(Kind::Caller, b"12345678"));
        assert_ne!(hash, other.hash(Kind::Id, b"12345678"));
    }

    #[test]
    fn only_the_same_number_is_the_same() {
        let pepper = Pepper::new(&Pepper::random_bytes());
        assert!(pepper.is_same(Some("10000001"), "10000001"));
        for wrong in ["", "1000000", "100000010", "10000002", "\0nobody"] {
            assert!(!pepper.is_same(Some("10000001"), wrong));
            assert!(!pepper.is_same(None, wrong));
        }
    }
}
