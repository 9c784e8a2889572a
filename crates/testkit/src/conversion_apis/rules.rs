//! What several platforms ask for.

use serde_json::Value;

pub const DAY: i64 = 86_400;

/// 64 hexadecimal digits in lower case.
pub fn is_hash(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

pub fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// A number of zero or more, and a currency of three capitals beside it.
pub fn is_money(value: &Value, currency: &Value) -> bool {
    let number = value.is_number() && !value.to_string().starts_with('-');
    let code = currency.as_str().unwrap_or_default();
    number && code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The Unix seconds of `2026-11-21T07:06:00`, with a space for the `T` where `gap` says so; any rest is left aside.
pub fn seconds(text: &str, gap: char) -> Option<i64> {
    let (date, time) = text.split_once(gap)?;
    let mut date = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut time = time.get(..8)?.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    // Days since 1970 in the civil calendar, years beginning in March.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * DAY + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(seconds("1970-01-01T00:00:00Z", 'T'), Some(0));
        assert_eq!(seconds("2026-11-21 07:06:00+00:00", ' '), Some(1_795_244_760));
        assert_eq!(seconds("2024-02-29T23:59:59.999Z", 'T'), Some(1_709_251_199));
        assert_eq!(seconds("yesterday", 'T'), None);
    }
}
