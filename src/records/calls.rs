//! Call records: one row a call, written off the call's path, nothing secret in it.
//!
//! ```text
//!   write ──full? counted, dropped, warned──▶ [ 1,024 waiting ] ──▶ thread: up to 256 rows, one transaction
//! ```
//!
//! The caller's number is kept masked (`*********78`) beside its keyed hash, so that a repeated call can be told without
//! knowing who called; the verified person and the SIP Call-ID are kept as keyed hashes only. Records older than
//! [`CallLog::KEPT_DAYS`] before the newest one are deleted as new ones come.
//!
//! Dropping the log writes what waits. A record is lost in three cases, each counted in [`CallLog::lost`]: 1,024 wait
//! already; the database refuses the batch (disk full, locked by another process for longer than its time limit); the
//! process is killed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use super::database::{self, IfMissing, OpenError};
use super::keyed::{Kind, Pepper};
use super::seal::Seal;
use crate::dialogue::{Ending, Story};
use crate::facts::{CallerNumber, KeyCounts, KeySource, PersonRef};

/// Records that may wait.
const QUEUE: usize = 1_024;

/// Records a transaction writes at most.
const BATCH: usize = 256;
/// How long further records are waited for once there is one.
const GATHERED_FOR: Duration = Duration::from_millis(10);

/// Bytes of a path at most.
const MOST_PATH: usize = 4_096;

/// Symbols of a number or a menu's name at most.
const MOST_NAME: usize = 64;

/// Old records deleted at most by one transaction.
const MOST_PRUNED: u32 = 1_000;

/// What became of one call.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// When it began to ring.
    pub started: Timestamp,
    /// When it was answered; nothing if it never was.
    pub answered: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
    /// The number dialled. Cut after 64 symbols.
    pub called: String,
    /// Who called, where the network said so.
    pub caller: Option<CallerNumber>,
    /// The menu's name. Cut after 64 symbols.
    pub menu: String,
    /// The dialogue's own account: path, outcome, ending, language, keys.
    pub story: Story,
    /// The person verified, if any.
    pub person: Option<PersonRef>,
    /// The name of the trunk that brought it, where one did.
    pub trunk: Option<Arc<str>>,
    /// The digest of the version that served it. Cut after 64 symbols.
    pub version: Option<Arc<str>>,
    /// The SIP Call-ID.
    pub sip_call_id: Option<String>,
    /// By which way its keys came.
    pub keys: KeyCounts,
    /// Packets from the caller that did not come.
    pub rtp_lost: Option<u32>,
    /// RFC 3550 interarrival jitter at the call's end, in microseconds.
    pub rtp_jitter_us: Option<u32>,
}

/// The writer of call records: a thread over one database connection.
pub struct CallLog {
    records: Option<Sender<CallRecord>>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl CallLog {
    /// Days that a record is kept. China's Cybersecurity Law wants network logs kept for six months at least, its
    /// Personal Information Protection Law personal data no longer than needed.
    pub const KEPT_DAYS: i64 = 366;

    /// Opens (or makes) the database with the keys beside it ([`Seal::beside`]) and starts the thread.
    ///
    /// # Errors
    /// [`OpenError`] says which file, why, and what to do.
    pub fn open(path: &Path) -> Result<CallLog, OpenError> {
        CallLog::open_with(path, &database::beside(path)?)
    }

    /// The same with these keys, by which the pepper of its hashes is sealed.
    ///
    /// # Errors
    /// [`OpenError`] says which file, why, and what to do.
    pub fn open_with(path: &Path, seal: &Seal) -> Result<CallLog, OpenError> {
        let (connection, pepper) = database::open(path, IfMissing::Create, seal)?;
        let (records, waiting) = crossbeam_channel::bounded(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let thread = std::thread::Builder::new().name("call-records".into());
        let thread = thread
            .spawn(move || write_all(connection, &pepper, &waiting, &counted))
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        Ok(CallLog { records: Some(records), lost, thread: Some(thread) })
    }

    /// Hands a record over; never blocks. False if it was dropped because 1,024 wait already.
    pub fn write(&self, record: CallRecord) -> bool {
        let taken = self.records.as_ref().is_some_and(|records| records.try_send(record).is_ok());
        if !taken {
            lose(&self.lost, 1, "too many wait");
        }
        taken
    }

    /// Records lost since the log was opened.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        self.records = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_all(mut connection: Connection, pepper: &Pepper, waiting: &Receiver<CallRecord>, lost: &AtomicU64) {
    while let Ok(first) = waiting.recv() {
        gather();
        let batch: Vec<CallRecord> = std::iter::once(first).chain(waiting.try_iter().take(BATCH - 1)).collect();
        if let Err(error) = write_batch(&mut connection, pepper, &batch) {
            lose(lost, batch.len() as u64, &error.to_string());
        }
    }
}

/// Calls that end at about the same time are written in one go: a transaction for each would cost more than the calls' own
/// signalling.
#[allow(clippy::disallowed_methods, reason = "the shell's clock: a thread of its own that only writes records")]
fn gather() {
    std::thread::sleep(GATHERED_FOR);
}

/// Counts lost records and warns: of the first, and whenever the count passes a power of two.
fn lose(lost: &AtomicU64, records: u64, why: &str) {
    let before = lost.fetch_add(records, Ordering::Relaxed);
    let now = before.saturating_add(records);
    if before.checked_ilog2() != now.checked_ilog2() {
        tracing::warn!(lost = now, why, "call records are being lost");
    }
}

fn write_batch(connection: &mut Connection, pepper: &Pepper, batch: &[CallRecord]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for record in batch {
        insert(&transaction, pepper, record)?;
    }
    let newest = batch.iter().map(|record| record.started).max().unwrap_or(Timestamp::MIN);
    let kept = SignedDuration::from_hours(24 * CallLog::KEPT_DAYS);
    if let Ok(oldest) = newest.checked_sub(kept) {
        let old =
            "DELETE FROM calls WHERE call IN (SELECT call FROM calls WHERE started < ?1 ORDER BY started LIMIT ?2)";
        transaction.prepare_cached(old)?.execute(params![utc(oldest), MOST_PRUNED])?;
    }
    transaction.commit()
}

fn insert(connection: &Connection, pepper: &Pepper, record: &CallRecord) -> rusqlite::Result<()> {
    let sql = "INSERT INTO calls (started, answered, ended, duration_ms, called, caller_masked, caller_hash, menu, path, \
               path_cut, outcome, ending, language, person_hash, keys, sip_call_hash, rtp_lost, rtp_jitter_us, \
               keys_rfc4733, keys_info, keys_in_band, keys_twice, trunk, path_ms, version) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, \
               ?20, ?21, ?22, ?23, ?24, ?25)";
    let story = &record.story;
    let answered = record.answered.unwrap_or(record.ended);
    let duration = record.ended.as_millisecond().saturating_sub(answered.as_millisecond()).max(0);
    let (path, cut) = path(story);
    let path_ms = record.answered.map(|_| path_ms(story, cut));
    let caller = record.caller.as_ref().map(CallerNumber::reveal).filter(|caller| !caller.is_empty());
    let caller_hash = caller.map(|caller| pepper.hash(Kind::Caller, caller.as_bytes()).0);
    let person_hash = record.person.map(|person| pepper.hash(Kind::Person, &person.0.to_be_bytes()).0);
    let keys_by = |source| record.answered.map(|_| record.keys.of(source));
    let sip_call_hash = record.sip_call_id.as_ref().map(|id| pepper.hash(Kind::SipCall, id.as_bytes()).0);
    connection.prepare_cached(sql)?.execute(params![
        utc(record.started),
        record.answered.map(utc),
        utc(record.ended),
        duration,
        name(&record.called),
        caller.map(|caller| masked(caller)),
        caller_hash,
        name(&record.menu),
        path,
        cut,
        story.outcome.name(),
        story.ending.map(Ending::name),
        story.language.tag(),
        person_hash,
        story.keys,
        sip_call_hash,
        record.rtp_lost,
        record.rtp_jitter_us,
        keys_by(KeySource::Rfc4733),
        keys_by(KeySource::Info),
        keys_by(KeySource::InBand),
        record.answered.map(|_| record.keys.twice),
        record.trunk.as_deref().map(name),
        path_ms,
        record.version.as_deref().map(name),
    ])?;
    Ok(())
}

/// The steps' names, as many as fit whole, and how many do not.
fn path(story: &Story) -> (String, u32) {
    let mut path = String::new();
    let mut fitting = 0;
    for step in &story.path {
        let joint = if path.is_empty() { "" } else { " > " };
        if path.len() + joint.len() + step.len() > MOST_PATH {
            break;
        }
        path.push_str(joint);
        path.push_str(step);
        fitting += 1;
    }
    let left_out = u32::try_from(story.path.len() - fitting).unwrap_or(u32::MAX);
    (path, left_out.saturating_add(story.path_cut))
}

/// When the steps of the path were come to, for as many as it has.
fn path_ms(story: &Story, cut: u32) -> String {
    let left_out = cut.saturating_sub(story.path_cut) as usize;
    let times = story.entered.iter().take(story.path.len().saturating_sub(left_out));
    times.map(|time| time.as_millis().to_string()).collect::<Vec<_>>().join(" ")
}

/// `*********78`: the last two symbols of five or more, none of fewer. At most 32 symbols.
pub(crate) fn masked(number: &str) -> String {
    let length = number.chars().take(32).count();
    let shown = if length >= 5 { 2 } else { 0 };
    let symbols = number.chars().take(32).enumerate();
    symbols.map(|(place, symbol)| if place + shown >= length { symbol } else { '*' }).collect()
}

pub(super) fn name(text: &str) -> String {
    text.chars().take(MOST_NAME).collect()
}

pub(super) fn utc(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Language;
    use std::time::Duration;

    #[test]
    fn numbers_are_masked_but_for_two() {
        for (number, expected) in [
            ("13912345678", "*********78"),
            ("+8613912345678", "************78"),
            ("12345", "***45"),
            ("1001", "****"),
            ("", ""),
            ("号码一二三四", "****三四"),
        ] {
            assert_eq!(masked(number), expected);
        }
        assert_eq!(masked(&"7".repeat(100)).len(), 32);
    }

    #[test]
    fn a_long_path_is_cut_between_steps() {
        let step: Arc<str> = "s".repeat(97).into();
        let mut story = Story {
            path: vec![step; 60],
            entered: (0..60).map(Duration::from_secs).collect(),
            path_cut: 5,
            ..Story::of(Language::En)
        };
        let (text, cut) = path(&story);
        assert_eq!(path_ms(&story, cut).split(' ').count(), text.split(" > ").count());
        assert_eq!((text.len(), cut), (3_997, 25));
        assert!(text.ends_with('s'));
        story.path = vec!["x".repeat(5_000).into(), "main".into()];
        assert_eq!(path(&story), (String::new(), 7));
    }
}
