//! The keys of the servers of `[http]` and `[websocket]`.

use std::ops::RangeInclusive;

use super::{BOTH, TIMEOUT, TIMEOUT_OR_NONE};
use crate::balance::weight::WEIGHT_MAX;
use crate::config::ServerConfig;
use crate::config::rule::Fallback::{self, Either, Value};
use crate::config::rule::{Key, Rule};
use crate::proxy_protocol::Version;

/// Beside another server. 0 is none: whoever is to get no work is drained, or not listed.
const WEIGHT: RangeInclusive<u64> = 1..=WEIGHT_MAX as u64;

/// Connections to one server from one address: there are no more ports.
const WORKERS: RangeInclusive<u64> = 1..=u16::MAX as u64;

/// Of these, the ones kept open.
const WORKERS_OR_NONE: RangeInclusive<u64> = 0..=u16::MAX as u64;

/// Requests in the waiting line of one server.
const LINE: RangeInclusive<u64> = 0..=u16::MAX as u64;

/// The servers of `[http]` and `[websocket]`. Of the two forms of the address a server has one.
pub(in crate::config) const SERVER: &[Key<ServerConfig>] = &[
    Key {
        sections: BOTH,
        name: "serverN",
        rule: Rule::Server(|s, v, each| (s.address, s.each_address) = (v, each)),
        fallback: Either,
        about: "where server N listens; N is any number, the order is numeric",
    },
    server(
        "serverN_send_proxy",
        Rule::Word(&[
            ("off", |s| s.send_proxy = None),
            ("v1", |s| s.send_proxy = Some(Version::V1)),
            ("v2", |s| s.send_proxy = Some(Version::V2)),
        ]),
        Value("off"),
        "the PROXY header that connections to the server begin with",
    ),
    server(
        "serverN_weight",
        Rule::Integer(WEIGHT, |s, v| s.weight = v as u32),
        Value("1"),
        "how much of the work it gets beside the others",
    ),
    server(
        "serverN_backup",
        Rule::Word(&[("false", |s| s.backup = false), ("true", |s| s.backup = true)]),
        Value("false"),
        "whether it is a spare, with work only when all others are down",
    ),
    worker(
        "serverN_addr",
        Rule::Server(|s, v, each| (s.address, s.each_address) = (v, each)),
        Either,
        "the same as serverN",
    ),
    worker(
        "serverN_max_workers",
        Rule::Integer(WORKERS, |s, v| s.workers.max = v as usize),
        Value("3"),
        "most connections to the server",
    ),
    worker(
        "serverN_min_workers",
        Rule::Integer(WORKERS_OR_NONE, |s, v| s.workers.min = v as usize),
        Value("1"),
        "of these, the ones kept open: opened at start, reopened when lost",
    ),
    worker(
        "serverN_worker_timeout",
        Rule::Duration(TIMEOUT, |s, v| s.workers.timeout = v),
        Value("3s"),
        "an idle connection above the minimum is closed after this",
    ),
    worker(
        "serverN_buffer_size",
        Rule::Integer(LINE, |s, v| s.workers.buffer_size = v as usize),
        Value("10"),
        "requests that may wait in line; 0: none waits",
    ),
    worker(
        "serverN_spawn_timeout",
        Rule::Duration(TIMEOUT_OR_NONE, |s, v| s.workers.spawn_timeout = v),
        Value("100ms"),
        "how long a request waits before one is opened for it; 0: not at all",
    ),
];

const fn server(
    name: &'static str,
    rule: Rule<ServerConfig>,
    fallback: Fallback,
    about: &'static str,
) -> Key<ServerConfig> {
    Key { sections: BOTH, name, rule, fallback, about }
}

const fn worker(
    name: &'static str,
    rule: Rule<ServerConfig>,
    fallback: Fallback,
    about: &'static str,
) -> Key<ServerConfig> {
    Key { sections: &["http"], name, rule, fallback, about }
}
