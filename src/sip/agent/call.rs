//! One call from its first answer to its end: the task that owns it, and the handle that the rest of the house holds.
//!
//! ```text
//!   Ringing ──accept──> Accepted ──ACK──> Confirmed ──BYE, hang_up──> ended
//!      │                   │ 64·T1 without ACK: BYE (RFC 3261, section 13.3.1.4)
//!      │                   │ hang_up: waits for the ACK or 64·T1, then BYE (section 15)
//!      └──CANCEL, reject, BYE, 3 minutes──> ended
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{HeadersExt as _, Method, Request, Response, StatusCode};
use rsipstack::transaction::key::TransactionKey;
use rsipstack::transaction::transaction::{Transaction, TransactionEventSender};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::desk::Seat;
use super::super::dialog::Dialog;
use super::super::{Refusal, info_keys};
use super::drive::{self, Mail, News};
use super::reliable::{self, Ringing};
use super::reoffer::{Pending, Reoffer};
use super::session::{self, Keeper};
use super::transfer::{Transfer, TransferEnd};
use super::way::Way;
use super::{Core, body, dispatch, now, until};

/// The most events waiting for the holder of a call; an INFO or offer beyond it is refused, the end never.
const MOST_EVENTS: usize = 32;
/// How long a call may ring undecided (RFC 3261, section 13.3.1.1 lets proxies give up after three minutes).
const LONGEST_RINGING: Duration = Duration::from_secs(180);
/// The longest body of an INFO that is handed on, in octets.
const LONGEST_INFO: usize = 1024;

/// What happens to a call. Bodies may hold keyed digits, so Debug shows only the kind.
#[non_exhaustive]
pub enum CallEvent {
    /// The far side has acknowledged the 200: sound may flow.
    Confirmed {
        /// The body of the ACK: the answer to a late offer. `None` where it has none.
        answer: Option<Vec<u8>>,
    },
    /// The far side wants the stream changed: another address, hold, resume. Reply, or it is refused with 500.
    Reoffer(Reoffer),
    /// The ACK of a re-INVITE without offer: the answer to the offer that [`Reoffer::accept`] gave.
    Reanswer(Vec<u8>),
    /// The answer to this side's last description, offered once more as it stands to keep the session (RFC 4028): the far
    /// side may have moved.
    Refreshed(Vec<u8>),
    /// An INFO with keys or without a body, which has been answered with 200 (RFC 6086; keys, as old senders have them).
    Info {
        /// The Content-Type, as written.
        content_type: String,
        /// The body, at most 1024 octets.
        body: Vec<u8>,
    },
    /// What became of [`Call::transfer`].
    Transferred(TransferEnd),
    /// The call is over. The last event there is.
    Ended(EndCause),
}

impl fmt::Debug for CallEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed { answer } => write!(f, "Confirmed(answer: {})", answer.is_some()),
            Self::Reoffer(_) => f.write_str("Reoffer(…)"),
            Self::Reanswer(_) => f.write_str("Reanswer(…)"),
            Self::Refreshed(_) => f.write_str("Refreshed(…)"),
            Self::Info { .. } => f.write_str("Info(…)"),
            Self::Transferred(end) => write!(f, "Transferred({end:?})"),
            Self::Ended(cause) => write!(f, "Ended({cause:?})"),
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndCause {
    /// This side hung up.
    HungUp,
    /// The far side hung up.
    ByeReceived,
    /// The caller gave up before the answer.
    Cancelled,
    /// This side refused it.
    Refused(Refusal),
    /// The far side never acknowledged the 200; a BYE was sent.
    NoAck,
    /// Nobody refreshed the session in time, or the far side knew nothing of the call any more (RFC 4028, section 10); a BYE
    /// was sent.
    SessionExpired,
    /// The agent was stopped.
    TransportGone,
}

/// A call. Dropped, it is hung up.
#[derive(Debug)]
pub struct Call {
    call_id: String,
    commands: mpsc::Sender<Box<Command>>,
    events: mpsc::Receiver<Box<CallEvent>>,
}

impl Call {
    /// What goes through is boxed: a channel keeps 32 places from its beginning, and a call has seldom one of them in use.
    pub(super) fn channel(call_id: &str) -> (Self, Events, mpsc::Receiver<Box<Command>>) {
        let (sender, events) = mpsc::channel(MOST_EVENTS);
        let (commands, inbox) = mpsc::channel(8);
        (Self { call_id: call_id.to_owned(), commands, events }, Events::new(sender), inbox)
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The next thing that happens; `None` after [`CallEvent::Ended`]. Cancel-safe.
    pub async fn next_event(&mut self) -> Option<CallEvent> {
        self.events.recv().await.map(|event| *event)
    }

    /// Ends the call: BYE, once the far side has acknowledged the answer or cannot any more. [`CallEvent::Ended`] follows.
    pub fn hang_up(&self) {
        self.command(Command::HangUp);
    }

    /// Asks the far side to call this `sip:`, `sips:` or `tel:` URI in place of this call (a blind REFER, RFC 3515).
    /// [`CallEvent::Transferred`] tells what became of it; the call itself goes on until either side hangs up. A further
    /// one takes the place of one under way, of which nothing is told any more.
    pub fn transfer(&self, to: &str) {
        self.command(Command::Transfer(to.to_owned()));
    }

    pub(super) fn command(&self, command: Command) {
        // Full only after eight unheeded commands, and the first of them ends the call.
        let _ = self.commands.try_send(Box::new(command));
    }
}

#[derive(Debug)]
pub(super) enum Command {
    Ring,
    Accept(String),
    Refuse(Refusal),
    Transfer(String),
    HangUp,
}

/// The events of a call on their way to its holder. There is always room for the confirmation and the end.
pub(super) struct Events {
    sender: mpsc::Sender<Box<CallEvent>>,
    confirmed: Option<mpsc::OwnedPermit<Box<CallEvent>>>,
    ended: Option<mpsc::OwnedPermit<Box<CallEvent>>>,
}

impl Events {
    fn new(sender: mpsc::Sender<Box<CallEvent>>) -> Self {
        let place = || sender.clone().try_reserve_owned().ok();
        Self { confirmed: place(), ended: place(), sender }
    }

    /// False where the holder does not keep up.
    pub(super) fn offer(&self, event: CallEvent) -> bool {
        self.sender.try_send(Box::new(event)).is_ok()
    }

    pub(super) fn has_room(&self) -> bool {
        self.sender.capacity() > 0
    }

    fn confirm(&mut self, answer: Option<Vec<u8>>) {
        if let Some(place) = self.confirmed.take() {
            place.send(Box::new(CallEvent::Confirmed { answer }));
        }
    }

    fn end(mut self, cause: EndCause) {
        if let Some(place) = self.ended.take() {
            place.send(Box::new(CallEvent::Ended(cause)));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Ringing,
    Accepted,
    Confirmed,
}

/// The INVITE of the far side that began the call, until its 2xx is acknowledged.
pub(super) struct Invite {
    pub(super) request: Request,
    pub(super) driver: TransactionEventSender,
    key: TransactionKey,
}

/// The task that owns a call.
pub(super) struct Run {
    pub(super) core: Arc<Core>,
    _seat: Seat,
    pub(super) dialog: Dialog,
    pub(super) way: Way,
    pub(super) phase: Phase,
    /// Whether an offer of this side waits for its answer in the ACK.
    pub(super) late: bool,
    hanging_up: bool,
    pub(super) invite: Option<Invite>,
    /// The INVITE of this side, to know a fork by.
    pub(super) dialled: Option<Request>,
    pub(super) keeper: Keeper,
    /// A ringing that must arrive, until it is acknowledged, and whether there was one.
    pub(super) ringing: Option<Ringing>,
    pub(super) has_rung: bool,
    pub(super) pending: Option<Pending>,
    pub(super) transfer: Option<Transfer>,
    /// A transfer's place was taken while it was under way.
    pub(super) left_open: bool,
    pub(super) events: Events,
    deadline: Option<Instant>,
}

impl Run {
    pub(super) fn ringing(
        core: &Arc<Core>,
        seat: Seat,
        dialog: Dialog,
        way: Way,
        transaction: &Transaction,
        late: bool,
        events: Events,
    ) -> Self {
        let invite = Invite {
            request: transaction.original.clone(),
            driver: transaction.tu_sender.clone(),
            key: transaction.key.clone(),
        };
        Self {
            core: Arc::clone(core),
            _seat: seat,
            dialog,
            way,
            phase: Phase::Ringing,
            late,
            hanging_up: false,
            invite: Some(invite),
            dialled: None,
            keeper: Keeper::new(core.config.session),
            ringing: None,
            has_rung: false,
            pending: None,
            transfer: None,
            left_open: false,
            events,
            deadline: Some(now() + LONGEST_RINGING),
        }
    }

    pub(super) fn answered(
        core: &Arc<Core>,
        seat: Seat,
        dialog: Dialog,
        way: Way,
        dialled: Request,
        keeper: Keeper,
        events: Events,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            _seat: seat,
            dialog,
            way,
            phase: Phase::Confirmed,
            late: false,
            hanging_up: false,
            invite: None,
            dialled: Some(dialled),
            keeper,
            ringing: None,
            has_rung: false,
            pending: None,
            transfer: None,
            left_open: false,
            events,
            deadline: None,
        }
    }

    pub(super) async fn run(mut self, mut mail: mpsc::Receiver<Mail>, mut commands: mpsc::Receiver<Box<Command>>) {
        let stopped = self.core.token.clone();
        let mut held = true;
        let cause = loop {
            let deadline = self.deadline;
            // Boxed: a call waits far longer than it does anything, and what it may do takes 10 KB.
            let end = tokio::select! {
                Some(mail) = mail.recv() => Box::pin(self.on_mail(mail)).await,
                command = commands.recv(), if held => {
                    held = command.is_some();
                    Box::pin(self.on_command(command.map_or(Command::HangUp, |command| *command))).await
                }
                reply = Pending::reply(&mut self.pending), if self.pending.is_some() => { Box::pin(self.on_reply(reply)).await; None }
                status = Transfer::reply(&mut self.transfer), if self.transfer.is_some() => { self.on_refer_reply(status); None }
                () = Ringing::due(self.ringing.as_ref()), if self.ringing.is_some() => self.ring_again(),
                wake = self.keeper.wake(), if session::is_kept(self.phase) => Box::pin(self.on_wake(wake)).await,
                () = until(deadline), if deadline.is_some() => Box::pin(self.on_deadline()).await,
                () = stopped.cancelled() => Some(EndCause::TransportGone),
            };
            if let Some(cause) = end {
                break cause;
            }
        };
        Box::pin(self.refuse_pending(Refusal::NoSuchCall)).await;
        mail.close();
        while let Ok(late) = mail.try_recv() {
            if let Mail::Request(transaction) = late {
                dispatch::too_late(&self.core, *transaction);
            }
        }
        self.events.end(cause);
    }

    async fn on_command(&mut self, command: Command) -> Option<EndCause> {
        match (command, self.phase) {
            (Command::Ring, Phase::Ringing) => {
                self.ring();
                None
            }
            (Command::Accept(sdp), Phase::Ringing) => {
                match &mut self.ringing {
                    Some(ringing) => ringing.accepted = Some(sdp),
                    None => self.accept(sdp),
                }
                None
            }
            (Command::Refuse(refusal), Phase::Ringing) => Some(self.refuse(refusal)),
            (Command::HangUp, Phase::Ringing) => Some(self.refuse(Refusal::Unavailable)),
            (Command::HangUp, Phase::Accepted) => {
                self.hanging_up = true;
                None
            }
            (Command::Transfer(to), Phase::Confirmed) => {
                self.refer(&to).await;
                None
            }
            (Command::HangUp, Phase::Confirmed) => {
                self.bye().await;
                Some(EndCause::HungUp)
            }
            _ => None,
        }
    }

    async fn on_deadline(&mut self) -> Option<EndCause> {
        match self.phase {
            Phase::Ringing => Some(self.refuse(Refusal::Unavailable)),
            _ => self.never_acknowledged().await,
        }
    }

    async fn on_mail(&mut self, mail: Mail) -> Option<EndCause> {
        match mail {
            Mail::Request(transaction) => self.on_request(*transaction).await,
            Mail::Invite(News::Cancelled) if self.phase == Phase::Ringing => {
                self.refuse(Refusal::Cancelled);
                Some(EndCause::Cancelled)
            }
            Mail::Invite(News::Acked(ack)) if self.phase == Phase::Accepted => self.on_ack(&ack).await,
            Mail::Invite(News::Over) if self.phase == Phase::Accepted => self.never_acknowledged().await,
            Mail::Reinvite(news) => {
                self.on_reinvite_news(news).await;
                None
            }
            Mail::Response(response) => {
                self.on_fork(&response).await;
                None
            }
            Mail::Invite(_) => None,
        }
    }

    async fn on_ack(&mut self, ack: &Request) -> Option<EndCause> {
        self.phase = Phase::Confirmed;
        self.deadline = None;
        // Nothing of it is asked for any more, and the way to its driver alone takes 11 KB.
        self.invite = None;
        let answer = if self.late { body::sdp(&ack.headers, &ack.body).map(<[u8]>::to_vec) } else { None };
        self.late = false;
        self.events.confirm(answer);
        if self.hanging_up {
            self.bye().await;
            return Some(EndCause::HungUp);
        }
        None
    }

    async fn never_acknowledged(&mut self) -> Option<EndCause> {
        self.bye().await;
        Some(if self.hanging_up { EndCause::HungUp } else { EndCause::NoAck })
    }

    /// A request inside the dialog (RFC 3261, section 12.2.2).
    async fn on_request(&mut self, mut transaction: Transaction) -> Option<EndCause> {
        transaction.destination = drive::source(&transaction.original).map(drive::address);
        let request = &transaction.original;
        let from_tag = request.from_header().ok().and_then(|from| from.tag().ok().flatten());
        if from_tag.is_none_or(|tag| tag.value() != self.dialog.remote_tag()) {
            drive::refuse(&self.core, transaction, Refusal::NoSuchCall);
            return None;
        }
        let sequence = drive::sequence(request);
        if !self.dialog.takes(sequence) {
            drive::refuse(&self.core, transaction, Refusal::Failed { retry_after: None });
            return None;
        }
        self.adopt(&transaction);
        match request.method {
            Method::Bye => return Some(self.on_bye(transaction).await),
            Method::Invite => self.on_reinvite(transaction),
            Method::Update => self.on_update(transaction).await,
            Method::PRack => self.on_prack(transaction).await,
            Method::Info => self.on_info(transaction).await,
            Method::Notify => self.on_notify(transaction).await,
            Method::Options => self.reply(transaction, Ok(())).await,
            _ => self.reply(transaction, Err(Refusal::MethodNotAllowed)).await,
        }
        None
    }

    /// A far side that has opened another connection is reached by that one from now on.
    fn adopt(&mut self, transaction: &Transaction) {
        if let Some(way) = self.core.way_of(transaction).filter(|way| self.way.gives_way_to(way)) {
            self.way = way.secured(self.way.is_secure());
        }
    }

    /// BYE, at any time: a call that still rings is then over like a cancelled one (section 15.1.2).
    async fn on_bye(&mut self, transaction: Transaction) -> EndCause {
        self.reply(transaction, Ok(())).await;
        if self.phase == Phase::Ringing {
            self.refuse(Refusal::Cancelled);
        } else if let (Phase::Accepted, Some(invite)) = (self.phase, self.invite.take()) {
            drive::release(&invite.driver, invite.key);
        }
        EndCause::ByeReceived
    }

    async fn on_info(&mut self, transaction: Transaction) {
        let request = &transaction.original;
        let content_type = body::content_type(&request.headers);
        if !request.body.is_empty() && !info_keys::is_understood(content_type) {
            return self.reply(transaction, Err(Refusal::UnsupportedBody)).await;
        }
        let event = CallEvent::Info {
            content_type: content_type.to_owned(),
            body: request.body.iter().take(LONGEST_INFO).copied().collect(),
        };
        let verdict = if self.events.offer(event) { Ok(()) } else { Err(Refusal::Failed { retry_after: Some(1) }) };
        self.reply(transaction, verdict).await;
    }

    /// Answers a request other than INVITE, without a body.
    pub(super) async fn reply(&self, mut transaction: Transaction, verdict: Result<(), Refusal>) {
        let response = match verdict {
            Ok(()) => self.core.response(&transaction.original, StatusCode::OK, &self.way, None),
            Err(refusal) => self.core.refusal(&transaction.original, refusal),
        };
        // Where it cannot be sent, the request comes again.
        let _ = transaction.respond(response).await;
    }

    fn ring(&mut self) {
        match &self.invite {
            Some(invite) if reliable::is_required(&invite.request) => self.ring_reliably(),
            Some(invite) => {
                let response = self.core.response(&invite.request, StatusCode::Ringing, &self.way, None);
                drive::respond(&invite.driver, response);
            }
            None => {}
        }
    }

    pub(super) fn accept(&mut self, sdp: String) {
        self.phase = Phase::Accepted;
        // The driver tells when 64·T1 are over; this is for the case that the 200 could not even be sent.
        self.deadline = Some(now() + self.core.t1x64() * 2);
        if let Some(invite) = &self.invite {
            let session = self.keeper.answers(&invite.request);
            self.keeper.description = Some(sdp.clone());
            let mut response = self.core.response(&invite.request, StatusCode::OK, &self.way, Some(sdp));
            response.headers.extend(session);
            drive::respond(&invite.driver, response);
        }
    }

    pub(super) fn refuse(&self, refusal: Refusal) -> EndCause {
        if let Some(invite) = &self.invite {
            drive::respond(&invite.driver, self.core.refusal(&invite.request, refusal));
        }
        EndCause::Refused(refusal)
    }

    /// A connection may turn out to be lost only when something is sent on it: then the BYE goes once more, another way.
    pub(super) async fn bye(&mut self) {
        let way = self.core.onward(&self.way, &self.dialog).await;
        let bye = self.dialog.request(Method::Bye, way.via(), &self.core.config.user_agent);
        let (core, mut dialog) = (Arc::clone(&self.core), self.dialog.clone());
        tokio::spawn(async move {
            if !drive::deliver(&core, bye, &way).await {
                let way = core.onward(&way, &dialog).await;
                let bye = dialog.request(Method::Bye, way.via(), &core.config.user_agent);
                drive::deliver(&core, bye, &way).await;
            }
        });
    }

    /// Another 2xx to one INVITE: a fork has been answered twice (section 13.2.2.4). The stack has acknowledged it; the
    /// second call is ended.
    async fn on_fork(&mut self, response: &Response) {
        let Some(mut fork) = self.dialled.as_ref().and_then(|invite| Dialog::uac(invite, response)) else { return };
        if fork.remote_tag() == self.dialog.remote_tag() {
            return;
        }
        let way = self.core.onward(&self.way, &fork).await;
        let bye = fork.request(Method::Bye, way.via(), &self.core.config.user_agent);
        drive::send(&self.core, bye, way);
    }
}
