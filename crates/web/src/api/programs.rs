//! The program in force.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use proofback_domain::program::Mistake;
use serde_json::{Value, json};

use super::{Answer, Caller, failed, problem};
use crate::program::{ApplyError, apply};
use crate::state::Web;

/// `{"revision", "at", "author", "source"}` of the program in force.
pub async fn show(State(web): State<Web>) -> Answer {
    let program = web.store.program().await.map_err(failed)?;
    let program = program.ok_or_else(|| problem::not_found("no program was applied yet"))?;
    Ok(super::json(&json!({
        "revision": program.revision,
        "at": program.at.iso(),
        "author": program.author,
        "source": program.source,
    })))
}

/// Applies the program file that is the body, all or nothing.
pub async fn put(State(web): State<Web>, Extension(caller): Extension<Caller>, body: String) -> Response {
    match apply(&web.store, &body, &caller.name, web.now(), web.world.resolve.as_ref()).await {
        Ok(applied) => {
            tracing::info!(revision = applied.revision, author = caller.name, "a program is in force");
            super::json(&json!({ "revision": applied.revision, "warnings": mistakes(&applied.mistakes) }))
        }
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
    }
}

fn mistakes(found: &[Mistake]) -> Value {
    let show = |mistake: &Mistake| {
        json!({
            "severity": mistake.severity.to_string(),
            "line": mistake.line,
            "column": mistake.column,
            "message": mistake.message,
        })
    };
    found.iter().map(show).collect()
}
