//! Where does one frame end and the next begin? (RFC 6455 5.2)
//!
//! The relay passes bytes as they are. Beside it a [`Tracker`] follows each direction, so that the
//! gateway can count messages, learn the code of a Close, and place a frame of its own where it
//! does not fall into another. It reads frame headers and steps over the payload data by count, so
//! it costs per frame and not per byte.
//!
//! ```text
//!    +------------------------ last byte of the frame ------------------------+
//!    v                                                                        |
//! Opcode --> Length --+--> Extended --+--> Key (masked) --+--> Payload -------+
//!                     +---------------+-------------------+--> Code (Close) --+
//!
//! any --> Lost    on a frame that no endpoint may send: what follows cannot be told apart
//! ```
//!
//! Reserved bits are not judged: an extension that the endpoints agreed on may use them.

use std::num::NonZeroU16;

/// Close code that never appears on the wire and says "the Close had no code" (RFC 6455 7.4.1).
pub const NO_CODE: u16 = 1005;

/// Close code that never appears on the wire and says "there was no Close" (RFC 6455 7.4.1).
pub const NO_CLOSE: u16 = 1006;

/// The most payload data of a control frame (RFC 6455 5.5).
const CONTROL_MAX: usize = 125;

/// Which endpoint's frames pass: a client masks each of them, a server none (RFC 6455 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// Frames must be masked.
    Client,
    /// Frames must not be masked.
    Server,
}

/// Follows the frames of one direction of a tunnel, in 32 bytes and without an allocation.
///
/// ```
/// use tidegate::websocket::boundary::{Sender, Tracker};
///
/// let mut tracker = Tracker::new(Sender::Server);
/// tracker.follow(b"\x81\x05hel");
/// assert!(!tracker.at_boundary());
/// assert_eq!(tracker.finish_frame(b"lo\x81\x02..."), 2);
/// assert!(tracker.at_boundary());
/// assert_eq!(tracker.messages(), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tracker {
    state: State,
    messages: u64,
    control_frames: u32,
    /// The code of the first Close that has passed, or [`NO_CODE`].
    close: Option<NonZeroU16>,
    sender: Sender,
    /// The last data frame that has passed was not the last of its message.
    in_message: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Between two frames.
    Opcode,
    /// The next byte holds the mask bit and the length, or says how the length comes.
    Length { frame: Frame },
    /// Of the extended payload length, 2 or 8 bytes wide, so many bytes are missing.
    Extended { frame: Frame, width: u8, missing: u8, len: u64 },
    /// So many bytes of the masking key are missing; `key` keeps its first two, for a Close.
    Key { frame: Frame, missing: u8, len: u64, key: [u8; 2] },
    /// At the start of a Close's code; `key` is zero if unmasked.
    Code { key: [u8; 2], len: u64 },
    /// In a Close's code, after its first byte.
    CodeEnd { first: u8, key: u8, len: u64 },
    /// So many bytes of payload data are missing, at least one.
    Payload { frame: Frame, len: u64 },
    /// An illegal frame has begun: nothing is known any more.
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Frame {
    opcode: Opcode,
    fin: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Opcode {
    Continuation,
    /// Text or binary: the first frame of a message.
    Message,
    Close,
    /// Ping or pong.
    Ping,
}

impl Tracker {
    /// A tracker at the first byte after the opening handshake.
    pub const fn new(sender: Sender) -> Self {
        Self {
            state: State::Opcode,
            messages: 0,
            control_frames: 0,
            close: None,
            sender,
            in_message: false,
        }
    }

    /// Takes note of bytes that pass.
    pub fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.step(bytes)..];
        }
    }

    /// Takes note of the front of some bytes, up to the end of the frame under way, and returns
    /// how many that are: none at a boundary, all if the frame ends beyond them or never.
    pub fn finish_frame(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && !self.at_boundary() {
            taken += self.step(&bytes[taken..]);
        }
        taken
    }

    /// Whether the bytes so far end with a whole frame (or are none). A control frame may be
    /// placed here even inside a fragmented message (RFC 6455 5.4), but none after a Close.
    pub fn at_boundary(&self) -> bool {
        self.state == State::Opcode
    }

    /// Whether a frame of the gateway's own may follow: at a boundary, and not after a Close
    /// (RFC 6455 5.5.1).
    pub fn takes_frame(&self) -> bool {
        self.at_boundary() && self.close.is_none()
    }

    /// Whether an illegal frame was met: then no more boundaries are known, ever.
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Whether the last whole data frame was a fragment, and not the last, of its message.
    pub fn in_message(&self) -> bool {
        self.in_message
    }

    /// The code of the first Close that has passed, as soon as the code has; [`NO_CODE`] if the
    /// Close had none.
    pub fn saw_close(&self) -> Option<u16> {
        self.close.map(NonZeroU16::get)
    }

    /// Whole messages that have passed, each once however fragmented.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whole control frames that have passed: Close, Ping and Pong. It stops counting at 2^32-1.
    pub fn control_frames(&self) -> u32 {
        self.control_frames
    }

    /// How many of the next bytes are payload data, whatever they are.
    pub fn foreseen(&self) -> u64 {
        match self.state {
            State::Payload { len, .. } => len,
            State::Opcode
            | State::Length { .. }
            | State::Extended { .. }
            | State::Key { .. }
            | State::Code { .. }
            | State::CodeEnd { .. }
            | State::Lost => 0,
        }
    }

    /// So many of the [foreseen](Self::foreseen) bytes have passed unseen.
    pub fn pass(&mut self, count: u64) {
        if let State::Payload { frame, len } = self.state {
            self.state = self.payload_left(frame, len.saturating_sub(count));
        }
    }

    /// Takes the front of some bytes, a byte of a header or as much payload data as there is, and
    /// returns how many that are: at least one, unless there is none.
    fn step(&mut self, bytes: &[u8]) -> usize {
        let Some(&byte) = bytes.first() else {
            return 0;
        };
        self.state = match self.state {
            State::Opcode => self.opcode(byte),
            State::Length { frame } => self.length(frame, byte),
            State::Extended { frame, width, missing, len } => {
                self.extended(frame, width, missing, (len << 8) | u64::from(byte))
            }
            State::Key { frame, missing, len, key } => {
                let key = if missing > 2 { [key[1], byte] } else { key };
                match missing {
                    1 => self.payload(frame, len, key),
                    _ => State::Key { frame, missing: missing - 1, len, key },
                }
            }
            State::Code { key: [first, second], len } => {
                State::CodeEnd { first: byte ^ first, key: second, len: len - 1 }
            }
            State::CodeEnd { first, key, len } => {
                let code = u16::from_be_bytes([first, byte ^ key]);
                self.close = self.close.or_else(|| NonZeroU16::new(code));
                self.payload_left(Frame { opcode: Opcode::Close, fin: true }, len - 1)
            }
            State::Payload { frame, len } => {
                let taken = usize::try_from(len).map_or(bytes.len(), |len| len.min(bytes.len()));
                self.state = self.payload_left(frame, len - taken as u64);
                return taken;
            }
            State::Lost => return bytes.len(),
        };
        1
    }

    /// The first byte of a frame: FIN, three reserved bits, opcode.
    fn opcode(&self, byte: u8) -> State {
        let fin = byte & 0x80 != 0;
        let opcode = match byte & 0x0f {
            0x0 if self.in_message => Opcode::Continuation,
            0x1 | 0x2 if !self.in_message => Opcode::Message,
            0x8 if fin => Opcode::Close,
            0x9 | 0xa if fin => Opcode::Ping,
            // Reserved, a fragmented control frame, or a message begun or continued out of turn.
            _ => return State::Lost,
        };
        State::Length { frame: Frame { opcode, fin } }
    }

    /// The second byte: mask bit and seven bits of length.
    fn length(&mut self, frame: Frame, byte: u8) -> State {
        let masked = byte & 0x80 != 0;
        let len = byte & 0x7f;
        if masked != (self.sender == Sender::Client)
            || (frame.is_control() && usize::from(len) > CONTROL_MAX)
            // Half a code (RFC 6455 5.5.1).
            || (frame.opcode == Opcode::Close && len == 1)
        {
            return State::Lost;
        }
        match len {
            126 => State::Extended { frame, width: 2, missing: 2, len: 0 },
            127 => State::Extended { frame, width: 8, missing: 8, len: 0 },
            len => self.header_end(frame, u64::from(len)),
        }
    }

    /// One more byte of an extended length of `width` bytes, which must not be a shorter one's.
    fn extended(&mut self, frame: Frame, width: u8, missing: u8, len: u64) -> State {
        let least = if width == 2 { 126 } else { 1 << 16 };
        match missing {
            1 if len < least || len > i64::MAX as u64 => State::Lost,
            1 => self.header_end(frame, len),
            _ => State::Extended { frame, width, missing: missing - 1, len },
        }
    }

    fn header_end(&mut self, frame: Frame, len: u64) -> State {
        match self.sender {
            Sender::Client => State::Key { frame, missing: 4, len, key: [0; 2] },
            Sender::Server => self.payload(frame, len, [0; 2]),
        }
    }

    /// After the header. Nothing follows it in an empty frame, which then ends here.
    fn payload(&mut self, frame: Frame, len: u64, key: [u8; 2]) -> State {
        if frame.opcode == Opcode::Close && len > 0 {
            State::Code { key, len }
        } else {
            self.payload_left(frame, len)
        }
    }

    /// In the payload data, or at the end of the frame.
    fn payload_left(&mut self, frame: Frame, len: u64) -> State {
        if len > 0 {
            return State::Payload { frame, len };
        }
        match frame.opcode {
            Opcode::Message | Opcode::Continuation => {
                self.in_message = !frame.fin;
                self.messages += u64::from(frame.fin);
            }
            Opcode::Close => {
                self.control_frames = self.control_frames.saturating_add(1);
                self.close = self.close.or_else(|| NonZeroU16::new(NO_CODE));
            }
            Opcode::Ping => self.control_frames = self.control_frames.saturating_add(1),
        }
        State::Opcode
    }
}

impl Frame {
    fn is_control(self) -> bool {
        matches!(self.opcode, Opcode::Close | Opcode::Ping)
    }
}

/// A Close of the gateway's own (RFC 6455 5.5.1), masked if a key is given, as it must be towards a
/// server. A reason of more than 123 bytes is cut between two characters. Codes that must not be
/// sent (1005, 1006, 1015 and all below 1000) make a Close without code and reason.
pub fn close_frame(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    if code < 1000 || matches!(code, 1005 | 1006 | 1015) {
        return control_frame(0x8, &[], mask);
    }
    let longest = (0..=CONTROL_MAX - 2).rev().find(|&end| reason.is_char_boundary(end));
    let reason = &reason.as_bytes()[..longest.unwrap_or(0)];
    control_frame(0x8, &[&code.to_be_bytes(), reason].concat(), mask)
}

/// A Ping of the gateway's own (RFC 6455 5.5.2), masked if a key is given. Of the payload data at
/// most 125 bytes are sent.
pub fn ping_frame(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    control_frame(0x9, &payload[..payload.len().min(CONTROL_MAX)], mask)
}

/// A whole frame around at most 125 bytes.
fn control_frame(opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mask_bit = if mask.is_some() { 0x80 } else { 0 };
    let mut frame = vec![0x80 | opcode, mask_bit | payload.len() as u8];
    frame.extend(mask.iter().flatten());
    let key = mask.unwrap_or_default();
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

#[cfg(test)]
mod tests;
