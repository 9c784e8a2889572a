//! How values look on a page: times by the program's clocks, money with its digits grouped, shares in percent.

use std::fmt;

use askama::filters::HtmlSafe;
use proofback_domain::calendar::Zone;
use proofback_domain::time::Timestamp;
use serde_json::Value;

/// A moment as `<time>`: what the program's clocks show, with the exact moment for whoever needs it.
pub struct TimeTag {
    iso: String,
    shown: String,
}

impl TimeTag {
    pub fn new(at: Timestamp, zone: &Zone, form: &str) -> Self {
        Self { iso: at.iso(), shown: zone.show(at, form).unwrap_or_else(|| at.iso()) }
    }
}

impl fmt::Display for TimeTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iso, shown } = self;
        write!(formatter, "<time datetime=\"{iso}\" title=\"{iso}\">{shown}</time>")
    }
}

/// Made of digits, signs and letters of ours.
impl HtmlSafe for TimeTag {}

/// `1234567.50` as `1 234 567.50`, with narrow spaces that no line breaks at.
pub fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("−", rest));
    let (whole, fraction) =
        rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    if whole.is_empty() || !whole.bytes().all(|digit| digit.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut shown = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    if let Some(fraction) = fraction {
        shown.push('.');
        shown.push_str(fraction);
    }
    shown
}

/// `1 row`, `2 rows`.
pub fn counted(count: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(&count.to_string()), if count == 1 { "" } else { "s" })
}

/// A ratio of four digits, `0.0123`, as `1.23 %`.
pub fn percent(ratio: &str) -> String {
    let (sign, rest) = ratio.strip_prefix('-').map_or(("", ratio), |rest| ("−", rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let digits = format!("{fraction:0<4}");
    let (Ok(whole), Some(parts)) =
        (whole.parse::<u64>(), digits.get(..4).and_then(|parts| parts.parse::<u64>().ok()))
    else {
        return ratio.to_owned();
    };
    let hundredths = whole.saturating_mul(10_000).saturating_add(parts);
    format!("{sign}{}.{:02}\u{202f}%", grouped(&(hundredths / 100).to_string()), hundredths % 100)
}

/// A share of one, as a number of JSON, in percent; a dash where it is not known.
pub fn change(value: &Value) -> String {
    match value {
        Value::Number(number) => {
            let shown = percent(&number.to_string());
            if shown.starts_with('−') || shown.starts_with("0.00") { shown } else { format!("+{shown}") }
        }
        _ => "–".into(),
    }
}

/// Any figure of a report: by the kind of its column.
pub fn figure(value: &Value, kind: &str) -> String {
    match (value, kind) {
        (Value::Null, _) => "–".into(),
        (Value::Number(number), "ratio") => percent(&number.to_string()),
        (Value::Number(number), "seconds") => duration(&number.to_string()),
        (Value::Number(number), _) => grouped(&number.to_string()),
        (Value::String(text), "money") => grouped(text),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// Seconds in the two largest units that they fill.
pub fn duration(seconds: &str) -> String {
    let Ok(seconds) = seconds.parse::<u64>() else {
        return seconds.to_owned();
    };
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// Bytes in the unit that makes them short.
pub fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut whole, mut rest, mut unit) = (count, 0, 0);
    while 1_000 <= whole && unit + 1 < units.len() {
        rest = whole % 1_000 / 100;
        whole /= 1_000;
        unit += 1;
    }
    match unit {
        0 => format!("{whole} B"),
        _ => format!("{whole}.{rest} {}", units[unit]),
    }
}

/// Replaces what steers how a line is shown: control characters, and those that turn its direction. What a stranger
/// sent must not be able to change how the text beside it reads.
pub fn clean(value: &mut Value) {
    match value {
        Value::String(text) if text.chars().any(steers) => *text = cleaned(text),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(members) => members.values_mut().for_each(clean),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Likewise of one text.
pub fn cleaned(text: &str) -> String {
    text.chars().map(|one| if steers(one) { '\u{fffd}' } else { one }).collect()
}

fn steers(one: char) -> bool {
    match one {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        one => one.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_grouped_and_nothing_else_is_changed() {
        for (number, shown) in [
            ("0.00", "0.00"),
            ("140.00", "140.00"),
            ("1204", "1\u{202f}204"),
            ("-1234567.501", "−1\u{202f}234\u{202f}567.501"),
            ("n/a", "n/a"),
            ("", ""),
            ("-", "-"),
        ] {
            assert_eq!(grouped(number), shown, "{number}");
        }
    }

    #[test]
    fn ratios_are_percent_to_the_hundredth() {
        for (ratio, shown) in [
            ("0.0123", "1.23\u{202f}%"),
            ("1", "100.00\u{202f}%"),
            ("-0.25", "−25.00\u{202f}%"),
            ("12.5", "1\u{202f}250.00\u{202f}%"),
            ("x", "x"),
        ] {
            assert_eq!(percent(ratio), shown);
        }
        assert_eq!(change(&json!(0.25)), "+25.00\u{202f}%");
        assert_eq!((change(&json!(-0.5)), change(&json!(null))), ("−50.00\u{202f}%".into(), "–".into()));
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(
            (bytes(0), bytes(999), bytes(1_500), bytes(12_345_678)),
            ("0 B".into(), "999 B".into(), "1.5 kB".into(), "12.3 MB".into())
        );
        for (seconds, shown) in
            [("5", "5 s"), ("65", "1 min 5 s"), ("3660", "1 h 1 min"), ("90000", "1 d 1 h"), ("-", "-")]
        {
            assert_eq!(duration(seconds), shown);
        }
    }

    #[test]
    fn what_steers_a_line_is_replaced_everywhere() {
        let mut value = json!({ "a": ["x\u{202e}y", "ok\n\tä"], "b": { "c": "\u{1b}[31m\u{0}" } });
        clean(&mut value);
        assert_eq!(value, json!({ "a": ["x\u{fffd}y", "ok\n\tä"], "b": { "c": "\u{fffd}[31m\u{fffd}" } }));
    }
}
