//! Refunds and chargebacks: which conversion they take back, and how much of it.

use std::collections::BTreeMap;

use super::book::{book, label, may_change};
use super::frame::{Frame, behind_waiting, event_time, key_of, taken, txid_conflict};
use super::{Effects, History, Key, Keyed, Known, REVERSALS, Ruling, Wait};
use crate::click_id::ClickId;
use crate::conversion::{Change, Conversion, Named};
use crate::id::ConversionId;
use crate::money::Money;
use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::postback::{Check, Reading, Rejection};
use crate::program::Duplicates;
use crate::time::Timestamp;

pub fn judge(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    let original = reading.field("original_txid").map(str::trim).filter(|txid| !txid.is_empty());
    let under_own = if frame.txid.is_some() { &known.under_txid } else { &known.under_original };
    // A refund without an id of its own is known by the one it names.
    let own = frame.txid.as_deref().or(original).map(str::to_owned);
    let frame = &Frame {
        txid: own,
        event: frame.event.clone(),
        named: Named { original: original.map(str::to_owned), ..frame.named.clone() },
        subscription: frame.subscription.clone(),
        said: frame.said.clone(),
        rate: String::new(),
        ..*frame
    };
    if frame.txid.is_none() {
        if let Some(keyed) = taken(&known.under_click, &frame.event) {
            return behind_waiting(keyed, frame.click.id, reading, (Reason::AmbiguousOriginal, None), checks);
        }
        if let Some(ruling) = repeat_in_window(frame, reading, known, checks) {
            return Ok(ruling);
        }
    } else if let Some(keyed) = taken(under_own, &frame.event) {
        return repeat(frame, reading, keyed, original, checks);
    }
    let chosen = reading.chosen.and_then(|id| of_id(known, id));
    let found = chosen.map_or_else(|| find(frame, known, original), |history| Ok(Found::One(history)))?;
    let history = match found {
        Found::One(history) => history,
        Found::Waits(reason, message) => return Ok(wait(frame, reason, message, original, checks)),
    };
    if history.conversion.click_id != frame.click.id {
        return Err(Rejection::new(
            Reason::TxidConflict,
            "original_txid",
            "the original belongs to another click",
        )
        .expected("the transaction id of a conversion of the same click")
        .advise("Name the original of this click, or send the click id of that one."));
    }
    checks.push(Check::passed("original", format!("it takes back {}", label(&history.conversion))));
    let frame = &match in_its_currency(frame, history, reading.at, checks) {
        Ok(frame) => frame,
        Err(waits) => return Ok(*waits),
    };
    let named = frame.named.amount.map(|amount| amount.micros);
    let left = left_of(frame, history, original.or(frame.txid.as_deref()));
    if left == Some(0) {
        return Ok(taken_back(frame, &history.conversion, checks));
    }
    let micros = named.zip(left).map(|(named, left)| named.min(left)).or(named).or(left);
    apply(frame, history, micros, checks)
}

/// The conversion that a person pointed at, if it is one that could be meant.
fn of_id(known: &Known, id: ConversionId) -> Option<&History> {
    let keyed = known.under_original.iter().chain(&known.under_txid);
    let keyed = keyed.filter_map(|keyed| keyed.history.as_ref());
    keyed.chain(&known.of_subscription).chain(&known.of_click).find(|history| history.conversion.id == id)
}

/// In a goal that adds: what other reversals have left of what this txid had added, its other txids staying.
fn left_of(frame: &Frame<'_>, history: &History, txid: Option<&str>) -> Option<i64> {
    let conversion = &history.conversion;
    let adds = frame.offer.goal(conversion.event.as_str())?.duplicates == Duplicates::Add;
    let txid = txid.filter(|_| adds)?;
    let of_txid = |change: &&Change| change.event == conversion.event && change.txid.as_deref() == Some(txid);
    let last = history.changes.iter().rev().filter(of_txid).find_map(|change| change.named.amount)?;
    // The last word under each key of a reversal stands; one that named no amount has taken all.
    let mut taken: BTreeMap<(&Name, Option<&str>), Option<Money>> = BTreeMap::new();
    for change in history.changes.iter().filter(|change| REVERSALS.contains(&change.event.as_str())) {
        let own = change.txid.as_deref();
        if change.event == frame.event && change.txid == frame.txid {
            continue;
        }
        if change.named.original.as_deref().or(own) == Some(txid) {
            taken.insert((&change.event, own), change.named.amount);
        }
    }
    let parts = taken.values().map(|part| part.map_or(last.micros, |part| part.micros));
    Some(parts.fold(last.micros, i64::saturating_sub).max(0))
}

/// The key of a reversal that waits and names nothing but its click.
pub fn click_key(click: ClickId) -> String {
    format!("click {click}")
}

enum Found<'a> {
    One(&'a History),
    Waits(Reason, &'static str),
}

/// The one conversion that is meant; never a guess between several.
fn find<'a>(frame: &Frame<'_>, known: &'a Known, original: Option<&str>) -> Result<Found<'a>, Rejection> {
    if original.is_some() {
        let named: Vec<&History> = originals(&known.under_original);
        let about_money: Vec<&History> =
            named.iter().copied().filter(|history| history.conversion.is_about_money()).collect();
        return Ok(match (named.as_slice(), about_money.as_slice()) {
            ([only], _) | (_, [only]) => Found::One(only),
            ([], _) => Found::Waits(Reason::AwaitingOriginal, "recorded; applied when the original arrives"),
            (_, _) => {
                Found::Waits(Reason::AmbiguousOriginal, "several conversions carry the original's txid")
            }
        });
    }
    let same_txid: Vec<&History> = originals(&known.under_txid)
        .into_iter()
        .filter(|history| history.conversion.is_about_money())
        .collect();
    match same_txid.as_slice() {
        [only] => return Ok(Found::One(only)),
        [] => {}
        _ => return Ok(Found::Waits(Reason::AmbiguousOriginal, "several conversions carry this txid")),
    }
    let live = |history: &&History| {
        let conversion = &history.conversion;
        conversion.is_about_money() && matches!(conversion.status, Status::Pending | Status::Approved)
    };
    let named: Vec<&History> = known.of_subscription.iter().filter(live).collect();
    if let [only] = named.as_slice() {
        return Ok(Found::One(only));
    }
    let of_click: Vec<&History> = known.of_click.iter().filter(live).collect();
    let candidates = if named.is_empty() { of_click } else { named };
    match candidates.as_slice() {
        [only] => Ok(Found::One(only)),
        [] => Err(Rejection::new(
            Reason::NothingToReverse,
            "original_txid",
            format!("the click has nothing that a {} could take back", frame.event),
        )),
        _ => Ok(Found::Waits(Reason::AmbiguousOriginal, "several conversions of the click could be meant")),
    }
}

/// The conversions under a txid; a key that a reversal took is not one of its own.
fn originals(under: &[Keyed]) -> Vec<&History> {
    let goals = under.iter().filter(|keyed| !REVERSALS.contains(&keyed.event.as_str()));
    goals.filter_map(|keyed| keyed.history.as_ref()).collect()
}

fn wait(
    frame: &Frame<'_>,
    reason: Reason,
    message: &str,
    original: Option<&str>,
    checks: &mut Vec<Check>,
) -> Ruling {
    checks.push(Check::held("original", message));
    let mut ruling = Ruling::new(reason, message);
    // Without any id the click stands in for one, so that a repeat is known while this one waits.
    let by_click =
        || Key { event: frame.event.clone(), txid: key_of(&click_key(frame.click.id), frame.test) };
    let key = Some(frame.key().unwrap_or_else(by_click));
    let awaited = original.filter(|_| reason == Reason::AwaitingOriginal);
    let wait = awaited.map(|txid| Wait::Original { txid: key_of(txid, frame.test) });
    ruling.effects = Effects { key, wait, ..Effects::default() };
    ruling
}

/// The same reversal again, under its own key: a repeat, or another amount for the same part.
fn repeat(
    frame: &Frame<'_>,
    reading: &Reading,
    keyed: &Keyed,
    original: Option<&str>,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    let Some(history) = &keyed.history else {
        let txid = original.or(frame.txid.as_deref()).unwrap_or_default();
        let wait = Wait::Original { txid: key_of(txid, frame.test) };
        let otherwise = (Reason::AwaitingOriginal, Some(wait));
        return behind_waiting(keyed, frame.click.id, reading, otherwise, checks);
    };
    if history.conversion.click_id != frame.click.id {
        return Err(txid_conflict());
    }
    let ours = |change: &&Change| change.event == frame.event && change.txid == frame.txid;
    let mut earlier = history.changes.iter().filter(ours).peekable();
    // As it was sent: by today's rate a repeat would be another amount.
    let said_before =
        earlier.peek().is_none() || earlier.clone().any(|change| change.covers(&frame.named, false));
    if said_before {
        checks.push(Check::noted("repeat", "this reversal was recorded before"));
        return Ok(Ruling::new(
            Reason::Duplicate,
            format!("nothing new about {}", label(&history.conversion)),
        )
        .about(&history.conversion));
    }
    let frame = &match in_its_currency(frame, history, reading.at, checks) {
        Ok(frame) => frame,
        Err(waits) => return Ok(*waits),
    };
    // Another amount under the same key replaces the part that it named before.
    let last = earlier.next_back().and_then(|change| change.named.amount).map(|amount| amount.micros);
    let left = left_of(frame, history, original.or(frame.txid.as_deref()));
    let within = |micros: i64| left.map_or(micros, |left| micros.min(left));
    let before = within(last.or(left).unwrap_or(0));
    let micros = frame.named.amount.and_then(|amount| within(amount.micros).checked_sub(before));
    apply(frame, history, micros, checks)
}

/// A part that was named in another currency than the original's, by the rate of the reversal's own day; without one
/// it waits.
fn in_its_currency<'a>(
    frame: &Frame<'a>,
    history: &History,
    arrived: Timestamp,
    checks: &mut Vec<Check>,
) -> Result<Frame<'a>, Box<Ruling>> {
    let mut ours = frame.clone();
    let (Some(part), Some(value)) = (frame.named.amount, history.conversion.value()) else {
        return Ok(ours);
    };
    // However long it waited for its original or for a rate.
    let day = frame.snapshot.program.timezone.day(event_time(&frame.named, frame.click, arrived));
    match frame.snapshot.convert(part, value.currency, day) {
        Ok(converted) => {
            if !converted.rate.is_empty() {
                let seen = format!("{part} = {} by {}", converted.money, converted.rate);
                checks.push(Check::noted("amounts", seen));
                ours.named.sent = Some(part);
            }
            ours.named.amount = Some(converted.money);
            ours.rate = converted.rate;
            Ok(ours)
        }
        Err(missing) => {
            checks.push(Check::held("amounts", missing.to_string()));
            let mut ruling =
                wait(frame, Reason::RateMissing, "recorded; waits for an exchange rate", None, checks);
            let known = |change: &Change| change.event == frame.event && change.txid == frame.txid;
            if history.changes.iter().any(known) {
                // The key is the conversion's already.
                ruling.effects.key = None;
            }
            Err(Box::new(ruling))
        }
    }
}

/// A reversal without any id, told apart from its repeat by the window alone.
fn repeat_in_window(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    checks: &mut Vec<Check>,
) -> Option<Ruling> {
    let time = event_time(&frame.named, frame.click, reading.at);
    let near = |other: Timestamp| time.since(other).max(other.since(time)) <= frame.offer.dedupe_window;
    let found = known.of_click.iter().find(|history| {
        let changes = &history.changes;
        changes.iter().any(|change| {
            change.event == frame.event && near(change.at) && change.covers(&frame.named, false)
        })
    })?;
    checks.push(Check::noted("repeat", "no txid; the same reversal was recorded within the window"));
    Some(
        Ruling::new(Reason::DuplicateInWindow, format!("nothing new about {}", label(&found.conversion)))
            .about(&found.conversion),
    )
}

/// Takes back `micros` of a conversion, or all of it.
fn apply(
    frame: &Frame<'_>,
    history: &History,
    micros: Option<i64>,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    let before = &history.conversion;
    let Some(goal) = frame.offer.goal(before.event.as_str()) else {
        return Err(Rejection::new(
            Reason::UnknownEvent,
            "event_type",
            "the original's goal is no longer in the program",
        )
        .advise("Ask the operator whether this event is still counted."));
    };
    let mut after = before.clone();
    after.changed_at = event_time(&frame.named, frame.click, frame.now).max(before.changed_at);
    match partial(before, micros) {
        Some(refunded) if before.status != Status::Reversed => {
            if !matches!(before.status, Status::Pending | Status::Approved) {
                return Err(nothing_left(frame, before));
            }
            after.refunded_micros = refunded;
            checks.push(Check::passed("transition", "a part of it; the status stays"));
            book(frame, Some(before), after, goal, Reason::AmountChanged, checks)
        }
        Some(_) | None if before.status == Status::Reversed => Ok(taken_back(frame, before, checks)),
        Some(_) | None => {
            if !may_change(before.status, Status::Reversed, false) {
                return Err(nothing_left(frame, before));
            }
            after.status = Status::Reversed;
            checks.push(Check::passed("transition", format!("{} to reversed", before.status.code())));
            book(frame, Some(before), after, goal, Reason::Reversed, checks)
        }
    }
}

/// There is nothing more to take back: a repeat, whose key is taken all the same.
fn taken_back(frame: &Frame<'_>, before: &Conversion, checks: &mut Vec<Check>) -> Ruling {
    checks.push(Check::noted("repeat", "what it names is reversed already"));
    let message = format!("{} is reversed already", label(before));
    let mut ruling = Ruling::new(Reason::Duplicate, message).about(before);
    ruling.effects.key = frame.key();
    ruling
}

fn nothing_left(frame: &Frame<'_>, before: &Conversion) -> Rejection {
    let message = format!(
        "{} is {}: there is nothing for a {} to take back",
        label(before),
        before.status.code(),
        frame.event
    );
    Rejection::new(Reason::NothingToReverse, "original_txid", message)
}

/// The sum of all parts taken back so far and now; `None` when nothing of the original is left.
fn partial(before: &Conversion, micros: Option<i64>) -> Option<i64> {
    let value = before.value()?;
    let sum = before.refunded_micros.checked_add(micros?)?;
    (0 <= sum && sum < value.micros).then_some(sum)
}
