//! Which known word was meant?

/// Words longer than this are not compared: no known word is as long, and the work is bounded.
const WORD_MAX: usize = 64;

/// The candidate that is fewest slips of the hand away from `word`, if that is few for its length.
pub(crate) fn nearest<S: AsRef<str>>(
    word: &str,
    candidates: impl IntoIterator<Item = S>,
) -> Option<S> {
    if word.len() > WORD_MAX {
        return None;
    }
    let word = simplify(word);
    let few = 1 + word.len() / 4;
    let distances = candidates.into_iter().map(|known| {
        let distance = distance(&word, &simplify(known.as_ref()));
        (distance, known)
    });
    let (least, known) = distances.min_by_key(|(distance, _)| *distance)?;
    (least <= few).then_some(known)
}

/// Case and the choice between `-` and `_` are no slips at all.
fn simplify(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// How many characters must be inserted, deleted or replaced (Levenshtein): one row of the table
/// at a time.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (deleted, a) in from.iter().enumerate() {
        let mut left = deleted + 1;
        let mut next = vec![left];
        for (pair, b) in row.windows(2).zip(to) {
            let &[above_left, above] = pair else { continue };
            left = (above_left + usize::from(a != b)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_least_number_of_slips() {
        let rows = [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0)];
        let more =
            [("abc", "axc", 1), ("abc", "ac", 1), ("ac", "abc", 1), ("kitten", "sitting", 3)];
        for (from, to, slips) in rows.into_iter().chain(more) {
            let chars = |word: &str| word.chars().collect::<Vec<_>>();
            assert_eq!(distance(&chars(from), &chars(to)), slips, "{from} to {to}");
        }
    }

    #[test]
    fn only_a_near_word_is_meant() {
        let known = ["host", "port", "max_headers", "max_header_bytes"];
        let rows = [
            ("prot", Some("port")),
            ("hots", Some("host")),
            ("Port", Some("port")),
            ("max-headers", Some("max_headers")),
            ("max_header", Some("max_headers")),
            ("color", None),
            ("x", None),
            ("", None),
        ];
        for (word, meant) in rows {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"p".repeat(WORD_MAX + 1), known), None);
    }
}
