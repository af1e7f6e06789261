//! Random bodies, cut at random: the decoder may not care how its input arrives.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// A random good body, followed by the start of another message. Returns the body, the bytes that
/// must be forwarded of it, and its content: a second reading, made while writing.
fn good_body(rng: &mut StdRng) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mut body, mut forwarded, mut content) = (Vec::new(), Vec::new(), Vec::new());
    let both = |bytes: &[u8], forwarded: &mut Vec<u8>, body: &mut Vec<u8>| {
        body.extend_from_slice(bytes);
        forwarded.extend_from_slice(bytes);
    };
    let chunks = rng.random_range(0..5);
    for index in 0..=chunks {
        let size = if index == chunks { 0 } else { rng.random_range(1..40_usize) };
        let width = rng.random_range(1..=15);
        let line = match rng.random_range(0..3) {
            0 => format!("{size:x}"),
            1 => format!("{size:X}"),
            _ => format!("{size:0width$x}"),
        };
        both(line.as_bytes(), &mut forwarded, &mut body);
        if rng.random_bool(0.2) {
            body.push(b';');
            let length = rng.random_range(0..20);
            body.extend((0..length).map(|_| rng.random_range(b' '..=b'~')));
        }
        both(b"\r\n", &mut forwarded, &mut body);
        if size > 0 {
            let chunk: Vec<u8> = (0..size).map(|_| b"\r\n0;aA\0"[rng.random_range(0..7)]).collect();
            content.extend_from_slice(&chunk);
            both(&chunk, &mut forwarded, &mut body);
            both(b"\r\n", &mut forwarded, &mut body);
        }
    }
    if rng.random_bool(0.3) {
        for _ in 0..rng.random_range(1..4) {
            if rng.random_bool(0.5) {
                both(b"X-Sum: 0 1\r\n", &mut forwarded, &mut body);
            } else {
                body.extend_from_slice(b"transfer-encoding: chunked\r\n");
            }
        }
    }
    both(b"\r\n", &mut forwarded, &mut body);
    (body, forwarded, content)
}

/// Cuts `bytes` at random, often into single bytes.
fn cut<'b>(mut bytes: &'b [u8], rng: &mut StdRng) -> Vec<&'b [u8]> {
    let longest = [1, 2, 5, 100][rng.random_range(0..4)];
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(rng.random_range(1..=longest.min(bytes.len())));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[test]
fn any_cut_of_the_same_body_forwards_the_same_bytes() {
    for seed in 0..4000 {
        let rng = &mut StdRng::seed_from_u64(seed);
        let (body, forwarded, content) = good_body(rng);
        let (length, announced) = (body.len(), content.len() as u64);
        let stream = [&body[..], b"GET / HTTP/1.1\r\n"].concat();

        let expected = Passed { forwarded, consumed: length, content: announced };
        assert_eq!(whole(&stream).as_ref(), Ok(&expected), "seed {seed}");
        let pieces = cut(&stream, rng);
        assert_eq!(pass(pieces, Chunked::new()).as_ref(), Ok(&expected), "seed {seed}");
        // What was forwarded is a body itself, and already in the form we would give it.
        let again = whole(&expected.forwarded).unwrap();
        assert_eq!(again.forwarded, expected.forwarded, "seed {seed}");

        let expected = Passed { forwarded: content, consumed: length, content: announced };
        assert_eq!(content_of(&stream).as_ref(), Ok(&expected), "seed {seed}");
        let mut chunked = Chunked::new();
        chunked.content_only();
        let pieces = cut(&stream, rng);
        assert_eq!(pass(pieces, chunked).as_ref(), Ok(&expected), "seed {seed}");
    }
}

#[test]
fn any_cut_of_a_damaged_body_has_the_same_outcome() {
    let mut refused = 0;
    for seed in 0..4000 {
        let rng = &mut StdRng::seed_from_u64(seed);
        let (mut body, ..) = good_body(rng);
        let at = rng.random_range(0..body.len());
        match rng.random_range(0..3) {
            0 => body[at] = b"\r\n 0;a\0\x7f"[rng.random_range(0..8)],
            1 => drop(body.remove(at)),
            _ => body.insert(at, b"\r\n 0;a\0\x7f"[rng.random_range(0..8)]),
        }
        let expected = outcome(&[&body]);
        let pieces = cut(&body, rng);
        assert_eq!(outcome(&pieces), expected, "seed {seed}");
        refused += usize::from(expected.is_err());
    }
    assert!(refused > 1000, "only {refused} of the damaged bodies were refused");
}
