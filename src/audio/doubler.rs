//! 8 kHz samples to 16 kHz, packet by packet: the sample itself, then the one halfway to the next, by a half-band filter.
//!
//! ```text
//!   in      a       b       c       d             8 kHz
//!   out     a  ab   b  bc   c  cd   d             16 kHz, twelve samples of the input later
//! ```

use std::f32::consts::PI;

/// Samples of the input that one sample halfway is made of, half of them on either side.
const TAPS: usize = 24;

/// A stream's state. Of a fixed size.
pub(super) struct Doubler {
    weights: [f32; TAPS],
    /// The last samples, the newest at the end.
    last: [f32; TAPS],
}

impl Doubler {
    pub(super) fn new() -> Doubler {
        let weight = |index| {
            let distance = index as f32 - (TAPS as f32 - 1.0) / 2.0;
            let window = 0.5 + 0.5 * (2.0 * PI * distance / (TAPS as f32 + 1.0)).cos();
            window * (PI * distance).sin() / (PI * distance)
        };
        let mut weights: [f32; TAPS] = std::array::from_fn(weight);
        // A steady sound stays as loud as it is.
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Doubler { weights, last: [0.0; TAPS] }
    }

    /// Writes two samples for each one, as many as there is room for, and returns how many.
    pub(super) fn double(&mut self, samples: &[i16], out: &mut [i16]) -> usize {
        let mut written = 0;
        for (sample, [whole, half]) in samples.iter().zip(out.as_chunks_mut::<2>().0) {
            self.last.rotate_left(1);
            let [.., newest] = &mut self.last;
            *newest = f32::from(*sample);
            let sum: f32 = self.weights.iter().zip(&self.last).map(|(weight, sample)| weight * sample).sum();
            // Saturates.
            *whole = self.last.get(TAPS / 2 - 1).map_or(0, |sample| *sample as i16);
            *half = sum.round() as i16;
            written += 2;
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_is_halfway() {
        for hertz in [100.0, 1000.0, 3000.0, 3400.0] {
            let at = |time: f32| 10_000.0 * (2.0 * PI * hertz * time / 8000.0).sin();
            let samples: Vec<i16> = (0..400).map(|index| at(index as f32) as i16).collect();
            let (mut doubler, mut out) = (Doubler::new(), [0; 800]);
            let first = doubler.double(&samples[..77], &mut out);
            assert_eq!(first + doubler.double(&samples[77..], &mut out[first..]), 800);
            let wrong = (100..800).map(|index| {
                let time = index as f32 / 2.0 - TAPS as f32 / 2.0;
                (f32::from(out[index]) - at(time)).abs()
            });
            let most = wrong.fold(0.0, f32::max);
            assert!(most < 300.0, "{hertz} Hz: {most}");
        }
        assert_eq!(Doubler::new().double(&[1; 9], &mut [0; 7]), 6);
    }
}
