//! Where does somebody listen, as the file has it?

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use super::value::Reason;

/// The longest path of a unix socket, in bytes: `sun_path` of unix(7) without its final NUL.
const UNIX_PATH_MAX: usize = 107;

/// How the address of a unix socket begins.
const UNIX: &str = "unix:";

/// Where a server or the gateway itself listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `host:port`.
    Tcp {
        /// A name or an address; IPv6 without its brackets.
        host: String,
        /// Never 0 for a server; 0 for the gateway is any free one.
        port: u16,
    },
    /// `unix:/path`.
    Unix(PathBuf),
}

impl Address {
    /// One that nothing was said of yet.
    pub(super) fn blank() -> Self {
        Self::Tcp { host: String::new(), port: 0 }
    }

    /// Puts the port behind a host; a unix socket has none.
    pub(super) fn set_port(&mut self, number: u16) {
        match self {
            Self::Tcp { port, .. } => *port = number,
            Self::Unix(_) => {}
        }
    }

    /// The name or address of the host; `None`: a unix socket.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } => Some(host),
            Self::Unix(_) => None,
        }
    }

    /// Whether the port is left to the system.
    pub fn is_any_port(&self) -> bool {
        match self {
            Self::Tcp { port, .. } => *port == 0,
            Self::Unix(_) => false,
        }
    }

    /// What a Host field holds for it (RFC 9110 7.2). A unix socket has no such name: `localhost`.
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp { .. } => self.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for Address {
    /// `host:port`, with brackets around IPv6, or `unix:/path`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.parse::<Ipv6Addr>().is_ok() => {
                write!(f, "[{host}]:{port}")
            }
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// The path behind `unix:`, if the text begins so.
///
/// A path is absolute, because nobody should have to know where a process was started, and made of
/// characters that need no escape in a log line, a label or a JSON string.
pub(super) fn unix(text: &str) -> Option<Result<Address, Reason>> {
    let path = text.strip_prefix(UNIX)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+,:=@%/".contains(&byte);
    Some(if path.starts_with(['@', '\0']) {
        Err("an abstract unix socket, which no file permissions guard")
    } else if !path.starts_with('/') {
        Err("a unix socket without an absolute path")
    } else if path.len() > UNIX_PATH_MAX {
        Err("a unix socket with too long a path (107 bytes)")
    } else if !path.bytes().all(is_plain) {
        Err("a path with characters other than letters, digits and -._~+,:=@%/")
    } else if Path::new(path).file_name().is_none() || path.ends_with('/') {
        Err("a unix socket whose path is a directory")
    } else {
        Ok(Address::Unix(path.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_socket_is_an_absolute_path() {
        for text in ["unix:/run/gate.sock", "unix:/a", "unix:/run/a-b_c/~x@1:2%20,=+"] {
            let address = unix(text).unwrap().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!((address.host(), address.authority().as_str()), (None, "localhost"));
        }
        let longest = format!("unix:/{}", "a".repeat(106));
        assert!(unix(&longest).unwrap().is_ok());
        for (text, reason) in [
            ("unix:", "a unix socket without an absolute path"),
            ("unix:gate.sock", "a unix socket without an absolute path"),
            ("unix:@gate", "an abstract unix socket, which no file permissions guard"),
            (&format!("{longest}a"), "a unix socket with too long a path (107 bytes)"),
            ("unix:/", "a unix socket whose path is a directory"),
            ("unix:/run/", "a unix socket whose path is a directory"),
            ("unix:/run/..", "a unix socket whose path is a directory"),
            ("unix:/a b", "a path with characters other than letters, digits and -._~+,:=@%/"),
            ("unix:/a\"", "a path with characters other than letters, digits and -._~+,:=@%/"),
            ("unix:/ä", "a path with characters other than letters, digits and -._~+,:=@%/"),
        ] {
            assert_eq!(unix(text), Some(Err(reason)), "{text}");
        }
        for text in ["", "unix", "Unix:/a", "/run/gate.sock", "h:80"] {
            assert_eq!(unix(text), None, "{text}");
        }
    }
}
