//! `hotline replay`: the calls of the call records, found again in the menu that they were made to, go through a changed one,
//! and those that would end elsewhere are told.

use std::fs;
use std::path::Path;

use hotline::records::CallLog;
use hotline::records::demo::{DemoOptions, default_as_of, without_sql};
use hotline::simulate::{Suite, play};
use jiff::Timestamp;

use crate::support::hotline::{in_tree, scene};
use crate::support::records::record_of;

/// The demo's test calls as call records.
fn record_the_demos_calls(database: &Path) -> usize {
    let scene = scene("12333");
    let log = CallLog::open(database).unwrap();
    let mut recorded = 0;
    for (_, call) in Suite::load(&in_tree("voice-menus/12333")).unwrap().calls {
        let people = without_sql(DemoOptions::named_only(default_as_of(call.given.clock.date())));
        for story in play(&scene, &call, &people).stories {
            let at: Timestamp = "2026-11-20T01:30:00Z".parse().unwrap();
            assert!(log.write(record_of(story, at, at)));
            recorded += 1;
        }
    }
    recorded
}

fn replay(folder: &Path, change: &[(&str, &str)]) -> (Option<i32>, String) {
    let before = in_tree("voice-menus/12333/menu.toml");
    let mut script = fs::read_to_string(&before).unwrap();
    for (from, to) in change {
        assert!(script.contains(from), "{from}");
        script = script.replacen(from, to, 1);
    }
    fs::create_dir_all(folder.join("changed")).unwrap();
    fs::write(folder.join("changed/menu.toml"), script).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.arg("replay").arg("--before").arg(before).arg("--prompts").arg(in_tree("prompts"));
    command.arg("--database").arg(folder.join("calls.db")).arg("--calls").arg(folder.join("elsewhere"));
    let output = command.arg(folder.join("changed")).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn the_same_menu_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = record_the_demos_calls(&folder.path().join("calls.db"));
    let (code, said) = replay(folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("{recorded} calls of 12333")), "{said}");
    assert!(said.contains(&format!("{recorded} end as they did\n0 would end elsewhere\n")), "{said}");
}

#[test]
fn a_key_that_leads_elsewhere_is_told_with_the_calls_that_pressed_it() {
    let folder = tempfile::tempdir().unwrap();
    record_the_demos_calls(&folder.path().join("calls.db"));
    let change = [(
        "0 = \"person\"\n9 = \"goodbye\"\n\"*\" = \"@repeat\"\n\"#\" = \"@back\"\n\n# --- Recorded",
        "0 = \"person\"\n9 = \"topics\"\n\"*\" = \"@repeat\"\n\"#\" = \"@back\"\n\n# --- Recorded",
    )];
    let (code, said) = replay(folder.path(), &change);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("main > goodbye, hotline-hung-up\n           now  … "), "{said}");
    let calls: Vec<_> = fs::read_dir(folder.path().join("elsewhere")).unwrap().collect();
    assert!(!calls.is_empty());
    let text = fs::read_to_string(folder.path().join("elsewhere/elsewhere-1.call")).unwrap();
    assert!(text.contains("# It went welcome > ") && text.contains("Caller presses 9"), "{text}");
}

#[test]
fn without_call_records_nothing_is_said_to_be_well() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = replay(folder.path(), &[]);
    assert_eq!(code, Some(2), "{said}");
}
