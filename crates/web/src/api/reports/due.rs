//! Runs of saved reports that are due by their schedule: a file to be written, or webhooks to be told.

use proofback_domain::tell::{PlannedDelivery, ReadyReport, report_ready};
use proofback_store::{DueReport, GoesTo, SavedReport};
use serde_json::Value;

use super::asked::{Asked, Format};
use super::{Computed, Refused, compute};
use crate::role::Role;
use crate::state::Web;

/// Rows that a webhook carries.
const ROWS_TOLD: usize = 50;
const TIME_OF_DAY: &str = "%Y-%m-%dT%H%M";

/// What a run came to.
#[derive(Debug, Default)]
pub struct Ran {
    pub file: Option<ReportFile>,
    pub told: Vec<PlannedDelivery>,
}

/// `offers-daily-2026-11-26T0700.csv`, the time as clocks show it where the schedule is.
#[derive(Debug)]
pub struct ReportFile {
    pub report: String,
    pub time: String,
    pub ending: String,
    pub bytes: Vec<u8>,
}

/// Computes a report as of the time that it is due at; a failure is a sentence.
pub async fn run_due(web: &Web, due: &DueReport) -> Result<Ran, String> {
    let DueReport { report, at } = due;
    let kept = Asked::read(Some(&report.query)).map_err(|_| "its query cannot be read".to_owned())?;
    let computed = compute(web, &kept.pairs, &Role::Viewer, *at).await.map_err(sentence)?;
    match report.to {
        None => Ok(Ran::default()),
        Some(GoesTo::File) => {
            let format = Format::parse(&report.format).unwrap_or(Format::Csv);
            let bytes = computed.file(format, kept.totals);
            let bytes = bytes.map_err(|_| format!("it could not be written as {}", format.code()))?;
            Ok(Ran { file: Some(file(web, due, format, bytes)), told: Vec::new() })
        }
        Some(GoesTo::Webhook) => Ok(Ran { file: None, told: tell(web, report, due, &computed) }),
    }
}

fn sentence(refused: Refused) -> String {
    if let Refused::Engine(error) = &refused {
        tracing::error!(error = super::chain(error), "a report could not be computed");
    }
    refused.to_string()
}

fn file(web: &Web, due: &DueReport, format: Format, bytes: Vec<u8>) -> ReportFile {
    let DueReport { report, at } = due;
    let snapshot = web.store.snapshot();
    let own = report.schedule.as_ref().and_then(|schedule| schedule.zone.as_ref());
    let zone = own.or(snapshot.as_ref().map(|snapshot| &snapshot.program.timezone));
    let time = zone.and_then(|zone| zone.show(*at, TIME_OF_DAY)).unwrap_or_default();
    ReportFile { report: report.id.to_string(), time, ending: format.code().to_owned(), bytes }
}

fn tell(web: &Web, report: &SavedReport, due: &DueReport, computed: &Computed) -> Vec<PlannedDelivery> {
    let Some(snapshot) = web.store.snapshot() else {
        return Vec::new();
    };
    let program = &snapshot.program;
    let table = &computed.table;
    let mut answer = table.to_json();
    let rows = answer.get_mut("rows").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let first: Vec<Value> = rows.into_iter().take(ROWS_TOLD).collect();
    let (from, to) = table.bounds(table.span);
    let at: String = form_urlencoded::byte_serialize(due.at.iso().as_bytes()).collect();
    let ready = ReadyReport {
        id: &report.id,
        name: &report.title,
        at: due.at,
        from,
        to,
        rows: table.rows.len(),
        first_rows: Value::Array(first).to_string(),
        url: format!("{}/api/v1/reports/saved/{}/run?at={at}", program.base_url, report.id),
    };
    report_ready(program, &ready)
}
