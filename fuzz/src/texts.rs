//! What an operator writes.

use hotline::cli::check::{Format, write_faults};
use hotline::facts::{Fault, Language};
use hotline::menu;
use hotline::speech::{Catalogue, Line, MOST_PARTS, Pace, Value};

/// A menu script: it is compiled, or told what is wrong, each place within the text.
pub fn menu(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let faults = match menu::parse("menu.toml", &text) {
        Ok(compiled) => {
            assert_eq!(compiled.menu.steps.len(), compiled.places.len());
            menu::needs(&compiled.menu);
            compiled.warnings
        }
        Err(faults) => {
            assert!(faults.iter().any(Fault::is_error));
            faults
        }
    };
    assert!(faults.len() <= menu::MOST_FAULTS + 1);
    are_drawn(&faults);
}

/// Prompts: they are loaded, and every message is said within bounds; or told what is wrong.
pub fn prompts(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets).into_owned();
    for language in Language::ALL {
        let name = format!("{}/a.ftl", language.tag());
        let catalogue = match Catalogue::from_texts([(name, text.clone())]) {
            Ok(catalogue) => catalogue,
            Err(faults) => {
                are_drawn(&faults);
                continue;
            }
        };
        for message in catalogue.messages(language) {
            let _ = catalogue.attributes(language, message).len();
            let line = Line::new(message).with("x", Value::Count(2)).with("n", Value::Digits("12333".to_owned()));
            for pace in [Pace::Normal, Pace::Slow] {
                if let Some(spoken) = catalogue.speak(language, &line, pace) {
                    assert!(spoken.parts.len() <= MOST_PARTS);
                }
            }
        }
    }
}

fn are_drawn(faults: &[Fault]) {
    for format in [Format::Text, Format::Json, Format::Github] {
        write_faults(faults, format, false, &mut Vec::new()).expect("written to memory");
    }
}
