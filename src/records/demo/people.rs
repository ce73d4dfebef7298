//! Who the made-up people are.

use std::collections::HashSet;

use jiff::civil::Date;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::DemoOptions;
use super::history::{Career, pay};
use super::named::{NAMED, NamedPerson};
use crate::facts::{CitizenId, Month, Secret};
use crate::records::{Identifiers, Insured, InsuredKind, StoredPassword};

/// Provinces by GB/T 2260.
const PROVINCES: [u8; 31] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63,
    64, 65,
];

/// The seed of the named people, whatever the others' seed.
const NAMED_SEED: u64 = 12333;

/// The most months paid for: 40 years.
const LONGEST: i32 = 480;

/// Chance, as integers that are the same on every machine and with every version of the libraries: ChaCha20 is fixed by
/// RFC 7539, and nothing but its 32-bit words is used.
pub(super) struct Chance(ChaCha20Rng);

impl Chance {
    fn new(seed: u64, stream: u64) -> Chance {
        let mut key = [0; 32];
        key.iter_mut().zip(seed.to_le_bytes()).for_each(|(place, byte)| *place = byte);
        let mut words = ChaCha20Rng::from_seed(key);
        words.set_stream(stream);
        Chance(words)
    }

    /// A number between two, both included.
    pub(super) fn between(&mut self, least: u32, most: u32) -> u32 {
        let width = u64::from(most.saturating_sub(least)) + 1;
        least + u32::try_from((u64::from(self.0.next_u32()) * width) >> 32).unwrap_or(0)
    }

    /// The same for months.
    fn months(&mut self, least: i32, most: i32) -> i32 {
        let width = u32::try_from(most.saturating_sub(least)).unwrap_or(0);
        least + i32::try_from(self.between(0, width)).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    fn percent(&mut self, percent: u32) -> bool {
        self.between(1, 100) <= percent
    }
}

/// The people of some options, one after another.
pub(super) struct People {
    options: DemoOptions,
    next: u32,
    ids: HashSet<CitizenId>,
}

impl People {
    pub(super) fn new(options: DemoOptions) -> People {
        People { options, next: 0, ids: HashSet::new() }
    }
}

impl Iterator for People {
    type Item = Insured;

    fn next(&mut self) -> Option<Insured> {
        let place = self.next;
        if place >= self.options.people {
            return None;
        }
        self.next += 1;
        match NAMED.get(place as usize) {
            Some(person) => named(person, u64::from(place), self.options.as_of),
            None => Some(self.other(place)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.options.people.saturating_sub(self.next) as usize;
        (rest, Some(rest))
    }
}

fn named(person: &NamedPerson, place: u64, as_of: Month) -> Option<Insured> {
    let mut chance = Chance::new(NAMED_SEED, place);
    let ago = |months: i32| as_of.plus(-months);
    let employed = |start: Month, level: u32| Career {
        start,
        end: as_of,
        alone_from: None,
        gaps: Vec::new(),
        medical: true,
        level,
    };
    let (career, kind) = match person.who {
        "ordinary" => {
            let gaps = vec![(ago(6), ago(5))];
            (Career { gaps, ..employed(Month::new(2010, 3)?, 220) }, InsuredKind::Employee)
        }
        "new-employee" => (employed(ago(1), 200), InsuredKind::Employee),
        "retiree" => {
            let end = ago(40);
            (Career { end, ..employed(end.plus(1 - 22 * 12), 300) }, InsuredKind::Retired)
        }
        "pays-alone" => {
            let start = ago(8 * 12 - 1);
            (Career { alone_from: Some(start), ..employed(start, 170) }, InsuredKind::PaysAlone)
        }
        "residence-permit" => (employed(ago(3 * 12 - 1), 450), InsuredKind::Employee),
        "permanent-resident" => (employed(ago(5 * 12 - 1), 900), InsuredKind::Employee),
        "old-number" => (employed(ago(30 * 12 - 1), 250), InsuredKind::Employee),
        "forty-years" => (employed(ago(LONGEST - 1), 350), InsuredKind::Employee),
        "never-medical" => (Career { medical: false, ..employed(ago(6 * 12 - 1), 130) }, InsuredKind::Employee),
        _ => (employed(ago(12 * 12 - 1), 280), InsuredKind::Employee),
    };
    let id = CitizenId::parse(person.id, Date::MAX).ok()?;
    let password = person
        .password
        .map(|password| StoredPassword { hash: Secret::new(password.hash.to_owned()), initial: password.initial });
    let identifiers = Identifiers {
        card: Some(Secret::new(person.card.to_owned())),
        personal_number: Some(Secret::new(person.personal_number.to_owned())),
        password,
    };
    Some(Insured { identifiers, ..pay(&career, as_of, &mut chance).person(id, person.number.to_owned(), kind) })
}

/// How an unnamed person came to be insured here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Citizen,
    ResidencePermit,
    PermanentResident,
}

impl People {
    /// A person of the stream numbered by their place.
    fn other(&mut self, place: u32) -> Insured {
        let as_of = self.options.as_of;
        let mut chance = Chance::new(self.options.seed, u64::from(place));
        let origin = match chance.between(1, 100) {
            1..=5 => Origin::ResidencePermit,
            6..=8 => Origin::PermanentResident,
            _ => Origin::Citizen,
        };
        let (id, born) = loop {
            let born = as_of.plus(-chance.months(20 * 12, 73 * 12));
            let id = made_up_id(origin, born, &mut chance);
            if let Some(id) = id.filter(|id| self.ids.insert(id.clone())) {
                break (id, born);
            }
        };
        let (career, kind) = career(origin, born, as_of, &mut chance);
        let number = 20_000_000 + u64::from(place) * 997 + u64::from(chance.between(0, 996));
        pay(&career, as_of, &mut chance).person(id, number.to_string(), kind)
    }
}

/// An ID number that nobody bears: see the module above.
fn made_up_id(origin: Origin, born: Month, chance: &mut Chance) -> Option<CitizenId> {
    let province = PROVINCES.get(chance.between(0, 30) as usize)?;
    let area = match origin {
        Origin::Citizen => format!("{province}99{:02}", chance.between(1, 99)),
        Origin::ResidencePermit => format!("8{}9999", chance.between(1, 3)),
        Origin::PermanentResident => format!("9{province}999"),
    };
    let (year, month, day, sequence) = (born.year(), born.month(), chance.between(1, 28), chance.between(1, 995));
    let first_17 = format!("{area}{year:04}{month:02}{day:02}{sequence:03}");
    CitizenId::parse(&format!("{first_17}{}", CitizenId::check_symbol(&first_17)), Date::MAX).ok()
}

fn career(origin: Origin, born: Month, as_of: Month, chance: &mut Chance) -> (Career, InsuredKind) {
    let retirement = born.plus(12 * chance.months(55, 60));
    let retired = retirement <= as_of;
    let end = if retired { retirement.plus(-1) } else { as_of };
    let longest = end.months_since(born.plus(18 * 12)).clamp(1, LONGEST - 1);
    let most = if origin == Origin::Citizen { longest } else { longest.min(120) };
    let begun = if chance.percent(6) { chance.months(0, 2) } else { chance.months(most / 4, most) };
    let start = end.plus(-begun.min(most));
    let alone_from = if chance.percent(12) {
        Some(if chance.percent(50) { start } else { start.plus(chance.months(0, begun)) })
    } else {
        None
    };
    let kind = match (retired, alone_from) {
        (true, _) => InsuredKind::Retired,
        (false, Some(_)) => InsuredKind::PaysAlone,
        (false, None) => InsuredKind::Employee,
    };
    let gaps = (0..[0, 0, 0, 0, 0, 1, 1, 1, 2, 3].get(chance.between(0, 9) as usize).copied().unwrap_or(0))
        .filter_map(|_| gap(start, end, chance))
        .collect();
    let medical = !chance.percent(3);
    (Career { start, end, alone_from, gaps, medical, level: chance.between(111, 700) }, kind)
}

/// Up to 14 months without a payment, after the first month and before the last.
fn gap(start: Month, end: Month, chance: &mut Chance) -> Option<(Month, Month)> {
    let inner = end.months_since(start) - 1;
    if inner < 1 {
        return None;
    }
    let from = chance.months(1, inner);
    let months = chance.months(1, 14).min(inner + 1 - from);
    Some((start.plus(from), start.plus(from + months - 1)))
}
