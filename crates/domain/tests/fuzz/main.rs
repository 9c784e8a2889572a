//! Mutated seeds through every parser, within a bounded number of cases; `make fuzz` goes further with libFuzzer.
//!
//! A find of either is mended and its bytes become a seed, so that it is tried for ever.

#![allow(clippy::unwrap_used, reason = "a test")]

mod targets;

use std::path::Path;

use proofback_domain::decide::{Known, decide};
use proofback_domain::id::Id;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

/// What parsers of text trip over, and the words of ours.
const WORDS: [&str; 58] = [
    "",
    "\n",
    "\n\n",
    "\r",
    "\t",
    " ",
    "%00",
    "%ff",
    "%",
    "%25",
    "%C3",
    "%2F",
    "&",
    "&amp;",
    "=",
    "?",
    "#",
    "/",
    "//",
    "\\",
    ":",
    "@",
    "..",
    "%2e%2e",
    "{",
    "}",
    "{{",
    "{click_id}",
    "{sub1}",
    "{sub1:x}",
    "[",
    "]",
    "[[",
    "\"",
    "'",
    ",",
    "¤cy=",
    "%C2%A4cy=",
    "×tamp",
    "null",
    "-1",
    "1e309",
    "NaN",
    "1,50",
    "0.000001",
    "9223372036854775808",
    "true",
    "token=t0ken",
    "key=t0ken",
    "cid=",
    "click_id=",
    "http://",
    "https://",
    "о",
    "İ",
    "\u{200b}",
    "\u{fffd}",
    "test=1",
];

#[derive(Debug, Clone)]
enum Edit {
    Insert(Index, Vec<u8>),
    Replace(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    /// From here on, another seed.
    Splice(Index, Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let word = prop_oneof![
        4 => proptest::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..6),
    ];
    prop_oneof![
        4 => (any::<Index>(), word).prop_map(|(place, word)| Edit::Insert(place, word)),
        3 => (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Edit::Replace(place, byte)),
        2 => (any::<Index>(), 1..20usize).prop_map(|(place, length)| Edit::Remove(place, length)),
        1 => (any::<Index>(), 1..60usize).prop_map(|(place, length)| Edit::Repeat(place, length)),
        1 => (any::<Index>(), any::<Index>(), any::<Index>())
            .prop_map(|(place, seed, from)| Edit::Splice(place, seed, from)),
    ]
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit, seeds: &[(String, Vec<u8>)]) {
    let at = |place: &Index, length: usize| place.index(length + 1);
    match edit {
        Edit::Insert(place, word) => {
            let place = at(place, bytes.len());
            bytes.splice(place..place, word.iter().copied());
        }
        Edit::Replace(place, byte) => {
            let length = bytes.len();
            if let Some(slot) = bytes.get_mut(place.index(length.max(1))) {
                *slot = *byte;
            }
        }
        Edit::Remove(place, length) => {
            let place = at(place, bytes.len());
            bytes.drain(place..bytes.len().min(place + length));
        }
        Edit::Repeat(place, length) => {
            let place = at(place, bytes.len());
            let piece = bytes[place..bytes.len().min(place + length)].to_vec();
            bytes.splice(place..place, piece);
        }
        Edit::Splice(place, seed, from) => {
            let (_, other) = &seeds[seed.index(seeds.len())];
            bytes.truncate(at(place, bytes.len()));
            bytes.extend_from_slice(&other[at(from, other.len())..]);
        }
    }
}

/// The seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    seeds
}

/// Tries every seed, and `cases` mutations of them; `FUZZ_TIMES` asks for that many times more.
#[expect(clippy::disallowed_methods, reason = "how long to look is no input of the domain")]
fn mutate(target: &str, cases: u32, run: fn(&[u8])) {
    let times: u32 = std::env::var("FUZZ_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let cases = cases * times;
    let seeds = seeds(target);
    for (_, seed) in &seeds {
        run(seed);
    }
    let strategy = (any::<Index>(), vec(edit(), 1..6));
    // What is found becomes a seed, which says more than a number of proptest's.
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&strategy, |(seed, edits)| {
        let (_, mut bytes) = seeds[seed.index(seeds.len())].clone();
        for edit in &edits {
            apply(&mut bytes, edit, &seeds);
        }
        let caught = std::panic::catch_unwind(|| run(&bytes));
        caught.map_err(|_| TestCaseError::fail(format!("found with {}", bytes.escape_ascii())))
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_request_is_read_and_nothing_unproven_passes() {
    mutate("postback", 250_000, targets::postback::run);
}

#[test]
fn any_template_is_refused_or_keeps_its_host() {
    mutate("template", 200_000, targets::template::run);
}

#[test]
fn any_text_is_diagnosed_and_only_ours_is_genuine() {
    mutate("click_id", 500_000, targets::click_id::run);
}

#[test]
fn any_program_file_is_consistent_or_refused_with_places() {
    mutate("program", 30_000, targets::program::run);
}

#[test]
fn any_report_is_refused_or_reads_back_as_itself() {
    mutate("report", 60_000, targets::report::run);
}

/// A seed that no longer does what its name says would leave the deep code untried.
#[test]
fn the_seeds_of_postbacks_reach_what_they_are_named_for() {
    let now = targets::now();
    for (name, seed) in seeds("postback") {
        let request = targets::postback::request(&seed);
        let reading = proofback_domain::postback::read(&request, &targets::SNAPSHOT, None);
        let click = reading.click_id().and_then(targets::postback::click);
        let known = Known { click, ..Known::default() };
        let decision = decide(&reading, &known, &targets::SNAPSHOT, Id::new(now, 1), now);
        let wanted = name.split('-').next().unwrap();
        assert_eq!(decision.reason.code(), wanted, "{name}: {}", decision.message);
    }
}
