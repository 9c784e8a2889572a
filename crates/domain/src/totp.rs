//! One-time codes by the clock (RFC 6238): what an authenticator shows for a secret, and which code counts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::digest::{digest, equal};
use crate::program::Hash;
use crate::time::Timestamp;

/// As long as the hash (RFC 4226, section 4).
pub const SECRET_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;
/// Codes of one step before and one behind count: clocks differ, and people type slowly.
const DRIFT: [i64; 3] = [-1, 0, 1];
/// RFC 4648, section 6: what authenticators take.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a person's authenticator and we know; `Display` writes it in base 32.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads what `Display` writes, in either case and in groups, as people copy it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bits = Vec::with_capacity(SECRET_BYTES.saturating_mul(8));
        for one in text.bytes().filter(|one| !one.is_ascii_whitespace()) {
            let upper = one.to_ascii_uppercase();
            let value = ALPHABET.iter().position(|known| *known == upper)?;
            bits.extend((0..5).rev().map(|place| (value >> place) & 1 == 1));
        }
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| (byte << 1) | u8::from(*bit));
        let bytes: Vec<u8> = bits.chunks(8).map(byte).collect();
        let whole = bits.len() == SECRET_BYTES.saturating_mul(8);
        bytes.try_into().ok().filter(|_| whole).map(Self)
    }

    /// The step whose code this is, if it counts at `now` and comes after `last_step`: no step counts twice.
    pub fn accept(&self, code: &str, now: Timestamp, last_step: i64) -> Option<i64> {
        let code: String = code.chars().filter(|one| !one.is_whitespace()).collect();
        let steps = DRIFT.map(|drift| step(now).saturating_add(drift));
        let fits = |step: &i64| last_step < *step && equal(self.code_of(*step).as_bytes(), code.as_bytes());
        steps.into_iter().find(fits)
    }

    /// What an authenticator shows.
    pub fn code(&self, now: Timestamp) -> String {
        self.code_of(step(now))
    }

    /// The code of a step (RFC 4226, section 5.3).
    fn code_of(&self, step: i64) -> String {
        let hash = digest(Hash::HmacSha1, &self.0, &step.to_be_bytes());
        let offset = usize::from(hash.last().copied().unwrap_or(0) & 0x0f);
        let number =
            hash.iter().skip(offset).take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        format!("{:0DIGITS$}", (number & 0x7fff_ffff) % 1_000_000)
    }

    /// The address that authenticators read from a QR code.
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let [issuer, account] =
            [issuer, account].map(|text| utf8_percent_encode(text, UNRESERVED).to_string());
        format!(
            "otpauth://totp/{issuer}:{account}?secret={self}&issuer={issuer}\
             &algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
        )
    }
}

fn step(now: Timestamp) -> i64 {
    now.unix_seconds().checked_div(STEP_SECONDS).unwrap_or(0)
}

impl std::fmt::Display for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for five in self.0.chunks(5) {
            let number = five.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
            for place in (0..8_u32).rev() {
                let index = usize::try_from((number >> place.saturating_mul(5)) & 31).unwrap_or(0);
                write!(formatter, "{}", char::from(ALPHABET.get(index).copied().unwrap_or(b'A')))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC: &[u8; SECRET_BYTES] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn codes_are_those_of_the_rfcs() {
        let secret = Secret::new(*RFC);
        // RFC 4226, appendix D.
        let counted = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (step, code) in (0..).zip(counted) {
            assert_eq!(secret.code_of(step), code, "{step}");
        }
        // RFC 6238, appendix B, in its last six digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code(at(seconds)), code, "{seconds}");
            assert_eq!(secret.accept(code, at(seconds), -1), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_late_and_not_farther() {
        let secret = Secret::new(*RFC);
        let code = secret.code_of(1_000);
        for (seconds, counts) in [
            (29_969, false),
            (29_970, true),
            (30_000, true),
            (30_059, true),
            (30_060, false),
            (29_000, false),
        ] {
            assert_eq!(secret.accept(&code, at(seconds), -1), counts.then_some(1_000), "{seconds}");
        }
        assert_eq!(secret.accept(&format!(" {} {}", &code[..3], &code[3..]), at(30_000), -1), Some(1_000));
        for wrong in ["", "1", "000000", &code[..5], &format!("{code}0"), &format!("0{code}")] {
            assert_eq!(secret.accept(wrong, at(30_000), -1), None, "{wrong:?}");
        }
    }

    #[test]
    fn no_step_counts_twice_nor_one_before_it() {
        let secret = Secret::new(*RFC);
        let step = secret.accept(&secret.code_of(1_000), at(30_000), 998).unwrap();
        assert_eq!(secret.accept(&secret.code_of(1_000), at(30_000), step), None);
        assert_eq!(secret.accept(&secret.code_of(999), at(30_000), step), None);
        assert_eq!(secret.accept(&secret.code_of(1_001), at(30_000), step), Some(1_001));
    }

    #[test]
    fn a_secret_is_written_as_authenticators_take_it_and_reads_back() {
        let secret = Secret::new(*RFC);
        let text = secret.to_string();
        assert_eq!(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for spelt in [text.as_str(), &text.to_lowercase(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\n"] {
            assert!(Secret::parse(spelt) == Some(secret.clone()), "{spelt:?}");
        }
        let long = format!("{text}A");
        for wrong in [
            "",
            "GEZD",
            &text[..31],
            &long,
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1",
            "ÄEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ",
        ] {
            assert!(Secret::parse(wrong).is_none(), "{wrong:?}");
        }
        assert_eq!(
            secret.uri("Proof & Back", "ann@example.com"),
            "otpauth://totp/Proof%20%26%20Back:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Proof%20%26%20Back&algorithm=SHA1&digits=6&period=30"
        );
    }
}
