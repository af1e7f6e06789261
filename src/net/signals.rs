//! Signals as bytes in a pipe, so that they arrive like everything else.

use super::Poll;
use mio::net::UnixStream;
use mio::{Interest, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::io::{self, Read};

/// What the process was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
}

/// The reading end of the pipe.
pub struct Signals {
    stops: UnixStream,
}

impl Signals {
    /// Catches SIGTERM and SIGINT from now on; `key` speaks when one has come.
    ///
    /// # Errors
    /// When no pipe can be had.
    pub fn new(poll: &Poll, key: usize) -> io::Result<Self> {
        let (mut stops, sender) = UnixStream::pair()?;
        let sender = std::os::fd::OwnedFd::from(sender);
        pipe::register(SIGTERM, sender.try_clone()?)?;
        pipe::register(SIGINT, sender)?;
        poll.registry().register(&mut stops, Token(key), Interest::READABLE)?;
        Ok(Self { stops })
    }

    /// The next signal that has come.
    pub fn pending(&mut self) -> Option<Signal> {
        let mut byte = [0];
        matches!(self.stops.read(&mut byte), Ok(1)).then_some(Signal::Stop)
    }
}
