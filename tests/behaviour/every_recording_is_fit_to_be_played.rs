//! Every recording of the tree sounds as loud as the others, begins and ends at once without a click, is nowhere clipped,
//! and says a text that is asked for: `tools/voice/report.py` measures the same and draws the tables.
//!
//! ```text
//!   |<- at most 40 ms ->|<------ sound ------>|<- at most 40 ms ->|     silence: quieter than -65 dBFS over 10 ms
//!   0                 active level -20 ± 1 dBFS                   0     the first and the last sample
//!                     no sample above -2.9 dBFS
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotline::audio::{ClipStore, SAMPLE_RATE, SPEECH_LEVEL, read_wav};
use hotline::facts::{Form, Language};
use hotline::menu::wanted_clips;
use hotline::speech::{Catalogue, Function, grammar};

use crate::support::hotline::{in_tree, menu};

/// How far a recording's level may be from [`SPEECH_LEVEL`], in dB.
const LEVEL_TOLERANCE: f64 = 1.0;
/// No sample may be louder, in dB of full scale.
const HIGHEST_PEAK: f64 = -2.9;
/// What is quieter over 10 ms is silence, in dB of full scale: a few of A-law's smallest steps.
const SILENCE_LEVEL: f64 = -65.0;
/// How long a recording may be silent at each end, in milliseconds.
const LONGEST_SILENCE: usize = 40;
/// The largest first and last sample: a larger one is a click where two clips meet.
const LARGEST_END: u16 = 32;

/// The menus whose texts are recorded.
const MENUS: [&str; 5] = ["12333", "bench/100", "bench/200", "bench/300", "bench/400"];

#[test]
fn level_silence_and_peaks_are_within_bounds() {
    let clips = ClipStore::load(&in_tree("prompts")).expect("8 kHz, mono, 16 bit, and as long as recordings.toml says");
    let mut faults = Vec::new();
    let mut count = 0;
    for recording in Language::ALL.iter().flat_map(|language| clips.recordings(*language)) {
        let samples = read_wav(&recording.path).expect("a file that was read before");
        faults.extend(faults_of(&samples).into_iter().map(|fault| format!("{}: {fault}", recording.path.display())));
        count += 1;
    }
    assert!(count > 600, "only {count} recordings");
    assert!(faults.is_empty(), "{} of {count} recordings:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_bounds_tell_a_bad_recording() {
    let rate = SAMPLE_RATE as usize;
    let tone = |peak: f64| -> Vec<i16> {
        let quiet = std::iter::repeat_n(0, rate / 100);
        let wave = (0..rate).map(|at| (peak * (at as f64 * 0.3).sin()) as i16);
        quiet.clone().chain(wave).chain(quiet).collect()
    };
    let good = tone(4634.0);
    assert_eq!(faults_of(&good), Vec::<String>::new());
    let told = |samples: &[i16], word: &str| {
        let faults = faults_of(samples);
        assert!(faults.iter().any(|fault| fault.contains(word)), "{word}: {faults:?}");
    };
    told(&tone(3900.0), "level");
    told(&tone(5500.0), "level");
    told(&[0; 8000], "nothing");
    told(&[good.as_slice(), &[0; 800]].concat(), "after");
    told(&[&[0; 800], good.as_slice()].concat(), "before");
    told(&good[100..], "click");
    let mut clipped = good.clone();
    clipped[4000] = i16::MIN;
    told(&clipped, "peak");
    let mut clicks = good;
    clicks[0] = 60;
    told(&clicks, "click");
}

#[test]
fn recordings_and_texts_agree() {
    let prompts = in_tree("prompts");
    let catalogue = Catalogue::from_dir(&prompts).expect("texts without faults");
    let clips = ClipStore::load(&prompts).expect("recordings without faults");
    let recorded: BTreeSet<_> = Language::ALL
        .into_iter()
        .flat_map(|language| {
            clips.recordings(language).iter().map(move |found| said(language, &found.text, found.form))
        })
        .collect();
    let wanted: BTreeSet<_> = MENUS
        .iter()
        .flat_map(|folder| wanted_clips(&menu(folder), &catalogue))
        .map(|clip| said(clip.language, &clip.text, clip.form))
        .collect();
    let pieces: BTreeSet<_> = Language::ALL
        .into_iter()
        .flat_map(|language| Function::ALL.map(|function| (language, function)))
        .flat_map(|(language, function)| {
            grammar::vocabulary_of(language, function).into_iter().map(move |(text, form)| said(language, &text, form))
        })
        .collect();
    let missing: Vec<_> = wanted.difference(&recorded).collect();
    assert!(missing.is_empty(), "texts without a recording: {missing:?}");
    let stale: Vec<_> = recorded.iter().filter(|text| !wanted.contains(*text) && !pieces.contains(*text)).collect();
    assert!(stale.is_empty(), "recordings of texts that nobody says any more: {stale:?}");
}

#[test]
fn no_file_lies_beside_the_list() {
    let prompts = in_tree("prompts");
    let clips = ClipStore::load(&prompts).expect("recordings without faults");
    let listed: BTreeSet<&Path> = Language::ALL
        .iter()
        .flat_map(|language| clips.recordings(*language))
        .map(|recording| recording.path.as_path())
        .collect();
    let mut found = Vec::new();
    wav_files(&prompts, &mut found);
    let unlisted: Vec<_> = found.iter().filter(|path| !listed.contains(path.as_path())).collect();
    assert!(unlisted.is_empty(), "not in recordings.toml: {unlisted:?}");
    assert_eq!(found.len(), listed.len(), "each file is listed once");
}

/// What is wrong with a recording, each with its figure.
fn faults_of(samples: &[i16]) -> Vec<String> {
    let mut faults = Vec::new();
    let millis = SAMPLE_RATE as usize / 1000;
    let sounds = |window: &[i16]| decibels(mean_square(window)) > SILENCE_LEVEL;
    // Windows of 10 ms, each a millisecond after the one before.
    let windows = samples.windows(10 * millis).step_by(millis);
    let Some(before) = windows.clone().position(sounds) else { return vec!["nothing is heard".into()] };
    let after = windows.rev().position(sounds).unwrap_or(0);
    for (place, silent) in [("before", before), ("after", after)] {
        // A window that begins to sound is silent but for its last millisecond.
        let silent = if silent == 0 { 0 } else { silent + 9 };
        if silent > LONGEST_SILENCE {
            faults.push(format!("{silent} ms of silence {place} the sound"));
        }
    }
    let level = active_level(samples);
    if (level - SPEECH_LEVEL).abs() > LEVEL_TOLERANCE {
        faults.push(format!("the level is {level:.1} dBFS"));
    }
    let peak = samples.iter().map(|sample| f64::from(*sample).powi(2)).fold(0.0, f64::max);
    if decibels(peak) > HIGHEST_PEAK {
        faults.push(format!("a peak of {:.1} dBFS", decibels(peak)));
    }
    if let (Some(first), Some(last)) = (samples.first(), samples.last())
        && first.unsigned_abs().max(last.unsigned_abs()) > LARGEST_END
    {
        faults.push(format!("a click at an end: the first sample is {first}, the last {last}"));
    }
    faults
}

/// The root mean square of the 20 ms frames, one each 10 ms, within 15 dB of the loudest: as `tools/voice/sound.py` has it.
/// The floor of [`hotline::audio::active_level`] is a fixed one, and a soft ending would count by chance.
fn active_level(samples: &[i16]) -> f64 {
    let hop = SAMPLE_RATE as usize / 100;
    let frames: Vec<f64> = samples.windows(2 * hop).step_by(hop).map(mean_square).collect();
    let floor = frames.iter().copied().fold(0.0, f64::max) / 10_f64.powf(1.5);
    let active: Vec<f64> = frames.into_iter().filter(|power| *power > floor).collect();
    decibels(active.iter().sum::<f64>() / active.len() as f64)
}

fn mean_square(samples: &[i16]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64
}

fn decibels(mean_square: f64) -> f64 {
    10.0 * (mean_square / f64::from(i16::MAX).powi(2)).log10()
}

fn said(language: Language, text: &Arc<str>, form: Form) -> (&'static str, String, &'static str) {
    (language.tag(), text.to_string(), form.name())
}

fn wav_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            wav_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "wav") {
            found.push(path);
        }
    }
}
