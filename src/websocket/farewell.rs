//! In which words does the gateway itself end a tunnel? (RFC 6455 7.4)

/// Why the gateway ends a tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Farewell {
    /// No byte has crossed for as long as the configuration allows.
    IdleTimeout,
    /// The gateway stops; the code is 1001 or 1012, as configured.
    Stopping {
        /// The code of the Close.
        code: u16,
    },
    /// The server broke off without a Close. Said to the client alone.
    ServerLost,
    /// A side has not answered our Pings.
    Unanswered,
    /// The server is taken out of service.
    ServerLeaves,
    /// Another server has room, and this one has more than its share.
    Rebalancing,
    /// The tunnel has stood for as long as the configuration allows.
    MaxAge,
}

impl Farewell {
    /// The code of the Close. 1012 asks the client to come back, to whichever server then.
    pub const fn code(self) -> u16 {
        match self {
            Self::IdleTimeout => 1000,
            Self::Stopping { code } => code,
            Self::ServerLost | Self::Unanswered => 1011,
            Self::ServerLeaves | Self::Rebalancing | Self::MaxAge => 1012,
        }
    }

    /// The reason in the Close, for a person.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::IdleTimeout => "idle timeout",
            Self::Stopping { .. } => "gateway stopping",
            Self::ServerLost => "server connection lost",
            Self::Unanswered => "ping timeout",
            Self::ServerLeaves => "server leaving",
            Self::Rebalancing => "rebalancing",
            Self::MaxAge => "maximum age",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_may_be_sent_and_every_reason_fits() {
        let all = [
            Farewell::IdleTimeout,
            Farewell::Stopping { code: 1001 },
            Farewell::Stopping { code: 1012 },
            Farewell::ServerLost,
            Farewell::Unanswered,
            Farewell::ServerLeaves,
            Farewell::Rebalancing,
            Farewell::MaxAge,
        ];
        for farewell in all {
            assert!(matches!(farewell.code(), 1000 | 1001 | 1011 | 1012), "{farewell:?}");
            assert!((1..=123).contains(&farewell.reason().len()), "{farewell:?}");
        }
    }
}
