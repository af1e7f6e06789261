//! How does a server fill that has joined or come back?
//!
//! Tunnels live long, so a server that joins stays empty while the others stay full. If configured,
//! a few tunnels a second are ended (1012: come back, to whichever server then) on servers that
//! have clearly more than their share by their weights, the quietest first, until all have about as
//! many as they should. That begins when the server is warm (`slow_start`). Spares have no share
//! while others are up.
//!
//! It ends in any case: no more tunnels are ended for one return than there were at that moment.

use super::Gateway;
use super::section::Kind;
use super::tunnel::State;
use crate::id::{ServerId, TunnelId};
use crate::websocket::farewell::Farewell;
use log::info;
use rand::RngExt;
use std::time::{Duration, Instant};

/// Rebalancing under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rebalancing {
    /// When the next tunnel is due.
    pub(super) at: Instant,
    /// How many may still be ended.
    budget: usize,
}

/// Above how many of all tunnels a server has too many: a tenth and one over its part of them,
/// which is `share` of `shares`. Who has no share has too many with the first.
fn ceiling(tunnels: usize, share: usize, shares: usize) -> usize {
    if share == 0 {
        return 0;
    }
    let part = (tunnels * share).div_ceil(shares.max(1));
    part + part / 10 + 1
}

impl Gateway {
    /// A server has joined. Where servers are probed, it is filled when the first probe is good.
    pub(super) fn rebalance_unprobed(&mut self, server: ServerId) {
        let kind = self.servers[server.index()].kind;
        if self.sections.of(kind).is_some_and(|section| section.health.is_none()) {
            self.rebalance(server);
        }
    }

    /// A server may get work, at last or again: begins to fill it, if that is configured.
    pub(super) fn rebalance(&mut self, server: ServerId) {
        let rate = self.terms().map_or(0, |terms| terms.rebalance_rate);
        let is_ours = self.servers[server.index()].kind == Kind::WebSocket;
        if rate > 0 && is_ours && self.stopping.is_none() && self.tunnels.len() > 1 {
            let budget = self.tunnels.len();
            // Whoever comes back while it warms up would mostly be sent where it was.
            let section = self.sections.websocket.as_ref();
            let at = self.now + section.map_or(Duration::ZERO, |section| section.slow_start);
            self.rebalancing = Some(Rebalancing { at, budget });
        }
    }

    /// Ends the tunnels that are due.
    pub(super) fn rebalance_due(&mut self) {
        let rate = self.terms().map_or(0, |terms| terms.rebalance_rate).max(1);
        while let Some(Rebalancing { at, budget }) = self.rebalancing.filter(|r| r.at <= self.now) {
            let victim = if budget > 0 && self.stopping.is_none() { self.surplus() } else { None };
            let Some(victim) = victim else {
                info!("tunnels are balanced");
                self.rebalancing = None;
                return;
            };
            self.part_tunnel(victim, Farewell::Rebalancing);
            let pause = Duration::from_secs(1).mul_f64(0.5 + self.rng.random::<f64>()) / rate;
            self.rebalancing = Some(Rebalancing { at: at + pause, budget: budget - 1 });
        }
    }

    /// The quietest tunnel of the fullest server, if that has too many.
    fn surplus(&self) -> Option<TunnelId> {
        let section = self.sections.websocket.as_ref()?;
        let server = |id: &ServerId| &self.servers[id.index()];
        let up = section.servers.iter().filter(|id| server(id).is_available(self.now));
        let spares_only = up.clone().all(|id| server(id).backup);
        let share = |id: &ServerId| match server(id).backup && !spares_only {
            true => 0,
            false => server(id).weight() as usize,
        };
        let mut counts = vec![0_usize; self.servers.len()];
        let relaying = || self.tunnels.iter().filter(|(_, t)| t.state() == State::Relaying);
        for (_, tunnel) in relaying() {
            if let Some(count) = counts.get_mut(tunnel.server_id.index()) {
                *count += 1;
            }
        }
        let of = |id: ServerId| counts.get(id.index()).copied().unwrap_or(0);
        let total: usize = up.clone().map(|id| of(*id)).sum();
        let shares: usize = up.clone().map(share).sum();
        let surplus = |id: &ServerId| of(*id).saturating_sub(ceiling(total, share(id), shares));
        let fullest = *up.max_by_key(|id| surplus(id))?;
        let mine = relaying().filter(|(_, tunnel)| tunnel.server_id == fullest);
        let quietest = mine.min_by_key(|(_, tunnel)| tunnel.active)?.0;
        (surplus(&fullest) > 0).then(|| TunnelId::from(quietest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_some_room() {
        // All tunnels, the server's share, all shares, and the most that it should have.
        let table = [
            (10, 1, 2, 6),
            (100, 1, 2, 56),
            (100, 3, 4, 83),
            (100, 1, 4, 28),
            (9, 1, 3, 4),
            (0, 1, 1, 1),
            (9, 0, 3, 0),
            (9, 0, 0, 0),
        ];
        for (tunnels, share, shares, most) in table {
            assert_eq!(ceiling(tunnels, share, shares), most, "{share}/{shares} of {tunnels}");
        }
    }
}
