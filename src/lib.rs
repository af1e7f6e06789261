//! # Tidegate: a gateway to read
//!
//! A reverse proxy and load balancer for HTTP/1.1 and WebSocket: one thread, one loop, explicit
//! state machines. This page is the map; each module's page says which question it answers and
//! shows its states.
//!
//! ## The folders
//!
//! | module | question | may use |
//! |---|---|---|
//! | [`http`] | what is a message? (RFC 9110, RFC 9112) | bytes in, values out |
//! | [`websocket`] | what is a handshake, where ends a frame? (RFC 6455) | bytes in, values out |
//! | [`proxy_protocol`] | who is the client, says the proxy before us? | bytes in, values out |
//! | [`balance`] | which server, which worker? | values; time and chance are arguments |
//! | [`timer`] | when? | values; time is an argument |
//! | [`flow`] | how do bytes cross? | streams that it borrows |
//! | [`gateway`] | where is everything? | all of it |
//! | [`admin`] | what does an operator see? | values in, bytes out |
//! | [`net`] | the only door to sockets, names and the clock | the system |
//! | [`config`] | what is configured, and what is wrong with the file? | text in, values out |
//! | [`explain`] | what would become of a request? | text in, text out |
//! | [`cli`], [`healthcheck`], [`demo`] | what else can the program do? | blocking sockets |
//! | `simulation` (tests) | does all of it hold, on every schedule? | the twins in `net` |
//!
//! Imports point one way: `gateway` to `flow` to `http`; `gateway` to `balance`, `websocket` and
//! `timer`; everybody to [`id`], [`peer`] and [`limits`]. Only `net` knows sockets, so everything
//! else runs the same in a test, in a simulation of thousands of schedules, and under a fuzzer.
//!
//! Read it as a book in this order: this page; [`http`], [`flow`] and [`balance`], which need no
//! socket to be understood; [`gateway`], which puts them together, from [`gateway::Gateway::turn`]
//! on; [`websocket`]; then [`admin`], or whatever you came for.
//!
//! ## The life of a request
//!
//! 1. A client's socket is readable. Bytes go into the one scratch buffer, and a head is parsed
//!    where it lies ([`http::head`]). An unfinished one waits in the client's inbox.
//! 2. The head is rewritten for the next hop ([`http::forward`]) into an exchange
//!    ([`flow::exchange`]). A server is chosen ([`balance::algorithm`]), and its pool lends a
//!    worker or gives the request a place in line ([`balance::pool`]).
//! 3. The exchange is driven whenever either of its sockets speaks: the request goes over, the
//!    response comes back, each side as fast as the other takes it.
//! 4. The response is complete. The worker serves whoever stands first in line, or is parked; the
//!    client's next request may already be in its inbox.
//! 5. Or the response is a verified 101: both sockets leave their slabs and become a tunnel
//!    ([`flow::relay`]).
//!
//! ## The four laws of the edge
//!
//! Sockets are registered once, edge-triggered, for both directions.
//!
//! 1. **A machine stops only because a side would block, because it is done, or by yielding.** Who
//!    would block gives the next edge; who yields is on the agenda. A read that did not fill its
//!    room counts as "would block", unless the end of the stream has been announced.
//! 2. **Write first.** Bytes go from the scratch straight to the peer. Only what the kernel refuses
//!    is kept, and while something is kept nothing more is read: that is the back-pressure.
//! 3. **Nothing is left behind unread.** A socket remembers what its last edge said; whoever parks
//!    a worker or turns to another request looks there first.
//! 4. **Readiness is a hint, and slots outlive the turn.** A handler puts up with being called for
//!    nothing. What is closed keeps its slot until all events of the turn have been served.
//!
//! ## The machines
//!
//! ```text
//! client    Reading --head--> Waiting --worker--> Exchanging --101--> Switching --> (Tunnel)
//!              ^  \              | time over         |  |
//!              |   \bad head     |                   |  +-- complete, persistent --> Reading
//!              |    v            v                   v  server fault, nothing sent yet
//!              +-- Answering <---+-------------------+        fault after first byte --> Closed
//!                     \-- must close --> Lingering --> Closed
//!           Arriving --PROXY header--> Reading, where one is awaited
//!
//! worker    Connecting --> Busy <--> Idle       any --> Closed;   Busy --101--> (Tunnel)
//!
//! exchange  request :  Unsent --head--> Passing --complete--> Sent     (or Abandoned)
//!           response:  Head --(1xx)*--> Body --complete--> Sent     (Upgraded: a verified 101)
//!
//! tunnel    Relaying --our Close, server's end--> Closing --answered, late--> Closed
//!
//! relay     each half:  Passing --end read--> Draining --all taken, FIN--> Finished
//!                          \--part--> (Parting) --our Close--> Parted --answered, FIN--^
//!
//! probe     Connecting -> Asking -> Listening -> Verdict          server: Up <--rise/fall--> Down
//! ```
//!
//! ## Words of our own
//!
//! *Worker*: a persistent connection to a server. *Checkout*, *park*: taking an idle worker from
//! the pool, putting it back. *Waiting line*: requests of a server for which no worker is idle.
//! *Errand*: an exchange with what it has tried so far. *Agenda*: who has something to do without
//! an edge of its own. *Turn*: one round of events, alarms, agenda and burials. *Desk*: the buffers
//! that handlers share. *Inbox*, *backlog*: bytes read and not yet used; bytes handed over and not
//! yet taken.

pub mod admin;
pub mod balance;
pub mod cli;
pub mod config;
pub mod demo;
pub mod explain;
pub mod flow;
pub mod gateway;
pub mod healthcheck;
pub mod http;
pub mod id;
pub mod limits;
pub mod net;
pub mod peer;
pub mod proxy_protocol;
#[cfg(any(test, fuzzing))]
pub mod simulation;
pub mod timer;
pub mod websocket;
