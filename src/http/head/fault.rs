//! Why did httparse refuse a head? (RFC 9112 2.2, 2.3, 5.1, 5.2)
//!
//! The library names a kind of error and not its place. It stops at the first byte that it does not
//! like, so that byte is found again here, and decides alone: a head that comes in pieces gets the
//! same refusal however it is cut. All of this runs once per refused head.

use httparse::Error;

use crate::http::Refusal;
use crate::http::fields::is_tchar;

/// The fault of a request head that begins with the first of `bytes`. `None` while the bytes to
/// come may show which it is: of a version that is not ours, or of none.
pub(super) fn of_request(
    error: Error,
    request: &httparse::Request<'_, '_>,
    bytes: &[u8],
) -> Option<Refusal> {
    let after_method = request.method.map_or(0, |method| method.len() + 1);
    let after_target = after_method + request.path.map_or(0, |target| target.len() + 1);
    match error {
        Error::Token if request.method.is_none() => Some(Refusal::BadMethod),
        Error::Token => Some(target(bytes.get(after_method..)?)),
        Error::Version => version(bytes.get(after_target..)?),
        Error::NewLine => Some(Refusal::BadLineEnd),
        Error::HeaderName => Some(field_name(bytes)),
        Error::HeaderValue => Some(field_value(bytes)),
        Error::TooManyHeaders => Some(Refusal::TooManyFields),
        Error::Status => Some(Refusal::BadStatusLine),
    }
}

/// The fault of a response head. All faults of a status line are one.
pub(super) fn of_response(error: Error, bytes: &[u8]) -> Refusal {
    match error {
        Error::Token | Error::Version | Error::Status => Refusal::BadStatusLine,
        Error::NewLine => Refusal::BadLineEnd,
        Error::HeaderName => field_name(bytes),
        Error::HeaderValue => field_value(bytes),
        Error::TooManyHeaders => Refusal::TooManyFields,
    }
}

/// No target at all, or no version behind it, spoils the line; another byte the target.
fn target(bytes: &[u8]) -> Refusal {
    let end = bytes.iter().position(|byte| !byte.is_ascii_graphic());
    match end.and_then(|end| bytes.get(end)) {
        Some(b' ') if end == Some(0) => Refusal::BadRequestLine,
        Some(b'\r' | b'\n') => Refusal::BadRequestLine,
        Some(_) | None => Refusal::BadTarget,
    }
}

/// `HTTP/` DIGIT `.` DIGIT and a line end is a version, though not one that we speak.
fn version(bytes: &[u8]) -> Option<Refusal> {
    let shape = b"HTTP/0.0\r";
    for (byte, expected) in bytes.iter().zip(shape) {
        let fits = match expected {
            b'0' => byte.is_ascii_digit(),
            b'\r' => matches!(byte, b'\r' | b'\n'),
            _ => byte == expected,
        };
        if !fits {
            return Some(Refusal::BadVersion);
        }
    }
    (bytes.len() >= shape.len()).then_some(Refusal::UnsupportedVersion)
}

/// Looks for the first field line that is not a token and a colon.
fn field_name(head: &[u8]) -> Refusal {
    let field_lines = head.split(|byte| *byte == b'\n').skip(1);
    for (index, line) in field_lines.enumerate() {
        let name_end = line.iter().position(|byte| !is_tchar(*byte)).unwrap_or(line.len());
        match (name_end, line.get(name_end)) {
            (1.., Some(b':')) => {}
            (0, Some(b' ' | b'\t')) if index > 0 => return Refusal::ObsoleteFold,
            (_, Some(b' ' | b'\t')) => return Refusal::MisplacedWhiteSpace,
            (_, Some(_) | None) => return Refusal::BadFieldName,
        }
    }
    Refusal::BadFieldName
}

/// Looks for the first control character that is not part of a line end: CR is a fault of its own.
fn field_value(head: &[u8]) -> Refusal {
    let mut rest = head;
    while let [byte, after @ ..] = rest {
        match (byte, after) {
            (b'\r', [b'\n', ..]) | (b'\n' | b'\t', _) => {}
            (b'\r', _) => return Refusal::BadLineEnd,
            (control, _) if control.is_ascii_control() => return Refusal::BadFieldValue,
            _ => {}
        }
        rest = after;
    }
    Refusal::BadFieldValue
}
