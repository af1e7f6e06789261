//! Who writes the access log? One thread, so that the loop never waits for its reader.
//!
//! Standard output cannot be relied on not to block: it may be a terminal, a file or a pipe, a file
//! cannot be made to say "would block", and the flag that makes a pipe say it belongs to everybody
//! who holds the pipe, a shell for instance. So the loop only adds its lines of a turn to a bounded
//! buffer, under a lock that is never held while anything is written, and this thread writes what
//! is there in one go. When the reader is slower than the traffic the buffer fills up, and lines
//! are dropped, whole and counted.

use crate::limits;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The loop's end.
pub struct Scribe {
    desk: Arc<Desk>,
}

/// Between the two threads.
#[derive(Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Nothing more will come.
    closed: bool,
    /// The thread has written all it will.
    done: bool,
}

impl Desk {
    /// Whoever panicked with the lock in hand left plain bytes behind.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scribe {
    /// A scribe who writes to `out`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let theirs = Arc::clone(&desk);
        thread::Builder::new().name("access log".into()).spawn(move || write_all(&theirs, out))?;
        Ok(Self { desk })
    }

    /// Hands over whole lines. Returns how many of them are lost: none, or all.
    pub fn offer(&self, lines: &[u8]) -> u64 {
        let mut waiting = self.desk.lock();
        if waiting.done || waiting.lines.len() + lines.len() > limits::ACCESS_LOG_MAX {
            return lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        waiting.lines.extend_from_slice(lines);
        drop(waiting);
        self.desk.changed.notify_all();
        0
    }

    /// Waits until everything is written, but not for longer than `patience`.
    pub fn close(self, patience: Duration) {
        let mut waiting = self.desk.lock();
        waiting.closed = true;
        self.desk.changed.notify_all();
        let (waited, is_done) = (&self.desk.changed, |waiting: &mut Waiting| !waiting.done);
        // Out of patience or not, this is the end.
        drop(waited.wait_timeout_while(waiting, patience, is_done));
    }
}

fn write_all(desk: &Desk, mut out: impl Write) {
    let mut lines = Vec::new();
    loop {
        let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.closed;
        let waiting = desk.changed.wait_while(desk.lock(), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.is_empty() {
            waiting.done = true;
            break;
        }
        // The two buffers change places for ever, so nothing is allocated in the long run.
        std::mem::swap(&mut waiting.lines, &mut lines);
        drop(waiting);
        if let Err(error) = out.write_all(&lines).and_then(|()| out.flush()) {
            log::warn!("the access log ends: {error}");
            desk.lock().done = true;
            break;
        }
        lines.clear();
    }
    desk.changed.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A reader that takes one write for each permission it is given.
    struct Reader {
        permission: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permission.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.taken.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scribe() -> (Scribe, Sender<()>, Receiver<Vec<u8>>) {
        let ((permit, permission), (taken, written)) = (channel(), channel());
        (Scribe::start(Reader { permission, taken }).unwrap(), permit, written)
    }

    #[test]
    fn a_slow_reader_costs_lines_and_never_makes_the_loop_wait() {
        let (scribe, permit, written) = scribe();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let offered = 4 * limits::ACCESS_LOG_MAX / line.len();
        // Nobody reads yet, so these calls would never come back if one of them waited.
        let lost: u64 = (0..offered).map(|_| scribe.offer(&line)).sum();
        let kept = offered - usize::try_from(lost).unwrap();
        let most = 2 * limits::ACCESS_LOG_MAX / line.len();
        assert!(kept > 0 && kept <= most, "{kept} lines kept");
        drop((0..4).map(|_| permit.send(())).collect::<Vec<_>>());
        scribe.close(Duration::from_secs(60));
        drop(permit);
        let bytes: usize = written.iter().map(|lines| lines.len()).sum();
        assert_eq!(bytes, kept * line.len(), "what was not lost is written, whole");
    }

    #[test]
    fn after_a_broken_pipe_every_line_is_lost_and_counted() {
        let (scribe, permit, written) = scribe();
        drop((permit, written));
        let mut lost = scribe.offer(b"a\n");
        while lost == 0 {
            thread::yield_now();
            lost = scribe.offer(b"b\nc\n");
        }
        assert_eq!(lost, 2);
        scribe.close(Duration::from_secs(60));
    }
}
