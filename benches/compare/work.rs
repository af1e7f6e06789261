//! Which kinds of work are compared?

use crate::load::Load;
use crate::load::company::Company;

/// One row of the comparison.
pub(crate) struct Work {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) load: Load,
    /// Who else is there meanwhile.
    pub(crate) company: Company,
    /// How many servers there are.
    pub(crate) servers: usize,
}

const PLAIN: &str = "";
const UPLOAD: &str = "wrk.method = 'POST'\nwrk.body = string.rep('x', 16384)\n";
const CLOSE: &str = "wrk.headers['Connection'] = 'close'\n";
const ECHO_64: Load = Load::Echo { tunnels: 64, size: 64 };
const ECHO_16K: Load = Load::Echo { tunnels: 64, size: 16 << 10 };
const PACED: Load = Load::Paced { connections: 64 };

/// All work, in the order of the report.
pub(crate) const ALL: [Work; 24] = [
    new("small-64", "small GET, 64 connections", wrk(64, "/small", PLAIN)),
    new("small-512", "small GET, 512 connections", wrk(512, "/small", PLAIN)),
    new("body-16k", "16 KiB response, 64 connections", wrk(64, "/16k", PLAIN)),
    new("body-1m", "1 MiB response, 16 connections", wrk(16, "/1m", PLAIN)),
    new("upload-16k", "16 KiB upload, 64 connections", wrk(64, "/upload", UPLOAD)),
    new("chunked", "chunked response, 16 x 1 KiB, 64 connections", wrk(64, "/chunked", PLAIN)),
    new("connect", "new connection per request, 64 at a time", wrk(64, "/small", CLOSE)),
    new("ws-64", "WebSocket echo, 64 tunnels, 64 B", ECHO_64),
    new("ws-16k", "WebSocket echo, 64 tunnels, 16 KiB", ECHO_16K),
    new("ws-setup", "WebSocket set-up, one echo, close; 64 at a time", Load::Churn { tunnels: 64 }),
    new("paced", "small GET at a fixed rate, 64 connections", PACED),
    new("fair-download", "the same beside one client that downloads", PACED).beside("download"),
    new("fair-upload", "the same beside one client that uploads 1 GiB", PACED).beside("upload"),
    new("fair-pipeline", "the same beside 10,000 pipelined requests", PACED).beside("pipeline"),
    new("fair-tunnel", "the same beside a tunnel at full speed", PACED).beside("tunnel"),
    new("fair-stuck", "the same beside 64 requests without an answer", PACED).beside("stuck"),
    new("open-10", "small GET, 10 connections", wrk(10, "/small", PLAIN)),
    new("open-100", "small GET, 64 connections, 36 quiet ones", wrk(64, "/small", PLAIN)).amid(36),
    new("open-1000", "small GET, 64 connections, 936 quiet ones", wrk(64, "/small", PLAIN))
        .amid(936),
    new("open-10000", "small GET, 64 connections, 9,936 quiet ones", wrk(64, "/small", PLAIN))
        .amid(9936),
    new("servers-1", "small GET, 64 connections, 1 server", wrk(64, "/small", PLAIN)),
    new("servers-10", "small GET, 64 connections, 10 servers", wrk(64, "/small", PLAIN)).over(10),
    new("servers-100", "small GET, 64 connections, 100 servers", wrk(64, "/small", PLAIN))
        .over(100),
    new("servers-1000", "small GET, 64 connections, 1,000 servers", wrk(64, "/small", PLAIN))
        .over(1000),
];

/// The most servers that any work has.
pub(crate) const SERVERS_MAX: usize = 1000;

const fn new(name: &'static str, title: &'static str, load: Load) -> Work {
    Work { name, title, load, company: Company::Nobody, servers: 1 }
}

const fn wrk(connections: u32, path: &'static str, script: &'static str) -> Load {
    Load::Wrk { connections, path, script }
}

impl Work {
    const fn beside(mut self, kind: &'static str) -> Self {
        self.company = Company::Greedy(kind);
        self
    }

    const fn amid(mut self, quiet: u32) -> Self {
        self.company = Company::Quiet(quiet);
        self
    }

    const fn over(mut self, servers: usize) -> Self {
        self.servers = servers;
        self
    }

    /// Whether its point is how long requests take, and not what they cost.
    pub(crate) fn is_of_latency(&self) -> bool {
        matches!(self.load, Load::Paced { .. })
    }
}
