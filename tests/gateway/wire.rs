//! One end of a connection, client's or server's: bytes out, messages in, and how it ended.
//!
//! Reading is simple on purpose and shares no code with the program: a test must not agree with
//! the gateway because both have the same fault. Every read has a time limit, so that a test that
//! waits in vain fails and does not hang.

use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// The longest that anything awaited may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// What is read at a time, in bytes.
const ROOM: usize = 128 * 1024;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Fin,
    /// By a reset.
    Reset,
}

/// One end of a connection.
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// Control data and fields, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The whole head, its empty line included.
    pub(crate) text: String,
    /// Its first line.
    pub(crate) start: String,
    /// Name and value of each field line.
    pub(crate) fields: Vec<(String, String)>,
}

/// What follows a head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Body {
    /// The content, without the marks of its framing.
    pub(crate) content: Vec<u8>,
    /// The sizes of the chunks, if it came in chunks.
    pub(crate) chunks: Vec<usize>,
    /// The trailer section.
    pub(crate) trailers: Vec<(String, String)>,
}

/// How much follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// That many bytes.
    Exactly(u64),
    /// Chunks.
    Chunks,
    /// All that comes.
    UntilClose,
}

/// The connection ended where more had to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

impl Head {
    fn parse(text: String) -> Self {
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.filter(|line| !line.is_empty()).map(field).collect();
        Self { start, fields, text }
    }

    /// The values of the fields of that name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of the only field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} stands {} times in {:?}", all.len(), self.text);
        all.first().copied()
    }

    /// The status code of a response.
    pub(crate) fn status(&self) -> u16 {
        let status = self.start.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status in {:?}", self.start))
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The target of a request.
    pub(crate) fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// What the fields say of the body.
    pub(crate) fn length(&self) -> Option<Length> {
        match (self.field("Transfer-Encoding"), self.field("Content-Length")) {
            (Some("chunked"), None) => Some(Length::Chunks),
            (None, Some(length)) => Some(Length::Exactly(length.parse().expect("a length"))),
            (None, None) => None,
            both => panic!("not one framing: {both:?}"),
        }
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
    (name.to_owned(), value.to_owned())
}

impl Wire {
    /// That end of a connection.
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket without delay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket with a limit");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket with a limit");
        Self { stream, unread: Vec::new() }
    }

    /// A connection to that address.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).expect("a connection"))
    }

    /// The socket, and what was read beyond the last message.
    pub(crate) fn into_stream(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.unread)
    }

    /// The same connection once more, for a thread that writes while this one reads.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("a second handle")
    }

    /// Sends all of it.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the other side takes it");
    }

    /// Sends as much as the other side takes; true if that was all.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends `piece` again and again until the other side has taken nothing for a while. The bytes
    /// taken, of which the last piece may be a part.
    pub(crate) fn send_until_blocked(&mut self, piece: &[u8], most: usize) -> usize {
        self.stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a limit");
        let mut taken = 0;
        while taken < most {
            match self.stream.write(&piece[taken % piece.len()..]) {
                Ok(count) => taken += count,
                Err(error) if is_timeout(error.kind()) => break,
                Err(error) => panic!("after {taken} bytes: {error}"),
            }
        }
        self.stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
        taken
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("a half-close");
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("a reset to come");
    }

    /// Reads more; false at the end of the stream, orderly or not.
    fn fill(&mut self) -> bool {
        let filled = self.unread.len();
        self.unread.resize(filled + ROOM, 0);
        let read = self.stream.read(&mut self.unread[filled..]);
        self.unread.truncate(filled + read.as_ref().map_or(0, |count| *count));
        match read {
            Ok(count) => count > 0,
            Err(error) if is_reset(error.kind()) => false,
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => {
                panic!("{error}, after {:?}", String::from_utf8_lossy(&self.unread))
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        if count == self.unread.len() {
            return std::mem::take(&mut self.unread);
        }
        self.unread.drain(..count).collect()
    }

    /// The next head; `None` when the connection ends before it begins.
    pub(crate) fn try_head(&mut self) -> Option<Head> {
        loop {
            let end = self.unread.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                let text = String::from_utf8(self.take(end + 4)).expect("a head in UTF-8");
                return Some(Head::parse(text));
            }
            if !self.fill() {
                let rest = String::from_utf8_lossy(&self.unread);
                assert!(rest.is_empty(), "the connection ended inside a head: {rest:?}");
                return None;
            }
        }
    }

    /// The next head.
    pub(crate) fn head(&mut self) -> Head {
        self.try_head().expect("a head, not the end")
    }

    /// The next so many bytes.
    ///
    /// # Errors
    /// When the connection ends before.
    pub(crate) fn try_exactly(&mut self, count: usize) -> Result<Vec<u8>, Cut> {
        while self.unread.len() < count {
            if !self.fill() {
                return Err(Cut);
            }
        }
        Ok(self.take(count))
    }

    /// The next so many bytes.
    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        self.try_exactly(count).expect("that many bytes")
    }

    fn line(&mut self) -> Result<String, Cut> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|window| window == b"\r\n") {
                let mut line = self.take(end + 2);
                line.truncate(end);
                return Ok(String::from_utf8(line).expect("a line in UTF-8"));
            }
            if !self.fill() {
                return Err(Cut);
            }
        }
    }

    /// The data of the next chunk; empty for the last one, whose trailer section is still to come.
    ///
    /// # Errors
    /// When the connection ends before.
    pub(crate) fn chunk(&mut self) -> Result<Vec<u8>, Cut> {
        let size = self.line()?;
        let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("size {size:?}"));
        let data = self.try_exactly(size)?;
        if size > 0 {
            assert_eq!(self.try_exactly(2)?, b"\r\n");
        }
        Ok(data)
    }

    /// The body of that length.
    ///
    /// # Errors
    /// When the connection ends before it does.
    pub(crate) fn body(&mut self, length: Length) -> Result<Body, Cut> {
        let mut body = Body::default();
        self.pour(length, &mut body, |body, piece| body.content.extend_from_slice(piece))?;
        Ok(body)
    }

    /// The same, with the content given to `each` and not kept, however much it is.
    ///
    /// # Errors
    /// When the connection ends before the body does.
    pub(crate) fn pour(
        &mut self,
        length: Length,
        body: &mut Body,
        mut each: impl FnMut(&mut Body, &[u8]),
    ) -> Result<(), Cut> {
        match length {
            Length::Exactly(mut left) => {
                while left > 0 {
                    if self.unread.is_empty() && !self.fill() {
                        return Err(Cut);
                    }
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.unread.len());
                    each(body, &self.take(count));
                    left -= count as u64;
                }
            }
            Length::UntilClose => {
                let end = loop {
                    let piece = std::mem::take(&mut self.unread);
                    each(body, &piece);
                    if let Some(end) = self.fill_or_end() {
                        break end;
                    }
                };
                if end == End::Reset {
                    return Err(Cut);
                }
            }
            Length::Chunks => loop {
                let chunk = self.chunk()?;
                if chunk.is_empty() {
                    loop {
                        match self.line()? {
                            line if line.is_empty() => return Ok(()),
                            line => body.trailers.push(field(&line)),
                        }
                    }
                }
                body.chunks.push(chunk.len());
                each(body, &chunk);
            },
        }
        Ok(())
    }

    fn fill_or_end(&mut self) -> Option<End> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Some(End::Fin),
            Ok(count) => {
                self.unread.extend_from_slice(&piece[..count]);
                None
            }
            Err(error) if is_reset(error.kind()) => Some(End::Reset),
            Err(error) => panic!("waiting for the end: {error}"),
        }
    }

    /// All that still comes, and how it ends.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Some(end) = self.fill_or_end() {
                return (std::mem::take(&mut self.unread), end);
            }
        }
    }

    /// How the connection ends; nothing may come before.
    pub(crate) fn end(&mut self) -> End {
        let (rest, end) = self.rest();
        assert!(rest.is_empty(), "before the end: {:?}", String::from_utf8_lossy(&rest));
        end
    }
}

fn is_reset(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
