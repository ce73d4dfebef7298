//! The password that a person was given opens nothing but the way to another one, which may not be easily guessed; the new one
//! holds from then on, over restarts and over a new month of records.

use crate::records_support::{as_of, at, each, from, matched, person};
use hotline::dialogue::{Caller, Dialogue, Input, Output};
use hotline::facts::{Identity, Key, Moment, PersonRef, Query, Reply, Secret, Weakness};
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{LockPolicy, Records, Seal, SqliteRecords, new_key_file};

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
fn it_lies_in_the_file_as_a_sealed_hash_and_survives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.sqlite");
    new_key_file(&Seal::file_beside(&path)).unwrap();
    demo::write(&path, DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let ask = |query: &Query| SqliteRecords::open(&path).unwrap().answer(query, at(0)).unwrap();
    assert_eq!(ask(&set("135797")), Reply::PasswordSet);
    assert_eq!(ask(&by_card("135797")), matched(2));
    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let bytes = files.flatten().collect::<Vec<u8>>();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!holds("$argon2id$") && !holds("135797") && !holds("HL731000011"));
}

const MENU: &str = r#"
[hotline]
name = "1"
start = "card"
languages = ["en"]
notice-said-before = true

[defaults]
person = "end"
unavailable = "down"

[card]
ask = "card"
field = { digits = { min = 8, max = 12 } }
store = "card"
then = "password"

[password]
ask = "password"
field = "password"
store = "password"
then = "verify"

[verify]
verify = { card = "card", password = "password" }
matched = "account"
unmatched = "card"
locked = "end"
initial = "new"

[new]
ask = "new"
field = "password"
store = "new"
then = "again"

[again]
ask = "again"
field = { password-again = "new" }
then = "set"

[set]
set-password = "new"
changed = "account"
weak = "weak"

[weak]
say = "weak"
then = "new"

[account]
menu = "account"
1 = "balance"

[balance]
say = "balance"
about = "balances"
then = "account"

[down]
say = "down"
then = "card"

[end]
hang-up = true
"#;

#[test]
fn until_then_nobody_is_verified_in_the_call() {
    let menu = hotline::menu::parse("menu.toml", MENU).unwrap_or_else(|faults| panic!("{faults:?}")).menu;
    let caller = Caller::unknown(jiff::civil::date(2026, 11, 20));
    let mut call = Dialogue::new(std::sync::Arc::new(menu), caller);
    let mut now = Moment::ZERO;
    let mut asked = Vec::new();
    let mut give = |call: &mut Dialogue, input: Input| {
        now = now + std::time::Duration::from_millis(10);
        call.handle(now, input);
        while let Some(output) = call.poll_output() {
            if let Output::LookUp(query) = output {
                asked.push(query);
            }
        }
        asked.len()
    };
    give(&mut call, Input::Answered);
    let keys = |text: &str| text.chars().filter_map(Key::from_char).map(Input::Key).collect::<Vec<_>>();
    keys("31000021#000021#").into_iter().for_each(|key| {
        give(&mut call, key);
    });
    give(&mut call, Input::LookedUp(Box::new(Reply::InitialPassword(CHECK_X))));
    assert_eq!(call.verified(), None);
    keys("123456#123457#").into_iter().for_each(|key| {
        give(&mut call, key);
    });
    assert_eq!(&*call.story().path.last().unwrap().clone(), "again", "the second entry is another");
    keys("123456#").into_iter().for_each(|key| {
        give(&mut call, key);
    });
    give(&mut call, Input::LookedUp(Box::new(Reply::PasswordWeak(Weakness::Run))));
    assert_eq!(call.verified(), None);
    assert_eq!(&*call.story().path.last().unwrap().clone(), "weak");
    keys("#").into_iter().chain(keys("135797#135797#")).for_each(|key| {
        give(&mut call, key);
    });
    give(&mut call, Input::LookedUp(Box::new(Reply::PasswordSet)));
    assert_eq!(call.verified(), Some(CHECK_X));
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2], set("135797"));
}
