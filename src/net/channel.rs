//! TCP or a unix socket? What the kernel lets us treat alike.
//!
//! A unix socket keeps the promises that [`super::readiness`] lives by: a stream reader gets all
//! that has arrived, up to its room, unless its peer passes descriptors along, which no HTTP peer
//! does and which stalls nobody but itself. Two things it cannot do. It has no keepalive, and needs
//! none, as no network lies between; and it has no RST, so that nothing tells a peer a connection
//! that was cut from one that was closed.

use super::SocketAddress;
use crate::limits;
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A connection of either kind.
#[derive(Debug)]
pub(super) enum Channel {
    /// By TCP.
    Tcp(TcpStream),
    /// By a unix socket.
    Unix(UnixStream),
}

impl Channel {
    /// Begins to connect. A unix socket is connected at once or not at all.
    pub(super) fn connect(address: &SocketAddress) -> io::Result<Self> {
        match address {
            SocketAddress::Tcp(address) => {
                let stream = TcpStream::connect(*address)?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            SocketAddress::Unix(path) => Ok(Self::Unix(UnixStream::connect(path)?)),
        }
    }

    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(room),
            Self::Unix(stream) => stream.read(room),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    pub(super) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            Self::Unix(stream) => stream.write_vectored(slices),
        }
    }

    /// Tells the peer that nothing more will come.
    pub(super) fn finish(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// What went wrong since this was last asked.
    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream) => stream.take_error(),
        }
    }

    /// Our own end's address and port.
    pub(super) fn local_address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr(),
            Self::Unix(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// Lets the kernel find out that the peer has died. A kernel that cannot is no reason to refuse
    /// the connection.
    pub(super) fn watch_for_death(&self) {
        match self {
            Self::Tcp(stream) => {
                let socket = SockRef::from(stream);
                let probes = TcpKeepalive::new()
                    .with_time(limits::KEEPALIVE_AFTER)
                    .with_interval(limits::KEEPALIVE_INTERVAL);
                let _ = socket.set_tcp_keepalive(&probes);
                let _ = socket.set_tcp_user_timeout(Some(limits::USER_TIMEOUT));
            }
            // The kernel that holds both ends knows at once.
            Self::Unix(_) => {}
        }
    }

    /// Makes the close a RST, where there is such a thing.
    pub(super) fn close_by_reset(&self) {
        match self {
            Self::Tcp(stream) => {
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
            Self::Unix(_) => {}
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Channel {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }
}

impl Source for Channel {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.source().register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}
