//! The servers' side: an origin whose every connection the test accepts and serves by hand, or one
//! that a script serves on threads of its own.

use crate::support::wait_until;
use crate::wire::{Body, Cut, Head, Length, PATIENCE, Wire};
use socket2::{Domain, SockRef, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// An origin in the hands of the test.
pub(crate) struct Origin {
    listener: TcpListener,
}

/// A connection from the gateway.
pub(crate) struct Server {
    wire: Wire,
    /// Counted from 1 in the order of arrival.
    pub(crate) number: usize,
    /// Where requests are written down.
    record: Option<Arc<Mutex<Vec<Request>>>>,
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Its head.
    pub(crate) head: Head,
    /// Its body.
    pub(crate) body: Body,
    /// The number of the connection it came on.
    pub(crate) connection: usize,
}

/// A response with this content.
pub(crate) fn ok(content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
    bytes.reserve(content.len());
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(content);
    bytes
}

/// What a healthy server says to a probe.
pub(crate) fn well() -> Vec<u8> {
    ok("{\"status\":200}")
}

impl Origin {
    /// An origin on a free port.
    pub(crate) fn bind() -> Self {
        Self::bind_to(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// An origin on that address, free again since another left it.
    pub(crate) fn bind_to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).expect("a limit");
        Self { listener }
    }

    /// An address where nobody listens.
    pub(crate) fn refusing() -> SocketAddr {
        Self::bind().address()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> Server {
        let (stream, _) = self.listener.accept().expect("a connection from the gateway");
        Server { wire: Wire::new(stream), number: 0, record: None }
    }

    /// The next connection, and the request on it.
    pub(crate) fn accept_request(&self) -> (Server, Request) {
        let mut server = self.accept();
        let request = server.request();
        (server, request)
    }

    /// Asserts that no connection has been made that was not accepted. The test has seen to it
    /// that whatever could have led to one is over.
    pub(crate) fn assert_quiet(&self) {
        self.listener.set_nonblocking(true).expect("a listener that does not wait");
        let found = self.listener.accept();
        self.listener.set_nonblocking(false).expect("a listener that waits");
        assert!(found.is_err(), "a connection that nobody expected");
    }

    /// Lets a script serve every connection, each on a thread of its own.
    pub(crate) fn serve(self, script: impl Fn(&mut Server) + Send + Sync + 'static) -> Service {
        let service = Service {
            address: self.address(),
            counts: Arc::default(),
            requests: Arc::default(),
            over: Arc::default(),
        };
        let (counts, requests, over) =
            (service.counts.clone(), service.requests.clone(), service.over.clone());
        let script = Arc::new(script);
        SockRef::from(&self.listener).set_read_timeout(None).expect("a listener that waits");
        thread::spawn(move || {
            for stream in self.listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let number = counts.accepted.fetch_add(1, Ordering::Relaxed) + 1;
                counts.arrive();
                let (script, counts, requests) = (script.clone(), counts.clone(), requests.clone());
                thread::spawn(move || {
                    let mut server =
                        Server { wire: Wire::new(stream), number, record: Some(requests) };
                    script(&mut server);
                    counts.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        service
    }

    /// Answers every request with `content`, on connections that stay.
    pub(crate) fn serve_content(self, content: impl Into<String>) -> Service {
        let answer = ok(content.into());
        self.serve(move |server| {
            while let Some(request) = server.try_request() {
                let healthy = request.head.target() == "/healthCheck";
                server.try_send(if healthy { well() } else { answer.clone() });
            }
        })
    }
}

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
}

impl Counts {
    fn arrive(&self) {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(open, Ordering::Relaxed);
    }
}

/// An origin served by a script.
pub(crate) struct Service {
    address: SocketAddr,
    counts: Arc<Counts>,
    requests: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Service {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// Connections there are now.
    pub(crate) fn open(&self) -> usize {
        self.counts.open.load(Ordering::Relaxed)
    }

    /// The most connections there have been at a time.
    pub(crate) fn most_open(&self) -> usize {
        self.counts.most.load(Ordering::Relaxed)
    }

    /// The requests so far, probes apart.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock().expect("no script failed");
        requests.iter().filter(|r| r.head.target() != "/healthCheck").cloned().collect()
    }

    /// The probes so far.
    pub(crate) fn probes(&self) -> usize {
        let requests = self.requests.lock().expect("no script failed");
        requests.iter().filter(|r| r.head.target() == "/healthCheck").count()
    }

    /// Waits for so many connections at a time.
    pub(crate) fn wait_for_open(&self, count: usize) {
        wait_until(&format!("{count} connections"), || self.open() == count);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // The listener wakes up to see that it is over.
        drop(TcpStream::connect(self.address));
    }
}

impl Server {
    /// The next request, whole; `None` at the end.
    pub(crate) fn try_request(&mut self) -> Option<Request> {
        let head = self.try_head()?;
        let body = self.body(head.length().unwrap_or(Length::Exactly(0))).ok()?;
        let request = Request { head, body, connection: self.number };
        if let Some(record) = &self.record {
            record.lock().expect("no script failed").push(request.clone());
        }
        Some(request)
    }

    /// The next request.
    pub(crate) fn request(&mut self) -> Request {
        self.try_request().expect("a request, not the end")
    }

    /// The body of a request whose head has been read.
    ///
    /// # Errors
    /// When it is cut short.
    pub(crate) fn request_body(&mut self, head: &Head) -> Result<Body, Cut> {
        self.body(head.length().unwrap_or(Length::Exactly(0)))
    }
}

impl Deref for Server {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

impl From<Server> for Wire {
    fn from(server: Server) -> Self {
        server.wire
    }
}

/// A listener whose queue is full: connecting to it neither succeeds nor fails.
pub(crate) struct Deaf {
    listener: Socket,
    _queued: Vec<TcpStream>,
}

impl Deaf {
    /// On a free port.
    pub(crate) fn bind() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        listener.bind(&any.into()).expect("a port");
        listener.listen(0).expect("a listener");
        let address = listener.local_addr().ok().and_then(|a| a.as_socket()).expect("an address");
        let queued = vec![TcpStream::connect(address).expect("the one that fits in")];
        Self { listener, _queued: queued }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().ok().and_then(|a| a.as_socket()).expect("an address")
    }
}
