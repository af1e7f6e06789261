//! How is a program started on its core, and how is it sure to end?
//!
//! Every program of a comparison is a child of the bench: pinned by `taskset` (which replaces
//! itself, so the process id stays), and ended by that id when its [`Process`] is dropped.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to leave after SIGTERM before it is killed.
const LEAVE: Duration = Duration::from_secs(2);
/// How often the end of a program is looked for.
const LOOK: Duration = Duration::from_millis(2);

/// The core on which a program runs.
#[derive(Clone, Copy)]
pub(crate) enum Core {
    /// The proxy under test has this one for itself.
    Proxy,
    /// Load generator, servers and the bench itself.
    Load,
}

impl Core {
    fn number(self) -> &'static str {
        match self {
            Self::Proxy => "0",
            Self::Load => "1",
        }
    }
}

/// Moves this process, and so every child it starts later, to the load core.
pub(crate) fn pin_self() -> io::Result<()> {
    let process = std::process::id().to_string();
    let number = Core::Load.number();
    let output = Command::new("taskset").args(["-a", "-cp", number, &process]).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other("cannot pin to core 1: two cores and taskset are needed"))
}

/// A running child; dropping it ends it.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `program` on `core`. What it says on stderr goes to the file `complaints`.
    ///
    /// # Errors
    /// Those of creating the file and of starting the program.
    pub(crate) fn start<A: AsRef<OsStr>>(
        core: Core,
        program: &Path,
        arguments: &[A],
        complaints: &Path,
    ) -> io::Result<Self> {
        let child = Command::new("taskset")
            .args(["-c", core.number()])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(complaints)?)
            .spawn()?;
        Ok(Self { child })
    }

    /// Starts this very program again in one of its hidden roles.
    ///
    /// # Errors
    /// Those of [`Process::start`].
    pub(crate) fn start_role(
        core: Core,
        arguments: &[String],
        complaints: &Path,
    ) -> io::Result<Self> {
        let mut all = vec!["child".to_owned()];
        all.extend_from_slice(arguments);
        Self::start(core, &std::env::current_exe()?, &all, complaints)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for the end, at most `limit`, and returns what was printed on stdout, which must be
    /// less than a pipe holds (64 KiB).
    ///
    /// # Errors
    /// A failed or endless run; the process is ended then.
    pub(crate) fn finish(mut self, limit: Duration) -> io::Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended() {
                let mut printed = String::new();
                if let Some(mut stdout) = self.child.stdout.take() {
                    stdout.read_to_string(&mut printed)?;
                }
                return if status.success() {
                    Ok(printed)
                } else {
                    Err(io::Error::other(format!("ended with {status}: {printed}")))
                };
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "did not end in time"));
            }
            thread::sleep(LOOK);
        }
    }

    /// Reads one line of stdout, byte by byte so that nothing behind it is lost.
    ///
    /// # Errors
    /// The end of the stream before a line was whole.
    pub(crate) fn read_line(&mut self) -> io::Result<String> {
        let stdout = self.child.stdout.as_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            stdout.read_exact(&mut byte)?;
            if byte[0] == b'\n' {
                return String::from_utf8(line).map_err(io::Error::other);
            }
            line.push(byte[0]);
        }
    }

    /// Has the process run only while no other one on its core wants to.
    ///
    /// # Errors
    /// It could not be done.
    pub(crate) fn yield_to_others(&self) -> io::Result<()> {
        let process = self.id().to_string();
        let output = Command::new("renice").args(["-n", "19", "-p", &process]).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other("cannot renice"))
    }

    /// Sends the named signal (`TERM`, `INT`) to the process, unless it has been waited for.
    pub(crate) fn signal(&mut self, name: &str) {
        if self.ended().is_none() {
            let process = self.id().to_string();
            // A process that is gone already is what is wanted here.
            let _ =
                Command::new("kill").args(["-s", name, &process]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal("TERM");
        let deadline = Instant::now() + LEAVE;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                // Nothing better can be done about a process that cannot even be killed.
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(LOOK);
        }
    }
}

/// Ends this process when its stdin ends, that is when the bench is gone, however it went.
pub(crate) fn end_with_parent() {
    thread::spawn(|| {
        let mut ignored = [0; 64];
        while matches!(io::stdin().read(&mut ignored), Ok(1..)) {}
        std::process::exit(0);
    });
}
