//! What holds for heads that nobody wrote down: valid ones, spoilt at random.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::request_within;
use super::{
    Expected, HeadLimits, LIMITS, PLAIN, assert_cuts_make_no_difference, request, response_to,
    response_within,
};
use crate::http::fields::{all, is_token};
use crate::http::framing::Framing;
use crate::http::head::{Lines, RequestHead, ResponseHead};

const REQUESTS: [&[u8]; 6] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\r\nPOST /a?b=c HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 5\r\nA:\r\n\r\nhello",
    b"PUT http://b/c HTTP/1.1\r\nhost:[::1]\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: x, Upgrade\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nX-Y: \t1, 2 \t\r\nX-Y: 3\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n",
];
const RESPONSES: [&[u8]; 4] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello",
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nKeep-Alive: timeout=5, max=9\r\nConnection: keep-alive\r\n\r\nhello",
    b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n",
];
/// Pieces that spoil a head in more interesting ways than a random byte does.
const PIECES: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b"\r\n ",
    b"\xff",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: b\r\n",
    b"chunked",
    b"\r\n\r\n",
    b"HTTP/1.1",
];

/// One to four changes: a byte replaced, some removed, a piece put in, a part repeated.
fn spoil(head: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = head.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=bytes.len());
        let end = rng.random_range(at..=bytes.len()).min(at + 20);
        match rng.random_range(0..4) {
            0 if at < bytes.len() => bytes[at] = rng.random(),
            1 => drop(bytes.drain(at..end.min(at + 3))),
            2 => {
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part));
            }
            _ => {
                let piece = PIECES[rng.random_range(0..PIECES.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
        }
    }
    bytes
}

/// What every accepted head is, by its bytes alone and not by how it was parsed.
fn assert_clean(head: &[u8], fields: &[httparse::Header<'_>], framing: &Framing, text: &str) {
    let line_ends = head.windows(2).filter(|pair| pair == b"\r\n").count();
    let count = |wanted| head.iter().filter(|byte| **byte == wanted).count();
    assert_eq!((count(b'\r'), count(b'\n')), (line_ends, line_ends), "{text}");
    assert!(head.ends_with(b"\r\n\r\n"), "{text}");
    for field in fields {
        assert!(is_token(field.name.as_bytes()), "{text}");
        assert!(field.value.iter().all(|b| !b.is_ascii_control() || *b == b'\t'), "{text}");
        assert!(!field.value.starts_with(b" ") && !field.value.ends_with(b" "), "{text}");
    }
    // Counted in the bytes: no second Content-Length hides in a line that became something else.
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let begins = |name: &str| {
        let with_name = |line: &&[u8]| {
            line.get(..name.len()).is_some_and(|l| l.eq_ignore_ascii_case(name.as_bytes()))
        };
        lines.clone().filter(with_name).count()
    };
    let (lengths, codings) = (begins("Content-Length:"), begins("Transfer-Encoding:"));
    assert!(lengths + codings <= 1, "{text}");
    match framing {
        Framing::Length(0) => {}
        Framing::Length(_) => assert_eq!((lengths, codings), (1, 0), "{text}"),
        Framing::Chunked(_) => assert_eq!((lengths, codings), (0, 1), "{text}"),
        Framing::UntilClose => assert_eq!((lengths, codings), (0, 0), "{text}"),
    }
}

#[test]
fn spoilt_requests_are_refused_or_clean() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..20_000 {
        let mut rng = StdRng::seed_from_u64(seed);
        let model = REQUESTS[rng.random_range(0..REQUESTS.len())];
        let bytes = spoil(model, &mut rng);
        let text = format!("seed {seed}: {}", bytes.escape_ascii());
        match RequestHead::parse(&bytes, &mut Lines::new(), LIMITS) {
            Ok(Some(head)) => {
                accepted += 1;
                let start = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
                assert_clean(&bytes[start..head.len], head.fields, &head.framing, &text);
                assert!(head.framing != Framing::UntilClose, "{text}");
                assert!(head.target().bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
                assert!(head.target().starts_with('/') || head.target() == "*", "{text}");
                assert!(all(head.fields, "Host").count() <= 1, "{text}");
            }
            Ok(None) => {}
            Err(refusal) => {
                refused += 1;
                assert!((400..=505).contains(&refusal.status()), "{text}");
            }
        }
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

#[test]
fn spoilt_responses_are_refused_or_clean() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..20_000 {
        let mut rng = StdRng::seed_from_u64(seed);
        let model = RESPONSES[rng.random_range(0..RESPONSES.len())];
        let bytes = spoil(model, &mut rng);
        let text = format!("seed {seed}: {}", bytes.escape_ascii());
        match ResponseHead::parse(&bytes, &mut Lines::new(), PLAIN, LIMITS) {
            Ok(Some(head)) => {
                accepted += 1;
                assert_clean(&bytes[..head.len], head.fields, &head.framing, &text);
                assert!((100..600).contains(&head.status), "{text}");
                assert!(head.framing != Framing::UntilClose || !head.persistent, "{text}");
            }
            Ok(None) => {}
            Err(_) => refused += 1,
        }
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

#[test]
fn the_cut_makes_no_difference_whatever_was_spoilt() {
    let tight = HeadLimits { max_bytes: 60, max_fields: 3 };
    for seed in 0..1500 {
        let mut rng = StdRng::seed_from_u64(seed);
        let bytes = spoil(REQUESTS[rng.random_range(0..REQUESTS.len())], &mut rng);
        assert_cuts_make_no_difference(&bytes, request);
        assert_cuts_make_no_difference(&bytes, request_within(tight));
        let bytes = spoil(RESPONSES[rng.random_range(0..RESPONSES.len())], &mut rng);
        assert_cuts_make_no_difference(&bytes, response_to(PLAIN));
        assert_cuts_make_no_difference(&bytes, response_within(tight, PLAIN));
    }
}

#[test]
fn noise_is_never_a_head() {
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..20_000 {
        let mut noise = vec![0; rng.random_range(1..200)];
        rng.fill_bytes(&mut noise);
        for (verdict, len) in [request(&noise), response_to(PLAIN)(&noise)] {
            let fits = matches!(verdict, Expected::Incomplete | Expected::Refused(_));
            assert!(fits && len == 0, "{}", noise.escape_ascii());
        }
    }
}
