//! Requests in words, and what is said of them.

use super::*;

const TEXT: &str = "[frontend]\nhost=gate.example\nport=80\nmax_body_bytes=9\nmax_headers=8\n\
    [http]\nalgorithm=round-robin\nserver1=a:1\nserver1_weight=3\nserver2=b:2\n\
    server9=c:3\nserver9_backup=true\n\
    [websocket]\nsticky=cookie\nserver4=d:4\nmax_tunnels=70\n";

const HANDSHAKE: [&str; 4] = [
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

fn explain(text: &str, method: &str, target: &str, fields: &[&str]) -> String {
    let config = Config::from_text(text).expect("right");
    let fields = fields.iter().map(|field| field.as_bytes().to_vec()).collect();
    let request = Request { method: method.into(), target: target.into(), fields };
    explain_request(&config, &request)
}

#[track_caller]
fn has(answer: &str, lines: &[&str]) {
    let squeezed: Vec<String> =
        answer.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in lines {
        assert!(squeezed.iter().any(|found| found == line), "{line} is not in\n{answer}");
    }
}

#[test]
fn a_plain_request_goes_to_http_with_its_servers_and_limits() {
    let answer = explain(TEXT, "GET", "/x?y", &[]);
    let lines = [
        "> GET /x?y HTTP/1.1",
        "> Host: gate.example:80",
        "section [http]: a plain request",
        "servers round-robin, among those that are up:",
        "server1 a:1, weight 3, 75 %; at most 3 workers, 10 in line",
        "server2 b:2, weight 1, 25 %; at most 3 workers, 10 in line",
        "server9 c:3, weight 1, 100 %, a spare: only when all others are down; at most 3 workers, \
         10 in line",
        "stickiness off",
        "content none",
        "max_headers = 8 line 5",
        "response_timeout = 1m default",
        "max_fails = 3 default",
    ];
    has(&answer, &lines);
    for missing in ["max_body_bytes", "max_tunnels", "[websocket]", "enable_health_check"] {
        assert!(!answer.contains(missing), "{missing} in\n{answer}");
    }
    let answer = explain(TEXT, "POST", "/", &["Content-Length: 9", "Host: other"]);
    has(&answer, &["> Host: other", "content 9 bytes", "max_body_bytes = 9 line 4"]);
    assert_eq!(answer.matches("Host").count(), 1, "{answer}");
    has(&explain(TEXT, "PUT", "/", &["Transfer-Encoding: chunked"]), &["content in chunks"]);
}

#[test]
fn an_opening_handshake_goes_to_websocket() {
    let answer = explain(TEXT, "GET", "/chat", &HANDSHAKE);
    let lines = [
        "section [websocket]: the opening handshake of a WebSocket",
        "server4 d:4, weight 1, 100 %",
        "stickiness cookie: it has none, and is given that of its server",
        "max_tunnels = 70 line 16",
        "idle_timeout = 1h default",
    ];
    has(&answer, &lines);
    let name = hash(b"d:4");
    for (cookie, says) in [
        (format!("Cookie: tidegate={name:016x}"), "it names server4, as long as that is up"),
        (format!("Cookie: tidegate={:016x}", !name), "its own names no server here, it is given"),
    ] {
        let answer = explain(TEXT, "GET", "/", &[&HANDSHAKE[..], &[&cookie]].concat());
        assert!(answer.contains(says), "{answer}");
    }
    // Any other upgrade is plain HTTP.
    has(&explain(TEXT, "GET", "/", &["Upgrade: h2c", "Connection: upgrade"]), &["stickiness off"]);
}

#[test]
fn whatever_is_refused_is_told_its_answer() {
    let long = format!("/{}", "a".repeat(20_000));
    let table: [(&str, &str, &[&str], &str); 14] = [
        ("GE T", "/", &[], "400 bad_version"),
        ("G@T", "/", &[], "400 bad_method"),
        ("CONNECT", "a:1", &[], "405 method_not_allowed"),
        ("GET", "nonsense", &[], "400 bad_target"),
        ("GET", "/ä", &[], "400 bad_target"),
        ("GET", "https://a/", &[], "400 wrong_scheme"),
        ("GET", &long, &[], "414 target_too_long"),
        ("GET", "/", &["NoColon"], "400 bad_field_name"),
        ("GET", "/", &["A: b\nC: d"], "400 bad_line_end"),
        ("GET", "/", &["Host: a", "Host: a"], "400 repeated_host"),
        ("GET", "/", &["A: b"; 9], "431 too_many_fields"),
        ("POST", "/", &["Content-Length: 10"], "413 body_too_large"),
        ("GET", "/", &HANDSHAKE[..3], "400 bad_websocket_key"),
        ("POST", "/", &HANDSHAKE, "400 bad_websocket_method"),
    ];
    for (method, target, fields, refusal) in table {
        let answer = explain(TEXT, method, target, fields);
        let told = format!("\nanswer      {refusal}: ");
        assert!(answer.contains(&told), "{method} {target} {fields:?}:\n{answer}");
        assert!(!answer.contains("section  "), "{answer}");
    }
}

#[test]
fn without_its_section_a_request_is_told_so() {
    let (front, http) = TEXT.split_once("[http]").expect("both");
    let (http, websocket) = http.split_once("[websocket]").expect("both");
    let answer = explain(&format!("{front}[http]{http}"), "GET", "/", &HANDSHAKE);
    assert!(answer.contains("answer      400 not_configured_for_websocket: "), "{answer}");
    let answer = explain(&format!("{front}[websocket]{websocket}"), "GET", "/", &[]);
    assert!(answer.contains("answer      426 upgrade_required: "), "{answer}");
}

#[test]
fn what_is_shown_cannot_move_the_cursor() {
    let answer = explain(TEXT, "GET", "/\x1b[2J", &["A: \rb"]);
    assert!(!answer.contains(['\x1b', '\r']), "{answer:?}");
}
