//! What a partner's traffic cost and brought.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proofback_domain::calendar::Day;
use proofback_domain::name::Name;
use proofback_domain::program::Snapshot;
use proofback_domain::time::{Span, Timestamp};
use serde_json::json;

use super::page::Query;
use super::{Answer, Staff, failed, problem};
use crate::state::Web;

/// `?from=2026-11-01&to=2026-11-30`, both days in the program's time zone; absent: this month so far. Money is in the
/// program's currency.
pub async fn profit(
    State(web): State<Web>,
    _: Staff,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    let known = Name::parse(&id).ok().filter(|name| snapshot.program.partners.contains_key(name));
    let partner = known.ok_or_else(|| problem::not_found("there is no such partner"))?;
    let mut query = Query::new(query.as_deref());
    let (from, to) = (query.parsed("from", Day::parse)?, query.parsed("to", Day::parse)?);
    query.finish()?;
    let (from, to, span) = period(from, to, &snapshot, web.now())?;
    let currency = snapshot.program.currency;
    let currencies = snapshot.program.currencies.clone();
    let sums = web.store.profit(partner.clone(), span, snapshot).await.map_err(failed)?;
    let shown = |micros: i128| currencies.sum(micros, currency);
    Ok(super::json(&json!({
        "partner": partner,
        "from": from.to_string(),
        "to": to.to_string(),
        "currency": currency,
        "clicks": sums.clicks,
        "conversions": sums.conversions,
        "cost": shown(sums.cost_micros),
        "revenue": shown(sums.revenue_micros),
        "payout": shown(sums.payout_micros),
        "profit": shown(sums.revenue_micros - sums.payout_micros - sums.cost_micros),
        "unreadable_costs": sums.unreadable_costs,
        "without_rate": sums.without_rate,
    })))
}

fn period(
    from: Option<Day>,
    to: Option<Day>,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(Day, Day, (Timestamp, Timestamp)), Response> {
    let zone = &snapshot.program.timezone;
    let to = to.unwrap_or_else(|| zone.day(now));
    let from = from.unwrap_or_else(|| to.month().0);
    if to < from {
        return Err(problem::bad_request("\"to\" lies before \"from\""));
    }
    // Nothing lies behind now; ids cannot be asked for times that far off.
    let end = zone.start(to.next()).min(now.plus(Span::from_seconds(86_400)));
    Ok((from, to, (zone.start(from), end)))
}
