//! Headers of both versions: what is taken, what is refused, and where.

use super::*;

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2 with this command, family and block.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [V2, &[command, family], &length, block].concat()
}

fn ends(source: &str, destination: &str) -> Option<Ends> {
    Some(Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap() })
}

const FOUR: &[u8] = &[192, 0, 2, 7, 198, 51, 100, 1, 0x9c, 0x40, 1, 0xbb];

fn six() -> Vec<u8> {
    let address = |last: u8| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
    [address(7), address(1), vec![0x9c, 0x40, 1, 0xbb]].concat()
}

#[test]
fn a_header_names_both_ends_or_none() {
    let four = ends("192.0.2.7:40000", "198.51.100.1:443");
    let six_ends = ends("[2001:db8::7]:40000", "[2001:db8::1]:443");
    let rows: Vec<(Vec<u8>, Option<Ends>)> = vec![
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n".to_vec(), four),
        (b"PROXY TCP6 2001:db8::7 2001:DB8::1 40000 443\r\n".to_vec(), six_ends),
        (
            b"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n".to_vec(),
            ends("0.0.0.0:0", "255.255.255.255:65535"),
        ),
        (
            b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n".to_vec(),
            ends("[::ffff:192.0.2.7]:1", "[::1]:2"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".to_vec(), None),
        (b"PROXY UNKNOWN  what ever\r\n".to_vec(), None),
        (v2(0x21, 0x11, FOUR), four),
        (v2(0x21, 0x21, &six()), six_ends),
        (v2(0x21, 0x11, &[FOUR, &[3, 0, 4, 1, 2, 3, 4]].concat()), four),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, FOUR), None),
        // LOCAL: the rest is to be ignored, whatever it claims to be.
        (v2(0x20, 0x11, &[1]), None),
        (v2(0x20, 0xff, &[1, 2, 3]), None),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x00, &[3, 0, 0]), None),
        (v2(0x21, 0x31, &[0; 216]), None),
        (v2(0x21, 0x00, &[0; limits::PROXY_HEADER_MAX - FIXED]), None),
    ];
    for (bytes, ends) in rows {
        let shown = bytes.escape_ascii().to_string();
        assert_eq!(Header::parse(&bytes), Ok(Some(Header { ends, len: bytes.len() })), "{shown}");
        for cut in 0..bytes.len() {
            assert_eq!(Header::parse(&bytes[..cut]), Ok(None), "{shown} cut at {cut}");
        }
        for rest in [&b"GET / HTTP/1.1\r\n"[..], &bytes, b"\0", b"\n"] {
            let more = [&bytes, rest].concat();
            let header = Header { ends, len: bytes.len() };
            assert_eq!(Header::parse(&more), Ok(Some(header)), "{shown} with more");
        }
    }
}

#[test]
fn what_is_no_header_is_refused_at_the_byte_that_decides() {
    let line = |text: &str| [text.as_bytes(), b"\r\n"].concat();
    let mut rows: Vec<(Vec<u8>, Fault)> = vec![
        (b"G".to_vec(), Fault::Missing),
        (b"PROXy".to_vec(), Fault::Missing),
        (b"p".to_vec(), Fault::Missing),
        (b"PROXY\t".to_vec(), Fault::Missing),
        (b" ".to_vec(), Fault::Missing),
        (b"\n".to_vec(), Fault::Missing),
        (b"\r\n\r\nG".to_vec(), Fault::Missing),
        (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), Fault::Missing),
        ([V2, b"\x11"].concat(), Fault::BadCommand),
        ([V2, b"\x31"].concat(), Fault::BadCommand),
        ([V2, b"\x22"].concat(), Fault::BadCommand),
        ([V2, b"\x2f"].concat(), Fault::BadCommand),
        ([V2, b"\x21\x12"].concat(), Fault::BadFamily),
        ([V2, b"\x21\x22"].concat(), Fault::BadFamily),
        ([V2, b"\x21\x10"].concat(), Fault::BadFamily),
        ([V2, b"\x21\x01"].concat(), Fault::BadFamily),
        ([V2, b"\x21\x32"].concat(), Fault::BadFamily),
        ([V2, b"\x21\x41"].concat(), Fault::BadFamily),
        ([V2, b"\x21\x11\x00\x0b"].concat(), Fault::TooShort),
        ([V2, b"\x21\x21\x00\x23"].concat(), Fault::TooShort),
        ([V2, b"\x21\x31\x00\xd7"].concat(), Fault::TooShort),
        ([V2, b"\x21\x11\x0f\xf1"].concat(), Fault::TooLong),
        ([V2, b"\x20\x00\xff\xff"].concat(), Fault::TooLong),
        ([&b"PROXY UNKNOWN "[..], &[b'x'; 93]].concat(), Fault::TooLong),
        ([&b"PROXY UNKNOWN "[..], &[b'x'; 92], b"\r"].concat(), Fault::TooLong),
    ];
    for text in [
        "PROXY ",
        "PROXY TCP4",
        "PROXY TCP5 1.1.1.1 1.1.1.1 1 1",
        "PROXY tcp4 1.1.1.1 1.1.1.1 1 1",
        "PROXY UDP4 1.1.1.1 1.1.1.1 1 1",
        "PROXY UNKNOWNS",
        "PROXY  TCP4 1.1.1.1 1.1.1.1 1 1",
        "PROXY TCP4  1.1.1.1 1.1.1.1 1 1",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 ",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r",
        "PROXY TCP4 1.1.1.1\t1.1.1.1 1 1",
        "PROXY TCP4 1.1.1.1 1.1.1.1 +1 1",
        "PROXY TCP4 1.1.1.1 1.1.1.1 01 1",
        "PROXY TCP4 1.1.1.1 1.1.1.1 1 65536",
        "PROXY TCP4 1.1.1.1 1.1.1.1 -1 1",
        "PROXY TCP4 1.1.1.1 1.1.1.1  1",
        "PROXY TCP4 1.1.1.01 1.1.1.1 1 1",
        "PROXY TCP4 1.1.1 1.1.1.1 1 1",
        "PROXY TCP4 ::1 ::1 1 1",
        "PROXY TCP6 1.1.1.1 1.1.1.1 1 1",
        "PROXY TCP6 ::1%lo ::1 1 1",
        "PROXY TCP6 [::1] ::1 1 1",
        "PROXY UNKNOWN \u{e9}\r",
    ] {
        rows.push((line(text), Fault::BadLine));
    }
    rows.push((b"PROXY UNKNOWN\n".to_vec(), Fault::BadLine));
    rows.push((b"PROXY UNKNOWN \xff\r\n".to_vec(), Fault::BadLine));
    for (bytes, fault) in rows {
        let shown = bytes.escape_ascii().to_string();
        assert_eq!(Header::parse(&bytes), Err(fault), "{shown}");
        let more = [&bytes[..], b"\r\n\r\n"].concat();
        assert_eq!(Header::parse(&more), Err(fault), "{shown} with more");
        let before = &bytes[..bytes.len() - 1];
        assert_eq!(Header::parse(before), Ok(None), "{shown} before its last byte");
    }
}

#[test]
fn the_longest_line_is_taken() {
    let text = [&b"PROXY UNKNOWN "[..], &[b'x'; LINE_MAX - 16], b"\r\n"].concat();
    assert_eq!(text.len(), LINE_MAX);
    assert_eq!(Header::parse(&text), Ok(Some(Header { ends: None, len: LINE_MAX })));
}

#[test]
fn what_is_written_reads_as_itself() {
    let mixed = ends("192.0.2.7:40000", "[2001:db8::1]:443");
    let mapped = ends("[::ffff:192.0.2.7]:40000", "[2001:db8::1]:443");
    let v4_in_v6 = ends("[::ffff:192.0.2.7]:40000", "[::ffff:198.51.100.1]:443");
    let four = ends("192.0.2.7:40000", "198.51.100.1:443");
    let longest = ends(
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535",
    );
    let rows = [(four, four), (mixed, mapped), (v4_in_v6, four), (longest, longest), (None, None)];
    for (given, read) in rows {
        for version in [Version::V1, Version::V2] {
            let mut out = b"before".to_vec();
            write(version, given, &mut out);
            let bytes = &out[6..];
            let header = Header { ends: read, len: bytes.len() };
            assert_eq!(Header::parse(bytes), Ok(Some(header)), "{}", bytes.escape_ascii());
            assert!(bytes.len() <= usize::from(u8::MAX), "a worker counts them in a byte");
        }
    }
    let mut out = Vec::new();
    write(Version::V2, four, &mut out);
    assert_eq!(out, v2(0x21, 0x11, FOUR));
    out.clear();
    write(Version::V1, four, &mut out);
    assert_eq!(out, b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n");
}
