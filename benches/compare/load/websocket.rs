//! WebSocket load: tunnels that echo as fast as they can, or that are set up and closed.
//!
//! ```text
//! Opening --101--> Echoing --echo--> Echoing            (echo: counted for each message)
//!    ^                |
//!    |                +----echo----> Closing --Close, end of stream--> Opening again (churn)
//! ```

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::response;
use crate::stats::Latencies;

/// The opening handshake, with the sample key of RFC 6455, section 1.3.
pub(crate) const HANDSHAKE: &[u8] = b"GET /echo HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// A Close frame with status 1000, under a mask of zeros.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
/// Bytes of its echo, which has no mask.
const CLOSE_ECHO: usize = 4;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const SCRATCH: usize = 65_536;
/// After so many failures a run stops: something is broken, not slow.
const MAX_ERRORS: u64 = 100;

/// What a run does with its tunnels.
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) tunnels: usize,
    /// Bytes of a message.
    pub(crate) size: u16,
    pub(crate) takes: Duration,
    /// Close each tunnel after one message and set it up again.
    pub(crate) is_churn: bool,
}

enum Stage {
    /// The handshake was sent; what has come of the response head.
    Opening(Vec<u8>),
    /// So many bytes of the echo are still to come.
    Echoing(usize),
    /// A Close was sent; so many bytes of its echo are to come, then the end.
    Closing(usize),
}

struct Tunnel {
    stream: TcpStream,
    stage: Stage,
    /// What is still to be sent.
    out: &'static [u8],
    /// When the message, or the whole tunnel in a churn, began.
    began: Instant,
}

/// The messages, the same for every tunnel.
struct Messages {
    message: &'static [u8],
    /// Bytes of its echo.
    echo: usize,
}

impl Messages {
    fn new(size: u16) -> Self {
        let mut message = vec![0x82];
        let header = match u8::try_from(size) {
            Ok(size @ ..126) => {
                message.push(0x80 | size);
                2
            }
            _ => {
                message.push(0x80 | 126);
                message.extend_from_slice(&size.to_be_bytes());
                4
            }
        };
        message.extend_from_slice(&MASK);
        message.extend(MASK.iter().cycle().take(usize::from(size)).map(|mask| b'x' ^ mask));
        Self { message: message.leak(), echo: header + usize::from(size) }
    }
}

impl Tunnel {
    fn open(poll: &Poll, token: Token, address: SocketAddr) -> io::Result<Self> {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, stage: Stage::Opening(Vec::new()), out: HANDSHAKE, began })
    }

    fn send(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(self.out) {
                Ok(taken) => self.out = &self.out[taken..],
                Err(error) if is_not_yet(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Does what can be done. Ok(true): a churned tunnel has come to its proper end.
    fn on_ready(
        &mut self,
        messages: &Messages,
        is_churn: bool,
        drain: bool,
        latencies: &mut Latencies,
        scratch: &mut [u8],
    ) -> io::Result<bool> {
        self.send()?;
        loop {
            let length = match self.stream.read(scratch) {
                Ok(0) if matches!(self.stage, Stage::Closing(0)) => {
                    latencies.record(self.began.elapsed());
                    return Ok(true);
                }
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if is_not_yet(&error) => return Ok(false),
                Err(error) => return Err(error),
            };
            self.take(&scratch[..length], messages, is_churn, latencies)?;
            if length < scratch.len() && !drain {
                return Ok(false);
            }
        }
    }

    fn take(
        &mut self,
        bytes: &[u8],
        messages: &Messages,
        is_churn: bool,
        latencies: &mut Latencies,
    ) -> io::Result<()> {
        match &mut self.stage {
            Stage::Opening(head) => {
                head.extend_from_slice(bytes);
                match response::read_head(head)? {
                    None => return Ok(()),
                    Some(head) if head.status == 101 => {}
                    Some(head) => return Err(io::Error::other(format!("status {}", head.status))),
                }
                if !is_churn {
                    self.began = Instant::now();
                }
                self.out = messages.message;
                self.stage = Stage::Echoing(messages.echo);
            }
            Stage::Echoing(left) => {
                if *left == messages.echo && bytes.first() != Some(&0x82) {
                    return Err(io::Error::other("what came back is no echo"));
                }
                *left = left.checked_sub(bytes.len()).ok_or(io::ErrorKind::InvalidData)?;
                if *left > 0 {
                    return Ok(());
                }
                if is_churn {
                    self.out = CLOSE;
                    self.stage = Stage::Closing(CLOSE_ECHO);
                } else {
                    let now = Instant::now();
                    latencies.record(now - self.began);
                    self.began = now;
                    self.out = messages.message;
                    *left = messages.echo;
                }
            }
            Stage::Closing(left) => {
                *left = left.checked_sub(bytes.len()).ok_or(io::ErrorKind::InvalidData)?;
            }
        }
        self.send()
    }
}

/// A connection in progress is no error; the socket will say when it is there.
fn is_not_yet(error: &io::Error) -> bool {
    [io::ErrorKind::WouldBlock, io::ErrorKind::NotConnected].contains(&error.kind())
}

/// Runs the plan and prints its outcome.
///
/// # Errors
/// The address cannot be connected to at all. Later failures are counted in the outcome.
pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let messages = Messages::new(plan.size);
    let mut scratch = vec![0; SCRATCH];
    let (mut latencies, mut errors) = (Latencies::default(), 0);
    let began = Instant::now();
    let mut tunnels = Vec::with_capacity(plan.tunnels);
    for index in 0..plan.tunnels {
        tunnels.push(Tunnel::open(&poll, Token(index), plan.address)?);
    }
    while began.elapsed() < plan.takes && errors < MAX_ERRORS {
        let left = plan.takes.saturating_sub(began.elapsed());
        crate::wait(&mut poll, &mut events, Some(left))?;
        for event in &events {
            let token = event.token();
            let Some(tunnel) = tunnels.get_mut(token.0) else { continue };
            let drain = event.is_read_closed();
            let end =
                tunnel.on_ready(&messages, plan.is_churn, drain, &mut latencies, &mut scratch);
            match end {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => {
                    errors += 1;
                    eprintln!("tunnel: {error}");
                }
            }
            *tunnel = Tunnel::open(&poll, token, plan.address)?;
        }
    }
    println!("{}", latencies.outcome(began.elapsed(), &[("tunnel", errors)]));
    Ok(())
}
