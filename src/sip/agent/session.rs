//! A running call kept alive, or found dead, by session timers (RFC 4028; their arithmetic is in `sip::session`).
//!
//! ```text
//!   this side refreshes                               the far side refreshes
//!     at half: UPDATE, or re-INVITE ──>                 UPDATE, re-INVITE ──> 200: the interval begins anew
//!        <── 200: the interval begins anew              none: BYE before the interval's end
//!        <── 408, 481, nothing:  BYE
//!        <── 491:                again, after 2.1–4 s or 0–2 s
//!        <── 422:                again later, for longer
//!        <── anything else:      again later; BYE before the interval's end
//! ```
//!
//! An UPDATE has no body. A re-INVITE offers this side's last description, unchanged, so nothing changes but by the answer.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Headers, Method, Request, Response};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::session::{self, Said, Session, SessionPolicy};
use super::super::{ALLOW, Refusal, field};
use super::call::{CallEvent, EndCause, Phase, Run};
use super::drive::{self, Outcome};
use super::{body, now, reinvite, until};

/// How long a refresh that failed is left before it is tried again, where the far side does not say: an eighth of the
/// interval, up to this.
const PAUSE: Duration = Duration::from_secs(10);

/// What keeps a call's session.
pub(super) struct Keeper {
    policy: SessionPolicy,
    agreed: Option<(Session, Instant)>,
    /// When this side refreshes next.
    next: Option<Instant>,
    /// The interval that this side asks for, and the shortest that anybody on the way allows.
    asking: u32,
    minimum: u32,
    /// Whether the far side takes UPDATE.
    takes_update: bool,
    under_way: Option<UnderWay>,
    /// This side's last description.
    pub(super) description: Option<String>,
    /// INVITEs of the far side whose transactions are not over.
    pub(super) their_invites: usize,
}

struct UnderWay {
    outcome: oneshot::Receiver<Outcome>,
    is_invite: bool,
}

/// What a session wants done.
pub(super) enum Wake {
    /// It is to be refreshed.
    Due,
    /// A refresh has been answered, or not.
    Answered(Outcome),
    /// It was not refreshed.
    Expired,
}

impl Keeper {
    pub(super) fn new(policy: SessionPolicy) -> Self {
        Self {
            policy,
            agreed: None,
            next: None,
            asking: policy.expires(),
            minimum: policy.minimum(),
            takes_update: false,
            under_way: None,
            description: None,
            their_invites: 0,
        }
    }

    /// The session of a call out, by the 2xx to an INVITE that asked for `asked` seconds.
    pub(super) fn of_call_out(policy: SessionPolicy, asked: u32, response: &Response, description: String) -> Self {
        let mut keeper = Self { asking: asked, description: Some(description), ..Self::new(policy) };
        keeper.answered(&response.headers);
        keeper
    }

    /// Waits until something is to be done. May be dropped and called again.
    pub(super) async fn wake(&mut self) -> Wake {
        let end = self.agreed.map(|(session, since)| since + session.end_after());
        let next = self.next.filter(|_| self.under_way.is_none());
        let outcome = async {
            match &mut self.under_way {
                Some(under_way) => (&mut under_way.outcome).await.unwrap_or(Outcome::Lost),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = outcome => Wake::Answered(outcome),
            () = until(end) => Wake::Expired,
            () = until(next) => Wake::Due,
        }
    }

    /// Whether an INVITE of this side is under way.
    pub(super) fn is_inviting(&self) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| under_way.is_invite)
    }

    /// Whether a request of the far side may be answered with 2xx.
    ///
    /// # Errors
    /// 422 where its interval is too short.
    pub(super) fn admits(&self, request: &Request) -> Result<(), Refusal> {
        Session::answered(&Said::read(&request.headers), &self.policy, None).map(|_| ())
    }

    /// A request of the far side is being answered with 2xx: the session begins, or begins anew. Returns what that 2xx says.
    pub(super) fn answers(&mut self, request: &Request) -> Vec<Header> {
        let said = Said::read(&request.headers);
        self.hear(&request.headers, &said);
        let before = self.agreed.map(|(session, _)| session);
        let Ok(session) = Session::answered(&said, &self.policy, before) else { return Vec::new() };
        self.begin(session);
        session.headers(&said)
    }

    /// A request of this side has been answered with 2xx.
    fn answered(&mut self, headers: &Headers) {
        let said = Said::read(headers);
        self.hear(headers, &said);
        self.begin(Session::asked(self.asking, &said, &self.policy));
    }

    fn hear(&mut self, headers: &Headers, said: &Said) {
        self.minimum = self.minimum.max(said.minimum.unwrap_or_default());
        if field::values(headers, "Allow", "Allow").next().is_some() {
            self.takes_update = field::has_token(headers, "Allow", "Allow", "UPDATE");
        }
    }

    fn begin(&mut self, session: Session) {
        let since = now();
        self.agreed = Some((session, since));
        self.next = session.refresh_after().map(|after| since + after);
        self.asking = session.interval.max(self.minimum);
    }

    fn again_later(&mut self) {
        let interval = self.agreed.map_or(PAUSE, |(session, _)| Duration::from_secs(session.interval.into()));
        self.again(PAUSE.min(interval / 8));
    }

    fn again(&mut self, after: Duration) {
        self.next = Some(now() + after);
    }
}

impl Run {
    pub(super) async fn on_wake(&mut self, wake: Wake) -> Option<EndCause> {
        match wake {
            Wake::Due => {
                self.refresh_session().await;
                None
            }
            Wake::Expired => self.session_expired().await,
            Wake::Answered(outcome) => {
                let is_invite = self.keeper.under_way.take().is_some_and(|under_way| under_way.is_invite);
                match outcome {
                    Outcome::Final(response) => self.on_refresh_answered(is_invite, &response).await,
                    Outcome::Unanswered => self.session_expired().await,
                    // The call does not end with its connection; another one is opened.
                    Outcome::Lost => {
                        self.keeper.again(self.core.config.t1 * 2);
                        None
                    }
                }
            }
        }
    }

    async fn session_expired(&mut self) -> Option<EndCause> {
        self.bye().await;
        Some(EndCause::SessionExpired)
    }

    async fn refresh_session(&mut self) {
        // Neither INVITE nor offer may cross one that is open (RFC 3261, section 14.1; RFC 3264, section 4).
        if self.pending.is_some() || self.late || self.keeper.their_invites > 0 {
            return self.keeper.again(self.core.config.t1 * 2);
        }
        let way = self.core.onward(&self.way, &self.dialog).await;
        let description = self.keeper.description.clone().filter(|_| !self.keeper.takes_update);
        let (is_invite, agent) = (description.is_some(), &self.core.config.user_agent);
        let method = if is_invite { Method::Invite } else { Method::Update };
        let mut request = self.dialog.request(method, way.via(), agent);
        request.headers.push(way.contact());
        request.headers.push(Header::Allow(ALLOW.into()));
        request.headers.extend(session::asking(self.keeper.asking, self.keeper.minimum, true).to_vec());
        if let Some(description) = description {
            body::describe(&mut request, description);
        }
        let (tell, outcome) = oneshot::channel();
        let core = Arc::clone(&self.core);
        if is_invite {
            tokio::spawn(reinvite::drive(core, request, way, self.dialog.clone(), tell));
        } else {
            tokio::spawn(async move {
                // Nobody waits any more where the call has ended.
                let _ = tell.send(drive::ask(&core, request, &way).await);
            });
        }
        self.keeper.under_way = Some(UnderWay { outcome, is_invite });
    }

    async fn on_refresh_answered(&mut self, is_invite: bool, response: &Response) -> Option<EndCause> {
        let keeper = &mut self.keeper;
        match response.status_code.code() {
            200..=299 => {
                self.dialog.refresh(&response.headers);
                keeper.answered(&response.headers);
                if is_invite && let Some(answer) = body::sdp(&response.headers, &response.body) {
                    // Where its holder does not keep up, the stream stays as it was.
                    self.events.offer(CallEvent::Refreshed(answer.to_vec()));
                }
            }
            408 | 481 => return self.session_expired().await,
            // Not at once: whoever says it again and again could keep this side at it.
            422 => {
                keeper.minimum = keeper.minimum.max(Said::read(&response.headers).minimum.unwrap_or_default());
                keeper.asking = keeper.asking.max(keeper.minimum);
                keeper.again_later();
            }
            491 => keeper.again(session::after_glare(self.dialled.is_some(), rand::random())),
            405 | 501 if !is_invite => {
                keeper.takes_update = false;
                keeper.again(Duration::ZERO);
            }
            // G01 baresip#390: one failure is no reason to give up.
            _ => match retry_after(&response.headers) {
                Some(after) => keeper.again(after),
                None => keeper.again_later(),
            },
        }
        None
    }
}

/// When the far side wants to be asked again.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let seconds = field::seconds(field::values(headers, "Retry-After", "Retry-After").next()?)?;
    Some(Duration::from_secs(seconds.max(1).into()))
}

/// Whether a session may be refreshed, or may expire: only a call that is up.
pub(super) fn is_kept(phase: Phase) -> bool {
    phase == Phase::Confirmed
}
