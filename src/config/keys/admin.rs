//! The keys of `[admin]`.

use super::{PORT, SOCKET_MODE};
use crate::config::Admin;
use crate::config::rule::Fallback::{Unset, Value};
use crate::config::rule::{Fallback, Key, Rule};

/// `[admin]`.
pub(in crate::config) const ADMIN: &[Key<Admin>] = &[
    admin(
        "host",
        Rule::Listener(|a, v| a.address = v),
        Value("127.0.0.1"),
        "where operators come in: status page, metrics, control",
    ),
    admin(
        "port",
        Rule::Integer(PORT, |a, v| a.address.set_port(v as u16)),
        Unset("required"),
        "where operators come in; 0: any free port, printed at start",
    ),
    admin(
        "socket_mode",
        Rule::Mode(|a, v| a.socket_mode = v),
        Value(SOCKET_MODE),
        "who may connect to a unix socket",
    ),
    admin(
        "token",
        Rule::Secret(|a, v| a.token = Some(v)),
        Unset("none"),
        "what they have to show; required unless host is loopback or unix:",
    ),
];

const fn admin(
    name: &'static str,
    rule: Rule<Admin>,
    fallback: Fallback,
    about: &'static str,
) -> Key<Admin> {
    Key { sections: &["admin"], name, rule, fallback, about }
}
