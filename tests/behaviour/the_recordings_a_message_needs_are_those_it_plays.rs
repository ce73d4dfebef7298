//! `fixed_texts` names every fixed text that `speak` can play, and no other.

use std::collections::BTreeSet;
use std::sync::Arc;

use hotline::facts::{Fen, Language, Month};
use hotline::speech::{Catalogue, Form, Function, How, Line, Pace, Part, Value, ValueKind, grammar};
use proptest::prelude::*;

const ENGLISH: &str = "\
balance = Your { $insurance ->
        [pension] pension
       *[medical] medical
    } account has { MONEY($amount) }, as of { MONTH($as-of) }.
summary = { $insurance ->
        [pension] Pension:
        [medical] Medical:
       *[other] Another insurance:
    } { $months ->
        [0] nothing.
        [one] one month, { MONTH($as-of) }.
        [12] a whole year.
       *[other] { COUNT($months) } months{ $insurance ->
            [pension] {\"\"}
           *[medical] , as they say
        }.
    }
same = { $months ->
        [one] one
       *[other] many
    } and { $months ->
        [1] single
       *[2] several
    } of { $months }
nested = { $insurance ->
        [pension] { $months ->
            [0] None.
           *[other] { COUNT($months) } in all.
        }
       *[medical] { balance }
    }
lines =
    First line.
    Second line, { ask.help }
ask = Ask { -name }.
    .help = for help
-name = Hotline
other-word = { $insurance ->
        [one] the first
       *[other] all others
    } { $insurance ->
        [medical] medical
       *[x] rest
    }
";

const IDS: [&str; 8] = ["balance", "summary", "same", "nested", "lines", "ask", "ask.help", "other-word"];

fn catalogue(english: &str) -> Catalogue {
    Catalogue::from_texts([("prompts/en/a.ftl".to_owned(), english.to_owned())]).expect("no mistakes")
}

fn fixed_texts(catalogue: &Catalogue, id: &str) -> BTreeSet<Arc<str>> {
    let texts = catalogue.fixed_texts(Language::En, id).expect("few combinations");
    texts.into_iter().map(|fixed| fixed.text).collect()
}

/// The line's clips without those that its values speak (no fixed text here is a word of a number).
fn played(catalogue: &Catalogue, line: &Line) -> BTreeSet<Arc<str>> {
    let mut of_values = BTreeSet::new();
    for (_, value) in &line.values {
        for function in Function::ALL {
            of_values.extend(grammar::tokens(Language::En, function, value).into_iter().map(|token| token.text));
        }
    }
    let spoken = catalogue.speak(Language::En, line, Pace::Normal).expect("there is such a message");
    let fixed = spoken.parts.clone().into_iter().filter_map(|part| match part {
        Part::Clip { text, form: Form::Plain } if !of_values.contains(text.as_ref()) => Some(text),
        _ => None,
    });
    fixed.collect()
}

fn line(id: &str, insurance: &'static str, months: u64) -> Line {
    Line::new(id)
        .with("insurance", Value::Word(insurance))
        .with("amount", Value::Money(Fen(200)))
        .with("months", Value::Count(months))
        .with("as-of", Value::Month(Month::new(2026, 10).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_played_has_been_named(
        id in proptest::sample::select(IDS.to_vec()),
        insurance in proptest::sample::select(vec!["pension", "medical", "maternity", "one", "other", "x", ""]),
        months in prop_oneof![0_u64..20, any::<u64>()],
    ) {
        let catalogue = catalogue(ENGLISH);
        let named = fixed_texts(&catalogue, id);
        for clip in played(&catalogue, &line(id, insurance, months)) {
            prop_assert!(named.contains(&clip), "{id}: {clip:?} not in {named:?}");
        }
    }
}

/// S04 asterisk#622: no recording is asked for under a name that there is not.
#[test]
fn whatever_is_named_is_played() {
    let catalogue = catalogue(ENGLISH);
    for id in IDS {
        let mut all = BTreeSet::new();
        for insurance in ["pension", "medical", "maternity", "one", "other", "x"] {
            for months in [0, 1, 2, 3, 12, 13] {
                all.extend(played(&catalogue, &line(id, insurance, months)));
            }
        }
        assert_eq!(fixed_texts(&catalogue, id), all, "{id}");
    }
}

#[test]
fn they_come_in_the_order_they_are_met() {
    let texts = catalogue(ENGLISH).fixed_texts(Language::En, "lines").unwrap();
    assert_eq!(texts.iter().map(|fixed| &*fixed.text).collect::<Vec<&str>>(), ["First line", "Second line, for help"]);
}

#[test]
fn too_many_combinations_are_refused() {
    let choices: String =
        (0..13).map(|place| format!("{{ $w{place} ->\n [a] a{place}\n *[b] b{place}\n }} ")).collect();
    let catalogue = catalogue(&format!("many = {choices}\n"));
    let fault = catalogue.fixed_texts(Language::En, "many").unwrap_err();
    assert!(fault.message.contains("4096") && fault.line_column() == (1, 10), "{fault:?}");
    let fault = catalogue.fixed_texts(Language::En, "mani").unwrap_err();
    assert!(fault.message.contains("no message mani") && fault.hint.unwrap().contains("many"));
}

#[test]
fn the_values_a_message_names() {
    let catalogue = catalogue(ENGLISH);
    let uses = catalogue.variables(Language::En, "nested");
    assert_eq!(uses.keys().collect::<Vec<_>>(), ["amount", "as-of", "insurance", "months"]);
    let amount: Vec<&How> = uses["amount"].iter().map(|found| &found.how).collect();
    assert_eq!(amount, [&How::Function(Function::Money)]);
    let keys = BTreeSet::from(["0".to_owned(), "other".to_owned()]);
    assert!(uses["months"].iter().any(|found| found.how == How::Choice(keys.clone())));
    assert_eq!(&ENGLISH[uses["amount"][0].span.clone()], "$amount");
    assert_eq!(uses["amount"][0].file, "prompts/en/a.ftl");
    assert!(catalogue.variables(Language::En, "unknown").is_empty());
    assert!(catalogue.variables(Language::ZhCn, "nested").is_empty());
    let given = [
        ("insurance", ValueKind::Word),
        ("amount", ValueKind::Money),
        ("months", ValueKind::Count),
        ("as-of", ValueKind::Month),
    ];
    for id in IDS {
        assert_eq!(catalogue.check_line(id, &given), [], "{id}");
    }
}
