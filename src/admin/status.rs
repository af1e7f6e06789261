//! What does a program read? The snapshot as JSON.
//!
//! ```text
//! version        1: of this form. A field may be added without a new number, none changes or goes.
//! tidegate       the program's version
//! time, uptime   seconds since 1970; seconds since the start
//! ready          whether new work is welcome
//! totals         { name: count }, the same names as in the metrics
//! answers        [ { reason, status, count } ], answers of the gateway's own
//! sections       [ { name, servers, trend } ]
//!   servers      [ { number, address, standing, available, because, weight, effective_weight,
//!                    backup, workers, line, responses, latency, connect_failures, retries,
//!                    tunnels } ]
//!     standing   up, unjudged, down, sits_out, drained or removed; because: a sentence, or ""
//!     effective_weight: less than weight while it warms up; backup: a spare, which gets work only
//!                while no server that is none is available
//!     workers    { idle, busy, connecting, floor, ceiling }, null in [websocket]
//!     line       { waiting, places }, null in [websocket]
//!     responses  { 1xx .. 5xx }
//!     latency    { connect, wait, first_byte, total }, each { count, p50, p99 } in seconds
//!     tunnels    { open, opened, bytes_from_clients, bytes_from_server, messages_from_clients,
//!                  messages_from_server, control_frames, ended: { by_client, by_server,
//!                  by_gateway }, codes: [ { code, count } ] }; the code null is all others
//!   trend        [ { rate, p50, p99, tunnels } ], one a second, oldest first, at most 120
//! loop           { turn: { count, p50, p99 }, clients, clients_max, operators, workers, tunnels,
//!                  probes, timers, agenda, backlog, memory, lines_lost }; backlog: clients that
//!                  wait in the kernel to be accepted, null where the system does not tell
//! events         [ { at, kind, subject, detail, count } ], latest first, at most 40
//! ```

use super::histogram::Histogram;
use super::snapshot::{Section, Server, Snapshot};
use serde_json::{Map, Value, json};

/// The version of the form above.
pub const VERSION: u32 = 1;

/// The snapshot, on one line.
pub fn render(snapshot: &Snapshot) -> String {
    let totals: Map<String, Value> =
        snapshot.totals.iter().map(|total| (total.name.to_owned(), total.value.into())).collect();
    let answers = snapshot.answers.iter().map(
        |answer| json!({ "reason": answer.reason, "status": answer.status, "count": answer.count }),
    );
    let events = snapshot.events.iter().map(|event| {
        json!({
            "at": event.at, "kind": event.kind.as_str(), "subject": event.subject,
            "detail": event.detail, "count": event.count,
        })
    });
    let turns = &snapshot.turns;
    json!({
        "version": VERSION,
        "tidegate": snapshot.version,
        "time": snapshot.unix_seconds,
        "uptime": snapshot.uptime.as_secs(),
        "ready": snapshot.ready,
        "totals": totals,
        "answers": answers.collect::<Vec<_>>(),
        "sections": snapshot.sections.iter().map(section).collect::<Vec<_>>(),
        "loop": {
            "turn": quantiles(&turns.time), "clients": turns.clients,
            "clients_max": turns.clients_max, "operators": turns.operators,
            "workers": turns.workers, "tunnels": turns.tunnels, "probes": turns.probes,
            "timers": turns.timers, "agenda": turns.agenda, "backlog": turns.backlog,
            "memory": turns.memory, "lines_lost": turns.lines_lost,
        },
        "events": events.collect::<Vec<_>>(),
    })
    .to_string()
}

fn section(section: &Section) -> Value {
    let trend = section.trend.iter().map(|sample| {
        json!({
            "rate": sample.rate, "p50": sample.p50, "p99": sample.p99, "tunnels": sample.tunnels,
        })
    });
    let servers = section.servers.iter().map(|one| server(one, section.pooled));
    json!({
        "name": section.name,
        "servers": servers.collect::<Vec<_>>(),
        "trend": trend.collect::<Vec<_>>(),
    })
}

fn server(server: &Server, pooled: bool) -> Value {
    let (workers, tally) = (&server.workers, &server.tally);
    let pool = json!({
        "idle": workers.idle, "busy": workers.busy, "connecting": workers.connecting,
        "floor": workers.floor, "ceiling": workers.ceiling,
    });
    let line = json!({ "waiting": server.waiting, "places": server.line });
    let [informed, well, moved, refused, failed] = tally.responses;
    json!({
        "number": server.number,
        "address": server.address,
        "standing": server.standing.as_str(),
        "available": server.standing.is_available(),
        "because": server.because,
        "weight": server.weight,
        "effective_weight": server.effective_weight,
        "backup": server.backup,
        "workers": if pooled { pool } else { Value::Null },
        "line": if pooled { line } else { Value::Null },
        "responses": {
            "1xx": informed, "2xx": well, "3xx": moved, "4xx": refused, "5xx": failed,
        },
        "latency": {
            "connect": quantiles(&tally.connect), "wait": quantiles(&tally.wait),
            "first_byte": quantiles(&tally.first_byte), "total": quantiles(&tally.total),
        },
        "connect_failures": tally.connect_failures,
        "retries": tally.retries,
        "tunnels": tunnels(server),
    })
}

fn tunnels(server: &Server) -> Value {
    let (tunnels, carried) = (&server.tally.tunnels, &server.carried);
    let sums = &tunnels.sums;
    let codes = sums.codes.iter().filter(|(_, count)| *count > 0);
    let codes = codes.map(|(code, count)| json!({ "code": code, "count": count }));
    json!({
        "open": tunnels.open(), "opened": tunnels.opened,
        "bytes_from_clients": carried.bytes_from_client,
        "bytes_from_server": carried.bytes_from_server,
        "messages_from_clients": carried.messages_from_client,
        "messages_from_server": carried.messages_from_server,
        "control_frames": carried.control_frames,
        "ended": {
            "by_client": sums.by_client, "by_server": sums.by_server,
            "by_gateway": sums.by_gateway,
        },
        "codes": codes.collect::<Vec<_>>(),
    })
}

fn quantiles(histogram: &Histogram) -> Value {
    let (p50, p99) = (histogram.quantile(0.5), histogram.quantile(0.99));
    json!({ "count": histogram.count(), "p50": p50, "p99": p99 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::snapshot::tests::example;

    #[test]
    fn the_json_is_one_line_and_holds_the_snapshot() {
        let text = render(&example());
        assert!(!text.contains('\n'));
        let value: Value = serde_json::from_str(&text).unwrap();
        let at = |path: &str| value.pointer(path).cloned().unwrap_or_else(|| panic!("no {path}"));
        assert_eq!(at("/version"), 1);
        assert_eq!(at("/totals/requests"), 12);
        assert_eq!(at("/answers/0/reason"), "queue_full");
        assert_eq!(at("/sections/0/servers/0/workers/busy"), 2);
        assert_eq!(at("/sections/0/servers/0/responses/4xx"), 1);
        assert_eq!(at("/sections/1/servers/0/workers"), Value::Null);
        assert_eq!(at("/sections/1/servers/0/tunnels/open"), 1);
        assert_eq!(at("/sections/1/servers/0/tunnels/bytes_from_clients"), 150);
        assert_eq!(at("/sections/1/servers/0/tunnels/ended/by_server"), 1);
        assert_eq!(at("/sections/1/servers/0/tunnels/codes/0/code"), 1001);
        assert_eq!(at("/loop/backlog"), 2);
        assert_eq!(at("/sections/1/servers/0/standing"), "down");
        assert_eq!(at("/sections/0/servers/0/weight"), 4);
        assert_eq!(at("/sections/0/servers/0/effective_weight"), 1.5);
        assert_eq!(at("/sections/1/servers/0/backup"), true);
        assert_eq!(at("/loop/memory"), 5 << 20);
        assert_eq!(at("/events/0/count"), 3);
    }

    #[test]
    fn every_field_is_in_the_documentation_above() {
        fn names(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                    found.push(name.clone());
                    names(value, found);
                }),
                Value::Array(values) => values.iter().for_each(|value| names(value, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let source = include_str!("status.rs");
        let told = source.split("\nuse ").next().unwrap();
        let mut found = Vec::new();
        names(&serde_json::from_str(&render(&example())).unwrap(), &mut found);
        let classes = ["2xx", "3xx", "4xx", "requests"];
        for name in found.iter().filter(|name| !classes.contains(&name.as_str())) {
            assert!(told.contains(name.as_str()), "{name} is not documented");
        }
    }
}
