//! When a request is sent a second time, and when never (RFC 9110 9.2.2, RFC 9112 9.3.1).

use crate::client::Client;
use crate::origin::{Deaf, Origin, Server, ok};
use crate::support::{Gateway, config, http, in_front_of, wait_until};
use crate::wire::Wire;

const SERVED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nserved";

/// A client that has been served once, on a worker that waits for more.
fn served_once(gateway: &Gateway, origin: &Origin) -> (Client, Server) {
    let mut client = gateway.client();
    client.ask("GET", "/first");
    let (mut server, _) = origin.accept_request();
    server.send(SERVED);
    assert_eq!(client.response().text(), "served");
    (client, server)
}

#[test]
fn a_reused_worker_that_dies_in_silence_costs_nobody_an_idempotent_request() {
    let body = "Content-Length: 4\r\n\r\nbody";
    // Method, the rest of the request, and whether it is sent again.
    let cases = [
        // rule: retry
        ("GET", "\r\n", true),
        ("HEAD", "\r\n", true),
        ("OPTIONS", "\r\n", true),
        ("DELETE", "\r\n", true),
        ("PUT", "Content-Length: 0\r\n\r\n", true),
        ("POST", "Content-Length: 0\r\n\r\n", false),
        ("PATCH", "\r\n", false),
        ("UNKNOWN", "\r\n", false),
        ("GET", body, false),
        ("PUT", body, false),
        ("POST", body, false),
    ];
    for (method, rest, again) in cases {
        for resets in [false, true] {
            let origin = Origin::bind();
            let gateway = in_front_of(origin.address(), "");
            let (mut client, mut server) = served_once(&gateway, &origin);
            client.send(format!("{method} /second HTTP/1.1\r\nHost: a\r\n{rest}"));
            let request = server.request();
            assert_eq!(request.head.target(), "/second");
            if resets {
                Wire::from(server).reset();
            } else {
                drop(server);
            }
            let case = format!("{method} {rest:?} reset: {resets}");
            if again {
                let (mut server, repeated) = origin.accept_request();
                assert_eq!(repeated.head, request.head, "{case}");
                let answer = if method == "HEAD" { &SERVED[..SERVED.len() - 6] } else { SERVED };
                server.send(answer);
            }
            let status = client.response_to(method).status();
            assert_eq!(status, if again { 200 } else { 502 }, "{case}");
            origin.assert_quiet();
        }
    }
}

// rule: retry
#[test]
fn a_request_is_sent_a_second_time_and_never_a_third() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let (mut client, mut server) = served_once(&gateway, &origin);
    client.ask("GET", "/second");
    server.request();
    drop(server);
    let (server, _) = origin.accept_request();
    drop(server);
    let response = client.response();
    assert_eq!((response.status(), response.reason().as_str()), (502, "server_closed"));
    origin.assert_quiet();
}

#[test]
fn a_request_that_is_sent_again_has_the_place_of_the_worker_that_died() {
    let origin = Origin::bind();
    let http = http(&[origin.address()], "serverN_max_workers=1");
    let gateway = Gateway::start(&config("", &format!("{http}[log]\nlevel=trace\n")));
    let (mut client, mut server) = served_once(&gateway, &origin);
    client.ask("GET", "/again");
    assert_eq!(server.request().head.target(), "/again");
    let already = gateway.logged("=> Waiting").len();
    let mut waiting = gateway.client();
    waiting.ask("GET", "/waits");
    gateway.wait_for_log("=> Waiting", already + 1);
    drop(server);
    let (mut server, request) = origin.accept_request();
    assert_eq!(request.head.target(), "/again", "nobody in line may have the fresh connection");
    server.send(SERVED);
    assert_eq!(client.response().text(), "served");
    assert_eq!(server.request().head.target(), "/waits");
    server.send(SERVED);
    assert_eq!(waiting.response().text(), "served");
}

// rule: retry
#[test]
fn a_request_is_sent_again_rather_to_another_server() {
    let (first, second) = (Origin::bind(), Origin::bind());
    let http = http(&[first.address(), second.address()], "algorithm=round-robin");
    let gateway = Gateway::start(&config("", &http));
    let (mut client, mut server) = served_once(&gateway, &first);
    let mut other = gateway.client();
    other.ask("GET", "/other");
    let (mut other_server, _) = second.accept_request();
    client.ask("GET", "/again");
    server.request();
    drop(server);
    let (mut fresh, request) = second.accept_request();
    assert_eq!(request.head.target(), "/again");
    fresh.send(SERVED);
    assert_eq!(client.response().text(), "served");
    first.assert_quiet();
    other_server.send(SERVED);
    assert_eq!(other.response().text(), "served");
}

// rule: retry
#[test]
fn a_fresh_worker_that_dies_is_the_server_s_answer() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    drop(origin.accept_request());
    assert_eq!(client.response().status(), 502);
    origin.assert_quiet();
}

// rule: retry
#[test]
fn after_one_byte_of_response_nothing_is_sent_again() {
    let beginnings = ["H", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 103 Early Hints\r\n\r\n"];
    for beginning in beginnings {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "");
        let (mut client, mut server) = served_once(&gateway, &origin);
        client.ask("GET", "/second");
        server.request();
        server.send(beginning);
        drop(server);
        assert_eq!(client.response().status(), 502, "{beginning:?}");
        origin.assert_quiet();
    }
}

// rule: retry
#[test]
fn an_idle_worker_that_its_server_has_closed_is_not_used() {
    for method in ["GET", "POST"] {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "server1_min_workers=0");
        for round in 0..20 {
            let mut client = gateway.client();
            let target = format!("/{round}");
            client.send(format!(
                "{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
            ));
            let (mut server, request) = origin.accept_request();
            assert_eq!(request.head.target(), target);
            // The close follows at once, so that it may meet the worker in any state.
            server.send(SERVED);
            drop(server);
            assert_eq!(client.response().text(), "served", "{method} {round}");
        }
    }
}

// rule: retry
#[test]
fn a_server_that_refuses_costs_nobody_any_request() {
    let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    ];
    for request in requests {
        let origin = Origin::bind().serve_content("served");
        let servers = [Origin::refusing(), Origin::refusing(), origin.address()];
        let gateway = Gateway::start(&config("", &http(&servers, "algorithm=round-robin")));
        for _ in 0..6 {
            let mut client = gateway.client();
            client.send(request);
            let response = client.response();
            assert_eq!((response.status(), response.text()), (200, "served"), "{request:?}");
        }
        assert_eq!(origin.requests().len(), 6);
        let whole = origin.requests().iter().all(|r| matches!(&*r.body.content, b"" | b"body"));
        assert!(whole, "{request:?}");
    }
}

// rule: retry
#[test]
fn when_every_server_refuses_the_client_is_told() {
    let servers = [Origin::refusing(), Origin::refusing()];
    let gateway = Gateway::start(&config("", &http(&servers, "")));
    let response = gateway.get("/");
    assert_eq!((response.status(), response.reason().as_str()), (502, "connect_failed"));
}

// rule: retry
#[test]
fn a_server_that_does_not_answer_the_connection_is_given_up_for_another() {
    let deaf = Deaf::bind();
    let origin = Origin::bind().serve_content("served");
    let keys = "algorithm=round-robin connect_timeout=200ms";
    let gateway = Gateway::start(&config("", &http(&[deaf.address(), origin.address()], keys)));
    assert_eq!(gateway.get("/").text(), "served");
    let gateway = in_front_of(deaf.address(), "connect_timeout=200ms");
    let response = gateway.get("/");
    assert_eq!((response.status(), response.reason().as_str()), (504, "connect_timeout"));
}

#[test]
fn requests_in_line_for_a_server_that_turns_out_dead_go_elsewhere() {
    let (deaf, origin) = (Deaf::bind(), Origin::bind().serve_content("served"));
    let keys = "algorithm=round-robin connect_timeout=300ms serverN_max_workers=1";
    let servers = [deaf.address(), origin.address()];
    let gateway = Gateway::start(&config("", &http(&servers, keys)));
    let mut clients: Vec<_> = (0..6).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.ask("GET", "/");
    }
    for client in &mut clients {
        assert_eq!(client.response().text(), "served");
    }
    wait_until("all requests", || origin.requests().len() == 6);
}

// rule: retry
#[test]
fn a_worker_lost_under_a_response_is_no_reason_to_ask_again() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let (mut client, mut server) = served_once(&gateway, &origin);
    client.ask("GET", "/second");
    server.request();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    assert_eq!(client.heads().1.status(), 200);
    drop(server);
    assert!(client.try_exactly(9).is_err(), "the client is cut");
    origin.assert_quiet();
    let mut client = gateway.client();
    client.ask("GET", "/third");
    let (mut server, _) = origin.accept_request();
    server.send(ok("third"));
    assert_eq!(client.response().text(), "third");
}
