//! A ringing that must arrive: the 180 to an INVITE that requires 100rel (RFC 3262).
//!
//! ```text
//!   INVITE, Require: 100rel ──>
//!         <── 180, RSeq: n           again after T1, 2·T1, …; after 64·T1 500 to the INVITE (section 3)
//!   PRACK, RAck: n 1 INVITE ──>      200; then the 200 to the INVITE, which has waited for this
//!   PRACK of anything else  ──>      481
//! ```
//!
//! Where the INVITE has no offer there is no ringing: the first reliable answer would have to bring this side's (section 5),
//! and so the 200 does. Who merely supports 100rel is rung as everybody else.

use std::time::Duration;

use rsipstack::sip::{Header, Headers, Request, Response, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tokio::time::Instant;

use super::super::{Refusal, field};
use super::call::{EndCause, Run};
use super::{drive, now, until};

/// The option tag.
const RELIABLE: &str = "100rel";

/// A 180 that has not been acknowledged.
pub(super) struct Ringing {
    response: Response,
    /// Its RSeq, and the CSeq of the INVITE.
    number: u32,
    sequence: u32,
    pause: Duration,
    next: Instant,
    end: Instant,
    /// The description of the 200 that waits.
    pub(super) accepted: Option<String>,
}

impl Ringing {
    /// Waits until it is to be sent again, or given up.
    pub(super) async fn due(ringing: Option<&Self>) {
        until(ringing.map(|ringing| ringing.next.min(ringing.end))).await;
    }

    /// Whether a PRACK acknowledges it.
    fn is_acknowledged_by(&self, headers: &Headers) -> bool {
        let mut words = field::values(headers, "RAck", "RAck").next().unwrap_or_default().split_ascii_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
        let numbers = (number(), number());
        numbers == (Some(self.number), Some(self.sequence)) && words.eq(["INVITE"])
    }
}

/// Whether a ringing to this INVITE must arrive.
pub(super) fn is_required(invite: &Request) -> bool {
    field::has_token(&invite.headers, "Require", "Require", RELIABLE)
}

impl Run {
    /// 180 that is sent until it is acknowledged. Once: a second would say nothing new.
    pub(super) fn ring_reliably(&mut self) {
        let Some(invite) = self.invite.as_ref().filter(|_| !self.late && !self.has_rung) else { return };
        let mut response = self.core.response(&invite.request, StatusCode::Ringing, &self.way, None);
        let number = rand::random_range(1..1 << 31);
        response.headers.push(Header::Require(RELIABLE.into()));
        response.headers.push(Header::RSeq(number.to_string().into()));
        drive::respond(&invite.driver, response.clone());
        let sequence = drive::sequence(&invite.request);
        let (now, pause) = (now(), self.core.config.t1);
        let (next, end) = (now + pause, now + self.core.t1x64());
        self.has_rung = true;
        self.ringing = Some(Ringing { response, number, sequence, pause, next, end, accepted: None });
    }

    /// It is sent again, or the caller refused who never acknowledges it.
    pub(super) fn ring_again(&mut self) -> Option<EndCause> {
        let ringing = self.ringing.as_mut()?;
        if ringing.next >= ringing.end {
            return Some(self.refuse(Refusal::Failed { retry_after: None }));
        }
        ringing.pause *= 2;
        ringing.next += ringing.pause;
        if let Some(invite) = &self.invite {
            drive::respond(&invite.driver, ringing.response.clone());
        }
        None
    }

    pub(super) async fn on_prack(&mut self, transaction: Transaction) {
        let headers = &transaction.original.headers;
        let Some(ringing) = self.ringing.take_if(|ringing| ringing.is_acknowledged_by(headers)) else {
            return self.reply(transaction, Err(Refusal::NoSuchCall)).await;
        };
        self.reply(transaction, Ok(())).await;
        if let Some(sdp) = ringing.accepted {
            self.accept(sdp);
        }
    }
}
