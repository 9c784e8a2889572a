//! `proofback ledger`: the proof of the journal, and the closing of periods.

use std::process::ExitCode;

use http::Method;
use serde_json::{Value, json};

use super::{list, text};
use crate::caller::Caller;
use crate::options::{LedgerCommand, Reach};
use crate::world;

pub async fn run(command: LedgerCommand) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Verify { expect, json, reach } => verify(expect.as_deref(), json, reach).await,
        LedgerCommand::Close { day, reason, reach } => close(&day, &reason, reach).await,
        LedgerCommand::Periods { json, reach } => periods(json, reach).await,
    }
}

async fn verify(expect: Option<&str>, as_json: bool, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(expect) = expect {
        query.append_pair("expect", expect);
    }
    let stopwatch = world::ticks();
    let report = caller.get(&format!("/ledger/verify?{}", query.finish())).await?;
    let elapsed_us = stopwatch().max(1);
    let sound = report.get("sound") == Some(&Value::Bool(true));
    if as_json {
        println!("{report:#}");
    } else {
        print!("{}", tell(&report, elapsed_us));
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(report: &Value, elapsed_us: u64) -> String {
    let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (entries, unsealed, total) = (count("entries"), count("unsealed"), count("differences_total"));
    let per_second = entries.saturating_mul(1_000_000) / elapsed_us;
    let mut lines = vec![format!(
        "{entries} entries checked against {} seals, {unsealed} not sealed yet ({per_second} entries/s)",
        count("seals")
    )];
    let differences: Vec<&str> = list(report, "differences").filter_map(Value::as_str).collect();
    lines.extend(differences.iter().map(|sentence| format!("  {sentence}")));
    match total.saturating_sub(differences.len() as u64) {
        0 => {}
        more => lines.push(format!("  and {more} more")),
    }
    lines.push(match total {
        0 => "the journal is as it was sealed".into(),
        1 => "1 difference".into(),
        total => format!("{total} differences"),
    });
    // A journal that is not sound has no head worth noting down.
    if total == 0 && !text(report, "head").is_empty() {
        lines.push(format!("head {}", text(report, "head")));
    }
    lines.join("\n") + "\n"
}

async fn close(day: &str, reason: &str, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let body = json!({ "up_to": day, "reason": reason });
    let period = caller.call(Method::POST, "/ledger/close", body.to_string()).await?.success()?;
    println!("{}", line(&period));
    Ok(ExitCode::SUCCESS)
}

async fn periods(as_json: bool, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let answer = caller.get("/ledger/periods?limit=1000").await?;
    if as_json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    for period in list(&answer, "periods") {
        println!("{}", line(period));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(period: &Value) -> String {
    let entry = period.get("last_entry").and_then(Value::as_i64).unwrap_or(0);
    format!(
        "closed up to {}: entries before {} are final; closed at {} by {} behind entry {entry}, {}",
        text(period, "up_to"),
        text(period, "until"),
        text(period, "closed_at"),
        text(period, "closed_by"),
        text(period, "hash"),
    )
}
