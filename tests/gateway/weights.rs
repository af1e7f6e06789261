//! Weights, spares, and servers that traffic fails on.

use crate::origin::{Origin, Service, ok, well};
use crate::support::{Gateway, config, http, wait_until, websocket};
use crate::websocket::{ACCEPTED, HANDSHAKE};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server that reads requests and, while it is broken, closes without a word.
fn breaking(content: &'static str) -> (Service, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let service = Origin::bind().serve(move |server| {
        while server.try_request().is_some() && !state.load(Ordering::Relaxed) {
            server.try_send(ok(content));
        }
    });
    (service, broken)
}

/// Turns in order among these servers, with other keys.
fn in_turn(servers: &[SocketAddr], keys: &str) -> Gateway {
    let keys = format!("algorithm=round-robin {keys}");
    Gateway::start(&config("", &http(servers, &keys)))
}

fn post(gateway: &Gateway) -> (u16, String) {
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    let response = client.response();
    (response.status(), response.text().to_owned())
}

#[test]
fn turns_are_as_the_weights() {
    let services: Vec<_> =
        ["1", "2", "3"].map(|content| Origin::bind().serve_content(content)).into();
    let servers: Vec<_> = services.iter().map(Service::address).collect();
    let gateway = in_turn(&servers, "server1_weight=3 server2_weight=2");
    let mut client = gateway.client();
    let turns: String = (0..18).map(|_| client.get("/").text().to_owned()).collect();
    for start in 0..12 {
        let mut window: Vec<_> = turns[start..start + 6].chars().collect();
        window.sort_unstable();
        assert_eq!(window, ['1', '1', '1', '2', '2', '3'], "{turns} from {start}");
    }
}

#[test]
fn a_spare_serves_while_all_others_are_down_and_no_longer() {
    let refusing = Origin::refusing();
    let spare = Origin::bind().serve_content("spare");
    let keys = "server2_backup=true fail_timeout=500ms";
    let gateway = in_turn(&[refusing, spare.address()], keys);
    // Three of these were tried in vain first, and go on to the spare without anybody noticing.
    for _ in 0..5 {
        assert_eq!(gateway.get("/").text(), "spare");
    }
    gateway.wait_for_log("sits out: no connection 3 times in a row", 1);
    let _back = Origin::bind_to(refusing).serve_content("first");
    wait_until("its time to be over", || gateway.get("/").text() == "first");
    let served = spare.requests().len();
    for _ in 0..5 {
        assert_eq!(gateway.get("/").text(), "first");
    }
    assert_eq!(spare.requests().len(), served);
}

#[test]
fn whoever_sat_out_is_up_again_when_the_time_is_over_or_a_probe_is_good() {
    let by_time = ("enable_health_check=false fail_timeout=300ms", "its time to sit out is over");
    let by_probe = ("health_check_interval=200ms fail_timeout=1h", "a probe was good");
    for (keys, why) in [by_time, by_probe] {
        // It says that it is well, and breaks at everything else.
        let breaking = Origin::bind().serve(|server| {
            if server.try_request().is_some_and(|r| r.head.target() == "/healthCheck") {
                server.try_send(well());
            }
        });
        let other = Origin::bind().serve(|server| {
            while server.try_request().is_some() {
                server.try_send(well());
            }
        });
        let servers = [breaking.address(), other.address()];
        let gateway = in_turn(&servers, &format!("max_fails=1 {keys}"));
        wait_until("it to sit out", || {
            gateway.get("/");
            !gateway.logged("sits out: no answer").is_empty()
        });
        gateway.wait_for_log(&format!("server1 ({}): up: {why}", breaking.address()), 1);
    }
}

#[test]
fn a_reused_connection_that_ends_is_no_reason_to_turn_to_a_spare() {
    // It closes each connection when it is asked a second time, which it never announces.
    let first = Origin::bind().serve(|server| {
        if server.try_request().is_some() {
            server.try_send(ok("first"));
            server.try_request();
        }
    });
    let spare = Origin::bind().serve_content("spare");
    let gateway = in_turn(&[first.address(), spare.address()], "server2_backup=true");
    let mut client = gateway.client();
    for _ in 0..10 {
        assert_eq!(client.get("/").text(), "first");
    }
    assert_eq!(gateway.logged("sits out").len(), 0, "this is no failure either");
    assert_eq!(spare.connections(), 0);
}

#[test]
fn a_server_that_breaks_before_it_answers_sits_out_and_nothing_is_sent_twice() {
    let (breaking, broken) = breaking("mended");
    let healthy = Origin::bind().serve_content("healthy");
    let keys = "max_fails=2 fail_timeout=500ms";
    let gateway = in_turn(&[breaking.address(), healthy.address()], keys);
    let healthy = (200, "healthy".to_owned());
    let mut failed = 0;
    for _ in 0..8 {
        let answer = post(&gateway);
        failed += usize::from(answer.0 == 502);
        assert!(answer == healthy || answer.1.contains("server_closed"), "{answer:?}");
        if gateway.logged("sits out: no answer 2 times in a row").len() == 1 {
            break;
        }
    }
    assert_eq!(failed, 2);
    assert_eq!(breaking.requests().len(), 2, "each of them was sent once");
    // From now on nobody is harmed, until its time is over.
    assert_eq!(post(&gateway), healthy);
    broken.store(false, Ordering::Relaxed);
    wait_until("its time to be over", || gateway.get("/").text() == "mended");
}

#[test]
fn an_answer_in_between_ends_the_row() {
    let (first, broken) = breaking("well");
    let second = Origin::bind().serve_content("second");
    // Every connection is fresh, and so every failure one that counts.
    let keys = "max_fails=2 server1_worker_timeout=1ms";
    let gateway = in_turn(&[first.address(), second.address()], keys);
    for round in 0..4 {
        broken.store(round % 2 == 0, Ordering::Relaxed);
        let expected = if round % 2 == 0 { 502 } else { 200 };
        assert_eq!(post(&gateway).0, expected, "round {round}");
        assert_eq!(post(&gateway), (200, "second".to_owned()));
        first.wait_for_open(0);
    }
    assert_eq!(gateway.logged("sits out").len(), 0);
}

#[test]
fn requests_that_break_their_server_do_not_take_the_last_one_from_others() {
    let (only, broken) = breaking("well");
    let gateway = in_turn(&[only.address()], "max_fails=1");
    for _ in 0..5 {
        let response = gateway.get("/");
        assert_eq!((response.status(), response.reason().as_str()), (502, "server_closed"));
    }
    broken.store(false, Ordering::Relaxed);
    assert_eq!(gateway.get("/").text(), "well");
}

#[test]
fn a_server_that_answers_nothing_in_time_sits_out() {
    let silent = Origin::bind().serve(|server| {
        server.try_request();
        server.rest();
    });
    let healthy = Origin::bind().serve_content("healthy");
    let keys = "max_fails=1 response_timeout=200ms";
    let gateway = in_turn(&[silent.address(), healthy.address()], keys);
    assert_eq!(gateway.get("/").reason(), "response_timeout");
    gateway.wait_for_log("sits out: no answer", 1);
    for _ in 0..4 {
        assert_eq!(gateway.get("/").text(), "healthy");
    }
}

#[test]
fn without_max_fails_nobody_sits_out() {
    let refusing = Origin::refusing();
    let gateway = in_turn(&[refusing], "max_fails=0");
    for _ in 0..6 {
        assert_eq!(gateway.get("/").reason(), "connect_failed");
    }
}

#[test]
fn a_server_that_breaks_before_a_101_sits_out() {
    let (breaking, _) = breaking("");
    let origin = Origin::bind();
    let keys = "algorithm=round-robin max_fails=1 server2_backup=true";
    let sections = websocket(&[breaking.address(), origin.address()], keys);
    let gateway = Gateway::start(&config("", &sections));
    let mut client = gateway.client();
    client.send(HANDSHAKE);
    assert_eq!(client.response().reason(), "server_closed");
    gateway.wait_for_log("sits out: no answer", 1);
    let mut client = gateway.client();
    client.send(HANDSHAKE);
    let (mut server, _) = origin.accept_request();
    server.send(ACCEPTED);
    assert_eq!(client.head().status(), 101, "the spare opens it");
}
