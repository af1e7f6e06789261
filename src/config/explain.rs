//! What does the configuration come to, and what does it cost?
//!
//! The costs are ceilings worked out from the limits, not measurements: what the gateway cannot
//! exceed if every client and server is as unpleasant as it may be at the same time.

use super::{Config, Section, ServerConfig, Setting};
use crate::limits;
use std::fmt;

/// Descriptors for the program itself: standard streams, poll, waker, listeners, signals, resolver,
/// and the pipes for long content.
const OWN_DESCRIPTORS: usize = 16 + 2 * limits::PIPES;

/// Room in a rewritten head for the fields that the gateway adds.
const ADDED_FIELDS: usize = 1024;

impl Config {
    /// The most descriptors in use while there is no client: the program's own, all workers, and
    /// one probe of every server that is probed. A client is one more, a tunnel yet one more.
    pub fn descriptors_without_clients(&self) -> usize {
        OWN_DESCRIPTORS + self.most_workers() + self.most_probes()
    }

    fn most_workers(&self) -> usize {
        self.http_servers().map(|server| server.workers.max * most_of(server)).sum()
    }

    fn most_waiting(&self) -> usize {
        self.http_servers().map(|server| server.workers.buffer_size * most_of(server)).sum()
    }

    fn most_probes(&self) -> usize {
        let probed = |section: &&Section| section.health.is_some();
        let sections = [&self.http, &self.websocket].into_iter().flatten().filter(probed);
        sections.flat_map(|section| &section.servers).map(most_of).sum()
    }

    fn http_servers(&self) -> impl Iterator<Item = &ServerConfig> {
        self.http.iter().flat_map(|section| &section.servers)
    }
}

/// How many servers one key may stand for.
fn most_of(server: &ServerConfig) -> usize {
    if server.each_address { limits::GROUP_MAX } else { 1 }
}

/// Every effective value, where it comes from, and what all of it costs: lines for a person.
/// `descriptors` is how many the process may have open, if that is known.
pub fn explain(config: &Config, descriptors: Option<u64>) -> String {
    let mut text = settings(config);
    text.push_str(&format!(
        "\ndescriptors, at most\n\
         {:>10}  the program itself\n{:>10}  workers\n{:>10}  probes\n{:>10}  each client, \
         and one more while it has a tunnel\n",
        OWN_DESCRIPTORS,
        config.most_workers(),
        config.most_probes(),
        1
    ));
    if let Some(limit) = descriptors {
        let without = config.descriptors_without_clients() as u64;
        let left = limit.saturating_sub(without);
        text.push_str(&format!(
            "{limit:>10}  the limit of this process: room for {left} clients, or {} with tunnels\n",
            left / 2
        ));
    }
    text.push_str(&memory(config));
    text
}

/// The sections as they would stand in a file, each value with its line in the real one.
fn settings(config: &Config) -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in &config.settings {
        if setting.section != section {
            let between = if section.is_empty() { "" } else { "\n" };
            section = setting.section;
            text.push_str(&format!("{between}[{section}]\n"));
        }
        text.push_str(&format!("{setting}\n"));
    }
    text
}

impl fmt::Display for Setting {
    /// As it would stand in the file, with its line in the real one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24} = {:<26} ", self.key, self.value)?;
        match self.line {
            Some(line) => write!(f, "line {line}"),
            None => write!(f, "default"),
        }
    }
}

/// The ceilings of the buffers. Beside these, an idle connection owns only its entry in a table.
fn memory(config: &Config) -> String {
    let request_head = config.frontend.max_header_bytes + ADDED_FIELDS;
    let inbox = config.frontend.max_header_bytes.max(limits::PIPELINE_MAX);
    let exchange = 2 * limits::SCRATCH + request_head + limits::RESPONSE_HEAD_MAX;
    let (busy, waiting) = (config.most_workers(), config.most_waiting());
    let rows = [
        (limits::SCRATCH, "the buffer that everything is read into".to_owned()),
        (busy * exchange, format!("{busy} exchanges whose receivers read nothing")),
        (waiting * request_head, format!("{waiting} requests in the waiting lines")),
        (inbox, "each client with an unfinished head or pipelined requests".to_owned()),
        (2 * limits::SCRATCH, "each tunnel where neither side reads".to_owned()),
    ];
    let mut text =
        "\nKiB of buffers, at most; idle clients, workers and tunnels have none\n".to_owned();
    for (bytes, what) in rows.into_iter().filter(|(bytes, _)| *bytes > 0) {
        text.push_str(&format!("{:>10}  {what}\n", bytes.div_ceil(1024)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[frontend]\nhost=h\nport=80\nmax_header_bytes=1024\n\
        [http]\nserver1=a:1\nserver1_max_workers=7\nserver2=a:2\nserver2_buffer_size=0\n\
        [websocket]\nserver1=a:1\nenable_health_check=false\n";

    #[test]
    fn every_value_is_there_with_its_source() {
        let text = explain(&Config::from_text(TEXT).expect("right"), None);
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        for line in [
            "[frontend]",
            "port = 80 line 3",
            "header_timeout = 10s default",
            "[http]",
            "server1_max_workers = 7 line 7",
            "server2_max_workers = 3 default",
            "server2_buffer_size = 0 line 9",
            "[websocket]",
            "enable_health_check = false line 12",
            "[log]",
            "access = off default",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_costs_follow_from_the_servers() {
        let config = Config::from_text(TEXT).expect("right");
        assert_eq!(config.descriptors_without_clients(), OWN_DESCRIPTORS + 10 + 2);
        let text = explain(&config, Some(1028 + 64));
        for line in [
            "        10  workers",
            "         2  probes",
            "      1092  the limit of this process: room for 1000 clients, or 500 with tunnels",
            "      1940  10 exchanges whose receivers read nothing",
            "        20  10 requests in the waiting lines",
            "        16  each client with an unfinished head or pipelined requests",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let many = TEXT.replace("server2=a:2", "server2=dns:a:2");
        let many = Config::from_text(&many).expect("right");
        let group = limits::GROUP_MAX;
        assert_eq!(many.most_workers(), 7 + 3 * group);
        assert_eq!(many.most_probes(), 1 + group);
        let small = explain(&config, Some(5));
        assert!(small.contains("room for 0 clients"), "{small}");
    }
}
