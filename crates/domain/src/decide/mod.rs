//! The heart: what a postback means, given all that may be known of the past.
//!
//! `decide` is pure and cannot fail; a rejection is a value. The checks that it lists are the explanation,
//! the effects leave the one who carries them out no choices.

mod agree;
mod amounts;
mod book;
mod change;
mod claim;
mod complete;
mod frame;
mod fraud;
mod gates;
mod goal;
mod judge;
mod reverse;
mod review;
mod tell;

use std::collections::BTreeMap;

use crate::click::Click;
use crate::click_id::{ClickId, Prefix};
use crate::conversion::{Change, Conversion};
use crate::id::{ConversionId, EntryId, PostbackId};
use crate::ledger::{Kind, Transfer};
use crate::name::Name;
use crate::outcome::{Outcome, Reason, Status};
use crate::past::{Answers, Count};
use crate::postback::{Check, ClickSeen, Once, Reading, Rejection};
use crate::program::Snapshot;
use crate::tell::PlannedDelivery;
use crate::time::Timestamp;

pub use agree::amount_scope;
pub use book::may_change;
pub use claim::REVERSALS;
pub use frame::{key_of, stand_in};
pub use gates::{capped, questions, scopes};
pub use goal::first_status;
pub use reverse::click_key;
pub use review::{Refusal, Review, Word, is_same, maker, price_question, review};

/// All that a decision may know of the past, loaded in the transaction that carries it out.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The click that the postback names, or the one of the conversion under its txid.
    pub click: Option<Click>,
    /// What stands under this advertiser and txid, whatever the event.
    pub under_txid: Vec<Keyed>,
    /// Likewise under `original_txid`.
    pub under_original: Vec<Keyed>,
    /// Likewise under [`click_key`]: reversals without an id that wait.
    pub under_click: Vec<Keyed>,
    /// The click's conversions, newest first.
    pub of_click: Vec<History>,
    /// The conversions of the subscription that the postback names, newest first.
    pub of_subscription: Vec<History>,
    /// The answers to [`questions`].
    pub answers: Answers,
    /// Where the same signed request came before.
    pub sent_before: Option<SentBefore>,
}

/// A postback that came with the same signed request, and the conversion that it is about, as it stands.
#[derive(Debug, Clone)]
pub struct SentBefore {
    pub postback_id: PostbackId,
    pub conversion: Option<Conversion>,
}

/// A key (advertiser, event, txid) that is taken.
#[derive(Debug, Clone)]
pub struct Keyed {
    pub event: Name,
    pub postback_id: PostbackId,
    /// The click that this postback named.
    pub click_id: Option<ClickId>,
    /// `None`: by a postback that still waits.
    pub history: Option<History>,
    /// What a postback that still waits said.
    pub waiting_fields: Option<BTreeMap<String, String>>,
}

/// A conversion with its changes, oldest first.
#[derive(Debug, Clone)]
pub struct History {
    pub conversion: Conversion,
    pub changes: Vec<Change>,
}

/// The answer to one postback, with its reasons and all that follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub postback_id: PostbackId,
    pub at: Timestamp,
    pub revision: u32,
    pub outcome: Outcome,
    pub reason: Reason,
    pub message: String,
    /// The parameter at fault, under the sender's own name for it where he has one; empty where it is none.
    pub field: String,
    /// What stood there: shortened and masked. Empty where nothing did, or where it is a secret.
    pub seen: String,
    /// What should have stood there, in words.
    pub expected: String,
    /// What the sender should change.
    pub advice: String,
    /// The click most likely meant by a damaged id: for people here, never for the sender.
    pub likely: Option<Prefix>,
    pub checks: Vec<Check>,
    pub advertiser: Option<Name>,
    pub click_id: Option<ClickId>,
    pub conversion_id: Option<ConversionId>,
    pub status: Option<Status>,
    pub effects: Effects,
}

/// What is to be written, no more and no less.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// The conversion as it is from now on, new or changed.
    pub conversion: Option<Conversion>,
    pub change: Option<Change>,
    /// A key to take for the conversion, or for the postback while it waits.
    pub key: Option<Key>,
    pub entries: Vec<PlannedEntry>,
    pub deliveries: Vec<PlannedDelivery>,
    /// What the postback waits for before it is decided again.
    pub wait: Option<Wait>,
    /// What changes in the scopes of caps.
    pub counts: Vec<Count>,
    /// The subjects under which fraud rules remember a new conversion.
    pub subjects: Vec<String>,
    /// A signed request to remember, so that it has no effects again.
    pub once: Option<Once>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub event: Name,
    pub txid: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedEntry {
    pub id: EntryId,
    pub kind: Kind,
    /// The exchange rate that went into the amount; empty where none did.
    pub rate: String,
    pub transfer: Transfer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    Click(ClickId),
    Original { txid: String },
}

/// Judges one postback. Equal input gives an equal decision.
pub fn decide(
    reading: &Reading,
    known: &Known,
    snapshot: &Snapshot,
    id: PostbackId,
    now: Timestamp,
) -> Decision {
    let mut checks = reading.checks.clone();
    let judged = match &reading.rejection {
        Some(rejection) => Err(rejection.clone()),
        None => match &known.sent_before {
            Some(before) => Ok(replayed(before, &mut checks)),
            None => judge::judge(reading, known, snapshot, id, now, &mut checks).map(|mut ruling| {
                ruling.effects.once = reading.once;
                ruling
            }),
        },
    };
    let click_id = match &reading.click {
        ClickSeen::Genuine { id, .. } => Some(*id),
        ClickSeen::Absent(_) => known.click.as_ref().map(|click| click.id),
        // The click that a damaged id was meant to be is not for the sender to learn.
        ClickSeen::Bad(_) => None,
    };
    let failed = judged.is_err();
    let mut ruling = judged.unwrap_or_else(Ruling::rejected);
    complete::complete(&mut ruling, reading, snapshot);
    if failed {
        let field = Some(ruling.field.as_str()).filter(|field| !field.is_empty());
        checks.push(Check::failed(field.unwrap_or(ruling.reason.code()), &ruling.message));
    }
    let mut decision = Decision {
        postback_id: id,
        at: now,
        revision: snapshot.revision,
        outcome: ruling.reason.outcome(),
        reason: ruling.reason,
        message: ruling.message,
        field: ruling.called,
        seen: ruling.seen,
        expected: ruling.expected,
        advice: ruling.advice,
        likely: ruling.likely,
        checks,
        advertiser: reading.advertiser.clone(),
        click_id: click_id.filter(|_| ruling.reason != Reason::UnknownClickId),
        conversion_id: ruling.conversion_id,
        status: ruling.status,
        effects: ruling.effects,
    };
    tell::identify(&mut decision.effects.deliveries, reading, snapshot);
    decision.effects.deliveries.extend(tell::tell_of_rejection(&decision, reading, snapshot));
    decision
}

/// The same signed request a second time: it is not even looked into.
fn replayed(before: &SentBefore, checks: &mut Vec<Check>) -> Ruling {
    let message = format!("the same signed request as postback {}", before.postback_id);
    checks.push(Check::noted("replay", &message));
    let ruling = Ruling::new(Reason::Duplicate, message);
    before.conversion.iter().fold(ruling, Ruling::about)
}

/// A decision without its frame.
#[derive(Debug)]
pub(crate) struct Ruling {
    reason: Reason,
    message: String,
    /// Under our name, and under the sender's.
    field: String,
    called: String,
    seen: String,
    expected: String,
    advice: String,
    likely: Option<Prefix>,
    conversion_id: Option<ConversionId>,
    status: Option<Status>,
    effects: Effects,
}

impl Ruling {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            field: String::new(),
            called: String::new(),
            seen: String::new(),
            expected: String::new(),
            advice: String::new(),
            likely: None,
            conversion_id: None,
            status: None,
            effects: Effects::default(),
        }
    }

    /// Names the conversion that the postback is about, as it stands.
    fn about(mut self, conversion: &Conversion) -> Self {
        self.conversion_id = Some(conversion.id);
        self.status = Some(conversion.status);
        self
    }

    fn rejected(rejection: Rejection) -> Self {
        let Rejection { reason, field, called, message, seen, expected, advice, likely } = rejection;
        Self { field, called, seen, expected, advice, likely, ..Self::new(reason, message) }
    }
}
