//! One connection: its task reads, judges and writes; the rest of the agent holds its handle.
//!
//! ```text
//!   open ── reading, writing ─┬─ peer closes, write fails, nothing within the limits ──> gone
//!                             └─ fault, too much waiting, agent stops ──> writes what waits, says so, at most 2 s ──> gone
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rsipstack::sip::{Domain, HeadersExt as _, Host, HostWithPort, SipMessage};
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::connection::TransportReceiver;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;

use super::super::door::Arrival;
use super::super::gate::{self, FrontDesk as _, Gate, Reason};
use super::super::listen::Transport;
use super::framer::{Frame, FrameFault, Framer};
use super::links::{Links, Place};

/// Octets read at once.
const READ: usize = 16 * 1024;
/// So many octets waiting to be written: nothing more is read.
const MUCH_WAITING: usize = 64 * 1024;
/// So many: the connection is closed.
const MOST_WAITING: usize = 256 * 1024;
/// How long a connection that is being closed may still take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// The two ends of a connection.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) transport: Transport,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) opened_here: bool,
    /// The name that the peer's certificate has been checked for.
    pub(super) name: Option<ServerName<'static>>,
}

/// A connection, as the rest of the agent holds it.
pub(in super::super) struct Link {
    pub(super) id: u64,
    pub(in super::super) transport: Transport,
    /// This side's address.
    pub(in super::super) local: SocketAddr,
    pub(in super::super) peer: SocketAddr,
    /// Whether this side has opened it.
    pub(in super::super) opened_here: bool,
    /// The name that the peer's certificate has been checked for.
    pub(in super::super) name: Option<ServerName<'static>>,
    /// What the stack sends on.
    pub(in super::super) connection: SipConnection,
    gone: CancellationToken,
    calls: AtomicUsize,
}

impl Link {
    /// A connection's handle; its task runs from now on. `None` where the stack has no channel for it.
    pub(super) async fn open<S>(links: &Arc<Links>, place: Place, side: Side, stream: S) -> Option<Arc<Self>>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let Side { transport, local, peer, opened_here, name } = side;
        let id = links.number();
        // The stack wants an address for a channel, and sends to none: the number finds the connection again.
        let host = Host::Domain(Domain(id.to_string()));
        let address = SipAddr { r#type: None, addr: HostWithPort { host, port: None } };
        let (_, nothing) = mpsc::unbounded_channel();
        let (to_link, outgoing) = mpsc::unbounded_channel();
        let gone = CancellationToken::new();
        let channel = ChannelConnection::create_connection(nothing, to_link, address, Some(gone.clone())).await;
        let connection = SipConnection::Channel(channel.ok()?);
        let calls = AtomicUsize::new(0);
        let link = Arc::new(Self { id, transport, local, peer, opened_here, name, connection, gone, calls });
        links.add(&link);
        let task = Task::new(Arc::clone(links), Arc::clone(&link));
        tokio::spawn(async move {
            task.run(stream, outgoing).await;
            drop(place);
        });
        Some(link)
    }

    /// Whether it can carry nothing any more.
    pub(in super::super) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Waits for its end.
    pub(in super::super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Keeps it open however silent, for as long as this is held: a call is on it.
    pub(in super::super) fn hold(self: &Arc<Self>) -> Held {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Held(Arc::clone(self))
    }
}

/// A connection that a call is on.
pub(in super::super) struct Held(Arc<Link>);

impl std::ops::Deref for Held {
    type Target = Arc<Link>;

    fn deref(&self) -> &Arc<Link> {
        &self.0
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        self.0.hold()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a connection's task knows.
struct Task {
    links: Arc<Links>,
    link: Arc<Link>,
    framer: Framer,
    waiting: Vec<u8>,
    /// When the message that is coming began.
    begun: Option<Instant>,
    /// When the peer last took something, or nothing waited for it.
    taken: Instant,
    /// When anything last came or went.
    moved: Instant,
    /// Until when the first message must have come.
    first: Option<Instant>,
    /// Nothing more is taken in, and once nothing waits, or at this time, it is over.
    closing: Option<Instant>,
    /// The peer sends nothing more.
    read_out: bool,
}

enum Turn {
    Read(std::io::Result<usize>),
    /// So many octets; `None`: all is on its way.
    Wrote(std::io::Result<Option<usize>>),
    Send(Vec<u8>),
    Timeout,
    Stop,
}

impl Task {
    fn new(links: Arc<Links>, link: Arc<Link>) -> Self {
        let now = now();
        let first = (!link.opened_here).then(|| now + links.limits.first);
        let (framer, waiting) = (Framer::default(), Vec::new());
        Self {
            links,
            link,
            framer,
            waiting,
            begun: None,
            taken: now,
            moved: now,
            first,
            closing: None,
            read_out: false,
        }
    }

    async fn run<S: AsyncRead + AsyncWrite>(mut self, stream: S, mut outgoing: TransportReceiver) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut octets, mut flushed, mut shut) = (vec![0; READ], true, false);
        let stop = self.links.token.clone();
        loop {
            let (open, deadline) = (self.closing.is_none(), self.deadline());
            let next = self.waiting.get(..self.waiting.len().min(READ)).unwrap_or_default();
            let reads = !self.read_out && (!open || self.waiting.len() < MUCH_WAITING);
            let turn = tokio::select! {
                event = outgoing.recv(), if open => Turn::Send(octets_of(event)),
                wrote = write(&mut writer, next), if !next.is_empty() || !flushed => Turn::Wrote(wrote),
                read = reader.read(&mut octets), if reads => Turn::Read(read),
                () = tokio::time::sleep_until(deadline) => Turn::Timeout,
                () = stop.cancelled(), if open => Turn::Stop,
            };
            match turn {
                Turn::Send(octets) => self.wait(&octets),
                Turn::Wrote(Ok(None)) => flushed = true,
                Turn::Wrote(Ok(Some(length))) if length > 0 => {
                    self.waiting.drain(..length);
                    (self.taken, self.moved, flushed) = (now(), now(), false);
                }
                // A peer that has been told of its fault may have more on the way: it is not looked at, but taken off
                // the socket, or the kernel would tear the connection down before the answer is read.
                Turn::Read(Ok(length)) if length > 0 && !open => {}
                Turn::Read(Ok(length)) if length > 0 => self.received(octets.get(..length).unwrap_or_default()).await,
                Turn::Read(Ok(_)) | Turn::Stop => {
                    self.read_out = !matches!(turn, Turn::Stop);
                    while let Ok(event) = outgoing.try_recv() {
                        self.wait(&octets_of(Some(event)));
                    }
                    self.close();
                }
                Turn::Timeout if open && self.is_kept() => self.moved = now(),
                _ => break,
            }
            let over = self.closing.is_some() && self.waiting.is_empty() && flushed;
            if over && (self.read_out || (!std::mem::replace(&mut shut, true) && !shut_down(&mut writer).await)) {
                break;
            }
        }
        self.link.gone.cancel();
        self.links.remove(&self.link);
    }

    /// What is to be sent waits its turn.
    fn wait(&mut self, octets: &[u8]) {
        if self.waiting.is_empty() {
            self.taken = now();
        }
        if self.waiting.len() + octets.len() > MOST_WAITING {
            tracing::debug!("a SIP connection is closed: its peer does not read");
            self.close();
            return;
        }
        self.waiting.extend_from_slice(octets);
    }

    async fn received(&mut self, octets: &[u8]) {
        self.moved = now();
        self.framer.push(octets);
        while self.closing.is_none() {
            match self.framer.next_frame() {
                Ok(Some(Frame::Ping)) => {
                    self.first = None;
                    self.wait(b"\r\n");
                }
                Ok(Some(Frame::Message(message))) => {
                    (self.first, self.begun) = (None, None);
                    self.judge(&message).await;
                }
                Ok(None) => break,
                Err(fault) => {
                    if let FrameFault::Unframed { head, refusal } = fault
                        && let Some(answer) = gate::refuse(&head, self.link.peer, refusal)
                    {
                        let (from, transport) = (self.link.peer, self.link.transport);
                        self.links.desk.door().malformed(&Arrival { from, transport, octets: &head });
                        self.links.desk.refuses(refusal);
                        self.wait(&answer);
                    }
                    self.close();
                }
            }
        }
        self.begun = self.framer.is_within_message().then(|| self.begun.unwrap_or_else(now));
    }

    async fn judge(&mut self, message: &[u8]) {
        let arrival = Arrival { from: self.link.peer, transport: self.link.transport, octets: message };
        match gate::pass_streamed(&arrival, &*self.links.desk) {
            Gate::Pass(message) => {
                let Some(stack) = self.links.stack() else { return };
                let Ok(message) = SipMessage::try_from(&*message) else { return };
                let message = self.traced(message);
                let from = self.link.connection.get_addr();
                // A message that the stack cannot use is one that nobody waits for.
                let _ = stack.on_received_message(message, self.link.connection.clone(), from).await;
            }
            Gate::Answer(answer) => self.wait(&answer),
            // Who is told nothing need not keep a connection.
            Gate::Drop(Reason::Stranger) => self.close(),
            Gate::Drop(_) => {}
        }
    }

    /// The message with where it really came from in its top Via (RFC 3261, section 18.2.1).
    fn traced(&self, mut message: SipMessage) -> SipMessage {
        if let SipMessage::Request(request) = &mut message
            && let Ok(via) = request.via_header_mut()
        {
            *via = gate::received(via.value(), self.link.peer).into();
        }
        message
    }

    fn close(&mut self) {
        self.closing.get_or_insert_with(|| now() + CLOSE_WITHIN);
    }

    /// Whether the only thing that has run out is its silence, and a call is on it.
    fn is_kept(&self) -> bool {
        self.link.calls.load(Ordering::Relaxed) > 0 && self.overdue().is_none_or(|due| due > now())
    }

    /// When something that must happen has not.
    fn overdue(&self) -> Option<Instant> {
        let message = self.links.limits.message;
        let whole = self.begun.map(|begun| begun + message);
        let read = (!self.waiting.is_empty()).then(|| self.taken + message);
        [self.first, whole, read].into_iter().flatten().min()
    }

    fn deadline(&self) -> Instant {
        let silent = self.moved + self.links.limits.idle;
        self.closing.unwrap_or_else(|| self.overdue().map_or(silent, |due| due.min(silent)))
    }
}

/// The message that the stack sends on its channel.
fn octets_of(event: Option<TransportEvent>) -> Vec<u8> {
    match event {
        Some(TransportEvent::Incoming(message, ..)) => message.to_bytes(),
        _ => Vec::new(),
    }
}

/// Writes something of what waits; where nothing does, sees all that was written on its way. Cancel-safe, as both are.
async fn write(to: &mut (impl AsyncWrite + Unpin), octets: &[u8]) -> std::io::Result<Option<usize>> {
    if octets.is_empty() { to.flush().await.map(|()| None) } else { to.write(octets).await.map(Some) }
}

/// Says that nothing more comes. Of TLS that is a message too, which a peer that does not read holds up.
async fn shut_down(writer: &mut (impl AsyncWrite + Unpin)) -> bool {
    tokio::time::timeout(CLOSE_WITHIN, writer.shutdown()).await.is_ok_and(|shut| shut.is_ok())
}

/// The one place where connections ask the clock.
#[allow(clippy::disallowed_methods, reason = "a connection is a shell: it waits for peers that send nothing")]
fn now() -> Instant {
    Instant::now()
}
