//! What does another configuration change? What stays keeps its connections and counters.
//!
//! ```text
//!   server:  configured, not there yet ---> made, probed, its floor filled
//!            configured and there --------> keeps everything, other limits hold from now on
//!            there, not configured -------> Removed --last work done--> gone
//!                                               \--configured again--> as it was
//! ```
//!
//! Tunnels of a removed server would keep it for days: they are told to go elsewhere.
//!
//! A server is the same if its address is; when several have that address, the one with the same
//! number is. First whatever can fail is done (new listeners), then the rest, which cannot: so a
//! reload happens as a whole or not at all.

use super::Gateway;
use super::alarm::Alarm;
use super::section::{Kind, Section};
use super::server::Server;
use super::token::Token;
use crate::admin::events;
use crate::config::{self, Address, Config, ServerConfig};
use crate::id::{ServerId, TunnelId};
use crate::limits;
use crate::net::{Listener, Net, SocketAddress};
use log::info;
use std::io;
use std::time::Instant;

impl Gateway {
    /// Puts another configuration in force. `resolve` finds the address of a listener that moves.
    ///
    /// # Errors
    /// When a listener cannot be moved, or the gateway is stopping; then nothing has changed.
    pub fn reload(
        &mut self,
        config: Config,
        max_connections: usize,
        now: Instant,
        resolve: impl Fn(&Address) -> io::Result<SocketAddress>,
    ) -> io::Result<()> {
        // The last turn may have been long ago.
        self.now = now;
        if self.stopping.is_some() {
            return Err(io::Error::other("the gateway is stopping"));
        }
        let listen = |net: &mut Net, (address, mode): (&Address, u32), token: Token| {
            resolve(address).and_then(|address| net.listen(&address, mode, token.into()))
        };
        let (old, new) = (&self.config.frontend, &config.frontend);
        let front = if new.address == old.address {
            None
        } else {
            may_move(self.listener.as_ref(), "frontend")?;
            Some(listen(&mut self.net, (&new.address, new.socket_mode), Token::Listener)?)
        };
        let place = |config: &Config| config.admin.as_ref().map(|admin| admin.address.clone());
        let office_stays = place(&config) == place(&self.config);
        let office = match &config.admin {
            Some(admin) if !office_stays => {
                may_move(self.office.listener.as_ref(), "admin")?;
                Some(listen(&mut self.net, (&admin.address, admin.socket_mode), Token::Office)?)
            }
            Some(_) | None => None,
        };
        self.move_listeners(front, office, office_stays);
        if config.log.level != self.config.log.level {
            log::set_max_level(config.log.level);
        }
        self.permit(&config);
        self.authority = config.frontend.address.authority();
        self.max_connections = max_connections;
        self.groups.form(&config);
        self.reload_section(Kind::Http, config.http.as_ref());
        self.reload_section(Kind::WebSocket, config.websocket.as_ref());
        self.reload_terms(&config);
        self.config = config;
        self.reopen_door();
        if self.asks_names {
            self.resolve_all_groups();
        } else {
            self.on_names_alarm();
        }
        self.on_sweep_alarm();
        self.counters.reloads += 1;
        info!("the configuration was read again and is in force");
        self.record(events::Kind::Reload, None, "the new configuration is in force");
        Ok(())
    }

    /// Takes note of a configuration that was not put in force.
    pub fn note_refused_reload(&mut self, why: &str) {
        log::error!("reload: nothing changes: {why}");
        self.record(events::Kind::Reload, None, &format!("nothing changes: {why}"));
    }

    fn move_listeners(
        &mut self,
        front: Option<Listener>,
        office: Option<Listener>,
        office_stays: bool,
    ) {
        if let Some(front) = front {
            // Whoever has arrived at the old one is let in before it goes.
            self.let_in_the_last();
            self.listener = Some(front);
        }
        if !office_stays {
            self.put_office(office);
        }
    }

    /// The files of listeners that stay where they are may be for others from now on.
    fn permit(&self, config: &Config) {
        if let Some(front) = &self.listener {
            front.permit(config.frontend.socket_mode);
        }
        if let (Some(office), Some(admin)) = (&self.office.listener, &config.admin) {
            office.permit(admin.socket_mode);
        }
    }

    pub(super) fn reload_section(&mut self, kind: Kind, config: Option<&config::Section>) {
        let old = self.sections.take(kind);
        let mut former = old.as_ref().map(|old| old.servers.clone()).unwrap_or_default();
        let config = config.map(|config| self.expanded(kind, config));
        let Some(config) = &config else {
            // Its timeouts still hold for what is under way.
            self.sections.put(kind, old.map(Section::gone));
            former.iter().for_each(|id| self.remove_server(*id));
            return;
        };
        let mut ids = Vec::new();
        let mut fresh = Vec::new();
        for server in &config.servers {
            let same = |id: &ServerId| self.servers[id.index()].address == server.address;
            let best = |id: &ServerId| same(id) && self.servers[id.index()].number == server.number;
            let found = former.iter().position(best).or_else(|| former.iter().position(same));
            ids.push(match found {
                Some(place) => {
                    let id = former.remove(place);
                    self.servers[id.index()].reconfigure(config, server);
                    id
                }
                None => {
                    let id = self.join(kind, config, server);
                    fresh.push(id);
                    id
                }
            });
        }
        let section = Section::new(config, ids.clone());
        let section = match old {
            Some(old) => section.in_place_of(old),
            None => section,
        };
        self.sections.put(kind, Some(section));
        former.into_iter().for_each(|id| self.remove_server(id));
        // Before they are probed, so that nobody is found down whose name was never asked for.
        fresh.iter().for_each(|id| self.resolve(*id));
        for (position, id) in ids.iter().enumerate() {
            let interval = config.health.as_ref().map(|health| health.interval);
            let server = &mut self.servers[id.index()];
            match (interval, server.probe_alarm) {
                (Some(interval), None) => self.begin_probes(*id, interval, position, ids.len()),
                (None, Some(timer)) => {
                    self.timers.cancel(timer);
                    server.probe_alarm = None;
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
            self.tend_pool(*id);
        }
        for id in fresh {
            // One that has come back was leaving.
            self.keep_server(id);
            self.rebalance_unprobed(id);
        }
    }

    /// A server that was not there: one that has come back before its last work was done, or a new
    /// one.
    fn join(&mut self, kind: Kind, section: &config::Section, server: &ServerConfig) -> ServerId {
        let came_back = self.servers.iter_mut().find(|(_, leaving)| {
            leaving.removed && leaving.kind == kind && leaving.address == server.address
        });
        let Some((key, leaving)) = came_back else {
            let new = Server::new(kind, section, server);
            info!("{new}: new");
            return self.servers.insert(new).into();
        };
        leaving.removed = false;
        leaving.reconfigure(section, server);
        info!("{leaving}: back");
        key.into()
    }

    /// No new work from now on. Requests under way go on; tunnels are told to go.
    fn remove_server(&mut self, id: ServerId) {
        let server = &mut self.servers[id.index()];
        info!("{server}: removed, its work is finished first");
        server.removed = true;
        server.set_floor();
        if let Some(timer) = server.probe_alarm.take() {
            self.timers.cancel(timer);
        }
        self.tend_pool(id);
        self.drain_server(id);
    }

    /// Other terms hold for the tunnels that stand, too.
    fn reload_terms(&mut self, config: &Config) {
        let terms = |config: &Config| config.websocket.as_ref().map(|s| s.tunnels.clone());
        if terms(config) == terms(&self.config) {
            return;
        }
        let tunnels = self.tunnels.iter().map(|(_, tunnel)| tunnel.caller);
        let errands = self.clients.iter().filter_map(|(_, client)| client.state().errand());
        let placed = errands.filter(|errand| errand.placed).map(|errand| errand.caller);
        let places = tunnels.chain(placed);
        self.admission.set_terms(terms(config).as_ref(), places, self.now);
        // What is due may be due sooner.
        let ids: Vec<_> = self.tunnels.iter().map(|(key, _)| TunnelId::from(key)).collect();
        ids.into_iter().for_each(|id| self.arm_tunnel(id));
    }

    /// Lets go of removed servers whose last work is done; looks again later for the others.
    pub(super) fn on_sweep_alarm(&mut self) {
        let removed = self.servers.iter().filter(|(_, server)| server.removed);
        let ids: Vec<_> = removed.map(|(key, _)| ServerId::from(key)).collect();
        let mut left = false;
        for id in ids {
            if self.is_in_use(id) {
                left = true;
                continue;
            }
            let server = self.servers.remove(id.index());
            let pool_alarm = server.pool_alarm.map(|(_, timer)| timer);
            for timer in pool_alarm.into_iter().chain(server.sits_out) {
                self.timers.cancel(timer);
            }
            info!("{server}: gone");
        }
        if left && !self.sweeps {
            self.sweeps = true;
            self.timers.insert(self.now + limits::SWEEP_INTERVAL, Alarm::Sweep);
        }
    }

    /// Whether anything of the gateway still names the server.
    fn is_in_use(&self, id: ServerId) -> bool {
        let server = &self.servers[id.index()];
        server.resolving
            || !server.dismissed.is_empty()
            || server.pool.open() > 0
            || server.pool.waiting() > 0
            || server.tunnels > 0
            || self.workers.iter().any(|(_, worker)| worker.server == id)
            || self.tunnels.iter().any(|(_, tunnel)| tunnel.server_id == id)
            || self.probes.iter().any(|(_, probe)| probe.server() == id)
            || self.clients.iter().any(|(_, client)| client.state().names(id))
            || self.agenda.contains(Token::Line(id))
    }
}

/// A socket of the service manager's goes on to take connections when we turn away from it, and
/// nobody would serve them.
fn may_move(listener: Option<&Listener>, section: &str) -> io::Result<()> {
    if listener.is_some_and(Listener::is_inherited) {
        return Err(io::Error::other(format!(
            "the socket of [{section}] is the service manager's, so it moves only with a restart"
        )));
    }
    Ok(())
}
