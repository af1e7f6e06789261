//! What does a proxy hold when nothing happens, and how soon is it there?
//!
//! Each measurement has a proxy of its own, fresh, so that what one leaves behind in the heap is
//! not another's cost. Memory of the process alone: sockets are the kernel's and alike for all.

use std::io;
use std::thread;
use std::time::Duration;

use crate::options::Options;
use crate::peer::{Peer, Site};
use crate::process::{Core, Process};
use crate::stats::median;

/// Open connections whose memory is measured; the descriptor limit is taken to be 20,000.
const IDLE_CLIENTS: u32 = 10_000;
const IDLE_TUNNELS: u32 = 9_000;
/// How long after the last connection memory is looked at.
const SETTLE: Duration = Duration::from_millis(500);

/// Names by which `--only` chooses these.
pub(crate) const NAMES: [&str; 3] = ["start", "idle-clients", "idle-tunnels"];

/// One proxy's figures; NaN where nothing was measured.
pub(crate) struct Row {
    pub(crate) peer: &'static str,
    /// Milliseconds to the first response, median.
    pub(crate) start: f64,
    /// Bytes of the program's file and its libraries'.
    pub(crate) program: f64,
    /// Bytes after the first response: resident, and not shared.
    pub(crate) resident: f64,
    pub(crate) private: f64,
    /// Bytes for each idle client and each idle tunnel.
    pub(crate) client: f64,
    pub(crate) tunnel: f64,
    pub(crate) remarks: Vec<String>,
}

/// Measures one peer.
pub(crate) fn measure(peer: &'static str, site: &Site, options: &Options) -> Row {
    let nan = f64::NAN;
    let mut row = Row {
        peer,
        start: nan,
        program: nan,
        resident: nan,
        private: nan,
        client: nan,
        tunnel: nan,
        remarks: Vec::new(),
    };
    if options.includes("start") {
        starts(&mut row, site, options.rounds);
    }
    if options.includes("idle-clients") {
        row.client = idle(&mut row, site, "client", IDLE_CLIENTS);
    }
    if options.includes("idle-tunnels") {
        row.tunnel = idle(&mut row, site, "tunnel", IDLE_TUNNELS);
    }
    row
}

fn starts(row: &mut Row, site: &Site, rounds: usize) {
    let (mut times, mut resident, mut private) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        match Peer::start(row.peer, site) {
            Ok((peer, took)) => {
                times.push(took.as_secs_f64() * 1e3);
                row.program = peer.family.program() as f64;
                let memory = peer.family.memory();
                resident.push(memory.resident as f64);
                private.push(memory.private as f64);
            }
            Err(why) => row.remarks.push(why),
        }
    }
    row.start = median(times);
    row.resident = median(resident);
    row.private = median(private);
}

/// Bytes for each of `count` idle connections. With fewer, or none, and a remark, when the peer
/// has no room for so many: the bare forwarder needs two descriptors for a client.
fn idle(row: &mut Row, site: &Site, kind: &str, count: u32) -> f64 {
    let measured = Peer::start(row.peer, site)
        .and_then(|(peer, _)| growth(&peer, site, kind, count).map_err(|error| error.to_string()));
    match measured {
        Ok((each, opened, failure)) => {
            if opened < count {
                row.remarks.push(format!("only {opened} idle {kind}s: {failure}"));
            }
            each
        }
        Err(why) => {
            row.remarks.push(format!("no idle {kind}s: {why}"));
            f64::NAN
        }
    }
}

/// Opens the connections; returns the bytes for each, how many there were, and why no more.
fn growth(peer: &Peer, site: &Site, kind: &str, count: u32) -> io::Result<(f64, u32, String)> {
    let before = peer.family.memory().private;
    let words = ["hold", &peer.address.to_string(), &count.to_string(), kind].map(str::to_owned);
    let mut holder = Process::start_role(Core::Load, &words, &site.directory.join("hold.stderr"))?;
    let said = holder.read_line()?;
    let (opened, failure) = said.split_once(' ').unwrap_or((&said, ""));
    let opened: u32 = opened.parse().map_err(io::Error::other)?;
    thread::sleep(SETTLE);
    let after = peer.family.memory().private;
    // With none opened this is NaN, which is what it should be.
    let each = after.saturating_sub(before) as f64 / f64::from(opened);
    Ok((each, opened, failure.to_owned()))
}
