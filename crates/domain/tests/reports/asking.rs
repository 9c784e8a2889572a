//! Parameters: what they mean, what is so where nothing is said, and how a mistake is told.

use proofback_domain::report::{Basis, Dimension, Standing, Statuses, Sum, Tests};

use super::{canonical, refusal, report, show};

#[test]
fn nothing_asked_is_the_last_seven_days_in_total() {
    let all = report("");
    assert_eq!(show(all.span), "2026-11-13T23:00:00.000Z 2026-11-20T23:00:00.000Z");
    assert_eq!((all.by.len(), all.metrics.len(), all.limit, all.basis), (0, 10, 1_000, Basis::Event));
    assert_eq!((all.tests, all.top, all.other, all.compare), (Tests::Exclude, None, false, None));
    assert_eq!((all.currency.code(), all.zone.name()), ("EUR", "Europe/Berlin"));
    assert_eq!(canonical(&all), "");
    // A form sends what was not filled in.
    assert_eq!(report("by=&metrics=&from=&to=&country=&top= &sort="), all);
}

#[test]
fn a_period_is_days_moments_or_words() {
    for (query, span) in [
        ("from=2026-11-01&to=2026-11-07", "2026-10-31T23:00:00.000Z 2026-11-07T23:00:00.000Z"),
        // 25 hours.
        ("from=2026-10-25&to=2026-10-25", "2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z"),
        ("from=2026-11-20T13:00&to=2026-11-20T14:00", "2026-11-20T12:00:00.000Z 2026-11-20T13:00:00.000Z"),
        ("from=2026-11-20T13:00Z&to=now&tz=UTC", "from: the period ends before it begins"),
        ("from=2026-10-25T02:30+01:00&to=today", "2026-10-25T01:30:00.000Z 2026-11-20T23:00:00.000Z"),
        ("from=2026-10-25T02:30&to=today", "2026-10-25T00:30:00.000Z 2026-11-20T23:00:00.000Z"),
        ("from=-24h&to=now", "2026-11-19T12:30:00.000Z 2026-11-20T12:30:00.000Z"),
        ("from=-7d", "2026-11-12T23:00:00.000Z 2026-11-20T23:00:00.000Z"),
        ("from=-1w&to=yesterday", "2026-11-12T23:00:00.000Z 2026-11-19T23:00:00.000Z"),
        ("from=yesterday&to=yesterday", "2026-11-18T23:00:00.000Z 2026-11-19T23:00:00.000Z"),
        ("period=today", "2026-11-19T23:00:00.000Z 2026-11-20T23:00:00.000Z"),
        ("period=today&tz=Asia/Tokyo", "2026-11-19T15:00:00.000Z 2026-11-20T15:00:00.000Z"),
        ("period=yesterday", "2026-11-18T23:00:00.000Z 2026-11-19T23:00:00.000Z"),
        ("period=last_7_days", "2026-11-13T23:00:00.000Z 2026-11-20T23:00:00.000Z"),
        ("period=last_30_days", "2026-10-21T22:00:00.000Z 2026-11-20T23:00:00.000Z"),
        ("period=this_week", "2026-11-15T23:00:00.000Z 2026-11-20T23:00:00.000Z"),
        ("period=last_week", "2026-11-08T23:00:00.000Z 2026-11-15T23:00:00.000Z"),
        ("period=this_month", "2026-10-31T23:00:00.000Z 2026-11-20T23:00:00.000Z"),
        ("period=last_month", "2026-09-30T22:00:00.000Z 2026-10-31T23:00:00.000Z"),
        ("period=this_quarter", "2026-09-30T22:00:00.000Z 2026-11-20T23:00:00.000Z"),
        ("period=this_year", "2025-12-31T23:00:00.000Z 2026-11-20T23:00:00.000Z"),
        ("period=all", "2026-01-04T23:00:00.000Z 2026-11-20T23:00:00.000Z"),
    ] {
        match super::World::new().parse(query) {
            Ok(report) => assert_eq!(show(report.span), span, "{query}"),
            Err(error) => assert!(error.to_string().starts_with(span), "{query}: {error}"),
        }
    }
}

#[test]
fn what_a_report_says_is_the_shortest_that_reads_back_as_it() {
    for (query, said) in [
        ("by=day, partner ,day&by=goal", "by=day,partner,goal"),
        ("by=adset,param:adset,param:x y", "by=param:adset,param:x y"),
        ("metrics=clicks&metrics=roi,clicks", "metrics=clicks,roi"),
        ("period=last_7_days&time=event&test=exclude&limit=1000&other=0", ""),
        ("other=true&top=5&limit=20", "top=5&other=1&limit=20"),
        ("from=-7d", "from=-7d&to=today"),
        (
            "from=2026-11-20 13:00&to=2026-11-20T13:00:00.250",
            "from=2026-11-20T13:00&to=2026-11-20T13:00:00.250",
        ),
        ("from=2026-10-25T00:30Z", "from=2026-10-25T02:30&to=today"),
        ("from=2026-10-25T01:30Z", "from=2026-10-25T02:30:00.000+01:00&to=today"),
        ("tz=utc&currency=usd&time=booked&test=only", "tz=UTC&time=booked&test=only&currency=USD"),
        ("by=partner&sort=-partner", "by=partner&sort=-partner"),
        ("sort=clicks", "sort=clicks"),
        ("by=adset&sort=adset", "by=param:adset&sort=param:adset"),
        ("compare=previous", "compare=previous"),
        ("compare=2026-10-01..2026-10-07", "compare=2026-10-01..2026-10-07"),
        ("country=de,AT&partner=reelmedia", "filter=country in (DE, AT) and partner = reelmedia"),
        ("sub1=a&sub1=b", "filter=sub1 in (a, b)"),
        ("adset=x y", "filter=param:adset = \"x y\""),
    ] {
        match super::World::new().parse(query) {
            Ok(report) => assert_eq!(canonical(&report), said, "{query}"),
            Err(error) => assert!(error.to_string().starts_with(said), "{query}: {error}"),
        }
    }
}

#[test]
fn a_mistake_names_its_parameter_and_the_nearest_word() {
    for (query, message) in [
        ("by=partnr", "by: \"partnr\" is no dimension; did you mean \"partner\"?"),
        ("by=adst", "by: \"adst\" is no dimension; did you mean \"adset\"?"),
        ("by=param:", "by: \"\" is no name of a parameter: 1 to 100 bytes without commas"),
        ("by=sub1,sub2,sub3,sub4,sub5,sub6,sub7", "by: 7 dimensions, at most 6 are allowed"),
        ("metrics=revenu", "metrics: \"revenu\" is no metric; did you mean \"revenue\"?"),
        (
            "from=2026-13-01",
            "from: \"2026-13-01\" is neither a day like 2026-11-20, a moment like 2026-11-20T13:00, today, yesterday, now, nor a time ago like -7d or -24h",
        ),
        (
            "from=yesterda",
            "from: \"yesterda\" is neither a day like 2026-11-20, a moment like 2026-11-20T13:00, today, yesterday, now, nor a time ago like -7d or -24h; did you mean \"yesterday\"?",
        ),
        ("from=2026-11-02&to=2026-11-01", "from: the period ends before it begins: from must lie before to"),
        ("from=2026-11-02&to=3000-01-01", "from: after the year 2999 nothing is known"),
        ("to=2026-11-01", "from: it is missing; beside to, say from when: a day, or -7d"),
        ("period=today&from=today", "period: it stands beside from or to; one of them is enough"),
        ("period=lastweek", "period: \"lastweek\" is no period; did you mean \"last_week\"?"),
        ("tz=Europe/Berln", "tz: \"Europe/Berln\" is no time zone; did you mean \"Europe/Berlin\"?"),
        ("time=bookd", "time: \"bookd\" is none of event, click, booked; did you mean \"booked\"?"),
        ("test=inclde", "test: \"inclde\" is none of exclude, include, only; did you mean \"include\"?"),
        ("other=maybe", "other: \"maybe\" is none of 0, 1, no, yes, false, true"),
        ("top=0", "top: \"0\" is no whole number from 1 to 10000"),
        ("top=10001", "top: \"10001\" is no whole number from 1 to 10000"),
        ("limit=+5", "limit: \"+5\" is no whole number from 1 to 100000"),
        ("limit=100001", "limit: \"100001\" is no whole number from 1 to 100000"),
        ("sort=-revenu", "sort: \"revenu\" is no column of this report; did you mean \"revenue\"?"),
        ("sort=partner", "sort: \"partner\" is no column of this report"),
        (
            "currency=EURO",
            "currency: \"EURO\" is not a currency: ISO 4217 codes and those of extra_currencies are known",
        ),
        (
            "compare=privious",
            "compare: \"privious\" is none of previous, week, month, year or FROM..TO; did you mean \"previous\"?",
        ),
        ("compare=today..yesterday", "compare: the period to compare with ends before it begins"),
        ("compare=previous&period=all", "compare: there is nothing before all; give a period"),
        ("top=5&top=5", "top: it is given twice"),
        ("metric=clicks", "metric: there is no such parameter; did you mean \"metrics\"?"),
        ("contry=DE", "contry: there is no such parameter; did you mean \"country\"?"),
        ("status=aproved", "status: \"aproved\" is no status; did you mean \"approved\"?"),
        (
            "by=hour&from=2020-01-01",
            "by: hour makes more than 50000 pieces of time: a shorter period or a longer unit is needed",
        ),
    ] {
        assert_eq!(refusal(query), message, "{query}");
    }
}

#[test]
fn days_of_a_long_time_are_few_enough() {
    assert_eq!(report("by=day,week,month,quarter,year&from=1970-01-01").by.len(), 5);
    assert!(refusal("by=day&from=1970-01-01&to=2999-01-01").starts_with("by: day makes more than 50000"));
}

#[test]
fn an_engine_is_asked_for_each_sum_once() {
    let sums = report("metrics=profit,roi,conversions,conversion_rate,pending,epc").sums();
    assert_eq!(
        sums,
        [
            Sum::Revenue(Statuses::only(Standing::Approved)),
            Sum::Payout(Statuses::GOOD),
            Sum::Cost,
            Sum::Conversions { event: None, statuses: Statuses::GOOD },
            Sum::Clicks,
            Sum::Conversions { event: None, statuses: Statuses::only(Standing::Pending) },
        ]
    );
    let shown: Vec<String> = sums.iter().map(Sum::code).collect();
    assert_eq!(shown[0], "revenue:approved");
    assert_eq!(shown[3], "conversions:pending+approved");
    assert!(report("metrics=clicks").sums().iter().all(|sum| !sum.is_money() && sum.is_additive()));
    assert!(report("metrics=time_to_conversion").sums().iter().all(|sum| !sum.is_additive()));
}

#[test]
fn money_is_converted_unless_it_is_broken_down_by_currency() {
    assert!(report("metrics=revenue").converts());
    assert!(!report("metrics=clicks").converts());
    assert!(!report("metrics=revenue&by=partner,currency").converts());
}

#[test]
fn every_dimension_reads_back_by_its_code_and_has_a_heading() {
    for code in Dimension::codes() {
        let by = report(&format!("by={code}&period=today")).by;
        assert_eq!(by[0].code(), code);
        assert!(by[0].title().starts_with(|letter: char| letter.is_ascii_uppercase()), "{code}");
    }
}
