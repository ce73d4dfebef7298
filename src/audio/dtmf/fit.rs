//! The close look at 40 ms of sound: are two sines all there is, in enough of it?
//!
//! ```text
//!   slices of 5 ms    |   |   |   |   |   |   |   |   |     the strongest row and column, where they are strong at all
//!   spans of 5 ms      ---- ---- ----      ---- ---- ----   each fitted with two sines of free phase; one in which
//!   every 1.25 ms       ---- ---- ----      ---- ---- ----  little else is left is clean
//!   sound             ▁▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅████▅▅▅▅▅▅▅▅▅▅▅▅▅▅
//!                      the key            a click          clean spans in succession: the phase's way is the frequency
//! ```
//!
//! The phase is free because telephones, and what lies between, begin a tone anew after a click.

use std::f32::consts::{PI, TAU};

use super::bank::{self, COLUMNS, ROWS, SLICE, Slice};

/// Slices of the window: 40 ms.
pub(super) const SLICES: usize = 8;
/// Samples of the window.
pub(super) const WINDOW: usize = SLICES * SLICE;
/// Samples from one span to the next.
const PART: usize = 10;
const PARTS: usize = WINDOW / PART;
/// Parts of a span.
const LONG: usize = 4;
const SPAN: usize = LONG * PART;
const SPANS: usize = PARTS - LONG + 1;

/// Parts in clean spans that a key has at least, where next to nothing is left of them: 17.5 ms.
const GOOD_PARTS: usize = 14;
/// Where more is left, as by noise: 32.5 ms.
const MORE_GOOD_PARTS: usize = 26;
/// Next to nothing, and more, as shares of the energy of the clean spans.
const NOTHING_LEFT: f32 = 0.05;
const MORE_LEFT: f32 = 0.1;
/// Spans as loud as the key, or louder, that there are at least: the key lasts 33 ms.
const LOUD_SPANS: usize = 24;
/// How loud such a span is at least, as a share of the tones' energy.
const LOUD: f32 = 0.4;
/// What may be left of a clean span's energy.
const LEFT: f32 = 0.2;
/// A usual energy of a slice, against the middle one's.
const USUAL: (f32, f32) = (0.6, 1.5);
/// The least share of the usual slices' energy, by the bank's measure, that makes a closer look worth while.
const FIRST_SHARE: f32 = 0.4;
/// How much a tone's level may differ from its average, in power: 2 dB.
const STEADY: f32 = 1.6;
/// The peak of a sine of 0 dBm0.
const FULL_SCALE: f32 = 22_800.0;
/// The least peak of a tone: -38 dBm0.
const LEAST: f32 = FULL_SCALE * 0.012_6;
/// How many times stronger (in power) the row may be than the column: 12 dB.
const ROW_STRONGER: f32 = 15.8;
/// How many times stronger the column may be than the row: 8 dB.
const COLUMN_STRONGER: f32 = 6.3;
/// How far a tone may be off: this share of its frequency, and so many hertz.
const OFF: (f32, f32) = (0.015, 5.0);

/// A number with two sides: cosine and sine.
type Complex = (f32, f32);

/// Two tones that make a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) row: usize,
    pub(super) column: usize,
    /// Their energy in a slice.
    pub(super) energy: f32,
    /// The first sample of the window that is theirs.
    pub(super) first: usize,
}

/// The key that the window holds, if it holds one.
pub(super) fn pressed(sound: &[f32; WINDOW], slices: &[Slice; SLICES]) -> Option<Pair> {
    let (row, column) = likely(slices)?;
    let nominal = [bank::hertz(row), bank::hertz(column)];
    let found = frequencies(&spans(sound, nominal), nominal)?;
    let spans = spans(sound, found);
    let clean = || spans.iter().filter(|span| span.is_clean());
    let count = clean().count().max(1) as f32;
    let [low, high] = [0, 1].map(|tone| clean().map(|span| span.power(tone)).sum::<f32>() / count);
    let twisted = low > high * ROW_STRONGER || high > low * COLUMN_STRONGER;
    if low.min(high) < LEAST * LEAST || twisted {
        return None;
    }
    let mut good = [false; PARTS];
    for (at, span) in spans.iter().enumerate() {
        if span.is_clean() && is_steady(span.power(0), low) && is_steady(span.power(1), high) {
            good.iter_mut().skip(at).take(LONG).for_each(|good| *good = true);
        }
    }
    let good = good.iter().filter(|good| **good).count();
    let left = clean().map(|span| span.left).sum::<f32>() / count;
    let energy = (low + high) * 0.5 * SPAN as f32;
    let is_loud = |span: &Span| span.energy >= LOUD * energy;
    let enough = good >= if left <= NOTHING_LEFT { GOOD_PARTS } else { MORE_GOOD_PARTS }
        && left <= MORE_LEFT
        && spans.iter().filter(|span| is_loud(span)).count() >= LOUD_SPANS;
    let first = spans.iter().position(is_loud)? * PART;
    enough.then_some(Pair { row, column: column - ROWS, energy: energy * SLICE as f32 / SPAN as f32, first })
}

fn is_steady(power: f32, average: f32) -> bool {
    power <= average * STEADY && average <= power * STEADY
}

/// The strongest row and column by the bank, if they are strong enough for a closer look. Slices whose energy is not
/// near the middle one's do not count.
fn likely(slices: &[Slice; SLICES]) -> Option<(usize, usize)> {
    let mut sorted = [0.0; SLICES];
    sorted.iter_mut().zip(slices).for_each(|(energy, slice)| *energy = slice.energy);
    sorted.sort_unstable_by(f32::total_cmp);
    let middle = *sorted.get(SLICES / 2)?;
    if middle < LEAST * LEAST * 0.4 * SLICE as f32 {
        return None;
    }
    let usual = USUAL.0 * middle..=USUAL.1 * middle;
    let (mut powers, mut energy) = ([0.0; ROWS + COLUMNS], 0.0);
    for pair in slices.windows(2) {
        if pair.iter().all(|slice| usual.contains(&slice.energy)) {
            let both = Slice::sum(pair);
            energy += both.energy;
            powers.iter_mut().enumerate().for_each(|(tone, sum)| *sum += both.power(tone));
        }
    }
    let (rows, columns) = powers.split_at(ROWS);
    let ((row, low), (column, high)) = (strongest(rows)?, strongest(columns)?);
    // Of a sine, power is energy · samples / 2.
    (low + high > FIRST_SHARE * energy * SLICE as f32).then_some((row, ROWS + column))
}

fn strongest(powers: &[f32]) -> Option<(usize, f32)> {
    powers.iter().copied().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// 5 ms of sound with two sines fitted to it.
#[derive(Clone, Copy)]
struct Span {
    energy: f32,
    /// The peaks of row and column, as they are at the span's middle, against sines that run through the window.
    peaks: [Complex; 2],
    /// What is left of its energy without them, as a share.
    left: f32,
}

impl Span {
    /// Little else is in it.
    fn is_clean(&self) -> bool {
        self.left <= LEFT
    }

    fn power(&self, tone: usize) -> f32 {
        self.peaks.get(tone).map_or(0.0, |(re, im)| re * re + im * im)
    }
}

/// Fits two sines, of these frequencies, to every span.
fn spans(sound: &[f32; WINDOW], tones: [f32; 2]) -> [Span; SPANS] {
    let mut parts = [Part { energy: 0.0, sums: [(0.0, 0.0); 2] }; PARTS];
    let steps = tones.map(|hertz| turn(hertz, 1.0));
    let mut turns = [(1.0, 0.0); 2];
    for (part, samples) in parts.iter_mut().zip(sound.chunks_exact(PART)) {
        for sample in samples {
            part.energy += sample * sample;
            for ((sum, turn), step) in part.sums.iter_mut().zip(&mut turns).zip(steps) {
                *sum = (sum.0 + sample * turn.0, sum.1 - sample * turn.1);
                *turn = times(*turn, step);
            }
        }
    }
    let equations = Equations::of(tones);
    // The turn from the window's first sample to a span's middle.
    let mut middles = tones.map(|hertz| turn(hertz, (SPAN - 1) as f32 / 2.0));
    let steps = tones.map(|hertz| turn(hertz, PART as f32));
    let mut spans = [Span { energy: 0.0, peaks: [(0.0, 0.0); 2], left: 1.0 }; SPANS];
    for (span, parts) in spans.iter_mut().zip(parts.windows(LONG)) {
        let mut sums = [(0.0, 0.0); 2];
        for part in parts {
            span.energy += part.energy;
            sums.iter_mut().zip(part.sums).for_each(|(sum, part)| *sum = (sum.0 + part.0, sum.1 + part.1));
        }
        let [low, high] = sums;
        let [low_middle, high_middle] = middles;
        let sums = [times(low, low_middle), times(high, high_middle)];
        let (peaks, explained) = equations.solve(sums);
        // Seen from sines that run through the window, the phase of a tone of exactly their frequency stands still.
        let [low, high] = peaks;
        span.peaks = [times(low, conjugate(low_middle)), times(high, conjugate(high_middle))];
        span.left = if span.energy > 0.0 { 1.0 - explained / span.energy } else { 1.0 };
        middles.iter_mut().zip(steps).for_each(|(middle, step)| *middle = times(*middle, step));
    }
    spans
}

#[derive(Clone, Copy)]
struct Part {
    energy: f32,
    /// The sound times each sine.
    sums: [Complex; 2],
}

/// The normal equations of two sines in a span. Seen from its middle, cosines and sines are apart: two equations each.
struct Equations {
    /// Inverses, each as its two diagonal elements and the one beside them.
    cosines: [f32; 3],
    sines: [f32; 3],
}

impl Equations {
    fn of([low, high]: [f32; 2]) -> Equations {
        // The sum of a cosine over the span, seen from its middle.
        let sum = |hertz: f32| {
            let half = PI * hertz / 8000.0;
            if half.sin().abs() < 1e-6 { SPAN as f32 } else { (half * SPAN as f32).sin() / half.sin() }
        };
        let all = SPAN as f32;
        let matrix = |sign: f32| {
            let (one, other) = ((all + sign * sum(2.0 * low)) / 2.0, (all + sign * sum(2.0 * high)) / 2.0);
            let both = (sum(high - low) + sign * sum(high + low)) / 2.0;
            let determinant = one * other - both * both;
            [other / determinant, one / determinant, -both / determinant]
        };
        Equations { cosines: matrix(1.0), sines: matrix(-1.0) }
    }

    /// The peaks, from the sound times each sine; and the energy that they explain.
    fn solve(&self, [low, high]: [Complex; 2]) -> ([Complex; 2], f32) {
        let ([a, b, c], [d, e, f]) = (self.cosines, self.sines);
        let low_peak = (a * low.0 + c * high.0, d * low.1 + f * high.1);
        let high_peak = (c * low.0 + b * high.0, f * low.1 + e * high.1);
        let of_low = low.0 * low_peak.0 + low.1 * low_peak.1;
        let of_high = high.0 * high_peak.0 + high.1 * high_peak.1;
        ([low_peak, high_peak], of_low + of_high)
    }
}

/// What the frequencies are, if they are near enough to what they should be: by the way of the phases over clean spans
/// in succession.
fn frequencies(spans: &[Span; SPANS], nominal: [f32; 2]) -> Option<[f32; 2]> {
    let mut ways = [(0.0, 0.0); 2];
    for succession in spans.windows(LONG + 1) {
        if let ([first, .., last], true) = (succession, succession.iter().all(Span::is_clean)) {
            for ((way, before), after) in ways.iter_mut().zip(first.peaks).zip(last.peaks) {
                let step = times(after, conjugate(before));
                *way = (way.0 + step.0, way.1 + step.1);
            }
        }
    }
    let mut found = nominal;
    for (hertz, way) in found.iter_mut().zip(ways) {
        let off = way.1.atan2(way.0) / TAU * 8000.0 / SPAN as f32;
        if way == (0.0, 0.0) || off.abs() > OFF.0 * *hertz + OFF.1 {
            return None;
        }
        *hertz += off;
    }
    Some(found)
}

/// The turn of a sine in so many samples.
fn turn(hertz: f32, samples: f32) -> Complex {
    let (sine, cosine) = (TAU * (hertz * samples / 8000.0).fract()).sin_cos();
    (cosine, sine)
}

fn times(one: Complex, other: Complex) -> Complex {
    (one.0 * other.0 - one.1 * other.1, one.0 * other.1 + one.1 * other.0)
}

fn conjugate(one: Complex) -> Complex {
    (one.0, -one.1)
}
