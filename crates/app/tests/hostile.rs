//! Hostile addresses by every way in which one can be entered and used: a program that is put in force, a later one,
//! a test delivery, a conversion's delivery, an import's. A listener on this machine is never connected to.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::net::SocketAddr;
use std::path::Path;

use http::Method;
use proofback_testkit::{Reply, hostile_urls};
use serde_json::{Value, json};
use support::{ADMIN, PROGRAM, Server, write};
use tokio::net::{TcpListener, TcpStream};

async fn send(server: &Server, method: Method, path: &str, body: String) -> Reply {
    let bearer = format!("Bearer {ADMIN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/csv")];
    server.http.send(method, &format!("{}/api/v1{path}", server.url), &headers, body).await.unwrap()
}

/// The program with a hostile address in each place that takes one.
fn program(url: &str, secret: &Path) -> String {
    let quoted = serde_json::to_string(url).unwrap();
    let name = "name = \"Reel Media\"\n";
    let postback =
        format!("[[partner.postback]]\nid = \"hostile\"\nurl = {quoted}\non = [\"conversion.created\"]\n");
    let webhook = format!(
        "[[webhook]]\nid = \"hook\"\nurl = {quoted}\nsecret = \"file:{}\"\non = [\"conversion.created\"]\n",
        secret.display()
    );
    format!("{}\n{webhook}", PROGRAM.replace(name, &format!("{name}{postback}")))
}

async fn test(server: &Server, target: &str) -> Value {
    let reply = send(server, Method::POST, &format!("/targets/{target}/test"), json!({}).to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hostile_address_is_connected_to_by_any_way_in() {
    let canary = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    // Where the machine has no IPv6, nobody can connect over it either.
    let newer = TcpListener::bind(("::1", port)).await.ok();
    let directory = tempfile::tempdir().unwrap();
    let secret = write(directory.path(), "hook.secret", "a secret of 24 bytes or more");
    let server = Server::start(directory.path(), &[]);
    let (mut refused, mut tried, mut private) = (0, 0, 0);
    for (number, url) in hostile_urls(port).iter().enumerate() {
        let put = send(&server, Method::PUT, "/program", program(url, &secret)).await;
        if put.status != 200 {
            assert_eq!(put.status, 422, "{url}: {}", put.body);
            refused += 1;
            continue;
        }
        tried += 1;
        for target in ["hostile", "hook"] {
            let tested = test(&server, target).await;
            assert_eq!(tested["state"], "failed", "{url}: {tested}");
            private += usize::from(tested["error"] == "private_address");
        }
        let click = server.click("reelmedia-shop").await;
        let query = format!("click_id={click}&event=sale&txid=S{number}&amount=10&currency=EUR");
        assert_eq!(server.get(&format!("/postback/shop?{query}")).await.status, 200);
        let click = server.click("reelmedia-shop").await;
        let line = format!("click_id,txid,event,amount,currency\n{click},I{number},sale,10,EUR\n");
        let imported = send(&server, Method::POST, "/imports?advertiser=shop", line).await;
        assert_eq!(imported.status, 200, "{}", imported.body);
    }
    assert!(
        refused > 10 && tried > 30 && private > 80,
        "{refused} refused, {tried} tried, {private} private"
    );
    let mut rows = server.every("deliveries").await;
    for _ in 0..20_000 {
        if rows.iter().all(|row| row["attempts"] != 0) {
            break;
        }
        rows = server.every("deliveries").await;
    }
    assert!(rows.iter().all(|row| row["attempts"] != 0 && row["state"] != "delivered"), "{rows:#?}");
    assert!(rows.len() >= 6 * tried, "{} deliveries", rows.len());
    untouched(&canary, SocketAddr::from(([127, 0, 0, 1], port))).await;
    if let Some(newer) = newer {
        untouched(&newer, newer.local_addr().unwrap()).await;
    }
}

/// Nobody connected before we do.
async fn untouched(canary: &TcpListener, address: SocketAddr) {
    let own = TcpStream::connect(address).await.unwrap();
    let (_, first) = canary.accept().await.unwrap();
    assert_eq!(first, own.local_addr().unwrap(), "somebody connected before");
}
