//! A report over time as a line.

use std::collections::BTreeMap;

use proofback_domain::time::Timestamp;
use serde_json::Value;

use super::{Answer, Column, Piece, first, question};
use crate::chart::{Chart, Series, number};
use crate::trouble::Trouble;
use crate::visit::Visit;

/// More points than this are not told apart.
const POINTS_MAX: usize = 1_000;

/// Where time comes first and alone: the first metric of every piece of the period, beside that of the other period.
/// The table may be cut or sorted; the line is neither.
pub async fn line(
    visit: &Visit,
    answer: &Answer,
    pairs: &[(String, String)],
) -> Result<Option<Chart>, Trouble> {
    let mut dimensions = answer.columns.iter().filter(|column| column.role == "dimension");
    let (Some(time), None) = (dimensions.next(), dimensions.next()) else {
        return Ok(None);
    };
    let Some(metric) = answer.columns.iter().find(|column| column.role == "metric") else {
        return Ok(None);
    };
    if answer.pieces.is_empty() || POINTS_MAX < answer.pieces.len() {
        return Ok(None);
    }
    if !is_cut(answer, pairs) {
        return Ok(Some(drawn(answer, time, metric, visit.frame.now)));
    }
    let mut whole: Answer = visit.api.get(&format!("/reports?{}", uncut(pairs, &metric.code))).await?;
    whole.pieces.clone_from(&answer.pieces);
    Ok(Some(drawn(&whole, time, metric, visit.frame.now)))
}

/// Whether the table has less than there is.
fn is_cut(answer: &Answer, pairs: &[(String, String)]) -> bool {
    !first(pairs, "top").is_empty() || answer.rows.len() as u64 != answer.rows_total
}

/// The same question for the line alone.
fn uncut(pairs: &[(String, String)], metric: &str) -> String {
    let cuts = ["top", "other", "sort", "limit", "metrics"];
    let mut whole: Vec<_> =
        pairs.iter().filter(|(name, _)| !cuts.contains(&name.as_str())).cloned().collect();
    // Rows of the other period may stand beside none of this one.
    let limit = 2 * POINTS_MAX;
    whole.extend([("metrics".into(), metric.to_owned()), ("limit".into(), limit.to_string())]);
    question(&whole)
}

fn drawn(answer: &Answer, time: &Column, metric: &Column, now: Timestamp) -> Chart {
    let rows: BTreeMap<&str, &BTreeMap<String, Value>> =
        answer.rows.iter().filter_map(|row| Some((row.get(&time.code)?.as_str()?, row))).collect();
    // What is counted was none where nothing happened; a rate of nothing is unknown.
    let nothing = ["count", "money"].contains(&metric.kind.as_str()).then_some(0.0);
    let value = |members: Option<&Value>| number(members.and_then(|members| members.get(&metric.code)));
    let here = |piece: &Piece| match rows.get(piece.label.as_str()) {
        _ if now < *piece.from => None,
        Some(row) => number(row.get(&metric.code)),
        None => nothing,
    };
    let there = |piece: &Piece| match rows.get(piece.label.as_str()) {
        Some(row) => value(row.get("compared")),
        None => nothing,
    };
    let mut series =
        vec![Series { name: metric.title.clone(), values: answer.pieces.iter().map(here).collect() }];
    if answer.rows.iter().any(|row| row.contains_key("compared")) {
        series.push(Series { name: "compared".into(), values: answer.pieces.iter().map(there).collect() });
    }
    let labels = answer.pieces.iter().map(|piece| piece.label.clone()).collect();
    Chart { unit: time.title.clone(), labels, series }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(rows: Value, kind: &str) -> Answer {
        let days = ["2026-11-20", "2026-11-21", "2026-11-22"];
        let pieces = days.map(|day| json!({ "label": day, "from": format!("{day}T00:00:00.000Z") }));
        serde_json::from_value(json!({
            "columns": [
                { "code": "day", "title": "Day", "role": "dimension", "kind": "text" },
                { "code": "it", "title": "It", "role": "metric", "kind": kind },
            ],
            "rows": rows, "totals": {}, "rows_total": 1, "from": "", "to": "", "timezone": "UTC", "time": "event",
            "pieces": pieces,
        }))
        .unwrap()
    }

    fn chart(rows: Value, kind: &str, now: &str) -> Chart {
        let answer = answer(rows, kind);
        let [time, metric] = &answer.columns[..] else { panic!("two columns") };
        drawn(&answer, time, metric, Timestamp::parse(now).unwrap())
    }

    #[test]
    fn a_day_without_a_row_is_a_zero_or_unknown_and_one_to_come_is_neither() {
        let sorted_by_figure =
            json!([{ "day": "2026-11-22", "it": 5 }, { "day": "2026-11-20", "it": "3.50" }]);
        let past = "2026-11-30T00:00:00.000Z";
        let counted = chart(sorted_by_figure.clone(), "money", past);
        assert_eq!(counted.labels, ["2026-11-20", "2026-11-21", "2026-11-22"]);
        assert_eq!(counted.series[0].values, [Some(3.5), Some(0.0), Some(5.0)]);
        let rate = chart(sorted_by_figure.clone(), "ratio", past);
        assert_eq!(rate.series[0].values, [Some(3.5), None, Some(5.0)]);
        let running = chart(sorted_by_figure, "count", "2026-11-21T09:00:00.000Z");
        assert_eq!(running.series[0].values, [Some(3.5), Some(0.0), None]);
        assert_eq!(running.series.len(), 1);
    }

    #[test]
    fn the_other_period_is_whole_while_this_one_runs() {
        let rows = json!([
            { "day": "2026-11-20", "it": 1, "compared": { "it": 4 } },
            { "day": "2026-11-22", "it": 0, "compared": { "it": 6 } },
        ]);
        let chart = chart(rows, "count", "2026-11-20T09:00:00.000Z");
        assert_eq!(chart.series[0].values, [Some(1.0), None, None]);
        assert_eq!(chart.series[1].values, [Some(4.0), Some(0.0), Some(6.0)]);
    }

    #[test]
    fn a_table_that_was_cut_does_not_cut_the_line() {
        let asked = |text: &str| {
            form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<(String, String)>>()
        };
        let whole = answer(json!([{ "day": "2026-11-20", "it": 1 }]), "count");
        let short = answer(json!([]), "count");
        assert!(!is_cut(&whole, &asked("by=day&top=")) && is_cut(&whole, &asked("by=day&top=5")));
        assert!(is_cut(&short, &asked("by=day")), "of one row none is in the table");
        let cut = asked("by=day&metrics=clicks,it&sort=-it&top=5&other=1&limit=2&filter=a+%3D+b");
        assert_eq!(uncut(&cut, "it"), "by=day&metrics=it&filter=a+%3D+b&limit=2000");
    }
}
