//! Balances and the journal.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proofback_domain::ledger::Account;
use proofback_domain::money::{Currencies, Currency};
use proofback_domain::name::Name;
use proofback_store::{EntryFilter, EntryRow};
use serde_json::{Value, json};

use super::money;
use super::page::{Query, list as page};
use super::{Answer, Caller, failed, problem};
use crate::state::Web;

/// What a partner has pending, approved and paid, per currency.
pub async fn balance(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let not_found = || problem::not_found("there is no such partner");
    if !caller.role.is_staff() && !caller.role.is_partner(&id) {
        return Err(not_found());
    }
    let name = Name::parse(&id).map_err(|_| not_found())?;
    let sides = [
        ("pending", Account::PartnerPending(name.clone())),
        ("approved", Account::PartnerApproved(name.clone())),
        ("paid", Account::PartnerPaid(name.clone())),
    ];
    let accounts = sides.iter().map(|(_, account)| account.to_string()).collect();
    let balances = web.store.balances(accounts).await.map_err(failed)?;
    let snapshot = web.store.snapshot();
    let known = snapshot.as_ref().is_some_and(|snapshot| snapshot.program.partners.contains_key(&name));
    // A partner who left the program keeps his account.
    if !known && balances.is_empty() {
        return Err(not_found());
    }
    let currencies = money::currencies(snapshot.as_deref());
    let mut by_currency: BTreeMap<Currency, BTreeMap<&str, i128>> = BTreeMap::new();
    for balance in balances {
        if let Some((side, _)) = sides.iter().find(|(_, account)| account.to_string() == balance.account) {
            by_currency.entry(balance.currency).or_default().insert(side, balance.micros);
        }
    }
    let shown: Vec<Value> =
        by_currency.iter().map(|(currency, sums)| show_sums(*currency, sums, &currencies)).collect();
    Ok(super::json(&json!({ "partner": name, "balances": shown })))
}

fn show_sums(currency: Currency, sums: &BTreeMap<&str, i128>, currencies: &Currencies) -> Value {
    let sum = |side: &str| currencies.sum(sums.get(side).copied().unwrap_or(0), currency);
    json!({ "currency": currency, "pending": sum("pending"), "approved": sum("approved"), "paid": sum("paid") })
}

pub async fn entries(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let (filter, request) = filter(query.as_deref())?;
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let rows = web.store.entries(filter, request).await.map_err(failed)?;
    Ok(page("entries", rows, |row| show(row, &currencies)))
}

fn filter(query: Option<&str>) -> Result<(EntryFilter, proofback_store::PageRequest), Response> {
    let mut query = Query::new(query);
    let filter = EntryFilter {
        conversion_id: query.parsed("conversion_id", |text| text.parse().ok())?,
        account: query.parsed("account", |text| Account::parse(text).map(|account| account.to_string()))?,
        from: query.time("from")?,
        to: query.time("to")?,
    };
    let request = query.page()?;
    query.finish()?;
    Ok((filter, request))
}

pub fn show(row: &EntryRow, currencies: &Currencies) -> Value {
    let mut entry = json!({
        "id": row.id,
        "number": row.number,
        "at": row.at.iso(),
        "debit": row.debit,
        "credit": row.credit,
        "amount": currencies.amount(row.amount),
        "currency": row.amount.currency,
        "conversion_id": row.conversion_id,
        "postback_id": row.postback_id,
        "reason": row.reason,
        "kind": row.kind,
    });
    if let Some(members) = entry.as_object_mut() {
        members.extend(row.settlement_id.map(|id| ("settlement_id".to_owned(), json!(id))));
        members.extend((!row.rate.is_empty()).then(|| ("rate".to_owned(), json!(row.rate))));
    }
    entry
}
