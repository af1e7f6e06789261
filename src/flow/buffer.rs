//! Bytes that have to wait: a queue that owns no memory while it is empty.
//!
//! Idle connections outnumber busy ones by far, so what an idle one keeps is what the gateway
//! weighs. A [`Buffer`] gives its memory back when the last byte leaves.

/// A first-in first-out queue of bytes.
///
/// ```
/// let mut buffer = tidegate::flow::buffer::Buffer::default();
/// buffer.push(b"hello");
/// buffer.consume(2);
/// assert_eq!(buffer.as_slice(), b"llo");
/// buffer.consume(3);
/// assert_eq!(buffer.capacity(), 0);
/// ```
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// Bytes before this index have left already.
    start: usize,
}

impl Buffer {
    /// Everything that waits, oldest byte first.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held, for tests and for the status page.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds `bytes` at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // Growing moves everything anyway: the moment to forget what has already left.
        if self.start > 0 && self.bytes.len() + bytes.len() > self.bytes.capacity() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Removes the `count` oldest bytes; the last one takes the memory with it.
    ///
    /// # Panics
    /// When fewer than `count` bytes wait, which is a bug of the caller.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "consume({count}) of {}", self.len());
        self.start += count;
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use std::collections::VecDeque;

    #[test]
    fn a_buffer_behaves_like_a_queue_and_is_weightless_when_empty() {
        for seed in 0..200 {
            let mut rng = StdRng::seed_from_u64(seed);
            let (mut buffer, mut model) = (Buffer::default(), VecDeque::new());
            for _ in 0..100 {
                if rng.random_bool(0.5) {
                    let bytes: Vec<u8> =
                        (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
                    buffer.push(&bytes);
                    model.extend(bytes);
                } else {
                    let count = rng.random_range(0..=buffer.len());
                    buffer.consume(count);
                    model.drain(..count);
                }
                assert_eq!(buffer.as_slice(), model.make_contiguous(), "seed {seed}");
                assert!(!buffer.is_empty() || buffer.capacity() == 0, "seed {seed}");
            }
        }
    }
}
