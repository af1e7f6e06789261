//! Whose turn is it? Weighted round robin, in rounds.
//!
//! ```text
//! weights 4, 2, 1      round 0:  1 2      Within a round: in numeric order.
//!                      round 1:  1        The heaviest has a turn in every round, the others in
//!                      round 2:  1 2      as many as their weight is of its, spread evenly, each
//!                      round 3:  1   3    from a beginning of its own.
//! ```
//!
//! With equal weights every server has a turn in every round, so they follow each other in numeric
//! order. What is remembered is the round and the server that had the last turn, never a position
//! or a debt. So the choice is exact from any moment on at which the servers stay the same: however
//! they came and went before, of as many choices as their weights come to each gets its weight.
//!
//! (The usual way, a credit per server as in nginx, is exact only while nobody comes or goes, and
//! has to be told who did.)

use super::weight::Candidate;
use crate::id::ServerId;

/// Where a round robin stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Turns {
    /// Below the share of the heaviest candidate.
    round: u32,
    /// Who had the last turn.
    last: Option<ServerId>,
}

impl Turns {
    /// The next turn is the first server's.
    pub const fn new() -> Self {
        Self { round: 0, last: None }
    }

    /// The candidate whose turn it is, which then has had it; None when there is none. The
    /// candidates may come in any order.
    ///
    /// ```
    /// use tidegate::balance::{turns::Turns, weight::Candidate};
    ///
    /// let candidate = |(number, share): (usize, u32)| Candidate { server: number.into(), share };
    /// let servers = [(1, 4), (2, 2), (3, 1)].map(candidate);
    /// let mut turns = Turns::new();
    /// let order = [(); 7].map(|()| turns.next(servers.iter().copied()).unwrap().index());
    /// let times = |number| order.iter().filter(|turn| **turn == number).count();
    /// assert_eq!((times(1), times(2), times(3)), (4, 2, 1));
    /// ```
    pub fn next(
        &mut self,
        candidates: impl Iterator<Item = Candidate> + Clone,
    ) -> Option<ServerId> {
        let heaviest = candidates.clone().map(|candidate| candidate.share).max()?;
        let turns =
            candidates.map(|candidate| (self.round_of(candidate, heaviest), candidate.server));
        let (round, server) = turns.min()?;
        // The pattern repeats itself after as many rounds.
        *self = Self { round: round % heaviest, last: Some(server) };
        Some(server)
    }

    /// The same where all shares are equal: the first behind the last turn among `0..count`, by
    /// number, of those that `may` have one. Looks no further than at that one.
    pub fn next_of_equals(
        &mut self,
        count: usize,
        may: impl Fn(ServerId) -> bool,
    ) -> Option<ServerId> {
        let begin = self.last.map_or(0, |last| last.index() + 1).min(count);
        let server = (begin..count).chain(0..begin).map(ServerId::from).find(|one| may(*one))?;
        self.last = Some(server);
        Some(server)
    }

    /// The same turn in a list where the server that had the last one goes by another id, or is
    /// gone.
    pub fn renamed(self, rename: impl Fn(ServerId) -> Option<ServerId>) -> Self {
        Self { last: self.last.and_then(rename), ..self }
    }

    /// The round in which the candidate has its next turn. Round r is one of its own if
    /// `(r * share + offset) mod heaviest < share`: that holds for `share` of `heaviest` rounds.
    fn round_of(self, candidate: Candidate, heaviest: u32) -> u32 {
        let Candidate { server, share } = candidate;
        let next = self.round + u32::from(Some(server) <= self.last);
        if share == heaviest {
            return next;
        }
        let (share, heaviest) = (u64::from(share), u64::from(heaviest));
        let phase = (u64::from(next) * share + offset(server, heaviest)) % heaviest;
        if phase < share { next } else { next + (heaviest - phase).div_ceil(share) as u32 }
    }
}

/// Where a server's pattern begins. Multiples of the golden ratio are spread evenly however many
/// are taken (Knuth, The Art of Computer Programming 6.4), so light servers share no round if they
/// need not.
fn offset(server: ServerId, heaviest: u64) -> u64 {
    let fraction = (server.index() as u32).wrapping_mul(0x9e37_79b9);
    (u64::from(fraction) * heaviest) >> 32
}

#[cfg(test)]
mod tests {
    use super::super::weight::{WEIGHT_MAX, WHOLE};
    use super::*;
    use rand::rngs::StdRng;
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};
    use std::collections::BTreeMap;

    fn candidates(weights: &[(usize, u32)]) -> Vec<Candidate> {
        let one = |&(number, weight): &(usize, u32)| Candidate {
            server: number.into(),
            share: weight * WHOLE,
        };
        weights.iter().map(one).collect()
    }

    fn equal(numbers: &[usize]) -> Vec<Candidate> {
        candidates(&numbers.iter().map(|number| (*number, 1)).collect::<Vec<_>>())
    }

    fn next(turns: &mut Turns, candidates: &[Candidate]) -> Option<usize> {
        turns.next(candidates.iter().copied()).map(ServerId::index)
    }

    #[test]
    fn equals_follow_each_other_by_number_whoever_is_up_and_in_whatever_order() {
        let mut turns = Turns::new();
        // Who is up, and whose turn it is.
        let table: [(&[usize], Option<usize>); 10] = [
            (&[1, 2, 4], Some(1)),
            (&[4, 2, 1], Some(2)),
            (&[1, 2], Some(1)),
            (&[2, 4], Some(2)),
            (&[1, 3, 4], Some(3)),
            (&[], None),
            (&[1, 2, 3, 4], Some(4)),
            (&[1, 2, 3, 4], Some(1)),
            (&[1], Some(1)),
            (&[9, 3], Some(3)),
        ];
        for (up, expected) in table {
            assert_eq!(next(&mut turns, &equal(up)), expected, "{up:?}");
        }
    }

    #[test]
    fn equals_may_be_told_without_looking_at_all_of_them() {
        let mut rng = StdRng::seed_from_u64(9);
        let (mut all, mut few) = (Turns::new(), Turns::new());
        for _ in 0..2_000 {
            let count = rng.random_range(0..8);
            let up: Vec<usize> = (0..count).filter(|_| rng.random_bool(0.6)).collect();
            let chosen = few.next_of_equals(count, |one| up.contains(&one.index()));
            assert_eq!(chosen, all.next(equal(&up).into_iter()), "{up:?} of {count}");
        }
    }

    #[test]
    fn equals_take_turns_exactly_while_others_come_and_go() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut turns = Turns::new();
        let mut previous = None;
        for _ in 0..2_000 {
            let up: Vec<usize> = (0..8).filter(|_| rng.random_bool(0.6)).collect();
            let Some(server) = next(&mut turns, &equal(&up)) else {
                assert!(up.is_empty());
                continue;
            };
            let after = up.iter().find(|&&n| previous.is_some_and(|p| n > p));
            assert_eq!(server, *after.unwrap_or(&up[0]));
            previous = Some(server);
        }
    }

    /// Some servers with weights, not all of them small.
    fn any_servers(rng: &mut StdRng) -> Vec<(usize, u32)> {
        let heaviest = [1, 3, 10, WEIGHT_MAX][rng.random_range(0..4)];
        let count = rng.random_range(1..=8);
        let mut numbers: Vec<usize> = (0..20).collect();
        numbers.shuffle(rng);
        numbers.iter().take(count).map(|n| (*n, rng.random_range(1..=heaviest))).collect()
    }

    #[test]
    fn of_as_many_turns_as_the_weights_come_to_each_has_its_weight_whatever_was_before() {
        for seed in 0..300 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut turns = Turns::new();
            for _ in 0..4 {
                // Whoever was there before, and for however long: it must not matter.
                let weights = any_servers(&mut rng);
                let servers = candidates(&weights);
                let sum: u32 = weights.iter().map(|(_, weight)| weight).sum();
                let extra = rng.random_range(0..50);
                let order: Vec<_> = (0..sum + extra)
                    .map(|_| next(&mut turns, &servers).expect("there are some"))
                    .collect();
                let mut counts = BTreeMap::<usize, u32>::new();
                for (place, server) in order.iter().enumerate() {
                    *counts.entry(*server).or_default() += 1;
                    if let Some(left) = place.checked_sub(sum as usize) {
                        *counts.entry(order[left]).or_default() -= 1;
                    }
                    if place + 1 >= sum as usize {
                        let exact: BTreeMap<_, _> = weights.iter().copied().collect();
                        assert_eq!(counts, exact, "seed {seed}, up to {place}");
                    }
                }
            }
        }
    }

    #[test]
    fn nobody_has_all_turns_at_a_stroke() {
        for seed in 0..300 {
            let mut rng = StdRng::seed_from_u64(seed);
            let weights = any_servers(&mut rng);
            let servers = candidates(&weights);
            let sum: u32 = weights.iter().map(|(_, weight)| weight).sum();
            let heaviest = weights.iter().map(|(_, weight)| *weight).max().unwrap_or(1);
            let mut turns = Turns::new();
            let order: Vec<_> = (0..2 * sum).map(|_| next(&mut turns, &servers)).collect();
            for (number, weight) in weights {
                let its = order.iter().enumerate().filter(|(_, server)| **server == Some(number));
                let places: Vec<usize> = its.map(|(place, _)| place).collect();
                let longest = places.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(0);
                // So many rounds pass between two turns at most, and in each of them every other
                // server has one turn at most.
                let rounds = heaviest.div_ceil(weight) as usize;
                let most = rounds * servers.len();
                assert!(longest <= most, "seed {seed}: {number} waits for {longest} turns");
            }
        }
    }

    #[test]
    fn light_servers_are_spread_over_the_turns_of_a_heavy_one() {
        let servers = candidates(&[(0, 10), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
        let mut turns = Turns::new();
        let order: Vec<_> = (0..30).filter_map(|_| next(&mut turns, &servers)).collect();
        let light = order.windows(3).filter(|three| !three.contains(&0)).count();
        assert_eq!(light, 0, "three light ones in a row: {order:?}");
    }

    #[test]
    fn a_share_that_grows_gets_more_and_more() {
        let mut turns = Turns::new();
        let mut counts = Vec::new();
        for step in 1..=8 {
            let warming = Candidate { server: 1.into(), share: step * WHOLE / 8 };
            let servers = [Candidate { server: 0.into(), share: WHOLE }, warming];
            let order = (0..800).filter_map(|_| next(&mut turns, &servers));
            counts.push(order.filter(|server| *server == 1).count() as f64);
        }
        for (step, count) in (1..).zip(counts) {
            let exact = 800.0 * f64::from(step) / f64::from(8 + step);
            assert!((count - exact).abs() <= 2.0, "step {step}: {count}, not {exact}");
        }
    }
}
