//! Where visitors are, over HTTP: what a click knows of its place, and what routing and terms make of it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use proofback_testkit::mmdb::{self, Edition};
use serde_json::{Value, json};
use support::{PROGRAM, Server, proofback, stderr, write};

/// Before the server's clock by more than 45 days, whenever this runs.
const BUILT: u64 = 1_700_000_000;

const MORE: &str = r#"
[[offer]]
id = "leads"
advertiser = "shop"
url = "https://leads.example/{country}?cid={click_id}"
[[offer.goal]]
event = "lead"
payout = "1 EUR"
approval = "auto"
[[offer.goal.terms]]
country = ["AT"]
payout = "7 EUR"

[[link]]
id = "leads"
partner = "reelmedia"
offer = "leads"

[[link]]
id = "by-country"
partner = "reelmedia"
routes = [
  { offer = "leads", when = { country = ["AT"] } },
  { offer = "shop-sale", when = { country = ["DE", "FR"] } },
]
fallback_url = "https://fallback.example/?c={country}"
"#;

fn geo_files(directory: &Path) -> [PathBuf; 2] {
    let country = |code: &str| json!({ "country": { "iso_code": code } });
    let countries = [
        ("198.51.100.0/24", country("AT")),
        ("203.0.113.0/24", country("DE")),
        ("2001:db8::/32", country("FR")),
        // A mistake of the file: no address of a machine's own is anywhere.
        ("127.0.0.0/8", country("AT")),
    ];
    let cities = [(
        "203.0.113.0/25",
        json!({ "country_code": "DE", "state1": "Bavaria", "city": "Munich", "autonomous_system_number": 64_500 }),
    )];
    let files = [("countries.mmdb", 6, &countries[..]), ("cities.mmdb", 4, &cities[..])];
    files.map(|(name, ip_version, networks)| {
        let path = directory.join(name);
        std::fs::write(&path, mmdb::write(Edition { ip_version, built: BUILT }, networks)).unwrap();
        path
    })
}

struct World {
    server: Server,
    _directory: tempfile::TempDir,
}

/// A server that knows the places, behind these proxies.
fn world(proxies: &str) -> World {
    let directory = tempfile::tempdir().unwrap();
    let program = write(directory.path(), "program.toml", &format!("{PROGRAM}{MORE}"));
    let files = geo_files(directory.path()).map(|path| path.to_str().unwrap().to_owned()).join(",");
    let arguments = ["--geo", files.as_str(), "--trusted-proxies", proxies];
    World { server: Server::start_with(directory.path(), &program, &arguments), _directory: directory }
}

impl World {
    /// A click of a visitor whose address a proxy names like this, with more headers.
    async fn click(&self, link: &str, forwarded_for: &str, headers: &[(&str, &str)]) -> Value {
        let url = format!("{}/c/{link}?format=json", self.server.url);
        let headers: Vec<(&str, &str)> =
            [("x-forwarded-for", forwarded_for)].iter().chain(headers).copied().collect();
        let reply = self.server.http.get_with(&url, &headers).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        let id = reply.json().unwrap()["click_id"].as_str().unwrap().to_owned();
        self.server.api(&format!("/clicks/{id}")).await
    }

    async fn place(&self, forwarded_for: &str, headers: &[(&str, &str)]) -> [Value; 4] {
        let click = self.click("reelmedia-de", forwarded_for, headers).await;
        ["country", "region", "city", "asn"].map(|name| click[name].clone())
    }
}

const TRUSTED: &str = "127.0.0.0/8";

#[tokio::test]
async fn a_click_knows_its_place_as_far_as_the_files_do() {
    let world = world(TRUSTED);
    let nothing = Value::Null;
    for (address, wanted) in [
        ("203.0.113.9", ["DE", "Bavaria", "Munich", "64500"].map(Value::from)),
        ("::ffff:203.0.113.9", ["DE", "Bavaria", "Munich", "64500"].map(Value::from)),
        ("203.0.113.200", ["DE".into(), nothing.clone(), nothing.clone(), nothing.clone()]),
        ("2001:db8::9", ["FR".into(), nothing.clone(), nothing.clone(), nothing.clone()]),
        ("192.0.2.1", [(); 4].map(|()| nothing.clone())),
        ("10.0.0.1", [(); 4].map(|()| nothing.clone())),
        ("127.0.0.1", [(); 4].map(|()| nothing.clone())),
    ] {
        assert_eq!(world.place(address, &[]).await, wanted, "{address}");
    }
    let click = world.click("reelmedia-de", "203.0.113.9", &[]).await;
    let trace = world.server.api(&format!("/trace/{}", click["click_id"].as_str().unwrap())).await;
    assert_eq!(trace["click"]["city"], "Munich");
    assert_eq!(trace["timeline"][0]["asn"], "64500");
}

#[tokio::test]
async fn a_proxy_s_word_for_the_country_comes_first_and_no_city_of_another_country_stays() {
    let world = world(TRUSTED);
    let said = world.place("203.0.113.9", &[("cf-ipcountry", "FR")]).await;
    assert_eq!(said, ["FR".into(), Value::Null, Value::Null, "64500".into()]);
    let agreed = world.place("203.0.113.9", &[("cf-ipcountry", "DE")]).await;
    assert_eq!(agreed, ["DE", "Bavaria", "Munich", "64500"].map(Value::from));
}

#[tokio::test]
async fn what_a_stranger_claims_changes_no_country() {
    let untrusting = world("192.0.2.0/24");
    for address in ["203.0.113.9", "198.51.100.1", "203.0.113.9, 192.0.2.1"] {
        let claims = [("x-real-ip", address), ("cf-ipcountry", "DE"), ("forwarded", "for=203.0.113.9")];
        assert_eq!(untrusting.place(address, &claims).await, [(); 4].map(|()| Value::Null), "{address}");
    }
    // Behind a trusted proxy, what stands before the last hop is the visitor's own claim.
    let trusting = world(TRUSTED);
    assert_eq!(trusting.place("203.0.113.9, 198.51.100.1", &[]).await[0], "AT");
}

#[tokio::test]
async fn a_route_is_chosen_by_the_country_of_the_address() {
    let world = world(TRUSTED);
    for (address, url) in [
        ("198.51.100.1", "https://leads.example/AT?cid="),
        ("203.0.113.9", "https://shop.example/?cid="),
        ("2001:db8::9", "https://shop.example/?cid="),
        ("192.0.2.1", "https://fallback.example/?c="),
    ] {
        let link = format!("{}/c/by-country", world.server.url);
        let reply = world.server.http.get_with(&link, &[("x-forwarded-for", address)]).await.unwrap();
        assert_eq!(reply.status, 302);
        let location = reply.header("location").unwrap();
        assert!(location.starts_with(url), "{address}: {location}");
    }
}

#[tokio::test]
async fn a_lead_is_paid_by_the_terms_for_the_country_of_its_click() {
    let world = world(TRUSTED);
    let mut paid = Vec::new();
    for (address, txid) in [("203.0.113.9", "A"), ("198.51.100.1", "B"), ("192.0.2.1", "C")] {
        let click = world.click("leads", address, &[]).await;
        let click = click["click_id"].as_str().unwrap();
        let path = format!("/postback/shop?click_id={click}&txid={txid}&event=lead");
        assert_eq!(world.server.get(&path).await.json().unwrap()["reason"], "ok");
        paid.push(world.server.approved("reelmedia").await);
    }
    assert_eq!(paid, ["1.00 EUR", "8.00 EUR", "9.00 EUR"]);
}

#[tokio::test]
async fn without_geo_data_a_click_is_kept_and_its_place_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &["--trusted-proxies", TRUSTED]);
    let world = World { server, _directory: directory };
    assert_eq!(world.place("203.0.113.9", &[]).await, [(); 4].map(|()| Value::Null));
    let said = world.place("203.0.113.9", &[("cf-ipcountry", "DE")]).await;
    assert_eq!(said, ["DE".into(), Value::Null, Value::Null, Value::Null]);
}

#[test]
fn a_file_that_is_missing_or_broken_stops_the_start_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let [good, _] = geo_files(directory.path());
    let broken = write(directory.path(), "broken.mmdb", "no geo data");
    for bad in [directory.path().join("missing.mmdb"), broken] {
        let list = format!("{},{}", good.display(), bad.display());
        let data = directory.path().join("data");
        let mut command = proofback(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
        command.env("PROOFBACK_GEO", list).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.is_empty() {
            // What began does not end by itself.
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(line, "", "it began");
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains(&format!("--geo {} cannot be read: ", bad.display())), "{said}");
        assert!(!data.exists(), "nothing was begun");
    }
}

#[tokio::test]
async fn the_age_of_the_data_is_in_the_metrics() {
    let world = world(TRUSTED);
    let metrics = world.server.get("/metrics").await.body;
    let is_wanted =
        |line: &&str| line.starts_with("proofback_geo_age_seconds{") && line.contains("cities.mmdb\"}");
    let line = metrics.lines().find(is_wanted).unwrap_or_else(|| panic!("{metrics}"));
    let age: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now - BUILT - 600 < age && age <= now - BUILT, "{age}");
}
