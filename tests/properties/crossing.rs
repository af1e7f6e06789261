//! Conservation: what goes into an exchange or a relay comes out of it, whatever the sockets do.
//!
//! An input is a script in three parts between lines of `====`: how the connections behave, what
//! the client sends, what the server sends. The first part's bytes are knobs, in this order:
//!
//! ```text
//!   temper   the most bytes that cross at once         end    does the server close at the end?
//!   haste    does the server speak before it is asked  break  which connection breaks, and when
//! ```

use std::net::{IpAddr, Ipv4Addr};

use tidegate::flow::buffer::Buffer;
use tidegate::flow::desk::Desk;
use tidegate::flow::exchange::{Awaits, Exchange, Fault, Progress};
use tidegate::flow::outlet::Outlet;
use tidegate::flow::pump::Trouble;
use tidegate::flow::relay::half::Half;
use tidegate::flow::relay::{Passage, Relay};
use tidegate::http::forward::{self, Hop};
use tidegate::http::framing::Framing;
use tidegate::http::head::{Asked, HeadLimits, Lines, RequestHead, ResponseHead};
use tidegate::limits;
use tidegate::peer::Peer;
use tidegate::websocket::boundary::close_frame;
use tidegate::websocket::handshake::{Accept, check_request};

use super::fickle::{Fickle, Temper};

const SEPARATOR: &[u8] = b"\n====\n";
const HOP: Hop = Hop {
    peer: Peer::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    trusted: false,
    authority: "gateway.test",
    request_id: b"",
};
const LIMITS: HeadLimits = HeadLimits { max_bytes: 4096, max_fields: 64 };
/// Chunked content beyond this is refused.
const CONTENT_MAX: u64 = 512;
/// Calls without a byte after which nothing more will cross: a fickle stream blocks once at most.
const PATIENCE: usize = 4;

/// The parts of an input.
struct Script<'a> {
    knobs: [u8; 4],
    client: &'a [u8],
    server: &'a [u8],
}

/// How an exchange came out.
#[derive(Debug, PartialEq)]
enum Outcome {
    Complete { status: u16, persist_client: bool },
    Upgraded,
    Fault(Fault),
    Waits(Awaits),
}

/// One run of an exchange, and what is left of everything.
struct Run {
    outcome: Outcome,
    client: Fickle,
    server: Fickle,
    inbox: Buffer,
}

/// What a request must look like to the server, and where its bytes end.
struct Expected {
    to_server: Vec<u8>,
    /// Bytes of the client's that are the request's; `None` if its body is unfinished or refused.
    len: Option<usize>,
    asked: Asked,
}

impl<'a> Script<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let mut parts = [&b""[..]; 3];
        let mut rest = bytes;
        for part in &mut parts {
            let end = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
            *part = &rest[..end.unwrap_or(rest.len())];
            rest = end.map_or(&[], |end| &rest[end + SEPARATOR.len()..]);
        }
        let [knob_bytes, client, server] = parts;
        let mut knobs = [0; 4];
        knobs.iter_mut().zip(knob_bytes).for_each(|(knob, byte)| *knob = *byte);
        Self { knobs, client, server }
    }

    fn temper(&self) -> Temper {
        let [temper, ..] = self.knobs;
        Temper::Fickle(1 + usize::from(temper % 64) * usize::from(temper % 64))
    }

    fn ends(&self) -> bool {
        self.knobs[1] % 2 == 1
    }

    fn is_hasty(&self) -> bool {
        self.knobs[2] % 2 == 1
    }

    /// Which of two streams breaks, and after how many bytes.
    fn breaks(&self) -> Option<(bool, usize)> {
        let broken = self.knobs[3];
        (broken % 2 == 1).then(|| (broken & 2 == 0, usize::from(broken / 4) * 5))
    }
}

/// Between fickle connections an exchange does what it does between calm ones.
pub fn exchange(bytes: &[u8]) {
    let script = Script::of(bytes);
    let mut lines = Lines::new();
    let Ok(Some(head)) = RequestHead::parse(script.client, &mut lines, LIMITS) else { return };
    let Ok(accept) = head.asks_websocket.then(|| check_request(&head)).transpose() else { return };
    let expected = Expected::of(&head, script.client);

    let calm = run(&script, accept, &expected, Temper::Calm);
    let fickle = run(&script, accept, &expected, script.temper());
    for run in [&calm, &fickle] {
        assert_server_saw(run, &expected, &script);
        assert_client_saw(run, &expected, &script);
    }
    if script.breaks().is_none() && !script.is_hasty() {
        if is_unfinished(&script, &expected, &calm, &fickle) {
            return;
        }
        assert_eq!(fickle.outcome, calm.outcome);
        assert_same_response(&fickle, &calm, expected.asked);
    }
}

impl Expected {
    fn of(head: &RequestHead<'_, '_>, client: &[u8]) -> Self {
        let mut to_server = Vec::new();
        forward::request(head, &HOP, &mut to_server);
        let mut framing = head.framing.clone();
        // Byte by byte, so that nothing in front of a fault is missing.
        let mut at = head.len;
        let mut allowed = true;
        while at < client.len() && !framing.is_complete() && allowed {
            let Ok(step) = framing.step(&client[at..=at]) else { break };
            if let Framing::Chunked(chunked) = &framing {
                allowed = chunked.content() <= CONTENT_MAX;
            }
            to_server.extend_from_slice(&client[at..at + step.forward]);
            at += step.consumed();
        }
        to_server.extend(framing.take_tail().unwrap_or_default());
        let asked =
            Asked { head: head.is_head(), websocket: head.asks_websocket, version: head.version };
        Self { to_server, len: (framing.is_complete() && allowed).then_some(at), asked }
    }
}

fn run(script: &Script<'_>, accept: Option<Accept>, expected: &Expected, temper: Temper) -> Run {
    let mut lines = Lines::new();
    let parsed = RequestHead::parse(script.client, &mut lines, LIMITS);
    let head = parsed.expect("it was accepted before").expect("it was whole before");
    // Some of the body comes with the head; calm clients send all of it at once.
    let body = &script.client[head.len..];
    let early = match temper {
        Temper::Calm => body.len().min(limits::SCRATCH),
        Temper::Fickle(most) => body.len().min(most - 1),
    };
    let mut desk = Desk::new();
    desk.scratch[..early].copy_from_slice(&body[..early]);
    let mut client = Fickle::new(&body[early..], temper, script.client);
    let mut server = Fickle::new(script.server, temper, script.server);
    server.ends = script.ends();
    // Without haste it waits for the whole request, so that only one of the two has its say.
    let patience = expected.len.map_or(usize::MAX, |_| expected.to_server.len());
    server.speaks_after = if script.is_hasty() { 0 } else { patience };
    match script.breaks() {
        Some((true, bytes)) => client.breaks_after = bytes,
        Some((false, bytes)) => server.breaks_after = bytes,
        None => {}
    }

    let mut exchange = Exchange::blank();
    exchange.prepare(head, &HOP, accept, CONTENT_MAX);
    let mut inbox = Buffer::default();
    let (mut early, mut idle) = (0..early, 0);
    let outcome = loop {
        let range = std::mem::replace(&mut early, 0..0);
        match exchange.advance(&mut client, &mut server, &mut inbox, &mut desk, range) {
            Ok(Progress::Complete(end)) => {
                break Outcome::Complete { status: end.status, persist_client: end.persist_client };
            }
            Ok(Progress::Upgraded) => break Outcome::Upgraded,
            Err(fault) => break Outcome::Fault(fault),
            Ok(Progress::Blocked { awaits, moved }) => {
                idle = if moved { 0 } else { idle + 1 };
                if idle > PATIENCE {
                    break Outcome::Waits(awaits);
                }
            }
            Ok(Progress::Yielded) => idle = 0,
        }
        let most = 2 * limits::SCRATCH + limits::RESPONSE_HEAD_MAX + LIMITS.max_bytes;
        assert!(exchange.held() <= most, "{} bytes held", exchange.held());
    };
    client.output.extend_from_slice(exchange.take_backlog().as_slice());
    Run { outcome, client, server, inbox }
}

/// The server has the front of the one request, all of it if the exchange is complete, and not a
/// byte of what follows it.
fn assert_server_saw(run: &Run, expected: &Expected, script: &Script<'_>) {
    let saw = &run.server.output;
    let text = saw.escape_ascii();
    if script.is_hasty() || script.breaks().is_some() {
        // A request given up on the way ends early, but never otherwise.
        assert!(expected.to_server.starts_with(saw), "{text}");
    } else if let Some(len) = expected.len {
        assert_eq!(text.to_string(), expected.to_server.escape_ascii().to_string());
        let rest = [run.inbox.as_slice(), run.client.unread()].concat();
        assert_eq!(rest, script.client[len..], "the next request is not whole");
    } else {
        assert!(expected.to_server.starts_with(saw), "{text}");
    }
}

/// The client has the front of the server's response, re-framed, and all of it at the end.
fn assert_client_saw(run: &Run, expected: &Expected, script: &Script<'_>) {
    let went = Answers::read(script.server, expected.asked);
    let saw = Answers::read(&run.client.output, expected.asked);
    if run.outcome == Outcome::Upgraded {
        assert_eq!(saw.status, Some(101));
        assert!(went.behind.starts_with(&saw.behind), "bytes of the tunnel are lost");
        return;
    }
    assert!(saw.behind.is_empty(), "behind a response: {}", saw.behind.escape_ascii());
    assert!(went.content.starts_with(&saw.content), "{}", saw.content.escape_ascii());
    if let Outcome::Complete { status, .. } = run.outcome {
        assert_eq!((saw.status, went.status), (Some(status), Some(status)));
        assert_eq!(saw.content, went.content);
        assert!(saw.complete, "{}", run.client.output.escape_ascii());
    }
}

/// A response head that comes in pieces is read line by line: one that is wrong in a line without
/// an end is refused at once only if it came at once.
fn is_unfinished(script: &Script<'_>, expected: &Expected, calm: &Run, fickle: &Run) -> bool {
    let head = Answers::read(script.server, expected.asked).unread;
    let refused = matches!(calm.outcome, Outcome::Fault(Fault::Server(Trouble::Refused(_))));
    let pending =
        matches!(fickle.outcome, Outcome::Waits(_) | Outcome::Fault(Fault::Server(Trouble::Cut)));
    let ended = head.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let bounds = HeadLimits {
        max_bytes: limits::RESPONSE_HEAD_MAX,
        max_fields: limits::RESPONSE_FIELDS_MAX,
    };
    let read = ResponseHead::parse(&head[..ended], &mut Lines::new(), expected.asked, bounds)
        .is_ok_and(|head| head.is_none());
    refused && pending && read
}

/// Chunks that the gateway makes may be cut otherwise; all else is the same. How much of a response
/// leaves before a fault is met in it, is a matter of cuts, too.
fn assert_same_response(fickle: &Run, calm: &Run, asked: Asked) {
    let [one, other] = [fickle, calm].map(|run| Answers::read(&run.client.output, asked));
    match calm.outcome {
        Outcome::Fault(_) => {}
        Outcome::Upgraded => assert_eq!(one.heads, other.heads),
        Outcome::Complete { .. } | Outcome::Waits(_) => {
            assert_eq!((one.heads, one.content), (other.heads, other.content));
        }
    }
}

/// The responses to one request, with their interim ones.
#[derive(Default)]
struct Answers {
    heads: String,
    /// Of the final one.
    status: Option<u16>,
    content: Vec<u8>,
    /// Its end was seen, or is where the bytes end.
    complete: bool,
    behind: Vec<u8>,
    /// What is no head, or not a whole one.
    unread: Vec<u8>,
}

impl Answers {
    fn read(bytes: &[u8], asked: Asked) -> Self {
        let mut answers = Self::default();
        let mut rest = bytes;
        while answers.status.is_none() {
            let mut lines = Lines::new();
            let limits = HeadLimits { max_bytes: 1 << 20, max_fields: 256 };
            let parsed = ResponseHead::parse(rest, &mut lines, asked, limits);
            let Ok(Some(head)) = parsed else {
                answers.unread = rest.to_vec();
                return answers;
            };
            answers.heads.push_str(&rest[..head.len].escape_ascii().to_string());
            rest = &rest[head.len..];
            if head.is_interim() {
                continue;
            }
            answers.status = Some(head.status);
            let mut framing = head.framing;
            framing.content_only();
            let until_close = framing == Framing::UntilClose;
            while !rest.is_empty() && !framing.is_complete() {
                let Ok(step) = framing.step(&rest[..1]) else { return answers };
                answers.content.extend_from_slice(&rest[..step.forward]);
                rest = &rest[step.consumed()..];
            }
            answers.complete = framing.is_complete() || until_close;
            answers.behind = rest.to_vec();
        }
        answers
    }
}

/// A relay passes on what each side says, to the byte, and then that it has finished.
pub fn relay(bytes: &[u8]) {
    let script = Script::of(bytes);
    let mut client = Fickle::new(script.client, script.temper(), script.client);
    let mut server = Fickle::new(script.server, script.temper(), script.server);
    client.ends = !script.is_hasty();
    server.ends = script.ends();
    match script.breaks() {
        Some((true, bytes)) => client.breaks_after = bytes,
        Some((false, bytes)) => server.breaks_after = bytes,
        None => {}
    }
    let mut there = Buffer::default();
    there.push(b"before ");
    let early = &script.server[..script.server.len() / 3];
    let mut back = Half::to_client(Outlet::default());
    let begun = back.begin(b"", early, &mut client);
    let to_server = [b"before ", script.client].concat();
    let to_client = [early, script.server].concat();
    if begun.is_err() {
        return;
    }
    let mut relay = Relay::new(there, back);
    let mut desk = Desk { scratch: vec![0; 256].into(), ..Desk::new() };
    let mut idle = 0;
    let broken = loop {
        match relay.advance(&mut client, &mut server, &mut desk) {
            Ok(Passage::Finished) => break false,
            Ok(Passage::Blocked { moved: false }) if idle > PATIENCE => break false,
            Ok(Passage::Blocked { moved }) => idle = if moved { 0 } else { idle + 1 },
            Ok(Passage::Yielded) => idle = 0,
            Err(_) => break true,
        }
        assert!(relay.held() <= 2 * desk.scratch.len() + 7 + script.server.len());
    };
    // A server that ends without a Close is the one case in which the relay speaks for itself: one
    // frame, between two of the server's.
    let farewell = close_frame(1011, "server connection lost", None);
    let said = client.output.strip_suffix(&farewell[..]).unwrap_or(&client.output);
    let excused = broken || script.breaks().is_some();
    if excused {
        assert!(script.breaks().is_some(), "a whole connection was called broken");
        assert!(to_server.starts_with(&server.output));
        // Cut short, the frame of ours may be too; and what was cut off may begin like it.
        let common = client.output.iter().zip(&to_client).take_while(|(a, b)| a == b).count();
        let mut places = common.saturating_sub(farewell.len())..=common;
        assert!(places.any(|place| farewell.starts_with(&client.output[place..])));
        return;
    }
    assert_eq!(server.output, to_server);
    assert!(client.output == to_client || (server.ends && said == to_client));
    assert_eq!(relay.held(), 0);
}
