//! `GET /c/{link}`: records a click durably and sends the visitor on.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use proofback_domain::click::{Click, Place};
use proofback_domain::program::Snapshot;
use proofback_domain::route::{Routed, Visit, click_value, route};
use proofback_domain::template::Macro;
use proofback_domain::time::Timestamp;
use proofback_store::Kept;

use crate::api::problem;
use crate::refuse_long_uri;
use crate::sender::{header_text, identify};
use crate::state::Web;

/// The redirect, or with `format=json` the id and the address; the click is durable before either leaves.
pub async fn redirect(
    State(web): State<Web>,
    link: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(link)) = link else {
        return nowhere();
    };
    let (parts, _) = request.into_parts();
    if let Some(refused) = refuse_long_uri(&web, &parts.uri) {
        return refused;
    }
    let query = query(&parts);
    let json = query.iter().any(|(name, value)| name == "format" && value == "json");
    let now = web.now();
    let Some(snapshot) = web.store.snapshot() else {
        return problem::unavailable("no program is in force yet");
    };
    match lead(&web, &snapshot, &link, query, &parts, now) {
        Routed::Offer { click, url } => keep(&web, *click, &url, json).await,
        Routed::Fallback { url } => {
            web.metrics.clicks_unrouted.inc();
            found(&url)
        }
        Routed::Nowhere => {
            web.metrics.clicks_unrouted.inc();
            nowhere()
        }
    }
}

/// `HEAD`: where the link leads, without a click and so without a click id.
pub async fn preview(
    State(web): State<Web>,
    link: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(link)) = link else {
        return nowhere();
    };
    let (parts, _) = request.into_parts();
    if let Some(refused) = refuse_long_uri(&web, &parts.uri) {
        return refused;
    }
    let Some(snapshot) = web.store.snapshot() else {
        return problem::unavailable("no program is in force yet");
    };
    match lead(&web, &snapshot, &link, query(&parts), &parts, web.now()) {
        Routed::Offer { click, .. } => match snapshot.program.offers.get(&click.offer) {
            Some(offer) => found(&offer.url.render(|name| match name {
                Macro::ClickId => String::new(),
                other => click_value(other, &click),
            })),
            None => nowhere(),
        },
        Routed::Fallback { url } => found(&url),
        Routed::Nowhere => nowhere(),
    }
}

fn query(parts: &Parts) -> Vec<(String, String)> {
    form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

fn lead(
    web: &Web,
    snapshot: &Snapshot,
    link: &str,
    query: Vec<(String, String)>,
    parts: &Parts,
    now: Timestamp,
) -> Routed {
    let program = &snapshot.program;
    let Some((link, number)) =
        program.links.get(link).and_then(|link| Some((link, snapshot.number(&link.id)?)))
    else {
        return Routed::Nowhere;
    };
    let sender = identify(parts, &web.settings.trusted_proxies);
    // A trusted proxy's word for the country comes before that of the geo data.
    let mut place = Place { country: sender.country, ..Place::default() };
    place.fill((web.world.place)(sender.ip));
    let visit = Visit {
        query,
        ip: sender.ip.to_string(),
        user_agent: header_text(&parts.headers, header::USER_AGENT),
        referrer: header_text(&parts.headers, header::REFERER),
        language: header_text(&parts.headers, header::ACCEPT_LANGUAGE),
        place,
    };
    let id = web.ids.click(now, number, &snapshot.keys);
    route(&visit, link, program, id, now)
}

async fn keep(web: &Web, click: Click, url: &str, json: bool) -> Response {
    let id = click.id;
    match web.store.keep_click(click, web.settings.click_wait).await {
        Ok(kept) => {
            web.metrics.clicks.inc();
            if kept == Kept::Spilled {
                web.metrics.clicks_spilled.inc();
            }
        }
        Err(error) => {
            tracing::error!(%error, click_id = %id, "a click could be kept nowhere");
            web.metrics.unavailable.inc();
            return problem::unavailable("the click cannot be recorded now");
        }
    }
    if !json {
        return found(url);
    }
    let body = serde_json::json!({ "click_id": id, "url": url }).to_string();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

fn found(url: &str) -> Response {
    match HeaderValue::from_bytes(url.as_bytes()) {
        Ok(location) => {
            let no_store = HeaderValue::from_static("no-store");
            (StatusCode::FOUND, [(header::LOCATION, location), (header::CACHE_CONTROL, no_store)])
                .into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an address could not be written as a header");
            problem::failed()
        }
    }
}

const NOWHERE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
    <title>Link not found</title><body style=\"font:1.1rem system-ui;margin:20vh auto;max-width:28rem;padding:0 1rem\">\
    <h1>This link leads nowhere</h1><p>It is unknown, paused or no longer offered. Please check the address, or ask whoever \
    gave it to you for a new one.</p></body></html>";

fn nowhere() -> Response {
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], Html(NOWHERE)).into_response()
}
