//! Heads: one reading, whatever pieces they come in and whatever follows them.

use std::fmt::Debug;

use tidegate::http::framing::Framing;
use tidegate::http::head::{Asked, HeadLimits, Lines, RequestHead, ResponseHead};
use tidegate::http::{Refusal, Version};

use super::cuts::lengths;
use super::plain::{PlainFraming, PlainHead};

/// Small enough to be exceeded often.
pub const LIMITS: HeadLimits = HeadLimits { max_bytes: 1024, max_fields: 16 };

/// Every way in which a request can colour the reading of its response.
pub const ASKED: [Asked; 4] = [
    Asked { head: false, websocket: false, version: Version::Http11 },
    Asked { head: false, websocket: false, version: Version::Http10 },
    Asked { head: true, websocket: false, version: Version::Http11 },
    Asked { head: false, websocket: true, version: Version::Http11 },
];

/// All that is known of a head, so that two readings can be compared.
#[derive(Debug, PartialEq)]
struct Reading {
    len: usize,
    fields: Vec<(String, Vec<u8>)>,
    framing: Framing,
    meaning: String,
}

/// A request head is settled by its own bytes, and what is accepted is what a strict reader sees.
pub fn request_head(bytes: &[u8]) {
    let read = |bytes: &[u8]| {
        let mut lines = Lines::new();
        let head = RequestHead::parse(bytes, &mut lines, LIMITS)?;
        Ok(head.as_ref().map(|head| Reading {
            len: head.len,
            fields: head.fields.iter().map(|f| (f.name.to_owned(), f.value.to_vec())).collect(),
            framing: head.framing.clone(),
            meaning: format!("{head:?} {} {}", head.target(), head.authority()),
        }))
    };
    let Some(reading) = settled(bytes, read) else { return };
    let mut lines = Lines::new();
    let parsed = RequestHead::parse(bytes, &mut lines, LIMITS);
    let head = parsed.expect("it was accepted before").expect("it was whole before");
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let plain = PlainHead::read(&bytes[skipped..head.len]);

    let [method, target, version] = plain.start.as_slice() else {
        panic!("a request line of {} parts", plain.start.len())
    };
    assert_eq!((head.method, head.version.as_str()), (method.as_str(), version.as_str()));
    let absolute = target.split_once("://");
    assert_eq!(absolute.is_none() || target.starts_with('/'), head.target() == target, "{target}");
    assert!(head.target().bytes().all(|byte| byte.is_ascii_graphic()), "{target}");
    assert!(plain.values("Host").count() <= 1, "Host repeated");
    assert!(head.version == Version::Http10 || plain.values("Host").count() == 1, "no Host");
    assert_eq!(plain.fields, reading.fields);
    match plain.framing() {
        PlainFraming::Unsaid => assert_eq!(head.framing, Framing::NONE),
        PlainFraming::Length(length) => assert_eq!(head.framing, Framing::Length(length)),
        PlainFraming::Chunked => assert!(matches!(head.framing, Framing::Chunked(_))),
    }
    let options = plain.list("Connection");
    if options.iter().any(|option| option == "close") {
        assert!(!head.persistent, "close was not understood");
    }
    let upgrade = options.iter().any(|option| option == "upgrade");
    let websocket = plain.list("Upgrade").iter().any(|protocol| protocol == "websocket");
    assert_eq!(head.asks_websocket, upgrade && websocket);
}

/// The same for a response head, as the answer to every kind of request.
pub fn response_head(bytes: &[u8]) {
    for asked in ASKED {
        let read = |bytes: &[u8]| {
            let mut lines = Lines::new();
            let head = ResponseHead::parse(bytes, &mut lines, asked, LIMITS)?;
            Ok(head.as_ref().map(|head| Reading {
                len: head.len,
                fields: head.fields.iter().map(|f| (f.name.to_owned(), f.value.to_vec())).collect(),
                framing: head.framing.clone(),
                meaning: format!("{head:?}"),
            }))
        };
        let Some(reading) = settled(bytes, read) else { continue };
        let mut lines = Lines::new();
        let parsed = ResponseHead::parse(bytes, &mut lines, asked, LIMITS);
        let head = parsed.expect("it was accepted before").expect("it was whole before");
        let plain = PlainHead::read(&bytes[..head.len]);

        assert_eq!(plain.start[0], head.version.as_str());
        assert_eq!(plain.start[1], head.status.to_string());
        assert!((100..600).contains(&head.status) && (head.status != 101 || asked.websocket));
        assert_eq!(plain.fields, reading.fields);
        let bare = asked.head || matches!(head.status, 100..=199 | 204 | 304);
        match plain.framing() {
            _ if bare => assert_eq!(head.framing, Framing::NONE),
            PlainFraming::Unsaid => assert_eq!(head.framing, Framing::UntilClose),
            PlainFraming::Length(length) => assert_eq!(head.framing, Framing::Length(length)),
            PlainFraming::Chunked => assert!(matches!(head.framing, Framing::Chunked(_))),
        }
        let close = plain.list("Connection").iter().any(|option| option == "close");
        assert!(!head.persistent || !(close || head.framing == Framing::UntilClose));
    }
}

/// Once a beginning of `bytes` settles the matter, nothing that follows changes it.
fn settled<F>(bytes: &[u8], read: F) -> Option<Reading>
where
    F: Fn(&[u8]) -> Result<Option<Reading>, Refusal>,
{
    let whole = read(bytes);
    for length in lengths(bytes) {
        let part = read(&bytes[..length]);
        if part != Ok(None) {
            assert_eq!(part, whole, "of the first {length}: {}", bytes.escape_ascii());
        }
    }
    if let Err(refusal) = whole {
        assert!(matches!(refusal.status(), 400..=599), "{refusal:?}");
    }
    let reading = whole.ok()??;
    assert_eq!(read(&bytes[..reading.len]), Ok(Some(read(bytes).ok()??)), "what follows matters");
    assert_eq!(read(&bytes[..reading.len - 1]), Ok(None), "accepted before its end");
    assert!(reading.len <= LIMITS.max_bytes && reading.fields.len() <= LIMITS.max_fields);
    Some(reading)
}
