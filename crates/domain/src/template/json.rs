//! JSON as a place for macros: what is a string, how values are written, and the proof that JSON comes out.

use serde_json::Value;

use super::dialect;
use super::error::TemplateError;
use super::vocabulary;
use super::{Part, fill};

/// What is written as a string outside a string, and what is not. Neither goes on after an escape.
const SAMPLES: [&str; 2] = ["x", "1"];

/// A value inside a string, which the template itself opens and closes.
pub(super) fn inside_a_string(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

/// A value of its own: nothing is `null`, what reads as a number, `true`, `false` or `null` stands bare.
pub(super) fn value(value: &str) -> String {
    if value.is_empty() {
        return "null".into();
    }
    if is_bare(value) { value.to_owned() } else { Value::from(value).to_string() }
}

fn is_bare(value: &str) -> bool {
    let begins = value.starts_with(|first: char| first.is_ascii_digit() || "-tfn".contains(first));
    let ends = !value.ends_with(|last: char| last.is_ascii_whitespace());
    begins && ends && serde_json::from_str::<Value>(value).is_ok()
}

/// Whatever the values are, JSON comes out: a slot outside a string is one whole value, and wherever a string and a
/// number both fit, every value does.
pub(super) fn prove(parts: &[Part]) -> Result<(), TemplateError> {
    for sample in SAMPLES {
        let text = fill::sample(parts, sample);
        let read: Value =
            serde_json::from_str(&text).map_err(|error| TemplateError::NotJson(error.to_string()))?;
        refuse_foreign(&read)?;
    }
    Ok(())
}

/// A placeholder that is all of a string, in a syntax that nobody would write as plain text.
fn refuse_foreign(read: &Value) -> Result<(), TemplateError> {
    match read {
        Value::String(text) => refuse_foreign_text(text),
        Value::Array(items) => items.iter().try_for_each(refuse_foreign),
        Value::Object(members) => members.values().try_for_each(refuse_foreign),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// In what is left of the template, a name between braces was in no form that a macro has.
fn refuse_foreign_text(text: &str) -> Result<(), TemplateError> {
    let braces = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match braces.filter(|name| dialect::is_name(name)) {
        Some(name) => {
            let suggestion = vocabulary::suggestion(name);
            Err(TemplateError::UnknownMacro { name: name.to_owned(), suggestion })
        }
        None => dialect::refuse_sure(text),
    }
}
