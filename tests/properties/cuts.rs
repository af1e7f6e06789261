//! Segmentation: TCP cuts a stream wherever it likes, and no reader may mind.

use std::fmt::Debug;

use super::dice::Dice;

/// Up to this many bytes, really every cut is tried; of longer inputs so many cuts are.
const ALL_CUTS: usize = 96;
/// Segmentations into many pieces, besides that into single bytes.
const MANY_PIECES: usize = 6;

/// Has `read` take `bytes` in one piece, and then in all sorts of pieces: the outcome must be the
/// same, and is returned.
pub fn under_every_cut<T>(bytes: &[u8], read: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> T) -> T
where
    T: PartialEq + Debug,
{
    let whole = read(&mut std::iter::once(bytes));
    for cut in lengths(bytes) {
        let (first, second) = bytes.split_at(cut);
        let found = read(&mut [first, second].into_iter());
        assert_eq!(found, whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
    assert_eq!(read(&mut bytes.chunks(1)), whole, "byte by byte: {}", bytes.escape_ascii());
    let mut dice = Dice::of(bytes);
    for _ in 0..MANY_PIECES {
        let most = 2 + dice.below(40);
        let mut rest = bytes;
        let mut pieces = std::iter::from_fn(|| {
            let (piece, after) = rest.split_at(dice.below(most).min(rest.len()));
            let is_last = rest.is_empty();
            rest = after;
            (!is_last).then_some(piece)
        });
        assert_eq!(read(&mut pieces), whole, "in pieces: {}", bytes.escape_ascii());
    }
    whole
}

/// The lengths of the beginnings of `bytes` that are tried, in ascending order: all, or a sample.
pub fn lengths(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let stride = bytes.len() / ALL_CUTS + 1;
    let offset = Dice::of(bytes).below(stride);
    (offset..=bytes.len()).step_by(stride)
}
