//! Who is here: the running calls by Call-ID, those that have just ended, and whether a new one may come.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use rsipstack::transaction::endpoint::EndpointInner;
use tokio::sync::mpsc;

use super::Refusal;
use super::agent::Mail;
use super::door::admission::Guest;
use super::door::{Arrival, Asked, Door, Greeting, Invitation};
use super::gate::FrontDesk;

/// The most ended calls whose Call-ID is still known; past it the oldest are forgotten early.
const MOST_ENDED: usize = 131_072;
/// The most calls that may share a Call-ID: a call to oneself is two.
const MOST_SHARING: usize = 4;

/// The table of calls. One agent has one.
pub(super) struct Desk {
    book: Mutex<Book>,
    calls: AtomicUsize,
    draining: AtomicBool,
    refused: Mutex<BTreeMap<(u16, &'static str), u64>>,
    limits: Limits,
    /// Where something answers; everywhere if there is no table.
    numbers: RwLock<Option<HashSet<String>>>,
    door: Door,
    stack: OnceLock<Weak<EndpointInner>>,
}

/// How much may be open at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Calls ringing or running.
    pub(super) calls: usize,
    /// Transactions of the stack, running or remembered.
    pub(super) transactions: usize,
    /// Seconds, for Retry-After.
    pub(super) retry_after: u32,
    /// How long a Call-ID is known after its call: 64·T1.
    pub(super) linger: Duration,
}

#[derive(Default)]
struct Book {
    running: HashMap<Arc<str>, Vec<Entry>>,
    ended: HashMap<Arc<str>, Instant>,
    order: VecDeque<(Instant, Arc<str>)>,
    /// Call-IDs of this side's own requests outside calls: one for each registration and each that is pinged.
    asking: HashSet<Arc<str>>,
}

struct Entry {
    local_tag: Arc<str>,
    origin: Origin,
    mail: mpsc::Sender<Mail>,
}

/// What makes an INVITE the same request by another way: Call-ID, From tag and CSeq (RFC 3261, section 8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) from_tag: Arc<str>,
    pub(super) sequence: u32,
}

/// A call's place at the desk; given up when it is dropped.
pub(super) struct Seat {
    desk: Arc<Desk>,
    call_id: Arc<str>,
    local_tag: Arc<str>,
    /// Who has brought the call, where it has come in.
    guest: Option<Guest>,
}

/// A Call-ID whose responses are let in, for as long as this is held.
pub(super) struct Asking {
    desk: Arc<Desk>,
    call_id: Arc<str>,
}

impl Desk {
    pub(super) fn new(limits: Limits, numbers: Option<HashSet<String>>, door: Door) -> Self {
        Self {
            book: Mutex::default(),
            calls: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            refused: Mutex::default(),
            limits,
            numbers: RwLock::new(numbers),
            door,
            stack: OnceLock::new(),
        }
    }

    /// Who may bring calls.
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// Where the stack's own tables can be counted.
    pub(super) fn watch(&self, stack: Weak<EndpointInner>) {
        let _ = self.stack.set(stack);
    }

    /// From now on something answers at these.
    pub(super) fn serve_at(&self, numbers: Option<HashSet<String>>) {
        *self.numbers.write().unwrap_or_else(PoisonError::into_inner) = numbers;
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Calls ringing or running.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Requests refused since the start, by status and [`Refusal::name`].
    pub(super) fn refused(&self) -> Vec<(u16, &'static str, u64)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|((status, name), times)| (*status, *name, *times)).collect()
    }

    /// Call-IDs of running calls, and of calls that have just ended.
    pub(super) fn known(&self) -> (usize, usize) {
        let book = self.book();
        (book.running.len(), book.ended.len())
    }

    /// Takes a call in: a guest's, or this side's own.
    ///
    /// # Errors
    /// [`Refusal::Merged`] where the same request is here already; 503 where the guest has as many calls as it may.
    pub(super) fn seat(
        self: &Arc<Self>,
        call_id: &str,
        local_tag: &str,
        origin: Origin,
        mail: mpsc::Sender<Mail>,
        guest: Option<Guest>,
    ) -> Result<Seat, Refusal> {
        let (call_id, local_tag): (Arc<str>, Arc<str>) = (call_id.into(), local_tag.into());
        let mut book = self.book();
        let entries = book.running.entry(Arc::clone(&call_id)).or_default();
        if entries.len() >= MOST_SHARING || entries.iter().any(|entry| entry.origin == origin) {
            return Err(Refusal::Merged);
        }
        if let Some(guest) = guest
            && let Err(refusal) = self.door.enter(guest)
        {
            if entries.is_empty() {
                book.running.remove(&call_id);
            }
            return Err(refusal);
        }
        entries.push(Entry { local_tag: Arc::clone(&local_tag), origin, mail });
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(Seat { desk: Arc::clone(self), call_id, local_tag, guest })
    }

    /// Lets in the responses to requests of this side's that belong to no call.
    pub(super) fn ask(self: &Arc<Self>, call_id: &str) -> Asking {
        let call_id: Arc<str> = call_id.into();
        self.book().asking.insert(Arc::clone(&call_id));
        Asking { desk: Arc::clone(self), call_id }
    }

    /// The call that a request with this To tag belongs to.
    pub(super) fn find(&self, call_id: &str, local_tag: &str) -> Option<mpsc::Sender<Mail>> {
        let book = self.book();
        let entry = book.running.get(call_id)?.iter().find(|entry| &*entry.local_tag == local_tag)?;
        Some(entry.mail.clone())
    }

    /// Whether a call of this Call-ID has just ended.
    pub(super) fn has_ended(&self, call_id: &str) -> bool {
        self.book().ended.contains_key(call_id)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FrontDesk for Desk {
    fn knows(&self, call_id: &str) -> bool {
        let book = self.book();
        book.running.contains_key(call_id) || book.ended.contains_key(call_id)
    }

    fn awaits(&self, call_id: &str) -> bool {
        self.knows(call_id) || self.book().asking.contains(call_id)
    }

    fn refuses(&self, refusal: Refusal) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry((refusal.status(), refusal.name())).or_default() += 1;
    }

    fn serves(&self, number: &str) -> bool {
        let numbers = self.numbers.read().unwrap_or_else(PoisonError::into_inner);
        numbers.as_ref().is_none_or(|numbers| numbers.contains(number))
    }

    fn admits(&self) -> Result<(), Refusal> {
        let retry_after = self.limits.retry_after;
        if self.draining.load(Ordering::Relaxed) {
            return Err(Refusal::Draining { retry_after });
        }
        let open = self.stack.get().and_then(Weak::upgrade).map(|stack| stack.get_stats());
        let transactions = open.map_or(0, |open| open.running_transactions + open.finished_transactions);
        if self.calls() >= self.limits.calls || transactions >= self.limits.transactions {
            return Err(Refusal::Overloaded { retry_after });
        }
        Ok(())
    }

    fn greets(&self, arrival: &Arrival<'_>) -> Greeting {
        self.door.greet(arrival, |call_id| self.knows(call_id))
    }

    fn asks(&self, arrival: &Arrival<'_>, invitation: &Invitation<'_>) -> Asked {
        self.door.ask(arrival, invitation)
    }

    fn lets_in(&self, arrival: &Arrival<'_>, invitation: &Invitation<'_>) -> Result<(), Refusal> {
        self.door.admit(arrival, invitation, || self.admits())
    }

    fn malformed(&self, arrival: &Arrival<'_>) {
        self.door.malformed(arrival);
    }
}

impl Book {
    fn end(&mut self, call_id: Arc<str>, now: Instant, linger: Duration) {
        self.ended.insert(Arc::clone(&call_id), now);
        self.order.push_back((now, call_id));
        while let Some((since, oldest)) = self.order.front() {
            if self.order.len() <= MOST_ENDED && now.saturating_duration_since(*since) < linger {
                break;
            }
            if self.ended.get(oldest) == Some(since) {
                self.ended.remove(oldest);
            }
            self.order.pop_front();
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.desk.book().asking.remove(&self.call_id);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        #[allow(clippy::disallowed_methods, reason = "the desk is a shell: it remembers ended calls for 64·T1")]
        let now = Instant::now();
        let mut book = self.desk.book();
        if let Some(entries) = book.running.get_mut(&self.call_id) {
            entries.retain(|entry| entry.local_tag != self.local_tag);
            if entries.is_empty() {
                book.running.remove(&self.call_id);
            }
        }
        book.end(Arc::clone(&self.call_id), now, self.desk.limits.linger);
        self.desk.calls.fetch_sub(1, Ordering::Relaxed);
        drop(book);
        if let Some(guest) = self.guest {
            self.desk.door.leave(guest);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test needs some moment to count from")]
mod tests {
    use super::super::door::DoorRules;
    use super::*;

    fn desk(calls: usize) -> Arc<Desk> {
        let linger = Duration::from_secs(32);
        let door = Door::new(DoorRules::default(), 5, linger);
        Arc::new(Desk::new(Limits { calls, transactions: 100, retry_after: 5, linger }, None, door))
    }

    fn origin(sequence: u32) -> Origin {
        Origin { from_tag: "f".into(), sequence }
    }

    #[test]
    fn a_full_desk_refuses_and_a_freed_seat_is_given_again() {
        let (desk, (mail, _post)) = (desk(1), mpsc::channel(1));
        let seat = desk.seat("a", "t", origin(1), mail, None).unwrap();
        assert_eq!(desk.admits(), Err(Refusal::Overloaded { retry_after: 5 }));
        assert!(desk.find("a", "t").is_some() && desk.find("a", "u").is_none());
        drop(seat);
        assert_eq!(desk.admits(), Ok(()));
        assert!(desk.find("a", "t").is_none());
        assert!(desk.knows("a"), "its retransmissions are still to be answered");
        assert_eq!(desk.known(), (0, 1));
    }

    #[test]
    fn an_answer_is_waited_for_as_long_as_something_is_asked() {
        let desk = desk(1);
        let asking = desk.ask("r");
        assert!(desk.awaits("r") && !desk.knows("r"), "no request belongs to it");
        drop(asking);
        assert!(!desk.awaits("r"));
    }

    #[test]
    fn the_same_request_by_two_ways_is_merged() {
        let (desk, (mail, _post)) = (desk(9), mpsc::channel(1));
        let _seat = desk.seat("a", "t", origin(1), mail.clone(), None).unwrap();
        assert!(matches!(desk.seat("a", "u", origin(1), mail.clone(), None), Err(Refusal::Merged)));
        assert!(desk.seat("a", "u", origin(2), mail, None).is_ok());
    }

    #[test]
    fn ended_calls_are_forgotten_by_age_and_by_number() {
        let mut book = Book::default();
        let (start, linger) = (Instant::now(), Duration::from_secs(32));
        for second in 0..100 {
            book.end(format!("{second}").into(), start + Duration::from_secs(second), linger);
        }
        assert_eq!((book.ended.len(), book.order.len()), (32, 32));
        for call in 0..MOST_ENDED + 10 {
            book.end(format!("x{call}").into(), start + Duration::from_secs(100), linger);
        }
        assert_eq!((book.ended.len(), book.order.len()), (MOST_ENDED, MOST_ENDED));
    }
}
