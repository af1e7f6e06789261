//! Bodies: where they end and what they hold does not depend on how they are cut.

use tidegate::http::Refusal;
use tidegate::http::chunked::Chunked;
use tidegate::http::framing::Framing;

use super::cuts::under_every_cut;

/// What a decoder made of some bytes.
#[derive(Debug, PartialEq, Clone)]
struct Passage {
    forwarded: Vec<u8>,
    taken: usize,
    complete: bool,
}

/// Reads `bytes` as a chunked body, as one of a known length, and as one up to the close.
pub fn framing(bytes: &[u8]) {
    chunked(bytes);
    let length = bytes.len() as u64 * 2 / 3;
    for (framing, taken) in
        [(Framing::Length(length), length as usize), (Framing::UntilClose, bytes.len())]
    {
        let complete = framing != Framing::UntilClose;
        let expected = Passage { forwarded: bytes[..taken].to_vec(), taken, complete };
        assert_eq!(under_every_cut(bytes, |pieces| pass(framing.clone(), pieces)), Ok(expected));
    }
}

fn chunked(bytes: &[u8]) {
    let whole = Framing::Chunked(Chunked::new());
    let mut content_only = whole.clone();
    content_only.content_only();

    let decoded = under_every_cut(bytes, |pieces| pass(content_only.clone(), pieces));
    let passage = match under_every_cut(bytes, |pieces| pass(whole.clone(), pieces)) {
        Ok(passage) => passage,
        Err(refusal) => {
            assert_eq!(decoded, Err(refusal), "the refusal depends on the recipient");
            return;
        }
    };
    let decoded = decoded.expect("it was accepted for another recipient");
    assert_eq!((decoded.taken, decoded.complete), (passage.taken, passage.complete));
    if !passage.complete {
        assert_eq!(passage.taken, bytes.len(), "a body that goes on takes everything");
        return;
    }
    assert_eq!(decoded.forwarded, plain_content(&bytes[..passage.taken]));

    // What is passed on is the same content, with one reading left: it passes unchanged.
    assert_eq!(plain_content(&passage.forwarded), decoded.forwarded);
    let again = pass(whole, &mut std::iter::once(passage.forwarded.as_slice()));
    let len = passage.forwarded.len();
    assert_eq!(again, Ok(Passage { forwarded: passage.forwarded, taken: len, complete: true }));
}

/// Feeds a framing piece by piece, as a pump does: until the step is empty.
fn pass(mut framing: Framing, pieces: &mut dyn Iterator<Item = &[u8]>) -> Result<Passage, Refusal> {
    let mut passage = Passage { forwarded: Vec::new(), taken: 0, complete: false };
    for piece in pieces {
        let mut rest = piece;
        while !rest.is_empty() && !framing.is_complete() {
            let step = framing.step(rest)?;
            assert!(step.consumed() > 0, "no progress over {}", rest.escape_ascii());
            passage.forwarded.extend_from_slice(&rest[..step.forward]);
            passage.taken += step.consumed();
            rest = &rest[step.consumed()..];
        }
    }
    passage.complete = framing.is_complete();
    if passage.complete {
        assert!(framing.at_end());
        passage.forwarded.extend(framing.take_tail().unwrap_or_default());
        assert_eq!(framing.take_tail(), None, "the tail is given once");
    }
    Ok(passage)
}

/// The content of a whole chunked body, read line by line; panics where RFC 9112 7.1 is broken.
fn plain_content(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let size_line = line(&mut body);
        let digits = size_line.split(|byte| *byte == b';').next().unwrap_or_default();
        let digits = std::str::from_utf8(digits).expect("a size in ASCII");
        assert!(!digits.starts_with('+'), "{digits}");
        let size = usize::from_str_radix(digits, 16).expect("a size in hex digits");
        if size == 0 {
            break;
        }
        content.extend_from_slice(&body[..size]);
        assert_eq!(&body[size..size + 2], b"\r\n", "no CRLF behind the data");
        body = &body[size + 2..];
    }
    while let field @ [first, ..] = line(&mut body) {
        assert!(!matches!(first, b' ' | b'\t' | b':'), "{}", field.escape_ascii());
        assert!(field.contains(&b':'), "{}", field.escape_ascii());
    }
    assert!(body.is_empty(), "{} follows", body.escape_ascii());
    content
}

/// The next line, without its CRLF; there may be no other control character in it but HTAB.
fn line<'a>(body: &mut &'a [u8]) -> &'a [u8] {
    let end = body.windows(2).position(|pair| pair == b"\r\n").expect("a line ends in CRLF");
    let line = &body[..end];
    *body = &body[end + 2..];
    assert!(line.iter().all(|b| !b.is_ascii_control() || *b == b'\t'), "{}", line.escape_ascii());
    line
}
