//! A relay between two streams that cut, stall and break as chance has it.
//!
//! Whatever the cuts: what one end gets is what the other one sent, byte for byte, but for frames
//! of the gateway's own, and these stand between two frames and never behind a Close.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use tidegate::flow::Stream;
use tidegate::flow::buffer::Buffer;
use tidegate::flow::desk::Desk;
use tidegate::flow::outlet::Outlet;
use tidegate::flow::relay::half::Half;
use tidegate::flow::relay::{Ending, Passage, Pulse, Relay, Side};
use tidegate::websocket::boundary::{close_frame, ping_frame};
use tidegate::websocket::farewell::Farewell;

const MASK: [u8; 4] = [0xa1, 0xb2, 0xc3, 0xd4];
const ROUNDS: usize = 50_000;

/// What is behind the last byte that an end sends.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Rest {
    Silence,
    Fin,
    Reset,
}

/// One end of a tunnel, as the relay sees it.
struct End {
    dice: StdRng,
    sends: VecDeque<u8>,
    rest: Rest,
    got: Vec<u8>,
    finished: bool,
    /// It has gone: writing fails.
    gone: bool,
}

impl End {
    fn new(seed: u64, sends: &[u8], rest: Rest) -> Self {
        let sends = sends.iter().copied().collect();
        let dice = StdRng::seed_from_u64(seed);
        Self { dice, sends, rest, got: Vec::new(), finished: false, gone: false }
    }
}

impl Stream for End {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.dice.random_bool(0.3) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.sends.is_empty() {
            return match self.rest {
                Rest::Silence => Err(io::ErrorKind::WouldBlock.into()),
                Rest::Fin => Ok(0),
                Rest::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            };
        }
        // Mostly morsels, so that every frame is cut somewhere, and now and then a gulp.
        let gulp = if self.dice.random_bool(0.9) { 40 } else { 20_000 };
        let most = self.sends.len().min(room.len()).min(gulp);
        let count = self.dice.random_range(1..=most);
        for (place, byte) in room.iter_mut().zip(self.sends.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.finished, "a byte behind the FIN");
        if self.gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let count = self.dice.random_range(0..=bytes.len());
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.got.extend(&bytes[..count]);
        Ok(count)
    }

    fn finish(&mut self) -> io::Result<()> {
        assert!(!self.finished, "a second FIN");
        self.finished = true;
        Ok(())
    }
}

/// Frames of one endpoint, and where they end.
struct Frames {
    bytes: Vec<u8>,
    edges: Vec<usize>,
}

impl Frames {
    /// Some messages, whole or in fragments, with control frames among them; a Close at the end if
    /// `closed`.
    fn any(dice: &mut StdRng, masked: bool, closed: bool) -> Self {
        let mut frames = Self { bytes: Vec::new(), edges: vec![0] };
        for _ in 0..dice.random_range(0..12) {
            let fragments = dice.random_range(1..4);
            for place in 0..fragments {
                if dice.random_bool(0.2) {
                    let opcode = if dice.random_bool(0.5) { 0x89 } else { 0x8a };
                    let size = dice.random_range(0..20);
                    frames.push(dice, opcode, size, masked);
                }
                let opcode = if place == 0 { 0x02 } else { 0x00 };
                let fin = if place + 1 == fragments { 0x80 } else { 0 };
                let size = [0, 5, 125, 126, 300, 66_000][dice.random_range(0..100) % 17 % 6];
                frames.push(dice, fin | opcode, size, masked);
            }
        }
        if closed {
            let mask = masked.then(|| dice.random());
            frames.bytes.extend(close_frame(1000, "bye", mask));
            frames.edges.push(frames.bytes.len());
        }
        frames
    }

    fn push(&mut self, dice: &mut StdRng, first: u8, size: usize, masked: bool) {
        let bit = if masked { 0x80 } else { 0 };
        self.bytes.push(first);
        match size {
            0..126 => self.bytes.push(bit | size as u8),
            126..65_536 => {
                self.bytes.push(bit | 126);
                self.bytes.extend((size as u16).to_be_bytes());
            }
            _ => {
                self.bytes.push(bit | 127);
                self.bytes.extend((size as u64).to_be_bytes());
            }
        }
        let from = self.bytes.len();
        self.bytes.resize(from + size + if masked { 4 } else { 0 }, 0);
        dice.fill_bytes(&mut self.bytes[from..]);
        self.edges.push(self.bytes.len());
    }
}

fn relay() -> Relay {
    Relay::new(Buffer::default(), Half::to_client(Outlet::default()))
}

/// Advances until the relay has finished, or for as long as anything could still happen.
fn run(relay: &mut Relay, client: &mut End, server: &mut End) -> Option<(Side, ())> {
    let mut desk = Desk::new();
    let mut still = 0;
    for _ in 0..ROUNDS {
        match relay.advance(client, server, &mut desk) {
            Ok(Passage::Finished) => return None,
            Ok(Passage::Blocked { moved: false }) => still += 1,
            Ok(Passage::Blocked { moved: true } | Passage::Yielded) => still = 0,
            Err((side, _)) => return Some((side, ())),
        }
        if still > 200 {
            return None;
        }
    }
    panic!("it never ends");
}

#[test]
fn what_passes_is_what_was_sent() {
    for seed in 0..100 {
        let mut dice = StdRng::seed_from_u64(seed);
        let (up, down) = (Frames::any(&mut dice, true, true), Frames::any(&mut dice, false, true));
        let mut client = End::new(seed + 1, &up.bytes, Rest::Fin);
        let mut server = End::new(seed + 2, &down.bytes, Rest::Fin);
        let mut relay = relay();
        assert_eq!(run(&mut relay, &mut client, &mut server), None);
        assert!(client.got == down.bytes && server.got == up.bytes, "seed {seed}");
        assert!(client.finished && server.finished, "seed {seed}");
        let [from_client, from_server] = relay.halves();
        assert_eq!(from_client.bytes(), up.bytes.len() as u64);
        assert_eq!(from_server.bytes(), down.bytes.len() as u64);
        assert!(relay.ending().is_some_and(|ending| ending.code == 1000));
    }
}

#[test]
fn a_server_that_breaks_off_is_answered_for_between_two_frames_and_only_there() {
    let (mut told, mut cut) = (0, 0);
    for seed in 0..200 {
        let mut dice = StdRng::seed_from_u64(seed);
        let closed = dice.random_bool(0.2);
        let down = Frames::any(&mut dice, false, closed);
        let at = if dice.random_bool(0.5) {
            down.edges[dice.random_range(0..down.edges.len())]
        } else {
            dice.random_range(0..=down.bytes.len())
        };
        let rest = if dice.random_bool(0.5) { Rest::Fin } else { Rest::Reset };
        let up = Frames::any(&mut dice, true, false);
        let mut client = End::new(seed + 1, &up.bytes, Rest::Silence);
        let mut server = End::new(seed + 2, &down.bytes[..at], rest);
        server.gone = rest == Rest::Reset && dice.random_bool(0.5);
        let mut relay = relay();
        assert_eq!(run(&mut relay, &mut client, &mut server), None, "seed {seed}");

        let after_close = closed && at == down.bytes.len();
        let mut expected = down.bytes[..at].to_vec();
        if down.edges.contains(&at) && !after_close {
            expected.extend(close_frame(1011, "server connection lost", None));
            told += 1;
        } else {
            cut += 1;
        }
        assert!(client.got == expected, "seed {seed}");
        assert!(client.finished && relay.is_ending(), "seed {seed}");
        // The client's answer, and its end, let the tunnel go.
        client.sends.extend(close_frame(1011, "", Some(MASK)));
        client.rest = Rest::Fin;
        run(&mut relay, &mut client, &mut server);
        let mut desk = Desk { scratch: vec![0; 1024].into(), ..Desk::new() };
        let mut last = relay.advance(&mut client, &mut server, &mut desk);
        for _ in 0..50 {
            last = relay.advance(&mut client, &mut server, &mut desk);
        }
        assert_eq!(last, Ok(Passage::Finished), "seed {seed}");
    }
    assert!(told > 60 && cut > 60, "{told} told, {cut} cut");
}

/// Whether `got` is a front of `sent` that ends between two frames, and then exactly `close`.
fn is_ended_by(got: &[u8], sent: &Frames, close: &[u8]) -> bool {
    let Some(front) = got.strip_suffix(close) else { return false };
    sent.bytes.starts_with(front) && sent.edges.contains(&front.len())
}

#[test]
fn a_close_of_ours_stands_between_two_frames_and_is_the_last_word() {
    let (mut parted, mut closed_themselves) = (0, 0);
    for seed in 0..200 {
        let mut dice = StdRng::seed_from_u64(seed);
        let closes = dice.random_bool(0.3);
        let up = Frames::any(&mut dice, true, closes);
        let down = Frames::any(&mut dice, false, false);
        let mut client = End::new(seed + 1, &up.bytes, Rest::Silence);
        let mut server = End::new(seed + 2, &down.bytes, Rest::Silence);
        let mut relay = relay();
        let mut desk = Desk::new();
        for _ in 0..dice.random_range(0..60) {
            let passage = relay.advance(&mut client, &mut server, &mut desk);
            assert_ne!(passage, Ok(Passage::Finished));
        }
        relay.part(Farewell::IdleTimeout, MASK, &mut client, &mut server);
        run(&mut relay, &mut client, &mut server);

        let to_client = close_frame(1000, "idle timeout", None);
        let to_server = close_frame(1000, "idle timeout", Some(MASK));
        assert!(is_ended_by(&client.got, &down, &to_client), "seed {seed}");
        if closes && server.got == up.bytes {
            closed_themselves += 1;
        } else {
            assert!(is_ended_by(&server.got, &up, &to_server), "seed {seed}");
            parted += 1;
        }
        // Only an answered Close is followed by the FIN.
        assert_eq!(client.finished, relay.halves()[0].tracker().saw_close().is_some());
        assert!(!server.finished, "seed {seed}");
        if relay.halves()[0].tracker().saw_close().is_none() {
            client.sends.extend(close_frame(1000, "", Some(MASK)));
        }
        server.sends.extend(close_frame(1000, "", None));
        run(&mut relay, &mut client, &mut server);
        assert!(client.finished, "seed {seed}");
        assert!(server.finished || closes, "seed {seed}");
        let ending = relay.ending().expect("it has ended");
        assert!(ending == Ending { by: None, code: 1000 } || closes, "seed {seed}: {ending:?}");
    }
    assert!(parted > 100 && closed_themselves > 3, "{parted}, {closed_themselves}");
}

#[test]
fn a_ping_of_ours_is_seen_by_its_end_alone_and_so_is_the_answer() {
    let mut asked = 0;
    for seed in 0..200 {
        let mut dice = StdRng::seed_from_u64(seed);
        let (up, down) =
            (Frames::any(&mut dice, true, false), Frames::any(&mut dice, false, false));
        let mut client = End::new(seed + 1, &up.bytes, Rest::Silence);
        let mut server = End::new(seed + 2, &down.bytes, Rest::Silence);
        let mut relay = relay();
        run(&mut relay, &mut client, &mut server);
        let nonce: [u8; 8] = dice.random();
        let to_client = relay.ask(Side::Client, nonce, MASK, &mut client);
        let to_server = relay.ask(Side::Server, nonce, MASK, &mut server);
        assert_eq!((to_client, to_server), (Pulse::Asked, Pulse::Asked), "seed {seed}");
        asked += 1;
        run(&mut relay, &mut client, &mut server);
        // Behind the Ping each end sends frames of its own, then the Pong, then more.
        let pong = |nonce: [u8; 8], mask: Option<[u8; 4]>| {
            let mut pong = ping_frame(&nonce, mask);
            pong[0] = 0x8a;
            pong
        };
        let (own, strange): ([u8; 8], [u8; 8]) = (dice.random(), dice.random());
        let mut near = nonce;
        near[7] ^= 1;
        let before = [pong(own, Some(MASK)), pong(near, Some(MASK))].concat();
        let after = Frames::any(&mut dice, true, false).bytes;
        let key = dice.random();
        client.sends.extend([&*before, &pong(nonce, Some(key)), &after].concat());
        let from_server = [ping_frame(&strange, None), pong(near, None)].concat();
        server.sends.extend([&*from_server, &pong(nonce, None), &from_server].concat());
        run(&mut relay, &mut client, &mut server);

        let expected = [&*up.bytes, &ping_frame(&nonce, Some(MASK)), &before, &after].concat();
        assert!(server.got == expected, "seed {seed}");
        let expected =
            [&*down.bytes, &ping_frame(&nonce, None), &from_server, &from_server].concat();
        assert!(client.got == expected, "seed {seed}");
        assert!(!relay.is_asking(), "seed {seed}");
    }
    assert_eq!(asked, 200);
}

#[test]
fn a_side_that_is_silent_when_asked_twice_is_lost_and_never_gets_a_second_ping() {
    let mut relay = relay();
    let (mut client, mut server) =
        (End::new(1, &[], Rest::Silence), End::new(2, &[], Rest::Silence));
    let ask = |relay: &mut Relay, client: &mut End| relay.ask(Side::Client, [7; 8], MASK, client);
    assert_eq!(ask(&mut relay, &mut client), Pulse::Asked);
    run(&mut relay, &mut client, &mut server);
    assert_eq!(ask(&mut relay, &mut client), Pulse::Awaited);
    assert_eq!(ask(&mut relay, &mut client), Pulse::Lost);
    run(&mut relay, &mut client, &mut server);
    assert_eq!(client.got, ping_frame(&[7; 8], None));
    assert!(server.got.is_empty());
}

#[test]
fn a_side_that_speaks_is_alive_though_it_answered_another_ping() {
    let mut relay = relay();
    let (mut client, mut server) =
        (End::new(1, &[], Rest::Silence), End::new(2, &[], Rest::Silence));
    for nonce in 0..5 {
        let pulse = relay.ask(Side::Client, [nonce; 8], MASK, &mut client);
        assert_eq!(pulse, Pulse::Asked, "{nonce}");
        let mut pong = ping_frame(b"yours", Some(MASK));
        pong[0] = 0x8a;
        client.sends.extend(pong);
        run(&mut relay, &mut client, &mut server);
    }
    assert_eq!(client.got.len(), 5 * 10);
    assert_eq!(server.got.len(), 5 * 11);
}

#[test]
fn a_side_that_speaks_and_does_not_answer_is_alive_and_gets_no_second_ping() {
    let mut relay = relay();
    let (mut client, mut server) =
        (End::new(1, &[], Rest::Silence), End::new(2, &[], Rest::Silence));
    let ask = |relay: &mut Relay, client: &mut End, nonce| {
        relay.ask(Side::Client, [nonce; 8], MASK, client)
    };
    assert_eq!(ask(&mut relay, &mut client, 1), Pulse::Asked);
    // A message that takes its time: the Pong can only stand behind it.
    client.sends.extend([0x82, 0x80 | 100, 0, 0, 0, 0]);
    for nonce in 2..12 {
        client.sends.extend([7; 10]);
        run(&mut relay, &mut client, &mut server);
        assert_eq!(ask(&mut relay, &mut client, nonce), Pulse::Awaited);
    }
    client.sends.extend([0x8a, 0x88, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    run(&mut relay, &mut client, &mut server);
    assert_eq!(ask(&mut relay, &mut client, 12), Pulse::Asked);
    run(&mut relay, &mut client, &mut server);
    let pings = [ping_frame(&[1; 8], None), ping_frame(&[12; 8], None)].concat();
    assert_eq!(client.got, pings);
    assert_eq!(server.got.len(), 106, "neither Pong has crossed");
}

#[test]
fn the_answer_to_a_close_is_understood_behind_the_front_of_a_frame_that_was_held_back() {
    let mut relay = relay();
    let (mut client, mut server) =
        (End::new(1, &[], Rest::Silence), End::new(2, &[], Rest::Silence));
    assert_eq!(relay.ask(Side::Client, [7; 8], MASK, &mut client), Pulse::Asked);
    client.sends.extend([0x8a, 0x88, 1]);
    run(&mut relay, &mut client, &mut server);
    relay.part(Farewell::MaxAge, MASK, &mut client, &mut server);
    client.sends.extend([2, 3, 4, 6, 5, 4, 3, 6, 5, 4, 3]);
    client.sends.extend(close_frame(1012, "", Some(MASK)));
    run(&mut relay, &mut client, &mut server);
    assert!(client.finished, "it answered");
    assert_eq!(server.got, close_frame(1012, "maximum age", Some(MASK)));
}

#[test]
fn bytes_that_are_no_frames_pass_as_they_are_and_nothing_is_added() {
    for seed in 0..100 {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut noise = vec![0x83; 5000];
        dice.fill_bytes(&mut noise[1..]);
        let mut client = End::new(seed, &noise, Rest::Silence);
        let mut server = End::new(seed + 1, &noise, Rest::Silence);
        let mut relay = relay();
        run(&mut relay, &mut client, &mut server);
        assert_eq!(relay.ask(Side::Client, [1; 8], MASK, &mut client), Pulse::Skipped);
        relay.part(Farewell::MaxAge, MASK, &mut client, &mut server);
        server.rest = Rest::Fin;
        run(&mut relay, &mut client, &mut server);
        assert!(client.got == noise && server.got == noise, "seed {seed}");
        assert!(client.finished);
        server.rest = Rest::Reset;
    }
}
