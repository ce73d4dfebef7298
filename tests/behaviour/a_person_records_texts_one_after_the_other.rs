//! `hotline prompts record`: a person in front of a microphone sees a text, is counted in, reads it, hears it as callers will,
//! and keeps it or reads it again. Here the microphone, the loudspeaker and the keys are a test's, by the traits that the sound
//! card and the terminal have.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use hotline::audio::{Fitted, active_level};
use hotline::facts::{Form, Moment};
use hotline::phone::{Act, Cue, Equipment, LONGEST_TAKE, Loudspeaker, Microphone, Press, Presses, Studio, record};

use crate::support::prompts::{Place, words};

const RATE: u32 = 16_000;

fn cue(text: &str) -> Cue {
    let expected = Some(Duration::from_secs(4));
    Cue { text: text.into(), form: Form::Plain, file: format!("{text}.wav"), was: None, expected }
}

/// What is read into the microphone, and what follows.
enum Deed {
    Press(Press),
    Speak(f64),
}

/// A person in a studio: presses, and speaks when the screen says so.
struct Person {
    deeds: RefCell<VecDeque<Deed>>,
    shown: RefCell<Vec<u8>>,
    /// How often it was said, and how often it was heeded.
    asked: Cell<usize>,
}

struct Hands<'a>(&'a Person);
struct Mouth<'a>(&'a Person);
struct Screen<'a>(&'a Person);
#[derive(Default)]
struct Ears(Vec<usize>);

impl Presses for Hands<'_> {
    fn within(&mut self, _: Duration) -> std::io::Result<Option<Press>> {
        let mut deeds = self.0.deeds.borrow_mut();
        match deeds.front() {
            None => panic!("nothing is left to be done"),
            Some(Deed::Speak(_)) => Ok(None),
            Some(Deed::Press(_)) => match deeds.pop_front() {
                Some(Deed::Press(press)) => Ok(Some(press)),
                _ => unreachable!(),
            },
        }
    }
}

impl Microphone for Mouth<'_> {
    fn rate(&self) -> u32 {
        RATE
    }

    fn hear(&mut self, into: &mut Vec<f32>) -> std::io::Result<()> {
        let mut deeds = self.0.deeds.borrow_mut();
        let asked = String::from_utf8_lossy(&self.0.shown.borrow()).matches("speak now").count();
        if let Some(Deed::Speak(seconds)) = deeds.front().filter(|_| asked > self.0.asked.get()) {
            self.0.asked.set(asked);
            into.extend(words(RATE, *seconds, 0.5).iter().map(|sample| *sample as f32));
            deeds.pop_front();
        }
        Ok(())
    }
}

impl Write for Screen<'_> {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.shown.borrow_mut().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Loudspeaker for Ears {
    fn begin(&mut self, samples: &[i16]) {
        self.0.push(samples.len());
    }

    fn is_playing(&self) -> bool {
        false
    }

    fn stop(&mut self) {}
}

/// A session: what was kept, what was played back, what was shown.
fn session(texts: &[&str], deeds: Vec<Deed>) -> (Vec<(usize, Fitted)>, Vec<usize>, String) {
    let person = Person { deeds: RefCell::new(deeds.into()), shown: RefCell::default(), asked: Cell::default() };
    let (mut microphone, mut keys, mut loudspeaker, mut screen) =
        (Mouth(&person), Hands(&person), Ears::default(), Screen(&person));
    let studio = Studio::new(texts.iter().map(|text| cue(text)).collect(), RATE, Duration::ZERO);
    let mut kept = Vec::new();
    let with =
        Equipment { microphone: &mut microphone, loudspeaker: &mut loudspeaker, keys: &mut keys, screen: &mut screen };
    record(studio, with, |place, fitted| -> std::io::Result<()> {
        kept.push((place, fitted));
        Ok(())
    })
    .unwrap();
    let shown = person.shown.take();
    (kept, loudspeaker.0, String::from_utf8(shown).unwrap())
}

#[test]
fn what_is_kept_is_fit_to_be_played_and_the_rest_is_read_again_or_left() {
    use Deed::{Press as Pressed, Speak};
    let deeds = vec![
        // Too short for its text: told, and read again; then repeated once, and kept.
        Pressed(Press::Go),
        Speak(0.4),
        Pressed(Press::Go),
        Pressed(Press::Go),
        Speak(3.0),
        Pressed(Press::Go),
        Pressed(Press::Again),
        Speak(4.0),
        Pressed(Press::Go),
        Pressed(Press::Play),
        Pressed(Press::Keep),
        // Left.
        Pressed(Press::Skip),
        // The last, kept by Enter.
        Pressed(Press::Go),
        Speak(4.0),
        Pressed(Press::Go),
        Pressed(Press::Go),
    ];
    let (kept, played, shown) = session(&["one", "two", "three"], deeds);
    let places: Vec<usize> = kept.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [0, 2]);
    for (_, fitted) in &kept {
        assert!((31_000..33_500).contains(&fitted.samples.len()), "{}", fitted.samples.len());
        assert!((-21.5..-18.5).contains(&active_level(&fitted.samples)));
    }
    assert_eq!(played.len(), 4, "each good take once, one of them twice");
    assert!(shown.contains("where its text takes about 4.0") && shown.contains("3 of 3  three.wav"), "{shown}");
}

#[test]
fn whoever_ends_early_keeps_what_was_kept() {
    use Deed::{Press as Pressed, Speak};
    let begun = vec![Pressed(Press::Go), Speak(4.0), Pressed(Press::Go), Pressed(Press::Keep), Pressed(Press::Go)];
    let deeds = begun.into_iter().chain([Speak(1.0), Pressed(Press::Quit)]).collect();
    let (kept, ..) = session(&["one", "two"], deeds);
    assert_eq!(kept.len(), 1);
}

/// The acts that are due.
fn acts(studio: &mut Studio) -> Vec<String> {
    let mut acts = Vec::new();
    while let Some(act) = studio.poll_act() {
        acts.push(match act {
            Act::Show(text) => text,
            Act::Listen => "listen".into(),
            Act::Ignore => "ignore".into(),
            _ => continue,
        });
    }
    acts
}

#[test]
fn a_reader_is_counted_in_and_nobody_records_for_ever() {
    let at = |millis| Moment::ZERO + Duration::from_millis(millis);
    let mut studio = Studio::new(vec![cue("one")], 8000, Duration::from_secs(3));
    acts(&mut studio);
    studio.press(at(0), Press::Go);
    let mut counted = acts(&mut studio);
    for tenth in 1..=30 {
        studio.hear(at(tenth * 100), &[1.0; 800]);
        studio.pass(at(tenth * 100));
        counted.extend(acts(&mut studio));
    }
    let counted: Vec<&str> = counted.iter().map(String::as_str).collect();
    assert_eq!(counted, ["3 …", "2 …", "1 …", "listen", "speak now; Enter when you are done"]);
    let mut heard = Vec::new();
    for second in 0..=LONGEST_TAKE.as_secs() {
        studio.hear(at(3000 + second * 1000), &[0.0; 8000]);
        heard.extend(acts(&mut studio));
    }
    assert!(heard.iter().any(|act| act == "ignore") && heard.iter().any(|act| act.contains("only silence")));
}

/// A machine without a sound card says so, and what to do.
#[cfg(target_os = "linux")]
#[test]
fn without_a_sound_card_it_is_told_what_to_do() {
    let place = Place::new("Welcome to all of you");
    // ALSA without a configuration has no device.
    let without = [("ALSA_CONFIG_PATH", "/dev/null")];
    let (code, said) = place.run_with(&without, &["record", "menu", "--language", "en", "--voice", "Test"]);
    assert!(code == 1 && said.contains("no microphone") && said.contains("hotline prompts import"), "{said}");
    let (code, said) = place.run_with(&without, &["play", "welcome", "--menu", "menu"]);
    assert!(code == 1 && said.contains("no loudspeaker") && said.contains("--to FILE.wav"), "{said}");
}
