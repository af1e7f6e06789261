//! Who is the client, by the word of the proxy before us? (PROXY protocol, versions 1 and 2)
//!
//! A balancer that does not read HTTP cannot write `X-Forwarded-For`. Instead it begins each
//! connection with a header that names the two ends of the client's connection: one line of text in
//! version 1, sixteen bytes, addresses and extensions in version 2. The header has no length that
//! could be skipped over, so both sides must know that it comes; nothing here guesses.
//!
//! ```text
//!   v1   PROXY TCP4 192.0.2.7 198.51.100.1 40000 443 CR LF        PROXY UNKNOWN ... CR LF
//!   v2   signature(12)  2|command(1)  family|transport(1)  length(2)  addresses  extensions
//! ```
//!
//! Reading is strict: single spaces, decimal ports without signs or leading zeros, nothing between
//! CR and LF. Bytes that can no longer become a header are refused when they come, not when the
//! header should have ended. Extensions are skipped unread.

#[cfg(test)]
mod tests;

use crate::limits;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How version 2 begins: bytes that no request of HTTP/1 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// How version 1 begins.
const WORD: &[u8; 6] = b"PROXY ";
/// The longest header of version 1, with its line end.
const LINE_MAX: usize = 107;
/// Signature, command, family and length of version 2.
const FIXED: usize = 16;

/// Which of the two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// The two ends of a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

/// A header as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whose connection it is. `None`: the proxy's own (a health check, say), or one whose ends
    /// have no addresses of IP. Then the connection is taken as it is.
    pub ends: Option<Ends>,
    /// How many bytes it is long.
    pub len: usize,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They begin like neither version.
    Missing,
    /// The line of version 1 is not as it has to be.
    BadLine,
    /// The line of version 1 has no end, or version 2 announces more than is taken.
    TooLong,
    /// Neither version 2, nor LOCAL nor PROXY.
    BadCommand,
    /// The client's connection is of a kind that HTTP does not come by.
    BadFamily,
    /// Version 2 announces less than its addresses need.
    TooShort,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "no PROXY header",
            Self::BadLine => "a malformed line",
            Self::TooLong => "too long",
            Self::BadCommand => "an unknown version or command",
            Self::BadFamily => "an unknown kind of connection",
            Self::TooShort => "shorter than its addresses",
        })
    }
}

impl Header {
    /// Reads the header that a connection begins with; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no header, whatever may follow.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        if begins(bytes, WORD) {
            parse_line(bytes)
        } else if begins(bytes, SIGNATURE) {
            parse_binary(bytes)
        } else {
            Err(Fault::Missing)
        }
    }
}

/// Whether `bytes` begin with `start`, or may when more of them have come.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    let known = bytes.len().min(start.len());
    bytes[..known] == start[..known]
}

fn parse_line(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let line = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE_MAX { Ok(None) } else { Err(Fault::TooLong) };
    };
    let text = line[..end].strip_suffix(b"\r").ok_or(Fault::BadLine)?;
    let text = std::str::from_utf8(text).map_err(|_| Fault::BadLine)?;
    if text.contains('\r') {
        return Err(Fault::BadLine);
    }
    let mut words = text.split(' ').skip(1);
    let ends = match words.next() {
        Some("TCP4") => Some(line_ends::<Ipv4Addr>(words).ok_or(Fault::BadLine)?),
        Some("TCP6") => Some(line_ends::<Ipv6Addr>(words).ok_or(Fault::BadLine)?),
        // Whatever follows has no meaning.
        Some("UNKNOWN") => None,
        Some(_) | None => return Err(Fault::BadLine),
    };
    Ok(Some(Header { ends, len: end + 1 }))
}

/// Source, destination and their ports, and nothing else.
fn line_ends<'a, A>(mut words: impl Iterator<Item = &'a str>) -> Option<Ends>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let mut address = || words.next()?.parse::<A>().ok().map(Into::into);
    let (source, destination): (IpAddr, IpAddr) = (address()?, address()?);
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    let ends = Ends {
        source: SocketAddr::new(source, from),
        destination: SocketAddr::new(destination, to),
    };
    words.next().is_none().then_some(ends)
}

/// Decimal digits without leading zeros. The standard library alone would take a sign.
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit());
    let plain = plain && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain)
}

fn parse_binary(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let is_local = match bytes.get(12) {
        None => return Ok(None),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(_) => return Err(Fault::BadCommand),
    };
    // A LOCAL header has addresses without meaning, or none.
    let (family, least) = match bytes.get(13) {
        None => return Ok(None),
        Some(_) if is_local => (0, 0),
        Some(family @ 0x00) => (*family, 0),
        Some(family @ 0x11) => (*family, 12),
        Some(family @ 0x21) => (*family, 36),
        // Two sockets of the same machine, named by paths.
        Some(family @ 0x31) => (*family, 216),
        Some(_) => return Err(Fault::BadFamily),
    };
    let Some(length) = bytes.get(14..FIXED) else { return Ok(None) };
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if length < least {
        return Err(Fault::TooShort);
    }
    let len = FIXED + length;
    if len > limits::PROXY_HEADER_MAX {
        return Err(Fault::TooLong);
    }
    let Some(block) = bytes.get(FIXED..len) else { return Ok(None) };
    let ends = match family {
        0x11 => binary_ends::<4>(block),
        0x21 => binary_ends::<16>(block),
        _ => None,
    };
    Ok(Some(Header { ends, len }))
}

/// Source, destination and their ports from the front of a block that holds them.
fn binary_ends<const N: usize>(block: &[u8]) -> Option<Ends>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (from, rest) = rest.split_first_chunk::<2>()?;
    let (to, _) = rest.split_first_chunk::<2>()?;
    Some(Ends {
        source: (IpAddr::from(*source), u16::from_be_bytes(*from)).into(),
        destination: (IpAddr::from(*destination), u16::from_be_bytes(*to)).into(),
    })
}

/// Writes a header behind what `out` holds: for a connection on behalf of the client of these ends,
/// or for one of our own.
pub fn write(version: Version, ends: Option<Ends>, out: &mut Vec<u8>) {
    match version {
        Version::V1 => write_line(ends, out),
        Version::V2 => write_binary(ends, out),
    }
}

/// Both ends as IPv4, where both are.
fn both_v4(source: IpAddr, destination: IpAddr) -> Option<(Ipv4Addr, Ipv4Addr)> {
    match (source.to_canonical(), destination.to_canonical()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Some((source, destination)),
        (IpAddr::V4(_) | IpAddr::V6(_), IpAddr::V4(_) | IpAddr::V6(_)) => None,
    }
}

/// The address as IPv6, mapped if need be (RFC 4291 2.5.5.2).
fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn write_line(ends: Option<Ends>, out: &mut Vec<u8>) {
    let Some(Ends { source, destination }) = ends else {
        return out.extend_from_slice(b"PROXY UNKNOWN\r\n");
    };
    let (from, to) = (source.port(), destination.port());
    let line = match both_v4(source.ip(), destination.ip()) {
        Some((source, destination)) => {
            format!("PROXY TCP4 {source} {destination} {from} {to}\r\n")
        }
        None => {
            let (source, destination) = (as_v6(source.ip()), as_v6(destination.ip()));
            format!("PROXY TCP6 {source} {destination} {from} {to}\r\n")
        }
    };
    out.extend_from_slice(line.as_bytes());
}

fn write_binary(ends: Option<Ends>, out: &mut Vec<u8>) {
    out.extend_from_slice(SIGNATURE);
    let Some(Ends { source, destination }) = ends else {
        return out.extend_from_slice(&[0x20, 0x00, 0, 0]);
    };
    match both_v4(source.ip(), destination.ip()) {
        Some((source, destination)) => {
            out.extend_from_slice(&[0x21, 0x11, 0, 12]);
            out.extend_from_slice(&source.octets());
            out.extend_from_slice(&destination.octets());
        }
        None => {
            out.extend_from_slice(&[0x21, 0x21, 0, 36]);
            out.extend_from_slice(&as_v6(source.ip()).octets());
            out.extend_from_slice(&as_v6(destination.ip()).octets());
        }
    }
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
}
