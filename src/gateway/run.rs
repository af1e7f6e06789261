//! What does the thread do? Wait, read the clock, take a turn.

use super::Gateway;
use super::scribe::Scribe;
use super::token::Token;
use crate::config::{Address, Config};
use crate::limits;
use crate::net::service::{self, Step};
use crate::net::{Clock, Listener, Poll, Signal, Signals, SocketAddress};
use log::{info, warn};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::time::Instant;

/// Why the gateway could not run, or not go on.
#[derive(Debug)]
pub struct Error {
    doing: String,
    why: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.why)
    }
}

impl std::error::Error for Error {}

fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    |why| Error { doing: what.into(), why }
}

/// Runs a gateway until it is told to stop. `started` is called with the address listened on, and
/// with the one for operators if there is any. On SIGHUP `source` is read again.
///
/// # Errors
/// When the address cannot be resolved or listened on, or when polling fails.
pub fn run(
    config: Config,
    source: Option<&Path>,
    started: impl FnOnce(&SocketAddress, Option<&SocketAddress>),
) -> Result<(), Error> {
    let address = listen_address(&config.frontend.address)?;
    let admin = config.admin.as_ref();
    let admin = admin.map(|admin| listen_address(&admin.address)).transpose()?;
    let inherited = inherited(source, [Some(&address), admin.as_ref()])?;
    let (mut poll, mut net) = Poll::new(Token::Resolver.into()).map_err(doing("cannot poll"))?;
    net.inherit(inherited);
    let signals = Signals::new(&poll, Token::Signals.into());
    let mut signals = signals.map_err(doing("cannot catch signals"))?;
    let max_connections = max_connections(&config);
    let clock = Clock;
    let gateway = Gateway::new(config, net, Clock, &address, max_connections, seed());
    let mut gateway = gateway.map_err(doing(format!("cannot listen on {address}")))?;
    let address = gateway.address().map_err(doing("cannot listen"))?;
    let office = admin.map(|admin| {
        let opened = gateway.open_office(&admin);
        opened.map_err(doing(format!("cannot listen on {admin}")))
    });
    let office = office.transpose()?;
    info!("listening on {address}, at most {max_connections} connections");
    match &office {
        Some(SocketAddress::Tcp(office)) => info!("status page: http://{office}/"),
        Some(office @ SocketAddress::Unix(_)) => info!("status page: {office}"),
        None => {}
    }
    started(&address, office.as_ref());
    service::tell(Step::Ready(&format!("listening on {address}")));
    let (mut log, mut lines) = (AccessLog::default(), Vec::new());
    let mut now = clock.now();
    while !gateway.is_done() {
        poll.wait(gateway.patience(now)).map_err(doing("cannot poll"))?;
        now = clock.now();
        // To look for a signal costs two calls, so only where one has been announced.
        if poll.events().any(|(key, _)| Token::from(key) == Token::Signals) {
            while let Some(signal) = signals.pending() {
                match signal {
                    Signal::Stop => {
                        service::tell(Step::Stopping);
                        gateway.stop(now);
                    }
                    Signal::Reload => reload(&mut gateway, source, now),
                }
            }
        }
        gateway.turn(poll.events(), now);
        gateway.note_turn(clock.now().saturating_duration_since(now));
        gateway.take_journal(&mut lines);
        if !lines.is_empty() {
            log.write(&mut gateway, &lines);
            lines.clear();
        }
    }
    log.close();
    info!("stopped: {}", gateway.counters());
    Ok(())
}

/// The sockets that the service manager has opened: each has to be one that the file asks for.
/// Without a file there is no service, and there are threads already.
fn inherited(
    source: Option<&Path>,
    places: [Option<&SocketAddress>; 2],
) -> Result<Vec<Listener>, Error> {
    if source.is_none() {
        return Ok(Vec::new());
    }
    let failed = || doing("cannot take over a socket of the service manager");
    let listeners = crate::net::inherited().map_err(failed())?;
    let mut places: Vec<_> = places.into_iter().flatten().collect();
    for listener in &listeners {
        let at = listener.address().map_err(failed())?;
        let Some(place) = places.iter().position(|place| **place == at) else {
            let why = format!("no section, or no other, listens on {at}");
            return Err(failed()(io::Error::other(why)));
        };
        places.swap_remove(place);
        info!("the service manager has opened {at}");
    }
    Ok(listeners)
}

/// Reads the file again and puts it in force, if it is right. The loop stands still for that: a
/// file of a few lines, and a name to resolve only where a listener moves to one.
fn reload(gateway: &mut Gateway, source: Option<&Path>, now: Instant) {
    service::tell(Step::Reloading);
    let refused = match source.map(Config::load) {
        None => "there is no file to read again".to_owned(),
        Some(Err(error)) => error.to_string(),
        Some(Ok(config)) => {
            let max_connections = max_connections(&config);
            let resolve = |address: &Address| {
                listen_address(address).map_err(|error| io::Error::other(error.to_string()))
            };
            match gateway.reload(config, max_connections, now, resolve) {
                Ok(()) => return service::tell(Step::Ready("the new configuration is in force")),
                Err(error) => error.to_string(),
            }
        }
    };
    gateway.note_refused_reload(&refused);
    service::tell(Step::Ready(&format!("the old configuration is in force: {refused}")));
}

/// The scribe, who is called for when there is a line to write.
#[derive(Default)]
struct AccessLog(Option<Scribe>);

impl AccessLog {
    fn write(&mut self, gateway: &mut Gateway, lines: &[u8]) {
        if self.0.is_none() {
            let started = Scribe::start(io::stdout());
            self.0 = started.inspect_err(|error| warn!("no access log: {error}")).ok();
        }
        let count = || lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        let lost = self.0.as_ref().map_or_else(count, |scribe| scribe.offer(lines));
        gateway.note_lines_lost(lost);
    }

    fn close(self) {
        if let Some(scribe) = self.0 {
            scribe.close(limits::LAST_LINES);
        }
    }
}

/// What is left to chance begins here. The standard library's hasher has asked the system for its
/// keys; unlike a source of randomness of our own, it needs no device file in an empty root.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn listen_address(address: &Address) -> Result<SocketAddress, Error> {
    let failed = || doing(format!("cannot listen on {address}"));
    match address {
        Address::Tcp { host, port } => {
            let mut found = (host.as_str(), *port).to_socket_addrs().map_err(failed())?;
            let first = found.next().map(SocketAddress::Tcp);
            first.ok_or_else(|| failed()(io::Error::other("the name has no address")))
        }
        Address::Unix(path) => Ok(SocketAddress::Unix(path.clone())),
    }
}

/// The most clients at a time: as configured, or what the descriptor limit allows when every one
/// of them may need a connection to a server too.
fn max_connections(config: &Config) -> usize {
    let descriptors = crate::net::raise_descriptor_limit();
    let spare = descriptors.saturating_sub(config.descriptors_without_clients());
    let allowed = if config.websocket.is_some() { spare / 2 } else { spare }.max(1);
    match config.frontend.max_connections {
        Some(wanted) if wanted > allowed => {
            warn!("max_connections={wanted}: {descriptors} descriptors allow {allowed}");
            wanted
        }
        Some(wanted) => wanted,
        None => allowed,
    }
}
