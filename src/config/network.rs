//! Is this address one of those?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::value::{self, Reason};
use crate::peer::Peer;

/// The most entries of one list; every request from a new client goes through all of them.
const LIST_MAX: usize = 256;

/// What `private` stands for: private use (RFC 1918, RFC 4193), loopback and link-local.
const PRIVATE: [Block; 8] = [
    Block::v4([10, 0, 0, 0], 8),
    Block::v4([172, 16, 0, 0], 12),
    Block::v4([192, 168, 0, 0], 16),
    Block::v4([127, 0, 0, 0], 8),
    Block::v4([169, 254, 0, 0], 16),
    Block::v6(0xfc00, 0, 7),
    Block::v6(0, 1, 128),
    Block::v6(0xfe80, 0, 10),
];

/// Those who are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Whose address is in the block.
    Block(Block),
    /// Who comes in by a unix socket.
    Unix,
}

impl Network {
    /// Is it one of them?
    pub fn contains(&self, peer: Peer) -> bool {
        match (self, peer) {
            (Self::Block(block), Peer::Ip(ip)) => block.contains(ip),
            (Self::Unix, Peer::Unix) => true,
            (Self::Block(_), Peer::Unix) | (Self::Unix, Peer::Ip(_)) => false,
        }
    }
}

/// A block of addresses (RFC 4632): an address is a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first address of the block, never an IPv4-mapped IPv6 address.
    first: IpAddr,
    /// How many leading bits all addresses of the block share.
    prefix: u32,
}

impl Block {
    const fn v4([a, b, c, d]: [u8; 4], prefix: u32) -> Self {
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    const fn v6(first: u16, last: u16, prefix: u32) -> Self {
        Self { first: IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last)), prefix }
    }

    /// Is `ip` in the block? An IPv4-mapped IPv6 address counts as the IPv4 address that it maps
    /// (RFC 4291 2.5.5.2), because that is how a listener for both reports an IPv4 client.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.first, ip.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                (u32::from(first) ^ u32::from(ip)).leading_zeros() >= self.prefix
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                (u128::from(first) ^ u128::from(ip)).leading_zeros() >= self.prefix
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// An address, or `address/prefix` where all bits after the prefix are zero: other bits are
    /// more often a slip than a wish.
    fn parse(text: &str) -> Result<Self, Reason> {
        let (address, digits) = match text.split_once('/') {
            Some((address, digits)) => (address, Some(digits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| "not a list of addresses")?;
        let (width, bits) = match first {
            IpAddr::V4(first) => (32, u128::from(u32::from(first)) << 96),
            IpAddr::V6(first) => (128, u128::from(first)),
        };
        let prefix = match digits {
            Some(digits) => value::integer(digits, &(0..=width))
                .map_err(|_| "without a prefix length that fits the address")?,
            None => width,
        };
        let prefix = prefix as u32; // at most 128
        if bits.checked_shl(prefix).unwrap_or(0) != 0 {
            return Err("not the first address of its block");
        }
        match first.to_canonical() {
            mapped @ IpAddr::V4(_) if first.is_ipv6() && prefix >= 96 => {
                Ok(Self { first: mapped, prefix: prefix - 96 })
            }
            IpAddr::V4(_) | IpAddr::V6(_) => Ok(Self { first, prefix }),
        }
    }
}

/// A list with commas between its entries: addresses, blocks and the words `private` and `unix`.
pub(super) fn list(text: &str) -> Result<Vec<Network>, Reason> {
    let mut networks = Vec::new();
    for entry in text.split(',').map(str::trim) {
        match entry {
            "private" => networks.extend(PRIVATE.map(Network::Block)),
            "unix" => networks.push(Network::Unix),
            entry => networks.push(Network::Block(Block::parse(entry)?)),
        }
        if networks.len() > LIST_MAX {
            return Err("too long a list (256 blocks)");
        }
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(list_text: &str, ip: &str) -> bool {
        let peer = match ip {
            "unix:" => Peer::Unix,
            ip => Peer::Ip(ip.parse().expect("a test address")),
        };
        list(list_text).expect(list_text).iter().any(|network| network.contains(peer))
    }

    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        let rows = [
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8, unix", "unix:", "11.0.0.0"),
            ("unix", "unix:", "127.0.0.1"),
            ("0.0.0.0/0, ::/0, private", "127.0.0.1", "unix:"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
            ("10.0.0.0/8", "10.0.0.0", "a00::"),
            ("10.0.0.0/31", "10.0.0.1", "10.0.0.2"),
            ("0.0.0.0/0", "255.1.1.1", "::1"),
            ("::/0", "ffff::", "1.1.1.1"),
            ("::ffff:0:0/96", "1.1.1.1", "::1"),
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("1.1.1.1, 2.2.2.0/24", "2.2.2.9", "1.1.1.2"),
        ];
        for (text, inside, outside) in rows {
            assert!(is_in(text, inside), "{inside} in {text}");
            assert!(!is_in(text, outside), "{outside} in {text}");
        }
    }

    #[test]
    fn private_is_every_address_that_no_stranger_has() {
        let inside = [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:192.168.0.1",
        ];
        for ip in inside {
            assert!(is_in("private", ip), "{ip}");
        }
        for ip in ["172.32.0.1", "192.169.0.1", "8.8.8.8", "::2", "fe00::1", "::ffff:8.8.8.8"] {
            assert!(!is_in("private", ip), "{ip}");
        }
    }

    #[test]
    fn what_is_no_list_says_why() {
        let rows = [
            ("", "not a list of addresses"),
            ("10.0.0.1,", "not a list of addresses"),
            ("10.0.0.1 10.0.0.2", "not a list of addresses"),
            ("localhost", "not a list of addresses"),
            ("Private", "not a list of addresses"),
            ("10.0.0.0/", "without a prefix length that fits the address"),
            ("10.0.0.0/33", "without a prefix length that fits the address"),
            ("10.0.0.0/+8", "without a prefix length that fits the address"),
            ("::/129", "without a prefix length that fits the address"),
            ("10.0.0.1/8", "not the first address of its block"),
            ("::1/127", "not the first address of its block"),
            ("0.0.0.1/0", "not the first address of its block"),
        ];
        for (text, reason) in rows {
            assert_eq!(list(text), Err(reason), "{text}");
        }
        assert!(list(&vec!["1.1.1.1"; LIST_MAX + 1].join(",")).is_err());
    }
}
