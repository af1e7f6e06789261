//! What a quiet connection weighs: its slab entry, and nothing else.
//!
//! The entries stand in slabs, so their size is all the memory of ours that an idle client, worker
//! or tunnel takes. A field more in one of them is paid for by every connection.

use tidegate::gateway::client::Client;
use tidegate::gateway::errand::Errand;
use tidegate::gateway::tunnel::Tunnel;
use tidegate::gateway::worker::Worker;
use tidegate::net::Socket;

#[test]
fn entries_are_small() {
    let sizes = [
        ("socket", size_of::<Socket>(), 32),
        ("client", size_of::<Client>(), 160),
        ("worker", size_of::<Worker>(), 96),
        ("tunnel", size_of::<Tunnel>(), 384),
        ("errand, only while a request is under way", size_of::<Errand>(), 600),
    ];
    for (what, size, most) in sizes {
        assert!(size <= most, "{what}: {size} bytes, more than {most}: {sizes:?}");
    }
}
