//! `POST imports`: each line of a file goes through the decision of postbacks.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use proofback_domain::decide::Decision;
use proofback_domain::id::{ConversionId, PostbackId};
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::postback::{ImportedLine, read_line, shown};
use proofback_sheets::Line;
use proofback_store::{Idempotency, ImportKey, ImportLine, RawPostback, Stopwatch};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::page::Query;
use super::super::{Answer, Caller, failed, once, problem};
use super::{Asked, Brought, SheetOf, body_of, bring, is_json, need_any, too_many_lines};
use crate::state::Web;

/// Lines in one write: some milliseconds, between which others write.
const GROUP_LINES: usize = 250;
/// A dry run is one write, for whose end all others wait.
const DRY_RUN_LINES_MAX: usize = 25_000;
/// The address that stands in the log.
const PATH: &str = "/import";

/// Rows in place of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    advertiser: Option<String>,
    dry_run: Option<bool>,
    rows: Vec<Map<String, Value>>,
}

/// `POST imports?advertiser=A&dry_run=true&map=txid=Order ID&decimal=,&encoding=...&sheet=...&name=...` with CSV, XLSX or
/// `{"advertiser", "dry_run", "rows": [{...}]}`.
pub async fn import(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Answer {
    let mut query = Query::new(raw.as_deref());
    let mut asked = Asked::take(raw.as_deref(), &mut query)?;
    let mut dry_run = query.flag("dry_run")?;
    query.finish()?;
    let turn = web.file_turn().await;
    let (json, headers) = (is_json(&request), request.headers().clone());
    let body = body_of(&web, request).await?;
    let what = format!("imports {}", raw.unwrap_or_default());
    let key = once::key(&headers, &caller, &what, &body)?;
    let sheet = if json { read_rows(&body, &mut asked, &mut dry_run)? } else { SheetOf::File(body) };
    let key = key.filter(|_| !dry_run);
    match web.store.import_key(key.clone()).await.map_err(failed)? {
        ImportKey::Fresh => {}
        ImportKey::Done(answer) => return once::done(answer),
        ImportKey::Taken => return Err(once::key_taken()),
    }
    let name = asked.name.clone();
    let brought = bring(&web, asked, sheet).await?;
    need_any(&brought.columns, &["txid", "click_id", "original_txid"])?;
    let name = shown(&name, &brought.snapshot);
    let run = Run { web, caller, brought, name };
    // What has begun goes on, and is written down, although the caller may have gone.
    let done = tokio::spawn(async move {
        let done = if dry_run { run.try_all().await } else { run.all(key).await };
        drop(turn);
        done
    });
    once::done(done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an import ended early");
        Err(problem::failed())
    })?)
}

fn read_rows(body: &Bytes, asked: &mut Asked, dry_run: &mut bool) -> Result<SheetOf, Response> {
    let rows: Rows = serde_json::from_slice(body).map_err(|error| {
        problem::bad_request(&format!("send {{\"advertiser\", \"dry_run\", \"rows\": [{{...}}]}}: {error}"))
    })?;
    if asked.advertiser.is_some() && rows.advertiser.is_some() && asked.advertiser != rows.advertiser {
        return Err(problem::bad_request("the address and the body name two advertisers"));
    }
    asked.advertiser = rows.advertiser.or(asked.advertiser.take());
    // Whoever asks for a dry run anywhere gets one.
    *dry_run |= rows.dry_run.unwrap_or(false);
    Ok(SheetOf::Rows(rows.rows))
}

struct Run {
    web: Web,
    caller: Caller,
    brought: Brought,
    name: String,
}

impl Run {
    /// All lines, and the answer; whatever was done is in the audit log, also where it broke off.
    async fn all(&self, key: Option<Idempotency>) -> Result<String, Response> {
        let mut told = Told::default();
        for lines in self.brought.lines.chunks(GROUP_LINES) {
            let (numbers, read) = self.read(lines);
            let skipped = lines.len().saturating_sub(read.len());
            let snapshot = Arc::clone(&self.brought.snapshot);
            match self.web.store.import(read, snapshot).await {
                Ok(decisions) => told.take(&numbers, &decisions, skipped, true),
                Err(error) => {
                    let reason = format!("{}, then it broke off", told.reason(&self.name));
                    self.record(reason, None, String::new()).await?;
                    return Err(failed(error));
                }
            }
        }
        self.record(told.reason(&self.name), key, told.answer(false, &self.brought)).await
    }

    async fn record(
        &self,
        reason: String,
        key: Option<Idempotency>,
        answer: String,
    ) -> Result<String, Response> {
        let advertiser = self.brought.advertiser.id.clone();
        tracing::info!(%advertiser, actor = self.caller.name, "imported {reason}");
        let about = (self.caller.name.clone(), advertiser, reason);
        self.web.store.import_done(about, key, answer, self.web.now()).await.map_err(failed)
    }

    async fn try_all(&self) -> Result<String, Response> {
        let lines = &self.brought.lines;
        if DRY_RUN_LINES_MAX < lines.len() {
            return Err(too_many_lines(&format!(
                "a dry run takes at most {DRY_RUN_LINES_MAX} lines, because nobody else can write meanwhile"
            )));
        }
        let (numbers, read) = self.read(lines);
        let skipped = lines.len().saturating_sub(read.len());
        let snapshot = Arc::clone(&self.brought.snapshot);
        let decisions = self.web.store.try_import(read, snapshot).await.map_err(failed)?;
        let mut told = Told::default();
        told.take(&numbers, &decisions, skipped, false);
        Ok(told.answer(true, &self.brought))
    }

    /// The lines that say anything, with their numbers.
    fn read(&self, lines: &[Line]) -> (Vec<usize>, Vec<ImportLine>) {
        let Brought { snapshot, advertiser, columns, notation, .. } = &self.brought;
        let at = self.web.now();
        let of = if self.name.is_empty() { String::new() } else { format!(" of {}", self.name) };
        let mut numbers = Vec::with_capacity(lines.len());
        let mut read = Vec::with_capacity(lines.len());
        for line in lines {
            let values = columns.values(&line.cells);
            let fields: Vec<_> =
                values.map(|(field, column, value)| (field, column, notation.ours(field, value))).collect();
            if fields.is_empty() {
                continue;
            }
            let cells = columns.header().iter().zip(&line.cells);
            let cells = cells.filter(|(_, cell)| !cell.is_empty());
            let line_read = ImportedLine {
                at,
                advertiser,
                origin: format!("line {}{of}, imported by {}", line.number, self.caller.name),
                fields,
                cells: cells.map(|(column, cell)| (column.as_str(), cell.as_str())).collect(),
            };
            let reading = read_line(line_read, snapshot);
            let raw = RawPostback {
                method: "",
                path: PATH.into(),
                ip: String::new(),
                params: reading.stored.clone(),
                stopwatch: Stopwatch(Arc::new(|| 0)),
            };
            numbers.push(line.number);
            read.push(ImportLine { raw, reading, id: self.web.ids.postback(at) });
        }
        (numbers, read)
    }
}

/// What became of the lines so far.
#[derive(Default)]
struct Told {
    outcomes: BTreeMap<&'static str, usize>,
    lines: usize,
    skipped: usize,
    /// One JSON object after another, with commas between: as values they would take ten times the room.
    results: String,
}

#[derive(Serialize)]
struct LineResult<'a> {
    line: usize,
    outcome: Outcome,
    reason: Reason,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    seen: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    expected: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    postback_id: Option<PostbackId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion_id: Option<ConversionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

impl Told {
    /// Of a dry run no ids are told: they name nothing.
    fn take(&mut self, numbers: &[usize], decisions: &[Decision], skipped: usize, kept: bool) {
        self.skipped = self.skipped.saturating_add(skipped);
        for (line, decision) in numbers.iter().zip(decisions) {
            self.lines = self.lines.saturating_add(1);
            let count = self.outcomes.entry(decision.outcome.code()).or_default();
            *count = count.saturating_add(1);
            let result = LineResult {
                line: *line,
                outcome: decision.outcome,
                reason: decision.reason,
                message: &decision.message,
                field: &decision.field,
                seen: &decision.seen,
                expected: &decision.expected,
                postback_id: Some(decision.postback_id).filter(|_| kept),
                conversion_id: decision.conversion_id.filter(|_| kept),
                status: decision.status,
            };
            if !self.results.is_empty() {
                self.results.push(',');
            }
            self.results.push_str(&json!(result).to_string());
        }
    }

    fn answer(&self, dry_run: bool, brought: &Brought) -> String {
        let head = json!({
            "advertiser": brought.advertiser.id,
            "dry_run": dry_run,
            "lines": self.lines,
            "skipped": self.skipped,
            "outcomes": self.outcomes,
            "ignored": brought.columns.ignored(),
        });
        let head = head.to_string();
        format!("{},\"results\":[{}]}}", head.strip_suffix('}').unwrap_or(&head), self.results)
    }

    /// For the audit log: what it was and what came of it.
    fn reason(&self, name: &str) -> String {
        let counts: Vec<String> =
            self.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        let name = if name.is_empty() { "a file" } else { name };
        format!("{name}: {} lines, {}", self.lines, counts.join(", "))
    }
}
