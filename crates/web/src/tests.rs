//! The API without sockets, as the pages of this process use it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use proofback_domain::click::Place;
use proofback_domain::time::Timestamp;
use proofback_store::{Options, Owner, Store};
use serde_json::Value;

use crate::{Caller, Ids, Inside, Role, Settings, Web, World, hash_token};

/// Over an empty store without a program.
pub fn web(directory: &std::path::Path) -> Web {
    let on_fatal = Box::new(|error: &str| panic!("{error}"));
    let options = Options { readers: 2, fresh_key: [7; 16], facts: None, on_fatal };
    let store = Store::open(directory, options).unwrap();
    let settings = Settings {
        click_wait: Duration::from_millis(250),
        trusted_proxies: Vec::new(),
        admin_token_hash: hash_token("a token that nobody has"),
    };
    let now = Timestamp::from_millis(1_795_244_760_000);
    let world = World {
        now: Arc::new(move || now),
        ticks: Arc::new(|| 0),
        resolve: Arc::new(|_| Ok(String::new())),
        place: Arc::new(|_: IpAddr| Place::default()),
    };
    Web::new(store, settings, Ids::new(now, Arc::new(|| 1)), world, None)
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
