//! Malformed requests by the thousand: each gets an answer and, where it reached a postback address, one row.

#![allow(clippy::unwrap_used, reason = "a test")]

mod draw;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use draw::{Clicks, Drawn, Wanted, draw};
use proofback_testkit::Random;
use serde_json::Value;
use support::Server;
use wire::{After, Answer, Wire};

const CONNECTIONS: u64 = 16;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Postback id = reason, of every answer that a connection got.
type Answers = BTreeMap<String, String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_are_each_answered_and_each_in_the_log_once() {
    let (seed, count) = (number("SEED", 20_261_121), number("MALFORMED", 20_000));
    println!("SEED={seed} MALFORMED={count}");
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let address: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let clicks = Arc::new(Clicks {
        casino: server.click("reelmedia-de").await,
        shop: server.click("reelmedia-shop").await,
    });
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|task| {
            let share = count / CONNECTIONS + u64::from(task < count % CONNECTIONS);
            tokio::spawn(send(address, Random::new(seed.wrapping_add(task)), Arc::clone(&clicks), share))
        })
        .collect();
    let mut answered = Answers::new();
    for task in tasks {
        let answers = task.await.unwrap();
        let before = answered.len();
        let more = answers.len();
        answered.extend(answers);
        assert_eq!(answered.len(), before + more, "an id was given twice");
    }
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = server.every("postbacks").await;
    let logged: Answers = rows.iter().map(|row| (text(row, "postback_id"), text(row, "reason"))).collect();
    assert_eq!((rows.len(), logged.len()), (answered.len(), answered.len()));
    assert_eq!(logged, answered);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    logged.values().for_each(|reason| *reasons.entry(reason).or_default() += 1);
    println!("{count} requests, {} rows: {reasons:?}", rows.len());
    let verified = server.api("/verify").await;
    assert_eq!(verified["sound"], true, "{verified}");
}

async fn send(address: SocketAddr, mut random: Random, clicks: Arc<Clicks>, count: u64) -> Answers {
    let mut wire = Wire::new(address);
    let mut answers = Answers::new();
    for _ in 0..count {
        let drawn = draw(&mut random, &clicks);
        let answer = wire.ask(&drawn.bytes, drawn.after).await;
        for decision in judge(&drawn, answer.as_ref()) {
            let text = |name: &str| decision[name].as_str().unwrap().to_owned();
            answers.insert(text("postback_id"), text("reason"));
        }
    }
    answers
}

/// The decisions in an answer, after it was held against what must become of its request.
fn judge(drawn: &Drawn, answer: Option<&Answer>) -> Vec<Value> {
    let show = || {
        let answer = answer.map(|answer| format!("{} {}", answer.status, answer.body));
        format!("{:?} wanted for {:.2000}: {answer:?}", drawn.wanted, drawn.bytes.escape_ascii().to_string())
    };
    let decisions = answer.map_or(Vec::new(), decisions);
    let status = answer.map_or(400, |answer| answer.status);
    assert!(200 <= status && status < 500, "{}", show());
    match drawn.wanted {
        Wanted::Row => assert_eq!(decisions.len(), 1, "{}", show()),
        Wanted::Rows(count) => assert_eq!(decisions.len(), count, "{}", show()),
        Wanted::Nothing => assert!(decisions.is_empty() && 400 <= status, "{}", show()),
        Wanted::RowOrNothing => assert!(decisions.len() == 1 || 400 <= status, "{}", show()),
    }
    decisions
}

/// One object, an array or a line for each; problem documents and pages hold none.
fn decisions(answer: &Answer) -> Vec<Value> {
    let values: Vec<Value> = match serde_json::from_str(&answer.body) {
        Ok(Value::Array(values)) => values,
        Ok(value) => vec![value],
        Err(_) => answer.body.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    };
    values.into_iter().filter(|value| value["postback_id"].is_string()).collect()
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_called_too_large() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let address: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let chunked = "POST /postback/shop HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let answer = Wire::new(address).ask(chunked.as_bytes(), After::Close).await.unwrap();
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(server.get("/metrics").await.body.contains("proofback_requests_too_large_total 0\n"));
}

#[tokio::test]
async fn a_batch_for_an_address_that_is_no_text_is_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let reply =
        server.http.post_json(&format!("{}/postback/%ff/batch", server.url), "[{}, {}]").await.unwrap();
    assert_eq!((reply.status, reply.body.matches("unknown_advertiser").count()), (200, 2), "{}", reply.body);
    assert_eq!(server.every("postbacks").await.len(), 2);
}
