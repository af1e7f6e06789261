//! What does the service manager hear of us? (sd_notify(3))
//!
//! ```text
//!   start: READY    SIGHUP: RELOADING, READY    SIGTERM: STOPPING
//! ```
//!
//! A message is one datagram of lines to the socket that `NOTIFY_SOCKET` names: a path, or after
//! an `@` an abstract name. Without the variable nobody wants to know, and nothing is sent.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A step in the life of the process.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Clients are let in; the text, a line, is for a person who asks the manager.
    Ready(&'a str),
    /// The configuration is about to be read again. [`Step::Ready`] follows in any case.
    Reloading,
    /// No more clients are let in, or soon not.
    Stopping,
}

/// Tells the service manager, if there is one. It is no reason to stop when it cannot be told.
pub fn tell(step: Step<'_>) {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&place, &message(step)) {
        log::warn!("cannot tell the service manager: {error}");
    }
}

fn message(step: Step<'_>) -> String {
    match step {
        Step::Ready(status) => format!("READY=1\nSTATUS={status}\n"),
        Step::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic_microseconds()),
        Step::Stopping => "STOPPING=1\n".to_owned(),
    }
}

fn send(place: &OsStr, message: &str) -> io::Result<()> {
    let address = match place.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(place)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}

/// The time on the clock that the manager compares with its own; an `Instant` does not tell it.
fn monotonic_microseconds() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}
