//! Query passwords at rest: Argon2id (RFC 9106), as PHC strings.
//!
//! ```text
//!   $argon2id$v=19$m=19456,t=2,p=1$salt$hash      19 MiB, 2 passes, 1 lane: OWASP's least for Argon2id
//! ```
//!
//! A hash takes some 20 ms and 19 MiB on purpose, so it is made on the records' workers, never on a call's path, and at most
//! [`MOST_AT_ONCE`] are made at a time in this process: the others wait their turn. Six digits are a million passwords: who
//! holds a hash and has hours can try them all for one person. What keeps a caller from it are the lock-outs; what
//! keeps a thief of the file from it is that the hash lies there sealed, where there are keys ([`seal`](super::seal)).
//!
//! Where nobody is found, or has no password, the same work is done on a hash of nobody's ([`Cost::nobodys`]).
//!
//! Records that live in memory hold made-up people alone and nothing outlives them, so there a hash costs next to nothing
//! ([`Cost::Memory`]): simulated calls are not to wait for a thief.

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

/// What a hash costs to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// Of a database: full.
    Database,
    /// Of made-up people in memory: the least that Argon2id knows.
    Memory,
}

impl Cost {
    /// Memory in KiB, passes, lanes.
    const fn numbers(self) -> (u32, u32, u32) {
        match self {
            Cost::Database => (MEMORY_KIB, PASSES, LANES),
            Cost::Memory => (Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST),
        }
    }

    /// A hash of this cost that no six digits give.
    const fn nobodys(self) -> &'static str {
        match self {
            Cost::Database => {
                "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            }
            Cost::Memory => "$argon2id$v=19$m=8,t=1,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        }
    }
}

/// A person's query password, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPassword {
    /// The PHC string.
    pub hash: Secret<String>,
    /// Whether it is the one that the person was given: to be changed before use.
    pub initial: bool,
}

/// Hashes a password for a database, with a salt of its own.
pub(super) fn hash(password: &str) -> Result<Secret<String>, RecordsError> {
    hash_at(Cost::Database, password)
}

/// The same at a cost.
pub(super) fn hash_at(cost: Cost, password: &str) -> Result<Secret<String>, RecordsError> {
    let _turn = Turn::wait();
    hash_now(cost, password)
}

/// The same out of turn, for who has no calls beside it.
pub(super) fn hash_now(cost: Cost, password: &str) -> Result<Secret<String>, RecordsError> {
    let hashed = hasher(cost)?.hash_password_with_salt(password.as_bytes(), &rand::random::<[u8; 16]>());
    hashed.map(|hash| Secret::new(hash.to_string())).map_err(|_| RecordsError::PasswordHash)
}

/// Whether this is the stored password. The same work whatever is stored.
pub(super) fn is_right(cost: Cost, stored: Option<&StoredPassword>, keyed: &str) -> Result<bool, RecordsError> {
    let _turn = Turn::wait();
    is_right_now(cost, stored, keyed)
}

/// The same out of turn, for who has no calls beside it.
pub(super) fn is_right_now(cost: Cost, stored: Option<&StoredPassword>, keyed: &str) -> Result<bool, RecordsError> {
    let usable = stored.and_then(|stored| PasswordHash::new(stored.hash.reveal()).ok());
    let usable = usable.filter(|hash| is_of(cost, hash));
    let there_is_one = usable.is_some();
    let hash = match usable {
        Some(hash) => hash,
        None => PasswordHash::new(cost.nobodys()).map_err(|_| RecordsError::PasswordHash)?,
    };
    Ok(hasher(cost)?.verify_password(keyed.as_bytes(), &hash).is_ok() && there_is_one)
}

/// A hash of a file that somebody has changed may ask neither for all memory there is nor for next to none. In memory there may
/// be hashes of a database.
fn is_of(cost: Cost, hash: &PasswordHash) -> bool {
    Params::try_from(hash).is_ok_and(|stated| {
        let stated = (stated.m_cost(), stated.t_cost(), stated.p_cost());
        [cost, Cost::Database].iter().any(|cost| cost.numbers() == stated) && hash.algorithm.as_str() == "argon2id"
    })
}

fn hasher(cost: Cost) -> Result<Argon2<'static>, RecordsError> {
    let (memory, passes, lanes) = cost.numbers();
    let params = Params::new(memory, passes, lanes, None).map_err(|_| RecordsError::PasswordHash)?;
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
        for cost in [Cost::Database, Cost::Memory] {
            let password = stored(hash_at(cost, "135790").unwrap().reveal());
            assert!(is_right(cost, Some(&password), "135790").unwrap());
            for wrong in ["135791", "13579", "", "1357900"] {
                assert!(!is_right(cost, Some(&password), wrong).unwrap(), "{wrong}");
                assert!(!is_right(cost, None, wrong).unwrap(), "{wrong}");
            }
        }
    }

    #[test]
    fn a_hash_of_absurd_cost_or_none_at_all_is_nobodys() {
        for hash in ["", "135790", "$argon2id$v=19$m=4194304,t=9,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(!is_right(Cost::Database, Some(&stored(hash)), "135790").unwrap(), "{hash}");
        }
    }

    #[test]
    fn a_hash_that_costs_next_to_nothing_is_none_for_a_database() {
        let cheap = hash_at(Cost::Memory, "135790").unwrap();
        assert!(cheap.reveal().starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", cheap.reveal());
        assert!(!is_right(Cost::Database, Some(&stored(cheap.reveal())), "135790").unwrap());
        let full = hash("135790").unwrap();
        assert!(
            is_right(Cost::Memory, Some(&stored(full.reveal())), "135790").unwrap(),
            "one of a database, in memory"
        );
        for cost in [Cost::Database, Cost::Memory] {
            assert!(is_of(cost, &PasswordHash::new(cost.nobodys()).unwrap()), "{cost:?}");
        }
    }
}
