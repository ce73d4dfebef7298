//! Payments of any months: what was paid within them, by month, and nothing else.

use crate::records_support::{as_of, at, each};
use hotline::facts::{Fen, Insurance, Month, PersonRef, Query, Reply};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{LockPolicy, RecordsError};
use proptest::prelude::*;

fn ask(
    records: &dyn hotline::records::Records,
    person: i64,
    insurance: Insurance,
    from: Month,
    to: Month,
) -> hotline::facts::Payments {
    let query = Query::Payments { person: PersonRef(person), insurance, from, to };
    match records.answer(&query, at(0)).unwrap() {
        Reply::Payments(payments) => payments,
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_range_holds_exactly_the_months_within_it() {
    let people: Vec<_> = demo::people(DemoOptions::named_only(as_of())).collect();
    let back_ends = each(LockPolicy::default());
    let zero = Month::new(0, 1).unwrap();
    let month = prop_oneof![0..120_000_i32, 1_980 * 12..2_030 * 12].prop_map(move |ordinal| zero.plus(ordinal));
    let insurance = proptest::sample::select(Insurance::ALL.to_vec());
    proptest!(ProptestConfig::with_cases(300), |(place in 0..10_usize, insurance in insurance, from in month.clone(), to in month)| {
        let all = people[place].paid_into(insurance);
        for (name, records) in &back_ends {
            let answer = ask(&**records, place as i64 + 1, insurance, from, to);
            prop_assert_eq!(answer.to, to);
            prop_assert_eq!(answer.from, from.max(to.plus(-599)), "{}", name);
            let expected: Vec<_> = all.iter().filter(|paid| paid.month >= answer.from && paid.month <= to).copied().collect();
            prop_assert!(answer.paid.len() <= 600);
            prop_assert_eq!(answer.paid, expected, "{}", name);
            prop_assert_eq!(answer.first_ever, all.first().map(|paid| paid.month));
            prop_assert_eq!(answer.as_of, as_of());
        }
    });
}

#[test]
fn all_back_ends_answer_alike() {
    let back_ends = each(LockPolicy::default());
    let (_, first) = &back_ends[0];
    let (from, to) = (as_of().plus(-30), as_of());
    let payments = |person| Query::Payments { person, insurance: Insurance::Pension, from, to };
    for (name, records) in &back_ends {
        for person in (1..=10).map(PersonRef) {
            for query in [Query::Balances(person), Query::Summary(person), payments(person)] {
                assert_eq!(records.answer(&query, at(0)).unwrap(), first.answer(&query, at(0)).unwrap(), "{name}");
            }
        }
        for nobody in [i64::MIN, -1, 0, 11, i64::MAX].map(PersonRef) {
            for query in [Query::Balances(nobody), Query::Summary(nobody), payments(nobody)] {
                assert!(matches!(records.answer(&query, at(0)), Err(RecordsError::NoSuchPerson)), "{name}");
            }
        }
    }
}

#[test]
fn the_last_twelve_months_of_the_ordinary_person_have_a_gap_of_two() {
    for (name, records) in each(LockPolicy::default()) {
        let answer = ask(&*records, 1, Insurance::Pension, as_of().plus(-11), as_of());
        let months: Vec<String> = answer.paid.iter().map(|paid| paid.month.to_string()).collect();
        let expected = [
            "2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-05", "2026-06", "2026-07", "2026-08",
            "2026-09",
        ];
        assert_eq!(months, expected, "{name}");
        let runs = answer.paid.chunk_by(|one, next| one.base == next.base && next.month.months_since(one.month) == 1);
        assert_eq!(runs.map(<[_]>::len).collect::<Vec<_>>(), [5, 2, 3], "{name}");
        for paid in &answer.paid {
            assert_eq!(paid.personal, Fen((paid.base.0 * 8 + 50) / 100));
        }
    }
}
