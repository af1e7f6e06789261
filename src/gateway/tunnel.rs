//! What is a tunnel doing? A WebSocket connection relayed between a client and a server.
//!
//! ```text
//!            --a Close of ours is placed, or the server has ended--> Closing --+
//!   Relaying                                                    ended, or late |
//!            --both directions ended, or one broke------------------> Closed <-+
//! ```
//!
//! What the passing of time does to a tunnel stands in `tending`, the ending of
//! many at once in `drain`.

use super::Gateway;
use super::client::State as ClientState;
use super::token::Token;
use crate::flow::buffer::Buffer;
use crate::flow::relay::half::Half;
use crate::flow::relay::{Passage, Relay, Side};
use crate::id::{ClientId, ServerId, TunnelId, WorkerId};
use crate::net::{Ready, Socket};
use crate::peer::Peer;
use crate::timer::TimerId;
use crate::websocket::farewell::Farewell;
use rand::RngExt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// One tunnel: it owns both connections, and no other memory while it is quiet.
#[derive(Debug)]
pub struct Tunnel {
    pub(super) client: Socket,
    pub(super) server: Socket,
    /// Which server it leads to.
    pub server_id: ServerId,
    /// Who the client is, or whom it speaks for.
    pub caller: Peer,
    /// What the access log calls it; empty, and without memory, when there is none.
    pub name: Box<[u8]>,
    /// The two directions.
    pub relay: Relay,
    state: State,
    /// Set for the next thing that may be due, or for an earlier one: then it is set again.
    pub(super) alarm: Option<(Instant, TimerId)>,
    /// When it came to stand.
    pub since: Instant,
    /// When the last byte crossed.
    pub active: Instant,
    /// The longest time without one, in milliseconds, but for the time since the last one.
    longest_idle: u32,
    /// When its ends were last asked for a sign of life.
    pub(super) asked: Instant,
    /// How old it may become, in milliseconds.
    pub(super) age_max: Option<NonZeroU32>,
    /// Whether the kernel looks for the death of its ends, as it does once it has lived a while.
    pub(super) watched: bool,
}

/// What a tunnel is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Bytes cross both ways.
    Relaying,
    /// The end has been announced; the ends have until then to say theirs.
    Closing {
        /// When it is over in any case, unless an end is still taking its last bytes.
        until: Instant,
    },
    /// Departed, waiting to be buried.
    Closed,
}

impl Tunnel {
    /// What it is doing.
    pub fn state(&self) -> State {
        self.state
    }

    /// The longest time without a byte, but for the time since the last one.
    pub fn longest_idle(&self) -> Duration {
        Duration::from_millis(self.longest_idle.into())
    }

    /// The one place where a tunnel changes its state.
    pub(super) fn enter(&mut self, id: TunnelId, next: State) {
        log::trace!("{id}: {:?} => {next:?}", self.state);
        self.state = next;
    }

    /// Bytes have crossed: the silence begins anew.
    pub(super) fn touch(&mut self, now: Instant) {
        let idle = now.saturating_duration_since(self.active).as_millis();
        self.longest_idle = self.longest_idle.max(u32::try_from(idle).unwrap_or(u32::MAX));
        self.active = now;
    }
}

impl Gateway {
    /// Makes a tunnel of a client and its worker, both of which have left their slabs.
    fn found_tunnel(
        &mut self,
        (mut client, inbox, caller): (Socket, Buffer, Peer),
        name: Box<[u8]>,
        worker_id: WorkerId,
        to_client: Half,
    ) {
        let worker = self.workers.remove(worker_id.index());
        let mut server = worker.socket;
        let id = TunnelId::from(self.tunnels.vacant_key());
        let renamed = self
            .net
            .rename(&mut client, Token::TunnelClient(id).into())
            .and_then(|()| self.net.rename(&mut server, Token::TunnelServer(id).into()));
        if let Err(error) = renamed {
            log::warn!("cannot watch a tunnel: {error}");
            self.servers[worker.server.index()].tunnels -= 1;
            self.admission.leave(caller);
            return self.reopen_door();
        }
        let age_max = self.draw_age();
        self.tunnels.insert(Tunnel {
            client,
            server,
            server_id: worker.server,
            caller,
            name,
            relay: Relay::new(inbox, to_client),
            state: State::Relaying,
            alarm: None,
            since: self.now,
            active: self.now,
            longest_idle: 0,
            asked: self.now,
            age_max,
            watched: false,
        });
        self.counters.tunnels += 1;
        self.servers[worker.server.index()].tally.tunnels.opened += 1;
        self.arm_tunnel(id);
        // What arrived before the change of hands has spent its edge.
        self.agenda.push_back(Token::TunnelClient(id));
        self.drain_newcomer(id);
    }

    /// One of a tunnel's sockets spoke.
    pub(super) fn on_tunnel(&mut self, id: TunnelId, side: Side, ready: Ready) {
        let Some(tunnel) = self.tunnels.get_mut(id.index()) else { return };
        match side {
            Side::Client => tunnel.client.note(ready),
            Side::Server => tunnel.server.note(ready),
        }
        match tunnel.state {
            State::Relaying | State::Closing { .. } => self.relay(id),
            State::Closed => {}
        }
    }

    fn relay(&mut self, id: TunnelId) {
        let tunnel = &mut self.tunnels[id.index()];
        let passage = tunnel.relay.advance(&mut tunnel.client, &mut tunnel.server, &mut self.desk);
        match passage {
            Ok(Passage::Blocked { moved }) => {
                if moved {
                    tunnel.touch(self.now);
                }
            }
            Ok(Passage::Yielded) => {
                tunnel.touch(self.now);
                self.agenda.push_back(Token::TunnelClient(id));
            }
            Ok(Passage::Finished) => return self.close_tunnel(id),
            Err((side, _)) => {
                // A reset on one side is a reset for the other: a FIN would claim an orderly end.
                match side {
                    Side::Client => tunnel.server.close_by_reset(),
                    Side::Server => tunnel.client.close_by_reset(),
                }
                return self.close_tunnel(id);
            }
        }
        if tunnel.state == State::Relaying && tunnel.relay.is_ending() {
            self.await_the_end(id);
        }
    }

    /// Takes leave of both ends of a tunnel (RFC 6455 7.1.2).
    pub(super) fn part_tunnel(&mut self, id: TunnelId, farewell: Farewell) {
        let tunnel = &mut self.tunnels[id.index()];
        match tunnel.state {
            State::Relaying => {}
            State::Closing { .. } | State::Closed => return,
        }
        let mask = self.rng.random();
        tunnel.relay.part(farewell, mask, &mut tunnel.client, &mut tunnel.server);
        self.await_the_end(id);
        self.agenda.push_back(Token::TunnelClient(id));
    }

    /// Gives both ends a moment to say their last word.
    fn await_the_end(&mut self, id: TunnelId) {
        let until = self.now + self.close_timeout();
        self.tunnels[id.index()].enter(id, State::Closing { until });
        self.arm_tunnel(id);
    }

    /// Closes both connections of a tunnel.
    pub(super) fn close_tunnel(&mut self, id: TunnelId) {
        let tunnel = &mut self.tunnels[id.index()];
        match tunnel.state {
            State::Closed => return,
            State::Relaying | State::Closing { .. } => tunnel.enter(id, State::Closed),
        }
        tunnel.touch(self.now);
        if let Some((_, timer)) = tunnel.alarm.take() {
            self.timers.cancel(timer);
        }
        self.servers[tunnel.server_id.index()].tunnels -= 1;
        self.admission.leave(tunnel.caller);
        self.note_tunnel_end(id);
        self.departed.push(Token::TunnelClient(id));
    }

    /// A departed client leaves its slot; one that was switching becomes half a tunnel.
    pub(super) fn bury_client(&mut self, id: ClientId) {
        let mut client = self.clients.remove(id.index());
        if let Some((_, timer)) = client.alarm.take() {
            self.timers.cancel(timer);
        }
        match client.into_parts() {
            (socket, inbox, ClientState::Switching(mut errand, worker)) => {
                let to_client = errand.exchange.take_tunnel();
                self.note_switch(worker, &errand);
                // The place goes over to the tunnel.
                errand.placed = false;
                let caller = errand.caller;
                let name = errand.id.as_slice().into();
                self.retire(errand);
                self.found_tunnel((socket, inbox, caller), name, worker, to_client);
            }
            (_, _, state) => {
                debug_assert!(matches!(state, ClientState::Closed));
                self.reopen_door();
            }
        }
    }
}
