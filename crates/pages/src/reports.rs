//! The grid: any question over the facts, in words that the address keeps; sorted, compared, drilled into, drawn, saved
//! and taken away.

mod form;
mod grid;
mod line;

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chart::Chart;
use crate::client::{query, segment};
use crate::frame::Frame;
use crate::moment::Moment;
use crate::show;
use crate::visit::{Page, Posted, Visit};
use form::Form;
use grid::Grid;

/// Rows of one page where nobody says how many.
const ROWS: &str = "200";
/// What somebody sees who asked for nothing.
const DEFAULT_BY: &str = "day";

#[derive(Deserialize, Default)]
struct Words {
    dimensions: Vec<Word>,
    metrics: Vec<Word>,
    periods: Vec<Value>,
}

#[derive(Deserialize, Clone)]
struct Word {
    code: String,
    /// `None` for a form that takes a word, as in `conversions:EVENT`.
    title: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    columns: Vec<Column>,
    rows: Vec<BTreeMap<String, Value>>,
    totals: BTreeMap<String, Value>,
    rows_total: u64,
    from: String,
    to: String,
    timezone: String,
    time: String,
    #[serde(default)]
    without_rate: Vec<Value>,
    /// Of a report over time, those without a row, too.
    #[serde(default)]
    pieces: Vec<Piece>,
}

#[derive(Deserialize, Clone)]
struct Piece {
    label: String,
    from: Moment,
}

#[derive(Deserialize, Clone)]
struct Column {
    code: String,
    title: String,
    role: String,
    kind: String,
    #[serde(default)]
    currency: Option<String>,
}

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsPage<'a> {
    frame: &'a Frame,
    form: Form,
    grid: Grid,
    /// How many, and of how many.
    rows_shown: String,
    span: String,
    warnings: Vec<String>,
    chart: Option<Chart>,
    /// The question in words, as saved reports and exports take it.
    asked: String,
    csv: String,
    xlsx: String,
    parquet: String,
    mistake: String,
    saved: Vec<Saved>,
}

#[derive(Deserialize)]
pub struct Saved {
    pub id: String,
    pub name: String,
    pub query: String,
    #[serde(default)]
    pub owner: String,
}

#[derive(Deserialize, Default)]
struct SavedList {
    reports: Vec<Saved>,
}

pub async fn show(visit: Visit) -> Page {
    let words: Words = visit.api.find("/reports/dimensions").await?.unwrap_or_default();
    let mut pairs = visit.pairs();
    if pairs.is_empty() {
        pairs.push(("by".into(), DEFAULT_BY.into()));
        pairs.push(("period".into(), "last_7_days".into()));
    }
    // Both may stand in the form; days that are named say more than a word.
    if pairs.iter().any(|(name, _)| name == "from") {
        pairs.retain(|(name, _)| name != "period");
    }
    let asked = question(&pairs);
    let mut page = ReportsPage {
        frame: &visit.frame,
        form: form::form(&words, &pairs),
        grid: Grid::default(),
        rows_shown: String::new(),
        span: String::new(),
        warnings: Vec::new(),
        chart: None,
        csv: format!("/reports/export?{asked}&format=csv"),
        xlsx: format!("/reports/export?{asked}&format=xlsx"),
        parquet: format!("/reports/export?{asked}&format=parquet"),
        asked,
        mistake: String::new(),
        saved: Vec::new(),
    };
    if visit.frame.is_staff {
        page.saved = visit.api.find::<SavedList>("/reports/saved").await?.unwrap_or_default().reports;
    }
    let limit =
        if pairs.iter().any(|(name, _)| name == "limit") { String::new() } else { format!("&limit={ROWS}") };
    match visit.api.get::<Answer>(&format!("/reports?{}{limit}&links=1&pieces=1", page.asked)).await {
        Ok(answer) => {
            fill(&mut page, &answer, &pairs);
            page.chart = line::line(&visit, &answer, &pairs).await?;
        }
        Err(trouble) if trouble.status.is_client_error() => page.mistake = trouble.sentence(),
        Err(trouble) => return Err(trouble),
    }
    visit.show(&page)
}

/// The pairs as a query; lists of the form stand in one pair.
fn question(pairs: &[(String, String)]) -> String {
    let mut by: Vec<&str> = Vec::new();
    let mut metrics: Vec<&str> = Vec::new();
    let mut rest: Vec<(&str, &str)> = Vec::new();
    for (name, value) in pairs {
        match name.as_str() {
            "by" => by.extend(value.split(',').map(str::trim).filter(|one| !one.is_empty())),
            "metrics" => metrics.extend(value.split(',').map(str::trim).filter(|one| !one.is_empty())),
            "links" | "pieces" | "format" => {}
            name => rest.push((name, value)),
        }
    }
    let (by, metrics) = (once(by).join(","), once(metrics).join(","));
    query([("by", by.as_str()), ("metrics", metrics.as_str())].into_iter().chain(rest))
}

fn once(words: Vec<&str>) -> Vec<&str> {
    let mut once: Vec<&str> = Vec::new();
    for word in words {
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once
}

fn every<'a>(pairs: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let values = pairs.iter().filter(|(known, _)| known == name).flat_map(|(_, value)| value.split(','));
    once(values.map(str::trim).filter(|value| !value.is_empty()).collect())
}

fn first(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn fill(page: &mut ReportsPage<'_>, answer: &Answer, pairs: &[(String, String)]) {
    page.grid = Grid::of(answer, pairs, &first(pairs, "sort"));
    let all = show::counted(answer.rows_total, "row");
    page.rows_shown = match answer.rows.len() {
        count if count as u64 == answer.rows_total => all,
        count => format!("{count} of {all}"),
    };
    page.span =
        format!("{} to {}, {}, by {}", answer.from, answer.to, answer.timezone, time_in_words(&answer.time));
    let without = |value: &Value| {
        let said = |name: &str| crate::trace::text(value, name);
        format!(
            "{} {} of {} is in no figure: no exchange rate is known for it.",
            show::grouped(&said("amount")),
            said("currency"),
            said("metric")
        )
    };
    page.warnings = answer.without_rate.iter().map(without).collect();
}

fn time_in_words(time: &str) -> &'static str {
    match time {
        "click" => "time of the click",
        "booked" => "time of recording",
        _ => "time of the event",
    }
}

/// The report as a file.
pub async fn export(visit: Visit) -> Page {
    visit.api.file(&format!("/reports?{}", visit.query)).await
}

#[derive(Deserialize)]
pub struct Keep {
    id: String,
    #[serde(default)]
    name: String,
    query: String,
}

pub async fn save(visit: Visit, Posted(form): Posted<Keep>) -> Page {
    let asked = json!({ "id": form.id.trim(), "name": form.name.trim(), "query": form.query });
    visit.api.post::<Value>("/reports/saved", &asked).await?;
    visit.done(&format!("/reports?{}", form.query), &format!("Saved as {}.", form.id.trim()))
}

pub async fn remove(visit: Visit, Path(id): Path<String>) -> Page {
    visit
        .api
        .send::<Value>(Method::DELETE, &format!("/reports/saved/{}", segment(&id)), &Value::Null)
        .await?;
    visit.done("/reports", &format!("The saved report {id} is gone."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(text.as_bytes()).into_owned().filter(|(_, value)| !value.is_empty()).collect()
    }

    #[test]
    fn lists_of_the_form_are_one_pair_and_say_nothing_twice() {
        let asked = question(&pairs(
            "by=day&by=partner&by=&by=day&metrics=clicks&metrics=payout&period=today&links=1",
        ));
        assert_eq!(asked, "by=day%2Cpartner&metrics=clicks%2Cpayout&period=today");
    }
}
