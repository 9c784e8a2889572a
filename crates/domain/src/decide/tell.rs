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
    for happening in happenings {
        for target in partner.targets.iter().filter(|target| wants(target, happening, after)) {
            let what = format!("{} {}", target.id, happening.code());
            let id = frame.postback_id.derive(frame.now, &what, 0);
            let mut values = values(frame, before, after, happening);
            values.insert(Macro::DeliveryId.name(), id.to_string());
            values.insert(Macro::Random.name(), random_looking(&id.to_bytes()));
            planned.push(PlannedDelivery {
                id,
                target: target.id.clone(),
                partner: partner.id.clone(),
                happening,
                values: values.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            });
        }
    }
    planned
}

fn wants(target: &Target, happening: Happening, conversion: &Conversion) -> bool {
    target.on.contains(&happening) && (target.events.is_empty() || target.events.contains(&conversion.event))
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

fn values(
    frame: &Frame<'_>,
    before: Option<&Conversion>,
    after: &Conversion,
    happening: Happening,
) -> BTreeMap<String, String> {
    let currencies = &frame.snapshot.program.currencies;
    let mut values = BTreeMap::new();
    for name in CLICK_MACROS.into_iter().chain((1..=10).map(Macro::Sub)) {
        values.insert(name.name(), click_value(name, frame.click));
    }
    let total = after.approved_commission();
    let old = before.filter(|before| before.held.is_none()).and_then(Conversion::approved_commission);
    let (payout, delta) = match happening {
        Happening::ConversionCreated => (None, String::new()),
        Happening::ConversionApproved | Happening::ConversionRejected | Happening::ConversionReversed => {
            (total, String::new())
        }
        Happening::CommissionEarned | Happening::CommissionAdjusted => {
            (total.or(old.map(|old| Money::zero(old.currency))), delta(old, total, currencies))
        }
    };
    let currency =
        payout.or(after.commission).or(after.value()).or(after.revenue).map(|money| money.currency);
    let seconds = after.event_at.millis().checked_div(1_000).unwrap_or(0);
    for (name, value) in [
        (Macro::ConversionId, after.id.to_string()),
        (Macro::Txid, after.txid.clone().unwrap_or_default()),
        (Macro::Event, after.event.to_string()),
        (Macro::Status, after.status.code().to_owned()),
        (Macro::Payout, payout.map(|payout| currencies.amount(payout)).unwrap_or_default()),
        (Macro::PayoutDelta, delta),
        (Macro::Revenue, after.revenue.map(|revenue| currencies.amount(revenue)).unwrap_or_default()),
        (Macro::Currency, currency.map(|currency| currency.to_string()).unwrap_or_default()),
        (Macro::Timestamp, seconds.to_string()),
        (Macro::TimestampIso, after.event_at.iso()),
    ] {
        values.insert(name.name(), value);
    }
    values
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
