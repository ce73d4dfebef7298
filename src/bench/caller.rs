//! The load maker's telephones, as SIP sees them: thousands of calls through one socket, without sockets or clock.
//!
//! ```text
//!   maker                    dialled
//!     | INVITE                  |   again after 0.5, 1, 2 … s until there is an answer (RFC 3261, section 17.1.1)
//!     |────────────────────────>|
//!     |              100, 180   |
//!     |<────────────────────────|
//!     |                    200  |   Answered: where the call's sound goes
//!     |<────────────────────────|
//!     | ACK                     |
//!     |────────────────────────>|
//!     |           BYE           |   by either side: Ended
//!     |<───────────────────────>|
//! ```
//!
//! It is a light user agent, for load: no registration, no passwords, UDP alone. What else comes within a call (UPDATE, a
//! re-INVITE, OPTIONS) is agreed to unchanged.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::facts::Moment;

/// RFC 3261's T1.
const T1: Duration = Duration::from_millis(500);
/// RFC 3261's T2: the longest wait before a BYE is sent again.
const T2: Duration = Duration::from_secs(4);
/// RFC 3261's timers B and F: a request without a final answer has failed.
const GIVEN_UP: Duration = Duration::from_secs(32);

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// 200: sound goes to and comes from this address.
    Answered {
        /// Which call.
        call: u32,
        /// The far side's RTP address; nothing if its answer had none.
        media: Option<SocketAddr>,
        /// From the INVITE to the 200.
        after: Duration,
    },
    /// A BYE, whoever sent it, or one that nobody answered.
    Ended {
        /// Which call.
        call: u32,
        /// Whether the far side hung up.
        by_far_side: bool,
        /// Whether our BYE was answered; true where it was the far side's.
        well: bool,
    },
    /// No call came to be.
    Failed {
        /// Which call.
        call: u32,
        /// The final status; nothing if there was none in 32 s.
        status: Option<u16>,
    },
}

/// What the calls have in common.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The URIs that are dialled: a call's is that of its number's place. At least one.
    pub(super) uris: Vec<String>,
    /// Our address for SIP.
    pub(super) local: SocketAddr,
    /// Tells this run's calls from an earlier run's.
    pub(super) run: u32,
}

impl Line {
    fn uri(&self, call: u32) -> &str {
        self.uris.get(call as usize % self.uris.len().max(1)).map_or("", String::as_str)
    }
}

/// All calls of a load maker.
pub(super) struct Caller {
    line: Line,
    calls: HashMap<u32, Call>,
    next: u32,
    timers: BinaryHeap<Reverse<(Moment, u32, Stage)>>,
    outgoing: VecDeque<(u32, Vec<u8>)>,
    events: VecDeque<Event>,
    /// Requests that had to be sent again.
    pub(super) again: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Inviting,
    Proceeding,
    Up,
    Ending,
}

struct Call {
    stage: Stage,
    began: Moment,
    /// When the request under way was sent first.
    asked: Moment,
    wait: Duration,
    sound: SocketAddr,
    /// What comes after `To:` once the far side has named its tag.
    to: String,
    /// Where requests within the call go: the far side's Contact.
    target: String,
    /// Route headers, each with its end of line.
    routes: String,
}

impl Caller {
    pub(super) fn new(line: Line) -> Caller {
        Caller {
            line,
            calls: HashMap::new(),
            next: 0,
            timers: BinaryHeap::new(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            again: 0,
        }
    }

    /// Dials; sound of the call is to come to this address. The call's number.
    pub(super) fn dial(&mut self, now: Moment, sound: SocketAddr) -> u32 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let uri = self.line.uri(number);
        let (to, target) = (format!("<{uri}>"), uri.to_owned());
        let stage = Stage::Inviting;
        let call = Call { stage, began: now, asked: now, wait: T1, sound, to, target, routes: String::new() };
        self.outgoing.push_back((number, invite(&self.line, number, sound)));
        self.calls.insert(number, call);
        self.timers.push(Reverse((now + T1, number, stage)));
        number
    }

    /// Hangs up a call that is up.
    pub(super) fn hang_up(&mut self, now: Moment, number: u32) {
        let Some(call) = self.calls.get_mut(&number).filter(|call| call.stage == Stage::Up) else { return };
        (call.stage, call.asked, call.wait) = (Stage::Ending, now, T1);
        self.outgoing.push_back((number, call.request(&self.line, number, "BYE", 2)));
        self.timers.push(Reverse((now + T1, number, Stage::Ending)));
    }

    /// Calls that are not over.
    pub(super) fn count(&self) -> usize {
        self.calls.len()
    }

    /// The next datagram, for the far side of this call.
    pub(super) fn poll_outgoing(&mut self) -> Option<(u32, Vec<u8>)> {
        self.outgoing.pop_front()
    }

    /// The next thing that became of a call.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is due by time.
    pub(super) fn timeout(&mut self, now: Moment) {
        while let Some(Reverse((due, number, stage))) = self.timers.peek().copied() {
            if due > now {
                return;
            }
            self.timers.pop();
            let Some(call) = self.calls.get_mut(&number).filter(|call| call.stage == stage) else { continue };
            if now.since(call.asked) >= GIVEN_UP {
                self.calls.remove(&number);
                self.events.push_back(match stage {
                    Stage::Ending => Event::Ended { call: number, by_far_side: false, well: false },
                    _ => Event::Failed { call: number, status: None },
                });
                continue;
            }
            match stage {
                Stage::Inviting => {
                    self.outgoing.push_back((number, invite(&self.line, number, call.sound)));
                    call.wait *= 2;
                }
                Stage::Ending => {
                    self.outgoing.push_back((number, call.request(&self.line, number, "BYE", 2)));
                    call.wait = (call.wait * 2).min(T2);
                }
                Stage::Proceeding | Stage::Up => {}
            }
            if stage != Stage::Proceeding {
                self.again += 1;
            }
            let wait = if stage == Stage::Proceeding { GIVEN_UP } else { call.wait };
            self.timers.push(Reverse((now + wait, number, stage)));
        }
    }

    /// A datagram of the far side's; `now` is when it came.
    pub(super) fn receive(&mut self, now: Moment, datagram: &[u8]) {
        let Some(message) = std::str::from_utf8(datagram).ok().and_then(Message::read) else { return };
        let Some(number) = message.call(&self.line) else { return };
        match message.status {
            Some(status) if message.method == "INVITE" => self.invite_answered(now, number, status, &message),
            Some(200..) if message.method == "BYE" => {
                if self.calls.get(&number).is_some_and(|call| call.stage == Stage::Ending) {
                    self.calls.remove(&number);
                    self.events.push_back(Event::Ended { call: number, by_far_side: false, well: true });
                }
            }
            Some(_) => {}
            None => self.asked(number, &message),
        }
    }

    fn invite_answered(&mut self, now: Moment, number: u32, status: u16, message: &Message<'_>) {
        let Some(call) = self.calls.get_mut(&number) else {
            // The final answer again, after the call: its ACK was lost.
            if status >= 300 {
                self.outgoing.push_back((number, acknowledge_refusal(&self.line, number, message)));
            }
            return;
        };
        match status {
            ..200 => {
                if call.stage == Stage::Inviting {
                    call.stage = Stage::Proceeding;
                    self.timers.push(Reverse((now + GIVEN_UP, number, Stage::Proceeding)));
                }
            }
            200..300 => {
                let first = call.stage < Stage::Up;
                if first {
                    call.stage = Stage::Up;
                    message.to.clone_into(&mut call.to);
                    call.target = message.contact.map_or_else(|| call.target.clone(), |uri| address(uri).to_owned());
                    call.routes = message.routes();
                }
                self.outgoing.push_back((number, call.request(&self.line, number, "ACK", 1)));
                if first {
                    let (media, after) = (message.media(), now.since(call.began));
                    self.events.push_back(Event::Answered { call: number, media, after });
                }
            }
            _ => {
                self.outgoing.push_back((number, acknowledge_refusal(&self.line, number, message)));
                if call.stage < Stage::Up {
                    self.calls.remove(&number);
                    self.events.push_back(Event::Failed { call: number, status: Some(status) });
                }
            }
        }
    }

    fn asked(&mut self, number: u32, message: &Message<'_>) {
        if message.method == "ACK" {
            return;
        }
        let sound = self.calls.get(&number).map(|call| call.sound);
        let known = sound.is_some() || message.method == "BYE";
        let body = sound.filter(|_| message.method == "INVITE").map(|sound| offer(number, sound));
        self.outgoing.push_back((number, message.response(&self.line, known, body)));
        if message.method == "BYE" && self.calls.remove(&number).is_some() {
            self.events.push_back(Event::Ended { call: number, by_far_side: true, well: true });
        }
    }
}

impl Call {
    /// A request within the call. An ACK has the INVITE's number (RFC 3261, section 13.2.2.4).
    fn request(&self, line: &Line, number: u32, method: &str, sequence: u32) -> Vec<u8> {
        let Line { local, run, .. } = line;
        let Call { target, to, routes, .. } = self;
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{run:x}-{number}-{method}\r\n\
             {routes}Max-Forwards: 70\r\nFrom: <sip:bench@{local}>;tag={run:x}-{number}\r\nTo: {to}\r\n\
             Call-ID: {number}-{run:x}@hotline-bench\r\nCSeq: {sequence} {method}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }
}

fn invite(line: &Line, number: u32, sound: SocketAddr) -> Vec<u8> {
    let (uri, Line { local, run, .. }) = (line.uri(number), line);
    let body = offer(number, sound);
    format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{run:x}-{number}-INVITE\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bench@{local}>;tag={run:x}-{number}\r\nTo: <{uri}>\r\n\
         Call-ID: {number}-{run:x}@hotline-bench\r\nCSeq: 1 INVITE\r\nContact: <sip:bench@{local}>\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The ACK of a refusal belongs to the INVITE's transaction (RFC 3261, section 17.1.1.3).
fn acknowledge_refusal(line: &Line, number: u32, message: &Message<'_>) -> Vec<u8> {
    let (uri, Line { local, run, .. }) = (line.uri(number), line);
    format!(
        "ACK {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{run:x}-{number}-INVITE\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bench@{local}>;tag={run:x}-{number}\r\nTo: {}\r\n\
         Call-ID: {number}-{run:x}@hotline-bench\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        message.to
    )
    .into_bytes()
}

/// µ-law and telephone-event, 20 ms a packet.
fn offer(number: u32, sound: SocketAddr) -> String {
    let family = if sound.is_ipv4() { "IP4" } else { "IP6" };
    let (address, port) = (sound.ip(), sound.port());
    format!(
        "v=0\r\no=- {number} 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// The parts of a message that a light agent looks at, borrowed from its text.
struct Message<'a> {
    text: &'a str,
    status: Option<u16>,
    /// A request's method, a response's CSeq method.
    method: &'a str,
    to: &'a str,
    call_id: &'a str,
    contact: Option<&'a str>,
    body: &'a str,
}

impl<'a> Message<'a> {
    fn read(text: &'a str) -> Option<Message<'a>> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let start = head.split("\r\n").next()?;
        let status = start.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let mut message = Message { text: head, status, method: "", to: "", call_id: "", contact: None, body };
        for (name, value) in lines(head) {
            match name {
                "To" | "t" => message.to = value,
                "Call-ID" | "i" => message.call_id = value,
                "CSeq" => message.method = value.rsplit(' ').next()?,
                "Contact" | "m" => message.contact = Some(value),
                _ => {}
            }
        }
        Some(message)
    }

    /// The number of our call, if it is one of this run's.
    fn call(&self, line: &Line) -> Option<u32> {
        let (number, rest) = self.call_id.split_once('-')?;
        let run = rest.strip_suffix("@hotline-bench")?;
        (u32::from_str_radix(run, 16).ok()? == line.run).then(|| number.parse().ok())?
    }

    /// The way back through proxies: the last Record-Route first (RFC 3261, section 12.1.2).
    fn routes(&self) -> String {
        let recorded: Vec<_> = lines(self.text).filter(|(name, _)| *name == "Record-Route").collect();
        recorded.iter().rev().fold(String::new(), |mut routes, (_, value)| {
            let _ = write!(routes, "Route: {value}\r\n");
            routes
        })
    }

    /// The answer's RTP address.
    fn media(&self) -> Option<SocketAddr> {
        let line = |kind: &str| self.body.lines().find_map(|line| line.strip_prefix(kind));
        let address: IpAddr = line("c=IN ")?.split(' ').nth(1)?.trim().parse().ok()?;
        let port: u16 = line("m=audio ")?.split(' ').next()?.parse().ok()?;
        (port != 0).then(|| SocketAddr::new(address, port))
    }

    /// 200 to what comes within a call, 481 outside one.
    fn response(&self, line: &Line, known: bool, body: Option<String>) -> Vec<u8> {
        let status = if known { "200 OK" } else { "481 Call/Transaction Does Not Exist" };
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in lines(self.text) {
            if matches!(name, "Via" | "v" | "From" | "f" | "To" | "t" | "Call-ID" | "i" | "CSeq" | "Record-Route") {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        let _ = write!(text, "Contact: <sip:bench@{}>\r\n", line.local);
        let body = body.unwrap_or_default();
        if !body.is_empty() {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
        text.into_bytes()
    }
}

fn lines(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split("\r\n").skip(1).filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

/// The URI of a name-addr, or the bare one.
fn address(value: &str) -> &str {
    let bracketed = value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(uri, _)| uri);
    bracketed.unwrap_or_else(|| value.split(';').next().unwrap_or(value)).trim()
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod tests;
