//! `hotline test` tells which steps, keys and outcomes of a menu no test call has taken, and writes a call for each, which
//! passes when it is played.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use hotline::dialogue::Taken;
use hotline::menu::{Compiled, parse};
use hotline::proof::Takable;
use hotline::records::MemoryRecords;
use hotline::records::demo::{DemoOptions, default_as_of, without_sql};
use hotline::simulate::{Given, Scene, Suite, parse as parse_call, play};

use crate::support::hotline::{in_tree, prompts};

fn compiled(script: &str) -> (Compiled, Scene) {
    let compiled = parse("menu.toml", script).expect("a menu without faults");
    let scene = Scene { menu: Arc::new(compiled.menu.clone()), prompts: prompts() };
    (compiled, scene)
}

fn demo() -> String {
    fs::read_to_string(in_tree("voice-menus/12333/menu.toml")).unwrap()
}

fn people() -> MemoryRecords {
    without_sql(DemoOptions::named_only(default_as_of(Given::default().clock.date())))
}

/// The demo, but that its person is really called, and that the year is confirmed.
fn with_a_transfer() -> String {
    let transfer = "[person]\ntransfer = \"person\"\nto = \"tel:12333\"\nrefused = \"hours\"\n\n[hours]\n";
    let sure = "store = \"year\"\nthen = \"sure\"\n\n[sure]\nask = \"enter-year\"\nfield = \"yes-no\"\nthen = \"year\"\notherwise \
                = \"enter-year\"\n";
    demo().replacen("[person]\n", transfer, 1).replacen("store = \"year\"\nthen = \"year\"\n", sure, 1)
}

#[test]
fn each_thing_that_can_be_taken_has_a_call_that_takes_it() {
    for script in [demo(), with_a_transfer()] {
        let (compiled, scene) = compiled(&script);
        let takable = Takable::of(&compiled, &scene);
        assert!(takable.is_whole());
        let people = people();
        for thing in takable.things() {
            let fillings = takable.calls_for(&BTreeSet::from([thing]));
            let name = takable.name(thing);
            let [filling] = fillings.as_slice() else {
                assert!(matches!(thing, Taken::Step(step) if step == compiled.menu.start), "{name:?}");
                continue;
            };
            assert!(filling.taken.contains(&thing), "{name:?}\n{}", filling.call.text);
            let call = parse_call("fill.call", "fill", &filling.call.text).unwrap();
            assert_eq!(play(&scene, &call, &people.fresh()).transcript, filling.call.text, "{name:?}");
        }
    }
}

#[test]
fn the_demos_calls_take_everything_and_half_of_them_are_filled_up() {
    let (compiled, scene) = compiled(&demo());
    let takable = Takable::of(&compiled, &scene);
    let people = people();
    let suite = Suite::load(&in_tree("voice-menus/12333")).unwrap();
    let taken_by = |every: usize| -> BTreeSet<Taken> {
        let calls = suite.calls.iter().step_by(every);
        calls.flat_map(|(_, call)| play(&scene, call, &people.fresh()).taken).collect()
    };
    let untaken_by = |every: usize| -> BTreeSet<Taken> {
        let taken = taken_by(every);
        takable.things().filter(|thing| !taken.contains(thing)).collect()
    };
    let left: Vec<_> = untaken_by(1).into_iter().map(|thing| takable.name(thing)).collect();
    assert!(left.is_empty(), "the demo's calls do not take {left:?}");
    let untaken = untaken_by(2);
    assert!(!untaken.is_empty());
    let filled: BTreeSet<Taken> = takable.calls_for(&untaken).into_iter().flat_map(|filling| filling.taken).collect();
    assert!(untaken.is_subset(&filled));
}

#[test]
fn a_folder_is_filled_and_what_is_in_it_passes() {
    let folder = tempfile::tempdir().unwrap();
    let menu = folder.path().join("menu");
    fs::create_dir_all(menu.join("calls")).unwrap();
    let script = "[hotline]\nname = \"small\"\nstart = \"main\"\nlanguages = [\"en\"]\n\n[defaults]\nperson = \"person\"\n\n\
                  [main]\nmenu = \"main-menu\"\n1 = \"person\"\n9 = \"end\"\n\n[person]\nsay = \"person\"\nthen = \"end\"\n\n\
                  [end]\nhang-up = \"goodbye\"\n";
    fs::write(menu.join("menu.toml"), script).unwrap();
    let first = "Caller presses 9\n";
    fs::write(menu.join("calls/goodbye.call"), first).unwrap();
    let prompts = in_tree("prompts").display().to_string();
    let test = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"));
        let output = command.arg("test").arg(&menu).args(["--prompts", &prompts]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    test(&["--bless"]);
    let (code, said) = test(&[]);
    assert_eq!(code, Some(0), "{said}");
    for piece in [
        "taken: 2 of 3 steps, 1 of 5 keys, 0 of 1 outcomes",
        "not in `main`: key 0, key 1",
        "not in `person`: the step",
    ] {
        assert!(said.contains(piece), "{piece} not in\n{said}");
    }
    let (_, said) = test(&["--fill"]);
    assert!(said.contains("calls/fill-main-gave-up.call"), "{said}");
    let report = folder.path().join("report.xml");
    let (code, said) = test(&["--junit", report.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("taken: 3 of 3 steps, 5 of 5 keys, 1 of 1 outcomes"), "{said}");
    let report = fs::read_to_string(report).unwrap();
    for piece in ["<testsuite name=\"hotline small\"", "failures=\"0\"", "name=\"goodbye\"", "keys-taken"] {
        assert!(report.contains(piece), "{piece} not in\n{report}");
    }
    fs::write(menu.join("calls/goodbye.call"), format!("Hotline (other): Who is it?\n{first}")).unwrap();
    let file = folder.path().join("other.xml");
    let (code, _) = test(&["--junit", file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    let report = fs::read_to_string(file).unwrap();
    assert!(report.contains("failures=\"1\"") && report.contains("Who is it?"), "{report}");
}
