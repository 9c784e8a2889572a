//! The click id: 26 characters that name a click, its time and its link, and that nobody can make up.
//!
//! Two zero bits, then 128 bits: 42 of Unix milliseconds, 22 of node and sequence, 24 of link number and
//! 40 of a keyed MAC (SipHash-2-4) over the 88 before it. Time, node and link fill the first 18 characters,
//! so that a cut id still says which click it was. Test vectors stand in `docs/click-id.md`.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher24 as WideSipHasher24};

use crate::base32;
use crate::time::Timestamp;

const MAC_BITS: u32 = 40;
const LINK_BITS: u32 = 24;
const SERIAL_BITS: u32 = 22;
/// The characters that hold time, serial and link.
const PREFIX_LENGTH: usize = 18;
/// The highest link number that an id can carry.
pub const LINK_NUMBER_MAX: u32 = (1 << LINK_BITS) - 1;

/// A click id whose MAC was found right, or that was just made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClickId(u128);

/// What an id says before its MAC: also what is left of a cut or altered one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    pub at: Timestamp,
    /// Node and sequence: tells clicks of one millisecond apart.
    pub serial: u32,
    pub link: u32,
}

/// The secret keys of the MAC. The first signs; all verify, so that a key can be replaced without loss.
#[derive(Clone)]
pub struct Keys {
    keys: Vec<[u8; 16]>,
}

/// Gives each click of this process its time and serial; never the same pair twice.
#[derive(Debug)]
pub struct Sequence {
    last_ms: i64,
    serial: u32,
}

/// What an id that came back turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// Ours; `repaired` says what was mended (case, spaces, quotes, double encoding), if anything.
    Genuine {
        id: ClickId,
        repaired: Option<&'static str>,
    },
    /// The beginning of one of ours.
    Truncated {
        prefix: Prefix,
        length: usize,
    },
    /// The length and the beginning of one of ours, and a wrong MAC or a character that no id has.
    Altered {
        prefix: Prefix,
        odd: Option<char>,
    },
    Unknown,
}

impl Keys {
    /// At least one key; the first signs.
    pub fn new(first: [u8; 16], older: Vec<[u8; 16]>) -> Self {
        let mut keys = vec![first];
        keys.extend(older);
        Self { keys }
    }

    pub fn sign(&self, prefix: Prefix) -> ClickId {
        let body = prefix.to_bits();
        let mac = self.keys.first().map_or(0, |key| mac(key, body));
        ClickId((body << MAC_BITS) | u128::from(mac))
    }

    /// A key of its own for another use, derived from the oldest key, which a rotation keeps.
    pub(crate) fn derived(&self, purpose: &str) -> [u8; 16] {
        let key = self.keys.last().copied().unwrap_or_default();
        let mut hasher = WideSipHasher24::new_with_key(&key);
        hasher.write(purpose.as_bytes());
        hasher.finish128().as_bytes()
    }

    fn verify(&self, value: u128) -> Option<ClickId> {
        let body = value >> MAC_BITS;
        let seen = u64::try_from(value & ((1 << MAC_BITS) - 1)).ok()?;
        self.keys.iter().any(|key| mac(key, body) == seen).then_some(ClickId(value))
    }

    /// Reads an id exactly as we write it, or in upper case. Anything else is for [`Self::diagnose`].
    pub fn read(&self, text: &str) -> Option<ClickId> {
        if text.len() != base32::LENGTH {
            return None;
        }
        self.verify(base32::decode(text.as_bytes())?)
    }

    /// Reads an id in any spelling that [`Self::diagnose`] would call genuine.
    pub fn recognise(&self, text: &str) -> Option<ClickId> {
        self.read(text).or_else(|| self.read(&clean(text).0))
    }

    /// Says what a returned id is. `fits` answers whether a time and a link number can be ours.
    ///
    /// A diagnosis is no attribution: only `Genuine` names a click that may be credited.
    pub fn diagnose(&self, text: &str, fits: impl Fn(&Prefix) -> bool) -> Returned {
        let (cleaned, repaired) = clean(text);
        if let Some(id) = self.read(&cleaned) {
            return Returned::Genuine { id, repaired };
        }
        let odd = |character: &char| fold_lookalike(*character).is_some() || is_filler(*character);
        let odd = cleaned.chars().find(odd);
        let kept = cleaned.chars().filter(|character| !is_filler(*character));
        let folded: String = kept.map(|character| fold_lookalike(character).unwrap_or(character)).collect();
        let length = folded.chars().count();
        let Some(prefix) = Prefix::read(&folded).filter(|prefix| fits(prefix)) else {
            return Returned::Unknown;
        };
        let plain = folded.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if length == base32::LENGTH {
            Returned::Altered { prefix, odd }
        } else if length < base32::LENGTH && plain {
            Returned::Truncated { prefix, length }
        } else {
            Returned::Unknown
        }
    }
}

impl ClickId {
    pub fn prefix(self) -> Prefix {
        Prefix::from_bits(self.0 >> MAC_BITS)
    }

    /// Characters of an id as text.
    pub const TEXT_LENGTH: usize = base32::LENGTH;

    /// From the text in which the store keeps it, where only signed ids are.
    pub fn recall(text: &str) -> Option<Self> {
        let whole = text.len() == base32::LENGTH;
        base32::decode(text.as_bytes()).filter(|_| whole).map(Self)
    }

    /// The form in which the store keeps it; sorts like the text.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// What [`Prefix::number`] leaves out: link and MAC. Both together are the whole id.
    pub fn tail(self) -> i64 {
        i64::from_be_bytes(u64::try_from(self.0 & u128::from(u64::MAX)).unwrap_or(0).to_be_bytes())
    }

    /// From the store's own two numbers.
    pub fn from_parts(number: i64, tail: i64) -> Self {
        let high = u64::from_be_bytes(number.to_be_bytes()) ^ (1 << 63);
        let low = u64::from_be_bytes(tail.to_be_bytes());
        Self((u128::from(high) << 64) | u128::from(low))
    }

    /// From the store's own bytes, where only signed ids are.
    pub fn from_stored(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl Prefix {
    fn to_bits(self) -> u128 {
        let time = u128::from(self.at.millis().unsigned_abs() & ((1 << 42) - 1));
        let serial = u128::from(self.serial & ((1 << SERIAL_BITS) - 1));
        let link = u128::from(self.link & LINK_NUMBER_MAX);
        (time << (SERIAL_BITS + LINK_BITS)) | (serial << LINK_BITS) | link
    }

    fn from_bits(body: u128) -> Self {
        let part = |shift: u32, bits: u32| (body >> shift) & (1u128 << bits).wrapping_sub(1);
        Self {
            at: Timestamp::from_millis(i64::try_from(part(SERIAL_BITS + LINK_BITS, 42)).unwrap_or(0)),
            serial: u32::try_from(part(LINK_BITS, SERIAL_BITS)).unwrap_or(0),
            link: u32::try_from(part(0, LINK_BITS)).unwrap_or(0),
        }
    }

    /// The first 18 characters of a text, whatever follows them.
    fn read(text: &str) -> Option<Self> {
        let start = text.get(..PREFIX_LENGTH)?;
        let value = base32::decode(start.as_bytes())?;
        // 18 characters hold 90 bits, of which the two highest are zero.
        (value >> 88 == 0).then(|| Self::from_bits(value))
    }

    /// How every id of it begins: all that time, serial and link say.
    pub fn text(self) -> String {
        let mut text = ClickId(self.to_bits() << MAC_BITS).to_string();
        text.truncate(PREFIX_LENGTH);
        text
    }

    /// Time and serial as one number that sorts by time: one click's alone, and kept in order by every store.
    pub fn number(self) -> i64 {
        let number = u64::try_from(self.to_bits() >> LINK_BITS).unwrap_or(0);
        // The highest bit is turned over, so that the order holds beyond 2039.
        i64::from_be_bytes((number ^ (1 << 63)).to_be_bytes())
    }
}

impl Sequence {
    /// Continues after `last`, the newest time ever used here; `seed` starts the serials.
    pub fn new(last: Timestamp, seed: u32) -> Self {
        Self { last_ms: last.millis(), serial: seed & ((1 << SERIAL_BITS) - 1) }
    }

    /// The next time and serial. When the clock stands or steps back, time goes on from the last one used.
    pub fn next(&mut self, now: Timestamp, link: u32) -> Prefix {
        if now.millis() > self.last_ms {
            self.last_ms = now.millis();
        }
        self.serial = self.serial.wrapping_add(1) & ((1 << SERIAL_BITS) - 1);
        if self.serial == 0 {
            self.last_ms = self.last_ms.saturating_add(1);
        }
        Prefix { at: Timestamp::from_millis(self.last_ms), serial: self.serial, link }
    }
}

/// The lower 40 bits of SipHash-2-4 over the 88 bits, most significant byte first.
fn mac(key: &[u8; 16], body: u128) -> u64 {
    let bytes = body.to_be_bytes();
    let message = bytes.get(5..).unwrap_or_default();
    SipHasher24::new_with_key(key).hash(message) & ((1 << MAC_BITS) - 1)
}

/// Takes off what copying and double encoding add; says what it took.
pub fn clean(text: &str) -> (String, Option<&'static str>) {
    let mut cleaned = text.to_owned();
    let mut repaired = None;
    for _ in 0..2 {
        if !cleaned.contains('%') {
            break;
        }
        let decoded = percent_encoding::percent_decode_str(&cleaned).decode_utf8_lossy().into_owned();
        if decoded == cleaned {
            break;
        }
        cleaned = decoded;
        repaired = Some("it was percent-encoded more than once");
    }
    let trimmed = cleaned.trim_matches(|character| character != '-' && is_filler(character));
    if trimmed.len() != cleaned.len() {
        repaired = Some("spaces, quotes or invisible characters stood around it");
        cleaned = trimmed.to_owned();
    }
    if cleaned.bytes().any(|byte| byte.is_ascii_uppercase()) {
        repaired = Some("its letters were in another case");
    }
    (cleaned, repaired)
}

/// What stands around or inside a copied id and means nothing: spaces, quotes, invisible characters.
fn is_filler(character: char) -> bool {
    let quote = "\"'`“”„‟‘’‚‛«»‹›+-".contains(character);
    let invisible = crate::entities::is_invisible(character);
    quote || invisible || character.is_whitespace() || character.is_control()
}

/// The digit that a letter of another alphabet, or one we leave out, looks like. For diagnosis alone.
fn fold_lookalike(character: char) -> Option<char> {
    // Full-width forms stand in the order of ASCII.
    if let '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' = character {
        let narrow = char::from_u32(u32::from(character).checked_sub(0xfee0)?)?;
        return Some(fold_lookalike(narrow).unwrap_or(narrow));
    }
    Some(match character {
        'о' | 'О' | 'ο' | 'Ο' | 'o' | 'O' => '0',
        'і' | 'І' | 'ι' | 'Ι' | 'i' | 'I' | 'l' | 'L' => '1',
        'u' | 'U' | 'υ' | 'ν' => 'v',
        'а' | 'А' | 'α' | 'Α' => 'a',
        'в' | 'В' | 'Β' | 'β' => 'b',
        'с' | 'С' | 'ϲ' => 'c',
        'е' | 'Е' | 'ε' | 'Ε' => 'e',
        'н' | 'Н' | 'Η' => 'h',
        'ј' | 'Ј' => 'j',
        'к' | 'К' | 'κ' | 'Κ' => 'k',
        'м' | 'М' | 'Μ' => 'm',
        'п' | 'η' | 'Ν' => 'n',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ѕ' | 'Ѕ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'γ' | 'Υ' => 'y',
        'Ζ' | 'ζ' => 'z',
        'з' | 'З' => '3',
        'б' => '6',
        _ => return None,
    })
}

impl std::fmt::Display for ClickId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = base32::encode(self.0);
        formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl serde::Serialize for ClickId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Keys({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Keys {
        Keys::new([7; 16], vec![[9; 16]])
    }

    fn sample() -> ClickId {
        let at = Timestamp::from_millis(1_795_244_760_000);
        keys().sign(Prefix { at, serial: 12_345, link: 42 })
    }

    fn fits(prefix: &Prefix) -> bool {
        prefix.link == 42 && prefix.at.millis() > 1_700_000_000_000 && prefix.at.millis() < 1_900_000_000_000
    }

    fn diagnose(text: &str) -> Returned {
        keys().diagnose(text, fits)
    }

    #[test]
    fn the_published_vectors_hold() {
        let keys = Keys::new(std::array::from_fn(|index| u8::try_from(index).unwrap()), vec![]);
        let vector =
            |ms, serial, link| keys.sign(Prefix { at: Timestamp::from_millis(ms), serial, link }).to_string();
        assert_eq!(vector(0, 0, 0), include_str!("../vectors/click_id.txt").lines().next().unwrap());
        assert_eq!(
            vector(1_795_244_760_000, 1, 1),
            include_str!("../vectors/click_id.txt").lines().nth(1).unwrap()
        );
        assert_eq!(
            vector((1 << 42) - 1, (1 << 22) - 1, LINK_NUMBER_MAX),
            include_str!("../vectors/click_id.txt").lines().nth(2).unwrap()
        );
    }

    #[test]
    fn an_id_survives_upper_casing_quotes_and_double_encoding() {
        let id = sample();
        assert_eq!(diagnose(&id.to_string()), Returned::Genuine { id, repaired: None });
        for text in [
            id.to_string().to_uppercase(),
            format!(" {id} "),
            format!("\"{id}\""),
            format!("%22{id}%22"),
            format!("%2520{id}"),
            format!("\u{feff}{id}\u{200b}"),
            format!("\u{a0}«{id}»\u{2060}"),
            format!("+{id}+"),
        ] {
            assert!(
                matches!(diagnose(&text), Returned::Genuine { id: seen, repaired: Some(_) } if seen == id),
                "{text}"
            );
        }
    }

    #[test]
    fn a_cut_id_is_told_from_an_altered_and_a_foreign_one() {
        let text = sample().to_string();
        for length in 18..26 {
            assert!(matches!(diagnose(&text[..length]), Returned::Truncated { .. }), "{length}");
        }
        assert_eq!(diagnose(&text[..17]), Returned::Unknown);
        assert_eq!(diagnose("c384EFV6JHQODRN70575OK6UG5"), Returned::Unknown);
        assert_eq!(diagnose(""), Returned::Unknown);
        let cyrillic = format!("{}а", &text[..25]);
        assert!(matches!(diagnose(&cyrillic), Returned::Altered { odd: Some('а'), .. }));
    }

    #[test]
    fn every_lookalike_and_wide_character_leads_to_the_same_click() {
        let id = sample();
        let wide = |character: char| char::from_u32(u32::from(character) + 0xfee0).unwrap();
        let looks_like = |text: &str, from: char, to: char| text.replace(from, &to.to_string());
        let text = id.to_string();
        let damaged = [
            text.chars().map(wide).collect::<String>(),
            text.to_uppercase().chars().map(wide).collect(),
            looks_like(&text, '0', 'О'),
            looks_like(&text, '0', 'ο'),
            looks_like(&text, '1', 'l'),
            looks_like(&text, 'v', 'u'),
            looks_like(&text, 'a', 'а'),
            looks_like(&text, 'e', 'е'),
            looks_like(&text, 'c', 'с'),
            looks_like(&text, 'p', 'р'),
            looks_like(&text, 'x', 'х'),
            format!("{}\u{200b}-\u{a0}'{}", &text[..7], &text[7..]),
        ];
        for damaged in damaged.iter().filter(|damaged| **damaged != text) {
            let seen = diagnose(damaged);
            assert!(
                matches!(seen, Returned::Altered { prefix, odd: Some(_) } if prefix == id.prefix()),
                "{damaged}: {seen:?}"
            );
        }
    }

    #[test]
    fn no_single_other_character_is_ever_accepted() {
        let id = sample().to_string();
        for position in 0..id.len() {
            let original = id.as_bytes()[position];
            for byte in 0..=127u8 {
                if byte.eq_ignore_ascii_case(&original) {
                    continue;
                }
                let mut changed = id.clone().into_bytes();
                changed[position] = byte;
                let changed = String::from_utf8(changed).unwrap();
                assert!(!matches!(diagnose(&changed), Returned::Genuine { .. }), "{changed:?}");
            }
        }
    }

    #[test]
    fn an_older_key_still_verifies_and_a_foreign_one_does_not() {
        let prefix = sample().prefix();
        let older = Keys::new([9; 16], vec![]).sign(prefix).to_string();
        let foreign = Keys::new([1; 16], vec![]).sign(prefix).to_string();
        assert!(keys().read(&older).is_some());
        assert!(keys().read(&foreign).is_none());
    }

    #[test]
    fn the_sequence_never_repeats_when_the_clock_stands_or_steps_back() {
        let mut sequence = Sequence::new(Timestamp::from_millis(1_000), (1 << 22) - 3);
        let mut seen = std::collections::BTreeSet::new();
        for now in [900, 1_000, 1_000, 1_000, 500, 1_001, 1_001] {
            let prefix = sequence.next(Timestamp::from_millis(now), 1);
            assert!(seen.insert((prefix.at, prefix.serial)), "repeated {prefix:?}");
            assert!(prefix.at.millis() >= 1_000);
        }
    }

    proptest! {
        #[test]
        fn every_signed_id_reads_back(ms in 0i64..(1 << 42), serial in 0u32..(1 << 22), link in 0u32..(1 << 24)) {
            let prefix = Prefix { at: Timestamp::from_millis(ms), serial, link };
            let id = keys().sign(prefix);
            prop_assert_eq!(id.prefix(), prefix);
            prop_assert_eq!(keys().read(&id.to_string()), Some(id));
            prop_assert_eq!(ClickId::from_parts(prefix.number(), id.tail()), id);
            let next = Prefix { at: Timestamp::from_millis(ms + 1), serial: 0, link: 0 };
            prop_assert!(ms + 1 == 1 << 42 || prefix.number() < next.number());
        }

        #[test]
        fn any_text_gets_a_diagnosis_and_none_is_accepted(text in ".{0,64}") {
            let accepted = matches!(diagnose(&text), Returned::Genuine { .. });
            prop_assert!(!accepted);
        }
    }
}
