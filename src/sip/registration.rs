//! One registration (RFC 3261, section 10.2), from its first REGISTER to its last: what is sent when, and what each answer
//! means. Pure: the time, what chance gives and what is answered come as arguments; [`super::agent`] drives it.
//!
//! ```text
//!      ┌──────────── half of the time granted ─────────┐
//!      v                                               │
//!     due ── REGISTER ──> asked ── 2xx ──> registered ─┤
//!      ^ ^                  │                          └─ its connection is lost ─┐
//!      │ └─ at once: 401, 407, 423                                                │
//!      └── after a wait: everything else <────────────────────────────────────────┘
//! ```
//!
//! | answer | what follows |
//! |---|---|
//! | 2xx | registered for what our Contact's `expires` grants, else the Expires header, else what was asked; the next REGISTER after 45 to 55 % of it |
//! | 2xx that grants nothing | as for any other refusal |
//! | 401, 407 to a request without credentials | answered at once |
//! | 401, 407 with another nonce than the one answered, `stale` or not (G02 baresip#786; at a refresh: G01 baresip#390) | answered at once, once |
//! | the same nonce again and not `stale`; a second new one in a row | the user or the password is wrong: refused |
//! | 401, 407 without a challenge that can be answered, or without a password to answer with | refused |
//! | 423 with a Min-Expires of more than was asked, up to a day | asked for so much at once, once |
//! | 403, 404 | refused |
//! | 3xx | not followed: refused |
//! | with Retry-After | after so long, up to a day, and no sooner than without |
//! | 408 or nothing (G04 esphome-intercom#104), 503 or no way there, any other 4xx, 5xx, 6xx | 2 s, 4 s … 30 min |
//! | refused | 5 min, 10 min … 30 min: nobody has gained by asking more often, and a registrar may lock the account |
//!
//! Each wait is shortened by up to a quarter, by lot, so that many that lost the same registrar do not come back as one. What
//! was granted holds until it is over, whatever is answered meanwhile. At the end one REGISTER with Expires 0 takes it back.

use std::time::Duration;

use rsipstack::sip::{Header, Response};

use super::digest::Challenge;
use super::door::challenge::Login;
use super::field;
use crate::facts::Moment;

/// The longest time that is asked for, granted or waited for at a registrar's word.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long is waited between attempts.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// After the first failure; each further one doubles it.
    pub failed: Duration,
    /// After the first refusal; each further one doubles it.
    pub refused: Duration,
    /// The most of both.
    pub most: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let (failed, refused, most) = (Duration::from_secs(2), Duration::from_secs(300), Duration::from_secs(1800));
        Self { failed, refused, most }
    }
}

impl Patience {
    /// The wait after so many failures before, `chance` from 0 to 1.
    fn wait(&self, first: Duration, before: u32, chance: f64) -> Duration {
        let full = first.saturating_mul(1_u32.checked_shl(before).unwrap_or(u32::MAX)).min(self.most);
        full.mul_f64(1.0 - 0.25 * chance.clamp(0.0, 1.0))
    }
}

/// Which of the two that may ask for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// 401, WWW-Authenticate, Authorization.
    Registrar,
    /// 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

/// A challenge that is being answered.
#[derive(Clone, Debug)]
struct Known {
    challenge: Challenge,
    /// How often its nonce has been answered.
    count: u32,
    /// How many answers in a row have not been accepted.
    rejected: u32,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Its CSeq.
    pub(super) sequence: u32,
    /// Its Expires, in seconds.
    pub(super) expires: u32,
    /// Authorization and Proxy-Authorization.
    pub(super) credentials: Vec<Header>,
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    status: u16,
    expires: Option<u32>,
    min_expires: Option<u32>,
    retry_after: Option<u32>,
    registrar: Vec<String>,
    proxy: Vec<String>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It holds for so long.
    Registered(Duration),
    /// It goes on at once.
    Again,
    /// It will be tried again then.
    Failed(Duration),
    /// The same, and somebody has to mend something.
    Refused(Duration, Cause),
    /// What there was to end has ended.
    Over,
}

/// Why a registrar will not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Credentials,
    Challenge,
    NoPassword,
    Forbidden,
    Unknown,
    Elsewhere,
}

impl Cause {
    /// For a log: what is wrong, and how to mend it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Credentials => "the user or the password is wrong: see user, auth-user and password-file",
            Self::Challenge => "it asks for what is not spoken here: only Digest with MD5 or SHA-256 and qop auth is",
            Self::NoPassword => "it asks for a password: name its file in password-file",
            Self::Forbidden => "it forbids it: ask whether the account is open, and from this address",
            Self::Unknown => "it does not know the user: see user and domain",
            Self::Elsewhere => "it names another registrar, which is not followed: ask, and name that one in registrar",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Due(Moment),
    Asked(Moment),
    Over,
}

/// The state of one registration.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    uri: String,
    credentials: Option<Login>,
    patience: Patience,
    /// Seconds.
    expires: u32,
    sequence: u32,
    phase: Phase,
    ending: bool,
    /// Until when the registrar sends calls, at its word.
    until: Option<Moment>,
    /// Whether a registration may stand there, for all that is known here.
    may_stand: bool,
    registrar: Option<Known>,
    proxy: Option<Known>,
    lengthened: bool,
    failures: u32,
    refusals: u32,
    losses: u32,
    /// Whether the attempt that is due or under way has been brought forward by a loss.
    lost: bool,
}

impl Registration {
    /// A registration at `uri`, the Request-URI of its requests, due at once.
    pub(super) fn new(uri: &str, of: Option<Login>, expires: Duration, patience: Patience, now: Moment) -> Self {
        Self {
            uri: uri.to_owned(),
            credentials: of,
            patience,
            expires: u32::try_from(expires.min(DAY).as_secs()).unwrap_or(u32::MAX).max(1),
            sequence: 0,
            phase: Phase::Due(now),
            ending: false,
            until: None,
            may_stand: false,
            registrar: None,
            proxy: None,
            lengthened: false,
            failures: 0,
            refusals: 0,
            losses: 0,
            lost: false,
        }
    }

    /// When the next REGISTER is to be sent; `None` while one is under way, and after the last.
    pub(super) fn due(&self) -> Option<Moment> {
        match self.phase {
            Phase::Due(due) => Some(due),
            Phase::Asked(_) | Phase::Over => None,
        }
    }

    /// Whether calls come, as far as the registrar has said.
    pub(super) fn is_registered(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Until when what was granted holds.
    pub(super) fn until(&self) -> Option<Moment> {
        self.until
    }

    /// Whether nothing is left to do.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The next REGISTER; `cnonce` is a word that nobody could guess.
    pub(super) fn attempt(&mut self, now: Moment, cnonce: &str) -> Attempt {
        self.sequence = self.sequence.saturating_add(1);
        self.phase = Phase::Asked(now);
        self.may_stand |= !self.ending;
        let mut credentials = Vec::new();
        for asker in [Asker::Registrar, Asker::Proxy] {
            let (Some(of), Some(known)) = (self.credentials.clone(), self.known(asker).as_mut()) else { continue };
            known.count = known.count.saturating_add(1);
            let count = known.count;
            let challenge = known.challenge.clone();
            let value = challenge.answer(&of, "REGISTER", &self.uri, cnonce, count);
            credentials.push(match asker {
                Asker::Registrar => Header::Authorization(value.into()),
                Asker::Proxy => Header::ProxyAuthorization(value.into()),
            });
        }
        let expires = if self.ending { 0 } else { self.expires };
        Attempt { sequence: self.sequence, expires, credentials }
    }

    /// Takes the final answer to the last attempt; `chance` is drawn from 0 to 1.
    pub(super) fn hear(&mut self, now: Moment, answer: &Answer, chance: f64) -> Verdict {
        let asked = match self.phase {
            Phase::Asked(asked) => asked,
            Phase::Due(_) | Phase::Over => now,
        };
        let verdict = match answer.status {
            200..=299 => self.granted(asked, now, answer, chance),
            401 => self.challenged(Asker::Registrar, &answer.registrar),
            407 => self.challenged(Asker::Proxy, &answer.proxy),
            423 => self.too_brief(answer),
            300..=399 => Err(Some(Cause::Elsewhere)),
            403 => Err(Some(Cause::Forbidden)),
            404 => Err(Some(Cause::Unknown)),
            _ => Err(None),
        };
        match verdict {
            Ok(Verdict::Again) => {
                self.phase = Phase::Due(now);
                return Verdict::Again;
            }
            _ if self.ending => {
                self.phase = Phase::Over;
                self.until = None;
                return Verdict::Over;
            }
            _ => {}
        }
        self.lengthened = false;
        for known in [&mut self.registrar, &mut self.proxy].into_iter().flatten() {
            known.rejected = 0;
        }
        verdict.unwrap_or_else(|cause| self.failed(now, cause, answer.retry_after, chance))
    }

    /// The connection that it was made by, and by which calls were to come, is gone.
    pub(super) fn disconnected(&mut self, now: Moment, chance: f64) {
        let wait = self.patience.wait(self.patience.failed, self.losses, chance);
        if let Phase::Due(due) = self.phase
            && self.is_registered(now)
        {
            self.losses = self.losses.saturating_add(1);
            self.lost = true;
            self.phase = Phase::Due(due.min(now + wait));
        }
    }

    /// From now on nothing but taking it back, where there is anything to take back.
    pub(super) fn end(&mut self, now: Moment) {
        self.ending = true;
        self.phase = if self.may_stand { Phase::Due(now) } else { Phase::Over };
    }

    fn granted(&mut self, asked: Moment, now: Moment, answer: &Answer, chance: f64) -> Result<Verdict, Option<Cause>> {
        let granted = Duration::from_secs(answer.expires.unwrap_or(self.expires).into()).min(DAY);
        if granted.is_zero() || self.ending {
            self.until = None;
            self.may_stand = false;
            return Err(None);
        }
        self.until = Some(asked + granted);
        (self.failures, self.refusals) = (0, 0);
        // A connection that is lost again and again is waited for longer and longer, though each time all seemed well.
        if !std::mem::take(&mut self.lost) {
            self.losses = 0;
        }
        let rest = granted.mul_f64(0.45 + 0.1 * chance.clamp(0.0, 1.0)).max(self.patience.failed);
        self.phase = Phase::Due(now + rest);
        Ok(Verdict::Registered(granted))
    }

    fn challenged(&mut self, asker: Asker, challenges: &[String]) -> Result<Verdict, Option<Cause>> {
        let before = self.known(asker).take();
        let challenge = Challenge::best(challenges.iter().map(String::as_str)).ok_or(Some(Cause::Challenge))?;
        if self.credentials.is_none() {
            return Err(Some(Cause::NoPassword));
        }
        let rejected = match &before {
            None => 0,
            Some(known) if known.challenge.nonce == challenge.nonce && !challenge.stale => {
                return Err(Some(Cause::Credentials));
            }
            // A nonce that is always stale is the registrar's trouble, not the password's.
            Some(known) if known.rejected > 0 => return Err((!challenge.stale).then_some(Cause::Credentials)),
            Some(known) => known.rejected + 1,
        };
        *self.known(asker) = Some(Known { challenge, count: 0, rejected });
        Ok(Verdict::Again)
    }

    fn too_brief(&mut self, answer: &Answer) -> Result<Verdict, Option<Cause>> {
        let least = answer
            .min_expires
            .filter(|least| *least > self.expires && Duration::from_secs(u64::from(*least)) <= DAY && !self.lengthened);
        self.expires = least.ok_or(None)?;
        self.lengthened = true;
        Ok(Verdict::Again)
    }

    fn failed(&mut self, now: Moment, cause: Option<Cause>, retry_after: Option<u32>, chance: f64) -> Verdict {
        let (first, count) = match cause {
            Some(_) => (self.patience.refused, &mut self.refusals),
            None => (self.patience.failed, &mut self.failures),
        };
        let own = self.patience.wait(first, *count, chance);
        *count = count.saturating_add(1);
        let told = Duration::from_secs(retry_after.unwrap_or_default().into()).min(DAY);
        let wait = own.max(told.mul_f64(1.0 + 0.1 * chance.clamp(0.0, 1.0)));
        self.phase = Phase::Due(now + wait);
        cause.map_or(Verdict::Failed(wait), |cause| Verdict::Refused(wait, cause))
    }

    fn known(&mut self, asker: Asker) -> &mut Option<Known> {
        match asker {
            Asker::Registrar => &mut self.registrar,
            Asker::Proxy => &mut self.proxy,
        }
    }
}

impl Answer {
    /// The answer that nothing is (RFC 3261, section 8.1.3.1): 408 where none came, 503 where there was no way there.
    pub(super) fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// What a response says to the one who registered this Contact.
    pub(super) fn read(response: &Response, contact: &str) -> Self {
        let mut answer = Self::of(response.status_code.code());
        let mut contacts = Vec::new();
        for header in response.headers.iter() {
            match header {
                Header::Contact(value) => contacts.push(value.value()),
                Header::Expires(value) => answer.expires = field::seconds(value.value()),
                Header::MinExpires(value) => answer.min_expires = field::seconds(value.value()),
                Header::RetryAfter(value) => answer.retry_after = field::seconds(value.value()),
                Header::WwwAuthenticate(value) => answer.registrar.push(value.value().to_owned()),
                Header::ProxyAuthenticate(value) => answer.proxy.push(value.value().to_owned()),
                _ => {}
            }
        }
        answer.expires = granted(&contacts, contact).or(answer.expires);
        answer
    }

    /// Its status.
    pub(super) fn status(&self) -> u16 {
        self.status
    }
}

/// What the Contact that is ours has in `expires`. A border controller may have put another address in its place: then the
/// least that is granted to anybody.
fn granted(contacts: &[&str], ours: &str) -> Option<u32> {
    let all = || contacts.iter().flat_map(|value| field::entries(value)).filter_map(field::Address::parse);
    let of = |address: &field::Address<'_>| address.param("expires").and_then(field::seconds);
    let same = |address: &field::Address<'_>| {
        field::unescaped(field::user(address.uri)) == field::unescaped(field::user(ours))
            && field::host_port(address.uri).eq_ignore_ascii_case(field::host_port(ours))
    };
    match all().find(same) {
        Some(address) => of(&address),
        None => all().filter_map(|address| of(&address)).min(),
    }
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;
