//! RFC 4475's messages, each sent over UDP and over TCP to a running agent: `docs/rfc4475.md` is what came back.
//!
//! `HOTLINE_BLESS=1 cargo test rfc_4475` writes the page anew.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline::sip::door::Arrival;
use hotline::sip::gate::{FrontDesk, Gate, pass, pass_streamed};
use hotline::sip::{Refusal, Transport};
use tokio::time::timeout;

use super::sip_client::{House, Line, PATIENCE, Phone, field};

/// A message: its file, the RFC's section, what the RFC asks of who receives it, and why something else happens here.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// What is asked is in our words.
const ROWS: [Row; 50] = [
    // Valid messages
    (
        "wsinv",
        "3.1.1.1",
        "take it: folds, odd cases and spaces are allowed",
        "its To has a tag: it is of a call that is not here",
    ),
    ("intmeth", "3.1.1.2", "501, as for any method that is not known", ""),
    ("esc01", "3.1.1.3", "take it: escapes in URIs", ""),
    ("escnull", "3.1.1.4", "take the REGISTER: %00 in a user part", REGISTRAR),
    ("esc02", "3.1.1.5", "501 or 405: a % in a method escapes nothing, so it is no REGISTER", ""),
    ("lwsdisp", "3.1.1.6", "take it: no space between display name and <", ""),
    ("longreq", "3.1.1.7", "take it: long values", ""),
    ("dblreq", "3.1.1.8", "take the REGISTER, pass over what follows it in the datagram", REGISTRAR),
    ("semiuri", "3.1.1.9", "take it: ; in a user part", ""),
    ("transports", "3.1.1.10", "take it: unknown transports in Via", ""),
    ("mpart01", "3.1.1.11", "take the MESSAGE, or 405 or 415", ""),
    ("unreason", "3.1.1.12", "a good response: UTF-8 in its reason", STRAY),
    ("noreason", "3.1.1.13", "a good response: no reason", STRAY),
    // Invalid messages
    ("badinv01", "3.1.2.1", "400", ""),
    ("clerr", "3.1.2.2", "400 over UDP; over TCP wait for the rest", ""),
    ("ncl", "3.1.2.3", "400; over TCP close the connection too", ""),
    ("scalar02", "3.1.2.4", "400", ""),
    ("scalarlg", "3.1.2.5", "drop the response", ""),
    ("quotbal", "3.1.2.6", "400", ""),
    ("ltgtruri", "3.1.2.7", "400, or be liberal", ""),
    ("lwsruri", "3.1.2.8", "400", ""),
    ("lwsstart", "3.1.2.9", "400, or be liberal", ""),
    ("trws", "3.1.2.10", "400, or be liberal", ""),
    ("escruri", "3.1.2.11", "400, or take it without the headers in its URI", ""),
    ("baddate", "3.1.2.12", "400, or be liberal and pass over Date", ""),
    ("regbadct", "3.1.2.13", "400, or be liberal", REGISTRAR),
    ("badaspec", "3.1.2.14", "400, or be liberal", ""),
    ("baddn", "3.1.2.15", "400, or be liberal", "the file lacks the empty line that ends a head"),
    ("badvers", "3.1.2.16", "505", ""),
    ("mismatch01", "3.1.2.17", "400", ""),
    ("mismatch02", "3.1.2.18", "501, or 400", ""),
    ("bigcode", "3.1.2.19", "drop the response", ""),
    // Transaction layer
    ("badbranch", "3.2.1", "400, or identify it as RFC 2543 does", ""),
    // Application layer
    ("insuf", "3.3.1", "400", ""),
    ("unkscm", "3.3.2", "416", ""),
    ("novelsc", "3.3.3", "416", ""),
    ("unksm2", "3.3.4", "do not fail for unknown schemes in From, To or Contact", REGISTRAR),
    ("bext01", "3.3.5", "420 with what Require names in Unsupported", ""),
    ("invut", "3.3.6", "415 with Accept", ""),
    ("regaut01", "3.3.7", "treat it as a REGISTER without credentials", REGISTRAR),
    ("multi01", "3.3.8", "400", ""),
    ("mcl01", "3.3.9", "400; over TCP close the connection too", ""),
    ("bcast", "3.3.10", "drop the response, or take it; never send it on to the broadcast address", ""),
    ("zeromf", "3.3.11", "take it: only a proxy answers 483", ""),
    ("cparam01", "3.3.12", "take the REGISTER: the parameter is Contact's", REGISTRAR),
    ("cparam02", "3.3.13", "take the REGISTER: the parameter is the URI's", REGISTRAR),
    ("regescrt", "3.3.14", "take the REGISTER: the header in its URI", REGISTRAR),
    ("sdp01", "3.3.15", "406: no answer of a kind that its Accept allows", ""),
    // Backward compatibility
    ("inv2543", "3.4.1", "take it, where callers of RFC 2543 are to be served", RFC2543),
    // Not in the RFC: beside its messages in their archive
    ("test", "–", "no SIP/2.0 in its first line: 400, or nothing", ""),
];

const REGISTRAR: &str = "no REGISTER is served here";
const RFC2543: &str = "a call without Contact could not be ended, one without From tag not be told from another";
const STRAY: &str = "nobody here waits for it";

struct NoCalls;

impl FrontDesk for NoCalls {
    fn knows(&self, _: &str) -> bool {
        false
    }

    fn admits(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/foreign/rfc4475")
}

#[tokio::test]
async fn the_page_says_what_the_messages_of_rfc_4475_are_answered() {
    if !folder().is_dir() {
        println!("skipped: the messages of RFC 4475 are not at {}", folder().display());
        return;
    }
    assert_eq!(std::fs::read_dir(folder()).unwrap().count(), ROWS.len(), "a row a message");
    let mut page = HEAD.to_owned();
    for (name, section, asked, why) in ROWS {
        let octets = std::fs::read(folder().join(format!("{name}.dat"))).unwrap();
        println!("{name}");
        let datagram = over_udp(&octets).await;
        let stream = over_tcp(&octets).await;
        writeln!(page, "| `{name}` | {section} | {asked} | {datagram} | {stream} | {why} |").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rfc4475.md");
    if std::env::var_os("HOTLINE_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    for (is, was) in page.lines().zip(written.lines()) {
        assert_eq!(is, was, "docs/rfc4475.md; HOTLINE_BLESS=1 writes it anew");
    }
    assert_eq!(page.len(), written.len(), "docs/rfc4475.md; HOTLINE_BLESS=1 writes it anew");
}

/// Section 3.1.1.1 shows how much a message may be spaced and folded; as the first of a call it is one.
#[tokio::test]
async fn a_tortuous_invite_is_a_call() {
    let Ok(octets) = std::fs::read(folder().join("wsinv.dat")) else {
        println!("skipped: the messages of RFC 4475 are not at {}", folder().display());
        return;
    };
    let text = String::from_utf8(octets).unwrap();
    let first = text.replacen(";   tag    = 1918181833n", "", 1);
    assert_ne!(first, text);
    for answered in [over_udp(first.as_bytes()).await, over_tcp(first.as_bytes()).await] {
        assert_eq!(answered, "a call");
    }
}

async fn house(listen: &str) -> House {
    House::with(|config| {
        config.listen = vec![listen.parse().unwrap()];
        // What is refused and never acknowledged is soon forgotten.
        config.t1 = Duration::from_millis(20);
        // What never comes whole is waited for no longer.
        config.streams.message = Duration::from_millis(300);
    })
    .await
}

/// What a datagram gets. An OPTIONS sent after it tells when nothing more comes from the gate.
async fn over_udp(octets: &[u8]) -> String {
    let mut house = house("127.0.0.1:0").await;
    let mut phone = Phone::new(house.address).await;
    let taken = is_taken(&pass(octets, phone.here, &NoCalls));
    phone.send_octets(octets).await.unwrap();
    if taken {
        return served(&mut house, &mut phone).await;
    }
    phone.send(&phone.request("OPTIONS", 1, "", "", "")).await;
    let response = phone.response().await;
    if field(&response, "Call-ID") == phone.call_id { "nothing".to_owned() } else { status(&response) }
}

/// The same on a connection, which may be closed after it.
async fn over_tcp(octets: &[u8]) -> String {
    let mut house = house("tcp:127.0.0.1:0").await;
    let mut phone = Phone::over_tcp(house.address).await;
    phone.send_octets(octets).await.unwrap();
    if is_taken(&framed(octets, phone.here)) {
        return served(&mut house, &mut phone).await;
    }
    if is_unfinished(octets) {
        assert!(phone.is_closed().await);
        return "closed, when its rest does not come".to_owned();
    }
    let _ = phone.send_octets(phone.request("OPTIONS", 1, "", "", "").as_bytes()).await;
    let Some(response) = next(&mut phone).await else { return "closed".to_owned() };
    if field(&response, "Call-ID") == phone.call_id {
        return "nothing".to_owned();
    }
    let status = status(&response);
    match next(&mut phone).await {
        None => format!("{status}, closed"),
        Some(_) => status,
    }
}

/// The next response, or `None` where the connection has ended.
async fn next(phone: &mut Phone) -> Option<String> {
    let octets = phone.octets().await;
    if octets.is_empty() {
        return None;
    }
    let Line::Stream(_, _, read) = &mut phone.line else { unreachable!() };
    *read = octets;
    Some(phone.response().await)
}

fn arrival(from: SocketAddr, octets: &[u8]) -> Arrival<'_> {
    Arrival { from, transport: Transport::Tcp, octets }
}

/// The verdict on the message that stands first on a connection.
fn framed(octets: &[u8], source: SocketAddr) -> Gate<'static> {
    use hotline::sip::stream::{Frame, Framer};
    let mut framer = Framer::default();
    framer.push(octets);
    match framer.next_frame() {
        Ok(Some(Frame::Message(message))) => match pass_streamed(&arrival(source, &message), &NoCalls) {
            Gate::Pass(octets) => Gate::Pass(octets.into_owned().into()),
            Gate::Answer(answer) => Gate::Answer(answer),
            Gate::Drop(reason) => Gate::Drop(reason),
        },
        _ => Gate::Drop(hotline::sip::gate::Reason::Unanswerable),
    }
}

/// Whether a stream is waited on for more of its message.
fn is_unfinished(octets: &[u8]) -> bool {
    use hotline::sip::stream::Framer;
    let mut framer = Framer::default();
    framer.push(octets);
    while let Ok(frame) = framer.next_frame() {
        if frame.is_none() {
            return framer.is_within_message();
        }
    }
    false
}

fn is_taken(verdict: &Gate<'_>) -> bool {
    matches!(verdict, Gate::Pass(message) if message.starts_with(b"INVITE "))
}

/// What an INVITE that has passed the gate gets: a call, or a refusal.
async fn served(house: &mut House, phone: &mut Phone) -> String {
    let served = async {
        tokio::select! {
            call = house.calls.recv() => {
                call.expect("the agent runs").reject(Refusal::Busy);
                "a call".to_owned()
            }
            response = phone.response() => status(&response),
        }
    };
    timeout(PATIENCE, served).await.expect("a call or an answer")
}

/// Status and reason.
fn status(response: &str) -> String {
    response.lines().next().unwrap_or_default().trim_start_matches("SIP/2.0 ").to_owned()
}

const HEAD: &str = "\
# RFC 4475

Every message of RFC 4475 as it is answered, sent over UDP and over TCP to a running Hotline where any number is served and none
of the messages' calls is known. *A call*: it is answered as any call. *Nothing*: it is dropped. *Closed*: the connection is
closed. This page is written by a test (`tests/behaviour/the_messages_of_rfc_4475_are_answered_as_it_asks.rs`), which fails where
it is not so.

Over TCP a message without Content-Length is refused and its connection closed ([sip.md](sip.md#connections)).

| message | section | what RFC 4475 asks for | over UDP | over TCP | why it differs |
|---|---|---|---|---|---|
";
