//! How does the network behave today? The character of one simulated world.

use super::chance::Chance;
use std::time::Duration;

/// What the kernel and the wire do, within what they may.
#[derive(Debug, Clone)]
pub struct Weather {
    /// The longest a morsel, a FIN or a handshake takes.
    pub latency: Duration,
    /// The most bytes that arrive at once.
    pub morsel: usize,
    /// The least and the most room of a socket.
    pub capacity: (usize, usize),
    /// The longest an edge takes to be told.
    pub edge_delay: Duration,
    /// Edges are told at multiples of this alone, all that have gathered: a busy machine.
    pub nap: Duration,
    /// Edges say what has happened, and not also what else holds.
    pub terse_edges: bool,
    /// In so many turns of a hundred something is said that is not so.
    pub spurious: usize,
    /// So many writes of a hundred are cut short though there is room.
    pub short_writes: usize,
    /// So many calls of a hundred are interrupted by a signal.
    pub interrupts: usize,
    /// A RST destroys what had arrived before it and was not read.
    pub resets_destroy: bool,
    /// So many of a hundred calls of accept find no descriptor.
    pub exhausted: usize,
}

impl Weather {
    /// Nothing is ever late, short or false.
    pub fn calm() -> Self {
        Self {
            latency: Duration::from_micros(50),
            morsel: 1 << 16,
            capacity: (1 << 16, 1 << 16),
            edge_delay: Duration::ZERO,
            nap: Duration::ZERO,
            terse_edges: false,
            spurious: 0,
            short_writes: 0,
            interrupts: 0,
            resets_destroy: false,
            exhausted: 0,
        }
    }

    /// Whatever chance makes of it.
    pub fn any(chance: &mut Chance) -> Self {
        let capacity = chance.pick(&[
            (1 << 16, 1 << 16),
            (1 << 19, 1 << 20),
            (1 << 12, 1 << 17),
            (64, 8192),
            (16, 300),
            (2048, 2048),
        ]);
        Self {
            latency: Duration::from_micros(chance.pick(&[50, 0, 400, 3000])),
            morsel: chance.pick(&[1 << 16, 1 << 20, 1460, 333, 48, 7]),
            capacity,
            edge_delay: Duration::from_micros(chance.pick(&[0, 0, 200, 2000])),
            nap: Duration::from_micros(chance.pick(&[0, 0, 500, 9000, 60_000])),
            terse_edges: chance.percent(60),
            spurious: chance.pick(&[0, 0, 5, 25]),
            short_writes: chance.pick(&[0, 0, 10, 40]),
            interrupts: chance.pick(&[0, 0, 5]),
            resets_destroy: chance.percent(50),
            exhausted: chance.pick(&[0, 0, 0, 10]),
        }
    }

    /// How large content may be so that a run does not take for ever.
    pub fn content_max(&self) -> usize {
        let roomy = self.morsel.min(self.capacity.0) > 1 << 16;
        // Where every refill takes long, little is as good as much.
        let slow = if self.nap > Duration::from_millis(5) { 20 } else { 1 };
        (self.morsel.min(self.capacity.1) * 60).min(if roomy { 900_000 } else { 200_000 }) / slow
    }
}
