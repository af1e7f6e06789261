//! Which kinds of work are compared?

use crate::load::Load;

/// One row of the comparison.
pub(crate) struct Work {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) load: Load,
}

const PLAIN: &str = "";
const UPLOAD: &str = "wrk.method = 'POST'\nwrk.body = string.rep('x', 16384)\n";
const CLOSE: &str = "wrk.headers['Connection'] = 'close'\n";

/// All work, in the order of the report.
pub(crate) const ALL: [Work; 11] = [
    wrk("small-64", "small GET, 64 connections", 64, "/small", PLAIN),
    wrk("small-512", "small GET, 512 connections", 512, "/small", PLAIN),
    wrk("body-16k", "16 KiB response, 64 connections", 64, "/16k", PLAIN),
    wrk("body-1m", "1 MiB response, 16 connections", 16, "/1m", PLAIN),
    wrk("upload-16k", "16 KiB upload, 64 connections", 64, "/upload", UPLOAD),
    wrk("chunked", "chunked response, 16 x 1 KiB, 64 connections", 64, "/chunked", PLAIN),
    wrk("connect", "new connection per request, 64 at a time", 64, "/small", CLOSE),
    Work {
        name: "ws-64",
        title: "WebSocket echo, 64 tunnels, 64 B",
        load: Load::Echo { tunnels: 64, size: 64 },
    },
    Work {
        name: "ws-16k",
        title: "WebSocket echo, 64 tunnels, 16 KiB",
        load: Load::Echo { tunnels: 64, size: 16 << 10 },
    },
    Work {
        name: "ws-setup",
        title: "WebSocket set-up, one echo, close; 64 at a time",
        load: Load::Churn { tunnels: 64 },
    },
    Work {
        name: "paced",
        title: "small GET at a fixed rate, 64 connections",
        load: Load::Paced { connections: 64 },
    },
];

const fn wrk(
    name: &'static str,
    title: &'static str,
    connections: u32,
    path: &'static str,
    script: &'static str,
) -> Work {
    Work { name, title, load: Load::Wrk { connections, path, script } }
}
