//! Which addresses has a name? Asked off the loop.
//!
//! `getaddrinfo` may block for seconds, so one helper thread calls it; it is the only thread in the
//! data path and owns nothing but two channels. It is started by the first name, so a gateway whose
//! servers are given by address has one thread in all.

use super::Resolved;
use mio::Waker;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

struct Question {
    ticket: usize,
    host: String,
    port: u16,
}

/// The loop's end of the two channels.
pub(super) struct Resolver {
    waker: Arc<Waker>,
    questions: Option<Sender<Question>>,
    answers: (Sender<Resolved>, Receiver<Resolved>),
}

impl Resolver {
    pub(super) fn new(waker: Waker) -> Self {
        Self { waker: Arc::new(waker), questions: None, answers: channel() }
    }

    /// Asks; a thread that cannot be started counts as an unknown name.
    pub(super) fn ask(&mut self, ticket: usize, host: &str, port: u16) {
        let question = Question { ticket, host: host.to_owned(), port };
        if self.questions.is_none() {
            self.questions = self.start();
        }
        let lost = match &self.questions {
            Some(questions) => questions.send(question).is_err(),
            None => true,
        };
        if lost {
            self.questions = None;
            let _ = self.answers.0.send(Resolved { ticket, addresses: Vec::new() });
            let _ = self.waker.wake();
        }
    }

    pub(super) fn answer(&mut self) -> Option<Resolved> {
        self.answers.1.try_recv().ok()
    }

    fn start(&self) -> Option<Sender<Question>> {
        let (sender, questions) = channel::<Question>();
        let (answers, waker) = (self.answers.0.clone(), Arc::clone(&self.waker));
        let work = move || {
            for Question { ticket, host, port } in questions {
                let found = (host.as_str(), port).to_socket_addrs();
                let addresses = found.map_or_else(|_| Vec::new(), Iterator::collect);
                if answers.send(Resolved { ticket, addresses }).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("resolver".into()).spawn(work).ok()?;
        Some(sender)
    }
}
