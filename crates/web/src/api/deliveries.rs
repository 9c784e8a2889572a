//! Deliveries: what was told to whom, how that went, and people's words about it.

mod many;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proofback_domain::delivery::{DeliveryState, is_status, public_error};
use proofback_domain::program::Happening;
use proofback_store::{AttemptRow, DeliveryFilter, DeliveryRow, Doer, Phases};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{Query, list as page};
use super::reviews::read_reason;
use super::{Answer, Caller, failed, problem, targets};
use crate::role::Role;
use crate::state::Web;

pub use many::{retry_many, skip_many};

pub async fn list(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut query = Query::new(query.as_deref());
    let mut filter = filter(&mut query)?;
    let request = query.page()?;
    query.finish()?;
    match &caller.role {
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => {}
        // A partner sees its own, whatever it asks for.
        Role::Partner(own) => {
            if filter.error.as_deref().is_some_and(|error| !is_status(error)) {
                // Whoever could ask for a class would learn what the words do not say.
                return Err(problem::bad_request("error is a status here, as status_404"));
            }
            filter.partner = Some(own.clone());
            filter.among = Some(targets::owned_by(&web, own));
        }
        Role::Advertiser(_) => return Err(problem::forbidden()),
    }
    let rows = web.store.deliveries(filter, request).await.map_err(failed)?;
    let staff = caller.role.is_staff();
    Ok(page("deliveries", rows, |row| if staff { show(row) } else { show_outside(row) }))
}

/// The filter that lists and words about many have in common.
fn filter(query: &mut Query) -> Result<DeliveryFilter, Response> {
    Ok(DeliveryFilter {
        state: query.parsed("state", DeliveryState::parse)?,
        target: query.name("target")?,
        among: None,
        partner: query.name("partner")?,
        conversion_id: query.parsed("conversion_id", |text| text.parse().ok())?,
        happening: query.parsed("event", Happening::parse)?,
        error: query.text("error"),
        from: query.time("from")?,
        until: query.time("to")?,
    })
}

/// One delivery with its attempts.
pub async fn one(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = id.parse().map_err(|_| no_such_delivery())?;
    let (row, attempts) = web.store.delivery(id).await.map_err(failed)?.ok_or_else(no_such_delivery)?;
    let (mut view, attempts): (Value, Vec<Value>) = match &caller.role {
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => {
            (show(&row), attempts.iter().map(show_attempt).collect())
        }
        Role::Partner(own) if row.partner.as_ref() == Some(own) && targets::is_of(&web, &row.target, own) => {
            (show_outside(&row), attempts.iter().map(show_attempt_outside).collect())
        }
        Role::Partner(_) | Role::Advertiser(_) => return Err(no_such_delivery()),
    };
    if let Some(members) = view.as_object_mut() {
        members.insert("attempt_log".into(), Value::Array(attempts));
    }
    Ok(super::json(&view))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Again {
    reason: Option<String>,
}

/// Makes one again under the same id, whatever became of it.
pub async fn retry(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Answer {
    let asked: Again = if body.trim().is_empty() {
        Again::default()
    } else {
        let wrong =
            |error| problem::bad_request(&format!("send {{\"reason\": \"...\"}} or nothing: {error}"));
        serde_json::from_str(&body).map_err(wrong)?
    };
    let reason = asked.reason.as_deref().map(read_reason).transpose()?.unwrap_or_default();
    let id = id.parse().map_err(|_| no_such_delivery())?;
    let (row, _) = web.store.delivery(id).await.map_err(failed)?.ok_or_else(no_such_delivery)?;
    if row.state == DeliveryState::Withheld {
        return Err(problem::conflict("withheld", WITHHELD));
    }
    let doer = Doer { actor: caller.name, reason };
    let row = web.store.retry_delivery(id, doer, web.now()).await.map_err(failed)?;
    Ok(super::json(&show(&row.ok_or_else(no_such_delivery)?)))
}

const WITHHELD: &str = "it is outside the share that its target is told of, and is never sent";

fn no_such_delivery() -> Response {
    problem::not_found("there is no such delivery")
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

/// What the partner may see whose target it is.
fn show_outside(row: &DeliveryRow) -> Value {
    let mut view = show(row);
    if let Some(members) = view.as_object_mut() {
        members.remove("postback_id");
        members.insert("last_error".into(), json!(row.last_error.as_deref().map(public_error)));
    }
    view
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

/// How long nobody answered would tell a closed port from a silent one.
fn show_attempt_outside(attempt: &AttemptRow) -> Value {
    json!({
        "delivery_id": attempt.delivery_id,
        "at": attempt.at.iso(),
        "number": attempt.number,
        "status": attempt.status,
        "error": attempt.error.as_deref().map(public_error),
        "duration_ms": attempt.status.map(|_| attempt.duration_ms),
    })
}
