//! Files that people bring: which advertiser's, what their columns are, and their lines.
//!
//! All of a file is read before anything is done with it. What cannot be read is told by its line.

pub mod imports;
mod proposed;
pub mod reconciliations;
mod rows;
mod shown;
mod streamed;

use std::error::Error as _;
use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use http_body_util::LengthLimitError;
use proofback_domain::columns::{Columns, Notation};
use proofback_domain::program::{Advertiser, Snapshot};
use proofback_sheets::{Fault, Line, ReadOptions, Sheet};
use serde_json::Value;

use super::page::{Query, every};
use super::problem;
use crate::sender::header_text;
use crate::state::Web;

const FILE_BYTES_MAX: usize = proofback_sheets::BYTES_MAX;
/// How an XLSX workbook begins: its numbers have no decimal sign.
const ZIP_SIGNATURE: &[u8] = b"PK\x03\x04";
/// Of a file's name, in the audit log.
const NAME_CHARS_MAX: usize = 200;

/// What the address says about a file.
struct Asked {
    advertiser: Option<String>,
    name: String,
    chosen: Vec<(String, String)>,
    decimal_comma: bool,
    options: ReadOptions,
}

/// A file with its columns known, and what is needed to understand it.
struct Brought {
    snapshot: Arc<Snapshot>,
    advertiser: Advertiser,
    columns: Columns,
    notation: Notation,
    lines: Vec<Line>,
}

impl Asked {
    /// Takes what concerns the file; the rest is the handler's.
    fn take(raw: Option<&str>, query: &mut Query) -> Result<Self, Response> {
        let maps = every(raw, "map");
        query.text("map");
        let chosen = maps.iter().map(|map| map.split_once('=')).map(|map| {
            let (field, column) = map.ok_or_else(|| problem::bad_request("write map=txid=Order ID"))?;
            Ok((field.trim().to_owned(), column.trim().to_owned()))
        });
        let decimal = query.parsed("decimal", |text| match text {
            "," => Some(true),
            "." => Some(false),
            _ => None,
        })?;
        let single = |text: &str| text.parse::<char>().ok();
        Ok(Self {
            advertiser: query.text("advertiser"),
            name: query.text("name").map(|name| plain_name(&name)).unwrap_or_default(),
            chosen: chosen.collect::<Result<_, Response>>()?,
            decimal_comma: decimal.unwrap_or(false),
            options: ReadOptions {
                encoding: query.text("encoding"),
                delimiter: query.parsed("delimiter", single)?,
                sheet: query.text("sheet"),
            },
        })
    }
}

fn plain_name(name: &str) -> String {
    name.chars().filter(|one| !one.is_control()).take(NAME_CHARS_MAX).collect()
}

/// The body, whole and within its limit.
async fn body_of(web: &Web, request: Request) -> Result<Bytes, Response> {
    to_bytes(request.into_body(), FILE_BYTES_MAX).await.map_err(|error| {
        if error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
            web.metrics.too_large.inc();
            return problem::too_large(FILE_BYTES_MAX);
        }
        problem::bad_request("the body did not arrive whole")
    })
}

fn is_json(request: &Request) -> bool {
    let media = header_text(request.headers(), header::CONTENT_TYPE);
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || media.ends_with("+json")
}

/// Reads a file and finds its columns; on a thread of its own, because a large one takes a while.
async fn bring(web: &Web, asked: Asked, sheet: SheetOf) -> Result<Brought, Response> {
    let snapshot = web.store.snapshot();
    let snapshot = snapshot.ok_or_else(|| problem::unavailable("no program is in force yet"))?;
    let advertiser = asked.advertiser.as_deref().unwrap_or_default();
    let known = snapshot.program.advertisers.get(advertiser).cloned();
    let advertiser = known.ok_or_else(|| match advertiser {
        "" => problem::bad_request("say whose file it is: advertiser=ID"),
        other => problem::not_found(&format!("there is no advertiser {other:?}")),
    })?;
    let notation = Notation { decimal_comma: asked.decimal_comma, zone: snapshot.program.timezone.clone() };
    let read = move || {
        let Sheet { header, lines } = sheet.read(&asked)?;
        let columns =
            Columns::find(header, &asked.chosen, &advertiser).map_err(|message| vec![of_file(message)])?;
        Ok(Brought { snapshot, advertiser, columns, notation, lines })
    };
    apart(read).await?.map_err(|faults: Vec<Fault>| problem::bad_file(&faults))
}

/// Where the lines come from.
enum SheetOf {
    File(Bytes),
    Rows(Vec<serde_json::Map<String, Value>>),
}

impl SheetOf {
    fn read(self, asked: &Asked) -> Result<Sheet, Vec<Fault>> {
        let decimal_points = |what: &str| {
            let message = format!("{what} have no decimal comma: leave decimal out");
            asked.decimal_comma.then(|| vec![of_file(message)]).map_or(Ok(()), Err)
        };
        match self {
            Self::File(bytes) => {
                if bytes.starts_with(ZIP_SIGNATURE) {
                    decimal_points("the numbers of a workbook")?;
                }
                proofback_sheets::read(&bytes, &asked.options)
            }
            Self::Rows(rows) => {
                decimal_points("the numbers of JSON")?;
                rows::sheet(rows)
            }
        }
    }
}

fn of_file(message: impl Into<String>) -> Fault {
    Fault { line: None, message: message.into() }
}

/// Runs what takes long beside the threads that answer others.
pub async fn apart<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T, Response> {
    tokio::task::spawn_blocking(job).await.map_err(|error| {
        tracing::error!(%error, "work on a file ended early");
        problem::failed()
    })
}

/// A file needs the columns that say what its lines are about.
fn need_any(columns: &Columns, fields: &[&str]) -> Result<(), Response> {
    if fields.iter().any(|field| columns.has(field)) {
        return Ok(());
    }
    let known: Vec<String> = columns.header().iter().take(20).map(|name| format!("{name:?}")).collect();
    let message = format!(
        "no column is known as {}; the file has {}: name one by map, as map={}=COLUMN",
        fields.join(" or "),
        known.join(", "),
        fields.first().unwrap_or(&"txid"),
    );
    Err(problem::bad_file(&[of_file(message)]))
}

fn too_many_lines(message: &str) -> Response {
    problem::problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
}
