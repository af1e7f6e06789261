//! Where do bytes wait? In a queue that owns no memory while it is empty.
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
pub struct Buffer(Option<Box<Queue>>);

/// The bytes of a buffer that is not empty. Behind a box, as there are three buffers to a quiet
/// connection, and all of them are empty.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Bytes before this index have left already.
    start: usize,
}

impl Buffer {
    /// Everything that waits, oldest byte first.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |queue| &queue.bytes[queue.start..])
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Bytes of memory held, for tests and for the status page.
    pub fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes.capacity())
    }

    /// Adds `bytes` at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let queue = self.0.get_or_insert_default();
        // Growing moves everything anyway: the moment to forget what has already left.
        if queue.start > 0 && queue.bytes.len() + bytes.len() > queue.bytes.capacity() {
            queue.bytes.drain(..queue.start);
            queue.start = 0;
        }
        queue.bytes.extend_from_slice(bytes);
    }

    /// Removes the `count` oldest bytes; the last one takes the memory with it.
    ///
    /// # Panics
    /// When fewer than `count` bytes wait, which is a bug of the caller.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "consume({count}) of {}", self.len());
        if let Some(queue) = &mut self.0 {
            queue.start += count;
            if queue.start == queue.bytes.len() {
                self.0 = None;
            }
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
