//! How does the process end? What runs is finished, nothing new is begun.
//!
//! ```text
//!   Running --signal--> Draining --drain_delay--> Closing --nobody left, or out of time--> Done
//!                            \-- second signal ------------------------------------------^
//! ```

use super::Gateway;
use super::alarm::Alarm;
use super::client::State;
use super::token::Token;
use crate::id::ClientId;
use log::info;
use std::time::Instant;

/// How far stopping has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopping {
    /// Not ready any more, but still answering, so that whoever balances before us can notice.
    Draining {
        /// When everything has to be over.
        deadline: Instant,
    },
    /// Nobody is let in; those inside finish.
    Closing {
        /// When everything has to be over.
        deadline: Instant,
    },
    /// Over.
    Done,
}

impl Gateway {
    /// Begins to stop; called a second time, stops at once.
    pub fn stop(&mut self, now: Instant) {
        self.now = now;
        let deadline = now + self.config.frontend.shutdown_timeout;
        match self.stopping {
            None => {
                info!("stopping");
                self.stopping = Some(Stopping::Draining { deadline });
                let pause = self.config.frontend.drain_delay;
                if pause.is_zero() {
                    self.on_stop_alarm();
                } else {
                    self.timers.insert(now + pause, Alarm::Stop);
                }
            }
            Some(_) => {
                info!("stopping at once");
                self.cut_the_rest();
            }
        }
    }

    /// Whether whoever waits for nothing is to go.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.stopping, Some(Stopping::Closing { .. }))
    }

    /// Whether there is nothing left to do.
    pub fn is_done(&self) -> bool {
        match self.stopping {
            None | Some(Stopping::Draining { .. }) => false,
            Some(Stopping::Closing { .. }) => {
                self.clients.len() == self.office.operators && self.tunnels.is_empty()
            }
            Some(Stopping::Done) => true,
        }
    }

    /// The next step of stopping is due.
    pub(super) fn on_stop_alarm(&mut self) {
        match self.stopping {
            Some(Stopping::Draining { deadline }) => {
                self.stopping = Some(Stopping::Closing { deadline });
                self.timers.insert(deadline, Alarm::Stop);
                // Whoever waits at the door is let in before it is shut.
                self.let_in_the_last();
                self.listener = None;
                self.close_idle();
                self.drain_all(deadline);
            }
            Some(Stopping::Closing { .. }) => {
                let (clients, tunnels) = (self.clients.len(), self.tunnels.len());
                info!("out of time: {clients} clients and {tunnels} tunnels are cut");
                self.cut_the_rest();
            }
            None | Some(Stopping::Done) => {}
        }
    }

    /// Whoever is still there is cut when the gateway goes. Where a response ends by closing that
    /// has to be a reset, or else the part would look like the whole.
    fn cut_the_rest(&mut self) {
        self.stopping = Some(Stopping::Done);
        for (_, client) in &self.clients {
            let errand = client.state().errand();
            if errand.is_some_and(|errand| errand.exchange.ends_by_closing()) {
                client.socket.close_by_reset();
            }
        }
    }

    /// Tells everybody that this was their last request, and looks after those who have none under
    /// way: what they have sent already, though no edge has told of it yet, is still answered. Who
    /// has sent nothing is closed.
    fn close_idle(&mut self) {
        let ids: Vec<_> = self.clients.iter().map(|(key, _)| ClientId::from(key)).collect();
        for id in ids {
            let client = &mut self.clients[id.index()];
            let (socket, _, state) = client.parts();
            match state {
                State::Arriving | State::Reading => {
                    socket.look_again();
                    self.agenda.push_back(Token::Client(id));
                }
                State::Waiting(errand, _)
                | State::Knocking(errand)
                | State::Exchanging(errand, _) => {
                    errand.exchange.close_client();
                }
                State::Switching(..)
                | State::Answering(..)
                | State::Watching(..)
                | State::Lingering(_)
                | State::Closed => {}
            }
        }
    }
}
