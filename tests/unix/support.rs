//! A folder for sockets, the real program, and servers and clients that meet it there.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that can only be looked at.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A folder of the test's own, removed with all that is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("tidegate-unix-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The same as the configuration has it.
    pub(crate) fn unix(&self, name: &str) -> String {
        format!("unix:{}", self.path(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Lines = Arc<Mutex<Vec<String>>>;

fn collect(source: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let keep = Arc::clone(&lines);
    thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            keep.lock().unwrap().push(line);
        }
    });
    lines
}

/// The program at work; killed when the test is over.
pub(crate) struct Gateway {
    child: Child,
    file: PathBuf,
    log: Lines,
    output: Lines,
}

impl Gateway {
    /// Starts the program, and waits until it listens.
    pub(crate) fn start(folder: &Folder, config: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.stdin(Stdio::null());
        Self::start_by(command, folder, config)
    }

    /// The same by a command that still lacks the file.
    pub(crate) fn start_by(mut command: Command, folder: &Folder, config: &str) -> Self {
        let file = folder.path("gate.ini");
        fs::write(&file, config).unwrap();
        command.arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = collect(child.stderr.take().unwrap());
        let output = collect(child.stdout.take().unwrap());
        let gateway = Self { child, file, log, output };
        gateway.wait_for_log("listening on ", 1);
        gateway
    }

    /// The log lines with this in them.
    pub(crate) fn logged(&self, part: &str) -> Vec<String> {
        let lines = self.log.lock().unwrap();
        lines.iter().filter(|line| line.contains(part)).cloned().collect()
    }

    #[track_caller]
    pub(crate) fn wait_for_log(&self, part: &str, count: usize) {
        wait_until(&format!("{count} lines with {part:?}"), || self.logged(part).len() >= count);
    }

    /// Waits for a line on stdout with this in it.
    #[track_caller]
    pub(crate) fn printed(&self, part: &str) -> String {
        let mut found = None;
        wait_until(&format!("a line with {part:?}"), || {
            let lines = self.output.lock().unwrap();
            found = lines.iter().find(|line| line.contains(part)).cloned();
            found.is_some()
        });
        found.unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Puts another configuration in force, or has it refused.
    pub(crate) fn reload(&self, config: &str) {
        let count = self.logged("configuration was read again").len();
        fs::write(&self.file, config).unwrap();
        self.signal(Signal::HUP);
        self.wait_for_log("configuration was read again", count + 1);
    }

    /// SIGTERM, and what it came to.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let mut status = None;
        wait_until("the end of the program", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Ends it without giving it time for anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end.
pub(crate) fn run(command: &str, folder: &Folder, config: &str) -> Output {
    let file = folder.path("once.ini");
    fs::write(&file, config).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    program.arg(command).arg(&file).stdin(Stdio::null()).output().unwrap()
}

/// A server on a unix socket that answers every request with its head, with a JSON object when it
/// is probed, and echoes where it is asked for a WebSocket.
pub(crate) fn origin(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(stream));
        }
    });
}

fn serve(mut stream: UnixStream) {
    let mut inbox = Vec::new();
    loop {
        let mut byte = [0];
        while !inbox.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => inbox.push(byte[0]),
                Ok(_) | Err(_) => return,
            }
        }
        let head = String::from_utf8(std::mem::take(&mut inbox)).unwrap();
        if let Some(key) = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")) {
            return echo(stream, key);
        }
        let probed = head.starts_with("GET /healthCheck ");
        let content = if probed { "{\"status\":200}" } else { &head };
        let length = content.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{content}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn echo(mut stream: UnixStream, key: &str) {
    use tungstenite::handshake::derive_accept_key;
    use tungstenite::protocol::{Role, WebSocket};
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).unwrap();
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    while let Ok(message) = socket.read() {
        if socket.send(message).is_err() {
            return;
        }
    }
}

/// A connection to the gateway.
pub(crate) fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request, whose fields ask to close, and reads all that comes.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// `GET /` with these fields more, on a connection of its own.
pub(crate) fn get(path: &Path, fields: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: public\r\nConnection: close\r\n{fields}\r\n");
    exchange(connect(path), &request)
}
