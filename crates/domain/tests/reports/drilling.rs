//! From a row to what is behind it.

use proofback_domain::report::{Dimension, Report, Value, buckets};

use super::{World, canonical, report, show};

fn drill(query: &str, key: &[&str], next: Option<&str>) -> Report {
    let report = report(query);
    let next = next.map(|next| super::report(&format!("by={next}")).by.remove(0));
    let values: Vec<Value> = report.by.iter().zip(key).map(|(by, text)| value(&report, by, text)).collect();
    let drilled = report.drill(&values, next).unwrap();
    // What a link says is what it leads to.
    let read = Report::parse(&drilled.to_pairs(), &World::new().context()).unwrap();
    assert_eq!(read, drilled);
    drilled
}

fn value(report: &Report, by: &Dimension, text: &str) -> Value {
    let Ok(pieces) = buckets(by, &report.zone, report.span) else {
        return Value::from(text);
    };
    let place = (0..pieces.starts.len()).find(|place| &**pieces.value(*place).unwrap().text() == text);
    pieces.value(place.unwrap()).unwrap()
}

#[test]
fn values_become_conditions_and_pieces_of_the_span_become_the_span() {
    for (query, key, next, said) in [
        (
            "by=partner&period=this_month",
            &["reelmedia"][..],
            Some("country"),
            "by=country&period=this_month&filter=partner = reelmedia",
        ),
        ("by=partner,day", &["a", "2026-11-18"], None, "from=2026-11-18&to=2026-11-18&filter=partner = a"),
        ("by=week", &["2026-W46"], Some("day"), "by=day&from=2026-11-14&to=2026-11-15"),
        (
            "by=hour&from=2026-10-25&to=2026-10-25",
            &["2026-10-25T02:00+02:00"],
            None,
            "from=2026-10-25T02:00&to=2026-10-25T02:00:00.000+01:00",
        ),
        ("by=month,day", &["2026-11", "2026-11-18"], None, "from=2026-11-18&to=2026-11-18"),
        ("by=weekday,hour_of_day", &["monday", "13"], None, "filter=weekday = monday and hour_of_day = 13"),
        ("by=click_day", &["2026-11-18"], None, "filter=click_day = 2026-11-18"),
        (
            "by=sub1&filter=country = DE or country = AT",
            &[""],
            None,
            "filter=(country = DE or country = AT) and sub1 is empty",
        ),
        (
            "by=adset",
            &["a \"b\""],
            Some("creative"),
            "by=param:creative&filter=param:adset = \"a \\\"b\\\"\"",
        ),
        (
            "by=partner&sort=partner&metrics=clicks",
            &["a"],
            Some("link"),
            "by=link&metrics=clicks&filter=partner = a",
        ),
        (
            "by=partner&sort=-clicks&top=3&other=1",
            &["a"],
            Some("link"),
            "by=link&filter=partner = a&sort=-clicks&top=3&other=1",
        ),
        ("by=day&compare=2026-10-01..2026-10-07", &["2026-11-18"], None, "from=2026-11-18&to=2026-11-18"),
        (
            "by=partner&compare=2026-10-01..2026-10-07",
            &["a"],
            None,
            "filter=partner = a&compare=2026-10-01..2026-10-07",
        ),
        ("by=year&from=2026-11-01", &["2026"], Some("day"), "by=day&from=2026-11-01&to=today"),
    ] {
        assert_eq!(canonical(&drill(query, key, next)), said, "{query}");
    }
}

#[test]
fn a_piece_is_compared_with_the_piece_before() {
    let drilled = drill("by=day&compare=previous", &["2026-11-18"], Some("hour"));
    assert_eq!(show(drilled.compare.unwrap()), "2026-11-16T23:00:00.000Z 2026-11-17T23:00:00.000Z");
}

#[test]
fn what_no_filter_can_hold_is_refused() {
    let values = vec!["a"; 200].join(",");
    let report = report(&format!("by=sub2&sub1={values}"));
    let refused = report.drill(&[Value::from("b")], None).unwrap_err();
    assert_eq!(refused.to_string(), "filter: 201 comparisons and values, at most 200 are allowed");
}
