//! Which keys are there?
//!
//! Five tables, by the types that they fill. Reading the file, refusing what is unknown,
//! suggesting the right name, `--help` and the reference in the README all go by these rows and
//! nothing else. The ranges keep every number within the type of its field.

mod admin;
mod servers;
mod tunnels;

pub(super) use admin::ADMIN;
pub(super) use servers::SERVER;
pub(super) use tunnels::TUNNELS;

use std::ops::RangeInclusive;
use std::time::Duration;

use log::LevelFilter;

use super::rule::Fallback::{Required, Unset, Value};
use super::rule::{Fallback, Key, Rule};
use super::{Access, Algorithm, Frontend, HealthCheck, Log, Question, Section, Sticky};
use crate::limits;

/// The sections of the file, in the order of the reference.
pub(super) const SECTIONS: &[&str] = &["frontend", "http", "websocket", "admin", "log"];

/// The file of a unix socket is the owner's and the group's.
const SOCKET_MODE: &str = "0660";

/// Most timeouts. A timeout cannot be turned off: what waits for ever is never released.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=hours(24);

/// The same where 0 has a meaning of its own.
const TIMEOUT_OR_NONE: RangeInclusive<Duration> = Duration::ZERO..=hours(24);

/// Between probes: more often than every 10 ms is a load of its own.
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=hours(24);

/// Probes in a row.
const STREAK: RangeInclusive<u64> = 1..=1000;

/// Failures in a row.
const FAILS: RangeInclusive<u64> = 0..=1000;

/// Clients at once; a Linux process has no more descriptors unless its system is tuned for it.
const CONNECTIONS: RangeInclusive<u64> = 1..=1 << 20;

/// A request head: room for a request line and a Host field, and at most what the scratch holds
/// after the fields that the gateway adds.
const HEAD_BYTES: RangeInclusive<u64> = 256..=limits::SCRATCH as u64 - 1024;

/// Field lines in a request head.
const FIELD_LINES: RangeInclusive<u64> = 1..=limits::FIELD_LINES_MAX as u64;

/// The content of a request.
const CONTENT: RangeInclusive<u64> = 0..=limits::CONTENT_LENGTH_MAX;

/// A port to listen at; 0 lets the system choose.
const PORT: RangeInclusive<u64> = 0..=u16::MAX as u64;

const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 60 * 60)
}

/// Both kinds of sections that have servers.
const BOTH: &[&str] = &["http", "websocket"];

/// `[frontend]`.
pub(super) const FRONTEND: &[Key<Frontend>] = &[
    frontend("host", Rule::Listener(|f, v| f.address = v), Required, "where to listen"),
    frontend(
        "port",
        Rule::Integer(PORT, |f, v| f.address.set_port(v as u16)),
        Unset("required"),
        "where to listen; 0: any free port, printed at start",
    ),
    frontend(
        "socket_mode",
        Rule::Mode(|f, v| f.socket_mode = v),
        Value(SOCKET_MODE),
        "who may connect to a unix socket",
    ),
    frontend(
        "max_connections",
        Rule::Integer(CONNECTIONS, |f, v| f.max_connections = Some(v as usize)),
        Unset("from the descriptor limit"),
        "clients at once; beyond it the listener waits",
    ),
    frontend(
        "header_timeout",
        Rule::Duration(TIMEOUT, |f, v| f.header_timeout = v),
        Value("10s"),
        "from the first byte of a request to the end of its head (408)",
    ),
    frontend(
        "body_timeout",
        Rule::Duration(TIMEOUT, |f, v| f.body_timeout = v),
        Value("30s"),
        "between two reads of a request's content (408)",
    ),
    frontend(
        "idle_timeout",
        Rule::Duration(TIMEOUT, |f, v| f.idle_timeout = v),
        Value("75s"),
        "between two requests of one connection, then it is closed",
    ),
    frontend(
        "write_timeout",
        Rule::Duration(TIMEOUT, |f, v| f.write_timeout = v),
        Value("30s"),
        "how long a client may take nothing of its response",
    ),
    frontend(
        "max_header_bytes",
        Rule::Integer(HEAD_BYTES, |f, v| f.max_header_bytes = v as usize),
        Value("16384"),
        "the largest request head (431; 414 for its first line alone)",
    ),
    frontend(
        "max_headers",
        Rule::Integer(FIELD_LINES, |f, v| f.max_headers = v as usize),
        Value("100"),
        "the most field lines in a request head (431)",
    ),
    frontend(
        "max_body_bytes",
        Rule::Integer(CONTENT, |f, v| f.max_body_bytes = v),
        Value("0"),
        "the largest request content (413); 0: no limit",
    ),
    frontend(
        "trusted_proxies",
        Rule::Networks(|f, v| f.trusted_proxies = v),
        Unset("none"),
        "clients whose X-Forwarded fields are believed",
    ),
    frontend(
        "proxy_protocol",
        Rule::Word(&[
            ("true", |f| f.proxy_protocol = true),
            ("false", |f| f.proxy_protocol = false),
        ]),
        Value("false"),
        "whether every connection begins with a PROXY header",
    ),
    frontend(
        "shutdown_timeout",
        Rule::Duration(TIMEOUT_OR_NONE, |f, v| f.shutdown_timeout = v),
        Value("8s"),
        "from SIGTERM to the end, whatever is still under way",
    ),
    frontend(
        "drain_delay",
        Rule::Duration(TIMEOUT_OR_NONE, |f, v| f.drain_delay = v),
        Value("0"),
        "from SIGTERM to the closing of the listeners",
    ),
];

/// `[http]` and `[websocket]`, but for their servers.
pub(super) const SECTION: &[Key<Section>] = &[
    section(
        "algorithm",
        Rule::Word(&[
            ("random", |s| s.algorithm = Algorithm::Random),
            ("round-robin", |s| s.algorithm = Algorithm::RoundRobin),
            ("least-connections", |s| s.algorithm = Algorithm::LeastConnections),
        ]),
        Value("random"),
        "how a server is chosen among the healthy",
    ),
    section(
        "sticky",
        Rule::Word(&[
            ("off", |s| s.sticky = Sticky::Off),
            ("cookie", |s| s.sticky = Sticky::Cookie),
            ("ip", |s| s.sticky = Sticky::Ip),
        ]),
        Value("off"),
        "what leads a client to the server that it had before",
    ),
    // First of its kind: once this row has turned the probes off, the next rows only check values.
    section(
        "enable_health_check",
        Rule::Word(&[("true", |_| ()), ("false", |s| s.health = None)]),
        Value("true"),
        "whether servers are probed: true or false",
    ),
    section(
        "health_check_interval",
        Rule::Duration(INTERVAL, |s, v| probe(s, |health| health.interval = v)),
        Value("10s"),
        "between two probes of one server",
    ),
    section(
        "health_check_timeout",
        Rule::Duration(TIMEOUT, |s, v| probe(s, |health| health.timeout = v)),
        Value("2s"),
        "the most that a probe may take",
    ),
    section(
        "health_check_path",
        Rule::Path(|s, v| probe(s, |health| health.path = v)),
        Value("/healthCheck"),
        "what a probe asks for",
    ),
    Key {
        sections: &["websocket"],
        name: "health_check_type",
        rule: Rule::Word(&[
            ("http", |s| probe(s, |health| health.question = Question::Http)),
            ("websocket", |s| probe(s, |health| health.question = Question::WebSocket)),
        ]),
        fallback: Value("http"),
        about: "whether a probe asks for JSON or opens, pings and closes a WebSocket",
    },
    section(
        "health_check_rise",
        Rule::Integer(STREAK, |s, v| probe(s, |health| health.rise = v as u32)),
        Value("1"),
        "good probes in a row that make a server healthy",
    ),
    section(
        "health_check_fall",
        Rule::Integer(STREAK, |s, v| probe(s, |health| health.fall = v as u32)),
        Value("1"),
        "bad probes in a row that make a server unhealthy",
    ),
    section(
        "max_fails",
        Rule::Integer(FAILS, |s, v| s.max_fails = v as u32),
        Value("3"),
        "failures of traffic in a row that make a server sit out; 0: none do",
    ),
    section(
        "fail_timeout",
        Rule::Duration(TIMEOUT, |s, v| s.fail_timeout = v),
        Value("10s"),
        "how long it sits out, unless a good probe ends that",
    ),
    section(
        "slow_start",
        Rule::Duration(TIMEOUT_OR_NONE, |s, v| s.slow_start = v),
        Value("0"),
        "how long a server that came back takes to its whole weight; 0: no time",
    ),
    section(
        "connect_timeout",
        Rule::Duration(TIMEOUT, |s, v| s.connect_timeout = v),
        Value("3s"),
        "the most that connecting to a server may take",
    ),
    section(
        "response_timeout",
        Rule::Duration(TIMEOUT, |s, v| s.response_timeout = v),
        Value("1m"),
        "to the first byte of a response, and between its reads (504)",
    ),
];

/// `[log]`.
pub(super) const LOG: &[Key<Log>] = &[
    Key {
        sections: &["log"],
        name: "level",
        rule: Rule::Word(&[
            ("off", |l| l.level = LevelFilter::Off),
            ("error", |l| l.level = LevelFilter::Error),
            ("warn", |l| l.level = LevelFilter::Warn),
            ("info", |l| l.level = LevelFilter::Info),
            ("debug", |l| l.level = LevelFilter::Debug),
            ("trace", |l| l.level = LevelFilter::Trace),
        ]),
        fallback: Value("info"),
        about: "the program's log, on stderr: off, error, warn, info, debug or trace",
    },
    Key {
        sections: &["log"],
        name: "access",
        rule: Rule::Word(&[
            ("off", |l| l.access = Access::Off),
            ("common", |l| l.access = Access::Common),
            ("json", |l| l.access = Access::Json),
        ]),
        fallback: Value("off"),
        about: "the access log, on stdout: off, common or json",
    },
];

/// The name of every key, with the sections that it belongs in.
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let frontend = FRONTEND.iter().map(|key| (key.name, key.sections));
    let section = SECTION.iter().map(|key| (key.name, key.sections));
    let tunnels = TUNNELS.iter().map(|key| (key.name, key.sections));
    let server = SERVER.iter().map(|key| (key.name, key.sections));
    let admin = ADMIN.iter().map(|key| (key.name, key.sections));
    let log = LOG.iter().map(|key| (key.name, key.sections));
    frontend.chain(section).chain(tunnels).chain(server).chain(admin).chain(log)
}

const fn frontend(
    name: &'static str,
    rule: Rule<Frontend>,
    fallback: Fallback,
    about: &'static str,
) -> Key<Frontend> {
    Key { sections: &["frontend"], name, rule, fallback, about }
}

const fn section(
    name: &'static str,
    rule: Rule<Section>,
    fallback: Fallback,
    about: &'static str,
) -> Key<Section> {
    Key { sections: BOTH, name, rule, fallback, about }
}

fn probe(section: &mut Section, set: impl FnOnce(&mut HealthCheck)) {
    if let Some(health) = &mut section.health {
        set(health);
    }
}
