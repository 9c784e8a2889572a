//! The Crockford base 32 alphabet in lower case, as click ids and record ids are written.
//!
//! Nothing is folded: `i`, `l`, `o` and `u` are no digits, and are never read as `1`, `0` or `v`.

/// Characters of a 128-bit number: two zero bits, then 26 times five bits.
pub const LENGTH: usize = 26;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The value of one character, in either case.
pub fn digit(character: u8) -> Option<u8> {
    let lower = character.to_ascii_lowercase();
    ALPHABET.iter().position(|known| *known == lower).and_then(|index| u8::try_from(index).ok())
}

/// 26 lower-case characters, the most significant first.
pub fn encode(value: u128) -> [u8; LENGTH] {
    let mut text = [b'0'; LENGTH];
    let mut rest = value;
    for slot in text.iter_mut().rev() {
        // The mask leaves five bits, so the index is always within the alphabet.
        let index = usize::try_from(rest & 31).unwrap_or(0);
        *slot = ALPHABET.get(index).copied().unwrap_or(b'0');
        rest >>= 5;
    }
    text
}

/// Reads up to 26 characters as one number; `None` on a foreign character or above 128 bits.
pub fn decode(text: &[u8]) -> Option<u128> {
    if text.len() > LENGTH {
        return None;
    }
    text.iter().try_fold(0u128, |value, character| {
        // A 26th character may only follow a first one below 8: two of the 130 bits are zero.
        if value >> 123 != 0 {
            return None;
        }
        Some((value << 5) | u128::from(digit(*character)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_round_trip() {
        for value in [0, 1, 31, 32, u128::MAX, u128::MAX >> 1, 0x0123_4567_89ab_cdef] {
            assert_eq!(decode(&encode(value)), Some(value));
        }
    }

    #[test]
    fn the_letters_left_out_are_no_digits() {
        for character in *b"iloUILO-u" {
            assert_eq!(digit(character), None);
        }
    }

    #[test]
    fn a_number_above_128_bits_is_refused() {
        assert_eq!(decode(b"7zzzzzzzzzzzzzzzzzzzzzzzzz"), Some(u128::MAX));
        assert_eq!(decode(b"80000000000000000000000000"), None);
        assert_eq!(decode(b"000000000000000000000000000"), None);
    }
}
