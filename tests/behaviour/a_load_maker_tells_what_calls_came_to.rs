//! `hotline bench` dials a hotline of its own, or another's, and tells what came of every call: figures for people and for machines,
//! and a picture.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::hotline::in_tree;

fn bench(arguments: &[&str]) -> Output {
    let mut hotline = Command::new(env!("CARGO_BIN_EXE_hotline"));
    hotline.arg("bench").args(arguments).args(["--seconds", "1"]).current_dir(in_tree("")).output().unwrap()
}

fn figures(arguments: &[&str]) -> Value {
    let done = bench(&[arguments, &["--json", "-"]].concat());
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

#[test]
fn playing_calls_are_all_heard_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("calls.svg");
    let plot = picture.to_str().unwrap();
    let found = figures(&["media", "--calls", "3,6", "--keys", "3", "--plot", plot]);
    let [three, six] = [0, 1].map(|step| &found["steps"][step]);
    assert_eq!((&three["calls"], &six["calls"]), (&3.into(), &6.into()), "{found:#}");
    for step in [three, six] {
        assert_eq!((&step["lost"], &step["silent"], &step["failed"]), (&0.into(), &0.into(), &serde_json::json!({})));
        // 50 a second and call, of which a loaded machine may send some late.
        assert!(step["packets"].as_u64().unwrap() > 100, "{step:#}");
    }
    assert!(six["keys"].as_u64().unwrap() > 0, "{six:#}");
    assert_eq!(found["bare"]["sockets"], 6);
    assert_eq!(found["bare"]["paced"], serde_json::json!([]));
    assert_eq!(found["complaints"], "");
    let drawn = std::fs::read_to_string(picture).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("calls at once") && drawn.contains("late by ms"), "{drawn}");
}

#[test]
fn the_bare_loop_keeps_the_pace_of_calls_and_is_judged_as_they_are() {
    let found = figures(&["media", "--calls", "2", "--bare-calls", "4,25"]);
    let [four, many] = [0, 1].map(|step| &found["bare"]["paced"][step]);
    assert_eq!((&four["calls"], &many["calls"]), (&4.into(), &25.into()), "{found:#}");
    for (paced, least) in [(four, 100), (many, 625)] {
        assert_eq!(paced["lost"], 0, "{paced:#}");
        // 50 a second and call, of which a loaded machine may send some late.
        assert!(paced["packets"].as_u64().unwrap() >= least, "{paced:#}");
    }
}

#[test]
fn calls_that_telephones_speak_in_are_heard_as_well() {
    let found = figures(&["media", "--calls", "4", "--far-end", "sound", "--no-bare"]);
    let step = &found["steps"][0];
    assert_eq!((&step["calls"], &step["lost"]), (&4.into(), &0.into()), "{found:#}");
}

#[test]
fn calls_that_wait_for_a_key_are_still() {
    // Those of the first number wait on while those of the second come.
    let found = figures(&["media", "--calls", "2,4", "--waiting", "--no-bare"]);
    let step = &found["steps"][1];
    assert_eq!((&step["calls"], &step["failed"]), (&4.into(), &serde_json::json!({})), "{found:#}");
    // A packet of silence every five seconds.
    assert!(step["packets"].as_u64().unwrap() <= 8, "{step:#}");
}

#[test]
fn calls_are_set_up_and_ended() {
    let done = bench(&["setup", "--rate", "20"]);
    assert!(done.status.success(), "{done:?}");
    let found = figures(&["setup", "--rate", "20"]);
    let step = &found["steps"][0];
    assert_eq!(step["failed"], serde_json::json!({}), "{found:#}");
    assert!(step["dialled"].as_u64().unwrap() >= 10, "{step:#}");
}

#[test]
fn a_number_that_is_not_there_is_told_of() {
    let done = bench(&["setup", "--rate", "5", "--at", "sip:nobody@nowhere.invalid"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("nowhere.invalid"), "{done:?}");
}

#[test]
fn what_needs_no_network_is_measured_too() {
    assert!(figures(&["keys"])["speaking_calls"].as_f64().unwrap() > 1.0);
    assert!(figures(&["simulate", "voice-menus/12333"])["calls"].as_u64().unwrap() > 50);
    let store = figures(&["store", "--people", "10"]);
    assert_eq!((&store["unanswered"], &store["people"]), (&0.into(), &10.into()), "{store:#}");
    assert!(store["rows_a_second"].as_f64().unwrap() > 1.0, "{store:#}");
}
