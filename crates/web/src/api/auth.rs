//! Who calls: a bearer token, looked up by its hash.

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::problem;
use crate::role::{Role, hash_token};
use crate::state::Web;

/// Who asks: the owner of the token that a request came with, or whoever is signed in to the pages.
#[derive(Debug, Clone)]
pub struct Caller {
    pub name: String,
    pub role: Role,
}

pub async fn require_token(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    // The name of the scheme is written in any case (RFC 9110, 11.1).
    let bearer = value.and_then(|value| value.split_once(' '));
    let Some((_, token)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return problem::unauthorized();
    };
    match identify(&web, token.trim()).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) => problem::unauthorized(),
        Err(response) => response,
    }
}

async fn identify(web: &Web, token: &str) -> Result<Option<Caller>, Response> {
    let hash = hash_token(token);
    if bool::from(hash.ct_eq(&web.settings.admin_token_hash)) {
        return Ok(Some(Caller { name: "admin".into(), role: Role::Admin }));
    }
    let found = web.store.token(hash).await.map_err(super::failed)?;
    Ok(found.and_then(|found| Some(Caller { role: Role::parse(&found.role)?, name: found.name })))
}
