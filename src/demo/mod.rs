//! What does `tidegate demo` put behind the gateway?
//!
//! Three small HTTP + WebSocket servers on loopback, the configuration that names them, and a page
//! that shows requests being balanced over them. They are ordinary blocking servers on threads of
//! their own: to the gateway, which runs in the same process, they are as foreign as any other.
//!
//! ```text
//!                            +--> server 1
//!   browser ---> gateway ----+--> server 2      each: /, /whoami, /healthCheck, WebSocket
//!                            +--> server 3
//! ```

mod request;
mod roster;
mod server;

use crate::net::SocketAddress;
use std::fmt::Write;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use roster::Roster;
use server::Server;

/// How many servers the demo runs.
pub const SERVERS: usize = 3;

/// The running servers of a demo. Their threads end with the process.
#[derive(Debug)]
pub struct Demo {
    roster: Arc<Roster>,
}

/// Starts the servers on free loopback ports; they answer by the time this returns.
///
/// # Errors
///
/// When no port can be bound or no thread started.
pub fn start() -> io::Result<Demo> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = (0..SERVERS).map(bind).collect::<io::Result<Vec<_>>>()?;
    let addresses =
        listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    let roster = Arc::new(Roster::new(&addresses, Instant::now()));
    for (listener, number) in listeners.into_iter().zip(1..) {
        Server { number, roster: Arc::clone(&roster) }.spawn(listener)?;
    }
    Ok(Demo { roster })
}

impl Demo {
    /// The configuration of a gateway on loopback `port` in front of the servers.
    ///
    /// Probes follow each other quickly, so that a visitor sees what making a server sick does.
    pub fn config_text(&self, port: u16) -> String {
        let probes = "algorithm = round-robin\n\
             health_check_interval = 1s\n\
             health_check_timeout = 1s\n";
        let mut http = String::new();
        let mut websocket = String::new();
        for (address, number) in self.roster.addresses().zip(1..) {
            // Writing to a string cannot fail.
            let _ = writeln!(websocket, "server{number} = {address}");
            let _ = writeln!(http, "server{number}_addr = {address}");
            let _ = writeln!(http, "server{number}_max_workers = 10");
            let _ = writeln!(http, "server{number}_buffer_size = 20");
        }
        format!(
            "[frontend]\nhost = 127.0.0.1\nport = {port}\nshutdown_timeout = 2s\n\n\
             [admin]\nport = 0\n\n\
             [http]\n{probes}{http}\n[websocket]\n{probes}{websocket}"
        )
    }

    /// What to open in a browser, and a few lines to try in a terminal. `gateway` is where clients
    /// come in, and `office` where the status page is.
    pub fn banner(&self, gateway: &SocketAddress, office: &SocketAddress) -> String {
        let mut servers = String::new();
        for (address, number) in self.roster.addresses().zip(1..) {
            let _ = writeln!(servers, "    server {number}   http://{address}/");
        }
        format!(
            "\
Tidegate demo: one gateway, three servers.

  Open        http://{gateway}/
  Watch       http://{office}/

  Behind it
{servers}
  Try         curl http://{gateway}/whoami
              for i in 1 2 3 4 5 6; do curl -s http://{gateway}/whoami; done
              curl --data hello http://{gateway}/echo
              curl -X POST http://{gateway}/demo/servers/2/sick
              curl -X POST http://{gateway}/demo/servers/2/well

  WebSocket   ws://{gateway}/echo

  Ctrl-C ends it.
"
        )
    }
}

#[cfg(test)]
mod tests;
