//! What is a row of the tables of keys?
//!
//! A row says all there is to know of one key. It is generic over the type that it fills, so that
//! its last step is an assignment to a field and the compiler checks the types of both sides.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Address;
use super::network::{self, Network};
use super::value::{self, Reason};

/// One row: a key of a section that fills a `T`.
pub(super) struct Key<T: 'static> {
    /// As in the file, with `N` for the number of a server.
    pub(super) name: &'static str,
    /// Where it belongs. Elsewhere it is refused, and a `T` there has the default.
    pub(super) sections: &'static [&'static str],
    /// What holds without it.
    pub(super) fallback: Fallback,
    /// What it may be, and where it goes.
    pub(super) rule: Rule<T>,
    /// What it is for: a phrase for the reference.
    pub(super) about: &'static str,
}

/// What holds when a key is not given.
#[derive(Clone, Copy)]
pub(super) enum Fallback {
    /// Nothing: it must be given.
    Required,
    /// This text, read as if it stood in the file.
    Value(&'static str),
    /// What the blank `T` holds, described for the reference.
    Unset(&'static str),
    /// Nothing: this key or another form of it must be given.
    Either,
}

/// What a value may be, and where in a `T` it goes.
pub(super) enum Rule<T: 'static> {
    /// See [`value::duration`].
    Duration(RangeInclusive<Duration>, fn(&mut T, Duration)),
    /// See [`value::integer`].
    Integer(RangeInclusive<u64>, fn(&mut T, u64)),
    /// One of these words exactly.
    Word(&'static [Word<T>]),
    /// See [`value::listener`].
    Listener(fn(&mut T, Address)),
    /// See [`value::mode`].
    Mode(fn(&mut T, u32)),
    /// See [`value::server`].
    Server(fn(&mut T, Address, bool)),
    /// See [`value::path`].
    Path(fn(&mut T, String)),
    /// See [`value::secret`]. It is repeated nowhere.
    Secret(fn(&mut T, String)),
    /// See [`network::list`].
    Networks(fn(&mut T, Vec<Network>)),
}

/// A word, and what it does.
type Word<T> = (&'static str, fn(&mut T));

impl<T> Rule<T> {
    /// Reads `text` into its place in `target`. Returns the text in its plainest form: durations
    /// with their unit.
    pub(super) fn apply(&self, target: &mut T, text: &str) -> Result<String, Reason> {
        match self {
            Self::Duration(range, set) => {
                let duration = value::duration(text, range)?;
                set(target, duration);
                return Ok(value::write_duration(duration));
            }
            Self::Integer(range, set) => set(target, value::integer(text, range)?),
            Self::Word(words) => {
                let word = words.iter().find(|(word, _)| *word == text);
                let (_, set) = word.ok_or("not one of the words known here")?;
                set(target);
            }
            Self::Listener(set) => set(target, value::listener(text)?),
            Self::Mode(set) => set(target, value::mode(text)?),
            Self::Server(set) => {
                let (address, each) = value::server(text)?;
                set(target, address, each);
            }
            Self::Path(set) => set(target, value::path(text)?),
            Self::Secret(set) => {
                set(target, value::secret(text)?);
                return Ok("(given)".to_owned());
            }
            Self::Networks(set) => set(target, network::list(text)?),
        }
        Ok(text.to_owned())
    }

    /// What a value may be, in words.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Duration(range, _) => {
                let (least, most) = (*range.start(), *range.end());
                let (least, most) = (value::write_duration(least), value::write_duration(most));
                format!("{least} to {most} (a number of seconds, or with ms, s, m or h)")
            }
            Self::Integer(range, _) => format!("{} to {}", range.start(), range.end()),
            Self::Word(words) => words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "),
            Self::Listener(_) => {
                "a host name, an IPv4 or an IPv6 address, or unix:/path".to_owned()
            }
            Self::Mode(_) => "0000 to 0777, as chmod has it".to_owned(),
            Self::Server(_) => {
                "host:port, with IPv6 in brackets, dns:name:port or unix:/path".to_owned()
            }
            Self::Path(_) => "a path, with its query".to_owned(),
            Self::Secret(_) => "8 to 256 visible ASCII characters".to_owned(),
            Self::Networks(_) => {
                "addresses, address/prefix blocks and the words private and unix, with commas"
                    .to_owned()
            }
        }
    }
}
