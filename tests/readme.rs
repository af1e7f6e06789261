//! Does the README say what the program does?
//!
//! What the code knows is compared with what the page says: the keys of the configuration, the
//! answers of the gateway's own, the commands. What a reader may copy must work, and what a reader
//! may follow must be there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tidegate::cli;
use tidegate::config::{self, Config, Reference};
use tidegate::http::Refusal;

/// Every page that has links to check.
const PAGES: [&str; 3] = ["README.md", ".github/CHANGELOG.md", ".github/CONTRIBUTING.md"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The reference as the README has to show it: a heading and a table for each group of sections.
fn reference() -> String {
    let keys: Vec<Reference> = config::reference().collect();
    let mut groups: Vec<&[&str]> = Vec::new();
    for key in &keys {
        if !groups.contains(&key.sections) {
            groups.push(key.sections);
        }
    }
    let mut text = String::new();
    for group in groups {
        let names: Vec<String> = group.iter().map(|name| format!("`[{name}]`")).collect();
        text += &format!("### {}\n\n", names.join(" and "));
        text += "| key | default | allowed | what it is for |\n|---|---|---|---|\n";
        for Reference { key, default, allowed, about, .. } in
            keys.iter().filter(|key| key.sections == group)
        {
            // How a duration is written is said once, above the tables.
            let allowed = allowed.split_once(" (").map_or(allowed.as_str(), |(range, _)| range);
            text += &format!("| `{key}` | {default} | {allowed} | {about} |\n");
        }
        text += "\n";
    }
    text
}

/// Status and reason word of every answer that a client can get. Faults of a server all become
/// one answer, `bad_response`, whatever the log says of them.
fn answers() -> BTreeSet<(u16, String)> {
    let refusals = Refusal::ALL.iter().filter(|refusal| refusal.status() != 502);
    let mut answers: BTreeSet<_> =
        refusals.map(|refusal| (refusal.status(), refusal.reason().to_owned())).collect();
    let source = read("src/http/answer.rs");
    for call in source.split("Self::new(").skip(1) {
        let mut arguments = call.split(", ");
        let status = arguments.next().and_then(|status| status.parse().ok());
        let reason = arguments.next().and_then(|word| word.split('"').nth(1));
        if let (Some(status), Some(reason)) = (status, reason) {
            answers.insert((status, reason.to_owned()));
        }
    }
    answers
}

/// The content of every block fenced as `language`.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).filter_map(|rest| rest.split_once("\n```")).map(|b| b.0).collect()
}

/// Where the links of a page lead and its pictures are, outside of fenced blocks.
fn links(page: &str) -> Vec<&str> {
    let prose = || page.split("```").step_by(2);
    let between = |start: &'static str, end: char| {
        let rests = prose().flat_map(move |text| text.split(start).skip(1));
        rests.filter_map(move |rest| rest.split_once(end)).map(|link| link.0)
    };
    let links = between("](", ')').chain(between("src=\"", '"')).chain(between("srcset=\"", '"'));
    links.collect()
}

/// The anchors that GitHub gives to the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let letters = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(letters).collect()
}

#[test]
fn the_reference_is_that_of_the_program_row_by_row() {
    let (readme, reference) = (read("README.md"), reference());
    for line in reference.lines() {
        assert!(readme.lines().any(|found| found == line), "{line}\nmissing of:\n{reference}");
    }
    // Every row is there, so whatever still differs is a row too many or out of order.
    assert!(readme.contains(&reference), "the reference should be, in one piece:\n{reference}");
}

#[test]
fn every_answer_has_one_row_and_every_row_is_an_answer() {
    let readme = read("README.md");
    let rows: Vec<(u16, String)> = readme
        .lines()
        .filter_map(|line| {
            let (status, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
            Some((status.parse().ok()?, rest.split_once("` | ")?.0.to_owned()))
        })
        .collect();
    let told: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(told.len(), rows.len(), "an answer has two rows");
    let answers = answers();
    assert!(answers.contains(&(429, "queue_full".to_owned())), "{answers:?}");
    assert_eq!(told, answers);
}

#[test]
fn every_command_of_the_help_is_there() {
    let (readme, help) = (read("README.md"), cli::help());
    let usage = help.lines().filter_map(|line| line.strip_prefix("  tidegate "));
    let commands: Vec<&str> = usage.map(|line| line.split("  ").next().unwrap_or(line)).collect();
    assert!(commands.len() > 4, "{commands:?}");
    for command in commands {
        assert!(readme.contains(&format!("tidegate {command}")), "tidegate {command}");
    }
}

#[test]
fn every_configuration_shown_is_right() {
    let readme = read("README.md");
    let blocks = blocks(&readme, "ini");
    assert!(!blocks.is_empty());
    for block in blocks {
        if let Err(error) = Config::from_text(block) {
            panic!("{error}\n{block}");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for name in PAGES {
        let page = read(name);
        let folder = root().join(Path::new(name).parent().unwrap());
        let anchors = anchors(&page);
        for link in links(&page) {
            let leads = match link.split_once('#') {
                _ if link.starts_with("https://") => true,
                Some(("", anchor)) => anchors.contains(anchor),
                Some((path, _)) => folder.join(path).exists(),
                None => folder.join(link).exists(),
            };
            assert!(leads, "{name}: {link}");
        }
    }
}

#[test]
fn the_checks_find_what_they_look_for() {
    let page = "# A `[b]` c\n\n[a](b.md) [c](#d)\n```ini\n[x](y)\n```\n[e](https://f)\n\
                ```ini\nz\n```\n<source srcset=\"g\"><img src=\"h\">\n";
    assert_eq!(links(page), ["b.md", "#d", "https://f", "h", "g"]);
    assert_eq!(blocks(page, "ini"), ["[x](y)", "z"]);
    assert!(anchors(page).contains("a-b-c"));
    assert!(reference().contains("| `port` | required | 0 to 65535 | "));
}
