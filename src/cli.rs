//! What is asked of the program?
//!
//! The words after the program's name become one [`Command`] or one [`Error`], which is one line
//! and means exit code 2.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

use crate::config::{self, nearest};

/// The configuration file where none is named: where a container has it.
pub const DEFAULT_CONFIG: &str = "/prod/reverse-proxy-config.ini";

/// Where `demo` listens unless told otherwise.
pub const DEFAULT_DEMO_PORT: u16 = 8080;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Be the gateway that this file describes.
    Run(PathBuf),
    /// Be a gateway with servers of its own, on this port of the loopback address.
    Demo {
        /// 0: any free port.
        port: u16,
    },
    /// Say whether the file is right.
    Check(PathBuf),
    /// Say what the file means: in general, or to a request.
    Explain(PathBuf, Option<Request>),
    /// Ask the gateway that runs by this file for its health.
    Healthcheck(PathBuf),
    /// Print [`help`].
    Help,
    /// Print [`version`].
    Version,
}

/// A request as it is given on the command line: bytes, which may be no request at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// For the request line.
    pub method: Vec<u8>,
    /// For the request line.
    pub target: Vec<u8>,
    /// Field lines, without their ends.
    pub fields: Vec<Vec<u8>>,
}

/// What is wrong with the words; prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; see tidegate --help", self.0)
    }
}

impl std::error::Error for Error {}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        // A word of the command line may hold anything, and the message is one line.
        Self(error.to_string().replace(char::is_control, "?"))
    }
}

/// The words that may come first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Run,
    Demo,
    Check,
    Explain,
    Healthcheck,
}

const VERBS: [(&str, Verb); 5] = [
    ("run", Verb::Run),
    ("demo", Verb::Demo),
    ("check", Verb::Check),
    ("explain", Verb::Explain),
    ("healthcheck", Verb::Healthcheck),
];

/// Understands the words that follow the program's name.
///
/// The first word may be a command; any other word is the file, once. `--help` and `--version` win
/// over all that is right before them.
pub fn parse<I>(words: I) -> Result<Command, Error>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let mut words = Parser::from_args(words);
    let (mut verb, mut config, mut port) = (None, None, None);
    let mut request = Vec::new();
    while let Some(word) = words.next()? {
        match word {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Command::Version),
            Arg::Long("config") => name_file(&mut config, words.value()?)?,
            Arg::Long("port") if verb == Some(Verb::Demo) && port.is_none() => {
                let given = words.value()?.string()?;
                port = Some(parse_port(&given)?);
            }
            Arg::Value(word) if verb.is_none() => match first_word(&word)? {
                Some(known) => verb = Some(known),
                None => {
                    verb = Some(Verb::Run);
                    name_file(&mut config, word)?;
                }
            },
            Arg::Value(word) if verb == Some(Verb::Explain) => request.push(word),
            Arg::Value(word) if verb != Some(Verb::Demo) => name_file(&mut config, word)?,
            Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(word.unexpected().into()),
        }
    }
    if verb == Some(Verb::Demo) && config.is_some() {
        return Err(Error("demo needs no configuration file".to_owned()));
    }
    if config.is_none() && request.first().is_some_and(|word| !is_method(word)) {
        name_file(&mut config, request.remove(0))?;
    }
    let config = config.map_or_else(|| PathBuf::from(DEFAULT_CONFIG), PathBuf::from);
    Ok(match verb.unwrap_or(Verb::Run) {
        Verb::Run => Command::Run(config),
        Verb::Demo => Command::Demo { port: port.unwrap_or(DEFAULT_DEMO_PORT) },
        Verb::Check => Command::Check(config),
        Verb::Explain => Command::Explain(config, parse_request(request)?),
        Verb::Healthcheck => Command::Healthcheck(config),
    })
}

/// The command that the first word names; `None` if it names a file. A word that could be a
/// misspelt command is neither.
fn first_word(word: &OsStr) -> Result<Option<Verb>, Error> {
    let Some(text) = word.to_str() else { return Ok(None) };
    if let Some((_, verb)) = VERBS.iter().find(|(name, _)| *name == text) {
        return Ok(Some(*verb));
    }
    let names = VERBS.iter().map(|(name, _)| *name);
    match nearest(text, names).filter(|_| !text.contains(['.', '/'])) {
        Some(name) => {
            let text = text.escape_debug();
            let file = format!("a file of that name is ./{text}");
            Err(Error(format!("{text}: unknown command; did you mean {name}? ({file})")))
        }
        None => Ok(None),
    }
}

/// Whether a word that may be a file or a method is a method: all of those that are registered are
/// in capitals (RFC 9110 16.1). Behind a CONFIG any word is one.
fn is_method(word: &OsStr) -> bool {
    let bytes = word.as_bytes();
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-')
}

/// The request that is made of METHOD TARGET [FIELD...]; `None` if there are no words.
fn parse_request(words: Vec<OsString>) -> Result<Option<Request>, Error> {
    let mut words = words.into_iter().map(OsString::into_vec);
    let Some(method) = words.next() else { return Ok(None) };
    let Some(target) = words.next() else {
        let method = String::from_utf8_lossy(&method);
        let method = method.escape_debug();
        return Err(Error(format!("explain: the METHOD \"{method}\" has no TARGET")));
    };
    Ok(Some(Request { method, target, fields: words.collect() }))
}

fn name_file(config: &mut Option<OsString>, file: OsString) -> Result<(), Error> {
    if file.is_empty() {
        return Err(Error("the name of the configuration file is empty".to_owned()));
    }
    match config.replace(file) {
        Some(_) => Err(Error("two configuration files are named; one is allowed".to_owned())),
        None => Ok(()),
    }
}

fn parse_port(text: &str) -> Result<u16, Error> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| is_decimal);
    port.ok_or_else(|| {
        Error(format!("--port: \"{}\" is not a port, 0 to 65535", text.escape_debug()))
    })
}

/// `tidegate 0.1.0`.
pub fn version() -> &'static str {
    concat!("tidegate ", env!("CARGO_PKG_VERSION"))
}

/// What `--help` prints: the commands, then every key of the configuration.
pub fn help() -> String {
    let mut text = USAGE.to_owned();
    let mut groups: Vec<&[&str]> = Vec::new();
    for key in config::reference() {
        if !groups.contains(&key.sections) {
            groups.push(key.sections);
        }
    }
    for group in groups {
        let names: Vec<String> = group.iter().map(|name| format!("[{name}]")).collect();
        text.push_str(&format!("\n{}\n", names.join(" ")));
        for key in config::reference().filter(|key| key.sections == group) {
            text.push_str(&format!("  {:<22} {} [{}]\n", key.key, key.about, key.default));
        }
    }
    text
}

const USAGE: &str = "\
A strict reverse proxy and load balancer for HTTP/1.1 and WebSocket.

Usage:
  tidegate [run] [CONFIG]          be the gateway that the file describes
  tidegate demo [--port P]         a gateway with three servers of its own, on 127.0.0.1:8080
  tidegate check [CONFIG]          say whether the file is right: exit code 0 or 2
  tidegate explain [CONFIG]        every effective value, where it comes from, what it costs
  tidegate explain [CONFIG] METHOD TARGET ['NAME: VALUE'...]
                                   what becomes of that request: its servers, limits, or refusal
  tidegate healthcheck [CONFIG]    ask the running gateway for its health: exit code 0 or 1
  tidegate --help | --version

CONFIG, or --config CONFIG, is an INI file; without it /prod/reverse-proxy-config.ini.
Exit codes: 0 done, 1 failed while running, 2 wrong configuration or usage.

The keys of the file, with their defaults. A duration is a number of seconds, or has a unit:
100ms, 3s, 5m, 1h. A line that begins with # or ; is a comment.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn on_default(command: fn(PathBuf) -> Command) -> Command {
        command(PathBuf::from(DEFAULT_CONFIG))
    }

    fn on_file(command: fn(PathBuf) -> Command) -> Command {
        command(PathBuf::from("g.ini"))
    }

    fn asked(method: &str, fields: &[&str]) -> Option<Request> {
        let fields = fields.iter().map(|field| field.as_bytes().to_vec()).collect();
        Some(Request { method: method.into(), target: b"/".to_vec(), fields })
    }

    #[test]
    fn the_words_name_one_command() {
        let rows: &[(&[&str], Command)] = &[
            (&[], on_default(Command::Run)),
            (&["run"], on_default(Command::Run)),
            (&["g.ini"], on_file(Command::Run)),
            (&["run", "g.ini"], on_file(Command::Run)),
            (&["run", "check"], Command::Run("check".into())),
            (&["--config", "g.ini"], on_file(Command::Run)),
            (&["--config=g.ini"], on_file(Command::Run)),
            (&["--config", "check"], Command::Run("check".into())),
            (&["./chekc"], Command::Run("./chekc".into())),
            (&["--", "g.ini"], on_file(Command::Run)),
            (&["demo"], Command::Demo { port: 8080 }),
            (&["demo", "--port", "0"], Command::Demo { port: 0 }),
            (&["demo", "--port=65535"], Command::Demo { port: 65535 }),
            (&["check"], on_default(Command::Check)),
            (&["check", "g.ini"], on_file(Command::Check)),
            (&["check", "--config", "g.ini"], on_file(Command::Check)),
            (&["--config", "g.ini", "check"], on_file(Command::Check)),
            (&["explain"], on_default(|file| Command::Explain(file, None))),
            (&["explain", "g.ini"], on_file(|file| Command::Explain(file, None))),
            (
                &["explain", "GET", "/"],
                on_default(|file| Command::Explain(file, asked("GET", &[]))),
            ),
            (
                &["explain", "g.ini", "get", "/", "A: b", "c"],
                on_file(|file| Command::Explain(file, asked("get", &["A: b", "c"]))),
            ),
            (
                &["explain", "--config", "g.ini", "g.ini", "/"],
                on_file(|file| Command::Explain(file, asked("g.ini", &[]))),
            ),
            (&["healthcheck"], on_default(Command::Healthcheck)),
            (&["healthcheck", "g.ini"], on_file(Command::Healthcheck)),
            (&["--help"], Command::Help),
            (&["-h"], Command::Help),
            (&["check", "--help"], Command::Help),
            (&["--version"], Command::Version),
            (&["-V"], Command::Version),
        ];
        for (words, command) in rows {
            assert_eq!(parse(*words).as_ref(), Ok(command), "{words:?}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused_in_one_line() {
        let rows: &[(&[&str], &str)] = &[
            (&["chekc"], "chekc: unknown command; did you mean check? (a file of that name is ./"),
            (&["helthcheck", "g.ini"], "did you mean healthcheck?"),
            (&["a.ini", "b.ini"], "two configuration files are named"),
            (&["check", "a.ini", "b.ini"], "two configuration files are named"),
            (&["--config", "a.ini", "--config", "b.ini"], "two configuration files are named"),
            (&["--config", "a.ini", "b.ini"], "two configuration files are named"),
            (&["explain", "GET"], "explain: the METHOD \"GET\" has no TARGET"),
            (&["explain", "a.ini", "b\n"], "explain: the METHOD \"b\\n\" has no TARGET"),
            (&["explain", ""], "the name of the configuration file is empty"),
            (&["--config"], "missing argument for option '--config'"),
            (&["--config", ""], "the name of the configuration file is empty"),
            (&[""], "the name of the configuration file is empty"),
            (&["--colour"], "invalid option '--colour'"),
            (&["-x"], "invalid option '-x'"),
            (&["--port", "80"], "invalid option '--port'"),
            (&["check", "--port", "80"], "invalid option '--port'"),
            (&["demo", "g.ini"], "unexpected argument \"g.ini\""),
            (&["demo", "--config", "g.ini"], "demo needs no configuration file"),
            (&["demo", "--port", "1", "--port", "2"], "invalid option '--port'"),
            (&["demo", "--port", "65536"], "--port: \"65536\" is not a port, 0 to 65535"),
            (&["demo", "--port", "+1"], "--port: \"+1\" is not a port"),
            (&["demo", "--port", ""], "--port: \"\" is not a port"),
            (&["demo", "--port", "a\nb"], "--port: \"a\\nb\" is not a port"),
        ];
        for (words, fragment) in rows {
            let message = parse(*words).expect_err(&format!("{words:?}")).to_string();
            assert!(message.contains(fragment), "{words:?}: {message}");
            assert!(message.ends_with("; see tidegate --help"), "{words:?}: {message}");
            assert!(!message.contains(char::is_control), "{words:?}: {message}");
        }
    }

    #[test]
    fn a_file_name_need_not_be_unicode() {
        use std::os::unix::ffi::OsStringExt;
        let name = OsString::from_vec(b"\xff.ini".to_vec());
        assert_eq!(parse([name.clone()]), Ok(Command::Run(name.into())));
    }

    #[test]
    fn help_names_every_command_key_and_default_within_100_columns() {
        let help = help();
        for (name, _) in VERBS {
            assert!(help.contains(name), "{name}");
        }
        for key in config::reference() {
            let row = format!("  {:<22} {} [{}]", key.key, key.about, key.default);
            assert!(help.lines().any(|line| line == row), "{row}");
        }
        for line in help.lines() {
            assert!(line.len() <= 100, "{line}");
        }
        assert!(help.contains(DEFAULT_CONFIG));
        assert!(help.contains(&format!("127.0.0.1:{DEFAULT_DEMO_PORT}")));
    }
}
