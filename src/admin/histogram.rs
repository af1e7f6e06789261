//! How long do things take? Counts of durations by size.
//!
//! A duration goes into the first bucket whose bound is not below it. The buckets are fixed, so two
//! histograms of a scale can be added and subtracted, and a scrape costs the same for ever.

use std::time::Duration;

/// Buckets of a scale, apart from the last one, which takes whatever is longer.
pub const BOUNDS: usize = 16;

/// The upper bounds of the buckets, in microseconds.
pub type Scale = [u64; BOUNDS];

/// From a tenth of a millisecond to ten seconds: for what somebody waits for.
pub const LATENCY: Scale = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// From ten microseconds to one second: for the turns of the loop.
pub const TURN: Scale = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
    500_000, 1_000_000,
];

/// From a tenth of a second to a day: for the lives of tunnels.
pub const LIFETIME: Scale = [
    100_000,
    1_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    1_200_000_000,
    3_600_000_000,
    7_200_000_000,
    14_400_000_000,
    28_800_000_000,
    43_200_000_000,
    86_400_000_000,
];

/// Durations, counted.
///
/// ```
/// use std::time::Duration;
/// use tidegate::admin::histogram::{Histogram, LATENCY};
///
/// let mut seen = Histogram::new(&LATENCY);
/// for millis in [1, 2, 3, 4, 400] {
///     seen.observe(Duration::from_millis(millis));
/// }
/// assert_eq!(seen.count(), 5);
/// assert!(seen.quantile(0.5).is_some_and(|seconds| seconds < 0.005));
/// assert!(seen.quantile(0.99).is_some_and(|seconds| seconds > 0.25));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    scale: &'static Scale,
    counts: [u64; BOUNDS + 1],
    /// All durations together, in microseconds.
    sum: u64,
}

impl Histogram {
    /// Nothing counted yet.
    pub const fn new(scale: &'static Scale) -> Self {
        Self { scale, counts: [0; BOUNDS + 1], sum: 0 }
    }

    /// Counts one duration.
    pub fn observe(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.scale.partition_point(|bound| *bound < micros);
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(micros);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum as f64 / 1e6
    }

    /// The bounds in seconds, each with how many were not longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        self.scale.iter().map(|micros| *micros as f64 / 1e6).zip(counts)
    }

    /// The duration, in seconds, that a share of all did not exceed: exact to the bucket, and
    /// evenly spread inside it. Beyond the last bound it is that bound. `None` of none.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share * self.count() as f64;
        let (mut before, mut lower) = (0.0, 0.0);
        for (bound, &count) in self.scale.iter().zip(&self.counts) {
            let (upper, here) = (*bound as f64 / 1e6, count as f64);
            if count > 0 && before + here >= rank {
                return Some(lower + (upper - lower) * ((rank - before) / here));
            }
            (before, lower) = (before + here, upper);
        }
        (self.count() > 0).then_some(lower)
    }

    /// Adds what another one of the same scale has counted.
    pub fn add(&mut self, other: &Self) {
        for (mine, others) in self.counts.iter_mut().zip(&other.counts) {
            *mine += others;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// What was counted since an earlier look at the same one.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (mine, before) in counts.iter_mut().zip(&earlier.counts) {
            *mine = mine.saturating_sub(*before);
        }
        Self { scale: self.scale, counts, sum: self.sum.saturating_sub(earlier.sum) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn scales_are_sorted_and_a_bound_belongs_to_its_own_bucket() {
        for scale in [&LATENCY, &TURN, &LIFETIME] {
            assert!(scale.is_sorted());
            for (position, bound) in scale.iter().enumerate() {
                let mut one = Histogram::new(scale);
                one.observe(Duration::from_micros(*bound));
                assert_eq!(one.counts[position], 1);
                one.observe(Duration::from_micros(bound + 1));
                assert_eq!(one.counts[position + 1], 1);
            }
        }
    }

    #[test]
    fn a_quantile_lies_in_the_bucket_of_the_value_that_sorting_finds() {
        let mut rng = StdRng::seed_from_u64(7);
        for round in 1..200 {
            let mut histogram = Histogram::new(&LATENCY);
            let mut micros: Vec<u64> =
                (0..round).map(|_| rng.random_range(1..9_000_000_u64) >> (round % 13)).collect();
            micros.sort_unstable();
            micros.iter().for_each(|m| histogram.observe(Duration::from_micros(*m)));
            for share in [0.01, 0.5, 0.99, 1.0] {
                let rank = ((share * round as f64).ceil() as usize).max(1);
                let exact = micros[rank - 1];
                let bucket = LATENCY.partition_point(|bound| *bound < exact);
                let lower = bucket.checked_sub(1).map_or(0, |below| LATENCY[below]);
                let found = histogram.quantile(share).unwrap() * 1e6;
                let within = found >= lower as f64 - 1e-3 && found <= LATENCY[bucket] as f64 + 1e-3;
                assert!(within, "{share} of {round}: {found}, exact {exact}");
            }
        }
        assert_eq!(Histogram::new(&LATENCY).quantile(0.5), None);
    }

    #[test]
    fn what_is_added_can_be_taken_off_again() {
        let (mut a, mut b) = (Histogram::new(&LATENCY), Histogram::new(&LATENCY));
        a.observe(Duration::from_millis(3));
        b.observe(Duration::from_secs(30));
        b.observe(Duration::from_millis(3));
        let mut both = a.clone();
        both.add(&b);
        assert_eq!(both.since(&a), b);
        assert_eq!(both.count(), 3);
        assert_eq!(b.quantile(1.0), Some(10.0));
    }
}
