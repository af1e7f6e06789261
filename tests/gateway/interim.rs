//! Interim responses, Expect: 100-continue, and final responses that come early
//! (RFC 9110 10.1.1 and 15.2, RFC 9112 9.6).

use crate::origin::{Origin, ok};
use crate::support::{in_front_of, timed};
use crate::wire::End;
use std::time::Duration;

const EXPECTS: &str =
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

// rule: interim response
#[test]
fn interim_responses_are_relayed_in_order() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    let first = client.head();
    assert_eq!(first.text, "HTTP/1.1 102 Processing\r\n\r\n");
    let second = client.head();
    assert_eq!(second.text, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    server.send(ok("final"));
    assert_eq!(client.response().text(), "final");
}

#[test]
fn interim_responses_reach_those_who_can_read_them_and_hide_nothing() {
    // The client's version, what comes before the final response, what arrives of that, and the
    // final status.
    let hints = "103 Early Hints\r\nLink: </a>\r\n";
    let cases: [(&str, &str, &[u16], u16); 9] = [
        // rule: interim response
        ("1.1", "102 Processing\r\n", &[102], 200),
        ("1.1", hints, &[103], 200),
        ("1.1", "199 Anything\r\n", &[199], 200),
        ("1.0", hints, &[], 200),
        ("1.0", "100 Continue\r\n", &[], 200),
        // It has no content: what looks like some has to be the next head.
        ("1.1", "103 Early Hints\r\nContent-Length: 5\r\n", &[103], 200),
        ("1.1", "103 Early Hints\r\nContent-Length: 5\r\n\r\nhello", &[103], 502),
        ("1.1", "103 Early Hints\r\nX-A: b\r\n c\r\n", &[], 502),
        ("1.1", "101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n", &[], 502),
    ];
    for (version, interim, arrive, status) in cases {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "");
        let mut client = gateway.client();
        client.send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"));
        let (mut server, _) = origin.accept_request();
        server.send(format!("HTTP/1.1 {interim}\r\n"));
        server.try_send(ok("final"));
        let response = client.response();
        let arrived: Vec<_> = response.interim.iter().map(|head| head.status()).collect();
        assert_eq!((&*arrived, response.status()), (arrive, status), "{version} {interim:?}");
        let framed = response.interim.iter().any(|head| head.length().is_some());
        assert!(!framed, "{interim:?}");
        assert!(status != 200 || response.text() == "final", "{interim:?}");
    }
}

// rule: interim response
#[test]
fn sixteen_interim_responses_are_relayed_and_no_more() {
    for (count, status) in [(16, 200), (17, 502)] {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "");
        let mut client = gateway.client();
        client.ask("GET", "/");
        let (mut server, _) = origin.accept_request();
        server.send("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(count));
        server.try_send(ok(""));
        let response = client.response();
        assert_eq!((response.status(), response.interim.len()), (status, 16), "{count} sent");
    }
}

// rule: expectation
#[test]
fn the_server_decides_whether_the_client_continues() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send(EXPECTS);
    let mut server = origin.accept();
    let head = server.head();
    assert_eq!(head.field("Expect"), Some("100-continue"));
    server.send("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.head().status(), 100);
    client.send("hello");
    assert_eq!(server.request_body(&head).expect("the body").content, b"hello");
    server.send(ok("thanks"));
    let response = client.response();
    assert_eq!((response.text(), response.interim.len()), ("thanks", 0));

    // The same connection again; this time the server does not want the body.
    client.send(EXPECTS);
    server.head();
    server.send("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status(), response.interim.len()), (413, 0));
    assert_eq!(response.head.field("Connection"), Some("close"), "the body may still come");
    assert_eq!(client.end(), End::Fin);
    assert_eq!(server.end(), End::Fin, "half a request cannot be followed by another");
}

// rule: expectation
#[test]
fn a_client_that_does_not_wait_may_send_its_body_at_once() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send([EXPECTS, "hello"].concat());
    let (mut server, request) = origin.accept_request();
    assert_eq!(request.body.content, b"hello");
    server.send(["HTTP/1.1 100 Continue\r\n\r\n".as_bytes(), &ok("x")].concat());
    assert_eq!(client.response().text(), "x");
}

// rule: expectation
#[test]
fn after_a_second_of_silence_the_gateway_itself_says_continue() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send(EXPECTS);
    let mut server = origin.accept();
    let head = server.head();
    let (waited, interim) = timed(|| client.head());
    assert_eq!(interim.text, "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(waited > Duration::from_millis(900), "{waited:?}");
    client.send("hello");
    assert_eq!(server.request_body(&head).expect("the body").content, b"hello");
    // The server's own word comes too late, and the client is not told twice.
    server.send(["HTTP/1.1 100 Continue\r\n\r\n".as_bytes(), &ok("x")].concat());
    let response = client.response();
    assert_eq!((response.text(), response.interim.len()), ("x", 0));
}

// rule: expectation
#[test]
fn an_expectation_without_content_is_dropped_and_an_unknown_one_refused() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    let (mut server, request) = origin.accept_request();
    assert_eq!(request.head.field("Expect"), None);
    server.send(ok(""));
    assert_eq!(client.response().status(), 200);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(client.response().status(), 417);
}

// rule: early response
#[test]
fn a_final_response_may_come_before_the_request_has_ended() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst");
    let mut server = origin.accept();
    server.head();
    assert_eq!(server.exactly(5), b"first");
    server.send("HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nno!");
    let response = client.response();
    assert_eq!((response.status(), response.text()), (403, "no!"));
    assert_eq!(response.head.field("Connection"), Some("close"));
    // The client does not know yet: what it still sends is swallowed, and harms nobody.
    client.send([b'x'; 32 * 1024]);
    assert_eq!(client.end(), End::Fin);
    client.send([b'x'; 16 * 1024]);
    client.finish();
    let (after, _) = server.rest();
    assert!(after.is_empty(), "{} bytes were forwarded after the response", after.len());
}

#[test]
fn an_early_response_ends_both_connections_however_the_request_was_to_go_on() {
    let cases = [
        // rule: early response
        ("Content-Length: 1000", ""),
        ("Content-Length: 1000", "begun"),
        ("Transfer-Encoding: chunked", ""),
        ("Transfer-Encoding: chunked", "5\r\nbeg"),
        ("Transfer-Encoding: chunked", "5\r\nbegun\r\n"),
        ("Transfer-Encoding: chunked", "5\r\nbegun\r\n0\r\n"),
        ("Expect: 100-continue\r\nContent-Length: 5", ""),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    for (fields, begun) in cases {
        let mut client = gateway.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{begun}"));
        let mut server = origin.accept();
        server.head();
        server.send("HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nno!");
        let response = client.response();
        assert_eq!((response.status(), response.text()), (403, "no!"), "{fields} {begun:?}");
        assert_eq!(response.head.field("Connection"), Some("close"), "{fields} {begun:?}");
        assert_eq!(client.end(), End::Fin, "{fields} {begun:?}");
        // The request that was never complete ends here, and nothing follows it.
        server.rest();
        origin.assert_quiet();
    }
}

// rule: early response
#[test]
fn a_lingering_close_has_an_end() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let refused = "GET / HTTP/2.0\r\n\r\n";

    let mut silent = gateway.client();
    silent.send(refused);
    assert_eq!(silent.response().status(), 505);
    assert_eq!(silent.end(), End::Fin);

    let mut talkative = gateway.client();
    talkative.send(refused);
    assert_eq!(talkative.response().status(), 505);
    // Far more than is put up with: sooner or later the gateway does not answer for it any more.
    let (took, ()) = timed(|| while talkative.try_send([b'x'; 16 * 1024]) {});
    assert!(took < Duration::from_secs(2), "{took:?}");

    // The silent one has two seconds.
    let (took, ()) = timed(|| {
        crate::support::wait_until("the end of patience", || !silent.try_send("x"));
    });
    assert!(took > Duration::from_millis(500), "{took:?}");
}
