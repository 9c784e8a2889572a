//! Published exchange rates: each format, each refusal, and that nothing is half read.

#![allow(clippy::unwrap_used, reason = "a test")]

use proofback_sheets::{RateLine, read_rates};

const DAILY: &str = include_str!("rates/eurofxref-daily.xml");

fn rates(text: &str) -> Vec<(usize, String)> {
    read_rates(text.as_bytes()).unwrap().into_iter().map(|rate| (rate.line, shown(&rate))).collect()
}

fn shown(rate: &RateLine) -> String {
    format!("{} {}/{} {}", rate.day, rate.base, rate.currency, rate.rate)
}

fn faults(text: &str) -> Vec<String> {
    read_rates(text.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
}

fn at(line: usize, rate: &str) -> (usize, String) {
    (line, rate.into())
}

/// A history in one line, as the bank writes it.
fn history(days: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><gesmes:Envelope \
         xmlns:gesmes=\"http://www.gesmes.org/xml/2002-08-01\" \
         xmlns=\"http://www.ecb.int/vocabulary/2002-08-01/eurofxref\"><gesmes:subject>Reference \
         rates</gesmes:subject><Cube>{days}</Cube></gesmes:Envelope>"
    )
}

#[test]
fn the_banks_daily_xml_is_read_with_its_lines() {
    let expected = [
        at(9, "2026-11-20 EUR/USD 1.0812"),
        at(10, "2026-11-20 EUR/JPY 163.45"),
        at(11, "2026-11-20 EUR/GBP 0.83480"),
        at(12, "2026-11-20 EUR/IDR 17124.66"),
    ];
    assert_eq!(rates(DAILY), expected);
    assert_eq!(rates(&format!("\u{feff}{}", DAILY.replace('\n', "\r\n"))), expected);
}

#[test]
fn the_banks_history_is_read() {
    let days = "<Cube time=\"2026-11-20\"><Cube currency=\"USD\" rate=\"1.0812\"/></Cube><Cube \
                time=\"2026-11-19\"><Cube currency=\"USD\" rate=\"1.0800\"></Cube><Cube currency=\"JPY\" \
                rate=\"163\"/></Cube><Cube time=\"2026-11-18\"/>";
    let expected = ["2026-11-20 EUR/USD 1.0812", "2026-11-19 EUR/USD 1.0800", "2026-11-19 EUR/JPY 163"];
    assert_eq!(rates(&history(days)), expected.map(|rate| at(1, rate)));
}

#[test]
fn the_banks_csv_is_read() {
    let daily = "Date, USD, JPY, BGN, \n20 November 2026, 1.0812, 163.45, N/A, \n";
    assert_eq!(rates(daily), [at(2, "2026-11-20 EUR/USD 1.0812"), at(2, "2026-11-20 EUR/JPY 163.45")]);
    let history = "Date,USD,CYP,\n2026-11-20,1.0812,N/A,\n2007-12-31,1.4721,0.585274,\n";
    let expected = [
        at(2, "2026-11-20 EUR/USD 1.0812"),
        at(3, "2007-12-31 EUR/USD 1.4721"),
        at(3, "2007-12-31 EUR/CYP 0.585274"),
    ];
    assert_eq!(rates(history), expected);
}

#[test]
fn a_plain_table_is_read_in_any_order_of_its_columns() {
    let text = "Currency;rate;Base;DATE\nusdt;0.999;usd;2026-11-20\nEUR;0.92;USD;1 March 2026\n";
    assert_eq!(rates(text), [at(2, "2026-11-20 USD/USDT 0.999"), at(3, "2026-03-01 USD/EUR 0.92")]);
}

#[test]
fn whose_worth_a_rate_is_is_never_guessed() {
    assert!(faults("date,currency,rate\n2026-11-20,USD,1.08\n")[0].contains("never guessed"));
    let told = faults("date,base,currency,rate\n2026-11-20,,USD,1.08\n");
    assert_eq!(told, ["line 2: \"\" is no currency: three to eight letters or digits are expected"]);
}

#[test]
fn a_rate_is_a_plain_decimal_above_zero() {
    let file = |rate: &str| format!("date,base,currency,rate\n2026-11-20,EUR,USD,\"{rate}\"\n");
    for good in ["1", "0.000000000001", "999999999999.999999999999", "007.50", "1.0"] {
        assert_eq!(rates(&file(good)), [at(2, &format!("2026-11-20 EUR/USD {good}"))]);
    }
    let bad = [
        "",
        "-1",
        "+1",
        "1e3",
        "1,08",
        "1.",
        ".5",
        "1.2.3",
        "N/A",
        "NaN",
        "1 000",
        "0x1",
        "１",
        "1000000000000",
        "1.0000000000001",
    ];
    for bad in bad {
        let told = faults(&file(bad));
        assert!(told[0].starts_with(&format!("line 2: {bad:?} is no rate")), "{told:?}");
    }
    for zero in ["0", "0.000", "000"] {
        assert_eq!(faults(&file(zero)), ["line 2: a rate of zero"]);
    }
}

#[test]
fn a_day_is_one_of_the_calendar() {
    let file = |day: &str| format!("date,base,currency,rate\n{day},EUR,USD,1.08\n");
    assert_eq!(rates(&file("2028-02-29")), [at(2, "2028-02-29 EUR/USD 1.08")]);
    assert_eq!(rates(&file("9 november 2026")), [at(2, "2026-11-09 EUR/USD 1.08")]);
    for bad in [
        "",
        "2026-02-29",
        "2026-13-01",
        "2026-1-1",
        "20261120",
        "20.11.2026",
        "11/20/2026",
        "2026-11-20T00:00",
        "-2026-11-20",
        "31 November 2026",
        "20 Nov 2026",
        "20 November 26",
        "November 20 2026",
        "２026-11-20",
    ] {
        let told = faults(&file(bad));
        assert!(told[0].starts_with(&format!("line 2: {bad:?} is no day")), "{told:?}");
    }
}

#[test]
fn a_currency_is_a_code() {
    let file = |code: &str| format!("date,base,currency,rate\n2026-11-20,EUR,{code},1.08\n");
    assert_eq!(rates(&file("abcd1234")), [at(2, "2026-11-20 EUR/ABCD1234 1.08")]);
    for bad in ["", "US", "ABCD12345", "U D", "ÜSD", "US-D"] {
        let told = faults(&file(bad));
        assert!(told[0].starts_with(&format!("line 2: {bad:?} is no currency")), "{told:?}");
    }
    assert_eq!(faults(&file("eur")), ["line 2: EUR has no exchange rate against itself"]);
}

#[test]
fn two_rates_for_one_day_contradict_each_other() {
    let file = "date,base,currency,rate\n2026-11-20,EUR,USD,1.08\n2026-11-19,EUR,USD,1.07\n\
                2026-11-20,eur,usd,1.09\n2026-11-20,EUR,USD,1.08\n";
    assert_eq!(
        faults(file),
        [
            "line 4: one EUR is 1.09 USD on 2026-11-20 here, and 1.08 on line 2",
            "line 5: one EUR is 1.08 USD on 2026-11-20 here, and 1.09 on line 4"
        ]
    );
}

#[test]
fn a_rate_that_is_published_twice_is_given_once() {
    let file = "date,base,currency,rate\n2026-11-20,EUR,USD,1.10\n2026-11-20,USD,EUR,0.9\n\
                2026-11-20,EUR,USD,01.1\n2026-11-20,EUR,USD,1.100\n2026-11-19,EUR,USD,1\n";
    assert_eq!(
        rates(file),
        [at(2, "2026-11-20 EUR/USD 1.10"), at(3, "2026-11-20 USD/EUR 0.9"), at(6, "2026-11-19 EUR/USD 1")]
    );
}

#[test]
fn nothing_is_half_read_and_every_fault_is_told() {
    let file = "Date,USD,JPY\n2026-11-20,1.08,x\nsoon,1.08,163\n2026-11-18,-1,\n";
    let told = faults(file);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].starts_with("line 2: \"x\" is no rate"));
    assert!(told[1].starts_with("line 3: \"soon\" is no day"));
    assert!(told[2].starts_with("line 4: \"-1\" is no rate"));
    assert!(told[3].starts_with("line 4: \"\" is no rate"));
    let told = faults(&DAILY.replace("163.45", "N/A"));
    assert!(told[0].starts_with("line 10: \"N/A\" is no rate"), "{told:?}");
    assert_eq!(faults("Date,USD,J\n2026-11-20,1.08,1\n").len(), 1);
}

#[test]
fn xml_that_could_mean_something_else_is_refused() {
    let doctype = DAILY.replacen("<gesmes:Envelope", "<!DOCTYPE a [<!ENTITY r \"9\">]>\n<gesmes:Envelope", 1);
    let refused = "a document type is not read: it could change what the file says";
    assert_eq!(faults(&doctype), [format!("line 2: {refused}")]);
    let refused = "an entity is not read: it could change what the file says";
    assert_eq!(faults(&DAILY.replace("1.0812", "&#49;.0812")), [format!("line 9: {refused}")]);
    assert_eq!(faults(&DAILY.replace("European", "&r;")), [format!("line 5: {refused}")]);
}

#[test]
fn xml_that_ends_early_or_is_not_the_banks_is_refused() {
    let ends = DAILY.find("<Cube currency='GBP'").unwrap();
    assert_eq!(faults(&DAILY[..ends]), ["line 11: the file ends before its outermost element does"]);
    assert_eq!(faults(&DAILY[..ends + 9]), ["line 11: this is no well-formed XML"]);
    for (text, told) in [
        ("<html></html>", "line 1: this is not the ECB's file of exchange rates"),
        ("<Envelope/>", "the file has no exchange rate"),
        ("<Envelope/><Envelope/>", "line 1: this is not the ECB's file of exchange rates"),
        ("<Envelope><Cube></Envelope>", "line 1: this is no well-formed XML"),
    ] {
        assert_eq!(faults(text), [told], "{text}");
    }
    for (days, told) in [
        ("<Cube currency='USD' rate='1'/>", "a rate that belongs to no day"),
        ("<Cube time='2026-11-20'/><Cube currency='USD' rate='1'/>", "a rate that belongs to no day"),
        ("<Cube time='2026-11-20'></Cube><Cube currency='USD' rate='1'/>", "a rate that belongs to no day"),
        ("<Cube time='2026-11-20'><Cube time='2026-11-19'/></Cube>", "a day within another day"),
        ("<Cube currency='USD'/>", "a Cube has either a time, or a currency and a rate"),
        ("<Cube time='2026-11-20' time='2026-11-19'/>", "this is no well-formed XML"),
    ] {
        assert_eq!(faults(&history(days)), [format!("line 1: {told}")], "{days}");
    }
    let deep = format!("<Envelope>{}", "<a>".repeat(1_000));
    assert_eq!(faults(&deep), ["line 1: more than 16 elements within each other"]);
}

#[test]
fn what_holds_no_rates_is_told() {
    assert!(faults("")[0].starts_with("the table is empty"));
    assert_eq!(faults("Date,USD\n2026-11-20,N/A\n"), ["the file has no exchange rate"]);
    assert!(faults("name,amount\na,1\n")[0].contains("\"name\" is not known"));
    assert!(faults("base,currency,rate\nEUR,USD,1\n")[0].starts_with("a column is missing"));
    assert!(faults("PK\u{3}\u{4}")[0].contains("CSV"));
}

#[test]
fn many_faults_and_large_files_have_their_bounds() {
    let mut text = "date,base,currency,rate\n".to_owned();
    text.push_str(&"2026-11-20,EUR,USD,x\n".repeat(1_000));
    assert_eq!(faults(&text).len(), 101);
    let large = vec![b' '; (64 << 20) + 1];
    assert_eq!(read_rates(&large).unwrap_err()[0].to_string(), "the file is larger than 64 MiB");
    let day = "<Cube time='2026-11-20'>".to_owned() + &"<Cube currency='AAA' rate='1'/>".repeat(2_000_001);
    let told = faults(&history(&(day + "</Cube>")));
    assert_eq!(told, ["line 1: more than 2000000 rates"]);
}
