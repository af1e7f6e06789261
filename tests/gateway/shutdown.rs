//! How the program ends: what runs is finished, nothing new is begun, and not for ever.

use crate::client::Client;
use crate::origin::{Origin, Server, ok};
use crate::support::{Gateway, config, http, timed, wait_until, websocket};
use crate::wire::End;
use rustix::process::Signal;
use std::net::TcpStream;
use std::time::Duration;

/// Well below the default `shutdown_timeout` of 8 s, well above what closing takes.
const SOON: Duration = Duration::from_secs(4);

fn gateway(origin: &Origin, frontend: &str) -> Gateway {
    let sections = http(&[origin.address()], "") + &websocket(&[origin.address()], "");
    Gateway::start(&config(frontend, &sections))
}

fn occupy(gateway: &Gateway, origin: &Origin) -> (Client, Server) {
    let mut client = gateway.client();
    client.ask("GET", "/slow");
    let (server, _) = origin.accept_request();
    (client, server)
}

fn tunnel(gateway: &Gateway, origin: &Origin) -> (Client, Server) {
    let mut client = gateway.client();
    client.send(crate::websocket::HANDSHAKE);
    let (mut server, _) = origin.accept_request();
    server.send(crate::websocket::ACCEPTED);
    assert_eq!(client.head().status(), 101);
    (client, server)
}

fn assert_ends_well(gateway: &mut Gateway) {
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn with_nothing_under_way_either_signal_ends_it_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let origin = Origin::bind();
        let mut gateway = gateway(&origin, "");
        gateway.signal(signal);
        let (took, ()) = timed(|| assert_ends_well(&mut gateway));
        assert!(took < SOON, "{took:?}");
    }
}

#[test]
fn a_request_under_way_is_finished_and_nobody_else_let_in() {
    let origin = Origin::bind();
    let mut gateway = gateway(&origin, "");
    let (mut client, mut server) = occupy(&gateway, &origin);
    let (mut begun, mut streaming) = occupy(&gateway, &origin);
    streaming.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    assert_eq!(begun.heads().1.status(), 200);
    let mut idle = gateway.client();
    idle.ask("GET", "/");
    let (mut other, _) = origin.accept_request();
    other.send(ok("x"));
    assert_eq!(idle.response().text(), "x");
    // Half a head is no request yet, but it may become one.
    let mut beginning = gateway.client();
    beginning.send("GET /late HTTP/1.1\r\n");

    let (took, ()) = timed(|| {
        gateway.terminate();
        assert_eq!(idle.end(), End::Fin);
        let address = gateway.address();
        wait_until("the listener to close", || TcpStream::connect(address).is_err());
        assert!(gateway.is_running());
        server.send(ok("finished"));
        let response = client.response();
        assert_eq!(response.text(), "finished");
        assert_eq!(response.head.field("Connection"), Some("close"));
        assert_eq!(client.end(), End::Fin);
        streaming.send("half");
        assert_eq!(begun.exactly(8), b"halfhalf");
        assert_eq!(begun.end(), End::Fin);
        drop(beginning);
        assert_ends_well(&mut gateway);
    });
    assert!(took < SOON, "{took:?}");
}

#[test]
fn what_was_sent_before_the_signal_is_answered() {
    let origin = Origin::bind();
    let mut gateway = gateway(&origin, "");
    let mut idle = gateway.client();
    idle.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(idle.response().text(), "x");
    // While the gateway stands still, a request arrives on an idle connection, another one with a
    // client that nobody has accepted yet, and the signal.
    gateway.signal(Signal::STOP);
    idle.ask("GET", "/sent");
    let mut fresh = gateway.client();
    fresh.ask("GET", "/queued");
    gateway.terminate();
    gateway.signal(Signal::CONT);
    let mut servers = [origin.accept_request(), origin.accept_request()];
    for (server, request) in &mut servers {
        server.send(ok(request.head.target()));
    }
    for (client, target) in [(&mut idle, "/sent"), (&mut fresh, "/queued")] {
        let response = client.response();
        assert_eq!((response.text(), response.head.field("Connection")), (target, Some("close")));
        assert_eq!(client.end(), End::Fin);
    }
    assert_ends_well(&mut gateway);
}

#[test]
fn requests_in_line_are_served_before_the_end() {
    let origin = Origin::bind();
    let sections = http(&[origin.address()], "serverN_max_workers=1");
    let mut gateway = Gateway::start(&config("", &format!("{sections}[log]\nlevel=trace\n")));
    let (mut client, mut server) = occupy(&gateway, &origin);
    let mut waiting = gateway.client();
    waiting.ask("GET", "/waits");
    gateway.wait_for_log("=> Waiting", 2);
    gateway.terminate();
    gateway.wait_for_log("stopping", 1);
    server.send(ok("one"));
    assert_eq!(client.response().text(), "one");
    assert_eq!(server.request().head.target(), "/waits");
    server.send(ok("two"));
    let response = waiting.response();
    assert_eq!((response.text(), response.head.field("Connection")), ("two", Some("close")));
    assert_ends_well(&mut gateway);
}

#[test]
fn tunnels_are_closed_in_order() {
    let origin = Origin::bind();
    let mut gateway = gateway(&origin, "");
    let mut tunnels: Vec<_> = (0..3).map(|_| tunnel(&gateway, &origin)).collect();
    gateway.terminate();
    for (client, server) in &mut tunnels {
        assert_eq!(client.rest().1, End::Fin);
        assert_eq!(server.rest().1, End::Fin);
    }
    assert_ends_well(&mut gateway);
}

#[test]
fn what_does_not_finish_within_shutdown_timeout_is_cut() {
    let origin = Origin::bind();
    let mut gateway = gateway(&origin, "shutdown_timeout=500ms");
    let (mut client, _server) = occupy(&gateway, &origin);
    gateway.terminate();
    let (took, ()) = timed(|| assert_ends_well(&mut gateway));
    assert!(took >= Duration::from_millis(400) && took < SOON, "{took:?}");
    client.rest();
}

#[test]
fn a_response_that_ends_by_closing_does_not_look_complete_when_it_is_cut() {
    let origin = Origin::bind();
    // Out of time, or told twice.
    for (timeout, twice) in [("shutdown_timeout=300ms", false), ("shutdown_timeout=1h", true)] {
        let mut gateway = gateway(&origin, timeout);
        let mut client = gateway.client();
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
        let (mut server, _) = origin.accept_request();
        server.send("HTTP/1.1 200 OK\r\n\r\nhalf");
        assert_eq!(client.heads().1.status(), 200);
        assert_eq!(client.exactly(4), b"half");
        gateway.terminate();
        if twice {
            gateway.wait_for_log("stopping", 1);
            gateway.signal(Signal::INT);
        }
        assert_eq!(client.end(), End::Reset, "{timeout}");
        assert_ends_well(&mut gateway);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let origin = Origin::bind();
    let mut gateway = gateway(&origin, "shutdown_timeout=1h");
    let _under_way = occupy(&gateway, &origin);
    gateway.terminate();
    gateway.wait_for_log("stopping", 1);
    assert!(gateway.is_running());
    gateway.signal(Signal::INT);
    let (took, ()) = timed(|| assert_ends_well(&mut gateway));
    assert!(took < SOON, "{took:?}");
}

#[test]
fn during_drain_delay_all_are_still_served_for_the_last_time() {
    let origin = Origin::bind();
    let mut gateway = gateway(&origin, "drain_delay=1s");
    let (took, ()) = timed(|| {
        gateway.terminate();
        gateway.wait_for_log("stopping", 1);
        let mut client = gateway.client();
        client.ask("GET", "/during");
        let (mut server, _) = origin.accept_request();
        server.send(ok("served"));
        let response = client.response();
        assert_eq!((response.text(), response.head.field("Connection")), ("served", Some("close")));
        assert_eq!(client.end(), End::Fin);
        assert_ends_well(&mut gateway);
    });
    assert!(took >= Duration::from_millis(900) && took < SOON, "{took:?}");
}
