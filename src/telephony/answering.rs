//! One task a call: from its INVITE to its record.
//!
//! ```text
//!   INVITE ── number? media port? offer? ──> (180 …) 200 ── ACK ──> the dialogue begins
//!     no: 404, 503, 488                                            | re-INVITE: new address, hold
//!                                                                  v
//!                              BYE from either side ──> leg ended ──> its figures ──> call record
//! ```

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::conductor::{CallerConductor, Ended, Told, take};
use super::failure::Failure;
use super::srtp::{reanswer, reoffer};
use super::trace::{CallTrace, CallTraces, LookUps};
use super::version::{Served, Version, Versions};
use super::watch::{CallReport, CallWatch, Progress};
use crate::dialogue::{Caller, Dialogue, Ending, Story, Transferred};
use crate::facts::{CallId, CallerNumber, Key, KeyCounts, KeySource, Language, Secret};
use crate::media::{Leg, MediaEngine, MediaEvent, MediaParams, MediaStats};
use crate::menu::Menu;
use crate::records::{CallLog, CallRecord, RecordsPool};
use crate::sip::agent::Reoffer;
use crate::sip::sdp::{self, Local, Negotiated, Offer};
use crate::sip::{Call, CallEvent, EndCause, IncomingCall, TransferEnd, info_keys};

/// The longest caller's number that is kept, in symbols (E.164 has 15 digits).
const LONGEST_NUMBER: usize = 32;
/// How long the figures of an ended leg are waited for.
const FIGURES_WITHIN: Duration = Duration::from_secs(5);

/// What may wait for a call's task: the three events of its media, each told once, and the transfers of its dialogue, one of
/// which is under way at a time.
const MOST_TOLD: usize = 8;

/// Keys by INFO that are kept until the acknowledgement that they overtook has come: more than fingers press in the seconds that
/// an ACK can be late. What is beyond is not heard.
const MOST_EARLY_KEYS: usize = 16;

/// All that calls share, whatever version they are served by.
pub struct Exchange {
    /// What each call is served by.
    pub versions: Arc<dyn Versions>,
    /// The records, off the calls' path.
    pub records: Arc<RecordsPool>,
    /// Where calls are recorded.
    pub log: Arc<CallLog>,
    /// Sound and keys.
    pub media: Arc<MediaEngine>,
    /// Seconds after which a refused caller may try again.
    pub retry_after: u32,
    /// Who is told of calls.
    pub watch: Arc<dyn CallWatch>,
    /// Who follows whole calls, if anybody does.
    pub traces: Option<Arc<dyn CallTraces>>,
}

/// Answers calls until the agent is gone and the last call's record is handed over. Each has a task of its own; the agent
/// bounds how many there are.
pub async fn answer_calls(exchange: Arc<Exchange>, mut calls: mpsc::Receiver<IncomingCall>) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            incoming = calls.recv() => {
                let Some(incoming) = incoming else { break };
                let exchange = Arc::clone(&exchange);
                running.spawn(async move {
                    let call = CallId::new(rand::random());
                    if let Err(failure) = take_call(&exchange, call, incoming).await {
                        tracing::warn!(%call, failure = failure.name(), "a call was refused or cut off");
                    }
                });
            }
            Some(_) = running.join_next() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

async fn take_call(exchange: &Arc<Exchange>, call: CallId, mut incoming: IncomingCall) -> Result<(), Failure> {
    let started = now();
    let Served { version, watch } = exchange.versions.choose();
    let progress = Progress::begin(&exchange.watch, watch, incoming.trunk.as_ref());
    match prepare(exchange, &version, &incoming) {
        Ok((menu, leg, local, sdp, agreed)) => {
            let record = Record {
                call,
                started,
                called: incoming.number.clone(),
                caller: caller_number(&incoming.caller.user),
                menu: menu.name.clone(),
                trunk: incoming.trunk.clone(),
                sip_call_id: incoming.call_id.clone(),
            };
            ring(&mut incoming, version.ring).await;
            let dialog = incoming.accept(sdp);
            let (tell, told) = mpsc::channel(MOST_TOLD);
            let ended = Ended::default();
            let running = Running {
                exchange,
                version,
                menu,
                leg: Some(leg),
                local,
                agreed,
                call: dialog,
                tell,
                told,
                ended,
                answered: None,
                early: ArrayVec::new(),
                progress,
                look_ups: exchange.traces.as_ref().map(|_| LookUps::default()),
            };
            running.run(record).await
        }
        Err(failure) => {
            progress.ended(&CallReport { call: Some(call), failure: Some(failure), ..CallReport::default() });
            if let Some(traces) = &exchange.traces {
                traces.ended(CallTrace {
                    call,
                    started,
                    answered: None,
                    ended: now(),
                    trunk: incoming.trunk.clone(),
                    menu: None,
                    story: None,
                    failure: Some(failure),
                    media: None,
                    look_ups: Vec::new(),
                });
            }
            incoming.reject(failure.refusal());
            Err(failure)
        }
    }
}

/// Rings, until it is time to answer or the caller gives up.
async fn ring(incoming: &mut IncomingCall, time: Duration) {
    if time.is_zero() {
        return;
    }
    incoming.ring();
    let given_up = async { while !matches!(incoming.next_event().await, Some(CallEvent::Ended(_)) | None) {} };
    let _ = tokio::time::timeout(time, given_up).await;
}

type Prepared = (Arc<Menu>, Leg, Local, String, Option<Negotiated>);

/// Everything that can refuse a call, before it is answered.
fn prepare(exchange: &Exchange, version: &Version, incoming: &IncomingCall) -> Result<Prepared, Failure> {
    let menu = version.numbers.get(&incoming.number).or(version.any.as_ref()).ok_or(Failure::NoSuchNumber)?;
    let retry_after = exchange.retry_after;
    let of_family = version.media_addresses.iter().find(|address| address.is_ipv4() == incoming.socket.is_ipv4());
    let leg = exchange.media.reserve_at(of_family.copied().unwrap_or(incoming.socket)).map_err(|error| {
        tracing::warn!(%error, "no media for a call");
        Failure::NoMediaPort { retry_after }
    })?;
    let mut local =
        Local::new(told(incoming, leg.address().ip()), leg.address().port(), u64::from(rand::random::<u32>()));
    local.srtp = version.srtp.begin();
    local.telephone_event = version.keys.contains(&KeySource::Rfc4733);
    let (sdp, agreed) = match &incoming.offer {
        Some(offer) => {
            let (answer, agreed) = sdp::answer(offer, &local)?;
            (answer, Some(agreed))
        }
        None => (sdp::offer(&local), None),
    };
    Ok((Arc::clone(menu), leg, local, sdp, agreed))
}

/// The address that the session description names: the socket's own, unless this machine is known by another.
fn told(incoming: &IncomingCall, socket: IpAddr) -> IpAddr {
    if socket.is_unspecified() || incoming.local != incoming.socket { incoming.local } else { socket }
}

/// What a record needs to know from the call's beginning.
struct Record {
    call: CallId,
    started: Timestamp,
    called: String,
    caller: Option<CallerNumber>,
    menu: String,
    trunk: Option<Arc<str>>,
    sip_call_id: String,
}

/// A call that has been answered.
struct Running<'a> {
    exchange: &'a Arc<Exchange>,
    /// From beginning to end, whatever becomes of others.
    version: Arc<Version>,
    menu: Arc<Menu>,
    /// Until the call is over.
    leg: Option<Leg>,
    local: Local,
    agreed: Option<Negotiated>,
    call: Call,
    /// What its media and its dialogue tell, and the other end of it.
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    ended: Ended,
    answered: Option<Timestamp>,
    /// Keys by INFO that came before the acknowledgement.
    early: ArrayVec<Key, MOST_EARLY_KEYS>,
    progress: Progress,
    /// What the records are asked, where somebody follows the call.
    look_ups: Option<LookUps>,
}

impl Running<'_> {
    async fn run(mut self, record: Record) -> Result<(), Failure> {
        let mut failure = None;
        loop {
            tokio::select! {
                event = self.call.next_event() => match event {
                    Some(CallEvent::Ended(cause)) => {
                        tracing::debug!(?cause, "call ended");
                        match cause {
                            EndCause::NoAck => tracing::warn!("a caller never acknowledged the answer"),
                            EndCause::SessionExpired => failure = failure.or(Some(Failure::SessionExpired)),
                            _ => {}
                        }
                        break;
                    }
                    None => break,
                    Some(event) => if let Err(found) = self.signalled(event, &record) {
                        failure.get_or_insert(found);
                        self.call.hang_up();
                    },
                },
                Some(told) = self.told.recv() => match told {
                    Told::Transfer(to) => self.call.transfer(&to),
                    Told::HangUp => self.call.hang_up(),
                    Told::TimedOut => {
                        failure.get_or_insert(Failure::MediaTimedOut);
                        self.call.hang_up();
                    }
                    Told::Ended(_) => {}
                },
            }
        }
        let stats = if self.answered.is_some() { self.end_media().await } else { None };
        if let Some(forged) = stats.map(|stats| stats.forged).filter(|forged| *forged > 0) {
            tracing::warn!(
                packets = forged,
                "what came to an encrypted call in clear, or with a wrong tag, was dropped"
            );
        }
        self.write(record, stats, failure);
        failure.map_or(Ok(()), Err)
    }

    fn signalled(&mut self, event: CallEvent, record: &Record) -> Result<(), Failure> {
        match event {
            CallEvent::Confirmed { answer } => {
                if let Some(answer) = answer.filter(|_| self.agreed.is_none()) {
                    self.agreed = Some(self.accept(&answer)?);
                }
                self.begin(record)
            }
            CallEvent::Reoffer(reoffer) => self.reoffered(reoffer),
            CallEvent::Reanswer(answer) => {
                let agreed = self.accept(&answer)?;
                self.agree(agreed)
            }
            CallEvent::Refreshed(answer) => self.refreshed(&answer),
            CallEvent::Info { content_type, body } => {
                self.keyed(&content_type, &body);
                Ok(())
            }
            CallEvent::Transferred(end) => {
                let leg = self.leg.as_ref().ok_or(Failure::MediaStopped)?;
                leg.send(Box::new(transferred(end))).map_err(|_| Failure::MediaStopped)
            }
            // Other events change nothing here.
            _ => Ok(()),
        }
    }

    fn accept(&self, answer: &[u8]) -> Result<Negotiated, Failure> {
        let before = self.agreed.as_ref().and_then(|agreed| agreed.srtp.as_ref());
        Ok(sdp::accept_answer(&reoffer(&self.local, before), answer)?)
    }

    /// A key by INFO. Who keys has the answer, though its acknowledgement may come later, or once more: the dialogue begins with it.
    fn keyed(&mut self, content_type: &str, body: &[u8]) {
        let listened = self.version.keys.contains(&KeySource::Info);
        let Some(key) = info_keys::key(content_type, body).filter(|_| listened) else { return };
        match self.answered {
            Some(_) => self.press(key),
            None if self.early.try_push(key).is_err() => tracing::debug!("a key by INFO is lost: the call is not up"),
            None => {}
        }
    }

    fn press(&self, key: Key) {
        if let Some(leg) = &self.leg
            && let Err(error) = leg.press(key)
        {
            tracing::debug!(%error, "a key by INFO is lost");
        }
    }

    fn begin(&mut self, record: &Record) -> Result<(), Failure> {
        let agreed = self.agreed.as_ref().ok_or(Failure::NoCommonMedia)?;
        let leg = self.leg.as_mut().ok_or(Failure::MediaStopped)?;
        let caller =
            Caller { number: record.caller.clone(), trunk: record.trunk.clone(), call: record.call, today: today() };
        let conductor = CallerConductor::new(
            record.call,
            Dialogue::new(Arc::clone(&self.menu), caller),
            Arc::clone(&self.version.prompts),
            Arc::clone(&self.exchange.records),
            self.look_ups.clone(),
            leg.mailbox(),
            self.menu.look_up_deadline,
            self.tell.clone(),
            Arc::clone(&self.ended),
        );
        let tell = self.tell.clone();
        let on_event = move |event: MediaEvent| {
            // There is always room: see MOST_TOLD.
            let _ = tell.try_send(event.into());
        };
        leg.begin(params(agreed, &self.version.keys), Box::new(conductor), on_event)
            .map_err(|_| Failure::MediaStopped)?;
        self.answered = Some(now());
        self.progress.runs();
        std::mem::take(&mut self.early).into_iter().for_each(|key| self.press(key));
        Ok(())
    }

    /// A re-INVITE or UPDATE: a new address, hold, resume.
    fn reoffered(&mut self, asked: Reoffer) -> Result<(), Failure> {
        self.local = self.local.next();
        let before = self.agreed.as_ref().and_then(|agreed| agreed.srtp.as_ref());
        let Some(offer) = &asked.offer else {
            asked.accept(sdp::offer(&reoffer(&self.local, before)));
            return Ok(());
        };
        match reanswer(offer, &mut self.local, before) {
            Ok((answer, agreed)) => {
                // The stream first: what the far end sends on its answer is then heard as agreed.
                let changed = self.agree(agreed);
                asked.accept(answer);
                changed
            }
            Err(fault) => {
                // The stream stays as it was.
                asked.refuse(Failure::from(fault).refusal());
                Ok(())
            }
        }
    }

    /// The answer to the description that the far end has already agreed to. It says what it wants now as an offer would;
    /// where it says nothing that can be played, the stream stays as it was.
    fn refreshed(&mut self, answer: &[u8]) -> Result<(), Failure> {
        match Offer::parse(answer).and_then(|said| sdp::answer(&said, &self.local)) {
            Ok((_, agreed)) => self.agree(agreed),
            Err(fault) => {
                tracing::debug!(%fault, "the answer to a refresh is passed over");
                Ok(())
            }
        }
    }

    fn agree(&mut self, agreed: Negotiated) -> Result<(), Failure> {
        let params = params(&agreed, &self.version.keys);
        self.agreed = Some(agreed);
        if self.answered.is_none() {
            return Ok(());
        }
        let leg = self.leg.as_ref().ok_or(Failure::MediaStopped)?;
        leg.update(params).map_err(|_| Failure::MediaStopped)
    }

    /// Ends the leg and waits for its figures.
    async fn end_media(&mut self) -> Option<MediaStats> {
        drop(self.leg.take());
        let figures = async {
            loop {
                match self.told.recv().await {
                    Some(Told::Ended(stats)) => return Some(*stats),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        tokio::time::timeout(FIGURES_WITHIN, figures).await.ok().flatten()
    }

    fn write(self, record: Record, stats: Option<MediaStats>, failure: Option<Failure>) {
        let language = self.menu.languages.first().copied().unwrap_or(Language::ZhCn);
        let (mut story, person) = take(&self.ended).unwrap_or_else(|| (unbegun(language), None));
        // The dialogue has only seen its caller go.
        if let Some(failure) = failure.filter(|_| story.ending == Some(Ending::CallerHungUp)) {
            story.ending = Some(failure.ending());
        }
        let keys = stats.map_or_else(KeyCounts::default, |stats| stats.keys);
        let outcome = Some(story.outcome);
        let (ending, wrong_entries) = (story.ending, story.wrong_entries);
        let call = Some(record.call);
        self.progress.ended(&CallReport { call, outcome, ending, wrong_entries, failure, keys, media: stats });
        let ended = now();
        if let Some(traces) = &self.exchange.traces {
            traces.ended(CallTrace {
                call: record.call,
                started: record.started,
                answered: self.answered,
                ended,
                trunk: record.trunk.clone(),
                menu: Some(record.menu.clone()),
                story: Some(story.clone()),
                failure,
                media: stats,
                look_ups: self.look_ups.as_ref().map(LookUps::take).unwrap_or_default(),
            });
        }
        self.exchange.log.write(CallRecord {
            call: record.call,
            started: record.started,
            answered: self.answered,
            ended,
            called: record.called,
            caller: record.caller,
            menu: record.menu,
            story,
            person,
            trunk: record.trunk,
            version: self.version.digest.clone(),
            sip_call_id: Some(record.sip_call_id),
            keys,
            rtp_lost: stats.map(|stats| u32::try_from(stats.lost.max(0)).unwrap_or(u32::MAX)),
            rtp_jitter_us: stats.map(|stats| u32::try_from(stats.jitter.as_micros()).unwrap_or(u32::MAX)),
        });
    }
}

fn transferred(end: TransferEnd) -> Transferred {
    match end {
        TransferEnd::Answered => Transferred::Answered,
        TransferEnd::Busy => Transferred::Busy,
        TransferEnd::Unanswered => Transferred::Unanswered,
        TransferEnd::Refused => Transferred::Refused,
    }
}

/// The story of a call whose caller was gone before the dialogue began.
fn unbegun(language: Language) -> Story {
    Story { ending: Some(Ending::CallerHungUp), ..Story::of(language) }
}

fn params(agreed: &Negotiated, keys: &[KeySource]) -> MediaParams {
    MediaParams { in_band_keys: keys.contains(&KeySource::InBand), ..agreed.into() }
}

/// The caller's number, where the user part of From is one.
fn caller_number(user: &str) -> Option<CallerNumber> {
    let number: String = user.chars().filter(|symbol| !matches!(symbol, '-' | '.' | '(' | ')' | ' ')).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let is_number = !digits.is_empty() && digits.bytes().all(|symbol| symbol.is_ascii_digit());
    (is_number && number.len() <= LONGEST_NUMBER).then(|| Secret::new(number))
}

#[allow(clippy::disallowed_methods, reason = "the shell's clock: call records tell when")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[allow(clippy::disallowed_methods, reason = "the shell's calendar: which twelve months are the last")]
fn today() -> jiff::civil::Date {
    jiff::ZonedDateTime::now().date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_is_a_callers_number() {
        let shown = |user| caller_number(user).map(|number| number.reveal().clone());
        assert_eq!(shown("13900000001"), Some("13900000001".into()));
        assert_eq!(shown("+86-139-0000-0001"), Some("+8613900000001".into()));
        for none in ["", "+", "anonymous", "sipp", "1390000000x", "123456789012345678901234567890123"] {
            assert_eq!(shown(none), None, "{none}");
        }
    }
}
