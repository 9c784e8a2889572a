//! The API without sockets, as the pages of this process use it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use futures_util::{Stream, StreamExt};
use proofback_domain::click::Place;
use proofback_domain::time::Timestamp;
use proofback_store::{Edit, Options, Owner, Store};
use serde_json::Value;
use tower::ServiceExt;

use crate::{Caller, Ids, Inside, LivePostback, Role, Settings, Web, World, apply, hash_token, router};

const PROGRAM: &str =
    "[program]\nname = 'Test'\ncurrency = 'EUR'\n[[advertiser]]\nid = 'shop'\npostback = { open = true }\n";

/// Over an empty store without a program.
pub fn web(directory: &std::path::Path) -> Web {
    let on_fatal = Box::new(|error: &str| panic!("{error}"));
    let options = Options { readers: 2, fresh_key: [7; 16], facts: None, on_fatal };
    let store = Store::open(directory, options).unwrap();
    let settings = Settings {
        click_wait: Duration::from_millis(250),
        trusted_proxies: Vec::new(),
        admin_token_hash: hash_token("a token that nobody has"),
        program_file: None,
    };
    let now = Timestamp::from_millis(1_795_244_760_000);
    let world = World {
        now: Arc::new(move || now),
        ticks: Arc::new(|| 0),
        resolve: Arc::new(|_| Ok(String::new())),
        place: Arc::new(|_: IpAddr| Place::default()),
        free_bytes: Arc::new(|| None),
    };
    let entropy = AtomicU64::new(1);
    let entropy = Arc::new(move || u128::from(entropy.fetch_add(1, Ordering::Relaxed)));
    Web::new(store, settings, Ids::new(now, entropy), world, None)
}

pub fn caller(role: &str) -> Caller {
    Caller {
        name: "somebody".into(),
        role: Role::parse(role).unwrap(),
        owner: Owner::Operator,
        session: None,
    }
}

async fn ask(inside: &Inside, role: &str, method: Method, path: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = inside.call(caller(role), request).await;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_caller_who_is_known_needs_no_token_and_has_the_same_rights() {
    let directory = tempfile::tempdir().unwrap();
    let inside = Inside::new(web(directory.path()));
    let (status, body) = ask(&inside, "viewer", Method::GET, "/postbacks?limit=10").await;
    assert_eq!((status, &body["postbacks"]), (StatusCode::OK, &Value::Array(Vec::new())));
    for (role, method, path) in [
        ("partner:reelmedia", Method::GET, "/postbacks"),
        ("viewer", Method::PUT, "/program"),
        ("manager", Method::POST, "/tokens"),
        ("manager", Method::POST, "/payouts"),
    ] {
        let (status, body) = ask(&inside, role, method, path).await;
        assert_eq!((status, &body["code"]), (StatusCode::FORBIDDEN, &"forbidden".into()), "{role} {path}");
    }
    let (status, _) = ask(&inside, "partner:reelmedia", Method::GET, "/partners/other/balance").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, body) = ask(&inside, "viewer", Method::GET, "/openapi.json").await;
    assert_eq!((status, &body["openapi"]), (StatusCode::OK, &"3.1.0".into()));
    for path in ["/nothing", "/healthz", "/api/v1/postbacks"] {
        let (status, body) = ask(&inside, "admin", Method::GET, path).await;
        assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &"not_found".into()), "{path}");
    }
}

/// What names no click is refused, and is a decision all the same.
async fn refuse(web: &Web, count: usize) {
    for number in 0..count {
        let path = format!("/postback/shop?click_id=nonsense{number}");
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router(web.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}

/// The next ones; what does not come is a failure, and not an endless wait.
async fn next(stream: &mut (impl Stream<Item = LivePostback> + Unpin), count: usize) -> Vec<LivePostback> {
    let coming = tokio::time::timeout(Duration::from_secs(30), stream.take(count).collect());
    coming.await.expect("decisions in time")
}

fn named(seen: &[LivePostback]) -> Vec<&str> {
    seen.iter().map(|one| one.postback["params"][0]["value"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn whoever_falls_behind_misses_nothing_and_sees_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let web = web(directory.path());
    apply(&web.store, PROGRAM, Edit::by("test"), web.now(), &|_| Ok(String::new())).await.unwrap();
    let staff = caller("viewer");
    let refused = web.postbacks_live(&caller("partner:reelmedia"), None, None).await.err().unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let mut quick = std::pin::pin!(web.postbacks_live(&staff, None, None).await.unwrap());
    let mut slow = std::pin::pin!(web.postbacks_live(&staff, None, None).await.unwrap());
    refuse(&web, 40).await;
    let seen = next(&mut quick, 40).await;
    let expected: Vec<String> = (0..40).map(|number| format!("nonsense{number}")).collect();
    assert_eq!(named(&seen), expected);
    // What the other one has not taken is kept for him no longer: he reads it himself.
    let late = next(&mut slow, 40).await;
    assert_eq!(named(&late), expected);
    assert!(seen.iter().zip(&late).all(|(one, other)| one.id == other.id));
    refuse(&web, 1).await;
    assert_eq!(named(&next(&mut quick, 1).await), ["nonsense0"]);
    assert_eq!(named(&next(&mut slow, 1).await), ["nonsense0"]);
    web.end_streams();
    assert!(quick.next().await.is_none() && slow.next().await.is_none());
}
