//! What people set by hand: a commission, a status, each once per key.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use http::Method;
use proofback_testkit::Reply;
use serde_json::{Value, json};
use support::{ADMIN, Server};

struct World {
    server: Server,
    _directory: tempfile::TempDir,
}

async fn world() -> (World, String) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let click = server.click("reelmedia-de").await;
    let path = format!("/postback/casino?token=t0ken&cid={click}&order=A1&goal=dep&st=1&sum=120");
    let id = server.get(&path).await.json().unwrap()["conversion_id"].as_str().unwrap().to_owned();
    (World { server, _directory: directory }, id)
}

impl World {
    async fn post(&self, path: &str, key: Option<&str>, body: Value) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let url = format!("{}/api/v1{path}", self.server.url);
        self.server.http.send(Method::POST, &url, &headers, body.to_string()).await.unwrap()
    }
}

#[tokio::test]
async fn an_adjustment_moves_the_difference_and_stays() {
    let (world, id) = world().await;
    assert_eq!(world.server.approved("reelmedia").await, "120.00 EUR");
    let path = format!("/conversions/{id}/adjust");
    let up = world.post(&path, None, json!({ "payout": "150 EUR", "reason": "bonus agreed" })).await;
    assert_eq!((up.status, up.json().unwrap()["reason"].clone()), (200, json!("amount_changed")));
    assert_eq!(world.server.approved("reelmedia").await, "150.00 EUR");
    world.post(&path, None, json!({ "payout": "100 EUR", "reason": "half a bonus" })).await;
    assert_eq!(world.server.approved("reelmedia").await, "100.00 EUR");
    let conversion = world.server.api(&format!("/conversions/{id}")).await;
    assert_eq!(conversion["payout"], "100.00");
    let click = conversion["click_id"].as_str().unwrap();
    let changed = format!("/postback/casino?token=t0ken&cid={click}&order=A1&goal=dep&sum=200");
    assert_eq!(world.server.get(&changed).await.json().unwrap()["reason"], "amount_changed");
    assert_eq!(world.server.approved("reelmedia").await, "100.00 EUR", "what a person set stays");
    for body in [
        json!({ "payout": "100", "reason": "x" }),
        json!({ "payout": "-5 EUR", "reason": "x" }),
        json!({ "payout": "1.001 EUR", "reason": "x" }),
        json!({ "payout": "5 EUR" }),
        json!({ "payout": "5 EUR", "reason": "" }),
    ] {
        assert_eq!(world.post(&path, None, body.clone()).await.status, 400, "{body}");
    }
    let foreign = world.post(&path, None, json!({ "payout": "5 USD", "reason": "x" })).await;
    assert_eq!(foreign.status, 409);
    assert_eq!(world.server.approved("reelmedia").await, "100.00 EUR");
}

#[tokio::test]
async fn the_same_request_under_the_same_key_moves_money_once() {
    let (world, id) = world().await;
    let path = format!("/conversions/{id}/adjust");
    let body = json!({ "payout": "150 EUR", "reason": "bonus agreed" });
    let first = world.post(&path, Some("k-1"), body.clone()).await;
    world.post(&path, None, json!({ "payout": "90 EUR", "reason": "no" })).await;
    let again = world.post(&path, Some("k-1"), body).await;
    assert_eq!((again.status, &again.body), (200, &first.body), "the answer of the first time");
    assert_eq!(world.server.approved("reelmedia").await, "90.00 EUR");
    let other = world.post(&path, Some("k-1"), json!({ "payout": "10 EUR", "reason": "x" })).await;
    assert_eq!((other.status, other.json().unwrap()["code"].clone()), (422, json!("idempotency_key_reused")));
    let status = format!("/conversions/{id}/status");
    let reversed = json!({ "status": "reversed", "reason": "x" });
    let first = world.post(&status, Some("k-2"), reversed.clone()).await;
    let again = world.post(&status, Some("k-2"), reversed).await;
    assert_eq!((first.status, again.status), (200, 200), "a repeat is no step of its own");
}
