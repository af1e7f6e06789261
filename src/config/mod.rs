//! What is configured?
//!
//! One INI file, read once, becomes one [`Config`] or one [`Error`]. Nothing in it is ignored: what
//! is unknown, given twice, out of range or missing is refused at the start, with its line.
//!
//! ```text
//! text --lines--> sections of entries --parse, by the tables of keys--> Config
//! ```
//!
//! The types below hold effective values: a key that the file leaves out has its default. The
//! defaults and the ranges stand in the tables of `keys`, which [`reference()`] tells.

mod address;
mod error;
mod explain;
mod keys;
mod lines;
mod nearest;
mod network;
mod parse;
mod reference;
mod rule;
#[cfg(test)]
mod tests;
mod value;

pub use address::Address;
pub use error::{Error, Problem};
pub use explain::explain;
pub(crate) use nearest::nearest;
pub use network::Network;
pub use reference::{Reference, reference};

use crate::proxy_protocol::Version;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// The largest file that is read, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// The whole file. At least one of `http` and `websocket` is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where clients come in, and what they may do. Required.
    pub frontend: Frontend,
    /// The servers for plain requests.
    pub http: Option<Section>,
    /// The servers for WebSocket connections.
    pub websocket: Option<Section>,
    /// Where operators watch and steer; `None`: nowhere.
    pub admin: Option<Admin>,
    /// What is written about the traffic.
    pub log: Log,
    /// Every effective value as text, in the order of the reference: for `explain`.
    pub settings: Vec<Setting>,
}

/// `[frontend]`: the side that clients see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Where to listen. Required.
    pub address: Address,
    /// Who may connect, if that is a unix socket: see chmod(2). Default 0660.
    pub socket_mode: u32,
    /// Clients at once; beyond it the listener waits. `None`: from the descriptor limit.
    pub max_connections: Option<usize>,
    /// From the first byte of a head to its end (408). Default 10 s.
    pub header_timeout: Duration,
    /// Between two reads of a request's content (408). Default 30 s.
    pub body_timeout: Duration,
    /// Between two requests of one connection; then a silent close. Default 75 s.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of what it asked for. Default 30 s.
    pub write_timeout: Duration,
    /// The largest request head, in bytes (431; 414 for the request line alone). Default 16384.
    pub max_header_bytes: usize,
    /// The most field lines in a request head (431). Default 100.
    pub max_headers: usize,
    /// The largest request content, in bytes (413). Default 0: no limit.
    pub max_body_bytes: u64,
    /// Clients whose X-Forwarded-* fields are believed. Default none.
    pub trusted_proxies: Vec<Network>,
    /// Every connection begins with a PROXY header. Default false.
    pub proxy_protocol: bool,
    /// From SIGTERM to the end of the process, whatever is still under way. Default 8 s.
    pub shutdown_timeout: Duration,
    /// From SIGTERM to the closing of the listeners. Default 0.
    pub drain_delay: Duration,
}

/// `[http]` or `[websocket]`: servers that do the same work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// How a server is chosen among the healthy. Default random.
    pub algorithm: Algorithm,
    /// How servers are probed; `None` when `enable_health_check` is `false`.
    pub health: Option<HealthCheck>,
    /// The most that a connection to a server may take to open. Default 3 s.
    pub connect_timeout: Duration,
    /// `[http]`: to the first byte of the response and between reads (504). `[websocket]`: to the
    /// response to the opening handshake. Default 60 s.
    pub response_timeout: Duration,
    /// What leads a client to the server that it had before. Default off.
    pub sticky: Sticky,
    /// Failures of traffic in a row after which a server sits out. Default 3; 0: it never does.
    pub max_fails: u32,
    /// How long it sits out, unless a good probe ends that. Default 10 s.
    pub fail_timeout: Duration,
    /// How long a server that comes back takes to have its whole weight again. Default 0: at once.
    pub slow_start: Duration,
    /// How tunnels are kept and ended. Without meaning in `[http]`, where it holds the defaults.
    pub tunnels: Tunnels,
    /// In the order of their numbers. Never empty in a file; what `dns:` names stand for may be.
    pub servers: Vec<ServerConfig>,
}

/// How one server is chosen among the healthy ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Each in turn, in the order of their numbers.
    RoundRobin,
    /// Any, uniformly.
    Random,
    /// The one with the least under way: tunnels, or requests running and waiting.
    LeastConnections,
}

/// What leads a client to the server that it had before, as long as that one is healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sticky {
    /// Nothing.
    Off,
    /// A cookie that names the server, the same in both sections.
    Cookie,
    /// The client's address.
    Ip,
}

/// The keys of `[websocket]` that are about tunnels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnels {
    /// A tunnel with no byte either way is closed. Default 3600 s.
    pub idle_timeout: Duration,
    /// How long the answer to a Close is awaited. Default 1 s.
    pub close_timeout: Duration,
    /// Both ends of a tunnel that was quiet so long get a Ping. Default 0: none.
    pub ping_interval: Duration,
    /// The age at which a tunnel is closed. Default 0: never.
    pub max_age: Duration,
    /// Tunnels at once. Default 0: no limit.
    pub max: usize,
    /// Tunnels at once from one address. Default 0: no limit.
    pub max_per_client: usize,
    /// New tunnels a second. Default 0: no limit.
    pub rate: u32,
    /// New tunnels at a stroke, where there is a rate. Default 100.
    pub burst: u32,
    /// What tunnels are told when the gateway stops: 1001 or 1012. Default 1001.
    pub drain_close_code: u16,
    /// Over how long the tunnels of a server that is taken out are closed. Default 30 s.
    pub drain_time: Duration,
    /// Tunnels closed a second to fill a server that came back. Default 0: none.
    pub rebalance_rate: u32,
}

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// A GET for JSON that says 200.
    Http,
    /// An opening handshake, a Ping, a Close (RFC 6455).
    WebSocket,
}

/// The `health_check_*` keys of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked; only `[websocket]` can choose. Default http.
    pub question: Question,
    /// Between two probes of one server. Default 10 s.
    pub interval: Duration,
    /// The most that a probe may take, connecting included. Default 2 s.
    pub timeout: Duration,
    /// The request target of a probe, in origin-form (RFC 9112 3.2.1). Default `/healthCheck`.
    pub path: String,
    /// Good probes in a row that make a server healthy. Default 1.
    pub rise: u32,
    /// Bad probes in a row that make a server unhealthy. Default 1.
    pub fall: u32,
}

/// One `serverN` of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The N of its keys.
    pub number: u64,
    /// Where it listens.
    pub address: Address,
    /// `dns:`: every address of the name is a server of its own, all with these values.
    pub each_address: bool,
    /// The PROXY header that connections to it begin with. Default none.
    pub send_proxy: Option<Version>,
    /// How much of the work it gets beside the others. Default 1, never 0.
    pub weight: u32,
    /// A spare: it gets work only when all servers of the section that are none are down. Default
    /// false.
    pub backup: bool,
    /// Its connections for requests. Without meaning in `[websocket]`, where it holds the defaults.
    pub workers: Workers,
}

/// The `serverN_*` keys of `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workers {
    /// Most connections to the server, probes apart. Default 3.
    pub max: usize,
    /// Connections kept open; at most `max`. Default 1.
    pub min: usize,
    /// An idle worker above `min` is closed after this. Default 3 s.
    pub timeout: Duration,
    /// Requests that may wait in line. Default 10; 0: none waits.
    pub buffer_size: usize,
    /// What a request waits before one more worker is opened for it. Default 100 ms; 0: at once.
    pub spawn_timeout: Duration,
}

/// `[admin]`: the side that operators see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where to listen. The host is 127.0.0.1 by default, the port is required.
    pub address: Address,
    /// Who may connect, if that is a unix socket: see chmod(2). Default 0660.
    pub socket_mode: u32,
    /// What a request has to show. Required unless only this machine can reach the address.
    pub token: Option<String>,
}

impl Admin {
    /// Whether only this machine can reach it, going by the host as it is written.
    pub fn is_loopback(&self) -> bool {
        let Some(host) = self.address.host() else { return true };
        let address = host.parse::<IpAddr>();
        address.map_or(host == "localhost", |address| address.to_canonical().is_loopback())
    }
}

/// `[log]`: what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least severe line of the program's own log, on stderr. Default info.
    pub level: log::LevelFilter,
    /// The access log, on stdout. Default off.
    pub access: Access,
}

/// The form of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is written.
    Off,
    /// The Common Log Format, with our own columns after it.
    Common,
    /// One JSON object a line.
    Json,
}

/// One effective value, as it would be written in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Without its brackets.
    pub section: &'static str,
    /// As in the file: with the number of the server, not with `N`.
    pub key: String,
    /// The text given or the text of the default.
    pub value: String,
    /// The line that gave it; `None`: a default.
    pub line: Option<usize>,
}

impl Config {
    /// Reads the file at `path`. The error names the path as it is given here.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = read(path).map_err(|error| error.in_file(path))?;
        Self::from_text(&text).map_err(|error| error.in_file(path))
    }

    /// Reads the content of a file. The error names a line but no file.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        parse::config(text)
    }
}

/// The whole text of a file. A pipe that never ends and a wrong path to something huge are refused
/// like any other file that is too large.
fn read(path: &Path) -> Result<String, Error> {
    let unreadable = |cause: io::Error| Error::new(Problem::Unreadable(cause.to_string()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Error::new(Problem::TooLarge { most: FILE_MAX }));
    }
    String::from_utf8(bytes).map_err(|cause| {
        let before = cause.as_bytes().iter().take(cause.utf8_error().valid_up_to());
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Error { line: Some(line), ..Error::new(Problem::NotUtf8) }
    })
}
