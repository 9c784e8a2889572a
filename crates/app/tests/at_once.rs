//! Fifty postbacks at the same moment, each on a connection of its own: one counts.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use proofback_testkit::Http;
use serde_json::Value;
use support::{PROGRAM, Server, write};
use tokio::sync::Barrier;

const AT_ONCE: usize = 50;
const ROUNDS: usize = 20;

/// A partner that is told everything, so that a postback that counts has deliveries, too.
const TOLD: &str = r#"
[[partner]]
id = "told"
[[partner.postback]]
id = "tracker"
url = "https://tracker.invalid/?c={partner_click_id}&payout={payout}&txid={conversion_id}"
on = ["conversion.*", "commission.*"]

[[link]]
id = "told-de"
partner = "told"
offer = "casino-de"
"#;

struct World {
    server: Server,
    _directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let program = write(directory.path(), "told.toml", &format!("{PROGRAM}{TOLD}"));
    World { server: Server::start_with(directory.path(), &program, &[]), _directory: directory }
}

/// Sends all of them when every connection is open; the answers in the order of the paths.
async fn at_once(server: &Server, paths: &[String]) -> Vec<Value> {
    let barrier = Arc::new(Barrier::new(paths.len()));
    let tasks: Vec<_> = paths
        .iter()
        .map(|path| {
            let (barrier, url, health) =
                (Arc::clone(&barrier), format!("{}{path}", server.url), format!("{}/healthz", server.url));
            tokio::spawn(async move {
                let http = Http::new();
                assert_eq!(http.get(&health).await.unwrap().status, 200);
                barrier.wait().await;
                http.get(&url).await.unwrap().json().unwrap()
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// How often each reason was given.
fn reasons(answers: &[Value]) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for answer in answers {
        *reasons.entry(answer["reason"].as_str().unwrap()).or_default() += 1;
    }
    reasons
}

/// How many conversions, entries and deliveries a click has; what says nothing of them is left out.
async fn traces(server: &Server, click: &str) -> BTreeMap<String, usize> {
    let trace = server.api(&format!("/trace/{click}")).await;
    let mut kinds = BTreeMap::new();
    for item in trace["timeline"].as_array().unwrap() {
        let kind = item["kind"].as_str().unwrap();
        if matches!(kind, "conversion" | "entry" | "delivery") {
            *kinds.entry(kind.to_owned()).or_default() += 1;
        }
    }
    kinds
}

fn deposit(click: &str, txid: &str) -> String {
    format!("/postback/casino?token=t0ken&cid={click}&order={txid}&goal=dep&st=1&sum=120")
}

/// What one postback alone leaves behind.
async fn alone(server: &Server) -> BTreeMap<String, usize> {
    let click = server.click("told-de").await;
    server.get(&deposit(&click, "alone")).await;
    let traces = traces(server, &click).await;
    assert_eq!(traces.keys().collect::<Vec<_>>(), ["conversion", "delivery", "entry"]);
    traces
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_at_once_with_one_txid_one_counts() {
    let world = world();
    let server = &world.server;
    let alone = alone(server).await;
    for round in 0..ROUNDS {
        let click = server.click("told-de").await;
        let answers = at_once(server, &vec![deposit(&click, &format!("R{round}")); AT_ONCE]).await;
        assert_eq!(reasons(&answers), [("ok", 1), ("duplicate", AT_ONCE - 1)].into(), "round {round}");
        assert!(answers.iter().all(|answer| answer["conversion_id"] == answers[0]["conversion_id"]));
        assert_eq!(traces(server, &click).await, alone, "round {round}");
    }
    let counted = ROUNDS + 1;
    assert_eq!(server.every("conversions").await.len(), counted);
    assert_eq!(server.every("postbacks").await.len(), ROUNDS * AT_ONCE + 1);
    assert_eq!(server.approved("told").await, format!("{}.00 EUR", 120 * counted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_at_once_without_a_txid_one_counts() {
    let world = world();
    let server = &world.server;
    let alone = alone(server).await;
    for round in 0..ROUNDS {
        let click = server.click("told-de").await;
        let answers = at_once(server, &vec![deposit(&click, ""); AT_ONCE]).await;
        let wanted = [("ok", 1), ("duplicate_in_window", AT_ONCE - 1)].into();
        assert_eq!(reasons(&answers), wanted, "round {round}");
        assert_eq!(traces(server, &click).await, alone, "round {round}");
    }
    assert_eq!(server.approved("told").await, format!("{}.00 EUR", 120 * (ROUNDS + 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_at_once_for_two_clicks_with_one_txid_one_counts() {
    let world = world();
    let server = &world.server;
    let alone = alone(server).await;
    for round in 0..ROUNDS {
        let clicks = [server.click("told-de").await, server.click("told-de").await];
        let txid = format!("R{round}");
        let paths: Vec<String> =
            clicks.iter().cycle().take(AT_ONCE).map(|click| deposit(click, &txid)).collect();
        let answers = at_once(server, &paths).await;
        let half = AT_ONCE / 2;
        let wanted = [("ok", 1), ("duplicate", half - 1), ("txid_conflict", half)].into();
        assert_eq!(reasons(&answers), wanted, "round {round}");
        let first = answers.iter().position(|answer| answer["reason"] == "ok").unwrap() % 2;
        assert_eq!(traces(server, &clicks[first]).await, alone, "round {round}");
        assert_eq!(traces(server, &clicks[1 - first]).await, BTreeMap::new(), "round {round}");
    }
    assert_eq!(server.approved("told").await, format!("{}.00 EUR", 120 * (ROUNDS + 1)));
}
