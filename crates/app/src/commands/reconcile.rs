//! `proofback reconcile`: their file against our conversions. Nothing is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use http::Method;
use serde_json::Value;

use super::files::{self, Brought};
use super::{list, text};
use crate::caller::{Answer, Caller};
use crate::options::Reconcile;

pub async fn run(options: Reconcile) -> anyhow::Result<ExitCode> {
    let format = options.out.as_deref().map(format_of).transpose()?;
    let file = files::bring(&options.file.path)?;
    let mut query = files::query(&options.file);
    query.append_pair("from", &options.from).append_pair("to", &options.to);
    if let Some(near) = &options.near {
        query.append_pair("near", near);
    }
    let groups = options.groups.join(",");
    if !groups.is_empty() {
        query.append_pair("groups", &groups);
    }
    let path = format!("/reconciliations?{}", query.finish());
    let caller = Caller::to_look(options.reach).await?;
    let format_of_answer = if options.json { "json" } else { "totals" };
    let answer = ask(&caller, &path, format_of_answer, &file).await?;
    let answer = match answer {
        Asked::Refused(refusal) => {
            println!("{refusal}");
            return Ok(ExitCode::FAILURE);
        }
        Asked::Answered(answer) => answer,
    };
    for (out, format) in [(options.out.as_ref(), format), (options.actions.as_ref(), Some("actions"))] {
        if let (Some(out), Some(format)) = (out, format) {
            write(&caller, &path, format, &file, out).await?;
        }
    }
    if options.json {
        println!("{answer:#}");
    } else {
        print!("{}", tell(&answer));
    }
    Ok(ExitCode::SUCCESS)
}

enum Asked {
    Answered(Value),
    Refused(String),
}

async fn ask(caller: &Caller, path: &str, format: &str, file: &Brought) -> anyhow::Result<Asked> {
    let path = format!("{path}&format={format}");
    let answer = caller.send_file(Method::POST, &path, file.media, file.bytes.clone()).await?;
    match files::refusal(&answer) {
        Some(refusal) => Ok(Asked::Refused(refusal)),
        None => answer.success().map(Asked::Answered),
    }
}

/// Written at once; what was there before is replaced.
async fn write(
    caller: &Caller,
    path: &str,
    format: &str,
    file: &Brought,
    out: &PathBuf,
) -> anyhow::Result<()> {
    let path = format!("{path}&format={format}");
    let (status, bytes) = caller.exchange(Method::POST, &path, file.media, file.bytes.clone()).await?;
    if !status.is_success() {
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status, body }.success()?;
    }
    std::fs::write(out, bytes).with_context(|| format!("{} cannot be written", out.display()))
}

fn format_of(path: &Path) -> anyhow::Result<&'static str> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "csv" => Ok("csv"),
        "xlsx" => Ok("xlsx"),
        _ => bail!("--out {} ends neither in .csv nor in .xlsx", path.display()),
    }
}

fn tell(answer: &Value) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let names = [
        "group",
        "currency",
        "theirs",
        "ours",
        "amount theirs",
        "amount ours",
        "revenue theirs",
        "revenue ours",
    ];
    table.set_header(names);
    let count = |total: &Value, name: &str| total.get(name).and_then(Value::as_u64).unwrap_or(0);
    let mut rows: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for total in list(answer, "totals") {
        let (theirs, ours) = (count(total, "lines_theirs"), count(total, "lines_ours"));
        let row = rows.entry(text(total, "group")).or_default();
        *row = (row.0.saturating_add(theirs), row.1.saturating_add(ours));
        let counts = [theirs.to_string(), ours.to_string()];
        let sums = ["amount_theirs", "amount_ours", "revenue_theirs", "revenue_ours"];
        let words = ["group", "currency"].into_iter().map(|name| text(total, name).to_owned());
        table.add_row(words.chain(counts).chain(sums.map(|name| text(total, name).to_owned())));
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines = vec![table.to_string()];
    lines.extend(
        rows.iter().map(|(group, (theirs, ours))| format!("{group}: {theirs} of theirs, {ours} of ours")),
    );
    let ignored: Vec<&str> = list(answer, "ignored").filter_map(Value::as_str).collect();
    if !ignored.is_empty() {
        lines.push(format!("columns that were not read: {}", ignored.join(", ")));
    }
    lines.join("\n") + "\n"
}
