//! How does a message body cross? Read here, find its end, write there: one direction.
//!
//! ```text
//!   source --read--> scratch --Framing--> sink        a full sink: backlog, and no more reading
//!          `--------> a pipe --------------^          content of which much is still to come
//! ```
//!
//! A pump stops only because a side would block, because the body is complete, or because it has
//! had its share of the turn. The first two promise a wake-up; the third asks for one.

use super::buffer::Buffer;
use super::desk::Desk;
use super::outlet::{Outlet, Pulled};
use super::{Stream, ready};
use crate::http::framing::Framing;
use crate::http::refusal::Refusal;
use crate::limits;
use std::io;

/// Reads that one pump may make before others get their turn.
pub const READS_PER_TURN: usize = 4;

/// Why a pump stopped.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Halt {
    /// Nothing to read now; the source owes an edge.
    SourceBlocked,
    /// The sink took less than there was; it owes an edge.
    SinkBlocked,
    /// There may be more to do at once: come back on the agenda.
    Yielded,
    /// The body is complete and everything has been taken.
    Finished,
}

/// What went wrong, and on which side of the pump.
#[derive(Debug)]
pub enum Leak {
    /// The source is broken, ended early or sent what its framing forbids.
    Source(Trouble),
    /// The sink is broken.
    Sink(Trouble),
}

/// What can be wrong with one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The bytes break a rule.
    Refused(Refusal),
    /// The connection ended in the middle of a message (RFC 9112 8).
    Cut,
    /// The connection is broken.
    Io(io::ErrorKind),
}

/// How the content is framed on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it came, or without any framing.
    AsIs,
    /// In chunks of our own (RFC 9112 7.1), for content that came without a length.
    Chunks,
}

/// One direction of one message.
#[derive(Debug)]
pub struct Pump {
    framing: Framing,
    encoding: Encoding,
    outlet: Outlet,
    /// The most content a chunked body may have, in bytes.
    content_max: u64,
    /// Bytes of the body that came in, framing included.
    pub taken: u64,
    /// Set when bytes came in; the owner clears it.
    moved: bool,
}

impl Pump {
    /// A pump for a body of that framing, which first writes what waits in `outlet`.
    pub fn new(framing: Framing, encoding: Encoding, outlet: Outlet) -> Self {
        Self { framing, encoding, outlet, content_max: u64::MAX, taken: 0, moved: false }
    }

    /// Refuses chunked content beyond `bytes` (413).
    pub fn with_content_max(mut self, bytes: u64) -> Self {
        self.content_max = bytes;
        self
    }

    /// Whether the sink has yet to take bytes that have been read.
    pub fn has_backlog(&self) -> bool {
        !self.outlet.is_empty()
    }

    /// Bytes read and not yet taken by the sink.
    pub fn backlog(&self) -> usize {
        self.outlet.backlog()
    }

    /// Whether the source has nothing more to give.
    pub fn is_complete(&self) -> bool {
        self.framing.is_complete()
    }

    /// What the sink has not taken, for whoever writes to it next.
    pub fn into_outlet(self) -> Outlet {
        self.outlet
    }

    /// Whether bytes came in or left since the last call.
    pub fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved) | std::mem::take(&mut self.outlet.moved)
    }

    /// Moves what can be moved. `leftover` is read before the source is, and takes what the source
    /// sent beyond the end of the body.
    ///
    /// # Errors
    /// A [`Leak`] that says which side failed.
    pub fn run(
        &mut self,
        source: &mut impl Stream,
        sink: &mut impl Stream,
        leftover: &mut Buffer,
        desk: &mut Desk,
    ) -> Result<Halt, Leak> {
        let ran = self.work(source, sink, leftover, desk);
        self.outlet.release(&mut desk.pipes);
        ran
    }

    fn work(
        &mut self,
        source: &mut impl Stream,
        sink: &mut impl Stream,
        leftover: &mut Buffer,
        desk: &mut Desk,
    ) -> Result<Halt, Leak> {
        for _ in 0..READS_PER_TURN {
            if !self.outlet.flush(sink).map_err(broken_sink)? {
                return Ok(Halt::SinkBlocked);
            }
            if self.framing.is_complete() {
                return Ok(Halt::Finished);
            }
            if !leftover.is_empty() {
                let taken = self.feed(&mut &[][..], leftover.as_slice(), sink)?;
                leftover.consume(taken);
                continue;
            }
            match self.pull(source, desk)? {
                Pulled::Unable => {}
                Pulled::Nothing => return Ok(Halt::SourceBlocked),
                Pulled::End => {
                    self.source_ended(sink)?;
                    continue;
                }
                Pulled::Bytes(_) => continue,
            }
            let scratch = &mut desk.scratch;
            let room = self.appetite(scratch.len());
            match ready(source.read(&mut scratch[..room])).map_err(broken_source)? {
                None => return Ok(Halt::SourceBlocked),
                Some(0) => self.source_ended(sink)?,
                Some(count) => {
                    let taken = self.feed(&mut &[][..], &scratch[..count], sink)?;
                    leftover.push(&scratch[taken..count]);
                }
            }
        }
        Ok(Halt::Yielded)
    }

    /// Takes content in without looking at it, where much of it is still to come.
    fn pull(&mut self, source: &mut impl Stream, desk: &mut Desk) -> Result<Pulled, Leak> {
        let foreseen = self.framing.foreseen();
        if foreseen < limits::SPLICE_MIN || self.encoding != Encoding::AsIs {
            return Ok(Pulled::Unable);
        }
        let pulled = self.outlet.pull(source, foreseen, &mut desk.pipes).map_err(broken_source)?;
        if let Pulled::Bytes(count) = pulled {
            self.framing.pass(count as u64);
            self.taken += count as u64;
            self.moved = true;
        }
        Ok(pulled)
    }

    /// Takes the body's bytes off the front of `input` and sends them on behind `lead`; says how
    /// many were the body's. An empty `lead` afterwards tells that it has been handed on.
    ///
    /// # Errors
    /// As [`Pump::run`].
    pub fn feed(
        &mut self,
        lead: &mut &[u8],
        input: &[u8],
        sink: &mut impl Stream,
    ) -> Result<usize, Leak> {
        let mut taken = 0;
        while taken < input.len() && !self.framing.is_complete() {
            let rest = &input[taken..];
            let step = self.framing.step(rest).map_err(refused)?;
            self.check_content()?;
            self.pass_on(lead, &rest[..step.forward], sink)?;
            *lead = &[];
            taken += step.forward + step.skip;
        }
        if !lead.is_empty() {
            self.outlet.send(&[lead], sink).map_err(broken_sink)?;
            *lead = &[];
        }
        if self.framing.is_complete()
            && let Some(tail) = self.framing.take_tail()
        {
            self.outlet.send(&[&tail], sink).map_err(broken_sink)?;
        }
        self.moved |= taken > 0;
        self.taken += taken as u64;
        Ok(taken)
    }

    fn check_content(&self) -> Result<(), Leak> {
        match &self.framing {
            Framing::Chunked(chunked) if chunked.content() > self.content_max => {
                Err(refused(Refusal::BodyTooLarge))
            }
            Framing::Chunked(_) | Framing::Length(_) | Framing::UntilClose => Ok(()),
        }
    }

    fn pass_on(&mut self, lead: &[u8], bytes: &[u8], sink: &mut impl Stream) -> Result<(), Leak> {
        let sent = match self.encoding {
            Encoding::Chunks if !bytes.is_empty() => {
                let mut line = [0; 18];
                let line = chunk_size_line(bytes.len(), &mut line);
                self.outlet.send(&[lead, line, bytes, b"\r\n"], sink)
            }
            Encoding::Chunks | Encoding::AsIs => self.outlet.send(&[lead, bytes], sink),
        };
        sent.map_err(broken_sink)
    }

    fn source_ended(&mut self, sink: &mut impl Stream) -> Result<(), Leak> {
        if !self.framing.at_end() {
            return Err(Leak::Source(Trouble::Cut));
        }
        self.framing = Framing::NONE;
        self.moved = true;
        match self.encoding {
            Encoding::Chunks => self.outlet.send(&[b"0\r\n\r\n"], sink).map_err(broken_sink),
            Encoding::AsIs => Ok(()),
        }
    }

    /// How much to read at once. Beyond a known end only a little: pipelined requests may wait in
    /// the kernel. Not nothing: a read that is not filled saves the one that would only say so.
    fn appetite(&self, room: usize) -> usize {
        match self.framing.remaining() {
            Some(remaining) => {
                let wanted = remaining.saturating_add(limits::PIPELINE_MAX as u64);
                usize::try_from(wanted).map_or(room, |wanted| wanted.min(room))
            }
            None => room,
        }
    }
}

fn broken_source(error: io::Error) -> Leak {
    Leak::Source(Trouble::Io(error.kind()))
}

fn broken_sink(error: io::Error) -> Leak {
    Leak::Sink(Trouble::Io(error.kind()))
}

fn refused(refusal: Refusal) -> Leak {
    Leak::Source(Trouble::Refused(refusal))
}

/// `1f40\r\n` for 8000, written into `room` (RFC 9112 7.1).
fn chunk_size_line(size: usize, room: &mut [u8; 18]) -> &[u8] {
    let mut at = room.len() - 2;
    room[at..].copy_from_slice(b"\r\n");
    let mut rest = size;
    loop {
        at -= 1;
        room[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
        if rest == 0 {
            return &room[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_size_line_is_the_size_in_hex() {
        for size in [0, 1, 15, 16, 255, 4096, 65535, 65536, usize::MAX] {
            assert_eq!(chunk_size_line(size, &mut [0; 18]), format!("{size:x}\r\n").as_bytes());
        }
    }
}
