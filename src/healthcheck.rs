//! Does the gateway that runs by this file answer?
//!
//! A container asks this of itself (`HEALTHCHECK`). With `[admin]` the question is `/live` there.
//! Without it, it is a request that the gateway refuses on its own, for want of a Host field, so
//! that no server is bothered. Either way a gateway whose servers are all down counts as alive.

use crate::config::{Address, Config};
use crate::proxy_protocol::{self, Version};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// How long the gateway may take for each step.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked, and how the answer begins.
struct Question {
    text: &'static [u8],
    answer: &'static [u8],
}

const LIVE: Question = Question {
    text: b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    answer: b"HTTP/1.1 200 ",
};

const REFUSED: Question =
    Question { text: b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", answer: b"HTTP/1.1 400 " };

/// Asks.
///
/// # Errors
/// When nobody answers on the configured address, or not as the gateway would.
pub fn ask(config: &Config) -> io::Result<()> {
    // A port that the system chose is not in the file.
    match config.admin.as_ref().filter(|admin| !admin.address.is_any_port()) {
        Some(admin) => put(&[], &LIVE, connect(&admin.address)?),
        None => {
            let mut header = Vec::new();
            if config.frontend.proxy_protocol {
                proxy_protocol::write(Version::V2, None, &mut header);
            }
            put(&header, &REFUSED, connect(&config.frontend.address)?)
        }
    }
}

/// A connection whose every step has to be done in time.
fn connect(address: &Address) -> io::Result<Socket> {
    let (kind, target) = match address {
        Address::Tcp { host, port } => {
            let mut found = (host.as_str(), *port).to_socket_addrs()?;
            let found = found.next().ok_or_else(|| io::Error::other("the name has no address"))?;
            (Domain::for_address(found), SockAddr::from(reachable(found)))
        }
        Address::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
    };
    let socket = Socket::new(kind, Type::STREAM, None)?;
    socket.connect_timeout(&target, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn put(header: &[u8], question: &Question, mut stream: Socket) -> io::Result<()> {
    stream.write_all(&[header, question.text].concat())?;
    let mut answer = vec![0; question.answer.len()];
    stream.read_exact(&mut answer)?;
    if answer == question.answer {
        Ok(())
    } else {
        Err(io::Error::other("somebody else answers there"))
    }
}

/// Who listens on every address is reached on the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => address,
    }
}
