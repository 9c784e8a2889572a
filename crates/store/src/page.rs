//! Lists: what is asked for, and a page of it, newest first.

use proofback_domain::click_id::ClickId;
use proofback_domain::name::Name;
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::time::Timestamp;

/// Where the next page begins: behind this key. Opaque outside; URL-safe as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub [u8; 16]);

#[derive(Debug, Clone)]
pub struct PageRequest {
    /// 1 to 1,000.
    pub limit: u32,
    pub after: Option<Cursor>,
}

#[derive(Debug, Clone)]
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<Cursor>,
}

/// Every condition that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct PostbackFilter {
    pub outcome: Option<Outcome>,
    pub reason: Option<Reason>,
    pub advertiser: Option<Name>,
    pub click_id: Option<ClickId>,
    pub txid: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// What waits for a person.
#[derive(Debug, Clone, Default)]
pub struct ReviewFilter {
    pub reason: Option<Reason>,
    pub advertiser: Option<Name>,
    pub partner: Option<Name>,
}

#[derive(Debug, Clone, Default)]
pub struct ConversionFilter {
    pub advertiser: Option<Name>,
    pub partner: Option<Name>,
    pub offer: Option<Name>,
    pub event: Option<String>,
    pub status: Option<Status>,
    pub click_id: Option<ClickId>,
    pub txid: Option<String>,
    pub subscription: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Debited or credited.
    pub account: Option<String>,
    pub conversion_id: Option<proofback_domain::id::ConversionId>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    pub state: Option<proofback_domain::delivery::DeliveryState>,
    pub target: Option<Name>,
    /// One of these targets.
    pub among: Option<Vec<Name>>,
    pub partner: Option<Name>,
    pub conversion_id: Option<proofback_domain::id::ConversionId>,
    pub happening: Option<proofback_domain::program::Happening>,
    /// The class of the last error, as `timeout` or `status_404`.
    pub error: Option<String>,
    /// Planned at this time or later, and before `until`.
    pub from: Option<proofback_domain::time::Timestamp>,
    pub until: Option<proofback_domain::time::Timestamp>,
}

impl Cursor {
    pub(crate) fn from_number(number: i64) -> Self {
        Self(i128::from(number).to_be_bytes())
    }

    pub(crate) fn number(&self) -> i64 {
        i64::try_from(i128::from_be_bytes(self.0)).unwrap_or(0)
    }

    /// Of a list by time: a time and a number among what has the same one.
    pub(crate) fn from_place(at: Timestamp, number: i64) -> Self {
        let at = i128::from(at.millis()) << 64;
        Self((at | i128::from(number.cast_unsigned())).to_be_bytes())
    }

    pub(crate) fn place(&self) -> (Timestamp, i64) {
        let [at, number] = [&self.0[..8], &self.0[8..]].map(|half| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(half);
            i64::from_be_bytes(bytes)
        });
        (Timestamp::from_millis(at), number)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let id: proofback_domain::id::PostbackId = text.parse().ok()?;
        Some(Self(id.to_bytes()))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        proofback_domain::id::PostbackId::from_bytes(self.0).fmt(formatter)
    }
}

impl<T> Page<T> {
    /// From up to `limit + 1` rows: the page, and where the next one begins if there is more.
    pub(crate) fn cut(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> Cursor) -> Self {
        let limit = limit as usize;
        let more = limit < rows.len();
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(key);
        Self { rows, next }
    }

    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { rows: self.rows.into_iter().map(change).collect(), next: self.next }
    }
}

impl PageRequest {
    pub const LIMIT_MAX: u32 = 1_000;

    pub fn first(limit: u32) -> Self {
        Self { limit, after: None }
    }
}
