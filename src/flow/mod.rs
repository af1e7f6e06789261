//! How do bytes cross? The machines that move them, over streams they only borrow.
//!
//! Nothing here owns a socket or knows a clock: an [`exchange::Exchange`] or a [`relay::Relay`] is
//! handed two [`Stream`]s for the length of one call, moves what can be moved, and says in a plain
//! value why it stopped. So the same code runs over the kernel's sockets, over simulated ones and
//! under a fuzzer.
//!
//! ```text
//!   relay      two directions after a 101
//!   exchange   one request and its response: the request lane
//!   response   the response lane; opening is what comes before its final head
//!   pump       one direction of a message body, with its framing
//!   outlet     bytes to a sink: write first, keep what was refused
//!   pipe       bytes that pass inside the kernel, unseen
//!   buffer     a queue of bytes that owns no memory while it is empty
//! ```

pub mod buffer;
pub mod desk;
pub mod exchange;
pub mod opening;
pub mod outlet;
pub mod pipe;
pub mod pump;
pub mod relay;
pub mod response;

use self::pipe::Pipe;
use std::io::{self, IoSlice};

/// A connected, non-blocking byte stream.
///
/// `WouldBlock` means what it means for sockets in edge-triggered mode: a later readiness event is
/// promised, and the caller may forget the stream until then.
pub trait Stream {
    /// Reads into `room`; `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there yet, otherwise whatever broke the connection.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize>;

    /// Writes from the front of `slices`, and says how many bytes were taken.
    ///
    /// # Errors
    /// `WouldBlock` when the peer takes nothing now, otherwise whatever broke the connection.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that nothing more will be written: a FIN, for TCP.
    ///
    /// # Errors
    /// Whatever the connection has already died of.
    fn finish(&mut self) -> io::Result<()>;

    /// Moves up to `most` bytes from here into an empty pipe; `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// As [`Stream::read`], and `Unsupported` where this cannot be done.
    fn pour(&mut self, pipe: &mut Pipe, most: usize) -> io::Result<usize> {
        let _ = (pipe, most);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Moves bytes from a pipe that is not empty to here, and says how many were taken.
    ///
    /// # Errors
    /// As [`Stream::write`].
    fn drain(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        let _ = pipe;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Turns `WouldBlock` into `None`: being told to wait is not an error.
///
/// # Errors
/// Every other error passes through.
pub fn ready<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
