//! The postback log.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proofback_domain::outcome::{Outcome, Reason};
use proofback_store::{EarlierDecision, PostbackFilter, PostbackRow};
use serde_json::{Value, json};

use super::page::{Query, list as page};
use super::{Answer, failed, problem};
use crate::state::Web;

pub async fn list(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let filter = filter(&web, &mut query)?;
    let request = query.page()?;
    query.finish()?;
    let rows = web.store.postbacks(filter, request).await.map_err(failed)?;
    Ok(page("postbacks", rows, |row| show(row, false)))
}

/// What of the log is asked for.
pub fn filter(web: &Web, query: &mut Query) -> Result<PostbackFilter, Response> {
    Ok(PostbackFilter {
        outcome: query.parsed("outcome", Outcome::parse)?,
        reason: query.parsed("reason", Reason::parse)?,
        advertiser: query.name("advertiser")?,
        click_id: query.click_id(web.store.snapshot().as_deref())?,
        txid: query.txid("txid", web.store.snapshot().as_deref()),
        from: query.time("from")?,
        to: query.time("to")?,
    })
}

/// One postback with its explanation.
pub async fn one(State(web): State<Web>, Path(id): Path<String>) -> Answer {
    let not_found = || problem::not_found("there is no such postback");
    let id = id.parse().map_err(|_| not_found())?;
    let row = web.store.postback(id).await.map_err(failed)?.ok_or_else(not_found)?;
    Ok(super::json(&show(&row, true)))
}

/// A postback as JSON; `whole` adds the checks and the earlier decisions.
pub fn show(row: &PostbackRow, whole: bool) -> Value {
    let params: Vec<Value> =
        row.params.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let mut view = json!({
        "postback_id": row.id,
        "at": row.at.iso(),
        "method": row.method,
        "path": row.path,
        "ip": row.ip,
        "params": params,
        "fields": row.fields,
        "advertiser": row.advertiser,
        "click_id": row.click_id,
        "likely_click": row.likely_click,
        "outcome": row.outcome,
        "reason": row.reason,
        "message": row.message,
        "field": row.field,
        "seen": row.seen,
        "expected": row.expected,
        "advice": row.advice,
        "conversion_id": row.conversion_id,
        "status": row.status,
        "decided_at": row.decided_at.iso(),
        "revision": row.revision,
        "channel": row.channel.code(),
        "duration_us": row.duration_us,
    });
    if let (Some(members), true) = (view.as_object_mut(), whole) {
        members.insert("explanation".into(), json!(row.checks));
        members.insert("earlier_decisions".into(), row.earlier.iter().map(earlier).collect());
    }
    view
}

fn earlier(decision: &EarlierDecision) -> Value {
    json!({
        "decided_at": decision.decided_at.iso(),
        "outcome": decision.outcome,
        "reason": decision.reason,
        "message": decision.message,
        "revision": decision.revision,
        "explanation": decision.checks,
    })
}
