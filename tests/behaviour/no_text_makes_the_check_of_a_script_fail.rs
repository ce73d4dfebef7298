//! Whatever stands in a script, `hotline check` comes to an end and says something, or finds it good.

use hotline::cli::check::{Format, write_faults};
use hotline::menu;
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../src/menu/example.toml");

/// Parses, and draws what was found: places must lie in the text.
fn check(text: &str) {
    let faults = match menu::parse("menu.toml", text) {
        Ok(compiled) => {
            assert_eq!(compiled.menu.steps.len(), compiled.places.len());
            menu::needs(&compiled.menu);
            compiled.warnings
        }
        Err(faults) => {
            assert!(faults.iter().any(hotline::facts::Fault::is_error));
            faults
        }
    };
    assert!(faults.len() <= menu::MOST_FAULTS + 1);
    for format in [Format::Text, Format::Json, Format::Github] {
        write_faults(&faults, format, false, &mut Vec::new()).unwrap();
    }
}

/// The example with some of its bytes, lines or words changed.
fn mutated() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("\""),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just("="),
        Just("#"),
        Just("\n"),
        Just("\"\"\""),
        Just("'"),
        Just("."),
        Just("\\u"),
        Just("余"),
        Just("\u{0}"),
        Just("9999999999999999999999"),
        Just("none"),
        Just("[[main]]\n"),
        Just("[main]\n"),
        Just("person = \"none\"\n"),
        Just("@back"),
        Just("-"),
        Just("1e9"),
        Just("say = \"x\"\n"),
        Just("a.b.c = 1\n"),
        Just("1979-05-27"),
        Just("\r"),
        Just("true"),
    ];
    let change = (any::<prop::sample::Index>(), 0_usize..40, pieces, 0_usize..3);
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (place, length, piece, what) in changes {
            let at = place.index(text.len().max(1)).min(text.len());
            let end = (at + length).min(text.len());
            match what {
                0 => drop(text.splice(at..end, std::iter::empty())),
                1 => drop(text.splice(at..at, piece.chars())),
                _ => {
                    let copy: Vec<char> = text[at..end].to_vec();
                    let to = place.index(text.len() + 1);
                    drop(text.splice(to..to, copy));
                }
            }
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_good_script_with_anything_changed(text in mutated()) {
        check(&text);
    }

    #[test]
    fn any_text_at_all(text in "[\\[\\]a-e1-3=\"'{}., \n#@-]{0,300}") {
        check(&text);
    }
}

/// Large and bad in one way each: what grows with the square of the script would be noticed here.
#[test]
fn the_largest_bad_scripts_come_to_an_end() {
    let fill = |piece: &str| piece.repeat(menu::LONGEST_SCRIPT / piece.len());
    let lines = |line: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        for number in 0.. {
            let next = line(number);
            if text.len() + next.len() > menu::LONGEST_SCRIPT {
                return text;
            }
            text.push_str(&next);
        }
        text
    };
    for text in [
        fill("["),
        fill("[a\n"),
        fill("a = [\n"),
        fill("\"\"\"\n"),
        fill("{"),
        fill("x\n"),
        fill("a.b"),
        fill("余\n"),
        lines(&|number| format!("k{number} = {number}\n")),
        lines(&|number| format!("[s{number}]\ngo-to = \"s{}\"\n", number + 1)),
        format!("[a]\nmenu = \"m\"\n{}", lines(&|number| format!("k{number}=1\n")).split_at(1_000_000).0),
        lines(&|number| {
            format!("[s{}]\nmenu = \"m\"\n1 = \"x{number}\"\n2 = \"y{number}\"\n\"#\" = \"@back\"\n", number % 900)
        }),
    ] {
        check(&text);
    }
}
