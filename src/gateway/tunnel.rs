//! A WebSocket connection relayed between a client and a server.
//!
//! ```text
//!   Relaying --both directions ended, one broke, or silent for too long--> Closed
//! ```

use super::Gateway;
use super::alarm::Alarm;
use super::client::State as ClientState;
use super::token::Token;
use crate::flow::buffer::Buffer;
use crate::flow::relay::{Passage, Relay, Side};
use crate::id::{ServerId, TunnelId, WorkerId};
use crate::net::{Ready, Socket};
use crate::timer::TimerId;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// One tunnel: it owns both connections.
#[derive(Debug)]
pub struct Tunnel {
    client: Socket,
    server: Socket,
    /// Which server it leads to.
    pub server_id: ServerId,
    /// Who the client is.
    pub peer: IpAddr,
    /// The two directions.
    pub relay: Relay,
    state: State,
    /// When its silence becomes too long.
    deadline: Instant,
    alarm: Option<(Instant, TimerId)>,
    /// When it came to stand.
    pub since: Instant,
}

/// What a tunnel is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Bytes cross both ways.
    Relaying,
    /// Departed, waiting to be buried.
    Closed,
}

impl Tunnel {
    /// What it is doing.
    pub fn state(&self) -> State {
        self.state
    }
}

impl Gateway {
    /// Makes a tunnel of a client and its worker, both of which have left their slabs.
    pub(super) fn found_tunnel(
        &mut self,
        (mut client, inbox, peer): (Socket, Buffer, IpAddr),
        worker_id: WorkerId,
        to_client: Buffer,
    ) {
        let worker = self.workers.remove(worker_id.index());
        let mut server = worker.socket;
        let entry = self.tunnels.vacant_entry();
        let id = TunnelId::from(entry.key());
        let renamed = self
            .net
            .rename(&mut client, Token::TunnelClient(id).into())
            .and_then(|()| self.net.rename(&mut server, Token::TunnelServer(id).into()));
        if let Err(error) = renamed {
            log::warn!("cannot watch a tunnel: {error}");
            return self.reopen_door();
        }
        client.watch_for_death();
        server.watch_for_death();
        entry.insert(Tunnel {
            client,
            server,
            server_id: worker.server,
            peer,
            relay: Relay::new(inbox, to_client),
            state: State::Relaying,
            deadline: self.now,
            alarm: None,
            since: self.now,
        });
        self.counters.tunnels += 1;
        self.servers[worker.server.index()].tally.tunnels.opened += 1;
        self.keep_tunnel(id);
        // What arrived before the change of hands has spent its edge.
        self.agenda.push_back(Token::TunnelClient(id));
        if self.stopping.is_some() {
            self.close_tunnel(id);
        }
    }

    /// One of a tunnel's sockets spoke.
    pub(super) fn on_tunnel(&mut self, id: TunnelId, side: Side, ready: Ready) {
        let Some(tunnel) = self.tunnels.get_mut(id.index()) else { return };
        match side {
            Side::Client => tunnel.client.note(ready),
            Side::Server => tunnel.server.note(ready),
        }
        match tunnel.state {
            State::Relaying => self.relay(id),
            State::Closed => {}
        }
    }

    fn relay(&mut self, id: TunnelId) {
        let tunnel = &mut self.tunnels[id.index()];
        let passage =
            tunnel.relay.advance(&mut tunnel.client, &mut tunnel.server, &mut self.desk.scratch);
        match passage {
            Ok(Passage::Blocked { moved: false }) => {}
            Ok(Passage::Blocked { moved: true }) => self.keep_tunnel(id),
            Ok(Passage::Yielded) => {
                self.keep_tunnel(id);
                self.agenda.push_back(Token::TunnelClient(id));
            }
            Ok(Passage::Finished) => self.close_tunnel(id),
            Err((side, _)) => {
                // A reset on one side is a reset for the other: a FIN would claim an orderly end.
                match side {
                    Side::Client => tunnel.server.close_by_reset(),
                    Side::Server => tunnel.client.close_by_reset(),
                }
                self.close_tunnel(id);
            }
        }
    }

    /// Bytes have crossed: the silence begins anew.
    fn keep_tunnel(&mut self, id: TunnelId) {
        let idle = self.sections.websocket.as_ref().map_or(Duration::ZERO, |s| s.idle_timeout);
        let tunnel = &mut self.tunnels[id.index()];
        tunnel.deadline = self.now + idle;
        if tunnel.alarm.is_none() {
            let timer = self.timers.insert(tunnel.deadline, Alarm::Tunnel(id));
            tunnel.alarm = Some((tunnel.deadline, timer));
        }
    }

    /// A tunnel's alarm rang: its deadline has come, or was moved since.
    pub(super) fn on_tunnel_alarm(&mut self, id: TunnelId) {
        let tunnel = &mut self.tunnels[id.index()];
        tunnel.alarm = None;
        if tunnel.deadline > self.now {
            let timer = self.timers.insert(tunnel.deadline, Alarm::Tunnel(id));
            tunnel.alarm = Some((tunnel.deadline, timer));
        } else {
            self.close_tunnel(id);
        }
    }

    /// Closes both connections of a tunnel.
    pub(super) fn close_tunnel(&mut self, id: TunnelId) {
        let tunnel = &mut self.tunnels[id.index()];
        match tunnel.state {
            State::Closed => return,
            State::Relaying => tunnel.state = State::Closed,
        }
        if let Some((_, timer)) = tunnel.alarm.take() {
            self.timers.cancel(timer);
        }
        log::trace!("{id}: Relaying => Closed");
        self.note_tunnel_end(id);
        self.departed.push(Token::TunnelClient(id));
    }

    /// A departed client leaves its slot; one that was switching becomes half a tunnel.
    pub(super) fn bury_client(&mut self, id: crate::id::ClientId) {
        let mut client = self.clients.remove(id.index());
        if let Some((_, timer)) = client.alarm.take() {
            self.timers.cancel(timer);
        }
        let peer = client.peer;
        match client.into_parts() {
            (socket, inbox, ClientState::Switching(mut errand, worker)) => {
                let to_client = errand.exchange.take_backlog();
                self.note_switch(peer, worker, &errand);
                self.retire(errand);
                self.found_tunnel((socket, inbox, peer), worker, to_client);
            }
            (_, _, state) => {
                debug_assert!(matches!(state, ClientState::Closed));
                self.reopen_door();
            }
        }
    }
}
