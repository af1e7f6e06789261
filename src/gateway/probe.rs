//! Is a server well? A probe: a connection of its own, one question, one verdict.
//!
//! ```text
//!   Connecting --stands--> Asking --question sent--> Listening --whole answer--> Closed (Verdict)
//!        \--failed            \--broken                  \--cut, too long, too late--^
//! ```

use super::Gateway;
use super::alarm::Alarm;
use super::proxy_header::header;
use super::token::Token;
use crate::admin::events::Kind;
use crate::balance::health::{Cause, Change, Verdict, judge};
use crate::config::{HealthCheck, Question};
use crate::flow::outlet::Outlet;
use crate::flow::{Stream, ready};
use crate::http::Version;
use crate::http::head::{Asked, HeadLimits, Lines, ResponseHead};
use crate::id::{ProbeId, ServerId};
use crate::limits;
use crate::net::{Ready, Socket};
use crate::timer::TimerId;
use crate::websocket::greeting::{Greeting, Next};
use log::{info, warn};
use rand::RngExt;

/// How a probe introduces itself.
const AGENT: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

/// One probe under way.
#[derive(Debug)]
pub struct Probe {
    socket: Socket,
    server: ServerId,
    state: State,
    timer: TimerId,
    /// The conversation, if the question is whether WebSocket is spoken.
    greeting: Option<Box<Greeting>>,
}

/// What a probe is doing.
#[derive(Debug)]
pub enum State {
    /// On its way.
    Connecting,
    /// The question is leaving.
    Asking(Outlet),
    /// The answer is arriving.
    Listening(Vec<u8>),
    /// Departed, waiting to be buried.
    Closed,
}

impl Probe {
    /// Whom it asks.
    pub fn server(&self) -> ServerId {
        self.server
    }

    fn enter(&mut self, id: ProbeId, next: State) {
        log::trace!("{id}: {:?} => {next:?}", self.state);
        self.state = next;
    }
}

impl Gateway {
    /// A server's time to be probed has come, and comes again.
    pub(super) fn on_probe_alarm(&mut self, id: ServerId) {
        let Some(server) = self.servers.get_mut(id.index()) else { return };
        server.probe_alarm = None;
        let kind = server.kind;
        let health = self.sections.of(kind).and_then(|section| section.health.as_ref());
        if let Some(interval) = health.map(|health| health.interval) {
            let timer = self.timers.insert(self.now + interval, Alarm::ProbeDue(id));
            self.servers[id.index()].probe_alarm = Some(timer);
            self.probe(id);
        }
    }

    /// Begins a probe of a server, unless one is under way or its section has none.
    pub(super) fn probe(&mut self, server_id: ServerId) {
        let Some(patience) = self.health_check(server_id).map(|health| health.timeout) else {
            return;
        };
        if self.probes.iter().any(|(_, probe)| probe.server == server_id) {
            return;
        }
        let server = &self.servers[server_id.index()];
        let Some(address) = server.socket_address() else {
            if server.resolving {
                // The first answer to its name is under way. It will set off a probe, if any does.
                return;
            }
            return self.note_verdict(server_id, Verdict::Unhealthy(Cause::NameUnknown));
        };
        let entry = self.probes.vacant_entry();
        let id = ProbeId::from(entry.key());
        match self.net.connect(address, Token::Probe(id).into()) {
            Ok(socket) => {
                let timer = self.timers.insert(self.now + patience, Alarm::ProbeLate(id));
                let state = State::Connecting;
                entry.insert(Probe { socket, server: server_id, state, timer, greeting: None });
            }
            Err(_) => self.note_verdict(server_id, Verdict::Unhealthy(Cause::ConnectFailed)),
        }
    }

    /// A probe's socket spoke.
    pub(super) fn on_probe(&mut self, id: ProbeId, ready: Ready) {
        let Some(probe) = self.probes.get_mut(id.index()) else { return };
        probe.socket.note(ready);
        if let State::Connecting = probe.state {
            match probe.socket.connected() {
                Ok(false) => return,
                Err(_) => return self.conclude(id, Verdict::Unhealthy(Cause::ConnectFailed)),
                Ok(true) => self.ask(id),
            }
        }
        self.advance_probe(id);
    }

    /// The connection stands: puts the question.
    fn ask(&mut self, id: ProbeId) {
        let probe = &mut self.probes[id.index()];
        let server = &self.servers[probe.server.index()];
        let Some(health) = self.sections.of(server.kind).and_then(|s| s.health.as_ref()) else {
            // Nobody wants to know any more.
            return self.conclude(id, Verdict::Healthy);
        };
        let path = health.path.as_str();
        let authority = server.address.authority();
        let question = match health.question {
            Question::Http => format!(
                "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {AGENT}\r\n\
                 Accept: application/json\r\nConnection: close\r\n\r\n",
            ),
            Question::WebSocket => {
                let (key, mask) = (self.rng.random(), self.rng.random());
                let greeting = Greeting::new(key, mask, self.rng.random());
                probe.greeting.insert(Box::new(greeting)).open(path, &authority, AGENT)
            }
        };
        let header = server.send_proxy.map(|version| header(version, None)).unwrap_or_default();
        let mut outlet = Outlet::default();
        // A broken connection shows itself when the question is flushed or the answer read.
        let _ = outlet.send(&[&header, question.as_bytes()], &mut probe.socket);
        probe.enter(id, State::Asking(outlet));
    }

    fn advance_probe(&mut self, id: ProbeId) {
        let probe = &mut self.probes[id.index()];
        if let State::Asking(outlet) = &mut probe.state {
            match outlet.flush(&mut probe.socket) {
                Ok(true) => probe.enter(id, State::Listening(Vec::new())),
                Ok(false) => return,
                Err(_) => return self.conclude(id, Verdict::Unhealthy(Cause::CutShort)),
            }
        }
        let probe = &mut self.probes[id.index()];
        let State::Listening(answer) = &mut probe.state else { return };
        loop {
            let ended = match ready(probe.socket.read(&mut self.desk.scratch)) {
                Ok(None) => return,
                Ok(Some(count)) => {
                    answer.extend_from_slice(&self.desk.scratch[..count]);
                    count == 0
                }
                Err(_) => true,
            };
            let verdict = match &mut probe.greeting {
                Some(greeting) => converse(greeting, answer, ended, &mut probe.socket),
                None => read_answer(answer, ended),
            };
            if let Some(verdict) = verdict {
                return self.conclude(id, verdict);
            }
        }
    }

    /// The probe has taken too long.
    pub(super) fn on_probe_late(&mut self, id: ProbeId) {
        self.conclude(id, Verdict::Unhealthy(Cause::TimedOut));
    }

    fn conclude(&mut self, id: ProbeId, verdict: Verdict) {
        let probe = &mut self.probes[id.index()];
        if let State::Closed = probe.state {
            return;
        }
        probe.enter(id, State::Closed);
        self.timers.cancel(probe.timer);
        let server = probe.server;
        self.departed.push(Token::Probe(id));
        self.note_verdict(server, verdict);
    }

    /// How a server is probed, if it is.
    fn health_check(&self, server: ServerId) -> Option<&HealthCheck> {
        let kind = self.servers[server.index()].kind;
        self.sections.of(kind).and_then(|section| section.health.as_ref())
    }

    /// Takes note of a verdict, but for one that came when nobody asked any more: no later probe
    /// would ever take it back.
    fn note_verdict(&mut self, id: ServerId, verdict: Verdict) {
        if self.health_check(id).is_none() {
            return;
        }
        let server = &mut self.servers[id.index()];
        if verdict == Verdict::Unhealthy(Cause::ConnectFailed) {
            server.try_next_address();
        }
        let was_well = server.health.is_judged() && server.health.is_up(self.now);
        let change = server.health.note(verdict, self.now);
        if !was_well && verdict == Verdict::Healthy && server.health.is_up(self.now) {
            self.rebalance(id);
        }
        let sat_out = verdict == Verdict::Healthy && self.ends_sitting_out(id);
        let server = &self.servers[id.index()];
        match change {
            None if sat_out => self.tell_return(id, "a probe was good"),
            None => {}
            Some(Change::Up) => {
                info!("{server}: up");
                self.record(Kind::Up, Some(id), "");
                let server = &mut self.servers[id.index()];
                server.refill_after = None;
                self.tend_pool(id);
            }
            Some(Change::Down(cause)) => {
                warn!("{server}: down: {cause}");
                self.record(Kind::Down, Some(id), &cause.to_string());
            }
        }
    }
}

/// Goes on with a conversation by what the server has said so far; the verdict, when there is one.
fn converse(
    greeting: &mut Greeting,
    answer: &[u8],
    ended: bool,
    socket: &mut Socket,
) -> Option<Verdict> {
    let bad = Some(Verdict::Unhealthy(Cause::NotWebSocket));
    if answer.len() > limits::PROBE_ANSWER_MAX {
        return Some(Verdict::Unhealthy(Cause::Oversized));
    }
    match greeting.hear(answer) {
        Next::Fail => bad,
        Next::Listen | Next::Say(_) if ended => Some(Verdict::Unhealthy(Cause::CutShort)),
        Next::Listen => None,
        Next::Say(frame) => {
            let mut outlet = Outlet::default();
            let sent = outlet.send(&[&frame], socket);
            // A connection this young takes a few bytes at once, or something is wrong with it.
            if sent.is_err() || !outlet.is_empty() { bad } else { None }
        }
        Next::Part(close) => {
            // The verdict does not depend on whether it arrives.
            let _ = Outlet::default().send(&[&close], socket);
            Some(Verdict::Healthy)
        }
    }
}

/// The verdict on an answer as far as it has come; `None` when more may follow. `ended`: nothing
/// will.
fn read_answer(answer: &[u8], ended: bool) -> Option<Verdict> {
    let cut = ended.then_some(Verdict::Unhealthy(Cause::CutShort));
    if answer.len() > limits::PROBE_ANSWER_MAX {
        return Some(Verdict::Unhealthy(Cause::Oversized));
    }
    let mut lines = Lines::new();
    let asked = Asked { head: false, websocket: false, version: Version::Http11 };
    let bounds =
        HeadLimits { max_bytes: limits::PROBE_ANSWER_MAX, max_fields: limits::RESPONSE_FIELDS_MAX };
    let head = match ResponseHead::parse(answer, &mut lines, asked, bounds) {
        Err(_) => return Some(Verdict::Unhealthy(Cause::BadResponse)),
        Ok(None) => return cut,
        Ok(Some(head)) if head.is_interim() => return read_answer(&answer[head.len..], ended),
        Ok(Some(head)) => head,
    };
    let (status, mut rest) = (head.status, &answer[head.len..]);
    let mut framing = head.framing;
    framing.content_only();
    let mut content = Vec::new();
    while !rest.is_empty() && !framing.is_complete() {
        let Ok(step) = framing.step(rest) else {
            return Some(Verdict::Unhealthy(Cause::BadResponse));
        };
        content.extend_from_slice(&rest[..step.forward]);
        rest = &rest[step.forward + step.skip..];
    }
    if framing.is_complete() || (ended && framing.at_end()) {
        return Some(judge(status, &content));
    }
    cut
}
