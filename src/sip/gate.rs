//! Every message before the stack's parser: made whole, answered at once without state, or dropped. [`pass`] and
//! [`pass_streamed`] are pure.
//!
//! ```text
//!   message ── tidy  ──── head ───── judge ──┬─ Pass    the same octets, or a repaired copy, for the stack
//!              CRLF, LF,  the few    RFC 3261 ├─ Answer  a response to send to where it came from (section 8.2.7:
//!              folds,     fields     section  │          a stateless answer, the same for every retransmission)
//!              UTF-8      needed     8.2      └─ Drop    nothing can or may be answered
//! ```
//!
//! What the stack below does with the raw datagram, and why this stands before it: without Content-Length it loses the
//! body; at the first octet that is not UTF-8 it loses all headers that follow; an unknown method, a wrong version or a
//! mismatched CSeq it answers with silence or 200. A request outside a call needs no state at all, so a flood of them
//! costs no memory.

mod head;
mod reply;
mod socket;
mod tidy;

use std::borrow::Cow;
use std::net::SocketAddr;

use super::door::challenge;
use super::door::{Arrival, Asked, Greeting, Invitation};
use super::{Refusal, Transport, field};
use head::{Field, Head};
pub(super) use reply::received;
pub use socket::RECEIVE_BUFFER;
pub(super) use socket::{Backlog, GatedSocket};

/// The longest datagram that is read, in octets: the stack's own buffer.
pub const MAX_MESSAGE: usize = 8192;
/// The longest message that is read from a stream, in octets.
pub const MAX_STREAMED: usize = 65_536;
/// The most header lines of a message.
pub const MAX_HEADERS: usize = 256;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate<'a> {
    /// To the stack: the message itself where nothing had to be mended.
    Pass(Cow<'a, [u8]>),
    /// To be sent back to where the message came from.
    Answer(Vec<u8>),
    /// Nothing to do.
    Drop(Reason),
}

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Only line ends, or nothing: a keep-alive (RFC 5626, section 3.5.1, without its answer).
    KeepAlive,
    /// Not a SIP message, or one that lacks what an answer needs.
    Unanswerable,
    /// A response or an ACK that nobody here waits for, or a broken one.
    Stray,
    /// From a source that is told nothing.
    Stranger,
}

/// What the gate asks the house about calls.
pub trait FrontDesk {
    /// Whether a call of this Call-ID is running, or has ended less than 64·T1 ago.
    fn knows(&self, call_id: &str) -> bool;
    /// Whether a response of this Call-ID is waited for: one of a call, or of a request outside any.
    fn awaits(&self, call_id: &str) -> bool {
        self.knows(call_id)
    }
    /// Whether anything answers at this number: the user part of a Request-URI, percent escapes undone.
    fn serves(&self, _number: &str) -> bool {
        true
    }
    /// Takes note of a request that is refused.
    fn refuses(&self, _refusal: Refusal) {}
    /// Whether a new call would be taken.
    ///
    /// # Errors
    /// The refusal that a new call gets now.
    fn admits(&self) -> Result<(), Refusal>;
    /// What is done with a message because of where it comes from, before it is read.
    fn greets(&self, _arrival: &Arrival<'_>) -> Greeting {
        Greeting::Read
    }
    /// Whether an INVITE outside a call has proved whose it is, where it must.
    fn asks(&self, _arrival: &Arrival<'_>, _invitation: &Invitation<'_>) -> Asked {
        Asked::Welcome
    }
    /// Lets an INVITE outside a call in.
    ///
    /// # Errors
    /// The refusal that it gets.
    fn lets_in(&self, _arrival: &Arrival<'_>, invitation: &Invitation<'_>) -> Result<(), Refusal> {
        if self.knows(invitation.call_id) { Ok(()) } else { self.admits() }
    }
    /// Takes note of a request that is refused as malformed.
    fn malformed(&self, _arrival: &Arrival<'_>) {}
}

/// Judges one datagram that came from `source`.
pub fn pass<'a>(datagram: &'a [u8], source: SocketAddr, desk: &impl FrontDesk) -> Gate<'a> {
    let start = datagram.iter().position(|octet| !matches!(octet, b'\r' | b'\n' | 0)).unwrap_or(datagram.len());
    let message = datagram.get(start..).unwrap_or_default();
    if message.iter().all(u8::is_ascii_whitespace) {
        return Gate::Drop(Reason::KeepAlive);
    }
    pass_up_to(MAX_MESSAGE, &Arrival { from: source, transport: Transport::Udp, octets: message }, desk)
}

/// Judges one message that a stream has brought whole: see [`super::stream::Framer`].
pub fn pass_streamed<'a>(arrival: &Arrival<'a>, desk: &impl FrontDesk) -> Gate<'a> {
    pass_up_to(MAX_STREAMED, arrival, desk)
}

/// The Content-Length that a head on a stream must have (RFC 3261, section 20.14).
///
/// # Errors
/// 400 where it is missing, no number, or there twice.
pub(super) fn stated_length(head: &[u8]) -> Result<usize, Refusal> {
    let tidy = tidy::tidy(head);
    let mut lengths = head::lines(&tidy.head).filter(|(name, _)| Field::of(name) == Some(Field::ContentLength));
    let (_, length) = lengths.next().ok_or(Refusal::Malformed("Missing Content-Length"))?;
    if lengths.next().is_some() {
        return Err(Refusal::Malformed("Repeated Content-Length"));
    }
    let digits = length.bytes().all(|digit| digit.is_ascii_digit());
    length.parse().ok().filter(|_| digits).ok_or(Refusal::Malformed("Bad Content-Length"))
}

/// The answer that refuses a request of which only the head could be read. `None`: there is nothing to answer.
pub(super) fn refuse(head: &[u8], source: SocketAddr, refusal: Refusal) -> Option<Vec<u8>> {
    let tidy = tidy::tidy(head);
    let head = Head::read(&tidy.head).filter(|head| !head.is_response())?;
    match reply::refuse(&head, source, refusal) {
        Gate::Answer(answer) => Some(answer),
        _ => None,
    }
}

fn pass_up_to<'a>(longest: usize, arrival: &Arrival<'a>, desk: &impl FrontDesk) -> Gate<'a> {
    let (message, source) = (arrival.octets, arrival.from);
    let unread = match desk.greets(arrival) {
        Greeting::Read => None,
        Greeting::Refuse(refusal) => Some(refusal),
        Greeting::Silence => return Gate::Drop(Reason::Stranger),
        Greeting::Ignore => return Gate::Drop(Reason::Stray),
    };
    let tidy = tidy::tidy(message);
    let Some(head) = Head::read(&tidy.head) else { return Gate::Drop(Reason::Unanswerable) };
    if let Some(refusal) = unread {
        return refused(&head, source, refusal, desk);
    }
    if head.is_response() {
        return match response(&head, desk) && tidy.complete && head.body_len(tidy.body.len()).is_ok() {
            true => whole(longest, message, &tidy, &head).map_or(Gate::Drop(Reason::Stray), Gate::Pass),
            false => Gate::Drop(Reason::Stray),
        };
    }
    let verdict = if !tidy.complete {
        Err(Refusal::Malformed("Unfinished Header"))
    } else {
        judge(&head, tidy.body, arrival, desk)
    };
    if let Err(Refusal::Malformed(_)) = verdict {
        desk.malformed(arrival);
    }
    match verdict {
        Ok(Verdict::Pass) => match whole(longest, message, &tidy, &head) {
            Some(message) => Gate::Pass(message),
            None => refused(&head, source, Refusal::TooLong, desk),
        },
        Ok(Verdict::Capabilities) => reply::capabilities(&head, source),
        Ok(Verdict::Ask(challenge)) => reply::unauthorized(&head, source, &challenge),
        Ok(Verdict::Ignore) => Gate::Drop(Reason::Stray),
        Err(refusal) => refused(&head, source, refusal, desk),
    }
}

fn refused<'a>(head: &Head<'_>, source: SocketAddr, refusal: Refusal, desk: &impl FrontDesk) -> Gate<'a> {
    let gate = reply::refuse(head, source, refusal);
    if let Gate::Answer(_) = gate {
        desk.refuses(refusal);
    }
    gate
}

enum Verdict {
    Pass,
    Capabilities,
    /// 401 with these header lines.
    Ask(String),
    Ignore,
}

/// RFC 3261, section 8.2, in its order: syntax, method, Request-URI, extensions, content; then whether there is such a call.
fn judge(head: &Head<'_>, body: &[u8], arrival: &Arrival<'_>, desk: &impl FrontDesk) -> Result<Verdict, Refusal> {
    let (method, uri) = request_line(head)?;
    let call_id = mandatory(head)?;
    sequence(head, method)?;
    let known_method = METHODS.contains(&method);
    if !known_method {
        return Err(Refusal::UnknownMethod);
    }
    request_uri(uri)?;
    // One of 0 is for proxies to heed (RFC 4475, section 3.3.11).
    if head.max_forwards.is_some_and(|hops| hops.parse::<u8>().is_err()) {
        return Err(Refusal::Malformed("Bad Max-Forwards"));
    }
    let body_len = head.body_len(body.len())?;
    let to_tag = routable(head)?;
    let invitation = (method == "INVITE" && !to_tag).then(|| invitation(head));
    // Before anything is told of what there is here.
    match invitation.as_ref().map(|invitation| desk.asks(arrival, invitation)) {
        Some(Asked::Welcome) | None => {}
        Some(Asked::Ask(challenge)) => return Ok(Verdict::Ask(challenge)),
        Some(Asked::Refuse(refusal)) => return Err(refusal),
        Some(Asked::Silence) => return Ok(Verdict::Ignore),
    }
    match method {
        "ACK" => return Ok(if desk.knows(call_id) { Verdict::Pass } else { Verdict::Ignore }),
        "CANCEL" => return if desk.knows(call_id) { Ok(Verdict::Pass) } else { Err(Refusal::NoSuchCall) },
        "REGISTER" | "SUBSCRIBE" | "PUBLISH" | "MESSAGE" | "REFER" => return Err(Refusal::MethodNotAllowed),
        _ => {}
    }
    if head.unsupported().next().is_some() {
        return Err(Refusal::BadExtension);
    }
    if matches!(method, "INVITE" | "UPDATE") {
        contact(head, method)?;
        content(head, body.get(..body_len).unwrap_or_default())?;
    }
    if method == "INVITE" && !accepts_sdp(head) {
        return Err(Refusal::NothingAccepted);
    }
    if let Some(invitation) = &invitation {
        // Those who dial at random cost no transaction.
        let serves = desk.serves(&field::unescaped(field::user(uri)));
        return if serves {
            desk.lets_in(arrival, invitation).map(|()| Verdict::Pass)
        } else {
            Err(Refusal::NoSuchNumber)
        };
    }
    match (method, to_tag) {
        ("OPTIONS", false) => desk.admits().map(|()| Verdict::Capabilities),
        (_, true) if desk.knows(call_id) => Ok(Verdict::Pass),
        _ => Err(Refusal::NoSuchCall),
    }
}

/// What an INVITE says of itself.
fn invitation<'a>(head: &Head<'a>) -> Invitation<'a> {
    let mut credentials = head.lines().filter(|(name, _)| name.eq_ignore_ascii_case("Authorization"));
    Invitation {
        via: head.via,
        from: head.from.unwrap_or_default(),
        call_id: head.call_id.unwrap_or_default(),
        cseq: head.cseq.unwrap_or_default(),
        authorization: credentials.find_map(|(_, value)| challenge::is_ours(value).then_some(value)),
    }
}

/// The methods anybody has heard of (RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086).
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "REGISTER",
    "PRACK",
    "SUBSCRIBE",
    "NOTIFY",
    "REFER",
    "MESSAGE",
    "PUBLISH",
];

fn request_line<'a>(head: &Head<'a>) -> Result<(&'a str, &'a str), Refusal> {
    let mut parts = head.start.split(' ');
    let (Some(method), Some(uri), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed("Bad Request-Line"));
    };
    if version == "SIP/2.0" {
        Ok((method, uri))
    } else if version.get(..4).is_some_and(|sip| sip.eq_ignore_ascii_case("SIP/")) {
        Err(Refusal::UnsupportedVersion)
    } else {
        Err(Refusal::Malformed("Bad Request-Line"))
    }
}

/// The six fields of every request (section 8.1.1) but Max-Forwards, which older senders lack. Returns the Call-ID.
fn mandatory<'a>(head: &Head<'a>) -> Result<&'a str, Refusal> {
    if head.count > MAX_HEADERS {
        return Err(Refusal::Malformed("Too Many Headers"));
    }
    if head.repeated {
        return Err(Refusal::Malformed("Repeated Header"));
    }
    for (field, words) in [(head.from, "Missing From"), (head.to, "Missing To"), (head.cseq, "Missing CSeq")] {
        field.filter(|value| !value.is_empty()).ok_or(Refusal::Malformed(words))?;
    }
    head.call_id.filter(|id| !id.is_empty() && id.len() <= 256).ok_or(Refusal::Malformed("Missing Call-ID"))
}

fn sequence(head: &Head<'_>, method: &str) -> Result<(), Refusal> {
    let mut parts = head.cseq.unwrap_or_default().split_ascii_whitespace();
    // X06 kirm/sip.js#136
    let number = parts.next().and_then(|number| number.parse::<u32>().ok()).filter(|number| *number < 1 << 31);
    match (number, parts.next(), parts.next()) {
        (Some(_), Some(name), None) if name == method => Ok(()),
        (Some(_), Some(_), None) => Err(Refusal::Malformed("CSeq Method Mismatch")),
        _ => Err(Refusal::Malformed("Bad CSeq")),
    }
}

fn request_uri(uri: &str) -> Result<(), Refusal> {
    if uri.is_empty() || uri.contains(['<', '>', '"', '\t']) {
        return Err(Refusal::Malformed("Bad Request-URI"));
    }
    if !["sip", "sips", "tel"].iter().any(|scheme| field::scheme(uri).eq_ignore_ascii_case(scheme)) {
        return Err(Refusal::UnsupportedScheme);
    }
    rsipstack::sip::parse_uri(uri).map(|_| ()).map_err(|_| Refusal::Malformed("Bad Request-URI"))
}

/// What the stack must be able to read, or the message would vanish in it: the top Via and both tags. Returns whether
/// there is a To tag.
fn routable(head: &Head<'_>) -> Result<bool, Refusal> {
    use rsipstack::sip::{From, To, ToTypedHeader as _, Via};
    let address = |value: Option<&str>, words| match value.and_then(field::Address::parse) {
        Some(address) => Ok(address.tag().is_some()),
        None => Err(Refusal::Malformed(words)),
    };
    if !address(head.from, "Bad From")? {
        return Err(Refusal::Malformed("Missing From Tag"));
    }
    let to_tag = address(head.to, "Bad To")?;
    let sip = |via: &str| {
        let mut protocol = via.splitn(3, '/').map(str::trim);
        protocol.next().is_some_and(|name| name.eq_ignore_ascii_case("SIP")) && protocol.next() == Some("2.0")
    };
    let readable = |via: &str| sip(via) && Via::new(via).typed().is_ok();
    if !head.via.split(',').all(readable) || Via::new(head.via).first_value().is_err() {
        return Err(Refusal::Malformed("Bad Via"));
    }
    let from = From::new(head.from.unwrap_or_default()).tag();
    from.ok().flatten().ok_or(Refusal::Malformed("Bad From"))?;
    To::new(head.to.unwrap_or_default()).tag().map_err(|_| Refusal::Malformed("Bad To"))?;
    Ok(to_tag)
}

/// X01 opensips#2285, X03 pjproject#1092: a Contact is where the call will be ended, so it must be an address.
fn contact(head: &Head<'_>, method: &str) -> Result<(), Refusal> {
    let Some(value) = head.contact else {
        return if method == "INVITE" { Err(Refusal::Malformed("Missing Contact")) } else { Ok(()) };
    };
    let first = field::entries(value).next().and_then(field::Address::parse);
    let sip = first.is_some_and(|contact| {
        ["sip", "sips"].iter().any(|scheme| field::scheme(contact.uri).eq_ignore_ascii_case(scheme))
            && !field::host_port(contact.uri).is_empty()
    });
    if sip { Ok(()) } else { Err(Refusal::Malformed("Bad Contact")) }
}

fn content(head: &Head<'_>, body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() {
        return Ok(());
    }
    let plain = head.content_encoding.is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
    let media_type = head.content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let known = media_type.eq_ignore_ascii_case("application/sdp")
        || media_type.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
        || (media_type.is_empty() && body.starts_with(b"v="));
    if plain && known { Ok(()) } else { Err(Refusal::UnsupportedBody) }
}

/// Whether the caller reads the only kind of body that an answer here has (RFC 3261, section 20.1). An empty Accept would
/// say that it reads none, and does so by mistake.
fn accepts_sdp(head: &Head<'_>) -> bool {
    let lines = head.lines().filter(|(name, _)| name.eq_ignore_ascii_case("Accept"));
    let mut kinds = lines.flat_map(|(_, value)| field::entries(value)).peekable();
    let reads = |kind: &str| {
        let range = kind.split(';').next().unwrap_or_default().trim();
        ["application/sdp", "application/*", "*/*"].iter().any(|sdp| range.eq_ignore_ascii_case(sdp))
    };
    kinds.peek().is_none() || kinds.any(reads)
}

/// Whether a response is whole and somebody here may be waiting for it.
fn response(head: &Head<'_>, desk: &impl FrontDesk) -> bool {
    let mut parts = head.start.splitn(3, ' ');
    let version = parts.next().is_some_and(|version| version == "SIP/2.0");
    let status = parts.next().filter(|status| status.len() == 3).and_then(|status| status.parse::<u16>().ok());
    version
        && status.is_some_and(|status| (100..700).contains(&status))
        && mandatory(head).is_ok_and(|call_id| desk.awaits(call_id))
        && head.cseq.is_some_and(|cseq| cseq.split_ascii_whitespace().count() == 2)
        && routable(head).is_ok()
}

/// The message as the stack wants it: its body as long as Content-Length says. `None` where that is over the longest.
fn whole<'a>(longest: usize, message: &'a [u8], tidy: &tidy::Tidy<'a>, head: &Head<'_>) -> Option<Cow<'a, [u8]>> {
    let length = head.body_len(tidy.body.len()).unwrap_or_default();
    let body = tidy.body.get(..length).unwrap_or_default();
    let changed = matches!(tidy.head, Cow::Owned(_)) || head.content_length.is_none();
    let whole = if changed {
        let mut octets = Vec::with_capacity(tidy.head.len() + 32 + length);
        octets.extend_from_slice(tidy.head.as_bytes());
        if head.content_length.is_none() {
            octets.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        octets.extend_from_slice(b"\r\n");
        octets.extend_from_slice(body);
        Cow::Owned(octets)
    } else {
        Cow::Borrowed(message.get(..tidy.head.len() + 2 + length)?)
    };
    (whole.len() <= longest).then_some(whole)
}
