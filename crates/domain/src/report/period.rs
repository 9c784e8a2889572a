//! From when to when: as people say it, and the span of time that it means now.

use crate::calendar::{Day, Zone};
use crate::time::{Span, Timestamp};

use super::words::{quote, suggest};

/// From the first moment to before the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    pub from: Timestamp,
    /// The first moment that is no longer in it.
    pub until: Timestamp,
}

/// As it was asked for; a saved report that says `last_7_days` means others every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    Named(Named),
    Bounds { from: Bound, to: Bound },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Named {
    Today,
    Yesterday,
    Last7Days,
    Last30Days,
    ThisWeek,
    LastWeek,
    ThisMonth,
    LastMonth,
    ThisQuarter,
    ThisYear,
    All,
}

/// One end of a period. A day is in it as a whole, at either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    Day(Day),
    Moment(Timestamp),
    Now,
    Today,
    Yesterday,
    /// The day so many days ago.
    DaysAgo(u32),
    WeeksAgo(u32),
    /// The moment so many hours ago.
    HoursAgo(u32),
}

/// Word, meaning and what it is, in the order of the documentation.
const NAMED: [(&str, Named, &str); 11] = [
    ("today", Named::Today, "today"),
    ("yesterday", Named::Yesterday, "the day before"),
    ("last_7_days", Named::Last7Days, "today and the six days before; where nothing is said"),
    ("last_30_days", Named::Last30Days, "today and the 29 days before"),
    ("this_week", Named::ThisWeek, "from Monday to today"),
    ("last_week", Named::LastWeek, "the Monday to Sunday before"),
    ("this_month", Named::ThisMonth, "from the first to today"),
    ("last_month", Named::LastMonth, "the whole month before"),
    ("this_quarter", Named::ThisQuarter, "from its first day to today"),
    ("this_year", Named::ThisYear, "from 1 January to today"),
    ("all", Named::All, "everything up to today"),
];

const AGO_MAX: u32 = 100_000;
/// 3000-01-01: nothing is asked for after it.
const MILLIS_MAX: i64 = 32_503_680_000_000;

impl Period {
    pub(super) fn named(text: &str) -> Result<Self, String> {
        let found = NAMED.iter().find(|(word, _, _)| *word == text);
        found.map(|(_, named, _)| Self::Named(*named)).ok_or_else(|| {
            let suggestion = suggest(text, NAMED.iter().map(|(word, _, _)| *word));
            format!("{} is no period{suggestion}", quote(text))
        })
    }

    /// The period of exactly this range, in days where it is made of days.
    pub(super) fn of(range: Range, zone: &Zone) -> Self {
        let (first, after) = (zone.day(range.from), zone.day(range.until));
        if range.is_of_days(zone) && first < after {
            return Self::Bounds { from: Bound::Day(first), to: Bound::Day(after.minus(1)) };
        }
        Self::Bounds { from: Bound::Moment(range.from), to: Bound::Moment(range.until) }
    }

    /// What it means at `now`; `first` is the first moment of which anything is known.
    pub(super) fn range(&self, zone: &Zone, now: Timestamp, first: Timestamp) -> Result<Range, String> {
        let range = match self {
            Self::Named(named) => named.range(zone, now, first),
            Self::Bounds { from, to } => Range { from: from.start(zone, now), until: to.end(zone, now) },
        };
        if MILLIS_MAX < range.until.millis() {
            return Err("after the year 2999 nothing is known".into());
        }
        if range.until <= range.from {
            return Err("the period ends before it begins: from must lie before to".into());
        }
        Ok(range)
    }
}

impl Named {
    /// Every period that has a name, with what it is.
    pub fn catalogue() -> impl Iterator<Item = (Self, &'static str)> {
        NAMED.iter().map(|(_, named, what)| (*named, *what))
    }

    pub fn code(self) -> &'static str {
        let found = NAMED.iter().find(|(_, named, _)| *named == self);
        found.map_or("", |(word, _, _)| word)
    }

    fn range(self, zone: &Zone, now: Timestamp, first: Timestamp) -> Range {
        let today = zone.day(now);
        let tomorrow = today.next();
        let (month, _) = today.month();
        let (_, month_of_year, _) = today.parts();
        let past_months = i32::from(month_of_year).saturating_sub(1);
        let past_of_quarter = past_months.checked_rem(3).unwrap_or(0);
        let (from, until) = match self {
            Self::Today => (today, tomorrow),
            Self::Yesterday => (today.minus(1), today),
            Self::Last7Days => (today.minus(6), tomorrow),
            Self::Last30Days => (today.minus(29), tomorrow),
            Self::ThisWeek => (today.monday(), tomorrow),
            Self::LastWeek => (today.monday().minus(7), today.monday()),
            Self::ThisMonth => (month, tomorrow),
            Self::LastMonth => (month.plus_months(-1), month),
            Self::ThisQuarter => (month.plus_months(past_of_quarter.saturating_neg()), tomorrow),
            Self::ThisYear => (month.plus_months(past_months.saturating_neg()), tomorrow),
            Self::All => (zone.day(first.min(now)), tomorrow),
        };
        Range { from: zone.start(from), until: zone.start(until) }
    }
}

impl Bound {
    pub(super) fn parse(text: &str, zone: &Zone) -> Result<Self, String> {
        if let Some(day) = Day::parse(text) {
            return Ok(Self::Day(day));
        }
        match text {
            "now" => return Ok(Self::Now),
            "today" => return Ok(Self::Today),
            "yesterday" => return Ok(Self::Yesterday),
            _ => {}
        }
        if let Some(ago) = text.strip_prefix('-').and_then(read_ago) {
            return Ok(ago);
        }
        // With an offset it is a moment wherever clocks stand; without, as they stand here.
        let at_offset = || text.contains('T').then(|| Timestamp::parse(text)).flatten();
        let moment = zone.read(text).or_else(at_offset);
        moment.map(Self::Moment).ok_or_else(|| {
            let suggestion = suggest(text, ["now", "today", "yesterday"].into_iter());
            format!(
                "{} is neither a day like 2026-11-20, a moment like 2026-11-20T13:00, today, yesterday, now, nor \
                 a time ago like -7d or -24h{suggestion}",
                quote(text)
            )
        })
    }

    /// As [`Self::parse`] reads it.
    pub(super) fn show(self, zone: &Zone) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Moment(at) => show_moment(at, zone),
            Self::Now => "now".into(),
            Self::Today => "today".into(),
            Self::Yesterday => "yesterday".into(),
            Self::DaysAgo(days) => format!("-{days}d"),
            Self::WeeksAgo(weeks) => format!("-{weeks}w"),
            Self::HoursAgo(hours) => format!("-{hours}h"),
        }
    }

    pub(super) fn start(self, zone: &Zone, now: Timestamp) -> Timestamp {
        match self.day(zone, now) {
            Ok(day) => zone.start(day),
            Err(moment) => moment,
        }
    }

    pub(super) fn end(self, zone: &Zone, now: Timestamp) -> Timestamp {
        match self.day(zone, now) {
            Ok(day) => zone.start(day.next()),
            Err(moment) => moment,
        }
    }

    /// The day or the moment that it is.
    fn day(self, zone: &Zone, now: Timestamp) -> Result<Day, Timestamp> {
        let today = zone.day(now);
        match self {
            Self::Day(day) => Ok(day),
            Self::Today => Ok(today),
            Self::Yesterday => Ok(today.minus(1)),
            Self::DaysAgo(days) => Ok(today.minus(days)),
            Self::WeeksAgo(weeks) => Ok(today.minus(weeks.saturating_mul(7))),
            Self::Moment(at) => Err(at),
            Self::Now => Err(now),
            Self::HoursAgo(hours) => {
                Err(now.minus(Span::from_seconds(u64::from(hours).saturating_mul(3_600))))
            }
        }
    }
}

impl Range {
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    pub(super) fn length(self) -> Span {
        self.until.since(self.from)
    }

    /// Whether it begins and ends with a day.
    pub(super) fn is_of_days(self, zone: &Zone) -> bool {
        let starts_a_day = |at: Timestamp| zone.start(zone.day(at)) == at;
        starts_a_day(self.from) && starts_a_day(self.until)
    }
}

/// The shortest form that reads back as the same moment.
pub(super) fn show_moment(at: Timestamp, zone: &Zone) -> String {
    let patterns = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.3f", "%Y-%m-%dT%H:%M:%S%.3f%:z"];
    let reads_back = |text: &String| Bound::parse(text, zone) == Ok(Bound::Moment(at));
    let shown = patterns.into_iter().filter_map(|pattern| zone.show(at, pattern));
    shown.into_iter().find(reads_back).unwrap_or_else(|| at.iso())
}

fn read_ago(text: &str) -> Option<Bound> {
    let (unit_at, unit) = text.char_indices().next_back()?;
    let number = text.get(..unit_at)?;
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = number.parse().ok().filter(|number| plain && *number <= AGO_MAX)?;
    match unit {
        'h' => Some(Bound::HoursAgo(number)),
        'd' => Some(Bound::DaysAgo(number)),
        'w' => Some(Bound::WeeksAgo(number)),
        _ => None,
    }
}
