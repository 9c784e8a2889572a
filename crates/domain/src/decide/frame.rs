//! What the judgements of one postback share: its frame, its keys, its time.

use std::collections::BTreeSet;

use super::agree::Subject;
use super::{History, Key, Keyed, Ruling, Wait};
use crate::click::Click;
use crate::click_id::ClickId;
use crate::conversion::{Conversion, Named};
use crate::deal::Deal;
use crate::id::PostbackId;
use crate::name::Name;
use crate::outcome::Reason;
use crate::past::Answers;
use crate::postback::{Check, ClickSeen, Reading, Rejection};
use crate::program::{Goal, Offer, Snapshot};
use crate::time::Timestamp;

/// The frame in which one postback is booked.
#[derive(Clone)]
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
    pub subscription: Option<String>,
    pub named: Named,
    /// Counts in no balance; tests and real events never touch each other's conversions.
    pub test: bool,
    /// A person lets through what the postback says.
    pub reviewed: bool,
    /// Who said so and why, where it was a person.
    pub said: Option<String>,
    /// The exchange rate that its own amount was converted by; empty where none was.
    pub rate: String,
    /// Of the past, as it was asked for.
    pub answers: &'a Answers,
}

impl Frame<'_> {
    /// The terms of now for a conversion that has no deal yet, or whose deal is made anew.
    pub fn agree(&self, goal: &Goal, after: &Conversion, before: Option<&Conversion>) -> Deal {
        let program = &self.snapshot.program;
        let (click, offer) = (self.click, self.offer);
        let subject = Subject { program, click, offer, goal, event_at: after.event_at, at: after.at };
        let volume = before.and_then(|before| before.deal.as_ref()?.volume);
        subject.agree(self.answers, volume)
    }

    /// The key that this postback takes under its own txid.
    pub fn key(&self) -> Option<Key> {
        let txid = self.txid.as_deref().map(|txid| key_of(txid, self.test));
        txid.map(|txid| Key { event: self.event.clone(), txid })
    }
}

/// A txid as a key: those of tests are apart, and no real one looks like one of theirs.
pub fn key_of(txid: &str, test: bool) -> String {
    match test {
        true => format!("test {txid}"),
        false if txid.starts_with("test ") || txid.starts_with("real ") => format!("real {txid}"),
        false => txid.to_owned(),
    }
}

pub fn taken<'a>(under: &'a [Keyed], event: &Name) -> Option<&'a Keyed> {
    under.iter().find(|keyed| keyed.event == *event)
}

/// The click that a known txid or subscription stands for where no click id came: the one of the same event,
/// else the only one.
pub fn stand_in(
    reading: &Reading,
    under_txid: &[Keyed],
    under_original: &[Keyed],
    of_subscription: &[History],
) -> Option<ClickId> {
    if !matches!(reading.click, ClickSeen::Absent(_)) {
        return None;
    }
    let clicks = |keyed: &[Keyed], event: Option<&str>| {
        let of_event = keyed.iter().filter(|one| event.is_none_or(|event| one.event.as_str() == event));
        of_event.filter_map(|one| Some(one.history.as_ref()?.conversion.click_id)).collect::<BTreeSet<_>>()
    };
    let only = |found: BTreeSet<ClickId>| if found.len() == 1 { found.into_iter().next() } else { None };
    only(clicks(under_txid, reading.event.as_deref()))
        .or_else(|| only(clicks(under_txid, None)))
        .or_else(|| only(clicks(under_original, None)))
        .or_else(|| only(of_subscription.iter().map(|history| history.conversion.click_id).collect()))
}

/// A key that a postback which still waits has taken: a repeat of that one, or something new that waits behind it.
pub fn behind_waiting(
    keyed: &Keyed,
    click: ClickId,
    reading: &Reading,
    otherwise: (Reason, Option<Wait>),
    checks: &mut Vec<Check>,
) -> Result<Ruling, Rejection> {
    if keyed.click_id != Some(click) {
        return Err(txid_conflict());
    }
    if keyed.waiting_fields.as_ref() == Some(&reading.fields) {
        let message = format!("the same as postback {}, which still waits", keyed.postback_id);
        checks.push(Check::noted("key", &message));
        return Ok(Ruling::new(Reason::Duplicate, message));
    }
    let message = format!("recorded; decided after postback {}, which still waits", keyed.postback_id);
    checks.push(Check::held("key", &message));
    let (reason, wait) = otherwise;
    let mut ruling = Ruling::new(reason, message);
    ruling.effects.wait = wait;
    Ok(ruling)
}

pub fn txid_conflict() -> Rejection {
    Rejection::new(Reason::TxidConflict, "txid", "this txid was already used for another click")
}

/// The time of the event: the sender's where it lies between the click and the arrival.
pub fn event_time(named: &Named, click: &Click, arrived: Timestamp) -> Timestamp {
    named.timestamp.filter(|time| click.at <= *time && *time <= arrived).unwrap_or(arrived)
}
