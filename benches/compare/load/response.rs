//! How long is a response? Just enough of HTTP for the loaders.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Most field lines of a response.
const MAX_FIELDS: usize = 64;
/// How long a blocking read may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The head of a response.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes of the head and of the body that it announces.
    pub(crate) total: usize,
}

/// Reads the head of a response with a Content-Length (none: no body); None while it is not whole.
pub(crate) fn read_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let length = match head.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let is_length =
        |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("content-length");
    let size = head.headers.iter().find(is_length);
    let size = size.and_then(|field| str::from_utf8(field.value).ok());
    let size = size.map_or(Ok(0), str::parse::<usize>).map_err(io::Error::other)?;
    Ok(Some(Head { status: head.code.unwrap_or(0), total: length + size }))
}

/// Connects, sends `request` and reads the whole response; the connection stays open.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> io::Result<(TcpStream, u16)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut buffer = [0; 4096];
    let mut length = 0;
    loop {
        match stream.read(&mut buffer[length..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => length += count,
        }
        if let Some(head) = read_head(&buffer[..length])?
            && length >= head.total
        {
            return Ok((stream, head.status));
        }
    }
}
