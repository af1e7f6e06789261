//! What do the pure parts cost, apart from all sockets?
//!
//! ```text
//! cargo bench --bench micro
//! ```
//!
//! Each row is one of the steps that every request or frame takes. The rows say where time can be
//! won; what a proxy gains by it as a whole, only `compare` tells.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use tidegate::balance::pool::{Pool, PoolLimits};
use tidegate::http::chunked::Chunked;
use tidegate::http::date::imf_fixdate;
use tidegate::http::forward::{self, Delivery, Hop, Onward};
use tidegate::http::framing::Framing;
use tidegate::http::head::{Asked, HeadLimits, Lines, RequestHead, ResponseHead};
use tidegate::id::{ClientId, WorkerId};
use tidegate::peer::Peer;
use tidegate::timer::Wheel;
use tidegate::websocket::boundary::{Sender, Tracker};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 16 * 1024, max_fields: 100 };

const SMALL: &[u8] = b"GET /small HTTP/1.1\r\nHost: example.test\r\n\r\n";

const BROWSER: &[u8] = b"GET /articles/2024/a-page?from=start HTTP/1.1\r\n\
    Host: www.example.test\r\nConnection: keep-alive\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.test/\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\
    Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 128\r\nCache-Control: no-store\r\n\
    Server: origin\r\n\r\n";

fn main() {
    divan::main();
}

/// The head that a row's name stands for.
fn head(name: &str) -> &'static [u8] {
    if name == "small" { SMALL } else { BROWSER }
}

fn hop() -> Hop<'static> {
    Hop {
        peer: Peer::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        trusted: false,
        authority: "example.test",
        request_id: b"",
    }
}

#[divan::bench(args = ["small", "browser"])]
fn parse_a_request_head(bencher: Bencher<'_, '_>, name: &str) {
    let head = head(name);
    bencher.counter(BytesCount::of_slice(head)).bench_local(|| {
        let mut lines = Lines::new();
        RequestHead::parse(black_box(head), &mut lines, LIMITS).is_ok()
    });
}

#[divan::bench(args = ["small", "browser"])]
fn parse_and_rewrite_a_request_head(bencher: Bencher<'_, '_>, name: &str) {
    let head = head(name);
    let (hop, mut out) = (hop(), Vec::with_capacity(4096));
    bencher.counter(BytesCount::of_slice(head)).bench_local(|| {
        let mut lines = Lines::new();
        out.clear();
        if let Ok(Some(head)) = RequestHead::parse(black_box(head), &mut lines, LIMITS) {
            forward::request(&head, &hop, &mut out);
        }
        out.len()
    });
}

#[divan::bench]
fn parse_and_rewrite_a_response_head(bencher: Bencher<'_, '_>) {
    let (date, mut out) = (imf_fixdate(784_111_777), Vec::with_capacity(4096));
    let asked = Asked { head: false, websocket: false, version: tidegate::http::Version::Http11 };
    let onward = Onward { asked, persistent: true, delivery: Delivery::AsReceived, date: &date };
    bencher.counter(BytesCount::of_slice(RESPONSE)).bench_local(|| {
        let mut lines = Lines::new();
        out.clear();
        if let Ok(Some(head)) = ResponseHead::parse(black_box(RESPONSE), &mut lines, asked, LIMITS)
        {
            forward::response(&head, &onward, &mut out);
        }
        out.len()
    });
}

#[divan::bench(args = [16, 1024, 16 * 1024])]
fn follow_64_kib_in_chunks_of(bencher: Bencher<'_, '_>, size: usize) {
    let mut body = Vec::new();
    while body.len() < 64 * 1024 {
        body.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        body.resize(body.len() + size, b'x');
        body.extend_from_slice(b"\r\n");
    }
    bencher.counter(BytesCount::of_slice(&body)).bench_local(|| {
        let mut framing = Framing::Chunked(Chunked::new());
        framing.step(black_box(&body)).is_ok()
    });
}

#[divan::bench(args = [64, 1024, 16 * 1024])]
fn follow_64_kib_in_frames_of(bencher: Bencher<'_, '_>, size: u16) {
    let mut stream = Vec::new();
    while stream.len() < 64 * 1024 {
        stream.push(0x82);
        if size < 126 {
            stream.push(0x80 | size as u8);
        } else {
            stream.push(0x80 | 126);
            stream.extend_from_slice(&size.to_be_bytes());
        }
        stream.resize(stream.len() + 4 + usize::from(size), 7);
    }
    bencher.counter(BytesCount::of_slice(&stream)).bench_local(|| {
        let mut tracker = Tracker::new(Sender::Client);
        tracker.follow(black_box(&stream));
        tracker.messages()
    });
}

#[divan::bench(args = [10, 10_000])]
fn set_and_cancel_a_timer_among(bencher: Bencher<'_, '_>, others: u64) {
    let start = Instant::now();
    let mut wheel = Wheel::new(start, Duration::from_millis(100));
    for other in 0..others {
        wheel.insert(start + Duration::from_millis(37 * other), other);
    }
    bencher.bench_local(|| {
        let id = wheel.insert(start + Duration::from_secs(75), 1);
        wheel.cancel(black_box(id))
    });
}

#[divan::bench]
fn lend_and_park_a_worker(bencher: Bencher<'_, '_>) {
    let now = Instant::now();
    let mut pool = Pool::new(PoolLimits {
        min: 1,
        max: 8,
        line: 10,
        worker_timeout: Duration::from_secs(3),
        spawn_timeout: Duration::ZERO,
    });
    // One worker is on its way, and serves the client it was opened for.
    let (client, worker) = (ClientId::from(0), WorkerId::from(0));
    let _ = pool.checkout(client, Duration::ZERO, now);
    let _ = pool.connected(worker, now);
    bencher.bench_local(|| {
        let parked = pool.release(worker, None, now);
        (parked, pool.checkout(black_box(client), Duration::ZERO, now))
    });
}
