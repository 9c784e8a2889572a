//! The ad platforms' conversion APIs: one server that refuses what their manuals say they refuse, and answers like them.
//!
//! Made from the manuals alone, like everything here: it knows nothing of how the product builds its requests.

mod google;
mod meta;
mod microsoft;
mod rules;
mod tiktok;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::loopback::Loopback;

/// What is kept without end would fill the memory of whoever forgets this server.
const KEPT_MAX: usize = 100_000;

/// A running server for all platforms; every platform's paths are its own.
pub struct ConversionApis {
    server: Loopback,
    shared: Arc<Mutex<World>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    Meta,
    GoogleAds,
    GoogleDataManager,
    TikTok,
    Microsoft,
}

/// A conversion that a platform took.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub network: Network,
    pub event: Value,
    /// Whether it only looked at it.
    pub test: bool,
}

/// The server's clock and memory.
pub struct World {
    /// Unix seconds.
    now: i64,
    kept: Vec<Kept>,
    /// What was counted, by what each platform knows it again by.
    known: BTreeSet<(Network, String)>,
    requests: u32,
    /// The access token that was given last, and when it ends.
    token: Option<(String, i64)>,
    tokens: u32,
    /// Click id = the code with which its conversion is refused.
    refused: BTreeMap<String, String>,
    /// Answers that stand in for the next ones.
    next: Vec<(u16, String)>,
}

/// One request, taken apart.
pub struct Asked<'a> {
    pub path: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a str,
}

pub type Reply = (u16, Value);

impl ConversionApis {
    pub const ACCESS_TOKEN: &'static str = "permanent-access-token";
    pub const DEVELOPER_TOKEN: &'static str = "developer-token";
    pub const CLIENT_ID: &'static str = "client-id";
    pub const CLIENT_SECRET: &'static str = "client-secret";
    pub const REFRESH_TOKEN: &'static str = "refresh-token";
    /// How long an access token lives, in seconds.
    pub const TOKEN_SECONDS: i64 = 3_600;

    /// `now` in Unix seconds: the server has no clock of its own.
    pub async fn start(now: i64) -> std::io::Result<Self> {
        let world = World {
            now,
            kept: Vec::new(),
            known: BTreeSet::new(),
            requests: 0,
            token: None,
            tokens: 0,
            refused: BTreeMap::new(),
            next: Vec::new(),
        };
        let shared = Arc::new(Mutex::new(world));
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        Ok(Self { server: Loopback::serve(router).await?, shared })
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn set_now(&self, now: i64) {
        lock(&self.shared).now = now;
    }

    /// From now on the conversion of this click is refused with a code of the platform.
    pub fn refuse(&self, click_id: &str, code: &str) {
        lock(&self.shared).refused.insert(click_id.to_owned(), code.to_owned());
    }

    /// The next request is answered so, whatever it says.
    pub fn answer_next(&self, status: u16, body: &str) {
        lock(&self.shared).next.push((status, body.to_owned()));
    }

    /// What was taken, in its order, each conversion once.
    pub fn kept(&self, network: Network) -> Vec<Kept> {
        lock(&self.shared).kept.iter().filter(|kept| kept.network == network).cloned().collect()
    }

    pub fn requests(&self) -> u32 {
        lock(&self.shared).requests
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(
    State(shared): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut world = lock(&shared);
    world.requests = world.requests.saturating_add(1);
    let answer = |status: u16, body: String| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [("content-type", "application/json")], body).into_response()
    };
    if let Some((status, body)) = world.next.pop() {
        return answer(status, body);
    }
    let text = std::str::from_utf8(&body).unwrap_or_default();
    if method != Method::POST || uri.query().is_some() || KEPT_MAX <= world.kept.len() {
        return answer(405, "{}".to_owned());
    }
    let asked = Asked { path: uri.path(), headers: &headers, body: text };
    let (status, json) = world.route(&asked);
    answer(status, json.to_string())
}

impl Asked<'_> {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(self.body).unwrap_or(Value::Null)
    }

    fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

impl World {
    fn route(&mut self, asked: &Asked<'_>) -> Reply {
        let path: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
        match path.as_slice() {
            ["token"] => self.give_token(asked, false),
            [_, "oauth2", "v2.0", "token"] => self.give_token(asked, true),
            [version, dataset, "events"] if version.starts_with('v') => meta::take(self, asked, dataset),
            [version, "customers", rest] if version.starts_with('v') => google::take(self, asked, rest),
            ["v1", "events:ingest"] => google::ingest(self, asked),
            ["open_api", "v1.3", "event", "track"] => tiktok::take(self, asked),
            ["CampaignManagement", "v13", "OfflineConversions", "Apply"] => microsoft::take(self, asked),
            _ => (404, json!({})),
        }
    }

    /// Gives an access token for the refresh token; each time another one, and only the last is good.
    fn give_token(&mut self, asked: &Asked<'_>, microsoft: bool) -> Reply {
        let form = asked.form();
        let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
        if !is("grant_type", "refresh_token") {
            return (400, json!({"error": "unsupported_grant_type"}));
        }
        if !is("client_id", ConversionApis::CLIENT_ID) || !is("client_secret", ConversionApis::CLIENT_SECRET)
        {
            return (401, json!({"error": "invalid_client", "error_description": asked.body}));
        }
        let scoped = !microsoft || is("scope", "https://ads.microsoft.com/msads.manage offline_access");
        if !is("refresh_token", ConversionApis::REFRESH_TOKEN) || !scoped {
            return (400, json!({"error": "invalid_grant", "error_description": asked.body}));
        }
        self.tokens = self.tokens.saturating_add(1);
        let token = format!("access-token-{}", self.tokens);
        self.token = Some((token.clone(), self.now.saturating_add(ConversionApis::TOKEN_SECONDS)));
        (
            200,
            json!({"access_token": token, "expires_in": ConversionApis::TOKEN_SECONDS, "token_type": "Bearer"}),
        )
    }

    /// Whether the request carries the access token that was given last, in time.
    fn has_token(&self, asked: &Asked<'_>) -> bool {
        let given = asked.header("authorization").strip_prefix("Bearer ");
        self.token.as_ref().is_some_and(|(token, ends)| given == Some(token) && self.now < *ends)
    }

    fn refusal(&self, click_id: &Value) -> Option<&String> {
        self.refused.get(click_id.as_str().unwrap_or_default())
    }

    /// Counts a conversion; `false` where it was counted before.
    fn keep(&mut self, network: Network, key: String, event: &Value, test: bool) -> bool {
        let is_new = test || self.known.insert((network, key));
        if is_new {
            self.kept.push(Kept { network, event: event.clone(), test });
        }
        is_new
    }
}
