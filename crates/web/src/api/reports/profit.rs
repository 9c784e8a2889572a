//! What a partner's traffic cost and brought: one line of a report.

use axum::extract::{Path, RawQuery, State};
use proofback_domain::calendar::Day;
use proofback_domain::name::Name;
use proofback_domain::report::Cell;
use serde_json::{Value, json};

use super::super::page::Query;
use super::super::{Answer, problem};
use super::{Computed, Refused, compute};
use crate::role::Role;
use crate::state::Web;

/// `?from=2026-11-01&to=2026-11-30`, both days in the program's time zone; absent: this month so far. Money is in the
/// program's currency. Clicks count by their time, conversions by that of their event.
pub async fn profit(State(web): State<Web>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    let known = Name::parse(&id).ok().filter(|name| snapshot.program.partners.contains_key(name));
    let partner = known.ok_or_else(|| problem::not_found("there is no such partner"))?;
    let mut query = Query::new(query.as_deref());
    let (from, to) = (query.parsed("from", Day::parse)?, query.parsed("to", Day::parse)?);
    query.finish()?;
    let to = to.unwrap_or_else(|| snapshot.program.timezone.day(web.now()));
    let from = from.unwrap_or_else(|| to.month().0);
    if to < from {
        return Err(problem::bad_request("\"to\" lies before \"from\""));
    }
    let pairs = [
        ("partner", partner.to_string()),
        ("from", from.to_string()),
        ("to", to.to_string()),
        ("metrics", METRICS.join(",")),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
    let computed = compute(&web, &pairs, &Role::Viewer, web.now()).await.map_err(Refused::answer)?;
    let [clicks, conversions, cost, revenue, payout] = METRICS.map(|metric| figure(&computed, metric));
    let currency = snapshot.program.currency;
    let shown = |micros: i128| snapshot.program.currencies.sum(micros, currency);
    let without_rate = computed.table.to_json().get("without_rate").cloned().unwrap_or(Value::Null);
    Ok(super::super::json(&json!({
        "partner": partner,
        "from": from.to_string(),
        "to": to.to_string(),
        "currency": currency,
        "clicks": u64::try_from(clicks).unwrap_or(0),
        "conversions": u64::try_from(conversions).unwrap_or(0),
        "cost": shown(cost),
        "revenue": shown(revenue),
        "payout": shown(payout),
        "profit": shown(revenue.saturating_sub(payout).saturating_sub(cost)),
        "without_rate": without_rate,
    })))
}

const METRICS: [&str; 5] = ["clicks", "approved", "cost", "revenue", "payout_approved"];

fn figure(computed: &Computed, metric: &str) -> i128 {
    let place = computed.table.columns.iter().position(|column| column.code == metric);
    match place.and_then(|place| computed.table.totals.cells.get(place)) {
        Some(Cell::Count(number) | Cell::Money { micros: number, .. }) => *number,
        Some(Cell::Null | Cell::Text(_) | Cell::Ratio(_) | Cell::Seconds(_)) | None => 0,
    }
}
