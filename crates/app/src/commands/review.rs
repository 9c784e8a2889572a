//! `proofback review`: what waits for a person, and the person's word.

use std::process::ExitCode;

use http::Method;
use serde_json::{Value, json};

use super::{list, text};
use crate::caller::Caller;
use crate::options::{Reach, ReviewCommand};

pub async fn run(command: ReviewCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReviewCommand::List { reason, advertiser, partner, json, reach } => {
            let filters = [("reason", reason), ("advertiser", advertiser), ("partner", partner)];
            show(&filters, json, reach).await
        }
        ReviewCommand::Accept { postback_ids, reason, original, reach } => {
            let body = json!({
                "postbacks": postback_ids, "verdict": "accept", "reason": reason, "original": original,
            });
            say(body, reach).await
        }
        ReviewCommand::Reject { postback_ids, reason, reach } => {
            say(json!({ "postbacks": postback_ids, "verdict": "reject", "reason": reason }), reach).await
        }
    }
}

async fn show(filters: &[(&str, Option<String>)], as_json: bool, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in filters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        query.append_pair(name, value);
    }
    let answer = caller.get(&format!("/reviews?{}", query.finish())).await?;
    if as_json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    for held in list(&answer, "reviews") {
        let conversion = held.get("conversion").unwrap_or(&Value::Null);
        println!(
            "{}  {}  {}  {}  {} {}",
            text(held, "postback_id"),
            text(held, "at"),
            text(held, "reason"),
            text(conversion, "partner"),
            text(conversion, "payout"),
            text(conversion, "payout_currency"),
        );
        for check in list(held, "explanation").filter(|check| text(check, "verdict") == "held") {
            println!("    {}: {}", text(check, "check"), text(check, "seen"));
        }
    }
    println!("{} wait", list(&answer, "reviews").count());
    Ok(ExitCode::SUCCESS)
}

async fn say(body: Value, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let answer = caller.call(Method::POST, "/reviews", body.to_string()).await?.success()?;
    let mut refused = false;
    for result in list(&answer, "results") {
        let id = text(result, "postback_id");
        if text(result, "error").is_empty() {
            let (outcome, reason) = (text(result, "outcome"), text(result, "reason"));
            println!("{id}  {outcome} ({reason}): {}", text(result, "message"));
        } else {
            refused = true;
            println!("{id}  refused: {}", text(result, "error"));
        }
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
