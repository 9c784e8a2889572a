//! From sums to the table.

use proofback_domain::calendar::Day;
use proofback_domain::report::{Found, Report, Row, SumRow, Table, Value, buckets, fold};
use serde_json::{Value as Json, json};

use super::{World, currency, report};

/// Millionths of a whole unit.
const UNIT: i128 = 1_000_000;

/// `key` in text; of a dimension of time its label.
pub fn row(report: &Report, key: &[&str], of: Option<(&str, &str)>, sums: &[i128]) -> SumRow {
    row_in(report, report.span, key, of, sums)
}

pub fn row_in(
    report: &Report,
    span: proofback_domain::report::Range,
    key: &[&str],
    of: Option<(&str, &str)>,
    sums: &[i128],
) -> SumRow {
    let value = |(dimension, text): (&_, &&str)| match buckets(dimension, &report.zone, span) {
        Ok(pieces) => {
            let values = (0..pieces.starts.len()).map(|place| pieces.value(place).unwrap());
            values.into_iter().find(|value| &**value.text() == *text).unwrap()
        }
        Err(_) => Value::from(*text),
    };
    SumRow {
        key: report.by.iter().zip(key).map(value).collect(),
        currency: of.map(|(code, _)| currency(code)),
        day: of.map(|(_, day)| Day::parse(day).unwrap()),
        sums: sums.iter().map(|sum| Some(*sum)).collect(),
    }
}

fn found(rows: Vec<SumRow>) -> Found {
    Found { rows, whole: Vec::new() }
}

fn make(report: &Report, rows: Vec<SumRow>) -> Table {
    fold(report, &World::new().exchange(), found(rows), None)
}

/// The cells of a row as text.
fn cells(row: &Row) -> Vec<String> {
    row.cells.iter().map(proofback_domain::report::Cell::text).collect()
}

fn rows(table: &Table) -> Vec<Vec<String>> {
    table.rows.iter().map(cells).collect()
}

#[test]
fn money_of_several_currencies_and_days_is_added_in_the_one_of_the_report() {
    let report = report("by=partner&metrics=cost,clicks");
    let table = make(
        &report,
        vec![
            row(&report, &["a"], Some(("EUR", "2026-11-18")), &[UNIT, 1]),
            row(&report, &["a"], Some(("USD", "2026-11-18")), &[5 * UNIT, 2]),
            row(&report, &["a"], Some(("USD", "2026-11-20")), &[16 * UNIT, 3]),
            row(&report, &["b"], Some(("USD", "2026-11-18")), &[5 * UNIT, 0]),
            row(&report, &["b"], None, &[0, 4]),
        ],
    );
    // 1 + 5 / 1.25 + 16 / 1.6, by the last rate before the 20th.
    assert_eq!(rows(&table), [["a", "15.00", "6"], ["b", "4.00", "4"]]);
    assert_eq!(cells(&table.totals), ["", "19.00", "10"]);
    assert!(table.without_rate.is_empty());
}

#[test]
fn money_is_rounded_once_for_each_key_currency_and_day() {
    let report = report("metrics=cost");
    let yen = |micros| row(&report, &[], Some(("JPY", "2026-11-18")), &[micros]);
    // A third of one, of a half and of another half millionth: 2 / 3, and not three times nothing.
    let table = make(&report, vec![yen(1), yen(1)]);
    assert_eq!(rows(&table), [["0.000001"]]);
    let table = make(&report, vec![yen(1), row(&report, &[], Some(("JPY", "2026-11-19")), &[1])]);
    assert_eq!(rows(&table), [["0.00"]]);
}

#[test]
fn money_without_a_rate_is_listed_and_not_lost() {
    let report = report("by=partner&metrics=cost,revenue&compare=previous");
    let gbp = |day| row(&report, &["a"], Some(("GBP", day)), &[UNIT, 2 * UNIT]);
    let early = row(&report, &["a"], Some(("USD", "2026-11-17")), &[0, UNIT]);
    let nobodys = row(&report, &["b"], None, &[7, 0]);
    let now = found(vec![gbp("2026-11-18"), gbp("2026-11-19"), early, nobodys]);
    let then = found(vec![gbp("2026-11-18")]);
    let table = fold(&report, &World::new().exchange(), now, Some(then));
    assert_eq!(rows(&table), [["a", "0.00", "0.00"], ["b", "0.00", "0.00"]]);
    let left = table.to_json()["without_rate"].clone();
    assert_eq!(
        left,
        json!([
            {"currency": null, "of": "cost", "amount": "0.000007"},
            {"currency": "GBP", "of": "cost", "amount": "2.00"},
            {"currency": "GBP", "of": "revenue:approved", "amount": "4.00"},
            {"currency": "USD", "of": "revenue:approved", "amount": "1.00"},
            {"currency": "GBP", "of": "cost", "amount": "1.00", "compared": true},
            {"currency": "GBP", "of": "revenue:approved", "amount": "2.00", "compared": true},
        ])
    );
}

#[test]
fn by_currency_nothing_is_converted_and_different_money_is_not_added() {
    let report = report("by=currency&metrics=cost,clicks,cpc");
    let table = make(
        &report,
        vec![
            row(&report, &["USD"], Some(("USD", "2026-11-18")), &[5 * UNIT, 2]),
            row(&report, &["USD"], Some(("USD", "2026-11-19")), &[5 * UNIT, 0]),
            row(&report, &["JPY"], Some(("JPY", "2026-11-19")), &[500 * UNIT, 3]),
            row(&report, &[""], None, &[0, 7]),
        ],
    );
    assert_eq!(
        rows(&table),
        [["JPY", "500", "3", "166.666667"], ["USD", "10.00", "2", "5.000000"], ["", "0.00", "7", "0.000000"]]
    );
    assert_eq!(cells(&table.totals), ["", "", "12", ""]);
    assert_eq!(table.columns[1].currency, None);
}

#[test]
fn another_currency_can_be_asked_for() {
    let report = report("metrics=cost&currency=USD");
    let table = make(&report, vec![row(&report, &[], Some(("EUR", "2026-11-18")), &[4 * UNIT])]);
    assert_eq!(rows(&table), [["5.00"]]);
    assert_eq!(table.columns[0].currency, Some(currency("USD")));
}

#[test]
fn ratios_have_four_digits_half_to_even_and_nothing_is_divided_by_zero() {
    let report = report("by=sub1&metrics=conversion_rate,clicks&sort=sub1");
    let of = |key, conversions, clicks| row(&report, &[key], None, &[conversions, clicks]);
    let table = make(
        &report,
        vec![
            of("a", 1, 20_000),
            of("b", 3, 20_000),
            of("c", 1, 3),
            of("d", 1, 0),
            of("e", -1, 3),
            of("f", 5, 4),
        ],
    );
    let shown: Vec<String> = rows(&table).into_iter().map(|mut row| row.remove(1)).collect();
    assert_eq!(shown, ["0.0000", "0.0002", "0.3333", "", "-0.3333", "1.2500"]);
}

#[test]
fn metrics_are_made_of_their_sums() {
    let report = report("metrics=profit,margin,roi,epc,rpc,cpc,cpa,clicks,conversions");
    // revenue, payout, cost, clicks, conversions
    let sums = [100 * UNIT, 60 * UNIT, 20 * UNIT, 1_000, 8];
    let table = make(&report, vec![row(&report, &[], Some(("EUR", "2026-11-18")), &sums)]);
    assert_eq!(
        rows(&table),
        [["20.00", "0.2000", "0.2500", "0.060000", "0.100000", "0.020000", "10.000000", "1000", "8"]]
    );
}

#[test]
fn a_loss_of_a_negative_sum_is_divided_by_its_sign() {
    let report = report("metrics=margin");
    // revenue, payout, cost: reversals of an earlier month.
    let table = make(&report, vec![row(&report, &[], Some(("EUR", "2026-11-18")), &[-3 * UNIT, -UNIT, 0])]);
    assert_eq!(rows(&table), [["0.6667"]]);
}

#[test]
fn the_best_rows_stand_first_and_the_others_in_one() {
    let report = report("by=partner&metrics=clicks,conversion_rate&top=2&other=1");
    // Sums: clicks, conversions.
    let of = |key, clicks, conversions| row(&report, &[key], None, &[clicks, conversions]);
    let rows_of = vec![of("d", 10, 1), of("a", 30, 3), of("c", 20, 10), of("b", 20, 4)];
    let table = make(&report, rows_of.clone());
    assert_eq!(rows(&table), [["a", "30", "0.1000"], ["b", "20", "0.2000"], ["other", "30", "0.3667"]]);
    assert_eq!(table.rows.iter().map(|row| row.is_other).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!((cells(&table.totals), table.rows_total), (vec!["".into(), "80".into(), "0.2250".into()], 4));
    let without = super::report("by=partner&metrics=clicks,conversion_rate&limit=1");
    let table = make(&without, rows_of);
    assert_eq!((rows(&table).len(), table.rows_total, cells(&table.totals)[1].as_str()), (1, 4, "80"));
}

#[test]
fn a_partner_called_other_is_none() {
    let report = report("by=partner&metrics=clicks&top=1&other=1");
    let of = |key, clicks| row(&report, &[key], None, &[clicks]);
    let table = make(&report, vec![of("other", 5), of("a", 1), of("b", 2)]);
    assert_eq!(rows(&table), [["other", "5"], ["other", "3"]]);
    let shown = table.to_json();
    assert_eq!(
        shown["rows"],
        json!([{"partner": "other", "clicks": 5}, {"partner": "other", "clicks": 3, "is_other": true}])
    );
}

#[test]
fn times_are_in_order_unless_something_else_is_asked_for() {
    let order = |query: &str| {
        let report = report(&format!("by=hour&metrics=clicks&from=2026-10-25&to=2026-10-25{query}"));
        let of = |hour: &str, clicks| row(&report, &[&format!("2026-10-25T{hour}")], None, &[clicks]);
        let table = make(&report, vec![of("02:00+01:00", 3), of("03:00", 1), of("02:00+02:00", 2)]);
        rows(&table).into_iter().map(|mut row| row.remove(0).split_off(11)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order(""), "02:00+02:00 02:00+01:00 03:00");
    assert_eq!(order("&sort=-hour"), "03:00 02:00+01:00 02:00+02:00");
    assert_eq!(order("&sort=clicks"), "03:00 02:00+02:00 02:00+01:00");
    assert_eq!(order("&top=3"), "02:00+01:00 02:00+02:00 03:00");
}

#[test]
fn what_is_not_known_comes_last_and_equal_rows_by_their_key() {
    for (sort, expected) in [("conversion_rate", "c a b d"), ("-conversion_rate", "a b c d")] {
        let report = report(&format!("by=sub1&metrics=conversion_rate&sort={sort}"));
        let of = |key, conversions, clicks| row(&report, &[key], None, &[conversions, clicks]);
        let table = make(&report, vec![of("b", 1, 2), of("d", 0, 0), of("a", 2, 4), of("c", 1, 4)]);
        let keys: Vec<String> = rows(&table).into_iter().map(|mut row| row.remove(0)).collect();
        assert_eq!(keys.join(" "), expected);
    }
}

#[test]
fn ages_are_ordered_as_numbers() {
    let report = report("by=age_days&metrics=clicks");
    let of = |age: i64| SumRow { key: vec![Value::age(age)], currency: None, day: None, sums: vec![Some(1)] };
    let table = make(&report, vec![of(10), of(9), of(100)]);
    assert_eq!(rows(&table), [["9", "1"], ["10", "1"], ["100", "1"]]);
}

#[test]
fn a_median_is_known_of_rows_and_of_the_whole_but_not_of_what_was_cut_off() {
    let report = report("by=partner&metrics=time_to_conversion,clicks&top=1&other=1&sort=-clicks");
    let of = |key, seconds: Option<i128>, clicks| SumRow {
        sums: vec![seconds, Some(clicks)],
        ..row(&report, &[key], None, &[])
    };
    let rows_found = vec![of("a", Some(60), 9), of("a", None, 1), of("b", Some(5), 1), of("c", Some(7), 1)];
    let found = Found { rows: rows_found, whole: vec![Some(42), None] };
    let table = fold(&report, &World::new().exchange(), found, None);
    assert_eq!(rows(&table), [["a", "60", "10"], ["other", "", "2"]]);
    assert_eq!(cells(&table.totals), ["", "42", "12"]);
}

#[test]
fn nothing_found_is_an_empty_table_with_totals_of_zero() {
    let table = make(&report("by=partner&metrics=clicks,revenue,roi,time_to_conversion"), Vec::new());
    assert!(table.rows.is_empty());
    assert_eq!(cells(&table.totals), ["", "0", "0.00", "", ""]);
}

#[test]
fn each_row_stands_beside_what_it_was_before() {
    let report = report("by=partner&metrics=clicks,epc&from=2026-11-18&to=2026-11-18&compare=previous");
    let of = |key, clicks, payout| row(&report, &[key], Some(("EUR", "2026-11-18")), &[clicks, payout]);
    let now = found(vec![of("a", 15, 30 * UNIT), of("new", 5, 0)]);
    let then = found(vec![of("a", 10, 10 * UNIT), of("gone", 8, 0)]);
    let table = fold(&report, &World::new().exchange(), now, Some(then));
    let shown = table.to_json();
    assert_eq!(
        shown["rows"][0],
        json!({"partner": "a", "clicks": 15, "epc": "2.000000", "compared": {"clicks": 10, "epc": "1.000000"},
            "change": {"clicks": number("0.5000"), "epc": number("1.0000")}})
    );
    assert_eq!(shown["rows"][1]["change"]["clicks"], Json::Null);
    // What is gone is seen to be.
    assert_eq!(shown["rows"][2]["partner"], "gone");
    assert_eq!(shown["rows"][2]["change"]["clicks"], number("-1.0000"));
    assert_eq!(shown["totals"]["compared"]["clicks"], 18);
    assert_eq!(shown["compare"], json!({"from": "2026-11-17", "to": "2026-11-17"}));
}

fn number(text: &str) -> Json {
    Json::Number(text.parse().unwrap())
}

/// (key, now, then) of a comparison, where `now` and `then` are labels with their clicks.
fn compared(query: &str, now: &[(&str, i128)], then: &[(&str, i128)]) -> Vec<(String, Json, Json)> {
    let report = report(query);
    let of = |span, rows: &[(&str, i128)]| {
        found(rows.iter().map(|(key, clicks)| row_in(&report, span, &[key], None, &[*clicks])).collect())
    };
    let then = of(report.compare.unwrap(), then);
    let table = fold(&report, &World::new().exchange(), of(report.span, now), Some(then)).to_json();
    let code = report.by[0].code();
    let rows = table["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        (row[&code].as_str().unwrap().to_owned(), row["clicks"].clone(), row["compared"]["clicks"].clone())
    })
    .collect()
}

#[test]
fn a_day_is_compared_with_the_day_at_the_same_place() {
    let rows = compared(
        "by=day&metrics=clicks&from=2026-11-01&to=2026-11-30&compare=month",
        &[("2026-11-01", 5), ("2026-11-30", 6)],
        &[("2026-10-01", 3), ("2026-10-02", 4), ("2026-10-31", 9)],
    );
    // October has a day more, which stands for itself.
    let expected = [("2026-10-31", 0, 9), ("2026-11-01", 5, 3), ("2026-11-02", 0, 4), ("2026-11-30", 6, 0)];
    assert_eq!(rows, expected.map(|(day, now, then)| (day.to_owned(), json!(now), json!(then))));
}

#[test]
fn hours_are_compared_by_the_clock_where_a_day_is_longer() {
    let rows = compared(
        "by=hour&metrics=clicks&from=2026-10-25&to=2026-10-26&compare=week",
        &[("2026-10-25T02:00+02:00", 1), ("2026-10-25T02:00+01:00", 2), ("2026-10-26T09:00", 3)],
        &[("2026-10-18T02:00", 4), ("2026-10-19T09:00", 5)],
    );
    let expected =
        [("2026-10-25T02:00+02:00", 1, 4), ("2026-10-25T02:00+01:00", 2, 0), ("2026-10-26T09:00", 3, 5)];
    assert_eq!(rows, expected.map(|(hour, now, then)| (hour.to_owned(), json!(now), json!(then))));
    let rows = compared(
        "by=hour&metrics=clicks&from=2026-11-20T12:00&to=2026-11-20T14:00&compare=previous",
        &[("2026-11-20T12:00", 1), ("2026-11-20T13:00", 2)],
        &[("2026-11-20T10:00", 3), ("2026-11-20T11:00", 4)],
    );
    let expected = [("2026-11-20T12:00", 1, 3), ("2026-11-20T13:00", 2, 4)];
    assert_eq!(rows, expected.map(|(hour, now, then)| (hour.to_owned(), json!(now), json!(then))));
}

#[test]
fn weekdays_are_compared_with_themselves() {
    let rows = compared(
        "by=weekday&metrics=clicks&from=2026-11-18&to=2026-11-19&compare=previous",
        &[("thursday", 1)],
        &[("monday", 2), ("tuesday", 3)],
    );
    let expected = [("monday", 0, 2), ("tuesday", 0, 3), ("thursday", 1, 0)];
    assert_eq!(rows, expected.map(|(day, now, then)| (day.to_owned(), json!(now), json!(then))));
}

#[test]
fn the_answer_of_the_api_has_columns_rows_and_totals() {
    let report = report(
        "by=day,partner&metrics=clicks,revenue,conversion_rate&from=2026-11-18&to=2026-11-19&time=booked",
    );
    let sums = [12, 3 * UNIT, 5];
    let table = make(&report, vec![row(&report, &["2026-11-18", "a"], Some(("EUR", "2026-11-18")), &sums)]);
    assert_eq!(
        table.to_json(),
        json!({
            "columns": [
                {"code": "day", "title": "Day", "role": "dimension", "kind": "text"},
                {"code": "partner", "title": "Partner", "role": "dimension", "kind": "text"},
                {"code": "clicks", "title": "Clicks", "role": "metric", "kind": "count"},
                {"code": "revenue", "title": "Revenue", "role": "metric", "kind": "money", "currency": "EUR"},
                {"code": "conversion_rate", "title": "Conversion rate", "role": "metric", "kind": "ratio"},
            ],
            "rows": [{"day": "2026-11-18", "partner": "a", "clicks": 12, "revenue": "3.00", "conversion_rate": number("0.4167")}],
            "totals": {"clicks": 12, "revenue": "3.00", "conversion_rate": number("0.4167")},
            "rows_total": 1,
            "from": "2026-11-18",
            "to": "2026-11-19",
            "timezone": "Europe/Berlin",
            "time": "booked",
            "without_rate": [],
        })
    );
}
