//! Records in memory, under the same lock rules as the database's: for simulated calls, tens of thousands a second, and
//! for tests. Nothing outlives the process.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::insured::summaries;
use super::keyed::{Keyed, Pepper};
use super::locks::{self, LockPolicy, LockTable, MOST_SUBJECTS, Standing};
use super::{Insured, Records, RecordsError, bounded};
use crate::facts::{Balances, CitizenId, Month, Payments, PersonRef, Query, Reply, Summary};

/// The insured in a hash table. A [`MemoryRecords::fresh`] copy shares the people and has lock-outs of its own.
pub struct MemoryRecords {
    people: Arc<People>,
    pepper: Pepper,
    policy: LockPolicy,
    locks: Mutex<Locks>,
}

struct People {
    as_of: Month,
    /// [`PersonRef`] is the place here plus one, as in a database filled in the same order.
    insured: Vec<Insured>,
    by_id: HashMap<CitizenId, usize>,
}

#[derive(Default)]
struct Locks {
    standings: HashMap<Keyed, (Standing, i64)>,
    /// The same subjects by expiry.
    by_expiry: BTreeSet<(i64, Keyed)>,
}

impl MemoryRecords {
    /// Records of these people, true as of a month. Of two with the same ID the first counts.
    pub fn new(as_of: Month, people: impl IntoIterator<Item = Insured>) -> MemoryRecords {
        let insured: Vec<Insured> = people.into_iter().collect();
        let mut by_id = HashMap::with_capacity(insured.len());
        for (place, person) in insured.iter().enumerate() {
            by_id.entry(person.id.reveal().clone()).or_insert(place);
        }
        let people = Arc::new(People { as_of, insured, by_id });
        MemoryRecords { people, pepper: Pepper::new(&[0; 32]), policy: LockPolicy::default(), locks: Mutex::default() }
    }

    /// The same people, nobody locked out. Cheap: the people are shared.
    #[must_use]
    pub fn fresh(&self) -> MemoryRecords {
        let (people, pepper) = (Arc::clone(&self.people), self.pepper.clone());
        MemoryRecords { people, pepper, policy: self.policy, locks: Mutex::default() }
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
            Query::Verify { id, number, caller } => {
                let subjects = self.pepper.subjects(id, caller.as_ref());
                let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
                let mut table = MemoryLocks { people: &self.people, pepper: &self.pepper, locks: &mut locks };
                locks::verify(&mut table, &self.policy, &subjects, at, id.reveal(), number.reveal())
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

struct MemoryLocks<'a> {
    people: &'a People,
    pepper: &'a Pepper,
    locks: &'a mut Locks,
}

impl LockTable for MemoryLocks<'_> {
    fn person(&mut self, id: &CitizenId, number: &str) -> Result<Option<PersonRef>, RecordsError> {
        let place = self.people.by_id.get(id).copied();
        let stored =
            place.and_then(|place| self.people.insured.get(place)).map(|person| person.number.reveal().as_str());
        let same = self.pepper.is_same(stored, number);
        Ok(place.filter(|_| same).and_then(|place| i64::try_from(place + 1).ok()).map(PersonRef))
    }

    fn standing(&mut self, subject: &Keyed) -> Result<Standing, RecordsError> {
        Ok(self.locks.standings.get(subject).map(|(standing, _)| standing.clone()).unwrap_or_default())
    }

    fn keep(&mut self, subject: &Keyed, standing: &Standing, expires: i64, now: i64) -> Result<(), RecordsError> {
        self.forget(subject)?;
        while let Some(first) = self.locks.by_expiry.first().copied() {
            if first.0 > now && self.locks.standings.len() < MOST_SUBJECTS as usize {
                break;
            }
            self.forget(&first.1)?;
        }
        self.locks.standings.insert(*subject, (standing.clone(), expires));
        self.locks.by_expiry.insert((expires, *subject));
        Ok(())
    }

    fn forget(&mut self, subject: &Keyed) -> Result<(), RecordsError> {
        if let Some((_, expires)) = self.locks.standings.remove(subject) {
            self.locks.by_expiry.remove(&(expires, *subject));
        }
        Ok(())
    }
}
