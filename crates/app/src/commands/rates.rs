//! `proofback rates`: exchange rates from a file, and those that are known.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use http::Method;
use serde_json::Value;

use super::{list, text};
use crate::caller::Caller;
use crate::options::Reach;
use crate::options::finance::RatesCommand;

pub async fn run(command: RatesCommand) -> anyhow::Result<ExitCode> {
    match command {
        RatesCommand::Import { file, replace, reach } => import(&file, replace, reach).await,
        RatesCommand::List { currency, limit, json, reach } => show(currency, limit, json, reach).await,
    }
}

async fn import(file: &Path, replace: bool, reach: Reach) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let caller = Caller::to_look(reach).await?;
    let path = format!("/rates?replace={replace}");
    let answer = caller.send_file(Method::POST, &path, "application/octet-stream", bytes).await?;
    // What is wrong with which line is more than one sentence.
    for mistake in list(&answer.body, "mistakes") {
        match mistake["line"].as_u64() {
            Some(line) => eprintln!("  line {line}: {}", text(mistake, "message")),
            None => eprintln!("  {}", text(mistake, "message")),
        }
    }
    let told = answer.success()?;
    let count = |name: &str| told[name].as_u64().unwrap_or(0);
    println!(
        "{} rates added, {} of them in place of other values, {} known already; {} postbacks that waited were decided",
        count("added"),
        count("replaced"),
        count("known"),
        count("decided"),
    );
    for gap in list(&told, "gaps").filter_map(Value::as_str) {
        println!("  gap: {gap}");
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(currency: Option<String>, limit: u32, as_json: bool, reach: Reach) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(reach).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &limit.to_string());
    query.extend_pairs(currency.map(|currency| ("currency", currency)));
    let answer = caller.get(&format!("/rates?{}", query.finish())).await?;
    if as_json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    for rate in list(&answer, "rates") {
        let (base, currency) = (text(rate, "base"), text(rate, "currency"));
        println!(
            "{}  1 {base} = {} {currency}  known since {} by {}",
            text(rate, "date"),
            text(rate, "rate"),
            text(rate, "at"),
            text(rate, "author")
        );
    }
    Ok(ExitCode::SUCCESS)
}
