//! Every timeout and every limit, and what is said when it is reached.

use crate::client::Client;
use crate::origin::{Origin, Server, ok};
use crate::support::{Gateway, config, http, timed, wait_until, websocket};
use crate::wire::{End, Wire};
use std::time::Duration;

/// The timer's precision: nothing rings earlier than it was set to, and little later.
const LATE: Duration = Duration::from_millis(1500);

/// A gateway with these keys in `[frontend]` and in `[http]`.
fn gateway(origin: &Origin, frontend: &str, keys: &str) -> Gateway {
    Gateway::start(&config(frontend, &http(&[origin.address()], keys)))
}

/// What the client is told in the end, if anything.
enum Told {
    /// Status and reason, then an orderly end.
    Answer(u16, &'static str),
    /// Nothing: the connection ends.
    End,
}

/// What the client sends, and how many bytes of a response it reads before it falls silent.
struct Silence {
    sends: &'static str,
    /// What the server answers with when it has read a head; then it waits.
    answers: &'static str,
    told: Told,
}

#[test]
fn each_silence_has_its_limit_and_its_answer() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    let half = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    // The key that is set to 300 ms, and who is silent.
    let cases = [
        ("idle_timeout", "", Silence { sends: "", answers: "", told: Told::End }),
        (
            "header_timeout",
            "",
            Silence { sends: "GET / HT", answers: "", told: Told::Answer(408, "header_timeout") },
        ),
        (
            "body_timeout",
            "",
            Silence { sends: post, answers: "", told: Told::Answer(408, "body_timeout") },
        ),
        (
            "body_timeout",
            "",
            Silence { sends: half, answers: "", told: Told::Answer(408, "body_timeout") },
        ),
        (
            "",
            "response_timeout",
            Silence { sends: get, answers: "", told: Told::Answer(504, "response_timeout") },
        ),
        (
            "",
            "response_timeout",
            Silence {
                sends: get,
                answers: "HTTP/1.1 200 OK\r\nCon",
                told: Told::Answer(504, "response_timeout"),
            },
        ),
        ("", "response_timeout", Silence { sends: get, answers: cut, told: Told::End }),
    ];
    for (frontend, section, silence) in cases {
        let origin = Origin::bind();
        let key = |name: &str| if name.is_empty() { name.into() } else { format!("{name}=300ms") };
        let gateway = gateway(&origin, &key(frontend), &key(section));
        let case = format!("{frontend}{section}: {:?}, {:?}", silence.sends, silence.answers);
        let (took, ()) = timed(|| {
            let mut client = gateway.client();
            client.send(silence.sends);
            let mut server = None;
            if silence.sends.ends_with("\r\n\r\n") || silence.sends.ends_with("half") {
                let mut accepted = origin.accept();
                accepted.head();
                accepted.send(silence.answers);
                server = Some(accepted);
            }
            match silence.told {
                Told::Answer(status, reason) => {
                    let response = client.response();
                    let told = (response.status(), response.reason());
                    assert_eq!(told, (status, reason.to_owned()), "{case}");
                }
                Told::End => {
                    let (before, _) = client.rest();
                    let relayed = if silence.answers == cut { b"half".as_slice() } else { b"" };
                    assert!(before.ends_with(relayed), "{case}");
                    assert!(!before.ends_with(b"}"), "{case}: nothing is said of it");
                }
            }
            if let Some(mut server) = server {
                server.rest();
            }
        });
        let limit = Duration::from_millis(300);
        assert!(took >= limit && took < limit + LATE, "{case}: {took:?}");
    }
}

#[test]
fn an_idle_client_is_let_go_also_between_two_requests() {
    let origin = Origin::bind();
    let gateway = gateway(&origin, "idle_timeout=300ms", "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(ok("x"));
    assert_eq!(client.response().text(), "x");
    let (took, end) = timed(|| client.end());
    assert_eq!(end, End::Fin);
    assert!(took >= Duration::from_millis(250) && took < LATE, "{took:?}");
}

#[test]
fn a_head_that_comes_slowly_is_late_though_it_never_stops() {
    let origin = Origin::bind();
    let gateway = gateway(&origin, "header_timeout=400ms\nidle_timeout=1h", "");
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    let mut writer = client.writer();
    let (took, response) = timed(|| {
        // A byte now and then, until nobody listens any more.
        let trickle = std::thread::spawn(move || {
            wait_until("the end of patience", || {
                std::io::Write::write_all(&mut writer, b"x").is_err()
            });
        });
        let response = client.response();
        drop(trickle);
        response
    });
    assert_eq!((response.status(), response.reason().as_str()), (408, "header_timeout"));
    assert!(took < Duration::from_millis(400) + LATE, "{took:?}");
}

#[test]
fn bodies_that_never_stop_for_long_are_never_late() {
    let origin = Origin::bind();
    let gateway = gateway(&origin, "body_timeout=300ms", "response_timeout=300ms");
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
    let mut server = origin.accept();
    server.head();
    // Another client that says nothing is the clock: six times its patience in all.
    let tick = || {
        let mut clock = gateway.client();
        clock.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
        drop(origin.accept());
        clock.response();
    };
    for _ in 0..6 {
        tick();
        client.send("x");
        assert_eq!(server.exactly(1), b"x");
    }
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    assert_eq!(client.heads().1.status(), 200);
    for _ in 0..6 {
        tick();
        server.send("y");
        assert_eq!(client.exactly(1), b"y");
    }
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let origin = Origin::bind();
    let gateway = gateway(&origin, "write_timeout=300ms", "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    // Until the gateway closes the worker because its client has been closed.
    while server.try_send([b'x'; 1 << 16]) {}
    let (_, rest) = (client.heads(), client.rest());
    assert!(rest.0.len() < 100 << 20, "{} bytes", rest.0.len());
}

#[test]
fn a_request_stands_in_line_no_longer_than_a_response_may_take() {
    let origin = Origin::bind();
    let gateway = gateway(&origin, "", "serverN_max_workers=1 response_timeout=400ms");
    let mut client = gateway.client();
    client.ask("GET", "/slow");
    let (mut server, _) = origin.accept_request();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.heads().1.status(), 200);
    let mut waiting = gateway.client();
    waiting.ask("GET", "/waits");
    // The worker is busy, and its response never pauses for long.
    let trickle = std::thread::spawn(move || {
        wait_until("the end of the response", || !server.try_send("1\r\nx\r\n"));
    });
    let response = waiting.response();
    assert_eq!((response.status(), response.reason().as_str()), (503, "queue_timeout"));
    drop(client);
    trickle.join().expect("the worker is closed with its client");
}

#[test]
fn a_websocket_server_has_response_timeout_for_its_101_and_a_tunnel_idle_timeout() {
    let origin = Origin::bind();
    let keys = "response_timeout=300ms idle_timeout=500ms";
    let gateway = Gateway::start(&config("", &websocket(&[origin.address()], keys)));
    let mut client = gateway.client();
    client.send(crate::websocket::HANDSHAKE);
    let _silent = origin.accept();
    let response = client.response();
    assert_eq!((response.status(), response.reason().as_str()), (504, "response_timeout"));

    let mut client = gateway.client();
    client.send(crate::websocket::HANDSHAKE);
    let (mut server, _) = origin.accept_request();
    server.send(crate::websocket::ACCEPTED);
    assert_eq!(client.head().status(), 101);
    // Both are told, and as neither answers both are left.
    let (mut client, mut server) = (Wire::from(client), Wire::from(server));
    let (took, words) = timed(|| client.exactly(16));
    assert_eq!(words, b"\x88\x0e\x03\xe8idle timeout");
    assert_eq!(server.exactly(20)[..2], *b"\x88\x8e");
    assert_eq!((client.end(), server.end()), (End::Fin, End::Fin));
    let limit = Duration::from_millis(500);
    assert!(took >= limit - Duration::from_millis(50) && took < limit + LATE, "{took:?}");
}

/// A request head of exactly so many bytes.
fn head_of(bytes: usize) -> String {
    let start = "GET / HTTP/1.1\r\nHost: a\r\nX-Fill: ";
    format!("{start}{}\r\n\r\n", "x".repeat(bytes - start.len() - 4))
}

fn fields(count: usize) -> String {
    let others: String = (1..count).map(|number| format!("X-{number}: 1\r\n")).collect();
    format!("GET / HTTP/1.1\r\nHost: a\r\n{others}\r\n")
}

fn target_of(bytes: usize) -> String {
    format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(bytes - 1))
}

#[test]
fn each_size_has_its_limit_and_its_answer() {
    let chunk = |bytes: usize| {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{bytes:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(bytes))
    };
    let length = |bytes: usize| {
        let data = "x".repeat(bytes);
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n{data}")
    };
    // The key, a request that is just within it, one that is not, and the status for that.
    let cases = [
        ("", head_of(16_384), head_of(16_385), 431),
        ("max_header_bytes=300", head_of(300), head_of(301), 431),
        ("", fields(100), fields(101), 431),
        ("max_headers=5", fields(5), fields(6), 431),
        ("max_header_bytes=300", target_of(200), target_of(400), 414),
        ("", target_of(16_000), target_of(20_000), 414),
        ("max_body_bytes=1000", length(1000), length(1001), 413),
        ("max_body_bytes=1000", chunk(1000), chunk(1001), 413),
    ];
    for (key, within, beyond, status) in cases {
        let origin = Origin::bind();
        let gateway = gateway(&origin, key, "");
        let mut client = gateway.client();
        client.send(&within);
        let (mut server, _) = origin.accept_request();
        server.send(ok("fits"));
        assert_eq!(client.response().text(), "fits", "{key} {within:.80?}");
        client.try_send(&beyond);
        let response = client.response();
        assert_eq!(response.status(), status, "{key} {beyond:.80?}");
        assert_eq!(response.head.field("Connection"), Some("close"), "{key} {beyond:.80?}");
        drop(gateway);
        assert!(server.try_request().is_none(), "{key} {beyond:.80?}");
    }
}

#[test]
fn no_limit_on_bodies_is_the_default() {
    let origin = Origin::bind();
    let gateway = gateway(&origin, "", "");
    let mut client = gateway.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740991\r\n\r\n");
    let mut server = origin.accept();
    assert_eq!(server.head().field("Content-Length"), Some("9007199254740991"));
}

#[test]
fn chunked_content_that_outgrows_the_limit_on_its_way_is_stopped() {
    let origin = Origin::bind();
    let gateway = gateway(&origin, "max_body_bytes=10", "");
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    let mut server = origin.accept();
    let head = server.head();
    assert_eq!(server.chunk(), Ok(b"first".to_vec()));
    client.send("6\r\nsecond\r\n0\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status(), response.reason().as_str()), (413, "body_too_large"));
    assert!(server.request_body(&head).is_err(), "the server gets no last chunk");
}

#[test]
fn a_response_head_has_its_limits_too() {
    let line = |bytes: usize| format!("X-Fill: {}\r\n", "x".repeat(bytes - 10));
    let many = |count: usize| "X-One: 1\r\n".repeat(count);
    let cases = [(line(60_000), 200), (line(66_000), 502), (many(200), 200), (many(300), 502)];
    for (fields, status) in cases {
        let origin = Origin::bind();
        let gateway = gateway(&origin, "", "");
        let mut client = gateway.client();
        client.ask("GET", "/");
        let (mut server, _) = origin.accept_request();
        server.send(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"));
        assert_eq!(client.response().status(), status, "{} bytes", fields.len());
    }
}

/// A client that has been served, and whose worker waits.
fn served(gateway: &Gateway, origin: &Origin) -> (Client, Server) {
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(ok("served"));
    assert_eq!(client.response().text(), "served");
    (client, server)
}

#[test]
fn beyond_max_connections_the_listener_waits() {
    let origin = Origin::bind();
    let gateway = gateway(&origin, "max_connections=2", "");
    assert_eq!(gateway.logged("at most 2 connections").len(), 1);
    let (mut first, mut server) = served(&gateway, &origin);
    let second = gateway.client();
    let mut third = gateway.client();
    third.ask("GET", "/third");
    // The first goes on as if nothing were.
    for _ in 0..3 {
        first.ask("GET", "/first");
        assert_eq!(server.request().head.target(), "/first");
        server.send(ok("first"));
        assert_eq!(first.response().text(), "first");
    }
    origin.assert_quiet();
    drop(second);
    assert_eq!(server.request().head.target(), "/third");
    server.send(ok("third"));
    assert_eq!(third.response().text(), "third");
}

#[test]
fn a_tunnel_takes_a_place_too() {
    let origin = Origin::bind();
    let gateway = Gateway::start(&config("max_connections=1", &websocket(&[origin.address()], "")));
    let open = || {
        let mut client = gateway.client();
        client.send(crate::websocket::HANDSHAKE);
        client
    };
    let mut first = open();
    let (mut server, _) = origin.accept_request();
    server.send(crate::websocket::ACCEPTED);
    assert_eq!(first.head().status(), 101);
    let mut second = open();
    first.send("x");
    assert_eq!(server.exactly(1), b"x");
    origin.assert_quiet();
    drop(first);
    server.rest();
    drop(server);
    let (mut server, _) = origin.accept_request();
    server.send(crate::websocket::ACCEPTED);
    assert_eq!(second.head().status(), 101);
}
