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
