//! Whether two samples are of one distribution: the two-sample Kolmogorov–Smirnov test, which sees any difference, and the
//! Mann–Whitney test, which sees a shift sooner.

/// The greatest difference of two sorted samples' distributions, and the probability of one as great or greater between
/// samples of one distribution (asymptotic, with Stephens's correction for the samples' size).
pub(super) fn kolmogorov_smirnov(one: &[f64], other: &[f64]) -> (f64, f64) {
    let (mut i, mut j, mut greatest) = (0, 0, 0.0_f64);
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let least = a.min(*b);
        while one.get(i).is_some_and(|time| *time <= least) {
            i += 1;
        }
        while other.get(j).is_some_and(|time| *time <= least) {
            j += 1;
        }
        let difference = i as f64 / one.len() as f64 - j as f64 / other.len() as f64;
        greatest = greatest.max(difference.abs());
    }
    let size = (one.len() as f64 * other.len() as f64 / (one.len() + other.len()) as f64).sqrt();
    let lambda = (size + 0.12 + 0.11 / size) * greatest;
    let term = |k: f64| (-1_f64).powf(k - 1.0) * (-2.0 * k * k * lambda * lambda).exp();
    let p = if lambda < 0.3 { 1.0 } else { 2.0 * (1..=100).map(|k| term(f64::from(k))).sum::<f64>() };
    (greatest, p.clamp(0.0, 1.0))
}

/// The probability, two-sided, of ranks as far apart as these or farther between samples of one distribution: by the normal
/// approximation; times to the nanosecond are hardly ever equal.
pub(super) fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = one.iter().map(|time| (*time, true)).collect();
    all.extend(other.iter().map(|time| (*time, false)));
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let ranks: f64 = (1_u32..).zip(&all).filter(|(_, (_, first))| *first).map(|(rank, _)| f64::from(rank)).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = ranks - n * (n + 1.0) / 2.0;
    let z = (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    2.0 * normal_tail(z.abs())
}

/// The part of the normal distribution beyond z (Abramowitz and Stegun 26.2.17: off by 7.5e-8 at most).
fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = series.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn the_tests_know_one_distribution_from_two() {
        let mut chance = rand::rngs::StdRng::seed_from_u64(1);
        let mut sample = |shift: f64| {
            let mut sample: Vec<f64> = (0..2_000).map(|_| chance.random::<f64>() + shift).collect();
            sample.sort_unstable_by(f64::total_cmp);
            sample
        };
        let (one, same, later) = (sample(0.0), sample(0.0), sample(0.1));
        assert!(kolmogorov_smirnov(&one, &same).1 > 0.01 && mann_whitney(&one, &same) > 0.01);
        let (difference, p) = kolmogorov_smirnov(&one, &later);
        assert!((0.07..0.14).contains(&difference) && p < 1e-6, "{difference} {p}");
        assert!(mann_whitney(&one, &later) < 1e-6);
    }

    #[test]
    fn probabilities_are_those_of_the_tables() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.158_655), (1.959_964, 0.025), (3.0, 0.001_349_9)] {
            assert!((normal_tail(z) - p).abs() < 1e-6, "{z}");
        }
        // Two samples of 100 that differ by 0.19 are told apart at 5 %: D = 1.358 / sqrt(50) = 0.192.
        let one: Vec<f64> = (0..100).map(f64::from).collect();
        let shifted = |by: f64| one.iter().map(|time| time + by).collect::<Vec<f64>>();
        assert!(kolmogorov_smirnov(&one, &shifted(18.5)).1 > 0.04);
        assert!(kolmogorov_smirnov(&one, &shifted(20.5)).1 < 0.04);
    }
}
