//! Days and months in the program's time zone, from the time zone database that is compiled in.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A calendar day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i32);

impl Zone {
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// `None` where the database has no zone of this name; names are compared without case.
    pub fn parse(name: &str) -> Option<Self> {
        TimeZoneDatabase::bundled().get(name).ok().map(Self)
    }

    /// As the database spells it.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Every name that a zone can be given.
    pub fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
    }

    /// The day on which something happened here.
    pub fn day(&self, at: Timestamp) -> Day {
        let time = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        Day::of(self.0.to_datetime(time).date())
    }

    /// A moment as clocks show it here, by a pattern of `strftime`; `None` where it is no pattern.
    pub fn show(&self, at: Timestamp, pattern: &str) -> Option<String> {
        let time = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
        jiff::fmt::strtime::format(pattern, &time.to_zoned(self.0.clone())).ok()
    }

    /// By how many seconds clocks are ahead of UTC here.
    pub fn offset(&self, at: Timestamp) -> i32 {
        let time = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        self.0.to_offset(time).seconds()
    }

    /// The first moment after this one at which the rules of clocks change here, be it in name alone.
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        let time = jiff::Timestamp::from_millisecond(after.millis()).ok()?;
        let change = self.0.following(time).next()?.timestamp().as_millisecond();
        Some(Timestamp::from_millis(change))
    }

    /// Reads a day, at its start, or a date and time as clocks show it here. Where the clock comes back, the first of two.
    pub fn read(&self, text: &str) -> Option<Timestamp> {
        if let Some(day) = Day::parse(text) {
            return Some(self.start(day));
        }
        // Without an offset; one that cannot be read is not left out.
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"-:. T".contains(&byte));
        let shown: DateTime = text.replacen(' ', "T", 1).parse().ok().filter(|_| plain)?;
        let millis = self.0.to_timestamp(shown).ok()?.as_millisecond();
        (millis >= 0).then(|| Timestamp::from_millis(millis))
    }

    /// The moment at which clocks show a time of day here: the first of two where they show it twice, the first one
    /// after where they leave it out.
    pub fn moment(&self, day: Day, hour: u16, minute: u16) -> Timestamp {
        self.civil(day, hour, minute).unwrap_or_else(|| self.start(day))
    }

    fn civil(&self, day: Day, hour: u16, minute: u16) -> Option<Timestamp> {
        let shown = day.date()?.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
        let at = match self.0.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(shown).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(shown).ok()?,
            // By the clock of after the change, what was left out lies before it.
            AmbiguousOffset::Gap { after, .. } => {
                let before_it = after.to_timestamp(shown).ok()?;
                self.0.following(before_it).next()?.timestamp()
            }
        };
        Some(Timestamp::from_millis(at.as_millisecond()))
    }

    /// The first moment of a day here; of a day that the zone left out, that of the next one.
    pub fn start(&self, day: Day) -> Timestamp {
        // Where the clock jumps over midnight this is the moment of the jump, where it comes back the first of two.
        let midnight = day.date().map(|date| date.at(0, 0, 0, 0));
        match midnight.and_then(|midnight| self.0.to_timestamp(midnight).ok()) {
            Some(start) => Timestamp::from_millis(start.as_millisecond()),
            None => Timestamp::from_millis(i64::from(day.0).saturating_mul(DAY_MS)),
        }
    }
}

impl Day {
    pub const FIRST: Self = Self(i32::MIN);
    pub const LAST: Self = Self(i32::MAX);

    pub fn number(self) -> i32 {
        self.0
    }

    pub fn from_number(number: i32) -> Self {
        Self(number)
    }

    /// Reads `2026-11-30`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date: Date = text.parse().ok().filter(|_| plain)?;
        Some(Self::of(date))
    }

    /// The day after.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Saturday or Sunday.
    pub fn is_weekend(self) -> bool {
        // 1970-01-01 was a Thursday.
        matches!(self.0.rem_euclid(7), 2 | 3)
    }

    /// So many days earlier.
    pub fn minus(self, days: u32) -> Self {
        Self(self.0.saturating_sub_unsigned(days))
    }

    /// So many days later.
    pub fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add_unsigned(days))
    }

    /// The Monday on or before it.
    pub fn monday(self) -> Self {
        // 1970-01-01 was a Thursday, three days after a Monday.
        let past = self.0.saturating_add(3).checked_rem_euclid(7).unwrap_or(0);
        Self(self.0.saturating_sub(past))
    }

    /// From 0 for Monday to 6.
    pub fn weekday(self) -> u32 {
        self.0.saturating_sub(self.monday().0).unsigned_abs()
    }

    /// Its year, month and day of the month.
    pub fn parts(self) -> (i16, i8, i8) {
        self.date().map_or((1970, 1, 1), |date| (date.year(), date.month(), date.day()))
    }

    /// The year and the week's number by ISO 8601.
    pub fn iso_week(self) -> (i16, i8) {
        let week = self.date().map(Date::iso_week_date);
        week.map_or((1970, 1), |week| (week.year(), week.week()))
    }

    /// So many months later, or earlier where they are negative; the month's last day where it has no such day.
    pub fn plus_months(self, months: i32) -> Self {
        let later = |date: Date| date.checked_add(jiff::Span::new().try_months(months).ok()?).ok();
        self.date().and_then(later).map_or(self, Self::of)
    }

    /// The first and the last day of its month.
    pub fn month(self) -> (Self, Self) {
        match self.date() {
            Some(date) => (Self::of(date.first_of_month()), Self::of(date.last_of_month())),
            None => (self, self),
        }
    }

    fn of(date: Date) -> Self {
        let days = date.since(EPOCH).map(|span| span.get_days());
        Self(days.unwrap_or_default())
    }

    fn date(self) -> Option<Date> {
        EPOCH.checked_add(jiff::Span::new().try_days(self.0).ok()?).ok()
    }
}

const DAY_MS: i64 = 86_400_000;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

impl std::fmt::Display for Day {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.date() {
            Some(date) => write!(formatter, "{date}"),
            None => write!(formatter, "day {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(zone: &str, at: &str) -> String {
        Zone::parse(zone).unwrap().day(Timestamp::parse(at).unwrap()).to_string()
    }

    #[test]
    fn what_has_no_offset_is_read_as_clocks_show_it_here() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let read = |text: &str| berlin.read(text).map(Timestamp::iso);
        for (text, at) in [
            ("2026-11-20", "2026-11-19T23:00:00.000Z"),
            ("2026-07-20T10:00:00", "2026-07-20T08:00:00.000Z"),
            ("2026-11-20 10:00", "2026-11-20T09:00:00.000Z"),
            ("2026-10-25T02:30:00", "2026-10-25T00:30:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(at), "{text}");
        }
        for text in ["", "20.11.2026", "2026-11-31", "2026-11-20T10:00:00-99:00", "2026-11-20T10:00:00+x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_of_its_zone_on_either_side_of_a_clock_change() {
        assert_eq!(day("Europe/Berlin", "2026-11-20T22:59:59Z"), "2026-11-20");
        assert_eq!(day("Europe/Berlin", "2026-11-20T23:00:00Z"), "2026-11-21");
        // 2026-03-29 has 23 hours in Berlin, 2026-10-25 has 25.
        assert_eq!(day("Europe/Berlin", "2026-03-28T23:00:00Z"), "2026-03-29");
        assert_eq!(day("Europe/Berlin", "2026-03-29T21:59:59Z"), "2026-03-29");
        assert_eq!(day("Europe/Berlin", "2026-03-29T22:00:00Z"), "2026-03-30");
        assert_eq!(day("Europe/Berlin", "2026-10-24T22:00:00Z"), "2026-10-25");
        assert_eq!(day("Europe/Berlin", "2026-10-25T22:59:59Z"), "2026-10-25");
        assert_eq!(day("America/New_York", "2026-11-21T04:59:59Z"), "2026-11-20");
        assert_eq!(day("utc", "2026-11-21T00:00:00Z"), "2026-11-21");
    }

    fn start(zone: &str, day: &str) -> String {
        Zone::parse(zone).unwrap().start(Day::parse(day).unwrap()).iso()
    }

    #[test]
    fn a_day_starts_where_the_one_before_it_ends() {
        for (zone, day, first, next) in [
            ("Europe/Berlin", "2026-11-20", "2026-11-19T23:00:00.000Z", "2026-11-20T23:00:00.000Z"),
            // 23 hours, then 25.
            ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"),
            ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"),
            ("America/New_York", "2026-03-08", "2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z"),
            ("America/New_York", "2026-11-01", "2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z"),
            // The clock goes from 23:59 to 01:00, and from 00:59 back to 00:00.
            ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00.000Z", "2026-04-24T21:00:00.000Z"),
            ("America/Havana", "2026-11-01", "2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z"),
            ("utc", "2026-12-31", "2026-12-31T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(start(zone, day), first, "{zone} {day}");
            let after = Day::parse(day).unwrap().next();
            assert_eq!(start(zone, &after.to_string()), next, "{zone} {after}");
        }
    }

    #[test]
    fn every_day_of_every_zone_starts_with_its_first_moment() {
        let first = Day::parse("2005-01-01").unwrap().number();
        for name in Zone::names() {
            let zone = Zone::parse(&name).unwrap();
            for day in (first..first + 10_000).map(Day::from_number) {
                let start = zone.start(day);
                let before = Timestamp::from_millis(start.millis() - 1);
                let left_out = zone.day(start) == day.next() && zone.start(day.next()) == start;
                assert!(zone.day(start) == day || left_out, "{name} {day}");
                assert!(zone.day(before) < day, "{name} {day}");
            }
        }
    }

    #[test]
    fn days_are_read_as_they_are_written() {
        assert_eq!(Day::parse("2026-10-31").unwrap().to_string(), "2026-10-31");
        assert_eq!(Day::parse("2027-02-28").unwrap().next().to_string(), "2027-03-01");
        for text in ["", "2026-10", "2026-02-30", "2026-1-1", "31.10.2026", "2026-10-31T00:00", "20261031"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_month_is_from_its_first_to_its_last_day() {
        let day = Zone::utc().day(Timestamp::parse("2028-02-10T12:00:00Z").unwrap());
        let (first, last) = day.month();
        assert_eq!((first.to_string(), last.to_string()), ("2028-02-01".into(), "2028-02-29".into()));
        assert_eq!(Day::from_number(day.number()), day);
    }

    #[test]
    fn weeks_begin_on_monday_and_have_the_numbers_of_iso_8601() {
        for (text, monday, weekday, week) in [
            ("2026-11-22", "2026-11-16", 6, (2026, 47)),
            ("2026-11-23", "2026-11-23", 0, (2026, 48)),
            ("2027-01-01", "2026-12-28", 4, (2026, 53)),
            ("2024-12-30", "2024-12-30", 0, (2025, 1)),
            ("1970-01-01", "1969-12-29", 3, (1970, 1)),
        ] {
            let day = Day::parse(text).unwrap();
            assert_eq!(
                (day.monday().to_string().as_str(), day.weekday(), day.iso_week()),
                (monday, weekday, week)
            );
        }
    }

    #[test]
    fn months_are_counted_to_the_last_day_that_there_is() {
        for (text, months, there) in [
            ("2026-03-31", -1, "2026-02-28"),
            ("2026-11-01", -12, "2025-11-01"),
            ("2026-12-15", 2, "2027-02-15"),
            ("2028-02-29", 12, "2029-02-28"),
        ] {
            assert_eq!(Day::parse(text).unwrap().plus_months(months).to_string(), there);
        }
        assert_eq!(Day::LAST.plus_months(i32::MIN), Day::LAST);
        assert_eq!(Day::parse("2026-11-20").unwrap().parts(), (2026, 11, 20));
    }

    #[test]
    fn weekends_are_known() {
        let weekend = |text: &str| Day::parse(text).unwrap().is_weekend();
        assert_eq!(
            ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23", "1970-01-03", "1969-12-28"].map(weekend),
            [false, true, true, false, true, true]
        );
    }

    #[test]
    fn only_zones_of_the_database_are_known() {
        assert_eq!(Zone::parse("europe/berlin").unwrap().name(), "Europe/Berlin");
        assert_eq!(Zone::parse("Europe/Atlantis"), None);
        assert!(Zone::names().contains(&"Asia/Tokyo".to_owned()));
    }
}
