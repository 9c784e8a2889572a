//! Who is to be told of a change, and with which values.

use std::collections::BTreeMap;

use super::PlannedDelivery;
use super::frame::Frame;
use crate::conversion::Conversion;
use crate::money::{Currencies, Money};
use crate::outcome::Status;
use crate::program::{Happening, Partner, Target};
use crate::route::click_value;
use crate::template::Macro;

/// Plans the deliveries of a change, in the order in which they are to be made.
pub fn plan(
    frame: &Frame<'_>,
    before: Option<&Conversion>,
    after: &mut Conversion,
    partner: &Partner,
) -> Vec<PlannedDelivery> {
    let happenings = happenings(before, after);
    after.earned |= happenings.contains(&Happening::CommissionEarned);
    let mut planned = Vec::new();
    let told = |happening| partner.targets.iter().filter(move |target| wants(target, happening));
    if happenings.iter().all(|happening| told(*happening).next().is_none()) {
        return planned;
    }
    let same_for_all = standing(frame, after);
    for happening in happenings {
        for target in told(happening).filter(|target| counts(target, after)) {
            let what = format!("{} {}", target.id, happening.code());
            let id = frame.postback_id.derive(frame.now, &what, 0);
            let mut values = same_for_all.clone();
            for (name, value) in moving(frame, before, after, happening) {
                put(&mut values, name, value);
            }
            put(&mut values, Macro::DeliveryId, id.to_string());
            put(&mut values, Macro::Random, random_looking(&id.to_bytes()));
            let (target, partner) = (target.id.clone(), partner.id.clone());
            planned.push(PlannedDelivery { id, target, partner, happening, values });
        }
    }
    planned
}

type Values = BTreeMap<&'static str, String>;

fn put(values: &mut Values, name: Macro, value: String) {
    if !value.is_empty() {
        values.insert(name.name(), value);
    }
}

fn wants(target: &Target, happening: Happening) -> bool {
    target.on.contains(&happening)
}

fn counts(target: &Target, conversion: &Conversion) -> bool {
    target.events.is_empty() || target.events.contains(&conversion.event)
}

fn happenings(before: Option<&Conversion>, after: &Conversion) -> Vec<Happening> {
    let visible = before.filter(|before| before.held.is_none());
    let mut list = Vec::new();
    if visible.is_none() {
        list.push(Happening::ConversionCreated);
    }
    if visible.map(|before| before.status) != Some(after.status) {
        match after.status {
            Status::Pending => {}
            Status::Approved => list.push(Happening::ConversionApproved),
            Status::Rejected => list.push(Happening::ConversionRejected),
            Status::Reversed => list.push(Happening::ConversionReversed),
        }
    }
    let old = visible.and_then(Conversion::approved_commission);
    let new = after.approved_commission();
    if old != new {
        list.push(if after.earned { Happening::CommissionAdjusted } else { Happening::CommissionEarned });
    }
    list
}

/// What is the same whatever happened: the click and the conversion.
fn standing(frame: &Frame<'_>, after: &Conversion) -> Values {
    let mut values = Values::new();
    for name in CLICK_MACROS.into_iter().chain((1..=10).map(Macro::Sub)) {
        put(&mut values, name, click_value(name, frame.click));
    }
    let seconds = after.event_at.millis().checked_div(1_000).unwrap_or(0);
    let currencies = &frame.snapshot.program.currencies;
    for (name, value) in [
        (Macro::ConversionId, after.id.to_string()),
        (Macro::Txid, after.txid.clone().unwrap_or_default()),
        (Macro::Event, after.event.to_string()),
        (Macro::Status, after.status.code().to_owned()),
        (Macro::Revenue, after.revenue.map(|revenue| currencies.amount(revenue)).unwrap_or_default()),
        (Macro::Timestamp, seconds.to_string()),
        (Macro::TimestampIso, after.event_at.iso()),
    ] {
        put(&mut values, name, value);
    }
    values
}

/// The partner's money, which each happening tells in its own way.
fn moving(
    frame: &Frame<'_>,
    before: Option<&Conversion>,
    after: &Conversion,
    happening: Happening,
) -> [(Macro, String); 3] {
    let currencies = &frame.snapshot.program.currencies;
    let total = after.approved_commission();
    let old = before.and_then(Conversion::approved_commission);
    let (payout, delta) = match happening {
        Happening::ConversionCreated
        | Happening::ClickCreated
        | Happening::PostbackRejected
        | Happening::DeliveryFailed
        | Happening::PayoutPaid
        | Happening::TargetFailing
        | Happening::TargetPaused => (None, String::new()),
        Happening::ConversionApproved | Happening::ConversionRejected | Happening::ConversionReversed => {
            (total, String::new())
        }
        Happening::CommissionEarned | Happening::CommissionAdjusted => {
            (total.or(old.map(|old| Money::zero(old.currency))), delta(old, total, currencies))
        }
    };
    let currency =
        payout.or(after.commission).or(after.value()).or(after.revenue).map(|money| money.currency);
    [
        (Macro::Payout, payout.map(|payout| currencies.amount(payout)).unwrap_or_default()),
        (Macro::PayoutDelta, delta),
        (Macro::Currency, currency.map(|currency| currency.to_string()).unwrap_or_default()),
    ]
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

fn delta(old: Option<Money>, new: Option<Money>, currencies: &Currencies) -> String {
    let Some(currency) = new.or(old).map(|money| money.currency) else {
        return String::new();
    };
    let micros = |money: Option<Money>| {
        money.filter(|money| money.currency == currency).map_or(0, |money| money.micros)
    };
    let change = i128::from(micros(new)).saturating_sub(i128::from(micros(old)));
    currencies.sum(change, currency)
}

/// Digits that differ from delivery to delivery and stay the same over its attempts.
fn random_looking(id: &[u8; 16]) -> String {
    let tail = id.iter().rev().take(4).fold(0u32, |value, byte| (value << 8) | u32::from(*byte));
    tail.to_string()
}
