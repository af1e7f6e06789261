//! Whose bytes are these? Content that can be told from every other content.

/// Who speaks, as part of what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A client, in a request or a tunnel.
    Client,
    /// The server of that number, in a response or a tunnel.
    Server(usize),
}

/// The content that belongs to that request and speaker: no two are alike, at no place.
pub fn content(id: usize, speaker: Speaker, len: usize) -> Vec<u8> {
    let voice = match speaker {
        Speaker::Client => 0,
        Speaker::Server(number) => number as u64 + 1,
    };
    let mut state = (id as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (voice << 17);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        bytes.extend_from_slice(&(state ^ state >> 29).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The same content in WebSocket frames of at most `most` bytes each, with a Close behind them
/// (RFC 6455 5.2). A client's frames are masked, by zeros.
pub fn frames(id: usize, speaker: Speaker, len: usize, most: usize) -> Vec<u8> {
    let mask = match speaker {
        Speaker::Client => 0x80,
        Speaker::Server(_) => 0,
    };
    let mut wire = Vec::new();
    let mut frame = |opcode: u8, bytes: &[u8]| {
        wire.push(0x80 | opcode);
        match u8::try_from(bytes.len()) {
            Ok(len @ 0..126) => wire.push(mask | len),
            _ => {
                wire.push(mask | 126);
                wire.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
            }
        }
        if mask != 0 {
            wire.extend_from_slice(&[0; 4]);
        }
        wire.extend_from_slice(bytes);
    };
    for piece in content(id, speaker, len).chunks(most.clamp(1, 60_000)) {
        frame(2, piece);
    }
    frame(8, &1000_u16.to_be_bytes());
    wire
}
