//! Words about many deliveries at once: they are found by a filter, made again or given up.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use proofback_domain::delivery::DeliveryState;
use proofback_store::{DeliveryFilter, Doer};
use serde_json::{Value, json};

use super::super::page::Query;
use super::super::reviews::read_reason;
use super::super::{Answer, Caller, failed, problem, targets};
use super::{WITHHELD, filter};
use crate::state::Web;

/// What the body of such a request says.
struct Words {
    filter: DeliveryFilter,
    reason: String,
    dry_run: bool,
}

/// Makes what the filter finds again, `failed` where it names no state: each target gets it at its rate.
pub async fn retry_many(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    body: String,
) -> Answer {
    let Words { filter, reason, dry_run } = read(&body, DeliveryState::Failed)?;
    if filter.state == Some(DeliveryState::Withheld) {
        return Err(problem::conflict("withheld", WITHHELD));
    }
    if dry_run {
        return count(&web, filter).await;
    }
    let affected = web.store.targets_of_deliveries(filter.clone()).await.map_err(failed)?;
    let doer = Doer { actor: caller.name, reason };
    let made = web.store.retry_deliveries(filter, doer, web.now()).await.map_err(failed)?;
    for target in affected {
        let rate = targets::drain_rate(&web, &target);
        web.store.spread(target, rate, web.now()).await.map_err(failed)?;
    }
    Ok(super::super::json(&json!({ "deliveries": made })))
}

/// Gives up what the filter finds of those that wait.
pub async fn skip_many(State(web): State<Web>, Extension(caller): Extension<Caller>, body: String) -> Answer {
    let Words { filter, reason, dry_run } = read(&body, DeliveryState::Pending)?;
    if filter.state != Some(DeliveryState::Pending) {
        return Err(problem::bad_request("state is pending here: only what waits can be given up"));
    }
    if dry_run {
        return count(&web, filter).await;
    }
    let doer = Doer { actor: caller.name, reason };
    let skipped = web.store.skip_deliveries(filter, doer, web.now()).await.map_err(failed)?;
    Ok(super::super::json(&json!({ "deliveries": skipped })))
}

async fn count(web: &Web, filter: DeliveryFilter) -> Answer {
    let found = web.store.count_deliveries(filter).await.map_err(failed)?;
    Ok(super::super::json(&json!({ "deliveries": found, "dry_run": true })))
}

fn read(body: &str, state: DeliveryState) -> Result<Words, Response> {
    let mut members: BTreeMap<String, Value> = serde_json::from_str(body).map_err(|error| {
        let form = "{\"target\", \"error\", ..., \"reason\": \"...\", \"dry_run\": true or false}";
        problem::bad_request(&format!("send {form}: {error}"))
    })?;
    let dry_run = match members.remove("dry_run") {
        None => false,
        Some(Value::Bool(dry_run)) => dry_run,
        Some(_) => return Err(problem::bad_request("dry_run is true or false")),
    };
    let mut texts = BTreeMap::new();
    for (name, value) in members {
        let Value::String(text) = value else {
            return Err(problem::bad_request(&format!("{name:?} is no text")));
        };
        texts.insert(name, text);
    }
    let reason = texts.remove("reason").unwrap_or_default();
    let mut query = Query::of(texts);
    let mut filter = filter(&mut query)?;
    query.finish()?;
    if !is_bounded(&filter) {
        let detail =
            "name a target, partner, conversion_id, error or from: nobody means every delivery there is";
        return Err(problem::bad_request(detail));
    }
    filter.state = filter.state.or(Some(state));
    let reason = if dry_run { reason } else { read_reason(&reason)? };
    Ok(Words { filter, reason, dry_run })
}

fn is_bounded(filter: &DeliveryFilter) -> bool {
    filter.target.is_some()
        || filter.partner.is_some()
        || filter.conversion_id.is_some()
        || filter.error.is_some()
        || filter.from.is_some()
}
