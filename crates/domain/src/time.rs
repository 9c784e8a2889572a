//! Points in time and spans, both in whole milliseconds. Nothing here knows what time it is.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

impl Timestamp {
    pub const EPOCH: Self = Self(0);

    /// From Unix milliseconds; a time before 1970 becomes 1970.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.max(0))
    }

    /// For constants that are known to be positive.
    pub(crate) const fn constant(millis: i64) -> Self {
        Self(millis)
    }

    pub fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, cut.
    pub fn unix_seconds(self) -> i64 {
        self.0.checked_div(1_000).unwrap_or(0)
    }

    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }

    pub fn minus(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to here; zero when `earlier` is the later one.
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-21T07:06:00.000Z`.
    pub fn iso(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => format!("{time:.3}"),
            Err(_) => self.0.to_string(),
        }
    }

    /// Reads Unix seconds, Unix milliseconds (13 digits) or RFC 3339 with an offset.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits {
            let number: i64 = text.parse().ok()?;
            let millis = if text.len() >= 12 { number } else { number.checked_mul(1_000)? };
            // Beyond the year 9999 nothing is a time any more.
            return (millis < 253_402_300_800_000).then_some(Self(millis));
        }
        let time: jiff::Timestamp = text.replacen(' ', "T", 1).parse().ok()?;
        (time.as_millisecond() >= 0).then(|| Self(time.as_millisecond()))
    }
}

impl Span {
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> u64 {
        self.0
    }

    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Reads `250ms`, `90s`, `15m`, `24h` or `30d`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let factor: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }

    /// For people: its two largest units, `7d 23h` or `12s 345ms`; what is smaller is left out.
    pub fn rough(self) -> String {
        let mut rest = self.0;
        let mut parts = Vec::new();
        for (factor, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")] {
            let whole = rest.checked_div(factor).unwrap_or(0);
            rest = rest.checked_rem(factor).unwrap_or(0);
            if whole > 0 {
                parts.push(format!("{whole}{unit}"));
            } else if !parts.is_empty() {
                break;
            }
        }
        parts.truncate(2);
        if parts.is_empty() { "0s".into() } else { parts.join(" ") }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (factor, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
            let whole = self.0.checked_rem(factor) == Some(0);
            if self.0 >= factor && whole {
                return write!(formatter, "{}{unit}", self.0.checked_div(factor).unwrap_or(0));
            }
        }
        write!(formatter, "{}ms", self.0)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.iso())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_three_forms_senders_use() {
        let time = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(Timestamp::parse("1700000000"), Some(time));
        assert_eq!(Timestamp::parse("1700000000000"), Some(time));
        assert_eq!(Timestamp::parse("2023-11-14T22:13:20Z"), Some(time));
        assert_eq!(Timestamp::parse("2023-11-14 23:13:20+01:00"), Some(time));
        assert_eq!(time.iso(), "2023-11-14T22:13:20.000Z");
    }

    #[test]
    fn a_span_is_told_to_people_by_its_two_largest_units() {
        for (millis, told) in [
            (0, "0s"),
            (999, "999ms"),
            (61_500, "1m 1s"),
            (86_400_000, "1d"),
            (691_150_000, "7d 23h"),
            (86_400_001, "1d"),
        ] {
            assert_eq!(Span::from_millis(millis).rough(), told);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "-5", "1.5", "yesterday", "2023-11-14", "99999999999999999999", "1e9"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn spans_read_and_show_the_same() {
        for text in ["250ms", "90s", "15m", "25h", "30d"] {
            assert_eq!(Span::parse(text).map(|span| span.to_string()).as_deref(), Some(text));
        }
        for text in ["", "h", "1.5h", "-1h", "1 h", "99999999999999999999d"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
