//! The server behind every proxy: canned answers at the least cost, and a WebSocket echo.
//!
//! One thread, edge-triggered. An answer is one static slice, head and body together, chosen by
//! the path of the request target; a body that was sent here is counted and thrown away.
//!
//! ```text
//! Head --GET--> (answer) Head        Head --upgrade--> Frames --Close--> Ended
//! Head --body--> Sized | Chunk -----> (answer) Head
//! ```

mod answers;
mod frames;

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use answers::{Answers, Body};

use crate::work::SERVERS_MAX;

/// Bytes taken by one read.
const SCRATCH: usize = 65_536;
/// Reads of one connection before others have their turn: a sender that is never slower than the
/// origin would have it for itself.
const READS_PER_TURN: usize = 2;
/// What a connection may hold unread: a whole frame of the largest size that the bench sends.
const MAX_CARRY: usize = 1 << 20;
/// The first listener's; the others' follow below.
const LISTENER: usize = usize::MAX;

/// What the next bytes of a connection are.
enum Expect {
    /// A request head.
    Head,
    /// So many bytes of a request body.
    Sized(u64),
    /// A line with the size of a chunk.
    ChunkSize,
    /// So many bytes of a chunk and its line end.
    Chunk(u64),
    /// Trailer section lines, up to an empty one.
    Trailers,
    /// WebSocket frames.
    Frames,
    /// Nothing: the connection ends when all is sent.
    Ended,
}

/// What becomes of a connection after its turn.
enum Then {
    /// The next event brings it back.
    Wait,
    /// It goes on when others have had their turn; no event will say so.
    Resume,
    /// It is over.
    Remove,
}

struct Connection {
    stream: TcpStream,
    expect: Expect,
    /// The connection ends after the answer that is due.
    is_last: bool,
    /// Bytes that are no whole head, line or frame yet.
    carry: Vec<u8>,
    /// The canned answer to the request whose body is arriving.
    answer: &'static [u8],
    /// What is still to be sent of a canned answer.
    canned: &'static [u8],
    /// What is still to be sent of echoed frames and of a handshake.
    made: Vec<u8>,
}

impl Connection {
    /// Reads, answers and sends until the socket blocks, or others are to have their turn.
    fn on_ready(&mut self, answers: &Answers, drain: bool, scratch: &mut [u8]) -> io::Result<Then> {
        self.flush()?;
        for _ in 0..READS_PER_TURN {
            if self.is_stuck() {
                return Ok(Then::Wait);
            }
            if matches!(self.expect, Expect::Ended) {
                self.stream.shutdown(Shutdown::Write)?;
                return Ok(Then::Remove);
            }
            let length = match self.stream.read(scratch) {
                Ok(0) => return Ok(Then::Remove),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Then::Wait),
                Err(error) => return Err(error),
            };
            if self.carry.is_empty() {
                let taken = self.take(&scratch[..length], answers)?;
                self.carry.extend_from_slice(&scratch[taken..length]);
            } else {
                let mut carry = std::mem::take(&mut self.carry);
                carry.extend_from_slice(&scratch[..length]);
                let taken = self.take(&carry, answers)?;
                carry.drain(..taken);
                self.carry = carry;
            }
            if self.carry.len() > MAX_CARRY {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.flush()?;
            let is_drained = length < scratch.len() && !drain;
            if is_drained && !matches!(self.expect, Expect::Ended) {
                return Ok(Then::Wait);
            }
        }
        Ok(Then::Resume)
    }

    fn is_stuck(&self) -> bool {
        !self.canned.is_empty() || !self.made.is_empty()
    }

    /// Sends what is due, as far as the socket takes it.
    fn flush(&mut self) -> io::Result<()> {
        while !self.canned.is_empty() {
            match self.stream.write(self.canned) {
                Ok(taken) => self.canned = &self.canned[taken..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        while !self.made.is_empty() {
            match self.stream.write(&self.made) {
                Ok(taken) => drop(self.made.drain(..taken)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes whole elements from the front of `bytes`; returns how many bytes they were.
    fn take(&mut self, bytes: &[u8], answers: &Answers) -> io::Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() {
            let step = self.take_one(&bytes[taken..], answers)?;
            if step == 0 {
                break;
            }
            taken += step;
        }
        Ok(taken)
    }

    fn take_one(&mut self, bytes: &[u8], answers: &Answers) -> io::Result<usize> {
        match self.expect {
            Expect::Head => {
                let Some(request) = answers::read_head(bytes)? else { return Ok(0) };
                self.is_last = request.is_last;
                self.answer = answers.choose(request.path, request.is_last);
                let length = request.length;
                self.expect = match request.body {
                    Body::None => return Ok(self.answered(length)),
                    Body::Sized(left) => Expect::Sized(left),
                    Body::Chunked => Expect::ChunkSize,
                    Body::Upgrade(accept) => {
                        self.made.extend_from_slice(accept.as_bytes());
                        Expect::Frames
                    }
                };
                Ok(length)
            }
            Expect::Sized(left) => {
                let step = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.expect = Expect::Sized(left - step as u64);
                Ok(if step as u64 == left { self.answered(step) } else { step })
            }
            Expect::ChunkSize => {
                let Some((line, length)) = answers::read_line(bytes) else { return Ok(0) };
                let size = answers::chunk_size(line)?;
                self.expect = if size == 0 { Expect::Trailers } else { Expect::Chunk(size + 2) };
                Ok(length)
            }
            Expect::Chunk(left) => {
                let step = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - step as u64;
                self.expect = if left == 0 { Expect::ChunkSize } else { Expect::Chunk(left) };
                Ok(step)
            }
            Expect::Trailers => {
                let Some((line, length)) = answers::read_line(bytes) else { return Ok(0) };
                Ok(if line.is_empty() { self.answered(length) } else { length })
            }
            Expect::Frames => {
                let Some(frame) = frames::read(bytes)? else { return Ok(0) };
                if frames::echo(&frame, &mut self.made) {
                    self.expect = Expect::Ended;
                }
                Ok(frame.length)
            }
            Expect::Ended => Ok(bytes.len()),
        }
    }

    /// A request is complete with the element of `length` bytes.
    fn answered(&mut self, length: usize) -> usize {
        self.canned = self.answer;
        self.expect = if self.is_last { Expect::Ended } else { Expect::Head };
        length
    }
}

/// Where the origin listens: `first`, and with its port the loopback addresses from 127.0.1.1 on.
pub(crate) fn places(first: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let others = (1..=u8::MAX).flat_map(|third| (1..=250).map(move |last| (third, last)));
    let others = others.map(move |(third, last)| {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, third, last)), first.port())
    });
    std::iter::once(first).chain(others).take(SERVERS_MAX)
}

/// Serves on `listen`, and on all [`places`] that go with it, until the process is ended.
pub(crate) fn run(listen: SocketAddr) -> io::Result<()> {
    let answers = Answers::new();
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listeners = Vec::new();
    for place in places(listen) {
        let mut listener = TcpListener::bind(place)?;
        let token = Token(LISTENER - listeners.len());
        poll.registry().register(&mut listener, token, Interest::READABLE)?;
        listeners.push(listener);
    }
    let mut connections: Slab<Connection> = Slab::new();
    let mut resumed: Vec<(usize, bool)> = Vec::new();
    let mut scratch = vec![0; SCRATCH];
    loop {
        let patience = (!resumed.is_empty()).then_some(Duration::ZERO);
        crate::wait(&mut poll, &mut events, patience)?;
        let mut turns = std::mem::take(&mut resumed);
        for event in &events {
            if let Some(listener) = listeners.get(LISTENER - event.token().0) {
                while let Ok((stream, _)) = listener.accept() {
                    admit(&poll, &mut connections, stream)?;
                }
                continue;
            }
            let key = event.token().0;
            let Some(connection) = connections.get(key) else { continue };
            // The first event of a connection says only that it is writable.
            if !event.is_readable() && !connection.is_stuck() {
                continue;
            }
            turns.push((key, event.is_read_closed()));
        }
        for (key, drain) in turns {
            let Some(connection) = connections.get_mut(key) else { continue };
            match connection.on_ready(&answers, drain, &mut scratch).unwrap_or(Then::Remove) {
                Then::Wait => {}
                Then::Resume => resumed.push((key, drain)),
                Then::Remove => drop(connections.remove(key)),
            }
        }
    }
}

fn admit(poll: &Poll, connections: &mut Slab<Connection>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let entry = connections.vacant_entry();
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, Token(entry.key()), both)?;
    entry.insert(Connection {
        stream,
        expect: Expect::Head,
        is_last: false,
        carry: Vec::new(),
        answer: &[],
        canned: &[],
        made: Vec::new(),
    });
    Ok(())
}
