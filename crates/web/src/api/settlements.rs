//! Payouts to partners and invoices to advertisers: previewed, made, moved on, and shown as documents.

mod paper;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use proofback_domain::calendar::Day;
use proofback_domain::id::SettlementId;
use proofback_domain::money::{Currencies, Money};
use proofback_domain::name::Name;
use proofback_domain::program::Snapshot;
use proofback_domain::settlement::{Refusal, SettlementKind, Step};
use proofback_domain::time::Timestamp;
use proofback_store::{NewSettlement, Open, Settled, SettlementLine, SettlementRow, ShowSettlement};
use serde::Deserialize;
use serde_json::{Value, json};

use super::document::Format;
use super::page::{Query, list as page};
use super::{Answer, Caller, Routes, failed, money, once, problem};
use crate::role::Access::{Accounts, SignedIn, Staff};
use crate::state::Web;
use paper::Paper;

/// Which kind an address is about.
#[derive(Clone, Copy)]
pub struct Of(SettlementKind);

/// The addresses of one kind: `payouts` or `invoices`.
pub fn routes(kind: SettlementKind) -> Routes {
    let all = format!("/{}", plural(kind));
    Routes::default()
        .get(&all, SignedIn, "Settlements, newest first.", list)
        .post(&all, Accounts, "Settles what is open, or proposes it.", create)
        .get(&format!("{all}/preview"), Staff, "What could be settled now.", preview)
        .get(&format!("{all}/{{id}}"), SignedIn, "One settlement with its lines.", one)
        .post(&format!("{all}/{{id}}/{{step}}"), Accounts, "Moves a settlement on.", advance)
        .with(Of(kind))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(alias = "advertiser")]
    partner: Name,
    currency: String,
    up_to: Option<String>,
    #[serde(default)]
    draft: bool,
}

/// `{"partner": "reelmedia", "currency": "EUR", "up_to": "2026-11-30", "draft": false}`; of an invoice `advertiser`.
pub async fn create(
    State(web): State<Web>,
    Extension(Of(kind)): Extension<Of>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let party = owner(kind);
    let asked: Asked = serde_json::from_str(&body).map_err(|error| {
        let form = format!("{{\"{party}\", \"currency\", \"up_to\"}}");
        problem::bad_request(&format!("send {form}: {error}"))
    })?;
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    known_party(&web, kind, &asked.partner, &snapshot).await?;
    let currency = snapshot.program.currencies.parse(&asked.currency);
    let currency =
        currency.map_err(|error| problem::bad_request(&format!("currency {:?}: {error}", asked.currency)))?;
    let now = web.now();
    let up_to = last_day(asked.up_to.as_deref(), &snapshot, now)?;
    let key = once::key(&headers, &caller, &format!("{}s", kind.code()), &body)?;
    let new = NewSettlement {
        kind,
        party: asked.partner,
        currency,
        up_to,
        author: caller.name.clone(),
        draft: asked.draft,
        id: web.ids.settlement(now),
    };
    let currencies = snapshot.program.currencies.clone();
    let settled = web.store.settle(new, snapshot, now, key, shown(currencies)).await.map_err(failed)?;
    answer(settled, &caller, kind)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    #[serde(default)]
    reason: String,
}

/// The word in an address for a step: `paid` settles a draft of a payout, `invoiced` one of an invoice, `received`
/// says that its money came, `cancel` gives a draft up and books back what was booked.
fn step(kind: SettlementKind, word: &str) -> Option<Step> {
    match (kind, word) {
        (SettlementKind::Payout, "paid") | (SettlementKind::Invoice, "invoiced") => Some(Step::Settle),
        (SettlementKind::Invoice, "received") => Some(Step::Receive),
        (_, "cancel") => Some(Step::Cancel),
        (_, _) => None,
    }
}

/// `POST {id}/{step}`, with `{"reason": "..."}` or nothing; cancelling needs a reason.
pub async fn advance(
    State(web): State<Web>,
    Extension(Of(kind)): Extension<Of>,
    Extension(caller): Extension<Caller>,
    Path((id, word)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let Some(step) = step(kind, &word) else {
        return Ok(super::not_found().await);
    };
    let moved: Moved = match body.trim() {
        "" => Moved { reason: String::new() },
        text => serde_json::from_str(text)
            .map_err(|error| problem::bad_request(&format!("send {{\"reason\"}} or nothing: {error}")))?,
    };
    if step == Step::Cancel && moved.reason.trim().is_empty() {
        return Err(problem::bad_request("a reason is needed: send {\"reason\": \"...\"}"));
    }
    let id: SettlementId = id.parse().map_err(|_| unknown(kind))?;
    let key = once::key(&headers, &caller, &format!("{} {id} {word}", kind.code()), &body)?;
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let said = (caller.name.clone(), moved.reason.trim().to_owned());
    let moved = web.store.move_settlement((kind, id, step), said, web.now(), key, shown(currencies));
    answer(moved.await.map_err(failed)?, &caller, kind)
}

/// What could be settled now, of one party or of all: `?partner=&up_to=`.
pub async fn preview(
    State(web): State<Web>,
    Extension(Of(kind)): Extension<Of>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut query = Query::new(query.as_deref());
    let party = query.name(owner(kind))?;
    let up_to = query.text("up_to");
    query.finish()?;
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    let now = web.now();
    let (day, end) = last_day(up_to.as_deref(), &snapshot, now)?;
    let currencies = snapshot.program.currencies.clone();
    let open = web.store.open_settlements(kind, party, end, snapshot, now).await.map_err(failed)?;
    let rows: Vec<Value> = open.iter().map(|open| show_open(open, kind, &currencies)).collect();
    Ok(super::json(&json!({ "up_to": day.to_string(), "open": rows })))
}

/// Settlements, newest first; a partner sees its own payouts, an advertiser its own invoices.
pub async fn list(
    State(web): State<Web>,
    Extension(Of(kind)): Extension<Of>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut query = Query::new(query.as_deref());
    let party = query.name(owner(kind))?;
    let request = query.page()?;
    query.finish()?;
    let party = if caller.role.is_staff() {
        party
    } else {
        Some(caller.role.party(kind).cloned().ok_or_else(problem::forbidden)?)
    };
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let rows = web.store.settlements(kind, party, request).await.map_err(failed)?;
    Ok(page(plural(kind), rows, |row| show(row, &currencies)))
}

/// A settlement with its lines: as JSON or, with `?format=csv|xlsx|html`, as a document.
pub async fn one(
    State(web): State<Web>,
    Extension(Of(kind)): Extension<Of>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut query = Query::new(query.as_deref());
    let format = Format::read(&mut query)?;
    query.finish()?;
    let id: SettlementId = id.parse().map_err(|_| unknown(kind))?;
    let found = web.store.settlement(kind, id).await.map_err(failed)?;
    let (row, lines) = found.ok_or_else(|| unknown(kind))?;
    if !caller.role.is_staff() && caller.role.party(kind) != Some(&row.party) {
        return Err(unknown(kind));
    }
    let snapshot = web.store.snapshot();
    if format != Format::Json {
        return paper::answer(format, Paper::new(row, lines, snapshot.as_deref())).await;
    }
    let currencies = money::currencies(snapshot.as_deref());
    let mut view = show(&row, &currencies);
    if let Some(members) = view.as_object_mut() {
        let lines = lines.iter().map(|line| show_line(line, &currencies)).collect();
        members.insert("lines".into(), Value::Array(lines));
    }
    Ok(super::json(&view))
}

fn answer(settled: Settled, caller: &Caller, kind: SettlementKind) -> Answer {
    match settled {
        Settled::Done(answer) => {
            tracing::info!(author = caller.name, kind = kind.code(), "a settlement was made or moved on");
            once::done(answer)
        }
        Settled::Refused(refusal) => Err(refused(&refusal)),
        Settled::Unknown => Err(unknown(kind)),
        Settled::KeyTaken => Err(once::key_taken()),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let (status, code) = match refusal {
        Refusal::Nothing { .. } => (StatusCode::CONFLICT, "nothing_open"),
        Refusal::Carried { .. } => (StatusCode::CONFLICT, "negative_balance"),
        Refusal::BelowMinimum { .. } => (StatusCode::CONFLICT, "below_minimum"),
        Refusal::Step { .. } => (StatusCode::CONFLICT, "invalid_transition"),
        Refusal::TooLarge => (StatusCode::UNPROCESSABLE_ENTITY, "too_large"),
    };
    problem::problem(status, code, &refusal.to_string())
}

fn unknown(kind: SettlementKind) -> Response {
    problem::not_found(&format!("there is no such {}", kind.code()))
}

/// The name under which a kind's party goes.
fn owner(kind: SettlementKind) -> &'static str {
    match kind {
        SettlementKind::Payout => "partner",
        SettlementKind::Invoice => "advertiser",
    }
}

fn plural(kind: SettlementKind) -> &'static str {
    match kind {
        SettlementKind::Payout => "payouts",
        SettlementKind::Invoice => "invoices",
    }
}

/// Somebody of the program, or who left it and still has an account.
async fn known_party(
    web: &Web,
    kind: SettlementKind,
    party: &Name,
    snapshot: &Snapshot,
) -> Result<(), Response> {
    let program = &snapshot.program;
    let known = match kind {
        SettlementKind::Payout => program.partners.contains_key(party),
        SettlementKind::Invoice => program.advertisers.contains_key(party),
    };
    let (account, _, _) = proofback_domain::settlement::accounts(kind, party);
    if known || !web.store.balances(vec![account.to_string()]).await.map_err(failed)?.is_empty() {
        return Ok(());
    }
    Err(problem::not_found(&format!("there is no {} {party}", owner(kind))))
}

/// The last day that is taken in, today where none is named, and its end in the program's time zone.
pub fn last_day(
    text: Option<&str>,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(Day, Timestamp), Response> {
    let zone = &snapshot.program.timezone;
    let day = match text {
        None => zone.day(now),
        Some(text) => Day::parse(text).ok_or_else(|| {
            problem::bad_request(&format!("up_to {text:?} is no day; write it like 2026-11-30"))
        })?,
    };
    Ok((day, zone.start(day.next())))
}

fn shown(currencies: Currencies) -> ShowSettlement {
    Box::new(move |row| show(row, &currencies).to_string())
}

fn show(row: &SettlementRow, currencies: &Currencies) -> Value {
    json!({
        "id": row.id,
        "kind": row.kind,
        owner(row.kind): row.party,
        "state": row.state,
        "amount": currencies.amount(row.amount),
        "currency": row.amount.currency,
        "conversions": row.lines,
        "up_to": row.up_to.to_string(),
        "at": row.at.iso(),
        "changed_at": row.changed_at.iso(),
        "author": row.author,
    })
}

fn show_line(line: &SettlementLine, currencies: &Currencies) -> Value {
    json!({
        "conversion_id": line.conversion_id,
        "offer": line.offer,
        "event": line.event,
        "txid": line.txid,
        "event_at": line.event_at.iso(),
        "amount": currencies.amount(line.amount),
        "currency": line.amount.currency,
    })
}

fn show_open(open: &Open, kind: SettlementKind, currencies: &Currencies) -> Value {
    let amount = |money: &Money| currencies.amount(*money);
    json!({
        owner(kind): open.party,
        "currency": open.currency,
        "conversions": open.lines,
        "amount": open.sum.as_ref().ok().map(amount),
        "not_now": open.sum.as_ref().err().map(ToString::to_string),
    })
}
