//! The simulated machine: its kernel, its wires, its clock, and the queue of what will happen.
//!
//! Time stands still while anybody computes; it moves to the next event when [`World::advance`]
//! says so. Everything that could happen in another order on a real machine is put into another
//! order by [`Chance`], and nothing else is, so a world can be lived through again.

use super::chance::Chance;
use super::end::{End, EndId, Fin, Owner, Phase};
use super::weather::Weather;
use crate::net::{Ready, Resolved};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What becomes of a connection that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is made.
    Accepts,
    /// It is refused.
    Refuses,
    /// Nobody ever answers.
    Silent,
    /// It cannot even be asked for.
    Unreachable,
}

/// What the scripts are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The gateway has connected to a host; this is the host's end.
    Accepted(SocketAddr, EndId),
    /// Something may be read or written at that end, or its alarm rang.
    Awake(EndId),
    /// A moment that the simulation has asked for.
    Cue(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The next morsel, or the FIN, reaches that end.
    Arrive(EndId),
    /// There may be room for that end's writes again.
    Room(EndId),
    /// A RST reaches that end.
    Reset(EndId),
    /// A client stands before the gateway.
    Knock(EndId),
    /// What became of a connection that the gateway asked for.
    Connect(EndId),
    /// The resolver has an answer for that question.
    Answer(usize),
    Wake(EndId),
    Cue(usize),
}

/// Where clients arrive.
#[derive(Debug)]
struct Door {
    key: usize,
    queue: VecDeque<EndId>,
    edge: bool,
}

/// One simulated machine.
#[derive(Debug)]
pub struct World {
    /// Where decisions come from.
    pub chance: Chance,
    /// How the network behaves.
    pub weather: Weather,
    /// Who can be connected to. Whoever is not listed refuses.
    pub hosts: BTreeMap<SocketAddr, Reach>,
    /// What names stand for. A name that is not listed is unknown.
    pub names: BTreeMap<String, Vec<SocketAddr>>,
    /// The key that speaks when names have been resolved.
    pub waker: usize,
    epoch: Instant,
    now: Duration,
    ends: Vec<End>,
    door: Option<Door>,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    scheduled: u64,
    notices: VecDeque<Notice>,
    edges: Vec<EndId>,
    questions: Vec<(usize, String, u16)>,
    answers: VecDeque<Resolved>,
    resolver_edge: bool,
    /// Connections that the gateway has asked for and not closed.
    outgoing: Vec<(EndId, usize)>,
}

impl World {
    /// An empty world.
    pub fn new(chance: Chance, weather: Weather) -> Self {
        Self {
            chance,
            weather,
            hosts: BTreeMap::new(),
            names: BTreeMap::new(),
            waker: 0,
            epoch: Instant::now(),
            now: Duration::ZERO,
            ends: Vec::new(),
            door: None,
            events: BinaryHeap::new(),
            scheduled: 0,
            notices: VecDeque::new(),
            edges: Vec::new(),
            questions: Vec::new(),
            answers: VecDeque::new(),
            resolver_edge: false,
            outgoing: Vec::new(),
        }
    }

    /// Now, as the gateway reads it.
    pub fn instant(&self) -> Instant {
        self.epoch + self.now
    }

    /// How long the world exists.
    pub fn now(&self) -> Duration {
        self.now
    }

    // ---- what happens, and when ----

    fn schedule(&mut self, after: Duration, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((self.now + after, self.scheduled, event)));
    }

    fn latency(&mut self) -> Duration {
        let most = self.weather.latency;
        self.chance.delay(most)
    }

    /// When something will happen by itself: an event, or an edge that is to be told.
    pub fn next_event(&self) -> Option<Duration> {
        let event = self.events.peek().map(|Reverse((at, _, _))| *at);
        let edge = self.edges.iter().filter_map(|id| Some(self.ends[id.0].edge?.0)).min();
        event.into_iter().chain(edge).min()
    }

    /// Lets time pass up to `to`, or up to the first event before it.
    pub fn advance(&mut self, to: Duration) {
        self.now = self.now.max(to);
    }

    /// Whatever is due happens; gives what the scripts have to be told.
    pub fn happen(&mut self) -> Option<Notice> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Some(notice);
            }
            if self.events.peek().is_none_or(|Reverse((at, _, _))| *at > self.now) {
                return None;
            }
            let Reverse((_, _, event)) = self.events.pop()?;
            match event {
                Event::Arrive(id) => self.arrive(id),
                Event::Room(id) => self.make_room(id),
                Event::Reset(id) => self.reset(id),
                Event::Knock(id) => self.knock(id),
                Event::Connect(id) => self.settle(id),
                Event::Answer(question) => self.answer(question),
                Event::Wake(id) => self.notices.push_back(Notice::Awake(id)),
                Event::Cue(number) => self.notices.push_back(Notice::Cue(number)),
            }
        }
    }

    /// Something has happened to an end: its owner is told, sooner or later.
    fn signal(&mut self, id: EndId, ready: Ready) {
        match self.ends[id.0].owner {
            Owner::Script => self.notices.push_back(Notice::Awake(id)),
            Owner::Unwatched | Owner::Nobody => {}
            Owner::Gateway(_) => {
                let delay = self.weather.edge_delay;
                let at = self.now + self.chance.delay(delay);
                let edge = self.ends[id.0].edge.get_or_insert_with(|| {
                    self.edges.push(id);
                    (at, Ready::default())
                });
                let said = &mut edge.1;
                said.readable |= ready.readable;
                said.writable |= ready.writable;
                said.ended |= ready.ended;
                said.broken |= ready.broken;
            }
        }
    }

    /// The edges that the gateway is told now, in any order.
    pub fn take_edges(&mut self) -> Vec<(usize, Ready)> {
        let now = self.now;
        let mut told = Vec::new();
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.edges)
            .into_iter()
            .partition(|id| self.ends[id.0].edge.is_none_or(|(at, _)| at <= now));
        self.edges = later;
        for id in due {
            let Some((_, said)) = self.ends[id.0].edge.take() else { continue };
            let Owner::Gateway(key) = self.ends[id.0].owner else { continue };
            let level = self.level(id);
            let ready = if self.weather.terse_edges { said } else { level };
            // A kernel that finds nothing to report by now reports nothing.
            if ready != Ready::default() {
                told.push((key, ready));
            }
        }
        if let Some(door) = &mut self.door
            && std::mem::take(&mut door.edge)
        {
            told.push((door.key, Ready { readable: true, ..Ready::default() }));
        }
        if std::mem::take(&mut self.resolver_edge) {
            told.push((self.waker, Ready { readable: true, ..Ready::default() }));
        }
        if !told.is_empty() && self.chance.percent(self.weather.spurious) {
            told.extend(self.invent_edge());
        }
        for place in (1..told.len()).rev() {
            let other = place - self.chance.below(place + 1);
            told.swap(place, other);
        }
        told
    }

    /// An edge for which there is no reason: readiness is a hint.
    fn invent_edge(&mut self) -> Option<(usize, Ready)> {
        let id = self.chance.below(self.ends.len());
        let Owner::Gateway(key) = self.ends.get(id)?.owner else { return None };
        let (readable, writable) = (self.chance.percent(50), self.chance.percent(50));
        Some((key, Ready { readable, writable, ended: false, broken: false }))
    }

    fn level(&self, id: EndId) -> Ready {
        self.ends[id.0].level(self.ends[id.peer().0].room())
    }

    // ---- connections ----

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

    fn knock(&mut self, id: EndId) {
        match &mut self.door {
            Some(door) => {
                door.queue.push_back(id);
                door.edge = true;
            }
            None => self.close(id),
        }
    }

    pub(super) fn open_door(&mut self, key: usize) {
        self.door = Some(Door { key, queue: VecDeque::new(), edge: false });
    }

    pub(super) fn close_door(&mut self) {
        for id in self.door.take().into_iter().flat_map(|door| door.queue) {
            self.ends[id.0].abrupt = true;
            self.close(id);
        }
    }

    pub(super) fn accept(&mut self) -> io::Result<(EndId, SocketAddr)> {
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

    pub(super) fn connect(&mut self, to: SocketAddr, key: usize) -> io::Result<EndId> {
        if self.hosts.get(&to) == Some(&Reach::Unreachable) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let id = self.pair(Phase::Connecting, (Owner::Gateway(key), to), (Owner::Nobody, to));
        let latency = self.latency();
        self.schedule(latency, Event::Connect(id));
        self.outgoing.push((id, key));
        Ok(id)
    }

    fn settle(&mut self, id: EndId) {
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
                self.signal_level(id);
            }
            Reach::Silent => {}
        }
    }

    /// Whether the connection stands, as asking for its error and its peer tells.
    pub(super) fn is_connected(&mut self, id: EndId) -> io::Result<bool> {
        let end = &mut self.ends[id.0];
        match end.error.take() {
            Some(error) => Err(error.into()),
            None => Ok(end.phase == Phase::Connected),
        }
    }

    pub(super) fn watch(&mut self, id: EndId, key: usize) {
        self.ends[id.0].owner = Owner::Gateway(key);
        self.signal_level(id);
    }

    fn signal_level(&mut self, id: EndId) {
        let level = self.level(id);
        if level != Ready::default() {
            self.signal(id, level);
        }
    }

    pub(super) fn be_abrupt(&mut self, id: EndId) {
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

    // ---- bytes ----

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
        let (room, offered) = (self.ends[id.peer().0].room(), bytes.len());
        let mut taken = room.min(offered);
        if taken == 0 {
            self.ends[id.0].starved = offered > 0;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.chance.percent(self.weather.short_writes) {
            taken -= self.chance.below(taken);
        }
        self.ends[id.peer().0].flying.extend(&bytes[..taken]);
        self.set_off(id.peer());
        if taken < offered {
            self.ends[id.0].starved = true;
            let latency = self.latency();
            self.schedule(latency, Event::Room(id));
        }
        Ok(taken)
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

    fn arrive(&mut self, id: EndId) {
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

    fn make_room(&mut self, id: EndId) {
        let there = &self.ends[id.peer().0];
        // The kernel waits until it is worth while.
        let worth = there.room() * 3 >= there.capacity;
        let end = &mut self.ends[id.0];
        if worth && end.starved && end.phase == Phase::Connected {
            end.starved = false;
            self.signal(id, Ready { writable: true, ..Ready::default() });
        }
    }

    fn reset(&mut self, id: EndId) {
        let destroys = self.weather.resets_destroy && self.chance.percent(50);
        let end = &mut self.ends[id.0];
        if end.phase == Phase::Dead {
            return;
        }
        end.phase = Phase::Dead;
        // As Linux does: behind a FIN, only whoever still writes has to be told.
        let ended = end.fin == Fin::Arrived;
        let error = if ended { io::ErrorKind::BrokenPipe } else { io::ErrorKind::ConnectionReset };
        end.error = Some(error);
        end.flying = VecDeque::new();
        if destroys && !end.arrived.is_empty() {
            (end.arrived, end.fin) = (VecDeque::new(), Fin::Unsent);
        }
        self.signal_level(id);
    }

    // ---- the scripts' time, and names ----

    /// Wakes the script of an end after a while.
    pub fn wake(&mut self, id: EndId, after: Duration) {
        self.schedule(after, Event::Wake(id));
    }

    /// Gives that cue after a while.
    pub fn cue(&mut self, number: usize, after: Duration) {
        self.schedule(after, Event::Cue(number));
    }

    pub(super) fn ask(&mut self, ticket: usize, host: &str, port: u16) {
        self.questions.push((ticket, host.to_owned(), port));
        let delay = self.chance.delay(Duration::from_millis(300));
        self.schedule(delay, Event::Answer(self.questions.len() - 1));
    }

    fn answer(&mut self, question: usize) {
        let (ticket, host, port) = self.questions[question].clone();
        let known = self.names.get(&host).cloned().unwrap_or_default();
        let addresses =
            known.into_iter().map(|address| SocketAddr::new(address.ip(), port)).collect();
        self.answers.push_back(Resolved { ticket, addresses });
        self.resolver_edge = true;
    }

    pub(super) fn resolved(&mut self) -> Option<Resolved> {
        self.answers.pop_front()
    }
}
