//! Who is compared, and how is each set up?
//!
//! HAProxy and nginx as somebody would tune them who wants them to win: one thread, persistent
//! connections to the server, reused always and without a limit, no logs, buffers that fit the
//! bodies, and none of the fields that Tidegate adds to a request.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::accounting::Family;
use crate::load::response;
use crate::origin;
use crate::process::{Core, Process};

/// How long a peer may take to accept its first connection.
const START: Duration = Duration::from_secs(5);
/// The request by which a peer shows that it works.
const GREETING: &[u8] = b"GET /small HTTP/1.1\r\nHost: bench\r\n\r\n";

/// The peers that are known, the usual ones first.
pub(crate) const NAMES: [&str; 9] = [
    "haproxy",
    "nginx",
    "forwarder",
    "tidegate",
    "other",
    "splicer",
    "haproxy-64k",
    "haproxy-splice",
    "h2o",
];
/// How many of [`NAMES`] take part unless others are named.
pub(crate) const USUAL: usize = 4;
/// The peer to which all others are relative.
pub(crate) const BASELINE: &str = "haproxy";

/// Where things are.
pub(crate) struct Site {
    /// For configuration files and complaints.
    pub(crate) directory: PathBuf,
    pub(crate) origin: SocketAddr,
    pub(crate) tidegate: PathBuf,
    /// Another build of it.
    pub(crate) other: Option<PathBuf>,
    /// How many servers the peers are given, all of them played by the origin. The forwarder and
    /// h2o have one whatever this says.
    pub(crate) servers: usize,
}

impl Site {
    /// A line for each server, of its number, from one, and its address.
    fn servers(&self, line: impl Fn(usize, SocketAddr) -> String) -> String {
        let places = origin::places(self.origin).take(self.servers);
        (1..).zip(places).map(|(number, server)| line(number, server)).collect()
    }
}

/// A running proxy.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) family: Family,
    process: Process,
}

/// A loopback address that was free a moment ago.
///
/// # Errors
/// No port is left.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Starts one of [`NAMES`] on the proxy core without waiting for it.
fn launch(name: &str, address: SocketAddr, site: &Site) -> io::Result<Process> {
    let file = site.directory.join(format!("{name}.conf"));
    let complaints = complaints(name, site);
    let start = |program: &Path, arguments: &[&str]| {
        Process::start(Core::Proxy, program, arguments, &complaints)
    };
    let path = file.display().to_string();
    let directory = site.directory.display().to_string();
    match name {
        "nginx" => {
            fs::write(&file, nginx(address, site))?;
            start(Path::new("nginx"), &["-p", &directory, "-e", "stderr", "-c", &path])
        }
        "h2o" => {
            fs::write(&file, h2o(address, site))?;
            start(Path::new("h2o"), &["-c", &path])
        }
        "forwarder" | "splicer" => {
            let (address, server) = (address.to_string(), site.origin.to_string());
            let words = ["forwarder".to_owned(), address, server, name.to_owned()];
            Process::start_role(Core::Proxy, &words, &complaints)
        }
        "tidegate" | "other" => {
            fs::write(&file, tidegate(address, site))?;
            let program = site.other.as_ref().filter(|_| name == "other");
            start(program.unwrap_or(&site.tidegate), &[&path])
        }
        _ => {
            fs::write(&file, haproxy(name, address, site))?;
            start(Path::new("haproxy"), &["-db", "-q", "-f", &path])
        }
    }
}

fn complaints(name: &str, site: &Site) -> PathBuf {
    site.directory.join(format!("{name}.stderr"))
}

impl Peer {
    /// Starts a peer and waits until it has answered a request; also returns how long that took,
    /// counted from before the program was started.
    ///
    /// # Errors
    /// A sentence that says why there is no such peer.
    pub(crate) fn start(name: &'static str, site: &Site) -> Result<(Self, Duration), String> {
        let address = free_address().map_err(|error| error.to_string())?;
        let began = Instant::now();
        let mut process =
            launch(name, address, site).map_err(|error| format!("{name} cannot start: {error}"))?;
        loop {
            if let Some(status) = process.ended() {
                let said = fs::read_to_string(complaints(name, site)).unwrap_or_default();
                let last = said.lines().last().unwrap_or("without a word").to_owned();
                return Err(format!("{name} ended before it served ({status}): {last}"));
            }
            if TcpStream::connect(address).is_ok() {
                break;
            }
            if began.elapsed() > START {
                return Err(format!("{name} accepts no connection after {START:?}"));
            }
            thread::sleep(Duration::from_micros(200));
        }
        match response::ask(address, GREETING) {
            Ok((_, 200)) => {}
            Ok((_, status)) => return Err(format!("{name} answers with status {status}")),
            Err(error) => return Err(format!("{name} does not answer: {error}")),
        }
        let took = began.elapsed();
        let family = Family::of(process.id());
        Ok((Self { name, address, family, process }, took))
    }

    /// Says how the peer ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.process.ended().map(|status| status.to_string())
    }
}

/// The most connections to servers that are kept, to all of them together.
const CONNECTIONS_MAX: usize = 512;

fn haproxy(name: &str, address: SocketAddr, site: &Site) -> String {
    let bufsize = if name == "haproxy-64k" { "tune.bufsize 65536" } else { "" };
    let splice = if name == "haproxy-splice" { "option splice-auto" } else { "" };
    format!(
        "global
    nbthread 1
    maxconn 10500
    no strict-limits
    {bufsize}
defaults
    mode http
    {splice}
    http-reuse always
    timeout connect 3s
    timeout client 75s
    timeout server 60s
    timeout tunnel 1h
frontend bench
    bind {address}
    default_backend origin
backend origin
{servers}",
        servers = site.servers(|number, server| format!("    server s{number} {server}\n")),
    )
}

fn nginx(address: SocketAddr, site: &Site) -> String {
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|of| format!("    {of}_temp_path {}/{of}_temp;\n", site.directory.display()))
        .concat();
    format!(
        "daemon off;
worker_processes 1;
pid nginx.pid;
worker_rlimit_nofile 20000;
error_log stderr crit;
events {{ worker_connections 20000; accept_mutex off; multi_accept on; }}
http {{
{paths}
    access_log off;
    tcp_nodelay on;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_buffer_size 32k;
    map $http_upgrade $connection_option {{ default upgrade; '' ''; }}
    upstream origin {{
{servers}        keepalive {keepalive};
        keepalive_requests 1000000000;
        keepalive_timeout 60s;
    }}
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_option;
            proxy_max_temp_file_size 0;
            proxy_request_buffering off;
            proxy_buffer_size 16k;
            proxy_buffers 16 16k;
            proxy_read_timeout 1h;
            # A message of 16 KiB and its header fit into one buffer.
            location /echo {{
                proxy_pass http://origin;
                proxy_buffer_size 32k;
                proxy_buffers 8 32k;
            }}
            location /chunked {{
                proxy_pass http://origin;
                proxy_buffer_size 32k;
                proxy_buffers 8 32k;
            }}
        }}
    }}
}}
",
        servers = site.servers(|_, server| format!("        server {server};\n")),
        keepalive = CONNECTIONS_MAX.max(2 * site.servers),
    )
}

fn h2o(address: SocketAddr, site: &Site) -> String {
    format!(
        "num-threads: 1
max-connections: 20000
listen:
  host: 127.0.0.1
  port: {port}
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: \"http://{origin}/\"
        proxy.websocket: ON
        proxy.preserve-host: ON
        proxy.timeout.io: 3600000
",
        port = address.port(),
        origin = site.origin,
    )
}

fn tidegate(address: SocketAddr, site: &Site) -> String {
    let most = CONNECTIONS_MAX.div_ceil(site.servers);
    format!(
        "[frontend]
host=127.0.0.1
port={port}
max_connections=10500

[http]
algorithm=round-robin
enable_health_check=false
{servers}
[websocket]
algorithm=round-robin
enable_health_check=false
server1={origin}

[log]
level=error
access=off
",
        port = address.port(),
        origin = site.origin,
        servers = site.servers(|number, server| {
            format!(
                "server{number}={server}
server{number}_max_workers={most}
server{number}_min_workers=1
server{number}_buffer_size=1000
server{number}_spawn_timeout=0
server{number}_worker_timeout=60
"
            )
        }),
    )
}
