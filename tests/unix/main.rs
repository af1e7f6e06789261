//! Unix sockets on either side, with the real program.

mod service;
mod support;

use crate::support::{Folder, Gateway, PATIENCE, connect, exchange, get, origin, run, wait_until};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: public\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A gateway on one unix socket in front of a server on another, with more keys in `[frontend]`.
fn config(folder: &Folder, keys: &str) -> String {
    format!(
        "[frontend]\nhost={}\n{keys}\n[http]\nserver1={}\n[log]\naccess=json\n",
        folder.unix("gate"),
        folder.unix("origin")
    )
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_request_crosses_from_one_unix_socket_to_another() {
    let folder = Folder::new();
    origin(&folder.path("origin"));
    let gateway = Gateway::start(&folder, &config(&folder, ""));
    let gate = folder.path("gate");
    let answer = get(&gate, "X-Forwarded-For: 192.0.2.7\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nHost: public\r\n"), "{answer}");
    assert!(!answer.contains("X-Forwarded-For"), "nobody vouches for it: {answer}");
    let line = gateway.printed("\"request\":\"GET / HTTP/1.1\"");
    assert!(line.contains("\"peer\":\"unix:\""), "{line}");
    assert!(line.contains(&format!("\"server\":\"{}\"", folder.unix("origin"))), "{line}");
    // A request that names no host is for the one that a unix socket stands for.
    let answer = exchange(connect(&gate), "GET / HTTP/1.0\r\n\r\n");
    assert!(answer.contains("\r\nHost: localhost\r\n"), "{answer}");
}

#[test]
fn a_server_is_told_the_client_that_a_proxy_header_names_on_a_unix_socket() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.path("origin")).unwrap();
    let text = format!(
        "[frontend]\nhost={}\nproxy_protocol=true\n[websocket]\nserver1={}\n\
         server1_send_proxy=v1\nenable_health_check=false\n",
        folder.unix("gate"),
        folder.unix("origin")
    );
    let _gateway = Gateway::start(&folder, &text);
    // What the client's proxy says, and what the server is told: a connection has two ends or none.
    let named = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 443\r\n";
    let nobody = "PROXY UNKNOWN\r\n";
    for (said, told) in [(named, named), (nobody, nobody)] {
        let mut client = connect(&folder.path("gate"));
        client.write_all(format!("{said}{HANDSHAKE}").as_bytes()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = vec![0; told.len()];
        server.read_exact(&mut line).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), told);
    }
}

/// The gateway goes to the next server when the kernel has no place left in a server's line.
#[test]
fn a_server_whose_socket_has_a_full_backlog_is_one_that_cannot_be_connected_to() {
    let folder = Folder::new();
    let full = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    full.bind(&SockAddr::unix(folder.path("full")).unwrap()).unwrap();
    full.listen(0).unwrap();
    let mut waiting = Vec::new();
    let begun = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&SockAddr::unix(folder.path("full")).unwrap()).map(|()| socket)
    };
    let error = loop {
        match begun() {
            Ok(socket) if waiting.len() < 16 => waiting.push(socket),
            Ok(_) => panic!("a line without an end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    origin(&folder.path("origin"));
    let servers = format!("server1={}\n", folder.unix("full"));
    let keys = "algorithm=round-robin\nenable_health_check=false\n";
    let alone = format!("[frontend]\nhost={}\n[http]\n{keys}{servers}", folder.unix("gate"));
    let gateway = Gateway::start(&folder, &alone);
    let answer = get(&folder.path("gate"), "");
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("connect_failed"), "{answer}");
    gateway.reload(&format!("{alone}server2={}\n", folder.unix("origin")));
    for _ in 0..4 {
        let answer = get(&folder.path("gate"), "");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[test]
fn whoever_comes_by_a_trusted_unix_socket_says_for_whom() {
    for (trusted, believed) in [("unix", true), ("private, 0.0.0.0/0, ::/0", false)] {
        let folder = Folder::new();
        origin(&folder.path("origin"));
        let keys = format!("trusted_proxies={trusted}");
        let _gateway = Gateway::start(&folder, &config(&folder, &keys));
        let answer = get(&folder.path("gate"), "X-Forwarded-For: 192.0.2.7\r\n");
        let found = answer.contains("\r\nX-Forwarded-For: 192.0.2.7\r\n");
        assert_eq!(found, believed, "{trusted}: {answer}");
    }
}

#[test]
fn a_large_body_crosses_whole() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.path("origin")).unwrap();
    let content = "0123456789abcdef".repeat(1 << 16);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{content}",
        content.len()
    );
    let length = content.len();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut inbox, mut room) = (Vec::new(), vec![0; 1 << 16]);
            let head = |inbox: &[u8]| inbox.windows(4).position(|end| end == b"\r\n\r\n");
            while head(&inbox).is_none_or(|end| inbox.len() < end + 4 + length) {
                let count = stream.read(&mut room).unwrap();
                assert_ne!(count, 0, "the request is cut");
                inbox.extend_from_slice(&room[..count]);
            }
            // Closed at once: what the gateway has not read yet must still reach it.
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let keys = format!("max_body_bytes={length}");
    let text = config(&folder, &keys)
        .replace("[log]", "enable_health_check=false\nserver1_min_workers=0\n[log]");
    let _gateway = Gateway::start(&folder, &text);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{content}"
    );
    let got = exchange(connect(&folder.path("gate")), &request);
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{}", &got[..got.len().min(200)]);
    assert!(got.ends_with(&format!("\r\n\r\n{content}")), "{} bytes", got.len());
}

#[test]
fn the_file_is_there_as_long_as_somebody_listens() {
    let folder = Folder::new();
    origin(&folder.path("origin"));
    let gate = folder.path("gate");
    let mut gateway = Gateway::start(&folder, &config(&folder, ""));
    assert!(fs::symlink_metadata(&gate).unwrap().file_type().is_socket());
    assert_eq!(mode(&gate), 0o660);
    assert!(gateway.stop().success());
    assert!(!gate.exists(), "it was left behind");
    // One that died left it behind. The next one takes its place.
    Gateway::start(&folder, &config(&folder, "socket_mode=0600")).kill();
    assert!(gate.exists(), "nobody was left to remove it");
    let mut gateway = Gateway::start(&folder, &config(&folder, "socket_mode=0600"));
    assert_eq!(mode(&gate), 0o600);
    assert!(get(&gate, "").starts_with("HTTP/1.1 200 OK\r\n"));
    // What is not ours any more is not removed.
    fs::remove_file(&gate).unwrap();
    let _other = UnixListener::bind(&gate).unwrap();
    assert!(gateway.stop().success());
    assert!(gate.exists(), "somebody else's socket is gone");
}

#[test]
fn nothing_but_a_dead_socket_is_taken_away() {
    let folder = Folder::new();
    let gate = folder.path("gate");
    let text = config(&folder, "");
    let complaint = || {
        let output = run("run", &folder, &text);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let in_the_way = "a file that is no socket is in the way";

    fs::write(&gate, "precious").unwrap();
    assert!(complaint().contains(in_the_way));
    assert_eq!(fs::read_to_string(&gate).unwrap(), "precious");
    fs::remove_file(&gate).unwrap();

    fs::create_dir(&gate).unwrap();
    assert!(complaint().contains(in_the_way));
    fs::remove_dir(&gate).unwrap();

    // Not even the link to a dead socket: what it leads to is somebody else's.
    drop(UnixListener::bind(folder.path("dead")).unwrap());
    symlink(folder.path("dead"), &gate).unwrap();
    assert!(complaint().contains(in_the_way));
    assert!(folder.path("dead").exists());
    fs::remove_file(&gate).unwrap();

    let alive = UnixListener::bind(&gate).unwrap();
    let expected = format!("cannot listen on {}: somebody listens there", folder.unix("gate"));
    assert!(complaint().contains(&expected));
    drop(alive);

    let lost = text.replace("/gate\n", "/nowhere/gate\n");
    let output = run("run", &folder, &lost);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("/nowhere/gate: No such file or directory"), "{message}");
}

#[test]
fn the_health_of_the_gateway_is_asked_by_its_unix_sockets() {
    let folder = Folder::new();
    let text = config(&folder, "");
    let with_admin = format!("{text}[admin]\nhost={}\n", folder.unix("admin"));
    for text in [text, with_admin] {
        let output = run("healthcheck", &folder, &text);
        assert_eq!(output.status.code(), Some(1), "nobody is there");
        let mut gateway = Gateway::start(&folder, &text);
        let output = run("healthcheck", &folder, &text);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"alive\n"[..]));
        assert!(gateway.stop().success());
    }
    assert!(!folder.path("admin").exists(), "the operators' door was left behind");
}

#[test]
fn a_server_is_probed_by_its_unix_socket() {
    let folder = Folder::new();
    let text = config(&folder, "").replace("[log]", "health_check_interval=50ms\n[log]");
    let gateway = Gateway::start(&folder, &text);
    gateway.wait_for_log("server1 (unix:", 1);
    let down = get(&folder.path("gate"), "");
    assert!(down.contains("no_healthy_server") || down.contains("connect_failed"), "{down}");
    origin(&folder.path("origin"));
    let gate = folder.path("gate");
    wait_until("the server to be up", || get(&gate, "").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_tunnel_crosses_and_unix_clients_are_not_counted_as_one() {
    use tungstenite::Message;
    let folder = Folder::new();
    origin(&folder.path("origin"));
    let text = format!(
        "[frontend]\nhost={}\n[websocket]\nserver1={}\nmax_tunnels_per_client=1\nsticky=ip\n\
         [log]\naccess=json\n",
        folder.unix("gate"),
        folder.unix("origin")
    );
    let gateway = Gateway::start(&folder, &text);
    let open = || {
        let stream = connect(&folder.path("gate"));
        tungstenite::client("ws://gate/", stream).expect("a tunnel").0
    };
    let mut tunnels = [open(), open(), open()];
    for tunnel in &mut tunnels {
        let words = Message::text("hello ".repeat(50_000));
        tunnel.send(words.clone()).unwrap();
        assert_eq!(tunnel.read().unwrap(), words);
    }
    let [mut first, ..] = tunnels;
    first.close(None).unwrap();
    while first.read().is_ok() {}
    let line = gateway.printed("tunnel_close");
    assert!(line.contains("\"peer\":\"unix:\""), "{line}");
}

#[test]
fn a_reload_may_change_the_mode_alone() {
    let folder = Folder::new();
    let gateway = Gateway::start(&folder, &config(&folder, ""));
    let gate = folder.path("gate");
    let before = fs::symlink_metadata(&gate).unwrap();
    gateway.reload(&config(&folder, "socket_mode=0606"));
    assert_eq!(mode(&gate), 0o606);
    let after = fs::symlink_metadata(&gate).unwrap();
    assert_eq!((before.dev(), before.ino()), (after.dev(), after.ino()), "it is the same file");
}

#[test]
fn a_listener_moves_from_unix_to_tcp_and_back_and_no_request_is_lost() {
    const MOVES: usize = 20;
    let folder = Folder::new();
    origin(&folder.path("origin"));
    let room = "server1_max_workers=8\nserver1_buffer_size=100\n[log]";
    let on_unix = config(&folder, "").replace("access=json", "access=off").replace("[log]", room);
    let on_tcp = on_unix.replace(&folder.unix("gate"), "127.0.0.1\nport=0");
    let gateway = Gateway::start(&folder, &on_unix);
    let gate = folder.path("gate");
    let (over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    // While the gateway listens elsewhere there is nothing to connect to.
                    let Ok(stream) = UnixStream::connect(&gate) else {
                        thread::sleep(Duration::from_millis(1));
                        continue;
                    };
                    served.fetch_add(requests_on(stream, 3), SeqCst);
                }
            });
        }
        for count in 1..=MOVES {
            let before = served.load(SeqCst);
            wait_until("requests on the unix socket", || served.load(SeqCst) > before + 20);
            gateway.reload(&on_tcp);
            assert!(!gate.exists());
            gateway.reload(&on_unix);
            assert!(gate.exists(), "after {count} moves");
        }
        over.store(true, SeqCst);
    });
    assert!(served.load(SeqCst) > MOVES * 20);
}

/// Sends requests one after the other on a connection that stands; each has to be answered.
fn requests_on(mut stream: UnixStream, count: usize) -> usize {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for number in 1..=count {
        let request = format!("GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut room = [0; 4096];
        // The answer's content is the request's head, which ends like a head.
        while answer.windows(4).filter(|window| window == b"\r\n\r\n").count() < 2 {
            let read = stream.read(&mut room).unwrap();
            assert_ne!(read, 0, "cut: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&room[..read]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    count
}
