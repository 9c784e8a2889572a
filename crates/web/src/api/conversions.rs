//! Conversions, newest first.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proofback_domain::conversion::Conversion;
use proofback_domain::money::{Currencies, Money};
use proofback_domain::outcome::Status;
use proofback_domain::program::Snapshot;
use proofback_domain::reported::reported;
use proofback_store::ConversionFilter;
use serde_json::{Value, json};

use super::money;
use super::page::{Query, list as page};
use super::{Answer, Caller, failed, problem};
use crate::role::Role;
use crate::state::Web;

pub async fn list(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let (mut filter, request) = filter(&web, query.as_deref())?;
    match &caller.role {
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => {}
        // A partner sees its own, whatever it asks for.
        Role::Partner(own) => filter.partner = Some(own.clone()),
        Role::Advertiser(_) => return Err(problem::forbidden()),
    }
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let for_partner = !caller.role.is_staff();
    let rows = web.store.conversions(filter, request).await.map_err(failed)?;
    let snapshot = web.store.snapshot().filter(|_| !for_partner);
    Ok(page("conversions", rows, |row| {
        with_report(show(row, &currencies, for_partner), row, snapshot.as_deref())
    }))
}

fn filter(
    web: &Web,
    query: Option<&str>,
) -> Result<(ConversionFilter, proofback_store::PageRequest), Response> {
    let mut query = Query::new(query);
    let filter = ConversionFilter {
        advertiser: query.name("advertiser")?,
        partner: query.name("partner")?,
        offer: query.name("offer")?,
        event: query.text("event"),
        status: query.parsed("status", Status::parse)?,
        click_id: query.click_id(web.store.snapshot().as_deref())?,
        txid: query.txid("txid", web.store.snapshot().as_deref()),
        subscription: query.txid("subscription_id", web.store.snapshot().as_deref()),
        from: query.time("from")?,
        to: query.time("to")?,
    };
    let request = query.page()?;
    query.finish()?;
    Ok((filter, request))
}

pub async fn one(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let not_found = || problem::not_found("there is no such conversion");
    let id = id.parse().map_err(|_| not_found())?;
    let row = web.store.conversion(id).await.map_err(failed)?.ok_or_else(not_found)?;
    let staff = caller.role.is_staff();
    if !staff && !caller.role.is_partner(row.partner.as_str()) {
        return Err(not_found());
    }
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let snapshot = web.store.snapshot().filter(|_| staff);
    Ok(super::json(&with_report(show(&row, &currencies, !staff), &row, snapshot.as_deref())))
}

/// Adds the same money in the program's currency, and the margin; what waits for a rate is `null`.
fn with_report(mut view: Value, row: &Conversion, snapshot: Option<&Snapshot>) -> Value {
    if let (Some(members), Some(snapshot)) = (view.as_object_mut(), snapshot) {
        let program = &snapshot.program;
        let reported = reported(row, snapshot);
        let shown = |money: Option<Money>| money.map(|money| program.currencies.amount(money));
        let margin = reported.margin_micros.map(|micros| Money { micros, currency: program.currency });
        let report = json!({
            "currency": program.currency,
            "amount": shown(reported.amount),
            "revenue": shown(reported.revenue),
            "payout": shown(reported.payout),
            "margin": shown(margin),
            "rate_missing": reported.waits,
        });
        members.insert("reported".into(), report);
    }
    view
}

/// A conversion as JSON; what the house earns by it is not for the partner.
pub fn show(row: &Conversion, currencies: &Currencies, for_partner: bool) -> Value {
    let mut view = json!({
        "conversion_id": row.id,
        "at": row.at.iso(),
        "event_at": row.event_at.iso(),
        "advertiser": row.advertiser,
        "offer": row.offer,
        "event": row.event,
        "partner": row.partner,
        "link": row.link,
        "click_id": row.click_id,
        "txid": row.txid,
        "subscription_id": row.subscription,
        "status": row.status,
        "held": row.held,
        "test": row.test,
        "changed_at": row.changed_at.iso(),
        "revision": row.revision,
    });
    if let Some(members) = view.as_object_mut() {
        money::put(members, "amount", row.amount, currencies);
        money::put(members, "payout", row.commission, currencies);
        members.insert("payable_at".into(), json!(row.partner_position().map(|_| row.payable_at().iso())));
        members.insert("terms".into(), json!(row.deal.as_ref().map(|deal| &deal.by)));
        if !for_partner {
            money::put(members, "revenue", row.revenue, currencies);
        }
    }
    view
}
