//! Who makes the requests, and what came of them?
//!
//! wrk for plain requests; loaders of our own for WebSocket and for a fixed rate. Each prints one
//! line, `outcome requests=.. micros=.. p50=.. p99=.. p999=..` and a count for each kind of error,
//! which [`Outcome::parse`] reads, so that all are accounted for in one way.

pub(crate) mod company;
pub(crate) mod hold;
pub(crate) mod paced;
pub(crate) mod response;
pub(crate) mod websocket;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::process::{Core, Process};

/// What a load generator may take beyond the time that it was given.
const GRACE: Duration = Duration::from_secs(15);

/// wrk's own report is for people; this one is for [`Outcome::parse`].
const WRK_REPORT: &str = r#"
function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      "\noutcome requests=%d micros=%d p50=%d p99=%d p999=%d " ..
      "connect=%d read=%d write=%d status=%d timeout=%d\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      latency:percentile(99.9), e.connect, e.read, e.write, e.status, e.timeout))
end
"#;

/// A kind of load.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// wrk, as fast as the answers come.
    Wrk { connections: u32, path: &'static str, script: &'static str },
    /// GET /small at a fixed rate, whatever the answers do.
    Paced { connections: u32 },
    /// WebSocket messages, each sent when the echo of the one before has come.
    Echo { tunnels: u32, size: u32 },
    /// WebSocket tunnels that are set up, echo once, and are closed.
    Churn { tunnels: u32 },
}

/// What a load generator saw.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) requests: f64,
    /// Seconds.
    pub(crate) took: f64,
    /// Quantiles of latency, microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// Counts by kind; kinds that did not occur are left out.
    pub(crate) errors: BTreeMap<String, u64>,
}

impl Outcome {
    fn parse(printed: &str) -> io::Result<Self> {
        let line = printed.lines().find_map(|line| line.strip_prefix("outcome "));
        let Some(line) = line else {
            return Err(io::Error::other(format!("no outcome in: {}", printed.trim())));
        };
        let mut outcome = Self::default();
        for (name, value) in line.split_whitespace().filter_map(|word| word.split_once('=')) {
            let value: f64 = value.parse().map_err(io::Error::other)?;
            match name {
                "requests" => outcome.requests = value,
                "micros" => outcome.took = value / 1e6,
                "p50" => outcome.p50 = value,
                "p99" => outcome.p99 = value,
                "p999" => outcome.p999 = value,
                _ if value == 0.0 => {}
                _ => drop(outcome.errors.insert(name.to_owned(), value as u64)),
            }
        }
        Ok(outcome)
    }
}

impl Load {
    /// Puts this load on `address` for `seconds`, from the load core. `rate`: requests per second
    /// of the paced load.
    ///
    /// # Errors
    /// The load generator could not run, failed, or did not end.
    pub(crate) fn run(
        self,
        address: SocketAddr,
        seconds: u64,
        rate: u32,
        directory: &Path,
    ) -> io::Result<Outcome> {
        let complaints = directory.join("load.stderr");
        let role = |words: &[&dyn ToString]| {
            let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
            Process::start_role(Core::Load, &words, &complaints)
        };
        let process = match self {
            Self::Wrk { connections, path, script } => {
                let file = directory.join("wrk.lua");
                fs::write(&file, format!("{script}{WRK_REPORT}"))?;
                let arguments = [
                    "-t1".to_owned(),
                    format!("-c{connections}"),
                    format!("-d{seconds}s"),
                    "-s".to_owned(),
                    file.display().to_string(),
                    format!("http://{address}{path}"),
                ];
                Process::start(Core::Load, Path::new("wrk"), &arguments, &complaints)?
            }
            Self::Paced { connections } => {
                role(&[&"paced", &address, &connections, &rate, &seconds])?
            }
            Self::Echo { tunnels, size } => {
                role(&[&"websocket", &address, &tunnels, &size, &seconds, &"echo"])?
            }
            Self::Churn { tunnels } => {
                role(&[&"websocket", &address, &tunnels, &64, &seconds, &"churn"])?
            }
        };
        let finished = process.finish(Duration::from_secs(seconds) + GRACE);
        let printed = finished.map_err(|error| {
            let said = fs::read_to_string(&complaints).unwrap_or_default();
            io::Error::other(format!("{error} {}", said.trim()))
        })?;
        Outcome::parse(&printed)
    }
}
