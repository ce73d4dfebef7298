//! Faults of every kind, one at a time, in copies of the demo menu: `hotline check` finds each, at the line where it is, and
//! where a call can show it, that call is played by `hotline test`. The demo itself has none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hotline::cli::check::{Checked, Format, check_whole, write_faults};
use hotline::facts::Fault;
use hotline::records::demo::{DemoOptions, default_as_of, without_sql};
use hotline::simulate::{Given, Scene, parse, play};

use crate::support::hotline::in_tree;

/// A fault that is put into a copy.
#[derive(Default)]
struct Seed {
    name: &'static str,
    /// In the script: this becomes that.
    script: &'static [(&'static str, &'static str)],
    /// In a file of the prompts: this becomes that; in place of `…` stands a long text.
    texts: &'static [(&'static str, &'static str, &'static str)],
    /// The line that is pointed at; empty where a file is.
    line: &'static str,
    /// A part of what is said.
    says: &'static str,
    /// A call shows it.
    call: bool,
    /// The recordings matter; without them texts are as long as they probably are.
    recordings: bool,
}

const SEEDS: &[Seed] = &[
    Seed {
        name: "a step that nothing leads to",
        script: &[("[goodbye]\n", "[lonely]\nhang-up = true\n\n[goodbye]\n")],
        line: "[lonely]",
        says: "no call ever comes to this step",
        ..NONE
    },
    Seed {
        name: "a step that the script leads to and no call",
        script: &[
            ("say = \"verified\"\nthen = \"account\"", "say = \"verified\"\nthen = \"whose\""),
            (
                "[wrong-details]\n",
                "[whose]\ngo-to = \"strangers\"\nwhen-verified = \"account\"\n\n[strangers]\nsay = \"wrong-details\"\nthen = \
                 \"main\"\n\n[wrong-details]\n",
            ),
        ],
        line: "[strangers]",
        says: "no call comes to this step, whatever its caller presses",
        ..NONE
    },
    Seed {
        name: "a dead end that the script shows",
        script: &[(
            "say = \"way-phone\"\nthen = \"ways-to-query\"\n",
            "say = \"way-phone\"\nthen = \"lost\"\n\n[lost]\nmenu = \"topics\"\n1 = \"lost-too\"\n\"*\" = \"@repeat\"\nperson = \
             false\ngave-up = \"lost-too\"\n\n[lost-too]\nmenu = \"topics\"\n1 = \"lost\"\nperson = false\ngave-up = \"lost\"\n",
        )],
        line: "[lost]",
        says: "can neither reach a person nor come to an end",
        call: true,
        ..NONE
    },
    Seed {
        name: "a dead end for those who are verified",
        script: &[(
            "about = \"balances\"\nthen = \"account\"\n",
            "about = \"balances\"\nthen = \"trap\"\n\n[trap]\nmenu = \"topics\"\n1 = \"trap-on\"\n\"*\" = \"@repeat\"\nperson = \
             false\ngave-up = \"trap-on\"\n\n[trap-on]\ngo-to = \"main\"\nwhen-verified = \"trap\"\n",
        )],
        line: "[trap]",
        says: "can neither reach a person nor come to an end",
        call: true,
        ..NONE
    },
    Seed {
        name: "a round without a question",
        script: &[
            ("say = \"way-phone\"\nthen = \"ways-to-query\"", "say = \"way-phone\"\nthen = \"way-window\""),
            ("say = \"way-window\"\nthen = \"ways-to-query\"", "say = \"way-window\"\nthen = \"way-phone\""),
        ],
        line: "[way-phone]",
        says: "leads back to itself without ever asking the caller anything",
        call: true,
        ..NONE
    },
    Seed {
        name: "a round of questions without a key",
        script: &[
            ("menu = \"main-menu\"\n", "menu = \"main-menu\"\ngave-up = \"topics\"\n"),
            ("menu = \"topics\"\n", "menu = \"topics\"\ngave-up = \"main\"\n"),
        ],
        line: "[main]",
        says: "a caller who presses nothing is led round from here",
        call: true,
        ..NONE
    },
    Seed {
        name: "giving up that leads to itself",
        script: &[("menu = \"main-menu\"\n", "menu = \"main-menu\"\ngave-up = \"main\"\n")],
        line: "gave-up = \"main\"",
        says: "leads to `main` again, without end",
        ..NONE
    },
    Seed {
        name: "silence that lasts",
        script: &[("menu = \"account\"\n", "menu = \"account\"\nfirst-key = \"4m\"\n")],
        line: "[verify]",
        says: "a caller who falls silent here is in the call for",
        call: true,
        recordings: true,
        ..NONE
    },
    Seed {
        name: "wrong keys that last",
        script: &[
            ("ask = \"enter-id\"\n", "ask = \"enter-id\"\nno-input-tries = 1\nno-match-tries = 9\ntries = 9\n"),
            ("wrong-within = \"330s\"", "wrong-within = \"305s\""),
        ],
        line: "[enter-id]",
        says: "a caller who presses wrong keys alone here is in the call for",
        call: true,
        recordings: true,
        ..NONE
    },
    Seed {
        name: "a person who is far",
        script: &[("[limits]\n", "[limits]\nmessage = \"60m\"\n")],
        texts: &[("en/12333.ftl", "way-website = ", "way-website = … ")],
        line: "[way-website]",
        says: "a caller who wants a person from here needs",
        call: true,
        recordings: true,
    },
    Seed {
        name: "a message that one language lacks",
        texts: &[("en/12333.ftl", "\ntopic-fees = ", "\ntopic-costs = ")],
        line: "say = \"topic-fees\"",
        says: "there is no message topic-fees in en",
        ..NONE
    },
    Seed {
        name: "an attribute that a step must have",
        texts: &[("zh-CN/12333.ftl", "\n    .gap-month = ", "\n    .gap-moon = ")],
        line: "read-back = \"payments\"",
        says: "there is no message payments.gap-month in zh-CN",
        ..NONE
    },
    Seed {
        name: "a value that a step does not give",
        texts: &[("en/12333.ftl", "MONEY($pension)", "MONEY($pensoin)")],
        line: "    The balance of your pension account is { MONEY($pensoin) }.",
        says: "balance names $pensoin, which its step does not give",
        ..NONE
    },
    Seed {
        name: "a value spoken as another kind",
        texts: &[("en/12333.ftl", "MONEY($medical)", "MONTH($medical)")],
        line: "    The balance of your medical account is { MONTH($medical) }.",
        says: "$medical is no value for MONTH",
        ..NONE
    },
    Seed {
        name: "a text that nobody can say",
        texts: &[("en/12333.ftl", "\nverified = Thank you.", "\nverified = 谢谢 you.")],
        line: "say = \"verified\"",
        says: "has no recording, and cannot be read in en",
        ..NONE
    },
    Seed {
        name: "a text that nobody has recorded",
        texts: &[("en/12333.ftl", "\nverified = Thank you.", "\nverified = Thanks.")],
        line: "say = \"verified\"",
        says: "1 text has no recording and will be synthesized before the first call",
        recordings: true,
        ..NONE
    },
    Seed {
        name: "a recording that is none",
        texts: &[("en/verified.wav", "", "this is no sound")],
        line: "",
        says: "verified.wav",
        recordings: true,
        ..NONE
    },
    Seed {
        name: "a menu that goes on and on",
        texts: &[("en/12333.ftl", "How to query your records, press one.", "… press one.")],
        line: "menu = \"topics\"",
        says: "and a menu may take 30 s",
        ..NONE
    },
    Seed {
        name: "a question that goes on and on",
        texts: &[("en/12333.ftl", "Please key the four digits of a year.", "Please key … the year.")],
        line: "ask = \"enter-year\"",
        says: "and a question for digits may take 20 s",
        ..NONE
    },
    Seed {
        name: "a correction that goes on and on",
        texts: &[("en/12333.ftl", ".too-short = A year has four digits.", ".too-short = … four digits.")],
        line: "ask = \"enter-year\"",
        says: "and what is said of a mistake may take 15 s",
        ..NONE
    },
    Seed {
        name: "a message that goes on and on",
        texts: &[("en/12333.ftl", "way-website = ", "way-website = … … ")],
        line: "say = \"way-website\"",
        says: "and a message may take 60 s",
        ..NONE
    },
    Seed {
        name: "an item that goes on and on",
        texts: &[(
            "en/12333.ftl",
            "    .gap-month = { MONTH($from) }, no payment",
            "    .gap-month = { MONTH($from) }, … no payment",
        )],
        line: "read-back = \"payments\"",
        says: "may take 30 s",
        ..NONE
    },
    Seed {
        name: "a key that the field needs for itself",
        script: &[("store = \"id\"\n", "store = \"id\"\n\"*\" = \"@repeat\"\n")],
        line: "\"*\" = \"@repeat\"",
        says: "in its field it is the X at its end",
        ..NONE
    },
    Seed {
        name: "a field in which 0 is an answer",
        script: &[("{ digits = { min = 8, max = 10 } }", "{ digits = { min = 1, max = 10 } }")],
        line: "field = { digits = { min = 1, max = 10 } }",
        says: "`0` is a whole entry of this field",
        ..NONE
    },
    Seed {
        name: "a read-back whose key has a meaning already",
        script: &[("insurance = \"medical\"\nlast", "insurance = \"medical\"\nnext = \"*\"\nlast")],
        line: "[recent-medical]",
        says: "`next` cannot be *",
        ..NONE
    },
    Seed {
        name: "a read-back with one key for two",
        script: &[("insurance = \"medical\"\nlast", "insurance = \"medical\"\nnext = \"5\"\nlast")],
        line: "[recent-medical]",
        says: "`next` and `repeat` are both the key 5",
        ..NONE
    },
    Seed {
        name: "a menu of six",
        script: &[(
            "2 = \"own-records\"\n",
            "2 = \"own-records\"\n3 = \"topics\"\n4 = \"topics\"\n5 = \"topics\"\n6 = \"topic-fees\"\n",
        )],
        line: "6 = \"topic-fees\"",
        says: "a menu of more than five choices",
        ..NONE
    },
    Seed {
        name: "choices out of order",
        script: &[("1 = \"topics\"\n2 = \"own-records\"\n", "2 = \"own-records\"\n1 = \"topics\"\n")],
        line: "1 = \"topics\"",
        says: "`1` stands after a greater number",
        ..NONE
    },
    Seed {
        name: "a 0 that leads to no person",
        script: &[(
            "3 = \"topic-fees\"\n4 = \"topic-disputes\"\n0 = \"person\"",
            "3 = \"topic-fees\"\n0 = \"topic-disputes\"",
        )],
        line: "0 = \"topic-disputes\"",
        says: "`0` leads to a person on every hotline; here it does not",
        ..NONE
    },
    Seed {
        name: "a way back before there is one",
        script: &[("say = \"welcome\"\nthen = \"language\"", "say = \"welcome\"\nthen = \"@back\"")],
        line: "then = \"@back\"",
        says: "there is no question to go back to",
        ..NONE
    },
];

const NONE: Seed = Seed { name: "", script: &[], texts: &[], line: "", says: "", call: false, recordings: false };

/// About a minute and a half of speech.
fn long_text() -> String {
    "There is a great deal to be said of this, and all of it is said here. ".repeat(20)
}

/// A copy of the demo with a fault in it, and its script.
fn copy_with(seed: &Seed, folder: &Path) -> PathBuf {
    let (menu, prompts) = (folder.join("voice-menus/12333"), folder.join("prompts"));
    fs::create_dir_all(&menu).unwrap();
    let mut script = fs::read_to_string(in_tree("voice-menus/12333/menu.toml")).unwrap();
    for (from, to) in seed.script {
        assert!(script.contains(from), "{}: {from}", seed.name);
        script = script.replacen(from, to, 1);
    }
    fs::write(menu.join("menu.toml"), script).unwrap();
    for language in ["en", "zh-CN"] {
        fs::create_dir_all(prompts.join(language)).unwrap();
        for entry in fs::read_dir(in_tree("prompts").join(language)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{language}/{}", path.file_name().unwrap().to_str().unwrap());
            match seed.texts.iter().find(|(file, ..)| *file == name) {
                Some((_, "", garbage)) => fs::write(prompts.join(name), garbage).unwrap(),
                Some((_, from, to)) => {
                    let text = fs::read_to_string(&path).unwrap();
                    assert!(text.contains(from), "{}: {from}", seed.name);
                    fs::write(prompts.join(name), text.replacen(from, &to.replace('…', &long_text()), 1)).unwrap();
                }
                None if !seed.recordings && !name.ends_with(".ftl") => {}
                None => symlink(&path, prompts.join(name)).unwrap(),
            }
        }
    }
    menu.join("menu.toml")
}

/// The call does what its file says, when it is played as `hotline test` plays it.
fn plays_as_written(fault: &Fault, script: &Path) {
    let example = fault.example.as_ref().expect("a call that shows it");
    let call = parse("example.call", &example.name, &example.text).unwrap();
    let text = fs::read_to_string(script).unwrap();
    let (compiled, _) = hotline::menu::parse_as_far("menu.toml", &text);
    let folder = script.ancestors().nth(3).unwrap().join("prompts");
    let catalogue = hotline::speech::Catalogue::from_dir(&folder).unwrap();
    let clips = hotline::audio::ClipStore::load(&folder).unwrap();
    let prompts = hotline::speech::Prompts::new(catalogue, clips);
    let scene = Scene { menu: compiled.unwrap().menu.into(), prompts: prompts.into() };
    let records = without_sql(DemoOptions::named_only(default_as_of(Given::default().clock.date())));
    let played = play(&scene, &call, &records);
    assert_eq!(played.transcript, *example.text);
}

fn look_for(seed: &Seed) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let script = copy_with(seed, folder.path());
    let Checked { faults, .. } = check_whole(&script, None);
    let found = faults.iter().find(|fault| fault.message.contains(seed.says) && fault.line() == seed.line);
    let Some(found) = found else {
        let told: Vec<String> = faults.iter().map(|fault| format!("  {} | {}", fault.line(), fault.message)).collect();
        return Err(format!("{}: not found; found:\n{}", seed.name, told.join("\n")));
    };
    if seed.call {
        plays_as_written(found, &script);
    }
    Ok(())
}

#[test]
fn each_is_found_at_its_line() {
    assert!(SEEDS.len() >= 20);
    let waiting = Mutex::new(SEEDS.iter());
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(seed) = waiting.lock().unwrap().next() else { return };
                    missed.lock().unwrap().extend(look_for(seed).err());
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn the_demo_is_proven_clean() {
    let Checked { faults, proven } = check_whole(&in_tree("voice-menus/12333/menu.toml"), None);
    assert!(faults.is_empty(), "{faults:#?}");
    for piece in
        ["all there are", "every one of its 72 steps is come to", "no round without a key", "a person is within"]
    {
        assert!(proven.iter().any(|line| line.contains(piece)), "{piece} not in {proven:#?}");
    }
}

#[test]
fn what_machines_measure_with_is_proven_clean_too() {
    for menu in fs::read_dir(in_tree("voice-menus/bench")).unwrap() {
        let faults = check_whole(&menu.unwrap().path().join("menu.toml"), None).faults;
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// docs/proof.md shows a call; it is the one that is shown.
#[test]
fn the_page_shows_what_check_shows() {
    let seed = Seed {
        name: "the page's",
        script: &[
            (
                "about = \"balances\"\nthen = \"account\"\n",
                "about = \"balances\"\nthen = \"anything-else\"\n\n[anything-else]\nmenu = \"account\"\n1 = \"own-records\"\n\"*\" = \
                 \"@repeat\"\nperson = false\ngave-up = \"own-records\"\n",
            ),
            ("when-verified = \"account\"", "when-verified = \"anything-else\""),
        ],
        recordings: true,
        ..NONE
    };
    let folder = tempfile::tempdir().unwrap();
    let script = copy_with(&seed, folder.path());
    let faults: Vec<Fault> = check_whole(&script, None)
        .faults
        .into_iter()
        .map(|fault| Fault { file: "voice-menus/12333/menu.toml".into(), ..fault })
        .collect();
    let mut drawn = Vec::new();
    write_faults(&faults, Format::Text, false, &mut drawn).unwrap();
    let drawn = String::from_utf8(drawn).unwrap();
    let drawn = drawn.trim_end().trim_end_matches("1 errors, 0 warnings").trim_end();
    let page = fs::read_to_string(in_tree("docs/proof.md")).unwrap();
    assert!(page.contains(drawn), "docs/proof.md does not show\n{drawn}");
}

/// What follows from a line that is missing is found or is none; the walk ends in any case.
#[test]
fn no_line_that_is_missing_stops_the_walk() {
    let script = fs::read_to_string(in_tree("src/menu/example.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("prompts/en");
    fs::create_dir_all(&prompts).unwrap();
    fs::create_dir_all(folder.path().join("prompts/zh-CN")).unwrap();
    for text in ["en/12333.ftl", "en/common.ftl", "zh-CN/12333.ftl", "zh-CN/common.ftl"] {
        fs::copy(in_tree("prompts").join(text), folder.path().join("prompts").join(text)).unwrap();
    }
    let file = folder.path().join("menu.toml");
    let lines: Vec<&str> = script.lines().collect();
    let mut walked = 0;
    for missing in (0..lines.len()).step_by(5) {
        let kept: Vec<&str> =
            lines.iter().enumerate().filter(|(line, _)| *line != missing).map(|(_, text)| *text).collect();
        fs::write(&file, kept.join("\n")).unwrap();
        let Checked { faults, proven } = check_whole(&file, None);
        walked += usize::from(!proven.is_empty());
        assert!(proven.is_empty() || faults.iter().all(|fault| !fault.message.is_empty()));
    }
    assert!(walked >= 3, "{walked}");
}
