//! Records in memory, under the same lock rules as the database's: for simulated calls, tens of thousands a second, and
//! for tests. Nothing outlives the process, so a query password is hashed at the least cost there is ([`Cost::Memory`]).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::cases::{Filed, MemoryCases};
use super::insured::summaries;
use super::keyed::{Keyed, Kind, Pepper};
use super::locks::{self, Attempt, LockPolicy, LockTable, MOST_SUBJECTS, Standing, Subject};
use super::password::{self, Cost, StoredPassword};
use super::verification::{self, Held, Name};
use super::{Insured, Records, RecordsError, bounded};
use crate::facts::{
    Balances, CitizenId, Identity, Month, Origin, Payments, PersonRef, Query, Reply, Secret, Summary, Weakness,
};

/// The insured in a hash table. A [`MemoryRecords::fresh`] copy shares the people and has lock-outs of its own.
pub struct MemoryRecords {
    people: Arc<People>,
    pepper: Pepper,
    policy: LockPolicy,
    locks: Mutex<Locks>,
    /// Passwords that were set since, by the hash of the ID.
    passwords: Mutex<HashMap<Keyed, StoredPassword>>,
    cases: Mutex<MemoryCases>,
}

struct People {
    as_of: Month,
    /// [`PersonRef`] is the place here plus one, as in a database filled in the same order.
    insured: Vec<Insured>,
    by_id: HashMap<CitizenId, usize>,
    /// By the hash of a card, of its end, of a personal number; nobody, where two share one.
    by_hash: HashMap<Keyed, Option<usize>>,
}

#[derive(Default)]
struct Locks {
    standings: HashMap<Keyed, (Standing, i64)>,
    /// The same subjects by expiry.
    by_expiry: BTreeSet<(i64, Keyed)>,
    known: HashMap<Keyed, i64>,
    known_by_end: BTreeSet<(i64, Keyed)>,
}

impl MemoryRecords {
    /// Records of these people, true as of a month. Of two with the same ID the first counts.
    pub fn new(as_of: Month, people: impl IntoIterator<Item = Insured>) -> MemoryRecords {
        let insured: Vec<Insured> = people.into_iter().collect();
        let mut by_id = HashMap::with_capacity(insured.len());
        for (place, person) in insured.iter().enumerate() {
            by_id.entry(person.id.reveal().clone()).or_insert(place);
        }
        let pepper = Pepper::new(&[0; 32]);
        let mut by_hash: HashMap<Keyed, Option<usize>> = HashMap::new();
        for (place, person) in insured.iter().enumerate() {
            let known = &person.identifiers;
            let hashes = known.card_hashes(&pepper).into_iter().flatten().chain(known.personal_hash(&pepper));
            for hash in hashes {
                let other = by_hash.insert(hash, Some(place)).is_some_and(|other| other != Some(place));
                if other {
                    by_hash.insert(hash, None);
                }
            }
        }
        let people = Arc::new(People { as_of, insured, by_id, by_hash });
        MemoryRecords {
            people,
            pepper,
            policy: LockPolicy::default(),
            locks: Mutex::default(),
            passwords: Mutex::default(),
            cases: Mutex::default(),
        }
    }

    /// The same people, nobody locked out and no password changed. Cheap: the people are shared.
    #[must_use]
    pub fn fresh(&self) -> MemoryRecords {
        let (people, pepper) = (Arc::clone(&self.people), self.pepper.clone());
        MemoryRecords {
            people,
            pepper,
            policy: self.policy,
            locks: Mutex::default(),
            passwords: Mutex::default(),
            cases: Mutex::default(),
        }
    }

    /// The same records under another lock policy than the default one.
    #[must_use]
    pub fn with_locks(self, policy: LockPolicy) -> MemoryRecords {
        MemoryRecords { policy, ..self }
    }
}

impl Records for MemoryRecords {
    fn answer(&self, query: &Query, at: Timestamp) -> Result<Reply, RecordsError> {
        let as_of = self.people.as_of;
        match query {
            Query::Verify { identity, from } => self.verify(identity, from, at),
            Query::SetPassword { person, password } => self.set_password(*person, password),
            Query::Dispute { person, dispute, call } => {
                let id = self.people.person(*person)?.id.reveal();
                let subject = self.pepper.hash(Kind::Id, id.as_str().as_bytes());
                let filed = Filed { subject, id, call: *call, dispute, at: at.as_millisecond() };
                Ok(self.cases.lock().unwrap_or_else(PoisonError::into_inner).open(&filed))
            }
            Query::Balances(person) => {
                let insured = self.people.person(*person)?;
                Ok(Reply::Balances(Balances { pension: insured.pension, medical: insured.medical, as_of }))
            }
            Query::Summary(person) => {
                Ok(Reply::Summary(Summary { insurances: summaries(&self.people.person(*person)?.payments), as_of }))
            }
            Query::Payments { person, insurance, from, to } => {
                let insured = self.people.person(*person)?;
                let (insurance, from, to) = (*insurance, bounded(*from, *to), *to);
                let paid = insured.paid_between(insurance, from, to);
                let first_ever = insured.paid_into(insurance).first().map(|payment| payment.month);
                Ok(Reply::Payments(Payments { insurance, from, to, paid, first_ever, as_of }))
            }
        }
    }
}

impl People {
    fn person(&self, person: PersonRef) -> Result<&Insured, RecordsError> {
        let place = usize::try_from(person.0.saturating_sub(1)).map_err(|_| RecordsError::NoSuchPerson)?;
        self.insured.get(place).ok_or(RecordsError::NoSuchPerson)
    }
}

impl MemoryRecords {
    fn verify(&self, identity: &Identity, from: &Origin, at: Timestamp) -> Result<Reply, RecordsError> {
        let Some(name) = verification::name(&self.pepper, identity) else { return Ok(Reply::Unmatched) };
        let held = self.held(name);
        let checked = verification::check_at(Cost::Memory, &self.pepper, identity, name, held.as_ref())?;
        let attempt = Attempt::of(&self.pepper, checked.subject, from);
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks::decide(&mut *locks, &self.policy, &attempt, at, &checked)
    }

    /// Where there is nobody, somebody else is read and forgotten, with the same work.
    fn held(&self, name: Name<'_>) -> Option<Held> {
        let (hash, found) = match name {
            Name::Id(id) => (self.pepper.hash(Kind::Id, id.as_str().as_bytes()), self.people.by_id.get(id).copied()),
            Name::Card(hash) | Name::PersonalNumber(hash) => (hash, self.people.by_hash.get(&hash).copied().flatten()),
        };
        let last = i64::try_from(self.people.insured.len()).ok()? - 1;
        let anybody = usize::try_from(verification::anybody(verification::chance(&hash), 0, last)).ok()?;
        let place = found.unwrap_or(anybody);
        let insured = self.people.insured.get(place)?;
        let subject = self.pepper.hash(Kind::Id, insured.id.reveal().as_str().as_bytes());
        let set = self.passwords.lock().unwrap_or_else(PoisonError::into_inner).get(&subject).cloned();
        let person = PersonRef(i64::try_from(place + 1).ok()?);
        let names = [insured.id.reveal().as_str(), insured.number.reveal()];
        let password = set.or_else(|| insured.identifiers.password.clone());
        let held = Held::of(&self.pepper, person, names, &insured.identifiers, password);
        Some(held).filter(|_| found.is_some())
    }

    fn set_password(&self, person: PersonRef, chosen: &Secret<String>) -> Result<Reply, RecordsError> {
        let id = self.people.person(person)?.id.reveal();
        if let Some(weakness) = Weakness::of(chosen.reveal(), id) {
            return Ok(Reply::PasswordWeak(weakness));
        }
        let password = StoredPassword { hash: password::hash_at(Cost::Memory, chosen.reveal())?, initial: false };
        let subject = self.pepper.hash(Kind::Id, id.as_str().as_bytes());
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).insert(subject, password);
        Ok(Reply::PasswordSet)
    }
}

impl Locks {
    fn forget_hash(&mut self, subject: &Keyed) {
        if let Some((_, expires)) = self.standings.remove(subject) {
            self.by_expiry.remove(&(expires, *subject));
        }
    }
}

impl LockTable for Locks {
    fn standing(&mut self, subject: &Subject) -> Result<Standing, RecordsError> {
        Ok(self.standings.get(&subject.hash).map(|(standing, _)| standing.clone()).unwrap_or_default())
    }

    fn keep(&mut self, subject: &Subject, standing: &Standing, expires: i64, now: i64) -> Result<(), RecordsError> {
        self.forget_hash(&subject.hash);
        while let Some(first) = self.by_expiry.first().copied() {
            if first.0 > now && self.standings.len() < MOST_SUBJECTS as usize {
                break;
            }
            self.forget_hash(&first.1);
        }
        self.standings.insert(subject.hash, (standing.clone(), expires));
        self.by_expiry.insert((expires, subject.hash));
        Ok(())
    }

    fn forget(&mut self, subject: &Subject) -> Result<(), RecordsError> {
        self.forget_hash(&subject.hash);
        Ok(())
    }

    fn knows(&mut self, pair: &Keyed, now: i64) -> Result<bool, RecordsError> {
        Ok(self.known.get(pair).is_some_and(|until| *until > now))
    }

    fn know(&mut self, pair: &Keyed, until: i64, now: i64) -> Result<(), RecordsError> {
        if let Some(before) = self.known.insert(*pair, until) {
            self.known_by_end.remove(&(before, *pair));
        }
        self.known_by_end.insert((until, *pair));
        while let Some(first) = self.known_by_end.first().copied() {
            if first.0 > now && self.known.len() <= MOST_SUBJECTS as usize {
                break;
            }
            self.known_by_end.remove(&first);
            self.known.remove(&first.1);
        }
        Ok(())
    }
}
