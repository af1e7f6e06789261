//! What stands in for the kernel in a test? Twins in memory of its sockets, clock and names.
//!
//! The types have the methods of their namesakes in `kernel`; behind them stands one [`World`] per
//! thread instead of an operating system. A world keeps what a kernel promises in edge-triggered
//! mode and nothing beyond that: an edge for every arrival, for room after a write that was cut
//! short, for a FIN or a RST, and for what holds when a socket is registered. Edges may come late,
//! merged, in another order between sockets, or for no reason; one that a kernel would not give is
//! not given.
//!
//! ```text
//!   chance    where decisions come from: a seed, or a fuzzer's bytes
//!   weather   what the network does in this world
//!   end       one socket as its kernel knows it
//!   world     all of them, the clock, and the queue of what will happen
//! ```

pub mod chance;
pub mod end;
pub mod weather;
pub mod world;

use self::chance::Chance;
use self::end::EndId;
use self::weather::Weather;
use self::world::World;
use super::readiness::Readiness;
use super::{Ready, Resolved, SocketAddress};
use crate::flow::Stream;
use crate::flow::pipe::Pipe;
use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

/// Where clients of a world connect to.
pub const FRONT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), 80);

thread_local! {
    static WORLD: RefCell<World> =
        RefCell::new(World::new(Chance::seeded(0), Weather::calm()));
}

/// Puts another world in the place of this thread's.
pub fn begin(world: World) {
    with(|old| *old = world);
}

/// Looks at, or into, this thread's world.
pub fn with<T>(look: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(look)
}

/// Tells the world's time.
#[derive(Debug, Default)]
pub struct Clock;

impl Clock {
    /// Now, on the clock that never goes back.
    pub fn now(&self) -> Instant {
        with(|world| world.instant())
    }

    /// Seconds since 1970; a world begins at a round number of them.
    pub fn unix_seconds(&self) -> u64 {
        1_700_000_000 + with(|world| world.now().as_secs())
    }
}

/// Opens, registers and names sockets of this thread's world.
#[derive(Debug, Default)]
pub struct Net;

impl Net {
    /// Listens.
    ///
    /// # Errors
    /// None.
    pub fn listen(
        &mut self,
        address: &SocketAddress,
        _mode: u32,
        key: usize,
    ) -> io::Result<Listener> {
        with(|world| world.open_door(key));
        Ok(Listener { address: address.clone() })
    }

    /// Begins to connect.
    ///
    /// # Errors
    /// When the host cannot be reached at all. A simulated world has no files.
    pub fn connect(&self, address: &SocketAddress, key: usize) -> io::Result<Socket> {
        let address = address.tcp().ok_or(io::ErrorKind::NotFound)?;
        let end = with(|world| world.connect(address, key))?;
        Ok(Socket { end, readiness: Readiness::connecting() })
    }

    /// Watches an accepted socket under `key`.
    ///
    /// # Errors
    /// None.
    pub fn register(&self, socket: &mut Socket, key: usize) -> io::Result<()> {
        with(|world| {
            world.claim(key);
            world.watch(socket.end, key);
        });
        Ok(())
    }

    /// Watches a socket under another key. Whatever is ready is said again, under that key.
    ///
    /// # Errors
    /// None.
    pub fn rename(&self, socket: &mut Socket, key: usize) -> io::Result<()> {
        with(|world| world.watch(socket.end, key));
        Ok(())
    }

    /// Asks for the addresses of a name.
    pub fn resolve(&mut self, ticket: usize, host: &str, port: u16) {
        with(|world| world.ask(ticket, host, port));
    }

    /// The next answer that has come.
    pub fn resolved(&mut self) -> Option<Resolved> {
        with(World::resolved)
    }
}

/// Where clients arrive.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddress,
}

impl Listener {
    /// The next client that has arrived, if any.
    ///
    /// # Errors
    /// `WouldBlock`, or when the world lets descriptors run out.
    pub fn accept(&mut self) -> io::Result<(Socket, Option<SocketAddr>)> {
        with(World::accept).map(|(end, peer)| (Socket::new(end), Some(peer)))
    }

    /// The address listened on.
    ///
    /// # Errors
    /// None.
    pub fn address(&self) -> io::Result<SocketAddress> {
        Ok(self.address.clone())
    }

    /// Nobody starts us in a simulated world.
    pub fn is_inherited(&self) -> bool {
        false
    }

    /// There is no file to take away.
    pub fn retire(&mut self) {}

    /// There is no file to guard.
    pub fn permit(&self, _mode: u32) {}
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A thread that is ending, or panicking, may have no world left to tell.
        let _ = WORLD.try_with(|world| {
            if let Ok(mut world) = world.try_borrow_mut() {
                world.close_door();
            }
        });
    }
}

/// One end of a connection, and what was last said of it.
#[derive(Debug)]
pub struct Socket {
    end: EndId,
    readiness: Readiness,
}

impl Socket {
    fn new(end: EndId) -> Self {
        Self { end, readiness: Readiness::new() }
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
            None => Err(with(|world| world.take_error(self.end)).into()),
        }
    }

    /// Our own end's address: the same for all clients.
    ///
    /// # Errors
    /// None.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(FRONT)
    }

    /// Nobody dies unnoticed in a simulated world.
    pub fn watch_for_death(&self) {}

    /// Makes the close that follows a RST.
    pub fn close_by_reset(&self) {
        with(|world| world.be_abrupt(self.end));
    }
}

/// What a pipe of the kernel's holds for certain.
const PIPE_SIZE: usize = 4096;

/// Sometimes a signal comes in between.
fn interrupted(world: &mut World) -> io::Result<()> {
    if world.chance.percent(world.weather.interrupts) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(())
}

impl Stream for Socket {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let end = self.end;
        self.readiness.read(room.len(), || {
            with(|world| interrupted(world).and_then(|()| world.read(end, room)))
        })
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let end = self.end;
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.readiness.write(bytes.len(), || {
            with(|world| interrupted(world).and_then(|()| world.write(end, &bytes)))
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        with(|world| world.finish(self.end))
    }

    fn pour(&mut self, pipe: &mut Pipe, most: usize) -> io::Result<usize> {
        let end = self.end;
        // A pipe takes pages, and they need not be full: it can be so by any number of bytes.
        let most = most.min(PIPE_SIZE);
        let mut room = vec![0; with(|world| most - world.chance.below(most))];
        let poured = self
            .readiness
            .pour(|| with(|world| interrupted(world).and_then(|()| world.read(end, &mut room))))?;
        pipe.writer().write_all(&room[..poured])?;
        pipe.filled(poured);
        Ok(poured)
    }

    fn drain(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        let (end, held) = (self.end, pipe.held());
        let drained = self.readiness.drain(|| {
            with(|world| {
                interrupted(world)?;
                let mut bytes = vec![0; world.room(end, held)?];
                pipe.reader().read_exact(&mut bytes)?;
                world.write_whole(end, &bytes)
            })
        })?;
        pipe.emptied(drained);
        Ok(drained)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = WORLD.try_with(|world| {
            if let Ok(mut world) = world.try_borrow_mut() {
                world.close(self.end);
            }
        });
    }
}
