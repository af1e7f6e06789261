//! What does the next hop get to read? (RFC 9110 7.6, RFC 9112 2.3)
//!
//! A head goes on as it came, line for line, but for what belongs to one connection only:
//!
//! - the hop-by-hop fields, and every field that Connection names, end here (RFC 9110 7.6.1);
//! - how the body is framed is said anew, once, from what the parser understood (RFC 9112 6);
//! - the request says whom we forward for: `X-Forwarded-*` and Via (RFC 9110 7.6.3);
//! - our own connection options are added, and a Date where one is missing (RFC 9110 6.6.1).
//!
//! Our own lines stand behind the others, in this order. Nothing is allocated for a usual head but
//! the growth of the buffer that it is written to.

use std::cmp::Ordering;
use std::io::Write;
use std::net::IpAddr;

use httparse::Header;

use super::Version;
use super::fields::{elements, lists};
use super::framing::Framing;
use super::head::{Asked, RequestHead, ResponseHead};
use super::write::{CHUNKED, UPGRADE, connection, content_length, decimal, line, put};
use crate::peer::Peer;

#[cfg(test)]
mod tests;

/// More than all the lines that we may add to a head, apart from the authority.
const OUR_LINES: usize = 320;

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// Who is at the other end of the client's connection.
    pub peer: Peer,
    /// Is that a proxy whose word on the client is believed (`trusted_proxies`)?
    pub trusted: bool,
    /// Our own authority, for an HTTP/1.0 request that names none (RFC 9112 3.3).
    pub authority: &'a str,
    /// What the request is called in the logs of all who handle it: takes the place of every
    /// X-Request-Id. Empty: whatever came goes on.
    pub request_id: &'a [u8],
}

/// How the body of a response is delivered to the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// In the framing that the server chose.
    AsReceived,
    /// In chunks, though the server ends it by closing.
    Chunked,
    /// Up to the close of the connection, because an HTTP/1.0 client reads no chunks.
    UntilClose,
}

/// What a response meets on the client's side.
#[derive(Clone, Copy, Debug)]
pub struct Onward<'a> {
    /// The request that it answers.
    pub asked: Asked,
    /// Does the client's connection stay open behind it?
    pub persistent: bool,
    /// How its body goes on. Only a body of unknown length can be delivered other than as received.
    pub delivery: Delivery,
    /// The time, in case the server did not say it.
    pub date: &'a [u8; 29],
}

/// What a field means to a gateway.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing: it goes on.
    EndToEnd,
    /// It ends here.
    HopByHop,
    /// Nothing in a response, see there.
    Asking(Asking),
    ContentLength,
    Date,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
}

/// Fields that mean something to a gateway in a request only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    Expect,
    ForwardedFor,
    ForwardedHost,
    ForwardedProto,
    Host,
    RequestId,
    /// One of all these to a server that takes `_` for `-`, as those do that speak CGI or WSGI.
    LookAlike,
}

/// The longest name that [`Kind`] knows, in bytes. The shortest one with a `-` has ten.
const NAME_MAX: usize = 25;

/// Writes the head of a request for the server.
///
/// The target is the origin-form that the parser determined, the authority takes the place of what
/// Host said. Without `trusted`, what the client claimed in `X-Forwarded-*` is dropped; from
/// whomever it comes, what only looks like one of the fields that are ours to write.
pub fn request(head: &RequestHead<'_, '_>, hop: &Hop<'_>, out: &mut Vec<u8>) {
    let authority = match head.authority() {
        "" => hop.authority.as_bytes(),
        named => named.as_bytes(),
    };
    out.reserve(head.len + 2 * authority.len() + OUR_LINES);
    put(out, &[head.method.as_bytes(), b" ", head.target().as_bytes(), b" HTTP/1.1\r\n"]);

    let options = Options::of(head.fields);
    let mut seen = Seen::default();
    for field in head.fields {
        match Kind::of(field.name.as_bytes()) {
            Kind::EndToEnd | Kind::Date | Kind::Trailer if options.name(field.name) => {}
            Kind::EndToEnd | Kind::Date | Kind::Trailer => line(out, field.name, field.value),
            Kind::Asking(asking) => match asking {
                Asking::Expect if !head.expects_continue || options.name(field.name) => {}
                Asking::ForwardedHost | Asking::ForwardedProto if !hop.trusted => {}
                Asking::Host if seen.host => {}
                Asking::ForwardedFor | Asking::LookAlike => {}
                Asking::RequestId if !hop.request_id.is_empty() || options.name(field.name) => {}
                Asking::RequestId => line(out, field.name, field.value),
                Asking::Expect => line(out, field.name, field.value),
                Asking::ForwardedHost => {
                    seen.forwarded_host = true;
                    line(out, field.name, field.value);
                }
                Asking::ForwardedProto => {
                    seen.forwarded_proto = true;
                    line(out, field.name, field.value);
                }
                Asking::Host => {
                    seen.host = true;
                    line(out, field.name, authority);
                }
            },
            Kind::ContentLength => seen.length = true,
            Kind::Te => seen.trailers |= lists(field.value, "trailers"),
            Kind::HopByHop | Kind::TransferEncoding | Kind::Upgrade => {}
        }
    }
    if !seen.host {
        line(out, "Host", authority);
    }
    on_behalf(head, hop, &seen, out);
    if !hop.request_id.is_empty() {
        line(out, "X-Request-Id", hop.request_id);
    }
    match head.framing {
        Framing::Length(0) if !seen.length => {}
        Framing::Length(length) => content_length(out, length),
        Framing::Chunked(_) => put(out, &[CHUNKED]),
        Framing::UntilClose => {} // No request is framed so (RFC 9112 6.3, rule 7).
    }
    // An HTTP/1.0 client gets no chunks, and so no trailer section.
    let te = seen.trailers && head.version == Version::Http11;
    connection(out, [(head.asks_websocket, "Upgrade"), (te, "TE")]);
    if head.asks_websocket {
        put(out, &[UPGRADE]);
    }
    if te {
        put(out, &[b"TE: trailers\r\n"]);
    }
    put(out, &[b"\r\n"]);
}

/// Writes the head of a response, interim or final, for the client.
pub fn response(head: &ResponseHead<'_, '_>, onward: &Onward<'_>, out: &mut Vec<u8>) {
    out.reserve(head.len + OUR_LINES);
    put(out, &[b"HTTP/1.1 "]);
    decimal(out, u64::from(head.status));
    put(out, &[b" ", head.reason.as_ref(), b"\r\n"]);

    let options = Options::of(head.fields);
    let mut described = Described::default();
    let (mut dated, mut upgrade) = (false, head.status == 101);
    for field in head.fields {
        match Kind::of(field.name.as_bytes()) {
            Kind::EndToEnd | Kind::Asking(_) | Kind::Date | Kind::Trailer
                if options.name(field.name) => {}
            Kind::Trailer if onward.delivery == Delivery::UntilClose => {}
            Kind::EndToEnd | Kind::Asking(_) | Kind::Trailer => line(out, field.name, field.value),
            Kind::Date => {
                dated = true;
                line(out, field.name, field.value);
            }
            Kind::ContentLength => described.length = Some(field.value),
            Kind::TransferEncoding => described.chunked = true,
            Kind::Upgrade => upgrade |= head.status == 426 && lists(field.value, "websocket"),
            Kind::HopByHop | Kind::Te => {}
        }
    }
    let is_final = head.status >= 200;
    if is_final && !dated {
        line(out, "Date", onward.date);
    }
    response_framing(head, onward, &described, out);
    let closes = is_final && !onward.persistent;
    let stays = is_final && onward.persistent && onward.asked.version == Version::Http10;
    connection(out, [(upgrade, "Upgrade"), (closes, "close"), (stays, "keep-alive")]);
    if upgrade {
        put(out, &[UPGRADE]);
    }
    put(out, &[b"\r\n"]);
}

/// What stood in a request already.
#[derive(Default)]
struct Seen {
    host: bool,
    length: bool,
    trailers: bool,
    forwarded_host: bool,
    forwarded_proto: bool,
}

/// The lines that tell a server whose request it is, and by which way it came (RFC 9110 7.6.3).
fn on_behalf(head: &RequestHead<'_, '_>, hop: &Hop<'_>, seen: &Seen, out: &mut Vec<u8>) {
    forwarded_for(head, hop, out);
    if !seen.forwarded_proto {
        put(out, &[b"X-Forwarded-Proto: http\r\n"]);
    }
    if !seen.forwarded_host && !head.authority().is_empty() {
        line(out, "X-Forwarded-Host", head.authority().as_bytes());
    }
    put(
        out,
        &[match head.version {
            Version::Http10 => b"Via: 1.0 tidegate\r\n",
            Version::Http11 => b"Via: 1.1 tidegate\r\n",
        }],
    );
}

/// What a response without a body says of the one that it would have (RFC 9110 8.6, RFC 9112 6.1).
#[derive(Default)]
struct Described<'b> {
    length: Option<&'b [u8]>,
    chunked: bool,
}

fn response_framing(
    head: &ResponseHead<'_, '_>,
    onward: &Onward<'_>,
    described: &Described<'_>,
    out: &mut Vec<u8>,
) {
    if head.status < 200 || head.status == 204 {
        return;
    }
    if onward.asked.head || head.status == 304 {
        if described.chunked {
            if onward.asked.head && onward.asked.version == Version::Http11 {
                put(out, &[CHUNKED]);
            }
        } else if let Some(length) = described.length {
            line(out, "Content-Length", length);
        }
        return;
    }
    match (&head.framing, onward.delivery) {
        (Framing::Length(length), _) => content_length(out, *length),
        (Framing::Chunked(_), Delivery::AsReceived | Delivery::Chunked)
        | (Framing::UntilClose, Delivery::Chunked) => put(out, &[CHUNKED]),
        (Framing::Chunked(_), Delivery::UntilClose)
        | (Framing::UntilClose, Delivery::AsReceived | Delivery::UntilClose) => {}
    }
}

impl Kind {
    fn of(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            2 if is("TE") => Self::Te,
            4 if is("Host") => Self::Asking(Asking::Host),
            4 if is("Date") => Self::Date,
            6 if is("Expect") => Self::Asking(Asking::Expect),
            7 if is("Trailer") => Self::Trailer,
            7 if is("Upgrade") => Self::Upgrade,
            10 if is("Connection") || is("Keep-Alive") => Self::HopByHop,
            12 if is("X-Request-Id") => Self::Asking(Asking::RequestId),
            14 if is("Content-Length") => Self::ContentLength,
            15 if is("X-Forwarded-For") => Self::Asking(Asking::ForwardedFor),
            16 if is("X-Forwarded-Host") => Self::Asking(Asking::ForwardedHost),
            16 if is("Proxy-Connection") => Self::HopByHop,
            17 if is("X-Forwarded-Proto") => Self::Asking(Asking::ForwardedProto),
            17 if is("Transfer-Encoding") => Self::TransferEncoding,
            // Credentials for and challenges of a proxy concern the next one only (RFC 9110 11.7).
            18 if is("Proxy-Authenticate") => Self::HopByHop,
            19 if is("Proxy-Authorization") => Self::HopByHop,
            NAME_MAX if is("Proxy-Authentication-Info") => Self::HopByHop,
            10..=NAME_MAX if name.contains(&b'_') => Self::in_disguise(name),
            _ => Self::EndToEnd,
        }
    }

    /// What a name with `_` in it is that has no more bytes than [`NAME_MAX`].
    fn in_disguise(name: &[u8]) -> Self {
        let mut plain = [0; NAME_MAX];
        for (to, from) in plain.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        let is_ours = Self::of(&plain[..name.len()]) != Self::EndToEnd;
        if is_ours { Self::Asking(Asking::LookAlike) } else { Self::EndToEnd }
    }
}

/// The connection options of a head that name fields (RFC 9110 7.6.1).
///
/// Usually there are none, and then nothing is allocated. They are sorted, because a head full of
/// options on one side and fields on the other would else keep us busy for milliseconds.
struct Options<'b>(Vec<&'b [u8]>);

impl<'b> Options<'b> {
    fn of(fields: &[Header<'b>]) -> Self {
        let mut options = Vec::new();
        for field in fields.iter().filter(|field| field.name.eq_ignore_ascii_case("Connection")) {
            options.extend(elements(field.value).filter(|option| {
                !option.eq_ignore_ascii_case(b"close")
                    && !matches!(Kind::of(option), Kind::HopByHop | Kind::Te | Kind::Upgrade)
            }));
        }
        options.sort_unstable_by(|a, b| regardless_of_case(a, b));
        Self(options)
    }

    /// Is the field of this name meant for us alone?
    fn name(&self, name: &str) -> bool {
        let name = name.as_bytes();
        self.0.binary_search_by(|option| regardless_of_case(option, name)).is_ok()
    }
}

fn regardless_of_case(a: &[u8], b: &[u8]) -> Ordering {
    let lower = u8::to_ascii_lowercase;
    a.iter().map(lower).cmp(b.iter().map(lower))
}

/// The addresses that came, if they are believed, and the one of the client, if it has one.
fn forwarded_for(head: &RequestHead<'_, '_>, hop: &Hop<'_>, out: &mut Vec<u8>) {
    let before = out.len();
    put(out, &[b"X-Forwarded-For: "]);
    let empty = out.len();
    if hop.trusted {
        for field in head.fields.iter().filter(|field| !field.value.is_empty()) {
            if Kind::of(field.name.as_bytes()) == Kind::Asking(Asking::ForwardedFor) {
                let comma: &[u8] = if out.len() == empty { b"" } else { b", " };
                put(out, &[comma, field.value]);
            }
        }
    }
    if let Some(ip) = hop.peer.ip() {
        if out.len() > empty {
            put(out, &[b", "]);
        }
        address(out, ip);
    }
    if out.len() == empty {
        return out.truncate(before);
    }
    put(out, &[b"\r\n"]);
}

/// An address without port or brackets. An IPv4 peer of a listener on `[::]` is shown as IPv4.
fn address(out: &mut Vec<u8>, peer: IpAddr) {
    match peer.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, others @ ..] = v4.octets();
            decimal(out, u64::from(first));
            for octet in others {
                out.push(b'.');
                decimal(out, u64::from(octet));
            }
        }
        IpAddr::V6(v6) => write!(out, "{v6}").unwrap_or_default(), // A Vec takes everything.
    }
}
