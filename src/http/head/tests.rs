//! Tables, and what is asked of every row of them: that the cut makes no difference.

mod framing;
mod meaning;
mod properties;
mod responses;
mod routing;
mod syntax;

use super::{Asked, HeadLimits, Lines, RequestHead, ResponseHead};
use crate::http::{Refusal, Version, framing::Framing};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 16384, max_fields: 100 };
const PLAIN: Asked = Asked { head: false, websocket: false, version: Version::Http11 };

/// What the table says of a head: the framing of its body, that there is more to come, or why not.
type Row = (&'static [u8], Expected);

#[derive(Clone, Copy, PartialEq, Debug)]
enum Expected {
    NoBody,
    Length(u64),
    Chunked,
    UntilClose,
    Incomplete,
    Refused(Refusal),
}

impl Expected {
    fn framing(framing: &Framing) -> Self {
        match framing {
            Framing::Length(0) => Self::NoBody,
            Framing::Length(length) => Self::Length(*length),
            Framing::Chunked(_) => Self::Chunked,
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

/// What a head was found to be, and how many bytes it takes (0 if none was found).
type Verdict = (Expected, usize);

fn request_within(limits: HeadLimits) -> impl Fn(&[u8]) -> Verdict {
    move |bytes| match RequestHead::parse(bytes, &mut Lines::new(), limits) {
        Ok(Some(head)) => (Expected::framing(&head.framing), head.len),
        Ok(None) => (Expected::Incomplete, 0),
        Err(refusal) => (Expected::Refused(refusal), 0),
    }
}

fn request(bytes: &[u8]) -> Verdict {
    request_within(LIMITS)(bytes)
}

fn response_to(asked: Asked) -> impl Fn(&[u8]) -> Verdict {
    response_within(LIMITS, asked)
}

fn response_within(limits: HeadLimits, asked: Asked) -> impl Fn(&[u8]) -> Verdict {
    move |bytes| match ResponseHead::parse(bytes, &mut Lines::new(), asked, limits) {
        Ok(Some(head)) => (Expected::framing(&head.framing), head.len),
        Ok(None) => (Expected::Incomplete, 0),
        Err(refusal) => (Expected::Refused(refusal), 0),
    }
}

/// Reads every row of a table, put between `before` and `after`.
fn check(read: impl Fn(&[u8]) -> Verdict, before: &[u8], after: &[u8], rows: &[Row]) {
    for (row, expected) in rows {
        let bytes = [before, row, after].concat();
        assert_eq!(read(&bytes).0, *expected, "{}", bytes.escape_ascii());
        assert_cuts_make_no_difference(&bytes, &read);
    }
}

/// Every prefix of `bytes` must be incomplete or get the verdict on the whole, and so must all
/// bytes with more behind them.
fn assert_cuts_make_no_difference(bytes: &[u8], read: impl Fn(&[u8]) -> Verdict) {
    let (verdict, len) = read(bytes);
    let text = bytes.escape_ascii();
    for cut in 0..bytes.len() {
        let (found, _) = read(&bytes[..cut]);
        let early = cut < len || verdict == Expected::Incomplete;
        let fits = found == Expected::Incomplete || (!early && found == verdict);
        assert!(fits, "{text} cut at {cut}: {found:?}, not {verdict:?}");
    }
    if verdict != Expected::Incomplete {
        for more in [&b"x"[..], b"\n", b"\r\n\r\n", b"\0\xff", b"GET / HTTP/1.1\r\n\r\n"] {
            let longer = [bytes, more].concat();
            assert_eq!(read(&longer), (verdict, len), "{text} with more behind it");
        }
    }
}
