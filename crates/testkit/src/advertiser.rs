//! An advertiser's site: keeps the click id that a visitor landed with, and reports what his orders become.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::Method;

use crate::http::{Http, HttpError, Reply, encode};
use crate::loopback::Loopback;

/// Visitors beyond this are turned away: the site is not to grow without end.
const VISITORS_MAX: usize = 1_000_000;

/// A running site of one advertiser.
pub struct AdvertiserSite {
    server: Loopback,
    options: SiteOptions,
    http: Http,
    tables: Arc<Mutex<Tables>>,
}

/// How an advertiser presents himself.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// The advertiser's id in the postback address.
    pub advertiser: String,
    pub token: String,
    pub dialect: Dialect,
}

/// The advertiser's own words, as (ours, theirs); what is not listed he says in ours.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dialect {
    pub names: &'static [(&'static str, &'static str)],
    pub events: &'static [(&'static str, &'static str)],
    pub statuses: &'static [(&'static str, &'static str)],
}

/// One postback to send.
#[derive(Debug, Clone)]
pub struct Report {
    /// The order whose click id is sent.
    pub order: String,
    pub click: ReportedClick,
    /// Our field's name and its value, in our words; a name may stand twice.
    pub fields: Vec<(&'static str, String)>,
    pub token: ReportedToken,
    pub way: Way,
    pub path: Path,
    /// The address it seems to come from, where a trusted proxy says so.
    pub from: Option<String>,
}

/// In what state the stored click id is sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedClick {
    AsStored,
    UpperCased,
    /// Cut to so many characters, as by a column that is too short.
    CutTo(usize),
    /// With another last character.
    Altered,
    /// This text in its place.
    Instead(String),
    /// The parameter is not there at all.
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportedToken {
    Right,
    Wrong,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Get,
    PostForm,
    PostJson,
}

/// Which postback address is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// `/postback/{advertiser}`
    Own,
    /// `/postback`: the click names the advertiser.
    Plain,
    /// `/postback/` and this.
    Other(String),
}

#[derive(Default)]
struct Tables {
    /// Visitor = the click id that he landed with last.
    visitors: HashMap<String, String>,
    /// Order = the click id that its visitor had.
    orders: HashMap<String, String>,
}

impl Report {
    /// Everything as it should be: the stored click id, the token, the advertiser's own address.
    pub fn new(order: impl Into<String>) -> Self {
        Self {
            order: order.into(),
            click: ReportedClick::AsStored,
            fields: Vec::new(),
            token: ReportedToken::Right,
            way: Way::Get,
            path: Path::Own,
            from: None,
        }
    }

    pub fn with(mut self, field: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((field, value.into()));
        self
    }

    pub fn click(self, click: ReportedClick) -> Self {
        Self { click, ..self }
    }

    pub fn token(self, token: ReportedToken) -> Self {
        Self { token, ..self }
    }

    pub fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    pub fn to(self, path: Path) -> Self {
        Self { path, ..self }
    }

    pub fn from(self, address: impl Into<String>) -> Self {
        Self { from: Some(address.into()), ..self }
    }
}

impl AdvertiserSite {
    pub async fn start(options: SiteOptions) -> std::io::Result<Self> {
        let tables = Arc::<Mutex<Tables>>::default();
        let router = Router::new().route("/lp/{offer}", get(land)).with_state(Arc::clone(&tables));
        Ok(Self { server: Loopback::serve(router).await?, options, http: Http::new(), tables })
    }

    /// Its address without a path.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The click id that a visitor landed with.
    pub fn click_of(&self, visitor: &str) -> Option<String> {
        lock(&self.tables).visitors.get(visitor).cloned()
    }

    /// Keeps a visitor's click id with his order; `false` for a visitor who never landed.
    pub fn place_order(&self, visitor: &str, order: &str) -> bool {
        let mut tables = lock(&self.tables);
        let Some(click_id) = tables.visitors.get(visitor).cloned() else {
            return false;
        };
        tables.orders.insert(order.to_owned(), click_id);
        true
    }

    /// Keeps an order with a click id from elsewhere, as after a mix-up.
    pub fn keep_order(&self, order: &str, click_id: &str) {
        lock(&self.tables).orders.insert(order.to_owned(), click_id.to_owned());
    }

    /// Sends a postback to the Proofback at `base`.
    pub async fn report(&self, base: &str, report: &Report) -> Result<Reply, HttpError> {
        let path = match &report.path {
            Path::Own => format!("/postback/{}", self.options.advertiser),
            Path::Plain => "/postback".to_owned(),
            Path::Other(name) => format!("/postback/{name}"),
        };
        let url = format!("{base}{path}");
        let pairs = self.pairs(report);
        let mut headers: Vec<(&str, &str)> = Vec::new();
        if let Some(from) = &report.from {
            headers.push(("x-forwarded-for", from));
        }
        match report.way {
            Way::Get => {
                let url = format!("{url}?{}", encode(&pairs));
                self.http.get_with(&url, &headers).await
            }
            Way::PostForm => {
                headers.push(("content-type", "application/x-www-form-urlencoded"));
                self.http.send(Method::POST, &url, &headers, encode(&pairs)).await
            }
            Way::PostJson => {
                headers.push(("content-type", "application/json"));
                self.http.send(Method::POST, &url, &headers, json(&pairs)).await
            }
        }
    }

    /// The postback's parameters, in the advertiser's words.
    fn pairs(&self, report: &Report) -> Vec<(String, String)> {
        let dialect = &self.options.dialect;
        let stored = lock(&self.tables).orders.get(&report.order).cloned().unwrap_or_default();
        let click = sent_click_id(&report.click, stored).map(|id| ("click_id", id));
        let token = match report.token {
            ReportedToken::Right => Some(self.options.token.clone()),
            ReportedToken::Wrong => Some("not-the-token".to_owned()),
            ReportedToken::Missing => None,
        };
        let fields = click.into_iter().chain(report.fields.iter().cloned());
        let pairs = fields.chain(token.map(|token| ("token", token))).map(|(name, value)| {
            let value = match name {
                "event_type" => theirs(dialect.events, &value).to_owned(),
                "status" => theirs(dialect.statuses, &value).to_owned(),
                _ => value,
            };
            (theirs(dialect.names, name).to_owned(), value)
        });
        pairs.collect()
    }
}

fn theirs<'a>(words: &[(&'static str, &'static str)], ours: &'a str) -> &'a str {
    words.iter().find(|(known, _)| *known == ours).map_or(ours, |(_, theirs)| theirs)
}

fn sent_click_id(click: &ReportedClick, stored: String) -> Option<String> {
    match click {
        ReportedClick::AsStored => Some(stored),
        ReportedClick::UpperCased => Some(stored.to_uppercase()),
        ReportedClick::CutTo(length) => Some(stored.chars().take(*length).collect()),
        ReportedClick::Altered => {
            let mut altered = stored;
            let last = altered.pop();
            altered.push(if last == Some('7') { '8' } else { '7' });
            Some(altered)
        }
        ReportedClick::Instead(text) => Some(text.clone()),
        ReportedClick::Missing => None,
    }
}

/// An object of texts, with amounts as numbers: what a shop's own code writes.
fn json(pairs: &[(String, String)]) -> String {
    let member = |(name, value): &(String, String)| {
        let number = value.contains('.') && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value = if number { value.clone() } else { serde_json::Value::from(value.as_str()).to_string() };
        format!("{}: {value}", serde_json::Value::from(name.as_str()))
    };
    format!("{{{}}}", pairs.iter().map(member).collect::<Vec<_>>().join(", "))
}

/// The landing page: knows a visitor again by the cookie that it gave him.
async fn land(
    State(tables): State<Arc<Mutex<Tables>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let click_id = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "cid");
    let cookie = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = cookie.split("; ").find_map(|pair| pair.strip_prefix("visitor=")).map(str::to_owned);
    let mut tables = lock(&tables);
    if VISITORS_MAX <= tables.visitors.len() {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many visitors\n").into_response();
    }
    let visitor = known.unwrap_or_else(|| format!("v{}", tables.visitors.len() + 1));
    let click_id = click_id.map(|(_, value)| value.into_owned()).unwrap_or_default();
    tables.visitors.insert(visitor.clone(), click_id);
    ([(header::SET_COOKIE, format!("visitor={visitor}"))], "<h1>Welcome</h1>\n").into_response()
}

fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}
