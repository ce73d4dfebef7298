//! Tones: keys (ITU-T Q.23, Q.24), and the ring-back a caller hears before the answer.
//!
//! ```text
//!            1209  1336  1477  1633 Hz
//!   697 Hz    1     2     3     A
//!   770 Hz    4     5     6     B
//!   852 Hz    7     8     9     C
//!   941 Hz    *     0     #     D
//! ```

use std::f64::consts::TAU;
use std::time::Duration;

use crate::facts::Key;

use super::{SAMPLE_RATE, samples_in};

/// A sine whose peaks just fit 16 bits is +3.14 dBm0 in A-law, +3.17 in µ-law (G.711).
const FULL_SCALE_DBM0: f64 = 3.15;

/// A period of [`ring_back`].
pub const RING_BACK_PERIOD: Duration = Duration::from_secs(5);

/// One sine, starting at its zero. `level` in dBm0, at most +3.14.
pub fn sine(hertz: f64, level: f64, length: Duration) -> Vec<i16> {
    sum(&[hertz], level, length)
}

/// A key's two sines, each at `level` dBm0 (-8 is usual; above -3 they are clipped).
pub fn dtmf(key: Key, level: f64, length: Duration) -> Vec<i16> {
    let (row, column) = match key.symbol() {
        '1' => (697.0, 1209.0),
        '2' => (697.0, 1336.0),
        '3' => (697.0, 1477.0),
        'A' => (697.0, 1633.0),
        '4' => (770.0, 1209.0),
        '5' => (770.0, 1336.0),
        '6' => (770.0, 1477.0),
        'B' => (770.0, 1633.0),
        '7' => (852.0, 1209.0),
        '8' => (852.0, 1336.0),
        '9' => (852.0, 1477.0),
        'C' => (852.0, 1633.0),
        '*' => (941.0, 1209.0),
        '0' => (941.0, 1336.0),
        '#' => (941.0, 1477.0),
        _ => (941.0, 1633.0),
    };
    sum(&[row, column], level, length)
}

/// One period of the ring-back tone of GB/T 3380: 450 Hz at -10 dBm0, one second on and four off.
pub fn ring_back() -> Vec<i16> {
    let mut samples = sine(450.0, -10.0, Duration::from_secs(1));
    samples.resize(samples_in(RING_BACK_PERIOD), 0);
    samples
}

/// Sines of one level, added.
fn sum(hertz: &[f64], level: f64, length: Duration) -> Vec<i16> {
    let peak = f64::from(i16::MAX) * 10_f64.powf((level - FULL_SCALE_DBM0) / 20.0);
    (0..samples_in(length))
        .map(|sample| {
            let turn = TAU * sample as f64 / f64::from(SAMPLE_RATE);
            // A cast of a float to an integer holds it at the integer's ends.
            hertz.iter().map(|hertz| peak * (turn * hertz).sin()).sum::<f64>().round() as i16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goertzel's measure of one frequency, in dBm0.
    fn level_at(samples: &[i16], hertz: f64) -> f64 {
        let turn = TAU * hertz / f64::from(SAMPLE_RATE);
        let (mut re, mut im) = (0.0, 0.0);
        for (index, sample) in samples.iter().enumerate() {
            re += f64::from(*sample) * (turn * index as f64).cos();
            im += f64::from(*sample) * (turn * index as f64).sin();
        }
        let peak = 2.0 * (re * re + im * im).sqrt() / samples.len() as f64;
        20.0 * (peak / f64::from(i16::MAX)).log10() + FULL_SCALE_DBM0
    }

    #[test]
    fn every_key_is_two_tones_of_the_level_asked_for() {
        let tones = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
        for key in (0..16).filter_map(Key::from_event) {
            let samples = dtmf(key, -8.0, Duration::from_millis(200));
            let loud = tones.iter().filter(|hertz| (level_at(&samples, **hertz) + 8.0).abs() < 0.3).count();
            let quiet = tones.iter().filter(|hertz| level_at(&samples, **hertz) < -30.0).count();
            assert_eq!((loud, quiet), (2, 6), "{key}");
        }
    }

    #[test]
    fn the_ring_back_sounds_a_second_in_five() {
        let samples = ring_back();
        assert_eq!(samples.len(), 40_000);
        assert!(samples[..8000].iter().any(|sample| *sample > 5000));
        assert!(samples[8000..].iter().all(|sample| *sample == 0));
    }
}
