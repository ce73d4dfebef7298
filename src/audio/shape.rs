//! Making a synthesizer's sound fit the telephone: resampled, trimmed, faded, levelled.

use std::time::Duration;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction};

use super::{SAMPLE_RATE, samples_in};

/// The level speech is brought to: the mean power of the parts that sound, in dB below the largest 16-bit square wave.
pub const SPEECH_LEVEL: f64 = -20.0;

/// What is quieter than this, in dB of full scale over 10 ms, is silence.
const SILENCE_LEVEL: f64 = -45.0;
/// Kept before the first sound and after the last, so that soft beginnings are not cut.
const MARGIN: Duration = Duration::from_millis(20);
/// No sample is made louder than this.
const PEAK: f64 = 30_000.0;

/// The samples at 8 kHz; nothing if the rate is none a sound card or synthesizer has (1000–192,000 Hz).
pub fn resample(samples: &[i16], from_rate: u32) -> Option<Vec<i16>> {
    if from_rate == SAMPLE_RATE || samples.is_empty() {
        return Some(samples.to_vec());
    }
    if !(1000..=192_000).contains(&from_rate) {
        return None;
    }
    let ratio = f64::from(SAMPLE_RATE) / f64::from(from_rate);
    let parameters = SincInterpolationParameters {
        sinc_len: 128,
        f_cutoff: Some(0.925),
        interpolation: SincInterpolationType::Quadratic,
        oversampling_factor: 256,
        window: WindowFunction::BlackmanHarris2,
    };
    let mut resampler = Async::<f32>::new_sinc(ratio, 1.0, &parameters, 1024, 1, FixedAsync::Input).ok()?;
    let input: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
    let adapter = InterleavedSlice::new(&input, 1, input.len()).ok()?;
    let output = resampler.process_all(&adapter, input.len(), None).ok()?;
    Some(output.take_data().into_iter().map(|sample| sample.round() as i16).collect())
}

/// Without the silence before the first sound and after the last, but for 20 ms of it. Nothing is left of what never
/// sounds.
pub fn trim(samples: &[i16]) -> &[i16] {
    let block = samples_in(Duration::from_millis(10));
    let sounds = |block: &&[i16]| decibels(mean_square(block)) > SILENCE_LEVEL;
    let blocks = samples.chunks(block);
    let Some(first) = blocks.clone().position(|block| sounds(&block)) else { return &[] };
    let last = samples.len().div_ceil(block) - 1 - blocks.rev().position(|block| sounds(&block)).unwrap_or(0);
    let margin = samples_in(MARGIN);
    let from = (first * block).saturating_sub(margin);
    let to = ((last + 1) * block).saturating_add(margin).min(samples.len());
    samples.get(from..to).unwrap_or(samples)
}

/// Raises the first and lets fall the last `length` evenly, so that clips set side by side do not click.
pub fn fade(samples: &mut [i16], length: Duration) {
    let steps = samples_in(length).min(samples.len() / 2).max(1);
    let share = |sample: &mut i16, step: usize| {
        let faded = f64::from(*sample) * step as f64 / steps as f64;
        *sample = faded.round() as i16;
    };
    samples.iter_mut().take(steps).enumerate().for_each(|(step, sample)| share(sample, step));
    samples.iter_mut().rev().take(steps).enumerate().for_each(|(step, sample)| share(sample, step));
}

/// Brings the parts that sound to `level` dB of full scale, or as near as the loudest sample allows.
pub fn level(samples: &mut [i16], level: f64) {
    let now = active_level(samples);
    if !now.is_finite() {
        return;
    }
    let loudest = samples.iter().map(|sample| f64::from(*sample).abs()).fold(1.0, f64::max);
    let gain = 10_f64.powf((level - now) / 20.0).min(PEAK / loudest);
    samples.iter_mut().for_each(|sample| *sample = (f64::from(*sample) * gain).round() as i16);
}

/// Mean power of the 10 ms blocks that sound, in dB of full scale; minus infinity where none does.
pub fn active_level(samples: &[i16]) -> f64 {
    let powers = samples.chunks(samples_in(Duration::from_millis(10))).map(mean_square);
    let (sum, count) = powers
        .filter(|power| decibels(*power) > SILENCE_LEVEL)
        .fold((0.0, 0_u32), |(sum, count), power| (sum + power, count + 1));
    decibels(sum / f64::from(count.max(1)))
}

fn mean_square(samples: &[i16]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64
}

fn decibels(mean_square: f64) -> f64 {
    10.0 * (mean_square / f64::from(i16::MAX).powi(2)).log10()
}

#[cfg(test)]
mod tests {
    use super::super::sine;
    use super::*;

    #[test]
    fn resampled_sound_keeps_its_length_and_level() {
        for rate in [11_025, 16_000, 22_050, 24_000, 44_100, 48_000] {
            let samples: Vec<i16> = (0..rate)
                .map(|index| {
                    let turn = std::f64::consts::TAU * f64::from(index) * 1000.0 / f64::from(rate);
                    (10_000.0 * turn.sin()) as i16
                })
                .collect();
            let ours = resample(&samples, rate).unwrap();
            assert!(ours.len().abs_diff(8000) <= 2, "{rate}: {}", ours.len());
            assert!((active_level(&ours) - active_level(&samples)).abs() < 0.2, "{rate}");
        }
        assert!(resample(&[1, 2, 3], 7).is_none());
    }

    #[test]
    fn what_lies_above_the_band_is_not_folded_into_it() {
        let samples: Vec<i16> = (0..24_000)
            .map(|index| (10_000.0 * (std::f64::consts::TAU * f64::from(index) * 7000.0 / 24_000.0).sin()) as i16)
            .collect();
        let ours = resample(&samples, 24_000).unwrap();
        assert!(decibels(mean_square(&ours[500..7500])) < -60.0);
    }

    #[test]
    fn silence_is_trimmed_and_the_level_is_reached() {
        let mut samples = vec![0; 4000];
        samples.extend(sine(440.0, -30.0, Duration::from_millis(500)));
        samples.extend(vec![0; 4000]);
        let mut trimmed = trim(&samples).to_vec();
        assert!((4000..4700).contains(&trimmed.len()));
        level(&mut trimmed, SPEECH_LEVEL);
        assert!((active_level(&trimmed) - SPEECH_LEVEL).abs() < 0.5);
        fade(&mut trimmed, Duration::from_millis(5));
        assert_eq!((trimmed[0], *trimmed.last().unwrap()), (0, 0));
        assert!(trim(&[0; 999]).is_empty());
        level(&mut [], SPEECH_LEVEL);
        fade(&mut [], MARGIN);
    }
}
