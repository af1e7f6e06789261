//! Which sockets did the service manager open for us? (sd_listen_fds(3))
//!
//! A socket that the manager keeps open outlives us: while one gateway ends and the next one
//! starts, clients wait in its queue. Such a socket is used where the file says to listen at its
//! address; so the file stays the one place that tells where the gateway listens, and no names of
//! sockets are needed. Without the variables nothing is inherited.

use super::listener::Listener;
use listenfd::ListenFd;
use std::io;

/// Takes the sockets over. To be called once, before any thread is started: it takes the variables
/// out of the environment too.
///
/// # Errors
/// When one of them is no stream socket that listens.
pub fn inherited() -> io::Result<Vec<Listener>> {
    let mut sockets = ListenFd::from_env();
    (0..sockets.len()).map(|index| take(&mut sockets, index)).collect()
}

fn take(sockets: &mut ListenFd, index: usize) -> io::Result<Listener> {
    if let Ok(Some(socket)) = sockets.take_unix_listener(index) {
        return Listener::inherit_unix(socket);
    }
    match sockets.take_tcp_listener(index)? {
        Some(socket) => Listener::inherit_tcp(socket),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}
