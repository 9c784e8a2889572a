//! Reports over the API: asked in a query, answered as JSON, as a file to be kept, or as series.

mod asked;
mod due;
mod files;
mod profit;
mod saved;
mod series;
mod sight;
mod words;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use proofback_domain::program::Snapshot;
use proofback_domain::report::{Context, Report, ReportError, Row, Table, buckets};
use proofback_domain::time::Timestamp;
use proofback_reports::ReportsError;
use serde_json::{Map, Value, json};

use super::problem::{self, problem_with_members};
use super::{Answer, Caller, Routes, failed};
use crate::role::Access::{Configures, Everyone, SignedIn, Staff};
use crate::role::Role;
use crate::state::{Engine, Web};
use asked::{Asked, Format, Pairs};

pub use due::{Ran, ReportFile, run_due};

pub fn routes() -> Routes {
    let saved = "/reports/saved/{id}";
    Routes::default()
        .get("/reports", SignedIn, "A report.", report)
        .get("/reports/dimensions", SignedIn, "The words that reports are asked with.", words::words)
        .get("/reports/saved", Staff, "The reports that are kept.", saved::list)
        .post("/reports/saved", Configures, "Keeps a report.", saved::save)
        .get(saved, Staff, "One report that is kept.", saved::one)
        .put(saved, Configures, "Changes a report that is kept.", saved::change)
        .delete(saved, Configures, "Removes a report that is kept.", saved::remove)
        .get(&format!("{saved}/run"), Staff, "A report that is kept, computed now.", saved::run)
        .post(&format!("{saved}/feed"), Configures, "Opens the feed of a report.", saved::open_feed)
        .delete(&format!("{saved}/feed"), Configures, "Ends the feed of a report.", saved::end_feed)
        .get("/partners/{id}/profit", Staff, "What a partner cost and brought.", profit::profit)
}

/// What is read without a token: the address is the secret.
pub fn feeds() -> Routes {
    Routes::default().get("/feeds/{file}", Everyone, "The feed of a report, for spreadsheets.", saved::feed)
}

/// `GET reports?by=&metrics=&...&format=`: staff see everything, partners and advertisers what is theirs.
async fn report(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = Asked::read(query.as_deref())?;
    let answer = compute(&web, &asked.pairs, &caller.role, web.now()).await.map_err(Refused::answer)?;
    answer.shown(&asked, "report")
}

/// A report and what it came to.
pub struct Computed {
    pub report: Report,
    pub table: Table,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Asked(#[from] ReportError),
    /// The role may not see it.
    #[error("{0}")]
    Forbidden(ReportError),
    #[error("no program is in force yet")]
    NoProgram,
    #[error("nothing computes reports here")]
    NoEngine,
    #[error(transparent)]
    Engine(#[from] ReportsError),
}

/// Reads what is asked for and computes it, within what the role may see, as of `now`.
pub async fn compute(web: &Web, pairs: &Pairs, role: &Role, now: Timestamp) -> Result<Computed, Refused> {
    let engine = web.engine.as_ref().ok_or(Refused::NoEngine)?;
    let snapshot = web.store.snapshot().ok_or(Refused::NoProgram)?;
    let report = read(engine, pairs, &snapshot, now).await?;
    let named = pairs.iter().any(|(name, value)| name == "metrics" && !value.trim().is_empty());
    let report = sight::restrict(report, role, named).map_err(Refused::Forbidden)?;
    let table = engine.run(report.clone(), snapshot, now).await?;
    Ok(Computed { report, table })
}

async fn read(
    engine: &Engine,
    pairs: &Pairs,
    snapshot: &Arc<Snapshot>,
    now: Timestamp,
) -> Result<Report, Refused> {
    // Only the whole past needs to know where it begins.
    let asks_for_all = pairs.iter().any(|(name, value)| name == "period" && value.trim() == "all");
    let first = if asks_for_all { engine.first(now).await? } else { now };
    Ok(Report::parse(pairs, &Context::of(snapshot, now, first))?)
}

impl Refused {
    pub fn answer(self) -> Response {
        match self {
            Self::Asked(error) => about(StatusCode::BAD_REQUEST, "bad_request", &error),
            Self::Forbidden(error) => about(StatusCode::FORBIDDEN, "forbidden", &error),
            Self::NoProgram => problem::unavailable("no program is in force yet"),
            Self::NoEngine => problem::not_found("nothing computes reports here"),
            Self::Engine(ReportsError::Store(error)) => failed(error),
            Self::Engine(ReportsError::Asked(error)) => problem::bad_request(&error.to_string()),
            Self::Engine(
                error @ (ReportsError::Engine(_) | ReportsError::Ended(_) | ReportsError::Written(_)),
            ) => {
                tracing::error!(error = chain(&error), "a report could not be computed");
                problem::failed()
            }
        }
    }
}

/// A problem that names the parameter where it lies.
fn about(status: StatusCode, code: &str, error: &ReportError) -> Response {
    let mut members = Map::new();
    members.insert("parameter".into(), error.parameter.as_str().into());
    problem_with_members(status, code, &error.to_string(), members)
}

/// Every cause of an error, one behind the other.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl Computed {
    /// In the form that was asked for; `name` is the beginning of a file's name.
    pub fn shown(&self, asked: &Asked, name: &str) -> Answer {
        match asked.format {
            Format::Json => Ok(super::json(&self.to_json(asked))),
            Format::Series => series::series(self).map(|value| super::json(&value)).map_err(Refused::answer),
            Format::Csv | Format::Xlsx | Format::Parquet => {
                let bytes = self.file(asked.format, asked.totals)?;
                Ok(asked.format.document(&self.file_name(name), bytes))
            }
        }
    }

    /// As a file; series and JSON are none.
    pub fn file(&self, format: Format, totals: bool) -> Result<Vec<u8>, Response> {
        match format {
            Format::Json | Format::Series => Ok(self.table.to_json().to_string().into_bytes()),
            Format::Csv => Ok(files::csv(&self.table, totals)),
            Format::Xlsx => files::xlsx(&self.table, totals)
                .map_err(|error| problem::unprocessable("not_a_workbook", &error.to_string())),
            Format::Parquet => {
                proofback_reports::parquet(&self.table).map_err(|error| Refused::Engine(error).answer())
            }
        }
    }

    /// `report-2026-11-01-2026-11-30-EUR`
    fn file_name(&self, name: &str) -> String {
        let (from, to) = self.table.bounds(self.table.span);
        let money = self.table.columns.iter().find_map(|column| column.currency);
        let currency = money.map(|currency| format!("-{currency}")).unwrap_or_default();
        format!("{name}-{from}-{to}{currency}")
    }

    fn to_json(&self, asked: &Asked) -> Value {
        let mut answer = self.table.to_json();
        if asked.pieces
            && let (Some(pieces), Some(members)) = (self.pieces(), answer.as_object_mut())
        {
            members.insert("pieces".into(), pieces);
        }
        if asked.links
            && let Some(rows) = answer.get_mut("rows").and_then(Value::as_array_mut)
        {
            for (shown, row) in rows.iter_mut().zip(&self.table.rows) {
                if let (Some(members), Some(link)) = (shown.as_object_mut(), self.drill(row)) {
                    members.insert("drill".into(), link.into());
                }
            }
        }
        answer
    }

    /// The pieces of time of the period by the first dimension, whether anything is in them or not.
    fn pieces(&self) -> Option<Value> {
        let time = self.report.by.first().filter(|dimension| dimension.unit_of_basis().is_some())?;
        let pieces = buckets(time, &self.report.zone, self.report.span).ok()?;
        let piece = |(place, label): (usize, &Arc<str>)| {
            let from = pieces.range(place)?.from;
            Some(json!({ "label": label.as_ref(), "from": from.iso() }))
        };
        Some(pieces.labels.iter().enumerate().filter_map(piece).collect())
    }

    /// The query of the report of what is in a row.
    fn drill(&self, row: &Row) -> Option<String> {
        if row.key.is_empty() {
            return None;
        }
        let drilled = self.report.drill(&row.key, None).ok()?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(drilled.to_pairs());
        Some(format!("?{}", query.finish()))
    }
}
