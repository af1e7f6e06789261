//! Response heads, grouped by the rule that decides about them.

use super::Expected::{Chunked, Incomplete, Length, NoBody, Refused, UntilClose};
use super::{LIMITS, PLAIN, Row, check, response_to, response_within};
use crate::http::Refusal::*;
use crate::http::Version;
use crate::http::head::{Asked, HeadLimits, Lines, ResponseHead};

const HEAD: Asked = Asked { head: true, ..PLAIN };
const WEBSOCKET: Asked = Asked { websocket: true, ..PLAIN };

const FRAMING: &[Row] = &[
    (b"A: b", UntilClose),
    (b"Content-Length: 0", NoBody),
    (b"Content-Length: 5", Length(5)),
    (b"content-length:9007199254740991", Length((1 << 53) - 1)),
    (b"Transfer-Encoding: chunked", Chunked),
    (b"TRANSFER-ENCODING: Chunked", Chunked),
    (b"Connection: close", UntilClose),
    // rule: two framings
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked", Refused(TwoFramings)),
    (b"Transfer-Encoding: gzip\r\nContent-Length: 5", Refused(TwoFramings)),
    // rule: transfer coding
    (b"Transfer-Encoding: gzip", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: gzip, chunked", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: identity", Refused(UnknownTransferCoding)),
    (b"Transfer-Encoding: chunked, gzip", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: chunked, chunked", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding:", Refused(BadTransferEncoding)),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Refused(BadTransferEncoding)),
    // rule: repeated length
    (b"Content-Length: 5\r\nContent-Length: 5", Refused(RepeatedContentLength)),
    (b"Content-Length: 5, 5", Refused(RepeatedContentLength)),
    // rule: length
    (b"Content-Length:", Refused(BadContentLength)),
    (b"Content-Length: -1", Refused(BadContentLength)),
    (b"Content-Length: 1x", Refused(BadContentLength)),
    (b"Content-Length: 9007199254740992", Refused(BadContentLength)),
    // rule: hop-by-hop
    (b"Connection: Content-Length\r\nContent-Length: 5", Refused(ConnectionNamesField)),
    (b"Connection: a b", Refused(BadConnection)),
    // Requests are bound to these, responses are not.
    (b"Host: a\r\nHost: b c\r\nExpect: a\r\nContent-Length: 1", Length(1)),
];

const FIELD_LINES: &[Row] = &[
    // rule: fold
    (b"A: b\r\n c", Refused(ObsoleteFold)),
    (b"A: b\r\n\tc", Refused(ObsoleteFold)),
    // rule: white space
    (b"A : b", Refused(MisplacedWhiteSpace)),
    (b" A: b", Refused(MisplacedWhiteSpace)),
    // rule: line end
    (b"A: b\nC: d", Refused(BadLineEnd)),
    (b"A: b\rC: d", Refused(BadLineEnd)),
    (b"A: b\n", Refused(BadLineEnd)),
    (b"A: b\r\n\rB: c", Refused(BadLineEnd)),
    // rule: characters
    (b": b", Refused(BadFieldName)),
    (b"A", Refused(BadFieldName)),
    (b"A\x7f: b", Refused(BadFieldName)),
    (b"A\xff: b", Refused(BadFieldName)),
    (b"A: \0", Refused(BadFieldValue)),
    (b"A: b\x1fc", Refused(BadFieldValue)),
    (b"A: \xff\t\x80", UntilClose),
];

// rule: version
const STATUS_LINES: &[Row] = &[
    (b"HTTP/1.1 200 OK", UntilClose),
    (b"HTTP/1.0 200 OK", UntilClose),
    (b"HTTP/1.1 200 ", UntilClose),
    (b"HTTP/1.1 200", UntilClose),
    (b"HTTP/1.1 200 \xc3\xa9t\xc3\xa9 \t!", UntilClose),
    (b"HTTP/1.1 599 x", UntilClose),
    (b"HTTP/1.1 404 x\r\nContent-Length: 3", Length(3)),
    (b"HTTP/1.1 099 x", Refused(BadStatusLine)),
    (b"HTTP/1.1 000 x", Refused(BadStatusLine)),
    (b"HTTP/1.1 600 x", Refused(BadStatusLine)),
    (b"HTTP/1.1 999 x", Refused(BadStatusLine)),
    (b"HTTP/1.1 20 OK", Refused(BadStatusLine)),
    (b"HTTP/1.1 2000 OK", Refused(BadStatusLine)),
    (b"HTTP/1.1 20x OK", Refused(BadStatusLine)),
    (b"HTTP/1.1 200OK", Refused(BadStatusLine)),
    (b"HTTP/1.1 -20 OK", Refused(BadStatusLine)),
    (b"HTTP/1.1  200 OK", Refused(BadStatusLine)),
    (b"HTTP/1.1\t200 OK", Refused(BadStatusLine)),
    (b"HTTP/1.1 200\tOK", Refused(BadStatusLine)),
    (b"HTTP/1.1", Refused(BadStatusLine)),
    (b"HTTP/1.2 200 OK", Refused(BadStatusLine)),
    (b"HTTP/2.0 200 OK", Refused(BadStatusLine)),
    (b"HTTP/2 200", Refused(BadStatusLine)),
    (b"http/1.1 200 OK", Refused(BadStatusLine)),
    (b"ICY 200 OK", Refused(BadStatusLine)),
    (b"<html>", Refused(BadStatusLine)),
    (b" HTTP/1.1 200 OK", Refused(BadStatusLine)),
    (b"HTTP/1.1 200 O\0K", Refused(BadStatusLine)),
    (b"HTTP/1.1 200 O\rK", Refused(BadStatusLine)),
    (b"HTTP/1.1 200 \x7f", Refused(BadStatusLine)),
    (b"HTTP/1.1 200 OK\r", Refused(BadStatusLine)),
    (b"HTTP/1.1 200 OK\nA: b", Refused(BadLineEnd)),
    (b"HTTP/1.1 200\nA: b", Refused(BadLineEnd)),
    (b"HTTP/1.1 200 OK\n", Refused(BadLineEnd)),
    (b"\r\nHTTP/1.1 200 OK", Refused(BadLineEnd)),
    (b"\nHTTP/1.1 200 OK", Refused(BadLineEnd)),
    (b"\rHTTP/1.1 200 OK", Refused(BadLineEnd)),
    (b"HTTP/1.1 101 x", Refused(UnaskedUpgrade)),
    (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade", Refused(UnaskedUpgrade)),
];

// rule: no content
/// Whatever the fields say, these have no content; but two readings are two readings.
const WITHOUT_CONTENT: &[Row] = &[
    (b"HTTP/1.1 100 x", NoBody),
    (b"HTTP/1.1 103 x\r\nContent-Length: 5", NoBody),
    (b"HTTP/1.1 199 x\r\nTransfer-Encoding: chunked", NoBody),
    (b"HTTP/1.1 204 x", NoBody),
    (b"HTTP/1.1 204 x\r\nContent-Length: 5", NoBody),
    (b"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked", NoBody),
    (b"HTTP/1.1 304 x", NoBody),
    (b"HTTP/1.1 304 x\r\nContent-Length: 5", NoBody),
    (b"HTTP/1.1 304 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", Refused(TwoFramings)),
    (b"HTTP/1.1 204 x\r\nContent-Length: 5\r\nContent-Length: 5", Refused(RepeatedContentLength)),
];

// rule: no content
const TO_HEAD: &[Row] = &[
    (b"HTTP/1.1 200 x", NoBody),
    (b"HTTP/1.1 200 x\r\nContent-Length: 5", NoBody),
    (b"HTTP/1.1 404 x\r\nTransfer-Encoding: chunked", NoBody),
    (b"HTTP/1.0 200 x", NoBody),
    (b"HTTP/1.1 200 x\r\nContent-Length: x", Refused(BadContentLength)),
];

const TO_WEBSOCKET: &[Row] = &[
    (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade", NoBody),
    (b"HTTP/1.1 101 x\r\nContent-Length: 5", NoBody),
    (b"HTTP/1.1 426 x\r\nContent-Length: 5", Length(5)),
    (b"HTTP/1.1 200 x", UntilClose),
];

// rule: coding of HTTP/1.0
const HTTP10: &[Row] = &[
    (b"A: b", UntilClose),
    (b"Content-Length: 5", Length(5)),
    (b"Transfer-Encoding: chunked", Refused(TransferEncodingInHttp10)),
];

const UNFINISHED: &[Row] = &[
    (b"", Incomplete),
    (b"H", Incomplete),
    (b"HTTP/1.1 ", Incomplete),
    (b"HTTP/1.1 200 OK\r\n", Incomplete),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n\r", Incomplete),
];

#[test]
fn responses_have_one_framing_or_reach_until_the_close() {
    check(response_to(PLAIN), b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n", FRAMING);
    check(response_to(PLAIN), b"HTTP/1.0 200 OK\r\n", b"\r\n\r\n", HTTP10);
}

#[test]
fn responses_are_read_as_strictly_as_requests() {
    check(response_to(PLAIN), b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n", FIELD_LINES);
    check(response_to(PLAIN), b"", b"\r\n\r\n", STATUS_LINES);
    check(response_to(PLAIN), b"", b"", UNFINISHED);
}

#[test]
fn some_responses_have_no_content_whatever_their_fields_say() {
    check(response_to(PLAIN), b"", b"\r\n\r\n", WITHOUT_CONTENT);
    check(response_to(HEAD), b"", b"\r\n\r\n", WITHOUT_CONTENT);
    check(response_to(HEAD), b"", b"\r\n\r\n", TO_HEAD);
    check(response_to(WEBSOCKET), b"", b"\r\n\r\n", TO_WEBSOCKET);
}

// rule: keep-alive timeout
/// Status line and fields; whether the server keeps its connection, and for how many idle seconds.
const PERSISTENCE: &[(&str, bool, Option<u64>)] = &[
    ("HTTP/1.1 200 OK|Content-Length: 1", true, None),
    ("HTTP/1.1 200 OK|Transfer-Encoding: chunked", true, None),
    ("HTTP/1.1 204 x", true, None),
    ("HTTP/1.1 200 OK", false, None),
    ("HTTP/1.1 200 OK|Connection: keep-alive", false, None),
    ("HTTP/1.1 200 OK|Content-Length: 1|Connection: close", false, None),
    ("HTTP/1.1 200 OK|Content-Length: 1|Connection: keep-alive, Close", false, None),
    ("HTTP/1.1 200 OK|Content-Length: 1|Connection: a|Connection: close", false, None),
    ("HTTP/1.0 200 OK|Content-Length: 1", false, None),
    ("HTTP/1.0 200 OK|Content-Length: 1|Connection: Keep-Alive", true, None),
    ("HTTP/1.0 200 OK|Connection: Keep-Alive", false, None),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=5", true, Some(5)),
    ("HTTP/1.1 204 x|Keep-Alive: max=100, Timeout = 5", true, Some(5)),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=0", true, Some(0)),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=7, timeout=5|Keep-Alive: timeout=6", true, Some(5)),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=", true, None),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=+5", true, None),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=-5", true, None),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=5s", true, None),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=\"5\"", true, None),
    ("HTTP/1.1 204 x|Keep-Alive: timeout=99999999999999999999", true, None),
    ("HTTP/1.1 204 x|Keep-Alive: timeouts=5, 300, , =5", true, None),
];

#[test]
fn a_connection_persists_if_the_server_says_so_and_the_body_has_an_end() {
    for (response, persistent, timeout) in PERSISTENCE {
        let bytes = response.replace('|', "\r\n") + "\r\n\r\n";
        let mut lines = Lines::new();
        let head = ResponseHead::parse(bytes.as_bytes(), &mut lines, PLAIN, LIMITS);
        let head = head.unwrap().unwrap();
        let found = (head.persistent, head.keep_alive_timeout);
        assert_eq!(found, (*persistent, *timeout), "{response:?}");
    }
}

#[test]
fn a_response_head_tells_what_it_is() {
    for (line, version, status, reason, interim) in [
        ("HTTP/1.1 200 All right", Version::Http11, 200, "All right", false),
        ("HTTP/1.0 404", Version::Http10, 404, "", false),
        ("HTTP/1.1 500 \u{e9}t\u{e9}", Version::Http11, 500, "", false),
        ("HTTP/1.1 100 Continue", Version::Http11, 100, "Continue", true),
        ("HTTP/1.1 103 Early Hints", Version::Http11, 103, "Early Hints", true),
        ("HTTP/1.1 101 Switching Protocols", Version::Http11, 101, "Switching Protocols", false),
    ] {
        let bytes = format!("{line}\r\nA: b\r\n\r\nmore");
        let mut lines = Lines::new();
        let head = ResponseHead::parse(bytes.as_bytes(), &mut lines, WEBSOCKET, LIMITS);
        let head = head.unwrap().unwrap();
        let found = (head.version, head.status, head.reason, head.is_interim());
        assert_eq!(found, (version, status, reason, interim), "{line:?}");
        assert_eq!(&bytes[head.len..], "more");
        assert_eq!(head.fields.len(), 1);
    }
}

#[test]
fn a_response_head_of_just_the_limits_passes_and_one_more_is_refused() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nB: c\r\n\r\n";
    let read =
        |max_bytes, max_fields| response_within(HeadLimits { max_bytes, max_fields }, PLAIN)(head);
    assert_eq!(read(head.len(), 2), (Length(1), head.len()));
    assert_eq!(read(head.len(), 1).0, Refused(TooManyFields));
    for max_bytes in 0..head.len() {
        assert_eq!(read(max_bytes, 2).0, Refused(HeadTooLarge), "{max_bytes}");
    }
}
