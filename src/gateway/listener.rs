//! Who is let in? As many clients as there is room for.
//!
//! Beyond `max_connections` nobody is turned away: accepting stops, and whoever comes waits in the
//! kernel's queue. When descriptors or memory run out, accepting rests for a moment and is then
//! tried again by an alarm, as the edge that told of the clients will not come a second time.

use super::Gateway;
use super::alarm::Alarm;
use super::client::{Client, Entrance, State};
use super::token::Token;
use crate::flow::ready;
use crate::id::ClientId;
use crate::limits;
use crate::peer::Peer;
use log::warn;
use std::io;

/// Why nobody is accepted at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Somebody is.
    Open,
    /// `max_connections` are there; the next to leave lets the next in.
    Full,
    /// Descriptors or memory have run out; an alarm is set.
    Resting,
}

impl Gateway {
    /// Clients have arrived, or there is room again. While accepting rests, the alarm that is set
    /// does what there is to do.
    pub(super) fn on_listener(&mut self) {
        match self.door {
            Door::Open | Door::Full => self.accept_clients(),
            Door::Resting => {}
        }
    }

    /// Whoever has arrived is let in, before the listener goes. By a unix socket nobody new can
    /// arrive meanwhile.
    pub(super) fn let_in_the_last(&mut self) {
        if let Some(listener) = &mut self.listener {
            listener.retire();
        }
        self.on_listener();
    }

    /// Accepting has rested.
    pub(super) fn on_accept_alarm(&mut self) {
        self.accept_clients();
    }

    fn accept_clients(&mut self) {
        self.door = Door::Open;
        loop {
            let Some(listener) = &mut self.listener else { return };
            let clients = self.clients.len() - self.office.operators;
            if clients + self.tunnels.len() >= self.max_connections {
                self.door = Door::Full;
                return;
            }
            let (mut socket, peer) = match ready(listener.accept()) {
                Ok(Some(arrival)) => arrival,
                Ok(None) => return,
                Err(error) if is_fleeting(&error) => continue,
                Err(error) => {
                    warn!("cannot accept: {error}");
                    self.door = Door::Resting;
                    self.timers.insert(self.now + limits::ACCEPT_PAUSE, Alarm::Accept);
                    return;
                }
            };
            let entry = self.clients.vacant_entry();
            let id = ClientId::from(entry.key());
            if let Err(error) = self.net.register(&mut socket, Token::Client(id).into()) {
                warn!("cannot watch a client: {error}");
                continue;
            }
            let frontend = &self.config.frontend;
            let announced = frontend.proxy_protocol;
            let patience = if announced { frontend.header_timeout } else { frontend.idle_timeout };
            let deadline = self.now + patience;
            let client = Client::new(socket, Peer::new(peer), Entrance::Front, deadline);
            let client = entry.insert(client);
            client.port = peer.map_or(0, |peer| peer.port());
            if announced {
                client.enter(id, State::Arriving);
            }
            self.counters.accepted += 1;
            self.set_deadline(id, deadline);
        }
    }

    /// A place has become free.
    pub(super) fn reopen_door(&mut self) {
        if self.door == Door::Full {
            self.door = Door::Open;
            self.agenda.push_back(Token::Listener);
        }
    }
}

/// The client that was about to be accepted has gone; the next one may be fine.
fn is_fleeting(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
