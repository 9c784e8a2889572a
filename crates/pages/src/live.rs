//! The postback log as it grows, for a page that is open: rows as the log shows them, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::StreamExt;

use crate::log::{LogRow, Postback};
use crate::show::clean;
use crate::trouble::Trouble;
use crate::visit::{Page, Visit};

/// Whoever stands in between keeps the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

pub async fn rows(visit: Visit) -> Page {
    let last = visit.headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let decided =
        visit.pages.web.postbacks_live(&visit.session.caller, Some(&visit.query), last.as_deref()).await;
    let decided = match decided {
        Ok(decided) => decided,
        Err(refused) => return Err(Trouble::of_problem(refused.status(), &serde_json::Value::Null)),
    };
    let frame = visit.frame.clone();
    let events = decided.filter_map(move |one| {
        let row = row(&frame, one.postback);
        async move { row.map(|html| Ok::<_, Infallible>(Event::default().id(one.id).event("row").data(html))) }
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT_EVERY)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn row(frame: &crate::frame::Frame, mut value: serde_json::Value) -> Option<String> {
    clean(&mut value);
    let postback: Postback = serde_json::from_value(value).ok()?;
    // An event's lines are parted by line breaks; a row is one line.
    LogRow { frame, postback: &postback }.render().ok().map(|html| html.replace(['\r', '\n'], " "))
}
