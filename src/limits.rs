//! How much of anything? Every bound of the program that is not a configuration key.
//!
//! A reader can audit the memory of the gateway from this page: nothing else in it grows without a
//! configured ceiling. Sizes are bytes unless the name says otherwise.

use std::time::Duration;

/// The one buffer that every read goes into. Also the most that a peer which does not read can
/// make the gateway hold for one direction of an exchange or tunnel.
pub const SCRATCH: usize = 64 * 1024;

/// Pipes through which long content passes inside the kernel, at once. Each takes two descriptors,
/// and holds at most [`PIPE_SIZE`] bytes, in the kernel. Who finds none copies.
pub const PIPES: usize = 32;

/// What a pipe has places for. A place takes one piece of a packet, however short, so pipes are
/// larger than what is poured at once; all of them stay below what Linux lets one user have.
pub const PIPE_SIZE: usize = 512 * 1024;

/// The most that is poured into a pipe at once, for others to have their turn.
pub const SPLICE_MAX: usize = 256 * 1024;

/// Of the [`PIPES`], the ones that are kept for the next long body.
pub const SPARE_PIPES: usize = 16;

/// Content of which so many bytes are still to come passes through a pipe. Simulated bodies are
/// smaller, so that there all of this happens often.
pub const SPLICE_MIN: u64 = if cfg!(any(test, fuzzing)) { 512 } else { 64 * 1024 };

/// The most field lines a head may have whatever `max_headers` says (431, RFC 6585 5).
pub const FIELD_LINES_MAX: usize = 256;

/// The largest response head taken from a server (502).
pub const RESPONSE_HEAD_MAX: usize = 64 * 1024;

/// The most field lines taken from a server (502).
pub const RESPONSE_FIELDS_MAX: usize = 256;

/// Chunk size line: the most hex digits of a chunk size (400 or 502, RFC 9112 7.1). Fifteen digits
/// cannot overflow 64 bits.
pub const CHUNK_SIZE_DIGITS: u8 = 15;

/// The longest chunk extension of one chunk (400 or 502, RFC 9112 7.1.1).
pub const CHUNK_EXTENSION_MAX: u16 = 256;

/// The largest trailer section (400 or 502, RFC 9112 7.1.2).
pub const TRAILER_MAX: usize = 8 * 1024;

/// The largest Content-Length: 2^53-1, the last integer that every JSON reader agrees on.
pub const CONTENT_LENGTH_MAX: u64 = (1 << 53) - 1;

/// Interim responses relayed for one request (502 after that).
pub const INTERIM_MAX: u8 = 16;

/// Pipelined bytes read ahead of the exchange under way; the rest waits in the kernel.
pub const PIPELINE_MAX: usize = 16 * 1024;

/// How long a client that expects `100 Continue` waits for the server's word before the gateway
/// gives its own (RFC 9110 10.1.1).
pub const CONTINUE_PATIENCE: Duration = Duration::from_secs(1);

/// The longest PROXY header, extensions included: as nginx has it. Version 2 could announce 64 KiB.
pub const PROXY_HEADER_MAX: usize = 4096;

/// Lingering close (RFC 9112 9.6): what still arrives is discarded up to this many bytes ...
pub const LINGER_BYTES: usize = 64 * 1024;
/// ... or for this long.
pub const LINGER_TIME: Duration = Duration::from_secs(2);

/// The waits of a request for which there is no room, in order; then 429.
pub const KNOCKS: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

/// The largest answer to a health probe, head and content together (unhealthy).
pub const PROBE_ANSWER_MAX: usize = 16 * 1024;

/// How often names are resolved again.
pub const RESOLVE_INTERVAL: Duration = Duration::from_secs(10);

/// Servers that one `dns:` name may stand for; more addresses are left out, with a warning.
pub const GROUP_MAX: usize = 64;

/// The `Retry-After` of a 429 or 503 (RFC 9110 10.2.3), in seconds.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// A client that asks for a tunnel too many is told to come back after 1 to so many seconds.
pub const TUNNEL_RETRY_AFTER_MAX: u32 = 10;

/// Edges taken from the kernel in one turn.
pub const EVENTS_PER_TURN: usize = 1024;

/// Clients that may wait in the kernel to be accepted; the system's own ceiling may be lower.
pub const BACKLOG: i32 = 4096;

/// The connections of a tunnel that has lived so long are probed by the kernel after as much
/// silence ...
pub const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// ... and again at this interval.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Such a tunnel is given up when for so long neither its bytes are acknowledged nor any probe is
/// answered (`TCP_USER_TIMEOUT`).
pub const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// What is left of the time to stop when the last tunnel has been closed and has had its
/// `close_timeout` to answer: for what is still on its way.
pub const DRAIN_MARGIN: Duration = Duration::from_millis(250);

/// The floor of workers is not refilled for this long after a connection failed.
pub const REFILL_PAUSE: Duration = Duration::from_secs(1);

/// Errands kept for reuse, so that a steady load allocates nothing.
pub const SPARE_ERRANDS: usize = 256;

/// How long accepting pauses when descriptors have run out.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Operators at once; whoever comes then is turned away.
pub const OPERATORS_MAX: usize = 64;

/// Between two samples for the status page.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks at whether removed servers have done their last work.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of the access log that wait for its reader; what comes then is dropped, and counted.
pub const ACCESS_LOG_MAX: usize = 1024 * 1024;

/// How long the end of the process waits for the access log's reader.
pub const LAST_LINES: Duration = Duration::from_secs(1);

/// The timer wheel's precision.
pub const TICK: Duration = Duration::from_millis(100);

/// How long a response that has begun may pause for a client that has closed its half. Such a
/// client may be waiting for the rest, or be gone: a FIN does not tell, and only writing would.
pub const HALF_CLOSED_PATIENCE: Duration = Duration::from_secs(5);
