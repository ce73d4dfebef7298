//! Who may bring calls, and how many: trunks by their addresses or passwords, strangers as the configuration says.
//!
//! ```text
//!   message ── greet ─────────────────── gate reads it ── ask ──────────────── admit ─────────────────> a call
//!              │ its source:             │ malformed:     │ INVITE of one who   │ calls at once, calls
//!              │ a trunk's, a call's,    │ 400            │ has a password:     │ a second: 503
//!              │ or else the policy:     v                │ 401                 │
//!              └ nothing, 403, 480      notice            └ wrong: notice       └ a stranger's: notice
//! ```
//!
//! * [`sources`]: whose an address is.
//! * [`challenge`]: whether a password is known, by digest.
//! * [`admission`]: how many calls.
//! * [`notice`]: the line for a ban tool.
//! * `names`: the addresses of hosts that trunks are named by.
//!
//! The tables are pure and bounded; this is the shell around them, with the clock, the locks and the log.

pub mod admission;
pub mod challenge;
mod names;
pub mod notice;
pub mod sources;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hashlink::LruCache;
use ipnet::IpNet;

use super::Refusal;
use super::listen::Transport;
use admission::{Admission, Allowance, Bucket, Guest, Over, Pace, table};
use challenge::{Algorithm, Challenger, Login, Proof};
pub(super) use names::watch;
use notice::{Notice, Notices, Why};
use sources::{Sources, Whence, neighbourhood};

/// Answers to one strange source: beyond it, silence.
const ANSWERS: Pace = Pace { every: Duration::from_millis(50), burst: 40 };
/// Challenges to one strange source, from one right password to the next: beyond it, silence.
const CHALLENGES: Pace = Pace { every: Duration::from_millis(10), burst: 400 };
/// Sources whose answers, and wrong passwords, are counted.
const MOST_ANSWERED: usize = 16_384;
/// Wrong passwords of one source and user within [`FAILURES_FOR`]; then they are not looked at any more.
const MOST_FAILURES: u32 = 100;
/// How long wrong passwords count.
const FAILURES_FOR: Duration = Duration::from_secs(3600);
/// How often the log says that a trunk brings too much, and how much was not written.
const SELDOM: Pace = Pace { every: Duration::from_secs(60), burst: 1 };

/// One trunk.
#[derive(Clone, Debug)]
pub struct TrunkRule {
    /// Its name.
    pub name: Arc<str>,
    /// Where its messages come from. Empty: from anywhere, if it has a login.
    pub from: Vec<Whence>,
    /// What each of its INVITEs must prove.
    pub login: Option<Login>,
    /// How many calls it may bring.
    pub allowance: Allowance,
}

/// What becomes of requests outside a call from sources that are no trunk's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrangerPolicy {
    /// They are served like any other.
    #[default]
    Answer,
    /// 403.
    Refuse,
    /// Nothing at all.
    Silence,
    /// What a telephone says that nobody picks up, whatever number is dialled: 480.
    Decoy,
}

/// Who may bring calls.
#[derive(Clone, Debug)]
pub struct DoorRules {
    /// The trunks.
    pub trunks: Vec<TrunkRule>,
    /// What becomes of others.
    pub strangers: StrangerPolicy,
    /// How many calls each source of others may bring, an IPv6 /64 as one.
    pub stranger_allowance: Allowance,
    /// Calls a second in all.
    pub rate: Option<u32>,
    /// How passwords are asked for, the preferred way first.
    pub digest: Vec<Algorithm>,
}

impl Default for DoorRules {
    /// No trunks, and no bounds.
    fn default() -> Self {
        Self {
            trunks: Vec::new(),
            strangers: StrangerPolicy::Answer,
            stranger_allowance: Allowance::default(),
            rate: None,
            digest: Algorithm::ALL.to_vec(),
        }
    }
}

/// A message, and where it has come from.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The sender's socket.
    pub from: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// The message as it came.
    pub octets: &'a [u8],
}

/// What is done with a message because of where it comes from, before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// It is read.
    Read,
    /// Its fields are mirrored in this refusal, unread.
    Refuse(Refusal),
    /// It is not looked at.
    Silence,
    /// The same, and nothing is to be thought of it: an ACK to a refusal.
    Ignore,
}

/// What an INVITE says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'a> {
    /// Its Via headers, the first of them.
    pub via: &'a str,
    /// Its From.
    pub from: &'a str,
    /// Its Call-ID.
    pub call_id: &'a str,
    /// Its CSeq.
    pub cseq: &'a str,
    /// Its Authorization that answers a challenge of this realm.
    pub authorization: Option<&'a str>,
}

/// Whether an INVITE has proved whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It has, or need not.
    Welcome,
    /// 401 with these header lines.
    Ask(String),
    /// It is not asked any more.
    Refuse(Refusal),
    /// It is not answered any more.
    Silence,
}

/// How a trunk stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkStanding {
    /// Its name.
    pub name: Arc<str>,
    /// Its calls, ringing and running.
    pub calls: usize,
    /// Calls refused since the start, because it had its share.
    pub refused: u64,
}

/// Attempts refused since the start, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// From sources that are no trunk's.
    pub unknown_source: u64,
    /// With a wrong user or password.
    pub wrong_password: u64,
    /// Of strange sources that wanted more than they may.
    pub too_many: u64,
    /// Of strange sources, not to be understood.
    pub malformed: u64,
}

/// The door. One agent has one.
#[derive(Debug)]
pub struct Door {
    rules: DoorRules,
    sources: RwLock<Sources>,
    /// Whether a trunk is known by its password alone: then anybody may be it.
    asks_anybody: bool,
    tables: Mutex<Tables>,
    refused: [AtomicU64; 4],
    retry_after: u32,
    hasher: RandomState,
    began: Instant,
}

#[derive(Debug)]
struct Tables {
    admission: Admission,
    challenger: Challenger,
    notices: Notices,
    answers: LruCache<IpAddr, Bucket>,
    challenges: LruCache<IpAddr, Bucket>,
    failures: LruCache<(IpAddr, Option<usize>), (u32, Duration)>,
    trunks: Vec<(Bucket, u64)>,
    unwritten: Bucket,
}

impl Door {
    /// A door by these rules. Hosts are not looked up here. `retry_after` in seconds, for 503; `linger` is 64·T1.
    pub fn new(rules: DoorRules, retry_after: u32, linger: Duration) -> Self {
        let logins = rules.trunks.iter().enumerate().filter_map(|(number, rule)| Some((number, rule.login.as_ref()?)));
        let allowances = rules.trunks.iter().map(|rule| rule.allowance);
        let tables = Tables {
            admission: Admission::new(allowances, rules.stranger_allowance, rules.rate, linger),
            challenger: Challenger::new(&rand::random(), &rules.digest, logins, linger),
            notices: Notices::default(),
            answers: table(MOST_ANSWERED),
            challenges: table(MOST_ANSWERED),
            failures: table(MOST_ANSWERED),
            trunks: vec![(Bucket::default(), 0); rules.trunks.len()],
            unwritten: Bucket::default(),
        };
        #[allow(clippy::disallowed_methods, reason = "the door is a shell: its tables count from its beginning")]
        let began = Instant::now();
        let door = Self {
            asks_anybody: rules.trunks.iter().any(|rule| rule.from.is_empty() && rule.login.is_some()),
            sources: RwLock::default(),
            tables: Mutex::new(tables),
            refused: Default::default(),
            retry_after,
            hasher: RandomState::new(),
            began,
            rules,
        };
        door.look_over(&HashMap::new());
        door
    }

    /// What is done with a message before it is read. `knows` a call by its Call-ID: what belongs to one is always read,
    /// since a call's far side may send from another address than its INVITE came from.
    pub fn greet(&self, arrival: &Arrival<'_>, knows: impl Fn(&str) -> bool) -> Greeting {
        if self.rules.strangers == StrangerPolicy::Answer || self.owner(arrival.from.ip()).is_some() {
            return Greeting::Read;
        }
        let method = arrival.octets.split(|octet| *octet == b' ').next().unwrap_or_default();
        // An answer to a request of ours has its Call-ID looked at like any other.
        let read = method.starts_with(b"SIP/")
            || (self.asks_anybody && method == b"INVITE")
            || call_id(arrival.octets).is_some_and(knows);
        if read {
            return Greeting::Read;
        }
        if method == b"ACK" {
            // It belongs to a refusal that has been told already.
            return Greeting::Ignore;
        }
        self.turn_away(arrival, Why::UnknownSource);
        let refusal = match (self.rules.strangers, method) {
            (StrangerPolicy::Refuse, _) => Refusal::Forbidden,
            (StrangerPolicy::Decoy, b"INVITE" | b"OPTIONS") => Refusal::Unavailable,
            (StrangerPolicy::Decoy, b"BYE" | b"CANCEL") => Refusal::NoSuchCall,
            (StrangerPolicy::Decoy, _) => Refusal::MethodNotAllowed,
            (StrangerPolicy::Silence | StrangerPolicy::Answer, _) => return Greeting::Silence,
        };
        if self.may_answer(arrival) { Greeting::Refuse(refusal) } else { Greeting::Silence }
    }

    /// Whether an INVITE outside a call has proved whose it is, where it must.
    pub fn ask(&self, arrival: &Arrival<'_>, invitation: &Invitation<'_>) -> Asked {
        let source = arrival.from.ip().to_canonical();
        let owner = self.owner(source);
        let asked = match owner {
            Some(owner) => self.rules.trunks.get(owner).is_some_and(|rule| rule.login.is_some()),
            None => self.asks_anybody,
        };
        if !asked {
            return Asked::Welcome;
        }
        let may = |trunk: usize| match owner {
            Some(owner) => trunk == owner,
            None => self.rules.trunks.get(trunk).is_some_and(|rule| rule.from.is_empty()),
        };
        let (now, request) = (self.now(), self.request(arrival, invitation));
        let named = invitation.authorization;
        let proof = {
            let mut tables = self.tables();
            let user = named.and_then(|named| tables.challenger.named(named)).filter(|user| may(*user));
            if named.is_some() && tables.has_failed_out(source, user, now) {
                drop(tables);
                self.turn_away(arrival, Why::TooMany);
                return if self.may_answer(arrival) { Asked::Refuse(Refusal::Forbidden) } else { Asked::Silence };
            }
            let proof = tables.challenger.check("INVITE", named, source, request, now, may);
            if let Proof::Wrong(user) = proof {
                tables.fail(source, user, now);
            }
            proof
        };
        match proof {
            Proof::Trunk(_) => {
                self.tables().challenges.remove(&neighbourhood(source));
                return Asked::Welcome;
            }
            Proof::Wrong(_) => self.turn_away(arrival, Why::WrongPassword),
            Proof::None | Proof::Stale => {}
        }
        let mut tables = self.tables();
        // A trunk that is known by its address too is asked as often as it calls.
        if owner.is_none() {
            let bucket = tables.challenges.entry(neighbourhood(source)).or_insert_with(Bucket::default);
            if !bucket.take(CHALLENGES, now) {
                drop(tables);
                if proof == Proof::None {
                    self.turn_away(arrival, Why::TooMany);
                }
                return Asked::Silence;
            }
        }
        Asked::Ask(tables.challenger.challenge(source, proof == Proof::Stale, now))
    }

    /// Lets an INVITE outside a call in, once `house` has a place for it. One that has been let in comes in again: it is on
    /// its way once more.
    ///
    /// # Errors
    /// 503: its trunk, its source or all together have what they may; the house's own refusal.
    pub fn admit(
        &self,
        arrival: &Arrival<'_>,
        invitation: &Invitation<'_>,
        house: impl FnOnce() -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let (now, request) = (self.now(), self.request(arrival, invitation));
        let guest = self.guest(arrival.from.ip(), invitation.authorization);
        if self.tables().admission.has_let_in(request, now) {
            return Ok(());
        }
        house()?;
        let let_in = self.tables().admission.let_in(guest, request, now);
        if let Err(over) = let_in {
            self.is_over(guest, over);
            if let (Guest::Stranger(_), Over::Share) = (guest, over) {
                self.turn_away(arrival, Why::TooMany);
            }
        }
        let_in.map_err(|_| self.overloaded())
    }

    /// Takes note that a message was no proper one.
    pub fn malformed(&self, arrival: &Arrival<'_>) {
        if self.owner(arrival.from.ip()).is_none() {
            self.turn_away(arrival, Why::Malformed);
        }
    }

    /// Takes note that a connection was not accepted, because there are too many.
    pub fn crowded(&self, from: SocketAddr, transport: Transport) {
        if self.owner(from.ip()).is_none() {
            self.turn_away(&Arrival { from, transport, octets: &[] }, Why::TooMany);
        }
    }

    /// Whether a source is no trunk's, where there are trunks to be known by their addresses.
    pub fn is_strange(&self, source: IpAddr) -> bool {
        self.rules.trunks.iter().any(|rule| !rule.from.is_empty()) && self.owner(source).is_none()
    }

    /// Whose a call is whose INVITE came from here and has been let in.
    pub fn guest(&self, source: IpAddr, authorization: Option<&str>) -> Guest {
        let by_name = || {
            let named = self.tables().challenger.named(authorization.filter(|_| self.asks_anybody)?);
            named.filter(|trunk| self.rules.trunks.get(*trunk).is_some_and(|rule| rule.from.is_empty()))
        };
        let trunk = self.owner(source).or_else(by_name);
        trunk.map_or_else(|| Guest::Stranger(neighbourhood(source)), Guest::Trunk)
    }

    /// The name of a guest that is a trunk.
    pub fn name(&self, guest: Guest) -> Option<Arc<str>> {
        match guest {
            Guest::Trunk(number) => self.rules.trunks.get(number).map(|rule| Arc::clone(&rule.name)),
            Guest::Stranger(_) => None,
        }
    }

    /// Counts a call of a guest, until [`Door::leave`].
    ///
    /// # Errors
    /// 503: it has as many as it may.
    pub fn enter(&self, guest: Guest) -> Result<(), Refusal> {
        let entered = self.tables().admission.enter(guest);
        entered.map_err(|over| {
            self.is_over(guest, over);
            self.overloaded()
        })
    }

    /// A guest's call is over.
    pub fn leave(&self, guest: Guest) {
        self.tables().admission.leave(guest);
    }

    /// How each trunk stands.
    pub fn trunks(&self) -> Vec<TrunkStanding> {
        let tables = self.tables();
        let rules = self.rules.trunks.iter().enumerate().zip(&tables.trunks);
        rules
            .map(|((number, rule), (_, refused))| TrunkStanding {
                name: Arc::clone(&rule.name),
                calls: tables.admission.calls(Guest::Trunk(number)),
                refused: *refused,
            })
            .collect()
    }

    /// Attempts refused since the start.
    pub fn refusals(&self) -> Refusals {
        let of = |why: Why| self.counter(why).load(Ordering::Relaxed);
        Refusals {
            unknown_source: of(Why::UnknownSource),
            wrong_password: of(Why::WrongPassword),
            too_many: of(Why::TooMany),
            malformed: of(Why::Malformed),
        }
    }

    /// The hosts that trunks are named by.
    pub(super) fn hosts(&self) -> Vec<String> {
        let all = self.rules.trunks.iter().flat_map(|rule| &rule.from);
        let named = all.filter_map(|whence| match whence {
            Whence::Host(name) => Some(name.clone()),
            Whence::Network(_) => None,
        });
        let mut hosts: Vec<String> = named.collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// Takes these for the addresses of hosts.
    pub(super) fn look_over(&self, found: &HashMap<String, Vec<IpAddr>>) {
        let rules = || self.rules.trunks.iter().enumerate();
        let networks = rules().flat_map(|(number, rule)| {
            let networks = rule.from.iter().filter_map(|whence| match whence {
                Whence::Network(network) => Some(*network),
                Whence::Host(_) => None,
            });
            networks.map(move |network| (network, number))
        });
        // What is written as an address goes before what a name turns out to be.
        let hosts = rules().flat_map(|(number, rule)| {
            let addresses = rule.from.iter().filter_map(|whence| match whence {
                Whence::Host(name) => found.get(name),
                Whence::Network(_) => None,
            });
            addresses.flatten().map(move |address| (IpNet::from(*address), number))
        });
        let sources = Sources::new(networks.chain(hosts));
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    fn owner(&self, source: IpAddr) -> Option<usize> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner).owner(source)
    }

    /// What is the same of a request and its retransmissions, and of no other.
    fn request(&self, arrival: &Arrival<'_>, of: &Invitation<'_>) -> u64 {
        self.hasher.hash_one((arrival.from.ip(), of.via, of.from, of.call_id, of.cseq))
    }

    /// Counts an attempt that is refused, and writes its line where one is due.
    fn turn_away(&self, arrival: &Arrival<'_>, why: Why) {
        self.counter(why).fetch_add(1, Ordering::Relaxed);
        let (now, attempt) = (self.now(), || self.hasher.hash_one((why, arrival.from, arrival.octets)));
        let (is_due, unwritten) = {
            let mut tables = self.tables();
            let is_due = tables.notices.is_due(arrival.from.ip(), now, attempt);
            (is_due, if tables.unwritten.take(SELDOM, now) { tables.notices.unwritten() } else { 0 })
        };
        if is_due {
            let line = Notice { from: arrival.from, transport: arrival.transport, why };
            tracing::warn!(target: "hotline::defence", "{line}");
        }
        if unwritten > 0 {
            tracing::info!(target: "hotline::defence", "{unwritten} refusals without a line");
        }
    }

    fn counter(&self, why: Why) -> &AtomicU64 {
        let [unknown_source, wrong_password, too_many, malformed] = &self.refused;
        match why {
            Why::UnknownSource => unknown_source,
            Why::WrongPassword => wrong_password,
            Why::TooMany => too_many,
            Why::Malformed => malformed,
        }
    }

    /// A trunk with more than it may is no attacker (Z05 livekit/sip#3847): its operator is told, no ban tool.
    fn is_over(&self, guest: Guest, over: Over) {
        let (Guest::Trunk(number), Over::Share, now) = (guest, over, self.now()) else { return };
        let mut tables = self.tables();
        let Some((bucket, refused)) = tables.trunks.get_mut(number) else { return };
        *refused = refused.saturating_add(1);
        let (is_due, refused) = (bucket.take(SELDOM, now), *refused);
        drop(tables);
        if let Some(trunk) = self.name(guest).filter(|_| is_due) {
            tracing::warn!(%trunk, refused, "a trunk brings more calls than it may: they are refused with 503");
        }
    }

    fn may_answer(&self, arrival: &Arrival<'_>) -> bool {
        let (source, now) = (neighbourhood(arrival.from.ip()), self.now());
        self.tables().answers.entry(source).or_insert_with(Bucket::default).take(ANSWERS, now)
    }

    fn overloaded(&self) -> Refusal {
        Refusal::Overloaded { retry_after: self.retry_after }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Tables {
    /// Z06 irontec/ivozprovider#1419: counted by source and user, so that nobody locks another out.
    fn has_failed_out(&self, source: IpAddr, user: Option<usize>, now: Duration) -> bool {
        let failed = self.failures.peek(&(neighbourhood(source), user));
        failed.is_some_and(|(count, since)| *count >= MOST_FAILURES && now < *since + FAILURES_FOR)
    }

    fn fail(&mut self, source: IpAddr, user: Option<usize>, now: Duration) {
        let failed = self.failures.entry((neighbourhood(source), user)).or_insert((0, now));
        if now >= failed.1 + FAILURES_FOR {
            *failed = (0, now);
        }
        failed.0 = failed.0.saturating_add(1);
    }
}

/// The Call-ID of a message, as far as it can be found without reading the message.
fn call_id(octets: &[u8]) -> Option<&str> {
    let lines = octets.split(|octet| *octet == b'\n').skip(1);
    let head = lines.take_while(|line| !matches!(*line, b"" | b"\r"));
    let value = head.into_iter().find_map(|line| {
        let long = line.get(..7).filter(|name| name.eq_ignore_ascii_case(b"call-id"));
        let name = long.or(line.get(..1).filter(|name| name.eq_ignore_ascii_case(b"i")))?;
        line.get(name.len()..)?.trim_ascii_start().strip_prefix(b":")
    })?;
    std::str::from_utf8(value.trim_ascii()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_is_found_unread() {
        for (message, found) in [
            ("INVITE sip:h SIP/2.0\r\nVia: x\r\nCall-ID: a@b\r\n\r\n", Some("a@b")),
            ("BYE sip:h SIP/2.0\nCALL-id :a@b \n\n", Some("a@b")),
            ("BYE sip:h SIP/2.0\r\nIn-Reply-To: x\r\ni: a@b\r\n\r\n", Some("a@b")),
            ("BYE sip:h SIP/2.0\r\nVia: x\r\n\r\nCall-ID: a@b\r\n", None),
            ("Call-ID: a@b\r\n\r\n", None),
            ("", None),
        ] {
            assert_eq!(call_id(message.as_bytes()), found, "{message}");
        }
    }
}
