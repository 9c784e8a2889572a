//! The first page: today beside yesterday and last week, how the installation is doing, and what needs a person.

use std::collections::BTreeMap;

use askama::Template;
use proofback_domain::calendar::Day;
use proofback_domain::time::{Span, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::chart::{Chart, Series, number};
use crate::client::query;
use crate::frame::Frame;
use crate::show;
use crate::status::{Line, Need, Share, Status, health, needs, outcomes};
use crate::trouble::Trouble;
use crate::visit::{Page, Visit};

/// What is set beside each other.
const FIGURES: [(&str, &str); 5] = [
    ("clicks", "Clicks"),
    ("conversions", "Conversions"),
    ("revenue", "Revenue"),
    ("payout", "Payout"),
    ("profit", "Profit"),
];
const METRICS: &str = "clicks,conversions,revenue,payout,profit";
/// Of a partner's and an advertiser's token, those that it may see.
const METRICS_OF_PARTNER: &str = "clicks,conversions,payout";
const METRICS_OF_ADVERTISER: &str = "conversions,revenue";

/// A report as the API answers it.
#[derive(Deserialize, Default)]
pub struct Report {
    pub columns: Vec<Column>,
    pub rows: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    pub totals: BTreeMap<String, Value>,
}

#[derive(Deserialize, Default, Clone)]
pub struct Column {
    pub code: String,
    pub title: String,
    pub kind: String,
    #[serde(default)]
    pub currency: Option<String>,
}

/// One figure of today, with the same of yesterday and of a week ago by this time of day.
struct Card {
    title: String,
    now: String,
    unit: String,
    yesterday: Beside,
    last_week: Beside,
}

struct Beside {
    then: String,
    change: String,
}

struct Top {
    title: &'static str,
    column: &'static str,
    rows: Vec<TopRow>,
}

struct TopRow {
    name: String,
    address: String,
    figures: Vec<String>,
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage<'a> {
    frame: &'a Frame,
    cards: Vec<Card>,
    hours: Option<Chart>,
    days: Option<Chart>,
    needs: Vec<Need>,
    health: Vec<Line>,
    outcomes: Vec<Share>,
    tops: Vec<Top>,
    /// Why there are no figures.
    missing: String,
}

pub async fn show(visit: Visit) -> Page {
    let metrics = match visit.frame.role.split(':').next().unwrap_or_default() {
        "partner" => METRICS_OF_PARTNER,
        "advertiser" => METRICS_OF_ADVERTISER,
        _ => METRICS,
    };
    let mut page = DashboardPage {
        frame: &visit.frame,
        cards: Vec::new(),
        hours: None,
        days: None,
        needs: Vec::new(),
        health: Vec::new(),
        outcomes: Vec::new(),
        tops: Vec::new(),
        missing: String::new(),
    };
    let (figures, status, tops) = tokio::join!(figures(&visit, metrics), status(&visit), tops(&visit));
    match figures {
        Ok((cards, hours, days)) => {
            page.cards = cards;
            page.hours = Some(hours);
            page.days = Some(days);
            page.tops = tops?;
        }
        Err(trouble) => page.missing = trouble.sentence(),
    }
    if let Some(status) = status? {
        page.needs = needs(&status);
        page.health = health(&visit.frame, &status);
        page.outcomes = outcomes(&status);
    }
    visit.show(&page)
}

/// For whoever runs the house.
async fn status(visit: &Visit) -> Result<Option<Status>, Trouble> {
    if visit.frame.is_staff { visit.api.get("/status").await.map(Some) } else { Ok(None) }
}

async fn tops(visit: &Visit) -> Result<Vec<Top>, Trouble> {
    if !visit.frame.is_staff {
        return Ok(Vec::new());
    }
    let tops = tokio::try_join!(top(visit, "Partners today", "partner"), top(visit, "Offers today", "offer"));
    tops.map(|(partners, offers)| vec![partners, offers])
}

async fn report(visit: &Visit, pairs: &[(&str, &str)]) -> Result<Report, Trouble> {
    visit.api.get(&format!("/reports?{}", query(pairs.iter().copied()))).await
}

async fn figures(visit: &Visit, metrics: &str) -> Result<(Vec<Card>, Chart, Chart), Trouble> {
    let frame = &visit.frame;
    let clock = |at: Timestamp| frame.zone.show(at, "%Y-%m-%dT%H:%M").unwrap_or_default();
    // A moment is not included: the minute that runs is.
    let until = frame.now.plus(Span::from_seconds(60));
    let day = |days_back: u64| {
        let day = |at: Timestamp| frame.zone.show(at, "%Y-%m-%d").unwrap_or_default();
        let back = Span::from_seconds(days_back * 86_400);
        (format!("{}T00:00", day(frame.now.minus(back))), clock(until.minus(back)))
    };
    let of = |days_back: u64| {
        let (from, to) = day(days_back);
        async move { report(visit, &[("metrics", metrics), ("from", &from), ("to", &to)]).await }
    };
    let by_hour = |period: &'static str| async move {
        report(visit, &[("by", "hour"), ("metrics", metrics), ("period", period)]).await
    };
    let by_day = [("by", "day"), ("metrics", metrics), ("period", "last_30_days")];
    let (today, before, yesterday, week, by_day) =
        tokio::try_join!(by_hour("today"), by_hour("yesterday"), of(1), of(7), report(visit, &by_day))?;
    let cards = today
        .columns
        .iter()
        .filter(|column| column.kind != "text")
        .map(|column| card(column, &today, &yesterday, &week))
        .collect();
    let money = by_day.columns.iter().find(|column| column.kind == "money").cloned();
    let counted = today.columns.iter().find(|column| column.kind == "count").cloned().unwrap_or_default();
    Ok((cards, hours(&counted, &today, &before), days(money.as_ref(), &by_day, frame.zone.day(frame.now))))
}

fn card(column: &Column, now: &Report, yesterday: &Report, week: &Report) -> Card {
    let title = FIGURES
        .iter()
        .find(|(code, _)| *code == column.code)
        .map_or(column.title.as_str(), |(_, title)| title);
    let beside = |then: &Report| Beside {
        then: show::figure(then.totals.get(&column.code).unwrap_or(&Value::Null), &column.kind),
        change: change(number(now.totals.get(&column.code)), number(then.totals.get(&column.code))),
    };
    Card {
        title: title.to_owned(),
        now: show::figure(now.totals.get(&column.code).unwrap_or(&Value::Null), &column.kind),
        unit: column.currency.clone().unwrap_or_default(),
        yesterday: beside(yesterday),
        last_week: beside(week),
    }
}

fn change(now: Option<f64>, then: Option<f64>) -> String {
    match (now, then) {
        (Some(now), Some(then)) if then.abs() > f64::EPSILON => {
            format!("{:+.0}\u{202f}%", (now - then) / then.abs() * 100.0)
        }
        (_, _) => "–".into(),
    }
}

/// Hours of today over those of yesterday.
fn hours(column: &Column, today: &Report, before: &Report) -> Chart {
    let values = |report: &Report| {
        let value =
            |row: &BTreeMap<String, Value>| (hour_of(row), number(row.get(&column.code)).unwrap_or(0.0));
        report.rows.iter().map(value).collect::<BTreeMap<String, f64>>()
    };
    let (today, before) = (values(today), values(before));
    let labels: Vec<String> = (0..24).map(|hour| format!("{hour:02}:00")).collect();
    let last = today.keys().next_back().cloned().unwrap_or_default();
    let now = labels.iter().map(|label| (*label <= last).then(|| today.get(label).copied().unwrap_or(0.0)));
    let then = labels.iter().map(|label| Some(before.get(label).copied().unwrap_or(0.0)));
    let series = vec![
        Series { name: "today".into(), values: now.collect() },
        Series { name: "yesterday".into(), values: then.collect() },
    ];
    Chart { unit: "hour".into(), labels, series }
}

/// `2026-11-20T13:00+01:00` is `13:00`.
fn hour_of(row: &BTreeMap<String, Value>) -> String {
    let label = row.get("hour").and_then(Value::as_str).unwrap_or_default();
    label.split_once('T').map(|(_, clock)| clock.chars().take(5).collect()).unwrap_or_default()
}

/// Money over thirty days, those on which nothing happened among them.
fn days(column: Option<&Column>, report: &Report, today: Day) -> Chart {
    let codes = ["revenue", "payout", "profit"]
        .into_iter()
        .filter(|code| report.columns.iter().any(|one| one.code == *code));
    let labels: Vec<String> = (0..30).rev().map(|back| today.minus(back).to_string()).collect();
    let row =
        |label: &str| report.rows.iter().find(|row| row.get("day").and_then(Value::as_str) == Some(label));
    let value = |label: &String, code: &str| row(label).map_or(Some(0.0), |row| number(row.get(code)));
    let series = codes.map(|code| Series {
        name: code.to_owned(),
        values: labels.iter().map(|label| value(label, code)).collect(),
    });
    let series: Vec<Series> = series.collect();
    Chart {
        unit: column.and_then(|column| column.currency.clone()).unwrap_or_else(|| "day".into()),
        labels,
        series,
    }
}

async fn top(visit: &Visit, title: &'static str, dimension: &'static str) -> Result<Top, Trouble> {
    let pairs = [
        ("by", dimension),
        ("metrics", "clicks,conversions,profit"),
        ("period", "today"),
        ("top", "6"),
        ("sort", "-profit"),
    ];
    let report = report(visit, &pairs).await?;
    let figures = |row: &BTreeMap<String, Value>| {
        let shown = report.columns.iter().filter(|column| column.kind != "text");
        shown
            .map(|column| show::figure(row.get(&column.code).unwrap_or(&Value::Null), &column.kind))
            .collect()
    };
    let row = |row: &BTreeMap<String, Value>| {
        let name = row.get(dimension).and_then(Value::as_str).unwrap_or_default().to_owned();
        let pairs = [("by", "hour"), ("period", "today"), (dimension, name.as_str())];
        TopRow { address: format!("/reports?{}", query(pairs)), figures: figures(row), name }
    };
    Ok(Top { title, column: dimension, rows: report.rows.iter().map(row).collect() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_told_where_there_was_something() {
        assert_eq!(change(Some(150.0), Some(100.0)), "+50\u{202f}%");
        assert_eq!(change(Some(50.0), Some(-100.0)), "+150\u{202f}%");
        assert_eq!((change(Some(1.0), Some(0.0)), change(None, Some(1.0))), ("–".into(), "–".into()));
    }

    #[test]
    fn hours_that_have_not_come_yet_have_no_point() {
        let row = |hour: &str, clicks: u64| {
            BTreeMap::from([("hour".to_owned(), json!(hour)), ("clicks".to_owned(), json!(clicks))])
        };
        let column = Column { code: "clicks".into(), ..Column::default() };
        let today = Report {
            rows: vec![row("2026-11-20T00:00", 3), row("2026-11-20T02:00", 5)],
            ..Report::default()
        };
        let chart = hours(&column, &today, &Report::default());
        assert_eq!(chart.series[0].values[..4], [Some(3.0), Some(0.0), Some(5.0), None]);
        assert_eq!(chart.series[1].values[23], Some(0.0));
    }
}
