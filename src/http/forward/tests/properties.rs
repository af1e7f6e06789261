//! Random heads: what we write, we would read the same way.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

fn one_of<'a>(rng: &mut StdRng, choices: &[&'a str]) -> &'a str {
    choices[rng.random_range(0..choices.len())]
}

/// Lines that may stand in any head, as often as they like.
const LINES: &[&str] = &[
    "Accept: */*",
    "accept:text/html",
    "X-Empty:",
    "Cookie: a=b; c=d",
    "X-Long: a long value of more words, so that not all lines are short ones",
    "Connection: close",
    "Connection: keep-alive, X-Private",
    "connection: x-private , ,TE",
    "X-Private: secret",
    "TE: trailers, deflate;q=0.5",
    "Keep-Alive: timeout=3, max=100",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic QQ==",
    "Via: 1.1 elsewhere",
    "Trailer: X-Sum",
    "X-Odd: \u{e9}, \"quoted, comma\"",
];

/// Lines of which one at most may stand in a request, or that only have a meaning there.
const REQUEST_LINES: &[&str] = &[
    "X-Forwarded-For: 203.0.113.9",
    "x-forwarded-for: 203.0.113.10, 203.0.113.11",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: public.example",
    "X_Forwarded_For: 203.0.113.12",
    "content_length: 5",
    "Upgrade: h2c",
];

fn shuffled(rng: &mut StdRng, mut lines: Vec<String>) -> String {
    for last in (1..lines.len()).rev() {
        lines.swap(last, rng.random_range(0..=last));
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

fn some_of(rng: &mut StdRng, choices: &[&str]) -> Vec<String> {
    (0..rng.random_range(0..6)).map(|_| one_of(rng, choices).to_owned()).collect()
}

fn random_request(rng: &mut StdRng) -> String {
    let mut lines = some_of(rng, LINES);
    lines.extend(some_of(rng, REQUEST_LINES));
    let version = one_of(rng, &["HTTP/1.0", "HTTP/1.1", "HTTP/1.1"]);
    lines.push(one_of(rng, &["Host: a", "host: b.example:8080", "HOST:[::1]:80"]).to_owned());
    let mut method = one_of(rng, &["GET", "HEAD", "POST", "OPTIONS", "DELETE", "PURGE"]);
    let mut target =
        one_of(rng, &["/", "/a?b=c", "//", "/%00%zz", "http://x.example:81/y?z", "/?"]);
    match rng.random_range(0..6) {
        0 | 1 => {}
        2 => lines.push(format!("Content-Length: {}", rng.random_range(0..100))),
        3 if version == "HTTP/1.1" => lines.push("transfer-encoding: Chunked".to_owned()),
        3 => {}
        4 => lines.extend(["Content-Length: 007".to_owned(), "Expect: 100-continue".to_owned()]),
        _ if version == "HTTP/1.1" => {
            (method, target) = ("GET", "/chat");
            lines.retain(|line| line != "Upgrade: h2c");
            lines.extend(["Connection: Upgrade".to_owned(), "Upgrade: websocket".to_owned()]);
            lines.push("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned());
            lines.push("Sec-WebSocket-Version: 13".to_owned());
        }
        _ => {}
    }
    format!("{method} {target} {version}\r\n{}\r\n", shuffled(rng, lines))
}

/// The field lines of a head, names in lower case.
fn fields<'t>(head: &'t str, name: &str) -> Vec<&'t str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// Lines that go on as they are: all but those that a gateway has its own word on.
fn end_to_end(head: &str) -> Vec<&str> {
    const OURS: &[&str] = &[
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-private",
        "host",
        "date",
    ];
    let lines = head.lines().skip(1).filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        let name = name.replace('_', "-").to_ascii_lowercase();
        !OURS.contains(&name.as_str())
    });
    lines.collect()
}

fn normal(head: &str) -> Vec<String> {
    let lines = end_to_end(head).into_iter().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| format!("{name}: {}", value.trim())).collect()
}

#[test]
fn what_a_server_gets_means_what_the_client_said() {
    for seed in 0..3000 {
        let rng = &mut StdRng::seed_from_u64(seed);
        let came = random_request(rng);
        let goes = onward_request(&came, rng.random_bool(0.5));
        let context = format!("seed {seed}\n{came}\n{goes}");

        let (mut lines, mut lines_again) = (Lines::new(), Lines::new());
        let head = RequestHead::parse(came.as_bytes(), &mut lines, LIMITS).unwrap().unwrap();
        let again = RequestHead::parse(goes.as_bytes(), &mut lines_again, LIMITS)
            .unwrap_or_else(|refusal| panic!("{refusal:?} {context}"))
            .unwrap();
        assert_eq!(again.len, goes.len(), "{context}");
        assert_eq!(again.method, head.method, "{context}");
        assert_eq!(again.target(), head.target(), "{context}");
        assert_eq!(again.authority(), head.authority(), "{context}");
        assert_eq!(again.framing, head.framing, "{context}");
        assert_eq!(again.expects_continue, head.expects_continue, "{context}");
        assert_eq!(again.asks_websocket, head.asks_websocket, "{context}");
        assert_eq!(again.version, Version::Http11, "{context}");
        assert!(again.persistent, "{context}");

        let framings =
            fields(&goes, "content-length").len() + fields(&goes, "transfer-encoding").len();
        assert!(framings <= 1, "{context}");
        assert_eq!(
            framings == 0,
            head.framing == Framing::NONE && !came.contains("Content-Length")
        );
        let options: Vec<&str> =
            fields(&goes, "connection").iter().flat_map(|value| value.split(", ")).collect();
        assert!(options.iter().all(|option| ["Upgrade", "TE"].contains(option)), "{context}");
        let gone = ["keep-alive", "proxy-connection", "proxy-authorization"];
        for name in gone.into_iter().chain(["x_forwarded_for", "content_length"]) {
            assert!(fields(&goes, name).is_empty(), "{context}");
        }
        let private = came.to_ascii_lowercase().contains("connection: x-private")
            || came.contains("keep-alive, X-Private");
        assert!(!private || fields(&goes, "x-private").is_empty(), "{context}");
        assert_eq!(normal(&goes), normal(&came), "{context}");
    }
}

#[test]
fn forwarding_twice_changes_nothing_but_the_way() {
    for seed in 0..3000 {
        let rng = &mut StdRng::seed_from_u64(seed);
        let once = onward_request(&random_request(rng), false);
        let twice = onward_request(&once, true);
        let way = ["X-Forwarded-For: ", "Via: "];
        let others = |head: &str| -> Vec<String> {
            let mut lines: Vec<String> = head
                .lines()
                .filter(|line| !way.iter().any(|name| line.starts_with(name)))
                .map(str::to_owned)
                .collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(others(&twice), others(&once), "seed {seed}");
        assert_eq!(fields(&twice, "x-forwarded-for"), ["192.0.2.7, 192.0.2.7"], "seed {seed}");
        assert_eq!(fields(&twice, "via").len(), fields(&once, "via").len() + 1, "seed {seed}");
    }
}

#[test]
fn what_a_client_gets_means_what_the_server_said() {
    for seed in 0..3000 {
        let rng = &mut StdRng::seed_from_u64(seed);
        let mut lines = some_of(rng, LINES);
        lines.push("Set-Cookie: a".to_owned());
        lines.push("set-cookie: b".to_owned());
        match rng.random_range(0..3) {
            0 => lines.push(format!("Content-Length: {}", rng.random_range(0..100))),
            1 => lines.push("Transfer-Encoding: chunked".to_owned()),
            _ => {}
        }
        let status = one_of(rng, &["200 OK", "304 Not Modified", "404 ", "500 Oh no", "206 x"]);
        let came = format!("HTTP/1.1 {status}\r\n{}\r\n", shuffled(rng, lines));
        let asked = [GET, HEAD, GET_10, HEAD_10][rng.random_range(0..4)];

        let (mut lines, mut lines_again) = (Lines::new(), Lines::new());
        let head = ResponseHead::parse(came.as_bytes(), &mut lines, asked, LIMITS);
        let head = head.unwrap().unwrap();
        let delivery = match (&head.framing, asked.version) {
            (Framing::Length(_), _) => Delivery::AsReceived,
            (_, Version::Http10) => Delivery::UntilClose,
            (Framing::Chunked(_), Version::Http11) => Delivery::AsReceived,
            (Framing::UntilClose, Version::Http11) => Delivery::Chunked,
        };
        let persistent = delivery != Delivery::UntilClose && rng.random_bool(0.7);
        let goes = onward_response(&came, asked, persistent, delivery);
        let context = format!("seed {seed}\n{came}\n{goes}");

        let again = ResponseHead::parse(goes.as_bytes(), &mut lines_again, asked, LIMITS)
            .unwrap_or_else(|refusal| panic!("{refusal:?} {context}"))
            .unwrap();
        assert_eq!((again.status, again.len), (head.status, goes.len()), "{context}");
        match delivery {
            Delivery::AsReceived => assert_eq!(again.framing, head.framing, "{context}"),
            Delivery::Chunked => assert!(matches!(again.framing, Framing::Chunked(_)), "{context}"),
            Delivery::UntilClose => assert_eq!(again.framing, Framing::UntilClose, "{context}"),
        }
        let chunked = fields(&goes, "transfer-encoding").len();
        assert!(chunked + fields(&goes, "content-length").len() <= 1, "{context}");
        assert!(chunked == 0 || asked.version == Version::Http11, "{context}");
        let option = match (persistent, asked.version) {
            (false, _) => vec!["close"],
            (true, Version::Http10) => vec!["keep-alive"],
            (true, Version::Http11) => vec![],
        };
        assert_eq!(fields(&goes, "connection"), option, "{context}");
        assert_eq!(fields(&goes, "date").len(), 1, "{context}");
        let without_trailer = |head: &str| -> Vec<String> {
            normal(head).into_iter().filter(|line| !line.starts_with("Trailer")).collect()
        };
        assert_eq!(without_trailer(&goes), without_trailer(&came), "{context}");
    }
}
