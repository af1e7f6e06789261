//! How does one server of the demo answer?
//!
//! A plain blocking origin: one thread accepts, one thread per connection answers, and neither
//! outlives its welcome: connections are counted, every read and write has an end.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /whoami` | which server this is and how often it has been asked |
//! | `GET /healthCheck` | `{"status":200}`, or 500 while the server is sick |
//! | `POST /echo` | the content, as it came |
//! | `GET /demo/servers` | the state of all servers |
//! | `POST /demo/servers/N/sick`, `.../well` | makes server N sick or well |
//! | `POST /sick`, `/well` | makes this server sick or well |
//! | WebSocket on `/demo/socket` | says which server this is, then echoes |
//! | WebSocket elsewhere | echoes |

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::request::{CONTENT_MAX, Connection, Fault, Request};
use super::roster::{Counted, Roster};

/// The most connections of one server; one more is told 503.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// A client that is silent for this long between or inside requests is let go.
const PATIENCE: Duration = Duration::from_secs(90);

/// A WebSocket client that is silent for this long is asked for a sign of life; for as long again,
/// and it is let go.
const SOCKET_PATIENCE: Duration = Duration::from_secs(30);

/// The pause after an accept that failed, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const PAGE: &str = include_str!("page.html");

/// One server: its number and what it shares with the others.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) number: usize,
    pub(super) roster: Arc<Roster>,
}

/// A response, but for its connection fields.
#[derive(Debug)]
struct Answer {
    status: &'static str,
    media_type: &'static str,
    content: Cow<'static, [u8]>,
}

impl Answer {
    fn json(status: &'static str, value: &Value) -> Self {
        let content = Cow::Owned(format!("{value}\n").into_bytes());
        Self { status, media_type: "application/json", content }
    }

    fn refusal(status: &'static str) -> Self {
        Self::json(status, &json!({ "error": status }))
    }

    /// Writes the response; `method` tells whether its content goes with it (RFC 9110 9.3.2).
    fn write(&self, stream: &mut impl Write, method: &str, persistent: bool) -> io::Result<()> {
        let mut bytes = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             Connection: {}\r\n\r\n",
            self.status,
            self.media_type,
            self.content.len(),
            if persistent { "keep-alive" } else { "close" },
        )
        .into_bytes();
        if method != "HEAD" {
            bytes.extend_from_slice(&self.content);
        }
        stream.write_all(&bytes)
    }
}

impl Server {
    /// Accepts for ever, on a thread that ends with the process.
    pub(super) fn spawn(self, listener: TcpListener) -> io::Result<()> {
        let name = format!("demo server {}", self.number);
        thread::Builder::new().name(name).spawn(move || self.accept(&listener)).map(drop)
    }

    fn accept(&self, listener: &TcpListener) {
        let open = Arc::new(AtomicUsize::new(0));
        loop {
            let Ok((mut stream, _)) = listener.accept() else {
                thread::sleep(ACCEPT_PAUSE);
                continue;
            };
            if open.load(Ordering::Relaxed) >= CONNECTIONS_MAX || limit_waits(&stream).is_err() {
                // A client that does not take the few bytes is no loss, so the error is not one.
                let _ = Answer::refusal("503 Service Unavailable").write(&mut stream, "", false);
                continue;
            }
            // Counted before the thread runs: a burst of clients cannot slip past the limit.
            let (server, seat) = (self.clone(), Counted::new(&open));
            let converse = move || {
                let _seat = seat;
                // The end of a connection, however it came about, concerns nobody else.
                let _ = server.converse(Connection::new(stream));
            };
            if thread::Builder::new().spawn(converse).is_err() {
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }

    /// Answers one request after the other, until the client leaves or changes the protocol.
    fn converse(&self, mut connection: Connection<TcpStream>) -> io::Result<()> {
        loop {
            let request = match connection.next_request() {
                Ok(request) => request,
                Err(fault) => return refuse(fault, connection.stream()),
            };
            if let Some(key) = &request.websocket_key {
                write!(
                    connection.stream(),
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                     Upgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                    derive_accept_key(key.as_bytes()),
                )?;
                let greets = request.path == "/demo/socket";
                let (stream, inbox) = connection.into_parts();
                return self.echo(stream, inbox, greets).map_err(io::Error::other);
            }
            let (method, persistent) = (request.method.clone(), request.persistent);
            self.answer(request).write(connection.stream(), &method, persistent)?;
            if !persistent {
                return Ok(());
            }
        }
    }

    fn answer(&self, request: Request) -> Answer {
        let now = Instant::now();
        match (&*request.method, &*request.path) {
            ("GET" | "HEAD", "/") => Answer {
                status: "200 OK",
                media_type: "text/html; charset=utf-8",
                content: Cow::Borrowed(PAGE.as_bytes()),
            },
            ("GET" | "HEAD", "/whoami") => {
                let count = self.roster.count_answer(self.number);
                Answer::json(
                    "200 OK",
                    &json!({ "server": self.name(), "number": self.number, "count": count }),
                )
            }
            ("GET" | "HEAD", "/healthCheck") => match self.roster.sick_for(self.number, now) {
                None => Answer::json("200 OK", &json!({ "status": 200 })),
                Some(_) => Answer::json("500 Internal Server Error", &json!({ "status": 500 })),
            },
            ("POST" | "PUT", "/echo") => Answer {
                status: "200 OK",
                media_type: "application/octet-stream",
                content: Cow::Owned(request.content),
            },
            ("GET" | "HEAD", "/demo/servers") => self.state(now),
            ("POST", path) => match self.switch(path, now) {
                true => self.state(now),
                false => Answer::refusal("404 Not Found"),
            },
            _ => Answer::refusal("404 Not Found"),
        }
    }

    /// Makes the server that `path` names sick or well; false if it names none.
    fn switch(&self, path: &str, now: Instant) -> bool {
        let (number, verb) = match path.strip_prefix("/demo/servers/") {
            Some(rest) => {
                let Some((number, verb)) = rest.split_once('/') else { return false };
                let Ok(number) = number.parse() else { return false };
                (number, verb)
            }
            None => (self.number, path.trim_start_matches('/')),
        };
        match verb {
            "sick" => self.roster.make_sick(number, now),
            "well" => self.roster.make_well(number),
            _ => false,
        }
    }

    fn state(&self, now: Instant) -> Answer {
        let servers = self.roster.as_json(now);
        Answer::json("200 OK", &json!({ "answered_by": self.number, "servers": servers }))
    }

    /// Sends every message back, until the closing handshake or a long silence.
    fn echo(&self, stream: TcpStream, inbox: Vec<u8>, greets: bool) -> Result<(), Error> {
        let _one_less_at_the_end = self.roster.count_socket(self.number);
        stream.set_read_timeout(Some(SOCKET_PATIENCE))?;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(CONTENT_MAX))
            .max_frame_size(Some(CONTENT_MAX));
        let mut socket = WebSocket::from_partially_read(stream, inbox, Role::Server, Some(limits));
        if greets {
            let greeting = json!({ "server": self.name(), "number": self.number });
            socket.send(Message::text(greeting.to_string()))?;
        }
        let mut asked = false;
        loop {
            match socket.read() {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                    asked = false;
                    socket.send(message)?;
                }
                // The library has answered a ping or Close by itself; all are signs of life.
                Ok(_) => asked = false,
                Err(Error::Io(error)) if is_timeout(&error) && !asked => {
                    asked = true;
                    socket.send(Message::Ping("still there?".into()))?;
                }
                Err(Error::ConnectionClosed) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn name(&self) -> String {
        format!("server {}", self.number)
    }
}

/// Says what was wrong, if there is somebody to say it to.
fn refuse(fault: Fault, stream: &mut impl Write) -> io::Result<()> {
    match fault {
        Fault::Gone => Ok(()),
        Fault::Malformed => Answer::refusal("400 Bad Request").write(stream, "", false),
        Fault::TooLarge => Answer::refusal("413 Content Too Large").write(stream, "", false),
    }
}

fn limit_waits(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(SOCKET_PATIENCE))
}

/// A read that met its time limit says one or the other, by platform.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
