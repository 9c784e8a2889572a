//! The program in force.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use proofback_domain::program::{Mistake, read};
use proofback_store::{Edit, Outdated, Revision};
use serde_json::{Map, Value, json};

use super::files::apart;
use super::page::{Query, list as page};
use super::reviews::read_reason;
use super::{Answer, Caller, failed, problem};
use crate::program::{ApplyError, apply};
use crate::state::Web;

/// `{"revision", "at", "author", "reason", "source", "managed_by"}` of the program in force.
pub async fn show(State(web): State<Web>) -> Answer {
    let program = web.store.program().await.map_err(failed)?;
    let program = program.ok_or_else(|| problem::not_found("no program was applied yet"))?;
    let body = json!({
        "revision": program.revision,
        "at": program.at.iso(),
        "author": program.author,
        "reason": some(&program.reason),
        "source": program.source,
        "managed_by": web.settings.program_file,
    });
    Ok(tagged(program.revision, super::json(&body)))
}

/// Every program that was ever in force, newest first.
pub async fn revisions(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let request = query.page()?;
    query.finish()?;
    let rows = web.store.revisions(request).await.map_err(failed)?;
    Ok(page("revisions", rows, show_revision))
}

/// One of them with its source.
pub async fn revision(State(web): State<Web>, Path(number): Path<String>) -> Answer {
    let unknown = || problem::not_found("there is no such revision");
    let number = number.parse().map_err(|_| unknown())?;
    let (revision, source) = web.store.revision(number).await.map_err(failed)?.ok_or_else(unknown)?;
    let mut view = show_revision(&revision);
    if let Some(members) = view.as_object_mut() {
        members.insert("source".into(), source.into());
    }
    Ok(super::json(&view))
}

fn show_revision(revision: &Revision) -> Value {
    json!({
        "revision": revision.revision,
        "at": revision.at.iso(),
        "author": revision.author,
        "reason": some(&revision.reason),
    })
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// The revision is what `If-Match` names.
fn tagged(revision: u32, mut response: Response) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What is wrong with the program file that is the body; nothing is changed.
pub async fn check(body: String) -> Answer {
    let found = apart(move || read(&body).1).await?;
    Ok(super::json(&json!({ "mistakes": mistakes(&found) })))
}

/// Applies the program file that is the body, all or nothing: `?reason=` says why, and with `If-Match: "REVISION"` only
/// in the place of that one.
pub async fn put(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut query = Query::new(query.as_deref());
    let reason = query.text("reason").map(|reason| read_reason(&reason)).transpose()?;
    query.finish()?;
    let of = read_match(&headers)?;
    let edit = Edit { author: caller.name.clone(), reason: reason.unwrap_or_default(), of };
    Ok(match apply(&web.store, &body, edit, web.now(), web.world.resolve.as_ref()).await {
        Ok(applied) => {
            tracing::info!(revision = applied.revision, author = caller.name, "a program is in force");
            let answer = json!({ "revision": applied.revision, "warnings": mistakes(&applied.mistakes) });
            tagged(applied.revision, super::json(&answer))
        }
        Err(ApplyError::Outdated(outdated)) => refuse(outdated),
        Err(ApplyError::Mistakes(found)) => problem::problem_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            "program_mistakes",
            "the program has mistakes; nothing was changed",
            mistakes(&found),
        ),
        Err(error @ ApplyError::Secret { .. }) => problem::problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "secret_missing",
            &format!("{error}; nothing was changed"),
        ),
        Err(ApplyError::Store(error)) => failed(error),
    })
}

/// The revision that must be in force still; `*` is whichever is.
fn read_match(headers: &HeaderMap) -> Result<Option<u32>, Response> {
    let wrong = || problem::bad_request("If-Match is the number of a revision in quotes, as \"7\"");
    let Some(text) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = text.to_str().map_err(|_| wrong())?.trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    number.and_then(|number| number.parse().ok()).map(Some).ok_or_else(wrong)
}

fn refuse(outdated: Outdated) -> Response {
    let detail = format!("{outdated} by now; nothing was changed");
    let mut members = Map::new();
    members.insert("revision".into(), outdated.in_force.into());
    problem::problem_with_members(StatusCode::PRECONDITION_FAILED, "precondition_failed", &detail, members)
}

fn mistakes(found: &[Mistake]) -> Value {
    let show = |mistake: &Mistake| {
        json!({
            "severity": mistake.severity.to_string(),
            "line": mistake.line,
            "column": mistake.column,
            "message": mistake.message,
            "suggestion": mistake.suggestion(),
        })
    };
    found.iter().map(show).collect()
}
