//! The user agent: calls in, calls out, and the calls that are running. A shell over rsipstack's transactions.
//!
//! ```text
//!              INVITE                          Agent::dial
//!                |                                  |
//!          IncomingCall ── ring, accept ──┐     Dialing ── Ringing, Answered ──┐
//!                |                        |         |                          |
//!             reject                      └──────> Call <──────────────────────┘
//!          486, 488, 503 …                     Confirmed, Reoffer, Info, Ended; hang_up
//! ```
//!
//! One task owns each call (`call`), one drives each INVITE transaction to its end (`drive`): the stack stops
//! retransmitting what nobody drives, so a 487 or 486 stays with its driver until its ACK or Timer H. Dropping any of the
//! three handles ends its call in the right way. Every channel and table is bounded; beyond the bound a request is refused.

mod asking;
mod body;
mod call;
mod dial;
mod dispatch;
mod drive;
mod incoming;
mod ping;
mod register;
mod reinvite;
mod reliable;
mod reoffer;
mod session;
mod transfer;
mod way;

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rsipstack::EndpointBuilder;
use rsipstack::sip::{Header, HeadersExt as _, Request, Response, SipMessage, StatusCode};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption, TransportEventInspector};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipConnection, TransportEvent, TransportLayer};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::desk::{Desk, Limits};
use super::door::{self, Door, DoorRules, Refusals, TrunkStanding};
use super::gate::{self, Backlog, FrontDesk as _, GatedSocket};
use super::listen::{Listen, Transport};
use super::names::Names;
use super::stream::{self, Links, StreamLimits};
use super::tls::{Identity, TlsConfig, TlsFault, Trust};
use super::{ACCEPT, ALLOW, Refusal, SUPPORTED, SessionPolicy};
use way::Way;

pub use body::description;
pub use call::{Call, CallEvent, EndCause};
pub use dial::{DialFault, Dialing, DialingEvent, is_reachable_uri};
pub(super) use drive::Mail;
pub use incoming::{IncomingCall, Party};
pub use ping::{PingConfig, Pinging};
pub use register::{RegisterConfig, RegisterNews, Registering, registrar_host};
pub use reoffer::Reoffer;
pub use transfer::TransferEnd;

/// How an agent is set up. Made by [`AgentConfig::new`]; fields may then be changed.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// What to listen for and where.
    pub listen: Vec<Listen>,
    /// The address that others reach this machine at, where it is another than its own (behind NAT). Calls of the other
    /// family keep the address of their socket.
    pub advertised: Option<IpAddr>,
    /// How many connections there may be, and how long they may be silent.
    pub streams: StreamLimits,
    /// Certificates.
    pub tls: TlsConfig,
    /// The numbers at which something answers; at another, 404. `None`: the calls' receiver decides.
    pub numbers: Option<HashSet<String>>,
    /// Who may bring calls, and how many.
    pub door: DoorRules,
    /// How often the hosts that trunks are named by are looked up.
    pub look_up: Duration,
    /// The User-Agent header.
    pub user_agent: String,
    /// The most calls at once, ringing and running; beyond it 503 with Retry-After.
    pub max_calls: usize,
    /// The most transactions the stack keeps, running and remembered (each some 2–4 KB for 64·T1); beyond it 503.
    pub max_transactions: usize,
    /// Seconds in Retry-After of a 503.
    pub retry_after: u32,
    /// How long sessions last without a refresh (RFC 4028).
    pub session: SessionPolicy,
    /// T1 of RFC 3261: how long a message and its answer take. 500 ms, but for tests of what comes at 64·T1.
    pub t1: Duration,
}

impl AgentConfig {
    /// Up to 1000 calls at these addresses.
    pub fn new(listen: Vec<Listen>) -> Self {
        Self {
            listen,
            advertised: None,
            streams: StreamLimits::default(),
            tls: TlsConfig::default(),
            numbers: None,
            door: DoorRules::default(),
            look_up: Duration::from_secs(300),
            user_agent: concat!("Hotline/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_calls: 1000,
            max_transactions: 131_072,
            retry_after: 10,
            session: SessionPolicy::default(),
            t1: Duration::from_millis(500),
        }
    }
}

/// Why an agent could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// No address to listen on.
    #[error("no SIP address to listen on; give at least one, such as 0.0.0.0:5060")]
    NoAddress,
    /// An address could not be taken.
    #[error("cannot listen for SIP on {listen}: {fault}")]
    Bind {
        /// The one that was asked for.
        listen: Listen,
        /// What the operating system says.
        fault: io::Error,
    },
    /// TLS is asked for, and there is nothing to show.
    #[error("cannot listen for SIP on {0}: it wants a certificate: sip.tls.certificate and sip.tls.key name it")]
    NoIdentity(Listen),
    /// A certificate, a key or an authority cannot be used.
    #[error("cannot speak TLS: {0}")]
    Tls(#[from] TlsFault),
    /// The stack below did not start.
    #[error("the SIP stack did not start")]
    Stack,
}

/// How an agent stands. For metrics, and for tests of leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Calls ringing or running.
    pub calls: usize,
    /// Call-IDs of those calls.
    pub dialogs: usize,
    /// Call-IDs of ended calls, kept 64·T1 for their retransmissions.
    pub ended: usize,
    /// Transactions running in the stack.
    pub transactions: usize,
    /// Transactions whose last message the stack keeps for 64·T1.
    pub remembered: usize,
    /// Connections open.
    pub connections: usize,
    /// Connections refused since the start, because there were too many.
    pub connections_refused: u64,
}

/// A running agent. Cheap to clone; the last one dropped closes its sockets.
#[derive(Clone)]
pub struct Agent {
    core: Arc<Core>,
    _stop: Arc<DropGuard>,
}

/// An agent that is not kept by this: for whoever only looks at it.
#[derive(Clone)]
pub struct WeakAgent {
    core: Weak<Core>,
    stop: Weak<DropGuard>,
}

impl WeakAgent {
    /// The agent, if it is still kept by somebody.
    pub fn upgrade(&self) -> Option<Agent> {
        Some(Agent { core: self.core.upgrade()?, _stop: self.stop.upgrade()? })
    }
}

impl Agent {
    /// A handle that does not keep it.
    pub fn downgrade(&self) -> WeakAgent {
        WeakAgent { core: Arc::downgrade(&self.core), stop: Arc::downgrade(&self._stop) }
    }

    /// Listens, and sends every new call to `calls`. Where that channel is full, callers get 503.
    ///
    /// Returns the agent and where it really listens, in the order of [`AgentConfig::listen`].
    ///
    /// # Errors
    /// [`StartFault`]: nothing is listened on then.
    pub async fn start(
        config: AgentConfig,
        calls: mpsc::Sender<IncomingCall>,
    ) -> Result<(Self, Vec<Listen>), StartFault> {
        let linger = config.t1 * 64;
        let desk = Arc::new(Desk::new(
            Limits {
                calls: config.max_calls,
                transactions: config.max_transactions,
                retry_after: config.retry_after,
                linger,
            },
            config.numbers.clone(),
            Door::new(config.door.clone(), config.retry_after, linger),
        ));
        let (token, backlog) = (CancellationToken::new(), Arc::new(Backlog::new()));
        let stop = token.clone().drop_guard();
        let trust = Trust::new(config.tls.authorities.as_deref())?;
        let identity = config.tls.identity.clone().map(Identity::load).transpose()?;
        let links = Arc::new(Links::new(config.streams, trust, Arc::clone(&desk), token.child_token()));
        let names = Arc::<Names>::default();
        door::watch(&desk, &names, config.look_up, token.child_token()).await;
        let sockets = listen(&config.listen, identity.as_ref(), &desk, &backlog, &token).await?;
        let transport = TransportLayer::new(token.child_token());
        sockets.datagrams.iter().for_each(|(connection, _)| transport.add_transport(connection.clone()));
        let endpoint = EndpointBuilder::new()
            .with_user_agent(&config.user_agent)
            .with_cancel_token(token.child_token())
            .with_transport_layer(transport)
            .with_transport_inspector(Box::new(Counting(backlog)))
            .with_option(EndpointOption { t1: config.t1, t1x64: linger, ..EndpointOption::default() })
            .build();
        desk.watch(Arc::downgrade(&endpoint.inner));
        links.serve(Arc::clone(&endpoint.inner));
        let incoming = endpoint.incoming_transactions().map_err(|_| StartFault::Stack)?;
        for listener in sockets.streams {
            tokio::spawn(listener.serve(Arc::clone(&links)));
        }
        let renew = Arc::<Notify>::default();
        if let Some(identity) = identity {
            tokio::spawn(identity.watch(config.tls.look, Arc::clone(&renew), token.child_token()));
        }
        let (stack, bound) = (Arc::clone(&endpoint.inner), sockets.bound);
        let core = Core {
            stack,
            desk,
            links,
            names,
            datagram_sockets: sockets.datagrams,
            bound: bound.clone(),
            renew,
            config,
            token,
        };
        let core = Arc::new(core);
        tokio::spawn(async move { endpoint.serve().await });
        tokio::spawn(dispatch::dispatch(Arc::clone(&core), incoming, calls));
        Ok((Self { core, _stop: Arc::new(stop) }, bound))
    }

    /// Takes no new call from now on (503 with Retry-After, to OPTIONS too); running ones go on.
    pub fn drain(&self) {
        self.core.desk.drain();
    }

    /// From now on something answers at these numbers ([`AgentConfig::numbers`]); running calls go on.
    pub fn serve_at(&self, numbers: Option<HashSet<String>>) {
        self.core.desk.serve_at(numbers);
    }

    /// Looks at once whether the files of the certificate have changed, and not only when it is time to.
    pub fn renew_identity(&self) {
        self.core.renew.notify_one();
    }

    /// How it stands now.
    pub fn standing(&self) -> Standing {
        let (dialogs, ended) = self.core.desk.known();
        let stack = self.core.stack.get_stats();
        let (connections, connections_refused) = self.core.links.counts();
        Standing {
            calls: self.core.desk.calls(),
            dialogs,
            ended,
            transactions: stack.running_transactions,
            remembered: stack.finished_transactions,
            connections,
            connections_refused,
        }
    }

    /// How each trunk stands now.
    pub fn trunks(&self) -> Vec<TrunkStanding> {
        self.core.desk.door().trunks()
    }

    /// Attempts of strangers refused since the start, and wrong passwords of anybody.
    pub fn refusals(&self) -> Refusals {
        self.core.desk.door().refusals()
    }

    /// Requests refused since the start: status, [`Refusal::name`], how many.
    pub fn refused(&self) -> Vec<(u16, &'static str, u64)> {
        self.core.desk.refused()
    }

    /// Closes the sockets; running calls end with [`EndCause::TransportGone`]. Hang them up first, if there is time.
    pub fn stop(&self) {
        self.core.token.cancel();
    }
}

/// Tells the backlog that the stack has taken a datagram's message from its queue.
struct Counting(Arc<Backlog>);

#[async_trait::async_trait]
impl TransportEventInspector for Counting {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        self.0.advance();
        Some(unbracketed(event))
    }
}

/// The stack brackets an IPv6 address twice where it notes in a Via where a request has come from: nobody could read it,
/// itself included. The address stands there bare (RFC 3261, section 25.1; RFC 5118, section 4.5).
fn unbracketed(mut event: TransportEvent) -> TransportEvent {
    if let TransportEvent::Incoming(SipMessage::Request(request), _, from) = &mut event
        && let Ok(from) = from.get_socketaddr()
        && from.is_ipv6()
        && let Ok(via) = request.via_header_mut()
        && via.value().contains("received=[")
    {
        *via = gate::received(via.value(), from).into();
    }
    event
}

/// Everything that is listened on.
#[derive(Default)]
struct Sockets {
    datagrams: Vec<(SipConnection, SocketAddr)>,
    streams: Vec<stream::Listener>,
    bound: Vec<Listen>,
}

async fn listen(
    wanted: &[Listen],
    identity: Option<&Arc<Identity>>,
    desk: &Arc<Desk>,
    backlog: &Arc<Backlog>,
    token: &CancellationToken,
) -> Result<Sockets, StartFault> {
    use rsipstack::platform::net::UdpSocket as _;
    let mut sockets = Sockets::default();
    for listen in wanted.iter().copied() {
        let bind = |fault| StartFault::Bind { listen, fault };
        let address = match listen.transport {
            Transport::Udp => {
                let socket = GatedSocket::bind(listen.address, Arc::clone(desk), Arc::clone(backlog)).map_err(bind)?;
                let bound = socket.local_addr().map_err(|_| StartFault::Stack)?;
                let connection = UdpConnection::from_socket(Arc::new(socket), None, Some(token.child_token())).await;
                sockets.datagrams.push((connection.map_err(|_| StartFault::Stack)?.into(), bound));
                bound
            }
            Transport::Tcp | Transport::Tls => {
                let tls = match (listen.transport, identity) {
                    (Transport::Tls, None) => return Err(StartFault::NoIdentity(listen)),
                    (Transport::Tls, Some(identity)) => Some(identity.acceptor()?),
                    _ => None,
                };
                let listener = stream::Listener::bind(listen, tls).map_err(bind)?;
                let bound = listener.bound().map_err(bind)?;
                sockets.streams.push(listener);
                bound
            }
        };
        sockets.bound.push(Listen { address, ..listen });
    }
    if sockets.bound.is_empty() { Err(StartFault::NoAddress) } else { Ok(sockets) }
}

/// What every call's task shares.
struct Core {
    stack: EndpointInnerRef,
    desk: Arc<Desk>,
    links: Arc<Links>,
    names: Arc<Names>,
    datagram_sockets: Vec<(SipConnection, SocketAddr)>,
    bound: Vec<Listen>,
    /// Wakes the look at the certificate's files.
    renew: Arc<Notify>,
    config: AgentConfig,
    token: CancellationToken,
}

impl Core {
    /// 64·T1: how long a transaction may take.
    fn t1x64(&self) -> Duration {
        self.config.t1 * 64
    }

    /// A response of a request, with its Record-Route, a Contact, and a body of SDP.
    fn response(&self, to: &Request, status: StatusCode, way: &Way, sdp: Option<String>) -> Response {
        let typed = sdp.is_some();
        let mut response = self.stack.make_response(to, status, sdp.map(String::into_bytes));
        let routes = to.headers.iter().filter(|header| matches!(header, Header::RecordRoute(_)));
        response.headers.extend(routes.cloned().collect());
        response.headers.push(way.contact());
        response.headers.push(Header::Allow(ALLOW.into()));
        response.headers.push(Header::Supported(SUPPORTED.into()));
        response.headers.push(Header::Accept(ACCEPT.into()));
        if typed {
            response.headers.push(Header::ContentType("application/sdp".into()));
        }
        response
    }

    /// A response that refuses a request, and is counted.
    fn refusal(&self, to: &Request, refusal: Refusal) -> Response {
        self.desk.refuses(refusal);
        let status = StatusCode::Other(refusal.status(), refusal.reason().to_owned());
        let mut response = self.stack.make_response(to, status, None);
        if let Some(seconds) = refusal.retry_after() {
            response.headers.push(Header::RetryAfter(seconds.to_string().into()));
        }
        if let Refusal::SessionTooBrief { minimum } = refusal {
            response.headers.push(Header::MinSE(minimum.to_string().into()));
        }
        if matches!(refusal, Refusal::MethodNotAllowed) {
            response.headers.push(Header::Allow(ALLOW.into()));
        }
        if matches!(refusal, Refusal::UnsupportedBody) {
            response.headers.push(Header::Accept(ACCEPT.into()));
        }
        response
    }
}

/// Whether an address is of no use outside its own network (RFC 1918, 3927, 6598, 4193).
pub fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = matches!(v4.octets(), [100, 64..=127, ..]);
            v4.is_private() || v4.is_link_local() || v4.is_unspecified() || v4.is_loopback() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_loopback(),
    }
}

/// Waits until then; for ever, where there is no such moment.
#[allow(
    clippy::disallowed_methods,
    reason = "the agent is a shell: what it sends again, and what it gives up, is due at moments"
)]
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The one place where this room asks the clock for its tasks.
#[allow(clippy::disallowed_methods, reason = "the agent is a shell: it waits for limits that no message ends")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::is_inside;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for inside in ["10.1.33.103", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "0.0.0.0", "fd00::1"] {
            assert!(is_inside(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(!is_inside(outside.parse().unwrap()), "{outside}");
        }
    }
}
