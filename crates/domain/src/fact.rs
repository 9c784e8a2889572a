//! Facts: what reports count. Each is an additive row with the time of its click, of its event and of its booking, so
//! that every figure is a sum and a correction is one more row.
//!
//! A conversion stands in a status with its money. When that changes, what stood is taken out and what stands is put
//! in: the sums over all facts are what stands now, and those over a span are what moved in it.

use serde::{Deserialize, Serialize};

use crate::click::{Click, Details};
use crate::click_id::ClickId;
use crate::conversion::{Change, Conversion};
use crate::decide::Known;
use crate::id::ConversionId;
use crate::money::{Currency, Money};
use crate::name::Name;
use crate::outcome::{Outcome, Reason};
use crate::time::{Span, Timestamp};

/// An event that is told later than this after it happened is delayed.
pub const DELAYED_AFTER: Span = Span::from_seconds(3_600);
/// The word for a conversion that waits, in place of its status.
pub const HELD: &str = "held";

/// The facts of one decision, or of one delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// When they were booked: the time of the decision.
    pub at: Timestamp,
    /// The click that they are about, without what names a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click: Option<AboutClick>,
    /// Known also where no click is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertiser: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<Name>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    pub facts: Vec<Fact>,
}

/// A click as facts keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AboutClick {
    /// Time and serial, and the rest of its id.
    pub number: i64,
    pub tail: i64,
    pub at: Timestamp,
    pub link: Name,
    pub partner: Name,
    pub offer: Name,
    pub advertiser: Name,
    pub details: Details,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    Click,
    Conversion,
    Postback,
    Delivery,
}

/// One row. Texts are empty and numbers zero where they say nothing; money is in millionths of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub kind: FactKind,
    pub event_at: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event: String,
    /// Of a conversion: its status, or [`HELD`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Of a postback.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub outcome: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Of a delivery.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    #[serde(default, flatten)]
    pub numbers: Numbers,
    /// Seconds from the click to the event, on the row that a new conversion begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
}

/// What is summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    #[serde(skip_serializing_if = "is_zero")]
    pub conversions: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub payout: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub revenue: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub amount: i64,
    /// Conversions that have an amount.
    #[serde(skip_serializing_if = "is_zero")]
    pub with_amount: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub refunds: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub chargebacks: i64,
    /// What refunds and chargebacks took back of the amount.
    #[serde(skip_serializing_if = "is_zero")]
    pub refunded: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub postbacks: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub failed_deliveries: i64,
    /// Events that were told late.
    #[serde(skip_serializing_if = "is_zero")]
    pub delayed: i64,
    /// Clicks that brought their first conversion.
    #[serde(skip_serializing_if = "is_zero")]
    pub customers: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl AboutClick {
    /// Without the address, the browser's own words and the partner's name for the visit.
    pub fn of(click: &Click) -> Self {
        let mut about = Self::whole(click);
        let Details { ip, user_agent, partner_click_id, .. } = &mut about.details;
        (*ip, *user_agent, *partner_click_id) = Default::default();
        about
    }

    pub fn whole(click: &Click) -> Self {
        Self {
            number: click.id.prefix().number(),
            tail: click.id.tail(),
            at: click.at,
            link: click.link.clone(),
            partner: click.partner.clone(),
            offer: click.offer.clone(),
            advertiser: click.advertiser.clone(),
            details: click.details.clone(),
        }
    }

    /// As a click again, for whoever reads traits off clicks.
    pub fn into_click(self) -> Click {
        Click {
            id: ClickId::from_parts(self.number, self.tail),
            at: self.at,
            link: self.link,
            partner: self.partner,
            offer: self.offer,
            advertiser: self.advertiser,
            details: self.details,
        }
    }
}

impl Fact {
    fn new(kind: FactKind, event_at: Timestamp) -> Self {
        Self {
            kind,
            event_at,
            event: String::new(),
            status: String::new(),
            outcome: String::new(),
            reason: String::new(),
            target: String::new(),
            currency: None,
            numbers: Numbers::default(),
            seconds: None,
        }
    }

    /// One answer to a postback, or one that a later answer replaces (`count` is -1).
    pub fn postback(outcome: Outcome, reason: Reason, at: Timestamp, count: i64) -> Self {
        Self {
            outcome: outcome.code().into(),
            reason: reason.code().into(),
            numbers: Numbers { postbacks: count, ..Numbers::default() },
            ..Self::new(FactKind::Postback, at)
        }
    }

    /// A delivery that has failed for good, or that a person tries again after that (`count` is -1).
    pub fn delivery(target: &Name, at: Timestamp, count: i64) -> Self {
        Self {
            target: target.to_string(),
            numbers: Numbers { failed_deliveries: count, ..Numbers::default() },
            ..Self::new(FactKind::Delivery, at)
        }
    }
}

/// How a conversion stands, a row per currency of its money; the first one counts it.
fn standing(conversion: &Conversion, event_at: Timestamp) -> Vec<Fact> {
    let amount = conversion.amount.and_then(|_| conversion.rest());
    let moneys = [conversion.commission, conversion.revenue, amount];
    let mut currencies: Vec<Option<Currency>> = Vec::new();
    for money in moneys.into_iter().flatten() {
        if !currencies.contains(&Some(money.currency)) {
            currencies.push(Some(money.currency));
        }
    }
    if currencies.is_empty() {
        currencies.push(None);
    }
    let status = if conversion.held.is_some() { HELD } else { conversion.status.code() };
    let first = currencies.first().copied().flatten();
    let row = |currency: Option<Currency>| {
        let of = |money: Option<Money>| {
            money.filter(|money| Some(money.currency) == currency).map_or(0, |money| money.micros)
        };
        let counted = i64::from(currency == first);
        Fact {
            event: conversion.event.to_string(),
            status: status.into(),
            currency,
            numbers: Numbers {
                conversions: counted,
                payout: of(conversion.commission),
                revenue: of(conversion.revenue),
                amount: of(amount),
                with_amount: i64::from(amount.is_some_and(|amount| Some(amount.currency) == currency)),
                ..Numbers::default()
            },
            ..Fact::new(FactKind::Conversion, event_at)
        }
    };
    currencies.into_iter().map(row).collect()
}

fn taken_out(mut fact: Fact) -> Fact {
    let numbers = &mut fact.numbers;
    for number in [
        &mut numbers.conversions,
        &mut numbers.payout,
        &mut numbers.revenue,
        &mut numbers.amount,
        &mut numbers.with_amount,
    ] {
        *number = number.saturating_neg();
    }
    fact
}

/// What a conversion's new state adds to what is counted. `first`: its click had none before.
pub fn of_conversion(
    before: Option<&Conversion>,
    after: &Conversion,
    change: Option<&Change>,
    click_at: Timestamp,
    first: bool,
) -> Vec<Fact> {
    // What begins a conversion happened when it did; what changes it, when that was said.
    let event_at = if before.is_some() { after.changed_at } else { after.event_at };
    let out = before.map(|before| standing(before, event_at)).unwrap_or_default();
    let mut into = standing(after, event_at);
    let mut facts: Vec<Fact> = Vec::new();
    if out != into {
        facts.extend(out.into_iter().map(taken_out));
        facts.append(&mut into);
    }
    if before.is_none() {
        begin(&mut facts, after, click_at, first);
    }
    facts.extend(before.and_then(|before| reversal(before, after, change?, event_at)));
    facts
}

fn begin(facts: &mut [Fact], conversion: &Conversion, click_at: Timestamp, first: bool) {
    let Some(row) = facts.first_mut() else {
        return;
    };
    let late = conversion.at.since(conversion.event_at) > DELAYED_AFTER;
    row.numbers.delayed = i64::from(late);
    row.numbers.customers = i64::from(first);
    let millis = conversion.event_at.since(click_at).millis();
    row.seconds = millis.checked_div(1_000).and_then(|seconds| i64::try_from(seconds).ok());
}

/// A refund or a chargeback is counted beside what it does to the conversion.
fn reversal(before: &Conversion, after: &Conversion, change: &Change, event_at: Timestamp) -> Option<Fact> {
    let (refunds, chargebacks) = match change.event.as_str() {
        "refund" => (1, 0),
        "chargeback" => (0, 1),
        _ => return None,
    };
    let rest = |conversion: &Conversion| conversion.amount.and_then(|_| conversion.rest());
    let (was, is) = (rest(before), rest(after));
    let reversed = after.status == crate::outcome::Status::Reversed;
    let taken = was.map(|was| {
        let left = if reversed { 0 } else { is.map_or(0, |is| is.micros) };
        Money { micros: was.micros.saturating_sub(left), currency: was.currency }
    });
    Some(Fact {
        event: after.event.to_string(),
        status: after.status.code().into(),
        currency: taken.map(|taken| taken.currency),
        numbers: Numbers {
            refunds,
            chargebacks,
            refunded: taken.map_or(0, |taken| taken.micros),
            ..Numbers::default()
        },
        ..Fact::new(FactKind::Conversion, event_at)
    })
}

impl Known {
    /// A conversion among what is known, as it stood before the decision.
    pub fn conversion(&self, id: ConversionId) -> Option<&Conversion> {
        let keyed = [&self.under_txid, &self.under_original, &self.under_click].into_iter().flatten();
        let histories = keyed.filter_map(|keyed| keyed.history.as_ref());
        let mut all = histories.chain(&self.of_click).chain(&self.of_subscription);
        all.find(|history| history.conversion.id == id).map(|history| &history.conversion)
    }
}
