//! Reports that people keep, with what runs them by themselves and the address from which spreadsheets read them.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proofback_domain::calendar::Zone;
use proofback_domain::name::Name;
use proofback_domain::report::{Context, Report};
use proofback_domain::schedule::Schedule;
use proofback_domain::time::Timestamp;
use proofback_store::{Doer, GoesTo, SaveRefusal, SavedReport};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Answer, Caller, failed, problem};
use super::asked::{Asked, Format, Pairs};
use super::{Refused, compute};
use crate::role::{Role, hash_token};
use crate::state::Web;

const NAME_CHARS_MAX: usize = 200;
const QUERY_BYTES_MAX: usize = 8_192;
/// Rows of a feed that names no limit.
const FEED_ROWS: &str = "100000";
const FEED_CACHED: HeaderValue = HeaderValue::from_static("private, max-age=60");

/// A saved report as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    id: Option<String>,
    name: Option<String>,
    query: String,
    schedule: Option<Value>,
    to: Option<String>,
    format: Option<String>,
}

/// `GET reports/saved`
pub async fn list(State(web): State<Web>) -> Answer {
    let reports = web.store.saved_reports().await.map_err(failed)?;
    Ok(super::super::json(&json!({ "reports": reports.iter().map(show).collect::<Vec<_>>() })))
}

/// `GET reports/saved/{id}`
pub async fn one(State(web): State<Web>, Path(id): Path<String>) -> Answer {
    find(&web, &id).await.map(|report| super::super::json(&show(&report)))
}

/// `POST reports/saved`: `{"id", "name", "query", "schedule", "to", "format"}`
pub async fn save(State(web): State<Web>, Extension(caller): Extension<Caller>, body: String) -> Answer {
    let sent: Sent = read_body(&body)?;
    let id = sent.id.as_deref().unwrap_or_default();
    let id = Name::parse(id).map_err(|error| problem::about_parameter("id", &error.to_string()))?;
    let report = check(&web, id, sent, &caller.name)?;
    match web.store.add_saved_report(report.clone(), doer(&caller)).await.map_err(failed)? {
        Ok(()) => Ok(super::super::json(&show(&report))),
        Err(SaveRefusal::Taken) => {
            Err(problem::conflict("id_taken", "there is a report of this id; PUT changes it"))
        }
        Err(SaveRefusal::TooMany { max }) => {
            Err(problem::unprocessable("too_many", &format!("at most {max} reports are kept")))
        }
    }
}

/// `PUT reports/saved/{id}`: replaces all but its owner and its feed.
pub async fn change(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: String,
) -> Answer {
    let known = find(&web, &id).await?;
    let sent: Sent = read_body(&body)?;
    if sent.id.as_deref().is_some_and(|named| named != known.id.as_str()) {
        return Err(problem::about_parameter("id", "an id is fixed; it is the one in the address"));
    }
    let report = check(&web, known.id, sent, &known.owner)?;
    if !web.store.change_saved_report(report.clone(), doer(&caller)).await.map_err(failed)? {
        return Err(unknown());
    }
    find(&web, &id).await.map(|report| super::super::json(&show(&report)))
}

/// `DELETE reports/saved/{id}`
pub async fn remove(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = Name::parse(&id).map_err(|_| unknown())?;
    match web.store.remove_saved_report(id, doer(&caller), web.now()).await.map_err(failed)? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(unknown()),
    }
}

/// `GET reports/saved/{id}/run?format=&at=`: computed now, or as of another time.
pub async fn run(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let report = find(&web, &id).await?;
    let (mut asked, mut at) = (Asked::read(query.as_deref())?, web.now());
    for (name, value) in &asked.pairs {
        let read = Timestamp::parse(value).filter(|_| name == "at");
        at = read.ok_or_else(|| {
            problem::about_parameter(name, "a saved report takes format, links, pieces, totals and at")
        })?;
    }
    let names_format = query.is_some_and(|query| {
        form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "format" && !value.is_empty())
    });
    if !names_format {
        asked.format = Format::parse(&report.format).unwrap_or(Format::Json);
    }
    let kept = Asked::read(Some(&report.query))?;
    asked.totals |= kept.totals;
    asked.links |= kept.links;
    asked.pieces |= kept.pieces;
    let computed = compute(&web, &kept.pairs, &caller.role, at).await.map_err(Refused::answer)?;
    computed.shown(&asked, report.id.as_str())
}

/// `POST reports/saved/{id}/feed`: `{"url"}`, told this once. An earlier address ends.
pub async fn open_feed(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let report = find(&web, &id).await?;
    let snapshot = web.store.snapshot().ok_or_else(|| Refused::NoProgram.answer())?;
    let secret = web.ids.secret();
    let hash = Some(hash_token(&secret));
    if !web.store.set_feed(report.id, hash, doer(&caller), web.now()).await.map_err(failed)? {
        return Err(unknown());
    }
    let url = format!("{}/feeds/{secret}.csv", snapshot.program.base_url);
    Ok(super::super::json(&json!({ "url": url })))
}

/// `DELETE reports/saved/{id}/feed`
pub async fn end_feed(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let report = find(&web, &id).await?;
    match web.store.set_feed(report.id, None, doer(&caller), web.now()).await.map_err(failed)? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(problem::not_found("this report has no feed")),
    }
}

/// `GET /feeds/{secret}.csv`, without any header: who knows the address may read it. The secret is looked up by its
/// hash, so that nothing tells how much of a guess was right.
pub async fn feed(State(web): State<Web>, Path(file): Path<String>) -> Answer {
    let unknown = || problem::not_found("nothing is at this address");
    let secret = file.strip_suffix(".csv").ok_or_else(unknown)?;
    let report = web.store.feed(hash_token(secret)).await.map_err(failed)?.ok_or_else(unknown)?;
    let mut kept = Asked::read(Some(&report.query))?;
    if !kept.pairs.iter().any(|(name, value)| name == "limit" && !value.is_empty()) {
        kept.pairs.push(("limit".into(), FEED_ROWS.into()));
    }
    let computed = compute(&web, &kept.pairs, &Role::Viewer, web.now()).await.map_err(Refused::answer)?;
    let bytes = computed.file(Format::Csv, kept.totals)?;
    let mut response = Format::Csv.document(report.id.as_str(), bytes);
    response.headers_mut().insert(header::CACHE_CONTROL, FEED_CACHED);
    Ok(response)
}

fn doer(caller: &Caller) -> Doer {
    Doer { actor: caller.name.clone(), reason: String::new() }
}

fn unknown() -> Response {
    problem::not_found("there is no such report")
}

async fn find(web: &Web, id: &str) -> Result<SavedReport, Response> {
    let id = Name::parse(id).map_err(|_| unknown())?;
    web.store.saved_report(id).await.map_err(failed)?.ok_or_else(unknown)
}

fn read_body(body: &str) -> Result<Sent, Response> {
    serde_json::from_str(body).map_err(|error| problem::bad_request(&format!("the body: {error}")))
}

/// A report that can be kept: everything in it is read once, and what is due is reckoned.
fn check(web: &Web, id: Name, sent: Sent, owner: &str) -> Result<SavedReport, Response> {
    let now = web.now();
    let snapshot = web.store.snapshot().ok_or_else(|| Refused::NoProgram.answer())?;
    let name = sent.name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.to_string());
    if NAME_CHARS_MAX < name.chars().count() || name.chars().any(char::is_control) {
        let message =
            format!("a name has at most {NAME_CHARS_MAX} characters, and none that controls a screen");
        return Err(problem::about_parameter("name", &message));
    }
    let query = sent.query.trim_start_matches('?').to_owned();
    if QUERY_BYTES_MAX < query.len() {
        return Err(problem::about_parameter(
            "query",
            &format!("a query has at most {QUERY_BYTES_MAX} bytes"),
        ));
    }
    let kept = Asked::read(Some(&query))?;
    read(&kept.pairs, &Context::of(&snapshot, now, now))?;
    let code = sent.format.unwrap_or_else(|| "csv".into());
    let format = Format::parse(&code).filter(|format| *format != Format::Series);
    let format =
        format.ok_or_else(|| problem::about_parameter("format", "it is one of json, csv, xlsx, parquet"))?;
    let schedule = sent.schedule.as_ref().map(Schedule::parse).transpose();
    let schedule = schedule.map_err(|message| problem::about_parameter("schedule", &message))?;
    let to = sent
        .to
        .filter(|to| !to.is_empty())
        .map(|to| GoesTo::parse(&to).ok_or_else(|| problem::about_parameter("to", "it is file or webhook")));
    let to = to.transpose()?;
    if schedule.is_some() != to.is_some() {
        let message = "a schedule and where it goes to belong together: \"to\" is file or webhook";
        return Err(problem::about_parameter("to", message));
    }
    let zone: &Zone = &snapshot.program.timezone;
    Ok(SavedReport {
        id,
        title: name,
        query,
        format: format.code().to_owned(),
        next_run_at: schedule.as_ref().map(|schedule| schedule.next_run(now, zone)),
        schedule,
        to,
        owner: owner.to_owned(),
        created_at: now,
        changed_at: now,
        last_run_at: None,
        last_error: String::new(),
        has_feed: false,
    })
}

fn read(pairs: &Pairs, context: &Context<'_>) -> Result<Report, Response> {
    Report::parse(pairs, context).map_err(|error| Refused::Asked(error).answer())
}

fn show(report: &SavedReport) -> Value {
    let time = |at: Option<Timestamp>| at.map(Timestamp::iso);
    let error = Some(&report.last_error).filter(|error| !error.is_empty());
    json!({
        "id": report.id,
        "name": report.title,
        "query": report.query,
        "schedule": report.schedule.as_ref().map(Schedule::to_json),
        "to": report.to.map(GoesTo::code),
        "format": report.format,
        "owner": report.owner,
        "created_at": report.created_at.iso(),
        "changed_at": report.changed_at.iso(),
        "next_run_at": time(report.next_run_at),
        "last_run_at": time(report.last_run_at),
        "last_error": error,
        "feed": report.has_feed,
    })
}
