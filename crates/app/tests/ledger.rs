//! The proof of the journal and closed periods, over HTTP and by the commands.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use http::Method;
use proofback_testkit::Reply;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{ADMIN, Server, run, stderr, stdout};

struct World {
    server: Server,
    directory: tempfile::TempDir,
}

/// A sale, approved and taken back: four entries.
async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let click = server.click("reelmedia-de").await;
    for status in [1, 2] {
        let path = format!("/postback/casino?token=t0ken&cid={click}&order=A1&goal=dep&st={status}&sum=120");
        assert_eq!(server.get(&path).await.status, 200);
    }
    World { server, directory }
}

impl World {
    async fn close(&self, token: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/api/v1/ledger/close", self.server.url);
        self.server
            .http
            .send(Method::POST, &url, &[("authorization", &bearer)], body.to_string())
            .await
            .unwrap()
    }

    fn token(&self, role: &str) -> String {
        let output = run(&["token", "create", "--role", role, "--name", role, "--server", &self.server.url]);
        stdout(&output).lines().last().unwrap().to_owned()
    }

    /// Comes back when the server has sealed all there is.
    async fn sealed(&self) -> Value {
        let sealed = async {
            loop {
                let report = self.server.api("/ledger/verify").await;
                if report["unsealed"] == 0 {
                    return report;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), sealed).await.unwrap()
    }
}

#[tokio::test]
async fn the_server_seals_what_it_books_and_the_check_says_so() {
    let world = world().await;
    let report = world.sealed().await;
    assert_eq!((report["sound"].clone(), report["entries"].clone()), (json!(true), json!(4)), "{report}");
    assert_eq!((report["differences"].clone(), report["differences_total"].clone()), (json!([]), json!(0)));
    let head = report["head"].as_str().unwrap();
    let seals = world.server.api("/ledger/seals").await;
    let newest = &seals["seals"][0];
    assert_eq!(head, format!("{}:{}", newest["number"], newest["hash"].as_str().unwrap()));
    assert_eq!(newest["last_entry"], 4);
    assert_eq!(world.server.api(&format!("/ledger/verify?expect={head}")).await["sound"], true);
    let other = head.replace(['0', '1', '2', '3'], "f").replacen(|_: char| true, "1", 1);
    let told = world.server.api(&format!("/ledger/verify?expect={other}")).await;
    assert!(told["differences"][0].as_str().unwrap().contains("as it was noted"), "{told}");
    for query in ["expect=1", "expect=0:00", "limit=1"] {
        let reply = world.server.api_as(ADMIN, &format!("/ledger/verify?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
    }
    let partner = world.token("partner:reelmedia");
    for path in ["verify", "seals", "periods"] {
        assert_eq!(world.server.api_as(&partner, &format!("/ledger/{path}")).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn entries_are_found_by_their_conversion() {
    let world = world().await;
    let click = world.server.click("reelmedia-de").await;
    let path = format!("/postback/casino?token=t0ken&cid={click}&order=B1&goal=dep&st=1&sum=120");
    let id = world.server.get(&path).await.json().unwrap()["conversion_id"].as_str().unwrap().to_owned();
    let all = world.server.api("/ledger/entries").await;
    let found = world.server.api(&format!("/ledger/entries?conversion_id={id}")).await;
    let found = found["entries"].as_array().unwrap();
    assert_eq!((all["entries"].as_array().unwrap().len(), found.len()), (6, 2));
    assert!(found.iter().all(|entry| entry["conversion_id"] == id.as_str()));
    assert_eq!(found.iter().map(|entry| entry["number"].clone()).collect::<Vec<_>>(), [json!(6), json!(5)]);
    assert!(found[0]["kind"].is_string() && found[0].get("settlement_id").is_none());
    assert_eq!(world.server.api_as(ADMIN, "/ledger/entries?conversion_id=x").await.status, 400);
}

#[tokio::test]
async fn books_are_closed_by_those_who_keep_them() {
    let world = world().await;
    let past = json!({ "up_to": "2025-10-26", "reason": "audited" });
    for role in ["manager", "viewer", "partner:reelmedia"] {
        assert_eq!(world.close(&world.token(role), past.clone()).await.status, 403, "{role}");
    }
    let finance = world.token("finance");
    for body in [
        json!({ "up_to": "2025-13-01", "reason": "x" }),
        json!({ "up_to": "2025-10-26" }),
        json!({ "up_to": "2025-10-26", "reason": " " }),
        json!({ "up_to": "2025-10-26", "reason": "x", "day": 1 }),
    ] {
        assert_eq!(world.close(&finance, body.clone()).await.status, 400, "{body}");
    }
    let open = world.close(&finance, json!({ "up_to": "9998-12-31", "reason": "x" })).await;
    assert_eq!((open.status, open.json().unwrap()["code"].clone()), (409, json!("period_open")));
    let closed = world.close(&finance, past.clone()).await;
    let shown = closed.json().unwrap();
    assert_eq!((closed.status, shown["up_to"].clone()), (200, json!("2025-10-26")));
    assert_eq!((shown["closed_by"].clone(), shown["last_entry"].clone()), (json!("finance"), json!(4)));
    assert_eq!(shown["until"], "2025-10-27T00:00:00.000Z");
    assert_eq!(world.close(&finance, past).await.body, closed.body, "the same answer");
    let earlier = world.close(&finance, json!({ "up_to": "2025-10-25", "reason": "x" })).await;
    assert_eq!((earlier.status, earlier.json().unwrap()["code"].clone()), (409, json!("period_closed")));
    let periods = world.server.api("/ledger/periods").await;
    assert_eq!(periods, json!({ "periods": [shown], "next": null }));
    let audit = world.server.api("/audit?limit=1").await;
    assert_eq!(
        (audit["audit"][0]["action"].clone(), audit["audit"][0]["reason"].clone()),
        (json!("ledger.close"), json!("audited"))
    );
}

#[tokio::test]
async fn the_commands_check_and_close_with_a_server_and_without() {
    let world = world().await;
    let head = world.sealed().await["head"].as_str().unwrap().to_owned();
    let with_server = ["--server", world.server.url.as_str()];
    let checked = run(&[&["ledger", "verify", "--expect", &head][..], &with_server].concat());
    assert!(checked.status.success(), "{}", stderr(&checked));
    let told = stdout(&checked);
    assert!(told.starts_with("4 entries checked against ") && told.contains(" entries/s)\n"), "{told}");
    assert_eq!(told.lines().last().unwrap(), format!("head {head}"));
    let open = run(&[&["ledger", "close", "9998-12-31", "--reason", "x"][..], &with_server].concat());
    assert!(!open.status.success() && stderr(&open).contains("has not ended yet"), "{}", stderr(&open));
    world.server.kill();

    let data = world.directory.path().join("data");
    let data = ["--data", data.to_str().unwrap()];
    let closed = run(&[&["ledger", "close", "2025-12-31", "--reason", "year end"][..], &data].concat());
    assert!(stdout(&closed).starts_with("closed up to 2025-12-31: "), "{}", stderr(&closed));
    let periods = run(&[&["ledger", "periods"][..], &data].concat());
    assert_eq!(stdout(&periods), stdout(&closed));
    let connection = Connection::open(world.directory.path().join("data/proofback.db")).unwrap();
    connection
        .execute_batch("drop trigger entry_never_changed; update entry set amount = 1 where number = 1")
        .unwrap();
    let broken = run(&[&["ledger", "verify"][..], &data].concat());
    assert_eq!(broken.status.code(), Some(1), "{}", stderr(&broken));
    let told = stdout(&broken);
    assert!(
        told.contains("does not fit its entries") && told.contains("differences") && !told.contains("head "),
        "{told}"
    );
    let broken = run(&[&["ledger", "verify", "--json"][..], &data].concat());
    let report: Value = serde_json::from_str(&stdout(&broken)).unwrap();
    assert_eq!((broken.status.code(), report["sound"].clone()), (Some(1), json!(false)));
}
