//! What do the fields of a head say? (RFC 9110 5, 5.6 and 7.6.1)
//!
//! The field names that a gateway acts on, the syntax of lists, and the options of Connection.

use httparse::Header;

use super::Refusal;

/// A field name that means something to a gateway. All others are [`Name::Other`] and none of its
/// business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    /// Connection (RFC 9110 7.6.1).
    Connection,
    /// Content-Length (RFC 9110 8.6).
    ContentLength,
    /// Expect (RFC 9110 10.1.1).
    Expect,
    /// Host (RFC 9110 7.2).
    Host,
    /// Keep-Alive, whose `timeout` some servers set (RFC 2068 19.7.1.1).
    KeepAlive,
    /// Proxy-Authenticate and Proxy-Authorization (RFC 9110 11.7).
    ProxyAuthentication,
    /// Proxy-Connection, which never meant anything (RFC 9112 C.2.2).
    ProxyConnection,
    /// TE (RFC 9110 10.1.4).
    Te,
    /// Transfer-Encoding (RFC 9112 6.1).
    TransferEncoding,
    /// Upgrade (RFC 9110 7.8).
    Upgrade,
    /// Authorization and Cookie: who the client is.
    Credentials,
    /// Any field whose name begins with `X-Forwarded-`.
    Forwarded,
    /// A field that a gateway passes on and does not read.
    Other,
}

impl Name {
    /// Classifies a field name; case does not matter (RFC 9110 5.1). The length settles most names.
    pub fn of(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            2 if is("TE") => Self::Te,
            4 if is("Host") => Self::Host,
            6 if is("Cookie") => Self::Credentials,
            6 if is("Expect") => Self::Expect,
            7 if is("Upgrade") => Self::Upgrade,
            10 if is("Connection") => Self::Connection,
            10 if is("Keep-Alive") => Self::KeepAlive,
            13 if is("Authorization") => Self::Credentials,
            14 if is("Content-Length") => Self::ContentLength,
            16 if is("Proxy-Connection") => Self::ProxyConnection,
            17 if is("Transfer-Encoding") => Self::TransferEncoding,
            18 if is("Proxy-Authenticate") => Self::ProxyAuthentication,
            19 if is("Proxy-Authorization") => Self::ProxyAuthentication,
            12.. if starts_with(name, b"X-Forwarded-") => Self::Forwarded,
            _ => Self::Other,
        }
    }

    /// Is the field meant for the next recipient alone, whether Connection names it or not?
    /// (RFC 9110 7.6.1)
    pub fn is_hop_by_hop(self) -> bool {
        match self {
            Self::Connection
            | Self::KeepAlive
            | Self::ProxyAuthentication
            | Self::ProxyConnection
            | Self::Te
            | Self::TransferEncoding
            | Self::Upgrade => true,
            Self::ContentLength
            | Self::Credentials
            | Self::Expect
            | Self::Forwarded
            | Self::Host
            | Self::Other => false,
        }
    }

    /// Would it change how the message is framed, routed or authenticated if this field were
    /// dropped at the sender's word?
    fn is_protected(self) -> bool {
        match self {
            Self::ContentLength
            | Self::Credentials
            | Self::Forwarded
            | Self::Host
            | Self::TransferEncoding => true,
            Self::Connection
            | Self::Expect
            | Self::KeepAlive
            | Self::ProxyAuthentication
            | Self::ProxyConnection
            | Self::Te
            | Self::Upgrade
            | Self::Other => false,
        }
    }
}

/// The connection options of a head that a gateway acts on (RFC 9110 7.6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Connection {
    /// `close`: this message is the last one. It outweighs `keep_alive` (RFC 9112 9.3).
    pub close: bool,
    /// `keep-alive`: an HTTP/1.0 peer would like the connection to stay.
    pub keep_alive: bool,
    /// `upgrade`: the Upgrade field is meant.
    pub upgrade: bool,
}

impl Connection {
    /// Adds the options of one Connection field line.
    ///
    /// # Errors
    /// An option that is no token, and one that names a field which is not the sender's to drop.
    pub fn add(&mut self, value: &[u8]) -> Result<(), Refusal> {
        for option in elements(value) {
            if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if !is_token(option) {
                return Err(Refusal::BadConnection);
            } else if Name::of(option).is_protected() {
                return Err(Refusal::ConnectionNamesField);
            }
        }
        Ok(())
    }
}

/// The elements of a list without quoted strings (RFC 9110 5.6.1): no white space around them, and
/// empty ones left out.
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// Does the list hold this element? Case does not matter.
pub fn lists(value: &[u8], element: &str) -> bool {
    elements(value).any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
}

/// The value of the only field line of that name; `None` if there is none or more than one.
pub fn only<'b>(fields: &[Header<'b>], name: &str) -> Option<&'b [u8]> {
    let mut values = all(fields, name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The values of all field lines of that name, in their order.
pub fn all<'b>(fields: &[Header<'b>], name: &str) -> impl Iterator<Item = &'b [u8]> {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|f| f.value)
}

/// 1*tchar (RFC 9110 5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_tchar(*byte))
}

/// A character of a token (RFC 9110 5.6.2).
pub fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Without the white space (SP and HTAB only) on both sides (RFC 9110 5.6.3).
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|front| front.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[(&str, Name)] = &[
        ("Connection", Name::Connection),
        ("Content-Length", Name::ContentLength),
        ("Cookie", Name::Credentials),
        ("Authorization", Name::Credentials),
        ("Expect", Name::Expect),
        ("X-Forwarded-For", Name::Forwarded),
        ("X-Forwarded-Host", Name::Forwarded),
        ("X-Forwarded-Proto", Name::Forwarded),
        ("X-Forwarded-", Name::Forwarded),
        ("Host", Name::Host),
        ("Keep-Alive", Name::KeepAlive),
        ("Proxy-Authenticate", Name::ProxyAuthentication),
        ("Proxy-Authorization", Name::ProxyAuthentication),
        ("Proxy-Connection", Name::ProxyConnection),
        ("TE", Name::Te),
        ("Transfer-Encoding", Name::TransferEncoding),
        ("Upgrade", Name::Upgrade),
        ("", Name::Other),
        ("X-Forwarded", Name::Other),
        ("Accept", Name::Other),
        ("Hosts", Name::Other),
        ("Content-Lengthy", Name::Other),
        ("Content_Length", Name::Other),
    ];

    #[test]
    fn names_are_known_in_any_case_and_nothing_but_the_whole_name() {
        for (name, expected) in NAMES {
            for spelling in [(*name).to_owned(), name.to_uppercase(), name.to_lowercase()] {
                assert_eq!(Name::of(spelling.as_bytes()), *expected, "{spelling:?}");
            }
            if *expected != Name::Forwarded {
                assert_eq!(Name::of(format!("{name}x").as_bytes()), Name::Other, "{name}");
            }
        }
    }

    #[test]
    fn hop_by_hop_fields_are_those_of_rfc_9110() {
        let hop_by_hop = NAMES.iter().filter(|(_, name)| name.is_hop_by_hop());
        let names: Vec<_> = hop_by_hop.map(|(name, _)| *name).collect();
        let expected = "Connection Keep-Alive Proxy-Authenticate Proxy-Authorization \
            Proxy-Connection TE Transfer-Encoding Upgrade";
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn lists_have_elements_without_white_space_and_no_empty_ones() {
        for (value, expected) in [
            ("", ""),
            (" , ,\t,", ""),
            ("a", "a"),
            (" a ,b\t,, c d ,", "a|b|c d"),
            ("\u{a0}a,\u{b}b", "\u{a0}a|\u{b}b"), // Other white space is not OWS.
        ] {
            let found: Vec<_> = elements(value.as_bytes()).collect();
            assert_eq!(found.join(&b'|'), expected.as_bytes(), "{value:?}");
        }
        assert!(lists(b"a, B ,c", "b") && !lists(b"a b, bb", "b") && !lists(b"", ""));
    }

    #[test]
    fn tokens_have_the_characters_of_rfc_9110_and_one_at_least() {
        let tchars = "!#$%&'*+-.^_`|~0123456789\
            ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for byte in 0..=u8::MAX {
            assert_eq!(is_tchar(byte), tchars.as_bytes().contains(&byte), "{byte:#x}");
        }
        assert!(is_token(tchars.as_bytes()) && !is_token(b"") && !is_token(b"a b"));
    }

    #[test]
    fn the_only_line_of_a_name_is_neither_missing_nor_repeated() {
        let line = |name, value: &'static str| Header { name, value: value.as_bytes() };
        let fields = [line("A", "1"), line("B", "2"), line("a", "3")];
        assert_eq!((only(&fields, "b"), only(&fields, "A")), (Some(&b"2"[..]), None));
        assert_eq!(only(&fields, "C"), None);
        assert_eq!(all(&fields, "a").collect::<Vec<_>>(), [b"1", b"3"]);
    }
}
