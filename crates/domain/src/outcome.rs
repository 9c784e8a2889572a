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

    /// What it means, for people; the second half of each sentence is what happens next.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "a new conversion; it is booked as its status says",
            Self::StatusChanged => "a known conversion has another status; the difference is booked",
            Self::AmountChanged => {
                "a known conversion has another amount, or a part of it was taken back; the difference is booked"
            }
            Self::Reversed => "a known conversion was taken back as a whole; what it earned is taken back",
            Self::Duplicate => "nothing new about a known conversion; nothing changes",
            Self::DuplicateInWindow => {
                "no txid came, and the same click and event were there within the window; nothing changes"
            }
            Self::DuplicateEvent => "a second txid where the goal counts one per click; nothing changes",
            Self::FraudReview => "a fraud rule holds it; a person accepts or rejects it",
            Self::PayoutNotAllowed => {
                "the payout named is not among the allowed ones; a person, or another payout, ends it"
            }
            Self::PixelUnconfirmed => {
                "a browser reported it; a postback of the advertiser's server confirms it"
            }
            Self::OverCap => "a cap is full; a person accepts or rejects it",
            Self::AmountMissing => {
                "a share or a minimum needs an amount and none came; a postback that names it ends it"
            }
            Self::RateMissing => "two currencies meet and no exchange rate is known; the rate ends it",
            Self::AwaitingClick => {
                "the id is genuine and its click is still on its way; decided when it arrives, given up after a day"
            }
            Self::AwaitingOriginal => "what it takes back is not here yet; applied when that arrives",
            Self::AmbiguousOriginal => "several conversions could be meant; a person says which",
            Self::MissingClickId => "no click id came, and no known txid or subscription stands for one",
            Self::UnexpandedMacro => "a placeholder was sent that nobody replaced",
            Self::MalformedRequest => {
                "it cannot be read: a parameter twice with different values, no UTF-8, no JSON object, a bound passed"
            }
            Self::TruncatedClickId => {
                "the first 18 to 25 characters of a click id, or the rest of it elsewhere"
            }
            Self::AlteredClickId => "a click id of ours with something changed in it",
            Self::BadToken => "the token is missing or not the advertiser's",
            Self::BadSignature => "the signature is missing or does not fit what was sent",
            Self::StaleTimestamp => "it was signed too long ago, or in the future, or at no readable time",
            Self::IpNotAllowed => "it came from an address that was not agreed",
            Self::HttpsRequired => "it came without TLS",
            Self::UnknownClickId => {
                "no click id of ours, or of a click that is another advertiser's or not here"
            }
            Self::UnknownAdvertiser => "no advertiser has this address",
            Self::TxidConflict => "the txid was used for another click",
            Self::InvalidTransition => "the status named cannot follow the one that stands",
            Self::UnknownEvent => "the event is none that the offer counts",
            Self::UnknownStatus => "the status is no word that was agreed",
            Self::BadAmount => "an amount is no plain decimal",
            Self::BadCurrency => "the currency is unknown, or missing where an amount needs it",
            Self::BadTimestamp => "the time cannot be read",
            Self::OutsideWindow => "the first conversion came too long after the click",
            Self::NothingToReverse => "there is nothing that it could take back",
            Self::FraudRejected => "a fraud rule, or a person who looked at it, refuses it",
        }
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
