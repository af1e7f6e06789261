//! What a person meets first: arguments, the file, error lines, exit codes.

use crate::origin::{Origin, Service};
use crate::support::{Gateway, TempFile, config, http, run, wait_until};
use std::net::TcpStream;

/// The example of the program that this one takes over from, as it stands.
const ORIGINAL_EXAMPLE: &str = "
[frontend]
host=rp_v11
port=8080

[websocket]
algorithm=round-robin
server1=es1_hc:8080
server2=es2_hc:8080
server3=es3_hc:8080

[http]
algorithm=random
#server 1 configuration
server1_addr=es1_hc:8080
server1_max_workers=10
server1_min_workers=3
server1_worker_timeout=3
server1_buffer_size=20
#server 2 configuration
server2_addr=es2_hc:8080
server2_max_workers=10
server2_min_workers=3
server2_worker_timeout=3
server2_buffer_size=20
#server 3 configuration
server3_addr=es3_hc:8080
server3_max_workers=10
server3_min_workers=3
server3_worker_timeout=3
server3_buffer_size=20
";

const SMALLEST: &str = "[frontend]\nhost=127.0.0.1\nport=0\n[http]\nserver1=127.0.0.1:9\n";

#[test]
fn the_original_example_is_right_as_it_stands() {
    let file = TempFile::new(ORIGINAL_EXAMPLE);
    let outcome = run(&["check", file.path().to_str().expect("a path")]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_original_example_with_other_names_serves_requests_and_websockets() {
    let services: Vec<Service> = (1..=3)
        .map(|number: u32| {
            Origin::bind().serve(move |server| {
                while let Some(request) = server.try_request() {
                    if request.head.field("Upgrade").is_some() {
                        server.send(crate::websocket::ACCEPTED);
                        server.send(number.to_string());
                        while let Ok(byte) = server.try_exactly(1) {
                            server.try_send(byte);
                        }
                        return;
                    }
                    let probe = request.head.target() == "/healthCheck";
                    let content =
                        if probe { "{\"status\":200}".into() } else { number.to_string() };
                    server.try_send(crate::origin::ok(content));
                }
            })
        })
        .collect();
    let mut text = ORIGINAL_EXAMPLE.replace("host=rp_v11\nport=8080", "host=127.0.0.1\nport=0");
    for (service, number) in services.iter().zip(1..) {
        let address = service.address().to_string();
        text = text.replace(&format!("es{number}_hc:8080"), &address);
    }
    let gateway = Gateway::start(&text);
    let floor = || services.iter().all(|service| service.connections() >= 3 + 2);
    wait_until("three workers and two probes for each server", floor);

    let mut client = gateway.client();
    let mut answers: Vec<_> = (0..60).map(|_| client.get("/").text().to_owned()).collect();
    answers.sort();
    answers.dedup();
    assert_eq!(answers, ["1", "2", "3"]);

    let mut greetings = Vec::new();
    for _ in 0..6 {
        let mut client = gateway.client();
        client.send(crate::websocket::HANDSHAKE);
        assert_eq!(client.head().status(), 101);
        greetings.extend(client.exactly(1));
        client.send("x");
        assert_eq!(client.exactly(1), b"x");
    }
    assert_eq!(greetings, b"123123");
}

#[test]
fn the_file_is_named_in_three_ways() {
    let file = TempFile::new(SMALLEST);
    let path = file.path().to_str().expect("a path");
    for arguments in [&[path][..], &["--config", path], &["run", path]] {
        let gateway = Gateway::with_arguments(arguments);
        assert!(TcpStream::connect(gateway.address()).is_ok(), "{arguments:?}");
    }
}

#[test]
fn check_says_right_or_what_is_wrong() {
    let file = TempFile::new(SMALLEST);
    let path = file.path().to_str().expect("a path");
    let outcome = run(&["check", path]);
    assert_eq!((outcome.code, outcome.stdout), (Some(0), format!("{path}: right\n")));
    for arguments in [&["check"][..], &[]] {
        let outcome = run(arguments);
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains("/prod/reverse-proxy-config.ini"), "{}", outcome.stderr);
    }
}

#[test]
fn a_wrong_file_is_refused_in_one_line_that_says_where_and_what() {
    let servers = "[http]\nserver1=127.0.0.1:9\n";
    let frontend = "[frontend]\nhost=127.0.0.1\nport=0\n";
    // The file, the place in it, and words that have to be in the line.
    let cases = [
        (
            format!("{frontend}{servers}server1_max_worker=2\n"),
            "6: [http] server1_max_worker",
            "did you mean server1_max_workers?",
        ),
        (format!("{frontend}hots=a\n{servers}"), "4: [frontend] hots", "did you mean host?"),
        (format!("{frontend}[htp]\nserver1=a:1\n"), "4: [htp]", "did you mean [http]?"),
        (format!("{frontend}port=1\n{servers}"), "4: [frontend] port", "already on line 3"),
        (format!("{frontend}{servers}[http]\n"), "6: [http]", "already on line 4"),
        (
            format!("{frontend}idle_timeout=soon\n{servers}"),
            "4: [frontend] idle_timeout",
            "\"soon\" is",
        ),
        (format!("{frontend}idle_timeout=0\n{servers}"), "4: [frontend] idle_timeout", "allowed: "),
        (format!("{frontend}max_headers=1000\n{servers}"), "4: [frontend] max_headers", "256"),
        (
            format!("{frontend}trusted_proxies=10.0.0.0/40\n{servers}"),
            "4: [frontend] trusted_proxies",
            "allowed: ",
        ),
        (format!("{frontend}{servers}algorithm=fastest\n"), "6: [http] algorithm", "round-robin"),
        (
            format!("{frontend}{servers}server1_min_workers=5\n"),
            "6: [http] server1_min_workers",
            "5 is more than",
        ),
        (
            format!("{frontend}{servers}server2_max_workers=5\n"),
            "[http]",
            "server 2 has no address",
        ),
        (
            format!("{frontend}{servers}server1_addr=127.0.0.1:9\n"),
            "6: [http] server1_addr",
            "server1",
        ),
        (format!("{frontend}[http]\nserver1=127.0.0.1\n"), "5: [http] server1", "allowed: "),
        (format!("{frontend}[http]\n"), "[http]", "no servers"),
        (frontend.to_owned(), "", "[http]"),
        (format!("[frontend]\nport=0\n{servers}"), "[frontend] host", "required"),
        (servers.to_owned(), "", "[frontend]"),
        (format!("host=a\n{servers}"), "1: ", "before the first [section]"),
        (format!("{frontend}nonsense\n{servers}"), "4: ", "\"nonsense\" is neither"),
        (
            format!("{frontend}{servers}idle_timeout=1\n"),
            "6: [http] idle_timeout",
            "[frontend] and [websocket]",
        ),
        (format!("{frontend}{servers}[log]\naccess=loud\n"), "7: [log] access", "json"),
    ];
    for (text, place, words) in cases {
        let file = TempFile::new(&text);
        let path = file.path().to_str().expect("a path");
        for arguments in [&["check", path][..], &[path]] {
            let outcome = run(arguments);
            assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{text:?}");
            let line = outcome.stderr;
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            let told = line.strip_prefix(&format!("tidegate: {path}:")).unwrap_or_default();
            assert!(told.contains(place) && told.contains(words), "{line:?} for {text:?}");
        }
    }
}

#[test]
fn wrong_arguments_are_refused_in_one_line() {
    let cases: [(&[&str], &str); 7] = [
        (&["chek", "x"], "did you mean check?"),
        (&["--bogus"], "--bogus"),
        (&["check", "a", "b"], "two configuration files"),
        (&["demo", "--port", "70000"], "\"70000\" is not a port"),
        (&["demo", "file.ini"], "file.ini"),
        (&["--config"], "--config"),
        (&["/no/such/file.ini"], "/no/such/file.ini: cannot be read"),
    ];
    for (arguments, words) in cases {
        let outcome = run(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let line = outcome.stderr;
        assert!(line.starts_with("tidegate: ") && line.contains(words), "{line:?}");
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
    }
}

#[test]
fn help_and_version_are_printed() {
    for flag in ["--help", "-h"] {
        let outcome = run(&[flag]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        let words = ["demo", "check", "explain", "healthcheck", "spawn_timeout", "trusted_proxies"];
        for word in words {
            assert!(outcome.stdout.contains(word), "{word}");
        }
    }
    for flag in ["--version", "-V"] {
        let outcome = run(&[flag]);
        let version = concat!("tidegate ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), version));
    }
}

#[test]
fn an_address_in_use_is_a_failure_of_one_line() {
    let other = Origin::bind();
    let port = other.address().port();
    let text = SMALLEST.replace("port=0", &format!("port={port}"));
    let outcome = run(&[TempFile::new(&text).path().to_str().expect("a path")]);
    // The file is gone before the program ends, but not before it was read.
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let last = outcome.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with(&format!("tidegate: cannot listen on 127.0.0.1:{port}")), "{last}");
}

#[test]
fn explain_tells_what_was_given_and_what_is_a_default() {
    let file = TempFile::new(&SMALLEST.replace("port=0", "port=0\nidle_timeout=5m"));
    let outcome = run(&["explain", file.path().to_str().expect("a path")]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let line_of = |key: &str| {
        let line = outcome.stdout.lines().find(|line| line.trim_start().starts_with(key));
        line.unwrap_or_else(|| panic!("no {key} in {}", outcome.stdout)).to_owned()
    };
    assert!(line_of("idle_timeout").contains("line 4"));
    assert!(line_of("header_timeout").contains("default"));
    assert!(line_of("server1_max_workers").contains('3'));
}

#[test]
fn healthcheck_asks_the_gateway_that_runs() {
    let origin = Origin::bind().serve_content("x");
    let free = Origin::refusing().port();
    let text =
        config("", &http(&[origin.address()], "")).replace("port=0", &format!("port={free}"));
    let file = TempFile::new(&text);
    let path = file.path().to_str().expect("a path");
    assert_eq!(run(&["healthcheck", path]).code, Some(1));
    let _gateway = Gateway::with_arguments(&[path]);
    assert_eq!(run(&["healthcheck", path]).code, Some(0));
}

#[test]
fn the_access_log_has_a_line_for_each_exchange() {
    let origin = Origin::bind().serve_content("hello");
    for (form, served, refused) in [
        ("common", "\"GET /x?y HTTP/1.1\" 200 5", "400"),
        ("json", "\"request\":\"GET /x?y HTTP/1.1\"", "\"status\":400"),
    ] {
        let sections = http(&[origin.address()], "");
        let gateway = Gateway::start(&config("", &format!("{sections}[log]\naccess={form}\n")));
        let mut client = gateway.client();
        assert_eq!(client.get("/x?y").text(), "hello");
        client.send("GET / HTTP/1.1\r\n\r\n");
        assert_eq!(client.response().status(), 400);
        wait_until("two lines", || gateway.printed("").len() == 2);
        assert_eq!(gateway.printed(served).len(), 1, "{:?}", gateway.printed(""));
        assert_eq!(gateway.printed(refused).len(), 1, "{:?}", gateway.printed(""));
        assert!(gateway.printed("missing_host").len() == 1, "{:?}", gateway.printed(""));
    }
}
