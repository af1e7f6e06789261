//! What does an operator ask for, and may he?
//!
//! A request shows the token, if one is configured: as `Authorization: Bearer`, or as the password
//! of `Basic`, which is what a browser can do. Without a token the listener is on loopback, and the
//! danger is a page of somebody else in a browser of this machine. So then Host must be an address
//! or `localhost` (else a name of the attacker's could point here), and whatever changes something
//! must not come from another origin.

use super::snapshot::Snapshot;
use crate::http::fields::all;
use crate::http::head::RequestHead;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use log::LevelFilter;
use std::net::IpAddr;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The status page.
    Page,
    /// The snapshot as events.
    Events(Feed),
    /// The snapshot as JSON.
    Status,
    /// The snapshot for Prometheus.
    Metrics,
    /// Whether the process answers at all.
    Live,
    /// Whether new work is welcome.
    Ready,
    /// A server gets no more work, or again.
    Steer(Steer),
    /// The level of the program's own log.
    Level(LevelFilter),
}

/// What an event of a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// The snapshot as JSON.
    Json,
    /// The part of the page that changes.
    Page,
}

/// An order about one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steer {
    /// `[http]`; otherwise `[websocket]`.
    pub http: bool,
    /// The N of its keys.
    pub number: u64,
    /// Out, or in again.
    pub drain: bool,
    /// It came from a form of the page: the answer leads back there.
    pub from_page: bool,
}

/// Why a request is not answered as it wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// There is nothing by that name (404).
    Unknown,
    /// There is, for another method (405); the one that it takes.
    Method(&'static str),
    /// The token is missing or wrong (401).
    Token,
    /// The request was made by a page of somebody else (403).
    Foreign,
    /// There is content, and nothing here takes any (413).
    Content,
    /// No such server (404).
    NoServer,
}

impl Denial {
    /// The status (RFC 9110 15.5).
    pub fn status(self) -> u16 {
        match self {
            Self::Unknown | Self::NoServer => 404,
            Self::Method(_) => 405,
            Self::Token => 401,
            Self::Foreign => 403,
            Self::Content => 413,
        }
    }

    /// What is wrong, for a person.
    pub fn message(self) -> &'static str {
        match self {
            Self::Unknown => "there is nothing here by that name",
            Self::NoServer => "there is no such server",
            Self::Method(_) => "this takes another method",
            Self::Token => "the token is missing or wrong",
            Self::Foreign => "this request comes from a page of another origin",
            Self::Content => "nothing here takes content",
        }
    }
}

impl Route {
    /// What the request is for, if it may.
    ///
    /// # Errors
    /// Why not.
    pub fn of(head: &RequestHead<'_, '_>, token: Option<&str>) -> Result<Self, Denial> {
        let target = head.target();
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let from_page = head.field("Accept").is_some_and(|accept| accept.starts_with(b"text/html"));
        let (route, method) = Self::named(path, from_page).ok_or(Denial::Unknown)?;
        if !route.is_open_to_all() {
            match token {
                Some(token) if !shows(head, token) => return Err(Denial::Token),
                None if !is_local(head.authority()) => return Err(Denial::Foreign),
                Some(_) | None => {}
            }
        }
        match (method, head.method) {
            ("GET", "GET" | "HEAD") => {}
            ("POST", "POST") if !is_own(head) => return Err(Denial::Foreign),
            ("POST", "POST") => {}
            (method, _) => return Err(Denial::Method(method)),
        }
        if !head.framing.is_complete() {
            return Err(Denial::Content);
        }
        Ok(route)
    }

    /// What is at a path, and which method it takes.
    fn named(path: &str, from_page: bool) -> Option<(Self, &'static str)> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        Some(match parts[..] {
            [""] => (Self::Page, "GET"),
            ["events"] => (Self::Events(Feed::Json), "GET"),
            ["events", "page"] => (Self::Events(Feed::Page), "GET"),
            ["status"] => (Self::Status, "GET"),
            ["metrics"] => (Self::Metrics, "GET"),
            ["live"] => (Self::Live, "GET"),
            ["ready"] => (Self::Ready, "GET"),
            ["servers", section @ ("http" | "websocket"), number, order] => {
                let drain = match order {
                    "drain" => true,
                    "restore" => false,
                    _ => return None,
                };
                let number = number.parse().ok()?;
                let http = section == "http";
                (Self::Steer(Steer { http, number, drain, from_page }), "POST")
            }
            ["log", level] => (Self::Level(level.parse().ok()?), "POST"),
            _ => return None,
        })
    }

    /// Whoever starts containers asks these two, and knows no token.
    fn is_open_to_all(self) -> bool {
        matches!(self, Self::Live | Self::Ready)
    }

    /// The status of the answer, by what the snapshot says.
    pub fn status(self, snapshot: &Snapshot) -> u16 {
        match self {
            Self::Ready if !snapshot.ready => 503,
            Self::Steer(Steer { from_page: true, .. }) => 303,
            Self::Page
            | Self::Events(_)
            | Self::Status
            | Self::Metrics
            | Self::Live
            | Self::Ready
            | Self::Steer(_)
            | Self::Level(_) => 200,
        }
    }
}

/// Does the request show the token?
fn shows(head: &RequestHead<'_, '_>, token: &str) -> bool {
    let Some(field) = head.field("Authorization") else { return false };
    let (scheme, rest) = match field.iter().position(|byte| *byte == b' ') {
        Some(at) => (&field[..at], field[at..].trim_ascii()),
        None => return false,
    };
    if scheme.eq_ignore_ascii_case(b"Bearer") {
        return is_same(rest, token.as_bytes());
    }
    if scheme.eq_ignore_ascii_case(b"Basic")
        && let Ok(pair) = BASE64_STANDARD.decode(rest)
        && let Some(colon) = pair.iter().position(|byte| *byte == b':')
    {
        return is_same(&pair[colon + 1..], token.as_bytes());
    }
    false
}

/// Compares in a time that does not tell how much of it was right.
fn is_same(shown: &[u8], token: &[u8]) -> bool {
    let differing = shown.iter().zip(token).fold(0, |bits, (a, b)| bits | (a ^ b));
    shown.len() == token.len() && std::hint::black_box(differing) == 0
}

/// Is the authority one that no other machine's page can have? An HTTP/1.0 client gives none.
fn is_local(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    authority.is_empty() || bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Does a request that changes something come from our own page, or from no page at all?
fn is_own(head: &RequestHead<'_, '_>) -> bool {
    all(head.fields, "Origin").all(|origin| {
        let authority =
            origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
        authority.is_some_and(|a| a.eq_ignore_ascii_case(head.authority().as_bytes()))
    })
}

#[cfg(test)]
mod tests;
