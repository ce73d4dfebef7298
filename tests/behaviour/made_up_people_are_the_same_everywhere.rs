//! The demo people: the same on every machine, nobody real, and as varied as they are said to be.

use std::collections::HashSet;

use crate::records_support::as_of;
use hotline::facts::{CitizenId, Fen, Insurance, Month};
use hotline::records::demo::{self, DemoOptions, NAMED, NamedPerson};
use hotline::records::{Insured, InsuredKind};
use sha2::{Digest, Sha256};

fn everybody() -> Vec<Insured> {
    demo::people(DemoOptions::as_of(as_of())).collect()
}

fn who(name: &str) -> Insured {
    let place = NAMED.iter().position(|person| person.who == name).unwrap();
    demo::people(DemoOptions::named_only(as_of())).nth(place).unwrap()
}

fn months(person: &Insured, insurance: Insurance) -> usize {
    person.paid_into(insurance).len()
}

fn digest(people: impl IntoIterator<Item = Insured>) -> String {
    let mut digest = Sha256::new();
    for person in people {
        digest.update(person.id.reveal().as_str());
        digest.update(person.number.reveal());
        digest.update(person.kind.name());
        for amount in [person.pension, person.medical] {
            digest.update(amount.0.to_be_bytes());
        }
        for (insurance, paid) in person.all_payments() {
            digest.update(insurance.name());
            digest.update(paid.month.ordinal().to_be_bytes());
            for amount in [paid.base, paid.personal, paid.employer] {
                digest.update(amount.0.to_be_bytes());
            }
        }
    }
    digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_same_seed_makes_the_same_people() {
    assert_eq!(digest(everybody()), "8d488c9036fbdb3d");
    let other_seed = DemoOptions { seed: 1, ..DemoOptions::as_of(as_of()) };
    assert_eq!(digest(demo::people(other_seed)), "a158fd11d2facaec");
    let more = demo::people(DemoOptions { people: 700, ..DemoOptions::as_of(as_of()) });
    assert_eq!(digest(more.take(500)), digest(everybody()), "more people only append");
    assert_eq!(digest(demo::people(other_seed).take(10)), digest(everybody().into_iter().take(10)), "the named stay");
}

#[test]
fn every_number_is_well_formed_unique_and_nobodys() {
    let (mut ids, mut numbers) = (HashSet::new(), HashSet::new());
    let (mut x, mut permits, mut residents) = (0, 0, 0);
    for person in demo::people(DemoOptions { people: 2_000, ..DemoOptions::as_of(as_of()) }) {
        let id = person.id.reveal().as_str().to_owned();
        assert!(CitizenId::parse(&id, jiff::civil::date(2026, 11, 25)).is_ok(), "{id}");
        match &id[..1] {
            "8" => {
                assert_eq!(&id[2..6], "9999", "{id}");
                permits += 1;
            }
            "9" => {
                assert_eq!(&id[3..6], "999", "{id}");
                residents += 1;
            }
            _ => assert_eq!(&id[2..4], "99", "{id}"),
        }
        x += usize::from(id.ends_with('X'));
        let number = person.number.reveal().clone();
        assert!(number.len() == 8 && number.bytes().all(|digit| digit.is_ascii_digit()));
        assert!(ids.insert(id) && numbers.insert(number));
    }
    assert!((120..=250).contains(&x), "about one in eleven of 2,000 ends with X: {x}");
    assert!(permits > 40 && residents > 20);
}

#[test]
fn the_named_people_are_as_documented() {
    let named: Vec<Insured> = demo::people(DemoOptions::named_only(as_of())).collect();
    for (person, documented) in named.iter().zip(NAMED) {
        assert_eq!(person.id.reveal().as_str(), documented.id);
        assert_eq!(person.number.reveal(), documented.number);
    }
    let table = NamedPerson::markdown_table();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/demo-people.md")).unwrap();
    assert!(page.contains(&table), "docs/demo-people.md should hold:\n{table}");

    assert!(who("check-x").id.reveal().as_str().ends_with('X'));
    assert_eq!(months(&who("new-employee"), Insurance::Pension), 2);
    assert_eq!(who("retiree").kind, InsuredKind::Retired);
    assert_eq!(who("retiree").paid_into(Insurance::Pension).last().unwrap().month, as_of().plus(-40));
    assert_eq!(months(&who("retiree"), Insurance::Pension), 264);
    let alone = who("pays-alone");
    assert_eq!(Insurance::ALL.map(|insurance| months(&alone, insurance)), [96, 96, 0, 0, 0]);
    assert!(alone.all_payments().all(|(_, paid)| paid.employer == Fen::ZERO && paid.personal > Fen::ZERO));
    assert!(who("residence-permit").id.reveal().as_str().starts_with("83"));
    assert!(who("permanent-resident").id.reveal().as_str().starts_with('9'));
    let old = NAMED.iter().find(|person| person.who == "old-number").unwrap();
    assert!(old.about.contains(&old.old_id().unwrap()));
    assert_eq!(months(&who("forty-years"), Insurance::Pension), 480);
    assert_eq!(months(&who("never-medical"), Insurance::Medical), 0);
    assert_eq!(who("never-medical").medical, Fen::ZERO);
    assert_eq!(who("ordinary").paid_into(Insurance::Pension)[0].month, Month::new(2010, 3).unwrap());
}

#[test]
fn histories_are_varied_plausible_and_agree_with_the_balances() {
    let everybody = everybody();
    for person in &everybody {
        assert!(person.medical >= Fen::ZERO);
        let paid = person.paid_into(Insurance::Pension);
        let credited: i64 = paid.iter().map(|paid| (paid.base.0 * 8 + 50) / 100).sum();
        assert!(person.pension.0 >= credited && person.pension.0 <= credited * 3, "interest is modest");
        for (insurance, paid) in person.all_payments() {
            assert!(paid.month <= as_of() && paid.base.0 % 100 == 0);
            assert!(paid.base <= Fen(3_600_000) && paid.base >= Fen(10_000), "{} {}", paid.month, paid.base);
            if matches!(insurance, Insurance::WorkInjury | Insurance::Maternity) {
                assert_eq!(paid.personal, Fen::ZERO);
            }
        }
        for insurance in Insurance::ALL {
            assert!(person.paid_into(insurance).is_sorted_by(|one, next| one.month < next.month));
        }
        for pair in paid.windows(2).filter(|pair| pair[0].base != pair[1].base) {
            assert!(pair[1].month.months_since(pair[0].month) > 1 || pair[1].month.month() == 7);
        }
    }
    let count = |of: &dyn Fn(&Insured) -> bool| everybody.iter().filter(|person| of(person)).count();
    let gaps = |person: &Insured| {
        let paid = person.paid_into(Insurance::Pension);
        paid.windows(2).any(|pair| pair[1].month.months_since(pair[0].month) > 1)
    };
    assert!(count(&gaps) > 100);
    assert!(count(&|person| months(person, Insurance::Pension) <= 3) > 10);
    assert!(count(&|person| months(person, Insurance::Pension) >= 360) > 5);
    for kind in InsuredKind::ALL {
        assert!(count(&|person| person.kind == kind) > 20, "{kind:?}");
    }
}

#[test]
fn the_default_month_is_the_one_before_the_previous() {
    assert_eq!(demo::default_as_of(jiff::civil::date(2026, 11, 25)), as_of());
    assert_eq!(demo::default_as_of(jiff::civil::date(2026, 1, 31)), Month::new(2025, 11).unwrap());
}

#[test]
fn any_as_of_month_can_be_asked_for() {
    for year in [0, 2015, 2020, 2031, 2050, 9999] {
        let options = DemoOptions { people: 60, ..DemoOptions::as_of(Month::new(year, 7).unwrap()) };
        assert_eq!(demo::people(options).count(), 60);
    }
}
