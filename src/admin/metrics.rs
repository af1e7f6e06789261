//! What does Prometheus read? The snapshot in its text format, version 0.0.4.
//!
//! Every family has HELP and TYPE, and its samples stand together. Numbers about a server carry the
//! labels `section` (`http`, `websocket`) and `server` (the N of its keys) and `address`.
//! Durations are in seconds. Tunnels have families of their own, `tidegate_tunnel_*`: how long one
//! lives is no latency.

use super::histogram::Histogram;
use super::snapshot::{Section, Server, Snapshot, Standing};
use super::tunnels::TunnelSums;
use std::fmt::{Display, Write};

/// What a scrape is told its content is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole text.
pub fn render(snapshot: &Snapshot) -> String {
    let mut text = Text(String::with_capacity(16 * 1024));
    process(&mut text, snapshot);
    for total in &snapshot.totals {
        let name = format!("tidegate_{}_total", total.name);
        text.family(&name, "counter", total.help);
        text.sample(&name, &[], total.value);
    }
    let name = "tidegate_answers_total";
    text.family(name, "counter", "Answers of the gateway's own, by reason word.");
    for answer in &snapshot.answers {
        let status = answer.status.to_string();
        text.sample(name, &[("reason", answer.reason), ("status", &status)], answer.count);
    }
    servers(&mut text, &snapshot.sections);
    pools(&mut text, &snapshot.sections);
    latencies(&mut text, &snapshot.sections);
    tunnels(&mut text, &snapshot.sections);
    the_loop(&mut text, snapshot);
    text.0
}

fn process(text: &mut Text, snapshot: &Snapshot) {
    text.family("tidegate_build_info", "gauge", "The version; always 1.");
    text.sample("tidegate_build_info", &[("version", snapshot.version)], 1);
    text.family("tidegate_uptime_seconds", "gauge", "Since the start.");
    text.sample("tidegate_uptime_seconds", &[], snapshot.uptime.as_secs_f64());
    text.family("tidegate_ready", "gauge", "1 while new work is welcome.");
    text.sample("tidegate_ready", &[], u8::from(snapshot.ready));
    if let Some(memory) = snapshot.turns.memory {
        let name = "tidegate_memory_resident_bytes";
        text.family(name, "gauge", "Memory of the process that is in RAM.");
        text.sample(name, &[], memory);
    }
}

fn servers(text: &mut Text, sections: &[Section]) {
    let name = "tidegate_server_available";
    text.family(name, "gauge", "1 while the server gets new work.");
    each(sections, |labels, server| {
        text.sample(name, &labels, u8::from(server.standing.is_available()));
    });
    let name = "tidegate_server_standing";
    text.family(name, "gauge", "1 for the state that the server is in, 0 for the others.");
    each(sections, |[section, number, address], server| {
        for standing in Standing::ALL {
            let labels = [section, number, address, ("standing", standing.as_str())];
            text.sample(name, &labels, u8::from(standing == server.standing));
        }
    });
    let name = "tidegate_server_weight";
    text.family(name, "gauge", "How much of the work the server gets beside the others by now.");
    each(sections, |labels, server| text.sample(name, &labels, server.effective_weight));
    let name = "tidegate_server_responses_total";
    text.family(name, "counter", "Final responses relayed whole, by status class.");
    each(sections, |[section, number, address], server| {
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        for (class, count) in classes.into_iter().zip(server.tally.responses) {
            text.sample(name, &[section, number, address, ("class", class)], count);
        }
    });
    let name = "tidegate_server_connect_failures_total";
    text.family(name, "counter", "Connections to the server that did not come to stand.");
    each(sections, |labels, server| text.sample(name, &labels, server.tally.connect_failures));
    let name = "tidegate_server_retries_total";
    text.family(name, "counter", "Requests sent a second time on a fresh connection.");
    each(sections, |labels, server| text.sample(name, &labels, server.tally.retries));
}

fn pools(text: &mut Text, sections: &[Section]) {
    let pooled = || sections.iter().filter(|section| section.pooled);
    let name = "tidegate_workers";
    text.family(name, "gauge", "Connections to the server, by what they do.");
    each(pooled(), |[section, number, address], server| {
        let workers = &server.workers;
        let states =
            [("idle", workers.idle), ("busy", workers.busy), ("connecting", workers.connecting)];
        for (state, count) in states {
            text.sample(name, &[section, number, address, ("state", state)], count);
        }
    });
    let mut gauge = |name: &str, help: &str, value: fn(&Server) -> usize| {
        text.family(name, "gauge", help);
        each(pooled(), |labels, server| text.sample(name, &labels, value(server)));
    };
    gauge("tidegate_workers_floor", "Workers kept open.", |s| s.workers.floor);
    gauge("tidegate_workers_ceiling", "Workers at most.", |s| s.workers.ceiling);
    gauge("tidegate_line_length", "Requests that wait for a worker.", |s| s.waiting);
    gauge("tidegate_line_places", "Requests that may wait for a worker.", |s| s.line);
}

fn latencies(text: &mut Text, sections: &[Section]) {
    let mut family = |name: &str, help: &str, of: fn(&Server) -> &Histogram| {
        text.family(name, "histogram", help);
        each(sections, |labels, server| text.histogram(name, &labels, of(server)));
    };
    let help = "From the beginning of a connection to its standing.";
    family("tidegate_connect_seconds", help, |s| &s.tally.connect);
    let help = "From a request's head to the worker that got it.";
    family("tidegate_wait_seconds", help, |s| &s.tally.wait);
    let help = "From the worker to the first byte of the final response.";
    family("tidegate_first_byte_seconds", help, |s| &s.tally.first_byte);
    let help = "From a request's head to the last byte of its response (of a tunnel: to the 101).";
    family("tidegate_exchange_seconds", help, |s| &s.tally.total);
}

fn tunnels(text: &mut Text, sections: &[Section]) {
    let tunnelled = || sections.iter().filter(|section| !section.pooled);
    let name = "tidegate_tunnels_open";
    text.family(name, "gauge", "Tunnels that stand.");
    each(tunnelled(), |labels, server| text.sample(name, &labels, server.tally.tunnels.open()));
    let name = "tidegate_tunnels_opened_total";
    text.family(name, "counter", "Tunnels that came to stand.");
    each(tunnelled(), |labels, server| text.sample(name, &labels, server.tally.tunnels.opened));
    let mut two_ways = |name: &str, help: &str, of: fn(&TunnelSums) -> [u64; 2]| {
        text.family(name, "counter", help);
        each(tunnelled(), |[section, number, address], server| {
            for (from, count) in ["client", "server"].into_iter().zip(of(&server.carried)) {
                text.sample(name, &[section, number, address, ("from", from)], count);
            }
        });
    };
    let help = "Bytes that crossed tunnels, by their sender.";
    two_ways("tidegate_tunnel_bytes_total", help, |s| [s.bytes_from_client, s.bytes_from_server]);
    let help = "Whole messages that crossed tunnels, by their sender.";
    two_ways("tidegate_tunnel_messages_total", help, |s| {
        [s.messages_from_client, s.messages_from_server]
    });
    let name = "tidegate_tunnel_control_frames_total";
    text.family(name, "counter", "Closes, Pings and Pongs that crossed tunnels.");
    each(tunnelled(), |labels, server| text.sample(name, &labels, server.carried.control_frames));
    ends_of_tunnels(text, sections);
}

fn ends_of_tunnels(text: &mut Text, sections: &[Section]) {
    let tunnelled = || sections.iter().filter(|section| !section.pooled);
    let name = "tidegate_tunnels_ended_total";
    text.family(name, "counter", "Tunnels that have ended, by who announced it.");
    each(tunnelled(), |[section, number, address], server| {
        let sums = &server.tally.tunnels.sums;
        let all =
            [("client", sums.by_client), ("server", sums.by_server), ("gateway", sums.by_gateway)];
        for (by, count) in all {
            text.sample(name, &[section, number, address, ("by", by)], count);
        }
    });
    let name = "tidegate_tunnel_closes_total";
    let help = "Tunnels that have ended, by the code of the first Close (1005: a Close without \
                one, 1006: no Close).";
    text.family(name, "counter", help);
    each(tunnelled(), |[section, number, address], server| {
        for (code, count) in server.tally.tunnels.sums.codes.iter() {
            let code = code.map_or_else(|| "other".to_owned(), |code| code.to_string());
            text.sample(name, &[section, number, address, ("code", &code)], count);
        }
    });
    let name = "tidegate_tunnels_untracked_total";
    text.family(name, "counter", "Tunnels in which an illegal frame was met.");
    each(tunnelled(), |labels, server| {
        text.sample(name, &labels, server.tally.tunnels.sums.untracked);
    });
    let name = "tidegate_tunnel_lifetime_seconds";
    text.family(name, "histogram", "From the 101 to the end of a tunnel.");
    each(tunnelled(), |labels, server| {
        text.histogram(name, &labels, &server.tally.tunnels.lifetime);
    });
}

fn the_loop(text: &mut Text, snapshot: &Snapshot) {
    let turns = &snapshot.turns;
    text.family("tidegate_turn_seconds", "histogram", "How long a turn of the loop took.");
    text.histogram("tidegate_turn_seconds", &[], &turns.time);
    let name = "tidegate_slab_entries";
    text.family(name, "gauge", "Entries of the loop's tables.");
    let tables = [
        ("clients", turns.clients),
        ("operators", turns.operators),
        ("workers", turns.workers),
        ("tunnels", turns.tunnels),
        ("probes", turns.probes),
    ];
    for (table, entries) in tables {
        text.sample(name, &[("table", table)], entries);
    }
    text.family("tidegate_clients_max", "gauge", "Clients at most (max_connections).");
    text.sample("tidegate_clients_max", &[], turns.clients_max);
    if let Some(backlog) = turns.backlog {
        let name = "tidegate_accept_backlog";
        text.family(name, "gauge", "Clients that wait in the kernel to be accepted.");
        text.sample(name, &[], backlog);
    }
    text.family("tidegate_timers", "gauge", "Alarms set.");
    text.sample("tidegate_timers", &[], turns.timers);
    text.family("tidegate_agenda_length", "gauge", "Connections with work left over for a turn.");
    text.sample("tidegate_agenda_length", &[], turns.agenda);
    let name = "tidegate_access_log_lines_lost_total";
    text.family(name, "counter", "Lines dropped because the log's reader was slow.");
    text.sample(name, &[], turns.lines_lost);
}

type Label<'a> = (&'static str, &'a str);

/// Calls for every server, with the labels that name it.
fn each<'a>(
    sections: impl IntoIterator<Item = &'a Section>,
    mut tell: impl FnMut([Label<'_>; 3], &Server),
) {
    for section in sections {
        for server in &section.servers {
            let number = server.number.to_string();
            let address = ("address", server.address.as_str());
            tell([("section", section.name), ("server", &number), address], server);
        }
    }
}

/// Text that grows line by line. Writing to a string cannot fail.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], value: impl Display) {
        self.labelled(name, labels.iter().copied());
        let _ = writeln!(self.0, " {value}");
    }

    fn labelled<'a>(&mut self, name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) {
        self.0.push_str(name);
        let mut before = '{';
        for (label, value) in labels {
            let _ = write!(self.0, "{before}{label}=\"");
            for c in value.chars() {
                match c {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    c => self.0.push(c),
                }
            }
            self.0.push('"');
            before = ',';
        }
        if before == ',' {
            self.0.push('}');
        }
    }

    fn histogram(&mut self, name: &str, labels: &[Label<'_>], histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        let mut one = |bound: &str, count: u64| {
            self.labelled(&bucket, labels.iter().copied().chain([("le", bound)]));
            let _ = writeln!(self.0, " {count}");
        };
        for (bound, count) in histogram.cumulative() {
            one(&bound.to_string(), count);
        }
        one("+Inf", histogram.count());
        self.sample(&format!("{name}_sum"), labels, histogram.sum_seconds());
        self.sample(&format!("{name}_count"), labels, histogram.count());
    }
}

#[cfg(test)]
mod tests;
