//! Do both sides mean to open a websocket? (RFC 6455 4.1, 4.2 and 4.4)
//!
//! The gateway opens nothing itself: the handshake is between the client and the server. But from
//! a right 101 on it relays bytes that it does not read, so both halves of the handshake are
//! checked first. Otherwise a request that only looks like one could make the gateway stop reading
//! HTTP where the server goes on.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

use crate::http::fields::{all, lists, only};
use crate::http::framing::Framing;
use crate::http::head::{RequestHead, ResponseHead};
use crate::http::{Refusal, Version};

#[cfg(test)]
mod tests;

/// What every server appends to the key before it hashes it (RFC 6455 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a 101 has to carry in Sec-WebSocket-Accept: 20 bytes in base64.
pub type Accept = [u8; 28];

/// The Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key (RFC 6455 4.2.2).
///
/// ```
/// # use tidegate::websocket::handshake::accept_key;
/// assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &[u8]) -> Accept {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    let written = BASE64_STANDARD.encode_slice(digest, &mut accept);
    debug_assert_eq!(written, Ok(28), "20 bytes are 28 letters in base64");
    accept
}

/// Checks a request that asks for websocket; the accept value that the 101 to it must carry.
///
/// # Errors
/// The first requirement of RFC 6455 4.2.1 that the request does not meet.
pub fn check_request(head: &RequestHead<'_, '_>) -> Result<Accept, Refusal> {
    if head.method != "GET" {
        return Err(Refusal::BadWebSocketMethod);
    }
    if head.version != Version::Http11 {
        return Err(Refusal::BadWebSocketHttpVersion);
    }
    if !head.asks_websocket {
        return Err(Refusal::BadWebSocketUpgrade);
    }
    if head.framing != Framing::NONE {
        return Err(Refusal::WebSocketWithContent);
    }
    if only(head.fields, "Sec-WebSocket-Version") != Some(b"13") {
        return Err(Refusal::WebSocketVersion);
    }
    match only(head.fields, "Sec-WebSocket-Key") {
        Some(key) if is_key(key) => Ok(accept_key(key)),
        Some(_) | None => Err(Refusal::BadWebSocketKey),
    }
}

/// Checks that a response changes to websocket and belongs to the request that `accept` came from.
///
/// # Errors
/// The first requirement of RFC 6455 4.1 that the response does not meet.
pub fn check_response(head: &ResponseHead<'_, '_>, accept: &Accept) -> Result<(), Refusal> {
    let upgrade = only(head.fields, "Upgrade");
    let to_websocket = upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    let upgrades = all(head.fields, "Connection").any(|options| lists(options, "upgrade"));
    if head.status != 101 || head.version != Version::Http11 || !to_websocket || !upgrades {
        return Err(Refusal::BadUpgradeResponse);
    }
    if only(head.fields, "Sec-WebSocket-Accept") != Some(accept) {
        return Err(Refusal::BadWebSocketAccept);
    }
    Ok(())
}

/// 16 bytes in base64, written the one right way.
fn is_key(key: &[u8]) -> bool {
    let mut nonce = [0; 18]; // What 24 letters could hold at most.
    BASE64_STANDARD.decode_slice(key, &mut nonce) == Ok(16)
}
