//! Workers: how many there are, who gets one, who waits, and who is turned away.

use crate::client::Client;
use crate::origin::{Origin, Server, ok};
use crate::support::{Gateway, config, http, in_front_of, timed, wait_until};
use crate::wire::{End, Wire};
use std::thread;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

/// A gateway that tells of every change of state, so that a test can wait until a request stands
/// in line.
fn talkative(origin: &Origin, keys: &str) -> Gateway {
    let http = http(&[origin.address()], keys);
    Gateway::start(&config("", &format!("{http}[log]\nlevel=trace\n")))
}

/// Lets as many clients ask as stand in line then.
fn stand_in_line(gateway: &Gateway, targets: &[&str]) -> Vec<Client> {
    let already = gateway.logged("=> Waiting").len();
    let asking = targets.iter().zip(1..).map(|(target, count)| {
        let mut client = gateway.client();
        client.ask("GET", target);
        gateway.wait_for_log("=> Waiting", already + count);
        client
    });
    asking.collect()
}

/// A client whose request occupies a worker.
fn occupy(gateway: &Gateway, origin: &Origin) -> (Client, Server) {
    let mut client = gateway.client();
    client.ask("GET", "/occupies");
    let (server, request) = origin.accept_request();
    assert_eq!(request.head.target(), "/occupies");
    (client, server)
}

fn complete(client: &mut Client, server: &mut Server) {
    server.send(ok("done"));
    assert_eq!(client.response().text(), "done");
}

#[test]
fn a_server_that_comes_back_before_its_work_is_done_has_no_second_pool() {
    let (origin, other) = (Origin::bind(), Origin::bind());
    let keys = "serverN_max_workers=1";
    let with = |server: &Origin| config("", &http(&[server.address()], keys));
    let gateway = Gateway::start(&with(&origin));
    let mut first = gateway.client();
    first.ask("GET", "/first");
    let (mut worker, request) = origin.accept_request();
    assert_eq!(request.head.target(), "/first");
    gateway.reload(&with(&other));
    gateway.reload(&with(&origin));
    gateway.wait_for_log(": back", 1);
    let mut second = gateway.client();
    second.ask("GET", "/second");
    worker.send(ok("one"));
    assert_eq!(first.response().text(), "one");
    // On the connection that there was: one more would be one too many.
    assert_eq!(worker.request().head.target(), "/second");
    worker.send(ok("two"));
    assert_eq!(second.response().text(), "two");
    origin.assert_quiet();
    other.assert_quiet();
}

#[test]
fn min_workers_are_opened_at_start_and_reopened_when_lost() {
    let origin = Origin::bind();
    let _gateway = in_front_of(origin.address(), "serverN_min_workers=2 serverN_max_workers=3");
    let (first, _second) = (origin.accept(), origin.accept());
    origin.assert_quiet();
    drop(first);
    let _third = origin.accept();
    origin.assert_quiet();
}

#[test]
fn there_are_never_more_than_max_workers_whatever_the_load() {
    const CLIENTS: usize = 40;
    let origin = Origin::bind().serve(|server| {
        while let Some(request) = server.try_request() {
            server.try_send(ok(request.head.target()));
        }
    });
    let keys = "serverN_max_workers=3 serverN_buffer_size=100";
    let gateway = in_front_of(origin.address(), keys);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut client = gateway.client();
                for round in 0..5 {
                    let target = format!("/{number}/{round}");
                    let response = client.get(&target);
                    assert_eq!((response.status(), response.text()), (200, target.as_str()));
                }
            });
        }
    });
    assert!(origin.most_open() <= 3, "{} connections at a time", origin.most_open());
    assert_eq!(origin.requests().len(), CLIENTS * 5);
}

#[test]
fn the_most_recently_used_worker_is_taken() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "");
    let (mut first, mut one) = occupy(&gateway, &origin);
    let (mut second, mut two) = occupy(&gateway, &origin);
    complete(&mut second, &mut two);
    complete(&mut first, &mut one);
    for _ in 0..3 {
        first.ask("GET", "/again");
        assert_eq!(one.request().head.target(), "/again");
        complete(&mut first, &mut one);
    }
    first.ask("GET", "/on-one");
    assert_eq!(one.request().head.target(), "/on-one");
    second.ask("GET", "/on-two");
    assert_eq!(two.request().head.target(), "/on-two");
    complete(&mut first, &mut one);
    complete(&mut second, &mut two);
    first.ask("GET", "/again");
    assert_eq!(two.request().head.target(), "/again");
    origin.assert_quiet();
}

#[test]
fn the_line_is_served_first_come_first_served() {
    let origin = Origin::bind();
    let gateway = talkative(&origin, "serverN_max_workers=1");
    let (mut client, mut server) = occupy(&gateway, &origin);
    let targets = ["/1", "/2", "/3", "/4", "/5"];
    let mut line = stand_in_line(&gateway, &targets);
    complete(&mut client, &mut server);
    for (waiting, target) in line.iter_mut().zip(targets) {
        assert_eq!(server.request().head.target(), target);
        complete(waiting, &mut server);
    }
    origin.assert_quiet();
}

#[test]
fn a_worker_is_opened_for_a_request_that_has_waited_for_spawn_timeout() {
    let origin = Origin::bind();
    let gateway = talkative(&origin, "serverN_max_workers=2 serverN_spawn_timeout=300ms");
    let (mut client, mut server) = occupy(&gateway, &origin);
    // A worker that comes free earlier serves, and none is opened.
    let mut line = stand_in_line(&gateway, &["/soon"]);
    complete(&mut client, &mut server);
    assert_eq!(server.request().head.target(), "/soon");
    // Later, a second one is.
    let (waited, (mut late, mut second)) = timed(|| {
        let late = stand_in_line(&gateway, &["/late"]).remove(0);
        let (second, request) = origin.accept_request();
        assert_eq!(request.head.target(), "/late");
        (late, second)
    });
    assert!(waited >= 300 * MILLISECOND, "{waited:?}");
    complete(&mut late, &mut second);
    complete(&mut line[0], &mut server);
}

#[test]
fn at_the_ceiling_a_request_without_room_tries_five_times_and_is_turned_away() {
    let origin = Origin::bind();
    let keys = "serverN_max_workers=1 serverN_buffer_size=0";
    let gateway = talkative(&origin, keys);
    let (mut client, mut server) = occupy(&gateway, &origin);
    let mut refused = gateway.client();
    let (waited, response) = timed(|| refused.get("/too-many"));
    assert_eq!((response.status(), response.reason().as_str()), (429, "queue_full"));
    assert_eq!(response.head.field("Retry-After"), Some("1"));
    assert!(waited >= 3100 * MILLISECOND, "{waited:?}");
    assert_eq!(gateway.logged("=> Knocking").len(), 5);
    // Nobody was harmed, and the connection goes on.
    complete(&mut client, &mut server);
    refused.ask("GET", "/now");
    assert_eq!(server.request().head.target(), "/now");
    complete(&mut refused, &mut server);
}

#[test]
fn a_request_without_room_is_served_when_a_later_try_finds_some() {
    let origin = Origin::bind();
    let keys = "serverN_max_workers=1 serverN_buffer_size=1";
    let gateway = talkative(&origin, keys);
    let (mut client, mut server) = occupy(&gateway, &origin);
    let mut line = stand_in_line(&gateway, &["/in-line"]);
    let mut knocking = gateway.client();
    knocking.ask("GET", "/knocks");
    gateway.wait_for_log("=> Knocking", 2);
    complete(&mut client, &mut server);
    assert_eq!(server.request().head.target(), "/in-line");
    complete(&mut line[0], &mut server);
    assert_eq!(server.request().head.target(), "/knocks");
    complete(&mut knocking, &mut server);
}

#[test]
fn idle_workers_above_the_minimum_are_closed_after_worker_timeout() {
    let origin = Origin::bind();
    let keys = "serverN_max_workers=3 serverN_min_workers=1 serverN_worker_timeout=200ms";
    let gateway = in_front_of(origin.address(), keys);
    let mut one = origin.accept();
    let mut first = gateway.client();
    first.ask("GET", "/");
    one.request();
    let (mut second, mut two) = occupy(&gateway, &origin);
    complete(&mut first, &mut one);
    let (idle, end) = timed(|| {
        complete(&mut second, &mut two);
        one.end()
    });
    assert_eq!(end, End::Fin, "the one that idles for longer is closed");
    assert!(idle < 2000 * MILLISECOND, "{idle:?}");
    // The last one stays, and serves.
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(first.get("/still").text(), "done"));
        assert_eq!(two.request().head.target(), "/still");
        two.send(ok("done"));
    });
    origin.assert_quiet();
}

// rule: half-close
#[test]
fn a_client_that_leaves_the_line_is_forgotten_at_once() {
    let origin = Origin::bind();
    let gateway = talkative(&origin, "serverN_max_workers=1 serverN_buffer_size=2");
    let (mut client, mut server) = occupy(&gateway, &origin);
    let mut line = stand_in_line(&gateway, &["/leaves", "/stays"]);
    let closed = gateway.logged("Waiting => Closed").len();
    Wire::from(line.remove(0)).reset();
    gateway.wait_for_log("Waiting => Closed", closed + 1);
    // There is room for one more now.
    let mut third = stand_in_line(&gateway, &["/comes"]);
    complete(&mut client, &mut server);
    assert_eq!(server.request().head.target(), "/stays");
    complete(&mut line[0], &mut server);
    assert_eq!(server.request().head.target(), "/comes");
    complete(&mut third[0], &mut server);
}

// rule: half-close
#[test]
fn a_client_in_line_that_has_only_said_all_keeps_its_place() {
    let origin = Origin::bind();
    let gateway = talkative(&origin, "serverN_max_workers=1");
    let (mut client, mut server) = occupy(&gateway, &origin);
    let mut line = stand_in_line(&gateway, &["/half-closed"]);
    line[0].finish();
    complete(&mut client, &mut server);
    assert_eq!(server.request().head.target(), "/half-closed");
    complete(&mut line[0], &mut server);
    assert_eq!(line[0].end(), End::Fin);
}

// rule: half-close
#[test]
fn a_client_that_leaves_during_its_exchange_takes_the_worker_with_it() {
    let origin = Origin::bind();
    let gateway = in_front_of(origin.address(), "serverN_max_workers=1");
    let (client, mut server) = occupy(&gateway, &origin);
    Wire::from(client).reset();
    server.rest();
    let (mut client, mut server) = occupy(&gateway, &origin);
    complete(&mut client, &mut server);
}

#[test]
fn servers_decide_which_connections_are_used_again() {
    // Fields of the response, and whether the next request comes on the same connection.
    let cases = [
        ("", true),
        ("Connection: keep-alive\r\n", true),
        ("Connection: close\r\n", false),
        ("Connection: x, Close\r\n", false),
        // rule: keep-alive timeout
        ("Keep-Alive: timeout=100\r\n", true),
        ("Keep-Alive: timeout=1\r\n", false),
        ("Keep-Alive: timeout=0, max=5\r\n", false),
        ("Keep-Alive: max=5, timeout=100\r\n", true),
    ];
    for (fields, stays) in cases {
        let origin = Origin::bind();
        let gateway = in_front_of(origin.address(), "");
        let (mut client, mut server) = occupy(&gateway, &origin);
        server.send(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok"));
        assert_eq!(client.response().text(), "ok", "{fields:?}");
        if stays {
            client.ask("GET", "/");
            server.request();
            complete(&mut client, &mut server);
        } else {
            assert_eq!(server.end(), End::Fin, "{fields:?}");
            let (mut client, mut server) = occupy(&gateway, &origin);
            complete(&mut client, &mut server);
        }
    }
}

// rule: keep-alive timeout
#[test]
fn a_worker_that_its_server_keeps_for_two_seconds_is_not_used_after_one() {
    let origin = Origin::bind();
    let keys = "serverN_min_workers=1 serverN_worker_timeout=1h";
    let gateway = in_front_of(origin.address(), keys);
    let mut server = origin.accept();
    let mut client = gateway.client();
    client.ask("GET", "/");
    server.request();
    let (kept, end) = timed(|| {
        server.send("HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=2\r\n\r\n");
        assert_eq!(client.response().status(), 204);
        server.end()
    });
    assert_eq!(end, End::Fin, "the gateway closes it before the server does");
    assert!(kept >= 900 * MILLISECOND && kept < 2000 * MILLISECOND, "{kept:?}");
}

#[test]
fn no_request_sees_a_byte_of_another_one_s_response() {
    const CLIENTS: usize = 8;
    let origin = Origin::bind().serve(|server| {
        while let Some(request) = server.try_request() {
            let content = request.head.target().repeat(request.connection * 50);
            // Some stay, some close, some say so, some close without a word.
            let number = content.len() % 7;
            let fields = if number == 1 { "Connection: close\r\n" } else { "" };
            let length = content.len();
            let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n");
            if !server.try_send([head, content].concat()) || number < 3 {
                return;
            }
        }
    });
    let gateway = in_front_of(origin.address(), "serverN_max_workers=4 serverN_buffer_size=50");
    thread::scope(|scope| {
        for client_number in 0..CLIENTS {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut client = gateway.client();
                for round in 0..30 {
                    let target = format!("/{client_number}-{}/", "x".repeat(round));
                    let response = client.get(&target);
                    assert_eq!(response.status(), 200);
                    assert_eq!(response.text().replace(&target, ""), "", "{target}");
                }
            });
        }
    });
    wait_until("all workers to be idle", || origin.open() <= 4);
}
