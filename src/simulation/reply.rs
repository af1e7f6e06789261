//! What a simulated server says, rightly or wrongly.

use super::frames::Speech;
use super::identity::{Speaker, content};
use super::ledger::Fault;
use super::request::{ACCEPT, Request, chunks, size};
use super::voice::Step;
use crate::net::simulated::chance::Chance;
use crate::proxy_protocol::Version;
use std::time::Duration;

/// How a server behaves towards requests, in cases of a hundred.
#[derive(Debug, Clone, Default)]
pub struct Temper {
    /// The longest it thinks before it answers.
    pub think: Duration,
    /// It does something wrong.
    pub faults: usize,
    /// It is always the same that it does wrong.
    pub habit: Option<Misdeed>,
    /// It answers a probe badly.
    pub sick: usize,
    /// It says that it closes, and does.
    pub closes: usize,
    /// It closes after a response and does not say so.
    pub curt: usize,
    /// It closes connections that have been idle for this long, without having said so.
    pub idle: Option<Duration>,
    /// It closes connections that have been idle for so many seconds, as it says.
    pub keep_alive: Option<u64>,
    /// It answers before it has read all content.
    pub hasty: usize,
    /// Its connections begin with a PROXY header.
    pub introduced: Option<Version>,
}

/// What a server does wrong to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdeed {
    /// Never says a word.
    Silent,
    /// Closes without a word.
    Leaves,
    /// Closes in the middle.
    Cuts,
    /// Resets in the middle.
    Resets,
    /// Says no more from the middle on.
    Stalls,
    /// Announces more than it says, and closes.
    Boasts,
    /// Says more than it announced: another response.
    Adds,
    /// Announces two framings.
    Ambiguous,
    /// Says something that is no head.
    Babbles,
    /// Switches protocols unasked, or proves nothing.
    Switches,
    /// Sends interim responses without end.
    Floods,
    /// Sends a chunk that is none.
    Garbles,
}

impl Misdeed {
    /// Any misdeed.
    pub fn any(chance: &mut Chance) -> Self {
        chance.pick(&[
            Self::Leaves,
            Self::Leaves,
            Self::Leaves,
            Self::Cuts,
            Self::Resets,
            Self::Boasts,
            Self::Adds,
            Self::Adds,
            Self::Ambiguous,
            Self::Babbles,
            Self::Switches,
            Self::Floods,
            Self::Garbles,
            Self::Stalls,
            Self::Silent,
        ])
    }

    /// What that means for the client.
    pub fn fault(self) -> Fault {
        match self {
            Self::Silent | Self::Stalls => Fault::Silence,
            Self::Leaves | Self::Cuts | Self::Resets | Self::Boasts | Self::Adds => Fault::Cut,
            Self::Ambiguous | Self::Babbles | Self::Switches | Self::Floods | Self::Garbles => {
                Fault::Nonsense
            }
        }
    }
}

/// A response made up and not yet said.
pub struct Reply {
    head: String,
    body: Vec<u8>,
    /// Bytes of content, as `X-Length` says.
    pub len: usize,
    chunked: bool,
    /// Only the close ends it.
    open_ended: bool,
    persistent: bool,
}

impl Reply {
    /// A good response of server `number`; `most` bounds its content.
    pub fn to(
        request: &Request,
        number: usize,
        temper: &Temper,
        most: usize,
        chance: &mut Chance,
    ) -> Self {
        let status = chance.pick(&[
            "200 OK",
            "200 OK",
            "200 OK",
            "404 Not Found",
            "204 No Content",
            "304 Not Modified",
            "500 Oh",
        ]);
        let bare = status.starts_with("204") || status.starts_with("304");
        let len = if bare { 0 } else { size(most, chance) };
        let closes = chance.percent(temper.closes);
        let way = if bare { 3 } else { chance.pick(&[0, 0, 1, 1, 2]) };
        let mut head = format!(
            "HTTP/1.1 {status}\r\nX-Request: {}\r\nX-Server: {number}\r\nX-Length: {len}\r\n",
            request.id
        );
        let bytes = content(request.id, Speaker::Server(number), len);
        let body = match way {
            0 => {
                head += &format!("Content-Length: {len}\r\n");
                bytes
            }
            1 => {
                head += "Transfer-Encoding: chunked\r\n";
                chunks(&bytes, chance)
            }
            _ => bytes,
        };
        let headless = request.method == "HEAD";
        let persistent = !closes && (way != 2 || headless);
        if closes {
            head += "Connection: close, X-Hop\r\nX-Hop: 1\r\n";
        } else if let Some(seconds) = temper.keep_alive {
            head += &format!("Keep-Alive: timeout={seconds}\r\n");
        }
        head += "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n";
        let body = if headless { Vec::new() } else { body };
        let (chunked, open_ended) = (way == 1 && !headless, way == 2 && !headless);
        Self { head, body, len, chunked, open_ended, persistent }
    }

    /// Says it as it should be said.
    pub fn well(self, request: &Request, temper: &Temper, chance: &mut Chance) -> Vec<Step> {
        let mut steps = vec![Step::Wait(chance.delay(temper.think))];
        for _ in 0..if chance.percent(10) { chance.within(1..=3) } else { 0 } {
            steps.push(Step::Say(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".to_vec()));
        }
        let mut wire = self.head.into_bytes();
        wire.extend_from_slice(&self.body);
        if chance.percent(25) {
            let rest = wire.split_off(chance.below(wire.len()));
            steps.push(Step::Say(wire));
            steps.push(Step::Wait(chance.delay(temper.think)));
            wire = rest;
        }
        steps.push(Step::Say(wire));
        steps.push(Step::Done(request.id));
        if !self.persistent || chance.percent(temper.curt) {
            steps.push(Step::Close);
        }
        steps
    }

    /// Says it wrongly.
    pub fn badly(mut self, misdeed: Misdeed, chance: &mut Chance) -> Vec<Step> {
        let mut wire = self.head.clone().into_bytes();
        wire.extend_from_slice(&self.body);
        let middle = chance.below(wire.len());
        let close = chance.pick(&[Step::Close, Step::Reset]);
        match misdeed {
            Misdeed::Silent => vec![Step::Stall],
            Misdeed::Leaves => vec![close],
            Misdeed::Cuts | Misdeed::Resets | Misdeed::Stalls => {
                wire.truncate(middle);
                // What ends by a FIN alone cannot be cut short by one.
                let end = if misdeed == Misdeed::Stalls {
                    Step::Stall
                } else if misdeed == Misdeed::Cuts && !self.open_ended {
                    Step::Close
                } else {
                    Step::Reset
                };
                vec![Step::Say(wire), end]
            }
            Misdeed::Boasts => {
                self.head = self.head.replace("Content-Length: ", "Content-Length: 9");
                wire = [self.head.as_bytes(), &self.body].concat();
                vec![Step::Say(wire), Step::Close]
            }
            Misdeed::Adds if self.open_ended => vec![Step::Say(wire), Step::Close],
            Misdeed::Adds => {
                let poison = "HTTP/1.1 200 OK\r\nX-Request: poison\r\nContent-Length: 0\r\n\r\n";
                wire.extend_from_slice(poison.as_bytes());
                vec![Step::SayAtOnce(wire), Step::Stall]
            }
            Misdeed::Ambiguous => {
                let both = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\nX-Length: ";
                let head = self.head.replace("X-Length: ", both);
                vec![Step::Say([head.as_bytes(), &self.body].concat()), Step::Close]
            }
            Misdeed::Babbles => vec![Step::Say(b"ICY 200 OK\r\n\r\nfunny".to_vec()), close],
            Misdeed::Switches => {
                let fake = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                            Connection: Upgrade\r\nSec-WebSocket-Accept: bm8=\r\n\r\n";
                vec![Step::Say(fake.as_bytes().to_vec()), Step::Stall]
            }
            Misdeed::Floods => {
                let hint = b"HTTP/1.1 103 Early Hints\r\n\r\n";
                vec![Step::Say(hint.repeat(17 + chance.below(40))), Step::Say(wire), Step::Close]
            }
            Misdeed::Garbles if self.chunked && self.len > 0 => {
                // The first chunk ends a byte too late.
                let at = self.head.len() + self.body.iter().position(|b| *b == b'\n').unwrap_or(0);
                wire.insert(at + 1, b'?');
                vec![Step::Say(wire), Step::Close]
            }
            Misdeed::Garbles => {
                vec![Step::Say(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n".to_vec()), close]
            }
        }
    }
}

/// A verified switch, and what the server says in the tunnel.
pub fn switch(request: &Request, number: usize, speech: &Speech, chance: &mut Chance) -> Vec<Step> {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\nX-Request: {}\r\nX-Server: {number}\r\n\r\n",
        request.id
    );
    let mut steps = vec![Step::Say(head.into_bytes())];
    if chance.percent(50) {
        steps.push(Step::Wait(chance.delay(Duration::from_millis(20))));
    }
    steps.extend_from_slice(&speech.steps);
    steps.push(Step::Done(request.id));
    if chance.percent(50) {
        steps.push(Step::Finish);
    }
    steps
}
