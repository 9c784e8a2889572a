//! Files that people bring: imports, line by line through the ordinary decision.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use http::Method;
use proofback_sheets::{Cell, Column, Kind, Table, xlsx};
use proofback_testkit::Reply;
use serde_json::{Value, json};
use support::{ADMIN, Server, proofback, run, stderr, stdout, write};

struct World {
    server: Server,
    directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    World { server, directory }
}

impl World {
    async fn send(&self, path: &str, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        let url = format!("{}/api/v1{path}", self.server.url);
        self.server.http.send_bytes(Method::POST, &url, &all, body.into()).await.unwrap()
    }

    async fn import(&self, query: &str, body: impl Into<bytes::Bytes>) -> Value {
        let reply = self.send(&format!("/imports?advertiser=casino{query}"), &[], body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json().unwrap()
    }

    async fn refused(&self, query: &str, body: impl Into<bytes::Bytes>) -> Value {
        let reply = self.send(&format!("/imports?{query}"), &[], body).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        let problem = reply.json().unwrap();
        assert_eq!(problem["code"], "bad_file");
        problem
    }

    async fn postback(&self, query: &str) -> Value {
        self.server.get(&format!("/postback/casino?token=t0ken&{query}")).await.json().unwrap()
    }

    /// All that an import could have written.
    async fn everything(&self) -> [Vec<Value>; 5] {
        let entries = self.server.every_of("ledger/entries", "entries").await;
        [
            self.server.every("postbacks").await,
            self.server.every("conversions").await,
            self.server.every("deliveries").await,
            self.server.every("audit").await,
            entries,
        ]
    }
}

fn outcomes(answer: &Value) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let results = answer["results"].as_array().unwrap().iter();
    results.map(|one| (one["line"].as_u64().unwrap(), text(&one["outcome"]), text(&one["reason"]))).collect()
}

fn told(list: &[(u64, &str, &str)]) -> Vec<(u64, String, String)> {
    list.iter().map(|(line, outcome, reason)| (*line, (*outcome).into(), (*reason).into())).collect()
}

#[tokio::test]
async fn a_file_creates_changes_and_repeats() {
    let world = world();
    let click = world.server.click("reelmedia-de").await;
    let file = format!(
        "cid,Order ID,goal,st,sum,Note\n{click},A1,dep,,120,first\n,A1,,1,,\n,A1,,1,,again\n{click},A2,dep,9,1,\n"
    );
    let answer = world.import("&map=txid%3DOrder%20ID&name=november.csv", file).await;
    assert_eq!(
        outcomes(&answer),
        told(&[
            (2, "accepted", "ok"),
            (3, "updated", "status_changed"),
            (4, "duplicate", "duplicate"),
            (5, "rejected", "unknown_status"),
        ])
    );
    assert_eq!(answer["outcomes"], json!({ "accepted": 1, "duplicate": 1, "rejected": 1, "updated": 1 }));
    assert_eq!((&answer["lines"], &answer["ignored"]), (&json!(4), &json!(["Note"])));
    assert_eq!(answer["results"][3]["field"], "st");
    assert_eq!(world.server.approved("reelmedia").await, "120.00 EUR");
    let id = answer["results"][1]["postback_id"].as_str().unwrap();
    let postback = world.server.api(&format!("/postbacks/{id}")).await;
    assert_eq!(
        (&postback["channel"], &postback["path"], &postback["ip"]),
        (&json!("import"), &json!("/import"), &json!(""))
    );
    let explanation = postback["explanation"].to_string();
    assert!(explanation.contains("line 3 of november.csv, imported by admin"), "{explanation}");
    assert!(explanation.contains("the txid is known as ftd alone"), "{explanation}");
    let audit = world.server.api("/audit").await;
    assert_eq!(audit["audit"][0]["action"], "import");
    assert_eq!(audit["audit"][0]["subject"], "advertiser casino");
    let reason = "november.csv: 4 lines, 1 accepted, 1 duplicate, 1 rejected, 1 updated";
    assert_eq!(audit["audit"][0]["reason"], reason);
}

#[tokio::test]
async fn an_import_is_proved_by_a_replay() {
    let world = world();
    let click = world.server.click("reelmedia-de").await;
    let file = format!("Click,Order,Event,State\n{click},A1,dep,\n,A1,,1\n01kdamaged,A2,dep,1\n");
    let answer = world.import("&map=click_id%3DClick&map=txid%3DOrder&map=status%3DState", file).await;
    let ids: Vec<&str> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["postback_id"].as_str().unwrap())
        .collect();
    for with_current_rules in [false, true] {
        let body = json!({ "postbacks": ids, "with_current_rules": with_current_rules, "dry_run": true });
        let reply = world.send("/replays", &[], body.to_string()).await;
        for replay in reply.json().unwrap()["replays"].as_array().unwrap() {
            assert_eq!(replay["changed"], false, "{replay}");
        }
    }
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let world = world();
    let click = world.server.click("reelmedia-de").await;
    let file = format!("cid,order,goal,st,sum\n{click},A1,dep,1,120\n{click},A1,dep,1,120\n,A1,,2,\n");
    let before = world.everything().await;
    let tried = world.import("&dry_run=true", file.clone()).await;
    assert_eq!(world.everything().await, before);
    let expected = [(2, "accepted", "ok"), (3, "duplicate", "duplicate"), (4, "updated", "status_changed")];
    assert_eq!(outcomes(&tried), told(&expected), "later lines see the earlier ones");
    assert_eq!((&tried["dry_run"], tried["results"][0].get("postback_id")), (&json!(true), None));
    let done = world.import("", file).await;
    assert_eq!(outcomes(&done), told(&expected));
    assert_ne!(world.everything().await, before);
}

#[tokio::test]
async fn an_encoding_is_named_and_never_guessed() {
    let world = world();
    let click = world.server.click("reelmedia-de").await;
    let mut file = b"cid;order;goal;sub1\n".to_vec();
    file.extend_from_slice(click.as_bytes());
    file.extend_from_slice(b";M\xfcnchen-1;dep;x\n");
    let before = world.everything().await;
    let problem = world.refused("advertiser=casino", file.clone()).await;
    assert_eq!(problem["mistakes"][0]["line"], 2);
    assert!(problem["mistakes"][0]["message"].as_str().unwrap().contains("not UTF-8"));
    assert_eq!(world.everything().await, before);
    let answer = world.import("&encoding=windows-1252", file).await;
    assert_eq!(outcomes(&answer), told(&[(2, "accepted", "ok")]));
    let conversions = world.server.api("/conversions").await;
    assert_eq!(conversions["conversions"][0]["txid"], "München-1");
}

#[tokio::test]
async fn a_file_with_a_broken_line_is_refused_whole() {
    let world = world();
    let click = world.server.click("reelmedia-de").await;
    let before = world.everything().await;
    let line = |txid: &str| format!("{click},{txid},dep,1\n");
    for (broken, at, why) in [
        (format!("cid,order,goal,st\n{}{click},A2\n{}", line("A1"), line("A3")), json!(3), "2 cells where"),
        (format!("cid,order,goal,st\n{}{click},\"A2,dep,1\n", line("A1")), json!(3), "never closed"),
        ("note,goal,st\nx,dep,1\n".to_owned(), json!(null), "no column is known as txid"),
    ] {
        let problem = world.refused("advertiser=casino", broken).await;
        assert_eq!(problem["mistakes"][0]["line"], at);
        let message = problem["mistakes"][0]["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
    let problem = world.refused("advertiser=casino&map=txid%3DOrdr", format!("cid,order\n{click},A\n")).await;
    let message = problem["mistakes"][0]["message"].as_str().unwrap();
    assert_eq!(message, "the file has no column \"Ordr\"; did you mean \"order\"?");
    assert_eq!(world.everything().await, before, "nothing is half done");
}

#[tokio::test]
async fn what_a_postback_may_not_become_stops_no_other_line() {
    let world = world();
    let clicks = [world.server.click("reelmedia-de").await, world.server.click("reelmedia-de").await];
    for (click, txid) in clicks.iter().zip(["A1", "A2"]) {
        world.postback(&format!("cid={click}&order={txid}&goal=dep&sum=50")).await;
    }
    let reversed = world.postback("order=A1&goal=dep&st=reversed").await;
    assert_eq!(reversed["status"], "reversed", "{reversed}");
    let answer = world.import("", "Order,St\nA1,approved\nA2,approved\nA9,approved\n").await;
    assert_eq!(
        outcomes(&answer),
        told(&[
            (2, "rejected", "invalid_transition"),
            (3, "updated", "status_changed"),
            (4, "rejected", "missing_click_id"),
        ])
    );
}

#[tokio::test]
async fn amounts_are_read_as_somebody_says_and_never_guessed() {
    let world = world();
    let clicks = [world.server.click("reelmedia-de").await, world.server.click("reelmedia-de").await];
    let file = |amount: &str| format!("cid;order;goal;sum\n{};A1;dep;{amount}\n", clicks[0]);
    for (query, amount, why) in [
        ("", "1,234", "it has a comma"),
        ("", "€ 12,50", "it has a currency sign"),
        ("", "12.50 EUR", "it has a currency code"),
        ("&decimal=,", "12,50 EUR", "it has a currency code"),
        ("&decimal=,", "1.23", "points and spaces part thousands alone"),
    ] {
        let answer = world.import(query, file(amount)).await;
        assert_eq!(outcomes(&answer), told(&[(2, "rejected", "bad_amount")]), "{amount}");
        let message = answer["results"][0]["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
    world.import("&decimal=,", file("1.234,56")).await;
    let conversions = world.server.api("/conversions").await;
    assert_eq!(conversions["conversions"][0]["amount"], "1234.56");
}

#[tokio::test]
async fn a_workbook_and_rows_of_json_are_read_like_a_file() {
    let world = world();
    let clicks = [world.server.click("reelmedia-de").await, world.server.click("reelmedia-de").await];
    let columns = ["cid", "order", "goal", "sum"].map(|name| Column { name: name.into(), kind: Kind::Text });
    let cells = [&clicks[0], "X1", "dep"].map(|text| Cell::Text(text.into()));
    let row = cells.into_iter().chain([Cell::Amount("99.50".into())]).collect();
    let book = xlsx(&[Table { title: "x".into(), columns: columns.into(), rows: vec![row] }]).unwrap();
    let answer = world.import("", book.clone()).await;
    assert_eq!(outcomes(&answer), told(&[(2, "accepted", "ok")]));
    let problem = world.refused("advertiser=casino&decimal=,", book).await;
    assert!(problem["detail"].as_str().unwrap().contains("leave decimal out"));
    let rows = json!({ "advertiser": "casino", "dry_run": false, "rows": [
        { "click_id": clicks[1], "txid": "J1", "event_type": "dep", "amount": 12.5, "wrong": null },
        { "txid": "J1", "status": "1" },
    ]});
    let json_type = [("content-type", "application/json")];
    let reply = world.send("/imports", &json_type, rows.to_string()).await;
    let answer = reply.json().unwrap();
    assert_eq!(outcomes(&answer), told(&[(1, "accepted", "ok"), (2, "updated", "status_changed")]));
    assert_eq!(answer["ignored"], json!(["wrong"]));
    let amounts: Vec<String> = world
        .server
        .every("conversions")
        .await
        .iter()
        .map(|one| one["amount"].as_str().unwrap().into())
        .collect();
    assert_eq!(amounts, ["12.50", "99.50"]);
}

#[tokio::test]
async fn a_key_gives_the_answer_of_the_first_time() {
    let world = world();
    let click = world.server.click("reelmedia-de").await;
    let file = format!("cid,order,goal\n{click},A1,dep\n");
    let key = [("idempotency-key", "k-1")];
    let first = world.send("/imports?advertiser=casino", &key, file.clone()).await;
    let before = world.everything().await;
    let again = world.send("/imports?advertiser=casino", &key, file.clone()).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(world.everything().await, before);
    let other = world.send("/imports?advertiser=casino", &key, format!("{file}{click},A2,dep\n")).await;
    assert_eq!((other.status, other.json().unwrap()["code"].clone()), (422, json!("idempotency_key_reused")));
    let unkeyed = world.import("", file).await;
    assert_eq!(outcomes(&unkeyed), told(&[(2, "duplicate", "duplicate")]), "twice is a duplicate");
}

#[tokio::test]
async fn only_who_may_decide_imports() {
    let world = world();
    for (role, status) in [("viewer", 403), ("advertiser:casino", 403), ("finance", 422)] {
        let output = run(&["token", "create", "--role", role, "--name", "n", "--server", &world.server.url]);
        let bearer = format!("Bearer {}", stdout(&output).lines().last().unwrap());
        let url = format!("{}/api/v1/imports?advertiser=casino", world.server.url);
        let headers = [("authorization", bearer.as_str())];
        let reply = world.server.http.send(Method::POST, &url, &headers, "x\n1\n".into()).await.unwrap();
        assert_eq!(reply.status, status, "{role}");
    }
}

#[tokio::test]
async fn the_command_tells_what_went_wrong_and_ends_accordingly() {
    let world = world();
    let click = world.server.click("reelmedia-de").await;
    let text = format!("cid,Order ID,goal,st,x\n{click},A1,dep,1,\n{click},A2,upsell,1,\n");
    let file = write(world.directory.path(), "orders.csv", &text);
    let report = world.directory.path().join("report.csv");
    let arguments = [
        "import",
        file.to_str().unwrap(),
        "--advertiser",
        "casino",
        "--map",
        "txid=Order ID",
        "--report",
        report.to_str().unwrap(),
        "--server",
        &world.server.url,
    ];
    let dry = proofback(&arguments).arg("--dry-run").output().unwrap();
    assert!(stdout(&dry).contains("a dry run, nothing was written: 2 lines: 1 accepted, 1 rejected"));
    assert_eq!(world.server.every("postbacks").await.len(), 0);
    let output = proofback(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let printed = stdout(&output);
    let expected = "line 3: rejected (unknown_event): \"upsell\" is no event of this offer\n\
        columns that were not read: x\n2 lines: 1 accepted, 1 rejected\n";
    assert_eq!(printed, expected);
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("2,accepted,ok,"), "{report}");
    let broken = write(world.directory.path(), "broken.csv", "txid,status\nA\n");
    let output =
        run(&["import", broken.to_str().unwrap(), "--advertiser", "casino", "--server", &world.server.url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("line 2: 1 cell where the header has 2"), "{}", stdout(&output));
}
