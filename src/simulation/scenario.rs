//! One world: its servers, its clients, its configuration, and what goes wrong in it.

use super::client::{Appetite, Script};
use super::hostile::{HEADERS, ROWS};
use super::introduction::{self, FROM};
use super::ledger::Troubles;
use super::reply::{Misdeed, Temper};
use super::tunnel::Terms;
use super::voice::Step;
use crate::net::simulated::chance::Chance;
use crate::net::simulated::weather::Weather;
use crate::net::simulated::world::Reach;
use crate::proxy_protocol::Version;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The name that the servers of `[http]` have in common, where they have one.
pub const GROUP: &str = "pool.sim";

/// What kind of world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Everybody does right.
    Calm,
    /// Clients may do wrong.
    RudeClients,
    /// Servers may do wrong.
    BadServers,
    /// Anybody may, names change, and the gateway is stopped in the middle.
    Storm,
}

impl Mood {
    pub(super) fn clients_err(self) -> bool {
        matches!(self, Self::RudeClients | Self::Storm)
    }

    /// Whether servers may do wrong, or not be reached.
    pub fn servers_err(self) -> bool {
        matches!(self, Self::BadServers | Self::Storm)
    }
}

/// One simulated server.
#[derive(Debug, Clone)]
pub struct Host {
    /// Where it can be reached: the first address at the beginning, others after it has moved.
    pub addresses: Vec<SocketAddr>,
    /// The name it is known by, if it is.
    pub name: Option<String>,
    /// How it behaves.
    pub temper: Temper,
    /// The most workers it may have; `None` for tunnels.
    pub max_workers: Option<usize>,
    /// How much of the work it is to get.
    pub weight: u32,
    /// It is to get none while others are up.
    pub backup: bool,
}

/// Something that happens at a moment.
#[derive(Debug)]
pub enum Cue {
    /// A client sets out.
    Arrive(Script),
    /// A host changes how it can be reached.
    Reach(SocketAddr, Reach),
    /// A name stands for another address, or for none.
    Name(String, Vec<SocketAddr>),
    /// The gateway is told to stop.
    Stop,
    /// The configuration is read again. One server may be missing in it.
    Reload(String, Option<usize>),
    /// An operator takes a server out, or puts it back.
    Steer(usize, bool),
    /// The tunnels of a server are ended.
    Part(usize, Duration),
}

/// Everything that is decided before a run begins.
#[derive(Debug)]
pub struct Scenario {
    /// What kind of world it is.
    pub mood: Mood,
    /// The configuration file.
    pub config: String,
    /// How the network behaves.
    pub weather: Weather,
    /// The servers of `[http]`, then those of `[websocket]`.
    pub hosts: Vec<Host>,
    /// How many of them are in `[http]`.
    pub plain: usize,
    /// The most content of one message.
    pub content_max: usize,
    /// How many clients will come.
    pub clients: usize,
    /// What may go wrong.
    pub troubles: Troubles,
    /// The most connections at a time.
    pub max_connections: usize,
    /// Clients come by way of a balancer that says who they are.
    pub introduced: bool,
    /// The servers of `[http]` are the addresses of one name, which come and go.
    pub grouped: bool,
    /// What the configuration says of tunnels.
    pub terms: Terms,
    /// Servers are taken out and put back, and the configuration is read again.
    pub changes: bool,
    /// Whether the client's address decides, in `[http]` and in `[websocket]`.
    pub sticky: [&'static str; 2],
}

impl Scenario {
    /// Any world of that mood.
    pub fn any(mood: Mood, chance: &mut Chance) -> Self {
        let weather = if chance.percent(90) { Weather::any(chance) } else { Weather::calm() };
        let content_max = weather.content_max();
        let most = chance.pick(&[14, 14, 40]);
        let clients = chance.within(1..=most);
        let plain = chance.within(1..=4);
        let tunnels = chance.below(3);
        let mut troubles = Troubles::default();
        let mut hosts: Vec<_> = (0..plain + tunnels)
            .map(|number| host(number, number < plain, mood, &mut troubles, chance))
            .collect();
        for (number, host) in hosts.iter_mut().enumerate() {
            // The first of a section is none.
            host.backup = number != 0 && number != plain && chance.percent(20);
        }
        troubles.crowded |= mood.clients_err();
        let mut scenario = Self {
            mood,
            config: String::new(),
            weather,
            hosts,
            plain,
            content_max,
            clients,
            troubles,
            max_connections: chance.pick(&[1000, 1000, 3]),
            introduced: chance.percent(20),
            grouped: false,
            terms: any_terms(chance),
            changes: chance.percent(30),
            sticky: [(); 2].map(|()| chance.pick(&["off", "off", "ip", "cookie"])),
        };
        if plain > 1 && chance.percent(25) {
            scenario.group();
        }
        scenario.troubles.full = scenario.max_connections < scenario.clients;
        scenario.config = scenario.configure(None, chance);
        scenario
    }

    /// Servers that come and go by their name, where nothing else happens.
    pub fn coming_and_going(chance: &mut Chance) -> Self {
        let mut scenario = Self::any(Mood::Calm, chance);
        let mut troubles = Troubles::default();
        scenario.hosts = (0..4).map(|n| host(n, true, Mood::Calm, &mut troubles, chance)).collect();
        scenario.plain = 4;
        scenario.group();
        scenario.changes = false;
        scenario.config = scenario.configure(None, chance);
        scenario
    }

    /// Puts the servers of `[http]` behind one name: what holds for one holds for all.
    fn group(&mut self) {
        self.grouped = true;
        self.changes = false;
        let first = self.hosts[0].clone();
        for host in &mut self.hosts[..self.plain] {
            (host.name, host.max_workers) = (None, first.max_workers);
            (host.weight, host.backup) = (1, false);
            host.addresses.truncate(1);
            host.temper.introduced = first.temper.introduced;
        }
    }

    /// Some of the addresses of the servers of `[http]`, at least one.
    pub fn some(&self, chance: &mut Chance) -> Vec<SocketAddr> {
        let all = self.hosts[..self.plain].iter().map(|host| host.addresses[0]);
        let some: Vec<_> = all.clone().filter(|_| chance.percent(60)).collect();
        if some.is_empty() { all.take(1).collect() } else { some }
    }

    /// Servers in a row with these weights, a negative one for a spare, asked in turn, where
    /// nothing else happens.
    pub fn in_turn(weights: &[i32], chance: &mut Chance) -> Self {
        let mut scenario = Self::any(Mood::Calm, chance);
        let mut troubles = Troubles::default();
        let mut one = |number, weight: i32| Host {
            weight: weight.unsigned_abs(),
            backup: weight < 0,
            ..host(number, true, Mood::Calm, &mut troubles, chance)
        };
        let hosts = weights.iter().enumerate().map(|(number, weight)| one(number, *weight));
        scenario.hosts = hosts.collect();
        scenario.plain = weights.len();
        scenario.grouped = false;
        scenario.changes = false;
        scenario.sticky = ["off"; 2];
        let config = scenario.configure(None, chance);
        scenario.config = config.replace("algorithm=random", "algorithm=round-robin");
        scenario.config = scenario.config.replace("=least-connections", "=round-robin");
        scenario
    }

    /// A configuration for all servers, or all but one.
    pub(super) fn configure(&mut self, without: Option<usize>, chance: &mut Chance) -> String {
        let strict = self.mood == Mood::Calm;
        let mut text = String::from("[frontend]\nhost=0.0.0.0\nport=80\n");
        if !strict {
            let timeout = chance.pick(&[10, 3]);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "header_timeout={timeout}\nbody_timeout={timeout}");
            let _ = writeln!(text, "write_timeout={}", chance.pick(&[30, 5]));
        }
        let _ = writeln!(text, "idle_timeout={}", chance.pick(&[75, 20]));
        let _ = writeln!(text, "proxy_protocol={}", self.introduced);
        let hosts = self.hosts.clone();
        let kept = hosts.iter().enumerate().filter(|(number, _)| Some(*number) != without);
        let (plain, tunnels): (Vec<_>, Vec<_>) = kept.partition(|(number, _)| *number < self.plain);
        self.section(&mut text, 0, &plain, chance);
        if !tunnels.is_empty() {
            self.section(&mut text, 1, &tunnels, chance);
            self.write_terms(&mut text, chance);
        }
        let _ = writeln!(text, "[log]\naccess={}", chance.pick(&["off", "common", "json"]));
        text
    }

    fn section(
        &mut self,
        text: &mut String,
        place: usize,
        hosts: &[(usize, &Host)],
        chance: &mut Chance,
    ) {
        let strict = self.mood == Mood::Calm;
        let algorithm = chance.pick(&["random", "round-robin", "least-connections"]);
        let _ = writeln!(text, "[{}]\nalgorithm={algorithm}", ["http", "websocket"][place]);
        let _ = writeln!(text, "sticky={}", self.sticky[place]);
        let _ = writeln!(text, "enable_health_check={}", chance.percent(70));
        let _ = writeln!(text, "health_check_interval={}", chance.pick(&[10, 3]));
        let _ = writeln!(text, "slow_start={}", chance.pick(&[0, 5]));
        let _ = writeln!(text, "max_fails={}", chance.pick(&[3, 3, 1, 0]));
        if !strict {
            let timeout = chance.pick(&[60, 4]);
            let _ = writeln!(text, "response_timeout={timeout}");
        }
        let grouped = self.grouped && place == 0;
        let keys = if grouped { 1 } else { hosts.len() };
        // Where only spares are left they are none.
        let spares = hosts.iter().take(keys).any(|(_, host)| !host.backup);
        for (number, host) in hosts.iter().take(keys) {
            let number = number + 1;
            let at = match &host.name {
                _ if grouped => format!("dns:{GROUP}:{}", host.addresses[0].port()),
                Some(name) => format!("{name}:{}", host.addresses[0].port()),
                None => host.addresses[0].to_string(),
            };
            let _ = writeln!(text, "server{number}={at}");
            let header = match host.temper.introduced {
                None => "off",
                Some(Version::V1) => "v1",
                Some(Version::V2) => "v2",
            };
            let _ = writeln!(text, "server{number}_send_proxy={header}");
            let _ = writeln!(text, "server{number}_weight={}", host.weight);
            let _ = writeln!(text, "server{number}_backup={}", host.backup && spares);
            let Some(max) = host.max_workers else { continue };
            let (min, line) = (chance.below(max + 1), chance.pick(&[30, 30, 2, 0]));
            let line = if strict { 60 } else { line };
            self.troubles.crowded |= line < 30;
            let spawn = chance.pick(&["100ms", "0", "1s"]);
            let _ = writeln!(text, "server{number}_max_workers={max}");
            let _ = writeln!(text, "server{number}_min_workers={min}");
            let _ = writeln!(text, "server{number}_buffer_size={line}");
            let _ = writeln!(text, "server{number}_spawn_timeout={spawn}");
            let _ = writeln!(text, "server{number}_worker_timeout={}", chance.pick(&[3, 1, 20]));
        }
    }

    fn write_terms(&self, text: &mut String, chance: &mut Chance) {
        let terms = &self.terms;
        let _ = writeln!(text, "idle_timeout={}", terms.idle.as_secs());
        let _ = writeln!(text, "ping_interval={}", terms.ping.as_secs());
        let _ = writeln!(text, "max_age={}", terms.age.as_secs());
        let _ = writeln!(text, "max_tunnels={}", terms.most);
        let _ = writeln!(text, "max_tunnels_per_client={}", terms.most_per_client);
        let _ = writeln!(text, "tunnel_rate={}", terms.rate);
        let _ = writeln!(text, "rebalance_rate={}", terms.rebalance);
        let _ = writeln!(text, "drain_close_code={}", terms.stop_code);
        let _ = writeln!(text, "close_timeout={}", chance.pick(&[1, 3]));
    }

    /// A client that may do anything, or one who only does what nobody may.
    pub fn hostile(&self, chance: &mut Chance) -> Option<Script> {
        if !self.mood.clients_err() || !chance.percent(15) {
            return None;
        }
        let (row, mut steps) = if self.introduced && chance.percent(40) {
            (&HEADERS[chance.below(HEADERS.len())], Vec::new())
        } else {
            let row = &ROWS[chance.below(ROWS.len())];
            let mut steps = self.introduction(chance).0;
            // Where bytes are slow a long one outlasts header_timeout, which ends in silence.
            if matches!(steps.as_slice(), [Step::Say(header)] if header.len() > 300) {
                steps = vec![Step::Say(introduction::unspoken(Version::V2))];
            }
            (row, steps)
        };
        let pace = chance.pick(&[None, Some((3, Duration::from_millis(1)))]);
        steps.push(Step::Say(row.bytes.to_vec()));
        steps.extend(row.afterthought(chance));
        Some(Script {
            steps,
            pace,
            appetite: Appetite::Hungry,
            requests: vec![],
            hostile: Some(row),
            polite: true,
            from: FROM,
        })
    }

    /// What a client's balancer says first, and who the client therefore is.
    pub fn introduction(&self, chance: &mut Chance) -> (Vec<Step>, SocketAddr) {
        if !self.introduced {
            let house = 7 + chance.below(3) as u8;
            return (Vec::new(), SocketAddr::new(Ipv4Addr::new(192, 0, 2, house).into(), 40_000));
        }
        let (header, peer) = introduction::any(chance);
        (vec![Step::Say(header)], peer)
    }

    /// Whether the next client is to do something wrong.
    pub fn is_next_rude(&self, chance: &mut Chance) -> bool {
        self.mood.clients_err() && chance.percent(50)
    }
}

fn any_terms(chance: &mut Chance) -> Terms {
    let seconds = |chance: &mut Chance, choices| Duration::from_secs(chance.pick(choices));
    Terms {
        idle: seconds(chance, &[150, 150, 3]),
        ping: seconds(chance, &[0, 0, 1, 2]),
        age: seconds(chance, &[0, 0, 0, 4]),
        most: chance.pick(&[0, 0, 0, 2]),
        most_per_client: chance.pick(&[0, 0, 0, 1]),
        rate: chance.pick(&[0, 0, 0, 0, 5]),
        rebalance: chance.pick(&[0, 20]),
        stop_code: chance.pick(&[1001, 1012]),
    }
}

fn host(
    number: usize,
    plain: bool,
    mood: Mood,
    troubles: &mut Troubles,
    chance: &mut Chance,
) -> Host {
    let (net, port) = if plain { (0, 8000) } else { (1, 9000) };
    let last = number as u8 + 1;
    let address = |house| SocketAddr::new(Ipv4Addr::new(10, net, house, last).into(), port);
    let bad = mood.servers_err() && chance.percent(70);
    let mut temper = Temper {
        think: Duration::from_millis(chance.pick(&[0, 5, 60, 200])),
        closes: chance.pick(&[0, 0, 10, 100]),
        keep_alive: chance.pick(&[None, None, Some(5), Some(2)]),
        ..Temper::default()
    };
    if mood.servers_err() {
        troubles.reach = true;
        troubles.sick = true;
        troubles.fickle = true;
        troubles.crowded = true;
        troubles.faults = true;
    }
    if bad {
        temper.faults = chance.pick(&[10, 40]);
        temper.habit = chance.percent(60).then(|| Misdeed::any(chance));
        temper.sick = chance.pick(&[0, 0, 30]);
        temper.curt = chance.pick(&[0, 30, 100]);
        temper.hasty = chance.pick(&[0, 0, 20, 100]);
        temper.idle = chance.pick(&[None, Some(Duration::from_millis(300)), Some(Duration::ZERO)]);
    }
    temper.introduced = chance.pick(&[None, None, None, Some(Version::V1), Some(Version::V2)]);
    let named = chance.percent(30);
    Host {
        addresses: if named { vec![address(0), address(1)] } else { vec![address(0)] },
        name: named.then(|| format!("s{number}.sim")),
        temper,
        max_workers: plain.then(|| chance.within(1..=4)),
        weight: chance.pick(&[1, 1, 2, 7]),
        backup: false,
    }
}
