//! Requests that move money are carried out once per `Idempotency-Key` of their caller.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proofback_store::Idempotency;
use sha2::{Digest, Sha256};

use super::{Answer, Caller, problem};

const KEY_CHARS_MAX: usize = 200;

/// The caller's own key, where there is one. `what` names the address, so that a key belongs to one request alone.
pub fn key(
    headers: &HeaderMap,
    caller: &Caller,
    what: &str,
    body: impl AsRef<[u8]>,
) -> Result<Option<Idempotency>, Response> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().ok().map(str::trim).filter(|key| !key.is_empty() && key.len() <= KEY_CHARS_MAX);
    let message = format!("an Idempotency-Key has 1 to {KEY_CHARS_MAX} plain characters");
    let key = key.ok_or_else(|| problem::bad_request(&message))?;
    let mut request = Sha256::new();
    request.update(what);
    request.update(" ");
    request.update(body);
    let request = request.finalize().into();
    Ok(Some(Idempotency { actor: caller.name.clone(), key: key.to_owned(), request }))
}

/// The answer of now, or the one of the first time.
pub fn done(answer: String) -> Answer {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, answer).into_response())
}

pub fn key_taken() -> Response {
    let message = "this Idempotency-Key came with another request before";
    problem::problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", message)
}
