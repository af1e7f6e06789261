//! The driver: lets things happen, gives the gateway its turns, moves the clock, and has an eye
//! kept on it.

use super::client::Client;
use super::ledger::Ledger;
use super::origin::Origin;
use super::scenario::{Cue, GROUP, Host, Mood, Scenario};
use super::scripts;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::gateway::token::Token;
use crate::net::simulated::chance::Chance;
use crate::net::simulated::end::EndId;
use crate::net::simulated::world::{Notice, Reach, World};
use crate::net::simulated::{begin, with};
use crate::net::{Clock, Net};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Turns after which a gateway is taken to spin.
const TURNS_MAX: usize = 50_000;
/// By then every client must have been served or sent away.
const PATIENCE: Duration = Duration::from_secs(900);
/// What is left to grow stale, once the last client has gone, has grown stale by then.
const AFTERMATH: Duration = Duration::from_secs(60);

/// A run under way.
pub struct Run {
    pub(super) scenario: Scenario,
    pub(super) gateway: Option<Gateway>,
    /// The judge.
    pub ledger: Ledger,
    pub(super) clients: BTreeMap<EndId, Client>,
    origins: BTreeMap<EndId, Origin>,
    cues: Vec<Option<Cue>>,
    /// Which server is behind an address.
    pub(super) numbers: BTreeMap<SocketAddr, usize>,
    /// Requests that each server has been asked for, first come first.
    pub asked: Vec<usize>,
    arrivals_left: usize,
    turns: usize,
    pub(super) stopped: bool,
    /// Something was done to the gateway: a turn follows.
    restless: bool,
    /// Servers that an operator has taken out.
    steered: Vec<usize>,
    /// When workers were refused by each server within the last second.
    pub(super) refused: Vec<VecDeque<Duration>>,
}

impl Run {
    /// A world made ready.
    pub fn new(scenario: Scenario, chance: Chance) -> Self {
        let mut world = World::new(chance, scenario.weather.clone());
        world.waker = Token::Resolver.into();
        let mut numbers = BTreeMap::new();
        for (number, host) in scenario.hosts.iter().enumerate() {
            for address in &host.addresses {
                world.hosts.insert(*address, Reach::Accepts);
                numbers.insert(*address, number);
            }
            if let Some(name) = &host.name {
                world.names.insert(name.clone(), vec![host.addresses[0]]);
            }
        }
        if scenario.grouped {
            let some = scenario.some(&mut world.chance);
            world.names.insert(GROUP.to_owned(), some);
        }
        begin(world);
        let spare = |(_, host): &(usize, &Host)| host.backup && !scenario.mood.servers_err();
        let spares = scenario.hosts.iter().enumerate().filter(spare).map(|(number, _)| number);
        let calm = scenario.mood == Mood::Calm && !scenario.changes && !scenario.grouped;
        let ledger = Ledger {
            troubles: scenario.troubles,
            // Where servers are taken out, spares may have to do.
            spares: if scenario.changes { Vec::new() } else { spares.collect() },
            terms: scenario.terms,
            changes: scenario.changes,
            out: vec![None; scenario.hosts.len()],
            parting: vec![None; scenario.hosts.len()],
            sticky: scenario.sticky.map(|sticky| calm && sticky == "ip"),
            ..Ledger::default()
        };
        let asked = vec![0; scenario.hosts.len()];
        let refused = vec![VecDeque::new(); scenario.hosts.len()];
        Self {
            scenario,
            gateway: None,
            ledger,
            clients: BTreeMap::new(),
            origins: BTreeMap::new(),
            cues: Vec::new(),
            numbers,
            asked,
            arrivals_left: 0,
            turns: 0,
            stopped: false,
            restless: false,
            steered: Vec::new(),
            refused,
        }
    }

    /// Something will happen at a moment.
    pub fn cue(&mut self, at: Duration, cue: Cue) {
        self.arrivals_left += usize::from(matches!(cue, Cue::Arrive(_)));
        with(|world| world.cue(self.cues.len(), at));
        self.cues.push(Some(cue));
    }

    /// Clients and upheavals, as chance will have them.
    pub fn populate(&mut self) {
        // Names are given time to become known, and their servers to be found well.
        let dawn = Duration::from_secs(1);
        let spans = if self.scenario.grouped { [30_000; 3] } else { [4000, 800, 60] };
        let span = Duration::from_millis(with(|w| w.chance.pick(&spans)));
        for _ in 0..self.scenario.clients {
            let script = with(|w| scripts::any(&self.scenario, &mut self.ledger, &mut w.chance));
            let at = dawn + with(|world| world.chance.delay(span));
            self.cue(at, Cue::Arrive(script));
        }
        for (at, cue) in with(|world| self.scenario.upheavals(&mut world.chance)) {
            self.cue(at, cue);
        }
    }

    /// One client that comes at that time and asks for one thing after the other.
    pub fn one_client(&mut self, count: usize, at: Duration) {
        let script =
            with(|w| scripts::plain(count, &self.scenario, &mut self.ledger, &mut w.chance));
        self.cue(at, Cue::Arrive(script));
    }

    /// Lives through it all; stops at the first thing that is wrong.
    pub fn live(&mut self) {
        let config = Config::from_text(&self.scenario.config);
        let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 80).into();
        let seed = with(|world| world.chance.below(usize::MAX >> 8)) as u64;
        let started = config.map_err(|error| error.to_string()).and_then(|config| {
            Gateway::new(config, Net, Clock, &address, self.scenario.max_connections, seed)
                .map_err(|error| error.to_string())
        });
        match started {
            Ok(gateway) => self.gateway = Some(gateway),
            Err(error) => return self.ledger.wrong(format!("did not start: {error}")),
        }
        let mut horizon = PATIENCE;
        while self.is_well() && self.step(horizon) {
            let over = self.arrivals_left == 0 && self.clients.is_empty();
            if over && horizon == PATIENCE {
                horizon = with(|world| world.now()) + AFTERMATH;
            }
        }
        if self.is_well() {
            self.look_back();
        }
        if self.is_well() {
            self.stop();
        }
        self.gateway = None;
    }

    /// What kind of world it was.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    fn is_well(&self) -> bool {
        self.ledger.wrongs.is_empty()
    }

    /// What happens until the next turn, and the turn; `false` beyond the horizon.
    fn step(&mut self, horizon: Duration) -> bool {
        while let Some(notice) = with(World::happen) {
            self.attend(notice);
        }
        let Some(gateway) = &mut self.gateway else { return pass(horizon, None) };
        let edges = with(World::take_edges);
        let now = with(|world| world.instant());
        let patience = gateway.patience(now);
        if !std::mem::take(&mut self.restless)
            && edges.is_empty()
            && patience != Some(Duration::ZERO)
        {
            let by_itself = patience.map(|patience| with(|world| world.now()) + patience);
            return pass(horizon, by_itself);
        }
        gateway.turn(edges.into_iter(), now);
        gateway.take_journal(&mut Vec::new());
        if let Some(key) = with(World::end_batch) {
            let token = Token::from(key);
            self.ledger.wrong(format!("{token:?} is reborn while its edges are being served"));
        }
        self.turns += 1;
        if self.turns > TURNS_MAX {
            self.ledger.wrong("the gateway spins");
        }
        // A turn takes a moment.
        with(|world| {
            let moment = world.chance.delay(Duration::from_micros(20));
            world.advance(world.now() + moment + Duration::from_micros(1));
        });
        self.keep_watch();
        true
    }

    fn attend(&mut self, notice: Notice) {
        self.ledger.now = with(|world| world.now());
        match notice {
            Notice::Awake(end) => with(|world| {
                if let Some(client) = self.clients.get_mut(&end)
                    && !client.act(world, &mut self.ledger)
                {
                    self.clients.remove(&end);
                }
                if let Some(origin) = self.origins.get_mut(&end)
                    && !origin.act(world, &mut self.ledger)
                {
                    self.origins.remove(&end);
                }
            }),
            Notice::Accepted(address, end) => {
                let Some(number) = self.numbers.get(&address).copied() else { return };
                let temper = self.scenario.hosts[number].temper.clone();
                let most = self.scenario.content_max;
                let origin = with(|world| Origin::new(end, number, temper, most, world));
                self.origins.insert(end, origin);
                with(|world| world.wake(end, Duration::ZERO));
            }
            Notice::Cue(number) => {
                if let Some(cue) = self.cues[number].take() {
                    self.follow(cue);
                }
            }
        }
    }

    fn follow(&mut self, cue: Cue) {
        self.restless = true;
        match cue {
            Cue::Arrive(script) => {
                self.arrivals_left -= 1;
                let end = with(|world| world.set_out(script.from));
                self.clients.insert(end, Client::new(end, script, self.ledger.now));
                with(|world| world.wake(end, Duration::ZERO));
            }
            Cue::Reach(address, reach) => with(|world| {
                world.hosts.insert(address, reach);
            }),
            Cue::Name(name, addresses) => with(|world| {
                world.names.insert(name, addresses);
            }),
            Cue::Reload(text, without) => self.reload(&text, without),
            Cue::Steer(host, out) => {
                self.steered.extend(out.then_some(host));
                self.steered.retain(|other| out || *other != host);
                self.take_out(host, out);
                let number = host as u64 + 1;
                let http = host < self.scenario.plain;
                if let Some(gateway) = &mut self.gateway {
                    gateway.steer_server(http, number, out, with(|world| world.instant()));
                }
            }
            Cue::Part(host, within) => {
                let now = with(|world| world.instant());
                self.ledger.parting[host] = Some(self.ledger.now);
                if let Some(gateway) = &mut self.gateway {
                    gateway.part_server(host as u64 + 1, within, now);
                }
            }
            Cue::Stop => {
                self.ledger.troubles.stopping = true;
                self.stopped = true;
                if let Some(gateway) = &mut self.gateway {
                    gateway.stop(with(|world| world.instant()));
                    if gateway.is_done() {
                        self.gateway = None;
                    }
                }
            }
        }
    }

    /// From now on, or no longer, nothing that is asked is for that server.
    fn take_out(&mut self, host: usize, out: bool) {
        self.ledger.out[host] = out.then_some(self.ledger.now);
        // Its tunnels may be told to go.
        self.ledger.parting[host] = self.ledger.out[host].or(self.ledger.parting[host]);
    }

    fn reload(&mut self, text: &str, without: Option<usize>) {
        let Some(gateway) = self.gateway.as_mut().filter(|_| !self.stopped) else { return };
        let now = with(|world| world.instant());
        let max = self.scenario.max_connections;
        let changed =
            Config::from_text(text).map_err(|error| error.to_string()).and_then(|config| {
                gateway.reload_at(config, max, now).map_err(|error| error.to_string())
            });
        if let Err(error) = changed {
            self.ledger.wrong(format!("was not reloaded: {error}"));
        }
        for host in 0..self.scenario.hosts.len() {
            if !self.steered.contains(&host) {
                self.take_out(host, without == Some(host));
            }
        }
    }

    /// Told to stop, it is done in time.
    fn stop(&mut self) {
        let Some(gateway) = &mut self.gateway else { return };
        let (now, limit) = with(|world| (world.instant(), world.now() + Duration::from_secs(9)));
        if !self.stopped {
            gateway.stop(now);
        }
        while self.is_well() && self.gateway.as_ref().is_some_and(|g| !g.is_done()) {
            if !self.step(limit) {
                return self.ledger.wrong("does not stop in time");
            }
        }
    }
}

/// Lets time pass until something happens, in the world or `by_itself`; `false` when that is beyond
/// the horizon.
fn pass(horizon: Duration, by_itself: Option<Duration>) -> bool {
    with(|world| {
        let next = world.next_event().into_iter().chain(by_itself).min();
        let next = next.filter(|next| *next <= horizon);
        next.inspect(|next| world.advance(*next)).is_some()
    })
}
