//! What does time do to a tunnel? Idleness, age, Pings, and the end of patience.
//!
//! Each tunnel has one alarm. Traffic does not touch it: when it rings too early it is set anew.
//! So a busy tunnel pays one comparison, and a quiet one an entry in the wheel.

use super::Gateway;
use super::alarm::Alarm;
use super::tunnel::State;
use crate::config::Tunnels;
use crate::flow::relay::{Pulse, Side};
use crate::id::TunnelId;
use crate::limits;
use crate::websocket::farewell::Farewell;
use rand::RngExt;
use std::time::{Duration, Instant};

impl Gateway {
    /// How tunnels are kept and ended, even when their section is no longer configured.
    pub(super) fn terms(&self) -> Option<&Tunnels> {
        self.sections.websocket.as_ref().map(|section| &section.tunnels)
    }

    /// How long the answer to a Close is awaited.
    pub(super) fn close_timeout(&self) -> Duration {
        self.terms().map_or(limits::LINGER_TIME, |terms| terms.close_timeout)
    }

    /// Decides when a new tunnel is too old: up to a tenth early, so that tunnels that came
    /// together do not go together.
    pub(super) fn set_age(&mut self, id: TunnelId) {
        let Some(max_age) = self.terms().map(|terms| terms.max_age) else { return };
        if !max_age.is_zero() {
            let share = 1.0 - 0.1 * self.rng.random::<f64>();
            self.tunnels[id.index()].expires = Some(self.now + max_age.mul_f64(share));
        }
    }

    /// A tunnel's alarm rang: something is due, or was put off since.
    pub(super) fn on_tunnel_alarm(&mut self, id: TunnelId) {
        let now = self.now;
        let (close_timeout, ping_interval) =
            (self.close_timeout(), self.terms().map_or(Duration::ZERO, |t| t.ping_interval));
        let idle_timeout = self.terms().map_or(Duration::ZERO, |t| t.idle_timeout);
        let tunnel = &mut self.tunnels[id.index()];
        tunnel.alarm = None;
        match tunnel.state() {
            State::Closed => return,
            State::Closing { until } if until <= now => {
                // Whoever is still taking its last bytes may go on for as long as it takes some.
                let until = tunnel.active + close_timeout;
                if !tunnel.relay.is_draining() || until <= now {
                    return self.close_tunnel(id);
                }
                tunnel.enter(id, State::Closing { until });
            }
            State::Closing { .. } => {}
            State::Relaying if tunnel.active + idle_timeout <= now => {
                return self.part_tunnel(id, Farewell::IdleTimeout);
            }
            State::Relaying if tunnel.expires.is_some_and(|expires| expires <= now) => {
                return self.part_tunnel(id, Farewell::MaxAge);
            }
            State::Relaying => {
                let due = self.ping_due(id, ping_interval);
                if due.is_some_and(|due| due <= now) && self.ask_both(id) {
                    return self.part_tunnel(id, Farewell::Unanswered);
                }
            }
        }
        self.arm_tunnel(id);
    }

    /// When the ends of a tunnel are to be asked for a sign of life: when it has been quiet for an
    /// interval; and an answer is awaited for no longer because the other end is talkative.
    fn ping_due(&self, id: TunnelId, interval: Duration) -> Option<Instant> {
        let tunnel = &self.tunnels[id.index()];
        let quiet_since =
            if tunnel.relay.is_asking() { tunnel.asked } else { tunnel.active.max(tunnel.asked) };
        (!interval.is_zero()).then(|| quiet_since + interval)
    }

    /// Asks both ends; whether one of them is lost.
    fn ask_both(&mut self, id: TunnelId) -> bool {
        let tunnel = &mut self.tunnels[id.index()];
        tunnel.asked = self.now;
        let (nonce, mask) = (self.rng.random(), self.rng.random());
        let client = tunnel.relay.ask(Side::Client, nonce, mask, &mut tunnel.client);
        let server = tunnel.relay.ask(Side::Server, nonce, mask, &mut tunnel.server);
        [client, server].contains(&Pulse::Lost)
    }

    /// Sets a tunnel's alarm for the next thing that is due, unless it rings earlier anyway.
    pub(super) fn arm_tunnel(&mut self, id: TunnelId) {
        let Some(terms) = self.terms() else { return };
        let (idle_timeout, ping_interval) = (terms.idle_timeout, terms.ping_interval);
        let ping = self.ping_due(id, ping_interval);
        let tunnel = &mut self.tunnels[id.index()];
        let due = match tunnel.state() {
            State::Closed => return,
            State::Closing { until } => until,
            State::Relaying => {
                let idle = tunnel.active + idle_timeout;
                [ping, tunnel.expires].into_iter().flatten().fold(idle, Instant::min)
            }
        };
        match tunnel.alarm {
            Some((set, _)) if set <= due => {}
            old => {
                if let Some((_, timer)) = old {
                    self.timers.cancel(timer);
                }
                let timer = self.timers.insert(due, Alarm::Tunnel(id));
                tunnel.alarm = Some((due, timer));
            }
        }
    }
}
