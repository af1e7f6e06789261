//! Where do clients arrive? A TCP port, or the file of a unix socket.
//!
//! The file of a unix socket is there as long as somebody listens by it: it is removed when the
//! listener is dropped or [retired](Listener::retire), if it is still the same one. One that was
//! left behind by a process that died is replaced; whatever else stands in its place is not ours to
//! take away, and refused.

use super::SocketAddress;
use super::channel::Channel;
use super::kernel::Socket;
use crate::limits;
use mio::net::{TcpListener, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, SockRef, Type};
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where clients arrive.
#[derive(Debug)]
pub struct Listener {
    inner: Inner,
    /// Its file, if that has to be removed some day.
    file: Option<SocketFile>,
    /// The service manager opened it, and holds it open too.
    inherited: bool,
}

#[derive(Debug)]
enum Inner {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The file of a unix socket, and what tells it from another one at the same path.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Listener {
    /// Listens. `mode` is what the file of a unix socket may be used for, and by whom: chmod(2).
    ///
    /// Accepted connections inherit `TCP_NODELAY` from it on Linux, which saves a call for each.
    pub(super) fn bind(address: &SocketAddress, mode: u32) -> io::Result<Self> {
        match address {
            SocketAddress::Tcp(address) => {
                let domain = Domain::for_address(*address);
                let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
                socket.set_reuse_address(true)?;
                socket.set_tcp_nodelay(true)?;
                socket.set_nonblocking(true)?;
                socket.bind(&(*address).into())?;
                socket.listen(limits::BACKLOG)?;
                let listener = TcpListener::from_std(socket.into());
                Ok(Self { inner: Inner::Tcp(listener), file: None, inherited: false })
            }
            SocketAddress::Unix(path) => {
                let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.set_nonblocking(true)?;
                bind_file(&socket, path)?;
                let identity = identity(&fs::symlink_metadata(path)?);
                let file = Some(SocketFile { path: path.clone(), identity });
                // From here on, being dropped removes the file.
                let listener = UnixListener::from_std(socket.try_clone()?.into());
                let listener = Self { inner: Inner::Unix(listener), file, inherited: false };
                // Before anybody can connect: that takes a socket that listens.
                fs::set_permissions(path, Permissions::from_mode(mode))?;
                socket.listen(limits::BACKLOG)?;
                Ok(listener)
            }
        }
    }

    /// Takes over a port that somebody else listens on for us.
    pub(super) fn inherit_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        let socket = SockRef::from(&listener);
        listens(&socket)?;
        socket.set_tcp_nodelay(true)?;
        let inner = Inner::Tcp(TcpListener::from_std(listener));
        Ok(Self { inner, file: None, inherited: true })
    }

    /// Takes over the file of a unix socket, which stays whoever's it is.
    pub(super) fn inherit_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listens(&SockRef::from(&listener))?;
        let inner = Inner::Unix(UnixListener::from_std(listener));
        Ok(Self { inner, file: None, inherited: true })
    }

    /// Whether the service manager holds it open too: clients go on to arrive there if we leave.
    pub fn is_inherited(&self) -> bool {
        self.inherited
    }

    pub(super) fn register(&mut self, registry: &Registry, key: usize) -> io::Result<()> {
        match &mut self.inner {
            Inner::Tcp(listener) => registry.register(listener, Token(key), Interest::READABLE),
            Inner::Unix(listener) => registry.register(listener, Token(key), Interest::READABLE),
        }
    }

    /// The next client that has arrived, if any, and where from; by a unix socket from nowhere. The
    /// socket is not watched yet.
    ///
    /// # Errors
    /// When descriptors have run out, or the client has already gone.
    pub fn accept(&mut self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.inner {
            Inner::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((Socket::new(Channel::Tcp(stream)), Some(peer)))
            }
            Inner::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((Socket::new(Channel::Unix(stream)), None))
            }
        }
    }

    /// The address listened on, with the port that the system chose when it was asked to.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn address(&self) -> io::Result<SocketAddress> {
        match &self.inner {
            Inner::Tcp(listener) => Ok(SocketAddress::Tcp(listener.local_addr()?)),
            Inner::Unix(listener) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().unwrap_or_else(|| Path::new(""));
                Ok(SocketAddress::Unix(path.to_owned()))
            }
        }
    }

    /// Says anew who may connect by its file; where there is none, nothing happens.
    pub fn permit(&self, mode: u32) {
        if let Some(file) = &self.file
            && let Err(error) = fs::set_permissions(&file.path, Permissions::from_mode(mode))
        {
            log::warn!("cannot change the mode of {}: {error}", file.path.display());
        }
    }

    /// Takes its file away, so that nobody new arrives by it; who has arrived is still accepted.
    /// A port cannot be taken away: there, nothing happens.
    pub fn retire(&mut self) {
        if let Some(file) = self.file.take() {
            file.remove();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.retire();
    }
}

impl SocketFile {
    fn remove(self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| identity(&found) == self.identity && found.file_type().is_socket());
        if ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Makes sure that nothing else was handed down, and that asking it for clients never blocks.
fn listens(socket: &SockRef<'_>) -> io::Result<()> {
    if !socket.is_listener()? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket that does not listen"));
    }
    socket.set_nonblocking(true)
}

/// What no two files have at the same time.
fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Binds a socket to a file that is made for it, in the place of one that nobody listens by.
fn bind_file(socket: &socket2::Socket, path: &Path) -> io::Result<()> {
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        outcome => return outcome,
    }
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::other("a file that is no socket is in the way"));
    }
    match UnixStream::connect(path) {
        // It was left behind.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        // A full backlog is somebody, too.
        Ok(_) => return Err(in_use()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(in_use()),
        Err(error) => {
            let why = format!("cannot tell whether its socket is in use: {error}");
            return Err(io::Error::new(error.kind(), why));
        }
    }
    fs::remove_file(path)?;
    socket.bind(&address)
}

fn in_use() -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, "somebody listens there")
}
