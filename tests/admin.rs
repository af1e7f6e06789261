//! What operators see and do, with the real program: status, control, access log, reload.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that can only be looked at.
#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A server that answers every request with its head, and counts its connections.
struct Origin {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Origin {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || serve(stream));
            }
        });
        Self { address, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match reader.read_line(&mut head) {
                Ok(count) if count > 0 => {}
                Ok(_) | Err(_) => return,
            }
        }
        let length = head.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The program at work; killed when the test is over.
struct Gateway {
    child: Child,
    file: PathBuf,
    front: SocketAddr,
    office: SocketAddr,
}

impl Gateway {
    fn start(config: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("tidegate-admin-{}-{number}.ini", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (mut front, mut office) = (None, None);
        while front.is_none() || office.is_none() {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
            if let Some((_, rest)) = line.split_once("listening on ") {
                front = rest.split(',').next().unwrap().parse().ok();
            } else if let Some((_, rest)) = line.split_once("status page: http://") {
                office = rest.trim().trim_end_matches('/').parse().ok();
            }
        }
        thread::spawn(move || log.lines().map_while(Result::ok).for_each(drop));
        Self { child, file, front: front.unwrap(), office: office.unwrap() }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn reload(&self, config: &str) {
        let before = self.reloads();
        std::fs::write(&self.file, config).unwrap();
        self.signal(Signal::HUP);
        wait_until("the reload", || self.reloads() > before);
    }

    fn reloads(&self) -> u64 {
        self.status()["totals"]["reloads"].as_u64().unwrap()
    }

    fn status(&self) -> Value {
        let answer = ask(self.office, "GET /status", "");
        assert_eq!(answer.status, 200);
        serde_json::from_str(&answer.content).unwrap()
    }

    fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.child.stdout.take().unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.file);
    }
}

struct Answer {
    status: u16,
    head: String,
    content: String,
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Puts one request on a connection and reads the answer, by its Content-Length.
fn put(stream: &mut TcpStream, line: &str, fields: &str) -> Answer {
    let host = stream.peer_addr().unwrap();
    let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "no answer to {line}: {head:?}");
    }
    let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")).unwrap();
    let mut content = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut content).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, content: String::from_utf8(content).unwrap() }
}

fn ask(address: SocketAddr, line: &str, fields: &str) -> Answer {
    put(&mut connect(address), line, &format!("Connection: close\r\n{fields}"))
}

fn config(servers: &[&Origin], more: &str) -> String {
    let mut text = format!(
        "[frontend]\nhost=127.0.0.1\nport=0\n{more}\n[admin]\nport=0\n[http]\n\
         algorithm=round-robin\nenable_health_check=false\n"
    );
    for (server, number) in servers.iter().zip(1..) {
        text.push_str(&format!("server{number}={}\n", server.address));
    }
    text
}

#[test]
fn every_rendering_tells_of_the_same_requests() {
    let origin = Origin::start();
    let gateway = Gateway::start(&config(&[&origin], ""));
    for _ in 0..3 {
        assert_eq!(ask(gateway.front, "GET /", "").status, 200);
    }
    assert_eq!(ask(gateway.front, "GET http://", "").status, 400);
    let status = gateway.status();
    assert_eq!(status["version"], 1);
    assert_eq!(status["sections"][0]["servers"][0]["responses"]["2xx"], 3);
    assert_eq!(status["sections"][0]["servers"][0]["latency"]["total"]["count"], 3);
    assert_eq!(status["loop"]["operators"], 1, "operators are counted apart");
    let metrics = ask(gateway.office, "GET /metrics", "");
    assert!(metrics.head.contains("Content-Type: text/plain; version=0.0.4"));
    let labels = format!("{{section=\"http\",server=\"1\",address=\"{}\"}}", origin.address);
    let sample = format!("tidegate_exchange_seconds_count{labels} 3\n");
    assert!(metrics.content.contains(&sample), "{}", metrics.content);
    assert!(metrics.content.contains(",status=\"400\"} 1\n"));
    let page = ask(gateway.office, "GET /", "");
    assert!(page.head.contains("Content-Security-Policy: default-src 'none'"));
    assert!(page.content.contains(&origin.address.to_string()));
    assert_eq!(ask(gateway.office, "GET /live", "").status, 200);
    assert_eq!(ask(gateway.office, "GET /nothing", "").status, 404);
    assert_eq!(ask(gateway.office, "POST /status", "").status, 405);
}

#[test]
fn one_connection_takes_many_questions() {
    let origin = Origin::start();
    let gateway = Gateway::start(&config(&[&origin], ""));
    let mut stream = connect(gateway.office);
    for line in ["GET /live", "GET /status", "GET /metrics", "GET /", "GET /nothing", "GET /ready"]
    {
        assert!(put(&mut stream, line, "").status < 500, "{line}");
    }
}

#[test]
fn weights_are_told_and_a_spare_takes_over_when_the_others_are_drained() {
    let (one, spare) = (Origin::start(), Origin::start());
    let keys = "server1_weight=7\nserver2_backup=true\nserver2_min_workers=0\nslow_start=1h\n";
    let gateway = Gateway::start(&(config(&[&one, &spare], "") + keys));
    let servers = || gateway.status()["sections"][0]["servers"].clone();
    let first = servers()[0].clone();
    assert_eq!((&first["weight"], &first["effective_weight"]), (&7.into(), &7.0.into()));
    assert_eq!((&first["backup"], &servers()[1]["backup"]), (&false.into(), &true.into()));
    assert_eq!(ask(gateway.front, "GET /", "").status, 200);
    assert_eq!(spare.connections(), 0);
    assert_eq!(ask(gateway.office, "POST /servers/http/1/drain", "").status, 200);
    assert_eq!(ask(gateway.front, "GET /", "").status, 200);
    assert_eq!(spare.connections(), 1);
    assert_eq!(ask(gateway.office, "POST /servers/http/1/restore", "").status, 200);
    assert_eq!(ask(gateway.front, "GET /", "").status, 200);
    assert_eq!(spare.connections(), 1);
    let warming = servers()[0]["effective_weight"].as_f64().unwrap();
    assert!((0.01..1.0).contains(&warming), "{warming}");
    let metrics = ask(gateway.office, "GET /metrics", "").content;
    let labels = format!("{{section=\"http\",server=\"2\",address=\"{}\"}}", spare.address);
    assert!(metrics.contains(&format!("tidegate_server_weight{labels} 1\n")), "{metrics}");
    let page = ask(gateway.office, "GET /", "").content;
    assert!(page.contains(" of 7</dd>") && page.contains("weight, spare"), "{page}");
}

#[test]
fn sitting_out_begins_and_ends_with_an_event_which_is_the_same_the_next_time() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let servers = format!("server1={refusing}\nmax_fails=1\nfail_timeout=300ms\n");
    let gateway = Gateway::start(&(config(&[], "") + &servers));
    let server = format!("[http] server1 ({refusing})");
    let told = || -> Vec<String> {
        let status = gateway.status();
        let events = status["events"].as_array().unwrap().iter().rev();
        let mine = events.filter(|e| e["subject"] == server.as_str() && e["kind"] != "spawned");
        let words = mine.map(|e| ["kind", "detail", "count"].map(|key| e[key].to_string()));
        words.map(|words| words.join(" ").replace('"', "")).collect()
    };
    // It is gone for good, and takes two lines however often it is tried.
    for count in 1..=3 {
        assert_eq!(ask(gateway.front, "GET /", "").status, 502);
        let expected = [
            format!("down no connection {count}"),
            format!("up its time to sit out is over {count}"),
        ];
        wait_until("both events", || told() == expected);
    }
}

#[test]
fn a_drained_server_gets_nothing_until_it_is_restored() {
    let (one, two) = (Origin::start(), Origin::start());
    let gateway = Gateway::start(&config(&[&one, &two], ""));
    assert_eq!(ask(gateway.office, "POST /servers/http/1/drain", "").status, 200);
    assert_eq!(ask(gateway.office, "POST /servers/http/3/drain", "").status, 404);
    let foreign = "Origin: http://elsewhere.example\r\n";
    assert_eq!(ask(gateway.office, "POST /servers/http/2/drain", foreign).status, 403);
    for _ in 0..4 {
        assert_eq!(ask(gateway.front, "GET /", "").status, 200);
    }
    let server = |number: usize| gateway.status()["sections"][0]["servers"][number - 1].clone();
    assert_eq!(
        (&server(1)["standing"], &server(1)["responses"]["2xx"]),
        (&"drained".into(), &0.into())
    );
    assert_eq!(server(2)["responses"]["2xx"], 4);
    wait_until("its idle workers to go", || server(1)["workers"]["idle"] == 0);
    assert_eq!(ask(gateway.office, "POST /servers/http/2/drain", "").status, 200);
    assert_eq!(ask(gateway.front, "GET /", "").status, 503);
    let from_page = ask(gateway.office, "POST /servers/http/1/restore", "Accept: text/html\r\n");
    assert_eq!(from_page.status, 303);
    assert_eq!(ask(gateway.front, "GET /", "").status, 200);
    assert_eq!(server(1)["responses"]["2xx"], 1);
    let events = gateway.status()["events"].clone();
    let kinds: Vec<&str> =
        events.as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "drained").count(), 2, "{kinds:?}");
}

#[test]
fn whoever_watches_is_told_once_a_second() {
    let origin = Origin::start();
    let gateway = Gateway::start(&config(&[&origin], ""));
    for (path, start) in [("/events", "data: {\""), ("/events/page", "data: <header>")] {
        let mut stream = connect(gateway.office);
        let host = gateway.office;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        let events = lines.filter(|line| line.starts_with(start)).take(3);
        assert_eq!(events.count(), 3, "{path}");
    }
    wait_until("the watchers to be gone", || gateway.status()["loop"]["operators"] == 1);
}

#[test]
fn readiness_ends_with_the_first_signal_and_the_office_stays_open() {
    let origin = Origin::start();
    let more = "drain_delay=20s\nshutdown_timeout=30s";
    let gateway = Gateway::start(&config(&[&origin], more));
    assert_eq!(ask(gateway.office, "GET /ready", "").status, 200);
    gateway.signal(Signal::TERM);
    wait_until("not to be ready", || ask(gateway.office, "GET /ready", "").status == 503);
    assert_eq!(ask(gateway.office, "GET /live", "").status, 200);
    assert_eq!(ask(gateway.front, "GET /", "").status, 200, "it goes on answering");
}

#[test]
fn beyond_loopback_a_token_is_required_and_asked_for() {
    let origin = Origin::start();
    let text = config(&[&origin], "").replace("[admin]", "[admin]\nhost=0.0.0.0");
    let file = std::env::temp_dir().join(format!("tidegate-token-{}.ini", std::process::id()));
    std::fs::write(&file, &text).unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_tidegate")).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("[admin] token: is required"));
    let gateway = Gateway::start(&text.replace("host=0.0.0.0", "host=0.0.0.0\ntoken=open-sesame"));
    let office = SocketAddr::from(([127, 0, 0, 1], gateway.office.port()));
    let denied = ask(office, "GET /status", "");
    assert_eq!(denied.status, 401);
    assert!(denied.head.contains("WWW-Authenticate: Basic"));
    let token = "Authorization: Bearer open-sesame\r\n";
    assert_eq!(ask(office, "GET /status", token).status, 200);
    assert_eq!(ask(office, "GET /ready", "").status, 200);
}

#[test]
fn the_access_log_and_the_server_know_a_request_by_the_same_id() {
    let origin = Origin::start();
    let text = config(&[&origin], "trusted_proxies=private") + "[log]\naccess=json\n";
    let mut gateway = Gateway::start(&text);
    let mut output = gateway.stdout();
    let mut lines = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    let given = ask(gateway.front, "GET /a?b=%22", "X-Request-Id: from-outside\r\n");
    assert!(given.content.contains("X-Request-Id: from-outside\r\n"));
    let line = lines();
    assert_eq!(line["id"], "from-outside");
    assert_eq!((&line["request"], &line["status"]), (&"GET /a?b=%22 HTTP/1.1".into(), &200.into()));
    assert_eq!((&line["reason"], &line["section"]), (&"relayed".into(), &"http".into()));
    assert_eq!(line["bytes"].as_u64(), Some(given.content.len() as u64));
    assert!(line["total"].as_f64().unwrap() >= line["first_byte"].as_f64().unwrap());
    let made = ask(gateway.front, "GET /", "X-Request-Id: not plain\r\n");
    let id = lines()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 16);
    assert!(made.content.contains(&format!("X-Request-Id: {id}\r\n")));
    assert!(!made.content.contains("not plain"));
}

#[test]
fn a_request_that_had_to_go_elsewhere_says_so_in_the_log() {
    let (origin, gone) = (Origin::start(), TcpListener::bind("127.0.0.1:0").unwrap());
    let dead = gone.local_addr().unwrap();
    drop(gone);
    let text = config(&[&origin], "") + &format!("server2={dead}\nserver2_min_workers=0\n");
    let mut gateway = Gateway::start(&(text + "[log]\naccess=json\n"));
    let mut output = gateway.stdout();
    let retries: Vec<_> = (0..2)
        .map(|_| {
            assert_eq!(ask(gateway.front, "GET /", "").status, 200);
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["server"], origin.address.to_string());
            line["retries"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(retries.iter().sum::<u64>(), 1, "{retries:?}");
}

#[test]
fn a_reader_of_the_log_that_does_not_read_costs_lines_and_no_request() {
    let origin = Origin::start();
    let gateway = Gateway::start(&(config(&[&origin], "") + "[log]\naccess=common\n"));
    let target = format!("GET /{}", "x".repeat(7000));
    let mut stream = connect(gateway.front);
    // Twice as much as the pipe and the buffer take.
    for _ in 0..350 {
        assert_eq!(put(&mut stream, &target, "").status, 200);
    }
    let status = gateway.status();
    assert_eq!(status["totals"]["relayed"], 350);
    assert!(status["loop"]["lines_lost"].as_u64().unwrap() > 50, "{}", status["loop"]);
}

#[test]
fn a_reload_keeps_what_is_unchanged_and_lets_the_rest_finish() {
    let (one, two, three) = (Origin::start(), Origin::start(), Origin::start());
    let gateway = Gateway::start(&config(&[&one, &two], ""));
    let mut stream = connect(gateway.front);
    for _ in 0..4 {
        assert_eq!(put(&mut stream, "GET /", "").status, 200);
    }
    let (ones, office) = (one.connections(), gateway.office);
    gateway.reload(&(config(&[&one, &three], "") + "server1_max_workers=7\n"));
    assert_eq!(gateway.office, office);
    for _ in 0..4 {
        assert_eq!(put(&mut stream, "GET /", "").status, 200, "the client's connection stays");
    }
    let status = gateway.status();
    let servers = &status["sections"][0]["servers"];
    assert_eq!(servers[0]["responses"]["2xx"], 4, "counters survive: {servers}");
    assert_eq!(servers[0]["workers"]["ceiling"], 7);
    assert_eq!(servers[1]["address"], three.address.to_string());
    assert_eq!(servers[1]["responses"]["2xx"], 2, "its turns are exact: {servers}");
    assert_eq!(one.connections(), ones, "workers of an unchanged server stay");
    wait_until("the removed server to be gone", || {
        gateway.status()["sections"][0]["servers"].as_array().unwrap().len() == 2
    });
    std::fs::write(&gateway.file, "[frontend]\nhots=1\n").unwrap();
    gateway.signal(Signal::HUP);
    wait_until("the refusal", || {
        let told = gateway.status()["events"].to_string();
        told.contains("nothing changes") && told.contains("did you mean host?")
    });
    assert_eq!(put(&mut stream, "GET /", "").status, 200);
    assert_eq!(gateway.reloads(), 1);
}

#[test]
fn a_listener_moves_only_to_an_address_that_is_free_and_takes_nobody_with_it() {
    let origin = Origin::start();
    let text = config(&[&origin], "");
    let mut gateway = Gateway::start(&text);
    let mut stays = connect(gateway.front);
    assert_eq!(put(&mut stays, "GET /", "").status, 200);
    let taken = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [front, office] = [0, 1].map(|n: usize| taken[n].local_addr().unwrap());
    let moved = text.replacen("port=0", &format!("port={}", front.port()), 1).replacen(
        "port=0",
        &format!("port={}", office.port()),
        1,
    );

    // Either of the two being taken, neither moves.
    for (holder, refusals) in taken.into_iter().zip(1..) {
        std::fs::write(&gateway.file, &moved).unwrap();
        gateway.signal(Signal::HUP);
        wait_until("the refusal", || {
            let events = gateway.status()["events"].clone();
            let told = events.as_array().unwrap().iter();
            let refused = told.filter(|e| e["detail"].to_string().contains("nothing changes"));
            refused.map(|e| e["count"].as_u64().unwrap()).sum::<u64>() == refusals
        });
        assert_eq!(gateway.reloads(), 0);
        assert_eq!(ask(gateway.front, "GET /", "").status, 200);
        assert_eq!(put(&mut stays, "GET /", "").status, 200);
        drop(holder);
    }

    gateway.signal(Signal::HUP);
    wait_until("the new door", || TcpStream::connect(front).is_ok());
    let old = std::mem::replace(&mut gateway.office, office);
    wait_until("the old doors to be shut", || {
        [gateway.front, old].iter().all(|address| TcpStream::connect(address).is_err())
    });
    assert_eq!(put(&mut stays, "GET /", "").status, 200, "who is inside stays inside");
    assert_eq!(ask(front, "GET /", "").status, 200);
    let status = gateway.status();
    assert_eq!(
        (&status["totals"]["reloads"], &status["totals"]["relayed"]),
        (&1.into(), &7.into())
    );
    assert_eq!(status["sections"][0]["servers"][0]["responses"]["2xx"], 7, "counters survive");
}

#[test]
fn reloads_under_load_lose_no_request_and_leave_nothing_behind() {
    let (one, two, three) = (Origin::start(), Origin::start(), Origin::start());
    let texts = [
        config(&[&one, &two], ""),
        config(&[&two, &three], ""),
        config(&[&three], "") + "server1_max_workers=5\n",
    ];
    let gateway = Gateway::start(&texts[0]);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let (stop, front) = (Arc::clone(&stop), gateway.front);
            thread::spawn(move || {
                let (mut stream, mut served) = (connect(front), 0);
                while !stop.load(Ordering::SeqCst) {
                    assert_eq!(put(&mut stream, "GET /", "").status, 200);
                    served += 1;
                }
                served
            })
        })
        .collect();
    for round in 1..=60 {
        gateway.reload(&texts[round % 3]);
    }
    stop.store(true, Ordering::SeqCst);
    let served: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert!(served > 60, "{served} requests");
    wait_until("removed servers to be gone", || {
        let status = gateway.status();
        status["sections"][0]["servers"].as_array().unwrap().len() == 2
            && status["loop"]["workers"].as_u64().unwrap() <= 6
    });
}
