//! A moment as the API writes it.

use proofback_domain::time::Timestamp;
use serde::{Deserialize, Deserializer, de};

/// RFC 3339 in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(Timestamp);

impl std::ops::Deref for Moment {
    type Target = Timestamp;

    fn deref(&self) -> &Timestamp {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let unread = || de::Error::custom(format!("{text:?} is no moment"));
        Timestamp::parse(&text).map(Self).ok_or_else(unread)
    }
}
