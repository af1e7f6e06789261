//! What is taken, and what it means.

use std::fmt;
use std::time::Duration;

use log::LevelFilter;

use super::{EXAMPLE, least};
use crate::config::keys::{ADMIN, FRONTEND, LOG, SECTION, SERVER, TUNNELS};
use crate::config::rule::{Fallback, Key, Rule};
use crate::config::{Access, Address, Algorithm, Config, Frontend, HealthCheck, Log, Section};
use crate::config::{Question, ServerConfig, Sticky, Tunnels, Workers, reference};
use crate::proxy_protocol::Version;

fn read(text: &str) -> Config {
    Config::from_text(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn default_workers() -> Workers {
    let spawn_timeout = Duration::from_millis(100);
    Workers { max: 3, min: 1, timeout: seconds(3), buffer_size: 10, spawn_timeout }
}

fn default_tunnels() -> Tunnels {
    Tunnels {
        idle_timeout: seconds(3600),
        close_timeout: seconds(1),
        ping_interval: Duration::ZERO,
        max_age: Duration::ZERO,
        max: 0,
        max_per_client: 0,
        rate: 0,
        burst: 100,
        drain_close_code: 1001,
        drain_time: seconds(30),
        rebalance_rate: 0,
    }
}

fn section(algorithm: Algorithm, workers: &Workers) -> Section {
    let path = "/healthCheck".to_owned();
    let servers = (1..=3).map(|number| ServerConfig {
        number,
        address: Address::Tcp { host: format!("es{number}_hc"), port: 8080 },
        each_address: false,
        send_proxy: None,
        weight: 1,
        backup: false,
        workers: workers.clone(),
    });
    Section {
        algorithm,
        health: Some(HealthCheck {
            question: Question::Http,
            interval: seconds(10),
            timeout: seconds(2),
            path,
            rise: 1,
            fall: 1,
        }),
        connect_timeout: seconds(3),
        response_timeout: seconds(60),
        sticky: Sticky::Off,
        max_fails: 3,
        fail_timeout: seconds(10),
        slow_start: Duration::ZERO,
        tunnels: default_tunnels(),
        servers: servers.collect(),
    }
}

#[test]
fn the_first_file_means_what_it_always_meant() {
    let config = read(EXAMPLE);
    let frontend = Frontend {
        address: Address::Tcp { host: "rp_v11".to_owned(), port: 8080 },
        socket_mode: 0o660,
        max_connections: None,
        header_timeout: seconds(10),
        body_timeout: seconds(30),
        idle_timeout: seconds(75),
        write_timeout: seconds(30),
        max_header_bytes: 16384,
        max_headers: 100,
        max_body_bytes: 0,
        trusted_proxies: Vec::new(),
        proxy_protocol: false,
        shutdown_timeout: seconds(8),
        drain_delay: Duration::ZERO,
    };
    let workers = Workers { max: 10, min: 3, buffer_size: 20, ..default_workers() };
    assert_eq!(config.frontend, frontend);
    assert_eq!(config.http, Some(section(Algorithm::Random, &workers)));
    assert_eq!(config.websocket, Some(section(Algorithm::RoundRobin, &default_workers())));
    assert_eq!(config.log, Log { level: LevelFilter::Info, access: Access::Off });
}

/// A file with every key.
const EVERY_KEY: &str = "\
[frontend]
host = ::
port = 0
max_connections = 100
header_timeout = 1ms
body_timeout = 2
idle_timeout = 3m
write_timeout = 24h
max_header_bytes = 256
max_headers = 1
max_body_bytes = 9007199254740991
trusted_proxies = private, 203.0.113.7
proxy_protocol = true
shutdown_timeout = 6
drain_delay = 5s
[http]
algorithm = round-robin
sticky = ip
enable_health_check = true
health_check_interval = 10ms
health_check_timeout = 1s
health_check_path = /health?deep=1
health_check_rise = 2
health_check_fall = 3
connect_timeout = 4
response_timeout = 5
max_fails = 0
fail_timeout = 7
slow_start = 90
server7_weight = 256
server7_backup = false
server7_addr = [::1]:9
server7_send_proxy = v2
server7_max_workers = 65535
server7_min_workers = 0
server7_worker_timeout = 6
server7_buffer_size = 0
server7_spawn_timeout = 0
[websocket]
algorithm = least-connections
sticky = cookie
health_check_type = websocket
idle_timeout = 720h
close_timeout = 2
ping_interval = 30
max_age = 24h
max_tunnels = 9000
max_tunnels_per_client = 7
tunnel_rate = 50
tunnel_burst = 10
drain_close_code = 1012
drain_time = 90
rebalance_rate = 5
server18446744073709551615 = 10.0.0.1:65535
server18446744073709551615_send_proxy = v1
server0 = 10.0.0.2:1
server0_weight = 2
server0_backup = true
[admin]
host = unix:/run/gate/admin.sock
socket_mode = 0600
token = open-sesame
[log]
level = trace
access = json
";

#[test]
fn every_key_can_be_given() {
    let config = read(EVERY_KEY);
    let (frontend, http) = (&config.frontend, config.http.as_ref().expect("[http]"));
    assert_eq!(frontend.address, Address::Tcp { host: "::".to_owned(), port: 0 });
    assert_eq!(frontend.max_connections, Some(100));
    assert_eq!(frontend.header_timeout, Duration::from_millis(1));
    assert_eq!(frontend.body_timeout, seconds(2));
    assert_eq!(frontend.idle_timeout, seconds(180));
    assert_eq!(frontend.write_timeout, seconds(86_400));
    assert_eq!((frontend.max_header_bytes, frontend.max_headers), (256, 1));
    assert_eq!(frontend.max_body_bytes, 9_007_199_254_740_991);
    assert_eq!(frontend.trusted_proxies.len(), 9);
    assert!(frontend.proxy_protocol);
    assert_eq!((frontend.shutdown_timeout, frontend.drain_delay), (seconds(6), seconds(5)));
    assert_eq!(http.algorithm, Algorithm::RoundRobin);
    let path = "/health?deep=1".to_owned();
    let (interval, timeout) = (Duration::from_millis(10), seconds(1));
    assert_eq!(http.sticky, Sticky::Ip);
    let question = Question::Http;
    assert_eq!(
        http.health,
        Some(HealthCheck { question, interval, timeout, path, rise: 2, fall: 3 })
    );
    assert_eq!((http.connect_timeout, http.response_timeout), (seconds(4), seconds(5)));
    assert_eq!((http.max_fails, http.fail_timeout), (0, seconds(7)));
    assert_eq!(http.slow_start, seconds(90));
    let server = ServerConfig {
        number: 7,
        address: Address::Tcp { host: "::1".to_owned(), port: 9 },
        each_address: false,
        send_proxy: Some(Version::V2),
        weight: 256,
        backup: false,
        workers: Workers {
            max: 65535,
            min: 0,
            timeout: seconds(6),
            buffer_size: 0,
            spawn_timeout: seconds(0),
        },
    };
    assert_eq!(http.servers, [server]);
    let websocket = config.websocket.as_ref().expect("[websocket]");
    assert_eq!(websocket.servers[1].send_proxy, Some(Version::V1));
    let tunnels = Tunnels {
        idle_timeout: seconds(720 * 3600),
        close_timeout: seconds(2),
        ping_interval: seconds(30),
        max_age: seconds(86_400),
        max: 9000,
        max_per_client: 7,
        rate: 50,
        burst: 10,
        drain_close_code: 1012,
        drain_time: seconds(90),
        rebalance_rate: 5,
    };
    assert_eq!(websocket.tunnels, tunnels);
    assert_eq!(websocket.algorithm, Algorithm::LeastConnections);
    assert_eq!(websocket.sticky, Sticky::Cookie);
    let question = websocket.health.as_ref().map(|health| health.question);
    assert_eq!(question, Some(Question::WebSocket));
    let servers = websocket.servers.iter().map(|s| (s.number, s.weight, s.backup));
    assert_eq!(servers.collect::<Vec<_>>(), [(0, 2, true), (u64::MAX, 1, false)]);
    let admin = config.admin.as_ref().expect("[admin]");
    assert_eq!(admin.address, Address::Unix("/run/gate/admin.sock".into()));
    assert_eq!(admin.socket_mode, 0o600);
    assert_eq!(config.log, Log { level: LevelFilter::Trace, access: Access::Json });
}

#[test]
fn a_unix_socket_stands_for_host_and_port_and_is_a_server_too() {
    let text = "[frontend]\nhost=unix:/run/a\n[http]\nserver1=unix:/run/b\nserver2_addr=h:1\n\
                [websocket]\nserver1=unix:/run/b\n[admin]\nhost=unix:/run/c\n";
    let config = read(text);
    let unix = |path: &str| Address::Unix(path.into());
    assert_eq!((&config.frontend.address, config.frontend.socket_mode), (&unix("/run/a"), 0o660));
    for section in [&config.http, &config.websocket] {
        assert_eq!(section.as_ref().expect("it is there").servers[0].address, unix("/run/b"));
    }
    let admin = config.admin.as_ref().expect("[admin]");
    assert_eq!(
        (&admin.address, admin.socket_mode, admin.is_loopback()),
        (&unix("/run/c"), 0o660, true)
    );
    // What a listener has no use for is not among the values.
    let keys = |config: &Config| -> Vec<_> {
        let listener = |key: &&str| ["host", "port", "socket_mode"].contains(key);
        let keys: Vec<_> = config.settings.iter().map(|setting| setting.key.as_str()).collect();
        keys.into_iter().filter(listener).map(str::to_owned).collect()
    };
    assert_eq!(keys(&config), ["host", "socket_mode", "host", "socket_mode"]);
    let config = read("[frontend]\nhost=h\nport=1\n[http]\nserver1=a:1\n[admin]\nport=2");
    assert_eq!(keys(&config), ["host", "port", "host", "port"]);
}

#[test]
fn every_given_setting_tells_its_line_and_every_key_is_among_them() {
    let config = read(EVERY_KEY);
    let mut given = 0;
    for setting in &config.settings {
        if let Some(line) = setting.line {
            let line = EVERY_KEY.lines().nth(line - 1).expect("a line of the file");
            assert!(line.starts_with(&format!("{} = ", setting.key)), "{setting:?}: {line}");
            given += 1;
        }
    }
    assert_eq!(given, EVERY_KEY.lines().filter(|line| line.contains(" = ")).count());
    for row in reference() {
        let key = row.key.replace("serverN", "server7");
        assert!(row.key == "serverN" || EVERY_KEY.contains(&format!("\n{key} = ")), "{key}");
    }
}

#[test]
fn one_of_the_two_sections_with_servers_is_enough() {
    let config = read(&least(""));
    assert!(config.http.is_some() && config.websocket.is_none());
    let config = read("[websocket]\nserver1=a:1\n[frontend]\nhost=h\nport=80");
    assert!(config.http.is_none() && config.websocket.is_some());
}

#[test]
fn servers_stand_in_the_order_of_their_numbers() {
    let config = read(&least("server10=a:10\nserver2_addr=a:2\nserver0=a:3"));
    let http = config.http.expect("[http]");
    let numbers: Vec<u64> = http.servers.iter().map(|server| server.number).collect();
    assert_eq!(numbers, [0, 1, 2, 10]);
}

#[test]
fn health_checks_can_be_turned_off() {
    let config = read(&least("enable_health_check=false\nhealth_check_rise=2"));
    assert_eq!(config.http.expect("[http]").health, None);
}

#[test]
fn what_a_line_holds_besides_its_meaning_is_no_matter() {
    let plain = read(&least("connect_timeout=5"));
    let same = [
        least("connect_timeout=5").replace('\n', "\r\n"),
        format!("\u{feff}{}", least("connect_timeout=5\n\n\n")),
        least(" \t connect_timeout \t=  5 \t"),
        least("; a = b\n  # c = d\n\t;\n#\nconnect_timeout=5 # not a comment")
            .replace(" # not a comment", ""),
        least("connect_timeout=5").replace("[http]", "  [http]  "),
        least("connect_timeout=5").replace("[http]", "[ http ]"),
        least("connect_timeout=005s"),
    ];
    for text in same {
        let config = read(&text);
        assert_eq!((config.frontend, config.http), (plain.frontend.clone(), plain.http.clone()));
    }
}

#[test]
fn a_setting_tells_its_value_and_its_line() {
    let config = read(&least("connect_timeout=90"));
    let find = |key: &str| {
        let found = config.settings.iter().find(|setting| setting.key == key).expect(key);
        (found.section, found.value.as_str(), found.line)
    };
    assert_eq!(find("port"), ("frontend", "80", Some(3)));
    assert_eq!(find("max_connections"), ("frontend", "from the descriptor limit", None));
    assert_eq!(find("connect_timeout"), ("http", "90s", Some(6)));
    assert_eq!(find("response_timeout"), ("http", "1m", None));
    assert_eq!(find("server1"), ("http", "a:1", Some(5)));
    assert_eq!(find("server1_max_workers"), ("http", "3", None));
    assert!(!config.settings.iter().any(|setting| setting.key == "server1_addr"));
}

/// Every default is what a file could hold, and the end of every range fits its field.
fn check_rows<T: Clone + fmt::Debug>(table: &[Key<T>], filled: &T) {
    for row in table {
        let mut target = filled.clone();
        if let Fallback::Value(text) = row.fallback {
            assert_eq!(row.rule.apply(&mut target, text).as_deref(), Ok(text), "{}", row.name);
            // The port behind a host is a key of its own, and comes after it.
            if !matches!(row.rule, Rule::Listener(_)) {
                assert_eq!(format!("{target:?}"), format!("{filled:?}"), "{}", row.name);
            }
        }
        if let Rule::Integer(range, _) = &row.rule {
            let most = range.end().to_string();
            assert_eq!(row.rule.apply(&mut target, &most).as_deref(), Ok(most.as_str()));
            let shown = format!("{target:?}");
            assert!(shown.contains(&most), "{}: {most} does not fit in {shown}", row.name);
        }
    }
}

#[test]
fn every_default_is_in_range_and_every_range_fits_its_field() {
    let config = read(&least("[admin]\nport=1\n"));
    let http = config.http.expect("[http]");
    check_rows(FRONTEND, &config.frontend);
    check_rows(SERVER, http.servers.first().expect("server1"));
    check_rows(SECTION, &http);
    check_rows(TUNNELS, &http);
    check_rows(ADMIN, config.admin.as_ref().expect("[admin]"));
    check_rows(LOG, &config.log);
}

#[test]
fn a_file_is_read_whole_and_named_in_errors() {
    let path = std::env::temp_dir().join(format!("tidegate-config-{}.ini", std::process::id()));
    let attempt = |content: &[u8]| {
        std::fs::write(&path, content).expect("a file to read");
        Config::load(&path).map(|_| ()).map_err(|error| error.to_string())
    };
    let file = path.display();
    let rows = [
        (EXAMPLE.as_bytes().to_vec(), Ok(())),
        (b"[frontend]\nhots=h".to_vec(), Err(format!("{file}:2: [frontend] hots: unknown key"))),
        (b"[frontend]\n# \xff\n".to_vec(), Err(format!("{file}:2: is not UTF-8"))),
        (vec![b'\n'; (1 << 20) + 1], Err(format!("{file}: is larger than 1048576 bytes"))),
        (Vec::new(), Err(format!("{file}: there is no section [frontend]"))),
    ];
    for (content, expected) in rows {
        match (attempt(&content), expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(start)) => assert!(found.starts_with(&start), "{found}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }
    std::fs::remove_file(&path).expect("the file is there");
    let missing = Config::load(&path).map(|_| ()).map_err(|error| error.to_string());
    assert!(missing.is_err_and(|error| error.starts_with(&format!("{file}: cannot be read: "))));
}
