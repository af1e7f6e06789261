//! `tidegate demo`: everything in one process, with nothing prepared.

use crate::support::{Gateway, wait_until};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::net::TcpStream;
use tungstenite::Message;

fn start() -> Gateway {
    Gateway::with_arguments(&["demo", "--port", "0"])
}

fn post(gateway: &Gateway, target: &str, content: &str) -> crate::client::Response {
    let mut client = gateway.client();
    let length = content.len();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{content}"
    ));
    client.response()
}

/// The servers that answer a few requests.
fn who_answers(gateway: &Gateway) -> BTreeSet<u64> {
    let numbers = (0..6).map(|_| {
        let response = gateway.get("/whoami");
        assert_eq!(response.status(), 200);
        let content: serde_json::Value = serde_json::from_str(response.text()).expect("JSON");
        content["number"].as_u64().expect("a number")
    });
    numbers.collect()
}

#[test]
fn it_prints_what_to_try_and_all_of_it_works() {
    let gateway = start();
    let address = gateway.address();
    wait_until("the banner", || !gateway.printed("Ctrl-C").is_empty());
    assert!(!gateway.printed(&format!("http://{address}/")).is_empty());
    assert!(!gateway.printed("curl ").is_empty());

    let page = gateway.get("/");
    assert_eq!(page.status(), 200);
    assert!(page.head.field("Content-Type").is_some_and(|t| t.starts_with("text/html")));
    assert!(page.text().contains("<html"));
    assert_eq!(post(&gateway, "/echo", "hello").text(), "hello");
    assert_eq!(who_answers(&gateway), BTreeSet::from([1, 2, 3]));
}

#[test]
fn a_server_made_sick_gets_nothing_until_it_is_well_again() {
    let gateway = start();
    assert_eq!(post(&gateway, "/demo/servers/2/sick", "").status(), 200);
    gateway.wait_for_log(": down: ", 1);
    wait_until("server 2 to be left out", || who_answers(&gateway) == BTreeSet::from([1, 3]));
    assert_eq!(post(&gateway, "/demo/servers/2/well", "").status(), 200);
    wait_until("server 2 to come back", || who_answers(&gateway).len() == 3);
}

#[test]
fn websockets_echo_through_the_gateway() {
    let gateway = start();
    for path in ["/echo", "/demo/socket"] {
        let stream = TcpStream::connect(gateway.address()).expect("a connection");
        stream.set_read_timeout(Some(crate::wire::PATIENCE)).expect("a limit");
        let url = format!("ws://{}{path}", gateway.address());
        let (mut socket, _) = tungstenite::client(url, stream).expect("a handshake");
        if path == "/demo/socket" {
            let greeting = socket.read().expect("a greeting").into_text().expect("text");
            assert!(greeting.contains("server"), "{greeting}");
        }
        socket.send(Message::text("hello")).expect("sent");
        assert_eq!(socket.read().expect("an echo"), Message::text("hello"));
        socket.close(None).expect("closing");
        while socket.read().is_ok() {}
    }
}

#[test]
fn control_c_ends_it_cleanly() {
    let mut gateway = start();
    assert_eq!(gateway.get("/whoami").status(), 200);
    gateway.signal(Signal::INT);
    assert_eq!(gateway.wait().code(), Some(0));
}
