//! A report as text: figures to the right, totals last, and a line that shows how the first figure went.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Row, Table, TableStyle, Width,
};
use proofback_domain::report::Dimension;
use serde_json::Value;

use super::super::{list, text};

/// A line under the headings, and nothing else.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
const WIDTH: u16 = 80;
/// So much of a heading's word stays together.
const HEADING_MIN: usize = 6;
/// Likewise of what a dimension says.
const WORD_MIN: usize = 24;
/// Money of a single click has more digits than anybody reads.
const FRACTION_MAX: usize = 4;
/// As many bars as fit under the table.
const BARS_MAX: usize = 60;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub fn tell(answer: &Value) -> String {
    let columns: Vec<&Value> = list(answer, "columns").collect();
    let rows: Vec<Vec<String>> = list(answer, "rows").map(|row| line(&columns, row)).collect();
    let mut lines = vec![table(&columns, &rows, &answer["totals"])];
    lines.extend(sparkline(answer, &columns));
    lines.push(about(answer, &columns, rows.len()));
    for left in list(answer, "without_rate") {
        let (amount, currency) = (text(left, "amount"), text(left, "currency"));
        lines.push(format!("left out for want of a rate: {amount} {currency} of {}", text(left, "of")));
    }
    lines.join("\n") + "\n"
}

fn table(columns: &[&Value], rows: &[Vec<String>], totals: &Value) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(columns.iter().map(|column| text(column, "title")));
    table.add_rows(rows.iter().map(|row| Row::from(row.clone())));
    let mut last = line(columns, totals);
    let has_dimensions = columns.iter().any(|column| is_dimension(column));
    if has_dimensions {
        if let Some(first) = last.first_mut() {
            *first = "total".into();
        }
        table.add_row(last.clone());
    }
    for (place, (column, shown)) in columns.iter().zip(table.column_iter_mut()).enumerate() {
        let cells = rows.iter().chain([&last]).filter_map(|row| row.get(place));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        // Long headings may be broken, and long words of dimensions; figures may not.
        let word = text(column, "title").split(' ').map(str::len).max().unwrap_or(0);
        let width = match is_dimension(column) {
            true => widest.max(word).min(WORD_MIN),
            false => widest.max(word.min(HEADING_MIN)),
        };
        let width = u16::try_from(width).unwrap_or(u16::MAX);
        shown.set_padding((0, 0)).set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        if !is_dimension(column) {
            shown.set_cell_alignment(CellAlignment::Right);
        }
    }
    let shown = table.to_string();
    shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn is_dimension(column: &Value) -> bool {
    text(column, "role") == "dimension"
}

fn line(columns: &[&Value], row: &Value) -> Vec<String> {
    let cell = |column: &&Value| {
        let code = text(column, "code");
        let shown = shown(text(column, "kind"), &row[code]);
        match row["change"].get(code) {
            Some(change) if !is_dimension(column) => match change {
                Value::Null => shown,
                change => format!("{shown} ({})", signed(&self::shown("ratio", change))),
            },
            _ => shown,
        }
    };
    columns.iter().map(cell).collect()
}

fn signed(percent: &str) -> String {
    if percent.starts_with('-') { percent.to_owned() } else { format!("+{percent}") }
}

fn shown(kind: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if kind == "money" => money(text),
        Value::String(text) => plain(text),
        other => match kind {
            "ratio" => percent(&other.to_string()),
            _ => other.to_string(),
        },
    }
}

/// Words of strangers may not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { '\u{fffd}' } else { one }).collect()
}

/// To four digits behind the point, as exactly as that goes, and without zeros behind the first two.
fn money(amount: &str) -> String {
    let Some((whole, fraction)) = amount.split_once('.').filter(|(_, fraction)| 2 < fraction.len()) else {
        return amount.to_owned();
    };
    let digits: Option<i128> = format!("{whole}{fraction:0<6}").parse().ok();
    let Some(micros) = digits.filter(|_| fraction.len() <= 6) else {
        return amount.to_owned();
    };
    let sign = if amount.starts_with('-') { "-" } else { "" };
    let digits = format!("{:05}", micros.unsigned_abs().saturating_add(50) / 100);
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(FRACTION_MAX));
    let kept = fraction.trim_end_matches('0').len().max(2);
    format!("{sign}{whole}.{}", &fraction[..kept])
}

/// `0.0123` is `1.23%`.
fn percent(ratio: &str) -> String {
    let (whole, fraction) = ratio.split_once('.').unwrap_or((ratio, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let digits = format!("{whole}{fraction:0<4}");
    let (hundreds, rest) = digits.split_at(digits.len().saturating_sub(2));
    let hundreds = hundreds.trim_start_matches('0');
    format!("{sign}{}.{rest}%", if hundreds.is_empty() { "0" } else { hundreds })
}

fn about(answer: &Value, columns: &[&Value], rows: usize) -> String {
    let (from, to, zone) = (text(answer, "from"), text(answer, "to"), text(answer, "timezone"));
    let total = answer["rows_total"].as_u64().unwrap_or(0);
    let mut line = format!("{from} to {to} ({zone}), by time of {}", text(answer, "time"));
    if rows as u64 != total {
        line += &format!("; {rows} of {total} rows");
    }
    if let Some(currency) = columns.iter().find_map(|column| column.get("currency")?.as_str()) {
        line += &format!("; money in {currency}");
    }
    if let Some(compare) = answer.get("compare") {
        line += &format!("\ncompared with {} to {}", text(compare, "from"), text(compare, "to"));
    }
    line
}

/// The first figure over time, where time is what comes first.
fn sparkline(answer: &Value, columns: &[&Value]) -> Option<String> {
    let first = columns.first().filter(|column| is_dimension(column))?;
    let metric = columns.iter().find(|column| !is_dimension(column))?;
    let known = Dimension::catalogue().find(|(dimension, _)| dimension.code() == text(first, "code"));
    let dimension = known.map(|(dimension, _)| dimension).filter(Dimension::is_time)?;
    let dimensions = columns.iter().filter(|column| is_dimension(column)).count();
    // What stands for parts of a piece of time is added up, which ratios cannot be.
    if 1 < dimensions && !matches!(text(metric, "kind"), "count" | "money") {
        return None;
    }
    let mut pieces: Vec<(String, f64)> = Vec::new();
    for row in list(answer, "rows").filter(|row| row.get("is_other").is_none()) {
        let label = text(row, text(first, "code")).to_owned();
        let value = &row[text(metric, "code")];
        let value: f64 =
            value.as_str().map_or_else(|| value.to_string(), str::to_owned).parse().unwrap_or(0.0);
        match pieces.iter_mut().find(|(known, _)| *known == label) {
            Some((_, sum)) => *sum += value,
            None => pieces.push((label, value)),
        }
    }
    // Pieces of the calendar are in the order of their labels, whatever the rows are sorted by.
    if matches!(dimension, Dimension::Time(..)) {
        pieces.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
    (1 < pieces.len()).then(|| format!("{}  {}", text(metric, "title"), bars(&pieces)))
}

fn bars(pieces: &[(String, f64)]) -> String {
    let together = pieces.len().div_ceil(BARS_MAX);
    let sums: Vec<f64> =
        pieces.chunks(together).map(|chunk| chunk.iter().map(|(_, value)| value).sum()).collect();
    let lowest = sums.iter().copied().fold(0.0_f64, f64::min);
    let highest = sums.iter().copied().fold(0.0_f64, f64::max);
    let bar = |value: f64| {
        let part = if lowest < highest { (value - lowest) / (highest - lowest) } else { 0.0 };
        // From 0 to 7: a bound within the list.
        let place = (part * 7.0).round().clamp(0.0, 7.0) as usize;
        BARS.get(place).copied().unwrap_or(' ')
    };
    sums.into_iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_shown_as_percent() {
        for (ratio, shown) in [
            ("0.0123", "1.23%"),
            ("0.0000", "0.00%"),
            ("-0.5", "-50.00%"),
            ("12.3456", "1234.56%"),
            ("1", "100.00%"),
        ] {
            assert_eq!(percent(ratio), shown);
        }
    }

    #[test]
    fn money_has_at_most_four_digits_behind_the_point() {
        for (amount, shown) in [
            ("12.50", "12.50"),
            ("0.000000", "0.00"),
            ("13.333333", "13.3333"),
            ("-0.000151", "-0.0002"),
            ("1.500000", "1.50"),
            ("2.00000000", "2.00000000"),
            ("7", "7"),
        ] {
            assert_eq!(money(amount), shown, "{amount}");
        }
    }

    #[test]
    fn bars_go_from_nothing_to_the_highest_and_fit_a_line() {
        let pieces = |values: &[f64]| values.iter().map(|value| (String::new(), *value)).collect::<Vec<_>>();
        assert_eq!(bars(&pieces(&[0.0, 7.0, 3.0, 7.0])), "▁█▄█");
        assert_eq!(bars(&pieces(&[0.0, 0.0])), "▁▁");
        assert_eq!(bars(&pieces(&[-7.0, 0.0, 7.0])), "▁▅█");
        assert_eq!(bars(&pieces(&[1.0; 1_000])).chars().count(), 59);
    }
}
