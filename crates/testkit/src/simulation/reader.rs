//! Reads what a Proofback recorded, through its API alone.

use serde_json::Value;

use crate::http::{Http, HttpError};

/// Rows that are asked for at once: few enough that every list takes several pages.
const PAGE: usize = 100;
/// No list is longer than this.
const PAGES_MAX: usize = 10_000;

pub struct Reader<'a> {
    pub http: &'a Http,
    pub base: &'a str,
    pub token: &'a str,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{path} was answered with {status}: {body}")]
    Refused { path: String, status: u16, body: String },
    #[error("{path} has no end")]
    Endless { path: String },
}

impl Reader<'_> {
    /// One answer; `path` begins behind `/api/v1/`.
    pub async fn one(&self, path: &str) -> Result<Value, ReadError> {
        let bearer = format!("Bearer {}", self.token);
        let url = format!("{}/api/v1/{path}", self.base);
        let reply = self.http.get_with(&url, &[("authorization", &bearer)]).await?;
        if reply.status != 200 {
            return Err(ReadError::Refused { path: path.to_owned(), status: reply.status, body: reply.body });
        }
        Ok(reply.json()?)
    }

    /// All rows of a list, page by page; `query` is empty or `name=value&...`.
    pub async fn list(&self, path: &str, name: &str, query: &str) -> Result<Vec<Value>, ReadError> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let page = self.one(&format!("{path}?limit={PAGE}&cursor={cursor}&{query}")).await?;
            rows.extend(page.get(name).and_then(Value::as_array).into_iter().flatten().cloned());
            match page.get("next").and_then(Value::as_str) {
                Some(next) => next.clone_into(&mut cursor),
                None => return Ok(rows),
            }
        }
        Err(ReadError::Endless { path: path.to_owned() })
    }

    /// One figure of `/metrics`; 0 where it is not there.
    pub async fn metric(&self, name: &str) -> Result<u64, ReadError> {
        let reply = self.http.get(&format!("{}/metrics", self.base)).await?;
        let line = reply.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.and_then(|value| value.trim().parse().ok()).unwrap_or(0))
    }
}

/// A member's text; empty where there is none.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
