//! Where messages end (RFC 9112 6 and 7): every framing in, one framing out, and connections that
//! stay in step.

use crate::client::Client;
use crate::origin::{Origin, Server, ok};
use crate::support::{in_front_of, wait_until};
use crate::wire::{Cut, End, Length, Wire};

/// Another exchange on both connections: neither is out of step.
fn assert_in_step(client: &mut Client, server: &mut Server) {
    client.ask("GET", "/next");
    let request = server.request();
    assert_eq!(request.head.target(), "/next");
    server.send(ok("in step"));
    assert_eq!(client.response().text(), "in step");
}

#[test]
fn responses_end_where_their_framing_says_and_nowhere_else() {
    let chunks = "Transfer-Encoding: chunked\r\n\r\n";
    // Method, response, and what arrives of the content; the connections stay.
    let cases = [
        ("GET", "200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(), "hello"),
        ("GET", "200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(), ""),
        ("GET", format!("200 OK\r\n{chunks}5\r\nhello\r\n0\r\n\r\n"), "hello"),
        ("GET", format!("200 OK\r\n{chunks}0005;ext=\"v\"\r\nhello\r\n000\r\n\r\n"), "hello"),
        (
            "GET",
            format!("200 OK\r\n{chunks}A\r\n0123456789\r\na\r\nabcdefghij\r\n0\r\n\r\n"),
            "0123456789abcdefghij",
        ),
        ("GET", format!("200 OK\r\n{chunks}0\r\n\r\n"), ""),
        // rule: no content
        ("GET", "204 No Content\r\n\r\n".to_owned(), ""),
        ("GET", "304 Not Modified\r\nContent-Length: 1000\r\n\r\n".to_owned(), ""),
        ("GET", format!("304 Not Modified\r\n{chunks}"), ""),
        ("HEAD", "200 OK\r\nContent-Length: 1000\r\n\r\n".to_owned(), ""),
        ("HEAD", format!("200 OK\r\n{chunks}"), ""),
        ("HEAD", "200 OK\r\n\r\n".to_owned(), ""),
        ("POST", "200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(), "ok"),
        ("DELETE", "204 No Content\r\n\r\n".to_owned(), ""),
        ("OPTIONS", "200 OK\r\nContent-Length: 1\r\n\r\nx".to_owned(), "x"),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(ok(""));
    client.response();
    for (method, answer, content) in cases {
        client.ask(method, "/");
        server.request();
        server.send(format!("HTTP/1.1 {answer}"));
        let response = client.response_to(method);
        assert_eq!(response.text(), content, "{method} {answer:?}");
        assert_eq!(response.head.field("Connection"), None, "{method} {answer:?}");
        assert_in_step(&mut client, &mut server);
    }
}

#[test]
fn requests_end_where_their_framing_says_and_nowhere_else() {
    let chunks = "Transfer-Encoding: chunked\r\n\r\n";
    let cases = [
        ("POST", "Content-Length: 5\r\n\r\nhello".to_owned(), "hello"),
        ("POST", "Content-Length: 0\r\n\r\n".to_owned(), ""),
        ("POST", "\r\n".to_owned(), ""),
        ("GET", "Content-Length: 3\r\n\r\nabc".to_owned(), "abc"),
        ("PUT", format!("{chunks}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "abcde"),
        ("PUT", "Transfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n".to_owned(), "x"),
        ("POST", format!("{chunks}1;a;b=c ; d=\"e f\"\r\nx\r\n0;z\r\n\r\n"), "x"),
        ("PATCH", format!("{chunks}00000000001\r\nx\r\n00\r\n\r\n"), "x"),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(ok(""));
    client.response();
    for (method, rest, content) in cases {
        client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n{rest}"));
        let request = server.request();
        assert_eq!(request.body.content, content.as_bytes(), "{method} {rest:?}");
        assert!(!request.head.text.contains(';'), "{method} {rest:?}");
        server.send(ok(""));
        assert_eq!(client.response().status(), 200, "{method} {rest:?}");
        assert_in_step(&mut client, &mut server);
    }
}

// rule: trailer section
#[test]
fn trailer_fields_cross_unless_they_would_change_the_message() {
    let section = "X-Sum: 7\r\nContent-Length: 9\r\nHost: b\r\nAuthorization: x\r\n\
                   Transfer-Encoding: x\r\nSet-Cookie: a=b\r\nx-after: 8\r\n";
    let kept = [("X-Sum".to_owned(), "7".to_owned()), ("x-after".to_owned(), "8".to_owned())];
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         2\r\nhi\r\n0\r\n{section}\r\n"
    ));
    let (mut server, request) = origin.accept_request();
    assert_eq!(request.head.field("Trailer"), Some("X-Sum"));
    assert_eq!(
        (request.body.content.as_slice(), &request.body.trailers[..]),
        (&b"hi"[..], &kept[..])
    );
    server.send(format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         2\r\nho\r\n0\r\n{section}\r\n"
    ));
    let response = client.response();
    assert_eq!((response.text(), &response.body.trailers[..]), ("ho", &kept[..]));
    assert_in_step(&mut client, &mut server);
}

// rule: close-delimited
#[test]
fn a_body_that_ends_with_the_connection_goes_on_in_chunks() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    for content in ["", "some content"] {
        client.ask("GET", "/");
        let (mut server, _) = origin.accept_request();
        server.send(format!("HTTP/1.1 200 OK\r\n\r\n{content}"));
        drop(server);
        let response = client.response();
        assert_eq!(response.head.field("Transfer-Encoding"), Some("chunked"));
        assert_eq!(response.text(), content);
        assert_eq!(response.head.field("Connection"), None, "the client's connection stays");
    }
}

#[test]
fn a_response_that_is_cut_short_cuts_the_client() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    // What the server sends, whether it resets the connection then, the client's version.
    let cases = [
        // rule: close-delimited
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_owned(), End::Fin, "1.1"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_owned(), End::Reset, "1.1"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_owned(), End::Fin, "1.0"),
        (format!("{chunked}4\r\nhalf\r\n"), End::Fin, "1.1"),
        (format!("{chunked}4\r\nhalf\r\n0\r\n"), End::Fin, "1.1"),
        (format!("{chunked}9\r\nhalf"), End::Reset, "1.1"),
        (format!("{chunked}4\r\nhalf\r\n"), End::Fin, "1.0"),
        (format!("{chunked}4\r\nhalf\r\nnonsense\r\n"), End::Fin, "1.1"),
        (format!("{chunked}4\r\nhalf!\r\n0\r\n\r\n"), End::Fin, "1.1"),
        ("HTTP/1.1 200 OK\r\n\r\nhalf".to_owned(), End::Reset, "1.1"),
        ("HTTP/1.1 200 OK\r\n\r\nhalf".to_owned(), End::Reset, "1.0"),
    ];
    for (answer, end, version) in cases {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "");
        let mut client = gateway.client();
        client.send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"));
        let (mut server, _) = origin.accept_request();
        let (before, after) = answer.split_at(answer.find("\r\n\r\n").expect("a head") + 4);
        server.send(before);
        let (_, head) = client.heads();
        assert_eq!(head.status(), 200);
        server.send(after);
        match end {
            End::Fin => server.finish(),
            End::Reset => Wire::from(server).reset(),
        }
        let length = head.length().unwrap_or(Length::UntilClose);
        let body = client.body(length);
        assert_eq!(body, Err(Cut), "{answer:?} {end:?} HTTP/{version}");
        origin.assert_quiet();
    }
}

#[test]
fn a_request_that_is_cut_short_cuts_the_server() {
    let bodies = [
        ("Content-Length: 9", "half"),
        ("Transfer-Encoding: chunked", "9\r\nhalf"),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n"),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n0\r\n"),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    for (field, body) in bodies {
        for resets in [false, true] {
            let mut client = gateway.client();
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n{body}"));
            let mut server = origin.accept();
            let head = server.head();
            if resets {
                Wire::from(client).reset();
            } else {
                client.finish();
                assert_eq!(server.request_body(&head), Err(Cut), "{field} {body:?}");
                continue;
            }
            assert_eq!(server.request_body(&head), Err(Cut), "{field} {body:?} reset");
        }
    }
    // None of these connections is used again.
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(ok("fresh"));
    assert_eq!(client.response().text(), "fresh");
}

// rule: pipelining
#[test]
fn pipelined_requests_are_answered_in_order_one_at_a_time() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
         POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo\
         POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n\
         \r\nHEAD /4 HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\
         GET /6 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let mut server = origin.accept();
    for (target, content) in [("/1", ""), ("/2", "two"), ("/3", "three"), ("/4", ""), ("/5", "")] {
        let request = server.request();
        assert_eq!(request.head.target(), target);
        assert_eq!(request.body.content, content.as_bytes());
        origin.assert_quiet();
        let answer = ok(target);
        server.send(if target == "/4" { &answer[..answer.len() - 2] } else { &answer });
        let response = client.response_to(request.head.method());
        assert_eq!(response.text(), if target == "/4" { "" } else { target });
    }
    assert_eq!(client.end(), End::Fin, "what follows `close` is not read");
    assert_eq!(gateway.logged("panicked"), Vec::<String>::new());
    let mut client = gateway.client();
    client.ask("GET", "/7");
    assert_eq!(server.request().head.target(), "/7", "request 6 reached nobody");
}

#[test]
fn what_follows_a_request_is_the_next_one_or_the_end() {
    // What is sent in one piece, how many requests of it arrive, and what it is answered.
    let cases: [(&str, usize, &[u16]); 9] = [
        // rule: pipelining
        ("GET /0 HTTP/1.1\r\nHost: a\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n", 2, &[200, 200]),
        (
            "GET /0 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
            2,
            &[200, 200],
        ),
        (
            "GET /0 HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
            1,
            &[200, 400],
        ),
        ("GET /0 HTTP/1.1\r\nHost: a\r\n\r\nGET /1 HTTP/1.1\r\n\r\n", 1, &[200, 400]),
        ("GET /0 HTTP/1.1\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, &[400]),
        (
            "POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
            2,
            &[200, 200],
        ),
        (
            "POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nh GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
            1,
            &[200, 400],
        ),
        ("GET /0 HTTP/1.0\r\nHost: a\r\n\r\nGET /1 HTTP/1.0\r\nHost: a\r\n\r\n", 1, &[200]),
        (
            "GET /0 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /1 HTTP/1.0\r\n\r\n",
            2,
            &[200, 200],
        ),
    ];
    for (sent, arrive, statuses) in cases {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "");
        let mut client = gateway.client();
        client.send(sent);
        client.finish();
        let mut server = None;
        for (number, status) in statuses.iter().enumerate() {
            if number < arrive {
                let server = server.get_or_insert_with(|| origin.accept());
                assert_eq!(server.request().head.target(), format!("/{number}"), "{sent:?}");
                server.send(ok("x"));
            }
            assert_eq!(client.response().status(), *status, "{sent:?}");
        }
        assert_eq!(client.end(), End::Fin, "{sent:?}");
    }
}

// rule: pipelining
#[test]
fn a_client_that_pipelines_without_end_is_stopped_and_then_served_in_order() {
    const MOST: usize = 64 << 20;
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let before = gateway.peak_memory();
    let mut client = gateway.client();
    client.ask("GET", "/first");
    let (mut server, _) = origin.accept_request();
    let head = format!("GET /many HTTP/1.1\r\nHost: a\r\nX-Fill: {}\r\n\r\n", "x".repeat(12_000));
    let taken = client.send_until_blocked(head.as_bytes(), MOST);
    assert!(taken < MOST, "the gateway and two kernels took {taken} bytes");
    let grown = gateway.peak_memory() - before;
    assert!(grown < 1 << 20, "grown by {grown} bytes while one request was under way");

    server.send(ok("first"));
    assert_eq!(client.response().text(), "first");
    for number in 0..taken / head.len() {
        assert_eq!(server.request().head.target(), "/many");
        let content = number.to_string();
        server.send(ok(&content));
        assert_eq!(client.response().text(), content);
    }
}

#[test]
fn what_follows_a_response_poisons_the_worker() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    // Method, response; more than the framing allows.
    let cases = [
        // rule: surplus
        ("GET", format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood{smuggled}")),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodx".to_owned()),
        ("HEAD", format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{smuggled}")),
        ("GET", format!("HTTP/1.1 204 No Content\r\n\r\n{smuggled}")),
        ("GET", format!("HTTP/1.1 304 Not Modified\r\n\r\n{smuggled}")),
        ("GET", format!("{chunked}4\r\ngood\r\n0\r\n\r\n{smuggled}")),
        ("GET", format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood\r\n{smuggled}")),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    for (method, answer) in cases {
        let mut client = gateway.client();
        client.ask(method, "/");
        let (mut server, _) = origin.accept_request();
        server.send(&answer);
        let response = client.response_to(method);
        assert!(matches!(response.text(), "" | "good"), "{method} {answer:?}: {response:?}");
        let (rest, _) = server.rest();
        assert!(rest.is_empty(), "{method} {answer:?}");
        client.ask("GET", "/next");
        let (mut server, _) = origin.accept_request();
        server.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnext");
        assert_eq!(client.response().text(), "next", "{method} {answer:?}");
    }
}

// rule: surplus
#[test]
fn what_an_idle_worker_says_poisons_it() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(ok("one"));
    assert_eq!(client.response().text(), "one");
    server.send(ok("evil"));
    wait_until("the worker to be closed", || !server.try_send("x"));
    client.ask("GET", "/next");
    let (mut server, _) = origin.accept_request();
    server.send(ok("two"));
    assert_eq!(client.response().text(), "two");
}
