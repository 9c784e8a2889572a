//! `proofback target`: who is told, how each is doing, and a person's word about it.

use std::process::ExitCode;

use anyhow::{Context, bail};
use http::Method;
use serde_json::{Map, Value, json};

use super::statement::segment;
use super::{list, text};
use crate::caller::Caller;
use crate::options::Reach;
use crate::options::outbound::TargetCommand;

pub async fn run(command: TargetCommand) -> anyhow::Result<ExitCode> {
    match command {
        TargetCommand::List { partner, state, json, reach } => {
            show_all(&[("partner", partner), ("state", state)], json, reach).await
        }
        TargetCommand::Show { id, json, reach } => show(&id, json, reach).await,
        TargetCommand::Pause { id, reason, reach } => {
            let target = say(&id, "pause", &json!({ "reason": reason }), reach).await?;
            println!("{}", line(&target));
            Ok(ExitCode::SUCCESS)
        }
        TargetCommand::Resume { id, reason, skip_before, reach } => {
            let words = json!({ "reason": reason, "skip_before": skip_before });
            let target = say(&id, "resume", &words, reach).await?;
            println!("{}", line(&target));
            let skipped = target["skipped"].as_u64().unwrap_or(0);
            println!("{} wait, {skipped} skipped", waiting(&target));
            Ok(ExitCode::SUCCESS)
        }
        TargetCommand::Test { id, value, wait, json, reach } => {
            test(&id, &value, wait.as_deref(), json, reach).await
        }
    }
}

async fn show_all(
    filters: &[(&str, Option<String>)],
    as_json: bool,
    reach: Reach,
) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
    let answer = caller.get(&format!("/targets?{}", query.finish())).await?;
    if as_json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    for target in list(&answer, "targets") {
        println!("{}", line(target));
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(id: &str, as_json: bool, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let target = caller.get(&format!("/targets/{}", segment(id))).await?;
    if as_json {
        println!("{target:#}");
    } else {
        print!("{}", whole(&target));
    }
    Ok(ExitCode::SUCCESS)
}

async fn say(id: &str, word: &str, words: &Value, reach: Reach) -> anyhow::Result<Value> {
    let caller = Caller::to_look(reach).await?;
    let path = format!("/targets/{}/{word}", segment(id));
    caller.call(Method::POST, &path, words.to_string()).await?.success()
}

async fn test(
    id: &str,
    values: &[String],
    wait: Option<&str>,
    as_json: bool,
    reach: Reach,
) -> anyhow::Result<ExitCode> {
    if reach.server.is_none() {
        bail!("a test delivery is sent by a running server; give --server URL and PROOFBACK_TOKEN");
    }
    let mut given = Map::new();
    for value in values {
        let (name, value) =
            value.split_once('=').with_context(|| format!("--value {value:?} is no NAME=VALUE"))?;
        given.insert(name.to_owned(), json!(value));
    }
    let mut words = json!({ "values": given });
    if let (Some(members), Some(wait)) = (words.as_object_mut(), wait) {
        members.insert("wait".into(), json!(wait));
    }
    let outcome = say(id, "test", &words, reach).await?;
    if as_json {
        println!("{outcome:#}");
    } else {
        let (delivery, state) = (text(&outcome, "delivery_id"), text(&outcome, "state"));
        println!("{delivery}  {state} {}", text(&outcome, "error"));
        for part in
            ["request", "answer"].map(|part| text(&outcome, part)).iter().filter(|part| !part.is_empty())
        {
            part.lines().for_each(|line| println!("    {line}"));
        }
    }
    let taken = text(&outcome, "state") == "delivered";
    Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn waiting(target: &Value) -> u64 {
    target["backlog"]["pending"].as_u64().unwrap_or(0)
}

fn line(target: &Value) -> String {
    let (kind, host) = (text(target, "kind"), text(target, "host"));
    let mut line = format!(
        "{:<24} {:<9} {:<8} {:<24} {kind:<9} {host}  {} wait",
        text(target, "id"),
        text(target, "state"),
        share(target),
        owner(target),
        waiting(target),
    );
    let failing = &target["failing"];
    if !failing.is_null() {
        let percent = failing["percent_to_pause"].as_u64().unwrap_or(0);
        line += &format!(", fails since {}, {percent} % of the way to being paused", text(failing, "since"));
    }
    line
}

fn share(target: &Value) -> String {
    format!("{} %", target["share_percent"].as_u64().unwrap_or(100))
}

fn owner(target: &Value) -> String {
    let owner = target.get("owner").and_then(Value::as_object).and_then(|owner| owner.iter().next());
    match owner {
        Some((kind, Value::String(id))) => format!("{kind} {id}"),
        Some((kind, _)) => kind.clone(),
        None => String::new(),
    }
}

fn whole(target: &Value) -> String {
    let mut lines = vec![line(target)];
    let mut tell = |what: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {what:<14} {value}"));
        }
    };
    for name in ["url", "preset", "delay", "rate_limit", "tested_at", "resting_until"] {
        tell(name, text(target, name).to_owned());
    }
    for name in ["on", "events", "statuses", "reasons", "offers", "partners"] {
        let words: Vec<&str> = list(target, name).filter_map(Value::as_str).collect();
        tell(name, words.join(", "));
    }
    let paused = &target["paused"];
    if !paused.is_null() {
        let by = text(paused, "by");
        let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
        let (why, at, reason) = (text(paused, "why"), text(paused, "at"), text(paused, "reason"));
        tell("paused", format!("{why} at {at}{by}: {reason}"));
    }
    let backlog = &target["backlog"];
    let due = backlog["due"].as_u64().unwrap_or(0);
    let oldest = text(backlog, "oldest");
    let oldest = if oldest.is_empty() { String::new() } else { format!(", the oldest since {oldest}") };
    tell("backlog", format!("{} wait, {due} of them due{oldest}", waiting(target)));
    lines.join("\n") + "\n"
}
