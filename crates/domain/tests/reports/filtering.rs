//! The language of filters: what it means, how it is shown, what it refuses.

use proofback_domain::report::Dimension;

use super::{refusal, report};

fn shown(filter: &str) -> String {
    report(&format!("filter={filter}")).filter.unwrap().to_string()
}

/// Whether a German click on a phone passes, from `Test 1` by reelmedia.
fn passes(filter: &str) -> bool {
    let value = |dimension: &Dimension| match dimension.code().as_str() {
        "country" => "DE",
        "device" => "mobile",
        "sub1" => "Test 1",
        "partner" => "reelmedia",
        "param:adset" => "Ünïcode \"x\" \\",
        _ => "",
    };
    report(&format!("filter={filter}")).filter.unwrap().passes(&value)
}

#[test]
fn a_filter_says_what_passes() {
    for (filter, expected) in [
        ("country = DE", true),
        ("country = de", true),
        ("country=AT", false),
        ("country != DE", false),
        ("country in (AT, DE)", true),
        ("country not in (AT, DE)", false),
        ("sub1 = \"test 1\"", false),
        ("sub1 ~ \"test\"", true),
        ("adset ~ ÜNÏ", true),
        ("sub1 ^= Te", true),
        ("sub1 ^= te", false),
        ("sub2 is empty", true),
        ("sub1 is empty", false),
        ("sub1 is not empty", true),
        ("NOT country = AT AND device = mobile", true),
        ("adset = \"Ünïcode \\\"x\\\" \\\\\"", true),
        ("country in (DE, AT) and not (device = bot or sub1 ~ \"test\")", false),
        ("country in (DE, AT) and not (device = bot or sub1 ~ \"prod\")", true),
        // `and` binds more.
        ("country = DE or country = AT and device = desktop", true),
        ("(country = DE or country = AT) and device = desktop", false),
        ("not not country = DE", true),
        ("country = DE and (partner = x or (partner = reelmedia and device = mobile))", true),
    ] {
        assert_eq!(passes(filter), expected, "{filter}");
    }
}

#[test]
fn a_filter_is_shown_in_one_form() {
    for (filter, canonical) in [
        ("((country=DE))", "country = DE"),
        ("country in(DE,AT)", "country in (DE, AT)"),
        ("country in (DE)", "country = DE"),
        ("country not in (DE)", "country != DE"),
        ("not country = DE", "country != DE"),
        ("not (country = DE)", "country != DE"),
        ("not not country = DE", "not country != DE"),
        ("not sub1 ~ x", "not sub1 ~ x"),
        ("not sub1 is empty", "sub1 is not empty"),
        ("a_b = 1", "filter: "),
        ("sub1=a and (sub2=b and sub3=c)", "sub1 = a and sub2 = b and sub3 = c"),
        ("sub1=a and (sub2=b or sub3=c)", "sub1 = a and (sub2 = b or sub3 = c)"),
        ("sub1=a or sub2=b and sub3=c", "sub1 = a or (sub2 = b and sub3 = c)"),
        ("not (sub1=a or sub2=b)", "not (sub1 = a or sub2 = b)"),
        ("country = IN or sub1 in (in, not, \"\")", "country = IN or sub1 in (in, \"not\", \"\")"),
        ("\"adset\" = \"a\\\"b\\\\c\"", "param:adset = \"a\\\"b\\\\c\""),
        ("\"param:a b\" = 1", "\"param:a b\" = 1"),
        ("sub1 = \"plain\"", "sub1 = plain"),
        ("sub1 = 100%", "sub1 = 100%"),
        ("currency = usd", "currency = USD"),
    ] {
        match super::World::new().parse(&format!("filter={filter}")) {
            Ok(report) => assert_eq!(report.filter.unwrap().to_string(), canonical, "{filter}"),
            Err(error) => assert!(error.to_string().starts_with(canonical), "{filter}: {error}"),
        }
        if !canonical.starts_with("filter") {
            assert_eq!(shown(canonical), canonical);
        }
    }
}

#[test]
fn a_mistake_in_a_filter_says_what_is_expected_and_where() {
    for (filter, message) in [
        ("contry = DE", "\"contry\" is no dimension; did you mean \"country\"?"),
        ("country", "one of = != ~ ^= in, not in, is empty is expected at the end"),
        ("country DE", "one of = != ~ ^= in, not in, is empty is expected, not \"DE\" (at character 9)"),
        ("country = ", "a value is expected at the end"),
        ("country = = DE", "a value is expected, not \"=\" (at character 11)"),
        ("country = DE AT", "\"and\" or \"or\" is expected, not \"AT\" (at character 14)"),
        ("country in DE", "\"(\" is expected, not \"DE\" (at character 12)"),
        ("country in ()", "a value is expected, not \")\" (at character 13)"),
        ("country in (DE", "\",\" or \")\" is expected at the end"),
        ("country not DE", "\"in\" is expected, not \"DE\" (at character 13)"),
        ("country is DE", "\"empty\" is expected, not \"DE\" (at character 12)"),
        ("(country = DE", "\")\" is expected at the end"),
        ("country = DE)", "\"and\" or \"or\" is expected, not \")\" (at character 13)"),
        ("and", "\"and\" is no dimension; did you mean \"ad\"?"),
        ("= DE", "a dimension is expected, not \"=\" (at character 1)"),
        ("sub1 = \"open", "the quotes are not closed (at character 8)"),
        ("sub1 < 5", "\"<\" has no meaning here (at character 6)"),
        ("ünder = 1", "\"ünder\" is no dimension; did you mean \"weekday\"?"),
        ("bot = true", "\"true\" is no bot; did you mean"),
        ("reason in (bad_tokn)", "\"bad_tokn\" is no reason; did you mean \"bad_token\"?"),
        ("outcome = ok", "\"ok\" is no outcome"),
    ] {
        let refused = refusal(&format!("filter={filter}"));
        let start: String = message.split(';').next().unwrap().to_owned();
        assert!(refused.starts_with(&format!("filter: {start}")), "{filter}: {refused}");
    }
}

#[test]
fn a_filter_has_bounds_that_its_canonical_form_keeps() {
    let nested = |depth: usize| format!("{}sub1 = a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(shown(&nested(15)), "sub1 = a");
    assert_eq!(refusal(&format!("filter={}", nested(16))), "filter: nested deeper than 16");
    assert_eq!(refusal(&format!("filter={}", nested(1_000))), "filter: nested deeper than 16");
    assert_eq!(
        refusal(&format!("filter={}sub1 = a", "not ".repeat(4_000))),
        "filter: 16008 bytes long, at most 8192 are allowed"
    );
    // `or` and `and` in turn, fifteen of them: with the comparison inside, sixteen levels.
    let turns = |count: usize| {
        let turn = |inner: String, place: usize| match (place % 2, place) {
            (_, 0) => "sub1 = a".to_owned(),
            (1, _) => format!("sub2 = b or ({inner})"),
            (_, _) => format!("sub2 = b and ({inner})"),
        };
        (0..=count).fold(String::new(), turn)
    };
    assert!(report(&format!("filter={}", turns(15))).filter.is_some());
    assert_eq!(refusal(&format!("filter={}&country=DE", turns(15))), "filter: nested deeper than 16");
    assert_eq!(refusal(&format!("filter={}", turns(16))), "filter: nested deeper than 16");
    let values = |count: usize| vec!["a"; count].join(", ");
    assert!(shown(&format!("sub1 in ({})", values(200))).contains("a, a"));
    let refused = refusal(&format!("filter=sub1 in ({})&sub2=b", values(200)));
    assert_eq!(refused, "filter: 201 comparisons and values, at most 200 are allowed");
    // Quotes make it longer than it was written.
    let quotes = |count: usize| format!("sub1={}", "<".repeat(count));
    assert!(report(&quotes(8_183)).filter.is_some());
    assert_eq!(refusal(&quotes(8_184)), "filter: 8193 bytes long, at most 8192 are allowed");
}

#[test]
fn short_filters_are_added_to_the_written_one() {
    let filter = |query: &str| report(query).filter.unwrap().to_string();
    assert_eq!(filter("filter=sub1 = a or sub1 = b&country=DE"), "(sub1 = a or sub1 = b) and country = DE");
    assert_eq!(filter("country=DE&filter=sub1 = a and sub2 = b"), "sub1 = a and sub2 = b and country = DE");
    assert_eq!(filter("goal=ftd, sale&weekday=monday"), "goal in (ftd, sale) and weekday = monday");
    assert_eq!(report("country=,").filter, None);
}
