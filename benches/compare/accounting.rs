//! What did a process cost: time on its core, memory, system calls?
//!
//! All from `/proc`, summed over the process and its children (nginx: master and worker). System
//! calls are counted by `strace`, which slows what it watches, so that run is always apart.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{Core, Process};

/// How long strace may take to attach.
const ATTACH: Duration = Duration::from_secs(2);
/// How long strace may take to print its table.
const DETACH: Duration = Duration::from_secs(5);

/// A process and its children, as they were when looked for.
#[derive(Clone)]
pub(crate) struct Family {
    members: Vec<u32>,
}

/// Bytes of memory of a family.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Resident, shared pages included.
    pub(crate) resident: u64,
    /// The largest `resident` ever.
    pub(crate) peak: u64,
    /// Resident and not shared with any other process.
    pub(crate) private: u64,
}

impl Family {
    /// The process `id` and its direct children.
    pub(crate) fn of(id: u32) -> Self {
        let mut members = vec![id];
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if parent_of(process) == Some(id) {
                members.push(process);
            }
        }
        Self { members }
    }

    /// Time spent on a core by all threads so far. The scheduler's own count, in nanoseconds.
    pub(crate) fn cpu_time(&self) -> Duration {
        let mut nanoseconds = 0;
        for member in &self.members {
            let tasks = format!("/proc/{member}/task");
            for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
                let line = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                let first = line.split(' ').next().and_then(|word| word.parse::<u64>().ok());
                nanoseconds += first.unwrap_or(0);
            }
        }
        Duration::from_nanos(nanoseconds)
    }

    /// Memory now.
    pub(crate) fn memory(&self) -> Memory {
        let mut sum = Memory { resident: 0, peak: 0, private: 0 };
        for member in &self.members {
            let status = fs::read_to_string(format!("/proc/{member}/status")).unwrap_or_default();
            let maps = fs::read_to_string(format!("/proc/{member}/smaps_rollup"));
            let maps = maps.unwrap_or_default();
            sum.resident += bytes_of(&status, "VmRSS:");
            sum.peak += bytes_of(&status, "VmHWM:");
            sum.private += bytes_of(&maps, "Private_Clean:") + bytes_of(&maps, "Private_Dirty:");
        }
        sum
    }
}

/// The parent of a process: the second word after the name, which stands in parentheses.
fn parent_of(process: u32) -> Option<u32> {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = line.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

/// The bytes that a line such as `VmRSS:   1234 kB` states; zero without such a line.
fn bytes_of(text: &str, label: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// How often each system call was made, by name.
pub(crate) type Calls = BTreeMap<String, u64>;

/// A running strace.
pub(crate) struct Trace {
    strace: Process,
    table: PathBuf,
}

impl Trace {
    /// Begins to count the system calls of `family`.
    ///
    /// # Errors
    /// strace is not installed or may not attach.
    pub(crate) fn begin(family: &Family, directory: &Path) -> io::Result<Self> {
        let table = directory.join("strace.table");
        let mut arguments = vec!["-c".to_owned(), "-f".to_owned(), "-q".to_owned()];
        arguments.extend(["-o".to_owned(), table.display().to_string()]);
        for member in &family.members {
            arguments.extend(["-p".to_owned(), member.to_string()]);
        }
        let complaints = directory.join("strace.stderr");
        let mut strace = Process::start(Core::Load, Path::new("strace"), &arguments, &complaints)?;
        let deadline = Instant::now() + ATTACH;
        while !family.members.iter().all(|&member| is_traced(member)) {
            if strace.ended().is_some() || Instant::now() > deadline {
                let why = fs::read_to_string(&complaints).unwrap_or_default();
                return Err(io::Error::other(format!("strace did not attach: {}", why.trim())));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Self { strace, table })
    }

    /// Lets go of the family and returns what was counted.
    ///
    /// # Errors
    /// strace left no table.
    pub(crate) fn end(mut self) -> io::Result<Calls> {
        self.strace.signal("INT");
        let deadline = Instant::now() + DETACH;
        while self.strace.ended().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(calls_of(&fs::read_to_string(&self.table)?))
    }
}

fn is_traced(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}

/// Reads the table of `strace -c`: share, seconds, microseconds per call, calls, perhaps errors,
/// name. Its last line is the total, which is left out.
fn calls_of(table: &str) -> Calls {
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
