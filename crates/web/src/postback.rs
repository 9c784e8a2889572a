//! `/postback`, `/postback/{advertiser}` and its `/batch`: events come in, durable answers go out.

use std::error::Error as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method as HttpMethod, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use percent_encoding::percent_decode_str;
use proofback_domain::decide::Decision;
use proofback_domain::outcome::Reason;
use proofback_domain::postback::{self, Method, Reading, Rejection};
use proofback_domain::program::{Reply, Snapshot};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{RawPostback, Stopwatch, StoreError};
use serde_json::{Map, Value};

use crate::api::problem;
use crate::metrics::Answer;
use crate::sender::identify;
use crate::state::Web;
use crate::{BATCH_BYTES_MAX, POSTBACK_BYTES_MAX, program, refuse_long_uri};

pub async fn receive(State(web): State<Web>, request: Request) -> Response {
    if let Some(refused) = refuse_long_uri(&web, request.uri()) {
        return refused;
    }
    let Some(snapshot) = web.store.snapshot() else {
        return problem::unavailable("no program is in force yet");
    };
    let arrival = match take_in(&web, &snapshot, request, POSTBACK_BYTES_MAX).await {
        Ok(arrival) => arrival,
        Err(response) => return response,
    };
    let reading = match read(&web, &arrival.request, &snapshot).await {
        Ok(reading) => reading,
        Err(error) => return not_taken(&web, &error),
    };
    let always_200 = replies_always_200(&reading, &snapshot);
    match process(&web, &snapshot, &arrival, &arrival.request, reading).await {
        Answered::Decided(decision) => answer(&decision, always_200),
        Answered::OverRate(wait) => over_rate_answer(wait),
        Answered::NotTaken(error) => not_taken(&web, &error),
    }
}

/// A transparent picture of one pixel.
const GIF: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\
    \x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// `GET /pixel/{advertiser}.gif`: what a browser reports is only held. The answer is a picture; what was decided
/// stands in its headers.
pub async fn receive_pixel(State(web): State<Web>, request: Request) -> Response {
    if let Some(refused) = refuse_long_uri(&web, request.uri()) {
        return refused;
    }
    let Some(snapshot) = web.store.snapshot() else {
        return problem::unavailable("no program is in force yet");
    };
    let mut arrival = match take_in(&web, &snapshot, request, POSTBACK_BYTES_MAX).await {
        Ok(arrival) => arrival,
        Err(response) => return response,
    };
    let file = arrival.request.advertiser.unwrap_or_default();
    let Some(advertiser) = file.strip_suffix(".gif") else {
        return problem::not_found("a pixel's address ends in the advertiser's name and .gif");
    };
    arrival.request.advertiser = Some(advertiser.to_owned());
    arrival.request.pixel = true;
    let reading = postback::read(&arrival.request, &snapshot, None);
    match process(&web, &snapshot, &arrival, &arrival.request, reading).await {
        Answered::Decided(decision) => picture(&decision),
        Answered::OverRate(wait) => over_rate_answer(wait),
        Answered::NotTaken(error) => not_taken(&web, &error),
    }
}

fn picture(decision: &Decision) -> Response {
    let status = StatusCode::from_u16(decision.reason.http_status()).unwrap_or(StatusCode::OK);
    let headers = [
        ("content-type", "image/gif".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-outcome", decision.outcome.code().to_owned()),
        ("x-reason", decision.reason.code().to_owned()),
        ("x-postback-id", decision.postback_id.to_string()),
    ];
    (status, headers, GIF).into_response()
}

/// `POST /postback/{advertiser}/batch`: an answer per object, in order; each is decided by itself. The status is 200
/// if all of them were recorded.
pub async fn receive_batch(State(web): State<Web>, request: Request) -> Response {
    if let Some(refused) = refuse_long_uri(&web, request.uri()) {
        return refused;
    }
    let Some(snapshot) = web.store.snapshot() else {
        return problem::unavailable("no program is in force yet");
    };
    let arrival = match take_in(&web, &snapshot, request, BATCH_BYTES_MAX).await {
        Ok(arrival) => arrival,
        Err(response) => return response,
    };
    let batch = postback::split(&arrival.request, &snapshot);
    let mut answers = Vec::with_capacity(batch.requests.len());
    let mut unrecorded = None;
    for (number, member) in batch.requests.iter().enumerate() {
        let reading = postback::read_member(member, number, &batch, &snapshot);
        answers.push(match process(&web, &snapshot, &arrival, member, reading).await {
            Answered::Decided(decision) => Value::Object(sender_view(&decision)),
            Answered::OverRate(wait) => {
                unrecorded.get_or_insert((StatusCode::TOO_MANY_REQUESTS, wait));
                over_rate_view()
            }
            Answered::NotTaken(error) => {
                tracing::error!(%error, "a postback of a batch was not decided");
                web.metrics.unavailable.inc();
                unrecorded = Some((StatusCode::SERVICE_UNAVAILABLE, Span::from_seconds(1)));
                undecided("unavailable", "the store cannot take it now; send it again")
            }
        });
    }
    let (media, body) = if batch.is_array {
        ("application/json", Value::Array(answers).to_string())
    } else {
        ("application/x-ndjson", answers.iter().map(|answer| format!("{answer}\n")).collect())
    };
    let headers = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")];
    let response = (headers, body).into_response();
    // Nothing is answered 200 that was not recorded: when all come again, those that were are repeats.
    match unrecorded {
        Some((status, wait)) => problem::retry_later((status, response).into_response(), wait),
        None => response,
    }
}

fn over_rate_view() -> Value {
    serde_json::json!({
        "outcome": "rejected",
        "reason": "rate_limited",
        "message": "more postbacks came than were agreed; this one was not recorded",
        "advice": "Send it again after the time that Retry-After says.",
    })
}

fn over_rate_answer(wait: Span) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    let answer = (StatusCode::TOO_MANY_REQUESTS, headers, over_rate_view().to_string());
    problem::retry_later(answer.into_response(), wait)
}

fn undecided(reason: &str, message: &str) -> Value {
    serde_json::json!({ "outcome": "undecided", "reason": reason, "message": message })
}

/// What became of one postback.
enum Answered {
    Decided(Box<Decision>),
    /// Counted, not recorded.
    OverRate(Span),
    NotTaken(StoreError),
}

async fn process(
    web: &Web,
    snapshot: &Arc<Snapshot>,
    arrival: &Arrival,
    request: &postback::Request,
    reading: Reading,
) -> Answered {
    if let Some(wait) = over_rate(web, &reading, snapshot, request.at) {
        web.metrics.rate_limited.inc();
        return Answered::OverRate(wait);
    }
    let raw = RawPostback {
        method: match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        },
        path: arrival.path.clone(),
        ip: request.ip.to_canonical().to_string(),
        params: reading.stored.clone(),
        stopwatch: arrival.stopwatch.clone(),
    };
    let id = web.ids.postback(request.at);
    match web.store.decide(raw, reading, Arc::clone(snapshot), id).await {
        Ok(decision) => {
            log(web, &decision);
            Answered::Decided(Box::new(decision))
        }
        Err(error) => Answered::NotTaken(error),
    }
}

fn log(web: &Web, decision: &Decision) {
    let (outcome, reason) = (decision.outcome.code(), decision.reason.code());
    web.metrics.postbacks.get_or_create(&Answer { outcome, reason }).inc();
    tracing::info!(
        postback_id = %decision.postback_id,
        outcome,
        reason,
        advertiser = decision.advertiser.as_ref().map_or("", |id| id.as_str()),
        field = ?decision.field,
        "postback decided: {}",
        decision.message.replace(char::is_control, " ")
    );
}

pub async fn refuse_look() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,POST")]).into_response()
}

pub async fn refuse_look_at_pixel() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]).into_response()
}

/// A request as it came in.
struct Arrival {
    /// As it may be logged.
    path: String,
    request: postback::Request,
    stopwatch: Stopwatch,
}

/// Reads the request within the size limits.
async fn take_in(
    web: &Web,
    snapshot: &Snapshot,
    request: Request<Body>,
    bytes_max: usize,
) -> Result<Arrival, Response> {
    let stopwatch = web.stopwatch();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, bytes_max).await.map_err(|error| refuse_body(web, &error, bytes_max))?;
    let sender = identify(&parts, &web.settings.trusted_proxies);
    let headers = parts.headers.iter();
    let headers = headers
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let path = parts.uri.path().strip_suffix('/').unwrap_or(parts.uri.path());
    let (advertiser, path_token) = address(path);
    let request = postback::Request {
        at: web.now(),
        method: if parts.method == HttpMethod::POST { Method::Post } else { Method::Get },
        advertiser,
        path_token,
        pixel: false,
        https: sender.https,
        ip: sender.ip,
        query: parts.uri.query().unwrap_or_default().as_bytes().to_vec(),
        content_type: crate::sender::header_text(&parts.headers, header::CONTENT_TYPE),
        headers,
        body: body.to_vec(),
    };
    Ok(Arrival { path: postback::storable_path(path, snapshot), request, stopwatch })
}

/// A body that is too long, or that did not arrive whole.
fn refuse_body(web: &Web, error: &axum::Error, bytes_max: usize) -> Response {
    if error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
        web.metrics.too_large.inc();
        return problem::too_large(bytes_max);
    }
    problem::bad_request("the body did not arrive whole")
}

/// The advertiser and the token of `/postback/{advertiser}/{token}`, with or without `/batch` after either.
fn address(path: &str) -> (Option<String>, Option<String>) {
    let mut segments = path.split('/').skip(2);
    // What is no text names no advertiser and is no token, and is answered and logged as such.
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let (advertiser, second, third) = (segments.next(), segments.next(), segments.next());
    let token = second.filter(|second| third.is_some() || *second != "batch");
    (advertiser.map(decoded), token.map(decoded))
}

/// Where a link leads to several advertisers, the click itself says whose it is.
async fn read(web: &Web, request: &postback::Request, snapshot: &Snapshot) -> Result<Reading, StoreError> {
    let mut reading = postback::read(request, snapshot, None);
    let Some(id) = reading.needs_click() else {
        return Ok(reading);
    };
    if let Some(click) = web.store.click(id).await? {
        return Ok(postback::read(request, snapshot, Some(&click.advertiser)));
    }
    if web.store.has_spill() {
        return Err(StoreError::Unavailable("the click may still be in the spill".into()));
    }
    let message = "the click is not here, and without it the advertiser cannot be told";
    let advice = "Use the postback address that ends in the advertiser's name.";
    reading.rejection = Some(Rejection::new(Reason::UnknownClickId, "click_id", message).advise(advice));
    Ok(reading)
}

fn over_rate(web: &Web, reading: &Reading, snapshot: &Snapshot, now: Timestamp) -> Option<Span> {
    let advertiser = snapshot.program.advertisers.get(reading.advertiser.as_ref()?)?;
    let limit = advertiser.postback.rate_limit?;
    // Strangers are turned away before they can use up the sender's own rate.
    let stranger = reading
        .rejection
        .as_ref()
        .is_some_and(|rejection| matches!(rejection.reason, Reason::IpNotAllowed | Reason::HttpsRequired));
    if stranger { None } else { web.take_rate((advertiser.id.clone(), reading.is_pixel()), limit, now).err() }
}

fn replies_always_200(reading: &Reading, snapshot: &Snapshot) -> bool {
    let advertiser = reading.advertiser.as_ref().and_then(|id| snapshot.program.advertisers.get(id));
    advertiser.is_some_and(|advertiser| advertiser.postback.reply == Reply::Always200)
}

fn answer(decision: &Decision, always_200: bool) -> Response {
    let status = if always_200 { 200 } else { decision.reason.http_status() };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, Value::Object(sender_view(decision)).to_string()).into_response()
}

/// What the sender learns: the outcome, the ids and the field at fault; nothing of the partner, and no
/// character of a click id that he did not send.
fn sender_view(decision: &Decision) -> Map<String, Value> {
    let mut view = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            view.insert(name.to_owned(), Value::String(value));
        }
    };
    put("outcome", Some(decision.outcome.code().into()));
    put("reason", Some(decision.reason.code().into()));
    put("message", Some(decision.message.clone()));
    put("field", Some(decision.field.clone()));
    put("seen", Some(decision.seen.clone()));
    put("expected", Some(decision.expected.clone()));
    put("advice", Some(decision.advice.clone()));
    put("postback_id", Some(decision.postback_id.to_string()));
    put("conversion_id", decision.conversion_id.map(|id| id.to_string()));
    put("status", decision.status.map(|status| status.code().into()));
    put("click_id", decision.click_id.map(|id| id.to_string()));
    view
}

fn not_taken(web: &Web, error: &StoreError) -> Response {
    tracing::error!(%error, "a postback was not decided");
    web.metrics.unavailable.inc();
    program::store_problem(error)
}
