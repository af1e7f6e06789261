//! Messages with two readings, or none: refused, and nothing of them, or behind them, reaches a
//! server.

use crate::origin::{Origin, ok};
use crate::support::in_front_of;
use crate::wire::End;

/// What is appended to each malformed request. Whoever answers it has been fooled.
const BEHIND: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// A request with these lines after its Host.
fn with(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")
}

fn raw(text: &str) -> String {
    text.to_owned()
}

/// Requests of which no byte may reach a server, and the status they get.
fn heads() -> Vec<(String, u16)> {
    let cl = "Content-Length: ";
    let te = "Transfer-Encoding: ";
    vec![
        // rule: two framings
        // Two framings, or one that is none.
        (with("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400),
        (with("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400),
        (with("Transfer-Encoding: gzip\r\nContent-Length: 0"), 400),
        // rule: transfer coding
        (with(&format!("{te}chunked\r\n{te}chunked")), 400),
        (with(&format!("{te}chunked\r\n{te}identity")), 400),
        (with(&format!("{te}chunked, chunked")), 400),
        (with(&format!("{te}chunked, gzip")), 400),
        (with(&format!("{te}chunked;q=1")), 400),
        (with(&format!("{te}\"chunked\"")), 400),
        (with(&format!("{te}\u{b}chunked")), 400),
        (with(&format!("{te},chunked")), 400),
        (with(&te.replace(' ', "")), 400),
        (with(&format!("{te}gzip, chunked")), 501),
        (with(&format!("{te}identity")), 501),
        (with(&format!("{te}xchunked")), 501),
        (with(&format!("{te}gzip")), 501),
        // rule: coding of HTTP/1.0
        (raw("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
        // rule: repeated length
        (with(&format!("{cl}5\r\n{cl}5")), 400),
        (with(&format!("{cl}5\r\n{cl}6")), 400),
        (with(&format!("{cl}5, 5")), 400),
        (with(&format!("{cl}5,")), 400),
        // rule: length
        (with(&format!("{cl}+5")), 400),
        (with(&format!("{cl}-0")), 400),
        (with(&format!("{cl}0x5")), 400),
        (with(&format!("{cl}5 5")), 400),
        (with(&format!("{cl}\u{2075}")), 400),
        (with(&format!("{cl}5.0")), 400),
        (with("Content-Length:"), 400),
        (with(&format!("{cl}9007199254740992")), 400),
        (with(&format!("{cl}18446744073709551621")), 400),
        // rule: fold
        // Lines that some join, split or skip.
        (with("X-A: 1\r\n folded"), 400),
        (with("X-A: 1\r\n\tContent-Length: 5"), 400),
        // rule: white space
        (raw("GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"), 400),
        (with("Content-Length : 5"), 400),
        (with("Transfer-Encoding\t: chunked"), 400),
        // rule: line end
        (with("X-A: 1\nContent-Length: 5"), 400),
        (with("X-A: 1\rContent-Length: 5"), 400),
        (raw("GET / HTTP/1.1\nHost: a\n\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\n"), 400),
        (raw("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        // rule: characters
        // Bytes that have no business there.
        (with("X-A: a\0b"), 400),
        (with("X-A: a\u{1}b"), 400),
        (with("X-A: a\u{7f}b"), 400),
        (with("X(A): 1"), 400),
        (with("X A: 1"), 400),
        (with(": 1"), 400),
        (with("X-A"), 400),
        (with("X\u{e9}: 1"), 400),
        // Request lines.
        (raw("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET / x HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400),
        (raw("GET /\r\nHost: a\r\n\r\n"), 400),
        (raw("GET x HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        // rule: absolute-form
        (raw("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET http://b@a/x HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        // rule: version
        (raw("GET / http/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET / HTTP/1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400),
        (raw("GET / HTTX/1.1\r\nHost: a\r\n\r\n"), 400),
        (raw("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505),
        (raw("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505),
        (raw("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505),
        (raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505),
        // rule: method
        (raw("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"), 405),
        (raw("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405),
        // rule: host
        // Whom it is for.
        (raw("GET / HTTP/1.1\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400),
        (raw("GET http://a/ HTTP/1.1\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"), 400),
        (raw("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400),
        // rule: hop-by-hop
        // Fields that are not the client's to drop.
        (with("Connection: Host"), 400),
        (with("Connection: close, content-length\r\nContent-Length: 0"), 400),
        (with("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked"), 400),
        (with("Connection: Cookie\r\nCookie: a=b"), 400),
        (with("Connection: Authorization"), 400),
        (with("Connection: X-Forwarded-For"), 400),
        (with("Connection: x-forwarded-HOST"), 400),
        (with("Connection: a b"), 400),
    ]
}

#[test]
fn what_has_two_readings_is_refused_and_nothing_reaches_a_server() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    for (request, status) in heads() {
        let mut client = gateway.client();
        client.send([&request, BEHIND].concat());
        let response = client.response();
        assert_eq!(response.status(), status, "{request:?}");
        assert!(!response.reason().is_empty(), "{request:?}");
        assert_eq!(response.head.field("Connection"), Some("close"), "{request:?}");
        assert_eq!(response.head.field("Allow").is_some(), status == 405, "{request:?}");
        // One answer, then the end: what stood behind was not taken for a request.
        assert_eq!(client.end(), End::Fin, "{request:?}");
        origin.assert_quiet();
    }
}

#[test]
fn a_chunked_body_that_is_none_is_cut_off_before_it_is_complete() {
    let long = |count: usize| "x".repeat(count);
    let bodies = [
        // rule: chunk
        ("zz\r\n", 400),
        ("\r\n0\r\n\r\n", 400),
        ("5\nhello\r\n0\r\n\r\n", 400),
        ("5\rhello\r\n0\r\n\r\n", 400),
        ("-1\r\nx\r\n0\r\n\r\n", 400),
        ("+1\r\nx\r\n0\r\n\r\n", 400),
        ("0x1\r\nx\r\n0\r\n\r\n", 400),
        (" 1\r\nx\r\n0\r\n\r\n", 400),
        ("1_0\r\n", 400),
        ("1\r\nxx\r\n0\r\n\r\n", 400),
        ("1\r\nx\n0\r\n\r\n", 400),
        ("1\r\nx0\r\n\r\n", 400),
        ("1\r\nx\r\n0\r\n\n", 400),
        // rule: trailer section
        ("1\r\nx\r\n0\r\nX-A\r\n\r\n", 400),
        ("1\r\nx\r\n0\r\n folded: 1\r\n\r\n", 400),
        ("1\r\nx\r\n0\r\nX-A: 1\nX-B: 2\r\n\r\n", 400),
        ("1\r\nx\r\n0\r\nX-A: a\0b\r\n\r\n", 400),
        // rule: chunk
        ("1;a\nb\r\nx\r\n0\r\n\r\n", 400),
        ("1;a\0\r\nx\r\n0\r\n\r\n", 400),
        ("10000000000000000\r\n", 400),
        ("ffffffffffffffffff\r\n", 400),
        ("00000000000000001\r\nx\r\n0\r\n\r\n", 400),
    ];
    let mut cases: Vec<_> = bodies.iter().map(|(body, status)| (raw(body), *status)).collect();
    cases.push((format!("1;{}\r\nx\r\n0\r\n\r\n", long(300)), 400));
    cases.push((format!("0\r\nX-A: {}\r\n\r\n", long(9000)), 400));
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    for (body, status) in cases {
        let mut client = gateway.client();
        client.send(format!("{}{body}{BEHIND}", with("Transfer-Encoding: chunked")));
        let response = client.response();
        assert_eq!(response.status(), status, "{body:.60?}");
        assert_eq!(response.head.field("Connection"), Some("close"), "{body:.60?}");
        assert_eq!(client.end(), End::Fin, "{body:.60?}");
        // The server may have seen the beginning; it must not take it for the whole.
        let mut server = origin.accept();
        if let Some(head) = server.try_head() {
            assert!(server.request_body(&head).is_err(), "{body:.60?}");
        }
        let (after, _) = server.rest();
        let after = String::from_utf8_lossy(&after);
        assert!(!after.contains("smuggled"), "{body:.60?}: {after:?}");
    }
}

#[test]
fn a_response_with_two_readings_is_a_502_and_its_worker_is_closed() {
    let with = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nhello");
    let cases = [
        with("Content-Length: 5\r\nTransfer-Encoding: chunked"),
        with("Content-Length: 5\r\nContent-Length: 5"),
        with("Content-Length: 5, 5"),
        with("Content-Length: five"),
        with("Content-Length: -1"),
        with("Content-Length: 9007199254740992"),
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        with("Transfer-Encoding: chunked, gzip"),
        with("Transfer-Encoding: gzip"),
        raw("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        with("X-A: 1\r\n folded\r\nContent-Length: 5"),
        with("Content-Length : 5"),
        with("X-A: 1\nContent-Length: 5"),
        with("X-A: a\0b\r\nContent-Length: 5"),
        with("X-A: a\rb\r\nContent-Length: 5"),
        with("X A: 1\r\nContent-Length: 5"),
        with("no colon\r\nContent-Length: 5"),
        raw("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        raw("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
        raw("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
        raw("HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"),
        raw("HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"),
        raw("HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n"),
        raw("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        raw("ICY 200 OK\r\n\r\n"),
        raw("<html>\r\n\r\n"),
        raw("\0\0\0\0\r\n\r\n"),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    for answer in cases {
        let mut client = gateway.client();
        client.ask("GET", "/");
        let (mut server, _) = origin.accept_request();
        server.send(&answer);
        let response = client.response();
        let told = (response.status(), response.reason());
        assert_eq!(told, (502, "bad_response".to_owned()), "{answer:?}");
        server.rest();
        // The client did nothing wrong, and goes on.
        assert_eq!(response.head.field("Connection"), None, "{answer:?}");
        client.ask("GET", "/next");
        let (mut server, _) = origin.accept_request();
        server.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(client.response().text(), "ok", "{answer:?}");
    }
}

#[test]
fn every_beginning_of_a_request_is_waited_for_and_none_is_forwarded() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let request = "POST /x HTTP/1.1\r\nHost: a\r\nX-A: b\r\nContent-Length: 0\r\n\r\n";
    for end in 0..request.len() {
        let mut client = gateway.client();
        client.send(&request[..end]);
        client.finish();
        assert_eq!(client.end(), End::Fin, "{:?}", &request[..end]);
    }
    origin.assert_quiet();
}

// rule: pipelining
#[test]
fn every_cut_of_a_pipeline_gives_the_same_requests() {
    let pipeline = "\r\nPOST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3;x=y\r\none\r\n0\r\nX-T: 1\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n\
                    Content-Length: 3\r\n\r\ntwoGET /3 HTTP/1.1\r\nHost: a\r\n\r\n";
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut server = None;
    for cut in 1..pipeline.len() {
        let mut client = gateway.client();
        client.send(&pipeline[..cut]);
        client.send(&pipeline[cut..]);
        for (target, content) in [("/1", "one"), ("/2", "two"), ("/3", "")] {
            let server = server.get_or_insert_with(|| origin.accept());
            let request = server.request();
            let arrived = (request.head.target(), request.body.content.as_slice());
            assert_eq!(arrived, (target, content.as_bytes()), "cut at {cut}");
            server.send(ok(target));
            assert_eq!(client.response().text(), target, "cut at {cut}");
        }
    }
}
