//! What a speaker recorded becomes what a caller hears: 8 kHz, without the silence around it, as loud as every other
//! recording; and what is wrong with it is told.
//!
//! ```text
//!   any rate ── 8 kHz ── trimmed to 20 ms of silence ── active level -20 dBFS, peaks held under -3.1 dBFS ── faded ends
//! ```

use std::time::Duration;

use super::decode::Sound;
use super::{SAMPLE_RATE, SPEECH_LEVEL, duration_of, fade, resample, samples_in, trim};

/// No sample is louder, in dB of full scale.
const PEAK: f64 = -3.1;
/// The shortest sound that is played: what is shorter is a click.
const SHORTEST: Duration = Duration::from_millis(100);
/// Noise nearer to the speech than this is heard on a telephone, in dB.
const LEAST_OVER_NOISE: f64 = 25.0;
/// So many samples at full scale one after another are a cut-off wave.
const CLIPPED_RUN: usize = 3;
/// How soon a peak's gain comes and goes.
const LIMITER: Duration = Duration::from_millis(5);
/// How long the ends rise and fall.
const FADE: Duration = Duration::from_millis(5);

/// A recording ready to be played.
#[derive(Debug)]
pub struct Fitted {
    /// 8 kHz.
    pub samples: Vec<i16>,
    /// What a person should listen to before it goes to callers.
    pub doubts: Vec<Doubt>,
}

/// What may be wrong with a recording.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// Waves cut off at full scale.
    #[error("it is clipped in {0} places; record it again with less gain")]
    Clipped(usize),
    /// Noise behind the speech.
    #[error("its noise is only {0:.0} dB below the speech; record it in a quieter room, nearer to the microphone")]
    Noisy(f64),
    /// Not as long as its text.
    #[error("it lasts {found:.1} s, where its text takes about {expected:.1}; listen whether it says this text")]
    Length {
        /// Seconds.
        found: f64,
        /// Seconds.
        expected: f64,
    },
}

/// Why a recording cannot be played.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeFault {
    /// Nothing is heard.
    #[error("there is only silence in it; record it again")]
    Silent,
    /// A click.
    #[error("only {} ms of it sound; record it again", .0.as_millis())]
    Short(Duration),
    /// The rate is out of range.
    #[error("its sampling rate is {0} Hz; record at 8000 to 192000 Hz")]
    Rate(u32),
    /// So far from its text's length that it is another text, or a header that lies of the rate.
    #[error(
        "it lasts {found:.1} s, where its text takes about {expected:.1}: another text, or its header's rate of {rate} Hz \
         is not its sound's; record it again, or import it with --any-length"
    )]
    Length {
        /// Seconds.
        found: f64,
        /// Seconds.
        expected: f64,
        /// As the file says.
        rate: u32,
    },
}

/// Makes a recording fit to be played. `expected` is about how long its text takes; any length will do without.
///
/// # Errors
/// Silence, a click, a length that no speaker of this text has.
pub fn fit(sound: &Sound, expected: Option<Duration>) -> Result<Fitted, IntakeFault> {
    let whole: Vec<i16> = sound.samples.iter().map(|sample| (sample * 32_767.0).round() as i16).collect();
    let mut doubts = Vec::new();
    let clipped = clipped_places(&sound.samples);
    if clipped > 0 {
        doubts.push(Doubt::Clipped(clipped));
    }
    let whole = resample(&whole, sound.rate).ok_or(IntakeFault::Rate(sound.rate))?;
    let loudest = whole.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    if loudest < 100 {
        return Err(IntakeFault::Silent);
    }
    if let Some(over) = over_noise(&whole).filter(|over| *over < LEAST_OVER_NOISE) {
        doubts.push(Doubt::Noisy(over));
    }
    // A quiet recording has its silence at a lower level: it is raised before that is looked for.
    let raised: Vec<f64> = whole.iter().map(|sample| f64::from(*sample)).collect();
    let raised = levelled(raised);
    let mut samples = trim(&raised).to_vec();
    let sounding = duration_of(samples.len());
    if samples.is_empty() {
        return Err(IntakeFault::Silent);
    }
    if sounding < SHORTEST {
        return Err(IntakeFault::Short(sounding));
    }
    doubts.extend(length_doubt(sounding, expected, sound.rate)?);
    fade(&mut samples, FADE);
    Ok(Fitted { samples, doubts })
}

fn length_doubt(found: Duration, expected: Option<Duration>, rate: u32) -> Result<Option<Doubt>, IntakeFault> {
    let Some(expected) = expected.map(|expected| expected.as_secs_f64()) else { return Ok(None) };
    let found = found.as_secs_f64();
    // Both with what a short word has around it.
    let ratio = (found + 0.3) / (expected + 0.3);
    if !(0.25..=4.0).contains(&ratio) {
        return Err(IntakeFault::Length { found, expected, rate });
    }
    Ok((!(0.5..=2.0).contains(&ratio)).then_some(Doubt::Length { found, expected }))
}

/// How often at least three samples one after another lie at full scale.
fn clipped_places(samples: &[f32]) -> usize {
    let runs =
        samples.chunk_by(|one, next| (one.abs() >= 0.999) == (next.abs() >= 0.999) && one.signum() == next.signum());
    runs.filter(|run| run.len() >= CLIPPED_RUN && run.first().is_some_and(|sample| sample.abs() >= 0.999)).count()
}

/// By how many dB the speech lies above what is heard between the words; nothing where nothing is.
fn over_noise(samples: &[i16]) -> Option<f64> {
    let mut powers = frames(samples.iter().map(|sample| f64::from(*sample)).collect::<Vec<_>>().as_slice());
    let speech = active_power(&powers);
    powers.sort_by(f64::total_cmp);
    // Where there is digital silence between the words, no noise is heard there.
    let quiet = powers.get(powers.len() / 20).filter(|power| **power > 1.0)?;
    Some(10.0 * (speech / quiet).log10())
}

/// Brought to [`SPEECH_LEVEL`], its peaks held down.
fn levelled(mut samples: Vec<f64>) -> Vec<i16> {
    // Holding peaks down takes away some of the level: a few rounds settle it.
    for _ in 0..4 {
        let now = active_power(&frames(&samples)).max(1e-9);
        let gain = (f64::from(i16::MAX) * 10_f64.powf(SPEECH_LEVEL / 20.0)) / now.sqrt();
        samples.iter_mut().for_each(|sample| *sample *= gain);
        limit(&mut samples, f64::from(i16::MAX) * 10_f64.powf(PEAK / 20.0));
    }
    samples.into_iter().map(|sample| sample.round() as i16).collect()
}

/// Holds every sample under a peak, by a gain that falls before it and rises after it.
fn limit(samples: &mut [f64], peak: f64) {
    let reach = samples_in(LIMITER);
    let needed: Vec<f64> = samples.iter().map(|sample| (peak / sample.abs().max(1e-9)).min(1.0)).collect();
    if needed.iter().all(|gain| *gain >= 1.0) {
        return;
    }
    let around = |values: &[f64], at: usize, fold: &dyn Fn(&[f64]) -> f64| {
        let window = values.get(at.saturating_sub(reach)..(at + reach + 1).min(values.len()));
        window.map_or(1.0, fold)
    };
    let least: Vec<f64> =
        (0..needed.len()).map(|at| around(&needed, at, &|window| window.iter().copied().fold(1.0, f64::min))).collect();
    for (at, sample) in samples.iter_mut().enumerate() {
        *sample *= around(&least, at, &|window| window.iter().sum::<f64>() / window.len().max(1) as f64);
    }
}

/// The mean square of each 20 ms, one each 10 ms.
fn frames(samples: &[f64]) -> Vec<f64> {
    let hop = SAMPLE_RATE as usize / 100;
    let square = |frame: &[f64]| frame.iter().map(|sample| sample * sample).sum::<f64>() / frame.len().max(1) as f64;
    samples.windows(2 * hop).step_by(hop).map(square).collect()
}

/// The mean of the frames within 15 dB of the loudest.
fn active_power(powers: &[f64]) -> f64 {
    let floor = powers.iter().copied().fold(0.0, f64::max) / 10_f64.powf(1.5);
    let (sum, count) = powers
        .iter()
        .filter(|power| **power > floor)
        .fold((0.0, 0_u32), |(sum, count), power| (sum + power, count + 1));
    sum / f64::from(count.max(1))
}
