//! What does the program do? Arguments, logging, configuration, run.
//!
//! Exit codes: 0 done, 1 failed while running, 2 configuration or usage.

use log::LevelFilter;
use std::path::Path;
use std::process::ExitCode;
use tidegate::cli::{self, Command};
use tidegate::config::{Config, explain};
use tidegate::demo;
use tidegate::explain::explain_request;
use tidegate::gateway::run;
use tidegate::healthcheck;
use tidegate::net::{self, SocketAddress};

/// The gateway failed while it ran.
const FAILED: u8 = 1;
/// The arguments or the configuration are wrong.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Err(error) => complain(MISUSED, &error),
        Ok(Command::Help) => say(&cli::help()),
        Ok(Command::Version) => say(&format!("{}\n", cli::version())),
        Ok(Command::Check(path)) => {
            with_config(&path, |_| say(&format!("{}: right\n", path.display())))
        }
        Ok(Command::Explain(path, None)) => {
            with_config(&path, |config| say(&explain(&config, descriptors())))
        }
        Ok(Command::Explain(path, Some(request))) => {
            with_config(&path, |config| say(&explain_request(&config, &request)))
        }
        Ok(Command::Healthcheck(path)) => {
            with_config(&path, |config| match healthcheck::ask(&config) {
                Ok(()) => say("alive\n"),
                Err(error) => complain(FAILED, &error),
            })
        }
        Ok(Command::Run(path)) => {
            with_config(&path, |config| serve(config, Some(&path), |_, _| ()))
        }
        Ok(Command::Demo { port }) => run_demo(port),
    }
}

fn with_config(path: &Path, then: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match Config::load(path) {
        Ok(config) => then(config),
        Err(error) => complain(MISUSED, &error),
    }
}

/// How many descriptors the process may have.
fn descriptors() -> Option<u64> {
    u64::try_from(net::raise_descriptor_limit()).ok()
}

fn serve(
    config: Config,
    source: Option<&Path>,
    started: impl FnOnce(&SocketAddress, Option<&SocketAddress>),
) -> ExitCode {
    start_log(config.log.level);
    match run::run(config, source, started) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(FAILED, &error),
    }
}

fn run_demo(port: u16) -> ExitCode {
    let demo = match demo::start() {
        Ok(demo) => demo,
        Err(error) => return complain(FAILED, &error),
    };
    match Config::from_text(&demo.config_text(port)) {
        Ok(config) => serve(config, None, |address, office| {
            print!("{}", demo.banner(address, office.unwrap_or(address)));
        }),
        Err(error) => complain(FAILED, &error),
    }
}

fn start_log(level: LevelFilter) {
    // A second logger is the only way for this to fail, and there is none.
    let logger = simple_logger::SimpleLogger::new().with_level(LevelFilter::Trace);
    let _ = logger.with_utc_timestamps().init();
    // Not the logger's own level but this one can be changed while running.
    log::set_max_level(level);
}

fn say(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

fn complain(code: u8, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("tidegate: {error}");
    ExitCode::from(code)
}
