//! What did a process cost: time on its core, memory?
//!
//! All from `/proc`, summed over the process and its children (nginx: master and worker).

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

/// A process and its children, as they were when looked for.
#[derive(Clone)]
pub(crate) struct Family {
    pub(crate) members: Vec<u32>,
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

    /// Bytes of the files whose code is mapped: the program and its libraries.
    pub(crate) fn program(&self) -> u64 {
        let mut files = BTreeSet::new();
        for member in &self.members {
            let maps = fs::read_to_string(format!("/proc/{member}/maps")).unwrap_or_default();
            for line in maps.lines() {
                // `7f00-7f01 r-xp 00000000 fe:00 1234   /usr/lib/libc.so.6`
                let mut words = line.split_whitespace();
                let holds_code = words.nth(1).is_some_and(|rights| rights.contains('x'));
                if let Some(path) = words.nth(3).filter(|path| holds_code && path.starts_with('/'))
                {
                    files.insert(path.to_owned());
                }
            }
        }
        files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
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
