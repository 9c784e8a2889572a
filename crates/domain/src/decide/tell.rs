//! Who is to be told of what happens to a conversion, and of postbacks that came to nothing.

use super::frame::Frame;
use super::{Decision, Reading};
use crate::conversion::Conversion;
use crate::money::{Currencies, Money};
use crate::outcome::{Outcome, Reason, Status};
use crate::program::{Happening, Partner, Snapshot, Target, Way};
use crate::tell::{
    About, HASHED_IDS, PLATFORM_IDS, PlannedDelivery, Values, click_values, plan, put, webhooks,
};
use crate::template::Macro;

/// Plans the deliveries of a change, in the order in which they are to be made.
pub fn tell(
    frame: &Frame<'_>,
    before: Option<&Conversion>,
    after: &mut Conversion,
    partner: &Partner,
    reason: Reason,
) -> Vec<PlannedDelivery> {
    let happenings = happenings(before, after);
    after.earned |= happenings.contains(&Happening::CommissionEarned);
    let asked = asked(frame, after, partner);
    let mut planned = Vec::new();
    let mut standing_values = None;
    for happening in happenings {
        for target in chosen(&asked, happening, after, reason) {
            let mut values = standing_values.get_or_insert_with(|| standing(frame, after)).clone();
            moving(&mut values, frame, before, after, happening);
            if target.is_told_all() {
                particulars(&mut values, frame, after, reason);
            }
            let about = About {
                partner: Some(partner.id.clone()),
                click_id: Some(after.click_id),
                postback_id: Some(frame.postback_id),
                conversion_id: Some(after.id),
            };
            let delivery = plan(frame.postback_id, frame.now, target, happening, about, values);
            planned.push(PlannedDelivery { withheld: !target.shares(after), ..delivery });
        }
    }
    planned
}

/// Every target that could be told of this conversion, in the order in which they are told.
fn asked<'a>(frame: &Frame<'a>, after: &Conversion, partner: &'a Partner) -> Vec<&'a Target> {
    let program = &frame.snapshot.program;
    let link = program.links.get(&after.link).into_iter().flat_map(|link| &link.targets);
    let ids = partner.targets.iter().chain(&frame.offer.targets).chain(link).chain(&program.webhooks);
    ids.filter_map(|id| program.targets.get(id)).collect()
}

/// Those who ask for this: of the others than webhooks only the most special ones, and those that are always told.
fn chosen<'a>(
    asked: &[&'a Target],
    happening: Happening,
    after: &Conversion,
    reason: Reason,
) -> Vec<&'a Target> {
    let told = asked.iter().copied().filter(|target| target.wants.cover(happening, after, reason));
    let told: Vec<&Target> = told.collect();
    let special = told.iter().filter(|target| !target.always).map(|target| target.level()).max();
    let stays = |target: &&Target| target.always || Some(target.level()) == special;
    told.into_iter().filter(stays).collect()
}

/// Tells the webhooks of a postback that was rejected.
pub fn tell_of_rejection(
    decision: &Decision,
    reading: &Reading,
    snapshot: &Snapshot,
) -> Vec<PlannedDelivery> {
    if decision.outcome != Outcome::Rejected || snapshot.program.webhooks.is_empty() {
        return Vec::new();
    }
    let about =
        About { postback_id: Some(decision.postback_id), click_id: decision.click_id, ..About::default() };
    let values = || {
        let mut values = Values::new();
        put(&mut values, "postback_id", decision.postback_id.to_string());
        put(&mut values, "reason", decision.reason.code());
        put(&mut values, "message", decision.message.as_str());
        put(
            &mut values,
            Macro::Advertiser.name(),
            decision.advertiser.as_ref().map_or("", |name| name.as_str()),
        );
        put(
            &mut values,
            Macro::ClickId.name(),
            decision.click_id.map(|id| id.to_string()).unwrap_or_default(),
        );
        put(&mut values, Macro::Event.name(), reading.event.as_deref().unwrap_or_default());
        put(&mut values, Macro::Txid.name(), reading.field("txid").unwrap_or_default());
        values
    };
    let (by, at) = (decision.postback_id, decision.at);
    let told = webhooks(&snapshot.program, by, at, Happening::PostbackRejected, &about, values);
    let wants = |delivery: &PlannedDelivery| {
        let target = snapshot.program.targets.get(&delivery.target);
        target.is_some_and(|target| {
            target.wants.reasons.is_empty() || target.wants.reasons.contains(&decision.reason)
        })
    };
    told.into_iter().filter(wants).collect()
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
    let mut values = click_values(frame.click);
    let seconds = after.event_at.millis().checked_div(1_000).unwrap_or(0);
    for (name, value) in [
        (Macro::ConversionId, after.id.to_string()),
        (Macro::Txid, after.txid.clone().unwrap_or_default()),
        (Macro::Event, after.event.to_string()),
        (Macro::Status, after.status.code().to_owned()),
        (Macro::Revenue, amount(frame, after.revenue)),
        (Macro::Timestamp, seconds.to_string()),
        (Macro::TimestampIso, after.event_at.iso()),
    ] {
        put(&mut values, name.name(), value);
    }
    // Beside {currency}, which is the payout's where there is one.
    let revenue_currency = after.revenue.map(|revenue| revenue.currency.to_string());
    put(&mut values, "revenue_currency", revenue_currency.unwrap_or_default());
    values
}

fn amount(frame: &Frame<'_>, money: Option<Money>) -> String {
    money.map(|money| frame.snapshot.program.currencies.amount(money)).unwrap_or_default()
}

/// What webhooks and conversion APIs carry beside the macros.
fn particulars(values: &mut Values, frame: &Frame<'_>, after: &Conversion, reason: Reason) {
    let code = |money: Option<Money>| money.map(|money| money.currency.to_string()).unwrap_or_default();
    let click_seconds = frame.click.at.millis().checked_div(1_000).unwrap_or(0);
    put(values, "amount", amount(frame, after.amount));
    put(values, "amount_currency", code(after.amount));
    put(values, "reason", reason.code());
    put(values, "postback_id", frame.postback_id.to_string());
    put(values, "click_timestamp", click_seconds.to_string());
    put(values, "test", if after.test { "1" } else { "" });
    for (name, value) in &frame.click.details.others {
        if PLATFORM_IDS.contains(&name.as_str()) {
            put(values, name, value.as_str());
        }
    }
}

/// Hashes of what names a person reach conversion APIs alone, and only as the sender hashed them.
pub fn identify(deliveries: &mut [PlannedDelivery], reading: &Reading, snapshot: &Snapshot) {
    for delivery in deliveries {
        let target = snapshot.program.targets.get(&delivery.target);
        if !target.is_some_and(|target| matches!(target.way, Way::ConversionApi(_))) {
            continue;
        }
        for (name, value) in &reading.stored {
            if HASHED_IDS.contains(&name.as_str()) && is_hash(value) {
                put(&mut delivery.values, name, value.as_str());
            }
        }
    }
}

fn is_hash(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The partner's money, which each happening tells in its own way.
fn moving(
    values: &mut Values,
    frame: &Frame<'_>,
    before: Option<&Conversion>,
    after: &Conversion,
    happening: Happening,
) {
    let currencies = &frame.snapshot.program.currencies;
    let total = after.approved_commission();
    let old = before.and_then(Conversion::approved_commission);
    let (payout, delta) = match happening {
        Happening::CommissionEarned | Happening::CommissionAdjusted => {
            (total.or(old.map(|old| Money::zero(old.currency))), delta(old, total, currencies))
        }
        Happening::ConversionApproved | Happening::ConversionRejected | Happening::ConversionReversed => {
            (total, String::new())
        }
        Happening::ConversionCreated
        | Happening::ClickCreated
        | Happening::PostbackRejected
        | Happening::DeliveryFailed
        | Happening::PayoutPaid
        | Happening::TargetFailing
        | Happening::TargetPaused
        | Happening::ReportReady => (None, String::new()),
    };
    let currency =
        payout.or(after.commission).or(after.value()).or(after.revenue).map(|money| money.currency);
    put(values, Macro::Payout.name(), amount(frame, payout));
    put(values, Macro::PayoutDelta.name(), delta);
    put(values, Macro::Currency.name(), currency.map(|currency| currency.to_string()).unwrap_or_default());
}

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
