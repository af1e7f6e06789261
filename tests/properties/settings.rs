//! Configurations: refused in one line, or consistent and stable when written again.

use tidegate::config::{Config, Section, explain};

/// Reads `bytes` as a configuration file.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let config = match Config::from_text(&text) {
        Ok(config) => config,
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty() && !message.chars().any(char::is_control), "{message:?}");
            let lines = text.lines().count();
            assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{error:?}");
            return;
        }
    };
    assert!(config.http.is_some() || config.websocket.is_some());
    config.http.iter().chain(&config.websocket).for_each(assert_consistent);
    assert!(!explain(&config, Some(1024)).is_empty());

    let with_comment = format!("; a comment\n{text}");
    if !text.starts_with('\u{feff}') {
        let moved = Config::from_text(&with_comment).expect("a comment changes nothing");
        assert_eq!(without_lines(moved), without_lines(config.clone()));
    }

    // What is in force, written as a file, is in force again.
    let mut written = String::new();
    let mut section = "";
    for setting in config.settings.iter().filter(|setting| setting.line.is_some()) {
        if setting.section != section {
            section = setting.section;
            written.push_str(&format!("[{section}]\n"));
        }
        written.push_str(&format!("{} = {}\n", setting.key, setting.value));
    }
    let again = Config::from_text(&written).unwrap_or_else(|error| panic!("{error}:\n{written}"));
    assert_eq!(without_lines(again), without_lines(config), "{written}");
}

fn assert_consistent(section: &Section) {
    assert!(!section.servers.is_empty());
    for server in &section.servers {
        assert!(!server.address.is_any_port());
    }
    assert!(section.servers.windows(2).all(|pair| pair[0].number < pair[1].number));
}

fn without_lines(mut config: Config) -> Config {
    for setting in &mut config.settings {
        setting.line = None;
    }
    config
}
