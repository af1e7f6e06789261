//! How do many tunnels end? One after the other.
//!
//! Clients whose tunnels end at one instant come back at one instant. So the Closes are spread
//! evenly over the time there is, each with some chance within its share of it, and those who have
//! been quiet for the longest go first: they are the least disturbed.
//!
//! The plan is a queue of appointments. It serves the end of the process as well as the removal of
//! one server. An appointment names a tunnel by its key and its birth, so that it can never meet
//! another tunnel in a slot that was reused.

use super::Gateway;
use super::tunnel::{State, Tunnel};
use crate::id::{ServerId, TunnelId};
use crate::limits;
use crate::websocket::farewell::Farewell;
use log::info;
use rand::{Rng, RngExt};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One Close to come.
#[derive(Debug, Clone, Copy)]
struct Parting {
    at: Instant,
    tunnel: TunnelId,
    since: Instant,
    farewell: Farewell,
}

/// The Closes to come, soonest first.
#[derive(Debug, Default)]
pub(super) struct Drain {
    plan: VecDeque<Parting>,
}

impl Drain {
    /// When the next Close is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.plan.front().map(|parting| parting.at)
    }

    fn pop_due(&mut self, now: Instant) -> Option<Parting> {
        if self.next()? <= now { self.plan.pop_front() } else { None }
    }
}

/// `count` moments after the start, in order: each somewhere in its own part of `span`.
fn paced(count: usize, span: Duration, rng: &mut impl Rng) -> impl Iterator<Item = Duration> {
    (0..count).map(move |place| {
        let share = (place as f64 + rng.random::<f64>()) / count as f64;
        span.mul_f64(share)
    })
}

impl Gateway {
    /// Ends the tunnels of a server that is taken out of service, within `drain_time`.
    pub(super) fn drain_server(&mut self, server: ServerId) {
        if self.is_closing() {
            return;
        }
        self.keep_server(server);
        let within = self.terms().map_or(Duration::ZERO, |terms| terms.drain_time);
        self.plan_drain(|tunnel| tunnel.server_id == server, within, Farewell::ServerLeaves);
    }

    /// Forgets what was planned for the tunnels of a server: it is not taken out after all.
    pub(super) fn keep_server(&mut self, server: ServerId) {
        if self.is_closing() {
            return;
        }
        let tunnels = &self.tunnels;
        self.drain.plan.retain(|parting| {
            let tunnel = tunnels.get(parting.tunnel.index());
            tunnel.is_some_and(|t| t.since == parting.since && t.server_id != server)
        });
    }

    /// Ends all tunnels before `deadline`, with a little left for the last answers. Replaces what
    /// was planned before.
    pub(super) fn drain_all(&mut self, deadline: Instant) {
        self.drain.plan.clear();
        let left = deadline.saturating_duration_since(self.now);
        let within = left.saturating_sub(self.close_timeout() + limits::DRAIN_MARGIN);
        let farewell = self.stop_farewell();
        self.plan_drain(|_| true, within, farewell);
    }

    /// A tunnel that came to stand while the others, or those of its server, are being ended has
    /// no time left.
    pub(super) fn drain_newcomer(&mut self, id: TunnelId) {
        let server = &self.servers[self.tunnels[id.index()].server_id.index()];
        if self.is_closing() {
            self.part_tunnel(id, self.stop_farewell());
        } else if server.drained || server.removed {
            self.part_tunnel(id, Farewell::ServerLeaves);
        }
    }

    /// Closes the tunnels whose time has come.
    pub(super) fn part_due(&mut self) {
        while let Some(parting) = self.drain.pop_due(self.now) {
            let tunnel = self.tunnels.get(parting.tunnel.index());
            if tunnel.is_some_and(|tunnel| tunnel.since == parting.since) {
                self.part_tunnel(parting.tunnel, parting.farewell);
            }
        }
    }

    pub(super) fn plan_drain(
        &mut self,
        whom: impl Fn(&Tunnel) -> bool,
        within: Duration,
        farewell: Farewell,
    ) {
        let now = self.now;
        let relaying = |tunnel: &Tunnel| tunnel.state() == State::Relaying;
        let mut quiet: Vec<_> = self
            .tunnels
            .iter()
            .filter(|(_, tunnel)| relaying(tunnel) && whom(tunnel))
            .map(|(key, tunnel)| (tunnel.active, TunnelId::from(key), tunnel.since))
            .collect();
        if quiet.is_empty() {
            return;
        }
        info!("{} tunnels end within {within:?}", quiet.len());
        quiet.sort_unstable_by_key(|(active, id, _)| (*active, *id));
        let moments = paced(quiet.len(), within, &mut self.rng);
        let partings = quiet.iter().zip(moments).map(|(&(_, tunnel, since), after)| Parting {
            at: now + after,
            tunnel,
            since,
            farewell,
        });
        self.drain.plan.extend(partings);
        self.drain.plan.make_contiguous().sort_by_key(|parting| parting.at);
    }

    fn stop_farewell(&self) -> Farewell {
        let code = self.terms().map_or(1001, |terms| terms.drain_close_code);
        Farewell::Stopping { code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn closes_are_even_and_in_order_and_in_time() {
        let span = Duration::from_secs(6);
        for seed in 0..50 {
            let mut rng = StdRng::seed_from_u64(seed);
            let moments: Vec<_> = paced(600, span, &mut rng).collect();
            assert!(moments.is_sorted());
            assert!(moments.iter().all(|moment| *moment < span));
            for part in 0..60 {
                let (from, to) = (span * part / 60, span * (part + 1) / 60);
                let count = moments.iter().filter(|moment| (from..to).contains(*moment)).count();
                assert_eq!(count, 10, "seed {seed}, part {part}");
            }
        }
        assert_eq!(paced(0, span, &mut StdRng::seed_from_u64(0)).count(), 0);
    }
}
