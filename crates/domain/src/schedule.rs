//! When something that comes again is due: every hour, day, week or month, at a time that clocks show.

use serde_json::{Value, json};

use crate::calendar::{Day, Zone};
use crate::time::Timestamp;

/// As it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub every: Every,
    /// Minutes after midnight; of what comes every hour, only the minute of the hour counts.
    pub at: u16,
    /// Where clocks show it; absent: in the program's time zone.
    pub zone: Option<Zone>,
}

/// A week begins on Monday, a month on its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Every {
    Hour,
    Day,
    Week,
    Month,
}

impl Every {
    const ALL: [(&str, Self); 4] =
        [("hour", Self::Hour), ("day", Self::Day), ("week", Self::Week), ("month", Self::Month)];

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == code).map(|(_, every)| every)
    }

    pub fn code(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, every)| *every == self).map_or("", |(code, _)| code)
    }
}

impl Schedule {
    /// Reads `{"every": "day", "at": "07:00", "tz": "Europe/Berlin"}`; a mistake is a sentence. `at` is midnight and
    /// `tz` the program's where they are absent.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let members = value.as_object().ok_or("a schedule is an object with every, at and tz")?;
        if let Some(name) = members.keys().find(|name| !["every", "at", "tz"].contains(&name.as_str())) {
            return Err(format!("{name:?} is no member of a schedule; it has every, at and tz"));
        }
        let text = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(format!("{name}: {other} is no text")),
        };
        let every = text("every")?.and_then(Every::parse).ok_or("every is one of hour, day, week, month")?;
        let at = text("at")?.map_or(Ok(0), |at| {
            read_time(at).ok_or_else(|| format!("at: {at:?} is no time of day; write it like 07:00"))
        })?;
        let zone = text("tz")?
            .map(|name| Zone::parse(name).ok_or_else(|| format!("tz: {name:?} is no time zone")))
            .transpose()?;
        Ok(Self { every, at, zone })
    }

    pub fn to_json(&self) -> Value {
        let (hour, minute) = self.clock();
        json!({
            "every": self.every.code(),
            "at": format!("{hour:02}:{minute:02}"),
            "tz": self.zone.as_ref().map(Zone::name),
        })
    }

    /// When it is due next, later than `after`. `zone` is the program's. A time of day that clocks leave out is due at
    /// the first moment after; one that they show twice is due the first time.
    pub fn next_run(&self, after: Timestamp, zone: &Zone) -> Timestamp {
        let zone = self.zone.as_ref().unwrap_or(zone);
        let (hour, minute) = self.clock();
        let today = zone.day(after);
        let at = |day: Day, hour: u16| zone.moment(day, hour, minute);
        // The day before, because clocks may come back to it.
        let days = || (0..4u32).map(|days| today.minus(1).plus(days));
        let due: Vec<Timestamp> = match self.every {
            Every::Hour => days()
                .flat_map(|day| (0..24).map(move |hour| (day, hour)))
                .map(|(day, hour)| at(day, hour))
                .collect(),
            Every::Day => days().map(|day| at(day, hour)).collect(),
            Every::Week => [0, 7, 14].map(|days| at(today.minus(1).monday().plus(days), hour)).into(),
            Every::Month => {
                let first = today.minus(1).month().0;
                [0, 1, 2].map(|months| at(first.plus_months(months), hour)).into()
            }
        };
        // Whatever clocks do, it is due some day.
        let tomorrow = || after.plus(crate::time::Span::from_seconds(86_400));
        due.into_iter().filter(|due| after < *due).min().unwrap_or_else(tomorrow)
    }

    fn clock(&self) -> (u16, u16) {
        let minutes = self.at.min(MINUTES_MAX);
        (minutes.checked_div(60).unwrap_or(0), minutes.checked_rem(60).unwrap_or(0))
    }
}

const MINUTES_MAX: u16 = 1_439;

/// `07:00` in minutes after midnight.
fn read_time(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let read = |part: &str, below: u16| {
        let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u16>().ok().filter(|number| plain && *number < below)
    };
    read(hour, 24)?.checked_mul(60)?.checked_add(read(minute, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times at which it is due after a moment, one after the other.
    fn due(schedule: &Value, zone: &str, after: &str, times: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        let zone = Zone::parse(zone).unwrap();
        let first = Timestamp::parse(after).unwrap();
        let next = |after: &Timestamp| Some(schedule.next_run(*after, &zone));
        std::iter::successors(next(&first), next).take(times).map(Timestamp::iso).collect()
    }

    fn daily(at: &str) -> Value {
        json!({ "every": "day", "at": at })
    }

    #[test]
    fn a_day_has_its_time_on_either_side_of_a_clock_change() {
        for (zone, at, after, times) in [
            (
                "Europe/Berlin",
                "07:00",
                "2026-03-28T06:00:00Z",
                ["2026-03-29T05:00:00.000Z", "2026-03-30T05:00:00.000Z"],
            ),
            (
                "Europe/Berlin",
                "07:00",
                "2026-10-24T05:00:00Z",
                ["2026-10-25T06:00:00.000Z", "2026-10-26T06:00:00.000Z"],
            ),
            // Left out: clocks go from 02:00 to 03:00, at 01:00 UTC there, at 07:00 UTC in New York.
            (
                "Europe/Berlin",
                "02:30",
                "2026-03-28T12:00:00Z",
                ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"],
            ),
            (
                "America/New_York",
                "02:30",
                "2026-03-07T12:00:00Z",
                ["2026-03-08T07:00:00.000Z", "2026-03-09T06:30:00.000Z"],
            ),
            // Shown twice: the first time, and once.
            (
                "Europe/Berlin",
                "02:30",
                "2026-10-24T12:00:00Z",
                ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"],
            ),
            (
                "America/New_York",
                "01:30",
                "2026-10-31T12:00:00Z",
                ["2026-11-01T05:30:00.000Z", "2026-11-02T06:30:00.000Z"],
            ),
            (
                "America/New_York",
                "00:00",
                "2026-11-01T04:00:00Z",
                ["2026-11-02T05:00:00.000Z", "2026-11-03T05:00:00.000Z"],
            ),
            // A zone that skips midnight, and one that left out a day.
            (
                "America/Santiago",
                "00:00",
                "2026-09-05T12:00:00Z",
                ["2026-09-06T04:00:00.000Z", "2026-09-07T03:00:00.000Z"],
            ),
            (
                "Pacific/Apia",
                "07:00",
                "2011-12-29T18:00:00Z",
                ["2011-12-30T10:00:00.000Z", "2011-12-30T17:00:00.000Z"],
            ),
        ] {
            assert_eq!(due(&daily(at), zone, after, 2), times, "{zone} {at} after {after}");
        }
    }

    #[test]
    fn hours_weeks_and_months_come_in_their_order() {
        let hourly = json!({ "every": "hour", "at": "00:15" });
        assert_eq!(
            due(&hourly, "Europe/Berlin", "2026-03-29T00:15:00Z", 3),
            ["2026-03-29T01:00:00.000Z", "2026-03-29T01:15:00.000Z", "2026-03-29T02:15:00.000Z"]
        );
        // Of an hour that comes twice, the first one.
        assert_eq!(
            due(&hourly, "Europe/Berlin", "2026-10-25T00:00:00Z", 2),
            ["2026-10-25T00:15:00.000Z", "2026-10-25T02:15:00.000Z"]
        );
        let weekly = json!({ "every": "week", "at": "08:00", "tz": "Europe/Berlin" });
        assert_eq!(
            due(&weekly, "UTC", "2026-10-19T06:00:00Z", 2),
            ["2026-10-26T07:00:00.000Z", "2026-11-02T07:00:00.000Z"]
        );
        let monthly = json!({ "every": "month" });
        assert_eq!(
            due(&monthly, "America/New_York", "2026-12-31T23:59:00Z", 3),
            ["2027-01-01T05:00:00.000Z", "2027-02-01T05:00:00.000Z", "2027-03-01T05:00:00.000Z"]
        );
        assert_eq!(
            due(&monthly, "America/New_York", "2026-12-01T05:00:00Z", 1),
            ["2027-01-01T05:00:00.000Z"]
        );
    }

    #[test]
    fn what_is_due_lies_after_what_was_due_whatever_the_clocks_do() {
        for zone in
            ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"]
        {
            let zone = Zone::parse(zone).unwrap();
            for (every, at) in [("hour", "00:30"), ("day", "02:15"), ("week", "00:00"), ("month", "23:59")] {
                let schedule = Schedule::parse(&json!({ "every": every, "at": at })).unwrap();
                let mut after = Timestamp::parse("2011-12-01T00:00:00Z").unwrap();
                for _ in 0..1_000 {
                    let next = schedule.next_run(after, &zone);
                    assert!(after < next, "{every} {at} in {} after {}", zone.name(), after.iso());
                    after = next;
                }
            }
        }
    }

    #[test]
    fn a_schedule_reads_back_and_a_mistake_is_told() {
        let whole = json!({ "every": "week", "at": "07:05", "tz": "America/New_York" });
        assert_eq!(Schedule::parse(&whole).unwrap().to_json(), whole);
        for (value, mistake) in [
            (json!("daily"), "a schedule is an object with every, at and tz"),
            (json!({ "every": "year" }), "every is one of hour, day, week, month"),
            (json!({ "at": "07:00" }), "every is one of hour, day, week, month"),
            (json!({ "every": "day", "at": "7:00" }), "at: \"7:00\" is no time of day; write it like 07:00"),
            (
                json!({ "every": "day", "at": "24:00" }),
                "at: \"24:00\" is no time of day; write it like 07:00",
            ),
            (json!({ "every": "day", "at": 7 }), "at: 7 is no text"),
            (json!({ "every": "day", "tz": "Mars" }), "tz: \"Mars\" is no time zone"),
            (
                json!({ "every": "day", "on": "x" }),
                "\"on\" is no member of a schedule; it has every, at and tz",
            ),
        ] {
            assert_eq!(Schedule::parse(&value), Err(mistake.to_owned()));
        }
    }
}
