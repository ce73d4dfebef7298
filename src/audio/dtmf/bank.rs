//! Goertzel's filter for each of the eight tones, over slices of 5 ms.
//!
//! ```text
//!   s[n] = x[n] + 2 cos ω · s[n-1] - s[n-2]                    a slice: 40 samples, eight tones side by side
//!   sum of x[n] · e^(-jωn) = (s[39] - e^(-jω) · s[38]) · e^(-jω·39)
//! ```
//!
//! Each slice's sums are turned back to the first sample of all, so the sums of several slices are those of one longer
//! stretch of sound.

use std::f32::consts::TAU;

/// Samples of a slice: 5 ms. Every tone is a whole number of hertz, so after 200 slices all of them are in phase again.
pub(super) const SLICE: usize = 40;
/// Tones of rows.
pub(super) const ROWS: usize = 4;
/// Tones of columns.
pub(super) const COLUMNS: usize = 4;
const TONES: usize = ROWS + COLUMNS;
const HERTZ: [f32; TONES] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
/// Slices after which all tones are in phase with the first sample.
const TURN: u8 = 200;
/// Slices whose samples are below 8 or so (-68 dBm0) count as silent, and cost next to nothing.
const SILENCE: f32 = 64.0 * SLICE as f32;

/// A tone's frequency: rows 0–3, columns 4–7.
pub(super) fn hertz(tone: usize) -> f32 {
    HERTZ.get(tone).copied().unwrap_or(f32::MAX)
}

/// What a stretch of sound holds of each tone, and its whole energy (the sum of squares).
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    real: [f32; TONES],
    imaginary: [f32; TONES],
    pub(super) energy: f32,
}

impl Slice {
    pub(super) const SILENT: Slice = Slice { real: [0.0; TONES], imaginary: [0.0; TONES], energy: 0.0 };

    /// The stretch made of these.
    pub(super) fn sum(slices: &[Slice]) -> Slice {
        let mut sum = Slice::SILENT;
        for slice in slices {
            sum.real.iter_mut().zip(slice.real).for_each(|(sum, part)| *sum += part);
            sum.imaginary.iter_mut().zip(slice.imaginary).for_each(|(sum, part)| *sum += part);
            sum.energy += slice.energy;
        }
        sum
    }

    /// The square of a tone's sum. Of a sine with energy E over n samples: E · n / 2.
    pub(super) fn power(&self, tone: usize) -> f32 {
        let (re, im) = self.tone(tone);
        re * re + im * im
    }

    /// A tone's sum, as a complex number.
    pub(super) fn tone(&self, tone: usize) -> (f32, f32) {
        let part = |parts: &[f32; TONES]| parts.get(tone).copied().unwrap_or_default();
        (part(&self.real), part(&self.imaginary))
    }
}

/// The filters.
#[derive(Clone, Debug)]
pub(super) struct Bank {
    cosine: [f32; TONES],
    sine: [f32; TONES],
    /// A slice's turn of each tone.
    step: [(f32, f32); TONES],
    /// What the next slice is turned by.
    turn: [(f32, f32); TONES],
    slices: u8,
}

impl Bank {
    pub(super) fn new() -> Bank {
        let angle = HERTZ.map(|hertz| TAU * hertz / 8000.0);
        let step = HERTZ.map(|hertz| {
            let (sine, cosine) = (TAU * (hertz * SLICE as f32 / 8000.0).fract()).sin_cos();
            (cosine, -sine)
        });
        Bank { cosine: angle.map(f32::cos), sine: angle.map(f32::sin), step, turn: [(1.0, 0.0); TONES], slices: 0 }
    }

    /// Begins a new time line.
    pub(super) fn reset(&mut self) {
        (self.turn, self.slices) = ([(1.0, 0.0); TONES], 0);
    }

    /// The next slice of sound.
    pub(super) fn analyse(&mut self, samples: &[f32; SLICE]) -> Slice {
        let mut slice = Slice::SILENT;
        slice.energy = samples.iter().map(|sample| sample * sample).sum();
        if slice.energy > SILENCE {
            self.filter(samples, &mut slice);
        }
        self.slices += 1;
        if self.slices >= TURN {
            self.reset();
        } else {
            for (turn, step) in self.turn.iter_mut().zip(self.step) {
                *turn = (turn.0 * step.0 - turn.1 * step.1, turn.0 * step.1 + turn.1 * step.0);
            }
        }
        slice
    }

    fn filter(&self, samples: &[f32; SLICE], slice: &mut Slice) {
        let double = self.cosine.map(|cosine| 2.0 * cosine);
        let (mut last, mut before) = ([0.0_f32; TONES], [0.0_f32; TONES]);
        for sample in samples {
            for ((last, before), double) in last.iter_mut().zip(&mut before).zip(double) {
                let next = (sample - *before) + double * *last;
                (*before, *last) = (*last, next);
            }
        }
        let parts = slice.real.iter_mut().zip(&mut slice.imaginary).zip(last.iter().zip(&before));
        let tones = self.cosine.iter().zip(&self.sine).zip(&self.turn);
        for (((real, imaginary), (last, before)), ((cosine, sine), turn)) in parts.zip(tones) {
            let (re, im) = (last - cosine * before, sine * before);
            *real = re * turn.0 - im * turn.1;
            *imaginary = re * turn.1 + im * turn.0;
        }
    }
}
