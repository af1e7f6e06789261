//! Who calls?

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A client, as far as its connection tells.
///
/// What goes by the address of a client does not apply to one that has none: it is not added to
/// `X-Forwarded-For`, `sticky = ip` leads it nowhere, and `max_tunnels_per_client` does not count
/// it. Who may come in by a unix socket is up to the permissions of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// It came from this address, which is never an IPv4-mapped one (RFC 4291 2.5.5.2).
    Ip(IpAddr),
    /// It came in by a unix socket, where clients have no address.
    Unix,
}

impl Peer {
    /// Who calls from `address`; from none, by a unix socket.
    pub fn new(address: Option<SocketAddr>) -> Self {
        address.map_or(Self::Unix, |address| Self::Ip(address.ip().to_canonical()))
    }

    /// Its address, if it has one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(ip),
            Self::Unix => None,
        }
    }
}

impl fmt::Display for Peer {
    /// The address, or `unix:`, as the access log has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Unix => f.pad("unix:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_its_address_or_the_socket_that_it_came_by() {
        for (address, shown) in [
            (Some("192.0.2.7:80"), "192.0.2.7"),
            (Some("[::ffff:192.0.2.7]:80"), "192.0.2.7"),
            (Some("[2001:db8::1]:80"), "2001:db8::1"),
            (None, "unix:"),
        ] {
            let peer = Peer::new(address.map(|address| address.parse().unwrap()));
            assert_eq!(peer.to_string(), shown);
            assert_eq!(peer.ip().map(|ip| ip.to_string()).unwrap_or_else(|| "unix:".into()), shown);
        }
    }
}
