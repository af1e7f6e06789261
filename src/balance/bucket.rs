//! How many new tunnels at once? So many a second, and a few at a stroke after a quiet time.
//!
//! The token bucket in the form that needs no refilling (the generic cell rate algorithm): it
//! remembers when the next one would be due if all came at the exact rate, and lets them come early
//! by as much as the burst allows.

use std::time::{Duration, Instant};

/// Admits at most `rate` a second in the long run, and at most `burst` at a stroke.
///
/// ```
/// use std::time::{Duration, Instant};
/// use tidegate::balance::bucket::Bucket;
///
/// let start = Instant::now();
/// let mut bucket = Bucket::new(10, 2, start);
/// assert!(bucket.take(start) && bucket.take(start));
/// assert!(!bucket.take(start));
/// assert!(bucket.take(start + Duration::from_millis(100)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Between two at the exact rate.
    interval: Duration,
    /// How early one may come.
    tolerance: Duration,
    /// When the next one would be due at the exact rate.
    due: Instant,
}

impl Bucket {
    /// A full bucket; a rate or burst of zero counts as one.
    pub fn new(rate: u32, burst: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / rate.max(1);
        Self { interval, tolerance: interval * (burst.max(1) - 1), due: now }
    }

    /// Whether one more is admitted now; if so it is counted.
    pub fn take(&mut self, now: Instant) -> bool {
        let admitted = self.due <= now + self.tolerance;
        if admitted {
            self.due = self.due.max(now) + self.interval;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn no_stretch_of_time_admits_more_than_its_share_and_a_burst() {
        for seed in 0..100 {
            let mut rng = StdRng::seed_from_u64(seed);
            let (rate, burst) = (rng.random_range(1..50), rng.random_range(1..20));
            let start = Instant::now();
            let mut bucket = Bucket::new(rate, burst, start);
            let (mut now, mut admitted) = (start, Vec::new());
            for _ in 0..500 {
                now += Duration::from_millis(rng.random_range(0..60));
                if bucket.take(now) {
                    admitted.push(now);
                }
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let share = (*to - *from).as_secs_f64() * f64::from(rate);
                    let most = share + f64::from(burst) + 1e-6;
                    assert!((last - first + 1) as f64 <= most, "seed {seed}: {rate}/s, {burst}");
                }
            }
        }
    }

    #[test]
    fn whoever_keeps_to_the_rate_is_always_admitted() {
        let start = Instant::now();
        let mut bucket = Bucket::new(20, 1, start);
        for place in 0..200 {
            assert!(bucket.take(start + Duration::from_millis(50) * place), "{place}");
        }
    }
}
