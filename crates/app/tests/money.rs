//! What is earned, over HTTP: terms by link and tier, leads with several buyers, holds, rates, traffic sources.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use http::Method;
use proofback_testkit::Reply;
use serde_json::{Value, json};
use support::{ADMIN, PROGRAM, Server, write};

const MORE: &str = r#"
[[offer]]
id = "leads"
advertiser = "shop"
url = "https://leads.example/?cid={click_id}"
[[offer.goal]]
event = "lead"
approval = "auto"
[[offer.goal]]
event = "sold"
payout = "postback"
revenue = "postback"
approval = "auto"
duplicates = "new"

[[offer]]
id = "deposits"
advertiser = "shop"
url = "https://deposits.example/?cid={click_id}"
[[offer.goal]]
event = "ftd"
payout = "50 EUR + 10%"
revenue = "100 EUR"
min_amount = "20 EUR"
approval = "auto"
hold = "14d"
tiers = { per = "total", steps = [{ from = "1", payout = "60 EUR" }] }
[[offer.goal.terms]]
link = ["deposits-special"]
payout = "70 EUR"

[[partner]]
id = "pop"
kind = "traffic_source"
params = { click_id = "visitor", cost = "bid" }

[[link]]
id = "leads"
partner = "reelmedia"
offer = "leads"
[[link]]
id = "deposits"
partner = "reelmedia"
offer = "deposits"
[[link]]
id = "deposits-special"
partner = "reelmedia"
offer = "deposits"
[[link]]
id = "pop-deposits"
partner = "pop"
offer = "deposits"
"#;

struct World {
    server: Server,
    _directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let program = write(directory.path(), "more.toml", &format!("{PROGRAM}{MORE}"));
    let server = Server::start_with(directory.path(), &program, &[]);
    World { server, _directory: directory }
}

impl World {
    async fn post(&self, path: &str, body: String) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let url = format!("{}/api/v1{path}", self.server.url);
        self.server.http.send(Method::POST, &url, &[("authorization", &bearer)], body).await.unwrap()
    }

    async fn event(&self, link: &str, query: &str) -> Value {
        let click = self.server.click(link).await;
        self.server.get(&format!("/postback/shop?click_id={click}&{query}")).await.json().unwrap()
    }

    async fn conversion(&self, answer: &Value) -> Value {
        let id = answer["conversion_id"].as_str().unwrap_or_else(|| panic!("{answer}"));
        self.server.api(&format!("/conversions/{id}")).await
    }
}

#[tokio::test]
async fn a_conversion_says_by_which_terms_it_is_paid_and_since_when_it_may_be() {
    let world = world();
    let first =
        world.conversion(&world.event("deposits", "event=ftd&txid=D1&amount=100&currency=EUR").await).await;
    assert_eq!((&first["payout"], &first["terms"]), (&json!("60.00"), &json!("offer deposits, ftd")));
    let second =
        world.conversion(&world.event("deposits", "event=ftd&txid=D2&amount=100&currency=EUR").await).await;
    assert_eq!(second["terms"], "offer deposits, ftd, tier from 1");
    assert_eq!(second["payout"], "60.00");
    let special = world.event("deposits-special", "event=ftd&txid=D3&amount=100&currency=EUR").await;
    let special = world.conversion(&special).await;
    assert_eq!((&special["payout"], &special["terms"]), (&json!("70.00"), &json!("offer deposits, ftd, 2")));
    let small =
        world.conversion(&world.event("deposits", "event=ftd&txid=D4&amount=19.99&currency=EUR").await).await;
    assert_eq!((&small["payout"], &small["status"]), (&Value::Null, &json!("approved")));
    assert_eq!(special["reported"]["margin"], "30.00");
    // Approved, and on hold for two weeks.
    let asked = json!({ "partner": "reelmedia", "currency": "EUR", "up_to": "2099-12-31" }).to_string();
    let refused = world.post("/payouts", asked).await;
    assert_eq!((refused.status, &refused.json().unwrap()["code"]), (409, &json!("nothing_open")));
    assert_eq!(world.server.approved("reelmedia").await, "190.00 EUR");
}

#[tokio::test]
async fn a_lead_earns_a_commission_from_each_of_its_buyers() {
    let world = world();
    let click = world.server.click("leads").await;
    let tell = async |query: &str| {
        world.server.get(&format!("/postback/shop?click_id={click}&{query}")).await.json().unwrap()
    };
    assert_eq!(tell("event=lead&txid=L1").await["outcome"], "accepted");
    assert_eq!(world.server.approved("reelmedia").await, "0");
    tell("event=sold&txid=L1-alpha&payout=4&revenue=6&currency=EUR").await;
    tell("event=sold&txid=L1-beta&payout=7.50&revenue=10&currency=EUR").await;
    assert_eq!(
        tell("event=sold&txid=L1-alpha&payout=4&revenue=6&currency=EUR").await["outcome"],
        "duplicate"
    );
    assert_eq!(world.server.approved("reelmedia").await, "11.50 EUR");
    tell("event=chargeback&original_txid=L1-beta").await;
    assert_eq!(world.server.approved("reelmedia").await, "4.00 EUR");
}

#[tokio::test]
async fn an_amount_that_a_rule_must_convert_waits_for_its_rate_and_is_booked_with_it() {
    let world = world();
    let held = world.event("deposits", "event=ftd&txid=R1&amount=100&currency=USD").await;
    assert_eq!((&held["outcome"], &held["reason"]), (&json!("held"), &json!("rate_missing")));
    let id = held["conversion_id"].as_str().unwrap();
    assert_eq!(world.server.api(&format!("/conversions/{id}")).await["reported"]["rate_missing"], true);
    let today = world.server.api("/payouts/preview").await["up_to"].as_str().unwrap().to_owned();
    let file = format!("date,base,currency,rate\n{today},EUR,USD,1.25\n");
    let imported = world.post("/rates", file.clone()).await.json().unwrap();
    assert_eq!((&imported["added"], &imported["decided"]), (&json!(1), &json!(1)), "{imported}");
    // 50 EUR and a tenth of the 80 EUR that 100 USD are.
    assert_eq!(world.server.approved("reelmedia").await, "58.00 EUR");
    let entries = world.server.api(&format!("/ledger/entries?conversion_id={id}")).await;
    let rate = format!("1 EUR = 1.25 USD on {today}");
    assert!(entries["entries"].as_array().unwrap().iter().all(|entry| entry["rate"] == rate), "{entries}");
    assert_eq!(world.server.api(&format!("/conversions/{id}")).await["reported"]["amount"], "80.00");
    let direct = world.event("deposits", "event=ftd&txid=R2&amount=25.1&currency=USD").await;
    assert_eq!(world.server.approved("reelmedia").await, "118.00 EUR");
    // The same file again changes nothing; another value for the same day is refused, unless it is to replace it.
    assert_eq!(world.post("/rates", file.clone()).await.json().unwrap()["known"], 1);
    let other = file.replace("1.25", "1.26");
    let refused = world.post("/rates", other.clone()).await;
    assert_eq!((refused.status, &refused.json().unwrap()["code"]), (409, &json!("different_rates")));
    assert_eq!(world.post("/rates?replace=true", other).await.json().unwrap()["replaced"], 1);
    assert_eq!(world.server.approved("reelmedia").await, "118.00 EUR", "what is booked stays");
    // What was decided under the rates of then is proved under them: by those of now it would lie under the minimum.
    let replay = json!({ "postbacks": [direct["postback_id"]], "with_current_rules": false }).to_string();
    let proved = world.post("/replays", replay).await.json().unwrap();
    assert_eq!(
        (&proved["replays"][0]["changed"], &proved["replays"][0]["error"]),
        (&json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn a_rate_file_with_a_gap_is_told_and_one_with_a_broken_line_is_refused_whole() {
    let world = world();
    let gap =
        "date,base,currency,rate\n2026-11-16,EUR,USD,1.1\n2026-11-16,EUR,JPY,160\n2026-11-18,EUR,USD,1.2\n";
    let answer = world.post("/rates", gap.into()).await.json().unwrap();
    assert_eq!(answer["gaps"], json!(["2026-11-17 has no rates", "2026-11-18 has no rate of JPY for EUR"]));
    let broken = "date,base,currency,rate\n2026-11-19,EUR,USD,1.1\n2026-11-20,EUR,USD,minus\n";
    let refused = world.post("/rates", broken.into()).await;
    assert_eq!((refused.status, &refused.json().unwrap()["mistakes"][0]["line"]), (422, &json!(3)));
    assert_eq!(world.server.api("/rates").await["rates"].as_array().unwrap().len(), 3);
}

#[cfg(feature = "reports")]
#[tokio::test]
async fn a_traffic_source_earns_nothing_and_its_profit_is_revenue_less_cost() {
    let world = world();
    let click = world.server.get("/c/pop-deposits?visitor=V1&bid=0.25&format=json").await.json().unwrap();
    world.server.get("/c/pop-deposits?visitor=V2&bid=0.35&format=json").await;
    world.server.get("/c/pop-deposits?visitor=V3&bid=cheap&format=json").await;
    world.server.get("/c/pop-deposits?visitor=V4&bid=9&test=1&format=json").await;
    let query =
        format!("click_id={}&event=ftd&txid=P1&amount=50&currency=EUR", click["click_id"].as_str().unwrap());
    world.server.get(&format!("/postback/shop?{query}")).await;
    let profit = world.server.api("/partners/pop/profit").await;
    for (name, value) in [
        ("clicks", json!(3)),
        ("conversions", json!(1)),
        ("cost", json!("0.60")),
        ("revenue", json!("100.00")),
        ("payout", json!("0.00")),
        ("profit", json!("99.40")),
        ("without_rate", json!([])),
    ] {
        assert_eq!(profit[name], value, "{name} of {profit}");
    }
    assert_eq!(world.server.api("/partners/pop/profit?from=2026-01-01&to=2026-01-31").await["clicks"], 0);
}
