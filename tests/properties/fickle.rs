//! Streams in memory that behave as badly as sockets may: they give and take in morsels, would
//! block when asked again, and break.

use std::io::{self, ErrorKind, IoSlice};

use tidegate::flow::Stream;

use super::dice::Dice;

/// How a stream behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    /// Takes everything, and gives everything at once.
    Calm,
    /// Gives and takes up to so many bytes at a time, and would block between two calls.
    Fickle(usize),
}

/// One end of a connection, as the machine between two of them sees it.
pub struct Fickle {
    /// What the peer sends.
    input: Vec<u8>,
    given: usize,
    /// What the peer has received.
    pub output: Vec<u8>,
    /// The peer sends nothing until it has received so many bytes.
    pub speaks_after: usize,
    /// After the last byte of the input the stream ends; else the peer is silent.
    pub ends: bool,
    /// The connection breaks once so many bytes have crossed in either direction.
    pub breaks_after: usize,
    /// The machine has said that nothing more will come.
    pub finished: bool,
    temper: Temper,
    dice: Dice,
    has_blocked: bool,
}

impl Fickle {
    /// A stream whose peer sends `input` and then nothing.
    pub fn new(input: &[u8], temper: Temper, seed: &[u8]) -> Self {
        Self {
            input: input.to_vec(),
            given: 0,
            output: Vec::new(),
            speaks_after: 0,
            ends: false,
            breaks_after: usize::MAX,
            finished: false,
            temper,
            dice: Dice::of(seed),
            has_blocked: false,
        }
    }

    /// What the peer has sent and nobody has read.
    pub fn unread(&self) -> &[u8] {
        &self.input[self.given..]
    }

    /// How many of `wanted` bytes cross in this call.
    fn morsel(&mut self, wanted: usize) -> io::Result<usize> {
        if self.given + self.output.len() >= self.breaks_after {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let Temper::Fickle(most) = self.temper else { return Ok(wanted) };
        if !self.has_blocked && self.dice.one_in(3) {
            self.has_blocked = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        self.has_blocked = false;
        Ok(wanted.min(1 + self.dice.below(most)))
    }
}

impl Stream for Fickle {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        assert!(!room.is_empty(), "a read without room looks like the end");
        let left = self.input.len() - self.given;
        if self.output.len() < self.speaks_after || (left == 0 && !self.ends) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.morsel(left.min(room.len()))?;
        room[..count].copy_from_slice(&self.input[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.finished, "a write behind the FIN");
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        assert!(offered > 0, "a write of nothing");
        let count = self.morsel(offered)?;
        let bytes = slices.iter().flat_map(|slice| slice.iter());
        self.output.extend(bytes.take(count));
        Ok(count)
    }

    fn finish(&mut self) -> io::Result<()> {
        assert!(!self.finished, "a second FIN");
        self.finished = true;
        Ok(())
    }
}
