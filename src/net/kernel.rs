//! How is the kernel reached? Its sockets, by way of mio.

use super::channel::Channel;
use super::listener::Listener;
use super::readiness::Readiness;
use super::resolver::Resolver;
use super::{Ready, Resolved, SocketAddress};
use crate::flow::Stream;
use crate::flow::pipe::Pipe;
use crate::limits;
use mio::event::Event;
use mio::{Events, Interest, Registry, Token};
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Waits for edges.
pub struct Poll {
    poll: mio::Poll,
    events: Events,
}

impl Poll {
    /// A poll and the net whose sockets it watches. `waker` is the key that speaks when names have
    /// been resolved.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(waker: usize) -> io::Result<(Self, Net)> {
        let poll = mio::Poll::new()?;
        let net = Net {
            resolver: Resolver::new(mio::Waker::new(poll.registry(), Token(waker))?),
            registry: poll.registry().try_clone()?,
            inherited: Vec::new(),
        };
        Ok((Self { poll, events: Events::with_capacity(limits::EVENTS_PER_TURN) }, net))
    }

    /// Waits for edges, at most for `timeout`; being interrupted by a signal is no error.
    ///
    /// # Errors
    /// When polling itself fails, which nothing can mend.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// The edges of the last wait: key and what was said.
    pub fn events(&self) -> impl Iterator<Item = (usize, Ready)> + '_ {
        self.events.iter().map(|event| (event.token().0, Ready::from(event)))
    }

    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }
}

impl From<&Event> for Ready {
    fn from(event: &Event) -> Self {
        Self {
            readable: event.is_readable(),
            writable: event.is_writable(),
            ended: event.is_read_closed(),
            broken: event.is_error() || (event.is_write_closed() && event.is_read_closed()),
        }
    }
}

/// Opens, registers and names sockets.
pub struct Net {
    registry: Registry,
    resolver: Resolver,
    inherited: Vec<Listener>,
}

impl Net {
    /// Sockets that are there already, for when somebody wants to listen at their addresses.
    pub fn inherit(&mut self, listeners: Vec<Listener>) {
        self.inherited = listeners;
    }

    /// Listens on `address`. Where that is a file, `mode` says who may connect: see chmod(2).
    ///
    /// # Errors
    /// When the address is in use or not ours.
    pub fn listen(
        &mut self,
        address: &SocketAddress,
        mode: u32,
        key: usize,
    ) -> io::Result<Listener> {
        let is_there = |one: &Listener| one.address().is_ok_and(|at| at == *address);
        let mut listener = match self.inherited.iter().position(is_there) {
            Some(place) => self.inherited.swap_remove(place),
            None => Listener::bind(address, mode)?,
        };
        listener.register(&self.registry, key)?;
        Ok(listener)
    }

    /// Begins to connect; an edge tells when [`Socket::connected`] is worth asking.
    ///
    /// # Errors
    /// When no socket can be had, or the address is out of reach at once.
    pub fn connect(&self, address: &SocketAddress, key: usize) -> io::Result<Socket> {
        let channel = Channel::connect(address)?;
        let mut socket = Socket { channel, readiness: Readiness::connecting() };
        self.register(&mut socket, key)?;
        Ok(socket)
    }

    /// Watches an accepted socket under `key`.
    ///
    /// # Errors
    /// When the system has no memory left for it.
    pub fn register(&self, socket: &mut Socket, key: usize) -> io::Result<()> {
        self.registry.register(
            &mut socket.channel,
            Token(key),
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    /// Watches a socket under another key. Whatever is ready is said again, under that key.
    ///
    /// # Errors
    /// When the system has no memory left for it.
    pub fn rename(&self, socket: &mut Socket, key: usize) -> io::Result<()> {
        self.registry.reregister(
            &mut socket.channel,
            Token(key),
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    /// Asks for the addresses of a name; the answer comes by way of [`Net::resolved`].
    pub fn resolve(&mut self, ticket: usize, host: &str, port: u16) {
        self.resolver.ask(ticket, host, port);
    }

    /// The next answer that has come.
    pub fn resolved(&mut self) -> Option<Resolved> {
        self.resolver.answer()
    }
}

/// A connection, and what the kernel last said of it.
#[derive(Debug)]
pub struct Socket {
    channel: Channel,
    readiness: Readiness,
}

impl Socket {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, readiness: Readiness::new() }
    }

    /// Takes in what an edge said.
    pub fn note(&mut self, ready: Ready) {
        self.readiness.note(ready);
    }

    /// Whether there may be something to read: content, the end, or an error.
    pub fn is_readable(&self) -> bool {
        self.readiness.is_readable()
    }

    /// Whether the connection is known to be broken in both directions.
    pub fn is_broken(&self) -> bool {
        self.readiness.is_broken()
    }

    /// Whether the peer has said that it will send no more.
    pub fn has_ended(&self) -> bool {
        self.readiness.has_ended()
    }

    /// Forgets what was said of reading, so that the next read asks the kernel.
    pub fn look_again(&mut self) {
        self.readiness.look_again();
    }

    /// Whether the connection stands; `Ok(false)` while that is not known yet.
    ///
    /// # Errors
    /// Why it could not be made.
    pub fn connected(&self) -> io::Result<bool> {
        match self.readiness.stands() {
            Some(stands) => Ok(stands),
            None => {
                let why = self.channel.take_error()?;
                Err(why.unwrap_or_else(|| io::ErrorKind::NotConnected.into()))
            }
        }
    }

    /// Our own end's address: where the client connected to, on one that was accepted.
    ///
    /// # Errors
    /// When the system does not know, or it is a unix socket.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.channel.local_address()
    }

    /// Lets the kernel find out that the peer has died, on a connection that may be quiet for
    /// hours: keepalive probes, and a bound on unacknowledged content.
    pub fn watch_for_death(&self) {
        self.channel.watch_for_death();
    }

    /// Makes the close that follows a RST, so that the peer learns that something was lost. A unix
    /// socket has no such thing.
    pub fn close_by_reset(&self) {
        self.channel.close_by_reset();
    }
}

impl Stream for Socket {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.readiness.read(room.len(), || self.channel.read(room))
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let offered = slices.iter().map(|slice| slice.len()).sum();
        self.readiness.write(offered, || match slices {
            [slice] => self.channel.write(slice),
            slices if offered <= JOINED_MAX => {
                let mut joined = [0; JOINED_MAX];
                self.channel.write(join(slices, &mut joined))
            }
            slices => self.channel.write_vectored(slices),
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.channel.finish()
    }

    fn pour(&mut self, pipe: &mut Pipe, most: usize) -> io::Result<usize> {
        let poured = self.readiness.pour(|| splice(&self.channel, pipe.writer(), most))?;
        pipe.filled(poured);
        Ok(poured)
    }

    fn drain(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        let held = pipe.held();
        let drained = self.readiness.drain(|| splice(pipe.reader(), &self.channel, held))?;
        pipe.emptied(drained);
        Ok(drained)
    }
}

/// Up to so many bytes it is cheaper to put slices side by side than to have the kernel gather
/// them: `writev` goes through the file layer, `send` straight to the socket.
const JOINED_MAX: usize = 1024;

/// The slices side by side, as far as there is room.
fn join<'a>(slices: &[IoSlice<'_>], room: &'a mut [u8]) -> &'a [u8] {
    let mut filled = 0;
    for slice in slices {
        let count = slice.len().min(room.len() - filled);
        room[filled..filled + count].copy_from_slice(&slice[..count]);
        filled += count;
    }
    &room[..filled]
}

/// Moves up to `most` bytes between a socket and a pipe, inside the kernel.
fn splice(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    let moved = rustix::pipe::splice(from, None, to, None, most, SpliceFlags::NONBLOCK);
    moved.map_err(|error| match error {
        // A kernel, or a sandbox in its place, that cannot do this with such a socket.
        Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => io::ErrorKind::Unsupported.into(),
        error => error.into(),
    })
}

/// Tells the time, once per turn.
#[derive(Debug, Default)]
pub struct Clock;

impl Clock {
    /// Now, on the clock that never goes back.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Seconds since 1970, for `Date` and the log.
    pub fn unix_seconds(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// Raises the limit of descriptors as far as the system lets us, and says where it stands.
pub fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX))
}
