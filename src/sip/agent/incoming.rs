//! A call that comes in, from its INVITE to the decision about it.
//!
//! ```text
//!   INVITE (SDP) ───> 100      ring ──> 180      accept ──> 200 (answer) … 200 until ACK     reject ──> 4xx … until ACK
//!   INVITE       ───> 100                        accept ──> 200 (offer)  … ACK (answer)
//!   CANCEL       ───> 200 and 487 … 487 until ACK
//! ```

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rsipstack::sip::{Header, HeadersExt as _, Request};
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc;

use super::super::desk::Origin;
use super::super::dialog::Dialog;
use super::super::door::challenge;
use super::super::sdp::{Offer, SdpFault};
use super::super::session::{Said, Session};
use super::super::{Refusal, Transport, field};
use super::call::{Call, CallEvent, Command, Run};
use super::way::wants_secure;
use super::{Core, Mail, body, drive};

/// The most messages waiting for a call's task.
pub(super) const MOST_MAIL: usize = 32;

/// Someone of a call. A telephone number is personal: it has no Debug.
#[derive(Clone, PartialEq, Eq)]
pub struct Party {
    /// The user part of a sip URI or the number of a tel URI, percent escapes undone; empty if there is none.
    pub user: String,
    /// The URI, verbatim.
    pub uri: String,
    /// The display name, without its quotes; empty if there is none.
    pub display: String,
}

impl Party {
    fn read(value: &str) -> Self {
        let (display, uri) = field::Address::parse(value).map_or(("", value), |address| (address.display, address.uri));
        Self { user: field::unescaped(field::user(uri)), uri: uri.to_owned(), display: display.to_owned() }
    }
}

impl std::fmt::Debug for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Party(…)")
    }
}

/// A call that waits for a decision. Dropped without one, it is refused with 480.
#[derive(Debug)]
pub struct IncomingCall {
    /// Its Call-ID: no two calls have the same.
    pub call_id: String,
    /// Who calls (From). Nothing vouches for it.
    pub caller: Party,
    /// Who is called (To).
    pub called: Party,
    /// Which number was dialled: the user part of the Request-URI, or its tel number.
    pub number: String,
    /// The name of the trunk that brings it, where one does.
    pub trunk: Option<Arc<str>>,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// The address under which the caller reaches this machine: the one for the session description.
    pub local: IpAddr,
    /// The address of the socket on this machine, where [`IncomingCall::local`] is the one that is advertised for it.
    pub socket: IpAddr,
    /// What the caller offers. `None`: the offer is this side's, in [`IncomingCall::accept`] (late offer).
    pub offer: Option<Offer>,
    call: Call,
}

impl IncomingCall {
    /// 180 Ringing. May be said again.
    pub fn ring(&self) {
        self.call.command(Command::Ring);
    }

    /// 200 with this description: the answer, or the offer where there was none. It is retransmitted until the ACK, which
    /// [`CallEvent::Confirmed`] tells of. Where the caller has given up meanwhile, the call's next event says so.
    pub fn accept(self, sdp: String) -> Call {
        self.call.command(Command::Accept(sdp));
        self.call
    }

    /// Refuses the call.
    pub fn reject(self, refusal: Refusal) {
        self.call.command(Command::Refuse(refusal));
    }

    /// What happens while it waits: [`CallEvent::Ended`] where the caller gives up. Cancel-safe.
    pub async fn next_event(&mut self) -> Option<CallEvent> {
        self.call.next_event().await
    }
}

/// Opens a call for an INVITE that the desk admits.
pub(super) fn open(core: &Arc<Core>, mut transaction: Transaction, calls: &mpsc::Sender<IncomingCall>) {
    let local_tag = drive::tag(&mut transaction);
    match prepare(core, &transaction, &local_tag, calls) {
        Ok((run, mail, post, commands)) => {
            let (core, mut transaction) = (Arc::clone(core), Box::new(transaction));
            tokio::spawn(run.run(mail, commands));
            tokio::spawn(async move {
                // Lost, it is only one retransmission of the INVITE more.
                let _ = transaction.send_trying().await;
                drive::serve_invite(core, transaction, Some(post), Mail::Invite).await;
            });
        }
        Err(refusal) => drive::refuse(core, transaction, refusal),
    }
}

type Prepared = (Run, mpsc::Receiver<Mail>, mpsc::Sender<Mail>, mpsc::Receiver<Box<Command>>);

fn prepare(
    core: &Arc<Core>,
    transaction: &Transaction,
    local_tag: &str,
    calls: &mpsc::Sender<IncomingCall>,
) -> Result<Prepared, Refusal> {
    let request = &transaction.original;
    let failed = Refusal::Failed { retry_after: None };
    let dialog = Dialog::uas(request).ok_or(Refusal::Malformed("Bad Request"))?;
    let way = core.way_of(transaction).ok_or(failed)?.secured(wants_secure(request));
    Session::answered(&Said::read(&request.headers), &core.config.session, None)?;
    let offer = offer(request).map_err(Refusal::from)?;
    let (post, mail) = mpsc::channel(MOST_MAIL);
    let sequence = drive::sequence(request);
    let origin = Origin { from_tag: dialog.remote_tag().into(), sequence };
    let guest = core.desk.door().guest(way.peer.ip(), credentials(request));
    let seat = core.desk.seat(&dialog.call_id, local_tag, origin, post.clone(), Some(guest))?;
    let (call, events, commands) = Call::channel(&dialog.call_id);
    let incoming = IncomingCall {
        call_id: dialog.call_id.clone(),
        caller: Party::read(request.from_header().map_or("", |from| from.value())),
        called: Party::read(request.to_header().map_or("", |to| to.value())),
        number: dialled(request),
        trunk: core.desk.door().name(guest),
        source: way.peer,
        transport: way.transport,
        local: way.here.ip(),
        socket: way.socket,
        offer,
        call,
    };
    let late = incoming.offer.is_none();
    let run = Run::ringing(core, seat, dialog, way, transaction, late, events);
    let retry_after = core.config.retry_after;
    calls.try_send(incoming).map_err(|_| Refusal::Overloaded { retry_after })?;
    Ok((run, mail, post, commands))
}

/// The answer to a challenge of this realm, which the gate has checked.
fn credentials(request: &Request) -> Option<&str> {
    let mut all = request.headers.iter().filter_map(|header| match header {
        Header::Authorization(value) => Some(value.value()),
        _ => None,
    });
    all.find(|value| challenge::is_ours(value))
}

/// The offer in a request; `None` where it has none.
pub(super) fn offer(request: &Request) -> Result<Option<Offer>, SdpFault> {
    body::sdp(&request.headers, &request.body).map(Offer::parse).transpose()
}

/// The user part of the Request-URI. Where there is one the stack keeps it as written, but would write it escaped again.
fn dialled(request: &Request) -> String {
    match &request.uri.auth {
        Some(auth) => field::unescaped(auth.user.split(';').next().unwrap_or_default()),
        None => field::unescaped(field::user(&request.uri.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_in_numbers_are_undone() {
        assert_eq!(field::unescaped("%2B86%2a%23"), "+86*#");
        assert_eq!(field::unescaped("100%"), "100%");
        assert_eq!(field::unescaped("%zz%4"), "%zz%4");
    }

    #[test]
    fn a_party_shows_nothing_of_itself() {
        let party = Party::read("\"Zhang San\" <sip:13800138000@h>;tag=1");
        assert_eq!((party.user.as_str(), party.display.as_str()), ("13800138000", "Zhang San"));
        assert_eq!(format!("{party:?}"), "Party(…)");
    }
}
