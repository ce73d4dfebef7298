//! `hotline prompts play`: a message with values, as a caller would hear it, on the loudspeaker or into a file.

use std::process::Command;

use hotline::audio::{duration_of, read_wav};

use crate::support::hotline::in_tree;

fn play(arguments: &[&str]) -> (i32, String) {
    play_by(Command::new(env!("CARGO_BIN_EXE_hotline")), arguments)
}

fn play_by(mut hotline: Command, arguments: &[&str]) -> (i32, String) {
    let output = hotline
        .current_dir(in_tree(""))
        .args(["prompts", "play", "--menu", "voice-menus/12333", "--cache", "target/synthesized"])
        .args(arguments)
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn a_message_with_values_becomes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("balance.wav");
    let file = file.to_str().unwrap();
    let (code, said) = play(&["balance", "--language", "en", "--value", "pension=99.10", "--to", file]);
    assert!(code == 0 && said.contains("ninety-nine yuan and ten fen"), "{said}");
    let length = duration_of(read_wav(file.as_ref()).unwrap().len());
    assert!((5..20).contains(&length.as_secs()), "{length:?}");
    let (_, said) = play(&["balance", "--language", "en", "--slow", "--to", file]);
    assert!(said.contains("one thousand two hundred thirty-four yuan and five fen"), "{said}");
    assert!(duration_of(read_wav(file.as_ref()).unwrap().len()) > length, "slowly it takes longer");
}

#[test]
fn what_cannot_be_said_is_told() {
    let refused = |arguments: &[&str], reason: &str| {
        let (code, said) = play(arguments);
        assert!(code == 2 && said.contains(reason), "{said}");
    };
    refused(&["balanc"], "did you mean balance?");
    refused(&["balance", "--value", "pension=much"], "an amount in yuan");
    refused(&["welcome", "--value", "pension=1"], "no value pension");
}

/// ALSA's own file in place of a sound card: all that is said goes out to it.
#[cfg(all(target_os = "linux", feature = "sound-card"))]
#[test]
fn it_sounds_from_the_sound_card_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let (config, sound) = (folder.path().join("alsa.conf"), folder.path().join("sound.raw"));
    let card = format!(
        "pcm.nothing {{ type null }}\npcm.!default {{ type file slave.pcm \"nothing\" file \"{}\" format \"raw\" }}\n",
        sound.display()
    );
    std::fs::write(&config, card).unwrap();
    let mut hotline = Command::new(env!("CARGO_BIN_EXE_hotline"));
    hotline.env("ALSA_CONFIG_PATH", &config);
    let (code, said) = play_by(hotline, &["goodbye", "--language", "en"]);
    assert_eq!(code, 0, "{said}");
    let sound = std::fs::read(&sound).unwrap();
    let sounding = sound.iter().filter(|byte| **byte != 0).count();
    assert!(sounding > 8000, "{sounding} of {} bytes", sound.len());
}
