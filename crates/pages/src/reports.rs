//! The grid: any question over the facts, in words that the address keeps; sorted, compared, drilled into, drawn, saved
//! and taken away.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chart::{Chart, Series};
use crate::client::{query, segment};
use crate::frame::Frame;
use crate::show;
use crate::visit::{Page, Posted, Visit};

/// Dimensions that the form has room for; an address may have more.
const GROUPS: usize = 4;
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

/// A column of the grid: its name leads to the same report sorted by it.
struct Head {
    title: String,
    is_metric: bool,
    address: String,
    /// `ascending`, `descending` or `none`.
    sorted: &'static str,
}

struct GridRow {
    cells: Vec<GridCell>,
    drill: String,
    is_other: bool,
}

struct GridCell {
    shown: String,
    is_metric: bool,
    /// The figure of the other period and the change; empty without a comparison.
    then: String,
    change: String,
}

struct Choice {
    code: String,
    title: String,
    chosen: bool,
}

/// What the form shows of the question.
struct Form {
    by: Vec<Vec<Choice>>,
    metrics: Vec<Choice>,
    periods: Vec<Choice>,
    from: String,
    to: String,
    filter: String,
    compare: Vec<Choice>,
    time: Vec<Choice>,
    top: String,
    other: bool,
    currency: String,
    test: Vec<Choice>,
    sort: String,
}

impl Form {
    /// Whether something is asked for that only the folded part of the form says; columns are seen in the table.
    fn has_more(&self) -> bool {
        !self.top.is_empty()
    }
}

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsPage<'a> {
    frame: &'a Frame,
    form: Form,
    heads: Vec<Head>,
    rows: Vec<GridRow>,
    totals: Vec<GridCell>,
    rows_total: u64,
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
        form: form(&words, &pairs),
        heads: Vec::new(),
        rows: Vec::new(),
        totals: Vec::new(),
        rows_total: 0,
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
    match visit.api.get::<Answer>(&format!("/reports?{}{limit}&links=1", page.asked)).await {
        Ok(answer) => fill(&mut page, &answer, &pairs),
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
            "links" | "format" => {}
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

fn form(words: &Words, pairs: &[(String, String)]) -> Form {
    let (by, metrics) = (every(pairs, "by"), every(pairs, "metrics"));
    let choices = |known: &[Word], chosen: &dyn Fn(&str) -> bool| {
        let choice = |word: &Word| {
            let title = word.title.clone()?;
            Some(Choice { code: word.code.clone(), title, chosen: chosen(&word.code) })
        };
        known.iter().filter_map(choice).collect::<Vec<_>>()
    };
    // What takes a word, as `conversions:sale`, is no word of the list; asked for once, it stays.
    let others = metrics.iter().filter(|code| !words.metrics.iter().any(|word| word.code == **code));
    let others =
        others.map(|code| Choice { code: (*code).to_owned(), title: (*code).to_owned(), chosen: true });
    let fixed = |codes: &[(&str, &str)], value: &str| {
        let choice = |(code, title): &(&str, &str)| Choice {
            code: (*code).into(),
            title: (*title).into(),
            chosen: *code == value,
        };
        codes.iter().map(choice).collect::<Vec<_>>()
    };
    let group = |place: usize| {
        let chosen = by.get(place).copied().unwrap_or_default();
        let mut choices = choices(&words.dimensions, &|code| code == chosen);
        if !chosen.is_empty() && choices.iter().all(|choice| !choice.chosen) {
            // A parameter of the link has no place in the list.
            choices.push(Choice { code: chosen.to_owned(), title: chosen.to_owned(), chosen: true });
        }
        choices
    };
    let period = first(pairs, "period");
    let named = |value: &Value| {
        let code = crate::trace::text(value, "code");
        let title = code.replace('_', " ");
        (code, title)
    };
    let periods = words.periods.iter().map(|value| {
        let (code, title) = named(value);
        let title = if title.is_empty() { code.replace('_', " ") } else { title };
        Choice { chosen: code == period, code, title }
    });
    Form {
        by: (0..GROUPS.max(by.len())).map(group).collect(),
        metrics: choices(&words.metrics, &|code| metrics.contains(&code)).into_iter().chain(others).collect(),
        periods: periods.collect(),
        from: first(pairs, "from"),
        to: first(pairs, "to"),
        filter: first(pairs, "filter"),
        compare: fixed(
            &[
                ("previous", "the period before"),
                ("week", "a week earlier"),
                ("month", "a month earlier"),
                ("year", "a year earlier"),
            ],
            &first(pairs, "compare"),
        ),
        time: fixed(
            &[
                ("event", "when it happened"),
                ("click", "when the click came"),
                ("booked", "when it was recorded"),
            ],
            &first(pairs, "time"),
        ),
        top: first(pairs, "top"),
        other: first(pairs, "other") == "1",
        currency: first(pairs, "currency"),
        test: fixed(
            &[("exclude", "left out"), ("include", "counted, too"), ("only", "alone")],
            &first(pairs, "test"),
        ),
        sort: first(pairs, "sort"),
    }
}

fn fill(page: &mut ReportsPage<'_>, answer: &Answer, pairs: &[(String, String)]) {
    let sort = first(pairs, "sort");
    page.heads = answer.columns.iter().map(|column| head(column, pairs, &sort)).collect();
    page.rows = answer.rows.iter().map(|row| grid_row(row, &answer.columns)).collect();
    page.totals = answer
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| match column.role.as_str() {
            "dimension" => GridCell {
                shown: if place == 0 { "Total".into() } else { String::new() },
                is_metric: false,
                then: String::new(),
                change: String::new(),
            },
            _ => cell(&answer.totals, column),
        })
        .collect();
    page.rows_total = answer.rows_total;
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
    page.chart = chart(answer);
}

fn time_in_words(time: &str) -> &'static str {
    match time {
        "click" => "time of the click",
        "booked" => "time of recording",
        _ => "time of the event",
    }
}

/// Sorted by it the other way, or the larger ones first.
fn head(column: &Column, pairs: &[(String, String)], sort: &str) -> Head {
    let is_metric = column.role == "metric";
    let (down, up) = (format!("-{}", column.code), column.code.clone());
    let sorted = match sort {
        sort if sort == down => "descending",
        sort if sort == up => "ascending",
        _ => "none",
    };
    let next = match (sorted, is_metric) {
        ("descending", _) | ("none", false) => up,
        _ => down,
    };
    let mut pairs: Vec<(String, String)> = pairs.iter().filter(|(name, _)| name != "sort").cloned().collect();
    pairs.push(("sort".into(), next));
    let unit = column.currency.as_ref().map(|currency| format!(" {currency}")).unwrap_or_default();
    Head {
        title: format!("{}{unit}", column.title),
        is_metric,
        address: format!("/reports?{}", question(&pairs)),
        sorted,
    }
}

/// The report of what is in a row, broken down by what people ask next.
fn drilled(query: &str, columns: &[Column]) -> String {
    let mut pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.trim_start_matches('?').as_bytes()).into_owned().collect();
    pairs.retain(|(name, _)| name != "by");
    let last = columns.iter().rfind(|column| column.role != "metric").map(|column| column.code.as_str());
    pairs.insert(0, ("by".into(), next_by(last.unwrap_or_default()).into()));
    format!("/reports?{}", question(&pairs))
}

fn next_by(code: &str) -> &'static str {
    match code {
        "year" | "quarter" => "month",
        "month" | "week" => "day",
        "day" => "hour",
        "hour" => "partner",
        "advertiser" => "offer",
        "offer" => "partner",
        "partner" => "link",
        "link" => "sub1",
        "source" => "campaign",
        "campaign" => "ad",
        "ad" => "keyword",
        "country" => "region",
        "region" => "city",
        _ => "day",
    }
}

fn grid_row(row: &BTreeMap<String, Value>, columns: &[Column]) -> GridRow {
    let drill = row.get("drill").and_then(Value::as_str).unwrap_or_default();
    GridRow {
        cells: columns.iter().map(|column| cell(row, column)).collect(),
        drill: if drill.is_empty() { String::new() } else { drilled(drill, columns) },
        is_other: row.get("is_other") == Some(&Value::Bool(true)),
    }
}

fn cell(row: &BTreeMap<String, Value>, column: &Column) -> GridCell {
    let is_metric = column.role == "metric";
    let value = row.get(&column.code).unwrap_or(&Value::Null);
    let of = |name: &str| row.get(name).and_then(|members| members.get(&column.code));
    let shown = match value {
        Value::String(text) if !is_metric && text.is_empty() => "(none)".into(),
        value => show::figure(value, &column.kind),
    };
    GridCell {
        shown,
        is_metric,
        then: of("compared")
            .filter(|_| is_metric)
            .map(|then| show::figure(then, &column.kind))
            .unwrap_or_default(),
        change: of("change").filter(|_| is_metric).map(show::change).unwrap_or_default(),
    }
}

/// Over time, where time comes first and alone: the first metric, beside that of the other period.
fn chart(answer: &Answer) -> Option<Chart> {
    let mut dimensions = answer.columns.iter().filter(|column| column.role == "dimension");
    let (time, None) = (dimensions.next()?, dimensions.next()) else {
        return None;
    };
    let is_time = ["hour", "day", "week", "month", "quarter", "year"].contains(&time.code.as_str());
    let metric = answer.columns.iter().find(|column| column.role == "metric").filter(|_| is_time)?;
    let number = |value: Option<&Value>| match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let labels = answer
        .rows
        .iter()
        .map(|row| row.get(&time.code).and_then(Value::as_str).unwrap_or_default().to_owned());
    let now = answer.rows.iter().map(|row| number(row.get(&metric.code)));
    let mut series = vec![Series { name: metric.title.clone(), values: now.collect() }];
    if answer.rows.iter().any(|row| row.contains_key("compared")) {
        let then = |row: &BTreeMap<String, Value>| {
            number(row.get("compared").and_then(|members| members.get(&metric.code)))
        };
        series.push(Series { name: "compared".into(), values: answer.rows.iter().map(then).collect() });
    }
    Some(Chart { unit: time.title.clone(), labels: labels.collect(), series })
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

    #[test]
    fn a_column_sorts_by_itself_and_then_the_other_way() {
        let column = Column {
            code: "clicks".into(),
            title: "Clicks".into(),
            role: "metric".into(),
            kind: "count".into(),
            currency: None,
        };
        let asked = pairs("by=partner");
        assert!(head(&column, &asked, "").address.ends_with("sort=-clicks"));
        let sorted = head(&column, &asked, "-clicks");
        assert_eq!((sorted.sorted, sorted.address.ends_with("sort=clicks")), ("descending", true));
    }
}
