//! Whether the time that a verification takes tells why it failed: `hotline bench verify`.
//!
//! ```text
//!   asked by ID and social security number      asked by ID and query password
//!     nobody has this ID                          nobody has this ID
//!     the number is another one                   the password is another one
//!                                                 the person has no password
//! ```
//!
//! All kinds are asked in turn, in an order made of chance, each question from a telephone of its own, so that what else the
//! machine does meets them alike. Each kind is then compared with the first by the two-sample Kolmogorov–Smirnov test, which
//! sees any difference of two distributions, and by the Mann–Whitney test, which sees a shift sooner.

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

use crate::facts::{CitizenId, Fact, Identity, Month, Origin, PersonRef, Query, Reply, Secret};
use crate::records::demo::{self, DemoOptions};
use crate::records::{LockPolicy, Records, Seal, SqliteRecords};

/// People who are asked for, and as many whom nobody knows.
const PEOPLE: u32 = 400;
/// Failures that one person or trunk may bring: nothing is to be locked.
const NO_LOCK: u32 = 10_000;

/// How long one kind of wrong answer took, and how it compares with the first kind of the same question.
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nobody,
    Another,
    NoPassword,
}

impl Wrong {
    const fn name(self, by: Fact) -> &'static str {
        match (self, by) {
            (Wrong::Nobody, _) => "nobody has this ID",
            (Wrong::Another, Fact::Password) => "the password is another one",
            (Wrong::Another, _) => "the number is another one",
            (Wrong::NoPassword, _) => "the person has no password",
        }
    }
}

/// Asks `count` questions of each kind, `hashed` of those with a password, in a folder. `turned` is told how much of it is done.
///
/// # Errors
/// In words for a person.
pub fn verification(
    folder: &Path,
    count: usize,
    hashed: usize,
    mut turned: impl FnMut(f64),
) -> Result<Vec<Told>, String> {
    let as_of = Month::new(2026, 9).ok_or("there is no such month")?;
    let database = folder.join("records.sqlite");
    let options = |seed, people| DemoOptions { people, seed, as_of };
    let wrong = |error: &dyn std::fmt::Display| error.to_string();
    let seal = Seal::open_values();
    demo::write_with(&database, &seal, options(1, PEOPLE + 10), true, || ()).map_err(|error| wrong(&error))?;
    let locks = LockPolicy { failures: 100, id_failures: NO_LOCK, trunk_failures: 1_000_000, ..LockPolicy::default() };
    let records = SqliteRecords::open_with(&database, &seal).map_err(|error| wrong(&error))?.with_locks(locks);
    let at = Timestamp::from_second(1_790_000_000).map_err(|error| wrong(&error))?;
    let ids = |seed| -> Vec<CitizenId> {
        let people = demo::people(options(seed, PEOPLE + 10)).skip(10);
        people.map(|person| person.id.reveal().clone()).collect()
    };
    let (known, unknown) = (ids(1), ids(2));
    let mut chance = rand::rngs::StdRng::seed_from_u64(12333);
    // Every second one has a password.
    for (place, _) in known.iter().enumerate().filter(|(place, _)| place % 2 == 0) {
        let person = PersonRef(i64::try_from(place + 11).map_err(|error| wrong(&error))?);
        let password = Secret::new("135797".to_owned());
        records.answer(&Query::SetPassword { person, password }, at).map_err(|error| wrong(&error))?;
    }
    let mut told = Vec::new();
    let kinds: [(Fact, &str, &[Wrong], usize); 2] = [
        (Fact::Number, "ID and social security number", &[Wrong::Nobody, Wrong::Another], count),
        (Fact::Password, "ID and query password", &[Wrong::Nobody, Wrong::Another, Wrong::NoPassword], hashed),
    ];
    let all: usize = kinds.iter().map(|(_, _, wrong, count)| wrong.len() * count).sum();
    let mut done = 0_u32;
    for (by, asked_by, wrongs, count) in kinds {
        let mut order: Vec<usize> = (0..wrongs.len() * count).map(|turn| turn % wrongs.len()).collect();
        order.shuffle(&mut chance);
        let mut times: Vec<Vec<f64>> = vec![Vec::with_capacity(count); wrongs.len()];
        for kind in order {
            let Some(one) = wrongs.get(kind) else { continue };
            let place = chance.random_range(0..known.len() / 2) * 2 + usize::from(*one == Wrong::NoPassword);
            let people = if *one == Wrong::Nobody { &unknown } else { &known };
            let id = people.get(place).ok_or("there is nobody to ask for")?.clone();
            let query = question(id, by, format!("1{:010}", done));
            let begun = now();
            let reply = records.answer(&query, at).map_err(|error| wrong(&error))?;
            let took = begun.elapsed().as_secs_f64() * 1e6;
            if reply != Reply::Unmatched {
                return Err(format!("a wrong answer was answered {reply:?}"));
            }
            times.get_mut(kind).into_iter().for_each(|times| times.push(took));
            done += 1;
            if done.is_multiple_of(100) {
                turned(f64::from(done) / all as f64);
            }
        }
        times.iter_mut().for_each(|times| times.sort_unstable_by(f64::total_cmp));
        let first = times.first().cloned().unwrap_or_default();
        for (kind, (one, times)) in wrongs.iter().zip(&times).enumerate() {
            let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or(0.0);
            let other = (kind > 0).then_some(&first);
            let ks = other.map(|first| kolmogorov_smirnov(first, times));
            told.push(Told {
                asked_by,
                wrong: one.name(by),
                count: times.len(),
                median_us: at(0.5),
                p95_us: at(0.95),
                ks: ks.map(|(difference, _)| difference),
                ks_p: ks.map(|(_, p)| p),
                mann_whitney_p: other.map(|first| mann_whitney(first, times)),
            });
        }
    }
    Ok(told)
}

fn question(id: CitizenId, by: Fact, telephone: String) -> Query {
    let mut identity = Identity { id: Some(Secret::new(id)), ..Identity::default() };
    match by {
        Fact::Password => identity.password = Some(Secret::new("246802".to_owned())),
        _ => identity.number = Some(Secret::new("99999999".to_owned())),
    }
    Query::Verify { identity, from: Origin { caller: Some(Secret::new(telephone)), trunk: Some("bench".into()) } }
}

/// The greatest difference of two sorted samples' distributions, and the probability of one as great or greater between
/// samples of one distribution (asymptotic, with Stephens's correction for the samples' size).
fn kolmogorov_smirnov(one: &[f64], other: &[f64]) -> (f64, f64) {
    let (mut i, mut j, mut greatest) = (0, 0, 0.0_f64);
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let least = a.min(*b);
        while one.get(i).is_some_and(|time| *time <= least) {
            i += 1;
        }
        while other.get(j).is_some_and(|time| *time <= least) {
            j += 1;
        }
        let difference = i as f64 / one.len() as f64 - j as f64 / other.len() as f64;
        greatest = greatest.max(difference.abs());
    }
    let size = (one.len() as f64 * other.len() as f64 / (one.len() + other.len()) as f64).sqrt();
    let lambda = (size + 0.12 + 0.11 / size) * greatest;
    let term = |k: f64| (-1_f64).powf(k - 1.0) * (-2.0 * k * k * lambda * lambda).exp();
    let p = if lambda < 0.3 { 1.0 } else { 2.0 * (1..=100).map(|k| term(f64::from(k))).sum::<f64>() };
    (greatest, p.clamp(0.0, 1.0))
}

/// The probability, two-sided, of ranks as far apart as these or farther between samples of one distribution: by the normal
/// approximation; times to the nanosecond are hardly ever equal.
fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = one.iter().map(|time| (*time, true)).collect();
    all.extend(other.iter().map(|time| (*time, false)));
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let ranks: f64 = (1_u32..).zip(&all).filter(|(_, (_, first))| *first).map(|(rank, _)| f64::from(rank)).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = ranks - n * (n + 1.0) / 2.0;
    let z = (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    2.0 * normal_tail(z.abs())
}

/// The part of the normal distribution beyond z (Abramowitz and Stegun 26.2.17: off by 7.5e-8 at most).
fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = series.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}

#[allow(clippy::disallowed_methods, reason = "what is measured is time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_know_one_distribution_from_two() {
        let mut chance = rand::rngs::StdRng::seed_from_u64(1);
        let mut sample = |shift: f64| {
            let mut sample: Vec<f64> = (0..2_000).map(|_| chance.random::<f64>() + shift).collect();
            sample.sort_unstable_by(f64::total_cmp);
            sample
        };
        let (one, same, later) = (sample(0.0), sample(0.0), sample(0.1));
        assert!(kolmogorov_smirnov(&one, &same).1 > 0.01 && mann_whitney(&one, &same) > 0.01);
        let (difference, p) = kolmogorov_smirnov(&one, &later);
        assert!((0.07..0.14).contains(&difference) && p < 1e-6, "{difference} {p}");
        assert!(mann_whitney(&one, &later) < 1e-6);
    }

    #[test]
    fn probabilities_are_those_of_the_tables() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.158_655), (1.959_964, 0.025), (3.0, 0.001_349_9)] {
            assert!((normal_tail(z) - p).abs() < 1e-6, "{z}");
        }
        // Two samples of 100 that differ by 0.19 are told apart at 5 %: D = 1.358 / sqrt(50) = 0.192.
        let one: Vec<f64> = (0..100).map(f64::from).collect();
        let shifted = |by: f64| one.iter().map(|time| time + by).collect::<Vec<f64>>();
        assert!(kolmogorov_smirnov(&one, &shifted(18.5)).1 > 0.04);
        assert!(kolmogorov_smirnov(&one, &shifted(20.5)).1 < 0.04);
    }
}
