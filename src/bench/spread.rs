//! How a measured time is spread: its quantiles.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Times of up to 100 s, in microseconds, to three digits.
pub(super) struct Spread(Histogram<u64>);

/// Quantiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// The longest.
    pub most: f64,
}

impl Spread {
    const MOST_US: u64 = 100_000_000;

    pub(super) fn new() -> Spread {
        // These bounds are within what the library takes; it panics for others only.
        let histogram = Histogram::new_with_bounds(1, Spread::MOST_US, 3);
        Spread(histogram.unwrap_or_else(|_| unreachable!("bounds that the library takes")))
    }

    pub(super) fn record(&mut self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(microseconds);
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Quantiles { p50: at(0.5), p99: at(0.99), p999: at(0.999), most: self.0.max() as f64 / 1000.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut spread = Spread::new();
        (1..=1000).for_each(|time| spread.record(Duration::from_micros(time * 10)));
        let Quantiles { p50, p99, p999, most } = spread.quantiles();
        assert!((4.99..=5.01).contains(&p50) && (9.89..=9.92).contains(&p99), "{p50} {p99}");
        assert!((9.98..=10.01).contains(&p999) && (9.99..=10.01).contains(&most), "{p999} {most}");
    }
}
