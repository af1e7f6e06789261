//! Bytes to a sink: write first, keep only what was refused.
//!
//! In the common case the kernel takes everything at once and no byte is copied. What it refuses
//! waits in the backlog, and while a backlog waits its owner reads nothing: that *is* the
//! back-pressure.

use super::buffer::Buffer;
use super::{Stream, ready};
use std::io::{self, IoSlice};

/// The most slices handed over in one call: a head, a chunk size, content, a line end.
pub const SLICES_MAX: usize = 4;

/// One sink's backlog and whether anything moved.
#[derive(Debug, Default)]
pub struct Outlet {
    backlog: Buffer,
    /// Set when the sink took bytes; the owner clears it.
    pub moved: bool,
}

impl Outlet {
    /// An outlet that has `backlog` to write before anything else.
    pub fn with_backlog(backlog: Buffer) -> Self {
        Self { backlog, moved: false }
    }

    /// Whether everything handed over has been taken.
    pub fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Bytes that the sink has not taken yet.
    pub fn backlog(&self) -> usize {
        self.backlog.len()
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
        if self.backlog.is_empty() {
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
}
