//! From one state of a conversion to the next: its new amounts, its entries and who is told.

use super::amounts;
use super::frame::Frame;
use super::tell;
use super::{Effects, PlannedEntry, Ruling};
use crate::conversion::{Change, Conversion};
use crate::ledger::{Account, Kind, Transfer, settle};
use crate::money::Money;
use crate::outcome::{Reason, Status};
use crate::past::Count;
use crate::postback::{Check, Rejection};
use crate::program::{Approval, Goal};

/// Brings a conversion to its next state. `before` is `None` for a new one.
pub fn book(
    frame: &Frame<'_>,
    before: Option<&Conversion>,
    mut after: Conversion,
    goal: &Goal,
    reason: Reason,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    let program = &frame.snapshot.program;
    let Some(partner) = program.partners.get(&after.partner) else {
        return Err(Rejection::new(
            Reason::UnknownClickId,
            "click_id",
            "the click's partner is no longer in the program",
        )
        .advise("Ask the operator whether this link still runs."));
    };
    let lowered = matches!(after.status, Status::Rejected | Status::Reversed);
    let deal = match after.deal.take() {
        Some(deal) => deal,
        None => frame.agree(goal, &after, before),
    };
    let mut found = amounts::compute(&after, &deal, goal, frame.snapshot);
    after.deal = Some(deal);
    if lowered && found.held.is_some() {
        // Nothing is owed any more: no question of money may hold up the lowering.
        found.held = None;
        if let Some(before) = before {
            (found.commission, found.revenue) = (before.commission, before.revenue);
            (after.amount, after.named_revenue, after.named_payout) =
                (before.amount, before.named_revenue, before.named_payout);
        }
    }
    after.commission = found.commission;
    after.revenue = found.revenue;
    // A hold that money asks for ends when the money is known; any other one is ended by a person or by the
    // event that confirms it.
    after.held = after.detained().or(found.held);
    after.revision = frame.snapshot.revision;
    after.approve_at = match goal.approval {
        Approval::After(span) if after.status == Status::Pending && after.held.is_none() => {
            Some(after.at.plus(span))
        }
        Approval::Auto | Approval::Postback | Approval::Manual | Approval::After(_) => None,
    };
    checks.extend(found.notes.into_iter().map(|note| Check::noted("money", note)));
    let waits_anew = after.held.filter(|_| before.is_some_and(|before| before.held.is_none()));
    if let (Some(held), Some(before)) = (waits_anew, before) {
        // What already counts keeps counting until the change can be understood.
        checks.push(Check::held(held.code(), "the change waits; the conversion stays as it was"));
        return Ok(Ruling::new(held, format!("the change of {} waits", label(before))).about(before));
    }
    let entries =
        entries(frame, before, &after, kind(frame, reason, lowered), &rates_used(frame, &found.rate))?;
    let told = if after.held.is_none() {
        tell::tell(frame, before, &mut after, partner, reason)
    } else {
        Vec::new()
    };
    let reason = after.held.filter(|_| !lowered).unwrap_or(reason);
    let change = Change {
        id: frame.postback_id.derive(frame.now, "change", 0),
        conversion_id: after.id,
        postback_id: frame.postback_id,
        at: frame.now,
        event: frame.event.clone(),
        txid: frame.txid.clone(),
        named: frame.named.clone(),
        status: after.status,
        amount: after.amount,
        revenue: after.named_revenue,
        payout: after.named_payout,
        reason,
    };
    if let Some(held) = after.held.filter(|_| !lowered) {
        checks.push(Check::held(held.code(), "recorded; nothing is booked while it waits"));
    }
    let key = frame.key();
    let mut ruling = Ruling::new(reason, message(reason, frame, &after)).about(&after);
    ruling.effects = Effects {
        counts: counts(before, &after),
        conversion: Some(after),
        change: Some(change),
        key,
        entries,
        deliveries: told,
        wait: None,
        subjects: Vec::new(),
        once: None,
    };
    Ok(ruling)
}

/// The entries that bring both sides' accounts to where the new state says.
fn entries(
    frame: &Frame<'_>,
    before: Option<&Conversion>,
    after: &Conversion,
    kind: Kind,
    rate: &str,
) -> Result<Vec<PlannedEntry>, Rejection> {
    let state = if after.held.is_some() { "held" } else { after.status.code() };
    let why = match &frame.said {
        Some(said) => format!("{} {state}, {said}", label(after)),
        None => format!("{} {state}", label(after)),
    };
    let commission = settle(
        before.and_then(Conversion::partner_position).as_ref(),
        after.partner_position().as_ref(),
        &Account::HouseCommission,
        &why,
    );
    let income = settle(
        before.and_then(Conversion::income_position).as_ref(),
        after.income_position().as_ref(),
        &Account::AdvertiserDue(after.advertiser.clone()),
        &why,
    );
    let too_large = || Rejection::new(Reason::BadAmount, "amount", "the amount is too large to be booked");
    let transfers: Vec<Transfer> =
        commission.ok_or_else(too_large)?.into_iter().chain(income.ok_or_else(too_large)?).collect();
    let numbered = (0u32..).zip(transfers);
    Ok(numbered
        .map(|(number, transfer)| PlannedEntry {
            id: frame.postback_id.derive(frame.now, "entry", number),
            kind,
            rate: rate.to_owned(),
            transfer,
        })
        .collect())
}

fn rates_used(frame: &Frame<'_>, of_amounts: &str) -> String {
    let used = [frame.rate.as_str(), of_amounts].into_iter().filter(|rate| !rate.is_empty());
    used.collect::<Vec<_>>().join("; ")
}

/// What the entries of a change are about.
fn kind(frame: &Frame<'_>, reason: Reason, lowered: bool) -> Kind {
    match (frame.event.as_str(), reason) {
        ("refund", _) => Kind::Refund,
        ("chargeback", _) => Kind::Chargeback,
        (_, Reason::AmountChanged) => Kind::Adjustment,
        (_, Reason::Reversed | Reason::FraudRejected) => Kind::Reversal,
        (_, Reason::StatusChanged) if lowered => Kind::Reversal,
        (_, _) => Kind::Commission,
    }
}

/// What changes in the scopes of caps and tiers.
fn counts(before: Option<&Conversion>, after: &Conversion) -> Vec<Count> {
    let mut counts = Vec::new();
    let (partner, offer, event) = (&after.partner, &after.offer, &after.event);
    let delta = match (before.is_some_and(Conversion::counts_in_caps), after.counts_in_caps()) {
        (false, true) => 1,
        (true, false) => -1,
        (true, true) | (false, false) => 0,
    };
    if delta != 0 {
        let count = |scope| Count { scope, day: after.day, delta };
        counts.extend(super::scopes(partner, offer, event).map(count));
    }
    let (old, new) = (before.and_then(Conversion::volume), after.volume());
    if old != new {
        let mut add = |money: Money, sign: i64| {
            let scope = super::amount_scope(partner, offer, event, money.currency);
            counts.push(Count { scope, day: after.day, delta: money.micros.saturating_mul(sign) });
        };
        old.into_iter().for_each(|money| add(money, -1));
        new.into_iter().for_each(|money| add(money, 1));
    }
    counts
}

/// `ftd A1`, as people call a conversion.
pub fn label(conversion: &Conversion) -> String {
    match &conversion.txid {
        Some(txid) => format!("{} {txid}", conversion.event),
        None => conversion.event.to_string(),
    }
}

fn message(reason: Reason, frame: &Frame<'_>, after: &Conversion) -> String {
    let label = label(after);
    let status = after.status.code();
    match reason {
        Reason::Ok => format!("{label} recorded, {status}"),
        Reason::StatusChanged => format!("{label} is now {status}"),
        Reason::Reversed => format!("{label} is reversed"),
        Reason::AmountChanged if super::REVERSALS.contains(&frame.event.as_str()) => {
            format!("{} of a part of {label} recorded", frame.event)
        }
        Reason::AmountChanged => format!("{label} has another amount now"),
        other => format!("{label} recorded, waits: {}", other.code()),
    }
}

/// Whether a conversion may go from one status to another; `newer` where the sender's time says it came later.
pub fn may_change(from: Status, to: Status, newer: bool) -> bool {
    match from {
        Status::Pending => matches!(to, Status::Approved | Status::Rejected | Status::Reversed),
        Status::Approved => matches!(to, Status::Rejected | Status::Reversed),
        Status::Rejected => matches!(to, Status::Pending | Status::Approved),
        Status::Reversed => to == Status::Approved && newer,
    }
}
