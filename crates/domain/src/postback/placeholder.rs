//! Placeholders that a sender forgot to replace, in every syntax that platforms write them.

/// Opening and closing marks, longer ones before their own beginnings.
const MARKS: [(&str, &str); 16] = [
    ("{{", "}}"),
    ("${", "}"),
    ("{", "}"),
    ("[[[", "]]]"),
    ("[[", "]]"),
    ("[", "]"),
    ("##", "##"),
    ("#", "#"),
    ("%%", "%%"),
    ("%", "%"),
    ("__", "__"),
    ("$", "$"),
    ("(", ")"),
    ("<", ">"),
    ("!", "!"),
    ("%", "!"),
];

/// Words that stand in example addresses.
const WORDS: [&str; 2] = ["REPLACE", "OPTIONAL"];

const NAME_CHARS_MAX: usize = 64;

/// The placeholder that the whole value is, encoded or not; `None` for a real value.
pub fn find(value: &str) -> Option<String> {
    let value = value.trim();
    // Most values are none, and are not looked at any further.
    if value.starts_with(|first: char| first.is_ascii_alphanumeric()) && !WORDS.contains(&value) {
        return None;
    }
    look(value.to_owned(), |text| is_placeholder(text).then(|| text.to_owned()))
}

/// What is found in a value as it stands, or encoded once or twice.
fn look(mut text: String, find: impl Fn(&str) -> Option<String>) -> Option<String> {
    for _ in 0..3 {
        if let Some(found) = find(&text) {
            return Some(found);
        }
        let decoded = percent_encoding::percent_decode_str(&text).decode_utf8().ok()?.into_owned();
        if decoded == text {
            return None;
        }
        text = decoded;
    }
    None
}

/// Marks that are unmistakable in the middle of a value.
const PLAIN_MARKS: [(&str, &str); 8] = [
    ("{{", "}}"),
    ("${", "}"),
    ("{", "}"),
    ("[[[", "]]]"),
    ("[[", "]]"),
    ("[", "]"),
    ("##", "##"),
    ("%%", "%%"),
];

/// A placeholder with other characters around it, encoded or not: `pre_{click_id}`.
pub fn find_inside(value: &str) -> Option<String> {
    let text = value.chars().take(INSIDE_CHARS_MAX).collect::<String>();
    look(text, |text| PLAIN_MARKS.iter().find_map(|(open, close)| between(text, open, close)))
}

/// A placeholder stands near the beginning, or nobody could tell what the value is.
const INSIDE_CHARS_MAX: usize = 300;

fn between(text: &str, open: &str, close: &str) -> Option<String> {
    text.match_indices(open).find_map(|(offset, _)| {
        let inside = text.get(offset..)?.strip_prefix(open)?;
        let (name, _) = inside.split_once(close)?;
        is_macro_name(name).then(|| format!("{open}{name}{close}"))
    })
}

fn is_placeholder(text: &str) -> bool {
    WORDS.contains(&text) || MARKS.iter().any(|(open, close)| stands_between(text, open, close))
}

fn stands_between(text: &str, open: &str, close: &str) -> bool {
    let inside = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    inside.is_some_and(is_macro_name)
}

/// A name, perhaps with a modifier behind it: `CLICK_ID`, `status:lead=0`, `SUB(action)`, `amount50%`; template
/// languages write it with spaces around it, as in `{{ order.id }}`.
fn is_macro_name(name: &str) -> bool {
    let name = name.trim();
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-.:|=,/ ()%".contains(character);
    begins && name.chars().count() <= NAME_CHARS_MAX && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syntax_is_recognised() {
        for text in [
            "{clickid}",
            "{{click_id}}",
            "[CLICK_ID]",
            "[[subid]]",
            "[[[subid]]]",
            "#s2#",
            "##S2S##",
            "##SUB_ID_SHORT(action)##",
            "${SUBID}",
            "$x$",
            "(idfa)",
            "%CLICK%",
            "%%CLICK%%",
            "__CALLBACK_PARAM__",
            "<click_id>",
            "!x!",
            "%click!",
            "REPLACE",
            "OPTIONAL",
            "%7Bclick_id%7D",
            "%257Bclick_id%257D",
            "{status:lead=0}",
            "{amount50%}",
            " {x} ",
        ] {
            assert!(find(text).is_some(), "{text}");
        }
    }

    #[test]
    fn values_are_no_placeholders() {
        for text in [
            "", "01kb3x", "120.00", "{", "{}", "a{b}c", "#1", "$5", "(12)", "replace", "order#7#", "%41",
            "50%",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
