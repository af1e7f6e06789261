//! The properties of the fuzz targets on the stable toolchain: over the committed corpora, and over
//! some thousands of seeded mutations of them.
//!
//! A failure prints the target, the seed and the input; `PROPERTY_SEED=n` runs that seed alone, and
//! `PROPERTY_RUNS=n` so many of them.

#[path = "mod.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets reach it, from a crate of their own")]
mod properties;

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Mutations of the corpus that one target is run over, if nothing else is asked for.
const RUNS: u64 = 3000;
/// The longest input, in bytes.
const INPUT_MAX: usize = 1500;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 3, "{target} has a corpus of {}", paths.len());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The words of the dictionaries, which spoil an input in more interesting ways than a byte does.
fn words() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let texts = ["http.dict", "ws.dict"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
    let quoted = texts.iter().flat_map(|text| text.lines()).filter_map(|line| {
        line.split_once('"')?.1.rsplit_once('"').map(|(word, _)| unescape(word.as_bytes()))
    });
    let words: Vec<_> = quoted.collect();
    assert!(words.len() > 50, "{} words", words.len());
    words
}

/// A word of a dictionary: `\\`, `\"` and `\xAB` are escapes.
fn unescape(mut word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let [first, rest @ ..] = word {
        (bytes, word) = match (first, rest) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                (bytes, after)
            }
            (b'\\', [escaped, after @ ..]) => {
                bytes.push(*escaped);
                (bytes, after)
            }
            (byte, after) => {
                bytes.push(*byte);
                (bytes, after)
            }
        };
    }
    bytes
}

/// Up to four changes: a byte replaced, some removed or repeated, a word put in, another input's
/// end put in the place of this one's.
fn mutate(corpus: &[Vec<u8>], words: &[Vec<u8>], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = corpus[rng.random_range(0..corpus.len())].clone();
    for _ in 0..rng.random_range(0..=4) {
        let at = rng.random_range(0..=bytes.len());
        let end = rng.random_range(at..=bytes.len()).min(at + 24);
        match rng.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] = rng.random(),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            3 => {
                let other = &corpus[rng.random_range(0..corpus.len())];
                bytes.splice(at.., other[rng.random_range(0..=other.len())..].iter().copied());
            }
            _ => {
                let word = &words[rng.random_range(0..words.len())];
                bytes.splice(at..end.min(at + 4), word.iter().copied());
            }
        }
    }
    bytes.truncate(INPUT_MAX);
    bytes
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn hold(target: &str, property: fn(&[u8])) {
    let run = |what: &str, input: &[u8]| {
        let outcome = catch_unwind(AssertUnwindSafe(|| property(input)));
        assert!(outcome.is_ok(), "{target}, {what}: {}", input.escape_ascii());
    };
    let (corpus, words) = (corpus(target), words());
    for input in &corpus {
        run("corpus", input);
    }
    let seeds = match number("PROPERTY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PROPERTY_RUNS").unwrap_or(RUNS),
    };
    for seed in seeds {
        let input = mutate(&corpus, &words, &mut StdRng::seed_from_u64(seed));
        run(&format!("seed {seed}"), &input);
    }
}

/// A test per target, which the folder of fuzz targets must know as well.
macro_rules! targets {
    ($($test:ident: $target:ident,)*) => {
        $(#[test]
        fn $test() {
            hold(stringify!($target), properties::$target);
        })*

        #[test]
        fn every_fuzz_target_runs_a_property_and_every_property_has_a_target() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
            let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            // The property of the whole gateway is its simulation, with tests of its own.
            let mut expected = vec!["gateway.rs", $(concat!(stringify!($target), ".rs")),*];
            expected.sort_unstable();
            assert_eq!(names, expected);
        }
    };
}

targets! {
    a_request_head_has_one_reading: request_head,
    a_response_head_has_one_reading: response_head,
    a_body_ends_in_the_same_place_under_every_cut: framing,
    what_is_forwarded_parses_again_to_the_same_message: forward,
    a_handshake_that_is_accepted_is_right: handshake,
    a_proxy_header_has_one_reading_under_every_cut: proxy_header,
    frame_boundaries_are_those_of_a_plain_reader: boundary,
    a_configuration_is_refused_or_means_the_same_when_written_again: config,
    the_wheel_agrees_with_a_list: wheel,
    an_exchange_conserves_both_messages: exchange,
    a_relay_conserves_both_directions: relay,
}
