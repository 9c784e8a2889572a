//! Query parameters of lists, read strictly: an unknown or unreadable one is an error that names it.

use std::collections::BTreeMap;

use axum::response::Response;
use proofback_domain::calendar::Day;
use proofback_domain::click_id::ClickId;
use proofback_domain::name::Name;
use proofback_domain::postback::stored_txid;
use proofback_domain::program::Snapshot;
use proofback_domain::time::Timestamp;
use proofback_store::{Cursor, Page, PageRequest};
use serde_json::{Map, Value};

use super::problem;

const LIMIT_DEFAULT: u32 = 100;

/// The parameters of a request, taken one by one.
pub struct Query {
    left: BTreeMap<String, String>,
}

impl Query {
    pub fn new(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self { left: pairs.into_owned().filter(|(_, value)| !value.is_empty()).collect() }
    }

    /// Of the members of a body, read as strictly.
    pub fn of(left: BTreeMap<String, String>) -> Self {
        Self { left }
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        self.left.remove(name)
    }

    /// A parameter that `parse` must understand.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Response> {
        let Some(text) = self.left.remove(name) else {
            return Ok(None);
        };
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(problem::bad_request(&format!("{name}={text:?} cannot be understood"))),
        }
    }

    /// `true` or `false`; absent is false.
    pub fn flag(&mut self, name: &str) -> Result<bool, Response> {
        Ok(self.parsed(name, |text| text.parse().ok())?.unwrap_or(false))
    }

    /// A calendar day, as 2026-11-30.
    pub fn day(&mut self, name: &str) -> Result<Option<Day>, Response> {
        let Some(text) = self.left.remove(name) else {
            return Ok(None);
        };
        let wrong = || problem::bad_request(&format!("{name}={text:?} is no day; write it like 2026-11-30"));
        Day::parse(&text).map(Some).ok_or_else(wrong)
    }

    pub fn name(&mut self, name: &str) -> Result<Option<Name>, Response> {
        self.parsed(name, |text| Name::parse(text).ok())
    }

    pub fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Response> {
        // A day alone is its first moment in UTC.
        self.parsed(name, |text| {
            Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
        })
    }

    pub fn click_id(&mut self, snapshot: Option<&Snapshot>) -> Result<Option<ClickId>, Response> {
        self.parsed("click_id", |text| snapshot?.keys.read(text.trim()))
    }

    /// A sender's own id, as it is stored.
    pub fn txid(&mut self, name: &str, snapshot: Option<&Snapshot>) -> Option<String> {
        let text = self.left.remove(name)?;
        Some(snapshot.map_or_else(|| text.clone(), |snapshot| stored_txid(&text, snapshot)))
    }

    pub fn page(&mut self) -> Result<PageRequest, Response> {
        self.page_of(LIMIT_DEFAULT)
    }

    /// A page of so many rows where no limit is named.
    pub fn page_of(&mut self, limit_default: u32) -> Result<PageRequest, Response> {
        let limit = self.limit(limit_default)?;
        let after = self.parsed("cursor", Cursor::parse)?;
        Ok(PageRequest { limit, after })
    }

    fn limit(&mut self, default: u32) -> Result<u32, Response> {
        let limit = self.parsed("limit", |text| {
            text.parse().ok().filter(|limit| 1 <= *limit && *limit <= PageRequest::LIMIT_MAX)
        })?;
        Ok(limit.unwrap_or(default))
    }

    /// A page of a list that goes by words: `parse` reads the last ones that were seen.
    pub fn page_behind<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<(usize, Option<T>), Response> {
        let limit = self.limit(LIMIT_DEFAULT)?;
        let after = self.parsed("cursor", parse)?;
        Ok((usize::try_from(limit).unwrap_or(usize::MAX), after))
    }

    /// Nothing may be left over: a misspelt filter must not answer more than was asked for.
    pub fn finish(self) -> Result<(), Response> {
        match self.left.into_keys().next() {
            Some(name) => Err(problem::bad_request(&format!("{name:?} is no parameter here"))),
            None => Ok(()),
        }
    }
}

/// Every value of a parameter that may be repeated, in their order.
pub fn every(query: Option<&str>, name: &str) -> Vec<String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.filter(|(known, _)| known == name).map(|(_, value)| value.into_owned()).collect()
}

/// `{"postbacks": [...], "next": "cursor" | null}`
pub fn list<T>(name: &str, page: Page<T>, show: impl Fn(&T) -> Value) -> Response {
    let mut body = Map::new();
    body.insert(name.to_owned(), page.rows.iter().map(show).collect());
    body.insert("next".into(), page.next.map_or(Value::Null, |cursor| Value::String(cursor.to_string())));
    super::json(&Value::Object(body))
}
