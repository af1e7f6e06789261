//! WebSocket frames as an echo server sees them (RFC 6455, section 5.2).

use std::io;

/// Opcode of a Close frame.
const CLOSE: u8 = 8;
/// The bit that says that a mask follows the length.
const MASKED: u8 = 0x80;

/// A whole frame of a client.
pub(super) struct Frame<'a> {
    /// FIN bit and opcode.
    first: u8,
    mask: [u8; 4],
    payload: &'a [u8],
    /// Bytes of the whole frame.
    pub(super) length: usize,
}

/// Reads a frame; None while it is not whole.
pub(super) fn read(bytes: &[u8]) -> io::Result<Option<Frame<'_>>> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if second & MASKED == 0 {
        return Err(io::Error::other("a client's frame without a mask"));
    }
    let (size, at) = match (second & !MASKED, bytes) {
        (126, [_, _, a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (126, _) => return Ok(None),
        (127, _) => return Err(io::Error::other("a frame of more than 64 KiB")),
        (size, _) => (usize::from(size), 2),
    };
    let Some((mask, rest)) = bytes[at..].split_first_chunk::<4>() else { return Ok(None) };
    let Some(payload) = rest.get(..size) else { return Ok(None) };
    Ok(Some(Frame { first, mask: *mask, payload, length: at + 4 + size }))
}

/// Appends the echo of `frame` to `out`, unmasked. True: it was a Close, nothing may follow.
pub(super) fn echo(frame: &Frame<'_>, out: &mut Vec<u8>) -> bool {
    out.push(frame.first);
    match u8::try_from(frame.payload.len()) {
        Ok(size @ ..126) => out.push(size),
        _ => {
            // `read` lets no frame above 64 KiB pass.
            let size = u16::try_from(frame.payload.len()).unwrap_or(u16::MAX);
            out.push(126);
            out.extend_from_slice(&size.to_be_bytes());
        }
    }
    let begin = out.len();
    out.extend_from_slice(frame.payload);
    // Eight bytes at a time: at 16 KiB the server would otherwise be what is measured.
    let four = u64::from(u32::from_ne_bytes(frame.mask));
    let mask = four << 32 | four;
    let (eights, rest) = out[begin..].as_chunks_mut::<8>();
    for eight in eights {
        *eight = (u64::from_ne_bytes(*eight) ^ mask).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(frame.mask.iter().cycle()) {
        *byte ^= mask;
    }
    frame.first & 0x0f == CLOSE
}
