//! Which fields may follow the last chunk? (RFC 9110 6.5, RFC 9112 7.1.2)
//!
//! A recipient that merges trailer fields into the head would let a sender change, after the fact,
//! how the message is framed, routed, authenticated or cached: fields that do so are dropped
//! (RFC 9110 6.5.1). The others go on in their order and case.

use crate::http::Refusal;
use crate::limits;

/// Fields that only make sense in a head.
const HEAD_ONLY: [&str; 43] = [
    // Framing and the connection itself.
    "Connection",
    "Content-Length",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    // Routing and the path taken.
    "CDN-Loop",
    "Forwarded",
    "Host",
    "Max-Forwards",
    "Via",
    "X-Real-IP",
    // Request modifiers and conditions; the preconditions are covered by a prefix.
    "Expect",
    "Pragma",
    "Prefer",
    "Range",
    // Authentication, authorization and state.
    "Authentication-Info",
    "Authorization",
    "Cookie",
    "Cookie2",
    "Origin",
    "Set-Cookie",
    "Set-Cookie2",
    "WWW-Authenticate",
    // Response control.
    "Accept-Ranges",
    "Age",
    "Allow",
    "Alt-Svc",
    "Cache-Control",
    "Clear-Site-Data",
    "Date",
    "Expires",
    "Location",
    "Refresh",
    "Retry-After",
    "Vary",
    "Warning",
    // How the content is to be read.
    "Content-Disposition",
    "Content-Encoding",
    "Content-Location",
    "Content-Range",
    "Content-Type",
];

/// Families of such fields.
const HEAD_ONLY_PREFIXES: [&str; 5] =
    ["Access-Control-", "If-", "Proxy-", "Sec-WebSocket-", "X-Forwarded-"];

/// Checks a whole trailer section, the empty line at its end included, and returns it without the
/// fields that may not stand there. The caller has seen to it that every line ends in CRLF and that
/// none begins with white space.
///
/// # Errors
/// A line that is no field line, or more lines than a head may have.
pub(super) fn checked(section: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut lines = [httparse::EMPTY_HEADER; limits::FIELD_LINES_MAX];
    let fields = match httparse::parse_headers(section, &mut lines) {
        Ok(httparse::Status::Complete((length, fields))) if length == section.len() => fields,
        Ok(_) => return Err(Refusal::BadTrailer),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TrailerTooLarge),
        Err(_) => return Err(Refusal::BadTrailer),
    };
    let mut kept = Vec::with_capacity(section.len());
    for field in fields.iter().filter(|field| may_trail(field.name)) {
        kept.extend_from_slice(field.name.as_bytes());
        kept.extend_from_slice(b": ");
        kept.extend_from_slice(field.value);
        kept.extend_from_slice(b"\r\n");
    }
    kept.extend_from_slice(b"\r\n");
    Ok(kept)
}

fn may_trail(name: &str) -> bool {
    let begins_with = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    !HEAD_ONLY.iter().any(|known| name.eq_ignore_ascii_case(known))
        && !HEAD_ONLY_PREFIXES.iter().any(begins_with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_describe_the_content_are_kept_in_order_and_case() {
        let section = b"Server-Timing: db;dur=5\r\nX-CheckSum:abc\r\ncontent-digest: x \r\n\r\n";
        let kept = checked(section).unwrap();
        assert_eq!(
            kept,
            b"Server-Timing: db;dur=5\r\nX-CheckSum: abc\r\ncontent-digest: x\r\n\r\n"
        );
    }

    #[test]
    fn fields_of_the_head_are_dropped_whatever_their_case() {
        for name in HEAD_ONLY.into_iter().chain([
            "If-None-Match",
            "Proxy-Authorization",
            "X-Forwarded-For",
            "Sec-WebSocket-Key",
        ]) {
            for name in [name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
                let section = format!("{name}: 1\r\nX-A: b\r\n\r\n");
                assert_eq!(checked(section.as_bytes()).unwrap(), b"X-A: b\r\n\r\n", "{name}");
            }
        }
    }

    #[test]
    fn names_that_only_resemble_those_of_the_head_are_kept() {
        for name in ["Hosts", "X-Host", "Content-MD5", "If", "TE2", "Viability"] {
            let section = format!("{name}: 1\r\n\r\n");
            assert_eq!(checked(section.as_bytes()).unwrap(), section.as_bytes(), "{name}");
        }
    }

    #[test]
    fn a_section_of_dropped_fields_leaves_the_empty_line() {
        assert_eq!(checked(b"Host: a\r\nTE: b\r\n\r\n").unwrap(), b"\r\n");
    }

    #[test]
    fn more_lines_than_a_head_may_have_are_refused() {
        let section = |lines: usize| "a:b\r\n".repeat(lines) + "\r\n";
        assert!(checked(section(limits::FIELD_LINES_MAX).as_bytes()).is_ok());
        let refused = checked(section(limits::FIELD_LINES_MAX + 1).as_bytes());
        assert_eq!(refused, Err(Refusal::TrailerTooLarge));
    }
}
