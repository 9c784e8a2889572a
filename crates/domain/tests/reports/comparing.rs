//! The period that a report is compared with.

use super::{report, show};

#[test]
fn the_period_before_is_as_long_and_ends_where_this_one_begins() {
    for (query, before) in [
        ("from=2026-11-14&to=2026-11-20", "2026-11-06T23:00:00.000Z 2026-11-13T23:00:00.000Z"),
        // Clocks change in it.
        ("from=2026-10-25&to=2026-10-26", "2026-10-22T22:00:00.000Z 2026-10-24T22:00:00.000Z"),
        ("from=2026-10-26&to=2026-10-26", "2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z"),
        // Whole months.
        ("period=last_month", "2026-08-31T22:00:00.000Z 2026-09-30T22:00:00.000Z"),
        ("from=2026-01-01&to=2026-03-31", "2025-09-30T22:00:00.000Z 2025-12-31T23:00:00.000Z"),
        ("from=-6h&to=now", "2026-11-20T00:30:00.000Z 2026-11-20T06:30:00.000Z"),
    ] {
        assert_eq!(show(report(&format!("{query}&compare=previous")).compare.unwrap()), before, "{query}");
    }
}

#[test]
fn a_week_a_month_and_a_year_earlier_begin_on_the_same_day() {
    for (query, earlier) in [
        ("from=2026-11-18&to=2026-11-20&compare=week", "2026-11-10T23:00:00.000Z 2026-11-13T23:00:00.000Z"),
        // The same days by the clock, an hour longer.
        ("from=2026-10-26&to=2026-11-01&compare=week", "2026-10-18T22:00:00.000Z 2026-10-25T23:00:00.000Z"),
        ("from=2026-11-18&to=2026-11-20&compare=month", "2026-10-17T22:00:00.000Z 2026-10-20T22:00:00.000Z"),
        ("period=this_month&compare=month", "2026-09-30T22:00:00.000Z 2026-10-20T22:00:00.000Z"),
        ("from=2026-02-01&to=2026-02-28&compare=month", "2025-12-31T23:00:00.000Z 2026-01-31T23:00:00.000Z"),
        // There is no 30 February; the day that is there is compared, not nothing.
        ("from=2026-03-30&to=2026-03-30&compare=month", "2026-02-27T23:00:00.000Z 2026-02-28T23:00:00.000Z"),
        ("from=2026-11-18&to=2026-11-20&compare=year", "2025-11-17T23:00:00.000Z 2025-11-20T23:00:00.000Z"),
        ("from=-24h&to=now&compare=week", "2026-11-12T12:30:00.000Z 2026-11-13T12:30:00.000Z"),
        ("compare=2026-10-01..2026-10-02", "2026-09-30T22:00:00.000Z 2026-10-02T22:00:00.000Z"),
        ("compare=-14d..-8d", "2026-11-05T23:00:00.000Z 2026-11-12T23:00:00.000Z"),
    ] {
        assert_eq!(show(report(query).compare.unwrap()), earlier, "{query}");
    }
}
