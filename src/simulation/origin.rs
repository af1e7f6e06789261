//! One connection that a simulated server has accepted.
//!
//! ```text
//!   Reading --head--> (arrived) --content--> Answering --said--> Reading
//!                         \--101--> Tunnel                 \--said too much--> Poisoned
//! ```

use super::frames::Speech;
use super::identity::Speaker;
use super::introduction;
use super::ledger::{Ending, Fault, Ledger};
use super::message::{Framing, Head, Reader};
use super::reply::{Misdeed, Reply, Temper, switch};
use super::request::{Sent, size};
use super::tunnel::End;
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
    /// A tunnel's frames cross.
    Tunnel,
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
    tunnel: Option<End>,
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
            tunnel: None,
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
        if !self.listen(world, ledger) {
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
                Phase::Tunnel => return self.speak_in_tunnel(world, ledger),
            }
        }
    }

    /// Takes what has come; `false` when the connection is broken.
    fn listen(&mut self, world: &mut World, ledger: &mut Ledger) -> bool {
        let mut room = [0; 4096];
        loop {
            match world.read(self.end, &mut room) {
                Ok(0) => {
                    self.ended = true;
                    return true;
                }
                Ok(count) => match &mut self.tunnel {
                    Some(tunnel) => tunnel.hear(&room[..count], &mut self.voice, world, ledger),
                    None => self.receive(&room[..count]),
                },
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
        self.reader.push(bytes);
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
        let len = size(self.content_max, chance);
        let wild = self.temper.faults > 0;
        let speech = Speech::any(id, Speaker::Server(self.number), len, wild, chance);
        let case = &mut ledger.cases[id];
        let mut steps = switch(&case.request, self.number, &speech, chance);
        let mut polite = true;
        if chance.percent(self.temper.faults) {
            polite = chance.percent(50);
            let place = chance.below(steps.len());
            if let Some(Step::Say(bytes)) = steps.get_mut(place) {
                bytes.truncate(chance.below(bytes.len() + 1));
            }
            steps.insert(place + 1, chance.pick(&[Step::Close, Step::Reset]));
            case.faults.push(Fault::Cut);
        }
        case.speeches[1] = speech;
        case.replies.push((self.number, len));
        self.finishes = steps.contains(&Step::Finish);
        self.voice = Voice::new(steps, None);
        self.phase = Phase::Tunnel;
        // What follows the head is the tunnel's.
        let _ = self.reader.message(false);
        let mut tunnel = End::new(id, Speaker::Server(self.number), polite, ledger);
        tunnel.hear(&self.reader.take_rest(), &mut self.voice, world, ledger);
        self.tunnel = Some(tunnel);
    }

    fn speak_in_tunnel(&mut self, world: &mut World, ledger: &mut Ledger) -> bool {
        match self.speak(world, ledger) {
            Silence::Empty if self.ended => {
                if let Some(tunnel) = &self.tunnel {
                    // Who has said its last word does not wait for ever to hear the client's.
                    tunnel.judge(Ending::Closed, self.finishes, ledger);
                }
                self.leave(world)
            }
            Silence::Empty | Silence::Blocked | Silence::Gate(_) => true,
            Silence::Closed => false,
            Silence::Broken => {
                if let Some(tunnel) = &self.tunnel {
                    tunnel.judge(Ending::Reset, self.finishes, ledger);
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
