//! Whatever stands in a file to import, the import comes to an end, and what it writes is of our form.

use hotline::facts::Language;
use hotline::import::{MOST_LEFT, Origin, Source, import};
use hotline::menu;
use proptest::prelude::*;

const XML: &str = include_str!("../data/import/left-over.xml");
const PLAN: &str = include_str!("../data/import/library.conf");

/// Imports as either system's, and reads what was written.
fn survive(text: &str) {
    for origin in [Origin::FreeSwitch, Origin::Asterisk] {
        let source = Source { file: "a", text, origin, start: None, language: Language::En };
        let Ok(imported) = import(&source) else { continue };
        assert!(imported.left.len() <= MOST_LEFT + 1);
        assert!(imported.steps <= 1000);
        if let Err(faults) = menu::parse("menu.toml", &imported.menu) {
            // Where a person is no other menu says, and one that never ends, or goes round, is imported as it was.
            let person = |fault: &&hotline::facts::Fault| {
                fault.message == "nothing says where `0` leads from here"
                    || fault.message == "from this step a caller can neither reach a person nor come to an end"
                    || fault.message.contains("without end")
            };
            let others: Vec<_> = faults.iter().filter(|fault| fault.is_error() && !person(fault)).collect();
            let told: Vec<&str> = others.iter().map(|fault| fault.message.as_str()).collect();
            assert!(told.is_empty(), "{told:?}");
        }
    }
}

fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\"",
        "<",
        ">",
        "&",
        "</menu>",
        "<menu ",
        "<!--",
        "余",
        "\u{0}",
        "\\",
        "{",
        "$[",
        "(",
        ")",
        ",",
        ";",
        ";--",
        "\n",
        "Goto(s,1)",
        "s,1,",
        "same => n,WaitExten()\n",
        "_[9-0]",
        "99999999999999999999",
        "[library]\n",
        "Read(,,)",
    ]);
    let change = (any::<prop::sample::Index>(), 0_usize..30, pieces);
    prop::collection::vec(change, 1..6).prop_map(move |changes| {
        let mut text: Vec<char> = text.chars().collect();
        for (place, length, piece) in changes {
            let at = place.index(text.len() + 1);
            let end = (at + length).min(text.len());
            drop(text.splice(at..end, piece.chars()));
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,300}") {
        survive(&text);
    }

    #[test]
    fn any_change_of_a_menu(text in mutated(XML)) {
        survive(&text);
    }

    #[test]
    fn any_change_of_a_dialplan(text in mutated(PLAN)) {
        survive(&text);
    }
}

#[test]
fn the_bounds_hold() {
    let many: String =
        (0..20_000).map(|number| format!("exten => {number},1,Read(a,b,1)\nsame => n,Foo()\n")).collect();
    survive(&format!("[a]\nexten => s,1,Goto(0,1)\n{many}"));
    let chain: String = (0..3_000).map(|_| "same => n,Read(a,b,2)\n").collect();
    survive(&format!("[a]\nexten => s,1,Answer()\n{chain}"));
    survive(&"<menu name=\"a\">".repeat(5_000));
    survive(&"<entry/>".repeat(5_000));
    let long = "x".repeat(hotline::import::LONGEST_FILE + 1);
    let source = Source { file: "a", text: &long, origin: Origin::Asterisk, start: None, language: Language::En };
    assert!(import(&source).unwrap_err().message.contains("at most"));
}
