//! Completes an explanation: whatever is not counted names its field, what stood there, what should have
//! stood there and what to change. What a rejection says itself stays; the rest is what its reason always means.

use super::Ruling;
use crate::outcome::Reason;
use crate::postback::{Reading, quoted, shown, without_secrets};
use crate::program::Snapshot;

/// What a reason means wherever it is given.
struct Meaning {
    reason: Reason,
    /// Our name of the field at fault; empty where it can be any or none.
    field: &'static str,
    expected: &'static str,
    advice: &'static str,
}

const fn of(reason: Reason, field: &'static str, expected: &'static str, advice: &'static str) -> Meaning {
    Meaning { reason, field, expected, advice }
}

const ID: &str = "26 characters, as in the landing page's address";
const SEND_ID: &str = "Send back the click id that stood in the address of the landing page.";

/// Every reason of what is not counted.
const MEANINGS: [Meaning; 31] = [
    of(Reason::MissingClickId, "click_id", ID, SEND_ID),
    of(Reason::UnknownClickId, "click_id", ID, SEND_ID),
    of(
        Reason::TruncatedClickId,
        "click_id",
        ID,
        "Store and send all 26 characters; a field or column on the way is too short.",
    ),
    of(Reason::AlteredClickId, "click_id", ID, "Store and send the click id exactly as it came, as text."),
    of(
        Reason::UnexpandedMacro,
        "",
        "a value in place of the placeholder",
        "Use the macro that your platform replaces by this value; check its spelling and its brackets.",
    ),
    of(
        Reason::MalformedRequest,
        "",
        "each parameter once, in UTF-8, as a query, a form or a JSON object",
        "Send each parameter once, in UTF-8, as a query, a form or a JSON object.",
    ),
    of(Reason::BadToken, "token", "the token that was agreed", "Compare the token with the one agreed."),
    of(
        Reason::BadSignature,
        "",
        "a signature of exactly what was sent, made with the secret that was agreed",
        "Sign what is sent as it is sent, and compare the secret with the one agreed.",
    ),
    of(
        Reason::StaleTimestamp,
        "",
        "the time of signing, near the time of arrival",
        "Send the time of signing, and keep the sender's clock right.",
    ),
    of(
        Reason::IpNotAllowed,
        "",
        "an address that was agreed",
        "Send from an address that was agreed, or have this one added.",
    ),
    of(Reason::HttpsRequired, "", "a request over https://", "Send it to the https:// address."),
    of(
        Reason::UnknownAdvertiser,
        "",
        "the postback address that was given to you",
        "Use the postback address that was given to you.",
    ),
    of(
        Reason::TxidConflict,
        "txid",
        "a transaction id that no other click has",
        "Give every conversion a transaction id of its own.",
    ),
    of(
        Reason::InvalidTransition,
        "status",
        "a status that can follow the one the conversion has",
        "Send a timestamp later than the last change, if this really is the newest state.",
    ),
    of(Reason::UnknownEvent, "event_type", "an event that was agreed", "Send an event that was agreed."),
    of(Reason::UnknownStatus, "status", "a status that was agreed", "Send a status that was agreed."),
    of(
        Reason::BadAmount,
        "amount",
        "a plain decimal such as 120 or 119.95",
        "Send plain digits with a point, as 120 or 119.95, without sign, currency or thousands marks.",
    ),
    of(
        Reason::BadCurrency,
        "currency",
        "a currency code such as EUR or USD",
        "Send the ISO 4217 code of the amounts, as EUR or USD.",
    ),
    of(
        Reason::BadTimestamp,
        "timestamp",
        "Unix seconds or milliseconds, or a time such as 2026-11-21T07:00:00Z",
        "Send Unix seconds or milliseconds, or RFC 3339 as 2026-11-21T07:00:00Z.",
    ),
    of(
        Reason::OutsideWindow,
        "timestamp",
        "an event soon enough after its click",
        "Send events when they happen, with the event's own time; an older one is for the operator to add.",
    ),
    of(
        Reason::NothingToReverse,
        "original_txid",
        "the transaction id of a conversion that still counts",
        "Name the conversion by original_txid.",
    ),
    of(
        Reason::FraudRejected,
        "",
        "an event that no rule of the operator's refuses",
        "Nothing in the request itself is wrong; ask the operator about this event.",
    ),
    of(Reason::FraudReview, "", "", "Nothing to change: a person looks at it."),
    of(
        Reason::PayoutNotAllowed,
        "payout",
        "one of the payouts that were agreed",
        "Send a payout that was agreed, or none.",
    ),
    of(
        Reason::PixelUnconfirmed,
        "",
        "the same event from your server",
        "Confirm it by a server-side postback with the same click id and transaction id.",
    ),
    of(Reason::OverCap, "", "", "Nothing to change: the agreed number is reached, a person looks at it."),
    of(
        Reason::AmountMissing,
        "amount",
        "the amount of the order, a plain decimal such as 120 or 119.95",
        "Send the same event again with its amount.",
    ),
    of(
        Reason::RateMissing,
        "currency",
        "the currency of the agreed terms",
        "Nothing to change: it waits for an exchange rate. Amounts in the agreed currency need none.",
    ),
    of(Reason::AwaitingClick, "", "", "Nothing to change: it is decided when its click has arrived."),
    of(
        Reason::AwaitingOriginal,
        "original_txid",
        "the transaction id of the conversion that is taken back",
        "Nothing to change if that conversion is still to come; else name its own transaction id.",
    ),
    of(
        Reason::AmbiguousOriginal,
        "original_txid",
        "the transaction id of the one conversion that is taken back",
        "Name that conversion by original_txid.",
    ),
];

pub fn complete(ruling: &mut Ruling, reading: &Reading, snapshot: &Snapshot) {
    let Some(meaning) = MEANINGS.iter().find(|meaning| meaning.reason == ruling.reason) else {
        return;
    };
    ruling.message = without_secrets(&ruling.message, snapshot);
    fill(&mut ruling.field, meaning.field);
    let name = own_name(&ruling.field, reading, snapshot);
    fill(&mut ruling.called, &name);
    if let Some(name) = reading.meant.get(ruling.field.as_str()) {
        name_the_one_meant(ruling, &quoted(&shown(name, snapshot)));
    }
    let secret = matches!(ruling.reason, Reason::BadToken | Reason::BadSignature);
    if let (false, Some(value)) = (secret, reading.field(&ruling.field)) {
        fill(&mut ruling.seen, &shown(value, snapshot));
    }
    fill(&mut ruling.expected, meaning.expected);
    fill(&mut ruling.advice, meaning.advice);
}

fn fill(text: &mut String, otherwise: &str) {
    if text.is_empty() {
        text.push_str(otherwise);
    }
}

/// The field is missing, and a parameter that nobody reads has a name much like its own.
fn name_the_one_meant(ruling: &mut Ruling, meant: &str) {
    if !ruling.message.contains(meant) {
        ruling.message.push_str(&format!("; the parameter {meant} was probably meant"));
        ruling.advice = format!("Send {meant} under the name {}.", quoted(&ruling.called));
    }
}

/// The name under which this sender knows one of our fields.
fn own_name(field: &str, reading: &Reading, snapshot: &Snapshot) -> String {
    let advertiser = reading.advertiser.as_ref().and_then(|id| snapshot.program.advertisers.get(id));
    let configured = advertiser.and_then(|advertiser| advertiser.postback.params.get(field));
    reading.names.get(field).or(configured).map_or(field, String::as_str).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn every_reason_of_what_is_not_counted_advises_something() {
        let uncounted = |reason: &Reason| matches!(reason.outcome(), Outcome::Held | Outcome::Rejected);
        for reason in Reason::ALL.into_iter().filter(uncounted) {
            let found = MEANINGS.iter().filter(|meaning| meaning.reason == reason).count();
            assert_eq!(found, 1, "{reason:?}");
        }
        assert!(MEANINGS.iter().all(|meaning| uncounted(&meaning.reason) && !meaning.advice.is_empty()));
    }
}
