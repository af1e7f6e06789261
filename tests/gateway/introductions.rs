//! PROXY headers: believed on one side where that is configured, given on the other.

use crate::origin::{Origin, ok, well};
use crate::support::{Gateway, TempFile, config, http, run, websocket};
use crate::wire::{End, Wire};
use std::net::SocketAddr;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    [SIGNATURE, &[command, family, 0, block.len() as u8], block].concat()
}

/// A gateway that awaits headers, before an origin.
fn behind_a_balancer(origin: &Origin, frontend: &str, keys: &str) -> Gateway {
    let frontend = format!("proxy_protocol=true\n{frontend}");
    let sections = http(&[origin.address()], keys) + "[log]\naccess=json\n";
    Gateway::start(&config(&frontend, &sections))
}

#[test]
fn the_header_says_who_the_client_is_under_every_cut() {
    let origin = Origin::bind();
    let gateway = behind_a_balancer(&origin, "", "");
    let service = origin.serve_content("served");
    let four = [203, 0, 113, 9, 198, 51, 100, 1, 0x9c, 0x40, 0, 80];
    let six = [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[9], &[0; 16], &[1, 1, 0, 80]].concat();
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (b"PROXY TCP4 203.0.113.9 198.51.100.1 40000 80\r\n".to_vec(), "203.0.113.9"),
        (b"PROXY TCP6 2001:db8::9 ::1 40000 80\r\n".to_vec(), "2001:db8::9"),
        (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 40000 80\r\n".to_vec(), "203.0.113.9"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (v2(0x21, 0x11, &four), "203.0.113.9"),
        (v2(0x21, 0x21, &six), "2001:db8::9"),
        (v2(0x20, 0x00, &[]), "127.0.0.1"),
    ];
    for (header, _) in &rows {
        // In one piece with the request, and in every two.
        for cut in (0..=header.len()).step_by(7) {
            let mut client = gateway.client();
            let bytes = [header, REQUEST].concat();
            client.send(&bytes[..cut]);
            client.send(&bytes[cut..]);
            assert_eq!(client.response().text(), "served");
            // The header stands once; the connection is an ordinary one from here on.
            assert_eq!(client.get("/again").text(), "served");
        }
    }
    let mut requests = service.requests().into_iter();
    for (header, peer) in &rows {
        for _ in 0..2 * (header.len() / 7 + 1) {
            let request = requests.next().expect("a request");
            assert_eq!(request.head.field("X-Forwarded-For"), Some(*peer));
        }
    }
    gateway.wait_for_print("\"peer\":\"2001:db8::9\"", 2);
}

#[test]
fn whoever_begins_otherwise_is_closed_on_without_a_word() {
    let origin = Origin::bind();
    let gateway = behind_a_balancer(&origin, "header_timeout=300ms", "");
    let headers: [&[u8]; 5] = [
        REQUEST,
        b"PROXY TCP4 203.0.113.9 198.51.100.1 40000 99999\r\n",
        &v2(0x21, 0x12, &[0; 12]),
        &v2(0x21, 0x11, &[0; 11]),
        &[SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat(),
    ];
    for header in headers {
        let mut client = gateway.client();
        client.send(header);
        client.end();
    }
    gateway.wait_for_print("bad_proxy_header", headers.len());
    // Half a header is awaited for `header_timeout`, and so is none at all.
    for header in [&b"PROXY TCP4 203.0.113.9 "[..], &v2(0x21, 0x11, &[0; 12])[..20], b""] {
        let mut client = gateway.client();
        client.send(header);
        assert_eq!(client.end(), End::Fin);
    }
    gateway.wait_for_print("proxy_header_timeout", 3);
    // A second header is a request like any other: a bad one.
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), v2(0x20, 0, &[])] {
        let mut client = gateway.client();
        client.send([header.as_slice(), &header, b"\r\n\r\n"].concat());
        assert_eq!(client.response().status(), 400);
    }
    origin.assert_quiet();
}

#[test]
fn a_header_that_nobody_awaits_is_a_bad_request() {
    let origin = Origin::bind();
    let gateway = Gateway::start(&config("", &http(&[origin.address()], "")));
    for header in [b"PROXY UNKNOWN\r\n\r\n".to_vec(), v2(0x20, 0, &[])] {
        let mut client = gateway.client();
        client.send(header);
        assert_eq!(client.response().status(), 400);
    }
    origin.assert_quiet();
}

#[test]
fn limits_and_trust_go_by_the_address_in_the_header() {
    let origin = Origin::bind();
    let frontend = "trusted_proxies=203.0.113.9\nproxy_protocol=true";
    let sections = websocket(&[origin.address()], "max_tunnels_per_client=1");
    let gateway = Gateway::start(&config(frontend, &sections));
    let open = |peer: &str| {
        let mut client = gateway.client();
        client.send(format!("PROXY TCP4 {peer} 198.51.100.1 1 80\r\n"));
        let handshake = crate::websocket::HANDSHAKE;
        client.send(handshake.replace("Origin:", "X-Forwarded-For: 192.0.2.1\r\nOrigin:"));
        client
    };
    let mut first = open("203.0.113.9");
    let (mut server, request) = origin.accept_request();
    assert_eq!(request.head.field("X-Forwarded-For"), Some("192.0.2.1, 203.0.113.9"));
    server.send(crate::websocket::ACCEPTED);
    assert_eq!(first.head().status(), 101);
    let again = open("203.0.113.9").response();
    assert_eq!((again.status(), again.reason().as_str()), (503, "too_many_tunnels_of_client"));
    let _other = open("203.0.113.10");
    let (_server, request) = origin.accept_request();
    assert_eq!(request.head.field("X-Forwarded-For"), Some("203.0.113.10"));
}

/// A header as a server reads it.
fn header(server: &mut Wire, version: &str) -> Vec<u8> {
    if version == "v1" {
        let mut line = server.exactly(b"PROXY UNKNOWN\r\n".len());
        while !line.ends_with(b"\r\n") {
            line.extend(server.exactly(1));
        }
        return line;
    }
    let mut bytes = server.exactly(16);
    let more = usize::from(bytes[15]);
    bytes.extend(server.exactly(more));
    bytes
}

#[test]
fn a_server_is_told_the_client_of_a_tunnel_and_of_nothing_else() {
    for version in ["v1", "v2"] {
        let (plain, chat) = (Origin::bind(), Origin::bind());
        let keys = format!("serverN_send_proxy={version}");
        let probed = format!("{keys} enable_health_check=true health_check_interval=1h");
        let sections = http(&[plain.address()], &keys) + &websocket(&[chat.address()], &probed);
        let gateway = Gateway::start(&config("", &sections));

        // A probe is nobody's, and a worker is many clients'.
        let nobodys = match version {
            "v1" => b"PROXY UNKNOWN\r\n".to_vec(),
            _ => v2(0x20, 0, &[]),
        };
        let mut probe = chat.accept();
        assert_eq!(header(&mut probe, version), nobodys);
        assert_eq!(probe.request().head.target(), "/healthCheck");
        probe.send(well());

        let mut clients = [gateway.client(), gateway.client()];
        let mut worker = None;
        for client in &mut clients {
            client.send(REQUEST);
            let worker = worker.get_or_insert_with(|| {
                let mut worker = plain.accept();
                assert_eq!(header(&mut worker, version), nobodys);
                worker
            });
            assert_eq!(worker.request().head.field("X-Forwarded-For"), Some("127.0.0.1"));
            worker.send(ok("served"));
            assert_eq!(client.response().text(), "served");
        }

        let mut client = gateway.client();
        client.send(crate::websocket::HANDSHAKE);
        let (stream, _) = Wire::from(client).into_stream();
        let from: SocketAddr = stream.local_addr().expect("an address");
        let to = gateway.address();
        let expected = match version {
            "v1" => {
                let (from, to) = (from.port(), to.port());
                format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\n").into_bytes()
            }
            _ => {
                let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
                v2(0x21, 0x11, &[&[127, 0, 0, 1, 127, 0, 0, 1][..], &ports].concat())
            }
        };
        let mut server = chat.accept();
        assert_eq!(header(&mut server, version), expected);
        assert_eq!(server.request().head.target(), "/chat?room=1");
        server.send(crate::websocket::ACCEPTED);
        assert_eq!(Wire::new(stream).head().status(), 101);
    }
}

#[test]
fn a_header_goes_through_from_one_gateway_to_the_next() {
    let origin = Origin::bind();
    let frontend = "proxy_protocol=true";
    let last = Gateway::start(&config(frontend, &websocket(&[origin.address()], "")));
    let keys = "serverN_send_proxy=v2";
    let first = Gateway::start(&config(frontend, &websocket(&[last.address()], keys)));
    let mut client = first.client();
    client.send("PROXY TCP6 2001:db8::9 2001:db8::1 7 443\r\n");
    client.send(crate::websocket::HANDSHAKE);
    let (mut server, request) = origin.accept_request();
    assert_eq!(request.head.field("X-Forwarded-For"), Some("2001:db8::9"));
    server.send(crate::websocket::ACCEPTED);
    assert_eq!(client.head().status(), 101);
}

#[test]
fn health_is_asked_for_with_a_header() {
    let origin = Origin::bind();
    // The system gives a port that is free; a moment later it still is.
    let port = Origin::bind().address().port();
    let sections = http(&[origin.address()], "");
    let text = format!("[frontend]\nhost=127.0.0.1\nport={port}\nproxy_protocol=true\n{sections}");
    let gateway = Gateway::start(&text);
    let file = TempFile::new(&text);
    let path = file.path().to_str().expect("a path");
    let outcome = run(&["healthcheck", path]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "alive\n"));
    drop(gateway);
}
