//! What `import` and `reconcile` have in common: the file, and how it is to be read.

use std::path::Path;

use anyhow::Context;
use form_urlencoded::Serializer;
use http::StatusCode;
use serde_json::Value;

use super::{list, text};
use crate::caller::Answer;
use crate::options::FileOptions;

/// A file with its type.
pub struct Brought {
    pub bytes: Vec<u8>,
    pub media: &'static str,
    pub name: String,
}

pub fn bring(path: &Path) -> anyhow::Result<Brought> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let media = match path.extension().and_then(|ending| ending.to_str()) {
        Some(ending) if ending.eq_ignore_ascii_case("json") => "application/json",
        Some(_) | None => "application/octet-stream",
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Brought { bytes, media, name })
}

/// The query that says how the file is to be read.
pub fn query(options: &FileOptions) -> Serializer<'static, String> {
    let mut query = Serializer::new(String::new());
    query.append_pair("advertiser", &options.advertiser);
    for map in &options.map {
        query.append_pair("map", map);
    }
    let named = [
        ("decimal", &options.decimal),
        ("encoding", &options.encoding),
        ("delimiter", &options.delimiter),
        ("sheet", &options.sheet),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query
}

/// The faults of a refused file, a line each; `None` where it was not the file that was refused.
pub fn refusal(answer: &Answer) -> Option<String> {
    let refused =
        answer.status == StatusCode::UNPROCESSABLE_ENTITY && text(&answer.body, "code") == "bad_file";
    refused.then(|| {
        let mut lines: Vec<String> = list(&answer.body, "mistakes")
            .map(|mistake| match mistake.get("line").and_then(Value::as_u64) {
                Some(line) => format!("line {line}: {}", text(mistake, "message")),
                None => text(mistake, "message").to_owned(),
            })
            .collect();
        lines.push("the file was refused, nothing was changed".into());
        lines.join("\n")
    })
}
