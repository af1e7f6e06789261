//! How is one server, and why? Its card on the page: bars, numbers, a button.

use super::words::{Bytes, Count, Percent, Plain, Seconds};
use crate::admin::histogram::Histogram;
use crate::admin::snapshot::{Section, Server, Standing};
use std::fmt::{self, Display, Write};

/// Draws the card of a server of that section.
pub(super) fn draw(out: &mut String, section: &Section, server: &Server) -> fmt::Result {
    let class = match server.standing {
        Standing::Up => "up",
        Standing::Unjudged | Standing::SitsOut => "wait",
        Standing::Down => "down",
        Standing::Drained | Standing::Removed => "out",
    };
    let standing = server.standing.as_str().replace('_', " ");
    write!(
        out,
        "<article class='card server {class}'><div class='title'><b>server{}</b>\
         <span class='dim name' title='{address}'>{address}</span>\
         <span class='push pill {class}'>{standing}</span>",
        server.number,
        address = Plain(&server.address)
    )?;
    button(out, section, server)?;
    out.push_str("</div>");
    if !server.because.is_empty() {
        write!(out, "<p class='because'>{}</p>", Plain(&server.because))?;
    }
    if section.pooled {
        pool(out, server)?;
        responses(out, server, "responses")?;
    } else {
        responses(out, server, "handshakes")?;
        ends(out, server)?;
    }
    facts(out, section, server)?;
    out.push_str("</article>");
    Ok(())
}

/// Takes the server out, or puts it back.
fn button(out: &mut String, section: &Section, server: &Server) -> fmt::Result {
    let (order, label) = match server.standing {
        Standing::Drained => ("restore", "Restore"),
        Standing::Removed => return Ok(()),
        Standing::Up | Standing::Unjudged | Standing::Down | Standing::SitsOut => {
            ("drain", "Drain")
        }
    };
    write!(
        out,
        "<form method='post' action='servers/{}/{}/{order}'><button \
         aria-label='{label} {} server{}'>{label}</button></form>",
        section.name, server.number, section.name, server.number
    )
}

/// The numbers below the bars.
fn facts(out: &mut String, section: &Section, server: &Server) -> fmt::Result {
    let (tally, carried) = (&server.tally, &server.carried);
    out.push_str("<dl>");
    let p99 = |histogram: &Histogram| Seconds(histogram.quantile(0.99));
    let mut fact =
        |name: &str, value: &dyn Display| write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    if section.pooled {
        fact("p50", &Seconds(tally.total.quantile(0.5)))?;
        fact("p99", &p99(&tally.total))?;
        fact("wait p99", &p99(&tally.wait))?;
        fact("connect p99", &p99(&tally.connect))?;
    } else {
        fact("open", &tally.tunnels.open())?;
        fact("messages", &Count(carried.messages_from_client + carried.messages_from_server))?;
        fact("traffic", &Bytes(carried.bytes_from_client + carried.bytes_from_server))?;
        fact("life p50", &Seconds(tally.tunnels.lifetime.quantile(0.5)))?;
    }
    // What all servers have unless told otherwise says nothing.
    let weight = Weight(server);
    if server.backup {
        fact("weight, spare", &weight)?;
    } else if server.weight > 1 || weight.is_warming() {
        fact("weight", &weight)?;
    }
    out.push_str("</dl>");
    Ok(())
}

/// A weight, and how much of it there is while the server warms up.
struct Weight<'a>(&'a Server);

impl Weight<'_> {
    fn is_warming(&self) -> bool {
        self.0.effective_weight < f64::from(self.0.weight)
    }
}

impl Display for Weight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, now) = (self.0.weight, self.0.effective_weight);
        if self.is_warming() { write!(f, "{now:.2} of {whole}") } else { write!(f, "{whole}") }
    }
}

/// Workers by what they do against their ceiling, with a mark at the floor; the line against its
/// places.
fn pool(out: &mut String, server: &Server) -> fmt::Result {
    let workers = &server.workers;
    let share = |count: usize, of: usize| Percent(count as f64, of as f64);
    write!(
        out,
        "<div class='bar'><span>workers</span>\
         <span title='busy, idle, floor to ceiling'>{} busy, {} idle of {}&ndash;{}</span>\
         <span class='rail'>",
        workers.busy, workers.idle, workers.floor, workers.ceiling
    )?;
    let parts =
        [("busy", workers.busy), ("idle", workers.idle), ("connecting", workers.connecting)];
    for (class, count) in parts {
        write!(out, "<i class='{class}' style='--w:{}'></i>", share(count, workers.ceiling))?;
    }
    if workers.floor > 0 && workers.floor < workers.ceiling {
        write!(out, "<u style='--w:{}'></u>", share(workers.floor, workers.ceiling))?;
    }
    out.push_str("</span></div>");
    let full = if server.line > 0 && server.waiting >= server.line { "full" } else { "" };
    write!(
        out,
        "<div class='bar'><span>line</span><span>{} of {}</span>\
         <span class='rail'><i class='{full}' style='--w:{}'></i></span></div>",
        server.waiting,
        server.line,
        share(server.waiting, server.line)
    )
}

/// Final responses by class.
fn responses(out: &mut String, server: &Server, label: &str) -> fmt::Result {
    let classes = server.tally.responses;
    let named = [("c1", ""), ("c2", ""), ("c3", ""), ("c4", "4xx"), ("c5", "5xx")];
    let parts: Vec<_> =
        named.into_iter().zip(classes).map(|((c, n), count)| (c, n, count)).collect();
    shares(out, label, &parts)
}

/// Tunnels that have ended, by who announced it.
fn ends(out: &mut String, server: &Server) -> fmt::Result {
    let sums = &server.tally.tunnels.sums;
    let parts = [
        ("c2", "", sums.by_client),
        ("c4", "by server", sums.by_server),
        ("c1", "by us", sums.by_gateway),
    ];
    shares(out, "ended", &parts)
}

/// A bar of parts of a whole; those with a name are told beside it, if there are any.
fn shares(out: &mut String, label: &str, parts: &[(&str, &str, u64)]) -> fmt::Result {
    let all: u64 = parts.iter().map(|(.., count)| count).sum();
    write!(out, "<div class='bar'><span>{label}</span><span>{}", Count(all))?;
    for (_, name, count) in parts {
        if !name.is_empty() && *count > 0 {
            write!(out, ", {} {name}", Count(*count))?;
        }
    }
    out.push_str("</span><span class='rail'>");
    for (class, _, count) in parts {
        let width = Percent(*count as f64, all as f64);
        write!(out, "<i class='{class}' style='--w:{width}'></i>")?;
    }
    out.push_str("</span></div>");
    Ok(())
}
