//! An event that a goal counts: which conversion it belongs to, and how a new one begins.

use super::book::{book, label};
use super::change::{change, had};
use super::frame::{Frame, behind_waiting, event_time, key_of, taken, txid_conflict};
use super::{History, Known, Ruling, Wait, fraud, gates};
use crate::conversion::Conversion;
use crate::outcome::{Reason, Status};
use crate::postback::{Check, Reading, Rejection};
use crate::program::{Approval, Duplicates, Goal};
use crate::time::Timestamp;

pub fn judge(
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
                known_before(frame, reading, known, history, goal, Reason::DuplicateInWindow, checks)
            }
            None => create(frame, reading, known, goal, None, checks),
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
        return known_before(frame, reading, known, history, goal, Reason::Duplicate, checks);
    }
    if frame.named.status == Some(Status::Reversed) {
        return Ok(await_original(frame, txid, checks));
    }
    if let Some(history) = unconfirmed(frame, reading, known) {
        return create(frame, reading, known, goal, Some(&history.conversion), checks);
    }
    let fits = |history: &&History| {
        history.conversion.event == frame.event && same_subscription(frame, &history.conversion)
    };
    let earlier = known.of_click.iter().find(fits);
    match (earlier, goal.duplicates) {
        (None, _) | (Some(_), Duplicates::New) => create(frame, reading, known, goal, None, checks),
        (Some(history), Duplicates::Ignore) => {
            let message =
                format!("the click already has {}; the goal counts one", label(&history.conversion));
            checks.push(Check::noted("key", &message));
            Ok(Ruling::new(Reason::DuplicateEvent, message).about(&history.conversion))
        }
        (Some(history), Duplicates::Update | Duplicates::Add) => {
            let seen = format!("the goal brings a further txid to {}", label(&history.conversion));
            checks.push(Check::noted("key", seen));
            known_before(frame, reading, known, history, goal, Reason::Duplicate, checks)
        }
    }
}

/// A conversion that is there already: confirmed, changed, or merely repeated. A pixel does none of the first two.
fn known_before(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    history: &History,
    goal: &Goal,
    repeat: Reason,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    if reading.is_pixel() {
        checks.push(Check::noted("pixel", "a pixel changes nothing that is known"));
        let message = format!("nothing new about {}", label(&history.conversion));
        return Ok(Ruling::new(repeat, message).about(&history.conversion));
    }
    if history.conversion.held == Some(Reason::PixelUnconfirmed) {
        return create(frame, reading, known, goal, Some(&history.conversion), checks);
    }
    change(frame, history, goal, repeat, checks)
}

/// A pixel's conversion of the same click and event that has no txid yet, for the server's to confirm.
fn unconfirmed<'a>(frame: &Frame<'_>, reading: &Reading, known: &'a Known) -> Option<&'a History> {
    let fits = |history: &&History| {
        let conversion = &history.conversion;
        conversion.held == Some(Reason::PixelUnconfirmed)
            && conversion.event == frame.event
            && conversion.txid.is_none()
            && in_reach(frame, reading, conversion)
    };
    known.of_click.iter().find(fits).filter(|_| !reading.is_pixel())
}

fn in_reach(frame: &Frame<'_>, reading: &Reading, conversion: &Conversion) -> bool {
    let time = event_time(&frame.named, frame.click, reading.at);
    let other = conversion.event_at;
    time.since(other).max(other.since(time)) <= frame.offer.dedupe_window
}

/// Two subscriptions of one click are two things, even without txids.
fn same_subscription(frame: &Frame<'_>, conversion: &Conversion) -> bool {
    let either = frame.subscription.as_ref().zip(conversion.subscription.as_ref());
    either.is_none_or(|(named, known)| named == known)
}

/// The conversion of the same click and event within the window that stands in for a txid: one that has seen
/// the same before, else the newest without a txid, else the newest.
fn in_window<'a>(frame: &Frame<'_>, reading: &Reading, known: &'a Known, goal: &Goal) -> Option<&'a History> {
    let fits = |history: &&History| {
        let conversion = &history.conversion;
        conversion.event == frame.event
            && in_reach(frame, reading, conversion)
            && same_subscription(frame, conversion)
    };
    let candidates = || known.of_click.iter().filter(fits);
    let same = candidates().find(|history| had(frame, history, goal));
    let without_txid = || candidates().find(|history| history.conversion.txid.is_none());
    same.or_else(without_txid).or_else(|| candidates().next())
}

/// A conversion that was not known before, or only by a pixel: then all of it is decided anew, by the server's
/// word alone.
fn create(
    frame: &Frame<'_>,
    reading: &Reading,
    known: &Known,
    goal: &Goal,
    by_pixel: Option<&Conversion>,
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    checks.push(Check::passed(
        "key",
        match (by_pixel, &frame.txid) {
            (Some(_), _) => format!("it confirms the {} that a pixel reported", frame.event),
            (None, Some(txid)) => format!("{} {txid} is new", frame.event),
            (None, None) => format!(
                "no txid, and no other {} of this click in the last {}",
                frame.event, frame.offer.dedupe_window
            ),
        },
    ));
    let event_at = event_time(&frame.named, frame.click, reading.at);
    judge_window(frame, known, event_at, checks)?;
    let status = first_status(goal.approval, frame.named.status)?;
    let held = if reading.is_pixel() {
        checks.push(Check::held("pixel", "a browser said so; it waits for a server to confirm it"));
        Some(Reason::PixelUnconfirmed)
    } else {
        gates::judge(frame, reading, known, goal, event_at, checks)?
    };
    let first = || frame.postback_id.derive(reading.at, "conversion", 0);
    let after = Conversion {
        id: by_pixel.map_or_else(first, |conversion| conversion.id),
        at: by_pixel.map_or(reading.at, |conversion| conversion.at),
        event_at,
        advertiser: frame.click.advertiser.clone(),
        offer: frame.offer.id.clone(),
        event: goal.event.clone(),
        partner: frame.click.partner.clone(),
        link: frame.click.link.clone(),
        click_id: frame.click.id,
        txid: frame.txid.clone().or_else(|| by_pixel.and_then(|conversion| conversion.txid.clone())),
        // A browser's word ties no subscription to its click: later payments would follow it.
        subscription: frame.subscription.clone().filter(|_| !reading.is_pixel()),
        day: frame.snapshot.program.timezone.day(reading.at),
        status,
        held,
        amount: frame.named.amount,
        named_revenue: frame.named.revenue,
        named_payout: frame.named.payout,
        commission: None,
        revenue: None,
        refunded_micros: 0,
        earned: false,
        test: frame.test,
        reviewed: false,
        deal: None,
        approve_at: None,
        adjusted: None,
        changed_at: event_at,
        revision: frame.snapshot.revision,
    };
    checks.push(Check::passed(
        "approval",
        format!("{} by the goal's rule {}", status.code(), describe(goal.approval)),
    ));
    let mut ruling = book(frame, by_pixel, after, goal, Reason::Ok, checks)?;
    if !reading.is_pixel() && !frame.test {
        ruling.effects.subjects = fraud::subjects(&frame.snapshot.program, frame.click, &goal.event);
    }
    Ok(ruling)
}

fn judge_window(
    frame: &Frame<'_>,
    known: &Known,
    event_at: Timestamp,
    checks: &mut Vec<Check>,
) -> Result<(), Rejection> {
    let by_pixel = |history: &History| history.conversion.held == Some(Reason::PixelUnconfirmed);
    let Some(window) = frame.offer.window.filter(|_| known.of_click.iter().all(by_pixel)) else {
        return Ok(());
    };
    let age = event_at.since(frame.click.at);
    if age > window {
        let message = format!("the event came {} after the click; {window} are allowed", age.rough());
        let expected = format!("an event at most {window} after its click");
        return Err(Rejection::new(Reason::OutsideWindow, "timestamp", message).expected(expected));
    }
    checks.push(Check::passed("window", format!("{} after the click, of {window}", age.rough())));
    Ok(())
}

/// The status that a new conversion has.
pub fn first_status(approval: Approval, named: Option<Status>) -> Result<Status, Rejection> {
    match named {
        Some(Status::Rejected) => Ok(Status::Rejected),
        Some(Status::Reversed) => {
            let message = "there is no such conversion to reverse";
            Err(Rejection::new(Reason::NothingToReverse, "status", message))
        }
        Some(Status::Pending) => Ok(Status::Pending),
        Some(Status::Approved) | None => Ok(match (approval, named) {
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

fn describe(approval: Approval) -> String {
    match approval {
        Approval::Auto => "auto".into(),
        Approval::Postback => "postback".into(),
        Approval::Manual => "manual".into(),
        Approval::After(span) => format!("after {span}"),
    }
}
