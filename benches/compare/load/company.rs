//! Who else is there while a load is measured?
//!
//! Clients that are not counted and that want too much, or nothing. What they do to the latency of
//! those who are counted is how fair a proxy is; what they do to the cost of a request shows how
//! it grows.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;

use super::websocket::HANDSHAKE;
use super::{hold, response};
use crate::process::{Core, Process};

/// Requests that a greedy client writes before it looks at an answer.
const PIPELINED: usize = 10_000;
/// The content of a greedy upload.
const UPLOAD: u64 = 1 << 30;
/// How much is written or read at a time.
const PIECE: usize = 64 << 10;
/// The messages of a tunnel at full speed.
const MESSAGE: u16 = 32 << 10;
/// Clients that wait for a server that does not answer.
const STUCK: usize = 64;

/// The company that a load has.
#[derive(Clone, Copy)]
pub(crate) enum Company {
    /// Nobody.
    Nobody,
    /// So many clients that have asked once and keep quiet.
    Quiet(u32),
    /// One client, or a few, that want more than their share: see [`run`].
    Greedy(&'static str),
}

impl Company {
    /// Has the company come to `address`; it stays until what is returned is dropped.
    ///
    /// # Errors
    /// It could not come, or not all of it.
    pub(crate) fn invite(
        self,
        address: SocketAddr,
        directory: &Path,
    ) -> io::Result<Option<Process>> {
        let (words, expected) = match self {
            Self::Nobody => return Ok(None),
            Self::Quiet(count) => {
                let words = ["hold", &address.to_string(), &count.to_string(), "client"];
                (words.map(str::to_owned).to_vec(), hold::report(count as usize, "none"))
            }
            Self::Greedy(kind) => {
                let words = ["greedy", &address.to_string(), kind];
                (words.map(str::to_owned).to_vec(), "at work".to_owned())
            }
        };
        let complaints = directory.join("company.stderr");
        let mut process = Process::start_role(Core::Load, &words, &complaints)?;
        if matches!(self, Self::Greedy(_)) {
            // It shares a core with the server and with those who are measured. It gets what they
            // leave, so that they wait for the proxy and not for their own core.
            process.yield_to_others()?;
        }
        let said = process.read_line()?;
        if said != expected {
            return Err(io::Error::other(format!("the company: {said}")));
        }
        Ok(Some(process))
    }
}

/// Wants more than its share of `address` until the process is ended: `download` (1 MiB after 1
/// MiB), `upload` (1 GiB after 1 GiB), `pipeline` (10,000 requests at once), `tunnel` (32 KiB
/// messages without a pause), or `stuck` (64 requests that the server does not answer).
///
/// # Errors
/// The address cannot be connected to, a connection ends, or there is no such kind.
pub(crate) fn run(address: SocketAddr, kind: &str) -> io::Result<()> {
    match kind {
        "download" => endless(address, "", b"GET /1m HTTP/1.1\r\nHost: bench\r\n\r\n"),
        "pipeline" => {
            endless(address, "", &b"GET /small HTTP/1.1\r\nHost: bench\r\n\r\n".repeat(PIPELINED))
        }
        "upload" => {
            let head =
                format!("POST /upload HTTP/1.1\r\nHost: bench\r\nContent-Length: {UPLOAD}\r\n\r\n");
            endless(address, &head, &vec![b'x'; PIECE])
        }
        "tunnel" => {
            let handshake = str::from_utf8(HANDSHAKE).map_err(io::Error::other)?;
            // A masked frame (RFC 6455 5.2) whose mask is zero.
            let size = MESSAGE.to_be_bytes();
            let frame = [&b"\x82\xfe"[..], &size, &[0; 4 + MESSAGE as usize]].concat();
            endless(address, handshake, &frame)
        }
        "stuck" => {
            let request = b"GET /never HTTP/1.1\r\nHost: bench\r\n\r\n";
            let mut waiting = Vec::new();
            for _ in 0..STUCK {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(request)?;
                waiting.push(stream);
            }
            tell()?;
            loop {
                thread::park();
            }
        }
        _ => Err(io::Error::other(format!("nobody is greedy in this way: {kind}"))),
    }
}

fn tell() -> io::Result<()> {
    println!("at work");
    io::stdout().flush()
}

/// Writes `head`, then `piece` for ever (an upload: until its content is whole, then anew), and
/// throws away what comes.
fn endless(address: SocketAddr, head: &str, piece: &[u8]) -> io::Result<()> {
    let (mut stream, status) =
        response::ask(address, b"GET /small HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    if status != 200 {
        return Err(io::Error::other(format!("status {status}")));
    }
    stream.set_read_timeout(None)?;
    let mut answers = stream.try_clone()?;
    thread::spawn(move || {
        let mut scratch = vec![0; PIECE];
        while matches!(answers.read(&mut scratch), Ok(1..)) {}
    });
    tell()?;
    let is_upload = head.starts_with("POST");
    loop {
        stream.write_all(head.as_bytes())?;
        let mut left = if is_upload { UPLOAD } else { u64::MAX };
        while left > 0 {
            stream.write_all(piece)?;
            left = left.saturating_sub(piece.len() as u64);
        }
    }
}
