//! Who calls: a bearer token, looked up by its hash. What a browser keeps of a session is one, too: a page sends it
//! along, a browser by itself does not.

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use proofback_domain::id::SessionId;
use proofback_store::{Doer, Owner};
use subtle::ConstantTimeEq;

use super::problem;
use crate::people::OPERATOR;
use crate::role::{Role, hash_token};
use crate::state::Web;

/// Who asks: the owner of the token that a request came with, or whoever is signed in to the pages.
#[derive(Debug, Clone)]
pub struct Caller {
    pub name: String,
    pub role: Role,
    /// Whose sessions are its own.
    pub owner: Owner,
    /// The session that it calls in, if it does.
    pub session: Option<SessionId>,
}

impl Caller {
    /// For the audit log.
    pub fn doer(&self) -> Doer {
        Doer { actor: self.name.clone(), reason: String::new() }
    }
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
        let name = OPERATOR.to_owned();
        return Ok(Some(Caller { name, role: Role::Admin, owner: Owner::Operator, session: None }));
    }
    if let Some(found) = web.store.token(hash).await.map_err(super::failed)? {
        let owner = Owner::Token(found.id);
        return Ok(Role::parse(&found.role).map(|role| Caller {
            name: found.name,
            role,
            owner,
            session: None,
        }));
    }
    let session = web.session(token).await.map_err(super::failed)?;
    Ok(session.map(|session| session.caller))
}
