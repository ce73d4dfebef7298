//! A telephone made of a UDP socket and hand-written messages, and an agent to call.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::sip::{Agent, AgentConfig, Call, CallEvent, IncomingCall};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing here takes this long unless it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                         m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
pub(crate) const ANSWER: &str =
    "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 50000 RTP/AVP 0\r\n";

/// An agent on a free port of this machine, and the calls that come to it.
pub(crate) struct House {
    pub(crate) agent: Agent,
    pub(crate) address: SocketAddr,
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
        let (agent, addresses) = Agent::start(config, sender).await.unwrap();
        Self { agent, address: addresses[0], calls }
    }

    pub(crate) async fn call(&mut self) -> IncomingCall {
        timeout(PATIENCE, self.calls.recv()).await.expect("no call came").unwrap()
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

/// A hand-made telephone with one call.
pub(crate) struct Phone {
    pub(crate) socket: UdpSocket,
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
        let id: u64 = rand::random();
        let (call_id, branch) = (format!("{id:x}@phone"), format!("z9hG4bK{id:x}"));
        Self { socket, peer, here, call_id, branch, remote_tag: String::new() }
    }

    /// A request of this call. BYE and the like get a branch of their own; ACK to a refusal wants `branch`.
    pub(crate) fn request(&self, method: &str, sequence: u32, branch: &str, more: &str, body: &str) -> String {
        let (here, peer, call_id) = (self.here, self.peer, &self.call_id);
        let branch = if branch.is_empty() { format!("z9hG4bK{:x}", rand::random::<u64>()) } else { branch.to_owned() };
        let to_tag = if self.remote_tag.is_empty() { String::new() } else { format!(";tag={}", self.remote_tag) };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:12333@{peer} SIP/2.0\r\nVia: SIP/2.0/UDP {here};rport;branch={branch}\r\nMax-Forwards: 70\r\n\
             From: \"Test\" <sip:13800000000@{here}>;tag=phone\r\nTo: <sip:12333@{peer}>{to_tag}\r\nCall-ID: {call_id}\r\n\
             CSeq: {sequence} {method}\r\nContact: <sip:13800000000@{here}>\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub(crate) fn invite(&self, body: &str) -> String {
        self.request("INVITE", 1, &self.branch, "", body)
    }

    pub(crate) async fn send(&self, message: &str) {
        self.socket.send_to(message.as_bytes(), self.peer).await.unwrap();
    }

    /// The next message of any kind.
    pub(crate) async fn message(&mut self) -> String {
        let mut octets = vec![0; 65_536];
        let (length, _) =
            timeout(PATIENCE, self.socket.recv_from(&mut octets)).await.expect("no message came").unwrap();
        let text = String::from_utf8(octets[..length].to_vec()).unwrap();
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
