//! How do bytes leave? Write first, keep only what was refused.
//!
//! In the common case the kernel takes everything at once and no byte is copied. What it refuses
//! waits in the backlog, and while a backlog waits its owner reads nothing: that *is* the
//! back-pressure.
//!
//! Content that nobody has to look at may wait in a pipe of the kernel's instead. It is always
//! older than the backlog, as nothing is poured while a backlog waits.

use super::buffer::Buffer;
use super::pipe::{Pipe, Pipes};
use super::{Stream, ready};
use crate::limits;
use std::io::{self, IoSlice};

/// The most slices handed over in one call: a head, a chunk size, content, a line end.
pub const SLICES_MAX: usize = 4;

/// One sink's backlog and whether anything moved.
#[derive(Debug, Default)]
pub struct Outlet {
    backlog: Buffer,
    /// Bytes on their way inside the kernel, in front of the backlog.
    pipe: Option<Box<Pipe>>,
    /// Set when the sink took bytes; the owner clears it.
    pub moved: bool,
}

impl Outlet {
    /// An outlet that has `backlog` to write before anything else.
    pub fn with_backlog(backlog: Buffer) -> Self {
        Self { backlog, pipe: None, moved: false }
    }

    /// Whether everything handed over has been taken.
    pub fn is_empty(&self) -> bool {
        self.backlog.is_empty() && self.piped() == 0
    }

    /// Bytes that the sink has not taken yet.
    pub fn backlog(&self) -> usize {
        self.backlog.len() + self.piped()
    }

    fn piped(&self) -> usize {
        self.pipe.as_ref().map_or(0, |pipe| pipe.held())
    }

    /// The backlog itself, for whoever writes to the sink next.
    pub fn into_backlog(self) -> Buffer {
        self.backlog
    }

    /// Writes `slices` in order, behind what already waits.
    ///
    /// # Errors
    /// When the sink is broken; being full is no error.
    pub fn send(&mut self, slices: &[&[u8]], sink: &mut impl Stream) -> io::Result<()> {
        debug_assert!(slices.len() <= SLICES_MAX);
        let mut taken = 0;
        if self.is_empty() {
            let mut list = [IoSlice::new(&[]); SLICES_MAX];
            let mut used = 0;
            for slice in slices.iter().filter(|slice| !slice.is_empty()) {
                list[used] = IoSlice::new(slice);
                used += 1;
            }
            if used == 0 {
                return Ok(());
            }
            taken = ready(sink.write(&list[..used]))?.unwrap_or(0);
            self.moved |= taken > 0;
        }
        for slice in slices {
            let skip = taken.min(slice.len());
            self.backlog.push(&slice[skip..]);
            taken -= skip;
        }
        Ok(())
    }

    /// Writes what waits; `true` when nothing waits any more.
    ///
    /// # Errors
    /// When the sink is broken.
    pub fn flush(&mut self, sink: &mut impl Stream) -> io::Result<bool> {
        while let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.held() > 0) {
            match ready(sink.drain(pipe))? {
                None | Some(0) => return Ok(false),
                Some(_) => self.moved = true,
            }
        }
        while !self.backlog.is_empty() {
            match ready(sink.write(&[IoSlice::new(self.backlog.as_slice())]))? {
                None | Some(0) => return Ok(false),
                Some(taken) => {
                    self.moved = true;
                    self.backlog.consume(taken);
                }
            }
        }
        Ok(true)
    }

    /// Takes up to `most` bytes of `source` without looking at them; they leave with the next
    /// [`Outlet::flush`]. Only for an outlet in which nothing waits.
    ///
    /// # Errors
    /// When the source is broken.
    pub fn pull(
        &mut self,
        source: &mut impl Stream,
        most: u64,
        pipes: &mut Pipes,
    ) -> io::Result<Pulled> {
        debug_assert!(self.is_empty());
        let Some(mut pipe) = self.pipe.take().or_else(|| pipes.lend()) else {
            return Ok(Pulled::Unable);
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(limits::SPLICE_MAX);
        let poured = match source.pour(&mut pipe, most) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                pipes.abolish();
                return Ok(Pulled::Unable);
            }
            poured => ready(poured),
        };
        self.pipe = Some(pipe);
        Ok(match poured? {
            None => Pulled::Nothing,
            Some(0) => Pulled::End,
            Some(count) => Pulled::Bytes(count),
        })
    }

    /// Gives back a pipe in which nothing waits.
    pub fn release(&mut self, pipes: &mut Pipes) {
        if self.piped() == 0
            && let Some(pipe) = self.pipe.take()
        {
            pipes.put_back(pipe);
        }
    }
}

/// What came of [`Outlet::pull`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// It cannot be done: read and write instead.
    Unable,
    /// Nothing is there now; the source owes an edge.
    Nothing,
    /// The source has ended.
    End,
    /// So many bytes.
    Bytes(usize),
}
