//! `hotline import`: what a menu of FreeSWITCH or Asterisk becomes, and what is told of the rest.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use hotline::cli::check::check_script;
use hotline::facts::{Fault, Language};
use hotline::import::{Imported, Origin, Source, import};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/import");

fn imported(file: &str) -> Imported {
    let text = fs::read_to_string(format!("{DATA}/{file}")).unwrap();
    let source = Source { file, text: &text, origin: Origin::of(&text), start: None, language: Language::En };
    import(&source).unwrap()
}

/// The lines of a step, without its header.
fn step<'t>(imported: &'t Imported, name: &str) -> Vec<&'t str> {
    let lines = imported.menu.lines().skip_while(|line| !line.starts_with(&format!("[{name}]")));
    lines.skip(1).take_while(|line| !line.is_empty()).collect()
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hotline")).arg("import").args(arguments).output().unwrap()
}

#[test]
fn a_freeswitch_menu_keeps_its_choices_times_and_sounds() {
    let imported = imported("town-hall.xml");
    assert_eq!(imported.left, []);
    let top = step(&imported, "town_hall");
    for line in ["1 = \"registry\"", "\"*\" = \"@repeat\"", "first-key = \"10s\"", "no-match-tries = 3"] {
        assert!(top.contains(&line), "{line} not in {top:?}");
    }
    assert!(step(&imported, "registry").contains(&"\"#\" = \"@back\""));
    assert!(step(&imported, "town_hall-transfer").contains(&"to = \"sip:desk@pbx.example.com\""));
    for text in ["= The town hall is open from nine to five.", ".no-match = The sound ivr/not-valid.wav"] {
        assert!(imported.texts.contains(text), "{text} not in {}", imported.texts);
    }
}

#[test]
fn a_dialplan_becomes_menus_questions_and_texts() {
    let imported = imported("library.conf");
    assert_eq!(imported.left, []);
    let main = step(&imported, "library-choose");
    for line in ["2 = \"library-2\"", "\"*\" = \"@repeat\"", "first-key = \"8s\"", "gave-up = \"library-t\""] {
        assert!(main.contains(&line), "{line} not in {main:?}");
    }
    assert!(step(&imported, "library-2").contains(&"field = { digits = { min = 1, max = 8 } }"));
    assert!(step(&imported, "card-ask").contains(&"2 = \"card-fines\""));
    assert!(imported.texts.contains("5 5 5 0 1 2 3"));
}

/// Files that people have published have no `s`, include contexts, mix `Playback` into what a key chooses from, have their texts
/// read aloud, and lead to patterns.
#[test]
fn a_dialplan_begins_where_it_asks_and_what_it_includes_and_reads_aloud_is_its_own() {
    let imported = imported("reading-room.conf");
    // The macro, and the numbers of four digits that could be dialled in the menu.
    let left: Vec<usize> = imported.left.iter().map(|fault| fault.line_column().0).collect();
    assert_eq!(left, [3, 26]);
    assert!(imported.menu.contains("start = \"room-5550140\""), "{}", imported.menu);
    assert!(imported.texts.contains(
        "\n    Welcome to the reading room.\n    The sound room/for-today\n    The sound room/opening-hours\n"
    ));
    let ask = step(&imported, "room-ask");
    for line in ["1 = \"room-1\"", "2 = \"room-2\"", "3 = \"room-3\"", "gave-up = \"room-t\""] {
        assert!(ask.contains(&line), "{line} not in {ask:?}");
    }
    assert!(imported.texts.contains(".no-match = That is no choice."), "{}", imported.texts);
    assert!(imported.texts.contains("The sound room/today\n    1\n"), "{}", imported.texts);
    assert!(step(&imported, "room-2").contains(&"hang-up = \"room-2\""), "{}", imported.menu);
}

#[test]
fn what_is_left_is_told_with_its_line_and_why() {
    let told = |file: &str| -> Vec<(usize, String)> {
        let left = imported(file).left;
        assert!(left.iter().all(|fault| fault.hint.is_some() && !fault.is_error()));
        left.iter().map(|fault| (fault.line_column().0, fault.message.clone())).collect()
    };
    let lines = |told: &[(usize, String)]| told.iter().map(|(line, _)| *line).collect::<Vec<_>>();
    let xml = told("left-over.xml");
    assert_eq!(lines(&xml), [1, 1, 1, 1, 3, 4, 5, 7, 8, 10], "{xml:?}");
    let plan = told("left-over.conf");
    assert_eq!(lines(&plan), [2, 4, 5, 6, 7, 8, 11, 12, 13, 15, 16, 18], "{plan:?}");
}

#[test]
fn what_was_written_passes_the_check_but_for_the_person_whom_only_the_operator_knows() {
    for file in ["town-hall.xml", "left-over.xml", "library.conf", "left-over.conf"] {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("imported");
        let code = run(&[&format!("{DATA}/{file}"), "--output", output.to_str().unwrap()]).status.code();
        assert_eq!(code, Some(i32::from(file.starts_with("left-over"))), "{file}");
        let faults = check_script(Path::new(&output.join("menu.toml")), None);
        let errors: Vec<&Fault> = faults.iter().filter(|fault| fault.is_error()).collect();
        assert_eq!(errors.len(), 1, "{file}: {errors:#?}");
        assert_eq!(errors[0].message, "nothing says where `0` leads from here");
    }
}

#[test]
fn once_its_operator_says_where_a_person_is_nothing_is_missing_in_either_language() {
    for language in ["en", "zh-CN"] {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("imported");
        run(&[&format!("{DATA}/library.conf"), "--language", language, "--output", output.to_str().unwrap()]);
        let script = output.join("menu.toml");
        let menu = fs::read_to_string(&script).unwrap();
        let (before, after) = menu.split_once("[defaults]\n").unwrap();
        let person = "\n[somebody]\nhang-up = true\n";
        fs::write(&script, format!("{before}[defaults]\nperson = \"somebody\"\n{after}{person}")).unwrap();
        let faults = check_script(&script, None);
        let errors: Vec<&Fault> = faults.iter().filter(|fault| fault.is_error()).collect();
        assert!(errors.is_empty(), "{language}: {errors:#?}");
    }
}

#[test]
fn nothing_is_overwritten_and_wrong_use_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (output, file) = (folder.path().to_str().unwrap(), format!("{DATA}/town-hall.xml"));
    assert_eq!(run(&[&file, "--output", output, "--start", "nowhere"]).status.code(), Some(2));
    assert_eq!(run(&[&file, "--output", output, "--language", "xx"]).status.code(), Some(2));
    fs::write(folder.path().join("menu.toml"), "mine").unwrap();
    let again = run(&[&file, "--output", output]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("name another folder with --output"));
    assert_eq!(fs::read_to_string(folder.path().join("menu.toml")).unwrap(), "mine");
}
