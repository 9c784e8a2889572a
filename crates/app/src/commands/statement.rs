//! `proofback statement`: what a partner is owed or an advertiser owes, from one day to another.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use super::{list, put_out, text};
use crate::caller::{Answer, Caller};
use crate::options::finance::{Form, Statement};

pub async fn run(options: Statement) -> anyhow::Result<ExitCode> {
    let Statement { partner, advertiser, from, to, currency, format, out, reach } = options;
    let caller = Caller::to_look(reach).await?;
    let address = match (partner, advertiser) {
        (Some(partner), _) => format!("/partners/{}/statement", segment(&partner)),
        (None, advertiser) => {
            format!("/advertisers/{}/statement", segment(&advertiser.unwrap_or_default()))
        }
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("from", from), ("to", to), ("currency", currency)] {
        query.extend_pairs(value.map(|value| (name, value)));
    }
    if format == Form::Table {
        query.append_pair("limit", "1");
        let statement = caller.get(&format!("{address}?{}", query.finish())).await?;
        put_out(tell(&statement).as_bytes(), out.as_deref())?;
        return Ok(if holds(&statement) { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    query.append_pair("format", word(format));
    fetch(&caller, &format!("{address}?{}", query.finish()), out.as_deref()).await
}

/// Brings a document as it is to where it is wanted.
pub async fn fetch(caller: &Caller, path: &str, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (status, bytes) = caller.download(path).await?;
    if !status.is_success() {
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, body }.success()?;
    }
    put_out(&bytes, out)?;
    Ok(ExitCode::SUCCESS)
}

/// A part of a path, whatever a person typed.
pub fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

pub fn word(form: Form) -> &'static str {
    match form {
        Form::Table | Form::Json => "json",
        Form::Csv => "csv",
        Form::Xlsx => "xlsx",
        Form::Html => "html",
    }
}

fn holds(answer: &Value) -> bool {
    list(answer, "statements").all(|statement| statement["proof"]["holds"] == true)
}

/// The names of the sums that stand beside, of either party.
const BESIDE: [&str; 6] = ["pending", "paid", "on_hold", "due", "invoiced", "received"];

fn tell(answer: &Value) -> String {
    let side = if text(answer, "partner").is_empty() { "advertiser" } else { "partner" };
    let mut lines = vec![format!(
        "{side} {}, from {} to {} (days of {})",
        text(answer, side),
        text(answer, "from"),
        text(answer, "to"),
        text(answer, "timezone")
    )];
    if list(answer, "statements").next().is_none() {
        lines.push("nothing was booked up to then".into());
    }
    for statement in list(answer, "statements") {
        let currency = text(statement, "currency");
        let mut sum = |name: &str, amount: &str| {
            lines.push(format!("  {name:<12} {amount:>20} {currency}"));
        };
        sum("opening", text(statement, "opening"));
        for (kind, amount) in statement["movements"].as_object().into_iter().flatten() {
            sum(kind, amount.as_str().unwrap_or_default());
        }
        sum("closing", text(statement, "closing"));
        for name in BESIDE.into_iter().filter(|name| statement.get(*name).is_some()) {
            sum(name, text(statement, name));
        }
        lines.push(proof(statement));
    }
    lines.join("\n") + "\n"
}

fn proof(statement: &Value) -> String {
    let (proof, currency) = (&statement["proof"], text(statement, "currency"));
    if proof["holds"] != true {
        return format!("  {}", text(statement, "warning"));
    }
    let (opening, closing) = (text(proof, "opening"), text(proof, "closing"));
    let entries = statement["entries"].as_u64().unwrap_or(0);
    let moved = text(proof, "movements");
    format!("  proof: {opening} + ({moved}) = {closing} {currency}, over {entries} entries")
}
