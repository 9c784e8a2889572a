//! `GET postbacks/stream`: the log as it grows, as server-sent events; for pages, as values.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use proofback_domain::time::Span;
use proofback_store::Place;
use serde_json::Value;

use super::page::Query;
use super::{Answer, Caller, failed, postbacks, problem};
use crate::live::{Full, Looker};
use crate::role::Access;
use crate::state::Web;

/// A comment, where nothing else is said for so long: who is in between keeps the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// After which time a browser that was cut off comes back.
const BACK_AFTER: Duration = Duration::from_secs(2);
/// When one who found no room is to come again.
const ROOM_AFTER: Span = Span::from_seconds(30);

/// A decision as it was made.
#[derive(Debug, Clone)]
pub struct LivePostback {
    /// Whoever comes back with it goes on behind it.
    pub id: String,
    /// As in the list of postbacks.
    pub postback: Value,
}

impl Web {
    /// Decisions that the query of the list lets through, from now on or from behind the last one that was seen. Ends
    /// when the server stops, and where the store cannot be read: then it is to be asked for again.
    pub async fn postbacks_live(
        &self,
        caller: &Caller,
        query: Option<&str>,
        last_event_id: Option<&str>,
    ) -> Result<impl Stream<Item = LivePostback> + Send + use<>, Response> {
        if !caller.role.may(Access::Staff) {
            return Err(problem::forbidden());
        }
        let mut query = Query::new(query);
        let filter = postbacks::filter(self, &mut query)?;
        query.finish()?;
        let unread = || problem::bad_request("Last-Event-ID is none of this stream");
        let after = last_event_id.map(|id| Place::parse(id).ok_or_else(unread)).transpose()?;
        let looker = Looker::seat(self, filter, after).await.map_err(failed)?.map_err(|Full| full())?;
        Ok(stream::unfold(looker, |mut looker| async {
            let decided = looker.next().await?;
            let postback = postbacks::show(&decided.row, false);
            Some((LivePostback { id: decided.place.to_string(), postback }, looker))
        }))
    }
}

fn full() -> Response {
    let detail = "as many look on as there is room for";
    problem::retry_later(problem::problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail), ROOM_AFTER)
}

/// One event for each decision, with its JSON as in the list.
pub async fn stream(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
    let decisions = web.postbacks_live(&caller, query.as_deref(), last).await?;
    let begin = stream::iter([Event::default().retry(BACK_AFTER)]);
    let events = decisions.map(|one| Event::default().id(one.id).data(one.postback.to_string()));
    Ok(as_events(begin.chain(events)))
}

/// An answer that goes on, for the API and for pages: never silent for long, and collected by nobody on the way.
pub fn as_events(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT_EVERY)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // What stands in between is not to collect what is to be seen at once.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
