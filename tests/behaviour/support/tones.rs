//! Key tones made to measure, and what the detector makes of sound.

use std::f64::consts::TAU;

use hotline::audio::{Codec, DtmfDetector, Tone};
use hotline::facts::Key;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Every key, row by row.
pub const KEYS: &str = "123A456B789C*0#D";
pub const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
pub const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// A key as it is sent: how far each tone is off, its level in dBm0, how long.
#[derive(Clone, Copy)]
pub struct Press {
    pub key: char,
    pub row_off: f64,
    pub column_off: f64,
    pub row: f64,
    pub column: f64,
    pub milliseconds: f64,
}

impl Press {
    pub fn of(key: char, level: f64, milliseconds: f64) -> Press {
        Press { key, row_off: 0.0, column_off: 0.0, row: level, column: level, milliseconds }
    }

    pub fn samples(&self) -> Vec<f64> {
        let at = KEYS.find(self.key).expect("a key");
        let row = sine(ROWS[at / 4] * (1.0 + self.row_off), self.row, self.milliseconds);
        let column = sine(COLUMNS[at % 4] * (1.0 + self.column_off), self.column, self.milliseconds);
        row.iter().zip(column).map(|(row, column)| row + column).collect()
    }
}

/// The peak of a sine of a level in dBm0.
pub fn peak(level: f64) -> f64 {
    32767.0 * 10_f64.powf((level - 3.15) / 20.0)
}

pub fn sine(hertz: f64, level: f64, milliseconds: f64) -> Vec<f64> {
    let turn = TAU * hertz / 8000.0;
    (0..(milliseconds * 8.0).round() as usize).map(|at| peak(level) * (turn * at as f64).sin()).collect()
}

pub fn silence(milliseconds: f64) -> Vec<f64> {
    vec![0.0; (milliseconds * 8.0).round() as usize]
}

/// Presses with pauses between, the first after one.
pub fn line(presses: impl IntoIterator<Item = Press>, pause: f64) -> Vec<f64> {
    let mut line = silence(pause);
    for press in presses {
        line.extend(press.samples());
        line.extend(silence(pause));
    }
    line
}

/// White noise of a level in dBm0, nearly Gaussian.
pub struct Noise {
    chance: ChaCha8Rng,
    scale: f64,
}

impl Noise {
    pub fn new(level: f64, seed: u64) -> Noise {
        Noise { chance: ChaCha8Rng::seed_from_u64(seed), scale: peak(level) / 2_f64.sqrt() }
    }

    pub fn sample(&mut self) -> f64 {
        let uniform: f64 = (0..12).map(|_| f64::from(self.chance.next_u32()) / f64::from(u32::MAX)).sum();
        (uniform - 6.0) * self.scale
    }

    pub fn over(&mut self, sound: &[f64]) -> Vec<f64> {
        sound.iter().map(|sample| sample + self.sample()).collect()
    }
}

/// Sound as it comes from the network.
pub fn through(codec: Codec, sound: &[f64]) -> Vec<i16> {
    sound.iter().map(|sample| codec.law().decode(codec.law().encode(*sample as i16))).collect()
}

/// What the detector tells of sound.
pub fn told(sound: &[i16]) -> Vec<Tone> {
    let (mut detector, mut told) = (DtmfDetector::new(), Vec::new());
    detector.hear(sound.iter().copied(), |tone| told.push(tone));
    told
}

pub fn keys(sound: &[i16]) -> String {
    let downs = told(sound).into_iter().filter_map(|tone| match tone {
        Tone::Down { key, .. } => Some(key.symbol()),
        Tone::Up { .. } => None,
    });
    downs.collect()
}

/// The keys that A-law sound holds.
pub fn heard(sound: &[f64]) -> String {
    keys(&through(Codec::Pcma, sound))
}

/// A key of the keypad.
pub fn key(symbol: char) -> Key {
    Key::from_char(symbol).expect("a key")
}
