//! Charts: drawn here as SVG, so that they are there without a script; a script makes them readable point by point.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// What a chart shows: labels along the bottom, and lines over them.
#[derive(Serialize)]
pub struct Chart {
    pub unit: String,
    pub labels: Vec<String>,
    pub series: Vec<Series>,
}

#[derive(Serialize)]
pub struct Series {
    pub name: String,
    /// One for each label; absent where nothing is known yet.
    pub values: Vec<Option<f64>>,
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 240.0;
/// Room for the numbers on the left and the labels below.
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 8.0;

impl Chart {
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() || self.series.iter().all(|series| series.values.iter().all(Option::is_none))
    }

    /// For the script that draws it again.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For those who cannot see it: what the lines are and where they end.
    pub fn sentence(&self) -> String {
        let last = |series: &Series| series.values.iter().rev().find_map(|value| *value);
        let lines = self.series.iter().map(|series| match last(series) {
            Some(last) => format!("{}: {} at the end", series.name, short(last)),
            None => format!("{}: nothing", series.name),
        });
        let from = self.labels.first().map(String::as_str).unwrap_or_default();
        let to = self.labels.last().map(String::as_str).unwrap_or_default();
        format!("Line chart from {from} to {to}. {}.", lines.collect::<Vec<_>>().join("; "))
    }

    /// The picture, without the element around it. Only numbers and words of [`escape`] stand in it.
    pub fn svg(&self) -> String {
        let (low, high) = self.bounds();
        let mut svg = String::new();
        let y = |value: f64| TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM);
        for step in 0..=4 {
            let value = low + (high - low) * f64::from(step) / 4.0;
            let at = y(value);
            push(
                &mut svg,
                format_args!("<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"),
            );
            let text = escape(&short(value));
            push(
                &mut svg,
                format_args!(
                    "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                    LEFT - 6.0,
                    at + 4.0
                ),
            );
        }
        let every = self.labels.len().div_ceil(8).max(1);
        for (place, label) in self.labels.iter().enumerate().step_by(every) {
            let (x, at, text) = (self.x(place), HEIGHT - 6.0, escape(label));
            push(&mut svg, format_args!("<text x=\"{x:.1}\" y=\"{at}\">{text}</text>"));
        }
        for (place, series) in self.series.iter().enumerate() {
            let class = if place == 0 { "now" } else { "then" };
            push(&mut svg, format_args!("<path class=\"{class}\" d=\"{}\"/>", self.path(series, y)));
        }
        svg
    }

    fn path(&self, series: &Series, y: impl Fn(f64) -> f64) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for (place, value) in series.values.iter().enumerate() {
            match value {
                Some(value) => {
                    push(&mut path, format_args!("{pen}{:.1} {:.1}", self.x(place), y(*value)));
                    pen = 'L';
                }
                None => pen = 'M',
            }
        }
        path
    }

    fn x(&self, place: usize) -> f64 {
        let steps = self.labels.len().saturating_sub(1).max(1);
        LEFT + (WIDTH - LEFT - 8.0) * (place as f64) / (steps as f64)
    }

    /// With zero in sight, and never of no height.
    fn bounds(&self) -> (f64, f64) {
        let values = self.series.iter().flat_map(|series| series.values.iter().copied().flatten());
        let (low, high) =
            values.fold((0.0f64, 0.0f64), |(low, high), value| (low.min(value), high.max(value)));
        if high - low < 1e-9 { (low, low + 1.0) } else { (low, high) }
    }
}

/// A figure of a report, for a line or a comparison that nobody books by.
pub fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a String takes every text");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn short(value: f64) -> String {
    match value.abs() {
        size if 1e9 <= size => format!("{:.1}B", value / 1e9),
        size if 1e6 <= size => format!("{:.1}M", value / 1e6),
        size if 1e4 <= size => format!("{:.1}k", value / 1e3),
        size if 100.0 <= size || value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: Vec<Option<f64>>) -> Chart {
        let labels = (0..values.len()).map(|place| format!("<{place}>")).collect();
        Chart { unit: "hour".into(), labels, series: vec![Series { name: "a".into(), values }] }
    }

    #[test]
    fn a_line_breaks_where_nothing_is_known_and_labels_are_no_markup() {
        let svg = chart(vec![Some(1.0), None, Some(3.0), Some(2.0)]).svg();
        let path = svg.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1), "{path}");
        assert!(svg.contains("&lt;0&gt;") && !svg.contains("<0>"));
    }

    #[test]
    fn nothing_and_zeros_have_a_picture_too() {
        for values in [vec![], vec![None], vec![Some(0.0)], vec![Some(-5.0), Some(5.0)]] {
            let svg = chart(values).svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        assert!(chart(vec![None]).is_empty() && !chart(vec![Some(0.0)]).is_empty());
    }
}
