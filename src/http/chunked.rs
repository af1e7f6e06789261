//! Where does a chunked body end? (RFC 9112 7.1)
//!
//! The decoder follows the framing and leaves the content alone: chunk data is passed over by
//! count, and every other byte is one row of the match in `State::advance`. It is stricter than
//! the RFC asks of a recipient, because a second reader of the same bytes may be laxer: lines end
//! in CRLF and nothing else, and no white space stands around a size.
//!
//! ```text
//!            hex               LF, size > 0           all data            CR            LF
//!   Size ----------+   +---------------------> Data -----------> DataCr ----> DataLf ----> Size
//!    | ;           |   |
//!    v         CR  v   |  LF, size 0               CR          LF
//!   Extension --> SizeLf --------------> LastLine -----> LastLf -----------------> Done
//!                                           | else                                  ^
//!                                           v          CR            LF             | LF
//!                                        FieldLine -------> FieldLf ----> FieldStart|
//!                                           ^                             | else  | CR
//!                                           +-----------------------------+       v
//!                                                                              TrailerLf
//! ```
//!
//! A canonical body passes unchanged, so that each input is one step. Extensions are dropped. A
//! trailer section is held back, checked, and written again without what may not stand there.

mod trailer;

#[cfg(test)]
mod tests;

use super::Refusal;
use super::framing::Step;
use crate::limits;

/// The decoder of one chunked body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chunked {
    state: State,
    /// Bytes of chunk data announced by the size lines so far.
    content: u64,
    /// The trailer section while it comes in, then what is to be written of it.
    trailer: Vec<u8>,
    content_only: bool,
}

/// What the next byte of a chunked body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// A hex digit of a chunk size, or what ends it. `digits` of them were read.
    Size { digits: u8, size: u64 },
    /// A byte of a chunk extension, of which `length` were dropped, or the CR that ends its line.
    Extension { size: u64, length: u16 },
    /// The LF that ends a size line.
    SizeLf { size: u64 },
    /// The first of `left` bytes of chunk data; `left` is never 0.
    Data { left: u64 },
    /// The CR behind chunk data.
    DataCr,
    /// The LF behind chunk data.
    DataLf,
    /// The first byte after the last chunk's size line: a trailer section, or the end of the body.
    LastLine,
    /// The LF that ends a body without a trailer section.
    LastLf,
    /// Some byte of a field line in the trailer section, or the CR that ends it.
    FieldLine,
    /// The LF that ends a field line.
    FieldLf,
    /// The first byte of one more field line, or of the empty line that ends the trailer section.
    FieldStart,
    /// The LF that ends a body with a trailer section.
    TrailerLf,
    /// Not part of the body.
    Done,
}

/// What some bytes of a chunked body are for, which decides whether they go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Content.
    Data,
    /// The framing that every chunked body has: sizes and line ends.
    Frame,
    /// A chunk extension.
    Extension,
    /// The trailer section and the empty line behind it.
    Trailer,
}

impl Default for State {
    fn default() -> Self {
        Self::Size { digits: 0, size: 0 }
    }
}

impl Chunked {
    /// A decoder that expects the first size line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Follows the body over the front of `input`, as [`Framing::step`] describes.
    ///
    /// # Errors
    /// The first byte that breaks RFC 9112 7.1 or a limit. The decoder is of no use afterwards.
    ///
    /// [`Framing::step`]: super::framing::Framing::step
    pub fn step(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        let mut step = Step::default();
        loop {
            let rest = input.get(step.consumed()..).unwrap_or_default();
            let (next, taken, part) = self.state.advance(rest)?;
            if taken == 0 {
                return Ok(step);
            }
            if self.passes(part) {
                if step.skip > 0 {
                    return Ok(step); // Forwarded bytes stand first: these are the next step's.
                }
                step.forward += taken;
            } else {
                step.skip += taken;
            }
            self.enter(next, part, rest.get(..taken).unwrap_or_default())?;
        }
    }

    /// Has the empty line been read that ends the body?
    pub fn is_complete(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes of content announced so far. A chunk counts as soon as its size line is complete, so
    /// that a body which is too large can be refused before it has come.
    pub fn content(&self) -> u64 {
        self.content
    }

    /// How many bytes of chunk data come next.
    pub fn foreseen(&self) -> u64 {
        match self.state {
            State::Data { left } => left,
            State::Size { .. }
            | State::Extension { .. }
            | State::SizeLf { .. }
            | State::DataCr
            | State::DataLf
            | State::LastLine
            | State::LastLf
            | State::FieldLine
            | State::FieldLf
            | State::FieldStart
            | State::TrailerLf
            | State::Done => 0,
        }
    }

    /// So many bytes of chunk data have passed unseen.
    pub fn pass(&mut self, count: u64) {
        if let State::Data { left } = self.state {
            self.state = data(left.saturating_sub(count));
        }
    }

    /// From now on only content is forwarded.
    pub fn content_only(&mut self) {
        self.content_only = true;
    }

    /// The trailer section to write behind the forwarded bytes, see [`Framing::take_tail`].
    ///
    /// [`Framing::take_tail`]: super::framing::Framing::take_tail
    pub fn take_tail(&mut self) -> Option<Vec<u8>> {
        let held_back = self.is_complete() && !self.content_only && !self.trailer.is_empty();
        held_back.then(|| std::mem::take(&mut self.trailer))
    }

    fn passes(&self, part: Part) -> bool {
        match part {
            Part::Data => true,
            Part::Frame => !self.content_only,
            Part::Extension | Part::Trailer => false,
        }
    }

    /// The one place where the state changes: `bytes` were read and are `part` of the body.
    fn enter(&mut self, next: State, part: Part, bytes: &[u8]) -> Result<(), Refusal> {
        match part {
            Part::Trailer => {
                if self.trailer.len() + bytes.len() > limits::TRAILER_MAX {
                    return Err(Refusal::TrailerTooLarge);
                }
                self.trailer.extend_from_slice(bytes);
                if next == State::Done {
                    self.trailer = trailer::checked(&self.trailer)?;
                }
            }
            Part::Frame => {
                if let State::Data { left } = next {
                    self.content = self.content.saturating_add(left);
                }
            }
            Part::Data | Part::Extension => {}
        }
        self.state = next;
        Ok(())
    }
}

impl State {
    /// What follows when `input` is read in this state: the next state, how many bytes of the input
    /// led there (none if there are none or the body is complete), and what they were.
    fn advance(self, input: &[u8]) -> Result<(Self, usize, Part), Refusal> {
        use Part::{Extension, Frame, Trailer};
        let Some(&byte) = input.first() else { return Ok((self, 0, Frame)) };
        let (next, part) = match (self, byte) {
            (Self::Size { digits, size }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if digits < limits::CHUNK_SIZE_DIGITS =>
            {
                (Self::Size { digits: digits + 1, size: size << 4 | u64::from(hex(byte)) }, Frame)
            }
            (Self::Size { digits: 1.., size }, b'\r') => (Self::SizeLf { size }, Frame),
            (Self::Size { digits: 1.., size }, b';') => {
                (Self::Extension { size, length: 1 }, Extension)
            }
            (Self::Size { .. }, _) => return Err(Refusal::BadChunkSize),

            (Self::Extension { size, .. }, b'\r') => (Self::SizeLf { size }, Frame),
            (Self::Extension { .. }, b) if b.is_ascii_control() => {
                return Err(Refusal::BadChunkSize);
            }
            (Self::Extension { length: limits::CHUNK_EXTENSION_MAX.., .. }, _) => {
                return Err(Refusal::ChunkExtensionTooLong);
            }
            (Self::Extension { size, length }, _) => {
                (Self::Extension { size, length: length + 1 }, Extension)
            }

            (Self::SizeLf { size: 0 }, b'\n') => (Self::LastLine, Frame),
            (Self::SizeLf { size }, b'\n') => (Self::Data { left: size }, Frame),
            (Self::SizeLf { .. }, _) => return Err(Refusal::BadChunkSize),

            (Self::Data { left }, _) => return Ok(pass_over(left, input.len())),
            (Self::DataCr, b'\r') => (Self::DataLf, Frame),
            (Self::DataLf, b'\n') => (Self::default(), Frame),
            (Self::DataCr | Self::DataLf, _) => return Err(Refusal::BadChunkEnd),

            (Self::LastLine, b'\r') => (Self::LastLf, Frame),
            (Self::LastLf, b'\n') => (Self::Done, Frame),
            (Self::FieldLine, b'\r') => (Self::FieldLf, Trailer),
            (Self::FieldLf, b'\n') => (Self::FieldStart, Trailer),
            (Self::FieldStart, b'\r') => (Self::TrailerLf, Trailer),
            (Self::TrailerLf, b'\n') => (Self::Done, Trailer),
            // A line that begins with white space would continue the one before it (obs-fold).
            (Self::LastLine | Self::FieldStart, b' ' | b'\t' | b'\n')
            | (Self::FieldLine, b'\n')
            | (Self::LastLf | Self::FieldLf | Self::TrailerLf, _) => {
                return Err(Refusal::BadTrailer);
            }
            (Self::LastLine | Self::FieldLine | Self::FieldStart, _) => (Self::FieldLine, Trailer),

            (Self::Done, _) => return Ok((Self::Done, 0, Frame)),
        };
        Ok((next, 1, part))
    }
}

/// Chunk data is never looked at: as much of it goes by as there is.
fn pass_over(left: u64, available: usize) -> (State, usize, Part) {
    let taken = left.min(available as u64);
    (data(left - taken), taken as usize, Part::Data)
}

/// Where so many bytes of chunk data are still to come.
fn data(left: u64) -> State {
    if left == 0 { State::DataCr } else { State::Data { left } }
}

/// The value of an ASCII hex digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
