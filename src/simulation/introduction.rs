//! The PROXY headers of simulated connections: those that clients' balancers send, and those that
//! servers want to see. Written here by hand, as the judge shares no code with the gateway.

use crate::net::simulated::FRONT;
use crate::net::simulated::chance::Chance;
use crate::proxy_protocol::Version;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where every simulated client connects from.
pub const FROM: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 40_000);

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Any header, and whom the gateway is to take its client for.
pub fn any(chance: &mut Chance) -> (Vec<u8>, SocketAddr) {
    let (house, port) = (chance.below(250) as u8, chance.below(60_000) as u16);
    let four = SocketAddr::new(Ipv4Addr::new(203, 0, 113, house).into(), port);
    let six = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(house));
    let six = SocketAddr::new(six.into(), port);
    let version = chance.pick(&[Version::V1, Version::V2]);
    match chance.below(5) {
        0 => (unspoken(version), FROM),
        1 => {
            let block = vec![7; chance.pick(&[0, 1, 12, 216, 4080])];
            (binary(chance.pick(&[0x20, 0x21]), 0, &block), FROM)
        }
        2 => {
            let more = vec![4; chance.pick(&[1, 40, 4040])];
            (extended(six, FRONT, &more), six)
        }
        3 => (spoken(version, six, FRONT), six),
        _ => (spoken(version, four, FRONT), four),
    }
}

/// The header of a connection that is nobody's but the sender's.
pub fn unspoken(version: Version) -> Vec<u8> {
    match version {
        Version::V1 => b"PROXY UNKNOWN\r\n".to_vec(),
        Version::V2 => binary(0x20, 0, &[]),
    }
}

/// The header of a connection on behalf of `source`.
pub fn spoken(version: Version, source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    if version == Version::V2 {
        return extended(source, destination, &[]);
    }
    let (from, to) = (source.port(), destination.port());
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => format!("PROXY TCP4 {a} {b} {from} {to}\r\n"),
        (a, b) => format!("PROXY TCP6 {} {} {from} {to}\r\n", wide(a), wide(b)),
    }
    .into_bytes()
}

fn extended(source: SocketAddr, destination: SocketAddr, more: &[u8]) -> Vec<u8> {
    let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            binary(0x21, 0x11, &[&a.octets(), &b.octets(), &ports[..], more].concat())
        }
        (a, b) => {
            let (a, b) = (wide(a).octets(), wide(b).octets());
            binary(0x21, 0x21, &[&a, &b, &ports[..], more].concat())
        }
    }
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = (block.len() as u16).to_be_bytes();
    [SIGNATURE, &[command, family], &length, block].concat()
}

/// Takes the header off the front of what a server has received; `None` while it is not whole.
pub fn take(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let len = match received.first()? {
        b'P' => received.iter().position(|byte| *byte == b'\n')? + 1,
        _ => 16 + usize::from(*received.get(14)?) * 256 + usize::from(*received.get(15)?),
    };
    (received.len() >= len).then(|| received.drain(..len).collect())
}
