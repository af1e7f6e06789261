//! The judge: what was asked, what the servers did about it, and what a client may therefore see.
//!
//! Every request has a number, and so does every byte of content. A response that reaches a client
//! is compared with what the server of that name was to say to that very request. Where anything
//! else comes, or nothing, the ledger knows whose fault that may be; when it is nobody's, the run
//! has failed.

use super::frames::Speech;
use super::identity::{Speaker, content};
use super::introduction::FROM;
use super::message::{Framing, Head, Message};
use super::request::Request;
use super::tunnel::Terms;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a server did wrong to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It said nothing, or stopped in the middle, and kept the connection.
    Silence,
    /// It closed before the end of its response.
    Cut,
    /// What it said is not HTTP, or not allowed.
    Nonsense,
    /// It answered before it had read the request, and read no more.
    Deaf,
}

/// What is wrong with this world, so that requests may fail through no fault of their own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Troubles {
    /// Connections to servers may fail.
    pub reach: bool,
    /// Probes may be answered badly, or names be unknown.
    pub sick: bool,
    /// Servers may close idle connections at any moment.
    pub fickle: bool,
    /// Workers may be scarce.
    pub crowded: bool,
    /// The gateway is told to stop.
    pub stopping: bool,
    /// Servers do wrong to requests.
    pub faults: bool,
    /// Clients may stand before the door for a while.
    pub full: bool,
}

impl Troubles {
    /// Nobody has an excuse, nor a reason to wait for long.
    fn are_none(&self) -> bool {
        let Self { reach, sick, fickle, crowded, stopping, faults, full } = self;
        ![reach, sick, fickle, crowded, stopping, faults, full].into_iter().any(|trouble| *trouble)
    }
}

/// Where there is no trouble, a response comes within this time of its request.
const SOON: Duration = Duration::from_secs(50);

/// One request's story.
#[derive(Debug)]
pub struct Case {
    /// What was asked.
    pub request: Request,
    /// Its client does everything right, and in time.
    pub good: bool,
    /// Who its client is, as servers are to be told.
    pub peer: SocketAddr,
    /// When its client set about it.
    pub begun: Duration,
    /// How often a server has read its head.
    pub arrivals: usize,
    /// How often that was on a connection never used before.
    pub fresh_arrivals: usize,
    /// Whether a server has read all of its content.
    pub read: bool,
    /// What servers did wrong.
    pub faults: Vec<Fault>,
    /// A server has said the whole response without a fault.
    pub answered: bool,
    /// What a server says to it: its number and the length of the content.
    pub replies: Vec<(usize, usize)>,
    /// The status that the client saw in the end.
    pub seen: Option<u16>,
    /// What its client, and then its server, say in a tunnel.
    pub speeches: [Speech; 2],
    /// The code of a Close by which the gateway has ended the tunnel.
    pub farewell: Option<u16>,
    /// Its client speaks or reads slowly.
    pub slow: bool,
}

impl Case {
    /// What that end says in the tunnel.
    pub fn speech(&self, speaker: Speaker) -> &Speech {
        match speaker {
            Speaker::Client => &self.speeches[0],
            Speaker::Server(_) => &self.speeches[1],
        }
    }
}

/// How a client's connection ended without the response that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// In order.
    Closed,
    /// By RST.
    Reset,
}

/// All stories of one run, and what was wrong.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By number.
    pub cases: Vec<Case>,
    /// What this world is like.
    pub troubles: Troubles,
    /// Servers that have nothing to do, because others are well as long as the world lasts.
    pub spares: Vec<usize>,
    /// What the configuration says of tunnels.
    pub terms: Terms,
    /// Servers are taken out and put back, and the configuration is read again.
    pub changes: bool,
    /// Since when each server is taken out, so that whatever is asked later is not for it.
    pub out: Vec<Option<Duration>>,
    /// When the tunnels of each server were last to be ended.
    pub parting: Vec<Option<Duration>>,
    /// Whether the client's address leads to its server, in `[http]` and in `[websocket]`.
    pub sticky: [bool; 2],
    /// Which server has a client's requests, where its address decides.
    pub homes: BTreeMap<(IpAddr, bool), usize>,
    /// Everything that must not have happened, in words.
    pub wrongs: Vec<String>,
    /// Statuses seen, for the curious.
    pub statuses: BTreeMap<u16, usize>,
    /// Responses cut short.
    pub cuts: usize,
    /// The world's time.
    pub now: Duration,
}

impl Ledger {
    /// Enters a request.
    pub fn enter(&mut self, request: Request, good: bool) {
        debug_assert_eq!(request.id, self.cases.len());
        self.cases.push(Case {
            request,
            good,
            peer: FROM,
            begun: Duration::ZERO,
            arrivals: 0,
            fresh_arrivals: 0,
            read: false,
            faults: Vec::new(),
            answered: false,
            replies: Vec::new(),
            seen: None,
            speeches: <[Speech; 2]>::default(),
            farewell: None,
            slow: false,
        });
    }

    /// Something that must not happen has happened.
    pub fn wrong(&mut self, what: impl Into<String>) {
        self.wrongs.push(what.into());
    }

    /// A server has read a head; gives the number of the request.
    pub fn arrived(&mut self, head: &Head, server: usize, fresh: bool) -> Option<usize> {
        let place = head.start.split(' ').nth(1).and_then(|target| target.strip_prefix("/r/"));
        let id = place.and_then(|t| t.strip_suffix("?of=x")).and_then(|id| id.parse().ok());
        let Some(id) = id.filter(|id: &usize| *id < self.cases.len()) else {
            self.wrong(format!("server {server} was asked: {}", head.start));
            return None;
        };
        let case = &mut self.cases[id];
        case.arrivals += 1;
        case.fresh_arrivals += usize::from(fresh);
        // Only what died on a worker that had served before may be tried once more.
        let most = if case.request.is_replayable() && case.fresh_arrivals < 2 { 2 } else { 1 };
        let mut wrongs = Vec::new();
        if self.spares.contains(&server) {
            wrongs.push("was given to a spare while others were up".into());
        }
        if case.arrivals > most {
            wrongs.push(format!("arrived {} times: {:?}", case.arrivals, case.request));
        }
        if case.arrivals == 2 && !fresh && !self.troubles.fickle {
            wrongs.push("was sent again on a worker that was not fresh".into());
        }
        let expected = format!("{} /r/{id}?of=x HTTP/1.1", case.request.method);
        if head.start != expected || head.number("x-id") != Some(id) {
            wrongs.push(format!("arrived as {head:?}"));
        }
        if head.field("x-forwarded-for") != Some(&case.peer.ip().to_string()) {
            wrongs.push(format!("of {} arrived as {head:?}", case.peer));
        }
        if self.out.get(server).is_some_and(|since| since.is_some_and(|at| case.begun > at)) {
            wrongs.push(format!("was given to server {server}, which had been taken out"));
        }
        if self.sticky[usize::from(case.request.websocket)] {
            let key = (case.peer.ip(), case.request.websocket);
            let home = *self.homes.entry(key).or_insert(server);
            if home != server {
                wrongs.push(format!("went to server {server}, not to its client's {home}"));
            }
        }
        let upgrades = head.field("upgrade").is_some();
        if upgrades != case.request.websocket || head.field("http2-settings").is_some() {
            wrongs.push(format!("asks for another protocol: {head:?}"));
        }
        for wrong in wrongs {
            self.wrong(format!("request {id} {wrong}"));
        }
        Some(id)
    }

    /// A server has read a whole request.
    pub fn has_read(&mut self, id: usize, message: &Message) {
        let case = &mut self.cases[id];
        case.read = true;
        let expected = if case.request.websocket { 0 } else { case.request.len };
        if message.content != content(id, Speaker::Client, expected) {
            let len = message.content.len();
            self.wrong(format!(
                "request {id} arrived with {len} bytes that are not its {expected}"
            ));
        }
    }

    /// A client has read an interim response.
    pub fn interim(&mut self, id: usize, head: &Head) {
        if self.cases[id].request.old {
            self.wrong(format!("request {id}: {} to an HTTP/1.0 client", head.start));
        }
    }

    /// A client has read a whole final response to what it believes to be its request `id`.
    pub fn answered(&mut self, id: usize, message: &Message) {
        let status = message.head.status();
        *self.statuses.entry(status).or_default() += 1;
        self.cases[id].seen = Some(status);
        if self.is_late(self.cases[id].begun) {
            self.wrong(format!("request {id} was answered late; {}", self.story(id)));
        }
        if let Some(wrong) = self.misfit(id, message) {
            self.wrong(format!("request {id}: {wrong}; {}", self.story(id)));
        }
    }

    fn misfit(&self, id: usize, message: &Message) -> Option<String> {
        let (case, head) = (&self.cases[id], &message.head);
        let Some(other) = head.field("x-request") else { return self.misjudged(id, message) };
        if other != id.to_string() {
            return Some(format!("was given the response to request {other}"));
        }
        let said = (head.number("x-server")?, head.number("x-length")?);
        if !case.replies.contains(&said) {
            return Some(format!("nobody said {head:?}"));
        }
        let bodyless = case.request.method == "HEAD";
        let len = if bodyless { 0 } else { said.1 };
        if message.content != content(id, Speaker::Server(said.0), len) {
            return Some(format!(
                "content of {} bytes is not the server's {len}",
                message.content.len()
            ));
        }
        if case.request.old && message.framing == Framing::Chunked {
            return Some("chunks for an HTTP/1.0 client".into());
        }
        None
    }

    /// Whether the answer to what was begun at that time comes too late: by a wake-up that had
    /// nothing to do with it, perhaps.
    pub fn is_late(&self, begun: Duration) -> bool {
        self.troubles.are_none() && self.now > begun + SOON
    }

    /// An answer of the gateway's own: may it say that?
    fn misjudged(&self, id: usize, message: &Message) -> Option<String> {
        let (case, trouble) = (&self.cases[id], &self.troubles);
        let status = message.head.status();
        let text = String::from_utf8_lossy(&message.content);
        let own = message.head.field("content-type") == Some("application/json")
            && (text.starts_with("{\"error\":") || case.request.method == "HEAD");
        if !own {
            return Some(format!("answered by {:?} {text}", message.head));
        }
        let faulty = !case.faults.is_empty();
        let excused = match status {
            408 => !case.good,
            429 => trouble.crowded,
            502 => faulty || trouble.reach || (trouble.fickle && !case.request.is_replayable()),
            503 if case.request.websocket && self.terms.are_limited() => true,
            503 => trouble.reach || trouble.sick || trouble.stopping || trouble.crowded,
            504 => faulty || trouble.reach || trouble.crowded,
            _ => false,
        };
        if !excused {
            return Some(format!("answered {status} {text}"));
        }
        if case.good && case.answered && !faulty {
            return Some(format!("a server had answered, but the client was told {status} {text}"));
        }
        None
    }

    /// The connection ended inside a response.
    pub fn cut(&mut self, id: usize, partial: Option<&Message>, ending: Ending) {
        self.cuts += 1;
        if let Some(message) = partial {
            let said = (message.head.number("x-server"), message.head.number("x-length"));
            if let (Some(server), Some(len)) = said {
                let whole = content(id, Speaker::Server(server), len);
                let garbled = self.cases[id].faults.contains(&Fault::Nonsense);
                if !garbled && !whole.starts_with(&message.content) {
                    self.wrong(format!("request {id}: foreign bytes in a response cut short"));
                }
            }
        }
        let case = &self.cases[id];
        let excused = !case.good || !case.faults.is_empty() || self.troubles.stopping;
        if !excused {
            self.wrong(format!(
                "request {id}: cut short ({ending:?}) in {:?}; {}",
                partial.map(|m| (&m.head, m.content.len())),
                self.story(id)
            ));
        }
    }

    /// The connection ended, and the response to `id` was due.
    pub fn unanswered(&mut self, id: usize, ending: Ending) {
        let case = &self.cases[id];
        let excused = !case.good
            || self.troubles.stopping
            || case.faults.contains(&Fault::Deaf)
            || (ending == Ending::Reset && !case.faults.is_empty());
        if !excused {
            self.wrong(format!("request {id}: never answered ({ending:?}); {}", self.story(id)));
        }
    }

    /// What is known of a request, in one line.
    pub fn story(&self, id: usize) -> String {
        let Case { request, good, arrivals, read, faults, answered, .. } = &self.cases[id];
        format!(
            "{} of {} bytes, good client: {good}, arrived {arrivals} times, read: {read}, \
             answered: {answered}, faults {faults:?}",
            request.method, request.len
        )
    }
}
