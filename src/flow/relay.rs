//! How does a tunnel cross? Both ways, unchanged, until both directions end (RFC 9110 3.7).
//!
//! The relay follows the frames that pass ([`Tracker`]), so that it can end a tunnel in words: a
//! Close of its own between two frames, never inside of one, and never after another Close. See
//! [`half`] for what happens in one direction.
//!
//! ```text
//!            --part--> each half takes its leave --answered by both ends--+
//!   Relaying                                                              +--> Finished
//!            --both directions ended-------------------------------------+
//! ```
//!
//! A server that breaks off without a Close is answered for: the client gets 1011 and the FIN. A
//! client that breaks off is a broken connection for the server too.
//!
//! [`Tracker`]: crate::websocket::boundary::Tracker

pub mod half;

use self::half::Half;
use super::Stream;
use super::buffer::Buffer;
use super::desk::Desk;
use super::pump::{Halt, Trouble};
use crate::websocket::boundary::NO_CLOSE;
use crate::websocket::farewell::Farewell;
use crate::websocket::pong::Nonce;
use std::io;

/// One end of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The end that asked for the tunnel.
    Client,
    /// The end that granted it.
    Server,
}

/// How far [`Relay::advance`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Some socket owes an edge; `moved` tells whether any byte crossed.
    Blocked {
        /// Whether any byte crossed during this call.
        moved: bool,
    },
    /// There may be more to do at once.
    Yielded,
    /// Both directions have ended, and both ends have said all they had to say.
    Finished,
}

/// What first announced the end of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Who: an end, or `None` for the gateway itself.
    pub by: Option<Side>,
    /// The code of the Close; [`NO_CLOSE`] when the connection ended without one.
    pub code: u16,
}

/// What came of asking a side for a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// A Ping is on its way.
    Asked,
    /// The last one has not been answered yet.
    Awaited,
    /// Nor has it when asked a second time: nobody is there.
    Lost,
    /// No Ping can be placed now.
    Skipped,
}

/// What a Close of ours would say.
#[derive(Debug, Clone, Copy)]
struct Words {
    /// Why.
    farewell: Farewell,
    /// For a server's eyes (RFC 6455 5.3).
    mask: [u8; 4],
}

impl Default for Words {
    /// What is said when nobody has decided on the end: the server was lost.
    fn default() -> Self {
        Self { farewell: Farewell::ServerLost, mask: [0; 4] }
    }
}

/// Which stream failed.
#[derive(Debug)]
enum Broken {
    /// The one read from.
    Source(io::ErrorKind),
    /// The one written to.
    Sink(io::ErrorKind),
}

impl Broken {
    fn source(error: io::Error) -> Self {
        Self::Source(error.kind())
    }

    fn sink(error: io::Error) -> Self {
        Self::Sink(error.kind())
    }

    /// How it failed.
    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Source(kind) | Self::Sink(kind) => *kind,
        }
    }
}

/// Both directions of a tunnel.
#[derive(Debug)]
pub struct Relay {
    to_server: Half,
    to_client: Half,
    /// Set when the gateway ends the tunnel.
    words: Option<Words>,
    ending: Option<Ending>,
}

impl Relay {
    /// A relay that first delivers what the client sent before the tunnel stood; `to_client` has
    /// been begun with the 101.
    pub fn new(from_client: Buffer, to_client: Half) -> Self {
        let to_server = Half::to_server(from_client);
        Self { to_server, to_client, words: None, ending: None }
    }

    /// Moves what can be moved, both ways.
    ///
    /// # Errors
    /// The side whose connection is broken, and how, when nothing can be said about it to the
    /// other: a client that is gone, or a server where no frames could be told apart.
    pub fn advance(
        &mut self,
        client: &mut impl Stream,
        server: &mut impl Stream,
        desk: &mut Desk,
    ) -> Result<Passage, (Side, Trouble)> {
        let words = self.words.unwrap_or_default();
        let there = match self.to_server.advance(client, server, desk, &words) {
            Err(Broken::Source(kind)) => return Err((Side::Client, Trouble::Io(kind))),
            // What it said before it stopped reading is still to be heard.
            Err(Broken::Sink(_)) if !self.to_client.is_lost() => {
                self.to_server.give_up();
                Halt::Yielded
            }
            Err(Broken::Sink(kind)) => return Err((Side::Server, Trouble::Io(kind))),
            Ok(halt) => halt,
        };
        let back = match self.to_client.advance(server, client, desk, &words) {
            Err(Broken::Sink(kind)) => return Err((Side::Client, Trouble::Io(kind))),
            Err(Broken::Source(_)) if !self.to_client.is_lost() => {
                self.to_server.give_up();
                let ended = self.to_client.end_source(client, &words);
                ended.map_err(|broken| (Side::Client, Trouble::Io(broken.kind())))?;
                Halt::Yielded
            }
            Err(Broken::Source(kind)) => return Err((Side::Server, Trouble::Io(kind))),
            Ok(halt) => halt,
        };
        self.to_client.settle(self.to_server.is_over(), client);
        self.to_server.settle(self.to_client.is_over(), server);
        self.to_client.release(desk);
        self.to_server.release(desk);
        self.note_ending();
        let moved = self.to_server.take_moved() | self.to_client.take_moved();
        Ok(match (there, back) {
            _ if self.to_server.is_finished() && self.to_client.is_finished() => Passage::Finished,
            (Halt::Yielded, _) | (_, Halt::Yielded) => Passage::Yielded,
            (Halt::SourceBlocked | Halt::SinkBlocked | Halt::Finished, _) => {
                Passage::Blocked { moved }
            }
        })
    }

    /// Takes leave of both ends: a Close as soon as no frame is under way, unless one has passed
    /// already; then the FIN, once the other end has answered. `mask` is for the server's.
    pub fn part(
        &mut self,
        farewell: Farewell,
        mask: [u8; 4],
        client: &mut impl Stream,
        server: &mut impl Stream,
    ) {
        let words = Words { farewell, mask };
        self.words = Some(words);
        let ending = Ending { by: None, code: farewell.code() };
        self.ending.get_or_insert(ending);
        self.to_client.part(client, &words);
        self.to_server.part(server, &words);
    }

    /// Asks one side, whose connection is given, for a sign of life (RFC 6455 5.5.2). `mask` is
    /// used towards the server.
    ///
    /// There is never a second Ping while one is unanswered, but any byte counts as life. An
    /// endpoint that was pinged by the other one as well need not answer both (RFC 6455 5.5.3): a
    /// Pong that is not ours ends the wait, too.
    pub fn ask(
        &mut self,
        side: Side,
        nonce: Nonce,
        mask: [u8; 4],
        connection: &mut impl Stream,
    ) -> Pulse {
        let (there, back) = match side {
            Side::Client => (&mut self.to_client, &mut self.to_server),
            Side::Server => (&mut self.to_server, &mut self.to_client),
        };
        match back.pulse() {
            Some(pulse) => pulse,
            None if back.takes_watch() && there.ping(nonce, mask, connection) => {
                back.watch_for(nonce);
                Pulse::Asked
            }
            None => Pulse::Skipped,
        }
    }

    /// Whether a Ping of ours has not been answered yet.
    pub fn is_asking(&self) -> bool {
        self.to_server.is_watched() || self.to_client.is_watched()
    }

    /// Whether the tunnel is about to end: a Close of ours is on its way, or the server has ended.
    /// What follows is a matter of a moment.
    pub fn is_ending(&self) -> bool {
        self.to_client.has_parted()
            || self.to_server.has_parted()
            || (self.to_client.has_ended() && !self.to_client.is_lost())
    }

    /// Whether an end has yet to take bytes that will not become more.
    pub fn is_draining(&self) -> bool {
        self.held() > 0 && !self.to_client.is_open() && !self.to_server.is_open()
    }

    /// Why the gateway ends the tunnel, if it does.
    pub fn farewell(&self) -> Option<Farewell> {
        self.words.map(|words| words.farewell)
    }

    /// What first announced the end, if anything has.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The directions, for counting: from the client and from the server.
    pub fn halves(&self) -> [&Half; 2] {
        [&self.to_server, &self.to_client]
    }

    /// Bytes held, in memory and in pipes of the kernel's.
    pub fn held(&self) -> usize {
        self.to_server.backlog() + self.to_client.backlog()
    }

    /// The first Close counts, or the first end without one.
    fn note_ending(&mut self) {
        if self.ending.is_some() {
            return;
        }
        let halves = [(Side::Client, &self.to_server), (Side::Server, &self.to_client)];
        let closed =
            halves.iter().find_map(|(side, half)| half.tracker().saw_close().map(|c| (*side, c)));
        let ended = halves.iter().find(|(_, half)| half.has_ended());
        let first = closed.or_else(|| ended.map(|(side, _)| (*side, NO_CLOSE)));
        self.ending = first.map(|(side, code)| Ending { by: Some(side), code });
    }
}
