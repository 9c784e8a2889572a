//! `proofback template` as a person runs it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::Value;
use support::{run, stdout};

const BEMOB: &str = "http://t.example/postback?cid=REPLACE&payout=OPTIONAL¤cy=OPTIONAL&txid=OPTIONAL";
const OURS: &str = "http://t.example/postback?cid={partner_click_id}&payout={payout}&currency={currency}&txid={conversion_id}";

#[test]
fn a_template_of_another_platform_is_translated() {
    let output = run(&["template", BEMOB]);
    assert!(output.status.success(), "{}", stdout(&output));
    let text = stdout(&output);
    assert!(text.lines().any(|line| line == OURS), "{text}");
    assert!(text.contains("¤cy: A web page made this of \"&currency\". Write &currency\n"), "{text}");
    assert!(text.contains("  REPLACE -> {partner_click_id}: by the parameter cid,"), "{text}");
    let output = run(&["template", OURS]);
    assert_eq!(stdout(&output), format!("nothing is wrong with it\n\n{OURS}\n"));
    assert!(output.status.success());
}

#[test]
fn what_is_left_over_ends_with_status_1() {
    for (template, left) in [
        ("https://t.example/?c={clickid}&k=YOUR_KEY", "YOUR_KEY"),
        ("https://t.example/?c={clickid}&p={amount50%}", "{amount50%}: a share"),
        ("https://t.example/?c={clickid}&c=1", "c: The same parameter"),
        ("https://{sub1}/", "a macro may not stand before the path"),
        ("t.example/?c=1", "it must begin with https:// or http://"),
    ] {
        let output = run(&["template", template]);
        assert_eq!(output.status.code(), Some(1), "{template}");
        let (_, rest) =
            stdout(&output).split_once("left for you:\n").map(|(a, b)| (a.len(), b.to_owned())).unwrap();
        assert!(rest.contains(left), "{template}\n{rest}");
    }
}

#[test]
fn the_same_comes_as_json() {
    let output = run(&["template", "--json", "https://t.example/?c={clickid}&k=YOUR_KEY&p={amount50%}"]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["template"], "https://t.example/?c={partner_click_id}&k=YOUR_KEY&p={amount50%}");
    assert_eq!(told["changes"][0]["from"], "{clickid}");
    assert_eq!(told["changes"][0]["to"], "{partner_click_id}");
    let kinds = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|found| found["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&told["findings"]), ["unknown_macro", "placeholder", "unknown_macro"]);
    assert_eq!(kinds(&told["remaining"]), ["placeholder", "unknown_macro"]);
    assert_eq!(told["unknown"].as_array().unwrap().len(), 1);
}
