//! Servers that leave and join while tunnels stand: taken out by an operator, or by a reload.

use crate::support::{End, Gateway, Server, config, last_words, wait_until};
use crate::{HANDSHAKE, tunnel, words};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tungstenite::Message;

/// What both ends of a tunnel were told last, and how long after.
struct Told {
    client: Option<(u16, String)>,
    server: Option<(u16, String)>,
    after: Duration,
}

/// Listens to both ends of a tunnel until they end.
fn listen((mut client, mut server): (End, End), begun: Instant) -> JoinHandle<Told> {
    thread::spawn(move || {
        let far = thread::spawn(move || last_words(&mut server));
        let client = last_words(&mut client);
        let after = begun.elapsed();
        Told { client, server: far.join().expect("no panic"), after }
    })
}

/// Whether bytes cross a tunnel.
fn echoes((client, server): &mut (End, End)) -> bool {
    client.send(Message::text("still here")).is_ok()
        && server.read().is_ok_and(|message| message == Message::text("still here"))
}

/// Tunnels to two servers by turns, those of each apart.
fn tunnels_to(gateway: &Gateway, servers: [&Server; 2], count: usize) -> [Vec<(End, End)>; 2] {
    let mut tunnels = [Vec::new(), Vec::new()];
    for _ in 0..count {
        for (server, tunnels) in servers.into_iter().zip(&mut tunnels) {
            tunnels.push(tunnel(gateway, server));
        }
    }
    tunnels
}

const TURNS: &str = "algorithm=round-robin\ndrain_time=1500ms\n";

/// All were told to come back, and not at one instant.
fn assert_told_in_turn(listeners: Vec<JoinHandle<Told>>) {
    let told: Vec<_> = listeners.into_iter().map(|one| one.join().expect("no panic")).collect();
    for one in &told {
        assert_eq!(one.client, words(1012, "server leaving"));
        assert_eq!(one.server, words(1012, "server leaving"));
    }
    let early = told.iter().filter(|one| one.after < Duration::from_millis(500)).count();
    assert!(early <= told.len() / 2, "{early} of {} within a third of the time", told.len());
    let last = told.iter().map(|one| one.after).max().unwrap_or_default();
    assert!(last > Duration::from_millis(1000), "the last was told after {last:?}");
}

#[test]
fn a_server_removed_by_a_reload_sends_its_tunnels_elsewhere_in_turn() {
    let servers = [Server::start(), Server::start()];
    let both = [&servers[0], &servers[1]];
    let gateway = Gateway::start("", &both, TURNS);
    let [mut stay, leave] = tunnels_to(&gateway, both, 20);
    let begun = Instant::now();
    gateway.reload(&config("", &both[..1], TURNS));
    assert_told_in_turn(leave.into_iter().map(|pair| listen(pair, begun)).collect());
    wait_until("the end of the server", || !gateway.lines(": gone").is_empty());
    assert!(stay.iter_mut().all(echoes));
    assert_eq!(gateway.lines("tunnel_close").len(), 20);
}

#[test]
fn an_operator_sends_tunnels_elsewhere_and_may_think_better_of_it() {
    let servers = [Server::start(), Server::start()];
    let both = [&servers[0], &servers[1]];
    let office = format!("{TURNS}[admin]\nport=0\n");
    let gateway = Gateway::start("", &both, &office);
    let [mut stay, leave] = tunnels_to(&gateway, both, 20);
    let begun = Instant::now();
    gateway.steer("/servers/websocket/2/drain");
    assert_told_in_turn(leave.into_iter().map(|pair| listen(pair, begun)).collect());

    gateway.steer("/servers/websocket/2/restore");
    gateway.steer("/servers/websocket/1/drain");
    gateway.steer("/servers/websocket/1/restore");
    // Whoever was told meanwhile has gone. When the time is over, all others are still there.
    thread::sleep(Duration::from_millis(1600));
    let left = stay.iter_mut().map(echoes).filter(|echoes| *echoes).count();
    assert!(left >= 10, "{left} of 20 are left");
}

#[test]
fn a_server_that_is_taken_out_gets_no_new_tunnel() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "[admin]\nport=0\n");
    let mut pair = tunnel(&gateway, &server);
    assert!(echoes(&mut pair));
    gateway.steer("/servers/websocket/1/drain");
    let head = gateway.ask(&format!("{HANDSHAKE}\r\n"));
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
}

#[test]
fn without_its_section_a_tunnel_keeps_its_timeouts_and_is_told_to_go() {
    let server = Server::start();
    let terms = "close_timeout=300ms\ndrain_time=0";
    let gateway = Gateway::start("", &[&server], terms);
    let (client, mut far) = tunnel(&gateway, &server);
    let http = format!(
        "[log]\naccess=json\n[frontend]\nhost=127.0.0.1\nport=0\n\
         [http]\nenable_health_check=false\nserver1={}\n",
        server.address
    );
    gateway.reload(&http);
    assert_eq!(last_words(&mut far), words(1012, "server leaving"));
    // The client does not answer, and is not waited for.
    wait_until("the end", || gateway.lines("tunnel_close").len() == 1);
    drop(client);
}

#[test]
fn a_shorter_idle_timeout_holds_for_the_tunnels_that_stand() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "idle_timeout=1h");
    let (mut client, mut far) = tunnel(&gateway, &server);
    gateway.reload(&config("", &[&server], "idle_timeout=300ms"));
    assert_eq!(last_words(&mut client), words(1000, "idle timeout"));
    assert_eq!(last_words(&mut far), words(1000, "idle timeout"));
}

#[test]
fn a_limit_for_one_client_counts_the_tunnels_that_stood_before_it() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "");
    let pairs: Vec<_> = (0..3).map(|_| tunnel(&gateway, &server)).collect();
    gateway.reload(&config("", &[&server], "max_tunnels_per_client=3"));
    let status = || gateway.ask(&format!("{HANDSHAKE}\r\n"));
    assert!(status().starts_with("HTTP/1.1 503"));
    drop(pairs);
    wait_until("three ends", || gateway.lines("tunnel_close").len() == 3);
    let _one = tunnel(&gateway, &server);
    gateway.reload(&config("", &[&server], "max_tunnels_per_client=1"));
    assert!(status().starts_with("HTTP/1.1 503"));
}

#[test]
fn a_server_that_joins_gets_its_share() {
    let servers = [Server::start(), Server::start()];
    let both = [&servers[0], &servers[1]];
    let terms = "algorithm=least-connections\nrebalance_rate=100";
    let gateway = Gateway::start("", &both[..1], terms);
    let begun = Instant::now();
    let pairs: Vec<_> = (0..20).map(|_| tunnel(&gateway, &servers[0])).collect();
    let listeners: Vec<_> = pairs.into_iter().map(|pair| listen(pair, begun)).collect();
    gateway.reload(&config("", &both, terms));
    wait_until("the balance", || !gateway.lines("tunnels are balanced").is_empty());
    let told = || gateway.lines(r#""why":"rebalancing""#).len();
    // Nobody comes back here, so the mean sinks as they go.
    wait_until("most to be told", || told() >= 8);
    assert!(told() < 20, "all were told");
    drop(gateway);
    let ends = listeners.into_iter().map(|one| one.join().expect("no panic"));
    let asked_back = words(1012, "rebalancing");
    assert!(ends.filter(|end| end.client == asked_back).count() >= 8);
}

#[test]
fn a_server_that_returns_before_its_tunnels_are_gone_keeps_the_others() {
    let servers = [Server::start(), Server::start()];
    let both = [&servers[0], &servers[1]];
    let gateway = Gateway::start("", &both, TURNS);
    let [_stay, mut leave] = tunnels_to(&gateway, both, 20);
    gateway.reload(&config("", &both[..1], TURNS));
    gateway.reload(&config("", &both, TURNS));
    assert_eq!(gateway.lines(": back").len(), 1);
    // Whoever was told meanwhile has gone. When the time is over, all others are still there.
    thread::sleep(Duration::from_millis(1600));
    let left = leave.iter_mut().map(echoes).filter(|echoes| *echoes).count();
    assert!(left >= 10, "{left} of 20 are left");
}

#[test]
fn a_handshake_that_was_under_way_when_its_server_was_taken_out_ends_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let gateway = Gateway::with(&format!(
        "[frontend]\nhost=127.0.0.1\nport=0\n[websocket]\nenable_health_check=false\n\
         server1={address}\n[admin]\nport=0\n"
    ));
    thread::scope(|scope| {
        let client = scope.spawn(|| gateway.open());
        let (stream, _) = listener.accept().expect("a connection");
        gateway.steer("/servers/websocket/1/drain");
        let far = tungstenite::accept(stream).expect("a handshake");
        let told = listen((client.join().expect("no panic"), far), Instant::now()).join();
        let Told { client, server, .. } = told.expect("no panic");
        assert_eq!((&client, &server), (&words(1012, "server leaving"), &client));
    });
}

#[test]
fn a_shorter_ping_interval_holds_for_the_tunnels_that_stand() {
    let server = Server::start();
    let gateway = Gateway::start("", &[&server], "ping_interval=1h");
    let (client, mut far) = tunnel(&gateway, &server);
    gateway.reload(&config("", &[&server], "ping_interval=200ms"));
    // The client does not answer.
    assert_eq!(last_words(&mut far), words(1011, "ping timeout"));
    drop(client);
}

#[test]
fn a_server_that_sat_out_gets_its_share() {
    let first = Server::start();
    let seat = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = seat.local_addr().expect("an address");
    drop(seat);
    let gateway = Gateway::start(
        "",
        &[&first],
        &format!(
            "server2={address}\nalgorithm=least-connections\nrebalance_rate=100\n\
             close_timeout=100ms\nmax_fails=1\nfail_timeout=300ms"
        ),
    );
    let _pairs: Vec<_> = (0..20).map(|_| tunnel(&gateway, &first)).collect();
    assert!(!gateway.lines("no connection").is_empty(), "it sits out");
    let second = Server::on(TcpListener::bind(address).expect("its port"));
    let mut more = Vec::new();
    wait_until("a tunnel to the second", || {
        more.push(gateway.open());
        second.count() > 0
    });
    wait_until("some to be told", || gateway.lines(r#""why":"rebalancing""#).len() >= 5);
}
