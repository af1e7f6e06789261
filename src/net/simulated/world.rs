//! The simulated machine: its kernel, its wires, its clock, and the queue of what will happen.
//!
//! Time stands still while anybody computes; it moves to the next event when [`World::advance`]
//! says so. Everything that could happen in another order on a real machine is put into another
//! order by [`Chance`], and nothing else is, so a world can be lived through again.

use super::chance::Chance;
use super::end::{End, EndId, Owner};
use super::weather::Weather;
use crate::net::{Ready, Resolved};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

mod bytes;
mod connections;

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
    /// Those that were refused: when, where, and the key.
    refusals: Vec<(Duration, SocketAddr, usize)>,
    /// The keys of the batch of edges that is being served.
    batch: Vec<usize>,
    /// A key of the batch that stands for another socket now.
    reborn: Option<usize>,
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
            refusals: Vec::new(),
            batch: Vec::new(),
            reborn: None,
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
                let mut at = self.now + self.chance.delay(delay);
                let nap = self.weather.nap.as_nanos();
                if nap > 0 {
                    let waking = at.as_nanos().div_ceil(nap) * nap;
                    at = Duration::from_nanos(u64::try_from(waking).unwrap_or(u64::MAX));
                }
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
        self.batch = told.iter().map(|(key, _)| *key).collect();
        told
    }

    /// A new socket is watched under that key. An edge of the batch that is still to be served
    /// would be taken for one of the new socket's.
    pub(super) fn claim(&mut self, key: usize) {
        self.reborn = self.batch.contains(&key).then_some(key).or(self.reborn);
    }

    /// The batch has been served; gives a key that did not stand for one socket all the time.
    pub fn end_batch(&mut self) -> Option<usize> {
        self.batch.clear();
        self.reborn.take()
    }

    /// The gateway's connections that were refused since it was last asked: when, where, and the
    /// key.
    pub fn take_refusals(&mut self) -> Vec<(Duration, SocketAddr, usize)> {
        std::mem::take(&mut self.refusals)
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
