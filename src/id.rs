//! Typed keys: which client, which worker?
//!
//! Every long-lived thing of the gateway lives in a slab and is named by its key there. A bare
//! `usize` would let a worker's key be used on the clients; these newtypes cost nothing, make that
//! a compile error, and print the way the log wants them (`client 7`).

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $name {
            /// The key in the slab that holds the thing.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            /// Keys are below the descriptor limit, so they fit 32 bits with room to spare.
            fn from(index: usize) -> Self {
                Self(index as u32)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($noun, " {}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(
    /// A connection that a client opened to the gateway.
    ClientId,
    "client"
);
id!(
    /// A connection that the gateway opened to a server for requests.
    WorkerId,
    "worker"
);
id!(
    /// A WebSocket connection relayed between a client and a server.
    TunnelId,
    "tunnel"
);
id!(
    /// A health probe under way.
    ProbeId,
    "probe"
);
id!(
    /// A configured server, as one section knows it.
    ServerId,
    "server"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_its_noun_and_keeps_its_index() {
        let id = ClientId::from(7);
        assert_eq!(id.index(), 7);
        assert_eq!(id.to_string(), "client 7");
        assert_eq!(format!("{:?}", WorkerId::from(3)), "worker 3");
    }
}
