//! Medians and quantiles.

use std::time::Duration;

/// The middle of `values`, NaN when there are none. The mean of the two middle ones when even.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => f64::NAN,
        (1, Some(value)) => *value,
        (_, Some(value)) => f64::midpoint(sorted[middle - 1], *value),
    }
}

/// Durations of single requests; every one is kept, so the quantiles are exact.
#[derive(Default)]
pub(crate) struct Latencies {
    microseconds: Vec<u32>,
}

impl Latencies {
    /// Adds one.
    pub(crate) fn record(&mut self, took: Duration) {
        self.microseconds.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// How many were added.
    pub(crate) fn count(&self) -> usize {
        self.microseconds.len()
    }

    /// The line by which a loader tells the bench its result, see `Outcome::parse`.
    pub(crate) fn outcome(mut self, took: Duration, errors: &[(&str, u64)]) -> String {
        self.microseconds.sort_unstable();
        let mut line = format!(
            "outcome requests={} micros={} p50={} p99={} p999={}",
            self.count(),
            took.as_micros(),
            self.quantile(500),
            self.quantile(990),
            self.quantile(999),
        );
        for (kind, count) in errors {
            line.push_str(&format!(" {kind}={count}"));
        }
        line
    }

    /// The value below which `permille` of the sorted values lie.
    fn quantile(&self, permille: usize) -> u32 {
        let index = self.microseconds.len() * permille / 1000;
        self.microseconds.get(index).copied().unwrap_or(0)
    }
}
