//! The keys of `[websocket]` that are about tunnels.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{TIMEOUT, hours};
use crate::config::Section;
use crate::config::rule::Fallback::{self, Value};
use crate::config::rule::{Key, Rule};

/// How long a tunnel may be quiet: up to thirty days.
const QUIET: RangeInclusive<Duration> = Duration::from_millis(1)..=hours(30 * 24);

/// The same where 0 has a meaning of its own.
const QUIET_OR_NONE: RangeInclusive<Duration> = Duration::ZERO..=hours(30 * 24);

/// Over how long many tunnels are ended: up to a day.
const SPREAD: RangeInclusive<Duration> = Duration::ZERO..=hours(24);

/// Tunnels at once.
const TUNNELS_AT_ONCE: RangeInclusive<u64> = 0..=1 << 20;

/// Tunnels a second.
const PACE: RangeInclusive<u64> = 0..=1_000_000;

/// Tunnels at a stroke.
const BURST: RangeInclusive<u64> = 1..=1_000_000;

/// `[websocket]`, beside what it has in common with `[http]`.
pub(in crate::config) const TUNNELS: &[Key<Section>] = &[
    tunnel(
        "idle_timeout",
        Rule::Duration(QUIET, |s, v| s.tunnels.idle_timeout = v),
        Value("1h"),
        "how long a tunnel may be quiet both ways (Close 1000)",
    ),
    tunnel(
        "close_timeout",
        Rule::Duration(TIMEOUT, |s, v| s.tunnels.close_timeout = v),
        Value("1s"),
        "how long the answer to a Close is awaited",
    ),
    tunnel(
        "ping_interval",
        Rule::Duration(QUIET_OR_NONE, |s, v| s.tunnels.ping_interval = v),
        Value("0"),
        "both ends of a tunnel that was quiet so long get a Ping; 0: none",
    ),
    tunnel(
        "max_age",
        Rule::Duration(QUIET_OR_NONE, |s, v| s.tunnels.max_age = v),
        Value("0"),
        "a tunnel is closed (1012) at this age or a little earlier; 0: never",
    ),
    tunnel(
        "max_tunnels",
        Rule::Integer(TUNNELS_AT_ONCE, |s, v| s.tunnels.max = v as usize),
        Value("0"),
        "tunnels at once (503); 0: no limit",
    ),
    tunnel(
        "max_tunnels_per_client",
        Rule::Integer(TUNNELS_AT_ONCE, |s, v| s.tunnels.max_per_client = v as usize),
        Value("0"),
        "tunnels at once from one address (503); 0: no limit",
    ),
    tunnel(
        "tunnel_rate",
        Rule::Integer(PACE, |s, v| s.tunnels.rate = v as u32),
        Value("0"),
        "new tunnels a second (503); 0: no limit",
    ),
    tunnel(
        "tunnel_burst",
        Rule::Integer(BURST, |s, v| s.tunnels.burst = v as u32),
        Value("100"),
        "new tunnels at a stroke, after a quiet time, where there is a rate",
    ),
    tunnel(
        "drain_close_code",
        Rule::Word(&[
            ("1001", |s| s.tunnels.drain_close_code = 1001),
            ("1012", |s| s.tunnels.drain_close_code = 1012),
        ]),
        Value("1001"),
        "what tunnels are told when the gateway stops: 1001 or 1012",
    ),
    tunnel(
        "drain_time",
        Rule::Duration(SPREAD, |s, v| s.tunnels.drain_time = v),
        Value("30s"),
        "over how long the tunnels of a server taken out are closed (1012)",
    ),
    tunnel(
        "rebalance_rate",
        Rule::Integer(PACE, |s, v| s.tunnels.rebalance_rate = v as u32),
        Value("0"),
        "tunnels closed (1012) a second to fill a server that has come; 0: none",
    ),
];

const fn tunnel(
    name: &'static str,
    rule: Rule<Section>,
    fallback: Fallback,
    about: &'static str,
) -> Key<Section> {
    Key { sections: &["websocket"], name, rule, fallback, about }
}
