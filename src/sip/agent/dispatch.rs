//! Every new transaction of the far side to its call, or to a new call. Nothing here waits for anything.

use std::sync::Arc;

use rsipstack::sip::{HeadersExt as _, Method, StatusCode};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::super::gate::FrontDesk as _;
use super::{Core, IncomingCall, Mail, Refusal, drive, incoming};

pub(super) async fn dispatch(core: Arc<Core>, mut incoming: TransactionReceiver, calls: mpsc::Sender<IncomingCall>) {
    loop {
        let transaction = tokio::select! {
            transaction = incoming.recv() => transaction,
            () = core.token.cancelled() => None,
        };
        let Some(transaction) = transaction else { return };
        route(&core, transaction, &calls);
    }
}

fn route(core: &Arc<Core>, transaction: Transaction, calls: &mpsc::Sender<IncomingCall>) {
    let request = &transaction.original;
    let (Ok(call_id), Ok(to)) = (request.call_id_header(), request.to_header()) else { return };
    let to_tag = to.tag().ok().flatten();
    match (request.method, to_tag) {
        // Of a 2xx that has been acknowledged already. An ACK is never answered (RFC 3261, section 17).
        (Method::Ack, _) => {}
        (Method::Invite, None) => match core.desk.admits() {
            Ok(()) => incoming::open(core, transaction, calls),
            Err(refusal) => drive::refuse(core, transaction, refusal),
        },
        (method, Some(tag)) => match core.desk.find(call_id.value(), tag.value()) {
            // A call whose box is full does not answer; the request will come again.
            Some(mail) => {
                let given = mail.try_send(Mail::Request(Box::new(transaction)));
                if let Err(TrySendError::Closed(Mail::Request(transaction))) = given {
                    too_late(core, *transaction);
                }
            }
            None if method == Method::Bye && core.desk.has_ended(call_id.value()) => both_hung_up(core, transaction),
            None => drive::refuse(core, transaction, Refusal::NoSuchCall),
        },
        (_, None) => drive::refuse(core, transaction, Refusal::NoSuchCall),
    }
}

/// A request for a call that has ended a moment ago. On a connection it does not come again, so it is answered.
pub(super) fn too_late(core: &Arc<Core>, transaction: Transaction) {
    match transaction.original.method {
        Method::Bye => both_hung_up(core, transaction),
        _ => drive::refuse(core, transaction, Refusal::NoSuchCall),
    }
}

/// Both sides have sent a BYE at the same time: theirs is answered as if the call were still here.
fn both_hung_up(core: &Arc<Core>, mut transaction: Transaction) {
    let response = core.stack.make_response(&transaction.original, StatusCode::OK, None);
    drive::tag(&mut transaction);
    tokio::spawn(async move { transaction.respond(response).await.is_ok() });
}
