//! Liveness, readiness and metrics.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

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

pub async fn metrics(State(web): State<Web>) -> Response {
    let deliveries = match web.store.delivery_counts().await {
        Ok(counts) => counts,
        Err(error) => {
            tracing::warn!(%error, "deliveries could not be counted");
            Vec::new()
        }
    };
    let text = web.metrics.render(web.store.writes_waiting(), deliveries);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
