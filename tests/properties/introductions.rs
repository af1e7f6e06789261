//! PROXY headers: one reading, the same under every cut, and the same when written again.

use tidegate::proxy_protocol::{Fault, Header, Version, write};

/// Reads a header, in one piece and in every other.
pub fn proxy_header(bytes: &[u8]) {
    let whole = Header::parse(bytes);
    // The first prefix that decides, decides for good.
    let mut decided: Option<Result<Header, Fault>> = None;
    for cut in 0..=bytes.len() {
        let read = Header::parse(&bytes[..cut]).transpose();
        match (decided, read) {
            (None, read) => decided = read,
            (Some(_), read) => assert_eq!(read, decided, "at {cut}"),
        }
    }
    assert_eq!(whole.transpose(), decided);
    let Some(Ok(header)) = decided else { return };

    assert!(header.len <= bytes.len() && header.len <= 4096);
    let is_line = bytes[0] == b'P';
    if is_line {
        plain_line(&bytes[..header.len], &header);
    } else {
        plain_binary(&bytes[..header.len], &header);
    }
    for version in [Version::V1, Version::V2] {
        let mut again = b"x".to_vec();
        write(version, header.ends, &mut again);
        let read = Header::parse(&again[1..]).expect("right").expect("whole");
        assert_eq!(read.len, again.len() - 1);
        let canonical = |header: &Header| {
            header.ends.map(|ends| {
                let end = |a: std::net::SocketAddr| (a.ip().to_canonical(), a.port());
                (end(ends.source), end(ends.destination))
            })
        };
        assert_eq!(canonical(&read), canonical(&header));
    }
}

/// A line without a doubt: its words put together again are the line.
fn plain_line(line: &[u8], header: &Header) {
    assert!(line.len() <= 107 && line.ends_with(b"\r\n"));
    let text = std::str::from_utf8(line).expect("text").trim_end_matches("\r\n");
    assert!(!text.contains(['\r', '\n']));
    let Some(ends) = header.ends else { return assert!(text.starts_with("PROXY UNKNOWN")) };
    let words: Vec<&str> = text.split(' ').collect();
    let [word, family, from, to, from_port, to_port] = words[..] else { panic!("{text}") };
    assert_eq!(word, "PROXY");
    let v4 = |address: std::net::SocketAddr| address.is_ipv4();
    assert_eq!(family, if v4(ends.source) { "TCP4" } else { "TCP6" });
    assert_eq!(v4(ends.source), v4(ends.destination));
    assert_eq!(from.parse(), Ok(ends.source.ip()));
    assert_eq!(to.parse(), Ok(ends.destination.ip()));
    let ports = (ends.source.port().to_string(), ends.destination.port().to_string());
    assert_eq!((from_port, to_port), (ports.0.as_str(), ports.1.as_str()));
}

fn plain_binary(bytes: &[u8], header: &Header) {
    assert_eq!(&bytes[..12], b"\r\n\r\n\0\r\nQUIT\n");
    assert_eq!(usize::from(u16::from_be_bytes([bytes[14], bytes[15]])) + 16, bytes.len());
    let Some(ends) = header.ends else {
        return assert!(bytes[12] == 0x20 || [0x00, 0x31].contains(&bytes[13]));
    };
    assert_eq!(bytes[12], 0x21);
    let octets = |address: std::net::SocketAddr| match address.ip() {
        std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
        std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let ports = [ends.source.port().to_be_bytes(), ends.destination.port().to_be_bytes()];
    let block = [octets(ends.source), octets(ends.destination), ports.concat()].concat();
    assert_eq!(bytes[13], if ends.source.is_ipv4() { 0x11 } else { 0x21 });
    assert!(bytes[16..].starts_with(&block));
}
