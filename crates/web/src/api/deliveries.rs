//! Deliveries: what was told to whom, and how that went.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use proofback_domain::delivery::DeliveryState;
use proofback_store::{AttemptRow, DeliveryFilter, DeliveryRow, Phases};
use serde_json::{Value, json};

use super::page::{Query, list as page};
use super::{Answer, Staff, failed};
use crate::state::Web;

pub async fn list(State(web): State<Web>, _: Staff, RawQuery(query): RawQuery) -> Answer {
    let (filter, request) = filter(query.as_deref())?;
    let rows = web.store.deliveries(filter, request).await.map_err(failed)?;
    Ok(page("deliveries", rows, show))
}

fn filter(query: Option<&str>) -> Result<(DeliveryFilter, proofback_store::PageRequest), Response> {
    let mut query = Query::new(query);
    let filter = DeliveryFilter {
        state: query.parsed("state", DeliveryState::parse)?,
        target: query.name("target")?,
        partner: query.name("partner")?,
        conversion_id: query.parsed("conversion_id", |text| text.parse().ok())?,
        ..DeliveryFilter::default()
    };
    let request = query.page()?;
    query.finish()?;
    Ok((filter, request))
}

pub fn show(row: &DeliveryRow) -> Value {
    json!({
        "delivery_id": row.id,
        "at": row.at.iso(),
        "target": row.target,
        "partner": row.partner,
        "event": row.happening,
        "conversion_id": row.conversion_id,
        "postback_id": row.postback_id,
        "state": row.state,
        "attempts": row.attempts,
        "next_at": (row.state == DeliveryState::Pending && !row.is_behind()).then(|| row.next_at.iso()),
        "last_error": row.last_error,
    })
}

pub fn show_attempt(attempt: &AttemptRow) -> Value {
    let Phases { dns_us, connect_us, tls_us, first_byte_us } = attempt.phases;
    json!({
        "delivery_id": attempt.delivery_id,
        "at": attempt.at.iso(),
        "number": attempt.number,
        "request": attempt.request,
        "status": attempt.status,
        "error": attempt.error,
        "duration_ms": attempt.duration_ms,
        "timing": { "dns_us": dns_us, "connect_us": connect_us, "tls_us": tls_us, "first_byte_us": first_byte_us },
        "address": attempt.address,
        "headers": attempt.headers,
        "answer": attempt.answer,
    })
}
