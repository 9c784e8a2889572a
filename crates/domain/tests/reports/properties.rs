//! What holds for every report: it reads back as itself, time is cut without gaps, no figure is lost.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use proofback_domain::calendar::{Day, Zone};
use proofback_domain::report::{
    Cell, Dimension, Found, Metric, Range, Report, SumRow, Table, Value, buckets, fold,
};
use proofback_domain::time::Timestamp;

use super::{World, currency};

const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Antarctica/Troll",
    "Africa/Cairo",
    "America/Havana",
    "UTC",
];

/// Pieces of which queries are made, good ones and bad ones.
const PIECES: [(&str, &[&str]); 16] = [
    ("by", &["day", "hour", "partner,country", "adset", "param:x y", "age_days,click_week", "weekday,goal"]),
    (
        "metrics",
        &["clicks", "profit,roi", "conversions:ftd:held,conversion_rate:ftd", "rejections:bad_token"],
    ),
    ("from", &["2026-11-01", "-7d", "-24h", "-2w", "yesterday", "2026-10-25T02:30", "2026-10-25T01:30Z"]),
    ("to", &["2026-11-19", "today", "now", "2026-11-20T13:15", "-1h", "2026-11-20T13:15:30.123"]),
    ("period", &["today", "last_month", "all", "this_quarter"]),
    ("tz", &["UTC", "America/New_York", "australia/lord_howe"]),
    ("time", &["click", "event", "booked"]),
    ("sort", &["clicks", "-partner", "day", "-conversions:ftd:held", "param:x y"]),
    ("top", &["1", "10000"]),
    ("other", &["1", "no"]),
    ("limit", &["1", "1000", "100000"]),
    ("compare", &["previous", "week", "month", "year", "-14d..-8d", "2026-10-25T01:30Z..now"]),
    ("test", &["include", "only", "exclude"]),
    ("currency", &["usd", "EUR"]),
    ("country", &["DE,at", "ч, \"", "\\", "<>"]),
    ("adset", &["a b", "not", "\"", "x,y,"]),
];

fn query() -> impl Strategy<Value = Vec<(String, String)>> {
    let piece = (select(&PIECES[..]), any::<Index>());
    let piece = piece.prop_map(|((name, values), which)| (name.to_owned(), which.get(values).to_string()));
    (vec(piece, 0..8), prop::option::of(filter())).prop_map(|(mut pairs, filter)| {
        pairs.extend(filter.map(|filter| ("filter".to_owned(), filter)));
        pairs.sort();
        pairs.dedup_by(|one, two| one.0 == two.0);
        if pairs.iter().any(|(name, _)| name == "period") {
            pairs.retain(|(name, _)| name != "from" && name != "to");
        }
        pairs
    })
}

fn filter() -> impl Strategy<Value = String> {
    let dimension = select(&["country", "sub1", "adset", "\"param:a b\"", "day", "not sub2", "goal"][..]);
    let value = prop_oneof!["[a-zA-Z0-9_.:%-]{1,5}", Just("\"\"".to_owned()), quoted()];
    let values = vec(value.clone(), 1..4).prop_map(|values| values.join(","));
    let term = (dimension, 0..7, value, values).prop_map(|(dimension, kind, value, values)| match kind {
        0 => format!("{dimension} = {value}"),
        1 => format!("{dimension}!={value}"),
        2 => format!("{dimension} in ({values})"),
        3 => format!("{dimension} NOT in({values})"),
        4 => format!("{dimension} ~ {value}"),
        5 => format!("{dimension} ^= {value}"),
        _ => format!("{dimension} is not empty"),
    });
    term.prop_recursive(6, 30, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|parts| parts.join(" and ")),
            vec(inner.clone(), 1..4).prop_map(|parts| parts.join(" or ")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

fn quoted() -> impl Strategy<Value = String> {
    "\\PC{0,6}".prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn span(zone: &Zone) -> impl Strategy<Value = Range> + use<> {
    // Around the changes of clocks, and around the day that Apia left out.
    let days =
        ["2026-03-29", "2026-10-25", "2026-11-01", "2026-04-05", "2011-12-30", "2026-04-24", "2024-02-29"];
    let zone = zone.clone();
    (select(days.to_vec()), 0i64..200_000_000, 1i64..400_000_000).prop_map(move |(day, before, length)| {
        let start = zone.start(Day::parse(day).unwrap()).millis() - before;
        Range { from: Timestamp::from_millis(start), until: Timestamp::from_millis(start + length) }
    })
}

fn zone() -> impl Strategy<Value = Zone> {
    select(&ZONES[..]).prop_map(|name| Zone::parse(name).unwrap())
}

fn of_time() -> impl Strategy<Value = Dimension> {
    let codes = ["hour", "day", "week", "month", "quarter", "year", "hour_of_day", "weekday", "click_hour"];
    select(codes.to_vec()).prop_map(|code| super::report(&format!("by={code}&period=today")).by.remove(0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_report_reads_back_as_itself(query in query()) {
        let world = World::new();
        if let Ok(report) = Report::parse(&query, &world.context()) {
            let said = report.to_pairs();
            let read = Report::parse(&said, &world.context());
            prop_assert_eq!(read.as_ref(), Ok(&report), "{:?}", said);
            prop_assert_eq!(read.unwrap().to_pairs(), said);
        }
    }

    #[test]
    fn no_text_makes_it_panic(name in "[a-z:_]{1,9}|\\PC{0,9}", value in "\\PC{0,40}", more in any::<String>()) {
        let world = World::new();
        for name in super::names().into_iter().chain([name.as_str()]) {
            for text in [&value, &more, &format!("-{value}"), &format!("{value}..{more}")] {
                let pairs = [(name.to_owned(), text.clone())];
                if let Err(error) = Report::parse(&pairs, &world.context()) {
                    prop_assert!(!error.message.is_empty());
                    prop_assert!(error.message.chars().count() < 1_000);
                }
            }
        }
    }

    #[test]
    fn every_moment_is_in_exactly_one_piece((zone, span, moment) in zone().prop_flat_map(|zone| {
        let span = span(&zone);
        (Just(zone), span, 0..400_000_000i64)
    }), dimension in of_time()) {
        let pieces = buckets(&dimension, &zone, span).unwrap();
        prop_assert_eq!(pieces.starts[0], span.from.millis());
        prop_assert!(pieces.starts.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(pieces.starts.len(), pieces.label_of.len());
        let count = pieces.starts.len();
        let length: i64 = (0..count)
            .map(|place| pieces.range(place).unwrap())
            .map(|piece| piece.until.millis() - piece.from.millis())
            .sum();
        prop_assert_eq!(length, span.until.millis() - span.from.millis());
        let moment = Timestamp::from_millis(span.from.millis() + moment);
        let within = (0..count).filter(|place| pieces.range(*place).unwrap().contains(moment));
        prop_assert_eq!(within.collect::<Vec<_>>(), pieces.place(moment).into_iter().collect::<Vec<_>>());
        prop_assert_eq!(pieces.place(moment).is_some(), span.contains(moment));
    }

    #[test]
    fn a_piece_has_the_name_that_clocks_and_calendars_give_its_moments((zone, span, moment) in zone().prop_flat_map(|zone| {
        let span = span(&zone);
        (Just(zone), span, 0..400_000_000i64)
    })) {
        let length = span.until.millis() - span.from.millis();
        let moment = Timestamp::from_millis(span.from.millis() + moment % length);
        for (code, pattern) in
            [("day", "%Y-%m-%d"), ("month", "%Y-%m"), ("year", "%Y"), ("week", "%G-W%V"), ("hour_of_day", "%H"), ("hour", "%Y-%m-%dT%H:00")]
        {
            let dimension = super::report(&format!("by={code}&period=today")).by.remove(0);
            let pieces = buckets(&dimension, &zone, span).unwrap();
            let value = pieces.value(pieces.place(moment).unwrap()).unwrap();
            let name = zone.show(moment, pattern).unwrap();
            let offset = zone.show(moment, "%:z").unwrap();
            let named = **value.text() == name || **value.text() == format!("{name}{offset}");
            prop_assert!(named, "{} {} {:?}", code, name, value);
        }
    }
}

/// A fact for a fold: who, whose money, which day, and figures.
fn facts() -> impl Strategy<Value = Vec<SumRow>> {
    let fact = (
        select(&["a", "b", "c", "d", "e", "f", ""][..]),
        select(&["EUR", "USD", "JPY", "GBP"][..]),
        select(&["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"][..]),
        vec(-50_000_000i64..50_000_000, 8),
    );
    let fact = fact.prop_map(|(key, code, day, sums)| SumRow {
        key: vec![Value::from(key)],
        currency: Some(currency(code)),
        day: Day::parse(day),
        sums: sums.into_iter().map(|sum| Some(i128::from(sum))).collect(),
    });
    vec(fact, 0..40)
}

const METRICS: &str = "clicks,conversions,revenue,payout,cost,profit,roi,epc,margin,uniques,approved";

fn make(query: &str, rows: Vec<SumRow>, compared: Option<Vec<SumRow>>) -> Table {
    let world = World::new();
    let report = world.parse(&format!("{query}&metrics={METRICS}")).unwrap();
    assert_eq!(report.sums().len(), 7);
    let found = |rows| Found { rows, whole: Vec::new() };
    fold(&report, &world.exchange(), found(rows), compared.map(found))
}

/// Each row as several that add up to it.
fn split(rows: &[SumRow], cuts: &[i64]) -> Vec<SumRow> {
    let mut parts = Vec::new();
    for (row, cut) in rows.iter().zip(cuts.iter().cycle()) {
        let part = |keep: bool| {
            let sums = row.sums.iter().map(|sum| {
                let cut = i128::from(*cut);
                Some(if keep { sum.unwrap() - cut } else { cut })
            });
            SumRow { sums: sums.collect(), ..row.clone() }
        };
        parts.extend([part(true), part(false)]);
    }
    parts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_split_of_what_was_found_make_no_difference(
        rows in facts(),
        then in facts(),
        cuts in vec(-1_000_000_000i64..1_000_000_000, 1..9),
        turn in any::<Index>(),
        currencies in any::<bool>(),
    ) {
        let by = if currencies { "by=currency" } else { "by=sub1&top=3&other=1" };
        let query = format!("{by}&compare=previous&sort=-profit");
        let whole = make(&query, rows.clone(), Some(then.clone()));
        let mut parts = split(&rows, &cuts);
        parts.reverse();
        if !parts.is_empty() {
            let middle = turn.index(parts.len());
            parts.rotate_left(middle);
        }
        prop_assert_eq!(make(&query, parts, Some(split(&then, &cuts))), whole);
    }

    #[test]
    fn rows_and_the_rest_add_up_to_the_totals(rows in facts(), top in 1..8u32) {
        let table = make(&format!("by=sub1&top={top}&other=1"), rows, None);
        for (place, column) in table.columns.iter().enumerate().filter(|(_, column)| !column.is_dimension) {
            let additive = ["clicks", "conversions", "revenue", "payout", "cost", "profit", "uniques", "approved"];
            if additive.contains(&column.code.as_str()) {
                let sum: i128 = table.rows.iter().map(|row| number(&row.cells[place])).sum();
                prop_assert_eq!(sum, number(&table.totals.cells[place]), "{}", column.code);
            }
        }
    }

    #[test]
    fn pieces_of_time_add_up_to_the_whole(
        (zone, span, moments) in zone().prop_flat_map(|zone| {
            let span = span(&zone);
            (Just(zone), span, vec(0..400_000_000i64, 0..60))
        }),
        dimension in of_time(),
    ) {
        let world = World::new();
        let whole = world.parse("metrics=clicks").unwrap();
        let report = Report { by: vec![dimension.clone()], zone: zone.clone(), span, ..whole };
        let pieces = buckets(&dimension, &zone, span).unwrap();
        let length = span.until.millis() - span.from.millis();
        let click = |moment: &i64| {
            let place = pieces.place(Timestamp::from_millis(span.from.millis() + moment % length)).unwrap();
            SumRow { key: vec![pieces.value(place).unwrap()], currency: None, day: None, sums: vec![Some(1)] }
        };
        let found = Found { rows: moments.iter().map(click).collect(), whole: Vec::new() };
        let table = fold(&report, &world.exchange(), found, None);
        let sum: i128 = table.rows.iter().map(|row| number(&row.cells[1])).sum();
        prop_assert_eq!(sum, moments.len() as i128);
        prop_assert_eq!(number(&table.totals.cells[0]), 0);
        prop_assert_eq!(number(&table.totals.cells[1]), moments.len() as i128);
        prop_assert!(table.rows.windows(2).all(|pair| pair[0].key < pair[1].key), "in the order of time");
    }

    #[test]
    fn what_is_shown_and_what_is_left_out_is_all_there_was(rows in facts()) {
        let table = make("by=currency", rows.clone(), None);
        prop_assert!(table.without_rate.is_empty());
        let report = World::new().parse(&format!("metrics={METRICS}")).unwrap();
        let table = make("", rows.clone(), None);
        for left in &table.without_rate {
            let place = report.sums().iter().position(|sum| *sum == left.sum).unwrap();
            let unknown = |row: &&SumRow| {
                // No pound at all, and nothing before the 18th.
                row.currency == left.currency
                    && (left.currency == Some(currency("GBP")) || row.day == Day::parse("2026-11-17"))
            };
            let sum: i128 = rows.iter().filter(unknown).map(|row| row.sums[place].unwrap()).sum();
            prop_assert_eq!(left.micros, sum);
        }
    }
}

fn number(cell: &Cell) -> i128 {
    match cell {
        Cell::Count(number) | Cell::Ratio(number) | Cell::Seconds(number) => *number,
        Cell::Money { micros, .. } => *micros,
        Cell::Null | Cell::Text(_) => 0,
    }
}

#[test]
fn every_metric_can_be_made_of_nothing_and_of_something() {
    let world = World::new();
    for described in Metric::catalogue() {
        let code =
            described.code.replace("EVENT", "ftd").replace("STATUS", "held").replace("REASON", "bad_token");
        let report = world.parse(&format!("metrics={code}")).unwrap();
        let sums = report.sums();
        assert!(!sums.is_empty(), "{code}");
        let row = SumRow {
            key: Vec::new(),
            currency: Some(currency("EUR")),
            day: Day::parse("2026-11-18"),
            sums: vec![Some(i128::MAX); sums.len()],
        };
        for rows in [Vec::new(), vec![row.clone(), row]] {
            let whole = vec![None; sums.len()];
            fold(&report, &world.exchange(), Found { rows, whole }, None).to_json();
        }
    }
}
