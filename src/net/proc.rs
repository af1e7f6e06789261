//! What does Linux tell of this process? Read from `/proc`, and nothing where there is none.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr};

/// Bytes read of a table of sockets. Listeners stand at its beginning, so that a few pages will do
/// whatever the number of connections.
const TABLE_MAX: u64 = 64 * 1024;

/// The state of a listener in that table.
const LISTENS: &str = "0A";

/// Memory of the process that is in RAM, in bytes.
pub fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Connections that wait to be accepted by the listener at `address`.
///
/// A line of the table is `number: address:port peer:port state tx_queue:rx_queue ...` in
/// hexadecimal, the address in words of the machine's own order; of a listener, `rx_queue` is its
/// queue.
pub fn accept_backlog(address: SocketAddr) -> Option<u64> {
    let (path, address) = match address.ip() {
        IpAddr::V4(ip) => ("/proc/self/net/tcp", words(&ip.octets()) + &port(address)),
        IpAddr::V6(ip) => ("/proc/self/net/tcp6", words(&ip.octets()) + &port(address)),
    };
    let table = BufReader::with_capacity(4096, File::open(path).ok()?.take(TABLE_MAX));
    for line in table.lines().skip(1) {
        let line = line.ok()?;
        let mut parts = line.split_ascii_whitespace().skip(1);
        let (local, _, state, queues) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if state != LISTENS {
            return None;
        }
        if local == address {
            return u64::from_str_radix(queues.split(':').nth(1)?, 16).ok();
        }
    }
    None
}

fn words(octets: &[u8]) -> String {
    let word = |four: &[u8]| four.try_into().map_or(0, u32::from_ne_bytes);
    octets.chunks(4).map(|four| format!("{:08X}", word(four))).collect()
}

fn port(address: SocketAddr) -> String {
    format!(":{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    #[cfg(target_os = "linux")]
    fn whoever_waits_to_be_accepted_is_counted() {
        for host in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(host).unwrap();
            let address = listener.local_addr().unwrap();
            assert_eq!(accept_backlog(address), Some(0), "{host}");
            let mut target = address;
            if address.ip().is_unspecified() {
                target.set_ip([127, 0, 0, 1].into());
            }
            let waiting: Vec<_> = (0..3).map(|_| TcpStream::connect(target).unwrap()).collect();
            assert_eq!(accept_backlog(address), Some(3), "{host}");
            drop((waiting, listener));
            assert_eq!(accept_backlog(address), None, "{host}");
        }
        assert!(resident_memory().is_some_and(|bytes| bytes > 100_000));
    }
}
