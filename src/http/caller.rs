//! Whom does a proxy speak for?
//!
//! Every proxy appends to X-Forwarded-For who called it. The list is therefore read from its end,
//! and believed for as long as those who wrote it are: what a client made up stands further ahead
//! than the address that the first believed proxy saw.

use crate::peer::Peer;
use httparse::Header;
use std::net::{IpAddr, SocketAddr};

/// The last one in the chain of callers who is not `trusted`, as nginx's recursive search for the
/// real address finds it; the farthest one that is named if all are trusted. An element that is no
/// address ends the search.
pub fn behind(peer: Peer, fields: &[Header<'_>], trusted: impl Fn(Peer) -> bool) -> Peer {
    let lines = fields.iter().rev().filter(|f| f.name.eq_ignore_ascii_case("X-Forwarded-For"));
    let elements = lines.flat_map(|line| line.value.rsplit(|byte| *byte == b','));
    let named = elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty());
    let mut caller = peer;
    for element in named {
        if !trusted(caller) {
            break;
        }
        let Some(ip) = address(element) else { break };
        caller = Peer::Ip(ip.to_canonical());
    }
    caller
}

/// An address, which some proxies write with brackets or a port.
fn address(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_believed_as_far_as_its_writers_are() {
        let inner = |peer: Peer| {
            peer == Peer::Unix || peer.ip().is_some_and(|ip| ip.to_string().starts_with("10."))
        };
        let cases: [(&str, &[&str], &str); 16] = [
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &[" , ,"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("192.0.2.1", &["192.0.2.7"], "192.0.2.1"),
            ("10.0.0.1", &["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["6.6.6.6,192.0.2.7 ,10.0.0.2,"], "192.0.2.7"),
            ("10.0.0.1", &["6.6.6.6", "192.0.2.7", "10.0.0.2"], "192.0.2.7"),
            ("10.0.0.1", &["192.0.2.7, 10.0.0.2", "10.0.0.3"], "192.0.2.7"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["192.0.2.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7, \u{ff}, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["192.0.2.7:5000"], "192.0.2.7"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]:5000, [::ffff:10.0.0.2]"], "2001:db8::1"),
            ("unix:", &["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
        ];
        for (peer, lines, expected) in cases {
            let peer = peer.parse().map_or(Peer::Unix, Peer::Ip);
            let field =
                |line: &&'static str| Header { name: "x-forwarded-For", value: line.as_bytes() };
            let mut fields: Vec<_> = lines.iter().map(field).collect();
            fields.insert(0, Header { name: "X-Forwarded-Host", value: b"203.0.113.9" });
            assert_eq!(behind(peer, &fields, inner).to_string(), expected, "{lines:?}");
        }
    }
}
