//! The servers as a client sees them, over loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::*;

/// Long enough for any machine; a server that says nothing fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(20);

fn connect(demo: &Demo, number: usize) -> TcpStream {
    let address = demo.roster.addresses().nth(number - 1).unwrap();
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends one request on a connection of its own; the status and the content of the response.
fn ask(demo: &Demo, number: usize, request_line: &str, content: &str) -> (u16, String) {
    let mut stream = connect(demo, number);
    let length = content.len();
    // In one write: a request that is refused early is one whose rest finds nobody to read it.
    let request = format!(
        "{request_line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\
         \r\n{content}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, content) = response.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), content.to_owned())
}

fn ask_json(demo: &Demo, number: usize, request_line: &str) -> (u16, Value) {
    let (status, content) = ask(demo, number, request_line, "");
    (status, serde_json::from_str(&content).unwrap())
}

fn open_socket(demo: &Demo, number: usize, path: &str) -> WebSocket<TcpStream> {
    let stream = connect(demo, number);
    tungstenite::client(format!("ws://localhost{path}"), stream).unwrap().0
}

#[test]
fn each_server_says_who_it_is_and_how_often_it_was_asked() {
    let demo = start().unwrap();
    for number in 1..=SERVERS {
        for count in 1..=2 {
            let expected =
                json!({ "server": format!("server {number}"), "number": number, "count": count });
            assert_eq!(ask_json(&demo, number, "GET /whoami"), (200, expected));
        }
    }
}

#[test]
fn the_page_is_whole_and_asks_for_nothing_from_elsewhere() {
    let demo = start().unwrap();
    let (status, page) = ask(&demo, 1, "GET /", "");
    assert_eq!(status, 200);
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    for outside in ["src=", "@import", "url(http", "href=\"http", "https://"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(ask(&demo, 1, "HEAD /", ""), (200, String::new()));
}

#[test]
fn any_server_makes_any_other_sick_and_well() {
    let demo = start().unwrap();
    let health = |number| ask_json(&demo, number, "GET /healthCheck");
    assert_eq!(health(2), (200, json!({ "status": 200 })));

    let (status, state) = ask_json(&demo, 3, "POST /demo/servers/2/sick");
    assert_eq!((status, &state["answered_by"]), (200, &json!(3)));
    assert_eq!(state["servers"][1]["sick"], true);
    assert_eq!(health(2), (500, json!({ "status": 500 })));
    assert_eq!(health(1), (200, json!({ "status": 200 })), "the others stay well");

    let (_, state) = ask_json(&demo, 1, "POST /demo/servers/2/well");
    assert_eq!(state["servers"][1]["sick"], false);
    assert_eq!(health(2), (200, json!({ "status": 200 })));

    ask_json(&demo, 2, "POST /sick");
    assert_eq!(health(2).0, 500, "the short form is about the server that is asked");
    ask_json(&demo, 2, "POST /well");
    assert_eq!(health(2).0, 200);
}

#[test]
fn what_is_not_there_is_404_and_what_is_no_request_400() {
    let demo = start().unwrap();
    let nowhere = [
        "GET /nothing",
        "GET /sick",
        "POST /demo/servers/4/sick",
        "POST /demo/servers/0/well",
        "POST /demo/servers/x/sick",
        "POST /demo/servers/2",
        "POST /demo/servers/2/dead",
    ];
    for request_line in nowhere {
        assert_eq!(ask(&demo, 1, request_line, "").0, 404, "{request_line}");
    }
    assert_eq!(ask(&demo, 1, "this is none", "").0, 400);
}

#[test]
fn a_connection_persists_and_content_comes_back() {
    let demo = start().unwrap();
    let mut stream = connect(&demo, 1);
    for content in ["tide", "gate"] {
        write!(stream, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n{content}")
            .unwrap();
        let mut response = Vec::new();
        while !response.ends_with(content.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            response.extend(byte);
        }
        assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn a_websocket_echoes_text_and_binary_and_closes_in_order() {
    let demo = start().unwrap();
    let mut socket = open_socket(&demo, 2, "/echo");
    for message in [Message::text("tide"), Message::binary(vec![7; 100_000])] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    let end = std::iter::from_fn(|| Some(socket.read())).find_map(Result::err).unwrap();
    assert!(matches!(end, tungstenite::Error::ConnectionClosed), "{end}");
}

#[test]
fn the_pages_websocket_says_who_answers_before_it_echoes() {
    let demo = start().unwrap();
    let mut socket = open_socket(&demo, 3, "/demo/socket");
    let greeting: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(greeting, json!({ "server": "server 3", "number": 3 }));
    socket.send(Message::text("tide")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("tide"));
    let (_, state) = ask_json(&demo, 1, "GET /demo/servers");
    assert_eq!(state["servers"][2]["sockets"], 1);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let demo = start().unwrap();
    let full: Vec<_> = (0..server::CONNECTIONS_MAX)
        .map(|_| {
            let mut stream = connect(&demo, 1);
            stream.write_all(b"GET /whoami HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            stream
        })
        .collect();
    let mut response = [0; 12];
    connect(&demo, 1).read_exact(&mut response).unwrap();
    assert_eq!(&response, b"HTTP/1.1 503");
    drop(full);
}

#[test]
fn the_configuration_and_the_banner_name_the_port_and_every_server() {
    let demo = start().unwrap();
    let at = |port| SocketAddress::from(SocketAddr::from(([127, 0, 0, 1], port)));
    let text = demo.config_text(8080);
    let ini = ini::Ini::load_from_str(&text).unwrap();
    assert_eq!(ini.get_from(Some("frontend"), "port"), Some("8080"));
    for (address, number) in demo.roster.addresses().zip(1..) {
        let address: SocketAddr = address;
        let found = |section, key: &str| ini.get_from(Some(section), key).map(str::to_owned);
        assert_eq!(found("http", &format!("server{number}_addr")), Some(address.to_string()));
        assert_eq!(found("websocket", &format!("server{number}")), Some(address.to_string()));
        assert!(demo.banner(&at(8080), &at(9)).contains(&address.to_string()));
    }
    assert!(demo.banner(&at(9090), &at(9)).contains("http://127.0.0.1:9090/"));
}
