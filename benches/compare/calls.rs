//! Which system calls does a process make?
//!
//! Counted by `perf stat` on the kernel's tracepoints, which hardly slows what it watches; where
//! perf is missing or may not, by `strace -c`, which slows it about tenfold, so that fewer events
//! come at each `epoll_wait` than in earnest. Either way in a run apart from the measured ones.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::accounting::Family;
use crate::process::{Core, Process};

/// How long a counter may take to attach.
const ATTACH: Duration = Duration::from_secs(3);
/// How long a counter may take to print its table.
const DETACH: Duration = Duration::from_secs(5);
/// How often it is looked whether a counter has attached or left.
const LOOK: Duration = Duration::from_millis(5);

/// perf's name of all system calls together.
const EVERY: &str = "raw_syscalls:sys_enter";
/// perf's prefix of the name of one system call.
const ONE: &str = "syscalls:sys_enter_";
/// The system calls that perf counts one by one; the others are `other`.
const NAMED: [&str; 21] = [
    "accept4",
    "clock_gettime",
    "close",
    "connect",
    "epoll_ctl",
    "epoll_wait",
    "getsockopt",
    "ioctl",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "sendfile64",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "socket",
    "splice",
    "write",
    "writev",
];

/// How often each system call was made, by name.
pub(crate) type Calls = BTreeMap<String, u64>;

/// Which program counts, and how its table is read.
#[derive(Clone, Copy, PartialEq)]
enum Tool {
    Perf,
    Strace,
}

/// A running counter.
pub(crate) struct Counter {
    tool: Tool,
    process: Process,
    table: PathBuf,
}

impl Counter {
    /// Begins to count the system calls of `family`.
    ///
    /// # Errors
    /// Neither perf nor strace can be used; the sentence is strace's.
    pub(crate) fn begin(family: &Family, directory: &Path) -> io::Result<Self> {
        Self::attach(Tool::Perf, family, directory)
            .or_else(|_| Self::attach(Tool::Strace, family, directory))
    }

    fn attach(tool: Tool, family: &Family, directory: &Path) -> io::Result<Self> {
        let table = directory.join("calls.table");
        let complaints = directory.join("calls.stderr");
        let mut arguments = vec!["-o".to_owned(), table.display().to_string()];
        let members: Vec<String> = family.members.iter().map(u32::to_string).collect();
        let program = match tool {
            Tool::Perf => {
                let named = NAMED.map(|name| format!("{ONE}{name}")).join(",");
                let events = format!("{EVERY},{named}");
                arguments.splice(0..0, ["stat", "-x,", "-e", &events].map(str::to_owned));
                arguments.extend(["-p".to_owned(), members.join(",")]);
                "perf"
            }
            Tool::Strace => {
                arguments.splice(0..0, ["-c", "-f", "-q"].map(str::to_owned));
                arguments.extend(members.into_iter().flat_map(|member| ["-p".to_owned(), member]));
                "strace"
            }
        };
        let process = Process::start(Core::Load, Path::new(program), &arguments, &complaints)?;
        let mut counter = Self { tool, process, table };
        let deadline = Instant::now() + ATTACH;
        while !counter.is_attached(family) {
            if counter.process.ended().is_some() || Instant::now() > deadline {
                let why = fs::read_to_string(&complaints).unwrap_or_default();
                return Err(io::Error::other(format!("{program}: {}", why.trim())));
            }
            thread::sleep(LOOK);
        }
        // perf opens its counters first, and then switches them on.
        thread::sleep(LOOK);
        Ok(counter)
    }

    fn is_attached(&self, family: &Family) -> bool {
        match self.tool {
            Tool::Perf => {
                let open = fs::read_dir(format!("/proc/{}/fd", self.process.id()));
                let links = open.into_iter().flatten().flatten();
                let targets = links.filter_map(|link| fs::read_link(link.path()).ok());
                let counters = targets.filter(|target| target.ends_with("anon_inode:[perf_event]"));
                counters.count() > NAMED.len() * family.members.len()
            }
            Tool::Strace => family.members.iter().all(|member| {
                let status = fs::read_to_string(format!("/proc/{member}/status"));
                let status = status.unwrap_or_default();
                let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
                tracer.is_some_and(|tracer| tracer.trim() != "0")
            }),
        }
    }

    /// Lets go of the family and returns what was counted.
    ///
    /// # Errors
    /// There is no table.
    pub(crate) fn end(mut self) -> io::Result<Calls> {
        self.process.signal("INT");
        let deadline = Instant::now() + DETACH;
        while self.process.ended().is_none() && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
        let table = fs::read_to_string(&self.table)?;
        Ok(match self.tool {
            Tool::Perf => perf_calls(&table),
            Tool::Strace => strace_calls(&table),
        })
    }
}

/// Reads the lines of `perf stat -x,`: count, unit, event, and more.
fn perf_calls(table: &str) -> Calls {
    let mut calls = Calls::new();
    let mut every = 0;
    for line in table.lines() {
        let mut cells = line.split(',');
        let (Some(count), Some(event)) = (cells.next(), cells.nth(1)) else { continue };
        let Ok(count) = count.parse::<u64>() else { continue };
        if event == EVERY {
            every = count;
        } else if let Some(name) = event.strip_prefix(ONE)
            && count > 0
        {
            calls.insert(name.to_owned(), count);
        }
    }
    let other = every.saturating_sub(calls.values().sum());
    calls.insert("other".to_owned(), other);
    calls
}

/// Reads the table of `strace -c`: share, seconds, microseconds per call, calls, perhaps errors,
/// name. Its last line is the total, which is left out.
fn strace_calls(table: &str) -> Calls {
    let mut calls = Calls::new();
    for line in table.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, count, .., name] = words.as_slice() else { continue };
        if let Ok(count) = count.parse()
            && *name != "total"
        {
            calls.insert((*name).to_owned(), count);
        }
    }
    calls
}
