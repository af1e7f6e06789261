//! Which socket spoke? A typed name in place of the poll's bare number.

use crate::id::{ClientId, ProbeId, ServerId, TunnelId, WorkerId};

/// Whoever can be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Token {
    /// A client has arrived.
    Listener,
    /// Names have been resolved.
    Resolver,
    /// A signal has come.
    Signals,
    /// A client's connection.
    Client(ClientId),
    /// A worker's connection.
    Worker(WorkerId),
    /// A tunnel's connection to its client.
    TunnelClient(TunnelId),
    /// A tunnel's connection to its server.
    TunnelServer(TunnelId),
    /// A probe's connection.
    Probe(ProbeId),
    /// An operator has arrived.
    Office,
    /// No socket: a server whose line has to be sent elsewhere. Only ever on the agenda.
    Line(ServerId),
}

/// Low bits that tell the kind; the rest is the key.
const KIND_BITS: u32 = 4;

impl From<Token> for usize {
    fn from(token: Token) -> Self {
        let (kind, key) = match token {
            Token::Listener => (0, 0),
            Token::Resolver => (1, 0),
            Token::Signals => (2, 0),
            Token::Client(id) => (3, id.index()),
            Token::Worker(id) => (4, id.index()),
            Token::TunnelClient(id) => (5, id.index()),
            Token::TunnelServer(id) => (6, id.index()),
            Token::Probe(id) => (7, id.index()),
            Token::Line(id) => (8, id.index()),
            Token::Office => (9, 0),
        };
        key << KIND_BITS | kind
    }
}

impl From<usize> for Token {
    fn from(number: usize) -> Self {
        let key = number >> KIND_BITS;
        match number & ((1 << KIND_BITS) - 1) {
            0 => Self::Listener,
            1 => Self::Resolver,
            2 => Self::Signals,
            3 => Self::Client(key.into()),
            4 => Self::Worker(key.into()),
            5 => Self::TunnelClient(key.into()),
            6 => Self::TunnelServer(key.into()),
            7 => Self::Probe(key.into()),
            9 => Self::Office,
            _ => Self::Line(key.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_survives_the_trip_through_a_number() {
        for key in [0_usize, 1, 7, 8, 9_000, u32::MAX as usize] {
            for token in [
                Token::Client(key.into()),
                Token::Worker(key.into()),
                Token::TunnelClient(key.into()),
                Token::TunnelServer(key.into()),
                Token::Probe(key.into()),
                Token::Line(key.into()),
            ] {
                assert_eq!(Token::from(usize::from(token)), token);
            }
        }
        for token in [Token::Listener, Token::Resolver, Token::Signals, Token::Office] {
            assert_eq!(Token::from(usize::from(token)), token);
        }
    }
}
