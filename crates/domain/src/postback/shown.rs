//! What stood somewhere, as it may be shown to people: bounded, masked, and nothing in it invisible.

use std::fmt::Write;

use super::privacy;
use crate::entities::is_invisible;
use crate::program::Snapshot;

/// More characters than this help nobody to see what is wrong.
const CHARS_MAX: usize = 80;

/// A parameter's value or name without secrets, e-mail addresses and phone numbers.
pub fn shown(value: &str, snapshot: &Snapshot) -> String {
    let text = without_secrets(value.trim(), snapshot);
    if privacy::is_hashed_key(&text) {
        return "an e-mail address".into();
    }
    clip(&privacy::mask_text(&text))
}

/// Text in which no secret of ours stands.
pub fn without_secrets(text: &str, snapshot: &Snapshot) -> String {
    snapshot.hidden.hide(text).into_owned()
}

/// Masked text between quotation marks, for the middle of a sentence.
pub fn quoted(masked: &str) -> String {
    format!("\"{}\"", clip(masked))
}

/// Shortens, and writes out what a reader could not see.
fn clip(text: &str) -> String {
    let mut clipped = String::new();
    for character in text.chars().take(CHARS_MAX) {
        if is_invisible(character) || character.is_control() {
            write!(clipped, "<U+{:04X}>", u32::from(character)).expect("a String takes all text");
        } else {
            clipped.push(character);
        }
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::click_id::Keys;
    use crate::program::{SecretRef, Secrets, read};

    fn see(value: &str) -> String {
        let (program, _) = read("[program]\nname = \"x\"\ncurrency = \"EUR\"\n");
        let secrets = Secrets([(SecretRef::Env("T".into()), "s3cret-token".to_owned())].into());
        let keys = Keys::new([1; 16], vec![]);
        shown(value, &Snapshot::new(1, program.expect("a program"), Default::default(), secrets, keys))
    }

    #[test]
    fn people_and_secrets_are_masked_wherever_they_stand_in_it() {
        for (value, seen) in [
            (" 1,50 ", "1,50"),
            ("s3cret-token", "***"),
            ("https://x/?token=s3cret-token&a=1", "https://x/?token=***&a=1"),
            ("ann@example.com", "***@***"),
            ("ann%40example.com", "***@***"),
            ("ann%2540example.com", "***@***"),
            ("+49 170 1234567", "+***"),
            ("https://x/?m=ann@example.com", "https://x/?m=***@***"),
        ] {
            assert_eq!(see(value), seen, "{value}");
        }
        assert_eq!(see(&privacy::hash_key("ann@example.com", &[1; 16])), "an e-mail address");
    }

    #[test]
    fn it_is_short_and_hides_no_character() {
        assert_eq!(see(&"x".repeat(80)), "x".repeat(80));
        assert_eq!(see(&"x".repeat(5_000)), format!("{}…", "x".repeat(80)));
        assert_eq!(see("a\u{200b}b\u{1b}[1m\nc"), "a<U+200B>b<U+001B>[1m<U+000A>c");
    }
}
