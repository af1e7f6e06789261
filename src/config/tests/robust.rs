//! Whatever is in the file, reading it ends in a configuration or in one line that says why not.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::EXAMPLE;
use crate::config::{Config, reference};

/// Reads the text, and checks what must hold whatever it is.
fn read(text: &str) -> Result<Config, String> {
    let result = Config::from_text(text);
    match &result {
        Ok(config) => holds(config),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control), "more than a line: {message:?}");
            assert!(message.len() < 2000, "too long: {message:?}");
            let lines = text.lines().count();
            assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{error:?}");
        }
    }
    result.map_err(|error| error.to_string())
}

/// What the rest of the gateway relies on.
fn holds(config: &Config) {
    assert!(config.http.is_some() || config.websocket.is_some());
    assert!(config.frontend.address.host().is_none_or(|host| !host.is_empty()));
    for section in [&config.http, &config.websocket].into_iter().flatten() {
        assert!(!section.servers.is_empty());
        assert!(section.servers.is_sorted_by(|a, b| a.number < b.number));
        for server in &section.servers {
            assert!(server.address.host().is_none_or(|host| !host.is_empty()));
            assert!(!server.address.is_any_port());
            assert!(server.workers.min <= server.workers.max && server.workers.max > 0);
        }
    }
}

/// Words that a file is made of, so that random files get past the first line now and then.
fn words() -> Vec<String> {
    let mut words: Vec<String> = reference()
        .flat_map(|row| [row.key.replacen('N', "1", 1), row.default.to_owned()])
        .collect();
    let more = "|[frontend]|[http]|[websocket]|[log]|[|]|=|:|\n|\r\n| |\t|#|;|\\|\"|'|\u{feff}|\0|\
                a:1|server2|server01|server99999999999999999999|server|N|0|80|true|false|/|::1|é";
    words.extend(more.split('|').map(str::to_owned));
    words
}

#[test]
fn random_words_never_panic() {
    let (mut rng, words) = (StdRng::seed_from_u64(1), words());
    for _ in 0..20_000 {
        let length = rng.random_range(0..40);
        let text: String = (0..length).filter_map(|_| words.choose(&mut rng)).cloned().collect();
        let _ = read(&text);
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
        let _ = read(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_changed_example_is_read_or_refused_but_never_panics() {
    let (mut rng, words) = (StdRng::seed_from_u64(3), words());
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..5_000 {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            let until = (at + rng.random_range(0..20)).min(bytes.len());
            let word = words.choose(&mut rng).map_or(b"".as_slice(), |word| word.as_bytes());
            match rng.random_range(0..4) {
                0 => drop(bytes.splice(at..at, word.iter().copied())),
                1 => drop(bytes.drain(at..until)),
                2 => bytes.extend_from_within(at..until),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.random()),
            }
        }
        match read(&String::from_utf8_lossy(&bytes)) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused: a poor test");
}

#[test]
fn what_was_read_reads_the_same_when_written_out() {
    let first = Config::from_text(EXAMPLE).expect("the example is right");
    let mut text = String::new();
    let mut section = "";
    for setting in &first.settings {
        if setting.section != section {
            section = setting.section;
            text.push_str(&format!("[{section}]\n"));
        }
        // The two defaults that are no value.
        let comment = if matches!(setting.key.as_str(), "max_connections" | "trusted_proxies") {
            "#"
        } else {
            ""
        };
        text.push_str(&format!("{comment}{} = {}\n", setting.key, setting.value));
    }
    let second = Config::from_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(first.frontend, second.frontend);
    assert_eq!(first.http, second.http);
    assert_eq!(first.websocket, second.websocket);
    assert_eq!(first.log, second.log);
}

#[test]
fn the_largest_file_is_read_in_reasonable_time() {
    let servers: String = (0..1000)
        .map(|n| format!("server{n}=a:1\nserver{n}_max_workers=5\nserver{n}_min_workers=5\n"))
        .collect();
    let text = format!("[frontend]\nhost=h\nport=80\n[http]\n{servers}");
    let config = read(&text).expect("a thousand servers");
    assert_eq!(config.http.map(|http| http.servers.len()), Some(1000));
    let one_more = format!("{text}server1000=a:1\n");
    assert_eq!(
        read(&one_more).err().as_deref(),
        Some("line 4: [http]: has more than 1000 servers")
    );
}
