//! How has it been going? The last two minutes of a section, second by second.

use super::histogram::{Histogram, LATENCY};
use std::collections::VecDeque;
use std::time::Duration;

/// Samples kept, one a second.
pub const SAMPLES: usize = 120;

/// One second of a section.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Responses relayed, or tunnels opened, per second.
    pub rate: f64,
    /// The median of their durations, in seconds; `None` when there were none.
    pub p50: Option<f64>,
    /// The 99th percentile likewise.
    pub p99: Option<f64>,
    /// Tunnels that stood at its end.
    pub tunnels: u64,
}

/// The latest samples, oldest first.
#[derive(Debug)]
pub struct Trend {
    samples: VecDeque<Sample>,
    /// What had been counted when the last sample was taken.
    last: Histogram,
}

impl Trend {
    /// No samples yet.
    pub fn new() -> Self {
        Self { samples: VecDeque::new(), last: Histogram::new(&LATENCY) }
    }

    /// Takes the sample of an interval that has just ended, by what has been counted in all.
    pub fn take(&mut self, total: Histogram, tunnels: u64, interval: Duration) {
        let recent = total.since(&self.last);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            rate: recent.count() as f64 / interval.as_secs_f64().max(0.001),
            p50: recent.quantile(0.5),
            p99: recent.quantile(0.99),
            tunnels,
        });
        self.last = total;
    }

    /// The samples, oldest first.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }
}

impl Default for Trend {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_tells_of_its_second_alone_and_old_ones_are_forgotten() {
        let mut trend = Trend::new();
        let mut total = Histogram::new(&LATENCY);
        for second in 0..SAMPLES as u64 + 5 {
            (0..second).for_each(|_| total.observe(Duration::from_millis(2)));
            trend.take(total.clone(), second, Duration::from_secs(1));
        }
        let samples: Vec<_> = trend.samples().collect();
        assert_eq!(samples.len(), SAMPLES);
        for (sample, second) in samples.iter().zip(5..) {
            assert_eq!((sample.rate, sample.tunnels), (second as f64, second));
            assert!(sample.p99.is_some_and(|p99| (0.001..=0.0025).contains(&p99)));
        }
    }
}
