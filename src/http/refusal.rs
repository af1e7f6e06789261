//! Why was a message refused?
//!
//! One variant per cause, so that a log line or a test can tell two causes apart that have the same
//! status. All that is known about a cause stands in one place, the table in this file.

use std::error::Error;
use std::fmt;

/// Writes the enum and what is known about its variants from one table:
/// `Variant = status, reason, message;`.
macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $status:literal, $reason:literal, $message:literal;)*) => {
        /// Why a message was refused. What is said of each cause is the clause that the message
        /// breaks, or that allows us to refuse it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Refusal {
            $($(#[$doc])* $variant,)*
        }

        impl Refusal {
            /// All of them, for whoever counts them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            const fn row(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Self::$variant => ($status, $reason, $message),)*
                }
            }
        }
    };
}

refusals! {
    // Start lines.
    /// Not `method SP request-target SP HTTP-version` (RFC 9112 3).
    BadRequestLine = 400, "bad_request_line",
        "the request line is not method, target and version with one space between them";
    /// The method is no token (RFC 9110 9.1).
    BadMethod = 400, "bad_method",
        "the method is not a token";
    /// CONNECT and TRACE are not for a gateway to serve (RFC 9110 9.3.6, 9.3.8).
    MethodNotAllowed = 405, "method_not_allowed",
        "the method is not served here";
    /// None of the forms that a target of this method has, or a character that none has
    /// (RFC 9112 3.2).
    BadTarget = 400, "bad_target",
        "the request target is malformed";
    /// An absolute-form target of a scheme other than `http` (RFC 9110 7.4).
    WrongScheme = 400, "wrong_scheme",
        "the request target has a scheme other than http";
    /// The request line alone exceeds the limit on heads (RFC 9110 15.5.15).
    TargetTooLong = 414, "target_too_long",
        "the request target is too long";
    /// What stands in the place of the version is none (RFC 9112 2.3).
    BadVersion = 400, "bad_version",
        "the request line does not end in an HTTP version";
    /// A version, but neither 1.0 nor 1.1 (RFC 9110 15.6.6).
    UnsupportedVersion = 505, "unsupported_version",
        "only HTTP/1.0 and HTTP/1.1 are spoken here";
    /// Not `HTTP-version SP status-code [SP reason-phrase]`, or a status outside 100 to 599
    /// (RFC 9112 4, RFC 9110 15).
    BadStatusLine = 502, "bad_status_line",
        "the status line is malformed";

    // Lines of a head.
    /// LF without CR, CR without LF, or an empty line too many (RFC 9112 2.2).
    BadLineEnd = 400, "bad_line_end",
        "a line of the head does not end in CRLF or is empty";
    /// A field line that goes on in the next one (obs-fold, RFC 9112 5.2).
    ObsoleteFold = 400, "obsolete_fold",
        "a field line is folded";
    /// White space before the first field name (RFC 9112 2.2) or behind any (RFC 9112 5.1).
    MisplacedWhiteSpace = 400, "misplaced_white_space",
        "there is white space before or behind a field name";
    /// A field name that is empty, is no token or has no colon (RFC 9110 5.1).
    BadFieldName = 400, "bad_field_name",
        "a field name is not a token followed by a colon";
    /// A control character in a field value (RFC 9110 5.5).
    BadFieldValue = 400, "bad_field_value",
        "a field value holds a control character";
    /// More bytes than `max_header_bytes` (RFC 6585 5).
    HeadTooLarge = 431, "head_too_large",
        "the head is too large";
    /// More field lines than `max_headers` (RFC 6585 5).
    TooManyFields = 431, "too_many_fields",
        "the head has too many fields";

    // Routing.
    /// An HTTP/1.1 request without Host (RFC 9112 3.2).
    MissingHost = 400, "missing_host",
        "the Host field is missing";
    /// More than one Host (RFC 9112 3.2).
    RepeatedHost = 400, "repeated_host",
        "there is more than one Host field";
    /// Host, or the authority of an absolute-form target, is not `host [":" port]` (RFC 9110 7.2).
    BadHost = 400, "bad_host",
        "the host is not a valid authority";

    // Framing.
    /// Transfer-Encoding together with Content-Length (RFC 9112 6.1).
    TwoFramings = 400, "two_framings",
        "there are both Content-Length and Transfer-Encoding";
    /// Content-Length more than once, or a list, even of equal numbers (RFC 9110 8.6).
    RepeatedContentLength = 400, "repeated_content_length",
        "there is more than one Content-Length";
    /// Content-Length is not 1*DIGIT or beyond 2^53-1 (RFC 9110 8.6).
    BadContentLength = 400, "bad_content_length",
        "Content-Length is not a number within limits";
    /// Transfer-Encoding is malformed, or repeats chunked or puts another coding after it
    /// (RFC 9112 6.1 and 7).
    BadTransferEncoding = 400, "bad_transfer_encoding",
        "Transfer-Encoding is malformed";
    /// A transfer coding other than chunked (RFC 9112 6.1).
    UnknownTransferCoding = 501, "unknown_transfer_coding",
        "chunked is the only transfer coding spoken here";
    /// Transfer-Encoding in a message of HTTP/1.0 (RFC 9112 6.1).
    TransferEncodingInHttp10 = 400, "transfer_encoding_in_http10",
        "HTTP/1.0 has no Transfer-Encoding";
    /// Connection is not a list of tokens (RFC 9110 7.6.1).
    BadConnection = 400, "bad_connection",
        "Connection is not a list of tokens";
    /// Connection names a field that frames, routes or authenticates the message (RFC 9110 7.6.1).
    ConnectionNamesField = 400, "connection_names_field",
        "Connection names a field that is not its to name";
    /// An expectation other than 100-continue (RFC 9110 10.1.1).
    UnknownExpectation = 417, "unknown_expectation",
        "100-continue is the only expectation met here";

    // Bodies.
    /// More content than `max_body_bytes` (RFC 9110 15.5.14).
    BodyTooLarge = 413, "body_too_large",
        "the content is too large";
    /// A chunk size line that is not hex digits, extension, CRLF (RFC 9112 7.1).
    BadChunkSize = 400, "bad_chunk_size",
        "a chunk size line is malformed";
    /// A chunk extension beyond [`CHUNK_EXTENSION_MAX`](crate::limits::CHUNK_EXTENSION_MAX)
    /// (RFC 9112 7.1.1).
    ChunkExtensionTooLong = 400, "chunk_extension_too_long",
        "a chunk extension is too long";
    /// No CRLF where the data of a chunk must end (RFC 9112 7.1).
    BadChunkEnd = 400, "bad_chunk_end",
        "a chunk does not end where its size says";
    /// A trailer section beyond [`TRAILER_MAX`](crate::limits::TRAILER_MAX) (RFC 9112 7.1.2).
    TrailerTooLarge = 400, "trailer_too_large",
        "the trailer section is too large";
    /// A trailer section that is not field lines (RFC 9112 7.1.2).
    BadTrailer = 400, "bad_trailer",
        "the trailer section is malformed";

    // The opening handshake, from the client.
    /// A method other than GET (RFC 6455 4.1, requirement 2).
    BadWebSocketMethod = 400, "bad_websocket_method",
        "a websocket is opened with GET";
    /// A version other than HTTP/1.1 (RFC 6455 4.1, requirement 2).
    BadWebSocketHttpVersion = 400, "bad_websocket_http_version",
        "a websocket is opened with HTTP/1.1";
    /// A request with content (RFC 6455 4.1).
    WebSocketWithContent = 400, "websocket_with_content",
        "a request that opens a websocket has no content";
    /// Upgrade does not list `websocket`, or Connection does not list `upgrade` (RFC 6455 4.2.1).
    BadWebSocketUpgrade = 400, "bad_websocket_upgrade",
        "Upgrade must list websocket and Connection must list upgrade";
    /// Sec-WebSocket-Version is not there exactly once with the value 13 (RFC 6455 4.4).
    WebSocketVersion = 426, "websocket_version",
        "Sec-WebSocket-Version must be 13";
    /// Sec-WebSocket-Key is not there exactly once with 16 bytes in base64 (RFC 6455 4.2.1).
    BadWebSocketKey = 400, "bad_websocket_key",
        "Sec-WebSocket-Key must be 16 bytes in base64";

    // Responses.
    /// More interim responses to one request than are relayed (RFC 9110 15.2).
    TooManyInterimResponses = 502, "too_many_interim_responses",
        "the server sent too many interim responses";

    // The opening handshake, from the server.
    /// A 101 to a request that did not ask for websocket (RFC 9110 15.2.2).
    UnaskedUpgrade = 502, "unasked_upgrade",
        "the server changed protocols unasked";
    /// A 101 without the one right Upgrade, or whose Connection lacks it (RFC 6455 4.1).
    BadUpgradeResponse = 502, "bad_upgrade_response",
        "the server did not change to websocket";
    /// Sec-WebSocket-Accept does not belong to the key that was sent (RFC 6455 4.1).
    BadWebSocketAccept = 502, "bad_websocket_accept",
        "the server did not accept this websocket key";
}

impl Refusal {
    /// The status of the response that a client gets. What a *server* sent and was refused is a 502
    /// to the client whatever stands here; the caller knows which side it was.
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// A word that will not change: for the content of the answer, the access log and the metrics.
    pub const fn reason(self) -> &'static str {
        self.row().1
    }

    /// What is wrong, for a person. No quotes, backslashes or control characters.
    pub const fn message(self) -> &'static str {
        self.row().2
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_refusal_has_a_word_of_its_own_a_sentence_and_a_status_that_we_answer_with() {
        let known = [400, 405, 413, 414, 417, 426, 431, 501, 502, 505];
        let mut reasons = HashSet::new();
        for refusal in Refusal::ALL {
            let (status, reason, message) = refusal.row();
            assert!(known.contains(&status), "{refusal:?}: {status}");
            assert!(reasons.insert(reason), "{refusal:?} has the word of another");
            assert_eq!(reason.replace('_', ""), format!("{refusal:?}").to_lowercase());
            assert!(message.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
            assert!(
                !message.is_empty() && !message.contains(['"', '\\']) && !message.ends_with('.')
            );
        }
    }

    #[test]
    fn a_refusal_prints_its_message() {
        let refusal = Refusal::TwoFramings;
        assert_eq!((refusal.status(), refusal.reason()), (400, "two_framings"));
        assert_eq!(refusal.to_string(), refusal.message());
    }
}
