//! The checks of a postback that need the past, in their order: click, event, status, amounts, key, window.

use std::borrow::Cow;

use super::claim::{Event, read_event, read_named};
use super::frame::{Frame, behind_waiting, key_of, taken};
use super::{Effects, History, Key, Known, Ruling, Wait, goal, reverse};
use crate::click::Click;
use crate::conversion::Named;
use crate::id::PostbackId;
use crate::name::Name;
use crate::outcome::Reason;
use crate::postback::{Check, ClickSeen, Reading, Rejection};
use crate::program::{Advertiser, Snapshot};
use crate::time::{Span, Timestamp};

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
        .advise("Ask the operator whether this offer still runs.")
    })?;
    let event = read_event(reading, advertiser, offer, checks)?;
    let named = read_named(reading, advertiser, &snapshot.program, checks)?;
    note_time(&named, click, reading.at, checks);
    let txid = judge_txid(reading, "txid")?;
    judge_txid(reading, "original_txid")?;
    let subscription = judge_txid(reading, "subscription_id")?;
    note_subscription(subscription, click, known, checks);
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
        subscription: subscription.map(str::to_owned),
        named: named.clone(),
        test,
        reviewed: reading.reviewed,
        said: None,
        rate: String::new(),
        answers: &known.answers,
    };
    match event {
        Event::Goal(goal) => goal::judge(&frame(goal.event.clone()), reading, known, goal, checks),
        Event::Reversal(event) if reading.is_pixel() => {
            let message = format!("a pixel cannot take anything back: {event} is for a server to say");
            Err(Rejection::new(Reason::UnknownEvent, "event_type", message)
                .advise("Send it from your server to the postback address."))
        }
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
    let foreign = || Rejection::new(Reason::UnknownClickId, "click_id", "this is no click id of ours");
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
    judge_txid(reading, "subscription_id")?;
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
        let expected = format!("an id of at most {TXID_CHARS_MAX} characters");
        return Err(Rejection::new(Reason::MalformedRequest, field, message)
            .expected(expected)
            .advise("Send your id of this event alone, without other data."));
    }
    Ok(Some(txid))
}

/// Reported later than this after it happened, an event is worth a note.
const LATE: Span = Span::from_seconds(3_600);

/// Says how the time that the sender names stands to the click and the arrival.
fn note_time(named: &Named, click: &Click, arrived: Timestamp, checks: &mut Vec<Check>) {
    let Some(time) = named.timestamp else {
        return;
    };
    let late = arrived.since(time);
    if time < click.at {
        checks
            .push(Check::noted("time", format!("{} lies before the click; the arrival counts", time.iso())));
    } else if arrived < time {
        checks.push(Check::noted("time", format!("{} lies ahead; the arrival counts", time.iso())));
    } else if LATE < late {
        checks.push(Check::noted("time", format!("it was reported {} after it happened", late.rough())));
    } else {
        checks.push(Check::passed("time", time.iso()));
    }
}

/// Says what a subscription named here is known for; what it says decides nothing.
fn note_subscription(named: Option<&str>, click: &Click, known: &Known, checks: &mut Vec<Check>) {
    let (Some(named), Some(last)) = (named, known.of_subscription.first()) else {
        return;
    };
    let count = known.of_subscription.len();
    let seen = format!("{named}: {count} events so far, the last one {}", last.conversion.event);
    checks.push(Check::passed("subscription", seen));
    if last.conversion.click_id != click.id {
        let seen =
            format!("{named} began with click {}; the click named here counts", last.conversion.click_id);
        checks.push(Check::noted("subscription", seen));
    }
}

/// The past without the other kind: a test sees tests alone, and a real event no test.
fn of_one_kind(known: &Known, test: bool) -> Cow<'_, Known> {
    let same = |history: &History| history.conversion.test == test;
    if known.of_click.iter().all(same) && known.of_subscription.iter().all(same) {
        return Cow::Borrowed(known);
    }
    let mut own = known.clone();
    own.of_click.retain(same);
    own.of_subscription.retain(same);
    Cow::Owned(own)
}
