//! Which Pong is the answer to a Ping of ours? (RFC 6455 5.5.3)
//!
//! The endpoints know nothing of the gateway's Pings, so their answers must not cross. A [`Watch`]
//! looks at the front of each frame that comes back and takes out the one that is a Pong with the
//! eight bytes that we sent, and no other: the endpoints' own Pings and Pongs pass.
//!
//! Frames are cut anywhere, so the front of a frame that may still be ours is held back, at most
//! thirteen bytes of it.

use super::boundary::Sender;

/// The payload data of a Ping of ours: chance, so that no endpoint has the same one by accident.
pub type Nonce = [u8; 8];

/// The longest frame that is ours: header, masking key, nonce.
const FRAME_MAX: usize = 2 + 4 + size_of::<Nonce>();

/// The first byte of a Pong.
const PONG: u8 = 0x8a;

/// Waits for the answer to one Ping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    nonce: Nonce,
    sender: Sender,
    held: [u8; FRAME_MAX],
    len: u8,
    /// Anything at all has come from that side since the Ping, or since this was last unset.
    pub alive: bool,
    /// How often it was asked in vain whether anything has come.
    pub misses: u8,
    /// A Pong that is not ours has come since: whoever has answered a later Ping owes no answer to
    /// an earlier one (RFC 6455 5.5.3).
    pub overtaken: bool,
}

/// What the next bytes of a frame turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sifted {
    /// They may be ours; they are held back, all of them.
    Undecided,
    /// So many of them ended the answer to our Ping, which must not pass.
    Ours(usize),
    /// This frame is another's: what was held of it, and all of the bytes, pass.
    Others,
}

impl Watch {
    /// Waits for the Pong to a Ping with that nonce, from that endpoint.
    pub const fn new(nonce: Nonce, sender: Sender) -> Self {
        let held = [0; FRAME_MAX];
        Self { nonce, sender, held, len: 0, alive: false, misses: 0, overtaken: false }
    }

    /// The bytes held back.
    pub fn held(&self) -> &[u8] {
        &self.held[..usize::from(self.len)]
    }

    /// Gives up what was held back, because it passes after all.
    pub fn release(&mut self) {
        self.len = 0;
    }

    /// Looks at bytes of a frame, from its first one on or from where [`Sifted::Undecided`] left.
    pub fn sift(&mut self, bytes: &[u8]) -> Sifted {
        let whole = FRAME_MAX - if self.sender == Sender::Client { 0 } else { 4 };
        let kept = self.len;
        for (taken, &byte) in bytes.iter().enumerate() {
            if !self.expects(byte) {
                // Only what was held before is ours to give back.
                self.len = kept;
                // Nothing but the front of a Pong is ever held.
                self.overtaken |= kept > 0 || bytes.first() == Some(&PONG);
                return Sifted::Others;
            }
            self.held[usize::from(self.len)] = byte;
            self.len += 1;
            if usize::from(self.len) == whole {
                return Sifted::Ours(taken + 1);
            }
        }
        Sifted::Undecided
    }

    /// Whether `byte` may come next in our Pong.
    fn expects(&self, byte: u8) -> bool {
        let at = usize::from(self.len);
        let masked = self.sender == Sender::Client;
        let header = if masked { 6 } else { 2 };
        match at {
            0 => byte == PONG,
            1 => byte == (u8::from(masked) << 7 | size_of::<Nonce>() as u8),
            _ if at < header => true,
            _ => {
                let key = if masked { self.held[2 + (at - header) % 4] } else { 0 };
                self.nonce.get(at - header) == Some(&(byte ^ key))
            }
        }
    }
}
