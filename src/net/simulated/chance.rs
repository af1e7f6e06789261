//! Where do the decisions of a simulated run come from? One seed, or the bytes of a fuzzer.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A source of decisions. Zero is always the calm choice, so that a fuzzer that runs out of bytes
/// ends in a world where nothing remarkable happens any more.
#[derive(Debug)]
pub enum Chance {
    /// Pseudo-random numbers: the same seed makes the same world.
    Seed(Box<StdRng>),
    /// A fuzzer's bytes, and how many of them have been used.
    Bytes(Vec<u8>, usize),
}

impl Chance {
    /// Decisions that follow from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self::Seed(Box::new(StdRng::seed_from_u64(seed)))
    }

    /// Decisions that a fuzzer makes.
    pub fn scripted(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec(), 0)
    }

    /// Any number below `bound`; zero when there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound < 2 {
            return 0;
        }
        match self {
            Self::Seed(rng) => rng.random_range(0..bound),
            Self::Bytes(bytes, at) => {
                let width = if bound <= 256 { 1 } else { 3 };
                let mut number = 0;
                for _ in 0..width {
                    let byte = bytes.get(*at).copied().unwrap_or(0);
                    *at += 1;
                    number = number << 8 | usize::from(byte);
                }
                number % bound
            }
        }
    }

    /// Any number of the range.
    pub fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// Yes in so many cases of a hundred.
    pub fn percent(&mut self, share: usize) -> bool {
        share > 0 && self.below(100) >= 100 - share.min(100)
    }

    /// One of `choices`; the first is the calm one.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// Any time up to `most`, in microseconds.
    pub fn delay(&mut self, most: Duration) -> Duration {
        let micros = usize::try_from(most.as_micros()).unwrap_or(usize::MAX - 1);
        Duration::from_micros(self.below(micros + 1) as u64)
    }
}
