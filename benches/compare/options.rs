//! What was asked for on the command line?

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::{footprint, peer, work};

pub(crate) const HELP: &str = "\
cargo bench --bench compare -- [OPTIONS]

  --quick            3 rounds of 1 s without warming up: to see that all works
  --rounds N         rounds of each work (default 5)
  --seconds N        length of one peer's slice in a round (default 2)
  --only A,B         only the work whose names begin so; see --list
  --peers A,B        only these peers; see --list
  --rate N           requests per second of the paced work (default 5000)
  --tidegate PATH    another program than the one that cargo has built
  --other PATH       the program of the peer `other`: Tidegate before a change, say
  --svg FILE         also draw a plot
  --list             names of work and peers
";

/// The options, checked.
pub(crate) struct Options {
    pub(crate) is_quick: bool,
    pub(crate) rounds: usize,
    /// Seconds of a slice.
    pub(crate) seconds: u64,
    pub(crate) rate: u32,
    /// Beginnings of names of work; none: all.
    only: Vec<String>,
    pub(crate) peers: Vec<&'static str>,
    pub(crate) tidegate: PathBuf,
    pub(crate) other: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
}

/// What the command line asks for.
pub(crate) enum Request {
    Compare(Options),
    /// Print this, do nothing.
    Say(String),
}

impl Options {
    /// Whether work of this name is to be done.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|beginning| name.starts_with(beginning))
    }
}

/// Reads the command line.
///
/// # Errors
/// An unknown option or value.
pub(crate) fn read() -> Result<Request, lexopt::Error> {
    let mut options = Options {
        is_quick: false,
        rounds: 5,
        seconds: 2,
        rate: 5000,
        only: Vec::new(),
        peers: peer::NAMES[..peer::USUAL].to_vec(),
        tidegate: PathBuf::from(env!("CARGO_BIN_EXE_tidegate")),
        other: None,
        svg: None,
    };
    let mut is_bench = false;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bench") => is_bench = true,
            Long("quick") => {
                options.is_quick = true;
                (options.rounds, options.seconds) = (3, 1);
            }
            Long("rounds") => options.rounds = parser.value()?.parse::<usize>()?.clamp(1, 100),
            Long("seconds") => options.seconds = parser.value()?.parse::<u64>()?.clamp(1, 60),
            Long("rate") => options.rate = parser.value()?.parse::<u32>()?.clamp(1, 1_000_000),
            Long("only") => {
                options.only = parser.value()?.string()?.split(',').map(str::to_owned).collect();
            }
            Long("peers") => {
                let text = parser.value()?.string()?;
                options.peers = text.split(',').map(known_peer).collect::<Result<_, _>>()?;
            }
            Long("tidegate") => options.tidegate = parser.value()?.into(),
            Long("other") => options.other = Some(parser.value()?.into()),
            Long("svg") => options.svg = Some(parser.value()?.into()),
            Long("list") => return Ok(Request::Say(list())),
            Long("help") => return Ok(Request::Say(HELP.to_owned())),
            Short(_) | Long(_) | Value(_) => return Err(argument.unexpected()),
        }
    }
    if !is_bench {
        // `cargo test --all-targets` starts benches too, without `--bench`.
        return Ok(Request::Say(format!("nothing was measured; use:\n{HELP}")));
    }
    let names = work::ALL.iter().map(|work| work.name).chain(footprint::NAMES);
    if !names.clone().any(|name| options.includes(name)) {
        return Err("--only names no work; see --list".into());
    }
    Ok(Request::Compare(options))
}

fn known_peer(name: &str) -> Result<&'static str, lexopt::Error> {
    let known = peer::NAMES.into_iter().find(|known| *known == name);
    known.ok_or_else(|| format!("no peer is called {name}; see --list").into())
}

fn list() -> String {
    let mut text = String::from("work:\n");
    for work in &work::ALL {
        text.push_str(&format!("  {:<14}{}\n", work.name, work.title));
    }
    text.push_str(&format!("  {}\n", footprint::NAMES.join(", ")));
    text.push_str(&format!("peers:\n  {}\n", peer::NAMES.join(", ")));
    text
}
