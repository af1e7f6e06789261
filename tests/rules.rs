//! How many cases does each rule of HTTP/1.1 have among the tests?
//!
//! A case stands below a comment `// rule: NAME`: the rows of the table or part of a table that
//! follows, or the one test. What a rule demands is said in the table below; a rule with too few
//! cases, and a name that is no rule's, fail. `cargo test --test rules -- --nocapture` prints the
//! counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Fewer cases than that are no proof of a rule.
const CASES_MIN: usize = 5;

/// The rules, each by its name.
const RULES: [(&str, &str); 28] = [
    ("two framings", "Transfer-Encoding with Content-Length: 400"),
    ("transfer coding", "one `chunked` alone: unknown codings 501, anything malformed 400"),
    ("coding of HTTP/1.0", "Transfer-Encoding in HTTP/1.0: 400"),
    ("repeated length", "Content-Length repeated or a list, even of equals: 400"),
    ("length", "Content-Length is digits alone, at most 2^53-1, and written anew"),
    ("fold", "a folded field line: 400, of a server 502"),
    ("white space", "before a field name or behind it: 400, of a server 502"),
    ("line end", "CRLF and nothing else, in heads and chunks; one empty line is skipped"),
    ("characters", "no control characters in values; names and methods are tokens"),
    ("host", "there once, and an authority"),
    ("absolute-form", "only `http`; its authority replaces Host"),
    ("method", "CONNECT and TRACE: 405; `*` for OPTIONS alone"),
    ("hop-by-hop", "ends here, with what Connection names, which is nothing that frames or routes"),
    ("upgrade", "only `websocket`, only proven; other protocols are not forwarded"),
    ("interim response", "16 at most, to those who can read them; a 101 is none of them"),
    ("expectation", "100-continue crosses, or is answered after a second; others 417"),
    ("no content", "HEAD, 1xx, 204 and 304 have none, whatever their fields say"),
    ("close-delimited", "in chunks to HTTP/1.1; a cut response is cut for the client, too"),
    ("surplus", "bytes behind a response, or while idle: the worker is never used again"),
    ("chunk", "1 to 15 digits, CRLF where its size says; extensions are dropped, at most 256"),
    (
        "trailer section",
        "8 KiB at most, field lines, and none that frames, routes or authenticates",
    ),
    ("early response", "relayed at once; then the client's connection closes, lingering"),
    ("pipelining", "answered in order, one at a time, with bounded memory"),
    ("version", "1.0 and 1.1, others 505; HTTP/1.0 gets no chunks, and stays if it asked to"),
    ("forwarded field", "who asked is said by us or those we trust; all others cross as they came"),
    ("retry", "elsewhere if never connected; once more if reused, idempotent and unanswered"),
    ("half-close", "who has said all is answered; who has gone is forgotten"),
    ("keep-alive timeout", "what the server announces, less a second"),
];

/// Every file of tests, library's and program's.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map_while(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.components().any(|part| part.as_os_str().to_string_lossy().contains("tests"))
        {
            found.push(path);
        }
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The cases below a marker, of which `lines` are what follows.
fn cases(lines: &[&str]) -> usize {
    let first = lines.iter().find(|line| !line.trim_start().starts_with("//"));
    if first.is_some_and(|line| line.trim() == "#[test]") {
        return 1;
    }
    let part = lines.iter().take_while(|line| !line.trim_start().starts_with("// rule: "));
    let mut rows = part.skip_while(|line| !line.trim_start().starts_with('(')).peekable();
    let depth = rows.peek().map_or(0, |line| indent(line));
    let table = rows.take_while(|line| indent(line) >= depth || line.is_empty());
    table.filter(|line| indent(line) == depth && line.trim_start().starts_with('(')).count()
}

#[test]
fn every_rule_of_http_has_its_cases() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for folder in ["src", "tests"] {
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    for path in found {
        let text = fs::read_to_string(&path).expect("a readable file");
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = line.trim_start().strip_prefix("// rule: ") else { continue };
            let count = cases(&lines[at + 1..]);
            match RULES.iter().find(|(rule, _)| *rule == name) {
                Some((rule, _)) if count > 0 => *counts.entry(rule).or_default() += count,
                Some(_) => faults.push(format!("{}:{}: no case", path.display(), at + 1)),
                None => faults.push(format!("{}:{}: {name:?}?", path.display(), at + 1)),
            }
        }
    }
    for (rule, says) in RULES {
        let count = counts.get(rule).copied().unwrap_or_default();
        println!("{count:>5}  {rule:<19} {says}");
        if count < CASES_MIN {
            faults.push(format!("{rule}: {count} cases, not {CASES_MIN}"));
        }
    }
    println!("{:>5}  cases", counts.values().sum::<usize>());
    assert!(faults.is_empty(), "{faults:#?}");
}
