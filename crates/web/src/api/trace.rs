//! One click from start to end.

use axum::extract::{Path, State};
use axum::response::Response;
use proofback_domain::click::Click;
use proofback_domain::click_id::{ClickId, Returned};
use proofback_domain::conversion::{Change, Conversion};
use proofback_domain::money::Currencies;
use proofback_domain::outcome::{Outcome, Reason};
use proofback_store::{PostbackRow, TraceItem};
use serde_json::{Map, Value, json};

use super::{Answer, conversions, deliveries, failed, ledger, money, postbacks, problem};
use crate::state::Web;

pub async fn click(State(web): State<Web>, Path(text): Path<String>) -> Answer {
    let id = find(&web, &text).await?;
    let click = web.store.click(id).await.map_err(failed)?.ok_or_else(no_such_click)?;
    Ok(super::json(&show_click(&click)))
}

/// `{"click": {...}, "timeline": [...]}`, oldest first; a damaged id finds the click that it was most likely meant to be.
pub async fn trace(State(web): State<Web>, Path(text): Path<String>) -> Answer {
    let id = find(&web, &text).await?;
    let trace = web.store.trace(id).await.map_err(failed)?.ok_or_else(no_such_click)?;
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let timeline: Vec<Value> = trace.timeline.iter().map(|item| show_item(item, &currencies)).collect();
    Ok(super::json(&json!({ "click": show_click(&trace.click), "timeline": timeline })))
}

fn no_such_click() -> Response {
    problem::not_found("there is no such click")
}

async fn find(web: &Web, text: &str) -> Result<ClickId, Response> {
    let snapshot = web.store.snapshot().ok_or_else(no_such_click)?;
    match snapshot.keys.diagnose(text, |prefix| snapshot.fits(prefix, web.now())) {
        Returned::Genuine { id, .. } => Ok(id),
        Returned::Truncated { prefix, .. } | Returned::Altered { prefix, .. } => {
            let click = web.store.click_like(prefix).await.map_err(failed)?;
            click.map(|click| click.id).ok_or_else(no_such_click)
        }
        Returned::Unknown => Err(no_such_click()),
    }
}

fn show_click(click: &Click) -> Value {
    let mut view = Map::new();
    let details = serde_json::to_value(&click.details).unwrap_or_default();
    for (name, value) in [
        ("click_id", json!(click.id)),
        ("at", json!(click.at.iso())),
        ("link", json!(click.link)),
        ("partner", json!(click.partner)),
        ("offer", json!(click.offer)),
        ("advertiser", json!(click.advertiser)),
    ] {
        view.insert(name.into(), value);
    }
    if let Value::Object(details) = details {
        for (name, value) in details {
            match name.as_str() {
                "subs" | "others" => {}
                _ => {
                    view.insert(name, value);
                }
            }
        }
    }
    for number in 1..=10 {
        let value = click.details.sub(number);
        if !value.is_empty() {
            view.insert(format!("sub{number}"), json!(value));
        }
    }
    let params: Vec<Value> =
        click.details.others.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    view.insert("params".into(), Value::Array(params));
    Value::Object(view)
}

/// `at`, `kind`, a sentence for people in `summary`, and the whole of what happened.
fn show_item(item: &TraceItem, currencies: &Currencies) -> Value {
    let (kind, summary, details) = match item {
        TraceItem::Click(click) => ("click", click_summary(click), show_click(click)),
        TraceItem::Postback { row, meant } => {
            ("postback", postback_summary(row, *meant), postbacks::show(row, true))
        }
        TraceItem::Conversion { change, conversion, first } => (
            "conversion",
            change_summary(change, conversion, *first, currencies),
            show_change(change, conversion, currencies),
        ),
        TraceItem::Entry(entry) => {
            let amount = currencies.show(entry.amount);
            (
                "entry",
                format!("{amount} from {} to {}", entry.debit, entry.credit),
                ledger::show(entry, currencies),
            )
        }
        TraceItem::Delivery(row) => (
            "delivery",
            format!("{} for {} is {}", row.happening, row.target, row.state.code()),
            deliveries::show(row),
        ),
        TraceItem::Attempt(attempt) => {
            let result = match (attempt.status, &attempt.error) {
                (Some(status), _) => format!("answered {status}"),
                (None, error) => error.clone().unwrap_or_default(),
            };
            let request = attempt.request.lines().next().unwrap_or_default();
            let (number, duration_ms) = (attempt.number, attempt.duration_ms);
            let summary = format!("attempt {number}: {request} {result} in {duration_ms} ms");
            ("attempt", summary, deliveries::show_attempt(attempt))
        }
    };
    let mut view = Map::new();
    view.insert("at".into(), json!(item.at().iso()));
    view.insert("kind".into(), json!(kind));
    view.insert("summary".into(), json!(summary));
    if let Value::Object(details) = details {
        details.into_iter().filter(|(name, _)| name != "at").for_each(|(name, value)| {
            // What an entry is about stands beside what an item of the timeline is.
            let name = if name == "kind" { "entry_kind".to_owned() } else { name };
            view.insert(name, value);
        });
    }
    Value::Object(view)
}

fn click_summary(click: &Click) -> String {
    let details = &click.details;
    format!(
        "{} on {} by {} from {}: {}",
        details.device, click.link, click.partner, details.ip, details.route
    )
}

fn postback_summary(row: &PostbackRow, meant: bool) -> String {
    let (outcome, reason) = (row.outcome.code(), row.reason.code());
    let plain = row.reason == Reason::Ok || outcome == reason;
    let named = if plain { outcome.to_owned() } else { format!("{outcome} ({reason})") };
    let meant = if meant { "; this click was most likely meant" } else { "" };
    format!("{named}: {}{meant}", row.message)
}

fn change_summary(change: &Change, conversion: &Conversion, first: bool, currencies: &Currencies) -> String {
    let what = match &change.txid {
        Some(txid) => format!("{} {txid}", change.event),
        None => change.event.to_string(),
    };
    let amount =
        change.named.amount.map(|amount| format!(" of {}", currencies.show(amount))).unwrap_or_default();
    let partner = &conversion.partner;
    let status = change.status.code();
    if first {
        let held = change.reason.outcome() == Outcome::Held;
        let waits = if held { format!(", waits: {}", change.reason.code()) } else { String::new() };
        return format!("{what}{amount} recorded for {partner}, {status}{waits}");
    }
    format!("{what}{amount}: {} of {partner} is {status}", conversion.event)
}

fn show_change(change: &Change, conversion: &Conversion, currencies: &Currencies) -> Value {
    let mut view = conversions::show(conversion, currencies, false);
    if let Some(members) = view.as_object_mut() {
        // The state after this change, not the one of now.
        members.insert("status".into(), json!(change.status));
        money::put(members, "amount", change.amount, currencies);
        money::put(members, "named_amount", change.named.amount, currencies);
        members.insert("reason".into(), json!(change.reason));
        members.insert("postback_id".into(), json!(change.postback_id));
    }
    view
}
