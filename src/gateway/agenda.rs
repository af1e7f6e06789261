//! Who goes on without an edge?
//!
//! A handler that stops for the others' sake, with work left that no edge will announce, puts
//! itself on the agenda, and has another turn. It stands there once, however often it is asked
//! before: who could stand there twice would have two turns next time, in each of which it could
//! ask again, until nobody else had any.

use super::token::Token;
use std::collections::{HashSet, VecDeque};

/// Tokens in the order in which they were put down, each once.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    order: VecDeque<Token>,
    present: HashSet<Token>,
}

impl Agenda {
    /// Puts it at the end, unless it is there already.
    pub(super) fn push_back(&mut self, token: Token) {
        if self.present.insert(token) {
            self.order.push_back(token);
        }
    }

    /// Takes the one that has waited longest.
    pub(super) fn pop_front(&mut self) -> Option<Token> {
        let token = self.order.pop_front()?;
        self.present.remove(&token);
        Some(token)
    }

    /// Whether it is there.
    pub(super) fn contains(&self, token: Token) -> bool {
        self.present.contains(&token)
    }

    /// Whether nobody stands there twice.
    pub(super) fn is_sound(&self) -> bool {
        self.order.len() == self.present.len()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ClientId;

    #[test]
    fn everybody_stands_there_once() {
        let client = |index: usize| Token::Client(ClientId::from(index));
        let mut agenda = Agenda::default();
        for token in [client(1), client(2), client(1), Token::Listener, client(2), client(1)] {
            agenda.push_back(token);
        }
        assert_eq!(agenda.len(), 3);
        assert!(agenda.contains(client(2)) && !agenda.contains(client(3)));
        assert_eq!(agenda.pop_front(), Some(client(1)));
        agenda.push_back(client(1));
        let rest: Vec<_> = std::iter::from_fn(|| agenda.pop_front()).collect();
        assert_eq!(rest, [client(2), Token::Listener, client(1)]);
        assert!(agenda.is_empty() && !agenda.contains(client(1)));
    }
}
