//! What a page says when it cannot be shown.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use crate::frame::Frame;

/// Why there is no page, in words for whoever asked.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub status: StatusCode,
    /// The code of the problem document, empty where there was none.
    pub code: String,
    pub detail: String,
    /// The problem document itself.
    pub document: Value,
}

impl Trouble {
    fn new(status: StatusCode, code: &str, detail: &str) -> Self {
        Self { status, code: code.to_owned(), detail: detail.to_owned(), document: Value::Null }
    }

    pub fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Your role does not include this page.")
    }

    pub fn bad_request(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The store cannot take it now. Try again in a moment.",
        )
    }

    /// A form that another site may have sent.
    pub fn foreign() -> Self {
        let detail = "This request did not come from a page of this server, and nothing was done.";
        Self::new(StatusCode::FORBIDDEN, "foreign_request", detail)
    }

    /// The API answered what this page does not understand: a mistake of ours.
    pub fn unexpected(path: &str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(path, %error, "a page does not understand an answer of the API");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "Something failed here; the log says what.")
    }

    pub fn of_problem(status: StatusCode, document: &Value) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (code, mut detail) = (text("code"), text("detail"));
        if detail.is_empty() {
            detail = status.canonical_reason().unwrap_or("Something failed here.").to_owned();
        }
        Self { status, code, detail, document: document.clone() }
    }

    /// A sentence with a capital letter and an end.
    pub fn sentence(&self) -> String {
        let mut letters = self.detail.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        let end = if self.detail.ends_with(['.', '!', '?']) { "" } else { "." };
        format!("{first}{}{end}", letters.as_str())
    }

    fn title(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::SERVICE_UNAVAILABLE => "Not now",
            status if status.is_client_error() => "That cannot be done",
            _ => "Something failed",
        }
    }

    /// With the frame around it.
    pub fn framed(&self, frame: &Frame) -> Response {
        self.page(ErrorPage { frame, title: self.title(), sentence: self.sentence() })
    }

    pub fn framed_or_alone(&self, frame: &Frame, signed_in: bool) -> Response {
        if signed_in { self.framed(frame) } else { self.alone() }
    }

    /// For whoever has no session.
    pub fn alone(&self) -> Response {
        let frame = Frame::alone();
        self.page(ErrorAlone { frame: &frame, title: self.title(), sentence: self.sentence() })
    }

    fn page(&self, template: impl Template) -> Response {
        let Ok(html) = template.render() else {
            return self.status.into_response();
        };
        let mut response = (self.status, Html(html)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The layer around all pages puts the frame of whoever asked around it.
impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: &'a Frame,
    title: &'static str,
    sentence: String,
}

#[derive(Template)]
#[template(path = "error_alone.html")]
struct ErrorAlone<'a> {
    frame: &'a Frame,
    title: &'static str,
    sentence: String,
}
