//! Which signals came? As bytes in a pipe, so that they arrive like everything else.

use super::Poll;
use mio::net::UnixStream;
use mio::{Interest, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::io::{self, Read};

/// What the process was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP, once or several times.
    Reload,
}

/// The reading ends of two pipes: a byte does not tell which signal it stands for.
pub struct Signals {
    stops: UnixStream,
    reloads: UnixStream,
}

impl Signals {
    /// Catches SIGTERM, SIGINT and SIGHUP from now on; `key` speaks when one has come.
    ///
    /// # Errors
    /// When no pipe can be had.
    pub fn new(poll: &Poll, key: usize) -> io::Result<Self> {
        let (mut stops, sender) = UnixStream::pair()?;
        let sender = std::os::fd::OwnedFd::from(sender);
        pipe::register(SIGTERM, sender.try_clone()?)?;
        pipe::register(SIGINT, sender)?;
        let (mut reloads, sender) = UnixStream::pair()?;
        pipe::register(SIGHUP, std::os::fd::OwnedFd::from(sender))?;
        for stream in [&mut stops, &mut reloads] {
            poll.registry().register(stream, Token(key), Interest::READABLE)?;
        }
        Ok(Self { stops, reloads })
    }

    /// The next signal that has come.
    pub fn pending(&mut self) -> Option<Signal> {
        let mut byte = [0];
        if matches!(self.stops.read(&mut byte), Ok(1)) {
            return Some(Signal::Stop);
        }
        let mut bytes = [0; 256];
        matches!(self.reloads.read(&mut bytes), Ok(1..)).then_some(Signal::Reload)
    }
}
