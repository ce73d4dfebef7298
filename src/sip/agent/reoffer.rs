//! A running call's stream changed by the far side: re-INVITE (RFC 3261, section 14) and UPDATE (RFC 3311).
//!
//! ```text
//!   re-INVITE (offer) ──> Reoffer { offer } ── accept ──> 200 (answer) … until ACK
//!   re-INVITE         ──> Reoffer { None }  ── accept ──> 200 (offer)  … ACK (answer) ──> Reanswer
//!   UPDATE (offer)    ──> Reoffer { offer } ── accept ──> 200 (answer)
//!   UPDATE            ──> 200: a sign of life
//!
//!   one open already: 500 with Retry-After; an offer of ours unanswered: 491
//!
//!   each is a refresh of the session too (RFC 4028): its 200 says for how long, 422 where that is too short
//! ```

use std::sync::Arc;

use rsipstack::sip::{Request, Response, StatusCode};
use rsipstack::transaction::transaction::{Transaction, TransactionEventSender};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::Refusal;
use super::super::sdp::Offer;
use super::call::{CallEvent, Phase, Run};
use super::drive::{self, Mail, News};
use super::{body, incoming, now};

/// How long the holder of a call may take to answer, in multiples of T1.
const LONGEST: u32 = 20;

/// What the far side wants the stream to be. Dropped without a reply, it is refused with 500 and the call goes on.
pub struct Reoffer {
    /// Its offer. `None`: the offer is this side's, and its answer comes as [`CallEvent::Reanswer`].
    pub offer: Option<Offer>,
    reply: oneshot::Sender<Result<String, Refusal>>,
}

impl Reoffer {
    /// 200 with this description: the answer, or the offer where there was none.
    pub fn accept(self, sdp: String) {
        let _ = self.reply.send(Ok(sdp));
    }

    /// Refuses the change; the stream stays as it was.
    pub fn refuse(self, refusal: Refusal) {
        let _ = self.reply.send(Err(refusal));
    }
}

/// A change that waits for the reply of the call's holder.
pub(super) struct Pending {
    reply: oneshot::Receiver<Result<String, Refusal>>,
    until: Instant,
    /// Whether the far side made the offer.
    offered: bool,
    of: Asking,
}

enum Asking {
    Invite(Box<Request>, TransactionEventSender),
    Update(Box<Transaction>),
}

impl Pending {
    /// The reply, or a refusal where none comes in time.
    pub(super) async fn reply(pending: &mut Option<Self>) -> Result<String, Refusal> {
        let Some(pending) = pending else { return std::future::pending().await };
        let reply = tokio::time::timeout_at(pending.until, &mut pending.reply).await;
        reply.ok().and_then(Result::ok).unwrap_or(Err(Refusal::Failed { retry_after: None }))
    }
}

impl Run {
    pub(super) fn on_reinvite(&mut self, transaction: Transaction) {
        let request = &transaction.original;
        let offer = self.may_ask(request).and_then(|()| incoming::offer(request).map_err(Refusal::from));
        let asked = offer.and_then(|offer| {
            let of = Asking::Invite(Box::new(request.clone()), transaction.tu_sender.clone());
            self.ask(offer, of).map_err(|(refusal, _)| refusal)
        });
        if let Err(refusal) = asked {
            return drive::refuse(&self.core, transaction, refusal);
        }
        self.keeper.their_invites += 1;
        let post = self.core.desk.find(&self.dialog.call_id, self.dialog.local_tag());
        tokio::spawn(drive::serve_invite(Arc::clone(&self.core), Box::new(transaction), post, Mail::Reinvite));
    }

    pub(super) async fn on_update(&mut self, transaction: Transaction) {
        let request = &transaction.original;
        if body::sdp(&request.headers, &request.body).is_none() {
            let verdict = self.keeper.admits(request);
            if verdict.is_ok() {
                self.dialog.refresh(&request.headers);
            }
            return self.reply_refresh(transaction, verdict).await;
        }
        let offer = self.may_ask(request).and_then(|()| incoming::offer(request).map_err(Refusal::from));
        let refused = match offer {
            Ok(offer) => self.ask(offer, Asking::Update(Box::new(transaction))).err(),
            Err(refusal) => Some((refusal, Asking::Update(Box::new(transaction)))),
        };
        if let Some((refusal, Asking::Update(transaction))) = refused {
            self.reply(*transaction, Err(refusal)).await;
        }
    }

    /// RFC 3261, section 14.2; RFC 3311, section 5.2.
    fn may_ask(&self, request: &Request) -> Result<(), Refusal> {
        if self.phase == Phase::Ringing || self.pending.is_some() || !self.events.has_room() {
            return Err(wait());
        }
        if self.late || self.keeper.is_inviting() {
            return Err(Refusal::Glare);
        }
        self.keeper.admits(request)
    }

    /// Answers an UPDATE without an offer.
    async fn reply_refresh(&mut self, mut transaction: Transaction, verdict: Result<(), Refusal>) {
        if verdict.is_err() {
            return self.reply(transaction, verdict).await;
        }
        let session = self.keeper.answers(&transaction.original);
        let mut response = self.core.response(&transaction.original, StatusCode::OK, &self.way, None);
        response.headers.extend(session);
        // Where it cannot be sent, the request comes again.
        let _ = transaction.respond(response).await;
    }

    fn ask(&mut self, offer: Option<Offer>, of: Asking) -> Result<(), (Refusal, Asking)> {
        let (sender, reply) = oneshot::channel();
        let offered = offer.is_some();
        if !self.events.offer(CallEvent::Reoffer(Reoffer { offer, reply: sender })) {
            return Err((wait(), of));
        }
        self.pending = Some(Pending { reply, until: now() + self.core.config.t1 * LONGEST, offered, of });
        Ok(())
    }

    pub(super) async fn on_reply(&mut self, reply: Result<String, Refusal>) {
        let Some(pending) = self.pending.take() else { return };
        match (pending.of, reply) {
            (Asking::Invite(request, driver), Ok(sdp)) => {
                self.late = !pending.offered;
                drive::respond(&driver, self.agreed(&request, sdp));
            }
            (Asking::Invite(request, driver), Err(refusal)) => {
                drive::respond(&driver, self.core.refusal(&request, refusal));
            }
            (Asking::Update(mut transaction), Ok(sdp)) => {
                let response = self.agreed(&transaction.original, sdp);
                let _ = transaction.respond(response).await;
            }
            (Asking::Update(transaction), Err(refusal)) => self.reply(*transaction, Err(refusal)).await,
        }
    }

    /// The 200 with this description, which holds from now on.
    fn agreed(&mut self, request: &Request, sdp: String) -> Response {
        self.dialog.refresh(&request.headers);
        let session = self.keeper.answers(request);
        self.keeper.description = Some(sdp.clone());
        let mut response = self.core.response(request, StatusCode::OK, &self.way, Some(sdp));
        response.headers.extend(session);
        response
    }

    /// X24 freeswitch#1994: a re-INVITE whose 200 is never acknowledged ends no call; whether anyone is still there is
    /// seen by the stream.
    pub(super) async fn on_reinvite_news(&mut self, news: News) {
        match news {
            News::Cancelled => self.refuse_pending(Refusal::Cancelled).await,
            News::Acked(ack) if self.late => {
                self.late = false;
                if let Some(answer) = body::sdp(&ack.headers, &ack.body) {
                    self.events.offer(CallEvent::Reanswer(answer.to_vec()));
                }
            }
            News::Over => {
                self.late = false;
                self.keeper.their_invites = self.keeper.their_invites.saturating_sub(1);
            }
            News::Acked(_) => {}
        }
    }

    /// Refuses what still waits for a reply.
    pub(super) async fn refuse_pending(&mut self, refusal: Refusal) {
        if self.pending.is_some() {
            self.on_reply(Err(refusal)).await;
        }
    }
}

/// A request that has come too early (RFC 3261, section 14.2).
fn wait() -> Refusal {
    Refusal::Failed { retry_after: Some(rand::random_range(0..=10)) }
}
