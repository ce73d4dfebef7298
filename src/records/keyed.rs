//! Keyed hashes: what lock-outs and call records hold in the place of an ID or a telephone number.
//!
//! ```text
//!   hash = HMAC-SHA-256( pepper, kind byte ‖ value )        RFC 2104; 32 bytes
//! ```
//!
//! ```text
//!   stored pepper = sealed( 32 bytes ‖ 01 if nothing of the database lies open )
//! ```
//!
//! The pepper is 32 random bytes a database, made when the database is. It keeps hashes of two databases from being
//! compared, and a copied table from being looked up in a list made beforehand. Who holds the whole database can try
//! all numbers there are: the hash is no substitute for guarding the file. That all is sealed is said within it, since nobody
//! without the key can take that back.

use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::seal::{Place, Seal, SealFault, key_of};

/// Where the pepper is sealed.
const PEPPER: Place<'static> = Place { table: "meta", column: "pepper", row: 1 };

/// Behind the pepper: nothing of the database lies open.
const WHOLE: u8 = 1;

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
    /// Digits of a card's number.
    Card,
    /// A number under which an agency keeps a person.
    PersonalNumber,
    /// An ID together with whoever asked for it.
    Pair,
    /// A trunk's name.
    Trunk,
}

/// A keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Keyed(pub(super) [u8; 32]);

impl Keyed {
    /// Whether both are of one value. Takes the same time whether they are.
    pub(super) fn is(&self, other: &Keyed) -> bool {
        self.0.iter().zip(other.0).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
    }
}

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

    /// A new database's, as it is stored: where there are keys nothing will ever lie open in it.
    pub(super) fn fresh(seal: &Seal) -> Result<Vec<u8>, SealFault> {
        Pepper::stored(seal, &Pepper::random_bytes(), seal.current().is_some())
    }

    /// Of what is stored. Where that says so, the seal believes nothing that lies open any more.
    pub(super) fn open(seal: &Seal, stored: &[u8]) -> Result<Pepper, SealFault> {
        let (bytes, whole) = Pepper::read(seal, stored)?;
        if whole {
            seal.refuse_open();
        }
        Ok(Pepper::new(&bytes))
    }

    /// What is stored, sealed by the first key; with `whole` it says that nothing lies open, and goes on saying so if it did.
    pub(super) fn anew(seal: &Seal, stored: &[u8], whole: bool) -> Result<Vec<u8>, SealFault> {
        let (bytes, before) = Pepper::read(seal, stored)?;
        Pepper::stored(seal, &bytes, before || whole)
    }

    /// Whether what is stored says that nothing lies open.
    pub(super) fn says_whole(seal: &Seal, stored: &[u8]) -> Result<bool, SealFault> {
        Ok(Pepper::read(seal, stored)?.1)
    }

    /// As it is stored.
    pub(super) fn stored(seal: &Seal, bytes: &[u8; 32], whole: bool) -> Result<Vec<u8>, SealFault> {
        let mut text = Zeroizing::new(bytes.to_vec());
        text.extend(whole.then_some(WHOLE));
        seal.seal(PEPPER, &text)
    }

    fn read(seal: &Seal, stored: &[u8]) -> Result<(Zeroizing<[u8; 32]>, bool), SealFault> {
        let text = seal.open(PEPPER, stored)?;
        let (bytes, rest) = text.split_first_chunk::<32>().ok_or(SealFault::Broken)?;
        match rest {
            [] => Ok((Zeroizing::new(*bytes), false)),
            // Whoever has no key can say nothing of the kind.
            [WHOLE] => Ok((Zeroizing::new(*bytes), key_of(stored).is_some())),
            _ => Err(SealFault::Broken),
        }
    }

    /// The keyed hash of a value.
    pub(super) fn hash(&self, kind: Kind, value: &[u8]) -> Keyed {
        Keyed(self.mac(kind, value).finalize().into_bytes().into())
    }

    fn mac(&self, kind: Kind, value: &[u8]) -> Hmac<Sha256> {
        let kind_byte = match kind {
            Kind::Id => b'i',
            Kind::Caller => b'c',
            Kind::Person => b'p',
            Kind::SipCall => b's',
            Kind::Number => b'n',
            Kind::Card => b'k',
            Kind::PersonalNumber => b'o',
            Kind::Pair => b'2',
            Kind::Trunk => b't',
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
    fn only_the_same_value_is_the_same() {
        let pepper = Pepper::new(&Pepper::random_bytes());
        let hash = |value: &[u8]| pepper.hash(Kind::Number, value);
        assert!(hash(b"10000001").is(&hash(b"10000001")));
        for wrong in ["", "1000000", "100000010", "10000002"] {
            assert!(!hash(b"10000001").is(&hash(wrong.as_bytes())));
        }
    }
}
