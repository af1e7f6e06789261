//! What is refused, where, and in which words.

use super::least;
use crate::config::{Config, reference};

/// One refusal: the line with the fault, and what the message says of it.
type Row = (&'static str, &'static str);

/// Lines that are wrong at the end of a right `[http]`, where they are line 6.
const IN_HTTP: &[Row] = &[
    // Keys.
    ("algoritm=random", "[http] algoritm: unknown key; did you mean algorithm?"),
    ("Algorithm=random", "[http] Algorithm: unknown key; did you mean algorithm?"),
    (
        "health-check-path=/",
        "[http] health-check-path: unknown key; did you mean health_check_path?",
    ),
    (
        "server1_max_worker=1",
        "[http] server1_max_worker: unknown key; did you mean server1_max_workers?",
    ),
    ("server12_min_wokers=1", "did you mean server12_min_workers?"),
    ("colour=blue", "[http] colour: unknown key; there are algorithm, sticky, enable_health_c"),
    ("colour=blue", ", serverN, serverN_send_proxy, serverN_weight, serverN_backup, serverN_ad"),
    ("serverN=a:1", "[http] serverN: unknown key; "),
    ("serverN_max_workers=1", "[http] serverN_max_workers: unknown key; "),
    ("server=a:1", "[http] server: unknown key; did you mean serverN?"),
    ("server-1=a:1", "[http] server-1: unknown key; "),
    ("server1 =a:2", "[http] server1: given already on line 5"),
    (
        "server01=a:1",
        "[http] server01: a server's number is 0 to 18446744073709551615, without leading",
    ),
    ("server00=a:1", "[http] server00: a server's number is"),
    ("server18446744073709551616=a:1", "[http] server18446744073709551616: a server's number is"),
    ("host=h", "[http] host: not a key of this section but of [frontend]"),
    (
        "idle_timeout=5",
        "[http] idle_timeout: not a key of this section but of [frontend] and [websocket]",
    ),
    ("level=info", "[http] level: not a key of this section but of [log]"),
    // Lines.
    ("nonsense", "\"nonsense\" is neither [section] nor key = value nor a # or ; comment"),
    ("  nonsense", "\"nonsense\" is neither [section] nor key = value"),
    ("algorithm: random", "\"algorithm: random\" is neither [section] nor key = value"),
    ("algorithm", "\"algorithm\" is neither [section]"),
    ("=random", "\"=random\" is neither [section]"),
    ("[log", "\"[log\" is neither [section]"),
    ("[log] level=info", "\"[log] level=info\" is neither [section]"),
    ("[log] ; a comment", "\"[log] ; a comment\" is neither [section]"),
    ("[log]]", "\"[log]]\" is neither [section]"),
    ("algo\\=rithm=random", "\"algo\\=rithm=random\" is neither [section]"),
    ("a\\\nb=c", "\"a\\\" is neither [section]"),
    ("algorithm=random\rhost=h", "the control character '\\r' is not allowed"),
    ("# a\rb", "the control character '\\r' is not allowed"),
    ("algorithm=\0", "the control character '\\0' is not allowed"),
    ("algorithm=\u{85}random", "the control character '\\u{85}' is not allowed"),
    // Sections.
    ("[http]", "[http]: begun already on line 4"),
    ("[frontend]", "[frontend]: begun already on line 1"),
    ("[websockets]", "[websockets]: unknown section; did you mean [websocket]?"),
    ("[HTTP]", "[HTTP]: unknown section; did you mean [http]?"),
    ("[status]", "[status]: unknown section; there are [frontend], [http], [websocket], [admin], "),
    ("[]", "[]: unknown section; "),
    ("[a b\tc]", "[a b\\tc]: unknown section; "),
    ("[websocket]", "[websocket]: has no servers; the first is server1 = host:port"),
    // Values that are text as it stands.
    ("algorithm=random ; or not", "\"random ; or not\" is not one of the words known here"),
    ("algorithm=random # or not", "\"random # or not\" is not one of the words known here"),
    ("algorithm=\"random\"", "\"\"random\"\" is not one of the words known here"),
    ("algorithm='random'", "\"'random'\" is not one of the words known here"),
    ("algorithm=ran\\dom", "\"ran\\dom\" is not one of the words known here"),
    ("algorithm=random\\", "\"random\\\" is not one of the words known here"),
    ("algorithm==random", "\"=random\" is not one of the words known here"),
    ("algorithm=", "\"\" is not one of the words known here; allowed: random, round-robin"),
    // Values of each key.
    ("algorithm=Random", "allowed: random, round-robin"),
    ("algorithm=least-conn", "[http] algorithm: \"least-conn\" is not one of the words"),
    ("sticky=on", "[http] sticky: \"on\" is not one of the words known here; allowed: off, cook"),
    (
        "health_check_type=websocket",
        "[http] health_check_type: not a key of this section but of [websocket]",
    ),
    (
        "enable_health_check=yes",
        "[http] enable_health_check: \"yes\" is not one of the words known here; allowed: true, f",
    ),
    (
        "health_check_interval=9ms",
        "[http] health_check_interval: \"9ms\" is out of range; allowed: 10ms to 24h",
    ),
    (
        "health_check_timeout=0",
        "[http] health_check_timeout: \"0\" is out of range; allowed: 1ms to 24h (a numb",
    ),
    (
        "health_check_path=health",
        "[http] health_check_path: \"health\" is not a path that begins with /",
    ),
    ("health_check_path=/a b", "has characters that must be percent-encoded"),
    ("health_check_rise=0", "[http] health_check_rise: \"0\" is out of range; allowed: 1 to 1000"),
    (
        "health_check_fall=1001",
        "[http] health_check_fall: \"1001\" is out of range; allowed: 1 to 1000",
    ),
    (
        "connect_timeout=3 s",
        "[http] connect_timeout: \"3 s\" is not a duration; allowed: 1ms to 24h",
    ),
    (
        "response_timeout=25h",
        "[http] response_timeout: \"25h\" is out of range; allowed: 1ms to 24h",
    ),
    ("max_fails=1001", "[http] max_fails: \"1001\" is out of range; allowed: 0 to 1000"),
    ("fail_timeout=0", "[http] fail_timeout: \"0\" is out of range; allowed: 1ms to 24h"),
    ("slow_start=slow", "[http] slow_start: \"slow\" is not a duration; allowed: 0 to 24h"),
    ("server1_weight=0", "[http] server1_weight: \"0\" is out of range; allowed: 1 to 256"),
    ("server1_weight=257", "[http] server1_weight: \"257\" is out of range; allowed: 1 to 256"),
    ("server1_weight=1.5", "[http] server1_weight: \"1.5\" is not a decimal number; allowed: 1"),
    (
        "server1_backup=1",
        "[http] server1_backup: \"1\" is not one of the words known here; allowed: false, true",
    ),
    (
        "server2_weight=2",
        "[http] server2_weight: server 2 has no address; it is given as server2 o",
    ),
    (
        "server1_backup=true",
        "[http] server1_backup: \"true\" makes every server of the section a spare; allowed: for",
    ),
    (
        "server2=a",
        "[http] server2: \"a\" is without a port; allowed: host:port, with IPv6 in brackets",
    ),
    ("server2=http://a:1", "[http] server2: \"http://a:1\" is a URL; allowed: host:port"),
    ("server2=::1", "[http] server2: \"::1\" is an IPv6 address without brackets"),
    ("server2=", "[http] server2: \"\" is without a port"),
    ("server2_addr=a:0", "[http] server2_addr: \"a:0\" is without a port between 1 and 65535"),
    (
        "server1_max_workers=0",
        "[http] server1_max_workers: \"0\" is out of range; allowed: 1 to 65535",
    ),
    (
        "server1_max_workers=-1",
        "[http] server1_max_workers: \"-1\" is not a decimal number; allowed: 1 to",
    ),
    (
        "server1_min_workers=65536",
        "[http] server1_min_workers: \"65536\" is out of range; allowed: 0 to 65535",
    ),
    (
        "server1_worker_timeout=0",
        "[http] server1_worker_timeout: \"0\" is out of range; allowed: 1ms",
    ),
    (
        "server1_buffer_size=ten",
        "[http] server1_buffer_size: \"ten\" is not a decimal number; allowed: 0 to",
    ),
    (
        "server1_spawn_timeout=1d",
        "[http] server1_spawn_timeout: \"1d\" is not a duration; allowed: 0 to",
    ),
    (
        "server1_send_proxy=V2",
        "[http] server1_send_proxy: \"V2\" is not one of the words known here; allowed: off, v1",
    ),
    // Keys that contradict each other.
    (
        "server1_min_workers=4",
        "server1_min_workers: 4 is more than server1_max_workers, which is 3; allowed: 0 to 3",
    ),
    (
        "server1_min_workers=6\nserver1_max_workers=5",
        "[http] server1_min_workers: 6 is more than server1_max_workers, w",
    ),
    ("server1_addr=a:1", "[http] server1_addr: the address is given already as server1 on line 5"),
    (
        "server2_max_workers=5",
        "[http] server2_max_workers: server 2 has no address; it is given as server2 or serv",
    ),
];

/// The same for `[frontend]`, as its second line and line 3 of the file.
const IN_FRONTEND: &[Row] = &[
    ("prot=80", "[frontend] prot: unknown key; did you mean port?"),
    ("host=h", "[frontend] host: given already on line 2"),
    ("server1=a:1", "[frontend] server1: not a key of this section but of [http] and [websocket]"),
    (
        "response_timeout=5",
        "[frontend] response_timeout: not a key of this section but of [http] and [websocket]",
    ),
    (
        "proxy_protocol=v1",
        "[frontend] proxy_protocol: \"v1\" is not one of the words known here; allowed: true",
    ),
    ("port=65536", "[frontend] port: \"65536\" is out of range; allowed: 0 to 65535"),
    ("port=http", "[frontend] port: \"http\" is not a decimal number"),
    (
        "max_connections=0",
        "[frontend] max_connections: \"0\" is out of range; allowed: 1 to 1048576",
    ),
    ("header_timeout=0", "[frontend] header_timeout: \"0\" is out of range; allowed: 1ms to 24h"),
    ("body_timeout=never", "[frontend] body_timeout: \"never\" is not a duration"),
    ("idle_timeout=-5", "[frontend] idle_timeout: \"-5\" is not a duration"),
    ("write_timeout=1.5", "[frontend] write_timeout: \"1.5\" is not a duration"),
    (
        "max_header_bytes=255",
        "[frontend] max_header_bytes: \"255\" is out of range; allowed: 256 to 64512",
    ),
    ("max_header_bytes=16k", "[frontend] max_header_bytes: \"16k\" is not a decimal number"),
    ("max_headers=257", "[frontend] max_headers: \"257\" is out of range; allowed: 1 to 256"),
    (
        "max_body_bytes=9007199254740992",
        "[frontend] max_body_bytes: \"9007199254740992\" is out of range",
    ),
    (
        "trusted_proxies=proxy",
        "[frontend] trusted_proxies: \"proxy\" is not a list of addresses; allowed: addresses,",
    ),
    ("trusted_proxies=10.0.0.1/8", "\"10.0.0.1/8\" is not the first address of its block"),
    ("trusted_proxies=10.0.0.0/33", "\"10.0.0.0/33\" is without a prefix length that fits"),
    ("trusted_proxies=", "[frontend] trusted_proxies: \"\" is not a list of addresses"),
    (
        "shutdown_timeout=8x",
        "[frontend] shutdown_timeout: \"8x\" is not a duration; allowed: 0 to 24h",
    ),
    ("drain_delay=99h", "[frontend] drain_delay: \"99h\" is out of range; allowed: 0 to 24h"),
];

/// The same for `[websocket]` after its server, where it is line 8.
const IN_WEBSOCKET: &[Row] = &[
    (
        "server2_send_proxy=v2",
        "[websocket] server2_send_proxy: server 2 has no address; it is given as server2",
    ),
    (
        "idle_timeout=721h",
        "[websocket] idle_timeout: \"721h\" is out of range; allowed: 1ms to 720h",
    ),
    ("close_timeout=0", "[websocket] close_timeout: \"0\" is out of range; allowed: 1ms to 24h"),
    ("ping_interval=often", "[websocket] ping_interval: \"often\" is not a duration"),
    ("max_age=721h", "[websocket] max_age: \"721h\" is out of range; allowed: 0 to 720h"),
    (
        "max_tunnels=1048577",
        "[websocket] max_tunnels: \"1048577\" is out of range; allowed: 0 to 1048576",
    ),
    (
        "max_tunnels_per_client=-1",
        "[websocket] max_tunnels_per_client: \"-1\" is not a decimal number",
    ),
    ("tunnel_rate=fast", "[websocket] tunnel_rate: \"fast\" is not a decimal number"),
    ("tunnel_burst=0", "[websocket] tunnel_burst: \"0\" is out of range; allowed: 1 to 1000000"),
    (
        "drain_close_code=1006",
        "[websocket] drain_close_code: \"1006\" is not one of the words known here; allowed: 1001",
    ),
    ("drain_time=25h", "[websocket] drain_time: \"25h\" is out of range; allowed: 0 to 24h"),
    ("rebalance_rate=0.5", "[websocket] rebalance_rate: \"0.5\" is not a decimal number"),
    (
        "health_check_type=tcp",
        "[websocket] health_check_type: \"tcp\" is not one of the words known here; allowed: http",
    ),
    ("server1_addr=a:1", "[websocket] server1_addr: not a key of this section but of [http]"),
    (
        "server1_max_workers=1",
        "[websocket] server1_max_workers: not a key of this section but of [http]",
    ),
    ("server1_max_worker=1", "[websocket] server1_max_worker: unknown key; "),
    ("server1=a:2", "[websocket] server1: given already on line 7"),
    ("algorithm=ip-hash", "[websocket] algorithm: \"ip-hash\" is not one of the words known here"),
];

/// The same for `[log]`, where it is line 7.
const IN_LOG: &[Row] = &[
    (
        "level=loud",
        "[log] level: \"loud\" is not one of the words known here; allowed: off, error, warn,",
    ),
    (
        "access=on",
        "[log] access: \"on\" is not one of the words known here; allowed: off, common, json",
    ),
    ("levels=info", "[log] levels: unknown key; did you mean level?"),
];

/// The same for `[admin]`, likewise.
const IN_ADMIN: &[Row] = &[
    ("host=*", "[admin] host: \"*\" is not a host name"),
    ("host=unix:a", "[admin] host: \"unix:a\" is a unix socket without an absolute path"),
    ("socket_mode=0680", "[admin] socket_mode: \"0680\" is not a mode of three or four octal"),
    ("socket_mode=1777", "[admin] socket_mode: \"1777\" is out of range"),
    ("host=0.0.0.0", "[admin] token: is required, because 0.0.0.0 is no loopback address"),
    ("host=gate", "[admin] token: is required, because gate is no loopback address"),
    ("port=65536", "[admin] port: \"65536\" is out of range"),
    ("token=", "[admin] token: \"(hidden)\" is too short or too long; allowed: 8 to 256 visible"),
    ("token=1234567", "[admin] token: \"(hidden)\" is too short or too long"),
    ("token=a b c d e f", "[admin] token: \"(hidden)\" is not made of visible ASCII characters"),
];

/// Whole files, with the whole message.
const FILES: &[Row] = &[
    ("", "there is no section [frontend]"),
    ("# nothing\n", "there is no section [frontend]"),
    ("host=h\n[frontend]", "line 1: host: stands before the first [section]"),
    ("[http]\nserver1=a:1", "there is no section [frontend]"),
    ("[frontend]\nhost=h\nport=80", "there is no section [http] or [websocket]"),
    (
        "\n[frontend]\nport=80\n[http]\nserver1=a:1",
        "line 2: [frontend] host: is required, and missing; \
         allowed: a host name, an IPv4 or an IPv6 address, or unix:/path",
    ),
    (
        "[frontend]\nhost=h\n[http]\nserver1=a:1",
        "line 1: [frontend] port: is required, and missing; allowed: 0 to 65535",
    ),
    (
        "[frontend]\nhost=h\nport=80\n[http]\nserver1=a:1\n[admin]",
        "line 6: [admin] port: is required, and missing; allowed: 0 to 65535",
    ),
    (
        "[frontend]\nhost=unix:/a\nport=80\n[http]\nserver1=a:1",
        "line 3: [frontend] port: means nothing where host is unix:/a",
    ),
    (
        "[frontend]\nhost=h\nsocket_mode=0600\nport=80\n[http]\nserver1=a:1",
        "line 3: [frontend] socket_mode: means nothing where host is h",
    ),
    (
        "[frontend]\nhost=unix:/a\n[http]\nserver1=a:1\n[admin]\nsocket_mode=0600\nport=1",
        "line 6: [admin] socket_mode: means nothing where host is 127.0.0.1",
    ),
    (
        "[frontend]\nhost=unix:/a\n[http]\nserver1=a:1\n[admin]\nhost=unix:/a",
        "line 6: [admin] host: unix:/a is where [frontend] listens",
    ),
    (
        "[frontend]\nhost=127.0.0.1\nport=1\n[http]\nserver1=a:1\n[admin]\nport=1",
        "line 6: [admin] host: 127.0.0.1:1 is where [frontend] listens",
    ),
    (
        "[frontend]\nhost=unix:@a\n[http]\nserver1=a:1",
        "line 2: [frontend] host: \"unix:@a\" is an abstract unix socket, which no file \
         permissions guard; allowed: a host name, an IPv4 or an IPv6 address, or unix:/path",
    ),
    (
        "[frontend]\nhost=unix:/a\nsocket_mode=rw\n[http]\nserver1=a:1",
        "line 3: [frontend] socket_mode: \"rw\" is not a mode of three or four octal digits; \
         allowed: 0000 to 0777, as chmod has it",
    ),
    (
        "[frontend]\nhost=unix:/a\n[http]\nserver1=unix:b",
        "line 4: [http] server1: \"unix:b\" is a unix socket without an absolute path; \
         allowed: host:port, with IPv6 in brackets, dns:name:port or unix:/path",
    ),
    (
        "[frontend]\nhost=h\nport=80\n[http]\nalgorithm=random",
        "line 4: [http]: has no servers; the first is server1 = host:port",
    ),
    (
        "[frontend]\nhost=*\nport=80\n[http]\nserver1=a:1",
        "line 2: [frontend] host: \"*\" is not a host name (0.0.0.0 is all of IPv4, \
         :: all addresses); \
         allowed: a host name, an IPv4 or an IPv6 address, or unix:/path",
    ),
    (
        "[frontend]\nhost=a\nport=80\nshutdown_timeout=2\ndrain_delay=2\n[http]\nserver1=a:1",
        "line 5: [frontend] drain_delay: \"2\" leaves no time to finish; \
         allowed: below shutdown_timeout",
    ),
    (
        "[frontend]\nhost=\nport=80\n[http]\nserver1=a:1",
        "line 2: [frontend] host: \"\" is not a host name; \
         allowed: a host name, an IPv4 or an IPv6 address, or unix:/path",
    ),
];

fn refusal(text: &str) -> String {
    match Config::from_text(text) {
        Ok(_) => panic!("taken, but should be refused:\n{text}"),
        Err(error) => error.to_string(),
    }
}

fn check(rows: &[Row], line: usize, file: impl Fn(&str) -> String) {
    for (wrong, expected) in rows {
        let message = refusal(&file(wrong));
        assert!(message.starts_with(&format!("line {line}: ")), "{wrong}: {message}");
        assert!(message.contains(expected), "{wrong}: {message}");
    }
}

#[test]
fn a_wrong_line_is_refused_with_its_number_and_the_reason() {
    check(IN_HTTP, 6, least);
    check(IN_FRONTEND, 3, |wrong| {
        let port = if wrong.starts_with("port=") { "" } else { "port=80\n" };
        format!("[frontend]\nhost=h\n{wrong}\n{port}[http]\nserver1=a:1\n")
    });
    check(IN_WEBSOCKET, 8, |wrong| least(&format!("[websocket]\nserver1=a:1\n{wrong}\n")));
    check(IN_LOG, 7, |wrong| least(&format!("[log]\n{wrong}\n")));
    for (wrong, expected) in IN_ADMIN {
        let port = if wrong.starts_with("port=") { "" } else { "port=1\n" };
        let message = refusal(&least(&format!("[admin]\n{wrong}\n{port}")));
        assert!(message.contains(expected), "{wrong}: {message}");
    }
    assert!(IN_HTTP.len() + IN_FRONTEND.len() + IN_WEBSOCKET.len() + IN_LOG.len() >= 80);
}

#[test]
fn a_wrong_file_is_refused_with_the_reason() {
    for (file, expected) in FILES {
        assert_eq!(refusal(file), *expected, "{file}");
    }
}

#[test]
fn every_key_is_refused_when_its_value_is_wrong() {
    let whole = FILES.iter().map(|(_, message)| *message);
    let tables = [IN_HTTP, IN_FRONTEND, IN_WEBSOCKET, IN_ADMIN, IN_LOG].into_iter().flatten();
    let messages: Vec<&str> = tables.map(|(_, message)| *message).chain(whole).collect();
    for row in reference() {
        let is_about = |number: u8| {
            let key = row.key.replacen('N', &number.to_string(), 1);
            row.sections.iter().any(|section| {
                let start = format!("[{section}] {key}: \"");
                messages.iter().any(|message| message.contains(&start))
            })
        };
        assert!(is_about(1) || is_about(2), "no row refuses a value of {}", row.key);
    }
}

#[test]
fn a_message_repeats_only_so_much_of_the_file() {
    let message = refusal(&least(&format!("{}=1", "k".repeat(5000))));
    assert!(message.contains(&format!("[http] {}...: unknown key; ", "k".repeat(80))), "{message}");
    let message = refusal(&least(&format!("algorithm={}", "é".repeat(5000))));
    assert!(message.contains(&format!("\"{}...\" is not", "é".repeat(80))), "{message}");
}
