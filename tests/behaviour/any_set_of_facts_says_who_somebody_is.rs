//! Who somebody is follows from any set of facts that the operator asks for: the ID, the card without its letters or its last
//! eight digits, the personal number, the social security number, the query password. All must be one person's.

use crate::records_support::{at, each, from, matched, person};
use hotline::facts::{CitizenId, Fact, Identity, Query, Reply, Secret};
use hotline::records::LockPolicy;

fn identity(facts: &[(Fact, &str)]) -> Identity {
    let mut identity = Identity::default();
    for (fact, keyed) in facts {
        let digits = Some(Secret::new((*keyed).to_owned()));
        match fact {
            Fact::Id => {
                let id = CitizenId::parse(keyed, jiff::civil::date(2026, 11, 25)).unwrap();
                identity.id = Some(Secret::new(id));
            }
            Fact::Card => identity.card = digits,
            Fact::PersonalNumber => identity.personal_number = digits,
            Fact::Number => identity.number = digits,
            Fact::Password => identity.password = digits,
        }
    }
    identity
}

/// Nothing is locked: each answer stands for itself.
fn patient() -> LockPolicy {
    LockPolicy { failures: 100, id_failures: 10_000, ..LockPolicy::default() }
}

#[test]
fn each_set_of_right_facts_is_the_person() {
    let ordinary = person("ordinary");
    assert_eq!(ordinary.card, "HL731000011");
    let sets: [&[(Fact, &str)]; 8] = [
        &[(Fact::Id, ordinary.id), (Fact::Number, ordinary.number)],
        &[(Fact::Id, ordinary.id), (Fact::Password, "274951")],
        &[(Fact::Card, "731000011"), (Fact::Password, "274951")],
        &[(Fact::Card, "31000011"), (Fact::Password, "274951")],
        &[(Fact::Card, "31000011"), (Fact::Number, ordinary.number)],
        &[(Fact::PersonalNumber, ordinary.personal_number), (Fact::Password, "274951")],
        &[(Fact::PersonalNumber, ordinary.personal_number), (Fact::Card, "731000011")],
        &[
            (Fact::Id, ordinary.id),
            (Fact::Card, "31000011"),
            (Fact::PersonalNumber, ordinary.personal_number),
            (Fact::Number, ordinary.number),
            (Fact::Password, "274951"),
        ],
    ];
    for (name, records) in each(patient()) {
        for set in sets {
            let query = Query::Verify { identity: identity(set), from: from(None, None) };
            let facts: Vec<Fact> = set.iter().map(|(fact, _)| *fact).collect();
            assert_eq!(records.answer(&query, at(0)).unwrap(), matched(1), "{name}: {facts:?}");
        }
    }
}

#[test]
fn one_wrong_fact_among_right_ones_is_as_good_as_none() {
    let (ordinary, other) = (person("ordinary"), person("check-x"));
    let right = [
        (Fact::Id, ordinary.id),
        (Fact::Card, "731000011"),
        (Fact::PersonalNumber, ordinary.personal_number),
        (Fact::Number, ordinary.number),
        (Fact::Password, "274951"),
    ];
    let wrong = [
        (Fact::Id, other.id),
        (Fact::Id, crate::records_support::UNKNOWN_ID),
        (Fact::Card, "731000021"),
        (Fact::Card, "1000011"),
        (Fact::Card, "00000000"),
        (Fact::PersonalNumber, other.personal_number),
        (Fact::Number, other.number),
        (Fact::Password, "000021"),
        (Fact::Password, ""),
    ];
    for (name, records) in each(patient()) {
        for one in wrong {
            let set = right.map(|fact| if fact.0 == one.0 { one } else { fact });
            let query = Query::Verify { identity: identity(&set), from: from(None, None) };
            assert_eq!(records.answer(&query, at(0)).unwrap(), Reply::Unmatched, "{name}: {one:?}");
        }
    }
}

#[test]
fn who_has_no_password_is_verified_by_none() {
    let retiree = person("retiree");
    for (name, records) in each(patient()) {
        for password in ["", "000000", "123456"] {
            let set = [(Fact::Id, retiree.id), (Fact::Password, password)];
            let query = Query::Verify { identity: identity(&set), from: from(None, None) };
            assert_eq!(records.answer(&query, at(0)).unwrap(), Reply::Unmatched, "{name}");
        }
    }
}

#[test]
fn what_only_proves_says_nobody() {
    for (name, records) in each(patient()) {
        let set = [(Fact::Number, person("ordinary").number), (Fact::Password, "274951")];
        let query = Query::Verify { identity: identity(&set), from: from(None, None) };
        assert_eq!(records.answer(&query, at(0)).unwrap(), Reply::Unmatched, "{name}");
    }
}
