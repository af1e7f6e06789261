//! Connections of a simulated world: how they are asked for, made, accepted and watched.

use super::{Door, Event, Notice, Reach, World};
use crate::net::Ready;
use crate::net::simulated::end::{End, EndId, Owner, Phase};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

impl World {
    fn pair(
        &mut self,
        phase: Phase,
        here: (Owner, SocketAddr),
        there: (Owner, SocketAddr),
    ) -> EndId {
        let id = EndId(self.ends.len());
        for (owner, address) in [here, there] {
            let (least, most) = self.weather.capacity;
            let capacity = self.chance.within(least..=most);
            self.ends.push(End::new(owner, phase, address, capacity));
        }
        id
    }

    /// A client sets out for the gateway; gives its end.
    pub fn set_out(&mut self, from: SocketAddr) -> EndId {
        let id = self.pair(Phase::Connected, (Owner::Script, from), (Owner::Unwatched, from));
        let latency = self.latency();
        self.schedule(latency, Event::Knock(id.peer()));
        id
    }

    pub(super) fn knock(&mut self, id: EndId) {
        match &mut self.door {
            Some(door) => {
                door.queue.push_back(id);
                door.edge = true;
            }
            None => self.close(id),
        }
    }

    pub(in crate::net::simulated) fn open_door(&mut self, key: usize) {
        self.door = Some(Door { key, queue: VecDeque::new(), edge: false });
    }

    pub(in crate::net::simulated) fn close_door(&mut self) {
        for id in self.door.take().into_iter().flat_map(|door| door.queue) {
            self.ends[id.0].abrupt = true;
            self.close(id);
        }
    }

    pub(in crate::net::simulated) fn accept(&mut self) -> io::Result<(EndId, SocketAddr)> {
        let exhausted = self.chance.percent(self.weather.exhausted);
        let door = self.door.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        if door.queue.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if exhausted {
            return Err(io::Error::other("too many open files"));
        }
        let id = door.queue.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        Ok((id, self.ends[id.peer().0].address))
    }

    pub(in crate::net::simulated) fn connect(
        &mut self,
        to: SocketAddr,
        key: usize,
    ) -> io::Result<EndId> {
        if self.hosts.get(&to) == Some(&Reach::Unreachable) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        self.claim(key);
        let id = self.pair(Phase::Connecting, (Owner::Gateway(key), to), (Owner::Nobody, to));
        let latency = self.latency();
        self.schedule(latency, Event::Connect(id));
        self.outgoing.push((id, key));
        Ok(id)
    }

    pub(super) fn settle(&mut self, id: EndId) {
        let address = self.ends[id.0].address;
        if self.ends[id.0].owner == Owner::Nobody {
            return;
        }
        match self.hosts.get(&address).copied().unwrap_or(Reach::Refuses) {
            Reach::Accepts => {
                let there = &mut self.ends[id.peer().0];
                (there.phase, there.owner) = (Phase::Connected, Owner::Script);
                self.ends[id.0].phase = Phase::Connected;
                self.notices.push_back(Notice::Accepted(address, id.peer()));
                self.signal(id, Ready { writable: true, ..Ready::default() });
            }
            Reach::Refuses | Reach::Unreachable => {
                let end = &mut self.ends[id.0];
                (end.phase, end.error) = (Phase::Dead, Some(io::ErrorKind::ConnectionRefused));
                if let Owner::Gateway(key) = end.owner {
                    self.refusals.push((self.now, address, key));
                }
                self.signal_level(id);
            }
            Reach::Silent => {}
        }
    }

    /// Whether the connection stands, as asking for its error and its peer tells.
    pub(in crate::net::simulated) fn take_error(&mut self, id: EndId) -> io::ErrorKind {
        self.ends[id.0].error.take().unwrap_or(io::ErrorKind::NotConnected)
    }

    pub(in crate::net::simulated) fn watch(&mut self, id: EndId, key: usize) {
        self.ends[id.0].owner = Owner::Gateway(key);
        self.signal_level(id);
    }

    pub(super) fn signal_level(&mut self, id: EndId) {
        let level = self.level(id);
        if level != Ready::default() {
            self.signal(id, level);
        }
    }

    pub(in crate::net::simulated) fn be_abrupt(&mut self, id: EndId) {
        self.ends[id.0].abrupt = true;
    }

    /// How many connections to `address` the gateway holds whose first key passes `of_kind`.
    pub fn open_to(&mut self, address: SocketAddr, of_kind: impl Fn(usize) -> bool) -> usize {
        let ends = &self.ends;
        self.outgoing.retain(|(id, _)| ends[id.0].owner != Owner::Nobody);
        let mine = |(id, key): &&(EndId, usize)| ends[id.0].address == address && of_kind(*key);
        self.outgoing.iter().filter(mine).count()
    }

    /// How many connections the gateway holds, of whatever kind.
    pub fn held_by_gateway(&self) -> usize {
        let held = |end: &&End| matches!(end.owner, Owner::Gateway(_));
        self.ends.iter().filter(held).count()
    }
}
