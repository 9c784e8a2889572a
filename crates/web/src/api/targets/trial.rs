//! Test deliveries: planned through the outbox like any other, and waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use proofback_domain::delivery::{DeliveryState, check_trial_value};
use proofback_domain::id::DeliveryId;
use proofback_domain::program::Target;
use proofback_domain::tell::{Values, trial};
use proofback_domain::time::Span;
use proofback_store::{AttemptRow, DeliveryRow, Doer};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Answer, Caller, failed, problem};
use super::{find, no_such_target};
use crate::state::Web;

/// So long an answer is waited for where nobody says otherwise, and at most.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Between two looks: short at first, because most targets answer at once.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LOOKS_APART_MAX: Duration = Duration::from_millis(500);
const VALUE_CHARS_MAX: usize = 500;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    values: BTreeMap<String, String>,
    wait: Option<String>,
}

/// `{"values": {...}, "wait": "20s"}`: sends an example with these values in it, even to a target that is paused, and
/// answers what came back; 202 where nothing has yet.
pub async fn test(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Answer {
    let asked: Asked = if body.trim().is_empty() {
        Asked::default()
    } else {
        let form = "{\"values\": {\"partner_click_id\": \"...\"}, \"wait\": \"20s\"}";
        serde_json::from_str(&body)
            .map_err(|error| problem::bad_request(&format!("send {form} or nothing: {error}")))?
    };
    let wait = read_wait(asked.wait.as_deref())?;
    let (snapshot, name) = find(&web, &id)?;
    let target = snapshot.program.targets.get(&name).ok_or_else(no_such_target)?;
    let values = read_values(target, asked.values)?;
    let now = web.now();
    let planned = trial(web.ids.delivery(now), now, target, values);
    let id = planned.id;
    let doer = Doer { actor: caller.name.clone(), reason: format!("test delivery {id}") };
    web.store.test_target(planned, doer, now).await.map_err(failed)?;
    tracing::info!(target = %name, delivery_id = %id, author = caller.name, "a person asked for a test delivery");
    match tokio::time::timeout(wait, outcome(&web, id)).await {
        Ok(Ok((row, attempts))) => Ok(super::super::json(&show(&row, attempts.last()))),
        Ok(Err(response)) => Err(response),
        Err(_) => {
            let pending = json!({
                "delivery_id": id,
                "state": DeliveryState::Pending,
                "request": null,
                "status": null,
                "error": null,
                "answer": null,
            });
            Ok((StatusCode::ACCEPTED, super::super::json(&pending)).into_response())
        }
    }
}

fn read_wait(text: Option<&str>) -> Result<Duration, Response> {
    let Some(text) = text else {
        return Ok(WAIT_MAX);
    };
    let wait = Span::parse(text).map(|wait| Duration::from_millis(wait.millis()));
    let wrong =
        || problem::bad_request(&format!("wait {text:?} is no time from 0s to {}s", WAIT_MAX.as_secs()));
    wait.filter(|wait| *wait <= WAIT_MAX).ok_or_else(wrong)
}

fn read_values(target: &Target, given: BTreeMap<String, String>) -> Result<Values, Response> {
    for (name, value) in &given {
        check_trial_value(target, name).map_err(|wrong| problem::bad_request(&wrong))?;
        if VALUE_CHARS_MAX < value.chars().count() || value.chars().any(char::is_control) {
            let detail = format!("{name:?} is up to {VALUE_CHARS_MAX} characters of one line");
            return Err(problem::bad_request(&detail));
        }
    }
    Ok(given)
}

/// Comes back when the delivery is no longer pending.
async fn outcome(web: &Web, id: DeliveryId) -> Result<(DeliveryRow, Vec<AttemptRow>), Response> {
    let mut pause = FIRST_LOOK;
    loop {
        let found = web.store.delivery(id).await.map_err(failed)?;
        match found {
            Some((row, attempts)) if row.state != DeliveryState::Pending => return Ok((row, attempts)),
            Some(_) => {}
            None => return Err(problem::failed()),
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LOOKS_APART_MAX);
    }
}

fn show(row: &DeliveryRow, attempt: Option<&AttemptRow>) -> Value {
    json!({
        "delivery_id": row.id,
        "state": row.state,
        "request": attempt.map(|attempt| &attempt.request),
        "status": attempt.and_then(|attempt| attempt.status),
        "error": row.last_error,
        "duration_ms": attempt.map(|attempt| attempt.duration_ms),
        "answer": attempt.map(|attempt| &attempt.answer),
    })
}
