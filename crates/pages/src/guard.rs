//! What stands before and around every page: who is asking, whether he may, that a form came from here, and what a
//! browser is told to forbid.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use proofback_web::{Access, Seen, Session};

use crate::Pages;
use crate::client::query;
use crate::cookie;
use crate::frame::Frame;
use crate::trouble::Trouble;

/// Whoever asks, before it is known whether he may.
#[derive(Clone)]
pub struct Visitor {
    pub session: Option<Session>,
    pub frame: Frame,
    pub seen: Seen,
    /// Cookies go over HTTPS alone.
    pub secure: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Trouble> {
        // The layer around all pages put it there.
        parts.extensions.get::<Self>().cloned().ok_or_else(Trouble::unavailable)
    }
}

/// Finds out who asks, refuses forms of other sites, and puts the frame around what went wrong.
pub async fn dress(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let about = pages.web.about();
    let secure = about.base_url.starts_with("https://");
    let seen = pages.web.seen(&parts);
    let session = match cookie::session(&parts.headers, secure) {
        Some(token) => match pages.web.session(token).await {
            Ok(session) => session,
            Err(error) => {
                tracing::error!(%error, "a session could not be looked up");
                return Trouble::unavailable().alone();
            }
        },
        None => None,
    };
    let mut frame = match &session {
        Some(session) => {
            let who =
                session.person.as_ref().map_or(session.caller.name.as_str(), |person| person.name.as_str());
            Frame::of(&session.caller.role, who, about, pages.web.now(), parts.uri.path())
        }
        None => Frame::alone(),
    };
    frame.theme = match cookie::of(&parts.headers, cookie::THEME) {
        Some(theme @ ("light" | "dark")) => theme.to_owned(),
        Some(_) | None => String::new(),
    };
    frame.notice = cookie::notice(&parts.headers);
    let told = frame.notice.is_some();
    if !parts.method.is_safe() && !is_ours(&parts.headers) {
        tracing::warn!(path = parts.uri.path(), "a form of another site was refused");
        return Trouble::foreign().framed_or_alone(&frame, session.is_some());
    }
    let signed_in = session.is_some();
    parts.extensions.insert(Visitor { session, frame: frame.clone(), seen, secure });
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(trouble) = response.extensions().get::<Trouble>() {
        response = trouble.framed_or_alone(&frame, signed_in);
    }
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/html"));
    if told && is_page {
        response.headers_mut().append(header::SET_COOKIE, cookie::drop_notice(secure));
    }
    if is_page {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Lets those through whose role includes this address; whoever has no session is shown where to sign in.
pub async fn admit(access: Access, request: Request, next: Next) -> Response {
    let Some(visitor) = request.extensions().get::<Visitor>() else {
        return Trouble::unavailable().into_response();
    };
    match &visitor.session {
        _ if access == Access::Everyone => next.run(request).await,
        Some(session) if session.caller.role.may(access) => next.run(request).await,
        Some(_) => Trouble::forbidden().into_response(),
        None => to_sign_in(&request),
    }
}

fn to_sign_in(request: &Request) -> Response {
    let page = request.uri().path_and_query().map_or("/", |uri| uri.as_str());
    let then = if request.method() == Method::GET { page } else { "" };
    let address = match then {
        "" | "/" => "/sign-in".to_owned(),
        then => format!("/sign-in?{}", query([("then", then)])),
    };
    let headers = request.headers();
    if headers.contains_key("hx-request") {
        // A piece of a page cannot show the form: the browser is to load it whole.
        let address =
            HeaderValue::from_str(&address).unwrap_or_else(|_| HeaderValue::from_static("/sign-in"));
        return ([("hx-redirect", address)], StatusCode::UNAUTHORIZED).into_response();
    }
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if !accepted.contains("text/html") {
        // A program that mistook the address is told so: at the end of a redirect it would find a page and be content.
        return (StatusCode::UNAUTHORIZED, "sign in; or is this a wrong address?\n").into_response();
    }
    Redirect::to(&address).into_response()
}

/// Browsers say where a request comes from, and a page cannot make them say otherwise (Fetch Metadata; RFC 6454). A
/// request that says nothing is no form of ours.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let host = text("host").unwrap_or_default();
    let origin = text("origin").and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, named)| !host.is_empty() && named.eq_ignore_ascii_case(host))
}

/// Nothing is loaded from elsewhere, nothing inline runs, nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // A document of the API has a stricter one of its own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // `no-referrer` would take the origin from forms, too.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            header::HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_of_this_server_are_taken() {
        for (pairs, ours) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a:1"), ("host", "a:1")], false),
            (&[("origin", "http://track.example"), ("host", "track.example")], true),
            (&[("origin", "http://track.example.evil"), ("host", "track.example")], false),
            (&[("origin", "null"), ("host", "track.example")], false),
            (&[("host", "track.example")], false),
            (&[("origin", "http://"), ("host", "")], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_ours(&headers), ours, "{pairs:?}");
        }
    }
}
