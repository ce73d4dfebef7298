//! A telephone made of a socket and hand-written messages, and an agent to call.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::sip::agent::Standing;
use hotline::sip::{Agent, AgentConfig, Call, CallEvent, IncomingCall, Listen};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

/// Nothing here takes this long unless it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                         m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
pub(crate) const ANSWER: &str =
    "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 50000 RTP/AVP 0\r\n";

/// An agent on a free port of this machine, and the calls that come to it.
pub(crate) struct House {
    pub(crate) agent: Agent,
    pub(crate) address: SocketAddr,
    /// Where it listens, in the configuration's order.
    pub(crate) listens: Vec<Listen>,
    pub(crate) calls: mpsc::Receiver<IncomingCall>,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut AgentConfig)) -> Self {
        let mut config = AgentConfig::new(vec!["127.0.0.1:0".parse().unwrap()]);
        change(&mut config);
        let (sender, calls) = mpsc::channel(64);
        let (agent, listens) = Agent::start(config, sender).await.unwrap();
        Self { agent, address: listens[0].address, listens, calls }
    }

    pub(crate) async fn call(&mut self) -> IncomingCall {
        timeout(PATIENCE, self.calls.recv()).await.expect("no call came").unwrap()
    }

    /// Waits until it stands so.
    pub(crate) async fn stands(&self, so: impl Fn(Standing) -> bool) {
        let wait = async {
            while !so(self.agent.standing()) {
                tokio::task::yield_now().await;
            }
        };
        let over = timeout(PATIENCE, wait).await;
        assert!(over.is_ok(), "it stands at {:?}", self.agent.standing());
    }

    /// Whether it still answers at all.
    pub(crate) async fn is_alive(&self) -> bool {
        let mut phone = Phone::new(self.address).await;
        phone.send(&phone.request("OPTIONS", 1, "", "", "")).await;
        phone.response().await.starts_with("SIP/2.0 200 ")
    }
}

pub(crate) async fn event(call: &mut Call) -> CallEvent {
    timeout(PATIENCE, call.next_event()).await.expect("nothing happened to the call").expect("the call is over")
}

/// What carries a telephone's messages.
pub(crate) enum Line {
    Datagrams(UdpSocket),
    /// A connection, and what has been read of it.
    Stream(Mutex<WriteHalf<Box<dyn Octets>>>, ReadHalf<Box<dyn Octets>>, Vec<u8>),
}

pub(crate) trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Octets for T {}

/// A hand-made telephone with one call.
pub(crate) struct Phone {
    pub(crate) line: Line,
    /// What its Via says.
    pub(crate) via: &'static str,
    /// What its Contact says after the address.
    pub(crate) contact: &'static str,
    pub(crate) peer: SocketAddr,
    pub(crate) here: SocketAddr,
    pub(crate) call_id: String,
    /// Its branch of the INVITE.
    pub(crate) branch: String,
    /// The far side's tag, once known.
    pub(crate) remote_tag: String,
}

impl Phone {
    pub(crate) async fn new(peer: SocketAddr) -> Self {
        let socket = UdpSocket::bind(if peer.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).await.unwrap();
        let here = socket.local_addr().unwrap();
        Self::with(Line::Datagrams(socket), peer, here, "UDP", "")
    }

    /// One at another address of this machine.
    pub(crate) async fn at(address: &str, peer: SocketAddr) -> Self {
        let socket = UdpSocket::bind(format!("{address}:0")).await.unwrap();
        let here = socket.local_addr().unwrap();
        Self::with(Line::Datagrams(socket), peer, here, "UDP", "")
    }

    /// One that has connected.
    pub(crate) async fn over_tcp(peer: SocketAddr) -> Self {
        let stream = timeout(PATIENCE, TcpStream::connect(peer)).await.unwrap().unwrap();
        let here = stream.local_addr().unwrap();
        Self::over(Box::new(stream), peer, here, "TCP", ";transport=tcp")
    }

    /// One on a connection of any kind.
    pub(crate) fn over(
        stream: Box<dyn Octets>,
        peer: SocketAddr,
        here: SocketAddr,
        via: &'static str,
        contact: &'static str,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self::with(Line::Stream(Mutex::new(writer), reader, Vec::new()), peer, here, via, contact)
    }

    fn with(line: Line, peer: SocketAddr, here: SocketAddr, via: &'static str, contact: &'static str) -> Self {
        let id: u64 = rand::random();
        let (call_id, branch) = (format!("{id:x}@phone"), format!("z9hG4bK{id:x}"));
        Self { line, via, contact, peer, here, call_id, branch, remote_tag: String::new() }
    }

    /// A request of this call. BYE and the like get a branch of their own; ACK to a refusal wants `branch`.
    pub(crate) fn request(&self, method: &str, sequence: u32, branch: &str, more: &str, body: &str) -> String {
        let (here, peer, call_id) = (self.here, self.peer, &self.call_id);
        let (via, contact) = (self.via, self.contact);
        let branch = if branch.is_empty() { format!("z9hG4bK{:x}", rand::random::<u64>()) } else { branch.to_owned() };
        let to_tag = if self.remote_tag.is_empty() { String::new() } else { format!(";tag={}", self.remote_tag) };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:12333@{peer} SIP/2.0\r\nVia: SIP/2.0/{via} {here};rport;branch={branch}\r\nMax-Forwards: 70\r\n\
             From: \"Test\" <sip:13800000000@{here}>;tag=phone\r\nTo: <sip:12333@{peer}>{to_tag}\r\nCall-ID: {call_id}\r\n\
             CSeq: {sequence} {method}\r\nContact: <sip:13800000000@{here}{contact}>\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub(crate) fn invite(&self, body: &str) -> String {
        self.request("INVITE", 1, &self.branch, "", body)
    }

    pub(crate) async fn send(&self, message: &str) {
        self.send_octets(message.as_bytes()).await.unwrap();
    }

    pub(crate) async fn send_octets(&self, octets: &[u8]) -> std::io::Result<()> {
        match &self.line {
            Line::Datagrams(socket) => socket.send_to(octets, self.peer).await.map(|_| ()),
            Line::Stream(writer, ..) => {
                let mut writer = writer.lock().await;
                writer.write_all(octets).await?;
                writer.flush().await
            }
        }
    }

    /// What comes next, as it is; empty where a connection has ended.
    pub(crate) async fn octets(&mut self) -> Vec<u8> {
        let mut octets = vec![0; 65_536];
        let length = match &mut self.line {
            Line::Datagrams(socket) => timeout(PATIENCE, socket.recv(&mut octets)).await,
            Line::Stream(_, reader, read) if read.is_empty() => timeout(PATIENCE, reader.read(&mut octets)).await,
            Line::Stream(_, _, read) => return std::mem::take(read),
        };
        octets.truncate(length.expect("nothing came").unwrap_or(0));
        octets
    }

    /// Whether the far side has closed the connection, once all that came before has been read.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.octets().await.is_empty()
    }

    /// The next message of any kind.
    pub(crate) async fn message(&mut self) -> String {
        let mut octets = self.octets().await;
        // Sound of another call's, whose offer names a port that the system has given this telephone.
        while matches!(self.line, Line::Datagrams(_)) && octets.first().is_some_and(|first| first >> 6 == 2) {
            octets = self.octets().await;
        }
        if matches!(self.line, Line::Stream(..)) {
            loop {
                let text = String::from_utf8_lossy(&octets);
                if let Some((head, _)) = text.split_once("\r\n\r\n") {
                    let length = head.len() + 4 + field(&text, "Content-Length").parse::<usize>().unwrap();
                    if octets.len() >= length {
                        let rest = octets.split_off(length);
                        let Line::Stream(_, _, read) = &mut self.line else { unreachable!() };
                        *read = rest;
                        break;
                    }
                }
                let more = self.octets().await;
                assert!(!more.is_empty(), "closed in the middle of a message, or before it");
                octets.extend(more);
            }
        }
        let text = String::from_utf8(octets).unwrap();
        if text.starts_with("SIP/2.0 ")
            && !text.starts_with("SIP/2.0 100")
            && let Some((_, tag)) = field(&text, "To").split_once(";tag=")
        {
            self.remote_tag = tag.to_owned();
        }
        text
    }

    /// The next answer that is not 100 Trying.
    pub(crate) async fn response(&mut self) -> String {
        loop {
            let message = self.message().await;
            if message.starts_with("SIP/2.0 ") && !message.starts_with("SIP/2.0 100") {
                return message;
            }
        }
    }

    /// The next answer with this status; others before it are thrown away.
    pub(crate) async fn status(&mut self, status: u16) -> String {
        loop {
            let response = self.response().await;
            if response.starts_with(&format!("SIP/2.0 {status} ")) {
                return response;
            }
        }
    }

    /// The next request of this method from the far side.
    pub(crate) async fn request_of(&mut self, method: &str) -> String {
        loop {
            let message = self.message().await;
            if message.starts_with(&format!("{method} ")) {
                return message;
            }
        }
    }

    /// Answers a request of the far side.
    pub(crate) async fn answer(&self, request: &str, status: &str, more: &str, body: &str) {
        let mirrored =
            ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\r\n", field(request, name)));
        let mut mirrored = mirrored.concat();
        if !field(request, "To").contains(";tag=") {
            mirrored = mirrored
                .replace(&format!("To: {}", field(request, "To")), &format!("To: {};tag=far", field(request, "To")));
        }
        let length = body.len();
        self.send(&format!("SIP/2.0 {status}\r\n{mirrored}{more}Content-Length: {length}\r\n\r\n{body}")).await;
    }

    /// ACK to a 2xx.
    pub(crate) async fn ack(&self, body: &str) {
        self.send(&self.request("ACK", 1, "", "", body)).await;
    }

    /// ACK to a refusal: it belongs to the INVITE's transaction.
    pub(crate) async fn ack_refusal(&self) {
        self.send(&self.request("ACK", 1, &self.branch, "", "")).await;
    }
}

/// A header's value; empty if it is missing.
pub(crate) fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

pub(crate) fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
