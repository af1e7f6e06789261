//! What is written for the next hop parses again to the same message (RFC 9110 7.6, RFC 9112 6).

use std::net::{IpAddr, Ipv4Addr};

use tidegate::http::Version;
use tidegate::http::date::imf_fixdate;
use tidegate::http::forward::{self, Delivery, Hop, Onward};
use tidegate::http::framing::Framing;
use tidegate::http::head::{Asked, HeadLimits, Lines, RequestHead, ResponseHead};
use tidegate::peer::Peer;

use super::heads::{ASKED, LIMITS};
use super::plain::{PlainFraming, PlainHead};

/// What a head may grow by.
const WIDE: HeadLimits = HeadLimits { max_bytes: 16 * 1024, max_fields: 64 };

/// The gateway's own authority.
const OURS: &str = "gateway.test:8080";

/// Fields that end at a gateway, or that it says anew (RFC 9110 7.6.1).
const NOT_PASSED_ON: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];
/// Fields of a request that the gateway answers for.
const ANSWERED_FOR: [&str; 5] =
    ["expect", "host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// Reads `bytes` as a request and as a response, and forwards whatever is accepted.
pub fn forward(bytes: &[u8]) {
    let mut lines = Lines::new();
    if let Ok(Some(head)) = RequestHead::parse(bytes, &mut lines, LIMITS) {
        for trusted in [false, true] {
            let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
            forward_request(&head, &PlainHead::read(&bytes[skipped..head.len]), trusted);
        }
    }
    for asked in ASKED {
        let mut lines = Lines::new();
        let Ok(Some(head)) = ResponseHead::parse(bytes, &mut lines, asked, LIMITS) else {
            continue;
        };
        for persistent in [false, true] {
            forward_response(&head, &PlainHead::read(&bytes[..head.len]), asked, persistent);
        }
    }
}

fn forward_request(head: &RequestHead<'_, '_>, came: &PlainHead, trusted: bool) {
    let hop = Hop {
        peer: Peer::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        trusted,
        authority: OURS,
        request_id: b"",
    };
    let mut out = Vec::new();
    forward::request(head, &hop, &mut out);
    let went = PlainHead::read(&out);

    let mut expected = passed_on(came, &ANSWERED_FOR);
    expected.retain(|(name, _)| !looks_alike(name));
    expected.push(("Via".into(), format!("{} tidegate", &head.version.as_str()[5..]).into()));
    assert_eq!(passed_on(&went, &ANSWERED_FOR), expected, "{}", out.escape_ascii());
    assert_only(&went, &["upgrade", "te"]);

    let mut addresses: Vec<&[u8]> = Vec::new();
    if trusted {
        addresses.extend(came.values("X-Forwarded-For").filter(|value| !value.is_empty()));
    }
    addresses.push(b"192.0.2.7");
    let said: Vec<_> = went.values("X-Forwarded-For").collect();
    assert_eq!(said, [addresses.join(&b", "[..])]);
    if !trusted {
        assert_eq!(went.values("X-Forwarded-Proto").collect::<Vec<_>>(), [b"http"]);
        assert!(went.values("X-Forwarded-Host").eq(authority_if_any(head)));
    }
    let authority = Some(head.authority()).filter(|named| !named.is_empty()).unwrap_or(OURS);
    assert_eq!(went.values("Host").collect::<Vec<_>>(), [authority.as_bytes()]);

    let mut lines = Lines::new();
    let again = RequestHead::parse(&out, &mut lines, WIDE);
    let again = again.expect("what is forwarded is right").expect("and whole");
    assert_eq!(again.len, out.len());
    assert_eq!((again.method, again.target()), (head.method, head.target()));
    assert_eq!(again.authority(), authority);
    assert_eq!(again.framing, head.framing, "{}", out.escape_ascii());
    assert_eq!(again.asks_websocket, head.asks_websocket);
    let expects = head.expects_continue && !came.list("Connection").contains(&"expect".into());
    assert_eq!(again.expects_continue, expects);
    assert_eq!((again.version, again.persistent), (Version::Http11, true));
    if head.framing != Framing::NONE {
        assert_ne!(went.framing(), PlainFraming::Unsaid);
    }
}

/// Whether a server that takes `_` for `-` would take it for a field that is not the client's.
fn looks_alike(name: &str) -> bool {
    let plain = name.to_ascii_lowercase().replace('_', "-");
    let known = NOT_PASSED_ON.iter().chain(&ANSWERED_FOR).any(|known| plain == *known);
    name.contains('_') && (known || plain == "x-request-id")
}

fn authority_if_any<'a>(head: &'a RequestHead<'_, '_>) -> impl Iterator<Item = &'a [u8]> {
    std::iter::once(head.authority().as_bytes()).filter(|authority| !authority.is_empty())
}

fn forward_response(head: &ResponseHead<'_, '_>, came: &PlainHead, asked: Asked, persistent: bool) {
    let delivery = match (&head.framing, asked.version) {
        (Framing::Length(_), _) | (Framing::Chunked(_), Version::Http11) => Delivery::AsReceived,
        (Framing::UntilClose, Version::Http11) => Delivery::Chunked,
        (Framing::Chunked(_) | Framing::UntilClose, Version::Http10) => Delivery::UntilClose,
    };
    let persistent = persistent && delivery != Delivery::UntilClose;
    let date = imf_fixdate(784_111_777);
    let mut out = Vec::new();
    forward::response(head, &Onward { asked, persistent, delivery, date: &date }, &mut out);
    let went = PlainHead::read(&out);

    let ours: &[&str] = if delivery == Delivery::UntilClose { &["trailer"] } else { &[] };
    let mut expected = passed_on(came, ours);
    if head.status >= 200 && !expected.iter().any(|(name, _)| name.eq_ignore_ascii_case("date")) {
        expected.push(("Date".into(), date.to_vec()));
    }
    assert_eq!(passed_on(&went, ours), expected, "{}", out.escape_ascii());
    assert_only(&went, &["upgrade", "close", "keep-alive"]);

    let mut lines = Lines::new();
    let again = ResponseHead::parse(&out, &mut lines, asked, WIDE);
    let again = again.expect("what is forwarded is right").expect("and whole");
    assert_eq!((again.len, again.status), (out.len(), head.status));
    assert_eq!((again.version, again.reason), (Version::Http11, head.reason));
    match delivery {
        Delivery::AsReceived => assert_eq!(again.framing, head.framing),
        Delivery::Chunked => assert!(matches!(again.framing, Framing::Chunked(_))),
        Delivery::UntilClose => assert_eq!(again.framing, Framing::UntilClose),
    }
    if head.status >= 200 {
        assert_eq!(again.persistent, persistent, "{}", out.escape_ascii());
    }
    if head.framing != Framing::NONE && delivery != Delivery::UntilClose {
        assert_ne!(went.framing(), PlainFraming::Unsaid);
    }
}

/// What must go on unchanged and in order: not what ends here, nor what Connection names.
fn passed_on(head: &PlainHead, ours: &[&str]) -> Vec<(String, Vec<u8>)> {
    let options = head.list("Connection");
    let passes = |name: &str| {
        let name = name.to_ascii_lowercase();
        !NOT_PASSED_ON.contains(&name.as_str())
            && !ours.contains(&name.as_str())
            && (name == "close" || !options.contains(&name))
    };
    head.fields.iter().filter(|(name, _)| passes(name)).cloned().collect()
}

/// No connection option but `options`, each with the field that it announces and nothing more.
fn assert_only(went: &PlainHead, options: &[&str]) {
    let said = went.list("Connection");
    assert!(said.iter().all(|option| options.contains(&option.as_str())), "{said:?}");
    assert!(went.values("Connection").count() <= 1);
    let announced = |option: &str| said.iter().any(|said| said == option);
    let upgrade: Vec<_> = went.values("Upgrade").collect();
    let expected: &[&[u8]] = if announced("upgrade") { &[b"websocket"] } else { &[] };
    assert_eq!(upgrade, expected);
    let te: Vec<_> = went.values("TE").collect();
    let expected: &[&[u8]] = if announced("te") { &[b"trailers"] } else { &[] };
    assert_eq!(te, expected);
    for name in ["Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate"] {
        assert_eq!(went.values(name).count(), 0, "{name}");
    }
    went.framing(); // At most one framing field, and well-formed.
}
