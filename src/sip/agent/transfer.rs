//! A call handed over: a blind REFER and what its NOTIFYs tell (RFC 3515, RFC 5589 section 6.1).
//!
//! ```text
//!   hotline                        caller's side                     other end
//!     │ REFER, Refer-To: other end │                                   │
//!     │ ─────────────────────────> │ 202                               │
//!     │ <───────────────────────── │ ── INVITE ──────────────────────> │
//!     │ NOTIFY  SIP/2.0 180 …      │                                   │
//!     │ <───────────────────────── │ <──────────────────────────── 200 │
//!     │ NOTIFY  SIP/2.0 200 OK     │         or 486: the call goes on here
//!     │ BYE                        │
//! ```
//!
//! The subscription belongs to the call's own dialog. A NOTIFY may come before the 202. A further REFER takes the place of
//! one that is still open; their NOTIFYs are told apart by the CSeq of the REFER, which is the subscription's id (RFC 3515,
//! section 2.4.6). One without an id is of the first.

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request};
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::oneshot;

use super::super::{Refusal, field};
use super::call::{CallEvent, Run};
use super::drive::{self, Outcome};

/// What became of handing a call over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferEnd {
    /// The other end has answered.
    Answered,
    /// It is busy: 486, 600.
    Busy,
    /// Nobody answers: 408, 480, 487.
    Unanswered,
    /// The REFER was refused, or the call to the other end failed otherwise.
    Refused,
}

impl TransferEnd {
    /// What a final status of the call to the other end means.
    const fn of(status: u16) -> TransferEnd {
        match status {
            200..=299 => TransferEnd::Answered,
            486 | 600 => TransferEnd::Busy,
            408 | 480 | 487 => TransferEnd::Unanswered,
            _ => TransferEnd::Refused,
        }
    }
}

/// A transfer under way.
pub(super) struct Transfer {
    /// The CSeq of its REFER.
    id: u32,
    /// Whether a NOTIFY without an id is of it: no REFER before it has been left open.
    is_first: bool,
    /// The final status of the REFER, until it is there. 408 where none comes.
    reply: Option<oneshot::Receiver<u16>>,
}

impl Transfer {
    /// The status of the REFER; never, once that is known. May be dropped and called again.
    pub(super) async fn reply(transfer: &mut Option<Self>) -> u16 {
        let Some(reply) = transfer.as_mut().and_then(|transfer| transfer.reply.as_mut()) else {
            return std::future::pending().await;
        };
        reply.await.unwrap_or(408)
    }

    /// Whether an event is told of for it: `refer`, with its id or without one.
    fn is_of(&self, event: &str) -> bool {
        let (package, params) = event.split_once(';').unwrap_or((event, ""));
        let is_its_own = match field::param(params, "id") {
            Some(id) => id.parse() == Ok(self.id),
            None => self.is_first,
        };
        package.trim().eq_ignore_ascii_case("refer") && is_its_own
    }
}

impl Run {
    /// Asks the far side to call somebody else. What becomes of an earlier request is not told any more.
    pub(super) async fn refer(&mut self, to: &str) {
        let way = self.core.onward(&self.way, &self.dialog).await;
        let mut refer = self.dialog.request(Method::Refer, way.via(), &self.core.config.user_agent);
        refer.headers.push(way.contact());
        refer.headers.push(Header::ReferTo(format!("<{to}>").into()));
        refer.headers.push(Header::Other("Referred-By".into(), format!("<{}>", self.dialog.local_uri())));
        let (tell, reply) = oneshot::channel();
        let is_first = self.transfer.take().is_none() && !self.left_open;
        self.left_open = !is_first;
        self.transfer = Some(Transfer { id: self.dialog.last_sequence(), is_first, reply: Some(reply) });
        let core = Arc::clone(&self.core);
        tokio::spawn(async move {
            if let Outcome::Final(response) = drive::ask(&core, refer, &way).await {
                // Nobody waits any more where the call has ended.
                let _ = tell.send(response.status_code.code());
            }
        });
    }

    /// The REFER has been answered: taken, or the transfer is over.
    pub(super) fn on_refer_reply(&mut self, status: u16) {
        if (200..300).contains(&status) {
            if let Some(transfer) = &mut self.transfer {
                transfer.reply = None;
            }
        } else {
            self.transfer_ended(TransferEnd::Refused);
        }
    }

    /// A NOTIFY in the dialog: 481 where what it tells of was not asked for, or is not any more (RFC 6665, section 4.1.3).
    pub(super) async fn on_notify(&mut self, transaction: Transaction) {
        let request = &transaction.original;
        let event = field::values(&request.headers, "Event", "o").next().unwrap_or_default();
        if !self.transfer.as_ref().is_some_and(|transfer| transfer.is_of(event)) {
            return self.reply(transaction, Err(Refusal::NoSuchCall)).await;
        }
        let end = match sipfrag_status(&request.body) {
            Some(status @ 200..) => Some(TransferEnd::of(status)),
            _ if is_terminated(request) => Some(TransferEnd::Refused),
            _ => None,
        };
        self.reply(transaction, Ok(())).await;
        if let Some(end) = end {
            self.transfer_ended(end);
        }
    }

    fn transfer_ended(&mut self, end: TransferEnd) {
        self.transfer = None;
        // Where its holder does not keep up, the holder's own patience ends the transfer.
        self.events.offer(CallEvent::Transferred(end));
    }
}

fn is_terminated(notify: &Request) -> bool {
    let state = field::values(&notify.headers, "Subscription-State", "Subscription-State").next().unwrap_or_default();
    state.split(';').next().is_some_and(|state| state.trim().eq_ignore_ascii_case("terminated"))
}

/// The status of a body of message/sipfrag: `SIP/2.0 180 Ringing` (RFC 3420).
fn sipfrag_status(body: &[u8]) -> Option<u16> {
    let line = body.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty())?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let version = words.next()?;
    let status = words.next()?.parse().ok().filter(|status| (100..700).contains(status));
    if version.eq_ignore_ascii_case("SIP/2.0") { status } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_tells_its_status() {
        assert_eq!(sipfrag_status(b"SIP/2.0 200 OK\r\n"), Some(200));
        assert_eq!(sipfrag_status(b"\r\nSIP/2.0 486 Busy Here"), Some(486));
        assert_eq!(sipfrag_status(b"sip/2.0 100"), Some(100));
        for none in [&b""[..], b"HTTP/1.1 200 OK", b"SIP/2.0", b"SIP/2.0 2000", b"SIP/2.0 ok", b"\xff\xfe 200"] {
            assert_eq!(sipfrag_status(none), None);
        }
    }

    #[test]
    fn each_final_status_means_one_end() {
        for (status, end) in [
            (200, TransferEnd::Answered),
            (204, TransferEnd::Answered),
            (486, TransferEnd::Busy),
            (600, TransferEnd::Busy),
            (408, TransferEnd::Unanswered),
            (480, TransferEnd::Unanswered),
            (404, TransferEnd::Refused),
            (603, TransferEnd::Refused),
        ] {
            assert_eq!(TransferEnd::of(status), end, "{status}");
        }
    }
}
