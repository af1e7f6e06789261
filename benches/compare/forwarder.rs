//! What does the kernel alone cost? A forwarder that reads, writes and thinks of nothing.
//!
//! One server connection for each client connection, bytes moved both ways through one buffer;
//! no parsing, no pool, no timers. The floor for every proxy that copies through user space.
//!
//! A second kind has the kernel move the bytes through a pipe: the floor for big bodies.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;
use slab::Slab;

/// Bytes moved by one read and one write.
const SCRATCH: usize = 65_536;
/// The size of a pipe, and what is poured into it at once.
const PIPE_SIZE: usize = 1 << 20;
const POURED: usize = 512 << 10;
const LISTENER: Token = Token(usize::MAX);

/// One side of a pair.
struct End {
    stream: TcpStream,
    /// Bytes for this side that its socket did not take yet; nothing is read for it meanwhile.
    backlog: Vec<u8>,
    /// The other side has sent its last byte.
    is_last: bool,
    /// The end was passed on to this side.
    is_shut: bool,
}

impl End {
    fn new(stream: TcpStream) -> Self {
        Self { stream, backlog: Vec::new(), is_last: false, is_shut: false }
    }

    /// Sends `bytes`, keeping what the socket does not take.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = match self.stream.write(bytes) {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.backlog.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Sends what was kept, and the end when it is due.
    fn flush(&mut self) -> io::Result<()> {
        if !self.backlog.is_empty() {
            let backlog = std::mem::take(&mut self.backlog);
            self.send(&backlog)?;
        }
        if self.is_last && self.backlog.is_empty() && !self.is_shut {
            self.is_shut = true;
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

/// What bytes cross by.
struct Means {
    scratch: Vec<u8>,
    /// Instead of the scratch, if the kernel is to move them.
    pipe: Option<(PipeReader, PipeWriter)>,
}

/// As [`forward`], inside the kernel. What the sink does not take is read out of the pipe, which is
/// empty afterwards and free for others.
fn splice(source: &mut End, sink: &mut End, pipe: &mut (PipeReader, PipeWriter)) -> io::Result<()> {
    let (reader, writer) = pipe;
    let flags = SpliceFlags::NONBLOCK;
    while sink.backlog.is_empty() && !sink.is_last {
        let mut held =
            match rustix::pipe::splice(&source.stream, None, &*writer, None, POURED, flags) {
                Ok(count) => count,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
        if held == 0 {
            sink.is_last = true;
            return sink.flush();
        }
        let mut broken = None;
        while held > 0 && broken.is_none() {
            match rustix::pipe::splice(&*reader, None, &sink.stream, None, held, flags) {
                Ok(count) => held -= count,
                Err(error) => broken = Some(error),
            }
        }
        sink.backlog.resize(held, 0);
        reader.read_exact(&mut sink.backlog)?;
        if let Some(error) = broken.filter(|error| *error != Errno::AGAIN) {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Moves bytes from `source` to `sink` until one of them blocks. A read that does not fill the
/// scratch has emptied the socket: a further one would only say so.
fn forward(source: &mut End, sink: &mut End, until_end: bool, means: &mut Means) -> io::Result<()> {
    if let Some(pipe) = &mut means.pipe {
        return splice(source, sink, pipe);
    }
    let scratch = &mut means.scratch;
    while sink.backlog.is_empty() && !sink.is_last {
        let length = match source.stream.read(scratch) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        if length == 0 {
            sink.is_last = true;
            return sink.flush();
        }
        sink.send(&scratch[..length])?;
        if length < scratch.len() && !until_end {
            return Ok(());
        }
    }
    Ok(())
}

/// What an event means for a pair. Ok(true): both directions have ended.
fn on_ready(
    pair: &mut [End; 2],
    side: usize,
    event: &Event,
    means: &mut Means,
) -> io::Result<bool> {
    let [client, server] = pair;
    let (near, far) = if side == 0 { (client, server) } else { (server, client) };
    if event.is_writable() && (!near.backlog.is_empty() || near.is_last) {
        near.flush()?;
        // The far side may hold bytes that were not read while this one was stuck.
        forward(far, near, true, means)?;
    }
    if event.is_readable() {
        forward(near, far, event.is_read_closed(), means)?;
    }
    Ok(near.is_shut && far.is_shut)
}

/// Forwards every connection of `listen` to `server` until the process is ended; inside the kernel
/// if `splices`.
pub(crate) fn run(listen: SocketAddr, server: SocketAddr, splices: bool) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(listen)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut pairs: Slab<[End; 2]> = Slab::new();
    let mut means = Means { scratch: vec![0; SCRATCH], pipe: None };
    if splices {
        let (reader, writer) = io::pipe()?;
        rustix::pipe::fcntl_setpipe_size(&writer, PIPE_SIZE)?;
        means.pipe = Some((reader, writer));
    }
    loop {
        crate::wait(&mut poll, &mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((client, _)) = listener.accept() {
                    // A client for whom no server connection can be had is dropped, and seen.
                    if let Err(error) = open(&poll, &mut pairs, client, server) {
                        eprintln!("cannot connect: {error}");
                    }
                }
                continue;
            }
            let (key, side) = (event.token().0 / 2, event.token().0 % 2);
            let Some(pair) = pairs.get_mut(key) else { continue };
            if on_ready(pair, side, event, &mut means).unwrap_or(true) {
                pairs.remove(key);
            }
        }
    }
}

fn open(
    poll: &Poll,
    pairs: &mut Slab<[End; 2]>,
    mut client: TcpStream,
    address: SocketAddr,
) -> io::Result<()> {
    let mut server = TcpStream::connect(address)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let entry = pairs.vacant_entry();
    let first = entry.key() * 2;
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut client, Token(first), both)?;
    poll.registry().register(&mut server, Token(first + 1), both)?;
    entry.insert([End::new(client), End::new(server)]);
    Ok(())
}
