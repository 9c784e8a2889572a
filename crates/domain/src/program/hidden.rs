//! Keeps the values of secrets out of everything that is stored or answered.
//!
//! What strangers send is held against every secret here, so no comparison may stop where the first difference is:
//! stretches of the text are held by their hash, and only what has the hash of a secret is compared, in constant time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use subtle::ConstantTimeEq;

/// Shorter values are looked for as a whole only: a piece of ordinary text may look like them.
const PIECE_BYTES_MIN: usize = 4;
const SHOWN: &str = "***";
/// Odd, so that no byte falls out of the hash.
const BASE: u64 = 0x0100_0000_01b3;

/// The values, by their length, with their hashes.
#[derive(Clone, Default)]
pub struct Hidden {
    by_length: BTreeMap<usize, Vec<(u64, Vec<u8>)>>,
}

impl Hidden {
    pub fn new<'a>(values: impl Iterator<Item = &'a String>) -> Self {
        let mut by_length: BTreeMap<usize, Vec<(u64, Vec<u8>)>> = BTreeMap::new();
        for value in values.filter(|value| !value.is_empty()) {
            let bytes = value.as_bytes().to_vec();
            by_length.entry(bytes.len()).or_default().push((hash(&bytes), bytes));
        }
        Self { by_length }
    }

    /// The text with `***` for every secret in it.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (length, values) in self.by_length.range(..=text.len()) {
            if PIECE_BYTES_MIN <= *length || *length == text.len() {
                found.extend(places(text.as_bytes(), *length, values).map(|start| (start, *length)));
            }
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let mut shown = String::new();
        let mut end = 0;
        for (start, length) in found {
            if end <= start {
                shown.push_str(text.get(end..start).unwrap_or_default());
                shown.push_str(SHOWN);
            }
            end = end.max(start.saturating_add(length));
        }
        shown.push_str(text.get(end..).unwrap_or_default());
        Cow::Owned(shown)
    }
}

/// Where in the text one of these values of one length begins.
fn places<'a>(
    text: &'a [u8],
    length: usize,
    values: &'a [(u64, Vec<u8>)],
) -> impl Iterator<Item = usize> + 'a {
    // What the first byte of a stretch adds to its hash.
    let weight = (1..length).fold(1_u64, |weight, _| weight.wrapping_mul(BASE));
    let mut rolling = 0_u64;
    text.windows(length).enumerate().filter_map(move |(start, stretch)| {
        rolling = match (start, stretch.last()) {
            (0, _) | (_, None) => hash(stretch),
            (_, Some(last)) => rolling.wrapping_mul(BASE).wrapping_add(u64::from(*last)),
        };
        let matches = |(hash, value): &(u64, Vec<u8>)| *hash == rolling && bool::from(value.ct_eq(stretch));
        let is_one = values.iter().any(matches);
        let first = stretch.first().copied().unwrap_or_default();
        rolling = rolling.wrapping_sub(u64::from(first).wrapping_mul(weight));
        is_one.then_some(start)
    })
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |hash, byte| hash.wrapping_mul(BASE).wrapping_add(u64::from(*byte)))
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hidden")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hidden(values: &[&str]) -> Hidden {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        Hidden::new(values.iter())
    }

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let hidden = hidden(&["long-secret", "secret-two-ü", "abc", ""]);
        for (text, shown) in [
            ("", ""),
            ("abc", "***"),
            ("abcd", "abcd"),
            ("xabc", "xabc"),
            ("long-secret", "***"),
            ("long-secre", "long-secre"),
            ("a long-secret, and a long-secret.", "a ***, and a ***."),
            ("long-secret-two-ü!", "***!"),
            ("ü secret-two-ü ü", "ü *** ü"),
            ("nothing of the kind is in this text", "nothing of the kind is in this text"),
        ] {
            assert_eq!(hidden.hide(text), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_secret_is_found_in_any_text(before in "[a-c]{0,40}", secret in "[a-c]{8,12}", after in "[a-cü]{0,40}") {
            let text = format!("{before}{secret}{after}");
            let shown = hidden(&[&secret]).hide(&text).into_owned();
            prop_assert!(!shown.contains(&secret));
            prop_assert!(shown.contains(SHOWN));
        }

        #[test]
        fn a_text_without_a_secret_stays(text in "[a-cü]{0,40}", secret in "[d-f]{1,12}") {
            prop_assert_eq!(hidden(&[&secret]).hide(&text), text.as_str());
        }
    }
}
