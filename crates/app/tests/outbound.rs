//! From a click with a platform's id to the conversion on that platform: off until it was tested, in batches, an
//! outcome for each.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use proofback_testkit::{ConversionApis, Network};
use serde_json::{Value, json};
use support::{ADMIN, PROGRAM, Server, write};

/// The second at which the platform's clock stands: an hour from now, so that nothing of this test is to come there.
fn an_hour_from_now() -> i64 {
    let now: i64 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap();
    now + 3600
}

/// The test program with a connection of its partner.
fn program(directory: &Path, connection: &str) -> std::path::PathBuf {
    let name = "name = \"Reel Media\"\n";
    let connection = format!("[[partner.conversion_api]]\nid = \"ads\"\n{connection}\n");
    write(directory, "ads.toml", &PROGRAM.replace(name, &format!("{name}{connection}")))
}

/// A secret in a file, as its reference.
fn secret(directory: &Path, name: &str, value: &str) -> String {
    format!("file:{}", write(directory, name, value).display())
}

async fn sale(server: &Server, ids: &str, txid: &str) -> String {
    let reply = server.get(&format!("/c/reelmedia-shop?{ids}&format=json")).await.json().unwrap();
    let click = reply["click_id"].as_str().unwrap().to_owned();
    let query = format!("click_id={click}&event=sale&txid={txid}&amount=10&currency=EUR&revenue=3");
    let reply = server.get(&format!("/postback/shop?{query}")).await.json().unwrap();
    assert_eq!(reply["reason"], "ok", "{reply}");
    click
}

async fn post(server: &Server, path: &str, body: Value) -> Value {
    let url = format!("{}/api/v1{path}", server.url);
    let bearer = format!("Bearer {ADMIN}");
    let headers = [("authorization", bearer.as_str())];
    let reply = server.http.send(Method::POST, &url, &headers, body.to_string()).await.unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.json().unwrap()
}

/// The deliveries to the platform, newest first, when none of them waits any more.
async fn ended(server: &Server, count: usize) -> Vec<Value> {
    for _ in 0..20_000 {
        let rows = server.every_of("deliveries", "deliveries").await;
        if rows.len() == count && rows.iter().all(|row| row["state"] != "pending") {
            return rows;
        }
    }
    panic!("{:#?}", server.every("deliveries").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_off_until_it_was_tested_and_then_tells_all_that_waited() {
    let platform = ConversionApis::start(an_hour_from_now()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let token = secret(directory.path(), "meta.token", ConversionApis::ACCESS_TOKEN);
    let connection = format!(
        "api = \"meta\"\nbase_url = \"{}\"\nevent_names = {{ sale = \"Purchase\" }}\n\
         settings = {{ dataset = \"123456\", access_token = \"{token}\", test_event_code = \"TEST1\", action_source = \"system_generated\" }}",
        platform.url()
    );
    let program = program(directory.path(), &connection);
    let server = Server::start_with(directory.path(), &program, &["--allow-private-targets"]);
    for number in 0..3 {
        sale(&server, &format!("fbclid=Fb.{number}"), &format!("S{number}")).await;
    }
    let target = server.api("/targets/ads").await;
    assert_eq!(
        (target["state"].as_str(), target["backlog"]["pending"].as_u64()),
        (Some("untested"), Some(3))
    );
    assert_eq!((platform.requests(), target["kind"].as_str()), (0, Some("conversion_api")));
    let tested = post(&server, "/targets/ads/test", json!({ "values": { "fbclid": "Fb.test" } })).await;
    assert_eq!(tested["state"], "delivered", "{tested}");
    let rows = ended(&server, 4).await;
    assert!(rows.iter().all(|row| row["state"] == "delivered"), "{rows:#?}");
    let kept = platform.kept(Network::Meta);
    let sent: Vec<bool> = kept.iter().map(|kept| kept.test).collect();
    assert_eq!(sent, [true, false, false, false], "the test is none of the conversions");
    let value = |kept: &proofback_testkit::Kept| kept.event["custom_data"]["value"].to_string();
    assert_eq!(kept[1..].iter().map(value).collect::<Vec<_>>(), ["3.00"; 3]);
    assert!(platform.requests() <= 3, "what waited shares requests: {}", platform.requests());
    for row in &rows {
        let id = row["delivery_id"].as_str().unwrap();
        let shown = server.api(&format!("/deliveries/{id}")).await.to_string();
        assert!(shown.contains("/events") && !shown.contains(ConversionApis::ACCESS_TOKEN), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_of_a_batch_has_an_outcome_of_its_own_and_one_token_serves_all() {
    let platform = ConversionApis::start(an_hour_from_now()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let connection = format!(
        "api = \"google_ads\"\nbase_url = \"{}\"\nevent_names = {{ sale = \"987\" }}\n\
         settings = {{ customer_id = \"1234567890\", client_id = \"{}\", client_secret = \"{}\", refresh_token = \"{}\", \
         developer_token = \"{}\" }}",
        platform.url(),
        secret(path, "id", ConversionApis::CLIENT_ID),
        secret(path, "client", ConversionApis::CLIENT_SECRET),
        secret(path, "refresh", ConversionApis::REFRESH_TOKEN),
        secret(path, "developer", ConversionApis::DEVELOPER_TOKEN),
    );
    let program = program(path, &connection);
    let server = Server::start_with(path, &program, &["--allow-private-targets"]);
    platform.refuse("gone", "CLICK_NOT_FOUND");
    for (number, gclid) in ["good-1", "gone", "good-2", ""].into_iter().enumerate() {
        sale(&server, &format!("gclid={gclid}"), &format!("S{number}")).await;
    }
    let tested = post(&server, "/targets/ads/test", json!({ "values": { "gclid": "test-1" } })).await;
    assert_eq!(tested["state"], "delivered", "{tested}");
    let rows = ended(&server, 5).await;
    let errors: Vec<&str> = rows.iter().rev().map(|row| row["last_error"].as_str().unwrap_or("")).collect();
    assert_eq!((errors[0], errors[2], errors[4]), ("", "", ""), "{errors:?}");
    assert!(errors[1].starts_with("declined: ") && errors[1].contains("CLICK_NOT_FOUND"), "{errors:?}");
    assert!(errors[3].starts_with("declined: "), "no click id of theirs: {errors:?}");
    let kept = platform.kept(Network::GoogleAds);
    assert_eq!(kept.iter().filter(|kept| !kept.test).count(), 2);
    // One for the token, one for the test, and those of the batch.
    assert!(platform.requests() <= 4, "{}", platform.requests());
}
