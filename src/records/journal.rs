//! What is told at the end of a call or of a look-up, on its way to where it is kept. Nobody who tells waits for anything.
//!
//! ```text
//!   tell ──full? lost──▶ [ 1,024 waiting ] ──▶ thread: masked, appended to the spool ──full? lost──▶ folder of segments
//!                                                                                                          │ peek
//!                        down? again after 1 s, 2 s … 30 s <── thread: Sink::write, up to 256 at once <────┘
//!                                                                    └── written ──▶ advance
//!
//!   once a second ──▶ thread: fdatasync, which a busy disk may take seconds for; nobody else waits for it
//! ```
//!
//! Everything goes through the spool, whether or not the sink is well: so the order is one, and what a kill leaves unwritten is
//! written at the next start. A kill between the sink's commit and the spool's advance has the same entries written again: a
//! sink passes over what it has already, by its name.
//!
//! Lost is what comes while 1,024 wait in memory, what comes while the spool is full, and what the sink will never take.
//! Each is counted and logged, and leaves an entry where the kind of entry has one for that ([`Entry::gap`]).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::spool::Spool;

/// What may wait in memory.
const QUEUE: usize = 1_024;
/// Entries written at once at most.
const BATCH: usize = 256;
/// How long further ones are waited for once there is one: those that come at about the same time cost one writing together.
const GATHERED_FOR: Duration = Duration::from_millis(10);
/// The disk is waited for so often at most: what a power failure may cost.
const SYNCED_EVERY: Duration = Duration::from_secs(1);
/// A sink that is down is tried again after this, and after twice as long each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// How long the end of the process waits for the sink; what is left waits in the spool.
const PASSED_ON_WITHIN: Duration = Duration::from_secs(5);

/// Something that is kept.
pub(super) trait Entry: Serialize + DeserializeOwned + Send + 'static {
    /// What stands where so many were lost, if anything does.
    fn gap(lost: u64) -> Option<Self>;
}

/// Where entries are kept.
pub trait Sink<E>: Send {
    /// Writes entries in order, all of them or none. One that is there already, by its name, is passed over.
    ///
    /// # Errors
    /// [`SinkError`]
    fn write(&mut self, entries: &[E]) -> Result<(), SinkError>;
}

/// Why entries could not be written. Names nobody.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// It may go well later.
    #[error("{0}")]
    Down(String),
    /// It never will, with at least one of these.
    #[error("{0}")]
    Refused(String),
}

/// How entries travel.
pub(super) struct Route {
    /// What they are, for the log and the threads' names.
    pub(super) what: &'static str,
    /// Where those lie that wait.
    pub(super) folder: PathBuf,
    /// Octets of them at most.
    pub(super) most: u64,
    /// So long lies at least between two writings to the sink.
    pub(super) every: Duration,
}

/// How a journal stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalCounts {
    /// Entries lost since the start.
    pub lost: u64,
    /// Octets that wait on the disk.
    pub waiting: u64,
    /// Whether the sink did not take what it was given last.
    pub down: bool,
}

struct Shared {
    what: &'static str,
    spool: Mutex<Spool>,
    lost: AtomicU64,
    /// Of these, those that an entry tells of.
    told_lost: AtomicU64,
    down: AtomicBool,
    ending: AtomicBool,
}

/// The threads, and the way to them.
pub(super) struct Journal<R> {
    queue: Option<Sender<R>>,
    /// Tells the second thread that there is something.
    wake: Option<Sender<()>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl<R: Send + 'static> Journal<R> {
    /// Opens the spool and starts the threads. `mask` makes of what is told what is kept; it runs off the call's path.
    ///
    /// # Errors
    /// The disk's, or the system's if it grants no thread.
    pub(super) fn start<E: Entry>(
        route: Route,
        mut mask: impl FnMut(R) -> E + Send + 'static,
        sink: Box<dyn Sink<E>>,
    ) -> std::io::Result<Journal<R>> {
        let Route { what, folder, most, every } = route;
        let spool = Mutex::new(Spool::open(&folder, most)?);
        let (lost, told_lost, down, ending) =
            (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false), AtomicBool::new(false));
        let shared = Arc::new(Shared { what, spool, lost, told_lost, down, ending });
        let (queue, waiting) = bounded(QUEUE);
        // One word is enough: there is something.
        let (tell, told) = bounded(1);
        let (of_spool, wake) = (Arc::clone(&shared), Some(tell.clone()));
        // It ends when there is nothing more to be brought to the disk.
        let (appending, appended) = bounded::<()>(0);
        let to_spool = move || {
            append_all(&of_spool, &waiting, &mut mask, &tell);
            drop(appending);
        };
        let of_disk = Arc::clone(&shared);
        let to_disk = move || sync_all(&of_disk, &appended);
        let of_sink = Arc::clone(&shared);
        let to_sink = move || {
            Passing { shared: of_sink, sink, every, retry: FIRST_RETRY, next: None, pending: false }.pass_all(&told)
        };
        let thread = |name: String| std::thread::Builder::new().name(name);
        let threads = vec![
            thread(what.replace(' ', "-")).spawn(to_spool)?,
            thread(format!("{}-out", what.replace(' ', "-"))).spawn(to_sink)?,
            thread(format!("{}-sync", what.replace(' ', "-"))).spawn(to_disk)?,
        ];
        Ok(Journal { queue: Some(queue), wake, shared, threads })
    }

    /// Hands something over; never blocks. False if it is lost because too many wait.
    pub(super) fn tell(&self, told: R) -> bool {
        let taken = self.queue.as_ref().is_some_and(|queue| queue.try_send(told).is_ok());
        if !taken {
            self.shared.lose(1, "too many wait");
        }
        taken
    }

    /// Puts an entry into the spool, and returns when a kill would not cost it any more. Waits for nothing but the kernel.
    pub(super) fn keep<E: Entry>(&self, entry: E) {
        append_with_gap(&self.shared, [entry]);
        // The other thread may have a word already.
        let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
    }

    pub(super) fn counts(&self) -> JournalCounts {
        JournalCounts {
            lost: self.shared.lost.load(Ordering::Relaxed),
            waiting: self.shared.spool().octets(),
            down: self.shared.down.load(Ordering::Relaxed),
        }
    }
}

impl<R> Drop for Journal<R> {
    /// Waits until everything is in the spool, and for a time until it is in the sink.
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Release);
        (self.queue, self.wake) = (None, None);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what is lost and warns: of the first, and whenever the count passes a power of two.
    fn lose(&self, entries: u64, why: &str) {
        let before = self.lost.fetch_add(entries, Ordering::Relaxed);
        let now = before.saturating_add(entries);
        if before.checked_ilog2() != now.checked_ilog2() {
            tracing::error!(lost = now, why, "{} are being lost", self.what);
        }
    }
}

/// The first thread: from memory to the spool.
fn append_all<R, E: Entry>(shared: &Shared, waiting: &Receiver<R>, mask: &mut impl FnMut(R) -> E, tell: &Sender<()>) {
    for first in waiting {
        gather();
        let fresh = std::iter::once(first).chain(waiting.try_iter().take(BATCH - 1));
        append_with_gap(shared, fresh.map(&mut *mask));
        // The other thread may have a word already.
        let _ = tell.try_send(());
    }
}

/// The third thread: what is in the spool is brought to the disk, until nothing more is appended.
fn sync_all(shared: &Shared, appended: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = appended.recv_timeout(SYNCED_EVERY) {
        sync(shared);
    }
    sync(shared);
}

/// To the spool, behind what tells of those that were lost before, where something does.
fn append_with_gap<E: Entry>(shared: &Shared, fresh: impl IntoIterator<Item = E>) {
    let lost = shared.lost.load(Ordering::Relaxed);
    let untold = lost.saturating_sub(shared.told_lost.load(Ordering::Relaxed));
    let gap = (untold > 0).then(|| E::gap(untold)).flatten();
    let gaps = usize::from(gap.is_some());
    let entries: Vec<E> = gap.into_iter().chain(fresh).collect();
    if append(shared, &entries, gaps) {
        shared.told_lost.store(lost, Ordering::Relaxed);
    }
}

/// Whether the first is in the spool. So many at the beginning are gaps, which are not lost if there is no room for them.
fn append<E: Entry>(shared: &Shared, entries: &[E], gaps: usize) -> bool {
    let octets: Vec<Vec<u8>> = entries.iter().map(|entry| serde_json::to_vec(entry).unwrap_or_default()).collect();
    let (taken, why) = match shared.spool().append(&octets) {
        Ok(taken) => (taken, "the spool is full".to_owned()),
        Err(error) => (0, error.to_string()),
    };
    let lost = entries.len() - taken.max(gaps);
    if lost > 0 {
        shared.lose(u64::try_from(lost).unwrap_or(u64::MAX), &why);
    }
    taken > 0
}

fn sync(shared: &Shared) {
    // Whoever appends meanwhile does not wait for the disk.
    let files = shared.spool().unsynced();
    if let Err(error) = files.and_then(|files| files.iter().try_for_each(std::fs::File::sync_data)) {
        tracing::error!(%error, "{}: the disk does not take what waits", shared.what);
    }
}

/// The second thread: from the spool to the sink.
struct Passing<E> {
    shared: Arc<Shared>,
    sink: Box<dyn Sink<E>>,
    every: Duration,
    /// How long to wait when it is down once more.
    retry: Duration,
    /// Not before this.
    next: Option<Instant>,
    /// Something waits.
    pending: bool,
}

impl<E: Entry> Passing<E> {
    fn pass_all(mut self, told: &Receiver<()>) {
        // What a former process has left.
        self.pass(None);
        loop {
            let due = self.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now()));
            match told.recv_timeout(if self.pending { due } else { LAST_RETRY }) {
                Ok(()) => self.pending = true,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.pending && self.next.is_none_or(|next| now() >= next) {
                self.pending = false;
                self.pass(None);
            }
        }
        self.pass(Some(now() + PASSED_ON_WITHIN));
    }

    /// Writes all that waits; the last time until then at most.
    fn pass(&mut self, until: Option<Instant>) {
        loop {
            if until.is_some_and(|until| now() >= until) {
                return;
            }
            let peeked = self.shared.spool().peek(BATCH);
            let octets = match peeked {
                Ok(octets) if octets.is_empty() => break,
                Ok(octets) => octets,
                Err(error) => {
                    self.set_aside(&error);
                    return;
                }
            };
            if !self.write(&octets) {
                return;
            }
            // As the process ends, what is left is for the last pass.
            if until.is_none() && self.shared.ending.load(Ordering::Acquire) {
                return;
            }
        }
        self.next = (!self.every.is_zero()).then(|| now() + self.every);
    }

    /// Whether the sink has taken them, or never will.
    fn write(&mut self, octets: &[Vec<u8>]) -> bool {
        let read: Vec<E> = octets.iter().filter_map(|octets| serde_json::from_slice(octets).ok()).collect();
        let unread = octets.len() - read.len();
        if unread > 0 {
            self.shared.lose(u64::try_from(unread).unwrap_or(u64::MAX), "an entry of the spool cannot be read");
        }
        let written = match self.sink.write(&read) {
            Err(SinkError::Refused(_)) => self.write_each(&read),
            other => other,
        };
        match written {
            Ok(()) => self.is_up(),
            Err(error) => {
                self.is_down(&error);
                return false;
            }
        }
        if let Err(error) = self.shared.spool().advance() {
            tracing::error!(%error, "{}: what was written stays in the spool", self.shared.what);
        }
        true
    }

    /// One by one, without those that the sink refuses.
    fn write_each(&mut self, entries: &[E]) -> Result<(), SinkError> {
        for entry in entries {
            match self.sink.write(std::slice::from_ref(entry)) {
                Err(SinkError::Refused(why)) => self.shared.lose(1, &why),
                other => other?,
            }
        }
        Ok(())
    }

    fn is_up(&mut self) {
        self.retry = FIRST_RETRY;
        if self.shared.down.swap(false, Ordering::Relaxed) {
            tracing::info!("{}: what waited is being written", self.shared.what);
        }
    }

    fn is_down(&mut self, error: &SinkError) {
        self.pending = true;
        if !self.shared.down.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "{} cannot be written now, and wait on the disk", self.shared.what);
        }
        self.next = Some(now() + self.retry);
        self.retry = (self.retry * 2).min(LAST_RETRY);
    }

    fn set_aside(&mut self, error: &std::io::Error) {
        self.pending = true;
        let aside = if error.kind() == std::io::ErrorKind::InvalidData {
            self.shared.spool().set_aside()
        } else {
            Err(std::io::Error::new(error.kind(), error.to_string()))
        };
        match aside {
            Ok(file) => {
                self.shared.lose(1, "a part of the spool is damaged");
                tracing::error!(file = %file.display(), "{}: a damaged part of the spool was set aside", self.shared.what);
                self.next = Some(now());
            }
            Err(error) => {
                tracing::error!(%error, "{}: the spool cannot be read", self.shared.what);
                self.next = Some(now() + LAST_RETRY);
            }
        }
    }
}

/// Where a journal of a database lies: beside it, under its name with `.spool` after it.
pub(super) fn beside(database: &Path, what: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".spool");
    Path::new(&name).join(what)
}

#[allow(clippy::disallowed_methods, reason = "the shell's clock: threads of their own that only write")]
fn gather() {
    std::thread::sleep(GATHERED_FOR);
}

#[allow(clippy::disallowed_methods, reason = "the shell's clock: when a sink is tried again")]
fn now() -> Instant {
    Instant::now()
}
