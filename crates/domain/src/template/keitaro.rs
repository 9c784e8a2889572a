//! What Keitaro writes behind the colon of its macros, as modifiers of ours.

use crate::calendar::Zone;

/// Keitaro's statuses and ours. It has no word for what was taken back, we have none for a rebill: that is an event.
const STATUSES: [(&str, &str); 4] =
    [("lead", "pending"), ("sale", "approved"), ("rejected", "rejected"), ("trash", "rejected")];

/// The letters of a date in PHP, and the same in `strftime`.
const LETTERS: [(char, &str); 22] = [
    ('Y', "%Y"),
    ('y', "%y"),
    ('m', "%m"),
    ('n', "%-m"),
    ('M', "%b"),
    ('F', "%B"),
    ('d', "%d"),
    ('j', "%-d"),
    ('D', "%a"),
    ('l', "%A"),
    ('N', "%u"),
    ('w', "%w"),
    ('H', "%H"),
    ('G', "%-H"),
    ('h', "%I"),
    ('g', "%-I"),
    ('A', "%p"),
    ('a', "%P"),
    ('i', "%M"),
    ('s', "%S"),
    ('P', "%:z"),
    ('U', "%s"),
];

/// `lead=0 sale=1` as the argument of `map`, with the words that have no equal here; `None` where it is no such list.
pub(super) fn status_map(argument: &str) -> Option<(String, Vec<&str>)> {
    let mut pairs = Vec::new();
    let mut left_out = Vec::new();
    for pair in argument.split_whitespace() {
        let (word, value) = pair.split_once('=')?;
        match STATUSES.iter().find(|(theirs, _)| *theirs == word) {
            Some((_, ours)) => {
                let pair = format!("{ours}={value}");
                // Two of theirs can be one of ours: the first counts.
                if !pairs.iter().any(|known: &String| known.starts_with(&format!("{ours}="))) {
                    pairs.push(pair);
                }
            }
            None => left_out.push(word),
        }
    }
    (!pairs.is_empty()).then(|| (pairs.join(","), left_out))
}

/// `Y-m-d H:i,Europe/Kyiv` as the argument of `format`.
pub(super) fn date_format(argument: &str) -> Result<String, String> {
    let (pattern, zone) = match argument.rsplit_once(',') {
        Some((pattern, name)) => match Zone::parse(name.trim()) {
            Some(zone) => (pattern, Some(zone)),
            None => return Err(format!("\"{}\" is no time zone", name.trim())),
        },
        None => (argument, None),
    };
    let mut format = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => format.extend(letters.next()),
            '%' => format.push_str("%%"),
            letter if letter.is_ascii_alphabetic() => {
                let known = LETTERS.iter().find(|(theirs, _)| *theirs == letter);
                let (_, ours) = known.ok_or_else(|| format!("the {letter} of its date has no equal here"))?;
                format.push_str(ours);
            }
            other => format.push(other),
        }
    }
    if let Some(zone) = zone {
        format.push('@');
        format.push_str(zone.name());
    }
    Ok(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_statuses_become_modifiers() {
        for (theirs, ours) in [
            ("Y-m-d,Europe/Kyiv", "%Y-%m-%d@Europe/Kyiv"),
            ("d.m.y H:i:s", "%d.%m.%y %H:%M:%S"),
            ("U", "%s"),
            ("\\Y100%", "Y100%%"),
        ] {
            assert_eq!(date_format(theirs).as_deref(), Ok(ours), "{theirs}");
        }
        assert_eq!(date_format("Y z"), Err("the z of its date has no equal here".into()));
        assert_eq!(date_format("Y,Kyiv"), Err("\"Kyiv\" is no time zone".into()));
        let map = |text| status_map(text).map(|(map, left)| (map, left.join(" ")));
        assert_eq!(map("lead=0 sale=1"), Some(("pending=0,approved=1".into(), String::new())));
        assert_eq!(
            map("sale=1 rebill=3 rejected=2"),
            Some(("approved=1,rejected=2".into(), "rebill".into()))
        );
        assert_eq!(map("none"), None);
        assert_eq!(map(""), None);
    }
}
