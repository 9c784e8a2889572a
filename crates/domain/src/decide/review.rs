//! What people decide about a conversion that is there: a held one is let through or refused, a status is set,
//! a price is worked out anew under the rules of now. All of it goes through the same books.

use super::agree::Subject;
use super::book::{book, label, may_change};
use super::frame::Frame;
use super::{Decision, History, Ruling};
use crate::click::Click;
use crate::conversion::{Conversion, Named};
use crate::id::PostbackId;
use crate::money::Money;
use crate::outcome::{Reason, Status};
use crate::past::{Answers, Question};
use crate::postback::{Check, Rejection};
use crate::program::{Goal, Offer, Snapshot};
use crate::time::{Span, Timestamp};

/// A person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    pub word: Word,
    pub author: String,
    /// In the person's own words.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A held conversion is good: no rule holds it any more.
    Accept,
    /// A held conversion is not.
    Reject,
    /// A conversion's status, whoever set it before.
    Status(Status),
    /// Its commission, in place of what the terms give.
    Adjust(Money),
    /// Its money under the rules of now.
    Price,
    /// A rate that its money waits for may be known by now.
    Rate,
}

/// Why a person's word was not carried out; a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Carries out a person's word about one conversion. The decision belongs to the conversion's first postback.
pub fn review(
    history: &History,
    click: &Click,
    review: &Review,
    answers: &Answers,
    (snapshot, now): (&Snapshot, Timestamp),
) -> Result<Decision, Refusal> {
    let before = &history.conversion;
    let first = history.changes.first().ok_or_else(|| Refusal("the conversion has no postback".into()))?;
    let (offer, goal) = goal_of(before, snapshot)?;
    let last = history.changes.iter().map(|change| change.at).max().unwrap_or(now);
    // What a decision causes is named by its time: two words in one millisecond are two.
    let now = now.max(last.plus(Span::from_millis(1)));
    let frame = Frame {
        postback_id: first.postback_id,
        now,
        snapshot,
        click,
        offer,
        event: before.event.clone(),
        txid: before.txid.clone(),
        subscription: before.subscription.clone(),
        named: Named::default(),
        test: before.test,
        reviewed: false,
        said: Some(format!("{} by {}: {}", review.word.describe(), review.author, review.reason)),
        rate: String::new(),
        answers,
    };
    let seen = frame.said.clone().unwrap_or_default();
    let mut checks = vec![Check::passed("review", seen)];
    let (after, reason) = next(before, review.word)?;
    let ruling = book(&frame, Some(before), after, goal, reason, &mut checks);
    let ruling = ruling.map_err(|rejection: Rejection| Refusal(rejection.message))?;
    settled(&ruling, review.word)?;
    Ok(decision(&frame, before, ruling, checks))
}

fn goal_of<'a>(conversion: &Conversion, snapshot: &'a Snapshot) -> Result<(&'a Offer, &'a Goal), Refusal> {
    let offer = snapshot.program.offers.get(&conversion.offer);
    let found = offer.and_then(|offer| Some((offer, offer.goal(conversion.event.as_str())?)));
    found.ok_or_else(|| {
        let (offer, event) = (&conversion.offer, &conversion.event);
        Refusal(format!("the goal {event} of {offer} is no longer in the program"))
    })
}

/// The state that a word asks for, and what it is called.
fn next(before: &Conversion, word: Word) -> Result<(Conversion, Reason), Refusal> {
    let mut after = before.clone();
    let not_held = || Refusal(format!("{} does not wait for anybody", label(before)));
    let lowered = matches!(before.status, Status::Rejected | Status::Reversed);
    if before.held.is_some() && lowered && matches!(word, Word::Accept | Word::Reject) {
        let status = before.status.code();
        return Err(Refusal(format!("{} is {status}: there is nothing to decide", label(before))));
    }
    match word {
        Word::Accept => {
            before.held.ok_or_else(not_held)?;
            after.held = None;
            after.reviewed = true;
            Ok((after, Reason::Ok))
        }
        Word::Reject => {
            let held = before.held.ok_or_else(not_held)?;
            after.status = Status::Rejected;
            let reason =
                if held == Reason::FraudReview { Reason::FraudRejected } else { Reason::StatusChanged };
            Ok((after, reason))
        }
        Word::Status(status) => {
            if !may_change(before.status, status, true) {
                let (from, to) = (before.status.code(), status.code());
                return Err(Refusal(format!("from {from} to {to} is no step a conversion takes")));
            }
            after.status = status;
            let reversed = status == Status::Reversed;
            Ok((after, if reversed { Reason::Reversed } else { Reason::StatusChanged }))
        }
        Word::Adjust(money) => {
            if lowered {
                let status = before.status.code();
                return Err(Refusal(format!("{} is {status}: there is nothing to adjust", label(before))));
            }
            let kept = before.commission.or(before.value()).or(before.revenue);
            if let Some(kept) = kept.filter(|kept| kept.currency != money.currency) {
                return Err(Refusal(format!("it is paid in {}, not in {}", kept.currency, money.currency)));
            }
            after.adjusted = Some(money);
            Ok((after, Reason::AmountChanged))
        }
        Word::Price => {
            after.deal = None;
            Ok((after, Reason::AmountChanged))
        }
        Word::Rate => {
            before.held.filter(|held| *held == Reason::RateMissing).ok_or_else(not_held)?;
            Ok((after, Reason::Ok))
        }
    }
}

/// A word that could not end the waiting is not carried out.
fn settled(ruling: &Ruling, word: Word) -> Result<(), Refusal> {
    match (word, ruling.reason) {
        (Word::Accept, Reason::AmountMissing) => {
            Err(Refusal("an amount is needed before it can be accepted".into()))
        }
        (Word::Accept | Word::Rate, Reason::RateMissing) => {
            Err(Refusal("an exchange rate is needed before it can be accepted".into()))
        }
        (_, _) => Ok(()),
    }
}

fn decision(frame: &Frame<'_>, before: &Conversion, ruling: Ruling, checks: Vec<Check>) -> Decision {
    Decision {
        postback_id: frame.postback_id,
        at: frame.now,
        revision: frame.snapshot.revision,
        outcome: ruling.reason.outcome(),
        reason: ruling.reason,
        message: ruling.message,
        field: String::new(),
        seen: String::new(),
        expected: String::new(),
        advice: String::new(),
        likely: None,
        checks,
        advertiser: Some(before.advertiser.clone()),
        click_id: Some(before.click_id),
        conversion_id: ruling.conversion_id,
        status: ruling.status,
        effects: ruling.effects,
    }
}

impl Word {
    fn describe(self) -> String {
        match self {
            Self::Accept => "accepted".into(),
            Self::Reject => "rejected".into(),
            Self::Status(status) => format!("set to {}", status.code()),
            Self::Adjust(money) => format!("commission set to {money}"),
            Self::Price => "priced anew".into(),
            Self::Rate => "converted".into(),
        }
    }
}

/// Whether two states of a conversion are the same to everybody but the program's revision.
pub fn is_same(before: &Conversion, after: &Conversion) -> bool {
    let mut unmarked = Conversion { revision: before.revision, ..after.clone() };
    // What the terms are called by now is no change of them.
    match (&mut unmarked.deal, &before.deal) {
        (Some(deal), Some(known)) => deal.by.clone_from(&known.by),
        (deal, None) => *deal = None,
        (None, Some(_)) => {}
    }
    unmarked == *before
}

/// What must be asked of the past before a conversion's money can be worked out anew.
pub fn price_question(conversion: &Conversion, click: &Click, snapshot: &Snapshot) -> Option<Question> {
    let (offer, goal) = goal_of(conversion, snapshot).ok()?;
    let program = &snapshot.program;
    let Conversion { event_at, at, .. } = *conversion;
    Subject { program, click, offer, goal, event_at, at }.question()
}

/// The postback that made a conversion.
pub fn maker(history: &History) -> Option<PostbackId> {
    history.changes.first().map(|change| change.postback_id)
}
