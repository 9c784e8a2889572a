//! The period that a report is compared with.

use crate::calendar::{Day, Zone};
use crate::time::{Span, Timestamp};

use super::period::{Bound, Range};
use super::words::{quote, suggest};

/// What a report is compared with, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Against {
    /// As long a period, just before: whole months where the period is whole months.
    Previous,
    /// A week earlier.
    Week,
    /// A month earlier.
    Month,
    /// A year earlier.
    Year,
    Bounds {
        from: Bound,
        to: Bound,
    },
}

const WORDS: [(&str, Against); 4] = [
    ("previous", Against::Previous),
    ("week", Against::Week),
    ("month", Against::Month),
    ("year", Against::Year),
];

impl Against {
    pub(super) fn parse(text: &str, zone: &Zone) -> Result<Self, String> {
        if let Some((from, to)) = text.split_once("..") {
            return Ok(Self::Bounds { from: Bound::parse(from, zone)?, to: Bound::parse(to, zone)? });
        }
        let found = WORDS.iter().find(|(word, _)| *word == text).map(|(_, against)| *against);
        found.ok_or_else(|| {
            let suggestion = suggest(text, WORDS.iter().map(|(word, _)| *word));
            format!("{} is none of previous, week, month, year or FROM..TO{suggestion}", quote(text))
        })
    }

    pub(super) fn show(self, zone: &Zone) -> String {
        match self {
            Self::Bounds { from, to } => format!("{}..{}", from.show(zone), to.show(zone)),
            Self::Previous | Self::Week | Self::Month | Self::Year => {
                let found = WORDS.iter().find(|(_, against)| *against == self);
                found.map_or("", |(word, _)| word).to_owned()
            }
        }
    }

    pub(super) fn range(self, range: Range, zone: &Zone, now: Timestamp) -> Result<Range, String> {
        let earlier = match self {
            Self::Previous => previous(range, zone),
            Self::Week => shift(range, zone, |day| day.minus(7)),
            Self::Month => months_earlier(range, zone, 1),
            Self::Year => months_earlier(range, zone, 12),
            Self::Bounds { from, to } => Range { from: from.start(zone, now), until: to.end(zone, now) },
        };
        if earlier.until <= earlier.from {
            return Err("the period to compare with ends before it begins".into());
        }
        Ok(earlier)
    }
}

fn previous(range: Range, zone: &Zone) -> Range {
    match (whole_months(range, zone), range.is_of_days(zone)) {
        (Some(months), _) => months_earlier(range, zone, months),
        (None, true) => {
            let (first, after) = (zone.day(range.from), zone.day(range.until));
            let days = after.number().abs_diff(first.number());
            Range { from: zone.start(first.minus(days)), until: range.from }
        }
        (None, false) => Range { from: range.from.minus(range.length()), until: range.from },
    }
}

fn months_earlier(range: Range, zone: &Zone, months: i32) -> Range {
    let back = months.saturating_neg();
    if whole_months(range, zone).is_some() {
        let start = |at: Timestamp| zone.start(zone.day(at).plus_months(back));
        return Range { from: start(range.from), until: start(range.until) };
    }
    shift(range, zone, |day| day.plus_months(back))
}

/// As long a range that begins on another day: in days where it is made of days, else to the millisecond.
fn shift(range: Range, zone: &Zone, to: impl Fn(Day) -> Day) -> Range {
    let first = zone.day(range.from);
    let there = to(first);
    if range.is_of_days(zone) {
        let days = zone.day(range.until).number().abs_diff(first.number());
        return Range { from: zone.start(there), until: zone.start(there.plus(days)) };
    }
    let into_the_day: Span = range.from.since(zone.start(first));
    let from = zone.start(there).plus(into_the_day);
    Range { from, until: from.plus(range.length()) }
}

/// How many, where it is nothing but whole months of the calendar.
fn whole_months(range: Range, zone: &Zone) -> Option<i32> {
    let (first, after) = (zone.day(range.from), zone.day(range.until));
    let (year, month, day) = first.parts();
    let (year_after, month_after, day_after) = after.parts();
    let whole = range.is_of_days(zone) && day == 1 && day_after == 1;
    let count = |year: i16, month: i8| i32::from(year).saturating_mul(12).saturating_add(i32::from(month));
    let months = count(year_after, month_after).saturating_sub(count(year, month));
    (whole && 0 < months).then_some(months)
}
