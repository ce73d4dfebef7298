//! `hotline check`: its forms of report, the files it takes, and what is wrong use.

use std::fs;
use std::path::Path;

use clap::Parser;
use hotline::cli::check::{Check, Format, WrongUse, check_script, prompts_folder, write_faults};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    check: Check,
}

fn command(arguments: &[&str]) -> Check {
    Command::parse_from(std::iter::once("check").chain(arguments.iter().copied())).check
}

const GOOD: &str = "[hotline]\nname = \"x\"\nstart = \"s\"\nlanguages = [\"en\"]\n\n[s]\nhang-up = true\n";
const BAD: &str =
    "[hotline]\nname = \"x\"\nstart = \"s\"\nlanguages = [\"en\"]\n\n[s]\nhang-up = true\nthen = \"s, 100%\"\n";

#[test]
fn a_folder_stands_for_the_menu_in_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("prompts")).unwrap();
    fs::create_dir_all(folder.path().join("menus/one")).unwrap();
    let script = folder.path().join("menus/one/menu.toml");
    fs::write(&script, BAD).unwrap();
    let by_folder = command(&[script.parent().unwrap().to_str().unwrap()]).faults().unwrap();
    let by_file = command(&[script.to_str().unwrap()]).faults().unwrap();
    assert_eq!(by_folder, by_file);
    assert_eq!(by_file.len(), 1);
    assert_eq!(by_file[0].message, "a `hang-up` step has no key `then`");
    let prompts = prompts_folder(&script).unwrap();
    assert_eq!(prompts, folder.path().canonicalize().unwrap().join("prompts"));
}

#[test]
fn a_path_without_a_script_is_wrong_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert!(matches!(command(&[path]).faults(), Err(WrongUse::NoScript { .. })));
    fs::write(folder.path().join("menu.toml"), GOOD).unwrap();
    assert!(matches!(command(&[path, "--prompts", "/nowhere"]).faults(), Err(WrongUse::NoPrompts { .. })));
    assert!(Command::try_parse_from(["check", "--format", "xml"]).is_err());
}

#[test]
fn a_script_that_is_no_text_is_a_fault_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("menu.toml");
    fs::write(&script, b"[hotline]\nname = \"\xff\"\n").unwrap();
    let faults = check_script(&script, None);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].message.ends_with("line 2 is not UTF-8"));
    fs::write(&script, "余".repeat(400_000)).unwrap();
    assert!(check_script(&script, None)[0].message.contains("at most 1048576 bytes"));
    assert!(check_script(Path::new("/nowhere/menu.toml"), None)[0].message.contains("cannot be read"));
}

#[test]
fn each_form_of_report_has_place_and_remedy() {
    let faults = hotline::menu::parse("a,b/menu.toml", BAD).unwrap_err();
    let said = |format| {
        let mut out = Vec::new();
        write_faults(&faults, format, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = said(Format::Text);
    for piece in ["a,b/menu.toml:8:1", "then = \"s, 100%\"", "help: its keys are hang-up", "\n1 errors, 0 warnings\n"] {
        assert!(text.contains(piece), "{piece} not in\n{text}");
    }
    let json: serde_json::Value = serde_json::from_str(said(Format::Json).trim_end()).unwrap();
    assert_eq!((&json["line"], &json["column"], &json["severity"]), (&8.into(), &1.into(), &"error".into()));
    assert_eq!(json["hint"], "its keys are hang-up");
    let github = said(Format::Github);
    let expected =
        "::error file=a%2Cb/menu.toml,line=8,col=1::a `hang-up` step has no key `then`%0Aits keys are hang-up\n";
    assert!(github.starts_with(expected), "{github}");
    assert!(github.ends_with("1 errors, 0 warnings\n"));
}
