//! How does a head look on the wire? (RFC 9112 2.1)
//!
//! The few lines that every head of ours is made of. They append to a buffer that the caller keeps,
//! without formatting machinery, because each request passes here twice.

/// The one framing field of a body of unknown length (RFC 9112 6.1).
pub(super) const CHUNKED: &[u8] = b"Transfer-Encoding: chunked\r\n";

/// The only protocol that a connection changes to here; goes with the option `Upgrade`.
pub(super) const UPGRADE: &[u8] = b"Upgrade: websocket\r\n";

/// Writes `parts` one after the other.
pub(super) fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Writes a field line (RFC 9112 5).
pub(super) fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    put(out, &[name.as_bytes(), b": ", value, b"\r\n"]);
}

/// Writes a Content-Length field with its canonical digits (RFC 9110 8.6).
pub(super) fn content_length(out: &mut Vec<u8>, length: u64) {
    put(out, &[b"Content-Length: "]);
    decimal(out, length);
    put(out, &[b"\r\n"]);
}

/// Writes a Connection field with the options that apply; without any there is no such field.
pub(super) fn connection<const N: usize>(out: &mut Vec<u8>, options: [(bool, &str); N]) {
    let mut before = "Connection: ";
    for (_, option) in options.into_iter().filter(|(applies, _)| *applies) {
        put(out, &[before.as_bytes(), option.as_bytes()]);
        before = ", ";
    }
    if options.iter().any(|(applies, _)| *applies) {
        put(out, &[b"\r\n"]);
    }
}

/// Writes a number in decimal digits.
pub(super) fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[start..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_standard_library_would() {
        for number in [0, 1, 9, 10, 99, 100, 255, 65_536, 1 << 53, u64::MAX - 1, u64::MAX] {
            let mut out = b"7".to_vec();
            decimal(&mut out, number);
            assert_eq!(out, format!("7{number}").into_bytes());
        }
    }

    #[test]
    fn only_options_that_apply_make_a_connection_field() {
        for (options, written) in [
            ([(false, "a"), (false, "b")], ""),
            ([(true, "a"), (false, "b")], "Connection: a\r\n"),
            ([(false, "a"), (true, "b")], "Connection: b\r\n"),
            ([(true, "a"), (true, "b")], "Connection: a, b\r\n"),
        ] {
            let mut out = Vec::new();
            connection(&mut out, options);
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }
}
