//! Who gets what.

use super::*;
use crate::http::head::{HeadLimits, Lines};

fn route(line: &str, fields: &str, token: Option<&str>) -> Result<Route, Denial> {
    let text = format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:9\r\n{fields}\r\n");
    let text = match fields.contains("Host:") {
        true => text.replacen("Host: 127.0.0.1:9\r\n", "", 1),
        false => text,
    };
    let mut lines = Lines::new();
    let limits = HeadLimits { max_bytes: 4096, max_fields: 20 };
    let head = RequestHead::parse(text.as_bytes(), &mut lines, limits);
    Route::of(&head.unwrap().unwrap(), token)
}

fn steer(http: bool, number: u64, drain: bool) -> Result<Route, Denial> {
    Ok(Route::Steer(Steer { http, number, drain, from_page: false }))
}

#[test]
fn a_path_and_its_method_name_one_thing() {
    let unknown = Err(Denial::Unknown);
    for (line, expected) in [
        ("GET /", Ok(Route::Page)),
        ("HEAD /", Ok(Route::Page)),
        ("GET /?a=b", Ok(Route::Page)),
        ("GET /status", Ok(Route::Status)),
        ("GET /metrics", Ok(Route::Metrics)),
        ("GET /live", Ok(Route::Live)),
        ("GET /ready", Ok(Route::Ready)),
        ("GET /events", Ok(Route::Events(Feed::Json))),
        ("GET /events/page", Ok(Route::Events(Feed::Page))),
        ("POST /servers/http/7/drain", steer(true, 7, true)),
        ("POST /servers/websocket/0/restore", steer(false, 0, false)),
        ("POST /log/debug", Ok(Route::Level(LevelFilter::Debug))),
        ("POST /log/loud", unknown),
        ("POST /servers/http/x/drain", unknown),
        ("POST /servers/frontend/1/drain", unknown),
        ("POST /servers/http/1/kill", unknown),
        ("GET /status/", unknown),
        ("GET //", unknown),
        ("GET /servers/http/7/drain", Err(Denial::Method("POST"))),
        ("POST /status", Err(Denial::Method("GET"))),
        ("DELETE /", Err(Denial::Method("GET"))),
    ] {
        assert_eq!(route(line, "", None), expected, "{line}");
    }
    let content = route("POST /log/info", "Content-Length: 1\r\n", None);
    assert_eq!(content, Err(Denial::Content));
}

#[test]
fn a_token_is_asked_of_everything_but_the_two_questions_of_a_container() {
    let token = Some("open-sesame");
    let basic = |pair: &str| format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(pair));
    let denied = Err(Denial::Token);
    for (fields, expected) in [
        (String::new(), denied),
        ("Authorization: Bearer open-sesame\r\n".to_owned(), Ok(Route::Page)),
        ("Authorization: bearer  open-sesame\r\n".to_owned(), Ok(Route::Page)),
        ("Authorization: Bearer open-sesamf\r\n".to_owned(), denied),
        ("Authorization: Bearer open-sesam\r\n".to_owned(), denied),
        ("Authorization: Bearer\r\n".to_owned(), denied),
        ("Authorization: Digest open-sesame\r\n".to_owned(), denied),
        (basic("me:open-sesame"), Ok(Route::Page)),
        (basic(":open-sesame"), Ok(Route::Page)),
        (basic("open-sesame"), denied),
        ("Authorization: Basic !\r\n".to_owned(), denied),
    ] {
        assert_eq!(route("GET /", &fields, token), expected, "{fields}");
    }
    assert_eq!(route("GET /live", "", token), Ok(Route::Live));
    assert_eq!(route("GET /ready", "Host: gate.example\r\n", None), Ok(Route::Ready));
    let with_name = "Host: gate.example\r\nAuthorization: Bearer open-sesame\r\n";
    assert_eq!(route("GET /", with_name, token), Ok(Route::Page));
}

#[test]
fn a_page_of_somebody_else_gets_nothing_done_and_learns_nothing() {
    let foreign = Err(Denial::Foreign);
    for (host, expected) in [
        ("127.0.0.1", Ok(Route::Status)),
        ("localhost:9", Ok(Route::Status)),
        ("[::1]:9", Ok(Route::Status)),
        ("[::1]", Ok(Route::Status)),
        ("attacker.example", foreign),
        ("attacker.example:9", foreign),
        ("127.0.0.1.attacker.example", foreign),
    ] {
        assert_eq!(route("GET /status", &format!("Host: {host}\r\n"), None), expected, "{host}");
    }
    let order = "POST /servers/http/7/drain";
    assert_eq!(route(order, "Origin: http://127.0.0.1:9\r\n", None), steer(true, 7, true));
    for origin in ["null", "http://attacker.example", "http://127.0.0.1:90", "https://a:9"] {
        assert_eq!(route(order, &format!("Origin: {origin}\r\n"), None), foreign, "{origin}");
    }
}
