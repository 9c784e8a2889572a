//! `proofback verify`: everything that is summed, computed again from its own rows.

use std::process::ExitCode;

use serde_json::Value;

use super::list;
use crate::caller::Caller;
use crate::options::Verify;

pub async fn run(options: Verify) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(options.reach).await?;
    let report = caller.get("/verify").await?;
    if options.json {
        println!("{report:#}");
    } else {
        print!("{}", tell(&report));
    }
    let sound = report.get("sound") == Some(&Value::Bool(true));
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(report: &Value) -> String {
    let count = |part: &str, name: &str| {
        report.get(part).and_then(|part| part.get(name)).and_then(Value::as_u64).unwrap_or(0)
    };
    let mut lines = vec![
        format!("journal: {} entries against {} seals", count("ledger", "entries"), count("ledger", "seals")),
        format!(
            "facts: {} rows, sealed in {} files and not sealed yet",
            count("facts", "rows"),
            count("facts", "files")
        ),
    ];
    let mut total = 0;
    for part in ["ledger", "facts"] {
        let differences: Vec<&str> = report
            .get(part)
            .map(|part| list(part, "differences").filter_map(Value::as_str).collect())
            .unwrap_or_default();
        lines.extend(differences.iter().map(|sentence| format!("  {sentence}")));
        let all = count(part, "differences_total");
        total += all;
        match all.saturating_sub(differences.len() as u64) {
            0 => {}
            more => lines.push(format!("  and {more} more")),
        }
    }
    lines.push(match total {
        0 => "reports, balances and counters are what their rows sum to".into(),
        1 => "1 difference".into(),
        total => format!("{total} differences"),
    });
    lines.join("\n") + "\n"
}
