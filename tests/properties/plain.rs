//! The plain reader of heads: slow, literal, strict, and written without a look at the library's.
//!
//! It reads only heads that the library has accepted, and panics where the rules of RFC 9110 and
//! RFC 9112 would have had them refused.

/// A head, line by line.
#[derive(Debug, PartialEq, Eq)]
pub struct PlainHead {
    /// The start line, split at its single spaces (a reason phrase may be split, too).
    pub start: Vec<String>,
    /// Names and values, without the white space around the values.
    pub fields: Vec<(String, Vec<u8>)>,
}

/// How the fields of a head frame what follows it.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum PlainFraming {
    /// They do not say.
    Unsaid,
    /// So many bytes follow.
    Length(u64),
    /// Chunks follow.
    Chunked,
}

impl PlainHead {
    /// Reads a whole head, with its empty line at the end.
    pub fn read(head: &[u8]) -> Self {
        let head = head.strip_suffix(b"\r\n\r\n").expect("a head ends with an empty line");
        let mut lines = split(head, b"\r\n").into_iter();
        let start = lines.next().expect("a head has a start line");
        assert_line(start);
        let start = start.split(|byte| *byte == b' ').map(lossy).collect();
        let fields = lines.map(field).collect();
        Self { start, fields }
    }

    /// The values of a field, in their order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |(found, _): &&(String, Vec<u8>)| found.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|(_, value)| value.as_slice())
    }

    /// The elements of a list field, over all its lines, in lower case.
    pub fn list(&self, name: &str) -> Vec<String> {
        let elements = self.values(name).flat_map(|value| value.split(|byte| *byte == b','));
        let elements = elements.map(|element| lossy(trim(element)).to_ascii_lowercase());
        elements.filter(|element| !element.is_empty()).collect()
    }

    /// The one framing that the fields describe (RFC 9112 6).
    pub fn framing(&self) -> PlainFraming {
        let lengths: Vec<_> = self.values("Content-Length").collect();
        let codings: Vec<_> = self.values("Transfer-Encoding").collect();
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => PlainFraming::Unsaid,
            ([length], []) => {
                assert!(length.iter().all(u8::is_ascii_digit), "Content-Length of {length:?}");
                let length = lossy(length).parse().expect("Content-Length in 64 bits");
                assert!(length < 1 << 53, "Content-Length of {length}");
                PlainFraming::Length(length)
            }
            ([], [coding]) => {
                assert!(coding.eq_ignore_ascii_case(b"chunked"), "coding {coding:?}");
                PlainFraming::Chunked
            }
            _ => panic!("two framings: {lengths:?} {codings:?}"),
        }
    }
}

fn field(line: &[u8]) -> (String, Vec<u8>) {
    assert_line(line);
    let colon = line.iter().position(|byte| *byte == b':').expect("a field line has a colon");
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    assert!(!name.is_empty() && name.iter().all(token), "field name {name:?}");
    (lossy(name), trim(value).to_vec())
}

/// No line may be empty, or hold a control character but HTAB.
fn assert_line(line: &[u8]) {
    assert!(!line.is_empty(), "an empty line inside a head");
    let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    assert!(!line.iter().any(control), "a control character in {:?}", lossy(line));
}

/// Everything between two separators.
fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(separator.len()).position(|window| window == separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    parts
}

fn trim(bytes: &[u8]) -> &[u8] {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !space(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !space(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
