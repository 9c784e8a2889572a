//! Liveness, readiness and metrics.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use proofback_store::StoreError;

use crate::api::TargetState;
use crate::metrics::Standing;
use crate::state::Web;

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The program is in force, the spill of an earlier run is in, and the store commits.
pub async fn readyz(State(web): State<Web>) -> Response {
    let not = |why: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response();
    if web.store.snapshot().is_none() {
        return not("no program is in force yet");
    }
    if !web.is_ready() {
        return not("clicks of an earlier run are still being brought in");
    }
    match tokio::time::timeout(std::time::Duration::from_secs(2), web.store.flush()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            not("the store does not commit")
        }
        Err(_) => not("the store does not commit in time"),
    }
}

/// So many targets are named in the metrics, those with most to send.
const TARGETS_NAMED_MAX: usize = 100;

pub async fn metrics(State(web): State<Web>) -> Response {
    let standing = standing(&web).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "deliveries could not be counted");
        Standing { writes_waiting: web.store.writes_waiting(), ..Standing::default() }
    });
    #[cfg(feature = "reports")]
    crate::today::show(&web).await;
    let text = web.metrics.render(standing);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}

async fn standing(web: &Web) -> Result<Standing, StoreError> {
    let (writes_waiting, deliveries) = (web.store.writes_waiting(), web.store.delivery_counts().await?);
    let Some(snapshot) = web.store.snapshot() else {
        return Ok(Standing { writes_waiting, deliveries, ..Standing::default() });
    };
    let (program, now) = (&snapshot.program, web.now());
    let states = web.store.target_states(program.targets.keys().cloned().collect(), now).await?;
    let mut targets: BTreeMap<&str, i64> =
        TargetState::ALL.into_iter().map(|state| (state.code(), 0)).collect();
    let mut waiting = Vec::new();
    for (target, (known, backlog)) in program.targets.values().zip(states) {
        *targets.entry(TargetState::of(target, &known, now).code()).or_default() += 1;
        if backlog.pending > 0 {
            waiting.push((target.id.to_string(), i64::from(backlog.pending)));
        }
    }
    waiting.sort_by(|(one, fewer), (other, more)| more.cmp(fewer).then_with(|| one.cmp(other)));
    waiting.truncate(TARGETS_NAMED_MAX);
    let targets = targets.into_iter().map(|(state, count)| (state.to_owned(), count)).collect();
    Ok(Standing { writes_waiting, deliveries, targets, waiting })
}
