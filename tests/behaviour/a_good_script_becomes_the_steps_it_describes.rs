//! What an operator writes is what calls run.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hotline::facts::{Insurance, Key, Language};
use hotline::menu::{self, About, Choice, Compiled, Field, Kind, Menu, Period, Rules, StepId, Target};
use hotline::speech::ValueKind;

const EXAMPLE: &str = include_str!("../../src/menu/example.toml");

fn example() -> Compiled {
    menu::parse("example.toml", EXAMPLE).unwrap()
}

fn step(menu: &Menu, name: &str) -> StepId {
    StepId(menu.steps.iter().position(|step| &*step.name == name).unwrap())
}

fn kind<'m>(menu: &'m Menu, name: &str) -> &'m Kind {
    &menu.steps[step(menu, name).0].kind
}

#[test]
fn the_hotline_is_as_written_and_the_rest_as_documented() {
    let Compiled { menu, warnings, .. } = example();
    assert_eq!(warnings, []);
    assert_eq!(menu.name, "12333");
    assert_eq!(menu.start, step(&menu, "welcome"));
    assert_eq!(menu.languages, [Language::ZhCn, Language::En]);
    assert_eq!(menu.slots, ["id", "number", "year", "back-to-menu"]);
    assert_eq!(menu.call_limit, Duration::from_secs(30 * 60));
    assert_eq!(menu.look_up_deadline, Duration::from_secs(5));
    assert_eq!(menu.look_up_patience, Duration::from_millis(1_500));
}

#[test]
fn a_menu_has_its_keys_in_order_and_the_rules_of_the_defaults() {
    let Compiled { menu, .. } = example();
    let Kind::Menu { message, also_in, choices, rules } = kind(&menu, "main") else { panic!("no menu") };
    assert_eq!(&**message, "main-menu");
    assert!(also_in.is_empty());
    let to = |key: char, name: &str| Choice {
        key: Key::from_char(key).unwrap(),
        target: match name {
            "@repeat" => Target::Repeat,
            "@back" => Target::Back,
            name => Target::Step(step(&menu, name)),
        },
    };
    let expected = [
        to('1', "topics"),
        to('2', "own-records"),
        to('0', "person"),
        to('*', "@repeat"),
        to('#', "@back"),
        to('9', "goodbye"),
    ];
    assert!(*choices == expected);
    let person = step(&menu, "person");
    let documented = Rules {
        first_key: Duration::from_secs(10),
        between_keys: Duration::from_secs(5),
        after_last: Duration::from_millis(1_500),
        no_input_tries: 3,
        no_match_tries: 3,
        tries: 3,
        gave_up: person,
        person: Some(person),
        barge_in: true,
        type_ahead: true,
    };
    assert_eq!(*rules, documented);
}

#[test]
fn a_question_has_its_own_rules_over_those_of_the_defaults() {
    let Compiled { menu, .. } = example();
    let Kind::Ask { field, store, then, otherwise, rules, .. } = kind(&menu, "enter-id") else { panic!("no question") };
    assert_eq!(*field, Field::CitizenId);
    assert_eq!(menu.slots[store.0], "id");
    assert_eq!(*then, Target::Step(step(&menu, "enter-number")));
    assert_eq!(*otherwise, None);
    assert_eq!(rules.first_key, Duration::from_secs(15));
    assert_eq!(rules.between_keys, Duration::from_secs(5));

    let Kind::Ask { otherwise, rules, .. } = kind(&menu, "back-to-menu") else { panic!("no question") };
    assert_eq!(*otherwise, Some(Target::Step(step(&menu, "goodbye"))));
    assert_eq!((rules.person, rules.gave_up), (None, step(&menu, "goodbye")));
}

#[test]
fn the_other_kinds_are_as_written() {
    let Compiled { menu, .. } = example();
    let at = |name: &str| step(&menu, name);
    assert_eq!(
        *kind(&menu, "welcome"),
        Kind::Say {
            message: "welcome".into(),
            about: About::Nothing,
            skippable: false,
            then: Target::Step(at("language")),
            unavailable: at("welcome"),
        }
    );
    let Kind::Say { about: About::Balances, unavailable, .. } = kind(&menu, "balance") else { panic!("no balance") };
    assert_eq!(*unavailable, at("records-down"));
    assert_eq!(*kind(&menu, "english"), Kind::SetLanguage { language: Language::En, then: Target::Step(at("main")) });
    assert_eq!(
        *kind(&menu, "own-records"),
        Kind::GoTo { then: Target::Step(at("enter-id")), when_verified: Some(at("account")) }
    );
    let Kind::Verify { matched, unmatched, locked, unavailable, .. } = kind(&menu, "verify") else {
        panic!("no verify")
    };
    assert_eq!(
        [matched, unmatched, locked, unavailable],
        [&at("account"), &at("wrong-details"), &at("locked"), &at("records-down")]
    );
    let Kind::ReadBack { insurance, period, keys, between, person, .. } = kind(&menu, "last-months") else {
        panic!("no read-back")
    };
    assert_eq!((*insurance, *period), (Insurance::Pension, Period::LastMonths(12)));
    let symbols = [keys.next, keys.previous, keys.repeat, keys.slower, keys.stop].map(Key::symbol);
    assert_eq!(symbols, ['6', '4', '5', '7', '#']);
    assert_eq!((*between, *person), (Duration::from_millis(1_500), at("person")));
    let Kind::ReadBack { period: Period::YearIn(slot), .. } = kind(&menu, "year-payments") else { panic!("no year") };
    assert_eq!(menu.slots[slot.0], "year");
    assert_eq!(*kind(&menu, "goodbye"), Kind::HangUp { message: Some("goodbye".into()) });
}

#[test]
fn each_step_knows_where_it_and_its_message_stand() {
    let compiled = example();
    let at = step(&compiled.menu, "main").0;
    let place = &compiled.places[at];
    assert_eq!(&compiled.source[place.name.clone()], "main");
    assert_eq!(&compiled.source[place.message.clone().unwrap()], "\"main-menu\"");
    let silent = step(&compiled.menu, "verify").0;
    assert_eq!(compiled.places[silent].message, None);
}

#[test]
fn what_it_needs_of_the_prompts_is_known_with_the_values_given() {
    let Compiled { menu, .. } = example();
    let needs: BTreeMap<String, menu::Need> =
        menu::needs(&menu).into_iter().map(|need| (need.message.to_string(), need)).collect();
    let given = |message: &str| needs[message].given.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(given("locked"), ["minutes"]);
    assert_eq!(given("welcome"), [""; 0]);
    assert_eq!(needs["balance"].given, About::Balances.values());
    assert_eq!(given("summary"), ["as-of"]);
    assert_eq!(given("summary.insurance"), ["insurance", "months", "first", "last", "as-of"]);
    assert_eq!(given("payments"), ["insurance", "from", "to", "as-of"]);
    assert!(needs["payments.run"].given.contains(&("employer", ValueKind::Money)));
    assert!(needs["enter-id"].required && !needs["enter-id.bad-check"].required);
    assert!(!needs.contains_key("enter-number.bad-check") && needs.contains_key("enter-number.too-short"));
    assert!(needs["common.call-limit"].required && needs["common.call-limit"].step.is_none());
}

#[test]
fn every_hotline_that_is_kept_here_is_a_good_one() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("voice-menus")];
    let mut scripts = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == "menu.toml" {
                scripts += 1;
                let text = std::fs::read_to_string(entry.path()).unwrap();
                let compiled = menu::parse(&entry.path().display().to_string(), &text);
                assert!(compiled.as_ref().is_ok_and(|compiled| compiled.warnings.is_empty()), "{compiled:#?}");
            }
        }
    }
    assert!(scripts >= 1);
}
