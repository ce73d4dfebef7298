//! The password that a person was given opens nothing but the way to another one, which may not be easily guessed; the new one
//! holds from then on, over restarts and over a new month of records.

use crate::records_support::{as_of, at, each, from, matched, person};
use hotline::facts::{Identity, PersonRef, Query, Reply, Secret, Weakness};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{LockPolicy, Records, SqliteRecords};

const CHECK_X: PersonRef = PersonRef(2);

fn by_card(password: &str) -> Query {
    let identity = Identity {
        card: Some(Secret::new("31000021".into())),
        password: Some(Secret::new(password.into())),
        ..Identity::default()
    };
    Query::Verify { identity, from: from(Some("13900000001"), None) }
}

fn set(password: &str) -> Query {
    Query::SetPassword { person: CHECK_X, password: Secret::new(password.into()) }
}

#[test]
fn it_is_told_from_a_right_one_and_replaced() {
    for (name, records) in each(LockPolicy::default()) {
        let ask = |query| records.answer(&query, at(0)).unwrap();
        assert_eq!(ask(by_card("000021")), Reply::InitialPassword(CHECK_X), "{name}");
        assert_eq!(ask(by_card("000022")), Reply::Unmatched, "{name}");
        assert_eq!(ask(set("135797")), Reply::PasswordSet, "{name}");
        assert_eq!(ask(by_card("135797")), matched(2), "{name}");
        assert_eq!(ask(by_card("000021")), Reply::Unmatched, "{name}: the old one is gone");
    }
}

#[test]
fn what_is_easily_guessed_is_refused_with_the_reason() {
    assert_eq!(person("check-x").id, "32999919780419007X");
    for (name, records) in each(LockPolicy::default()) {
        for (password, weakness) in [
            ("777777", Weakness::EqualDigits),
            ("123456", Weakness::Run),
            ("654321", Weakness::Run),
            ("780419", Weakness::Birthday),
            ("190478", Weakness::Birthday),
            ("329999", Weakness::PartOfId),
        ] {
            assert_eq!(records.answer(&set(password), at(0)).unwrap(), Reply::PasswordWeak(weakness), "{name}");
        }
        assert_eq!(records.answer(&by_card("000021"), at(0)).unwrap(), Reply::InitialPassword(CHECK_X), "{name}");
    }
}

#[test]
fn it_lies_in_the_file_as_a_hash_and_survives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    demo::write(&path, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let ask = |query: &Query| SqliteRecords::open(&path).unwrap().answer(query, at(0)).unwrap();
    assert_eq!(ask(&set("135797")), Reply::PasswordSet);
    assert_eq!(ask(&by_card("135797")), matched(2));
    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let bytes = files.flatten().collect::<Vec<u8>>();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("$argon2id$v=19$m=19456,t=2,p=1$") && !holds("135797") && !holds("HL731000011"));
}
