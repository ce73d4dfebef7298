//! Stateless answers (RFC 3261, section 8.2.7): what the request has, mirrored, and nothing remembered.
//!
//! The To tag is made from the request, so that every retransmission gets the same answer. An answer goes to where the
//! request came from, as if `rport` (RFC 3581) had been asked for.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;

use super::super::{ACCEPT, ALLOW, SUPPORTED};
use super::head::{Field, Head};
use super::{Gate, MAX_MESSAGE, Reason, Refusal, field};

/// The answer that refuses a request, or nothing for an ACK.
pub(super) fn refuse<'a>(head: &Head<'_>, source: SocketAddr, refusal: Refusal) -> Gate<'a> {
    answer(head, source, refusal.status(), refusal.reason(), &extras(head, refusal))
}

/// The 200 to an OPTIONS (section 11.2).
pub(super) fn capabilities<'a>(head: &Head<'_>, source: SocketAddr) -> Gate<'a> {
    let extras =
        format!("Allow: {ALLOW}\r\nAccept: {ACCEPT}\r\nAccept-Encoding: identity\r\nSupported: {SUPPORTED}\r\n");
    answer(head, source, 200, "OK", &extras)
}

/// The 401 that asks who is calling (section 22.2), with these header lines.
pub(super) fn unauthorized<'a>(head: &Head<'_>, source: SocketAddr, challenge: &str) -> Gate<'a> {
    answer(head, source, 401, "Unauthorized", challenge)
}

fn extras(head: &Head<'_>, refusal: Refusal) -> String {
    match refusal {
        Refusal::MethodNotAllowed | Refusal::UnknownMethod => format!("Allow: {ALLOW}\r\n"),
        Refusal::UnsupportedBody => format!("Accept: {ACCEPT}\r\nAccept-Encoding: identity\r\n"),
        Refusal::BadExtension => format!("Unsupported: {}\r\n", head.unsupported().collect::<Vec<_>>().join(", ")),
        _ => refusal.retry_after().map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default(),
    }
}

fn answer<'a>(head: &Head<'_>, source: SocketAddr, status: u16, reason: &str, extras: &str) -> Gate<'a> {
    if head.method() == "ACK" {
        return Gate::Drop(Reason::Stray);
    }
    let mut text = format!("SIP/2.0 {status} {reason}\r\n");
    let mut top = true;
    for (name, value) in head.lines() {
        let _ = match Field::of(name) {
            Some(Field::Via) if std::mem::take(&mut top) => write!(text, "Via: {}\r\n", received(value, source)),
            Some(Field::Via) => write!(text, "Via: {value}\r\n"),
            Some(Field::From) => write!(text, "From: {value}\r\n"),
            Some(Field::To) if field::Address::parse(value).is_some_and(|to| to.tag().is_none()) => {
                write!(text, "To: {value};tag={}\r\n", tag(head))
            }
            Some(Field::To) => write!(text, "To: {value}\r\n"),
            Some(Field::CallId) => write!(text, "Call-ID: {value}\r\n"),
            Some(Field::CSeq) => write!(text, "CSeq: {value}\r\n"),
            _ => continue,
        };
        if text.len() > MAX_MESSAGE {
            return Gate::Drop(Reason::Unanswerable);
        }
    }
    let _ = write!(text, "{extras}Content-Length: 0\r\n\r\n");
    Gate::Answer(text.into_bytes())
}

/// The first Via with where it really came from (RFC 3261, section 18.2.1; RFC 3581, section 4); others on its line stay.
pub(in super::super) fn received(value: &str, source: SocketAddr) -> String {
    let (first, others) = value.split_once(',').map_or((value, None), |(first, others)| (first, Some(others)));
    let mut via = String::with_capacity(value.len() + 48);
    for (at, part) in first.split(';').enumerate() {
        let name = part.split('=').next().unwrap_or_default().trim();
        if at == 0 {
            via.push_str(part.trim());
        } else if !name.eq_ignore_ascii_case("rport") && !name.eq_ignore_ascii_case("received") {
            let _ = write!(via, ";{}", part.trim());
        }
    }
    let _ = write!(via, ";received={};rport={}", source.ip(), source.port());
    if let Some(others) = others {
        let _ = write!(via, ",{others}");
    }
    via
}

fn tag(head: &Head<'_>) -> String {
    let mut hash = DefaultHasher::new();
    (head.call_id, head.from, head.cseq, head.via).hash(&mut hash);
    format!("{:016x}", hash.finish())
}
