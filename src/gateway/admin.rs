//! Who serves operators? They come in by a door of their own, and are answered by us.
//!
//! Their connections are clients like the others, in the same slab and the same states, but for
//! two things: their requests end here instead of at a server, and they do not count among
//! `max_connections`. What is told is rendered by [`crate::admin`] from one [`Snapshot`].
//!
//! A stream of events holds at most one event that its reader has not taken: until it has, the next
//! ones pass it by, and after `write_timeout` it is closed.

use super::Gateway;
use super::alarm::Alarm;
use super::client::{Afterwards, Client, Entrance, State};
use super::section::Kind;
use super::token::Token;
use crate::admin::events::{self, Events};
use crate::admin::histogram::{Histogram, LATENCY, TURN};
use crate::admin::reply::{self, Reply};
use crate::admin::route::{Denial, Feed, Route, Steer};
use crate::admin::snapshot::Snapshot;
use crate::admin::{metrics, page, status};
use crate::flow::outlet::Outlet;
use crate::flow::{Stream, ready};
use crate::http::Version;
use crate::http::head::{Asked, RequestHead};
use crate::id::{ClientId, ServerId};
use crate::limits;
use crate::net::{Listener, SocketAddress};
use crate::peer::Peer;
use log::{info, warn};
use std::io;
use std::time::{Duration, Instant};

/// What there is for operators.
pub(super) struct Office {
    /// Where they come in; `None` without `[admin]`.
    pub(super) listener: Option<Listener>,
    /// How many of the clients are operators.
    pub(super) operators: usize,
    pub(super) opened: Instant,
    sampled: Instant,
    /// An alarm is set for the next sample.
    samples: bool,
    pub(super) turns: Histogram,
    pub(super) events: Events,
    pub(super) lines_lost: u64,
}

impl Office {
    /// Nobody comes in yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            listener: None,
            operators: 0,
            opened: now,
            sampled: now,
            samples: false,
            turns: Histogram::new(&TURN),
            events: Events::default(),
            lines_lost: 0,
        }
    }
}

/// An operator's request, understood.
pub(super) struct Order {
    route: Result<Route, Denial>,
    asked: Asked,
    persistent: bool,
}

impl Order {
    /// Understands a request.
    pub(super) fn of(head: &RequestHead<'_, '_>, token: Option<&str>) -> Self {
        Self {
            route: Route::of(head, token),
            asked: Asked { head: head.is_head(), websocket: false, version: head.version },
            // What content there is nobody reads, so nothing can be read behind it.
            persistent: head.persistent
                && head.version == Version::Http11
                && head.framing.is_complete(),
        }
    }
}

impl Gateway {
    /// Lets operators in, at that address; gives back the one that the system chose.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub fn open_office(&mut self, address: &SocketAddress) -> io::Result<SocketAddress> {
        let mode = self.config.admin.as_ref().map_or(0, |admin| admin.socket_mode);
        let listener = self.net.listen(address, mode, Token::Office.into())?;
        let address = listener.address()?;
        self.put_office(Some(listener));
        Ok(address)
    }

    /// From now on operators come in there, or nowhere.
    pub(super) fn put_office(&mut self, listener: Option<Listener>) {
        self.office.listener = listener;
        if self.office.listener.is_some() && !self.office.samples {
            self.office.samples = true;
            self.timers.insert(self.now + limits::SAMPLE_INTERVAL, Alarm::Sample);
        }
    }

    /// Operators have arrived. Beyond a few, whoever comes is turned away.
    pub(super) fn on_office(&mut self) {
        loop {
            let Some(listener) = &mut self.office.listener else { return };
            let (mut socket, peer) = match ready(listener.accept()) {
                Ok(Some(arrival)) => arrival,
                Ok(None) => return,
                Err(error) => {
                    // The next to arrive brings the next edge.
                    warn!("cannot accept an operator: {error}");
                    return;
                }
            };
            if self.office.operators >= limits::OPERATORS_MAX {
                continue;
            }
            let entry = self.clients.vacant_entry();
            let id = ClientId::from(entry.key());
            if self.net.register(&mut socket, Token::Client(id).into()).is_err() {
                continue;
            }
            let deadline = self.now + self.config.frontend.idle_timeout;
            entry.insert(Client::new(socket, Peer::new(peer), Entrance::Office, deadline));
            self.office.operators += 1;
            self.set_deadline(id, deadline);
        }
    }

    /// Does what an operator wants.
    pub(super) fn obey(&mut self, id: ClientId, order: &Order) {
        let done = order.route.and_then(|route| self.carry_out(route).map(|()| route));
        match done {
            Ok(Route::Events(feed)) => self.begin_stream(id, order, feed),
            Ok(route) => {
                let snapshot = self.snapshot();
                let status = route.status(&snapshot);
                let (content_type, extra, content) = match route {
                    Route::Page => (reply::HTML, reply::PAGE_POLICY, page::render(&snapshot)),
                    Route::Metrics => (metrics::CONTENT_TYPE, "", metrics::render(&snapshot)),
                    Route::Steer(Steer { from_page: true, .. }) => {
                        (reply::JSON, reply::TO_THE_PAGE, "{}".to_owned())
                    }
                    Route::Live | Route::Ready | Route::Steer(_) | Route::Level(_) => {
                        (reply::JSON, "", format!("{{\"ready\":{}}}", snapshot.ready))
                    }
                    Route::Status | Route::Events(_) => {
                        (reply::JSON, "", status::render(&snapshot))
                    }
                };
                self.reply(id, order, status, (content_type, extra), &content);
            }
            Err(denial) => {
                let content = format!("{{\"error\":\"{}\"}}", denial.message());
                let extra = reply::extra(denial);
                self.reply(id, order, denial.status(), (reply::JSON, extra), &content);
            }
        }
    }

    /// Changes what is to be changed.
    fn carry_out(&mut self, route: Route) -> Result<(), Denial> {
        match route {
            Route::Steer(steer) => self.steer(steer),
            Route::Level(level) => {
                log::set_max_level(level);
                info!("log level: {level}");
                self.record(events::Kind::Process, None, &format!("log level {level}"));
                Ok(())
            }
            Route::Page
            | Route::Events(_)
            | Route::Status
            | Route::Metrics
            | Route::Live
            | Route::Ready => Ok(()),
        }
    }

    /// Takes a server out, or puts it back; all those of a `dns:` name together. Requests under
    /// way go on; tunnels are told to go.
    pub(super) fn steer(&mut self, steer: Steer) -> Result<(), Denial> {
        let kind = if steer.http { Kind::Http } else { Kind::WebSocket };
        let section = self.sections.of(kind).ok_or(Denial::NoServer)?;
        let mut ids = section.servers.clone();
        ids.retain(|id| self.servers[id.index()].number == steer.number);
        if ids.is_empty() {
            return Err(Denial::NoServer);
        }
        ids.into_iter().for_each(|id| self.steer_one(id, steer));
        Ok(())
    }

    fn steer_one(&mut self, id: ServerId, steer: Steer) {
        let server = &mut self.servers[id.index()];
        if server.drained == steer.drain {
            return;
        }
        server.drained = steer.drain;
        if !steer.drain {
            server.health.came_back(self.now);
        }
        server.set_floor();
        info!("{server}: {}", if steer.drain { "drained" } else { "restored" });
        let kind = if steer.drain { events::Kind::Drained } else { events::Kind::Restored };
        self.record(kind, Some(id), "");
        self.tend_pool(id);
        if steer.drain {
            self.drain_server(id);
        } else {
            self.keep_server(id);
            self.rebalance(id);
        }
    }

    /// Gives an answer with content.
    fn reply(
        &mut self,
        id: ClientId,
        order: &Order,
        status: u16,
        (content_type, extra): (&str, &'static str),
        content: &str,
    ) {
        let persistent = order.persistent && self.stopping.is_none();
        let length = Some(content.len());
        let reply = Reply { status, content_type, length, persistent, extra };
        let draft = &mut self.desk.draft;
        draft.clear();
        reply.write(&self.desk.date, draft);
        let content = if order.asked.head { "" } else { content };
        let mut outlet = Outlet::default();
        let socket = &mut self.clients[id.index()].socket;
        if outlet.send(&[draft, content.as_bytes()], socket).is_err() {
            return self.close_client(id);
        }
        let afterwards = if persistent { Afterwards::Persist } else { Afterwards::Linger };
        self.clients[id.index()].enter(id, State::Answering(outlet, afterwards));
        self.set_deadline(id, self.now + self.config.frontend.write_timeout);
        self.flush_answer(id);
    }

    /// From now on this operator is told once a second.
    fn begin_stream(&mut self, id: ClientId, order: &Order, feed: Feed) {
        if order.asked.head {
            return self.reply(id, order, 200, (reply::EVENT_STREAM, ""), "");
        }
        let content_type = reply::EVENT_STREAM;
        let reply = Reply { status: 200, content_type, length: None, persistent: false, extra: "" };
        let mut outlet = Outlet::default();
        self.desk.draft.clear();
        reply.write(&self.desk.date, &mut self.desk.draft);
        self.desk.draft.extend_from_slice(event(feed, &self.snapshot()).as_bytes());
        let client = &mut self.clients[id.index()];
        if outlet.send(&[&self.desk.draft], &mut client.socket).is_err() {
            return self.close_client(id);
        }
        client.enter(id, State::Watching(outlet, feed));
        self.set_deadline(id, self.now + self.config.frontend.write_timeout);
    }

    /// A watcher's socket spoke: it takes more, or has gone. What it says does not matter.
    pub(super) fn on_watcher(&mut self, id: ClientId) {
        let (socket, _, state) = self.clients[id.index()].parts();
        let State::Watching(outlet, _) = state else { return };
        if outlet.flush(socket).is_err() {
            return self.close_client(id);
        }
        loop {
            match ready(socket.read(&mut self.desk.scratch)) {
                Ok(None) => return,
                Ok(Some(count)) if count > 0 => {}
                Ok(Some(_)) | Err(_) => return self.close_client(id),
            }
        }
    }

    /// A second is over: takes the samples, and tells the watchers.
    pub(super) fn on_sample_alarm(&mut self) {
        self.office.samples = self.office.listener.is_some();
        if self.office.samples {
            self.timers.insert(self.now + limits::SAMPLE_INTERVAL, Alarm::Sample);
        }
        let interval = self.now.saturating_duration_since(self.office.sampled);
        self.office.sampled = self.now;
        for kind in [Kind::Http, Kind::WebSocket] {
            let Some(section) = self.sections.of_mut(kind) else { continue };
            let mut total = Histogram::new(&LATENCY);
            let mut tunnels = 0;
            for id in &section.servers {
                let tally = &self.servers[id.index()].tally;
                total.add(&tally.total);
                tunnels += tally.tunnels.open();
            }
            section.trend.take(total, tunnels, interval);
        }
        self.feed_watchers();
    }

    fn feed_watchers(&mut self) {
        let watches = |client: &Client| matches!(client.state(), State::Watching(..));
        let watchers = self.clients.iter().filter(|(_, client)| watches(client));
        let ids: Vec<_> = watchers.map(|(key, _)| ClientId::from(key)).collect();
        if ids.is_empty() {
            return;
        }
        let snapshot = self.snapshot();
        // Rendered once for all, if anybody wants it.
        let mut rendered: [Option<String>; 2] = [None, None];
        for id in ids {
            let (socket, _, state) = self.clients[id.index()].parts();
            let State::Watching(outlet, feed) = state else { continue };
            if !outlet.is_empty() {
                continue;
            }
            let feed = *feed;
            let text = rendered[usize::from(feed == Feed::Page)]
                .get_or_insert_with(|| event(feed, &snapshot));
            if outlet.send(&[text.as_bytes()], socket).is_err() {
                self.close_client(id);
            } else {
                self.set_deadline(id, self.now + self.config.frontend.write_timeout);
            }
        }
    }

    /// Notes that something happened, for the list of recent events.
    pub(super) fn record(&mut self, kind: events::Kind, server: Option<ServerId>, detail: &str) {
        if self.office.listener.is_none() {
            return;
        }
        let subject = server.map(|id| self.servers[id.index()].to_string()).unwrap_or_default();
        self.office.events.note(self.clock.unix_seconds(), kind, subject, detail.to_owned());
    }

    /// Takes note of how long a turn took.
    pub fn note_turn(&mut self, took: Duration) {
        self.office.turns.observe(took);
    }

    /// Takes note of lines that the access log has lost.
    pub fn note_lines_lost(&mut self, lines: u64) {
        self.office.lines_lost += lines;
    }
}

/// One server-sent event. Neither rendering holds a line end.
fn event(feed: Feed, snapshot: &Snapshot) -> String {
    match feed {
        Feed::Json => format!("event: snapshot\ndata: {}\n\n", status::render(snapshot)),
        Feed::Page => format!("event: page\ndata: {}\n\n", page::fragment(snapshot)),
    }
}
