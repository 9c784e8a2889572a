//! `proofback template`: what is wrong with the address template of a postback, and what it is in our macros.

use std::process::ExitCode;

use proofback_domain::template::{Finding, Translation, lint, translate};
use serde_json::{Value, json};

use crate::options::Template;

pub fn run(options: &Template) -> anyhow::Result<ExitCode> {
    let findings = lint(&options.template);
    let translation = translate(&options.template);
    let remaining = lint(&translation.template);
    if options.json {
        println!("{:#}", as_json(&findings, &translation, &remaining));
    } else {
        print!("{}", as_text(&findings, &translation, &remaining));
    }
    let is_whole = remaining.is_empty() && translation.unknown.is_empty();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(findings: &[Finding], translation: &Translation, remaining: &[Finding]) -> Value {
    let list = |findings: &[Finding]| -> Vec<Value> {
        let shown = findings.iter().map(|finding| {
            json!({
                "kind": finding.kind.code(),
                "seen": finding.seen,
                "what": finding.what,
                "instead": finding.instead,
            })
        });
        shown.collect()
    };
    let changes: Vec<Value> = translation
        .changes
        .iter()
        .map(|change| json!({ "from": change.from, "to": change.to, "why": change.why }))
        .collect();
    json!({
        "findings": list(findings),
        "template": translation.template,
        "changes": changes,
        "unknown": translation.unknown,
        "remaining": list(remaining),
    })
}

fn as_text(findings: &[Finding], translation: &Translation, remaining: &[Finding]) -> String {
    let mut lines = Vec::new();
    if findings.is_empty() {
        lines.push("nothing is wrong with it".to_owned());
    }
    lines.extend(findings.iter().map(told));
    if !translation.changes.is_empty() {
        lines.push(String::new());
        lines.push("translated:".to_owned());
        let changes = translation.changes.iter();
        lines.extend(changes.map(|change| format!("  {} -> {}: {}", change.from, change.to, change.why)));
    }
    lines.push(String::new());
    lines.push(translation.template.clone());
    if !translation.unknown.is_empty() || !remaining.is_empty() {
        lines.push(String::new());
        lines.push("left for you:".to_owned());
        lines.extend(translation.unknown.iter().map(|sentence| format!("  {sentence}")));
        let new = remaining.iter().filter(|finding| !is_said(finding, translation));
        lines.extend(new.map(|finding| format!("  {}", told(finding))));
    }
    lines.join("\n") + "\n"
}

fn told(finding: &Finding) -> String {
    match &finding.instead {
        Some(instead) => format!("{}: {} Write {instead}", finding.seen, finding.what),
        None if finding.seen.is_empty() => finding.what.clone(),
        None => format!("{}: {}", finding.seen, finding.what),
    }
}

/// The translator has a sentence of its own for it.
fn is_said(finding: &Finding, translation: &Translation) -> bool {
    let begins = |sentence: &String| sentence.starts_with(&format!("{}: ", finding.seen));
    let is_whole = finding.seen.is_empty() && !translation.unknown.is_empty();
    is_whole || translation.unknown.iter().any(begins)
}
