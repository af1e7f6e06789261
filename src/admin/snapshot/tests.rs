//! One snapshot that all renderers are tried on.

use super::*;
use crate::admin::events::Kind;
use crate::admin::histogram::TURN;

/// Two sections with a server each; the second has an address that is hard to quote.
pub(in crate::admin) fn example() -> Snapshot {
    let millis = Duration::from_millis;
    let mut first = Tally::new();
    for (status, total) in [(200, 2), (404, 7), (503, 90_000)] {
        first.responded(status, millis(total));
        first.wait.observe(millis(total / 2));
    }
    let mut second = Tally::new();
    second.tunnels.opened = 2;
    let mut ended = TunnelSums {
        closed: 1,
        bytes_from_client: 100,
        bytes_from_server: 200,
        messages_from_client: 3,
        by_server: 1,
        ..TunnelSums::new()
    };
    ended.codes.count(1001);
    second.tunnel_closed(&ended, millis(1500));
    let workers = Workers { idle: 1, busy: 2, connecting: 0, floor: 1, ceiling: 10 };
    // The one that still stands has carried something, too.
    let carried = TunnelSums { bytes_from_client: 150, ..ended };
    let server = |number, address: &str, standing, because: &str, tally| Server {
        number,
        address: address.to_owned(),
        standing,
        because: because.to_owned(),
        weight: 4,
        effective_weight: 1.5,
        backup: number == 9,
        workers,
        waiting: 4,
        line: 20,
        tally,
        carried,
    };
    let one = server(1, "10.0.0.1:80", Standing::Up, "", first);
    let odd = "a\"<b>\\\n&:1";
    let nine = server(9, odd, Standing::Down, "it did not answer in time", second);
    let sample = Sample { rate: 12.5, p50: Some(0.002), p99: None, tunnels: 1 };
    let section = |name, pooled, server| Section {
        name,
        pooled,
        servers: vec![server],
        trend: vec![sample, Sample { rate: 0.0, p50: None, ..sample }],
    };
    let down = Event {
        at: 1_700_000_000,
        kind: Kind::Down,
        subject: format!("[websocket] server9 ({odd})"),
        detail: "<script>alert(1)</script>".to_owned(),
        count: 3,
    };
    Snapshot {
        version: "1.2.3",
        unix_seconds: 1_700_000_007,
        uptime: Duration::from_secs(93_784),
        ready: true,
        totals: vec![Total { name: "requests", help: "Request heads taken.", value: 12 }],
        answers: vec![Answered { reason: "queue_full", status: 429, count: 7 }],
        sections: vec![section("http", true, one), section("websocket", false, nine)],
        turns: Turns {
            time: Histogram::new(&TURN),
            clients: 5,
            clients_max: 100,
            operators: 1,
            workers: 3,
            tunnels: 1,
            probes: 0,
            timers: 9,
            agenda: 0,
            backlog: Some(2),
            memory: Some(5 << 20),
            lines_lost: 0,
        },
        events: vec![down],
    }
}
