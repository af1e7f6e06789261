//! The tracker beside a naive parser, on streams whole and cut; the frames of our own beside
//! another implementation.

use super::*;
use std::io::{Cursor, Read, Write};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tungstenite::protocol::{CloseFrame, Role, WebSocket};
use tungstenite::{Bytes, Error, Message};

/// A frame as its sender would write it, right or wrong.
fn frame(first: u8, sender: Sender, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mask = if sender == Sender::Client { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(mask | len as u8),
        len @ 126..65_536 => {
            bytes.push(mask | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(mask | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    if sender == Sender::Client {
        bytes.extend(key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// A legal stream: fragmented messages, control frames between them, perhaps a Close at the end.
fn legal_stream(rng: &mut StdRng, sender: Sender) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut in_message = false;
    for _ in 0..rng.random_range(1..12) {
        let key = rng.random();
        let rsv = rng.random_range(0..8) << 4;
        let data = rng.random_range(0..4) > 0;
        let fin = if !data || rng.random_bool(0.6) { 0x80 } else { 0 };
        let (opcode, longest) = match (data, in_message) {
            (true, false) => (rng.random_range(1..3), [3, 130, 70_000][rng.random_range(0..3)]),
            (true, true) => (0, 300),
            (false, _) => (rng.random_range(9..11), 126),
        };
        in_message = if data { fin == 0 } else { in_message };
        let payload: Vec<u8> = (0..rng.random_range(0..longest)).map(|_| rng.random()).collect();
        stream.extend(frame(fin | rsv | opcode, sender, &payload, key));
    }
    if rng.random_bool(0.3) {
        let reason = "x".repeat(rng.random_range(0..100));
        let payload = [&rng.random_range(1_u16..5000).to_be_bytes(), reason.as_bytes()].concat();
        let payload = if rng.random_bool(0.2) { Vec::new() } else { payload };
        stream.extend(frame(0x88, sender, &payload, rng.random()));
    }
    stream
}

/// What the tracker has to know, found by indexing whole frames in the whole stream.
#[derive(PartialEq, Debug, Default)]
struct Seen {
    boundaries: Vec<usize>,
    lost: bool,
    messages: u64,
    control_frames: u32,
    in_message: bool,
    close: Option<u16>,
}

fn parse(stream: &[u8], sender: Sender) -> Seen {
    let mut seen = Seen { boundaries: vec![0], ..Seen::default() };
    let mut rest = stream;
    loop {
        let masked = sender == Sender::Client;
        let Some((&first, tail)) = rest.split_first() else { return seen };
        let (fin, opcode) = (first >> 7 == 1, first & 15);
        let legal = match opcode {
            0 => seen.in_message,
            1 | 2 => !seen.in_message,
            8..=10 => fin,
            _ => false,
        };
        seen.lost = !legal;
        let Some((&second, tail)) = tail.split_first().filter(|_| legal) else { return seen };
        let short = u64::from(second & 127);
        let long_control = opcode >= 8 && short > 125;
        seen.lost = (second >> 7 == 1) != masked || long_control || (opcode == 8 && short == 1);
        let width = [0, 2, 8][usize::from(short > 125) + usize::from(short > 126)];
        if seen.lost || tail.len() < width {
            return seen;
        }
        let (extended, tail) = tail.split_at(width);
        let number =
            extended.iter().fold(0_u64, |sum, &byte| sum.wrapping_mul(256) + u64::from(byte));
        let len = if width == 0 { short } else { number };
        seen.lost = (width == 2 && len < 126) || (width == 8 && !(65_536..1 << 63).contains(&len));
        let key_len = if masked { 4 } else { 0 };
        if seen.lost || tail.len() < key_len {
            return seen;
        }
        let (key, tail) = tail.split_at(key_len);
        let unmask = |at: usize| tail[at] ^ if masked { key[at] } else { 0 };
        if opcode == 8 && len >= 2 && tail.len() >= 2 && seen.close.is_none() {
            seen.close = Some(u16::from_be_bytes([unmask(0), unmask(1)])).filter(|&code| code > 0);
        }
        if (tail.len() as u64) < len {
            return seen;
        }
        rest = &tail[len as usize..];
        seen.boundaries.push(stream.len() - rest.len());
        if opcode >= 8 {
            seen.control_frames += 1;
            seen.close = seen.close.or_else(|| (opcode == 8).then_some(NO_CODE));
        } else {
            seen.in_message = !fin;
            seen.messages += u64::from(fin);
        }
    }
}

/// Follows a stream cut at random places and compares with the parser at each of them.
fn compare(stream: &[u8], sender: Sender, rng: &mut StdRng) {
    let whole = parse(stream, sender);
    let mut tracker = Tracker::new(sender);
    let mut at = 0;
    while at < stream.len() {
        let piece = [1, 2, 9, 200, 90_000][rng.random_range(0..5)].min(stream.len() - at);
        tracker.follow(&stream[at..at + piece]);
        at += piece;
        let lost_by_now = parse(&stream[..at], sender);
        assert_eq!(tracker.is_lost(), lost_by_now.lost, "at {at}");
        assert_eq!(tracker.at_boundary(), !lost_by_now.lost && whole.boundaries.contains(&at));
        assert_eq!(tracker.messages(), lost_by_now.messages);
        assert_eq!(tracker.control_frames(), lost_by_now.control_frames);
        assert_eq!(tracker.in_message(), lost_by_now.in_message);
        assert_eq!(tracker.saw_close(), lost_by_now.close);
    }
    let mut at_once = Tracker::new(sender);
    at_once.follow(stream);
    assert_eq!(tracker, at_once, "the cuts made a difference");
}

#[test]
fn every_cut_of_a_legal_stream_agrees_with_a_naive_parser() {
    for seed in 0..400 {
        let mut rng = StdRng::seed_from_u64(seed);
        let sender = [Sender::Client, Sender::Server][seed as usize % 2];
        let stream = legal_stream(&mut rng, sender);
        let seen = parse(&stream, sender);
        assert!(!seen.lost && seen.boundaries.last() == Some(&stream.len()));
        compare(&stream, sender, &mut rng);
    }
}

#[test]
fn a_damaged_stream_agrees_with_a_naive_parser_too() {
    for seed in 0..1_000 {
        let mut rng = StdRng::seed_from_u64(seed);
        let sender = [Sender::Client, Sender::Server][seed as usize % 2];
        let mut stream = legal_stream(&mut rng, sender);
        // Mostly near the start, where a header is likely to be hit.
        for _ in 0..rng.random_range(1..4) {
            let reach = if rng.random_bool(0.7) { stream.len().min(16) } else { stream.len() };
            let at = rng.random_range(0..reach);
            stream[at] ^= 1 << rng.random_range(0..8);
        }
        compare(&stream, sender, &mut rng);
    }
}

#[test]
fn an_illegal_frame_ends_the_tracking_for_good() {
    let table: [(&str, Sender, &[u8]); 18] = [
        ("reserved opcode 3", Sender::Server, b"\x83"),
        ("reserved opcode 15", Sender::Server, b"\x8f"),
        ("fragmented Close", Sender::Server, b"\x08"),
        ("fragmented Ping", Sender::Server, b"\x09"),
        ("Ping of 126 bytes", Sender::Server, b"\x89\x7e"),
        ("Pong of 127 and more", Sender::Server, b"\x8a\x7f"),
        ("Close with half a code", Sender::Server, b"\x88\x01"),
        ("16-bit length of 125", Sender::Server, b"\x82\x7e\x00\x7d"),
        ("64-bit length of 65,535", Sender::Server, b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
        ("64-bit length, high bit", Sender::Server, b"\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00"),
        ("masked by the server", Sender::Server, b"\x81\x80"),
        ("not masked by the client", Sender::Client, b"\x81\x00"),
        ("16-bit length, not masked", Sender::Client, b"\x81\x7e"),
        ("continuation of nothing", Sender::Server, b"\x80"),
        ("continuation after the end", Sender::Server, b"\x01\x00\x80\x00\x80"),
        ("message inside a message", Sender::Server, b"\x01\x00\x81"),
        ("the same after a Ping", Sender::Server, b"\x01\x00\x89\x00\x02"),
        ("the same, after a fragment", Sender::Server, b"\x01\x00\x00\x00\x82"),
    ];
    for (what, sender, stream) in table {
        let mut tracker = Tracker::new(sender);
        let (last, legal) = stream.split_last().expect("no row is empty");
        tracker.follow(legal);
        assert!(!tracker.is_lost(), "{what}: too early");
        tracker.follow(&[*last]);
        assert!(tracker.is_lost(), "{what}");
        assert_eq!(tracker.finish_frame(b"\x81\x00"), 2);
        tracker.follow(b"\x81\x00");
        assert!(tracker.is_lost() && !tracker.at_boundary() && !tracker.takes_frame(), "{what}");
    }
}

#[test]
fn lengths_at_the_edges_are_legal() {
    let longest = b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff";
    let table: [(&[u8], u64); 4] = [
        (b"\x82\x7d", 125),
        (b"\x82\x7e\x00\x7e", 126),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 65_536),
        (longest, i64::MAX as u64),
    ];
    for (header, len) in table {
        let mut tracker = Tracker::new(Sender::Server);
        tracker.follow(header);
        let frame = Frame { opcode: Opcode::Message, fin: true };
        assert_eq!(tracker.state, State::Payload { frame, len });
    }
}

#[test]
fn a_frame_is_finished_and_no_more() {
    let mut tracker = Tracker::new(Sender::Server);
    assert_eq!(tracker.finish_frame(b"\x81\x01a"), 0, "a boundary needs no bytes");
    tracker.follow(b"\x01");
    assert_eq!(tracker.finish_frame(b"\x03ab"), 3);
    assert_eq!(tracker.finish_frame(b"c\x80\x00"), 1);
    assert!(tracker.at_boundary() && tracker.in_message() && tracker.takes_frame());
    tracker.follow(b"\x80\x00\x88\x02\x03\xe9");
    assert_eq!((tracker.messages(), tracker.control_frames()), (1, 1));
    assert_eq!(tracker.saw_close(), Some(1001));
    assert!(tracker.at_boundary() && !tracker.takes_frame(), "nothing follows a Close");
}

#[test]
fn a_tracker_is_small() {
    assert!(size_of::<Tracker>() <= 32);
}

/// A peer that has sent some bytes and listens to nothing.
struct Peer(Cursor<Vec<u8>>);

impl Read for Peer {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn read_by_another(bytes: Vec<u8>, mask: Option<[u8; 4]>) -> Result<Message, Error> {
    let role = if mask.is_some() { Role::Server } else { Role::Client };
    WebSocket::from_raw_socket(Peer(Cursor::new(bytes)), role, None).read()
}

#[test]
fn our_frames_are_read_by_another_implementation_and_by_the_tracker() {
    // Each character takes three bytes: 123 bytes hold 41 of them.
    let long = "\u{20ac}".repeat(50);
    let table = [
        (1001, "going away", Some((1001, "going away"))),
        (1011, "", Some((1011, ""))),
        (1000, long.as_str(), Some((1000, &long[..123]))),
        (4000, &long[..122 - 122 % 3], Some((4000, &long[..120]))),
        (1005, "no", None),
        (1006, "no", None),
        (1015, "no", None),
        (0, "no", None),
    ];
    for mask in [None, Some([0x37, 0xfa, 0x21, 0x3d])] {
        let sender = if mask.is_some() { Sender::Client } else { Sender::Server };
        for (code, reason, expected) in table {
            let bytes = close_frame(code, reason, mask);
            let mut tracker = Tracker::new(sender);
            tracker.follow(&bytes);
            assert!(tracker.at_boundary());
            assert_eq!(tracker.saw_close(), Some(expected.map_or(NO_CODE, |(code, _)| code)));
            let expected = expected
                .map(|(code, reason)| CloseFrame { code: code.into(), reason: reason.into() });
            let message = read_by_another(bytes, mask).expect("a legal Close");
            assert_eq!(message, Message::Close(expected));
        }
        for len in [0, 1, 125, 126] {
            let payload = vec![b'p'; len];
            let message = read_by_another(ping_frame(&payload, mask), mask).expect("a legal Ping");
            assert_eq!(message, Message::Ping(Bytes::from(payload[..len.min(125)].to_vec())));
        }
    }
}
