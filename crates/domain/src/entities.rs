//! What copying does to text: addresses out of a web page, where `&curren` and its like were read as HTML, are mended;
//! characters without width are known.
//!
//! `&currency=` comes out as `¤cy=`, `&param=` as `¶m=`, `&timestamp=` as `×tamp=`, `&region=` as `®ion=`;
//! `&copy=`, `&section=` and `&note=` as `©=`, `§ion=` and `¬e=`; an address that was escaped for a page and
//! not unescaped has `&amp;` for `&`. HTML reads all but the last without a semicolon (HTML standard, "Named
//! character references"). Only the damaged characters are touched, and only where the name of a parameter
//! goes on after them up to its `=`.

struct Damage {
    /// As it stands in text.
    seen: &'static str,
    /// As a client sends it.
    encoded: &'static str,
    /// What it was.
    meant: &'static str,
}

/// What was found and mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// `¤cy`, `¶m`, `×tamp`, `®ion`, `©`, `§`, `¬` or `&amp;`.
    pub seen: &'static str,
    /// What it was read as.
    pub meant: &'static str,
}

const DAMAGES: [Damage; 7] = [
    Damage { seen: "¤cy", encoded: "%C2%A4cy", meant: "&currency" },
    Damage { seen: "¶m", encoded: "%C2%B6m", meant: "&param" },
    Damage { seen: "×tamp", encoded: "%C3%97tamp", meant: "&timestamp" },
    Damage { seen: "®ion", encoded: "%C2%AEion", meant: "&region" },
    Damage { seen: "©", encoded: "%C2%A9", meant: "&copy" },
    Damage { seen: "§", encoded: "%C2%A7", meant: "&sect" },
    Damage { seen: "¬", encoded: "%C2%AC", meant: "&not" },
];

const AMPERSAND: &str = "&amp;";
/// Some clients encode the semicolon on the way.
const AMPERSAND_ENCODED: &str = "&amp%3B";

/// Mends an address, or a query or form as it came over the wire, before anything is decoded.
///
/// Gives the text, and what was found and mended, each kind once.
pub fn repair_entities(text: &str) -> (String, Vec<Repair>) {
    let mut repaired = String::with_capacity(text.len());
    let mut repairs = Vec::new();
    let mut rest = text;
    while let Some(found) = next_damage(rest) {
        repaired.push_str(found.before);
        repaired.push_str(found.repair.meant);
        if !repairs.contains(&found.repair) {
            repairs.push(found.repair);
        }
        rest = found.after;
    }
    repaired.push_str(rest);
    (repaired, repairs)
}

struct Found<'a> {
    before: &'a str,
    repair: Repair,
    after: &'a str,
}

fn next_damage(text: &str) -> Option<Found<'_>> {
    text.match_indices(['¤', '¶', '×', '®', '©', '§', '¬', '&', '%']).find_map(|(offset, _)| {
        let (before, tail) = text.split_at_checked(offset)?;
        let (repair, after) = ampersand(tail).or_else(|| damaged_name(tail))?;
        Some(Found { before, repair, after })
    })
}

/// `&amp;`, or `&amp;amp;` where it was escaped more than once.
fn ampersand(tail: &str) -> Option<(Repair, &str)> {
    let encoded = || strip_prefix_in_any_case(tail, AMPERSAND_ENCODED);
    let mut after = tail.strip_prefix(AMPERSAND).or_else(encoded)?;
    while let Some(rest) = after.strip_prefix("amp;").or_else(|| strip_prefix_in_any_case(after, "amp%3B")) {
        after = rest;
    }
    Some((Repair { seen: AMPERSAND, meant: "&" }, after))
}

fn damaged_name(tail: &str) -> Option<(Repair, &str)> {
    DAMAGES.iter().find_map(|damage| {
        let encoded = || strip_prefix_in_any_case(tail, damage.encoded);
        let after = tail.strip_prefix(damage.seen).or_else(encoded)?;
        let repair = Repair { seen: damage.seen, meant: damage.meant };
        names_a_parameter(after).then_some((repair, after))
    })
}

/// Percent-encoding is the same in both cases.
fn strip_prefix_in_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, after) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(after)
}

/// The rest of a name and its `=`: `=`, `1=`, `_id=`.
fn names_a_parameter(after: &str) -> bool {
    let of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    after.trim_start_matches(of_a_name).starts_with('=')
}

/// Characters without any width, which survive copying out of documents and chats.
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_html_ate_comes_back() {
        for (damaged, sound, seen) in [
            ("https://t.example/?payout=10¤cy=EUR", "https://t.example/?payout=10&currency=EUR", "¤cy"),
            ("a=1¶m1={sub1}", "a=1&param1={sub1}", "¶m"),
            ("a=1¶m=2", "a=1&param=2", "¶m"),
            ("a=1×tamp=5", "a=1&timestamp=5", "×tamp"),
            ("a=1×tamp_iso=5", "a=1&timestamp_iso=5", "×tamp"),
            ("a=1®ion=de", "a=1&region=de", "®ion"),
            ("a=1&amp;b=2", "a=1&b=2", "&amp;"),
            ("a=1&amp;amp;b=2", "a=1&b=2", "&amp;"),
            ("a=1%C2%A4cy=EUR", "a=1&currency=EUR", "¤cy"),
            ("a=1%c2%a4cy=EUR", "a=1&currency=EUR", "¤cy"),
            ("a=1%C2%B6m1=2", "a=1&param1=2", "¶m"),
            ("a=1%C3%97tamp=5", "a=1&timestamp=5", "×tamp"),
            ("a=1%C2%AEion=de", "a=1&region=de", "®ion"),
            ("a=1©=2", "a=1&copy=2", "©"),
            ("a=1%C2%A9_id=2", "a=1&copy_id=2", "©"),
            ("a=1§ion=2", "a=1&section=2", "§"),
            ("a=1%C2%A7=2", "a=1&sect=2", "§"),
            ("a=1¬e=2", "a=1&note=2", "¬"),
            ("a=1%c2%ac=2", "a=1&not=2", "¬"),
            ("a=1&amp%3Bb=2", "a=1&b=2", "&amp;"),
            ("a=1&amp%3bamp%3bb=2", "a=1&b=2", "&amp;"),
        ] {
            let (repaired, found) = repair_entities(damaged);
            assert_eq!(repaired, sound, "{damaged}");
            assert_eq!(found.iter().map(|repair| repair.seen).collect::<Vec<_>>(), [seen], "{damaged}");
        }
    }

    #[test]
    fn several_kinds_are_told_once_each_and_in_order() {
        let (repaired, found) = repair_entities("p=1×tamp=2¤cy=EUR¤cy=USD&amp;x=3");
        assert_eq!(repaired, "p=1&timestamp=2&currency=EUR&currency=USD&x=3");
        let found: Vec<_> = found.iter().map(|repair| (repair.seen, repair.meant)).collect();
        assert_eq!(found, [("×tamp", "&timestamp"), ("¤cy", "&currency"), ("&amp;", "&")]);
    }

    #[test]
    fn sound_text_is_left_alone() {
        for sound in [
            "",
            "https://t.example/?a=1&currency=EUR&param=2&param1=3&timestamp=4&region=de&amp=5",
            "price=5¤&currency=EUR",
            "note=5×6",
            "brand=Acme®",
            "brand=Acme®ion",
            "owner=©Acme",
            "text=§ 7 of=it",
            "text=%C2%A7 7",
            "a=1%26amp%3Bb",
            "text=¤cy",
            "text=¶more words=1",
            "text=100%C2%A4",
            "text=%C2%AE",
            "l%C3%A4cy=1",
            "k%C3%B6m=2",
            "%",
            "&",
            "a=%2",
        ] {
            let (repaired, found) = repair_entities(sound);
            assert_eq!(repaired, sound);
            assert!(found.is_empty(), "{sound}");
        }
    }

    proptest! {
        #[test]
        fn repaired_text_has_nothing_left_to_repair(text in "([¤¶×®©§¬&%=a1 ]|cy|m|tamp|ion|amp;|amp%3B|%C2%A4|%C2%A9|¤cy=){0,20}") {
            let (repaired, _) = repair_entities(&text);
            prop_assert_eq!(repair_entities(&repaired).1, Vec::<Repair>::new(), "{}", repaired);
        }

        #[test]
        fn any_text_can_be_repaired(text in ".{0,80}") {
            let (repaired, found) = repair_entities(&text);
            prop_assert_eq!(repaired == text, found.is_empty());
        }
    }
}
