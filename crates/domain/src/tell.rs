//! Deliveries as they are planned: who is told of what, with which values. Conversions are told of by `decide`,
//! the rest here.

use std::collections::BTreeMap;

use crate::click::Click;
use crate::click_id::ClickId;
use crate::id::{ConversionId, DeliveryId, Id, PostbackId, SettlementId};
use crate::money::Money;
use crate::name::Name;
use crate::program::{Happening, Program, Target};
use crate::route::click_value;
use crate::template::Macro;
use crate::time::Timestamp;
use crate::webhook::example;

/// Macro name = value; absent = empty. What webhooks and conversion APIs carry beside the macros is in it, too.
pub type Values = BTreeMap<String, String>;

/// A delivery to make: what is told to whom, with the values for its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDelivery {
    pub id: DeliveryId,
    pub at: Timestamp,
    /// Not before this time.
    pub due_at: Timestamp,
    pub target: Name,
    pub happening: Happening,
    pub about: About,
    /// Outside the share that its target is told of: kept in the log, and not sent.
    pub withheld: bool,
    /// A test that a person asked for.
    pub trial: bool,
    pub values: Values,
}

/// What a delivery is about. Those about one conversion reach a target in the order in which they were planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    pub partner: Option<Name>,
    pub click_id: Option<ClickId>,
    pub postback_id: Option<PostbackId>,
    pub conversion_id: Option<ConversionId>,
}

/// The ids that ad platforms put on the addresses of their clicks, under their own names.
pub const PLATFORM_IDS: [&str; 10] =
    ["fbclid", "fbc", "fbp", "gclid", "gbraid", "wbraid", "ttclid", "ttp", "msclkid", "page_url"];
/// What names a person, as the sender hashed it.
pub const HASHED_IDS: [&str; 3] = ["email_sha256", "phone_sha256", "external_id_sha256"];

pub fn put(values: &mut Values, name: &str, value: impl Into<String>) {
    let value = value.into();
    if !value.is_empty() {
        values.insert(name.to_owned(), value);
    }
}

/// What a click says for itself.
pub fn click_values(click: &Click) -> Values {
    let mut values = Values::new();
    for name in CLICK_MACROS.into_iter().chain((1..=10).map(Macro::Sub)) {
        put(&mut values, name.name(), click_value(name, click));
    }
    let details = &click.details;
    for (name, value) in [("region", &details.region), ("city", &details.city), ("asn", &details.asn)] {
        put(&mut values, name, value.as_str());
    }
    values
}

/// Tells a target; `by` names it and what happened, so that the same plan has the same id.
pub fn plan<K>(
    by: Id<K>,
    at: Timestamp,
    target: &Target,
    happening: Happening,
    about: About,
    mut values: Values,
) -> PlannedDelivery {
    let id: DeliveryId = by.derive(at, &format!("{} {}", target.id, happening.code()), 0);
    put(&mut values, Macro::DeliveryId.name(), id.to_string());
    put(&mut values, Macro::Random.name(), random_looking(&id.to_bytes()));
    let due_at = target.delay.map_or(at, |delay| at.plus(delay));
    PlannedDelivery {
        id,
        at,
        due_at,
        target: target.id.clone(),
        happening,
        about,
        withheld: false,
        trial: false,
        values,
    }
}

/// Tells the webhooks that ask for what is no matter of a conversion.
pub fn webhooks<K: Copy>(
    program: &Program,
    by: Id<K>,
    at: Timestamp,
    happening: Happening,
    about: &About,
    values: impl Fn() -> Values,
) -> Vec<PlannedDelivery> {
    let asked = program.webhooks().filter(|webhook| webhook.wants.on.contains(&happening));
    asked.map(|webhook| plan(by, at, webhook, happening, about.clone(), values())).collect()
}

/// Tells of a click.
pub fn click(program: &Program, click: &Click) -> Vec<PlannedDelivery> {
    let by: Id<crate::id::Delivery> = Id::from_bytes(click.id.to_bytes());
    let about = About { partner: Some(click.partner.clone()), click_id: Some(click.id), ..About::default() };
    webhooks(program, by, click.at, Happening::ClickCreated, &about, || {
        let mut values = click_values(click);
        put(&mut values, Macro::Timestamp.name(), click_value(Macro::Timestamp, click));
        put(&mut values, Macro::TimestampIso.name(), click_value(Macro::TimestampIso, click));
        put(&mut values, "test", if click.details.test { "1" } else { "" });
        values
    })
}

/// Tells that a partner was paid.
pub fn paid(
    program: &Program,
    payout: SettlementId,
    partner: &Name,
    amount: Money,
    conversions: u32,
    at: Timestamp,
) -> Vec<PlannedDelivery> {
    let about = About { partner: Some(partner.clone()), ..About::default() };
    webhooks(program, payout, at, Happening::PayoutPaid, &about, || {
        let mut values = Values::new();
        put(&mut values, "payout_id", payout.to_string());
        put(&mut values, Macro::Partner.name(), partner.as_str());
        put(&mut values, "amount", program.currencies.amount(amount));
        put(&mut values, "amount_currency", amount.currency.to_string());
        put(&mut values, "conversions", conversions.to_string());
        values
    })
}

/// What there is to say of a report that came by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyReport<'a> {
    pub id: &'a Name,
    pub name: &'a str,
    /// The time that it was due at.
    pub at: Timestamp,
    pub from: String,
    pub to: String,
    pub rows: usize,
    /// A JSON array of objects.
    pub first_rows: String,
    pub url: String,
}

/// Tells that a report is ready. The same report of the same time has the same id, however often it is computed.
pub fn report_ready(program: &Program, ready: &ReadyReport<'_>) -> Vec<PlannedDelivery> {
    let none: DeliveryId = Id::new(ready.at, 0);
    let by: DeliveryId = none.derive(ready.at, &format!("report {}", ready.id), 0);
    webhooks(program, by, ready.at, Happening::ReportReady, &About::default(), || {
        let mut values = Values::new();
        put(&mut values, "report", ready.id.as_str());
        put(&mut values, "report_name", ready.name);
        put(&mut values, "due_at", ready.at.iso());
        put(&mut values, "from", ready.from.as_str());
        put(&mut values, "to", ready.to.as_str());
        put(&mut values, "rows", ready.rows.to_string());
        put(&mut values, "first_rows", ready.first_rows.as_str());
        put(&mut values, "url", ready.url.as_str());
        values
    })
}

/// A test delivery: what an example of the target's first happening would be, with these values instead of the
/// example's.
pub fn trial(by: DeliveryId, at: Timestamp, target: &Target, instead: Values) -> PlannedDelivery {
    let happening = target.wants.on.first().copied().unwrap_or(Happening::ConversionCreated);
    let mut values = example(happening);
    put(&mut values, "test", "1");
    // Platforms take no conversion of long ago.
    put(&mut values, Macro::Timestamp.name(), at.unix_seconds().to_string());
    put(&mut values, Macro::TimestampIso.name(), at.iso());
    put(&mut values, "click_timestamp", at.unix_seconds().to_string());
    values.extend(instead);
    let planned = plan(by, at, target, happening, About::default(), values);
    PlannedDelivery { due_at: at, trial: true, ..planned }
}

/// Digits that differ from delivery to delivery and stay the same over its attempts.
fn random_looking(id: &[u8; 16]) -> String {
    let tail = id.iter().rev().take(4).fold(0u32, |value, byte| (value << 8) | u32::from(*byte));
    tail.to_string()
}

const CLICK_MACROS: [Macro; 14] = [
    Macro::ClickId,
    Macro::PartnerClickId,
    Macro::Source,
    Macro::Cost,
    Macro::Offer,
    Macro::Advertiser,
    Macro::Partner,
    Macro::Link,
    Macro::Country,
    Macro::Device,
    Macro::Os,
    Macro::Browser,
    Macro::Ip,
    Macro::UserAgent,
];
