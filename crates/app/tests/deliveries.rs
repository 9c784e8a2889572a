//! Targets and deliveries as people meet them: over the API and by the commands, against a tracker that answers.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use http::Method;
use proofback_testkit::{PartnerTracker, Received, Reply};
use serde_json::{Value, json};
use support::{ADMIN, PROGRAM, Server, run, stderr, stdout, write};

struct World {
    server: Server,
    tracker: PartnerTracker,
    directory: tempfile::TempDir,
}

const ALLOWED: &[&str] = &["--allow-private-targets"];

/// `tracker` takes all, `second` too, `shared` is told of none, and `crm` is the operator's own.
fn targets(url: &str, more: &str) -> String {
    let target = |id: &str, more: &str| {
        format!(
            "[[partner.postback]]\nid = \"{id}\"\non = [\"conversion.created\"]\n\
             url = \"{url}/{id}?cid={{partner_click_id}}&order={{txid}}&did={{delivery_id}}\"\n{more}\n"
        )
    };
    let own = [target("tracker", more), target("second", ""), target("shared", "share = \"0%\"")].concat();
    let name = "name = \"Reel Media\"\n";
    let crm = "[[webhook]]\nid = \"crm\"\nurl = \"https://127.0.0.1:1/hooks\"\nsecret = \"env:SIGNER_SECRET\"\n\
        on = [\"conversion.created\"]\n";
    format!("{}\n{crm}", PROGRAM.replace(name, &format!("{name}{own}")))
}

async fn world(arguments: &[&str], more: &str) -> World {
    let tracker = PartnerTracker::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let program = write(directory.path(), "targets.toml", &targets(&tracker.url(), more));
    World { server: Server::start_with(directory.path(), &program, arguments), tracker, directory }
}

impl World {
    async fn post_as(&self, token: &str, path: &str, body: &str) -> Reply {
        let url = format!("{}/api/v1{path}", self.server.url);
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.server.http.send(Method::POST, &url, &headers, body.to_owned()).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let reply = self.post_as(ADMIN, path, &body.to_string()).await;
        assert_eq!(reply.status, 200, "{path} {body}: {}", reply.body);
        reply.json().unwrap()
    }

    async fn token(&self, role: &str) -> String {
        let token = self.post("/tokens", json!({ "role": role, "name": role })).await;
        token["token"].as_str().unwrap().to_owned()
    }

    async fn sale(&self, txid: &str) -> Value {
        let click = self.server.click("reelmedia-shop").await;
        let query = format!("click_id={click}&event=sale&txid={txid}&amount=10&currency=EUR");
        let reply = self.server.get(&format!("/postback/shop?{query}")).await.json().unwrap();
        assert_eq!(reply["reason"], "ok", "{reply}");
        reply
    }

    /// The deliveries that a query finds, once there are so many.
    async fn found(&self, query: &str, count: usize) -> Vec<Value> {
        let path = format!("/deliveries?{query}");
        let found = async {
            loop {
                let answer = self.server.api(&path).await;
                let rows = answer["deliveries"].as_array().unwrap();
                if rows.len() == count {
                    return rows.clone();
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(30), found).await;
        found.unwrap_or_else(|_| panic!("{query} should find {count}"))
    }

    /// Comes back when the tracker has accepted so many.
    async fn accepted(&self, count: usize) -> Vec<Received> {
        let waited = tokio::time::timeout(Duration::from_secs(30), self.tracker.wait_for(count)).await;
        waited.unwrap_or_else(|_| panic!("{:?}", self.tracker.received()));
        self.tracker.accepted()
    }

    fn came(&self, path: &str) -> Vec<Received> {
        self.tracker.received().into_iter().filter(|request| request.path == path).collect()
    }

    async fn pause(&self, target: &str) -> Value {
        self.post(&format!("/targets/{target}/pause"), json!({ "reason": "they moved" })).await
    }

    fn command(&self, arguments: &[&str]) -> (bool, String) {
        let output = run(&[arguments, &["--server", &self.server.url]].concat());
        (output.status.success(), stdout(&output) + &stderr(&output))
    }
}

fn orders(requests: &[Received]) -> Vec<&str> {
    requests.iter().map(|request| request.value("order").unwrap()).collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

#[tokio::test]
async fn a_delivery_is_shown_with_its_attempts_to_those_who_may_see_them() {
    let world = world(ALLOWED, "").await;
    world.tracker.fail_first(Some("/tracker"), 1, 404);
    let sale = world.sale("S1").await;
    let row = world.found("target=tracker&state=failed", 1).await.remove(0);
    assert_eq!((&row["conversion_id"], text(&row, "last_error")), (&sale["conversion_id"], "status_404"));
    let path = format!("/deliveries/{}", text(&row, "delivery_id"));
    let whole = world.server.api(&path).await;
    let attempt = &whole["attempt_log"][0];
    assert!(text(attempt, "request").starts_with(&format!("GET {}/tracker?cid=P-1", world.tracker.url())));
    assert_eq!((attempt["status"].clone(), text(attempt, "answer")), (json!(404), "not now\n"));
    assert!(text(attempt, "address").starts_with("127.0.0.1:"), "{attempt}");
    // Whether it had to connect depends on what was sent there before it: a connection is kept and used again.
    assert!(attempt["timing"]["first_byte_us"].is_u64(), "{attempt}");
    assert!(text(attempt, "headers").contains("content-length"), "{attempt}");

    let partner = world.token("partner:reelmedia").await;
    let own = world.server.api_as(&partner, &path).await.json().unwrap();
    assert_eq!((text(&own, "last_error"), &own["attempt_log"][0]["status"]), ("status_404", &json!(404)));
    for secret in ["127.0.0.1", "not now", "content-length", "timing", "postback_id"] {
        assert!(!own.to_string().contains(secret), "{secret} in {own}");
    }
    let listed = world.server.api_as(&partner, "/deliveries?partner=other").await.json().unwrap();
    let mut seen: Vec<&str> =
        listed["deliveries"].as_array().unwrap().iter().map(|row| text(row, "target")).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["second", "shared", "tracker"], "its own, and not the operator's");

    let foreign = world.token("partner:other").await;
    let listed = world.server.api_as(&foreign, "/deliveries").await.json().unwrap();
    assert_eq!(listed, json!({ "deliveries": [], "next": null }));
    assert_eq!(world.server.api_as(&foreign, &path).await.status, 404);
    let hook = world.found("target=crm", 1).await.remove(0);
    let hook = format!("/deliveries/{}", text(&hook, "delivery_id"));
    assert_eq!(world.server.api_as(&partner, &hook).await.status, 404);
}

#[tokio::test]
async fn each_role_may_what_it_is_for() {
    let world = world(ALLOWED, "").await;
    world.pause("tracker").await;
    world.sale("S1").await;
    let row = world.found("target=tracker", 1).await.remove(0);
    let one = format!("/deliveries/{}", text(&row, "delivery_id"));
    let mut tokens = vec![ADMIN.to_owned()];
    for role in ["manager", "finance", "viewer", "partner:reelmedia", "partner:other", "advertiser:shop"] {
        tokens.push(world.token(role).await);
    }
    let looks: [(&str, [u16; 7]); 4] = [
        ("/deliveries", [200, 200, 200, 200, 200, 200, 403]),
        (&one, [200, 200, 200, 200, 200, 404, 404]),
        ("/targets", [200, 200, 200, 200, 200, 200, 403]),
        ("/targets/tracker", [200, 200, 200, 200, 200, 404, 404]),
    ];
    for (path, expected) in looks {
        for (token, status) in tokens.iter().zip(expected) {
            assert_eq!(world.server.api_as(token, path).await.status, status, "{path}");
        }
    }
    let configure = [200, 200, 403, 403, 403, 403, 403];
    let decide = [200, 200, 200, 403, 403, 403, 403];
    let retry = format!("{one}/retry");
    for (path, body, expected) in [
        ("/targets/tracker/pause", r#"{"reason": "x"}"#, configure),
        ("/targets/second/test", "", configure),
        ("/targets/tracker/resume", r#"{"reason": "x"}"#, configure),
        (&retry, "", decide),
        ("/deliveries/retry", r#"{"target": "tracker", "reason": "x"}"#, decide),
        ("/deliveries/skip", r#"{"target": "tracker", "reason": "x"}"#, decide),
    ] {
        for (token, status) in tokens.iter().zip(expected) {
            assert_eq!(world.post_as(token, path, body).await.status, status, "{path}");
        }
    }
}

#[tokio::test]
async fn what_waits_for_a_paused_target_goes_out_newest_conversion_first() {
    let world = world(ALLOWED, "rate_limit = \"1/h burst 1\"").await;
    let paused = world.pause("tracker").await;
    assert_eq!((text(&paused, "state"), &paused["changed"]), ("paused", &json!(true)));
    assert_eq!((text(&paused["paused"], "by"), text(&paused["paused"], "reason")), ("admin", "they moved"));
    assert_eq!(world.pause("tracker").await["changed"], false);
    for txid in ["A", "B", "C"] {
        world.sale(txid).await;
    }
    // The other target of the same partner shows that these would have come by now.
    world.found("target=second&state=delivered", 3).await;
    assert_eq!(world.server.api("/targets/tracker").await["backlog"]["pending"], 3);
    assert!(world.came("/tracker").is_empty());

    let resumed = world.post("/targets/tracker/resume", json!({ "reason": "they are back" })).await;
    assert_eq!((text(&resumed, "state"), &resumed["changed"]), ("on", &json!(true)));
    assert_eq!(resumed["paused"], Value::Null);
    world.found("target=tracker&state=delivered", 1).await;
    assert_eq!(orders(&world.came("/tracker")), ["C"]);
    // The rest has a time each, an hour apart, newest first.
    let waiting = world.found("target=tracker&state=pending", 2).await;
    let (newer, older) = (text(&waiting[0], "next_at"), text(&waiting[1], "next_at"));
    assert!(newer < older, "{newer} {older}");
    let audit = world.server.api("/audit").await;
    let deeds: Vec<(&str, &str)> = audit["audit"].as_array().unwrap()[..2]
        .iter()
        .map(|deed| (text(deed, "action"), text(deed, "reason")))
        .collect();
    assert_eq!(deeds, [("target.resume", "they are back"), ("target.pause", "they moved")]);
}

#[tokio::test]
async fn a_delivery_is_made_again_under_the_same_id_whatever_became_of_it() {
    let world = world(ALLOWED, "").await;
    world.tracker.fail_first(Some("/tracker"), 1, 404);
    world.sale("S1").await;
    let failed = world.found("target=tracker&state=failed", 1).await.remove(0);
    let path = format!("/deliveries/{}/retry", text(&failed, "delivery_id"));
    let again = world.post(&path, json!({ "reason": "their mistake" })).await;
    assert_eq!((text(&again, "delivery_id"), &again["attempts"]), (text(&failed, "delivery_id"), &json!(1)));
    world.found("target=tracker&state=delivered", 1).await;
    assert_eq!(world.post_as(ADMIN, &path, "").await.status, 200);
    let twice = async {
        while world.came("/tracker").len() < 3 {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(30), twice).await.expect("delivered ones are made again, too");
    let ids: Vec<Option<String>> =
        world.came("/tracker").iter().map(|request| request.value("did").map(str::to_owned)).collect();
    assert_eq!(ids, vec![Some(text(&failed, "delivery_id").to_owned()); 3]);
}

#[tokio::test]
async fn many_are_made_again_by_what_went_wrong() {
    let world = world(ALLOWED, "").await;
    world.tracker.fail_first(Some("/tracker"), 1, 404);
    world.tracker.fail_first(Some("/second"), 1, 410);
    for txid in ["A", "B", "C"] {
        world.sale(txid).await;
    }
    world.found("error=status_404", 3).await;
    world.found("error=status_410", 3).await;
    let words = json!({ "error": "status_404", "dry_run": true });
    assert_eq!(world.post("/deliveries/retry", words).await, json!({ "deliveries": 3, "dry_run": true }));
    assert!(world.tracker.accepted().is_empty());
    let words =
        json!({ "error": "status_404", "partner": "reelmedia", "reason": "their address is right now" });
    assert_eq!(world.post("/deliveries/retry", words).await, json!({ "deliveries": 3 }));
    let mut taken = world.accepted(3).await;
    taken.sort_by(|one, other| one.value("order").cmp(&other.value("order")));
    assert_eq!(orders(&taken), ["A", "B", "C"]);
    assert!(taken.iter().all(|request| request.path == "/tracker"));
    world.found("target=second&state=failed", 3).await;
}

#[tokio::test]
async fn what_waits_is_given_up_by_a_persons_word_alone() {
    let world = world(ALLOWED, "").await;
    world.pause("tracker").await;
    world.pause("second").await;
    for txid in ["A", "B"] {
        world.sale(txid).await;
    }
    let words = json!({ "target": "second", "dry_run": true });
    assert_eq!(world.post("/deliveries/skip", words).await["deliveries"], 2);
    world.found("target=second&state=pending", 2).await;
    let words = json!({ "target": "second", "reason": "too late" });
    assert_eq!(world.post("/deliveries/skip", words).await, json!({ "deliveries": 2 }));
    world.found("target=second&error=skipped&state=failed", 2).await;
    let newest = world.found("target=tracker&state=pending", 2).await.remove(0);
    let words = json!({ "reason": "back", "skip_before": newest["at"] });
    let resumed = world.post("/targets/tracker/resume", words).await;
    assert_eq!(resumed["skipped"], 1);
    assert_eq!(orders(&world.accepted(1).await), ["B"]);
    assert!(world.came("/second").is_empty());
}

#[tokio::test]
async fn a_partner_sees_the_share_that_it_is_told_of_and_what_is_withheld() {
    let world = world(ALLOWED, "").await;
    world.sale("S1").await;
    let partner = world.token("partner:reelmedia").await;
    let listed = world.server.api_as(&partner, "/deliveries?state=withheld").await.json().unwrap();
    let withheld = &listed["deliveries"][0];
    assert_eq!((text(withheld, "target"), text(withheld, "state")), ("shared", "withheld"));
    let targets = world.server.api_as(&partner, "/targets").await.json().unwrap();
    let shares: Vec<(&str, &Value)> = targets["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| (text(target, "id"), &target["share_percent"]))
        .collect();
    assert_eq!(shares, [("second", &json!(100)), ("shared", &json!(0)), ("tracker", &json!(100))]);
    let own = &targets["targets"][0];
    assert_eq!((&own["owner"], text(own, "kind")), (&json!({ "partner": "reelmedia" }), "postback"));
    assert_eq!(text(own, "host"), world.tracker.url()["http://".len()..].to_owned());
    assert!(own.get("url").is_none() && !targets.to_string().contains("did="), "{targets}");
    let path = format!("/deliveries/{}/retry", text(withheld, "delivery_id"));
    let refused = world.post_as(ADMIN, &path, "").await;
    assert_eq!((refused.status, refused.json().unwrap()["code"].clone()), (409, json!("withheld")));
    assert_eq!(world.found("state=withheld", 1).await[0]["attempts"], 0);
}

#[tokio::test]
async fn staff_see_a_target_whole_and_never_a_secret() {
    let world = world(ALLOWED, "delay = \"15m\"\nrate_limit = \"10/s burst 3\"\nevents = [\"sale\"]").await;
    let target = world.server.api("/targets/tracker").await;
    for (name, expected) in [
        ("on", json!(["conversion.created"])),
        ("events", json!(["sale"])),
        ("offers", json!([])),
        ("delay", json!("15m")),
        ("rate_limit", json!("10/s burst 3")),
        ("state", json!("on")),
        ("failing", Value::Null),
        ("backlog", json!({ "pending": 0, "due": 0, "oldest": null })),
    ] {
        assert_eq!(target[name], expected, "{name}");
    }
    assert!(text(&target, "url").ends_with("/tracker?cid={partner_click_id}&order={txid}&did={delivery_id}"));
    let all = world.server.api("/targets").await;
    let owners: Vec<&Value> = all["targets"].as_array().unwrap().iter().map(|one| &one["owner"]).collect();
    assert_eq!((owners.len(), owners[0]), (4, &json!({ "operator": true })));
    assert!(!all.to_string().contains("canary") && !all.to_string().contains("SIGNER_SECRET"), "{all}");
    world.pause("second").await;
    let paused = world.server.api("/targets?state=paused&partner=reelmedia").await;
    assert_eq!(
        (paused["targets"].as_array().unwrap().len(), text(&paused["targets"][0], "id")),
        (1, "second")
    );
}

#[tokio::test]
async fn a_failing_target_says_since_when_and_how_far_it_is_from_being_paused() {
    let world = world(ALLOWED, "").await;
    world.tracker.fail_first(Some("/tracker"), 1, 404);
    world.sale("S1").await;
    let row = world.found("target=tracker&state=failed", 1).await.remove(0);
    let failing = &world.server.api("/targets/tracker").await["failing"];
    assert_eq!((&failing["attempts"], &failing["percent_to_pause"]), (&json!(1), &json!(0)));
    assert!(text(&row, "at") <= text(failing, "since"));
    world.sale("S2").await;
    world.found("target=tracker&state=failed", 2).await;
    assert_eq!(world.server.api("/targets/tracker").await["failing"]["attempts"], 2);
    assert_eq!(
        world.post("/deliveries/retry", json!({ "target": "tracker", "reason": "x" })).await["deliveries"],
        2
    );
    world.found("target=tracker&state=delivered", 2).await;
    assert_eq!(world.server.api("/targets/tracker").await["failing"], Value::Null);
}

#[tokio::test]
async fn a_test_delivery_reaches_even_a_paused_target_and_its_answer_comes_back() {
    let world = world(ALLOWED, "").await;
    world.pause("tracker").await;
    let values = json!({ "values": { "partner_click_id": "M 9", "txid": "try" } });
    let tested = world.post("/targets/tracker/test", values).await;
    assert_eq!((text(&tested, "state"), &tested["status"]), ("delivered", &json!(200)));
    assert_eq!((&tested["error"], text(&tested, "answer")), (&Value::Null, "ok\n"));
    let id = text(&tested, "delivery_id");
    let request = format!("GET {}/tracker?cid=M%209&order=try&did={id}", world.tracker.url());
    assert_eq!(text(&tested, "request"), request);
    assert_eq!(orders(&world.came("/tracker")), ["try"]);
    assert_eq!(text(&world.server.api("/targets/tracker").await, "state"), "paused");
    world.tracker.fail_first(Some("/tracker"), 1, 503);
    let refused = world.post("/targets/tracker/test", json!({})).await;
    assert_eq!((text(&refused, "state"), text(&refused, "error")), ("failed", "status_503"));
}

#[tokio::test]
async fn a_test_that_takes_longer_than_somebody_waits_is_answered_with_its_id() {
    let world = world(ALLOWED, "rate_limit = \"1/h burst 1\"").await;
    world.post("/targets/tracker/test", json!({})).await;
    let reply = world.post_as(ADMIN, "/targets/tracker/test", r#"{"wait": "0s"}"#).await;
    let pending = reply.json().unwrap();
    assert_eq!((reply.status, text(&pending, "state")), (202, "pending"));
    let found = world.server.api(&format!("/deliveries/{}", text(&pending, "delivery_id"))).await;
    assert_eq!((text(&found, "state"), text(&found, "target")), ("pending", "tracker"));
}

#[tokio::test]
async fn a_partner_does_not_learn_from_errors_what_our_network_looks_like() {
    let world = world(&[], "").await;
    world.sale("S1").await;
    world.found("target=tracker&state=failed&error=private_address", 1).await;
    let partner = world.token("partner:reelmedia").await;
    let listed = world.server.api_as(&partner, "/deliveries?target=tracker").await.json().unwrap();
    let row = &listed["deliveries"][0];
    assert_eq!(text(row, "last_error"), "the target could not be reached");
    let one = world.server.api_as(&partner, &format!("/deliveries/{}", text(row, "delivery_id"))).await;
    let attempt = &one.json().unwrap()["attempt_log"][0];
    assert_eq!(text(attempt, "error"), "the target could not be reached");
    assert_eq!(attempt["duration_ms"], Value::Null);
    for (error, status) in [("private_address", 400), ("network_error", 400), ("status_404", 200)] {
        let reply = world.server.api_as(&partner, &format!("/deliveries?error={error}")).await;
        assert_eq!(reply.status, status, "{error}: {}", reply.body);
    }
}

#[tokio::test]
async fn what_cannot_be_understood_changes_nothing() {
    let world = world(ALLOWED, "").await;
    world.pause("tracker").await;
    world.sale("S1").await;
    let bodies = [
        ("/targets/nobody/pause", r#"{"reason": "x"}"#, 404),
        ("/targets/NoBody/resume", r#"{"reason": "x"}"#, 404),
        ("/targets/nobody/test", "", 404),
        ("/targets/second/pause", "", 400),
        ("/targets/second/pause", r#"{"reason": " "}"#, 400),
        ("/targets/second/pause", r#"{"reason": "x", "until": "2027"}"#, 400),
        ("/targets/tracker/resume", r#"{"reason": "x", "skip_before": "yesterday"}"#, 400),
        ("/targets/tracker/test", r#"{"values": {"delivery_id": "mine"}}"#, 400),
        ("/targets/tracker/test", r#"{"values": {"txid": "a\nb"}}"#, 400),
        ("/targets/tracker/test", r#"{"values": {"txid": 7}}"#, 400),
        ("/targets/tracker/test", r#"{"wait": "21s"}"#, 400),
        ("/deliveries/nonsense/retry", "", 404),
        ("/deliveries/01kb3gx9f0d4h6k8n0q2s4v6x8/retry", "", 404),
        ("/deliveries/retry", "", 400),
        ("/deliveries/retry", r#"{"reason": "x"}"#, 400),
        ("/deliveries/retry", r#"{"reason": "x", "state": "failed", "event": "conversion.created"}"#, 400),
        ("/deliveries/retry", r#"{"reason": "x", "to": "2027-01-01"}"#, 400),
        ("/deliveries/retry", r#"{"target": "tracker"}"#, 400),
        ("/deliveries/retry", r#"{"target": "", "error": "timeout", "reason": "x"}"#, 400),
        ("/deliveries/retry", r#"{"target": "tracker", "errors": "timeout", "reason": "x"}"#, 400),
        ("/deliveries/retry", r#"{"target": "tracker", "dry_run": "yes", "reason": "x"}"#, 400),
        ("/deliveries/retry", r#"{"target": "shared", "state": "withheld", "reason": "x"}"#, 409),
        ("/deliveries/skip", r#"{"target": "tracker", "state": "failed", "reason": "x"}"#, 400),
        ("/deliveries/skip", r#"{"reason": "x"}"#, 400),
    ];
    let before = world.server.api("/audit").await;
    for (path, body, status) in bodies {
        let reply = world.post_as(ADMIN, path, body).await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.body);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path} {body}");
    }
    for path in [
        "/deliveries?state=late",
        "/deliveries?event=conversion",
        "/deliveries?errors=timeout",
        "/deliveries?target=A%20B",
        "/deliveries?from=yesterday",
        "/targets?state=asleep",
        "/targets?limit=1",
    ] {
        assert_eq!(world.server.api_as(ADMIN, path).await.status, 400, "{path}");
    }
    let wrong =
        world.post_as(ADMIN, "/targets/tracker/test", r#"{"values": {"partner_clickid": "M"}}"#).await;
    assert!(wrong.body.contains("did you mean \\\"partner_click_id\\\"?"), "{}", wrong.body);
    assert_eq!(world.server.api("/audit").await, before);
    assert_eq!(world.found("target=tracker&state=pending", 1).await[0]["attempts"], 0);
    assert!(world.came("/tracker").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_show_and_do_the_same() {
    let world = world(ALLOWED, "").await;
    world.tracker.fail_first(Some("/second"), 1, 404);
    let (paused, said) = world.command(&["target", "pause", "tracker", "--reason", "they moved"]);
    assert!(paused && said.contains("paused"), "{said}");
    world.sale("S1").await;
    let failed = world.found("target=second&state=failed", 1).await.remove(0);
    let id = text(&failed, "delivery_id").to_owned();
    let (_, said) = world.command(&["targets", "list", "--partner", "reelmedia"]);
    assert_eq!(said.lines().count(), 3, "{said}");
    let (_, said) = world.command(&["target", "show", "tracker"]);
    for part in ["by_person", "by admin: they moved", "1 wait, 1 of them due", "conversion.created"] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let (taken, said) = world.command(&["target", "test", "tracker", "--value", "partner_click_id=M-7"]);
    assert!(taken && said.contains("delivered") && said.contains("cid=M-7"), "{said}");
    let (taken, said) = world.command(&["target", "test", "tracker", "--value", "partner_clickid=M-7"]);
    assert!(!taken && said.contains("did you mean \"partner_click_id\"?"), "{said}");
    let (_, said) = world.command(&["deliveries", "list", "--error", "status_404"]);
    assert!(said.starts_with(&id) && said.lines().count() == 1, "{said}");
    let (_, said) = world.command(&["delivery", "show", &id]);
    for part in ["answered 404", "> GET http://127.0.0.1", "< not now", "first_byte"] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let (_, said) = world.command(&["delivery", "retry", "--target", "second", "--dry-run"]);
    assert_eq!(said, "1 would be made again\n");
    let (done, said) = world.command(&["delivery", "retry", &id, "01kb3gx9f0d4h6k8n0q2s4v6x8"]);
    assert!(!done && said.contains("refused: there is no such delivery"), "{said}");
    world.found("target=second&state=delivered", 1).await;
    let (both, said) = world.command(&["delivery", "retry", &id, "--target", "second"]);
    assert!(!both && said.contains("not both"), "{said}");
    let (_, said) = world.command(&["delivery", "skip", "--target", "tracker", "--reason", "too late"]);
    assert_eq!(said, "1 given up\n");
    let World { server, directory, tracker: _tracker } = world;
    server.kill();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    let resumed = run(&["target", "resume", "tracker", "--reason", "they are back", "--data", data]);
    assert!(stdout(&resumed).contains("0 wait, 0 skipped"), "{} {}", stdout(&resumed), stderr(&resumed));
    let shown = stdout(&run(&["delivery", "list", "--state", "failed", "--data", data]));
    assert!(shown.contains("skipped"), "{shown}");
    let refused = run(&["target", "test", "tracker", "--data", data]);
    assert!(stderr(&refused).contains("is sent by a running server"), "{}", stderr(&refused));
}

#[tokio::test]
async fn the_metrics_count_targets_and_name_those_with_most_to_send() {
    let world = world(ALLOWED, "").await;
    world.pause("tracker").await;
    for txid in ["A", "B"] {
        world.sale(txid).await;
    }
    let metrics = world.server.get("/metrics").await.body;
    for line in [
        "proofback_targets{state=\"on\"} 3\n",
        "proofback_targets{state=\"paused\"} 1\n",
        "proofback_targets{state=\"resting\"} 0\n",
        "proofback_deliveries_pending{target=\"tracker\"} 2\n",
    ] {
        assert!(metrics.contains(line), "{line}{metrics}");
    }
    world.post("/deliveries/skip", json!({ "target": "tracker", "reason": "x" })).await;
    let metrics = world.server.get("/metrics").await.body;
    assert!(!metrics.contains("target=\"tracker\""), "{metrics}");
}
