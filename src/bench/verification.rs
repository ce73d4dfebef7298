//! Whether the time that a verification takes tells why it failed: `hotline bench verify`.
//!
//! ```text
//!   asked by ID and social security number      asked by ID and query password      from a telephone that is locked
//!     nobody has this ID                          nobody has this ID                  nobody has this ID
//!     the number is another one                   the password is another one         the number is another one
//!                                                 the person has no password          all of it is right
//! ```
//!
//! All kinds are asked in one order made of chance, so that what else the machine does meets them alike. Each kind is then compared
//! with the first of its question by the tests of two samples. What is timed is the answer as a call is given it, sixteen
//! calls asking at once ([`Timed::Answer`]), or the work alone, one question after the other ([`Timed::Work`]).

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

use super::samples::{kolmogorov_smirnov, mann_whitney};
use crate::facts::{CallId, CitizenId, Identity, Month, Origin, PersonRef, Query, Reply, Secret};
use crate::records::demo::{self, DemoOptions};
use crate::records::{LockPolicy, PoolOptions, Records, RecordsPool, Seal, Source};

/// People who are asked for, and as many whom nobody knows.
const PEOPLE: u32 = 400;
/// Failures that one person or trunk may bring: nothing but telephones is to be locked.
const NO_LOCK: u32 = 10_000;
/// Failures that lock a telephone.
const LOCKED_BY: u32 = 3;
/// Telephones that are locked.
const LOCKED_TELEPHONES: u32 = 50;
/// Questions at once, where answers are timed.
const AT_ONCE: usize = 16;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// From the question to the answer, by way of the pool that calls ask.
    Answer,
    /// What the records do for it.
    Work,
}

/// A measurement.
pub struct Measurement<'a> {
    /// Records of made-up people: they are given passwords, and failures are counted against them. Otherwise a file is made.
    pub source: Option<Source>,
    /// Where the file is made.
    pub folder: &'a Path,
    /// Questions of each kind without a password.
    pub count: usize,
    /// Questions of each kind with one.
    pub passwords: usize,
    /// What is timed.
    pub timed: Timed,
    /// A file that times are added to; those that stand in it already count too.
    pub times: Option<&'a Path>,
}

/// How long one kind of answer took, and how it compares with the first kind of the same question.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// What was asked by.
    pub asked_by: &'static str,
    /// What was wrong.
    pub wrong: &'static str,
    /// How many there were.
    pub count: usize,
    /// The median, in microseconds.
    pub median_us: f64,
    /// 95 %, in microseconds.
    pub p95_us: f64,
    /// The greatest difference of the two distributions (Kolmogorov–Smirnov); nothing for the first kind.
    pub ks: Option<f64>,
    /// How probable so great a one is between two samples of one distribution.
    pub ks_p: Option<f64>,
    /// The same of the Mann–Whitney test, two-sided.
    pub mann_whitney_p: Option<f64>,
}

/// Whose ID is keyed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Nobody,
    Somebody,
    /// Somebody who has a password.
    WithPassword,
    WithoutPassword,
}

/// One kind of question.
struct Kind {
    asked_by: &'static str,
    wrong: &'static str,
    whose: Whose,
    password: bool,
    locked: bool,
    right: bool,
}

const BY_NUMBER: &str = "ID and social security number";
const BY_PASSWORD: &str = "ID and query password";
const LOCKED: &str = "a locked telephone";
const NOBODY: &str = "nobody has this ID";
const ANOTHER: &str = "the number is another one";

const fn kind(asked_by: &'static str, wrong: &'static str, whose: Whose) -> Kind {
    Kind { asked_by, wrong, whose, password: false, locked: false, right: false }
}

const KINDS: [Kind; 8] = [
    kind(BY_NUMBER, NOBODY, Whose::Nobody),
    kind(BY_NUMBER, ANOTHER, Whose::Somebody),
    Kind { password: true, ..kind(BY_PASSWORD, NOBODY, Whose::Nobody) },
    Kind { password: true, ..kind(BY_PASSWORD, "the password is another one", Whose::WithPassword) },
    Kind { password: true, ..kind(BY_PASSWORD, "the person has no password", Whose::WithoutPassword) },
    Kind { locked: true, ..kind(LOCKED, NOBODY, Whose::Nobody) },
    Kind { locked: true, ..kind(LOCKED, ANOTHER, Whose::Somebody) },
    Kind { locked: true, right: true, ..kind(LOCKED, "all of it is right", Whose::Somebody) },
];

/// Times in microseconds, by the place of their kind.
type Times = [Vec<f64>; KINDS.len()];

/// Measures. `turned` is told how much of it is done.
///
/// # Errors
/// In words for a person.
pub fn verification(of: &Measurement<'_>, mut turned: impl FnMut(f64)) -> Result<Vec<Told>, String> {
    let mut times = of.times.map_or_else(|| Ok(Times::default()), earlier)?;
    let source = match &of.source {
        Some(source) => source.clone(),
        None => made_up(of.folder)?,
    };
    let locks =
        LockPolicy { failures: LOCKED_BY, id_failures: NO_LOCK, trunk_failures: 1_000_000, ..LockPolicy::default() };
    let records = source.open(locks).map_err(|error| error.to_string())?;
    let at = Timestamp::from_second(1_790_000_000).map_err(|error| error.to_string())?;
    let mut chance = rand::rngs::StdRng::seed_from_u64(rand::random());
    let mut people = People::of(&source, &*records, at, chance.random_range(0..100_000_000))?;
    let mut order: Vec<usize> = Vec::new();
    for (place, kind) in KINDS.iter().enumerate() {
        order.extend(std::iter::repeat_n(place, if kind.password { of.passwords } else { of.count }));
    }
    order.shuffle(&mut chance);
    let all = order.len().max(1);
    let mut new = Times::default();
    let mut took = |place: usize, reply: &Reply, took: Duration, done: usize| {
        let locked = KINDS.get(place).is_some_and(|kind| kind.locked);
        let right = if locked { matches!(reply, Reply::Locked { .. }) } else { *reply == Reply::Unmatched };
        if !right {
            return Err(format!("a wrong answer was answered {reply:?}"));
        }
        new.get_mut(place).into_iter().for_each(|times| times.push(took.as_secs_f64() * 1e6));
        if done.is_multiple_of(100) {
            turned(done as f64 / all as f64);
        }
        Ok(())
    };
    let questions =
        order.into_iter().filter_map(|place| Some((place, people.question(KINDS.get(place)?, &mut chance)?)));
    match of.timed {
        Timed::Work => {
            for (done, (place, query)) in questions.enumerate() {
                let begun = now();
                let reply = records.answer(&query, at).map_err(|error| error.to_string())?;
                took(place, &reply, begun.elapsed(), done)?;
            }
        }
        Timed::Answer => {
            let pool = RecordsPool::start(&records, PoolOptions::default()).map_err(|error| error.to_string())?;
            ask_all(&pool, at, questions, &mut took)?;
        }
    }
    if let Some(file) = of.times {
        keep(file, &new)?;
    }
    for (times, new) in times.iter_mut().zip(new) {
        times.extend(new);
        times.sort_unstable_by(f64::total_cmp);
    }
    Ok(tell(&times))
}

/// Asks them all, sixteen at once.
fn ask_all(
    pool: &RecordsPool,
    at: Timestamp,
    questions: impl Iterator<Item = (usize, Query)>,
    took: &mut impl FnMut(usize, &Reply, Duration, usize) -> Result<(), String>,
) -> Result<(), String> {
    let (answered, answers) = mpsc::channel::<(usize, Reply, Duration)>();
    let (mut waiting, mut done) = (0, 0);
    let mut next = || {
        let (place, reply, time) = answers.recv().map_err(|_| "the records broke off".to_owned())?;
        done += 1;
        took(place, &reply, time, done)
    };
    for (place, query) in questions {
        if waiting == AT_ONCE {
            next()?;
            waiting -= 1;
        }
        let (answered, asked) = (answered.clone(), now());
        pool.ask(CallId::new([0; 16]), query, at, asked + Duration::from_secs(60), move |reply| {
            // Nobody waits where the measurement has broken off.
            let _ = answered.send((place, reply, asked.elapsed()));
        });
        waiting += 1;
    }
    (0..waiting).try_for_each(|_| next())
}

/// A file of made-up people.
fn made_up(folder: &Path) -> Result<Source, String> {
    let database = folder.join("records.sqlite");
    let seal = Seal::open_values();
    let options = DemoOptions { people: PEOPLE * 2, seed: 1, as_of: Month::new(2026, 9).ok_or("no such month")? };
    demo::write_with(&database, &seal, options, true, || ()).map_err(|error| error.to_string())?;
    Ok(Source::Sqlite(database, seal))
}

/// Who is asked for.
struct People {
    /// Every second one has a password.
    known: Vec<(CitizenId, String)>,
    unknown: Vec<CitizenId>,
    locked: Vec<String>,
    /// Of the next telephone.
    telephone: u64,
}

impl People {
    /// Finds people, gives every second one a password, and locks telephones.
    fn of(source: &Source, records: &dyn Records, at: Timestamp, series: u64) -> Result<People, String> {
        let failed = |error: crate::records::RecordsError| error.to_string();
        let some = source.some_people(PEOPLE * 2).map_err(failed)?;
        let found: BTreeMap<String, (CitizenId, String)> =
            some.into_iter().map(|(id, number)| (id.as_str().to_owned(), (id, number))).collect();
        let known: Vec<(CitizenId, String)> = found.into_values().take(PEOPLE as usize).collect();
        if known.len() < 100 {
            return Err(format!("there are {} people to ask for, and 100 are needed", known.len()));
        }
        for (id, number) in known.iter().step_by(2) {
            let person = matched(records, at, id, number)?;
            let password = Secret::new("135797".to_owned());
            records.answer(&Query::SetPassword { person, password }, at).map_err(failed)?;
        }
        let as_of = Month::new(2026, 9).ok_or("there is no such month")?;
        let ids: HashSet<&str> = known.iter().map(|(id, _)| id.as_str()).collect();
        let others = demo::people(DemoOptions { people: PEOPLE * 2, seed: 0x51de_5eed, as_of });
        let others = others.skip(10).map(|person| person.id.reveal().clone());
        let unknown: Vec<CitizenId> = others.filter(|id| !ids.contains(id.as_str())).take(known.len()).collect();
        let mut people = People { known, unknown, locked: Vec::new(), telephone: series * 1_000 };
        for _ in 0..LOCKED_TELEPHONES {
            let telephone = people.next_telephone();
            let ids = people.unknown.iter().take(LOCKED_BY as usize);
            let mut last = Reply::Unmatched;
            for id in ids {
                last =
                    records.answer(&question(id, Proof::Number("99999999"), telephone.clone()), at).map_err(failed)?;
            }
            if !matches!(last, Reply::Locked { .. }) {
                return Err(format!("a telephone is not locked: {last:?}"));
            }
            people.locked.push(telephone);
        }
        Ok(people)
    }

    fn next_telephone(&mut self) -> String {
        self.telephone += 1;
        format!("1{:012}", self.telephone)
    }

    fn question(&mut self, kind: &Kind, chance: &mut rand::rngs::StdRng) -> Option<Query> {
        let place = chance.random_range(0..self.known.len() / 2) * 2;
        let place = match kind.whose {
            Whose::Nobody | Whose::Somebody => place + chance.random_range(0..2),
            Whose::WithPassword => place,
            Whose::WithoutPassword => place + 1,
        };
        let telephone = if kind.locked { self.locked.choose(chance)?.clone() } else { self.next_telephone() };
        let (known, number) = self.known.get(place)?;
        let id = if kind.whose == Whose::Nobody { self.unknown.get(place)? } else { known };
        let proof = match (kind.password, kind.right) {
            (true, _) => Proof::Password("246802"),
            (false, true) => Proof::Number(number),
            (false, false) => Proof::Number("99999999"),
        };
        Some(question(id, proof, telephone))
    }
}

fn matched(records: &dyn Records, at: Timestamp, id: &CitizenId, number: &str) -> Result<PersonRef, String> {
    let Query::Verify { identity, .. } = question(id, Proof::Number(number), String::new()) else {
        return Err("no verification".to_owned());
    };
    let asked = Query::Verify { identity, from: Origin::default() };
    match records.answer(&asked, at).map_err(|error| error.to_string())? {
        Reply::Matched(person) => Ok(person),
        other => Err(format!("a right answer was answered {other:?}")),
    }
}

/// What is keyed to prove who one is.
enum Proof<'a> {
    Number(&'a str),
    Password(&'a str),
}

fn question(id: &CitizenId, proof: Proof<'_>, telephone: String) -> Query {
    let mut identity = Identity { id: Some(Secret::new(id.clone())), ..Identity::default() };
    match proof {
        Proof::Password(password) => identity.password = Some(Secret::new(password.to_owned())),
        Proof::Number(number) => identity.number = Some(Secret::new(number.to_owned())),
    }
    Query::Verify { identity, from: Origin { caller: Some(Secret::new(telephone)), trunk: Some("bench".into()) } }
}

/// What the times say, each kind's in order.
fn tell(times: &Times) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut first: Option<(&'static str, &[f64])> = None;
    for (kind, times) in KINDS.iter().zip(times).filter(|(_, times)| !times.is_empty()) {
        let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or(0.0);
        let other = first.filter(|(asked_by, _)| *asked_by == kind.asked_by).map(|(_, other)| other);
        if other.is_none() {
            first = Some((kind.asked_by, times));
        }
        let ks = other.map(|first| kolmogorov_smirnov(first, times));
        told.push(Told {
            asked_by: kind.asked_by,
            wrong: kind.wrong,
            count: times.len(),
            median_us: at(0.5),
            p95_us: at(0.95),
            ks: ks.map(|(difference, _)| difference),
            ks_p: ks.map(|(_, p)| p),
            mann_whitney_p: other.map(|first| mann_whitney(first, times)),
        });
    }
    told
}

/// Times of a file: the place of a kind, and microseconds, a line each.
fn earlier(file: &Path) -> Result<Times, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut times = Times::default();
    if !file.try_exists().map_err(|error| wrong(&error))? {
        return Ok(times);
    }
    for line in std::fs::read_to_string(file).map_err(|error| wrong(&error))?.lines() {
        let read = || {
            let (place, time) = line.split_once('\t')?;
            Some((place.parse::<usize>().ok()?, time.parse::<f64>().ok()?))
        };
        let (place, time) = read().ok_or_else(|| wrong(&"this is no file of times"))?;
        times.get_mut(place).ok_or_else(|| wrong(&"it has times of no such kind"))?.push(time);
    }
    Ok(times)
}

fn keep(file: &Path, new: &Times) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut to = std::fs::File::options().create(true).append(true).open(file).map_err(wrong)?;
    let mut text = String::new();
    for (place, times) in new.iter().enumerate() {
        text.extend(times.iter().map(|time| format!("{place}\t{time:.3}\n")));
    }
    to.write_all(text.as_bytes()).map_err(wrong)
}

#[allow(clippy::disallowed_methods, reason = "what is measured is time")]
fn now() -> Instant {
    Instant::now()
}
