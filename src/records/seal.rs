//! Personal values at rest: sealed, so that a stolen disk shows nothing of them.
//!
//! ```text
//!   keys (a file, the environment, a command; the first seals, all open)
//!     │ HMAC-SHA-256( key, "hotline seal 1" )        the cipher's key: AES-256-GCM-SIV, RFC 8452
//!     │ HMAC-SHA-256( key, "hotline key id 1" )      its first 4 bytes: the key's ID
//!     ▼
//!   a value:  01 │ key ID, 4 │ nonce, 12, random │ cipher text, as long as the value │ tag, 16
//!             00 │ the value as it is            where there are no keys
//!
//!   bound to: length of table, table, column's length, column, row, 8 bytes: a value moved to another row does not open
//! ```
//!
//! Every stored value says by which key it was sealed, so keys are changed while a hotline runs: a new key is put before the
//! old one where the keys come from, `hotline records rekey` seals all values anew, and the old key is taken away. Who meets a
//! key it does not know reads the keys again, at most [`REREAD_AFTER`] once.
//!
//! Where keys are given for the first time, values lie open beside sealed ones until `hotline records rekey` is through: what lies
//! open is then believed. When it has found nothing open it says so in the pepper, and from then on a value that lies open is a
//! fault ([`SealFault::Open`]): who can write to the database, and has no key, cannot put values of their own into it.
//!
//! A database's hashes (see `keyed`) are made under a pepper that lies sealed in it like any other value. So who has the
//! disk alone cannot try numbers against them, and a change of keys changes no hash.

mod source;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aes_gcm_siv::aead::inout::InOutBuf;
use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit as _, Nonce, Tag};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use source::{SealSource, new_key_file, put_new_key_first};

use crate::facts::Secret;

/// Keys that are known at once, at most.
pub const MOST_KEYS: usize = 8;

/// Unknown keys are looked for no oftener.
const REREAD_AFTER: Duration = Duration::from_millis(500);

const CLEAR: u8 = 0;
const SEALED: u8 = 1;
const ID: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 16;

/// What sealing adds to a value's length.
pub const OVERHEAD: usize = 1 + ID + NONCE + TAG;

/// Which key; says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; ID]);

/// `1f09c2aa`.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where a value stands: it opens there alone.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table, or what takes its place.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The row's number.
    pub row: i64,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + self.table.len() + self.column.len() + 8);
        for name in [self.table, self.column] {
            bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.extend_from_slice(&self.row.to_be_bytes());
        bytes
    }
}

/// Why keys cannot be had, or a value cannot be opened. Never names what a value or a key is.
#[derive(Debug, thiserror::Error)]
pub enum SealFault {
    /// The keys cannot be read.
    #[error("the keys of the records cannot be read from {from}: {why}")]
    Source {
        /// Where they were looked for.
        from: String,
        /// Why, and how to mend it.
        why: String,
    },
    /// The value was sealed by a key that is not there.
    #[error("the records are sealed by the key {0}, which is not among the keys: name it in [records.keys]")]
    UnknownKey(KeyId),
    /// It was changed, or belongs to another place.
    #[error("a value of the records does not open: it was changed, or moved here from another row")]
    Broken,
    /// It lies open where all is sealed.
    #[error(
        "a value of the records lies open in a database of which all was sealed: somebody put it there without the key. Find out \
         who may write to it, and load the month anew into a new database"
    )]
    Open,
}

/// What seals the values of one database and opens them. Cheap to clone; shared by all threads.
#[derive(Clone)]
pub struct Seal {
    keys: Arc<Inner>,
    /// Whether all of the database is known to be sealed.
    whole: Arc<AtomicBool>,
}

struct Inner {
    source: Option<SealSource>,
    ring: RwLock<Vec<Sealer>>,
    /// When the source was last asked for an unknown key.
    reread: Mutex<Option<Instant>>,
}

/// One key.
#[derive(Clone)]
struct Sealer {
    id: KeyId,
    cipher: Aes256GcmSiv,
}

impl Seal {
    /// Without keys: values lie as they are.
    pub fn open_values() -> Seal {
        Seal::over(None, Vec::new())
    }

    /// With the keys of a source.
    ///
    /// # Errors
    /// [`SealFault::Source`]
    pub fn of(source: SealSource) -> Result<Seal, SealFault> {
        let ring = ring(&source)?;
        Ok(Seal::over(Some(source), ring))
    }

    /// With the keys of the file that has a database's name with `.key` after it; without, as long as there is no such file.
    ///
    /// # Errors
    /// [`SealFault::Source`]
    pub fn beside(database: &Path) -> Result<Seal, SealFault> {
        let file = Seal::file_beside(database);
        let there = file.exists();
        let source = SealSource::File(file);
        if there { Seal::of(source) } else { Ok(Seal::over(Some(source), Vec::new())) }
    }

    /// The file that [`Seal::beside`] looks for.
    pub fn file_beside(database: &Path) -> PathBuf {
        let mut name = database.as_os_str().to_owned();
        name.push(".key");
        name.into()
    }

    /// With keys that are nowhere but in this process: what they seal is noise once it has ended.
    pub fn for_now() -> Seal {
        let key = Secret::new(rand::random::<[u8; 32]>());
        Seal::over(None, vec![Sealer::new(&key)])
    }

    fn over(source: Option<SealSource>, ring: Vec<Sealer>) -> Seal {
        Seal {
            keys: Arc::new(Inner { source, ring: RwLock::new(ring), reread: Mutex::new(None) }),
            whole: Arc::default(),
        }
    }

    /// The same keys for another database, of which it is not known whether all is sealed.
    pub(super) fn for_database(&self) -> Seal {
        Seal { keys: Arc::clone(&self.keys), whole: Arc::default() }
    }

    /// From here on a value that lies open is a fault.
    pub(super) fn refuse_open(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    /// Whether it has keys, takes this stored value for open, and would believe it all the same.
    pub(super) fn would_believe(&self, stored: &[u8]) -> bool {
        key_of(stored).is_none() && self.current().is_some() && !self.whole.load(Ordering::Relaxed)
    }

    /// The key that seals; nothing where values lie as they are.
    pub fn current(&self) -> Option<KeyId> {
        self.keys.ring.read().unwrap_or_else(PoisonError::into_inner).first().map(|sealer| sealer.id)
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`SealFault::Broken`] for a value of more than 64 GB.
    pub fn seal(&self, place: Place<'_>, value: &[u8]) -> Result<Vec<u8>, SealFault> {
        let ring = self.keys.ring.read().unwrap_or_else(PoisonError::into_inner);
        let mut sealed = Vec::with_capacity(OVERHEAD + value.len());
        let Some(sealer) = ring.first() else {
            sealed.push(CLEAR);
            sealed.extend_from_slice(value);
            return Ok(sealed);
        };
        let nonce: [u8; NONCE] = rand::random();
        sealed.push(SEALED);
        sealed.extend_from_slice(&sealer.id.0);
        sealed.extend_from_slice(&nonce);
        let head = sealed.len();
        sealed.extend_from_slice(value);
        let body = sealed.get_mut(head..).unwrap_or_default();
        let tag = sealer
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), &place.bytes(), InOutBuf::from(body))
            .map_err(|_| SealFault::Broken)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens a value at its place. A value that lies as it is opens with any keys, for a database is sealed row by row; not where
    /// all of the database is known to be sealed.
    ///
    /// # Errors
    /// [`SealFault`]
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
        let (form, rest) = sealed.split_first().ok_or(SealFault::Broken)?;
        match *form {
            CLEAR if self.whole.load(Ordering::Relaxed) => return Err(SealFault::Open),
            CLEAR => return Ok(Zeroizing::new(rest.to_vec())),
            SEALED => {}
            _ => return Err(SealFault::Broken),
        }
        let (id, rest) = rest.split_first_chunk::<ID>().ok_or(SealFault::Broken)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(SealFault::Broken)?;
        let (body, tag) = rest.split_last_chunk::<TAG>().ok_or(SealFault::Broken)?;
        let cipher = self.cipher(KeyId(*id))?;
        let mut value = Zeroizing::new(body.to_vec());
        cipher
            .decrypt_inout_detached(
                &Nonce::from(*nonce),
                &place.bytes(),
                InOutBuf::from(value.as_mut_slice()),
                &Tag::from(*tag),
            )
            .map_err(|_| SealFault::Broken)?;
        Ok(value)
    }

    /// How a value begins that this would seal today.
    pub(super) fn mark(&self) -> Vec<u8> {
        self.current().map_or_else(|| vec![CLEAR], |id| [[SEALED].as_slice(), &id.0].concat())
    }

    /// Whether a stored value is as this would seal it today: by the first key, or not at all where there is none.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        key_of(sealed) == self.current()
    }

    /// The cipher of a key; an unknown one is looked for where the keys come from.
    fn cipher(&self, id: KeyId) -> Result<Aes256GcmSiv, SealFault> {
        let known = || {
            let ring = self.keys.ring.read().unwrap_or_else(PoisonError::into_inner);
            ring.iter().find(|sealer| sealer.id == id).map(|sealer| sealer.cipher.clone())
        };
        if let Some(cipher) = known() {
            return Ok(cipher);
        }
        self.reread();
        known().ok_or(SealFault::UnknownKey(id))
    }

    #[allow(clippy::disallowed_methods, reason = "the records' shell: a source of keys is not asked for each value")]
    fn reread(&self) {
        let Some(source) = &self.keys.source else { return };
        let mut last = self.keys.reread.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if last.is_some_and(|last| now.duration_since(last) < REREAD_AFTER) {
            return;
        }
        *last = Some(now);
        match ring(source) {
            Ok(read) => {
                let mut ring = self.keys.ring.write().unwrap_or_else(PoisonError::into_inner);
                *ring = read;
                tracing::info!(key = ?ring.first().map(|sealer| sealer.id.to_string()), "the keys of the records were read anew");
            }
            Err(error) => tracing::error!(%error, "the keys of the records could not be read anew"),
        }
    }
}

/// Shows which keys there are, not what they are.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.keys.ring.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(ring.iter().map(|sealer| sealer.id)).finish()
    }
}

/// The key that a stored value was sealed by; nothing if it lies as it is.
pub fn key_of(sealed: &[u8]) -> Option<KeyId> {
    let (form, rest) = sealed.split_first()?;
    rest.first_chunk::<ID>().filter(|_| *form == SEALED).map(|id| KeyId(*id))
}

fn ring(source: &SealSource) -> Result<Vec<Sealer>, SealFault> {
    let mut ring: Vec<Sealer> = Vec::new();
    for key in source.read()? {
        let sealer = Sealer::new(&key);
        if !ring.iter().any(|other| other.id == sealer.id) {
            ring.push(sealer);
        }
    }
    Ok(ring)
}

impl Sealer {
    fn new(key: &Secret<[u8; 32]>) -> Sealer {
        let derived = |label: &[u8]| {
            let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
            block.iter_mut().zip(key.reveal()).for_each(|(place, byte)| *place = *byte);
            <Hmac<Sha256> as hmac::KeyInit>::new(&block).chain_update(label).finalize().into_bytes()
        };
        let mut id = [0; ID];
        id.iter_mut().zip(derived(b"hotline key id 1")).for_each(|(place, byte)| *place = byte);
        let mut cipher = Zeroizing::new([0_u8; 32]);
        cipher.iter_mut().zip(derived(b"hotline seal 1")).for_each(|(place, byte)| *place = byte);
        Sealer { id: KeyId(id), cipher: Aes256GcmSiv::new(&(*cipher).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place { table: "people", column: "number", row: 7 };

    fn file(lines: &str) -> (tempfile::TempDir, SealSource) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.key");
        write(&path, lines);
        (folder, SealSource::File(path))
    }

    fn write(path: &Path, lines: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(path, lines).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn key(byte: u8) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode([byte; 32])
    }

    #[test]
    fn a_sealed_value_shows_nothing_and_opens_at_its_place_alone() {
        let (_folder, source) = file(&key(1));
        let seal = Seal::of(source).unwrap();
        let sealed = seal.seal(PLACE, b"10000001").unwrap();
        assert_eq!(sealed.len(), 8 + OVERHEAD);
        assert!(!sealed.windows(4).any(|part| part == b"1000"));
        assert_ne!(sealed, seal.seal(PLACE, b"10000001").unwrap(), "each sealing has a nonce of its own");
        assert_eq!(seal.open(PLACE, &sealed).unwrap().as_slice(), b"10000001");
        for elsewhere in [
            Place { row: 8, ..PLACE },
            Place { column: "id", ..PLACE },
            Place { table: "peoplen", column: "umber", ..PLACE },
        ] {
            assert!(matches!(seal.open(elsewhere, &sealed), Err(SealFault::Broken)));
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let (_folder, source) = file(&key(1));
        let seal = Seal::of(source).unwrap();
        let sealed = seal.seal(PLACE, b"10000001").unwrap();
        for place in 5..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(matches!(seal.open(PLACE, &changed), Err(SealFault::Broken)), "byte {place}");
        }
        for length in 0..sealed.len() {
            assert!(seal.open(PLACE, &sealed[..length]).is_err(), "{length} bytes");
        }
        assert!(matches!(seal.open(PLACE, &[2, 0, 0]), Err(SealFault::Broken)));
    }

    #[test]
    fn without_keys_a_value_lies_as_it_is_and_opens_with_any() {
        let open = Seal::open_values();
        let stored = open.seal(PLACE, b"10000001").unwrap();
        assert_eq!((key_of(&stored), open.current()), (None, None));
        let (_folder, source) = file(&key(1));
        let seal = Seal::of(source).unwrap();
        assert_eq!(seal.open(PLACE, &stored).unwrap().as_slice(), b"10000001");
        assert!(open.is_current(&stored) && !seal.is_current(&stored));
    }

    #[test]
    fn keys_are_changed_while_both_are_known_and_a_new_one_is_found_by_itself() {
        let (folder, source) = file(&key(1));
        let running = Seal::of(source.clone()).unwrap();
        let old = running.seal(PLACE, b"10000001").unwrap();
        write(&folder.path().join("records.key"), &format!("# new\n{}\n{}\n", key(2), key(1)));
        let rekeying = Seal::of(source).unwrap();
        let new = rekeying.seal(PLACE, &rekeying.open(PLACE, &old).unwrap()).unwrap();
        assert!(rekeying.is_current(&new) && !rekeying.is_current(&old));
        assert_eq!(running.open(PLACE, &new).unwrap().as_slice(), b"10000001");
        assert_eq!(running.current(), rekeying.current(), "it seals by the new one too");
        let (_folder, source) = file(&key(3));
        let stranger = Seal::of(source).unwrap();
        let told = stranger.open(PLACE, &new).unwrap_err().to_string();
        assert!(told.contains(&rekeying.current().unwrap().to_string()), "{told}");
        assert!(!told.contains(&key(2)));
    }

    /// Sealed by Python's cryptography (OpenSSL's AES-256-GCM-SIV), with the keys derived by its hmac.
    #[test]
    fn a_value_that_was_sealed_before_still_opens() {
        let (_folder, source) = file(&key(9));
        let seal = Seal::of(source).unwrap();
        assert_eq!(seal.current().unwrap().to_string(), "983f1830");
        let hex = "01983f1830000102030405060708090a0b14b16cca0d044ae64d5819d2a7ab058a512fa09843da70fb";
        let digit = |symbol: &u8| char::from(*symbol).to_digit(16).unwrap() as u8;
        let sealed: Vec<u8> = hex.as_bytes().chunks(2).map(|two| digit(&two[0]) * 16 + digit(&two[1])).collect();
        assert_eq!(seal.open(PLACE, &sealed).unwrap().as_slice(), b"10000001");
    }
}
