//! Does the whole gateway hold, on every schedule? The program that ships, over a simulated
//! machine.
//!
//! One seed makes a world (see [`crate::net::simulated`]): clients that are honest, slow, rude or
//! hostile, servers that answer, dawdle, lie, reset or cannot be reached, names that move, sizes,
//! cuts and delays. The gateway that runs in it is the one that ships, line for line; a judge who
//! reads messages by a parser of its own knows what each client may see.
//!
//! ```text
//!   scenario   what kind of world: configuration, hosts, troubles
//!   upheavals  what happens to its servers
//!   scripts    what its clients do            request, hostile
//!   client     one client's end               voice, message
//!   origin     one server's end               reply, voice, message, introduction
//!   tunnel     one end of a tunnel            frames, voice
//!   ledger     the judge                      identity
//!   run        lets things happen, gives the gateway its turns, moves the clock
//!   watch      counts after every turn, and looks back in the end
//! ```
//!
//! A failure names its seed; `TIDEGATE_SEED=n cargo test --lib simulation` lives through that world
//! again, and `TIDEGATE_SEEDS=n` through as many as you like, from `TIDEGATE_FROM=n` on.

pub mod client;
pub mod frames;
pub mod hostile;
pub mod identity;
pub mod introduction;
pub mod ledger;
pub mod message;
pub mod origin;
pub mod reply;
pub mod request;
pub mod run;
pub mod scenario;
pub mod scripts;
pub mod tunnel;
mod upheavals;
pub mod voice;
mod watch;

#[cfg(test)]
mod tests;

use self::run::Run;
use self::scenario::{Mood, Scenario};
use crate::net::simulated::chance::Chance;

/// The world of that mood and seed.
pub fn chance(mood: Mood, seed: u64) -> Chance {
    Chance::seeded(seed << 2 | mood as u64)
}

/// Lives through the world that `chance` makes, and gives everything that was wrong with it.
pub fn live(mood: Mood, mut chance: Chance) -> Run {
    let scenario = Scenario::any(mood, &mut chance);
    let mut run = Run::new(scenario, chance);
    run.populate();
    run.live();
    run
}

/// A world whose every decision is a fuzzer's.
///
/// # Panics
/// When something was wrong.
pub fn fuzz(bytes: &[u8]) {
    let mut chance = Chance::scripted(bytes);
    let moods = [Mood::Calm, Mood::RudeClients, Mood::BadServers, Mood::Storm];
    let mood = chance.pick(&moods);
    let run = live(mood, chance);
    assert!(run.ledger.wrongs.is_empty(), "{:#?}", run.ledger.wrongs);
}
