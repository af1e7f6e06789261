//! How does one direction of a tunnel pass, and how does it end?
//!
//! ```text
//!   Passing --source ends--> Draining --all taken, FIN--> Finished
//!      |                        ^                            ^
//!     part                      | source ends in mid-frame   | all taken, answered, FIN
//!      |                        |                            |
//!      +---mid-frame--> Parting-+--frame ends, our Close--> Parted
//!      +---between two frames, our Close---------------------^
//!
//!   any --sink broken--> Finished
//! ```
//!
//! A direction whose sink is full holds at most one read's worth, and reads no more until that has
//! left. Once it is Parted or Finished what still comes is read and dropped, so that the kernel
//! does not answer it with a reset that would destroy our last words.

use super::{Broken, Pulse, Side, Words};
use crate::flow::buffer::Buffer;
use crate::flow::desk::Desk;
use crate::flow::outlet::{Outlet, Pulled};
use crate::flow::pump::{Halt, READS_PER_TURN};
use crate::flow::{Stream, ready};
use crate::limits;
use crate::websocket::boundary::{Sender, Tracker, close_frame, ping_frame};
use crate::websocket::pong::{Nonce, Sifted, Watch};
use std::io;

/// A side is given up when it was asked so often in vain.
const MISSES_MAX: u8 = 2;

/// Where one direction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// What the source sends goes to the sink.
    Passing,
    /// The same up to the end of the frame under way; then comes a Close of ours.
    Parting,
    /// Our Close is the last that the sink gets.
    Parted,
    /// The source has ended; the sink has yet to take the rest.
    Draining,
    /// The sink has it all, and the FIN; or it takes nothing any more.
    Finished,
}

/// One direction.
#[derive(Debug)]
pub struct Half {
    outlet: Outlet,
    tracker: Tracker,
    bytes: u64,
    /// Looks for the answer to a Ping of ours; there is none while none is awaited.
    watch: Option<Box<Watch>>,
    /// Who is written to.
    toward: Side,
    state: State,
    /// The source will send no more.
    ended: bool,
}

impl Half {
    /// The direction to the server, with what the client has sent already.
    pub fn to_server(early: Buffer) -> Self {
        let mut half = Self::new(Side::Server, Sender::Client, Outlet::default());
        half.count(early.as_slice());
        half.outlet = Outlet::with_backlog(early);
        half
    }

    /// The direction to the client, behind what it has not taken yet.
    pub fn to_client(outlet: Outlet) -> Self {
        Self::new(Side::Client, Sender::Server, outlet)
    }

    fn new(toward: Side, sender: Sender, outlet: Outlet) -> Self {
        let tracker = Tracker::new(sender);
        Self { outlet, tracker, bytes: 0, watch: None, toward, state: State::Passing, ended: false }
    }

    /// Begins with a head, and the first bytes of the tunnel that came behind it.
    ///
    /// # Errors
    /// When the sink is broken.
    pub fn begin(&mut self, head: &[u8], early: &[u8], sink: &mut impl Stream) -> io::Result<()> {
        self.count(early);
        self.outlet.send(&[head, early], sink)
    }

    /// Moves what can be moved.
    ///
    /// # Errors
    /// Which stream is broken, and how.
    pub(super) fn advance(
        &mut self,
        source: &mut impl Stream,
        sink: &mut impl Stream,
        desk: &mut Desk,
        words: &Words,
    ) -> Result<Halt, Broken> {
        for _ in 0..READS_PER_TURN {
            if !self.outlet.flush(sink).map_err(Broken::sink)? {
                return Ok(Halt::SinkBlocked);
            }
            match self.state {
                State::Draining => {
                    sink.finish().map_err(Broken::sink)?;
                    self.enter(State::Finished);
                    return Ok(Halt::Finished);
                }
                State::Finished | State::Parted if self.ended => return Ok(Halt::Finished),
                State::Passing | State::Parting | State::Parted | State::Finished => {}
            }
            match self.pull(source, desk).map_err(Broken::source)? {
                Pulled::Unable => {}
                Pulled::Nothing => return Ok(Halt::SourceBlocked),
                Pulled::End => {
                    self.end_source(sink, words)?;
                    continue;
                }
                Pulled::Bytes(_) => continue,
            }
            let scratch = &mut desk.scratch;
            match ready(source.read(scratch)).map_err(Broken::source)? {
                None => return Ok(Halt::SourceBlocked),
                Some(0) => self.end_source(sink, words)?,
                Some(count) => self.take(&scratch[..count], sink, words).map_err(Broken::sink)?,
            }
        }
        Ok(Halt::Yielded)
    }

    /// Takes payload data of a long frame in without looking at it.
    fn pull(&mut self, source: &mut impl Stream, desk: &mut Desk) -> io::Result<Pulled> {
        let foreseen = self.tracker.foreseen();
        if foreseen < limits::SPLICE_MIN || self.state != State::Passing || self.is_watched() {
            return Ok(Pulled::Unable);
        }
        let pulled = self.outlet.pull(source, foreseen, &mut desk.pipes)?;
        if let Pulled::Bytes(count) = pulled {
            self.tracker.pass(count as u64);
            self.bytes += count as u64;
        }
        Ok(pulled)
    }

    /// Gives back a pipe in which nothing waits.
    pub(super) fn release(&mut self, desk: &mut Desk) {
        self.outlet.release(&mut desk.pipes);
    }

    /// Takes bytes of the source.
    fn take(&mut self, bytes: &[u8], sink: &mut impl Stream, words: &Words) -> io::Result<()> {
        match self.state {
            State::Passing if self.watch.is_some() => self.sift(bytes, sink),
            State::Passing => {
                self.count(bytes);
                self.outlet.send(&[bytes], sink)
            }
            State::Parting => {
                let rest = self.tracker.finish_frame(bytes);
                self.bytes += rest as u64;
                self.outlet.send(&[&bytes[..rest]], sink)?;
                if self.tracker.at_boundary() {
                    // If the frame that ended was a Close, there is nothing to add.
                    self.enter(State::Passing);
                    self.part(sink, words);
                    return self.take(&bytes[rest..], sink, words);
                }
                Ok(())
            }
            State::Parted | State::Draining | State::Finished => {
                self.tracker.follow(bytes);
                Ok(())
            }
        }
    }

    /// Passes bytes on, but for the Pong that answers our Ping.
    fn sift(&mut self, mut bytes: &[u8], sink: &mut impl Stream) -> io::Result<()> {
        while let (Some(watch), [first, ..]) = (&mut self.watch, bytes) {
            watch.alive = true;
            if !self.tracker.at_boundary() {
                let rest = self.tracker.finish_frame(bytes);
                self.bytes += rest as u64;
                self.outlet.send(&[&bytes[..rest]], sink)?;
                bytes = &bytes[rest..];
                continue;
            }
            match watch.sift(bytes) {
                Sifted::Undecided => return Ok(()),
                Sifted::Ours(count) => {
                    self.watch = None;
                    bytes = &bytes[count..];
                }
                Sifted::Others => {
                    let held = watch.held();
                    self.tracker.follow(held);
                    self.tracker.follow(&[*first]);
                    let rest = 1 + self.tracker.finish_frame(&bytes[1..]);
                    self.bytes += (held.len() + rest) as u64;
                    self.outlet.send(&[held, &bytes[..rest]], sink)?;
                    watch.release();
                    bytes = &bytes[rest..];
                }
            }
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.count(bytes);
        self.outlet.send(&[bytes], sink)
    }

    /// The source has ended, or broken off. A client is told if its server did so without a word.
    ///
    /// # Errors
    /// When the sink is broken.
    pub(super) fn end_source(
        &mut self,
        sink: &mut impl Stream,
        words: &Words,
    ) -> Result<(), Broken> {
        self.ended = true;
        match self.state {
            State::Passing | State::Parting => {}
            State::Parted | State::Draining | State::Finished => return Ok(()),
        }
        if let Some(watch) = self.watch.take() {
            // The front of a frame that nobody will end: not for us to judge any more.
            self.count(watch.held());
            self.outlet.send(&[watch.held()], sink).map_err(Broken::sink)?;
        }
        if self.toward == Side::Client && self.tracker.takes_frame() {
            self.say(&self.close(words), sink).map_err(Broken::sink)?;
        }
        self.enter(State::Draining);
        Ok(())
    }

    /// Ends this direction in words, as soon as no frame is under way. A Close that has passed is
    /// the last word already.
    pub(super) fn part(&mut self, sink: &mut impl Stream, words: &Words) {
        match self.state {
            State::Passing if self.tracker.takes_frame() => {
                // A sink that is broken will say so again.
                let _ = self.say(&self.close(words), sink);
                // What is held back is the front of a frame, of which the rest will be dropped.
                if let Some(watch) = self.watch.take() {
                    self.tracker.follow(watch.held());
                }
                self.enter(State::Parted);
            }
            State::Passing if self.tracker.at_boundary() => {}
            State::Passing => self.enter(State::Parting),
            State::Parting | State::Parted | State::Draining | State::Finished => {}
        }
    }

    /// After our Close: the FIN, once the sink has everything and its end has answered.
    pub(super) fn settle(&mut self, answered: bool, sink: &mut impl Stream) {
        if self.state == State::Parted && answered && self.outlet.is_empty() {
            // A connection that is broken needs no FIN.
            let _ = sink.finish();
            self.enter(State::Finished);
        }
    }

    /// The sink takes nothing any more.
    pub(super) fn give_up(&mut self) {
        self.outlet = Outlet::default();
        self.enter(State::Finished);
    }

    /// Places a Ping, if nothing is in its way; whether it did.
    pub(super) fn ping(&mut self, nonce: Nonce, mask: [u8; 4], sink: &mut impl Stream) -> bool {
        let free = self.state == State::Passing && self.outlet.is_empty();
        let ping = ping_frame(&nonce, self.mask(mask));
        free && self.tracker.takes_frame() && self.say(&ping, sink).is_ok()
    }

    /// Whether the answer to a Ping could be told apart in this direction.
    pub(super) fn takes_watch(&self) -> bool {
        self.state == State::Passing && !self.is_lost() && self.tracker.saw_close().is_none()
    }

    /// Looks for the answer to a Ping.
    pub(super) fn watch_for(&mut self, nonce: Nonce) {
        let sender = match self.toward {
            Side::Client => Sender::Server,
            Side::Server => Sender::Client,
        };
        self.watch = Some(Box::new(Watch::new(nonce, sender)));
    }

    /// Whether the answer to a Ping is still to come.
    pub(super) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// How it stands with the last Ping; `None` if the source may be asked again.
    pub(super) fn pulse(&mut self) -> Option<Pulse> {
        let watch = self.watch.as_mut()?;
        if std::mem::take(&mut watch.alive) {
            watch.misses = 0;
            let is_over = watch.overtaken && watch.held().is_empty();
            return (!is_over).then_some(Pulse::Awaited);
        }
        watch.misses = watch.misses.saturating_add(1);
        Some(if watch.misses < MISSES_MAX { Pulse::Awaited } else { Pulse::Lost })
    }

    /// Writes a frame of ours. It is no traffic.
    fn say(&mut self, frame: &[u8], sink: &mut impl Stream) -> io::Result<()> {
        let moved = self.outlet.moved;
        let said = self.outlet.send(&[frame], sink);
        self.outlet.moved = moved;
        said
    }

    fn close(&self, words: &Words) -> Vec<u8> {
        close_frame(words.farewell.code(), words.farewell.reason(), self.mask(words.mask))
    }

    /// Frames are masked towards servers only (RFC 6455 5.1).
    fn mask(&self, mask: [u8; 4]) -> Option<[u8; 4]> {
        (self.toward == Side::Server).then_some(mask)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.tracker.follow(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The one place where a direction changes its state.
    fn enter(&mut self, next: State) {
        self.state = next;
    }

    /// What has been seen of the source's frames.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Bytes passed on.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether an illegal frame was met, so that no frame of ours can be placed.
    pub fn is_lost(&self) -> bool {
        self.tracker.is_lost()
    }

    /// Whether the source will send no more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the source has said its last word: a Close, or the end.
    pub(super) fn is_over(&self) -> bool {
        self.ended || self.tracker.saw_close().is_some()
    }

    /// Whether the sink has been told of the end by us.
    pub(super) fn has_parted(&self) -> bool {
        matches!(self.state, State::Parting | State::Parted)
    }

    /// Whether what the source sends still passes.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Passing | State::Parting)
    }

    /// Whether nothing is left to be done.
    pub(super) fn is_finished(&self) -> bool {
        self.state == State::Finished && self.is_over()
    }

    /// Bytes that the sink has yet to take.
    pub fn backlog(&self) -> usize {
        self.outlet.backlog()
    }

    /// What the sink has yet to take, when no tunnel comes of it after all.
    pub fn into_backlog(self) -> Buffer {
        self.outlet.into_backlog()
    }

    /// Whether any byte crossed since the last call.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.outlet.moved)
    }
}
