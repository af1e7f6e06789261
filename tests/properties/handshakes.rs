//! Opening handshakes: what is accepted is right to the letter, and stays right when forwarded.

use std::net::{IpAddr, Ipv4Addr};

use tidegate::http::Version;
use tidegate::http::date::imf_fixdate;
use tidegate::http::forward::{self, Delivery, Hop, Onward};
use tidegate::http::head::{Asked, Lines, RequestHead, ResponseHead};
use tidegate::peer::Peer;
use tidegate::websocket::handshake::{Accept, accept_key, check_request, check_response};

use super::heads::LIMITS;
use super::plain::{PlainFraming, PlainHead};

const ASKED: Asked = Asked { head: false, websocket: true, version: Version::Http11 };

/// Reads a request and, behind it, a response to it.
pub fn handshake(bytes: &[u8]) {
    let mut lines = Lines::new();
    let Ok(Some(head)) = RequestHead::parse(bytes, &mut lines, LIMITS) else { return };
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let plain = PlainHead::read(&bytes[skipped..head.len]);
    let Ok(accept) = check_request(&head) else { return };

    assert_eq!((plain.start[0].as_str(), plain.start[2].as_str()), ("GET", "HTTP/1.1"));
    assert!(matches!(plain.framing(), PlainFraming::Unsaid | PlainFraming::Length(0)));
    assert!(plain.list("Connection").contains(&"upgrade".into()));
    assert!(plain.list("Upgrade").contains(&"websocket".into()));
    assert_eq!(plain.values("Sec-WebSocket-Version").collect::<Vec<_>>(), [b"13"]);
    let keys: Vec<_> = plain.values("Sec-WebSocket-Key").collect();
    let [key] = keys.as_slice() else { panic!("{} keys", keys.len()) };
    assert!(is_base64_of_16_bytes(key), "{}", key.escape_ascii());
    assert_eq!(accept, accept_key(key));

    let mut out = Vec::new();
    let hop = Hop {
        peer: Peer::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        trusted: false,
        authority: "gateway.test",
        request_id: b"",
    };
    forward::request(&head, &hop, &mut out);
    let mut lines = Lines::new();
    let wide = tidegate::http::head::HeadLimits { max_bytes: 4096, max_fields: 64 };
    let again = RequestHead::parse(&out, &mut lines, wide).expect("right").expect("whole");
    assert_eq!(check_request(&again), Ok(accept));

    response(&bytes[head.len..], &accept);
}

fn response(bytes: &[u8], accept: &Accept) {
    let mut lines = Lines::new();
    let Ok(Some(head)) = ResponseHead::parse(bytes, &mut lines, ASKED, LIMITS) else { return };
    let Ok(()) = check_response(&head, accept) else { return };
    let plain = PlainHead::read(&bytes[..head.len]);
    assert_eq!((plain.start[0].as_str(), plain.start[1].as_str()), ("HTTP/1.1", "101"));
    assert!(plain.list("Connection").contains(&"upgrade".into()));
    assert_eq!(plain.list("Upgrade"), ["websocket"]);
    assert_eq!(plain.values("Sec-WebSocket-Accept").collect::<Vec<_>>(), [accept]);

    for place in 0..accept.len() {
        let mut other = *accept;
        other[place] ^= 1;
        assert!(check_response(&head, &other).is_err(), "another key would do as well");
    }
    let date = imf_fixdate(0);
    let onward =
        Onward { asked: ASKED, persistent: true, delivery: Delivery::AsReceived, date: &date };
    let mut out = Vec::new();
    forward::response(&head, &onward, &mut out);
    let mut lines = Lines::new();
    let wide = tidegate::http::head::HeadLimits { max_bytes: 4096, max_fields: 64 };
    let again = ResponseHead::parse(&out, &mut lines, ASKED, wide).expect("right").expect("whole");
    assert_eq!(check_response(&again, accept), Ok(()));
}

/// 22 letters, of which the last has four bits that must be zero, and two signs of padding.
fn is_base64_of_16_bytes(key: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24
        && key[..22].iter().all(letter)
        && b"AQgw".contains(&key[21])
        && key[22..] == *b"=="
}
