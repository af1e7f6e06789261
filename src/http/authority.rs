//! What may stand in Host? (RFC 9110 4.2.1 and 7.2, RFC 3986 3.2.2)
//!
//! ```text
//!   authority = host [ ":" port ]          host = "[" IPv6 address "]" / reg-name
//!   reg-name  = 1*( unreserved / "%" HEXDIG HEXDIG / sub-delims )
//! ```
//!
//! An IPv4 address is a reg-name by its letters. The port may be empty, as in the RFC, and is below
//! 65536 otherwise. User information, an empty host, zone identifiers and address forms of the
//! future are not taken: `http` has no use for the first two (RFC 9110 4.2.1, 4.2.4), and nobody
//! has one for the others.

use std::net::Ipv6Addr;

/// The same bytes as text, if they are an authority that an `http` request may be for.
///
/// ```
/// # use tidegate::http::authority::parse;
/// assert_eq!(parse(b"example.com:8080"), Some("example.com:8080"));
/// assert_eq!(parse(b"me@example.com"), None);
/// ```
pub fn parse(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|_| is_valid(bytes))
}

fn is_valid(authority: &[u8]) -> bool {
    if let Some(literal) = authority.strip_prefix(b"[") {
        let Some(end) = literal.iter().position(|byte| *byte == b']') else { return false };
        let (address, port) = literal.split_at(end);
        return is_ipv6(address) && is_port(port.get(1..).unwrap_or_default());
    }
    let end = authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len());
    let (host, port) = authority.split_at(end);
    is_reg_name(host) && is_port(port)
}

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// A registered name that is not empty.
fn is_reg_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~', _)
            | (b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=', _) => {
                after
            }
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            _ => return false,
        };
    }
    !name.is_empty()
}

/// Nothing, or a colon and at most five digits that name a port.
fn is_port(after_host: &[u8]) -> bool {
    match after_host {
        [] => true,
        [b':', digits @ ..] => {
            digits.len() <= 5
                && digits.iter().all(u8::is_ascii_digit)
                && digits.iter().fold(0, |port, digit| port * 10 + u32::from(digit - b'0')) < 65536
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        let valid = "a|example.com|example.com:80|example.com:|EXAMPLE.com|127.0.0.1|127.0.0.1:8080\
            |h:0|h:65535|h:00080|[::1]|[::1]:8080|[::]:|[::ffff:1.2.3.4]:1|a_b-c.d~|%41.example\
            |xn--bcher-kva.example|a!$&'()*+,;=b|1|host.|999.999.999.999";
        for authority in valid.split('|') {
            assert!(is_valid(authority.as_bytes()), "{authority:?}");
        }
        let invalid = "|:|:80|me@h|me:pw@h|a b|a |h:65536|h:99999|h:000080|h:8a|h:-1|h:+1|h: 80\
            |h:80 |h:80:80|::1|[::1|::1]|[]|[:80|[::1]80|[::1]x|[1.2.3.4]|[fe80::1%25eth0]|[v1.a]\
            |[::1]]|[[::1]]|h/|h/p|h?q|h#f|a\\b|a\"b|<a>|{a}|a^b|a`b|%|%4|%4g|%zz|bücher.example\
            |http://h|h,h |h\t|\u{7f}|h\0";
        for authority in invalid.split('|') {
            assert!(!is_valid(authority.as_bytes()), "{authority:?}");
        }
    }

    #[test]
    fn every_byte_has_its_place_or_none() {
        let allowed = b"-._~!$&'()*+,;=:"; // The colon begins an empty port.
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || allowed.contains(&byte);
            assert_eq!(is_valid(&[b'h', byte]), expected, "{:?}", char::from(byte));
        }
    }
}
