//! What does the text of a value mean?
//!
//! Each function takes the text of one value and returns what it means, or why it means nothing:
//! a phrase that goes on from "`text` is ...".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Address, address as addresses};

/// Why a value is refused: goes on from "`text` is ...".
pub(super) type Reason = &'static str;

/// The one reason that several kinds of values share.
const OUT_OF_RANGE: Reason = "out of range";

/// The longest name that the domain name system knows, in bytes (RFC 1035 2.3.4).
const NAME_MAX: usize = 253;

/// The longest part of such a name, in bytes (RFC 1035 2.3.4).
const LABEL_MAX: usize = 63;

/// The longest request target of a probe, in bytes.
const PATH_MAX: usize = 1024;

/// A decimal integer without a sign.
pub(super) fn integer(text: &str, range: &RangeInclusive<u64>) -> Result<u64, Reason> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("not a decimal number");
    }
    let number = text.parse().map_err(|_| OUT_OF_RANGE)?;
    if range.contains(&number) { Ok(number) } else { Err(OUT_OF_RANGE) }
}

/// A whole number of seconds, or of the unit that follows it at once: `ms`, `s`, `m` or `h`.
pub(super) fn duration(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, Reason> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return Err("not a duration"),
    };
    if number.is_empty() {
        return Err("not a duration");
    }
    let number: u64 = number.parse().map_err(|_| OUT_OF_RANGE)?;
    let duration = number.checked_mul(milliseconds).map(Duration::from_millis);
    duration.filter(|duration| range.contains(duration)).ok_or(OUT_OF_RANGE)
}

/// The shortest text that [`duration`] reads as this duration, always with a unit but for 0.
/// Durations of the configuration are whole milliseconds.
pub(super) fn write_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0 => "0".to_owned(),
        n if n.is_multiple_of(60 * 60 * 1000) => format!("{}h", n / (60 * 60 * 1000)),
        n if n.is_multiple_of(60 * 1000) => format!("{}m", n / (60 * 1000)),
        n if n.is_multiple_of(1000) => format!("{}s", n / 1000),
        n => format!("{n}ms"),
    }
}

/// A host name, an IPv4 address, or an IPv6 address with or without brackets, which are taken off.
pub(super) fn host(text: &str) -> Result<String, Reason> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if bare.unwrap_or(text).parse::<Ipv6Addr>().is_ok() {
        return Ok(bare.unwrap_or(text).to_owned());
    }
    if text.contains([':', '[', ']', '%']) {
        return Err("not an IPv6 address");
    }
    name(text)?;
    Ok(text.to_owned())
}

/// Is this the name of a host, or an IPv4 address? Underscores are no part of a host name, but
/// container networks are full of them (RFC 1123 2.1, RFC 2181 11).
fn name(text: &str) -> Result<(), Reason> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text == "*" {
        Err("not a host name (0.0.0.0 is all of IPv4, :: all addresses)")
    } else if name.len() > NAME_MAX || !name.split('.').all(is_label) {
        Err("not a host name")
    } else if is_number(last) && text.parse::<Ipv4Addr>().is_err() {
        // getaddrinfo would read `1.2` as 1.0.0.2 and `010.0.0.1` as 8.0.0.1.
        Err("not an IPv4 address")
    } else {
        Ok(())
    }
}

/// Would a resolver take this last part of a name for a part of an IPv4 address?
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// What somebody has to know: visible ASCII, so that it fits into a field and a URL bar.
pub(super) fn secret(text: &str) -> Result<String, Reason> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("not made of visible ASCII characters alone");
    }
    if (8..=256).contains(&text.len()) { Ok(text.to_owned()) } else { Err("too short or too long") }
}

/// Where a server listens; with `dns:` before a name: whether it stands for a server at each of
/// its addresses.
pub(super) fn server(text: &str) -> Result<(Address, bool), Reason> {
    let Some(rest) = text.strip_prefix("dns:") else { return Ok((address(text)?, false)) };
    let address = address(rest)?;
    let Some(host) = address.host() else {
        return Err("a unix socket, where dns: takes a name");
    };
    if host.parse::<IpAddr>().is_ok() {
        return Err("an address, where dns: takes a name");
    }
    Ok((address, true))
}

/// Where the gateway listens: a host, whose port is a key of its own, or a unix socket.
pub(super) fn listener(text: &str) -> Result<Address, Reason> {
    addresses::unix(text).unwrap_or_else(|| Ok(Address::Tcp { host: host(text)?, port: 0 }))
}

/// The permissions of a file, in octal digits: those of owner, group and others.
pub(super) fn mode(text: &str) -> Result<u32, Reason> {
    let is_octal = text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(text, 8).ok().filter(|_| is_octal && text.len() >= 3);
    let mode = mode.ok_or("not a mode of three or four octal digits")?;
    if mode <= 0o777 { Ok(mode) } else { Err(OUT_OF_RANGE) }
}

/// `host:port`, with brackets around an IPv6 address, or `unix:/path`.
pub(super) fn address(text: &str) -> Result<Address, Reason> {
    if let Some(unix) = addresses::unix(text) {
        return unix;
    }
    if text.contains("://") {
        return Err("a URL");
    }
    if text.contains('/') {
        return Err("with a path");
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address without brackets");
    }
    let Some((host_text, port_text)) = text.rsplit_once(':').filter(|_| !text.ends_with(']'))
    else {
        return Err("without a port");
    };
    if host_text.is_empty() {
        return Err("without a host");
    }
    let host = host(host_text)?;
    if host == host_text && host.contains(':') {
        return Err("an IPv6 address without brackets");
    }
    if port_text.is_empty() {
        return Err("without a port");
    }
    let port = integer(port_text, &(1..=u64::from(u16::MAX)));
    let port = port.ok().and_then(|port| u16::try_from(port).ok());
    Ok(Address::Tcp { host, port: port.ok_or("without a port between 1 and 65535")? })
}

/// A request target in origin-form (RFC 9112 3.2.1) of RFC 3986 characters.
pub(super) fn path(text: &str) -> Result<String, Reason> {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?".contains(&byte);
    if !text.starts_with('/') {
        Err("not a path that begins with /")
    } else if text.len() > PATH_MAX {
        Err("too long (1024 bytes)")
    } else if !text.bytes().all(is_allowed) {
        Err("not a path: it has characters that must be percent-encoded")
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);

    #[test]
    fn a_duration_is_seconds_unless_it_carries_a_unit() {
        let rows = [
            ("0", 0),
            ("3", 3000),
            ("003", 3000),
            ("100ms", 100),
            ("3s", 3000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("24h", 86_400_000),
        ];
        for (text, milliseconds) in rows {
            assert_eq!(duration(text, &ANY), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for text in ["", "s", "ms", "-1", "+1", "1.5", "1 s", "1S", "1d", "1ss", "1e3", "٣"] {
            assert_eq!(duration(text, &ANY), Err("not a duration"), "{text}");
        }
        for text in ["25h", "86401", "18446744073709551615h", "99999999999999999999"] {
            assert_eq!(duration(text, &ANY), Err(OUT_OF_RANGE), "{text}");
        }
    }

    #[test]
    fn a_written_duration_reads_as_itself() {
        for milliseconds in [0, 1, 999, 1000, 1500, 59_000, 60_000, 90_000, 3_600_000, 86_400_000] {
            let once = Duration::from_millis(milliseconds);
            assert_eq!(duration(&write_duration(once), &ANY), Ok(once));
        }
    }

    #[test]
    fn an_integer_is_decimal_digits_within_its_range() {
        assert_eq!(integer("0", &(0..=9)), Ok(0));
        assert_eq!(integer("007", &(0..=9)), Ok(7));
        for text in ["", "-1", "+1", "1_000", "0x10", "1.0", " 1", "١"] {
            assert_eq!(integer(text, &(0..=9)), Err("not a decimal number"), "{text}");
        }
        for text in ["10", "18446744073709551616"] {
            assert_eq!(integer(text, &(0..=9)), Err(OUT_OF_RANGE), "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for text in ["rp_v11", "a.b-c.example.", "127.0.0.1", "0.0.0.0", "::", "fe80::1", "1a"] {
            assert_eq!(host(text).as_deref(), Ok(text));
        }
        assert_eq!(host("[::1]").as_deref(), Ok("::1"));
        for text in ["", ".", "a..b", "a b", "-a", "a-", "a/b", "ä", "a,b", "u@h"] {
            assert_eq!(host(text), Err("not a host name"), "{text}");
        }
        for text in ["1.2.3", "256.0.0.1", "010.0.0.1", "1.2.3.4.", "0x7f000001", "80", "0x"] {
            assert_eq!(host(text), Err("not an IPv4 address"), "{text}");
        }
        for text in ["[", "[]", "[::1", "::1]", "[127.0.0.1]", "1::2::3", "fe80::1%eth0", "a:80"] {
            assert_eq!(host(text), Err("not an IPv6 address"), "{text}");
        }
    }

    #[test]
    fn a_mode_is_octal_digits() {
        for (text, bits) in [("0660", 0o660), ("600", 0o600), ("0000", 0), ("777", 0o777)] {
            assert_eq!(mode(text), Ok(bits), "{text}");
        }
        for text in ["", "6", "0o660", "0680", "-660", "+660", "rw-rw----", "٦٦٠"] {
            assert_eq!(mode(text), Err("not a mode of three or four octal digits"), "{text}");
        }
        for text in ["1777", "00001000"] {
            assert_eq!(mode(text), Err(OUT_OF_RANGE), "{text}");
        }
    }

    #[test]
    fn an_address_prints_as_it_was_read() {
        for text in ["es1_hc:8080", "10.0.0.1:1", "[::1]:65535", "a.b.:80", "unix:/run/es1"] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        let rows = [
            ("", "without a port"),
            ("es1", "without a port"),
            ("es1:", "without a port"),
            ("[::1]", "without a port"),
            (":80", "without a host"),
            ("::1", "an IPv6 address without brackets"),
            ("fe80::1:80", "an IPv6 address without brackets"),
            ("1:2:3:4:5:6:7:8:80", "an IPv6 address without brackets"),
            ("es1:0", "without a port between 1 and 65535"),
            ("es1:65536", "without a port between 1 and 65535"),
            ("es1:http", "without a port between 1 and 65535"),
            ("es1:+80", "without a port between 1 and 65535"),
            ("http://es1:80", "a URL"),
            ("es1:80/", "with a path"),
            ("es 1:80", "not a host name"),
            ("es1:80 ; spare", "without a port between 1 and 65535"),
        ];
        for (text, reason) in rows {
            assert_eq!(address(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_server_may_be_every_address_of_a_name() {
        let read = |text| server(text).map(|(address, each)| (address.to_string(), each));
        assert_eq!(read("web:80"), Ok(("web:80".to_owned(), false)));
        assert_eq!(read("dns:web.default.svc:80"), Ok(("web.default.svc:80".to_owned(), true)));
        // A host may be called so; then it has a port.
        assert_eq!(read("dns:80"), Err("without a port"));
        assert_eq!(read("dns:dns:80"), Ok(("dns:80".to_owned(), true)));
        for (text, reason) in [
            ("dns:", "without a port"),
            ("dns:web", "without a port"),
            ("dns::80", "without a host"),
            ("dns:10.0.0.1:80", "an address, where dns: takes a name"),
            ("dns:[::1]:80", "an address, where dns: takes a name"),
            ("DNS:web:80", "not an IPv6 address"),
        ] {
            assert_eq!(server(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_path_is_in_origin_form() {
        for text in ["/", "/healthCheck", "/a/b?c=d&e=%20", "//"] {
            assert_eq!(path(text).as_deref(), Ok(text));
        }
        let long = format!("/{}", "a".repeat(PATH_MAX));
        for text in ["", "health", "http://a/", "/a b", "/a#b", "/ä", "/a\\b", "/a\"b", &long] {
            assert!(path(text).is_err(), "{text}");
        }
    }
}
