//! What crosses, what does not, and what the gateway adds (RFC 9110 7.6).

use crate::origin::{Origin, ok};
use crate::support::{Gateway, config, http, in_front_of};
use crate::wire::{End, Head};

/// The lines of a head but for its date, which nobody can foresee.
fn lines_without_date(head: &Head) -> Vec<&str> {
    head.text.split("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
}

// rule: forwarded field
#[test]
fn a_request_and_its_response_cross_line_for_line() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send(
        "POST /a%2Fb/../c?d=e%20f&g HTTP/1.1\r\nhOsT: a.example:8080\r\nACCEPT: */*\r\n\
         X-Twice: 1\r\nCookie: a=b; c=d\r\nX-Twice: 2\r\nX-Empty: \r\nContent-Length: 5\r\n\
         Referer: http://b.example/\r\n\r\nhello",
    );
    let (mut server, request) = origin.accept_request();
    assert_eq!(
        request.head.text,
        "POST /a%2Fb/../c?d=e%20f&g HTTP/1.1\r\nhOsT: a.example:8080\r\nACCEPT: */*\r\n\
         X-Twice: 1\r\nCookie: a=b; c=d\r\nX-Twice: 2\r\nX-Empty: \r\n\
         Referer: http://b.example/\r\nX-Forwarded-For: 127.0.0.1\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example:8080\r\n\
         Via: 1.1 tidegate\r\nContent-Length: 5\r\n\r\n"
    );
    assert_eq!(request.body.content, b"hello");
    server.send(
        "HTTP/1.1 201 Made It So\r\nset-cookie: a=1\r\nServer: x\r\nSet-Cookie: b=2, c\r\n\
         Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 3\r\nETag: \"z\"\r\n\r\nbye",
    );
    let response = client.response();
    assert_eq!(
        response.head.text,
        "HTTP/1.1 201 Made It So\r\nset-cookie: a=1\r\nServer: x\r\nSet-Cookie: b=2, c\r\n\
         Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nETag: \"z\"\r\nContent-Length: 3\r\n\r\n"
    );
    assert_eq!(response.text(), "bye");
}

#[test]
fn what_is_for_one_connection_stays_on_it() {
    // Lines of a request or response, and those of them that cross.
    // rule: hop-by-hop
    let requests: [(&str, &[&str]); 8] = [
        ("Connection: close", &[]),
        ("Keep-Alive: timeout=5\r\nConnection: keep-alive", &[]),
        ("Connection: x-one, X-TWO\r\nX-One: 1\r\nx-two: 2\r\nX-Three: 3", &["X-Three: 3"]),
        ("Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==", &[]),
        ("Connection: TE\r\nTE: gzip, trailers", &["Connection: TE", "TE: trailers"]),
        ("Connection: TE\r\nTE: gzip", &[]),
        ("Connection: Upgrade\r\nUpgrade: h2c", &[]),
        ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA", &[]),
    ];
    // rule: hop-by-hop
    let responses: [(&str, &[&str]); 5] = [
        ("Keep-Alive: timeout=60", &[]),
        ("Connection: X-Mine\r\nX-Mine: 1\r\nX-Yours: 2", &["X-Yours: 2"]),
        ("Proxy-Authenticate: Basic\r\nProxy-Connection: close", &[]),
        ("Upgrade: h2c\r\nConnection: upgrade", &[]),
        ("TE: x\r\nX-Accel: 1", &["X-Accel: 1"]),
    ];
    let ours = ["Host: a", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http"];
    let ours = [ours.as_slice(), &["X-Forwarded-Host: a", "Via: 1.1 tidegate"]].concat();

    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    for (sent, crossing) in requests {
        let mut client = gateway.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{sent}\r\n\r\n"));
        let (mut server, request) = origin.accept_request();
        server.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        assert_eq!(client.response().status(), 204);
        let arrived = request.head.text.split("\r\n").skip(1);
        let arrived: Vec<_> = arrived.filter(|l| !l.is_empty() && !ours.contains(l)).collect();
        assert_eq!(arrived, crossing, "{sent:?}");
    }
    for (sent, crossing) in responses {
        let mut client = gateway.client();
        client.ask("GET", "/");
        let (mut server, _) = origin.accept_request();
        server.send(format!("HTTP/1.1 200 OK\r\n{sent}\r\nContent-Length: 0\r\n\r\n"));
        server.finish();
        let response = client.response();
        let mut arrived = lines_without_date(&response.head);
        arrived.retain(|line| !line.is_empty() && !line.starts_with("HTTP/1.1"));
        assert_eq!(arrived, [crossing, &["Content-Length: 0"]].concat(), "{sent:?}");
    }
}

#[test]
fn who_asked_is_told_by_the_gateway_or_by_proxies_that_it_trusts() {
    let claims = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 8.8.8.8\r\n\
                  X-Forwarded-Proto: https\r\nX-Forwarded-Host: b.example";
    let plain = ["127.0.0.1", "http", "a.example"];
    let believed = ["9.9.9.9, 8.8.8.8, 127.0.0.1", "https", "b.example"];
    let cases = [
        // rule: forwarded field
        ("", "", plain),
        ("", claims, plain),
        ("trusted_proxies=10.0.0.0/8, 127.0.0.2", claims, plain),
        ("trusted_proxies=127.0.0.1", "", plain),
        ("trusted_proxies=127.0.0.1", claims, believed),
        ("trusted_proxies=10.0.0.1, 127.0.0.0/8", claims, believed),
        ("trusted_proxies=private", claims, believed),
    ];
    for (frontend, sent, expected) in cases {
        let origin = Origin::bind();
        let gateway = Gateway::start(&config(frontend, &http(&[origin.address()], "")));
        let mut client = gateway.client();
        let sent = if sent.is_empty() { String::new() } else { format!("{sent}\r\n") };
        client.send(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{sent}\r\n"));
        let (mut server, request) = origin.accept_request();
        server.send(ok(""));
        client.response();
        let names = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"];
        let arrived = names.map(|name| request.head.field(name).expect(name));
        assert_eq!(arrived, expected, "{frontend:?} {sent:?}");
    }
}

#[test]
fn targets_cross_byte_for_byte() {
    // rule: absolute-form
    // The request line, the target that arrives, the Host that arrives.
    let cases = [
        ("GET / HTTP/1.1", "/", "a.example"),
        ("GET //x//?? HTTP/1.1", "//x//??", "a.example"),
        (
            "GET /%2e%2E/../.%00;p=1?q=%zz&r=[]{}|'\" HTTP/1.1",
            "/%2e%2E/../.%00;p=1?q=%zz&r=[]{}|'\"",
            "a.example",
        ),
        ("GET http://b.example/x?y HTTP/1.1", "/x?y", "b.example"),
        ("GET HTTP://b.example:81 HTTP/1.1", "/", "b.example:81"),
        ("GET http://b.example?y HTTP/1.1", "/?y", "b.example"),
        ("OPTIONS * HTTP/1.1", "*", "a.example"),
        ("OPTIONS http://b.example HTTP/1.1", "*", "b.example"),
        ("PROPFIND /x HTTP/1.1", "/x", "a.example"),
    ];
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    for (line, target, host) in cases {
        let mut client = gateway.client();
        client.send(format!("{line}\r\nHost: a.example\r\n\r\n"));
        let (mut server, request) = origin.accept_request();
        assert_eq!((request.head.target(), request.head.field("Host")), (target, Some(host)));
        server.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.response().status(), 200, "{line}");
    }
}

// rule: forwarded field
#[test]
fn a_response_without_a_date_is_given_one() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send(ok(""));
    let response = client.response();
    let date = response.head.field("Date").expect("a date");
    assert_eq!(date.len(), "Thu, 01 Jan 1970 00:00:00 GMT".len(), "{date}");
    assert!(date.ends_with(" GMT"), "{date}");
}

#[test]
fn a_response_leaves_piece_by_piece_as_it_comes() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/events");
    let (mut server, _) = origin.accept_request();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let (_, head) = client.heads();
    assert_eq!(head.field("Transfer-Encoding"), Some("chunked"));
    for event in ["data: 1\n\n", "data: two\n\n", "data: three\n\n"] {
        server.send(format!("{:x}\r\n{event}\r\n", event.len()));
        assert_eq!(client.chunk().expect("an event"), event.as_bytes());
    }
    server.send("0\r\n\r\n");
    assert!(client.chunk().expect("the last chunk").is_empty());
}

#[test]
fn a_request_leaves_piece_by_piece_as_it_comes() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\none");
    let mut server = origin.accept();
    assert_eq!(server.head().field("Content-Length"), Some("9"));
    assert_eq!(server.exactly(3), b"one");
    for piece in ["two", "six"] {
        client.send(piece);
        assert_eq!(server.exactly(3), piece.as_bytes());
    }
    server.send(ok("done"));
    assert_eq!(client.response().text(), "done");
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    for byte in b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" {
        client.send([*byte]);
    }
    let (mut server, request) = origin.accept_request();
    assert_eq!(request.head.target(), "/slow");
    for byte in ok("x") {
        server.send([byte]);
    }
    assert_eq!(client.response().text(), "x");
}

#[test]
fn http_1_0_gets_no_chunks_no_interim_responses_and_stays_only_if_it_asked() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n\
                   3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: 1\r\n\r\n";
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                   HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde";
    // The client's Connection field, the response, and whether the connection stays.
    let cases = [
        // rule: version
        ("", length, false),
        ("Connection: keep-alive\r\n", length, true),
        ("Connection: Keep-Alive\r\n", interim, true),
        ("Connection: keep-alive, close\r\n", length, false),
        ("Connection: keep-alive\r\n", chunked, false),
        ("", chunked, false),
        ("Connection: keep-alive\r\n", closing, false),
    ];
    for (connection, answer, stays) in cases {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "");
        let mut client = gateway.client();
        client.send(format!("GET /x HTTP/1.0\r\nHost: a\r\n{connection}\r\n"));
        let (mut server, request) = origin.accept_request();
        assert_eq!(request.head.start, "GET /x HTTP/1.1");
        assert_eq!(request.head.field("Via"), Some("1.0 tidegate"));
        server.send(answer);
        server.finish();
        let response = client.response();
        let case = format!("{connection:?} {answer:?}: {response:?}");
        assert_eq!(response.text(), "abcde", "{case}");
        assert!(response.interim.is_empty(), "{case}");
        assert_eq!(response.head.field("Transfer-Encoding"), None, "{case}");
        let option = if stays { "keep-alive" } else { "close" };
        assert_eq!(response.head.field("Connection"), Some(option), "{case}");
        if !stays {
            assert_eq!(client.end(), End::Fin, "{case}");
        } else {
            client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
            let (mut server, _) = origin.accept_request();
            server.send(ok("again"));
            assert_eq!(client.response().text(), "again", "{case}");
        }
    }
}

#[test]
fn every_request_that_was_whole_before_the_client_s_end_is_answered() {
    let host = "Host: a\r\n";
    // What is sent before the FIN, and the targets in it.
    let cases: [(String, &[&str]); 6] = [
        // rule: half-close
        (format!("GET /1 HTTP/1.1\r\n{host}\r\n"), &["/1"]),
        (format!("GET /1 HTTP/1.0\r\n{host}\r\n"), &["/1"]),
        (format!("POST /1 HTTP/1.1\r\n{host}Content-Length: 2\r\n\r\nhi"), &["/1"]),
        (format!("POST /1 HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), &["/1"]),
        (format!("GET /1 HTTP/1.1\r\n{host}\r\nGET /2 HTTP/1.1\r\n{host}\r\n"), &["/1", "/2"]),
        // Half of a second one is no reason not to answer the first.
        (format!("GET /1 HTTP/1.1\r\n{host}\r\nGET /2 HTTP"), &["/1"]),
    ];
    for (sent, targets) in cases {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "");
        let mut client = gateway.client();
        client.send(&sent);
        client.finish();
        let mut server = origin.accept();
        for target in targets {
            assert_eq!(server.request().head.target(), *target, "{sent:?}");
            server.send(ok(target));
            assert_eq!(client.response().text(), *target, "{sent:?}");
        }
        assert_eq!(client.end(), End::Fin, "{sent:?}");
    }
}

// rule: half-close
#[test]
fn a_client_that_has_said_all_still_gets_its_response() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    client.finish();
    let (mut server, _) = origin.accept_request();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
    assert_eq!(client.heads().1.status(), 200);
    assert_eq!(client.exactly(2), b"ha");
    server.send("lf");
    assert_eq!(client.exactly(2), b"lf");
    assert_eq!(client.end(), End::Fin);
}

#[test]
fn a_server_that_http_1_0_is_spoken_by_is_understood() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let mut client = gateway.client();
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send("HTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\nok");
    let response = client.response();
    assert_eq!((response.head.start.as_str(), response.text()), ("HTTP/1.1 200 Fine", "ok"));
    assert_eq!(server.end(), End::Fin, "HTTP/1.0 connections do not stay by themselves");
    client.ask("GET", "/");
    let (mut server, _) = origin.accept_request();
    server.send("HTTP/1.0 200 Fine\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(client.response().text(), "ok");
    client.ask("GET", "/third");
    assert_eq!(server.request().head.target(), "/third");
}
