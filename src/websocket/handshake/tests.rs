//! Handshakes right and wrong, from both sides.

use super::*;
use crate::http::Refusal::*;
use crate::http::head::{Asked, HeadLimits, Lines};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 4096, max_fields: 32 };
const ACCEPT: &[u8; 28] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The request of RFC 6455 1.2 as `(text to replace, its replacement)`, and why that is refused.
const REQUESTS: &[(&str, &str, Option<Refusal>)] = &[
    ("", "", None),
    // What does not matter.
    ("Upgrade: websocket", "uPGRADE: WebSocket", None),
    ("Upgrade: websocket", "Upgrade: h2c, websocket", None),
    ("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket", None),
    ("Connection: Upgrade", "connection: keep-alive, UPGRADE", None),
    ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade", None),
    ("Version: 13", "Version:  13\t", None),
    ("Sec-WebSocket-Key", "sec-websocket-key", None),
    ("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", None),
    ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a, b\r\nCookie: c=d\r\n\r\n", None),
    ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", None),
    ("\r\n\r\n", "\r\nSec-WebSocket-Accept: x\r\n\r\n", None),
    ("GET /chat ", "GET /chat?a=b ", None),
    ("GET /chat ", "GET http://b/chat ", None),
    // The request line.
    ("GET ", "POST ", Some(BadWebSocketMethod)),
    ("GET ", "HEAD ", Some(BadWebSocketMethod)),
    ("GET ", "get ", Some(BadWebSocketMethod)),
    ("HTTP/1.1", "HTTP/1.0", Some(BadWebSocketHttpVersion)),
    // Upgrade and Connection.
    ("Upgrade: websocket\r\n", "", Some(BadWebSocketUpgrade)),
    ("Upgrade: websocket", "Upgrade: h2c", Some(BadWebSocketUpgrade)),
    ("Upgrade: websocket", "Upgrade: websocket/13", Some(BadWebSocketUpgrade)),
    ("Upgrade: websocket", "Upgrade: websockets", Some(BadWebSocketUpgrade)),
    ("Upgrade: websocket", "Upgrade: web socket", Some(BadWebSocketUpgrade)),
    ("Connection: Upgrade\r\n", "", Some(BadWebSocketUpgrade)),
    ("Connection: Upgrade", "Connection: keep-alive", Some(BadWebSocketUpgrade)),
    ("Connection: Upgrade", "Connection: upgrades", Some(BadWebSocketUpgrade)),
    // Content.
    ("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n", Some(WebSocketWithContent)),
    ("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n", Some(WebSocketWithContent)),
    // The version of the protocol.
    ("Sec-WebSocket-Version: 13\r\n", "", Some(WebSocketVersion)),
    ("Version: 13", "Version: 8", Some(WebSocketVersion)),
    ("Version: 13", "Version: 013", Some(WebSocketVersion)),
    ("Version: 13", "Version: 13, 8", Some(WebSocketVersion)),
    ("Version: 13", "Version: 14", Some(WebSocketVersion)),
    ("Version: 13", "Version: +13", Some(WebSocketVersion)),
    ("Version: 13", "Version:", Some(WebSocketVersion)),
    ("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13", Some(WebSocketVersion)),
    // The key.
    ("Sec-WebSocket-Key: ", "A: ", Some(BadWebSocketKey)),
    ("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key:", Some(BadWebSocketKey)),
    ("ZQ==", "ZR==", Some(BadWebSocketKey)),
    ("ZQ==", "ZQ=", Some(BadWebSocketKey)),
    ("ZQ==", "ZQ", Some(BadWebSocketKey)),
    ("ZQ==", "ZQ===", Some(BadWebSocketKey)),
    ("ZQ==", "ZWU=", Some(BadWebSocketKey)),
    ("ZQ==", "ZWVl", Some(BadWebSocketKey)),
    ("ZQ==", "", Some(BadWebSocketKey)),
    ("ZQ==", "ZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", Some(BadWebSocketKey)),
    ("ZQ==", "ZQ==, dGhlIHNhbXBsZSBub25jZQ==", Some(BadWebSocketKey)),
    ("dGhl", "dGh-", Some(BadWebSocketKey)),
    ("dGhl", "dG l", Some(BadWebSocketKey)),
    ("dGhl", "dG=l", Some(BadWebSocketKey)),
    ("dGhl", "dG\u{e9}", Some(BadWebSocketKey)),
];

/// Likewise the response to it.
const RESPONSES: &[(&str, &str, Result<(), Refusal>)] = &[
    ("", "", Ok(())),
    ("Switching Protocols", "", Ok(())),
    ("Upgrade: websocket", "upgrade: WEBSOCKET", Ok(())),
    ("Connection: Upgrade", "Connection: a, upgrade", Ok(())),
    ("Connection: Upgrade", "Connection: a\r\nConnection: UPGRADE", Ok(())),
    ("Accept: ", "Accept:\t", Ok(())),
    ("Sec-WebSocket-Accept", "sec-websocket-accept", Ok(())),
    ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a\r\n\r\n", Ok(())),
    ("101 ", "200 ", Err(BadUpgradeResponse)),
    ("101 ", "100 ", Err(BadUpgradeResponse)),
    ("101 ", "426 ", Err(BadUpgradeResponse)),
    ("HTTP/1.1", "HTTP/1.0", Err(BadUpgradeResponse)),
    ("Upgrade: websocket\r\n", "", Err(BadUpgradeResponse)),
    ("Upgrade: websocket", "Upgrade: h2c", Err(BadUpgradeResponse)),
    ("Upgrade: websocket", "Upgrade: websocket, h2c", Err(BadUpgradeResponse)),
    ("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket", Err(BadUpgradeResponse)),
    ("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: h2c", Err(BadUpgradeResponse)),
    ("Upgrade: websocket", "Upgrade: websocket/13", Err(BadUpgradeResponse)),
    ("Connection: Upgrade\r\n", "", Err(BadUpgradeResponse)),
    ("Connection: Upgrade", "Connection: close", Err(BadUpgradeResponse)),
    ("Connection: Upgrade", "Connection: upgraded", Err(BadUpgradeResponse)),
    ("Sec-WebSocket-Accept: ", "A: ", Err(BadWebSocketAccept)),
    ("s3pPLM", "S3pPLM", Err(BadWebSocketAccept)),
    ("xOo=", "xOo", Err(BadWebSocketAccept)),
    ("xOo=", "xOo==", Err(BadWebSocketAccept)),
    ("xOo=", "xOp=", Err(BadWebSocketAccept)),
    ("xOo=", "xOo=, x", Err(BadWebSocketAccept)),
    ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "", Err(BadWebSocketAccept)),
    ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "dGhlIHNhbXBsZSBub25jZQ==", Err(BadWebSocketAccept)),
    ("xOo=", "xOo=\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Err(BadWebSocketAccept)),
];

#[test]
fn a_request_opens_a_websocket_or_is_told_why_not() {
    let sample = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Origin: http://a\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    for (text, replacement, refusal) in REQUESTS {
        assert!(sample.contains(text), "{text:?} is not part of the sample");
        let bytes = sample.replacen(text, replacement, 1);
        let mut lines = Lines::new();
        let head = RequestHead::parse(bytes.as_bytes(), &mut lines, LIMITS).unwrap().unwrap();
        let expected = refusal.map_or(Ok(*ACCEPT), Err);
        assert_eq!(check_request(&head), expected, "{text:?} became {replacement:?}");
    }
}

#[test]
fn a_response_opens_the_websocket_that_was_asked_for_or_none() {
    let sample = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let asked = Asked { head: false, websocket: true, version: Version::Http11 };
    for (text, replacement, expected) in RESPONSES {
        assert!(sample.contains(text), "{text:?} is not part of the sample");
        let bytes = sample.replacen(text, replacement, 1);
        let mut lines = Lines::new();
        let head = ResponseHead::parse(bytes.as_bytes(), &mut lines, asked, LIMITS);
        let found = check_response(&head.unwrap().unwrap(), ACCEPT);
        assert_eq!(found, *expected, "{text:?} became {replacement:?}");
    }
}

#[test]
fn the_accept_value_is_the_one_that_another_implementation_derives() {
    for key in ["dGhlIHNhbXBsZSBub25jZQ==", "x3JJHMbDL1EzLkh9GBhXDw==", "AAAAAAAAAAAAAAAAAAAAAA=="]
    {
        let expected = tungstenite::handshake::derive_accept_key(key.as_bytes());
        assert_eq!(accept_key(key.as_bytes()), expected.as_bytes());
    }
}
