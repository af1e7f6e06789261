//! What `check` and `explain` print, word by word, of a right file and of wrong ones.
//!
//! `transcript/transcript.txt` has the commands and what they print. To change it on purpose, run
//! this test with `TIDEGATE_TRANSCRIPT=write` and read the difference.

use crate::support::PROGRAM;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/transcript");
const README: &str = include_str!("../../README.md");
const TRANSCRIPT: &str = include_str!("transcript/transcript.txt");

/// The arguments of a command line, of which some are in single quotes.
fn arguments(line: &str) -> Vec<&str> {
    let (plain, quoted) = (line.split('\'').step_by(2), line.split('\'').skip(1).step_by(2));
    let mut quoted = quoted.map(Some).chain(std::iter::repeat(None));
    plain.flat_map(|part| part.split_whitespace().chain(quoted.next().flatten())).collect()
}

/// Runs a command in the folder, where the limit of descriptors is always the same.
fn play(line: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 4096 && exec \"$@\"", "sh", PROGRAM]).args(arguments(line));
    let output = command.current_dir(FOLDER).stdin(Stdio::null()).output().expect("a shell");
    let mut text = format!("$ tidegate {line}\n");
    for bytes in [output.stdout, output.stderr] {
        text += std::str::from_utf8(&bytes).expect("UTF-8");
    }
    match output.status.code() {
        Some(0) => {}
        code => writeln!(text, "[exit code {}]", code.expect("no signal")).expect("a string"),
    }
    text
}

#[test]
fn right_and_wrong_files_are_told_of_as_in_the_transcript() {
    let commands = TRANSCRIPT.lines().filter_map(|line| line.strip_prefix("$ tidegate "));
    let played: Vec<String> = commands.map(play).collect();
    let played = played.join("\n");
    if env::var_os("TIDEGATE_TRANSCRIPT").is_some_and(|word| word == "write") {
        fs::write(Path::new(FOLDER).join("transcript.txt"), &played).expect("a file");
        panic!("the transcript was written anew");
    }
    for (found, expected) in played.lines().zip(TRANSCRIPT.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(played.len(), TRANSCRIPT.len());
}

#[test]
fn every_file_is_in_the_transcript_and_only_one_of_them_is_right() {
    let mut wrong = 0;
    for entry in fs::read_dir(FOLDER).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        if !name.ends_with(".ini") {
            continue;
        }
        let refused = |command: &str| {
            let start = format!("$ tidegate {command} {name}\n");
            let (_, rest) = TRANSCRIPT.split_once(&start).unwrap_or_else(|| panic!("no {start}"));
            rest.lines().nth(1) == Some("[exit code 2]")
        };
        assert_eq!(
            (refused("check"), refused("explain")),
            (name != "good.ini", name != "good.ini")
        );
        wrong += usize::from(name != "good.ini");
    }
    assert!(wrong >= 10, "{wrong} wrong files");
}

#[test]
fn what_the_readme_says_of_wrong_files_is_what_is_printed() {
    let shown =
        README.lines().filter(|line| line.starts_with("tidegate: ") && line.contains(".ini:"));
    let shown: Vec<&str> = shown.collect();
    assert!(shown.len() >= 3, "{shown:?}");
    for line in shown {
        assert!(TRANSCRIPT.lines().any(|printed| printed == line), "{line}");
    }
}
