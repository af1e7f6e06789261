//! How is a number told to a person? Short, with the unit that suits it.

use std::fmt::{self, Display, Write};
use std::time::Duration;

/// Text that cannot be taken for markup, on one line.
pub(super) struct Plain<'a>(pub(super) &'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A share, for a width.
pub(super) struct Percent(pub(super) f64, pub(super) f64);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = if self.1 > 0.0 { (self.0 / self.1).clamp(0.0, 1.0) } else { 0.0 };
        write!(f, "{:.1}%", share * 100.0)
    }
}

/// A count with at most four digits and a letter.
pub(super) struct Count(pub(super) u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n @ 0..10_000 => write!(f, "{n}"),
            n @ 10_000..10_000_000 => write!(f, "{:.1}k", n as f64 / 1e3),
            n @ 10_000_000..10_000_000_000 => write!(f, "{:.1}M", n as f64 / 1e6),
            n => write!(f, "{:.1}G", n as f64 / 1e9),
        }
    }
}

/// Bytes, in the unit that suits them.
pub(super) struct Bytes(pub(super) u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut value = self.0 as f64;
        if value < 1024.0 {
            return write!(f, "{value} B");
        }
        let mut unit = "B";
        for larger in UNITS {
            if value < 1024.0 {
                break;
            }
            (value, unit) = (value / 1024.0, larger);
        }
        if value < 9.95 { write!(f, "{value:.1} {unit}") } else { write!(f, "{value:.0} {unit}") }
    }
}

/// How often per second.
pub(super) struct Rate(pub(super) f64);

impl Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 9.95 && self.0 > 0.0 {
            write!(f, "{:.1}", self.0)
        } else {
            write!(f, "{:.0}", self.0)
        }
    }
}

/// A duration that is measured, in the unit that suits it.
pub(super) struct Seconds(pub(super) Option<f64>);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("&ndash;"),
            Some(s) if s < 0.000_95 => write!(f, "{:.0} &micro;s", s * 1e6),
            Some(s) if s < 0.01 => write!(f, "{:.1} ms", s * 1e3),
            Some(s) if s < 1.0 => write!(f, "{:.0} ms", s * 1e3),
            Some(s) if s < 100.0 => write!(f, "{s:.1} s"),
            Some(s) => Span(Duration::from_secs_f64(s)).fmt(f),
        }
    }
}

/// A duration that is told, by its largest unit or two.
pub(super) struct Span(pub(super) Duration);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min"),
            (0, ..) => write!(f, "{hours} h {} min", minutes % 60),
            _ => write!(f, "{days} d {} h", hours % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let seconds = |s| Seconds(Some(s)).to_string();
        assert_eq!(seconds(0.000_2), "200 &micro;s");
        assert_eq!(seconds(0.001_2), "1.2 ms");
        assert_eq!(seconds(0.25), "250 ms");
        assert_eq!(seconds(2.5), "2.5 s");
        assert_eq!(seconds(600.0), "10 min");
        assert_eq!(Count(9_999).to_string(), "9999");
        assert_eq!(Count(12_345).to_string(), "12.3k");
        assert_eq!(Bytes(1023).to_string(), "1023 B");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Bytes(300 << 20).to_string(), "300 MiB");
        assert_eq!(Bytes(u64::MAX).to_string(), "16384 PiB");
        assert_eq!(Percent(1.0, 0.0).to_string(), "0.0%");
        assert_eq!(Percent(3.0, 2.0).to_string(), "100.0%");
    }
}
