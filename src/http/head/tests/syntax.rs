//! Which bytes are a request head?

use super::Expected::{Incomplete, NoBody, Refused};
use super::{Row, check, request};
use crate::http::Refusal::*;

const FIELD_LINES: &[Row] = &[
    // rule: characters
    (b"A:", NoBody),
    (b"A:b", NoBody),
    (b"A: b c\td", NoBody),
    (b"A: \xff\x80\xe2\x82\xac", NoBody),
    (b"!#$%&'*+-.^_`|~09azAZ: b", NoBody),
    (b"A: b\r\nA: b\r\na: c", NoBody),
    (b"A: :b:", NoBody),
    // rule: fold
    // White space where a name should be.
    (b"A: b\r\n c", Refused(ObsoleteFold)),
    (b"A: b\r\n\tc", Refused(ObsoleteFold)),
    (b"A: b\r\n Content-Length: 5", Refused(ObsoleteFold)),
    (b"A:\r\n b", Refused(ObsoleteFold)),
    (b"A: b\r\n ", Refused(ObsoleteFold)),
    (b" A: b", Refused(ObsoleteFold)),
    // rule: white space
    // White space behind a name.
    (b"A : b", Refused(MisplacedWhiteSpace)),
    (b"A\t: b", Refused(MisplacedWhiteSpace)),
    (b"A B: c", Refused(MisplacedWhiteSpace)),
    (b"A ", Refused(MisplacedWhiteSpace)),
    (b"Host : b", Refused(MisplacedWhiteSpace)),
    // rule: line end
    // Line ends.
    (b"A: b\nC: d", Refused(BadLineEnd)),
    (b"A: b\n", Refused(BadLineEnd)),
    (b"A:\nC: d", Refused(BadLineEnd)),
    (b"A: b\rC: d", Refused(BadLineEnd)),
    (b"A: b\r", Refused(BadLineEnd)),
    (b"A: b\r\r\nC: d", Refused(BadLineEnd)),
    (b"A:\rb", Refused(BadLineEnd)),
    (b"A: b\r\n\rC: d", Refused(BadLineEnd)),
    (b"A: b\rContent-Length: 5", Refused(BadLineEnd)),
    // rule: characters
    // Names.
    (b": b", Refused(BadFieldName)),
    (b":", Refused(BadFieldName)),
    (b"A", Refused(BadFieldName)),
    (b"A\nB: c", Refused(BadFieldName)),
    (b"A\rB: c", Refused(BadFieldName)),
    (b"A\0: b", Refused(BadFieldName)),
    (b"\0A: b", Refused(BadFieldName)),
    (b"A\x7f: b", Refused(BadFieldName)),
    (b"A\xe9: b", Refused(BadFieldName)),
    (b"A(: b", Refused(BadFieldName)),
    (b"A/B: b", Refused(BadFieldName)),
    (b"A;B: b", Refused(BadFieldName)),
    (b"A=b", Refused(BadFieldName)),
    (b"\"A\": b", Refused(BadFieldName)),
    (b"[A]: b", Refused(BadFieldName)),
    (b"{A}: b", Refused(BadFieldName)),
    (b"A@b: c", Refused(BadFieldName)),
    (b"A\\b: c", Refused(BadFieldName)),
    // Values.
    (b"A: b\0", Refused(BadFieldValue)),
    (b"A: \0", Refused(BadFieldValue)),
    (b"A:\0", Refused(BadFieldValue)),
    (b"A: b\x01c", Refused(BadFieldValue)),
    (b"A: b\x0bc", Refused(BadFieldValue)),
    (b"A: b\x1b[0m", Refused(BadFieldValue)),
    (b"A: b\x7f", Refused(BadFieldValue)),
    (b"A: \x08", Refused(BadFieldValue)),
];

// rule: white space
const FIRST_FIELD_LINES: &[Row] = &[
    (b" Host: a", Refused(MisplacedWhiteSpace)),
    (b"\tHost: a", Refused(MisplacedWhiteSpace)),
    (b" ", Refused(MisplacedWhiteSpace)),
    (b" \r\nHost: a", Refused(MisplacedWhiteSpace)),
];

// rule: line end
const LINE_ENDS: &[Row] = &[
    (b"GET / HTTP/1.1", NoBody),
    (b"\r\nGET / HTTP/1.1", NoBody),
    (b"\r\n\r\nGET / HTTP/1.1", Refused(BadLineEnd)),
    (b"\r\n\nGET / HTTP/1.1", Refused(BadLineEnd)),
    (b"\r\n\rGET / HTTP/1.1", Refused(BadLineEnd)),
    (b"\nGET / HTTP/1.1", Refused(BadLineEnd)),
    (b"\rGET / HTTP/1.1", Refused(BadLineEnd)),
    (b"\r\r\nGET / HTTP/1.1", Refused(BadLineEnd)),
    (b"GET / HTTP/1.1\nA: b", Refused(BadLineEnd)),
    (b"GET / HTTP/1.1\rA: b", Refused(BadLineEnd)),
    (b"GET / HTTP/1.1\r", Refused(BadLineEnd)),
    (b"GET / HTTP/1.1\n", Refused(BadLineEnd)),
    (b"GET / HTTP/1.1 ", Refused(BadLineEnd)),
    (b"GET / HTTP/1.1\t", Refused(BadLineEnd)),
    (b"GET / HTTP/1.1 x", Refused(BadLineEnd)),
    (b"GET / HTTP/1.10", Refused(BadLineEnd)),
];

// rule: characters
const METHODS: &[Row] = &[
    (b"get / HTTP/1.1", NoBody),
    (b"M-SEARCH / HTTP/1.1", NoBody),
    (b"!#$%&'*+-.^_`|~09az / HTTP/1.1", NoBody),
    (b" GET / HTTP/1.1", Refused(BadMethod)),
    (b"\tGET / HTTP/1.1", Refused(BadMethod)),
    (b" \r\nGET / HTTP/1.1", Refused(BadMethod)),
    (b"\r\n GET / HTTP/1.1", Refused(BadMethod)),
    (b"G:T / HTTP/1.1", Refused(BadMethod)),
    (b"GE\xc3\x89 / HTTP/1.1", Refused(BadMethod)),
    (b"GET\0 / HTTP/1.1", Refused(BadMethod)),
    (b"GET\t/ HTTP/1.1", Refused(BadMethod)),
    (b"GET/ HTTP/1.1", Refused(BadMethod)),
    (b"GET", Refused(BadMethod)),
    (b"GET\n/ HTTP/1.1", Refused(BadMethod)),
    (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", Refused(BadMethod)),
    (b"\xef\xbb\xbfGET / HTTP/1.1", Refused(BadMethod)),
    (b"\"GET\" / HTTP/1.1", Refused(BadMethod)),
];

// rule: characters
const TARGETS: &[Row] = &[
    (b"GET //a/../b//c HTTP/1.1", NoBody),
    (b"GET /?q=a?b&c=%00%0d%0a HTTP/1.1", NoBody),
    (b"GET /\"<>\\^`{|}[]@:!$&'()*+,;= HTTP/1.1", NoBody),
    (b"GET  / HTTP/1.1", Refused(BadRequestLine)),
    (b"GET ", Refused(BadRequestLine)),
    (b"GET /", Refused(BadRequestLine)),
    (b"GET /\n", Refused(BadRequestLine)),
    (b"GET  HTTP/1.1", Refused(BadRequestLine)),
    (b"GET HTTP/1.1", Refused(BadRequestLine)),
    (b"GET /\tHTTP/1.1", Refused(BadTarget)),
    (b"GET \t/ HTTP/1.1", Refused(BadTarget)),
    (b"GET /\0 HTTP/1.1", Refused(BadTarget)),
    (b"GET /\x01 HTTP/1.1", Refused(BadTarget)),
    (b"GET /a\x0bb HTTP/1.1", Refused(BadTarget)),
    (b"GET /\x7f HTTP/1.1", Refused(BadTarget)),
    (b"GET /\xc3\xa9 HTTP/1.1", Refused(BadTarget)),
    (b"GET /\xff HTTP/1.1", Refused(BadTarget)),
    (b"GET /#a HTTP/1.1", Refused(BadTarget)),
    (b"GET /a?b#c HTTP/1.1", Refused(BadTarget)),
    (b"GET a HTTP/1.1", Refused(BadTarget)),
    (b"GET ?a HTTP/1.1", Refused(BadTarget)),
    (b"GET \\ HTTP/1.1", Refused(BadTarget)),
    (b"GET a:80 HTTP/1.1", Refused(BadTarget)),
    (b"GET a.example/b HTTP/1.1", Refused(BadTarget)),
];

// rule: version
const VERSIONS: &[Row] = &[
    (b"GET / HTTP/1.0", NoBody),
    (b"GET / HTTP/1.2", Refused(UnsupportedVersion)),
    (b"GET / HTTP/2.0", Refused(UnsupportedVersion)),
    (b"GET / HTTP/0.9", Refused(UnsupportedVersion)),
    (b"GET / HTTP/9.9", Refused(UnsupportedVersion)),
    (b"PRI * HTTP/2.0", Refused(UnsupportedVersion)),
    (b"GET / http/1.1", Refused(BadVersion)),
    (b"GET / HTTP/1.x", Refused(BadVersion)),
    (b"GET / HTTP/1,1", Refused(BadVersion)),
    (b"GET / HTTP/1", Refused(BadVersion)),
    (b"GET / HTTP/11", Refused(BadVersion)),
    (b"GET / HTTP/2", Refused(BadVersion)),
    (b"GET / HTTP/2.0x", Refused(BadVersion)),
    (b"GET / HTTP/2.00", Refused(BadVersion)),
    (b"GET / HTTP/01.1", Refused(BadVersion)),
    (b"GET / HTTP /1.1", Refused(BadVersion)),
    (b"GET / HTTPS/1.1", Refused(BadVersion)),
    (b"GET / ICAP/1.0", Refused(BadVersion)),
    (b"GET / ", Refused(BadVersion)),
    (b"GET /  HTTP/1.1", Refused(BadVersion)),
    (b"GET /a b HTTP/1.1", Refused(BadVersion)),
    (b"GET / /etc/passwd HTTP/1.1", Refused(BadVersion)),
];

const UNFINISHED: &[Row] = &[
    (b"", Incomplete),
    (b"\r", Incomplete),
    (b"\r\n", Incomplete),
    (b"G", Incomplete),
    (b"GET / HTTP/1.1\r\nHost: a\r\n", Incomplete),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r", Incomplete),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: b", Incomplete),
    (b"GET / HTTP/2.", Incomplete),
    (b"GET / HTTP/2.0", Incomplete),
    (b"GET / HTTP/1.1\nHost: a\n", Incomplete),
];

#[test]
fn field_lines_are_token_colon_value() {
    check(request, b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n\r\n", FIELD_LINES);
    check(request, b"GET / HTTP/1.1\r\n", b"\r\n\r\n", FIRST_FIELD_LINES);
}

#[test]
fn request_lines_are_method_target_version() {
    for rows in [LINE_ENDS, METHODS, TARGETS, VERSIONS] {
        check(request, b"", b"\r\nHost: a\r\n\r\n", rows);
    }
}

#[test]
fn an_unfinished_head_waits() {
    check(request, b"", b"", UNFINISHED);
}

// rule: characters
/// The library compares many bytes at once where the processor can; none may slip through there.
#[test]
fn control_characters_are_found_at_every_place_of_names_values_and_targets() {
    let is_refused = |parts: [&[u8]; 3]| matches!(request(&parts.concat()).0, Refused(_));
    for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_graphic()) {
        for place in 0..70 {
            let mut text = [b'a'; 70];
            text[place] = byte;
            let target = [b"GET /", &text[..], b" HTTP/1.1\r\nHost: a\r\n\r\n"];
            let name = [b"GET / HTTP/1.1\r\nHost: a\r\n", &text[..], b": b\r\n\r\n"];
            let value = [b"GET / HTTP/1.1\r\nHost: a\r\nA: b", &text[..], b"b\r\n\r\n"];
            let is_allowed = matches!(byte, b'\t' | b' ' | 0x80..);
            assert!(is_refused(target), "target {byte:#x} at {place}");
            assert!(is_refused(name), "name {byte:#x} at {place}");
            assert_eq!(is_refused(value), !is_allowed, "value {byte:#x} at {place}");
        }
    }
}
