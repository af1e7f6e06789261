//! WebSocket frames, written and read a second time and another way (RFC 6455 5.2).
//!
//! A [`Speech`] is what one end says in a tunnel. An [`Ear`] takes apart what comes out at the
//! other end: what was said there, and what the gateway has put between two frames of it. The ends
//! never send a Ping of eight bytes, nor a Close with a reason; the gateway sends nothing else.

use super::identity::{Speaker, content};
use super::voice::Step;
use crate::net::simulated::chance::Chance;
use std::time::Duration;

/// The most frames of content that one speech has; larger content has larger frames.
const FRAMES_MAX: usize = 300;

/// Everything that one end says, with its pauses.
#[derive(Debug, Default)]
pub struct Speech {
    /// How it is said; the Close is the last word.
    pub steps: Vec<Step>,
    /// What is said.
    pub bytes: Vec<u8>,
    /// How many bytes of it are frames that an endpoint may send; behind them anything goes.
    pub lawful: usize,
    /// How many Pongs are among it, which nobody has asked for.
    pub pongs: usize,
}

impl Speech {
    /// A speech around `len` bytes of content; a `wild` one may end in what is no frame.
    pub fn any(id: usize, speaker: Speaker, len: usize, wild: bool, chance: &mut Chance) -> Self {
        let mut speech = Self::default();
        let most = (id % 97 * 13 + 5).max(len / FRAMES_MAX);
        let mut naps = chance.below(5);
        let mut inside = false;
        for piece in content(id, speaker, len).chunks(most) {
            let fin = !chance.percent(20);
            speech.say(if fin { 0x80 } else { 0 } | if inside { 0 } else { 2 }, piece, speaker);
            inside = !fin;
            match chance.below(12) {
                1 => speech.say(0x89, b"hey", speaker),
                // As long as the answer to a Ping of the gateway's, and unasked for.
                2 => speech.say(0x8a, b"unasked!", speaker),
                3 if !inside => (0..chance.below(40)).for_each(|_| speech.say(0x81, b"", speaker)),
                4..6 if naps > 0 => {
                    naps -= 1;
                    let nap = chance.delay(Duration::from_millis(2500));
                    speech.rest(nap, chance);
                }
                _ => {}
            }
        }
        if inside {
            speech.say(0x80, b"", speaker);
        }
        speech.lawful = usize::MAX;
        if wild && chance.percent(10) {
            speech.lawful = speech.bytes.len();
            let mut outrage = outrage(speaker, chance);
            outrage.extend(content(id, speaker, 300).iter().rev());
            speech.bytes.extend_from_slice(&outrage);
            speech.steps.push(Step::Say(outrage));
        } else {
            speech.steps.push(Step::Closing);
            speech.say(0x88, &1000_u16.to_be_bytes(), speaker);
        }
        speech
    }

    /// A pause, between two frames or inside of the last one; often an answer to nothing follows.
    fn rest(&mut self, nap: Duration, chance: &mut Chance) {
        match self.steps.last_mut() {
            Some(Step::Say(front)) if chance.percent(50) => {
                let back = front.split_off(1 + chance.below(front.len() - 1));
                self.steps.extend([Step::Pause(nap), Step::Say(back)]);
            }
            _ => self.steps.push(Step::Wait(nap)),
        }
    }

    fn say(&mut self, first: u8, payload: &[u8], speaker: Speaker) {
        let frame = frame(first, payload, speaker);
        self.pongs += usize::from(first == 0x8a);
        self.bytes.extend_from_slice(&frame);
        self.steps.push(Step::Say(frame));
    }
}

/// The bit that says that a masking key follows (RFC 6455 5.1).
fn mask_bit(speaker: Speaker) -> u8 {
    match speaker {
        Speaker::Client => 0x80,
        Speaker::Server(_) => 0,
    }
}

/// A frame as that end writes it.
pub fn frame(first: u8, payload: &[u8], speaker: Speaker) -> Vec<u8> {
    let mask = mask_bit(speaker);
    let mut wire = vec![first];
    match payload.len() {
        len @ 0..126 => wire.push(mask | len as u8),
        len @ 126..0x1_0000 => {
            wire.push(mask | 126);
            wire.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            wire.push(mask | 127);
            wire.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if mask == 0 {
        wire.extend_from_slice(payload);
        return wire;
    }
    let key = (payload.len() as u32).wrapping_mul(0x9e37_79b9).to_be_bytes();
    wire.extend_from_slice(&key);
    wire.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    wire
}

/// The beginning of a frame that no endpoint may send.
fn outrage(speaker: Speaker, chance: &mut Chance) -> Vec<u8> {
    let mask = mask_bit(speaker);
    match chance.below(8) {
        0 => vec![0x83, mask],
        1 => vec![0x80, mask],
        2 => vec![0x09, mask],
        3 => vec![0x82, mask ^ 0x80 | 5],
        4 => vec![0x82, mask | 126, 0, 5],
        5 => [&[0x82, mask | 127, 0x80][..], &[0; 7]].concat(),
        6 => vec![0x89, mask | 126, 0, 200],
        _ => vec![0x88, mask | 1],
    }
}

/// Something that came out of a tunnel and is not only to be compared.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A Ping of the gateway's, with its payload data.
    Ping(Vec<u8>),
    /// A Close of the gateway's: its code and its reason.
    Farewell(u16, String),
}

/// Takes apart what comes.
#[derive(Debug)]
pub struct Ear {
    /// Who speaks at the other end, and for whom the gateway speaks.
    speaker: Speaker,
    /// See [`Speech::lawful`].
    lawful: usize,
    raw: Vec<u8>,
    theirs: Vec<u8>,
    closed: bool,
    parted: bool,
}

/// One frame: its length on the wire, its first byte, and its payload data.
struct Frame {
    len: usize,
    first: u8,
    masked: bool,
    payload: Vec<u8>,
}

impl Ear {
    /// An ear for that speech of that speaker.
    pub fn new(speaker: Speaker, lawful: usize) -> Self {
        let (raw, theirs) = (Vec::new(), Vec::new());
        Self { speaker, lawful, raw, theirs, closed: false, parted: false }
    }

    /// Bytes have come.
    ///
    /// # Errors
    /// What the gateway must not have said.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<Vec<Heard>, String> {
        self.raw.extend_from_slice(bytes);
        let mut heard = Vec::new();
        loop {
            if self.theirs.len() >= self.lawful && !self.may_be_ours() {
                self.theirs.append(&mut self.raw);
                return Ok(heard);
            }
            let Some(frame) = read(&self.raw) else { return Ok(heard) };
            if self.parted {
                return Err(format!("{:02x} came behind the gateway's Close", frame.first));
            }
            let own = match (frame.first, frame.payload.len()) {
                (0x89, 8) => Heard::Ping(frame.payload),
                (0x88, 3..) => {
                    let (code, reason) = frame.payload.split_at(2);
                    let reason = String::from_utf8_lossy(reason).into_owned();
                    Heard::Farewell(u16::from_be_bytes([code[0], code[1]]), reason)
                }
                (first, _) => {
                    self.closed |= first == 0x88;
                    self.theirs.extend(self.raw.drain(..frame.len));
                    continue;
                }
            };
            if self.closed {
                return Err(format!("{own:?} came behind a Close"));
            }
            if frame.masked != (mask_bit(self.speaker) != 0) {
                return Err(format!("{own:?} came with a wrong mask"));
            }
            self.parted |= matches!(own, Heard::Farewell(..));
            self.raw.drain(..frame.len);
            heard.push(own);
        }
    }

    /// Whether what comes next may be a frame of the gateway's, where no other is left to come.
    fn may_be_ours(&self) -> bool {
        self.theirs.len() == self.lawful
            && match *self.raw.as_slice() {
                [] => true,
                [first] => matches!(first, 0x88 | 0x89),
                [first, second, ..] => {
                    matches!((first, second & 0x7f), (0x89, 8) | (0x88, 3..126))
                }
            }
    }

    /// Whether the other end, or the gateway, has said its last word.
    pub fn is_told(&self) -> bool {
        self.closed || self.parted
    }

    /// Whether everything that has come ends with a frame, so that another one might follow.
    pub fn is_between_frames(&self) -> bool {
        self.raw.is_empty() && self.theirs.len() < self.lawful
    }

    /// What came from the other end.
    pub fn theirs(&self) -> Vec<u8> {
        [self.theirs.as_slice(), &self.raw].concat()
    }
}

/// The first frame, when it is whole.
fn read(raw: &[u8]) -> Option<Frame> {
    let (first, second) = (*raw.first()?, *raw.get(1)?);
    let (mut at, len) = match second & 0x7f {
        126 => (4, u16::from_be_bytes([*raw.get(2)?, *raw.get(3)?]) as usize),
        127 => (10, u64::from_be_bytes(raw.get(2..10)?.try_into().ok()?) as usize),
        len => (2, usize::from(len)),
    };
    let masked = second & 0x80 != 0;
    let key = if masked { raw.get(at..at + 4)?.to_vec() } else { vec![0] };
    at += if masked { 4 } else { 0 };
    let payload = raw.get(at..at.checked_add(len)?)?;
    let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    Some(Frame { len: at + len, first, masked, payload })
}
