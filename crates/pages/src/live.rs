//! The postback log as it grows, for a page that is open: rows as the log shows them, as server-sent events.

use askama::Template;
use axum::response::sse::Event;
use futures_util::StreamExt;
use proofback_web::as_events;

use crate::log::{LogRow, Postback};
use crate::show::clean;
use crate::trouble::Trouble;
use crate::visit::{Page, Visit};

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
        async move { row.map(|html| Event::default().id(one.id).event("row").data(html)) }
    });
    Ok(as_events(events))
}

fn row(frame: &crate::frame::Frame, mut value: serde_json::Value) -> Option<String> {
    clean(&mut value);
    let postback: Postback = serde_json::from_value(value).ok()?;
    // An event's lines are parted by line breaks; a row is one line.
    LogRow { frame, postback: &postback }.render().ok().map(|html| html.replace(['\r', '\n'], " "))
}
