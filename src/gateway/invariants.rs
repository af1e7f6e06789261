//! What must hold between turns? Checked after every turn of a debug build.

use super::Gateway;
use super::errand::Errand;
use super::{client, tunnel, worker};
use crate::id::{ClientId, WorkerId};
use crate::limits;

/// What may wait in the pipes of both directions, inside the kernel.
const PIPED: usize = 2 * limits::SPLICE_MAX;

impl Gateway {
    /// Every broken invariant, in words. Empty means that all is well.
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.check_clients(&mut found);
        self.check_workers(&mut found);
        self.check_pools(&mut found);
        for (key, tunnel) in &self.tunnels {
            if tunnel.state() == tunnel::State::Closed {
                found.push(format!("tunnel {key} was not buried"));
            }
            // A backlog is one read, behind what was held when the tunnel was founded.
            if tunnel.relay.held() > 6 * limits::SCRATCH + PIPED {
                found.push(format!("tunnel {key} holds {} bytes", tunnel.relay.held()));
            }
            if tunnel.is_unwatched_for_long(self.now) {
                found.push(format!("the death of the ends of tunnel {key} would go unnoticed"));
            }
        }
        self.check_places(&mut found);
        for (_, server) in &self.servers {
            if server.health.sits_out(self.now).is_some() && server.sits_out.is_none() {
                found.push(format!("{server} sits out, and no alarm ends it"));
            }
        }
        if !self.agenda.is_sound() {
            found.push("the agenda has somebody twice".to_owned());
        }
        if !self.departed.is_empty() {
            found.push(format!("{} departed are not buried", self.departed.len()));
        }
        found
    }

    fn check_clients(&self, found: &mut Vec<String>) {
        for (key, client) in &self.clients {
            let id = ClientId::from(key);
            if client.alarm.is_none_or(|(set, _)| set > client.deadline) {
                found.push(format!("{id} has no alarm before its deadline"));
            }
            if client.inbox.len() > limits::SCRATCH {
                found.push(format!("{id} has {} bytes in its inbox", client.inbox.len()));
            }
            let errand = client.state().errand();
            for server in errand.into_iter().flat_map(Errand::servers) {
                if !self.servers.contains(server.index()) {
                    found.push(format!("{id} names a server that is gone"));
                }
            }
            match client.state() {
                client::State::Exchanging(errand, worker) => {
                    let other = self.workers.get(worker.index()).map(worker::Worker::state);
                    let mine = other == Some(worker::State::Busy(id))
                        || other == Some(worker::State::Connecting(Some(id)));
                    if !mine {
                        found.push(format!("{id} exchanges with {worker}, which is {other:?}"));
                    }
                    if errand.exchange.held() > 4 * limits::SCRATCH + PIPED {
                        found.push(format!("{id} holds {} bytes", errand.exchange.held()));
                    }
                }
                client::State::Waiting(_, server) => {
                    let server = &self.servers[server.index()];
                    if !server.pool.is_waiting(id) && !server.dismissed.contains(&id) {
                        found.push(format!("{id} waits in no line"));
                    }
                }
                client::State::Closed | client::State::Switching(..) => {
                    found.push(format!("{id} was not buried"));
                }
                client::State::Arriving
                | client::State::Reading
                | client::State::Knocking(_)
                | client::State::Answering(..)
                | client::State::Watching(..)
                | client::State::Lingering(_) => {}
            }
        }
    }

    /// Whoever is or may become a tunnel is counted once, at its server and among all.
    fn check_places(&self, found: &mut Vec<String>) {
        let mut places = self.tunnels.len();
        for (_, client) in &self.clients {
            places += usize::from(client.state().errand().is_some_and(|e| e.placed));
        }
        if places != self.admission.taken() {
            found.push(format!("{places} places, {} counted", self.admission.taken()));
        }
        for (key, server) in self.servers.iter().filter(|(_, server)| !server.is_pooled()) {
            let tunnels = self.tunnels.iter().filter(|(_, t)| t.server_id.index() == key).count();
            let workers = self.workers.iter().filter(|(_, w)| w.server.index() == key).count();
            if server.tunnels != tunnels + workers {
                let counted = server.tunnels;
                found.push(format!("{server} counts {counted}, has {tunnels} and {workers}"));
            }
        }
    }

    fn check_workers(&self, found: &mut Vec<String>) {
        for (key, worker) in &self.workers {
            let id = WorkerId::from(key);
            match worker.state() {
                worker::State::Busy(client) | worker::State::Connecting(Some(client)) => {
                    let other = self.clients.get(client.index()).map(client::Client::state);
                    let mine = matches!(other, Some(client::State::Exchanging(_, w)) if *w == id);
                    if !mine {
                        found.push(format!("{id} is for {client}, who is {other:?}"));
                    }
                }
                worker::State::Connecting(None) | worker::State::Idle => {}
                worker::State::Closed => found.push(format!("{id} was not buried")),
            }
        }
    }

    fn check_pools(&self, found: &mut Vec<String>) {
        for (key, server) in self.servers.iter().filter(|(_, server)| server.is_pooled()) {
            let mine = self.workers.iter().filter(|(_, w)| w.server.index() == key);
            let (mut idle, mut busy, mut connecting) = (0, 0, 0);
            for (_, worker) in mine {
                match worker.state() {
                    worker::State::Idle => idle += 1,
                    worker::State::Busy(_) | worker::State::Connecting(Some(_)) => busy += 1,
                    worker::State::Connecting(None) => connecting += 1,
                    worker::State::Closed => {}
                }
            }
            let pool = &server.pool;
            let counted = (pool.idle(), pool.busy(), pool.connecting());
            if counted != (idle, busy, connecting) {
                let seen = (idle, busy, connecting);
                found.push(format!("{server} counts {counted:?} workers, there are {seen:?}"));
            }
            if pool.open() > pool.limits().max {
                found.push(format!("{server} has {} workers", pool.open()));
            }
            let waiting = self.clients.iter().filter(|(_, client)| {
                matches!(client.state(), client::State::Waiting(_, s) if s.index() == key)
            });
            let standing = pool.waiting() + server.dismissed.len();
            let waiting = waiting.count();
            if standing != waiting {
                found.push(format!("{server}: {standing} in line, {waiting} clients waiting"));
            }
            if standing > 0 && pool.idle() > 0 {
                found.push(format!("{server}: a line beside an idle worker"));
            }
        }
    }
}
