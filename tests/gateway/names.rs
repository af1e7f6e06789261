//! Names of servers, known and unknown.

use crate::origin::Origin;
use crate::support::{Gateway, config, timed};
use std::time::Duration;

/// A name that no resolver knows (RFC 6761 6.4).
const UNKNOWN: &str = "no-such-server.invalid";

fn section(servers: &[String]) -> String {
    let mut text = "[http]\nenable_health_check=false\nalgorithm=round-robin\n".to_owned();
    for (server, number) in servers.iter().zip(1..) {
        text.push_str(&format!("server{number}={server}\n"));
    }
    text
}

#[test]
fn the_gateway_starts_though_a_name_is_unknown() {
    let gateway = Gateway::start(&config("", &section(&[format!("{UNKNOWN}:80")])));
    let (took, response) = timed(|| gateway.get("/"));
    assert_eq!((response.status(), response.reason().as_str()), (503, "no_healthy_server"));
    assert!(took < Duration::from_secs(1), "the loop does not wait for names: {took:?}");
    gateway.wait_for_log("its name is unknown", 1);
    assert_eq!(gateway.get("/").status(), 503);
}

#[test]
fn an_unknown_server_is_down_and_the_others_serve() {
    let origin = Origin::bind().serve_content("known");
    let servers = [format!("{UNKNOWN}:80"), origin.address().to_string()];
    let gateway = Gateway::start(&config("", &section(&servers)));
    for _ in 0..4 {
        assert_eq!(gateway.get("/").text(), "known");
    }
}

#[test]
fn every_address_of_a_name_is_a_server_of_its_own() {
    // What the system makes of the name: 127.0.0.1, and ::1 where there is IPv6.
    let origin = Origin::bind().serve_content("one of them");
    let port = origin.address().port();
    let server = format!("dns:localhost:{port}");
    let text = section(&[server]) + "server1_send_proxy=off\nserver1_max_workers=2\n";
    let gateway = Gateway::start(&config("", &text));
    gateway.wait_for_log(&format!("server1 (127.0.0.1:{port}): new"), 1);
    gateway.wait_for_log("[http] server1 (localhost): ", 1);
    for _ in 0..4 {
        assert_eq!(gateway.get("/").text(), "one of them");
    }
}

#[test]
fn a_group_without_an_address_is_no_server_at_all() {
    let origin = Origin::bind().serve_content("known");
    let servers = [format!("dns:{UNKNOWN}:80"), origin.address().to_string()];
    let gateway = Gateway::start(&config("", &section(&servers)));
    gateway.wait_for_log("its name is unknown, no server", 1);
    for _ in 0..4 {
        assert_eq!(gateway.get("/").text(), "known");
    }
    let alone = Gateway::start(&config("", &section(&servers[..1])));
    assert_eq!(alone.get("/").reason(), "no_healthy_server");
}

#[test]
fn a_name_is_resolved_and_host_is_what_the_client_said() {
    let origin = Origin::bind().serve_content("found");
    let server = format!("localhost:{}", origin.address().port());
    let gateway = Gateway::start(&config("", &section(&[server])));
    crate::support::wait_until("the name to be known", || gateway.get("/").status() == 200);
    assert_eq!(gateway.get("/").text(), "found");
    let requests = origin.requests();
    assert_eq!(requests.last().and_then(|r| r.head.field("Host")), Some("a.example"));
}

#[test]
fn the_gateway_may_listen_on_a_name() {
    let origin = Origin::bind().serve_content("found");
    let sections = section(&[origin.address().to_string()]);
    let gateway = Gateway::start(&format!("[frontend]\nhost=localhost\nport=0\n{sections}"));
    assert!(gateway.address().ip().is_loopback());
    assert_eq!(gateway.get("/").text(), "found");
}
