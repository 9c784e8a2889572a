//! The postback log: the request as it may be kept, and the decision made on it last.

use std::sync::LazyLock;

use proofback_domain::click_id::ClickId;
use proofback_domain::decide::{Decision, Known};
use proofback_domain::id::PostbackId;
use proofback_domain::name::Name;
use proofback_domain::postback::Reading;
use proofback_domain::program::Snapshot;
use rusqlite::{Connection, Statement};

use super::known;
use crate::error::StoreError;
use crate::model::RawPostback;

/// How many decisions there were: each adds a row to the log, or one to the earlier decisions.
pub const PLACE: &str = "((select coalesce(max(rowid), 0) from postback) \
    + (select coalesce(max(rowid), 0) from earlier_decision))";

/// Written out once: every postback needs it.
static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "insert into postback (id, outcome, reason, message, field, advice, checks, conversion_id, status, \
        decided_at, revision, answers, seen, expected, at, method, path, ip, params, fields, advertiser, click_id, likely, \
        channel, duration_us, known_rates, known_changes, place) \
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, \
        (select coalesce(max(number), 0) from change), 1 + {PLACE})"
    )
});

/// Keeps a request with what is decided on it.
pub fn insert(
    connection: &Connection,
    raw: &RawPostback,
    reading: &Reading,
    known: &Known,
    decision: &Decision,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    let likely = match decision.likely {
        Some(prefix) => known::find_click_like(connection, prefix)?.map(|click| click.id.to_bytes()),
        None => None,
    };
    let mut statement = connection.prepare_cached(&INSERT)?;
    bind(&mut statement, known, decision)?;
    let texts = [raw.method, &raw.path, &raw.ip];
    statement.raw_bind_parameter(15, reading.at.millis())?;
    for (place, text) in (16..).zip(texts) {
        statement.raw_bind_parameter(place, text)?;
    }
    statement.raw_bind_parameter(19, serde_json::to_string(&raw.params)?)?;
    statement.raw_bind_parameter(20, serde_json::to_string(&reading.fields)?)?;
    statement.raw_bind_parameter(21, decision.advertiser.as_ref().map(Name::as_str))?;
    statement.raw_bind_parameter(22, decision.click_id.map(ClickId::to_bytes))?;
    statement.raw_bind_parameter(23, likely)?;
    statement.raw_bind_parameter(24, reading.channel.code())?;
    statement.raw_bind_parameter(25, i64::try_from((raw.stopwatch.0)()).unwrap_or(i64::MAX))?;
    statement.raw_bind_parameter(26, snapshot.rates.last())?;
    statement.raw_execute()?;
    Ok(())
}

/// Replaces the decision on a postback by a later one; the earlier one is kept beside.
pub fn replace(
    connection: &Connection,
    known: &Known,
    decision: &Decision,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    keep_earlier(connection, decision.postback_id)?;
    let statement = format!(
        "update postback set outcome = ?2, reason = ?3, message = ?4, field = ?5, advice = ?6, checks = ?7, \
        conversion_id = ?8, status = ?9, decided_at = ?10, revision = ?11, answers = ?12, \
        seen = ?13, expected = ?14, click_id = coalesce(?15, click_id), known_rates = ?16, known_changes = (select coalesce(max(number), 0) from change), place = {PLACE} where id = ?1"
    );
    let mut statement = connection.prepare_cached(&statement)?;
    bind(&mut statement, known, decision)?;
    statement.raw_bind_parameter(15, decision.click_id.map(ClickId::to_bytes))?;
    statement.raw_bind_parameter(16, snapshot.rates.last())?;
    statement.raw_execute()?;
    Ok(())
}

/// The first fourteen values of either statement: the decision.
fn bind(statement: &mut Statement<'_>, known: &Known, decision: &Decision) -> Result<(), StoreError> {
    statement.raw_bind_parameter(1, decision.postback_id.to_bytes())?;
    statement.raw_bind_parameter(2, decision.outcome.code())?;
    statement.raw_bind_parameter(3, decision.reason.code())?;
    statement.raw_bind_parameter(4, &decision.message)?;
    statement.raw_bind_parameter(5, &decision.field)?;
    statement.raw_bind_parameter(6, &decision.advice)?;
    statement.raw_bind_parameter(7, serde_json::to_string(&decision.checks)?)?;
    statement.raw_bind_parameter(8, decision.conversion_id.map(|id| id.to_bytes()))?;
    statement.raw_bind_parameter(9, decision.status.map(|status| status.code()))?;
    statement.raw_bind_parameter(10, decision.at.millis())?;
    statement.raw_bind_parameter(11, decision.revision)?;
    statement.raw_bind_parameter(12, answers(known)?)?;
    statement.raw_bind_parameter(13, &decision.seen)?;
    statement.raw_bind_parameter(14, &decision.expected)?;
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
