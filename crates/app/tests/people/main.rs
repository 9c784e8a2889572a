//! People, sessions, invitations and the second factor: over the router with a clock of the test's own, and by the
//! commands over the real binary.

#![allow(clippy::unwrap_used, reason = "a test")]

mod access;
mod commands;
mod invitations;
mod limits;
mod second_factor;
mod secrets;
mod sessions;
#[path = "../support/mod.rs"]
mod support;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use proofback_domain::click::Place;
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{Edit, Options, Store};
use proofback_web::{Ids, Opened, Seen, Session, Settings, SignIn, SignInRefused, Web};
use serde_json::{Value, json};
use support::{ADMIN, PROGRAM};
use tower::ServiceExt;

pub const PASSWORD: &str = "tram quilt 41 osprey";
pub const ANOTHER: &str = "osprey 41 quilt tram";

/// An installation whose time stands still.
pub struct World {
    pub web: Web,
    router: axum::Router,
    clock: Arc<AtomicI64>,
    pub directory: tempfile::TempDir,
}

/// A person who has taken up its invitation.
pub struct Invited {
    pub id: String,
    pub email: &'static str,
    pub token: String,
}

pub async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(1_800_000_000_000));
    let web = web(directory.path(), ADMIN, &clock).await;
    World { router: proofback_web::router(web.clone()), web, clock, directory }
}

async fn web(directory: &Path, admin: &str, clock: &Arc<AtomicI64>) -> Web {
    let on_fatal = Box::new(|error: &str| panic!("{error}"));
    let options = Options { readers: 2, fresh_key: [3; 16], facts: None, on_fatal };
    let store = Store::open(directory, options).unwrap();
    let now = Timestamp::from_millis(clock.load(Ordering::SeqCst));
    proofback_web::apply(&store, PROGRAM, Edit::by("test"), now, &|_| Ok("secret".into())).await.unwrap();
    let settings = Settings {
        click_wait: Duration::from_secs(1),
        trusted_proxies: Vec::new(),
        admin_token_hash: proofback_web::hash_token(admin),
        program_file: None,
    };
    let clock = Arc::clone(clock);
    let world = proofback_web::World {
        now: Arc::new(move || Timestamp::from_millis(clock.load(Ordering::SeqCst))),
        ticks: Arc::new(|| 0),
        resolve: Arc::new(|_| Ok("secret".into())),
        place: Arc::new(|_| Place::default()),
        free_bytes: Arc::new(|| None),
    };
    Web::new(store, settings, Ids::new(now, entropy(directory)), world, None)
}

/// Numbers that no two installations share, nor one before and after it was opened again.
fn entropy(directory: &Path) -> Arc<dyn Fn() -> u128 + Send + Sync> {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let seed = proofback_web::hash_token(&directory.display().to_string());
    Arc::new(move || {
        let number = DRAWN.fetch_add(1, Ordering::SeqCst);
        let hash = proofback_web::hash_token(&format!("{seed:?} {number}"));
        hash[..16].iter().fold(0, |number, byte| (number << 8) | u128::from(*byte))
    })
}

pub fn seen(ip: &str) -> Seen {
    Seen { ip: ip.parse::<IpAddr>().unwrap(), user_agent: "Firefox\u{7}/140".into() }
}

impl World {
    pub fn now(&self) -> Timestamp {
        self.web.now()
    }

    pub fn pass(&self, span: &str) {
        let millis = i64::try_from(Span::parse(span).unwrap().millis()).unwrap();
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// The same directory under another token of the operator's.
    pub async fn reopened(self, admin: &str) -> Self {
        let Self { web: old, router, clock, directory } = self;
        drop((old, router));
        let web = web(directory.path(), admin, &clock).await;
        Self { router: proofback_web::router(web.clone()), web, clock, directory }
    }

    pub async fn call(&self, method: Method, token: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// What must succeed, as the operator.
    pub async fn done(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, ADMIN, path, body).await;
        assert!((200..300).contains(&status), "{path}: {answer}");
        answer
    }

    pub async fn get(&self, path: &str) -> Value {
        self.done(Method::GET, path, Value::Null).await
    }

    /// The id and the secret of the link.
    pub async fn invite(&self, email: &str, role: &str) -> (String, String) {
        let body = json!({ "email": email, "name": "Ann Lee", "role": role });
        let invited = self.done(Method::POST, "/people", body).await;
        (invited["id"].as_str().unwrap().to_owned(), secret(&invited))
    }

    pub async fn person(&self, email: &'static str, role: &str) -> Invited {
        let (id, link) = self.invite(email, role).await;
        let opened = self.web.accept_invitation(&link, PASSWORD, &seen("203.0.113.1")).await.unwrap();
        Invited { id, email, token: opened.token }
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Result<Opened, SignInRefused> {
        self.sign_in_with_code(email, password, "").await
    }

    pub async fn sign_in_with_code(
        &self,
        email: &str,
        password: &str,
        code: &str,
    ) -> Result<Opened, SignInRefused> {
        let [email, password, code] = [email, password, code].map(str::to_owned);
        self.web.sign_in(&SignIn { email, password, code }, &seen("203.0.113.1")).await
    }

    pub async fn session(&self, token: &str) -> Option<Session> {
        self.web.session(token).await.unwrap()
    }

    pub async fn is_open(&self, token: &str) -> bool {
        self.session(token).await.is_some()
    }

    /// The newest deeds, newest first.
    pub async fn deeds(&self, count: usize) -> Vec<String> {
        let audit = self.get(&format!("/audit?limit={count}")).await;
        let deeds = audit["audit"].as_array().unwrap().iter();
        let tell = |deed: &Value| {
            let part = |name: &str| deed[name].as_str().unwrap().to_owned();
            format!("{} {} {}: {}", part("actor"), part("action"), part("subject"), part("reason"))
        };
        deeds.map(tell).collect()
    }
}

/// Of the link that an answer shows.
pub fn secret(answer: &Value) -> String {
    let link = answer["invitation"].as_str().unwrap();
    link.strip_prefix("http://127.0.0.1:8080/invitations/").unwrap().to_owned()
}
