//! Keeps [`Records`], which block, off the calls' path.
//!
//! ```text
//!   ask ──full? Unavailable at once──▶ [ 256 waiting ] ──▶ worker ──expired? Unavailable──▶ records.answer ──▶ reply
//! ```
//!
//! Every question gets exactly one reply, also when the records fail or panic or the pool is dropped. A question already
//! being answered is not broken off: who asks keeps a deadline of its own and ignores a late reply.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use jiff::Timestamp;

use super::audit::{self, Audit};
use super::{Records, RecordsError, RemoteCounts, RemoteError};
use crate::facts::{CallId, Query, Reply};

/// A pool's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Threads that ask the records. Held within 1–64.
    pub workers: usize,
    /// Questions that may wait. At least 1.
    pub queue: usize,
}

impl Default for PoolOptions {
    /// 2 workers, 256 waiting.
    fn default() -> PoolOptions {
        PoolOptions { workers: 2, queue: 256 }
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
    jobs: Option<Sender<Job>>,
    closing: Arc<AtomicBool>,
    counts: Arc<Counts>,
    records: Arc<dyn Records>,
    workers: Vec<JoinHandle<()>>,
}

struct Job {
    call: CallId,
    query: Query,
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
        let (jobs, waiting) = crossbeam_channel::bounded(options.queue.max(1));
        let closing = Arc::new(AtomicBool::new(false));
        let (counts, records) = (Arc::default(), Arc::clone(records));
        let mut pool = RecordsPool { jobs: Some(jobs), closing, counts, records, workers: Vec::new() };
        for number in 0..options.workers.clamp(1, 64) {
            let (records, waiting, closing) = (Arc::clone(&pool.records), waiting.clone(), Arc::clone(&pool.closing));
            let (counts, audit) = (Arc::clone(&pool.counts), audit.cloned());
            let thread = std::thread::Builder::new().name(format!("records-{number}"));
            pool.workers.push(thread.spawn(move || work(&*records, &waiting, &closing, &counts, audit.as_deref()))?);
        }
        Ok(pool)
    }

    /// Asks the records for a call, at the time `at`. `reply` is called exactly once, from a worker's thread (from this one if the
    /// queue is full), and must not block. Once `expires` has passed, a question that still waits is answered
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
        let job = Job { call, query, at, expires, reply: Box::new(reply) };
        let refused = match &self.jobs {
            Some(jobs) => jobs.try_send(job).err().map(crossbeam_channel::TrySendError::into_inner),
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

fn work(
    records: &dyn Records,
    waiting: &Receiver<Job>,
    closing: &AtomicBool,
    counts: &Counts,
    audit: Option<&dyn Audit>,
) {
    for job in waiting {
        let in_time = !closing.load(Ordering::Acquire) && now() < job.expires;
        let reply = if in_time { ask(records, &job) } else { Reply::Unavailable };
        if let Some(audit) = audit {
            audit.tell(audit::access(job.call, job.at, &job.query, &reply));
        }
        if now() >= job.expires {
            counts.late.fetch_add(1, Ordering::Relaxed);
        }
        let answering = AssertUnwindSafe(|| (job.reply)(reply));
        if catch_unwind(answering).is_err() {
            tracing::error!("a look-up's receiver panicked");
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
fn now() -> Instant {
    Instant::now()
}
