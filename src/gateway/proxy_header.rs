//! For whom is a connection? PROXY headers, taken from who connects, given to who wants them.
//!
//! A header speaks for the whole connection that begins with it. So a server is told the client's
//! address only where the connection is that client's for good: a tunnel, and the opening handshake
//! before it. A worker carries the requests of many; its header is that of a connection of our own
//! (LOCAL, or UNKNOWN in version 1), and so is a probe's. Then X-Forwarded-For says who asks.

use super::Gateway;
use crate::flow::buffer::Buffer;
use crate::flow::{Stream, ready};
use crate::id::{ClientId, WorkerId};
use crate::peer::Peer;
use crate::proxy_protocol::{self, Ends, Header, Version};
use log::debug;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

/// What the access log calls a connection that begins with anything else.
const MALFORMED: &str = "bad_proxy_header";
/// What it calls one whose header did not come in time.
const LATE: &str = "proxy_header_timeout";

impl Gateway {
    /// Reads until the header is whole, nothing more is there, or it can be none.
    pub(super) fn read_proxy_header(&mut self, id: ClientId) {
        loop {
            let client = &mut self.clients[id.index()];
            let held = client.inbox.len();
            self.desk.scratch[..held].copy_from_slice(client.inbox.as_slice());
            let filled = match ready(client.socket.read(&mut self.desk.scratch[held..])) {
                // Nothing was asked for yet: most often somebody looks whether we listen.
                Ok(Some(0)) | Err(_) => return self.close_client(id),
                Ok(Some(count)) => held + count,
                Ok(None) if held == 0 && self.is_closing() => return self.close_client(id),
                Ok(None) => return,
            };
            match Header::parse(&self.desk.scratch[..filled]) {
                Ok(None) => client.inbox.push(&self.desk.scratch[held..filled]),
                Ok(Some(header)) => return self.let_in(id, &header, filled),
                Err(fault) => {
                    debug!("{id} from {}: {fault}", client.peer);
                    return self.turn_away(id, MALFORMED);
                }
            }
        }
    }

    /// From here on the client is whom the header names; what came behind it is its first request.
    fn let_in(&mut self, id: ClientId, header: &Header, filled: usize) {
        let client = &mut self.clients[id.index()];
        if let Some(ends) = header.ends {
            let by_unix = client.peer == Peer::Unix;
            client.destination = by_unix.then(|| Box::new(ends.destination));
            client.peer = Peer::new(Some(ends.source));
            client.port = ends.source.port();
        }
        client.inbox = Buffer::default();
        client.inbox.push(&self.desk.scratch[header.len..filled]);
        self.read_next(id);
    }

    /// The header has not come in time.
    pub(super) fn on_late_proxy_header(&mut self, id: ClientId) {
        self.turn_away(id, LATE);
    }

    /// Closes without a word: whoever is there may not even speak HTTP.
    fn turn_away(&mut self, id: ClientId, reason: &'static str) {
        self.counters.proxy_faults += 1;
        self.note_unheard(id, 0, reason);
        self.close_client(id);
    }

    /// Tells a server on whose behalf its new connection is, if it wants to know; whether it has
    /// been told all of it.
    ///
    /// # Errors
    /// What the connection died of.
    pub(super) fn announce(&mut self, id: WorkerId, client: Option<ClientId>) -> io::Result<bool> {
        let server = &self.servers[self.workers[id.index()].server.index()];
        let Some(version) = server.send_proxy else { return Ok(true) };
        let tunnels = !server.is_pooled();
        let ends = client.filter(|_| tunnels).and_then(|client| self.ends(client));
        let header = header(version, ends);
        let worker = &mut self.workers[id.index()];
        loop {
            let rest = header.get(usize::from(worker.announced)..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(true);
            }
            match ready(worker.socket.write(&[IoSlice::new(rest)]))? {
                // A header is shorter than 256 bytes.
                Some(count) => worker.announced += u8::try_from(count).unwrap_or(u8::MAX),
                None => return Ok(false),
            }
        }
    }

    /// The two ends of a client's connection: where it met us, or on a unix socket what the PROXY
    /// header says. Without an address on either side there are none.
    fn ends(&self, client: ClientId) -> Option<Ends> {
        let client = self.clients.get(client.index())?;
        let source = SocketAddr::new(client.peer.ip()?, client.port);
        let destination = match &client.destination {
            Some(told) => **told,
            None => client.socket.local_address().ok()?,
        };
        Some(Ends { source, destination })
    }
}

/// The bytes of a header.
pub(super) fn header(version: Version, ends: Option<Ends>) -> Vec<u8> {
    let mut bytes = Vec::new();
    proxy_protocol::write(version, ends, &mut bytes);
    bytes
}
