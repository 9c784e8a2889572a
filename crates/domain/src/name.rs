//! Names that people give to the objects of a program: 1 to 64 of `a-z 0-9 - _`, fixed for life.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A checked name; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Name(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 characters of a-z, 0-9, - and _")]
pub struct NotAName;

const LENGTH_MAX: usize = 64;

impl Name {
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        let known =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        let fits = !text.is_empty() && text.len() <= LENGTH_MAX && text.bytes().all(known);
        fits.then(|| Self(text.into())).ok_or(NotAName)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().into()
    }
}

impl TryFrom<String> for Name {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert!(Name::parse("casino-de_2").is_ok());
        for text in ["", "Casino", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert_eq!(Name::parse(text), Err(NotAName), "{text}");
        }
    }
}
