//! What would become of a request?
//!
//! Of a request that is given in words, told for a person: the section it belongs to, the servers
//! that may get it, and what holds for it; or the answer that it gets without any server.
//!
//! Nothing is decided here. The words are put together as they would come from a client, and read
//! by what reads a client's: [`RequestHead`], and [`Demand`] with the check of the opening
//! handshake (RFC 6455 4.2.1). So this cannot say one thing while the gateway does another. What
//! only a running gateway knows, such as who is up, it does not say.

use std::fmt::Write;

use crate::balance::algorithm::hash;
use crate::cli::Request;
use crate::config::{Algorithm, Config, Section, ServerConfig, Setting, Sticky};
use crate::gateway::errand::{Demand, head_limits};
use crate::gateway::section::Kind;
use crate::http::answer::Answer;
use crate::http::cookie;
use crate::http::framing::Framing;
use crate::http::head::{Lines, RequestHead};

#[cfg(test)]
mod tests;

/// The keys of `[frontend]` that hold for every request, then those for content.
const OF_CLIENT: [&str; 4] = ["header_timeout", "write_timeout", "max_header_bytes", "max_headers"];
const OF_CONTENT: [&str; 2] = ["body_timeout", "max_body_bytes"];

/// The keys of a section that hold for every request to it.
const OF_SECTION: [&str; 5] =
    ["connect_timeout", "response_timeout", "max_fails", "fail_timeout", "slow_start"];

/// The keys of `[websocket]` that hold for a tunnel.
const OF_TUNNEL: [&str; 9] = [
    "idle_timeout",
    "close_timeout",
    "ping_interval",
    "max_age",
    "max_tunnels",
    "max_tunnels_per_client",
    "tunnel_rate",
    "tunnel_burst",
    "rebalance_rate",
];

/// The request, and what becomes of it: lines for a person. A Host is added where none is given.
pub fn explain_request(config: &Config, request: &Request) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_answer(config, request, &mut text);
    text
}

fn write_answer(config: &Config, request: &Request, out: &mut String) -> std::fmt::Result {
    let bytes = on_the_wire(config, request);
    out.push_str(&shown(&bytes));
    let mut lines = Lines::new();
    let parsed = RequestHead::parse(&bytes, &mut lines, head_limits(&config.frontend));
    let decided = parsed.map_err(Answer::from).and_then(|head| {
        // More of a head that has no end would be waited for.
        let head = head.ok_or(Answer::header_timeout())?;
        let demand = Demand::of(&head, &config.frontend).map_err(Answer::from)?;
        Ok((head, demand.kind))
    });
    let (head, kind) = match decided {
        Ok(decided) => decided,
        Err(answer) => return write_refusal(&answer, "and the connection closes", out),
    };
    let section = match kind {
        Kind::Http => &config.http,
        Kind::WebSocket => &config.websocket,
    };
    let Some(section) = section else {
        return write_refusal(&kind.absence(), "for want of a section", out);
    };
    let what = match kind {
        Kind::Http => "a plain request",
        Kind::WebSocket => "the opening handshake of a WebSocket",
    };
    writeln!(out, "section     [{}]: {what}", kind.as_str())?;
    write_servers(section, kind, out)?;
    write_stickiness(section, &head, out)?;
    match &head.framing {
        Framing::Length(0) => writeln!(out, "content     none")?,
        Framing::Length(length) => writeln!(out, "content     {length} bytes")?,
        Framing::Chunked(_) | Framing::UntilClose => writeln!(out, "content     in chunks")?,
    }
    write_settings(config, kind, head.framing != Framing::NONE, out)
}

/// The head as a client would send it.
fn on_the_wire(config: &Config, request: &Request) -> Vec<u8> {
    let mut bytes = [&request.method[..], &request.target, b"HTTP/1.1\r\n"].join(&b' ');
    let is_host =
        |field: &Vec<u8>| field.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"host:"));
    if !request.fields.iter().any(is_host) {
        bytes.extend_from_slice(
            format!("Host: {}\r\n", config.frontend.address.authority()).as_bytes(),
        );
    }
    for field in &request.fields {
        bytes.extend_from_slice(field);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Bytes for a terminal: a line each, and nothing that would move its cursor.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.trim_end_matches("\r\n").split("\r\n");
    lines
        .map(|line| format!("> {}\n", line.replace(char::is_control, "\u{fffd}")))
        .collect::<String>()
        + "\n"
}

fn write_refusal(answer: &Answer, how: &str, out: &mut String) -> std::fmt::Result {
    let Answer { status, reason, message, .. } = answer;
    writeln!(out, "answer      {status} {reason}: {message}")?;
    writeln!(out, "            no server hears of it, {how}")
}

fn write_servers(section: &Section, kind: Kind, out: &mut String) -> std::fmt::Result {
    let how = match section.algorithm {
        Algorithm::RoundRobin => "round-robin",
        Algorithm::Random => "random",
        Algorithm::LeastConnections => "least-connections",
    };
    writeln!(out, "servers     {how}, among those that are up:")?;
    for backup in [false, true] {
        let servers = || section.servers.iter().filter(|server| server.backup == backup);
        let all: u32 = servers().map(|server| server.weight).sum();
        for server in servers() {
            let ServerConfig { number, address, weight, workers, .. } = server;
            let share = 100.0 * f64::from(*weight) / f64::from(all.max(1));
            let dns = if server.each_address { "dns:" } else { "" };
            let spare = if backup { ", a spare: only when all others are down" } else { "" };
            write!(
                out,
                "            server{number} {dns}{address}, weight {weight}, {share:.0} %{spare}"
            )?;
            match kind {
                Kind::Http => {
                    let (max, line) = (workers.max, workers.buffer_size);
                    writeln!(out, "; at most {max} workers, {line} in line")?;
                }
                Kind::WebSocket => writeln!(out)?,
            }
        }
    }
    Ok(())
}

fn write_stickiness(
    section: &Section,
    head: &RequestHead<'_, '_>,
    out: &mut String,
) -> std::fmt::Result {
    let text = match section.sticky {
        Sticky::Off => "off".to_owned(),
        Sticky::Ip => {
            "ip: as long as it is up, the server that the client's address belongs to".into()
        }
        Sticky::Cookie => {
            let name = cookie::server_name(head.fields);
            let named =
                |server: &&ServerConfig| name == Some(hash(server.address.to_string().as_bytes()));
            match (name, section.servers.iter().find(named)) {
                (None, _) => "cookie: it has none, and is given that of its server".to_owned(),
                // Which addresses a name stands for is not in the file.
                (Some(_), None) if section.servers.iter().any(|server| server.each_address) => {
                    "cookie: the server that it names, if a dns: name has such an address".into()
                }
                (Some(_), None) => {
                    "cookie: its own names no server here, it is given another".into()
                }
                (Some(_), Some(server)) => {
                    format!("cookie: it names server{}, as long as that is up", server.number)
                }
            }
        }
    };
    writeln!(out, "stickiness  {text}")
}

/// The settings that hold for such a request, as they would stand in the file.
fn write_settings(
    config: &Config,
    kind: Kind,
    content: bool,
    out: &mut String,
) -> std::fmt::Result {
    let of_client = OF_CLIENT.iter().chain(content.then_some(&OF_CONTENT).into_iter().flatten());
    let of_tunnel = (kind == Kind::WebSocket).then_some(&OF_TUNNEL).into_iter().flatten();
    let groups: [(&str, Vec<&&str>); 2] = [
        ("frontend", of_client.collect()),
        (kind.as_str(), OF_SECTION.iter().chain(of_tunnel).collect()),
    ];
    for (section, keys) in groups {
        writeln!(out, "\n[{section}]")?;
        let holds = |setting: &&Setting| {
            setting.section == section && keys.iter().any(|key| **key == setting.key)
        };
        for setting in config.settings.iter().filter(holds) {
            writeln!(out, "{setting}")?;
        }
    }
    Ok(())
}
