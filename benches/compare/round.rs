//! How are the peers compared fairly on a machine that is never quite the same twice?
//!
//! By turns: in each round every peer gets the same load for a short slice, the next round begins
//! with another peer, and only figures of one round are divided by each other. What is reported
//! is the median of those ratios.

use std::collections::BTreeMap;
use std::io;

use crate::calls::Counter;
use crate::options::Options;
use crate::peer::{BASELINE, Peer, Site};
use crate::stats::median;
use crate::work::Work;

/// Seconds of the run that warms a peer, and of the one whose system calls are counted.
const SHORT: u64 = 1;

/// One peer in one round.
#[derive(Clone, Copy)]
struct Sample {
    /// Requests per second.
    rate: f64,
    /// Microseconds of the proxy's core for each request.
    cost: f64,
    /// Share of the time in which the proxy's core worked for it.
    busy: f64,
    /// Microseconds.
    latency: [f64; 3],
}

/// One peer's samples, one for each round; None where the round failed.
struct Series {
    samples: Vec<Option<Sample>>,
    /// System calls for each request, by name.
    calls: BTreeMap<String, f64>,
    errors: BTreeMap<String, u64>,
}

/// Medians of one peer's rounds; NaN where nothing was measured.
pub(crate) struct Row {
    pub(crate) peer: &'static str,
    pub(crate) rate: f64,
    pub(crate) rate_ratio: f64,
    pub(crate) cost: f64,
    pub(crate) cost_ratio: f64,
    pub(crate) busy: f64,
    pub(crate) latency: [f64; 3],
    pub(crate) calls: BTreeMap<String, f64>,
    pub(crate) errors: BTreeMap<String, u64>,
}

/// Runs one kind of work on all peers.
pub(crate) fn compare(work: &Work, peers: &mut [Peer], site: &Site, options: &Options) -> Vec<Row> {
    let new = || Series { samples: Vec::new(), calls: BTreeMap::new(), errors: BTreeMap::new() };
    let mut all: Vec<Series> = peers.iter().map(|_| new()).collect();
    for (peer, series) in peers.iter().zip(&mut all) {
        if !options.is_quick {
            // Only warms; what goes wrong here goes wrong in the rounds as well.
            let _ = work.load.run(peer.address, SHORT, options.rate, &site.directory);
        }
        match count_calls(work, peer, site, options) {
            Ok(calls) => series.calls = calls,
            Err(error) => eprintln!("{}: no system calls counted: {error}", peer.name),
        }
    }
    for round in 0..options.rounds {
        for turn in 0..peers.len() {
            let index = (round + turn) % peers.len();
            let sample = measure(work, &mut peers[index], site, options, &mut all[index]);
            all[index].samples.push(sample);
        }
    }
    let baseline = peers.iter().position(|peer| peer.name == BASELINE);
    let baseline = baseline.map(|index| all[index].samples.clone()).unwrap_or_default();
    peers.iter().zip(all).map(|(peer, series)| row(peer.name, series, &baseline)).collect()
}

fn measure(
    work: &Work,
    peer: &mut Peer,
    site: &Site,
    options: &Options,
    series: &mut Series,
) -> Option<Sample> {
    let company = match work.company.invite(peer.address, &site.directory) {
        Ok(company) => company,
        Err(error) => {
            eprintln!("{}, {}: {error}", work.name, peer.name);
            *series.errors.entry("no company".to_owned()).or_default() += 1;
            return None;
        }
    };
    let before = peer.family.cpu_time();
    let outcome = work.load.run(peer.address, options.seconds, options.rate, &site.directory);
    let spent = peer.family.cpu_time().saturating_sub(before).as_secs_f64();
    if company.is_some_and(|mut company| company.ended().is_some()) {
        *series.errors.entry("the company left".to_owned()).or_default() += 1;
        return None;
    }
    if let Some(how) = peer.ended() {
        *series.errors.entry(format!("peer ended: {how}")).or_default() += 1;
        return None;
    }
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{}, {}: {error}", work.name, peer.name);
            *series.errors.entry("failed round".to_owned()).or_default() += 1;
            return None;
        }
    };
    for (kind, count) in outcome.errors {
        *series.errors.entry(kind).or_default() += count;
    }
    (outcome.requests > 0.0).then_some(Sample {
        rate: outcome.requests / outcome.took,
        cost: spent * 1e6 / outcome.requests,
        busy: spent / outcome.took,
        latency: [outcome.p50, outcome.p99, outcome.p999],
    })
}

/// System calls for each request in a run apart.
fn count_calls(
    work: &Work,
    peer: &Peer,
    site: &Site,
    options: &Options,
) -> io::Result<BTreeMap<String, f64>> {
    let counter = Counter::begin(&peer.family, &site.directory)?;
    let outcome = work.load.run(peer.address, SHORT, options.rate, &site.directory);
    let calls = counter.end()?;
    let requests = outcome?.requests;
    if requests == 0.0 {
        return Err(io::Error::other("no request was answered"));
    }
    Ok(calls.into_iter().map(|(name, count)| (name, count as f64 / requests)).collect())
}

fn row(peer: &'static str, series: Series, baseline: &[Option<Sample>]) -> Row {
    let of = |field: fn(&Sample) -> f64| median(series.samples.iter().flatten().map(field));
    let ratio = |field: fn(&Sample) -> f64| {
        let pairs = series.samples.iter().zip(baseline);
        median(pairs.filter_map(|(own, base)| Some(field(own.as_ref()?) / field(base.as_ref()?))))
    };
    Row {
        peer,
        rate: of(|sample| sample.rate),
        rate_ratio: ratio(|sample| sample.rate),
        cost: of(|sample| sample.cost),
        cost_ratio: ratio(|sample| sample.cost),
        busy: of(|sample| sample.busy),
        latency: [
            of(|sample| sample.latency[0]),
            of(|sample| sample.latency[1]),
            of(|sample| sample.latency[2]),
        ],
        calls: series.calls,
        errors: series.errors,
    }
}
