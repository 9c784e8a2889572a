//! `proofback replay`: stored postbacks run again; what they would change is shown in money first.

use std::process::ExitCode;

use http::Method;
use serde_json::{Value, json};

use super::{list, text};
use crate::caller::Caller;
use crate::options::Replay;

pub async fn run(options: Replay) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(options.reach).await?;
    let mut replays: Vec<Value> = Vec::new();
    for ids in options.postback_ids.chunks(AT_ONCE) {
        let body = json!({
            "postbacks": ids,
            "with_current_rules": options.with_current_rules,
            "dry_run": options.dry_run,
        });
        let answer = caller.call(Method::POST, "/replays", body.to_string()).await?.success()?;
        replays.extend(list(&answer, "replays").cloned());
    }
    let applied = options.with_current_rules && !options.dry_run;
    if options.json {
        println!("{:#}", json!({ "replays": replays, "dry_run": !applied }));
    } else {
        print!("{}", report(&replays, applied));
    }
    // Under the rules of that day every decision must come out the same.
    let differs = |replay: &Value| replay.get("changed") == Some(&Value::Bool(true));
    let broken = !options.with_current_rules && replays.iter().any(differs);
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// As many as the API runs in one transaction.
const AT_ONCE: usize = 200;

fn report(replays: &[Value], applied: bool) -> String {
    let mut lines = Vec::new();
    let mut changed = 0;
    for replay in replays {
        let before = replay.get("before").unwrap_or(&Value::Null);
        let was = format!("{} ({})", text(before, "outcome"), text(before, "reason"));
        let id = text(replay, "postback_id");
        if !text(replay, "error").is_empty() {
            lines.push(format!("{id}  {was}: not run again, {}", text(replay, "error")));
            continue;
        }
        let is_changed = replay.get("changed") == Some(&Value::Bool(true));
        changed += usize::from(is_changed);
        let now = format!("{} ({})", text(replay, "outcome"), text(replay, "reason"));
        let mark = if is_changed { "->" } else { "==" };
        lines.push(format!("{id}  {was} {mark} {now}: {}", text(replay, "message")));
        for moved in list(replay, "money") {
            let (account, amount) = (text(moved, "account"), text(moved, "amount"));
            lines.push(format!("    {account:<40} {amount:>14} {}", text(moved, "currency")));
        }
    }
    let verb = if applied { "changed" } else { "would change" };
    lines.push(format!("{changed} of {} {verb}", replays.len()));
    lines.join("\n") + "\n"
}
