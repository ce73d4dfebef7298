//! Whatever a value is, its tokens are among those that recordings are made of.

use std::collections::HashSet;

use hotline::facts::{Fen, Language, Month};
use hotline::speech::{Form, Function, Value, ValueKind, grammar, vocabulary};
use jiff::civil::Date;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const KINDS: [ValueKind; 7] = [
    ValueKind::Money,
    ValueKind::Count,
    ValueKind::Digits,
    ValueKind::Phone,
    ValueKind::Year,
    ValueKind::Month,
    ValueKind::Date,
];

fn random_value(kind: ValueKind, random: &mut ChaCha8Rng) -> Value {
    let size = 10_u64.pow(random.random_range(1..=15));
    let number = random.random_range(0..size);
    let year = random.random_range(1970..=2040);
    let month = random.random_range(1..=12);
    match kind {
        ValueKind::Money => Value::Money(Fen(number as i64 * if random.random_bool(0.1) { -1 } else { 1 })),
        ValueKind::Count => Value::Count(number),
        ValueKind::Digits => Value::Digits(format!("{number}X")),
        ValueKind::Phone => Value::Phone(number.to_string()),
        ValueKind::Year => Value::Year(year),
        ValueKind::Month => Value::Month(Month::new(year, month).unwrap()),
        ValueKind::Date => Value::Date(Date::new(year, month, random.random_range(1..=28)).unwrap()),
        ValueKind::Word => Value::Word("pension"),
    }
}

#[test]
fn a_hundred_thousand_random_values() {
    let mut random = ChaCha8Rng::seed_from_u64(12333);
    for language in Language::ALL {
        for kind in KINDS {
            let known: HashSet<(String, Form)> =
                vocabulary(language, kind).into_iter().map(|(text, form)| (text.to_string(), form)).collect();
            for _ in 0..100_000 / (KINDS.len() * 2) + 1 {
                let value = random_value(kind, &mut random);
                for token in grammar::tokens(language, Function::of(kind).unwrap(), &value) {
                    assert!(known.contains(&(token.text.to_string(), token.form)), "{language} {kind:?} {token:?}");
                }
            }
        }
    }
}

#[test]
fn every_year_with_four_digits_is_in_it() {
    for language in Language::ALL {
        let known: HashSet<(String, Form)> =
            vocabulary(language, ValueKind::Year).into_iter().map(|(text, form)| (text.to_string(), form)).collect();
        for year in 1000..=9999 {
            for token in grammar::tokens(language, Function::Year, &Value::Year(year)) {
                assert!(known.contains(&(token.text.to_string(), token.form)), "{language} {year} {token:?}");
            }
        }
    }
}

#[test]
fn it_is_no_larger_than_what_is_recorded() {
    let size = |language, kind| vocabulary(language, kind).len();
    assert_eq!(size(Language::ZhCn, ValueKind::Digits), 22);
    assert_eq!(size(Language::ZhCn, ValueKind::Phone), 22);
    assert_eq!(size(Language::En, ValueKind::Digits), 22);
    assert_eq!(size(Language::ZhCn, ValueKind::Year), 71 + 10 + 1);
    assert_eq!(size(Language::ZhCn, ValueKind::Month), 71 + 10 + 1 + 12);
    assert_eq!(size(Language::ZhCn, ValueKind::Word), 0);
    let counts = vocabulary(Language::ZhCn, ValueKind::Count);
    for text in ["二百", "二千", "幺", "元"] {
        assert!(!counts.iter().any(|(known, _)| known.as_ref() == text), "{text}");
    }
}
