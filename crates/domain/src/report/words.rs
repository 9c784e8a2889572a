//! Small things about words: suggestions, quotes, headings.

pub(super) use crate::program::did_you_mean as suggest;

const QUOTE_LENGTH_MAX: usize = 60;

/// A word for a message: in quotes, shortened, without control characters.
pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTE_LENGTH_MAX) {
        Some((end, _)) => format!("{:?}", format!("{}...", text.get(..end).unwrap_or_default())),
        None => format!("{text:?}"),
    }
}

/// `hour_of_day` as a heading: `Hour of day`.
pub(super) fn title(code: &str) -> String {
    let code = code.replace('_', " ");
    let mut letters = code.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => code,
    }
}
