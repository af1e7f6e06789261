//! Which servers are behind a name? Each of its addresses is one: `serverN = dns:name:port`.
//!
//! ```text
//!   answer --other addresses than before--> the section is put in force anew, as by a reload
//!          --the same, or none------------> nothing changes
//! ```
//!
//! So a server that joins or leaves with its name's addresses does what one does that is written
//! into the configuration or taken out of it: there is one mechanism for both (`reload`).

use super::Gateway;
use super::section::Kind;
use crate::config::{Address, Config, Section, ServerConfig};
use crate::id::ServerId;
use crate::limits;
use log::{info, warn};
use std::net::SocketAddr;

/// The servers behind one name.
#[derive(Debug)]
struct Group {
    kind: Kind,
    /// The N of `serverN`.
    number: u64,
    host: String,
    port: u16,
    /// Which group it is, of all there have been: an answer for another one is not taken for its.
    ticket: usize,
    /// In ascending order; the last good answer.
    addresses: Vec<SocketAddr>,
    /// A question to the resolver is under way.
    resolving: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    list: Vec<Group>,
    /// How many there have ever been.
    formed: usize,
}

/// Who asks the resolver, as the number that it gives back with its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A server with a name.
    Server(ServerId),
    /// The group with that ticket.
    Group(usize),
}

impl From<Asker> for usize {
    fn from(asker: Asker) -> Self {
        match asker {
            Asker::Server(id) => id.index() << 1,
            Asker::Group(ticket) => ticket << 1 | 1,
        }
    }
}

impl From<usize> for Asker {
    fn from(number: usize) -> Self {
        if number & 1 == 0 { Self::Server((number >> 1).into()) } else { Self::Group(number >> 1) }
    }
}

impl Group {
    /// None for a unix socket, which has no name to ask for.
    fn new(kind: Kind, server: &ServerConfig, ticket: usize) -> Option<Self> {
        let Address::Tcp { host, port } = server.address.clone() else { return None };
        let (number, addresses) = (server.number, Vec::new());
        Some(Self { kind, number, host, port, ticket, addresses, resolving: false })
    }

    fn stands_for(&self, kind: Kind, server: &ServerConfig) -> bool {
        self.kind == kind && self.number == server.number && self.is_of(&server.address)
    }

    fn is_of(&self, address: &Address) -> bool {
        matches!(address, Address::Tcp { host, port } if *host == self.host && *port == self.port)
    }
}

/// The addresses that are used of an answer: in ascending order, each once, and not too many.
fn settle(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(limits::GROUP_MAX);
    addresses
}

impl Groups {
    /// Makes the groups of a configuration; one that was there already keeps its servers.
    pub(super) fn form(&mut self, config: &Config) {
        let mut former = std::mem::take(&mut self.list);
        for (kind, section) in [(Kind::Http, &config.http), (Kind::WebSocket, &config.websocket)] {
            let servers = section.iter().flat_map(|section| &section.servers);
            for server in servers.filter(|server| server.each_address) {
                let known = former.iter().position(|group| group.stands_for(kind, server));
                let group = match known {
                    Some(place) => Some(former.swap_remove(place)),
                    None => {
                        self.formed += 1;
                        Group::new(kind, server, self.formed)
                    }
                };
                self.list.extend(group);
            }
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn expand(&self, kind: Kind, section: &Section) -> Section {
        let mut expanded = section.clone();
        expanded.servers.clear();
        for server in &section.servers {
            if !server.each_address {
                expanded.servers.push(server.clone());
                continue;
            }
            let group = self.list.iter().find(|group| group.stands_for(kind, server));
            let addresses = group.iter().flat_map(|group| &group.addresses);
            expanded.servers.extend(addresses.map(|address| ServerConfig {
                address: Address::Tcp { host: address.ip().to_string(), port: address.port() },
                each_address: false,
                ..server.clone()
            }));
        }
        expanded
    }
}

impl Gateway {
    /// The section with the servers that its names stand for at the moment.
    pub(super) fn expanded(&self, kind: Kind, section: &Section) -> Section {
        self.groups.expand(kind, section)
    }

    /// Asks for the addresses of those groups, unless that is under way.
    fn resolve_groups(&mut self, which: impl Fn(&Group) -> bool) {
        for group in self.groups.list.iter_mut().filter(|group| which(group) && !group.resolving) {
            group.resolving = true;
            self.net.resolve(Asker::Group(group.ticket).into(), &group.host, group.port);
        }
    }

    /// Asks for all groups.
    pub(super) fn resolve_all_groups(&mut self) {
        self.resolve_groups(|_| true);
    }

    /// Asks for the group that a server is one of, if it is of any: it may have left.
    pub(super) fn resolve_group_of(&mut self, id: ServerId) {
        let server = &self.servers[id.index()];
        let (kind, number) = (server.kind, server.number);
        self.resolve_groups(|group| group.kind == kind && group.number == number);
    }

    /// The addresses of a group have come. None at all keeps the servers that there are: a name
    /// that cannot be asked for is no reason to stop serving.
    pub(super) fn on_group_resolved(&mut self, ticket: usize, addresses: Vec<SocketAddr>) {
        let group = self.groups.list.iter_mut().find(|group| group.ticket == ticket);
        let Some(group) = group else { return };
        group.resolving = false;
        let (kind, found) = (group.kind, addresses.len());
        let name = format!("[{}] server{} ({})", kind.as_str(), group.number, group.host);
        let addresses = settle(addresses);
        if addresses.is_empty() {
            let kept = if group.addresses.is_empty() { "no server" } else { "the last ones stay" };
            return warn!("{name}: its name is unknown, {kept}");
        }
        if addresses == group.addresses || self.stopping.is_some() {
            return;
        }
        if found > limits::GROUP_MAX {
            warn!("{name}: {found} addresses, of which {} are used", limits::GROUP_MAX);
        }
        info!("{name}: {} servers", addresses.len());
        group.addresses = addresses;
        let config = match kind {
            Kind::Http => self.config.http.clone(),
            Kind::WebSocket => self.config.websocket.clone(),
        };
        if let Some(config) = config {
            self.reload_section(kind, Some(&config));
            self.on_sweep_alarm();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asker_survives_the_trip_through_a_number() {
        for index in [0_usize, 1, 2, 77, 9000] {
            for asker in [Asker::Server(index.into()), Asker::Group(index)] {
                assert_eq!(Asker::from(usize::from(asker)), asker);
            }
        }
    }

    #[test]
    fn addresses_are_in_order_each_once_and_not_too_many() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let given = ["[::1]:80", "10.0.0.2:80", "10.0.0.10:80", "10.0.0.2:80"].map(address);
        let settled = ["10.0.0.2:80", "10.0.0.10:80", "[::1]:80"].map(address);
        assert_eq!(settle(given.to_vec()), settled);
        let many = (0..=255).map(|house| SocketAddr::from(([10, 0, 0, house], 80))).collect();
        let settled = settle(many);
        assert_eq!(settled.len(), limits::GROUP_MAX);
        assert_eq!(settled.last(), Some(&address("10.0.0.63:80")));
    }
}
