//! What may stand in the file?
//!
//! The rows of all tables of keys without the types that they fill: for the check of names, for
//! `--help` and for the documentation.

use super::keys::{ADMIN, FRONTEND, LOG, SECTION, SERVER, TUNNELS};
use super::rule::{Fallback, Key};

/// One key as the documentation tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// As in the file, with `N` for the number of a server.
    pub key: &'static str,
    /// The sections that it belongs in, without their brackets.
    pub sections: &'static [&'static str],
    /// The text that stands for a key that is not given, or what then holds.
    pub default: &'static str,
    /// What a value may be.
    pub allowed: String,
    /// What it is for.
    pub about: &'static str,
}

/// All keys, in the order of the sections.
pub fn reference() -> impl Iterator<Item = Reference> {
    let frontend = FRONTEND.iter().map(describe);
    let section = SECTION.iter().map(describe).chain(TUNNELS.iter().map(describe));
    let servers = SERVER.iter().map(describe);
    let admin = ADMIN.iter().map(describe);
    frontend.chain(section).chain(servers).chain(admin).chain(LOG.iter().map(describe))
}

fn describe<T>(key: &Key<T>) -> Reference {
    let default = match key.fallback {
        Fallback::Required | Fallback::Either => "required",
        Fallback::Value(text) | Fallback::Unset(text) => text,
    };
    let (sections, allowed) = (key.sections, key.rule.allowed());
    Reference { key: key.name, sections, default, allowed, about: key.about }
}
