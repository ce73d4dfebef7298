//! A call out, from its INVITE to the first answer.
//!
//! ```text
//!   dial ── INVITE (offer) ──>
//!        <── 100, 180 (SDP)        Ringing
//!        <── 200 (answer)          Answered, with the Call; ACK, and again for every 200 that comes again
//!        <── 422 (Min-SE)          the INVITE once more, for a session that long (RFC 4028, section 7.3)
//!        <── 4xx, 5xx, 6xx         Refused; ACK
//!   drop ── CANCEL ──>             once a provisional answer has come (RFC 3261, section 9.1)
//! ```

use std::sync::Arc;

use rsipstack::sip::{
    Header, HeadersExt as _, Method, Request, Response, SipMessage, StatusCode, StatusCodeKind, Version, parse_uri,
};
use rsipstack::transaction::CallIdFormat;
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::super::desk::{Origin, Seat};
use super::super::dialog::{Dialog, verbatim};
use super::super::listen::{Transport, is_secure};
use super::super::session::{self, Said};
use super::super::{ACCEPT, ALLOW, field};
use super::call::{Call, Run};
use super::drive::{self, Mail, News};
use super::incoming::MOST_MAIL;
use super::session::Keeper;
use super::way::Way;
use super::{Agent, Core, body, now};

/// The most INVITEs of one call.
const MOST_INVITES: u32 = 4;

/// Why a call out could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    /// Not the URI of a telephone; the argument is named, not quoted: it may hold a personal number.
    #[error("{0} is not a SIP address such as sip:12333@127.0.0.1:5060")]
    BadUri(&'static str),
    /// Its host has no address.
    #[error("the host to call cannot be found")]
    Unreachable,
    /// No socket here reaches it, or it does not take a connection.
    #[error("the host to call cannot be reached: {0}")]
    NoWay(std::io::Error),
    /// The agent has stopped.
    #[error("the SIP agent has stopped")]
    Stopped,
}

/// What happens to a call out.
#[derive(Debug)]
#[non_exhaustive]
pub enum DialingEvent {
    /// The far side rings, or already sends sound.
    Ringing {
        /// The description in it: early media.
        early: Option<Vec<u8>>,
    },
    /// The far side has answered. The last event there is; the call goes on in `call`.
    Answered {
        /// The running call.
        call: Call,
        /// The answer. `None`: the far side broke the rules, hang up.
        answer: Option<Vec<u8>>,
    },
    /// The far side does not take it, 408 if it did not answer at all. The last event there is.
    Refused {
        /// Status, 300–699.
        status: u16,
        /// Its words.
        reason: String,
    },
}

/// A call that is being set up. Dropped before the answer, it is cancelled.
#[derive(Debug)]
pub struct Dialing {
    call_id: String,
    events: mpsc::Receiver<DialingEvent>,
    abort: Option<oneshot::Sender<()>>,
}

impl Dialing {
    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Gives it up. Events go on until that is done; who is answered all the same is hung up on.
    pub fn cancel(&mut self) {
        self.abort = None;
    }

    /// The next thing that happens; `None` after the last. Cancel-safe.
    pub async fn next_event(&mut self) -> Option<DialingEvent> {
        self.events.recv().await
    }
}

impl Agent {
    /// Calls `target` as `from`, both URIs such as `sip:12333@127.0.0.1:5060`, with this offer. `;transport=tcp` and
    /// `;transport=tls` at the target, and sips, are heeded.
    ///
    /// # Errors
    /// [`DialFault`]: nothing has been sent then.
    pub async fn dial(&self, target: &str, from: &str, offer: String) -> Result<Dialing, DialFault> {
        let core = &self.core;
        checked(target, "the address to call")?;
        checked(from, "the caller's own address")?;
        if core.token.is_cancelled() {
            return Err(DialFault::Stopped);
        }
        let transport = Transport::of(target).unwrap_or(Transport::Udp);
        let to = core.resolve(target, transport, None).await.ok_or(DialFault::Unreachable)?;
        let way = core.way_to(transport, to, target).await.map_err(DialFault::NoWay)?.secured(is_secure(target));
        let expires = core.config.session.expires();
        let (local_tag, invite) = invite(core, target, from, offer, &way);
        let call_id = invite.call_id_header().map_or("", |id| id.value()).to_owned();
        let (post, mail) = mpsc::channel(MOST_MAIL);
        // CSeq 0: the same INVITE may come to this very agent, and is another request there.
        let origin = Origin { from_tag: local_tag.as_str().into(), sequence: 0 };
        let seat = core.desk.seat(&call_id, &local_tag, origin, post.clone(), None).map_err(|_| DialFault::Stopped)?;
        let transaction = drive::client(core, invite.clone(), &way).ok_or(DialFault::BadUri("the address to call"))?;
        let (events_to, events) = mpsc::channel(8);
        let (abort, aborted) = oneshot::channel();
        tokio::spawn(drive_invite(Arc::clone(core), transaction, way.clone(), post.clone()));
        let task = Setup { core: Arc::clone(core), seat, invite, expires, way, post, events: events_to };
        tokio::spawn(task.run(mail, aborted));
        Ok(Dialing { call_id, events, abort: Some(abort) })
    }
}

/// Whether this is a URI that requests can be sent to, such as `sip:12333@127.0.0.1:5060`.
pub fn is_reachable_uri(uri: &str) -> bool {
    ["sip", "sips"].iter().any(|scheme| field::scheme(uri).eq_ignore_ascii_case(scheme))
        && !uri.contains(['<', '>', '"', ' ', '\r', '\n', '?'])
        && parse_uri(uri).is_ok()
        && !field::host_port(uri).is_empty()
}

pub(super) fn checked(uri: &str, name: &'static str) -> Result<(), DialFault> {
    if is_reachable_uri(uri) { Ok(()) } else { Err(DialFault::BadUri(name)) }
}

fn invite(core: &Core, target: &str, from: &str, offer: String, way: &Way) -> (String, Request) {
    let tag = rsipstack::transaction::make_tag().value().to_owned();
    let headers = vec![
        Header::Via(way.via().into()),
        Header::From(format!("<{from}>;tag={tag}").into()),
        Header::To(format!("<{target}>").into()),
        Header::CallId(rsipstack::transaction::make_call_id(None, CallIdFormat::Uuid)),
        Header::CSeq("1 INVITE".into()),
        Header::MaxForwards(70.into()),
        way.contact(),
        Header::Allow(ALLOW.into()),
        Header::Accept(ACCEPT.into()),
        Header::UserAgent(core.config.user_agent.as_str().into()),
    ];
    let mut invite = Request {
        method: Method::Invite,
        uri: verbatim(target),
        version: Version::V2,
        headers: headers.into(),
        body: Vec::new(),
    };
    let policy = core.config.session;
    invite.headers.extend(session::asking(policy.expires(), policy.minimum(), false).to_vec());
    body::describe(&mut invite, offer);
    (tag, invite)
}

/// Drives the INVITE for as long as a 2xx may come again: the stack acknowledges each (X23 siphon-sip#389). Where the
/// connection is lost before anything has come, nothing will (RFC 3261, section 8.1.3.1).
async fn drive_invite(core: Arc<Core>, mut transaction: Transaction, way: Way, post: mpsc::Sender<Mail>) {
    if transaction.send().await.is_ok() {
        let (mut answered, mut heard) = (Vec::new(), false);
        loop {
            let message = tokio::select! {
                message = transaction.receive() => message,
                () = way.gone(), if !heard => None,
            };
            let Some(message) = message else { break };
            let SipMessage::Response(response) = message else { continue };
            heard = true;
            if response.status_code.kind() == StatusCodeKind::Successful {
                acknowledged(&core, &mut transaction, &response, &way).await;
                let tag = response.to_header().ok().and_then(|to| to.tag().ok().flatten());
                // The same answer again; and no more than a few forks are told of.
                if answered.contains(&tag) || answered.len() >= 8 {
                    continue;
                }
                answered.push(tag);
            }
            let _ = post.send(Mail::Response(Box::new(response))).await;
        }
    }
    let _ = post.send(Mail::Invite(News::Over)).await;
}

/// Where the stack could not read the 2xx well enough to acknowledge it, does so (X21 SIP.js#684).
async fn acknowledged(core: &Core, transaction: &mut Transaction, response: &Response, way: &Way) {
    if transaction.last_ack.is_some() {
        return;
    }
    let Some(dialog) = Dialog::uac(&transaction.original, response) else { return };
    let mut ack = dialog.ack(drive::sequence(&transaction.original), way.via(), &core.config.user_agent);
    if let Ok(uri) = parse_uri(&ack.uri.to_string()) {
        ack.uri = uri;
    }
    transaction.last_ack = Some(ack);
    let _ = transaction.send_ack(transaction.connection.clone()).await;
}

/// The task of a call out until it is answered.
struct Setup {
    core: Arc<Core>,
    seat: Seat,
    invite: Request,
    /// The session's interval that it asks for, in seconds.
    expires: u32,
    way: Way,
    /// To this task, for the driver of an INVITE.
    post: mpsc::Sender<Mail>,
    events: mpsc::Sender<DialingEvent>,
}

impl Setup {
    async fn run(mut self, mut mail: mpsc::Receiver<Mail>, mut aborted: oneshot::Receiver<()>) {
        let (mut provisional, mut cancelled, mut under_way) = (false, false, 1_u32);
        let mut deadline: Option<Instant> = None;
        let stopped = self.core.token.clone();
        loop {
            let news = tokio::select! {
                news = mail.recv() => news,
                _ = &mut aborted, if !cancelled => {
                    cancelled = true;
                    deadline = Some(now() + self.core.t1x64());
                    if provisional {
                        self.cancel();
                    }
                    continue;
                }
                () = async { match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                } } => return,
                () = stopped.cancelled() => return,
            };
            match news {
                Some(Mail::Response(response)) => match response.status_code.kind() {
                    StatusCodeKind::Provisional => {
                        if cancelled && !provisional {
                            self.cancel();
                        }
                        provisional = true;
                        self.ringing(&response);
                    }
                    StatusCodeKind::Successful => return self.answered(&response, mail, cancelled).await,
                    _ if !cancelled && self.asks_again(&response) => (provisional, under_way) = (false, under_way + 1),
                    _ => return self.refused(&response),
                },
                Some(Mail::Request(transaction)) => {
                    drive::refuse(&self.core, *transaction, super::Refusal::NoSuchCall);
                }
                // One that was refused is over, and another has taken its place.
                Some(Mail::Invite(News::Over)) if under_way > 1 => under_way -= 1,
                Some(Mail::Invite(News::Over)) | None => {
                    let refused = DialingEvent::Refused { status: 408, reason: "Request Timeout".to_owned() };
                    let _ = self.events.try_send(refused);
                    return;
                }
                Some(_) => {}
            }
        }
    }

    /// Where the session was too short for somebody on the way, asks for a longer one: a further INVITE of the same call.
    fn asks_again(&mut self, response: &Response) -> bool {
        let wanted = Said::read(&response.headers).minimum.filter(|minimum| *minimum > self.expires);
        let Some(minimum) = wanted.filter(|_| response.status_code.code() == 422) else { return false };
        let next = drive::sequence(&self.invite).saturating_add(1);
        if next > MOST_INVITES {
            return false;
        }
        self.expires = minimum;
        let headers = &mut self.invite.headers;
        headers.retain(|header| {
            !matches!(
                header,
                Header::Via(_) | Header::CSeq(_) | Header::Supported(_) | Header::SessionExpires(_) | Header::MinSE(_)
            )
        });
        headers.push_front(Header::Via(self.way.via().into()));
        headers.push(Header::CSeq(format!("{next} INVITE").into()));
        headers.extend(session::asking(minimum, minimum, false).to_vec());
        let Some(transaction) = drive::client(&self.core, self.invite.clone(), &self.way) else { return false };
        tokio::spawn(drive_invite(Arc::clone(&self.core), transaction, self.way.clone(), self.post.clone()));
        true
    }

    fn ringing(&self, response: &Response) {
        let early = body::sdp(&response.headers, &response.body).map(<[u8]>::to_vec);
        // One place stays free for the last event.
        if response.status_code != StatusCode::Trying && self.events.capacity() > 1 {
            let _ = self.events.try_send(DialingEvent::Ringing { early });
        }
    }

    fn refused(&self, response: &Response) {
        let reason = response.wire_reason.clone().unwrap_or_else(|| response.status_code.text().to_owned());
        let _ = self.events.try_send(DialingEvent::Refused { status: response.status_code.code(), reason });
    }

    async fn answered(self, response: &Response, mail: mpsc::Receiver<Mail>, cancelled: bool) {
        let Some(dialog) = Dialog::uac(&self.invite, response) else { return };
        let (call, events, commands) = Call::channel(&dialog.call_id);
        let Self { core, seat, invite, expires, way, events: told, post: _ } = self;
        let description = String::from_utf8_lossy(&invite.body).into_owned();
        let keeper = Keeper::of_call_out(core.config.session, expires, response, description);
        let run = Run::answered(&core, seat, dialog, way, invite, keeper, events);
        let answer = body::sdp(&response.headers, &response.body).map(<[u8]>::to_vec);
        // Given up meanwhile, or nobody listens any more: the handle is dropped here, and the call hung up.
        let untold = if cancelled {
            drop(call);
            Some(told)
        } else {
            let _ = told.try_send(DialingEvent::Answered { call, answer });
            drop(told);
            None
        };
        run.run(mail, commands).await;
        drop(untold);
    }

    /// CANCEL has the INVITE's Via, CSeq number and Request-URI, and is a transaction of its own (section 9.1).
    fn cancel(&self) {
        let kept = |header: &&Header| {
            matches!(
                header,
                Header::Via(_) | Header::From(_) | Header::To(_) | Header::CallId(_) | Header::MaxForwards(_)
            )
        };
        let mut headers: Vec<_> = self.invite.headers.iter().filter(kept).cloned().collect();
        headers.push(Header::CSeq(format!("{} CANCEL", drive::sequence(&self.invite)).into()));
        headers.push(Header::ContentLength(0.into()));
        let uri = self.invite.uri.clone();
        let cancel =
            Request { method: Method::Cancel, uri, version: Version::V2, headers: headers.into(), body: Vec::new() };
        drive::send(&self.core, cancel, self.way.clone());
    }
}
