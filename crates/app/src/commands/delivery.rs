//! `proofback delivery`: what was told to whom, attempt by attempt, and a person's word about it.

use std::process::ExitCode;

use anyhow::bail;
use http::Method;
use serde_json::{Map, Value, json};

use super::statement::segment;
use super::{list, text};
use crate::caller::Caller;
use crate::options::Reach;
use crate::options::outbound::{DeliveryCommand, Filter, Word};

pub async fn run(command: DeliveryCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeliveryCommand::List { filter, limit, json, reach } => show_all(filter, limit, json, reach).await,
        DeliveryCommand::Show { id, json, reach } => show(&id, json, reach).await,
        DeliveryCommand::Retry { delivery_ids, filter, word } if delivery_ids.is_empty() => {
            say("retry", filter, word).await
        }
        DeliveryCommand::Retry { delivery_ids, filter, word } => retry(&delivery_ids, filter, word).await,
        DeliveryCommand::Skip { filter, word } => say("skip", filter, word).await,
    }
}

async fn show_all(filter: Filter, limit: u32, as_json: bool, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &limit.to_string());
    query.extend_pairs(filter.members());
    let answer = caller.get(&format!("/deliveries?{}", query.finish())).await?;
    if as_json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    for delivery in list(&answer, "deliveries") {
        println!("{}", line(delivery));
    }
    if !answer["next"].is_null() {
        println!("there are more; ask for fewer with --from and --to, or for more with --limit");
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(id: &str, as_json: bool, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let delivery = caller.get(&format!("/deliveries/{}", segment(id))).await?;
    if as_json {
        println!("{delivery:#}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", line(&delivery));
    for attempt in list(&delivery, "attempt_log") {
        print!("{}", attempted(attempt));
    }
    Ok(ExitCode::SUCCESS)
}

/// Each stands for itself: a refusal stops none of the others.
async fn retry(ids: &[String], filter: Filter, word: Word) -> anyhow::Result<ExitCode> {
    if !filter.members().is_empty() || word.dry_run {
        bail!("name deliveries or a filter, not both; --dry-run goes with a filter");
    }
    let caller = Caller::to_look(word.reach).await?;
    let body = if word.reason.is_empty() { json!({}) } else { json!({ "reason": word.reason }) };
    let mut refused = false;
    for id in ids {
        let path = format!("/deliveries/{}/retry", segment(id));
        match caller.call(Method::POST, &path, body.to_string()).await?.success() {
            Ok(delivery) => println!("{}", line(&delivery)),
            Err(why) => {
                refused = true;
                println!("{id}  refused: {why}");
            }
        }
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn say(verb: &str, filter: Filter, word: Word) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(word.reach).await?;
    let mut body: Map<String, Value> =
        filter.members().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    body.insert("dry_run".into(), json!(word.dry_run));
    body.insert("reason".into(), json!(word.reason));
    let path = format!("/deliveries/{verb}");
    let answer = caller.call(Method::POST, &path, Value::Object(body).to_string()).await?.success()?;
    let count = answer["deliveries"].as_u64().unwrap_or(0);
    let done = match (verb, word.dry_run) {
        ("skip", false) => "given up",
        ("skip", true) => "would be given up",
        (_, false) => "made again",
        (_, true) => "would be made again",
    };
    println!("{count} {done}");
    Ok(ExitCode::SUCCESS)
}

fn line(delivery: &Value) -> String {
    let attempts = delivery["attempts"].as_u64().unwrap_or(0);
    let mut line = format!(
        "{}  {}  {:<9} {:<24} {:<22} {attempts} attempts",
        text(delivery, "delivery_id"),
        text(delivery, "at"),
        text(delivery, "state"),
        text(delivery, "target"),
        text(delivery, "event"),
    );
    for (what, name) in [("", "last_error"), ("next at ", "next_at")] {
        let value = text(delivery, name);
        if !value.is_empty() {
            line += &format!(", {what}{value}");
        }
    }
    line
}

fn attempted(attempt: &Value) -> String {
    let result = match (attempt["status"].as_u64(), text(attempt, "error")) {
        (Some(status), error) if error.is_empty() || error == format!("status_{status}") => {
            format!("answered {status}")
        }
        (Some(status), error) => format!("answered {status}: {error}"),
        (None, error) => error.to_owned(),
    };
    let number = attempt["number"].as_u64().unwrap_or(0);
    let duration = attempt["duration_ms"].as_u64().unwrap_or(0);
    let mut told = format!("  {}  attempt {number}: {result} in {duration} ms", text(attempt, "at"));
    if !text(attempt, "address").is_empty() {
        told += &format!(" from {}", text(attempt, "address"));
    }
    let timing = attempt.get("timing").and_then(Value::as_object);
    for (phase, micros) in timing.into_iter().flatten() {
        if let Some(micros) = micros.as_u64() {
            told += &format!(", {} {micros} µs", phase.trim_end_matches("_us"));
        }
    }
    told.push('\n');
    for (mark, part) in [(">", "request"), ("<", "headers"), ("<", "answer")] {
        for line in text(attempt, part).lines() {
            told += &format!("    {mark} {line}\n");
        }
    }
    told
}
