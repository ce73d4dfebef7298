//! What records on another machine need whatever they speak: a thread for their sockets, a deadline, a breaker, counts.
//!
//! ```text
//!   a pool's worker ──▶ breaker ──open──▶ Err(Resting), at once
//!                          │ leave
//!                          ▼                          in time
//!                    task on the thread "records-io" ───────────▶ answer ──▶ told to the breaker, counted
//!                          └── deadline ──▶ Err(TimedOut); what was under way is dropped, and its connection with it
//! ```
//!
//! A person that is not there, or a database without records, is an answer: the breaker hears of a success.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::RecordsError;
use super::breaker::{Breaker, BreakerPolicy, BreakerState};
use super::password::MOST_AT_ONCE;

/// Names of servers that are resolved at a time.
const RESOLVING: usize = 2;

/// Why records on another machine could not be had. Names no person, and quotes nothing that a server says of values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// They failed lately, and are not asked for now.
    #[error("they failed lately and are not asked for the moment")]
    Resting,
    /// No answer within the deadline.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// No connection.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The connection was lost before the answer was there.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The server refuses, or cannot.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// What was answered cannot be understood.
    #[error("the answer cannot be understood: {0}")]
    Garbled(String),
}

impl RemoteError {
    /// The names in metrics, in the order that [`RemoteCounts::failed`] counts in.
    pub const NAMES: [&'static str; 6] = ["resting", "timed-out", "unreachable", "lost", "refused", "garbled"];

    const fn place(&self) -> usize {
        match self {
            RemoteError::Resting => 0,
            RemoteError::TimedOut(_) => 1,
            RemoteError::Unreachable(_) => 2,
            RemoteError::Lost(_) => 3,
            RemoteError::Refused(_) => 4,
            RemoteError::Garbled(_) => 5,
        }
    }
}

/// How records on another machine have answered since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteCounts {
    /// How the breaker stands.
    pub breaker: BreakerState,
    /// Look-ups answered.
    pub answered: u64,
    /// Of these, those that took longer than each of [`RemoteCounts::BOUNDS_MS`].
    pub slower: [u64; 6],
    /// Look-ups that failed, by [`RemoteError::NAMES`].
    pub failed: [u64; 6],
}

impl RemoteCounts {
    /// The bounds of slowness, in milliseconds.
    pub const BOUNDS_MS: [u64; 6] = [1, 3, 10, 100, 500, 1_000];
}

/// The thread, the deadline, the breaker and the counts.
pub(super) struct Remote {
    /// Some until it is dropped.
    runtime: Option<Runtime>,
    breaker: Mutex<Breaker>,
    deadline: Duration,
    answered: AtomicU64,
    slower: [AtomicU64; 6],
    failed: [AtomicU64; 6],
}

impl Remote {
    /// # Errors
    /// The system's, if it grants no thread.
    pub(super) fn start(deadline: Duration, policy: BreakerPolicy) -> std::io::Result<Remote> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("records-io")
            // Where passwords are hashed and names resolved, off the sockets' thread.
            .max_blocking_threads(MOST_AT_ONCE + RESOLVING)
            .enable_all()
            .build()?;
        Ok(Remote {
            runtime: Some(runtime),
            breaker: Mutex::new(Breaker::new(policy)),
            deadline,
            answered: AtomicU64::new(0),
            slower: Default::default(),
            failed: Default::default(),
        })
    }

    /// Does the work unless the breaker is open, and within the deadline. Blocks until then.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RecordsError>> + Send + 'static,
    ) -> Result<T, RecordsError> {
        let begun = now();
        let Some(leave) = self.breaker().ask(begun) else { return Err(self.counted(RemoteError::Resting)) };
        let result = self.within_the_deadline(work);
        let ended = now();
        let failure = match &result {
            Err(RecordsError::Remote(failure)) => Some(failure),
            _ => None,
        };
        self.tell(leave, failure, ended);
        match result {
            Err(RecordsError::Remote(failure)) => return Err(self.counted(failure)),
            _ => self.answered.fetch_add(1, Ordering::Relaxed),
        };
        let took = ended.saturating_duration_since(begun);
        let slower = RemoteCounts::BOUNDS_MS.into_iter().zip(&self.slower);
        for (_, count) in slower.filter(|(bound, _)| took > Duration::from_millis(*bound)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Does something that no caller waits for, on the same thread, within the deadline.
    pub(super) fn aside(&self, work: impl Future<Output = Result<(), RecordsError>> + Send + 'static) {
        let (Some(runtime), deadline) = (&self.runtime, self.deadline) else { return };
        runtime.spawn(async move {
            match tokio::time::timeout(deadline, work).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the records could not be tidied"),
                Err(_) => tracing::warn!("the records were not tidied in time"),
            }
        });
    }

    pub(super) fn counts(&self) -> RemoteCounts {
        let of = |counts: &[AtomicU64; 6]| std::array::from_fn(|place| load(counts.get(place)));
        RemoteCounts {
            breaker: self.breaker().state(now()),
            answered: load(Some(&self.answered)),
            slower: of(&self.slower),
            failed: of(&self.failed),
        }
    }

    fn within_the_deadline<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RecordsError>> + Send + 'static,
    ) -> Result<T, RecordsError> {
        let broken_off = || RecordsError::Remote(RemoteError::Lost("the look-up broke off".to_owned()));
        let (tell, told) = crossbeam_channel::bounded(1);
        let (runtime, deadline) = (self.runtime.as_ref().ok_or_else(broken_off)?, self.deadline);
        runtime.spawn(async move {
            let late = |_| Err(RecordsError::Remote(RemoteError::TimedOut(deadline)));
            // Nobody hears it if the pool is gone.
            let _ = tell.send(tokio::time::timeout(deadline, work).await.unwrap_or_else(late));
        });
        told.recv().unwrap_or_else(|_| Err(broken_off()))
    }

    fn tell(&self, leave: super::breaker::Leave, failure: Option<&RemoteError>, at: Instant) {
        let mut breaker = self.breaker();
        let before = breaker.state(at);
        breaker.tell(leave, failure.is_none(), at);
        let after = breaker.state(at);
        drop(breaker);
        match failure {
            Some(why) if before == BreakerState::Closed && after == BreakerState::Open => {
                tracing::error!(%why, "the records are down; callers are told so at once until they answer again");
            }
            None if before != BreakerState::Closed && after == BreakerState::Closed => {
                tracing::info!("the records answer again");
            }
            _ => {}
        }
    }

    fn counted(&self, failure: RemoteError) -> RecordsError {
        if let Some(count) = self.failed.get(failure.place()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        RecordsError::Remote(failure)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It may be dropped on a thread of another runtime, which must not wait.
impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn load(count: Option<&AtomicU64>) -> u64 {
    count.map_or(0, |count| count.load(Ordering::Relaxed))
}

#[allow(clippy::disallowed_methods, reason = "the shell's clock: how long another machine takes to answer")]
fn now() -> Instant {
    Instant::now()
}

/// Does some work of a command or of a start to its end, on a thread of its own, since this one may be a runtime's.
///
/// # Errors
/// The system's, if it grants no thread.
pub(super) fn run_once<T: Send, W: Future<Output = T>>(work: impl FnOnce() -> W + Send) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().name("records-once".into());
        let running = thread.spawn_scoped(threads, move || runtime.block_on(work()))?;
        running.join().map_err(|_| std::io::Error::other("the work broke off"))
    })
}
