//! What is wrong with the configuration, and where?
//!
//! An [`Error`] prints as one line that an operator can act on without opening the manual:
//! `gateway.ini:7: [http] server1_max_worker: unknown key; did you mean server1_max_workers?`

use std::fmt;
use std::path::Path;

/// The most characters of the file that one message repeats.
const QUOTE_MAX: usize = 80;

/// The first refusal of a configuration: where it is, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file as it was named; `None` for text that came from no file.
    pub file: Option<String>,
    /// Counted from 1; `None` where something is missing from the whole file.
    pub line: Option<usize>,
    /// Without its brackets.
    pub section: Option<String>,
    /// As in the file.
    pub key: Option<String>,
    /// What is wrong there; boxed to keep results small.
    pub problem: Box<Problem>,
}

/// What is wrong. It prints as the end of an [`Error`]'s line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file cannot be read; the operating system says why.
    Unreadable(String),
    /// The file is no configuration.
    TooLarge {
        /// In bytes.
        most: u64,
    },
    /// The line is not text.
    NotUtf8,
    /// The line holds a character that an editor does not show.
    Control(char),
    /// The line is none of those that there are.
    Syntax(String),
    /// A key stands before the first section.
    NoSection,
    /// The section does not exist.
    UnknownSection {
        /// The one that may have been meant.
        nearest: Option<&'static str>,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// The section was begun before.
    DuplicateSection {
        /// The line of that.
        first: usize,
    },
    /// No section has such a key.
    UnknownKey {
        /// The one that may have been meant.
        nearest: Option<String>,
        /// Those of the section.
        known: Vec<String>,
    },
    /// The key is one of other sections.
    Elsewhere {
        /// Without their brackets.
        sections: Vec<&'static str>,
    },
    /// The key was given before.
    DuplicateKey {
        /// The line of that.
        first: usize,
    },
    /// `drain_delay` leaves nothing of `shutdown_timeout`.
    DelayTooLong {
        /// What was given for it.
        found: String,
    },
    /// The N of `serverN` has leading zeros or more than 64 bits.
    ServerNumber,
    /// The value is not one that the key can have.
    Value {
        /// The value.
        found: String,
        /// What it is instead: goes on from "is".
        reason: &'static str,
        /// What the key can have.
        allowed: String,
    },
    /// The file lacks a section.
    MissingSection(&'static str),
    /// The section lacks a key.
    MissingKey {
        /// What the key can have.
        allowed: String,
    },
    /// The section has no `serverN`.
    NoServers,
    /// All servers of the section are spares.
    OnlySpares,
    /// The section has too many.
    TooManyServers {
        /// The most it may have.
        most: usize,
    },
    /// `serverN` and `serverN_addr` are both given.
    TwoAddresses {
        /// The first of them in the message.
        other: String,
        /// Its line.
        line: usize,
    },
    /// There are keys of a server, but not its address.
    NoAddress {
        /// The N of its keys.
        number: u64,
        /// The keys that would give it.
        keys: String,
    },
    /// Two sections listen at the same place.
    Taken {
        /// Which.
        address: String,
    },
    /// The key belongs to the other kind of listener.
    Meaningless {
        /// The one that is configured.
        host: String,
    },
    /// The admin listener can be reached from elsewhere, and asks nobody who he is.
    NoToken {
        /// Where it listens.
        host: String,
    },
    /// More connections kept open than allowed.
    MinAboveMax {
        /// What was given for the least.
        min: usize,
        /// The key of the most.
        max_key: String,
        /// Its value, given or not.
        max: usize,
    },
}

impl Error {
    /// An error that is nowhere in particular yet.
    pub(super) fn new(problem: Problem) -> Self {
        Self { file: None, line: None, section: None, key: None, problem: Box::new(problem) }
    }

    /// The same error, said of that file.
    pub(super) fn in_file(self, path: &Path) -> Self {
        Self { file: Some(path.display().to_string()), ..self }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    /// `file:line: [section] key: problem`, without what is not known. Never more than one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}: ", Quote(file))?,
            (Some(file), None) => write!(f, "{}: ", Quote(file))?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        match (&self.section, &self.key) {
            (Some(section), Some(key)) => write!(f, "[{}] {}: ", Quote(section), Quote(key))?,
            (Some(section), None) => write!(f, "[{}]: ", Quote(section))?,
            (None, Some(key)) => write!(f, "{}: ", Quote(key))?,
            (None, None) => {}
        }
        self.problem.fmt(f)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {}", Quote(why)),
            Self::TooLarge { most } => {
                write!(f, "is larger than {most} bytes, so it is no configuration")
            }
            Self::NotUtf8 => write!(f, "is not UTF-8"),
            Self::Control(c) => write!(f, "the control character {c:?} is not allowed"),
            Self::Syntax(line) => {
                let line = Quote(line);
                write!(f, "\"{line}\" is neither [section] nor key = value nor a # or ; comment")
            }
            Self::NoSection => write!(f, "stands before the first [section]"),
            Self::UnknownSection { nearest, known } => {
                write!(f, "unknown section; ")?;
                match nearest {
                    Some(nearest) => write!(f, "did you mean [{nearest}]?"),
                    None => write!(f, "there are {}", in_brackets(known, ", ")),
                }
            }
            Self::DuplicateSection { first } => {
                write!(f, "begun already on line {first}; allowed: once")
            }
            Self::UnknownKey { nearest: Some(nearest), .. } => {
                write!(f, "unknown key; did you mean {nearest}?")
            }
            Self::UnknownKey { nearest: None, known } => {
                write!(f, "unknown key; there are {}", known.join(", "))
            }
            Self::Elsewhere { sections } => {
                write!(f, "not a key of this section but of {}", in_brackets(sections, " and "))
            }
            Self::DuplicateKey { first } => {
                write!(f, "given already on line {first}; allowed: once")
            }
            Self::DelayTooLong { found } => {
                let found = Quote(found);
                write!(f, "\"{found}\" leaves no time to finish; allowed: below shutdown_timeout")
            }
            Self::ServerNumber => {
                write!(f, "a server's number is 0 to {}, without leading zeros", u64::MAX)
            }
            Self::Value { found, reason, allowed } => {
                write!(f, "\"{}\" is {reason}; allowed: {allowed}", Quote(found))
            }
            Self::MissingSection(name) => write!(f, "there is no section {name}"),
            Self::MissingKey { allowed } => {
                write!(f, "is required, and missing; allowed: {allowed}")
            }
            Self::NoServers => write!(f, "has no servers; the first is server1 = host:port"),
            Self::OnlySpares => f.write_str(
                "\"true\" makes every server of the section a spare; allowed: for all but one",
            ),
            Self::TooManyServers { most } => write!(f, "has more than {most} servers"),
            Self::TwoAddresses { other, line } => {
                write!(f, "the address is given already as {other} on line {line}; allowed: once")
            }
            Self::NoAddress { number, keys } => {
                write!(f, "server {number} has no address; it is given as {keys}")
            }
            Self::Taken { address } => write!(f, "{} is where [frontend] listens", Quote(address)),
            Self::Meaningless { host } => write!(f, "means nothing where host is {}", Quote(host)),
            Self::NoToken { host } => {
                write!(f, "is required, because {} is no loopback address", Quote(host))
            }
            Self::MinAboveMax { min, max_key, max } => {
                write!(f, "{min} is more than {max_key}, which is {max}; allowed: 0 to {max}")
            }
        }
    }
}

fn in_brackets(sections: &[&str], between: &str) -> String {
    sections.iter().map(|name| format!("[{name}]")).collect::<Vec<_>>().join(between)
}

/// Text of the file inside a message: on one line whatever it is, and not too much of it.
struct Quote<'a>(&'a str);

impl fmt::Display for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(QUOTE_MAX) {
            match c {
                '"' | '\'' | '\\' => write!(f, "{c}")?,
                c => write!(f, "{}", c.escape_debug())?,
            }
        }
        if self.0.chars().nth(QUOTE_MAX).is_some() { write!(f, "...") } else { Ok(()) }
    }
}
