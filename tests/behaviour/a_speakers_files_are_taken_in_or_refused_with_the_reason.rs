//! `hotline prompts import` takes in what a speaker sent, so that it sounds as every other recording does; a file that a
//! caller would hear too fast, too slow or not at all is refused with the reason, and then nothing is changed. What is
//! recorded from a text that changed is told.

use std::path::{Path, PathBuf};
use std::process::Command;

use hotline::audio::{ClipStore, active_level, read_wav};
use hotline::facts::{Form, Language};

const TEXT: &str = "Welcome to the hotline of the city, we are glad that you call";

struct Place(tempfile::TempDir);

impl Place {
    /// A menu that says `text`, and nothing recorded.
    fn new(text: &str) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(place.path("prompts/en")).unwrap();
        std::fs::create_dir_all(place.path("menu")).unwrap();
        let menu = "[hotline]\nname = \"small\"\nstart = \"welcome\"\nlanguages = [\"en\"]\n\n[defaults]\ngave-up = \"end\"\n\
                    person = \"end\"\nunavailable = \"end\"\n\n[welcome]\nsay = \"welcome\"\nthen = \"end\"\n\n[end]\nhang-up = true\n";
        std::fs::write(place.path("menu/menu.toml"), menu).unwrap();
        std::fs::copy(crate::support::hotline::in_tree("prompts/en/common.ftl"), place.path("prompts/en/common.ftl"))
            .unwrap();
        place.say(text);
        place
    }

    fn say(&self, text: &str) {
        std::fs::write(self.path("prompts/en/menu.ftl"), format!("welcome = {text}\n")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut hotline = Command::new(env!("CARGO_BIN_EXE_hotline"));
        let output = hotline.current_dir(self.0.path()).arg("prompts").args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    fn import(&self, file: &str) -> (i32, String) {
        self.run(&["import", "--menu", "menu", "--language", "en", "--voice", "Test", "--made", "2026-11-01", file])
    }

    /// The file is refused for this reason, and the prompts are as they were.
    fn refuses(&self, name: &str, bytes: &[u8], reason: &str) {
        std::fs::write(self.path(name), bytes).unwrap();
        let before = everything_in(&self.path("prompts"));
        let (code, said) = self.import(name);
        assert!(code == 1 && said.contains(reason) && said.contains(name), "{reason}: {code} {said}");
        assert_eq!(everything_in(&self.path("prompts")), before);
    }
}

fn everything_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push((path.clone(), std::fs::read(&path).unwrap())) }
        }
    }
    found.sort();
    found
}

/// Words of a voice: a tone that swells and ebbs, half a second of silence around it; `rate` samples a second.
fn words(rate: u32, seconds: f64, peak: f64) -> Vec<f64> {
    let silence = vec![0.0; rate as usize / 2];
    let sound = (0..(f64::from(rate) * seconds) as usize).map(|at| {
        let time = at as f64 / f64::from(rate);
        let swell = (time * 9.0).sin().abs();
        peak * swell * (time * 300.0 * std::f64::consts::TAU).sin()
    });
    silence.iter().copied().chain(sound).chain(silence.iter().copied()).collect()
}

/// A WAV file with a header that says `rate`; 16 bit, mono.
fn wav(rate: u32, samples: &[f64]) -> Vec<u8> {
    let data: Vec<u8> =
        samples.iter().flat_map(|sample| ((sample.clamp(-1.0, 1.0) * 32767.0) as i16).to_le_bytes()).collect();
    file(1, rate, rate * 2, 2, 16, &data)
}

fn file(format: u16, rate: u32, bytes_a_second: u32, frame: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend(format.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend(bytes_a_second.to_le_bytes());
    bytes.extend(frame.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// P03 instedd/verboice#497: rates that are not the telephone's are converted before any call.
#[test]
fn a_recording_of_any_rate_becomes_one_that_is_played() {
    for (rate, peak) in [(8000, 0.9), (44_100, 0.05), (48_000, 0.5)] {
        let place = Place::new(TEXT);
        std::fs::write(place.path("welcome.wav"), wav(rate, &words(rate, 4.0, peak))).unwrap();
        let (code, said) = place.import("welcome.wav");
        assert!(code == 0 && said.contains("1 recordings imported") && !said.contains("warning"), "{said}");
        let samples = read_wav(&place.path("prompts/en/welcome.wav")).unwrap();
        assert!((31_000..33_000).contains(&samples.len()), "{rate}: {}", samples.len());
        let level = active_level(&samples);
        assert!((-21.5..-18.5).contains(&level), "{rate}: {level}");
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(peak < 23_300, "{rate}: {peak}");
        let clips = ClipStore::load(&place.path("prompts")).unwrap();
        assert_eq!(clips.find(Language::En, TEXT, Form::Plain).unwrap().len(), samples.len());
        let [recording] = clips.recordings(Language::En) else { panic!() };
        assert_eq!((recording.voice.as_str(), recording.made.to_string().as_str()), ("Test", "2026-11-01"));
        let files = std::fs::read_dir(place.path("prompts/en")).unwrap().count();
        assert_eq!(files, 4, "nothing unfinished is left");
    }
}

/// P01 freeswitch#2279, P02 freeswitch#1863: what the header says is not what the sound is.
#[test]
fn a_header_that_lies_of_the_rate_is_refused_at_import() {
    let place = Place::new(TEXT);
    let sound = words(48_000, 4.0, 0.5);
    place.refuses("welcome.wav", &wav(8000, &sound), "its header's rate of 8000 Hz");
    let data = vec![1; 96_000];
    place.refuses("welcome.wav", &file(1, 44_100, 96_000, 2, 16, &data), "one is wrong");
    let whole = wav(48_000, &sound);
    place.refuses("welcome.wav", &whole[..whole.len() / 2], "cut short");
}

/// P05 baresip#2918: µ-law that plays far too fast.
#[test]
fn compressed_sound_is_refused_at_import_by_its_name() {
    let place = Place::new(TEXT);
    place.refuses("welcome.wav", &file(7, 8000, 8000, 1, 8, &[0x55; 32_000]), "µ-law");
    place.refuses("welcome.wav", &file(6, 8000, 8000, 1, 8, &[0x55; 32_000]), "A-law");
    place.refuses("welcome.wav", b"OggS and what follows", "no WAV, FLAC or MP3");
    place.refuses("welcome.flac", b"fLaC\0\0\0\x22 and no stream", "damaged");
}

/// P06 freeswitch#3168: nothing to play, or as good as nothing.
#[test]
fn what_is_too_short_to_be_played_is_refused_at_import() {
    let place = Place::new(TEXT);
    place.refuses("welcome.wav", b"", "empty");
    place.refuses("welcome.wav", &wav(16_000, &[]), "empty");
    place.refuses("welcome.wav", &wav(16_000, &[0.0; 16_000]), "silence");
    place.refuses("welcome.wav", &wav(16_000, &words(16_000, 0.03, 0.5)), "ms of it sound");
}

#[test]
fn what_should_be_listened_to_is_warned_of() {
    let said = |samples: &[f64]| {
        let place = Place::new(TEXT);
        std::fs::write(place.path("welcome.wav"), wav(16_000, samples)).unwrap();
        let (code, said) = place.import("welcome.wav");
        assert_eq!(code, 0, "{said}");
        said
    };
    assert!(said(&words(16_000, 4.0, 1.6)).contains("warning: it is clipped"));
    assert!(said(&words(16_000, 10.0, 0.5)).contains("warning: it lasts 10"));
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24) - 0.5
    };
    let noisy: Vec<f64> = words(16_000, 4.0, 0.5).iter().map(|sample| sample + 0.1 * noise()).collect();
    assert!(said(&noisy).contains("warning: its noise"));
}

#[test]
fn a_file_of_another_language_or_of_no_text_is_refused() {
    let place = Place::new(TEXT);
    std::fs::create_dir(place.path("zh-CN")).unwrap();
    let good = wav(8000, &words(8000, 4.0, 0.5));
    place.refuses("zh-CN/welcome.wav", &good, "a folder of zh-CN");
    place.refuses("welcom.wav", &good, "no text of the menu");
}

#[test]
fn a_recording_whose_text_changed_is_stale_until_it_is_recorded_again() {
    let place = Place::new(TEXT);
    std::fs::write(place.path("welcome.wav"), wav(8000, &words(8000, 4.0, 0.5))).unwrap();
    assert_eq!(place.import("welcome.wav").0, 0);
    let (code, said) = place.run(&["list"]);
    assert!(code == 0 && said.contains(TEXT) && said.contains("1 recordings, 0.1 minutes"), "{said}");
    let stale = || place.run(&["stale", "menu"]);
    let (code, said) = stale();
    assert!(code == 0 && said.contains("0 of 1"), "{said}");
    let new = "Welcome to the hotline of the province, we are glad that you call";
    place.say(new);
    let (code, said) = stale();
    assert!(code == 1 && said.contains(&format!("the text is now: {new}")), "{said}");
    assert_eq!(place.import("welcome.wav").0, 0);
    assert_eq!(stale().0, 0);
    let clips = ClipStore::load(&place.path("prompts")).unwrap();
    assert_eq!(clips.recordings(Language::En).len(), 1);
    assert_eq!(place.run(&["list", "--prompts", "nowhere"]).0, 2);
}
