//! What people decide: the queue of what waits for them, and their word carried out and kept.

use std::sync::{Arc, LazyLock};

use proofback_domain::conversion::Conversion;
use proofback_domain::decide::{Decision, History, Known, Refusal, Review, Word, price_question, review};
use proofback_domain::id::{ConversionId, PostbackId};
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::postback::{Check, Reading, Rejection};
use proofback_domain::program::Snapshot;
use proofback_domain::time::Timestamp;
use rusqlite::Connection;

use super::audit::{Deed, record};
use super::effects::carry_out;
use super::facts::{self, Cause};
use super::idempotency::{self, Before, Idempotency};
use super::{Store, decisions, known, lists, log, past, rows};
use crate::error::StoreError;
use crate::model::PostbackRow;
use crate::page::{Cursor, Page, PageRequest, ReviewFilter};

/// What a person's word is about.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    Conversion(ConversionId),
    /// A held one; `original` is the conversion that a reversal is about, where several could be.
    Postback {
        id: PostbackId,
        original: Option<ConversionId>,
    },
}

/// A decision that a person's word led to, or why it was not carried out.
pub type Reviewed = Result<Decision, Refusal>;

/// What a request that may be sent again comes to.
#[derive(Debug, Clone)]
pub enum Answered {
    /// As the caller shows it, now or the first time.
    Done(String),
    Refused(Refusal),
    /// The caller's key belongs to another request.
    KeyTaken,
}

impl Store {
    /// Like [`Self::review`] for one conversion, with the caller's own key; `show` makes the answer that is kept.
    pub async fn review_once(
        &self,
        id: ConversionId,
        word: Review,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
        asked: (Option<Idempotency>, fn(&Decision) -> String),
    ) -> Result<Answered, StoreError> {
        let (key, show) = asked;
        let answered = self
            .write(move |connection| {
                match idempotency::look(connection, key.as_ref())? {
                    Before::Same(answer) => return Ok(Answered::Done(answer)),
                    Before::Other => return Ok(Answered::KeyTaken),
                    Before::Nothing => {}
                }
                let decision = match of_conversion(connection, id, &word, &snapshot, now)? {
                    Ok(decision) => decision,
                    Err(refusal) => return Ok(Answered::Refused(refusal)),
                };
                keep_deed(connection, Subject::Conversion(id), &word, decision.at)?;
                let answer = show(&decision);
                idempotency::keep(connection, key.as_ref(), &answer, decision.at)?;
                Ok(Answered::Done(answer))
            })
            .await?;
        self.inner.outbox.notify_one();
        Ok(answered)
    }

    /// Carries out a person's word, and keeps who gave it and why.
    pub async fn review(
        &self,
        subject: Subject,
        word: Review,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
    ) -> Result<Reviewed, StoreError> {
        let reviewed = self
            .write(move |connection| {
                let reviewed = match subject {
                    Subject::Conversion(id) => of_conversion(connection, id, &word, &snapshot, now)?,
                    Subject::Postback { id, original } => {
                        of_postback(connection, id, original, &word, &snapshot, now)?
                    }
                };
                if let Ok(decision) = &reviewed {
                    keep_deed(connection, subject, &word, decision.at)?;
                }
                Ok(reviewed)
            })
            .await?;
        if reviewed.as_ref().is_ok_and(|decision| !decision.effects.deliveries.is_empty()) {
            self.inner.outbox.notify_one();
        }
        Ok(reviewed)
    }

    /// Approves what has waited as long as its goal says; says how many, at most some hundred a call.
    pub async fn approve_due(&self, now: Timestamp) -> Result<usize, StoreError> {
        let Some(snapshot) = self.snapshot() else {
            return Ok(0);
        };
        let approved = self
            .write(move |connection| {
                let due = due(connection, now)?;
                for conversion in &due {
                    approve(connection, conversion, &snapshot, now)?;
                }
                Ok(due.len())
            })
            .await?;
        if approved > 0 {
            self.inner.outbox.notify_one();
        }
        Ok(approved)
    }

    /// What waits for a person, newest first.
    pub async fn reviews(
        &self,
        filter: ReviewFilter,
        page: PageRequest,
    ) -> Result<Page<PostbackRow>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select {} from postback where outcome = 'held' and id < ?1 \
                 and (?2 is null or reason = ?2) and (?3 is null or advertiser = ?3) \
                 and {} and (?4 is null or exists (select 1 from conversion \
                    where conversion.id = postback.conversion_id and partner = ?4)) \
                 order by id desc limit ?5",
                rows::POSTBACK,
                *WAITS
            );
            let mut statement = connection.prepare_cached(&query)?;
            let after = page.after.map_or([0xff; 16], |cursor| cursor.0);
            let found = statement.query_map(
                rusqlite::params![
                    after,
                    filter.reason.map(Reason::code),
                    filter.advertiser.as_ref().map(|name| name.as_str()),
                    filter.partner.as_ref().map(|name| name.as_str()),
                    i64::from(page.limit) + 1
                ],
                rows::postback,
            )?;
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(Page::cut(found, page.limit, |row| Cursor(row.id.to_bytes())))
        })
        .await
    }
}

/// Of a held postback: what it is about is as it was, and waits still.
pub static WAITS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "(postback.conversion_id is null or exists (select 1 from conversion \
            where conversion.id = postback.conversion_id and status in ('pending', 'approved') \
            and (held is not null and postback.id = (select change.postback_id from change \
               where change.conversion_id = conversion.id order by number limit 1) \
            or held is null and {NOTHING_NEWER})))"
    )
});

/// Nothing has changed the conversion since: a change that waits is still news.
const NOTHING_NEWER: &str = "not exists (select 1 from change \
    where change.conversion_id = postback.conversion_id and change.number > postback.known_changes)";

/// Conversions approved in one transaction.
const APPROVE_MAX: u32 = 500;

fn due(connection: &Connection, now: Timestamp) -> Result<Vec<Conversion>, StoreError> {
    let query = format!(
        "select {} from conversion where approve_at <= ?1 order by approve_at limit {APPROVE_MAX}",
        rows::CONVERSION
    );
    let mut statement = connection.prepare_cached(&query)?;
    let due = statement.query_map([now.millis()], rows::conversion)?;
    Ok(due.collect::<Result<_, _>>()?)
}

/// By the goal's own rule. What cannot be approved any more is not looked at again.
fn approve(
    connection: &Connection,
    conversion: &Conversion,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(), StoreError> {
    let word = Review {
        word: Word::Status(Status::Approved),
        author: "the goal's rule".into(),
        reason: "its time has passed".into(),
    };
    if let Err(refusal) = carry_word(connection, conversion.clone(), &word, snapshot, now)? {
        tracing::warn!(conversion_id = %conversion.id, %refusal, "a conversion could not be approved by time");
        let statement = "update conversion set approve_at = null where id = ?1";
        connection.prepare_cached(statement)?.execute([conversion.id.to_bytes()])?;
    }
    Ok(())
}

fn keep_deed(
    connection: &Connection,
    subject: Subject,
    word: &Review,
    at: Timestamp,
) -> Result<(), StoreError> {
    let action = match word.word {
        Word::Accept => "review.accept".to_owned(),
        Word::Reject => "review.reject".to_owned(),
        Word::Status(status) => format!("status.{}", status.code()),
        Word::Adjust(_) => "adjust".to_owned(),
        Word::Price => "price".to_owned(),
        Word::Rate => "rate".to_owned(),
    };
    let subject = match subject {
        Subject::Conversion(id) => format!("conversion {id}"),
        Subject::Postback { id, .. } => format!("postback {id}"),
    };
    record(
        connection,
        &Deed { at, actor: &word.author, action: &action, subject: &subject, reason: &word.reason },
    )
}

fn refuse(message: impl Into<String>) -> Reviewed {
    Err(Refusal(message.into()))
}

fn of_conversion(
    connection: &Connection,
    id: ConversionId,
    word: &Review,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Reviewed, StoreError> {
    match known::find_conversion(connection, id)? {
        Some(conversion) => carry_word(connection, conversion, word, snapshot, now),
        None => Ok(refuse("there is no such conversion")),
    }
}

/// The word about a conversion, decided and carried out. Where it ends a waiting, it is the second decision on the
/// postback that made the conversion.
pub fn carry_word(
    connection: &Connection,
    conversion: Conversion,
    word: &Review,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Reviewed, StoreError> {
    let Some(click) = known::find_click(connection, conversion.click_id)? else {
        return Ok(refuse("the conversion's click is not here any more"));
    };
    let changes = known::changes(connection, conversion.id)?;
    let question = price_question(&conversion, &click, snapshot).filter(|_| word.word == Word::Price);
    let answers = past::answer(connection, question.into_iter().collect())?;
    let history = History { conversion, changes };
    let decision = match review(&history, &click, word, &answers, (snapshot, now)) {
        Ok(decision) => decision,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut cause = Cause::word(&history.conversion, &click);
    if matches!(word.word, Word::Accept | Word::Reject | Word::Rate) {
        let before = facts::answer_before(connection, decision.postback_id)?;
        cause = cause.answering(&decision).instead_of(before);
        log::replace(connection, &Known::default(), &decision, snapshot)?;
    }
    carry_out(connection, &decision, cause)?;
    Ok(Ok(decision))
}

fn of_postback(
    connection: &Connection,
    id: PostbackId,
    original: Option<ConversionId>,
    word: &Review,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Reviewed, StoreError> {
    let Some(row) = lists::find_postback(connection, id)? else {
        return Ok(refuse("there is no such postback"));
    };
    let is_change = row.outcome == Outcome::Held && is_waiting_change(connection, id)?;
    if let Some(conversion_id) = row.conversion_id.filter(|_| row.outcome == Outcome::Held && !is_change) {
        return of_conversion(connection, conversion_id, word, snapshot, now);
    }
    let Some(stored) = decisions::find_stored(connection, id)? else {
        return Ok(refuse("it was never authenticated: nobody can say whose it is"));
    };
    let mut reading = Reading::again(stored, snapshot);
    let said = format!("by {}: {}", word.author, word.reason);
    match (word.word, row.outcome) {
        (Word::Reject, Outcome::Held) => {
            let message = format!("rejected {said}");
            reading.checks.push(Check::passed("review", &message));
            let reason = if is_change { Reason::FraudRejected } else { rejected_as(row.reason) };
            reading.rejection = Some(Rejection::new(reason, "", message));
        }
        (Word::Accept, Outcome::Held) if is_change => {
            if row.reason != Reason::PayoutNotAllowed {
                return Ok(refuse("an amount or an exchange rate is needed before it can be accepted"));
            }
            reading.reviewed = true;
            reading.checks.push(Check::passed("review", format!("accepted {said}")));
        }
        (Word::Accept, Outcome::Held) => {
            if row.reason != Reason::AmbiguousOriginal || original.is_none() {
                let hint = if row.reason == Reason::AmbiguousOriginal {
                    "name the conversion that it takes back as \"original\""
                } else {
                    "it waits for something to arrive, which nobody can accept in its place"
                };
                return Ok(refuse(hint));
            }
            reading.chosen = original;
            reading.checks.push(Check::passed("review", format!("accepted {said}")));
        }
        (Word::Accept, Outcome::Rejected) => {
            let Some(likely) = row.likely_click else {
                return Ok(refuse("no click is known that it could be about"));
            };
            let mut stored = decisions::find_stored(connection, id)?
                .ok_or_else(|| StoreError::Failed(format!("postback {id} is gone")))?;
            stored.fields.insert("click_id".into(), likely.to_string());
            reading = Reading::again(stored, snapshot);
            reading.checks.push(Check::passed("review", format!("accepted for click {likely} {said}")));
        }
        (_, _) => return Ok(refuse("it does not wait for anybody")),
    }
    decisions::free(connection, id)?;
    decisions::decide_now(connection, &reading, snapshot, id, now).map(Ok)
}

/// Whether it wanted to change a conversion that counts as it is, and still would.
fn is_waiting_change(connection: &Connection, id: PostbackId) -> Result<bool, StoreError> {
    let query = format!(
        "select exists (select 1 from postback join conversion on conversion.id = postback.conversion_id \
         where postback.id = ?1 and conversion.held is null \
         and conversion.status in ('pending', 'approved') and {NOTHING_NEWER})"
    );
    Ok(connection.prepare_cached(&query)?.query_row([id.to_bytes()], |row| row.get(0))?)
}

/// What a postback that waited is, once a person has rejected it.
fn rejected_as(reason: Reason) -> Reason {
    if reason == Reason::AwaitingClick { Reason::UnknownClickId } else { Reason::NothingToReverse }
}
