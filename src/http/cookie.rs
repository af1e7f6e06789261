//! Which server does a client belong to? It carries the answer in a cookie (RFC 6265).
//!
//! The cookie holds a name of the server that outlives a restart and says nothing about it: a hash
//! of its address, as sixteen hexadecimal digits. A client may choose its server by it, no more.

use httparse::Header;

use super::fields::all;
use super::write::put;

/// The name of the cookie.
const NAME: &str = "tidegate";

/// The server's name that a request's cookies hold; `None` if none does, or it is none.
pub fn server_name(fields: &[Header<'_>]) -> Option<u64> {
    let cookies = all(fields, "Cookie").flat_map(|value| value.split(|byte| *byte == b';'));
    let values = cookies.filter_map(|pair| {
        let rest = pair.trim_ascii().strip_prefix(NAME.as_bytes())?;
        rest.strip_prefix(b"=")
    });
    values.into_iter().find_map(|value| {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits = std::str::from_utf8(value).ok()?;
        let is_ours = value.len() == 16 && value.iter().all(is_digit);
        is_ours.then(|| u64::from_str_radix(digits, 16).ok())?
    })
}

/// Adds a Set-Cookie with a server's name to a whole response head.
pub fn add(head: &mut Vec<u8>, server_name: u64) {
    debug_assert!(head.ends_with(b"\r\n\r\n"));
    head.truncate(head.len().saturating_sub(2));
    let value = format!("{NAME}={server_name:016x}; Path=/; HttpOnly; SameSite=Lax");
    put(head, &[b"Set-Cookie: ", value.as_bytes(), b"\r\n\r\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_among_other_cookies_and_only_in_our_own_writing() {
        let cases: [(&[&str], Option<u64>); 10] = [
            (&["tidegate=00000000000000ff"], Some(255)),
            (&["a=b; tidegate=00000000000000ff;c=d"], Some(255)),
            (&["a=b", "tidegate=00000000000000ff"], Some(255)),
            (&["tidegate=x; tidegate=00000000000000ff"], Some(255)),
            (&[], None),
            (&["xtidegate=00000000000000ff"], None),
            (&["tidegate=00000000000000FF"], None),
            (&["tidegate=+0000000000000ff"], None),
            (&["tidegate=ff"], None),
            (&["tidegate", "tidegate=é"], None),
        ];
        for (values, expected) in cases {
            let fields: Vec<_> = values
                .iter()
                .map(|value| Header { name: "cookie", value: value.as_bytes() })
                .collect();
            assert_eq!(server_name(&fields), expected, "{values:?}");
        }
    }

    #[test]
    fn what_is_set_is_what_is_found() {
        for name in [0, 1, u64::MAX, 0x7b1d_c73b_a78d_723c] {
            let mut head = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n".to_vec();
            add(&mut head, name);
            let text = String::from_utf8(head).expect("text");
            let (_, line) = text.split_once("Set-Cookie: ").expect("a line");
            let (pair, attributes) = line.split_once("; ").expect("attributes");
            assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax\r\n\r\n");
            let field = Header { name: "Cookie", value: pair.as_bytes() };
            assert_eq!(server_name(&[field]), Some(name));
        }
    }
}
