//! What does a socket of the kernel's say of a connection that is being made, and what is asked of
//! it afterwards? The simulation has sockets of its own, so this is shown on loopback.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use tidegate::limits;
use tidegate::net::{Net, Poll, Socket, SocketAddress};

const PATIENCE: Duration = Duration::from_secs(5);

/// Begins to connect.
fn connect(net: &Net, address: SocketAddr) -> Socket {
    let socket = net.connect(&SocketAddress::Tcp(address), 1).unwrap();
    assert!(!socket.connected().unwrap(), "no edge has told yet");
    socket
}

/// Waits until an edge tells what has become of it.
fn settle(poll: &mut Poll, socket: &mut Socket) -> Result<(), ErrorKind> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        poll.wait(Some(PATIENCE)).unwrap();
        poll.events().for_each(|(_, ready)| socket.note(ready));
        match socket.connected() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(error.kind()),
        }
    }
    panic!("nothing was told within {PATIENCE:?}");
}

#[test]
fn an_edge_tells_that_a_connection_stands_or_why_it_does_not() {
    let (mut poll, net) = Poll::new(0).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(settle(&mut poll, &mut connect(&net, address)), Ok(()));
    drop(listener);
    let refused = settle(&mut poll, &mut connect(&net, address));
    assert_eq!(refused, Err(ErrorKind::ConnectionRefused));
}

/// The kernel's timer of a connection and the seconds until it rings, by its own table (proc(5)).
fn timer(socket: &Socket) -> (String, u64) {
    let port = format!(":{:04X}", socket.local_address().unwrap().port());
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mine = table.lines().map(columns).find(|line| line[1].ends_with(&port)).unwrap();
    let (kind, jiffies) = mine[5].split_once(':').unwrap();
    (kind.to_owned(), u64::from_str_radix(jiffies, 16).unwrap() / 100)
}

#[test]
fn the_kernel_looks_for_the_death_of_a_peer_once_it_is_asked_to() {
    let (mut poll, net) = Poll::new(0).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut socket = connect(&net, listener.local_addr().unwrap());
    settle(&mut poll, &mut socket).unwrap();
    assert_eq!(timer(&socket).0, "00", "no timer is set");
    socket.watch_for_death();
    let (kind, seconds) = timer(&socket);
    let after = limits::KEEPALIVE_AFTER.as_secs();
    assert_eq!(kind, "02", "the timer of keepalive is set");
    assert!((after - 5..=after + 1).contains(&seconds), "it rings in {seconds} s");
}
