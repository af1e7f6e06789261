//! Bodies of any size cross at the pace of whoever is slower, in bounded memory.

use crate::origin::Origin;
use crate::support::{Gateway, config, http, in_front_of, wait_until};
use crate::wire::{Body, Length, Wire};
use std::thread;

const MIB: usize = 1 << 20;

/// Far more than the gateway may hold.
const LARGE: usize = 200 * MIB;

/// What the whole process may ever take, in bytes.
const MEMORY_MAX: u64 = 16 << 20;

/// A body of [`LARGE`] bytes: its megabytes are windows into one pattern, no two of them that
/// follow each other alike.
struct Content {
    pattern: Vec<u8>,
}

impl Content {
    /// A prime, so that a shift by any power of two shows.
    const PERIOD: usize = 251;

    fn new() -> Self {
        let bytes = 0..MIB + Self::PERIOD;
        Self { pattern: bytes.map(|at| (at % Self::PERIOD) as u8).collect() }
    }

    fn piece(&self, number: usize) -> &[u8] {
        &self.pattern[number % Self::PERIOD..][..MIB]
    }
}

/// Sends all of it in that framing, on a thread of its own.
fn pour_in(mut wire: Wire, chunked: bool) -> thread::JoinHandle<Wire> {
    thread::spawn(move || {
        let content = Content::new();
        for number in 0..LARGE / MIB {
            if chunked {
                // Sizes that fit nobody's buffers.
                for chunk in content.piece(number).chunks(70_001) {
                    wire.send(format!("{:x}\r\n", chunk.len()));
                    wire.send(chunk);
                    wire.send("\r\n");
                }
            } else {
                wire.send(content.piece(number));
            }
        }
        if chunked {
            wire.send("0\r\n\r\n");
        }
        wire
    })
}

/// Reads such a body, and compares each byte.
fn assert_arrives(wire: &mut Wire, length: Length) {
    let (mut at, content) = (0, Content::new());
    let poured = wire.pour(length, &mut Body::default(), |_, mut bytes| {
        while !bytes.is_empty() {
            let count = bytes.len().min(MIB - at % MIB);
            let expected = &content.piece(at / MIB)[at % MIB..][..count];
            assert!(bytes[..count] == *expected, "wrong near byte {at}");
            at += count;
            bytes = &bytes[count..];
        }
    });
    assert_eq!((poured, at), (Ok(()), LARGE));
}

fn assert_bounded(gateway: &Gateway) {
    let peak = gateway.peak_memory();
    assert!(peak < MEMORY_MAX, "{peak} bytes of memory");
}

fn framing(chunked: bool) -> (String, Length) {
    if chunked {
        ("Transfer-Encoding: chunked".to_owned(), Length::Chunks)
    } else {
        (format!("Content-Length: {LARGE}"), Length::Exactly(LARGE as u64))
    }
}

fn a_large_response_crosses(chunked: bool) {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/large");
    let (mut server, _) = origin.accept_request();
    let (field, length) = framing(chunked);
    server.send(format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n"));
    let pouring = pour_in(server.into(), chunked);
    assert_eq!(client.heads().1.status(), 200);
    assert_arrives(&mut client, length);
    pouring.join().expect("all was sent");
    assert_bounded(&gateway);
}

fn a_large_request_crosses(chunked: bool) {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    let (field, length) = framing(chunked);
    client.send(format!("PUT /large HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
    let pouring = pour_in(client.into(), chunked);
    let mut server = origin.accept();
    server.head();
    assert_arrives(&mut server, length);
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    let mut client = pouring.join().expect("all was sent");
    assert_eq!(client.head().status(), 204);
    assert_bounded(&gateway);
}

#[test]
fn two_hundred_megabytes_of_known_length_come_back() {
    a_large_response_crosses(false);
}

#[test]
fn two_hundred_megabytes_in_chunks_come_back() {
    a_large_response_crosses(true);
}

#[test]
fn two_hundred_megabytes_of_known_length_go_there() {
    a_large_request_crosses(false);
}

#[test]
fn two_hundred_megabytes_in_chunks_go_there() {
    a_large_request_crosses(true);
}

#[test]
fn a_client_that_does_not_read_stops_its_server() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
    let before = gateway.peak_memory();
    let taken = server.send_until_blocked(&[b'x'; MIB], LARGE);
    assert!(taken < LARGE / 4, "{taken} bytes were taken for a client that reads nothing");
    let grown = gateway.peak_memory() - before;
    assert!(grown < MIB as u64, "grown by {grown} bytes");
    // As soon as it reads, all goes on.
    let rest = thread::spawn(move || server.send(vec![b'x'; LARGE - taken]));
    let mut count = 0;
    assert_eq!(client.heads().1.status(), 200);
    let length = Length::Exactly(LARGE as u64);
    let poured = client.pour(length, &mut Body::default(), |_, bytes| count += bytes.len());
    assert_eq!((poured, count), (Ok(()), LARGE));
    rest.join().expect("all was sent");
    assert_bounded(&gateway);
}

#[test]
fn a_server_that_does_not_read_stops_its_client() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    let mut server = origin.accept();
    server.head();
    let before = gateway.peak_memory();
    let taken = client.send_until_blocked(&[b'x'; MIB], LARGE);
    assert!(taken < LARGE / 4, "{taken} bytes were taken for a server that reads nothing");
    let grown = gateway.peak_memory() - before;
    assert!(grown < MIB as u64, "grown by {grown} bytes");
    let mut writer = client.writer();
    let rest = thread::spawn(move || {
        std::io::Write::write_all(&mut writer, &vec![b'x'; LARGE - taken]).expect("all is taken");
    });
    assert!(server.exactly(MIB).iter().all(|byte| *byte == b'x'));
    let mut count = MIB;
    let length = Length::Exactly((LARGE - MIB) as u64);
    let poured = server.pour(length, &mut Body::default(), |_, bytes| count += bytes.len());
    assert_eq!((poured, count), (Ok(()), LARGE));
    rest.join().expect("all was sent");
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(client.response().status(), 204);
    assert_bounded(&gateway);
}

#[test]
fn two_sides_that_do_not_read_stop_each_other() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    // How much waits on the way when both are stopped is for the kernel to say: so there are some.
    let blocked: Vec<_> = (0..3)
        .map(|_| {
            let mut client = gateway.client();
            client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
            let mut server = origin.accept();
            server.head();
            server.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
            [client.into(), server.into()].map(|mut wire: Wire| {
                thread::spawn(move || (wire.send_until_blocked(&[b'x'; MIB], LARGE), wire))
            })
        })
        .collect();
    for pair in blocked {
        let [mut client, mut server] = pair.map(|end| {
            let (taken, wire) = end.join().expect("it was stopped");
            assert!(taken < LARGE / 4, "{taken} bytes were taken for nobody");
            wire
        });
        assert_eq!(client.head().status(), 200);
        for reader in [&mut client, &mut server] {
            assert!(reader.exactly(MIB).iter().all(|byte| *byte == b'x'));
        }
    }
    assert_bounded(&gateway);
}

#[test]
fn a_large_request_waits_in_line_without_being_read() {
    let origin = Origin::bind();
    let sections = http(&[origin.address()], "serverN_max_workers=1");
    let gateway = Gateway::start(&config("", &format!("{sections}[log]\nlevel=trace\n")));
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    let mut waiting = gateway.client();
    let (field, length) = framing(true);
    waiting.send(format!("PUT /large HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
    gateway.wait_for_log("=> Waiting", 2);
    let before = gateway.peak_memory();
    let pouring = pour_in(waiting.into(), true);
    for _ in 0..100 {
        // Whoever else asks would show that the loop reads what it should not.
        assert_eq!(gateway.client().get("http:/").status(), 400);
    }
    let grown = gateway.peak_memory() - before;
    assert!(grown < MIB as u64, "grown by {grown} bytes");
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(client.response().status(), 204);
    assert_eq!(server.head().target(), "/large");
    assert_arrives(&mut server, length);
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(pouring.join().expect("all was sent").head().status(), 204);
    assert_bounded(&gateway);
}

#[test]
fn a_thousand_idle_clients_cost_next_to_nothing() {
    const COUNT: usize = 1000;
    /// A slab entry with its alarm, in bytes, generously.
    const EACH_MAX: u64 = 1024;
    let origin = Origin::bind().serve_content("hello");
    let gateway = in_front_of(origin.address(), "");
    assert_eq!(gateway.get("/").text(), "hello");
    let before = gateway.peak_memory();
    let mut clients: Vec<_> = (0..COUNT).map(|_| gateway.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").text(), "hello");
    }
    wait_until("all to be served", || origin.requests().len() == COUNT + 1);
    let grown = gateway.peak_memory() - before;
    assert!(grown < COUNT as u64 * EACH_MAX, "{} bytes for each idle client", grown / COUNT as u64);
}
