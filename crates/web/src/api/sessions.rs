//! Sessions: one's own, and for an admin everybody's.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use proofback_domain::id::SessionId;
use proofback_store::{Owner, Page, SessionRow};
use serde_json::{Value, json};

use super::page::list as page;
use super::people::{person_id, unknown};
use super::{Answer, Caller, failed, problem};
use crate::role::Access;
use crate::state::Web;

/// `GET sessions`: the caller's own, last used first.
pub async fn own(State(web): State<Web>, Extension(caller): Extension<Caller>) -> Answer {
    of(&web, caller.owner, &caller).await
}

/// `GET people/{id}/sessions`
pub async fn of_person(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let person = web.store.person(person_id(&id)?).await.map_err(failed)?.ok_or_else(unknown)?;
    of(&web, Owner::Person(person.id), &caller).await
}

/// `DELETE people/{id}/sessions`: signs a person out everywhere.
pub async fn end_all(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let ended = web.store.end_sessions(person_id(&id)?, caller.doer(), web.now()).await.map_err(failed)?;
    let ended = ended.ok_or_else(unknown)?;
    Ok(super::json(&json!({ "ended": ended })))
}

/// `DELETE sessions/{id}`: one's own; an admin ends anybody's.
pub async fn end(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let none: fn() -> Response = || problem::not_found("there is no such session");
    let id: SessionId = id.parse().map_err(|_| none())?;
    let owner = Some(caller.owner).filter(|_| !caller.role.may(Access::Admin));
    match web.store.end_session(id, owner, caller.doer(), web.now()).await.map_err(failed)? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(none()),
    }
}

async fn of(web: &Web, owner: Owner, caller: &Caller) -> Answer {
    let rows = web.store.sessions(owner, web.now()).await.map_err(failed)?;
    Ok(page("sessions", Page { rows, next: None }, |session| show(session, caller)))
}

fn show(session: &SessionRow, caller: &Caller) -> Value {
    json!({
        "id": session.id,
        "at": session.at.iso(),
        "seen_at": session.seen_at.iso(),
        "expires_at": session.expires_at.iso(),
        "ip": session.ip,
        "user_agent": session.user_agent,
        "current": caller.session == Some(session.id),
    })
}
