//! Tunnels as their ends see them: how they are ended, limited, chosen and told of.
//!
//! The real program between clients and servers that another implementation of RFC 6455 plays.

mod leaving;
mod support;

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use support::{End, Gateway, Server, head_of, last_words, wait_until};
use tungstenite::Message;

fn words(code: u16, reason: &str) -> Option<(u16, String)> {
    Some((code, reason.to_owned()))
}

/// Both ends of a new tunnel.
fn tunnel(gateway: &Gateway, server: &Server) -> (End, End) {
    let client = gateway.open();
    (client, server.next())
}

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n";

#[test]
fn a_server_that_dies_between_two_frames_is_answered_for() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "");
    let (mut client, mut end) = tunnel(&gateway, &server);
    end.send(Message::text("one")).expect("sent");
    drop(end);
    assert_eq!(client.read().expect("a message"), Message::text("one"));
    assert_eq!(last_words(&mut client), words(1011, "server connection lost"));
    wait_until("the line in the log", || gateway.lines("tunnel_close").len() == 1);
    let line = gateway.lines("tunnel_close").pop().unwrap_or_default();
    for part in [r#""closed_by":"server""#, r#""close_code":1006"#, r#""messages_from_server":1"#] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let opened = gateway.lines("tunnel_open").pop().unwrap_or_default();
    let id = |line: &str| line.split(r#""id":""#).nth(1).map(|rest| rest[..16].to_owned());
    assert!(id(&opened).is_some() && id(&opened) == id(&line), "one id: {opened} {line}");
}

#[test]
fn a_server_that_dies_inside_of_a_frame_is_followed_by_the_fin_alone() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "");
    let (mut client, mut end) = tunnel(&gateway, &server);
    end.get_mut().write_all(b"\x82\x7e\x10\x00half a mess").expect("sent");
    end.get_mut().shutdown(Shutdown::Both).expect("gone");
    assert_eq!(last_words(&mut client), None);
}

#[test]
fn an_idle_tunnel_is_closed_with_1000_on_both_sides() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "idle_timeout=300ms");
    let (mut client, mut end) = tunnel(&gateway, &server);
    assert_eq!(last_words(&mut client), words(1000, "idle timeout"));
    assert_eq!(last_words(&mut end), words(1000, "idle timeout"));
    wait_until("the line in the log", || gateway.lines("tunnel_close").len() == 1);
    let line = gateway.lines("tunnel_close").pop().unwrap_or_default();
    assert!(line.contains(r#""closed_by":"gateway""#) && line.contains("idle timeout"), "{line}");
}

#[test]
fn an_end_that_does_not_answer_a_close_is_not_waited_for() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "idle_timeout=200ms\nclose_timeout=200ms");
    let (client, mut end) = tunnel(&gateway, &server);
    let begun = Instant::now();
    assert_eq!(last_words(&mut end), words(1000, "idle timeout"));
    wait_until("the end", || gateway.lines("tunnel_close").len() == 1);
    assert!(begun.elapsed() < Duration::from_secs(3));
    drop(client);
}

#[test]
fn a_stop_tells_every_tunnel_evenly_over_the_time_and_the_quietest_first() {
    for (key, code) in [("", 1001), ("drain_close_code=1012", 1012)] {
        let server = Server::start();
        let frontend = "shutdown_timeout=3250ms";
        let mut gateway = Gateway::start(frontend, &[&server], key);
        let mut pairs: Vec<_> = (0..40).map(|_| tunnel(&gateway, &server)).collect();
        // The first half is busy after all have come.
        for (client, end) in pairs.iter_mut().take(20) {
            client.send(Message::text("hello")).expect("sent");
            assert_eq!(end.read().expect("a message"), Message::text("hello"));
        }
        gateway.terminate();
        let begun = Instant::now();
        let threads: Vec<_> = pairs
            .into_iter()
            .map(|(mut client, mut end)| {
                std::thread::spawn(move || {
                    let said = last_words(&mut client);
                    let after = begun.elapsed();
                    (said, last_words(&mut end), after)
                })
            })
            .collect();
        let told: Vec<_> = threads.into_iter().map(|t| t.join().expect("no panic")).collect();
        for (client, end, _) in &told {
            assert_eq!(client, &words(code, "gateway stopping"));
            assert_eq!(end, &words(code, "gateway stopping"));
        }
        // 40 tunnels over 2 s: the first 20 of the plan within the first second.
        let middle = Duration::from_millis(1000);
        let slack = Duration::from_millis(400);
        for (busy, (_, _, after)) in (0..40).map(|place| place < 20).zip(&told) {
            let late = if busy { *after + slack > middle } else { *after < middle + slack };
            assert!(late, "busy: {busy}, told after {after:?}");
        }
        assert!(gateway.has_ended_well());
    }
}

#[test]
fn pings_are_answered_unseen_by_the_other_end_and_keep_no_tunnel_from_being_idle() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "ping_interval=200ms\nidle_timeout=1500ms");
    let (mut client, mut end) = tunnel(&gateway, &server);
    let reader = std::thread::spawn(move || {
        let mut pings = 0;
        while let Ok(message) = end.read() {
            match &message {
                Message::Ping(_) => pings += 1,
                Message::Close(_) => {}
                Message::Text(_) | Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => {
                    panic!("crossed: {message:?}")
                }
            }
        }
        pings
    });
    let mut pings = 0;
    let mut last = None;
    while let Ok(message) = client.read() {
        match &message {
            Message::Ping(_) => pings += 1,
            Message::Close(close) => last = close.as_ref().map(|close| u16::from(close.code)),
            Message::Text(_) | Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => {
                panic!("crossed: {message:?}")
            }
        }
    }
    assert_eq!(last, Some(1000));
    let others = reader.join().expect("no panic");
    assert!((3..=8).contains(&pings) && (3..=8).contains(&others), "{pings}, {others}");
}

#[test]
fn an_end_that_answers_no_ping_is_given_up() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "ping_interval=200ms");
    let (client, mut end) = tunnel(&gateway, &server);
    assert_eq!(last_words(&mut end), words(1011, "ping timeout"));
    drop(client);
}

/// The status and the Retry-After of what a handshake is answered.
fn refusal(gateway: &Gateway) -> (u16, u32) {
    let head = gateway.ask(&format!("{HANDSHAKE}\r\n"));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let after = head.split("Retry-After: ").nth(1).and_then(|rest| rest.lines().next());
    (status.expect("a status"), after.map_or(0, |text| text.parse().expect("seconds")))
}

#[test]
fn tunnels_are_limited_in_number_and_before_a_server_hears_of_it() {
    for limit in ["max_tunnels=2", "max_tunnels_per_client=2"] {
        let server = Server::start();
        let gateway = Gateway::start("", &[&server], limit);
        let first = tunnel(&gateway, &server);
        let _second = tunnel(&gateway, &server);
        for _ in 0..5 {
            let (status, seconds) = refusal(&gateway);
            assert!(status == 503 && (1..=10).contains(&seconds), "{status}, {seconds} s");
        }
        assert_eq!(server.count(), 2);
        drop(first);
        wait_until("the end of a tunnel", || gateway.lines("tunnel_close").len() == 1);
        tunnel(&gateway, &server);
    }
}

#[test]
fn new_tunnels_are_held_to_a_pace() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "tunnel_rate=1\ntunnel_burst=3");
    let open: Vec<_> = (0..3).map(|_| tunnel(&gateway, &server)).collect();
    assert_eq!(refusal(&gateway).0, 503);
    assert_eq!(server.count(), 3);
    drop(open);
}

#[test]
fn least_connections_fills_the_emptiest() {
    let servers = [Server::start(), Server::start(), Server::start()];
    let all = [&servers[0], &servers[1], &servers[2]];
    let gateway = Gateway::start("", &all, "algorithm=least-connections");
    let mut clients: Vec<_> = (0..9).map(|_| gateway.open()).collect();
    let counts = || all.map(|server| server.count());
    wait_until("nine tunnels", || counts() == [3, 3, 3]);
    // Those of the second server leave.
    let ends: Vec<_> = (0..3).map(|_| servers[1].next()).collect();
    drop(ends);
    wait_until("the end of three tunnels", || {
        for client in &mut clients {
            let _ = client.get_mut().set_read_timeout(Some(Duration::from_millis(1)));
            let _ = client.read();
        }
        gateway.lines("tunnel_close").len() == 3
    });
    clients.extend((0..3).map(|_| gateway.open()));
    wait_until("three more", || counts() == [3, 6, 3]);
}

#[test]
fn a_cookie_leads_to_the_same_server_in_both_sections() {
    let servers = [Server::start(), Server::start(), Server::start()];
    let keys: String = (1..)
        .zip(&servers)
        .map(|(number, server)| format!("server{number}={}\n", server.address))
        .collect();
    let section = format!("sticky=cookie\nenable_health_check=false\n{keys}");
    let gateway = Gateway::with(&format!(
        "[frontend]\nhost=127.0.0.1\nport=0\n[http]\n{section}[websocket]\n{section}"
    ));
    let mut named = Vec::new();
    for _ in 0..20 {
        let head = gateway.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        let cookie = head.split("Set-Cookie: ").nth(1).and_then(|rest| rest.split(';').next());
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie in {head}")).to_owned();
        let with = |start: &str| gateway.ask(&format!("{start}Cookie: a=b; {cookie}\r\n\r\n"));
        let before = servers.each_ref().map(|server| server.count());
        for _ in 0..3 {
            let head = with(HANDSHAKE);
            assert!(head.starts_with("HTTP/1.1 101") && !head.contains("Set-Cookie"), "{head}");
        }
        let count = || servers.iter().map(Server::count).sum::<usize>();
        wait_until("three tunnels", || count() == before.iter().sum::<usize>() + 3);
        let after = servers.each_ref().map(|server| server.count());
        let met: Vec<_> = (0..3).filter(|place| after[*place] != before[*place]).collect();
        assert_eq!(met.len(), 1, "{before:?} {after:?}");
        named.push((cookie.clone(), met[0]));
        let head = with("GET / HTTP/1.1\r\nHost: h\r\n");
        assert!(head.starts_with("HTTP/1.1 200") && !head.contains("Set-Cookie"), "{head}");
    }
    named.sort();
    named.dedup();
    assert_eq!(named.len(), 3, "each server has one name: {named:?}");
    let head = gateway.ask(&format!("{HANDSHAKE}Cookie: tidegate=0123456789abcdef\r\n\r\n"));
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("Set-Cookie: tidegate="), "{head}");
}

#[test]
fn an_address_leads_to_the_same_server() {
    let servers = [Server::start(), Server::start(), Server::start()];
    let gateway = Gateway::start("", &[&servers[0], &servers[1], &servers[2]], "sticky=ip");
    let open: Vec<_> = (0..12).map(|_| gateway.open()).collect();
    wait_until("all tunnels", || servers.iter().map(Server::count).sum::<usize>() == 12);
    let mut counts = servers.each_ref().map(|server| server.count());
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 12]);
    drop(open);
}

#[test]
fn the_client_that_a_trusted_proxy_names_is_the_one_that_counts() {
    let servers = [Server::start(), Server::start(), Server::start()];
    let all = [&servers[0], &servers[1], &servers[2]];
    // So many clients of one proxy that some hash leads elsewhere, then the first of them anew.
    for (trusted, open) in [("127.0.0.0/8", 24), ("10.0.0.0/8", 1)] {
        let before = servers.each_ref().map(Server::count);
        let frontend = format!("trusted_proxies={trusted}");
        let gateway = Gateway::start(&frontend, &all, "sticky=ip\nmax_tunnels_per_client=1");
        let mut kept = Vec::new();
        for client in (1..=24).chain([1]) {
            let mut stream = gateway.connect();
            // What stands ahead of the address that the proxy saw is anybody's invention.
            let named = format!("X-Forwarded-For: 192.0.2.{client}, 198.51.100.{client}");
            write!(stream, "{HANDSHAKE}{named}\r\nX-Forwarded-For: 127.0.0.9\r\n\r\n")
                .expect("sent");
            let head = head_of(&mut stream);
            let expected = if kept.len() < open { "HTTP/1.1 101" } else { "HTTP/1.1 503" };
            assert!(head.starts_with(expected), "{trusted}, client {client}: {head}");
            kept.extend(head.starts_with("HTTP/1.1 101").then_some(stream));
        }
        let grown = servers.iter().zip(before).filter(|(server, count)| server.count() > *count);
        assert_eq!(grown.count() > 1, open > 1, "{trusted}: servers used");
        let caller = if open > 1 { "198.51.100.24" } else { "127.0.0.1" };
        wait_until("the log's client", || {
            gateway.lines("tunnel_open").iter().any(|line| line.contains(&format!("\"{caller}\"")))
        });
    }
}

const PROBES: &str = "health_check_type=websocket\nhealth_check_interval=100ms";

#[test]
fn a_server_is_healthy_if_it_speaks_websocket() {
    let plain = TcpListener::bind("127.0.0.1:0").expect("a port");
    let deaf = plain.local_addr().expect("an address");
    // Answers everything with what would please a probe by HTTP.
    std::thread::spawn(move || {
        for mut stream in plain.incoming().map_while(Result::ok) {
            head_of(&mut stream);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"status\":200}");
        }
    });
    let server = Server::start();
    let gateway = Gateway::with(&format!(
        "[frontend]\nhost=127.0.0.1\nport=0\n[websocket]\n{PROBES}\nserver1={deaf}\nserver2={}\n",
        server.address
    ));
    // The other implementation answers the Ping when it is read, and is told good-bye.
    for _ in 0..3 {
        assert_eq!(last_words(&mut server.next()), words(1000, ""));
    }
    wait_until("the verdict", || gateway.lines("it does not speak WebSocket").len() == 1);
    assert!(gateway.lines(&server.address.to_string()).is_empty(), "the other one is up");
}

#[test]
fn a_server_that_came_back_gets_its_share() {
    // The mean of twenty tunnels on two servers is ten; nobody comes back, so it sinks.
    let told = told_when_a_server_is_back("");
    assert!((8..=19).contains(&told), "{told} were told");
}

#[test]
fn a_spare_gives_all_its_tunnels_back() {
    assert_eq!(told_when_a_server_is_back("server1_backup=true"), 20);
}

/// How many of twenty tunnels are closed on server 1 when server 2, which was down, is back.
fn told_when_a_server_is_back(keys: &str) -> usize {
    let first = Server::start();
    let seat = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = seat.local_addr().expect("an address");
    drop(seat);
    let first_address = first.address;
    let gateway = Gateway::with(&format!(
        "[frontend]\nhost=127.0.0.1\nport=0\n[websocket]\n{PROBES}\n\
         rebalance_rate=50\nalgorithm=least-connections\n\
         server1={first_address}\nserver2={address}\n{keys}\n"
    ));
    // Probes and tunnels alike are served until they end.
    let serve = |server: Server| {
        std::thread::spawn(move || {
            loop {
                let mut end = server.next();
                std::thread::spawn(move || last_words(&mut end));
            }
        })
    };
    let probes = first.counter();
    serve(first);
    wait_until("the second server to be down", || {
        !gateway.lines(&format!("({address}): down")).is_empty()
    });
    // The second probe follows the verdict on the first, which is an occasion to rebalance, too.
    wait_until("the first server to be up", || probes.load(Ordering::SeqCst) > 1);
    let clients: Vec<_> = (0..20).map(|_| gateway.open()).collect();
    let readers: Vec<_> = clients
        .into_iter()
        .map(|mut client| std::thread::spawn(move || last_words(&mut client)))
        .collect();
    serve(Server::on(TcpListener::bind(address).expect("the port is free")));
    wait_until("the balance", || !gateway.lines("tunnels are balanced").is_empty());
    let told = readers.iter().filter(|reader| reader.is_finished()).count();
    drop(gateway);
    let said = readers.into_iter().filter_map(|reader| reader.join().expect("no panic"));
    let rebalanced = said.filter(|said| *said == (1012, "rebalancing".to_owned())).count();
    assert!(rebalanced >= told, "{rebalanced} and {told}");
    rebalanced
}

#[test]
fn a_tunnel_is_closed_when_it_is_too_old() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "max_age=1");
    let (mut client, mut end) = tunnel(&gateway, &server);
    let begun = Instant::now();
    assert_eq!(last_words(&mut client), words(1012, "maximum age"));
    assert_eq!(last_words(&mut end), words(1012, "maximum age"));
    let after = begun.elapsed();
    assert!((800..1500).contains(&after.as_millis()), "{after:?}");
}
