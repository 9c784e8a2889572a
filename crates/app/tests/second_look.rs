//! Holding, reviewing, replaying and pixels, over real sockets and by the commands.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use http::Method;
use proofback_testkit::Reply;
use serde_json::{Value, json};
use support::{ADMIN, Server, run, stderr, stdout, write};

const GATES: &str = include_str!("../../domain/tests/support/gates.toml");

struct World {
    server: Server,
    directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let program = write(directory.path(), "gates.toml", GATES);
    World { server: Server::start_with(directory.path(), &program, &[]), directory }
}

impl World {
    async fn post(&self, path: &str, body: Value) -> Reply {
        self.post_as(ADMIN, path, body).await
    }

    async fn post_as(&self, token: &str, path: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/api/v1{path}", self.server.url);
        self.server
            .http
            .send(Method::POST, &url, &[("authorization", &bearer)], body.to_string())
            .await
            .unwrap()
    }

    async fn sale(&self, link: &str, txid: &str) -> Value {
        let click = self.server.click(link).await;
        let reply = self.server.get(&format!("/postback/shop?click_id={click}&event=sale&txid={txid}")).await;
        assert_eq!(reply.status, 200);
        reply.json().unwrap()
    }

    fn apply(&self, program: &str) {
        let file = write(self.directory.path(), "next.toml", program);
        let output = run(&["apply", file.to_str().unwrap(), "--server", &self.server.url]);
        assert!(output.status.success(), "{}", stderr(&output));
    }

    fn command(&self, arguments: &[&str]) -> (bool, String) {
        let output = run(&[arguments, &["--server", &self.server.url]].concat());
        (output.status.success(), stdout(&output) + &stderr(&output))
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

#[tokio::test]
async fn a_held_conversion_waits_in_the_queue_and_is_accepted_with_a_reason() {
    let world = world();
    world.sale("small", "S1").await;
    let held = world.sale("small", "S2").await;
    assert_eq!((text(&held, "outcome"), text(&held, "reason")), ("held", "over_cap"));
    let queue = world.server.api("/reviews?reason=over_cap&partner=small").await;
    let waiting = &queue["reviews"][0];
    assert_eq!(waiting["postback_id"], held["postback_id"]);
    assert_eq!(
        (text(&waiting["conversion"], "payout"), waiting["conversion"]["held"].clone()),
        ("10.00", json!("over_cap"))
    );
    let word =
        json!({ "postbacks": [held["postback_id"]], "verdict": "accept", "reason": "agreed by phone" });
    let unexplained = world
        .post("/reviews", json!({ "postbacks": [held["postback_id"]], "verdict": "accept", "reason": " " }))
        .await;
    assert_eq!(unexplained.status, 400);
    let accepted = world.post("/reviews", word.clone()).await.json().unwrap();
    assert_eq!(accepted["results"][0]["outcome"], "accepted");
    assert_eq!(world.server.approved("small").await, "20.00 EUR");
    let again = world.post("/reviews", word).await.json().unwrap();
    assert_eq!(again["results"][0]["error"], "it does not wait for anybody");
    assert_eq!(world.server.approved("small").await, "20.00 EUR");
    assert!(world.server.api("/reviews").await["reviews"].as_array().unwrap().is_empty());
    let deed = &world.server.api("/audit").await["audit"][0];
    assert_eq!(
        (text(deed, "action"), text(deed, "actor"), text(deed, "reason")),
        ("review.accept", "admin", "agreed by phone")
    );
    let (_, explained) = world.command(&["explain", text(&held, "postback_id")]);
    assert!(
        explained.contains("it was held (over_cap)")
            && explained.contains("accepted by admin: agreed by phone"),
        "{explained}"
    );
}

#[tokio::test]
async fn many_are_rejected_at_once_from_the_command_line() {
    let world = world();
    world.sale("small", "S1").await;
    let ids = [world.sale("small", "S2").await, world.sale("small", "S3").await];
    let ids: Vec<&str> = ids.iter().map(|held| text(held, "postback_id")).collect();
    let (_, listed) = world.command(&["review", "list"]);
    assert!(listed.contains("2 wait") && listed.contains("partner small: 1 of 1 on"), "{listed}");
    let (done, said) =
        world.command(&["review", "reject", ids[0], ids[1], "--reason", "over the agreed number"]);
    assert!(done && said.matches("updated (status_changed)").count() == 2, "{said}");
    assert!(world.command(&["review", "list"]).1.contains("0 wait"));
    let (done, said) = world.command(&["review", "accept", ids[0], "--reason", "no, after all"]);
    assert!(!done && said.contains("refused"), "{said}");
    assert_eq!(world.server.approved("small").await, "10.00 EUR");
}

#[tokio::test]
async fn those_who_only_look_decide_nothing() {
    let world = world();
    world.sale("small", "S1").await;
    let held = world.sale("small", "S2").await;
    let word = json!({ "postbacks": [held["postback_id"]], "verdict": "accept", "reason": "x" });
    for role in ["viewer", "partner:small", "advertiser:shop"] {
        let (_, token) = world.command(&["token", "create", "--role", role, "--name", "n"]);
        let token = token.lines().last().unwrap().to_owned();
        let replay = format!("/postbacks/{}/replay", text(&held, "postback_id"));
        let status = format!("/conversions/{}/status", text(&held, "conversion_id"));
        for (path, body) in [
            ("/reviews", word.clone()),
            (replay.as_str(), json!({ "with_current_rules": true })),
            (status.as_str(), json!({ "status": "approved", "reason": "x" })),
        ] {
            assert_eq!(world.post_as(&token, path, body).await.status, 403, "{role} {path}");
        }
    }
    assert_eq!(world.server.approved("small").await, "10.00 EUR");
}

#[tokio::test]
async fn a_person_sets_a_status_and_gives_a_reason() {
    let world = world();
    let sale = world.sale("box", "S1").await;
    let path = format!("/conversions/{}/status", text(&sale, "conversion_id"));
    let reversed = world.post(&path, json!({ "status": "reversed", "reason": "fraud proven" })).await;
    assert_eq!((reversed.status, reversed.json().unwrap()["status"].clone()), (200, json!("reversed")));
    assert_eq!(world.server.approved("reelmedia").await, "0.00 EUR");
    let impossible = world.post(&path, json!({ "status": "pending", "reason": "x" })).await;
    assert_eq!(
        (impossible.status, impossible.json().unwrap()["code"].clone()),
        (409, json!("invalid_transition"))
    );
    assert_eq!(world.post(&path, json!({ "status": "gone", "reason": "x" })).await.status, 400);
    let trace = world.server.api(&format!("/trace/{}", text(&sale, "click_id"))).await;
    let changes =
        trace["timeline"].as_array().unwrap().iter().filter(|item| item["kind"] == "conversion").count();
    assert_eq!(changes, 2);
}

#[tokio::test]
async fn a_replay_proves_first_and_pays_what_a_mended_program_owes() {
    let world = world();
    let click = world.server.click("box").await;
    let path = format!("/postback/shop?click_id={click}&event=upsell&txid=U1&amount=50");
    let unknown = world.server.get(&path).await.json().unwrap();
    assert_eq!(unknown["reason"], "unknown_event");
    let id = text(&unknown, "postback_id");
    let upsell = "[[offer.goal]]\nevent = \"upsell\"\npayout = \"5%\"\napproval = \"auto\"\n[[offer.goal]]\nevent = \"trial\"";
    world.apply(&GATES.replacen("[[offer.goal]]\nevent = \"trial\"", upsell, 1));
    let (same, proof) = world.command(&["replay", id]);
    assert!(same && proof.contains("rejected (unknown_event) == rejected (unknown_event)"), "{proof}");
    let (_, dry) = world.command(&["replay", id, "--with-current-rules", "--dry-run"]);
    assert!(
        dry.contains("-> accepted (ok)") && dry.contains("2.50 EUR") && dry.contains("1 of 1 would change"),
        "{dry}"
    );
    assert_eq!(world.server.approved("reelmedia").await, "0");
    let applied = world
        .post(&format!("/postbacks/{id}/replay"), json!({ "with_current_rules": true }))
        .await
        .json()
        .unwrap();
    assert_eq!((applied["changed"].clone(), text(&applied, "outcome")), (json!(true), "accepted"));
    assert_eq!(world.server.approved("reelmedia").await, "2.50 EUR");
    for body in [json!({}), json!({ "with_current_rules": true })] {
        let again = world.post(&format!("/postbacks/{id}/replay"), body).await.json().unwrap();
        assert_eq!(again["changed"], false, "{again}");
    }
    assert_eq!(world.server.get(&path).await.json().unwrap()["reason"], "duplicate");
    assert_eq!(world.server.approved("reelmedia").await, "2.50 EUR");
}

#[tokio::test]
async fn a_replay_of_what_is_not_there_is_an_error_that_says_so() {
    let world = world();
    assert_eq!(world.post("/postbacks/01kaj1y8e000000000000000zz/replay", json!({})).await.status, 404);
    assert_eq!(world.post("/replays", json!({ "postbacks": [] })).await.status, 400);
    assert_eq!(world.post("/replays", json!({ "postbacks": ["x"] })).await.status, 400);
    let (done, said) = world.command(&["replay", "01kaj1y8e000000000000000zz"]);
    assert!(!done && said.contains("there is no postback"), "{said}");
}

#[tokio::test]
async fn a_pixel_is_a_picture_that_a_server_must_confirm() {
    let world = world();
    let click = world.server.click("box").await;
    let query = format!("click_id={click}&event=rebill&txid=S1");
    let picture = world.server.get(&format!("/pixel/shop.gif?{query}&amount=900")).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/gif")));
    assert!(picture.body.starts_with("GIF89a"));
    assert_eq!(
        (picture.header("x-outcome"), picture.header("x-reason")),
        (Some("held"), Some("pixel_unconfirmed"))
    );
    assert_eq!(world.server.approved("reelmedia").await, "0");
    let row = world.server.api(&format!("/postbacks/{}", picture.header("x-postback-id").unwrap())).await;
    assert_eq!(text(&row, "channel"), "pixel");
    let confirmed = world.server.get(&format!("/postback/shop?{query}&amount=50")).await.json().unwrap();
    assert_eq!(text(&confirmed, "outcome"), "accepted");
    assert_eq!(world.server.approved("reelmedia").await, "5.00 EUR");
    assert_eq!(world.server.get("/pixel/shop.png").await.status, 404);
    assert_eq!(world.server.get("/pixel/nobody.gif?click_id=x").await.status, 404);
    let refused = world.server.get("/pixel/shop.gif?click_id=x&event=rebill").await;
    assert_eq!((refused.status, refused.header("x-reason")), (404, Some("unknown_click_id")));
}

#[tokio::test]
async fn the_log_says_how_long_a_decision_took_and_under_which_rules() {
    let world = world();
    let sale = world.sale("box", "S1").await;
    let row = world.server.api(&format!("/postbacks/{}", text(&sale, "postback_id"))).await;
    let duration = row["duration_us"].as_i64().unwrap();
    assert!(0 < duration && duration < 60_000_000, "{duration}");
    assert_eq!(row["revision"], 1);
}

#[tokio::test]
async fn a_word_is_about_one_to_five_hundred_and_has_a_reason_of_as_many_characters() {
    let world = world();
    world.sale("small", "S1").await;
    let held = world.sale("small", "S2").await;
    let id = text(&held, "postback_id");
    let word =
        |ids: Vec<&str>, reason: String| json!({ "postbacks": ids, "verdict": "accept", "reason": reason });
    for (word, status) in [
        (word(vec![], "x".into()), 400),
        (word(vec![id; 501], "x".into()), 400),
        (word(vec![id], " ".into()), 400),
        (word(vec![id], "x".repeat(501)), 400),
        (word(vec![id; 500], "\u{e9}".repeat(500)), 200),
    ] {
        assert_eq!(world.post("/reviews", word).await.status, status);
    }
    assert_eq!(world.server.approved("small").await, "20.00 EUR", "once, however often it is named");
    let many = |ids: Vec<&str>| json!({ "postbacks": ids, "with_current_rules": true });
    for (path, body, status) in [
        ("/replays".to_owned(), many(vec![]), 400),
        ("/replays".to_owned(), many(vec![id; 1_001]), 400),
        (format!("/postbacks/{id}/replay"), many(vec![id]), 400),
    ] {
        assert_eq!(world.post(&path, body).await.status, status, "{path}");
    }
    for (with_current_rules, dry_run, dry) in [(true, true, true), (true, false, false), (false, false, true)]
    {
        let body = json!({ "postbacks": [id], "with_current_rules": with_current_rules, "dry_run": dry_run });
        assert_eq!(world.post("/replays", body).await.json().unwrap()["dry_run"], json!(dry));
    }
}

#[tokio::test]
async fn a_person_says_over_the_api_which_of_several_a_refund_takes_back() {
    let world = world();
    let click = world.server.click("box").await;
    let send = async |rest: &str| -> Value {
        world.server.get(&format!("/postback/shop?click_id={click}&{rest}")).await.json().unwrap()
    };
    let first = send("event=rebill&amount=100&txid=P1").await;
    send("event=rebill&amount=50&txid=P2").await;
    let unclear = send("event=refund").await;
    assert_eq!(text(&unclear, "reason"), "ambiguous_original");
    for (advertiser, count) in [("shop", 1), ("other", 0)] {
        let queue = world.server.api(&format!("/reviews?advertiser={advertiser}")).await;
        assert_eq!(queue["reviews"].as_array().unwrap().len(), count, "{advertiser}");
    }
    let word = |original: &Value| json!({ "postbacks": [unclear["postback_id"]], "verdict": "accept", "reason": "x", "original": original });
    let refused = world.post("/reviews", word(&Value::Null)).await.json().unwrap();
    assert!(refused["results"][0]["error"].as_str().unwrap().contains("original"), "{refused}");
    let accepted = world.post("/reviews", word(&first["conversion_id"])).await.json().unwrap();
    assert_eq!(accepted["results"][0]["reason"], "reversed");
    assert_eq!(world.server.approved("reelmedia").await, "5.00 EUR");
}

#[tokio::test]
async fn strangers_and_pixels_use_up_no_servers_rate() {
    let directory = tempfile::tempdir().unwrap();
    let source = GATES.replacen("open = true", "open = true\nrate_limit = \"1/h\"", 1)
        + "[[advertiser]]\nid = \"far\"\n[advertiser.postback]\nopen = true\nallow_ips = [\"203.0.113.0/24\"]\nrate_limit = \"1/h\"\n\
           [[advertiser]]\nid = \"tls\"\n[advertiser.postback]\nopen = true\nrequire_https = true\nrate_limit = \"1/h\"\n\
           [[advertiser]]\nid = \"signed\"\n[advertiser.postback]\ntoken = \"env:CASINO_TOKEN\"\nrate_limit = \"1/h\"\n";
    let program = write(directory.path(), "gates.toml", &source);
    let server = Server::start_with(directory.path(), &program, &[]);
    for (paths, statuses) in [
        (["/postback/far", "/postback/far"], [403, 403]),
        (["/postback/tls", "/postback/tls"], [403, 403]),
        // Who only lacks the token may be the sender himself: he is counted.
        (["/postback/signed", "/postback/signed"], [401, 429]),
        (["/pixel/shop.gif", "/pixel/shop.gif"], [400, 429]),
        (["/postback/shop", "/postback/shop"], [400, 429]),
    ] {
        for (path, status) in paths.into_iter().zip(statuses) {
            assert_eq!(server.get(path).await.status, status, "{path}");
        }
    }
}
