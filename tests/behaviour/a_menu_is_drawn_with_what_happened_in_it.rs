//! `hotline graph` draws every step of a menu with what callers hear there, in each of its languages, and marks a day's calls
//! where they were and where they ended.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use hotline::dialogue::{Ending, Story};
use hotline::facts::Language;
use hotline::records::CallLog;
use jiff::{SignedDuration, Timestamp};

use crate::support::hotline::in_tree;
use crate::support::records::record_of;

fn hotline(arguments: &[&str]) -> Output {
    let mut hotline = Command::new(env!("CARGO_BIN_EXE_hotline"));
    // Days are this machine's: of a machine east of Greenwich, here.
    hotline.env("TZ", "Asia/Shanghai").arg("graph").args(arguments).current_dir(in_tree("")).output().unwrap()
}

fn drawn(arguments: &[&str]) -> String {
    let done = hotline(arguments);
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// The texts of a step's box.
fn texts(picture: &str, step: &str) -> Vec<String> {
    let whole = regex::Regex::new(&format!(r#"(?s)<g[^>]*data-step="{step}"[^>]*>(.*?)</g>"#)).unwrap();
    let inside = &whole.captures(picture).unwrap_or_else(|| panic!("{step} is not drawn"))[1];
    let text = regex::Regex::new(r"(?s)<text[^>]*>(.*?)</text>").unwrap();
    text.captures_iter(inside).map(|text| text[1].replace('\u{a0}', " ")).collect()
}

/// A call of 40 s that went this way; each step was come to at its second.
fn call(log: &CallLog, started: &str, way: &[(&str, u64)], ending: Ending) {
    let started: Timestamp = started.parse().unwrap();
    let story = Story {
        path: way.iter().map(|(step, _)| (*step).into()).collect(),
        entered: way.iter().map(|(_, second)| Duration::from_secs(*second)).collect(),
        ending: Some(ending),
        ..Story::of(Language::ZhCn)
    };
    assert!(log.write(record_of(story, started, started + SignedDuration::from_secs(40))));
}

#[test]
fn every_step_of_the_demo_is_there_in_each_language() {
    let script = std::fs::read_to_string(in_tree("voice-menus/12333/menu.toml")).unwrap();
    let menu = hotline::menu::parse("menu.toml", &script).unwrap().menu;
    for (language, heard) in [("zh-CN", "感谢您的来电，再见。"), ("en", "Thank you for calling. Goodbye.")] {
        let picture = drawn(&["voice-menus/12333", "--language", language]);
        for step in &menu.steps {
            assert_eq!(texts(&picture, &step.name)[0], *step.name);
        }
        assert!(texts(&picture, "goodbye").contains(&heard.to_owned()), "{:?}", texts(&picture, "goodbye"));
        assert_eq!(picture, drawn(&["voice-menus/12333", "--language", language]), "the same menu, another picture");
    }
}

#[test]
fn what_leads_back_or_to_the_person_is_written() {
    let picture = drawn(&["voice-menus/12333"]);
    let written = texts(&picture, "topics").join(" · ");
    assert!(written.contains("0, gave-up → person · 9 → goodbye · * again · # back"), "{written}");
    assert!(texts(&picture, "topic-fees").contains(&"then ↑ topics".to_owned()));
}

#[test]
fn a_days_calls_are_marked_where_they_were_and_where_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (database, output) = (folder.path().join("calls.db"), folder.path().join("menu.svg"));
    let log = CallLog::open(&database).unwrap();
    let round = [("welcome", 0), ("language", 4), ("main", 6), ("topics", 10), ("main", 20)];
    call(&log, "2026-11-24T16:00:00Z", &round, Ending::HotlineHungUp);
    call(&log, "2026-11-25T15:59:59Z", &[("welcome", 0), ("language", 4), ("main", 8)], Ending::CallerHungUp);
    // Of the day before and of the day after, there.
    call(&log, "2026-11-24T15:59:59Z", &[("welcome", 0)], Ending::CallerHungUp);
    call(&log, "2026-11-25T16:00:00Z", &[("welcome", 0)], Ending::CallerHungUp);
    drop(log);
    let (database, file) = (path(&database), path(&output));
    let said = drawn(&["voice-menus/12333", "--traffic", database, "--day", "2026-11-25", "--output", file]);
    assert_eq!(said, format!("{file}: 72 steps, 2 calls on 2026-11-25\n"));
    let picture = std::fs::read_to_string(&output).unwrap();
    assert!(picture.contains("2 calls on 2026-11-25"));
    assert!(texts(&picture, "welcome").contains(&"2 calls · 4.0 s".to_owned()), "{:?}", texts(&picture, "welcome"));
    // 4, 20 and 32 s, of two calls.
    let main = texts(&picture, "main");
    assert!(
        main.contains(&"2 calls · 18.7 s".to_owned()) && main.contains(&"1 hung up here, 50 %".to_owned()),
        "{main:?}"
    );
    assert!(texts(&picture, "topics").contains(&"1 call · 10.0 s".to_owned()));
    assert!(!texts(&picture, "goodbye").iter().any(|text| text.contains("call ")));
}

#[test]
fn what_test_calls_take_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("menu.svg");
    let said = drawn(&["voice-menus/12333", "--coverage", "--output", path(&output)]);
    let (_, counted) = said.split_once("test calls take ").expect("what is taken");
    let (taken, all) = counted.split_once(" steps").unwrap().0.split_once(" of ").unwrap();
    assert_eq!(taken, all, "{said}");
    let picture = std::fs::read_to_string(&output).unwrap();
    assert!(texts(&picture, "main").contains(&"all taken".to_owned()), "{:?}", texts(&picture, "main"));
    // One call alone: what it leaves out is told, and where it does not come is pale.
    let calls = folder.path().join("calls");
    std::fs::create_dir(&calls).unwrap();
    let one = "balance-in-mandarin.call";
    std::fs::copy(in_tree("voice-menus/12333/calls").join(one), calls.join(one)).unwrap();
    drawn(&["voice-menus/12333", "--coverage", "--calls", path(&calls), "--output", path(&output)]);
    let picture = std::fs::read_to_string(&output).unwrap();
    let main = texts(&picture, "main");
    assert!(main.iter().any(|text| text.ends_with(" taken") && !text.starts_with("all")), "{main:?}");
    assert!(main.iter().any(|text| text.starts_with("not: keys 0 1 ")), "{main:?}");
    assert!(!texts(&picture, "topics").iter().any(|text| text.contains("taken")));
    let nothing = hotline(&["voice-menus/12333", "--coverage", "--calls", "nowhere", "--output", path(&output)]);
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn a_picture_that_is_watched_follows_its_script() {
    let folder = tempfile::tempdir().unwrap();
    let (script, output) = (folder.path().join("menu.toml"), folder.path().join("menu.svg"));
    let before = std::fs::read_to_string(in_tree("voice-menus/12333/menu.toml")).unwrap();
    std::fs::write(&script, &before).unwrap();
    let mut watching = Command::new(env!("CARGO_BIN_EXE_hotline"));
    watching.args([
        "graph",
        path(&script),
        "--prompts",
        path(&in_tree("prompts")),
        "--output",
        path(&output),
        "--watch",
    ]);
    let mut watching = watching.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(watching.stdout.take().unwrap()));
    let mut wrong = std::io::BufReader::new(watching.stderr.take().unwrap());
    assert!(said.next().unwrap().unwrap().ends_with("72 steps"));
    // A mistake is told, and the picture stays.
    std::fs::write(&script, before.replace("\"topic-fees\"\n4", "\"topic-feess\"\n4")).unwrap();
    let told = &mut String::new();
    while !told.contains("did you mean `topic-fees`?") {
        assert_ne!(std::io::BufRead::read_line(&mut wrong, told).unwrap(), 0, "{told}");
    }
    assert!(std::fs::read_to_string(&output).unwrap().contains("topic-fees"));
    std::fs::write(
        &script,
        before.replace("topic-fees", "what-it-costs").replace("say = \"what-it", "say = \"topic-fees\" #"),
    )
    .unwrap();
    assert!(said.next().unwrap().unwrap().ends_with("72 steps"));
    assert!(std::fs::read_to_string(&output).unwrap().contains("what-it-costs"));
    watching.kill().unwrap();
    watching.wait().unwrap();
}

/// As many steps as there may be, and fewer with more lines than fit: each is still drawn.
#[test]
fn a_large_menu_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("menu.toml");
    for (steps, jump) in [(999, 8), (149, 70)] {
        let mut text =
            "[hotline]\nname = \"large\"\nstart = \"s0\"\nlanguages = [\"en\"]\n[defaults]\ngave-up = \"end\"\n\
                        person = \"end\"\nunavailable = \"end\"\n[end]\nhang-up = \"goodbye\"\n"
                .to_owned();
        for step in 0..steps {
            let [next, beyond] =
                [step + 1, step + jump].map(|to| if to < steps { format!("s{to}") } else { "end".into() });
            text += &format!("[s{step}]\nmenu = \"main-menu\"\n1 = \"{next}\"\n2 = \"{beyond}\"\n");
        }
        std::fs::write(&script, text).unwrap();
        let picture = drawn(&[path(&script), "--prompts", "prompts"]);
        assert_eq!(picture.matches("data-step=\"s").count(), steps);
    }
}

#[test]
fn wrong_use_is_told_with_its_mend() {
    for (arguments, told) in [
        (&["voice-menus/12333", "--language", "fr"][..], "the menu 12333 does not speak fr: it speaks zh-CN and en"),
        (&["voice-menus/12333", "--traffic", "nowhere.db"], "there is no records database nowhere.db"),
        (&["voice-menus/none"], "voice-menus/none"),
        (&["voice-menus/12333", "--watch"], "--output"),
    ] {
        let done = hotline(arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(told), "{said}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
