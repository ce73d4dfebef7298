//! In-band keys in recordings: 200 of tones with bursts of noise in each, and speech that must hold none.

use std::path::{Path, PathBuf};

use hotline::audio::Codec;

use crate::support::hotline::in_tree;
use crate::support::tones::{keys, told};

fn samples(file: &Path) -> Vec<i16> {
    hound::WavReader::open(file).expect("a WAV").into_samples::<i16>().map(|sample| sample.expect("a sample")).collect()
}

fn coded(samples: &[i16], codec: Codec) -> Vec<i16> {
    samples.iter().map(|sample| codec.law().decode(codec.law().encode(*sample))).collect()
}

fn recordings(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            recordings(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "wav") {
            found.push(path);
        }
    }
}

/// Hours of speech, and the files in which there was a key.
fn listen(folder: &Path, codec: Codec) -> (f64, Vec<PathBuf>) {
    let (mut files, mut length, mut wrong) = (Vec::new(), 0, Vec::new());
    recordings(folder, &mut files);
    for file in files {
        let sound = samples(&file);
        length += sound.len();
        if !told(&coded(&sound, codec)).is_empty() {
            wrong.push(file);
        }
    }
    (length as f64 / 8000.0 / 3600.0, wrong)
}

#[test]
fn two_hundred_recordings_are_read_to_their_labels() {
    let folder = in_tree("../shared/foreign/dtmf-wav");
    let Ok(labels) = std::fs::read_to_string(folder.join("labels.tsv")) else {
        eprintln!("skipped: there is no {}", folder.display());
        return;
    };
    let mut read = 0;
    for line in labels.lines().skip(1) {
        let (file, digits) = line.split_once('\t').expect("file and digits");
        let sound = samples(&folder.join(file));
        for codec in [Codec::Pcma, Codec::Pcmu] {
            assert_eq!(keys(&coded(&sound, codec)), digits, "{file}");
        }
        read += 1;
    }
    assert_eq!(read, 200);
}

#[test]
fn our_own_prompts_hold_no_key() {
    let (hours, wrong) = listen(&in_tree("prompts"), Codec::Pcma);
    assert!(hours > 0.2, "{hours} hours of prompts");
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Two hours in five languages, if Debian's `asterisk-core-sounds-{en,es,fr,it,ru}-wav` are installed, or other 8 kHz
/// recordings in a folder that `SPEECH` names.
#[test]
fn hours_of_speech_in_five_languages_hold_no_key() {
    let folder = std::env::var_os("SPEECH").map_or_else(|| PathBuf::from("/usr/share/asterisk/sounds"), PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: there is no {}; SPEECH names another folder of 8 kHz recordings", folder.display());
        return;
    }
    let (hours, wrong) = listen(&folder, Codec::Pcma);
    eprintln!("{hours:.2} hours");
    assert!(wrong.is_empty(), "{wrong:?}");
}
