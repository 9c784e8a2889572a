//! The answer as a grid: heads to sort by, rows to look behind, figures beside those of another period.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Answer, Column, question};
use crate::show;

/// A column of the grid: its name leads to the same report sorted by it.
pub struct Head {
    pub title: String,
    pub is_metric: bool,
    pub address: String,
    /// `ascending`, `descending` or `none`.
    pub sorted: &'static str,
}

pub struct GridRow {
    pub cells: Vec<GridCell>,
    pub drill: String,
    pub is_other: bool,
}

pub struct GridCell {
    pub shown: String,
    pub is_metric: bool,
    /// The figure of the other period and the change; empty without a comparison.
    pub then: String,
    pub change: String,
}

/// What the page shows of an answer.
#[derive(Default)]
pub struct Grid {
    pub heads: Vec<Head>,
    pub rows: Vec<GridRow>,
    pub totals: Vec<GridCell>,
}

impl Grid {
    pub fn of(answer: &Answer, pairs: &[(String, String)], sort: &str) -> Self {
        let columns = &answer.columns;
        Self {
            heads: columns.iter().map(|column| head(column, pairs, sort)).collect(),
            rows: answer.rows.iter().map(|row| grid_row(row, columns)).collect(),
            totals: columns.iter().enumerate().map(|(place, column)| total(answer, place, column)).collect(),
        }
    }
}

fn total(answer: &Answer, place: usize, column: &Column) -> GridCell {
    if column.role == "metric" {
        return cell(&answer.totals, column);
    }
    let shown = if place == 0 { "Total".into() } else { String::new() };
    GridCell { shown, is_metric: false, then: String::new(), change: String::new() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_sorts_by_itself_and_then_the_other_way() {
        let column = Column {
            code: "clicks".into(),
            title: "Clicks".into(),
            role: "metric".into(),
            kind: "count".into(),
            currency: None,
        };
        let asked = [("by".to_owned(), "partner".to_owned())];
        assert!(head(&column, &asked, "").address.ends_with("sort=-clicks"));
        let sorted = head(&column, &asked, "-clicks");
        assert_eq!((sorted.sorted, sorted.address.ends_with("sort=clicks")), ("descending", true));
    }
}
