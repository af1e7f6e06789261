//! What does an operator see? Pure: values in, bytes out.
//!
//! The gateway fills one plain [`Snapshot`](snapshot::Snapshot) of itself, and everything told on
//! the admin listener is a rendering of that. So the page, the JSON and the metrics cannot
//! disagree.
//!
//! ```text
//!   Gateway --snapshot--> Snapshot --+--> page     HTML, whole or the part that changes
//!      ^                             +--> status   JSON
//!      |                             +--> metrics  Prometheus text
//!      +--- drain, restore, level --- route <--- the operator's request
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the status page ([`page`]) |
//! | `GET /events` | server-sent events: the snapshot as JSON, once a second |
//! | `GET /events/page` | the same, as the part of the page that changes |
//! | `GET /status` | the snapshot as JSON ([`status`]) |
//! | `GET /metrics` | Prometheus text, version 0.0.4 ([`metrics`]) |
//! | `GET /live`, `GET /ready` | 200; `/ready` is 503 while stopping |
//! | `POST /servers/{section}/{N}/drain`, `.../restore` | no new work for a server, or again |
//! | `POST /log/{level}` | the level of the program's own log |
//!
//! [`route`] tells them apart and says who may; [`reply`] writes the heads of the answers.

pub mod events;
pub mod histogram;
pub mod metrics;
pub mod page;
pub mod reply;
pub mod route;
pub mod snapshot;
pub mod status;
pub mod tally;
pub mod trend;
pub mod tunnels;
