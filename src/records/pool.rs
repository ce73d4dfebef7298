//! Keeps [`Records`], which block, off the calls' path.
//!
//! ```text
//!   ask ──full? Unavailable at once─┬─▶ [ 256 waiting ] ──▶ worker ──────┬─expired? Unavailable─▶ records.answer ──▶ reply
//!            a password is hashed   └─▶ [ 256 waiting ] ──▶ hash worker ─┘       a verification, at a whole step ──▶
//! ```
//!
//! A hash takes as long as a hundred look-ups. What needs one has workers of its own, at most [`MOST_AT_ONCE`], so that however
//! many passwords are keyed at once, balances are read meanwhile.
//!
//! Every question gets exactly one reply, also when the records fail or panic or the pool is dropped. A question already
//! being answered is not broken off: who asks keeps a deadline of its own and ignores a late reply.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use jiff::Timestamp;

use super::audit::{self, Audit};
use super::pace::{self, Pace};
use super::password::MOST_AT_ONCE;
use super::{Records, RecordsError, RemoteCounts, RemoteError};
use crate::facts::{CallId, Query, Reply};

/// A pool's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Threads that ask the records. Held within 1–64. As many more, at most [`MOST_AT_ONCE`], ask what takes a password's hash.
    pub workers: usize,
    /// Questions that may wait, of those that take a hash and of the others. At least 1.
    pub queue: usize,
    /// A verification is answered at a whole number of these after it was asked, so that its time tells nothing; as soon as it
    /// is done if zero, which is for measurements.
    pub step: Duration,
}

impl Default for PoolOptions {
    /// 2 workers, 256 waiting, verifications answered at whole tenths of a second.
    fn default() -> PoolOptions {
        PoolOptions { workers: 2, queue: 256, step: Duration::from_millis(100) }
    }
}

/// How many questions there were since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// All.
    pub asked: u64,
    /// Those that were not answered before they expired.
    pub late: u64,
    /// Those that found the queue full.
    pub refused: u64,
}

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    late: AtomicU64,
    refused: AtomicU64,
}

/// Threads over one [`Records`]. Shared by all calls; dropping it answers what waits with [`Reply::Unavailable`] and
/// joins the threads.
pub struct RecordsPool {
    jobs: Option<Lanes>,
    closing: Arc<AtomicBool>,
    counts: Arc<Counts>,
    records: Arc<dyn Records>,
    workers: Vec<JoinHandle<()>>,
}

/// The ways to the workers.
struct Lanes {
    quick: Sender<Job>,
    hashing: Sender<Job>,
}

impl Lanes {
    fn of(&self, query: &Query) -> &Sender<Job> {
        match query {
            Query::Verify { identity, .. } if identity.password.is_some() => &self.hashing,
            Query::SetPassword { .. } => &self.hashing,
            _ => &self.quick,
        }
    }
}

struct Job {
    call: CallId,
    query: Query,
    asked: Instant,
    at: Timestamp,
    expires: Instant,
    reply: Box<dyn FnOnce(Reply) + Send>,
}

impl RecordsPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system's, if it grants no thread.
    pub fn start(records: &Arc<dyn Records>, options: PoolOptions) -> std::io::Result<RecordsPool> {
        RecordsPool::start_with(records, options, None)
    }

    /// Starts the threads; each access to somebody's record is told to the audit log before it is answered.
    ///
    /// # Errors
    /// As [`RecordsPool::start`].
    pub fn audited(
        records: &Arc<dyn Records>,
        options: PoolOptions,
        audit: Arc<dyn Audit>,
    ) -> std::io::Result<RecordsPool> {
        RecordsPool::start_with(records, options, Some(&audit))
    }

    fn start_with(
        records: &Arc<dyn Records>,
        options: PoolOptions,
        audit: Option<&Arc<dyn Audit>>,
    ) -> std::io::Result<RecordsPool> {
        let (quick, waiting) = crossbeam_channel::bounded(options.queue.max(1));
        let (hashing, to_hash) = crossbeam_channel::bounded(options.queue.max(1));
        let jobs = Lanes { quick, hashing };
        let closing = Arc::new(AtomicBool::new(false));
        let (counts, records) = (Arc::default(), Arc::clone(records));
        // It ends with the last worker.
        let pace = match options.step {
            Duration::ZERO => None,
            step => Some(Arc::new(Pace::start(step)?)),
        };
        let mut pool = RecordsPool { jobs: Some(jobs), closing, counts, records, workers: Vec::new() };
        let workers = options.workers.clamp(1, 64);
        let quick = (0..workers).map(|number| (format!("records-{number}"), &waiting));
        let hashing = (0..workers.min(MOST_AT_ONCE)).map(|number| (format!("records-hash-{number}"), &to_hash));
        for (name, waiting) in quick.chain(hashing) {
            let (records, waiting, closing) = (Arc::clone(&pool.records), waiting.clone(), Arc::clone(&pool.closing));
            let (counts, audit, pace) = (Arc::clone(&pool.counts), audit.cloned(), pace.clone());
            let worker = Worker { records, waiting, closing, counts, audit, pace };
            pool.workers.push(std::thread::Builder::new().name(name).spawn(move || worker.work())?);
        }
        Ok(pool)
    }

    /// Asks the records for a call, at the time `at`. `reply` is called exactly once, from a thread of the pool (from this one if
    /// the queue is full), and must not block. Once `expires` has passed, a question that still waits is answered
    /// [`Reply::Unavailable`] without asking. False if the queue was full.
    pub fn ask(
        &self,
        call: CallId,
        query: Query,
        at: Timestamp,
        expires: Instant,
        reply: impl FnOnce(Reply) + Send + 'static,
    ) -> bool {
        self.counts.asked.fetch_add(1, Ordering::Relaxed);
        let job = Job { call, query, asked: now(), at, expires, reply: Box::new(reply) };
        let refused = match &self.jobs {
            Some(jobs) => jobs.of(&job.query).try_send(job).err().map(crossbeam_channel::TrySendError::into_inner),
            None => Some(job),
        };
        let Some(job) = refused else { return true };
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!("a look-up was refused: the queue for the records is full");
        (job.reply)(Reply::Unavailable);
        false
    }

    /// How many questions there were.
    pub fn counts(&self) -> PoolCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        PoolCounts { asked: of(&self.counts.asked), late: of(&self.counts.late), refused: of(&self.counts.refused) }
    }

    /// How a back end on another machine has answered; nothing of one that is here.
    pub fn remote(&self) -> Option<RemoteCounts> {
        self.records.remote()
    }
}

impl Drop for RecordsPool {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        self.jobs = None;
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// What a worker's thread works with.
struct Worker {
    records: Arc<dyn Records>,
    waiting: Receiver<Job>,
    closing: Arc<AtomicBool>,
    counts: Arc<Counts>,
    audit: Option<Arc<dyn Audit>>,
    pace: Option<Arc<Pace>>,
}

impl Worker {
    fn work(&self) {
        for job in &self.waiting {
            let in_time = !self.closing.load(Ordering::Acquire) && now() < job.expires;
            let reply = if in_time { ask(&*self.records, &job) } else { Reply::Unavailable };
            if let Some(audit) = &self.audit {
                audit.tell(audit::access(job.call, job.at, &job.query, &reply));
            }
            if now() >= job.expires {
                self.counts.late.fetch_add(1, Ordering::Relaxed);
            }
            let Job { query, asked, reply: to, .. } = job;
            let answer: pace::Answer = Box::new(move || to(reply));
            match &self.pace {
                Some(pace) if matches!(query, Query::Verify { .. }) => pace.give(asked, answer),
                _ => pace::call(answer),
            }
        }
    }
}

/// The records' answer; [`Reply::Unavailable`] for an error or a panic.
fn ask(records: &dyn Records, job: &Job) -> Reply {
    match catch_unwind(AssertUnwindSafe(|| records.answer(&job.query, job.at))) {
        Ok(Ok(reply)) => reply,
        // That they are down has been said once.
        Ok(Err(RecordsError::Remote(RemoteError::Resting))) => Reply::Unavailable,
        Ok(Err(error)) => {
            tracing::error!(%error, "a look-up failed");
            Reply::Unavailable
        }
        Err(_) => {
            tracing::error!("the records panicked");
            Reply::Unavailable
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a worker compares its asker's deadline with the clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}
