//! Times in buckets: which pieces of a span are which hour, day or week, as clocks and calendars show them.
//!
//! Everything comes from the time zone database, so a day may have 23 hours, 25 or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calendar::{Day, Zone};
use crate::time::{Span, Timestamp};

use super::dimension::{Clock, Dimension, Unit};
use super::period::Range;
use super::value::Value;

/// A span, cut: each moment of it is in the piece with the last start that is not after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    /// Unix milliseconds, ascending, at least one; the first is the beginning of the span.
    pub starts: Vec<i64>,
    /// For each start the place of its label.
    pub label_of: Vec<u32>,
    /// In the order of time; those of `weekday` and `hour_of_day` are all there are, whether needed or not.
    pub labels: Vec<Arc<str>>,
    /// The same labels come again and again.
    recurring: bool,
    until: Timestamp,
}

pub const STARTS_MAX: usize = 50_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BucketsError {
    #[error("more than {STARTS_MAX} pieces of time: a shorter period or a longer unit is needed")]
    TooMany,
    #[error("no dimension of time")]
    NotOfTime,
}

/// Cuts `range` by a dimension of time: for those of clicks and events it is the range of their times.
pub fn buckets(dimension: &Dimension, zone: &Zone, range: Range) -> Result<Buckets, BucketsError> {
    match dimension {
        Dimension::Time(Clock::Basis | Clock::Click | Clock::Event, Unit::Hour) => {
            let hours = cut_hours(zone, range)?;
            Ok(in_order(range, hours.into_iter().map(|hour| (hour.start, hour.label)).collect()))
        }
        Dimension::Time(Clock::Basis | Clock::Click | Clock::Event, unit) => {
            let days = cut_days(zone, range, *unit)?;
            Ok(in_order(range, days.into_iter().map(|(start, day)| (start, unit.label(day))).collect()))
        }
        Dimension::HourOfDay => {
            let hours = cut_hours(zone, range)?;
            let labels = (0..24).map(|hour| format!("{hour:02}").into()).collect();
            Ok(recurring(range, hours.iter().map(|hour| (hour.start, hour.of_day)).collect(), labels))
        }
        Dimension::Weekday => {
            let days = cut_days(zone, range, Unit::Day)?;
            let labels = WEEKDAYS.into_iter().map(Arc::from).collect();
            Ok(recurring(range, days.iter().map(|(start, day)| (*start, day.weekday())).collect(), labels))
        }
        Dimension::Age(_) | Dimension::Field(_) | Dimension::Parameter(_) => Err(BucketsError::NotOfTime),
    }
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const HOUR_MS: i64 = 3_600_000;
/// Clocks never went back by more since 1970.
const BACK_MAX: Span = Span::from_seconds(4 * 3_600);

impl Buckets {
    /// The piece that a moment is in; `None` outside of the span.
    pub fn place(&self, at: Timestamp) -> Option<usize> {
        let after = self.starts.partition_point(|start| *start <= at.millis());
        after.checked_sub(1).filter(|_| at < self.until)
    }

    pub fn is_recurring(&self) -> bool {
        self.recurring
    }

    /// From when to when a piece is.
    pub fn range(&self, place: usize) -> Option<Range> {
        let from = Timestamp::from_millis(*self.starts.get(place)?);
        let next = place.checked_add(1).and_then(|next| self.starts.get(next));
        Some(Range { from, until: next.map_or(self.until, |next| Timestamp::from_millis(*next)) })
    }

    /// What stands in the key of a row for a piece.
    pub fn value(&self, place: usize) -> Option<Value> {
        let label_place = *self.label_of.get(place)?;
        let label = self.labels.get(usize::try_from(label_place).ok()?)?;
        // The start, so that what lies in another span has its place beside this one.
        let order = if self.recurring { i64::from(label_place) } else { *self.starts.get(place)? };
        Some(Value::Bucket { order, label: Arc::clone(label) })
    }
}

fn in_order(range: Range, pieces: Vec<(Timestamp, String)>) -> Buckets {
    Buckets {
        starts: pieces.iter().map(|(start, _)| start.millis()).collect(),
        label_of: (0u32..).zip(&pieces).map(|(place, _)| place).collect(),
        labels: pieces.into_iter().map(|(_, label)| label.into()).collect(),
        recurring: false,
        until: range.until,
    }
}

fn recurring(range: Range, pieces: Vec<(Timestamp, u32)>, labels: Vec<Arc<str>>) -> Buckets {
    let starts = pieces.iter().map(|(start, _)| start.millis()).collect();
    let label_of = pieces.iter().map(|(_, label)| *label).collect();
    Buckets { starts, label_of, labels, recurring: true, until: range.until }
}

/// Days, weeks, months and so on, each with its first moment in the range and its first day. A day begins with its
/// first moment, and does not end before the next one begins, even where clocks come back to it for a while.
fn cut_days(zone: &Zone, range: Range, unit: Unit) -> Result<Vec<(Timestamp, Day)>, BucketsError> {
    let mut pieces: Vec<(Timestamp, Day)> = Vec::new();
    let mut day = unit.first_day(zone.day(range.from));
    loop {
        let start = zone.start(day).max(range.from);
        if range.until <= start {
            return Ok(pieces);
        }
        // A day that the zone left out begins with the next one, and has nothing in it.
        while pieces.last().is_some_and(|(last, _)| start <= *last) {
            pieces.pop();
        }
        if STARTS_MAX <= pieces.len() {
            return Err(BucketsError::TooMany);
        }
        pieces.push((start, day));
        let next = unit.next(day);
        if next <= day {
            return Ok(pieces);
        }
        day = next;
    }
}

struct Hour {
    start: Timestamp,
    of_day: u32,
    label: String,
}

/// A stretch of time in which clocks show one hour and are ahead of UTC by the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    start: Timestamp,
    /// Hours since 1970-01-01T00:00 as clocks show them.
    number: i64,
    offset_seconds: i32,
}

/// The hours that clocks show, one after the other. One that comes twice, because clocks were put back, is two.
fn cut_hours(zone: &Zone, range: Range) -> Result<Vec<Hour>, BucketsError> {
    // What comes just before and after decides whether an hour comes twice.
    let wider = Range { from: range.from.minus(BACK_MAX), until: range.until.plus(BACK_MAX) };
    let stretches = stretches(zone, wider)?;
    let mut times: BTreeMap<i64, u32> = BTreeMap::new();
    for stretch in &stretches {
        let count = times.entry(stretch.number).or_default();
        *count = count.saturating_add(1);
    }
    let ends = stretches.iter().skip(1).map(|next| next.start).chain([wider.until]);
    let inside = stretches.iter().zip(ends).filter(|(one, end)| range.from < *end && one.start < range.until);
    let hours: Vec<Hour> = inside.map(|(one, _)| one.hour(range, 1 < times[&one.number])).collect();
    if STARTS_MAX < hours.len() { Err(BucketsError::TooMany) } else { Ok(hours) }
}

fn stretches(zone: &Zone, range: Range) -> Result<Vec<Stretch>, BucketsError> {
    let mut found: Vec<Stretch> = Vec::new();
    let mut at = range.from;
    let mut change = zone.next_change(at);
    while at < range.until {
        let offset_seconds = zone.offset(at);
        let local = at.millis().saturating_add(i64::from(offset_seconds).saturating_mul(1_000));
        let number = local.checked_div_euclid(HOUR_MS).unwrap_or(0);
        let past = local.checked_rem_euclid(HOUR_MS).unwrap_or(0);
        let same = |last: &Stretch| last.number == number && last.offset_seconds == offset_seconds;
        if !found.last().is_some_and(same) {
            found.push(Stretch { start: at, number, offset_seconds });
        }
        // Two more than enough at either end.
        if STARTS_MAX.saturating_add(32) < found.len() {
            return Err(BucketsError::TooMany);
        }
        let full = Timestamp::from_millis(at.millis().saturating_add(HOUR_MS.saturating_sub(past)));
        at = change.map_or(full, |change| change.min(full));
        if change.is_some_and(|change| change <= at) {
            change = zone.next_change(at);
        }
    }
    Ok(found)
}

impl Stretch {
    fn hour(self, range: Range, twice: bool) -> Hour {
        let of_day = self.number.checked_rem_euclid(24).unwrap_or(0);
        let day = self.number.checked_div_euclid(24).unwrap_or(0);
        let day = Day::from_number(i32::try_from(day).unwrap_or(i32::MAX));
        let offset = if twice { show_offset(self.offset_seconds) } else { String::new() };
        Hour {
            start: self.start.max(range.from),
            of_day: u32::try_from(of_day).unwrap_or(0),
            label: format!("{day}T{of_day:02}:00{offset}"),
        }
    }
}

/// `+02:00`, with seconds where there are any.
fn show_offset(offset_seconds: i32) -> String {
    let sign = if offset_seconds < 0 { '-' } else { '+' };
    let span = Span::from_seconds(u64::from(offset_seconds.unsigned_abs()));
    let clock = Timestamp::EPOCH.plus(span).iso();
    // 1970-01-01T02:00:00.000Z
    let part = |from: usize, to: usize| clock.get(from..to).unwrap_or_default();
    match part(17, 19) {
        "00" => format!("{sign}{}", part(11, 16)),
        _ => format!("{sign}{}", part(11, 19)),
    }
}

impl Unit {
    fn first_day(self, day: Day) -> Day {
        let (first, _) = day.month();
        let (_, month, _) = day.parts();
        let past = i32::from(month).saturating_sub(1);
        match self {
            Self::Hour | Self::Day => day,
            Self::Week => day.monday(),
            Self::Month => first,
            Self::Quarter => first.plus_months(past.checked_rem(3).unwrap_or(0).saturating_neg()),
            Self::Year => first.plus_months(past.saturating_neg()),
        }
    }

    fn next(self, first: Day) -> Day {
        match self {
            Self::Hour | Self::Day => first.next(),
            Self::Week => first.plus(7),
            Self::Month => first.plus_months(1),
            Self::Quarter => first.plus_months(3),
            Self::Year => first.plus_months(12),
        }
    }

    fn label(self, first: Day) -> String {
        let (year, month, _) = first.parts();
        match self {
            Self::Hour | Self::Day => first.to_string(),
            Self::Week => {
                let (year, week) = first.iso_week();
                format!("{year}-W{week:02}")
            }
            Self::Month => format!("{year}-{month:02}"),
            Self::Quarter => {
                let past = i32::from(month).saturating_sub(1);
                format!("{year}-Q{}", past.checked_div(3).unwrap_or(0).saturating_add(1))
            }
            Self::Year => year.to_string(),
        }
    }
}
