//! The words of an answer: outcomes, reasons and statuses, as `docs/postbacks.md` promises them to senders.

use serde::{Deserialize, Serialize};

/// What became of a postback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Accepted,
    Updated,
    Duplicate,
    Held,
    Rejected,
}

/// Why; each belongs to one outcome and one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Ok,
    StatusChanged,
    AmountChanged,
    Reversed,
    Duplicate,
    DuplicateInWindow,
    DuplicateEvent,
    FraudReview,
    PayoutNotAllowed,
    PixelUnconfirmed,
    OverCap,
    AmountMissing,
    RateMissing,
    AwaitingClick,
    AwaitingOriginal,
    AmbiguousOriginal,
    MissingClickId,
    UnexpandedMacro,
    MalformedRequest,
    TruncatedClickId,
    AlteredClickId,
    BadToken,
    BadSignature,
    StaleTimestamp,
    IpNotAllowed,
    HttpsRequired,
    UnknownClickId,
    UnknownAdvertiser,
    TxidConflict,
    InvalidTransition,
    UnknownEvent,
    UnknownStatus,
    BadAmount,
    BadCurrency,
    BadTimestamp,
    OutsideWindow,
    NothingToReverse,
    FraudRejected,
}

/// Where a conversion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Approved,
    Rejected,
    Reversed,
}

impl Outcome {
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Updated, Self::Duplicate, Self::Held, Self::Rejected];

    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Updated => "updated",
            Self::Duplicate => "duplicate",
            Self::Held => "held",
            Self::Rejected => "rejected",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }
}

impl Reason {
    pub const ALL: [Self; 38] = [
        Self::Ok,
        Self::StatusChanged,
        Self::AmountChanged,
        Self::Reversed,
        Self::Duplicate,
        Self::DuplicateInWindow,
        Self::DuplicateEvent,
        Self::FraudReview,
        Self::PayoutNotAllowed,
        Self::PixelUnconfirmed,
        Self::OverCap,
        Self::AmountMissing,
        Self::RateMissing,
        Self::AwaitingClick,
        Self::AwaitingOriginal,
        Self::AmbiguousOriginal,
        Self::MissingClickId,
        Self::UnexpandedMacro,
        Self::MalformedRequest,
        Self::TruncatedClickId,
        Self::AlteredClickId,
        Self::BadToken,
        Self::BadSignature,
        Self::StaleTimestamp,
        Self::IpNotAllowed,
        Self::HttpsRequired,
        Self::UnknownClickId,
        Self::UnknownAdvertiser,
        Self::TxidConflict,
        Self::InvalidTransition,
        Self::UnknownEvent,
        Self::UnknownStatus,
        Self::BadAmount,
        Self::BadCurrency,
        Self::BadTimestamp,
        Self::OutsideWindow,
        Self::NothingToReverse,
        Self::FraudRejected,
    ];

    /// The stable string in answers, log and API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::StatusChanged => "status_changed",
            Self::AmountChanged => "amount_changed",
            Self::Reversed => "reversed",
            Self::Duplicate => "duplicate",
            Self::DuplicateInWindow => "duplicate_in_window",
            Self::DuplicateEvent => "duplicate_event",
            Self::FraudReview => "fraud_review",
            Self::PayoutNotAllowed => "payout_not_allowed",
            Self::PixelUnconfirmed => "pixel_unconfirmed",
            Self::OverCap => "over_cap",
            Self::AmountMissing => "amount_missing",
            Self::RateMissing => "rate_missing",
            Self::AwaitingClick => "awaiting_click",
            Self::AwaitingOriginal => "awaiting_original",
            Self::AmbiguousOriginal => "ambiguous_original",
            Self::MissingClickId => "missing_click_id",
            Self::UnexpandedMacro => "unexpanded_macro",
            Self::MalformedRequest => "malformed_request",
            Self::TruncatedClickId => "truncated_click_id",
            Self::AlteredClickId => "altered_click_id",
            Self::BadToken => "bad_token",
            Self::BadSignature => "bad_signature",
            Self::StaleTimestamp => "stale_timestamp",
            Self::IpNotAllowed => "ip_not_allowed",
            Self::HttpsRequired => "https_required",
            Self::UnknownClickId => "unknown_click_id",
            Self::UnknownAdvertiser => "unknown_advertiser",
            Self::TxidConflict => "txid_conflict",
            Self::InvalidTransition => "invalid_transition",
            Self::UnknownEvent => "unknown_event",
            Self::UnknownStatus => "unknown_status",
            Self::BadAmount => "bad_amount",
            Self::BadCurrency => "bad_currency",
            Self::BadTimestamp => "bad_timestamp",
            Self::OutsideWindow => "outside_window",
            Self::NothingToReverse => "nothing_to_reverse",
            Self::FraudRejected => "fraud_rejected",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    pub fn outcome(self) -> Outcome {
        match self {
            Self::Ok => Outcome::Accepted,
            Self::StatusChanged | Self::AmountChanged | Self::Reversed => Outcome::Updated,
            Self::Duplicate | Self::DuplicateInWindow | Self::DuplicateEvent => Outcome::Duplicate,
            Self::FraudReview
            | Self::PayoutNotAllowed
            | Self::PixelUnconfirmed
            | Self::OverCap
            | Self::AmountMissing
            | Self::RateMissing
            | Self::AwaitingClick
            | Self::AwaitingOriginal
            | Self::AmbiguousOriginal => Outcome::Held,
            Self::MissingClickId
            | Self::UnexpandedMacro
            | Self::MalformedRequest
            | Self::TruncatedClickId
            | Self::AlteredClickId
            | Self::BadToken
            | Self::BadSignature
            | Self::StaleTimestamp
            | Self::IpNotAllowed
            | Self::HttpsRequired
            | Self::UnknownClickId
            | Self::UnknownAdvertiser
            | Self::TxidConflict
            | Self::InvalidTransition
            | Self::UnknownEvent
            | Self::UnknownStatus
            | Self::BadAmount
            | Self::BadCurrency
            | Self::BadTimestamp
            | Self::OutsideWindow
            | Self::NothingToReverse
            | Self::FraudRejected => Outcome::Rejected,
        }
    }

    /// The HTTP status of the answer where the advertiser asked for status codes.
    pub fn http_status(self) -> u16 {
        match self {
            Self::MissingClickId
            | Self::UnexpandedMacro
            | Self::MalformedRequest
            | Self::TruncatedClickId
            | Self::AlteredClickId => 400,
            Self::BadToken | Self::BadSignature | Self::StaleTimestamp => 401,
            Self::IpNotAllowed | Self::HttpsRequired => 403,
            Self::UnknownClickId | Self::UnknownAdvertiser => 404,
            Self::TxidConflict | Self::InvalidTransition => 409,
            Self::UnknownEvent
            | Self::UnknownStatus
            | Self::BadAmount
            | Self::BadCurrency
            | Self::BadTimestamp
            | Self::OutsideWindow
            | Self::NothingToReverse
            | Self::FraudRejected => 422,
            Self::Ok
            | Self::StatusChanged
            | Self::AmountChanged
            | Self::Reversed
            | Self::Duplicate
            | Self::DuplicateInWindow
            | Self::DuplicateEvent
            | Self::FraudReview
            | Self::PayoutNotAllowed
            | Self::PixelUnconfirmed
            | Self::OverCap
            | Self::AmountMissing
            | Self::RateMissing
            | Self::AwaitingClick
            | Self::AwaitingOriginal
            | Self::AmbiguousOriginal => 200,
        }
    }
}

impl Status {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Rejected, Self::Reversed];

    pub fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Reversed => "reversed",
        }
    }

    /// Reads our own word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code().eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_serialise_as_themselves() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.code()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
            assert_eq!(reason.http_status() == 200, reason.outcome() != Outcome::Rejected, "{reason:?}");
        }
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.code());
        }
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.code());
        }
    }
}
