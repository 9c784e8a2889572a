//! `proofback apply`: puts a program file in force, all or nothing.

use std::process::ExitCode;

use http::Method;
use serde_json::Value;

use super::text;
use crate::caller::Caller;
use crate::options::Apply;

pub async fn run(options: Apply) -> anyhow::Result<ExitCode> {
    let source = super::read_file(&options.file)?;
    let caller = Caller::new(options.reach).await?;
    let answer = caller.call(Method::PUT, "/program", source).await?;
    let file = options.file.display();
    for list in ["mistakes", "warnings"] {
        for mistake in answer.body.get(list).and_then(Value::as_array).into_iter().flatten() {
            let place = |name: &str| mistake.get(name).and_then(Value::as_u64).unwrap_or(0);
            println!(
                "{file}:{}:{}: {}: {}",
                place("line"),
                place("column"),
                text(mistake, "severity"),
                text(mistake, "message")
            );
        }
    }
    let body = answer.success()?;
    println!("{file} is in force as revision {}", body.get("revision").unwrap_or(&Value::Null));
    Ok(ExitCode::SUCCESS)
}
