//! The snapshot for a person: one page that needs nothing from anywhere else.
//!
//! All of it is rendered here, so it shows the same without script. With script, the part inside
//! `<main>` comes anew once a second (`/events/page`), and what differs is changed in place.

mod plot;

use super::histogram::Histogram;
use super::snapshot::{Section, Server, Snapshot, Standing};
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

/// The few numbers that tell how the whole is.
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
    tile("requests", &Count(total("requests")), &"")?;
    tile("own answers", &Count(refused), &"")?;
    tile("tunnels", &turns.tunnels, &"open")?;
    tile("turn p99", &Seconds(turns.time.quantile(0.99)), &"")?;
    if let Some(bytes) = turns.memory {
        tile("memory", &Count(bytes / 1024 / 1024), &"MiB")?;
    }
    out.push_str("</section>");
    Ok(())
}

fn section(out: &mut String, section: &Section) -> fmt::Result {
    let up = section.servers.iter().filter(|server| server.standing.is_available()).count();
    let of = section.servers.len();
    write!(out, "<h2>[{}] <small>{up} of {of} servers get work</small></h2>", section.name)?;
    plots(out, section)?;
    out.push_str("<section class='servers'>");
    for one in &section.servers {
        server(out, section, one)?;
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
    write!(out, "<span class='push'>{of}</span></p>")?;
    let (p50, p99) = (series(|s| s.p50.unwrap_or(0.0)), series(|s| s.p99.unwrap_or(0.0)));
    plot::draw(out, &p50, &p99, plot::Scales::Shared)?;
    out.push_str("</div></section>");
    Ok(())
}

fn server(out: &mut String, section: &Section, server: &Server) -> fmt::Result {
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
         <span class='dim name'>{}</span>\
         <span class='push pill {class}'>{standing}</span></div>",
        server.number,
        Plain(&server.address)
    )?;
    if !server.because.is_empty() {
        write!(out, "<p class='because'>{}</p>", Plain(&server.because))?;
    }
    if section.pooled {
        pool(out, server)?;
    }
    responses(out, server)?;
    let tally = &server.tally;
    out.push_str("<dl>");
    let p99 = |histogram: &Histogram| Seconds(histogram.quantile(0.99));
    let mut fact =
        |name: &str, value: &dyn Display| write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    if section.pooled {
        fact("p50", &Seconds(tally.total.quantile(0.5)))?;
        fact("p99", &p99(&tally.total))?;
        fact("wait p99", &p99(&tally.wait))?;
    } else {
        fact("open", &tally.tunnels.open())?;
        fact("opened", &Count(tally.tunnels.opened))?;
        fact("life p50", &Seconds(tally.tunnels.lifetime.quantile(0.5)))?;
    }
    fact("connect p99", &p99(&tally.connect))?;
    out.push_str("</dl>");
    let (order, label) = match server.standing {
        Standing::Drained => ("restore", "Restore"),
        Standing::Removed => return out.write_str("</article>"),
        Standing::Up | Standing::Unjudged | Standing::Down | Standing::SitsOut => {
            ("drain", "Drain")
        }
    };
    write!(
        out,
        "<form method='post' action='servers/{}/{}/{order}'><button \
         aria-label='{label} {} server{}'>{label}</button></form></article>",
        section.name, server.number, section.name, server.number
    )
}

/// Workers by what they do against their ceiling, with a mark at the floor; the line against its
/// places.
fn pool(out: &mut String, server: &Server) -> fmt::Result {
    let workers = &server.workers;
    let share = |count: usize, of: usize| Percent(count as f64, of as f64);
    out.push_str("<div class='bar'><span>workers</span><span class='rail'>");
    let parts =
        [("busy", workers.busy), ("idle", workers.idle), ("connecting", workers.connecting)];
    for (class, count) in parts {
        write!(out, "<i class='{class}' style='--w:{}'></i>", share(count, workers.ceiling))?;
    }
    if workers.floor > 0 && workers.floor < workers.ceiling {
        write!(out, "<u style='--w:{}'></u>", share(workers.floor, workers.ceiling))?;
    }
    write!(
        out,
        "</span><span title='busy, idle, floor to ceiling'>{} busy, {} idle of {}&ndash;{}</span>\
         </div>",
        workers.busy, workers.idle, workers.floor, workers.ceiling
    )?;
    let full = if server.line > 0 && server.waiting >= server.line { "full" } else { "" };
    write!(
        out,
        "<div class='bar'><span>line</span><span class='rail'><i class='{full}' style='--w:{}'></i>\
         </span><span>{} of {}</span></div>",
        share(server.waiting, server.line),
        server.waiting,
        server.line
    )
}

/// Final responses by class.
fn responses(out: &mut String, server: &Server) -> fmt::Result {
    let classes = server.tally.responses;
    let all: u64 = classes.iter().sum();
    let errors: u64 = classes[4];
    out.push_str("<div class='bar'><span>responses</span><span class='rail'>");
    for (name, count) in ["c1", "c2", "c3", "c4", "c5"].into_iter().zip(classes) {
        if count > 0 {
            let width = Percent(count as f64, all as f64);
            write!(out, "<i class='{name}' style='--w:{width}'></i>")?;
        }
    }
    write!(out, "</span><span>{}", Count(all))?;
    if errors > 0 {
        write!(out, ", {} 5xx", Count(errors))?;
    }
    out.push_str("</span></div>");
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

/// Text that cannot be taken for markup, on one line.
struct Plain<'a>(&'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A share, for a width.
struct Percent(f64, f64);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = if self.1 > 0.0 { (self.0 / self.1).clamp(0.0, 1.0) } else { 0.0 };
        write!(f, "{:.1}%", share * 100.0)
    }
}

/// A count with at most four digits and a letter.
struct Count(u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n @ 0..10_000 => write!(f, "{n}"),
            n @ 10_000..10_000_000 => write!(f, "{:.1}k", n as f64 / 1e3),
            n @ 10_000_000..10_000_000_000 => write!(f, "{:.1}M", n as f64 / 1e6),
            n => write!(f, "{:.1}G", n as f64 / 1e9),
        }
    }
}

/// How often per second.
struct Rate(f64);

impl Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 9.95 && self.0 > 0.0 {
            write!(f, "{:.1}", self.0)
        } else {
            write!(f, "{:.0}", self.0)
        }
    }
}

/// A duration that is measured, in the unit that suits it.
struct Seconds(Option<f64>);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("&ndash;"),
            Some(s) if s < 0.000_95 => write!(f, "{:.0} &micro;s", s * 1e6),
            Some(s) if s < 0.01 => write!(f, "{:.1} ms", s * 1e3),
            Some(s) if s < 1.0 => write!(f, "{:.0} ms", s * 1e3),
            Some(s) if s < 100.0 => write!(f, "{s:.1} s"),
            Some(s) => Span(Duration::from_secs_f64(s)).fmt(f),
        }
    }
}

/// A duration that is told, by its largest unit or two.
struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min"),
            (0, ..) => write!(f, "{hours} h {} min", minutes % 60),
            _ => write!(f, "{days} d {} h", hours % 24),
        }
    }
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

    #[test]
    fn numbers_are_short() {
        let seconds = |s| Seconds(Some(s)).to_string();
        assert_eq!(seconds(0.000_2), "200 &micro;s");
        assert_eq!(seconds(0.001_2), "1.2 ms");
        assert_eq!(seconds(0.25), "250 ms");
        assert_eq!(seconds(2.5), "2.5 s");
        assert_eq!(seconds(600.0), "10 min");
        assert_eq!(Count(9_999).to_string(), "9999");
        assert_eq!(Count(12_345).to_string(), "12.3k");
        assert_eq!(Percent(1.0, 0.0).to_string(), "0.0%");
        assert_eq!(Percent(3.0, 2.0).to_string(), "100.0%");
    }
}
