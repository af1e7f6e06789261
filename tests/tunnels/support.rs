//! A gateway, servers that speak WebSocket, and clients of both.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tungstenite::{Error, Message, WebSocket};

/// The most that anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// One end of a tunnel.
pub(crate) type End = WebSocket<TcpStream>;

/// Waits for something that can only be looked at. The one place where a test sleeps.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A configuration with these lines in `[frontend]` and `[websocket]`, and what follows these.
pub(crate) fn config(frontend: &str, servers: &[&Server], websocket: &str) -> String {
    let keys: String = (1..)
        .zip(servers)
        .map(|(number, server)| format!("server{number}={}\n", server.address))
        .collect();
    let probes =
        if websocket.contains("health_check") { "" } else { "enable_health_check=false\n" };
    format!(
        "[log]\naccess=json\n[frontend]\nhost=127.0.0.1\nport=0\n{frontend}\n\
         [websocket]\n{probes}{keys}{websocket}\n"
    )
}

/// The program at work; killed when the test is over.
pub(crate) struct Gateway {
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
    address: SocketAddr,
    file: PathBuf,
}

impl Gateway {
    /// Starts it with these lines in `[frontend]` and `[websocket]`, and what follows these.
    pub(crate) fn start(frontend: &str, servers: &[&Server], websocket: &str) -> Self {
        Self::with(&config(frontend, servers, websocket))
    }

    /// Starts it with this configuration.
    pub(crate) fn with(config: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-tunnels-{}-{number}.ini", std::process::id());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, config).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let output = Arc::new(Mutex::new(Vec::new()));
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("its stdout")),
            Box::new(child.stderr.take().expect("its stderr")),
        ];
        for stream in streams {
            let output = Arc::clone(&output);
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    output.lock().expect("no panic").push(line);
                }
            });
        }
        let address = SocketAddr::from(([0; 4], 0));
        let mut gateway = Self { child, output, address, file };
        wait_until("the gateway to listen", || {
            let line = gateway.lines("listening on ").pop().unwrap_or_default();
            let found = line.split("listening on ").nth(1).and_then(|rest| rest.split(',').next());
            found
                .and_then(|text| text.parse().ok())
                .map(|address| gateway.address = address)
                .is_some()
        });
        gateway
    }

    /// What it has written with this in it.
    pub(crate) fn lines(&self, part: &str) -> Vec<String> {
        let lines = self.output.lock().expect("no panic");
        lines.iter().filter(|line| line.contains(part)).cloned().collect()
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// A tunnel through it.
    pub(crate) fn open(&self) -> End {
        let opened = tungstenite::client("ws://gateway/", self.connect());
        opened.unwrap_or_else(|error| panic!("no tunnel: {error}")).0
    }

    /// What it says to a request, as far as the head goes.
    pub(crate) fn ask(&self, head: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).expect("a request");
        head_of(&mut stream)
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a process");
    }

    /// Puts another configuration in force.
    pub(crate) fn reload(&self, config: &str) {
        let count = || self.lines("is in force").len();
        let before = count();
        fs::write(&self.file, config).expect("a file");
        self.signal(Signal::HUP);
        wait_until("the reload", || count() > before);
    }

    /// Does what an operator may do, with that path.
    pub(crate) fn steer(&self, path: &str) {
        let line = self.lines("status page: http://").pop().expect("an admin listener");
        let address = line.split("http://").nth(1).map(|rest| rest.trim().trim_end_matches('/'));
        let mut stream = TcpStream::connect(address.expect("an address")).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("a request");
        let answer = head_of(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Waits for its end, and whether it was a good one.
    pub(crate) fn has_ended_well(&mut self) -> bool {
        let mut good = None;
        wait_until("the end of the gateway", || {
            good = self.child.try_wait().expect("a child").map(|status| status.success());
            good.is_some()
        });
        good == Some(true)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.file);
    }
}

/// Reads a head, byte by byte.
pub(crate) fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

/// A server; its ends of the tunnels come out of it.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    ends: Receiver<End>,
    count: Arc<AtomicUsize>,
}

impl Server {
    /// One that accepts every tunnel, and a plain request with an empty 200.
    pub(crate) fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    /// The same, where that one listens.
    pub(crate) fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let (sender, ends) = channel();
        let count = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&count);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (accepted, sender) = (Arc::clone(&accepted), sender.clone());
                thread::spawn(move || serve(stream, &accepted, &sender));
            }
        });
        Self { address, ends, count }
    }

    /// Its end of the next tunnel.
    pub(crate) fn next(&self) -> End {
        self.ends.recv_timeout(PATIENCE).expect("a tunnel")
    }

    /// What counts the tunnels that reach it, for when the server itself is elsewhere.
    pub(crate) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.count)
    }

    /// How many tunnels have reached it.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Takes part in an opening handshake, or answers a plain request with an empty 200.
fn serve(mut stream: TcpStream, accepted: &AtomicUsize, ends: &Sender<End>) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let mut first = [0; 1024];
    let seen = stream.peek(&mut first).unwrap_or(0);
    if !String::from_utf8_lossy(&first[..seen]).contains("websocket") {
        head_of(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    } else if let Ok(end) = tungstenite::accept(stream) {
        accepted.fetch_add(1, Ordering::SeqCst);
        let _ = ends.send(end);
    }
}

/// Reads to the end; the code and the reason of the Close, if there was one, and no malformed
/// frame.
pub(crate) fn last_words(end: &mut End) -> Option<(u16, String)> {
    let mut words = None;
    loop {
        match end.read() {
            Ok(Message::Close(close)) => {
                let close = close.expect("a code");
                words = Some((close.code.into(), close.reason.to_string()));
            }
            Ok(_) => {}
            Err(Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => {
                return words;
            }
            Err(Error::Protocol(error)) => panic!("a malformed frame: {error}"),
            Err(_) => return words,
        }
    }
}
