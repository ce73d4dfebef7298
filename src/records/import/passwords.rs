//! Initial passwords on their way: put aside while the tables are read, hashed when all else is good, given after the swap.
//!
//! ```text
//!   38 octets a password, sealed ──▶ who has chosen one? who was given the same? ──▶ Argon2id, a thread a core ──▶ sealed ──▶ given
//! ```
//!
//! A hash takes some 20 ms of a core and 19 MiB on purpose; so does finding that the same was given before.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::spool::{Rows, Spool, SpoolError};
use super::{ImportError, NewMonth, Target};
use crate::facts::{PASSWORD_DIGITS, Secret};
use crate::records::RecordsError;
use crate::records::keyed::Keyed;
use crate::records::password::{self, Cost, StoredPassword};

/// So many are asked about, hashed and given at a time.
const AT_ONCE: usize = 500;

/// Initial passwords of a month.
pub(super) struct Initial {
    waiting: Spool,
    hashed: Spool,
    many: u64,
}

/// Somebody's password to come, and the one they have.
struct Task {
    subject: Keyed,
    password: Secret<String>,
    before: Option<StoredPassword>,
}

impl Initial {
    pub(super) fn new(folder: &Path) -> Initial {
        Initial { waiting: Spool::new(folder), hashed: Spool::new(folder), many: 0 }
    }

    /// Puts one aside, of six digits.
    pub(super) fn put(&mut self, subject: &Keyed, password: &Secret<String>) -> Result<(), SpoolError> {
        self.many += 1;
        self.waiting.put(bucket(subject), |row| {
            row.extend_from_slice(&subject.0);
            row.extend_from_slice(password.reveal().as_bytes());
        })
    }

    /// Hashes those that are to be given, and tells how many they are.
    pub(super) fn hash(
        &mut self,
        month: &mut dyn NewMonth,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<u64, ImportError> {
        let (mut done, mut given) = (0, 0);
        for bucket in 0..=u8::MAX {
            let rows = self.waiting.take(bucket)?;
            let mut rows = Rows(&rows);
            let people: Vec<(Keyed, Secret<String>)> =
                std::iter::from_fn(|| read(&mut rows, PASSWORD_DIGITS)).collect();
            for some in people.chunks(AT_ONCE) {
                let subjects: Vec<Keyed> = some.iter().map(|(subject, _)| *subject).collect();
                let standing = month.passwords(&subjects)?;
                let tasks = some.iter().zip(standing).map(|((subject, password), before)| Task {
                    subject: *subject,
                    password: password.clone(),
                    before,
                });
                // Who has chosen one keeps it.
                let tasks: Vec<Task> = tasks.filter(|task| task.before.as_ref().is_none_or(|it| it.initial)).collect();
                done += (some.len() - tasks.len()) as u64;
                for (subject, hash) in hash_all(&tasks, &mut || {
                    done += 1;
                    progress(done, self.many);
                })? {
                    given += 1;
                    self.hashed.put(bucket, |row| {
                        row.extend_from_slice(&subject.0);
                        row.push(hash.reveal().len() as u8);
                        row.extend_from_slice(hash.reveal().as_bytes());
                    })?;
                }
            }
        }
        Ok(given)
    }

    /// Gives what was hashed.
    pub(super) fn give(&mut self, target: &mut dyn Target) -> Result<(), ImportError> {
        for bucket in 0..=u8::MAX {
            let rows = self.hashed.take(bucket)?;
            let mut rows = Rows(&rows);
            let next = || {
                let subject = Keyed(rows.array()?);
                let length = usize::from(rows.array::<1>()?[0]);
                Some((subject, text(&mut rows, length)?))
            };
            let hashes: Vec<(Keyed, Secret<String>)> = std::iter::from_fn(next).collect();
            for some in hashes.chunks(AT_ONCE) {
                target.give(some)?;
            }
        }
        Ok(())
    }
}

fn bucket(subject: &Keyed) -> u8 {
    let [first, ..] = subject.0;
    first
}

fn read(rows: &mut Rows<'_>, length: usize) -> Option<(Keyed, Secret<String>)> {
    Some((Keyed(rows.array()?), text(rows, length)?))
}

fn text(rows: &mut Rows<'_>, length: usize) -> Option<Secret<String>> {
    Some(Secret::new(std::str::from_utf8(rows.bytes(length)?).ok()?.to_owned()))
}

/// Hashes on every core; `progress` is told of each. Left out are those that are the same as before.
fn hash_all(tasks: &[Task], progress: &mut dyn FnMut()) -> Result<Vec<(Keyed, Secret<String>)>, ImportError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(tasks.len());
    let next = &AtomicUsize::new(0);
    let (made, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let made = made.clone();
            scope.spawn(move || {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens any more where one failed.
                    if made.send(task.hash()).is_err() {
                        break;
                    }
                }
            });
        }
        drop(made);
        let mut hashes = Vec::with_capacity(tasks.len());
        for hash in told {
            progress();
            hashes.extend(hash.map_err(ImportError::Password)?);
        }
        Ok(hashes)
    })
}

impl Task {
    fn hash(&self) -> Result<Option<(Keyed, Secret<String>)>, RecordsError> {
        let password = self.password.reveal();
        if self.before.is_some() && password::is_right_now(Cost::Database, self.before.as_ref(), password)? {
            return Ok(None);
        }
        Ok(Some((self.subject, password::hash_now(Cost::Database, password)?)))
    }
}
