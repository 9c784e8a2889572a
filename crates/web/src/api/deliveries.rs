//! Deliveries: what was told to whom, and how that went.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use proofback_domain::delivery::DeliveryState;
use proofback_store::{DeliveryFilter, DeliveryRow};
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
        "next_at": (row.state == DeliveryState::Pending).then(|| row.next_at.iso()),
        "last_error": row.last_error,
    })
}
