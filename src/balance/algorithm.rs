//! Which server? One of those that may get work, by turns, by lot, by load or by affinity.
//!
//! Every choice is one pass over the candidates, in any order, and allocates nothing. What a
//! choice remembers is a server and never a position, so that it stays exact when servers go down
//! and come back between two choices.

use rand::{Rng, RngExt};

use crate::id::ServerId;

/// How a section chooses among its servers (`algorithm`), and what it remembers of earlier choices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Balance {
    /// Each in turn, in numeric order (`round-robin`).
    RoundRobin {
        /// The server chosen last; the turn goes to the next candidate after it.
        last: Option<ServerId>,
    },
    /// Each with the same chance (`random`).
    Random,
}

impl Balance {
    /// Round robin that begins with the lowest number.
    pub const fn round_robin() -> Self {
        Self::RoundRobin { last: None }
    }

    /// One of the candidates, or None when there is none.
    ///
    /// ```
    /// use rand::{SeedableRng, rngs::StdRng};
    /// use tidegate::{balance::algorithm::Balance, id::ServerId};
    ///
    /// let servers = [1, 2, 3].map(ServerId::from);
    /// let mut dice = StdRng::seed_from_u64(1);
    /// let mut turns = Balance::round_robin();
    /// let mut pick = |up: &[ServerId]| turns.pick(up.iter().copied(), &mut dice);
    ///
    /// assert_eq!(pick(&servers), Some(servers[0]));
    /// assert_eq!(pick(&servers), Some(servers[1]));
    /// assert_eq!(pick(&servers[..2]), Some(servers[0])); // server 3 is down
    /// assert_eq!(pick(&[]), None);
    /// ```
    pub fn pick(
        &mut self,
        candidates: impl Iterator<Item = ServerId> + Clone,
        rng: &mut impl Rng,
    ) -> Option<ServerId> {
        match self {
            Self::RoundRobin { last } => {
                let next = candidates.min_by_key(|&server| turn(server, *last))?;
                *last = Some(next);
                Some(next)
            }
            Self::Random => match candidates.clone().count() {
                0 => None,
                count => candidates.into_iter().nth(rng.random_range(0..count)),
            },
        }
    }
}

/// The candidate with the least load (connections and waiting requests, say); among equals the
/// next in turn after `last`, the server chosen before.
pub fn least_connections(
    candidates: impl Iterator<Item = (ServerId, usize)>,
    last: Option<ServerId>,
) -> Option<ServerId> {
    let least = candidates.min_by_key(|&(server, load)| (load, turn(server, last)));
    least.map(|(server, _)| server)
}

/// The candidate that belongs to a key (rendezvous hashing, Thaler and Ravishankar, 1998): the
/// same for the same key while it is among the candidates. When one goes its keys spread evenly
/// over the others, and no other key moves; when it comes back they return.
///
/// Each candidate comes with a hash of something that outlives a restart, such as its address.
pub fn rendezvous(key: u64, candidates: impl Iterator<Item = (ServerId, u64)>) -> Option<ServerId> {
    let highest = candidates.max_by_key(|&(server, name)| (mix(key ^ mix(name)), server));
    highest.map(|(server, _)| server)
}

/// A hash for [`rendezvous`]: FNV-1a, then mixed. The same in every process and not secret: a
/// client may choose its server by it, and nothing more.
pub fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(fnv)
}

/// Sorts servers by when their turn comes: those after the last one, then the others.
fn turn(server: ServerId, last: Option<ServerId>) -> (bool, ServerId) {
    (Some(server) <= last, server)
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
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn servers(numbers: &[usize]) -> impl Iterator<Item = ServerId> + Clone {
        numbers.iter().copied().map(ServerId::from)
    }

    fn named(numbers: &[usize]) -> impl Iterator<Item = (ServerId, u64)> {
        numbers.iter().map(|&n| (ServerId::from(n), hash(format!("10.0.0.{n}:80").as_bytes())))
    }

    fn index(server: Option<ServerId>) -> usize {
        server.expect("there are candidates").index()
    }

    #[test]
    fn round_robin_takes_the_next_number_that_is_up_whatever_the_order() {
        let mut rng = StdRng::seed_from_u64(0);
        let mut turns = Balance::round_robin();
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
            assert_eq!(turns.pick(servers(up), &mut rng), expected.map(ServerId::from), "{up:?}");
        }
    }

    #[test]
    fn round_robin_is_exact_while_others_come_and_go() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut turns = Balance::round_robin();
        let mut previous = None;
        for _ in 0..2_000 {
            let up: Vec<usize> = (0..8).filter(|_| rng.random_bool(0.6)).collect();
            let Some(server) = turns.pick(servers(&up), &mut rng) else {
                assert!(up.is_empty());
                continue;
            };
            let after = up.iter().find(|&&n| previous.is_some_and(|p| n > p));
            assert_eq!(server.index(), *after.unwrap_or(&up[0]));
            previous = Some(server.index());
        }
    }

    #[test]
    fn random_is_uniform() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut counts = [0_i32; 5];
        for _ in 0..50_000 {
            counts[index(Balance::Random.pick(servers(&[0, 1, 2, 3, 4]), &mut rng))] += 1;
        }
        // Six standard deviations of a binomial with n = 50,000 and p = 1/5.
        assert!(counts.iter().all(|count| (count - 10_000).abs() < 540), "{counts:?}");
        assert_eq!(Balance::Random.pick(servers(&[]), &mut rng), None);
    }

    #[test]
    fn the_least_loaded_is_taken_and_equals_take_turns() {
        let load = |loads: [usize; 3]| (0..3).map(ServerId::from).zip(loads);
        let mut last = None;
        for (loads, expected) in
            [([2, 1, 1], 1), ([2, 1, 1], 2), ([2, 1, 1], 1), ([0, 0, 0], 2), ([0, 0, 0], 0)]
        {
            last = least_connections(load(loads), last);
            assert_eq!(index(last), expected, "{loads:?}");
        }
        assert_eq!(least_connections(std::iter::empty(), last), None);
    }

    #[test]
    fn rendezvous_is_uniform_and_moves_only_the_keys_of_a_server_that_left() {
        let (all, fewer) = ([0, 1, 2, 3, 4], [0, 1, 3, 4]);
        let (mut counts, mut heirs) = ([0_i32; 5], [0_i32; 5]);
        for number in 0..50_000_u32 {
            let key = hash(&number.to_be_bytes());
            let before = index(rendezvous(key, named(&all)));
            let after = index(rendezvous(key, named(&fewer)));
            counts[before] += 1;
            if before == 2 {
                heirs[after] += 1;
            } else {
                assert_eq!(before, after, "a key moved without need");
            }
        }
        assert!(counts.iter().all(|count| (count - 10_000).abs() < 540), "{counts:?}");
        for heir in fewer {
            assert!((heirs[heir] - counts[2] / 4).abs() < 300, "{heirs:?}");
        }
    }

    #[test]
    fn rendezvous_does_not_depend_on_the_order_or_on_the_process() {
        let key = hash(b"192.0.2.7");
        assert_eq!(key, 0x7b1d_c73b_a78d_723c);
        assert_eq!(rendezvous(key, named(&[0, 1, 2])), rendezvous(key, named(&[2, 0, 1])));
        assert_eq!(rendezvous(key, named(&[])), None);
    }
}
