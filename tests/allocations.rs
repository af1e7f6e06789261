//! A steady load costs no allocation: what one request needs, the next one uses again.
//!
//! A real gateway serves real sockets on a thread of this test, which counts what that thread asks
//! of the allocator: after some requests that warm it up, nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tidegate::config::Config;
use tidegate::gateway::Gateway;
use tidegate::gateway::token::Token;
use tidegate::net::{Clock, Poll};

/// Requests of each client before counting begins.
const WARM: u64 = 40;
/// So many times are so many requests counted.
const WINDOWS: usize = 4;
const COUNTED: u64 = 100;
const CLIENTS: u64 = 4;
/// Requests of each client: enough for all that is counted.
const EACH: u64 = WARM + WINDOWS as u64 * COUNTED;
/// Nothing here takes so long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// One kind of traffic: what a client sends, and what the server answers.
struct Traffic {
    name: &'static str,
    request: Vec<u8>,
    response: Vec<u8>,
    /// The response as the client gets it ends so; nothing before its end does.
    ends_with: &'static [u8],
    access: &'static str,
}

fn traffic() -> Vec<Traffic> {
    let plain = b"GET /small HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n".to_vec();
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<done>".to_vec();
    let mut long = b"HTTP/1.1 200 OK\r\nContent-Length: 300006\r\n\r\n".to_vec();
    long.extend(vec![b'x'; 300_000]);
    long.extend(b"<done>");
    let mut upload = b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 8192\r\n\r\n".to_vec();
    upload.extend(vec![b'x'; 8192]);
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n6\r\n<done>\r\n0\r\n\r\n"
        .to_vec();
    let row = |name, request: &[u8], response: &[u8], ends_with, access| Traffic {
        name,
        request: request.to_vec(),
        response: response.to_vec(),
        ends_with,
        access,
    };
    vec![
        row("small GET", &plain, &short, b"<done>", "off"),
        row("small GET with an access log", &plain, &short, b"<done>", "json"),
        row("long response", &plain, &long, b"<done>", "off"),
        row("upload", &upload, &short, b"<done>", "off"),
        row("chunked response", &plain, &chunked, b"0\r\n\r\n", "off"),
    ]
}

/// Reads until the bytes read so far end so.
fn read_until(stream: &mut TcpStream, end: &[u8], room: &mut [u8]) -> bool {
    let mut tail = Vec::with_capacity(room.len() + end.len());
    while !tail.ends_with(end) {
        let Ok(count @ 1..) = stream.read(room) else { return false };
        let keep = tail.len().saturating_sub(end.len());
        tail.drain(..keep);
        tail.extend(&room[..count]);
    }
    true
}

/// A server that answers every request alike, each connection on a thread of its own.
fn serve(traffic: &Traffic) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (response, content) = (traffic.response.clone(), traffic.request.ends_with(b"xx"));
    let end: &[u8] = if content { &[b'x'; 8192] } else { b"\r\n\r\n" };
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, response) = (stream.unwrap(), response.clone());
            thread::spawn(move || {
                let mut room = vec![0; 1 << 16];
                while read_until(&mut stream, end, &mut room) {
                    stream.write_all(&response).unwrap();
                }
            });
        }
    });
    address
}

/// A client that asks one time after the other, and checks that each answer comes.
fn ask(address: SocketAddr, traffic: &Traffic) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut room = vec![0; 1 << 16];
    for _ in 0..EACH {
        stream.write_all(&traffic.request).unwrap();
        let answered = read_until(&mut stream, traffic.ends_with, &mut room);
        assert!(answered, "{}: no answer", traffic.name);
    }
}

/// Runs the gateway until so many requests have been served.
fn turn_until(gateway: &mut Gateway, poll: &mut Poll, lines: &mut Vec<u8>, requests: u64) {
    let (clock, began) = (Clock, Instant::now());
    while gateway.counters().relayed < requests {
        poll.wait(gateway.patience(clock.now())).unwrap();
        gateway.turn(poll.events(), clock.now());
        gateway.take_journal(lines);
        lines.clear();
        assert!(began.elapsed() < PATIENCE);
    }
}

#[test]
fn a_steady_load_allocates_nothing() {
    for traffic in traffic() {
        let origin = serve(&traffic);
        let config = format!(
            "[frontend]\nhost=127.0.0.1\nport=0\n[http]\nenable_health_check=false\n\
             server1={origin}\nserver1_max_workers=8\nserver1_min_workers=8\n\
             [log]\naccess={}\n",
            traffic.access
        );
        let config = Config::from_text(&config).unwrap();
        let (mut poll, net) = Poll::new(Token::Resolver.into()).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut gateway = Gateway::new(config, net, Clock, &any.into(), 100, 1).unwrap();
        let address = gateway.address().unwrap().tcp().unwrap();
        // The two buffers of the access log's lines, as large as a long run has made them.
        let mut lines = Vec::with_capacity(1 << 16);
        gateway.take_journal(&mut lines);
        lines.reserve(1 << 16);
        let traffic = &traffic;
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(move || ask(address, traffic));
            }
            turn_until(&mut gateway, &mut poll, &mut lines, CLIENTS * WARM);
            // What is done by the clock and not for a request, such as asking for names again, can
            // fall into one of the windows, and not into all.
            let windows = [0; WINDOWS].map(|_| {
                let end = gateway.counters().relayed + COUNTED;
                let turns = || turn_until(&mut gateway, &mut poll, &mut lines, end);
                allocation_counter::measure(turns).count_total
            });
            assert!(windows.contains(&0), "{}: {windows:?} allocations", traffic.name);
            turn_until(&mut gateway, &mut poll, &mut lines, CLIENTS * EACH);
        });
    }
}
