//! `proofback explain`: each check that a postback went through, with what it saw.

use std::process::ExitCode;

use serde_json::Value;

use super::text;
use crate::caller::Caller;
use crate::options::Explain;

pub async fn run(options: Explain) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(options.reach).await?;
    let postback = caller.get(&format!("/postbacks/{}", options.postback_id)).await?;
    if options.json {
        println!("{postback:#}");
    } else {
        print!("{}", explanation(&postback));
    }
    Ok(ExitCode::SUCCESS)
}

/// The explanation as text, from the API's own answer.
pub fn explanation(postback: &Value) -> String {
    let mut lines = vec![
        format!("postback {} at {}", text(postback, "postback_id"), text(postback, "at")),
        format!("  {} {} from {}", text(postback, "method"), text(postback, "path"), text(postback, "ip")),
    ];
    for param in postback.get("params").and_then(Value::as_array).into_iter().flatten() {
        lines.push(format!("    {} = {}", text(param, "name"), text(param, "value")));
    }
    for earlier in postback.get("earlier_decisions").and_then(Value::as_array).into_iter().flatten() {
        lines.push(format!("at {} it was {}", text(earlier, "decided_at"), verdict(earlier)));
        lines.extend(checks(earlier));
    }
    lines.push(verdict(postback));
    lines.extend(checks(postback));
    for (name, label) in [
        ("field", "field at fault"),
        ("seen", "what stood there"),
        ("expected", "what was expected"),
        ("advice", "what the sender should change"),
        ("likely_click", "most likely meant click"),
        ("click_id", "click"),
        ("conversion_id", "conversion"),
        ("status", "status"),
    ] {
        if !text(postback, name).is_empty() {
            lines.push(format!("  {label}: {}", text(postback, name)));
        }
    }
    lines.push(format!(
        "  decided under revision {} of the program",
        postback.get("revision").unwrap_or(&Value::Null)
    ));
    lines.join("\n") + "\n"
}

fn verdict(decision: &Value) -> String {
    format!("{} ({}): {}", text(decision, "outcome"), text(decision, "reason"), text(decision, "message"))
}

fn checks(decision: &Value) -> Vec<String> {
    let list = decision.get("explanation").and_then(Value::as_array).into_iter().flatten();
    list.map(|check| {
        let mark = match text(check, "verdict") {
            "passed" => "ok  ",
            "noted" => "note",
            "held" => "held",
            _ => "FAIL",
        };
        format!("  {mark} {:<18} {}", text(check, "check"), text(check, "seen"))
    })
    .collect()
}
