//! Every answer, read back by a parser that is not ours.

use super::*;

const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";
const GET: Asked = Asked { head: false, websocket: false, version: Version::Http11 };

/// One answer per situation and per kind of extra field.
fn answers() -> Vec<Answer> {
    let refused = Answer::from(Refusal::BadChunkSize);
    vec![
        Answer::no_healthy_server(),
        Answer::queue_full(),
        Answer::stopping(),
        Answer::too_many_tunnels(),
        Answer::too_many_tunnels_of_client(),
        Answer::tunnels_too_fast(),
        Answer::connect_failed(),
        Answer::connect_timeout(),
        Answer::bad_response(),
        Answer::server_closed(),
        Answer::response_timeout(),
        Answer::header_timeout(),
        Answer::body_timeout(),
        Answer::not_configured_for_websocket(),
        Answer::upgrade_required(),
        refused,
        Answer::from(Refusal::ChunkExtensionTooLong),
        Answer::from(Refusal::BadChunkEnd),
        Answer::from(Refusal::TrailerTooLarge),
        Answer::from(Refusal::BadTrailer),
        Answer { status: 405, extra: Extra::Allow, ..refused },
        Answer { status: 426, extra: Extra::WebSocketVersion, ..refused },
        Answer { status: 299, extra: Extra::RetryAfter(u32::MAX), ..refused },
    ]
}

/// An answer as a client reads it: names in lower case, content apart.
struct Read {
    status: u16,
    phrase: String,
    fields: Vec<(String, String)>,
    content: Vec<u8>,
}

impl Read {
    /// The value of a field that stands there once at most.
    fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is repeated");
        value
    }
}

fn read_back(answer: &Answer, asked: Asked, persistent: bool) -> Read {
    let mut out = Vec::new();
    write(answer, asked, persistent, DATE, &mut out);
    assert!(out.len() <= out.capacity().min(HEAD_ROOM + 256), "{answer:?} needs more room");
    let mut lines = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut lines);
    let httparse::Status::Complete(length) = response.parse(&out).unwrap() else {
        panic!("{answer:?} has no end")
    };
    assert_eq!(response.version, Some(1));
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let fields = response.headers.iter();
    Read {
        status: response.code.unwrap(),
        phrase: response.reason.unwrap().to_owned(),
        fields: fields.map(|f| (f.name.to_ascii_lowercase(), text(f.value))).collect(),
        content: out[length..].to_vec(),
    }
}

#[test]
fn every_answer_is_a_response_with_json_of_the_right_length() {
    for answer in answers() {
        let read = read_back(&answer, GET, true);
        assert_eq!(read.status, answer.status);
        assert_eq!(read.phrase.is_empty(), answer.status == 299, "{answer:?}");
        assert_eq!(read.field("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(read.field("content-type"), Some("application/json"));
        assert_eq!(read.field("cache-control"), Some("no-store"));
        assert_eq!(read.field("content-length"), Some(&*read.content.len().to_string()));
        assert_eq!(read.field("transfer-encoding"), None);

        let content: serde_json::Value = serde_json::from_slice(&read.content).unwrap();
        let content = content.as_object().unwrap();
        assert_eq!(content["error"], answer.message);
        let reason = content.get("reason").and_then(|reason| reason.as_str());
        assert_eq!(reason, answer.names_reason.then_some(answer.reason), "{answer:?}");
        assert_eq!(content.len(), 1 + usize::from(answer.names_reason));
    }
}

#[test]
fn every_reason_is_one_word_in_snake_case_and_its_own() {
    let mut reasons: Vec<&str> = answers()[..12].iter().map(|answer| answer.reason).collect();
    for reason in &reasons {
        assert!(reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{reason}");
    }
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), 12);
}

#[test]
fn every_answer_has_the_fields_that_its_status_calls_for() {
    for answer in answers() {
        let read = read_back(&answer, GET, true);
        let called_for = |extra| matches!(answer.extra, e if e == extra);
        let upgrade = answer.status == 426;
        let websocket = upgrade.then_some("websocket");
        assert_eq!(read.field("upgrade"), websocket, "{answer:?}");
        assert_eq!(read.field("connection"), upgrade.then_some("Upgrade"), "{answer:?}");
        let version = called_for(Extra::WebSocketVersion).then_some("13");
        assert_eq!(read.field("sec-websocket-version"), version, "{answer:?}");
        assert_eq!(read.field("allow").is_some(), answer.status == 405, "{answer:?}");
        let later = matches!(answer.status, 429 | 503 | 299);
        assert_eq!(read.field("retry-after").is_some(), later, "{answer:?}");
        let seconds = read.field("retry-after").map(|seconds| seconds.parse::<u32>().is_ok());
        assert_ne!(seconds, Some(false), "{answer:?}");
    }
}

#[test]
fn an_answer_to_head_differs_in_its_content_only() {
    for answer in answers() {
        let get = read_back(&answer, GET, false);
        let head = read_back(&answer, Asked { head: true, ..GET }, false);
        assert_eq!(head.fields, get.fields);
        assert!(head.content.is_empty() && !get.content.is_empty());
    }
}

#[test]
fn an_answer_says_whether_the_connection_stays() {
    let http10 = Asked { version: Version::Http10, ..GET };
    for (answer, asked, persistent, connection) in [
        (Answer::queue_full(), GET, true, None),
        (Answer::queue_full(), GET, false, Some("close")),
        (Answer::queue_full(), http10, true, Some("keep-alive")),
        (Answer::queue_full(), http10, false, Some("close")),
        (Answer::upgrade_required(), GET, true, Some("Upgrade")),
        (Answer::upgrade_required(), GET, false, Some("Upgrade, close")),
        (Answer::upgrade_required(), http10, true, Some("Upgrade, keep-alive")),
    ] {
        assert_eq!(read_back(&answer, asked, persistent).field("connection"), connection);
    }
}

#[test]
fn content_that_is_agreed_upon_is_exact() {
    let read = read_back(&Answer::not_configured_for_websocket(), GET, true);
    let exact = r#"{"error":"proxy not configured to handle websocket connections"}"#;
    assert_eq!((read.status, &*read.content), (400, exact.as_bytes()));
    let read = read_back(&Answer::connect_failed(), GET, true);
    let exact = r#"{"error":"the server could not be reached","reason":"connect_failed"}"#;
    assert_eq!((read.status, &*read.content), (502, exact.as_bytes()));
}

#[test]
fn a_refusal_is_answered_with_its_own_status_and_words() {
    let answer = Answer::from(Refusal::TrailerTooLarge);
    assert_eq!(answer.status, Refusal::TrailerTooLarge.status());
    assert_eq!(answer.reason, Refusal::TrailerTooLarge.reason());
    assert_eq!(answer.message, Refusal::TrailerTooLarge.message());
    assert_eq!(answer.extra, Extra::None);
}
