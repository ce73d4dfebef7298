//! Transactions driven to their end, each by a task of its own: the stack forgets one that nobody polls.

use std::net::SocketAddr;
use std::sync::Arc;

use rsipstack::sip::{
    HeadersExt as _, Method, Request, Response, SipMessage, StatusCodeKind, ToTypedHeader as _, Transport,
};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::transaction::{Transaction, TransactionEvent, TransactionEventSender};
use rsipstack::transport::SipAddr;
use tokio::sync::mpsc;

use super::way::Way;
use super::{Core, Refusal};

/// How long an INVITE may go without its final answer, in multiples of 64·T1: five minutes and more.
pub(super) const LONGEST: u32 = 10;

/// What comes to the task of a call.
pub(in super::super) enum Mail {
    /// A request inside the dialog.
    Request(Box<Transaction>),
    /// From the INVITE that began the call.
    Invite(News),
    /// From a later INVITE.
    Reinvite(News),
    /// A response to an INVITE of ours.
    Response(Box<Response>),
}

/// What happens to an INVITE.
pub(in super::super) enum News {
    /// The far side takes it back; its CANCEL has been answered.
    Cancelled,
    /// The final answer has been acknowledged; the ACK's body.
    Acked(Box<Request>),
    /// The transaction is over.
    Over,
}

/// Tells the driver of a server transaction to send this response.
pub(super) fn respond(to: &TransactionEventSender, response: Response) {
    // Where the driver has ended, there is nobody left to answer.
    let _ = to.send(TransactionEvent::Respond(response));
}

/// Ends a driver at once: nothing more is retransmitted.
pub(super) fn release(to: &TransactionEventSender, key: TransactionKey) {
    let _ = to.send(TransactionEvent::Terminate(key));
}

/// Drives an INVITE from the far side until its last retransmission can have come, or its 2xx has been acknowledged: what comes again
/// of it then is answered by what the stack remembers, which is far less than a transaction.
pub(super) async fn serve_invite(
    core: Arc<Core>,
    mut transaction: Box<Transaction>,
    mail: Option<mpsc::Sender<Mail>>,
    wrap: fn(News) -> Mail,
) {
    let drive = async {
        while let Some(message) = transaction.receive().await {
            let news = match message {
                SipMessage::Request(request) if request.method == Method::Cancel => News::Cancelled,
                SipMessage::Request(request) if request.method == Method::Ack => News::Acked(Box::new(request)),
                _ => continue,
            };
            let acknowledged = matches!(news, News::Acked(_));
            if let Some(mail) = &mail {
                let _ = mail.send(wrap(news)).await;
            }
            if acknowledged && transaction.last_response.as_ref().is_some_and(is_success) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(core.t1x64() * LONGEST, drive).await;
    if let Some(mail) = mail {
        let _ = mail.send(wrap(News::Over)).await;
    }
}

fn is_success(response: &Response) -> bool {
    response.status_code.kind() == StatusCodeKind::Successful
}

/// Refuses a request that has no call, and sees to it that the refusal arrives.
pub(super) fn refuse(core: &Arc<Core>, mut transaction: Transaction, refusal: Refusal) {
    let core = Arc::clone(core);
    tag(&mut transaction);
    tokio::spawn(async move {
        let response = core.refusal(&transaction.original, refusal);
        if transaction.respond(response).await.is_ok() && transaction.original.method == Method::Invite {
            serve_invite(core, Box::new(transaction), None, Mail::Invite).await;
        }
    });
}

/// Gives a request's To this side's tag, so that every answer has the same one, and answers the way it came.
pub(super) fn tag(transaction: &mut Transaction) -> String {
    transaction.destination = source(&transaction.original).map(address);
    let tag = rsipstack::transaction::make_tag();
    if let Ok(to) = transaction.original.to_header_mut()
        && to.tag().ok().flatten().is_none()
    {
        *to = format!("{};tag={}", to.value(), tag.value()).into();
    }
    tag.value().to_owned()
}

/// The number in a request's CSeq: the gate has let in none without, and none leaves without.
pub(super) fn sequence(request: &Request) -> u32 {
    request.cseq_header().ok().and_then(|cseq| cseq.seq().ok()).unwrap_or_default()
}

/// Where a request came from: the stack has noted it in its top Via.
pub(super) fn source(request: &Request) -> Option<SocketAddr> {
    let via = request.top_via_header().ok()?.typed().ok()?;
    let sent_by = SipAddr { r#type: None, addr: via.uri.host_with_port.clone() };
    let port = via.rport().flatten().or_else(|| sent_by.addr.port.as_ref().map(|port| port.0)).unwrap_or(5060);
    let received = via.params.iter().find_map(|param| match param {
        rsipstack::sip::Param::Received(received) => received.value().trim_matches(['[', ']']).parse().ok(),
        _ => None,
    });
    match received {
        Some(ip) => Some(SocketAddr::new(ip, port)),
        None => sent_by.get_socketaddr().ok().map(|address| SocketAddr::new(address.ip(), port)),
    }
}

pub(super) fn address(of: SocketAddr) -> SipAddr {
    SipAddr { r#type: Some(Transport::Udp), addr: of.into() }
}

/// A transaction of ours, ready to be sent.
pub(super) fn client(core: &Core, request: Request, way: &Way) -> Option<Transaction> {
    let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
    let mut transaction = Transaction::new_client(key, request, Arc::clone(&core.stack), Some(way.connection.clone()));
    transaction.destination = Some(address(way.peer));
    Some(transaction)
}

/// What becomes of a request of ours.
pub(super) enum Outcome {
    /// Its final answer.
    Final(Box<Response>),
    /// None has come in 64·T1.
    Unanswered,
    /// The connection was lost before one came.
    Lost,
}

/// Sends a request other than INVITE, and waits for its final answer.
pub(super) async fn ask(core: &Arc<Core>, request: Request, way: &Way) -> Outcome {
    let Some(mut transaction) = client(core, request, way) else { return Outcome::Lost };
    let answered = async {
        transaction.send().await.ok()?;
        while let Some(message) = transaction.receive().await {
            if let SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                return Some(response);
            }
        }
        None
    };
    tokio::select! {
        answered = tokio::time::timeout(core.t1x64() * 2, answered) => match answered {
            Ok(Some(response)) => Outcome::Final(Box::new(response)),
            _ => Outcome::Unanswered,
        },
        () = way.gone() => Outcome::Lost,
    }
}

/// Sends a request other than INVITE, and again until it is answered or 64·T1 are over where it may be lost. The way is
/// held for so long. Once it is answered nothing is kept of it: the stack drops answers that nobody waits for, which is all
/// that Timer K is for (RFC 3261, section 17.1.2.2).
pub(super) fn send(core: &Arc<Core>, request: Request, way: Way) {
    let core = Arc::clone(core);
    tokio::spawn(async move { deliver(&core, request, &way).await });
}

/// The same, until it is over: false where the connection is lost before an answer has come.
pub(super) async fn deliver(core: &Arc<Core>, request: Request, way: &Way) -> bool {
    !matches!(ask(core, request, way).await, Outcome::Lost)
}
