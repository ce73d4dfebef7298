//! `hotline prompts import` takes in what a speaker sent, so that it sounds as every other recording does; a file that a
//! caller would hear too fast, too slow or not at all is refused with the reason, and then nothing is changed. What is
//! recorded from a text that changed is told.

use std::path::{Path, PathBuf};
use std::process::Command;

use hotline::audio::{ClipStore, active_level, read_wav};
use hotline::facts::{Form, Language};

use crate::support::prompts::{Place, file, wav, words};

const TEXT: &str = "Welcome to the hotline of the city, we are glad that you call";

fn import(place: &Place, file: &str) -> (i32, String) {
    place.run(&["import", "--menu", "menu", "--language", "en", "--voice", "Test", "--made", "2026-11-01", file])
}

/// The file is refused for this reason, and the prompts are as they were.
fn refuses(place: &Place, name: &str, bytes: &[u8], reason: &str) {
    std::fs::write(place.path(name), bytes).unwrap();
    let before = everything_in(&place.path("prompts"));
    let (code, said) = import(place, name);
    assert!(code == 1 && said.contains(reason) && said.contains(name), "{reason}: {code} {said}");
    assert_eq!(everything_in(&place.path("prompts")), before);
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

/// P03 instedd/verboice#497: rates that are not the telephone's are converted before any call.
#[test]
fn a_recording_of_any_rate_becomes_one_that_is_played() {
    for (rate, peak) in [(8000, 0.9), (44_100, 0.05), (48_000, 0.5)] {
        let place = Place::new(TEXT);
        std::fs::write(place.path("welcome.wav"), wav(rate, &words(rate, 4.0, peak))).unwrap();
        let (code, said) = import(&place, "welcome.wav");
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
    refuses(&place, "welcome.wav", &wav(8000, &sound), "its header's rate of 8000 Hz");
    let data = vec![1; 96_000];
    refuses(&place, "welcome.wav", &file(1, 44_100, 96_000, 2, 16, &data), "one is wrong");
    let whole = wav(48_000, &sound);
    refuses(&place, "welcome.wav", &whole[..whole.len() / 2], "cut short");
}

/// P05 baresip#2918: µ-law that plays far too fast.
#[test]
fn compressed_sound_is_refused_at_import_by_its_name() {
    let place = Place::new(TEXT);
    refuses(&place, "welcome.wav", &file(7, 8000, 8000, 1, 8, &[0x55; 32_000]), "µ-law");
    refuses(&place, "welcome.wav", &file(6, 8000, 8000, 1, 8, &[0x55; 32_000]), "A-law");
    refuses(&place, "welcome.wav", b"OggS and what follows", "no WAV, FLAC or MP3");
    refuses(&place, "welcome.flac", b"fLaC\0\0\0\x22 and no stream", "damaged");
}

/// P06 freeswitch#3168: nothing to play, or as good as nothing.
#[test]
fn what_is_too_short_to_be_played_is_refused_at_import() {
    let place = Place::new(TEXT);
    refuses(&place, "welcome.wav", b"", "empty");
    refuses(&place, "welcome.wav", &wav(16_000, &[]), "empty");
    refuses(&place, "welcome.wav", &wav(16_000, &[0.0; 16_000]), "silence");
    refuses(&place, "welcome.wav", &wav(16_000, &words(16_000, 0.03, 0.5)), "ms of it sound");
}

#[test]
fn what_should_be_listened_to_is_warned_of() {
    let said = |samples: &[f64]| {
        let place = Place::new(TEXT);
        std::fs::write(place.path("welcome.wav"), wav(16_000, samples)).unwrap();
        let (code, said) = import(&place, "welcome.wav");
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
    refuses(&place, "zh-CN/welcome.wav", &good, "a folder of zh-CN");
    refuses(&place, "welcom.wav", &good, "no text of the menu");
}

#[test]
fn a_recording_whose_text_changed_is_stale_until_it_is_recorded_again() {
    let place = Place::new(TEXT);
    std::fs::write(place.path("welcome.wav"), wav(8000, &words(8000, 4.0, 0.5))).unwrap();
    assert_eq!(import(&place, "welcome.wav").0, 0);
    let (code, said) = place.run(&["list"]);
    assert!(code == 0 && said.contains(TEXT) && said.contains("1 recordings, 0.1 minutes"), "{said}");
    let stale = || place.run(&["stale", "menu"]);
    let (code, said) = stale();
    assert!(code == 0 && said.contains("0 of 1"), "{said}");
    let new = "Welcome to the hotline of the province, we are glad that you call";
    place.say(new);
    let (code, said) = stale();
    assert!(code == 1 && said.contains(&format!("the text is now: {new}")), "{said}");
    assert_eq!(import(&place, "welcome.wav").0, 0);
    assert_eq!(stale().0, 0);
    let clips = ClipStore::load(&place.path("prompts")).unwrap();
    assert_eq!(clips.recordings(Language::En).len(), 1);
    assert_eq!(place.run(&["list", "--prompts", "nowhere"]).0, 2);
}

/// A real encoder's file: what `program` makes of a WAV file on its standard input.
fn encoded(program: &str, arguments: &[&str], wav: &[u8]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.wav"), folder.path().join("to"));
    std::fs::write(&from, wav).unwrap();
    let files = arguments.iter().map(|argument| match *argument {
        "FROM" => from.clone().into_os_string(),
        "TO" => to.clone().into_os_string(),
        other => other.into(),
    });
    match Command::new(program).args(files).output() {
        Err(_) => {
            eprintln!("skipped: {program} is not installed; tools/setup.sh installs it");
            None
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(std::fs::read(to).unwrap())
        }
    }
}

/// FLAC keeps every sample and MP3 the sound: taken in, both are what the WAV file is.
#[test]
fn flac_and_mp3_of_foreign_encoders_become_the_same_recording() {
    for rate in [16_000, 44_100, 48_000] {
        let sound = wav(rate, &words(rate, 4.0, 0.5));
        let taken = |name: &str, bytes: &[u8]| {
            let place = Place::new(TEXT);
            std::fs::write(place.path(name), bytes).unwrap();
            let (code, said) = import(&place, name);
            assert!(code == 0 && !said.contains("warning"), "{name} {rate}: {said}");
            read_wav(&place.path("prompts/en/welcome.wav")).unwrap()
        };
        let plain = taken("welcome.wav", &sound);
        if let Some(flac) = encoded("flac", &["--silent", "-o", "TO", "FROM"], &sound) {
            assert_eq!(taken("welcome.flac", &flac), plain, "{rate}");
            let place = Place::new(TEXT);
            refuses(&place, "welcome.flac", &flac[..flac.len() / 2], "");
            let mut damaged = flac.clone();
            let middle = damaged.len() / 2;
            damaged[middle] ^= 0x10;
            refuses(&place, "welcome.flac", &damaged, "");
        }
        for arguments in [&["--quiet", "FROM", "TO"][..], &["--quiet", "-V", "2", "FROM", "TO"]] {
            let Some(mp3) = encoded("lame", arguments, &sound) else { continue };
            let taken = taken("welcome.mp3", &mp3);
            assert!(taken.len().abs_diff(plain.len()) < 200, "{rate}: {} for {}", taken.len(), plain.len());
            assert!((active_level(&taken) - active_level(&plain)).abs() < 0.5, "{rate}");
            // The same sound at the same place: what differs is far below it.
            let apart = difference(&taken, &plain);
            assert!(apart < -20.0, "{rate}: {apart} dB");
        }
    }
}

/// By how many dB the difference of two sounds lies below the second, where they lie best on each other.
fn difference(one: &[i16], other: &[i16]) -> f64 {
    let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|sample| sample * sample).sum::<f64>();
    let whole = power(&mut other.iter().map(|sample| f64::from(*sample)));
    let shifted = (-100_isize..=100).map(|shift| {
        let pairs = other.iter().enumerate().filter_map(|(at, sample)| {
            let there = one.get(usize::try_from(at as isize + shift).ok()?)?;
            Some(f64::from(*sample) - f64::from(*there))
        });
        power(&mut pairs.into_iter())
    });
    10.0 * (shifted.fold(f64::INFINITY, f64::min) / whole).log10()
}

/// A line that is put between others takes the number of the line after it: that one's recording must not be lost.
#[test]
fn a_line_put_between_others_takes_no_recording_from_them() {
    let place = Place::new("\n    The first line is this one here.\n    The last line is this one here.");
    let sound = wav(8000, &words(8000, 2.0, 0.5));
    for name in ["welcome-1.wav", "welcome-2.wav"] {
        std::fs::write(place.path(name), &sound).unwrap();
        assert_eq!(import(&place, name).0, 0);
    }
    place.say(
        "\n    The first line is this one here.\n    A line is put between them.\n    The last line is this one here.",
    );
    let (_, said) = place.run(&["missing", "menu"]);
    let file = said.split_whitespace().find(|word| word.starts_with("welcome")).unwrap().to_owned();
    std::fs::write(place.path(&file), &sound).unwrap();
    assert_eq!(import(&place, &file).0, 0, "{file}");
    let (_, said) = place.run(&["missing", "menu"]);
    assert!(!said.contains("welcome"), "{said}");
    let clips = ClipStore::load(&place.path("prompts")).unwrap();
    for text in ["The first line is this one here", "A line is put between them", "The last line is this one here"] {
        assert!(clips.find(Language::En, text, Form::Plain).is_some(), "{text}");
    }
}
