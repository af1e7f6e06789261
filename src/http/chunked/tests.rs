//! The decoder against tables of good and bad bodies.

mod properties;

use super::*;
use Refusal::{BadChunkEnd, BadChunkSize, BadTrailer};

/// What came of a body: the forwarded bytes with the tail behind them, and how much was consumed.
#[derive(PartialEq, Eq, Debug)]
struct Passed {
    forwarded: Vec<u8>,
    consumed: usize,
    content: u64,
}

/// Feeds `pieces` one after the other; what one piece leaves over is put before the next, though
/// the decoder should never leave anything before its end.
fn pass<'i>(
    pieces: impl IntoIterator<Item = &'i [u8]>,
    mut chunked: Chunked,
) -> Result<Passed, Refusal> {
    let mut passed = Passed { forwarded: Vec::new(), consumed: 0, content: 0 };
    for mut piece in pieces {
        while !piece.is_empty() && !chunked.is_complete() {
            let step = chunked.step(piece)?;
            assert!(step.consumed() > 0, "no progress on {piece:?}");
            passed.forwarded.extend_from_slice(&piece[..step.forward]);
            passed.consumed += step.consumed();
            piece = &piece[step.consumed()..];
        }
    }
    assert!(chunked.is_complete(), "the body did not end");
    passed.forwarded.extend(chunked.take_tail().unwrap_or_default());
    assert_eq!(chunked.take_tail(), None);
    assert_eq!(chunked.step(b"more"), Ok(Step::default()));
    passed.content = chunked.content();
    Ok(passed)
}

fn whole(body: &[u8]) -> Result<Passed, Refusal> {
    pass([body], Chunked::new())
}

fn content_of(body: &[u8]) -> Result<Passed, Refusal> {
    let mut chunked = Chunked::new();
    chunked.content_only();
    pass([body], chunked)
}

/// The error that `input` ends in, or how it is left when there is none.
fn outcome(pieces: &[&[u8]]) -> Result<bool, Refusal> {
    let mut chunked = Chunked::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() && !chunked.is_complete() {
            rest = &rest[chunked.step(rest)?.consumed()..];
        }
    }
    Ok(chunked.is_complete())
}

#[test]
fn a_canonical_body_is_one_step() {
    let body = b"4\r\nWiki\r\n00b\r\npedia in 0\n\r\n0\r\n\r\n";
    let stream = [&body[..], b"1\r\na\r\n0\r\n\r\n"].concat();
    let mut chunked = Chunked::new();
    let step = chunked.step(&stream).unwrap();
    assert_eq!(step, Step { forward: body.len(), skip: 0 }, "all of it, and not a byte beyond");
    assert!(chunked.is_complete());
    assert_eq!(chunked.take_tail(), None);
}

#[test]
fn the_next_message_is_left_alone() {
    for (body, end) in [
        ("0\r\n\r\nGET / HTTP/1.1\r\n", 5),
        ("0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n", 11),
        ("1;x\r\na\r\n0;y\r\n\r\n0\r\n\r\n", 15),
    ] {
        assert_eq!(whole(body.as_bytes()).unwrap().consumed, end, "{body:?}");
        assert_eq!(content_of(body.as_bytes()).unwrap().consumed, end, "{body:?}");
    }
}

#[test]
fn every_good_body_is_forwarded_with_one_reading() {
    // Body, what is forwarded of it, and the content in it.
    let rows: [(&str, &str, &str); 16] = [
        // rule: chunk
        ("0\r\n\r\n", "0\r\n\r\n", ""),
        ("000\r\n\r\n", "000\r\n\r\n", ""),
        ("000000000000000\r\n\r\n", "000000000000000\r\n\r\n", ""),
        ("1\r\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\n\r\n", "a"),
        (
            "00000000000000a\r\n0123456789\r\n0\r\n\r\n",
            "00000000000000a\r\n0123456789\r\n0\r\n\r\n",
            "0123456789",
        ),
        ("B\r\nhello world\r\n0\r\n\r\n", "B\r\nhello world\r\n0\r\n\r\n", "hello world"),
        ("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n"),
        ("1;a=b\r\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\n\r\n", "a"),
        ("1;\r\na\r\n0;x=\"; y\"\r\n\r\n", "1\r\na\r\n0\r\n\r\n", "a"),
        ("1;é\r\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\n\r\n", "a"),
        // rule: trailer section
        ("0\r\nX-Sum: 1\r\n\r\n", "0\r\nX-Sum: 1\r\n\r\n", ""),
        ("0\r\nX-Sum:1\r\nY:\r\n\r\n", "0\r\nX-Sum: 1\r\nY: \r\n\r\n", ""),
        ("0\r\nContent-Length: 5\r\n\r\n", "0\r\n\r\n", ""),
        ("0\r\nhost: a\r\nX: y\r\nTE: z\r\n\r\n", "0\r\nX: y\r\n\r\n", ""),
        ("0;last\r\nX: y\r\n\r\n", "0\r\nX: y\r\n\r\n", ""),
        (
            "2;p\r\nab\r\n1\r\nc\r\n0;q\r\nX: y\r\n\r\n",
            "2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n",
            "abc",
        ),
    ];
    for (body, forwarded, content) in rows {
        let passed = whole(body.as_bytes()).unwrap_or_else(|r| panic!("{body:?}: {r:?}"));
        assert_eq!(String::from_utf8(passed.forwarded).unwrap(), forwarded, "{body:?}");
        assert_eq!(passed.consumed, body.len(), "{body:?}");
        assert_eq!(passed.content, content.len() as u64, "{body:?}");
        assert_eq!(content_of(body.as_bytes()).unwrap().forwarded, content.as_bytes(), "{body:?}");
    }
}

/// Bodies that break the rules, each for the one reason beside it.
const BAD_BODIES: &[(&[u8], Refusal)] = &[
    // rule: chunk
    // A size that is no size.
    (b"\r\n", BadChunkSize),
    (b"\n", BadChunkSize),
    (b";x\r\n", BadChunkSize),
    (b"g\r\n", BadChunkSize),
    (b"G\r\n", BadChunkSize),
    (b"@\r\n", BadChunkSize),
    (b"/\r\n", BadChunkSize),
    (b":\r\n", BadChunkSize),
    (b"`\r\n", BadChunkSize),
    (b"-1\r\n", BadChunkSize),
    (b"+1\r\na\r\n", BadChunkSize),
    (b"0x1\r\na\r\n", BadChunkSize),
    (b"0X1\r\na\r\n", BadChunkSize),
    (b"1h\r\na\r\n", BadChunkSize),
    (b"1_0\r\n", BadChunkSize),
    (b"1,2\r\n", BadChunkSize),
    (b"1.0\r\n", BadChunkSize),
    (b"\"1\"\r\na\r\n", BadChunkSize),
    (b"\0\r\n", BadChunkSize),
    (b"1\0\r\na\r\n", BadChunkSize),
    (b"\xff\r\n", BadChunkSize),
    (b"1\xa0\r\na\r\n", BadChunkSize),
    ("\u{ff11}\r\na\r\n".as_bytes(), BadChunkSize),
    // Sixteen digits, even where they are zeros or the value would fit.
    (b"0000000000000001\r\na\r\n", BadChunkSize),
    (b"0000000000000000\r\n\r\n", BadChunkSize),
    (b"ffffffffffffffff\r\n", BadChunkSize),
    (b"10000000000000001\r\na\r\n", BadChunkSize),
    (b"fffffffffffffffff\r\n", BadChunkSize),
    // White space around it.
    (b" 1\r\na\r\n", BadChunkSize),
    (b"\t1\r\na\r\n", BadChunkSize),
    (b"1 \r\na\r\n", BadChunkSize),
    (b"1\t\r\na\r\n", BadChunkSize),
    (b"1 ;x\r\na\r\n", BadChunkSize),
    (b"1\t;x\r\na\r\n", BadChunkSize),
    (b"1\x0b\r\na\r\n", BadChunkSize),
    (b"1\x0c\r\na\r\n", BadChunkSize),
    (b"0 \r\n\r\n", BadChunkSize),
    // rule: line end
    // A line end that is none, with and without an extension.
    (b"1\na\r\n0\r\n\r\n", BadChunkSize),
    (b"1\ra\r\n0\r\n\r\n", BadChunkSize),
    (b"1\r\r\na\r\n", BadChunkSize),
    (b"0\n\r\n", BadChunkSize),
    (b"0\n\n", BadChunkSize),
    (b"0\r\r\n", BadChunkSize),
    (b"1;x\na\r\n", BadChunkSize),
    (b"1;x\ra\r\n", BadChunkSize),
    (b"1;x\r\r\na\r\n", BadChunkSize),
    (b"1;\n1\r\na\r\n", BadChunkSize),
    (b"1;x=\"\n\"\r\na\r\n", BadChunkSize),
    // rule: chunk
    // Control characters in an extension.
    (b"1;\0\r\na\r\n", BadChunkSize),
    (b"1;x\ty\r\na\r\n", BadChunkSize),
    (b"1;\x7f\r\na\r\n", BadChunkSize),
    (b"1;\x1b[0m\r\na\r\n", BadChunkSize),
    // Chunk data that is longer or shorter than it says, or that ends wrongly.
    (b"1\r\nab\r\n", BadChunkEnd),
    (b"2\r\na\r\n0\r\n\r\n", BadChunkEnd),
    (b"1\r\na0\r\n\r\n", BadChunkEnd),
    (b"1\r\na\n0\r\n\r\n", BadChunkEnd),
    (b"1\r\na\r0\r\n\r\n", BadChunkEnd),
    (b"1\r\na\r\r\n0\r\n\r\n", BadChunkEnd),
    (b"1\r\na\n\n0\r\n\r\n", BadChunkEnd),
    (b"1\r\na\0\r\n0\r\n\r\n", BadChunkEnd),
    (b"1\r\na \r\n0\r\n\r\n", BadChunkEnd),
    (b"1\r\na;x\r\n0\r\n\r\n", BadChunkEnd),
    (b"1\r\na\r\n\r\n0\r\n\r\n", BadChunkSize),
    // rule: trailer section
    // A trailer section that is none.
    (b"0\r\n\n", BadTrailer),
    (b"0\r\n\rX", BadTrailer),
    (b"0\r\n\r\r\n", BadTrailer),
    (b"0\r\n X: y\r\n\r\n", BadTrailer),
    (b"0\r\n\tX: y\r\n\r\n", BadTrailer),
    (b"0\r\nX: y\r\n z\r\n\r\n", BadTrailer),
    (b"0\r\nX: y\r\n\tz\r\n\r\n", BadTrailer),
    (b"0\r\nX: y\n\r\n", BadTrailer),
    (b"0\r\nX: y\r\n\n", BadTrailer),
    (b"0\r\nX: y\rZ: a\r\n\r\n", BadTrailer),
    (b"0\r\nX: y\r\n\rZ", BadTrailer),
    (b"0\r\nX: y\r\n\r\r\n", BadTrailer),
    (b"0\r\nX : y\r\n\r\n", BadTrailer),
    (b"0\r\nX\t: y\r\n\r\n", BadTrailer),
    (b"0\r\nX y\r\n\r\n", BadTrailer),
    (b"0\r\nX\r\n\r\n", BadTrailer),
    (b"0\r\n: y\r\n\r\n", BadTrailer),
    (b"0\r\nX(): y\r\n\r\n", BadTrailer),
    (b"0\r\nX\xff: y\r\n\r\n", BadTrailer),
    (b"0\r\nX\0: y\r\n\r\n", BadTrailer),
    (b"0\r\nX: \0\r\n\r\n", BadTrailer),
    (b"0\r\nX: a\x7fb\r\n\r\n", BadTrailer),
    (b"0\r\nX: a\x0bb\r\n\r\n", BadTrailer),
    (b"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadTrailer),
    (b"0\r\n0\r\n\r\n", BadTrailer),
];

#[test]
fn every_bad_body_is_refused_however_it_is_cut() {
    for (body, refusal) in BAD_BODIES {
        let shown = String::from_utf8_lossy(body);
        assert_eq!(outcome(&[body]), Err(*refusal), "{shown:?} whole");
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(outcome(&bytes), Err(*refusal), "{shown:?} byte by byte");
        for cut in 0..=body.len() {
            let (front, back) = body.split_at(cut);
            assert_eq!(outcome(&[front, back]), Err(*refusal), "{shown:?} cut at {cut}");
        }
    }
}

#[test]
fn no_beginning_of_a_good_body_is_complete() {
    let body = b"2;x\r\nab\r\n1\r\nc\r\n0;y\r\nX: y\r\nZ: z\r\n\r\n";
    for end in 0..body.len() {
        assert_eq!(outcome(&[&body[..end]]), Ok(false), "up to {end}");
    }
    assert_eq!(outcome(&[body]), Ok(true));
}

// rule: chunk
#[test]
fn an_extension_is_dropped_up_to_its_limit_and_refused_beyond() {
    for (length, refused) in [(1, false), (255, false), (256, false), (257, true), (9000, true)] {
        // The semicolon counts.
        let extension = "x".repeat(length - 1);
        let body = format!("1;{extension}\r\na\r\n1;{extension}\r\nb\r\n0\r\n\r\n");
        let expected = if refused {
            Err(Refusal::ChunkExtensionTooLong)
        } else {
            Ok(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n".to_vec())
        };
        assert_eq!(whole(body.as_bytes()).map(|p| p.forwarded), expected, "{length}");
    }
}

// rule: trailer section
#[test]
fn a_trailer_section_is_held_back_up_to_its_limit_and_refused_beyond() {
    for (length, refused) in [
        (limits::TRAILER_MAX - 1, false),
        (limits::TRAILER_MAX, false),
        (limits::TRAILER_MAX + 1, true),
        (8 * limits::TRAILER_MAX, true),
    ] {
        let section = format!("X: {}\r\n\r\n", "y".repeat(length - "X: \r\n\r\n".len()));
        let body = format!("0\r\n{section}");
        match whole(body.as_bytes()) {
            Ok(passed) => assert!(!refused && passed.forwarded == body.as_bytes(), "{length}"),
            Err(refusal) => assert!(refused && refusal == Refusal::TrailerTooLarge, "{length}"),
        }
    }
}

// rule: trailer section
#[test]
fn an_endless_trailer_line_is_refused_without_its_end() {
    let mut chunked = Chunked::new();
    chunked.step(b"0\r\nX: ").unwrap();
    let refused = (0..100).find_map(|_| chunked.step(&[b'y'; 1000]).err());
    assert_eq!(refused, Some(Refusal::TrailerTooLarge));
    assert!(chunked.trailer.capacity() <= 2 * limits::TRAILER_MAX);
}

#[test]
fn the_size_of_a_chunk_is_known_before_its_data() {
    let mut chunked = Chunked::new();
    chunked.step(b"3\r\nabc\r\nfffffffffffffff\r").unwrap();
    assert_eq!(chunked.content(), 3);
    chunked.step(b"\n").unwrap();
    assert_eq!(chunked.content(), 3 + 0xfff_ffff_ffff_ffff);
}

#[test]
fn a_decoder_without_trailer_section_owns_no_heap() {
    let mut chunked = Chunked::new();
    chunked.step(b"5;x\r\nhello\r\n0\r\n\r\n").unwrap();
    assert_eq!(chunked.trailer.capacity(), 0);
    assert!(size_of::<Chunked>() <= 56);
}
