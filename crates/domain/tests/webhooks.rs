//! What webhooks say. The catalogue in `docs/webhooks.md` and the files in `docs/schemas` are made by the code that
//! writes them; `UPDATE_DOCS=1 cargo test --package proofback-domain --test webhooks` writes both anew.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use proofback_domain::id::{Conversion, Id};
use proofback_domain::program::Happening;
use proofback_domain::time::Timestamp;
use proofback_domain::webhook::{Key, Kind, body, example, fields, headers, meaning, schema};
use serde_json::Value;

const MARK: &str = "--test webhooks`. -->\n";
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "01kb3gx9f0e5g7j9m1p3r5t7v9";

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn at() -> Timestamp {
    Timestamp::parse("2026-11-21T07:06:00Z").unwrap()
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn parsed(happening: Happening, values: &BTreeMap<String, String>) -> Value {
    serde_json::from_str(&body(happening, at(), values)).unwrap()
}

/// Every name that the planners of deliveries give a value to, each with one that can be recognised.
fn everything() -> BTreeMap<String, String> {
    let mut all = values(&[
        ("ip", "192.0.2.1"),
        ("user_agent", "Mozilla/5.0"),
        ("delivery_id", ID),
        ("random", "4711"),
        ("timestamp", "1795244760"),
        ("test", "1"),
    ]);
    for happening in Happening::ALL {
        all.extend(example(happening));
    }
    all.extend((1..=10).map(|number| (format!("sub{number}"), format!("s{number}"))));
    all
}

#[test]
fn a_conversion_is_told_in_one_order_with_money_as_text_and_its_currency_beside() {
    let text = body(
        Happening::CommissionEarned,
        at(),
        &values(&[
            ("payout", "140.00"),
            ("currency", "EUR"),
            ("payout_delta", "140.00"),
            ("conversion_id", "01kb3gx9f0c2m4v6p8r0t2w4y6"),
            ("click_id", "01kb3gw6t1w5e8n2qzr4xymc7d"),
            ("event", "ftd"),
            ("status", "approved"),
            ("timestamp", "1795244758"),
            ("timestamp_iso", "2026-11-21T07:05:58.000Z"),
            ("advertiser", "casino"),
            ("offer", "casino-de"),
            ("partner", "reelmedia"),
            ("link", "reelmedia-de"),
            ("revenue", "200.00"),
            ("revenue_currency", "USD"),
            ("sub10", "ten"),
            ("sub1", "a \"quoted\" ü"),
            ("sub2", ""),
            ("ip", "192.0.2.1"),
        ]),
    );
    assert_eq!(
        text,
        concat!(
            r#"{"type":"commission.earned","timestamp":"2026-11-21T07:06:00.000Z","data":{"#,
            r#""payout":"140.00","payout_currency":"EUR","payout_delta":"140.00","#,
            r#""conversion_id":"01kb3gx9f0c2m4v6p8r0t2w4y6","click_id":"01kb3gw6t1w5e8n2qzr4xymc7d","#,
            r#""event":"ftd","status":"approved","event_at":"2026-11-21T07:05:58.000Z","#,
            r#""advertiser":"casino","offer":"casino-de","partner":"reelmedia","link":"reelmedia-de","#,
            r#""revenue":"200.00","revenue_currency":"USD","subs":{"sub1":"a \"quoted\" ü","sub10":"ten"}}}"#,
        )
    );
}

#[test]
fn what_is_not_known_is_absent() {
    for happening in Happening::ALL {
        let nothing = parsed(happening, &BTreeMap::new());
        assert_eq!(nothing["data"], serde_json::json!({}), "{}", happening.code());
        let empty = everything().into_keys().map(|name| (name, String::new())).collect();
        assert_eq!(parsed(happening, &empty), nothing, "{}", happening.code());
    }
}

#[test]
fn no_webhook_says_more_than_its_catalogue() {
    for happening in Happening::ALL {
        let told = parsed(happening, &everything());
        let told: BTreeSet<&str> = told["data"].as_object().unwrap().keys().map(String::as_str).collect();
        let schema = schema(happening);
        let known = schema["properties"]["data"]["properties"].as_object().unwrap();
        assert_eq!(told, known.keys().map(String::as_str).collect(), "{}", happening.code());
        for hidden in ["ip", "user_agent", "random", "delivery_id"] {
            assert!(!told.contains(hidden), "{}: {hidden}", happening.code());
        }
    }
}

#[test]
fn a_test_is_marked_and_nothing_else_is() {
    for happening in Happening::ALL {
        for (value, marked) in [("1", true), ("0", false), ("true", false), ("", false)] {
            let told = parsed(happening, &values(&[("test", value)]));
            let expected = if marked { Some(&Value::Bool(true)) } else { None };
            assert_eq!(told["data"].get("test"), expected, "{} {value:?}", happening.code());
        }
    }
}

#[test]
fn a_count_is_a_number_and_anything_else_is_left_out() {
    for (value, told) in [("24", Some(24)), ("0", Some(0)), ("-1", None), ("many", None)] {
        let body = parsed(Happening::DeliveryFailed, &values(&[("attempts", value)]));
        assert_eq!(body["data"].get("attempts").and_then(Value::as_u64), told, "{value}");
    }
}

#[test]
fn every_example_has_all_that_is_needed_and_ids_that_could_be_ours() {
    for happening in Happening::ALL {
        let told = parsed(happening, &example(happening));
        for field in fields(happening) {
            let value = told["data"].get(field.name);
            assert!(value.is_some() || !field.needed, "{}: {}", happening.code(), field.name);
            if let (Kind::Id, Some(value)) = (field.kind, value) {
                assert!(value.as_str().unwrap().parse::<Id<Conversion>>().is_ok(), "{value}");
            }
        }
        assert!(told["data"].get("test").is_none(), "an example is no test by itself");
    }
}

#[test]
fn the_catalogue_in_the_documentation_is_what_the_code_sends() {
    let path = documents().join("webhooks.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let (by_hand, _) = written.split_once(MARK).unwrap();
    let page = format!("{by_hand}{MARK}{}", catalogue());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, page, "docs/webhooks.md is out of date: UPDATE_DOCS=1 writes it anew");
}

#[test]
fn the_schema_files_are_those_of_the_code_and_there_are_no_others() {
    let directory = documents().join("schemas");
    let files: BTreeMap<String, String> = Happening::ALL
        .into_iter()
        .map(|happening| {
            let text = serde_json::to_string_pretty(&schema(happening)).unwrap();
            (format!("{}.json", happening.code()), format!("{text}\n"))
        })
        .collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        for (name, text) in &files {
            std::fs::write(directory.join(name), text).unwrap();
        }
    }
    let there: BTreeMap<String, String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    assert_eq!(there, files, "docs/schemas is out of date: UPDATE_DOCS=1 writes it anew");
}

fn catalogue() -> String {
    let mut page = String::from(
        "\n## Catalogue\n\nA field without \"always\" is there where it is known. The schemas are JSON Schema, draft 2020-12.\n\n| type | when | schema |\n| --- | --- | --- |\n",
    );
    for happening in Happening::ALL {
        let (code, meaning) = (happening.code(), meaning(happening));
        writeln!(page, "| `{code}` | {meaning} | [{code}.json](schemas/{code}.json) |").unwrap();
    }
    let list = |happening| fields(happening).collect::<Vec<_>>();
    // Types with the same fields are described together.
    for group in Happening::ALL.chunk_by(|left, right| list(*left) == list(*right)) {
        let codes: Vec<String> = group.iter().map(|happening| format!("`{}`", happening.code())).collect();
        write!(page, "\n### {}\n\n| field | | what |\n| --- | --- | --- |\n", codes.join(", ")).unwrap();
        for field in fields(group[0]) {
            page.push_str(&row(field));
        }
        for happening in group {
            let text = serde_json::to_string_pretty(&parsed(*happening, &example(*happening))).unwrap();
            write!(page, "\n```json\n{text}\n```\n").unwrap();
        }
    }
    vector(&mut page);
    page
}

fn row(field: &proofback_domain::webhook::Field) -> String {
    let name = match field.kind {
        Kind::Money { .. } => format!("`{0}`, `{0}_currency`", field.name),
        _ => format!("`{}`", field.name),
    };
    let form = match field.kind {
        Kind::Text => "text",
        Kind::Id => "id",
        Kind::Status => "`pending`, `approved`, `rejected` or `reversed`",
        Kind::Money { .. } => "money",
        Kind::Difference { .. } => "money, with a sign where it is negative",
        Kind::Time { .. } => "time",
        Kind::Count => "whole number",
        Kind::Subs => "object of `sub1` to `sub10`",
        Kind::Flag => "`true`",
        Kind::Rows => "array of objects",
    };
    let always = if field.needed { ", always" } else { "" };
    format!("| {name} | {form}{always} | {} |\n", field.about)
}

fn vector(page: &mut String) {
    let happening = Happening::PayoutPaid;
    let text = body(happening, at(), &example(happening));
    let attempt_at = Timestamp::parse("2026-11-21T07:06:05Z").unwrap();
    page.push_str("\n## Test vector\n\n");
    write!(
        page,
        "Secret `{SECRET}`, body without a line break at its end:\n\n```http\nPOST /hooks HTTP/1.1\n"
    )
    .unwrap();
    for (name, value) in headers(ID, attempt_at, &text, &[Key::parse(SECRET).unwrap()]) {
        writeln!(page, "{name}: {value}").unwrap();
    }
    write!(page, "\n{text}\n```\n").unwrap();
}
