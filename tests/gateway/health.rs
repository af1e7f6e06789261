//! Probes and verdicts.

use crate::origin::{Origin, Server, Service, ok, well};
use crate::support::{Gateway, config, http, timed, wait_until, websocket};
use crate::wire::Head;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A server whose health can be switched.
struct Patient {
    service: Service,
    is_well: Arc<AtomicBool>,
}

impl Patient {
    fn new(content: &str, is_well: bool) -> Self {
        let is_well = Arc::new(AtomicBool::new(is_well));
        let (state, content) = (Arc::clone(&is_well), content.to_owned());
        let service = Origin::bind().serve(move |server| {
            while let Some(request) = server.try_request() {
                let probe = request.head.target() == "/healthCheck";
                server.try_send(match (probe, state.load(Ordering::Relaxed)) {
                    (false, _) => ok(&content),
                    (true, true) => well(),
                    (true, false) => ok("{\"status\":500}"),
                });
            }
        });
        Self { service, is_well }
    }

    fn becomes(&self, is_well: bool) {
        self.is_well.store(is_well, Ordering::Relaxed);
    }
}

/// Accepts connections until one brings a probe. Others do not happen in these tests.
fn accept_probe(origin: &Origin) -> (Server, Head) {
    let (server, request) = origin.accept_request();
    assert_eq!(request.head.target(), "/healthCheck");
    (server, request.head)
}

#[test]
fn a_probe_asks_for_the_path_and_closes() {
    let origin = Origin::bind();
    let keys = "health_check_path=/are/you?well=yes";
    let _gateway = Gateway::start(&config("", &http(&[origin.address()], keys)));
    let (_server, request) = origin.accept_request();
    assert_eq!(request.head.start, "GET /are/you?well=yes HTTP/1.1");
    assert_eq!(request.head.field("Host"), Some(origin.address().to_string().as_str()));
    assert_eq!(request.head.field("Connection"), Some("close"));
}

#[test]
fn only_a_2xx_with_a_json_object_whose_status_is_200_is_healthy() {
    let with = |head: &str, content: &str| {
        let length = content.len();
        format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{content}")
    };
    let large = |bytes: usize| with("200 OK", &format!("{{\"status\":200}}{}", " ".repeat(bytes)));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let rows = [
        (with("200 OK", "{\"status\":200}"), true),
        (with("200 OK", " {\"load\": [1, {}], \"status\" : \"200\"}\n"), true),
        (with("204 Yes", "{\"status\":200}"), false),
        (with("299 Yes", "{\"status\":200.0}"), true),
        ("HTTP/1.0 200 OK\r\n\r\n{\"status\":200}".to_owned(), true),
        (format!("{chunked}7\r\n{{\"statu\r\n7\r\ns\":200}}\r\n0\r\n\r\n"), true),
        (format!("HTTP/1.1 102 Wait\r\n\r\n{}", with("200 OK", "{\"status\":200}")), true),
        (large(15_000), true),
        (large(17_000), false),
        (with("200 OK", ""), false),
        (with("200 OK", "OK"), false),
        (with("200 OK", "200"), false),
        (with("200 OK", "[{\"status\":200}]"), false),
        (with("200 OK", "{}"), false),
        (with("200 OK", "{\"status\":201}"), false),
        (with("200 OK", "{\"status\":\"up\"}"), false),
        (with("200 OK", "{\"Status\":200}"), false),
        (with("200 OK", "{\"status\":200"), false),
        (with("302 Found", "{\"status\":200}"), false),
        (with("404 Not Found", "{\"status\":200}"), false),
        (with("500 No", "{\"status\":200}"), false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"status\":200}".to_owned(), false),
        (with("200 OK\r\nContent-Length: 14", "{\"status\":200}"), false),
        ("nonsense\r\n\r\n".to_owned(), false),
        (String::new(), false),
    ];
    let services: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(row, (answer, _))| {
            let answer = answer.clone();
            Origin::bind().serve(move |server| {
                while let Some(request) = server.try_request() {
                    if request.head.target() == "/healthCheck" {
                        server.try_send(&answer);
                        return;
                    }
                    server.try_send(ok(row.to_string()));
                }
            })
        })
        .collect();
    let servers: Vec<_> = services.iter().map(Service::address).collect();
    let keys = "algorithm=round-robin health_check_interval=100ms";
    let gateway = Gateway::start(&config("", &http(&servers, keys)));
    let healthy: Vec<_> = rows.iter().enumerate().filter(|(_, row)| row.1).collect();
    // A second probe is sent only after the first was judged.
    wait_until("two probes of all", || services.iter().all(|service| service.probes() >= 2));
    let answered: Vec<String> =
        (0..healthy.len()).map(|_| gateway.get("/").text().to_owned()).collect();
    let mut rows_answered: Vec<usize> = answered.iter().map(|row| row.parse().unwrap()).collect();
    rows_answered.sort_unstable();
    let expected: Vec<_> = healthy.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows_answered, expected, "{:#?}", gateway.logged("down"));
    assert_eq!(gateway.logged(": down: ").len(), rows.len() - healthy.len());
}

#[test]
fn servers_that_do_not_answer_probes_in_time_are_down() {
    let silent = Origin::bind().serve(|server| {
        server.request();
        // Never a word, until the gateway has had enough.
        server.rest();
    });
    let keys = "health_check_interval=10s health_check_timeout=200ms";
    let gateway = Gateway::start(&config("", &http(&[silent.address()], keys)));
    gateway.wait_for_log(": down: ", 1);
    assert_eq!(gateway.get("/").status(), 503);
    silent.wait_for_open(0);
}

#[test]
fn all_servers_are_probed_at_once_and_none_waits_for_another() {
    let (silent, other, origin) = (Origin::bind(), Origin::bind(), Origin::bind());
    let servers = [silent.address(), other.address(), origin.address()];
    let keys = "health_check_timeout=15s health_check_interval=15s";
    let _gateway = Gateway::start(&config("", &http(&servers, keys)));
    let (took, _probes) = timed(|| [&silent, &other, &origin].map(|origin| accept_probe(origin).0));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_server_that_falls_ill_gets_nothing_and_comes_back() {
    let (one, two) = (Patient::new("one", true), Patient::new("two", true));
    let servers = [one.service.address(), two.service.address()];
    let keys = "algorithm=round-robin health_check_interval=100ms";
    let gateway = Gateway::start(&config("", &http(&servers, keys)));
    for (downs, _) in (1..=2).zip(0..) {
        let ask = || gateway.get("/").text().to_owned();
        assert_eq!([ask(), ask(), ask(), ask()].iter().filter(|t| *t == "one").count(), 2);
        one.becomes(false);
        gateway.wait_for_log(": down: ", downs);
        let served = one.service.requests().len();
        for _ in 0..6 {
            assert_eq!(ask(), "two");
        }
        assert_eq!(one.service.requests().len(), served);
        one.becomes(true);
        gateway.wait_for_log(": up", downs);
    }
}

#[test]
fn what_is_under_way_on_a_server_goes_on_when_it_falls_ill() {
    let (probed, working) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
    let (is_well, may_wait) = (Arc::clone(&probed), Arc::clone(&working));
    let service = Origin::bind().serve(move |server| {
        while let Some(request) = server.try_request() {
            if request.head.target() == "/healthCheck" {
                let answer = if is_well.load(Ordering::Relaxed) { well() } else { ok("{}") };
                server.try_send(answer);
                continue;
            }
            server.try_send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            wait_until("the end of the work", || !may_wait.load(Ordering::Relaxed));
            server.try_send("half");
        }
    });
    let keys = "health_check_interval=100ms";
    let gateway = Gateway::start(&config("", &http(&[service.address()], keys)));
    let mut client = gateway.client();
    client.ask("GET", "/");
    assert_eq!(client.heads().1.status(), 200);
    probed.store(false, Ordering::Relaxed);
    gateway.wait_for_log(": down: ", 1);
    let (took, response) = timed(|| gateway.get("/"));
    assert_eq!((response.status(), response.reason().as_str()), (503, "no_healthy_server"));
    assert_eq!(response.head.field("Retry-After"), Some("1"));
    assert!(took < Duration::from_secs(1), "at once, not after {took:?}");
    working.store(false, Ordering::Relaxed);
    assert_eq!(client.exactly(8), b"halfhalf");
}

#[test]
fn it_takes_fall_bad_probes_in_a_row_and_then_rise_good_ones() {
    let origin = Origin::bind();
    let keys = "health_check_interval=50ms health_check_timeout=15s \
                health_check_fall=3 health_check_rise=2";
    let gateway = Gateway::start(&config("", &http(&[origin.address()], keys)));
    let (good, bad) = (well(), ok("{}"));
    // Each answer, and how often the server has gone down and up when the next probe comes.
    let answers = [
        (&bad, 0, 0),
        (&bad, 0, 0),
        (&good, 0, 0),
        (&bad, 0, 0),
        (&bad, 0, 0),
        (&bad, 1, 0),
        (&good, 1, 0),
        (&bad, 1, 0),
        (&good, 1, 0),
        (&good, 1, 1),
        (&bad, 1, 1),
    ];
    for (number, (answer, downs, ups)) in answers.iter().enumerate() {
        let (mut server, _) = accept_probe(&origin);
        server.send(answer);
        // The gateway closes when it has judged; what it logs is read soon after.
        server.rest();
        gateway.wait_for_log(": down: ", *downs);
        gateway.wait_for_log(": up", *ups);
        let seen = (gateway.logged(": down: ").len(), gateway.logged(": up").len());
        assert_eq!(seen, (*downs, *ups), "after answer {number}");
    }
}

#[test]
fn each_section_has_its_own_verdicts() {
    let service = Origin::bind().serve(|server| {
        while let Some(request) = server.try_request() {
            server.try_send(match request.head.target() {
                "/plain-is-well" => well(),
                "/websocket-is-well" => ok("no"),
                _ => ok("served"),
            });
        }
    });
    let servers = [service.address()];
    let sections = http(&servers, "health_check_path=/plain-is-well")
        + &websocket(&servers, "health_check_path=/websocket-is-well");
    let gateway = Gateway::start(&config("", &sections));
    gateway.wait_for_log(": down: ", 1);
    assert_eq!(gateway.logged("[websocket] server1").len(), 1);
    assert_eq!(gateway.get("/").text(), "served");
    let mut client = gateway.client();
    client.send(crate::websocket::HANDSHAKE);
    assert_eq!(client.response().status(), 503);
}
