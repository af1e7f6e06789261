//! Where is everything? The one place that owns sockets, and the turn that serves them.
//!
//! All connections live in slabs of one [`Gateway`]; typed ids name them. Every handler has the
//! same four beats: *borrow* what the event is about, *advance* its socketless machine, *let go*,
//! and *act* on the plain value the machine returned. As the slabs and the desk are different
//! fields, a client and its worker can be borrowed side by side, and no cell or counter is needed.
//!
//! | file | is about |
//! |---|---|
//! | `listener` | accepting, and when not to |
//! | `proxy_header` | on whose behalf a connection is |
//! | `client`, `request`, `answering` | a client's states, its requests, answers of our own |
//! | `errand`, `dispatch`, `drive` | a request on its way: choosing, waiting, relaying |
//! | `server`, `section`, `worker`, `names`, `group`, `striking` | the other side |
//! | `probe`, `rebalance` | health, and what its return brings |
//! | `admission`, `tunnel`, `tending`, `drain` | WebSocket: from the first to the last byte |
//! | `admin`, `snapshot` | operators |
//! | `journal`, `tunnel_log`, `entry`, `scribe` | the access log |
//! | `reload` | another configuration |
//! | `run`, `token`, `alarm`, `agenda` | the loop, which socket spoke, what is due, who goes on |
//! | `stop`, `counters` | the end, and what has happened by then |
//! | `invariants`, `inspect` | what must hold, and what a test may look at |

mod admin;
mod admission;
mod agenda;
pub mod alarm;
mod answering;
pub mod client;
pub mod counters;
mod dispatch;
mod drain;
mod drive;
pub mod entry;
pub mod errand;
mod group;
#[cfg(any(test, fuzzing))]
pub(crate) mod inspect;
mod invariants;
mod journal;
mod listener;
mod names;
pub mod probe;
mod proxy_header;
mod rebalance;
mod reload;
mod request;
#[cfg(not(any(test, fuzzing)))]
pub mod run;
pub mod scribe;
pub mod section;
pub mod server;
mod snapshot;
mod stop;
mod striking;
mod tending;
pub mod token;
pub mod tunnel;
mod tunnel_log;
pub mod worker;

use self::admin::Office;
use self::admission::Admission;
use self::agenda::Agenda;
use self::alarm::Alarm;
use self::client::Client;
use self::counters::{Answers, Counters};
use self::drain::Drain;
use self::errand::Errand;
use self::group::Groups;
use self::listener::Door;
use self::probe::Probe;
use self::rebalance::Rebalancing;
use self::section::{Kind, Section};
use self::server::Server;
use self::stop::Stopping;
use self::token::Token;
use self::tunnel::Tunnel;
use self::worker::Worker;
use crate::config::{Config, Sticky};
use crate::flow::desk::Desk;
use crate::flow::relay::Side;
use crate::http::date::imf_fixdate;
use crate::id::ServerId;
use crate::limits;
use crate::net::{Clock, Listener, Net, Ready, SocketAddress};
use crate::timer::Wheel;
use rand::SeedableRng;
use rand::rngs::StdRng;
use slab::Slab;
use std::io;
use std::time::{Duration, Instant};

/// The two sections.
#[derive(Debug)]
struct Sections {
    http: Option<Section>,
    websocket: Option<Section>,
}

impl Sections {
    fn of(&self, kind: Kind) -> Option<&Section> {
        match kind {
            Kind::Http => self.http.as_ref(),
            Kind::WebSocket => self.websocket.as_ref(),
        }
    }

    /// Whether any section goes by cookies.
    fn read_cookies(&self) -> bool {
        let sections = [&self.http, &self.websocket].into_iter().flatten();
        sections.into_iter().any(|section| section.sticky == Sticky::Cookie)
    }

    fn slot(&mut self, kind: Kind) -> &mut Option<Section> {
        match kind {
            Kind::Http => &mut self.http,
            Kind::WebSocket => &mut self.websocket,
        }
    }

    fn take(&mut self, kind: Kind) -> Option<Section> {
        self.slot(kind).take()
    }

    fn put(&mut self, kind: Kind, section: Option<Section>) {
        *self.slot(kind) = section;
    }

    fn of_mut(&mut self, kind: Kind) -> Option<&mut Section> {
        self.slot(kind).as_mut()
    }
}

/// The whole program, but for the waiting.
pub struct Gateway {
    config: Config,
    /// The authority of a request that names none: the name that we are configured with, as a
    /// client would write it (RFC 9112 3.3).
    authority: String,
    net: Net,
    clock: Clock,
    listener: Option<Listener>,
    door: Door,
    max_connections: usize,
    clients: Slab<Client>,
    workers: Slab<Worker>,
    tunnels: Slab<Tunnel>,
    probes: Slab<Probe>,
    servers: Slab<Server>,
    sections: Sections,
    timers: Wheel<Alarm>,
    /// Whoever has something to do without an edge of its own: served like an edge, in the same
    /// turn if it was put there by an edge, in the next one if by another entry.
    agenda: Agenda,
    /// Closed things, to be taken from their slabs when no event of this turn can meet them.
    departed: Vec<Token>,
    desk: Desk,
    /// Boxes, as that is how they travel from state to state.
    #[expect(clippy::vec_box, reason = "an errand is moved by its box, never by value")]
    spare: Vec<Box<Errand>>,
    rng: StdRng,
    /// The time of this turn: the clock is read once.
    now: Instant,
    /// When the `Date` field was last written.
    dated: Option<Instant>,
    stopping: Option<Stopping>,
    /// Who has a place among the tunnels.
    admission: Admission,
    /// Tunnels to be ended, and when.
    drain: Drain,
    /// Tunnels to be ended so that a server that came back gets its share.
    rebalancing: Option<Rebalancing>,
    counters: Counters,
    answered: Answers,
    /// Names of which every address is a server.
    groups: Groups,
    /// An alarm is set to ask for names again.
    asks_names: bool,
    /// An alarm is set to look after removed servers.
    sweeps: bool,
    office: Office,
    journal: Vec<u8>,
}

impl Gateway {
    /// A gateway that listens on `address`, with at most `max_connections` clients; `seed` decides
    /// what is left to chance.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn new(
        config: Config,
        mut net: Net,
        clock: Clock,
        address: &SocketAddress,
        max_connections: usize,
        seed: u64,
    ) -> io::Result<Self> {
        let now = clock.now();
        let mode = config.frontend.socket_mode;
        let listener = net.listen(address, mode, Token::Listener.into())?;
        let mut servers = Slab::new();
        let mut section = |kind, section: &Option<crate::config::Section>| {
            section.as_ref().map(|section| {
                let single = section.servers.iter().filter(|server| !server.each_address);
                let ids = single.map(|server| {
                    ServerId::from(servers.insert(Server::new(kind, section, server)))
                });
                let ids = ids.collect();
                Section::new(section, ids)
            })
        };
        let sections = Sections {
            http: section(Kind::Http, &config.http),
            websocket: section(Kind::WebSocket, &config.websocket),
        };
        let terms = config.websocket.as_ref().map(|section| &section.tunnels);
        let admission = Admission::new(terms, now);
        let mut gateway = Self {
            authority: config.frontend.address.authority(),
            config,
            net,
            clock,
            listener: Some(listener),
            door: Door::Open,
            max_connections,
            clients: Slab::new(),
            workers: Slab::new(),
            tunnels: Slab::new(),
            probes: Slab::new(),
            servers,
            sections,
            timers: Wheel::new(now, limits::TICK),
            agenda: Agenda::default(),
            departed: Vec::new(),
            desk: Desk::new(),
            spare: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            now,
            dated: None,
            stopping: None,
            admission,
            drain: Drain::default(),
            rebalancing: None,
            counters: Counters::default(),
            answered: Answers::default(),
            groups: Groups::default(),
            asks_names: false,
            sweeps: false,
            office: Office::new(now),
            journal: Vec::new(),
        };
        gateway.start();
        Ok(gateway)
    }

    /// Names are asked for, floors filled, and the first round of probes set off.
    fn start(&mut self) {
        self.groups.form(&self.config);
        self.on_names_alarm();
        for kind in [Kind::Http, Kind::WebSocket] {
            let Some(section) = self.sections.of(kind) else { continue };
            let ids = section.servers.clone();
            let interval = section.health.as_ref().map(|health| health.interval);
            for (position, id) in ids.iter().enumerate() {
                self.tend_pool(*id);
                if let Some(interval) = interval {
                    self.begin_probes(*id, interval, position, ids.len());
                }
            }
        }
    }

    /// Probes a server at once; from then on all of a section follow each other evenly.
    fn begin_probes(&mut self, id: ServerId, interval: Duration, position: usize, of: usize) {
        self.probe(id);
        let share = (position + 1) as f64 / of as f64;
        let timer = self.timers.insert(self.now + interval.mul_f64(share), Alarm::ProbeDue(id));
        self.servers[id.index()].probe_alarm = Some(timer);
    }

    /// The address listened on.
    ///
    /// # Errors
    /// When the gateway does not listen any more.
    pub fn address(&self) -> io::Result<SocketAddress> {
        match &self.listener {
            Some(listener) => listener.address(),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// How long nothing will happen by itself; zero when something is to be done at once, `None`
    /// when nothing ever will.
    pub fn patience(&self, now: Instant) -> Option<Duration> {
        if self.agenda.is_empty() {
            let rebalancing = self.rebalancing.map(|rebalancing| rebalancing.at);
            let wakeups = [self.timers.next_wakeup(), self.drain.next(), rebalancing];
            let next = wakeups.into_iter().flatten().min();
            next.map(|wakeup| wakeup.saturating_duration_since(now))
        } else {
            Some(Duration::ZERO)
        }
    }

    /// One turn: edges, alarms, the agenda, burials. The whole proxy on one screen.
    pub fn turn(&mut self, events: impl Iterator<Item = (usize, Ready)>, now: Instant) {
        self.now = now;
        self.keep_date();
        for (key, ready) in events {
            self.on_ready(Token::from(key), ready);
        }
        while let Some(alarm) = self.timers.pop_expired(now) {
            self.on_alarm(alarm);
        }
        self.part_due();
        self.rebalance_due();
        // Only what was there when it began: whoever comes back has its turn after the next edges.
        for _ in 0..self.agenda.len() {
            let Some(token) = self.agenda.pop_front() else { break };
            self.on_ready(token, Ready::default());
        }
        self.bury_departed();
        debug_assert_eq!(self.violations(), Vec::<String>::new());
    }

    fn on_ready(&mut self, token: Token, ready: Ready) {
        match token {
            Token::Listener => self.on_listener(),
            Token::Office => self.on_office(),
            Token::Resolver => self.on_resolved(),
            Token::Signals => {}
            Token::Client(id) => self.on_client(id, ready),
            Token::Worker(id) => self.on_worker(id, ready),
            Token::TunnelClient(id) => self.on_tunnel(id, Side::Client, ready),
            Token::TunnelServer(id) => self.on_tunnel(id, Side::Server, ready),
            Token::Probe(id) => self.on_probe(id, ready),
            Token::Line(id) => self.on_dismissed(id),
        }
    }

    fn on_alarm(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Client(id) => self.on_client_alarm(id),
            Alarm::WorkerLate(id) => self.on_worker_late(id),
            Alarm::PoolDue(id) => {
                self.servers[id.index()].pool_alarm = None;
                self.tend_pool(id);
            }
            Alarm::SatOut(id) => self.on_sat_out(id),
            Alarm::ProbeDue(id) => self.on_probe_alarm(id),
            Alarm::ProbeLate(id) => self.on_probe_late(id),
            Alarm::Tunnel(id) => self.on_tunnel_alarm(id),
            Alarm::Names => self.on_names_alarm(),
            Alarm::Accept => self.on_accept_alarm(),
            Alarm::Sweep => {
                self.sweeps = false;
                self.on_sweep_alarm();
            }
            Alarm::Sample => self.on_sample_alarm(),
            Alarm::Stop => self.on_stop_alarm(),
        }
    }

    /// Slots are freed when all events of the turn have been served, so that none of them can meet
    /// a stranger in a slot that was reused.
    fn bury_departed(&mut self) {
        while let Some(token) = self.departed.pop() {
            match token {
                Token::Client(id) => self.bury_client(id),
                Token::Worker(id) => drop(self.workers.remove(id.index())),
                Token::TunnelClient(id) | Token::TunnelServer(id) => {
                    self.tunnels.remove(id.index());
                    self.reopen_door();
                }
                Token::Probe(id) => drop(self.probes.remove(id.index())),
                Token::Listener
                | Token::Resolver
                | Token::Signals
                | Token::Office
                | Token::Line(_) => {}
            }
        }
    }

    /// `Date` counts seconds, so it is written once a second at most.
    fn keep_date(&mut self) {
        let fresh = self.dated.is_some_and(|at| self.now - at < Duration::from_millis(250));
        if !fresh {
            self.dated = Some(self.now);
            self.desk.date = imf_fixdate(self.clock.unix_seconds());
        }
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
