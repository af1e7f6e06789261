//! What do all connections share? One work surface.
//!
//! Handlers run one after the other, so a single set of buffers serves every connection; what must
//! outlive a handler is copied off the desk.

use super::pipe::Pipes;
use crate::limits;

/// The buffers a handler works on.
pub struct Desk {
    /// Every read goes here; nothing in it survives the handler.
    pub scratch: Box<[u8]>,
    /// Heads are written here before they leave. Always found empty.
    pub draft: Vec<u8>,
    /// For content that need not be seen.
    pub pipes: Pipes,
    /// The `Date` field of this second (RFC 9110 6.6.1).
    pub date: [u8; 29],
}

impl Desk {
    /// A clean desk.
    pub fn new() -> Self {
        Self {
            scratch: vec![0; limits::SCRATCH].into_boxed_slice(),
            draft: Vec::with_capacity(4096),
            pipes: Pipes::new(limits::PIPES),
            date: crate::http::date::imf_fixdate(0),
        }
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}
