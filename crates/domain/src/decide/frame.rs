//! What the judgements of one postback share: its frame, its keys, its time.

use super::{Keyed, Ruling};
use crate::click::Click;
use crate::click_id::ClickId;
use crate::conversion::Named;
use crate::id::PostbackId;
use crate::name::Name;
use crate::outcome::Reason;
use crate::postback::{Check, Rejection};
use crate::program::{Offer, Snapshot};
use crate::time::Timestamp;

/// The frame in which one postback is booked.
pub struct Frame<'a> {
    pub postback_id: PostbackId,
    pub now: Timestamp,
    pub snapshot: &'a Snapshot,
    pub click: &'a Click,
    pub offer: &'a Offer,
    /// The event of the postback: the goal's, `refund` or `chargeback`.
    pub event: Name,
    /// The key that it takes.
    pub txid: Option<String>,
    pub named: Named,
}

pub fn taken<'a>(under: &'a [Keyed], event: &Name) -> Option<&'a Keyed> {
    under.iter().find(|keyed| keyed.event == *event)
}

/// The same as a postback that still waits, unless that one speaks of another click.
pub fn already_waiting(keyed: &Keyed, click: ClickId, checks: &mut Vec<Check>) -> Result<Ruling, Rejection> {
    if keyed.click_id != Some(click) {
        return Err(txid_conflict());
    }
    let message = format!("the same as postback {}, which still waits", keyed.postback_id);
    checks.push(Check::noted("key", &message));
    Ok(Ruling::new(Reason::Duplicate, message))
}

pub fn txid_conflict() -> Rejection {
    Rejection::new(Reason::TxidConflict, "txid", "this txid was already used for another click")
        .advise("Give every conversion a transaction id of its own.")
}

/// The time of the event: the sender's where it lies between the click and the arrival.
pub fn event_time(named: &Named, click: &Click, arrived: Timestamp) -> Timestamp {
    named.timestamp.filter(|time| click.at <= *time && *time <= arrived).unwrap_or(arrived)
}
