//! What an onlooker sees of the gateway, after every turn and in the end: connections counted at
//! the servers, and nothing left when all is over.

use super::run::Run;
use crate::gateway::token::Token;
use crate::limits;
use crate::net::simulated::with;
use crate::net::simulated::world::World;

impl Run {
    /// After every turn.
    pub(super) fn keep_watch(&mut self) {
        self.count_workers();
        self.count_tunnels();
        self.count_refusals();
    }

    /// Never more than `max_workers` connections, probes apart.
    fn count_workers(&mut self) {
        for (number, host) in self.scenario.hosts.iter().enumerate() {
            let Some(max) = host.max_workers else { continue };
            let worker = |key| matches!(Token::from(key), Token::Worker(_));
            let open: usize = host
                .addresses
                .iter()
                .map(|address| with(|world| world.open_to(*address, worker)))
                .sum();
            if open > max {
                self.ledger.wrong(format!("server {number} has {open} workers, not {max}"));
            }
        }
    }

    /// Never more tunnels than `max_tunnels`, with what may become one.
    fn count_tunnels(&mut self) {
        let most = self.scenario.terms.most;
        let hosts = &self.scenario.hosts[self.scenario.plain..];
        let worker = |key| matches!(Token::from(key), Token::Worker(_));
        let addresses = hosts.iter().flat_map(|host| &host.addresses);
        let open: usize = addresses.map(|at| with(|world| world.open_to(*at, worker))).sum();
        if most > 0 && open > most {
            self.ledger.wrong(format!("{open} tunnels, not {most}"));
        }
    }

    /// A server that refuses is asked again when a request is new or knocks, or once a second.
    fn count_refusals(&mut self) {
        let now = with(|world| world.now());
        for (at, address, key) in with(World::take_refusals) {
            let host = self.numbers.get(&address).copied();
            if let (Some(host), Token::Worker(_)) = (host, Token::from(key)) {
                self.refused[host].push_back(at);
            }
        }
        for host in 0..self.refused.len() {
            let times = &mut self.refused[host];
            while times.front().is_some_and(|at| *at + limits::REFILL_PAUSE < now) {
                times.pop_front();
            }
            let asked = times.len();
            let workers = 2 * self.scenario.hosts[host].max_workers.unwrap_or_default();
            if asked <= workers {
                continue;
            }
            let since = now.saturating_sub(limits::REFILL_PAUSE);
            let cases = self.ledger.cases.iter().filter(|case| !case.begun.is_zero());
            let waiting = cases.filter(|c| c.seen.is_none() || c.begun >= since).count();
            // Within a second a request looks for a place and knocks three times, and may be
            // sent again; some have given up by now.
            if asked > workers + 5 * waiting + 10 {
                let what =
                    format!("server {host} refused {asked} times in a second, {waiting} asked");
                self.ledger.wrong(what);
            }
        }
    }

    /// Everything is over: nothing may be left.
    pub(super) fn look_back(&mut self) {
        for client in self.clients.values() {
            let stuck = format!("left waiting for ever: {}", client.describe());
            self.ledger.wrongs.push(stuck);
        }
        let Some(gateway) = &self.gateway else { return };
        if gateway.is_done() {
            return;
        }
        let census = gateway.census();
        let mut wrong = |what: &str| self.ledger.wrongs.push(format!("{what}: {census:?}"));
        let left = census.clients + census.tunnels + census.waiting + census.held + census.places;
        if left > 0 {
            wrong("something is left over");
        }
        if census.removed > 0 {
            wrong("a removed server is kept");
        }
        if census.timers > census.timers_needed {
            wrong("more timers than needed");
        }
        let sockets = census.active + census.idle + census.probes;
        if with(|world| world.held_by_gateway()) != sockets {
            wrong("more sockets than owners");
        }
        let troubled = self.scenario.troubles.reach || self.stopped;
        if !troubled && (census.active > 0 || census.idle < census.floor) {
            wrong("the floor of workers is not filled");
        }
    }
}
