//! `hotline check`: its forms of report, the files it takes, and what is wrong use.

use std::fs;
use std::path::Path;

use clap::Parser;
use hotline::cli::check::{Check, Format, WrongUse, check_script, prompts_folder, write_faults};

use crate::support::hotline::in_tree;

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

/// A menu with errors, warnings and calls that show them: whoever reads one form knows what the others tell.
#[test]
fn every_form_of_report_tells_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let script = fs::read_to_string(in_tree("voice-menus/12333/menu.toml")).unwrap();
    let path = folder.path().join("menu.toml");
    fs::write(&path, script.replace("\nsay = \"topic-fees\"", "\nsay = \"topic-feess\"")).unwrap();
    let prompts = in_tree("prompts");
    let said = |format: &str| {
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"));
        let arguments = ["check", path.to_str().unwrap(), "--format", format, "--prompts", prompts.to_str().unwrap()];
        let output = check.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).unwrap()
    };
    let (text, json, github) = (said("text"), said("json"), said("github"));
    let objects: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(objects.len() >= 2, "{json}");
    let commands: Vec<&str> = github.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(commands.len(), objects.len());
    for (object, command) in objects.iter().zip(commands) {
        let field = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        let place = format!("file={},line={},col={}", field("file"), object["line"], object["column"]);
        let (severity, message) = (field("severity"), field("message"));
        assert!(command.starts_with(&format!("::{severity} {place}::{message}")), "{command} is not {object}");
        assert!(command.ends_with(&field("hint")), "{command} is not {object}");
        // Broken into lines, the picture tells the same words.
        let words = |text: &str| text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(words(&text).contains(&words(&message)), "{message} is not in {text}");
    }
}

#[test]
fn a_check_that_watches_tells_of_each_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("menu.toml");
    fs::write(&path, GOOD).unwrap();
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"));
    check.args(["check", "--watch", "--format", "json"]).arg(&path).stdout(std::process::Stdio::piped());
    let mut check = check.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(check.stdout.take().unwrap()));
    let mut round = || {
        let mut told = String::new();
        loop {
            let line = lines.next().unwrap().unwrap();
            if line.starts_with("{\"checked\"") {
                return told;
            }
            told += &line;
        }
    };
    assert!(!round().contains("a `hang-up` step has no key `then`"));
    fs::write(&path, BAD).unwrap();
    assert!(round().contains("a `hang-up` step has no key `then`"));
    fs::write(&path, GOOD).unwrap();
    assert!(!round().contains("a `hang-up` step has no key `then`"));
    check.kill().unwrap();
    check.wait().unwrap();
}
