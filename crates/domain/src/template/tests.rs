//! Tables and properties of templates: what is read, what comes out, and that no value leaves its place.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::money::Currencies;

mod filling;
mod places;
mod translation;

fn render(source: &str, value: &str) -> String {
    Template::parse_visit_url(source).unwrap().render(|name| match name {
        Macro::ClickId => value.to_owned(),
        _ => String::new(),
    })
}

/// Filled in with values by name; a secret is `s3cret`, and a euro is worth two of everything else.
fn filled(template: &Template, values: &[(&str, &str)]) -> Result<String, FillError> {
    let values: BTreeMap<&str, &str> = values.iter().copied().collect();
    let mut currencies = Currencies::default();
    currencies.declare(Currency::parse("USDT").unwrap(), 6).unwrap();
    template.fill(&Filling {
        value: &|name| values.get(name.name()).copied().unwrap_or_default().to_owned(),
        secret: &|name| (name == "key").then(|| "s3cret &".to_owned()),
        convert: &|_, amount, currency| {
            let micros = crate::money::parse_micros(amount).unwrap();
            let money = crate::money::Money { micros: micros * 2, currency };
            (currency.code() != "XAU").then(|| currencies.amount(money))
        },
        currencies: &currencies,
    })
}

fn error(source: &str) -> String {
    Template::parse_url(source).unwrap_err().to_string()
}

#[test]
fn values_are_percent_encoded_and_defaults_stand_in() {
    assert_eq!(
        render("https://a.example/?c={click_id}&s={sub1:none}", "a b&c"),
        "https://a.example/?c=a%20b%26c&s=none"
    );
    assert_eq!(render("https://a.example/p/{click_id}", "x/../y"), "https://a.example/p/x%2F..%2Fy");
    assert_eq!(render("https://a.example/?c={sub10}", ""), "https://a.example/?c=");
}

#[test]
fn an_unknown_macro_is_an_error_with_a_suggestion() {
    let visit_error = |source: &str| Template::parse_visit_url(source).unwrap_err().to_string();
    assert_eq!(
        visit_error("https://a.example/?c={clickid}"),
        "{clickid} is no macro; did you mean {click_id}?"
    );
    // The receiver of a delivery wants his own id.
    assert_eq!(
        error("https://a.example/?c={clickid}"),
        "{clickid} is no macro; did you mean {partner_click_id}?"
    );
    assert_eq!(error("https://a.example/?c={PAYOUT}"), "{PAYOUT} is no macro; did you mean {payout}?");
    assert_eq!(error("https://a.example/?c={sub11}"), "{sub11} is no macro; did you mean {sub1}?");
    assert_eq!(error("https://a.example/?c={qwertyuiop}"), "{qwertyuiop} is no macro");
    assert_eq!(error("https://a.example/?c={click_id"), "a { without its }");
}

#[test]
fn no_macro_chooses_the_host() {
    for source in [
        "{sub1}",
        "https://{sub1}/",
        "https://a.example{sub1}/",
        "https://a.example:{sub1}/",
        "https://{sub1}@a.example/",
        "https://{secret.key}.example/",
    ] {
        assert!(Template::parse_url(source).is_err(), "{source}");
    }
    for source in [
        "",
        "ftp://a.example/",
        "javascript:alert(1)",
        "https://",
        "https://u:p@a.example/",
        "//a.example",
        "https:///{sub1}/",
        "https:////a.example/",
        "https://\\{sub1}/",
    ] {
        assert!(matches!(Template::parse_url(source), Err(TemplateError::NotAUrl(_))), "{source}");
    }
}

#[test]
fn a_mistake_in_a_modifier_is_told_when_the_template_is_read() {
    for (inside, told) in [
        (
            "sub1|lowr",
            "|lowr is no modifier, there are lower, upper, cut, sha256, md5, map, currency, cents, round, format; did you mean |lower?",
        ),
        ("sub1|lower:x", "|lower: it takes no argument"),
        ("sub1|cut", "|cut: write how many characters stay, 1 to 4096, as in cut:40"),
        ("sub1|cut:0", "|cut: write how many characters stay, 1 to 4096, as in cut:40"),
        ("sub1|cut:+1", "|cut: write how many characters stay, 1 to 4096, as in cut:40"),
        ("payout|currency", "|currency: write the code of a currency, as in currency:USD"),
        ("payout|currency:US$", "|currency: write the code of a currency, as in currency:USD"),
        (
            "sub1|round",
            "|round makes no sense on {sub1}: it is for {payout}, {payout_delta}, {revenue} and {cost}",
        ),
        ("sub1|format:iso", "|format makes no sense on {sub1}: it is for {timestamp} and {timestamp_iso}"),
        (
            "timestamp|format",
            "|format: \"\" shows no time; write unix_ms, iso, or a pattern like %Y-%m-%d %H:%M:%S",
        ),
        (
            "timestamp|format:YYYY",
            "|format: \"YYYY\" shows no time; write unix_ms, iso, or a pattern like %Y-%m-%d %H:%M:%S",
        ),
        (
            "timestamp|format:%!",
            "|format: \"%!\" is no pattern; write unix_ms, iso, or a pattern like %Y-%m-%d %H:%M:%S",
        ),
        (
            "timestamp|format:%Y@Berlin",
            "|format: \"Berlin\" is no time zone; write it like %H:%M@Europe/Berlin, or leave it out",
        ),
        ("timestamp|format:unix_ms@UTC", "|format: unix_ms is the same everywhere; leave the zone out"),
        ("status|map", "|map: write our words and theirs, as in map:approved=1,rejected=2,*=0"),
        (
            "status|map:approved",
            "|map: \"approved\" has no =; write our words and theirs, as in map:approved=1,rejected=2,*=0",
        ),
        ("status|map:a=1,a=2", "|map: \"a\" stands in it twice"),
        ("status|map:*=1,*=2", "|map: \"*\" stands in it twice"),
        ("payout|round|currency:USD", "|currency must stand before all others, once"),
        ("payout|round|cents", "|cents must stand before |round"),
        ("payout|cents|cents", "|cents must stand only once"),
        ("payout|sha256|round", "|round must stand before what makes other text of the amount"),
        ("timestamp|lower|format:iso", "|format must stand before all others, once"),
        (
            "sub1|",
            "| is no modifier, there are lower, upper, cut, sha256, md5, map, currency, cents, round, format",
        ),
        (
            "sub1|upper|upper|upper|upper|upper|upper|upper|upper|upper",
            "|upper: more than 8 modifiers in one macro",
        ),
        ("sub1:{x", "a { inside a macro"),
        (
            "secret.Key",
            "\"Key\" is no name of a secret: 1 to 64 of a-z 0-9 _ - are expected behind the point",
        ),
        ("secret.", "\"\" is no name of a secret: 1 to 64 of a-z 0-9 _ - are expected behind the point"),
        ("secret.key|lower", "{secret.key} takes neither a default nor a modifier"),
        ("secret.key:x", "{secret.key} takes neither a default nor a modifier"),
    ] {
        assert_eq!(error(&format!("https://a.example/?c={{{inside}}}")), told, "{inside}");
    }
}

#[test]
fn what_a_template_asks_for_is_known() {
    let source = "https://a.example/{secret.path-1}?k={secret.key}&p={payout|currency:usd|cents}&r={revenue|currency:EUR}";
    let template = Template::parse_url(source).unwrap();
    assert_eq!(template.source(), source);
    assert_eq!(template.secrets().collect::<Vec<_>>(), ["path-1", "key"]);
    let currencies: Vec<String> = template.currencies().map(|currency| currency.to_string()).collect();
    assert_eq!(currencies, ["USD", "EUR"]);
    assert!(template.uses(Macro::Payout) && !template.uses(Macro::Currency) && !template.is_plain());
    assert!(Template::parse_url("https://a.example/%7Bx%7D").unwrap().is_plain());
}

#[test]
fn the_address_of_a_visit_waits_for_nothing_and_tells_no_secret() {
    let error = |inside: &str| {
        Template::parse_visit_url(&format!("https://a.example/?c={{{inside}}}")).unwrap_err().to_string()
    };
    assert_eq!(
        error("cost|currency:USD"),
        "{cost|currency} cannot stand here: a visitor cannot wait for an exchange rate"
    );
    assert_eq!(
        error("cost:0|cents"),
        "{cost:0|cents} cannot stand here: a click has no currency that would say how many digits count"
    );
    assert_eq!(error("secret.key"), "{secret.key} cannot stand here: the visitor would see the secret");
    assert_eq!(
        Template::parse_visit_url("https://a.example/?c=[clickid]").unwrap_err().to_string(),
        "[clickid] is another platform's placeholder and would go out as it stands; did you mean {click_id}?"
    );
}

#[test]
fn a_template_has_a_bound() {
    let long = "x".repeat(70_000);
    assert_eq!(Template::parse_url(&long), Err(TemplateError::TooLong(4_096)));
    assert_eq!(Template::parse_header(&long), Err(TemplateError::TooLong(4_096)));
    assert_eq!(Template::parse_raw(&long), Err(TemplateError::TooLong(65_536)));
    assert_eq!(Template::parse_json(&long), Err(TemplateError::TooLong(65_536)));
    assert!(lint(&long).iter().all(|finding| finding.kind == FindingKind::Unreadable));
    assert_eq!(translate(&long).unknown, ["the template is longer than 4096 bytes"]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(source in ".{0,80}") {
        if let Ok(template) = Template::parse_url(&source) {
            prop_assert!(url::Url::parse(&template.render(|_| "v".into())).is_ok());
        }
    }
}
