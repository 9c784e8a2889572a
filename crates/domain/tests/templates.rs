//! Holds the tables of `docs/templates.md` against the code.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use proofback_domain::money::Currencies;
use proofback_domain::program::Severity;
use proofback_domain::template::{
    Filling, FindingKind, Macro, SUBS, Template, TemplateError, lint, translate,
};

const PAGE: &str = include_str!("../../../docs/templates.md");

/// The rows of the tables with this head, cell by cell.
fn rows(head: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in PAGE.lines() {
        if line == head {
            in_table = true;
        } else if !line.starts_with('|') {
            in_table = false;
        } else if in_table && !line.starts_with("| ---") {
            rows.push(cells(line));
        }
    }
    assert!(!rows.is_empty(), "no table {head}");
    rows
}

/// A bar inside a cell has a backslash before it.
fn cells(line: &str) -> Vec<String> {
    let bar = '\u{1}'.to_string();
    let line = line.replace("\\|", &bar);
    let inside = line.strip_prefix('|').unwrap().strip_suffix('|').unwrap();
    inside.split('|').map(|cell| cell.trim().trim_matches('`').replace(&bar, "|")).collect()
}

/// `name=value; name=value`; one euro is 1.10 dollars.
fn fill(template: &Template, values: &str) -> String {
    let values: BTreeMap<&str, &str> = values
        .split("; ")
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap())
        .collect();
    let currencies = Currencies::default();
    let filling = Filling {
        value: &|name| values.get(name.name()).copied().unwrap_or_default().to_owned(),
        secret: &|_| None,
        convert: &|_, amount, currency| {
            let euros = currencies.parse_money(&format!("{amount} EUR")).unwrap();
            assert_eq!((values["currency"], currency.code()), ("EUR", "USD"));
            Some(currencies.sum(i128::from(euros.micros) * 11 / 10, currency))
        },
        currencies: &currencies,
    };
    template.fill(&filling).unwrap()
}

#[test]
fn every_macro_is_on_the_page_and_no_other() {
    let rows = rows("| macro | is |");
    let named = rows.iter().flat_map(|row| row[0].split(['`', ' '])).filter(|word| word.starts_with('{'));
    let named: BTreeSet<Macro> =
        named.map(|word| Macro::parse(word.trim_matches(['{', '}'])).unwrap()).collect();
    // Of the sub ids the first and the last.
    let between: BTreeSet<Macro> = SUBS[1..9].iter().map(|name| Macro::parse(name).unwrap()).collect();
    assert_eq!(named.union(&between).count(), 36);
    assert!(named.is_disjoint(&between));
}

#[test]
fn modifiers_do_what_the_page_says() {
    for row in rows("| template | filled with | gives |") {
        let template = Template::parse_raw(&row[0]).unwrap_or_else(|error| panic!("{}: {error}", row[0]));
        assert_eq!(fill(&template, &row[1]), row[2], "{row:?}");
    }
}

#[test]
fn places_take_values_as_the_page_says() {
    let mut places = BTreeSet::new();
    for row in rows("| place | template | filled with | gives |") {
        let parse: fn(&str) -> Result<Template, TemplateError> = match row[0].as_str() {
            "address" => Template::parse_url,
            "header" => Template::parse_header,
            "form" => Template::parse_form_value,
            "JSON" => Template::parse_json,
            "raw" => Template::parse_raw,
            other => panic!("no place {other}"),
        };
        let template = parse(&row[1]).unwrap_or_else(|error| panic!("{}: {error}", row[1]));
        assert_eq!(fill(&template, &row[2]), row[3], "{row:?}");
        places.insert(row[0].clone());
    }
    assert_eq!(places.len(), 5);
}

#[test]
fn the_linter_finds_what_the_page_says() {
    let mut codes = BTreeSet::new();
    for row in rows("| template | finding | |") {
        let found = lint(&row[0]);
        assert!(!found.is_empty() && found.iter().all(|one| one.kind.code() == row[1]), "{row:?}: {found:?}");
        let is_refused = Template::parse_url(&row[0]).is_err();
        assert_eq!(is_refused, row[2].starts_with("refused"), "{row:?}");
        codes.insert(row[1].clone());
    }
    let all: BTreeSet<String> = FindingKind::ALL.iter().map(|kind| kind.code().to_owned()).collect();
    assert_eq!(codes, all);
}

#[test]
fn every_dialect_is_translated_as_the_page_says() {
    for row in rows("| dialect | seen in | theirs | ours |") {
        let translation = translate(&row[2]);
        assert_eq!(translation.template, row[3], "{row:?}");
        assert!(translation.unknown.is_empty() && !translation.changes.is_empty(), "{translation:?}");
        assert_eq!(lint(&translation.template), vec![], "{row:?}");
        assert!(!lint(&row[2]).is_empty(), "{row:?}");
    }
}

#[test]
fn a_program_holds_each_address_to_its_own_rules() {
    let program = include_str!("programs/example.toml");
    let with = |key: &str, template: &str| {
        let own = match key {
            "url" => "url = \"https://casino",
            "fallback_url" => "offer = \"casino-de\"              #",
            "postback" => "url = \"https://tracker",
            other => panic!("no key {other}"),
        };
        let line = program.lines().find(|line| line.starts_with(own)).unwrap();
        let written = match key {
            "fallback_url" => format!("offer = \"casino-de\"\nfallback_url = \"{template}\""),
            _ => format!("url = \"{template}\""),
        };
        let (_, mistakes) = proofback_domain::program::read(&program.replacen(line, &written, 1));
        let errors = mistakes.iter().filter(|mistake| mistake.severity == Severity::Error);
        errors.map(|mistake| mistake.message.clone()).collect::<Vec<_>>().join("; ")
    };
    for (key, template, told) in [
        ("url", "https://a.example/?c={click_id|upper}&x={cost|round}", ""),
        ("url", "https://a.example/?c={click_id}&x={cost|currency:USD}", "a visitor cannot wait"),
        ("url", "https://a.example/?c={click_id}&x={secret.key}", "the visitor would see the secret"),
        ("url", "https://a.example/?c=[clickid]", "did you mean {click_id}?"),
        ("fallback_url", "https://a.example/?x={cost|cents}", "a click has no currency"),
        ("postback", "https://a.example/?c={sub1}&p={payout|currency:USD|cents}", ""),
        ("postback", "https://a.example/?c=${SUBID}", "did you mean {partner_click_id}?"),
        ("postback", "https://a.example/?c={clickid}", "did you mean {partner_click_id}?"),
        ("postback", "https://a.example/?c={secret.key}", "is not declared in"),
    ] {
        let errors = with(key, template);
        assert!(errors.contains(told) && errors.is_empty() == told.is_empty(), "{template}: {errors}");
    }
}
