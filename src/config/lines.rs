//! What does each line say?
//!
//! `rust-ini` reads the syntax, one line at a time. Given a whole file it tells no line numbers,
//! lets a key without `=` run on into the next line, joins lines that end in a backslash and takes
//! an indented comment for a key; given one line it can do none of that. A line that it understands
//! otherwise than a reader of the file would is refused.
//!
//! A line is blank, a comment (its first character is `#` or `;`), `[section]` or `key = value`.
//! The value is everything after the first `=`, without the white space around it: quotes,
//! backslashes and a later `#` or `;` are part of it.

use std::collections::HashMap;

use ini::{Ini, ParseOption, Properties};

use super::{Error, Problem};

/// One `[section]` and what it holds, in the order of the file.
pub(super) struct Block {
    /// Without its brackets.
    pub(super) name: String,
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    /// Its keys, each at most once, in the order of the file.
    pub(super) entries: Vec<Entry>,
    /// The same by key: the place among the entries.
    places: HashMap<String, usize>,
}

/// One `key = value`.
pub(super) struct Entry {
    /// As in the file.
    pub(super) key: String,
    /// Never with white space around it; possibly empty.
    pub(super) value: String,
    /// Counted from 1.
    pub(super) line: usize,
}

impl Block {
    /// A section without keys.
    pub(super) fn new(name: String, line: usize) -> Self {
        Self { name, line, entries: Vec::new(), places: HashMap::new() }
    }

    /// The entry of that key.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(*self.places.get(key)?)
    }

    /// Adds an entry whose key is not there yet.
    fn push(&mut self, entry: Entry) -> Result<(), Error> {
        if let Some(first) = self.get(&entry.key) {
            return Err(self.error_at(&entry, Problem::DuplicateKey { first: first.line }));
        }
        self.places.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    /// An error about the section as a whole.
    pub(super) fn error(&self, problem: Problem) -> Error {
        Error { line: Some(self.line), section: Some(self.name.clone()), ..Error::new(problem) }
    }

    /// An error about one entry of the section.
    pub(super) fn error_at(&self, entry: &Entry, problem: Problem) -> Error {
        let key = Some(entry.key.clone());
        Error { line: Some(entry.line), key, ..self.error(problem) }
    }
}

/// Reads all lines. Every section and, within a section, every key is there at most once.
pub(super) fn read(text: &str) -> Result<Vec<Block>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut blocks: Vec<Block> = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let at_line = |problem| Error { line: Some(line), ..Error::new(problem) };
        match understand(content).map_err(at_line)? {
            Line::Empty => {}
            Line::Section(name) => {
                if let Some(first) = blocks.iter().find(|block| block.name == name) {
                    let problem = Problem::DuplicateSection { first: first.line };
                    return Err(Error { section: Some(name), ..at_line(problem) });
                }
                blocks.push(Block::new(name, line));
            }
            Line::Entry(key, value) => {
                let entry = Entry { key, value, line };
                let Some(block) = blocks.last_mut() else {
                    return Err(Error { key: Some(entry.key), ..at_line(Problem::NoSection) });
                };
                block.push(entry)?;
            }
        }
    }
    Ok(blocks)
}

/// What one line says.
enum Line {
    /// Nothing: blank, or a comment.
    Empty,
    /// `[name]`.
    Section(String),
    /// `key = value`.
    Entry(String, String),
}

/// Reads one line, given without its line end.
fn understand(line: &str) -> Result<Line, Problem> {
    if let Some(found) = line.chars().find(|c| c.is_control() && *c != '\t') {
        return Err(Problem::Control(found));
    }
    let line = line.trim();
    let syntax = || Problem::Syntax(line.to_owned());
    // All that these options would allow makes a value differ from what the line shows.
    let literally = ParseOption {
        enabled_quote: false,
        enabled_escape: false,
        enabled_indented_mutiline_value: false,
        enabled_preserve_key_leading_whitespace: false,
    };
    let ini = Ini::load_from_str_opt(line, literally).map_err(|_| syntax())?;
    let mut found = ini.iter().filter(|(name, keys)| name.is_some() || !keys.is_empty());
    match (found.next(), found.next()) {
        (None, _) => Ok(Line::Empty),
        (Some((Some(name), keys)), None) if keys.is_empty() => Ok(Line::Section(name.to_owned())),
        (Some((None, keys)), None) => entry(line, keys).ok_or_else(syntax),
        (Some(_), _) => Err(syntax()),
    }
}

/// The one key and value of a line, if they are what stands left and right of its first `=`.
/// (`rust-ini` takes a colon for an equals sign, which would make two keys of `a:b = c`.)
fn entry(line: &str, keys: &Properties) -> Option<Line> {
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    keys.iter().eq([(key, value)]).then(|| Line::Entry(key.to_owned(), value.to_owned()))
}
