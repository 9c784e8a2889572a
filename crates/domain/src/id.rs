//! Identifiers of what we record: 48 bits of Unix milliseconds and 80 further bits, written in 26 characters.
//!
//! They sort by time. What a decision creates derives its ids from the postback's own, so that the same
//! decision made again names the same rows.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::base32;
use crate::time::Timestamp;

/// The kinds of identifiers; a type each, so that one cannot be passed for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Postback {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conversion {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Settlement {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Person {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Session {}
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Token {}

pub type PostbackId = Id<Postback>;
pub type ConversionId = Id<Conversion>;
pub type EntryId = Id<Entry>;
pub type DeliveryId = Id<Delivery>;
pub type ChangeId = Id<Change>;
pub type SettlementId = Id<Settlement>;
pub type PersonId = Id<Person>;
pub type SessionId = Id<Session>;
pub type TokenId = Id<Token>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String", bound = "K: Clone")]
pub struct Id<K>(u128, PhantomData<K>);

/// The text is not 26 characters of the alphabet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 26 characters of 0-9 a-z without i, l, o and u are expected")]
pub struct NotAnId;

const ENTROPY_BITS: u32 = 80;

impl<K> Id<K> {
    /// `entropy` gives the lower 80 bits; what stands above them is cut.
    pub fn new(at: Timestamp, entropy: u128) -> Self {
        let time = u128::from(at.millis().unsigned_abs() & 0xffff_ffff_ffff);
        Self((time << ENTROPY_BITS) | (entropy & ((1 << ENTROPY_BITS) - 1)), PhantomData)
    }

    /// The id of what this one causes: at `at`, named by what it is and its number.
    pub fn derive<T>(self, at: Timestamp, what: &str, number: u32) -> Id<T> {
        use std::hash::Hasher;
        let mut hasher = SipHasher24::new();
        hasher.write(&self.0.to_be_bytes());
        hasher.write(what.as_bytes());
        hasher.write(&[0]);
        hasher.write(&number.to_be_bytes());
        Id::new(at, hasher.finish128().as_u128())
    }

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes), PhantomData)
    }

    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub fn at(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.0 >> ENTROPY_BITS).unwrap_or(0))
    }
}

impl<K> std::fmt::Display for Id<K> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = base32::encode(self.0);
        formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl<K> std::str::FromStr for Id<K> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.len() != base32::LENGTH {
            return Err(NotAnId);
        }
        base32::decode(text.as_bytes()).map(|value| Self(value, PhantomData)).ok_or(NotAnId)
    }
}

impl<K> From<Id<K>> for String {
    fn from(id: Id<K>) -> Self {
        id.to_string()
    }
}

impl<K> TryFrom<String> for Id<K> {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early: PostbackId = Id::new(Timestamp::from_millis(1), u128::MAX);
        let late: PostbackId = Id::new(Timestamp::from_millis(2), 0);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(late.at(), Timestamp::from_millis(2));
    }

    #[test]
    fn what_is_derived_is_the_same_every_time_and_differs_by_name_and_number() {
        let at = Timestamp::from_millis(7);
        let postback: PostbackId = Id::new(at, 42);
        let entry: EntryId = postback.derive(at, "entry", 0);
        assert_eq!(entry, postback.derive(at, "entry", 0));
        assert_ne!(entry, postback.derive(at, "entry", 1));
        assert_ne!(entry, postback.derive(at, "entries", 0));
    }
}
