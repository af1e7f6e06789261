//! WebSocket: the gate, the verified 101, and the tunnel (RFC 6455).

use crate::client::Client;
use crate::origin::{Deaf, Origin, Server, ok};
use crate::support::{Gateway, config, http, websocket};
use crate::wire::{End, Wire};
use std::net::TcpStream;
use std::thread;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// The sample of RFC 6455 1.3.
pub(crate) const HANDSHAKE: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: a.example\r\n\
    Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Origin: http://a.example\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\nCookie: a=b\r\n\r\n";

/// The answer that belongs to it.
pub(crate) const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

fn in_front_of(origin: &Origin) -> Gateway {
    Gateway::start(&config("", &websocket(&[origin.address()], "")))
}

/// Both ends of a tunnel.
pub(crate) fn tunnel(gateway: &Gateway, origin: &Origin) -> (Client, Server) {
    let mut client = gateway.client();
    client.send(HANDSHAKE);
    let (mut server, _) = origin.accept_request();
    server.send(ACCEPTED);
    assert_eq!(client.head().status(), 101);
    (client, server)
}

#[test]
fn the_handshake_crosses_both_ways_with_all_that_matters() {
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    let mut client = gateway.client();
    client.send(HANDSHAKE);
    let (mut server, request) = origin.accept_request();
    let head = request.head;
    assert_eq!(head.start, "GET /chat?room=1 HTTP/1.1");
    let expected = [
        ("Host", "a.example"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("Origin", "http://a.example"),
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Cookie", "a=b"),
        ("X-Forwarded-For", "127.0.0.1"),
    ];
    for (name, value) in expected {
        assert_eq!(head.field(name), Some(value), "{name}");
    }
    server.send(ACCEPTED);
    let head = client.head();
    assert_eq!(head.status(), 101);
    let expected = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("Sec-WebSocket-Protocol", "chat"),
    ];
    for (name, value) in expected {
        assert_eq!(head.field(name), Some(value), "{name}");
    }
}

#[test]
fn a_handshake_that_is_none_is_refused_and_reaches_no_server() {
    // What is replaced in the sample, by what, the status, and the reason.
    let cases = [
        // rule: upgrade
        ("GET /", "POST /", 400, "bad_websocket_method"),
        ("HTTP/1.1", "HTTP/1.0", 400, "bad_websocket_http_version"),
        ("Version: 13", "Version: 8", 426, "websocket_version"),
        ("Version: 13", "Version: 13, 8", 426, "websocket_version"),
        ("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13", 426, "websocket_version"),
        ("Sec-WebSocket-Version: 13\r\n", "", 426, "websocket_version"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400, "bad_websocket_key"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "", 400, "bad_websocket_key"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400, "bad_websocket_key"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", 400, "bad_websocket_key"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=?", 400, "bad_websocket_key"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR==", 400, "bad_websocket_key"),
        ("Key: ", "Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: ", 400, "bad_websocket_key"),
        ("Cookie: a=b", "Content-Length: 1", 400, "websocket_with_content"),
        ("Cookie: a=b", "Transfer-Encoding: chunked", 400, "websocket_with_content"),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    for (part, other, status, reason) in cases {
        let mut client = gateway.client();
        client.send(HANDSHAKE.replace(part, other));
        let response = client.response();
        let told = (response.status(), response.reason());
        assert_eq!(told, (status, reason.to_owned()), "{part:?} -> {other:?}");
        let version = response.head.field("Sec-WebSocket-Version");
        assert_eq!(version, (status == 426).then_some("13"), "{part:?} -> {other:?}");
        assert_eq!(client.end(), End::Fin);
    }
    origin.assert_quiet();
}

#[test]
fn a_handshake_may_be_written_in_other_ways() {
    let cases = [
        ("Upgrade: websocket", "UPGRADE: WebSocket"),
        ("Connection: keep-alive, Upgrade", "connection: uPGRADE"),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive\r\nConnection: upgrade"),
        ("Upgrade: websocket", "Upgrade: h2c, websocket"),
        ("Sec-WebSocket-Extensions: permessage-deflate\r\n", ""),
        ("Cookie: a=b", "Content-Length: 0"),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    for (part, other) in cases {
        let mut client = gateway.client();
        client.send(HANDSHAKE.replacen(part, other, 1));
        let (mut server, _) = origin.accept_request();
        server.send(ACCEPTED);
        assert_eq!(client.head().status(), 101, "{part:?} -> {other:?}");
    }
}

#[test]
fn a_101_that_proves_nothing_is_a_502_and_the_server_is_left() {
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let cases = [
        // rule: upgrade
        (accept, "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"),
        (accept, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n"),
        (accept, "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n"),
        (accept, ""),
        ("Upgrade: websocket\r\n", ""),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n"),
        ("Connection: Upgrade\r\n", ""),
        ("Connection: Upgrade\r\n", "Connection: close\r\n"),
        ("HTTP/1.1 101", "HTTP/1.0 101"),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    for (part, other) in cases {
        let mut client = gateway.client();
        client.send([HANDSHAKE, "early"].concat());
        let (mut server, _) = origin.accept_request();
        server.send([&ACCEPTED.replacen(part, other, 1), "evil"].concat());
        let response = client.response();
        let told = (response.status(), response.reason());
        assert_eq!(told, (502, "bad_response".to_owned()), "{part:?} -> {other:?}");
        let (after, _) = server.rest();
        assert!(after.is_empty(), "{part:?} -> {other:?}: bytes of the client reached the server");
    }
}

// rule: upgrade
#[test]
fn a_101_that_nobody_asked_for_is_a_502() {
    let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_owned(),
        // Upgrade without its connection option is no request to upgrade.
        HANDSHAKE.replace("Connection: keep-alive, Upgrade\r\n", ""),
    ];
    let origin = Origin::bind();
    let gateway = crate::support::in_front_of(origin.address(), "");
    for request in requests {
        let mut client = gateway.client();
        client.send(&request);
        let (mut server, arrived) = origin.accept_request();
        assert_eq!(arrived.head.field("Upgrade"), None, "{request:?}");
        server.send(ACCEPTED);
        assert_eq!(client.response().status(), 502, "{request:?}");
        server.rest();
    }
}

#[test]
fn another_status_is_relayed_and_the_connection_goes_on_as_http() {
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    let mut client = gateway.client();
    // The client has not waited: what follows is a request again.
    client.send([HANDSHAKE, HANDSHAKE].concat());
    let (mut server, _) = origin.accept_request();
    origin.assert_quiet();
    server.send(
        "HTTP/1.1 401 Who Are You\r\nWWW-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nwho?",
    );
    let response = client.response();
    assert_eq!((response.status(), response.text()), (401, "who?"));
    assert_eq!(response.head.field("WWW-Authenticate"), Some("Basic"));
    assert_eq!(response.head.field("Connection"), None);
    let (mut server, _) = origin.accept_request();
    server.send(ACCEPTED);
    assert_eq!(client.head().status(), 101);
}

#[test]
fn bytes_that_come_before_the_101_are_held_and_then_relayed() {
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    let mut client = gateway.client();
    client.send([HANDSHAKE.as_bytes(), b"early"].concat());
    let mut server = origin.accept();
    assert!(server.head().text.ends_with("\r\n\r\n"));
    client.send(" birds");
    // The server's own first bytes may come with its 101.
    server.send([ACCEPTED, "welcome"].concat());
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.exactly(7), b"welcome");
    assert_eq!(server.exactly(11), b"early birds");
}

#[test]
fn a_tunnel_relays_every_byte_and_every_half_close() {
    for client_first in [true, false] {
        let origin = Origin::bind();
        let gateway = in_front_of(&origin);
        let (client, server) = tunnel(&gateway, &origin);
        let (mut first, mut second) = (Wire::from(client), Wire::from(server));
        if !client_first {
            std::mem::swap(&mut first, &mut second);
        }
        let every_byte: Vec<u8> = (0..=255).collect();
        first.send(&every_byte);
        assert_eq!(second.exactly(256), every_byte);
        second.send(&every_byte);
        assert_eq!(first.exactly(256), every_byte);
        first.send("last words");
        first.finish();
        assert_eq!(second.rest(), (b"last words".to_vec(), End::Fin));
        second.send("and an answer");
        assert_eq!(first.exactly(13), b"and an answer");
        second.finish();
        assert_eq!(first.end(), End::Fin);
    }
}

#[test]
fn a_reset_by_the_client_resets_the_server() {
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    let (client, server) = tunnel(&gateway, &origin);
    Wire::from(client).reset();
    assert_eq!(Wire::from(server).end(), End::Reset);
}

#[test]
fn a_reset_by_the_server_is_answered_for_unless_no_frames_can_be_told_apart() {
    for (sent, told) in [("", true), ("\u{3}no frame", false)] {
        let origin = Origin::bind();
        let gateway = in_front_of(&origin);
        let (client, mut server) = tunnel(&gateway, &origin);
        let mut client = Wire::from(client);
        server.send(sent);
        assert_eq!(client.exactly(sent.len()), sent.as_bytes());
        Wire::from(server).reset();
        if told {
            assert_eq!(client.exactly(26), b"\x88\x18\x03\xf3server connection lost");
        }
        assert_eq!(client.end(), if told { End::Fin } else { End::Reset });
    }
}

#[test]
fn a_reader_that_stops_stops_its_writer_and_costs_no_memory() {
    const MOST: usize = 200 << 20;
    for client_reads in [false, true] {
        let origin = Origin::bind();
        let gateway = in_front_of(&origin);
        let (client, server) = tunnel(&gateway, &origin);
        let (mut reader, mut writer) = (Wire::from(server), Wire::from(client));
        if client_reads {
            std::mem::swap(&mut reader, &mut writer);
        }
        let before = gateway.peak_memory();
        let taken = writer.send_until_blocked(&[b'x'; 1 << 20], MOST);
        assert!(taken < MOST / 4, "{taken} bytes were taken for nobody");
        // The other direction does not mind.
        reader.send("other way");
        assert_eq!(writer.exactly(9), b"other way");
        let sending = thread::spawn(move || {
            writer.send(vec![b'y'; 10 << 20]);
            writer
        });
        let all = reader.exactly(taken + (10 << 20));
        assert!(all[..taken].iter().all(|b| *b == b'x') && all[taken..].iter().all(|b| *b == b'y'));
        sending.join().expect("all was sent");
        let peak = gateway.peak_memory();
        assert!(peak - before < 1 << 20, "grown by {} bytes", peak - before);
        assert!(peak < 16 << 20, "{peak} bytes");
    }
}

/// Echoes until the closing handshake.
fn echo(stream: TcpStream) {
    let mut socket = tungstenite::accept(stream).expect("a handshake");
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                socket.send(message).expect("an echo");
            }
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

fn opened(gateway: &Gateway) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(gateway.address()).expect("a connection");
    stream.set_read_timeout(Some(crate::wire::PATIENCE)).expect("a limit");
    let url = format!("ws://{}/echo", gateway.address());
    tungstenite::client(url, stream).expect("a handshake").0
}

#[test]
fn a_foreign_library_at_both_ends_does_not_notice_the_gateway() {
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    let echoing = thread::spawn(move || echo(Wire::from(origin.accept()).into_stream().0));
    let mut socket = opened(&gateway);
    for length in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        for message in [Message::text("x".repeat(length)), Message::binary(vec![7; length])] {
            socket.send(message.clone()).expect("sent");
            assert_eq!(socket.read().expect("an echo"), message);
        }
        socket.send(Message::Ping("are you there".into())).expect("sent");
        assert_eq!(socket.read().expect("a pong"), Message::Pong("are you there".into()));
    }
    socket.close(None).expect("closing");
    while socket.read().is_ok() {}
    echoing.join().expect("a closing handshake at the other end");
}

#[test]
fn a_hundred_tunnels_echo_at_a_time() {
    const COUNT: usize = 100;
    let service = Origin::bind().serve(|server| {
        server.head();
        server.send(ACCEPTED);
        while let Ok(bytes) = server.try_exactly(5) {
            server.send(bytes);
        }
    });
    let gateway = Gateway::start(&config("", &websocket(&[service.address()], "")));
    let mut clients: Vec<_> = (0..COUNT).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send(HANDSHAKE);
    }
    for client in &mut clients {
        assert_eq!(client.head().status(), 101);
    }
    assert_eq!(service.open(), COUNT, "each has a connection of its own");
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("{number:05}"));
    }
    for (number, client) in clients.iter_mut().enumerate().rev() {
        assert_eq!(client.exactly(5), format!("{number:05}").as_bytes());
    }
    drop(clients);
    service.wait_for_open(0);
}

#[test]
fn a_client_masks_what_a_server_reads() {
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    let (client, server) = tunnel(&gateway, &origin);
    let ((client, _), (server, _)) =
        (Wire::from(client).into_stream(), Wire::from(server).into_stream());
    let mut client = WebSocket::from_raw_socket(client, Role::Client, None);
    let mut server = WebSocket::from_raw_socket(server, Role::Server, None);
    client.send(Message::text("masked")).expect("sent");
    assert_eq!(server.read().expect("read"), Message::text("masked"));
    server.send(Message::text("plain")).expect("sent");
    assert_eq!(client.read().expect("read"), Message::text("plain"));
}

#[test]
fn tunnels_are_not_workers() {
    let origin = Origin::bind();
    let sections =
        http(&[origin.address()], "serverN_max_workers=1") + &websocket(&[origin.address()], "");
    let gateway = Gateway::start(&config("", &sections));
    let (_client, _server) = tunnel(&gateway, &origin);
    let (_other_client, _other_server) = tunnel(&gateway, &origin);
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(ok("plain"));
    assert_eq!(client.response().text(), "plain");
}

#[test]
fn a_tunnel_outlives_every_timeout_of_requests() {
    let origin = Origin::bind();
    let short = "header_timeout=200ms\nbody_timeout=200ms\nidle_timeout=200ms\nwrite_timeout=200ms";
    let section = websocket(&[origin.address()], "response_timeout=200ms connect_timeout=200ms");
    let gateway = Gateway::start(&config(short, &section));
    let (mut client, mut server) = tunnel(&gateway, &origin);
    // Another client's silence is a clock: when it has been let go, so would have been the tunnel.
    for _ in 0..2 {
        assert_eq!(gateway.client().end(), End::Fin);
    }
    client.send("still");
    assert_eq!(server.exactly(5), b"still");
    server.send("here");
    assert_eq!(client.exactly(4), b"here");
}

#[test]
fn without_a_section_the_answers_are_these() {
    let origin = Origin::bind();
    let gateway = crate::support::in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send(HANDSHAKE);
    let response = client.response();
    assert_eq!(response.status(), 400);
    let content = "{\"error\":\"proxy not configured to handle websocket connections\"}";
    assert_eq!(response.text(), content);

    let gateway = in_front_of(&origin);
    let response = gateway.get("/");
    assert_eq!(response.status(), 426);
    assert_eq!(response.head.field("Upgrade"), Some("websocket"));
    assert_eq!(response.head.field("Connection"), Some("Upgrade"));
    origin.assert_quiet();
}

#[test]
fn a_handshake_goes_to_the_next_server_when_one_cannot_be_reached() {
    let (deaf, origin) = (Deaf::bind(), Origin::bind());
    let servers = [Origin::refusing(), deaf.address(), origin.address()];
    let keys = "algorithm=round-robin connect_timeout=200ms";
    let gateway = Gateway::start(&config("", &websocket(&servers, keys)));
    tunnel(&gateway, &origin);
    let gateway = Gateway::start(&config("", &websocket(&servers[..2], keys)));
    let mut client = gateway.client();
    client.send(HANDSHAKE);
    let response = client.response();
    assert_eq!((response.status(), response.reason().as_str()), (504, "connect_timeout"));
}

#[test]
fn a_server_that_closes_instead_of_answering_is_a_502() {
    let origin = Origin::bind();
    let gateway = in_front_of(&origin);
    let mut client = gateway.client();
    client.send(HANDSHAKE);
    drop(origin.accept_request());
    let response = client.response();
    assert_eq!((response.status(), response.reason().as_str()), (502, "server_closed"));
    origin.assert_quiet();
}
