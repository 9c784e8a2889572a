//! The proof of the journal and the closing of periods.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use proofback_domain::calendar::Day;
use proofback_domain::program::Snapshot;
use proofback_domain::time::Timestamp;
use proofback_store::{CloseRefusal, Closing, LedgerHead, LedgerReport, PeriodClose, Seal, hex};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{Query, list as page};
use super::reviews::read_reason;
use super::{Answer, Caller, failed, problem};
use crate::state::Web;

/// `GET ledger/verify?expect=NUMBER:HASH`: every entry is read and every seal computed again.
pub async fn verify(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let expect = query.parsed("expect", LedgerHead::parse)?;
    query.finish()?;
    let report = web.store.verify_ledger(expect).await.map_err(failed)?;
    if 0 < report.differences_total {
        tracing::error!(differences = report.differences_total, "the journal is not as it was sealed");
    }
    Ok(super::json(&show_report(&report)))
}

/// `GET verify`: the journal against its seals, and facts against the rows that they come from.
pub async fn verify_all(State(web): State<Web>) -> Answer {
    let ledger = web.store.verify_ledger(None).await.map_err(failed)?;
    let facts = web.store.verify_facts().await.map_err(failed)?;
    let differences = ledger.differences_total + facts.differences_total;
    if 0 < differences {
        tracing::error!(differences, "reports, balances or counters are not what their rows sum to");
    }
    Ok(super::json(&json!({
        "sound": differences == 0,
        "ledger": show_report(&ledger),
        "facts": {
            "sound": facts.differences_total == 0,
            "files": facts.files,
            "rows": facts.rows,
            "differences": facts.differences,
            "differences_total": facts.differences_total,
        },
    })))
}

fn show_report(report: &LedgerReport) -> Value {
    json!({
        "sound": report.differences_total == 0,
        "entries": report.entries,
        "seals": report.seals,
        "unsealed": report.unsealed,
        "head": report.head.map(|head| head.to_string()),
        "differences": report.differences,
        "differences_total": report.differences_total,
    })
}

pub async fn seals(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let request = query.page()?;
    query.finish()?;
    let rows = web.store.seals(request).await.map_err(failed)?;
    Ok(page("seals", rows, show_seal))
}

fn show_seal(seal: &Seal) -> Value {
    json!({
        "number": seal.number,
        "at": seal.at.iso(),
        "first_entry": seal.first_entry,
        "last_entry": seal.last_entry,
        "hash": hex(&seal.hash),
    })
}

/// Closed periods, newest first.
pub async fn periods(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let request = query.page()?;
    query.finish()?;
    let rows = web.store.closes(request).await.map_err(failed)?;
    Ok(page("periods", rows, show_period))
}

fn show_period(period: &PeriodClose) -> Value {
    json!({
        "number": period.number,
        "up_to": period.day.to_string(),
        "until": period.until.iso(),
        "closed_at": period.at.iso(),
        "closed_by": period.actor,
        "last_entry": period.last_entry,
        "hash": hex(&period.hash),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    up_to: String,
    reason: String,
}

/// `{"up_to": "2026-10-31", "reason": "..."}`: nothing is booked into that day or before it any more.
pub async fn close(State(web): State<Web>, Extension(caller): Extension<Caller>, body: String) -> Answer {
    let asked: Asked = serde_json::from_str(&body)
        .map_err(|error| problem::bad_request(&format!("send {{\"up_to\", \"reason\"}}: {error}")))?;
    let day = Day::parse(&asked.up_to)
        .ok_or_else(|| problem::bad_request("up_to is the last day of the period, as 2026-10-31"))?;
    let reason = read_reason(&asked.reason)?;
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    let closing = Closing { day, until: end_of(day, &snapshot), actor: caller.name.clone(), reason };
    let closed = web.store.close_period(closing, web.now()).await.map_err(failed)?;
    let closed = closed.map_err(|refusal| refuse(&refusal))?;
    tracing::info!(up_to = %closed.day, actor = caller.name, "a period is closed");
    Ok(super::json(&show_period(&closed)))
}

/// The first moment of the day after, in the program's time zone.
fn end_of(day: Day, snapshot: &Snapshot) -> Timestamp {
    snapshot.program.timezone.start(day.next())
}

fn refuse(refusal: &CloseRefusal) -> Response {
    let code = match refusal {
        CloseRefusal::NotEnded { .. } => "period_open",
        CloseRefusal::Earlier { .. } => "period_closed",
    };
    problem::conflict(code, &refusal.to_string())
}
