//! Which server? One of those that may get work: by lot, by load or by affinity. By turns:
//! [`turns`](super::turns).
//!
//! A choice is a pass or two over the candidates, in any order, and allocates nothing. What it
//! remembers is a server and never a position, so that it stays exact when servers go down and come
//! back between two choices. Every choice goes by the shares of [`weight`](super::weight).

use rand::{Rng, RngExt};

use super::turns::Turns;
use super::weight::Candidate;
use crate::id::ServerId;

/// Any candidate, each with a chance that is its share of all shares; None when there is none.
///
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use tidegate::balance::{algorithm::random, weight::Candidate};
///
/// let mut dice = StdRng::seed_from_u64(1);
/// let candidate = |(number, share): (usize, u32)| Candidate { server: number.into(), share };
/// let servers = [(1, 9), (2, 1)].map(candidate);
/// let first = (0..1000).filter(|_| random(servers.iter().copied(), &mut dice) == Some(1.into()));
/// assert!((850..950).contains(&first.count()));
/// assert_eq!(random([].into_iter(), &mut dice), None);
/// ```
pub fn random(
    mut candidates: impl Iterator<Item = Candidate> + Clone,
    rng: &mut impl Rng,
) -> Option<ServerId> {
    let all: u64 = candidates.clone().map(|candidate| u64::from(candidate.share)).sum();
    if all == 0 {
        return None;
    }
    let mut lot = rng.random_range(0..all);
    let drawn = candidates.find(|candidate| match lot.checked_sub(candidate.share.into()) {
        None => true,
        Some(rest) => {
            lot = rest;
            false
        }
    });
    drawn.map(|candidate| candidate.server)
}

/// The candidate with the least load (connections and waiting requests, say) for its share; equals
/// take turns, by their shares.
pub fn least_connections(
    candidates: impl Iterator<Item = (Candidate, usize)> + Clone,
    turns: &mut Turns,
) -> Option<ServerId> {
    let least = candidates.clone().map(Burden::of).reduce(|a, b| if b < a { b } else { a })?;
    let equals = candidates.filter(|one| Burden::of(*one) == least);
    turns.next(equals.map(|(candidate, _)| candidate))
}

/// A load for a share. Fractions, compared without dividing: so it is exact.
#[derive(Clone, Copy)]
struct Burden {
    load: u64,
    share: u64,
}

impl Burden {
    fn of((candidate, load): (Candidate, usize)) -> Self {
        Self { load: load as u64, share: candidate.share.into() }
    }
}

impl PartialEq for Burden {
    fn eq(&self, other: &Self) -> bool {
        self.load * other.share == other.load * self.share
    }
}

impl PartialOrd for Burden {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.load * other.share).partial_cmp(&(other.load * self.share))
    }
}

/// The candidate that belongs to a key (rendezvous hashing, Thaler and Ravishankar, 1998; with
/// weights: Schindelhauer and Schomaker, 2005): the same for the same key while it is among the
/// candidates. When one goes its keys spread over the others by their shares, and no other key
/// moves; when it comes back they return. When a share grows, keys move to that candidate alone.
///
/// Each candidate comes with a hash of something that outlives a restart, such as its address.
pub fn rendezvous(
    key: u64,
    candidates: impl Iterator<Item = (Candidate, u64)>,
) -> Option<ServerId> {
    // A server's draw for the key, between 0 and 1, is made an exponential one whose rate is the
    // share: who comes first is then each server with just its chance.
    let arrival = |(candidate, name): (Candidate, u64)| {
        let draw = (mix(key ^ mix(name)) >> 11) as f64 + 0.5;
        let draw = draw / (1_u64 << 53) as f64;
        (-draw.ln() / f64::from(candidate.share), candidate.server)
    };
    let arrivals = candidates.map(arrival);
    let first = arrivals.min_by(|(a, one), (b, other)| a.total_cmp(b).then(one.cmp(other)));
    first.map(|(_, server)| server)
}

/// A hash for [`rendezvous`]: FNV-1a, then mixed. The same in every process and not secret: a
/// client may choose its server by it, and nothing more.
pub fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(fnv)
}

/// Spreads every bit of the argument over the whole result (the finish of SplitMix64).
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::weight::WHOLE;
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const LOTS: u32 = 50_000;

    fn weighted(weights: &[(usize, u32)]) -> Vec<Candidate> {
        let one = |&(number, weight): &(usize, u32)| Candidate {
            server: number.into(),
            share: weight * WHOLE,
        };
        weights.iter().map(one).collect()
    }

    fn named(weights: &[(usize, u32)]) -> Vec<(Candidate, u64)> {
        let name = |number: usize| hash(format!("10.0.0.{number}:80").as_bytes());
        weighted(weights).into_iter().map(|one| (one, name(one.server.index()))).collect()
    }

    fn index(server: Option<ServerId>) -> usize {
        server.expect("there are candidates").index()
    }

    /// Within six standard deviations of a binomial distribution.
    #[track_caller]
    fn is_about(count: u32, of: u32, chance: f64) {
        let (count, of) = (f64::from(count), f64::from(of));
        let deviation = (of * chance * (1.0 - chance)).sqrt();
        assert!((count - of * chance).abs() <= 6.0 * deviation, "{count} of {of}, not {chance}");
    }

    const EQUAL: [(usize, u32); 5] = [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)];
    const UNEQUAL: [(usize, u32); 5] = [(0, 1), (1, 2), (2, 3), (3, 0), (4, 10)];

    #[test]
    fn chances_are_as_the_weights() {
        let mut rng = StdRng::seed_from_u64(1);
        for weights in [EQUAL, UNEQUAL] {
            let servers = weighted(&weights);
            let all: u32 = weights.iter().map(|(_, weight)| weight).sum();
            let mut counts = [0; 5];
            for _ in 0..LOTS {
                counts[index(random(servers.iter().copied(), &mut rng))] += 1;
            }
            for (number, weight) in weights {
                is_about(counts[number], LOTS, f64::from(weight) / f64::from(all));
            }
        }
        assert_eq!(random([].into_iter(), &mut rng), None);
    }

    #[test]
    fn the_least_loaded_is_taken_and_equals_take_turns() {
        let servers = weighted(&EQUAL[..3]);
        let mut turns = Turns::new();
        for (loads, expected) in
            [([2, 1, 1], 1), ([2, 1, 1], 2), ([2, 1, 1], 1), ([0, 0, 0], 2), ([0, 0, 0], 0)]
        {
            let loaded = servers.iter().copied().zip(loads);
            assert_eq!(index(least_connections(loaded, &mut turns)), expected, "{loads:?}");
        }
        assert_eq!(least_connections(std::iter::empty(), &mut turns), None);
    }

    #[test]
    fn loads_that_stay_come_to_be_as_the_weights() {
        for weights in [vec![(0, 1), (1, 1)], vec![(0, 5), (1, 2), (2, 1)], vec![(0, 256), (1, 1)]]
        {
            let servers = weighted(&weights);
            let all: u32 = weights.iter().map(|(_, weight)| weight).sum();
            let (mut turns, mut loads) = (Turns::new(), vec![0; weights.len()]);
            for _ in 0..3 * all {
                let loaded = servers.iter().copied().zip(loads.iter().copied());
                let server = index(least_connections(loaded, &mut turns));
                loads[server] += 1;
            }
            let exact: Vec<_> = weights.iter().map(|(_, weight)| 3 * *weight as usize).collect();
            assert_eq!(loads, exact);
        }
    }

    #[test]
    fn rendezvous_goes_by_weight_and_moves_only_the_keys_of_a_server_that_left() {
        for weights in [EQUAL, UNEQUAL] {
            let weights = weights.map(|(number, weight)| (number, weight.max(1)));
            let fewer: Vec<_> = weights.iter().copied().filter(|(n, _)| *n != 2).collect();
            let sum =
                |some: &[(usize, u32)]| some.iter().map(|(_, weight)| f64::from(*weight)).sum();
            let (all, rest): (f64, f64) = (sum(&weights), sum(&fewer));
            let (named_all, named_fewer) = (named(&weights), named(&fewer));
            let (mut counts, mut heirs) = ([0; 5], [0; 5]);
            for number in 0..LOTS {
                let key = hash(&number.to_be_bytes());
                let before = index(rendezvous(key, named_all.iter().copied()));
                let after = index(rendezvous(key, named_fewer.iter().copied()));
                counts[before] += 1;
                if before == 2 {
                    heirs[after] += 1;
                } else {
                    assert_eq!(before, after, "a key moved without need");
                }
            }
            for (number, weight) in weights {
                is_about(counts[number], LOTS, f64::from(weight) / all);
            }
            for (number, weight) in fewer {
                is_about(heirs[number], counts[2], f64::from(weight) / rest);
            }
        }
    }

    #[test]
    fn a_share_that_grows_draws_keys_to_itself_alone() {
        let mut servers = named(&EQUAL);
        for number in 0..2_000_u32 {
            let key = hash(&number.to_be_bytes());
            let mut before = None;
            for share in [1, 10, 100, WHOLE, 3 * WHOLE] {
                servers[3].0.share = share;
                let now = index(rendezvous(key, servers.iter().copied()));
                assert!(now == 3 || before.is_none_or(|before| now == before));
                before = Some(now);
            }
        }
    }

    #[test]
    fn rendezvous_does_not_depend_on_the_order_or_on_the_process() {
        let key = hash(b"192.0.2.7");
        assert_eq!(key, 0x7b1d_c73b_a78d_723c);
        let (one, other) = (named(&[(0, 1), (1, 2), (2, 1)]), named(&[(2, 1), (0, 1), (1, 2)]));
        assert_eq!(rendezvous(key, one.into_iter()), rendezvous(key, other.into_iter()));
        assert_eq!(rendezvous(key, std::iter::empty()), None);
    }
}
