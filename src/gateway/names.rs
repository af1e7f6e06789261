//! Where are the servers? Asked at the start, at an interval, and when a connection failed.
//!
//! An answer with addresses replaces the last one, and one without keeps it. A server whose name
//! was never known is down, and the gateway runs all the same.

use super::Gateway;
use super::alarm::Alarm;
use super::group::Asker;
use crate::config::Address;
use crate::id::ServerId;
use crate::limits;
use log::{info, warn};

impl Gateway {
    /// Asks for a server's addresses, unless that is under way or there is no name to ask for.
    pub(super) fn resolve(&mut self, id: ServerId) {
        let server = &mut self.servers[id.index()];
        if server.is_named()
            && !server.resolving
            && let Address::Tcp { host, port } = &server.address
        {
            self.net.resolve(Asker::Server(id).into(), host, *port);
            server.resolving = true;
        }
    }

    /// Time to ask for every name again: containers move.
    pub(super) fn on_names_alarm(&mut self) {
        let configured = self.servers.iter().filter(|(_, server)| !server.removed);
        let ids: Vec<_> = configured.map(|(key, _)| ServerId::from(key)).collect();
        let named = ids.iter().any(|id| self.servers[id.index()].is_named());
        self.asks_names = named || !self.groups.is_empty();
        if self.asks_names {
            self.timers.insert(self.now + limits::RESOLVE_INTERVAL, Alarm::Names);
        }
        for id in ids {
            self.resolve(id);
        }
        self.resolve_all_groups();
    }

    /// Answers have come.
    pub(super) fn on_resolved(&mut self) {
        while let Some(answer) = self.net.resolved() {
            let id = match Asker::from(answer.ticket) {
                Asker::Server(id) => id,
                Asker::Group(ticket) => {
                    self.on_group_resolved(ticket, answer.addresses);
                    continue;
                }
            };
            let Some(server) = self.servers.get_mut(id.index()) else { continue };
            let (known, found) = (server.is_known(), !answer.addresses.is_empty());
            server.resolved(answer.addresses);
            match (known, found) {
                (false, true) => info!("{server}: its name is known now"),
                (false, false) => warn!("{server}: its name is unknown"),
                (true, false) => warn!("{server}: its name is unknown, the last address is kept"),
                (true, true) => continue,
            }
            if found && !server.removed {
                self.tend_pool(id);
                self.probe(id);
                if !known {
                    self.rebalance_unprobed(id);
                }
            }
        }
    }
}
