//! An INVITE of this side within a call, from its first octet to the last 2xx that can come again.
//!
//! ```text
//!   INVITE ──> … again after T1, 2·T1, … over datagrams, until anything comes; 64·T1
//!      <── 1xx
//!      <── 2xx            ACK along the call's route; and again for every 2xx that comes again (X23 siphon-sip#389)
//!      <── 3xx–6xx        ACK of the same transaction, along the INVITE's way; and again
//! ```
//!
//! The stack's own INVITE transaction would send the ACK of a 2xx to the far side's Contact as it stands, which may be an
//! address behind NAT, and build it of the answer's headers rather than of the dialog. So this one is driven here, on the
//! stack's table of transactions; over datagrams or connections alike.

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request, Response, SipMessage, StatusCodeKind, Version};
use rsipstack::transaction::transaction::TransactionEvent;
use tokio::sync::oneshot;

use super::super::Transport;
use super::super::dialog::Dialog;
use super::drive::{self, LONGEST, Outcome};
use super::way::Way;
use super::{Core, now, until};

/// Sends it and sees to all its answers. The first final one is told, or that none has come.
pub(super) async fn drive(core: Arc<Core>, invite: Request, way: Way, dialog: Dialog, tell: oneshot::Sender<Outcome>) {
    let Some(mut transaction) = drive::client(&core, invite.clone(), &way) else { return };
    let mut driver = Driver { core, invite, way, dialog, answered: None };
    let again = driver.core.config.t1;
    let is_lossy = driver.way.transport == Transport::Udp;
    let (mut pause, mut resend) = (again, is_lossy.then(|| now() + again));
    let mut end = now() + driver.core.t1x64();
    let mut tell = Some(tell);
    driver.send(driver.invite.clone(), &driver.way).await;
    loop {
        let response = tokio::select! {
            event = transaction.tu_receiver.recv() => match event {
                Some(TransactionEvent::Received(SipMessage::Response(response), _)) => response,
                Some(_) => continue,
                None => break,
            },
            () = until(resend) => {
                pause *= 2;
                resend = Some(now() + pause);
                driver.send(driver.invite.clone(), &driver.way).await;
                continue;
            }
            () = until(Some(end)) => break,
            () = driver.way.gone() => {
                told(&mut tell, Outcome::Lost);
                break;
            }
        };
        resend = None;
        if response.status_code.kind() == StatusCodeKind::Provisional {
            if tell.is_some() {
                end = now() + driver.core.t1x64() * LONGEST;
            }
            continue;
        }
        driver.acknowledge(&response).await;
        if tell.is_some() {
            end = now() + driver.core.t1x64();
            told(&mut tell, Outcome::Final(Box::new(response)));
        }
    }
    told(&mut tell, Outcome::Unanswered);
}

fn told(tell: &mut Option<oneshot::Sender<Outcome>>, outcome: Outcome) {
    if let Some(tell) = tell.take() {
        // Nobody waits any more where the call has ended.
        let _ = tell.send(outcome);
    }
}

struct Driver {
    core: Arc<Core>,
    invite: Request,
    way: Way,
    dialog: Dialog,
    /// The ACK of the first final answer, with its way, and whether that was a 2xx.
    answered: Option<(Request, Way, bool)>,
}

impl Driver {
    async fn send(&self, request: Request, way: &Way) {
        // Lost, it is sent again; or the connection is gone, which is seen.
        let _ = way.connection.send(SipMessage::Request(request), Some(&drive::address(way.peer))).await;
    }

    async fn acknowledge(&mut self, response: &Response) {
        let is_success = response.status_code.kind() == StatusCodeKind::Successful;
        if self.answered.is_none() {
            let (ack, way) = if is_success { self.ack_of_success(response).await } else { self.ack(response) };
            self.answered = Some((ack, way, is_success));
        }
        if let Some((ack, way, of_success)) = &self.answered
            && *of_success == is_success
        {
            self.send(ack.clone(), way).await;
        }
    }

    /// A request of the dialog, to where its far side is now (RFC 3261, section 13.2.2.4).
    async fn ack_of_success(&mut self, response: &Response) -> (Request, Way) {
        self.dialog.refresh(&response.headers);
        let way = self.core.onward(&self.way, &self.dialog).await;
        (self.dialog.ack(drive::sequence(&self.invite), way.via(), &self.core.config.user_agent), way)
    }

    /// A message of the INVITE's own transaction (section 17.1.1.3).
    fn ack(&self, response: &Response) -> (Request, Way) {
        let kept = self.invite.headers.iter().filter(|header| {
            matches!(
                header,
                Header::Via(_) | Header::Route(_) | Header::From(_) | Header::CallId(_) | Header::MaxForwards(_)
            )
        });
        let mut headers: Vec<Header> = kept.cloned().collect();
        let answered_to = response.headers.iter().filter(|header| matches!(header, Header::To(_)));
        headers.extend(answered_to.cloned());
        headers.push(Header::CSeq(format!("{} ACK", drive::sequence(&self.invite)).into()));
        headers.push(Header::ContentLength(0.into()));
        let uri = self.invite.uri.clone();
        let ack = Request { method: Method::Ack, uri, version: Version::V2, headers: headers.into(), body: Vec::new() };
        (ack, self.way.clone())
    }
}
