//! The engine as signalling sees it: reserve a leg, begin it, end it.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};
use mio::{Poll, Waker};

use crate::facts::{Key, Moment};

use super::clock::Clock;
use super::line::Line;
use super::ports::{Pair, Ports};
use super::worker::{Command, MAILBOX, Worker};
use super::{Conductor, Latching, MediaEvent, MediaParams, OnEvent};

/// Messages and updates of one leg that its worker has not read yet.
const MOST_WAITING: usize = 32;
/// The nice value of media threads: before ordinary work (0), behind what keeps the machine alive (-20).
#[cfg(target_os = "linux")]
const PRECEDENCE: i32 = -11;

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The address media sockets are bound to, where a call does not ask for another: a concrete one, or the far end may
    /// see another than it was told.
    pub address: IpAddr,
    /// The ports that are used, in even-odd pairs: a call each.
    pub ports: RangeInclusive<u16>,
    /// Threads. One a core.
    pub workers: usize,
    /// How long a pair rests after a call.
    pub port_rest: Duration,
    /// A call is given up when neither RTP nor RTCP has come for so long.
    pub time_out: Duration,
    /// A silent call sends one packet of silence this often.
    pub keep_alive: Duration,
    /// Which addresses other than the signalled one a call may move to.
    pub latching: Latching,
}

impl EngineConfig {
    /// On this address: ports 10000–59999, a worker a core, two seconds of rest, time-out 60 s, keep-alive 5 s.
    pub fn on(address: IpAddr) -> EngineConfig {
        EngineConfig {
            address,
            ports: 10_000..=59_999,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            port_rest: Duration::from_secs(2),
            time_out: Duration::from_secs(60),
            keep_alive: Duration::from_secs(5),
            latching: Latching::Nat,
        }
    }
}

/// Why the engine cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The configured range holds no even port with an odd one above it.
    #[error("ports {first}-{last} hold no pair of an even port and the next; widen the range of media ports")]
    NoPairs {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
    /// Every pair is in use, or rests after a call.
    #[error("all {pairs} pairs of media ports are in use; widen the range of media ports, or admit fewer calls")]
    PortsExhausted {
        /// How many there are.
        pairs: usize,
    },
    /// Sockets cannot be opened.
    #[error("no media socket on {address} ({error}); if too many files are open, raise the limit (ulimit -n)")]
    Socket {
        /// The configured address.
        address: IpAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A worker's thread or poll cannot be made.
    #[error("the media engine cannot start: {0}")]
    Start(#[source] std::io::Error),
    /// The leg's mailbox is full: its worker is far behind.
    #[error("the call's mailbox is full")]
    Busy,
    /// The leg has begun already, or has not begun, or the engine has stopped.
    #[error("the call is not in the state for this")]
    State,
}

/// The media of many calls. Dropping it ends them all.
pub struct MediaEngine {
    shared: Arc<Shared>,
    workers: Vec<Arc<WorkerHandle>>,
    threads: Vec<JoinHandle<()>>,
    clock: Clock,
}

struct Shared {
    clock: Clock,
    address: IpAddr,
    ports: Mutex<Ports>,
    next_id: AtomicU64,
    /// By worker: slots that are free, and how many are not.
    slots: Vec<Mutex<Slots>>,
    loads: Vec<AtomicUsize>,
}

#[derive(Default)]
struct Slots {
    free: Vec<u32>,
    /// Slots from here on have never been used.
    fresh: u32,
}

struct WorkerHandle {
    mailbox: Sender<Command>,
    waker: Waker,
}

impl WorkerHandle {
    /// Commands of one leg are bounded by its reservation; so the mailbox is by the number of legs.
    fn send(&self, command: Command) -> Result<(), MediaError> {
        self.mailbox.send(command).map_err(|_| MediaError::State)?;
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a media worker cannot be woken");
        }
        Ok(())
    }
}

impl MediaEngine {
    /// Starts the workers.
    ///
    /// # Errors
    /// The range holds no pair; threads or polls cannot be made.
    pub fn start(config: EngineConfig) -> Result<MediaEngine, MediaError> {
        let clock = Clock::start();
        let ports = Ports::new(config.ports.clone(), config.port_rest, Line::can_part(config.address))?;
        let (count, most_calls) = (config.workers.max(1), ports.len());
        let shared = Arc::new(Shared {
            clock,
            address: config.address,
            ports: Mutex::new(ports),
            next_id: AtomicU64::new(0),
            slots: (0..count).map(|_| Mutex::default()).collect(),
            loads: (0..count).map(|_| AtomicUsize::new(0)).collect(),
        });
        let mut engine = MediaEngine { shared, workers: Vec::new(), threads: Vec::new(), clock };
        for index in 0..count {
            let poll = Poll::new().map_err(MediaError::Start)?;
            let waker = Waker::new(poll.registry(), MAILBOX).map_err(MediaError::Start)?;
            let (mailbox, commands) = unbounded();
            let worker = Worker::new(config.clone(), clock, poll, commands, most_calls);
            let thread = std::thread::Builder::new().name(format!("media-{index}"));
            engine.workers.push(Arc::new(WorkerHandle { mailbox, waker }));
            engine.threads.push(thread.spawn(move || run(worker)).map_err(MediaError::Start)?);
        }
        Ok(engine)
    }

    /// Now, on the time line that conductors are given.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Legs that are reserved or running.
    pub fn legs(&self) -> usize {
        self.shared.loads.iter().map(|load| load.load(Ordering::Relaxed)).sum()
    }

    /// Opens a pair of ports for a call, and a place on the worker with the fewest.
    ///
    /// # Errors
    /// No pair is free, or sockets cannot be opened.
    pub fn reserve(&self) -> Result<Leg, MediaError> {
        self.reserve_at(self.shared.address)
    }

    /// The same, on an address of this machine's that is the call's own.
    ///
    /// # Errors
    /// No pair is free, or sockets cannot be opened there.
    pub fn reserve_at(&self, address: IpAddr) -> Result<Leg, MediaError> {
        let now = self.clock.now();
        let pair = lock(&self.shared.ports).take(address, now)?;
        let loads = self.shared.loads.iter().map(|load| load.load(Ordering::Relaxed));
        let worker = loads.enumerate().min_by_key(|(_, load)| *load).map_or(0, |(worker, _)| worker);
        let handle = self.workers.get(worker).ok_or(MediaError::State)?.clone();
        let reservation = Reservation::new(&self.shared, worker, pair.port);
        let address = pair.rtp.local_address().map_err(|error| MediaError::Socket { address, error })?;
        let mailbox = Mailbox {
            worker: handle,
            call: reservation.slot,
            id: reservation.id,
            waiting: reservation.waiting.clone(),
        };
        Ok(Leg { address, mailbox, reserved: Some((pair, reservation)) })
    }
}

impl Drop for MediaEngine {
    fn drop(&mut self) {
        for worker in &self.workers {
            let _ = worker.send(Command::Stop);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A port pair and a worker's slot; both are given back when it is dropped, which must be after the sockets.
pub(super) struct Reservation {
    shared: Arc<Shared>,
    worker: usize,
    slot: u32,
    id: u64,
    port: u16,
    waiting: Arc<AtomicUsize>,
}

impl Reservation {
    fn new(shared: &Arc<Shared>, worker: usize, port: u16) -> Reservation {
        let slot = shared.slots.get(worker).map_or(0, |slots| {
            let mut slots = lock(slots);
            slots.free.pop().unwrap_or_else(|| {
                slots.fresh += 1;
                slots.fresh - 1
            })
        });
        if let Some(load) = shared.loads.get(worker) {
            load.fetch_add(1, Ordering::Relaxed);
        }
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        Reservation { shared: shared.clone(), worker, slot, id, port, waiting: Arc::default() }
    }

    pub(super) fn slot(&self) -> u32 {
        self.slot
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The worker has read a message of the leg's.
    pub(super) fn message_read(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        lock(&self.shared.ports).give_back(self.port, now);
        if let Some(slots) = self.shared.slots.get(self.worker) {
            lock(slots).free.push(self.slot);
        }
        if let Some(load) = self.shared.loads.get(self.worker) {
            load.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A call's media, from its reservation to its end. Dropping it ends it.
pub struct Leg {
    address: SocketAddr,
    mailbox: Mailbox,
    /// Until it begins.
    reserved: Option<(Pair, Reservation)>,
}

impl Leg {
    /// Where RTP is received: the port for the SDP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins the call: the worker calls [`Conductor::start`] at once.
    ///
    /// # Errors
    /// It has begun already, or the engine has stopped.
    pub fn begin(
        &mut self,
        params: MediaParams,
        conductor: Box<dyn Conductor>,
        on_event: impl FnMut(MediaEvent) + Send + 'static,
    ) -> Result<(), MediaError> {
        let (pair, reservation) = self.reserved.take().ok_or(MediaError::State)?;
        let on_event: OnEvent = Box::new(on_event);
        self.mailbox.worker.send(Command::Begin { pair, reservation, params, conductor, on_event })
    }

    /// Carries out a new agreement, from a re-INVITE or UPDATE.
    ///
    /// # Errors
    /// It has not begun; its mailbox is full.
    pub fn update(&self, params: MediaParams) -> Result<(), MediaError> {
        self.check_begun()?;
        let Mailbox { call, id, .. } = self.mailbox;
        self.mailbox.post(Command::Update { call, id, params })
    }

    /// The far end has pressed a key, by SIP INFO: the conductor is told of it, unless another source has told of the press.
    ///
    /// # Errors
    /// It has not begun; its mailbox is full.
    pub fn press(&self, key: Key) -> Result<(), MediaError> {
        self.check_begun()?;
        let Mailbox { call, id, .. } = self.mailbox;
        self.mailbox.post(Command::Key { call, id, key })
    }

    /// A handle to send the conductor messages with, from anywhere.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }

    /// Gives the conductor a message.
    ///
    /// # Errors
    /// It has not begun; its mailbox is full.
    pub fn send(&self, message: Box<dyn Any + Send>) -> Result<(), MediaError> {
        self.check_begun()?;
        self.mailbox.send(message)
    }

    /// Ends the call without waiting: a key under way is closed, RTCP says goodbye, [`Conductor::hung_up`] is called, and
    /// [`MediaEvent::Ended`] brings the figures. A leg that never began only gives its ports back.
    pub fn end(self) {}

    /// Its sockets and place, for who begins the call otherwise than on its worker.
    pub(super) fn into_reserved(mut self) -> Result<(Pair, Reservation), MediaError> {
        self.reserved.take().ok_or(MediaError::State)
    }

    fn check_begun(&self) -> Result<(), MediaError> {
        if self.reserved.is_some() { Err(MediaError::State) } else { Ok(()) }
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        match self.reserved.take() {
            // The sockets close before their ports are given back.
            Some((pair, reservation)) => {
                drop(pair);
                drop(reservation);
            }
            None => {
                let Mailbox { call, id, .. } = self.mailbox;
                let _ = self.mailbox.worker.send(Command::End { call, id });
            }
        }
    }
}

/// Sends messages to one call's conductor; those that come after the call's end are dropped.
#[derive(Clone)]
pub struct Mailbox {
    worker: Arc<WorkerHandle>,
    call: u32,
    id: u64,
    waiting: Arc<AtomicUsize>,
}

impl Mailbox {
    /// Gives the conductor a message.
    ///
    /// # Errors
    /// 32 messages wait already; the engine has stopped.
    pub fn send(&self, message: Box<dyn Any + Send>) -> Result<(), MediaError> {
        self.post(Command::Message { call: self.call, id: self.id, message })
    }

    fn post(&self, command: Command) -> Result<(), MediaError> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(MediaError::Busy);
        }
        self.worker.send(command)
    }
}

/// Runs a worker before what else this machine has to do, if it lets us: sound is late within milliseconds, nothing else
/// is. Without the privilege (CAP_SYS_NICE, or a raised RLIMIT_NICE) it runs like any other thread.
fn run(worker: Worker) {
    if let Err(error) = precede() {
        tracing::info!(%error, "media threads have no precedence over other work (RLIMIT_NICE or CAP_SYS_NICE grant it)");
    }
    worker.run();
}

/// Gives this thread the precedence of a media thread.
///
/// # Errors
/// This machine does not let us, or has no such thing.
pub fn precede() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    return Ok(rustix::process::setpriority_process(None, PRECEDENCE)?);
    #[cfg(not(target_os = "linux"))]
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Whether media threads would have that precedence: a thread of no other use tries.
pub fn may_precede() -> bool {
    std::thread::spawn(|| precede().is_ok()).join().unwrap_or(false)
}

/// A lock is held for a few instructions that do not panic; a poisoned one is sound.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
