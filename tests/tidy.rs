//! Is the source as the project wants it? Style as a test, so that nobody has to say it in review.
//!
//! | rule | where |
//! |---|---|
//! | no sockets, clock, randomness of its own, logging | the pure folders, see `PURE` |
//! | at most 400 lines (tests: 800), 100 columns but for messages on the wire | everywhere |
//! | at most 70 lines a function | `src`, tests apart |
//! | no `unwrap()`, `expect(`, `todo!`, `unimplemented!`, `dbg!`, `unsafe` | `src`, tests apart |
//! | no `#[ignore]` without a reason | everywhere |
//! | a file opens with `//!` | everywhere |
//!
//! A line is excused from the word rules by the line above it: `// tidy: and the reason`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 400;
const TEST_FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Folders that must work without a socket in sight.
const PURE: [&str; 6] = [
    "src/http/",
    "src/websocket/",
    "src/balance/",
    "src/flow/",
    "src/timer.rs",
    "src/proxy_protocol.rs",
];

/// What the pure folders must not name, tests apart.
const IMPURE: [&str; 9] = [
    "mio",
    "socket2",
    "log::",
    "Instant::now",
    "SystemTime::now",
    "thread_rng",
    "rand::rng",
    "std::net::Tcp",
    "std::thread",
];

/// What no code names, tests apart.
const BANNED: [&str; 6] = [".unwrap()", ".expect(", "todo!", "unimplemented!", "dbg!", "unsafe"];

/// One file, and the same text with everything but code blanked out.
struct Source {
    path: String,
    text: String,
    code: String,
    /// The byte ranges of `code` that only a test build contains.
    test_items: Vec<(usize, usize)>,
    is_test: bool,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = blank_out(text);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            test_items: test_items(&code),
            is_test: path.starts_with("tests/")
                || path.ends_with("/tests.rs")
                || path.contains("/tests/"),
            code,
        }
    }

    fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    fn is_tested_only(&self, at: usize) -> bool {
        self.is_test || self.test_items.iter().any(|&(from, to)| (from..to).contains(&at))
    }

    /// Whether the line above says why this one may break a rule.
    fn is_excused(&self, line: usize) -> bool {
        let above = line.checked_sub(2).and_then(|above| self.text.lines().nth(above));
        let reason = above.and_then(|above| above.trim().strip_prefix("// tidy:"));
        reason.is_some_and(|reason| !reason.trim().is_empty())
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |line, what: String| faults.push(format!("{}:{line}: {what}", self.path));

        if !self.text.starts_with("//!") {
            fault(1, "the file does not open with `//!`".to_owned());
        }
        let most = if self.is_test { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
        let lines = self.text.lines().count();
        if lines > most {
            fault(most + 1, format!("{lines} lines, at most {most} are allowed"));
        }
        for (line, number) in self.text.lines().zip(1..) {
            let columns = line.chars().count();
            // A message on the wire reads best in one piece, and rustfmt leaves it whole.
            let wire = line.contains("\\r\\n");
            if columns > COLUMNS_MAX && !wire {
                fault(number, format!("{columns} columns, at most {COLUMNS_MAX} are allowed"));
            }
        }
        for (at, _) in self.code.match_indices("#[ignore]") {
            fault(self.line_of(at), "a test is ignored without a reason".to_owned());
        }
        let pure = PURE.iter().any(|pure| self.path.starts_with(pure));
        let impure = if pure { IMPURE.as_slice() } else { &[] };
        for word in BANNED.iter().chain(impure) {
            for at in occurrences(&self.code, word) {
                let line = self.line_of(at);
                if !self.is_tested_only(at) && !self.is_excused(line) {
                    fault(line, format!("`{word}` is not allowed here"));
                }
            }
        }
        for (at, lines, name) in functions(&self.code) {
            if lines > FUNCTION_LINES_MAX && !self.is_tested_only(at) {
                let most = FUNCTION_LINES_MAX;
                fault(self.line_of(at), format!("`{name}` has {lines} lines, at most {most}"));
            }
        }
        faults
    }
}

/// Where `word` stands in `code`, not as a part of a longer word.
fn occurrences(code: &str, word: &str) -> Vec<usize> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let cut = |c: Option<char>, edge: Option<char>| {
        !(c.is_some_and(in_word) && edge.is_some_and(in_word))
    };
    let stands = |at: usize| {
        cut(code[..at].chars().next_back(), word.chars().next())
            && (word.ends_with("Tcp")
                || cut(code[at + word.len()..].chars().next(), word.chars().next_back()))
    };
    code.match_indices(word).map(|(at, _)| at).filter(|&at| stands(at)).collect()
}

/// Each function with a body: where it begins, its lines, its name.
fn functions(code: &str) -> Vec<(usize, usize, &str)> {
    let found = occurrences(code, "fn").into_iter().filter_map(|at| {
        let name = code[at + 2..].trim_start();
        let name = &name[..name.find(|c: char| !c.is_alphanumeric() && c != '_')?];
        let end = end_of_item(code, at);
        let has_body = !name.is_empty() && code[at..end].ends_with('}');
        has_body.then(|| (at, code[at..end].matches('\n').count() + 1, name))
    });
    found.collect()
}

/// Where the item that begins at `from` ends: after its braces, or at its semicolon.
fn end_of_item(code: &str, from: usize) -> usize {
    let mut depth = 0_i32;
    for (at, c) in code[from..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                if depth <= 0 {
                    return from + at + 1;
                }
            }
            ';' if depth == 0 => return from + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The items that stand under an attribute such as `#[cfg(test)]`.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let attributes = code.match_indices("#[cfg(").filter_map(|(at, _)| {
        let end = at + code[at..].find(']')? + 1;
        let condition = &code[at..end];
        let for_tests = !occurrences(condition, "test").is_empty() && !condition.contains("not(");
        for_tests.then(|| (at, end_of_item(code, end)))
    });
    attributes.collect()
}

/// The files that `source` declares for test builds only: `#[cfg(test)] mod name;`.
fn test_modules(source: &Source) -> Vec<String> {
    let path = Path::new(&source.path);
    let owns_folder =
        ["mod", "lib", "main"].map(Some).contains(&path.file_stem().and_then(|stem| stem.to_str()));
    let folder = if owns_folder { path.parent().map(PathBuf::from) } else { None };
    let folder = folder.unwrap_or_else(|| path.with_extension(""));
    let declared = source.test_items.iter().filter_map(|&(from, to)| {
        let name = source.code[from..to].split("mod ").nth(1)?.strip_suffix(';')?;
        Some(format!("{}/{name}", folder.display()))
    });
    declared.collect()
}

/// The text with comments and the insides of literals replaced by spaces, line by line as long as
/// before, so that what is found in it is code and stands where it stood.
fn blank_out(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = literal_or_comment(rest, code.chars().next_back());
        if length == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let blank = |c: char| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) };
        code.extend(rest[..length].chars().map(blank));
        rest = &rest[length..];
    }
    code
}

/// How many bytes of `rest` are a comment or a literal that begins here; 0 for code.
fn literal_or_comment(rest: &str, before: Option<char>) -> usize {
    let until = |start: usize, end: &str| {
        rest[start..].find(end).map_or(rest.len(), |at| start + at + end.len())
    };
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).filter(|_| !in_word);
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let start = rest.len() - raw.len() + hashes + 1;
            return until(start, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    match rest.as_bytes() {
        [b'"', ..] => quoted(rest, '"'),
        // A lifetime has no closing quote after its first character.
        [b'\'', b'\\', ..] => quoted(rest, '\''),
        [b'\'', ..] if rest.chars().nth(2) == Some('\'') => quoted(rest, '\''),
        _ => 0,
    }
}

/// The length of the literal that `rest` begins with, quotes included.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let nested = paths.flat_map(|path| match path.is_dir() {
        true => rust_files(&path),
        false => vec![path],
    });
    nested.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn the_source_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "tests"].map(|folder| rust_files(&root.join(folder))).concat();
    let read = |file: &PathBuf| {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        Source::new(&path, &fs::read_to_string(file).unwrap())
    };
    let mut sources: Vec<_> = files.iter().map(read).collect();
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "found no source");

    let for_tests: BTreeSet<_> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let is_in = |module: &String| {
            source.path.strip_prefix(module).is_some_and(|rest| rest.starts_with(['.', '/']))
        };
        source.is_test |= for_tests.iter().any(is_in);
    }
    let mut faults: Vec<_> = sources.iter().flat_map(Source::faults).collect();
    faults.sort();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn each_rule_finds_what_it_forbids_and_nothing_else() {
    let long = |lines: usize| "    x;\n".repeat(lines);
    let cases: [(&str, String, usize); 28] = [
        ("src/a.rs", "//! A.\nfn f() {}\n".into(), 0),
        ("src/a.rs", "fn f() {}\n".into(), 1),
        ("src/a.rs", format!("//! A.\n{}", "\n".repeat(FILE_LINES_MAX)), 1),
        ("src/a/tests.rs", format!("//! A.\n{}", "\n".repeat(FILE_LINES_MAX)), 0),
        ("tests/a.rs", format!("//! A.\n{}", "\n".repeat(TEST_FILE_LINES_MAX)), 1),
        ("src/a.rs", format!("//! {}\n", "é".repeat(COLUMNS_MAX - 4)), 0),
        ("src/a.rs", format!("//! {}\n", "é".repeat(COLUMNS_MAX - 3)), 1),
        ("src/a.rs", format!("//! \\r\\n{}\n", "é".repeat(COLUMNS_MAX)), 0),
        ("src/a.rs", format!("//! A.\nfn f() {{\n{}}}\n", long(FUNCTION_LINES_MAX - 2)), 0),
        ("src/a.rs", format!("//! A.\nfn f() {{\n{}}}\n", long(FUNCTION_LINES_MAX - 1)), 1),
        ("src/a.rs", format!("//! A.\nfn f(a: [u8; 2]) {{\n{}}}\n", long(FUNCTION_LINES_MAX)), 1),
        ("src/a.rs", format!("//! A.\n#[cfg(test)]\nmod t {{\nfn f() {{\n{}}}\n}}", long(99)), 0),
        ("src/a.rs", format!("//! A.\ntype F = fn(u8);\n{}", long(99)), 0),
        ("src/a.rs", "//! A.\nfn f() { a.unwrap() }\n".into(), 1),
        ("src/a.rs", "//! A.\nfn f() { a.unwrap_or(1); \".unwrap()\" } // .unwrap()\n".into(), 0),
        ("src/a.rs", "//! A.\nfn f() { r#\"\".unwrap()\"#; '\"'; a.expect(1); '\\''; }".into(), 1),
        ("src/a.rs", "//! A.\nfn f<'a>() {\n    // tidy: it cannot fail\n a.unwrap()\n}".into(), 0),
        ("src/a.rs", "//! A.\nfn f<'a>() {\n    // tidy:\n    a.unwrap()\n}\n".into(), 1),
        ("src/a.rs", "//! A.\n#[cfg(test)]\nmod tests {\n fn f() { a.unwrap() }\n}".into(), 0),
        ("src/a.rs", "//! A.\n#[cfg(not(test))]\nfn f() { a.unwrap() }\n".into(), 1),
        ("src/a.rs", "//! A.\n#[cfg(test)]\nmod tests;\nfn f() { a.unwrap() }\n".into(), 1),
        ("src/a.rs", "//! A.\nfn f() { unsafe { } }\n".into(), 1),
        ("tests/a.rs", "//! A.\n#[ignore]\nfn f() { a.unwrap() }\n".into(), 1),
        ("tests/a.rs", "//! A.\n#[ignore = \"needs a network\"]\nfn f() {}\n".into(), 0),
        ("src/http/a.rs", "//! A.\nuse mio::Poll;\nuse std::net::TcpStream;\n".into(), 2),
        ("src/flow/a.rs", "//! A, without mio.\nuse permio::catalog;\n".into(), 0),
        ("src/timer.rs", "//! A.\nfn f(now: Instant) { Instant::now(); }\n".into(), 1),
        ("src/gateway/net.rs", "//! A.\nuse mio::Poll;\nfn f() { Instant::now(); }\n".into(), 0),
    ];
    for (path, text, expected) in cases {
        let faults = Source::new(path, &text).faults();
        assert_eq!(faults.len(), expected, "{path}: {text:.80}: {faults:?}");
    }
}

#[test]
fn a_module_declared_for_tests_is_known_wherever_its_file_is() {
    let declares =
        |path: &str| test_modules(&Source::new(path, "#[cfg(test)]\nmod model;\nmod b;"));
    assert_eq!(declares("src/flow/mod.rs"), ["src/flow/model"]);
    assert_eq!(declares("src/timer.rs"), ["src/timer/model"]);
    assert_eq!(declares("src/lib.rs"), ["src/model"]);
}
