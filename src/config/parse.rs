//! What does the whole file say?
//!
//! First every section and key must be known. Then each type is filled from its table of keys: the
//! rows are gone through in order, and each takes its text from the file or from its default. Last
//! come the few rules that look at more than one key.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keys::{self, ADMIN, FRONTEND, LOG, SECTION, SERVER, TUNNELS};
use super::lines::{self, Block, Entry};
use super::nearest::nearest;
use super::rule::{Fallback, Key, Rule};
use super::value::Reason;
use super::{
    Access, Address, Admin, Algorithm, Config, Error, Frontend, HealthCheck, Log, Problem,
};
use super::{Question, Section, ServerConfig, Setting, Sticky, Tunnels, Workers};

/// The most servers of one section; every one of them is probed, and offered each request.
const SERVERS_MAX: usize = 1000;

/// Reads the content of a file.
pub(super) fn config(text: &str) -> Result<Config, Error> {
    let blocks = lines::read(text)?;
    for block in &blocks {
        known(block)?;
    }
    let mut fill = Fill { settings: Vec::new() };
    let find = |name| blocks.iter().find(|block| block.name == name);
    let Some(frontend) = find("frontend") else {
        return Err(Error::new(Problem::MissingSection("[frontend]")));
    };
    let frontend = fill.frontend(frontend)?;
    let http = find("http").map(|block| fill.section(block)).transpose()?;
    let websocket = find("websocket").map(|block| fill.section(block)).transpose()?;
    if http.is_none() && websocket.is_none() {
        return Err(Error::new(Problem::MissingSection("[http] or [websocket]")));
    }
    let admin = find("admin").map(|block| fill.admin(block, &frontend.address)).transpose()?;
    let no_log = Block::new("log".to_owned(), 0);
    let log = fill.log(find("log").unwrap_or(&no_log))?;
    Ok(Config { frontend, http, websocket, admin, log, settings: fill.settings })
}

/// Is the section known, and every key in it? The keys must be its own, under a plain number.
fn known(block: &Block) -> Result<(), Error> {
    if !keys::SECTIONS.contains(&block.name.as_str()) {
        let (known, nearest) = (keys::SECTIONS, nearest(&block.name, keys::SECTIONS).copied());
        return Err(block.error(Problem::UnknownSection { nearest, known }));
    }
    for entry in &block.entries {
        key_is_known(block, &entry.key).map_err(|problem| block.error_at(entry, problem))?;
    }
    Ok(())
}

fn key_is_known(block: &Block, key: &str) -> Result<(), Problem> {
    let section = block.name.as_str();
    let number = server_key(key).map(|(digits, _)| digits);
    let sections: Vec<&str> = keys::names()
        .filter(|(name, _)| is_called(key, name))
        .flat_map(|(_, s)| s)
        .copied()
        .collect();
    if sections.is_empty() {
        let here = keys::names().filter(|(_, sections)| sections.contains(&section));
        let names: Vec<String> =
            here.map(|(name, _)| name.replacen('N', number.unwrap_or("N"), 1)).collect();
        let nearest = nearest(key, &names).cloned();
        return Err(Problem::UnknownKey { nearest, known: names });
    }
    if !sections.contains(&section) {
        return Err(Problem::Elsewhere { sections });
    }
    let is_plain =
        |digits: &str| (digits == "0" || !digits.starts_with('0')) && digits.parse::<u64>().is_ok();
    if number.is_some_and(|digits| !is_plain(digits)) {
        return Err(Problem::ServerNumber);
    }
    Ok(())
}

/// Is `key` of the file the key that the tables call `name`?
fn is_called(key: &str, name: &str) -> bool {
    match (server_key(key), name.strip_prefix("serverN")) {
        (Some((_, rest)), Some(suffix)) => rest == suffix,
        (None, None) => key == name,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The number and what follows it, of a key that begins with `server` and a number.
fn server_key(key: &str) -> Option<(&str, &str)> {
    let rest = key.strip_prefix("server")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (end > 0).then(|| rest.split_at(end))
}

/// Fills the types, and notes every value that it used.
struct Fill {
    settings: Vec<Setting>,
}

impl Fill {
    fn frontend(&mut self, block: &Block) -> Result<Frontend, Error> {
        let mut frontend = Frontend {
            address: Address::blank(),
            socket_mode: 0,
            max_connections: None,
            header_timeout: Duration::ZERO,
            body_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
            max_header_bytes: 0,
            max_headers: 0,
            max_body_bytes: 0,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            shutdown_timeout: Duration::ZERO,
            drain_delay: Duration::ZERO,
        };
        self.rows(FRONTEND, &mut frontend, block, None)?;
        self.check_listener(block, &frontend.address)?;
        // The default is no delay, so only one that was given can be too long.
        match block.get("drain_delay") {
            Some(given) if frontend.drain_delay >= frontend.shutdown_timeout => {
                Err(block.error_at(given, Problem::DelayTooLong { found: given.value.clone() }))
            }
            Some(_) | None => Ok(frontend),
        }
    }

    fn section(&mut self, block: &Block) -> Result<Section, Error> {
        let health = HealthCheck {
            question: Question::Http,
            interval: Duration::ZERO,
            timeout: Duration::ZERO,
            path: String::new(),
            rise: 0,
            fall: 0,
        };
        let mut section = Section {
            algorithm: Algorithm::Random,
            health: Some(health),
            connect_timeout: Duration::ZERO,
            response_timeout: Duration::ZERO,
            sticky: Sticky::Off,
            max_fails: 0,
            fail_timeout: Duration::ZERO,
            slow_start: Duration::ZERO,
            tunnels: Tunnels {
                idle_timeout: Duration::ZERO,
                close_timeout: Duration::ZERO,
                ping_interval: Duration::ZERO,
                max_age: Duration::ZERO,
                max: 0,
                max_per_client: 0,
                rate: 0,
                burst: 0,
                drain_close_code: 0,
                drain_time: Duration::ZERO,
                rebalance_rate: 0,
            },
            servers: Vec::new(),
        };
        self.rows(SECTION, &mut section, block, None)?;
        self.rows(TUNNELS, &mut section, block, None)?;
        let keys = block.entries.iter().filter_map(|entry| server_key(&entry.key));
        let numbers: BTreeSet<u64> = keys.filter_map(|(digits, _)| digits.parse().ok()).collect();
        if numbers.is_empty() {
            return Err(block.error(Problem::NoServers));
        }
        if numbers.len() > SERVERS_MAX {
            return Err(block.error(Problem::TooManyServers { most: SERVERS_MAX }));
        }
        for number in numbers {
            section.servers.push(self.server(block, number)?);
        }
        if section.servers.iter().all(|server| server.backup) {
            let first = section.servers.first().map_or(0, |server| server.number);
            let given = block.get(&format!("server{first}_backup"));
            return Err(match given {
                Some(given) => block.error_at(given, Problem::OnlySpares),
                None => block.error(Problem::OnlySpares),
            });
        }
        Ok(section)
    }

    fn server(&mut self, block: &Block, number: u64) -> Result<ServerConfig, Error> {
        has_one_address(block, number)?;
        let mut server = ServerConfig {
            number,
            address: Address::blank(),
            each_address: false,
            send_proxy: None,
            weight: 0,
            backup: false,
            workers: Workers {
                max: 0,
                min: 0,
                timeout: Duration::ZERO,
                buffer_size: 0,
                spawn_timeout: Duration::ZERO,
            },
        };
        self.rows(SERVER, &mut server, block, Some(number))?;
        let Workers { min, max, .. } = server.workers;
        // Only a minimum that was given can be above: the default is the least maximum.
        match block.get(&format!("server{number}_min_workers")) {
            Some(given) if min > max => {
                let max_key = format!("server{number}_max_workers");
                Err(block.error_at(given, Problem::MinAboveMax { min, max_key, max }))
            }
            Some(_) | None => Ok(server),
        }
    }

    /// Whoever reaches the admin listener can take servers out. Beyond loopback that needs a word.
    fn admin(&mut self, block: &Block, front: &Address) -> Result<Admin, Error> {
        let mut admin = Admin { address: Address::blank(), socket_mode: 0, token: None };
        self.rows(ADMIN, &mut admin, block, None)?;
        self.check_listener(block, &admin.address)?;
        if admin.address == *front && !front.is_any_port() {
            let key = Some("host".to_owned());
            let error = block.error(Problem::Taken { address: front.to_string() });
            return Err(match block.get("host") {
                Some(entry) => Error { line: Some(entry.line), key, ..error },
                None => Error { key, ..error },
            });
        }
        if let (None, false, Some(host)) = (&admin.token, admin.is_loopback(), admin.address.host())
        {
            let error = block.error(Problem::NoToken { host: host.to_owned() });
            return Err(Error { key: Some("token".to_owned()), ..error });
        }
        Ok(admin)
    }

    /// A port belongs to a host, a mode to a unix socket. What has no meaning here is refused when
    /// it was given, and otherwise not mentioned.
    fn check_listener(&mut self, block: &Block, address: &Address) -> Result<(), Error> {
        let meaningless = match address {
            Address::Tcp { .. } => "socket_mode",
            Address::Unix(_) => "port",
        };
        if let Some(given) = block.get(meaningless) {
            let host = address.host().map_or_else(|| address.to_string(), str::to_owned);
            return Err(block.error_at(given, Problem::Meaningless { host }));
        }
        self.settings.retain(|had| had.section != block.name || had.key != meaningless);
        if address.host().is_some() && block.get("port").is_none() {
            let port = FRONTEND.iter().find(|row| row.name == "port");
            let allowed = port.map_or_else(String::new, |row| row.rule.allowed());
            let error = block.error(Problem::MissingKey { allowed });
            return Err(Error { key: Some("port".to_owned()), ..error });
        }
        Ok(())
    }

    fn log(&mut self, block: &Block) -> Result<Log, Error> {
        let mut log = Log { level: log::LevelFilter::Off, access: Access::Off };
        self.rows(LOG, &mut log, block, None)?;
        Ok(log)
    }

    /// Goes through the rows of a table in order; `number` is the N of their names. A row that
    /// belongs in other sections only gives its default, and is not noted.
    fn rows<T>(
        &mut self,
        table: &[Key<T>],
        target: &mut T,
        block: &Block,
        number: Option<u64>,
    ) -> Result<(), Error> {
        for row in table {
            let key = match number {
                Some(number) => row.name.replacen('N', &number.to_string(), 1),
                None => row.name.to_owned(),
            };
            let (value, line) = match (block.get(&key), row.fallback) {
                (Some(entry), _) => {
                    let value = row.rule.apply(target, &entry.value);
                    let value = value.map_err(|reason| refused(block, entry, reason, row))?;
                    (value, Some(entry.line))
                }
                (None, Fallback::Value(text)) => {
                    let value = row.rule.apply(target, text);
                    debug_assert!(value.is_ok(), "the default of {key}");
                    (value.unwrap_or_default(), None)
                }
                (None, Fallback::Unset(text)) => (text.to_owned(), None),
                (None, Fallback::Either) => continue,
                (None, Fallback::Required) => {
                    let problem = Problem::MissingKey { allowed: row.rule.allowed() };
                    return Err(Error { key: Some(key), ..block.error(problem) });
                }
            };
            let place = row.sections.iter().find(|name| **name == block.name);
            if let Some(section) = place {
                self.settings.push(Setting { section, key, value, line });
            }
        }
        Ok(())
    }
}

fn refused<T>(block: &Block, entry: &Entry, reason: Reason, row: &Key<T>) -> Error {
    let allowed = row.rule.allowed();
    let is_secret = matches!(row.rule, Rule::Secret(_));
    let found = if is_secret { "(hidden)".to_owned() } else { entry.value.clone() };
    block.error_at(entry, Problem::Value { found, reason, allowed })
}

/// Does the file give the server an address, and in one way only?
fn has_one_address(block: &Block, number: u64) -> Result<(), Error> {
    let (short, long) = (format!("server{number}"), format!("server{number}_addr"));
    match (block.get(&short), block.get(&long)) {
        (Some(_), None) | (None, Some(_)) => Ok(()),
        (Some(first), Some(second)) => {
            let problem = Problem::TwoAddresses { other: short, line: first.line };
            Err(block.error_at(second, problem))
        }
        (None, None) => {
            let is_its = |entry: &&Entry| {
                server_key(&entry.key).is_some_and(|(digits, _)| digits.parse() == Ok(number))
            };
            let keys = match block.name.as_str() {
                "http" => format!("{short} or {long}"),
                _ => short,
            };
            let error = block.error(Problem::NoAddress { number, keys });
            Err(match block.entries.iter().find(is_its) {
                Some(entry) => {
                    Error { line: Some(entry.line), key: Some(entry.key.clone()), ..error }
                }
                None => error,
            })
        }
    }
}
