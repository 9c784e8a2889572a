//! Fact files are for others to read: `docs/facts.md` says what is in them, and its examples find what the store knows.
//!
//! `UPDATE_DOCS=1 cargo test --package proofback-store --test readers` writes the page's list of columns anew.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use proofback_domain::click::Click;
use proofback_domain::click_id::Prefix;
use proofback_domain::time::Span;
use proofback_store::facts::{COLUMNS, Column, Holds};
use serde_json::Value;
use support::{Installation, PATIENT, PROGRAM, later, now};

const RIVAL: &str = "
[[partner]]
id = \"rival\"
[[link]]
id = \"rival-shop\"
partner = \"rival\"
offer = \"shop-sale\"
";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/facts.md");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/read-facts.py");

/// Keys, then the sum.
type Sums = BTreeMap<Vec<String>, i64>;

fn table() -> String {
    let mut table = String::from("| column | type | what |\n| --- | --- | --- |\n");
    for Column { name, holds, raw, says } in COLUMNS {
        let kind = match holds {
            Holds::Text => "string",
            Holds::YesNo => "boolean",
            Holds::Time => "timestamp, milliseconds, UTC",
            Holds::Sum => "int64, to be summed",
            Holds::Number => "int64, may be null",
        };
        let raw = if raw { ", *raw*" } else { "" };
        table += &format!("| `{name}` | {kind}{raw} | {says} |\n");
    }
    table
}

#[test]
fn the_page_about_fact_files_lists_every_column() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once("<!-- columns -->\n").unwrap();
    let (old, after) = rest.split_once("<!-- end of columns -->").unwrap();
    let new = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let page = format!("{before}<!-- columns -->\n{new}<!-- end of columns -->{after}");
        std::fs::write(PAGE, page).unwrap();
        return;
    }
    assert_eq!(old, new, "docs/facts.md is out of date: UPDATE_DOCS=1 writes it anew");
}

/// Forty clicks of two days, of three campaigns and two partners.
async fn clicks(installation: &Installation) -> Vec<Click> {
    let snapshot = installation.snapshot();
    let mut clicks = Vec::new();
    for serial in 0..40u32 {
        let mut click = installation.make_click(["reelmedia-shop", "rival-shop"][serial as usize % 2]);
        click.at = now().plus(Span::from_seconds(u64::from(serial) * 1_800));
        let link = snapshot.number(&click.link).unwrap();
        click.id = snapshot.keys.sign(Prefix { at: click.at, serial, link });
        click.details.partner_click_id = format!("P-{}", serial % 30);
        click.details.test = serial % 11 == 10;
        let campaign = ["spring", "summer, \"x\"", "größer"][serial as usize % 3];
        click.details.others = vec![("utm_campaign".into(), campaign.into())];
        installation.store.keep_click(click.clone(), PATIENT).await.unwrap();
        clicks.push(click);
    }
    clicks
}

/// Sales of every third click, of which some are approved later, some refunded and some told twice.
async fn conversions(installation: &Installation, clicks: &[Click]) {
    for (number, click) in clicks.iter().enumerate().step_by(3) {
        let send = async |query: String, at: &str| {
            installation.send("shop", &format!("{query}&txid=S{number}"), later(at)).await.unwrap()
        };
        let sale = format!("click_id={}&event=sale&amount={}.50&currency=EUR", click.id, 10 + number);
        send(format!("{sale}&status=pending"), "21h").await;
        if number % 2 == 0 {
            send(format!("{sale}&status=approved"), "22h").await;
            send(format!("{sale}&status=approved"), "23h").await;
        }
        if number % 4 == 0 {
            let refund = format!("event=refund&original_txid=S{number}&amount=3&currency=EUR");
            send(refund, "25h").await;
        }
    }
}

/// What the store itself knows: clicks as they were kept, conversions as they stand, balances of its ledger.
async fn known(installation: &Installation, clicks: &[Click]) -> BTreeMap<&'static str, Sums> {
    let mut known: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut add =
        |question, key: Vec<String>, sum| *known.entry(question).or_default().entry(key).or_default() += sum;
    for click in clicks {
        let campaign = click.details.others[0].1.clone();
        add("clicks_by_campaign", vec![campaign], i64::from(!click.details.test));
        let trace = installation.store.trace(click.id).await.unwrap().unwrap();
        let mut standing = BTreeMap::new();
        for item in &trace.timeline {
            if let proofback_store::TraceItem::Conversion { conversion, .. } = item {
                standing.insert(conversion.id, conversion.clone());
            }
        }
        for conversion in standing.into_values().filter(|conversion| !conversion.test) {
            if !["pending", "approved"].contains(&conversion.status.code()) || conversion.held.is_some() {
                continue;
            }
            add("conversions_by_click", vec![click.details.partner_click_id.clone()], 1);
            if let Some(commission) = conversion.commission {
                let key = vec![click.partner.to_string(), commission.currency.code().to_owned()];
                add("payout_by_partner", key, commission.micros);
            }
        }
    }
    for sums in known.values_mut() {
        sums.retain(|_, sum| *sum != 0);
    }
    known
}

fn found(directory: &Path) -> BTreeMap<String, BTreeMap<String, Sums>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("tools/python/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/test-tools", python.display());
    let output = Command::new(python).args([SCRIPT, PAGE]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: BTreeMap<String, BTreeMap<String, Vec<Vec<Value>>>> =
        serde_json::from_slice(&output.stdout).unwrap();
    let row = |row: Vec<Value>| {
        let (sum, keys) = row.split_last().unwrap();
        let keys = keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        (keys, sum.as_i64().unwrap())
    };
    let sums = |rows: Vec<Vec<Value>>| rows.into_iter().map(row).collect();
    found
        .into_iter()
        .map(|(engine, questions)| {
            (engine, questions.into_iter().map(|(question, rows)| (question, sums(rows))).collect())
        })
        .collect()
}

#[tokio::test]
async fn others_find_in_the_files_what_the_store_knows() {
    let installation = Installation::with(&format!("{PROGRAM}{RIVAL}")).await;
    let clicks = clicks(&installation).await;
    conversions(&installation, &clicks).await;
    let known = known(&installation, &clicks).await;
    assert_eq!(known["clicks_by_campaign"].len(), 3);
    assert_eq!(known["payout_by_partner"].len(), 2);
    assert!(5 < known["conversions_by_click"].len());
    // Files of many hours first, then merged ones.
    for hours in ["3h", "12h", "30h"] {
        installation.store.seal_facts(later(hours), None).await.unwrap();
    }
    assert_found(&installation, &known).await;
    installation.store.merge_files(later("80h")).await.unwrap();
    installation.store.remove_orphans(later("90h")).await.unwrap();
    assert_found(&installation, &known).await;
}

async fn assert_found(installation: &Installation, known: &BTreeMap<&'static str, Sums>) {
    let view = installation.store.facts_view().await.unwrap();
    assert!(view.clicks.is_empty() && view.events.is_empty(), "everything is in files");
    let found = found(installation.directory.path());
    assert_eq!(found.len(), 4, "{found:?}");
    for (engine, questions) in found {
        for (question, sums) in known {
            assert_eq!(questions[*question], *sums, "{engine}: {question}");
        }
    }
}
