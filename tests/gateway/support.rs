//! Starting the program, watching it, waiting for what it does.

use crate::client::Client;
use crate::wire::PATIENCE;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate");

/// Waits for something that can only be looked at. The one place where a test sleeps.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// How long something takes, and what comes of it.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// A file that is gone when the test is over.
pub(crate) struct TempFile(PathBuf);

impl TempFile {
    /// A file with this content.
    pub(crate) fn new(text: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-test-{}-{number}.ini", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).expect("a file");
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // A file that stays in the temporary folder is no reason to fail.
        let _ = fs::remove_file(&self.0);
    }
}

/// The lines that a process has printed so far.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn collect(&self, stream: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let lines = Arc::clone(&self.0);
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                lines.lock().expect("no reader failed").push(line);
            }
        })
    }

    fn containing(&self, part: &str) -> Vec<String> {
        let lines = self.0.lock().expect("no reader failed");
        lines.iter().filter(|line| line.contains(part)).cloned().collect()
    }
}

/// The program at work; killed when the test is over.
pub(crate) struct Gateway {
    child: Child,
    readers: Vec<thread::JoinHandle<()>>,
    log: Lines,
    output: Lines,
    address: SocketAddr,
    config: Option<TempFile>,
}

impl Gateway {
    /// Starts the program with this configuration, and waits until it listens.
    pub(crate) fn start(config: &str) -> Self {
        let file = TempFile::new(config);
        let mut command = Command::new(PROGRAM);
        command.arg(file.path());
        Self::spawn(command, Some(file))
    }

    /// Starts the program with these arguments, and waits until it listens.
    pub(crate) fn with_arguments(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        Self::spawn(command, None)
    }

    fn spawn(mut command: Command, config: Option<TempFile>) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (log, output) = (Lines::default(), Lines::default());
        let readers = vec![
            log.collect(child.stderr.take().expect("its stderr")),
            output.collect(child.stdout.take().expect("its stdout")),
        ];
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut gateway = Self { child, readers, log, output, address: nowhere, config };
        wait_until("the program to listen", || {
            let lines = gateway.logged("listening on ");
            let found = lines.first().and_then(|line| {
                line.split("listening on ").nth(1)?.split(',').next()?.parse().ok()
            });
            if let Some(address) = found {
                gateway.address = address;
            } else if let Ok(Some(status)) = gateway.child.try_wait() {
                panic!("the program ended, {status}: {:?}", gateway.logged(""));
            }
            found.is_some()
        });
        gateway
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new client of it.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// `GET` that target on a connection of its own.
    pub(crate) fn get(&self, target: &str) -> crate::client::Response {
        self.client().get(target)
    }

    /// The log lines with this in them.
    pub(crate) fn logged(&self, part: &str) -> Vec<String> {
        self.log.containing(part)
    }

    /// Waits until so many log lines have this in them.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, part: &str, count: usize) {
        wait_until(&format!("{count} lines with {part:?}"), || self.logged(part).len() >= count);
    }

    /// The lines on stdout with this in them.
    pub(crate) fn printed(&self, part: &str) -> Vec<String> {
        self.output.containing(part)
    }

    /// Waits until so many lines on stdout have this in them.
    #[track_caller]
    pub(crate) fn wait_for_print(&self, part: &str, count: usize) {
        wait_until(&format!("{count} lines with {part:?}"), || self.printed(part).len() >= count);
    }

    /// The most memory that the process has had so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }

    /// Tells the process to stop in this way.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.expect("an id"), signal).expect("a living process");
    }

    /// Puts another configuration in force, and waits until it is.
    #[track_caller]
    pub(crate) fn reload(&self, config: &str) {
        let file = self.config.as_ref().expect("a file to read again");
        fs::write(file.path(), config).expect("a file");
        let count = self.logged("and is in force").len();
        self.signal(rustix::process::Signal::HUP);
        self.wait_for_log("and is in force", count + 1);
    }

    /// `SIGTERM`.
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Whether it is still there.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the end of the program", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let panics = self.logged("panicked at");
        if thread::panicking() {
            eprintln!("the program said: {:#?}", self.logged(""));
        } else {
            assert!(panics.is_empty(), "the program failed: {:#?}", self.logged(""));
        }
    }
}

/// What a program that ends by itself leaves behind.
pub(crate) struct Outcome {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it complained of.
    pub(crate) stderr: String,
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let output = Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("the program starts");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// A configuration with these keys in `[frontend]` and these sections after it.
pub(crate) fn config(frontend: &str, sections: &str) -> String {
    format!("[frontend]\nhost=127.0.0.1\nport=0\n{frontend}\n{sections}\n")
}

/// `[http]` in front of these servers. `keys` may name a key of every server with `serverN_`.
///
/// Unless `keys` says otherwise there are no probes, no worker is opened before it is needed, and
/// one is opened as soon as it is.
pub(crate) fn http(servers: &[SocketAddr], keys: &str) -> String {
    let mut text = section("http", servers, keys);
    for (key, value) in [("min_workers", "0"), ("spawn_timeout", "0")] {
        if !keys.contains(key) {
            for number in 1..=servers.len() {
                let _ = writeln!(text, "server{number}_{key}={value}");
            }
        }
    }
    text
}

/// `[websocket]` in front of these servers; without probes, unless `keys` says otherwise.
pub(crate) fn websocket(servers: &[SocketAddr], keys: &str) -> String {
    section("websocket", servers, keys)
}

fn section(name: &str, servers: &[SocketAddr], keys: &str) -> String {
    let mut text = format!("[{name}]\n");
    if !keys.contains("health_check") {
        text.push_str("enable_health_check=false\n");
    }
    for (address, number) in servers.iter().zip(1..) {
        let _ = writeln!(text, "server{number}={address}");
    }
    for line in keys.split_whitespace() {
        if line.starts_with("serverN_") {
            for number in 1..=servers.len() {
                let _ =
                    writeln!(text, "{}", line.replacen("serverN", &format!("server{number}"), 1));
            }
        } else {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// A gateway in front of one server for plain requests, with these keys in `[http]`.
pub(crate) fn in_front_of(server: SocketAddr, keys: &str) -> Gateway {
    Gateway::start(&config("", &http(&[server], keys)))
}
