//! Query passwords at rest: Argon2id (RFC 9106), as PHC strings.
//!
//! ```text
//!   $argon2id$v=19$m=19456,t=2,p=1$salt$hash      19 MiB, 2 passes, 1 lane: OWASP's least for Argon2id
//! ```
//!
//! A hash takes some 20 ms and 19 MiB on purpose, so it is made on the records' workers, never on a call's path, and at most
//! [`MOST_AT_ONCE`] are made at a time in this process: the others wait their turn. Six digits are a million passwords: who
//! holds the table and has hours can try them all for one person. What keeps a caller from it are the lock-outs; what
//! keeps a thief of the file from it is that the file is guarded.
//!
//! Where nobody is found, or has no password, the same work is done on [`NOBODYS`].

use std::sync::{Condvar, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use super::RecordsError;
use crate::facts::Secret;

/// Memory of one hash, in KiB.
pub const MEMORY_KIB: u32 = 19_456;
/// Passes over it.
pub const PASSES: u32 = 2;
/// Lanes.
pub const LANES: u32 = 1;
/// Hashes that are made at a time.
pub const MOST_AT_ONCE: usize = 4;

/// A hash of the same cost that no six digits give.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A person's query password, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPassword {
    /// The PHC string.
    pub hash: Secret<String>,
    /// Whether it is the one that the person was given: to be changed before use.
    pub initial: bool,
}

/// Hashes a password with a salt of its own.
pub(super) fn hash(password: &str) -> Result<Secret<String>, RecordsError> {
    let _turn = Turn::wait();
    hash_now(password)
}

/// The same out of turn, for who has no calls beside it.
pub(super) fn hash_now(password: &str) -> Result<Secret<String>, RecordsError> {
    let hashed = hasher()?.hash_password_with_salt(password.as_bytes(), &rand::random::<[u8; 16]>());
    hashed.map(|hash| Secret::new(hash.to_string())).map_err(|_| RecordsError::PasswordHash)
}

/// Whether this is the stored password. The same work whatever is stored.
pub(super) fn is_right(stored: Option<&StoredPassword>, keyed: &str) -> Result<bool, RecordsError> {
    let _turn = Turn::wait();
    is_right_now(stored, keyed)
}

/// The same out of turn, for who has no calls beside it.
pub(super) fn is_right_now(stored: Option<&StoredPassword>, keyed: &str) -> Result<bool, RecordsError> {
    let usable = stored.and_then(|stored| PasswordHash::new(stored.hash.reveal()).ok()).filter(is_within_bounds);
    let there_is_one = usable.is_some();
    let hash = match usable {
        Some(hash) => hash,
        None => PasswordHash::new(NOBODYS).map_err(|_| RecordsError::PasswordHash)?,
    };
    Ok(hasher()?.verify_password(keyed.as_bytes(), &hash).is_ok() && there_is_one)
}

/// A hash of a file that somebody has changed may not ask for all memory there is.
fn is_within_bounds(hash: &PasswordHash) -> bool {
    Params::try_from(hash).is_ok_and(|cost| {
        (cost.m_cost(), cost.t_cost(), cost.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            && hash.algorithm.as_str() == "argon2id"
    })
}

fn hasher() -> Result<Argon2<'static>, RecordsError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| RecordsError::PasswordHash)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// One of the hashes that are being made.
struct Turn;

static MADE: Mutex<usize> = Mutex::new(0);
static FREE: Condvar = Condvar::new();

impl Turn {
    fn wait() -> Turn {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        while *made >= MOST_AT_ONCE {
            made = FREE.wait(made).unwrap_or_else(PoisonError::into_inner);
        }
        *made += 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        *made = made.saturating_sub(1);
        FREE.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(hash: &str) -> StoredPassword {
        StoredPassword { hash: Secret::new(hash.into()), initial: false }
    }

    #[test]
    fn only_the_password_itself_is_right_and_nobody_has_one() {
        let hashed = hash("135790").unwrap();
        assert!(hashed.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "the parameters are stated");
        assert_ne!(&hashed, &hash("135790").unwrap(), "each has a salt of its own");
        let password = stored(hashed.reveal());
        assert!(is_right(Some(&password), "135790").unwrap());
        for wrong in ["135791", "13579", "", "1357900"] {
            assert!(!is_right(Some(&password), wrong).unwrap(), "{wrong}");
            assert!(!is_right(None, wrong).unwrap(), "{wrong}");
        }
    }

    #[test]
    fn a_hash_of_absurd_cost_or_none_at_all_is_nobodys() {
        for hash in ["", "135790", "$argon2id$v=19$m=4194304,t=9,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(!is_right(Some(&stored(hash)), "135790").unwrap(), "{hash}");
        }
    }
}
