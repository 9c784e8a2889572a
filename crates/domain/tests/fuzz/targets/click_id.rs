//! The click id codec: any text is diagnosed, and only what we wrote is genuine.

use proofback_domain::click_id::{ClickId, Keys, LINK_NUMBER_MAX, Prefix, Returned};
use proofback_domain::time::Timestamp;

/// The bytes are a text to diagnose, and also the parts of an id with one character to change in it.
pub fn run(data: &[u8]) {
    let keys = Keys::new([7; 16], vec![[9; 16]]);
    any_text_is_diagnosed(&keys, &String::from_utf8_lossy(data));
    if let Some((parts, change)) = data.split_first_chunk::<14>() {
        let id = keys.sign(prefix(parts));
        every_form_of_it_is_known(&keys, id);
        one_changed_character_is_noticed(&keys, id, change);
    }
}

/// Eight bytes of time, three of serial, three of link; what does not fit is cut off.
fn prefix(parts: &[u8; 14]) -> Prefix {
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
    let time = number(&parts[..8]) & ((1 << 42) - 1);
    Prefix {
        at: Timestamp::from_millis(i64::try_from(time).unwrap()),
        serial: u32::try_from(number(&parts[8..11]) & ((1 << 22) - 1)).unwrap(),
        link: u32::try_from(number(&parts[11..])).unwrap() & LINK_NUMBER_MAX,
    }
}

fn any_text_is_diagnosed(keys: &Keys, text: &str) {
    let nothing_fits = keys.diagnose(text, |_| false);
    assert!(matches!(nothing_fits, Returned::Genuine { .. } | Returned::Unknown), "{nothing_fits:?}");
    match keys.diagnose(text, |_| true) {
        Returned::Genuine { id, repaired } => {
            assert_eq!(keys.read(&id.to_string()), Some(id));
            assert_eq!(repaired.is_none(), text == id.to_string(), "{text:?}: {repaired:?}");
            assert!(text.len() >= 26, "{text:?} says less than an id does");
        }
        Returned::Truncated { length, .. } => assert!(18 <= length && length < 26, "{text:?}"),
        Returned::Altered { .. } | Returned::Unknown => {}
    }
}

fn every_form_of_it_is_known(keys: &Keys, id: ClickId) {
    let text = id.to_string();
    assert_eq!(text.len(), 26);
    assert_eq!(ClickId::from_stored(id.to_bytes()), id);
    assert_eq!(ClickId::from_parts(id.prefix().number(), id.tail()), id);
    assert_eq!(keys.sign(id.prefix()), id);
    assert_eq!(keys.diagnose(&text, |_| true), Returned::Genuine { id, repaired: None });
    let encoded: String = text.bytes().map(|byte| format!("%25{byte:02X}")).collect();
    for repairable in [format!(" '{text}'\n"), encoded] {
        let seen = keys.diagnose(&repairable, |_| true);
        assert!(
            matches!(seen, Returned::Genuine { id: found, repaired: Some(_) } if found == id),
            "{repairable:?}: {seen:?}"
        );
    }
    for length in 18..26 {
        let seen = keys.diagnose(&text[..length], |_| true);
        assert_eq!(seen, Returned::Truncated { prefix: id.prefix(), length });
    }
}

/// The one change that is mended is the case of a letter.
fn one_changed_character_is_noticed(keys: &Keys, id: ClickId, change: &[u8]) {
    let mut characters: Vec<char> = id.to_string().chars().collect();
    let Some((place, replacement)) = change.split_first() else { return };
    let place = usize::from(*place) % characters.len();
    let Some(replacement) = String::from_utf8_lossy(replacement).chars().next() else { return };
    let original = std::mem::replace(&mut characters[place], replacement);
    let changed: String = characters.into_iter().collect();
    let is_same_letter = replacement.eq_ignore_ascii_case(&original);
    match keys.diagnose(&changed, |_| true) {
        Returned::Genuine { id: seen, .. } => {
            assert!(is_same_letter && seen == id, "{changed:?} is accepted")
        }
        Returned::Truncated { .. } | Returned::Altered { .. } | Returned::Unknown => {
            assert!(!is_same_letter, "{changed:?} is refused");
        }
    }
}
