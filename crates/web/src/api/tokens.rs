//! Access tokens: made, listed, revoked.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use proofback_domain::id::TokenId;
use proofback_store::{NewToken, TokenRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{Query, list as page};
use super::people::{name, role};
use super::{Answer, Caller, failed, problem};
use crate::role::hash_token;
use crate::state::Web;

/// `GET tokens`
pub async fn list(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let request = query.page()?;
    query.finish()?;
    let tokens = web.store.tokens(request).await.map_err(failed)?;
    Ok(page("tokens", tokens, show))
}

#[derive(Deserialize)]
struct Sent {
    role: String,
    name: String,
}

/// `POST tokens`: the answer is the only place where a token is ever shown.
pub async fn create(State(web): State<Web>, Extension(caller): Extension<Caller>, body: String) -> Answer {
    let sent: Sent = serde_json::from_str(&body)
        .map_err(|_| problem::bad_request("send {\"role\": ..., \"name\": ...}"))?;
    let (role, name) = (role(&sent.role)?, name(&sent.name)?);
    let token = format!("pb_{}", web.ids.secret());
    let now = web.now();
    let id = web.ids.token(now);
    let new = NewToken { id, name: name.clone(), role: role.to_string(), hash: hash_token(&token) };
    web.store.add_token(new, caller.doer(), now).await.map_err(failed)?;
    Ok(super::json(&json!({ "id": id, "name": name, "role": role.to_string(), "token": token })))
}

/// `DELETE tokens/{id}`: it lets nobody in any more, and the sessions that were opened with it end. It stays listed.
pub async fn revoke(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id: TokenId = id.parse().map_err(|_| unknown())?;
    match web.store.revoke_token(id, caller.doer(), web.now()).await.map_err(failed)? {
        Some(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        None => Err(unknown()),
    }
}

fn unknown() -> Response {
    problem::not_found("there is no such token")
}

fn show(token: &TokenRow) -> Value {
    json!({
        "id": token.id,
        "at": token.at.iso(),
        "name": token.name,
        "role": token.role,
        "revoked_at": token.revoked_at.map(|at| at.iso()),
    })
}
