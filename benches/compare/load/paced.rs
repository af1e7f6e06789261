//! Latency at a fixed rate, without coordinated omission.
//!
//! Requests are due by a schedule that was fixed beforehand, and a request's latency counts from
//! when it was *due*, whether or not a connection was free then. So an answer that comes late is
//! also charged to every request that it held up. A thread of its own keeps the time, because
//! epoll's is in whole milliseconds.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::response;
use crate::stats::Latencies;

const REQUEST: &[u8] = b"GET /small HTTP/1.1\r\nHost: bench\r\n\r\n";
const CLOCK: Token = Token(usize::MAX);
/// How far apart the clock's ticks are; all requests due since the last one are sent at a tick.
const TICK: Duration = Duration::from_micros(200);
/// How long answers may still come after the last request was due.
const PATIENCE: Duration = Duration::from_secs(2);
/// After so many failures a run stops: something is broken, not slow.
const MAX_ERRORS: u64 = 100;

struct Connection {
    stream: TcpStream,
    /// When the request that is under way was due.
    due: Option<Instant>,
    /// What has come of its response.
    response: Vec<u8>,
}

/// Everything that is counted, and what waits.
struct Run {
    connections: Vec<Connection>,
    /// Indexes of connections without a request.
    free: Vec<usize>,
    /// Requests that were due while no connection was free.
    late: VecDeque<Instant>,
    latencies: Latencies,
    errors: u64,
}

impl Connection {
    fn open(poll: &Poll, index: usize, address: SocketAddr) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        Ok(Self { stream, due: None, response: Vec::new() })
    }

    fn send(&mut self, due: Instant) -> io::Result<()> {
        self.due = Some(due);
        self.response.clear();
        // So short a request fits into an empty socket whole, or the socket is broken.
        if self.stream.write(REQUEST)? == REQUEST.len() {
            return Ok(());
        }
        Err(io::ErrorKind::WriteZero.into())
    }

    /// Reads; Ok(true): the response is complete.
    fn receive(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        loop {
            let length = match self.stream.read(scratch) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            self.response.extend_from_slice(&scratch[..length]);
            match response::read_head(&self.response)? {
                Some(head) if head.status != 200 => {
                    return Err(io::Error::other(format!("status {}", head.status)));
                }
                Some(head) if self.response.len() >= head.total => return Ok(true),
                Some(_) | None => {}
            }
        }
    }
}

impl Run {
    /// Sends a request that is due on a free connection, or lets it wait for one.
    fn send(&mut self, due: Instant) -> io::Result<()> {
        match self.free.pop() {
            Some(index) => self.connections[index].send(due),
            None => {
                self.late.push_back(due);
                Ok(())
            }
        }
    }

    fn on_ready(
        &mut self,
        poll: &Poll,
        index: usize,
        address: SocketAddr,
        scratch: &mut [u8],
    ) -> io::Result<()> {
        let connection = &mut self.connections[index];
        match connection.receive(scratch) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                if let Some(due) = connection.due.take() {
                    self.latencies.record(due.elapsed());
                }
            }
            Err(error) => {
                eprintln!("connection: {error}");
                self.errors += 1;
                let was_free = connection.due.is_none();
                *connection = Connection::open(poll, index, address)?;
                if was_free {
                    return Ok(());
                }
            }
        }
        match self.late.pop_front() {
            Some(due) => self.connections[index].send(due),
            None => {
                self.free.push(index);
                Ok(())
            }
        }
    }
}

/// Sends `rate` requests a second over `connections` for `takes`, and prints the outcome.
///
/// # Errors
/// The address cannot be connected to. Later failures are counted in the outcome.
pub(crate) fn run(
    address: SocketAddr,
    connections: usize,
    rate: u32,
    takes: Duration,
) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; 16 << 10];
    let waker = Arc::new(Waker::new(poll.registry(), CLOCK)?);
    let opened: io::Result<Vec<_>> =
        (0..connections).map(|index| Connection::open(&poll, index, address)).collect();
    let mut run = Run {
        connections: opened?,
        free: (0..connections).collect(),
        late: VecDeque::new(),
        latencies: Latencies::default(),
        errors: 0,
    };
    // The thread ends with the process.
    thread::spawn(move || {
        while waker.wake().is_ok() {
            thread::sleep(TICK);
        }
    });
    let began = Instant::now();
    let total = u64::from(rate) * takes.as_secs();
    let mut sent = 0;
    while (run.latencies.count() as u64) + run.errors < total {
        crate::wait(&mut poll, &mut events, Some(PATIENCE))?;
        for event in &events {
            if event.token() != CLOCK {
                run.on_ready(&poll, event.token().0, address, &mut scratch)?;
            }
        }
        while sent < total {
            let due = began + Duration::from_nanos(sent * 1_000_000_000 / u64::from(rate));
            if due > Instant::now() {
                break;
            }
            run.send(due)?;
            sent += 1;
        }
        if began.elapsed() > takes + PATIENCE || run.errors > MAX_ERRORS {
            break;
        }
    }
    let unanswered = (total - run.latencies.count() as u64).saturating_sub(run.errors);
    let errors = [("connection", run.errors), ("unanswered", unanswered)];
    println!("{}", run.latencies.outcome(began.elapsed(), &errors));
    Ok(())
}
