//! The checks of a postback that need the past, in their order: click, event, status, amounts, key, window.

use std::borrow::Cow;

use super::book::{book, label, may_change};
use super::claim::{Event, read_event, read_named};
use super::frame::{Frame, behind_waiting, event_time, key_of, taken, txid_conflict};
use super::{Effects, History, Key, Known, Ruling, Wait, reverse};
use crate::click::Click;
use crate::conversion::Conversion;
use crate::id::PostbackId;
use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::postback::{Check, ClickSeen, Reading, Rejection};
use crate::program::{Advertiser, Approval, Duplicates, Goal, Snapshot};
use crate::time::Timestamp;

pub fn judge(
    reading: &Reading,
    known: &Known,
    snapshot: &Snapshot,
    id: PostbackId,
    now: Timestamp,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    let unknown_advertiser =
        || Rejection::new(Reason::UnknownAdvertiser, "", "the advertiser is not in the program");
    let advertiser = reading.advertiser.as_ref().and_then(|id| snapshot.program.advertisers.get(id));
    let advertiser = advertiser.ok_or_else(unknown_advertiser)?;
    let Some(click) = find_click(reading, known, advertiser, snapshot, checks)? else {
        return await_click(reading, known, advertiser, snapshot, checks);
    };
    let offer = snapshot.program.offers.get(&click.offer).ok_or_else(|| {
        Rejection::new(
            Reason::UnknownEvent,
            "event_type",
            format!("the offer {} is no longer in the program", click.offer),
        )
    })?;
    let event = read_event(reading, advertiser, offer, checks)?;
    let named = read_named(reading, advertiser, &snapshot.program, checks)?;
    let txid = judge_txid(reading, "txid")?;
    judge_txid(reading, "original_txid")?;
    let test = click.details.test || reading.is_test();
    let known = &*of_one_kind(known, test);
    let frame = |event: Name| Frame {
        postback_id: id,
        now,
        snapshot,
        click,
        offer,
        event,
        txid: txid.map(str::to_owned),
        named: named.clone(),
        test,
    };
    match event {
        Event::Goal(goal) => judge_goal(&frame(goal.event.clone()), reading, known, goal, checks),
        Event::Reversal(event) => reverse::judge(&frame(event), reading, known, checks),
    }
}

/// The click that a postback is about; `None` when its id is genuine and it is not in the store yet.
fn find_click<'a>(
    reading: &Reading,
    known: &'a Known,
    advertiser: &Advertiser,
    snapshot: &Snapshot,
    checks: &mut Vec<Check>,
) -> Result<Option<&'a Click>, Rejection> {
    let foreign = || {
        Rejection::new(Reason::UnknownClickId, "click_id", "this is no click id of ours")
            .advise("Send back the click id that stood in the address of the landing page.")
    };
    match &reading.click {
        ClickSeen::Bad(rejection) => Err(rejection.clone()),
        ClickSeen::Absent(rejection) => {
            let click = known.click.as_ref().ok_or_else(|| rejection.clone())?;
            checks.push(Check::passed(
                "click_id",
                format!("none came; the known txid stands for click {}", click.id),
            ));
            Ok(Some(click))
        }
        ClickSeen::Genuine { id, repaired } => {
            if let Some(repaired) = repaired {
                checks.push(Check::noted("click_id", format!("accepted, although {repaired}")));
            }
            let Some(click) = known.click.as_ref().filter(|click| click.id == *id) else {
                let link = snapshot.link(id.prefix().link);
                let owner = link.and_then(|link| snapshot.program.advertiser_of(link));
                return if owner.is_some_and(|owner| owner.id != advertiser.id) {
                    Err(foreign())
                } else {
                    Ok(None)
                };
            };
            if click.advertiser != advertiser.id {
                return Err(foreign());
            }
            let seen = format!(
                "{id}: a click of {} on {} to {} at {}",
                click.partner, click.link, click.offer, click.at
            );
            checks.push(Check::passed("click_id", seen));
            Ok(Some(click))
        }
    }
}

/// The id is genuine and the click still on its way: everything else is checked, then it waits.
fn await_click(
    reading: &Reading,
    known: &Known,
    advertiser: &Advertiser,
    snapshot: &Snapshot,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    let Some(id) = reading.click_id() else {
        return Err(Rejection::new(Reason::MissingClickId, "click_id", "no click id came"));
    };
    let only_offer = snapshot.link(id.prefix().link).and_then(|link| match link.routes.as_slice() {
        [only] => snapshot.program.offers.get(&only.offer),
        _ => None,
    });
    let event = match only_offer {
        Some(offer) => match read_event(reading, advertiser, offer, checks)? {
            Event::Goal(goal) => Some(goal.event.clone()),
            Event::Reversal(event) => Some(event),
        },
        None => None,
    };
    read_named(reading, advertiser, &snapshot.program, checks)?;
    let txid = judge_txid(reading, "txid")?;
    judge_txid(reading, "original_txid")?;
    let key = event.zip(txid).map(|(event, txid)| Key { event, txid: key_of(txid, reading.is_test()) });
    if let Some(taken) = key.as_ref().and_then(|key| taken(&known.under_txid, &key.event)) {
        return behind_waiting(taken, id, reading, (Reason::AwaitingClick, Some(Wait::Click(id))), checks);
    }
    checks.push(Check::held("click_id", format!("{id} is genuine; its click is not in the store yet")));
    let mut ruling = Ruling::new(Reason::AwaitingClick, "recorded; decided when its click has arrived");
    ruling.effects = Effects { key, wait: Some(Wait::Click(id)), ..Effects::default() };
    Ok(ruling)
}

const TXID_CHARS_MAX: usize = 200;

fn judge_txid<'a>(reading: &'a Reading, field: &str) -> Result<Option<&'a str>, Rejection> {
    let Some(txid) = reading.field(field).map(str::trim).filter(|txid| !txid.is_empty()) else {
        return Ok(None);
    };
    if let Some(found) = crate::postback::find_placeholder(txid) {
        let message = format!("{found} was never replaced by a transaction id");
        let advice = format!("Replace {found} by the macro of your platform that holds the transaction id.");
        return Err(Rejection::new(Reason::UnexpandedMacro, field, message).advise(advice));
    }
    if txid.chars().count() > TXID_CHARS_MAX {
        let message = format!("a transaction id has at most {TXID_CHARS_MAX} characters");
        return Err(Rejection::new(Reason::MalformedRequest, field, message));
    }
    Ok(Some(txid))
}

/// The past without the other kind: a test sees tests alone, and a real event no test.
fn of_one_kind(known: &Known, test: bool) -> Cow<'_, Known> {
    let same = |history: &History| history.conversion.test == test;
    if known.of_click.iter().all(same) {
        return Cow::Borrowed(known);
    }
    let mut own = known.clone();
    own.of_click.retain(same);
    Cow::Owned(own)
}

fn judge_goal(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    goal: &Goal,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    let Some(txid) = &frame.txid else {
        return match in_window(frame, reading, known, goal) {
            Some(history) => {
                let seen = format!(
                    "no txid; {} of {} is within the window",
                    label(&history.conversion),
                    history.conversion.at
                );
                checks.push(Check::noted("key", seen));
                change(frame, history, goal, Reason::DuplicateInWindow, checks)
            }
            None => create(frame, reading, known, goal, checks),
        };
    };
    if let Some(keyed) = taken(&known.under_txid, &frame.event) {
        let Some(history) = &keyed.history else {
            let otherwise = (Reason::AwaitingClick, Some(Wait::Click(frame.click.id)));
            return behind_waiting(keyed, frame.click.id, reading, otherwise, checks);
        };
        if history.conversion.click_id != frame.click.id {
            return Err(txid_conflict());
        }
        checks.push(Check::passed("key", format!("{} is known", label(&history.conversion))));
        return change(frame, history, goal, Reason::Duplicate, checks);
    }
    if frame.named.status == Some(Status::Reversed) {
        return Ok(await_original(frame, txid, checks));
    }
    let earlier = known.of_click.iter().find(|history| history.conversion.event == frame.event);
    match (earlier, goal.duplicates) {
        (None, _) | (Some(_), Duplicates::New) => create(frame, reading, known, goal, checks),
        (Some(history), Duplicates::Ignore) => {
            let message =
                format!("the click already has {}; the goal counts one", label(&history.conversion));
            checks.push(Check::noted("key", &message));
            Ok(Ruling::new(Reason::DuplicateEvent, message).about(&history.conversion))
        }
        (Some(history), Duplicates::Update | Duplicates::Add) => {
            let seen = format!("the goal brings a further txid to {}", label(&history.conversion));
            checks.push(Check::noted("key", seen));
            change(frame, history, goal, Reason::Duplicate, checks)
        }
    }
}

/// The conversion of the same click and event within the window that stands in for a txid: one that has seen
/// the same before, else the newest without a txid, else the newest.
fn in_window<'a>(frame: &Frame<'_>, reading: &Reading, known: &'a Known, goal: &Goal) -> Option<&'a History> {
    let time = event_time(&frame.named, frame.click, reading.at);
    let near = |other: Timestamp| time.since(other).max(other.since(time)) <= frame.offer.dedupe_window;
    let fits =
        |history: &&History| history.conversion.event == frame.event && near(history.conversion.event_at);
    let candidates = || known.of_click.iter().filter(fits);
    let same = candidates().find(|history| had(frame, history, goal));
    let without_txid = || candidates().find(|history| history.conversion.txid.is_none());
    same.or_else(without_txid).or_else(|| candidates().next())
}

/// Whether a conversion has been told the same before, or stood where the postback would bring it.
fn had(frame: &Frame<'_>, history: &History, goal: &Goal) -> bool {
    let adds = goal.duplicates == Duplicates::Add;
    history.changes.iter().any(|change| {
        let same_key = change.txid == frame.txid;
        (same_key || !adds) && change.event == frame.event && change.covers(&frame.named, !adds)
    })
}

/// A conversion that was not known before.
fn create(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    goal: &Goal,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    checks.push(Check::passed(
        "key",
        match &frame.txid {
            Some(txid) => format!("{} {txid} is new", frame.event),
            None => format!(
                "no txid, and no other {} of this click in the last {}",
                frame.event, frame.offer.dedupe_window
            ),
        },
    ));
    let event_at = event_time(&frame.named, frame.click, reading.at);
    judge_window(frame, known, event_at, checks)?;
    let status = first_status(goal, frame.named.status)?;
    let after = Conversion {
        id: frame.postback_id.derive(reading.at, "conversion", 0),
        at: reading.at,
        event_at,
        advertiser: frame.click.advertiser.clone(),
        offer: frame.offer.id.clone(),
        event: goal.event.clone(),
        partner: frame.click.partner.clone(),
        link: frame.click.link.clone(),
        click_id: frame.click.id,
        txid: frame.txid.clone(),
        status,
        held: None,
        amount: frame.named.amount,
        named_revenue: frame.named.revenue,
        named_payout: frame.named.payout,
        commission: None,
        revenue: None,
        refunded_micros: 0,
        earned: false,
        test: frame.test,
        changed_at: event_at,
        revision: frame.snapshot.revision,
    };
    checks.push(Check::passed(
        "approval",
        format!("{} by the goal's rule {}", status.code(), describe(goal.approval)),
    ));
    book(frame, None, after, goal, Reason::Ok, checks)
}

fn judge_window(
    frame: &Frame<'_>,
    known: &Known,
    event_at: Timestamp,
    checks: &mut Vec<Check>,
) -> Result<(), Rejection> {
    let Some(window) = frame.offer.window.filter(|_| known.of_click.is_empty()) else {
        return Ok(());
    };
    let age = event_at.since(frame.click.at);
    if age > window {
        let message = format!("the event came {age} after the click; {window} are allowed");
        return Err(Rejection::new(Reason::OutsideWindow, "timestamp", message));
    }
    checks.push(Check::passed("window", format!("{age} after the click, of {window}")));
    Ok(())
}

fn first_status(goal: &Goal, named: Option<Status>) -> Result<Status, Rejection> {
    match named {
        Some(Status::Rejected) => Ok(Status::Rejected),
        Some(Status::Reversed) => {
            let message = "there is no such conversion to reverse";
            Err(Rejection::new(Reason::NothingToReverse, "status", message))
        }
        Some(Status::Pending) => Ok(Status::Pending),
        Some(Status::Approved) | None => Ok(match (goal.approval, named) {
            (Approval::Auto, _) | (Approval::Postback, Some(_)) => Status::Approved,
            (Approval::Postback, None) | (Approval::Manual | Approval::After(_), _) => Status::Pending,
        }),
    }
}

/// A status of `reversed` that overtook its conversion. The key stays free for that one.
fn await_original(frame: &Frame<'_>, txid: &str, checks: &mut Vec<Check>) -> Ruling {
    let message = "recorded; applied when the conversion that it reverses arrives";
    checks.push(Check::held("original", message));
    let mut ruling = Ruling::new(Reason::AwaitingOriginal, message);
    ruling.effects.wait = Some(Wait::Original { txid: key_of(txid, frame.test) });
    ruling
}

/// A known conversion, and what the postback says about it now.
fn change(
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
    after.changed_at = event_time(named, frame.click, frame.now).max(before.changed_at);
    let new_key = taken_by_other_key(frame, history);
    if after.status == before.status && !money_changed(before, &after) && !new_key {
        checks.push(Check::noted("repeat", "it changes nothing"));
        return Ok(Ruling::new(repeat, format!("nothing new about {}", label(before))).about(before));
    }
    let reason = match after.status {
        same if same == before.status => Reason::AmountChanged,
        Status::Reversed => Reason::Reversed,
        Status::Pending | Status::Approved | Status::Rejected => Reason::StatusChanged,
    };
    checks.push(Check::passed("transition", format!("{} to {}", before.status.code(), after.status.code())));
    book(frame, Some(before), after, goal, reason, checks)
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
fn total(
    history: &History,
    frame: &Frame<'_>,
    amount: crate::money::Money,
) -> Result<crate::money::Money, Rejection> {
    let too_large = || Rejection::new(Reason::BadAmount, "amount", "the amounts are too large together");
    let of_key =
        |change: &&crate::conversion::Change| change.txid == frame.txid && change.event == frame.event;
    let last = history.changes.iter().rev().filter(of_key).find_map(|change| change.named.amount);
    let before = history.conversion.amount.unwrap_or(crate::money::Money::zero(amount.currency));
    if before.currency != amount.currency {
        return Err(Rejection::new(
            Reason::BadCurrency,
            "currency",
            "amounts of one conversion are added in one currency",
        ));
    }
    let rest = before.micros.checked_sub(last.map_or(0, |last| last.micros)).ok_or_else(too_large)?;
    let micros = rest.checked_add(amount.micros).ok_or_else(too_large)?;
    Ok(crate::money::Money { micros, currency: amount.currency })
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
    Err(Rejection::new(Reason::InvalidTransition, "status", message)
        .advise("Send a timestamp later than the last change, if this really is the newest state."))
}

fn describe(approval: Approval) -> String {
    match approval {
        Approval::Auto => "auto".into(),
        Approval::Postback => "postback".into(),
        Approval::Manual => "manual".into(),
        Approval::After(span) => format!("after {span}"),
    }
}
