//! How does Tidegate stand beside HAProxy, nginx, and the kernel?
//!
//! ```text
//! cargo bench --bench compare                          all of it, about a quarter of an hour
//! cargo bench --bench compare -- --quick --only small  a first look, half a minute
//! cargo bench --bench compare -- --help                everything else
//! ```
//!
//! # What is compared
//!
//! Tidegate, HAProxy and nginx (those that are installed, tuned to win: see `peer.rs`; h2o when
//! asked for), and a *bare forwarder* (`forwarder.rs`) that reads and writes and does not look at
//! a single byte: what no proxy that copies can beat. When asked for also a *splicer*, the same by
//! way of a pipe. A peer that cannot be started is left out, and the report says why.
//!
//! # How
//!
//! - The proxy has core 0 for itself; load generator, server and this program share core 1.
//!   Everything stays on loopback.
//! - All peers run all the time and get the load by turns, in slices (`round.rs`). A ratio compares
//!   two slices of the same round, and the median of the rounds' ratios is reported.
//! - *CPU per request* is the proxy's own time on its core by the scheduler's clock, user and
//!   kernel, divided by the answers that the load generator counted. It holds even when
//!   the load generator's core is the bottleneck (*core busy* below 100%), when requests/s
//!   says little about the proxy.
//! - *System calls* are counted in a separate run by perf, or by strace.
//! - Latencies of most work are those of a closed loop: they follow from requests/s. The *paced*
//!   work sends at a fixed rate, and counts from when a request was due.
//! - Memory is the process's private memory, before and after 10,000 clients (each with one
//!   request behind it) or 9,000 tunnels were opened in a fresh proxy. For this the limit of open
//!   descriptors must be 20,000 (`ulimit -n 20000`).
//! - *Beside* a greedy client, that client has what its core's others leave. What counts there is
//!   the latency of the others.
//! - Errors are counted and shown beside the figures they belong to.
//!
//! The bare forwarder opens a server connection for each client connection. That is more work than
//! a proxy with a pool has where clients do not stay, so it is no floor for *new connection
//! per request*.
//!
//! Needed: Linux, two cores, `taskset`, `wrk`; for system calls `perf` or `strace`; `haproxy`, `nginx`.

mod accounting;
mod calls;
mod footprint;
mod forwarder;
mod load;
mod options;
mod origin;
mod peer;
mod plot;
mod process;
mod report;
mod round;
mod stats;
mod work;

use std::error::Error;
use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use load::websocket::Plan;
use options::{Options, Request};
use peer::{Peer, Site};
use process::{Core, Process};

/// How long the server may take to accept its first connection.
const START: Duration = Duration::from_secs(5);

/// A directory for this run's files, removed at its end.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is in the directory for temporary files anyway.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("child", role)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        process::end_with_parent();
        return play(role);
    }
    match options::read()? {
        Request::Say(text) => print!("{text}"),
        Request::Compare(options) => compare(&options)?,
    }
    Ok(())
}

/// The hidden roles in which this program starts itself.
fn play(role: &[String]) -> Result<(), Box<dyn Error>> {
    let words: Vec<&str> = role.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["origin", listen] => origin::run(listen.parse()?)?,
        ["forwarder", listen, server, kind] => {
            forwarder::run(listen.parse()?, server.parse()?, *kind == "splicer")?;
        }
        ["hold", address, count, kind] => {
            load::hold::run(address.parse()?, count.parse()?, *kind == "tunnel")?;
        }
        ["greedy", address, kind] => load::company::run(address.parse()?, kind)?,
        ["paced", address, connections, rate, seconds] => {
            let takes = Duration::from_secs(seconds.parse()?);
            load::paced::run(address.parse()?, connections.parse()?, rate.parse()?, takes)?;
        }
        ["websocket", address, tunnels, size, seconds, kind] => load::websocket::run(&Plan {
            address: address.parse()?,
            tunnels: tunnels.parse()?,
            size: size.parse()?,
            takes: Duration::from_secs(seconds.parse()?),
            is_churn: *kind == "churn",
        })?,
        _ => return Err(format!("no such role: {words:?}").into()),
    }
    Ok(())
}

/// Waits for events. A signal, such as strace sends when it attaches, is no error and no event.
fn wait(poll: &mut Poll, events: &mut Events, limit: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, limit) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        polled => polled,
    }
}

/// Those of the named peers that can be started.
fn start(names: &[&'static str], site: &Site) -> Vec<Peer> {
    let mut peers = Vec::new();
    for name in names {
        match Peer::start(name, site) {
            Ok((peer, _)) => peers.push(peer),
            Err(why) => println!("**Left out**: {why}\n"),
        }
    }
    peers
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    process::pin_self()?;
    let name = format!("tidegate-compare-{}", std::process::id());
    let directory = Directory(std::env::temp_dir().join(name));
    fs::create_dir(&directory.0)?;
    let origin = peer::free_address()?;
    let words = ["origin".to_owned(), origin.to_string()];
    let _origin = Process::start_role(Core::Load, &words, &directory.0.join("origin.stderr"))?;
    let deadline = Instant::now() + START;
    while TcpStream::connect(origin).is_err() {
        if Instant::now() > deadline {
            return Err("the server of the bench does not start".into());
        }
        thread::sleep(Duration::from_millis(2));
    }
    let (tidegate, other) = (options.tidegate.clone(), options.other.clone());
    let mut site = Site { directory: directory.0.clone(), origin, tidegate, other, servers: 1 };

    let mut peers = start(&options.peers, &site);
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    let mut sections = Vec::new();
    for work in work::ALL.iter().filter(|work| options.includes(work.name)) {
        if work.servers != site.servers {
            peers.clear();
            site.servers = work.servers;
            peers = start(&names, &site);
        }
        let rows = round::compare(work, &mut peers, &site, options);
        println!("{}", report::work(work.title, &rows));
        sections.push((work, rows));
    }
    if !sections.is_empty() {
        println!("{}", report::summary(&sections, &peers));
        println!("{}", report::latency(&sections, &peers));
    }
    drop(peers);
    site.servers = 1;
    if footprint::NAMES.iter().any(|name| options.includes(name)) {
        let rows: Vec<_> =
            names.iter().map(|name| footprint::measure(name, &site, options)).collect();
        println!("{}", report::footprint(&rows));
    }
    if let Some(file) = &options.svg {
        fs::write(file, plot::draw(&sections)?)?;
    }
    Ok(())
}
