//! A report over time as series of points, as Grafana's JSON and Infinity data sources read them.

use std::collections::BTreeMap;

use proofback_domain::report::{Dimension, ReportError, Value as Key};
use serde_json::{Value, json};

use super::{Computed, Refused};

/// `[{"target": "clicks", "datapoints": [[value, unix_ms], ...]}, ...]`: one for each metric, and for each combination
/// of the dimensions behind the time.
pub fn series(computed: &Computed) -> Result<Value, Refused> {
    let Computed { report, table } = computed;
    if !matches!(report.by.first(), Some(Dimension::Time(..))) {
        let message = "series need a time first, such as by=day or by=hour,country".to_owned();
        return Err(ReportError { parameter: "by".into(), message }.into());
    }
    let metrics = table.columns.iter().enumerate().filter(|(_, column)| !column.is_dimension);
    let metrics: Vec<(usize, &str)> = metrics.map(|(place, column)| (place, column.code.as_str())).collect();
    // In the order of the rows, which is that of the report.
    let mut order: Vec<Vec<&str>> = Vec::new();
    let mut points: BTreeMap<Vec<&str>, Vec<(i64, usize)>> = BTreeMap::new();
    for (place, row) in table.rows.iter().enumerate() {
        let Some((Key::Bucket { order: at, .. }, rest)) = row.key.split_first() else {
            // What was cut off, and what has no time, has no place on the axis.
            continue;
        };
        let rest: Vec<&str> = rest.iter().map(|value| value.text().as_ref()).collect();
        if !points.contains_key(&rest) {
            order.push(rest.clone());
        }
        points.entry(rest).or_default().push((*at, place));
    }
    let mut answer = Vec::new();
    for rest in &order {
        let mut of_rest = points.remove(rest).unwrap_or_default();
        of_rest.sort_unstable();
        for (column, code) in &metrics {
            let value = |place: usize| {
                let cell = table.rows.get(place).and_then(|row| row.cells.get(*column));
                cell.map_or(Value::Null, number)
            };
            let datapoints: Vec<Value> =
                of_rest.iter().map(|(at, place)| json!([value(*place), at])).collect();
            answer.push(json!({ "target": target(code, rest), "datapoints": datapoints }));
        }
    }
    Ok(Value::Array(answer))
}

/// `clicks`, or `clicks DE, mobile`.
fn target(code: &str, rest: &[&str]) -> String {
    match rest {
        [] => code.to_owned(),
        rest => format!("{code} {}", rest.join(", ")),
    }
}

/// Money too is a number here: axes need one.
fn number(cell: &proofback_domain::report::Cell) -> Value {
    cell.text().parse::<serde_json::Number>().map_or(Value::Null, Value::Number)
}
