//! What does time do to a tunnel? Idleness, age, Pings, and the end of patience.
//!
//! Each tunnel has one alarm. Traffic does not touch it: when it rings too early it is set anew.
//! So a busy tunnel pays one comparison, and a quiet one an entry in the wheel.

use super::Gateway;
use super::alarm::Alarm;
use super::tunnel::{State, Tunnel};
use crate::config::Tunnels;
use crate::flow::relay::{Pulse, Side};
use crate::id::TunnelId;
use crate::limits;
use crate::websocket::farewell::Farewell;
use rand::RngExt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

impl Tunnel {
    /// When it is too old.
    fn expires(&self) -> Option<Instant> {
        self.age_max.map(|age| self.since + Duration::from_millis(age.get().into()))
    }

    /// When the kernel is to begin to look for the death of its ends. Most tunnels that end within
    /// the first minute never pay for it.
    fn watch_due(&self) -> Option<Instant> {
        (!self.watched).then(|| self.since + limits::KEEPALIVE_AFTER)
    }

    /// Whether its alarm has missed to begin with that.
    pub(super) fn is_unwatched_for_long(&self, now: Instant) -> bool {
        let is_late = self.watch_due().is_some_and(|due| due + limits::TICK < now);
        is_late && self.state() == State::Relaying
    }

    fn watch_for_death(&mut self, now: Instant) {
        if self.watch_due().is_some_and(|due| due <= now) {
            self.client.watch_for_death();
            self.server.watch_for_death();
            self.watched = true;
        }
    }
}

impl Gateway {
    /// How tunnels are kept and ended, even when their section is no longer configured.
    pub(super) fn terms(&self) -> Option<&Tunnels> {
        self.sections.websocket.as_ref().map(|section| &section.tunnels)
    }

    /// How long the answer to a Close is awaited.
    pub(super) fn close_timeout(&self) -> Duration {
        self.terms().map_or(limits::LINGER_TIME, |terms| terms.close_timeout)
    }

    /// Decides how old a new tunnel may become, in milliseconds: up to a tenth less than
    /// `max_age`, so that tunnels that came together do not go together.
    pub(super) fn draw_age(&mut self) -> Option<NonZeroU32> {
        let max_age = self.terms()?.max_age;
        if max_age.is_zero() {
            return None;
        }
        let share = 1.0 - 0.1 * self.rng.random::<f64>();
        // The most that `max_age` may be is 30 days; there is room for 49.
        let age = u32::try_from(max_age.mul_f64(share).as_millis()).unwrap_or(u32::MAX);
        Some(NonZeroU32::new(age).unwrap_or(NonZeroU32::MIN))
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
            State::Relaying if tunnel.expires().is_some_and(|expires| expires <= now) => {
                return self.part_tunnel(id, Farewell::MaxAge);
            }
            State::Relaying => {
                tunnel.watch_for_death(now);
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
                let others = [ping, tunnel.expires(), tunnel.watch_due()];
                others.into_iter().flatten().fold(idle, Instant::min)
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
