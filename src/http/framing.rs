//! How far does a message body reach? (RFC 9112 6.3)
//!
//! The head decides which of three ways ends the body; [`Framing`] then follows the bytes and says
//! which of them still belong to the message. It never takes a byte beyond the end, so what is left
//! of the input is the next message, or nobody's.
//!
//! ```text
//!   Length(n) --n bytes------> Length(0)       complete
//!   Chunked   --last chunk---> Done            complete
//!   UntilClose                                 ends when the connection does, never before
//! ```

use super::Refusal;
use super::chunked::Chunked;

/// The way a message body ends, and how far along it we are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Framing {
    /// This many bytes are still to come (`Content-Length`, or no body at all).
    Length(u64),
    /// The chunked transfer coding (RFC 9112 7.1).
    Chunked(Chunked),
    /// Everything up to the close of the connection; only a response may be framed so.
    UntilClose,
}

/// What one step did with the front of its input: the first `forward` bytes go on as they are, the
/// `skip` bytes after those are consumed and dropped. Anything behind them was not touched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// Bytes to pass on unchanged.
    pub forward: usize,
    /// Bytes to drop, right behind the forwarded ones.
    pub skip: usize,
}

impl Step {
    /// Input bytes that this step used up.
    pub fn consumed(self) -> usize {
        self.forward + self.skip
    }
}

impl Framing {
    /// The framing of a message without a body.
    pub const NONE: Self = Self::Length(0);

    /// Follows the body over the front of `input`.
    ///
    /// Makes progress unless the input is empty or the body complete. A caller repeats it until the
    /// step is empty: a chunked body may forward, skip and forward again within one input.
    ///
    /// # Errors
    /// A chunked body that breaks RFC 9112 7.1 or one of our limits.
    ///
    /// ```
    /// # use tidegate::http::framing::{Framing, Step};
    /// let mut framing = Framing::Length(5);
    /// let step = framing.step(b"helloGET /next").unwrap();
    /// assert_eq!(step, Step { forward: 5, skip: 0 });
    /// assert!(framing.is_complete());
    /// ```
    pub fn step(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        match self {
            Self::Length(left) => {
                let taken = (*left).min(input.len() as u64);
                *left -= taken;
                Ok(Step { forward: taken as usize, skip: 0 })
            }
            Self::Chunked(chunked) => chunked.step(input),
            Self::UntilClose => Ok(Step { forward: input.len(), skip: 0 }),
        }
    }

    /// Has the whole body passed? A body that reaches until the close is never complete by itself.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_complete(),
            Self::UntilClose => false,
        }
    }

    /// May the source end here? If not, the message was cut short (RFC 9112 8).
    pub fn at_end(&self) -> bool {
        self.is_complete() || matches!(self, Self::UntilClose)
    }

    /// The bytes still to come, where they are known beforehand.
    pub fn remaining(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// How many of the next bytes are content that goes on as it is, whatever they are. None where
    /// that has to be found out byte by byte, or is not known beforehand.
    pub fn foreseen(&self) -> u64 {
        match self {
            Self::Length(left) => *left,
            Self::Chunked(chunked) => chunked.foreseen(),
            Self::UntilClose => 0,
        }
    }

    /// So many of the [foreseen](Self::foreseen) bytes have passed unseen.
    pub fn pass(&mut self, count: u64) {
        debug_assert!(count <= self.foreseen());
        match self {
            Self::Length(left) => *left = left.saturating_sub(count),
            Self::Chunked(chunked) => chunked.pass(count),
            Self::UntilClose => {}
        }
    }

    /// From now on only content is forwarded and the chunked framing around it skipped, because the
    /// recipient speaks HTTP/1.0. Without effect on a body that is not chunked.
    pub fn content_only(&mut self) {
        match self {
            Self::Chunked(chunked) => chunked.content_only(),
            Self::Length(_) | Self::UntilClose => {}
        }
    }

    /// What is to be written once the body is complete: the trailer section that was held back for
    /// inspection, without the fields that may not stand in one, and the empty line that ends it.
    /// `None` when nothing was held back, and from the second call on.
    pub fn take_tail(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Chunked(chunked) => chunked.take_tail(),
            Self::Length(_) | Self::UntilClose => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_exactly_its_bytes_whatever_the_cut() {
        for total in [0_usize, 1, 2, 7, 64] {
            for cut in 0..=total + 3 {
                let input = vec![b'x'; total + 3];
                let mut framing = Framing::Length(total as u64);
                let first = framing.step(&input[..cut]).unwrap();
                let second = framing.step(&input[first.consumed()..]).unwrap();
                assert_eq!(first.forward + second.forward, total);
                assert_eq!(first.skip + second.skip, 0);
                assert!(framing.is_complete() && framing.at_end());
                assert_eq!(framing.step(&input).unwrap(), Step::default());
            }
        }
    }

    #[test]
    fn a_body_until_close_takes_everything_and_may_end_anywhere() {
        let mut framing = Framing::UntilClose;
        assert!(framing.at_end());
        assert_eq!(framing.step(b"abc").unwrap(), Step { forward: 3, skip: 0 });
        assert!(!framing.is_complete());
        assert!(framing.at_end());
        assert_eq!(framing.remaining(), None);
    }

    #[test]
    fn a_source_may_not_end_inside_a_length_or_before_the_last_chunk() {
        let mut length = Framing::Length(4);
        length.step(b"abc").unwrap();
        assert!(!length.at_end());
        assert_eq!(length.remaining(), Some(1));

        let mut chunked = Framing::Chunked(Chunked::new());
        for byte in b"3\r\nabc\r\n0\r\n\r" {
            assert!(!chunked.at_end());
            chunked.step(&[*byte]).unwrap();
        }
        assert!(!chunked.at_end());
        chunked.step(b"\n").unwrap();
        assert!(chunked.at_end() && chunked.is_complete());
    }

    #[test]
    fn what_is_foreseen_may_pass_unseen() {
        let body = b"5\r\nhello\r\n0\r\n\r\n";
        let framings = [(Framing::Length(5), 0, 5), (Framing::Chunked(Chunked::new()), 3, 5)];
        for (framing, seen, foreseen) in framings {
            for unseen in 0..=foreseen {
                let mut framing = framing.clone();
                framing.step(&body[..seen]).unwrap();
                assert_eq!(framing.foreseen(), foreseen);
                framing.pass(unseen);
                assert_eq!(framing.foreseen(), foreseen - unseen);
                framing.step(&body[seen + unseen as usize..]).unwrap();
                assert!(framing.is_complete());
            }
        }
        assert_eq!(Framing::UntilClose.foreseen(), 0);
    }

    #[test]
    fn no_body_is_complete_before_the_first_byte() {
        let mut none = Framing::NONE;
        assert!(none.is_complete());
        assert_eq!(none.step(b"HTTP/1.1 200 OK").unwrap(), Step::default());
        assert_eq!(none.take_tail(), None);
    }

    #[test]
    fn content_only_changes_chunked_bodies_alone() {
        let mut length = Framing::Length(4);
        length.content_only();
        assert_eq!(length.step(b"abcd").unwrap(), Step { forward: 4, skip: 0 });

        let mut chunked = Framing::Chunked(Chunked::new());
        chunked.content_only();
        assert_eq!(chunked.step(b"1\r\na\r\n").unwrap(), Step { forward: 0, skip: 3 });
        assert_eq!(chunked.step(b"a\r\n").unwrap(), Step { forward: 1, skip: 2 });
    }
}
