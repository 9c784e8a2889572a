//! Where else in a request a genuine click id of ours stands: in another parameter, inside a longer value, or
//! cut in two. What is found is told to people; it is never an attribution.

use std::collections::BTreeMap;

use crate::click_id::ClickId;
use crate::program::Snapshot;

/// Characters of a click id.
const LENGTH: usize = 26;
/// So many places inside a value are looked at. A request must not be a way to try ids out by the thousand.
const PLACES_MAX: usize = 32;
/// So many parameters are looked at.
const PARAMS_MAX: usize = 50;

/// A shorter rest must be all that stands in its place.
const REST_CHARS_MIN: usize = 4;

pub struct Search<'a> {
    pub params: &'a BTreeMap<String, String>,
    pub snapshot: &'a Snapshot,
}

impl<'a> Search<'a> {
    /// The parameter whose whole value is a genuine id, in any spelling that would be accepted.
    pub fn elsewhere(&self) -> Option<(&'a str, ClickId)> {
        let params = self.params.iter().take(PARAMS_MAX);
        let whole = params.filter_map(|(name, value)| Some((name, self.snapshot.keys.recognise(value)?)));
        whole.map(|(name, id)| (name.as_str(), id)).next()
    }

    /// The parameter at whose start the rest of a cut id stands. Sub ids of some platforms spill over like this.
    pub fn spilled(&self, value: &str) -> Option<(&'a str, ClickId)> {
        let start = value.trim();
        let missing = LENGTH.checked_sub(start.len()).filter(|missing| 0 < *missing && *missing < LENGTH)?;
        let params = self.params.iter().take(PARAMS_MAX);
        let joined = params.filter_map(|(name, other)| {
            let rest = other.trim().get(..missing)?;
            // A few characters fit by chance, if nobody asks for more.
            if missing < REST_CHARS_MIN && rest.len() < other.trim().len() {
                return None;
            }
            Some((name.as_str(), self.snapshot.keys.read(&format!("{start}{rest}"))?))
        });
        joined.into_iter().next()
    }

    /// The genuine ids inside a longer value, each once, in their order.
    pub fn inside(&self, value: &str) -> Vec<ClickId> {
        let mut found = Vec::new();
        let mut text = value.to_owned();
        for _ in 0..3 {
            for place in places(&text) {
                if let Some(id) = self.snapshot.keys.read(place).filter(|id| !found.contains(id)) {
                    found.push(id);
                }
            }
            let decoded = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
            if !found.is_empty() || decoded == text {
                break;
            }
            text = decoded;
        }
        found
    }
}

/// The beginning and the end of each run of letters and digits that is long enough.
fn places(text: &str) -> Vec<&str> {
    let runs = text.split(|character: char| !character.is_ascii_alphanumeric());
    let ends = runs.filter(|run| LENGTH <= run.len()).flat_map(|run| {
        let end = run.len().checked_sub(LENGTH).and_then(|start| run.get(start..));
        [run.get(..LENGTH), end.filter(|_| LENGTH < run.len())]
    });
    ends.flatten().take(PLACES_MAX).collect()
}
