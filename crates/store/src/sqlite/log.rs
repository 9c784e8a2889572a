//! The postback log: the request as it may be kept, and the decision made on it last.

use proofback_domain::click_id::ClickId;
use proofback_domain::decide::{Decision, Known};
use proofback_domain::id::PostbackId;
use proofback_domain::name::Name;
use proofback_domain::postback::Reading;
use rusqlite::Connection;

use super::{known, rows};
use crate::error::StoreError;
use crate::model::RawPostback;

/// How many decisions there were: each adds a row to the log, or one to the earlier decisions.
pub const PLACE: &str = "((select coalesce(max(rowid), 0) from postback) \
    + (select coalesce(max(rowid), 0) from earlier_decision))";

/// Keeps a request with what is decided on it.
pub fn insert(
    connection: &Connection,
    raw: &RawPostback,
    reading: &Reading,
    known: &Known,
    decision: &Decision,
) -> Result<(), StoreError> {
    let likely = match decision.likely {
        Some(prefix) => known::find_click_like(connection, prefix)?.map(|click| click.id.to_bytes()),
        None => None,
    };
    let statement = format!(
        "insert into postback (id, outcome, reason, message, field, advice, checks, conversion_id, status, \
        decided_at, revision, answers, seen, expected, at, method, path, ip, params, fields, advertiser, click_id, likely, \
        channel, duration_us, known_changes, place) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, \
        (select coalesce(max(number), 0) from change), 1 + {PLACE})"
    );
    connection.prepare_cached(&statement)?.execute(rusqlite::params![
        decision.postback_id.to_bytes(),
        decision.outcome.code(),
        decision.reason.code(),
        decision.message,
        decision.field,
        decision.advice,
        serde_json::to_string(&decision.checks)?,
        decision.conversion_id.map(|id| id.to_bytes()),
        decision.status.map(|status| status.code()),
        decision.at.millis(),
        decision.revision,
        answers(known)?,
        decision.seen,
        decision.expected,
        reading.at.millis(),
        raw.method,
        raw.path,
        raw.ip,
        serde_json::to_string(&raw.params)?,
        serde_json::to_string(&reading.fields)?,
        decision.advertiser.as_ref().map(Name::as_str),
        decision.click_id.map(ClickId::to_bytes),
        likely,
        if reading.pixel { rows::PIXEL } else { "postback" },
        i64::try_from((raw.stopwatch.0)()).unwrap_or(i64::MAX),
    ])?;
    Ok(())
}

/// Replaces the decision on a postback by a later one; the earlier one is kept beside.
pub fn replace(connection: &Connection, known: &Known, decision: &Decision) -> Result<(), StoreError> {
    keep_earlier(connection, decision.postback_id)?;
    let statement = format!(
        "update postback set outcome = ?2, reason = ?3, message = ?4, field = ?5, advice = ?6, checks = ?7, \
        conversion_id = ?8, status = ?9, decided_at = ?10, revision = ?11, answers = ?12, \
        seen = ?13, expected = ?14, click_id = coalesce(?15, click_id), known_changes = (select coalesce(max(number), 0) from change), place = {PLACE} where id = ?1"
    );
    connection.prepare_cached(&statement)?.execute(rusqlite::params![
        decision.postback_id.to_bytes(),
        decision.outcome.code(),
        decision.reason.code(),
        decision.message,
        decision.field,
        decision.advice,
        serde_json::to_string(&decision.checks)?,
        decision.conversion_id.map(|id| id.to_bytes()),
        decision.status.map(|status| status.code()),
        decision.at.millis(),
        decision.revision,
        answers(known)?,
        decision.seen,
        decision.expected,
        decision.click_id.map(ClickId::to_bytes),
    ])?;
    Ok(())
}

fn keep_earlier(connection: &Connection, id: PostbackId) -> Result<(), StoreError> {
    let statement = "insert into earlier_decision (postback_id, number, decided_at, outcome, reason, message, checks, revision) \
        select id, (select count(*) from earlier_decision where postback_id = ?1), decided_at, outcome, reason, message, checks, revision \
        from postback where id = ?1";
    connection.prepare_cached(statement)?.execute([id.to_bytes()])?;
    Ok(())
}

/// What the past answered, in the order of the questions; `None` where nothing was asked.
fn answers(known: &Known) -> Result<Option<String>, StoreError> {
    let values = known.answers.values();
    if values.is_empty() { Ok(None) } else { Ok(Some(serde_json::to_string(&values)?)) }
}
