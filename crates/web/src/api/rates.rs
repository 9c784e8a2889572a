//! Exchange rates: imported from a file, listed.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use proofback_domain::calendar::Day;
use proofback_domain::money::Currency;
use proofback_domain::rates::Rate;
use proofback_sheets::{Fault, RateLine, read_rates};
use proofback_store::{NewRate, RateRow, RatesImported};
use serde_json::{Value, json};

use super::page::{Query, list as page};
use super::{Answer, Caller, failed, problem};
use crate::state::Web;

/// A file as the body: the ECB's XML or CSV, or CSV with `date, base, currency, rate`. `?replace=true` lets it correct
/// rates that are known. All or nothing.
pub async fn import(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let mut query = Query::new(query.as_deref());
    let replace = query.flag("replace")?;
    query.finish()?;
    let lines = read_rates(&body).map_err(|faults| problem::bad_file(&faults))?;
    let rates = lines
        .iter()
        .map(convert)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| problem::bad_file(&[fault]))?;
    let gaps = gaps(&rates);
    let imported = web.store.import_rates(rates, replace, caller.name, web.now()).await.map_err(failed)?;
    if imported.added == 0 && !imported.different.is_empty() {
        return Err(conflict(&imported));
    }
    let decided = web.store.rates_arrived(web.now()).await.map_err(failed)?;
    Ok(super::json(&json!({
        "added": imported.added,
        "known": imported.known,
        "replaced": imported.different.len(),
        "decided": decided,
        "gaps": gaps,
    })))
}

/// Rates in the order in which they became known, newest first.
pub async fn list(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let currency = query.parsed("currency", Currency::parse)?;
    let request = query.page()?;
    query.finish()?;
    let rows = web.store.rates(currency, request).await.map_err(failed)?;
    Ok(page("rates", rows, show))
}

fn convert(line: &RateLine) -> Result<NewRate, Fault> {
    let fault = |message: String| Fault { line: Some(line.line), message };
    let currency =
        |code: &str| Currency::parse(code).ok_or_else(|| fault(format!("{code:?} is no code of a currency")));
    Ok(NewRate {
        day: Day::parse(&line.day).ok_or_else(|| fault(format!("{:?} is no day", line.day)))?,
        base: currency(&line.base)?,
        currency: currency(&line.currency)?,
        rate: Rate::parse(&line.rate).map_err(|error| fault(format!("{:?}: {error}", line.rate)))?,
    })
}

fn conflict(imported: &RatesImported) -> Response {
    let told: Vec<Value> = imported
        .different
        .iter()
        .map(|(new, known)| {
            let NewRate { day, base, currency, rate } = new;
            json!({ "message": format!("1 {base} on {day} is known as {known} {currency}, the file says {rate}") })
        })
        .collect();
    let detail = format!(
        "{} rates are known with other values; nothing was changed. To correct them, say replace",
        told.len()
    );
    problem::problem_with(StatusCode::CONFLICT, "different_rates", &detail, Value::Array(told))
}

/// Weekdays between the first and the last day of the file on which it has no rates at all, and currencies that are
/// missing on a day that others have: told, not refused, because no rates are published on holidays.
fn gaps(rates: &[NewRate]) -> Vec<String> {
    use std::collections::{BTreeMap, BTreeSet};
    const TOLD_MAX: usize = 100;
    let mut days: BTreeMap<Day, BTreeSet<(Currency, Currency)>> = BTreeMap::new();
    let mut pairs = BTreeSet::new();
    for rate in rates {
        days.entry(rate.day).or_default().insert((rate.base, rate.currency));
        pairs.insert((rate.base, rate.currency));
    }
    let mut gaps = Vec::new();
    let mut before: Option<Day> = None;
    for (day, known) in &days {
        let mut missing = before.map_or(*day, Day::next);
        while missing < *day && gaps.len() < TOLD_MAX {
            if !missing.is_weekend() {
                gaps.push(format!("{missing} has no rates"));
            }
            missing = missing.next();
        }
        for (base, currency) in pairs.difference(known) {
            if gaps.len() < TOLD_MAX {
                gaps.push(format!("{day} has no rate of {currency} for {base}"));
            }
        }
        before = Some(*day);
    }
    gaps
}

fn show(row: &RateRow) -> Value {
    let published = &row.published;
    json!({
        "date": published.day.to_string(),
        "base": published.base,
        "currency": published.currency,
        "rate": published.rate.to_string(),
        "at": row.at.iso(),
        "author": row.author,
    })
}
