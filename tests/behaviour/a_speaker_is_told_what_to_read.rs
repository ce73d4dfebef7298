//! `hotline prompts script`: a speaker who has nothing but the printed page, or the table, reads every text that is to be
//! recorded, and names the files as the import wants them.

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
    assert!(table.contains("welcome.wav,\"We are <glad>, \"\"friend\"\"\",plain,"), "{table}");

    std::fs::write(place.path("welcome.wav"), wav(8000, &words(8000, 2.0, 0.5))).unwrap();
    let taken = ["import", "--menu", "menu", "--language", "en", "--voice", "Test", "welcome.wav"];
    assert_eq!(place.run(&taken).0, 0);
    place.run(&["script", "menu", "--output", "to-read"]);
    assert!(!read("script-en.csv").contains("welcome.wav"), "it is recorded");
    place.run(&["script", "menu", "--output", "to-read", "--all"]);
    assert!(read("script-en.csv").contains(",recorded,"), "every text");

    place.say("We are very glad");
    place.run(&["script", "menu", "--output", "to-read"]);
    assert!(read("script-en.csv").contains("We are very glad,plain,1.0,welcome,changed,"), "{}", read("script-en.csv"));
    assert!(read("script-en.html").contains("<small>was: We are &lt;glad"));
}

#[test]
fn a_language_that_is_recorded_whole_needs_no_page() {
    let place = Place::new("Welcome");
    let (code, said) = place.run(&["script", "menu", "--language", "zh-CN", "--output", "to-read"]);
    assert!(code == 0 && !place.path("to-read").exists(), "{said}");
    assert_eq!(place.run(&["script", "nowhere"]).0, 2);
}
