//! The postback log, live, and why each postback was answered as it was.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use proofback_domain::outcome::{Outcome, Reason};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{query, segment};
use crate::frame::Frame;
use crate::moment::Moment;
use crate::trouble::Trouble;
use crate::visit::{Page, Posted, Visit};

/// Rows of one page of the log.
#[derive(Deserialize, Clone)]
pub struct Postback {
    pub postback_id: String,
    pub at: Moment,
    pub method: String,
    pub path: String,
    pub ip: String,
    #[serde(default)]
    pub params: Vec<Pair>,
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    pub advertiser: Option<String>,
    pub click_id: Option<String>,
    pub likely_click: Option<String>,
    pub outcome: String,
    pub reason: String,
    pub message: String,
    #[serde(default)]
    pub field: String,
    #[serde(default)]
    pub seen: String,
    #[serde(default)]
    pub expected: String,
    #[serde(default)]
    pub advice: String,
    pub conversion_id: Option<String>,
    pub status: Option<String>,
    pub decided_at: Moment,
    pub revision: u32,
    pub channel: String,
    pub duration_us: i64,
    #[serde(default)]
    pub explanation: Vec<Check>,
    #[serde(default)]
    pub earlier_decisions: Vec<Earlier>,
}

#[derive(Deserialize, Clone)]
pub struct Pair {
    pub name: String,
    pub value: String,
}

#[derive(Deserialize, Clone)]
pub struct Check {
    pub check: String,
    /// `passed`, `noted`, `held` or `failed`.
    pub verdict: String,
    pub seen: String,
}

#[derive(Deserialize, Clone)]
pub struct Earlier {
    pub decided_at: Moment,
    pub outcome: String,
    pub reason: String,
    pub message: String,
    pub revision: u32,
}

impl Postback {
    /// What was reported, in two words.
    pub fn about(&self) -> String {
        let of = |name: &str| self.fields.get(name).map(String::as_str).unwrap_or_default();
        [of("event_type"), of("txid")]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Whether a parameter of the request is the one at fault.
    pub fn is_at_fault(&self, name: &str) -> bool {
        !self.field.is_empty() && self.outcome != "accepted" && self.field.eq_ignore_ascii_case(name)
    }

    pub fn waits_for_a_person(&self) -> bool {
        self.outcome == "held"
    }
}

#[derive(Deserialize, Default)]
struct Listed {
    postbacks: Vec<Postback>,
    next: Option<String>,
}

/// What the log is filtered by.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Filter {
    outcome: String,
    reason: String,
    advertiser: String,
    click_id: String,
    txid: String,
    from: String,
    to: String,
    cursor: String,
}

impl Filter {
    fn pairs(&self) -> [(&str, &str); 7] {
        [
            ("outcome", self.outcome.trim()),
            ("reason", self.reason.trim()),
            ("advertiser", self.advertiser.trim()),
            ("click_id", self.click_id.trim()),
            ("txid", self.txid.trim()),
            ("from", self.from.trim()),
            ("to", self.to.trim()),
        ]
    }
}

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage<'a> {
    frame: &'a Frame,
    filter: &'a Filter,
    outcomes: Vec<&'static str>,
    reasons: Vec<&'static str>,
    postbacks: Vec<Postback>,
    /// The query of this filter, without its page.
    asked: String,
    next: Option<String>,
    mistake: String,
}

pub async fn list(visit: Visit) -> Page {
    let filter: Filter = visit.asked()?;
    let (found, mistake): (Listed, String) = visit.list("/postbacks", filter.pairs(), &filter.cursor).await?;
    let page = LogPage {
        frame: &visit.frame,
        outcomes: Outcome::ALL.iter().map(|outcome| outcome.code()).collect(),
        reasons: Reason::ALL.iter().map(|reason| reason.code()).collect(),
        postbacks: found.postbacks,
        asked: query(filter.pairs()),
        next: found.next,
        filter: &filter,
        mistake,
    };
    visit.show(&page)
}

/// A row alone, for those who follow the log.
#[derive(Template)]
#[template(path = "log_row.html")]
pub struct LogRow<'a> {
    pub frame: &'a Frame,
    pub postback: &'a Postback,
}

#[derive(Deserialize)]
struct Replay {
    outcome: Option<String>,
    reason: Option<String>,
    error: Option<String>,
    message: String,
    revision: u32,
    changed: bool,
    #[serde(default)]
    money: Vec<Moved>,
}

#[derive(Deserialize)]
struct Moved {
    account: String,
    amount: String,
    currency: String,
}

#[derive(Template)]
#[template(path = "postback.html")]
struct PostbackPage<'a> {
    frame: &'a Frame,
    postback: Postback,
    /// What running it again under the rules of now would do.
    preview: Option<Replay>,
}

pub async fn one(visit: Visit, Path(id): Path<String>) -> Page {
    let postback = visit.api.get(&format!("/postbacks/{}", segment(&id))).await?;
    visit.show(&PostbackPage { frame: &visit.frame, postback, preview: None })
}

/// Runs it again without keeping anything, and shows what would come of it.
pub async fn preview(visit: Visit, Path(id): Path<String>) -> Page {
    let path = format!("/postbacks/{}", segment(&id));
    let asked = json!({ "with_current_rules": true, "dry_run": true });
    let preview = visit.api.post(&format!("{path}/replay"), &asked).await?;
    let postback = visit.api.get(&path).await?;
    visit.show(&PostbackPage { frame: &visit.frame, postback, preview: Some(preview) })
}

pub async fn replay(visit: Visit, Path(id): Path<String>) -> Page {
    let path = format!("/postbacks/{}", segment(&id));
    let done: Replay =
        visit.api.post(&format!("{path}/replay"), &json!({ "with_current_rules": true })).await?;
    if let Some(error) = done.error {
        return Err(Trouble::bad_request(&error));
    }
    let word = if done.changed { "Decided anew" } else { "Nothing changed" };
    visit.done(&format!("/postbacks/{}", segment(&id)), &format!("{word}: {}", done.message))
}

#[derive(Deserialize)]
pub struct Verdict {
    verdict: String,
    reason: String,
    #[serde(default)]
    original: String,
}

/// A person's word about one that is held.
pub async fn decide(visit: Visit, Path(id): Path<String>, Posted(form): Posted<Verdict>) -> Page {
    let mut asked = json!({ "postbacks": [id], "verdict": form.verdict, "reason": form.reason });
    if let (Some(members), false) = (asked.as_object_mut(), form.original.is_empty()) {
        members.insert("original".into(), form.original.into());
    }
    let answer: Value = visit.api.post("/reviews", &asked).await?;
    let result = answer.pointer("/results/0").cloned().unwrap_or_default();
    let said = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let told = [said("message"), said("error"), said("detail")].into_iter().find(|told| !told.is_empty());
    visit.done(&format!("/postbacks/{}", segment(&id)), &told.unwrap_or_else(|| "Decided.".into()))
}
