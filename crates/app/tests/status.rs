//! What is shown of an installation at once: its status, what an id names, every balance.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use http::Method;
use serde_json::{Value, json};
use support::{ADMIN, PROGRAM, Server, write};

const MORE: &str = r#"
[[offer]]
id = "deposits"
advertiser = "shop"
url = "https://deposits.example/?cid={click_id}"
[[offer.goal]]
event = "ftd"
payout = "50 EUR"
revenue = "70 EUR"
approval = "auto"
hold = "14d"
[[offer.goal]]
event = "capped"
payout = "1 EUR"
approval = "auto"
caps = [{ per = "total", conversions = 1 }]

[[partner]]
id = "told"
[[partner.postback]]
id = "told-tracker"
url = "https://tracker.invalid/?c={partner_click_id}"
on = ["conversion.created"]

[[link]]
id = "told-deposits"
partner = "told"
offer = "deposits"
"#;

struct World {
    server: Server,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = write(directory.path(), "more.toml", &format!("{PROGRAM}{MORE}"));
        Self { server: Server::start_with(directory.path(), &program, &[]), directory }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let bearer = format!("Bearer {ADMIN}");
        let url = format!("{}/api/v1{path}", self.server.url);
        let headers = [("authorization", bearer.as_str())];
        let sent = self.server.http.send(Method::POST, &url, &headers, body.to_string());
        let reply = sent.await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json().unwrap()
    }

    async fn event(&self, click: &str, rest: &str) -> Value {
        self.server.get(&format!("/postback/shop?click_id={click}&{rest}")).await.json().unwrap()
    }

    /// What is found, as `kind id`, and the whole answer.
    async fn find(&self, sought: &str) -> (Vec<String>, Value) {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", sought).finish();
        let answer = self.server.api(&format!("/find?{query}")).await;
        let found = answer["found"].as_array().unwrap().iter();
        let found = found.map(|hit| {
            assert_eq!(hit.as_object().unwrap().len(), 4, "{hit}");
            format!("{} {}", hit["kind"].as_str().unwrap(), hit["id"].as_str().unwrap())
        });
        (found.collect(), answer)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn the_status_says_what_came_in_what_waits_and_how_full_everything_is() {
    let world = World::new();
    let (one, two) = (world.server.click("told-deposits").await, world.server.click("told-deposits").await);
    world.event(&one, "event=capped&txid=C1").await;
    world.event(&one, "event=capped&txid=C1").await;
    assert_eq!(world.event(&two, "event=capped&txid=C2").await["reason"], "over_cap");
    world.event(&two, "event=refund&txid=R1&original_txid=GONE").await;
    world.event("nonsense", "event=ftd").await;
    let targets = world.server.api("/targets").await;
    assert_eq!(targets["targets"][0]["id"], "told-tracker");
    world.post("/targets/told-tracker/pause", json!({ "reason": "they moved" })).await;
    let status = world.server.api("/status").await;
    let outcomes = json!({ "accepted": 1, "updated": 0, "duplicate": 1, "held": 2, "rejected": 1 });
    assert_eq!((&status["postbacks"]["outcomes"], &status["postbacks"]["more"]), (&outcomes, &json!(false)));
    assert_eq!(
        status["queues"],
        json!({ "held": { "over_cap": 1 }, "awaiting_click": 0, "awaiting_original": 1, "rate_missing": 0, "more": false })
    );
    assert_eq!(status["deliveries"]["pending"], 1, "{status}");
    assert_eq!((&status["deliveries"]["failed"], &status["deliveries"]["more"]), (&json!(0), &json!(false)));
    assert!(status["deliveries"]["oldest"].is_string());
    assert_eq!(status["targets"]["total"], 1);
    assert_eq!(status["targets"]["paused"][0]["id"], "told-tracker");
    assert_eq!(status["targets"]["paused"][0]["why"], "by_person");
    assert_eq!(status["spill"], json!({ "clicks": 0, "bytes": 0 }));
    assert_eq!(status["facts"]["unsealed_clicks"], 2);
    assert_eq!((&status["facts"]["files"], &status["facts"]["last_error"]), (&json!(0), &Value::Null));
    for name in ["database_bytes", "wal_bytes", "free_bytes", "schema"] {
        assert!(status["store"][name].as_u64().unwrap() > 0, "{name} of {status}");
    }
    assert_eq!((&status["program"]["revision"], &status["program"]["author"]), (&json!(1), &json!("file")));
    let file = world.directory.path().join("more.toml");
    assert_eq!(status["program"]["managed_by"], file.display().to_string());
    assert_eq!((&status["version"], &status["geo"]), (&json!(env!("CARGO_PKG_VERSION")), &json!([])));
    // Once a person has said something about it, it waits no longer.
    let held = world.server.api("/reviews?reason=over_cap").await["reviews"][0]["postback_id"].clone();
    let words = json!({ "postbacks": [held], "verdict": "reject", "reason": "too many" });
    world.post("/reviews", words).await;
    let status = world.server.api("/status").await;
    assert_eq!(status["queues"]["held"], json!({}));
    let outcomes = &status["postbacks"]["outcomes"];
    assert_eq!((&outcomes["held"], &outcomes["updated"]), (&json!(1), &json!(1)), "{status}");
}

#[tokio::test]
async fn clicks_that_wait_in_the_spill_are_in_the_status() {
    let directory = tempfile::tempdir().unwrap();
    // No wait at all: every click takes the spill.
    let server = Server::start(directory.path(), &["--click-wait", "0ms"]);
    let mut seen = 0;
    // The spill is brought in twice a second: one of these looks comes before that.
    while seen == 0 {
        server.click("reelmedia-de").await;
        let spill = server.api("/status").await["spill"].clone();
        seen = spill["clicks"].as_u64().unwrap();
        assert_eq!(seen > 0, spill["bytes"].as_u64().unwrap() > 0, "{spill}");
    }
}

#[tokio::test]
async fn a_click_id_is_found_whatever_was_done_to_it() {
    let world = World::new();
    let click = world.server.click("told-deposits").await;
    let hit = format!("click {click}");
    let upper = click.to_uppercase();
    let encoded: String = click.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let last = if click.ends_with('0') { '1' } else { '0' };
    let altered = format!("{}{last}", &click[..25]);
    for (sought, note) in [
        (click.clone(), ""),
        (upper, "another case"),
        (format!("  \"{click}\" "), "quotes"),
        (encoded, "percent-encoded"),
        (click[..20].to_owned(), "cut to 20 of 26"),
        (altered, "not all those that we gave"),
        (format!("{}o{}", &click[..25], ""), "which no id of ours has"),
    ] {
        let (found, answer) = world.find(&sought).await;
        assert_eq!(found, std::slice::from_ref(&hit), "{sought:?}");
        let said = answer["found"][0]["note"].as_str().unwrap_or_default();
        assert!(said.contains(note) && note.is_empty() == said.is_empty(), "{sought:?}: {said}");
        assert_eq!(
            (text(&answer["found"][0]["click_id"]), &answer["looked_through"]),
            (&*click, &Value::Null)
        );
    }
}

#[tokio::test]
async fn every_other_id_finds_its_thing_too() {
    let world = World::new();
    let click = world.server.click("told-deposits").await;
    let told = world.event(&click, "event=ftd&txid=D-1").await;
    let (postback, conversion) = (text(&told["postback_id"]), text(&told["conversion_id"]));
    let delivery = world.server.api("/deliveries").await["deliveries"][0]["delivery_id"].clone();
    let refused = world.event(&click, "event=unheard&txid=D-2").await;
    let draft = json!({ "advertiser": "shop", "currency": "EUR", "draft": true });
    let invoice = world.post("/invoices", draft).await["id"].clone();
    for (sought, hit) in [
        (postback.to_owned(), format!("postback {postback}")),
        (format!("'{}'", postback.to_uppercase()), format!("postback {postback}")),
        (conversion.to_owned(), format!("conversion {conversion}")),
        (text(&delivery).to_owned(), format!("delivery {}", text(&delivery))),
        (text(&invoice).to_owned(), format!("invoice {}", text(&invoice))),
        ("D-1".to_owned(), format!("conversion {conversion}")),
        ("\"D-1\"".to_owned(), format!("conversion {conversion}")),
        ("D-2".to_owned(), format!("postback {}", text(&refused["postback_id"]))),
        // What the partner calls it.
        ("P-1".to_owned(), format!("click {click}")),
    ] {
        let (found, answer) = world.find(&sought).await;
        assert_eq!(found, [hit], "{sought}: {answer}");
    }
    let (found, answer) = world.find("D-1").await;
    assert_eq!((found.len(), text(&answer["found"][0]["click_id"])), (1, &*click));
    assert_eq!(answer["found"][0]["note"], "ftd of shop; by its txid");
    // How far back was looked is said, and that nothing was found is an answer.
    let (found, answer) = world.find("nobody's").await;
    assert_eq!((found.len(), &answer["looked_through"]["clicks"]), (0, &json!(1)));
    assert!(answer["looked_through"]["since"].is_string());
    for query in ["", "?q=", "?q=%20", "?q=x&y=z", &format!("?q={}", "x".repeat(501))] {
        assert_eq!(world.server.api_as(ADMIN, &format!("/find{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn the_balances_of_all_are_those_of_each() {
    let world = World::new();
    let server = &world.server;
    for (link, rest) in [
        ("told-deposits", "event=ftd&txid=1"),
        ("told-deposits", "event=capped&txid=2"),
        ("reelmedia-shop", "event=sale&txid=3&amount=100&currency=EUR"),
        ("reelmedia-shop", "event=sale&txid=4&amount=100&currency=USD"),
    ] {
        let click = server.click(link).await;
        assert_eq!(world.event(&click, rest).await["outcome"], "accepted", "{rest}");
    }
    let told = |approved: &str, paid: &str| {
        json!({
            "partner": "told", "currency": "EUR", "pending": "0.00", "approved": approved, "paid": paid, "on_hold": "50.00",
        })
    };
    let partners = server.api("/balances?kind=partner").await;
    assert_eq!(partners["balances"][2], told("51.00", "0.00"), "{partners}");
    let paid = json!({ "partner": "told", "currency": "EUR", "up_to": server.api("/payouts/preview").await["up_to"] });
    world.post("/payouts", paid).await;
    let partners = server.api("/balances?kind=partner").await;
    let rows = partners["balances"].as_array().unwrap();
    assert_eq!(
        (rows.len(), &rows[2], &partners["next"]),
        (3, &told("50.00", "1.00"), &Value::Null),
        "{partners}"
    );
    // Each as it is told alone.
    for row in rows {
        let alone = server.api(&format!("/partners/{}/balance", text(&row["partner"]))).await;
        let mut alone = alone["balances"].as_array().unwrap().iter();
        let alone = alone.find(|one| one["currency"] == row["currency"]).unwrap();
        for name in ["pending", "approved", "paid"] {
            assert_eq!(row[name], alone[name], "{row}");
        }
    }
    let invoiced = json!({ "advertiser": "shop", "currency": "EUR" });
    let invoice = world.post("/invoices", invoiced).await;
    let shop = server.api("/balances?kind=advertiser&currency=EUR").await;
    let amount = text(&invoice["amount"]);
    assert_eq!(
        shop["balances"],
        json!([{ "advertiser": "shop", "currency": "EUR", "due": "0.00", "invoiced": amount, "received": "0.00" }])
    );
    world.post(&format!("/invoices/{}/received", text(&invoice["id"])), json!({})).await;
    let shop = server.api("/balances?kind=advertiser&currency=EUR").await;
    assert_eq!(
        (&shop["balances"][0]["invoiced"], text(&shop["balances"][0]["received"])),
        (&json!("0.00"), amount)
    );
    let house = server.api("/balances?kind=house&currency=EUR").await;
    let named = |account: &str| {
        let mut rows = house["balances"].as_array().unwrap().iter();
        rows.find(|row| row["account"] == account).unwrap()["balance"].clone()
    };
    assert_eq!(named("house:commission"), "-61.00");
    // Page by page it is the same: partners, advertisers, then the house.
    let all = server.api("/balances").await["balances"].clone();
    let (mut paged, mut path) = (Vec::new(), "/balances?limit=2".to_owned());
    loop {
        let page = server.api(&path).await;
        paged.extend(page["balances"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => path = format!("/balances?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(Value::Array(paged), all);
    for query in ["kind=nobody", "currency=euro?", "cursor=x", "limit=0", "colour=red"] {
        assert_eq!(server.api_as(ADMIN, &format!("/balances?{query}")).await.status, 400, "{query}");
    }
}
