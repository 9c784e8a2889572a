//! `proofback import`: a file's lines through the decision of postbacks.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use http::Method;
use proofback_sheets::{Cell, Column, Kind, Table, csv};
use serde_json::Value;

use super::{files, list, text};
use crate::caller::Caller;
use crate::options::Import;

pub async fn run(options: Import) -> anyhow::Result<ExitCode> {
    let file = files::bring(&options.file.path)?;
    let caller = Caller::to_look(options.reach).await?;
    let mut query = files::query(&options.file);
    query.append_pair("name", &file.name);
    if options.dry_run {
        query.append_pair("dry_run", "true");
    }
    let path = format!("/imports?{}", query.finish());
    let answer = caller.send_file(Method::POST, &path, file.media, file.bytes).await?;
    if let Some(refusal) = files::refusal(&answer) {
        println!("{refusal}");
        return Ok(ExitCode::FAILURE);
    }
    let answer = answer.success()?;
    if let Some(report) = &options.report {
        write_report(report, &answer)?;
    }
    if options.json {
        println!("{answer:#}");
    } else {
        print!("{}", tell(&answer, options.dry_run));
    }
    let rejected = answer.get("outcomes").and_then(|outcomes| outcomes.get("rejected")).is_some();
    Ok(if rejected { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn tell(answer: &Value, dry_run: bool) -> String {
    let expected = |result: &&Value| matches!(text(result, "outcome"), "accepted" | "duplicate");
    let mut lines: Vec<String> = list(answer, "results")
        .filter(|result| !expected(result))
        .map(|result| {
            let line = result.get("line").and_then(Value::as_u64).unwrap_or(0);
            let (outcome, reason) = (text(result, "outcome"), text(result, "reason"));
            format!("line {line}: {outcome} ({reason}): {}", text(result, "message"))
        })
        .collect();
    let outcomes = answer.get("outcomes").and_then(Value::as_object).into_iter().flatten();
    let counts: Vec<String> = outcomes.map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let ignored: Vec<&str> = list(answer, "ignored").filter_map(Value::as_str).collect();
    if !ignored.is_empty() {
        lines.push(format!("columns that were not read: {}", ignored.join(", ")));
    }
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    let skipped = match number("skipped") {
        0 => String::new(),
        skipped => format!("; {skipped} lines say nothing"),
    };
    let mode = if dry_run { "a dry run, nothing was written: " } else { "" };
    lines.push(format!("{mode}{} lines: {}{skipped}", number("lines"), counts.join(", ")));
    lines.join("\n") + "\n"
}

fn write_report(path: &Path, answer: &Value) -> anyhow::Result<()> {
    const NAMES: [&str; 10] = [
        "line",
        "outcome",
        "reason",
        "message",
        "field",
        "seen",
        "expected",
        "status",
        "postback_id",
        "conversion_id",
    ];
    let kind = |name| if name == "line" { Kind::Integer } else { Kind::Text };
    let columns = NAMES.map(|name| Column { name: name.into(), kind: kind(name) }).into();
    let cell = |result: &Value, name: &str| match result.get(name) {
        Some(Value::Number(number)) => number.as_i64().map_or(Cell::Empty, Cell::Integer),
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(_) | None => Cell::Empty,
    };
    let rows = list(answer, "results").map(|result| NAMES.map(|name| cell(result, name)).into()).collect();
    let table = Table { title: "Import".into(), columns, rows };
    std::fs::write(path, csv(&[table])).with_context(|| format!("{} cannot be written", path.display()))
}
