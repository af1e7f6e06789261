//! Bytes of a simulated world: written, flying, arrived, read; and how connections end.

use super::{Event, World};
use crate::net::Ready;
use crate::net::simulated::end::{EndId, Fin, Owner, Phase};
use std::collections::VecDeque;
use std::io;

impl World {
    /// Reads at an end.
    ///
    /// # Errors
    /// As a kernel's socket: `WouldBlock`, or what broke the connection.
    pub fn read(&mut self, id: EndId, room: &mut [u8]) -> io::Result<usize> {
        let count = self.ends[id.0].read(room)?;
        if count > 0 && self.ends[id.peer().0].starved {
            let latency = self.latency();
            self.schedule(latency, Event::Room(id.peer()));
        }
        Ok(count)
    }

    /// Writes at an end, and says how much was taken.
    ///
    /// # Errors
    /// As a kernel's socket: `WouldBlock`, or what broke the connection.
    pub fn write(&mut self, id: EndId, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.room(id, bytes.len())?;
        self.write_whole(id, &bytes[..taken])?;
        if taken < bytes.len() {
            self.ends[id.0].starved = true;
            let latency = self.latency();
            self.schedule(latency, Event::Room(id));
        }
        Ok(taken)
    }

    /// How many of `offered` bytes can be written at an end, at least one.
    ///
    /// # Errors
    /// As [`World::write`].
    pub fn room(&mut self, id: EndId, offered: usize) -> io::Result<usize> {
        let end = &mut self.ends[id.0];
        if end.phase == Phase::Connecting {
            end.starved = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Some(error) = end.error.take() {
            return Err(error.into());
        }
        if end.phase == Phase::Dead || end.finished {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = self.ends[id.peer().0].room();
        let mut taken = room.min(offered);
        if taken == 0 {
            self.ends[id.0].starved = offered > 0;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.chance.percent(self.weather.short_writes) {
            taken -= self.chance.below(taken);
        }
        Ok(taken)
    }

    /// Writes bytes for which there is room.
    ///
    /// # Errors
    /// None.
    pub fn write_whole(&mut self, id: EndId, bytes: &[u8]) -> io::Result<usize> {
        self.ends[id.peer().0].flying.extend(bytes);
        self.set_off(id.peer());
        Ok(bytes.len())
    }

    /// Writes everything or nothing, and lets it arrive in one piece; `false` when there is no
    /// room for that.
    pub fn write_at_once(&mut self, id: EndId, bytes: &[u8]) -> bool {
        let there = &mut self.ends[id.peer().0];
        let fits = there.room() >= bytes.len() && there.flying.is_empty();
        let stands = self.ends[id.0].phase == Phase::Connected && !self.ends[id.0].finished;
        if fits && stands {
            let there = &mut self.ends[id.peer().0];
            there.flying.extend(bytes);
            there.in_one_piece = true;
            self.set_off(id.peer());
        }
        fits && stands
    }

    /// Sends a FIN.
    ///
    /// # Errors
    /// When the connection is dead.
    pub fn finish(&mut self, id: EndId) -> io::Result<()> {
        if self.ends[id.0].phase != Phase::Connected {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if !std::mem::replace(&mut self.ends[id.0].finished, true) {
            self.ends[id.peer().0].fin = Fin::Flying;
            self.set_off(id.peer());
        }
        Ok(())
    }

    /// Closes an end: by FIN, or by RST when something was left unread.
    pub fn close(&mut self, id: EndId) {
        let end = &mut self.ends[id.0];
        if end.owner == Owner::Nobody {
            return;
        }
        end.owner = Owner::Nobody;
        end.edge = None;
        let resets = end.abrupt || !end.arrived.is_empty();
        end.arrived = VecDeque::new();
        match end.phase {
            Phase::Connecting | Phase::Dead => end.phase = Phase::Dead,
            Phase::Connected if resets => self.cut(id),
            Phase::Connected => {
                // A FIN cannot fail on a connection that stands.
                let _ = self.finish(id);
            }
        }
    }

    /// Closes an end by RST.
    pub fn abort(&mut self, id: EndId) {
        self.ends[id.0].abrupt = true;
        self.close(id);
    }

    fn cut(&mut self, id: EndId) {
        self.ends[id.0].phase = Phase::Dead;
        self.ends[id.0].flying = VecDeque::new();
        let latency = self.latency();
        self.schedule(latency, Event::Reset(id.peer()));
    }

    fn set_off(&mut self, id: EndId) {
        if !std::mem::replace(&mut self.ends[id.0].arriving, true) {
            let latency = self.latency();
            self.schedule(latency, Event::Arrive(id));
        }
    }

    pub(super) fn arrive(&mut self, id: EndId) {
        let morsel = self.weather.morsel;
        let end = &mut self.ends[id.0];
        end.arriving = false;
        if end.phase == Phase::Dead {
            end.flying = VecDeque::new();
            return;
        }
        if end.flying.is_empty() {
            if end.fin == Fin::Flying {
                end.fin = Fin::Arrived;
                let broken = end.finished;
                self.signal(id, Ready { readable: true, ended: true, broken, writable: false });
            }
            return;
        }
        if end.owner == Owner::Nobody {
            // Nobody will read this: the kernel says so.
            return self.cut(id);
        }
        let whole = end.in_one_piece;
        let most = if whole { end.flying.len() } else { end.flying.len().min(morsel) };
        let count = if whole { most } else { most - self.chance.below(most) };
        let end = &mut self.ends[id.0];
        end.in_one_piece &= count < end.flying.len();
        let morsel = end.flying.drain(..count);
        end.arrived.extend(morsel);
        let more = !end.flying.is_empty() || end.fin == Fin::Flying;
        self.signal(id, Ready { readable: true, ..Ready::default() });
        if more {
            self.set_off(id);
        }
    }

    pub(super) fn make_room(&mut self, id: EndId) {
        let there = &self.ends[id.peer().0];
        // The kernel waits until it is worth while.
        let worth = there.room() * 3 >= there.capacity;
        let end = &mut self.ends[id.0];
        if worth && end.starved && end.phase == Phase::Connected {
            end.starved = false;
            self.signal(id, Ready { writable: true, ..Ready::default() });
        }
    }

    pub(super) fn reset(&mut self, id: EndId) {
        let destroys = self.weather.resets_destroy && self.chance.percent(50);
        let end = &mut self.ends[id.0];
        if end.phase == Phase::Dead {
            return;
        }
        end.phase = Phase::Dead;
        // As Linux does: behind a FIN, only whoever still writes has to be told.
        // What came before that FIN stays there to be read; so nobody takes a part for the whole.
        let ended = end.fin == Fin::Arrived;
        let error = if ended { io::ErrorKind::BrokenPipe } else { io::ErrorKind::ConnectionReset };
        end.error = Some(error);
        end.flying = VecDeque::new();
        if destroys && !ended && !end.arrived.is_empty() {
            (end.arrived, end.fin) = (VecDeque::new(), Fin::Unsent);
        }
        self.signal_level(id);
    }
}
