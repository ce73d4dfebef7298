//! `hotline prompts script`: a speaker who has nothing but the printed page, or the table, reads every text that is to be
//! recorded, and names the files as the import wants them.

use crate::support::hotline::in_tree;
use crate::support::prompts::{Place, wav, words};

#[test]
fn the_page_and_the_table_hold_what_is_missing_or_changed_with_its_file() {
    let place = Place::new("We are <glad>, \"friend\"");
    let (code, said) = place.run(&["script", "menu", "--output", "to-read"]);
    assert!(code == 0 && said.contains("script-en.html"), "{said}");
    let read = |name: &str| std::fs::read_to_string(place.path("to-read").join(name)).unwrap();
    let page = read("script-en.html");
    assert!(page.contains("size: A4") && !page.contains("src=") && !page.contains("href="), "nothing but itself");
    assert!(page.contains("welcome.wav") && page.contains("We are &lt;glad&gt;, &quot;friend"), "{page}");
    let table = read("script-en.csv");
    assert!(table.contains("welcome.wav,\"We are <glad>, \"\"friend\"\"\","), "{table}");

    std::fs::write(place.path("welcome.wav"), wav(8000, &words(8000, 2.0, 0.5))).unwrap();
    let taken = ["import", "--menu", "menu", "--language", "en", "--voice", "Test", "welcome.wav"];
    assert_eq!(place.run(&taken).0, 0);
    place.run(&["script", "menu", "--output", "to-read"]);
    assert!(!read("script-en.csv").contains("welcome.wav"), "it is recorded");
    place.run(&["script", "menu", "--output", "to-read", "--all"]);
    assert!(read("script-en.csv").contains(",recorded,"), "every text");

    place.say("We are very glad");
    place.run(&["script", "menu", "--output", "to-read"]);
    assert!(
        read("script-en.csv").contains("We are very glad,We are very glad,plain,1.0,welcome,changed,"),
        "{}",
        read("script-en.csv")
    );
    assert!(read("script-en.html").contains("<small>was: We are &lt;glad"));
}

#[test]
fn a_language_that_is_recorded_whole_needs_no_page() {
    let place = Place::new("Welcome");
    let (code, said) = place.run(&["script", "menu", "--language", "zh-CN", "--output", "to-read"]);
    assert!(code == 0 && !place.path("to-read").exists(), "{said}");
    assert_eq!(place.run(&["script", "nowhere"]).0, 2);
}

/// A number or a date is put in by the system: who reads the rest must know where.
#[test]
fn a_text_beside_a_value_says_so() {
    let place = Place::new("Welcome");
    let menu = in_tree("voice-menus/12333");
    let arguments = ["script", menu.to_str().unwrap(), "--language", "en", "--all", "--output", "to-read"];
    assert_eq!(place.run(&arguments).0, 0);
    let table = std::fs::read_to_string(place.path("to-read/script-en.csv")).unwrap();
    for read in
        ["The balance of your pension account is …", "… your share …", "… minutes", "Thank you for calling. Goodbye"]
    {
        assert!(table.contains(&format!(",{read},plain,")), "{read}: {table}");
    }
    let page = std::fs::read_to_string(place.path("to-read/script-en.html")).unwrap();
    assert!(page.contains("before one the voice stays up"));
}

/// What another menu says, and a file that no list names, are not recorded over.
#[test]
fn no_file_is_proposed_that_another_text_has() {
    let place = Place::new("Welcome");
    let taken = ["import", "--menu", "menu", "--language", "en", "--voice", "Test", "welcome.wav"];
    std::fs::write(place.path("welcome.wav"), wav(8000, &words(8000, 1.0, 0.5))).unwrap();
    assert_eq!(place.run(&taken).0, 0);
    place.say("Good morning");
    let missing = || place.run(&["missing", "menu"]).1;
    assert!(missing().contains("welcome.wav") && missing().contains("in place of: Welcome"), "{}", missing());
    // A message that this menu does not say.
    std::fs::write(place.path("prompts/en/other.ftl"), "greeting = Welcome\n").unwrap();
    assert!(missing().contains("welcome-2.wav") && !missing().contains("in place of"), "{}", missing());
    std::fs::write(place.path("prompts/en/welcome-2.wav"), b"kept by somebody").unwrap();
    assert!(missing().contains("welcome-3.wav"), "{}", missing());
    std::fs::rename(place.path("welcome.wav"), place.path("welcome-3.wav")).unwrap();
    assert_eq!(place.run(&[&taken[..7], &["welcome-3.wav"]].concat()).0, 0);
    assert!(place.path("prompts/en/welcome-3.wav").exists());
    assert_eq!(std::fs::read(place.path("prompts/en/welcome-2.wav")).unwrap(), b"kept by somebody");
}

/// As the operator's other commands do: from the folder they are run in, or whole where the menu was named so.
#[test]
fn files_are_named_as_the_operator_named_the_menu() {
    let place = Place::new("Welcome");
    std::fs::write(place.path("welcome.wav"), wav(8000, &words(8000, 1.0, 0.5))).unwrap();
    let import = ["import", "--menu", "menu", "--language", "en", "--voice", "Test", "welcome.wav"];
    let (code, said) = place.run(&import);
    assert!(code == 0 && said.starts_with("prompts/en/welcome.wav  "), "{said}");
    assert!(said.ends_with("1 recordings imported into prompts/en\n"), "{said}");
    place.say("Good morning");
    let (code, said) = place.run(&["stale", "menu"]);
    assert!(code == 1 && said.starts_with("prompts/en/welcome.wav "), "{said}");
    let (_, said) = place.run(&["synthesize", "menu", "--dry-run"]);
    assert!(said.starts_with("prompts/en/welcome.wav  Good morning"), "{said}");
    let mut inside = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"));
    let inside = inside.args(["prompts", "stale", "menu.toml"]).current_dir(place.path("menu")).output().unwrap();
    let said = String::from_utf8(inside.stdout).unwrap();
    assert!(said.starts_with("../prompts/en/welcome.wav "), "{said}");
    let whole = place.path("menu").canonicalize().unwrap();
    let (_, said) = place.run(&["stale", whole.to_str().unwrap()]);
    assert!(said.starts_with(whole.with_file_name("prompts").to_str().unwrap()), "{said}");
}

#[test]
fn nobody_who_reads_what_is_written_is_no_mistake_of_the_program() {
    let place = Place::new("Welcome");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut hotline = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"));
    hotline.args(["prompts", "script", "menu", "--output", "to-read"]).current_dir(place.path("")).stdout(writer);
    let done = hotline.output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.code() == Some(1) && !said.contains("panicked"), "{said}");
}
