//! Does the gateway that runs by this file answer?
//!
//! A container asks this of itself (`HEALTHCHECK`). The question is a request that the gateway
//! refuses on its own, for want of a Host field, so that no server is bothered and a gateway whose
//! servers are all down still counts as alive.

use crate::config::Frontend;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long the gateway may take for each step.
const PATIENCE: Duration = Duration::from_secs(2);

const QUESTION: &[u8] = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 400 ";

/// Asks.
///
/// # Errors
/// When nobody answers on the configured address, or not as the gateway would.
pub fn ask(frontend: &Frontend) -> io::Result<()> {
    let mut found = (frontend.host.as_str(), frontend.port).to_socket_addrs()?;
    let address = found.next().ok_or_else(|| io::Error::other("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&reachable(address), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(QUESTION)?;
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer)?;
    if answer == ANSWER { Ok(()) } else { Err(io::Error::other("somebody else answers there")) }
}

/// Who listens on every address is reached on the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => address,
    }
}
