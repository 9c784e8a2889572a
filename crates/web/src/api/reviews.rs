//! What waits for a person, and people's words about it; the audit log of what they did.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use proofback_domain::decide::{Decision, Refusal, Review, Word};
use proofback_domain::id::{ConversionId, PostbackId};
use proofback_domain::outcome::{Reason, Status};
use proofback_store::{Answered, AuditRow, Idempotency, ReviewFilter, Reviewed, Subject};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{Query, list as page};
use super::{Answer, Caller, conversions, failed, money, once, postbacks, problem};
use crate::state::Web;

/// Words about more than this in one request are refused.
const SUBJECTS_MAX: usize = 500;
const REASON_CHARS_MAX: usize = 500;

/// Held postbacks that a person can end, each with its explanation and its conversion.
pub async fn list(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let filter = ReviewFilter {
        reason: query.parsed("reason", Reason::parse)?,
        advertiser: query.name("advertiser")?,
        partner: query.name("partner")?,
    };
    let request = query.page()?;
    query.finish()?;
    let rows = web.store.reviews(filter, request).await.map_err(failed)?;
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let mut shown = Vec::with_capacity(rows.rows.len());
    for row in &rows.rows {
        let mut view = postbacks::show(row, true);
        if let (Some(id), Some(members)) = (row.conversion_id, view.as_object_mut()) {
            let conversion = web.store.conversion(id).await.map_err(failed)?;
            let conversion = conversion.map(|conversion| conversions::show(&conversion, &currencies, false));
            members.insert("conversion".into(), conversion.unwrap_or(Value::Null));
        }
        shown.push(view);
    }
    let next = rows.next.map_or(Value::Null, |cursor| Value::String(cursor.to_string()));
    Ok(super::json(&json!({ "reviews": shown, "next": next })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    #[serde(default)]
    postbacks: Vec<PostbackId>,
    #[serde(default)]
    conversions: Vec<ConversionId>,
    verdict: Verdict,
    reason: String,
    /// Which conversion a reversal takes back, where several could be meant.
    original: Option<ConversionId>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Accept,
    Reject,
}

/// `{"postbacks": [...], "conversions": [...], "verdict": "accept" | "reject", "reason": "..."}`: a result each.
pub async fn decide(State(web): State<Web>, Extension(caller): Extension<Caller>, body: String) -> Answer {
    let words: Words = serde_json::from_str(&body).map_err(|error| {
        let form = "{\"postbacks\": [ids], \"conversions\": [ids], \"verdict\": \"accept\" or \"reject\", \"reason\": \"...\"}";
        problem::bad_request(&format!("send {form}: {error}"))
    })?;
    let word = match words.verdict {
        Verdict::Accept => Word::Accept,
        Verdict::Reject => Word::Reject,
    };
    let review = review(&caller, word, &words.reason)?;
    let original = words.original;
    let postbacks = words.postbacks.iter().map(|id| Subject::Postback { id: *id, original });
    let conversions = words.conversions.iter().map(|id| Subject::Conversion(*id));
    let subjects: Vec<Subject> = postbacks.chain(conversions).collect();
    if subjects.is_empty() || SUBJECTS_MAX < subjects.len() {
        return Err(problem::bad_request(&format!("name 1 to {SUBJECTS_MAX} postbacks or conversions")));
    }
    let mut results = Vec::with_capacity(subjects.len());
    for subject in subjects {
        results.push(show(subject, &carry_out(&web, subject, &review).await?));
    }
    Ok(super::json(&json!({ "results": results })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: String,
    reason: String,
}

/// `{"status": "approved", "reason": "..."}`: a person sets the status of a conversion.
pub async fn set_status(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let asked: NewStatus = serde_json::from_str(&body)
        .map_err(|error| problem::bad_request(&format!("send {{\"status\", \"reason\"}}: {error}")))?;
    let status = Status::parse(&asked.status)
        .ok_or_else(|| problem::bad_request("a status is pending, approved, rejected or reversed"))?;
    let review = review(&caller, Word::Status(status), &asked.reason)?;
    one(&web, &id, review, once::key(&headers, &caller, &format!("status {id}"), &body)?).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adjustment {
    payout: String,
    reason: String,
}

/// `{"payout": "100 EUR", "reason": "..."}`: a person sets the commission of a conversion, up or down.
pub async fn adjust(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let asked: Adjustment = serde_json::from_str(&body)
        .map_err(|error| problem::bad_request(&format!("send {{\"payout\", \"reason\"}}: {error}")))?;
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let payout = currencies
        .parse_money(&asked.payout)
        .map_err(|error| problem::bad_request(&format!("payout {:?}: {error}", asked.payout)))?;
    if currencies.round(payout.into()) != Some(payout) {
        return Err(problem::bad_request("a payout has no more digits than its currency"));
    }
    let review = review(&caller, Word::Adjust(payout), &asked.reason)?;
    one(&web, &id, review, once::key(&headers, &caller, &format!("adjust {id}"), &body)?).await
}

/// Carries out a word about one conversion, once per key.
async fn one(web: &Web, id: &str, review: Review, key: Option<Idempotency>) -> Answer {
    let not_found = || problem::not_found("there is no such conversion");
    let id: ConversionId = id.parse().map_err(|_| not_found())?;
    web.store.conversion(id).await.map_err(failed)?.ok_or_else(not_found)?;
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    let author = review.author.clone();
    let show: fn(&Decision) -> String = |decision| view(decision).to_string();
    let answered =
        web.store.review_once(id, review, snapshot, web.now(), (key, show)).await.map_err(failed)?;
    match answered {
        Answered::Done(answer) => {
            tracing::info!(conversion_id = %id, author, "a person decided");
            once::done(answer)
        }
        Answered::Refused(Refusal(why)) => Err(problem::conflict("invalid_transition", &why)),
        Answered::KeyTaken => Err(once::key_taken()),
    }
}

/// What people did, newest first.
pub async fn audit(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let request = query.page()?;
    query.finish()?;
    let rows = web.store.audit(request).await.map_err(failed)?;
    Ok(page("audit", rows, show_deed))
}

fn review(caller: &Caller, word: Word, reason: &str) -> Result<Review, Response> {
    Ok(Review { word, author: caller.name.clone(), reason: read_reason(reason)? })
}

/// Why a person does something, for the audit log.
pub fn read_reason(reason: &str) -> Result<String, Response> {
    let reason = reason.trim();
    if reason.is_empty() || REASON_CHARS_MAX < reason.chars().count() {
        return Err(problem::bad_request(&format!(
            "a reason of 1 to {REASON_CHARS_MAX} characters is needed"
        )));
    }
    Ok(reason.to_owned())
}

async fn carry_out(web: &Web, subject: Subject, review: &Review) -> Result<Reviewed, Response> {
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    let reviewed = web.store.review(subject, review.clone(), snapshot, web.now()).await.map_err(failed)?;
    if let Ok(decision) = &reviewed {
        tracing::info!(
            postback_id = %decision.postback_id,
            author = review.author,
            outcome = decision.outcome.code(),
            reason = decision.reason.code(),
            "a person decided"
        );
    }
    Ok(reviewed)
}

fn show(subject: Subject, reviewed: &Reviewed) -> Value {
    let (name, id) = match subject {
        Subject::Postback { id, .. } => ("postback_id", id.to_string()),
        Subject::Conversion(id) => ("conversion_id", id.to_string()),
    };
    match reviewed {
        Ok(decision) => view(decision),
        Err(refusal) => json!({ name: id, "error": refusal.to_string() }),
    }
}

fn view(decision: &Decision) -> Value {
    json!({
        "postback_id": decision.postback_id,
        "conversion_id": decision.conversion_id,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "message": decision.message,
        "status": decision.status,
        "click_id": decision.click_id,
    })
}

fn show_deed(row: &AuditRow) -> Value {
    json!({
        "number": row.number,
        "at": row.at.iso(),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "reason": row.reason,
    })
}
