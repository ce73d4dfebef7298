//! What the network sends before and beside the sound.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hotline::facts::Secret;
use hotline::sip::Refusal;
use hotline::sip::agent::description;
use hotline::sip::door::Arrival;
use hotline::sip::gate::{FrontDesk, Gate, MAX_MESSAGE, MAX_STREAMED, pass, pass_streamed};
use hotline::sip::sdp::{self, Direction, Local, Negotiated, Offer, Srtp};
use hotline::sip::stream::{Frame, FrameFault, Framer};
use rsipstack::sip::{HeadersExt as _, SipMessage, Transport};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::SipConnection;

use super::first_line;

/// A house that knows every call, or none, and takes new ones, or none.
struct House {
    knows: bool,
    admits: bool,
}

impl FrontDesk for House {
    fn knows(&self, _: &str) -> bool {
        self.knows
    }

    fn admits(&self) -> Result<(), Refusal> {
        if self.admits { Ok(()) } else { Err(Refusal::Overloaded { retry_after: 5 }) }
    }
}

const HOUSES: [House; 3] =
    [House { knows: true, admits: true }, House { knows: false, admits: true }, House { knows: false, admits: false }];

fn source() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 5], 7777))
}

/// What a connection has brought.
fn arrival(octets: &[u8]) -> Arrival<'_> {
    Arrival { from: source(), transport: hotline::sip::Transport::Tcp, octets }
}

/// A stream, cut into messages: however it is split into reads, the same messages come out of it, each of them within
/// bounds and fit for the gate.
pub fn framing(octets: &[u8]) {
    let whole = frames(octets, &[octets.len()]);
    assert_eq!(frames(octets, &[1]), whole, "octet by octet");
    assert_eq!(frames(octets, &[7, 2, 31, 4]), whole, "in pieces");
    for frame in &whole.0 {
        if let Frame::Message(message) = frame {
            assert!(message.len() <= MAX_STREAMED && !message.is_empty());
            for house in &HOUSES {
                judged(message, pass_streamed(&arrival(message), house), MAX_STREAMED);
            }
        }
    }
}

/// Everything a stream brings in pieces of these sizes, around and around.
fn frames(stream: &[u8], pieces: &[usize]) -> (Vec<Frame>, Option<FrameFault>) {
    let (mut framer, mut frames, mut rest) = (Framer::default(), Vec::new(), stream);
    for size in pieces.iter().cycle() {
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(fault) => return (frames, Some(fault)),
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    (frames, None)
}

/// A datagram: what passes is read by the parser below whole, and passes again; an answer is a whole response, and no
/// longer than a datagram.
pub fn gate(octets: &[u8]) {
    for house in &HOUSES {
        let verdict = pass(octets, source(), house);
        assert_eq!(pass(octets, source(), house), verdict, "a retransmission is judged the same");
        judged(octets, verdict, MAX_MESSAGE);
    }
}

fn judged(message: &[u8], verdict: Gate<'_>, longest: usize) {
    match verdict {
        Gate::Pass(passed) => {
            assert!(passed.len() <= longest, "{} octets", passed.len());
            let again = pass_streamed(&arrival(&passed), &HOUSES[0]);
            assert_eq!(again, Gate::Pass((&*passed).into()), "what is mended needs no mending");
            is_read_below(&passed);
        }
        Gate::Answer(answer) => {
            assert!(answer.starts_with(b"SIP/2.0 ") && answer.ends_with(b"\r\nContent-Length: 0\r\n\r\n"));
            assert!(answer.len() <= MAX_MESSAGE, "{} octets for {}", answer.len(), message.len());
            let ends = answer.windows(4).filter(|four| four == b"\r\n\r\n").count();
            assert!(ends == 1, "an answer ends once");
        }
        Gate::Drop(_) => {}
    }
}

/// The stack's way with a message: where it fails there, it is lost without a word.
fn is_read_below(message: &[u8]) {
    let parsed = SipMessage::try_from(message).unwrap_or_else(|fault| panic!("lost: {fault}"));
    let parsed = SipConnection::update_msg_received(parsed, source(), Transport::Udp)
        .unwrap_or_else(|fault| panic!("lost: {fault}"));
    if let SipMessage::Request(request) = parsed {
        TransactionKey::from_request(&request, TransactionRole::Server).unwrap_or_else(|fault| panic!("lost: {fault}"));
        let _ = (request.contact_header().map(|contact| contact.value().len()), request.destination());
    }
}

/// A session description, as an offer and as an answer: what is answered is a description that says what was agreed.
pub fn sdp(octets: &[u8]) {
    let here = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let plain = Local::new(here, 30_000, 7);
    let keys = [1, 2].map(|octet| Secret::new([octet; 30]));
    let offered = Local { srtp: Some(Srtp { required: false, keys: keys.clone() }), ..plain.clone() };
    let required = Local { srtp: Some(Srtp { required: true, keys }), ..plain.clone() };
    for local in [&plain, &offered, &required] {
        if let Ok(negotiated) = sdp::accept_answer(local, octets) {
            is_sound(&negotiated, local);
        }
    }
    let Ok(offer) = Offer::parse(octets) else { return };
    let _ = (offer.holds(), offer.remote(), offer.codecs().count());
    for local in [&plain, &offered, &required] {
        let Ok((text, negotiated)) = sdp::answer(&offer, local) else { continue };
        is_sound(&negotiated, local);
        let read = Offer::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault} of the answer\n{text}"));
        assert_eq!(read.remote(), SocketAddr::new(here, 30_000), "{text}");
        assert_eq!(read.codecs().collect::<Vec<_>>(), [negotiated.codec], "{text}");
        assert_eq!(read.holds(), !negotiated.direction.may_receive(), "{text}");
        assert!(text.len() <= octets.len() * 3 + 2048, "{} octets for {}", text.len(), octets.len());
    }
}

fn is_sound(negotiated: &Negotiated, local: &Local) {
    assert!((10..=60).contains(&negotiated.ptime) && negotiated.payload_type < 128);
    assert!(negotiated.telephone_event.iter().all(|(event, clock)| *event < 128 && *clock > 0));
    assert!(local.codecs.contains(&negotiated.codec) && !negotiated.remote.ip().is_multicast());
    assert!(negotiated.remote.port() > 0 || negotiated.direction == Direction::Inactive);
    assert_eq!(negotiated.local_port, local.port);
    let required = local.srtp.as_ref().is_some_and(|srtp| srtp.required);
    assert!(negotiated.srtp.is_some() || !required, "never in clear where that is not allowed");
    assert!(negotiated.srtp.is_none() || local.srtp.is_some());
}

/// A body; its Content-Type in the first line. A description is a part of it, and no boundary is in it.
pub fn multipart(octets: &[u8]) {
    let (content_type, body) = first_line(octets);
    if let Some(found) = description(&content_type, body) {
        assert!(body.as_ptr_range().contains(&found.as_ptr()) || found.is_empty());
        assert!(found.len() <= body.len());
    }
}

/// The body of an INFO; its Content-Type in the first line. What ends a line ends nothing else.
pub fn info_keys(octets: &[u8]) {
    let (content_type, body) = first_line(octets);
    let key = hotline::sip::info_keys::key(&content_type, body);
    if body.len() < 1000 {
        let blank = [body, b"\r\n\r\n"].concat();
        assert_eq!(hotline::sip::info_keys::key(&content_type, &blank), key, "N19 pjproject#3014: a last line's end");
    }
}
