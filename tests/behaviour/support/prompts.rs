//! A menu of one text, its prompts, and what a speaker would send of it.

use std::path::PathBuf;
use std::process::Command;

use super::hotline::in_tree;

/// A menu that says one text, in a folder of its own.
pub struct Place(tempfile::TempDir);

impl Place {
    /// A menu that says `text`, and nothing recorded.
    pub fn new(text: &str) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(place.path("prompts/en")).unwrap();
        std::fs::create_dir_all(place.path("menu")).unwrap();
        let menu = "[hotline]\nname = \"small\"\nstart = \"welcome\"\nlanguages = [\"en\"]\n\n[defaults]\ngave-up = \"end\"\n\
                    person = \"end\"\nunavailable = \"end\"\n\n[welcome]\nsay = \"welcome\"\nthen = \"end\"\n\n[end]\nhang-up = true\n";
        std::fs::write(place.path("menu/menu.toml"), menu).unwrap();
        std::fs::copy(in_tree("prompts/en/common.ftl"), place.path("prompts/en/common.ftl")).unwrap();
        place.say(text);
        place
    }

    pub fn say(&self, text: &str) {
        std::fs::write(self.path("prompts/en/menu.ftl"), format!("welcome = {text}\n")).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `hotline prompts` here: its exit code, and what it says.
    pub fn run(&self, arguments: &[&str]) -> (i32, String) {
        self.run_with(&[], arguments)
    }

    /// The same in an environment.
    pub fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
        let mut hotline = Command::new(env!("CARGO_BIN_EXE_hotline"));
        hotline.envs(environment.iter().copied()).current_dir(self.0.path());
        let output = hotline.arg("prompts").args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }
}

/// Words of a voice: a tone that swells and ebbs, half a second of silence around it; `rate` samples a second.
pub fn words(rate: u32, seconds: f64, peak: f64) -> Vec<f64> {
    let silence = vec![0.0; rate as usize / 2];
    let sound = (0..(f64::from(rate) * seconds) as usize).map(|at| {
        let time = at as f64 / f64::from(rate);
        let swell = (time * 9.0).sin().abs();
        peak * swell * (time * 300.0 * std::f64::consts::TAU).sin()
    });
    silence.iter().copied().chain(sound).chain(silence.iter().copied()).collect()
}

/// A WAV file with a header that says `rate`; 16 bit, mono.
pub fn wav(rate: u32, samples: &[f64]) -> Vec<u8> {
    let data: Vec<u8> =
        samples.iter().flat_map(|sample| ((sample.clamp(-1.0, 1.0) * 32767.0) as i16).to_le_bytes()).collect();
    file(1, rate, rate * 2, 2, 16, &data)
}

pub fn file(format: u16, rate: u32, bytes_a_second: u32, frame: u16, bits: u16, data: &[u8]) -> Vec<u8> {
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
