//! What a postback claims, field by field in the order of the checks: event, status, amounts, time.

use crate::conversion::Named;
use crate::money::{Currency, Money, parse_micros};
use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::postback::{Check, Reading, Rejection, find_placeholder};
use crate::program::{Advertiser, Goal, Offer, Program};
use crate::time::Timestamp;

/// The events that take back another conversion instead of making one.
pub const REVERSALS: [&str; 2] = ["refund", "chargeback"];

/// What happened, by the sender's word.
pub enum Event<'a> {
    Goal(&'a Goal),
    Reversal(Name),
}

/// Reads the event. `offer` is the click's, `None` while the click is awaited and its offer is not known.
pub fn read_event<'a>(
    reading: &Reading,
    advertiser: &Advertiser,
    offer: &'a Offer,
    checks: &mut Vec<Check>,
) -> Result<Event<'a>, Rejection> {
    let words = offer.goals.iter().map(|goal| goal.event.to_string()).collect::<Vec<_>>().join(", ");
    let reject = |message: String| {
        let advice = format!("This offer counts: {words}. It also takes refund and chargeback.");
        Rejection::new(Reason::UnknownEvent, "event_type", message).advise(advice)
    };
    let Some(word) = reading.field("event_type") else {
        return match offer.goals.as_slice() {
            [only] => {
                checks.push(Check::passed(
                    "event",
                    format!("none named; {} is the offer's only one", only.event),
                ));
                Ok(Event::Goal(only))
            }
            _ => Err(reject("no event came, and the offer has several".into())),
        };
    };
    if let Some(found) = find_placeholder(word) {
        return Err(reject(format!("{found} was never replaced by an event")));
    }
    let word = word.trim();
    let event = advertiser.postback.event(word);
    let seen = if event == word { event.clone() } else { format!("{word} = {event}") };
    if let Some(goal) = offer.goal(&event) {
        checks.push(Check::passed("event", seen));
        return Ok(Event::Goal(goal));
    }
    match Name::parse(&event) {
        Ok(name) if REVERSALS.contains(&name.as_str()) => {
            checks.push(Check::passed("event", seen));
            Ok(Event::Reversal(name))
        }
        Ok(_) | Err(_) => Err(reject(format!("{word:?} is no event of this offer"))),
    }
}

/// Reads the status and the amounts, in this order.
pub fn read_named(
    reading: &Reading,
    advertiser: &Advertiser,
    program: &Program,
    checks: &mut Vec<Check>,
) -> Result<Named, Rejection> {
    let status = read_status(reading, advertiser, checks)?;
    let [amount, revenue, payout] = ["amount", "revenue", "payout"].map(|field| read_micros(reading, field));
    let (amount, revenue, payout) = (amount?, revenue?, payout?);
    let any = amount.is_some() || revenue.is_some() || payout.is_some();
    let currency = read_currency(reading, advertiser, program, any)?;
    let timestamp = read_timestamp(reading)?;
    let money =
        |micros: Option<i64>| micros.zip(currency).map(|(micros, currency)| Money { micros, currency });
    let named =
        Named { status, amount: money(amount), revenue: money(revenue), payout: money(payout), timestamp };
    let shown = [("amount", named.amount), ("revenue", named.revenue), ("payout", named.payout)]
        .into_iter()
        .filter_map(|(field, money)| money.map(|money| format!("{field} {}", program.currencies.show(money))))
        .collect::<Vec<_>>();
    checks.push(Check::passed(
        "amounts",
        if shown.is_empty() { "none named".into() } else { shown.join(", ") },
    ));
    Ok(named)
}

fn read_status(
    reading: &Reading,
    advertiser: &Advertiser,
    checks: &mut Vec<Check>,
) -> Result<Option<Status>, Rejection> {
    let Some(word) = reading.field("status").map(str::trim).filter(|word| !word.is_empty()) else {
        checks.push(Check::passed("status", "none named"));
        return Ok(None);
    };
    let mapped = advertiser.postback.statuses.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(word));
    let status = mapped.map(|(_, ours)| *ours).or_else(|| Status::parse(word)).ok_or_else(|| {
        let message = match find_placeholder(word) {
            Some(found) => format!("{found} was never replaced by a status"),
            None => format!("{word:?} is no status that was agreed"),
        };
        let theirs = advertiser.postback.statuses.keys().map(String::as_str);
        let known = theirs.chain(Status::ALL.map(Status::code)).collect::<Vec<_>>().join(", ");
        Rejection::new(Reason::UnknownStatus, "status", message).advise(format!("Known words: {known}."))
    })?;
    checks.push(Check::passed("status", format!("{word} = {}", status.code())));
    Ok(Some(status))
}

fn read_micros(reading: &Reading, field: &str) -> Result<Option<i64>, Rejection> {
    let Some(text) = reading.field(field).map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    parse_micros(text).map(Some).map_err(|_| {
        let message = match find_placeholder(text) {
            Some(found) => format!("{found} was never replaced by an amount"),
            None => format!("{text:?} is no amount"),
        };
        Rejection::new(Reason::BadAmount, field, message).advise(
            "Send plain digits with a point, as 120 or 119.95, without sign, currency or thousands marks.",
        )
    })
}

fn read_currency(
    reading: &Reading,
    advertiser: &Advertiser,
    program: &Program,
    needed: bool,
) -> Result<Option<Currency>, Rejection> {
    let reject = |message: String| {
        Rejection::new(Reason::BadCurrency, "currency", message)
            .advise("Send the ISO 4217 code of the amounts, as EUR or USD.")
    };
    match reading.field("currency").map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => program.currencies.parse(text).map(Some).map_err(|_| {
            reject(match find_placeholder(text) {
                Some(found) => format!("{found} was never replaced by a currency"),
                None => format!("{text:?} is no currency known here"),
            })
        }),
        None if needed && advertiser.currency.is_none() => {
            Err(reject("an amount came without its currency, and none was agreed".into()))
        }
        None => Ok(advertiser.currency),
    }
}

fn read_timestamp(reading: &Reading) -> Result<Option<Timestamp>, Rejection> {
    let Some(text) = reading.field("timestamp").map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    Timestamp::parse(text).map(Some).ok_or_else(|| {
        let message = match find_placeholder(text) {
            Some(found) => format!("{found} was never replaced by a time"),
            None => format!("{text:?} is no time"),
        };
        Rejection::new(Reason::BadTimestamp, "timestamp", message)
            .advise("Send Unix seconds or milliseconds, or RFC 3339 as 2026-11-21T07:00:00Z.")
    })
}
