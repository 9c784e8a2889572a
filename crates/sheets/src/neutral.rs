//! Text that a spreadsheet would run is made inert on its way out, and given back as it was on its way in.
//!
//! An apostrophe in front tells a spreadsheet that text follows. Which beginnings are dangerous is from
//! OWASP's "CSV Injection", with its full-width forms.

use std::borrow::Cow;

const MARK: char = '\'';

/// The text with an apostrophe in front if a spreadsheet might take it for a formula.
pub(crate) fn neutralise(text: &str) -> Cow<'_, str> {
    if is_dangerous(text) { Cow::Owned(format!("{MARK}{text}")) } else { Cow::Borrowed(text) }
}

/// The inverse of [`neutralise`] for every text: quotes in front do not hide a danger, so a text that begins
/// with an apostrophe and a danger gets a second one, and only that one is taken off.
pub(crate) fn restore(text: &str) -> &str {
    match text.strip_prefix(MARK) {
        Some(rest) if is_dangerous(rest) => rest,
        Some(_) | None => text,
    }
}

pub(crate) fn is_dangerous(text: &str) -> bool {
    let first = text.chars().find(|one| !may_stand_before(*one));
    first.is_some_and(|one| {
        matches!(
            one,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
            // At the start of a file it is dropped as a byte order mark, and what follows comes first.
            | '\u{feff}'
        )
    })
}

/// What programs skip or take off before they look for a formula.
fn may_stand_before(one: char) -> bool {
    let blank = one.is_whitespace() && !matches!(one, '\t' | '\r' | '\n');
    blank || matches!(one, '\'' | '"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_gets_an_apostrophe() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@sum",
            "\tx",
            "\rx",
            "\nx",
            "＝1",
            "＋1",
            "－1",
            "＠x",
            " =1",
            "\u{a0}=1",
            "\"=1",
            "'=1",
            " ' \"=1",
            "''=1",
            "\u{feff}=1",
        ] {
            let written = neutralise(text);
            assert_eq!(written, format!("'{text}"), "{text:?}");
            assert_eq!(restore(&written), text, "{text:?}");
        }
    }

    #[test]
    fn harmless_text_stays_as_it_is() {
        for text in ["", "a=1", "it's", "'quoted'", "1-2", "a@b.example", "  x", "'"] {
            assert_eq!(neutralise(text), text);
            assert_eq!(restore(text), text);
        }
    }
}
