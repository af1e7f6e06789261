//! What do connections cost that are open and quiet? This role opens them and holds them.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};

use super::response;
use super::websocket::HANDSHAKE;

/// What is asked on a connection before it falls quiet.
const REQUEST: &[u8] = b"GET /small HTTP/1.1\r\nHost: bench\r\n\r\n";

/// What this role says when it holds `count` connections, and why no more.
pub(super) fn report(count: usize, failure: &str) -> String {
    format!("{count} {failure}")
}

/// Opens `count` connections (tunnels when `is_tunnel`), each used once, one after another; says
/// how many there are, and holds them until the process is ended. Stops at the first failure.
pub(crate) fn run(address: SocketAddr, count: usize, is_tunnel: bool) -> io::Result<()> {
    let (request, expected) = if is_tunnel { (HANDSHAKE, 101) } else { (REQUEST, 200) };
    let mut held: Vec<TcpStream> = Vec::with_capacity(count);
    let mut failure = String::from("none");
    while held.len() < count {
        match response::ask(address, request) {
            Ok((stream, status)) if status == expected => held.push(stream),
            Ok((_, status)) => failure = format!("status {status}"),
            Err(error) => failure = error.to_string(),
        }
        if failure != "none" {
            break;
        }
    }
    println!("{}", report(held.len(), &failure));
    io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}
