//! How do bytes cross that nobody has to look at? Inside the kernel, from socket to socket.
//!
//! Where the end of a stretch of content is known beforehand, its bytes need not come into memory
//! to be told from others. They are *poured* from their socket into a [`Pipe`] and *drained* from
//! it into the other one. What the other one does not take stays in the pipe: it is a backlog that
//! costs no memory of ours.
//!
//! ```text
//!   source --pour--> pipe --drain--> sink
//!
//!   and not   source --read--> scratch --write--> sink
//! ```
//!
//! A call costs about the same for much as for little, so a pipe has room for more than the 64 KiB
//! that Linux gives it. A response of 1 MiB took, beside pipes of 64 KiB: 0.86 of the CPU time with
//! 256 KiB poured at a time into pipes of that size, 0.83 into pipes of 512 KiB, 0.76 with 1 MiB
//! into pipes of that size, where others would wait too long for their turn. What won nothing: to
//! pour the last bytes of a body, too, instead of copying them (1.00), and `SPLICE_F_MORE` (1.01).
//! To read only 20 KiB along with the head lost: the CPU time was the same, but 0.6 of the requests
//! passed in a second, as the server was kept waiting for its window. Copying takes 1.46 of the CPU
//! time by way of a scratch of 64 KiB, and 1.66 by one of 256 KiB. A forwarder that does nothing
//! but splice takes as much CPU time as this for a response of 1 MiB (1.00).
//!
//! There are few [`Pipes`], as each takes two descriptors. Whoever finds none, or a stream that
//! cannot be poured, reads and writes as ever; so nothing depends on them but the cost.

use crate::limits;
use std::io::{self, PipeReader, PipeWriter};
use std::sync::Arc;

/// A pipe of the kernel's, and how much is in it.
#[derive(Debug)]
pub struct Pipe {
    reader: PipeReader,
    writer: PipeWriter,
    held: usize,
    /// One of the clones that [`Pipes`] counts.
    _permit: Arc<()>,
}

impl Pipe {
    /// Bytes in it.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The end that is written to by whoever implements [`Stream::pour`](super::Stream::pour), and
    /// who says how many bytes went in by [`Pipe::filled`].
    pub fn writer(&mut self) -> &mut PipeWriter {
        &mut self.writer
    }

    /// The end that is read by whoever implements [`Stream::drain`](super::Stream::drain), and who
    /// says how many bytes came out by [`Pipe::emptied`].
    pub fn reader(&mut self) -> &mut PipeReader {
        &mut self.reader
    }

    /// So many bytes have gone in.
    pub fn filled(&mut self, count: usize) {
        self.held += count;
    }

    /// So many bytes have come out.
    pub fn emptied(&mut self, count: usize) {
        debug_assert!(count <= self.held, "more came out than went in");
        self.held = self.held.saturating_sub(count);
    }
}

/// The pipes that there may be.
#[derive(Debug)]
pub struct Pipes {
    /// Empty ones, to be used again.
    #[expect(clippy::vec_box, reason = "a pipe travels by its box, so that an outlet stays small")]
    spare: Vec<Box<Pipe>>,
    /// Cloned into each pipe, so that none can be lost from the count.
    permit: Arc<()>,
    most: usize,
}

impl Pipes {
    /// At most so many pipes at once.
    pub fn new(most: usize) -> Self {
        Self { spare: Vec::new(), permit: Arc::new(()), most }
    }

    /// Pipes that are open.
    pub fn open(&self) -> usize {
        Arc::strong_count(&self.permit) - 1
    }

    /// Lends an empty pipe, if there is one to be had.
    pub(super) fn lend(&mut self) -> Option<Box<Pipe>> {
        if let Some(pipe) = self.spare.pop() {
            return Some(pipe);
        }
        if self.open() >= self.most {
            return None;
        }
        let (reader, writer) = io::pipe().ok()?;
        // Where so much is not granted, it works as it is, at a higher cost.
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, limits::PIPE_SIZE);
        Some(Box::new(Pipe { reader, writer, held: 0, _permit: Arc::clone(&self.permit) }))
    }

    /// Takes back an empty pipe.
    pub(super) fn put_back(&mut self, pipe: Box<Pipe>) {
        debug_assert_eq!(pipe.held, 0);
        if self.spare.len() < limits::SPARE_PIPES {
            self.spare.push(pipe);
        }
    }

    /// There are to be none any more: what was tried with one is not possible here.
    pub(super) fn abolish(&mut self) {
        self.most = 0;
        self.spare.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_pipes_than_there_may_be() {
        let mut pipes = Pipes::new(2);
        let first = pipes.lend().unwrap();
        let second = pipes.lend().unwrap();
        assert!(pipes.lend().is_none());
        assert_eq!(pipes.open(), 2);
        drop(first);
        assert_eq!(pipes.open(), 1, "a pipe that goes down with its connection is not lost");
        pipes.put_back(second);
        assert!(pipes.lend().is_some() && pipes.lend().is_some());
        pipes.abolish();
        assert!(pipes.lend().is_none());
    }

    #[test]
    fn few_pipes_are_kept() {
        let mut pipes = Pipes::new(2 * limits::SPARE_PIPES);
        let lent: Vec<_> = std::iter::from_fn(|| pipes.lend()).collect();
        assert_eq!(lent.len(), 2 * limits::SPARE_PIPES);
        lent.into_iter().for_each(|pipe| pipes.put_back(pipe));
        assert_eq!(pipes.open(), limits::SPARE_PIPES);
    }
}
