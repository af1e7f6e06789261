//! What does a person see? The snapshot as one page that needs nothing from anywhere else.
//!
//! All of it is rendered here, so it shows the same without script. With script, the part inside
//! `<main>` comes anew once a second (`/events/page`), and what differs is changed in place.

mod card;
mod plot;
mod words;

use self::words::{Count, Plain, Rate, Seconds, Span};
use super::snapshot::{Section, Snapshot};
use super::trend::Sample;
use std::fmt::{self, Display, Write};
use std::time::Duration;

const PAGE: &str = include_str!("page.html");

const MARK: &str = "<svg viewBox='0 0 32 32' aria-hidden='true'>\
    <rect width='32' height='32' rx='8' fill='#0b7285'/>\
    <path d='M5 20c3.5-4 7-4 11 0s7.5 4 11 0M5 13c3.5-4 7-4 11 0s7.5 4 11 0' fill='none' \
    stroke='#fff' stroke-width='2.6' stroke-linecap='round'/></svg>";

/// The whole page.
pub fn render(snapshot: &Snapshot) -> String {
    PAGE.replacen("{{main}}", &fragment(snapshot), 1)
}

/// The part that changes, on one line.
pub fn fragment(snapshot: &Snapshot) -> String {
    let mut out = String::with_capacity(16 * 1024);
    // Writing to a string cannot fail.
    let _ = write_fragment(&mut out, snapshot);
    out
}

fn write_fragment(out: &mut String, snapshot: &Snapshot) -> fmt::Result {
    let (class, word) = if snapshot.ready { ("up", "ready") } else { ("wait", "stopping") };
    write!(
        out,
        "<header>{MARK}<h1>Tidegate</h1><span class='pill {class}'>{word}</span>\
         <span class='dim push'>up {} &middot; version {}</span></header>",
        Span(snapshot.uptime),
        snapshot.version
    )?;
    numbers(out, snapshot)?;
    for one in &snapshot.sections {
        section(out, one)?;
    }
    events(out, snapshot)
}

/// The few numbers that tell how the whole is, and why answers were not a server's.
fn numbers(out: &mut String, snapshot: &Snapshot) -> fmt::Result {
    let turns = &snapshot.turns;
    let total = |name: &str| {
        let found = snapshot.totals.iter().find(|total| total.name == name);
        found.map_or(0, |total| total.value)
    };
    let refused: u64 = snapshot.answers.iter().map(|answer| answer.count).sum();
    out.push_str("<section class='numbers' aria-label='totals'>");
    let mut tile = |label: &str, value: &dyn Display, unit: &dyn Display| {
        write!(out, "<div class='card'><span class='dim'>{label}</span>")?;
        write!(out, "<b>{value} <i>{unit}</i></b></div>")
    };
    tile("clients", &turns.clients, &format_args!("of {}", Count(turns.clients_max as u64)))?;
    if let Some(backlog @ 1..) = turns.backlog {
        tile("at the door", &Count(backlog), &"waiting")?;
    }
    tile("requests", &Count(total("requests")), &"")?;
    tile("own answers", &Count(refused), &"")?;
    tile("tunnels", &turns.tunnels, &"open")?;
    tile("turn p99", &Seconds(turns.time.quantile(0.99)), &"")?;
    if let Some(bytes) = turns.memory {
        tile("memory", &Count(bytes / 1024 / 1024), &"MiB")?;
    }
    if turns.lines_lost > 0 {
        tile("log lines lost", &Count(turns.lines_lost), &"")?;
    }
    out.push_str("</section>");
    if !snapshot.answers.is_empty() {
        out.push_str("<p class='answers'>own answers:");
        for answer in &snapshot.answers {
            let (reason, status) = (answer.reason, answer.status);
            write!(out, " <span>{reason} <i>{status}</i> <b>{}</b></span>", Count(answer.count))?;
        }
        out.push_str("</p>");
    }
    Ok(())
}

fn section(out: &mut String, section: &Section) -> fmt::Result {
    let up = section.servers.iter().filter(|server| server.standing.is_available()).count();
    let of = section.servers.len();
    write!(out, "<h2>[{}] <small>{up} of {of} servers get work</small></h2>", section.name)?;
    plots(out, section)?;
    out.push_str("<section class='servers'>");
    for one in &section.servers {
        card::draw(out, section, one)?;
    }
    out.push_str("</section>");
    Ok(())
}

/// The last two minutes: how much, and how fast.
fn plots(out: &mut String, section: &Section) -> fmt::Result {
    let last = section.trend.last();
    let series = |of: fn(&Sample) -> f64| -> Vec<f64> { section.trend.iter().map(of).collect() };
    let rate = last.map_or(0.0, |sample| sample.rate);
    let what = if section.pooled { "responses" } else { "tunnels opened" };
    out.push_str("<section class='plots'><div class='card'><p>");
    write!(out, "<span><b>{}</b> {what}/s</span>", Rate(rate))?;
    let peak = section.trend.iter().map(|sample| sample.rate).fold(0.0, f64::max);
    write!(out, "<span>peak {}</span>", Rate(peak))?;
    if !section.pooled {
        let open = last.map_or(0, |sample| sample.tunnels);
        write!(out, "<span class='push'><i class='key second'></i><b>{open}</b> open</span>")?;
    }
    out.push_str("</p>");
    let second = if section.pooled { vec![] } else { series(|sample| sample.tunnels as f64) };
    plot::draw(out, &series(|sample| sample.rate), &second, plot::Scales::Apart)?;
    out.push_str("</div><div class='card'><p>");
    let (p50, p99) = (last.and_then(|s| s.p50), last.and_then(|s| s.p99));
    write!(out, "<span><i class='key'></i>p50 <b>{}</b></span>", Seconds(p50))?;
    write!(out, "<span><i class='key second'></i>p99 <b>{}</b></span>", Seconds(p99))?;
    let of = if section.pooled { "whole responses" } else { "opening handshakes" };
    let peak = section.trend.iter().filter_map(|sample| sample.p99).fold(0.0, f64::max);
    write!(out, "<span>peak {}</span>", Seconds((peak > 0.0).then_some(peak)))?;
    write!(out, "<span class='push'>{of}</span></p>")?;
    let (p50, p99) = (series(|s| s.p50.unwrap_or(0.0)), series(|s| s.p99.unwrap_or(0.0)));
    plot::draw(out, &p50, &p99, plot::Scales::Shared)?;
    out.push_str("</div></section>");
    Ok(())
}

fn events(out: &mut String, snapshot: &Snapshot) -> fmt::Result {
    use super::events::Kind;
    out.push_str("<h2>Lately</h2><section class='card'><ol>");
    if snapshot.events.is_empty() {
        out.push_str("<li><span class='dim'>nothing yet</span></li>");
    }
    for event in &snapshot.events {
        let class = match event.kind {
            Kind::Up | Kind::Restored => "up",
            Kind::Down => "down",
            Kind::Full | Kind::Spawned => "wait",
            Kind::Drained | Kind::Reload | Kind::Process => "out",
        };
        let ago = Span(Duration::from_secs(snapshot.unix_seconds.saturating_sub(event.at)));
        let kind = event.kind.as_str();
        write!(out, "<li><span class='dim'>{ago} ago</span>")?;
        write!(out, "<span class='pill {class}'>{kind}</span><span>{}", Plain(&event.subject))?;
        if !event.detail.is_empty() {
            let colon = if event.subject.is_empty() { "" } else { ": " };
            write!(out, "{colon}{}", Plain(&event.detail))?;
        }
        if event.count > 1 {
            write!(out, " <span class='dim'>&times; {}</span>", event.count)?;
        }
        out.push_str("</span></li>");
    }
    out.push_str("</ol></section>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::snapshot::tests::example;

    #[test]
    fn the_page_shows_the_numbers_without_script_and_asks_nobody_for_anything() {
        let page = render(&example());
        for shown in ["server1", "10.0.0.1:80", "2 busy, 1 idle of 1", "4 of 20", "ready", "1.2.3"]
        {
            assert!(page.contains(shown), "{shown}");
        }
        for shown in ["it did not answer in time", "servers/http/1/drain", "up 1 d 2 h", "7 s ago"]
        {
            assert!(page.contains(shown), "{shown}");
        }
        for shown in ["1, 1 by server", "350 B", "queue_full <i>429</i> <b>7</b>", "at the door"] {
            assert!(page.contains(shown), "{shown}");
        }
        assert!(!page.contains("log lines lost"), "what has not happened is not shown");
        for shown in ["<dt>weight</dt><dd>1.50 of 4</dd>", "<dt>weight, spare</dt>"] {
            assert!(page.contains(shown), "{shown}");
        }
        for foreign in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(!page.contains("{{"));
    }

    #[test]
    fn what_comes_from_elsewhere_is_text_and_the_fragment_is_one_line() {
        let fragment = fragment(&example());
        assert!(fragment.contains("a&quot;&lt;b&gt;\\ &amp;:1"));
        assert!(fragment.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!fragment.contains(['\n', '\r']));
        let open = fragment.matches("<div").count();
        assert_eq!(open, fragment.matches("</div>").count());
    }
}
