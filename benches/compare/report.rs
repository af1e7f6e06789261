//! The figures as Markdown.

use std::collections::BTreeMap;

use crate::footprint;
use crate::peer::{BASELINE, Peer};
use crate::round::Row;
use crate::work::Work;

/// How many system calls are named, most frequent first.
const NAMED_CALLS: usize = 6;

/// One kind of work and its rows.
pub(crate) type Section = (&'static Work, Vec<Row>);

/// The table of one kind of work.
pub(crate) fn work(title: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "### {title}\n\n\
         | peer | requests/s | ratio | CPU us/request | ratio | core busy | syscalls/request \
         | p50 us | p99 us | p99.9 us | errors |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n"
    );
    for row in rows {
        let cells = [
            row.peer.to_owned(),
            number(row.rate, 0),
            number(row.rate_ratio, 2),
            number(row.cost, 2),
            number(row.cost_ratio, 2),
            number(row.busy * 100.0, 0) + "%",
            calls(&row.calls),
            number(row.latency[0], 0),
            number(row.latency[1], 0),
            number(row.latency[2], 0),
            errors(&row.errors),
        ];
        text.push_str(&line(&cells));
    }
    text
}

/// What was measured, in one table: CPU per request relative to the baseline, requests per second
/// relative to it in parentheses.
pub(crate) fn summary(sections: &[Section], peers: &[Peer]) -> String {
    let mut head = vec![format!("CPU per request (requests/s), {BASELINE} = 1.00")];
    head.extend(peers.iter().map(|peer| peer.name.to_owned()));
    let mut text = format!("### Summary\n\n{}|---|{}\n", line(&head), "--:|".repeat(peers.len()));
    for (work, rows) in sections {
        let mut cells = vec![work.title.to_owned()];
        for row in rows {
            let mark = if row.errors.is_empty() { "" } else { " !" };
            cells.push(format!(
                "{} ({}){mark}",
                number(row.cost_ratio, 2),
                number(row.rate_ratio, 2)
            ));
        }
        text.push_str(&line(&cells));
    }
    text.push_str("\n`!`: with errors, see the table of that work.\n\nPeak resident memory: ");
    let peaks = peers.iter().map(|peer| {
        format!("{} {} MB", peer.name, number(peer.family.memory().peak as f64 / 1e6, 1))
    });
    text.push_str(&peaks.collect::<Vec<_>>().join(", "));
    text + ".\n"
}

/// How long requests took at a fixed rate, in one table; empty if that was not measured.
pub(crate) fn latency(sections: &[Section], peers: &[Peer]) -> String {
    let mut head = vec!["p50 / p99 / p99.9, us".to_owned()];
    head.extend(peers.iter().map(|peer| peer.name.to_owned()));
    let mut lines = String::new();
    for (work, rows) in sections.iter().filter(|(work, _)| work.is_of_latency()) {
        let mut cells = vec![work.title.to_owned()];
        cells.extend(rows.iter().map(|row| row.latency.map(|us| number(us, 0)).join(" / ")));
        lines.push_str(&line(&cells));
    }
    if lines.is_empty() {
        return lines;
    }
    format!("### Latency\n\n{}|---|{}\n{lines}", line(&head), "--:|".repeat(peers.len()))
}

/// The table of memory and start-up.
pub(crate) fn footprint(rows: &[footprint::Row]) -> String {
    let mut text = "### Memory and start-up\n\n\
        | peer | start to first response, ms | program and libraries, MB | resident idle, MB \
        | private, MB | B per idle client | B per idle tunnel | remarks |\n\
        |---|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for row in rows {
        text.push_str(&line(&[
            row.peer.to_owned(),
            number(row.start, 1),
            number(row.program / 1e6, 1),
            number(row.resident / 1e6, 1),
            number(row.private / 1e6, 1),
            number(row.client, 0),
            number(row.tunnel, 0),
            row.remarks.join("; "),
        ]));
    }
    text
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn number(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "-".to_owned() }
}

/// `4.17: recvfrom 2.0, sendto 2.0, ..`
fn calls(calls: &BTreeMap<String, f64>) -> String {
    if calls.is_empty() {
        return "-".to_owned();
    }
    let mut frequent: Vec<_> = calls.iter().filter(|(_, count)| **count >= 0.005).collect();
    frequent.sort_by(|one, other| other.1.total_cmp(one.1));
    frequent.truncate(NAMED_CALLS);
    let named: Vec<_> = frequent.iter().map(|(name, count)| format!("{name} {count:.2}")).collect();
    format!("{:.2}: {}", calls.values().sum::<f64>(), named.join(", "))
}

fn errors(errors: &BTreeMap<String, u64>) -> String {
    let named: Vec<_> = errors.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}
