//! One simulated client: what it sends, how it reads, when it leaves.

use super::hostile::Row;
use super::identity::Speaker;
use super::ledger::{Ending, Ledger};
use super::message::{Framing, Head, Message, Reader};
use super::request::ACCEPT;
use super::tunnel::End;
use super::voice::{Silence, Step, Voice};
use crate::limits;
use crate::net::simulated::end::EndId;
use crate::net::simulated::world::World;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

/// How a client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appetite {
    /// Everything, at once.
    Hungry,
    /// So many bytes, then a pause.
    Slow(usize, Duration),
    /// Nothing, ever.
    None,
}

/// What a client will do.
#[derive(Debug)]
pub struct Script {
    /// What it says, and where it waits.
    pub steps: Vec<Step>,
    /// So many bytes at a time, then a pause.
    pub pace: Option<(usize, Duration)>,
    /// How it reads.
    pub appetite: Appetite,
    /// The requests in `steps`, in order. The last one may ask for a tunnel.
    pub requests: Vec<usize>,
    /// Set for one that sends what is not allowed.
    pub hostile: Option<&'static Row>,
    /// Whether Pings are answered, and farewells.
    pub polite: bool,
    /// Where it connects from.
    pub from: SocketAddr,
}

/// A client's end of its connection.
#[derive(Debug)]
pub struct Client {
    end: EndId,
    voice: Voice,
    appetite: Appetite,
    requests: Vec<usize>,
    hostile: Option<&'static Row>,
    polite: bool,
    reader: Reader,
    /// Requests that have been begun.
    asked: usize,
    /// Final responses that have been read.
    answered: usize,
    continued: bool,
    /// The gateway has said that it closes.
    parting: bool,
    tunnel: Option<End>,
    /// The gateway will send no more.
    heard_all: bool,
    /// A write has told that the connection was reset.
    reset: bool,
    /// Nothing that still comes is of interest.
    leaving: bool,
    /// Since when it has nothing more to say.
    since: Duration,
    /// A slow reader does not read before this.
    rests_until: Duration,
}

impl Client {
    /// A client that has just set out.
    pub fn new(end: EndId, script: Script, since: Duration) -> Self {
        Self {
            end,
            voice: Voice::new(script.steps, script.pace),
            appetite: script.appetite,
            requests: script.requests,
            hostile: script.hostile,
            polite: script.polite,
            reader: Reader::default(),
            asked: 0,
            answered: 0,
            continued: false,
            parting: false,
            tunnel: None,
            heard_all: false,
            reset: false,
            leaving: false,
            since,
            rests_until: Duration::ZERO,
        }
    }

    /// Something has happened; `false` when the client has left.
    pub fn act(&mut self, world: &mut World, ledger: &mut Ledger) -> bool {
        if !self.voice.is_empty() {
            self.since = ledger.now;
        }
        if let Some(ending) = self.listen(world, ledger) {
            self.ended(ending, world, ledger);
            if ending == Ending::Closed && self.tunnel.is_some() && !self.voice.is_empty() {
                // Only the server's half of the tunnel has ended.
                self.heard_all = true;
            } else {
                world.close(self.end);
                return false;
            }
        }
        loop {
            match self.voice.speak(world, self.end) {
                Silence::Gate(gate) if self.may_pass(&gate, ledger) => self.voice.pass(),
                Silence::Empty | Silence::Blocked
                    if self.heard_all && (self.voice.is_empty() || self.voice.is_stuck()) =>
                {
                    world.close(self.end);
                    return false;
                }
                Silence::Gate(_) | Silence::Blocked | Silence::Empty => return true,
                Silence::Closed => return false,
                Silence::Broken => {
                    // What came before the RST may still be there to be read.
                    self.reset = true;
                    world.wake(self.end, Duration::ZERO);
                    self.voice.hush();
                    if self.appetite == Appetite::None || self.heard_all {
                        world.close(self.end);
                        return false;
                    }
                    return true;
                }
            }
        }
    }

    fn may_pass(&mut self, gate: &Step, ledger: &mut Ledger) -> bool {
        match gate {
            Step::Answered(count) => self.answered >= *count,
            Step::Continued => std::mem::take(&mut self.continued),
            Step::Done(id) => {
                ledger.cases[*id].begun = ledger.now;
                self.asked += 1;
                true
            }
            Step::Parted => self.heard_all || self.tunnel.as_ref().is_some_and(End::is_told),
            Step::Say(_)
            | Step::SayAtOnce(_)
            | Step::Closing
            | Step::Wait(_)
            | Step::Pause(_)
            | Step::Stall
            | Step::Finish
            | Step::Close
            | Step::Reset => true,
        }
    }

    /// The request whose response is awaited.
    fn current(&self) -> Option<usize> {
        self.requests.get(self.answered).copied()
    }

    /// Reads; gives how the connection ended, if it did.
    fn listen(&mut self, world: &mut World, ledger: &mut Ledger) -> Option<Ending> {
        let mut room = [0; 16_384];
        let most = match self.appetite {
            _ if self.heard_all => return None,
            Appetite::None => return None,
            Appetite::Hungry => room.len(),
            Appetite::Slow(_, _) if world.now() < self.rests_until => return None,
            Appetite::Slow(most, pause) => {
                self.rests_until = world.now() + pause;
                world.wake(self.end, pause);
                most
            }
        };
        loop {
            match world.read(self.end, &mut room[..most]) {
                Ok(0) if self.reset => return Some(Ending::Reset),
                Ok(0) => return Some(Ending::Closed),
                Ok(count) => self.hear(&room[..count], world, ledger),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => return Some(Ending::Reset),
            }
            if matches!(self.appetite, Appetite::Slow(..)) {
                return None;
            }
        }
    }

    fn hear(&mut self, bytes: &[u8], world: &World, ledger: &mut Ledger) {
        if let Some(tunnel) = &mut self.tunnel {
            return tunnel.hear(bytes, &mut self.voice, world, ledger);
        }
        self.reader.push(bytes);
        while !self.leaving {
            let case = self.current().map(|id| &ledger.cases[id].request);
            let (headless, old) = case.map_or((false, false), |r| (r.method == "HEAD", r.old));
            match self.reader.head(|head| framing(head, headless, old)) {
                Ok(_) => {}
                Err(wrong) => {
                    ledger.wrong(format!("client {:?} was sent {wrong}", self.requests));
                    self.reader = Reader::default();
                    return;
                }
            }
            match self.reader.message(false) {
                Ok(Some(message)) => self.take(&message, world, ledger),
                Ok(None) => return,
                Err(wrong) => {
                    // Whatever a server does, what reaches a client is whole or cut.
                    ledger.wrong(format!("client {:?} was sent {wrong}", self.requests));
                    return;
                }
            }
            if self.tunnel.is_some() {
                return;
            }
        }
    }

    fn take(&mut self, message: &Message, world: &World, ledger: &mut Ledger) {
        let status = message.head.status();
        if let Some(row) = self.hostile {
            if !row.statuses.contains(&status) {
                ledger.wrong(format!("{:?} was answered {status}", row.name));
            }
            if !ledger.troubles.full && ledger.now > self.since + row.patience() {
                ledger.wrong(format!("{:?} was answered late", row.name));
            }
            self.answered += 1;
            return;
        }
        if self.parting {
            return ledger.wrong(format!("{} came after the last response", message.head.start));
        }
        let Some(id) = self.current() else {
            return ledger.wrong(format!("{} came unasked", message.head.start));
        };
        if self.answered >= self.asked && status < 400 {
            ledger.wrong(format!("request {id} was answered before it was asked"));
        }
        if status == 101 {
            return self.switch(id, message, world, ledger);
        }
        if status < 200 {
            self.continued |= status == 100;
            return ledger.interim(id, &message.head);
        }
        ledger.answered(id, message);
        self.answered += 1;
        let old = ledger.cases[id].request.old;
        self.parting = message.head.lists("connection", "close")
            || (old && !message.head.lists("connection", "keep-alive"));
        if ledger.cases[id].request.websocket {
            // Frames may be on their way already, and will be taken for a request.
            self.leaving = true;
            self.voice.hush();
            self.voice.push(Step::Close);
        } else if self.parting {
            self.voice.hush();
            self.voice.push(Step::Wait(Duration::from_millis(1)));
            self.voice.push(Step::Finish);
        }
    }

    fn switch(&mut self, id: usize, message: &Message, world: &World, ledger: &mut Ledger) {
        let case = &ledger.cases[id];
        if !case.request.websocket
            || message.head.field("sec-websocket-accept") != Some(ACCEPT)
            || message.head.number("x-request") != Some(id)
        {
            ledger.wrong(format!("request {id} was answered {:?}", message.head));
        }
        self.answered += 1;
        let mut tunnel = End::new(id, Speaker::Client, self.polite, ledger);
        tunnel.hear(&self.reader.take_rest(), &mut self.voice, world, ledger);
        self.tunnel = Some(tunnel);
    }

    /// The connection has ended: was that all right?
    fn ended(&mut self, ending: Ending, world: &World, ledger: &mut Ledger) {
        if self.leaving {
            return;
        }
        if let Some(row) = self.hostile {
            if self.answered == 0 && !ledger.troubles.stopping && !row.statuses.contains(&0) {
                ledger.wrong(format!("{:?} was not answered", row.name));
            }
            return;
        }
        if let Some(tunnel) = &self.tunnel {
            return tunnel.judge(ending, false, ledger);
        }
        if ending == Ending::Closed
            && self.reader.partial().is_some_and(|m| m.framing == Framing::UntilClose)
            && let Ok(Some(message)) = self.reader.message(true)
        {
            return self.take(&message, world, ledger);
        }
        let Some(id) = self.current() else { return };
        // Whoever goes on sending behind what turns out to be the last answer risks that the
        // kernel destroys it, once the gateway has lingered long enough (RFC 9112 9.6).
        let long = ledger.cases[id].request.len > limits::LINGER_BYTES / 2;
        if ending == Ending::Reset && (long || self.asked > self.answered + 1) {
            return;
        }
        if self.reader.is_inside() {
            ledger.cut(id, self.reader.partial(), ending);
        } else if self.asked > self.answered && !self.parting {
            ledger.unanswered(id, ending);
        }
    }

    /// Which requests are still to be answered.
    pub fn describe(&self) -> String {
        format!(
            "client of {:?}: asked {}, answered {}, tunnel {}",
            self.requests,
            self.asked,
            self.answered,
            self.tunnel.is_some()
        )
    }
}

/// How far a response reaches (RFC 9112 6.3), for a client that is strict.
fn framing(head: &Head, headless: bool, old: bool) -> Result<Framing, String> {
    let status = head.status();
    if !head.start.starts_with("HTTP/1.1 ") || !(100..600).contains(&status) {
        return Err(format!("the head {:?}", head.start));
    }
    if status < 200 {
        return if head.field("content-length").is_some() {
            Err(format!("an interim response with a length: {head:?}"))
        } else {
            Ok(Framing::Length(0))
        };
    }
    if ["x-hop", "keep-alive"].iter().any(|name| head.field(name).is_some()) {
        return Err(format!("a field of the other hop: {head:?}"));
    }
    if head.field("date").is_none() || head.all("date").count() > 1 {
        return Err(format!("a head without its date: {head:?}"));
    }
    if headless || status == 204 || status == 304 {
        return Ok(Framing::Length(0));
    }
    let framing = head.framing(Framing::UntilClose)?;
    if framing == Framing::UntilClose && !old {
        return Err(format!("a response without an end: {head:?}"));
    }
    Ok(framing)
}
