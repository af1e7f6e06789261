//! The client's side: requests as bytes, responses as messages.

use crate::wire::{Body, Cut, Head, Length, Wire};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

/// A client that sends what it is told to, right or wrong.
pub(crate) struct Client {
    wire: Wire,
}

/// A final response, and what came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    /// The interim responses, in order.
    pub(crate) interim: Vec<Head>,
    /// The head of the final one.
    pub(crate) head: Head,
    /// Its body.
    pub(crate) body: Body,
}

impl Response {
    /// The status of the final response.
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    /// The content as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body.content).expect("content in UTF-8")
    }

    /// The word that names the cause in an answer of the gateway's own.
    pub(crate) fn reason(&self) -> String {
        let content: serde_json::Value =
            serde_json::from_slice(&self.body.content).unwrap_or_else(|_| panic!("{self:?}"));
        assert!(content["error"].is_string(), "{content}");
        content["reason"].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    /// A connection to the gateway.
    pub(crate) fn connect(gateway: SocketAddr) -> Self {
        Self { wire: Wire::connect(gateway) }
    }

    /// Sends a request without a body.
    pub(crate) fn ask(&mut self, method: &str, target: &str) {
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
    }

    /// `GET /`, and its response.
    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.ask("GET", target);
        self.response()
    }

    /// The response to anything but HEAD.
    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The response to that method.
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        self.try_response_to(method).expect("a whole response")
    }

    /// The response to that method, if all of it comes.
    ///
    /// # Errors
    /// When its body is cut short.
    pub(crate) fn try_response_to(&mut self, method: &str) -> Result<Response, Cut> {
        let (interim, head) = self.heads();
        let length = match head.status() {
            _ if method == "HEAD" => Length::Exactly(0),
            204 | 304 => Length::Exactly(0),
            _ => head.length().unwrap_or(Length::UntilClose),
        };
        Ok(Response { interim, head, body: self.body(length)? })
    }

    /// The interim heads and the final one.
    pub(crate) fn heads(&mut self) -> (Vec<Head>, Head) {
        let mut interim = Vec::new();
        loop {
            let head = self.head();
            match head.status() {
                101 | 200.. => return (interim, head),
                _ => interim.push(head),
            }
        }
    }
}

impl Deref for Client {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

impl From<Client> for Wire {
    fn from(client: Client) -> Self {
        client.wire
    }
}
