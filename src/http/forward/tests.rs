//! Heads as they came and as they go on.

mod properties;

use super::*;
use crate::http::head::{HeadLimits, Lines};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 64 * 1024, max_fields: 256 };
const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

/// What the server gets to read of `request`, which must be a good one.
fn onward_request(request: &str, trusted: bool) -> String {
    let mut lines = Lines::new();
    let head = RequestHead::parse(request.as_bytes(), &mut lines, LIMITS);
    let head = head.unwrap_or_else(|refusal| panic!("{request:?}: {refusal:?}")).unwrap();
    let mut out = Vec::new();
    let peer = Peer::Ip("192.0.2.7".parse().unwrap());
    super::request(&head, &Hop { peer, trusted, authority: "gate:80", request_id: b"" }, &mut out);
    String::from_utf8(out).unwrap()
}

const GET: Asked = Asked { head: false, websocket: false, version: Version::Http11 };
const HEAD: Asked = Asked { head: true, ..GET };
const WEBSOCKET: Asked = Asked { websocket: true, ..GET };
const GET_10: Asked = Asked { version: Version::Http10, ..GET };
const HEAD_10: Asked = Asked { version: Version::Http10, ..HEAD };

/// What the client gets to read of `response`, which must be a good one.
fn onward_response(response: &str, asked: Asked, persistent: bool, delivery: Delivery) -> String {
    let mut lines = Lines::new();
    let head = ResponseHead::parse(response.as_bytes(), &mut lines, asked, LIMITS);
    let head = head.unwrap_or_else(|refusal| panic!("{response:?}: {refusal:?}")).unwrap();
    let mut out = Vec::new();
    super::response(&head, &Onward { asked, persistent, delivery, date: DATE }, &mut out);
    String::from_utf8(out).unwrap()
}

/// The lines that say on whose behalf, for a request to `h` from a peer that is not trusted.
const FOR: &str = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n\
                   Via: 1.1 tidegate\r\n";

/// Requests and what becomes of them, without the empty line; `+` stands for the lines of `FOR`.
const REQUESTS: &[(&str, &str)] = &[
    // The line, and nothing but it.
    ("GET / HTTP/1.1|Host: h", "GET / HTTP/1.1|Host: h|+"),
    ("GET /a%2fb//../c?x=%20&y HTTP/1.1|Host: h", "GET /a%2fb//../c?x=%20&y HTTP/1.1|Host: h|+"),
    ("OPTIONS * HTTP/1.1|Host: h", "OPTIONS * HTTP/1.1|Host: h|+"),
    // rule: absolute-form
    // The authority of an absolute-form takes the place of Host, where that stands.
    ("GET http://h/x?y HTTP/1.1|A: b|hOst: i|C: d", "GET /x?y HTTP/1.1|A: b|hOst: h|C: d|+"),
    // rule: forwarded field
    // Order, case, duplicates and values stay.
    (
        "GET / HTTP/1.1|b: 2|HOST:h|A:  1 |Cookie: a|cookie: b|b: 1|E:",
        "GET / HTTP/1.1|b: 2|HOST: h|A: 1|Cookie: a|cookie: b|b: 1|E: |+",
    ),
    // rule: hop-by-hop
    // Hop-by-hop fields, whether Connection names them or not.
    (
        "GET / HTTP/1.1|Host: h|Connection: close|Keep-Alive: timeout=5|Proxy-Connection: x\
             |Proxy-Authorization: Basic x|Proxy-Authenticate: Basic|Upgrade: h2c|A: b",
        "GET / HTTP/1.1|Host: h|A: b|+",
    ),
    (
        "GET / HTTP/1.1|X-A: 1|Host: h|Connection: keep-alive,x-a ,,|connection: X-B|x-b: 2|X: 3",
        "GET / HTTP/1.1|Host: h|X: 3|+",
    ),
    ("GET / HTTP/1.1|Host: h|Connection: date|Date: x", "GET / HTTP/1.1|Host: h|+"),
    // TE, but for `trailers`.
    ("GET / HTTP/1.1|Host: h|TE: gzip|Connection: TE", "GET / HTTP/1.1|Host: h|+"),
    (
        "GET / HTTP/1.1|Host: h|te: gzip;q=0.5, Trailers|Connection: te",
        "GET / HTTP/1.1|Host: h|+|Connection: TE|TE: trailers",
    ),
    // rule: length
    // Framing is said once, in canonical digits.
    ("POST / HTTP/1.1|Host: h", "POST / HTTP/1.1|Host: h|+"),
    ("POST / HTTP/1.1|Host: h|content-length: 0", "POST / HTTP/1.1|Host: h|+|Content-Length: 0"),
    (
        "POST / HTTP/1.1|Content-Length: 0012|Host: h",
        "POST / HTTP/1.1|Host: h|+|Content-Length: 12",
    ),
    (
        "POST / HTTP/1.1|transfer-encoding: CHUNKED|Host: h|Trailer: X-Sum",
        "POST / HTTP/1.1|Host: h|Trailer: X-Sum|+|Transfer-Encoding: chunked",
    ),
    // rule: expectation
    // Expect goes with the body that it is about.
    (
        "POST / HTTP/1.1|Host: h|Expect: 100-continue|Content-Length: 1",
        "POST / HTTP/1.1|Host: h|Expect: 100-continue|+|Content-Length: 1",
    ),
    // rule: forwarded field
    // Via is a list of lines.
    ("GET / HTTP/1.1|Via: 1.0 a|Host: h", "GET / HTTP/1.1|Via: 1.0 a|Host: h|+"),
    // rule: upgrade
    // A WebSocket's opening handshake.
    (
        "GET /ws HTTP/1.1|Host: h|Connection: keep-alive, Upgrade|Upgrade: WebSocket\
             |Sec-WebSocket-Version: 13|Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Origin: o",
        "GET /ws HTTP/1.1|Host: h|Sec-WebSocket-Version: 13\
             |Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==|Origin: o|+\
             |Connection: Upgrade|Upgrade: websocket",
    ),
    // rule: forwarded field
    // What a peer claims that is not trusted.
    (
        "GET / HTTP/1.1|Host: h|X-Forwarded-For: 10.0.0.1|x-forwarded-proto: https\
             |X-FORWARDED-HOST: evil|X-Forwarded-Port: 1",
        "GET / HTTP/1.1|Host: h|X-Forwarded-Port: 1|+",
    ),
    // What a server might take for what it claims: to CGI and WSGI `_` and `-` are the same.
    (
        "GET / HTTP/1.1|Host: h|X_Forwarded_For: 10.0.0.1|x-forwarded_proto: https\
             |X_FORWARDED-HOST: evil|X_Request_Id: 1|Content_Length: 5|Transfer_Encoding: chunked\
             |Proxy_Authentication_Info: x|Keep_Alive: x",
        "GET / HTTP/1.1|Host: h|+",
    ),
    (
        "GET / HTTP/1.1|Host: h|X_Forwarded: 1|X_Forwarded_Forx: 2|_: 3|Con_tent-Length: 4\
             |X__Forwarded_For: 5|An_extremely_long_name_of_a_field: 6",
        "GET / HTTP/1.1|Host: h|X_Forwarded: 1|X_Forwarded_Forx: 2|_: 3|Con_tent-Length: 4\
             |X__Forwarded_For: 5|An_extremely_long_name_of_a_field: 6|+",
    ),
];

#[test]
fn requests_keep_what_is_end_to_end_and_lose_what_is_not() {
    for (came, goes) in REQUESTS {
        let request = came.replace('|', "\r\n") + "\r\n\r\n";
        let expected = (goes.replace('|', "\r\n") + "\r\n\r\n").replace("+\r\n", FOR);
        assert_eq!(onward_request(&request, false), expected, "{came}");
    }
}

// rule: version
#[test]
fn requests_of_http_1_0_go_on_as_1_1_and_say_so() {
    assert_eq!(
        onward_request(
            "GET / HTTP/1.0\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
            false
        ),
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n\
         X-Forwarded-Host: h\r\nVia: 1.0 tidegate\r\n\r\n"
    );
    assert_eq!(
        onward_request("GET / HTTP/1.0\r\nA: b\r\n\r\n", false),
        "GET / HTTP/1.1\r\nA: b\r\nHost: gate:80\r\nX-Forwarded-For: 192.0.2.7\r\n\
         X-Forwarded-Proto: http\r\nVia: 1.0 tidegate\r\n\r\n"
    );
}

// rule: forwarded field
#[test]
fn a_trusted_peer_is_believed_and_its_address_appended() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n\
                   X-Forwarded-Proto: https\r\nA: b\r\nx-forwarded-for: 10.0.0.3\r\n\
                   X-Forwarded-For:\r\nX_Forwarded_For: 10.0.0.4\r\nX-Forwarded-Host: public\r\n\r\n";
    assert_eq!(
        onward_request(request, true),
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\nA: b\r\n\
         X-Forwarded-Host: public\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7\r\n\
         Via: 1.1 tidegate\r\n\r\n"
    );
    // Where it is silent we speak.
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(onward_request(request, true), onward_request(request, false));
}

#[test]
fn an_address_is_written_as_the_standard_library_would() {
    for (peer, written) in [
        ("0.0.0.0", "0.0.0.0"),
        ("255.10.9.100", "255.10.9.100"),
        ("::1", "::1"),
        ("2001:db8::ff", "2001:db8::ff"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ] {
        let mut out = Vec::new();
        address(&mut out, peer.parse().unwrap());
        assert_eq!(String::from_utf8(out).unwrap(), written);
    }
}

#[test]
fn who_comes_by_a_unix_socket_adds_no_address() {
    let came = "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n";
    for (trusted, came, goes) in [
        (true, came, Some("X-Forwarded-For: 10.0.0.1, 10.0.0.2")),
        (true, "X-Forwarded-For:\r\n", None),
        (true, "", None),
        (false, came, None),
        (false, "", None),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{came}\r\n");
        let mut lines = Lines::new();
        let head = RequestHead::parse(request.as_bytes(), &mut lines, LIMITS).unwrap().unwrap();
        let hop = Hop { peer: Peer::Unix, trusted, authority: "localhost", request_id: b"" };
        let mut out = Vec::new();
        super::request(&head, &hop, &mut out);
        let text = String::from_utf8(out).unwrap();
        let mut found = text.lines().filter(|line| line.starts_with("X-Forwarded-For"));
        assert_eq!((found.next(), found.next()), (goes, None), "{request:?}");
    }
}

/// What a response meets: the request, whether the client's connection stays, the delivery.
type Meets = (Asked, bool, Delivery);
const STAYS: Meets = (GET, true, Delivery::AsReceived);
const CLOSES: Meets = (GET, false, Delivery::AsReceived);
const STAYS_10: Meets = (GET_10, true, Delivery::AsReceived);
const CLOSES_10: Meets = (GET_10, false, Delivery::UntilClose);
const CHUNKS: Meets = (GET, true, Delivery::Chunked);
const TO_HEAD: Meets = (HEAD, true, Delivery::AsReceived);
const TO_HEAD_10: Meets = (HEAD_10, true, Delivery::AsReceived);
const TUNNEL: Meets = (WEBSOCKET, true, Delivery::AsReceived);

/// Responses and what becomes of them, without version and empty line; `@` stands for a Date line.
const RESPONSES: &[(Meets, &str, &str)] = &[
    // Code and phrase are the server's.
    (STAYS, "200 Fine so|@|Content-Length: 3", "200 Fine so|@|Content-Length: 3"),
    (STAYS, "299 |@|Content-Length: 3", "299 |@|Content-Length: 3"),
    // rule: forwarded field
    // Order, case and duplicates stay.
    (
        STAYS,
        "200 OK|b: 1|Set-Cookie: a|@|A: 2|set-cookie: b|content-length: 03",
        "200 OK|b: 1|Set-Cookie: a|@|A: 2|set-cookie: b|Content-Length: 3",
    ),
    // Fields that mean something in a request only are any fields here.
    (
        STAYS,
        "200 |@|Host: a|X-Forwarded-For: b|Content-Length: 0",
        "200 |@|Host: a|X-Forwarded-For: b|Content-Length: 0",
    ),
    // A missing Date is added, in a final response.
    (STAYS, "200 OK|A: b|Content-Length: 3", "200 OK|A: b|@|Content-Length: 3"),
    (STAYS, "200 OK|date: then|Content-Length: 0", "200 OK|date: then|Content-Length: 0"),
    (STAYS, "200 OK|Date: x|Connection: Date|Content-Length: 1", "200 OK|@|Content-Length: 1"),
    // rule: interim response
    (STAYS, "100 Continue", "100 Continue"),
    (CLOSES, "103 Early Hints|Link: </a>", "103 Early Hints|Link: </a>"),
    // rule: hop-by-hop
    // Hop-by-hop fields, and those that Connection names.
    (
        STAYS,
        "200 OK|@|Connection: keep-alive, X-A|Keep-Alive: timeout=5|X-A: 1|X-B: 2|Via: 1.1 a\
         |Proxy-Authenticate: Basic|Proxy-Connection: close|Upgrade: websocket|Content-Length: 1",
        "200 OK|@|X-B: 2|Via: 1.1 a|Content-Length: 1",
    ),
    // rule: close-delimited
    // Bodies of unknown length.
    (
        STAYS,
        "200 OK|@|transfer-encoding: Chunked|Trailer: X",
        "200 OK|@|Trailer: X|Transfer-Encoding: chunked",
    ),
    (CHUNKS, "200 OK|@|Connection: close", "200 OK|@|Transfer-Encoding: chunked"),
    (CLOSES_10, "200 OK|@", "200 OK|@|Connection: close"),
    (CLOSES_10, "200 OK|@|Transfer-Encoding: chunked|Trailer: X", "200 OK|@|Connection: close"),
    // rule: version
    // The client's connection is the client's.
    (CLOSES, "200 OK|@|Content-Length: 3", "200 OK|@|Content-Length: 3|Connection: close"),
    (
        STAYS_10,
        "200 OK|@|Connection: close|Content-Length: 3",
        "200 OK|@|Content-Length: 3|Connection: keep-alive",
    ),
    // rule: no content
    // No body, but maybe a word on the one that there would be.
    (TO_HEAD, "200 OK|@|Content-Length: 12345", "200 OK|@|Content-Length: 12345"),
    (TO_HEAD, "200 OK|@|Transfer-Encoding: chunked", "200 OK|@|Transfer-Encoding: chunked"),
    (TO_HEAD, "200 OK|@", "200 OK|@"),
    (TO_HEAD_10, "200 OK|@|Transfer-Encoding: chunked", "200 OK|@|Connection: keep-alive"),
    (
        STAYS,
        "304 Not Modified|@|Content-Length: 5|E: x",
        "304 Not Modified|@|E: x|Content-Length: 5",
    ),
    (STAYS, "304 Not Modified|@|Transfer-Encoding: chunked", "304 Not Modified|@"),
    (STAYS, "204 No Content|@|X: y", "204 No Content|@|X: y"),
    (STAYS, "205 Reset Content|@|Content-Length: 0", "205 Reset Content|@|Content-Length: 0"),
    // rule: upgrade
    // Changing protocols.
    (
        TUNNEL,
        "101 Switching|upgrade: WebSocket|connection: upgrade|Sec-WebSocket-Accept: x",
        "101 Switching|Sec-WebSocket-Accept: x|Connection: Upgrade|Upgrade: websocket",
    ),
    (
        CLOSES,
        "426 Required|@|Upgrade: h2c, websocket|Connection: upgrade|Content-Length: 0",
        "426 Required|@|Content-Length: 0|Connection: Upgrade, close|Upgrade: websocket",
    ),
    (
        STAYS,
        "426 Required|@|Upgrade: TLS/1.0|Connection: upgrade|Content-Length: 0",
        "426 Required|@|Content-Length: 0",
    ),
];

#[test]
fn responses_keep_what_is_end_to_end_and_are_framed_for_the_client() {
    let date = format!("Date: {}", str::from_utf8(DATE).unwrap());
    for ((asked, persistent, delivery), came, goes) in RESPONSES {
        let lines = |head: &str| head.replace('|', "\r\n").replace('@', &date) + "\r\n\r\n";
        for version in ["HTTP/1.1 ", "HTTP/1.0 "] {
            // What only HTTP/1.1 has (RFC 9112 6.1, RFC 9110 7.8 and 15.2).
            if version == "HTTP/1.0 " && (came.contains("ransfer-") || came.starts_with('1')) {
                continue;
            }
            let came = version.to_owned() + &lines(came);
            let written = onward_response(&came, *asked, *persistent, *delivery);
            assert_eq!(written, "HTTP/1.1 ".to_owned() + &lines(goes), "{came}");
        }
    }
}

// rule: no content
#[test]
fn a_response_that_has_no_body_is_never_framed_though_the_server_says_so() {
    for status in [100, 101, 103, 204] {
        for framing in ["Content-Length: 7", "Content-Length: 0", "Transfer-Encoding: chunked"] {
            let response = format!("HTTP/1.1 {status} x\r\n{framing}\r\n\r\n");
            for asked in [WEBSOCKET, HEAD] {
                let mut lines = Lines::new();
                let parsed = ResponseHead::parse(response.as_bytes(), &mut lines, asked, LIMITS);
                // The parser may refuse it; what it lets through is written without.
                let Ok(Some(head)) = parsed else { continue };
                let mut out = Vec::new();
                let delivery = Delivery::AsReceived;
                let onward = Onward { asked, persistent: true, delivery, date: DATE };
                super::response(&head, &onward, &mut out);
                let written = String::from_utf8(out).unwrap().to_ascii_lowercase();
                assert!(!written.contains("content-length"), "{written}");
                assert!(!written.contains("transfer-encoding"), "{written}");
            }
        }
    }
}

#[test]
fn a_usual_head_is_written_without_growing_the_buffer_twice() {
    let request = "GET /a HTTP/1.1\r\nHost: example.org\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n";
    let mut lines = Lines::new();
    let head = RequestHead::parse(request.as_bytes(), &mut lines, LIMITS).unwrap().unwrap();
    let mut out = Vec::new();
    let hop = Hop {
        peer: Peer::Ip("2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap()),
        trusted: false,
        authority: "gate:80",
        request_id: b"",
    };
    super::request(&head, &hop, &mut out);
    let expected = request.len() + 2 * "example.org".len() + OUR_LINES;
    assert!(out.len() < expected && out.capacity() == expected);
}

#[test]
fn a_request_has_one_id_if_we_give_it_one_and_otherwise_what_came() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nx-request-id: theirs\r\nX-Request-Id: more\r\n\r\n";
    let mut lines = Lines::new();
    let limits = HeadLimits { max_bytes: 4096, max_fields: 20 };
    let head = RequestHead::parse(bytes, &mut lines, limits).unwrap().unwrap();
    for (request_id, expected) in [
        (&b"ours"[..], vec!["X-Request-Id: ours"]),
        (b"", vec!["x-request-id: theirs", "X-Request-Id: more"]),
    ] {
        let peer = Peer::Ip("10.0.0.1".parse().unwrap());
        let mut out = Vec::new();
        request(&head, &Hop { peer, trusted: false, authority: "gate:80", request_id }, &mut out);
        let text = String::from_utf8(out).unwrap();
        let ids = text.lines().filter(|line| line.to_ascii_lowercase().starts_with("x-request-id"));
        assert_eq!(ids.collect::<Vec<_>>(), expected);
    }
}
