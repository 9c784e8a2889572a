//! One file per command.

pub mod apply;
pub mod check;
pub mod delivery;
pub mod demo;
pub mod explain;
mod files;
pub mod import;
pub mod ledger;
pub mod listen;
pub mod rates;
pub mod reconcile;
pub mod replay;
pub mod report;
pub mod review;
pub mod serve;
pub mod settlement;
pub mod statement;
pub mod target;
pub mod template;
pub mod token;
pub mod trace;
pub mod user;
pub mod verify;

use anyhow::Context;

/// The text of a file that a person named.
fn read_file(path: &std::path::Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Brings bytes to the file that a person named, or to the standard output.
fn put_out(bytes: &[u8], out: Option<&std::path::Path>) -> anyhow::Result<()> {
    use std::io::Write;
    match out {
        Some(path) => {
            std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
        }
        None => {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(bytes).and_then(|()| stdout.flush()).context("the output cannot be written")
        }
    }
}

/// The items of a member; none where there is no list.
fn list<'a>(value: &'a serde_json::Value, name: &str) -> impl Iterator<Item = &'a serde_json::Value> {
    value.get(name).and_then(serde_json::Value::as_array).into_iter().flatten()
}

/// Every row of a list, over all its pages.
async fn every(caller: &crate::caller::Caller, name: &str) -> anyhow::Result<Vec<serde_json::Value>> {
    let mut rows = Vec::new();
    let mut path = format!("/{name}?limit=1000");
    loop {
        let page = caller.get(&path).await?;
        rows.extend(list(&page, name).cloned());
        match text(&page, "next") {
            "" => return Ok(rows),
            cursor => path = format!("/{name}?limit=1000&cursor={cursor}"),
        }
    }
}

/// A member's text; empty where there is none.
fn text<'a>(value: &'a serde_json::Value, name: &str) -> &'a str {
    value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
}
