//! One connection that a simulated server has accepted.
//!
//! ```text
//!   Reading --head--> (arrived) --content--> Answering --said--> Reading
//!                         \--101--> Tunnel                 \--said too much--> Poisoned
//! ```

use super::identity::{Speaker, frames};
use super::introduction;
use super::ledger::{Fault, Ledger};
use super::message::{Framing, Head, Reader};
use super::reply::{Misdeed, Reply, Temper, frame_size, switch};
use super::request::{Sent, size};
use super::voice::{Silence, Step, Voice};
use crate::net::simulated::FRONT;
use crate::net::simulated::end::EndId;
use crate::net::simulated::world::World;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

/// What the connection is used for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A request is awaited or arriving.
    Reading,
    /// A response is being said.
    Answering,
    /// The tunnel of that request.
    Tunnel(usize),
    /// A probe is answered.
    Probe,
    /// More was said than asked for: nothing may come any more.
    Poisoned,
}

/// A server's end of one connection.
#[derive(Debug)]
pub struct Origin {
    end: EndId,
    /// The server's number.
    number: usize,
    temper: Temper,
    content_max: usize,
    reader: Reader,
    voice: Voice,
    phase: Phase,
    /// The request that is arriving, with what will be said to it.
    current: Option<(usize, Vec<Step>)>,
    /// The gateway has sent its FIN.
    ended: bool,
    served: usize,
    /// Since when nothing has been asked.
    idle_since: Duration,
    tunnelled: Vec<u8>,
    /// It ends its half of a tunnel without waiting for the client's end.
    finishes: bool,
    /// What has come of a PROXY header that is awaited.
    arriving: Option<Vec<u8>>,
    /// The PROXY header that came.
    header: Option<Vec<u8>>,
}

impl Origin {
    /// A connection just accepted.
    pub fn new(
        end: EndId,
        number: usize,
        temper: Temper,
        content_max: usize,
        world: &mut World,
    ) -> Self {
        let origin = Self {
            end,
            number,
            content_max,
            reader: Reader::default(),
            voice: Voice::new([], None),
            phase: Phase::Reading,
            current: None,
            ended: false,
            served: 0,
            idle_since: world.now(),
            tunnelled: Vec::new(),
            finishes: false,
            arriving: temper.introduced.map(|_| Vec::new()),
            header: None,
            temper,
        };
        origin.set_idle_alarm(world);
        origin
    }

    /// Something has happened; `false` when the connection is over.
    pub fn act(&mut self, world: &mut World, ledger: &mut Ledger) -> bool {
        if !self.listen(world) {
            return false;
        }
        loop {
            match self.phase {
                Phase::Reading => {
                    if !self.read(world, ledger) {
                        return self.keep_or_leave(world);
                    }
                }
                Phase::Answering | Phase::Probe | Phase::Poisoned => {
                    if self.phase == Phase::Poisoned && self.reader.is_inside() {
                        ledger.wrong(format!("server {}: a poisoned worker was used", self.number));
                        world.abort(self.end);
                        return false;
                    }
                    match self.speak(world, ledger) {
                        Silence::Empty => {
                            self.phase = Phase::Reading;
                            self.served += 1;
                            self.idle_since = world.now();
                            self.set_idle_alarm(world);
                        }
                        Silence::Blocked | Silence::Gate(_) => return self.stay(world),
                        Silence::Closed => return false,
                        Silence::Broken => return self.leave(world),
                    }
                }
                Phase::Tunnel(id) => return self.tunnel(id, world, ledger),
            }
        }
    }

    /// Takes what has come; `false` when the connection is broken.
    fn listen(&mut self, world: &mut World) -> bool {
        let mut room = [0; 4096];
        loop {
            match world.read(self.end, &mut room) {
                Ok(0) => {
                    self.ended = true;
                    return true;
                }
                Ok(count) => self.receive(&room[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return self.leave(world),
            }
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        if let Some(arriving) = &mut self.arriving {
            arriving.extend_from_slice(bytes);
            self.header = introduction::take(arriving);
            if self.header.is_some() {
                let rest = self.arriving.take().unwrap_or_default();
                self.reader.push(&rest);
            }
            return;
        }
        match self.phase {
            Phase::Tunnel(_) => self.tunnelled.extend_from_slice(bytes),
            Phase::Reading | Phase::Answering | Phase::Probe | Phase::Poisoned => {
                self.reader.push(bytes);
            }
        }
    }

    /// Only a tunnel is on behalf of one client; the connection is our own otherwise.
    fn check_header(&self, client: Option<SocketAddr>, ledger: &mut Ledger) {
        let Some(version) = self.temper.introduced else { return };
        let expected = match client {
            Some(client) => introduction::spoken(version, client, FRONT),
            None => introduction::unspoken(version),
        };
        let header = self.header.as_deref().unwrap_or_default();
        if header != expected {
            let (number, shown) = (self.number, header.escape_ascii());
            ledger.wrong(format!("server {number}: {shown} introduced {client:?}"));
        }
    }

    /// The gateway's FIN ends everything here: it never closes a worker by halves.
    fn stay(&mut self, world: &mut World) -> bool {
        !self.ended || self.leave(world)
    }

    fn leave(&mut self, world: &mut World) -> bool {
        world.close(self.end);
        false
    }

    fn patience(&self) -> Option<Duration> {
        match (self.temper.idle, self.temper.keep_alive) {
            (Some(idle), _) => Some(idle),
            (None, Some(seconds)) if self.served > 0 => Some(Duration::from_secs(seconds)),
            (None, _) => None,
        }
    }

    fn set_idle_alarm(&self, world: &mut World) {
        if let Some(patience) = self.patience() {
            world.wake(self.end, patience);
        }
    }

    fn keep_or_leave(&mut self, world: &mut World) -> bool {
        let idle = self.current.is_none() && !self.reader.is_inside();
        let tired = self.patience().is_some_and(|p| world.now() >= self.idle_since + p);
        if self.ended || (idle && tired) { self.leave(world) } else { true }
    }

    /// Reads on; `false` when more has to come first.
    fn read(&mut self, world: &mut World, ledger: &mut Ledger) -> bool {
        match self.reader.head(|head| head.framing(Framing::Length(0))) {
            Ok(None) => {}
            Ok(Some(head)) => {
                let head = head.clone();
                self.begin(&head, world, ledger);
            }
            Err(wrong) => ledger.wrong(format!("server {} was sent {wrong}", self.number)),
        }
        if self.phase != Phase::Reading {
            return true;
        }
        // Whoever says something before the content has come says it now.
        if !self.voice.is_empty() && self.speak(world, ledger) == Silence::Closed {
            self.ended = true;
            return false;
        }
        match self.reader.message(false) {
            Ok(None) => false,
            Err(wrong) => {
                ledger.wrong(format!("server {} was sent {wrong}", self.number));
                false
            }
            Ok(Some(message)) => {
                if let Some((id, steps)) = self.current.take() {
                    ledger.has_read(id, &message);
                    steps.into_iter().for_each(|step| self.voice.push(step));
                    if self.phase == Phase::Reading {
                        self.phase = Phase::Answering;
                    }
                }
                true
            }
        }
    }

    /// A head has come: decides what to do about it.
    fn begin(&mut self, head: &Head, world: &mut World, ledger: &mut Ledger) {
        if head.start.starts_with("GET /healthCheck ") {
            self.check_header(None, ledger);
            return self.be_probed(world);
        }
        let Some(id) = ledger.arrived(head, self.number, self.served == 0) else { return };
        let request = ledger.cases[id].request.clone();
        let client = Some(ledger.cases[id].peer).filter(|_| request.websocket);
        self.check_header(client, ledger);
        let chance = &mut world.chance;
        if request.websocket && !chance.percent(10) {
            return self.begin_tunnel(id, world, ledger);
        }
        let reply = Reply::to(&request, self.number, &self.temper, self.content_max, chance);
        let case = &mut ledger.cases[id];
        case.replies.push((self.number, reply.len));
        let misdeed = chance.percent(self.temper.faults).then(|| match self.temper.habit {
            Some(habit) => habit,
            None => Misdeed::any(chance),
        });
        let hasty = request.len > 0 && chance.percent(self.temper.hasty);
        let mut steps = match misdeed {
            None => reply.well(&request, &self.temper, chance),
            Some(misdeed) => {
                case.faults.push(misdeed.fault());
                reply.badly(misdeed, chance)
            }
        };
        if hasty {
            case.faults.push(Fault::Deaf);
            if chance.percent(50) {
                // Whatever still comes is read, as the rest of this request.
                self.voice = Voice::new(steps, None);
                self.current = Some((id, Vec::new()));
                return;
            }
            let close = chance.pick(&[Step::Finish, Step::Close]);
            steps.push(close);
            self.voice = Voice::new(steps, None);
            self.phase = Phase::Answering;
            return;
        }
        if head.lists("expect", "100-continue") && chance.percent(70) {
            let pause = chance.delay(Duration::from_millis(1500));
            self.voice.push(Step::Wait(pause));
            self.voice.push(Step::Say(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()));
        }
        self.current = Some((id, steps));
        if misdeed == Some(Misdeed::Adds) && request.sent == Sent::Without {
            let (_, steps) = self.current.take().unwrap_or_default();
            self.voice = Voice::new(steps, None);
            self.phase = Phase::Poisoned;
            // A head is all there is to this request.
            let _ = self.reader.message(false);
        }
    }

    fn begin_tunnel(&mut self, id: usize, world: &mut World, ledger: &mut Ledger) {
        let chance = &mut world.chance;
        let case = &mut ledger.cases[id];
        let len = size(self.content_max, chance);
        case.replies.push((self.number, len));
        let mut steps = switch(&case.request, self.number, len, chance);
        if chance.percent(self.temper.faults) {
            let end = chance.pick(&[Step::Close, Step::Reset]);
            let place = chance.below(steps.len());
            steps.insert(place, end);
            case.faults.push(Fault::Cut);
        }
        self.finishes = steps.contains(&Step::Finish);
        self.voice = Voice::new(steps, None);
        self.phase = Phase::Tunnel(id);
        // What follows the head is the tunnel's.
        let _ = self.reader.message(false);
        self.tunnelled = self.reader.take_rest();
    }

    fn tunnel(&mut self, id: usize, world: &mut World, ledger: &mut Ledger) -> bool {
        let case = &ledger.cases[id];
        let whole = frames(id, Speaker::Client, case.request.len, frame_size(id));
        let common = self.tunnelled.iter().zip(&whole).take_while(|(a, b)| a == b).count();
        // Where an end broke off, the gateway may part in words of its own: one Close, masked as a
        // client's. It may begin like the one that the client would have sent.
        let mut endings = self.tunnelled.iter().enumerate().take(common + 1);
        let parted = endings
            .any(|(at, byte)| *byte == 0x88 && self.tunnelled.len() - at <= 2 + 4 + 125)
            && (!case.good || !case.faults.is_empty() || ledger.troubles.stopping);
        if common < self.tunnelled.len() && !parted {
            let (has, len) = (self.tunnelled.len(), whole.len());
            ledger.wrong(format!("tunnel {id}: {has} bytes arrived that are not its {len}"));
            return self.leave(world);
        }
        let short = common < whole.len();
        // A server that has said its last word does not wait for ever to hear the client's.
        let excused = parted
            || self.finishes
            || !case.good
            || !case.faults.is_empty()
            || ledger.troubles.stopping;
        match self.speak(world, ledger) {
            Silence::Empty if self.ended => {
                if short && !excused {
                    ledger.wrong(format!("tunnel {id}: the client's bytes did not all arrive"));
                }
                self.leave(world)
            }
            Silence::Empty | Silence::Blocked | Silence::Gate(_) => true,
            Silence::Closed => false,
            Silence::Broken => {
                if !excused {
                    ledger.wrong(format!("tunnel {id}: broke off towards its server"));
                }
                self.leave(world)
            }
        }
    }

    fn be_probed(&mut self, world: &mut World) {
        let chance = &mut world.chance;
        let _ = self.reader.message(false);
        let sick = chance.percent(self.temper.sick);
        let say = |text: &str| Step::Say(text.as_bytes().to_vec());
        let steps = if sick {
            let hopeless = say("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
            let wrong = say("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"status\":503}");
            chance.pick(&[
                vec![hopeless, Step::Close],
                vec![wrong, Step::Close],
                vec![Step::Stall],
                vec![Step::Reset],
            ])
        } else {
            let well = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 14\r\n\r\n\
                        {\"status\":200}";
            vec![Step::Wait(chance.delay(self.temper.think)), say(well), Step::Close]
        };
        self.voice = Voice::new(steps, None);
        self.phase = Phase::Probe;
    }

    /// Says what is to be said, past the gates.
    fn speak(&mut self, world: &mut World, ledger: &mut Ledger) -> Silence {
        loop {
            let silence = self.voice.speak(world, self.end);
            let Silence::Gate(Step::Done(id)) = silence else { return silence };
            if let Some(case) = ledger.cases.get_mut(id) {
                case.answered = true;
            }
            self.voice.pass();
        }
    }
}
