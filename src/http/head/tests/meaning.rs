//! What does the rest of the gateway learn from a request head?

use super::Expected::{Incomplete, NoBody, Refused};
use super::{LIMITS, request_within};
use crate::http::Refusal::*;
use crate::http::Version;
use crate::http::head::{HeadLimits, Lines, RequestHead};

/// Method, target and fields of an HTTP/1.1 request; what they come to.
const HTTP11: &[(&str, &str)] = &[
    ("GET /|Host: a", "GET / for 'a' persistent idempotent"),
    ("HEAD /a?b|Host: a:1", "HEAD /a?b for 'a:1' persistent idempotent head"),
    ("PUT /|Host: a", "PUT / for 'a' persistent idempotent"),
    ("DELETE /|Host: a", "DELETE / for 'a' persistent idempotent"),
    ("OPTIONS *|Host: a", "OPTIONS * for 'a' persistent idempotent"),
    ("POST /|Host: a", "POST / for 'a' persistent"),
    ("PATCH /|Host: a", "PATCH / for 'a' persistent"),
    ("get /|Host: a", "get / for 'a' persistent"),
    ("head /|Host: a", "head / for 'a' persistent"),
    // rule: absolute-form
    // Of an absolute-form target path and query remain, and its authority outweighs Host.
    ("GET http://b:1/c?d|Host: a", "GET /c?d for 'b:1' persistent idempotent"),
    ("GET http://b|Host: a", "GET / for 'b' persistent idempotent"),
    ("GET http://b?c=/d|Host: a", "GET /?c=/d for 'b' persistent idempotent"),
    ("OPTIONS http://b|Host: a", "OPTIONS * for 'b' persistent idempotent"),
    ("OPTIONS http://b/|Host: a", "OPTIONS / for 'b' persistent idempotent"),
    ("OPTIONS http://b?c|Host: a", "OPTIONS /?c for 'b' persistent idempotent"),
    ("GET http://b//c/../%7e|Host: a", "GET //c/../%7e for 'b' persistent idempotent"),
    // Persistence.
    ("GET /|Host: a|Connection: close", "GET / for 'a' idempotent"),
    ("GET /|Host: a|Connection: CLOSE, keep-alive", "GET / for 'a' idempotent"),
    ("GET /|Host: a|Connection: keep-alive|Connection: close", "GET / for 'a' idempotent"),
    ("GET /|Host: a|Connection: closed", "GET / for 'a' persistent idempotent"),
    ("GET /|Host: a|Proxy-Connection: close", "GET / for 'a' persistent idempotent"),
    // rule: expectation
    // Only content can be held back.
    ("GET /|Host: a|Expect: 100-continue", "GET / for 'a' persistent idempotent"),
    ("A /|Host: a|Expect: 100-continue|Content-Length: 0", "A / for 'a' persistent"),
    ("A /|Host: a|Expect: 100-continue|Content-Length: 1", "A / for 'a' persistent expects"),
    (
        "A /|Host: a|Expect: 100-Continue|Transfer-Encoding: chunked",
        "A / for 'a' persistent expects",
    ),
    // rule: upgrade
    // Upgrade counts if both fields agree; other protocols are not for us.
    ("A /|Host: a|Connection: b, Upgrade|Upgrade: WebSocket", "A / for 'a' persistent websocket"),
    ("A /|Host: a|Upgrade: h2c, websocket|Connection: upgrade", "A / for 'a' persistent websocket"),
    ("A /|Host: a|Upgrade: websocket", "A / for 'a' persistent"),
    ("A /|Host: a|Connection: upgrade", "A / for 'a' persistent"),
    ("A /|Host: a|Connection: upgrade|Upgrade: h2c", "A / for 'a' persistent"),
    ("A /|Host: a|Connection: upgrade|Upgrade: websocket/13", "A / for 'a' persistent"),
];

// rule: version
/// Likewise of an HTTP/1.0 request.
const HTTP10: &[(&str, &str)] = &[
    ("GET /|A: b", "GET / for '' 1.0 idempotent"),
    ("GET http://b/|A: b", "GET / for 'b' 1.0 idempotent"),
    ("GET /|Connection: keep-alive", "GET / for '' 1.0 persistent idempotent"),
    ("GET /|Connection: Keep-Alive, close", "GET / for '' 1.0 idempotent"),
    ("A /|Expect: 100-continue|Content-Length: 1", "A / for '' 1.0"),
    ("A /|Expect: miracles|Content-Length: 1", "A / for '' 1.0"),
];

/// Everything a head says beyond its framing, as one line.
fn describe(bytes: &[u8]) -> String {
    let mut lines = Lines::new();
    let head = RequestHead::parse(bytes, &mut lines, LIMITS).unwrap().unwrap();
    let mut words = format!("{} {} for '{}'", head.method, head.target(), head.authority());
    for (holds, word) in [
        (head.version == Version::Http10, " 1.0"),
        (head.persistent, " persistent"),
        (head.expects_continue, " expects"),
        (head.asks_websocket, " websocket"),
        (head.is_idempotent(), " idempotent"),
        (head.is_head(), " head"),
    ] {
        words.push_str(if holds { word } else { "" });
    }
    words
}

#[test]
fn a_head_says_for_whom_for_how_long_and_what_else() {
    for (version, rows) in [(" HTTP/1.1|", HTTP11), (" HTTP/1.0|", HTTP10)] {
        for (request, expected) in rows {
            let bytes = request.replacen('|', version, 1).replace('|', "\r\n") + "\r\n\r\n";
            assert_eq!(describe(bytes.as_bytes()), *expected, "{request:?}");
        }
    }
}

#[test]
fn a_head_knows_its_length_and_its_fields() {
    let bytes = b"\r\nGET / HTTP/1.1\r\nHost: a\r\nX: \t1 2 \r\nx: 3\r\n\r\nbody";
    let mut lines = Lines::new();
    let head = RequestHead::parse(bytes, &mut lines, LIMITS).unwrap().unwrap();
    assert_eq!(&bytes[head.len..], b"body");
    let names: Vec<_> = head.fields.iter().map(|field| field.name).collect();
    assert_eq!(names, ["Host", "X", "x"]);
    assert_eq!((head.field("x"), head.field("HOST")), (Some(&b"1 2"[..]), Some(&b"a"[..])));
    assert_eq!(head.field("y"), None);
}

#[test]
fn a_head_of_just_the_limits_passes_and_one_more_is_refused() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
    let within = |max_bytes, max_fields| request_within(HeadLimits { max_bytes, max_fields });
    assert_eq!(within(head.len(), 2)(head), (NoBody, head.len()));
    assert_eq!(within(head.len(), 1)(head).0, Refused(TooManyFields));
    for max_bytes in 1..head.len() {
        let line_came = max_bytes >= b"GET / HTTP/1.1\r\n".len();
        let refusal = if line_came { HeadTooLarge } else { TargetTooLong };
        assert_eq!(within(max_bytes, 2)(head).0, Refused(refusal), "{max_bytes}");
        assert_eq!(within(max_bytes, 2)(&head[..max_bytes]).0, Refused(refusal), "{max_bytes}");
        assert_eq!(within(max_bytes, 2)(&head[..max_bytes - 1]).0, Incomplete, "{max_bytes}");
    }
}

#[test]
fn no_configuration_makes_room_for_more_than_256_fields() {
    let generous = HeadLimits { max_bytes: 1 << 20, max_fields: usize::MAX };
    for (count, expected) in [(256, NoBody), (257, Refused(TooManyFields))] {
        let fields = "A: b\r\n".repeat(count - 1);
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(request_within(generous)(head.as_bytes()).0, expected, "{count} fields");
    }
}
