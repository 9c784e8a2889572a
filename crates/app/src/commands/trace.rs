//! `proofback trace`: everything that happened to one click, in order.

use std::process::ExitCode;

use serde_json::Value;

use super::text;
use crate::caller::Caller;
use crate::options::Trace;

pub async fn run(options: Trace) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(options.reach).await?;
    let trace = caller.get(&format!("/trace/{}", encode(&options.click_id))).await?;
    if options.json {
        println!("{trace:#}");
    } else {
        print!("{}", timeline(&trace));
    }
    Ok(ExitCode::SUCCESS)
}

/// The timeline as text, from the API's own answer.
pub fn timeline(trace: &Value) -> String {
    let click = trace.get("click").unwrap_or(&Value::Null);
    let mut lines = vec![format!(
        "click {} of {} on {} to {} ({})",
        text(click, "click_id"),
        text(click, "partner"),
        text(click, "link"),
        text(click, "offer"),
        text(click, "advertiser"),
    )];
    if !text(click, "partner_click_id").is_empty() {
        lines.push(format!("  the partner calls it {}", text(click, "partner_click_id")));
    }
    for item in trace.get("timeline").and_then(Value::as_array).into_iter().flatten() {
        let kind = text(item, "kind");
        let indent = match kind {
            "click" | "postback" => "",
            "conversion" => "  ",
            "entry" | "delivery" => "    ",
            _ => "      ",
        };
        lines.push(format!("{}  {indent}{kind}: {}", text(item, "at"), text(item, "summary")));
        if kind == "postback" {
            lines.push(format!("{:26}  proofback explain {}", "", text(item, "postback_id")));
        }
    }
    lines.join("\n") + "\n"
}

/// A pasted id may hold anything; in a path it must not mean anything.
fn encode(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
