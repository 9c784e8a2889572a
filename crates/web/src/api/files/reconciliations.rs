//! `POST reconciliations`: a file of theirs against our conversions. Nothing is changed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use proofback_domain::calendar::Day;
use proofback_domain::name::Name;
use proofback_domain::program::{Advertiser, Snapshot};
use proofback_domain::reconcile::{Group, LineReader, Options, Reconciliation, Row, Theirs, reconcile};
use proofback_domain::time::{Span, Timestamp};
use proofback_sheets::{Fault, xlsx};
use proofback_store::{MissingLine, OursAsked};
use serde_json::{Value, json};

use super::super::page::Query;
use super::super::{Answer, failed, problem};
use super::proposed::Proposal;
use super::shown::{Show, read_groups};
use super::{Asked, Brought, SheetOf, apart, body_of, bring, need_any, streamed, too_many_lines};
use crate::state::Web;

/// Lines of JSON that are made at a time.
const PIECE: usize = 100;
/// Lines of a workbook, which takes ten times the room of a CSV file while it is made.
const XLSX_LINES_MAX: usize = 50_000;
/// Faults of lines that are told.
const FAULTS_MAX: usize = 100;
/// What takes conversions back is imported only where somebody asks for it.
const ACTIONS: [Group; 3] = [Group::DifferentAmount, Group::DifferentStatus, Group::MissingHere];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Totals,
    Csv,
    Xlsx,
    Actions,
}

/// What is held against the file.
struct Period {
    from: Day,
    to: Day,
}

/// `POST reconciliations?advertiser=A&from=2026-11-01&to=2026-11-30&format=json|totals|csv|xlsx|actions&groups=...`, and
/// what a file is read by, as for imports.
pub async fn hold_against(State(web): State<Web>, RawQuery(raw): RawQuery, request: Request) -> Answer {
    let mut query = Query::new(raw.as_deref());
    let asked = Asked::take(raw.as_deref(), &mut query)?;
    let period = read_period(&mut query)?;
    let format = query.parsed("format", Format::parse)?.unwrap_or(Format::Json);
    let groups = query.parsed("groups", read_groups)?;
    let near = query.parsed("near", Span::parse)?;
    query.finish()?;
    let options = near.map_or_else(Options::default, |near| Options { near });
    let _turn = web.file_turn().await;
    let body = body_of(&web, request).await?;
    let brought = bring(&web, asked, SheetOf::File(body)).await?;
    need_any(&brought.columns, &["txid", "click_id", "amount", "revenue"])?;
    let ignored: Vec<String> = brought.columns.ignored().into_iter().map(str::to_owned).collect();
    let (snapshot, advertiser) = (Arc::clone(&brought.snapshot), brought.advertiser.clone());
    let theirs = apart(|| read_lines(brought)).await?.map_err(|faults| problem::bad_file(&faults))?;
    let reconciliation = compare(&web, &snapshot, &advertiser.id, &period, theirs, options).await?;
    let now = web.now();
    let answer = Answering { snapshot, advertiser, period, format, groups, ignored, now };
    apart(move || answer.write(reconciliation)).await?
}

fn read_period(query: &mut Query) -> Result<Period, Response> {
    let days = (query.parsed("from", Day::parse)?, query.parsed("to", Day::parse)?);
    match days {
        (Some(from), Some(to)) if from <= to => Ok(Period { from, to }),
        (Some(_), Some(_)) => Err(problem::bad_request("the period ends before it begins")),
        (None, _) | (_, None) => {
            Err(problem::bad_request("name the first and the last day: from=2026-11-01&to=2026-11-30"))
        }
    }
}

fn read_lines(brought: Brought) -> Result<Vec<Theirs>, Vec<Fault>> {
    let Brought { snapshot, advertiser, columns, notation, lines } = brought;
    let reader =
        LineReader { columns: &columns, notation: &notation, advertiser: &advertiser, snapshot: &snapshot };
    let mut theirs = Vec::with_capacity(lines.len());
    let mut faults = Vec::new();
    for line in lines {
        match reader.read(line.number, &line.cells) {
            Ok(line) => theirs.push(line),
            Err(messages) => {
                let told = messages.into_iter().map(|message| Fault { line: Some(line.number), message });
                faults.extend(told);
                if FAULTS_MAX <= faults.len() {
                    break;
                }
            }
        }
    }
    if faults.is_empty() { Ok(theirs) } else { Err(faults) }
}

async fn compare(
    web: &Web,
    snapshot: &Snapshot,
    advertiser: &Name,
    period: &Period,
    theirs: Vec<Theirs>,
    options: Options,
) -> Result<Reconciliation, Response> {
    let zone = &snapshot.program.timezone;
    let mut txids: Vec<String> = theirs.iter().filter_map(|line| line.txid.clone()).collect();
    let mut clicks: Vec<_> = theirs.iter().filter_map(|line| line.click).collect();
    txids.sort_unstable();
    txids.dedup();
    clicks.sort_unstable();
    clicks.dedup();
    let (from, to) = (zone.start(period.from), zone.start(period.to.next()));
    let asked = OursAsked { advertiser: advertiser.clone(), from, to, txids, clicks };
    let ours = web.store.ours(asked).await.map_err(failed)?;
    let mut reconciliation = apart(move || reconcile(theirs, ours, &options)).await?;
    let missing = reconciliation.missing().map(|(place, line)| MissingLine {
        place,
        txid: line.txid.clone(),
        click: line.click,
    });
    let seen = web.store.seen(advertiser.clone(), missing.collect()).await.map_err(failed)?;
    for (place, seen) in seen {
        reconciliation.explain(place, seen);
    }
    Ok(reconciliation)
}

impl Format {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "json" => Self::Json,
            "totals" => Self::Totals,
            "csv" => Self::Csv,
            "xlsx" => Self::Xlsx,
            "actions" => Self::Actions,
            _ => return None,
        })
    }
}

/// How the outcome is to be told.
struct Answering {
    snapshot: Arc<Snapshot>,
    advertiser: Advertiser,
    period: Period,
    format: Format,
    groups: Option<Vec<Group>>,
    ignored: Vec<String>,
    now: Timestamp,
}

impl Answering {
    fn write(self, mut reconciliation: Reconciliation) -> Answer {
        let groups: &[Group] = match (self.format, &self.groups) {
            (_, Some(groups)) => groups,
            (Format::Actions, None) => &ACTIONS,
            (Format::Json | Format::Totals | Format::Csv | Format::Xlsx, None) => &Group::ALL,
        };
        reconciliation.lines.retain(|row| groups.contains(&row.group));
        let show = self.show();
        let rows: Vec<&Row> = reconciliation.lines.iter().collect();
        match self.format {
            Format::Json => Ok(self.json(reconciliation)),
            Format::Totals => Ok(super::super::json(&self.head(&reconciliation))),
            Format::Csv => Ok(self.file("text/csv; charset=utf-8", "csv", show.csv(&rows, &reconciliation))),
            Format::Actions => Ok(self.file("text/csv; charset=utf-8", "csv", show.actions(&rows))),
            Format::Xlsx if XLSX_LINES_MAX < rows.len() => Err(too_many_lines(&format!(
                "a workbook has at most {XLSX_LINES_MAX} lines here, and these are {}: choose groups, or take csv",
                rows.len()
            ))),
            Format::Xlsx => {
                let book = xlsx(&[show.table(&rows), show.totals_table(&reconciliation)]);
                let book = book.map_err(|error| problem::bad_request(&error.to_string()))?;
                let media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
                Ok(self.file(media, "xlsx", book))
            }
        }
    }

    fn show(&self) -> Show<'_> {
        let proposal = Proposal { advertiser: &self.advertiser, now: self.now };
        Show { currencies: &self.snapshot.program.currencies, proposal }
    }

    /// All but the lines.
    fn head(&self, reconciliation: &Reconciliation) -> Value {
        let show = self.show();
        json!({
            "advertiser": self.advertiser.id,
            "from": self.period.from.to_string(),
            "to": self.period.to.to_string(),
            "totals": show.totals(reconciliation),
            "sums": show.sums(reconciliation),
            "ignored": self.ignored,
        })
    }

    fn json(self, reconciliation: Reconciliation) -> Response {
        let head = self.head(&reconciliation).to_string();
        let mut begin = Some(format!("{},\"lines\":[", head.strip_suffix('}').unwrap_or(&head)));
        let mut rows = reconciliation.lines.into_iter().peekable();
        let mut ended = false;
        let body = streamed::body(move || {
            if ended {
                return None;
            }
            let mut piece = begin.take().unwrap_or_default();
            for row in rows.by_ref().take(PIECE) {
                piece.push_str(&self.show().line(&row).to_string());
                piece.push(',');
            }
            if rows.peek().is_none() {
                ended = true;
                piece.truncate(piece.strip_suffix(',').map_or(piece.len(), str::len));
                piece.push_str("]}");
            }
            Some(Bytes::from(piece))
        });
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
        (headers, body).into_response()
    }

    fn file(&self, media: &str, ending: &str, bytes: Vec<u8>) -> Response {
        let Period { from, to } = &self.period;
        let what = if self.format == Format::Actions { "actions" } else { "reconciliation" };
        let name = format!("attachment; filename=\"{what}-{}-{from}-{to}.{ending}\"", self.advertiser.id);
        let headers: [(HeaderName, String); 3] = [
            (header::CONTENT_TYPE, media.to_owned()),
            (header::CACHE_CONTROL, "no-store".to_owned()),
            (header::CONTENT_DISPOSITION, name),
        ];
        (headers, bytes).into_response()
    }
}
