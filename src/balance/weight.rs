//! How much of the work? A server's share, which grows while it warms up.
//!
//! ```text
//! share
//! weight |                ,-------------
//!        |            ,-'
//!        |        ,-'                       a straight line from 1/256 of the weight to the whole
//!        |    ,-'                           of it, in 256 steps over `slow_start`
//!        | ,-'
//!        +-+-------------+--------------> time
//!          back          back + slow_start
//! ```
//!
//! Shares are whole numbers, so that every choice is exact and the same on every machine.

use std::time::{Duration, Instant};

use crate::id::ServerId;

/// The share of a server of weight 1 that is warm. A share is a weight in parts of this.
pub const WHOLE: u32 = 256;

/// The heaviest weight. With it a share still fits 17 bits, and a sum of a thousand 32.
pub const WEIGHT_MAX: u32 = 256;

/// A server that may get the work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Which one.
    pub server: ServerId,
    /// How much of the work it is to get, beside the shares of the others; never 0.
    pub share: u32,
}

/// The share of a server that came back into service at `since`; `None`: it was never away.
///
/// ```
/// use std::time::{Duration, Instant};
/// use tidegate::balance::weight::{WHOLE, share};
///
/// let (back, slow_start) = (Instant::now(), Duration::from_secs(60));
/// assert_eq!(share(3, None, slow_start, back), 3 * WHOLE);
/// assert_eq!(share(3, Some(back), slow_start, back), 3);
/// assert_eq!(share(3, Some(back), slow_start, back + slow_start / 2), 3 * WHOLE / 2);
/// assert_eq!(share(3, Some(back), slow_start, back + slow_start), 3 * WHOLE);
/// ```
pub fn share(weight: u32, since: Option<Instant>, slow_start: Duration, now: Instant) -> u32 {
    let Some(since) = since else { return weight * WHOLE };
    let age = now.saturating_duration_since(since);
    if age >= slow_start {
        return weight * WHOLE;
    }
    let parts = age.as_nanos() * u128::from(WHOLE) / slow_start.as_nanos();
    weight * (parts as u32).clamp(1, WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_grows_evenly_and_never_falls() {
        let back = Instant::now();
        for (weight, slow_start) in [(1, 1), (7, 30_000), (WEIGHT_MAX, 86_400_000)] {
            let slow_start = Duration::from_millis(slow_start);
            let at =
                |part: u32| share(weight, Some(back), slow_start, back + slow_start * part / 100);
            let shares: Vec<_> = (0..=100).map(at).collect();
            assert!(shares.is_sorted(), "{shares:?}");
            assert_eq!((shares[0], shares[100]), (weight, weight * WHOLE));
            for (part, found) in shares.iter().enumerate() {
                let straight = f64::from(weight * WHOLE) * part as f64 / 100.0;
                assert!(
                    (f64::from(*found) - straight).abs() <= f64::from(weight),
                    "{part}: {found}"
                );
            }
        }
    }

    #[test]
    fn without_slow_start_a_server_is_back_at_once() {
        let now = Instant::now();
        assert_eq!(share(2, Some(now), Duration::ZERO, now), 2 * WHOLE);
        // One that is to come back in a moment may not be asked yet, but it may be looked at.
        let soon = now + Duration::from_secs(1);
        assert_eq!(share(2, Some(soon), Duration::from_secs(1), now), 2);
    }
}
