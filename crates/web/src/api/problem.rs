//! Errors at the HTTP edge: RFC 9457 problem documents with a closed set of codes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proofback_domain::time::Span;
use proofback_sheets::Fault;
use serde_json::{Map, Value, json};

/// A problem document; `code` is stable, `detail` a sentence.
pub fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    problem_with(status, code, detail, Value::Null)
}

/// Like [`problem`], with the mistakes of a program in it.
pub fn problem_with(status: StatusCode, code: &str, detail: &str, mistakes: Value) -> Response {
    let mut members = Map::new();
    if !mistakes.is_null() {
        members.insert("mistakes".into(), mistakes);
    }
    problem_with_members(status, code, detail, members)
}

/// Like [`problem`], with more members.
pub fn problem_with_members(
    status: StatusCode,
    code: &str,
    detail: &str,
    members: Map<String, Value>,
) -> Response {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(members);
    }
    let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}

/// Faults of a file, told line by line; nothing of it was taken.
pub fn bad_file(faults: &[Fault]) -> Response {
    let lines: Vec<Value> =
        faults.iter().map(|fault| json!({ "line": fault.line, "message": fault.message })).collect();
    let first = faults.first().map(ToString::to_string).unwrap_or_default();
    let more = if faults.len() > 1 { format!(", and {} more", faults.len() - 1) } else { String::new() };
    let detail = format!("the file cannot be taken, nothing was changed: {first}{more}");
    problem_with(StatusCode::UNPROCESSABLE_ENTITY, "bad_file", &detail, Value::Array(lines))
}

/// Trying again can help.
pub fn unavailable(detail: &str) -> Response {
    retry_later(problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail), Span::from_seconds(1))
}

pub fn too_large(bytes_max: usize) -> Response {
    problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &format!("a body has at most {bytes_max} bytes here"))
}

/// The log says more than the caller may know.
pub fn failed() -> Response {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "something failed here; the log says what")
}

pub fn bad_request(detail: &str) -> Response {
    problem(StatusCode::BAD_REQUEST, "bad_request", detail)
}

/// Likewise, with the parameter where the mistake lies.
#[cfg(feature = "reports")]
pub fn about_parameter(parameter: &str, message: &str) -> Response {
    let mut members = Map::new();
    members.insert("parameter".into(), parameter.into());
    let detail = format!("{parameter}: {message}");
    problem_with_members(StatusCode::BAD_REQUEST, "bad_request", &detail, members)
}

pub fn conflict(code: &str, detail: &str) -> Response {
    problem(StatusCode::CONFLICT, code, detail)
}

/// It was understood and cannot be done.
pub fn unprocessable(code: &str, detail: &str) -> Response {
    problem(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
}

pub fn not_found(detail: &str) -> Response {
    problem(StatusCode::NOT_FOUND, "not_found", detail)
}

pub fn forbidden() -> Response {
    problem(StatusCode::FORBIDDEN, "forbidden", "this token may not do that")
}

pub fn unauthorized() -> Response {
    let mut response = problem(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send a valid access token as Authorization: Bearer",
    );
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Says when to come again, in whole seconds.
pub fn retry_later(mut response: Response, wait: Span) -> Response {
    let seconds = wait.millis().div_ceil(1_000).max(1);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
