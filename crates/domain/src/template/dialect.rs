//! Placeholders in the syntaxes of other platforms.

use super::error::TemplateError;
use super::vocabulary;

/// How sure it is that nobody meant the text as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    /// Nobody writes it so in plain text.
    Sure,
    /// A note in brackets looks the same.
    Likely,
}

/// A placeholder of another platform that a text consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreign<'a> {
    /// What stands between the marks, or the word itself.
    pub(super) name: &'a str,
    /// In `##X(arg)##`.
    pub(super) argument: Option<&'a str>,
    pub(super) certainty: Certainty,
}

struct Marks {
    open: &'static str,
    close: &'static str,
    certainty: Certainty,
}

const fn sure(open: &'static str, close: &'static str) -> Marks {
    Marks { open, close, certainty: Certainty::Sure }
}

const fn likely(open: &'static str, close: &'static str) -> Marks {
    Marks { open, close, certainty: Certainty::Likely }
}

const MARKS: [Marks; 14] = [
    sure("{{", "}}"),
    sure("${", "}"),
    sure("[[[", "]]]"),
    sure("[[", "]]"),
    sure("##", "##"),
    sure("%%", "%%"),
    likely("[", "]"),
    likely("#", "#"),
    likely("%", "%"),
    likely("%", "!"),
    likely("$", "$"),
    likely("(", ")"),
    likely("<", ">"),
    likely("!", "!"),
];

/// Words that stand for a value in example addresses; the parameter says which.
pub(super) const EXAMPLE_WORDS: [&str; 2] = ["REPLACE", "OPTIONAL"];

const NAME_BYTES_MAX: usize = 64;

/// The placeholder that all of a text is; `{x}` is not among them.
pub(super) fn whole(text: &str) -> Option<Foreign<'_>> {
    if EXAMPLE_WORDS.contains(&text) {
        return Some(Foreign { name: text, argument: None, certainty: Certainty::Likely });
    }
    between_underscores(text).or_else(|| MARKS.iter().find_map(|marks| between(text, marks)))
}

fn between<'a>(text: &'a str, marks: &Marks) -> Option<Foreign<'a>> {
    let inside = text.strip_prefix(marks.open)?.strip_suffix(marks.close)?;
    let found = |name, argument| Foreign { name, argument, certainty: marks.certainty };
    match marks.certainty {
        // Template languages write spaces around the name.
        Certainty::Sure => {
            let argued = inside.strip_suffix(')').and_then(|inside| inside.split_once('('));
            match argued {
                Some((name, argument)) if marks.open == "##" && is_name(name) => {
                    Some(found(name, Some(argument)))
                }
                Some(_) | None => is_name(inside.trim()).then(|| found(inside.trim(), None)),
            }
        }
        Certainty::Likely => {
            // `%E4!` is an encoded letter.
            let is_encoded =
                marks.open == "%" && inside.len() == 2 && inside.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_name(inside) && 1 < inside.len() && !is_encoded).then(|| found(inside, None))
        }
    }
}

/// `__X__`, in capitals where it is a placeholder.
fn between_underscores(text: &str) -> Option<Foreign<'_>> {
    let name = text.strip_prefix("__")?.strip_suffix("__")?;
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = name.starts_with(|first: char| first.is_ascii_uppercase());
    (begins && name.bytes().all(plain)).then_some(Foreign {
        name,
        argument: None,
        certainty: Certainty::Sure,
    })
}

/// The length of a `#x#`, `##X##` or `##X(arg)##` that a text begins with, if a piece of an address ends behind it.
pub(super) fn hash_marked_length(text: &str) -> Option<usize> {
    let end = text.find(['&', '/', '?']).unwrap_or(text.len());
    let piece = text.get(..end)?;
    // A fragment may follow.
    let shorter = piece.rfind('#').filter(|last| !piece.ends_with('#') && 0 < *last);
    let piece = shorter.and_then(|last| piece.get(..last)).unwrap_or(piece);
    whole(piece).map(|_| piece.len())
}

/// Where text cannot be percent-encoded to say that it is meant, only unmistakable placeholders are refused.
pub(super) fn refuse_sure(text: &str) -> Result<(), TemplateError> {
    match whole(text).filter(|foreign| foreign.certainty == Certainty::Sure) {
        Some(foreign) => {
            let instead = vocabulary::suggestion(foreign.name).map(|name| format!("{{{name}}}"));
            Err(TemplateError::ForeignMacro { seen: text.to_owned(), instead })
        }
        None => Ok(()),
    }
}

/// What platforms call their macros: letters, digits, `_`, `-` and `.`.
pub(super) fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syntax_is_known() {
        for (text, name) in [
            ("{{clickid}}", "clickid"),
            ("{{ order.id }}", "order.id"),
            ("[CLICK_ID]", "CLICK_ID"),
            ("[[subid]]", "subid"),
            ("[[[subid]]]", "subid"),
            ("#s2#", "s2"),
            ("##S2S##", "S2S"),
            ("##SUB_ID_SHORT(action)##", "SUB_ID_SHORT"),
            ("${SUBID}", "SUBID"),
            ("$clickid$", "clickid"),
            ("(android-id)", "android-id"),
            ("%CLICK%", "CLICK"),
            ("%%CLICK%%", "CLICK"),
            ("%click!", "click"),
            ("__CALLBACK_PARAM__", "CALLBACK_PARAM"),
            ("<click_id>", "click_id"),
            ("!clickid!", "clickid"),
            ("REPLACE", "REPLACE"),
            ("OPTIONAL", "OPTIONAL"),
        ] {
            assert_eq!(whole(text).map(|foreign| foreign.name), Some(name), "{text}");
        }
    }

    #[test]
    fn ordinary_text_is_none() {
        for text in [
            "",
            "%20",
            "%C3%BC",
            "50%",
            "%41%",
            "(1)",
            "[0]",
            "[]",
            "(a)",
            "#1#",
            "##",
            "####",
            "$5$",
            "!",
            "!!",
            "<1>",
            "__init__",
            "____",
            "a__B__",
            "{x}",
            "{}",
            "{{}}",
            "{{1}}",
            "(two words)",
            "[a,b]",
            "replace",
            "Optional",
            "x[CLICK_ID]",
            "$",
            "${}",
            "%%",
            "100%!",
            "%E4!",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
