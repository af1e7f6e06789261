//! As a service: what the manager hears, and the sockets that it hands down.

use crate::support::{Folder, Gateway, PATIENCE, connect, exchange, get, origin, run, wait_until};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate");

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

fn config(folder: &Folder, listener: &str) -> String {
    format!("[frontend]\nhost={listener}\n[http]\nserver1={}\n", folder.unix("origin"))
}

/// The next message, which has to come soon.
fn heard(manager: &UnixDatagram) -> String {
    let mut room = [0; 4096];
    let count = manager.recv(&mut room).expect("a message");
    String::from_utf8(room[..count].to_vec()).unwrap()
}

#[test]
fn the_service_manager_hears_of_every_step() {
    let folder = Folder::new();
    origin(&folder.path("origin"));
    let name = format!("tidegate-notify-{}", std::process::id());
    let hidden = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let by_file = UnixDatagram::bind(folder.path("notify")).unwrap();
    let path = folder.path("notify").display().to_string();
    for (manager, place) in [(by_file, path), (hidden, format!("@{name}"))] {
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = Command::new(PROGRAM);
        command.env("NOTIFY_SOCKET", place).stdin(Stdio::null());
        let text = config(&folder, &folder.unix("gate"));
        let mut gateway = Gateway::start_by(command, &folder, &text);
        let at = folder.unix("gate");
        assert_eq!(heard(&manager), format!("READY=1\nSTATUS=listening on {at}\n"));
        assert!(get(&folder.path("gate"), "").starts_with("HTTP/1.1 200 OK\r\n"), "it is ready");

        for (text, outcome) in [
            (text.clone(), "the new configuration is in force"),
            ("[frontend]".to_owned(), "the old configuration is in force: "),
        ] {
            fs::write(folder.path("gate.ini"), text).unwrap();
            gateway.signal(Signal::HUP);
            let reloading = heard(&manager);
            let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            assert!(since.trim_end().parse::<u64>().is_ok_and(|time| time > 0), "{reloading}");
            let ready = heard(&manager);
            assert!(ready.starts_with(&format!("READY=1\nSTATUS={outcome}")), "{ready}");
        }
        assert!(gateway.stop().success());
        assert_eq!(heard(&manager), "STOPPING=1\n");
        manager.set_nonblocking(true).unwrap();
        assert!(manager.recv(&mut [0; 64]).is_err(), "that was all");
    }
}

/// A command that hands a socket down as the service manager does: descriptor 3, and variables
/// that name the process.
fn activated(socket: impl Into<OwnedFd>) -> Command {
    let script = "export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\" 3<&0 </dev/null";
    let mut command = Command::new("sh");
    command.args(["-c", script, PROGRAM]).stdin(Stdio::from(socket.into()));
    command
}

#[test]
fn a_socket_of_the_service_manager_keeps_clients_from_one_gateway_to_the_next() {
    let folder = Folder::new();
    origin(&folder.path("origin"));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    let text = config(&folder, &format!("127.0.0.1\nport={}", at.port()));
    // Whoever comes before anybody is there is answered, and so is whoever comes in between.
    for _ in 0..3 {
        let mut early = TcpStream::connect(at).unwrap();
        early.set_read_timeout(Some(PATIENCE)).unwrap();
        early.write_all(REQUEST.as_bytes()).unwrap();
        let handed = socket.try_clone().unwrap();
        let mut gateway = Gateway::start_by(activated(handed), &folder, &text);
        let mut answer = String::new();
        early.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let answer = exchange(TcpStream::connect(at).unwrap(), REQUEST);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        // The manager's socket would go on to take clients that nobody serves.
        gateway.signal(Signal::HUP);
        gateway.wait_for_log("configuration was read again", 1);
        fs::write(folder.path("gate.ini"), config(&folder, &folder.unix("gate"))).unwrap();
        gateway.signal(Signal::HUP);
        gateway.wait_for_log("nothing changes: the socket of [frontend]", 1);
        assert!(gateway.stop().success());
    }
}

#[test]
fn a_unix_socket_of_the_service_manager_is_not_removed() {
    let folder = Folder::new();
    origin(&folder.path("origin"));
    let socket = UnixListener::bind(folder.path("gate")).unwrap();
    let text = config(&folder, &folder.unix("gate"));
    for _ in 0..2 {
        let handed = socket.try_clone().unwrap();
        let mut gateway = Gateway::start_by(activated(handed), &folder, &text);
        let answer = exchange(connect(&folder.path("gate")), REQUEST);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(gateway.stop().success());
        wait_until("its file to stay", || folder.path("gate").exists());
    }
}

#[test]
fn a_socket_that_no_section_asks_for_ends_the_start() {
    let folder = Folder::new();
    let text = config(&folder, &folder.unix("gate"));
    fs::write(folder.path("gate.ini"), &text).unwrap();
    let start = |socket: OwnedFd| -> Output {
        activated(socket).arg(folder.path("gate.ini")).output().unwrap()
    };
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = elsewhere.local_addr().unwrap();
    let (one_end, _other) = UnixStream::pair().unwrap();
    for (socket, why) in [
        (OwnedFd::from(elsewhere), format!("no section, or no other, listens on {at}")),
        (OwnedFd::from(one_end), "a socket that does not listen".to_owned()),
        (OwnedFd::from(UnixDatagram::unbound().unwrap()), "not a valid tcp socket".to_owned()),
        (OwnedFd::from(fs::File::open("/dev/null").unwrap()), "is not a socket".to_owned()),
    ] {
        let output = start(socket);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.contains("cannot take over a socket of the service manager: "),
            "{message}"
        );
        assert!(message.contains(&why), "{message}");
    }
    // What is meant for another process is none of ours.
    let mut command = Command::new(PROGRAM);
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1").stdin(Stdio::null());
    let mut gateway = Gateway::start_by(command, &folder, &text);
    assert!(gateway.stop().success());
    assert!(run("check", &folder, &text).status.success());
}
