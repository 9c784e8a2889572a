//! What a postback claims, field by field in the order of the checks: event, status, amounts, time.

use std::collections::BTreeMap;

use crate::click::Click;
use crate::conversion::Named;
use crate::money::{Currency, Money, fault_of, parse_micros};
use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::postback::{Check, Reading, Rejection, find_placeholder, quoted};
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
    let reject = |message: String| {
        let goals = offer.goals.iter().map(|goal| goal.event.as_str());
        let expected = one_of(goals.chain(REVERSALS), &advertiser.postback.events, Name::as_str);
        let advice = "Send one of these words, or have yours added to the agreed ones.";
        Rejection::new(Reason::UnknownEvent, "event_type", message).expected(expected).advise(advice)
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
        Ok(_) | Err(_) => Err(reject(format!("{} is no event of this offer", quoted(word)))),
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
    let named = Named {
        status,
        amount: money(amount),
        revenue: money(revenue),
        payout: money(payout),
        timestamp,
        original: None,
        sent: None,
    };
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
    let status = advertiser.postback.status(word).ok_or_else(|| {
        let message = match find_placeholder(word) {
            Some(found) => format!("{found} was never replaced by a status"),
            None => format!("{} is no status that was agreed", quoted(word)),
        };
        let ours = Status::ALL.map(Status::code).into_iter();
        let expected = one_of(ours, &advertiser.postback.statuses, |status| status.code());
        let advice = "Send one of these words, or have yours added to the agreed ones.";
        Rejection::new(Reason::UnknownStatus, "status", message).expected(expected).advise(advice)
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
            None => format!("{} is no amount{}", quoted(text), fault_of(text)),
        };
        Rejection::new(Reason::BadAmount, field, message)
    })
}

/// Words named in one sentence.
const WORDS_MAX: usize = 20;

/// "one of: dep, deposit, ftd": the sender's own words that mean one of ours, then ours.
fn one_of<'a, W>(
    ours: impl Iterator<Item = &'a str> + Clone,
    theirs: &'a BTreeMap<String, W>,
    means: impl Fn(&'a W) -> &'a str,
) -> String {
    let own = theirs.iter().filter(|(_, word)| ours.clone().any(|our| our == means(word)));
    let mut words: Vec<&str> = Vec::new();
    for word in own.map(|(word, _)| word.as_str()).chain(ours.clone()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let more = if words.len() > WORDS_MAX { ", and others" } else { "" };
    words.truncate(WORDS_MAX);
    format!("one of: {}{more}", words.join(", "))
}

fn read_currency(
    reading: &Reading,
    advertiser: &Advertiser,
    program: &Program,
    needed: bool,
) -> Result<Option<Currency>, Rejection> {
    let reject = |message: String| Rejection::new(Reason::BadCurrency, "currency", message);
    match reading.field("currency").map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => program.currencies.parse(text).map(Some).map_err(|_| {
            reject(match find_placeholder(text) {
                Some(found) => format!("{found} was never replaced by a currency"),
                None => format!("{} is no currency known here", quoted(text)),
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
            None => format!("{} is no time", quoted(text)),
        };
        Rejection::new(Reason::BadTimestamp, "timestamp", message)
    })
}

/// The time of the event before anything else is judged: the one that is named where it can be, else the arrival.
pub fn claimed_time(reading: &Reading, click: &Click) -> Timestamp {
    let named = reading.field("timestamp").and_then(|text| Timestamp::parse(text.trim()));
    named.filter(|time| click.at <= *time && *time <= reading.at).unwrap_or(reading.at)
}
