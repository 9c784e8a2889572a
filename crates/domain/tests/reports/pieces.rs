//! How time is cut: days of 23, 24 and 25 hours, hours that come twice, days that never were.

use proofback_domain::calendar::Zone;
use proofback_domain::report::{Buckets, Clock, Dimension, Range, Unit, buckets};
use proofback_domain::time::Timestamp;

use super::range;

fn cut(code: &str, zone: &str, from: &str, until: &str) -> Buckets {
    let dimension = super::report(&format!("by={code}&period=today")).by.remove(0);
    buckets(&dimension, &Zone::parse(zone).unwrap(), range(from, until)).unwrap()
}

/// Each piece with its length in minutes.
fn shown(pieces: &Buckets) -> Vec<(String, i64)> {
    let piece = |place: usize| {
        let range = pieces.range(place).unwrap();
        let label = pieces.value(place).unwrap().text().to_string();
        (label, (range.until.millis() - range.from.millis()) / 60_000)
    };
    (0..pieces.starts.len()).map(piece).collect()
}

fn labels(pieces: &Buckets) -> Vec<String> {
    shown(pieces).into_iter().map(|(label, _)| label).collect()
}

#[test]
fn a_day_has_23_24_or_25_hours() {
    for (zone, from, until, hours) in [
        ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-30T22:00:00Z", [23, 24]),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-26T23:00:00Z", [25, 24]),
        ("America/New_York", "2026-03-08T05:00:00Z", "2026-03-10T04:00:00Z", [23, 24]),
        ("America/New_York", "2026-11-01T04:00:00Z", "2026-11-03T05:00:00Z", [25, 24]),
    ] {
        let days = cut("day", zone, from, until);
        let lengths: Vec<i64> = shown(&days).iter().map(|(_, minutes)| minutes / 60).collect();
        assert_eq!(lengths, hours, "{zone} {from}");
        for (place, expected) in hours.into_iter().enumerate() {
            let day = days.range(place).unwrap();
            let pieces = cut("hour", zone, &day.from.iso(), &day.until.iso());
            assert_eq!(pieces.starts.len() as i64, expected, "{zone} {from}");
            assert!(shown(&pieces).iter().all(|(_, minutes)| *minutes == 60));
        }
    }
}

#[test]
fn an_hour_that_comes_twice_is_two_with_their_offsets() {
    let hours = cut("hour", "Europe/Berlin", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z");
    assert_eq!(
        labels(&hours),
        ["2026-10-25T01:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00"]
    );
    // Whatever part of it is looked at.
    let second = cut("hour", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-25T01:20:00Z");
    assert_eq!(shown(&second), [("2026-10-25T02:00+01:00".to_owned(), 10)]);
    let missing = cut("hour", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z");
    assert_eq!(labels(&missing), ["2026-03-29T01:00", "2026-03-29T03:00"]);
}

#[test]
fn clocks_may_be_put_by_half_an_hour_or_by_two() {
    // From 02:00 back to 01:30, and from 02:00 on to 02:30.
    let back = cut("hour", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z");
    assert_eq!(
        shown(&back),
        [
            ("2026-04-05T01:00+11:00".to_owned(), 60),
            ("2026-04-05T01:00+10:30".to_owned(), 30),
            ("2026-04-05T02:00".to_owned(), 60),
        ]
    );
    let on = cut("hour", "Australia/Lord_Howe", "2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z");
    assert_eq!(
        shown(&on),
        [
            ("2026-10-04T01:00".to_owned(), 60),
            ("2026-10-04T02:00".to_owned(), 30),
            ("2026-10-04T03:00".to_owned(), 60)
        ]
    );
    let days = cut("day", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z");
    assert_eq!(shown(&days), [("2026-04-05".to_owned(), 24 * 60 + 30)]);
    let troll = cut("hour", "Antarctica/Troll", "2026-10-24T23:00:00Z", "2026-10-25T04:00:00Z");
    assert_eq!(
        labels(&troll),
        [
            "2026-10-25T01:00+02:00",
            "2026-10-25T02:00+02:00",
            "2026-10-25T01:00+00:00",
            "2026-10-25T02:00+00:00",
            "2026-10-25T03:00"
        ]
    );
}

#[test]
fn clocks_may_be_put_within_an_hour() {
    // A minute after midnight, back to 23:01.
    let hours = cut("hour", "America/St_Johns", "2010-11-07T01:30:00Z", "2010-11-07T04:30:00Z");
    assert_eq!(
        shown(&hours),
        [
            ("2010-11-06T23:00-02:30".to_owned(), 60),
            ("2010-11-07T00:00-02:30".to_owned(), 1),
            ("2010-11-06T23:00-03:30".to_owned(), 59),
            ("2010-11-07T00:00-03:30".to_owned(), 60),
        ]
    );
    // The day began with its first moment, and goes on.
    let days = cut("day", "America/St_Johns", "2010-11-06T02:30:00Z", "2010-11-08T03:30:00Z");
    assert_eq!(shown(&days), [("2010-11-06".to_owned(), 24 * 60), ("2010-11-07".to_owned(), 25 * 60)]);
}

#[test]
fn a_day_that_was_left_out_has_no_piece() {
    let days = cut("day", "Pacific/Apia", "2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z");
    assert_eq!(
        shown(&days),
        [
            ("2011-12-29".to_owned(), 24 * 60),
            ("2011-12-31".to_owned(), 24 * 60),
            ("2012-01-01".to_owned(), 24 * 60)
        ]
    );
    let weekdays = cut("weekday", "Pacific/Apia", "2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z");
    assert_eq!(labels(&weekdays), ["thursday", "saturday", "sunday"]);
}

#[test]
fn hours_of_a_zone_off_by_45_minutes_begin_with_its_clocks() {
    let hours = cut("hour", "Asia/Kathmandu", "2026-11-20T00:00:00Z", "2026-11-20T01:30:00Z");
    assert_eq!(
        shown(&hours),
        [
            ("2026-11-20T05:00".to_owned(), 15),
            ("2026-11-20T06:00".to_owned(), 60),
            ("2026-11-20T07:00".to_owned(), 15)
        ]
    );
}

#[test]
fn longer_units_are_named_by_the_calendar() {
    let of = |code: &str, from: &str, until: &str| labels(&cut(code, "Europe/Berlin", from, until));
    assert_eq!(
        of("week", "2026-12-24T12:00:00Z", "2027-01-04T12:00:00Z"),
        ["2026-W52", "2026-W53", "2027-W01"]
    );
    assert_eq!(of("month", "2026-11-30T22:59:00Z", "2026-11-30T23:01:00Z"), ["2026-11", "2026-12"]);
    assert_eq!(
        of("quarter", "2026-05-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ["2026-Q2", "2026-Q3", "2026-Q4", "2027-Q1"]
    );
    assert_eq!(of("year", "2024-02-29T00:00:00Z", "2026-01-01T00:00:00Z"), ["2024", "2025", "2026"]);
    let year = cut("year", "Europe/Berlin", "2024-02-29T00:00:00Z", "2026-01-01T00:00:00Z");
    assert_eq!(year.starts[0], Timestamp::parse("2024-02-29T00:00:00Z").unwrap().millis());
}

#[test]
fn hours_of_the_day_and_weekdays_come_again() {
    let hours = cut("hour_of_day", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-26T23:00:00Z");
    assert_eq!((hours.labels.len(), hours.starts.len()), (24, 49));
    let second = |place: usize| hours.value(place).unwrap();
    assert_eq!(second(2), second(3));
    assert_eq!(second(2).text().as_ref(), "02");
    assert_eq!(second(0), second(25));
    let days = cut("weekday", "Europe/Berlin", "2026-11-15T12:00:00Z", "2026-11-24T12:00:00Z");
    assert_eq!(labels(&days)[..3], ["sunday", "monday", "tuesday"]);
    // In the order of the week, not of the alphabet, and not of the span.
    assert!(
        days.value(1).unwrap() < days.value(2).unwrap() && days.value(1).unwrap() < days.value(0).unwrap()
    );
}

#[test]
fn no_more_than_fifty_thousand_pieces_are_made() {
    let hour = Dimension::Time(Clock::Basis, Unit::Hour);
    let from = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let hours = |count: i64| Range { from, until: Timestamp::from_millis(from.millis() + count * 3_600_000) };
    assert_eq!(buckets(&hour, &Zone::utc(), hours(50_000)).unwrap().starts.len(), 50_000);
    assert!(buckets(&hour, &Zone::utc(), hours(50_001)).is_err());
    assert!(buckets(&hour, &Zone::utc(), hours(7_000_000)).is_err());
    assert!(buckets(&super::report("by=partner").by[0], &Zone::utc(), hours(1)).is_err());
}
