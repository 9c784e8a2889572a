//! The secret that a webhook is signed with.

use crate::digest::decode_base64;

/// Its bytes; 24 to 64 of them, as Standard Webhooks asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

/// What is wrong with a secret, without any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("what follows whsec_ is no base64")]
    NotBase64,
    #[error("it has {0} bytes; {BYTES_MIN} to {BYTES_MAX} are needed")]
    Length(usize),
}

const PREFIX: &str = "whsec_";
const BYTES_MIN: usize = 24;
const BYTES_MAX: usize = 64;

impl Key {
    /// Reads `whsec_` and base64; any other text stands for its own bytes.
    pub fn parse(secret: &str) -> Result<Self, KeyError> {
        let bytes = match secret.strip_prefix(PREFIX) {
            Some(text) => decode_base64(text).ok_or(KeyError::NotBase64)?,
            None => secret.as_bytes().to_vec(),
        };
        if BYTES_MIN <= bytes.len() && bytes.len() <= BYTES_MAX {
            Ok(Self(bytes))
        } else {
            Err(KeyError::Length(bytes.len()))
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_base64_behind_its_prefix_and_plain_text_without() {
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(key.bytes().len(), 24);
        assert_eq!(key.bytes()[..3], [0x31, 0xf2, 0x90]);
        let unpadded = Key::parse("whsec_eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA").unwrap();
        assert_eq!(unpadded.bytes(), [b'x'; 25]);
        assert_eq!(Key::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().bytes().len(), 32);
        assert_eq!(Key::parse(&"x".repeat(64)).unwrap().bytes(), [b'x'; 64]);
    }

    #[test]
    fn a_secret_of_another_length_or_form_is_refused_and_never_shown() {
        for (secret, error) in [
            ("", KeyError::Length(0)),
            ("whsec_", KeyError::Length(0)),
            ("whsec_c2hvcnQ=", KeyError::Length(5)),
            ("whsec_no base64 at all !!!!!!!!!", KeyError::NotBase64),
            ("only-twenty-three-chars", KeyError::Length(23)),
        ] {
            assert_eq!(Key::parse(secret), Err(error), "{secret}");
        }
        assert_eq!(Key::parse(&"x".repeat(65)), Err(KeyError::Length(65)));
        assert_eq!(format!("{:?}", Key::parse(&"x".repeat(24)).unwrap()), "Key");
    }
}
