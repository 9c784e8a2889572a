//! What a further postback says about a conversion that is known.

use super::book::{book, label, may_change};
use super::frame::{Frame, event_time};
use super::{History, Ruling};
use crate::conversion::{Change, Conversion};
use crate::money::Money;
use crate::outcome::{Reason, Status};
use crate::postback::{Check, Rejection};
use crate::program::{Approval, Duplicates, Goal};
use crate::time::Timestamp;

/// A known conversion, and what the postback says about it now.
pub fn change(
    frame: &Frame<'_>,
    history: &History,
    goal: &Goal,
    repeat: Reason,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    let before = &history.conversion;
    let named = &frame.named;
    let adds = goal.duplicates == Duplicates::Add;
    let seen_before =
        history.changes.iter().any(|change| change.named == *named && change.event == frame.event);
    let newer = named.timestamp.is_some_and(|time| before.changed_at < time && time <= frame.now);
    if had(frame, history, goal) && (seen_before || !newer) {
        let message = format!("nothing new about {}", label(before));
        checks.push(Check::noted("repeat", "this status and amount were recorded before"));
        return Ok(Ruling::new(repeat, message).about(before));
    }
    let mut after = before.clone();
    after.status = next_status(goal, before.status, named.status, newer)?;
    if let Some(amount) = named.amount {
        after.amount = Some(if adds { total(history, frame, amount)? } else { amount });
    }
    after.named_revenue = named.revenue.or(before.named_revenue);
    after.named_payout = named.payout.or(before.named_payout);
    // A person let through what there was to see: another payout is to be looked at again.
    after.reviewed = frame.reviewed || before.reviewed && after.named_payout == before.named_payout;
    after.changed_at = event_time(named, frame.click, frame.now).max(before.changed_at);
    let new_key = taken_by_other_key(frame, history);
    if after.status == before.status && !money_changed(before, &after) && !new_key {
        checks.push(Check::noted("repeat", "it changes nothing"));
        return Ok(Ruling::new(repeat, format!("nothing new about {}", label(before))).about(before));
    }
    if let Some(last) = overtaken_by(frame, history) {
        let message =
            format!("nothing new about {}: what was said at {} is newer", label(before), last.iso());
        checks.push(Check::noted("order", "its timestamp is older than that of a change applied before"));
        return Ok(Ruling::new(repeat, message).about(before));
    }
    same_currency_as_refunds(before, &after)?;
    let reason = match after.status {
        same if same == before.status => Reason::AmountChanged,
        Status::Reversed => Reason::Reversed,
        Status::Pending | Status::Approved | Status::Rejected => Reason::StatusChanged,
    };
    checks.push(Check::passed("transition", format!("{} to {}", before.status.code(), after.status.code())));
    book(frame, Some(before), after, goal, reason, checks)
}

/// What was taken back of an amount stays in the amount's currency.
fn same_currency_as_refunds(before: &Conversion, after: &Conversion) -> Result<(), Rejection> {
    match (before.value(), after.value()) {
        (Some(old), Some(new)) if before.refunded_micros != 0 && old.currency != new.currency => {
            let message = format!("a part of it was taken back in {}: its amount stays in it", old.currency);
            Err(Rejection::new(Reason::BadCurrency, "currency", message).expected(old.currency.to_string()))
        }
        (_, _) => Ok(()),
    }
}

/// The time of the newest word on the same key, where the sender gave both their times and this one is older.
fn overtaken_by(frame: &Frame<'_>, history: &History) -> Option<Timestamp> {
    let said = frame.named.timestamp?;
    let same_key = |change: &&Change| change.txid == frame.txid && change.event == frame.event;
    let times = history.changes.iter().filter(same_key).filter_map(|change| change.named.timestamp);
    times.filter(|time| *time <= frame.now).max().filter(|last| said < *last)
}

/// Whether this postback brings a txid under which the conversion was not known.
fn taken_by_other_key(frame: &Frame<'_>, history: &History) -> bool {
    frame.txid.is_some() && !history.changes.iter().any(|change| change.txid == frame.txid)
}

fn money_changed(before: &Conversion, after: &Conversion) -> bool {
    before.amount != after.amount
        || before.named_revenue != after.named_revenue
        || before.named_payout != after.named_payout
}

/// In a goal that adds: the sum of what each txid named last.
fn total(history: &History, frame: &Frame<'_>, amount: Money) -> Result<Money, Rejection> {
    let too_large = || Rejection::new(Reason::BadAmount, "amount", "the amounts are too large together");
    let of_key = |change: &&Change| change.txid == frame.txid && change.event == frame.event;
    let last = history.changes.iter().rev().filter(of_key).find_map(|change| change.named.amount);
    let before = history.conversion.amount.unwrap_or(Money::zero(amount.currency));
    if before.currency != amount.currency {
        return Err(Rejection::new(
            Reason::BadCurrency,
            "currency",
            "amounts of one conversion are added in one currency",
        ));
    }
    let rest = before.micros.checked_sub(last.map_or(0, |last| last.micros)).ok_or_else(too_large)?;
    let micros = rest.checked_add(amount.micros).ok_or_else(too_large)?;
    Ok(Money { micros, currency: amount.currency })
}

/// The status that follows from the one named; what is not named, or not the sender's to say, changes nothing.
fn next_status(goal: &Goal, before: Status, named: Option<Status>, newer: bool) -> Result<Status, Rejection> {
    let Some(named) = named.filter(|named| *named != before) else {
        return Ok(before);
    };
    let in_favour = matches!(named, Status::Approved | Status::Pending);
    let ours_to_say = matches!(goal.approval, Approval::Manual | Approval::After(_));
    if in_favour && ours_to_say {
        return Ok(before);
    }
    if may_change(before, named, newer) {
        return Ok(named);
    }
    let message = format!("from {} to {} is no step a conversion takes", before.code(), named.code());
    let next = Status::ALL.into_iter().filter(|next| may_change(before, *next, newer)).map(Status::code);
    let next = next.collect::<Vec<_>>().join(", ");
    let expected = if next.is_empty() {
        "no other status without a newer time".into()
    } else {
        format!("one of: {next}")
    };
    Err(Rejection::new(Reason::InvalidTransition, "status", message).expected(expected))
}

/// Whether a conversion has been told the same before, or stood where the postback would bring it.
pub fn had(frame: &Frame<'_>, history: &History, goal: &Goal) -> bool {
    let adds = goal.duplicates == Duplicates::Add;
    history.changes.iter().any(|change| {
        let same_key = change.txid == frame.txid;
        (same_key || !adds) && change.event == frame.event && change.covers(&frame.named, !adds)
    })
}
